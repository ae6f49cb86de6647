//! How a receipt is divided among the exports that it pays (收款核销), one after the other.
//!
//! Nothing is given to an export beyond what is due for it, and nothing of a receipt is left over: a receipt that is
//! more than everything that it names pays nothing, and people look at it. What is missing in the end is the fee of
//! banks on the way, when it is within the tolerance; otherwise more is to come.

/// What of a receipt is for an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Allotment {
    /// Of the receipt, above zero.
    pub amount: i64,
    /// What is missing within the tolerance.
    pub fee: i64,
}

/// Why a receipt pays nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AllotmentError {
    /// So much more came than is due.
    #[error("it is more than what is due")]
    Over(i64),
    /// Nothing is due for any of them, or an amount makes no sense.
    #[error("nothing is due")]
    NothingDue,
}

/// Divides an amount among what is due, in the given order; `None` for one that gets nothing.
///
/// # Errors
///
/// Why it pays nothing.
pub fn allot(
    amount: i64,
    dues: &[i64],
    tolerance: i64,
) -> Result<Vec<Option<Allotment>>, AllotmentError> {
    let total = dues.iter().try_fold(0_i64, |sum, due| sum.checked_add(*due));
    let total = total.filter(|total| *total > 0 && dues.iter().all(|due| *due >= 0));
    let total = total.filter(|_| amount > 0).ok_or(AllotmentError::NothingDue)?;
    if amount > total {
        return Err(AllotmentError::Over(amount - total));
    }
    let is_whole = total - amount <= tolerance;
    let mut left = amount;
    let allotted = dues.iter().map(|due| {
        let amount = left.min(*due);
        left -= amount;
        let fee = if is_whole { due - amount } else { 0 };
        (amount > 0).then_some(Allotment { amount, fee })
    });
    Ok(allotted.collect())
}

/// A tolerance in hundredths of a main unit, in the minor unit of a currency.
pub fn tolerance(hundredths: i64, currency: super::ledger::Currency) -> i64 {
    let one = 10_i64.saturating_pow(currency.minor_digits());
    hundredths.saturating_mul(one) / 100
}
