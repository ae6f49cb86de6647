//! What happened, as the firm is told of it and as the journal keeps it.

mod wire;

pub(crate) use wire::encode_notes;

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
