//! How the inspection service hears of declarations and answers: over the exchange, like every agency.
//!
//! An event is taken down before it is acknowledged, and what the rules demand goes out after it is kept.
//! One that cannot be taken down waits in a queue, and with it what comes about the same declaration:
//! that one is not released meanwhile, since nobody says what the rules demand. Errands are items of a
//! queue as well; they are said, and struck off when the window has answered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use client::{Consumer, Handler, Reply, Window};
use domain::clearance::{Awaited, Outcome};
use domain::decision::{Decision, Demand, What as Said};
use domain::refusal::Code;
use domain::subscriber::Subscriber;
use domain::{DeclarationId, OrderId, RequestId, Slot};
use kit::deliver::{Delivery, Port};
use kit::progress::Progress;
use kit::react::{self, Reaction};
use prost::Message as _;
use proto::inspection::DeclarationView;
use proto::v1::{self, fact::Kind as Wire};
use store::queue::Item;
use store::share::Share;
use store::{Fault, queue};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use crate::Inspection;
use crate::commit::{Answer, Done, InspectionCommand};
use crate::errand::{ANSWERS, Settled};
use crate::heard::{EVENTS, InboundChange, InboundEvent};
use crate::risk::Demands;

/// Ids of what the rules say are made of what they are about, so that they are the same again.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c1d_4a7e_0b52_5f3c_8e1f_0002_5157_0001);
/// After a failure.
const PAUSE: Duration = Duration::from_millis(500);
/// How often refusals of demands are written down.
const LOOK: Duration = Duration::from_secs(1);
/// How long the answer to something that was said is waited for before others get their turn.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Replies that wait to be said.
const REPLIES_WAITING_MAX: usize = 256;

/// What was said to the window by itself, until it is answered.
#[derive(Debug)]
pub(crate) struct PendingAnswers {
    say: mpsc::Sender<Reply>,
    under_way: Mutex<HashMap<String, watch::Sender<Option<v1::Result>>>>,
}

impl PendingAnswers {
    /// A board, and what is said through it.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Reply>) {
        let (say, said) = mpsc::channel(REPLIES_WAITING_MAX);
        (Self { say, under_way: Mutex::default() }, said)
    }

    /// Says something once, however often it is asked for, and waits for the answer. What has none in time is
    /// still under way.
    async fn ask(&self, said: v1::Answer) -> Result<v1::Result, Delivery> {
        let request_id = said.request_id.as_str();
        let late = || Delivery::Away("the declaration service has not answered".to_owned());
        let (mut answer, is_new) = {
            let mut under_way = lock(&self.under_way);
            match under_way.get(request_id) {
                Some(sender) => (sender.subscribe(), false),
                None => {
                    let (sender, answer) = watch::channel(None);
                    under_way.insert(request_id.to_owned(), sender);
                    (answer, true)
                }
            }
        };
        if is_new && self.say.send(Reply::now(said.clone())).await.is_err() {
            lock(&self.under_way).remove(request_id);
            return Err(late());
        }
        let answered = tokio::time::timeout(ANSWER_TIME, answer.wait_for(Option::is_some)).await;
        let result = match answered {
            Ok(Ok(result)) => result.clone(),
            Ok(Err(_)) | Err(_) => None,
        };
        let result = result.ok_or_else(late)?;
        lock(&self.under_way).remove(request_id);
        if result.result() == v1::ResultCode::Retry {
            let (code, message) = (result.code, result.message);
            return Err(Delivery::Failed(format!("the declaration service: {code} {message}")));
        }
        Ok(result)
    }

    fn answer(&self, result: &v1::Result) {
        if let Some(sender) = lock(&self.under_way).get(&result.request_id) {
            sender.send_replace(Some(result.clone()));
        }
    }
}

/// Listens and answers until `closing`.
pub(crate) async fn listen(
    inspection: &Arc<Inspection>,
    window: &Window,
    spontaneous: mpsc::Receiver<Reply>,
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
    type Taken = Vec<(usize, Arc<InboundEvent>, Option<Demands>)>;

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

async fn hear(
    inspection: &Inspection,
    events: Vec<Arc<InboundEvent>>,
    behind: Vec<Item>,
) -> Result<Vec<Option<Demands>>, Fault> {
    let command = InspectionCommand::Hear(events, behind);
    match inspection.hearing.enqueue(Slot::of(""), &Share::Kept, command).await? {
        Ok(Done::Heard(demands)) => Ok(demands),
        Ok(_) | Err(_) => Err(Fault::Broken("events were answered otherwise".to_owned())),
    }
}

impl Handler for EventConsumer {
    async fn handle(&mut self, events: Vec<v1::Event>) -> Result<Vec<Vec<Reply>>, Status> {
        let mut replies: Vec<Vec<Reply>> = events.iter().map(|_| Vec::new()).collect();
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
            replies[at].push(Reply::now(answer));
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

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Events that could not be taken when they came.
#[derive(Debug)]
pub(crate) struct LateEvents(pub(crate) Arc<Inspection>);

impl Port for LateEvents {
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

impl LateEvents {
    async fn catch_up(&self, item: &Item) -> Result<(), Delivery> {
        let Self(inspection) = self;
        let unreadable = || Delivery::Failed("the event cannot be read".to_owned());
        let mut event = v1::Event::decode(item.body.as_slice()).map_err(|_| unreadable())?;
        let content = event.declaration.take().map(DeclarationView::new).map(Box::new);
        let heard = Arc::new(heard(&event, content).map_err(|_| unreadable())?);
        let (id, version, round) = (heard.id, heard.version, heard.round);
        let demands = hear(inspection, vec![heard], Vec::new()).await;
        let demands = demands.map_err(|fault| Delivery::of(&fault))?;
        if let Some(demands) = demands.into_iter().next().flatten() {
            let is_refusable = !demands.is_empty();
            let answer = risk_check((id, version, round), demands);
            let result = inspection.board.ask(answer).await?;
            if is_refusable && result.result() == v1::ResultCode::Refused {
                let command = InspectionCommand::Refused(id, version, result.code);
                let kept = inspection.asking.enqueue(Slot::of(""), &Share::Kept, command).await;
                kept.map_err(|fault| Delivery::of(&fault))?.map_err(|refusal| {
                    Delivery::Failed(format!("the refusal of a demand was refused: {refusal}"))
                })?;
            }
        }
        self.settle(item).await.map_err(|fault| Delivery::of(&fault))
    }

    async fn settle(&self, item: &Item) -> Result<(), Fault> {
        let mut connection = self.0.work.acquire().await?;
        queue::settle(&mut connection, EVENTS, &[(item.slot, item.id)]).await.map(drop)
    }
}

/// Errands to the declaration service: what it must hear of an order.
#[derive(Debug)]
pub(crate) struct Answers(pub(crate) Arc<Inspection>);

impl Port for Answers {
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

impl Answers {
    async fn tell(&self, item: &Item) -> Result<(), Delivery> {
        let Self(inspection) = self;
        let answer = v1::Answer::decode(item.body.as_slice())
            .map_err(|error| Delivery::Failed(format!("the errand cannot be read: {error}")))?;
        let reopens = matches!(answer.what, Some(v1::answer::What::Reopening(_)));
        let result = inspection.board.ask(answer).await?;
        let refused = match result.result() {
            // The declaration was not stopped for it; a repetition would be a duplicate.
            v1::ResultCode::Ignored if reopens => "IGNORED",
            v1::ResultCode::Applied | v1::ResultCode::Duplicate | v1::ResultCode::Ignored => "",
            v1::ResultCode::StaleVersion
            | v1::ResultCode::StaleRound
            | v1::ResultCode::Refused
            | v1::ResultCode::Retry
            | v1::ResultCode::Unspecified => {
                if result.code.is_empty() {
                    "STALE"
                } else {
                    &result.code
                }
            }
        };
        let declaration = DeclarationId::from_uuid(item.subject);
        if !refused.is_empty() {
            tracing::info!(%declaration, reopens, refused, "an errand was not taken");
        }
        let settled = Settled { id: item.id, declaration, reopens, refused: refused.to_owned() };
        let kept = inspection
            .asking
            .enqueue(Slot::of(""), &Share::Kept, InspectionCommand::Settle(vec![settled]))
            .await;
        kept.map_err(|fault| Delivery::of(&fault))?
            .map_err(|refusal| Delivery::Failed(format!("the answer was refused: {refusal}")))?;
        Ok(())
    }
}

/// What the risk rules say about a version.
fn risk_check(
    (declaration, version, round): (DeclarationId, u32, u32),
    demands: Demands,
) -> v1::Answer {
    let name = format!("targeting/{declaration}/{version}");
    let demands =
        demands.into_iter().map(|(agency, instructions)| Demand { agency, instructions }).collect();
    proto::exchange::answer(&Decision {
        request: RequestId(Uuid::new_v5(&NAMESPACE, name.as_bytes())),
        declaration,
        version,
        round,
        by: Subscriber::InspectionService,
        what: Said::Verdict { outcome: Outcome::Cleared, reasons: Vec::new(), demands },
    })
}

/// An event as far as it concerns inspection; its content back where it cannot be read.
fn heard(
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
        | Wire::InspectionMoved(_) => return Some(None),
    }))
}

/// Has refusals of demands kept, until `closing`.
pub(crate) async fn keep_refusals(inspection: &Arc<Inspection>, closing: &CancellationToken) {
    loop {
        let queue = |command| inspection.asking.enqueue(Slot::of(""), &Share::Kept, command);
        let refused = |(id, version, code)| queue(InspectionCommand::Refused(id, version, code));
        let pause = match keep(&inspection.refused, refused).await {
            Ok(()) => LOOK,
            Err(fault) => {
                tracing::warn!(%fault, "refusals of demands wait to be kept");
                PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = closing.cancelled() => return,
        }
    }
}

/// Has notes kept, each by a command of its own; they share transactions. A note leaves memory when it is
/// kept, not before: neither a failure nor a cut loses it. One that can never be kept is reported and left
/// out, so that it does not hold up the others.
async fn keep<T: Clone, F: Future<Output = Result<Answer, Fault>>>(
    notes: &Mutex<Vec<T>>,
    queue: impl Fn(T) -> F,
) -> Result<(), Fault> {
    let now = lock(notes).clone();
    let kept = futures::future::join_all(now.iter().cloned().map(queue)).await;
    let (mut waiting, mut missed) = (Vec::new(), Ok(()));
    for (note, done) in now.iter().zip(kept) {
        let fault = match done {
            Ok(Ok(_)) => continue,
            Ok(Err(refusal)) => Fault::Broken(format!("it was refused: {refusal}")),
            Err(fault) => fault,
        };
        match fault {
            Fault::Broken(_) => fault.report("the refusal of a demand is not kept"),
            Fault::Away(_) | Fault::Full(_) => {
                waiting.push(note.clone());
                missed = Err(fault);
            }
        }
    }
    // What came meanwhile stands behind.
    lock(notes).splice(..now.len(), waiting);
    missed
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::clearance::Agency;

    fn away() -> Result<Answer, Fault> {
        Err(Fault::Away("the database is away".to_owned()))
    }

    #[tokio::test]
    async fn what_the_database_could_not_take_stays_in_memory() {
        let notes = Mutex::new(vec![1, 2, 3]);
        let first_is_away =
            |note| async move { if note == 1 { away() } else { Ok(Ok(Done::Kept)) } };
        assert!(keep(&notes, first_is_away).await.is_err());
        assert_eq!(*lock(&notes), [1], "what was kept is forgotten, the rest is not");

        lock(&notes).extend([2, 3]);
        assert!(keep(&notes, |_| async { away() }).await.is_err());
        assert_eq!(*lock(&notes), [1, 2, 3]);
        // One that comes meanwhile stands behind, and waits for the next time.
        let another_comes = |note| {
            lock(&notes).push(note + 10);
            async move { if note == 2 { away() } else { Ok(Ok(Done::Kept)) } }
        };
        assert!(keep(&notes, another_comes).await.is_err());
        assert_eq!(*lock(&notes), [2, 11, 12, 13]);
        keep(&notes, |_| async { Ok(Ok(Done::Kept)) }).await.expect("the database is back");
        assert!(lock(&notes).is_empty());
    }

    #[tokio::test]
    async fn a_cut_while_notes_are_kept_loses_none() {
        let notes = Mutex::new(vec![1, 2]);
        let never = keep(&notes, |_| std::future::pending());
        let cut = tokio::time::timeout(Duration::from_millis(10), never).await;
        assert!(cut.is_err());
        assert_eq!(*lock(&notes), [1, 2]);
    }

    #[tokio::test]
    async fn a_note_that_can_never_be_kept_does_not_hold_up_the_others() {
        let notes = Mutex::new(vec![1, 2]);
        let poisoned = |note| async move {
            if note == 1 { Err(Fault::Broken("a bug".to_owned())) } else { Ok(Ok(Done::Kept)) }
        };
        keep(&notes, poisoned).await.expect("the database is there");
        assert!(lock(&notes).is_empty());
    }

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
