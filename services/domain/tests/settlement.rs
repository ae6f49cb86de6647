//! Quotes of forex at their bounds, and the levels of a guarantee.

use domain::payment::guarantee::{alarm, level, levels};
use domain::payment::ledger::{Currency, Totals};
use domain::payment::settlement::{Amounts, Error, FixedSide, Quote};
use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;

fn quote(fixed: FixedSide) -> Quote {
    Quote {
        sold: Currency::Usd,
        bought: Currency::Cny,
        rate_e8: 712_345_678,
        source: "buying rate".into(),
        as_of: datetime!(2026-11-01 09:00 +8),
        valid_until: datetime!(2026-11-01 09:05 +8),
        fixed,
    }
}

#[test]
fn the_side_that_follows_is_rounded_for_the_bank() {
    let accept = |quote: &Quote| quote.accept(quote.as_of);
    let sold = quote(FixedSide::Sold(10_000));
    // 100 dollars are 712.345678 yuan.
    assert_eq!(accept(&sold), Ok(Amounts { sold: 10_000, bought: 71_234 }));
    let bought = quote(FixedSide::Bought(71_234));
    assert_eq!(accept(&bought), Ok(Amounts { sold: 10_000, bought: 71_234 }));
    let bought = quote(FixedSide::Bought(71_235));
    assert_eq!(accept(&bought), Ok(Amounts { sold: 10_001, bought: 71_235 }));
    // Yen have no smaller unit: 10,000 yen at 0.0478 are 478 yuan.
    let yen = Quote { sold: Currency::Jpy, rate_e8: 4_780_000, ..sold };
    assert_eq!(accept(&yen), Ok(Amounts { sold: 10_000, bought: 47_800 }));
}

#[test]
fn a_quote_binds_until_its_end_and_makes_sense() {
    let quote = quote(FixedSide::Sold(1));
    let moment = Duration::nanoseconds(1);
    assert!(quote.accept(quote.valid_until - moment).is_ok());
    assert_eq!(quote.accept(quote.valid_until), Err(Error::Expired));
    assert_eq!(quote.accept(quote.as_of - moment), Err(Error::Expired));
    let accept = |quote: Quote| quote.accept(quote.as_of);
    let same = Quote { sold: Currency::Cny, ..quote.clone() };
    let free = Quote { rate_e8: 0, ..quote.clone() };
    let nothing = Quote { fixed: FixedSide::Bought(0), ..quote.clone() };
    for senseless in [same, free, nothing] {
        assert_eq!(accept(senseless), Err(Error::Senseless));
    }
    let huge = Quote { fixed: FixedSide::Sold(i64::MAX), ..quote.clone() };
    assert_eq!(accept(huge), Err(Error::Amount));
    let less_than_a_fen = Quote { rate_e8: 1, ..quote };
    assert_eq!(accept(less_than_a_fen), Err(Error::Amount));
}

proptest! {
    #[test]
    fn nobody_gains_by_exchanging_back(amount in 1i64..i64::MAX / 1_000, rate_e8 in 100i64..100_000_000_000) {
        let sold = Quote { rate_e8, ..quote(FixedSide::Sold(amount)) };
        if let Ok(Amounts { bought, .. }) = sold.accept(sold.as_of) {
            let again = Quote { fixed: FixedSide::Bought(bought), ..sold };
            let again = again.accept(again.as_of).expect("smaller");
            prop_assert!(again.sold <= amount);
        }
    }
}

#[test]
fn levels_of_a_guarantee() {
    let levels = levels(time::macros::date!(2026 - 11 - 29));
    assert_eq!(levels, [20, 5, 0], "as the file says");
    let totals = |credits, held_debits| Totals { credits, held_debits, ..Totals::default() };
    for (credits, held, line, expected) in [
        (1_000, 800, 0, None),
        (1_000, 801, 0, Some(20)),
        (1_000, 950, 0, Some(20)),
        (1_000, 951, 0, Some(5)),
        (1_000, 1_000, 0, Some(0)),
        (1_000, 1_000, 250, None),
        (1_000, 1_001, 250, Some(20)),
        (0, 0, 0, None),
        (0, 0, 1, None),
        (0, 10, 5, Some(0)),
    ] {
        assert_eq!(
            level(&totals(credits, held), line, &levels),
            expected,
            "{credits} {held} {line}"
        );
    }
    for (before, after, told) in [
        (None, None, None),
        (None, Some(20), Some(20)),
        (Some(20), Some(20), None),
        (Some(20), Some(0), Some(0)),
        (Some(0), Some(20), None),
        (Some(5), None, None),
    ] {
        assert_eq!(alarm(before, after), told, "{before:?} {after:?}");
    }
}
