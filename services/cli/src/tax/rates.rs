//! `tax rates`: which numbers hold on a day, and by which law.

use domain::Code;
use domain::payment::parameters::{ListedHeading, Parameter, Parameters, TariffRow, Validity};
use domain::payment::tariff_change::{list_values, row_values};
use domain::payment::words;
use proto::status::Language;
use serde_json::json;
use time::Date;

use super::super::problem::{BrokenRule, Problem};
use super::super::words::{pick, table};
use super::super::{Exit, OutputFormat, print_json, print_line, print_refusal};
use super::{TaxPrinter, by, csv, parse_day, today, validity_json};

/// Show which numbers of the law and rows of the tariff hold on a day, and by which law. Asks no window.
#[derive(Debug, clap::Args)]
pub(super) struct Rates {
    /// Only goods whose code begins so: two to ten digits [default: the numbers of the law and all goods].
    #[arg(value_parser = parse_code)]
    code: Option<String>,
    /// On this day, as 2026-11-24 [default: today].
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    on: Option<Date>,
}

fn parse_code(text: &str) -> Result<String, String> {
    let is_code = (2..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then(|| text.to_owned()).ok_or_else(|| "a code has two to ten digits".to_owned())
}

/// What holds of something on the day.
struct RateInForce<'a> {
    kind: &'static str,
    name: &'a str,
    title: String,
    /// For people.
    shown: String,
    /// For programs, by the keys of the file.
    values: Vec<(&'static str, String)>,
    validity: &'a Validity,
}

pub(super) fn run(
    voice: TaxPrinter,
    parameters: &Parameters,
    args: &Rates,
) -> anyhow::Result<Exit> {
    let TaxPrinter { format, language } = voice;
    let day = args.on.unwrap_or_else(today);
    let held = held(parameters, args.code.as_deref(), day, language);
    if held.is_empty() {
        let code = args.code.as_deref().unwrap_or_default(); // then no law holds yet
        let text = match language {
            Language::English => format!("the tariff has nothing for {code} on {day}"),
            Language::Chinese => format!("税则在{day}没有{code}的税率"),
        };
        let why = BrokenRule::plain(Code::CodeUnknown, text);
        let problem = Problem::local(Code::CodeUnknown, language, vec![why]);
        return Ok(print_refusal(format.output(), &problem)?.max(Exit::NotFound));
    }
    match format {
        OutputFormat::Table => print_line(&text(parameters, &held, day, language))?,
        OutputFormat::Csv => {
            let head = ["day", "kind", "name", "title", "values", "valid_from", "valid_to", "law"];
            print_line(&csv::row(head))?;
            for held in &held {
                let [from, to, law] = by(parameters, held.validity, language);
                let day = day.to_string();
                let (name, title, values) = (held.name.to_owned(), &held.title, values(held));
                let kind = held.kind.to_owned();
                print_line(&csv::row([day, kind, name, title.clone(), values, from, to, law]))?;
            }
        }
        OutputFormat::Json => {
            for held in &held {
                let values: serde_json::Map<_, _> = held
                    .values
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), json!(value)))
                    .collect();
                print_json(&json!({
                    "day": day.to_string(),
                    "kind": held.kind,
                    "name": held.name,
                    "title": held.title,
                    "values": values,
                    "validity": validity_json(parameters, held.validity),
                }))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn values(held: &RateInForce<'_>) -> String {
    let values = held.values.iter().map(|(key, value)| format!("{key}={value}"));
    values.collect::<Vec<_>>().join(" ")
}

fn text(
    parameters: &Parameters,
    held: &[RateInForce<'_>],
    day: Date,
    language: Language,
) -> String {
    let header = [
        pick(language, "what", "项目"),
        pick(language, "title", "名称"),
        pick(language, "value", "数值"),
        pick(language, "since", "自"),
        pick(language, "law", "依据"),
    ];
    let mut shown = table(&header, Some(4));
    for held in held {
        let [from, _, law] = by(parameters, held.validity, language);
        shown.add_row([held.name, &held.title, &held.shown, &from, &law]);
    }
    let head = match language {
        Language::English => format!("on {day}"),
        Language::Chinese => format!("{day}适用"),
    };
    format!("{head}\n{shown}")
}

fn held<'a>(
    parameters: &'a Parameters,
    code: Option<&str>,
    day: Date,
    language: Language,
) -> Vec<RateInForce<'a>> {
    let mut held = Vec::new();
    if code.is_none() {
        let of_day = parameters.values.iter().filter(|value| value.validity.holds(day));
        held.extend(of_day.map(|value| number(value, language)));
    }
    let begins = |own: &str| code.is_none_or(|code| own.starts_with(code));
    let rows = parameters.tariff.iter().filter(|row| begins(&row.code));
    let rows = rows.filter(|row| row.validity.holds(day));
    held.extend(rows.map(|row| goods(parameters, row, day, language)));
    // A position has eight digits, a code ten.
    let is_meant = |listed: &&ListedHeading| {
        let heading = listed.heading.as_str();
        code.is_none_or(|code| heading.starts_with(code) || code.starts_with(heading))
    };
    let listed = parameters.import_list.iter().filter(is_meant);
    let listed = listed.filter(|listed| listed.validity.holds(day));
    held.extend(listed.map(|listed| position(listed, language)));
    held
}

fn number(value: &Parameter, language: Language) -> RateInForce<'_> {
    let title =
        words::title(&value.name).map(|(english, chinese)| pick(language, english, chinese));
    RateInForce {
        kind: "parameter",
        name: &value.name,
        title: title.unwrap_or(&value.name).to_owned(),
        shown: words::shown(value),
        values: vec![("value", value.value.to_string())],
        validity: &value.validity,
    }
}

fn goods<'a>(
    parameters: &Parameters,
    row: &'a TariffRow,
    day: Date,
    language: Language,
) -> RateInForce<'a> {
    let mut parts =
        vec![format!("{} {}", pick(language, "duty", "关税"), words::percent(row.duty_bp))];
    if let Some(vat) = parameters.find(&row.vat, day) {
        parts.push(format!("{} {}", pick(language, "VAT", "增值税"), words::shown(vat)));
    }
    let consumption = pick(language, "consumption tax", "消费税");
    if row.consumption_bp > 0 {
        let high_end = pick(language, " if high-end", "（高档）");
        let high_end = if row.is_cosmetic { high_end } else { "" };
        parts.push(format!("{consumption} {}{high_end}", words::percent(row.consumption_bp)));
    }
    if let Some(unit) = &row.unit {
        let amount = super::super::words::decimal(row.per_unit_e5);
        parts.push(format!("{consumption} {amount} / {unit}"));
    }
    let name = match language {
        Language::English => &row.name,
        Language::Chinese => &row.name_zh,
    };
    RateInForce {
        kind: "tariff",
        name: &row.code,
        title: name.clone(),
        shown: parts.join(", "),
        values: row_values(row),
        validity: &row.validity,
    }
}

fn position(listed: &ListedHeading, language: Language) -> RateInForce<'_> {
    let mut parts = vec![pick(language, "on the list", "在清单内").to_owned()];
    if listed.is_bonded_only {
        parts.push(pick(language, "only bonded", "仅限网购保税").to_owned());
    }
    if let Some(most) = &listed.yearly_most {
        let amount = super::super::words::decimal(most.qty_e5);
        let words = pick(language, "a year at most", "年度限量");
        parts.push(format!("{words} {amount} ({})", most.unit));
    }
    let name = match language {
        Language::English => &listed.name,
        Language::Chinese => &listed.name_zh,
    };
    RateInForce {
        kind: "listed",
        name: &listed.heading,
        title: name.clone(),
        shown: parts.join(", "),
        values: list_values(listed),
        validity: &listed.validity,
    }
}
