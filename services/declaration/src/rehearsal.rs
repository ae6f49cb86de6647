//! Turns of checks without effect (`validate_only`). They take the slot's lock like everything else, so
//! there are few at a time, and one of each caller: whoever asks for many waits behind itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::limits;
use store::share::Share;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of all callers.
#[derive(Debug)]
pub(crate) struct Rehearsals {
    all: Arc<Semaphore>,
    /// As many as there are firms that have a turn or wait for one: the national door asks for every declarant.
    own: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
}

impl Default for Rehearsals {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(limits::REHEARSALS_MAX)), own: Mutex::default() }
    }
}

impl Rehearsals {
    /// Waits for a turn, which ends when what is given back is dropped.
    pub(crate) async fn turn(&self, share: &Share) -> ValidationSlot {
        let name = match share {
            Share::Firm(name) => Arc::clone(name),
            Share::Kept => "".into(),
        };
        let own = {
            let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            // Who has a turn, or waits for one, holds on to it.
            own.retain(|_, turns| Arc::strong_count(turns) > 1);
            Arc::clone(own.entry(name).or_insert_with(|| Arc::new(Semaphore::new(1))))
        };
        // Nobody closes them.
        let own = own.acquire_owned().await.ok();
        let all = Arc::clone(&self.all).acquire_owned().await.ok();
        ValidationSlot { _held: (own, all) }
    }
}

/// Held for as long as it takes.
#[derive(Debug)]
pub(crate) struct ValidationSlot {
    _held: (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>),
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_flood_of_one_caller_waits_behind_itself() {
        let rehearsals = Rehearsals::default();
        let (flood, other) = (Share::firm("flood"), Share::firm("other"));
        let running = rehearsals.turn(&flood).now_or_never().expect("it is the first");
        let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(rehearsals.turn(&flood))).collect();
        assert!(waiting.iter_mut().all(|turn| turn.now_or_never().is_none()), "one at a time");
        let turn = rehearsals.turn(&other).now_or_never();
        assert!(turn.is_some(), "others begin at once");
        drop((running, turn));
        assert!(waiting[0].as_mut().now_or_never().is_some(), "then it goes on");
    }

    #[test]
    fn who_has_had_its_turn_leaves_nothing_behind() {
        let rehearsals = Rehearsals::default();
        let known = || rehearsals.own.lock().unwrap_or_else(PoisonError::into_inner).len();
        for number in 0..100 {
            let turn = rehearsals.turn(&Share::firm(&format!("37029{number:05}"))).now_or_never();
            assert!(turn.is_some(), "nobody else wants one");
            assert_eq!(known(), 1, "after {number}");
        }
        let one = Share::firm("one");
        let running = rehearsals.turn(&one).now_or_never().expect("it is the first");
        let mut waiting = Box::pin(rehearsals.turn(&one));
        assert!(waiting.as_mut().now_or_never().is_none(), "one at a time");
        let _other = rehearsals.turn(&Share::firm("other")).now_or_never();
        assert_eq!(known(), 2, "who waits is not forgotten");
        drop(running);
        assert!(waiting.as_mut().now_or_never().is_some(), "it had kept its place");
    }
}
