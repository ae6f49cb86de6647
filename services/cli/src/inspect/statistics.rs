//! `inspect statistics`: how long clearance takes with and without an inspection, how many are
//! inspected, and how many inspections are joint (measure 10 of 鲁政发〔2016〕13号). The service counts;
//! here the table becomes text, JSON or CSV.

use std::io::{self, Write as _};

use domain::inspection::credit::Class;
use proto::v1;
use serde_json::json;
use time::OffsetDateTime;

use super::super::options::Options;
use super::super::words::{self as shared, pick};
use super::super::{
    Exit, Language, Output, OutputFormat, Session, clean, csv, print_json, print_line,
};
use super::{either, words};

/// Columns of the CSV. Their names and order are a promise; new ones come at the end.
const COLUMNS: &str = "group,value,cases,released,inspected,inspected_bp,joint,joint_bp,\
    with_count,with_mean_ms,with_p50_ms,with_p90_ms,with_p99_ms,with_max_ms,\
    without_count,without_mean_ms,without_p50_ms,without_p90_ms,without_p99_ms,without_max_ms,\
    documents_count,documents_mean_ms,documents_p50_ms,documents_p90_ms,documents_p99_ms,documents_max_ms";

/// Times from filing to release, with and without inspection, and shares, by port, mode and credit
/// class, of declarations that are over.
#[derive(Debug, clap::Args)]
pub(super) struct StatisticsArgs {
    /// CSV (RFC 4180) with a header line.
    #[arg(long)]
    csv: bool,
    /// Filed at or after: YYYY-MM-DD (a day in China) or RFC 3339 [default: 30 days before the end].
    #[arg(long, value_name = "TIME", value_parser = shared::parse_from)]
    from: Option<OffsetDateTime>,
    /// Filed before; a day counts as a whole [default: now].
    #[arg(long, value_name = "TIME", value_parser = shared::parse_until)]
    until: Option<OffsetDateTime>,
    /// Only of this port (customs house).
    #[arg(long, value_name = "CODE")]
    port: Option<String>,
}

/// Asks for the table and tells it.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) async fn run(options: &Options, args: StatisticsArgs) -> anyhow::Result<Exit> {
    let both = args.csv && options.output() == Output::Json;
    anyhow::ensure!(!both, "--csv and --output json exclude each other");
    show(&options.session().await?, args).await
}

async fn show(session: &Session, args: StatisticsArgs) -> anyhow::Result<Exit> {
    let request = v1::GetStatisticsRequest {
        filed_from_time: args.from.map(proto::timestamp),
        filed_until_time: args.until.map(proto::timestamp),
        port_code: args.port.unwrap_or_default(), // no filter
    };
    let answer =
        session.ask(request, async |it, ask| it.inspection().get_statistics(ask).await).await?;
    let rows: Vec<Row> = answer.rows.into_iter().map(Row::from).collect();
    match session.output {
        Output::Json => rows.iter().try_for_each(|row| print_json(&json(row)))?,
        Output::Table if args.csv || session.format == OutputFormat::Csv => {
            let mut out = io::stdout().lock();
            out.write_all(csv_of(&rows).as_bytes())?;
            out.flush()?;
        }
        Output::Table => print_line(&text(&rows, session.language))?,
    }
    Ok(Exit::Done)
}

/// A row with its times.
struct Row {
    counts: v1::StatisticsRow,
    with: v1::Times,
    without: v1::Times,
    documents: v1::Times,
}

impl From<v1::StatisticsRow> for Row {
    fn from(mut counts: v1::StatisticsRow) -> Self {
        let with = counts.with_inspection.take().unwrap_or_default(); // none, no times
        let without = counts.without_inspection.take().unwrap_or_default(); // none, no times
        let documents = counts.waiting_for_documents.take().unwrap_or_default(); // none, no times
        Self { counts, with, without, documents }
    }
}

/// Numbers as numbers: the mapping of the schema would write most of them as texts and leave out
/// zeros.
fn json(row: &Row) -> serde_json::Value {
    let v1::StatisticsRow {
        group,
        value,
        cases,
        released,
        inspected,
        joint,
        inspected_bp,
        joint_bp,
        with_inspection: _,
        without_inspection: _,
        waiting_for_documents: _,
    } = &row.counts;
    let times = |it: &v1::Times| {
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
        "cases": cases,
        "released": released,
        "inspected": inspected,
        "inspected_bp": inspected_bp,
        "joint": joint,
        "joint_bp": joint_bp,
        "with_inspection": times(&row.with),
        "without_inspection": times(&row.without),
        "waiting_for_documents": times(&row.documents),
    })
}

fn csv_of(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let v1::StatisticsRow {
            group,
            value,
            cases,
            released,
            inspected,
            inspected_bp,
            joint,
            joint_bp,
            ..
        } = &row.counts;
        let counts = [cases, released, inspected, inspected_bp, joint, joint_bp];
        let times = [&row.with, &row.without, &row.documents].into_iter().flat_map(|it| {
            let v1::Times { count, mean_ms, p50_ms, p90_ms, p99_ms, max_ms } = it;
            let times = [mean_ms, p50_ms, p90_ms, p99_ms, max_ms].map(i64::to_string);
            std::iter::once(count.to_string()).chain(times)
        });
        let counts = counts.into_iter().map(u64::to_string);
        csv::row([clean(group), clean(value)].into_iter().chain(counts).chain(times))
    };
    let lines: Vec<_> = std::iter::once(COLUMNS.to_owned()).chain(rows.iter().map(line)).collect();
    lines.iter().map(|line| format!("{line}\r\n")).collect()
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
        "documents awaited",
    ];
    let chinese = [
        "范围",
        "已办结",
        "已放行",
        "查验",
        "联合查验",
        "有查验：50%、90%、最长",
        "无查验",
        "待补单证",
    ];
    let mut table = shared::table(&either(language, english, chinese), None);
    for row in rows {
        let it = &row.counts;
        table.add_row([
            of(it, language),
            it.cases.to_string(),
            it.released.to_string(),
            format!("{} ({})", it.inspected, percent(it.inspected_bp)),
            format!("{} ({})", it.joint, percent(it.joint_bp)),
            times(&row.with),
            times(&row.without),
            times(&row.documents),
        ]);
    }
    let note = pick(
        language,
        "time from filing to release, without the time in which documents were awaited that an agency had \
         asked for; joint: share of inspections that both agencies had demanded",
        "时间为申报至放行，不含等待企业补交单证的时间；联合查验：双方均要求的查验占全部查验的比例",
    );
    format!("{table}\n{note}")
}

/// What a row is about. A group of a later version keeps its own word.
fn of(row: &v1::StatisticsRow, language: Language) -> String {
    let value = row.value.as_str();
    match row.group.as_str() {
        "all" => pick(language, "all", "全部").to_owned(),
        "port" => format!("{} {value}", pick(language, "port", "口岸")),
        "mode" => format!("{} {value}", pick(language, "mode", "监管方式")),
        "class" if Class::parse(value).is_some() => {
            format!("{} {}", pick(language, "class", "信用"), words::class(language, value))
        }
        other => format!("{other} {value}"),
    }
}

fn percent(bp: u64) -> String {
    format!("{}.{:02} %", bp / 100, bp % 100)
}

fn times(times: &v1::Times) -> String {
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

    fn row(group: &str, value: &str) -> Row {
        let took = v1::Times {
            count: 1,
            mean_ms: 120_000,
            p50_ms: 120_000,
            p90_ms: 120_000,
            p99_ms: 120_000,
            max_ms: 120_000,
        };
        Row::from(v1::StatisticsRow {
            group: group.to_owned(),
            value: value.to_owned(),
            cases: 1,
            released: 1,
            inspected: 1,
            joint: 1,
            inspected_bp: 10_000,
            joint_bp: 10_000,
            with_inspection: Some(took),
            without_inspection: None,
            waiting_for_documents: None,
        })
    }

    #[test]
    fn every_line_of_the_csv_has_every_column() {
        let text = csv_of(&[row("all", ""), row("port", "42,58")]);
        let all = text.split("\r\n").nth(1).expect("a row of all");
        assert_eq!(
            all,
            "all,,1,1,1,10000,1,10000,1,120000,120000,120000,120000,120000,0,0,0,0,0,0,0,0,0,0,0,0"
        );
        assert_eq!(all.split(',').count(), COLUMNS.split(',').count());
        assert!(text.contains("port,\"42,58\",1"), "{text}");
    }

    #[test]
    fn json_has_numbers_and_rows_say_what_they_are_about() {
        let object = json(&row("class", "untrusted"));
        assert_eq!(
            (&object["cases"], &object["without_inspection"]["count"]),
            (&json!(1), &json!(0))
        );
        let class = row("class", "untrusted").counts;
        assert_eq!(of(&class, Language::Chinese), "信用 失信企业");
        assert_eq!(of(&row("house", "42").counts, Language::English), "house 42");
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
