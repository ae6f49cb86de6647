//! Pulls of receipts that wait (long polls), over gRPC and HTTP: so many of one caller, so many of all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::limits;
use domain::refusal::{Code, Refusal};

/// How many wait, by caller.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pulls(Arc<Mutex<HashMap<String, usize>>>);

/// One that waits, until it is dropped.
#[derive(Debug)]
pub(crate) struct Pull {
    pulls: Pulls,
    caller: String,
}

impl Pulls {
    /// Room for one more.
    ///
    /// # Errors
    ///
    /// [`Code::QuotaUsedUp`] when the caller has too many, [`Code::Overloaded`] when all have.
    pub(crate) fn enter(&self, caller: &str) -> Result<Pull, Refusal> {
        let most = limits::STREAMS_PER_PRINCIPAL_MAX;
        let refused = |code: Code, most: usize| {
            metrics::counter!("sw_quota_refused_total", "what" => "pulls").increment(1);
            Err(Refusal::of(code).with("what", "pulls that wait for receipts").with("most", most))
        };
        let mut waiting = self.lock();
        let all: usize = waiting.values().sum();
        if all >= limits::RECEIPTS_WAITING_MAX {
            return refused(Code::Overloaded, limits::RECEIPTS_WAITING_MAX);
        }
        let own = waiting.entry(caller.to_owned()).or_default();
        if *own >= most {
            return refused(Code::QuotaUsedUp, most);
        }
        *own += 1;
        Ok(Pull { pulls: self.clone(), caller: caller.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        let mut waiting = self.pulls.lock();
        if let Some(own) = waiting.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                waiting.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_has_so_many_and_leaves_room_for_others() {
        let pulls = Pulls::default();
        let mut held: Vec<Pull> = (0..10_000).map_while(|_| pulls.enter("one").ok()).collect();
        assert_eq!(held.len(), limits::STREAMS_PER_PRINCIPAL_MAX);
        assert_eq!(pulls.enter("one").expect_err("too many").code, Code::QuotaUsedUp);
        assert!(pulls.enter("other").is_ok());
        held.pop();
        assert!(pulls.enter("one").is_ok(), "a place that is given back is free");
        let callers = (0..1_000).map(|number| number.to_string());
        let more = callers.flat_map(|name| (0..100).map_while(move |_| Some(name.clone())));
        held.extend(more.map_while(|name| pulls.enter(&name).ok()));
        assert_eq!(held.len(), limits::RECEIPTS_WAITING_MAX);
        assert_eq!(pulls.enter("two").expect_err("too many").code, Code::Overloaded);
        held.clear();
        assert!(pulls.lock().is_empty(), "nothing is kept of who left");
    }
}
