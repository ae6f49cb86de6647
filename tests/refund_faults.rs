//! A claim of very many lines while the window dies again and again: every line is claimed once and paid once, and
//! the books of all services agree afterwards. The exports are put into the tables, as they would be after a year.
//!
//! `SW_REFUND_LINES=1000000` makes it a large firm, `SW_REFUND_KILLS=0` measures it undisturbed.

use std::time::{Duration, Instant};

use domain::Slot;
use proto::v1;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use crate::faults::until_answered;
use crate::harness::people::FIRM_A;
use crate::harness::{PATIENCE, Sandbox, binary, eventually};
use crate::journeys::forex::request_id;

/// What a line is refunded, in fen: 60.00 yuan at 13 %.
const REFUND_FEN: i64 = 780;

/// Exports that were released, have left, are paid for and bought by one invoice, in all the books that know them.
const LOADED: &[&str] = &[
    "create temporary table made as
     select g as n, (lpad(to_hex(g), 30, '0') || lpad(to_hex({slot}), 2, '0'))::uuid as id
     from generate_series(1, {lines}) g",
    "insert into declaration.declaration
            (slot, id, declarant_code, ebc_code, order_no, cop_no, logistics_no, direction, trade_mode,
             customs_code, pre_no, filed_time, version, round, phase, stands, joint, positions, archived_time)
     select {slot}, id, '{firm}', '{firm}', 'YEAR-' || n, 'YEAR-' || n, '', 2, '9610', '4258', 'YEAR-' || n,
            now(), 1, 1, 3, '8880', 0, '{}', now()
     from made",
    "insert into declaration.release (slot, declaration_id, release_id, version, released_time)
     select {slot}, id, id, 1, now() from made",
    "insert into refund.invoice (slot, firm, code, number, seller, issued, note, status, net_fen, tax_fen,
                                 registered_time)
     values ({slot}, '{firm}', '', lpad('9', 20, '0'), 'S', '2026-11-20', '', 2, {lines} * 6000::bigint,
             {lines} * 780::bigint, now())",
    "insert into refund.invoice_line (slot, code, number, line, firm, gcode, unit, qty_e5, net_fen, levy_bp,
                                      tax_fen, issued, genuine, used_e5, used_fen)
     values ({slot}, '', lpad('9', 20, '0'), 1, '{firm}', '6109100021', '007', {lines} * 200000::bigint,
             {lines} * 6000::bigint, 1300, {lines} * 780::bigint, '2026-11-20', true,
             {lines} * 200000::bigint, {lines} * 6000::bigint)",
    "insert into refund.export_line (slot, declaration_id, line, firm, version, order_no, mode, gcode, gname, unit,
                                     qty_e5, currency, amount_e5, released_time, departed, entry_id, money,
                                     bought_e5, standing, urgency, due)
     select {slot}, id, 1, '{firm}', 1, 'YEAR-' || n, 1, '6109100021', '衬衫', '007', 200000, '142', 9100000,
            now(), '2026-11-25', '422920260000000001', 3, 200000, 2, '1' || n, '2027-04-30'
     from made",
    "insert into refund.purchase (slot, declaration_id, export_line, code, number, line, qty_e5, net_fen, before_e5,
                                  before_fen)
     select {slot}, id, 1, '', lpad('9', 20, '0'), 1, 200000, 6000, (n - 1) * 200000::bigint,
            (n - 1) * 6000::bigint
     from made",
    "analyze",
];

#[expect(clippy::disallowed_methods, reason = "a long run is asked for by it")]
fn wanted(name: &str, usual: i64) -> i64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual) // a short run
}

async fn claim(window: &client::Window, name: &str) -> v1::RefundClaim {
    let ask = || {
        let request = v1::GetClaimRequest { name: name.to_owned() };
        async move { window.refund().get_claim(request).await }
    };
    until_answered(ask).await.claim.expect("it is there")
}

/// Waits until a claim looks so, and kills the window on the way, after so much of `of` each time.
async fn reaches(
    sandbox: &mut Sandbox,
    (window, name): (&client::Window, &str),
    (kills, lines): (i64, i64),
    of: impl Fn(&v1::RefundClaim) -> i64,
) {
    let patience = PATIENCE + Duration::from_millis(lines.unsigned_abs() * 5);
    for part in 1..=kills + 1 {
        let due = lines * part / (kills + 1);
        eventually("it goes on", patience, async || {
            let done = of(&claim(window, name).await);
            if done >= due { Ok(()) } else { Err(done) }
        })
        .await;
        if part <= kills {
            sandbox.kill();
            sandbox.spawn();
            sandbox.ready().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_is_claimed_and_paid_once_whatever_dies_and_all_books_agree() {
    let (lines, kills) = (wanted("SW_REFUND_LINES", 3_000), wanted("SW_REFUND_KILLS", 2));
    let mut sandbox = Sandbox::process(&[]).await;
    sandbox.may_log_errors = true;
    let mut database = sandbox.database().await;
    let slot = Slot::of(FIRM_A).number();
    for statement in LOADED {
        let statement = statement
            .replace("{slot}", &slot.to_string())
            .replace("{firm}", FIRM_A)
            .replace("{lines}", &lines.to_string());
        database.execute(AssertSqlSafe(statement)).await.expect("it fits");
    }
    database.close().await.expect("it was open");
    let window = sandbox.connect("enterprise-a").await;
    let ([asked, handed_in], before) = ([request_id(), request_id()], sandbox.resident_bytes());
    let ask = || {
        let request = v1::ProposeClaimRequest {
            request_id: asked.clone(),
            month: "2026-11".to_owned(),
            ..Default::default()
        };
        let window = &window;
        async move { window.refund().propose_claim(request).await }
    };
    let began = Instant::now();
    let name = until_answered(ask).await.claim.expect("a claim").name;
    let at = (&window, name.as_str());
    reaches(&mut sandbox, at, (kills, lines), |it| i64::from(it.lines)).await;
    let proposed = eventually("it is complete", PATIENCE, async || {
        let found = claim(&window, &name).await;
        if found.complete { Ok(found) } else { Err(found.lines) }
    })
    .await;
    assert_eq!((i64::from(proposed.lines), proposed.amount_fen), (lines, lines * REFUND_FEN));
    let put_together = began.elapsed();
    let submit = || {
        let (window, name) = (&window, name.clone());
        let request_id = handed_in.clone();
        let request = v1::SubmitClaimRequest { request_id, name, after_round: 0 };
        async move { window.refund().submit_claim(request).await }
    };
    until_answered(submit).await;
    let began = Instant::now();
    reaches(&mut sandbox, at, (kills, lines), |it| it.paid_fen / REFUND_FEN).await;
    let paid = claim(&window, &name).await;
    assert_eq!((paid.paid_fen, paid.ended), (lines * REFUND_FEN, true), "each once");
    let more = sandbox.resident_bytes().saturating_sub(before) / 1024 / 1024;
    let paid_in = began.elapsed();
    // The ledger of the payment service follows what was paid.
    let began = Instant::now();
    let admin = sandbox.connect("admin").await;
    let patience = PATIENCE + Duration::from_millis(lines.unsigned_abs() * 5);
    eventually("the ledger has every refund", patience, async || {
        let ask = || {
            let request = v1::GetBalanceRequest {
                owner: "TAX-OFFICE".to_owned(),
                purpose: v1::Purpose::Revenue.into(),
                ..Default::default()
            };
            let admin = &admin;
            async move { admin.payment().get_balance(request).await }
        };
        let balance = until_answered(ask).await.balance;
        if balance == -lines * REFUND_FEN { Ok(()) } else { Err(balance) }
    })
    .await;
    let booked_in = began.elapsed();
    let began = Instant::now();
    let url = sandbox.database_url();
    // Of very many it takes its time.
    let mut verify = std::process::Command::new(binary());
    verify.args(["verify", "--database-url", &url, "--output", "json", "--data-dir"]);
    let verified = verify.arg(sandbox.directory.path()).output().expect("it starts");
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(verified.status.success(), "{said} {verified:?}");
    println!(
        "{lines} lines, {} kills: put together in {put_together:?}, paid in {paid_in:?}, booked {booked_in:?} later, \
         {more} MB more, all books compared in {:?}",
        2 * kills,
        began.elapsed()
    );
    assert!(more < 100, "{more} MB more for {lines} lines");
}
