//! FOB in CNY, by the parity that the firm chose (人民币汇率中间价).
//!
//! A firm takes the parity of the day of export or of the first of its month, and keeps to it for a
//! year. Where none was published on that day the last one before it holds. The choice between the
//! two is from general knowledge, unverified.

use std::collections::BTreeMap;

use time::format_description::well_known::Iso8601;
use time::{Date, Duration};

use super::arithmetic::half_up;
use super::method::CalculationError;
use super::trace::{DatedNumber, TraceValue, label};

/// The customs code of the yuan.
pub const CNY: &str = "142";
/// Days that a parity may be older than the day it is taken for; the longest holidays are shorter.
const AGE_DAYS_MAX: i64 = 15;
/// Amounts have five decimals, parities four and are for 100 units; a yuan has 100 fen.
const PARITY_DIVISOR: i64 = 1_000_000_000;
/// 1/100000 yuan in a fen.
const FEN_E5: i64 = 1_000;

/// Which day's parity a firm takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParityBasis {
    /// Of the first day of the month of export.
    FirstOfMonth,
    /// Of the day of export.
    DayOfExport,
}

impl ParityBasis {
    /// In English and Chinese.
    pub fn titles(self) -> (&'static str, &'static str) {
        match self {
            Self::FirstOfMonth => ("of the first of the month", "当月首日"),
            Self::DayOfExport => ("of the day of export", "出口当日"),
        }
    }
}

/// What is wrong in a line of a file of parities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {0}: it is no parity as `502 | 2026-11-02 | 709.5000`: customs code of the currency, day, yuan for 100 \
     units, above zero and once a day"
)]
pub struct ParityFault(pub usize);

/// An amount as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignAmount {
    /// Customs code of the currency.
    pub currency: String,
    /// 1/100000 of the currency.
    pub amount_e5: i64,
}

/// Published parities: by currency and day, 1/10000 yuan for 100 units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parities {
    quotes: BTreeMap<String, BTreeMap<Date, i64>>,
}

impl Parities {
    /// Reads a file of parities, a line each.
    ///
    /// # Errors
    ///
    /// Every line that is none.
    pub fn parse(text: &str) -> Result<Self, Vec<ParityFault>> {
        let (mut parities, mut faults) = (Self::default(), Vec::new());
        for (at, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or(line).trim(); // without the comment
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            let is_read = match *columns {
                [""] => true,
                [currency, day, parity] => Date::parse(day, &Iso8601::DATE)
                    .ok()
                    .filter(|_| {
                        currency.len() == 3 && currency.bytes().all(|it| it.is_ascii_digit())
                    })
                    .zip(four_decimals(parity))
                    .is_some_and(|(day, parity)| parities.add(currency, day, parity)),
                _ => false,
            };
            if !is_read {
                faults.push(ParityFault(at + 1));
            }
        }
        if faults.is_empty() { Ok(parities) } else { Err(faults) }
    }

    /// Adds what was published on a day. False: not above zero, or another one is there already.
    pub fn add(&mut self, currency: &str, day: Date, cny_per_100_e4: i64) -> bool {
        let quotes = self.quotes.entry(currency.to_owned()).or_default();
        cny_per_100_e4 > 0 && *quotes.entry(day).or_insert(cny_per_100_e4) == cny_per_100_e4
    }

    /// The amount in fen, with the parity that was taken; none is taken for yuan.
    ///
    /// # Errors
    ///
    /// No parity was published in time, or the amount is beyond all reason.
    pub fn to_cny(
        &self,
        amount: &ForeignAmount,
        basis: ParityBasis,
        export_date: Date,
    ) -> Result<(i64, Option<DatedNumber>), CalculationError> {
        let ForeignAmount { currency, amount_e5 } = amount;
        if currency == CNY {
            let fen = half_up(*amount_e5, 1, FEN_E5).ok_or(CalculationError::Amount)?;
            return Ok((fen, None));
        }
        let day = match basis {
            ParityBasis::DayOfExport => export_date,
            ParityBasis::FirstOfMonth => {
                export_date - Duration::days(i64::from(export_date.day()) - 1)
            }
        };
        let none = CalculationError::NoParity { currency: currency.clone(), day };
        let (of, parity) = self.last(currency, day).ok_or(none)?;
        let fen = half_up(*amount_e5, parity, PARITY_DIVISOR).ok_or(CalculationError::Amount)?;
        let parameter = DatedNumber {
            name: label("parity for 100 units", "每100单位外币中间价(万分之一元)"),
            value: TraceValue::Text(format!("{}.{:04} CNY", parity / 10_000, parity % 10_000)),
            valid_from: of,
            valid_to: Some(day),
            law: "人民币汇率中间价".to_owned(),
        };
        Ok((fen, Some(parameter)))
    }

    /// The last one that was not published after the day.
    fn last(&self, currency: &str, day: Date) -> Option<(Date, i64)> {
        let (of, parity) = self.quotes.get(currency)?.range(..=day).next_back()?;
        ((day - *of).whole_days() <= AGE_DAYS_MAX).then_some((*of, *parity))
    }
}

/// A number with at most four decimals, in 1/10000.
fn four_decimals(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = digits(whole) && digits(decimals) && (1..=4).contains(&decimals.len());
    let number = is_number.then(|| format!("{whole}{decimals:0<4}"))?;
    number.parse().ok()
}

/// A SAMPLE of parities, for the sandbox and tests. The real ones have to be given.
pub const SAMPLE_PARITIES: &str = include_str!("sample_parities.txt");

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn a_file_of_parities_is_read_whole_or_not_at_all() {
        let sample = Parities::parse(SAMPLE_PARITIES).expect("the sample is sound");
        let dollars = ForeignAmount { currency: "502".to_owned(), amount_e5: 100_000_000 };
        let (day, month) = (ParityBasis::DayOfExport, ParityBasis::FirstOfMonth);
        let fen = |basis| sample.to_cny(&dollars, basis, date!(2026 - 11 - 25)).map(|(fen, _)| fen);
        assert_eq!((fen(day), fen(month)), (Ok(710_100), Ok(710_790)));
        let wrong = "502 | 2026-11-02 | 709.5\n502 | 2026-11-02 | 709.6\nUSD | 2026-11-02 | 1\n\
                     502 | 2026-11 | 1\n502 | 2026-11-03 | 0 # nothing\n502 | 2026-11-04\n502 | 2026-11-05 | 1.00000";
        let faults = Parities::parse(wrong).expect_err("all but the first are wrong");
        assert_eq!(faults, [2, 3, 4, 5, 6, 7].map(ParityFault));
    }
}
