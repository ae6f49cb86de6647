//! Money as plain values and pure functions: what is held, owed, paid and given back.
//!
//! [`ledger`] is the double entry that everything is written in; [`parameters`] are the dated numbers
//! of the law, read from files, and [`tax`] is what an import costs by them, with the reasons.
//! [`guarantee`] says how full a guarantee is; [`settlement`] what a quote of a bank exchanges;
//! [`matching`] which receipts pay which orders.

pub mod guarantee;
pub mod ledger;
pub mod matching;
pub mod parameters;
pub mod settlement;
pub mod tax;
