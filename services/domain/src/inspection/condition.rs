//! What a risk rule asks, as a small closed tree of data, and what it is asked of.
//!
//! A condition is asked of each line of goods in turn; what it says about the declaration as a whole is
//! the same for every line. So "milk from France" means one line that is both, not a line of milk
//! beside another line from France, and `Not(Goods)` holds for the lines that are something else.

use std::collections::BTreeMap;

use time::Date;

use super::credit::Class;
use super::{Explanation, RuleSource};
use crate::codes::CNY;
use crate::declaration::{Declaration, Direction};

/// Depth of a tree. Deeper ones cannot be read by people, and evaluation recurses.
pub const CONDITION_DEPTH_MAX: usize = 8;

/// From here on, below there. In 1/100000 of yuan or kilogram, as in the declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Range {
    /// At least this much.
    pub from_e5: Option<i64>,
    /// Less than this.
    pub below_e5: Option<i64>,
}

impl Range {
    fn contains(self, value_e5: i64) -> bool {
        self.from_e5.is_none_or(|from| from <= value_e5)
            && self.below_e5.is_none_or(|below| value_e5 < below)
    }
}

/// What a rule asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The goods code of the line begins with one of these digits.
    Goods(Vec<String>),
    /// Imports: the line comes from one of these countries of origin (three-digit customs codes).
    Origin(Vec<String>),
    /// Imports: dispatched from one of these countries. Bonded goods are dispatched from 142.
    Dispatch(Vec<String>),
    /// Exports: the line ends, or the declaration arrives, in one of these countries.
    Destination(Vec<String>),
    /// Declared under one of these supervision modes.
    Mode(Vec<String>),
    /// Goes this way.
    Direction(Direction),
    /// The customs house that is declared to, or that of the port, begins with one of these: 42 stands
    /// for the whole district of Qingdao.
    House(Vec<String>),
    /// Value of the whole declaration in yuan. Holds for no range when the value in yuan is not known.
    Value(Range),
    /// Gross weight of the whole declaration.
    GrossWeight(Range),
    /// The enterprise has one of these credit classes.
    Class(Vec<Class>),
    /// A party stands on the blacklist.
    Blacklisted,
    /// Packed in wooden boxes (wrapType 1; the number is unverified), or said so in the data for
    /// quarantine.
    WoodenPacking,
    /// Origin or dispatch in a quarantine area that is in force and means these goods.
    QuarantineArea,
    /// The declarant's first shipment under the heading (four digits) of the line.
    FirstShipment,
    /// Every one of these.
    All(Vec<Condition>),
    /// At least one of these.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
}

/// What the rules must know beside the declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The day, China Standard Time.
    pub date: Date,
    /// Credit class of the declarant.
    pub class: Class,
    /// Codes of parties that stand on the blacklist today; others may be in the list too.
    pub blacklist: Vec<String>,
    /// Earlier shipments of the declarant by heading (four digits). What is not in it counts as none.
    pub earlier_shipments: BTreeMap<String, u32>,
    /// Value in yuan, 1/100000, when prices are in another currency. `None`: not known.
    pub value_cny_e5: Option<i64>,
}

/// A line of goods as the rules see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoodsFacts<'a> {
    /// Its number.
    pub gnum: u32,
    /// Ten digits.
    pub gcode: &'a str,
    /// Imports: origin; exports: final destination.
    pub country: &'a str,
    /// Earlier shipments of the declarant under its heading.
    pub earlier_shipments: u32,
}

/// A declaration as the rules see it. Nothing personal is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskSubject<'a> {
    /// Which way, when it was said.
    pub direction: Option<Direction>,
    /// Supervision mode.
    pub mode: &'a str,
    /// Customs house declared to.
    pub customs_code: &'a str,
    /// Customs house of the port.
    pub port_code: &'a str,
    /// Imports: dispatch; exports: arrival.
    pub country: &'a str,
    /// In yuan, 1/100000.
    pub value_cny_e5: Option<i64>,
    /// 1/100000 kg.
    pub gross_weight_e5: i64,
    /// Wooden boxes.
    pub wooden_packing: bool,
    /// Parties on the blacklist.
    pub blacklisted: Vec<&'a str>,
    /// Of the declarant.
    pub class: Class,
    /// The day.
    pub date: Date,
    /// The goods.
    pub lines: Vec<GoodsFacts<'a>>,
}

/// The packing code of wooden boxes (木箱).
const WRAP_WOODEN_BOX: &str = "1";

impl<'a> RiskSubject<'a> {
    /// The view of a declaration on one day.
    pub fn of(declaration: &'a Declaration, context: &'a Context) -> Self {
        let d = declaration;
        let named = [Some(&d.declarant), Some(&d.ebc), Some(&d.ebp), Some(&d.logistics)];
        let optional = [&d.agent, &d.owner, &d.iac, &d.area].map(Option::as_ref);
        let mut blacklisted: Vec<&str> = named
            .into_iter()
            .chain(optional)
            .flatten()
            .map(|party| party.code.as_str())
            .filter(|code| !code.is_empty() && context.blacklist.iter().any(|c| c == code))
            .collect();
        blacklisted.sort_unstable();
        blacklisted.dedup();
        let line = |line: &'a crate::declaration::GoodsLine| GoodsFacts {
            gnum: line.gnum,
            gcode: &line.gcode,
            country: &line.country,
            earlier_shipments: earlier(context, &line.gcode),
        };
        Self {
            direction: d.ie_flag,
            mode: &d.trade_mode,
            customs_code: &d.customs_code,
            port_code: &d.port_code,
            country: &d.country,
            value_cny_e5: value_in_yuan(d).or(context.value_cny_e5),
            gross_weight_e5: d.gross_weight_e5,
            wooden_packing: d.wrap_type == WRAP_WOODEN_BOX
                || d.quarantine.as_ref().is_some_and(|data| data.wooden_packing),
            blacklisted,
            class: context.class,
            date: context.date,
            lines: d.lines.iter().map(line).collect(),
        }
    }
}

fn earlier(context: &Context, gcode: &str) -> u32 {
    let heading = gcode.get(..4).unwrap_or(gcode);
    context.earlier_shipments.get(heading).map_or(0, |count| *count)
}

/// The sum of the lines, when every one is priced in yuan.
fn value_in_yuan(declaration: &Declaration) -> Option<i64> {
    let prices = declaration.lines.iter().map(|line| line.total_price.as_ref());
    let in_yuan = |sum: i64, price: Option<&crate::declaration::Money>| {
        price.filter(|price| price.currency == CNY).map(|price| sum.saturating_add(price.amount_e5))
    };
    if declaration.lines.is_empty() {
        return None;
    }
    prices.into_iter().try_fold(0_i64, in_yuan)
}

impl Condition {
    /// Whether it depends on the line, and not only on the declaration.
    pub fn is_about_lines(&self) -> bool {
        match self {
            Self::Goods(_)
            | Self::Origin(_)
            | Self::Destination(_)
            | Self::QuarantineArea
            | Self::FirstShipment => true,
            Self::Dispatch(_)
            | Self::Mode(_)
            | Self::Direction(_)
            | Self::House(_)
            | Self::Value(_)
            | Self::GrossWeight(_)
            | Self::Class(_)
            | Self::Blacklisted
            | Self::WoodenPacking => false,
            Self::All(inner) | Self::Any(inner) => inner.iter().any(Self::is_about_lines),
            Self::Not(inner) => inner.is_about_lines(),
        }
    }

    /// Levels of the tree.
    pub fn depth(&self) -> usize {
        match self {
            Self::All(inner) | Self::Any(inner) => {
                // An empty list is one level.
                1 + inner.iter().map(Self::depth).max().unwrap_or(0)
            }
            Self::Not(inner) => 1 + inner.depth(),
            Self::Goods(_)
            | Self::Origin(_)
            | Self::Dispatch(_)
            | Self::Destination(_)
            | Self::Mode(_)
            | Self::Direction(_)
            | Self::House(_)
            | Self::Value(_)
            | Self::GrossWeight(_)
            | Self::Class(_)
            | Self::Blacklisted
            | Self::WoodenPacking
            | Self::QuarantineArea
            | Self::FirstShipment => 1,
        }
    }

    /// Whether it holds for a line, and why.
    pub fn holds(
        &self,
        subject: &RiskSubject<'_>,
        line: &GoodsFacts<'_>,
        areas: &[Area],
    ) -> Option<Vec<Explanation>> {
        match self {
            Self::All(inner) => {
                let mut reasons = Vec::new();
                for condition in inner {
                    reasons.extend(condition.holds(subject, line, areas)?);
                }
                Some(reasons)
            }
            Self::Any(inner) => {
                inner.iter().find_map(|condition| condition.holds(subject, line, areas))
            }
            Self::Not(inner) => match inner.holds(subject, line, areas) {
                Some(_) => None,
                None => {
                    let what = inner.describe();
                    Some(vec![Explanation::new(
                        format!("not: {}", what.en),
                        format!("不符合：{}", what.zh),
                    )])
                }
            },
            Self::Goods(prefixes) => found(prefixes, |p| line.gcode.starts_with(p)).map(|prefix| {
                why(
                    format!("goods code {} begins with {prefix}", line.gcode),
                    format!("商品编码{}属于{prefix}", line.gcode),
                )
            }),
            Self::Origin(countries) => {
                let import = subject.direction == Some(Direction::Import);
                found(countries, |country| import && line.country == country).map(|country| {
                    why(format!("country of origin is {country}"), format!("原产国为{country}"))
                })
            }
            Self::Dispatch(countries) => {
                let import = subject.direction == Some(Direction::Import);
                found(countries, |country| import && subject.country == country).map(|country| {
                    why(format!("dispatched from {country}"), format!("起运国为{country}"))
                })
            }
            Self::Destination(countries) => {
                let export = subject.direction == Some(Direction::Export);
                let ends = |c: &str| line.country == c || subject.country == c;
                found(countries, |country| export && ends(country)).map(|country| {
                    why(format!("goes to {country}"), format!("运抵国或最终目的国为{country}"))
                })
            }
            Self::Mode(modes) => found(modes, |mode| subject.mode == mode).map(|mode| {
                why(format!("supervision mode is {mode}"), format!("监管方式为{mode}"))
            }),
            Self::Direction(direction) => {
                (subject.direction == Some(*direction)).then(|| vec![self.describe()])
            }
            Self::House(houses) => {
                let there = [subject.customs_code, subject.port_code];
                found(houses, |house| there.iter().any(|code| code.starts_with(house))).map(
                    |house| {
                        why(format!("customs house belongs to {house}"), format!("关区属于{house}"))
                    },
                )
            }
            Self::Value(range) => {
                subject.value_cny_e5.filter(|value| range.contains(*value)).map(|value| {
                    let yuan = crate::rules::decimal(value);
                    why(format!("value is {yuan} yuan"), format!("货值为人民币{yuan}元"))
                })
            }
            Self::GrossWeight(range) => range.contains(subject.gross_weight_e5).then(|| {
                let kg = crate::rules::decimal(subject.gross_weight_e5);
                why(format!("gross weight is {kg} kg"), format!("毛重为{kg}千克"))
            }),
            Self::Class(classes) => classes.contains(&subject.class).then(|| {
                why(
                    format!("credit class is {}", subject.class.word()),
                    format!("企业信用等级为{}", subject.class.zh()),
                )
            }),
            Self::Blacklisted => (!subject.blacklisted.is_empty()).then(|| {
                let who = subject.blacklisted.join(", ");
                why(format!("on the blacklist: {who}"), format!("黑名单企业：{who}"))
            }),
            Self::WoodenPacking => subject.wooden_packing.then(|| vec![self.describe()]),
            Self::QuarantineArea => quarantine(subject, line, areas),
            Self::FirstShipment => (line.earlier_shipments == 0).then(|| {
                let heading = line.gcode.get(..4).unwrap_or(line.gcode);
                why(
                    format!("first shipment of the declarant under heading {heading}"),
                    format!("申报企业首次申报品目{heading}的商品"),
                )
            }),
        }
    }

    /// What it asks, without a declaration at hand.
    pub fn describe(&self) -> Explanation {
        let list = |en: &str, zh: &str, items: &[String]| {
            Explanation::new(
                format!("{en} {}", items.join(", ")),
                format!("{zh}{}", items.join("、")),
            )
        };
        match self {
            Self::Goods(items) => list("goods code begins with", "商品编码属于", items),
            Self::Origin(items) => list("country of origin is", "原产国为", items),
            Self::Dispatch(items) => list("dispatched from", "起运国为", items),
            Self::Destination(items) => list("goes to", "运抵国或最终目的国为", items),
            Self::Mode(items) => list("supervision mode is", "监管方式为", items),
            Self::Direction(Direction::Import) => Explanation::new("is an import", "为进口"),
            Self::Direction(Direction::Export) => Explanation::new("is an export", "为出口"),
            Self::House(items) => list("customs house belongs to", "关区属于", items),
            Self::Value(range) => between("value in yuan", "货值（元）", *range),
            Self::GrossWeight(range) => between("gross weight in kg", "毛重（千克）", *range),
            Self::Class(classes) => {
                let en: Vec<_> = classes.iter().map(|class| class.word()).collect();
                let zh: Vec<_> = classes.iter().map(|class| class.zh()).collect();
                Explanation::new(
                    format!("credit class is {}", en.join(", ")),
                    format!("企业信用等级为{}", zh.join("、")),
                )
            }
            Self::Blacklisted => {
                Explanation::new("a party is on the blacklist", "有企业在黑名单上")
            }
            Self::WoodenPacking => Explanation::new("packed in wood", "使用木质包装"),
            Self::QuarantineArea => Explanation::new("from a quarantine area", "来自疫区"),
            Self::FirstShipment => {
                Explanation::new("first shipment of such goods", "申报企业首次申报该品目商品")
            }
            Self::All(inner) => joined(inner, " and ", "且"),
            Self::Any(inner) => joined(inner, " or ", "或"),
            Self::Not(inner) => {
                let what = inner.describe();
                Explanation::new(format!("not ({})", what.en), format!("非（{}）", what.zh))
            }
        }
    }
}

fn why(en: String, zh: String) -> Vec<Explanation> {
    vec![Explanation { en, zh }]
}

/// The first of a list that fits.
fn found(items: &[String], fits: impl Fn(&str) -> bool) -> Option<&str> {
    items.iter().map(String::as_str).find(|item| fits(item))
}

fn joined(inner: &[Condition], and_en: &str, and_zh: &str) -> Explanation {
    let parts: Vec<Explanation> = inner.iter().map(Condition::describe).collect();
    let en: Vec<_> = parts.iter().map(|part| part.en.as_str()).collect();
    let zh: Vec<_> = parts.iter().map(|part| part.zh.as_str()).collect();
    Explanation::new(format!("({})", en.join(and_en)), format!("（{}）", zh.join(and_zh)))
}

fn between(en: &str, zh: &str, range: Range) -> Explanation {
    let bound = |bound: Option<i64>| bound.map_or_else(|| "…".to_owned(), crate::rules::decimal);
    let (from, below) = (bound(range.from_e5), bound(range.below_e5));
    Explanation::new(
        format!("{en} from {from} to below {below}"),
        format!("{zh}{from}以上{below}以下"),
    )
}

fn quarantine(
    subject: &RiskSubject<'_>,
    line: &GoodsFacts<'_>,
    areas: &[Area],
) -> Option<Vec<Explanation>> {
    if subject.direction != Some(Direction::Import) {
        return None;
    }
    let from = |area: &&Area| area.country == line.country || area.country == subject.country;
    let mut areas = areas.iter().filter(|area| area.is_in_force(subject.date)).filter(from);
    areas.find(|area| area.means(line.gcode)).map(|area| {
        let Area { country, reason, .. } = area;
        why(
            format!("{country} is a quarantine area: {}", reason.en),
            format!("{country}为疫区：{}", reason.zh),
        )
    })
}

/// A country with a disease or a danger, for some goods and some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Three-digit customs code.
    pub country: String,
    /// Beginnings of goods codes that are meant; none means all goods.
    pub goods: Vec<String>,
    /// What is the matter.
    pub reason: Explanation,
    /// First day.
    pub valid_from: Date,
    /// Last day, when there is one.
    pub valid_to: Option<Date>,
    /// Who says so.
    pub source: RuleSource,
}
