//! How a result came about: the rule with its version and law, what went in, the parameters with
//! their dates and laws, and every step with its rounding. Stored with a claim, it explains and
//! repeats the result years later; shown in Chinese or English.

use std::fmt::{self, Write as _};

use time::Date;

use super::arithmetic::{Percent, Rounding, Yuan};

/// A word in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

/// A label.
pub const fn label(en: &'static str, zh: &'static str) -> Label {
    Label { en, zh }
}

/// A rule of the law in one version. When the law changes its structure, a new version is a new
/// function; when it changes a number, that is a new row of the rates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LawRule {
    /// Its name, which never changes.
    pub id: &'static str,
    /// Its version.
    pub version: u32,
    /// For goods that leave from this day on.
    pub since: Date,
    /// What it is.
    pub title: Label,
    /// The law it comes from.
    pub law: &'static str,
}

/// A value of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceValue {
    /// Fen, shown in yuan.
    Fen(i64),
    /// Basis points, shown in per cent.
    Rate(u32),
    /// 1/100000 of a unit.
    Quantity(i64),
    /// A day.
    Day(Date),
    /// Anything else.
    Text(String),
}

impl fmt::Display for TraceValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fen(fen) => write!(f, "{} CNY", Yuan(*fen)),
            Self::Rate(bp) => write!(f, "{}", Percent(*bp)),
            Self::Quantity(qty_e5) => {
                let (sign, qty) = (if *qty_e5 < 0 { "-" } else { "" }, qty_e5.unsigned_abs());
                let decimals = format!("{:05}", qty % 100_000);
                let text = format!("{sign}{}.{decimals}", qty / 100_000);
                f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
            }
            Self::Day(day) => write!(f, "{day}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A number of the law with the days on which it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedNumber {
    /// What it is.
    pub name: Label,
    /// Its value.
    pub value: TraceValue,
    /// First day.
    pub valid_from: Date,
    /// Last day, when there is one.
    pub valid_to: Option<Date>,
    /// The law that says so.
    pub law: String,
}

/// One step of a calculation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceStep {
    /// What is calculated.
    pub name: Label,
    /// With the numbers in it.
    pub formula: String,
    /// How it was rounded.
    pub rounding: Rounding,
    /// What came out.
    pub value: TraceValue,
}

/// How a result came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// By which rule.
    pub rule: &'static LawRule,
    /// What went in.
    pub inputs: Vec<(Label, TraceValue)>,
    /// What the law said.
    pub parameters: Vec<DatedNumber>,
    /// What was calculated, in order.
    pub steps: Vec<TraceStep>,
}

/// In which language a trace is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceLanguage {
    /// English.
    English,
    /// Chinese.
    Chinese,
}

impl TraceLanguage {
    fn of(self, label: Label) -> &'static str {
        match self {
            Self::English => label.en,
            Self::Chinese => label.zh,
        }
    }

    fn rounding(self, rounding: Rounding) -> &'static str {
        match self {
            Self::English => rounding.title(),
            Self::Chinese => rounding.title_zh(),
        }
    }
}

impl Trace {
    /// An empty one.
    pub fn of(rule: &'static LawRule) -> Self {
        Self { rule, inputs: Vec::new(), parameters: Vec::new(), steps: Vec::new() }
    }

    pub(crate) fn input(&mut self, name: Label, value: TraceValue) {
        self.inputs.push((name, value));
    }

    /// Notes a step and gives its amount on.
    pub(crate) fn fen(
        &mut self,
        name: Label,
        formula: String,
        rounding: Rounding,
        fen: i64,
    ) -> i64 {
        self.steps.push(TraceStep { name, formula, rounding, value: TraceValue::Fen(fen) });
        fen
    }

    /// One line an item, for people.
    pub fn text(&self, tongue: TraceLanguage) -> String {
        let mut text = String::new();
        let LawRule { id, version, title, law, .. } = self.rule;
        // Writing into a string does not fail.
        let _ = writeln!(text, "{id} v{version}: {} [{law}]", tongue.of(*title));
        for (name, value) in &self.inputs {
            let _ = writeln!(text, "  {}: {value}", tongue.of(*name));
        }
        for DatedNumber { name, value, valid_from, valid_to, law } in &self.parameters {
            let to = valid_to.map_or_else(String::new, |to| to.to_string());
            let _ = writeln!(text, "  {} {value} ({valid_from}..{to}) [{law}]", tongue.of(*name));
        }
        for TraceStep { name, formula, rounding, value } in &self.steps {
            let (name, rounding) = (tongue.of(*name), tongue.rounding(*rounding));
            let _ = writeln!(text, "  {name} = {formula} = {value} ({rounding})");
        }
        text
    }
}
