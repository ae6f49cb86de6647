//! What the loops of every service stand on, once for all of them.
//!
//! What it promises: a loop is never stopped by one item. What fails by its own fault is tried a few times
//! and then set aside, durably and with its reason, until people try it again or give it up; what is about
//! the same subject waits behind it in order, and everything else goes on. What fails because something
//! is away waits and is not counted. A loop that makes no progress says so.
//!
//! Read [`deliver`], which does what stands in a queue; [`react`], which takes what comes; [`progress`],
//! which knows whether a loop stands still; and [`stuck`], which shows what was set aside.

pub mod deliver;
pub mod progress;
pub mod react;
pub mod stuck;

use std::pin::Pin;

/// What a service has run as a task.
pub type Loop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A service as it is mounted.
pub struct Mounted<S> {
    /// Its calls.
    pub service: S,
    /// What the caller runs as tasks: lanes end after `closing`, the loops with `draining`.
    pub loops: Vec<Loop>,
    /// How its loops get on.
    pub progress: Vec<progress::Progress>,
}

impl<S> std::fmt::Debug for Mounted<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mounted").field("progress", &self.progress).finish_non_exhaustive()
    }
}
