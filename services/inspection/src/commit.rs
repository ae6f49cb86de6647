//! The one transaction of the inspection service. What the declaration service told, what sites,
//! enterprises and agencies ask, and results of our answers go through it together.
//!
//! Order: find what is concerned; lock the heads of the slots in which an order or a credit may change;
//! load; decide in memory by `joint`; write. There are two lanes, for what is heard and for what is asked, so
//! that those who file do not wait for those who examine. Both lock heads first and in order, then a place,
//! officers, orders, bookings: they never wait for each other in a circle.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::inspection::credit::Credit;
use domain::refusal::Refusal;
use domain::{DeclarationId, Slot};
use proto::memory::{self, Charge};
use sqlx::PgConnection;
use store::commit_queue::{Reply, Transaction};
use store::journal::Heads;
use store::queue::{self, Item};
use store::request::{RequestKey, Requests};
use store::tail::Tail;
use store::{Clock, Fault};
use tokio::sync::Notify;

use crate::appeal::{self, CreditRequest};
use crate::apply_events::{self, InboundEvent};
use crate::ask;
use crate::credits::Credits;
use crate::delivered_answer::{self, DeliveredAnswer};
use crate::order_request::{OrderAnswer, OrderRequest};
use crate::orders;
use crate::reference::{self, ReferenceChange};
use crate::risk::{self, WireDemands};
use crate::transaction::{InspectionCommit, InspectionTransaction, LoadedRows};

/// What waits for its transaction, and what it is answered with.
#[derive(Debug)]
pub(crate) enum InspectionCommand {
    /// The declaration service told something; and what has to wait in the queue of events. For each event:
    /// what the rules demand, where they were asked.
    ApplyEvents(Vec<Arc<InboundEvent>>, Vec<Item>, Reply<Vec<Option<WireDemands>>>),
    /// Somebody asks something of an order.
    Ask(Box<OrderRequest>, Reply<Result<OrderAnswer, Refusal>>),
    /// Something about the credit of a firm, which is answered as it stands then.
    Appeal(Box<CreditRequest>, Reply<Result<Credit, Refusal>>),
    /// Reference data.
    Put(Box<ReferenceChange>, Reply<Result<(), Refusal>>),
    /// The declaration service took answers, or refused them.
    Settle(Vec<DeliveredAnswer>, Reply<()>),
    /// The declaration service did not take what the rules demand.
    Refused(DeclarationId, u32, String, Reply<()>),
}

impl InspectionCommand {
    /// The request that is kept for it.
    fn request(&self) -> Option<RequestKey> {
        match self {
            Self::Ask(asked, _) => Some(asked.key()),
            Self::Appeal(appealed, _) => Some(appealed.key()),
            Self::ApplyEvents(..) | Self::Put(..) | Self::Settle(..) | Self::Refused(..) => None,
        }
    }
}

/// The work of the service.
#[derive(Debug)]
pub(crate) struct InspectionWriter {
    pub(crate) tail: Tail,
    pub(crate) clock: Clock,
    pub(crate) known: risk::RuleCache,
    /// Wakes the loop of the answers.
    pub(crate) answer_hint: Arc<Notify>,
}

/// What a batch is about.
#[derive(Default)]
struct OrderKeys {
    /// Orders that may change for certain.
    orders: BTreeSet<DeclarationId>,
    /// Declarations that ended: few of them have an order.
    ended: BTreeSet<DeclarationId>,
    instructed: BTreeSet<(DeclarationId, u32)>,
    firms: BTreeSet<String>,
    slots: BTreeSet<i16>,
}

impl OrderKeys {
    fn of(commands: &[InspectionCommand]) -> Self {
        let mut wanted = Self::default();
        for command in commands {
            match command {
                InspectionCommand::ApplyEvents(events, ..) => {
                    events.iter().for_each(|events| wanted.add_event(events))
                }
                InspectionCommand::Ask(asked, _) => {
                    wanted.orders.insert(asked.id);
                }
                InspectionCommand::Appeal(appealed, _) => {
                    wanted.firms.insert(appealed.firm.clone());
                    wanted.slots.insert(Slot::of(&appealed.firm).column());
                }
                InspectionCommand::Settle(settled, _) => {
                    wanted.orders.extend(settled.iter().filter_map(DeliveredAnswer::changes));
                }
                InspectionCommand::Put(..) | InspectionCommand::Refused(..) => {}
            }
        }
        wanted
    }

    fn add_event(&mut self, event: &InboundEvent) {
        if let Some(content) = &event.content {
            self.firms.insert(content.declarant_code().to_owned());
        }
        if event.is_about_order() {
            self.orders.insert(event.id);
            self.instructed.insert((event.id, event.version));
        } else if event.again && event.content.is_some() {
            self.instructed.insert((event.id, event.version));
        }
        if event.may_end_order() {
            self.ended.insert(event.id);
        }
    }
}

impl Transaction for InspectionWriter {
    type Command = InspectionCommand;
    type Publication = InspectionCommit;
    type Held = Option<Arc<Charge>>;

    fn held() -> Self::Held {
        memory::held()
    }

    async fn run(
        &self,
        tx: &mut PgConnection,
        commands: &[InspectionCommand],
    ) -> Result<InspectionCommit, Fault> {
        let mut wanted = OrderKeys::of(commands);
        wanted.orders.extend(orders::known(&mut *tx, &wanted.ended).await?);
        wanted.slots.extend(orders::slots(&wanted.orders));
        let slots: Vec<i16> = wanted.slots.iter().copied().collect();
        let mut heads = Heads::default();
        heads.lock_more(&mut *tx, &slots).await?;
        let orders = orders::load(&mut *tx, &wanted.orders).await?;
        wanted.firms.extend(orders.values().map(|filed| filed.declarant_code.clone()));
        let credits = Credits::load(&mut *tx, &wanted.firms).await?;
        let instructed = risk::instructed(&mut *tx, &wanted.instructed).await?;
        let requests =
            Requests::load(&mut *tx, commands.iter().filter_map(InspectionCommand::request))
                .await?;
        let loaded = LoadedRows { orders, credits, instructed, requests };
        let mut step = InspectionTransaction::new(tx, self.clock.now(), &self.known, loaded);
        for command in commands {
            match command {
                InspectionCommand::ApplyEvents(events, behind, reply) => {
                    queue::enqueue(step.tx, self.tail.cipher(), kit::listen::EVENTS, behind)
                        .await?;
                    reply.give(apply_events::apply(&mut step, events).await?);
                }
                InspectionCommand::Ask(asked, reply) => {
                    reply.give(ask::ask(&mut step, asked).await?);
                }
                InspectionCommand::Appeal(appealed, reply) => {
                    reply.give(appeal::appeal(&mut step, appealed));
                }
                InspectionCommand::Put(put, reply) => {
                    reply.give(reference::put(step.tx, put, step.now).await?);
                }
                InspectionCommand::Settle(settled, reply) => {
                    delivered_answer::settle(&mut step, settled).await?;
                    reply.done();
                }
                InspectionCommand::Refused(id, version, code, reply) => {
                    delivered_answer::refused(step.tx, (*id, *version), code).await?;
                    reply.done();
                }
            }
        }
        step.write(self.tail.cipher(), &mut heads).await
    }

    fn publish(&self, committed: InspectionCommit) {
        let InspectionCommit { entries, answers, seed, read } = committed;
        self.known.remember(seed, read);
        self.tail.publish(entries);
        if answers {
            self.answer_hint.notify_one();
        }
    }
}
