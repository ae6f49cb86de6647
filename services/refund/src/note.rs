//! What happened, as the firm is told of it and as the journal keeps it.

use prost::Message as _;
use proto::v1;

/// What happened, as the firm is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoteKind {
    ExportReleased,
    ProofRecorded,
    InvoiceRegistered,
    InvoiceVerified,
    ClaimProposed,
    ClaimSubmitted,
    FormRefused,
    ClaimAccepted,
    ClaimWithdrawn,
    LineDropped,
    QueryRaised,
    QueryAnswered,
    QueryLifted,
    LineApproved,
    LineRefused,
    LinePaid,
    LineSettled,
    RecoveryOrdered,
    LineRepaid,
    Reminder,
    GoodsBack,
    SalesReported,
    InvoiceInvalid,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefundNote {
    pub(crate) kind: NoteKind,
    /// 0 for the whole.
    pub(crate) line: u32,
    pub(crate) fen: i64,
    pub(crate) number: u64,
    pub(crate) text: String,
    pub(crate) text_zh: String,
}

impl RefundNote {
    /// About the whole.
    pub(crate) fn of(kind: NoteKind, text: impl Into<String>, text_zh: impl Into<String>) -> Self {
        Self { kind, line: 0, fen: 0, number: 0, text: text.into(), text_zh: text_zh.into() }
    }
}

/// Notes as they are kept in the journal.
pub(crate) fn encode_notes(name: String, notes: Vec<RefundNote>) -> Vec<u8> {
    let fact = |note: RefundNote| {
        let RefundNote { kind, line, fen, number, text, text_zh } = note;
        let step = wire_step(kind).into();
        v1::RefundFact { step, line, amount_fen: fen, number, text, text_zh }
    };
    v1::RefundFacts { name, facts: notes.into_iter().map(fact).collect() }.encode_to_vec()
}

fn wire_step(kind: NoteKind) -> v1::RefundStep {
    match kind {
        NoteKind::ExportReleased => v1::RefundStep::ExportReleased,
        NoteKind::ProofRecorded => v1::RefundStep::ProofRecorded,
        NoteKind::InvoiceRegistered => v1::RefundStep::InvoiceRegistered,
        NoteKind::InvoiceVerified => v1::RefundStep::InvoiceVerified,
        NoteKind::ClaimProposed => v1::RefundStep::ClaimProposed,
        NoteKind::ClaimSubmitted => v1::RefundStep::ClaimSubmitted,
        NoteKind::FormRefused => v1::RefundStep::FormRefused,
        NoteKind::ClaimAccepted => v1::RefundStep::ClaimAccepted,
        NoteKind::ClaimWithdrawn => v1::RefundStep::ClaimWithdrawn,
        NoteKind::LineDropped => v1::RefundStep::LineDropped,
        NoteKind::QueryRaised => v1::RefundStep::QueryRaised,
        NoteKind::QueryAnswered => v1::RefundStep::QueryAnswered,
        NoteKind::QueryLifted => v1::RefundStep::QueryLifted,
        NoteKind::LineApproved => v1::RefundStep::LineApproved,
        NoteKind::LineRefused => v1::RefundStep::LineRefused,
        NoteKind::LinePaid => v1::RefundStep::LinePaid,
        NoteKind::LineSettled => v1::RefundStep::LineSettled,
        NoteKind::RecoveryOrdered => v1::RefundStep::RecoveryOrdered,
        NoteKind::LineRepaid => v1::RefundStep::LineRepaid,
        NoteKind::Reminder => v1::RefundStep::Reminder,
        NoteKind::GoodsBack => v1::RefundStep::GoodsBack,
        NoteKind::SalesReported => v1::RefundStep::SalesReported,
        NoteKind::InvoiceInvalid => v1::RefundStep::InvoiceInvalid,
    }
}
