//! How full a guarantee is (税款担保额度), and when its firm is told.

use super::ledger::Totals;

/// A level of a guarantee, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Enough.
    Sufficient,
    /// Below the share at which the firm is told.
    Low,
    /// Nothing is available.
    UsedUp,
}

/// The level of a guarantee: what is available against what was lodged with the credit line, with the
/// share below which it is low, in per cent. Nothing lodged is used up.
pub fn level(totals: &Totals, credit_line: i64, low_percent: u8) -> Level {
    let whole = totals.balance() + i128::from(credit_line);
    let available = totals.free() + i128::from(credit_line);
    if available <= 0 {
        Level::UsedUp
    } else if available * 100 < whole * i128::from(low_percent) {
        Level::Low
    } else {
        Level::Sufficient
    }
}

/// The level to tell the firm after a change, if it changed. It goes up as well as down, so that an
/// alarm ends by itself.
pub fn alarm(before: Level, after: Level) -> Option<Level> {
    (before != after).then_some(after)
}
