//! What is wrong in a rule set, with the place of every fault: codes that are in no table, patterns that
//! no goods code can match, conditions that hold for nothing. A rule that can never match looks like a
//! rule that found nothing, so it is refused before it is put in force.

use std::collections::BTreeSet;

use super::Explanation;
use super::condition::{CONDITION_DEPTH_MAX, Condition, Range};
use super::draw::ONE_BP;
use super::risk::{
    Area, NAME_MAX, RULES_MAX, RiskRule, RuleAction, RuleSet, SelectionRates, TEXT_MAX, WANTED_MAX,
};
use crate::codes::{self, Mode};
use crate::declaration::Direction;
use crate::refusal::{Code, Refusal, Violation};

/// Digits of a goods code.
const GOODS_DIGITS: usize = 10;
/// Digits of a customs house.
const HOUSE_DIGITS: usize = 4;

/// Something wrong in a rule set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSetProblem {
    /// Which rule; empty for the set.
    pub rule: String,
    /// Where in the rule, or in the set, as a path of its document: `condition.all[1].goods[0]`.
    pub place: String,
    /// What.
    pub why: Explanation,
}

impl RuleSetProblem {
    /// Where in the set: the rule by its id, and the place in it.
    pub fn field(&self) -> String {
        match (self.rule.as_str(), self.place.as_str()) {
            ("", place) => place.to_owned(),
            (rule, "") => format!("rules[{rule}]"),
            (rule, place) => format!("rules[{rule}].{place}"),
        }
    }
}

impl RuleSet {
    /// Everything that is wrong in it. A set with problems is not put in force.
    pub fn problems(&self) -> Vec<RuleSetProblem> {
        let mut found = RuleProblems::default();
        if self.rules.len() > RULES_MAX {
            found.report("rules", "too many rules", "规则过多");
        }
        found.rates("rates", self.rates);
        for (at, area) in self.areas.iter().enumerate() {
            found.area(&format!("areas[{at}]"), area);
        }
        let mut ids = BTreeSet::new();
        for rule in &self.rules {
            found.rule.clone_from(&rule.id);
            if rule.id.is_empty() || !ids.insert(rule.id.as_str()) {
                found.report("id", "the id is empty or used twice", "规则编号为空或重复");
            }
            found.of_rule(rule, !self.areas.is_empty());
        }
        found.problems
    }

    /// Whether it may be put in force.
    ///
    /// # Errors
    ///
    /// [`Code::RuleSetRefused`] with every problem as a violation; its field names the rule by its id.
    pub fn check(&self) -> Result<(), Refusal> {
        let code = Code::RuleSetRefused;
        let violation = |problem: RuleSetProblem| {
            let field = problem.field();
            let Explanation { en: text, zh: text_zh } = problem.why;
            Violation { code, field, text, text_zh, customs_code: None }
        };
        let violations: Vec<_> = self.problems().into_iter().map(violation).collect();
        if violations.is_empty() {
            Ok(())
        } else {
            Err(Refusal { violations, ..Refusal::of(code) })
        }
    }
}

/// What was found so far, and the rule that is looked at.
#[derive(Default)]
struct RuleProblems {
    rule: String,
    problems: Vec<RuleSetProblem>,
}

impl RuleProblems {
    fn report(&mut self, place: &str, en: impl Into<String>, zh: impl Into<String>) {
        let (rule, place) = (self.rule.clone(), place.to_owned());
        self.problems.push(RuleSetProblem { rule, place, why: Explanation::new(en, zh) });
    }

    fn rates(&mut self, place: &str, rates: SelectionRates) {
        let SelectionRates { advanced_bp, general_bp, untrusted_bp } = rates;
        for (name, rate) in [
            ("advanced_bp", advanced_bp),
            ("general_bp", general_bp),
            ("untrusted_bp", untrusted_bp),
        ] {
            if rate > ONE_BP {
                let place = format!("{place}.{name}");
                self.report(&place, "a rate is above 10,000 basis points", "比例超过10000基点");
            }
        }
    }

    fn area(&mut self, place: &str, area: &Area) {
        if area.valid_to.is_some_and(|to| to < area.valid_from) {
            let place = format!("{place}.valid_to");
            self.report(&place, "an area ends before it begins", "疫区失效日期早于生效日期");
        }
        self.code(&format!("{place}.country"), &area.country, COUNTRIES);
        for (at, prefix) in area.goods.iter().enumerate() {
            self.code(&format!("{place}.goods[{at}]"), prefix, GOODS);
        }
    }

    fn of_rule(&mut self, rule: &RiskRule, has_areas: bool) {
        for (place, title) in [("title", &rule.title), ("title_zh", &rule.title_zh)] {
            if title.is_empty() {
                self.report(place, "a title is missing", "缺少规则名称");
            }
        }
        if rule.valid_to.is_some_and(|to| to < rule.valid_from) {
            self.report("valid_to", "it ends before it begins", "失效日期早于生效日期");
        }
        if rule.condition.depth() > CONDITION_DEPTH_MAX {
            self.report("condition", "the condition is too deep", "条件嵌套过深");
        } else {
            let before = self.problems.len();
            self.condition("condition", &rule.condition, has_areas);
            if self.problems.len() == before && Directions::of(&rule.condition).is_none() {
                let en = "it can never hold: no import and no export fits every part of it";
                self.report("condition", en, "条件永不成立：没有进口或出口能同时满足各项");
            }
        }
        let (place, wanted, rates) = match &rule.action {
            RuleAction::Demand { wanted } => ("action.demand", wanted, None),
            RuleAction::RandomAt { rates, wanted } => ("action.random_at", wanted, *rates),
        };
        if let Some(rates) = rates {
            self.rates(&format!("{place}.rates"), rates);
        }
        self.text("id", &rule.id, NAME_MAX);
        if wanted.is_empty() || wanted.len() > WANTED_MAX {
            let en = format!("it wants nothing, or more than {WANTED_MAX} things");
            let zh = format!("缺少布控指令或超过{WANTED_MAX}条");
            self.report(&format!("{place}.wanted"), en, zh);
        }
        let mut codes = BTreeSet::new();
        for (at, wanted) in wanted.iter().enumerate() {
            let place = format!("{place}.wanted[{at}]");
            if !codes.insert(&wanted.code) {
                self.report(
                    &format!("{place}.code"),
                    "it wants one code twice",
                    "布控指令代码重复",
                );
            }
            self.text(&format!("{place}.code"), &wanted.code, NAME_MAX);
            self.text(&format!("{place}.text"), &wanted.text, TEXT_MAX);
            self.text(&format!("{place}.text_zh"), &wanted.text_zh, TEXT_MAX);
        }
    }

    fn text(&mut self, place: &str, text: &str, most: usize) {
        if text.chars().count() > most || text.chars().any(char::is_control) {
            let en = format!("longer than {most} characters, or with control characters");
            self.report(place, en, format!("超过{most}个字符或含控制字符"));
        }
    }

    fn condition(&mut self, place: &str, condition: &Condition, has_areas: bool) {
        match condition {
            Condition::Goods(items) => self.codes(&format!("{place}.goods"), items, GOODS),
            Condition::Origin(items) => self.codes(&format!("{place}.origin"), items, COUNTRIES),
            Condition::Dispatch(items) => {
                self.codes(&format!("{place}.dispatch"), items, COUNTRIES);
            }
            Condition::Destination(items) => {
                self.codes(&format!("{place}.destination"), items, COUNTRIES);
            }
            Condition::Mode(items) => self.codes(&format!("{place}.mode"), items, MODES),
            Condition::House(items) => self.codes(&format!("{place}.house"), items, HOUSES),
            Condition::Value(range) => self.range(&format!("{place}.value"), *range),
            Condition::GrossWeight(range) => self.range(&format!("{place}.gross_weight"), *range),
            Condition::Class(classes) => self.some(&format!("{place}.class"), classes),
            Condition::All(inner) => self.inner(&format!("{place}.all"), inner, has_areas),
            Condition::Any(inner) => self.inner(&format!("{place}.any"), inner, has_areas),
            Condition::Not(inner) => self.condition(&format!("{place}.not"), inner, has_areas),
            Condition::QuarantineArea if !has_areas => {
                let en = "it can never hold: the set has no areas";
                self.report(place, en, "条件永不成立：规则集没有疫区");
            }
            Condition::QuarantineArea
            | Condition::Direction(_)
            | Condition::Blacklisted
            | Condition::WoodenPacking
            | Condition::FirstShipment => {}
        }
    }

    fn inner(&mut self, place: &str, inner: &[Condition], has_areas: bool) {
        self.some(place, inner);
        for (at, condition) in inner.iter().enumerate() {
            self.condition(&format!("{place}[{at}]"), condition, has_areas);
        }
    }

    fn some<T>(&mut self, place: &str, items: &[T]) {
        if items.is_empty() {
            self.report(place, "a condition lists nothing", "条件列表为空");
        }
    }

    fn codes(&mut self, place: &str, items: &[String], table: Table) {
        self.some(place, items);
        for (at, item) in items.iter().enumerate() {
            self.code(&format!("{place}[{at}]"), item, table);
        }
    }

    fn code(&mut self, place: &str, code: &str, Table { knows, en, zh }: Table) {
        if !knows(code) {
            self.report(place, format!("{code:?} {en}"), format!("“{code}”{zh}"));
        }
    }

    /// Neither a value nor a weight is below zero.
    fn range(&mut self, place: &str, range: Range) {
        let Range { from_e5, below_e5 } = range;
        if range == Range::default() {
            self.report(place, "a condition lists nothing", "条件列表为空");
        } else if below_e5.is_some_and(|below| below <= from_e5.map_or(0, |from| from.max(0))) {
            let en = "it can never hold: nothing is from there on and below that";
            self.report(place, en, "条件永不成立：范围为空");
        }
    }
}

/// What a list may name.
#[derive(Clone, Copy)]
struct Table {
    knows: fn(&str) -> bool,
    /// What is the matter with a code that it does not know.
    en: &'static str,
    zh: &'static str,
}

const GOODS: Table = Table {
    knows: |code| is_beginning(code, GOODS_DIGITS),
    en: "begins no goods code: one to ten digits",
    zh: "不可能匹配商品编码，须为1至10位数字",
};
const HOUSES: Table = Table {
    knows: |code| is_beginning(code, HOUSE_DIGITS),
    en: "begins no customs house: one to four digits",
    zh: "不可能匹配关区代码，须为1至4位数字",
};
const COUNTRIES: Table = Table {
    knows: codes::is_country,
    en: "is not in the table of countries: three digits of customs",
    zh: "不在国别（地区）代码表中，须为海关三位数字代码",
};
const MODES: Table = Table {
    knows: |code| Mode::find(code).is_some(),
    en: "is not in the table of supervision modes",
    zh: "不在监管方式代码表中",
};

/// Whether a number of so many digits can begin so.
fn is_beginning(text: &str, digits: usize) -> bool {
    (1..=digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Which ways goods can go for which a condition holds. More may be said than is so, never less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Directions {
    import: bool,
    export: bool,
}

impl Directions {
    const BOTH: Self = Self { import: true, export: true };
    const NONE: Self = Self { import: false, export: false };

    fn only(direction: Direction) -> Self {
        match direction {
            Direction::Import => Self { import: true, export: false },
            Direction::Export => Self { import: false, export: true },
        }
    }

    fn of(condition: &Condition) -> Self {
        match condition {
            Condition::Origin(_) | Condition::Dispatch(_) | Condition::QuarantineArea => {
                Self::only(Direction::Import)
            }
            Condition::Destination(_) => Self::only(Direction::Export),
            Condition::Direction(direction) => Self::only(*direction),
            Condition::Mode(modes) => {
                let modes = modes.iter().filter_map(|code| Mode::find(code));
                let runs = |mode: &Mode| Self { import: mode.import, export: mode.export };
                modes.map(runs).fold(Self::NONE, Self::or)
            }
            Condition::All(inner) => inner.iter().map(Self::of).fold(Self::BOTH, Self::and),
            Condition::Any(inner) => inner.iter().map(Self::of).fold(Self::NONE, Self::or),
            Condition::Not(inner) => match &**inner {
                Condition::Direction(Direction::Import) => Self::only(Direction::Export),
                Condition::Direction(Direction::Export) => Self::only(Direction::Import),
                _ => Self::BOTH,
            },
            Condition::Goods(_)
            | Condition::House(_)
            | Condition::Value(_)
            | Condition::GrossWeight(_)
            | Condition::Class(_)
            | Condition::Blacklisted
            | Condition::WoodenPacking
            | Condition::FirstShipment => Self::BOTH,
        }
    }

    fn and(self, other: Self) -> Self {
        Self { import: self.import && other.import, export: self.export && other.export }
    }

    fn or(self, other: Self) -> Self {
        Self { import: self.import || other.import, export: self.export || other.export }
    }

    fn is_none(self) -> bool {
        self == Self::NONE
    }
}
