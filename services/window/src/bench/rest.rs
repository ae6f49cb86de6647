//! When a window has nothing left to do: what its services still do for what was measured before is no part of what
//! is measured next.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use client::Window;
use proto::v1;

/// How often is asked.
const LOOK: Duration = Duration::from_millis(50);
/// A window that is busy for so long afterwards does not come to rest.
const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until every consumer has acknowledged everything and no queue has an item that is due. How long that took.
///
/// # Errors
///
/// It cannot be asked, or is still busy after three minutes.
pub(super) async fn wait(window: &Window) -> anyhow::Result<Duration> {
    let began = Instant::now();
    loop {
        let request = v1::GetOperatingStatusRequest {};
        let status = window.status().get_operating_status(request).await;
        let status = status.context("the window does not say how it gets on")?.into_inner();
        let behind: u64 = status.consumers.iter().map(|it| it.waiting).sum();
        let due: u64 = status.queues.iter().map(|it| it.waiting).sum();
        if behind + due == 0 {
            return Ok(began.elapsed());
        }
        anyhow::ensure!(
            began.elapsed() < PATIENCE,
            "{behind} events and {due} items of queues are still waiting: {:?} {:?}",
            status.consumers,
            status.queues
        );
        tokio::time::sleep(LOOK).await;
    }
}
