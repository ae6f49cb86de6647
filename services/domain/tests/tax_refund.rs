//! The export tax refund against the vectors of `tests/data/tax_refund.json`, which others may use
//! too: amounts in yuan, quantities in units, rates in per cent, all as text; tolerance zero.

use domain::tax_refund::arithmetic::{QuantityShare, Yuan};
use domain::tax_refund::deadline::{Deadline, money_in_by, reminder};
use domain::tax_refund::method::{
    CalculationError, Carry, InvoicePart, Month, MonthlyVat, ProducerLine, ProducerSums,
    domestic_sale, exempt, producer_part, refund_for_producer, refund_for_sums, refund_for_trader,
    share_of_refund,
};
use domain::tax_refund::overseas::{
    Advance, ReportError, Sales, SalesReports, SettlementError, settle,
};
use domain::tax_refund::parity::{ForeignAmount, Parities, ParityBasis};
use domain::tax_refund::rates::{Mark, RateProblem, RateTable, SAMPLE_RATES};
use domain::tax_refund::trace::{TraceLanguage, TraceValue as Traced};
use proptest::prelude::*;
use serde_json::{Map, Value};
use time::Date;
use time::format_description::well_known::Iso8601;
use time::macros::date;

const VECTORS: &str = include_str!("data/tax_refund.json");
const DAY: Date = date!(2026 - 11 - 29);

/// A decimal with so many places, as an integer.
fn decimal(text: &str, places: usize) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(decimals.len() <= places, "{text} has too many decimals");
    sign * format!("{whole}{decimals:0<places$}").parse::<i64>().expect("a number")
}

fn quantity(qty_e5: i64) -> String {
    Traced::Quantity(qty_e5).to_string()
}

fn day(text: &str) -> Date {
    Date::parse(text, &Iso8601::DATE).expect("a day")
}

/// One object of a vector.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn text(self, name: &str) -> &'a str {
        self.0[name].as_str().unwrap_or_else(|| panic!("{name} is no text"))
    }
    fn fen(self, name: &str) -> i64 {
        decimal(self.text(name), 2)
    }
    fn qty(self, name: &str) -> i64 {
        decimal(self.text(name), 5)
    }
    fn bp(self, name: &str) -> u32 {
        decimal(self.text(name), 2).try_into().expect("a rate")
    }
    fn day(self, name: &str) -> Date {
        day(self.text(name))
    }
}

/// A table with a code for each pair of rates, from `0000000001` on.
fn table(rates: &[(&str, &str, &str)]) -> RateTable {
    let mut text = "checked | 2026-11-29\nlaw | T | 测试 | test\n".to_owned();
    for (at, (levy, refund, mark)) in rates.iter().enumerate() {
        let code = format!("{:010}", at + 1);
        text += &format!("rate | {code} | 2019-04-01 | - | {levy} | {refund} | {mark} | T\n");
    }
    RateTable::parse(&text).expect("a table")
}

fn error(error: &CalculationError) -> Vec<(&'static str, String)> {
    let name = match error {
        CalculationError::NoRate { .. } => "no rate",
        CalculationError::NoParity { .. } => "no parity",
        CalculationError::NotRefunded(_) => "not refunded",
        CalculationError::Quantity => "quantity",
        CalculationError::DutyFree => "duty free",
        CalculationError::Amount => "amount",
    };
    assert!(!error.to_string().is_empty() && !error.text_zh().is_empty());
    vec![("error", name.to_owned())]
}

type Given = Vec<(&'static str, String)>;

fn yuan(fen: i64) -> String {
    Yuan(fen).to_string()
}

fn trader(input: Fields<'_>) -> Given {
    let table = table(&[(input.text("levy"), input.text("refund"), input.text("mark"))]);
    let part = InvoicePart {
        code: "0000000001",
        export_date: DAY,
        line: QuantityShare { qty_e5: input.qty("line_qty"), fen: input.fen("line_net") },
        used: QuantityShare { qty_e5: input.qty("used_qty"), fen: input.fen("used_net") },
        levy_bp: input.bp("invoice_levy"),
        qty_e5: input.qty("qty"),
        exported_left_e5: input.qty("exported_left"),
    };
    refund_for_trader(&table, &part).map_or_else(
        |e| error(&e),
        |it| {
            assert_eq!(it.trace.steps.last().map(|s| &s.value), Some(&Traced::Fen(it.cost_fen)));
            vec![
                ("net", yuan(it.net_fen)),
                ("refund", yuan(it.refund_fen)),
                ("cost", yuan(it.cost_fen)),
            ]
        },
    )
}

fn producer(input: Fields<'_>) -> Given {
    let lines: Vec<_> = input.0["lines"].as_array().expect("lines").iter().collect();
    let lines: Vec<_> = lines.iter().map(|it| Fields(it.as_object().expect("a line"))).collect();
    let rates: Vec<_> =
        lines.iter().map(|line| (line.text("levy"), line.text("refund"), "refund")).collect();
    let codes: Vec<_> = (1..=lines.len()).map(|at| format!("{at:010}")).collect();
    let lines = lines.iter().zip(&codes).map(|(line, code)| ProducerLine {
        code,
        export_date: DAY,
        fob_fen: line.fen("fob"),
        duty_free_fen: line.fen("duty_free"),
    });
    let month = Month {
        lines: lines.collect(),
        output_vat_fen: input.fen("output_vat"),
        input_vat_fen: input.fen("input_vat"),
    };
    let brought = Carry {
        credit_fen: input.fen("credit_brought"),
        cap_short_fen: input.fen("cap_short_brought"),
    };
    refund_for_producer(&table(&rates), &month, brought).map_or_else(
        |e| error(&e),
        |it| {
            vec![
                ("non_creditable", yuan(it.non_creditable_fen)),
                ("cap", yuan(it.cap_fen)),
                ("payable", yuan(it.payable_fen)),
                ("refund", yuan(it.refund_fen)),
                ("exempt_credit", yuan(it.exempt_credit_fen)),
                ("carry", yuan(it.carry.credit_fen)),
                ("cap_short", yuan(it.carry.cap_short_fen)),
            ]
        },
    )
}

fn overseas(input: Fields<'_>) -> Given {
    let advance = Advance {
        goods: QuantityShare { qty_e5: input.qty("qty"), fen: input.fen("fob") },
        refund_fen: input.fen("refund"),
        completed: input.day("completed"),
    };
    let sold = QuantityShare { qty_e5: input.qty("sold_qty"), fen: input.fen("sold") };
    match settle(advance, Sales { sold }, input.day("today")) {
        Err(SettlementError::TooEarly(_)) => vec![("error", "too early".into())],
        Err(SettlementError::Sales) => vec![("error", "sales".into())],
        Ok(it) => vec![
            ("confirmed_qty", quantity(it.confirmed_e5)),
            ("confirmed", yuan(it.confirmed_fen)),
            ("reversed_qty", quantity(it.reversed_e5)),
            ("reversed", yuan(it.reversed_fen)),
            ("anew_qty", quantity(it.claimed_anew_e5)),
            ("later_qty", quantity(it.claimable_later_e5)),
        ],
    }
}

fn rate(input: Fields<'_>) -> Given {
    let table = RateTable::parse(SAMPLE_RATES).expect("the sample is sound");
    let Some(rate) = table.find(input.text("code"), input.day("day")) else {
        return vec![("error", "no rate".into())];
    };
    let mark = match rate.mark {
        Mark::Refund => "refund",
        Mark::Domestic => "domestic",
        Mark::Exempt => "exempt",
    };
    vec![("refund", (rate.refund_bp / 100).to_string()), ("mark", mark.into())]
}

fn parity(input: Fields<'_>) -> Given {
    let mut parities = Parities::default();
    for quote in input.0["parities"].as_array().expect("parities") {
        let text = |at: usize| quote[at].as_str().expect("a text");
        assert!(parities.add(text(0), day(text(1)), decimal(text(2), 4)));
    }
    let basis = match input.text("basis") {
        "first of month" => ParityBasis::FirstOfMonth,
        "day of export" => ParityBasis::DayOfExport,
        other => panic!("{other}"),
    };
    let amount =
        ForeignAmount { currency: input.text("currency").into(), amount_e5: input.qty("amount") };
    let cny = parities.to_cny(&amount, basis, input.day("export_date"));
    cny.map_or_else(|e| error(&e), |(fen, _)| vec![("cny", yuan(fen))])
}

fn calculate(rule: &str, input: Fields<'_>) -> Given {
    match rule {
        "trader" => trader(input),
        "producer" => producer(input),
        "overseas" => overseas(input),
        "rate" => rate(input),
        "parity" => parity(input),
        "domestic" => {
            let table = table(&[(input.text("levy"), input.text("levy"), "refund")]);
            let sale = domestic_sale(&table, "0000000001", DAY, input.fen("fob"));
            sale.map_or_else(|e| error(&e), |it| vec![("vat", yuan(it.fen))])
        }
        "exempt" => {
            let exempt = exempt(input.fen("input_vat"));
            exempt.map_or_else(|e| error(&e), |it| vec![("cost", yuan(it.fen))])
        }
        "deadline" => {
            let mut all = Deadline::ALL.into_iter();
            let deadline = all.find(|it| it.title() == input.text("deadline")).expect("known");
            let last = deadline.last_day(input.day("from")).expect("in the calendar");
            vec![("last", last.to_string())]
        }
        other => panic!("no rule {other}"),
    }
}

#[test]
fn every_vector_holds_to_the_fen() {
    let vectors: Value = serde_json::from_str(VECTORS).expect("the file is JSON");
    let vectors = vectors.as_array().expect("an array");
    let mut wrong = Vec::new();
    for vector in vectors {
        let vector = Fields(vector.as_object().expect("an object"));
        let of = |name: &str| Fields(vector.0[name].as_object().expect("an object"));
        let given = calculate(vector.text("rule"), of("input"));
        let expected = of("expected");
        let differs = given.len() != expected.0.len()
            || given.iter().any(|(name, value)| expected.text(name) != value);
        if differs {
            wrong.push(format!("{}: {given:?} is not {:?}", vector.text("name"), expected.0));
        }
    }
    eprintln!("tax refund: {} vectors", vectors.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for name in ["G10", "G11", "G12", "G13", "G14", "G15", "G16", "G17 money"] {
        assert!(vectors.iter().any(|vector| vector["name"] == name), "{name} is missing");
    }
    assert!(vectors.len() >= 38);
}

/// Months hang together: what is carried out of one goes into the next.
#[test]
fn a_producer_carries_over_months() {
    let table = table(&[("13", "13", "refund")]);
    let month = |fob_fen, output_vat_fen, input_vat_fen| Month {
        lines: vec![ProducerLine {
            code: "0000000001",
            export_date: DAY,
            fob_fen,
            duty_free_fen: 0,
        }],
        output_vat_fen,
        input_vat_fen,
    };
    let months = [month(30_000_000, 6_500_000, 15_000_000), month(100_000_000, 0, 0)];
    let mut carry = Carry::default();
    let mut refunds = Vec::new();
    for month in &months {
        let result = refund_for_producer(&table, month, carry).expect("calculated");
        carry = result.carry;
        refunds.push(result.refund_fen);
    }
    assert_eq!(refunds, [3_900_000, 4_600_000]);
    assert_eq!(carry, Carry::default());
    // An export reversed later takes off the cap of the months after it.
    let reversed =
        refund_for_producer(&table, &month(-10_000_000, 0, 0), carry).expect("calculated");
    assert_eq!((reversed.refund_fen, reversed.carry.cap_short_fen), (0, 1_300_000));
    let after =
        refund_for_producer(&table, &month(20_000_000, 0, 9_000_000), reversed.carry).expect("it");
    assert_eq!((after.cap_fen, after.refund_fen), (1_300_000, 1_300_000));
    assert_eq!(after.carry, Carry { credit_fen: 7_700_000, cap_short_fen: 0 });
}

/// A month that is summed up line by line comes to the same, and the parts of its refund are the whole.
#[test]
fn a_month_of_many_lines_is_the_sum_of_its_parts() {
    let table = table(&[("13", "10", "refund")]);
    let fobs = [120_000_001_i64, 3, 99, 0, 7_777_777, 1];
    let lines = fobs.map(|fob_fen| ProducerLine {
        code: "0000000001",
        export_date: DAY,
        fob_fen,
        duty_free_fen: 0,
    });
    let vat = MonthlyVat { output_fen: 5, input_fen: 9_100_000 };
    let month = Month { lines: lines.to_vec(), output_vat_fen: 5, input_vat_fen: 9_100_000 };
    let brought = Carry { credit_fen: 11, cap_short_fen: 7 };
    let whole = refund_for_producer(&table, &month, brought).expect("calculated");
    let parts = lines.map(|line| producer_part(&table, &line).expect("calculated"));
    let sums = parts.iter().try_fold(ProducerSums::default(), |sums, part| sums.plus(*part));
    let sums = sums.expect("they fit");
    let summed = refund_for_sums(sums, vat, brought).expect("calculated");
    assert_eq!((summed.refund_fen, summed.carry), (whole.refund_fen, whole.carry));
    let (mut before, mut shared) = (0, 0);
    for part in parts {
        let share = share_of_refund(whole.refund_fen, sums.cap_fen, before, part.cap_fen);
        let share = share.expect("the caps fit");
        assert!((0..=part.cap_fen).contains(&share), "{share} of {}", part.cap_fen);
        before += part.cap_fen;
        shared += share;
    }
    assert_eq!(shared, whole.refund_fen);
    assert_eq!(share_of_refund(1, 10, 5, 6), None, "more than the cap");
    assert_eq!(share_of_refund(0, 0, 0, 0), Some(0));
}

#[test]
fn a_trace_explains_in_both_languages() {
    let table = RateTable::parse(SAMPLE_RATES).expect("the sample is sound");
    let whole = QuantityShare { qty_e5: 300_000, fen: 10_000 };
    let part = InvoicePart {
        code: "8507600090",
        export_date: DAY,
        line: whole,
        used: QuantityShare::default(),
        levy_bp: 1_300,
        qty_e5: 100_000,
        exported_left_e5: 100_000,
    };
    let trace = refund_for_trader(&table, &part).expect("refunded").trace;
    let english = trace.text(TraceLanguage::English);
    for part in [
        "refund-for-trading-firms v1: refund for trading firms [财政部 税务总局公告2026年第11号]",
        "  refund rate 6 % (2026-04-01..2026-12-31) [财政部 税务总局2026年关于电池出口退税的公告]",
        "  net amount = 100.00 × 1 ÷ 3 = 33.33 CNY (rounded down to the fen)",
        "  refund = 33.33 × 6 % = 2.00 CNY (rounded half up to the fen)",
        "  to cost = 4.33 − 2.00 = 2.33 CNY (exact)",
    ] {
        assert!(english.contains(part), "{part:?} is not in\n{english}");
    }
    let chinese = trace.text(TraceLanguage::Chinese);
    assert!(chinese.contains("外贸企业免退税"), "{chinese}");
    assert!(chinese.contains("应退税额 = 33.33 × 6 % = 2.00 CNY (四舍五入到分)"), "{chinese}");
}

#[test]
fn a_file_of_rates_names_every_fault_with_its_line() {
    let head = "checked | 2026-11-29 # today\nlaw | A | 法 | law\n";
    let rate = |code: &str, days: &str, rest: &str| format!("rate | {code} | {days} | {rest}\n");
    let good = "0101010101";
    let cases: [(String, RateProblem); 14] = [
        ("rat | 1\n".into(), RateProblem::Columns),
        (rate("010101010", "2026-01-01 | -", "13 | 13 | refund | A"), RateProblem::Code),
        (rate(good, "2026-01 | -", "13 | 13 | refund | A"), RateProblem::Day),
        (rate(good, "2026-01-02 | 2026-01-01", "13 | 13 | refund | A"), RateProblem::Day),
        (rate(good, "2026-01-01 | -", "13 | 13.001 | refund | A"), RateProblem::Rate),
        (rate(good, "2026-01-01 | -", "9 | 13 | refund | A"), RateProblem::Rate),
        (rate(good, "2026-01-01 | -", "101 | 13 | refund | A"), RateProblem::Rate),
        (rate(good, "2026-01-01 | -", "13 | -1 | refund | A"), RateProblem::Rate),
        (rate(good, "2026-01-01 | -", "13 | 13 | other | A"), RateProblem::Mark),
        (rate(good, "2026-01-01 | -", "13 | 0 | refund | A"), RateProblem::MarkAndRate),
        (rate(good, "2026-01-01 | -", "13 | 9 | exempt | A"), RateProblem::MarkAndRate),
        (rate(good, "2026-01-01 | -", "13 | 13 | refund | B"), RateProblem::Law),
        ("law | A | 法 | law\n".into(), RateProblem::LawTwice),
        ("checked | 2026-11-28\n".into(), RateProblem::Checked),
    ];
    for (line, problem) in &cases {
        let faults = RateTable::parse(&format!("{head}{line}")).expect_err("it is wrong");
        let found: Vec<_> = faults.iter().map(|fault| (fault.line, fault.problem)).collect();
        assert_eq!(found, [(3, *problem)], "{line}");
    }
    let all: String = cases.iter().map(|(line, _)| line.as_str()).collect();
    let faults = RateTable::parse(&format!("{head}{all}")).expect_err("all are wrong");
    assert_eq!(faults.len(), cases.len());
    let pair = |first: &str, second: &str| {
        let rest = "13 | 13 | refund | A";
        format!("{head}{}{}", rate(good, first, rest), rate(good, second, rest))
    };
    for (first, second, problem) in [
        ("2026-01-01 | 2026-01-31", "2026-02-02 | -", Some(RateProblem::Gap)),
        ("2026-01-01 | 2026-02-01", "2026-02-01 | -", Some(RateProblem::Overlap)),
        ("2026-01-01 | -", "2026-02-01 | -", Some(RateProblem::Overlap)),
        ("2026-01-01 | 2026-01-31", "2026-02-01 | -", None),
    ] {
        let found = RateTable::parse(&pair(first, second)).err().map(|it| it[0].problem);
        assert_eq!(found, problem, "{first}, {second}");
    }
    let unchecked = RateTable::parse("law | A | 法 | law\n").expect_err("never checked");
    assert_eq!((unchecked[0].line, unchecked[0].problem), (0, RateProblem::Checked));
}

#[test]
fn a_table_that_nobody_compared_for_long_is_stale() {
    let table = table(&[]);
    assert!(!table.is_stale(date!(2027 - 02 - 27), 90));
    assert!(table.is_stale(date!(2027 - 02 - 28), 90));
}

#[test]
fn a_contract_moves_the_day_of_the_money_within_36_months() {
    let export = date!(2026 - 02 - 10);
    let by = |contract| money_in_by(export, contract).expect("in the calendar");
    assert_eq!(by(None), date!(2027 - 04 - 30));
    assert_eq!(by(Some(date!(2026 - 05 - 01))), date!(2027 - 04 - 30));
    assert_eq!(by(Some(date!(2028 - 05 - 01))), date!(2028 - 05 - 01));
    assert_eq!(by(Some(date!(2030 - 05 - 01))), date!(2029 - 02 - 10));
}

#[test]
fn every_reminder_comes_once_however_the_days_are_looked_at() {
    let last = date!(2027 - 04 - 30);
    let mut day = date!(2027 - 01 - 01);
    let mut seen = Vec::new();
    while day < date!(2027 - 06 - 01) {
        let next = day.next_day().expect("a day");
        seen.extend(reminder(last, day, next));
        day = next;
    }
    assert_eq!(seen, [60, 30, 15, 7, 1, -1]);
    // Whoever was away hears the latest only.
    assert_eq!(reminder(last, date!(2027 - 01 - 01), date!(2027 - 04 - 20)), Some(15));
    assert_eq!(reminder(last, date!(2027 - 05 - 02), date!(2027 - 05 - 20)), None);
}

#[test]
fn sales_of_a_warehouse_are_reported_once_and_settled() {
    let goods = QuantityShare { qty_e5: 100_000_000, fen: 10_000_000 };
    let completed = date!(2026 - 04 - 10);
    let advance = Advance { goods, refund_fen: 1_300_000, completed };
    let mut reports = SalesReports::default();
    let sold = |pieces: i64, fen| QuantityShare { qty_e5: pieces * 100_000, fen };
    assert_eq!(reports.take(advance, "1", sold(400, 4_000_000)), Ok(()));
    assert_eq!(reports.take(advance, "1", sold(400, 4_000_000)), Ok(()));
    assert_eq!(reports.take(advance, "1", sold(401, 4_000_000)), Err(ReportError::Different));
    assert_eq!(reports.take(advance, "2", sold(0, 1)), Err(ReportError::Amount));
    assert_eq!(reports.take(advance, "2", sold(601, 1)), Err(ReportError::TooMuch));
    assert_eq!(reports.take(advance, "2", sold(200, 2_000_000)), Ok(()));
    let settled = settle(advance, reports.sales(), date!(2027 - 04 - 30)).expect("in time");
    assert_eq!((settled.confirmed_fen, settled.reversed_fen), (780_000, 520_000));
    assert_eq!(settled.claimable_later_e5, 40_000_000);
}

/// Codes 1 to 3.
fn three_rates() -> RateTable {
    table(&[("13", "13", "refund"), ("13", "9", "refund"), ("9", "6", "refund")])
}

proptest! {
    /// However an invoice line is divided, the parts are the whole, each refund is within its tax,
    /// and no refund is above what the rates allow.
    #[test]
    fn parts_of_an_invoice_are_the_whole(
        fen in 0..1_000_000_000_i64,
        parts in prop::collection::vec(1..1_000_000_i64, 1..20),
        code in 1..=3_usize,
        levy_bp in prop::sample::select(vec![100_u32, 300, 900, 1_300]),
    ) {
        let table = three_rates();
        let code = format!("{code:010}");
        let whole = QuantityShare { qty_e5: parts.iter().sum(), fen };
        let mut used = QuantityShare::default();
        for qty_e5 in parts {
            let part = InvoicePart {
                code: &code,
                export_date: DAY,
                line: whole,
                used,
                levy_bp,
                qty_e5,
                exported_left_e5: qty_e5,
            };
            let it = refund_for_trader(&table, &part).expect("calculated");
            let tax = it.refund_fen + it.cost_fen;
            prop_assert!(it.net_fen >= 0 && it.refund_fen >= 0 && it.cost_fen >= 0);
            prop_assert!((2 * (tax * 10_000 - it.net_fen * i64::from(levy_bp))).abs() <= 10_000);
            used = QuantityShare { qty_e5: used.qty_e5 + qty_e5, fen: used.fen + it.net_fen };
        }
        prop_assert_eq!(used, whole);
    }

    /// A month adds up, and the month that reverses it takes back what it gave.
    #[test]
    fn a_month_of_a_producer_adds_up(
        lines in prop::collection::vec((1..=3_usize, 0..1_000_000_000_i64, 0..=100_i64), 0..10),
        taxes in (0..200_000_000_i64, 0..200_000_000_i64, 0..100_000_000_i64, 0..10_000_000_i64),
    ) {
        let table = three_rates();
        let codes: Vec<_> = lines.iter().map(|(code, ..)| format!("{code:010}")).collect();
        let of = |sign: i64| -> Vec<ProducerLine<'_>> {
            let all = lines.iter().zip(&codes);
            all.map(|((_, fob, percent), code)| ProducerLine {
                code,
                export_date: DAY,
                fob_fen: sign * fob,
                duty_free_fen: sign * (fob / 100 * percent),
            })
            .collect()
        };
        let (output_vat_fen, input_vat_fen, credit_fen, cap_short_fen) = taxes;
        let month = Month { lines: of(1), output_vat_fen, input_vat_fen };
        let it = refund_for_producer(&table, &month, Carry { credit_fen, cap_short_fen })
            .expect("calculated");
        let left = (-it.payable_fen).max(0);
        prop_assert_eq!(it.refund_fen + it.carry.credit_fen, left);
        prop_assert_eq!(it.refund_fen + it.exempt_credit_fen, it.cap_fen);
        prop_assert!(it.refund_fen >= 0 && it.exempt_credit_fen >= 0 && it.carry.credit_fen >= 0);
        prop_assert!(it.cap_fen == 0 || it.carry.cap_short_fen == 0);
        let both = Month { lines: of(1).into_iter().chain(of(-1)).collect(), ..month };
        let none = refund_for_producer(&table, &both, Carry::default()).expect("calculated");
        prop_assert_eq!((none.cap_fen, none.non_creditable_fen, none.refund_fen), (0, 0, 0));
    }
}
