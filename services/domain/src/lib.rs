//! The rules of the single window as plain values and pure functions.
//!
//! No I/O, no clock, no randomness, no serialisation: time and ids are arguments. Start with
//! [`clearance`] (the life of a declaration), then [`declaration`] and [`rules`] (what a valid
//! declaration is), then [`refusal`] (every business "no", numbered).

pub mod answer;
pub mod attachment;
pub mod clearance;
pub mod codes;
pub mod declaration;
pub mod direction;
pub mod document_request;
pub mod documents;
pub mod history;
pub mod ids;
pub mod inspection;
pub mod limits;
pub mod numbers;
pub mod participant;
pub mod payment;
pub mod principal;
pub mod refusal;
pub mod rules;
pub mod subscriber;
pub mod tax_refund;
pub mod text;
pub mod webhook;

pub use declaration::Declaration;
pub use ids::{DeclarationId, OrderId, ReleaseId, RequestId, Slot};
pub use principal::{Kind, Principal};
pub use refusal::{Code, Refusal, Violation};

/// China Standard Time (北京时间), without daylight saving: days and years of documents and numbers are Chinese.
pub const CHINA: time::UtcOffset = time::macros::offset!(+8);
