//! The national documents around a declaration: orders, payments, waybills, arrivals, cancellations.
//!
//! What they are ([`kind`]), what each must satisfy by itself ([`mod@check`], [`identity`]), whether one
//! may be stored over another ([`mod@admit`]), whether they fit each other ([`matching`]) and in which
//! fields not ([`comparison`]), whether one is about the inventory that it names ([`reference`]), what may
//! come back ([`refund`]) and be summed up ([`summary`]), what the answers say ([`returns`], [`errors`]),
//! and what import costs ([`tax`], [`limits`]). Rules stand in tables, so that an unverified one is
//! corrected in its row.

pub mod admit;
pub mod check;
pub mod comparison;
pub mod errors;
pub mod identity;
pub mod kind;
pub mod limits;
pub mod mask;
pub mod matching;
mod member;
mod parcel;
pub mod reference;
pub mod refund;
pub mod returns;
pub mod summary;
pub mod tax;

pub use admit::{
    Admission, DocumentIntent, EarlierDocument, IncomingDocument, Split, admit, complete, exists,
    missing_parts, stands, unchanged,
};
pub use check::{DocumentViolation, Elements, check, refusal};
pub use kind::{DocumentKind, key};
pub use matching::{MatchOutcome, MissingDocument, RuleBreach};
pub use returns::{ReceiptStatus, allowed, status, supersedes};
