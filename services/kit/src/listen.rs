//! What a service hears at the exchange, so that one event stops neither the others nor the stream.
//!
//! Events come in order and are taken together, in one transaction, before they are acknowledged. An event about a
//! subject of which something waits in the queue goes into the queue behind it, and so does one that cannot be
//! read. When the others cannot be taken together, one of them is at fault: then all of them go into the queue, in
//! one transaction that only writes rows, and [`deliver`] does them one by one, in the order of each subject. So
//! the stream goes on, and what is at fault is tried a few times and set aside.
//!
//! [`deliver`]: crate::deliver

use std::sync::Arc;

use client::{Consumer, ConsumerAnswer, Handler};
use domain::Slot;
use prost::Message as _;
use proto::v1;
use sqlx::PgPool;
use store::queue::Item;
use store::{Fault, queue};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use crate::deliver::{Delivery, Port};
use crate::progress::Progress;
use crate::use_case::UseCaseSpan;

/// Ids of events that wait are made of where they stand, so that they are the same when they come again.
const NAMESPACE: Uuid = Uuid::from_u128(0x3e0c_7b19_5a44_5d0e_9f27_0003_5157_0001);

/// The queue of events that could not be taken when they came. Their subject is the declaration, their place the
/// position in its slot.
pub const EVENTS: &str = "events";

/// How a service takes the events that concern one of its matters.
pub trait Listener: Send + Sync {
    /// The queue of events that could not be taken when they came; another one where a service has several matters.
    const QUEUE: &'static str = EVENTS;
    /// An event as far as it concerns the service.
    type Event: Clone + Send + Sync;
    /// What taking one gives.
    type Outcome: Send;

    /// An event as far as it concerns the service; `None` when it does not.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn read(&self, event: &Arc<v1::Event>) -> Result<Option<Self::Event>, UnreadableEvent>;

    /// The kind of an item of the queue with this event, for the service's own use.
    fn kind(_: &v1::Event) -> i16 {
        0
    }

    /// Where its queue is, and what time it is there.
    fn queue(&self) -> (&PgPool, OffsetDateTime);

    /// Takes events, and puts `behind` into the queue, in one transaction. What it gives is in the order of the
    /// events.
    fn take(
        &self,
        events: Vec<Self::Event>,
        behind: Vec<Item>,
    ) -> impl Future<Output = Result<Vec<Self::Outcome>, Fault>> + Send;

    /// Takes one out of the queue, with all that follows from it.
    ///
    /// # Errors
    ///
    /// What became of it instead.
    fn take_late(
        &self,
        item: &Item,
        event: Self::Event,
    ) -> impl Future<Output = Result<(), Delivery>> + Send;
}

/// An event that this program cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event cannot be read")]
pub struct UnreadableEvent;

/// An event that was taken.
#[derive(Debug)]
pub struct TakenEvent<L: Listener> {
    /// Its place among those that came together.
    pub at: usize,
    /// What was read of it.
    pub event: L::Event,
    /// What taking it gave.
    pub outcome: L::Outcome,
}

/// Takes events that came together, in their order, as far as they concern the listener.
///
/// # Errors
///
/// [`Fault`] when the database is away: nothing was taken, and the events have to come again; or when even
/// the queue cannot be written.
pub async fn take_events<L: Listener>(
    listener: &L,
    events: &[Arc<v1::Event>],
) -> Result<Vec<TakenEvent<L>>, Fault> {
    let read = events.iter().enumerate().map(|(at, event)| (at, event, listener.read(event)));
    let read: Vec<_> = read.filter(|(_, _, read)| !matches!(read, Ok(None))).collect();
    if read.is_empty() {
        return Ok(Vec::new());
    }
    let (pool, now) = listener.queue();
    let subjects: Vec<Uuid> = read.iter().map(|(_, event, _)| subject(event)).collect();
    let mut waiting = queue::waiting(pool, L::QUEUE, &subjects).await?;
    let (mut places, mut take, mut behind, mut all) = (vec![], vec![], vec![], vec![]);
    for (at, event, read) in read {
        all.push(event);
        match read {
            Ok(Some(read)) if !waiting.contains(&subject(event)) => {
                places.push((at, read.clone()));
                take.push(read);
            }
            Ok(_) | Err(UnreadableEvent) => {
                waiting.insert(subject(event));
                behind.push(item::<L>(event, now)?);
            }
        }
    }
    match listener.take(take, behind).await {
        Err(Fault::Broken(fault)) => {
            let count = all.len();
            tracing::warn!(fault, count, queue = L::QUEUE, "events cannot be taken together");
            let all = all.into_iter().map(|event| item::<L>(event, now));
            listener.take(Vec::new(), all.collect::<Result<_, Fault>>()?).await?;
            Ok(Vec::new())
        }
        outcomes => {
            let taken = places.into_iter().zip(outcomes?);
            Ok(taken.map(|((at, event), outcome)| TakenEvent { at, event, outcome }).collect())
        }
    }
}

/// What an event is about: its declaration, or itself when it names none.
fn subject(event: &v1::Event) -> Uuid {
    Uuid::try_parse(&event.declaration_id).unwrap_or_else(|_| id(event, "")) // why: see above
}

fn id(event: &v1::Event, queue: &str) -> Uuid {
    let name = format!("{queue}/{}/{}", event.slot, event.position);
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

fn item<L: Listener>(event: &v1::Event, now: OffsetDateTime) -> Result<Item, Fault> {
    let (slot, position) = (event.slot, event.position);
    let strange = || Fault::Broken(format!("an event stands at {position} of slot {slot}"));
    Ok(Item {
        slot: Slot::new(slot).ok_or_else(strange)?,
        id: id(event, L::QUEUE),
        kind: L::kind(event),
        subject: subject(event),
        place: i64::try_from(position).map_err(|_| strange())?,
        body: event.encode_to_vec(),
        due: now,
        tries: 0,
    })
}

/// Events that could not be taken when they came, one by one in the order of each subject.
#[derive(Debug)]
pub struct LateEvents<L>(pub Arc<L>);

impl<L: Listener> Port for LateEvents<L> {
    const QUEUE: &'static str = L::QUEUE;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let taken = items.iter().map(async |item| self.catch_up(item).await.into());
        futures::future::join_all(taken).await
    }
}

impl<L: Listener> LateEvents<L> {
    async fn catch_up(&self, item: &Item) -> Result<(), Delivery> {
        let Self(listener) = self;
        let unreadable = |_| Delivery::Failed(UnreadableEvent.to_string());
        let event = v1::Event::decode(item.body.as_slice()).map_err(unreadable)?;
        let read = listener.read(&Arc::new(event));
        let read = read.map_err(|unreadable| Delivery::Failed(unreadable.to_string()))?;
        match read {
            Some(event) => listener.take_late(item, event).await,
            // It concerned the service when it came, and another program reads it otherwise.
            None => crate::deliver::settle(listener.queue().0, L::QUEUE, item).await,
        }
    }
}

/// Who sits at the exchange for a service.
pub trait ExchangeSeat: Send + Sync {
    /// Takes events, and gives what is said to them, with their places.
    fn take(
        &self,
        events: &[Arc<v1::Event>],
    ) -> impl Future<Output = Result<Vec<(usize, v1::Answer)>, Fault>> + Send;

    /// What became of something that was said.
    fn handle_result(&self, result: &v1::Result);
}

/// Listens and answers until `closing`. What the service says by itself comes from `answers`.
pub async fn listen<S: ExchangeSeat>(
    seat: &S,
    consumer: Consumer,
    answers: mpsc::Receiver<ConsumerAnswer>,
    progress: &Progress,
    closing: &CancellationToken,
) {
    let subscriber = consumer.subscriber;
    // Heartbeats come when nothing else does, so a stream that says nothing stands still.
    progress.begin();
    let handler = SeatHandler { seat, progress, service: service_of(progress.name), fails: false };
    if let Err(status) = consumer.serve(handler, answers, closing.clone()).await {
        tracing::error!(%status, ?subscriber, "a service may not listen at the exchange");
    }
}

/// What a service says by itself that says nothing.
pub fn no_answers() -> mpsc::Receiver<ConsumerAnswer> {
    mpsc::channel(1).1
}

/// The service of a loop: the name of one stands before that of the other.
fn service_of(name: &'static str) -> &'static str {
    name.split_once('.').map_or(name, |(service, _)| service)
}

struct SeatHandler<'a, S> {
    seat: &'a S,
    progress: &'a Progress,
    service: &'static str,
    /// Events came and could not even be put aside.
    fails: bool,
}

impl<S: ExchangeSeat> Handler for SeatHandler<'_, S> {
    async fn handle(&mut self, events: Vec<v1::Event>) -> Result<Vec<Vec<ConsumerAnswer>>, Status> {
        let mut answers: Vec<Vec<ConsumerAnswer>> = events.iter().map(|_| Vec::new()).collect();
        let events: Vec<Arc<v1::Event>> = events.into_iter().map(Arc::new).collect();
        let begin = |it: &Arc<v1::Event>| UseCaseSpan::begin(self.service, "Hear", &it.trace_id);
        let spans: Vec<_> = events.iter().map(begin).collect();
        let taken = self.seat.take(&events).await;
        self.fails = taken.is_err();
        // The lane has logged it; the events come again.
        for (at, mut answer) in taken.map_err(|fault| Status::unavailable(fault.to_string()))? {
            answer.trace_id = spans[at].trace(events[at].trace_id.clone());
            answers[at].push(ConsumerAnswer::now(answer));
        }
        Ok(answers)
    }

    fn result(&mut self, result: &v1::Result) {
        self.seat.handle_result(result);
    }

    fn alive(&mut self) {
        if !self.fails {
            self.progress.advance();
        }
    }
}
