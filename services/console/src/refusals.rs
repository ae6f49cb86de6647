//! What the window refused in the last minutes, for its operator: how often in each, and by code.

use cli::words;
use domain::refusal::Code;
use proto::status::Language;
use proto::v1;
use time::Duration;

use crate::visit::Visit;

/// See the module.
pub(crate) struct RefusalChart {
    pub(crate) columns: Vec<RefusalColumn>,
    pub(crate) codes: Vec<RefusalRow>,
    pub(crate) count: u64,
    /// The most of a minute.
    pub(crate) most: u64,
}

/// A minute of it.
pub(crate) struct RefusalColumn {
    /// When it begins, for people.
    pub(crate) time: String,
    pub(crate) count: u64,
    pub(crate) x: usize,
    pub(crate) height: u64,
}

/// A code of it.
pub(crate) struct RefusalRow {
    pub(crate) code: String,
    pub(crate) title: &'static str,
    pub(crate) count: u64,
    /// In the last five minutes.
    pub(crate) last: u64,
}

/// Pixels of the highest column, and from a column to the next.
const HEIGHT: u64 = 90;
const STEP: usize = 24;
/// Minutes of what goes on now.
const MINUTES_LAST: usize = 5;

/// The refusals of an answer that has them.
pub(crate) fn of(visit: &Visit, status: &v1::GetOperatingStatusResponse) -> RefusalChart {
    let minutes = domain::limits::REFUSAL_MINUTES;
    let in_minute = |place: usize| -> u64 {
        status.refusals.iter().filter_map(|it| it.by_minute.get(place)).sum()
    };
    let counts: Vec<u64> = (0..minutes).map(in_minute).collect();
    let most = counts.iter().copied().max().unwrap_or(0); // there are minutes
    let from = status.refusals_from_time.and_then(proto::time);
    let columns = counts.iter().zip(0_i64..).enumerate().map(|(index, (count, minute))| {
        let begins = from.map(|from| from.saturating_add(Duration::minutes(minute)));
        let time = words::minute(begins);
        RefusalColumn {
            time: time.split(' ').next_back().unwrap_or(&time).to_owned(), // a text has a last word
            count: *count,
            x: index * STEP,
            height: (count * HEIGHT)
                .checked_div(most)
                .map_or(0, |it| it.max(u64::from(*count > 0))),
        }
    });
    let row = |it: &v1::RefusalCount| {
        let known = Code::ALL.iter().find(|code| code.id() == it.code);
        RefusalRow {
            title: known.map_or("", |code| match visit.language {
                Language::English => code.title(),
                Language::Chinese => code.title_zh(),
            }),
            code: it.code.clone(),
            count: it.count,
            last: it.by_minute.iter().rev().take(MINUTES_LAST).sum(),
        }
    };
    RefusalChart {
        columns: columns.collect(),
        codes: status.refusals.iter().map(row).collect(),
        count: counts.iter().sum(),
        most,
    }
}
