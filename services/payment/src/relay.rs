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
pub(crate) mod settlement_terms;
pub(crate) mod tax_refunds;

use std::sync::Arc;

use domain::CHINA;
use domain::Slot;
use domain::answer::ExchangeAnswer;
use domain::payment::parameter_set::ParameterSet;
use kit::deliver::{Delivery, Port, settle, settle_done};
use kit::event_head::{EventFact, EventHead};
use kit::listen::{self, EVENTS, ExchangeSeat, Listener, UnreadableEvent};
use kit::person_key::PersonKey;
use prost::Message as _;
use proto::v1;
use sqlx::PgPool;
use store::Fault;
use store::queue::Item;
use store::share::Share;
use time::OffsetDateTime;

use self::exports::SaleEvents;
use crate::Payments;
use crate::apply_events::{ImportChange, ImportEvent};
use crate::assess::assess;
use crate::commit::PaymentCommand;
use crate::queues::{ANSWERS, RETRIES};

/// The payment service at the exchange: exports first, since nothing is said to them.
#[derive(Debug)]
pub(crate) struct PaymentSeat {
    pub(crate) imports: Arc<ImportEvents>,
    pub(crate) exports: Arc<SaleEvents>,
}

impl ExchangeSeat for PaymentSeat {
    async fn take(&self, events: &[Arc<v1::Event>]) -> Result<Vec<(usize, v1::Answer)>, Fault> {
        listen::take_events(&*self.exports, events).await?;
        let taken = listen::take_events(&*self.imports, events).await?;
        let answer = taken.into_iter().filter_map(|taken| Some((taken.at, taken.outcome?)));
        Ok(answer.map(|(at, answer)| (at, proto::exchange::answer_to_wire(&answer))).collect())
    }

    fn handle_result(&self, result: &v1::Result) {
        self.imports.0.pending.answer(result);
    }
}

/// What comes about imports, whose duty is secured.
#[derive(Debug)]
pub(crate) struct ImportEvents(pub(crate) Arc<Payments>);

impl Listener for ImportEvents {
    type Event = Arc<ImportEvent>;
    /// What is to be said.
    type Outcome = Option<ExchangeAnswer>;

    fn read(&self, event: &Arc<v1::Event>) -> Result<Option<Arc<ImportEvent>>, UnreadableEvent> {
        let read = read(event, &self.0.persons, &self.0.numbers).ok_or(UnreadableEvent)?;
        Ok((!read.changes.is_empty()).then(|| Arc::new(read)))
    }

    fn queue(&self) -> (&PgPool, OffsetDateTime) {
        (&self.0.work, self.0.clock.now())
    }

    async fn take(
        &self,
        events: Vec<Arc<ImportEvent>>,
        behind: Vec<Item>,
    ) -> Result<Vec<Option<ExchangeAnswer>>, Fault> {
        let command = |reply| PaymentCommand::ApplyEvents(events, behind, reply);
        self.0.events.enqueue(Slot::of(""), &Share::Kept, command).await
    }

    async fn take_late(&self, item: &Item, event: Arc<ImportEvent>) -> Result<(), Delivery> {
        let Self(payment) = self;
        let answers = self.take(vec![event], Vec::new()).await;
        let answers = answers.map_err(|fault| Delivery::of(&fault))?;
        if let Some(answers) = answers.into_iter().next().flatten() {
            payment.pending.ask(proto::exchange::answer_to_wire(&answers)).await?;
        }
        settle(&payment.work, EVENTS, item).await
    }
}

/// An event as far as it concerns the duty; `None` for one that cannot be read.
fn read(event: &v1::Event, persons: &PersonKey, set: &ParameterSet) -> Option<ImportEvent> {
    let head = EventHead::read_in(v1::Direction::Import, event)?;
    let EventHead { id, version, round, time, .. } = head;
    let mut changes = Vec::new();
    for fact in head.facts() {
        changes.push(match fact? {
            EventFact::Filed(declared) => {
                let day = time.to_offset(CHINA).date();
                let declared = declared.clone().into();
                let assessed = assess(set, persons, &declared, day);
                ImportChange::Filed(Box::new(assessed))
            }
            EventFact::Released(released) => ImportChange::Released(released.invt_no.clone()),
            EventFact::Ended => ImportChange::Ended,
            EventFact::Other(_) => continue,
        });
    }
    Some(ImportEvent { id, version, round, time, changes })
}

/// What is said to the declaration service by itself.
#[derive(Debug)]
pub(crate) struct DutyAnswers(pub(crate) Arc<Payments>);

impl Port for DutyAnswers {
    const QUEUE: &'static str = ANSWERS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let tried = futures::future::join_all(items.iter().map(|item| self.send(item))).await;
        settle_done(&self.0.work, ANSWERS, items, tried).await
    }
}

impl DutyAnswers {
    async fn send(&self, item: &Item) -> Result<(), Delivery> {
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
        Ok(())
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
            became.push(self.retry(item).await.into());
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
            let more = payment.requests.enqueue(Slot::of(payer), &Share::Kept, command).await;
            if !more.map_err(|fault| Delivery::of(&fault))? {
                return settle(&payment.work, RETRIES, item).await;
            }
        }
    }
}
