//! Events that an agency could not take (搁置): set aside in a queue of the agency's own, shown to people as
//! stuck items, and sent again when people say so.
//!
//! The invariant: what was parked is neither in the way nor lost. It stays in the queue until the agency has
//! acknowledged it after it was sent again, or people give it up.

use domain::subscriber::Subscriber;
use domain::{Slot, limits};
use store::Fault;
use store::journal::JournalEntry;
use store::queue::{self, Item};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ExchangeState;

/// The queues of all agencies.
pub const QUEUES: &[&str] = &[
    "parked-customs",
    "parked-quarantine",
    "parked-inspection-service",
    "parked-national-door",
    "parked-payment-service",
    "parked-bank",
    "parked-refund-service",
];

fn queue_of(subscriber: Subscriber) -> &'static str {
    match subscriber {
        Subscriber::Customs => "parked-customs",
        Subscriber::Quarantine => "parked-quarantine",
        Subscriber::InspectionService => "parked-inspection-service",
        Subscriber::NationalDoor => "parked-national-door",
        Subscriber::PaymentService => "parked-payment-service",
        Subscriber::Bank => "parked-bank",
        Subscriber::RefundService => "parked-refund-service",
    }
}

/// Sets an event aside; again, when it was sent again.
pub(crate) async fn park(
    shared: &ExchangeState,
    subscriber: Subscriber,
    entry: &JournalEntry,
    reason: &str,
) -> Result<(), Fault> {
    let (service, queue, now) = (shared.service, queue_of(subscriber), shared.clock.now());
    let (slot, position) = (entry.slot, entry.position);
    let item = Item {
        slot,
        id: entry.event_id,
        kind: 0,
        subject: entry.subject,
        place: position,
        body: entry.facts.to_vec(),
        due: now,
        tries: 0,
    };
    let reason = format!("slot {}, position {position}: {reason}", slot.number());
    if queue::set_aside((&shared.pool, shared.tail.cipher()), queue, &item, &reason, now).await? {
        tracing::error!(reason, service, queue, id = %item.id, "an event was set aside");
        metrics::counter!("sw_queue_set_aside_total", "service" => service, "queue" => queue)
            .increment(1);
    }
    Ok(())
}

/// Events that people want to be sent again.
pub(crate) async fn due(
    shared: &ExchangeState,
    subscriber: Subscriber,
) -> Result<Vec<Item>, Fault> {
    let from = (OffsetDateTime::UNIX_EPOCH, Uuid::nil());
    let (queue, now) = (queue_of(subscriber), shared.clock.now());
    let cipher = shared.tail.cipher();
    let due = queue::due(&shared.pool, cipher, queue, now, from, limits::QUEUE_ROUND_MAX).await?;
    // What is sent again is read from the journal: the body is there for people.
    Ok(due.into_iter().map(|(item, _)| item).collect())
}

/// They were sent again and acknowledged.
pub(crate) async fn settle(
    shared: &ExchangeState,
    subscriber: Subscriber,
    items: &[(Slot, Uuid)],
) -> Result<(), Fault> {
    if items.is_empty() {
        return Ok(());
    }
    let mut connection = shared.pool.acquire().await?;
    queue::settle(&mut connection, queue_of(subscriber), items).await.map(drop)
}
