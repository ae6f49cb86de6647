//! Settlement of forex (结汇): a quote binds a rate for a time, with one side fixed.

use time::OffsetDateTime;

use super::ledger::Currency;

/// The fixed point of rates: 1/100000000.
pub const RATE_ONE: i64 = 100_000_000;

/// Which amount is given; the other one follows from the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FixedSide {
    /// What is sold, in its minor unit.
    Sold(i64),
    /// What is bought, in its minor unit.
    Bought(i64),
}

/// A rate that a bank binds itself to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Given away.
    pub sold: Currency,
    /// Taken for it.
    pub bought: Currency,
    /// Main units of what is bought for one of what is sold, in 1/100000000.
    pub rate_e8: i64,
    /// Whose rate, such as the bank's buying rate.
    pub source: String,
    /// When the rate was taken.
    pub as_of: OffsetDateTime,
    /// Until when it binds; not any more at that moment.
    pub valid_until: OffsetDateTime,
    /// Which side is given.
    pub fixed: FixedSide,
}

/// What is exchanged, each in its minor unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Amounts {
    /// Debited.
    pub sold: i64,
    /// Credited.
    pub bought: i64,
}

/// Why a quote cannot be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bank is not bound any more, or not yet: ask for a fresh quote.
    #[error("the quote does not bind at this time; ask for a fresh one")]
    Expired,
    /// The same currency twice, or a rate or amount that is not above zero.
    #[error("the quote makes no sense")]
    Senseless,
    /// An amount would not fit, or be nothing.
    #[error("the amount is too large or too small for this rate")]
    Amount,
}

impl Error {
    /// The same in Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Expired => "报价已失效，请重新询价",
            Self::Senseless => "报价内容有误",
            Self::Amount => "按该汇率金额过大或过小",
        }
    }
}

impl Quote {
    /// What is exchanged when the quote is accepted at a time. The side that follows is rounded for
    /// the bank: what is bought down, what is sold up.
    ///
    /// # Errors
    ///
    /// When it does not bind then, or cannot be computed.
    pub fn accept(&self, at: OffsetDateTime) -> Result<Amounts, Error> {
        let (FixedSide::Sold(given) | FixedSide::Bought(given)) = self.fixed;
        if self.sold == self.bought || self.rate_e8 <= 0 || given <= 0 {
            return Err(Error::Senseless);
        }
        if at < self.as_of || at >= self.valid_until {
            return Err(Error::Expired);
        }
        let (sold_digits, bought_digits) = (self.sold.minor_digits(), self.bought.minor_digits());
        let bought_units = i128::from(self.rate_e8) * 10_i128.pow(bought_digits);
        let sold_units = i128::from(RATE_ONE) * 10_i128.pow(sold_digits);
        let fits = |amount: i128| i64::try_from(amount).ok().filter(|amount| *amount > 0);
        let times = |by: i128| i128::from(given).checked_mul(by).ok_or(Error::Amount);
        let exchange = match self.fixed {
            FixedSide::Sold(sold) => {
                let bought = times(bought_units)? / sold_units;
                fits(bought).map(|bought| Amounts { sold, bought })
            }
            FixedSide::Bought(bought) => {
                let product = times(sold_units)?;
                let up = i128::from(product % bought_units != 0);
                fits(product / bought_units + up).map(|sold| Amounts { sold, bought })
            }
        };
        exchange.ok_or(Error::Amount)
    }
}
