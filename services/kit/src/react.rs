//! Taking what comes from another service, so that one event stops neither the others nor the stream.
//!
//! Events come in order and are taken together. An event about a subject of which something waits in the
//! queue goes into the queue behind it. When the others cannot be taken together, one of them is at fault:
//! then all of them go into the queue, in one transaction that only writes rows, and [`deliver`]
//! does them one by one, in the order of each subject. So the stream goes on, and what is at fault is
//! tried a few times and set aside.
//!
//! [`deliver`]: crate::deliver

use std::collections::BTreeSet;
use std::future::Future;

use sqlx::PgPool;
use store::{Fault, queue};
use uuid::Uuid;

/// How a service takes events.
pub trait Reaction: Send + Sync {
    /// The queue of events that could not be taken when they came.
    const QUEUE: &'static str;
    /// What came.
    type Event: Send + Sync;
    /// What taking them gives.
    type Taken: Send;

    /// What an event is about.
    fn subject(&self, event: &Self::Event) -> Uuid;

    /// Takes `take`, and puts `behind` into the queue, in one transaction.
    fn commit(
        &self,
        take: Vec<Self::Event>,
        behind: Vec<Self::Event>,
    ) -> impl Future<Output = Result<Self::Taken, Fault>> + Send;
}

/// Takes events that came, in their order.
///
/// # Errors
///
/// [`Fault`] when the database is away: nothing was taken, and the events have to come again; or when even
/// the queue cannot be written.
pub async fn take<R: Reaction>(
    reaction: &R,
    pool: &PgPool,
    events: Vec<R::Event>,
) -> Result<R::Taken, Fault>
where
    R::Event: Clone,
{
    let subjects: Vec<Uuid> = events.iter().map(|event| reaction.subject(event)).collect();
    let waiting = if subjects.is_empty() {
        BTreeSet::new()
    } else {
        queue::waiting(pool, R::QUEUE, &subjects).await?
    };
    let (behind, take): (Vec<_>, Vec<_>) =
        events.iter().cloned().partition(|event| waiting.contains(&reaction.subject(event)));
    match reaction.commit(take, behind).await {
        Err(Fault::Broken(fault)) => {
            let count = events.len();
            tracing::warn!(fault, count, queue = R::QUEUE, "events cannot be taken together");
            reaction.commit(Vec::new(), events).await
        }
        taken => taken,
    }
}
