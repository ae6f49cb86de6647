//! Limits and times: the amount or the day on both sides of every bound.

use domain::documents::limits::{
    Checker, ExportTimes, ImportTimes, LimitExcess, Quota, Reservation, annual_limit, check_single,
    fen, purchase, single_limit,
};
use domain::documents::tax::Band;
use proptest::prelude::*;
use time::macros::date;
use time::{Date, Month};

const TODAY: Date = date!(2026 - 11 - 01);
/// One piece, in 1/100000.
const ONE: i64 = 100_000;

#[test]
fn the_limits_rose_with_the_year_2019() {
    let table = [
        (date!(2015 - 01 - 01), 200_000, 2_000_000),
        (date!(2016 - 04 - 07), 200_000, 2_000_000),
        (date!(2016 - 04 - 08), 200_000, 2_000_000),
        (date!(2018 - 12 - 31), 200_000, 2_000_000),
        (date!(2019 - 01 - 01), 500_000, 2_600_000),
        (TODAY, 500_000, 2_600_000),
    ];
    for (day, single, annual) in table {
        assert_eq!((single_limit(day), annual_limit(day)), (single, annual), "{day}");
    }
}

#[test]
fn amounts_are_rounded_half_up_to_the_fen() {
    let table = [
        (i64::MIN, 0),
        (-1_000, 0),
        (-1, 0),
        (0, 0),
        (499, 0),
        (500, 1),
        (999, 1),
        (1_000, 1),
        (1_499, 1),
        (1_500, 2),
        (500_000_000, 500_000),
        (i64::MAX, 9_223_372_036_854_776),
    ];
    for (amount_e5, expected) in table {
        assert_eq!(fen(amount_e5), expected, "{amount_e5}");
    }
}

#[test]
fn only_one_single_item_passes_the_single_limit() {
    let table = [
        (date!(2018 - 12 - 31), 200_000_000, "清单[K]的购买金额超过单笔限额[[2000]]"),
        (date!(2019 - 01 - 01), 500_000_000, "清单[K]的购买金额超过单笔限额[[5000]]"),
    ];
    for (day, limit_e5, text) in table {
        for quantities in [&[ONE][..], &[ONE, ONE], &[2 * ONE], &[]] {
            let check = |value_e5| check_single(day, value_e5, quantities, "K");
            assert_eq!(check(0), Ok(Band::Within));
            assert_eq!(check(limit_e5), Ok(Band::Within), "the limit may be reached");
            let above = check(limit_e5 + 1);
            if quantities == [ONE] {
                assert_eq!(above, Ok(Band::Above));
            } else {
                let refused = above.expect_err("more than one single item");
                assert_eq!((refused.status, refused.info.as_str()), (-621_005, text));
            }
        }
        for other in [ONE - 1, ONE + 1] {
            assert!(check_single(day, limit_e5 + 1, &[other], "K").is_err(), "{other}");
        }
    }
}

#[test]
fn a_year_is_full_at_its_limit() {
    for (day, limit) in [(date!(2018 - 06 - 01), 2_000_000), (TODAY, 2_600_000)] {
        let year = Quota { used_fen: limit - 100 };
        assert_eq!(year.reserve(day, 99), Ok(Quota { used_fen: limit - 1 }));
        assert_eq!(year.reserve(day, 100), Ok(Quota { used_fen: limit }));
        assert_eq!(year.reserve(day, 101).map_err(|refused| refused.status), Err(100));
        assert_eq!(year.reserve(day, -1), Ok(year), "nothing is booked for less than nothing");
    }
}

#[test]
fn a_purchase_is_given_back_and_never_more() {
    let year = Quota { used_fen: 1_000 };
    for (amount, left) in [(0, 1_000), (1, 999), (1_000, 0), (1_001, 0), (-5, 1_000)] {
        assert_eq!(year.restore(amount), Quota { used_fen: left }, "{amount}");
    }
}

#[test]
fn a_full_year_says_its_amounts_with_thousands_separators() {
    let table = [
        // Used in fen, and as it is said.
        (2_600_001, "26,000.01"),
        (2_611_444, "26,114.44"),
        (2_600_050, "26,000.5"),
        (10_000_000, "100,000"),
        (99_999_900, "999,999"),
        (100_000_000, "1,000,000"),
        (123_456_789_012, "1,234,567,890.12"),
    ];
    for (used_fen, said) in table {
        let refused = Quota { used_fen }.reserve(TODAY, 0).expect_err("above the limit");
        assert_eq!(
            refused.info,
            format!(
                "[Code:1313;Desc:订购人购买超过年度限额,超过个人年度购买额度;totalPrice：{said} > limitPrice: 26,000;]"
            )
        );
    }
}

#[test]
fn imports_are_counted_in_days_from_the_day_after_the_release() {
    // Over the end of a February of 29 days.
    let times = ImportTimes::after(date!(2028 - 02 - 01));
    assert_eq!(
        times,
        ImportTimes {
            apply_until: date!(2028 - 03 - 02),
            goods_back_until: date!(2028 - 03 - 17),
            pay_from: date!(2028 - 03 - 03),
            pay_until: date!(2028 - 03 - 17),
        }
    );
}

/// The same day of another month, or its last one.
fn on(year: i32, month: u8, day: u8) -> Date {
    let month = Month::try_from(month).expect("a month");
    Date::from_calendar_date(year, month, day.min(month.length(year))).expect("a day")
}

#[test]
fn exports_are_counted_in_months_from_every_month() {
    for month in 1..=12 {
        for day in [1, 28, 29, 30, 31] {
            let released = on(2027, month, day);
            let half = if month <= 6 {
                on(2027, month + 6, released.day())
            } else {
                on(2028, month - 6, released.day())
            };
            let expected = ExportTimes {
                apply_until: on(2028, month, released.day()),
                untaxed_until: Some(half),
            };
            assert_eq!(ExportTimes::after(released), expected, "{released}");
        }
    }
    let last = ExportTimes::after(Date::MAX);
    assert_eq!(last.apply_until, Date::MAX, "there is no later day");
}

#[test]
fn only_exports_of_2026_and_2027_come_back_untaxed() {
    let table = [
        (date!(2025 - 12 - 31), None),
        (date!(2026 - 01 - 01), Some(date!(2026 - 07 - 01))),
        (date!(2027 - 12 - 31), Some(date!(2028 - 06 - 30))),
        (date!(2028 - 01 - 01), None),
    ];
    for (released, until) in table {
        assert_eq!(ExportTimes::after(released).untaxed_until, until, "{released}");
    }
}

#[test]
fn a_purchase_passes_both_limits_or_says_which_one_it_breaks() {
    let buy = |used_fen, value_fen: i64, quantities: &[i64], checker| {
        let value_e5 = value_fen * 1_000;
        purchase(TODAY, value_e5, quantities, "K", Quota { used_fen }, checker)
    };
    let piece = &[100_000][..];
    let (band, year, kept) =
        buy(1_000_000, 600_000, piece, Checker::Customs).expect("one item above the single limit");
    assert_eq!((band, year.used_fen), (Band::Above, 1_600_000));
    assert_eq!(kept, Reservation { year: 2026, amount_fen: 600_000, restored_fen: 0 });
    // The single limit first: whoever breaks both hears of the one that another order cannot mend.
    let status = |used_fen, value_fen, quantities, checker| {
        buy(used_fen, value_fen, quantities, checker).map_err(|refused| refused.status)
    };
    assert_eq!(status(2_600_000, 500_001, &[200_000], Checker::Customs), Err(-621_005));
    let within = (Band::Within, Quota { used_fen: 2_600_000 });
    let exact = buy(2_100_000, 500_000, &[200_000], Checker::Customs);
    assert_eq!(exact.map(|(band, year, _)| (band, year)), Ok(within));
    let late = buy(2_100_001, 500_000, piece, Checker::Customs).expect_err("above the year");
    assert!(late.status == 100 && late.info.contains("Code:1313"), "{late:?}");
    let early = buy(2_100_001, 500_000, piece, Checker::Eport { buyer: "张*" });
    assert_eq!(
        early,
        Err(domain::documents::ReceiptStatus::new(
            -621_018,
            "清单[K]中购买人[张*]已用购买额度为[21000.01]，本次购买将超过年度限额[26000]"
                .to_owned()
        ))
    );
}

#[test]
fn a_reservation_is_given_back_once_in_parts_or_whole() {
    let year = Quota { used_fen: 10_000 };
    let kept = Reservation { year: 2026, amount_fen: 4_000, restored_fen: 0 };
    let (year, kept) = kept.restore(year, Some(1_500)).expect("a part");
    assert_eq!((year.used_fen, kept.left_fen()), (8_500, 2_500));
    assert_eq!(kept.restore(year, Some(2_501)), Err(LimitExcess { left_fen: 2_500 }));
    assert_eq!(kept.restore(year, Some(-1)), Err(LimitExcess { left_fen: 2_500 }));
    let (year, kept) = kept.restore(year, None).expect("the rest");
    assert_eq!((year.used_fen, kept.left_fen()), (6_000, 0));
    // Again: nothing is left, and nothing changes.
    assert_eq!(kept.restore(year, None), Ok((year, kept)));
    assert_eq!(kept.restore(year, Some(1)), Err(LimitExcess { left_fen: 0 }));
}

proptest! {
    /// However purchases come and go, the year is the sum of what is kept of them, within the limit.
    #[test]
    fn a_year_is_the_sum_of_what_is_kept(
        steps in prop::collection::vec((0i64..600_000, any::<bool>(), 0usize..8, 0i64..700_000), 0..40),
    ) {
        let (mut year, mut kept) = (Quota::default(), Vec::<Reservation>::new());
        for (amount, buys, at, part) in steps {
            if buys {
                let bought =
                    purchase(TODAY, amount * 1_000, &[100_000], "K", year, Checker::Customs);
                if let Ok((_, after, reservation)) = bought {
                    year = after;
                    kept.push(reservation);
                }
            } else if let Some(reservation) = kept.get_mut(at) {
                let part = Some(part).filter(|part| part % 3 > 0);
                if let Ok((after, left)) = reservation.restore(year, part) {
                    (year, *reservation) = (after, left);
                }
            }
            let sum: i64 = kept.iter().map(|reservation| reservation.left_fen()).sum();
            prop_assert_eq!(year.used_fen, sum);
            prop_assert!(sum <= annual_limit(TODAY));
            prop_assert!(kept.iter().all(|it| (0..=it.amount_fen).contains(&it.restored_fen)));
        }
    }
}
