//! Sample rule sets of both agencies, so that the sandbox has something to assess. They are no rules of
//! any authority: what a rule takes from a law says so, and says that the text was not at hand; all the
//! rest, and every choice of goods, countries and rates, is ours.

use std::sync::LazyLock;

use time::Date;
use time::macros::date;

use super::credit::Class;
use super::order::Method;
use super::risk::{
    Area, Condition, Range, RiskRule, RuleAction, RuleInstruction, RuleSet, SelectionRates,
};
use super::{Explanation, RuleSource};
use crate::clearance::Agency;
use crate::declaration::Direction;

/// A sample set of customs.
pub static SAMPLE_CUSTOMS: LazyLock<RuleSet> = LazyLock::new(customs);
/// A sample set of quarantine (国检).
pub static SAMPLE_QUARANTINE: LazyLock<RuleSet> = LazyLock::new(quarantine);

/// First day of rules that have no better one: that of 鲁政发〔2016〕13号 is 2016.
const FROM: Date = date!(2016 - 05 - 01);
/// GACC Order 251 came into force.
const ORDER_251: Date = date!(2021 - 11 - 01);

fn unverified(number: &str) -> RuleSource {
    RuleSource::Law { number: number.into(), unverified: true }
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

fn look(code: &str, text: &str, text_zh: &str, method: Method) -> Vec<RuleInstruction> {
    let (text, text_zh) = (text.to_owned(), text_zh.to_owned());
    vec![RuleInstruction { code: code.into(), text, text_zh, method, sampling: false }]
}

fn analyse(code: &str, text: &str, text_zh: &str) -> Vec<RuleInstruction> {
    let wanted = look(code, text, text_zh, Method::Manual);
    wanted.into_iter().map(|wanted| RuleInstruction { sampling: true, ..wanted }).collect()
}

fn rule(id: &str, titles: (&str, &str), condition: Condition, action: RuleAction) -> RiskRule {
    RiskRule {
        id: id.into(),
        title: titles.0.into(),
        title_zh: titles.1.into(),
        valid_from: FROM,
        valid_to: None,
        source: RuleSource::Ours,
        condition,
        action,
    }
}

fn customs() -> RuleSet {
    use Condition as C;
    let demand = |wanted| RuleAction::Demand { wanted };
    RuleSet {
        agency: Agency::Customs,
        version: 1,
        sample: true,
        rates: SelectionRates { advanced_bp: 50, general_bp: 300, untrusted_bp: 8_000 },
        rules: vec![
            rule(
                "C-001",
                ("A party is on the blacklist", "涉及黑名单企业"),
                C::Blacklisted,
                demand(look("OPEN", "open and count everything", "开箱彻底查验", Method::Manual)),
            ),
            RiskRule {
                valid_from: ORDER_251,
                source: unverified("海关总署令第251号"),
                ..rule(
                    "C-002",
                    ("Untrusted enterprise", "失信企业"),
                    C::Class(vec![Class::Untrusted]),
                    RuleAction::RandomAt {
                        rates: None,
                        wanted: look("OPEN", "open and count", "开箱查验", Method::Manual),
                    },
                )
            },
            rule(
                "C-003",
                ("Brand goods on export", "出口易涉侵权商品"),
                C::All(vec![
                    C::Direction(Direction::Export),
                    C::Goods(texts(&["4202", "6402", "6403", "6404", "9101", "9102"])),
                ]),
                RuleAction::RandomAt {
                    rates: Some(SelectionRates {
                        advanced_bp: 200,
                        general_bp: 1_000,
                        untrusted_bp: 8_000,
                    }),
                    wanted: look("BRAND", "look for brands", "核查商标标识", Method::Manual),
                },
            ),
            RiskRule {
                source: unverified("海关总署公告2020年第75号"),
                valid_from: date!(2020 - 07 - 01),
                ..rule(
                    "C-004",
                    ("B2B export above CNY 5,000", "跨境电商B2B出口超过5000元"),
                    C::All(vec![
                        C::Mode(texts(&["9710", "9810"])),
                        C::Value(Range { from_e5: Some(500_000_001), below_e5: None }),
                    ]),
                    demand(look("SCAN", "compare with the picture", "机检比对", Method::Machine)),
                )
            },
            rule(
                "C-005",
                ("Heavy parcel", "超重包裹"),
                C::All(vec![
                    C::Mode(texts(&["9610"])),
                    C::GrossWeight(Range { from_e5: Some(3_000_000), below_e5: None }),
                ]),
                demand(look("SCAN", "compare with the picture", "机检比对", Method::Machine)),
            ),
            rule(
                "C-900",
                ("Random selection", "随机布控"),
                C::Not(Box::new(C::Class(vec![Class::Untrusted]))),
                RuleAction::RandomAt {
                    rates: None,
                    wanted: look("SCAN", "compare with the picture", "机检比对", Method::Machine),
                },
            ),
        ],
        areas: Vec::new(),
    }
}

fn quarantine() -> RuleSet {
    use Condition as C;
    let demand = |wanted| RuleAction::Demand { wanted };
    // 1210 stock is inspected when it enters the zone, not at each sale (domain brief §4.3, unverified).
    let not_bonded = || C::Not(Box::new(C::Mode(texts(&["1210", "1239"]))));
    let import = || C::Direction(Direction::Import);
    RuleSet {
        agency: Agency::Quarantine,
        version: 1,
        sample: true,
        rates: SelectionRates { advanced_bp: 50, general_bp: 200, untrusted_bp: 5_000 },
        rules: vec![
            rule(
                "I-001",
                ("From a quarantine area", "来自疫区的商品"),
                C::QuarantineArea,
                demand(analyse("LAB", "sample and analyse", "取样送检")),
            ),
            RiskRule {
                source: unverified("质检总局令第84号"),
                ..rule(
                    "I-002",
                    ("Wooden packing on import", "进境木质包装"),
                    C::All(vec![import(), C::WoodenPacking]),
                    demand(look(
                        "IPPC",
                        "look for the IPPC mark and for pests",
                        "查验IPPC标识及有害生物",
                        Method::Manual,
                    )),
                )
            },
            rule(
                "I-003",
                ("Food that this declarant never imported", "首次进口食品"),
                C::All(vec![
                    import(),
                    not_bonded(),
                    C::Goods(texts(&["16", "17", "18", "19", "20", "21", "22"])),
                    C::FirstShipment,
                ]),
                demand(look("LABEL", "check labels and dates", "核查标签及保质期", Method::Manual)),
            ),
            rule(
                "I-004",
                ("Meat, fish, milk, fruit", "肉类、水产、乳品、水果"),
                C::All(vec![import(), not_bonded(), C::Goods(texts(&["02", "03", "04", "08"]))]),
                RuleAction::RandomAt {
                    rates: Some(SelectionRates {
                        advanced_bp: 500,
                        general_bp: 2_000,
                        untrusted_bp: 10_000,
                    }),
                    wanted: analyse("LAB", "sample and analyse", "取样送检"),
                },
            ),
            rule(
                "I-900",
                ("Random selection", "随机抽查"),
                not_bonded(),
                RuleAction::RandomAt {
                    rates: None,
                    wanted: look("LOOK", "look at the goods", "现场查验", Method::Manual),
                },
            ),
        ],
        areas: vec![Area {
            country: "116".into(),
            goods: texts(&["03", "1604", "1605"]),
            reason: Explanation::new("aquatic products are stopped", "暂停进口水产品"),
            valid_from: date!(2023 - 08 - 24),
            valid_to: None,
            source: unverified("海关总署公告2023年第103号"),
        }],
    }
}
