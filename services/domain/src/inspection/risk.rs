//! Risk rules as data, with dates and versions, and the assessment of one declaration that explains
//! itself. Both agencies have a set of their own; they are assessed side by side and never merged here:
//! their demands meet in the order ([`super::order`]).
//!
//! Flow: declare → electronic review → risk rules and random selection → instructions (布控指令); the
//! order of steps is unverified (domain brief §4.4).

use time::Date;

pub use super::condition::{Area, Condition, Context, GoodsFacts, Range, RiskSubject};
use super::credit::Class;
use super::draw::{Draw, DrawnNumber};
use super::order::{Instruction, InstructionKey, Method};
use super::{Explanation, RuleSource};
use crate::clearance::Agency;

/// Rules of one set. A set is assessed for every declaration, so it stays small (ours).
pub const RULES_MAX: usize = 1_000;
/// Instructions of one rule (ours).
pub const WANTED_MAX: usize = 20;
/// Characters of an id and of a code: together they name an instruction (ours).
pub const NAME_MAX: usize = 40;
/// Characters of a text (ours).
pub const TEXT_MAX: usize = 300;

/// The rules of one agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSet {
    /// Whose.
    pub agency: Agency,
    /// From 1; a changed set has a new version.
    pub version: u32,
    /// A sample of ours, not the rules of any authority.
    pub sample: bool,
    /// Rates of rules that say none of their own.
    pub rates: SelectionRates,
    /// The rules, each assessed on its own.
    pub rules: Vec<RiskRule>,
    /// Quarantine areas that [`Condition::QuarantineArea`] looks up.
    pub areas: Vec<Area>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskRule {
    /// Unique within the set, and kept from version to version: draws depend on it.
    pub id: String,
    /// In English.
    pub title: String,
    /// In Chinese.
    pub title_zh: String,
    /// First day.
    pub valid_from: Date,
    /// Last day, when there is one.
    pub valid_to: Option<Date>,
    /// Where it comes from.
    pub source: RuleSource,
    /// What it asks.
    pub condition: Condition,
    /// What follows.
    pub action: RuleAction,
}

/// What a rule wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInstruction {
    /// Code of the agency, unique within the rule.
    pub code: String,
    /// What to look for.
    pub text: String,
    /// The same in Chinese.
    pub text_zh: String,
    /// How to look.
    pub method: Method,
    /// A sample goes to the laboratory.
    pub sampling: bool,
}

/// What follows from a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleAction {
    /// The goods are looked at.
    Demand {
        /// What is wanted.
        wanted: Vec<RuleInstruction>,
    },
    /// They are looked at when the draw says so.
    RandomAt {
        /// By credit class; those of the set when there are none.
        rates: Option<SelectionRates>,
        /// What is wanted then.
        wanted: Vec<RuleInstruction>,
    },
}

/// How often goods are looked at, in basis points of declarations, by credit class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectionRates {
    /// Of certified enterprises.
    pub advanced_bp: u32,
    /// Of everybody else.
    pub general_bp: u32,
    /// Of untrusted enterprises.
    pub untrusted_bp: u32,
}

impl SelectionRates {
    /// The rate of a class.
    pub fn of(&self, class: Class) -> u32 {
        match class {
            Class::Advanced => self.advanced_bp,
            Class::General => self.general_bp,
            Class::Untrusted => self.untrusted_bp,
        }
    }
}

impl Area {
    /// Whether it counts on a day.
    pub fn is_in_force(&self, date: Date) -> bool {
        in_force(self.valid_from, self.valid_to, date)
    }

    /// Whether it is about goods with this code.
    pub fn means(&self, gcode: &str) -> bool {
        self.goods.is_empty() || self.goods.iter().any(|prefix| gcode.starts_with(prefix.as_str()))
    }
}

fn in_force(from: Date, to: Option<Date>, date: Date) -> bool {
    from <= date && to.is_none_or(|to| date <= to)
}

/// What one rule set says about one declaration, with every reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// Whose rules.
    pub agency: Agency,
    /// Which version.
    pub version: u32,
    /// A sample set decided.
    pub sample: bool,
    /// For which day.
    pub date: Date,
    /// Rules whose condition holds, in the order of the set.
    pub matched: Vec<Match>,
    /// Rules that were left out because of their dates.
    pub not_in_force: Vec<NotInForce>,
}

/// A rule whose condition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Which rule.
    pub rule: String,
    /// Its title.
    pub title: Explanation,
    /// Where it comes from.
    pub source: RuleSource,
    /// For which lines; none when it is about the declaration as a whole.
    pub lines: Vec<u32>,
    /// Why its condition holds, for the first of these lines.
    pub because: Vec<Explanation>,
    /// What followed.
    pub effect: RuleEffect,
    /// What it wants done, whether or not it was selected.
    pub wanted: Vec<RuleInstruction>,
}

/// What followed from a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleEffect {
    /// A demand.
    Demanded,
    /// A draw.
    Drawn {
        /// The number, with all that is needed to draw it again.
        drawn: DrawnNumber,
        /// The class that gave the rate.
        class: Class,
        /// Numbers below this are selected.
        threshold_bp: u32,
        /// Whether the goods are looked at.
        selected: bool,
    },
}

impl RuleEffect {
    /// Whether the goods are looked at.
    pub fn is_selected(&self) -> bool {
        match self {
            Self::Demanded => true,
            Self::Drawn { selected, .. } => *selected,
        }
    }

    /// In words.
    pub fn explain(&self) -> Explanation {
        match self {
            Self::Demanded => Explanation::new("the rule demands an inspection", "规则要求查验"),
            Self::Drawn { drawn, class, threshold_bp, selected } => {
                let (number, below, word) = (drawn.number, drawn.below, class.word());
                let outcome = if *selected { "selected" } else { "not selected" };
                let outcome_zh = if *selected { "抽中" } else { "未抽中" };
                Explanation::new(
                    format!(
                        "drew {number} of {below}, threshold {threshold_bp} for {word}: {outcome}"
                    ),
                    format!(
                        "随机数{number}（共{below}），{}阈值{threshold_bp}：{outcome_zh}",
                        class.zh()
                    ),
                )
            }
        }
    }
}

/// A rule that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotInForce {
    /// Which rule.
    pub rule: String,
    /// Its first day.
    pub valid_from: Date,
    /// Its last day.
    pub valid_to: Option<Date>,
}

impl Assessment {
    /// Whether the agency wants to look at the goods.
    pub fn is_selected(&self) -> bool {
        self.matched.iter().any(|matched| matched.effect.is_selected())
    }

    /// What the agency demands, ready for the order: one instruction for each thing that a selected
    /// rule wants, with ids `rule/code`.
    pub fn instructions(&self) -> Vec<Instruction> {
        let selected = self.matched.iter().filter(|matched| matched.effect.is_selected());
        let of_rule = |matched: &Match| {
            let agency = self.agency;
            let (rule, lines) = (matched.rule.clone(), matched.lines.clone());
            let instruction = move |wanted: &RuleInstruction| Instruction {
                key: InstructionKey { agency, id: format!("{rule}/{}", wanted.code) },
                text: wanted.text.clone(),
                text_zh: wanted.text_zh.clone(),
                lines: lines.clone(),
                method: wanted.method,
                sampling: wanted.sampling,
            };
            matched.wanted.iter().map(instruction).collect::<Vec<_>>()
        };
        selected.flat_map(of_rule).collect()
    }
}

/// Asks every rule of a set. `draw.subject` is the declaration.
pub fn assess(set: &RuleSet, subject: &RiskSubject<'_>, draw: &Draw) -> Assessment {
    let mut assessment = Assessment {
        agency: set.agency,
        version: set.version,
        sample: set.sample,
        date: subject.date,
        matched: Vec::new(),
        not_in_force: Vec::new(),
    };
    for rule in &set.rules {
        if in_force(rule.valid_from, rule.valid_to, subject.date) {
            assessment.matched.extend(ask(set, rule, subject, draw));
        } else {
            let (valid_from, valid_to) = (rule.valid_from, rule.valid_to);
            let rule = rule.id.clone();
            assessment.not_in_force.push(NotInForce { rule, valid_from, valid_to });
        }
    }
    assessment
}

fn ask(set: &RuleSet, rule: &RiskRule, subject: &RiskSubject<'_>, draw: &Draw) -> Option<Match> {
    let mut lines = Vec::new();
    let mut because = None;
    for line in &subject.lines {
        if let Some(reasons) = rule.condition.holds(subject, line, &set.areas) {
            lines.push(line.gnum);
            because.get_or_insert(reasons);
        }
    }
    let because = because?;
    if !rule.condition.is_about_lines() {
        lines.clear();
    }
    let (effect, wanted) = match &rule.action {
        RuleAction::Demand { wanted } => (RuleEffect::Demanded, wanted),
        RuleAction::RandomAt { rates, wanted } => {
            let class = subject.class;
            let threshold_bp = rates.unwrap_or(set.rates).of(class);
            let drawn = draw.goods(set.agency, &rule.id);
            let selected = drawn.number < threshold_bp;
            (RuleEffect::Drawn { drawn, class, threshold_bp, selected }, wanted)
        }
    };
    Some(Match {
        rule: rule.id.clone(),
        title: Explanation::new(&rule.title, &rule.title_zh),
        source: rule.source.clone(),
        lines,
        because,
        effect,
        wanted: wanted.clone(),
    })
}
