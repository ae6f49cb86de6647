//! Facts of the journal on the wire, and the words of agencies as domain values.

use domain::OrderId;
use domain::clearance::{Agency, Outcome, Phase, ReleaseCondition, Stand};
use domain::document_request::{DocumentRequest, ProvidedDocument, RequestedDocument};
use domain::history::{
    AnnouncedMoney, BackQuantity, DutyProgress, DutyStep, ExportProgress, ExportStep, Finding,
    HistoryFact, InspectionProgress, InspectionStep, Reason, ReceiptProgress, ReceiptStep,
};
use domain::numbers::NumberKind;
use domain::participant::Participant;
use prost::Message as _;
use uuid::Uuid;

use crate::schema::single_window::stored::v1 as stored;
use crate::v1;

/// Encodes the facts of one journal entry, as they are stored and sent, with what the release waits for
/// after them.
pub fn encode(records: Vec<HistoryFact>, waits_for: &[ReleaseCondition]) -> bytes::Bytes {
    let facts = records.into_iter().map(Into::into).collect();
    v1::Facts { facts, waits_for: awaited(waits_for) }.encode_to_vec().into()
}

/// What a release waits for, on the wire.
pub fn awaited(waits_for: &[ReleaseCondition]) -> Vec<i32> {
    waits_for.iter().map(|what| v1::Awaited::from(*what).into()).collect()
}

/// Reads the facts of one journal entry.
///
/// # Errors
///
/// When the bytes are not facts, which only a damaged database can cause.
pub fn decode(bytes: &[u8]) -> Result<v1::Facts, prost::DecodeError> {
    v1::Facts::decode(bytes)
}

/// Why something kept cannot be read, which only a damaged database can cause.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// It is no message of its kind.
    #[error(transparent)]
    Message(#[from] prost::DecodeError),
    /// One of the findings is none.
    #[error("a finding: {0}")]
    Finding(&'static str),
}

/// Encodes findings, as they are kept with the order.
pub fn encode_findings(findings: &[Finding]) -> Vec<u8> {
    let findings = findings.iter().cloned().map(Into::into).collect();
    stored::OrderFindings { findings }.encode_to_vec()
}

/// Reads findings that were kept with the order.
///
/// # Errors
///
/// When the bytes are not findings, or one of them is none.
pub fn decode_findings(bytes: &[u8]) -> Result<Vec<Finding>, FactsError> {
    let kept = stored::OrderFindings::decode(bytes)?;
    let findings = kept.findings.into_iter().map(TryInto::try_into);
    findings.collect::<Result<_, _>>().map_err(FactsError::Finding)
}

impl From<Agency> for v1::Agency {
    fn from(agency: Agency) -> Self {
        match agency {
            Agency::Customs => Self::Customs,
            Agency::Quarantine => Self::Quarantine,
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

impl v1::NumberKind {
    /// Which number is meant; `None` when it may be any.
    pub fn kind(self) -> Option<NumberKind> {
        match self {
            Self::Unspecified => None,
            Self::OrderNo => Some(NumberKind::Order),
            Self::CopNo => Some(NumberKind::Own),
            Self::LogisticsNo => Some(NumberKind::WayBill),
            Self::PreNo => Some(NumberKind::PreNo),
            Self::InvtNo => Some(NumberKind::Customs),
            Self::ReleaseId => Some(NumberKind::Release),
            Self::BillNo => Some(NumberKind::BillOfLading),
        }
    }
}

/// A state as refusals name it: as the schema does.
pub fn state_name(phase: Phase) -> &'static str {
    v1::State::from(phase).as_str_name()
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

impl From<ReleaseCondition> for v1::Awaited {
    fn from(awaited: ReleaseCondition) -> Self {
        match awaited {
            ReleaseCondition::Clearance(Participant::Customs) => Self::CustomsVerdict,
            ReleaseCondition::Clearance(Participant::Quarantine) => Self::QuarantineVerdict,
            ReleaseCondition::Clearance(Participant::RiskCheck) => Self::RiskCheck,
            ReleaseCondition::Clearance(Participant::Duty) => Self::Duty,
            ReleaseCondition::Findings => Self::Findings,
            ReleaseCondition::Documents => Self::Documents,
        }
    }
}

impl v1::Awaited {
    /// What this stands for; `None` when unspecified.
    pub fn awaited(self) -> Option<ReleaseCondition> {
        ReleaseCondition::all().find(|what| Self::from(*what) == self)
    }
}

impl From<Participant> for v1::Participant {
    fn from(who: Participant) -> Self {
        match who {
            Participant::Customs => Self::Customs,
            Participant::Quarantine => Self::Quarantine,
            Participant::RiskCheck => Self::RiskCheck,
            Participant::Duty => Self::Duty,
        }
    }
}

impl v1::Participant {
    /// The agency that it is; `None` for a check.
    pub fn agency(self) -> Option<Agency> {
        let all = Participant::ALL.into_iter();
        all.filter(|who| Self::from(*who) == self).find_map(Participant::agency)
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
            // What is awaited is told by what was asked for.
            Stand::Held | Stand::AwaitsDocuments => Self::Held,
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

impl From<Outcome> for v1::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted => Self::Accepted,
            Outcome::ManualReview => Self::ManualReview,
            Outcome::Concluded => Self::Concluded,
            Outcome::WantsInspection => Self::WantsInspection,
            Outcome::Held | Outcome::AwaitsDocuments => Self::Held,
            Outcome::Rejected => Self::Rejected,
            Outcome::Cleared => Self::Cleared,
            Outcome::Detained => Self::Detained,
            Outcome::Returned => Self::Returned,
        }
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
            Ok(v1::Agency::Quarantine) => Agency::Quarantine,
            Ok(v1::Agency::Unspecified) | Err(_) => {
                return Err("instructed_by must be AGENCY_CUSTOMS or AGENCY_QUARANTINE");
            }
        };
        if evidence.iter().any(|digest| digest.len() != 32) {
            return Err("evidence must be SHA-256 digests of 32 bytes");
        }
        Ok(Self { instructed_by, gnum, result, text, evidence })
    }
}

impl From<DocumentRequest> for v1::DocumentRequest {
    fn from(DocumentRequest { items, until }: DocumentRequest) -> Self {
        let item = |RequestedDocument { kind, text, mandatory }| v1::RequestedDocument {
            kind,
            text,
            mandatory,
        };
        let items = items.into_iter().map(item).collect();
        Self { items, until_time: until.map(crate::timestamp) }
    }
}

/// The only thing that cannot be read is a time that there is not.
impl TryFrom<v1::DocumentRequest> for DocumentRequest {
    type Error = ();

    fn try_from(asked: v1::DocumentRequest) -> Result<Self, ()> {
        let v1::DocumentRequest { items, until_time } = asked;
        let item = |v1::RequestedDocument { kind, text, mandatory }| RequestedDocument {
            kind,
            text,
            mandatory,
        };
        let until = until_time.map(|wire| crate::time(wire).ok_or(())).transpose()?;
        Ok(Self { items: items.into_iter().map(item).collect(), until })
    }
}

/// Encodes what an agency asked for, as it is kept.
pub fn encode_document_request(asked: DocumentRequest) -> Vec<u8> {
    v1::DocumentRequest::from(asked).encode_to_vec()
}

/// Reads what an agency asked for; `None` when it cannot be read, which only a damaged database can cause.
pub fn decode_document_request(bytes: &[u8]) -> Option<DocumentRequest> {
    v1::DocumentRequest::decode(bytes).ok()?.try_into().ok()
}

impl From<ProvidedDocument> for v1::ProvidedDocument {
    fn from(document: ProvidedDocument) -> Self {
        let ProvidedDocument { kind, number, sha256, name, reason } = document;
        Self { kind, number, sha256, name, reason }
    }
}

impl From<v1::ProvidedDocument> for ProvidedDocument {
    fn from(document: v1::ProvidedDocument) -> Self {
        let v1::ProvidedDocument { kind, number, sha256, name, reason } = document;
        Self { kind, number, sha256, name, reason }
    }
}

impl From<InspectionStep> for v1::InspectionStep {
    fn from(step: InspectionStep) -> Self {
        match step {
            InspectionStep::Appointed => Self::Appointed,
            InspectionStep::Rescheduled => Self::Rescheduled,
            InspectionStep::NoShow => Self::NoShow,
            InspectionStep::Presented => Self::Presented,
            InspectionStep::Examining => Self::Examining,
            InspectionStep::Sampled => Self::Sampled,
            InspectionStep::Laboratory => Self::Laboratory,
            InspectionStep::Found => Self::Found,
            InspectionStep::Treating => Self::Treating,
            InspectionStep::Treated => Self::Treated,
            InspectionStep::Disposed => Self::Disposed,
            InspectionStep::Closed => Self::Closed,
            InspectionStep::ObjectionRefused => Self::ObjectionRefused,
        }
    }
}

impl v1::InspectionStep {
    /// The step that this stands for; `None` when unspecified.
    pub fn step(self) -> Option<InspectionStep> {
        Some(match self {
            Self::Unspecified => return None,
            Self::Appointed => InspectionStep::Appointed,
            Self::Rescheduled => InspectionStep::Rescheduled,
            Self::NoShow => InspectionStep::NoShow,
            Self::Presented => InspectionStep::Presented,
            Self::Examining => InspectionStep::Examining,
            Self::Sampled => InspectionStep::Sampled,
            Self::Laboratory => InspectionStep::Laboratory,
            Self::Found => InspectionStep::Found,
            Self::Treating => InspectionStep::Treating,
            Self::Treated => InspectionStep::Treated,
            Self::Disposed => InspectionStep::Disposed,
            Self::Closed => InspectionStep::Closed,
            Self::ObjectionRefused => InspectionStep::ObjectionRefused,
        })
    }
}

impl From<InspectionProgress> for v1::InspectionProgress {
    fn from(moved: InspectionProgress) -> Self {
        let InspectionProgress {
            order_id,
            step,
            examination,
            place,
            place_name,
            place_name_zh,
            window_start,
            window_end,
            text,
            text_zh,
        } = moved;
        Self {
            order_id: order_id.0.to_string(),
            step: v1::InspectionStep::from(step).into(),
            examination,
            place,
            place_name,
            place_name_zh,
            window_start: window_start.map(crate::timestamp),
            window_end: window_end.map(crate::timestamp),
            text,
            text_zh,
        }
    }
}

impl TryFrom<v1::InspectionProgress> for InspectionProgress {
    type Error = &'static str;

    fn try_from(moved: v1::InspectionProgress) -> Result<Self, Self::Error> {
        let v1::InspectionProgress {
            order_id,
            step,
            examination,
            place,
            place_name,
            place_name_zh,
            window_start,
            window_end,
            text,
            text_zh,
        } = moved;
        let order_id = Uuid::try_parse(&order_id).map_err(|_| "order_id must be a UUID")?;
        let step = v1::InspectionStep::try_from(step).ok().and_then(v1::InspectionStep::step);
        let time = |wire: Option<pbjson_types::Timestamp>| {
            let read = wire.map(|wire| crate::time(wire).ok_or("the appointment is out of range"));
            read.transpose()
        };
        Ok(Self {
            order_id: OrderId(order_id),
            step: step.ok_or("step must be an INSPECTION_STEP")?,
            examination,
            place,
            place_name,
            place_name_zh,
            window_start: time(window_start)?,
            window_end: time(window_end)?,
            text,
            text_zh,
        })
    }
}

impl From<DutyProgress> for v1::DutyProgress {
    fn from(moved: DutyProgress) -> Self {
        let DutyProgress {
            step,
            code,
            assure_code,
            amount_fen,
            available_fen,
            missing_fen,
            tax_no,
            text,
            text_zh,
        } = moved;
        let step = match step {
            DutyStep::Short => v1::DutyStep::Short,
            DutyStep::Unassessed => v1::DutyStep::Unassessed,
            DutyStep::Billed => v1::DutyStep::Billed,
            DutyStep::Returned => v1::DutyStep::Returned,
            DutyStep::Collected => v1::DutyStep::Collected,
            DutyStep::Paid => v1::DutyStep::Paid,
            DutyStep::Low => v1::DutyStep::Low,
            DutyStep::ReturnAllowed => v1::DutyStep::ReturnAllowed,
            DutyStep::ReturnLapsed => v1::DutyStep::ReturnLapsed,
        };
        Self {
            step: step.into(),
            code,
            assure_code,
            amount_fen,
            available_fen,
            missing_fen,
            tax_no,
            text,
            text_zh,
        }
    }
}

impl TryFrom<v1::DutyProgress> for DutyProgress {
    type Error = &'static str;

    fn try_from(moved: v1::DutyProgress) -> Result<Self, Self::Error> {
        let step = match moved.step() {
            v1::DutyStep::Short => DutyStep::Short,
            v1::DutyStep::Unassessed => DutyStep::Unassessed,
            v1::DutyStep::Billed => DutyStep::Billed,
            v1::DutyStep::Returned => DutyStep::Returned,
            v1::DutyStep::Collected => DutyStep::Collected,
            v1::DutyStep::Paid => DutyStep::Paid,
            v1::DutyStep::Low => DutyStep::Low,
            v1::DutyStep::ReturnAllowed => DutyStep::ReturnAllowed,
            v1::DutyStep::ReturnLapsed => DutyStep::ReturnLapsed,
            v1::DutyStep::Unspecified => return Err("step must be a DUTY_STEP"),
        };
        let v1::DutyProgress {
            step: _,
            code,
            assure_code,
            amount_fen,
            available_fen,
            missing_fen,
            tax_no,
            text,
            text_zh,
        } = moved;
        Ok(Self {
            step,
            code,
            assure_code,
            amount_fen,
            available_fen,
            missing_fen,
            tax_no,
            text,
            text_zh,
        })
    }
}

impl From<ReceiptProgress> for v1::ReceiptProgress {
    fn from(moved: ReceiptProgress) -> Self {
        let ReceiptProgress {
            step,
            receipt,
            receiver,
            currency,
            amount,
            due,
            received,
            settled,
            text,
            text_zh,
        } = moved;
        let step = match step {
            ReceiptStep::Matched => v1::ReceiptStep::Matched,
            ReceiptStep::Unmatched => v1::ReceiptStep::Unmatched,
            ReceiptStep::Settled => v1::ReceiptStep::Settled,
            ReceiptStep::Kept => v1::ReceiptStep::Kept,
            ReceiptStep::Reversed => v1::ReceiptStep::Reversed,
            ReceiptStep::Freed => v1::ReceiptStep::Freed,
        };
        Self {
            step: step.into(),
            receipt: receipt.to_string(),
            receiver,
            currency,
            amount,
            due,
            received,
            settled,
            text,
            text_zh,
        }
    }
}

impl TryFrom<v1::ReceiptProgress> for ReceiptProgress {
    type Error = &'static str;

    fn try_from(moved: v1::ReceiptProgress) -> Result<Self, Self::Error> {
        let step = match moved.step() {
            v1::ReceiptStep::Matched => ReceiptStep::Matched,
            v1::ReceiptStep::Unmatched => ReceiptStep::Unmatched,
            v1::ReceiptStep::Settled => ReceiptStep::Settled,
            v1::ReceiptStep::Kept => ReceiptStep::Kept,
            v1::ReceiptStep::Reversed => ReceiptStep::Reversed,
            v1::ReceiptStep::Freed => ReceiptStep::Freed,
            v1::ReceiptStep::Unspecified => return Err("step must be a RECEIPT_STEP"),
        };
        let receipt = uuid::Uuid::try_parse(&moved.receipt);
        let receipt = receipt.map_err(|_| "receipt must be a UUID")?;
        let v1::ReceiptProgress {
            step: _,
            receipt: _,
            receiver,
            currency,
            amount,
            due,
            received,
            settled,
            text,
            text_zh,
        } = moved;
        Ok(Self {
            step,
            receipt,
            receiver,
            currency,
            amount,
            due,
            received,
            settled,
            text,
            text_zh,
        })
    }
}

impl From<ExportProgress> for v1::ExportProgress {
    fn from(moved: ExportProgress) -> Self {
        let ExportProgress { step, day, number, lines, money, text, text_zh } = moved;
        let step = match step {
            ExportStep::Departed => v1::ExportStep::Departed,
            ExportStep::Summarised => v1::ExportStep::Summarised,
            ExportStep::ReturnAllowed => v1::ExportStep::ReturnAllowed,
            ExportStep::CameBack => v1::ExportStep::CameBack,
            ExportStep::MoneyAnnounced => v1::ExportStep::MoneyAnnounced,
        };
        let money = money.map(|AnnouncedMoney { pay_code, pay_no, currency, amount_e5 }| {
            let amount = Some(v1::Money { currency, amount_e5 });
            v1::AnnouncedMoney { pay_code, pay_no, amount }
        });
        let line = |BackQuantity { gnum, qty_e5 }| v1::BackQuantity { gnum, qty_e5 };
        let lines = lines.into_iter().map(line).collect();
        Self { step: step.into(), day: day.to_string(), number, lines, text, text_zh, money }
    }
}

impl TryFrom<v1::ExportProgress> for ExportProgress {
    type Error = &'static str;

    fn try_from(moved: v1::ExportProgress) -> Result<Self, Self::Error> {
        let step = match moved.step() {
            v1::ExportStep::Departed => ExportStep::Departed,
            v1::ExportStep::Summarised => ExportStep::Summarised,
            v1::ExportStep::ReturnAllowed => ExportStep::ReturnAllowed,
            v1::ExportStep::CameBack => ExportStep::CameBack,
            v1::ExportStep::MoneyAnnounced => ExportStep::MoneyAnnounced,
            v1::ExportStep::Unspecified => return Err("step must be an EXPORT_STEP"),
        };
        let v1::ExportProgress { step: _, day, number, lines, text, text_zh, money } = moved;
        let money = money.map(|v1::AnnouncedMoney { pay_code, pay_no, amount }| {
            let v1::Money { currency, amount_e5 } = amount.ok_or("money needs an amount")?;
            if amount_e5 < 0 {
                return Err("money must not be below zero");
            }
            Ok(AnnouncedMoney { pay_code, pay_no, currency, amount_e5 })
        });
        let money = money.transpose()?;
        if money.is_some() != (step == ExportStep::MoneyAnnounced) {
            return Err("money belongs to what is announced");
        }
        let day = time::Date::parse(&day, &time::format_description::well_known::Iso8601::DATE);
        let day = day.map_err(|_| "day must be YYYY-MM-DD")?;
        let line = |v1::BackQuantity { gnum, qty_e5 }| BackQuantity { gnum, qty_e5 };
        let lines = lines.into_iter().map(line).collect();
        Ok(Self { step, day, number, lines, money, text, text_zh })
    }
}

fn list<A, B: From<A>>(items: Vec<A>) -> Vec<B> {
    items.into_iter().map(Into::into).collect()
}

impl From<HistoryFact> for v1::Fact {
    fn from(record: HistoryFact) -> Self {
        use v1::fact::Kind;
        let agency = |agency: Agency| v1::Agency::from(agency).into();
        let kind = match record {
            HistoryFact::Filed { pre_no } => Kind::Filed(v1::Filed { pre_no }),
            HistoryFact::Amended { previous_version } => {
                Kind::Amended(v1::Amended { previous_version })
            }
            HistoryFact::Withdrawn { reason } => Kind::Withdrawn(v1::Withdrawn { reason }),
            HistoryFact::StandChanged { who, stand, reasons } => {
                Kind::StandChanged(v1::StandChanged {
                    who: v1::Participant::from(who).into(),
                    stand: v1::Stand::from(stand).into(),
                    reasons: list(reasons),
                })
            }
            HistoryFact::InspectionOrdered { order_id, demanded_by, instructions } => {
                Kind::InspectionOrdered(v1::InspectionOrdered {
                    order_id: order_id.0.to_string(),
                    demanded_by: agency(demanded_by),
                    instructions: list(instructions),
                })
            }
            HistoryFact::InspectionJoined { order_id, demanded_by, instructions } => {
                Kind::InspectionJoined(v1::InspectionJoined {
                    order_id: order_id.0.to_string(),
                    demanded_by: agency(demanded_by),
                    instructions: list(instructions),
                })
            }
            HistoryFact::InspectionCompleted { order_id, findings } => {
                Kind::InspectionCompleted(v1::InspectionCompleted {
                    order_id: order_id.0.to_string(),
                    findings: list(findings),
                })
            }
            HistoryFact::InspectionAnswered { order_id, demanded_by, findings } => {
                Kind::InspectionAnswered(v1::InspectionAnswered {
                    order_id: order_id.0.to_string(),
                    demanded_by: agency(demanded_by),
                    findings: list(findings),
                })
            }
            HistoryFact::InspectionCancelled { order_id } => {
                Kind::InspectionCancelled(v1::InspectionCancelled {
                    order_id: order_id.0.to_string(),
                })
            }
            HistoryFact::InspectionReopened { order_id, reason } => {
                let order_id = order_id.0.to_string();
                Kind::InspectionReopened(v1::InspectionReopened { order_id, reason })
            }
            HistoryFact::InspectionProgress(moved) => Kind::InspectionProgress(moved.into()),
            HistoryFact::DutyProgress(moved) => Kind::DutyProgress(moved.into()),
            HistoryFact::ReceiptProgress(moved) => Kind::ReceiptProgress(moved.into()),
            HistoryFact::ExportProgress(moved) => Kind::ExportProgress(moved.into()),
            HistoryFact::DocumentsRequested { request, agency: who, asked } => {
                Kind::DocumentsRequested(v1::DocumentsRequested {
                    document_request_id: request.0.to_string(),
                    agency: agency(who),
                    asked: Some(asked.into()),
                })
            }
            HistoryFact::DocumentsProvided { request, agency: who, documents } => {
                Kind::DocumentsProvided(v1::DocumentsProvided {
                    document_request_id: request.0.to_string(),
                    agency: agency(who),
                    documents: documents.into_iter().map(Into::into).collect(),
                })
            }
            HistoryFact::DocumentsWaived { request, agency: who } => {
                let document_request_id = request.0.to_string();
                Kind::DocumentsWaived(v1::DocumentsWaived {
                    document_request_id,
                    agency: agency(who),
                })
            }
            HistoryFact::Numbered { invt_no } => Kind::Numbered(v1::Numbered { invt_no }),
            HistoryFact::Released { release_id, invt_no } => {
                Kind::Released(v1::Released { release_id: release_id.0.to_string(), invt_no })
            }
            HistoryFact::Rejected { agency: who, reasons } => {
                Kind::Rejected(v1::Rejected { agency: agency(who), reasons: list(reasons) })
            }
            HistoryFact::Returned { agency: who, reasons } => {
                Kind::Returned(v1::Returned { agency: agency(who), reasons: list(reasons) })
            }
        };
        Self { kind: Some(kind) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_read_whole_or_not_at_all() {
        let finding = |instructed_by| Finding {
            instructed_by,
            gnum: 1,
            result: "QTY_MISMATCH".to_owned(),
            text: "one is missing".to_owned(),
            evidence: vec![vec![7; 32]],
        };
        let findings = vec![finding(Agency::Customs), finding(Agency::Quarantine)];
        let stored = encode_findings(&findings);
        assert_eq!(decode_findings(&stored).expect("they were kept"), findings);
        assert!(decode_findings(&[0xff]).is_err(), "no message");

        let damage: [fn(&mut v1::Finding); 2] =
            [|finding| finding.instructed_by = 0, |finding| finding.evidence = vec![vec![7; 31]]];
        for damage in damage {
            let mut message = stored::OrderFindings::decode(&*stored).expect("it was encoded");
            damage(&mut message.findings[1]);
            let read = decode_findings(&message.encode_to_vec());
            assert!(read.is_err(), "the first one alone is not what was found: {read:?}");
        }
    }
}
