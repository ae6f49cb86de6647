//! Money as plain values and pure functions: what is held, owed, paid and given back.
//!
//! [`ledger`] is the double entry that everything is written in; [`parameters`] are the dated numbers
//! of the law, read from files ([`built_in`], or one's own in a [`parameter_set`]), and [`tax`] is what an import costs by them, with the
//! reasons; [`declared`] computes it for a declaration.
//! [`import_list`] says which goods may come, [`tariff_change`] what changes between two days,
//! [`words`] how numbers are called and written for people.
//! [`duty`] is the way of one import's tax from its filing to its bill, [`bill`] what is given back of it, and
//! [`import_return`] the way of goods that come back.
//! [`guarantee`] says how full a guarantee is; [`settlement`] what a quote of a bank exchanges, [`forex`] which
//! receipts may be settled and how they are told to the balance of payments;
//! [`statement`] is what a bank says of an account, [`matching`] which receipts pay which orders, and
//! [`amount`] how amounts of a currency are written; [`allotment`] divides a receipt among exports, and
//! [`buying_rates`] are the rates at which a bank buys.

pub mod allotment;
pub mod amount;
pub mod bill;
pub mod built_in;
pub mod buying_rates;
pub mod declared;
pub mod duty;
pub mod forex;
pub mod guarantee;
pub mod import_list;
pub mod import_return;
pub mod ledger;
pub mod matching;
pub mod parameter_set;
pub mod parameters;
pub mod settlement;
pub mod statement;
pub mod tariff_change;
pub mod tax;
pub mod words;
pub mod workdays;
