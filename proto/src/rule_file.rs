//! Rule sets as JSON documents (docs/inspection.md). The types here mirror those of
//! `domain::inspection::risk`, which promise no format; a document that names an unknown field or breaks
//! a rule about rules is refused.

use std::sync::LazyLock;

use domain::clearance::Agency;
use domain::declaration::Direction;
use domain::inspection::credit::Class;
use domain::inspection::order::Method;
use domain::inspection::rule_check::RuleSetProblem;
use domain::inspection::{Explanation, RuleSource, risk};
use serde::{Deserialize, Serialize};
use time::Date;
use time::macros::format_description;

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleFileError {
    /// It is no rule set.
    Json {
        /// Why, in English.
        text: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// It is one that cannot be put in force.
    Rule(RuleSetProblem),
}

/// A sample rule set of an agency, so that the sandbox has something to assess. It is no rule set of any authority: what
/// a rule takes from a law says so, and says that the text was not at hand; all the rest, and every choice of goods,
/// countries and rates, is ours.
pub fn sample(agency: Agency) -> &'static risk::RuleSet {
    static CUSTOMS: LazyLock<risk::RuleSet> =
        LazyLock::new(|| built_in(include_bytes!("../../docs/examples/rules/customs.json")));
    static QUARANTINE: LazyLock<risk::RuleSet> =
        LazyLock::new(|| built_in(include_bytes!("../../docs/examples/rules/quarantine.json")));
    match agency {
        Agency::Customs => &CUSTOMS,
        Agency::Quarantine => &QUARANTINE,
    }
}

#[expect(clippy::expect_used, reason = "the files are part of the program, and a test reads them")]
fn built_in(file: &[u8]) -> risk::RuleSet {
    read(file).expect("a built-in sample is a rule set")
}

/// A rule set as a document.
///
/// # Errors
///
/// None in practice: everything in a rule set can be written.
pub fn print(set: &risk::RuleSet, pretty: bool) -> serde_json::Result<String> {
    let file = File::of(set);
    if pretty { serde_json::to_string_pretty(&file) } else { serde_json::to_string(&file) }
}

/// Reads a document that is to be put in force.
///
/// # Errors
///
/// Everything that is wrong in it.
pub fn parse(bytes: &[u8]) -> Result<risk::RuleSet, Vec<RuleFileError>> {
    let set = read(bytes).map_err(|broken| vec![broken])?;
    let problems: Vec<_> = set.problems().into_iter().map(RuleFileError::Rule).collect();
    if problems.is_empty() { Ok(set) } else { Err(problems) }
}

/// Reads a document that was put in force before, whatever the rules about rules are now.
///
/// # Errors
///
/// When it is no rule set.
pub fn read(bytes: &[u8]) -> Result<risk::RuleSet, RuleFileError> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let file: File = serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let place = format!(" at line {line} column {column}");
        let text = text.strip_suffix(&place).unwrap_or(&text).to_owned();
        RuleFileError::Json { text, line, column }
    })?;
    Ok(risk::RuleSet::from(file))
}

/// A rule set.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    agency: AgencyWord,
    version: u32,
    #[serde(default)]
    sample: bool,
    rates: Rates,
    rules: Vec<Rule>,
    #[serde(default)]
    areas: Vec<Area>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AgencyWord {
    Customs,
    Quarantine,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rates {
    advanced_bp: u32,
    general_bp: u32,
    untrusted_bp: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: String,
    title: String,
    title_zh: String,
    valid_from: Day,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_to: Option<Day>,
    source: SourceWord,
    condition: Condition,
    action: Action,
}

/// YYYY-MM-DD.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Day(Date);

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let day = Date::parse(&text, format_description!("[year]-[month]-[day]"));
        day.map(Self).map_err(|_| format!("`{text}` is no day, as 2026-11-24"))
    }
}

impl From<Day> for String {
    fn from(Day(day): Day) -> Self {
        day.to_string()
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum SourceWord {
    Law {
        number: String,
        #[serde(default)]
        unverified: bool,
    },
    Ours,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Condition {
    Goods(Vec<String>),
    Origin(Vec<String>),
    Dispatch(Vec<String>),
    Destination(Vec<String>),
    Mode(Vec<String>),
    Direction(DirectionWord),
    House(Vec<String>),
    Value(Range),
    GrossWeight(Range),
    Class(Vec<ClassWord>),
    Blacklisted,
    WoodenPacking,
    QuarantineArea,
    FirstShipment,
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DirectionWord {
    Import,
    Export,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClassWord {
    Advanced,
    General,
    Untrusted,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_e5: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    below_e5: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Action {
    Demand {
        wanted: Vec<InstructionEntry>,
    },
    RandomAt {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rates: Option<Rates>,
        wanted: Vec<InstructionEntry>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InstructionEntry {
    code: String,
    text: String,
    text_zh: String,
    method: MethodWord,
    #[serde(default)]
    sampling: bool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MethodWord {
    Machine,
    Manual,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Area {
    country: String,
    #[serde(default)]
    goods: Vec<String>,
    reason: String,
    reason_zh: String,
    valid_from: Day,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_to: Option<Day>,
    source: SourceWord,
}

/// An enum of words in both directions, so that a new word of the domain stops the build.
macro_rules! words {
    ($ours:ident, $theirs:ident: $($word:ident),+) => {
        impl From<$ours> for $theirs {
            fn from(word: $ours) -> Self {
                match word {
                    $($ours::$word => Self::$word,)+
                }
            }
        }

        impl From<$theirs> for $ours {
            fn from(word: $theirs) -> Self {
                match word {
                    $($theirs::$word => Self::$word,)+
                }
            }
        }
    };
}

words!(AgencyWord, Agency: Customs, Quarantine);
words!(DirectionWord, Direction: Import, Export);
words!(ClassWord, Class: Advanced, General, Untrusted);
words!(MethodWord, Method: Machine, Manual);

fn each<A, B: From<A>>(items: impl IntoIterator<Item = A>) -> Vec<B> {
    items.into_iter().map(B::from).collect()
}

fn day(day: Option<Day>) -> Option<Date> {
    day.map(|Day(day)| day)
}

impl From<File> for risk::RuleSet {
    fn from(File { agency, version, sample, rates, rules, areas }: File) -> Self {
        Self {
            agency: agency.into(),
            version,
            sample,
            rates: rates.into(),
            rules: each(rules),
            areas: each(areas),
        }
    }
}

impl From<Rates> for risk::SelectionRates {
    fn from(Rates { advanced_bp, general_bp, untrusted_bp }: Rates) -> Self {
        Self { advanced_bp, general_bp, untrusted_bp }
    }
}

impl From<Rule> for risk::RiskRule {
    fn from(rule: Rule) -> Self {
        let Rule { id, title, title_zh, valid_from, valid_to, source, condition, action } = rule;
        Self {
            id,
            title,
            title_zh,
            valid_from: valid_from.0,
            valid_to: day(valid_to),
            source: source.into(),
            condition: condition.into(),
            action: action.into(),
        }
    }
}

impl From<SourceWord> for RuleSource {
    fn from(source: SourceWord) -> Self {
        match source {
            SourceWord::Law { number, unverified } => Self::Law { number, unverified },
            SourceWord::Ours => Self::Ours,
        }
    }
}

impl From<Range> for risk::Range {
    fn from(Range { from_e5, below_e5 }: Range) -> Self {
        Self { from_e5, below_e5 }
    }
}

impl From<Condition> for risk::Condition {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Goods(items) => Self::Goods(items),
            Condition::Origin(items) => Self::Origin(items),
            Condition::Dispatch(items) => Self::Dispatch(items),
            Condition::Destination(items) => Self::Destination(items),
            Condition::Mode(items) => Self::Mode(items),
            Condition::Direction(direction) => Self::Direction(direction.into()),
            Condition::House(items) => Self::House(items),
            Condition::Value(range) => Self::Value(range.into()),
            Condition::GrossWeight(range) => Self::GrossWeight(range.into()),
            Condition::Class(classes) => Self::Class(each(classes)),
            Condition::Blacklisted => Self::Blacklisted,
            Condition::WoodenPacking => Self::WoodenPacking,
            Condition::QuarantineArea => Self::QuarantineArea,
            Condition::FirstShipment => Self::FirstShipment,
            Condition::All(inner) => Self::All(each(inner)),
            Condition::Any(inner) => Self::Any(each(inner)),
            Condition::Not(inner) => Self::Not(Box::new((*inner).into())),
        }
    }
}

impl From<Action> for risk::RuleAction {
    fn from(action: Action) -> Self {
        match action {
            Action::Demand { wanted } => Self::Demand { wanted: each(wanted) },
            Action::RandomAt { rates, wanted } => {
                Self::RandomAt { rates: rates.map(Into::into), wanted: each(wanted) }
            }
        }
    }
}

impl From<InstructionEntry> for risk::RuleInstruction {
    fn from(InstructionEntry { code, text, text_zh, method, sampling }: InstructionEntry) -> Self {
        Self { code, text, text_zh, method: method.into(), sampling }
    }
}

impl From<Area> for risk::Area {
    fn from(area: Area) -> Self {
        let Area { country, goods, reason, reason_zh, valid_from, valid_to, source } = area;
        Self {
            country,
            goods,
            reason: Explanation::new(reason, reason_zh),
            valid_from: valid_from.0,
            valid_to: day(valid_to),
            source: source.into(),
        }
    }
}

impl File {
    fn of(set: &risk::RuleSet) -> Self {
        let risk::RuleSet { agency, version, sample, rates, rules, areas } = set.clone();
        Self {
            agency: agency.into(),
            version,
            sample,
            rates: rates.into(),
            rules: each(rules),
            areas: each(areas),
        }
    }
}

impl From<risk::SelectionRates> for Rates {
    fn from(
        risk::SelectionRates { advanced_bp, general_bp, untrusted_bp }: risk::SelectionRates,
    ) -> Self {
        Self { advanced_bp, general_bp, untrusted_bp }
    }
}

impl From<risk::RiskRule> for Rule {
    fn from(rule: risk::RiskRule) -> Self {
        let risk::RiskRule { id, title, title_zh, valid_from, valid_to, source, condition, action } =
            rule;
        Self {
            id,
            title,
            title_zh,
            valid_from: Day(valid_from),
            valid_to: valid_to.map(Day),
            source: source.into(),
            condition: condition.into(),
            action: action.into(),
        }
    }
}

impl From<RuleSource> for SourceWord {
    fn from(source: RuleSource) -> Self {
        match source {
            RuleSource::Law { number, unverified } => Self::Law { number, unverified },
            RuleSource::Ours => Self::Ours,
        }
    }
}

impl From<risk::Range> for Range {
    fn from(risk::Range { from_e5, below_e5 }: risk::Range) -> Self {
        Self { from_e5, below_e5 }
    }
}

impl From<risk::Condition> for Condition {
    fn from(condition: risk::Condition) -> Self {
        match condition {
            risk::Condition::Goods(items) => Self::Goods(items),
            risk::Condition::Origin(items) => Self::Origin(items),
            risk::Condition::Dispatch(items) => Self::Dispatch(items),
            risk::Condition::Destination(items) => Self::Destination(items),
            risk::Condition::Mode(items) => Self::Mode(items),
            risk::Condition::Direction(direction) => Self::Direction(direction.into()),
            risk::Condition::House(items) => Self::House(items),
            risk::Condition::Value(range) => Self::Value(range.into()),
            risk::Condition::GrossWeight(range) => Self::GrossWeight(range.into()),
            risk::Condition::Class(classes) => Self::Class(each(classes)),
            risk::Condition::Blacklisted => Self::Blacklisted,
            risk::Condition::WoodenPacking => Self::WoodenPacking,
            risk::Condition::QuarantineArea => Self::QuarantineArea,
            risk::Condition::FirstShipment => Self::FirstShipment,
            risk::Condition::All(inner) => Self::All(each(inner)),
            risk::Condition::Any(inner) => Self::Any(each(inner)),
            risk::Condition::Not(inner) => Self::Not(Box::new((*inner).into())),
        }
    }
}

impl From<risk::RuleAction> for Action {
    fn from(action: risk::RuleAction) -> Self {
        match action {
            risk::RuleAction::Demand { wanted } => Self::Demand { wanted: each(wanted) },
            risk::RuleAction::RandomAt { rates, wanted } => {
                Self::RandomAt { rates: rates.map(Into::into), wanted: each(wanted) }
            }
        }
    }
}

impl From<risk::RuleInstruction> for InstructionEntry {
    fn from(wanted: risk::RuleInstruction) -> Self {
        let risk::RuleInstruction { code, text, text_zh, method, sampling } = wanted;
        Self { code, text, text_zh, method: method.into(), sampling }
    }
}

impl From<risk::Area> for Area {
    fn from(area: risk::Area) -> Self {
        let risk::Area { country, goods, reason, valid_from, valid_to, source } = area;
        let Explanation { en: reason, zh: reason_zh } = reason;
        Self {
            country,
            goods,
            reason,
            reason_zh,
            valid_from: Day(valid_from),
            valid_to: valid_to.map(Day),
            source: source.into(),
        }
    }
}
