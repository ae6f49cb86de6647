//! The export tax refund (出口退税): what may be claimed, by which method, on what evidence, and how a
//! claim ends. Not to be confused with [`crate::documents::refund`], the rules of goods that come back
//! (213, 625).
//!
//! [`rates`] and [`parity`] are dated data, [`method`] the formulas with their [`trace`], [`deadline`]
//! the days, and [`overseas`] the settlement of 9810.

pub mod arithmetic;
pub mod book;
pub mod deadline;
pub mod entitlement;
pub mod invoice;
pub mod method;
pub mod overseas;
pub mod parity;
pub mod rates;
pub mod trace;
