//! Summing up a month's export inventories to goods declarations (清单核放、汇总申报).
//!
//! Source: 公告2018年第194号 art. 12: inventories that were closed are put together by the same consignor
//! (收发货人), transport (运输方式), producer (生产销售单位), country of arrival (运抵国) and customs house of
//! exit (出境关别); their lines by the same final destination (最终目的国), ten-digit code and currency.
//! CEB specification 202205, 701: `statisticsFlag` B only; `summaryFlag` 1 leaves the producer out;
//! `itemNameFlag` 1 keeps goods of different names apart. Units and trade mode are ours: quantities in
//! different units have no sum, and a goods declaration has one supervision mode.

use std::collections::BTreeMap;

use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// How an application wants its inventories put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SummaryRule {
    /// `summaryFlag` 2: what different producers made is apart.
    pub by_producer: bool,
    /// `itemNameFlag` 1: goods with different names are apart.
    pub by_name: bool,
}

impl SummaryRule {
    /// The rule that an application names by its two flags.
    ///
    /// # Errors
    ///
    /// The text of a rejection when `summaryFlag` is neither 1 nor 2.
    pub fn parse(summary_flag: &str, item_name_flag: &str) -> Result<Self, String> {
        let by_producer = match summary_flag {
            "1" => false,
            "2" => true,
            other => return Err(format!("summaryFlag[{other}]须为1或2")),
        };
        Ok(Self { by_producer, by_name: item_name_flag == "1" })
    }
}

/// An inventory as a summary sees it. Quantities and amounts in 1/100000.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "elements of the national message in snake case")]
pub struct SummaryInventory {
    pub invt_no: String,
    pub logistics_no: String,
    pub statistics_flag: String,
    /// It has reached 899.
    pub closed: bool,
    /// Another summary has taken it up.
    pub summed: bool,
    pub ebc_code: String,
    pub owner_code: String,
    pub trade_mode: String,
    pub traf_mode: String,
    pub country: String,
    pub port_code: String,
    pub gross_weight_e5: i64,
    pub net_weight_e5: i64,
    pub lines: Vec<SummaryLine>,
}

/// A line of an inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "elements of the national message in snake case")]
pub struct SummaryLine {
    pub gnum: u32,
    pub gcode: String,
    pub item_name: String,
    pub country: String,
    pub currency: String,
    /// `unit`, `unit1`, `unit2`.
    pub units: [String; 3],
    /// `qty`, `qty1`, `qty2`.
    pub quantities_e5: [i64; 3],
    pub total_price_e5: i64,
}

/// The flag of inventories that are summed up (汇总申报); A is declared once and for all (简化申报).
const SUMMED_UP: &str = "B";

/// Why an inventory that is there may not be taken up, in the words of a rejection.
pub fn unfit(inventory: &SummaryInventory, ebc_code: &str) -> Option<&'static str> {
    if inventory.ebc_code != ebc_code {
        Some("收发货人与汇总申请单不一致")
    } else if inventory.statistics_flag != SUMMED_UP {
        Some("申报业务类型不是B-汇总申报")
    } else if inventory.summed {
        Some("已汇总")
    } else if !inventory.closed {
        Some("未结关")
    } else {
        None
    }
}

/// What all inventories of a goods declaration have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "elements of the national message in snake case")]
pub struct Common {
    pub ebc_code: String,
    pub traf_mode: String,
    /// Empty where the rule leaves the producer out.
    pub owner_code: String,
    pub country: String,
    pub port_code: String,
    pub trade_mode: String,
}

/// What all lines of goods in one line of a goods declaration have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "elements of the national message in snake case")]
pub struct CommonLine {
    pub country: String,
    pub gcode: String,
    pub currency: String,
    pub units: [String; 3],
    /// Empty where the rule does not ask for the name.
    pub item_name: String,
}

/// A goods declaration that a summary comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryDeclaration {
    /// What its inventories have in common.
    pub common: Common,
    /// Sum of the gross weights.
    pub gross_weight_e5: i128,
    /// Sum of the net weights.
    pub net_weight_e5: i128,
    /// Its lines; the first one has the number 1.
    pub lines: Vec<DeclarationLine>,
}

/// A line of a goods declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclarationLine {
    /// What its parts have in common.
    pub common: CommonLine,
    /// Sums of `qty`, `qty1`, `qty2`.
    pub quantities_e5: [i128; 3],
    /// Sum of the prices.
    pub total_price_e5: i128,
    /// Where its goods come from.
    pub parts: Vec<SummaryPart>,
}

/// A line of an inventory in a line of a goods declaration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "elements of the national message in snake case")]
pub struct SummaryPart {
    pub invt_no: String,
    pub logistics_no: String,
    pub gnum: u32,
}

/// Puts inventories together. Declarations and their lines come in the order of what they have in
/// common, so that the result does not depend on the order of the inventories.
pub fn merge(inventories: &[SummaryInventory], rule: SummaryRule) -> Vec<SummaryDeclaration> {
    let mut groups: BTreeMap<Common, Vec<&SummaryInventory>> = BTreeMap::new();
    for inventory in inventories {
        let common = Common {
            ebc_code: inventory.ebc_code.clone(),
            traf_mode: inventory.traf_mode.clone(),
            owner_code: when(rule.by_producer, &inventory.owner_code),
            country: inventory.country.clone(),
            port_code: inventory.port_code.clone(),
            trade_mode: inventory.trade_mode.clone(),
        };
        groups.entry(common).or_default().push(inventory);
    }
    groups.into_iter().map(|(common, members)| declaration(common, &members, rule)).collect()
}

fn declaration(
    common: Common,
    inventories: &[&SummaryInventory],
    rule: SummaryRule,
) -> SummaryDeclaration {
    let mut lines: BTreeMap<CommonLine, DeclarationLine> = BTreeMap::new();
    for inventory in inventories {
        for line in &inventory.lines {
            let common = CommonLine {
                country: line.country.clone(),
                gcode: line.gcode.clone(),
                currency: line.currency.clone(),
                units: line.units.clone(),
                item_name: when(rule.by_name, &line.item_name),
            };
            let sum = lines.entry(common.clone()).or_insert_with(|| DeclarationLine {
                common,
                quantities_e5: [0; 3],
                total_price_e5: 0,
                parts: Vec::new(),
            });
            for (sum, quantity) in sum.quantities_e5.iter_mut().zip(line.quantities_e5) {
                *sum += i128::from(quantity);
            }
            sum.total_price_e5 += i128::from(line.total_price_e5);
            sum.parts.push(SummaryPart {
                invt_no: inventory.invt_no.clone(),
                logistics_no: inventory.logistics_no.clone(),
                gnum: line.gnum,
            });
        }
    }
    let mut lines: Vec<DeclarationLine> = lines.into_values().collect();
    for line in &mut lines {
        line.parts.sort_unstable();
    }
    let weight =
        |of: fn(&SummaryInventory) -> i64| inventories.iter().map(|it| i128::from(of(it))).sum();
    SummaryDeclaration {
        common,
        gross_weight_e5: weight(|it| it.gross_weight_e5),
        net_weight_e5: weight(|it| it.net_weight_e5),
        lines,
    }
}

fn when(counts: bool, value: &str) -> String {
    if counts { value.to_owned() } else { String::new() }
}

/// A time as firms write it: 14 digits, China Standard Time.
pub const C14: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day][hour][minute][second]");

/// The period of an application, in the time of China; `None` where it names no times and its list
/// counts. Source: 填写须成对，结束时间须大于等于开始时间.
///
/// # Errors
///
/// The text of a rejection when one time stands alone, is no real time, or they are not in order.
pub fn period(
    start: &str,
    end: &str,
) -> Result<Option<(PrimitiveDateTime, PrimitiveDateTime)>, String> {
    let time = |element: &str, text: &str| {
        PrimitiveDateTime::parse(text, C14).map_err(|_| format!("{element}[{text}]不是有效的时间"))
    };
    match (start, end) {
        ("", "") => Ok(None),
        ("", _) => Err("startTime为空，startTime和endTime须成对填写".to_owned()),
        (_, "") => Err("endTime为空，startTime和endTime须成对填写".to_owned()),
        (start, end) => {
            let (from, until) = (time("startTime", start)?, time("endTime", end)?);
            if until < from {
                return Err(format!("endTime[{end}]早于startTime[{start}]"));
            }
            Ok(Some((from, until)))
        }
    }
}
