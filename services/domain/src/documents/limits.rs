//! How much a person may import this way, and until when goods may come back.
//!
//! Sources: 财关税〔2016〕18号 and 财关税〔2018〕49号 for the limits; announcements 2018 No. 194 and 2020
//! No. 44 and 45 and announcement 2026 No. 16 of three ministries for the times.

use time::macros::date;
use time::{Date, Duration};

use super::errors::coded;
use super::returns::{ReceiptStatus, status};
use super::tax::Band;
use crate::payment::built_in;
use crate::rules::{E5, FEN_E5, decimal};

/// The first day of retail imports. Its limits hold for everything before, too.
const FIRST_DAY: Date = date!(2016 - 04 - 08);

/// A limit of the law, in fen. The numbers have one place, the file with their laws.
fn limit(name: &str, date: Date) -> i64 {
    let limit = built_in::parameters().find(name, date.max(FIRST_DAY));
    // A test looks at every day on which a limit changes; without a limit nothing may pass.
    limit.map_or(0, |limit| limit.value)
}

/// What one order may be worth, in fen.
pub fn single_limit(date: Date) -> i64 {
    limit("limit.single_fen", date)
}

/// What one person may buy in a calendar year, in fen.
pub fn annual_limit(date: Date) -> i64 {
    limit("limit.annual_fen", date)
}

/// An amount in fen, rounded half up; amounts below zero count as nothing.
pub fn fen(amount_e5: i64) -> i64 {
    let amount = amount_e5.max(0);
    amount / FEN_E5 + i64::from(amount % FEN_E5 >= FEN_E5 / 2)
}

/// Which rules of collection hold for an order of this value (goods, freight and insurance).
///
/// An order may reach the single limit. Above it only one single item passes: one line, and one
/// piece on it. `key` names the inventory in the text.
///
/// # Errors
///
/// -621005.
pub fn check_single(
    date: Date,
    value_e5: i64,
    line_quantities_e5: &[i64],
    key: &str,
) -> Result<Band, ReceiptStatus> {
    band(single_limit(date), value_e5, line_quantities_e5, key)
}

/// The same for a limit in fen.
///
/// # Errors
///
/// -621005.
pub(crate) fn band(
    limit: i64,
    value_e5: i64,
    line_quantities_e5: &[i64],
    key: &str,
) -> Result<Band, ReceiptStatus> {
    if value_e5 <= limit * FEN_E5 {
        Ok(Band::Within)
    } else if line_quantities_e5 == [E5] {
        Ok(Band::Above)
    } else {
        Err(ReceiptStatus::refused(-621_005, &[key, &decimal(limit * FEN_E5)]))
    }
}

/// What one person has used of a calendar year, China Standard Time.
///
/// Values: whoever keeps the amounts reads one, works on it and stores it in one transaction, locked
/// by person and year. An amount is reserved when an inventory is accepted and restored when that
/// one is rejected, cancelled or sent back (-621014, -623025, -625024 say that this failed).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// In fen.
    pub used_fen: i64,
}

impl Quota {
    /// Books a purchase.
    ///
    /// # Errors
    ///
    /// A rejection (100, customs' code 1313) with the observed text.
    pub fn reserve(self, date: Date, amount_fen: i64) -> Result<Self, ReceiptStatus> {
        let used_fen = self.used_fen.saturating_add(amount_fen.max(0));
        let limit = annual_limit(date);
        if used_fen <= limit {
            return Ok(Self { used_fen });
        }
        let text = format!(
            "订购人购买超过年度限额,超过个人年度购买额度;totalPrice：{} > limitPrice: {};",
            grouped(used_fen),
            grouped(limit)
        );
        Err(ReceiptStatus::new(status::REJECTED, coded("1313", &text)))
    }

    /// Gives a purchase back; never below zero.
    #[must_use]
    pub fn restore(self, amount_fen: i64) -> Self {
        Self { used_fen: self.used_fen.saturating_sub(amount_fen.max(0)).max(0) }
    }
}

/// One purchase in the year of a person: what of it counts still.
///
/// A value like [`Quota`], kept beside it for each inventory: what was reserved is given back once, in
/// parts or whole, to the year it was taken from, whatever day it is by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// The calendar year that it counts in.
    pub year: i32,
    /// What was reserved, in fen.
    pub amount_fen: i64,
    /// What was given back of it.
    pub restored_fen: i64,
}

/// More was to be given back than is left of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "only {left_fen} fen of the purchase still count; less than nothing, or more, cannot be given back"
)]
pub struct LimitExcess {
    /// What still counts.
    pub left_fen: i64,
}

impl LimitExcess {
    /// The same in Chinese.
    pub fn zh(self) -> String {
        format!("该笔交易仅剩{}分计入年度额度，不能退回更多", self.left_fen)
    }
}

impl Reservation {
    /// What still counts.
    pub fn left_fen(self) -> i64 {
        self.amount_fen.saturating_sub(self.restored_fen)
    }

    /// Gives a part back, or with `None` whatever is left.
    ///
    /// # Errors
    ///
    /// When less is left.
    pub fn restore(self, year: Quota, part_fen: Option<i64>) -> Result<(Quota, Self), LimitExcess> {
        let left_fen = self.left_fen();
        let part_fen = part_fen.unwrap_or(left_fen);
        if !(0..=left_fen).contains(&part_fen) {
            return Err(LimitExcess { left_fen });
        }
        let restored_fen = self.restored_fen + part_fen;
        Ok((year.restore(part_fen), Self { restored_fen, ..self }))
    }
}

/// Who looks at a limit of the year, and so says the refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checker<'a> {
    /// The e-port, as soon as an inventory comes (-621018). It names the buyer, masked.
    Eport {
        /// As much of the buyer's name as may be said.
        buyer: &'a str,
    },
    /// Customs, with the other documents (1313).
    Customs,
}

/// A purchase that stays within both limits: how it is taxed, the year after it, and what is kept of it.
///
/// # Errors
///
/// -621005 above the single limit with more than one item; above the year -621018 or 1313.
pub fn purchase(
    day: Date,
    value_e5: i64,
    line_quantities_e5: &[i64],
    key: &str,
    year: Quota,
    checker: Checker<'_>,
) -> Result<(Band, Quota, Reservation), ReceiptStatus> {
    let band = check_single(day, value_e5, line_quantities_e5, key)?;
    let amount_fen = fen(value_e5);
    let after = year.reserve(day, amount_fen).map_err(|refused| match checker {
        Checker::Customs => refused,
        Checker::Eport { buyer } => {
            let [used, limit] =
                [year.used_fen, annual_limit(day)].map(|fen| decimal(fen.saturating_mul(FEN_E5)));
            ReceiptStatus::refused(-621_018, &[key, buyer, &used, &limit])
        }
    })?;
    let year = day.year();
    Ok((band, after, Reservation { year, amount_fen, restored_fen: 0 }))
}

/// An amount in fen as yuan with thousands separators: 26,114.44.
fn grouped(amount_fen: i64) -> String {
    let plain = decimal(amount_fen.saturating_mul(FEN_E5));
    let (whole, rest) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut text = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !rest.is_empty() {
        text.push('.');
        text.push_str(rest);
    }
    text
}

/// The times of an import that was released on a day. Whether the day of release counts as the first
/// one is unverified; here it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportTimes {
    /// Last day to apply for the return of goods (625): 30 days.
    pub apply_until: Date,
    /// Last day for the goods to be back at the site: 45 days.
    pub goods_back_until: Date,
    /// First day of the payment in bulk: day 31.
    pub pay_from: Date,
    /// Last day of the payment in bulk: day 45.
    pub pay_until: Date,
}

impl ImportTimes {
    /// Counts from the day of release.
    pub fn after(released: Date) -> Self {
        let day = |number| released.saturating_add(Duration::days(number));
        Self {
            apply_until: day(30),
            goods_back_until: day(45),
            pay_from: day(31),
            pay_until: day(45),
        }
    }
}

/// The times of an export that was released on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportTimes {
    /// Last day to apply for the goods to come back (213): one year.
    pub apply_until: Date,
    /// Last day for goods that come back unsold and unchanged to be free of import taxes: six months;
    /// only for exports declared from 2026-01-01 to 2027-12-31, and not for food.
    pub untaxed_until: Option<Date>,
}

impl ExportTimes {
    /// Counts from the day of release. A month that has no such day ends on its last one.
    pub fn after(released: Date) -> Self {
        let relieved = date!(2026 - 01 - 01)..=date!(2027 - 12 - 31);
        Self {
            apply_until: months_after(released, 12),
            untaxed_until: relieved.contains(&released).then(|| months_after(released, 6)),
        }
    }
}

fn months_after(date: Date, months: u8) -> Date {
    let year = date.year() + i32::from((u8::from(date.month()) - 1 + months) / 12);
    let month = date.month().nth_next(months);
    let day = date.day().min(month.length(year));
    // After the last day of the calendar there is only that one.
    Date::from_calendar_date(year, month, day).unwrap_or(Date::MAX)
}
