//! `inspect statistics`: how long clearance takes with and without an inspection, how many are
//! inspected, and how many inspections are joint (measure 10 of 鲁政发〔2016〕13号).

use std::io::{self, Write as _};

use anyhow::Context as _;
use domain::inspection::credit::Class;
use domain::inspection::statistics::{Case, Group, Row, Times, table};
use proto::v1::{self, fact::Kind};
use serde_json::json;
use time::OffsetDateTime;

use super::super::ceb::Means;
use super::super::words::{self, pick};
use super::super::{Exit, Language, Output, Session, say, say_json};
use super::{either, past};

/// Columns of the CSV. Their names and order are a promise; new ones come at the end.
const COLUMNS: &str = "group,value,cases,released,inspected,inspected_bp,joint,joint_bp,\
    with_count,with_mean_ms,with_p50_ms,with_p90_ms,with_p99_ms,with_max_ms,\
    without_count,without_mean_ms,without_p50_ms,without_p90_ms,without_p99_ms,without_max_ms";

/// Times from filing to release, with and without inspection, and shares, by port and mode.
#[derive(Debug, clap::Args)]
pub(super) struct Statistics {
    /// CSV with a header line.
    #[arg(long)]
    csv: bool,
    /// Filed at or after: YYYY-MM-DD (a day in China) or RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = words::parse_from)]
    from: Option<OffsetDateTime>,
    /// Filed before; a day counts as a whole.
    #[arg(long, value_name = "TIME", value_parser = words::parse_until)]
    until: Option<OffsetDateTime>,
    /// Count so many that are over, from the newest on.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    limit: usize,
}

/// Measures and tells.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) async fn run(means: Means, args: Statistics) -> anyhow::Result<Exit> {
    let both = args.csv && means.output == Output::Json;
    anyhow::ensure!(!both, "--csv and --output json exclude each other");
    let session = super::connect(means).await?;
    let ended = measure(&session, &args).await;
    session.settle(ended)
}

async fn measure(session: &Session, args: &Statistics) -> anyhow::Result<Exit> {
    let request = v1::ListRequest {
        filed_from_time: args.from.map(proto::timestamp),
        filed_until_time: args.until.map(proto::timestamp),
        ..Default::default()
    };
    let is_over = |record: &v1::DeclarationRecord| words::is_final(record.state());
    let past = past::declarations(session, request, args.limit, is_over, case).await?;
    if past.is_cut {
        let more = pick(
            session.language,
            "older ones were not counted (--limit)",
            "更早的清单未统计（--limit）",
        );
        writeln!(io::stderr(), "{more}")?;
    }
    let mut rows = table(&past.taken);
    // The window does not know the credit class of a declarant yet.
    rows.retain(|row| !matches!(row.group, Group::Class(_)));
    match session.output {
        Output::Json => rows.iter().try_for_each(|row| say_json(&json(row)))?,
        Output::Table if args.csv => say(&csv(&rows))?,
        Output::Table => say(&text(&rows, session.language))?,
    }
    Ok(Exit::Done)
}

/// What is counted of one declaration that is over.
fn case(record: v1::DeclarationRecord) -> anyhow::Result<Case> {
    let filed = record.filed_time.and_then(proto::time).context("it has no time of filing")?;
    let (inspected, joint) = inspections(record.history.iter().flat_map(|entry| &entry.facts));
    Ok(Case {
        port: record.declaration.map(|it| it.port_code).unwrap_or_default(),
        mode: record.trade_mode,
        class: Class::General,
        filed,
        released: record.released_time.and_then(proto::time),
        inspected,
        joint,
    })
}

/// Whether an order was completed, and whether both agencies had demanded it by then.
fn inspections<'f>(facts: impl IntoIterator<Item = &'f v1::Fact>) -> (bool, bool) {
    let (mut inspected, mut joint, mut joined) = (false, false, false);
    for kind in facts.into_iter().filter_map(|fact| fact.kind.as_ref()) {
        match kind {
            Kind::InspectionOrdered(_) | Kind::InspectionCancelled(_) => joined = false,
            Kind::InspectionJoined(_) => joined = true,
            Kind::InspectionCompleted(_) => {
                inspected = true;
                joint |= joined;
            }
            Kind::Filed(_)
            | Kind::Amended(_)
            | Kind::Withdrawn(_)
            | Kind::StandChanged(_)
            | Kind::InspectionAnswered(_)
            | Kind::Numbered(_)
            | Kind::Released(_)
            | Kind::Rejected(_)
            | Kind::Returned(_) => {}
        }
    }
    (inspected, joint)
}

/// The stable word of a group, and its value.
fn group(group: &Group) -> (&'static str, &str) {
    match group {
        Group::All => ("all", ""),
        Group::Port(port) => ("port", port),
        Group::Mode(mode) => ("mode", mode),
        Group::Class(class) => ("class", class.word()),
    }
}

fn json(row: &Row) -> serde_json::Value {
    let (group, value) = group(&row.group);
    let times = |it: &Times| {
        json!({
            "count": it.count,
            "mean_ms": it.mean_ms,
            "p50_ms": it.p50_ms,
            "p90_ms": it.p90_ms,
            "p99_ms": it.p99_ms,
            "max_ms": it.max_ms,
        })
    };
    json!({
        "group": group,
        "value": value,
        "cases": row.cases,
        "released": row.released,
        "inspected": row.inspected,
        "inspected_bp": row.inspected_bp,
        "joint": row.joint,
        "joint_bp": row.joint_bp,
        "with_inspection": times(&row.with_inspection),
        "without_inspection": times(&row.without_inspection),
    })
}

fn csv(rows: &[Row]) -> String {
    let times = |it: &Times| {
        let Times { count, mean_ms, p50_ms, p90_ms, p99_ms, max_ms } = it;
        format!("{count},{mean_ms},{p50_ms},{p90_ms},{p99_ms},{max_ms}")
    };
    let line = |row: &Row| {
        let (group, value) = group(&row.group);
        let Row { cases, released, inspected, inspected_bp, joint, joint_bp, .. } = row;
        let (with, without) = (times(&row.with_inspection), times(&row.without_inspection));
        let value = quoted(value);
        format!(
            "{group},{value},{cases},{released},{inspected},{inspected_bp},{joint},{joint_bp},\
             {with},{without}"
        )
    };
    let lines: Vec<_> = std::iter::once(COLUMNS.to_owned()).chain(rows.iter().map(line)).collect();
    lines.join("\n")
}

/// Codes need no quotes, but they were written by others.
fn quoted(value: &str) -> String {
    if value.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

fn text(rows: &[Row], language: Language) -> String {
    let english = [
        "of",
        "cases",
        "released",
        "inspected",
        "joint",
        "with inspection: half, 90 %, all within",
        "without inspection",
    ];
    let chinese =
        ["范围", "已办结", "已放行", "查验", "联合查验", "有查验：50%、90%、最长", "无查验"];
    let mut table = words::table(&either(language, english, chinese), None);
    for row in rows {
        let of = match &row.group {
            Group::All => pick(language, "all", "全部").to_owned(),
            Group::Port(port) => format!("{} {port}", pick(language, "port", "口岸")),
            Group::Mode(mode) => format!("{} {mode}", pick(language, "mode", "监管方式")),
            Group::Class(class) => class.word().to_owned(),
        };
        table.add_row([
            of,
            row.cases.to_string(),
            row.released.to_string(),
            format!("{} ({})", row.inspected, percent(row.inspected_bp)),
            format!("{} ({})", row.joint, percent(row.joint_bp)),
            times(&row.with_inspection),
            times(&row.without_inspection),
        ]);
    }
    let note = pick(
        language,
        "time from filing to release; joint: share of inspections that both agencies had demanded",
        "时间为申报至放行；联合查验：双方均要求的查验占全部查验的比例",
    );
    format!("{table}\n{note}")
}

fn percent(bp: u64) -> String {
    format!("{}.{:02} %", bp / 100, bp % 100)
}

fn times(times: &Times) -> String {
    if times.count == 0 {
        return "—".to_owned();
    }
    [times.p50_ms, times.p90_ms, times.max_ms].map(took).join(", ")
}

/// A time in the two units that matter.
fn took(ms: i64) -> String {
    let (s, min, h) = (1_000, 60_000, 3_600_000);
    let d = 24 * h;
    if ms < s {
        format!("{ms} ms")
    } else if ms < min {
        format!("{}.{} s", ms / s, ms % s / 100)
    } else if ms < h {
        format!("{} min {} s", ms / min, ms % min / s)
    } else if ms < d {
        format!("{} h {} min", ms / h, ms % h / min)
    } else {
        format!("{} d {} h", ms / d, ms % d / h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(kinds: impl IntoIterator<Item = Kind>) -> Vec<v1::Fact> {
        kinds.into_iter().map(|kind| v1::Fact { kind: Some(kind) }).collect()
    }

    #[test]
    fn only_a_completed_order_counts_and_only_joined_ones_are_joint() {
        let ordered = || Kind::InspectionOrdered(v1::InspectionOrdered::default());
        let joined = || Kind::InspectionJoined(v1::InspectionJoined::default());
        let completed = || Kind::InspectionCompleted(v1::InspectionCompleted::default());
        let answered = || Kind::InspectionAnswered(v1::InspectionAnswered::default());
        let cancelled = || Kind::InspectionCancelled(v1::InspectionCancelled::default());
        for (kinds, expected) in [
            (vec![], (false, false)),
            (vec![ordered(), joined()], (false, false)),
            (vec![ordered(), completed(), answered()], (true, false)),
            (vec![ordered(), joined(), completed()], (true, true)),
            (vec![ordered(), joined(), cancelled(), ordered(), completed()], (true, false)),
        ] {
            assert_eq!(inspections(&facts(kinds.clone())), expected, "{kinds:?}");
        }
    }

    #[test]
    fn every_line_of_the_csv_has_every_column() {
        let case = Case {
            port: "42,58".into(),
            mode: "9610".into(),
            class: Class::General,
            filed: OffsetDateTime::UNIX_EPOCH,
            released: Some(OffsetDateTime::UNIX_EPOCH + time::Duration::minutes(2)),
            inspected: true,
            joint: true,
        };
        let text = csv(&table([&case]));
        let all = text.lines().nth(1).expect("a row of all");
        assert_eq!(
            all,
            "all,,1,1,1,10000,1,10000,1,120000,120000,120000,120000,120000,0,0,0,0,0,0"
        );
        assert_eq!(all.split(',').count(), COLUMNS.split(',').count());
        assert!(text.contains("port,\"42,58\",1"), "{text}");
    }

    #[test]
    fn times_are_told_in_two_units() {
        let cases = [(0, "0 ms"), (1_250, "1.2 s"), (61_000, "1 min 1 s"), (90_000_000, "1 d 1 h")];
        for (ms, expected) in cases {
            assert_eq!(took(ms), expected);
        }
        assert_eq!((percent(1), percent(10_000)), ("0.01 %".into(), "100.00 %".into()));
    }
}
