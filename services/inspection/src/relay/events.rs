//! Events of the exchange: taken down, and answered with what the rules demand.

use std::collections::HashMap;
use std::sync::Arc;

use client::{Consumer, ConsumerAnswer, Handler, Window};
use domain::clearance::Awaited;
use domain::refusal::Code;
use domain::{DeclarationId, OrderId, Slot};
use kit::progress::Progress;
use kit::react::{self, Reaction};
use prost::Message as _;
use proto::inspection::DeclarationView;
use proto::v1::{self, fact::Kind as Wire};
use store::Fault;
use store::queue::Item;
use store::share::Share;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use super::{NAMESPACE, lock, risk_check};
use crate::Inspection;
use crate::commit::InspectionCommand;
use crate::heard::{EVENTS, InboundChange, InboundEvent};
use crate::risk::WireDemands;

/// Listens and answers until `closing`.
pub(crate) async fn listen(
    inspection: &Arc<Inspection>,
    window: &Window,
    spontaneous: mpsc::Receiver<ConsumerAnswer>,
    progress: &Progress,
    closing: &CancellationToken,
) {
    let seat = v1::Subscriber::InspectionService;
    let consumer = Consumer::new(window.clone(), seat, &inspection.consumer);
    // Heartbeats come when nothing else does, so a stream that says nothing stands still.
    progress.begin();
    let ear = EventConsumer {
        inspection: Arc::clone(inspection),
        demanded: HashMap::new(),
        progress: progress.clone(),
        fails: false,
    };
    match consumer.serve(ear, spontaneous, closing.clone()).await {
        Ok(()) => {}
        Err(status) => tracing::error!(%status, "the inspection service may not listen"),
    }
}

/// An event as it came and, where it can be read, as far as it concerns inspection.
#[derive(Debug, Clone)]
struct Arrived {
    /// Its place among those that came together.
    at: usize,
    /// Without its content, where it can be read.
    event: Arc<v1::Event>,
    heard: Option<Arc<InboundEvent>>,
}

impl Arrived {
    fn of(at: usize, mut event: v1::Event) -> Self {
        let content = event.declaration.take().map(DeclarationView::new).map(Box::new);
        match heard(&event, content) {
            Ok(heard) => Self { at, event: Arc::new(event), heard: Some(Arc::new(heard)) },
            Err(content) => {
                event.declaration = content.map(|content| content.into_inner());
                Self { at, event: Arc::new(event), heard: None }
            }
        }
    }

    /// An event that names no declaration is about itself.
    fn subject(&self) -> Uuid {
        let named = Uuid::try_parse(&self.event.declaration_id);
        named.unwrap_or_else(|_| {
            let name = format!("event/{}/{}", self.event.slot, self.event.position);
            Uuid::new_v5(&NAMESPACE, name.as_bytes())
        })
    }

    fn item(&self, now: time::OffsetDateTime) -> Result<Item, Fault> {
        let (slot, position) = (self.event.slot, self.event.position);
        let strange = || Fault::Broken(format!("an event stands at {position} of slot {slot}"));
        let mut event = v1::Event::clone(&self.event);
        if let Some(content) = self.heard.as_ref().and_then(|heard| heard.content.as_deref()) {
            event.declaration = Some(content.clone().into_inner());
        }
        let name = format!("event/{slot}/{position}");
        Ok(Item {
            slot: Slot::new(slot).ok_or_else(strange)?,
            // The same when it comes again.
            id: Uuid::new_v5(&NAMESPACE, name.as_bytes()),
            kind: 0,
            subject: self.subject(),
            place: i64::try_from(position).map_err(|_| strange())?,
            body: event.encode_to_vec(),
            due: now,
            tries: 0,
        })
    }
}

struct EventConsumer {
    inspection: Arc<Inspection>,
    /// Demands that were said and not answered yet, by their ids.
    demanded: HashMap<String, (DeclarationId, u32)>,
    progress: Progress,
    /// Events came and could not even be put aside.
    fails: bool,
}

/// The events that came together.
struct Frame<'a>(&'a Inspection);

impl Reaction for Frame<'_> {
    const QUEUE: &'static str = EVENTS;
    type Event = Arrived;
    /// What the rules demand, by the places of the events.
    type Taken = Vec<(usize, Arc<InboundEvent>, Option<WireDemands>)>;

    fn subject(&self, event: &Arrived) -> Uuid {
        event.subject()
    }

    async fn commit(
        &self,
        take: Vec<Arrived>,
        mut behind: Vec<Arrived>,
    ) -> Result<Self::Taken, Fault> {
        let Self(inspection) = self;
        let (readable, unreadable): (Vec<_>, Vec<_>) =
            take.into_iter().partition(|arrived| arrived.heard.is_some());
        behind.extend(unreadable);
        let now = inspection.clock.now();
        let items = behind.iter().map(|arrived| arrived.item(now));
        let items = items.collect::<Result<Vec<_>, Fault>>()?;
        let heard: Vec<(usize, Arc<InboundEvent>)> =
            readable.into_iter().filter_map(|arrived| Some((arrived.at, arrived.heard?))).collect();
        let events = heard.iter().map(|(_, heard)| Arc::clone(heard)).collect();
        let demands = hear(inspection, events, items).await?;
        let taken = heard.into_iter().zip(demands);
        Ok(taken.map(|((at, heard), demands)| (at, heard, demands)).collect())
    }
}

/// Has events taken down, and others put into the queue.
pub(super) async fn hear(
    inspection: &Inspection,
    events: Vec<Arc<InboundEvent>>,
    behind: Vec<Item>,
) -> Result<Vec<Option<WireDemands>>, Fault> {
    let command = |reply| InspectionCommand::Hear(events, behind, reply);
    inspection.hearing.enqueue(Slot::of(""), &Share::Kept, command).await
}

impl Handler for EventConsumer {
    async fn handle(&mut self, events: Vec<v1::Event>) -> Result<Vec<Vec<ConsumerAnswer>>, Status> {
        let mut replies: Vec<Vec<ConsumerAnswer>> = events.iter().map(|_| Vec::new()).collect();
        let arrived = events.into_iter().enumerate().map(|(at, event)| Arrived::of(at, event));
        let inspection = Arc::clone(&self.inspection);
        let taken = react::take(&Frame(&inspection), &inspection.work, arrived.collect()).await;
        self.fails = taken.is_err();
        // The lane has logged it; the events come again.
        let taken = taken.map_err(|fault| Status::unavailable(fault.to_string()))?;
        for (at, heard, demands) in taken {
            let Some(demands) = demands else { continue };
            let is_refusable = !demands.is_empty();
            let answer = risk_check((heard.id, heard.version, heard.round), demands);
            if is_refusable {
                self.demanded.insert(answer.request_id.clone(), (heard.id, heard.version));
            }
            replies[at].push(ConsumerAnswer::now(answer));
        }
        Ok(replies)
    }

    fn result(&mut self, result: &v1::Result) {
        // It is said again and answered then, unless the window failed over it.
        if result.result() == v1::ResultCode::Retry && result.code != Code::Internal.id() {
            return;
        }
        if let Some((id, version)) = self.demanded.get(&result.request_id).copied() {
            if result.result() == v1::ResultCode::Retry {
                return;
            }
            self.demanded.remove(&result.request_id);
            if result.result() == v1::ResultCode::Refused {
                let code = result.code.clone();
                tracing::warn!(declaration = %id, code, "a demand of the rules was refused");
                lock(&self.inspection.refused).push((id, version, code));
            }
            return;
        }
        self.inspection.board.answer(result);
    }

    fn alive(&mut self) {
        if !self.fails {
            self.progress.advance();
        }
    }
}

/// An event as far as it concerns inspection; its content back where it cannot be read.
pub(super) fn heard(
    event: &v1::Event,
    content: Option<Box<DeclarationView>>,
) -> Result<InboundEvent, Option<Box<DeclarationView>>> {
    let Some((id, time, facts, waits_for)) = read(event) else { return Err(content) };
    let (version, round, again) = (event.version, event.round, event.attempt > 1);
    Ok(InboundEvent { id, version, round, time, again, facts, waits_for, content })
}

type Read = (DeclarationId, time::OffsetDateTime, Vec<InboundChange>, Vec<Awaited>);

fn read(event: &v1::Event) -> Option<Read> {
    let id = DeclarationId::parse(&event.declaration_id)?;
    let time = event.time.and_then(proto::time)?;
    let v1::Facts { facts, waits_for } = event.facts.as_ref()?;
    let waits_for = waits_for.iter().map(|what| v1::Awaited::try_from(*what).ok()?.awaited());
    let waits_for = waits_for.collect::<Option<_>>()?;
    // A kind that this program does not know is none that concerns it.
    let facts = facts.iter().filter_map(|fact| fact.kind.clone());
    let facts = facts.map(what).collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    Some((id, time, facts, waits_for))
}

/// What a fact means here: nothing, for many; `None` for one that cannot be read.
fn what(fact: Wire) -> Option<Option<InboundChange>> {
    let agency = proto::inspection::agency;
    let reasons = |reasons: Vec<v1::Reason>| reasons.into_iter().map(Into::into).collect();
    let order = |id: &str| Uuid::try_parse(id).ok().map(OrderId);
    Some(Some(match fact {
        Wire::Filed(_) => InboundChange::Filed,
        Wire::Amended(_) => InboundChange::Amended,
        Wire::InspectionOrdered(it) => {
            let order = order(&it.order_id)?;
            InboundChange::Demanded(order, agency(it.demanded_by)?, reasons(it.instructions))
        }
        Wire::InspectionJoined(it) => {
            let order = order(&it.order_id)?;
            InboundChange::Demanded(order, agency(it.demanded_by)?, reasons(it.instructions))
        }
        Wire::InspectionAnswered(it) => InboundChange::Answered(agency(it.demanded_by)?),
        Wire::InspectionReopened(it) => InboundChange::Reopened(order(&it.order_id)?),
        Wire::InspectionCancelled(_) => InboundChange::Cancelled,
        Wire::StandChanged(it) if it.stand() == v1::Stand::Detained => {
            InboundChange::Detained(it.who().agency()?, reasons(it.reasons))
        }
        Wire::Released(_) => InboundChange::Released,
        Wire::Rejected(it) => InboundChange::Rejected(agency(it.agency)?),
        Wire::Returned(it) => InboundChange::Returned(agency(it.agency)?),
        Wire::Withdrawn(_) => InboundChange::Withdrawn,
        // What we said ourselves comes back to us.
        Wire::StandChanged(_)
        | Wire::Numbered(_)
        | Wire::InspectionCompleted(_)
        | Wire::InspectionMoved(_)
        | Wire::DutyMoved(_)
        | Wire::ReceiptMoved(_)
        | Wire::ExportMoved(_)
        | Wire::BankTold(_) => return Some(None),
    }))
}

#[cfg(test)]
mod tests {
    use domain::clearance::Agency;

    use super::*;

    #[test]
    fn an_event_with_a_fact_that_cannot_be_read_is_not_read_in_part() {
        let fact = |kind| v1::Fact { kind: Some(kind) };
        let ordered = v1::InspectionOrdered {
            order_id: Uuid::from_u128(7).to_string(),
            demanded_by: v1::Agency::Customs.into(),
            instructions: Vec::new(),
        };
        let event = |ordered: v1::InspectionOrdered| v1::Event {
            declaration_id: Uuid::from_u128(1).to_string(),
            time: Some(pbjson_types::Timestamp::default()),
            facts: Some(v1::Facts {
                facts: vec![
                    fact(Wire::Numbered(v1::Numbered::default())),
                    fact(Wire::InspectionOrdered(ordered)),
                ],
                waits_for: Vec::new(),
            }),
            ..Default::default()
        };
        let read = heard(&event(ordered.clone()), None).expect("it can be read");
        let order = OrderId(Uuid::from_u128(7));
        assert_eq!(read.facts, [InboundChange::Demanded(order, Agency::Customs, Vec::new())]);
        let nobody = v1::InspectionOrdered { demanded_by: 0, ..ordered.clone() };
        assert!(heard(&event(nobody), None).is_err(), "a demand of nobody");
        let nothing = v1::InspectionOrdered { order_id: "x".to_owned(), ..ordered };
        assert!(heard(&event(nothing), None).is_err(), "a demand for nothing");
        let silent = v1::Event { facts: None, ..event(v1::InspectionOrdered::default()) };
        assert!(heard(&silent, None).is_err(), "an event without facts");
    }
}
