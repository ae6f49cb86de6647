//! What this process refused in the last minutes, by code: for whoever operates it.
//!
//! It is counted where it is said, whoever says it and over whatever protocol, together with the metric. What agencies
//! are answered within the exchange is no refusal of a call and is not counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use domain::limits::REFUSAL_MINUTES;
use domain::refusal::Code;
use proto::v1;
use store::Clock;
use time::{Duration, OffsetDateTime};

use crate::clock;

/// Those of the process, as its metrics are.
static COUNTS: RefusalCounts = RefusalCounts(Mutex::new(VecDeque::new()));

/// How often what was refused, in each of the last minutes.
#[derive(Debug)]
struct RefusalCounts(Mutex<VecDeque<MinuteCounts>>);

/// A minute with refusals.
#[derive(Debug)]
struct MinuteCounts {
    /// Minutes since 1970, by the machine's clock.
    minute: i64,
    counts: BTreeMap<Code, u64>,
}

/// From now on refusals are counted.
pub(crate) fn begin() {
    proto::status::count_with(|code| {
        metrics::counter!("sw_refusals_total", "code" => code.id()).increment(1);
        COUNTS.count(code, minute(clock::real().now()));
    });
}

/// The refusals of the last minutes, those with most first, and when the first of these minutes began by this clock.
pub(crate) fn recent(clock: &Clock) -> (OffsetDateTime, Vec<v1::RefusalCount>) {
    let (now, real) = (clock.now(), clock::real().now());
    let first = minute(real) - minutes() + 1;
    let since = Duration::seconds(real.unix_timestamp() - first * 60);
    let counts = COUNTS.recent(first).into_iter().map(|(code, by_minute)| v1::RefusalCount {
        code: code.id().to_owned(),
        count: by_minute.iter().sum(),
        by_minute: by_minute.into(),
    });
    (now.saturating_sub(since), counts.collect())
}

fn minute(time: OffsetDateTime) -> i64 {
    time.unix_timestamp().div_euclid(60)
}

fn minutes() -> i64 {
    i64::try_from(REFUSAL_MINUTES).unwrap_or(i64::MAX) // a few
}

impl RefusalCounts {
    fn count(&self, code: Code, minute: i64) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that is set back counts in the newest minute.
        if kept.back().is_none_or(|newest| newest.minute < minute) {
            kept.push_back(MinuteCounts { minute, counts: BTreeMap::new() });
        }
        while kept.front().is_some_and(|oldest| oldest.minute <= minute - minutes()) {
            kept.pop_front();
        }
        if let Some(newest) = kept.back_mut() {
            *newest.counts.entry(code).or_default() += 1;
        }
    }

    /// By code, in each minute from this one on.
    fn recent(&self, first: i64) -> Vec<(Code, [u64; REFUSAL_MINUTES])> {
        let mut found: BTreeMap<Code, [u64; REFUSAL_MINUTES]> = BTreeMap::new();
        for minute in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let Ok(place) = usize::try_from(minute.minute - first) else { continue };
            let place = place.min(REFUSAL_MINUTES - 1);
            for (code, count) in &minute.counts {
                found.entry(*code).or_default()[place] += count;
            }
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by_key(|(code, counts)| (std::cmp::Reverse(counts.iter().sum::<u64>()), *code));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_minute_and_forgotten_after_the_last_one() {
        let counts = RefusalCounts(Mutex::default());
        let at = |first: i64| {
            let found = counts.recent(first).into_iter().map(|(code, by_minute)| {
                let places = by_minute.iter().enumerate().filter(|(_, count)| **count > 0);
                (code.id(), places.map(|(place, count)| (place, *count)).collect::<Vec<_>>())
            });
            found.collect::<Vec<_>>()
        };
        counts.count(Code::NotFound, 100);
        for _ in 0..3 {
            counts.count(Code::Invalid, 101);
        }
        counts.count(Code::NotFound, 110);
        counts.count(Code::NotFound, 109);
        assert_eq!(
            at(100),
            [("SW-1001", vec![(1, 3)]), ("SW-1201", vec![(0, 1), (10, 2)])],
            "one whose clock was set back counts in the newest; as many go by their numbers"
        );
        assert_eq!(at(101), [("SW-1001", vec![(0, 3)]), ("SW-1201", vec![(9, 2)])]);
        counts.count(Code::NotAllowed, 131);
        assert_eq!(at(102), [("SW-1201", vec![(8, 2)]), ("SW-1303", vec![(29, 1)])]);
        let kept = counts.0.lock().expect("not poisoned").len();
        assert_eq!(kept, 2, "what nobody asks for any more is not kept");
        assert_eq!(at(140), Vec::new() as Vec<(&str, Vec<(usize, u64)>)>);
    }
}
