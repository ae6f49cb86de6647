//! What becomes of tax bills: told by the national door, less when goods come back, collected and paid.

use proto::ceb::Document;
use proto::v1;
use uuid::Uuid;

use super::clock::{days, moves};
use super::payment::Accountant;
use crate::harness::national::{Erp, Import, import, person};
use crate::harness::people::{FIRM_A, code};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// The tax of the sample import: 24.46 yuan of VAT on the first line and 25.31 on the second one.
const TAX_FEN: i64 = 4_977;

async fn released(erp: &Erp, import: &Import) {
    for document in import.all() {
        erp.sends(&[document]).await;
    }
    erp.hears(622, &import.inventory.head.cop_no, 899).await;
}

async fn orders(accountant: &Accountant) -> Vec<v1::DutyOrder> {
    let request = v1::ListDutyOrdersRequest::default();
    let found = accountant.0.payment().list_duty_orders(request).await.expect("it answers");
    found.into_inner().orders
}

#[tokio::test(flavor = "multi_thread")]
async fn bills_are_given_back_in_part_collected_and_paid_and_free_what_was_held() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let admin = sandbox.connect("admin").await;
    let accountant = Accountant(sandbox.connect("enterprise-a").await);
    let operator = Accountant(admin.clone());
    let [one, two, back] = [
        import("QDBILLS-1"),
        import("QDBILLS-2").bought_by(&person("11010519910307451")),
        import("QDBILLS-3").bought_by(&person("11010519920307451")),
    ];
    for import in [&one, &two, &back] {
        released(&erp, import).await;
    }
    erp.gets(816, "valueAddedTax", 3).await;
    assert_eq!(accountant.guarantee(FIRM_A).await.held_debits, 3 * TAX_FEN);
    let owed = || accountant.account(FIRM_A, v1::Purpose::DutyPayable);
    assert_eq!(owed().await, -3 * TAX_FEN);

    // One of two pieces of the first line comes back: half of its tax, and the bill stays.
    let part = erp.invt_no("QDBILLS-1").await;
    let mut refund = one.refund("BILLS-PART", &part);
    refund.lines.truncate(1);
    refund.lines[0].qty /= 2;
    erp.sends(&[Document::Ceb625(refund)]).await;
    // Everything of the third one comes back: nothing is owed or held for it.
    let void = erp.invt_no("QDBILLS-3").await;
    erp.sends(&[Document::Ceb625(back.refund("BILLS-ALL", &void))]).await;
    let told = erp.gets(818, &void, 1).await;
    assert!(told[0].contains("<status>3</status>"), "{}", told[0]);
    eventually("half of a line is given back", PATIENCE, async || {
        let found = owed().await;
        if found == -2 * TAX_FEN + 1_223 { Ok(()) } else { Err(found) }
    })
    .await;
    assert_eq!(accountant.guarantee(FIRM_A).await.held_debits, 2 * TAX_FEN);
    assert!(orders(&accountant).await.is_empty(), "nothing is collected before its time");

    // Day 31: one payment order, of what is left.
    moves(&admin, days(32)).await.expect("forward");
    let order = eventually("a payment order is made", PATIENCE, async || {
        orders(&accountant).await.pop().ok_or("none")
    })
    .await;
    assert_eq!((order.bills, order.amount_fen), (2, 2 * TAX_FEN - 1_223));
    assert_eq!((order.payer.as_str(), order.overdue), (FIRM_A, false));
    let told = erp.gets(818, "<status>2</status>", 2).await;
    assert!(told.iter().all(|it| it.contains(&order.ent_duty_no)), "{told:?}");
    assert!(!told.iter().any(|it| it.contains(&void)), "what is void is not collected");

    // Day 45 is over.
    moves(&admin, days(20)).await.expect("forward");
    let orders_now = orders(&accountant).await;
    assert!(orders_now[0].overdue, "{orders_now:?}");

    let ask = |validate_only| v1::PayDutyOrderRequest {
        request_id: Uuid::now_v7().to_string(),
        payer: FIRM_A.to_owned(),
        ent_duty_no: order.ent_duty_no.clone(),
        reference: "银行流水 7".to_owned(),
        validate_only,
    };
    let pay = async |request: v1::PayDutyOrderRequest| {
        operator.0.payment().pay_duty_order(request).await.map(tonic::Response::into_inner)
    };
    pay(ask(true)).await.expect("it can be paid");
    assert_eq!(owed().await, -order.amount_fen, "it was only looked at");
    let request = ask(false);
    let paid = pay(request.clone()).await.expect("it is paid");
    assert!(!paid.repeated && paid.order.is_some_and(|it| it.paid_time.is_some() && !it.overdue));
    assert!(pay(request).await.expect("it is known").repeated);
    assert_eq!(code(&pay(ask(false)).await.expect_err("it was paid")).0, "SW-1716");
    let mut foreign = ask(false);
    foreign.payer = "3702960002".to_owned();
    assert_eq!(code(&pay(foreign).await.expect_err("another's")).0, "SW-1201");
    assert_eq!((owed().await, accountant.guarantee(FIRM_A).await.held_debits), (0, 0));
    assert!(accountant.open_holds().await.is_empty());
    operator.finds_no_difference().await;
}
