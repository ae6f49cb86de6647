//! The rates at which a bank buys forex, and the tolerance of matching: dated values of a file. The file of this
//! version is a sample.

use std::sync::LazyLock;

use time::Date;

use super::allotment;
use super::ledger::Currency;
use super::parameters::{Parameters, read};

/// The file, as text.
pub const SAMPLE: &str = include_str!("../../data/sample-forex-rates.toml");

/// Whose rates they are, for quotes.
pub const SOURCE: &str = "样例银行现汇买入价 sample buying rate of the bank";

static RATES: LazyLock<Parameters> =
    LazyLock::new(|| read(&[SAMPLE]).expect("a test reads the file that is compiled in"));

/// Yuan for one main unit of a currency on a day, in 1/100000000; `None` without a rate, and for yuan.
pub fn buying_e8(currency: Currency, day: Date) -> Option<i64> {
    let name = format!("buying.{}_e8", currency.letters().to_lowercase());
    RATES.find(&name, day).map(|rate| rate.value)
}

/// What may be missing of a receipt on a day, in the minor unit of its currency.
pub fn tolerance(currency: Currency, day: Date) -> i64 {
    let found = RATES.find("receipt.tolerance_hundredths", day);
    found.map_or(0, |found| allotment::tolerance(found.value, currency))
}

/// An amount in US cents, at the rates of a day, down; `None` where a rate is missing or it does not fit.
pub fn usd_cents(currency: Currency, amount: i64, day: Date) -> Option<i64> {
    if currency == Currency::Usd {
        return Some(amount);
    }
    let one = 100_000_000;
    let rate = if currency == Currency::Cny { one } else { i128::from(buying_e8(currency, day)?) };
    let dollar = i128::from(buying_e8(Currency::Usd, day)?);
    let units = 10_i128.pow(currency.minor_digits());
    i64::try_from(i128::from(amount) * rate * 100 / (units * dollar)).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn every_currency_but_the_yuan_has_a_rate_and_amounts_become_dollars() {
        let day = date!(2026 - 11 - 29);
        for currency in Currency::ALL {
            assert_eq!(
                buying_e8(currency, day).is_some(),
                currency != Currency::Cny,
                "{currency:?}"
            );
        }
        assert_eq!(usd_cents(Currency::Usd, 12_345, day), Some(12_345));
        assert_eq!(usd_cents(Currency::Cny, 70_800, day), Some(10_000));
        assert_eq!(usd_cents(Currency::Jpy, 70_800, day), Some(46_000), "yen have no hundredths");
        assert_eq!(usd_cents(Currency::Eur, 100, date!(2018 - 01 - 01)), None, "before the file");
        let expected = [(Currency::Usd, 500), (Currency::Jpy, 5)];
        assert!(expected.iter().all(|(of, amount)| tolerance(*of, day) == *amount));
    }
}
