//! `tax diff`: what changes between two days.

use domain::payment::parameters::{Parameter, Parameters};
use domain::payment::tariff_change::{State, TariffChange, changes};
use domain::payment::words;
use proto::status::Language;
use serde_json::{Value, json};
use time::Date;

use super::super::words::{pick, table};
use super::super::{Exit, OutputFormat, print_json, print_line};
use super::{TaxPrinter, by, csv, parse_day, validity_json};

/// Show what changes between two days: numbers of the law, rows of the tariff, positions of the list. Asks
/// no window.
#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// The one day, as 2019-03-31.
    #[arg(value_parser = parse_day)]
    before: Date,
    /// The other day.
    #[arg(value_parser = parse_day)]
    after: Date,
}

pub(super) fn run(voice: TaxPrinter, parameters: &Parameters, args: &Diff) -> anyhow::Result<Exit> {
    let TaxPrinter { format, language } = voice;
    let changes = changes(parameters, args.before, args.after);
    match format {
        OutputFormat::Json => {
            for change in &changes {
                print_json(&change_json(parameters, args, change))?;
            }
        }
        OutputFormat::Csv => {
            print_line(&csv::row(["name", "title", "before", "after", "since", "law"]))?;
            for change in &changes {
                print_line(&csv::row(cells(parameters, change, language)))?;
            }
        }
        OutputFormat::Table if changes.is_empty() => {
            let (before, after) = (args.before, args.after);
            print_line(&match language {
                Language::English => format!("nothing changes between {before} and {after}"),
                Language::Chinese => format!("{before}与{after}之间没有变化"),
            })?;
        }
        OutputFormat::Table => {
            let (before, after) = (args.before.to_string(), args.after.to_string());
            let header = [
                pick(language, "what", "项目"),
                pick(language, "title", "名称"),
                &before,
                &after,
                pick(language, "since", "自"),
                pick(language, "law", "依据"),
            ];
            let mut shown = table(&header, Some(5));
            for change in &changes {
                shown.add_row(cells(parameters, change, language));
            }
            print_line(&shown.to_string())?;
        }
    }
    Ok(Exit::Done)
}

fn cells(parameters: &Parameters, change: &TariffChange<'_>, language: Language) -> [String; 6] {
    let title = match (words::title(change.of), language) {
        (Some((english, chinese)), _) => pick(language, english, chinese),
        (None, Language::English) => change.name,
        (None, Language::Chinese) => change.name_zh,
    };
    // Told is since when and why it is as it is on the second day, or was where it ended.
    let state = change.after.as_ref().or(change.before.as_ref());
    let [from, to, law] =
        state.map_or_else(Default::default, |state| by(parameters, state.validity, language));
    let since = if change.after.is_some() { from } else { format!("→ {to}") };
    let (was, is) = (change.before.as_ref(), change.after.as_ref());
    let (before, after) = (shown(change.of, was, is), shown(change.of, is, was));
    [change.of.to_owned(), title.to_owned(), before, after, since, law]
}

/// What differs of the one state from the other; all of it where there is no other.
fn shown(of: &str, state: Option<&State<'_>>, other: Option<&State<'_>>) -> String {
    let Some(state) = state else { return "—".to_owned() };
    let differs =
        |pair: &&(&'static str, String)| other.is_none_or(|other| !other.values.contains(pair));
    let value = |(key, value): &(&str, String)| {
        let number: Option<i64> = value.parse().ok();
        match (*key, number) {
            ("value", Some(value)) => {
                let (name, validity) = (of.to_owned(), state.validity.clone());
                words::shown(&Parameter { name, value, validity })
            }
            (key, Some(number)) if key.ends_with("_bp") => {
                format!("{} {}", key.trim_end_matches("_bp"), words::percent(number))
            }
            (key, _) => format!("{key} {value}"),
        }
    };
    let values: Vec<_> = state.values.iter().filter(differs).map(value).collect();
    // What the other one has more is missing here.
    if values.is_empty() { "—".to_owned() } else { values.join(", ") }
}

fn change_json(parameters: &Parameters, args: &Diff, change: &TariffChange<'_>) -> Value {
    let state = |state: &State<'_>| {
        let values: serde_json::Map<_, _> =
            state.values.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        json!({ "values": values, "validity": validity_json(parameters, state.validity) })
    };
    json!({
        "name": change.of,
        "title": change.name,
        "title_zh": change.name_zh,
        "days": [args.before.to_string(), args.after.to_string()],
        "before": change.before.as_ref().map(state),
        "after": change.after.as_ref().map(state),
    })
}
