//! What the import of one parcel costs (跨境电商综合税).
//!
//! Within the limits: no duty, and 70 % of the statutory VAT and consumption tax (财关税〔2016〕18号,
//! kept by 财关税〔2018〕49号). With d, v, c the rates of duty, VAT and consumption tax and P the
//! dutiable value of a line, which is its price with its share of freight and insurance:
//!
//! ```text
//! consumption tax   P × c ÷ (1 − c)    × 70 %
//! VAT               P × v ÷ (1 − c)    × 70 %
//! ```
//!
//! Above the single limit with one single item, everything in full (the formulas are unverified):
//!
//! ```text
//! duty              P × d
//! consumption tax   P × (1 + d) × c ÷ (1 − c)
//! VAT               P × (1 + d) × v ÷ (1 − c)
//! ```
//!
//! Every tax of every line is rounded once, half up, to the fen (unverified, and consistent with an
//! observed bill). All of this is exact in 128-bit integers: each tax is one fraction, so no decimal
//! type is needed. Consumption taxes by quantity (beer, spirits, cigarettes) are not here.

use time::Date;
use time::macros::date;

use crate::rules::{E5, FEN_E5};

/// The part of VAT and consumption tax that is collected within the limits, in per cent.
const COLLECTED_PERCENT: u32 = 70;
/// One, in basis points.
const ONE_BP: u32 = 10_000;
/// No amount of a line or charge is above this: ten thousand million yuan.
const AMOUNT_E5_MAX: i64 = 10_000_000_000 * E5;

/// The rates of one group of goods for some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Beginning of the goods code; the longest one that fits wins.
    pub prefix: &'static str,
    /// First day.
    pub valid_from: Date,
    /// Last day, when there is one.
    pub valid_to: Option<Date>,
    /// Duty in basis points; only collected above the single limit.
    pub duty_bp: u32,
    /// VAT in basis points.
    pub vat_bp: u32,
    /// Consumption tax in basis points, below 10,000.
    pub consumption_bp: u32,
    /// The consumption tax is only due from this price on.
    pub threshold: Option<Threshold>,
}

/// The price from which cosmetics are high-end. One of the two is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// Dutiable value for a millilitre or gram, in 1/100000 yuan.
    pub per_measure_e5: i64,
    /// Dutiable value for a sheet, in 1/100000 yuan.
    pub per_sheet_e5: i64,
}

/// High-end cosmetics: 10 yuan for a millilitre or gram, 15 yuan for a sheet (财税〔2016〕103号).
pub const COSMETICS: Threshold = Threshold { per_measure_e5: 10 * E5, per_sheet_e5: 15 * E5 };

const fn rate(prefix: &'static str, valid_from: Date, valid_to: Option<Date>) -> Rate {
    Rate { prefix, valid_from, valid_to, duty_bp: 0, vat_bp: 0, consumption_bp: 0, threshold: None }
}

/// A SAMPLE of a tariff, for the sandbox. VAT of 13 and 9 % since 2019-04-01 (announcement 2019 No.
/// 39) is law; the duties and the choice of headings are unverified. The real tariff has to be given.
pub const SAMPLE_TARIFF: &[Rate] = &[
    // Everything without a row of its own.
    Rate {
        duty_bp: 500,
        vat_bp: 1_600,
        ..rate("", date!(2018 - 05 - 01), Some(date!(2019 - 03 - 31)))
    },
    Rate { duty_bp: 500, vat_bp: 1_300, ..rate("", date!(2019 - 04 - 01), None) },
    // Fresh fruit and nuts.
    Rate { duty_bp: 1_000, vat_bp: 900, ..rate("08", date!(2019 - 04 - 01), None) },
    // Food preparations, vitamins.
    Rate { duty_bp: 1_200, vat_bp: 1_300, ..rate("2106", date!(2019 - 04 - 01), None) },
    // Perfumes, and make-up and skin care.
    Rate {
        duty_bp: 300,
        vat_bp: 1_300,
        consumption_bp: 1_500,
        threshold: Some(COSMETICS),
        ..rate("3303", date!(2019 - 04 - 01), None)
    },
    Rate {
        duty_bp: 100,
        vat_bp: 1_300,
        consumption_bp: 1_500,
        threshold: Some(COSMETICS),
        ..rate("3304", date!(2019 - 04 - 01), None)
    },
    // Books and newspapers, free of duty.
    Rate { vat_bp: 900, ..rate("49", date!(2019 - 04 - 01), None) },
];

/// The rate of a goods code on a day.
pub fn find<'a>(tariff: &'a [Rate], gcode: &str, date: Date) -> Option<&'a Rate> {
    tariff
        .iter()
        .filter(|rate| gcode.starts_with(rate.prefix))
        .filter(|rate| rate.valid_from <= date && rate.valid_to.is_none_or(|to| date <= to))
        .max_by_key(|rate| rate.prefix.len())
}

/// Customs units of mass and volume, with millilitres or grams in one of them. Pounds, ounces and
/// the multiples are left out: no tariff line for cosmetics has them.
const MEASURES: &[(&str, i64)] = &[("035", 1_000), ("036", 1), ("095", 1_000), ("096", 1)];
/// Customs units for sheets: 010 and 020.
const SHEETS: &[&str] = &["010", "020"];

/// Which rules of collection hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// Within the single and the annual limit.
    Within,
    /// One single item above the single limit and within the annual one.
    Above,
}

/// A quantity with its customs unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure<'a> {
    /// Customs unit code.
    pub unit: &'a str,
    /// 1/100000 of the unit.
    pub qty_e5: i64,
}

/// A line that is taxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaxableLine<'a> {
    /// Its number.
    pub gnum: u32,
    /// Goods code.
    pub gcode: &'a str,
    /// Price of the line in 1/100000 yuan.
    pub total_price_e5: i64,
    /// First statutory quantity (qty1, unit1): the net quantity.
    pub first: Measure<'a>,
    /// Second statutory quantity (qty2, unit2).
    pub second: Option<Measure<'a>>,
}

/// What is to be assessed.
#[derive(Debug, Clone, Copy)]
pub struct DutyInput<'a> {
    /// The tariff.
    pub tariff: &'a [Rate],
    /// The day whose rates hold.
    pub date: Date,
    /// Which rules hold.
    pub band: Band,
    /// Freight in 1/100000 yuan.
    pub freight_e5: i64,
    /// Insurance in 1/100000 yuan.
    pub insurance_e5: i64,
    /// The goods.
    pub lines: &'a [TaxableLine<'a>],
}

/// The taxes of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineTax {
    /// Its number.
    pub gnum: u32,
    /// Dutiable value in 1/100000 yuan.
    pub tax_price_e5: i64,
    /// Duty.
    pub customs_tax_fen: i64,
    /// Value-added tax.
    pub vat_fen: i64,
    /// Consumption tax.
    pub consumption_fen: i64,
}

/// The taxes of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tax {
    /// By line, in the order of the lines.
    pub lines: Vec<LineTax>,
    /// Dutiable value in 1/100000 yuan.
    pub tax_price_e5: i64,
    /// Duty.
    pub customs_tax_fen: i64,
    /// Value-added tax.
    pub vat_fen: i64,
    /// Consumption tax.
    pub consumption_fen: i64,
}

impl Tax {
    /// Everything together.
    pub fn total_fen(&self) -> i64 {
        self.customs_tax_fen + self.vat_fen + self.consumption_fen
    }
}

/// Why there is no assessment. The number is the gnum of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unassessable {
    /// The tariff says nothing about the goods on that day.
    #[error("the tariff has no rate for line {0}")]
    NoRate(u32),
    /// The consumption tax hangs on the price for a millilitre, gram or sheet, and none is given.
    #[error("line {0} needs a quantity in millilitres, grams or sheets")]
    NoMeasure(u32),
    /// A price is below zero or beyond all reason.
    #[error("the amount of line {0} cannot be taxed")]
    Amount(u32),
    /// Freight or insurance are.
    #[error("freight or insurance cannot be taxed")]
    Charges,
}

/// Assesses a parcel.
///
/// # Errors
///
/// The first line that cannot be assessed, and why.
pub fn assess(assessment: &DutyInput<'_>) -> Result<Tax, Unassessable> {
    let sane = |amount: i64| (0..=AMOUNT_E5_MAX).contains(&amount);
    if let Some(line) = assessment.lines.iter().find(|line| !sane(line.total_price_e5)) {
        return Err(Unassessable::Amount(line.gnum));
    }
    if !sane(assessment.freight_e5) || !sane(assessment.insurance_e5) {
        return Err(Unassessable::Charges);
    }
    let prices: Vec<i64> = assessment.lines.iter().map(|line| line.total_price_e5).collect();
    let freight = apportion(assessment.freight_e5, &prices);
    let insurance = apportion(assessment.insurance_e5, &prices);
    let charges = freight.iter().zip(&insurance).map(|(freight, insurance)| freight + insurance);
    let lines = assessment
        .lines
        .iter()
        .zip(charges)
        .map(|(line, charges)| line_tax(assessment, line, line.total_price_e5 + charges))
        .collect::<Result<Vec<_>, _>>()?;
    let sum = |of: fn(&LineTax) -> i64| lines.iter().map(of).sum();
    Ok(Tax {
        tax_price_e5: sum(|line| line.tax_price_e5),
        customs_tax_fen: sum(|line| line.customs_tax_fen),
        vat_fen: sum(|line| line.vat_fen),
        consumption_fen: sum(|line| line.consumption_fen),
        lines,
    })
}

/// Divides a charge among lines by their value: whole fen, rounded down, and what is left over goes
/// to the last line. The parts add up to the charge exactly. None is below zero if the charge and no
/// value is.
pub fn apportion(charge_e5: i64, values_e5: &[i64]) -> Vec<i64> {
    let total: i128 = values_e5.iter().map(|&value| i128::from(value)).sum();
    let Some((_, but_last)) = values_e5.split_last() else { return Vec::new() };
    let share = |&value: &i64| {
        let fen = i128::from(FEN_E5);
        let exact = i128::from(charge_e5) * i128::from(value) / total.max(1);
        // No share is larger than the whole.
        i64::try_from(exact / fen * fen).unwrap_or(charge_e5)
    };
    let mut shares: Vec<i64> = but_last.iter().map(share).collect();
    shares.push(charge_e5 - shares.iter().sum::<i64>());
    shares
}

fn line_tax(
    assessment: &DutyInput<'_>,
    line: &TaxableLine<'_>,
    tax_price_e5: i64,
) -> Result<LineTax, Unassessable> {
    let gnum = line.gnum;
    let rate = find(assessment.tariff, line.gcode, assessment.date)
        .filter(|rate| rate.consumption_bp < ONE_BP)
        .ok_or(Unassessable::NoRate(gnum))?;
    let consumption_bp = if is_due(rate, line, tax_price_e5)? { rate.consumption_bp } else { 0 };
    let rest_bp = ONE_BP - consumption_bp;
    // Each tax is the dutiable value times the first numbers, divided by the second ones.
    let tax = |numerators: [u32; 2], denominators: [u32; 2]| {
        fen(tax_price_e5, numerators, denominators).ok_or(Unassessable::Amount(gnum))
    };
    let (duty, vat, consumption) = match assessment.band {
        Band::Within => {
            let tax = |bp| tax([bp, COLLECTED_PERCENT], [rest_bp, 100]);
            (0, tax(rate.vat_bp)?, tax(consumption_bp)?)
        }
        Band::Above => {
            let tax_after_duty = |bp| tax([bp, ONE_BP + rate.duty_bp], [rest_bp, ONE_BP]);
            let duty = tax([rate.duty_bp, 1], [ONE_BP, 1])?;
            (duty, tax_after_duty(rate.vat_bp)?, tax_after_duty(consumption_bp)?)
        }
    };
    Ok(LineTax {
        gnum,
        tax_price_e5,
        customs_tax_fen: duty,
        vat_fen: vat,
        consumption_fen: consumption,
    })
}

/// A fraction of an amount in fen, rounded half up.
fn fen(amount_e5: i64, numerators: [u32; 2], denominators: [u32; 2]) -> Option<i64> {
    let product = |numbers: [u32; 2]| numbers.into_iter().map(i128::from).product::<i128>();
    let numerator = i128::from(amount_e5) * product(numerators);
    let denominator = i128::from(FEN_E5) * product(denominators);
    i64::try_from((2 * numerator + denominator) / (2 * denominator)).ok()
}

/// Whether consumption tax is due: always without a threshold, otherwise from its price on.
fn is_due(rate: &Rate, line: &TaxableLine<'_>, tax_price_e5: i64) -> Result<bool, Unassessable> {
    let Some(threshold) = rate.threshold else { return Ok(true) };
    reaches(threshold, line, tax_price_e5).ok_or(Unassessable::NoMeasure(line.gnum))
}

/// Whether the price of a line reaches a threshold; `None` without a quantity that tells.
pub(crate) fn reaches(
    threshold: Threshold,
    line: &TaxableLine<'_>,
    tax_price_e5: i64,
) -> Option<bool> {
    let quantities: Vec<_> = [Some(line.first), line.second]
        .into_iter()
        .flatten()
        .filter(|measure| measure.qty_e5 > 0)
        .filter_map(|measure| least_price(measure, threshold))
        .collect();
    let price = i128::from(tax_price_e5) * i128::from(E5);
    let any = quantities.iter().any(|least| price >= *least);
    (!quantities.is_empty()).then_some(any)
}

/// The dutiable value at which this quantity reaches the threshold, in 1/100000 of 1/100000 yuan.
fn least_price(measure: Measure<'_>, threshold: Threshold) -> Option<i128> {
    let qty = i128::from(measure.qty_e5);
    let per_unit = MEASURES
        .iter()
        .find(|(unit, _)| *unit == measure.unit)
        .map(|(_, content)| threshold.per_measure_e5 * content)
        .or_else(|| SHEETS.contains(&measure.unit).then_some(threshold.per_sheet_e5))?;
    Some(qty * i128::from(per_unit))
}

/// The status of a tax bill (816, 818) in English. Source: field table of the CEB specification 202205.
pub fn bill_title(status: &str) -> &'static str {
    match status {
        "1" => "made out",
        "2" => "in a payment order",
        "3" => "void",
        _ => "of unknown status",
    }
}

/// The same in Chinese.
pub fn bill_title_zh(status: &str) -> &'static str {
    match status {
        "1" => "已生成",
        "2" => "已汇总",
        "3" => "作废",
        _ => "状态未知",
    }
}
