//! Whether the loops of a service make progress, for health and metrics.
//!
//! A loop stands still (停滞) when it has had something to do for a while and nothing of it was done, for
//! whatever reason. One that has nothing to do never stands still.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::limits;
use sqlx::PgPool;
use store::{Clock, Fault, queue};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often the figures of queues are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The progress of one loop.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Of which service and which loop, for example `ceb.filing`.
    pub name: &'static str,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// When it did something last, or had nothing to do.
    last: Instant,
    busy: bool,
}

impl Progress {
    /// Of a loop that has nothing to do yet.
    pub fn new(name: &'static str) -> Self {
        let state = State { last: Instant::now(), busy: false };
        Self { name, state: Arc::new(Mutex::new(state)) }
    }

    /// There is something to do, or nobody can say whether there is.
    pub fn begin(&self) {
        self.change(|state| {
            if !std::mem::replace(&mut state.busy, true) {
                state.last = Instant::now();
            }
        });
    }

    /// Something was done.
    pub fn advance(&self) {
        self.change(|state| state.last = Instant::now());
    }

    /// There is nothing to do.
    pub fn rest(&self) {
        self.change(|state| *state = State { last: Instant::now(), busy: false });
    }

    /// How long it has had something to do and done nothing.
    pub fn still(&self) -> Duration {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.busy { state.last.elapsed() } else { Duration::ZERO }
    }

    /// Too long.
    pub fn stands_still(&self) -> bool {
        self.still() > Duration::from_secs(limits::STANDSTILL_SECONDS)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Keeps the metrics of a service's loops and queues, until `closing`. `queues` are those of which figures
/// are shown also while they are empty.
pub async fn measure(
    service: &'static str,
    queues: &'static [&'static str],
    (pool, clock): (PgPool, Clock),
    loops: Vec<Progress>,
    closing: CancellationToken,
) {
    loop {
        for progress in &loops {
            metrics::gauge!("sw_loop_still_seconds", "loop" => progress.name)
                .set(progress.still().as_secs_f64());
        }
        if let Err(fault) = figures(service, queues, &pool, &clock).await {
            tracing::debug!(%fault, service, "queues were not measured");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = closing.cancelled() => return,
        }
    }
}

async fn figures(
    service: &'static str,
    queues: &'static [&'static str],
    pool: &PgPool,
    clock: &Clock,
) -> Result<(), Fault> {
    let now = clock.now();
    let found = queue::figures(pool, now).await?;
    for name in queues {
        let figures = found.iter().find(|figures| figures.queue == *name);
        let (waiting, stuck) = figures.map_or((0, 0), |it| (it.waiting, it.stuck));
        let oldest = figures.and_then(|figures| figures.oldest);
        let age = oldest.map_or(0.0, |since| (now - since).as_seconds_f64());
        let labels = [("service", service), ("queue", *name)];
        // Exact far beyond any number of rows.
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        let (waiting, stuck) = (waiting as f64, stuck as f64);
        metrics::gauge!("sw_queue_waiting", &labels).set(waiting);
        metrics::gauge!("sw_queue_stuck", &labels).set(stuck);
        metrics::gauge!("sw_queue_oldest_seconds", &labels).set(age);
    }
    Ok(())
}
