//! What was kept of a calculation, computed again: from the values of the declaration that it names, by the numbers of
//! now. It tells what a correction of the numbers, or of the program, means for what was billed.

use domain::documents::tax::{Band, Measure, TaxableLine};
use domain::payment::parameter_set::ParameterSet;
use domain::payment::parameters::date;
use domain::payment::tax::{Parcel, alternative};
use domain::rules::{FEN_E5, decimal};
use prost::Message as _;

use crate::duty::{band_word, kept_files, kept_step};
use crate::schema::single_window::stored::v1 as stored;

/// A calculation that was kept, beside what comes out now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyRecomputation {
    /// What was kept of the way that applied, in fen.
    pub kept_fen: i64,
    /// What comes out now; `None` where it cannot be computed.
    pub computed_fen: Option<i64>,
    /// The files are not those of then.
    pub by_other_files: bool,
    /// What differs, in English and Chinese.
    pub differences: Vec<(String, String)>,
}

/// What was kept is no calculation, or one whose values cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was kept of a calculation cannot be read")]
pub struct UnreadableTrace;

/// Computes both ways again. `None` where nothing was computed: something was missing then, or the order was refused.
///
/// # Errors
///
/// When what was kept cannot be read, which only a damaged database can cause.
pub fn recompute(
    bytes: &[u8],
    set: &ParameterSet,
) -> Result<Option<DutyRecomputation>, UnreadableTrace> {
    let trace = stored::DutyTrace::decode(bytes).map_err(|_| UnreadableTrace)?;
    let ways = [(Band::Within, &trace.within), (Band::Above, &trace.full)];
    let applied = ways.iter().find(|(band, _)| band_word(*band) == trace.applies);
    let Some((band, Some(applied))) = applied else { return Ok(None) };
    let by_other_files = !trace.files.is_empty() && trace.files != kept_files(set);
    let mut found = DutyRecomputation {
        kept_fen: applied.result_fen,
        computed_fen: None,
        by_other_files,
        differences: Vec::new(),
    };
    for (way, kept) in ways {
        let Some(kept) = kept else { continue };
        let values = KeptValues::of(kept).ok_or(UnreadableTrace)?;
        match alternative(&values.parcel(set), way) {
            Ok(now) => {
                let now = kept_step(&now.trace, &set.parameters);
                if way == *band {
                    found.computed_fen = Some(now.result_fen);
                }
                compare(kept, &now, ("", ""), &mut found.differences);
            }
            Err(missing) => {
                found.differences.extend(missing.iter().map(|it| (it.to_string(), it.zh())));
            }
        }
    }
    Ok(Some(found))
}

/// The deepest steps that have another result.
fn compare(
    kept: &stored::TraceStep,
    now: &stored::TraceStep,
    (within, within_zh): (&str, &str),
    differences: &mut Vec<(String, String)>,
) {
    let (title, title_zh) =
        (format!("{within}{}", kept.title), format!("{within_zh}{}", kept.title_zh));
    let before = differences.len();
    for (kept, now) in kept.steps.iter().zip(&now.steps) {
        compare(kept, now, (&format!("{title}, "), &format!("{title_zh}，")), differences);
    }
    if kept.result_fen != now.result_fen && differences.len() == before {
        let [was, is] = [kept, now].map(|step| decimal(step.result_fen * FEN_E5));
        let english = format!("{title}: {was} was kept, {is} comes out");
        differences.push((english, format!("{title_zh}：原为{was}，现为{is}")));
    }
}

/// The values of the declaration that a calculation read.
struct KeptValues<'a> {
    day: time::Date,
    freight_e5: i64,
    insurance_e5: i64,
    lines: Vec<TaxableLine<'a>>,
}

impl<'a> KeptValues<'a> {
    fn of(step: &'a stored::TraceStep) -> Option<Self> {
        let line = |(gnum, line): (u32, &'a stored::TraceStep)| {
            Some(TaxableLine {
                gnum,
                gcode: input(line, "gcode")?,
                total_price_e5: amount(input(line, "price")?)?,
                first: measure(input(line, "qty1")?)?,
                second: match input(line, "qty2") {
                    Some(text) => Some(measure(text)?),
                    None => None,
                },
            })
        };
        Some(Self {
            day: date(input(step, "day")?)?,
            freight_e5: amount(input(step, "freight")?)?,
            insurance_e5: amount(input(step, "insurance")?)?,
            lines: (1..).zip(&step.steps).map(line).collect::<Option<_>>()?,
        })
    }

    fn parcel<'p>(&'p self, set: &'p ParameterSet) -> Parcel<'p> {
        Parcel {
            parameters: &set.parameters,
            day: self.day,
            freight_e5: self.freight_e5,
            insurance_e5: self.insurance_e5,
            lines: &self.lines,
            // They decide which way applies, which was decided.
            quantities_e5: &[],
            key: "",
        }
    }
}

/// A value that a step read.
fn input<'a>(step: &'a stored::TraceStep, name: &str) -> Option<&'a str> {
    let found = step.inputs.chunks(2).find(|two| two[0] == name)?;
    found.get(1).map(String::as_str)
}

/// A quantity as a step has it: `0.6 (035)`.
fn measure(text: &str) -> Option<Measure<'_>> {
    let (quantity, unit) = text.strip_suffix(')')?.split_once(" (")?;
    Some(Measure { unit, qty_e5: amount(quantity)? })
}

/// What [`decimal`] writes, in 1/100000.
fn amount(text: &str) -> Option<i64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0")); // a whole number
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if rest.len() > 5 || !is_number(whole) || !is_number(rest) {
        return None;
    }
    let rest: i64 = format!("{rest:0<5}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(100_000)?.checked_add(rest)
}
