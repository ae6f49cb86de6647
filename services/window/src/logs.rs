//! The log: for people on a terminal, JSON otherwise. Whatever callers do, lines of one kind are bounded:
//! so many a second, then how many were left out.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::limits;
use tokio_util::sync::CancellationToken;
use tracing::Metadata;
use tracing::callsite::Identifier;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, dynamic_filter_fn};
use tracing_subscriber::{Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// One kind is one place in the code.
static LIMIT: LazyLock<Limit> = LazyLock::new(Limit::default);

/// Begins to log what the filter lets through.
pub(crate) fn start(filter: EnvFilter) {
    let limit = dynamic_filter_fn(|metadata, _| !metadata.is_event() || lets_through(metadata));
    let filter = filter.and(limit);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    } else {
        tracing_subscriber::registry().with(lines.json().with_filter(filter)).init();
    }
}

/// Says once a second how many lines were left out, until `closing`.
pub(crate) async fn report_left_out(closing: CancellationToken) {
    let mut clock = tokio::time::interval(SECOND);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = clock.tick() => {}
            () = closing.cancelled() => return,
        }
        for (place, left_out) in LIMIT.left_out() {
            tracing::warn!(place, left_out, "lines of one kind were left out of the log");
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn lets_through(metadata: &Metadata<'_>) -> bool {
    let place = || {
        // Every line of ours is written in some line of a file.
        let line = metadata.line().unwrap_or_default();
        format!("{} {}:{line}", metadata.level(), metadata.target())
    };
    LIMIT.take(metadata.callsite(), Instant::now(), place)
}

/// Lines of one kind.
#[derive(Debug)]
struct Kind {
    since: Instant,
    lines: u32,
    left_out: u64,
    place: String,
}

/// How many lines of each kind there were. There are as many kinds as places in the code.
#[derive(Debug, Default)]
struct Limit(Mutex<HashMap<Identifier, Kind>>);

impl Limit {
    fn take(&self, kind: Identifier, now: Instant, place: impl FnOnce() -> String) -> bool {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = kinds.entry(kind).or_insert_with(|| Kind {
            since: now,
            lines: 0,
            left_out: 0,
            place: place(),
        });
        if now.duration_since(kind.since) >= SECOND {
            (kind.since, kind.lines) = (now, 0);
        }
        if kind.lines < limits::LOG_LINES_PER_SECOND {
            kind.lines += 1;
            return true;
        }
        kind.left_out += 1;
        false
    }

    fn left_out(&self) -> Vec<(String, u64)> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = kinds.values_mut().filter(|kind| kind.left_out > 0);
        left.map(|kind| (kind.place.clone(), std::mem::take(&mut kind.left_out))).collect()
    }
}

#[cfg(test)]
mod tests {
    use tracing::Callsite as _;

    use super::*;

    #[test]
    fn lines_of_one_kind_are_bounded_and_counted() {
        let limit = Limit::default();
        let (one, other) = (callsite_one(), callsite_other());
        let (start, place) = (Instant::now(), || "WARN here:1".to_owned());
        let most = limits::LOG_LINES_PER_SECOND;
        let through = |kind: &Identifier, at| {
            (0..1_000).filter(|_| limit.take(kind.clone(), start + at, place)).count()
        };
        assert_eq!(through(&one, Duration::ZERO), usize::try_from(most).expect("few"));
        assert!(through(&other, Duration::ZERO) > 0, "another kind is not concerned");
        assert_eq!(
            limit.left_out().iter().map(|(_, left)| left).sum::<u64>(),
            2 * (1_000 - u64::from(most))
        );
        assert!(limit.left_out().is_empty(), "said once");
        assert!(through(&one, SECOND) > 0, "the next second begins anew");
    }

    fn callsite_one() -> Identifier {
        tracing::callsite!(name: "one", kind: tracing::metadata::Kind::EVENT, fields: a)
            .metadata()
            .callsite()
    }

    fn callsite_other() -> Identifier {
        tracing::callsite!(name: "other", kind: tracing::metadata::Kind::EVENT, fields: a)
            .metadata()
            .callsite()
    }
}
