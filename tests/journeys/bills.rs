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

/// The order that a bill of the sandbox comes into a second after the release.
async fn order_of(accountant: &Accountant, erp: &Erp, import: &Import) -> v1::DutyOrder {
    released(erp, import).await;
    let invt_no = erp.invt_no(&import.inventory.head.order_no).await;
    eventually("a payment order is made", PATIENCE, async || {
        let found = orders(accountant).await;
        let found = found.into_iter().find(|it| it.ent_duty_no.contains(&invt_no));
        found.ok_or("none")
    })
    .await
}

async fn order_becomes(
    accountant: &Accountant,
    number: &str,
    is: impl Fn(&v1::DutyOrder) -> bool,
) -> v1::DutyOrder {
    eventually("the bank does something", PATIENCE, async || {
        let found = orders(accountant).await.into_iter().find(|it| it.ent_duty_no == number);
        let found = found.expect("it does not go away");
        if is(&found) { Ok(found) } else { Err(found) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bank_pays_payment_orders_wholly_late_in_part_or_not_at_all() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let admin = sandbox.connect("admin").await;
    let accountant = Accountant(sandbox.connect("enterprise-a").await);
    let operator = Accountant(admin.clone());
    let buyers =
        ["11010519910307451", "11010519920307451", "11010519930307451", "11010519940307451"];
    let [paid, late, part, none] = [
        import("SBX-TAXPAID-BANKTWICE-B1").bought_by(&person(buyers[0])),
        import("SBX-TAXPAID-BANKLATE-B2").bought_by(&person(buyers[1])),
        import("SBX-TAXPAID-BANKPART-B3").bought_by(&person(buyers[2])),
        import("SBX-TAXPAID-NOPAY-B4").bought_by(&person(buyers[3])),
    ];
    let order = order_of(&accountant, &erp, &paid).await;
    let order = order_becomes(&accountant, &order.ent_duty_no, |it| it.paid_time.is_some()).await;
    assert_eq!((order.paid_fen, order.amount_fen, order.overdue), (TAX_FEN, TAX_FEN, false));
    let owed = || accountant.account(FIRM_A, v1::Purpose::DutyPayable);
    assert_eq!((owed().await, accountant.guarantee(FIRM_A).await.held_debits), (0, 0));

    // The bank says no, and pays after all.
    let order = order_of(&accountant, &erp, &late).await;
    let refused = order_becomes(&accountant, &order.ent_duty_no, |it| !it.reason.is_empty()).await;
    assert_eq!((refused.reason.as_str(), refused.paid_fen), ("AM04", 0));
    let order = order_becomes(&accountant, &order.ent_duty_no, |it| it.paid_time.is_some()).await;
    assert_eq!((order.reason.as_str(), owed().await), ("", 0));

    // Half of it: what was held stays held until the rest is paid.
    let order = order_of(&accountant, &erp, &part).await;
    let order = order_becomes(&accountant, &order.ent_duty_no, |it| it.paid_fen > 0).await;
    let rest = TAX_FEN - TAX_FEN / 2;
    assert_eq!((order.paid_fen, order.paid_time), (TAX_FEN / 2, None));
    assert_eq!((owed().await, accountant.guarantee(FIRM_A).await.held_debits), (-rest, TAX_FEN));
    let request = v1::PayDutyOrderRequest {
        request_id: Uuid::now_v7().to_string(),
        payer: FIRM_A.to_owned(),
        ent_duty_no: order.ent_duty_no,
        reference: "银行流水 8".to_owned(),
        validate_only: false,
    };
    let done = operator.0.payment().pay_duty_order(request).await.expect("the rest is paid");
    let order = done.into_inner().order.expect("an order");
    assert!(order.paid_time.is_some() && order.paid_fen == TAX_FEN, "{order:?}");
    assert_eq!((owed().await, accountant.guarantee(FIRM_A).await.held_debits), (0, 0));

    // Nothing: it is overdue after its last day.
    let order = order_of(&accountant, &erp, &none).await;
    moves(&admin, days(46)).await.expect("forward");
    let order = order_becomes(&accountant, &order.ent_duty_no, |it| it.overdue).await;
    assert_eq!((order.paid_fen, order.paid_time), (0, None));
    assert_eq!(owed().await, -TAX_FEN);
    operator.finds_no_difference().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bills_are_given_back_in_part_collected_and_paid_and_free_what_was_held() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let admin = sandbox.connect("admin").await;
    let accountant = Accountant(sandbox.connect("enterprise-a").await);
    let operator = Accountant(admin.clone());
    let [one, two, back] = [
        import("SBX-NOPAY-BILLS1"),
        import("SBX-NOPAY-BILLS2").bought_by(&person("11010519910307451")),
        import("SBX-NOPAY-BILLS3").bought_by(&person("11010519920307451")),
    ];
    for import in [&one, &two, &back] {
        released(&erp, import).await;
    }
    erp.gets(816, "valueAddedTax", 3).await;
    assert_eq!(accountant.guarantee(FIRM_A).await.held_debits, 3 * TAX_FEN);
    let owed = || accountant.account(FIRM_A, v1::Purpose::DutyPayable);
    assert_eq!(owed().await, -3 * TAX_FEN);

    // One of two pieces of the first line comes back: half of its tax, and the bill stays.
    let part = erp.invt_no("SBX-NOPAY-BILLS1").await;
    let mut refund = one.refund("BILLS-PART", &part);
    refund.lines.truncate(1);
    refund.lines[0].qty /= 2;
    erp.sends(&[Document::Ceb625(refund)]).await;
    // Everything of the third one comes back: nothing is owed or held for it.
    let void = erp.invt_no("SBX-NOPAY-BILLS3").await;
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
    let would = pay(ask(true)).await.expect("it can be paid");
    assert_eq!(owed().await, -order.amount_fen, "it was only looked at");
    let of = |accounts: &[v1::Account], purpose: v1::Purpose| {
        let account = accounts.iter().find(|it| it.purpose() == purpose).expect("it is said");
        (account.balance, account.held_debits)
    };
    let guarantee = accountant.guarantee(FIRM_A).await;
    assert_eq!(of(&would.accounts, v1::Purpose::DutyPayable), (0, 0));
    assert_eq!(of(&would.accounts, v1::Purpose::DutyPaid), (order.amount_fen, 0));
    assert_eq!(of(&would.accounts, v1::Purpose::Guarantee), (guarantee.balance, 0));
    assert!(would.order.is_some_and(|it| it.paid_time.is_some()), "as it would be");
    assert!(guarantee.held_debits > 0);
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
    // What was paid is on the firm's account, bill by bill, with who said so and under which number.
    assert_eq!(accountant.account(FIRM_A, v1::Purpose::DutyPaid).await, order.amount_fen);
    assert_eq!(operator.account("TREASURY", v1::Purpose::DutyPaid).await, -order.amount_fen);
    let request = v1::ListEntriesRequest { page_size: 1_000, ..Default::default() };
    let entries = accountant.0.payment().list_entries(request).await.expect("it answers");
    let entries = entries.into_inner().entries;
    let paid: Vec<_> = entries.iter().filter(|it| it.event == "duty.paid").collect();
    assert_eq!(paid.len(), 2, "{entries:#?}");
    let mut sum = 0;
    for entry in paid {
        assert!(entry.declaration.starts_with("declarations/"), "{entry:?}");
        assert_eq!(entry.bill, format!("{}/bill", entry.declaration));
        assert_eq!(entry.actor, "admin");
        assert_eq!(entry.rule, format!("{} 银行流水 7", order.ent_duty_no));
        assert_eq!(entry.legs.len(), 2, "{entry:?}");
        assert_eq!(entry.legs[0].to_purpose(), v1::Purpose::DutyPayable);
        sum += entry.legs[0].amount;
    }
    assert_eq!(sum, order.amount_fen);
    // Nothing of a bill is without it, and nobody is named without a reason.
    for entry in &entries {
        let is_of_bill = entry.event.starts_with("bill.") || entry.event == "duty.paid";
        assert!(!is_of_bill || !entry.bill.is_empty(), "{entry:?}");
        assert!(!entry.actor.is_empty() && !entry.rule.is_empty(), "{entry:?}");
    }
    operator.finds_no_difference().await;
}
