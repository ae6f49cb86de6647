//! Goods in warehouses overseas (9810): refunded on departure, settled by what was sold.
//!
//! What is not sold when it leaves is refunded in advance (business type `HWC-YT`). In the period of
//! settlement every advance refund ends in one of three ways: all sold for the declared amount, it is
//! confirmed; sold for another amount, it is reversed whole and the sold part claimed anew; not sold,
//! or not all of it, the unsold part is reversed and paid back, and claimed again when sold. One that
//! nobody settled in time is recovered whole. Source: 国家税务总局公告2025年第3号; that a part that
//! sold for its amount is confirmed while the rest is reversed follows its example.

use std::collections::BTreeMap;

use time::Date;

use super::arithmetic::{QuantityShare, half_up};
use super::deadline::{Deadline, settlement_from};

/// The business type of an advance refund (海外仓预退).
pub const ADVANCE_TYPE: &str = "HWC-YT";

/// An advance refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Advance {
    /// What left: quantity, and FOB as claimed.
    pub goods: QuantityShare,
    /// What was refunded for it.
    pub refund_fen: i64,
    /// The day on which the money came.
    pub completed: Date,
}

/// What a warehouse sold of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sales {
    /// Quantity and FOB of what was sold.
    pub sold: QuantityShare,
}

/// What the warehouse reported of an advance refund, each report once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SalesReports {
    reports: BTreeMap<String, QuantityShare>,
    sold: QuantityShare,
}

/// Why a report of sales is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The number was used for other sales.
    #[error("a report with this number is there already, with other sales")]
    Different,
    /// A quantity is not above zero, or an amount below.
    #[error("the quantity has to be above zero, and the amount not below")]
    Amount,
    /// More than left the country, with the reports before.
    #[error("with the reports before, more is sold than left the country")]
    TooMuch,
}

impl ReportError {
    /// In Chinese.
    pub fn text_zh(self) -> &'static str {
        match self {
            Self::Different => "该报告编号已用于其他销售",
            Self::Amount => "数量须大于0，金额不得小于0",
            Self::TooMuch => "累计销售数量大于出口数量",
        }
    }
}

impl SalesReports {
    /// Takes a report; again with the same content changes nothing.
    ///
    /// # Errors
    ///
    /// It is there with other content, or it cannot be; nothing is changed.
    pub fn take(
        &mut self,
        of: Advance,
        number: &str,
        sold: QuantityShare,
    ) -> Result<(), ReportError> {
        if let Some(before) = self.reports.get(number) {
            return if *before == sold { Ok(()) } else { Err(ReportError::Different) };
        }
        if sold.qty_e5 <= 0 || sold.fen < 0 {
            return Err(ReportError::Amount);
        }
        let sum =
            self.sold.qty_e5.checked_add(sold.qty_e5).zip(self.sold.fen.checked_add(sold.fen));
        let (qty_e5, fen) = sum.ok_or(ReportError::Amount)?;
        if qty_e5 > of.goods.qty_e5 {
            return Err(ReportError::TooMuch);
        }
        self.sold = QuantityShare { qty_e5, fen };
        self.reports.insert(number.to_owned(), sold);
        Ok(())
    }

    /// All sales together.
    pub fn sales(&self) -> Sales {
        Sales { sold: self.sold }
    }
}

/// How an advance refund ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Settlement {
    /// Quantity that is confirmed: no adjustment.
    pub confirmed_e5: i64,
    /// Its refund.
    pub confirmed_fen: i64,
    /// Quantity that is reversed with negative numbers.
    pub reversed_e5: i64,
    /// Its refund, which is paid back.
    pub reversed_fen: i64,
    /// Quantity that may be claimed anew at once, because it is sold.
    pub claimed_anew_e5: i64,
    /// Quantity that may be claimed when it is sold.
    pub claimable_later_e5: i64,
}

/// Why there is no settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettlementError {
    /// It begins on the first of the month after the completion.
    #[error("the settlement begins on {0}")]
    TooEarly(Date),
    /// More was sold than left, or a number is below zero.
    #[error("more is sold than left, or a quantity or amount is below zero")]
    Sales,
}

impl SettlementError {
    /// In Chinese.
    pub fn text_zh(self) -> String {
        match self {
            Self::TooEarly(from) => format!("核算期自{from}开始"),
            Self::Sales => "销售数量或金额不合理".to_owned(),
        }
    }
}

/// Settles an advance refund on a day. After the last day nothing is confirmed: all of it is recovered.
///
/// # Errors
///
/// It is too early, or the sales cannot be.
pub fn settle(advance: Advance, sales: Sales, today: Date) -> Result<Settlement, SettlementError> {
    let Advance { goods, refund_fen, completed } = advance;
    let from = settlement_from(completed).ok_or(SettlementError::Sales)?;
    if today < from {
        return Err(SettlementError::TooEarly(from));
    }
    let sold = sales.sold;
    let lowest = sold.qty_e5.min(sold.fen).min(goods.fen).min(refund_fen);
    if lowest < 0 || sold.qty_e5 > goods.qty_e5 || goods.qty_e5 <= 0 {
        return Err(SettlementError::Sales);
    }
    let last = Deadline::Settlement.last_day(completed).ok_or(SettlementError::Sales)?;
    // The declared amount of what was sold.
    let declared = half_up(goods.fen, sold.qty_e5, goods.qty_e5).ok_or(SettlementError::Sales)?;
    let same_amount = sold.fen == declared;
    let confirmed_e5 = if today <= last && same_amount { sold.qty_e5 } else { 0 };
    let confirmed_fen =
        half_up(refund_fen, confirmed_e5, goods.qty_e5).ok_or(SettlementError::Sales)?;
    Ok(Settlement {
        confirmed_e5,
        confirmed_fen,
        reversed_e5: goods.qty_e5 - confirmed_e5,
        reversed_fen: refund_fen - confirmed_fen,
        claimed_anew_e5: sold.qty_e5 - confirmed_e5,
        claimable_later_e5: goods.qty_e5 - sold.qty_e5,
    })
}
