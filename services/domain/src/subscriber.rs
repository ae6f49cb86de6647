//! Who consumes the exchange: one table of what each is and what it is told.

use crate::Kind;
use crate::history::topic::{CONTENT, DETAINED, END, IMPORT_NUMBER, INSPECTED, INSPECTION};
use crate::participant::Participant;

/// A consumer of the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subscriber {
    /// Customs.
    Customs,
    /// Entry-exit inspection and quarantine (国检).
    Quarantine,
    /// The inspection service, for the examination sites and the risk rules.
    InspectionService,
    /// The payment service, for the duty of imports.
    PaymentService,
}

/// What the table says of a subscriber.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The kind of caller that it is.
    pub kind: Kind,
    /// As it is stored.
    pub column: i16,
    /// As metrics and logs name it.
    pub name: &'static str,
    /// As whom it gives verdicts.
    pub participant: Participant,
    /// Whether it speaks about inspections.
    pub inspects: bool,
    /// What it is told, as bits of [`crate::history::topic`].
    pub topics: i32,
}

impl Subscriber {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Customs, Self::Quarantine, Self::InspectionService, Self::PaymentService];

    /// Its row of the table.
    pub fn row(self) -> Row {
        match self {
            Self::Customs => Row {
                kind: Kind::Customs,
                column: 1,
                name: "customs",
                participant: Participant::Customs,
                inspects: false,
                topics: CONTENT | INSPECTION | END | IMPORT_NUMBER,
            },
            Self::Quarantine => Row {
                kind: Kind::Quarantine,
                column: 2,
                name: "quarantine",
                participant: Participant::Quarantine,
                inspects: false,
                topics: CONTENT | INSPECTION | END,
            },
            // It asks the risk rules about every content, and drops or stops what it planned when a
            // declaration ends or the goods are detained.
            Self::InspectionService => Row {
                kind: Kind::InspectionService,
                column: 3,
                name: "inspection-service",
                participant: Participant::RiskCheck,
                inspects: true,
                topics: CONTENT | INSPECTION | END | DETAINED | INSPECTED,
            },
            // It holds the tax of every content, frees it at an end and bills it at the release, under
            // customs' number.
            Self::PaymentService => Row {
                kind: Kind::PaymentService,
                column: 5,
                name: "payment",
                participant: Participant::Duty,
                inspects: false,
                topics: CONTENT | END | IMPORT_NUMBER,
            },
        }
    }

    /// The subscriber that a kind of caller is; `None` when it is none.
    pub fn of(kind: Kind) -> Option<Self> {
        Self::ALL.into_iter().find(|who| who.row().kind == kind)
    }
}
