//! Refund rates by ten-digit code and day of export (出口退税率文库), as dated data with its laws.
//!
//! The file is for people: `|` between the columns, `#` before a comment. Everything in it is checked
//! when it is read, and every fault is named with its line:
//!
//! ```text
//! checked | 2026-11-29
//! law     | 2019-39 | 财政部 税务总局 海关总署公告2019年第39号 | Announcement 39 of 2019
//! rate    | 6109100021 | 2019-04-01 | -          | 13 | 13 | refund   | 2019-39
//! rate    | 8507600090 | 2027-01-01 | -          | 13 | 0  | domestic | 2026-battery
//! ```
//!
//! A rate: code, first day, last day or `-`, levy and refund in per cent, mark, law. The days of one
//! code have no gap and do not overlap. A code that is not in the file has no rate: there is none to
//! fall back to, because a wrong rate is a wrong claim.

use std::collections::BTreeMap;

use time::Date;
use time::format_description::well_known::Iso8601;

use super::trace::{DatedNumber, TraceValue, label};

/// What the rate table says about goods beside the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Refunded at the rate.
    Refund,
    /// Taxed like a sale at home (special mark 1).
    Domestic,
    /// Exempt, and nothing is refunded (special mark 2).
    Exempt,
}

/// A text of law.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LawText {
    /// Its Chinese title.
    pub title_zh: String,
    /// What it is in English.
    pub title: String,
}

/// The rates of a code for some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRate {
    /// First day of export.
    pub valid_from: Date,
    /// Last day, when there is one.
    pub valid_to: Option<Date>,
    /// VAT of the goods at home, in basis points.
    pub levy_bp: u32,
    /// What is refunded, in basis points.
    pub refund_bp: u32,
    /// Whether anything is.
    pub mark: Mark,
    /// The law, by its Chinese title.
    pub law: String,
}

impl RefundRate {
    /// For traces: the levy and the refund rate.
    pub(crate) fn parameters(&self) -> [DatedNumber; 2] {
        let parameter = |name, bp| DatedNumber {
            name,
            value: TraceValue::Rate(bp),
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            law: self.law.clone(),
        };
        [
            parameter(label("levy rate", "征税率"), self.levy_bp),
            parameter(label("refund rate", "退税率"), self.refund_bp),
        ]
    }
}

/// All rates, as they were read from one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateTable {
    /// The day on which somebody last compared the file with the law.
    pub checked: Date,
    /// The laws, by the name they have in the file.
    pub laws: BTreeMap<String, LawText>,
    /// By code, in the order of their days.
    rates: BTreeMap<String, Vec<RefundRate>>,
}

/// What is wrong in a file of rates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct RateFault {
    /// The line, from 1; 0 is the file as a whole.
    pub line: usize,
    /// What is wrong with it.
    pub problem: RateProblem,
}

/// What can be wrong in a file of rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum RateProblem {
    #[error("begins with none of checked, law, rate, or has another number of columns")]
    Columns,
    #[error("the code has not ten digits")]
    Code,
    #[error("a day is not a full one (YYYY-MM-DD), or the last one is before the first")]
    Day,
    #[error(
        "a rate is not in per cent between 0 and 100 with two decimals, or refund is above levy"
    )]
    Rate,
    #[error("the mark is none of refund, domestic, exempt")]
    Mark,
    #[error(
        "a refund of nothing needs the mark domestic or exempt; another mark needs a rate of 0"
    )]
    MarkAndRate,
    #[error("the law is not in the file, above")]
    Law,
    #[error("the law is there already")]
    LawTwice,
    #[error("the days of the code overlap with those of another line")]
    Overlap,
    #[error("there is a gap before the first day of this line")]
    Gap,
    #[error("the day of the last check is missing, or is there twice")]
    Checked,
}

impl RateTable {
    /// Reads a file of rates.
    ///
    /// # Errors
    ///
    /// Every fault of the file.
    pub fn parse(text: &str) -> Result<Self, Vec<RateFault>> {
        let mut reader = Reader::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or(line).trim(); // without the comment
            if line.is_empty() {
                continue;
            }
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            if let Err(problem) = reader.line(at + 1, &columns) {
                reader.faults.push(RateFault { line: at + 1, problem });
            }
        }
        reader.finish()
    }

    /// The rate of a code on the day of its export.
    pub fn find(&self, code: &str, day: Date) -> Option<&RefundRate> {
        let rates = self.rates.get(code)?;
        rates
            .iter()
            .rev()
            .find(|rate| rate.valid_from <= day)
            .filter(|rate| rate.valid_to.is_none_or(|to| day <= to))
    }

    /// Nobody compared the file with the law for this many days.
    pub fn is_stale(&self, today: Date, days: i64) -> bool {
        (today - self.checked).whole_days() > days
    }
}

#[derive(Default)]
struct Reader {
    checked: Option<Date>,
    laws: BTreeMap<String, LawText>,
    rates: BTreeMap<String, Vec<(usize, RefundRate)>>,
    faults: Vec<RateFault>,
}

impl Reader {
    fn line(&mut self, number: usize, columns: &[&str]) -> Result<(), RateProblem> {
        match *columns {
            ["checked", day] => {
                let before = self.checked.replace(parse_day(day)?);
                if before.is_some() { Err(RateProblem::Checked) } else { Ok(()) }
            }
            ["law", name, title_zh, title] => {
                let law = LawText { title_zh: title_zh.to_owned(), title: title.to_owned() };
                let before = self.laws.insert(name.to_owned(), law);
                if before.is_some() { Err(RateProblem::LawTwice) } else { Ok(()) }
            }
            ["rate", code, from, to, levy, refund, mark, law] => {
                if code.len() != 10 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(RateProblem::Code);
                }
                let rate = self.rate(from, to, [levy, refund], mark, law)?;
                self.rates.entry(code.to_owned()).or_default().push((number, rate));
                Ok(())
            }
            _ => Err(RateProblem::Columns),
        }
    }

    fn rate(
        &self,
        from: &str,
        to: &str,
        rates: [&str; 2],
        mark: &str,
        law: &str,
    ) -> Result<RefundRate, RateProblem> {
        let valid_from = parse_day(from)?;
        let valid_to = if to == "-" { None } else { Some(parse_day(to)?) };
        if valid_to.is_some_and(|to| to < valid_from) {
            return Err(RateProblem::Day);
        }
        let [levy_bp, refund_bp] = rates.map(parse_percent);
        let (levy_bp, refund_bp) = levy_bp
            .zip(refund_bp)
            .filter(|(levy, refund)| refund <= levy)
            .ok_or(RateProblem::Rate)?;
        let mark = match mark {
            "refund" => Mark::Refund,
            "domestic" => Mark::Domestic,
            "exempt" => Mark::Exempt,
            _ => return Err(RateProblem::Mark),
        };
        if (mark == Mark::Refund) == (refund_bp == 0) {
            return Err(RateProblem::MarkAndRate);
        }
        let law = self.laws.get(law).ok_or(RateProblem::Law)?.title_zh.clone();
        Ok(RefundRate { valid_from, valid_to, levy_bp, refund_bp, mark, law })
    }

    fn finish(mut self) -> Result<RateTable, Vec<RateFault>> {
        for rates in self.rates.values_mut() {
            rates.sort_by_key(|(_, rate)| rate.valid_from);
            for pair in rates.windows(2) {
                let [(_, before), (line, after)] = pair else { continue };
                let next = before.valid_to.and_then(Date::next_day);
                let problem = match next {
                    Some(next) if next == after.valid_from => continue,
                    Some(next) if next < after.valid_from => RateProblem::Gap,
                    _ => RateProblem::Overlap,
                };
                self.faults.push(RateFault { line: *line, problem });
            }
        }
        let Some(checked) = self.checked else {
            self.faults.push(RateFault { line: 0, problem: RateProblem::Checked });
            return Err(self.faults);
        };
        if !self.faults.is_empty() {
            self.faults.sort_by_key(|fault| fault.line);
            return Err(self.faults);
        }
        let only = |rates: Vec<(usize, RefundRate)>| rates.into_iter().map(|(_, rate)| rate);
        let rates = self.rates.into_iter().map(|(code, rates)| (code, only(rates).collect()));
        Ok(RateTable { checked, laws: self.laws, rates: rates.collect() })
    }
}

fn parse_day(text: &str) -> Result<Date, RateProblem> {
    let full = text.len() == "2026-01-01".len();
    Date::parse(text, &Iso8601::DATE).ok().filter(|_| full).ok_or(RateProblem::Day)
}

/// Per cent with at most two decimals, in basis points.
fn parse_percent(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !(digits(whole) && digits(decimals) && (1..=2).contains(&decimals.len())) {
        return None;
    }
    let hundredths: u32 = format!("{decimals:0<2}").parse().ok()?;
    let bp = whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(hundredths)?;
    (bp <= 10_000).then_some(bp)
}

/// A SAMPLE of the rate table, for the sandbox and tests. The real one has to be given.
pub const SAMPLE_RATES: &str = include_str!("sample_rates.txt");
