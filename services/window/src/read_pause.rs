//! A connection that is not read for a while, since a call on it was refused for what waits already.
//!
//! Whoever goes on at full speed then is refused thousands of times a second, and waking up for each call, reading it
//! and answering it costs those who wait more than the refusal itself. So what comes in the while after a
//! refusal stays in the socket, and the caller waits as with any peer that does not read. While it is refused
//! again soon after each pause, the pauses grow: at three times what the window can do, two of three calls could
//! be refused at once only by work that the third one needs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::limits;

/// The first one.
const SHORTEST: Duration = Duration::from_millis(limits::READ_PAUSE_MILLISECONDS);
const LONGEST: Duration = Duration::from_millis(limits::READ_PAUSE_MAX_MILLISECONDS);

/// Until when a connection is not read.
#[derive(Debug, Clone, Default)]
pub struct ReadPause(Arc<Mutex<Option<Pause>>>);

/// The latest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pause {
    length: Duration,
    ends: Instant,
}

impl Pause {
    /// The one after this, when a call is refused now: none while this one lasts, and a longer one when it has
    /// ended for less time than it took.
    fn next(latest: Option<Self>, now: Instant) -> Self {
        let length = match latest {
            Some(latest) if now < latest.ends => return latest,
            Some(latest) if now < latest.ends + latest.length => (latest.length * 2).min(LONGEST),
            Some(_) | None => SHORTEST,
        };
        Self { length, ends: now + length }
    }
}

impl ReadPause {
    /// A call was refused. Those that were read together with it make it no longer.
    pub(crate) fn begin(&self) {
        let mut pause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *pause = Some(Pause::next(*pause, Instant::now()));
    }

    /// When it ends, while there is one.
    pub(crate) fn ends(&self) -> Option<Instant> {
        let pause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pause.map(|pause| pause.ends).filter(|ends| *ends > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_while_calls_are_refused_soon_after_each() {
        let start = Instant::now();
        let mut pause = Pause::next(None, start);
        assert_eq!(pause, Pause { length: SHORTEST, ends: start + SHORTEST });
        let within = pause.ends.checked_sub(Duration::from_millis(1)).expect("later");
        assert_eq!(Pause::next(Some(pause), within), pause, "what is read together");
        let mut longest = 0;
        while longest < 3 {
            let at = pause.ends + pause.length / 2;
            let next = Pause::next(Some(pause), at);
            assert_eq!(next.ends, at + next.length);
            assert_eq!(next.length, (pause.length * 2).min(LONGEST));
            longest += u32::from(next.length == LONGEST);
            pause = next;
        }
        let quiet = pause.ends + pause.length;
        assert_eq!(Pause::next(Some(pause), quiet).length, SHORTEST, "it took its time");
    }

    #[test]
    fn a_connection_is_read_when_its_pause_is_over() {
        let pause = ReadPause::default();
        assert_eq!(pause.ends(), None);
        pause.begin();
        let ends = pause.ends().expect("it was refused");
        assert!(ends <= Instant::now() + SHORTEST);
        pause.clone().begin();
        assert_eq!(pause.ends(), Some(ends), "another one makes it no longer");
        std::thread::sleep(SHORTEST);
        assert_eq!(pause.ends(), None, "it is over");
    }
}
