//! Measure 10 of 鲁政发〔2016〕13号 as charts: how long it takes to release with and without an inspection,
//! and how many are inspected, by port, mode and credit class.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::response::Response;
use cli::inspect::words as order_words;
use proto::status::Language;
use proto::v1;
use time::Duration;

use crate::calendar;
use crate::problem::{PageAnswer, RefusedCall, settle};
use crate::visit::{Visit, page};

/// Pixels of the longest bar.
const WIDTH: i64 = 420;
/// Pixels before a bar.
const LEFT: i64 = 170;
/// Pixels from a bar to the next.
const STEP: usize = 26;

/// A bar of a chart.
pub(crate) struct ChartBar {
    pub(crate) label: String,
    pub(crate) value: String,
    /// Of a time: with an inspection or without; of a share: those that were.
    pub(crate) series: &'static str,
    pub(crate) y: usize,
    /// Of the text beside it.
    pub(crate) baseline: usize,
    pub(crate) width: i64,
    /// Where its value is written.
    pub(crate) after: i64,
}

/// A chart with its height.
pub(crate) struct BarChart {
    pub(crate) bars: Vec<ChartBar>,
    pub(crate) height: usize,
}

/// A row of the table that says the same in numbers.
struct FiguresRow {
    of: String,
    cases: u64,
    released: u64,
    inspected: String,
    joint: String,
    with: [String; 3],
    without: [String; 3],
}

#[derive(Template)]
#[template(path = "statistics.html")]
struct StatisticsPage<'a> {
    visit: &'a Visit,
    rows: Vec<FiguresRow>,
    times: BarChart,
    shares: BarChart,
    /// The same over time, of all that is asked for.
    weekly_times: BarChart,
    weekly_shares: BarChart,
}

/// Weeks that are drawn.
const WEEKS: i64 = 8;

/// `GET /console/statistics?port=…`.
pub(crate) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, measured(&visit).await)
}

async fn measured(visit: &Visit) -> PageAnswer {
    let port_code = visit.query("port").to_owned();
    let request = v1::GetStatisticsRequest { port_code, ..Default::default() };
    let answer = visit.inspection().get_statistics(visit.call(request)).await?.into_inner();
    let rows = answer.rows;
    let weeks = weekly(visit).await?;
    Ok(page(&StatisticsPage {
        visit,
        times: times(visit, rows.iter().map(|row| (about(visit, row), row))),
        shares: shares(rows.iter().map(|row| (about(visit, row), row))),
        weekly_times: times(visit, weeks.iter().map(|(week, row)| (week.clone(), row))),
        weekly_shares: shares(weeks.iter().map(|(week, row)| (week.clone(), row))),
        rows: rows.iter().map(|row| figures(visit, row)).collect(),
    }))
}

/// The figures of all, week by week, each by the day on which it begins. The newest is last.
async fn weekly(visit: &Visit) -> Result<Vec<(String, v1::StatisticsRow)>, Box<RefusedCall>> {
    let tomorrow = calendar::today(visit) + Duration::DAY;
    let weeks = (0..WEEKS).rev().map(async |ago| {
        let until = (tomorrow - Duration::weeks(ago)).midnight().assume_offset(domain::CHINA);
        let from = until - Duration::WEEK;
        let request = v1::GetStatisticsRequest {
            filed_from_time: Some(proto::timestamp(from)),
            filed_until_time: Some(proto::timestamp(until)),
            port_code: visit.query("port").to_owned(),
        };
        let answer = visit.inspection().get_statistics(visit.call(request)).await?.into_inner();
        let all = answer.rows.into_iter().find(|row| row.group == "all");
        Ok::<_, Box<RefusedCall>>(all.map(|row| (calendar::text(from.date()), row)))
    });
    let weeks = futures::future::try_join_all(weeks).await?;
    Ok(weeks.into_iter().flatten().collect())
}

/// What a row is about. A group of a later version keeps its own word.
fn about(visit: &Visit, row: &v1::StatisticsRow) -> String {
    let value = row.value.as_str();
    match row.group.as_str() {
        "all" => visit.t("all").to_owned(),
        "port" => format!("{} {value}", visit.t("port")),
        "mode" => format!("{} {value}", visit.t("mode")),
        "class" => {
            format!("{} {}", visit.t("credit"), order_words::class(visit.language, value))
        }
        other => format!("{other} {value}"),
    }
}

fn times<'r>(
    visit: &Visit,
    rows: impl Iterator<Item = (String, &'r v1::StatisticsRow)>,
) -> BarChart {
    let bars = rows.flat_map(|(of_row, row)| {
        let of = |times: &Option<v1::Times>| {
            times.as_ref().filter(|it| it.count > 0).map(|it| it.p50_ms)
        };
        let both = [(of(&row.with_inspection), "with"), (of(&row.without_inspection), "without")];
        both.into_iter().filter_map(move |(time, series)| {
            Some((of_row.clone(), time?, took(visit.language, time?), series))
        })
    });
    chart(bars.collect(), None)
}

fn shares<'r>(rows: impl Iterator<Item = (String, &'r v1::StatisticsRow)>) -> BarChart {
    let bars = rows.filter(|(_, row)| row.cases > 0).map(|(of_row, row)| {
        // At most 10,000.
        let share = i64::try_from(row.inspected_bp).unwrap_or(i64::MAX);
        (of_row, share, percent(row.inspected_bp), "with")
    });
    chart(bars.collect(), Some(10_000))
}

/// Bars as long as their values, against the greatest or what is the whole.
pub(crate) fn chart(
    values: Vec<(String, i64, String, &'static str)>,
    whole: Option<i64>,
) -> BarChart {
    let greatest = values.iter().map(|(_, value, ..)| *value).max();
    let most = whole.or(greatest).filter(|most| *most > 0).unwrap_or(1); // nothing is long
    let bar =
        |(index, (label, value, text, series)): (usize, (String, i64, String, &'static str))| {
            let width = (value.saturating_mul(WIDTH) / most).clamp(1, WIDTH);
            let y = index * STEP + 4;
            ChartBar {
                label,
                value: text,
                series,
                y,
                baseline: y + 14,
                width,
                after: LEFT + width + 6,
            }
        };
    let bars: Vec<_> = values.into_iter().enumerate().map(bar).collect();
    BarChart { height: bars.len() * STEP + 8, bars }
}

fn figures(visit: &Visit, row: &v1::StatisticsRow) -> FiguresRow {
    let times = |times: &Option<v1::Times>| match times.as_ref().filter(|it| it.count > 0) {
        Some(it) => [it.p50_ms, it.p90_ms, it.max_ms].map(|ms| took(visit.language, ms)),
        None => ["", "", ""].map(str::to_owned),
    };
    FiguresRow {
        of: about(visit, row),
        cases: row.cases,
        released: row.released,
        inspected: format!("{} ({})", row.inspected, percent(row.inspected_bp)),
        joint: format!("{} ({})", row.joint, percent(row.joint_bp)),
        with: times(&row.with_inspection),
        without: times(&row.without_inspection),
    }
}

fn percent(bp: u64) -> String {
    format!("{}.{} %", bp / 100, bp % 100 / 10)
}

/// A time in the two units that matter.
pub(crate) fn took(language: Language, ms: i64) -> String {
    const S: i64 = 1_000;
    const MIN: i64 = 60 * S;
    const H: i64 = 60 * MIN;
    const DAY: i64 = 24 * H;
    let (whole, rest, units) = match ms {
        ..S => (ms, 0, Some((("ms", ""), ("毫秒", "")))),
        S..MIN => (ms / S, ms % S / 100, None),
        MIN..H => (ms / MIN, ms % MIN / S, Some((("min", "s"), ("分", "秒")))),
        H..DAY => (ms / H, ms % H / MIN, Some((("h", "min"), ("小时", "分")))),
        DAY.. => (ms / DAY, ms % DAY / H, Some((("d", "h"), ("天", "小时")))),
    };
    match (units, language) {
        (None, Language::English) => format!("{whole}.{rest} s"),
        (None, Language::Chinese) => format!("{whole}.{rest}秒"),
        (Some(((a, ""), _)), Language::English) => format!("{whole} {a}"),
        (Some((_, (a, ""))), Language::Chinese) => format!("{whole}{a}"),
        (Some(((a, b), _)), Language::English) => format!("{whole} {a} {rest} {b}"),
        (Some((_, (a, b))), Language::Chinese) => format!("{whole}{a}{rest}{b}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_in_two_units() {
        for (ms, english, chinese) in [
            (20, "20 ms", "20毫秒"),
            (1_250, "1.2 s", "1.2秒"),
            (61_000, "1 min 1 s", "1分1秒"),
            (2 * 86_400_000 + 3_600_000, "2 d 1 h", "2天1小时"),
        ] {
            assert_eq!(took(Language::English, ms), english);
            assert_eq!(took(Language::Chinese, ms), chinese);
        }
    }

    #[test]
    fn a_bar_is_as_long_as_its_value() {
        let values = [10, 5, 0].map(|value| (String::new(), value, String::new(), "with"));
        let widths: Vec<_> = chart(values.into(), None).bars.iter().map(|bar| bar.width).collect();
        assert_eq!(widths, [WIDTH, WIDTH / 2, 1]);
        assert!(chart(Vec::new(), None).bars.is_empty());
    }
}
