//! What was filed in the last minutes, minute by minute, as a chart of columns for the operator.

use domain::limits;
use proto::v1;
use time::{Duration, OffsetDateTime};

use crate::minute_chart::{MinuteChart, MinuteCounts};
use crate::problem::RefusedCall;
use crate::visit::Visit;

/// See the module.
pub(crate) struct FilingRate {
    pub(crate) chart: MinuteChart,
    pub(crate) filed: u64,
    /// Of those, how many are rejected by now.
    pub(crate) rejected: u64,
    /// More was filed than is read: only the minutes since then are drawn.
    pub(crate) is_cut: bool,
}

/// Minutes that are drawn.
const MINUTES: usize = 30;

/// Counts what was filed in the last minutes.
pub(crate) async fn of(visit: &Visit) -> Result<FilingRate, Box<RefusedCall>> {
    let now = visit.console.clock.now();
    // Whole minutes, and the one that goes on.
    let begins = now
        - Duration::seconds(i64::from(now.second()))
        - Duration::nanoseconds(i64::from(now.nanosecond()));
    let minutes = i64::try_from(MINUTES - 1).unwrap_or(0); // a few
    let from = begins.saturating_sub(Duration::minutes(minutes));
    let request = v1::ListRequest {
        page_size: limits::PAGE_MAX,
        filed_from_time: Some(proto::timestamp(from)),
        ..Default::default()
    };
    let answer = visit.declarations().list(visit.call(request)).await?.into_inner();
    let filed = answer.records.iter().filter_map(|record| {
        let time = record.filed_time.and_then(proto::time)?;
        Some((time, record.state() == v1::State::Rejected))
    });
    Ok(rate(from, filed.collect(), !answer.next_page_token.is_empty()))
}

/// The newest first.
fn rate(from: OffsetDateTime, filed: Vec<(OffsetDateTime, bool)>, is_cut: bool) -> FilingRate {
    let minute = |time: OffsetDateTime| usize::try_from((time - from).whole_minutes()).ok();
    // Of the oldest minute that was read there may be more.
    let first =
        if is_cut { filed.last().and_then(|it| minute(it.0)).map_or(0, |it| it + 1) } else { 0 };
    let mut counts = [MinuteCounts::default(); MINUTES];
    for (time, is_rejected) in filed {
        let Some(count) = minute(time).filter(|it| *it >= first).and_then(|it| counts.get_mut(it))
        else {
            continue;
        };
        count.all += 1;
        count.part += u64::from(is_rejected);
    }
    FilingRate {
        chart: MinuteChart::of(Some(from), &counts, first),
        filed: counts.iter().map(|it| it.all).sum(),
        rejected: counts.iter().map(|it| it.part).sum(),
        is_cut,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn minutes_are_counted_and_one_that_was_not_read_whole_is_left_out() {
        let from = datetime!(2026-11-30 8:00 UTC);
        let at = |minute: i64| from + Duration::minutes(minute) + Duration::seconds(30);
        let filed =
            vec![(at(29), false), (at(5), true), (at(5), false), (at(5), false), (at(1), false)];
        let whole = rate(from, filed.clone(), false);
        assert_eq!(
            (whole.filed, whole.rejected, whole.chart.most, whole.chart.columns.len()),
            (5, 1, 3, MINUTES)
        );
        let counts = MinuteCounts { all: 3, part: 1 };
        assert_eq!(
            (whole.chart.columns[5].counts, whole.chart.columns[5].time.as_str()),
            (counts, "16:05")
        );
        let cut = rate(from, filed, true);
        assert_eq!(
            (cut.filed, cut.chart.columns.len(), cut.chart.columns[0].time.as_str()),
            (4, MINUTES - 2, "16:02")
        );
        let none = rate(from, Vec::new(), false);
        assert!(none.chart.columns.iter().all(|column| column.height == 0));
    }
}
