//! Events of the exchange: taken, and acknowledged when they are kept. The door has a seat of its own there
//! and is told only of declarations that came by it, without what was declared, which it has itself.

use std::sync::Arc;

use client::{Consumer, ConsumerAnswer, Handler, Window};
use domain::{DeclarationId, Slot};
use kit::pending_answers::PendingAnswers;
use kit::progress::Progress;
use kit::react::{self, Reaction};
use prost::Message as _;
use proto::v1::fact::Kind as Wire;
use proto::v1::{self, Topic};
use store::Fault;
use store::queue::Item;
use store::share::Share;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use crate::Ceb;
use crate::commit::CebCommand;
use crate::follow::{CustomsStep, EVENTS, EventBatch, Fact, OUT_OF_ORDER, ReceiptEvent};

/// Ids of what waits are made of where its event stands, so that they are the same when it comes again.
const NAMESPACE: Uuid = Uuid::from_u128(0x3e0c_7b19_5a44_5d0e_9f27_0003_5157_0001);

/// What receipts are made of.
const TOPICS: [Topic; 4] = [Topic::Content, Topic::Progress, Topic::Inspection, Topic::End];

/// Listens until `closing`. Of several processes each has some of the slots.
pub(crate) async fn listen(
    ceb: Arc<Ceb>,
    window: Window,
    name: String,
    (pending, said): (Arc<PendingAnswers>, mpsc::Receiver<ConsumerAnswer>),
    progress: Progress,
    closing: CancellationToken,
) {
    let consumer = Consumer {
        topics: TOPICS.to_vec(),
        without_content: true,
        ..Consumer::new(window, v1::Subscriber::NationalDoor, &name)
    };
    // Heartbeats come when nothing else does, so a stream that says nothing stands still.
    progress.begin();
    let events = EventConsumer { ceb, pending, progress, fails: false };
    if let Err(status) = consumer.serve(events, said, closing).await {
        tracing::error!(%status, "the national door may not listen");
    }
}

struct EventConsumer {
    ceb: Arc<Ceb>,
    /// What it says of exports.
    pending: Arc<PendingAnswers>,
    progress: Progress,
    /// Events came and could not even be put aside.
    fails: bool,
}

impl Handler for EventConsumer {
    async fn handle(&mut self, events: Vec<v1::Event>) -> Result<Vec<Vec<ConsumerAnswer>>, Status> {
        let replies = events.iter().map(|_| Vec::new()).collect();
        let arrived = events.into_iter().map(Arrived::of).filter(Arrived::matters).collect();
        let taken = take(&self.ceb, arrived).await;
        self.fails = taken.is_err();
        // The lane has logged it; the events come again.
        taken.map_err(|fault| Status::unavailable(fault.to_string()))?;
        Ok(replies)
    }

    fn result(&mut self, result: &v1::Result) {
        self.pending.answer(result);
    }

    fn alive(&mut self) {
        if !self.fails {
            self.progress.advance();
        }
    }
}

async fn take(ceb: &Ceb, arrived: Vec<Arrived>) -> Result<(), Fault> {
    if arrived.is_empty() {
        return Ok(());
    }
    react::take(&Frame(ceb), &ceb.reads, arrived).await
}

/// An event as it came and, where it can be read, what it means here.
#[derive(Debug, Clone)]
struct Arrived {
    event: Arc<v1::Event>,
    read: Option<ReceiptEvent>,
}

impl Arrived {
    fn of(event: v1::Event) -> Self {
        Self { read: read(&event), event: Arc::new(event) }
    }

    /// Something follows from it, or nobody knows.
    fn matters(&self) -> bool {
        self.read.as_ref().is_none_or(|read| !read.facts.is_empty())
    }

    fn name(&self) -> Uuid {
        let name = format!("event/{}/{}", self.event.slot, self.event.position);
        Uuid::new_v5(&NAMESPACE, name.as_bytes())
    }

    fn item(&self, now: time::OffsetDateTime) -> Result<Item, Fault> {
        let (slot, position) = (self.event.slot, self.event.position);
        let strange = || Fault::Broken(format!("an event stands at {position} of slot {slot}"));
        Ok(Item {
            slot: Slot::new(slot).ok_or_else(strange)?,
            id: self.name(),
            kind: if self.event.again { OUT_OF_ORDER } else { 0 },
            subject: subject(self),
            place: i64::try_from(position).map_err(|_| strange())?,
            body: self.event.encode_to_vec(),
            due: now,
            tries: 0,
        })
    }
}

/// What an event is about; itself, when it names no declaration.
fn subject(arrived: &Arrived) -> Uuid {
    Uuid::try_parse(&arrived.event.declaration_id).unwrap_or_else(|_| arrived.name())
}

/// Events that came together.
struct Frame<'a>(&'a Ceb);

impl Reaction for Frame<'_> {
    const QUEUE: &'static str = EVENTS;
    type Event = Arrived;
    type Taken = ();

    fn subject(&self, event: &Arrived) -> Uuid {
        subject(event)
    }

    async fn commit(&self, take: Vec<Arrived>, mut behind: Vec<Arrived>) -> Result<(), Fault> {
        let Self(ceb) = self;
        let mut events = Vec::with_capacity(take.len());
        for arrived in take {
            match arrived.read {
                Some(event) => events.push(event),
                None => behind.push(arrived),
            }
        }
        let now = ceb.clock.now();
        let behind = behind.iter().map(|it| it.item(now)).collect::<Result<_, Fault>>()?;
        let batch = EventBatch { events, behind };
        let command = |reply| CebCommand::Take(batch, reply);
        ceb.batch.enqueue(Slot::of(""), &Share::Kept, command).await
    }
}

/// What an event means here; `None` for one that cannot be read.
pub(super) fn read(event: &v1::Event) -> Option<ReceiptEvent> {
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
        | Wire::InspectionMoved(_)
        | Wire::DutyMoved(_)
        | Wire::ReceiptMoved(_)
        | Wire::ExportMoved(_)
        | Wire::BankTold(_) => return None,
    })
}

/// 501, 502 or 503 when the agency says so, otherwise 599.
fn detained(reasons: &[v1::Reason]) -> i32 {
    use domain::documents::status;
    let known =
        [status::DETAINED_CLEARANCE, status::DETAINED_ANTISMUGGLING, status::DETAINED_LEGAL];
    let said = reasons.iter().find_map(|reason| reason.code.parse::<i32>().ok());
    said.filter(|code| known.contains(code)).unwrap_or(status::DETAINED_OTHER)
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
