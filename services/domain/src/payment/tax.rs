//! What an import costs, by formulas and parameters of the day, with the reasons (进口税计算).
//!
//! With d, v, c the rates of duty, VAT and consumption tax, P the dutiable value of a line, s the
//! consumption tax for its quantity, and k the part that is collected:
//!
//! ```text
//! duty              P × d
//! consumption tax   (P × (1 + d) × c + s) ÷ (1 − c) × k
//! VAT               (P × (1 + d) + s) × v ÷ (1 − c) × k
//! ```
//!
//! Within the limits d is 0 and k 70 %; otherwise d is the row's and k is all. Each tax of each line
//! is one fraction, rounded once, half up, to the fen. Both ways are computed side by side, and said
//! which of them applies. The formulas in full, those by quantity, and the rounding are unverified.

use std::fmt::Write as _;

use time::macros::date;
use time::{Date, Duration, Month, Weekday};

use super::parameters::{Parameter, Parameters, TariffRow};
use super::words::{self, percent};
use crate::documents::limits::band;
use crate::documents::returns::ReceiptStatus;
use crate::documents::tax::{Band, LineTax, Tax, TaxableLine, Threshold, apportion, reaches};
use crate::rules::{E5, FEN_E5, decimal};

/// One, in basis points.
const ONE_BP: i64 = 10_000;
/// No amount is above this: ten thousand million yuan.
const AMOUNT_E5_MAX: i64 = 10_000_000_000 * E5;

/// A way of collection from a day on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Formula {
    band: Band,
    since: Date,
    rule: &'static str,
    title: &'static str,
    title_zh: &'static str,
}

/// By rising day. Before the first day there is no retail import.
const FORMULAS: &[Formula] = &[
    Formula {
        band: Band::Within,
        since: date!(2016 - 04 - 08),
        rule: "财关税〔2016〕18号 二",
        title: "within the limits: composite tax",
        title_zh: "限值以内：跨境电商综合税",
    },
    Formula {
        band: Band::Above,
        since: date!(2016 - 04 - 08),
        rule: "财关税〔2016〕18号 三",
        title: "above the limit: full tax as general trade",
        title_zh: "超过限值：按一般贸易全额征税",
    },
    Formula {
        band: Band::Above,
        since: date!(2019 - 01 - 01),
        rule: "财关税〔2018〕49号 一",
        title: "above the single limit: full tax by the rates of the goods, counted to the year",
        title_zh: "超过单次限值：按货物税率全额征税，计入年度交易总额",
    },
];

fn formula(of: Band, day: Date) -> Option<Formula> {
    let mut formulas = FORMULAS.iter().rev();
    formulas.find(|formula| formula.band == of && formula.since <= day).copied()
}

/// What is to be taxed.
#[derive(Debug, Clone, Copy)]
pub struct Parcel<'a> {
    /// The numbers of the law.
    pub parameters: &'a Parameters,
    /// The day whose rates hold.
    pub day: Date,
    /// Freight in 1/100000 yuan.
    pub freight_e5: i64,
    /// Insurance in 1/100000 yuan.
    pub insurance_e5: i64,
    /// The goods.
    pub lines: &'a [TaxableLine<'a>],
    /// How many of each line, in 1/100000: one indivisible item is one line of one.
    pub quantities_e5: &'a [i64],
    /// Names the inventory in a refusal.
    pub key: &'a str,
}

/// What a calculation lacks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum MissingParameter {
    /// The tariff has no row for the code on that day.
    #[error("line {gnum}: the tariff has no row for {code}")]
    Row {
        /// Number of the line.
        gnum: u32,
        /// Code of the goods.
        code: String,
    },
    /// There is no value of a parameter on that day.
    #[error("there is no value of {name} on {day}")]
    Value {
        /// Its name.
        name: String,
        /// The day.
        day: Date,
    },
    /// Nobody taxes that way on that day.
    #[error("there is no formula for {0}")]
    Formula(Date),
    /// The tax hangs on a quantity.
    #[error("line {gnum}: a quantity is needed in one of the customs units {units}")]
    Quantity {
        /// Number of the line.
        gnum: u32,
        /// Which units would do.
        units: String,
    },
    /// An amount is below zero or beyond all reason.
    #[error("line {0}: the amount cannot be taxed")]
    Amount(u32),
    /// Freight or insurance are.
    #[error("freight or insurance cannot be taxed")]
    Charges,
}

impl MissingParameter {
    /// The same in Chinese.
    pub fn zh(&self) -> String {
        match self {
            Self::Row { gnum, code } => format!("第{gnum}项：税则中没有{code}"),
            Self::Value { name, day } => format!("{day}没有参数{name}的值"),
            Self::Formula(day) => format!("{day}没有适用的计税公式"),
            Self::Quantity { gnum, units } => {
                format!("第{gnum}项：需提供计量单位{units}之一的数量")
            }
            Self::Amount(gnum) => format!("第{gnum}项：金额无法计税"),
            Self::Charges => "运费或保费无法计税".to_owned(),
        }
    }
}

/// Units from which a price threshold can be told: kilogram, gram, litre, millilitre, sheets.
const THRESHOLD_UNITS: &str = "035 036 095 096 010 020";

/// In which customs units a quantity has to be known for a code, when in any.
///
/// # Errors
///
/// When the tariff has no row.
pub fn required_units<'a>(
    parameters: &'a Parameters,
    code: &str,
    day: Date,
) -> Result<Option<&'a str>, MissingParameter> {
    let missing = || MissingParameter::Row { gnum: 0, code: code.to_owned() };
    let row = parameters.row(code, day).ok_or_else(missing)?;
    Ok(if row.is_cosmetic { Some(THRESHOLD_UNITS) } else { row.unit.as_deref() })
}

/// A step of a calculation, with what it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is computed.
    pub title: String,
    /// The same in Chinese.
    pub title_zh: String,
    /// The rule, or the expression with its numbers.
    pub rule: String,
    /// From when this version of the formula holds.
    pub since: Date,
    /// Values of the declaration that were read.
    pub inputs: Vec<(&'static str, String)>,
    /// Parameters that were read.
    pub parameters: Vec<Parameter>,
    /// In fen.
    pub result_fen: i64,
    /// What it is made of.
    pub steps: Vec<Step>,
}

impl Step {
    /// As a tree in English.
    pub fn text(&self, parameters: &Parameters) -> String {
        self.tree(parameters, &ENGLISH, 0)
    }

    /// As a tree in Chinese.
    pub fn text_zh(&self, parameters: &Parameters) -> String {
        self.tree(parameters, &CHINESE, 0)
    }

    fn tree(&self, parameters: &Parameters, words: &Words, depth: usize) -> String {
        let (indent, result) = ("  ".repeat(depth), decimal(self.result_fen * FEN_E5));
        let (title, since) = ((words.title)(self), words.since);
        let mut text =
            format!("{indent}{title} = {result}  [{}; {since} {}]\n", self.rule, self.since);
        for (name, value) in &self.inputs {
            let name = (words.input)(name);
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{indent}  · {name} = {value}");
        }
        for parameter in &self.parameters {
            let Parameter { name, value, validity } = parameter;
            let title = (words.parameter)(name).unwrap_or(name);
            let shown = words::shown(parameter);
            let end = validity.to.map(|day| format!(" {} {day}", words.until));
            let (from, end) = (validity.from, end.unwrap_or_default()); // open: no end to show
            let law = parameters.law(&validity.law).unwrap_or(&validity.law);
            let article = if validity.article.is_empty() { "" } else { " " };
            let article = format!("{article}{}", validity.article);
            let _ = writeln!(
                text,
                "{indent}  · {title} = {shown}  [{name} = {value}; {since} {from}{end}; {law}{article}]"
            );
        }
        for step in &self.steps {
            text.push_str(&step.tree(parameters, words, depth + 1));
        }
        text
    }
}

/// How a tree is told in a language.
struct Words {
    since: &'static str,
    until: &'static str,
    title: fn(&Step) -> &str,
    input: fn(&'static str) -> &'static str,
    parameter: fn(&str) -> Option<&'static str>,
}

const ENGLISH: Words = Words {
    since: "since",
    until: "to",
    title: |step| &step.title,
    input: |name| name,
    parameter: |name| words::title(name).map(|(english, _)| english),
};

const CHINESE: Words = Words {
    since: "自",
    until: "至",
    title: |step| &step.title_zh,
    input: words::input_zh,
    parameter: |name| words::title(name).map(|(_, chinese)| chinese),
};

/// One way of collection with what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// Which way.
    pub band: Band,
    /// What it costs.
    pub tax: Tax,
    /// Why.
    pub trace: Step,
}

/// Both ways, and which applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Within the limits.
    pub within: Alternative,
    /// In full.
    pub full: Alternative,
    /// The way of this parcel, or customs' refusal of it (-621005).
    pub applies: Result<Band, ReceiptStatus>,
}

/// Computes both ways.
///
/// # Errors
///
/// Everything that is missing.
pub fn compare(parcel: &Parcel<'_>) -> Result<Comparison, Vec<MissingParameter>> {
    let single = value(parcel, "limit.single_fen");
    match (alternative(parcel, Band::Within), alternative(parcel, Band::Above), single) {
        (Ok(within), Ok(full), Ok(single)) => {
            let price = within.tax.tax_price_e5;
            let applies = band(single.value, price, parcel.quantities_e5, parcel.key);
            Ok(Comparison { within, full, applies })
        }
        (within, full, single) => {
            let mut all = within.err().unwrap_or_default(); // the other way may lack something
            all.extend(full.err().unwrap_or_default()); // the same
            all.extend(single.err());
            let mut seen = std::collections::HashSet::new();
            all.retain(|missing| seen.insert(missing.clone()));
            Err(all)
        }
    }
}

/// Computes one way, whether it applies or not.
///
/// # Errors
///
/// Everything that is missing.
pub fn alternative(parcel: &Parcel<'_>, of: Band) -> Result<Alternative, Vec<MissingParameter>> {
    let formula =
        formula(of, parcel.day).ok_or_else(|| vec![MissingParameter::Formula(parcel.day)])?;
    // With amounts that cannot be taxed, what else is missing is told all the same.
    let nothing = || vec![0; parcel.lines.len()];
    let (prices, mut missing) = match prices(parcel) {
        Ok(prices) => (prices, Vec::new()),
        Err(missing) => (nothing(), missing),
    };
    let mut lines = Vec::new();
    for (line, price) in parcel.lines.iter().zip(prices) {
        match line_tax(parcel, formula, line, price) {
            Ok(line) => lines.push(line),
            Err(lacks) => missing.push(lacks),
        }
    }
    if !missing.is_empty() {
        return Err(missing);
    }
    let (lines, steps): (Vec<LineTax>, Vec<Step>) = lines.into_iter().unzip();
    let sum = |of: fn(&LineTax) -> i64| lines.iter().map(of).sum();
    let tax = Tax {
        tax_price_e5: sum(|line| line.tax_price_e5),
        customs_tax_fen: sum(|line| line.customs_tax_fen),
        vat_fen: sum(|line| line.vat_fen),
        consumption_fen: sum(|line| line.consumption_fen),
        lines,
    };
    let inputs = vec![
        ("day", parcel.day.to_string()),
        ("freight", decimal(parcel.freight_e5)),
        ("insurance", decimal(parcel.insurance_e5)),
    ];
    let trace = Step {
        title: formula.title.to_owned(),
        title_zh: formula.title_zh.to_owned(),
        rule: formula.rule.to_owned(),
        since: formula.since,
        inputs,
        parameters: Vec::new(),
        result_fen: tax.total_fen(),
        steps,
    };
    Ok(Alternative { band: of, tax, trace })
}

/// The dutiable value of each line: its price with its share of the charges.
fn prices(parcel: &Parcel<'_>) -> Result<Vec<i64>, Vec<MissingParameter>> {
    let is_sane = |amount: i64| (0..=AMOUNT_E5_MAX).contains(&amount);
    let insane = parcel.lines.iter().filter(|line| !is_sane(line.total_price_e5));
    let mut missing: Vec<_> = insane.map(|line| MissingParameter::Amount(line.gnum)).collect();
    if !is_sane(parcel.freight_e5) || !is_sane(parcel.insurance_e5) {
        missing.push(MissingParameter::Charges);
    }
    if !missing.is_empty() {
        return Err(missing);
    }
    let prices: Vec<i64> = parcel.lines.iter().map(|line| line.total_price_e5).collect();
    let freight = apportion(parcel.freight_e5, &prices);
    let insurance = apportion(parcel.insurance_e5, &prices);
    let charges = freight.iter().zip(&insurance).map(|(freight, insurance)| freight + insurance);
    Ok(prices.iter().zip(charges).map(|(price, charges)| price + charges).collect())
}

fn value<'a>(parcel: &Parcel<'a>, name: &str) -> Result<&'a Parameter, MissingParameter> {
    let missing = || MissingParameter::Value { name: name.to_owned(), day: parcel.day };
    parcel.parameters.find(name, parcel.day).ok_or_else(missing)
}

/// The rates of a line, in basis points and per cent.
#[derive(Debug, Clone, Copy)]
struct Rates {
    duty_bp: i64,
    vat_bp: i64,
    consumption_bp: i64,
    /// Consumption tax for the quantity, in 1/100000 of 1/100000 yuan.
    by_quantity_e10: i128,
    collected_percent: i64,
}

fn line_tax(
    parcel: &Parcel<'_>,
    formula: Formula,
    line: &TaxableLine<'_>,
    price_e5: i64,
) -> Result<(LineTax, Step), MissingParameter> {
    let missing = || MissingParameter::Row { gnum: line.gnum, code: line.gcode.to_owned() };
    let row = parcel.parameters.row(line.gcode, parcel.day).ok_or_else(missing)?;
    let mut read = vec![value(parcel, &row.vat)?.clone()];
    let is_due = is_due(parcel, row, line, price_e5, &mut read)?;
    let by_quantity_e10 = by_quantity(row, line)?;
    let (duty_bp, collected_percent) = match formula.band {
        Band::Within => {
            let two =
                [value(parcel, "within.duty_bp")?, value(parcel, "within.collected_percent")?];
            read.extend(two.map(Clone::clone));
            (two[0].value, two[1].value)
        }
        Band::Above => (row.duty_bp, 100),
    };
    let rates = Rates {
        duty_bp,
        vat_bp: read[0].value,
        consumption_bp: if is_due { row.consumption_bp } else { 0 },
        by_quantity_e10,
        collected_percent,
    };
    let tax = taxes(price_e5, rates).ok_or(MissingParameter::Amount(line.gnum))?;
    let tax = LineTax { gnum: line.gnum, ..tax };
    Ok((tax, line_step(parcel, formula, line, row, rates, tax, read)))
}

/// The three taxes; `None`: too large.
fn taxes(price_e5: i64, rates: Rates) -> Option<LineTax> {
    let Rates { duty_bp, vat_bp, consumption_bp, by_quantity_e10, collected_percent } = rates;
    let product = |a: i128, b: i64| a.checked_mul(i128::from(b));
    // Price with duty, and tax by quantity, in the same fraction of 1/100000 yuan.
    let base = product(product(i128::from(price_e5), ONE_BP + duty_bp)?, E5)?;
    let by_quantity = product(by_quantity_e10, ONE_BP)?;
    let denominator = i128::from(ONE_BP) * i128::from(E5) * i128::from(ONE_BP - consumption_bp);
    let consumption = product(base, consumption_bp)?.checked_add(product(by_quantity, ONE_BP)?)?;
    let vat = product(base.checked_add(by_quantity)?, vat_bp)?;
    let collected = |tax: i128| fen(product(tax, collected_percent)?, denominator * 100);
    Some(LineTax {
        gnum: 0,
        tax_price_e5: price_e5,
        customs_tax_fen: fen(product(i128::from(price_e5), duty_bp)?, i128::from(ONE_BP))?,
        vat_fen: collected(vat)?,
        consumption_fen: collected(consumption)?,
    })
}

/// A fraction of 1/100000 yuan in fen, half up.
fn fen(numerator: i128, denominator: i128) -> Option<i64> {
    let denominator = denominator.checked_mul(i128::from(FEN_E5))?;
    let doubled = numerator.checked_mul(2)?.checked_add(denominator)?;
    i64::try_from(doubled / (2 * denominator)).ok().filter(|fen| *fen < i64::MAX / 10_000_000)
}

fn is_due(
    parcel: &Parcel<'_>,
    row: &TariffRow,
    line: &TaxableLine<'_>,
    price_e5: i64,
    read: &mut Vec<Parameter>,
) -> Result<bool, MissingParameter> {
    if !row.is_cosmetic {
        return Ok(true);
    }
    let measure = value(parcel, "cosmetics.per_measure_fen")?;
    let sheet = value(parcel, "cosmetics.per_sheet_fen")?;
    read.extend([measure.clone(), sheet.clone()]);
    let threshold =
        Threshold { per_measure_e5: measure.value * FEN_E5, per_sheet_e5: sheet.value * FEN_E5 };
    let units = THRESHOLD_UNITS.to_owned();
    let missing = MissingParameter::Quantity { gnum: line.gnum, units };
    reaches(threshold, line, price_e5).ok_or(missing)
}

fn by_quantity(row: &TariffRow, line: &TaxableLine<'_>) -> Result<i128, MissingParameter> {
    let Some(unit) = &row.unit else { return Ok(0) };
    let mut measures = [Some(line.first), line.second].into_iter().flatten();
    let measure = measures.find(|measure| measure.unit == unit && measure.qty_e5 > 0);
    let missing = || MissingParameter::Quantity { gnum: line.gnum, units: unit.clone() };
    let measure = measure.ok_or_else(missing)?;
    Ok(i128::from(measure.qty_e5) * i128::from(row.per_unit_e5))
}

fn line_step(
    parcel: &Parcel<'_>,
    formula: Formula,
    line: &TaxableLine<'_>,
    row: &TariffRow,
    rates: Rates,
    tax: LineTax,
    parameters: Vec<Parameter>,
) -> Step {
    let Rates { duty_bp: d, vat_bp: v, consumption_bp: c, by_quantity_e10, collected_percent: k } =
        rates;
    let p = decimal(tax.tax_price_e5);
    let leaf = |title: &str, title_zh: &str, rule, result_fen| Step {
        title: title.to_owned(),
        title_zh: title_zh.to_owned(),
        rule,
        since: formula.since,
        inputs: Vec::new(),
        parameters: Vec::new(),
        result_fen,
        steps: Vec::new(),
    };
    // What is nothing is left out of the expressions.
    let after_duty = if d > 0 { format!("{p} × (1 + {})", percent(d)) } else { p.clone() };
    let on_price = format!("{after_duty} × {}", percent(c));
    let s = decimal_e10(by_quantity_e10);
    let (consumption, base) = match (c > 0, by_quantity_e10 > 0) {
        (false, false) => ("0".to_owned(), after_duty),
        (true, false) => (on_price, after_duty),
        (false, true) => (s.clone(), format!("({after_duty} + {s})")),
        (true, true) => (format!("({on_price} + {s})"), format!("({after_duty} + {s})")),
    };
    let rest = if c > 0 { format!(" ÷ (1 − {})", percent(c)) } else { String::new() };
    let part = if k == 100 { String::new() } else { format!(" × {k} %") };
    let vat = format!("{base} × {}{rest}{part}", percent(v));
    let consumption =
        if consumption == "0" { consumption } else { format!("{consumption}{rest}{part}") };
    let steps = vec![
        leaf("duty", "关税", format!("{p} × {}", percent(d)), tax.customs_tax_fen),
        leaf("consumption tax", "消费税", consumption, tax.consumption_fen),
        leaf("VAT", "增值税", vat, tax.vat_fen),
    ];
    let law = parcel.parameters.law(&row.validity.law).unwrap_or(&row.validity.law);
    let mut inputs = vec![
        ("gcode", line.gcode.to_owned()),
        ("price", decimal(line.total_price_e5)),
        ("dutiable value", p),
        ("qty1", format!("{} ({})", decimal(line.first.qty_e5), line.first.unit)),
    ];
    let second = line.second.iter();
    inputs.extend(second.map(|m| ("qty2", format!("{} ({})", decimal(m.qty_e5), m.unit))));
    Step {
        title: format!("line {}: {}", line.gnum, row.name),
        title_zh: format!("第{}项：{}", line.gnum, row.name_zh),
        rule: format!("{law} {}", row.validity.article).trim_end().to_owned(),
        since: row.validity.from,
        inputs,
        parameters,
        result_fen: tax.customs_tax_fen + tax.vat_fen + tax.consumption_fen,
        steps,
    }
}

/// Yuan in 1/100000 of 1/100000, without zeros that say nothing.
fn decimal_e10(value: i128) -> String {
    let one = i128::from(E5) * i128::from(E5);
    let text = format!("{}.{:010}", value / one, value % one);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The days that follow a release. The release itself is day 0 (unverified).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Until when a return can be asked for.
    pub return_asked: Date,
    /// Until when the goods have to be back.
    pub goods_back: Date,
    /// The tax is paid from this day.
    pub paid_from: Date,
    /// Until this one.
    pub paid_until: Date,
}

/// The days that follow a release.
///
/// # Errors
///
/// The number of days that is missing.
pub fn deadlines(parameters: &Parameters, released: Date) -> Result<Deadlines, MissingParameter> {
    let after = |name: &str| {
        let found = parameters.find(name, released);
        let days = found.and_then(|days| released.checked_add(Duration::days(days.value)));
        days.ok_or_else(|| MissingParameter::Value { name: name.to_owned(), day: released })
    };
    Ok(Deadlines {
        return_asked: after("return.asked_days")?,
        goods_back: after("return.back_days")?,
        paid_from: after("payment.first_day")?,
        paid_until: after("payment.last_day")?,
    })
}

/// The day whose central parity is customs' rate for a month: the third Wednesday of the month
/// before, or the next trading day.
pub fn rate_day(year: i32, month: Month, holidays: &[Date]) -> Option<Date> {
    let year = if month == Month::January { year - 1 } else { year };
    let first = Date::from_calendar_date(year, month.previous(), 1).ok()?;
    let mut days = std::iter::successors(Some(first), |day| day.next_day());
    let third = days.by_ref().filter(|day| day.weekday() == Weekday::Wednesday).nth(2)?;
    let is_trading = |day: &Date| {
        !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !holidays.contains(day)
    };
    std::iter::once(third).chain(days).find(is_trading)
}
