//! The ledger is recomputed from its entries, slot by slot, always: whatever differs is an error of the log and a
//! figure of its own, before somebody asks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Slot;
use store::Fault;
use tokio_util::sync::CancellationToken;

use crate::Payments;
use crate::ledger::verify_slot;

/// Between two slots: all of them take about twenty minutes.
const PAUSE: Duration = Duration::from_secs(5);
/// What one call recomputes at most, so that its answer comes before its caller gives up, however much was booked.
const SLOTS_PER_CALL: usize = 64;
const TIME_PER_CALL: Duration = Duration::from_secs(10);

/// What was found in some slots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LedgerFinding {
    /// How many entries were recomputed.
    pub(crate) entries: usize,
    /// The first difference, with its slot.
    pub(crate) difference: Option<(Slot, String)>,
    /// The first one that there was no time for.
    pub(crate) next: Option<Slot>,
}

/// Recomputes slots, until the first difference, or as many as one call may.
pub(crate) async fn verify(
    payment: &Payments,
    slots: impl IntoIterator<Item = Slot>,
) -> Result<LedgerFinding, Fault> {
    let (mut found, begun) = (LedgerFinding::default(), Instant::now());
    for (count, slot) in slots.into_iter().enumerate() {
        if count >= SLOTS_PER_CALL || (count > 0 && begun.elapsed() > TIME_PER_CALL) {
            found.next = Some(slot);
            break;
        }
        let verified = verify_slot(&payment.reads, slot).await?;
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
        let found = match verify(payment, [slot]).await {
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
