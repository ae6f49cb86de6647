//! Settlement of export receipts by the rules of the file, case by case, and what is told to the balance of
//! payments.

use domain::payment::amount;
use domain::payment::forex::{Channel, FILE, ForexClass, ForexReceipt, Income, Lack, read, rules};
use domain::payment::ledger::Currency;
use domain::payment::parameters::{date, tables};
use domain::payment::workdays::Workdays;
use time::Date;
use time::macros::date;

const CASES: &str = include_str!("../data/forex-cases.toml");
const DAY: Date = date!(2026 - 11 - 24);

#[test]
fn every_case_breaks_what_it_says() {
    let cases = tables(CASES).expect("in order");
    assert!(cases.len() >= 26);
    for case in &cases {
        let get = |key| case.get(key);
        let is = |key| get(key) == Some("true");
        let cents = |key, usual| {
            get(key).map_or(usual, |text| amount::parse(Currency::Usd, text).expect("dollars"))
        };
        let channel = match get("channel") {
            None => Channel::BankOnDocuments,
            Some("institution") => Channel::Institution,
            Some("bank_on_transactions") => Channel::BankOnTransactions,
            Some(other) => panic!("line {}: {other}", case.line),
        };
        let receipt = ForexReceipt {
            day: get("day").map_or(DAY, |day| date(day).expect("a day")),
            channel,
            mode: get("mode").unwrap_or("9710"),
            usd_cents: cents("usd", 100_000),
            year_usd_cents: cents("year", 0),
            receiver: get("receiver").unwrap_or("3702960015"),
            exporter: "3702960015",
            agent: get("agent"),
            is_listed: !is("unlisted"),
            class: match get("class") {
                None => ForexClass::A,
                Some("B") => ForexClass::B,
                Some("C") => ForexClass::C,
                Some(other) => panic!("line {}: {other}", case.line),
            },
            is_institution_listed: !is("unlisted_institution"),
            has_documents: !is("no_documents"),
            has_transactions: is("transactions"),
            has_export: is("export"),
            is_advance: is("advance"),
            is_registered: is("registered"),
        };
        let broken = rules().check(&receipt);
        let codes: Vec<_> = broken.iter().map(|broken| broken.code.as_str()).collect();
        assert_eq!(codes.join(" "), get("codes").expect("codes"), "{:?}", get("name"));
        for broken in &broken {
            assert_eq!(broken.refuses, broken.code != "FX-04", "{broken:?}");
            assert!(!broken.text.contains('{') && !broken.text_zh.contains('{'), "{broken:?}");
            assert!(broken.law.contains('号') || broken.law.contains("外汇管理局"), "{broken:?}");
        }
    }
}

#[test]
fn a_refusal_says_its_numbers() {
    let receipt = ForexReceipt {
        day: DAY,
        channel: Channel::Institution,
        mode: "9610",
        usd_cents: 5_000_001,
        year_usd_cents: 0,
        receiver: "A",
        exporter: "A",
        agent: None,
        is_listed: true,
        class: ForexClass::A,
        is_institution_listed: true,
        has_documents: true,
        has_transactions: true,
        has_export: true,
        is_advance: false,
        is_registered: false,
    };
    let broken = rules().check(&receipt);
    assert_eq!(
        broken[0].text,
        "50000.01 USD in one transaction is above the cap of 50000.00 USD of a payment institution"
    );
    assert_eq!(broken[0].text_zh, "单笔50000.01美元超过支付机构单笔限额50000.00美元");
}

fn income<'a>(mode: &'a str, channel: Channel) -> Income<'a> {
    Income {
        day: DAY,
        channel,
        mode,
        code: None,
        currency: Currency::Usd,
        amount: 100,
        usd_cents: 100,
        payer_country: "502",
        goods: "服装",
        is_in_statistics: true,
        is_refund: false,
        workdays: Workdays::built_in(),
    }
}

#[test]
fn the_transaction_code_follows_the_mode_or_is_asked_for() {
    let code = |mode, channel| {
        let record = rules().record(&income(mode, channel));
        record.map(|record| record.code)
    };
    assert_eq!(code("9610", Channel::Institution), Ok("122030".to_owned()));
    assert_eq!(code("9610", Channel::BankOnDocuments), Err(vec![Lack::Code]));
    assert_eq!(code("1210", Channel::BankOnDocuments), Err(vec![Lack::Code]));
    for mode in ["9710", "9810", "0110"] {
        assert_eq!(code(mode, Channel::BankOnDocuments), Ok("121010".to_owned()), "{mode}");
    }
    let chosen = Income { code: Some("822030"), ..income("1210", Channel::BankOnDocuments) };
    assert_eq!(rules().record(&chosen).map(|record| record.code), Ok("822030".to_owned()));
    let nothing = Income {
        amount: 0,
        payer_country: "",
        goods: " ",
        day: date!(2019 - 08 - 31),
        ..income("9610", Channel::BankOnTransactions)
    };
    let lacks = rules().record(&nothing).expect_err("everything is missing");
    assert_eq!(lacks, [Lack::Code, Lack::Country, Lack::Amount, Lack::Goods, Lack::Deadline]);
    assert!(lacks.iter().all(|lack| !lack.zh().is_ascii() && !lack.to_string().is_empty()));
}

#[test]
fn notes_deadlines_and_reports() {
    // A Tuesday: the bank until Wednesday, the firm until Tuesday.
    let record = rules().record(&income("9710", Channel::BankOnDocuments)).expect("complete");
    assert_eq!(record.note, "服装 货款");
    assert_eq!(
        (record.basic_until, record.declared_until),
        (date!(2026 - 11 - 25), date!(2026 - 12 - 01))
    );
    assert!(record.needs_settlement && !record.needs_report);
    let online =
        Income { is_in_statistics: false, is_refund: true, ..income("9610", Channel::Institution) };
    let online = rules().record(&online).expect("complete");
    assert_eq!(online.note, "退款 未报关、未纳入海关统计 网络购物 服装 货款");
    for (code, usd_cents, needs_report) in [
        ("121010", 3_000_000_000, false),
        ("121010", 3_000_000_001, true),
        ("822030", 1_000_000_000, false),
        ("822030", 1_000_000_001, true),
    ] {
        let of = Income { code: Some(code), usd_cents, ..income("9710", Channel::BankOnDocuments) };
        let record = rules().record(&of).expect("complete");
        assert_eq!(record.needs_report, needs_report, "{code} {usd_cents}");
    }
    let yuan = Income { currency: Currency::Cny, ..income("9710", Channel::BankOnDocuments) };
    assert!(!rules().record(&yuan).expect("complete").needs_settlement, "yuan are reported only");
}

#[test]
fn an_order_to_settle_has_three_working_days() {
    for (day, until) in [
        (date!(2026 - 11 - 24), date!(2026 - 11 - 27)),
        // Over a weekend, and over the national holidays, whose Saturday afterwards is worked.
        (date!(2026 - 11 - 27), date!(2026 - 12 - 02)),
        (date!(2026 - 09 - 30), date!(2026 - 10 - 10)),
    ] {
        assert_eq!(rules().order_until(day), Some(until), "{day}");
    }
    assert_eq!(rules().order_until(date!(2014 - 07 - 31)), None, "no rule is so old");
}

#[test]
fn what_is_wrong_in_the_file_is_found_all_at_once() {
    let wrong = FILE
        .replacen("{amount} USD in one", "{sum} USD in one", 1)
        .replacen("refuses = true", "refuses = yes", 1)
        .replacen("code = \"122030\"", "code = \"12203\"", 1)
        .replacen("channel = \"institution\"", "channel = \"post\"", 1)
        .replacen("law = \"2012-38\"", "law = \"2012-39\"", 1);
    // What is no line of the form at all comes first.
    let told = read(&wrong).expect_err("`yes` is no value");
    assert_eq!(told.len(), 1, "{told:?}");
    let wrong = wrong.replacen("refuses = yes", "refuses = 1", 1);
    let told: Vec<_> =
        read(&wrong).expect_err("much is wrong").into_iter().map(|it| it.what).collect();
    assert_eq!(
        told,
        [
            "nothing is called sum",
            "`refuses` is true or false, not 1",
            "`code` has 6 digits: 12203",
            "`channel` is any or bank_on_documents or bank_on_transactions or institution, not post",
            "FX-05: the law 2012-39 is not listed",
        ]
    );
}
