//! What the window refused in the last minutes, for its operator: how often in each, and by code.

use domain::refusal::Code;
use proto::status::Language;
use proto::v1;

use crate::minute_chart::{MinuteChart, MinuteCounts};
use crate::visit::Visit;

/// See the module.
pub(crate) struct RefusalChart {
    pub(crate) chart: MinuteChart,
    pub(crate) codes: Vec<RefusalRow>,
    pub(crate) count: u64,
}

/// A code of it.
pub(crate) struct RefusalRow {
    pub(crate) code: String,
    pub(crate) title: &'static str,
    pub(crate) count: u64,
    /// In the last five minutes.
    pub(crate) last: u64,
}

/// Minutes of what goes on now.
const MINUTES_LAST: usize = 5;

/// The refusals of an answer that has them.
pub(crate) fn of(visit: &Visit, status: &v1::GetOperatingStatusResponse) -> RefusalChart {
    let in_minute = |place: usize| {
        let all = status.refusals.iter().filter_map(|it| it.by_minute.get(place)).sum();
        MinuteCounts { all, part: all }
    };
    let counts: Vec<MinuteCounts> = (0..domain::limits::REFUSAL_MINUTES).map(in_minute).collect();
    let begins = status.refusals_from_time.and_then(proto::time);
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
        chart: MinuteChart::of(begins, &counts, 0),
        codes: status.refusals.iter().map(row).collect(),
        count: counts.iter().map(|it| it.all).sum(),
    }
}
