//! One agency's stream: events out from where it stopped, decisions in. Step 3 of 5.
//!
//! One loop owns everything of the stream, so nothing is shared and nothing is spawned. Events wait
//! in the journal, not here: the loop reads on only while fewer than the agreed number are
//! unacknowledged. Answers are decided many at once and answered in their order.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::refusal::{Code, Refusal};
use domain::subscriber::{Subscriber, Topics};
use domain::{Slot, limits};
use futures::{FutureExt as _, Stream, StreamExt as _};
use proto::raw::connect_request::Frame as In;
use proto::raw::connect_response::Frame as Out;
use proto::{exchange as wire, raw, status};
use store::journal::{self, JournalEntry};
use store::tail::Reader;
use store::{Fault, column};
use tokio::time::Instant;
use tonic::{Status, Streaming};
use uuid::Uuid;

use crate::frame::{PendingResults, decide_all, event, frame, positions, refuse, unavailable};
use crate::slots::{ConnectionLease, StoredPositions};
use crate::{ExchangeState, onlooker, parked};

/// How often stored positions are kept. A crash between two of these only means that events are
/// delivered again.
const KEEP: Duration = Duration::from_millis(500);
/// How often the lease is looked at: whether it is still ours, and whether slots have to be shared.
const RENEW: Duration = Duration::from_secs(2);

/// Serves one stream until the agency leaves, the window drains or the lease is lost.
pub(crate) fn serve(
    shared: Arc<ExchangeState>,
    subscriber: Subscriber,
    mut frames: Streaming<raw::ConnectRequest>,
) -> impl Stream<Item = Result<raw::ConnectResponse, Status>> + Send {
    async_stream::try_stream! {
        let first = frames.message().await?.and_then(|request| request.frame);
        let (open, topics) = opening(subscriber, first)?;
        if open.without_slots {
            let mut looking = pin!(onlooker::serve(shared, subscriber, (open, topics), frames));
            while let Some(frame) = looking.next().await {
                yield frame?;
            }
            return;
        }
        let mut session = Session::open(&shared, subscriber, (open, topics)).await?;
        let mut deciding = PendingResults::new();
        let mut keep = tokio::time::interval(KEEP);
        let mut renew = tokio::time::interval(RENEW);
        renew.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        keep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        renew.reset();
        let mut heartbeat = tokio::time::interval(Duration::from_secs(limits::HEARTBEAT_SECONDS));
        heartbeat.reset();
        let mut ended: Result<(), Status> = Ok(());
        yield session.opened()?;
        loop {
            let step = tokio::select! {
                frame = frames.message(), if deciding.len() < 4 * limits::ANSWERS_MAX => {
                    Step::Frame(frame)
                }
                Some(first) = deciding.next(), if !deciding.is_empty() => Step::Decided(first),
                read = session.reader.next(), if session.has_room() => Step::Read(read),
                _ = keep.tick() => Step::Keep,
                _ = renew.tick() => Step::Renew,
                _ = heartbeat.tick() => Step::Heartbeat,
                () = shared.draining.cancelled() => Step::Drain,
            };
            match step {
                Step::Frame(Ok(Some(request))) => {
                    if let Err(status) = session.handle_frame(&shared, request.frame, &mut deciding).await {
                        ended = Err(status);
                        break;
                    }
                }
                // The agency closed its side.
                Step::Frame(Ok(None)) => break,
                // The connection broke, or a frame cannot be read.
                Step::Frame(Err(status)) => {
                    ended = Err(status);
                    break;
                }
                Step::Decided(first) => {
                    let mut results = vec![first];
                    while let Some(Some(more)) = deciding.next().now_or_never() {
                        results.push(more);
                    }
                    yield frame(Out::Results(raw::Results { results }));
                }
                Step::Read(Ok(entries)) => session.take(entries),
                Step::Read(Err(fault)) => {
                    ended = Err(unavailable(&fault));
                    break;
                }
                Step::Keep => {
                    if let Err(status) = session.keep(&shared).await {
                        ended = Err(status);
                        break;
                    }
                }
                Step::Renew => match session.renew(&shared).await {
                    Ok(changed) => {
                        if changed {
                            yield session.opened()?;
                        }
                        match session.again(&shared).await {
                            Ok(Some(again)) => yield again,
                            Ok(None) => {}
                            Err(status) => {
                                ended = Err(status);
                                break;
                            }
                        }
                    }
                    Err(status) => {
                        ended = Err(status);
                        break;
                    }
                },
                Step::Heartbeat => yield session.heartbeat()?,
                Step::Drain => {
                    let reason = "the window drains; connect again".to_owned();
                    yield frame(Out::GoAway(raw::GoAway { reason }));
                    break;
                }
            }
            while let Some(batch) = session.batch(&shared).await? {
                heartbeat.reset();
                yield batch;
            }
        }
        // What was taken is decided and answered even now, whatever ended the stream; what the agency
        // stored is kept.
        while let Some(result) = deciding.next().await {
            yield frame(Out::Results(raw::Results { results: vec![result] }));
        }
        let closed = session.close(&shared).await;
        ended?;
        closed?;
    }
}

/// What a stream begins with, and what it is told.
fn opening(subscriber: Subscriber, first: Option<In>) -> Result<(raw::Open, Topics), Status> {
    let Some(In::Open(open)) = first else {
        return Err(refuse(Refusal::of(Code::FrameUnexpected).with("expected", "Open")));
    };
    if wire::subscriber(open.subscriber) != Some(subscriber) {
        return Err(refuse(Refusal::of(Code::NotYourAgency)));
    }
    let topics = wire::topics(subscriber, &open.topics).map_err(refuse)?;
    proto::text::check(&open).map_err(refuse)?;
    if open.consumer.is_empty() || open.consumer.len() > 100 {
        return Err(refuse(Refusal::of(Code::Required).with("field", "consumer")));
    }
    Ok((open, topics))
}

/// What the loop of a stream woke up for.
enum Step {
    Frame(Result<Option<raw::ConnectRequest>, Status>),
    Decided(raw::Result),
    Read(Result<Vec<Arc<JournalEntry>>, Fault>),
    Keep,
    Renew,
    Heartbeat,
    Drain,
}

/// Whether a consumer acknowledges what it has got.
struct Progress {
    /// So long it may acknowledge nothing.
    seconds: u32,
    /// When it acknowledged something last, or got something when it had nothing to acknowledge.
    last: Instant,
    stalled: bool,
    /// What it had not acknowledged of slots that it lost while it was stalled: the oldest position of each.
    lost: BTreeMap<Slot, i64>,
}

impl Progress {
    fn new(wanted: u32) -> Self {
        let seconds = match wanted {
            0 => limits::STALLED_SECONDS_DEFAULT,
            wanted => wanted.min(limits::STALLED_SECONDS_MAX),
        };
        Self { seconds, last: Instant::now(), stalled: false, lost: BTreeMap::new() }
    }

    fn begin(&mut self) {
        self.last = Instant::now();
    }

    /// Looks whether it is stalled now; true when that changed. Who lost all that it could acknowledge stays
    /// stalled until it acknowledges some of it after all.
    fn look(&mut self, waits: bool) -> bool {
        let idle = self.last.elapsed() > Duration::from_secs(self.seconds.into());
        let stalled = idle && (waits || self.stalled);
        if !stalled {
            self.lost.clear();
        }
        std::mem::replace(&mut self.stalled, stalled) != stalled
    }

    fn lose(&mut self, slot: Slot, oldest: Option<i64>) {
        if self.stalled {
            self.lost.extend(oldest.map(|oldest| (slot, oldest)));
        }
    }

    /// Whether this position acknowledges something that it had and lost.
    fn had(&self, acked: &raw::Position) -> bool {
        let lost = Slot::new(acked.slot).and_then(|slot| self.lost.get(&slot));
        lost.is_some_and(|oldest| {
            // Beyond every position: all of it.
            i64::try_from(acked.position).unwrap_or(i64::MAX) >= *oldest
        })
    }
}

struct Session {
    subscriber: Subscriber,
    /// What it is told.
    topics: Topics,
    /// It wants to know what happened, and not what was declared.
    without_content: bool,
    lease: ConnectionLease,
    reader: Reader,
    /// Read and not yet sent.
    backlog: VecDeque<Arc<JournalEntry>>,
    /// Sent and not yet acknowledged, by slot.
    unacknowledged: BTreeMap<Slot, VecDeque<i64>>,
    /// Of these, parked events that were sent again, with their ids.
    again: BTreeMap<(Slot, i64), Uuid>,
    /// Of those, what was acknowledged and is not out of the queue yet.
    settled: Vec<(Slot, Uuid)>,
    progress: Progress,
    in_flight: usize,
    in_flight_max: usize,
    /// Heads when the stream opened: what is not newer may have been delivered before.
    delivered: BTreeMap<Slot, i64>,
    /// What is known to be kept, so that only what moved is written.
    kept: BTreeMap<Slot, i64>,
}

impl Session {
    async fn open(
        shared: &Arc<ExchangeState>,
        subscriber: Subscriber,
        (open, topics): (raw::Open, Topics),
    ) -> Result<Self, Status> {
        let name = open.consumer.clone();
        let lease = shared.in_turn(subscriber, |shared| async move {
            ConnectionLease::open(&shared.pool, subscriber, &name).await
        });
        let lease = lease.await.map_err(|fault| unavailable(&fault))?;
        let wanted = open.max_in_flight.clamp(1, limits::EXCHANGE_IN_FLIGHT_MAX);
        let wanted = if open.max_in_flight == 0 { limits::EXCHANGE_IN_FLIGHT_MAX } else { wanted };
        let mut session = Self {
            subscriber,
            topics,
            without_content: open.without_content,
            lease,
            reader: shared.tail.read(shared.pool.clone(), []),
            backlog: VecDeque::new(),
            unacknowledged: BTreeMap::new(),
            again: BTreeMap::new(),
            settled: Vec::new(),
            progress: Progress::new(open.progress_seconds),
            in_flight: 0,
            // No machine that we run on has a narrower usize.
            in_flight_max: usize::try_from(wanted).unwrap_or(usize::MAX),
            delivered: BTreeMap::new(),
            kept: BTreeMap::new(),
        };
        session.renew(shared).await?;
        for raw::Position { slot, position } in open.from {
            let cursors = session.reader.cursors();
            let held = Slot::new(slot).and_then(|slot| Some((slot, *cursors.get(&slot)?)));
            // Another consumer has it: from there on it is for that one to say.
            let Some((slot, stored)) = held else { continue };
            // What is beyond every position lies after what is acknowledged, too.
            let after = i64::try_from(position).unwrap_or(i64::MAX).saturating_sub(1).max(0);
            if after > stored {
                // Going forward without an acknowledgement would lose what lies between.
                let refusal = Refusal::of(Code::FrameUnexpected)
                    .with("reason", "from lies after what is acknowledged")
                    .with("slot", slot.number())
                    .with("acknowledged", stored);
                return Err(refuse(refusal));
            }
            session.reader.add(slot, after);
        }
        tracing::info!(
            agency = ?subscriber,
            consumer = open.consumer,
            slots = session.reader.cursors().len(),
            "an agency connected"
        );
        Ok(session)
    }

    fn opened(&self) -> Result<raw::ConnectResponse, Status> {
        let cursors = self.reader.cursors().iter().map(|(slot, at)| (*slot, *at));
        Ok(frame(Out::Opened(raw::Opened {
            slots: positions(cursors).map_err(|fault| unavailable(&fault))?,
            epoch: column::unsigned(self.lease.epoch()).map_err(|fault| unavailable(&fault))?,
            // It came as a u32.
            max_in_flight: u32::try_from(self.in_flight_max).unwrap_or(u32::MAX),
            progress_seconds: self.progress.seconds,
            stalled: self.progress.stalled,
        })))
    }

    /// Newest position of each slot that waits for an acknowledgement.
    fn heartbeat(&self) -> Result<raw::ConnectResponse, Status> {
        let waiting = self
            .unacknowledged
            .iter()
            .filter_map(|(slot, sent)| sent.back().map(|position| (*slot, *position)));
        let heads = positions(waiting).map_err(|fault| unavailable(&fault))?;
        Ok(frame(Out::Heartbeat(raw::Heartbeat { heads })))
    }

    fn has_room(&self) -> bool {
        self.backlog.is_empty() && self.in_flight < self.in_flight_max
    }

    fn take(&mut self, entries: Vec<Arc<JournalEntry>>) {
        let topics = self.topics;
        self.backlog.extend(entries.into_iter().filter(|entry| topics.include(entry.topics)));
    }

    /// The next frame of events, as far as there is room; `None` when there is none. An entry that cannot be is
    /// set aside for people, durably, before anything behind it is sent: it is neither sent as another one nor
    /// in the way.
    async fn batch(
        &mut self,
        shared: &Arc<ExchangeState>,
    ) -> Result<Option<raw::ConnectResponse>, Status> {
        let mut events = Vec::new();
        // Where all of some were set aside, the next ones are sent.
        while events.is_empty() {
            let room = self.in_flight_max - self.in_flight;
            let most = self.backlog.len().min(room).min(limits::EXCHANGE_BATCH_MAX);
            if most == 0 {
                return Ok(None);
            }
            events = self.events(shared, most).await?;
        }
        if self.in_flight == 0 {
            // Now there is something to acknowledge.
            self.progress.begin();
        }
        self.in_flight += events.len();
        Ok(Some(frame(Out::Batch(raw::Batch { events }))))
    }

    /// Takes at most so many events out of the backlog, as many as fit into a frame.
    async fn events(
        &mut self,
        shared: &Arc<ExchangeState>,
        most: usize,
    ) -> Result<Vec<raw::Event>, Status> {
        let mut bytes = 0;
        let without_content = self.without_content;
        let fits = |entry: &&Arc<JournalEntry>| {
            let content = entry.body.as_ref().ok().and_then(Option::as_ref);
            let left_out = content.filter(|_| without_content);
            bytes += entry.size() - left_out.map_or(0, Bytes::len);
            bytes <= limits::EXCHANGE_BATCH_BYTES_MAX
        };
        // One event goes alone however large it is.
        let count = self.backlog.iter().take(most).take_while(fits).count().max(1);
        let mut events = Vec::with_capacity(count);
        for entry in self.backlog.drain(..count) {
            let (slot, position) = (entry.slot, entry.position);
            let seen = self.delivered.get(&slot).is_some_and(|head| position <= *head);
            let attempt = if seen { 2 } else { 1 };
            match event(&entry, attempt) {
                Ok(mut event) => {
                    if without_content {
                        event.declaration.clear();
                    }
                    self.unacknowledged.entry(slot).or_default().push_back(position);
                    events.push(event);
                }
                Err(fault) => {
                    shared.tail.report_damaged(slot, position, &fault);
                    let parked = set_aside(shared, self.subscriber, &entry, fault.to_string());
                    parked.await.map_err(|fault| unavailable(&fault))?;
                }
            }
        }
        Ok(events)
    }

    /// The next frame of parked events that people want to be sent again. An event goes while nothing else of
    /// its slot is on its way, so that an acknowledgement that comes then means it.
    async fn again(
        &mut self,
        shared: &Arc<ExchangeState>,
    ) -> Result<Option<raw::ConnectResponse>, Status> {
        if !self.has_room() || self.progress.stalled {
            return Ok(None);
        }
        let (subscriber, read) = (self.subscriber, |fault: Fault| unavailable(&fault));
        let due = shared
            .in_turn(subscriber, |shared| async move { parked::due(&shared, subscriber).await });
        let (mut events, mut bytes) = (Vec::new(), 0);
        for item in due.await.map_err(read)? {
            let (slot, position) = (item.slot, item.place);
            let quiet = self.unacknowledged.get(&slot).is_none_or(VecDeque::is_empty);
            if !quiet || !self.reader.cursors().contains_key(&slot) {
                continue;
            }
            let full = self.in_flight + events.len() >= self.in_flight_max
                || events.len() >= limits::EXCHANGE_BATCH_MAX
                || bytes >= limits::EXCHANGE_BATCH_BYTES_MAX;
            if full {
                break;
            }
            let Some(entry) = self.entry(shared, slot, position).await.map_err(read)? else {
                continue;
            };
            bytes += entry.size();
            match event(&entry, item.tries.unsigned_abs().saturating_add(2)) {
                Ok(mut event) => {
                    event.again = true;
                    if self.without_content {
                        event.declaration.clear();
                    }
                    self.unacknowledged.entry(slot).or_default().push_back(position);
                    self.again.insert((slot, position), item.id);
                    events.push(event);
                }
                Err(fault) => {
                    let parked = set_aside(shared, subscriber, &entry, fault.to_string());
                    parked.await.map_err(read)?;
                }
            }
        }
        if events.is_empty() {
            return Ok(None);
        }
        if self.in_flight == 0 {
            self.progress.begin();
        }
        self.in_flight += events.len();
        Ok(Some(frame(Out::Batch(raw::Batch { events }))))
    }

    async fn handle_frame(
        &mut self,
        shared: &Arc<ExchangeState>,
        frame: Option<In>,
        deciding: &mut PendingResults,
    ) -> Result<(), Status> {
        match frame {
            Some(In::Ack(ack)) => self.acknowledge(&ack),
            Some(In::Answers(raw::Answers { answers })) => {
                decide_all(shared, self.subscriber, answers, deciding)
            }
            Some(In::Park(raw::Park { position: Some(at), reason })) => {
                let slot = Slot::new(at.slot);
                let (Some(slot), Ok(position)) = (slot, i64::try_from(at.position)) else {
                    return Err(status::plain(Code::FrameUnexpected));
                };
                self.park(shared, slot, position, &reason)
                    .await
                    .map_err(|fault| unavailable(&fault))
            }
            Some(In::Open(_) | In::Park(_)) | None => {
                Err(refuse(Refusal::of(Code::FrameUnexpected)))
            }
        }
    }

    /// Sets an event aside that the agency could not take. It stays where it is when it was sent again: then
    /// the acknowledgement that follows does not mean it.
    async fn park(
        &mut self,
        shared: &Arc<ExchangeState>,
        slot: Slot,
        position: i64,
        reason: &str,
    ) -> Result<(), Fault> {
        let wanted = self.subscriber.row().topics;
        let found = self.entry(shared, slot, position).await?;
        let Some(entry) = found.filter(|entry| wanted.include(entry.topics)) else {
            let (agency, slot) = (self.subscriber.row().name, slot.number());
            tracing::warn!(agency, slot, position, "an agency parks what it was not sent");
            return Ok(());
        };
        self.again.remove(&(slot, position));
        set_aside(shared, self.subscriber, &entry, reason.to_owned()).await
    }

    async fn entry(
        &self,
        shared: &Arc<ExchangeState>,
        slot: Slot,
        position: i64,
    ) -> Result<Option<JournalEntry>, Fault> {
        let found = shared.in_turn(self.subscriber, |shared| async move {
            shared.tail.at(&shared.pool, slot, &[position]).await
        });
        Ok(found.await?.pop())
    }

    fn acknowledge(&mut self, ack: &raw::Ack) -> Result<(), Status> {
        if i64::try_from(ack.epoch) != Ok(self.lease.epoch()) {
            return Err(refuse(
                Refusal::of(Code::StaleEpoch).with("current_epoch", self.lease.epoch()),
            ));
        }
        for raw::Position { slot, position } in &ack.positions {
            let Some(slot) = Slot::new(*slot) else { continue };
            let Some(sent) = self.unacknowledged.get_mut(&slot) else { continue };
            // Beyond every position: all that was sent.
            let position = i64::try_from(*position).unwrap_or(i64::MAX);
            while let Some(oldest) = sent.pop_front_if(|oldest| *oldest <= position) {
                self.in_flight -= 1;
                self.progress.begin();
                let parked = self.again.remove(&(slot, oldest));
                self.settled.extend(parked.map(|id| (slot, id)));
            }
        }
        // What it had got of slots that others have now is stored there again; here it shows that it lives.
        let came_back = ack.positions.iter().any(|acked| self.progress.had(acked));
        if came_back {
            self.progress.begin();
        }
        Ok(())
    }

    /// Up to where the agency has stored each slot: before the oldest unacknowledged event, or all
    /// that was read, since what does not concern the subscriber needs no acknowledgement.
    fn stored(&self) -> StoredPositions {
        let waiting = |slot: &Slot| {
            let sent = self.unacknowledged.get(slot).and_then(|sent| sent.front().copied());
            let unsent = self.backlog.iter().find(|entry| entry.slot == *slot).map(|e| e.position);
            sent.or(unsent).map(|position| position - 1)
        };
        self.reader
            .cursors()
            .iter()
            .map(|(slot, read)| (*slot, waiting(slot).unwrap_or(*read)))
            .collect()
    }

    /// Writes down how far the agency has stored the slots that moved.
    async fn keep(&mut self, shared: &Arc<ExchangeState>) -> Result<(), Status> {
        let mut moved = self.stored();
        moved.retain(|(slot, position)| self.kept.get(slot) != Some(position));
        if moved.is_empty() && self.settled.is_empty() {
            return Ok(());
        }
        let (lease, subscriber, settled) =
            (self.lease.clone(), self.subscriber, self.settled.clone());
        let stored = moved.clone();
        let done = shared.in_turn(subscriber, |shared| async move {
            lease.store(&shared.pool, &stored).await?;
            parked::settle(&shared, subscriber, &settled).await
        });
        done.await.map_err(|fault| unavailable(&fault))?;
        self.kept.extend(moved);
        self.settled.clear();
        Ok(())
    }

    /// Renews the lease; true when the slots changed, or what the consumer has to know.
    async fn renew(&mut self, shared: &Arc<ExchangeState>) -> Result<bool, Status> {
        let changed = self.progress.look(self.in_flight > 0);
        if changed && self.progress.stalled {
            let (agency, seconds) = (self.subscriber.row().name, self.progress.seconds);
            tracing::warn!(agency, seconds, "a consumer is stalled: it acknowledges nothing");
            metrics::counter!("sw_exchange_stalled_total", "agency" => agency).increment(1);
        }
        let (lease, stored) = (self.lease.clone(), self.stored());
        let (subscriber, stalled) = (self.subscriber, self.progress.stalled);
        let renewed = shared.in_turn(subscriber, |shared| async move {
            lease.renew(&shared.pool, &stored, stalled).await
        });
        let held = renewed
            .await
            .map_err(|fault| unavailable(&fault))?
            .ok_or_else(|| refuse(Refusal::of(Code::StaleEpoch)))?;
        let lost: Vec<Slot> = self
            .reader
            .cursors()
            .keys()
            .filter(|slot| !held.iter().any(|(other, _)| other == *slot))
            .copied()
            .collect();
        for slot in &lost {
            self.reader.remove(*slot);
            self.kept.remove(slot);
            self.backlog.retain(|entry| entry.slot != *slot);
            let sent = self.unacknowledged.remove(slot).unwrap_or_default(); // nothing was sent
            self.in_flight -= sent.len();
            self.again.retain(|(other, _), _| other != slot);
            self.progress.lose(*slot, sent.front().copied());
        }
        let new: StoredPositions = held
            .into_iter()
            .filter(|(slot, _)| !self.reader.cursors().contains_key(slot))
            .collect();
        let slots: Vec<i16> = new.iter().map(|(slot, _)| slot.column()).collect();
        if !slots.is_empty() {
            let heads =
                journal::heads(&shared.pool, &slots).await.map_err(|fault| unavailable(&fault))?;
            self.delivered.extend(heads);
        }
        for (slot, stored) in &new {
            self.reader.add(*slot, *stored);
            self.kept.insert(*slot, *stored);
        }
        Ok(changed || !lost.is_empty() || !new.is_empty())
    }

    async fn close(&mut self, shared: &Arc<ExchangeState>) -> Result<(), Status> {
        tracing::info!(agency = ?self.subscriber, "an agency left");
        let (lease, stored) = (self.lease.clone(), self.stored());
        let (subscriber, settled) = (self.subscriber, std::mem::take(&mut self.settled));
        let closed = shared.in_turn(subscriber, |shared| async move {
            parked::settle(&shared, subscriber, &settled).await?;
            lease.close(&shared.pool, &stored).await
        });
        closed.await.map_err(|fault| unavailable(&fault))
    }
}

/// Sets an event aside for people.
async fn set_aside(
    shared: &Arc<ExchangeState>,
    subscriber: Subscriber,
    entry: &JournalEntry,
    reason: String,
) -> Result<(), Fault> {
    let entry = entry.clone();
    let parked = shared.in_turn(subscriber, |shared| async move {
        parked::park(&shared, subscriber, &entry, &reason).await
    });
    parked.await
}
