//! How an event of the exchange begins for every service that listens: which declaration it is about, and what happened
//! to it. What else concerns a service it reads itself.

use domain::DeclarationId;
use proto::v1::fact::Kind;
use proto::v1::{self, Direction};
use time::OffsetDateTime;

/// The beginning of an event about a declaration.
#[derive(Debug, Clone, Copy)]
pub struct EventHead<'e> {
    /// Which declaration.
    pub id: DeclarationId,
    /// Its version.
    pub version: u32,
    /// Round of review after it.
    pub round: u32,
    /// When it happened.
    pub time: OffsetDateTime,
    facts: &'e [v1::Fact],
    declared: Option<&'e v1::Declaration>,
}

/// What happened, for services that follow how declarations are filed and end.
#[derive(Debug, Clone, Copy)]
pub enum EventFact<'e> {
    /// A version was filed, as it was declared.
    Filed(&'e v1::Declaration),
    /// With customs' number, where it has one.
    Released(&'e v1::Released),
    /// Rejected, withdrawn or sent back.
    Ended,
    /// Anything else.
    Other(&'e Kind),
}

impl<'e> EventHead<'e> {
    /// The beginning of an event; `None` for one that cannot be read.
    pub fn read(event: &'e v1::Event) -> Option<Self> {
        Some(Self {
            id: DeclarationId::parse(&event.declaration_id)?,
            version: event.version,
            round: event.round,
            time: event.time.and_then(proto::time)?,
            facts: &event.facts.as_ref()?.facts,
            declared: event.declaration.as_ref(),
        })
    }

    /// The same for a service that only imports or only exports concern: of the others nothing happened for it.
    pub fn read_in(direction: Direction, event: &'e v1::Event) -> Option<Self> {
        let head = Self::read(event)?;
        match event.ie_flag() {
            Direction::Unspecified => None,
            own if own == direction => Some(head),
            Direction::Import | Direction::Export => Some(Self { facts: &[], ..head }),
        }
    }

    /// The kinds of its facts. One that this program does not know is none that concerns it.
    pub fn kinds(&self) -> impl Iterator<Item = &'e Kind> + use<'e> {
        self.facts.iter().filter_map(|fact| fact.kind.as_ref())
    }

    /// What happened, in order; `None` for a version that does not say what was declared.
    pub fn facts(&self) -> impl Iterator<Item = Option<EventFact<'e>>> + use<'e> {
        let declared = self.declared;
        self.kinds().map(move |kind| {
            Some(match kind {
                Kind::Filed(_) | Kind::Amended(_) => EventFact::Filed(declared?),
                Kind::Released(released) => EventFact::Released(released),
                Kind::Rejected(_) | Kind::Returned(_) | Kind::Withdrawn(_) => EventFact::Ended,
                Kind::Numbered(_)
                | Kind::StandChanged(_)
                | Kind::InspectionOrdered(_)
                | Kind::InspectionJoined(_)
                | Kind::InspectionCompleted(_)
                | Kind::InspectionAnswered(_)
                | Kind::InspectionCancelled(_)
                | Kind::InspectionReopened(_)
                | Kind::DocumentsRequested(_)
                | Kind::DocumentsProvided(_)
                | Kind::DocumentsWaived(_)
                | Kind::InspectionProgress(_)
                | Kind::DutyProgress(_)
                | Kind::ReceiptProgress(_)
                | Kind::ExportProgress(_)
                | Kind::BankNotice(_) => EventFact::Other(kind),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn event(kinds: Vec<Kind>) -> v1::Event {
        let facts = kinds.into_iter().map(|kind| v1::Fact { kind: Some(kind) });
        // The last one is of a newer program.
        let facts = facts.chain([v1::Fact { kind: None }]).collect();
        v1::Event {
            declaration_id: Uuid::from_u128(7).to_string(),
            version: 2,
            time: Some(proto::timestamp(OffsetDateTime::UNIX_EPOCH)),
            ie_flag: Direction::Export.into(),
            facts: Some(v1::Facts { facts, waits_for: Vec::new() }),
            declaration: Some(v1::Declaration { order_no: "O-1".to_owned(), ..Default::default() }),
            ..Default::default()
        }
    }

    fn words(head: &EventHead<'_>) -> Vec<Option<String>> {
        let word = |fact: EventFact<'_>| match fact {
            EventFact::Filed(declared) => declared.order_no.clone(),
            EventFact::Released(released) => released.invt_no.clone(),
            EventFact::Ended => "ended".to_owned(),
            EventFact::Other(_) => "other".to_owned(),
        };
        head.facts().map(|fact| fact.map(word)).collect()
    }

    #[test]
    fn an_event_says_how_a_declaration_is_filed_and_ends_and_nothing_of_the_other_direction() {
        let kinds = vec![
            Kind::Amended(v1::Amended::default()),
            Kind::Numbered(v1::Numbered::default()),
            Kind::Released(v1::Released { invt_no: "I-1".to_owned(), ..Default::default() }),
            Kind::Withdrawn(v1::Withdrawn::default()),
        ];
        let event = event(kinds);
        let head = EventHead::read(&event).expect("it can be read");
        assert_eq!((head.id.uuid(), head.version), (Uuid::from_u128(7), 2));
        let all = ["O-1", "other", "I-1", "ended"].map(|word| Some(word.to_owned()));
        assert_eq!(words(&head), all);
        let exports = EventHead::read_in(Direction::Export, &event).expect("it can be read");
        assert_eq!(words(&exports), all);
        let imports = EventHead::read_in(Direction::Import, &event).expect("it can be read");
        assert_eq!(words(&imports), []);
        // What was declared is missed only by those whom it concerns.
        let bare = v1::Event { declaration: None, ..event.clone() };
        let head = EventHead::read(&bare).expect("its beginning can be read");
        assert_eq!(words(&head).first(), Some(&None));
        assert!(EventHead::read_in(Direction::Import, &bare).is_some());
        let nowhere = v1::Event { ie_flag: 0, ..event.clone() };
        assert!(EventHead::read_in(Direction::Import, &nowhere).is_none());
        assert!(EventHead::read(&v1::Event { facts: None, ..event }).is_none());
    }
}
