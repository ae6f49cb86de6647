//! Group commit: many callers, one transaction. No timer: whoever waits when a lane is free goes
//! along, so a batch has one request when idle and hundreds under load. When more wait than fit, callers
//! take turns ([`crate::share`]).
//!
//! The invariant: a caller is answered after the commit that holds its request, never before, and whoever
//! is in a commit is answered. A command carries its own [`Reply`], which the transaction fills in and the
//! lane sends. A request that makes its transaction fail, or the program panic, is tried again alone, so that
//! it cannot take others down; what was filled in before is forgotten with what was rolled back.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use domain::{Slot, limits};
use futures::FutureExt as _;
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::Fault;
use crate::share::{LaneQueue, NoRoom, Share};

/// What a service does in one transaction.
pub trait Transaction: Send + Sync + 'static {
    /// A request, with its [`Reply`].
    type Command: Send + Sync;
    /// What is told to readers after the commit.
    type Publication: Send;
    /// What a request holds besides itself for as long as it waits, whether its caller waits or not.
    type Held: Send;

    /// Asked in the task of the caller.
    fn held() -> Self::Held;

    /// Does all of it within the caller's transaction, in the order of the commands, and fills in the reply of
    /// each. It may be run again with the same commands after it was rolled back.
    fn run(
        &self,
        tx: &mut PgConnection,
        commands: &[Self::Command],
    ) -> impl Future<Output = Result<Self::Publication, Fault>> + Send;

    /// Called after the commit, in the order of the commits of a lane.
    fn publish(&self, published: Self::Publication);
}

/// The answer to a command, of the type that belongs to it. Filled in by the transaction, sent after its
/// commit.
pub struct Reply<T>(Arc<Waiter<T>>);

impl<T> Reply<T> {
    /// Fills it in: business refusals included. What was filled in before no longer counts.
    pub fn give(&self, answer: T) {
        self.0.lock().answer = Some(answer);
    }
}

impl Reply<()> {
    /// Fills in that it is done.
    pub fn done(&self) {
        self.give(());
    }
}

impl<T> std::fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reply")
    }
}

/// Somebody who waits for an answer.
struct Waiter<T>(Mutex<WaitState<T>>);

struct WaitState<T> {
    answer: Option<T>,
    to: Option<oneshot::Sender<Result<T, Fault>>>,
}

impl<T> Waiter<T> {
    fn new() -> (Arc<Self>, oneshot::Receiver<Result<T, Fault>>) {
        let (to, answered) = oneshot::channel();
        (Arc::new(Self(Mutex::new(WaitState { answer: None, to: Some(to) }))), answered)
    }

    fn lock(&self) -> MutexGuard<'_, WaitState<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lane's side of a reply, whatever its type.
trait Answerable: Send + Sync {
    /// Whether there is something to send.
    fn is_answered(&self) -> bool;
    /// Sends what was filled in.
    fn send(&self);
    /// Forgets what was filled in: it was rolled back.
    fn forget(&self);
    /// Sends a fault instead.
    fn fail(&self, fault: &Fault);
}

impl<T: Send> Answerable for Waiter<T> {
    fn is_answered(&self) -> bool {
        self.lock().answer.is_some()
    }

    fn send(&self) {
        let mut waiting = self.lock();
        if let (Some(answer), Some(to)) = (waiting.answer.take(), waiting.to.take()) {
            // A caller that went away asks again with the same request id.
            let _gone = to.send(Ok(answer));
        }
    }

    fn forget(&self) {
        self.lock().answer = None;
    }

    fn fail(&self, fault: &Fault) {
        let mut waiting = self.lock();
        waiting.answer = None;
        if let Some(to) = waiting.to.take() {
            let _gone = to.send(Err(fault.clone()));
        }
    }
}

struct Job<W: Transaction> {
    command: W::Command,
    waiter: Arc<dyn Answerable>,
    held: W::Held,
}

impl<W: Transaction> Job<W> {
    fn new<T: Send + 'static>(
        command: impl FnOnce(Reply<T>) -> W::Command,
    ) -> (Self, oneshot::Receiver<Result<T, Fault>>) {
        let (waiter, answered) = Waiter::new();
        let command = command(Reply(Arc::clone(&waiter)));
        (Self { command, waiter, held: W::held() }, answered)
    }
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
    /// Takes part in the next transaction in which its caller has a turn: [`Self::try_enqueue`] or
    /// [`Self::enqueue`].
    ///
    /// # Errors
    ///
    /// [`EnqueueError`] when it is refused or when the transaction failed.
    pub async fn send<T: Send + 'static>(
        &self,
        slot: Slot,
        share: &Share,
        command: impl FnOnce(Reply<T>) -> W::Command,
        when_full: WhenFull,
    ) -> Result<T, EnqueueError> {
        match when_full {
            WhenFull::Refuse => self.try_enqueue(slot, share, command).await,
            WhenFull::Wait => Ok(self.enqueue(slot, share, command).await?),
        }
    }

    /// Takes part in the next transaction in which its caller has a turn, or is refused when too much is
    /// waiting. `command` makes the command with its reply; gives what the reply was filled with.
    ///
    /// # Errors
    ///
    /// [`EnqueueError`] when overloaded or when the transaction failed.
    pub async fn try_enqueue<T: Send + 'static>(
        &self,
        slot: Slot,
        share: &Share,
        command: impl FnOnce(Reply<T>) -> W::Command,
    ) -> Result<T, EnqueueError> {
        let (job, answered) = Job::new(command);
        match self.lane(slot).offer(share, job) {
            Ok(()) => Ok(receive_reply(answered).await?),
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
    pub async fn enqueue<T: Send + 'static>(
        &self,
        slot: Slot,
        share: &Share,
        command: impl FnOnce(Reply<T>) -> W::Command,
    ) -> Result<T, Fault> {
        let (job, answered) = Job::new(command);
        self.lane(slot).enter(share, job).await.map_err(|_| drained())?;
        receive_reply(answered).await
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

async fn receive_reply<T>(answered: oneshot::Receiver<Result<T, Fault>>) -> Result<T, Fault> {
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
        let count = jobs.len();
        let (mut commands, mut waiters) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut held = Vec::with_capacity(count);
        for Job { command, waiter, held: more } in jobs {
            commands.push(command);
            waiters.push(waiter);
            held.push(more);
        }
        let started = Instant::now();
        let outcome = guarded(&*work, &pool, &commands, &waiters).await;
        let took = started.elapsed();
        metrics::histogram!("sw_commit_seconds").record(took);
        waiting.note(count, took);
        metrics::counter!("sw_commits_total").increment(1);
        // No machine that we run on has a wider usize.
        let requests = u64::try_from(count).unwrap_or(u64::MAX);
        metrics::counter!("sw_commit_requests_total").increment(requests);
        match outcome {
            Ok(published) => finish(&*work, published, &waiters),
            Err(Fault::Broken(reason)) if count > 1 => {
                tracing::warn!(reason, requests, "a batch failed; one by one now");
                waiters.iter().for_each(|waiter| waiter.forget());
                for (command, waiter) in commands.chunks(1).zip(waiters.chunks(1)) {
                    match guarded(&*work, &pool, command, waiter).await {
                        Ok(published) => finish(&*work, published, waiter),
                        Err(fault) => {
                            fault.report("a request was rolled back");
                            waiter.iter().for_each(|waiter| waiter.fail(&fault));
                        }
                    }
                }
            }
            Err(fault) => {
                // Once for all who waited for it.
                fault.report(&format!("a transaction of {count} was rolled back"));
                waiters.iter().for_each(|waiter| waiter.fail(&fault));
            }
        }
        drop(held);
    }
}

/// What is durable is told and answered. Whatever goes wrong while it is told: it is done, and nobody may be
/// told otherwise.
fn finish<W: Transaction>(work: &W, published: W::Publication, waiters: &[Arc<dyn Answerable>]) {
    let published = std::panic::catch_unwind(AssertUnwindSafe(|| work.publish(published)));
    if let Err(panic) = published {
        panicked(&*panic).report("what was committed was not told");
    }
    waiters.iter().for_each(|waiter| waiter.send());
}

/// The transaction, and a panic in it as the fault that it is: the connection is dropped with what it holds,
/// and the lane goes on.
async fn guarded<W: Transaction>(
    work: &W,
    pool: &PgPool,
    commands: &[W::Command],
    waiters: &[Arc<dyn Answerable>],
) -> Result<W::Publication, Fault> {
    let done = AssertUnwindSafe(transaction(work, pool, commands, waiters)).catch_unwind().await;
    done.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Fault {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Fault::Broken(format!("the program panicked: {}", text.unwrap_or("without a word")))
}

async fn transaction<W: Transaction>(
    work: &W,
    pool: &PgPool,
    commands: &[W::Command],
    waiters: &[Arc<dyn Answerable>],
) -> Result<W::Publication, Fault> {
    let mut connection = pool.acquire().await?;
    let mut tx = connection.begin().await?;
    let published = work.run(&mut tx, commands).await?;
    // Nothing is kept of which nobody would be told.
    let silent = waiters.iter().filter(|waiter| !waiter.is_answered()).count();
    if silent > 0 {
        let all = waiters.len();
        return Err(Fault::Broken(format!("{silent} of {all} requests have no answer")));
    }
    tx.commit().await?;
    Ok(published)
}

/// Does everything but keep it: what a command would be answered with. The transaction is rolled back, and
/// nothing is published.
///
/// # Errors
///
/// [`Fault`] when the transaction failed.
pub async fn rehearse<W: Transaction, T: Send + 'static>(
    work: &W,
    pool: &PgPool,
    command: impl FnOnce(Reply<T>) -> W::Command,
) -> Result<T, Fault> {
    let (waiter, _) = Waiter::new();
    let command = command(Reply(Arc::clone(&waiter)));
    let mut tx = pool.begin().await?;
    work.run(&mut tx, &[command]).await?;
    let answer = waiter.lock().answer.take();
    answer.ok_or_else(|| Fault::Broken("a rehearsal has no answer".to_owned()))
}
