//! The rules of the inspection service: who is looked at, by whom, where and when, what was found and
//! what follows from it.
//!
//! Start with [`order`] (the life of the one joint inspection order of a declaration, 一次查验). Before
//! it stand [`risk`] (rules as data, with [`condition`] and [`rule_check`]) and [`draw`] (双随机, random
//! selection of goods and of officers); beside it [`appointment`] (place and time) and [`finding`]
//! (results and disposals); after it [`credit`] (traceability, measure 31 of 鲁政发〔2016〕13号) and
//! [`statistics`] (measure 10). What is refused has its code in [`crate::refusal`], SW-16xx.
//!
//! Sources: domain brief §4 (§4.2 for the invariants, §4.4 for the flow and the codes, which are our
//! own because no official list is public). What is from general knowledge says "unverified".

pub mod appointment;
pub mod condition;
pub mod credit;
pub mod draw;
pub mod finding;
pub mod joint;
pub mod order;
pub mod risk;
pub mod rule_check;
pub mod statistics;

use crate::clearance::Agency;

/// A sentence for people, in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Explanation {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

impl Explanation {
    /// Says the same twice.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }
}

/// Where a rule comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RuleSource {
    /// A law, by its number (文号).
    Law {
        /// For example `海关总署令第251号`.
        number: String,
        /// The text was not at hand: number or content is from general knowledge.
        unverified: bool,
    },
    /// We made it.
    Ours,
}

/// The stable word for an agency in draws and explanations.
pub fn agency_word(agency: Agency) -> &'static str {
    agency.titles().0
}
