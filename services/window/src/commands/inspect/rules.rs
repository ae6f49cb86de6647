//! Rule sets as JSON. The types here mirror those of `domain::inspection::risk`, which promise no
//! format; a file that names an unknown field or breaks a rule about rules is refused.

use std::path::Path;

use domain::Code;
use domain::clearance::Agency;
use domain::declaration::Direction;
use domain::inspection::credit::Class;
use domain::inspection::order::Method;
use domain::inspection::samples::{SAMPLE_CUSTOMS, SAMPLE_INSPECTION};
use domain::inspection::{Source, Why, risk};
use serde::{Deserialize, Serialize};
use time::Date;
use time::macros::format_description;

use super::super::problem::{Broken, Problem};
use super::super::{Exit, Language, Output, say, say_json};
use super::{pick, said};

/// Print a sample rule set as JSON, to start your own from.
#[derive(Debug, clap::Args)]
pub(super) struct Print {
    /// Whose.
    #[arg(value_enum, default_value = "customs")]
    agency: AgencyWord,
}

/// Prints a sample.
///
/// # Errors
///
/// When it cannot be written.
pub(super) fn print(output: Output, args: &Print) -> anyhow::Result<Exit> {
    let file = File::of(sample(args.agency.into()));
    match output {
        Output::Json => say_json(&file)?,
        Output::Table => say(&serde_json::to_string_pretty(&file)?)?,
    }
    Ok(Exit::Done)
}

/// The sample of an agency.
pub(super) fn sample(agency: Agency) -> &'static risk::RuleSet {
    match agency {
        Agency::Customs => &SAMPLE_CUSTOMS,
        Agency::Inspection => &SAMPLE_INSPECTION,
    }
}

/// Reads a rule set, or says everything that is wrong in it.
pub(super) fn read(path: &Path, language: Language) -> Result<risk::RuleSet, Problem> {
    let name = path.display().to_string();
    let refused = |code, violations| Problem::local(code, language, violations).in_file(&name);
    let bytes = std::fs::read(path).map_err(|error| {
        let why = Broken::plain(Code::FileUnreadable, format!("{name}: {error}"));
        refused(Code::FileUnreadable, vec![why])
    })?;
    parse(&bytes, &name, language).map_err(|violations| refused(Code::JsonMalformed, violations))
}

fn parse(bytes: &[u8], name: &str, language: Language) -> Result<risk::RuleSet, Vec<Broken>> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let file: File = serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let place = format!(" at line {line} column {column}");
        let text = text.strip_suffix(&place).unwrap_or(&text);
        vec![Broken::of_json(text.to_owned(), line, column)]
    })?;
    let set = risk::RuleSet::from(file);
    let told = |problem: &risk::Problem| {
        let why = said(language, &problem.why);
        let gap = pick(language, ": ", "：");
        let whole = pick(language, "the rule set", "规则集");
        let rule = if problem.rule.is_empty() { whole } else { &problem.rule };
        Broken::plain(Code::JsonMalformed, format!("{name}: {rule}{gap}{why}"))
    };
    let problems: Vec<_> = set.problems().iter().map(told).collect();
    if problems.is_empty() { Ok(set) } else { Err(problems) }
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

#[derive(Debug, Clone, Copy, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
enum AgencyWord {
    Customs,
    Inspection,
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
        wanted: Vec<Wanted>,
    },
    RandomAt {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rates: Option<Rates>,
        wanted: Vec<Wanted>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
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

words!(AgencyWord, Agency: Customs, Inspection);
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

impl From<Rates> for risk::Rates {
    fn from(Rates { advanced_bp, general_bp, untrusted_bp }: Rates) -> Self {
        Self { advanced_bp, general_bp, untrusted_bp }
    }
}

impl From<Rule> for risk::Rule {
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

impl From<SourceWord> for Source {
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

impl From<Action> for risk::Action {
    fn from(action: Action) -> Self {
        match action {
            Action::Demand { wanted } => Self::Demand { wanted: each(wanted) },
            Action::RandomAt { rates, wanted } => {
                Self::RandomAt { rates: rates.map(Into::into), wanted: each(wanted) }
            }
        }
    }
}

impl From<Wanted> for risk::Wanted {
    fn from(Wanted { code, text, text_zh, method, sampling }: Wanted) -> Self {
        Self { code, text, text_zh, method: method.into(), sampling }
    }
}

impl From<Area> for risk::Area {
    fn from(area: Area) -> Self {
        let Area { country, goods, reason, reason_zh, valid_from, valid_to, source } = area;
        Self {
            country,
            goods,
            reason: Why::new(reason, reason_zh),
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

impl From<risk::Rates> for Rates {
    fn from(risk::Rates { advanced_bp, general_bp, untrusted_bp }: risk::Rates) -> Self {
        Self { advanced_bp, general_bp, untrusted_bp }
    }
}

impl From<risk::Rule> for Rule {
    fn from(rule: risk::Rule) -> Self {
        let risk::Rule { id, title, title_zh, valid_from, valid_to, source, condition, action } =
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

impl From<Source> for SourceWord {
    fn from(source: Source) -> Self {
        match source {
            Source::Law { number, unverified } => Self::Law { number, unverified },
            Source::Ours => Self::Ours,
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

impl From<risk::Action> for Action {
    fn from(action: risk::Action) -> Self {
        match action {
            risk::Action::Demand { wanted } => Self::Demand { wanted: each(wanted) },
            risk::Action::RandomAt { rates, wanted } => {
                Self::RandomAt { rates: rates.map(Into::into), wanted: each(wanted) }
            }
        }
    }
}

impl From<risk::Wanted> for Wanted {
    fn from(wanted: risk::Wanted) -> Self {
        let risk::Wanted { code, text, text_zh, method, sampling } = wanted;
        Self { code, text, text_zh, method: method.into(), sampling }
    }
}

impl From<risk::Area> for Area {
    fn from(area: risk::Area) -> Self {
        let risk::Area { country, goods, reason, valid_from, valid_to, source } = area;
        let Why { en: reason, zh: reason_zh } = reason;
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sample_json(agency: Agency) -> Value {
        serde_json::to_value(File::of(sample(agency))).expect("it can be written")
    }

    fn faults(file: &Value, language: Language) -> Vec<String> {
        let bytes = serde_json::to_vec(file).expect("it can be written");
        let faults = parse(&bytes, "rules.json", language).expect_err("it is refused");
        faults.iter().map(|broken| broken.text(Some("rules.json"))).collect()
    }

    fn with(condition: Value) -> Value {
        let mut file = sample_json(Agency::Customs);
        file["rules"][0]["condition"] = condition;
        file
    }

    #[test]
    fn samples_survive_json() {
        for agency in [Agency::Customs, Agency::Inspection] {
            let text = serde_json::to_vec_pretty(&File::of(sample(agency))).expect("written");
            assert_eq!(
                &parse(&text, "rules.json", Language::English).expect("read"),
                sample(agency)
            );
        }
    }

    #[test]
    fn the_example_of_the_guide_is_right() {
        let guide = include_str!("../../../../../docs/inspection.md");
        let (_, rest) = guide.split_once("```json\n").expect("it has an example");
        let (example, _) = rest.split_once("```").expect("it ends");
        let set = parse(example.as_bytes(), "rules.json", Language::English).expect("it is right");
        assert!(!set.sample);
    }

    #[test]
    fn every_condition_survives_json() {
        let all = json!({"any": [
            {"goods": ["22"]}, {"origin": ["116"]}, {"dispatch": ["142"]}, {"destination": ["502"]},
            {"mode": ["9610"]}, {"direction": "import"}, {"house": ["42"]},
            {"value": {"from_e5": 1}}, {"gross_weight": {"below_e5": 2}},
            {"class": ["advanced", "general", "untrusted"]}, "blacklisted", "wooden_packing",
            "quarantine_area", "first_shipment", {"all": ["blacklisted"]}, {"not": "blacklisted"},
        ]});
        let bytes = serde_json::to_vec(&with(all.clone())).expect("written");
        let set = parse(&bytes, "rules.json", Language::English).expect("it is right");
        let again = serde_json::to_value(File::of(&set)).expect("written");
        assert_eq!(again["rules"][0]["condition"], all);
    }

    #[test]
    fn what_is_unknown_is_refused_with_its_place() {
        let mut misspelt = sample_json(Agency::Customs);
        misspelt["rules"][0]["valid_till"] = json!("2026-11-24");
        let mut no_day = sample_json(Agency::Customs);
        no_day["rules"][0]["valid_from"] = json!("24.11.2026");
        let mut action = sample_json(Agency::Customs);
        action["rules"][0]["action"]["demand"]["rates"] = json!({});
        for (file, expected) in [
            (misspelt, "unknown field `valid_till`"),
            (no_day, "`24.11.2026` is no day"),
            (action, "unknown field `rates`"),
            (with(json!({"colour": ["red"]})), "unknown variant `colour`"),
            (with(json!({"value": {"from": 1}})), "unknown field `from`"),
            (with(json!({"class": ["aeo"]})), "unknown variant `aeo`"),
        ] {
            let faults = faults(&file, Language::English);
            let [fault] = &faults[..] else { panic!("{faults:?}") };
            assert!(fault.contains("SW-3011 rules.json:1:"), "{fault}");
            assert!(fault.contains(expected), "{fault}");
        }
    }

    #[test]
    fn every_problem_is_told_at_once_with_its_rule() {
        let mut file = sample_json(Agency::Customs);
        file["rates"]["general_bp"] = json!(10_001);
        file["rules"][0]["title"] = json!("");
        file["rules"][1]["valid_to"] = json!("2001-01-01");
        let english = faults(&file, Language::English).join("\n");
        for expected in [
            "rules.json: the rule set: a rate is above",
            "C-001: a title",
            "C-002: it ends before it begins",
        ] {
            assert!(english.contains(expected), "{english}");
        }
        assert!(faults(&file, Language::Chinese).join("\n").contains("C-001：缺少规则名称"));
    }
}
