//! Goods that come back (213, 625), held against the inventory that they left or came with.
//!
//! Source: fields of the lists of 213 and 625 in the CEB specification 202205 (line number, code, name
//! and units 与原申报清单一致; quantities 不大于原申报清单); 公告2020年第44号, 公告2020年第45号.

use std::collections::{BTreeMap, BTreeSet};

/// One quantity of a line, in 1/100000 of its unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineQuantity {
    /// How much.
    pub qty_e5: i64,
    /// Code of the unit.
    pub unit: String,
}

/// A line of goods, of an inventory or of an application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReturnLine {
    /// Number of the line in the inventory.
    pub gnum: u32,
    /// Ten-digit code of the goods.
    pub gcode: String,
    /// Name of the goods.
    pub gname: String,
    /// Their model; 625 does not name it.
    pub gmodel: Option<String>,
    /// Declared, first and second statutory quantity; 625 names the first of them only.
    pub quantities: [Option<LineQuantity>; 3],
}

/// The elements of [`ReturnLine::quantities`], by place: quantity and unit.
const ELEMENTS: [(&str, &str); 3] = [("qty", "unit"), ("qty1", "unit1"), ("qty2", "unit2")];

/// Why goods may not come back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReturnFault {
    /// The inventory has no line with this number and code.
    NoSuchLine {
        /// The number that the application names.
        gnum: u32,
        /// The code that it names.
        gcode: String,
    },
    /// An element that has to be as in the inventory is not.
    Differs {
        /// The line.
        gnum: u32,
        /// Which element.
        element: &'static str,
        /// What the application says.
        given: String,
        /// What the inventory says.
        held: String,
    },
    /// A quantity of nothing, or of less.
    NotAboveZero {
        /// The line.
        gnum: u32,
        /// Which quantity.
        element: &'static str,
    },
    /// All applications together are above the inventory.
    TooMuch {
        /// The line.
        gnum: u32,
        /// Which quantity.
        element: &'static str,
    },
}

impl ReturnFault {
    /// As receipts say it; `list` is the element of the lines. The texts are ours.
    pub fn text(&self, list: &str) -> String {
        match self {
            Self::NoSuchLine { gnum, gcode } => {
                format!(
                    "原清单中没有表体序号为[{gnum}]、商品编号为[{gcode}]的商品，[{list}.gnum:{gnum}]"
                )
            }
            Self::Differs { gnum, element, given, held } => {
                format!("与原清单不一致[{given}]，原清单[{held}]，[{list}.{element}，gnum:{gnum}]")
            }
            Self::NotAboveZero { gnum, element } => {
                format!("退货数量须大于0，[{list}.{element}，gnum:{gnum}]")
            }
            Self::TooMuch { gnum, element } => {
                format!("退货数量大于原清单可退数量，[{list}.{element}，gnum:{gnum}]")
            }
        }
    }
}

/// Holds an application against its inventory. `before` are the lines of the applications that were
/// accepted earlier. Empty when the goods may come back; otherwise every fault, each once, by line.
///
/// Lines that name the same line count together, within an application and over all of them.
pub fn check(
    inventory: &[ReturnLine],
    before: &[ReturnLine],
    application: &[ReturnLine],
) -> Vec<ReturnFault> {
    let returned = sums(before.iter().chain(application));
    let mut faults = BTreeSet::new();
    for line in application {
        let gnum = line.gnum;
        let of_inventory =
            inventory.iter().find(|held| held.gnum == gnum && held.gcode == line.gcode);
        let Some(held) = of_inventory else {
            faults.insert((gnum, ReturnFault::NoSuchLine { gnum, gcode: line.gcode.clone() }));
            continue;
        };
        let mut compare = |element, given: &str, held: &str| {
            if given.trim() != held.trim() {
                let (given, held) = (given.to_owned(), held.to_owned());
                faults.insert((gnum, ReturnFault::Differs { gnum, element, given, held }));
            }
        };
        compare("gname", &line.gname, &held.gname);
        if let (Some(given), Some(held)) = (&line.gmodel, &held.gmodel) {
            compare("gmodel", given, held);
        }
        for (at, (qty, unit)) in ELEMENTS.into_iter().enumerate() {
            let Some(given) = &line.quantities[at] else { continue };
            let none = LineQuantity::default();
            let held = held.quantities[at].as_ref().unwrap_or(&none);
            if given.unit != held.unit {
                let (given, held) = (given.unit.clone(), held.unit.clone());
                faults.insert((gnum, ReturnFault::Differs { gnum, element: unit, given, held }));
            }
            if given.qty_e5 <= 0 {
                faults.insert((gnum, ReturnFault::NotAboveZero { gnum, element: qty }));
            }
            if returned.get(&(gnum, at)).is_some_and(|sum| *sum > i128::from(held.qty_e5)) {
                faults.insert((gnum, ReturnFault::TooMuch { gnum, element: qty }));
            }
        }
    }
    faults.into_iter().map(|(_, fault)| fault).collect()
}

/// What comes back, by line of the inventory and place of the quantity. A quantity below zero takes
/// nothing off the others.
fn sums<'a>(lines: impl Iterator<Item = &'a ReturnLine>) -> BTreeMap<(u32, usize), i128> {
    let mut sums = BTreeMap::new();
    for line in lines {
        for (at, quantity) in line.quantities.iter().enumerate() {
            let qty = quantity.as_ref().map_or(0, |quantity| quantity.qty_e5.max(0));
            *sums.entry((line.gnum, at)).or_default() += i128::from(qty);
        }
    }
    sums
}
