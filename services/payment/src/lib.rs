//! The payment service (支付): what is held, owed and paid, and why.
//!
//! [`ledger`] is the double entry of `domain::payment::ledger` over rows of the database.

pub mod ledger;
mod ledger_rows;
