//! The ledger is recomputed from its entries, slot by slot, always: whatever differs is an error of the log and a
//! figure of its own, before somebody asks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Slot;
use sqlx::PgPool;
use store::Fault;
use tokio_util::sync::CancellationToken;

use crate::Payments;
use crate::ledger::verify_slot;

/// Between two slots: all of them take about twenty minutes.
const PAUSE: Duration = Duration::from_secs(5);

/// What is recomputed at once, at most.
#[derive(Debug, Clone, Copy)]
pub struct VerificationLimit {
    /// How many slots.
    pub slots: usize,
    /// After this time no other slot is begun; the first one always is.
    pub time: Duration,
}

impl VerificationLimit {
    /// Of one call, so that its answer comes before its caller gives up, however much was booked.
    pub const CALL: Self = Self { slots: 64, time: Duration::from_secs(10) };
}

/// What was found in some slots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerFinding {
    /// How many entries were recomputed.
    pub entries: usize,
    /// The first difference, with its slot.
    pub difference: Option<(Slot, String)>,
    /// The first one that there was no time for.
    pub next: Option<Slot>,
}

/// Recomputes slots in their order, until the first difference or the limit.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn verify_slots(
    pool: &PgPool,
    slots: impl IntoIterator<Item = Slot>,
    limit: VerificationLimit,
) -> Result<LedgerFinding, Fault> {
    let (mut found, begun) = (LedgerFinding::default(), Instant::now());
    for (count, slot) in slots.into_iter().enumerate() {
        if count >= limit.slots || (count > 0 && begun.elapsed() > limit.time) {
            found.next = Some(slot);
            break;
        }
        let verified = verify_slot(pool, slot).await?;
        found.entries += verified.entries;
        if let Some(difference) = verified.difference {
            found.difference = Some((slot, format!("{difference:?}")));
            break;
        }
    }
    Ok(found)
}

/// Recomputes one slot after the other, until `closing`.
pub(crate) async fn keep_verifying(payment: &Arc<Payments>, closing: &CancellationToken) {
    let mut differing: BTreeSet<Slot> = BTreeSet::new();
    for slot in Slot::all().collect::<Vec<_>>().into_iter().cycle() {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = closing.cancelled() => return,
        }
        let found = match verify_slots(&payment.reads, [slot], VerificationLimit::CALL).await {
            Ok(found) => found,
            Err(fault) => {
                tracing::debug!(%fault, "a slot of the ledger was not verified");
                continue;
            }
        };
        metrics::counter!("sw_ledger_entries_verified_total")
            // No machine that we run on has a wider usize.
            .increment(u64::try_from(found.entries).unwrap_or(u64::MAX));
        match found.difference {
            Some((slot, difference)) => {
                if differing.insert(slot) {
                    let slot = slot.number();
                    tracing::error!(slot, difference, "the ledger differs from its entries");
                }
            }
            None => drop(differing.remove(&slot)),
        }
        let count = u32::try_from(differing.len()).unwrap_or(u32::MAX); // there are 256 slots
        metrics::gauge!("sw_ledger_slots_differing").set(f64::from(count));
    }
}
