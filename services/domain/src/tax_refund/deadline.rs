//! Until when: the days of the export tax refund. Every day given is the last one in time.
//!
//! Sources: 国家税务总局公告2026年第5号 (money in by 30 April, art. 48; filing documents in 15 days,
//! kept ten years; waiver of 36 months); 财政部 税务总局公告2026年第11号 (36 months);
//! 国家税务总局公告2025年第3号 (9810); 公告2026年第16号 (six months for what comes back). Whether the
//! day itself counts is unverified.

use time::{Date, Duration, Month, Weekday};

/// A deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Deadline {
    /// Money is in, or counts as in: 30 April of the year after the export.
    MoneyIn,
    /// Routinely claimed: the same day.
    Claim,
    /// Claimed at all: 36 months after the export. Later it is taxed as a sale at home.
    ClaimAtAll,
    /// Filing documents are ready: 15 days after the claim.
    FilingDocuments,
    /// Filing documents are kept: ten years after the claim.
    Keep,
    /// The supplier's tax office answered: three months after the letter.
    Letter,
    /// An advance refund is settled: 30 April of the year after its completion.
    Settlement,
    /// Exported goods came back without duty: six months after the export.
    Return,
    /// A waiver of the refund binds: 36 months.
    Waiver,
}

impl Deadline {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::MoneyIn,
        Self::Claim,
        Self::ClaimAtAll,
        Self::FilingDocuments,
        Self::Keep,
        Self::Letter,
        Self::Settlement,
        Self::Return,
        Self::Waiver,
    ];

    /// Its last day, counted from the day that begins it. `None`: beyond the calendar.
    pub fn last_day(self, from: Date) -> Option<Date> {
        match self {
            Self::MoneyIn | Self::Claim | Self::Settlement => next_april(from),
            Self::ClaimAtAll | Self::Waiver => months_later(from, 36),
            Self::FilingDocuments => from.checked_add(Duration::days(15)),
            Self::Keep => months_later(from, 120),
            Self::Letter => months_later(from, 3),
            Self::Return => months_later(from, 6),
        }
    }

    /// What it is, in English.
    pub fn title(self) -> &'static str {
        match self {
            Self::MoneyIn => "money in",
            Self::Claim => "claim",
            Self::ClaimAtAll => "last possible claim",
            Self::FilingDocuments => "filing documents ready",
            Self::Keep => "filing documents kept",
            Self::Letter => "answer to the letter",
            Self::Settlement => "settlement of the advance refund",
            Self::Return => "goods back without duty",
            Self::Waiver => "waiver binds",
        }
    }

    /// The same in Chinese.
    pub fn title_zh(self) -> &'static str {
        match self {
            Self::MoneyIn => "收汇期限",
            Self::Claim => "申报期限",
            Self::ClaimAtAll => "最终申报期限",
            Self::FilingDocuments => "备案单证备齐期限",
            Self::Keep => "备案单证保存期限",
            Self::Letter => "复函期限",
            Self::Settlement => "预退税核算期限",
            Self::Return => "退运免税期限",
            Self::Waiver => "放弃退税期限",
        }
    }

    /// Where it is written.
    pub fn law(self) -> &'static str {
        match self {
            Self::MoneyIn | Self::Claim | Self::FilingDocuments | Self::Keep | Self::Waiver => {
                "国家税务总局公告2026年第5号"
            }
            Self::ClaimAtAll => "财政部 税务总局公告2026年第11号",
            Self::Letter => "出口货物税收函调管理办法（惯例）",
            Self::Settlement => "国家税务总局公告2025年第3号",
            Self::Return => "财政部 海关总署 税务总局公告2026年第16号",
        }
    }
}

/// The day until which the money has to be in. A contract with a later day of payment counts, but
/// never beyond 36 months.
pub fn money_in_by(export_date: Date, by_contract: Option<Date>) -> Option<Date> {
    let routine = Deadline::MoneyIn.last_day(export_date)?;
    let last = Deadline::ClaimAtAll.last_day(export_date)?;
    Some(by_contract.map_or(routine, |day| day.max(routine).min(last)))
}

/// The settlement of an advance refund begins on the first of the month after its completion.
pub fn settlement_from(completed: Date) -> Option<Date> {
    months_later(completed.replace_day(1).ok()?, 1)
}

/// The last of so many working days after a day. Saturdays and Sundays are none; holidays are not known here, so the
/// real day may be later.
pub fn working_days_later(from: Date, days: u8) -> Date {
    let mut day = from;
    for _ in 0..days {
        day = day.saturating_add(Duration::DAY);
        while matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            day = day.saturating_add(Duration::DAY);
        }
    }
    day
}

/// What is due within so many days: how many are left, below zero when it is over.
pub fn days_left(last: Date, today: Date) -> i64 {
    (last - today).whole_days()
}

/// How many days before the last one a firm is reminded, and once more when it is over.
pub const REMINDERS_DAYS: [i64; 5] = [60, 30, 15, 7, 1];

/// The reminder that falls between two days (after the first, up to the second), the latest of them:
/// days that are left, or -1 when the last day is over.
pub fn reminder(last: Date, seen: Date, today: Date) -> Option<i64> {
    let (before, now) = (days_left(last, seen), days_left(last, today));
    let all = REMINDERS_DAYS.into_iter().chain([-1]);
    all.filter(|days| now <= *days && *days < before).min()
}

fn next_april(from: Date) -> Option<Date> {
    Date::from_calendar_date(from.year() + 1, Month::April, 30).ok()
}

/// The same day so many months later, or the last of that month.
pub(super) fn months_later(from: Date, months: i32) -> Option<Date> {
    let months = i32::from(u8::from(from.month())) - 1 + months;
    let year = from.year() + months.div_euclid(12);
    let month = Month::try_from(u8::try_from(months.rem_euclid(12) + 1).ok()?).ok()?;
    Date::from_calendar_date(year, month, from.day().min(month.length(year))).ok()
}
