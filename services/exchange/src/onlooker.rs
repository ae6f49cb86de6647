//! A stream that only looks on (旁听): somebody of an agency beside its systems, who wants to know how a declaration
//! stands and to say something about it.
//!
//! The invariant: it takes nothing from anybody. It has no lease, so no consumer gives up a slot for it, and it
//! acknowledges nothing, so no cursor moves; and it waits for nobody's lease. What it is told is bounded by what
//! its side reads.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use domain::refusal::{Code, Refusal};
use domain::subscriber::{Subscriber, Topics};
use domain::{Slot, limits};
use futures::{Stream, StreamExt as _};
use proto::raw;
use proto::raw::connect_request::Frame as In;
use proto::raw::connect_response::Frame as Out;
use store::Fault;
use store::journal::{self, JournalEntry};
use store::tail::Reader;
use tonic::{Status, Streaming};

use crate::ExchangeState;
use crate::frame::{PendingResults, decide_all, event, frame, positions, refuse, unavailable};

/// Serves one until it leaves or the window drains.
pub(crate) fn serve(
    shared: Arc<ExchangeState>,
    subscriber: Subscriber,
    (open, topics): (raw::Open, Topics),
    mut frames: Streaming<raw::ConnectRequest>,
) -> impl Stream<Item = Result<raw::ConnectResponse, Status>> + Send {
    async_stream::try_stream! {
        let mut onlooker = Onlooker::begin(&shared, topics, &open).await?;
        let mut deciding = PendingResults::new();
        let mut ended: Result<(), Status> = Ok(());
        yield onlooker.opened()?;
        loop {
            while let Some(events) = onlooker.batch(&shared) {
                yield frame(Out::Batch(raw::Batch { events }));
            }
            if onlooker.is_caught_up() {
                yield frame(Out::Heartbeat(raw::Heartbeat::default()));
            }
            let step = tokio::select! {
                frame = frames.message(), if deciding.len() < 4 * limits::ANSWERS_MAX => {
                    OnlookerStep::Frame(frame)
                }
                Some(result) = deciding.next(), if !deciding.is_empty() => OnlookerStep::Decided(result),
                read = onlooker.reader.next() => OnlookerStep::Read(read),
                () = shared.draining.cancelled() => OnlookerStep::Drain,
            };
            let taken = match step {
                OnlookerStep::Frame(received) => received.and_then(|request| {
                    let Some(request) = request else { return Ok(false) };
                    let Some(In::Answers(raw::Answers { answers })) = request.frame else {
                        let refusal = Refusal::of(Code::FrameUnexpected);
                        return Err(refuse(refusal.with("expected", "Answers")));
                    };
                    decide_all(&shared, subscriber, answers, &mut deciding).map(|()| true)
                }),
                OnlookerStep::Decided(result) => {
                    yield frame(Out::Results(raw::Results { results: vec![result] }));
                    Ok(true)
                }
                OnlookerStep::Read(Ok(entries)) => {
                    onlooker.take(entries);
                    Ok(true)
                }
                OnlookerStep::Read(Err(fault)) => Err(unavailable(&fault)),
                OnlookerStep::Drain => {
                    let reason = "the window drains; connect again".to_owned();
                    yield frame(Out::GoAway(raw::GoAway { reason }));
                    Ok(false)
                }
            };
            match taken {
                Ok(true) => {}
                // It closed its side, or the window does.
                Ok(false) => break,
                Err(status) => {
                    ended = Err(status);
                    break;
                }
            }
        }
        // What was taken is decided and answered, whatever ended the stream.
        while let Some(result) = deciding.next().await {
            yield frame(Out::Results(raw::Results { results: vec![result] }));
        }
        ended?;
    }
}

/// What the loop woke up for.
enum OnlookerStep {
    Frame(Result<Option<raw::ConnectRequest>, Status>),
    Decided(raw::Result),
    Read(Result<Vec<Arc<JournalEntry>>, Fault>),
    Drain,
}

struct Onlooker {
    topics: Topics,
    without_content: bool,
    reader: Reader,
    /// Read and not yet sent.
    backlog: VecDeque<Arc<JournalEntry>>,
    /// Heads when it began, of what it was not told up to; `None` once it was told that.
    heads: Option<BTreeMap<Slot, i64>>,
}

impl Onlooker {
    async fn begin(
        shared: &Arc<ExchangeState>,
        topics: Topics,
        open: &raw::Open,
    ) -> Result<Self, Status> {
        let asked = open.from.iter().filter_map(|at| Some((Slot::new(at.slot)?, at.position)));
        let asked: BTreeMap<Slot, u64> = asked.collect();
        let slots: Vec<i16> = asked.keys().map(|slot| slot.column()).collect();
        let pool = shared.pool.clone();
        let heads = shared.tail.drive(async move { journal::heads(&pool, &slots).await });
        let heads = heads.await.map_err(|fault| unavailable(&fault))?;
        let heads: BTreeMap<Slot, i64> = heads.into_iter().collect();
        let after = asked.into_iter().map(|(slot, position)| {
            // Nothing was ever written in a slot without a head.
            let head = heads.get(&slot).copied().unwrap_or_default();
            let before = position.checked_sub(1).map(i64::try_from);
            // Beyond every position there is nothing yet.
            (slot, before.map_or(head, |before| before.unwrap_or(i64::MAX).min(head)))
        });
        let reader = shared.tail.read(shared.pool.clone(), after);
        Ok(Self {
            topics,
            without_content: open.without_content,
            reader,
            backlog: VecDeque::new(),
            heads: Some(heads),
        })
    }

    fn opened(&self) -> Result<raw::ConnectResponse, Status> {
        let cursors = self.reader.cursors().iter().map(|(slot, at)| (*slot, *at));
        let slots = positions(cursors).map_err(|fault| unavailable(&fault))?;
        Ok(frame(Out::Opened(raw::Opened { slots, ..Default::default() })))
    }

    fn take(&mut self, entries: Vec<Arc<JournalEntry>>) {
        let topics = self.topics;
        self.backlog.extend(entries.into_iter().filter(|entry| topics.include(entry.topics)));
    }

    /// The next frame of events; `None` when there is none. What cannot be read is left out: consumers set it aside.
    fn batch(&mut self, shared: &Arc<ExchangeState>) -> Option<Vec<raw::Event>> {
        let (mut events, mut bytes) = (Vec::new(), 0);
        while let Some(entry) = self.backlog.front() {
            bytes += entry.size();
            let is_full = events.len() == limits::EXCHANGE_BATCH_MAX
                || bytes > limits::EXCHANGE_BATCH_BYTES_MAX;
            // One event goes alone however large it is.
            if is_full && !events.is_empty() {
                break;
            }
            match event(entry, 1) {
                Ok(mut event) => {
                    if self.without_content {
                        event.declaration.clear();
                    }
                    events.push(event);
                }
                Err(fault) => shared.tail.report_damaged(entry.slot, entry.position, &fault),
            }
            self.backlog.pop_front();
        }
        (!events.is_empty()).then_some(events)
    }

    /// Whether it was told everything until it began, the first time that it is so.
    fn is_caught_up(&mut self) -> bool {
        let cursors = self.reader.cursors();
        let read = |(slot, head): (&Slot, &i64)| cursors.get(slot).is_none_or(|at| at >= head);
        let is_caught_up = self.heads.as_ref().is_some_and(|heads| heads.iter().all(read));
        if is_caught_up {
            self.heads = None;
        }
        is_caught_up
    }
}
