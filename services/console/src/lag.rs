//! How the window gets on, for its operator: what was filed in the last minutes, how far every consumer of a journal and
//! every queue is behind, for whom declarations wait, and how long certificates are good.

use cli::words;
use domain::limits;
use proto::v1;
use time::{Duration, OffsetDateTime};

use crate::problem::RefusedCall;
use crate::refusals::{self, RefusalChart};
use crate::statistics::took;
use crate::visit::Visit;

/// See the module.
pub(crate) struct WindowLag {
    pub(crate) version: String,
    pub(crate) since: String,
    pub(crate) database: String,
    pub(crate) consumers: Vec<ConsumerRow>,
    pub(crate) queues: Vec<QueueRow>,
    pub(crate) waits: Vec<WaitingRow>,
    /// They were not counted.
    pub(crate) waits_unknown: bool,
    pub(crate) certificates: Vec<CertificateRow>,
    pub(crate) refusals: RefusalChart,
}

/// Whoever reads a journal.
pub(crate) struct ConsumerRow {
    pub(crate) journal: String,
    pub(crate) who: String,
    pub(crate) connected: u32,
    pub(crate) stalled: u32,
    pub(crate) waiting: u64,
    pub(crate) age: String,
}

/// A queue with something in it.
pub(crate) struct QueueRow {
    pub(crate) queue: String,
    pub(crate) waiting: u64,
    pub(crate) stuck: u64,
    pub(crate) age: String,
}

/// Open declarations that wait for somebody.
pub(crate) struct WaitingRow {
    pub(crate) who: String,
    pub(crate) declarations: u64,
    pub(crate) age: String,
    /// Id of the oldest.
    pub(crate) oldest: String,
}

/// How long a certificate is good.
pub(crate) struct CertificateRow {
    pub(crate) purpose: String,
    pub(crate) subject: String,
    pub(crate) end: String,
    pub(crate) days: i64,
    pub(crate) tone: &'static str,
}

/// From so many days on a certificate is to be renewed.
const DAYS_FEW: i64 = 30;

/// Asks how the window gets on.
pub(crate) async fn of(visit: &Visit) -> Result<WindowLag, Box<RefusedCall>> {
    let request = visit.call(v1::GetOperatingStatusRequest {});
    let status = visit.status().get_operating_status(request).await?.into_inner();
    let now = status.time.and_then(proto::time);
    let refusals = refusals::of(visit, &status);
    let age = |since: Option<pbjson_types::Timestamp>| {
        let past = now.zip(since.and_then(proto::time)).map(|(now, since)| now - since);
        past.map_or_else(String::new, |past| took(visit.language, milliseconds(past)))
    };
    let consumer = |it: v1::ConsumerLag| ConsumerRow {
        age: age(it.oldest_time),
        journal: it.service,
        who: it.agency,
        connected: it.connected,
        stalled: it.stalled,
        waiting: it.waiting,
    };
    let queue = |it: v1::QueueBacklog| QueueRow {
        age: age(it.oldest_time),
        queue: format!("{} / {}", it.service, it.queue),
        waiting: it.waiting,
        stuck: it.stuck,
    };
    let waiting = |it: v1::WaitingDeclarations| WaitingRow {
        age: age(it.oldest_time),
        oldest: words::id(&it.oldest).to_owned(),
        who: it.who,
        declarations: it.declarations,
    };
    let certificate = |it: v1::CertificateValidity| CertificateRow {
        end: words::minute(it.end_time.and_then(proto::time)),
        purpose: it.purpose,
        subject: it.subject,
        days: it.days_left,
        tone: match it.days_left {
            ..0 => "bad",
            0..DAYS_FEW => "attention",
            DAYS_FEW.. => "good",
        },
    };
    Ok(WindowLag {
        since: words::minute(status.start_time.and_then(proto::time)),
        database: format!("{} MB", status.database_bytes / 1_000_000),
        version: status.version,
        consumers: status.consumers.into_iter().map(consumer).collect(),
        queues: status.queues.into_iter().map(queue).collect(),
        waits: status.waits.into_iter().map(waiting).collect(),
        waits_unknown: status.waits_unknown,
        certificates: status.certificates.into_iter().map(certificate).collect(),
        refusals,
    })
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.whole_milliseconds()).unwrap_or(i64::MAX) // for ever
}

/// What was filed in the last minutes, as a chart of columns.
pub(crate) struct FilingRate {
    pub(crate) columns: Vec<MinuteColumn>,
    pub(crate) filed: usize,
    /// Of those, how many are rejected by now.
    pub(crate) rejected: usize,
    /// The most of a minute.
    pub(crate) most: usize,
    /// More was filed than is read: only the minutes since then are drawn.
    pub(crate) is_cut: bool,
}

/// A minute of it.
pub(crate) struct MinuteColumn {
    /// When it begins, for people.
    pub(crate) time: String,
    pub(crate) filed: usize,
    pub(crate) rejected: usize,
    pub(crate) x: usize,
    pub(crate) height: usize,
    pub(crate) rejected_height: usize,
}

/// Minutes that are drawn.
const MINUTES: usize = 30;
/// Pixels of the highest column, and from a column to the next.
const HEIGHT: usize = 90;
const STEP: usize = 24;

/// Counts what was filed in the last minutes.
pub(crate) async fn filings(visit: &Visit) -> Result<FilingRate, Box<RefusedCall>> {
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
    let mut counts = [(0, 0); MINUTES];
    for (time, is_rejected) in filed {
        let Some(count) = minute(time).filter(|it| *it >= first).and_then(|it| counts.get_mut(it))
        else {
            continue;
        };
        count.0 += 1;
        count.1 += usize::from(is_rejected);
    }
    let most = counts.iter().map(|it| it.0).max().unwrap_or(0); // there are minutes
    let height = |count: usize| if most == 0 { 0 } else { (count * HEIGHT).div_ceil(most) };
    let columns = (0_i64..).zip(counts).enumerate().map(|(index, (minute, (filed, rejected)))| {
        let time = words::minute(Some(from.saturating_add(Duration::minutes(minute))));
        MinuteColumn {
            time: time.split(' ').next_back().unwrap_or(&time).to_owned(),
            filed,
            rejected,
            x: index * STEP,
            height: height(filed),
            rejected_height: height(rejected),
        }
    });
    FilingRate {
        columns: columns.skip(first).collect(),
        filed: counts.iter().map(|it| it.0).sum(),
        rejected: counts.iter().map(|it| it.1).sum(),
        most,
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
            (whole.filed, whole.rejected, whole.most, whole.columns.len()),
            (5, 1, 3, MINUTES)
        );
        let heights: Vec<_> = [0, 1, 5, 29].map(|it| whole.columns[it].height).into();
        assert_eq!(heights, [0, 30, HEIGHT, 30]);
        assert_eq!(
            (whole.columns[5].rejected_height, whole.columns[5].time.as_str()),
            (30, "16:05")
        );
        let cut = rate(from, filed, true);
        assert_eq!(
            (cut.filed, cut.columns.len(), cut.columns[0].time.as_str()),
            (4, MINUTES - 2, "16:02")
        );
        let none = rate(from, Vec::new(), false);
        assert!(none.columns.iter().all(|column| column.height == 0));
    }
}
