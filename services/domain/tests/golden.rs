//! Golden vectors of the domain: published, observed or computed by hand, each with its source.

#![expect(
    clippy::inconsistent_digit_grouping,
    clippy::mistyped_literal_suffixes,
    reason = "amounts are written as yuan_fen"
)]

use domain::documents::limits::{ImportTimes, Quota, check_single};
use domain::documents::matching::{
    self, MatchPolicy, ParcelInventory, ParcelOrder, Payment, Set, Waybill,
};
use domain::documents::tax::Band;
use domain::documents::{MatchOutcome, ReceiptStatus};
use domain::payment::built_in;
use domain::payment::parameters::{date, tables};
use domain::payment::tax::{deadlines, rate_day};
use time::Date;
use time::macros::date;

const TODAY: Date = date!(2026 - 11 - 01);

/// 1/100000 of what is written in fen.
const fn yuan(fen: i64) -> i64 {
    fen * 1_000
}

#[test]
fn g3_and_g4_the_single_limit_may_be_reached_and_not_exceeded() {
    let two = [100_000, 100_000];
    assert_eq!(check_single(TODAY, yuan(5_000_00), &two, "K"), Ok(Band::Within));
    let refused = check_single(TODAY, yuan(5_000_01), &two, "K").expect_err("above");
    assert_eq!(
        refused,
        ReceiptStatus {
            status: -621_005,
            info: "清单[K]的购买金额超过单笔限额[[5000]]".to_owned()
        }
    );
    for quantities in [&[200_000][..], &[50_000], &[]] {
        assert!(check_single(TODAY, yuan(5_000_01), quantities, "K").is_err(), "{quantities:?}");
    }
    assert_eq!(check_single(TODAY, yuan(5_000_01), &[100_000], "K"), Ok(Band::Above));
    let before = date!(2018 - 12 - 31);
    assert!(check_single(before, yuan(2_000_01), &two, "K").is_err(), "2,000 until 2018");
    assert_eq!(check_single(before, yuan(2_000_00), &two, "K"), Ok(Band::Within));
}

#[test]
fn g5_one_item_above_the_single_limit_pays_in_full() {
    let band = check_single(TODAY, yuan(6_000_00), &[100_000], "K").expect("one item");
    assert_eq!(band, Band::Above);
    let year = Quota { used_fen: 10_000_00 }.reserve(TODAY, 6_000_00);
    assert_eq!(year, Ok(Quota { used_fen: 16_000_00 }));
}

#[test]
fn g6_the_annual_limit_says_the_observed_text() {
    let year = Quota { used_fen: 25_000_00 };
    let refused = year.reserve(TODAY, 1_114_44).expect_err("above");
    assert_eq!(refused.status, 100);
    assert_eq!(
        refused.info,
        "[Code:1313;Desc:订购人购买超过年度限额,超过个人年度购买额度;totalPrice：26,114.44 > limitPrice: 26,000;]"
    );
    let full = year.reserve(TODAY, 1_000_00).expect("the limit may be reached");
    assert_eq!(full.restore(1_000_00), year);
    assert!(Quota { used_fen: 19_000_00 }.reserve(date!(2018 - 06 - 01), 1_000_01).is_err());
}

fn match_amounts(order: &ParcelOrder, amount_paid_e5: i64) -> MatchOutcome {
    let inventory =
        ParcelInventory { assure_code: order.ebc_code.clone(), ..ParcelInventory::default() };
    let payment = Payment { amount_paid_e5, currency: "142".to_owned(), ..Payment::default() };
    let waybill = Waybill::default();
    let set = Set {
        inventory: &inventory,
        order: Some(order),
        payment: Some(&payment),
        waybill: Some(&waybill),
    };
    matching::match_import(&set, &MatchPolicy::default())
}

/// An order about nothing but these amounts, in fen.
fn order(goods: i64, freight: i64, tax: i64, discount: i64, paid: i64) -> ParcelOrder {
    let line = matching::OrderLine {
        currency: "142".to_owned(),
        total_price_e5: yuan(goods),
        ..Default::default()
    };
    let mut order = ParcelOrder {
        currency: "142".to_owned(),
        goods_value_e5: yuan(goods),
        freight_e5: yuan(freight),
        tax_total_e5: yuan(tax),
        discount_e5: yuan(discount),
        actural_paid_e5: yuan(paid),
        lines: vec![line],
        ..ParcelOrder::default()
    };
    order.buyer.id_type = "1".to_owned();
    order
}

fn rules(outcome: &MatchOutcome) -> Vec<&'static str> {
    match outcome {
        MatchOutcome::Refused(broken) => broken.iter().map(|broken| broken.rule).collect(),
        MatchOutcome::Matched | MatchOutcome::Waiting(_) => Vec::new(),
    }
}

#[test]
fn g8_what_was_paid_is_the_sum_of_the_order() {
    let right = order(500_00, 20_00, 47_32, 30_00, 537_32);
    let wrong = order(500_00, 20_00, 47_32, 30_00, 537_31);
    assert!(!rules(&match_amounts(&right, yuan(537_32))).contains(&"M5"));
    assert!(rules(&match_amounts(&wrong, yuan(537_31))).contains(&"M5"));
}

#[test]
fn g9_an_amount_that_differs_says_the_observed_text() {
    let order = order(561_89, 0, 0, 0, 561_89);
    let MatchOutcome::Refused(broken) = match_amounts(&order, yuan(3_197_95)) else {
        panic!("the amounts differ");
    };
    let broken: Vec<_> = broken.into_iter().filter(|broken| broken.rule == "M6").collect();
    assert_eq!(
        ReceiptStatus::rejected(&broken),
        ReceiptStatus {
            status: 100,
            info: "[Code:1332;Desc:支付单支付金额与订单支付金额不一致],[OrderHead.acturalPaid:561.89,PaymentHead.amountPaid3197.95]".to_owned()
        }
    );
}

#[test]
fn g18_the_times_after_a_release() {
    assert_eq!(
        ImportTimes::after(date!(2026 - 11 - 01)),
        ImportTimes {
            apply_until: date!(2026 - 12 - 01),
            goods_back_until: date!(2026 - 12 - 16),
            pay_from: date!(2026 - 12 - 02),
            pay_until: date!(2026 - 12 - 16),
        }
    );
}

/// A decimal number of yuan in fen.
fn fen_of(text: &str) -> i64 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{rest:0<2}").parse().expect("a number with at most two digits")
}

#[test]
fn the_published_cases_of_the_other_rules_come_out() {
    let cases = tables(include_str!("../data/import-rule-cases.toml")).expect("in order");
    let parameters = built_in::parameters();
    for case in &cases {
        let has = |key| case.get(key);
        let get = |key| has(key).unwrap_or_else(|| panic!("line {}: {key}", case.line));
        let name = get("name");
        let day = || date(get("day")).expect("a day");
        match case.kind.as_str() {
            "year" => {
                let year = Quota { used_fen: fen_of(get("used")) };
                match (year.reserve(day(), fen_of(get("price"))), has("refused")) {
                    (Ok(after), None) => {
                        assert_eq!(after.used_fen.to_string(), get("used_after_fen"), "{name}");
                        assert_eq!(after.restore(fen_of(get("price"))), year, "{name}");
                    }
                    (Err(refused), Some(code)) => {
                        assert!(refused.info.contains(code), "{name}: {refused:?}");
                        assert!(refused.info.contains(get("text")), "{name}: {refused:?}");
                    }
                    (is, _) => panic!("{name}: {is:?}"),
                }
            }
            "paid" => {
                let of = |key| fen_of(get(key));
                let (goods, freight, tax) = (of("goods"), of("freight"), of("tax"));
                let order = order(goods, freight, tax, of("discount"), of("paid"));
                let payment = has("payment").map_or(of("paid"), fen_of);
                let broken = rules(&match_amounts(&order, yuan(payment)));
                let refused = has("refused");
                assert_eq!(broken.contains(&"M5"), refused == Some("M5"), "{name}: {broken:?}");
                assert_eq!(broken.contains(&"M6"), refused == Some("1332"), "{name}: {broken:?}");
            }
            "after_release" => {
                let days = deadlines(parameters, day()).expect("the numbers are known");
                let times = ImportTimes::after(day());
                for (key, is, too) in [
                    ("return_asked", days.return_asked, times.apply_until),
                    ("goods_back", days.goods_back, times.goods_back_until),
                    ("paid_from", days.paid_from, times.pay_from),
                    ("paid_until", days.paid_until, times.pay_until),
                ] {
                    assert_eq!((is.to_string().as_str(), too), (get(key), is), "{name}: {key}");
                }
            }
            "rate_day" => {
                let first = date(&format!("{}-01", get("month"))).expect("a month");
                let holidays = has("holidays").unwrap_or_default().split(' ');
                let holidays: Vec<_> = holidays.filter_map(date).collect();
                let day =
                    rate_day(first.year(), first.month(), &holidays).expect("in the calendar");
                assert_eq!(day.to_string(), get("rate_day"), "{name}");
            }
            other => panic!("line {}: {other}", case.line),
        }
    }
    assert!(cases.len() >= 19);
}
