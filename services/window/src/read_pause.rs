//! A connection that is not read for a moment, since a call on it was refused for what waits already.
//!
//! Whoever goes on at full speed then is refused thousands of times a second, and waking up for each call, reading it
//! and answering it costs those who wait more than the refusal itself. So what comes in the moment after a
//! refusal stays in the socket, and is read and refused together.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::limits;

const PAUSE: Duration = Duration::from_millis(limits::READ_PAUSE_MILLISECONDS);

/// Until when a connection is not read.
#[derive(Debug, Clone, Default)]
pub struct ReadPause(Arc<Mutex<Option<Instant>>>);

impl ReadPause {
    /// A call was refused. Those that were read together with it make it no longer.
    pub(crate) fn begin(&self) {
        let (mut ends, now) =
            (self.0.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        if ends.is_none_or(|ends| ends <= now) {
            *ends = Some(now + PAUSE);
        }
    }

    /// When it ends, while there is one.
    pub(crate) fn ends(&self) -> Option<Instant> {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.is_some_and(|ends| ends <= Instant::now()) {
            *ends = None;
        }
        *ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_as_long_however_many_are_refused_in_it() {
        let pause = ReadPause::default();
        assert_eq!(pause.ends(), None);
        pause.begin();
        let ends = pause.ends().expect("it was refused");
        assert!(ends <= Instant::now() + PAUSE);
        pause.clone().begin();
        assert_eq!(pause.ends(), Some(ends), "another one makes it no longer");
        std::thread::sleep(PAUSE);
        assert_eq!(pause.ends(), None, "it is over");
        pause.begin();
        assert!(pause.ends().is_some_and(|again| again > ends), "and may begin again");
    }
}
