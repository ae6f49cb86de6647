//! The import tax by dated formulas and parameters: the published cases, the files, the reasons.

use std::collections::BTreeSet;

use domain::documents::tax::{Band, LineTax, Measure, TaxableLine};
use domain::payment::built_in;
use domain::payment::import_list::{Remark, remarks};
use domain::payment::parameter_set::{OwnFile, ParameterSet};
use domain::payment::parameters::{ParameterTable, Parameters, date, read, tables};
use domain::payment::tariff_change::changes;
use domain::payment::tax::{
    Comparison, MissingParameter, Parcel, alternative, compare, deadlines, rate_day, required_units,
};
use domain::payment::words;
use proptest::prelude::*;
use time::Month;
use time::macros::date;

const CASES: &str = include_str!("../data/import-tax-cases.toml");

fn parameters() -> Parameters {
    read(&built_in::FILES.map(|(_, text, _)| text)).expect("the files are right")
}

/// 1/100000 of a decimal number.
fn e5(text: &str) -> i64 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{rest:0<5}").parse().expect("a number with at most five digits")
}

fn goods<'a>(gcode: &'a str, price_e5: i64, unit: &'a str, qty_e5: i64) -> TaxableLine<'a> {
    TaxableLine {
        gnum: 1,
        gcode,
        total_price_e5: price_e5,
        first: Measure { unit, qty_e5 },
        second: None,
    }
}

fn parcel<'a>(parameters: &'a Parameters, lines: &'a [TaxableLine<'a>]) -> Parcel<'a> {
    Parcel {
        parameters,
        day: date!(2026 - 11 - 01),
        freight_e5: 0,
        insurance_e5: 0,
        lines,
        quantities_e5: &[100_000],
        key: "QD1",
    }
}

fn computed(parameters: &Parameters, case: &ParameterTable) -> Comparison {
    let get = |key| case.get(key).unwrap_or_else(|| panic!("line {}: {key}", case.line));
    let lines = [goods(get("code"), e5(get("price")), get("unit1"), e5(get("qty1")))];
    let parcel = Parcel {
        day: date(get("day")).expect("a day"),
        freight_e5: e5(get("freight")),
        quantities_e5: &[e5(get("pieces"))],
        ..parcel(parameters, &lines)
    };
    compare(&parcel).unwrap_or_else(|missing| panic!("{}: {missing:?}", get("name")))
}

#[test]
fn every_case_comes_out_to_the_fen() {
    let (parameters, cases) = (parameters(), tables(CASES).expect("the cases are right"));
    assert!(cases.len() >= 110, "{}", cases.len());
    for case in &cases {
        let Comparison { within, full, applies } = computed(&parameters, case);
        let is = [("within", &within.tax), ("full", &full.tax)].map(|(way, tax)| {
            [
                (format!("{way}_duty_fen"), tax.customs_tax_fen),
                (format!("{way}_consumption_fen"), tax.consumption_fen),
                (format!("{way}_vat_fen"), tax.vat_fen),
            ]
        });
        let name = case.get("name");
        for (key, fen) in is.as_flattened() {
            assert_eq!(case.get(key), Some(fen.to_string().as_str()), "{name:?}: {key}");
        }
        let applies = match applies {
            Ok(Band::Within) => "within".to_owned(),
            Ok(Band::Above) => "full".to_owned(),
            Err(refused) => refused.status.to_string(),
        };
        assert_eq!(case.get("applies"), Some(applies.as_str()), "{name:?}");
        assert_eq!(within.trace.result_fen, within.tax.total_fen());
    }
}

#[test]
fn the_known_bills() {
    let parameters = parameters();
    let cases = tables(CASES).expect("the cases are right");
    let total = |name: &str| {
        let case = cases.iter().find(|case| case.get("name") == Some(name)).expect("the case");
        let Comparison { within, full, .. } = computed(&parameters, case);
        (within.tax.total_fen(), full.tax.total_fen())
    };
    assert_eq!(total("G1: the observed bill").0, 3_731);
    assert_eq!(total("G2: composite rate 23.06 %").0, 23_059);
    assert_eq!(total("G5: above, one item, duty 5 %").1, 111_900);
}

#[test]
fn the_tree_says_why_in_both_languages() {
    let parameters = parameters();
    let lines = [goods("3304990029", 100_000_000, "096", 5_000_000)];
    let trace = compare(&parcel(&parameters, &lines)).expect("complete").within.trace;
    let (english, chinese) = (trace.text(&parameters), trace.text_zh(&parameters));
    for part in [
        "composite tax = 230.59",
        "财关税〔2016〕18号",
        "cosmetics.per_measure_fen = 1000",
        "vat.general_bp = 1300",
        "since 2019-04-01",
        "consumption tax = 123.53",
        "VAT = 107.06",
        "[1000 × 13 % ÷ (1 − 15 %) × 70 %;",
        "VAT, general rate = 13 %",
        "qty1 = 50",
    ] {
        assert!(english.contains(part), "{part} is missing in\n{english}");
    }
    for part in [
        "增值税基本税率 = 13 %",
        "限值以内",
        "第1项：其他护肤品",
        "消费税 = 123.53",
        "增值税 = 107.06",
        "自 2019-04-01",
    ] {
        assert!(chinese.contains(part), "{part} is missing in\n{chinese}");
    }
}

#[test]
fn every_number_has_a_name_for_people_and_expressions_say_what_was_computed() {
    let parameters = parameters();
    for value in &parameters.values {
        assert!(words::title(&value.name).is_some(), "{} has no name", value.name);
    }
    let rule = |code: &str, unit, way: fn(Comparison) -> domain::payment::tax::Alternative| {
        let lines = [goods(code, 600_000_000, unit, 70_000)];
        let trace = way(compare(&parcel(&parameters, &lines)).expect("complete")).trace;
        let taxes: Vec<_> = trace.steps[0].steps.iter().map(|step| step.rule.clone()).collect();
        taxes
    };
    assert_eq!(
        rule("2106909090", "035", |of| of.within),
        ["6000 × 0 %", "0", "6000 × 13 % × 70 %"]
    );
    assert_eq!(
        rule("2208200090", "035", |of| of.full),
        [
            "6000 × 5 %",
            "(6000 × (1 + 5 %) × 20 % + 0.7) ÷ (1 − 20 %)",
            "(6000 × (1 + 5 %) + 0.7) × 13 % ÷ (1 − 20 %)"
        ]
    );
    assert_eq!(
        rule("2203000000", "035", |of| of.within),
        ["6000 × 0 %", "0.154 × 70 %", "(6000 + 0.154) × 13 % × 70 %"]
    );
}

#[test]
fn what_is_missing_is_asked_for_by_name_all_at_once() {
    let parameters = parameters();
    let lines = [
        goods("3304990029", 1, "007", 100_000),
        TaxableLine { gnum: 2, ..goods("9999999999", 1, "007", 100_000) },
        TaxableLine { gnum: 3, ..goods("2203000000", 1, "007", 100_000) },
    ];
    let missing = compare(&parcel(&parameters, &lines)).expect_err("much is missing");
    let cosmetics = "035 036 095 096 010 020".to_owned();
    assert_eq!(
        missing,
        [
            MissingParameter::Quantity { gnum: 1, units: cosmetics },
            MissingParameter::Row { gnum: 2, code: "9999999999".into() },
            MissingParameter::Quantity { gnum: 3, units: "035".into() },
        ]
    );
    assert!(missing.iter().all(|missing| missing.zh().starts_with('第')));
    let day = date!(2016 - 04 - 07);
    let early = Parcel { day, ..parcel(&parameters, &lines[..1]) };
    assert_eq!(alternative(&early, Band::Within), Err(vec![MissingParameter::Formula(day)]));
    assert_eq!(required_units(&parameters, "2203000000", date!(2026 - 11 - 01)), Ok(Some("035")));
    assert_eq!(required_units(&parameters, "9503008900", date!(2026 - 11 - 01)), Ok(None));
}

#[test]
fn amounts_beyond_reason_are_refused_and_do_not_wrap() {
    let parameters = parameters();
    for (price, unit, qty) in [(-1, "035", 1), (i64::MAX, "035", 1), (1, "035", i64::MAX)] {
        for code in ["2106909090", "2208300000"] {
            let lines = [goods(code, price, unit, qty)];
            let _ = compare(&parcel(&parameters, &lines)).map_err(|missing| {
                assert_eq!(missing, [MissingParameter::Amount(1)]);
            });
        }
    }
    let lines = [goods("2106909090", 1, "035", 1)];
    let charged = Parcel { freight_e5: -1, ..parcel(&parameters, &lines) };
    assert_eq!(compare(&charged), Err(vec![MissingParameter::Charges]));
}

#[test]
fn days_after_a_release_and_of_the_rate() {
    let days = deadlines(&parameters(), date!(2026 - 11 - 01)).expect("known");
    assert_eq!(days.return_asked, date!(2026 - 12 - 01));
    assert_eq!(days.goods_back, date!(2026 - 12 - 16));
    assert_eq!(days.paid_from, date!(2026 - 12 - 02));
    assert_eq!(days.paid_until, date!(2026 - 12 - 16));
    let rate = |year, month, holidays: &[_]| rate_day(year, month, holidays);
    assert_eq!(rate(2026, Month::October, &[]), Some(date!(2026 - 09 - 16)));
    assert_eq!(rate(2027, Month::January, &[]), Some(date!(2026 - 12 - 16)));
    // From Wednesday to Friday there is no trading: Monday.
    let off = [date!(2026 - 09 - 16), date!(2026 - 09 - 17), date!(2026 - 09 - 18)];
    assert_eq!(rate(2026, Month::October, &off), Some(date!(2026 - 09 - 21)));
}

#[test]
fn the_sample_has_sixty_codes_and_says_that_it_is_one() {
    let parameters = parameters();
    let codes: BTreeSet<_> = parameters.tariff.iter().map(|row| &row.code).collect();
    assert!(codes.len() >= 60);
    assert!(parameters.tariff.iter().all(|row| !row.validity.is_verified));
    assert!(parameters.law("sample").is_some_and(|law| law.contains("SAMPLE")));
    assert!(parameters.law("list-2019").is_some_and(|law| law.contains("SAMPLE")));
    // By the price, by the quantity, and by both; 13 and 9 per cent.
    let kinds: BTreeSet<_> =
        parameters.tariff.iter().map(|row| (row.consumption_bp > 0, row.unit.is_some())).collect();
    assert_eq!(kinds.len(), 4);
    let vats: BTreeSet<_> = parameters.tariff.iter().map(|row| row.vat.as_str()).collect();
    assert_eq!(vats.len(), 2);
}

fn own(name: &str, text: &str) -> OwnFile {
    OwnFile { name: name.to_owned(), text: text.to_owned() }
}

/// No digest, but one that hangs on what is digested.
fn digest(bytes: &[u8]) -> [u8; 32] {
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte));
    [sum; 32]
}

#[test]
fn files_of_ones_own_take_the_place_of_those_with_the_same_tables() {
    let built_in = ParameterSet::built_in(digest);
    assert_eq!(built_in.parameters, parameters());
    assert!(built_in.has_sample);
    let row = "[[law]]\nid = \"ours\"\ntitle = \"our tariff\"\n[[tariff]]\ncode = \"2106909090\"\n\
        name_zh = \"\"\nname = \"\"\nduty_bp = 500\nvat = \"vat.reduced_bp\"\n\
        valid_from = \"2019-04-01\"\nlaw = \"ours\"\narticle = \"\"\nchecked_on = \"2026-11-30\"\n\
        verified = true\n";
    let set = ParameterSet::read(&[own("ours.toml", row)], digest).expect("it is in order");
    let names: Vec<_> = set.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["ours.toml", "import-tax.toml", "sample-import-list.toml"]);
    assert_eq!(set.files[0].sha256, digest(row.as_bytes()));
    let rows: Vec<_> = set.parameters.tariff.iter().map(|row| row.code.as_str()).collect();
    assert_eq!(rows, ["2106909090"], "nothing of the sample is left");
    assert_eq!(set.parameters.values, built_in.parameters.values);
    assert!(set.has_sample, "the list is one");

    // Everything that is wrong, with the file that it is in.
    let numbers = built_in::FILES[0].1;
    let other_limit = numbers.replace("value = 2600000", "value = 2600001");
    assert_ne!(other_limit, numbers);
    let other_limit =
        other_limit.replace("name = \"payment.first_day\"", "name = \"payment.first\"");
    let wrong_row = row.replace("duty_bp = 500", "duty_bp = 5%").replace("2106909090", "21");
    let of = |files: &[OwnFile]| {
        let problems = ParameterSet::read(files, digest).expect_err("much is wrong");
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        of(&[own("a.toml", &wrong_row), own("b.toml", "# nothing\n")]),
        ["a.toml: line 8: not understood: duty_bp = 5%", "b.toml: there is no table in it",]
    );
    let two = [own("a.toml", &row.replace("2106909090", "21")), own("n.toml", &other_limit)];
    assert_eq!(
        of(&two),
        [
            "a.toml: line 4: `code` has 10 digits: 21",
            "limit.annual_fen is not as the program has it, which checks documents by it",
            "payment.first_day has no value without a last day",
        ]
    );
}

/// A row of a tariff without what a case adds.
const ROW: &str = "[[tariff]]\nname_zh = \"\"\nname = \"\"\nvalid_from = \"2019-01-01\"\nlaw = \"L\"\n\
    article = \"\"\nchecked_on = \"2026-11-29\"\nverified = false\n";

#[test]
fn what_is_wrong_in_a_file_is_found() {
    let value = |from: &str, to: &str, law: &str| {
        let to = if to.is_empty() { String::new() } else { format!("valid_to = \"{to}\"\n") };
        format!(
            "[[parameter]]\nname = \"a\"\nvalue = 1\nvalid_from = \"{from}\"\n{to}law = \"{law}\"\n\
             article = \"\"\nchecked_on = \"2026-11-29\"\nverified = false\n"
        )
    };
    let law = "[[law]]\nid = \"L\"\ntitle = \"a law\"\n";
    let with = |values: &[String]| format!("{law}{}", values.concat());
    let row = |line: &str| format!("{law}{ROW}{line}\n");
    let bad = [
        (with(&[value("2019-01-01", "", "X")]), "the law X is not listed"),
        (with(&[value("2019-01", "", "L")]), "no full day: 2019-01"),
        (with(&[value("2019-02-29", "", "L")]), "no full day: 2019-02-29"),
        (with(&[value("2019-01-01", "2018-01-01", "L")]), "ends before"),
        (with(&[value("2019-01-01", "", "L"), value("2020-01-01", "", "L")]), "overlap"),
        (with(&[value("2019-01-01", "2020-01-01", "L"), value("2020-01-01", "", "L")]), "overlap"),
        (with(&[value("2019-01-01", "2019-12-30", "L"), value("2020-01-01", "", "L")]), "a gap"),
        (
            with(&[value("2019-01-01", "", "L").replace("value = 1\n", "value = -1\n")]),
            "beyond all reason",
        ),
        (format!("{law}[[rate]]\n"), "`rate` is unknown"),
        (format!("{law}[[parameter]]\nname = \"a\"\n"), "`value` is missing"),
        (with(&[value("2019-01-01", "", "L").replace("valid_from", "valid_form")]), "no key"),
        (format!("{law}{law}"), "listed twice"),
        (with(&[value("2019-01-01", "", "L").replace("false", "1")]), "`verified` is true or"),
        (row("code = \"330\""), "`code` has 10 digits: 330"),
        (row("vat = \"13\""), "`vat` is vat.general_bp or vat.reduced_bp, not 13"),
        (
            row("code = \"3304990029\"\nduty_bp = 1\nvat = \"vat.general_bp\""),
            "vat.general_bp has no value on all of its days",
        ),
        (row("duty_bp = -1"), "`duty_bp` is beyond all reason"),
        (row("consumption_bp = 10000"), "`consumption_bp` is beyond all reason"),
        (row("threshold = \"wine\""), "`threshold` is cosmetics, not wine"),
        (row("threshold = \"cosmetics\""), "which is 0"),
        (row("per_unit_e5 = 1"), "belong together"),
        (row("unit = \"999\"\nper_unit_e5 = 1"), "no customs unit: 999"),
        (format!("{law}[[listed]]\nheading = \"1\"\n"), "`heading` has 8 digits: 1"),
        (format!("{law}[[listed]]\nyearly_most_e5 = 1\n"), "belong together"),
        (format!("{law}id = \"M\"\n"), "stands twice"),
        (format!("{law}what\n"), "not understood: what"),
        (format!("{law}[[parameter]]\nvalue = 1.5\n"), "not understood"),
        ("id = \"L\"\n".to_owned(), "not understood"),
    ];
    for (text, expected) in bad {
        let problems = read(&[&text]).expect_err(expected);
        assert!(problems.iter().any(|p| p.what.contains(expected)), "{expected}: {problems:?}");
    }
    let good = with(&[value("2019-01-01", "2019-12-31", "L"), value("2020-01-01", "", "L")]);
    let parameters = read(&[&good]).expect("in order");
    let first = parameters.find("a", date!(2019 - 12 - 31)).expect("the first");
    assert_eq!(first.validity.from, date!(2019 - 01 - 01));
    assert_eq!(parameters.find("a", date!(2018 - 12 - 31)), None);
}

#[test]
fn the_limits_of_the_customs_rules_are_those_of_the_file() {
    use domain::documents::limits::{annual_limit, single_limit};
    for (day, single, annual) in [
        // Before the first day its limits hold too.
        (date!(2015 - 01 - 01), 200_000, 2_000_000),
        (date!(2016 - 04 - 08), 200_000, 2_000_000),
        (date!(2018 - 12 - 31), 200_000, 2_000_000),
        (date!(2019 - 01 - 01), 500_000, 2_600_000),
        (date!(2026 - 11 - 29), 500_000, 2_600_000),
    ] {
        assert_eq!((single_limit(day), annual_limit(day)), (single, annual), "{day}");
    }
    // No limit ends without the next one.
    let parameters = parameters();
    for name in ["limit.single_fen", "limit.annual_fen"] {
        assert!(
            parameters.find(name, date!(2026 - 11 - 29)).is_some_and(|of| of.validity.to.is_none())
        );
    }
}

#[test]
fn the_list_says_what_may_not_come_and_how() {
    let parameters = parameters();
    let day = date!(2026 - 11 - 01);
    let of = |goods: TaxableLine<'_>, is_bonded| remarks(&parameters, day, is_bonded, &[goods]);
    let rice = goods("1006302001", 1, "035", 2_000_000);
    let code = "1006302001".to_owned();
    assert_eq!(of(rice, true), []);
    assert_eq!(of(rice, false), [Remark::BondedOnly { gnum: 1, code }]);
    let too_much = of(goods("1006302001", 1, "035", 2_000_001), true);
    let [Remark::TooMuch { qty_e5: 2_000_001, most, .. }] = &too_much[..] else {
        panic!("{too_much:?}")
    };
    assert_eq!((most.qty_e5, most.unit.as_str()), (2_000_000, "035"));
    let unit = "035".to_owned();
    let no_weight = of(goods("1006302001", 1, "007", 1), true);
    assert_eq!(no_weight, [Remark::NoQuantity { gnum: 1, unit }]);
    assert_eq!(of(goods("2106909090", 1, "035", 1), false), []);
    let tobacco = of(goods("2402200000", 1, "012", 1), true);
    assert_eq!(tobacco, [Remark::NotListed { gnum: 1, code: "2402200000".into() }]);
    for remark in [&too_much, &no_weight, &tobacco].into_iter().flatten() {
        assert!(remark.to_string().starts_with("line 1: ") && remark.zh().starts_with("第1项"));
    }
}

#[test]
fn a_change_between_two_days_is_told_and_nothing_else_is() {
    let parameters = parameters();
    let of = |before, after| changes(&parameters, before, after);
    let names = |before, after| -> Vec<String> {
        of(before, after).iter().map(|change| change.of.to_owned()).collect()
    };
    assert_eq!(
        names(date!(2018 - 12 - 31), date!(2019 - 01 - 01)),
        ["limit.annual_fen", "limit.single_fen", "payment.first_day", "payment.last_day"]
    );
    let vat = of(date!(2019 - 03 - 31), date!(2019 - 04 - 01));
    let [general, reduced] = &vat[..] else { panic!("{vat:?}") };
    assert_eq!((general.of, reduced.of), ("vat.general_bp", "vat.reduced_bp"));
    let values = |state: &Option<domain::payment::tariff_change::State<'_>>| {
        state.as_ref().map(|state| state.values[0].1.clone())
    };
    assert_eq!(values(&general.before).as_deref(), Some("1600"));
    assert_eq!(values(&general.after).as_deref(), Some("1300"));
    // The law on make-up changed the numbers; skin care came.
    let cosmetics = of(date!(2016 - 09 - 30), date!(2016 - 10 - 01));
    let change = |code| cosmetics.iter().find(|change| change.of == code).expect("it changed");
    assert!(change("3304100010").before.is_some() && change("3304100010").after.is_some());
    assert_eq!(change("3304990029").before, None);
    assert_eq!(names(date!(2026 - 11 - 01), date!(2026 - 11 - 29)), [""; 0]);
    // Backwards it is the same, the other way round.
    assert_eq!(of(date!(2019 - 01 - 01), date!(2018 - 12 - 31)).len(), 4);
}

/// A line of any code of today with any price and a quantity in every unit that somebody could need.
fn any_line() -> impl Strategy<Value = (usize, i64, i64)> {
    (0usize..66, 0i64..2_000_000_000, 1i64..100_000_000)
}

proptest! {
    /// Whatever the goods: no tax is below zero, lines add up to the whole, within the limits nobody pays
    /// more than in full, and who pays more for the same goods pays no less tax, consumption tax that
    /// begins at a price included.
    #[test]
    fn taxes_are_never_negative_add_up_and_grow_with_the_price(
        of in prop::collection::vec(any_line(), 1..6), freight in 0i64..10_000_000,
        more in 0i64..100_000_000,
    ) {
        let parameters = parameters();
        let current: Vec<_> =
            parameters.tariff.iter().filter(|row| row.validity.to.is_none()).collect();
        let codes: Vec<_> = of.iter().map(|(row, ..)| current[row % current.len()]).collect();
        let lines = |more: i64| -> Vec<TaxableLine<'_>> {
            of.iter().zip(&codes).zip(1u32..).map(|(((_, price, qty), row), gnum)| TaxableLine {
                gnum,
                gcode: &row.code,
                total_price_e5: price + more,
                first: Measure { unit: row.unit.as_deref().unwrap_or("007"), qty_e5: *qty },
                second: Some(Measure { unit: "096", qty_e5: *qty }),
            }).collect()
        };
        let (cheap, dear) = (lines(0), lines(more));
        let cheap = Parcel { freight_e5: freight, ..parcel(&parameters, &cheap) };
        let cheap = compare(&cheap).expect("complete");
        for way in [&cheap.within, &cheap.full] {
            let tax = &way.tax;
            let kinds = |line: &LineTax| [line.customs_tax_fen, line.vat_fen, line.consumption_fen];
            prop_assert!(tax.lines.iter().flat_map(kinds).all(|fen| fen >= 0));
            let sum: i64 = tax.lines.iter().flat_map(kinds).sum();
            prop_assert_eq!(sum, tax.total_fen());
            prop_assert_eq!(way.trace.result_fen, sum);
            let prices: i64 = of.iter().map(|(_, price, _)| price).sum();
            prop_assert_eq!(tax.tax_price_e5, prices + freight);
        }
        prop_assert!(cheap.within.tax.total_fen() <= cheap.full.tax.total_fen());
        // Without charges, so that each line is compared with itself.
        let alone = compare(&parcel(&parameters, &lines(0))).expect("complete");
        let dear = compare(&parcel(&parameters, &dear)).expect("complete");
        for (less, more) in
            [(&alone.within, &dear.within), (&alone.full, &dear.full)]
        {
            for (less, more) in less.tax.lines.iter().zip(&more.tax.lines) {
                prop_assert!(less.customs_tax_fen <= more.customs_tax_fen);
                prop_assert!(less.vat_fen <= more.vat_fen);
                prop_assert!(less.consumption_fen <= more.consumption_fen);
            }
        }
    }
}
