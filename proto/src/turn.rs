//! The turn of a call that reads: so many read at once, and so many of one caller.
//!
//! Whoever lets a call in waits for its turn before the call begins. A call that then waits for
//! something that is not there yet gives its turn to others meanwhile ([`rest`]).

use std::any::Any;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// A turn; it is over when this is dropped.
pub type Turn = Box<dyn Any + Send>;

/// Where a caller waits for its turn.
pub trait TurnQueue: Send + Sync {
    /// Waits for the next turn.
    fn wait(self: Arc<Self>) -> Pin<Box<dyn Future<Output = Turn> + Send>>;
}

struct Reading {
    queue: Arc<dyn TurnQueue>,
    turn: Mutex<Option<Turn>>,
}

impl Reading {
    fn set(&self, turn: Option<Turn>) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }
}

tokio::task_local! {
    static CURRENT: Arc<Reading>;
}

/// Does the work when it is its turn.
pub async fn take<F: Future>(queue: Arc<dyn TurnQueue>, work: F) -> F::Output {
    let turn = Mutex::new(Some(Arc::clone(&queue).wait().await));
    CURRENT.scope(Arc::new(Reading { queue, turn }), work).await
}

/// Waits for something else, and then for the next turn.
pub async fn rest<F: Future>(wait: F) -> F::Output {
    let Ok(reading) = CURRENT.try_with(Arc::clone) else { return wait.await };
    reading.set(None);
    let waited = wait.await;
    reading.set(Some(Arc::clone(&reading.queue).wait().await));
    waited
}
