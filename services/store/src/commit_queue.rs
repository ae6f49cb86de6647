//! Group commit: many callers, one transaction. No timer: whoever waits when a lane is free goes
//! along, so a batch has one request when idle and hundreds under load. When more wait than fit, callers
//! take turns ([`crate::share`]).
//!
//! The invariant: a caller is answered after the commit that holds its request, never before. A
//! request that makes its transaction fail, or the program panic, is tried again alone, so that it cannot
//! take others down.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use domain::{Slot, limits};
use futures::FutureExt as _;
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::Fault;
use crate::share::{NoRoom, LaneQueue, Share};

/// What a service does in one transaction.
pub trait Transaction: Send + Sync + 'static {
    /// A request.
    type Command: Send + Sync;
    /// Its answer, business refusals included.
    type Answer: Send;
    /// What is told to readers after the commit.
    type Published: Send;
    /// What a request holds besides itself for as long as it waits, whether its caller waits or not.
    type Held: Send;

    /// Asked in the task of the caller.
    fn held() -> Self::Held;

    /// Does all of it within the caller's transaction; one answer for each command, in order.
    fn run(
        &self,
        tx: &mut PgConnection,
        commands: &[Self::Command],
    ) -> impl Future<Output = Result<(Vec<Self::Answer>, Self::Published), Fault>> + Send;

    /// Called after the commit, in the order of the commits of a lane.
    fn publish(&self, published: Self::Published);
}

struct Job<W: Transaction> {
    command: W::Command,
    answer: oneshot::Sender<Result<W::Answer, Fault>>,
    held: W::Held,
}

/// The way in: a handle that many callers share.
pub struct CommitQueue<W: Transaction> {
    lanes: Vec<Arc<LaneQueue<Job<W>>>>,
}

impl<W: Transaction> Clone for CommitQueue<W> {
    fn clone(&self) -> Self {
        Self { lanes: self.lanes.clone() }
    }
}

impl<W: Transaction> std::fmt::Debug for CommitQueue<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommitQueue").field("lanes", &self.lanes.len()).finish()
    }
}

/// Why a request was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EnqueueError {
    /// Too much is waiting.
    #[error("too many requests wait for the commit")]
    Busy,
    /// It was taken and failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What becomes of a request when too much is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused.
    Refuse,
    /// It waits for room.
    Wait,
}

impl<W: Transaction> CommitQueue<W> {
    /// Takes part in the next transaction in which its caller has a turn: [`Self::offer`] or [`Self::queue`].
    ///
    /// # Errors
    ///
    /// [`EnqueueError`] when it is refused or when the transaction failed.
    pub async fn send(
        &self,
        slot: Slot,
        share: &Share,
        command: W::Command,
        when_full: WhenFull,
    ) -> Result<W::Answer, EnqueueError> {
        match when_full {
            WhenFull::Refuse => self.try_enqueue(slot, share, command).await,
            WhenFull::Wait => Ok(self.enqueue(slot, share, command).await?),
        }
    }

    /// Takes part in the next transaction in which its caller has a turn, or is refused when too much is
    /// waiting.
    ///
    /// # Errors
    ///
    /// [`EnqueueError`] when overloaded or when the transaction failed.
    pub async fn try_enqueue(
        &self,
        slot: Slot,
        share: &Share,
        command: W::Command,
    ) -> Result<W::Answer, EnqueueError> {
        let (answer, answered) = oneshot::channel();
        match self.lane(slot).offer(share, Job { command, answer, held: W::held() }) {
            Ok(()) => Ok(hear(answered).await?),
            Err(NoRoom::Full) => {
                metrics::counter!("sw_commit_refused_total").increment(1);
                Err(EnqueueError::Busy)
            }
            Err(NoRoom::Closed) => Err(drained().into()),
        }
    }

    /// The same, waiting for room in the line of its caller. For streams, whose own flow control
    /// bounds what can wait, and for verdicts, which are never shed.
    ///
    /// # Errors
    ///
    /// [`Fault`] when the transaction failed.
    pub async fn enqueue(
        &self,
        slot: Slot,
        share: &Share,
        command: W::Command,
    ) -> Result<W::Answer, Fault> {
        let (answer, answered) = oneshot::channel();
        let job = Job { command, answer, held: W::held() };
        self.lane(slot).enter(share, job).await.map_err(|_| drained())?;
        hear(answered).await
    }

    /// How many requests of one firm may be under way while too much waits in every lane; `None` while
    /// there is room. Whoever asks before a request is read need not read what will be refused.
    pub fn most_of_each(&self) -> Option<usize> {
        self.lanes.iter().map(|lane| lane.most_of_each()).sum()
    }

    fn lane(&self, slot: Slot) -> &LaneQueue<Job<W>> {
        // One lane a slot: two lanes never wait for each other's lock.
        let at = usize::from(slot.byte()) % self.lanes.len();
        &self.lanes[at]
    }
}

async fn hear<A>(answered: oneshot::Receiver<Result<A, Fault>>) -> Result<A, Fault> {
    answered.await.unwrap_or_else(|_| Err(drained()))
}

fn drained() -> Fault {
    Fault::Away("the window is draining".to_owned())
}

/// Makes the handle and the lanes behind it. The caller runs each lane as a task; a lane ends after
/// `closing`, when what was waiting is done.
pub fn lanes<W: Transaction>(
    work: Arc<W>,
    pool: &PgPool,
    count: usize,
    closing: &CancellationToken,
) -> (CommitQueue<W>, Vec<impl Future<Output = ()> + Send + use<W>>) {
    let mut queues = Vec::with_capacity(count);
    let mut tasks = Vec::with_capacity(count);
    for _ in 0..count {
        let queue = Arc::new(LaneQueue::new(limits::COMMIT_QUEUE_MAX / count));
        queues.push(Arc::clone(&queue));
        tasks.push(lane(Arc::clone(&work), pool.clone(), Taker(queue), closing.clone()));
    }
    (CommitQueue { lanes: queues }, tasks)
}

/// The end of a queue at which a lane takes. However the lane ends, nobody waits for it in vain.
struct Taker<J>(Arc<LaneQueue<J>>);

impl<J> Drop for Taker<J> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

async fn lane<W: Transaction>(
    work: Arc<W>,
    pool: PgPool,
    taker: Taker<Job<W>>,
    closing: CancellationToken,
) {
    let waiting = &taker.0;
    let mut is_closed = false;
    loop {
        let jobs = tokio::select! {
            biased;
            () = closing.cancelled(), if !is_closed => {
                is_closed = true;
                waiting.close();
                continue;
            }
            jobs = waiting.take() => jobs,
        };
        let Some(jobs) = jobs else { return };
        let mut held = Vec::with_capacity(jobs.len());
        let taken = jobs.into_iter().map(|Job { command, answer, held: more }| {
            held.push(more);
            (command, answer)
        });
        let (commands, answers): (Vec<_>, Vec<_>) = taken.unzip();
        let started = Instant::now();
        let outcome = guarded(&*work, &pool, &commands).await;
        let took = started.elapsed();
        metrics::histogram!("sw_commit_seconds").record(took);
        waiting.note(commands.len(), took);
        metrics::counter!("sw_commits_total").increment(1);
        // No machine that we run on has a wider usize.
        let requests = u64::try_from(commands.len()).unwrap_or(u64::MAX);
        metrics::counter!("sw_commit_requests_total").increment(requests);
        match outcome {
            Ok(done) => reply(answers, done.into_iter().map(Ok)),
            Err(Fault::Broken(reason)) if commands.len() > 1 => {
                tracing::warn!(reason, requests = commands.len(), "a batch failed; one by one now");
                for (command, answer) in commands.into_iter().zip(answers) {
                    let alone = guarded(&*work, &pool, &[command]).await;
                    let alone = alone.and_then(|done| {
                        done.into_iter().next().ok_or_else(|| Fault::Broken("no answer".to_owned()))
                    });
                    let alone =
                        alone.inspect_err(|fault| fault.report("a request was rolled back"));
                    reply(vec![answer], [alone]);
                }
            }
            Err(fault) => {
                // Once for all who waited for it.
                fault.report(&format!("a transaction of {} was rolled back", commands.len()));
                reply(answers, std::iter::repeat_with(|| Err(fault.clone())));
            }
        }
        drop(held);
    }
}

fn reply<A>(
    answers: Vec<oneshot::Sender<Result<A, Fault>>>,
    done: impl IntoIterator<Item = Result<A, Fault>>,
) {
    for (answer, done) in answers.into_iter().zip(done) {
        // A caller that went away asks again with the same request id.
        let _gone = answer.send(done);
    }
}

/// The transaction, and a panic in it as the fault that it is: the connection is dropped with what it holds,
/// and the lane goes on.
async fn guarded<W: Transaction>(
    work: &W,
    pool: &PgPool,
    commands: &[W::Command],
) -> Result<Vec<W::Answer>, Fault> {
    let done = AssertUnwindSafe(transaction(work, pool, commands)).catch_unwind().await;
    done.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Err(Fault::Broken(format!("the program panicked: {}", text.unwrap_or("without a word"))))
    })
}

async fn transaction<W: Transaction>(
    work: &W,
    pool: &PgPool,
    commands: &[W::Command],
) -> Result<Vec<W::Answer>, Fault> {
    let mut connection = pool.acquire().await?;
    let mut tx = connection.begin().await?;
    let (answers, told) = work.run(&mut tx, commands).await?;
    if answers.len() != commands.len() {
        let (answers, commands) = (answers.len(), commands.len());
        return Err(Fault::Broken(format!("{commands} requests have {answers} answers")));
    }
    tx.commit().await?;
    drop(connection);
    work.publish(told);
    Ok(answers)
}
