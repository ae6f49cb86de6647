//! Events of the exchange: taken, and acknowledged when they are kept. The door has a seat of its own there
//! and is told only of declarations that came by it, without what was declared, which it has itself.

use std::sync::Arc;

use client::{Consumer, Window};
use domain::{DeclarationId, Slot};
use kit::deliver::Delivery;
use kit::listen::{self, ExchangeSeat, Listener, UnreadableEvent};
use kit::pending_answers::PendingAnswers;
use proto::v1::fact::Kind as Wire;
use proto::v1::{self, Topic};
use sqlx::PgPool;
use store::Fault;
use store::queue::Item;
use store::share::Share;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Ceb;
use crate::commit::CebCommand;
use crate::declaration_events::{
    CustomsStep, EventBatch, Fact, LateEvent, OUT_OF_ORDER, ReceiptEvent,
};

/// What receipts are made of.
const TOPICS: [Topic; 4] = [Topic::Content, Topic::Progress, Topic::Inspection, Topic::End];

/// What comes about declarations, of which receipts are made; and what it says of exports until it is answered.
#[derive(Debug)]
pub(crate) struct ReceiptEvents(pub(crate) Arc<Ceb>, pub(crate) Arc<PendingAnswers>);

impl ReceiptEvents {
    /// As whom it listens. Of several processes each has some of the slots.
    pub(crate) fn consumer(window: Window, name: &str) -> Consumer {
        Consumer {
            topics: TOPICS.to_vec(),
            without_content: true,
            ..Consumer::new(window, v1::Subscriber::NationalDoor, name)
        }
    }
}

impl ExchangeSeat for ReceiptEvents {
    async fn take(&self, events: &[Arc<v1::Event>]) -> Result<Vec<(usize, v1::Answer)>, Fault> {
        listen::take_events(self, events).await.map(|_| Vec::new())
    }

    fn handle_result(&self, result: &v1::Result) {
        self.1.answer(result);
    }
}

impl Listener for ReceiptEvents {
    type Event = ReceiptEvent;
    type Outcome = ();

    fn read(&self, event: &Arc<v1::Event>) -> Result<Option<ReceiptEvent>, UnreadableEvent> {
        let read = read(event).ok_or(UnreadableEvent)?;
        Ok((!read.facts.is_empty()).then_some(read))
    }

    fn kind(event: &v1::Event) -> i16 {
        if event.again { OUT_OF_ORDER } else { 0 }
    }

    fn queue(&self) -> (&PgPool, OffsetDateTime) {
        (&self.0.reads, self.0.clock.now())
    }

    async fn take(&self, events: Vec<ReceiptEvent>, behind: Vec<Item>) -> Result<Vec<()>, Fault> {
        let taken = vec![(); events.len()];
        let command = |reply| CebCommand::Take(EventBatch { events, behind }, reply);
        self.0.batch.enqueue(Slot::of(""), &Share::Kept, command).await.map(|()| taken)
    }

    async fn take_late(&self, item: &Item, event: ReceiptEvent) -> Result<(), Delivery> {
        let late = LateEvent { id: item.id, event };
        let command = |reply| CebCommand::Late(late, reply);
        let taken = self.0.batch.enqueue(item.slot, &Share::Kept, command).await;
        taken.map_err(|fault| Delivery::of(&fault))
    }
}

/// What an event means here; `None` for one that cannot be read.
fn read(event: &v1::Event) -> Option<ReceiptEvent> {
    let facts = event.facts.as_ref()?;
    Some(ReceiptEvent {
        slot: Slot::new(event.slot)?,
        position: i64::try_from(event.position).ok()?,
        declaration: DeclarationId::parse(&event.declaration_id)?.uuid(),
        facts: facts.facts.iter().cloned().filter_map(fact).collect(),
        parked: if event.again { Some(Uuid::try_parse(&event.event_id).ok()?) } else { None },
    })
}

/// The facts that receipts are made of.
fn fact(fact: v1::Fact) -> Option<Fact> {
    let customs = i32::from(v1::Agency::Customs);
    Some(match fact.kind? {
        Wire::Filed(filed) => Fact::Filed(filed.pre_no),
        Wire::Numbered(numbered) => Fact::Numbered(numbered.invt_no),
        Wire::StandChanged(changed) => {
            let stand = changed.stand();
            if stand == v1::Stand::Detained {
                return Some(Fact::Customs(CustomsStep::Detained(detained(&changed.reasons))));
            }
            if changed.who() != v1::Participant::Customs {
                return None;
            }
            match stand {
                v1::Stand::ManualReview | v1::Stand::Held => {
                    Fact::Customs(CustomsStep::ManualReview)
                }
                v1::Stand::Concluded | v1::Stand::Cleared => Fact::Customs(CustomsStep::Concluded),
                v1::Stand::Unspecified
                | v1::Stand::Pending
                | v1::Stand::Accepted
                | v1::Stand::WantsInspection
                | v1::Stand::Detained => return None,
            }
        }
        Wire::InspectionOrdered(ordered) => {
            Fact::Examined { for_customs: ordered.demanded_by == customs }
        }
        // Customs that asks to see the goods is done with the data; the order is told already.
        Wire::InspectionJoined(joined) if joined.demanded_by == customs => {
            Fact::Customs(CustomsStep::Concluded)
        }
        Wire::Released(_) => Fact::Released,
        Wire::Rejected(rejected) => Fact::Rejected(reasons(&rejected.reasons)),
        Wire::Returned(returned) => Fact::Returned(reasons(&returned.reasons)),
        Wire::Withdrawn(_) => Fact::Withdrawn,
        Wire::Amended(_)
        | Wire::InspectionJoined(_)
        | Wire::InspectionCompleted(_)
        | Wire::InspectionAnswered(_)
        | Wire::InspectionCancelled(_)
        | Wire::InspectionReopened(_)
        | Wire::DocumentsRequested(_)
        | Wire::DocumentsProvided(_)
        | Wire::DocumentsWaived(_)
        | Wire::InspectionProgress(_)
        | Wire::DutyProgress(_)
        | Wire::ReceiptProgress(_)
        | Wire::ExportProgress(_)
        | Wire::BankNotice(_) => return None,
    })
}

/// 501, 502 or 503 when the agency says so, otherwise 599.
fn detained(reasons: &[v1::Reason]) -> i32 {
    use domain::documents::status;
    let known =
        [status::DETAINED_CLEARANCE, status::DETAINED_ANTISMUGGLING, status::DETAINED_LEGAL];
    let reason_code = reasons.iter().find_map(|reason| reason.code.parse::<i32>().ok());
    reason_code.filter(|code| known.contains(code)).unwrap_or(status::DETAINED_OTHER)
}

fn reasons(reasons: &[v1::Reason]) -> String {
    let text = |reason: &v1::Reason| {
        if reason.code.is_empty() || reason.text.starts_with("[Code:") {
            reason.text.clone()
        } else {
            format!("[Code:{};Desc:{}]", reason.code, reason.text)
        }
    };
    reasons.iter().map(text).collect::<Vec<_>>().join(",")
}
