//! The import tax, rule by rule: what a line costs, from when, in which unit, and what is refused.

#![expect(
    clippy::inconsistent_digit_grouping,
    clippy::mistyped_literal_suffixes,
    reason = "amounts are written as yuan_fen"
)]

use domain::documents::tax::{
    self, Band, COSMETICS, DutyInput, Measure, Rate, Tax, TaxableLine, Unassessable, apportion,
    assess, find,
};
use time::Date;
use time::macros::date;

const TODAY: Date = date!(2026 - 11 - 01);
const PIECE: Measure<'_> = Measure { unit: "007", qty_e5: 100_000 };
/// Ten thousand million yuan.
const AMOUNT_MAX: i64 = 1_000_000_000_000_000;

/// 1/100000 of what is written in fen.
const fn yuan(fen: i64) -> i64 {
    fen * 1_000
}

fn rate(prefix: &'static str, duty_bp: u32, vat_bp: u32, consumption_bp: u32) -> Rate {
    let valid_from = date!(2019 - 04 - 01);
    Rate { prefix, valid_from, valid_to: None, duty_bp, vat_bp, consumption_bp, threshold: None }
}

fn goods(gnum: u32, total_price_e5: i64) -> TaxableLine<'static> {
    TaxableLine { gnum, gcode: "3304990039", total_price_e5, first: PIECE, second: None }
}

/// Freight and insurance in this order.
fn bill(
    rate: Rate,
    band: Band,
    charges_e5: [i64; 2],
    lines: &[TaxableLine<'_>],
) -> Result<Tax, Unassessable> {
    let [freight_e5, insurance_e5] = charges_e5;
    assess(&DutyInput { tariff: &[rate], date: TODAY, band, freight_e5, insurance_e5, lines })
}

/// Duty, VAT, consumption tax in fen of one line without charges.
fn parts(rate: Rate, band: Band, price_e5: i64) -> [i64; 3] {
    let tax = bill(rate, band, [0, 0], &[goods(1, price_e5)]).expect("it can be assessed");
    [tax.customs_tax_fen, tax.vat_fen, tax.consumption_fen]
}

#[test]
fn each_band_has_its_formula() {
    let rates = rate("", 500, 1_300, 1_500);
    // 1000 × 13 % ÷ 85 % × 70 %, 1000 × 15 % ÷ 85 % × 70 %.
    assert_eq!(parts(rates, Band::Within, yuan(1_000_00)), [0, 107_06, 123_53]);
    // 1000 × 5 %, 1050 × 13 % ÷ 85 %, 1050 × 15 % ÷ 85 %.
    assert_eq!(parts(rates, Band::Above, yuan(1_000_00)), [50_00, 160_59, 185_29]);
}

#[test]
fn a_tax_is_rounded_half_up_to_the_fen() {
    let rates = rate("", 0, 1_000, 0);
    for (price_e5, vat) in [(49_999, 3), (50_000, 4), (64_285, 4), (64_286, 5), (0, 0)] {
        assert_eq!(parts(rates, Band::Within, price_e5), [0, vat, 0], "{price_e5}");
    }
}

#[test]
fn a_consumption_tax_of_everything_is_no_rate() {
    assert_eq!(parts(rate("", 0, 1_300, 9_999), Band::Within, yuan(1_00)), [0, 910_00, 6_999_30]);
    for consumption_bp in [10_000, 10_001] {
        let all = bill(rate("", 0, 0, consumption_bp), Band::Within, [0, 0], &[goods(4, 1)]);
        assert_eq!(all, Err(Unassessable::NoRate(4)), "{consumption_bp}");
    }
}

#[test]
fn amounts_are_from_zero_to_ten_thousand_million() {
    let rates = rate("", 500, 1_300, 0);
    for (amount, well) in [(-1, false), (0, true), (AMOUNT_MAX, true), (AMOUNT_MAX + 1, false)] {
        let answer =
            |charges, price| bill(rates, Band::Within, charges, &[goods(1, 1), goods(7, price)]);
        let refusal = |refusal| (!well).then_some(refusal);
        let charges = refusal(Unassessable::Charges);
        assert_eq!(answer([0, 0], amount).err(), refusal(Unassessable::Amount(7)), "{amount}");
        assert_eq!(answer([amount, 0], 1).err(), charges, "freight {amount}");
        assert_eq!(answer([0, amount], 1).err(), charges, "insurance {amount}");
    }
}

#[test]
fn freight_and_insurance_are_taxed_with_the_lines_and_everything_adds_up() {
    let lines = [goods(1, yuan(100_00)), goods(2, yuan(300_00))];
    let tax = bill(rate("", 500, 1_300, 1_500), Band::Above, [yuan(20_00), yuan(4_00)], &lines)
        .expect("it can be assessed");
    let by_line: Vec<_> = tax
        .lines
        .iter()
        .map(|line| {
            let taxes = [line.customs_tax_fen, line.vat_fen, line.consumption_fen];
            (line.gnum, line.tax_price_e5, taxes)
        })
        .collect();
    // 100 + 5 + 1 and 300 + 15 + 3.
    let expected =
        [(1, yuan(106_00), [5_30, 17_02, 19_64]), (2, yuan(318_00), [15_90, 51_07, 58_92])];
    assert_eq!(by_line, expected);
    assert_eq!(tax.tax_price_e5, yuan(424_00));
    assert_eq!([tax.customs_tax_fen, tax.vat_fen, tax.consumption_fen], [21_20, 68_09, 78_56]);
    assert_eq!(tax.total_fen(), 167_85);
}

#[test]
fn a_charge_is_divided_in_whole_fen_and_the_last_line_takes_the_rest() {
    let table: [(i64, &[i64], &[i64]); 6] = [
        (yuan(10_00), &[1, 1, 1], &[yuan(3_33), yuan(3_33), yuan(3_34)]),
        (yuan(1_00), &[1, 2], &[yuan(33), yuan(67)]),
        (yuan(1_00), &[3, 1], &[yuan(75), yuan(25)]),
        (yuan(5_00), &[0, 0], &[0, yuan(5_00)]),
        (1_999, &[1, 0], &[1_000, 999]),
        (yuan(5_00), &[], &[]),
    ];
    for (charge_e5, values, shares) in table {
        assert_eq!(apportion(charge_e5, values), shares, "{charge_e5} among {values:?}");
    }
}

#[test]
fn the_longest_heading_in_force_holds() {
    let until = Rate { valid_to: Some(date!(2026 - 10 - 31)), ..rate("", 1, 0, 0) };
    let from = Rate { valid_from: date!(2026 - 11 - 02), ..rate("", 2, 0, 0) };
    let tariff = [rate("3304", 4, 0, 0), until, from, rate("33", 3, 0, 0)];
    let table = [
        ("3304990039", TODAY, Some(4)),
        ("3303000010", TODAY, Some(3)),
        ("9102190000", date!(2026 - 10 - 31), Some(1)),
        ("9102190000", TODAY, None),
        ("9102190000", date!(2026 - 11 - 02), Some(2)),
        ("3304990039", date!(2019 - 03 - 31), None),
    ];
    for (gcode, day, duty) in table {
        assert_eq!(find(&tariff, gcode, day).map(|rate| rate.duty_bp), duty, "{gcode} {day}");
    }
}

#[test]
fn cosmetics_are_dear_from_their_price_for_a_measure_or_sheet() {
    let rates = Rate { threshold: Some(COSMETICS), ..rate("", 0, 1_300, 1_500) };
    let answer = |fen, first, second| {
        let line = TaxableLine { first, second, ..goods(3, yuan(fen)) };
        bill(rates, Band::Within, [0, 0], &[line]).map(|tax| tax.consumption_fen > 0)
    };
    let measure = |unit, qty_e5| Measure { unit, qty_e5 };
    // 10 yuan for each of 50 millilitres or grams, 15 yuan for each of 10 sheets.
    for (unit, qty_e5, least) in [
        ("035", 5_000, 500_00),
        ("036", 5_000_000, 500_00),
        ("095", 5_000, 500_00),
        ("096", 5_000_000, 500_00),
        ("010", 1_000_000, 150_00),
        ("020", 1_000_000, 150_00),
    ] {
        let quantity = measure(unit, qty_e5);
        for (fen, dear) in [(least - 1, false), (least, true)] {
            assert_eq!(answer(fen, quantity, None), Ok(dear), "{unit} {fen}");
            assert_eq!(answer(fen, PIECE, Some(quantity)), Ok(dear), "second {unit} {fen}");
        }
    }
    // One of the two prices is enough.
    let (grams, sheets) = (measure("036", 5_000_000), measure("020", 1_000_000));
    assert_eq!(answer(200_00, grams, Some(sheets)), Ok(true));
    for nothing in [PIECE, measure("036", 0), measure("036", -1)] {
        assert_eq!(answer(1_000_00, nothing, None), Err(Unassessable::NoMeasure(3)), "{nothing:?}");
    }
}

/// What the sandbox's guide says of its sample: heading, first day, duty, VAT and consumption tax in 1/10000,
/// and whether cosmetics are dear from a price.
#[test]
fn the_sample_tariff_is_what_the_guide_says() {
    let rows: Vec<_> = tax::SAMPLE_TARIFF
        .iter()
        .map(|rate| {
            let from = rate.valid_from.to_string();
            let rates = (rate.duty_bp, rate.vat_bp, rate.consumption_bp);
            (rate.prefix, from, rates, rate.threshold == Some(COSMETICS))
        })
        .collect();
    let expected = [
        ("", "2018-05-01", (500, 1_600, 0), false),
        ("", "2019-04-01", (500, 1_300, 0), false),
        ("08", "2019-04-01", (1_000, 900, 0), false),
        ("2106", "2019-04-01", (1_200, 1_300, 0), false),
        ("3303", "2019-04-01", (300, 1_300, 1_500), true),
        ("3304", "2019-04-01", (100, 1_300, 1_500), true),
        ("49", "2019-04-01", (0, 900, 0), false),
    ];
    let expected =
        expected.map(|(prefix, from, rates, dear)| (prefix, from.to_owned(), rates, dear));
    assert_eq!(rows, expected);
}

#[test]
fn every_status_of_a_bill_is_said_in_both_languages() {
    let said = ["1", "2", "3", "4"].map(|it| (tax::bill_title(it), tax::bill_title_zh(it)));
    let expected = [
        ("made out", "已生成"),
        ("in a payment order", "已汇总"),
        ("void", "作废"),
        ("of unknown status", "状态未知"),
    ];
    assert_eq!(said, expected);
}
