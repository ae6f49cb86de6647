//! What import costs, rule by rule, with the numbers on both sides of every bound.

use domain::documents::tax::{
    Band, COSMETICS, DutyInput, LineTax, Measure, Rate, SAMPLE_TARIFF, Tax, TaxableLine, Threshold,
    Unassessable, apportion, assess, find,
};
use time::Date;
use time::macros::date;

const TODAY: Date = date!(2026 - 11 - 01);
/// 1/100000 yuan.
const YUAN: i64 = 100_000;
/// What one line or charge may be at most: ten thousand million yuan.
const MOST: i64 = 10_000_000_000 * YUAN;

const fn rate(duty_bp: u32, vat_bp: u32, consumption_bp: u32) -> Rate {
    let (valid_from, valid_to) = (date!(2019 - 04 - 01), None);
    Rate { prefix: "", valid_from, valid_to, duty_bp, vat_bp, consumption_bp, threshold: None }
}

const PIECE: Measure<'static> = Measure { unit: "007", qty_e5: 100_000 };

fn line(gnum: u32, total_price_e5: i64) -> TaxableLine<'static> {
    TaxableLine { gnum, gcode: "3304990029", total_price_e5, first: PIECE, second: None }
}

fn of<'a>(tariff: &'a [Rate], band: Band, lines: &'a [TaxableLine<'a>]) -> DutyInput<'a> {
    DutyInput { tariff, date: TODAY, band, freight_e5: 0, insurance_e5: 0, lines }
}

/// Duty, VAT and consumption tax of one line, in fen.
fn taxes(rate: Rate, band: Band, price_e5: i64) -> (i64, i64, i64) {
    let tax = assess(&of(&[rate], band, &[line(1, price_e5)])).expect("it can be assessed");
    (tax.customs_tax_fen, tax.vat_fen, tax.consumption_fen)
}

// Computed with fractions from the formulas of the law.
#[test]
fn every_tax_is_its_formula_rounded_once() {
    let table = [
        // Price, rates, within the limits, above the single limit.
        (1_000 * YUAN, rate(500, 1_300, 1_500), (0, 10_706, 12_353), (5_000, 16_059, 18_529)),
        (1_000 * YUAN, rate(1_000, 900, 0), (0, 6_300, 0), (10_000, 9_900, 0)),
        (1_000 * YUAN, rate(500, 1_300, 3_000), (0, 13_000, 30_000), (5_000, 19_500, 45_000)),
        (6_000 * YUAN, rate(500, 1_300, 0), (0, 54_600, 0), (30_000, 81_900, 0)),
        (123_456_789, rate(1_234, 1_300, 5_600), (0, 25_533, 109_989), (15_235, 40_977, 176_516)),
        // The observed bill: 410 yuan, 37.31.
        (410 * YUAN, rate(0, 1_300, 0), (0, 3_731, 0), (0, 5_330, 0)),
        // 45.5 fen are 46, and 45.499 are 45; 31.5 are 32.
        (500_000, rate(0, 1_300, 0), (0, 46, 0), (0, 65, 0)),
        (499_999, rate(0, 1_300, 0), (0, 45, 0), (0, 65, 0)),
        (500_000, rate(0, 900, 0), (0, 32, 0), (0, 45, 0)),
        // Nothing of nothing.
        (0, rate(500, 1_300, 1_500), (0, 0, 0), (0, 0, 0)),
        (1, rate(500, 1_300, 1_500), (0, 0, 0), (0, 0, 0)),
        // The highest rate below one and the highest amount.
        (YUAN, rate(500, 1_300, 9_999), (0, 91_000, 699_930), (5, 136_500, 1_049_895)),
        (
            MOST,
            rate(500, 1_300, 1_500),
            (0, 107_058_823_529, 123_529_411_765),
            (50_000_000_000, 160_588_235_294, 185_294_117_647),
        ),
    ];
    for (price, rate, within, above) in table {
        assert_eq!(taxes(rate, Band::Within, price), within, "{price} {rate:?}");
        assert_eq!(taxes(rate, Band::Above, price), above, "{price} {rate:?}");
    }
}

#[test]
fn a_parcel_costs_what_its_lines_cost() {
    let lines = [line(3, 1_000 * YUAN), line(8, 2_000 * YUAN)];
    let tariff = [rate(500, 1_300, 1_500)];
    let assessment = DutyInput {
        freight_e5: 30 * YUAN,
        insurance_e5: 60 * YUAN,
        ..of(&tariff, Band::Above, &lines)
    };
    let taxed = |gnum, yuan, customs_tax_fen, vat_fen, consumption_fen| LineTax {
        gnum,
        tax_price_e5: yuan * YUAN,
        customs_tax_fen,
        vat_fen,
        consumption_fen,
    };
    let tax = assess(&assessment).expect("it can be assessed");
    assert_eq!(
        tax,
        Tax {
            lines: vec![
                taxed(3, 1_030, 5_150, 16_541, 19_085),
                taxed(8, 2_060, 10_300, 33_081, 38_171),
            ],
            tax_price_e5: 3_090 * YUAN,
            customs_tax_fen: 15_450,
            vat_fen: 49_622,
            consumption_fen: 57_256,
        }
    );
    assert_eq!(tax.total_fen(), 122_328);
}

#[test]
fn the_sample_tariff_is_as_it_is_described() {
    let law = date!(2019 - 04 - 01);
    let table = [
        // Code, day, prefix, duty, VAT, consumption tax, threshold.
        ("9102190000", date!(2018 - 05 - 01), "", 500, 1_600, 0, None),
        ("9102190000", date!(2019 - 03 - 31), "", 500, 1_600, 0, None),
        ("9102190000", law, "", 500, 1_300, 0, None),
        ("0802110000", law, "08", 1_000, 900, 0, None),
        ("2106909090", law, "2106", 1_200, 1_300, 0, None),
        ("3303000010", law, "3303", 300, 1_300, 1_500, Some(COSMETICS)),
        ("3304990029", TODAY, "3304", 100, 1_300, 1_500, Some(COSMETICS)),
        ("4901990000", TODAY, "49", 0, 900, 0, None),
        // The rows of headings begin later; until then everything is the rest.
        ("4901990000", date!(2019 - 03 - 31), "", 500, 1_600, 0, None),
    ];
    for (gcode, day, prefix, duty, vat, consumption, threshold) in table {
        let found = find(SAMPLE_TARIFF, gcode, day).expect("there is a rate");
        let taxed = (found.prefix, found.duty_bp, found.vat_bp, found.consumption_bp);
        assert_eq!(taxed, (prefix, duty, vat, consumption), "{gcode} {day}");
        assert_eq!(found.threshold, threshold, "{gcode} {day}");
    }
    assert_eq!(find(SAMPLE_TARIFF, "9102190000", date!(2018 - 04 - 30)), None);
    let high_end = Threshold { per_measure_e5: 1_000_000, per_sheet_e5: 1_500_000 };
    assert_eq!(COSMETICS, high_end, "10 yuan for a millilitre or gram, 15 for a sheet");
}

#[test]
fn a_rate_holds_from_its_first_day_to_its_last() {
    let (valid_from, valid_to) = (date!(2020 - 01 - 01), Some(date!(2020 - 12 - 31)));
    let tariff = [Rate { prefix: "33", valid_from, valid_to, ..rate(0, 0, 0) }];
    let holds = |gcode, day| find(&tariff, gcode, day).is_some();
    assert!(!holds("3304", date!(2019 - 12 - 31)));
    assert!(holds("3304", date!(2020 - 01 - 01)));
    assert!(holds("3304", date!(2020 - 12 - 31)));
    assert!(!holds("3304", date!(2021 - 01 - 01)));
    assert!(!holds("3405", date!(2020 - 06 - 01)), "other goods");
    assert!(!holds("3", date!(2020 - 06 - 01)), "a code that is too short");
}

#[test]
fn amounts_are_taxed_from_nothing_to_ten_thousand_million() {
    let tariff = [rate(0, 1_300, 0)];
    let with = |price_e5, freight_e5, insurance_e5| {
        let lines = [line(1, 0), line(7, price_e5)];
        let assessment = of(&tariff, Band::Within, &lines);
        let tax = assess(&DutyInput { freight_e5, insurance_e5, ..assessment });
        tax.map(|tax| tax.tax_price_e5)
    };
    assert_eq!(with(0, 0, 0), Ok(0));
    assert_eq!(with(MOST, MOST, MOST), Ok(3 * MOST));
    for wrong in [-1, MOST + 1] {
        assert_eq!(with(wrong, 0, 0), Err(Unassessable::Amount(7)), "{wrong}");
        assert_eq!(with(0, wrong, 0), Err(Unassessable::Charges), "{wrong}");
        assert_eq!(with(0, 0, wrong), Err(Unassessable::Charges), "{wrong}");
    }
}

#[test]
fn charges_are_divided_by_value_in_whole_fen_and_the_last_line_takes_the_rest() {
    let table: &[(i64, &[i64], &[i64])] = &[
        (1_000_000, &[], &[]),
        (1_000_000, &[5], &[1_000_000]),
        (1_000_000, &[1, 1, 1], &[333_000, 333_000, 334_000]),
        (1_000_000, &[300_000, 100_000], &[750_000, 250_000]),
        (1_000_999, &[1, 1], &[500_000, 500_999]),
        (1_999, &[1, 0], &[1_000, 999]),
        (999, &[1, 0], &[0, 999]),
        (0, &[1, 2], &[0, 0]),
        // Gifts only: nothing to divide by.
        (1_000_000, &[0, 0], &[0, 1_000_000]),
    ];
    for (charge, values, shares) in table {
        assert_eq!(apportion(*charge, values), *shares, "{charge} among {values:?}");
    }
}

#[test]
fn a_consumption_tax_of_all_the_price_is_no_rate() {
    let tax = |bp| assess(&of(&[rate(0, 1_300, bp)], Band::Within, &[line(4, YUAN)]));
    assert!(tax(9_999).is_ok());
    assert_eq!(tax(10_000), Err(Unassessable::NoRate(4)));
    assert_eq!(tax(10_001), Err(Unassessable::NoRate(4)));
}

const fn measure(unit: &str, qty_e5: i64) -> Measure<'_> {
    Measure { unit, qty_e5 }
}

/// Consumption tax of cosmetics in fen, with these quantities.
fn cosmetics(
    price_e5: i64,
    first: Measure<'_>,
    second: Option<Measure<'_>>,
) -> Result<i64, Unassessable> {
    let lines = [TaxableLine { first, second, ..line(5, price_e5) }];
    assess(&of(SAMPLE_TARIFF, Band::Within, &lines)).map(|tax| tax.consumption_fen)
}

#[test]
fn cosmetics_are_high_end_from_the_threshold_on_in_every_unit() {
    // Unit, and the quantity of which 600 yuan are just the threshold.
    let table = [
        ("035", 6_000),
        ("036", 60 * 100_000),
        ("095", 6_000),
        ("096", 60 * 100_000),
        ("010", 40 * 100_000),
        ("020", 40 * 100_000),
    ];
    for (unit, qty_e5) in table {
        let due = |price_e5, qty_e5| cosmetics(price_e5, measure(unit, qty_e5), None);
        assert_eq!(due(600 * YUAN, qty_e5), Ok(7_412), "{unit}");
        assert_eq!(due(600 * YUAN, qty_e5 + 1), Ok(0), "{unit}: a little more for it");
        assert_eq!(due(600 * YUAN - 1, qty_e5), Ok(0), "{unit}: a little less paid");
    }
}

#[test]
fn one_of_two_quantities_is_enough_for_a_threshold() {
    let (high, low) = (measure("036", 50 * 100_000), measure("020", 100 * 100_000));
    let price = 700 * YUAN;
    assert_eq!(cosmetics(price, high, Some(low)), Ok(8_647));
    assert_eq!(cosmetics(price, low, Some(high)), Ok(8_647));
    assert_eq!(cosmetics(price, low, Some(low)), Ok(0));
    assert_eq!(cosmetics(price, PIECE, Some(high)), Ok(8_647), "pieces say nothing");
    assert_eq!(cosmetics(price, PIECE, Some(low)), Ok(0));
}

#[test]
fn a_threshold_needs_a_quantity_that_says_something() {
    let none = Err(Unassessable::NoMeasure(5));
    let (nothing, less) = (measure("036", 0), measure("036", -1));
    assert_eq!(cosmetics(YUAN, PIECE, None), none);
    assert_eq!(cosmetics(YUAN, PIECE, Some(PIECE)), none);
    assert_eq!(cosmetics(YUAN, nothing, None), none, "no quantity has no price for a gram");
    assert_eq!(cosmetics(YUAN, less, Some(nothing)), none);
    assert_eq!(cosmetics(YUAN, nothing, Some(measure("036", 100_000))), Ok(0));
    assert_eq!(cosmetics(YUAN, measure("036", 1), None), Ok(12), "any quantity will do");
}

#[test]
fn freight_counts_for_the_threshold() {
    let lines = [TaxableLine { first: measure("036", 60 * 100_000), ..line(5, 590 * YUAN) }];
    let with = |freight_e5| {
        let assessment = of(SAMPLE_TARIFF, Band::Within, &lines);
        assess(&DutyInput { freight_e5, ..assessment }).map(|tax| tax.consumption_fen)
    };
    assert_eq!(with(10 * YUAN), Ok(7_412));
    assert_eq!(with(10 * YUAN - 1), Ok(0));
}
