//! Taxes of an import (跨境电商综合税) as they are said and kept: of a line, of a parcel, and what a line is taxed by.
//! How they are computed is in [`crate::payment::tax`].

use crate::rules::{E5, FEN_E5};

/// The price from which cosmetics are high-end. One of the two is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// Dutiable value for a millilitre or gram, in 1/100000 yuan.
    pub per_measure_e5: i64,
    /// Dutiable value for a sheet, in 1/100000 yuan.
    pub per_sheet_e5: i64,
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
