//! Receipts and the orders that they pay, n to m.

use std::collections::BTreeSet;

use domain::payment::ledger::Currency;
use domain::payment::matching::{BankLine, Group, GroupOutcome, Receivable, groups};
use proptest::prelude::*;

fn order(order_no: &str, amount: i64) -> Receivable {
    Receivable { order_no: order_no.into(), currency: Currency::Usd, amount }
}

fn receipt(line: &str, amount: i64, order_nos: &[&str]) -> BankLine {
    let order_nos = order_nos.iter().map(|no| (*no).to_owned()).collect();
    BankLine { line: line.into(), currency: Currency::Usd, amount, order_nos }
}

/// Lines, orders and outcome of each group, in any order.
fn is(found: Vec<Group>, expected: &[(&[&str], &[&str], GroupOutcome)]) {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (lines, order_nos, outcome) in expected {
        let group = Group { lines: texts(lines), order_nos: texts(order_nos), outcome: *outcome };
        assert!(found.contains(&group), "{group:?} is not among {found:?}");
    }
}

#[test]
fn one_many_part_and_combined() {
    let orders = [order("A", 100), order("B", 200), order("C", 300), order("D", 50)];
    let receipts = [
        receipt("1", 100, &["A"]),
        receipt("2", 150, &["B"]),
        receipt("3", 345, &["C", "B"]),
        receipt("4", 7, &["X"]),
        receipt("5", 7, &[]),
    ];
    is(
        groups(&orders, &receipts, |_| 3),
        &[
            (&["1"], &["A"], GroupOutcome::Paid { fee: 0 }),
            (&["2", "3"], &["B", "C"], GroupOutcome::Paid { fee: 5 }),
            (&[], &["D"], GroupOutcome::Short(50)),
            (&["4"], &[], GroupOutcome::OrderUnknown),
            (&["5"], &[], GroupOutcome::OrderUnknown),
        ],
    );
}

#[test]
fn the_tolerance_is_for_each_receipt_and_not_for_too_much() {
    let orders = [order("A", 100)];
    for (amounts, expected) in [
        (&[97][..], GroupOutcome::Paid { fee: 3 }),
        (&[96], GroupOutcome::Short(4)),
        (&[50, 44], GroupOutcome::Paid { fee: 6 }),
        (&[50, 43], GroupOutcome::Short(7)),
        (&[101], GroupOutcome::Over(1)),
        // Two equal bookings are two.
        (&[100, 100], GroupOutcome::Over(100)),
        (&[i64::MAX, 1], GroupOutcome::Amount),
        (&[101, -1], GroupOutcome::Amount),
    ] {
        let lines = ["1", "2"];
        let receipts: Vec<_> = lines
            .iter()
            .zip(amounts)
            .map(|(line, amount)| receipt(line, *amount, &["A"]))
            .collect();
        let found = groups(&orders, &receipts, |_| 3);
        assert_eq!(found.iter().map(|g| g.outcome).collect::<Vec<_>>(), [expected], "{amounts:?}");
    }
    let euros = BankLine { currency: Currency::Eur, ..receipt("1", 100, &["A"]) };
    is(groups(&orders, &[euros], |_| 3), &[(&["1"], &["A"], GroupOutcome::CurrencyDiffers)]);
}

proptest! {
    #[test]
    fn everything_is_in_one_group(
        amounts in prop::collection::vec(1i64..100, 0..8),
        named in prop::collection::vec((1i64..100, prop::collection::vec(0usize..10, 0..3)), 0..8),
    ) {
        let number = |at: usize| format!("O{at}");
        let orders: Vec<_> =
            amounts.iter().enumerate().map(|(at, amount)| order(&number(at), *amount)).collect();
        let receipts: Vec<_> = named.iter().enumerate().map(|(at, (amount, nos))| {
            let nos: Vec<_> = nos.iter().map(|no| number(*no)).collect();
            let nos: Vec<_> = nos.iter().map(String::as_str).collect();
            receipt(&at.to_string(), *amount, &nos)
        }).collect();
        let found = groups(&orders, &receipts, |_| 0);
        let lines: Vec<_> = found.iter().flat_map(|group| &group.lines).collect();
        let order_nos: Vec<_> = found.iter().flat_map(|group| &group.order_nos).collect();
        prop_assert_eq!(lines.len(), receipts.len());
        prop_assert_eq!(order_nos.len(), orders.len());
        prop_assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), receipts.len());
        // Whoever names a known order is in its group.
        for receipt in &receipts {
            let group = found.iter().find(|g| g.lines.contains(&receipt.line)).expect("grouped");
            for no in receipt.order_nos.iter().filter(|no| orders.iter().any(|o| o.order_no == **no)) {
                prop_assert!(group.order_nos.contains(no));
            }
        }
    }
}
