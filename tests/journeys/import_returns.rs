//! Imports that come back: nothing is given back before the site has counted the goods, and what goes wrong on the
//! way is told: a site that never reports, goods that are late, another quantity.

use proto::ceb::Document;
use proto::v1::{self, ImportReturnState, fact::Kind};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::clock::{days, moves};
use super::payment::Accountant;
use crate::harness::national::{Erp, Import, import, person};
use crate::harness::people::{Enterprise, FIRM_A, code};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// The tax of the sample import: 24.46 yuan of VAT on the first line and 25.31 on the second one; its goods cost
/// 259.00 and 268.00, and their freight 20.00.
const TAX_FEN: i64 = 4_977;
const FIRST_LINE_FEN: i64 = 2_446;
const FIRST_GOODS_FEN: i64 = 25_900;
const PURCHASE_FEN: i64 = 54_700;

/// Somebody who asks what may come back.
struct Returns(client::Window);

impl Returns {
    async fn list(&self, declaration: &str) -> Vec<v1::ImportReturn> {
        let request = v1::ListImportReturnsRequest {
            declaration: declaration.to_owned(),
            ..Default::default()
        };
        let found = self.0.payment().list_import_returns(request).await.expect("it answers");
        found.into_inner().returns
    }

    /// Waits until the goods of a declaration, of which there is one application, stand so.
    async fn are(&self, declaration: &str, state: ImportReturnState) -> v1::ImportReturn {
        eventually("the goods stand so", PATIENCE, async || {
            let found = self.list(declaration).await.pop().ok_or("none")?;
            if found.state() == state { Ok(found) } else { Err(found.state().as_str_name()) }
        })
        .await
    }

    async fn count(
        &self,
        request: v1::ReportGoodsBackRequest,
    ) -> Result<v1::ReportGoodsBackResponse, tonic::Status> {
        self.0.payment().report_goods_back(request).await.map(tonic::Response::into_inner)
    }
}

fn counted(goods: &v1::ImportReturn, lines: &[(u32, i64)]) -> v1::ReportGoodsBackRequest {
    let line = |&(gnum, qty_e5): &(u32, i64)| v1::CountedLine { gnum, qty_e5 };
    v1::ReportGoodsBackRequest {
        request_id: Uuid::now_v7().to_string(),
        declaration: goods.declaration.clone(),
        application: goods.application.clone(),
        lines: lines.iter().map(line).collect(),
        validate_only: false,
    }
}

/// An import that is released, of which everything, or a first line, may come back.
async fn comes_back(erp: &Erp, import: &Import, first_line_only: bool) -> String {
    for document in import.all() {
        erp.sends(&[document]).await;
    }
    erp.hears(622, &import.inventory.head.cop_no, 899).await;
    let order_no = &import.inventory.head.order_no;
    let own = order_no.rsplit('-').next().expect("a last word");
    let mut application = import.refund(&format!("WB-{own}"), &erp.invt_no(order_no).await);
    if first_line_only {
        application.lines.truncate(1);
    }
    let said = erp.sends(&[Document::Ceb625(application)]).await;
    assert_eq!(said.last().expect("it is answered").return_status, 800, "{said:?}");
    let records = erp.documents(order_no).await;
    records.into_iter().find(|it| it.message_type == 621).expect("it is kept").declaration
}

async fn bill(window: &client::Window, declaration: &str) -> v1::Bill {
    let request = v1::GetBillRequest { declaration: declaration.to_owned() };
    window.payment().get_bill(request).await.expect("it is billed").into_inner().bill.expect("one")
}

/// What counts to the year of a buyer in which the import was filed.
async fn used(admin: &client::Window, buyer: &str, declaration: &str) -> i64 {
    let released = bill(admin, declaration).await.released_time.and_then(proto::time);
    let released = released.expect("it was released").to_offset(time::macros::offset!(+8));
    let request = v1::GetQuotaRequest { id_number: buyer.to_owned(), year: released.year() };
    let found = admin.payment().get_quota(request).await.expect("it answers").into_inner();
    found.used_fen.expect("the operator sees it")
}

/// Texts of what was told of a duty at one step, as soon as there are so many.
async fn duty_texts(
    window: &client::Window,
    declaration: &str,
    step: v1::DutyStep,
    count: usize,
) -> Vec<String> {
    let reader = Enterprise(window.clone());
    eventually("it is told", PATIENCE, async || {
        let record = reader.reads(declaration).await;
        let facts = record.history.into_iter().flat_map(|entry| entry.facts);
        let texts = facts.filter_map(|fact| match fact.kind {
            Some(Kind::DutyProgress(it)) if it.step() == step => Some(it.text),
            _ => None,
        });
        let texts: Vec<String> = texts.collect();
        if texts.len() >= count { Ok(texts) } else { Err(texts) }
    })
    .await
}

fn shown(sandbox: &Sandbox, args: &[&str]) -> String {
    let output = sandbox.command(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_given_back_before_the_site_has_counted_the_goods() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let admin = sandbox.connect("admin").await;
    let (firm, site) =
        (Returns(sandbox.connect("enterprise-a").await), Returns(sandbox.connect("site").await));
    let accountant = Accountant(sandbox.connect("enterprise-a").await);
    let buyers = ["11010519910307451", "11010519920307451"].map(person);

    // The site reports by itself: the bill is void, the limit restored, what was held is free.
    let whole = import("SBX-NOPAY-WAYBACK1").bought_by(&buyers[0]);
    let name = comes_back(&erp, &whole, false).await;
    let goods = firm.are(&name, ImportReturnState::Back).await;
    assert_eq!((goods.returned_fen, goods.lines.len()), (TAX_FEN, 2));
    let void = bill(&admin, &name).await;
    assert_eq!((void.status(), void.returned_fen), (v1::BillStatus::Void, TAX_FEN));
    assert_eq!(used(&admin, &buyers[0], &name).await, 0);
    assert_eq!(accountant.guarantee(FIRM_A).await.held_debits, 0);
    assert_eq!(duty_texts(&admin, &name, v1::DutyStep::ReturnAllowed, 1).await.len(), 1);
    let refused = site.count(counted(&goods, &[])).await.expect_err("they are back");
    assert_eq!(code(&refused).0, "SW-1717");

    // A site that does not report: the tax and the limit stay, and it is said who waits for whom.
    let silent = import("SBX-NOPAY-BACKNEVER-WAYBACK2").bought_by(&buyers[1]);
    let name = comes_back(&erp, &silent, false).await;
    let goods = firm.are(&name, ImportReturnState::Awaited).await;
    let released = bill(&admin, &name).await.released_time.and_then(proto::time);
    let released = released.expect("it was released").to_offset(time::macros::offset!(+8)).date();
    assert_eq!(goods.back_until, (released + time::Duration::days(45)).to_string(), "G18");
    let waiting = bill(&admin, &name).await;
    assert_eq!((waiting.status(), waiting.returned_fen), (v1::BillStatus::MadeOut, 0));
    assert_eq!(used(&admin, &buyers[1], &name).await, PURCHASE_FEN);
    let story = shown(&sandbox, &["trace", &name, "--as", "enterprise-a"]);
    for part in
        ["goods may come back by application WB-WAYBACK2", "site: goods of application WB-WAYBACK2"]
    {
        assert!(story.contains(part), "{part}: {story}");
    }
    assert!(story.contains(&format!("until {}", goods.back_until)), "{story}");

    // Each sees its own; only a site counts.
    assert!(site.list(&name).await.len() == 1, "the site of a sandbox sees every place");
    let other = Returns(sandbox.connect("enterprise-b").await);
    assert!(other.list(&name).await.is_empty(), "another firm's");
    let refused = firm.count(counted(&goods, &[])).await.expect_err("it is no site");
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);

    // Another quantity: everything that does not fit is named, and nothing is changed.
    let [first, second] = [goods.lines[0].applied_e5, goods.lines[1].applied_e5];
    let wrong = counted(&goods, &[(1, first + 1), (7, 100_000), (2, second)]);
    let refused = site.count(wrong).await.expect_err("so much is not awaited");
    assert_eq!(code(&refused).0, "SW-1001");
    let faults = refused.get_details_bad_request().expect("what is wrong").field_violations;
    assert_eq!(faults.len(), 2, "{refused:?}");
    for (fault, field) in faults.iter().zip(["lines[0].qty_e5", "lines[1].qty_e5"]) {
        assert!(fault.field.ends_with(field), "{refused:?}");
        assert!(fault.description.starts_with("[SW-2028]"), "{refused:?}");
    }
    let checked = v1::ReportGoodsBackRequest { validate_only: true, ..counted(&goods, &[]) };
    let would = site.count(checked.clone()).await.expect("all of it would fit");
    let then = would.goods.expect("goods");
    assert_eq!((then.state(), then.returned_fen), (ImportReturnState::Back, TAX_FEN));
    assert!(would.accounts.is_empty(), "what a firm has is nothing to a site");
    let operator = Returns(sandbox.connect("admin").await);
    let again = v1::ReportGoodsBackRequest { request_id: Uuid::now_v7().to_string(), ..checked };
    let accounts = operator.count(again).await.expect("the same").accounts;
    let payable = accounts.iter().find(|it| it.purpose() == v1::Purpose::DutyPayable);
    assert_eq!(payable.map(|it| it.balance), Some(0), "nothing would be owed: {accounts:?}");
    assert_eq!(site.list(&name).await, std::slice::from_ref(&goods), "it was only looked at");

    // The first line comes, by the command line; the rest is still awaited. A report counts once.
    let pieces = domain::rules::decimal(first);
    let said = shown(
        &sandbox,
        &["--as", "site", "pay", "goods-back", &name, &goods.application, &format!("1={pieces}")],
    );
    assert!(said.contains("the site waits") && said.contains("24.46"), "{said}");
    let listed = shown(&sandbox, &["--as", "site", "pay", "returns", "--missing"]);
    assert!(listed.contains(&goods.application) && listed.contains(": 0/"), "{listed}");
    let part = bill(&admin, &name).await;
    assert_eq!((part.status(), part.returned_fen), (v1::BillStatus::MadeOut, FIRST_LINE_FEN));
    assert_eq!(used(&admin, &buyers[1], &name).await, PURCHASE_FEN - FIRST_GOODS_FEN);
    let rest = counted(&goods, &[]);
    for repeated in [false, true] {
        let done = site.count(rest.clone()).await.expect("it is awaited");
        assert_eq!(done.repeated, repeated);
        assert_eq!(done.goods.expect("goods").state(), ImportReturnState::Back);
    }
    let void = bill(&admin, &name).await;
    assert_eq!((void.status(), void.returned_fen), (v1::BillStatus::Void, TAX_FEN));
    assert_eq!(used(&admin, &buyers[1], &name).await, 0);
    assert_eq!(duty_texts(&admin, &name, v1::DutyStep::Returned, 2).await.len(), 2);
    Accountant(admin).finds_no_difference().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_that_do_not_come_in_time_leave_the_tax_as_it_is() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let admin = sandbox.connect("admin").await;
    let firm = Returns(sandbox.connect("enterprise-a").await);
    let accountant = Accountant(sandbox.connect("enterprise-a").await);
    let buyers = ["11010519910307451", "11010519920307451", "11010519930307451"].map(person);
    let never = import("SBX-NOPAY-BACKNEVER-TERM1").bought_by(&buyers[0]);
    let late = import("SBX-NOPAY-BACKLATE-TERM2").bought_by(&buyers[1]);
    let half = import("SBX-NOPAY-BACKHALF-TERM3").bought_by(&buyers[2]);
    let kept = import("SBX-NOPAY-TERM4").bought_by(&person("11010519940307451"));
    let never = comes_back(&erp, &never, false).await;
    let late = comes_back(&erp, &late, false).await;
    let half = comes_back(&erp, &half, true).await;
    for document in kept.all() {
        erp.sends(&[document]).await;
    }
    erp.hears(622, &kept.inventory.head.cop_no, 899).await;
    for name in [&never, &late] {
        firm.are(name, ImportReturnState::Awaited).await;
    }
    let counted_half = eventually("half of it is counted", PATIENCE, async || {
        let found = firm.list(&half).await.pop().ok_or(0)?;
        if found.returned_fen > 0 { Ok(found) } else { Err(found.returned_fen) }
    })
    .await;
    assert_eq!(counted_half.state(), ImportReturnState::Awaited);
    assert_eq!(counted_half.returned_fen, FIRST_LINE_FEN / 2);

    // Day 32: what is not to come back is collected; the others wait for their goods.
    moves(&admin, days(32)).await.expect("forward");
    let collected = async || {
        let request = v1::ListDutyOrdersRequest::default();
        let found = accountant.0.payment().list_duty_orders(request).await.expect("it answers");
        found.into_inner().orders.iter().map(|order| order.bills).sum::<i32>()
    };
    eventually("one is collected", PATIENCE, async || match collected().await {
        1 => Ok(()),
        other => Err(other),
    })
    .await;
    for name in [&never, &late, &half] {
        assert_eq!(bill(&admin, name).await.status(), v1::BillStatus::MadeOut, "{name}");
    }
    // Day 45, the last one: they are collected, and still awaited.
    moves(&admin, days(13)).await.expect("forward");
    eventually("all are collected", PATIENCE, async || match collected().await {
        4 => Ok(()),
        other => Err(other),
    })
    .await;
    firm.are(&never, ImportReturnState::Awaited).await;
    // The day after it is over. What comes now comes too late.
    moves(&admin, days(1)).await.expect("forward");
    let goods = firm.are(&never, ImportReturnState::Lapsed).await;
    let told_never = duty_texts(&admin, &never, v1::DutyStep::ReturnLapsed, 1).await;
    assert_eq!(told_never.len(), 1, "{told_never:?}");
    assert!(told_never[0].contains("the site did not report"), "{told_never:?}");
    assert!(told_never[0].contains(&goods.back_until), "{told_never:?}");
    let goods = firm.are(&late, ImportReturnState::Late).await;
    assert_eq!(goods.returned_fen, 0);
    let told_late = duty_texts(&admin, &late, v1::DutyStep::ReturnLapsed, 2).await;
    assert_eq!(told_late.len(), 2, "{told_late:?}");
    assert!(told_late[1].contains("too late, their tax stays"), "{told_late:?}");
    let goods = firm.are(&half, ImportReturnState::Lapsed).await;
    assert_eq!(goods.returned_fen, FIRST_LINE_FEN / 2, "what came in time counts");
    for (name, buyer, back) in
        [(&never, &buyers[0], 0), (&late, &buyers[1], 0), (&half, &buyers[2], FIRST_GOODS_FEN / 2)]
    {
        let bill = bill(&admin, name).await;
        let given = if back == 0 { 0 } else { FIRST_LINE_FEN / 2 };
        assert_eq!((bill.status(), bill.returned_fen), (v1::BillStatus::Collected, given));
        assert_eq!(used(&admin, buyer, name).await, PURCHASE_FEN - back, "{name}");
    }
    let story = shown(&sandbox, &["trace", &never, "--as", "enterprise-a"]);
    assert!(!story.contains("site: goods of application"), "nobody waits any more: {story}");
    let owed = accountant.account(FIRM_A, v1::Purpose::DutyPayable).await;
    assert_eq!(owed, -(4 * TAX_FEN - FIRST_LINE_FEN / 2));
    Accountant(admin).finds_no_difference().await;
}
