//! What happened to a declaration, with its data: what the journal keeps and everybody reads.

use time::OffsetDateTime;

use crate::clearance::{Agency, Stand};
use crate::document_request::{DocumentRequest, ProvidedDocument};
use crate::participant::Participant;
use crate::{OrderId, ReleaseId, RequestId};

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

/// A step of an inspection at its site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InspectionStep {
    /// Place and time are fixed (查验通知).
    Appointed,
    /// They changed.
    Rescheduled,
    /// Nobody presented the goods (未到场).
    NoShow,
    /// The goods are there (到场).
    Presented,
    /// The examination has begun (开箱查验).
    Examining,
    /// A sample was taken (取样).
    Sampled,
    /// Samples are at the laboratory (送检).
    Laboratory,
    /// Something was found (查验结果).
    Found,
    /// The goods are being treated (检疫处理).
    Treating,
    /// They were.
    Treated,
    /// It is decided what becomes of the goods (处置).
    Disposed,
    /// Nothing more is to be done (办结).
    Closed,
    /// An objection was not followed (异议不予受理).
    ObjectionRefused,
}

/// What happened to an order at its site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectionProgress {
    /// Which order.
    pub order_id: OrderId,
    /// What happened.
    pub step: InspectionStep,
    /// Which examination, from 1.
    pub examination: u32,
    /// Code of the site; empty when none is fixed.
    pub place: String,
    /// Its name in English.
    pub place_name: String,
    /// Its name in Chinese.
    pub place_name_zh: String,
    /// Begin of the appointment.
    pub window_start: Option<OffsetDateTime>,
    /// Its end.
    pub window_end: Option<OffsetDateTime>,
    /// In words.
    pub text: String,
    /// In Chinese.
    pub text_zh: String,
}

/// A step of the duty of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DutyStep {
    /// The guarantee has too little; the declaration waits (担保余额不足).
    Short,
    /// The tax cannot be computed from what was declared (无法计税).
    Unassessed,
    /// There is a bill (税单已生成).
    Billed,
    /// Goods came back, and their tax with them; all of it makes the bill void (退税、税单作废).
    Returned,
    /// The bill is in a payment order (已汇总入缴款书).
    Collected,
    /// The payment order was paid (已缴款).
    Paid,
    /// The guarantee is nearly used up (担保余额偏低).
    Low,
    /// Goods may come back; the site waits for them (准予退货).
    ReturnAllowed,
    /// Goods did not come back in time, and their tax stays (退货逾期).
    ReturnLapsed,
}

/// What happened to the duty of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyProgress {
    /// What happened.
    pub step: DutyStep,
    /// Code of the refusal that it is; empty for what is none.
    pub code: String,
    /// Who stands for the tax.
    pub assure_code: String,
    /// The tax, in fen.
    pub amount_fen: i64,
    /// What the guarantee has, in fen; 0 where it does not matter.
    pub available_fen: i64,
    /// What is missing there, in fen.
    pub missing_fen: i64,
    /// Number of the bill; empty without one.
    pub tax_no: String,
    /// In words.
    pub text: String,
    /// In Chinese.
    pub text_zh: String,
}

/// A step of the money for an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReceiptStep {
    /// Money from abroad was matched to it (已匹配).
    Matched,
    /// It was taken off again (撤销匹配).
    Unmatched,
    /// Some of it was settled into yuan (已结汇).
    Settled,
    /// Some of it stays in forex (留存).
    Kept,
    /// The bank took money back that had come (已退回).
    Reversed,
    /// An order to settle ended without it: it is free again (已解除冻结).
    Freed,
}

/// What happened to the money for an export. The sums are those after it, so that the newest says all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptProgress {
    /// What happened.
    pub step: ReceiptStep,
    /// The receipt that it happened to.
    pub receipt: uuid::Uuid,
    /// Who receives it.
    pub receiver: String,
    /// Its currency, in letters.
    pub currency: String,
    /// What this step is about, in the minor unit.
    pub amount: i64,
    /// What the goods cost, in the minor unit.
    pub due: i64,
    /// What came for them, with what banks kept of it.
    pub received: i64,
    /// What was settled or kept of it, with what banks kept of a receipt that is settled whole.
    pub settled: i64,
    /// In words.
    pub text: String,
    /// In Chinese.
    pub text_zh: String,
}

/// A step of an export that its documents tell, on its way out and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExportStep {
    /// It left the country (离境).
    Departed,
    /// It is in a goods declaration form (报关单).
    Summarised,
    /// Goods of it may come back (退货申请放行).
    ReturnAllowed,
    /// They are back and counted (退货理货).
    CameBack,
    /// A payment firm announced money for it (收款单, 403), or took that back.
    MoneyAnnounced,
}

/// Money that a payment firm announces for an export (收款单).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnouncedMoney {
    /// Code of the payment firm; empty for one abroad.
    pub pay_code: String,
    /// Its number of the payment; empty where it has none.
    pub pay_no: String,
    /// Number of the currency in customs' table.
    pub currency: String,
    /// In 1/100000; nothing where it was taken back.
    pub amount_e5: i64,
}

/// A quantity of a line of an export that comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackQuantity {
    /// Number of the line.
    pub gnum: u32,
    /// Quantity in 1/100000 of its unit.
    pub qty_e5: i64,
}

/// What documents of customs tell of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportProgress {
    /// What happened.
    pub step: ExportStep,
    /// On which day, in China.
    pub day: time::Date,
    /// Number of the document that tells it: of the form, of the application of a return, or of the payment.
    pub number: String,
    /// What comes back.
    pub lines: Vec<BackQuantity>,
    /// What is announced.
    pub money: Option<AnnouncedMoney>,
    /// In words.
    pub text: String,
    /// In Chinese.
    pub text_zh: String,
}

/// A fact with its data. One for each [`crate::clearance::ClearanceFact`], the filing itself, and what the
/// inspection service tells about an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are documented in the message schema, same names")]
pub enum HistoryFact {
    Filed {
        pre_no: String,
    },
    Amended {
        previous_version: u32,
    },
    Withdrawn {
        reason: String,
    },
    StandChanged {
        who: Participant,
        stand: Stand,
        reasons: Vec<Reason>,
    },
    DocumentsRequested {
        request: RequestId,
        agency: Agency,
        asked: DocumentRequest,
    },
    DocumentsProvided {
        request: RequestId,
        agency: Agency,
        documents: Vec<ProvidedDocument>,
    },
    DocumentsWaived {
        request: RequestId,
        agency: Agency,
    },
    InspectionOrdered {
        order_id: OrderId,
        demanded_by: Agency,
        instructions: Vec<Reason>,
    },
    InspectionJoined {
        order_id: OrderId,
        demanded_by: Agency,
        instructions: Vec<Reason>,
    },
    InspectionCompleted {
        order_id: OrderId,
        findings: Vec<Finding>,
    },
    InspectionAnswered {
        order_id: OrderId,
        demanded_by: Agency,
        findings: Vec<Finding>,
    },
    InspectionCancelled {
        order_id: OrderId,
    },
    InspectionReopened {
        order_id: OrderId,
        reason: String,
    },
    InspectionProgress(InspectionProgress),
    DutyProgress(DutyProgress),
    ReceiptProgress(ReceiptProgress),
    ExportProgress(ExportProgress),
    Numbered {
        invt_no: String,
    },
    /// With customs' number; empty when it gave none.
    Released {
        release_id: ReleaseId,
        invt_no: String,
    },
    Rejected {
        agency: Agency,
        reasons: Vec<Reason>,
    },
    Returned {
        agency: Agency,
        reasons: Vec<Reason>,
    },
}

/// What an entry of the journal is about, as a set of bits, so that a consumer can be served only
/// what concerns it without opening the entry.
pub mod topic {
    /// The content is new: filed or amended.
    pub const CONTENT: i32 = 1;
    /// An agency moved on, or customs gave its number.
    pub const PROGRESS: i32 = 2;
    /// An inspection was ordered, joined, completed, answered, cancelled or reopened, or moved on at its
    /// site.
    pub const INSPECTION: i32 = 4;
    /// Released, rejected, returned or withdrawn.
    pub const END: i32 = 8;
    /// Customs gave an import its number. Nobody waits for that of an export.
    pub const IMPORT_NUMBER: i32 = 16;
    /// A check was answered, or something happened to the duty. No agency has to be told.
    pub const CHECKED: i32 = 32;
    /// An agency detained the goods: what is planned with them waits.
    pub const DETAINED: i32 = 64;
    /// Anything about a declaration that has an inspection order: the order shows what its release waits
    /// for.
    pub const INSPECTED: i32 = 128;
    /// Anything about a declaration that came by the national door, which tells its firm by receipts.
    pub const NATIONAL: i32 = 256;
    /// What a bank has to know or to do. In the journal of the payment service only.
    pub const BANK: i32 = 512;
    /// Money for an export came, went back or was settled.
    pub const RECEIPT: i32 = 1024;
    /// An export left, is in a form, or comes back.
    pub const EXPORT: i32 = 2048;
    /// An agency asked for documents, was answered, or waits for them no more.
    pub const DOCUMENTS: i32 = 16384;
    /// Anything about an import.
    pub const INBOUND: i32 = 4096;
    /// Anything about an export.
    pub const OUTBOUND: i32 = 8192;
}

impl HistoryFact {
    /// Which topic it belongs to.
    pub fn topic(&self) -> i32 {
        match self {
            Self::Filed { .. } | Self::Amended { .. } => topic::CONTENT,
            // House, year, I or E, serial.
            Self::Numbered { invt_no } if invt_no.as_bytes().get(8) == Some(&b'I') => {
                topic::PROGRESS | topic::IMPORT_NUMBER
            }
            Self::StandChanged { stand: Stand::Detained, .. } => topic::PROGRESS | topic::DETAINED,
            Self::StandChanged { who, .. } if who.agency().is_none() => topic::CHECKED,
            Self::DutyProgress(_) => topic::CHECKED,
            Self::ReceiptProgress(_) => topic::RECEIPT,
            Self::ExportProgress(_) => topic::EXPORT,
            Self::StandChanged { .. } | Self::Numbered { .. } => topic::PROGRESS,
            Self::DocumentsRequested { .. }
            | Self::DocumentsProvided { .. }
            | Self::DocumentsWaived { .. } => topic::DOCUMENTS,
            Self::InspectionOrdered { .. }
            | Self::InspectionJoined { .. }
            | Self::InspectionCompleted { .. }
            | Self::InspectionAnswered { .. }
            | Self::InspectionCancelled { .. }
            | Self::InspectionReopened { .. }
            | Self::InspectionProgress(_) => topic::INSPECTION,
            Self::Withdrawn { .. }
            | Self::Released { .. }
            | Self::Rejected { .. }
            | Self::Returned { .. } => topic::END,
        }
    }
}
