//! Money from abroad: which exports it pays, its settlement into yuan, and the balance of payments (收汇、结汇、国际收支
//! 申报).
//!
//! The invariants: a booking of a bank has its effect once, however often and in which files it comes; a receipt is
//! divided wholly or not at all, and no export gets more than is due for it; what is ordered, settled or kept of a
//! receipt is never more than came; a quote is accepted once and only while it binds; every step is entries of the
//! ledger, in the transaction of the step.
//!
//! Read [`commit`], then [`sales`] (exports), [`bank`] (files), [`matching`], [`settle`] and [`payments`]. The money of
//! a receipt lies in the slot of its receiver, what is due for an export in the slot of its declaration.

pub(crate) mod announced_rows;
pub(crate) mod bank;
pub(crate) mod bank_account;
mod booking_rows;
pub(crate) mod calls;
pub(crate) mod commit;
pub(crate) mod execution;
mod firm_rows;
mod match_rows;
mod matching;
mod payments;
mod payments_rows;
mod quote_rows;
mod receipt;
mod receipt_rows;
mod reversal;
pub(crate) mod rpc;
mod sale_rows;
pub(crate) mod sales;
pub(crate) mod settle;
mod settlement_rows;
mod statement_balance;
mod statement_rows;
mod transaction;
mod wire;

use domain::payment::ledger::Currency;
use store::Fault;

/// A currency as it is in a column.
fn currency(letters: &str) -> Result<Currency, Fault> {
    let unknown = || Fault::Broken(format!("the database holds the currency {letters}"));
    Currency::of(letters).ok_or_else(unknown)
}
