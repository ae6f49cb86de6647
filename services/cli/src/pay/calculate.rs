//! `pay calculate`: what an import would cost, by the numbers of the window.

use std::path::PathBuf;

use proto::v1;
use time::Date;

use super::duty::{files, tree};
use super::{PayPrinter, yuan};
use crate::table::{columns, fields};
use crate::tax::declared::{self, FileDeclaration};
use crate::tax::parse_day;
use crate::words::pick;
use crate::{Exit, Language, OutputFormat, csv, print_json, print_line, print_refusal};

/// Ask the window what an import would cost before it is filed: within the limits and in full, with every step, by
/// the tariff of the window.
///
/// `tax explain` computes the same from the numbers of this program, and asks no window. The exit code is 1 when
/// something is missing, or when customs would refuse the order.
#[derive(Debug, clap::Args)]
pub(super) struct Calculate {
    /// Declarations (JSON) or messages (CEB621); `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// By the numbers of this day, as 2026-11-24 [default: today, as if it was filed now].
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    on: Option<Date>,
    /// The steps of both ways, not only of the one that applies.
    #[arg(long)]
    both: bool,
}

const COLUMNS: [&str; 8] =
    ["file", "document", "order_no", "day", "within", "full", "applies", "missing"];

/// Asks for files, one after the other.
pub(super) async fn calculate(teller: PayPrinter<'_>, args: Calculate) -> anyhow::Result<Exit> {
    let PayPrinter { session, format } = teller;
    let language = session.language;
    let mut worst = Exit::Done;
    if format == OutputFormat::Csv {
        print_line(&csv::row(COLUMNS))?;
    }
    // The day of the window, where none is named.
    let day = proto::text(args.on.map(|day| day.to_string()));
    for path in &args.files {
        let declarations = match declared::read(path, language) {
            Ok(declarations) => declarations,
            Err(problem) => {
                worst = worst.max(print_refusal(format.output(), &problem)?);
                continue;
            }
        };
        for declared in declarations {
            let declaration = Some(declared.message.clone());
            let request = v1::CalculateDutyRequest { declaration, day: day.clone() };
            let ask = async |it: &client::Window, ask| it.payment().calculate_duty(ask).await;
            let found = session.ask(request, ask).await?;
            match format {
                OutputFormat::Json => print_json(&found)?,
                OutputFormat::Csv => print_line(&csv::row(cells(&declared, &found)))?,
                OutputFormat::Table if !found.missing.is_empty() => {
                    let problem = declared.refusal_of(&found.missing, language);
                    worst = worst.max(print_refusal(format.output(), &problem)?);
                }
                OutputFormat::Table => {
                    print_line(text(&declared, &found, args.both, language).trim_end())?;
                }
            }
            if found.applies.is_empty() {
                worst = worst.max(Exit::Refused);
            }
        }
    }
    Ok(worst)
}

/// What a way costs; nothing where it cannot be computed.
fn cost(way: Option<&v1::TaxStep>) -> String {
    proto::text(way.map(|way| yuan(way.result_fen)))
}

fn cells(declared: &FileDeclaration, found: &v1::CalculateDutyResponse) -> [String; 8] {
    let missing = found.missing.iter().map(|it| format!("{} {}: {}", it.code, it.field, it.text));
    let applies = if found.refusal.is_some() { "REFUSED" } else { found.applies.as_str() };
    [
        declared.file.clone(),
        declared.number.to_string(),
        declared.content.order_no.clone(),
        found.day.clone(),
        cost(found.within.as_ref()),
        cost(found.full.as_ref()),
        applies.to_owned(),
        missing.collect::<Vec<_>>().join("; "),
    ]
}

fn text(
    declared: &FileDeclaration,
    found: &v1::CalculateDutyResponse,
    both: bool,
    language: Language,
) -> String {
    let name = |english, chinese| pick(language, english, chinese);
    let applies = match (&found.refusal, found.applies.as_str()) {
        (Some(refusal), _) => {
            format!("{} {} {}", name("refused", "退单"), refusal.code, refusal.text)
        }
        (None, "WITHIN") => name("within the limits", "限值以内").to_owned(),
        (None, _) => name("in full", "全额征税").to_owned(),
    };
    let lines = [
        (name("order", "订单编号"), declared.content.order_no.clone()),
        (name("day", "日期"), found.day.clone()),
        (name("within the limits", "限值以内"), cost(found.within.as_ref())),
        (name("in full", "全额征税"), cost(found.full.as_ref())),
        (name("applies", "适用"), applies),
    ];
    let mut text = fields(&lines, columns());
    for remark in &found.remarks {
        let remark = match language {
            Language::English => &remark.text,
            Language::Chinese => &remark.text_zh,
        };
        text.push_str(&format!("\n! {remark}"));
    }
    for (word, way) in [("WITHIN", &found.within), ("FULL", &found.full)] {
        let is_shown = both || found.refusal.is_some() || found.applies == word;
        if let Some(way) = way.as_ref().filter(|_| is_shown) {
            text.push_str("\n\n");
            tree(&mut text, way, language, 0);
        }
    }
    text.push('\n');
    text.push_str(&files(&found.files, language));
    text
}
