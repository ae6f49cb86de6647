//! `tax`: what an import costs and why, what held on a day, and what changed between two. Asks no window.

pub(super) mod declared;
mod diff;
mod explain;
mod rates;

use std::path::PathBuf;

use anyhow::Context as _;
use domain::payment::parameter_set::{OwnFile, ParameterSet};
use domain::payment::parameters::{self, Parameters, Validity};
use proto::status::Language;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::{Date, OffsetDateTime};

use super::words::pick;
use super::{BilingualText, Exit, OutputFormat, csv};

/// Taxes of imports: compute and explain them, see the numbers of the law by their days. Asks no window.
#[derive(Debug, clap::Args)]
pub struct TaxArgs {
    /// A file to compute by: numbers of the law, a tariff, or the list of retail imports, in the place of the one of the
    /// program with the same tables. May be given several times, as to `serve`.
    #[arg(long, global = true, value_name = "FILE")]
    import_tax: Vec<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Explain(explain::Explain),
    Rates(rates::Rates),
    Diff(diff::Diff),
}

/// How a verb speaks.
#[derive(Debug, Clone, Copy)]
pub(super) struct TaxPrinter {
    pub(super) format: OutputFormat,
    pub(super) language: Language,
}

/// Does what the verb says.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) fn run(voice: TaxPrinter, args: &TaxArgs) -> anyhow::Result<Exit> {
    let set = numbers(&args.import_tax)?;
    match &args.verb {
        Verb::Explain(args) => explain::run(voice, &set, args),
        Verb::Rates(args) => rates::run(voice, &set.parameters, args),
        Verb::Diff(args) => diff::run(voice, &set.parameters, args),
    }
}

/// What is computed by: these files in the place of those of the program.
fn numbers(files: &[PathBuf]) -> anyhow::Result<ParameterSet> {
    let mut own = Vec::with_capacity(files.len());
    for file in files {
        let text =
            std::fs::read_to_string(file).with_context(|| BilingualText::unreadable(file))?;
        let name = file.file_name().unwrap_or(file.as_os_str()); // a file that is read has one
        own.push(OwnFile { name: name.to_string_lossy().into_owned(), text });
    }
    ParameterSet::read(&own, |bytes| Sha256::digest(bytes).into()).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let faults = faults.join("\n");
        let english = format!("the files of the import tax have faults:\n{faults}");
        BilingualText::new(english, format!("进口税文件有误：\n{faults}")).into()
    })
}

/// A day on the command line.
pub(super) fn parse_day(text: &str) -> Result<Date, String> {
    parameters::date(text).ok_or_else(|| "a day is YYYY-MM-DD and exists, as 2026-11-24".to_owned())
}

/// The day it is in China.
fn today() -> Date {
    #[expect(clippy::disallowed_methods, reason = "a person asks what holds now")]
    let now = OffsetDateTime::now_utc();
    now.to_offset(domain::CHINA).date()
}

/// Since when, until when, by which law: its number, where the title goes on behind it.
fn by(parameters: &Parameters, validity: &Validity, language: Language) -> [String; 3] {
    let law = parameters.law(&validity.law).unwrap_or(&validity.law);
    let law =
        law.split_once("号 ").map_or_else(|| law.to_owned(), |(number, _)| format!("{number}号"));
    let gap = if validity.article.is_empty() { "" } else { " " };
    let unverified = pick(language, " (unverified)", "（未核实）");
    let mark = if validity.is_verified { "" } else { unverified };
    let until = validity.to.map_or_else(String::new, |day| day.to_string());
    [validity.from.to_string(), until, format!("{law}{gap}{}{mark}", validity.article)]
}

/// The same for programs.
fn validity_json(parameters: &Parameters, validity: &Validity) -> Value {
    let Validity { from, to, law, article, checked_on, is_verified } = validity;
    json!({
        "valid_from": from.to_string(),
        "valid_to": to.map(|day| day.to_string()),
        "law": law,
        "law_title": parameters.law(law),
        "article": article,
        "checked_on": checked_on.to_string(),
        "verified": is_verified,
    })
}
