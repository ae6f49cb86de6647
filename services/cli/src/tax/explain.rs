//! `tax explain`: what an import costs, both ways of collection side by side, and why.

use std::fmt::Write as _;
use std::path::PathBuf;

use domain::documents::ReceiptStatus;
use domain::documents::limits::{Quota, annual_limit, fen, single_limit};
use domain::documents::tax::{Band, LineTax};
use domain::payment::declared::{DeclaredAssessment, assess};
use domain::payment::parameter_set::ParameterSet;
use domain::payment::parameters::{Parameter, Parameters};
use domain::payment::tax::{Alternative, Step};
use proto::status::Language;
use serde_json::{Value, json};
use time::Date;

use super::super::pay::{parse_yuan, yuan};
use super::super::words::{pick, table};
use super::super::{Exit, OutputFormat, print_json, print_line, print_refusal};
use super::declared::{self, FileDeclaration};
use super::{TaxPrinter, csv, parse_day, validity_json};

/// Explain what an import costs: within the limits and in full, side by side, with every step. Asks no
/// window.
///
/// A file is a declaration as `submit` takes it, or a message with import inventories (CEB621). The numbers
/// are those of the day of declaration, or of --on. What is missing for the calculation is asked for by
/// name, all at once. The tariff and the list of retail imports are samples. The exit code is 1 when
/// something is missing, or when customs would refuse the order.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// Declarations (JSON) or messages (CEB621); `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// By the numbers of this day, as 2026-11-24 [default: the day of declaration].
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    on: Option<Date>,
    /// What the buyer bought this year so far, in yuan: tells what the year becomes.
    #[arg(long, value_name = "YUAN", value_parser = parse_yuan)]
    year_so_far: Option<i64>,
    /// The steps of both ways, not only of the one that applies.
    #[arg(long)]
    both: bool,
}

const COLUMNS: [&str; 11] = [
    "file",
    "document",
    "order_no",
    "day",
    "line",
    "code",
    "dutiable_value",
    "tax",
    "within",
    "full",
    "applies",
];

/// Explains files, one after the other.
pub(super) fn run(voice: TaxPrinter, set: &ParameterSet, args: &Explain) -> anyhow::Result<Exit> {
    let parameters = &set.parameters;
    let TaxPrinter { format, language } = voice;
    let mut worst = Exit::Done;
    if format == OutputFormat::Csv {
        print_line(&csv::row(COLUMNS))?;
    }
    let mut is_first = true;
    for path in &args.files {
        let declarations = match declared::read(path, language) {
            Ok(declarations) => declarations,
            Err(problem) => {
                worst = worst.max(print_refusal(format.output(), &problem)?);
                continue;
            }
        };
        for declared in &declarations {
            let assessed = match assess(parameters, &declared.content, args.on) {
                Ok(assessed) => assessed,
                Err(violations) => {
                    let problem = declared.refusal(&violations, language);
                    worst = worst.max(print_refusal(format.output(), &problem)?);
                    continue;
                }
            };
            let explained = TaxExplanation { set, parameters, declared, assessed, args, language };
            match format {
                OutputFormat::Json => print_json(&explained.json())?,
                OutputFormat::Csv => print_line(&explained.csv())?,
                OutputFormat::Table => {
                    let gap = if is_first { "" } else { "\n" };
                    print_line(&format!("{gap}{}", explained.text().trim_end()))?;
                }
            }
            is_first = false;
            if explained.is_refused() {
                worst = worst.max(Exit::Refused);
            }
        }
    }
    Ok(worst)
}

/// A declaration with everything that can be said of its tax.
struct TaxExplanation<'a> {
    set: &'a ParameterSet,
    parameters: &'a Parameters,
    declared: &'a FileDeclaration,
    assessed: DeclaredAssessment<'a>,
    args: &'a Explain,
    language: Language,
}

/// Kinds of tax in English and Chinese, with where they stand.
type Kind = (&'static str, &'static str, fn(&LineTax) -> i64);

const KINDS: [Kind; 3] = [
    ("duty", "关税", |line| line.customs_tax_fen),
    ("consumption tax", "消费税", |line| line.consumption_fen),
    ("VAT", "增值税", |line| line.vat_fen),
];

impl TaxExplanation<'_> {
    fn ways(&self) -> [&Alternative; 2] {
        [&self.assessed.comparison.within, &self.assessed.comparison.full]
    }

    fn value_e5(&self) -> i64 {
        self.assessed.comparison.within.tax.tax_price_e5
    }

    /// What the year of the buyer becomes, when it is known.
    fn year(&self) -> Option<Result<Quota, ReceiptStatus>> {
        let used_fen = self.args.year_so_far?;
        Some(Quota { used_fen }.reserve(self.assessed.day, fen(self.value_e5())))
    }

    fn is_refused(&self) -> bool {
        self.assessed.comparison.applies.is_err() || self.year().is_some_and(|year| year.is_err())
    }

    /// Whether the tax of the order is the one that is computed; nothing where the order says none, or no
    /// way applies.
    fn difference_fen(&self) -> Option<i64> {
        let declared_tax = self.declared.content.order.as_ref()?.tax_total.as_ref()?.amount_e5;
        let way = match self.assessed.comparison.applies.as_ref().ok()? {
            Band::Within => &self.assessed.comparison.within,
            Band::Above => &self.assessed.comparison.full,
        };
        Some(fen(declared_tax) - way.tax.total_fen())
    }

    fn text(&self) -> String {
        let mut text = self.head();
        let _infallible = writeln!(text, "{}", self.side_by_side());
        for line in self.verdicts() {
            let _infallible = writeln!(text, "{line}");
        }
        for way in self.ways() {
            let applies = self.assessed.comparison.applies.as_ref().ok();
            if self.args.both || applies.is_none_or(|band| *band == way.band) {
                let tree = match self.language {
                    Language::English => way.trace.text(self.parameters),
                    Language::Chinese => way.trace.text_zh(self.parameters),
                };
                let _infallible = write!(text, "\n{tree}");
            }
        }
        text
    }

    fn head(&self) -> String {
        let FileDeclaration { file, number, content, .. } = self.declared;
        let (order_no, day) = (&content.order_no, self.assessed.day);
        match self.language {
            Language::English => {
                format!("{file}, document {number}, order {order_no}: by the numbers of {day}\n")
            }
            Language::Chinese => {
                format!("{file} 第{number}份单证，订单{order_no}：按{day}的税率和限值\n")
            }
        }
    }

    fn side_by_side(&self) -> String {
        let language = self.language;
        let header = [
            pick(language, "line", "项"),
            pick(language, "goods", "商品"),
            pick(language, "dutiable value", "完税价格"),
            pick(language, "tax", "税种"),
            pick(language, "within the limits", "限值以内"),
            pick(language, "in full", "全额征税"),
        ];
        let mut table = table(&header, Some(1));
        let [within, full] = self.ways();
        for ((goods, within), full) in
            self.assessed.lines.iter().zip(&within.tax.lines).zip(&full.tax.lines)
        {
            let row = self.parameters.row(goods.gcode, self.assessed.day);
            let name = row.map_or("", |row| pick_name(language, &row.name, &row.name_zh));
            let mut first = [
                goods.gnum.to_string(),
                format!("{} {name}", goods.gcode),
                super::super::words::decimal(within.tax_price_e5),
            ];
            for (tax, tax_zh, of) in KINDS {
                let [line, goods, value] = std::mem::take(&mut first);
                let tax = pick(language, tax, tax_zh).to_owned();
                table.add_row([line, goods, value, tax, yuan(of(within)), yuan(of(full))]);
            }
        }
        let all = pick(language, "all", "合计").to_owned();
        let (value, empty) = (super::super::words::decimal(self.value_e5()), String::new());
        let totals = [within, full].map(|way| yuan(way.tax.total_fen()));
        let [within, full] = totals;
        table.add_row([all, empty.clone(), value, empty, within, full]);
        table.to_string()
    }

    /// Which way applies, what becomes of the year, and what is odd.
    fn verdicts(&self) -> Vec<String> {
        let language = self.language;
        let in_language = |english: String, chinese: String| match language {
            Language::English => english,
            Language::Chinese => chinese,
        };
        let value = super::super::words::decimal(self.value_e5());
        let limit = yuan(single_limit(self.assessed.day));
        let mut lines = vec![match &self.assessed.comparison.applies {
            Ok(Band::Within) => in_language(
                format!("applies: within the limits, since {value} is not above {limit}"),
                format!("适用：限值以内，{value}未超过{limit}"),
            ),
            Ok(Band::Above) => in_language(
                format!(
                    "applies: in full, since {value} is above {limit} and the order is one single item"
                ),
                format!("适用：全额征税，{value}超过{limit}，且订单仅含单件不可分割商品"),
            ),
            Err(refused) => in_language(
                format!(
                    "refused ({}): {value} is above {limit}, and the order is not one single item",
                    refused.status
                ),
                format!(
                    "退单（{}）：{value}超过{limit}，且订单不是单件不可分割商品",
                    refused.status
                ),
            ),
        }];
        match self.year() {
            None => {}
            Some(Ok(year)) => {
                let (used, limit) = (yuan(year.used_fen), yuan(annual_limit(self.assessed.day)));
                lines.push(in_language(
                    format!("the year of the buyer becomes {used} of {limit}"),
                    format!("订购人本年累计为{used}，年度限值{limit}"),
                ));
            }
            Some(Err(refused)) => lines.push(in_language(
                format!("refused ({}): {}", refused.status, refused.info),
                format!("退单（{}）：{}", refused.status, refused.info),
            )),
        }
        match self.difference_fen() {
            None => {}
            Some(0) => lines.push(
                pick(language, "the order says the same tax", "订单所列税款与此一致").to_owned(),
            ),
            Some(more) => {
                let (english, chinese) = if more > 0 { ("more", "多") } else { ("less", "少") };
                let by = yuan(more.saturating_abs());
                lines.push(in_language(
                    format!("the order says {by} {english} tax"),
                    format!("订单所列税款{chinese}{by}"),
                ));
            }
        }
        let remarks = self.assessed.remarks.iter();
        lines.extend(remarks.map(|remark| match language {
            Language::English => remark.to_string(),
            Language::Chinese => remark.zh(),
        }));
        lines
    }

    fn applies(&self) -> &'static str {
        match &self.assessed.comparison.applies {
            Ok(Band::Within) => "within",
            Ok(Band::Above) => "full",
            Err(_) => "refused",
        }
    }

    fn csv(&self) -> String {
        let FileDeclaration { file, number, content, .. } = self.declared;
        let [within, full] = self.ways();
        let mut rows = Vec::new();
        for ((goods, within), full) in
            self.assessed.lines.iter().zip(&within.tax.lines).zip(&full.tax.lines)
        {
            for (tax, _, of) in KINDS {
                rows.push(csv::row([
                    file.clone(),
                    number.to_string(),
                    content.order_no.clone(),
                    self.assessed.day.to_string(),
                    goods.gnum.to_string(),
                    goods.gcode.to_owned(),
                    super::super::words::decimal(within.tax_price_e5),
                    tax.to_owned(),
                    yuan(of(within)),
                    yuan(of(full)),
                    self.applies().to_owned(),
                ]));
            }
        }
        rows.join("\n")
    }

    fn json(&self) -> Value {
        let FileDeclaration { file, number, content, .. } = self.declared;
        let refusal =
            |refused: &ReceiptStatus| json!({ "status": refused.status, "text": refused.info });
        let year = self.year().map(|year| match year {
            Ok(year) => json!({ "used_fen": year.used_fen }),
            Err(refused) => json!({ "refusal": refusal(&refused) }),
        });
        let remarks = self.assessed.remarks.iter();
        let remarks: Vec<_> = remarks
            .map(|remark| json!({ "text": remark.to_string(), "text_zh": remark.zh() }))
            .collect();
        let [within, full] = self.ways().map(|way| self.way_json(way));
        json!({
            "file": file,
            "document": number,
            "order_no": content.order_no,
            "day": self.assessed.day.to_string(),
            "applies": self.applies(),
            "refusal": self.assessed.comparison.applies.as_ref().err().map(refusal),
            "year": year,
            "order_says_more_fen": self.difference_fen(),
            "remarks": remarks,
            "files": proto::duty::parameter_files(self.set),
            "within": within,
            "full": full,
        })
    }

    fn way_json(&self, way: &Alternative) -> Value {
        let line = |line: &LineTax| {
            json!({
                "gnum": line.gnum,
                "dutiable_value_e5": line.tax_price_e5,
                "duty_fen": line.customs_tax_fen,
                "consumption_fen": line.consumption_fen,
                "vat_fen": line.vat_fen,
            })
        };
        json!({
            "duty_fen": way.tax.customs_tax_fen,
            "consumption_fen": way.tax.consumption_fen,
            "vat_fen": way.tax.vat_fen,
            "total_fen": way.tax.total_fen(),
            "lines": way.tax.lines.iter().map(line).collect::<Vec<_>>(),
            "trace": step_json(self.parameters, &way.trace),
        })
    }
}

fn step_json(parameters: &Parameters, step: &Step) -> Value {
    let Step { title, title_zh, rule, since, inputs, parameters: read, result_fen, steps } = step;
    let parameter = |Parameter { name, value, validity }: &Parameter| json!({ "name": name, "value": value, "validity": validity_json(parameters, validity) });
    let inputs: serde_json::Map<_, _> =
        inputs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({
        "title": title,
        "title_zh": title_zh,
        "rule": rule,
        "since": since.to_string(),
        "inputs": inputs,
        "parameters": read.iter().map(parameter).collect::<Vec<_>>(),
        "result_fen": result_fen,
        "steps": steps.iter().map(|step| step_json(parameters, step)).collect::<Vec<_>>(),
    })
}

fn pick_name<'a>(language: Language, english: &'a str, chinese: &'a str) -> &'a str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}
