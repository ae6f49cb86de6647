//! What happens to claims while the tax office looks at them and afterwards: invoices that are red-lettered later,
//! letters, suspensions, days, and the order in which a firm works off what is open.

use futures::StreamExt as _;
use proto::v1::{self, ClaimLineState, RefundStep};
use time::{Duration, OffsetDateTime};

use super::clock::{days, moves};
use super::refund::{RefundDesk, id, invoice, missing, refunded, shirts, states};
use crate::harness::people::{FIRM_A, filing};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// The invoice platform says that an invoice was taken back by a red-letter invoice.
async fn red_letters(office: &client::Window, number: u32) {
    let answer = v1::InvoiceAnswer {
        firm: FIRM_A.to_owned(),
        number: format!("{number:020}"),
        status: v1::InvoiceStatus::RedLettered.into(),
        ..Default::default()
    };
    let heard = v1::VerifyInvoicesRequest { request_id: id(), answers: vec![answer] };
    office.refund().verify_invoices(heard).await.expect("it is the platform");
}

/// What is told of a claim, and when, until something that was told.
async fn facts_of(
    desk: &RefundDesk,
    claim: &str,
    until: impl Fn(&v1::RefundFact) -> bool,
) -> Vec<(OffsetDateTime, v1::RefundFact)> {
    let request = v1::WatchRefundsRequest { resume_token: "beginning".to_owned() };
    let mut news = std::pin::pin!(client::refunds(desk.firm.0.clone(), request));
    let mut told = Vec::new();
    let all = async {
        while let Some(update) = news.next().await {
            let update = update.expect("watching goes on");
            if update.name != claim {
                continue;
            }
            let time = update.time.and_then(proto::time).expect("a time");
            let is_last = update.facts.iter().any(&until);
            told.extend(update.facts.into_iter().map(|fact| (time, fact)));
            if is_last {
                return;
            }
        }
    };
    let done = tokio::time::timeout(PATIENCE, all).await;
    assert!(done.is_ok(), "it was never told; told {told:?}");
    told
}

/// Reminders of something that were told of a claim or an export: days that were left, in order.
async fn reminders(desk: &RefundDesk, name: &str, of: &str, count: usize) -> Vec<i64> {
    let is = |fact: &v1::RefundFact| {
        fact.step() == RefundStep::Reminder && fact.text.starts_with(&format!("{of}: until "))
    };
    let seen = std::sync::atomic::AtomicUsize::new(0);
    let told = facts_of(desk, name, |fact| {
        let new = usize::from(is(fact));
        seen.fetch_add(new, std::sync::atomic::Ordering::Relaxed) + new >= count
    })
    .await;
    let left = told.iter().filter(|(_, fact)| is(fact)).map(|(_, fact)| {
        let left = fact.text.split(", ").nth(1).and_then(|it| it.split(' ').next());
        left.and_then(|it| it.parse().ok()).expect("days that are left")
    });
    left.collect()
}

/// The books of all services agree: what claims say of their lines, what is bought, and the ledger.
async fn agrees(sandbox: &Sandbox) {
    let url = sandbox.database_url();
    eventually("the books agree", PATIENCE, async || {
        let output = sandbox.command(&["verify", "--database-url", &url]);
        if output.status.success() { Ok(()) } else { Err(output) }
    })
    .await;
}

fn day(text: &str) -> time::Date {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    time::Date::parse(text, format).expect("a day")
}

/// Two exports, each with an invoice of its own, in a claim.
async fn two_in_a_claim(desk: &RefundDesk, order: &str, note: &str) -> v1::RefundClaim {
    for number in 1..=2 {
        let name = desk.exports(&format!("{order}-{number}")).await;
        desk.registers(invoice(number, 2, "")).await;
        desk.stands(&name, v1::RefundStanding::Claimable).await;
    }
    let claim = desk.proposes(note).await;
    assert_eq!((claim.lines, claim.amount_fen), (2, 2 * 780));
    let invoices: Vec<_> =
        desk.lines(&claim.name).await.into_iter().map(|line| line.invoice_number).collect();
    assert_eq!(invoices, [format!("{:020}", 1), format!("{:020}", 2)]);
    claim
}

/// The export of the first line looks for another invoice, and is claimed anew with it.
async fn is_claimed_anew(desk: &RefundDesk, claim: &v1::RefundClaim) -> v1::RefundClaim {
    let line = desk.lines(&claim.name).await.remove(0);
    let found = desk.stands(&line.export_line, v1::RefundStanding::Waiting).await;
    assert_eq!(missing(&found), ["supplier"], "{found:#?}");
    desk.registers(invoice(3, 2, "")).await;
    desk.stands(&line.export_line, v1::RefundStanding::Claimable).await;
    let again = desk.proposes("").await;
    assert_eq!((again.lines, again.amount_fen), (1, 780));
    let line = desk.lines(&again.name).await.remove(0);
    assert_eq!(line.invoice_number, format!("{:020}", 3));
    again
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_a_draft_falls_out_when_its_invoice_is_red_lettered() {
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let office = sandbox.connect("tax-office").await;
    let claim = two_in_a_claim(&desk, "QD-RED", "").await;
    red_letters(&office, 1).await;
    let claim = desk.waits(&claim.name, |it| it.undecided == 1).await;
    let lines = desk.lines(&claim.name).await;
    assert_eq!(states(&lines), [ClaimLineState::Dropped, ClaimLineState::Open]);
    let number = format!("{:020}", 1);
    assert!(lines[0].text.contains(&number) && lines[0].text.contains("已红冲"), "{lines:#?}");
    let is_dropped = |fact: &v1::RefundFact| fact.step() == RefundStep::LineDropped;
    let told = facts_of(&desk, &claim.name, is_dropped).await;
    let (_, why) = told.last().expect("it is told");
    assert!(why.line == 1 && why.text.contains("taken back by a red-letter invoice"), "{why:?}");
    assert_eq!(desk.invoices().await[0].lines[0].used_e5, 0, "nothing belongs to it");

    // The rest is handed in and paid, and the export is claimed with another invoice.
    desk.submits(&claim).await;
    let paid = desk.waits(&claim.name, |it| it.ended).await;
    assert_eq!((paid.paid_fen, paid.repaid_fen), (780, 0));
    is_claimed_anew(&desk, &claim).await;
    agrees(&sandbox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tax_office_refuses_lines_whose_invoice_is_red_lettered_while_it_has_them() {
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let office = sandbox.connect("tax-office").await;
    // Handed in and not accepted yet; nothing falls out by itself any more.
    let claim = two_in_a_claim(&desk, "QD-RED", "SBX-SLOW5-DOUBT2").await;
    desk.submits(&claim).await;
    red_letters(&office, 1).await;
    let claim = desk.waits(&claim.name, |it| it.invoice_invalid == 1).await;
    assert_eq!((claim.state(), claim.undecided), (v1::ClaimState::Submitted, 2));
    let lines = desk.lines(&claim.name).await;
    assert!(lines[0].invoice_invalid && !lines[1].invoice_invalid, "{lines:#?}");
    desk.stands(&lines[0].export_line, v1::RefundStanding::ToRecover).await;
    let claim = desk.waits(&claim.name, |it| it.undecided == 1 && it.queried == 1).await;
    assert_eq!(claim.invoice_invalid, 0, "nothing is to be given back");

    // The other one is asked about: the office does not wait for an answer.
    red_letters(&office, 2).await;
    let claim = desk.waits(&claim.name, |it| it.ended).await;
    assert_eq!((claim.paid_fen, claim.repaid_fen), (0, 0));
    let lines = desk.lines(&claim.name).await;
    assert_eq!(states(&lines), [ClaimLineState::Refused; 2]);
    for line in &lines {
        assert_eq!(line.code, "P01");
        assert!(!line.law.is_empty(), "{line:?}");
    }
    let told =
        facts_of(&desk, &claim.name, |it| it.line == 2 && it.step() == RefundStep::LineRefused);
    let told: Vec<_> = told.await.into_iter().map(|(_, fact)| (fact.line, fact.step())).collect();
    let invalid = RefundStep::InvoiceInvalid;
    for line in [1, 2] {
        let place = |step| told.iter().position(|it| *it == (line, step)).expect("it is told");
        assert!(place(invalid) < place(RefundStep::LineRefused), "{told:?}");
    }
    is_claimed_anew(&desk, &claim).await;
    agrees(&sandbox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_recovered_when_its_invoice_is_red_lettered() {
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let office = sandbox.connect("tax-office").await;
    let operator = sandbox.connect("admin").await;
    let is_booked = async |fen: i64| {
        eventually("the ledger has it", PATIENCE, async || {
            let found = refunded(&operator).await;
            if found == fen { Ok(()) } else { Err(found) }
        })
        .await;
    };
    let claim = two_in_a_claim(&desk, "QD-RED", "").await;
    desk.submits(&claim).await;
    let claim = desk.waits(&claim.name, |it| it.ended).await;
    assert_eq!(claim.paid_fen, 2 * 780);
    is_booked(2 * 780).await;

    red_letters(&office, 1).await;
    let claim = desk.waits(&claim.name, |it| it.repaid_fen == 780 && it.ended).await;
    assert_eq!((claim.paid_fen, claim.invoice_invalid), (2 * 780, 0));
    let lines = desk.lines(&claim.name).await;
    assert_eq!(states(&lines), [ClaimLineState::Recovered, ClaimLineState::Paid]);
    let is_back = |fact: &v1::RefundFact| fact.step() == RefundStep::LineRepaid;
    let told = facts_of(&desk, &claim.name, is_back).await;
    let of = |step| {
        let found = told.iter().find(|(_, fact)| fact.step() == step);
        found.map(|(_, fact)| fact).expect("it is told")
    };
    let news = of(RefundStep::InvoiceInvalid);
    assert_eq!((news.line, news.amount_fen), (1, 780));
    assert!(news.text.contains("its refund is to be given back"), "{news:?}");
    let ordered = of(RefundStep::RecoveryOrdered);
    assert_eq!((ordered.line, ordered.amount_fen), (1, 780));
    assert_eq!(ordered.text, "to be paid back 7.80 CNY: the invoice is void or red-lettered");
    is_booked(780).await;

    let again = is_claimed_anew(&desk, &claim).await;
    desk.submits(&again).await;
    desk.waits(&again.name, |it| it.ended && it.paid_fen == 780).await;
    is_booked(2 * 780).await;
    agrees(&sandbox).await;
}

/// One invoice may have bought everything: it is taken back some hundred purchases at a time.
#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_of_many_lines_is_taken_back_some_hundred_at_a_time() {
    const LINES: i64 = 1_200;
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let office = sandbox.connect("tax-office").await;
    let mut database = sandbox.database().await;
    let statement = "insert into refund.export_line
            (slot, declaration_id, line, firm, version, order_no, mode, gcode, gname, unit, qty_e5, currency,
             amount_e5, released_time, departed, entry_id, money, standing, urgency, due)
        select $1, (lpad(to_hex(g), 30, '0') || lpad(to_hex($1), 2, '0'))::uuid, 1, $2, 1, 'OLD-' || g, 1,
               '6109100021', '衬衫', '007', 200000, '142', 9100000, now(), '2026-11-25', '422920260000000001', 3,
               3, '1' || g, '2027-04-30'
        from generate_series(1, $3) g";
    let slot = i32::try_from(domain::Slot::of(FIRM_A).number()).expect("it is small");
    sqlx::query(statement)
        .bind(slot)
        .bind(FIRM_A)
        .bind(i32::try_from(LINES).expect("few"))
        .execute(&mut database)
        .await
        .expect("it fits");
    desk.registers(invoice(1, 2 * LINES, "")).await;
    let is_used = async |qty_e5: i64| {
        eventually("the invoice is used so far", PATIENCE, async || {
            let used = desk.invoices().await[0].lines[0].used_e5;
            if used == qty_e5 { Ok(()) } else { Err(used) }
        })
        .await;
    };
    is_used(2 * LINES * 100_000).await;
    let claim = desk.proposes("").await;
    assert_eq!(i64::from(claim.lines), LINES);
    red_letters(&office, 1).await;
    desk.waits(&claim.name, |it| it.undecided == 0).await;
    is_used(0).await;
    let most = "select max(lines) from (select count(*) as lines from refund.claim_line group by xmin::text) of";
    let most: i64 = sqlx::query_scalar(most).fetch_one(&mut database).await.expect("it answers");
    assert_eq!(most, 500, "no transaction takes more");
    let left = "select count(*) from refund.purchase";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&mut database).await.expect("it answers");
    assert_eq!(left, 0);
}

/// A letter to the supplier's tax office (函调) has three months; the firm is told before they are over, and then.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_nobody_answers_in_three_months_suspends_its_line() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.connect("admin").await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let claim = two_in_a_claim(&desk, "QD-LETTER", "SBX-NOREPLY1-LETTER2").await;
    desk.submits(&claim).await;
    // The second letter is answered soon, and holds up nothing.
    let claim = desk.waits(&claim.name, |it| it.paid_fen == 780).await;
    let lines = desk.lines(&claim.name).await;
    assert_eq!(states(&lines), [ClaimLineState::Queried, ClaimLineState::Paid]);
    assert_eq!((lines[0].query(), lines[0].code.as_str()), (v1::ClaimQuery::Letter, "H01"));
    assert!(!lines[0].query_overdue, "{lines:?}");
    let until = day(&lines[0].query_until);
    let now = moves(&admin, days(1)).await.expect("forward");
    let mut today = now.to_offset(time::macros::offset!(+8)).date();
    // Three months and a day ago it was yesterday.
    assert!((89..=91).contains(&(until - today).whole_days()), "{until} {today}");

    let mut told = Vec::new();
    for left in [60, 30, 15, 7, 1] {
        let to = until - Duration::days(left);
        moves(&admin, days((to - today).whole_days())).await.expect("forward");
        today = to;
        told.push(left);
        assert_eq!(reminders(&desk, &claim.name, "answer to the letter", told.len()).await, told);
    }
    // The day after, the office suspends the line; that the day is over is told before that or not at all.
    moves(&admin, days(2)).await.expect("forward");
    let suspended = eventually("the line is suspended", PATIENCE, async || {
        let line = desk.lines(&claim.name).await.remove(0);
        if line.query() == v1::ClaimQuery::Suspension { Ok(line) } else { Err(line) }
    })
    .await;
    assert_eq!((suspended.query_number, suspended.code.as_str()), (2, "H02"));
    assert!(!suspended.query_overdue, "a suspension has no last day");
    // The firm may still clear it up, and nothing more is told of the letter.
    let answer = v1::AnswerClaimLineRequest {
        request_id: id(),
        name: claim.name.clone(),
        line: 1,
        query_number: 2,
        text: "供货合同与付款凭证见附件".to_owned(),
    };
    desk.calls().answer_claim_line(answer).await.expect("it is asked");
    let claim = desk.waits(&claim.name, |it| it.ended).await;
    assert_eq!(claim.paid_fen, 2 * 780);
    let is_paid = |fact: &v1::RefundFact| fact.line == 1 && fact.step() == RefundStep::LinePaid;
    let all = facts_of(&desk, &claim.name, is_paid).await;
    let of_letter = |(_, fact): &&(_, v1::RefundFact)| {
        fact.step() == RefundStep::Reminder && fact.text.starts_with("answer to the letter")
    };
    assert!((5..=6).contains(&all.iter().filter(of_letter).count()), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_office_accepts_late_and_a_suspended_line_is_paid_when_it_is_cleared() {
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let claim = two_in_a_claim(&desk, "QD-SLOW", "SBX-SLOW-SUSPEND1").await;
    desk.submits(&claim).await;
    let is_last = |fact: &v1::RefundFact| fact.line == 1 && fact.step() == RefundStep::LinePaid;
    let told = facts_of(&desk, &claim.name, is_last).await;
    let time = |step| {
        let found = told.iter().find(|(_, fact)| fact.step() == step);
        found.map(|(time, _)| *time).expect("it is told")
    };
    let waited = time(RefundStep::ClaimAccepted) - time(RefundStep::ClaimSubmitted);
    assert!(waited >= Duration::seconds(3), "{waited}");
    let of_line = |line: u32| {
        let of = told.iter().filter(move |(_, fact)| fact.line == line);
        of.map(|(_, fact)| fact.step()).collect::<Vec<_>>()
    };
    use RefundStep::{LineApproved, LinePaid, QueryLifted, QueryRaised};
    assert_eq!(of_line(1), [QueryRaised, QueryLifted, LineApproved, LinePaid]);
    assert_eq!(of_line(2), [LineApproved, LinePaid]);
    let raised = told.iter().find(|(_, fact)| fact.step() == QueryRaised).expect("it is told");
    assert!(raised.1.text.contains("suspended: Z01"), "{raised:?}");
    let place = |line, step| {
        told.iter().position(|(_, it)| (it.line, it.step()) == (line, step)).expect("it is told")
    };
    assert!(place(2, LinePaid) < place(1, QueryLifted), "the other one did not wait: {told:?}");
    let claim = desk.waits(&claim.name, |it| it.ended).await;
    assert_eq!((claim.paid_fen, claim.queried), (2 * 780, 0));
}

/// What is to be given back, then by day, the larger amount first; what is not refunded, and what is done.
#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_in_the_order_in_which_a_firm_works_it_off() {
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let office = sandbox.connect("tax-office").await;
    let claimed = two_in_a_claim(&desk, "QD-LIST-CLAIMED", "SBX-SILENT").await;
    desk.submits(&claimed).await;
    red_letters(&office, 1).await;
    let claimed = desk.waits(&claimed.name, |it| it.invoice_invalid == 1).await;
    agrees(&sandbox).await;
    let claimed: Vec<_> =
        desk.lines(&claimed.name).await.into_iter().map(|line| line.export_line).collect();

    // Not in their order.
    let file = async |order: &str, pieces: i64, flag: &str| {
        let mut filed = v1::Declaration { statistics_flag: flag.to_owned(), ..shirts(order) };
        if let Some(qty) = &mut filed.lines[0].qty {
            qty.value_e5 = pieces * 100_000;
        }
        if let Some(total) = &mut filed.lines[0].total_price {
            total.amount_e5 = pieces * 4_550_000;
        }
        let name = desk.firm.tries(filing(filed)).await.expect("it is valid").name;
        desk.firm.sees(&name, v1::State::Released).await;
        name
    };
    // For statistics only; it has not left; the last day for a claim is far, and near.
    let none = file("QD-LIST-NONE", 2, "A").await;
    let here = file("QD-LIST-HERE", 2, "B").await;
    let old = file("QD-LIST-OLD", 2, "B").await;
    desk.leaves(&old, "2025-12-25").await;
    let (small, large) = (file("QD-LIST-SMALL", 2, "B").await, file("QD-LIST-LARGE", 4, "B").await);
    for name in [&none, &small, &large] {
        desk.leaves(name, "2026-11-25").await;
    }
    // All of them are bought, so that their amounts are known.
    desk.registers(invoice(9, 12, "")).await;
    for name in [&old, &small, &large] {
        desk.stands(name, v1::RefundStanding::Claimable).await;
    }
    desk.stands(&none, v1::RefundStanding::NotRefunded).await;
    desk.stands(&here, v1::RefundStanding::Waiting).await;
    let request = v1::ListExportLinesRequest { page_size: 3, ..Default::default() };
    let list = async || {
        let (mut request, mut lines) = (request.clone(), Vec::new());
        loop {
            let page = desk.calls().list_export_lines(request.clone()).await.expect("it answers");
            let page = page.into_inner();
            lines.extend(page.lines);
            if page.next_page_token.is_empty() {
                return lines;
            }
            request.page_token = page.next_page_token;
        }
    };
    let lines = list().await;
    let listed: Vec<_> = lines.iter().map(|line| line.name.as_str()).collect();
    let expected = [
        claimed[0].clone(),
        format!("{large}/lines/1"),
        format!("{small}/lines/1"),
        format!("{old}/lines/1"),
        format!("{here}/lines/1"),
        format!("{none}/lines/1"),
        claimed[1].clone(),
    ];
    assert_eq!(listed, expected, "{lines:#?}");
}

/// The last day of all for a claim is 36 months after the export; the firm is told before it and then.
#[tokio::test(flavor = "multi_thread")]
async fn a_firm_is_told_of_the_last_day_of_all_for_a_claim() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.connect("admin").await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let name = desk.exports("QD-MONTHS-1").await;
    desk.registers(invoice(1, 2, "")).await;
    desk.stands(&name, v1::RefundStanding::Claimable).await;
    let due = async || {
        let line = desk.line(&name).await.and_then(|found| found.line).expect("a line");
        line.entitlement.and_then(|it| it.due).expect("a day")
    };
    let mut today = (moves(&admin, days(1)).await.expect("forward"))
        .to_offset(time::macros::offset!(+8))
        .date();
    for title in ["claim", "last possible claim"] {
        let next = due().await;
        assert_eq!(next.title, title);
        let until = day(&next.last);
        let mut told = Vec::new();
        for left in [60, 30, 15, 7, 1] {
            let to = until - Duration::days(left);
            moves(&admin, days((to - today).whole_days())).await.expect("forward");
            today = to;
            told.push(left);
            assert_eq!(reminders(&desk, &name, title, told.len()).await, told);
        }
        // It may be claimed on the last day, and on the next one by the other day, or no more.
        desk.stands(&name, v1::RefundStanding::Claimable).await;
        moves(&admin, days(2)).await.expect("forward");
        today = until + Duration::days(1);
    }
    assert_eq!(due().await.last, "2029-11-25", "36 months after the export");
    assert_eq!(
        reminders(&desk, &name, "last possible claim", 6).await,
        [60, 30, 15, 7, 1, -1],
        "it is over"
    );
    let found = desk.stands(&name, v1::RefundStanding::NotRefunded).await;
    let rule = found.line.and_then(|line| line.entitlement).expect("judged").rule;
    assert_eq!(rule, "taxed-as-domestic-sale");
}

/// Of a warehouse overseas: all of it sold for the declared amount is confirmed, for another amount it is reversed
/// whole and claimed anew. The sales come by a file.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_warehouse_sold_for_another_amount_is_claimed_anew() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.connect("admin").await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let mut names = Vec::new();
    for (number, pieces) in [(1, 10), (2, 20), (3, 8)] {
        let name = desk.stocks(&format!("SBX-ACCEPT-NOPAY-HWC-{number}"), pieces).await;
        desk.stands(&name, v1::RefundStanding::Claimable).await;
        names.push(name);
    }
    let claim = desk.proposes("").await;
    let paid = 3_900 + 7_800 + 3_120;
    assert_eq!((claim.lines, claim.amount_fen), (3, paid));
    desk.submits(&claim).await;
    desk.waits(&claim.name, |it| it.paid_fen == paid).await;
    moves(&admin, days(35)).await.expect("forward");

    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("a path");
    let run =
        |args: &[&str]| sandbox.command(&[&["--as", "enterprise-a", "refund"], args].concat());
    let sold = |rows: &[(&str, &str, u32, &str)]| {
        let row = |(line, number, pieces, amount): &(&str, &str, u32, &str)| {
            format!("{line}/lines/1,{number},{pieces},{amount}\n")
        };
        let rows: String = rows.iter().map(row).collect();
        std::fs::write(file.path(), format!("line,number,quantity,amount\n{rows}"))
            .expect("written");
        run(&["sold", path])
    };
    let [all, other, half] = [&names[0], &names[1], &names[2]].map(String::as_str);
    let reports = [
        (all, "W-1", 4, "18.20"),
        (all, "W-2", 6, "27.30"),
        (other, "W-3", 20, "80.00"),
        (half, "W-4", 4, "18.20"),
    ];
    for _ in 0..2 {
        // The same again is the same.
        let output = sold(&reports);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("4 reports"), "{output:?}");
    }
    let more = sold(&[(other, "W-5", 1, "4.55")]);
    assert_eq!(more.status.code(), Some(1), "more than left: {more:?}");
    assert!(String::from_utf8_lossy(&more.stderr).contains("SW-1805"), "{more:?}");
    let unreadable = sold(&[(other, "W-6", 1, "four")]);
    assert!(!unreadable.status.success(), "{unreadable:?}");
    assert!(String::from_utf8_lossy(&unreadable.stderr).contains("line 2"), "{unreadable:?}");

    for line in ["1", "2", "3"] {
        let output = run(&["settle", &claim.name, line]);
        assert!(output.status.success(), "{output:?}");
    }
    let claim = desk.waits(&claim.name, |it| it.ended).await;
    assert_eq!((claim.paid_fen, claim.repaid_fen), (paid, 7_800 + 1_560));
    use ClaimLineState::{Recovered, Settled};
    let lines = desk.lines(&claim.name).await;
    assert_eq!(states(&lines), [Settled, Recovered, Settled]);
    desk.stands(all, v1::RefundStanding::Done).await;

    // The half that is kept is recovered with its invoice: it is free, and what was reversed is not freed twice.
    red_letters(&sandbox.connect("tax-office").await, 8).await;
    let claim = desk.waits(&claim.name, |it| it.repaid_fen == 7_800 + 3_120 && it.ended).await;
    assert_eq!(states(&desk.lines(&claim.name).await), [Settled, Recovered, Recovered]);
    let found = desk.stands(half, v1::RefundStanding::Waiting).await;
    assert_eq!(missing(&found), ["bank", "supplier"]);
    agrees(&sandbox).await;

    // It is sold already, and claimed by the ordinary rules: with its money.
    let found = desk.stands(other, v1::RefundStanding::Waiting).await;
    assert_eq!(missing(&found), ["bank"]);
    let settled = v1::RecordProofRequest {
        request_id: id(),
        declaration: other.to_owned(),
        money: v1::RefundMoney::Settled.into(),
        ..Default::default()
    };
    desk.calls().record_proof(settled).await.expect("it is its own");
    desk.stands(other, v1::RefundStanding::Claimable).await;
    let again = desk.proposes("").await;
    assert_eq!((again.lines, again.amount_fen), (1, 7_800));
    assert!(!desk.lines(&again.name).await[0].advance, "it is sold");
    desk.submits(&again).await;
    desk.waits(&again.name, |it| it.ended && it.paid_fen == 7_800).await;
    agrees(&sandbox).await;
}
