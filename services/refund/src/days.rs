//! Days go by: what is due then is looked for.

use std::time::Duration;

use domain::CHINA;
use kit::progress::Progress;
use store::Fault;
use store::share::Share;
use tokio_util::sync::CancellationToken;

use crate::commit::RefundCommand;
use crate::reminder::AHEAD;
use crate::{Refunds, export_rows};

/// How often is looked whether a day went by: the clock of a sandbox may be put forward.
const LOOK: Duration = Duration::from_secs(2);

/// Looks every few seconds whether a day went by, until `closing`.
pub(crate) async fn keep_reminding(
    refunds: &Refunds,
    progress: &Progress,
    closing: &CancellationToken,
) {
    let mut seen = None;
    loop {
        let today = refunds.clock.now().to_offset(CHINA).date();
        if seen != Some(today) {
            progress.begin();
            match day_goes_by(refunds).await {
                Ok(()) => seen = Some(today),
                Err(fault) => tracing::warn!(%fault, "reminders wait"),
            }
        }
        progress.rest();
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = closing.cancelled() => return,
        }
    }
}

async fn day_goes_by(refunds: &Refunds) -> Result<(), Fault> {
    let today = refunds.clock.now().to_offset(CHINA).date();
    let until = today.saturating_add(AHEAD);
    for slot in export_rows::slots_due(&refunds.reads, until, today).await? {
        let command = |reply| RefundCommand::Remind(slot, reply);
        while refunds.requests.enqueue(slot, &Share::Kept, command).await? {}
    }
    Ok(())
}
