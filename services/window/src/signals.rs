//! What the system and people tell a process that serves: end in order, end now, the terminal is gone.
//!
//! They are heard from before the first thing is started until the last has ended.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How a process that serves is asked to end.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// Take nothing more and finish what was taken.
    pub drain: CancellationToken,
    /// Cut what is still going on. The database is stopped in order all the same.
    pub hurry: CancellationToken,
    /// Take over what has changed of registry and certificates.
    pub reload: Arc<Notify>,
}

/// What SIGHUP means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// Registry and certificates are others: the process serves on with them.
    Reloads,
    /// The terminal for which it runs is gone.
    Ends,
}

/// Does the work and tells it when it has to end. `None` when it was told three times: whoever does that
/// wants the process gone, and the next start finds everything in order.
///
/// # Errors
///
/// When the system gives no signals.
pub async fn run_until_signal<T, F>(
    hangup: Hangup,
    work: impl FnOnce(Ending) -> F,
) -> io::Result<Option<T>>
where
    F: Future<Output = T>,
{
    let mut signals = Signals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
        hangup: signal(SignalKind::hangup())?,
    };
    let ending = Ending::default();
    let mut work = pin!(work(ending.clone()));
    loop {
        let kind = tokio::select! {
            done = &mut work => return Ok(Some(done)),
            kind = signals.next() => kind,
        };
        if kind == SignalKind::hangup() && hangup == Hangup::Reloads {
            ending.reload.notify_one();
        } else if !ending.drain.is_cancelled() {
            tracing::info!("the window was told to end");
            ending.drain.cancel();
        } else if !ending.hurry.is_cancelled() {
            tracing::warn!("told again: what still goes on is cut short");
            ending.hurry.cancel();
        } else {
            tracing::warn!("told a third time: leaving everything as it is");
            return Ok(None);
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.hangup.recv() => SignalKind::hangup(),
        }
    }
}
