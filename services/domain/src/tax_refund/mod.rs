//! The export tax refund (出口退税): what may be claimed, by which method, on what evidence, and how a
//! claim ends. Not to be confused with [`crate::documents::refund`], the rules of goods that come back
//! (213, 625).
//!
//! [`rates`], [`parity`] and [`firm_terms`] are dated data, [`method`] the formulas with their [`trace`], [`deadline`]
//! the days. [`entitlement`] says of an export line what may be claimed and what is missing; [`invoice`]
//! and [`book`] keep that nothing is used twice; [`claim`] is the life of a claim and [`overseas`] the
//! settlement of 9810.

pub mod arithmetic;
pub mod book;
pub mod claim;
pub mod deadline;
pub mod entitlement;
pub mod firm_terms;
pub mod invoice;
pub mod method;
pub mod overseas;
pub mod parity;
pub mod rates;
pub mod trace;
