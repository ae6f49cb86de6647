//! The books of all services against each other: no difference after a day's work, and each that is planted is named.

use proto::ceb::Document;
use proto::v1;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use super::forex::{Treasurer, sale};
use super::refund::RefundDesk;
use crate::harness::national::{Erp, Import, import, person};
use crate::harness::people::filing;
use crate::harness::{PATIENCE, Sandbox, eventually};

/// A comparison, and what makes it differ: a statement about `{sold}`, an export in dollars, `{shirts}`, one whose tax
/// was refunded, `{back}` and `{kept}`, imports of which the first came back in part, or about all rows of a kind.
const PLANTED: &[(&str, &str)] = &[
    (
        "ledger/entries",
        "update payment.account set credits = credits + 1 where owner = '3702960001' and purpose = 1",
    ),
    ("declaration/release", "delete from declaration.release where declaration_id = '{kept}'"),
    (
        "declaration/journal",
        "update declaration.declaration set positions = positions || 99999::bigint where id = '{shirts}'",
    ),
    ("journal/heads", "update refund.journal_head set position = position + 1 where position > 0"),
    ("declaration/national-door", "update ceb.document set released_time = null where kind = 621"),
    (
        "declaration/inspection",
        "update inspection.joint_order set order_id = '01a22873-8275-7296-a597-e94e2ef5556d'",
    ),
    ("declaration/duty", "update payment.duty set version = 2 where declaration_id = '{kept}'"),
    (
        "duty/hold",
        "update payment.hold set state = 3, ended_time = now() where declaration_id = '{kept}'",
    ),
    (
        "hold/duty",
        "update payment.duty set hold_id = '01a22873-8275-7296-a597-e94e2ef5556d'
         where declaration_id = '{back}'",
    ),
    ("duty/bill", "update payment.duty set amount_fen = 1 where declaration_id = '{kept}'"),
    (
        "bill/ledger",
        "update payment.bill set vat_fen = vat_fen + 1 where declaration_id = '{kept}'",
    ),
    ("bill/order", "update payment.duty_order set paid_fen = paid_fen - 1"),
    ("limit/purchases", "update payment.person_year set used_fen = used_fen - 1"),
    (
        "limit/duty",
        "update payment.person_purchase set restored_fen = 0 where declaration_id = '{back}'",
    ),
    ("return/accepted", "update ceb.document set status = 100 where kind = 625"),
    ("return/bill", "update payment.import_return set returned_fen = returned_fen + 1"),
    (
        "declaration/sale",
        "update payment.export_sale set state = 3 where declaration_id = '{shirts}'",
    ),
    ("sale/ledger", "update payment.export_sale set amount = 1 where declaration_id = '{sold}'"),
    (
        "sale/receipts",
        "update payment.export_sale set received = received + 1 where declaration_id = '{sold}'",
    ),
    ("receipt/settlements", "update payment.forex_receipt set settled = 0 where settled > 0"),
    (
        "declaration/export-lines",
        "update refund.export_line set version = 9 where declaration_id = '{sold}'",
    ),
    ("sale/export-lines", "update refund.export_line set money = 1"),
    (
        "export-lines/purchases",
        "update refund.export_line set bought_e5 = 0 where declaration_id = '{shirts}'",
    ),
    (
        "export-lines/claims",
        "update refund.export_line set claimed_e5 = 0 where declaration_id = '{shirts}'",
    ),
    (
        "export-lines/returns",
        "update refund.export_line set sold_e5 = 1 where declaration_id = '{shirts}'",
    ),
    ("invoices/lines", "update refund.invoice set net_fen = net_fen + 1"),
    ("invoices/purchases", "update refund.invoice_line set used_fen = used_fen - 1"),
    ("claims/purchases", "update refund.claim_line set net_fen = net_fen + 1"),
    ("claims/lines", "update refund.claim set paid_fen = paid_fen - 1"),
    (
        "claims/ledger",
        "update payment.leg l set amount = amount + 1 from payment.entry e
         where e.slot = l.slot and e.number = l.number and e.event = 'tax_refund.paid'",
    ),
    ("claims/months", "update refund.claim set method = 2, brought_credit_fen = 1"),
    (
        "declared/books",
        "update refund.export_line set amount_e5 = amount_e5 + 1 where declaration_id = '{shirts}'",
    ),
];

/// Money that has to be somewhere for the comparisons to compare anything.
const MOVED: &[&str] = &[
    "bill/billed",
    "bill/given-back",
    "order/paid",
    "sale/received",
    "settlement/executed",
    "claim/paid",
];

fn amount(report: &Value, sum: &str) -> i64 {
    let sums = report["sums"].as_array().expect("sums").iter();
    sums.filter(|it| it["sum"] == sum).filter_map(|it| it["amount"].as_i64()).sum()
}

/// What `verify` says, and whether it found nothing.
fn verified(sandbox: &Sandbox, args: &[&str]) -> (String, bool) {
    let url = sandbox.database_url();
    let output = sandbox.command(&[&["verify", "--database-url", &url], args].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.is_empty(), "{output:?}");
    (said, output.status.success())
}

/// Comparisons that differ, with the first difference of each.
fn differing(said: &str) -> Vec<(String, Value)> {
    let report: Value = serde_json::from_str(said).expect("a report");
    let findings = report["findings"].as_array().expect("findings").clone();
    let first =
        |it: &Value| Some((it["comparison"].as_str()?.to_owned(), it["differences"][0].clone()));
    findings.iter().filter_map(first).filter(|(_, first)| !first.is_null()).collect()
}

async fn arrives(erp: &Erp, import: &Import) -> String {
    for document in import.all() {
        erp.sends(&[document]).await;
    }
    erp.hears(622, &import.inventory.head.cop_no, 899).await;
    let records = erp.documents(&import.inventory.head.order_no).await;
    let inventory = records.into_iter().find(|it| it.message_type == 621).expect("it is kept");
    inventory.declaration
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_of_all_services_agree_and_a_difference_in_any_is_named() {
    let mut sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let treasurer = Treasurer(sandbox.connect("enterprise-a").await);

    // One import is paid, one comes back in part; both were examined or not, as it happens to be.
    let paid = import("SBX-TAXPAID-INSPECT-BOOKS1").bought_by(&person("11010519910307451"));
    let kept = import("SBX-BOOKS2").bought_by(&person("11010519920307451"));
    let part = import("SBX-BOOKS3").bought_by(&person("11010519930307451"));
    arrives(&erp, &paid).await;
    let kept = arrives(&erp, &kept).await;
    let back = arrives(&erp, &part).await;
    let mut application = part.refund("BOOKS-BACK", &erp.invt_no("SBX-BOOKS3").await);
    application.lines.truncate(1);
    erp.sends(&[Document::Ceb625(application)]).await;

    // One export is settled, the tax of another one refunded.
    let sold = desk.firm.tries(filing(sale("SBX-BOOKS4", 2_000))).await.expect("it is valid").name;
    desk.firm.sees(&sold, v1::State::Released).await;
    treasurer.settles(&sold).await;
    let shirts = desk.is_refunded("QD-BOOKS-5").await;
    let report = eventually("the books agree, and money is in all of them", PATIENCE, async || {
        let (said, agree) = verified(&sandbox, &["--output", "json"]);
        let report: Value = serde_json::from_str(&said).expect("a report");
        let moved = MOVED.iter().all(|sum| amount(&report, sum) > 0);
        if agree && moved { Ok(report) } else { Err((differing(&said), report["sums"].clone())) }
    })
    .await;
    let compared = report["findings"].as_array().expect("findings");
    assert_eq!(compared.len(), PLANTED.len(), "each comparison is tried below");

    // Somebody changes every book, each at one place.
    sandbox.stop();
    let mut database = sandbox.database().await;
    database.execute("set session_replication_role = replica").await.expect("we may");
    let id = |name: &str| name.trim_start_matches("declarations/").to_owned();
    for (comparison, statement) in PLANTED {
        let names =
            [("{sold}", &sold), ("{shirts}", &shirts), ("{back}", &back), ("{kept}", &kept)];
        let named = |text: String, (of, name): (&str, &String)| text.replace(of, &id(name));
        let statement = names.into_iter().fold((*statement).to_owned(), named);
        let done = database.execute(AssertSqlSafe(statement)).await;
        let done = done.unwrap_or_else(|error| panic!("{comparison}: {error}"));
        assert!(done.rows_affected() > 0, "{comparison}: there is nothing to change");
    }
    database.close().await.expect("it was open");
    let (said, agree) = verified(&sandbox, &["--wait-seconds", "0", "--output", "json"]);
    assert!(!agree, "{said}");
    let found = differing(&said);
    for (comparison, _) in PLANTED {
        let first = found.iter().find(|(name, _)| name == comparison);
        let (_, first) = first.unwrap_or_else(|| panic!("{comparison} is not named: {found:#?}"));
        assert_ne!(first["one"], first["other"], "{comparison}");
    }
    let (said, _) = verified(&sandbox, &["--wait-seconds", "0", "--language", "zh"]);
    assert!(said.contains("存在差异") && said.contains(" ↔ "), "{said}");
}
