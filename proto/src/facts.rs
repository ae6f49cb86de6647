//! Facts of the journal on the wire, and the words of agencies as domain values.

use domain::clearance::{Agency, Outcome, Phase, Stand};
use domain::history::{Finding, Reason, Record};
use prost::Message as _;

use crate::v1;

/// Encodes the facts of one journal entry, as they are stored and sent.
pub fn encode(records: Vec<Record>) -> bytes::Bytes {
    let facts = records.into_iter().map(Into::into).collect();
    v1::Facts { facts }.encode_to_vec().into()
}

/// Reads the facts of one journal entry.
///
/// # Errors
///
/// When the bytes are not facts, which only a damaged database can cause.
pub fn decode(bytes: &[u8]) -> Result<Vec<v1::Fact>, prost::DecodeError> {
    v1::Facts::decode(bytes).map(|facts| facts.facts)
}

/// Encodes findings, as they are kept with the order.
pub fn encode_findings(findings: &[Finding]) -> Vec<u8> {
    let findings = findings.iter().cloned().map(Into::into).collect();
    v1::InspectionCompleted { order_id: String::new(), findings }.encode_to_vec()
}

/// Reads findings that were kept with the order.
///
/// # Errors
///
/// When the bytes are not findings.
pub fn decode_findings(bytes: &[u8]) -> Result<Vec<Finding>, prost::DecodeError> {
    let kept = v1::InspectionCompleted::decode(bytes)?;
    Ok(kept.findings.into_iter().filter_map(|finding| finding.try_into().ok()).collect())
}

impl From<Agency> for v1::Agency {
    fn from(agency: Agency) -> Self {
        match agency {
            Agency::Customs => Self::Customs,
            Agency::Inspection => Self::Inspection,
        }
    }
}

impl From<Phase> for v1::State {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::UnderReview => Self::UnderReview,
            Phase::Inspecting => Self::Inspecting,
            Phase::Released => Self::Released,
            Phase::Rejected => Self::Rejected,
            Phase::Withdrawn => Self::Withdrawn,
            Phase::Returned => Self::Returned,
        }
    }
}

impl v1::State {
    /// The phase that this stands for; `None` when unspecified.
    pub fn phase(self) -> Option<Phase> {
        Some(match self {
            Self::Unspecified => return None,
            Self::UnderReview => Phase::UnderReview,
            Self::Inspecting => Phase::Inspecting,
            Self::Released => Phase::Released,
            Self::Rejected => Phase::Rejected,
            Self::Withdrawn => Phase::Withdrawn,
            Self::Returned => Phase::Returned,
        })
    }
}

impl From<Stand> for v1::Stand {
    fn from(stand: Stand) -> Self {
        match stand {
            Stand::Pending => Self::Pending,
            Stand::Accepted => Self::Accepted,
            Stand::ManualReview => Self::ManualReview,
            Stand::Concluded => Self::Concluded,
            Stand::WantsInspection => Self::WantsInspection,
            Stand::Held => Self::Held,
            Stand::Detained => Self::Detained,
            Stand::Cleared => Self::Cleared,
        }
    }
}

impl v1::Outcome {
    /// The outcome that this stands for; `None` when unspecified.
    pub fn outcome(self) -> Option<Outcome> {
        Some(match self {
            Self::Unspecified => return None,
            Self::Accepted => Outcome::Accepted,
            Self::ManualReview => Outcome::ManualReview,
            Self::Concluded => Outcome::Concluded,
            Self::WantsInspection => Outcome::WantsInspection,
            Self::Held => Outcome::Held,
            Self::Rejected => Outcome::Rejected,
            Self::Cleared => Outcome::Cleared,
            Self::Detained => Outcome::Detained,
            Self::Returned => Outcome::Returned,
        })
    }
}

impl From<Reason> for v1::Reason {
    fn from(Reason { code, text }: Reason) -> Self {
        Self { code, text }
    }
}

impl From<v1::Reason> for Reason {
    fn from(v1::Reason { code, text }: v1::Reason) -> Self {
        Self { code, text }
    }
}

impl From<Finding> for v1::Finding {
    fn from(finding: Finding) -> Self {
        let Finding { instructed_by, gnum, result, text, evidence } = finding;
        let instructed_by = v1::Agency::from(instructed_by).into();
        Self { instructed_by, gnum, result, text, evidence }
    }
}

impl TryFrom<v1::Finding> for Finding {
    type Error = &'static str;

    fn try_from(finding: v1::Finding) -> Result<Self, Self::Error> {
        let v1::Finding { instructed_by, gnum, result, text, evidence } = finding;
        let instructed_by = match v1::Agency::try_from(instructed_by) {
            Ok(v1::Agency::Customs) => Agency::Customs,
            Ok(v1::Agency::Inspection) => Agency::Inspection,
            Ok(v1::Agency::Site | v1::Agency::Unspecified) | Err(_) => {
                return Err("instructed_by must be AGENCY_CUSTOMS or AGENCY_INSPECTION");
            }
        };
        if evidence.iter().any(|digest| digest.len() != 32) {
            return Err("evidence must be SHA-256 digests of 32 bytes");
        }
        Ok(Self { instructed_by, gnum, result, text, evidence })
    }
}

fn list<A, B: From<A>>(items: Vec<A>) -> Vec<B> {
    items.into_iter().map(Into::into).collect()
}

impl From<Record> for v1::Fact {
    fn from(record: Record) -> Self {
        use v1::fact::Kind;
        let agency = |agency: Agency| v1::Agency::from(agency).into();
        let kind = match record {
            Record::Filed { pre_no } => Kind::Filed(v1::Filed { pre_no }),
            Record::Amended { previous_version } => Kind::Amended(v1::Amended { previous_version }),
            Record::Withdrawn { reason } => Kind::Withdrawn(v1::Withdrawn { reason }),
            Record::StandChanged { agency: who, stand, reasons } => {
                Kind::StandChanged(v1::StandChanged {
                    agency: agency(who),
                    stand: v1::Stand::from(stand).into(),
                    reasons: list(reasons),
                })
            }
            Record::InspectionOrdered { order_id, demanded_by, instructions } => {
                Kind::InspectionOrdered(v1::InspectionOrdered {
                    order_id: order_id.0.to_string(),
                    demanded_by: agency(demanded_by),
                    instructions: list(instructions),
                })
            }
            Record::InspectionJoined { order_id, demanded_by, instructions } => {
                Kind::InspectionJoined(v1::InspectionJoined {
                    order_id: order_id.0.to_string(),
                    demanded_by: agency(demanded_by),
                    instructions: list(instructions),
                })
            }
            Record::InspectionCompleted { order_id, findings } => {
                Kind::InspectionCompleted(v1::InspectionCompleted {
                    order_id: order_id.0.to_string(),
                    findings: list(findings),
                })
            }
            Record::InspectionAnswered { order_id, demanded_by, findings } => {
                Kind::InspectionAnswered(v1::InspectionAnswered {
                    order_id: order_id.0.to_string(),
                    demanded_by: agency(demanded_by),
                    findings: list(findings),
                })
            }
            Record::InspectionCancelled { order_id } => {
                Kind::InspectionCancelled(v1::InspectionCancelled {
                    order_id: order_id.0.to_string(),
                })
            }
            Record::Numbered { invt_no } => Kind::Numbered(v1::Numbered { invt_no }),
            Record::Released { release_id } => {
                Kind::Released(v1::Released { release_id: release_id.0.to_string() })
            }
            Record::Rejected { agency: who, reasons } => {
                Kind::Rejected(v1::Rejected { agency: agency(who), reasons: list(reasons) })
            }
            Record::Returned { agency: who, reasons } => {
                Kind::Returned(v1::Returned { agency: agency(who), reasons: list(reasons) })
            }
        };
        Self { kind: Some(kind) }
    }
}
