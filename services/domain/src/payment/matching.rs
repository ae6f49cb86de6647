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

/// Groups receipts and orders. The tolerance is in the minor unit, for each receipt of a group.
pub fn groups(receivables: &[Receivable], receipts: &[BankLine], tolerance: i64) -> Vec<Group> {
    let orders: BTreeMap<_, _> = receivables.iter().map(|r| (r.order_no.as_str(), r)).collect();
    let mut open: Vec<(BTreeSet<&str>, Vec<&BankLine>)> =
        orders.keys().map(|order_no| (BTreeSet::from([*order_no]), Vec::new())).collect();
    for receipt in receipts {
        let names = |order_no: &&str| receipt.order_nos.iter().any(|named| named == order_no);
        let (joined, rest): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|(order_nos, _)| order_nos.iter().any(&names));
        open = rest;
        let mut group = (BTreeSet::new(), vec![receipt]);
        for (order_nos, receipts) in joined {
            group.0.extend(order_nos);
            group.1.extend(receipts);
        }
        open.push(group);
    }
    let group = |(order_nos, receipts): (BTreeSet<&str>, Vec<&BankLine>)| {
        let due: Vec<&Receivable> =
            order_nos.iter().filter_map(|no| orders.get(no).copied()).collect();
        Group {
            outcome: outcome(&due, &receipts, tolerance),
            lines: receipts.iter().map(|receipt| receipt.line.clone()).collect(),
            order_nos: order_nos.into_iter().map(str::to_owned).collect(),
        }
    };
    open.into_iter().map(group).collect()
}

fn outcome(due: &[&Receivable], receipts: &[&BankLine], tolerance: i64) -> GroupOutcome {
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
    let allowed = count.and_then(|count| tolerance.checked_mul(count));
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
