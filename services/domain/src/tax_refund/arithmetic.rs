//! Amounts of the export tax refund: whole fen, exact fractions in 128 bits, rounding by name.

use std::fmt;

/// One, in basis points.
pub const ONE_BP: i64 = 10_000;
/// No amount is above this: ten million million yuan. Products with a rate or quantity then fit.
pub const FEN_MAX: i64 = 1_000_000_000_000_000;
/// No quantity is above this, in 1/100000 of its unit (N19,5 of the national messages).
pub const QTY_E5_MAX: i64 = 9_200_000_000_000_000_000;

/// How a step was rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Nothing was to be rounded.
    Exact,
    /// Half up to the fen; amounts below zero are rounded like those above.
    HalfUp,
    /// Down to the fen.
    Down,
}

impl Rounding {
    /// In English.
    pub fn title(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::HalfUp => "rounded half up to the fen",
            Self::Down => "rounded down to the fen",
        }
    }

    /// In Chinese.
    pub fn title_zh(self) -> &'static str {
        match self {
            Self::Exact => "无舍入",
            Self::HalfUp => "四舍五入到分",
            Self::Down => "舍去分以下",
        }
    }
}

/// `amount × numerator ÷ denominator`, rounded half up and symmetric around zero: what is reversed
/// with the negative amount is reversed to the fen. `None`: it fits nowhere.
pub fn half_up(amount: i64, numerator: i64, denominator: i64) -> Option<i64> {
    let denominator = i128::from(denominator);
    let doubled = i128::from(amount).checked_mul(i128::from(numerator))?.checked_mul(2)?;
    let up = denominator.checked_mul(doubled.signum())?;
    i64::try_from(doubled.checked_add(up)?.checked_div(denominator.checked_mul(2)?)?).ok()
}

/// The part of an amount that some of its quantity is worth: rounded down, and the last part takes
/// what is left, so that the parts are the whole and never more. `used` is what was taken before.
/// `None`: the quantity is nothing, below zero, or not there any more, or more was used than there is.
pub fn part_of(whole: QuantityShare, used: QuantityShare, qty_e5: i64) -> Option<i64> {
    let left = whole.qty_e5.checked_sub(used.qty_e5)?;
    let left_fen = whole.fen.checked_sub(used.fen)?;
    let is_sound = used.qty_e5 >= 0 && used.fen >= 0 && left_fen >= 0;
    if !is_sound || qty_e5 <= 0 || qty_e5 > left {
        return None;
    }
    if qty_e5 == left {
        return Some(left_fen);
    }
    let product = i128::from(whole.fen).checked_mul(i128::from(qty_e5))?;
    let part = i64::try_from(product.checked_div(i128::from(whole.qty_e5))?).ok()?;
    Some(part.min(left_fen))
}

/// A quantity and what it is worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct QuantityShare {
    /// 1/100000 of the unit.
    pub qty_e5: i64,
    /// Fen, without tax.
    pub fen: i64,
}

/// An amount in yuan, for people.
#[derive(Debug, Clone, Copy)]
pub struct Yuan(pub i64);

impl fmt::Display for Yuan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let fen = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", fen / 100, fen % 100)
    }
}

/// A rate in basis points as per cent, for people.
#[derive(Debug, Clone, Copy)]
pub struct Percent(pub u32);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole} %"),
            (whole, rest) => write!(f, "{whole}.{rest:02} %"),
        }
    }
}
