//! What happened to a declaration, with its data: what the journal keeps and everybody reads.

use crate::clearance::{Agency, Stand};
use crate::{OrderId, ReleaseId};

/// A reason or an instruction of an agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Code of the agency.
    pub code: String,
    /// Its text.
    pub text: String,
}

/// One thing found at the joint inspection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whose instruction it answers.
    pub instructed_by: Agency,
    /// Line of goods, 0 for the consignment.
    pub gnum: u32,
    /// Result code, see the message schema.
    pub result: String,
    /// In words.
    pub text: String,
    /// SHA-256 digests of the evidence.
    pub evidence: Vec<Vec<u8>>,
}

/// A fact with its data. One for each [`crate::clearance::Fact`], and the filing itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are documented in the message schema, same names")]
pub enum Record {
    Filed { pre_no: String },
    Amended { previous_version: u32 },
    Withdrawn { reason: String },
    StandChanged { agency: Agency, stand: Stand, reasons: Vec<Reason> },
    InspectionOrdered { order_id: OrderId, demanded_by: Agency, instructions: Vec<Reason> },
    InspectionJoined { order_id: OrderId, demanded_by: Agency, instructions: Vec<Reason> },
    InspectionCompleted { order_id: OrderId, findings: Vec<Finding> },
    InspectionAnswered { order_id: OrderId, demanded_by: Agency, findings: Vec<Finding> },
    InspectionCancelled { order_id: OrderId },
    Numbered { invt_no: String },
    Released { release_id: ReleaseId },
    Rejected { agency: Agency, reasons: Vec<Reason> },
    Returned { agency: Agency, reasons: Vec<Reason> },
}

/// What an entry of the journal is about, as a set of bits, so that a consumer can be served only
/// what concerns it without opening the entry.
pub mod topic {
    /// The content is new: filed or amended.
    pub const CONTENT: i32 = 1;
    /// An agency moved on, or customs gave its number.
    pub const PROGRESS: i32 = 2;
    /// An inspection was ordered, joined, completed, answered or cancelled.
    pub const INSPECTION: i32 = 4;
    /// Released, rejected, returned or withdrawn.
    pub const END: i32 = 8;
    /// Customs gave an import its number. Exports need no bill, so nobody waits for theirs.
    pub const IMPORT_NUMBER: i32 = 16;
}

impl Record {
    /// Which topic it belongs to.
    pub fn topic(&self) -> i32 {
        match self {
            Self::Filed { .. } | Self::Amended { .. } => topic::CONTENT,
            // House, year, I or E, serial.
            Self::Numbered { invt_no } if invt_no.as_bytes().get(8) == Some(&b'I') => {
                topic::PROGRESS | topic::IMPORT_NUMBER
            }
            Self::StandChanged { .. } | Self::Numbered { .. } => topic::PROGRESS,
            Self::InspectionOrdered { .. }
            | Self::InspectionJoined { .. }
            | Self::InspectionCompleted { .. }
            | Self::InspectionAnswered { .. }
            | Self::InspectionCancelled { .. } => topic::INSPECTION,
            Self::Withdrawn { .. }
            | Self::Released { .. }
            | Self::Rejected { .. }
            | Self::Returned { .. } => topic::END,
        }
    }
}
