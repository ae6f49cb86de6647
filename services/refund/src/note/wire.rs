//! Notes as the journal keeps them.

use prost::Message as _;
use proto::v1;

use super::{NoteKind, RefundNote};

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
