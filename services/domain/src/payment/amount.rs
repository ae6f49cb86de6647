//! Amounts as texts: main units with a point and at most as many digits behind it as the currency has.

use super::ledger::Currency;

/// Digits of an amount, as ISO 20022 allows them.
pub const DIGITS_MAX: usize = 18;

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountError {
    /// No decimal number: digits, perhaps a point and more digits.
    Form,
    /// More digits than there may be.
    Long,
    /// More digits behind the point than the currency has; zeros do not count.
    Decimals,
}

impl AmountError {
    /// In English and Chinese.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Form => {
                ("is no amount: digits, and a point with digits", "不是金额，须为数字和小数点")
            }
            Self::Long => ("has too many digits", "位数过多"),
            Self::Decimals => (
                "has more digits after the point than its currency",
                "小数位数超过该币种的最小单位",
            ),
        }
    }
}

/// An amount in the minor unit.
///
/// # Errors
///
/// Why the text is none.
pub fn parse(currency: Currency, text: &str) -> Result<i64, AmountError> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_part = !text.contains('.') || !part.is_empty();
    if whole.is_empty() || !has_part || !is_number(whole) || !is_number(part) {
        return Err(AmountError::Form);
    }
    if whole.len() + part.len() > DIGITS_MAX {
        return Err(AmountError::Long);
    }
    let part = part.trim_end_matches('0');
    let digits = usize::try_from(currency.minor_digits()).map_err(|_| AmountError::Decimals)?;
    if part.len() > digits {
        return Err(AmountError::Decimals);
    }
    format!("{whole}{part:0<digits$}").parse().map_err(|_| AmountError::Long)
}

/// The same with a sign in front where it is below zero.
///
/// # Errors
///
/// Why the text is none.
pub fn parse_signed(currency: Currency, text: &str) -> Result<i64, AmountError> {
    match text.strip_prefix('-') {
        Some(text) => parse(currency, text).map(|amount| -amount),
        None => parse(currency, text),
    }
}

/// An amount with all digits of its currency.
pub fn shown(currency: Currency, amount: i64) -> String {
    let one = 10_u64.pow(currency.minor_digits());
    let (sign, amount) = (if amount < 0 { "-" } else { "" }, amount.unsigned_abs());
    if one == 1 {
        return format!("{sign}{amount}");
    }
    let digits = usize::try_from(currency.minor_digits()).unwrap_or(usize::MAX); // a handful
    format!("{sign}{}.{:0digits$}", amount / one, amount % one)
}
