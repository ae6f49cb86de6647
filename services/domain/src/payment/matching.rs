//! Which receipts of money pay which orders (收款核对), n to m.
//!
//! Receipts and orders that name each other, directly or through others, are one group. A group is
//! paid when its sums agree within a tolerance for the fees of banks; otherwise it says what is
//! missing or too much. Each receipt and each order is in exactly one group.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::Currency;

/// An order that is to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receivable {
    /// Number of the order.
    pub order_no: String,
    /// Its currency.
    pub currency: Currency,
    /// Above zero, in the minor unit.
    pub amount: i64,
}

/// Money that came. Its identity is the bank's line, not its content: two equal bookings are two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankLine {
    /// Identity of the bank's line.
    pub line: String,
    /// Its currency.
    pub currency: Currency,
    /// Above zero, in the minor unit.
    pub amount: i64,
    /// The orders that it names.
    pub order_nos: Vec<String>,
}

/// How a group came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupOutcome {
    /// Paid; the fee is what is missing within the tolerance.
    Paid {
        /// In the minor unit.
        fee: i64,
    },
    /// So much is still missing.
    Short(i64),
    /// So much is too much.
    Over(i64),
    /// No order is known that the receipt names, or it names none.
    OrderUnknown,
    /// Receipts and orders have different currencies.
    CurrencyDiffers,
    /// A sum does not fit, or an amount is not above zero.
    Amount,
}

/// Receipts and orders that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Lines of the bank, sorted.
    pub lines: BTreeSet<String>,
    /// Numbers of the orders, sorted; those that nobody knows are not here.
    pub order_nos: BTreeSet<String>,
    /// How it came out.
    pub outcome: GroupOutcome,
}

/// Groups receipts and orders. The tolerance is in the minor unit of a currency, for each receipt of a
/// group.
pub fn groups(
    receivables: &[Receivable],
    receipts: &[BankLine],
    tolerance: impl Fn(Currency) -> i64,
) -> Vec<Group> {
    let orders: BTreeMap<_, _> = receivables.iter().map(|r| (r.order_no.as_str(), r)).collect();
    let places: BTreeMap<_, _> = orders.keys().copied().zip(0_usize..).collect();
    // Each order points to another one of its group; the first one of a group to itself.
    let mut same: Vec<usize> = (0..orders.len()).collect();
    let mut strangers = Vec::new();
    let mut paying = Vec::new();
    for receipt in receipts {
        let known = receipt.order_nos.iter().filter_map(|named| places.get(named.as_str()));
        let known: Vec<usize> = known.copied().collect();
        let Some(one) = known.first() else {
            strangers.push((Vec::new(), vec![receipt]));
            continue;
        };
        for other in &known {
            let (first, second) = (first_of(&mut same, *one), first_of(&mut same, *other));
            same[second] = first;
        }
        paying.push((*one, receipt));
    }
    let mut found = BTreeMap::<usize, (Vec<&Receivable>, Vec<&BankLine>)>::new();
    for (place, order) in orders.values().enumerate() {
        found.entry(first_of(&mut same, place)).or_default().0.push(order);
    }
    for (place, receipt) in paying {
        found.entry(first_of(&mut same, place)).or_default().1.push(receipt);
    }
    let group = |(due, receipts): (Vec<&Receivable>, Vec<&BankLine>)| Group {
        outcome: outcome(&due, &receipts, &tolerance),
        lines: receipts.iter().map(|receipt| receipt.line.clone()).collect(),
        order_nos: due.iter().map(|order| order.order_no.clone()).collect(),
    };
    found.into_values().chain(strangers).map(group).collect()
}

/// The first order of a group; the way to it gets shorter.
fn first_of(same: &mut [usize], mut place: usize) -> usize {
    while same[place] != place {
        same[place] = same[same[place]];
        place = same[place];
    }
    place
}

fn outcome(
    due: &[&Receivable],
    receipts: &[&BankLine],
    tolerance: impl Fn(Currency) -> i64,
) -> GroupOutcome {
    if due.is_empty() {
        return GroupOutcome::OrderUnknown;
    }
    let due_in = due.iter().map(|order| order.currency);
    let currencies: BTreeSet<_> = due_in.chain(receipts.iter().map(|r| r.currency)).collect();
    if currencies.len() > 1 {
        return GroupOutcome::CurrencyDiffers;
    }
    let owed = sum(due.iter().map(|order| order.amount));
    let paid = sum(receipts.iter().map(|receipt| receipt.amount));
    let count = i64::try_from(receipts.len()).ok();
    let tolerance = due.first().map(|order| tolerance(order.currency));
    let allowed = count.zip(tolerance).and_then(|(count, each)| each.checked_mul(count));
    let (Some(owed), Some(paid), Some(allowed)) = (owed, paid, allowed) else {
        return GroupOutcome::Amount;
    };
    match owed - paid {
        missing if (0..=allowed).contains(&missing) => GroupOutcome::Paid { fee: missing },
        missing if missing > 0 => GroupOutcome::Short(missing),
        surplus => GroupOutcome::Over(-surplus),
    }
}

fn sum(amounts: impl Iterator<Item = i64>) -> Option<i64> {
    let mut sum = 0_i64;
    for amount in amounts {
        sum = sum.checked_add(amount).filter(|_| amount > 0)?;
    }
    Some(sum)
}
