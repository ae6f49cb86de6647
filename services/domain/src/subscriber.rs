//! Who consumes the exchange: one table of what each is and what it is told.

use crate::Kind;
use crate::history::topic::{
    BANK, CONTENT, DETAINED, DOCUMENTS, END, EXPORT, IMPORT_NUMBER, INSPECTED, INSPECTION,
    NATIONAL, OUTBOUND, PROGRESS, RECEIPT,
};
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
    /// The national door, which makes receipts of what happens to the declarations that came by it.
    NationalDoor,
    /// The payment service, for the duty of imports.
    PaymentService,
    /// A bank, at the exchange of the payment service.
    Bank,
    /// The refund service, for exports.
    RefundService,
}

/// What the table says of a subscriber.
#[derive(Debug, Clone, Copy)]
pub struct SubscriberRow {
    /// The kind of caller that it is.
    pub kind: Kind,
    /// As it is stored.
    pub column: i16,
    /// As metrics and logs name it.
    pub name: &'static str,
    /// As whom it gives verdicts; `None` for one that only listens.
    pub participant: Option<Participant>,
    /// Whether it speaks about inspections.
    pub inspects: bool,
    /// What it is told.
    pub topics: Topics,
}

/// Which entries of the journal somebody is told, by bits of [`crate::history::topic`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topics {
    /// Those that have one of these,
    any: i32,
    /// and all of these.
    all: i32,
}

impl Topics {
    /// Entries that have one of these.
    const fn of(any: i32) -> Self {
        Self { any, all: 0 }
    }

    /// Of them, those that have this one too.
    const fn among(self, all: i32) -> Self {
        Self { all, ..self }
    }

    /// Whether an entry with these is one of them.
    pub fn include(self, entry: i32) -> bool {
        entry & self.any != 0 && entry & self.all == self.all
    }

    /// As the database compares them: one of these bits, and all of those.
    pub fn columns(self) -> (i32, i32) {
        (self.any, self.all)
    }

    /// Of them, those that have one of these; `None` when these are not all its own.
    pub fn only(self, wanted: i32) -> Option<Self> {
        (wanted & !self.any == 0).then_some(Self { any: wanted, ..self })
    }
}

impl Subscriber {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Customs,
        Self::Quarantine,
        Self::InspectionService,
        Self::NationalDoor,
        Self::PaymentService,
        Self::Bank,
        Self::RefundService,
    ];

    /// Its row of the table.
    pub fn row(self) -> SubscriberRow {
        match self {
            Self::Customs => SubscriberRow {
                kind: Kind::Customs,
                column: 1,
                name: "customs",
                participant: Some(Participant::Customs),
                inspects: false,
                topics: Topics::of(CONTENT | INSPECTION | END | IMPORT_NUMBER | DOCUMENTS),
            },
            Self::Quarantine => SubscriberRow {
                kind: Kind::Quarantine,
                column: 2,
                name: "quarantine",
                participant: Some(Participant::Quarantine),
                inspects: false,
                topics: Topics::of(CONTENT | INSPECTION | END | DOCUMENTS),
            },
            // It asks the risk rules about every content, drops or stops what it planned when a
            // declaration ends or the goods are detained, and stops the clock while documents are awaited.
            Self::InspectionService => SubscriberRow {
                kind: Kind::InspectionService,
                column: 3,
                name: "inspection-service",
                participant: Some(Participant::RiskCheck),
                inspects: true,
                topics: Topics::of(CONTENT | INSPECTION | END | DETAINED | INSPECTED | DOCUMENTS),
            },
            // What came by gRPC costs it nothing: the entry says by itself that it is none of its own.
            Self::NationalDoor => SubscriberRow {
                kind: Kind::Gateway,
                column: 4,
                name: "gateway",
                participant: None,
                inspects: false,
                topics: Topics::of(CONTENT | PROGRESS | INSPECTION | END).among(NATIONAL),
            },
            // It holds the tax of every content, frees it at an end and bills it at the release, which says
            // customs' number; and it hears of money that is announced for exports.
            Self::PaymentService => SubscriberRow {
                kind: Kind::PaymentService,
                column: 5,
                name: "payment-service",
                participant: Some(Participant::Duty),
                inspects: false,
                topics: Topics::of(CONTENT | END | EXPORT),
            },
            // It is told what it has to know and to do; nothing of the declarations themselves.
            Self::Bank => SubscriberRow {
                kind: Kind::Bank,
                column: 6,
                name: "bank",
                participant: None,
                inspects: false,
                topics: Topics::of(BANK),
            },
            // It keeps the lines of every export, which may be claimed when they are released.
            Self::RefundService => SubscriberRow {
                kind: Kind::RefundService,
                column: 7,
                name: "refund-service",
                participant: None,
                inspects: false,
                topics: Topics::of(CONTENT | END | RECEIPT | EXPORT).among(OUTBOUND),
            },
        }
    }

    /// The subscriber that a kind of caller is; `None` when it is none.
    pub fn of(kind: Kind) -> Option<Self> {
        Self::ALL.into_iter().find(|who| who.row().kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::history::topic::CHECKED;

    #[test]
    fn no_two_subscribers_are_the_same() {
        let rows = Subscriber::ALL.map(Subscriber::row);
        assert_eq!(rows.iter().map(|row| row.column).collect::<BTreeSet<_>>().len(), rows.len());
        assert_eq!(rows.iter().map(|row| row.name).collect::<BTreeSet<_>>().len(), rows.len());
        for who in Subscriber::ALL {
            assert_eq!(Subscriber::of(who.row().kind), Some(who), "its kind is its own");
        }
    }

    #[test]
    fn a_subscriber_is_told_what_its_row_says_and_may_ask_for_less() {
        let door = Subscriber::NationalDoor.row().topics;
        for (entry, included) in [
            (CONTENT, false),
            (CONTENT | NATIONAL, true),
            (PROGRESS | DETAINED | NATIONAL, true),
            (END | INSPECTED, false),
            (CHECKED | NATIONAL, false),
            (INSPECTED | NATIONAL, false),
        ] {
            assert_eq!(door.include(entry), included, "{entry:#b}");
        }
        let ends = door.only(END).expect("it is told of them");
        assert!(ends.include(END | NATIONAL) && !ends.include(CONTENT | NATIONAL));
        assert!(!ends.include(END), "less of its own, and nobody else's");
        assert_eq!(door.only(END | CHECKED), None, "one of them is not its own");
        assert_eq!(Subscriber::Customs.row().topics.only(PROGRESS), None);
        let customs = Subscriber::Customs.row().topics;
        assert!(customs.include(CONTENT) && customs.include(CONTENT | NATIONAL));
    }
}
