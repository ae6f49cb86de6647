//! The loop of a queue: does what is due, in the order of each subject, until the service ends.
//!
//! A [`Port`] says what became of every item. What is done, the port has taken out of the queue, in the
//! transaction of what it means. What failed by its own fault is tried again after a growing pause, and set
//! aside after [`limits::TRIES_MAX`] tries. What could not be tried, since the other side or the database
//! is away, is not counted. Where several items went together and nobody knows which one is at fault, each
//! goes alone.

use std::collections::HashSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use domain::limits;
use futures::FutureExt as _;
use sqlx::PgPool;
use store::cipher::Cipher;
use store::queue::{self, Item, TryOutcome};
use store::{Clock, Fault};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::progress::Progress;

/// How often a queue is looked at without a hint.
const LOOK: Duration = Duration::from_secs(1);
/// After something was away.
const PAUSE: Duration = Duration::from_millis(500);

/// Where the items of a queue go.
pub trait Port: Send + Sync {
    /// The queue.
    const QUEUE: &'static str;

    /// Delivers items and says what became of each, in their order. None of them is about the same subject
    /// as another.
    fn deliver(&self, items: &[Item]) -> impl Future<Output = Vec<Delivery>> + Send;
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// It is done, and taken out of the queue.
    Done,
    /// What it waits for has not happened: it is tried again, and nothing is wrong.
    NotYet,
    /// Something else is away. That is not its fault.
    Away(String),
    /// It or another one that went along is at fault: each is tried alone.
    Suspect(String),
    /// It failed by its own fault.
    Failed(String),
}

impl From<Result<(), Delivery>> for Delivery {
    /// What became of an item that was tried.
    fn from(tried: Result<(), Delivery>) -> Self {
        tried.map_or_else(|became| became, |()| Self::Done)
    }
}

impl Delivery {
    /// What a fault means for the item that met it alone.
    pub fn of(fault: &Fault) -> Self {
        match fault {
            Fault::Away(_) | Fault::Full(_) => Self::Away(fault.to_string()),
            Fault::Broken(_) => Self::Failed(fault.to_string()),
        }
    }

    /// The same for items that met it together.
    pub fn shared(fault: &Fault, items: &[Item]) -> Vec<Self> {
        let became = match fault {
            Fault::Away(_) | Fault::Full(_) => Self::Away(fault.to_string()),
            Fault::Broken(_) => Self::Suspect(fault.to_string()),
        };
        items.iter().map(|_| became.clone()).collect()
    }

    /// The same for the item of a command that was queued for the commit.
    pub fn settled<T>(done: Result<T, Fault>) -> Self {
        done.map_or_else(|fault| Self::of(&fault), |_| Self::Done)
    }
}

/// Takes an item out of its queue.
///
/// # Errors
///
/// What became of it instead.
pub async fn settle(pool: &PgPool, queue: &str, item: &Item) -> Result<(), Delivery> {
    let settled = async {
        let mut connection = pool.acquire().await?;
        queue::settle(&mut connection, queue, &[(item.slot, item.id)]).await
    };
    settled.await.map(drop).map_err(|fault: Fault| Delivery::of(&fault))
}

/// Takes those out of their queue, together, that were done of these; gives what became of each.
pub async fn settle_done(
    pool: &PgPool,
    queue: &str,
    items: &[Item],
    tried: Vec<Result<(), Delivery>>,
) -> Vec<Delivery> {
    let done = items.iter().zip(&tried).filter(|(_, tried)| tried.is_ok());
    let done: Vec<_> = done.map(|(item, _)| (item.slot, item.id)).collect();
    let settled = async {
        let mut connection = pool.acquire().await?;
        queue::settle(&mut connection, queue, &done).await
    };
    let settled: Result<_, Fault> = settled.await;
    let became = |tried: Result<(), Delivery>| match (tried, &settled) {
        (Err(became), _) => became,
        (Ok(()), Ok(_)) => Delivery::Done,
        (Ok(()), Err(fault)) => Delivery::of(fault),
    };
    tried.into_iter().map(became).collect()
}

/// The queue of a port with what its loop needs.
#[derive(Debug)]
pub struct DeliveryQueue<P> {
    /// Where items go.
    pub port: P,
    /// The service whose queue it is.
    pub service: &'static str,
    /// Where the rows are.
    pub pool: PgPool,
    /// What their bodies are encrypted with.
    pub cipher: Cipher,
    /// Which items are due.
    pub clock: Clock,
    /// How it gets on.
    pub progress: Progress,
    /// The pause after the first try that failed; each one is four times as long as the last.
    pub pause: Duration,
}

/// The pause after the first try that failed, where nothing else is wanted.
pub const FIRST_PAUSE: Duration = Duration::from_millis(limits::TRY_PAUSE_MILLISECONDS);

impl<P: Port> DeliveryQueue<P> {
    /// Does what is due, until `closing`. `wake` says that something may be new.
    pub async fn run(&self, wake: &Notify, closing: &CancellationToken) {
        let (mut from, mut done) = (START, HashSet::new());
        loop {
            let round = tokio::select! {
                round = self.round(&mut from, &mut done) => round,
                () = closing.cancelled() => return,
            };
            let pause = match round {
                Ok(Round::More) => continue,
                Ok(Round::Nothing) => LOOK,
                Ok(Round::Away) => PAUSE,
                Err(fault) => {
                    self.progress.begin();
                    tracing::warn!(%fault, service = self.service, queue = P::QUEUE, "a queue waits");
                    PAUSE
                }
            };
            tokio::select! {
                () = wake.notified(), if pause == LOOK => {}
                () = tokio::time::sleep(pause) => {}
                () = closing.cancelled() => return,
            }
        }
    }

    /// Delivers what is due behind `from`, once. `done` is what was done in the last round: a port that leaves
    /// such an item in the queue makes no progress with it.
    async fn round(&self, from: &mut Place, done: &mut HashSet<Uuid>) -> Result<Round, Fault> {
        let most = limits::QUEUE_ROUND_MAX;
        let (now, cipher) = (self.clock.now(), &self.cipher);
        let found = queue::due(&self.pool, cipher, P::QUEUE, now, *from, most).await?;
        let Some((last, _)) = found.last() else {
            // The next round begins with the oldest again.
            let nothing_at_all = std::mem::replace(from, START) == START;
            if nothing_at_all {
                self.progress.rest();
            }
            return Ok(Round::Nothing);
        };
        self.progress.begin();
        // Behind the last one: what cannot be delivered now does not keep the rest from its turn.
        let full = i64::try_from(found.len()).is_ok_and(|count| count == most);
        *from = if full { (last.due, last.id) } else { START };
        let (mut moved, mut away) = (false, None);
        let mut items = Vec::new();
        for (item, damaged) in found {
            match damaged {
                None => items.push(item),
                Some(fault) => {
                    self.fail(&item, &fault.to_string()).await?;
                    moved = true;
                }
            }
        }
        let became = self.attempt(&items).await;
        let before = std::mem::take(done);
        for (item, became) in items.iter().zip(became) {
            match became {
                Delivery::Done => {
                    moved |= !before.contains(&item.id);
                    done.insert(item.id);
                }
                Delivery::NotYet => self.progress.advance(),
                Delivery::Away(reason) => away = Some(reason),
                Delivery::Suspect(reason) | Delivery::Failed(reason) => {
                    self.fail(item, &reason).await?;
                    moved = true;
                }
            }
        }
        if moved {
            self.progress.advance();
            return Ok(Round::More);
        }
        if let Some(reason) = away {
            let (service, queue) = (self.service, P::QUEUE);
            tracing::warn!(reason, service, queue, "a queue waits for what is away");
            return Ok(Round::Away);
        }
        Ok(if full { Round::More } else { Round::Nothing })
    }

    /// Delivers items together, and alone where one of them may spoil the others.
    async fn attempt(&self, items: &[Item]) -> Vec<Delivery> {
        let mut became = self.guarded(items).await;
        if items.len() > 1 {
            for (item, became) in items.iter().zip(&mut became) {
                if matches!(became, Delivery::Suspect(_)) {
                    let alone = self.guarded(std::slice::from_ref(item)).await.pop();
                    *became = alone.unwrap_or_else(no_answer);
                }
            }
        }
        became
    }

    /// A panic is a fault of what was tried, and of nothing else.
    async fn guarded(&self, items: &[Item]) -> Vec<Delivery> {
        let tried = AssertUnwindSafe(self.port.deliver(items)).catch_unwind().await;
        let mut became = tried.unwrap_or_else(|panic| {
            let reason = format!("it made the program panic: {}", message(&*panic));
            items.iter().map(|_| Delivery::Suspect(reason.clone())).collect()
        });
        became.resize_with(items.len(), no_answer);
        became
    }

    async fn fail(&self, item: &Item, reason: &str) -> Result<(), Fault> {
        let tries = item.tries.saturating_add(1);
        let now = self.clock.now();
        let (service, queue, id) = (self.service, P::QUEUE, item.id);
        let then = if tries < limits::TRIES_MAX {
            tracing::warn!(reason, tries, service, queue, %id, "an item failed and is tried again");
            TryOutcome::Again(now + self.pause * 4_u32.saturating_pow(item.tries.unsigned_abs()))
        } else {
            tracing::error!(reason, tries, service, queue, %id, "an item was set aside");
            metrics::counter!("sw_queue_set_aside_total", "service" => service, "queue" => queue)
                .increment(1);
            TryOutcome::Stuck(now)
        };
        queue::fail(&self.pool, P::QUEUE, item, reason, then).await
    }
}

/// How a round ended.
enum Round {
    /// Look again at once.
    More,
    /// Nothing can be done now.
    Nothing,
    /// Everything that is due needs what is away.
    Away,
}

/// Where a round begins: when items are due, and their ids.
type Place = (OffsetDateTime, Uuid);

/// Before every item.
const START: Place = (OffsetDateTime::UNIX_EPOCH, Uuid::nil());

fn no_answer() -> Delivery {
    Delivery::Suspect("nobody said what became of it".to_owned())
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}
