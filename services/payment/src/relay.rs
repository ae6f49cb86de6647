//! How the payment service hears of declarations and answers: over the exchange, like every agency.
//!
//! An event is taken down before it is acknowledged, and that a duty is secured is said after its hold is kept.
//! One that cannot be taken down waits in a queue, and with it what comes about the same declaration: that one
//! is not released meanwhile, since nobody says that its duty is secured. What comes about later, when money
//! comes, and what the firm is told, are items of a queue as well.

pub(crate) mod banks;
pub(crate) mod collections;
pub(crate) mod duty_payments;
pub(crate) mod exports;
pub(crate) mod notices;
pub(crate) mod returns;

use std::sync::Arc;

use client::{Consumer, ConsumerAnswer, Handler, Window};
use domain::inspection::appointment::CHINA;
use domain::payment::built_in;
use domain::{DeclarationId, Slot};
use kit::deliver::{Delivery, Port};
use kit::person_key::PersonKey;
use kit::progress::Progress;
use kit::react::{self, Reaction};
use prost::Message as _;
use proto::v1::{self, fact::Kind as Wire};
use store::queue::Item;
use store::share::Share;
use store::{Fault, queue};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use crate::Payments;
use crate::assess::assess;
use crate::commit::PaymentCommand;
use crate::hear::{DutyAnswer, EVENTS, ImportChange, ImportEvent};
use crate::transaction::{ANSWERS, RETRIES, id_of, verdict};

/// Listens and answers until `closing`.
pub(crate) async fn listen(
    payment: &Arc<Payments>,
    window: &Window,
    spontaneous: mpsc::Receiver<ConsumerAnswer>,
    progress: &Progress,
    closing: &CancellationToken,
) {
    let consumer = Consumer {
        window: window.clone(),
        subscriber: v1::Subscriber::PaymentService,
        name: payment.consumer.clone(),
        topics: Vec::new(),
        without_content: false,
        from: Vec::new(),
        progress_seconds: 0,
    };
    // Heartbeats come when nothing else does, so a stream that says nothing stands still.
    progress.begin();
    let ear =
        ImportConsumer { payment: Arc::clone(payment), progress: progress.clone(), fails: false };
    match consumer.serve(ear, spontaneous, closing.clone()).await {
        Ok(()) => {}
        Err(status) => tracing::error!(%status, "the payment service may not listen"),
    }
}

/// An event as it came and, where it can be read, as far as it concerns the duty.
#[derive(Debug, Clone)]
struct ArrivedImport {
    /// Its place among those that came together.
    at: usize,
    event: Arc<v1::Event>,
    heard: Option<Arc<ImportEvent>>,
}

impl ArrivedImport {
    /// An event that names no declaration is about itself.
    fn subject(&self) -> Uuid {
        let named = Uuid::try_parse(&self.event.declaration_id);
        named.unwrap_or_else(|_| self.item_id())
    }

    /// The same when it comes again.
    fn item_id(&self) -> Uuid {
        id_of(&format!("event/{}/{}", self.event.slot, self.event.position))
    }

    fn item(&self, now: time::OffsetDateTime) -> Result<Item, Fault> {
        let (slot, position) = (self.event.slot, self.event.position);
        let strange = || Fault::Broken(format!("an event stands at {position} of slot {slot}"));
        Ok(Item {
            slot: Slot::new(slot).ok_or_else(strange)?,
            id: self.item_id(),
            kind: 0,
            subject: self.subject(),
            place: i64::try_from(position).map_err(|_| strange())?,
            body: self.event.encode_to_vec(),
            due: now,
            tries: 0,
        })
    }
}

struct ImportConsumer {
    payment: Arc<Payments>,
    progress: Progress,
    /// Events came and could not even be put aside.
    fails: bool,
}

/// The events that came together.
struct ImportFrame<'a>(&'a Payments);

impl Reaction for ImportFrame<'_> {
    const QUEUE: &'static str = EVENTS;
    type Event = ArrivedImport;
    /// What is to be said, by the places of the events.
    type Taken = Vec<(usize, DutyAnswer)>;

    fn subject(&self, event: &ArrivedImport) -> Uuid {
        event.subject()
    }

    async fn commit(
        &self,
        take: Vec<ArrivedImport>,
        mut behind: Vec<ArrivedImport>,
    ) -> Result<Self::Taken, Fault> {
        let Self(payment) = self;
        let (readable, unreadable): (Vec<_>, Vec<_>) =
            take.into_iter().partition(|arrived| arrived.heard.is_some());
        behind.extend(unreadable);
        let now = payment.clock.now();
        let items = behind.iter().map(|arrived| arrived.item(now));
        let items = items.collect::<Result<Vec<_>, Fault>>()?;
        let heard: Vec<(usize, Arc<ImportEvent>)> =
            readable.into_iter().filter_map(|arrived| Some((arrived.at, arrived.heard?))).collect();
        if heard.is_empty() && items.is_empty() {
            return Ok(Vec::new());
        }
        let events = heard.iter().map(|(_, heard)| Arc::clone(heard)).collect();
        let secured = hear(payment, events, items).await?;
        let taken = heard.into_iter().zip(secured);
        Ok(taken.filter_map(|((at, _), secured)| Some((at, secured?))).collect())
    }
}

async fn hear(
    payment: &Payments,
    events: Vec<Arc<ImportEvent>>,
    behind: Vec<Item>,
) -> Result<Vec<Option<DutyAnswer>>, Fault> {
    let command = |reply| PaymentCommand::Hear(events, behind, reply);
    payment.hearing.enqueue(Slot::of(""), &Share::Kept, command).await
}

impl Handler for ImportConsumer {
    async fn handle(&mut self, events: Vec<v1::Event>) -> Result<Vec<Vec<ConsumerAnswer>>, Status> {
        let mut replies: Vec<Vec<ConsumerAnswer>> = events.iter().map(|_| Vec::new()).collect();
        let payment = Arc::clone(&self.payment);
        let events: Vec<Arc<v1::Event>> = events.into_iter().map(Arc::new).collect();
        if let Err(fault) = exports::take(&payment, &events).await {
            self.fails = true;
            return Err(Status::unavailable(fault.to_string()));
        }
        let arrived = events.into_iter().enumerate().filter_map(|(at, event)| {
            let heard = read(&event, &payment.persons);
            // Nothing of it concerns the duty.
            let idle = heard.as_ref().is_some_and(|heard| heard.changes.is_empty());
            let heard = heard.map(Arc::new);
            (!idle).then_some(ArrivedImport { at, event, heard })
        });
        let arrived: Vec<ArrivedImport> = arrived.collect();
        let taken = react::take(&ImportFrame(&payment), &payment.work, arrived).await;
        self.fails = taken.is_err();
        // The lane has logged it; the events come again.
        let taken = taken.map_err(|fault| Status::unavailable(fault.to_string()))?;
        for (at, secured) in taken {
            replies[at].push(ConsumerAnswer::now(proto::exchange::answer(&verdict(&secured))));
        }
        Ok(replies)
    }

    fn result(&mut self, result: &v1::Result) {
        self.payment.pending.answer(result);
    }

    fn alive(&mut self) {
        if !self.fails {
            self.progress.advance();
        }
    }
}

/// An event as far as it concerns the duty; `None` for one that cannot be read.
fn read(event: &v1::Event, persons: &PersonKey) -> Option<ImportEvent> {
    let id = DeclarationId::parse(&event.declaration_id)?;
    let time = event.time.and_then(proto::time)?;
    let facts = &event.facts.as_ref()?.facts;
    let mut changes = Vec::new();
    // A kind that this program does not know is none that concerns it.
    for fact in facts.iter().filter_map(|fact| fact.kind.as_ref()) {
        changes.push(match fact {
            Wire::Filed(_) | Wire::Amended(_) => {
                let declared = event.declaration.as_ref()?;
                if declared.ie_flag() != v1::Direction::Import {
                    continue;
                }
                let day = time.to_offset(CHINA).date();
                let declared = declared.clone().into();
                let assessed = assess(built_in::parameters(), persons, &declared, day);
                ImportChange::Filed(Box::new(assessed))
            }
            Wire::Numbered(numbered) if is_import(&numbered.invt_no) => {
                ImportChange::Numbered(numbered.invt_no.clone())
            }
            Wire::Released(_) => ImportChange::Released,
            Wire::Rejected(_) | Wire::Returned(_) | Wire::Withdrawn(_) => ImportChange::Ended,
            Wire::Numbered(_)
            | Wire::StandChanged(_)
            | Wire::InspectionOrdered(_)
            | Wire::InspectionJoined(_)
            | Wire::InspectionCompleted(_)
            | Wire::InspectionAnswered(_)
            | Wire::InspectionCancelled(_)
            | Wire::InspectionReopened(_)
            | Wire::InspectionMoved(_)
            | Wire::DutyMoved(_)
            | Wire::ReceiptMoved(_)
            | Wire::BankTold(_) => continue,
        });
    }
    Some(ImportEvent { id, version: event.version, round: event.round, time, changes })
}

/// House, year, I or E, serial.
fn is_import(invt_no: &str) -> bool {
    invt_no.as_bytes().get(8) == Some(&b'I')
}

/// Events that could not be taken when they came, one by one in the order of each declaration.
#[derive(Debug)]
pub(crate) struct LateImports(pub(crate) Arc<Payments>);

impl Port for LateImports {
    const QUEUE: &'static str = EVENTS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let taken = items.iter().map(|item| async {
            match self.catch_up(item).await {
                Ok(()) => Delivery::Done,
                Err(became) => became,
            }
        });
        futures::future::join_all(taken).await
    }
}

impl LateImports {
    async fn catch_up(&self, item: &Item) -> Result<(), Delivery> {
        let Self(payment) = self;
        let unreadable = || Delivery::Failed("the event cannot be read".to_owned());
        let event = v1::Event::decode(item.body.as_slice()).map_err(|_| unreadable())?;
        let heard = read(&event, &payment.persons).ok_or_else(unreadable)?;
        let heard = Arc::new(heard);
        let secured = hear(payment, vec![heard], Vec::new()).await;
        let secured = secured.map_err(|fault| Delivery::of(&fault))?;
        if let Some(secured) = secured.into_iter().next().flatten() {
            payment.pending.ask(proto::exchange::answer(&verdict(&secured))).await?;
        }
        settle(payment, EVENTS, item).await
    }
}

/// What is said to the declaration service by itself.
#[derive(Debug)]
pub(crate) struct DutyAnswers(pub(crate) Arc<Payments>);

impl Port for DutyAnswers {
    const QUEUE: &'static str = ANSWERS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let told = items.iter().map(|item| async {
            match self.tell(item).await {
                Ok(()) => Delivery::Done,
                Err(became) => became,
            }
        });
        futures::future::join_all(told).await
    }
}

impl DutyAnswers {
    async fn tell(&self, item: &Item) -> Result<(), Delivery> {
        let Self(payment) = self;
        let answer = v1::Answer::decode(item.body.as_slice())
            .map_err(|error| Delivery::Failed(format!("the answer cannot be read: {error}")))?;
        let result = payment.pending.ask(answer).await?;
        match result.result() {
            v1::ResultCode::Applied | v1::ResultCode::Duplicate | v1::ResultCode::Ignored => {}
            v1::ResultCode::StaleVersion
            | v1::ResultCode::StaleRound
            | v1::ResultCode::Refused
            | v1::ResultCode::Retry
            | v1::ResultCode::Unspecified => {
                // There is a newer version, or the declaration has ended: that comes, too.
                let (declaration, code) = (item.subject, result.code);
                tracing::info!(%declaration, code, "what was said about a duty was not taken");
            }
        }
        settle(payment, ANSWERS, item).await
    }
}

/// Payers to whom money came: their duties that wait are tried again.
#[derive(Debug)]
pub(crate) struct Retries(pub(crate) Arc<Payments>);

impl Port for Retries {
    const QUEUE: &'static str = RETRIES;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let mut became = Vec::with_capacity(items.len());
        for item in items {
            became.push(match self.retry(item).await {
                Ok(()) => Delivery::Done,
                Err(became) => became,
            });
        }
        became
    }
}

impl Retries {
    async fn retry(&self, item: &Item) -> Result<(), Delivery> {
        let Self(payment) = self;
        let unreadable = |_| Delivery::Failed("the payer cannot be read".to_owned());
        let payer = std::str::from_utf8(&item.body).map_err(unreadable)?;
        loop {
            let command = |reply| PaymentCommand::Retry(payer.to_owned(), reply);
            let more = payment.asking.enqueue(Slot::of(payer), &Share::Kept, command).await;
            if !more.map_err(|fault| Delivery::of(&fault))? {
                return settle(payment, RETRIES, item).await;
            }
        }
    }
}

/// Takes an item out of its queue.
async fn settle(payment: &Payments, name: &str, item: &Item) -> Result<(), Delivery> {
    let settled = async {
        let mut connection = payment.work.acquire().await?;
        queue::settle(&mut connection, name, &[(item.slot, item.id)]).await
    };
    settled.await.map(drop).map_err(|fault: Fault| Delivery::of(&fault))
}
