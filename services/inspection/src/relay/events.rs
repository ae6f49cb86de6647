//! Events of the exchange: taken down, and answered with what the rules demand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use domain::clearance::ReleaseCondition;
use domain::refusal::Code;
use domain::{DeclarationId, OrderId, Slot};
use kit::deliver::{Delivery, settle};
use kit::event_head::EventHead;
use kit::listen::{self, EVENTS, ExchangeSeat, Listener, TakenEvent, UnreadableEvent};
use proto::inspection::DeclarationView;
use proto::v1::{self, fact::Kind as Wire};
use sqlx::PgPool;
use store::Fault;
use store::queue::Item;
use store::share::Share;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{lock, risk_check};
use crate::Inspection;
use crate::apply_events::{InboundChange, InboundEvent};
use crate::commit::InspectionCommand;
use crate::risk::WireDemands;

/// What comes about declarations, answered with what the rules demand.
#[derive(Debug)]
pub(crate) struct DeclarationEvents {
    inspection: Arc<Inspection>,
    /// Demands that were said and not answered yet, by their ids.
    demanded: Mutex<HashMap<String, (DeclarationId, u32)>>,
}

impl DeclarationEvents {
    pub(crate) fn new(inspection: Arc<Inspection>) -> Self {
        Self { inspection, demanded: Mutex::default() }
    }
}

impl ExchangeSeat for DeclarationEvents {
    async fn take(&self, events: &[Arc<v1::Event>]) -> Result<Vec<(usize, v1::Answer)>, Fault> {
        let mut answers = Vec::new();
        for TakenEvent { at, event, outcome } in listen::take_events(self, events).await? {
            let Some(demands) = outcome else { continue };
            let is_refusable = !demands.is_empty();
            let answer = risk_check((event.id, event.version, event.round), demands);
            if is_refusable {
                let about = (event.id, event.version);
                lock(&self.demanded).insert(answer.request_id.clone(), about);
            }
            answers.push((at, answer));
        }
        Ok(answers)
    }

    fn handle_result(&self, result: &v1::Result) {
        // It is said again and answered then, unless the window failed over it.
        if result.result() == v1::ResultCode::Retry && result.code != Code::Internal.id() {
            return;
        }
        let mut demanded = lock(&self.demanded);
        if let Some((id, version)) = demanded.get(&result.request_id).copied() {
            if result.result() == v1::ResultCode::Retry {
                return;
            }
            demanded.remove(&result.request_id);
            if result.result() == v1::ResultCode::Refused {
                let code = result.code.clone();
                tracing::warn!(declaration = %id, code, "a demand of the rules was refused");
                lock(&self.inspection.refused).push((id, version, code));
            }
            return;
        }
        self.inspection.pending.answer(result);
    }
}

impl Listener for DeclarationEvents {
    type Event = Arc<InboundEvent>;
    /// What the rules demand of a new content.
    type Outcome = Option<WireDemands>;

    fn read(&self, event: &Arc<v1::Event>) -> Result<Option<Arc<InboundEvent>>, UnreadableEvent> {
        inbound_event(event).map(|event| Some(Arc::new(event))).ok_or(UnreadableEvent)
    }

    fn queue(&self) -> (&PgPool, OffsetDateTime) {
        (&self.inspection.work, self.inspection.clock.now())
    }

    async fn take(
        &self,
        events: Vec<Arc<InboundEvent>>,
        behind: Vec<Item>,
    ) -> Result<Vec<Option<WireDemands>>, Fault> {
        let command = |reply| InspectionCommand::ApplyEvents(events, behind, reply);
        self.inspection.events.enqueue(Slot::of(""), &Share::Kept, command).await
    }

    async fn take_late(&self, item: &Item, event: Arc<InboundEvent>) -> Result<(), Delivery> {
        let Self { inspection, .. } = self;
        let (id, version, round) = (event.id, event.version, event.round);
        let demands = Listener::take(self, vec![event], Vec::new()).await;
        let demands = demands.map_err(|fault| Delivery::of(&fault))?;
        if let Some(demands) = demands.into_iter().next().flatten() {
            let is_refusable = !demands.is_empty();
            let answer = risk_check((id, version, round), demands);
            let result = inspection.pending.ask(answer).await?;
            if is_refusable && result.result() == v1::ResultCode::Refused {
                let command = |reply| InspectionCommand::Refused(id, version, result.code, reply);
                let kept = inspection.requests.enqueue(Slot::of(""), &Share::Kept, command).await;
                kept.map_err(|fault| Delivery::of(&fault))?;
            }
        }
        settle(&inspection.work, EVENTS, item).await
    }
}

/// An event as far as it concerns inspection; `None` for one that cannot be read.
fn inbound_event(event: &Arc<v1::Event>) -> Option<InboundEvent> {
    let head = EventHead::read(event)?;
    let waits_for = event.facts.as_ref()?.waits_for.iter();
    let waits_for = waits_for.map(|what| v1::Awaited::try_from(*what).ok()?.awaited());
    let facts = head.kinds().cloned().map(what).collect::<Option<Vec<_>>>()?;
    Some(InboundEvent {
        id: head.id,
        version: head.version,
        round: head.round,
        position: i64::try_from(event.position).ok()?,
        time: head.time,
        again: event.attempt > 1,
        facts: facts.into_iter().flatten().collect(),
        waits_for: waits_for.collect::<Option<Vec<ReleaseCondition>>>()?,
        content: DeclarationView::of(event),
    })
}

/// What a fact means here: nothing, for many; `None` for one that cannot be read.
fn what(fact: Wire) -> Option<Option<InboundChange>> {
    let agency = proto::inspection::agency_from_wire;
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
        Wire::DocumentsRequested(_) | Wire::DocumentsProvided(_) | Wire::DocumentsWaived(_) => {
            InboundChange::Documents
        }
        // What we said ourselves comes back to us.
        Wire::StandChanged(_)
        | Wire::Numbered(_)
        | Wire::InspectionCompleted(_)
        | Wire::InspectionProgress(_)
        | Wire::DutyProgress(_)
        | Wire::ReceiptProgress(_)
        | Wire::ExportProgress(_)
        | Wire::BankNotice(_) => return Some(None),
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
        let read = inbound_event(&Arc::new(event(ordered.clone()))).expect("it can be read");
        let order = OrderId(Uuid::from_u128(7));
        assert_eq!(read.facts, [InboundChange::Demanded(order, Agency::Customs, Vec::new())]);
        let nobody = v1::InspectionOrdered { demanded_by: 0, ..ordered.clone() };
        assert!(inbound_event(&Arc::new(event(nobody))).is_none(), "a demand of nobody");
        let nothing = v1::InspectionOrdered { order_id: "x".to_owned(), ..ordered };
        assert!(inbound_event(&Arc::new(event(nothing))).is_none(), "a demand for nothing");
        let silent = v1::Event { facts: None, ..event(v1::InspectionOrdered::default()) };
        assert!(inbound_event(&Arc::new(silent)).is_none(), "an event without facts");
    }
}
