//! How full a guarantee is (税款担保额度), and when its firm is told: by levels of a file, with dates.

use std::sync::LazyLock;

use time::Date;

use super::ledger::Totals;
use super::parameters::{Parameters, read};

/// The levels that come with the program, as text.
pub const LEVELS: &str = include_str!("../../data/guarantee-levels.toml");

static BUILT_IN: LazyLock<Parameters> =
    LazyLock::new(|| read(&[LEVELS]).expect("a test reads the file that is compiled in"));

/// The levels of a day, in per cent, from the highest to the lowest.
pub fn levels(day: Date) -> Vec<i64> {
    let percent = |number: u8| {
        let level = BUILT_IN.find(&format!("guarantee.level_{number}_percent"), day)?;
        Some(level.value)
    };
    (1..=9).map_while(percent).collect()
}

/// The lowest of these levels that a guarantee is below; `None` where enough is left, or nothing was ever lodged. 0 is
/// reached when nothing is left.
pub fn level(totals: &Totals, credit_line: i64, levels: &[i64]) -> Option<i64> {
    let whole = totals.balance() + i128::from(credit_line);
    let available = totals.free() + i128::from(credit_line);
    let is_below = |percent: &&i64| match **percent {
        0 => available <= 0 && (whole > 0 || available < 0),
        percent => available * 100 < whole * i128::from(percent),
    };
    levels.iter().rev().find(is_below).copied()
}

/// The level to tell the firm after a change: a lower one than before. When it rises again, the next fall is told.
pub fn alarm(before: Option<i64>, after: Option<i64>) -> Option<i64> {
    after.filter(|after| before.is_none_or(|before| *after < before))
}
