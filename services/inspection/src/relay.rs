//! How the inspection service hears of declarations and answers: over the exchange, like every agency.
//!
//! An event is taken down before it is acknowledged, and what the rules demand goes out after it is kept.
//! Errands are rows; they are read here, said, and struck off when the window has answered.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use client::{Consumer, Handler, Reply, Window};
use domain::clearance::Agency;
use domain::{DeclarationId, OrderId, Slot, limits};
use prost::Message as _;
use proto::inspection::Declared;
use proto::v1::{self, fact::Kind as Wire};
use store::Fault;
use store::share::Share;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use crate::Inspection;
use crate::commit::{Answer, Command, Done};
use crate::errand::{self, Kind, Settled, Waiting};
use crate::heard::{Heard, What};
use crate::risk::Demands;

/// Ids of what the rules say are made of what they are about, so that they are the same again.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c1d_4a7e_0b52_5f3c_8e1f_0002_5157_0001);
/// How often errands are looked for without a hint.
const LOOK: Duration = Duration::from_secs(1);
/// After a failure.
const PAUSE: Duration = Duration::from_millis(500);
/// Errands that wait to be said.
const ERRANDS_WAITING_MAX: usize = 256;

/// What the two loops share: errands that are on their way, and those that were answered.
#[derive(Debug, Default)]
pub(crate) struct Board {
    under_way: Mutex<HashMap<String, Waiting>>,
    answered: Mutex<Vec<Settled>>,
    news: Notify,
}

impl Board {
    fn answer(&self, result: &v1::Result) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(errand) = under_way.remove(&result.request_id) else { return };
        drop(under_way);
        let refused = match result.result() {
            // The declaration was not stopped for it; a repetition would be a duplicate.
            v1::ResultCode::Ignored if errand.kind == Kind::Reopening => "IGNORED",
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
        if !refused.is_empty() {
            let (id, kind) = (errand.declaration, errand.kind);
            tracing::info!(declaration = %id, ?kind, refused, "an errand was not taken");
        }
        let settled = Settled {
            id: errand.id,
            declaration: errand.declaration,
            kind: errand.kind,
            refused: refused.to_owned(),
        };
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).push(settled);
        self.news.notify_one();
    }
}

/// Listens and answers until `closing`.
pub(crate) async fn listen(
    inspection: &Arc<Inspection>,
    window: &Window,
    spontaneous: mpsc::Receiver<Reply>,
    closing: &CancellationToken,
) {
    let consumer = Consumer {
        window: window.clone(),
        agency: v1::Agency::Site,
        name: inspection.consumer.clone(),
        from: Vec::new(),
    };
    let ear = Ear { inspection: Arc::clone(inspection), demanded: HashMap::new() };
    match consumer.serve(ear, spontaneous, closing.clone()).await {
        Ok(()) => {}
        Err(status) => tracing::error!(%status, "the inspection service may not listen"),
    }
}

struct Ear {
    inspection: Arc<Inspection>,
    /// Demands that were said and not answered yet, by their ids.
    demanded: HashMap<String, (DeclarationId, u32)>,
}

impl Ear {
    async fn hear(
        &self,
        heard: Arc<[Heard]>,
        which: Range<usize>,
    ) -> Result<Vec<Option<Demands>>, Fault> {
        let command = Command::Hear(heard, which);
        match self.inspection.hearing.queue(Slot::of(""), &Share::Kept, command).await? {
            Ok(Done::Heard(demands)) => Ok(demands),
            Ok(_) | Err(_) => Err(Fault::Broken("events were answered otherwise".to_owned())),
        }
    }

    /// Hears events each in a transaction of its own. One that cannot be taken down is set aside: its
    /// declaration is not released, since nobody says what the rules demand, until people look at it.
    async fn one_by_one(&self, heard: &Arc<[Heard]>) -> Result<Vec<Option<Demands>>, Status> {
        let mut all = Vec::new();
        for (at, event) in heard.iter().enumerate() {
            match self.hear(Arc::clone(heard), at..at + 1).await {
                Ok(demands) => all.extend(demands),
                Err(Fault::Broken(fault)) => {
                    let id = event.id;
                    tracing::error!(declaration = %id, fault, "an event was set aside");
                    metrics::counter!("sw_inspection_events_set_aside_total").increment(1);
                    all.push(None);
                }
                Err(fault) => return Err(Status::unavailable(fault.to_string())),
            }
        }
        Ok(all)
    }

    fn replies(&mut self, heard: &Heard, demands: Demands) -> Vec<Reply> {
        let targeting = targeting(heard.id, heard.version, demands);
        if !targeting.demands.is_empty() {
            self.demanded.insert(targeting.request_id.clone(), (heard.id, heard.version));
        }
        vec![Reply::Targeting(targeting)]
    }
}

impl Handler for Ear {
    async fn handle(&mut self, events: Vec<v1::Event>) -> Result<Vec<Vec<Reply>>, Status> {
        let read: Vec<Option<Heard>> = events.into_iter().map(readable).collect();
        let is_readable: Vec<bool> = read.iter().map(Option::is_some).collect();
        let heard: Arc<[Heard]> = read.into_iter().flatten().collect();
        let demands = match self.hear(Arc::clone(&heard), 0..heard.len()).await {
            Ok(demands) => demands,
            // One of them is at fault: it must not keep the others.
            Err(Fault::Broken(_)) => self.one_by_one(&heard).await?,
            // The lane has logged it; the events come again.
            Err(fault) => return Err(Status::unavailable(fault.to_string())),
        };
        // What cannot be read was left out, and has no answer.
        let mut answered = heard.iter().zip(demands);
        let mut all = Vec::with_capacity(is_readable.len());
        for readable in is_readable {
            let answered = if readable { answered.next() } else { None };
            let replies = answered.and_then(|(heard, demands)| Some((heard, demands?)));
            all.push(replies.map_or_else(Vec::new, |(heard, it)| self.replies(heard, it)));
        }
        Ok(all)
    }

    fn result(&mut self, result: &v1::Result) {
        // It is said again and answered then.
        if result.result() == v1::ResultCode::Retry {
            return;
        }
        if let Some((id, version)) = self.demanded.remove(&result.request_id) {
            if result.result() == v1::ResultCode::Refused {
                let code = result.code.clone();
                tracing::warn!(declaration = %id, code, "a demand of the rules was refused");
                let mut refused = lock(&self.inspection.refused);
                refused.push((id, version, code));
            }
            return;
        }
        self.inspection.board.answer(result);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn targeting(id: DeclarationId, version: u32, demands: Demands) -> v1::Targeting {
    let name = format!("targeting/{id}/{version}");
    let demand = |(agency, reasons): (Agency, Vec<domain::history::Reason>)| v1::Demand {
        agency: v1::Agency::from(agency).into(),
        instructions: reasons.into_iter().map(Into::into).collect(),
    };
    v1::Targeting {
        request_id: Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string(),
        declaration_id: id.to_string(),
        version,
        demands: demands.into_iter().map(demand).collect(),
    }
}

/// An event, or nothing where it cannot be read: that one is set aside.
fn readable(event: v1::Event) -> Option<Heard> {
    let (slot, position) = (event.slot, event.position);
    let heard = heard(event);
    if heard.is_none() {
        tracing::error!(slot, position, "an event cannot be read and was set aside");
        metrics::counter!("sw_inspection_events_set_aside_total").increment(1);
    }
    heard
}

/// An event as far as it concerns inspection.
fn heard(event: v1::Event) -> Option<Heard> {
    let id = DeclarationId::parse(&event.declaration_id)?;
    let time = event.time.and_then(proto::time)?;
    let content = event.declaration.map(|declared| Box::new(Declared::new(declared)));
    let v1::Facts { facts, waits_for } = event.facts?;
    let waits_for = waits_for.into_iter().map(|what| v1::Awaited::try_from(what).ok()?.awaited());
    let waits_for = waits_for.collect::<Option<_>>()?;
    // A kind that this program does not know is none that concerns it.
    let facts = facts.into_iter().filter_map(|fact| fact.kind);
    let facts = facts.map(what).collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    let (version, round, again) = (event.version, event.round, event.attempt > 1);
    Some(Heard { id, version, round, time, again, facts, waits_for, content })
}

/// What a fact means here: nothing, for many; `None` for one that cannot be read.
fn what(fact: Wire) -> Option<Option<What>> {
    let agency = proto::inspection::agency;
    let reasons = |reasons: Vec<v1::Reason>| reasons.into_iter().map(Into::into).collect();
    let order = |id: &str| Uuid::try_parse(id).ok().map(OrderId);
    Some(Some(match fact {
        Wire::Filed(_) => What::Filed,
        Wire::Amended(_) => What::Amended,
        Wire::InspectionOrdered(it) => {
            let order = order(&it.order_id)?;
            What::Demanded(order, agency(it.demanded_by)?, reasons(it.instructions))
        }
        Wire::InspectionJoined(it) => {
            let order = order(&it.order_id)?;
            What::Demanded(order, agency(it.demanded_by)?, reasons(it.instructions))
        }
        Wire::InspectionAnswered(it) => What::Answered(agency(it.demanded_by)?),
        Wire::InspectionReopened(it) => What::Reopened(order(&it.order_id)?),
        Wire::InspectionCancelled(_) => What::Cancelled,
        Wire::StandChanged(it) if it.stand() == v1::Stand::Detained => {
            What::Detained(agency(it.agency)?, reasons(it.reasons))
        }
        Wire::Released(_) => What::Released,
        Wire::Rejected(it) => What::Rejected(agency(it.agency)?),
        Wire::Returned(it) => What::Returned(agency(it.agency)?),
        Wire::Withdrawn(_) => What::Withdrawn,
        // What we said ourselves comes back to us.
        Wire::StandChanged(_)
        | Wire::Numbered(_)
        | Wire::InspectionCompleted(_)
        | Wire::InspectionMoved(_)
        | Wire::Targeted(_) => return Some(None),
    }))
}

/// Says errands and strikes off those that were answered, until `closing`.
pub(crate) async fn run_errands(
    inspection: &Arc<Inspection>,
    say: mpsc::Sender<Reply>,
    closing: &CancellationToken,
) {
    let mut last = Uuid::nil();
    loop {
        match errands(inspection, &say, &mut last).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(fault) => {
                tracing::warn!(%fault, "errands to the declaration service wait");
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = closing.cancelled() => return,
                }
            }
        }
        tokio::select! {
            () = inspection.errands.notified() => {}
            () = inspection.board.news.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = closing.cancelled() => return,
        }
    }
}

/// Says what waits and takes answers down. True when there may be more at once.
async fn errands(
    inspection: &Arc<Inspection>,
    say: &mpsc::Sender<Reply>,
    last: &mut Uuid,
) -> Result<bool, Fault> {
    let queue = |command| inspection.asking.queue(Slot::of(""), &Share::Kept, command);
    let settled = keep(&inspection.board.answered, |it| queue(Command::Settle(vec![it]))).await;
    let refused = |(id, version, code)| queue(Command::Refused(id, version, code));
    keep(&inspection.refused, refused).await.and(settled)?;
    let under_way: HashSet<Uuid> =
        lock(&inspection.board.under_way).values().map(|e| e.id).collect();
    // More than fit leave no room.
    let taken = i64::try_from(under_way.len()).unwrap_or(i64::MAX);
    let room = limits::ERRANDS_MAX.saturating_sub(taken);
    if room <= 0 {
        return Ok(false);
    }
    let found = errand::waiting(&inspection.work, *last, room).await?;
    if found.is_empty() && *last != Uuid::nil() && under_way.is_empty() {
        // From the beginning again: a row may have become visible behind the last one.
        *last = Uuid::nil();
    }
    let more = i64::try_from(found.len()).is_ok_and(|found| found == room);
    for waiting in found {
        *last = waiting.id;
        let Some(reply) = reply(&waiting) else {
            // It stays a row, and does not hold up the others.
            let fault = Fault::Broken(format!("the kept errand {} cannot be read", waiting.id));
            fault.report("an errand cannot be said");
            continue;
        };
        lock(&inspection.board.under_way).insert(waiting.id.to_string(), waiting);
        if say.send(reply).await.is_err() {
            return Ok(false);
        }
    }
    Ok(more)
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
            Fault::Broken(_) => fault.report("what the declaration service answered is not kept"),
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

fn reply(waiting: &Waiting) -> Option<Reply> {
    let body = waiting.body.as_slice();
    Some(match waiting.kind {
        Kind::Findings => Reply::Findings(Duration::ZERO, v1::FindingsReport::decode(body).ok()?),
        Kind::Reopening => Reply::Reopening(v1::Reopening::decode(body).ok()?),
        Kind::News => Reply::News(v1::InspectionNews::decode(body).ok()?),
    })
}

/// The way from errands to the stream.
pub(crate) fn channel() -> (mpsc::Sender<Reply>, mpsc::Receiver<Reply>) {
    mpsc::channel(ERRANDS_WAITING_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

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
                    fact(Wire::Targeted(v1::Targeted::default())),
                    fact(Wire::InspectionOrdered(ordered)),
                ],
                waits_for: Vec::new(),
            }),
            ..Default::default()
        };
        let read = heard(event(ordered.clone())).expect("it can be read");
        let order = OrderId(Uuid::from_u128(7));
        assert_eq!(read.facts, [What::Demanded(order, Agency::Customs, Vec::new())]);
        let nobody = v1::InspectionOrdered { demanded_by: 0, ..ordered.clone() };
        assert!(heard(event(nobody)).is_none(), "a demand of nobody");
        let nothing = v1::InspectionOrdered { order_id: "x".to_owned(), ..ordered };
        assert!(heard(event(nothing)).is_none(), "a demand for nothing");
        let silent = v1::Event { facts: None, ..event(v1::InspectionOrdered::default()) };
        assert!(heard(silent).is_none(), "an event without facts");
    }
}
