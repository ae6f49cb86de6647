//! Money as plain values and pure functions: what is held, owed, paid and given back.

pub mod ledger;
