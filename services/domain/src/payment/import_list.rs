//! Which goods may come as retail imports, and what the list says of them (零售进口商品清单).
//!
//! Remarks and not refusals: the declaration service and customs decide about goods, and a tax is
//! computed for what is not on the list as well, so that the sender sees both.

use time::Date;

use super::parameters::{Parameters, YearlyMost};
use crate::documents::tax::TaxableLine;
use crate::rules::decimal;

/// What the list says against a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Remark {
    /// The goods are not on it.
    #[error("line {gnum}: {code} is not on the list of retail imports")]
    NotListed {
        /// Number of the line.
        gnum: u32,
        /// Code of the goods.
        code: String,
    },
    /// The goods may only come as bonded imports.
    #[error("line {gnum}: {code} is only allowed as bonded import (1210)")]
    BondedOnly {
        /// Number of the line.
        gnum: u32,
        /// Code of the goods.
        code: String,
    },
    /// The line alone is more than a person may buy in a year.
    #[error("line {gnum}: {} is more than the {} of unit {} that a person may buy in a year", decimal(*.qty_e5), decimal(.most.qty_e5), .most.unit)]
    TooMuch {
        /// Number of the line.
        gnum: u32,
        /// Of the line, in 1/100000 of the unit.
        qty_e5: i64,
        /// The most of a year.
        most: YearlyMost,
    },
    /// There is a most in a unit that the line does not have.
    #[error(
        "line {gnum}: a quantity is needed in the customs unit {unit}, in which a most a year is set"
    )]
    NoQuantity {
        /// Number of the line.
        gnum: u32,
        /// Customs unit.
        unit: String,
    },
}

impl Remark {
    /// The same in Chinese.
    pub fn zh(&self) -> String {
        match self {
            Self::NotListed { gnum, code } => {
                format!("第{gnum}项：{code}不在跨境电商零售进口商品清单内")
            }
            Self::BondedOnly { gnum, code } => {
                format!("第{gnum}项：{code}仅限网购保税商品（1210）")
            }
            Self::TooMuch { gnum, qty_e5, most } => format!(
                "第{gnum}项：数量{}超过个人年度限量{}（计量单位{}）",
                decimal(*qty_e5),
                decimal(most.qty_e5),
                most.unit
            ),
            Self::NoQuantity { gnum, unit } => {
                format!("第{gnum}项：有年度限量，须提供计量单位{unit}的数量")
            }
        }
    }
}

/// Everything that the list says against the lines of an order.
pub fn remarks(
    parameters: &Parameters,
    day: Date,
    is_bonded: bool,
    lines: &[TaxableLine<'_>],
) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for line in lines {
        let (gnum, code) = (line.gnum, line.gcode.to_owned());
        let Some(listed) = parameters.listed(line.gcode, day) else {
            remarks.push(Remark::NotListed { gnum, code });
            continue;
        };
        if listed.is_bonded_only && !is_bonded {
            remarks.push(Remark::BondedOnly { gnum, code });
        }
        let Some(most) = &listed.yearly_most else { continue };
        let mut measures = [Some(line.first), line.second].into_iter().flatten();
        match measures.find(|measure| measure.unit == most.unit) {
            Some(measure) if measure.qty_e5 > most.qty_e5 => {
                let (qty_e5, most) = (measure.qty_e5, most.clone());
                remarks.push(Remark::TooMuch { gnum, qty_e5, most });
            }
            Some(_) => {}
            None => remarks.push(Remark::NoQuantity { gnum, unit: most.unit.clone() }),
        }
    }
    remarks
}
