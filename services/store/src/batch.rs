//! Group commit: many callers, one transaction. No timer: whoever waits when a lane is free goes
//! along, so a batch has one request when idle and hundreds under load.
//!
//! The invariant: a caller is answered after the commit that holds its request, never before. A
//! request that makes its transaction fail is tried again alone, so that it cannot take others down.

use std::future::Future;
use std::time::Instant;

use domain::{Slot, limits};
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::Fault;

/// What a service does in one transaction.
pub trait Work: Send + Sync + 'static {
    /// A request.
    type Command: Send + Sync;
    /// Its answer, business refusals included.
    type Answer: Send;
    /// What is told to readers after the commit.
    type Told: Send;
    /// What a request holds besides itself for as long as it waits, whether its caller waits or not.
    type Held: Send;

    /// Asked in the task of the caller.
    fn held() -> Self::Held;

    /// Does all of it within the caller's transaction; one answer for each command, in order.
    fn work(
        &self,
        tx: &mut PgConnection,
        commands: &[Self::Command],
    ) -> impl Future<Output = Result<(Vec<Self::Answer>, Self::Told), Fault>> + Send;

    /// Called after the commit, in the order of the commits of a lane.
    fn tell(&self, told: Self::Told);
}

struct Job<W: Work> {
    command: W::Command,
    answer: oneshot::Sender<Result<W::Answer, Fault>>,
    held: W::Held,
}

/// The way in: a handle that many callers share.
pub struct Batch<W: Work> {
    lanes: Vec<mpsc::Sender<Job<W>>>,
}

impl<W: Work> Clone for Batch<W> {
    fn clone(&self) -> Self {
        Self { lanes: self.lanes.clone() }
    }
}

impl<W: Work> std::fmt::Debug for Batch<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("lanes", &self.lanes.len()).finish()
    }
}

/// Why a request was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Missed {
    /// Too much is waiting.
    #[error("too many requests wait for the commit")]
    Busy,
    /// It was taken and failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl<W: Work> Batch<W> {
    /// Takes part in the next transaction, or is refused when too much is waiting.
    ///
    /// # Errors
    ///
    /// [`Missed`] when overloaded or when the transaction failed.
    pub async fn offer(&self, slot: Slot, command: W::Command) -> Result<W::Answer, Missed> {
        let (answer, answered) = oneshot::channel();
        match self.lane(slot).try_send(Job { command, answer, held: W::held() }) {
            Ok(()) => Ok(hear(answered).await?),
            Err(mpsc::error::TrySendError::Full(_)) => {
                metrics::counter!("sw_commit_refused_total").increment(1);
                Err(Missed::Busy)
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(drained().into()),
        }
    }

    /// Takes part in the next transaction, waiting for room. For streams, whose own flow control
    /// bounds what can wait, and for verdicts, which are never shed.
    ///
    /// # Errors
    ///
    /// [`Fault`] when the transaction failed.
    pub async fn queue(&self, slot: Slot, command: W::Command) -> Result<W::Answer, Fault> {
        let (answer, answered) = oneshot::channel();
        let job = Job { command, answer, held: W::held() };
        self.lane(slot).send(job).await.map_err(|_| drained())?;
        hear(answered).await
    }

    fn lane(&self, slot: Slot) -> &mpsc::Sender<Job<W>> {
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
pub fn lanes<W: Work>(
    work: std::sync::Arc<W>,
    pool: &PgPool,
    count: usize,
    closing: &CancellationToken,
) -> (Batch<W>, Vec<impl Future<Output = ()> + Send + use<W>>) {
    let mut senders = Vec::with_capacity(count);
    let mut tasks = Vec::with_capacity(count);
    for _ in 0..count {
        let (sender, receiver) = mpsc::channel(limits::COMMIT_QUEUE_MAX / count);
        senders.push(sender);
        let work = std::sync::Arc::clone(&work);
        tasks.push(lane(work, pool.clone(), receiver, closing.clone()));
    }
    (Batch { lanes: senders }, tasks)
}

async fn lane<W: Work>(
    work: std::sync::Arc<W>,
    pool: PgPool,
    mut waiting: mpsc::Receiver<Job<W>>,
    closing: CancellationToken,
) {
    let mut jobs = Vec::with_capacity(limits::COMMIT_BATCH_MAX);
    loop {
        let taken = tokio::select! {
            biased;
            () = closing.cancelled(), if !waiting.is_closed() => {
                waiting.close();
                continue;
            }
            taken = waiting.recv_many(&mut jobs, limits::COMMIT_BATCH_MAX) => taken,
        };
        if taken == 0 {
            return;
        }
        let mut held = Vec::with_capacity(taken);
        let waiting = jobs.drain(..).map(|Job { command, answer, held: more }| {
            held.push(more);
            (command, answer)
        });
        let (commands, answers): (Vec<_>, Vec<_>) = waiting.unzip();
        let started = Instant::now();
        let outcome = transaction(&*work, &pool, &commands).await;
        metrics::histogram!("sw_commit_seconds").record(started.elapsed());
        metrics::counter!("sw_commits_total").increment(1);
        // No machine that we run on has a wider usize.
        let requests = u64::try_from(commands.len()).unwrap_or(u64::MAX);
        metrics::counter!("sw_commit_requests_total").increment(requests);
        match outcome {
            Ok(done) => reply(answers, done.into_iter().map(Ok)),
            Err(Fault::Broken(reason)) if commands.len() > 1 => {
                tracing::warn!(reason, requests = commands.len(), "a batch failed; one by one now");
                for (command, answer) in commands.into_iter().zip(answers) {
                    let alone = transaction(&*work, &pool, &[command]).await;
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

async fn transaction<W: Work>(
    work: &W,
    pool: &PgPool,
    commands: &[W::Command],
) -> Result<Vec<W::Answer>, Fault> {
    let mut connection = pool.acquire().await?;
    let mut tx = connection.begin().await?;
    let (answers, told) = work.work(&mut tx, commands).await?;
    if answers.len() != commands.len() {
        let (answers, commands) = (answers.len(), commands.len());
        return Err(Fault::Broken(format!("{commands} requests have {answers} answers")));
    }
    tx.commit().await?;
    drop(connection);
    work.tell(told);
    Ok(answers)
}
