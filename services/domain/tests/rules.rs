//! Every rule of a valid declaration, one mistake at a time, and all at once.

use std::collections::BTreeSet;

use domain::declaration::{
    Attachment, Buyer, Direction, GoodsLine, Money, Order, Party, Profile, Quantity, QuarantineData,
};
use domain::refusal::Code;
use domain::rules::decimal;
use domain::{Declaration, limits};
use proptest::prelude::*;

fn yuan(fen: i64) -> Option<Money> {
    Some(Money { currency: "142".to_owned(), amount_e5: fen * 1_000 })
}

fn quantity(unit: &str, value: i64) -> Option<Quantity> {
    Some(Quantity { unit: unit.to_owned(), value_e5: value * 100_000 })
}

fn party(code: &str, name: &str) -> Party {
    Party { code: code.to_owned(), name: name.to_owned() }
}

fn attachment(digest: usize) -> Attachment {
    let (kind, name) = ("invoice".to_owned(), "发票.pdf".to_owned());
    Attachment { kind, name, sha256: vec![0; digest], size_bytes: 1 }
}

/// A line of `pieces` pieces for `fen` each.
fn line(gnum: u32, pieces: i64, fen: i64) -> GoodsLine {
    GoodsLine {
        gnum,
        item_no: format!("SKU-{gnum}"),
        gcode: "2106909090".to_owned(),
        gname: "维生素".to_owned(),
        gmodel: "60粒/瓶".to_owned(),
        bar_code: "无".to_owned(),
        country: "502".to_owned(),
        qty: quantity("142", pieces),
        qty1: quantity("035", 1),
        price: yuan(fen),
        total_price: yuan(fen * pieces),
        ..GoodsLine::default()
    }
}

/// What both directions have in common: two lines, CNY 250.00 in all.
fn common() -> Declaration {
    Declaration {
        customs_code: "4227".to_owned(),
        port_code: "4227".to_owned(),
        trade_mode: "9610".to_owned(),
        order_no: "ORDER-1".to_owned(),
        cop_no: "COP-1".to_owned(),
        logistics_no: "LP00000001".to_owned(),
        declarant: party("3702960001", "青岛报关行"),
        ebc: party("91370200MA3C000011", "海外购"),
        ebp: party("3702960003", "平台"),
        logistics: party("3702960004", "物流"),
        traf_mode: "5".to_owned(),
        country: "502".to_owned(),
        freight: yuan(1_000),
        insured_fee: yuan(0),
        pack_no: 1,
        gross_weight_e5: 120_000,
        net_weight_e5: 100_000,
        lines: vec![line(1, 2, 10_000), line(2, 1, 5_000)],
        ..Declaration::default()
    }
}

fn import() -> Declaration {
    Declaration {
        ie_flag: Some(Direction::Import),
        assure_code: "3702960001".to_owned(),
        traf_no: "CA984".to_owned(),
        voyage_no: "CA984".to_owned(),
        bill_no: "999-12345675".to_owned(),
        decl_time: "20260228".to_owned(),
        buyer: Some(Buyer {
            id_type: "1".to_owned(),
            id_number: "11010519491231002X".to_owned(),
            name: "张三".to_owned(),
            telephone: "13800000000".to_owned(),
            consignee_address: "青岛市".to_owned(),
        }),
        order: Some(Order {
            order_type: "I".to_owned(),
            goods_value: yuan(25_000),
            freight: yuan(1_000),
            discount: yuan(500),
            tax_total: yuan(2_275),
            actural_paid: yuan(27_775),
            ..Order::default()
        }),
        ..common()
    }
}

fn bonded() -> Declaration {
    let mut d = import();
    d.trade_mode = "1210".to_owned();
    d.traf_mode = "Y".to_owned();
    d.ems_no = "T4227W000001".to_owned();
    d.area = Some(party("3702960005", "保税仓"));
    for line in &mut d.lines {
        line.item_record_no = "REC-1".to_owned();
    }
    d
}

fn export() -> Declaration {
    Declaration {
        ie_flag: Some(Direction::Export),
        owner: Some(party("3702960006", "生产厂")),
        pod: "USLA".to_owned(),
        statistics_flag: "A".to_owned(),
        ie_date: "20260301".to_owned(),
        f_flag: "3".to_owned(),
        i_flag: "3".to_owned(),
        wrap_type: "4".to_owned(),
        ..common()
    }
}

/// What is wrong, warnings too.
fn faults(d: Declaration, profile: &Profile) -> Vec<(Code, String)> {
    let found = match d.check(profile) {
        Ok(checked) => checked.warnings,
        Err(violations) => violations,
    };
    found.into_iter().map(|v| (v.code, v.field)).collect()
}

fn set(to: &mut String, value: &str) {
    value.clone_into(to);
}

fn buyer(d: &mut Declaration) -> &mut Buyer {
    d.buyer.get_or_insert_default()
}

fn order(d: &mut Declaration) -> &mut Order {
    d.order.get_or_insert_default()
}

type Start = fn() -> Declaration;
type Mistake = (Start, fn(&mut Declaration), Code, &'static str);

/// One mistake each, which is the one fault that is found.
#[rustfmt::skip]
const MISTAKES: &[Mistake] = &[
    // Texts.
    (import, |d| set(&mut d.order_no, " "), Code::Required, "order_no"),
    (import, |d| set(&mut d.declarant.name, ""), Code::Required, "declarant.name"),
    (import, |d| set(&mut buyer(d).telephone, ""), Code::Required, "buyer.telephone"),
    (import, |d| set(&mut d.decl_time, ""), Code::Required, "decl_time"),
    (import, |d| set(&mut d.assure_code, ""), Code::Required, "assure_code"),
    (import, |d| d.freight = None, Code::Required, "freight"),
    (import, |d| d.lines[1].qty1 = None, Code::Required, "lines[1].qty1"),
    (export, |d| d.lines[0].price = None, Code::Required, "lines[0].price"),
    (import, |d| set(&mut d.lines[1].gname, ""), Code::Required, "lines[1].gname"),
    (export, |d| set(&mut d.cop_no, ""), Code::Required, "cop_no"),
    (export, |d| set(&mut d.lines[0].item_no, ""), Code::Required, "lines[0].item_no"),
    (export, |d| set(&mut d.pod, ""), Code::Required, "pod"),
    (import, |d| d.order_no = "单".repeat(61), Code::TooLong, "order_no"),
    (import, |d| d.cop_no = "C".repeat(21), Code::TooLong, "cop_no"),
    (export, |d| d.cop_no = "C".repeat(31), Code::TooLong, "cop_no"),
    (export, |d| d.logistics_no = "L".repeat(33), Code::TooLong, "logistics_no"),
    (export, |d| d.lines[0].gmodel = "型".repeat(251), Code::TooLong, "lines[0].gmodel"),
    (import, |d| d.lines[0].gmodel = "型".repeat(511), Code::TooLong, "lines[0].gmodel"),
    (import, |d| set(&mut d.order_no, "A\u{0}B"), Code::BadCharacter, "order_no"),
    (import, |d| set(&mut d.order_no, "A\nB"), Code::BadCharacter, "order_no"),
    (import, |d| set(&mut d.ebc.name, "公司\u{202e}"), Code::BadCharacter, "ebc.name"),
    (import, |d| set(&mut d.lines[0].gname, "茶\u{7}"), Code::BadCharacter, "lines[0].gname"),

    // Codes.
    (import, |d| d.ie_flag = None, Code::DirectionUnclear, "ie_flag"),
    (import, |d| set(&mut d.trade_mode, "0110"), Code::CodeUnknown, "trade_mode"),
    (import, |d| set(&mut d.trade_mode, "9810"), Code::ModeWrongWay, "trade_mode"),
    (export, |d| set(&mut d.trade_mode, "1239"), Code::ModeWrongWay, "trade_mode"),
    (import, |d| set(&mut d.customs_code, "42"), Code::WrongLength, "customs_code"),
    (import, |d| set(&mut d.lines[0].gcode, "21069090"), Code::WrongLength, "lines[0].gcode"),
    (import, |d| set(&mut d.lines[0].ciq_code, "2106909090"), Code::WrongLength, "lines[0].ciq_code"),
    (export, |d| set(&mut d.pod, "US"), Code::WrongLength, "pod"),
    (export, |d| set(&mut d.traf_mode, "Q"), Code::CodeUnknown, "traf_mode"),
    (import, |d| set(&mut d.country, "999"), Code::CodeUnknown, "country"),
    (import, |d| set(&mut d.wrap_type, "9"), Code::CodeUnknown, "wrap_type"),
    (import, |d| set(&mut d.lines[0].country, "USA"), Code::CodeUnknown, "lines[0].country"),
    (import, |d| set(&mut d.lines[0].trade_country, "US"), Code::CodeUnknown, "lines[0].trade_country"),
    (import, |d| d.lines[0].qty = quantity("999", 2), Code::CodeUnknown, "lines[0].qty.unit"),
    (import, |d| set(&mut buyer(d).id_type, "3"), Code::CodeUnknown, "buyer.id_type"),
    (export, |d| set(&mut d.statistics_flag, "C"), Code::CodeUnknown, "statistics_flag"),
    (export, |d| set(&mut d.f_flag, "4"), Code::CodeUnknown, "f_flag"),
    (export, |d| d.freight = Some(Money { currency: "CNY".to_owned(), amount_e5: 0 }), Code::CodeUnknown, "freight.currency"),
    (export, |d| set(&mut d.declarant.code, "370296000a"), Code::PartyCodeWrong, "declarant.code"),
    (import, |d| d.agent = Some(party("37029600011", "代理")), Code::PartyCodeWrong, "agent.code"),
    (import, |d| set(&mut d.decl_time, "20260229"), Code::DateWrong, "decl_time"),
    (export, |d| set(&mut d.ie_date, "2026/3/1"), Code::DateWrong, "ie_date"),
    (import, |d| set(&mut d.order_no, "SBX-CLEAR"), Code::ScriptOutsideSandbox, "order_no"),

    // Numbers.
    (import, |d| d.pack_no = 0, Code::NumberOutOfRange, "pack_no"),
    (import, |d| d.insured_fee = yuan(-1), Code::NumberOutOfRange, "insured_fee"),
    (import, |d| d.freight = Some(Money { currency: "142".to_owned(), amount_e5: i64::MIN }), Code::NumberOutOfRange, "freight"),
    (import, |d| d.lines[0].qty2 = quantity("035", 0), Code::NumberOutOfRange, "lines[0].qty2"),
    (import, |d| d.attachments = vec![attachment(32); limits::ATTACHMENTS_MAX + 1], Code::NumberOutOfRange, "attachments"),
    (import, |d| d.gross_weight_e5 = 99_999, Code::WeightWrong, "gross_weight_e5"),
    (import, |d| d.net_weight_e5 = 0, Code::WeightWrong, "gross_weight_e5"),
    (export, |d| d.lines.clear(), Code::TooManyLines, "lines"),
    (export, |d| d.lines = (1..=101).map(|gnum| line(gnum, 1, 1)).collect(), Code::TooManyLines, "lines"),
    (export, |d| d.lines[1].gnum = 3, Code::LineNumbersBroken, "lines"),
    (import, |d| d.lines[0].qty1 = quantity("142", 3), Code::QuantityMismatch, "lines[0].qty1"),
    (export, |d| d.lines[0].total_price = yuan(20_002), Code::LinePriceWrong, "lines[0].total_price"),
    (import, |d| d.attachments = vec![attachment(31)], Code::DigestWrong, "attachments[0].sha256"),
    (import, |d| set(&mut d.lines[0].usage_code, "12345678901"), Code::TooLong, "lines[0].usage_code"),
    (import, |d| set(&mut d.lines[0].gname, "茶\u{202e}"), Code::BadCharacter, "lines[0].gname"),
    (import, |d| d.quarantine = Some(QuarantineData { departure_date: "tomorrow".to_owned(), ..QuarantineData::default() }), Code::DateWrong, "quarantine.departure_date"),
    (import, |d| set(&mut d.order.as_mut().expect("an order").pay_code, "\0"), Code::BadCharacter, "order.pay_code"),
    (import, |d| order(d).actural_paid = yuan(27_774), Code::OrderSumWrong, "order.actural_paid"),
    (import, |d| { order(d).goods_value = yuan(24_000); order(d).actural_paid = yuan(26_775); }, Code::OrderSumWrong, "order.goods_value"),

    // Imports.
    (import, |d| d.pack_no = 2, Code::PackagesWrong, "pack_no"),
    (import, |d| set(&mut d.assure_code, "3702960003"), Code::GuarantorWrong, "assure_code"),
    (import, |d| d.freight = Some(Money { currency: "502".to_owned(), amount_e5: 0 }), Code::CurrencyWrong, "freight.currency"),
    (export, |d| d.lines[0].price = Some(Money { currency: "502".to_owned(), amount_e5: 10_000_000 }), Code::CurrencyWrong, "lines[0].total_price.currency"),
    (bonded, |d| set(&mut d.ems_no, ""), Code::BondedDataMissing, "ems_no"),
    (bonded, |d| set(&mut d.lines[1].item_record_no, " "), Code::BondedDataMissing, "lines[1].item_record_no"),
    (import, |d| set(&mut d.voyage_no, ""), Code::VoyageDataMissing, "voyage_no"),
    (import, |d| d.insured_fee = yuan(474_001), Code::SingleLimitExceeded, "lines"),
    (import, |d| set(&mut d.traf_mode, "9"), Code::TransportUnusual, "traf_mode"),
    (import, |d| set(&mut buyer(d).id_number, "110105194912310021"), Code::BuyerIdWrong, "buyer.id_number"),
];

#[test]
fn what_is_valid_has_no_fault() {
    for valid in [import, bonded, export] {
        assert_eq!(faults(valid(), &Profile::default()), []);
    }
}

#[test]
fn each_mistake_is_the_one_fault_that_is_found() {
    for (start, spoil, code, field) in MISTAKES {
        let mut d = start();
        spoil(&mut d);
        let warns = matches!(code, Code::TransportUnusual);
        assert_eq!(d.clone().check(&Profile::default()).is_ok(), warns, "{code:?} {field}");
        assert_eq!(faults(d, &Profile::default()), [(*code, (*field).to_owned())]);
    }
}

#[test]
fn every_rule_has_a_mistake() {
    let source = [
        include_str!("../src/rules/mod.rs"),
        include_str!("../src/rules/fields.rs"),
        include_str!("../src/rules/lines.rs"),
        include_str!("../src/rules/trade.rs"),
    ]
    .concat();
    let name = |rest: &str| rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    let used: BTreeSet<String> = source.split("Code::").skip(1).map(name).collect();
    let tried: BTreeSet<String> = MISTAKES.iter().map(|row| format!("{:?}", row.2)).collect();
    assert_eq!(used, tried);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let mut d = Declaration { ie_flag: Some(Direction::Import), ..Declaration::default() };
    d.lines = vec![GoodsLine::default(); 3];
    let found = faults(d, &Profile::default());
    assert!(found.len() >= 40, "{found:?}");
    assert_eq!(found.iter().collect::<std::collections::HashSet<_>>().len(), found.len());

    let endless = Declaration { lines: vec![GoodsLine::default(); 99], ..import() };
    assert_eq!(faults(endless, &Profile::default()).len(), limits::VIOLATIONS_MAX);
}

#[test]
fn only_samples_in_the_sandbox_are_forgiven() {
    let listed = vec!["3702960001".to_owned()];
    let sandbox =
        Profile { sandbox: true, sample_declarants: listed.clone(), ..Profile::default() };
    let production = Profile { sandbox: false, sample_declarants: listed, ..Profile::default() };
    let others = Profile { sample_declarants: vec!["3702960002".to_owned()], ..sandbox.clone() };
    let mut forgiven = BTreeSet::new();
    for (start, spoil, code, field) in MISTAKES {
        let mut d = start();
        spoil(&mut d);
        if d.clone().check(&Profile::default()).is_ok() || *code == Code::ScriptOutsideSandbox {
            continue;
        }
        assert!(d.clone().check(&production).is_err(), "{code:?} {field}");
        assert!(d.clone().check(&others).is_err(), "{code:?} {field}");
        if let Ok(checked) = d.check(&sandbox) {
            assert_eq!(checked.warnings.len(), 1, "forgiven, but told");
            forgiven.insert((*code, *field));
        }
    }
    let expected = [
        (Code::CodeUnknown, "trade_mode"),
        (Code::CodeUnknown, "country"),
        (Code::QuantityMismatch, "lines[0].qty1"),
        (Code::LinePriceWrong, "lines[0].total_price"),
        (Code::PackagesWrong, "pack_no"),
        (Code::GuarantorWrong, "assure_code"),
    ];
    assert_eq!(forgiven, BTreeSet::from(expected));
}

#[test]
fn scripts_run_in_the_sandbox() {
    let sandbox = Profile { sandbox: true, ..Profile::default() };
    let d = Declaration { order_no: "SBX-CLEAR".to_owned(), ..import() };
    assert_eq!(faults(d, &sandbox), []);
}

/// Vectors G3 to G5: exactly 5,000 is inside; above, only one single item passes.
#[test]
fn the_single_limit() {
    let import = |lines| Declaration { lines, freight: yuan(0), order: None, ..import() };
    let check = |lines| import(lines).check(&Profile::default()).map(|checked| checked.warnings);

    assert_eq!(check(vec![line(1, 1, 250_000), line(2, 1, 250_000)]), Ok(vec![]));
    assert_eq!(check(vec![line(1, 1, 600_000)]), Ok(vec![]));

    for lines in [vec![line(1, 1, 250_000), line(2, 1, 250_001)], vec![line(1, 2, 300_000)]] {
        let refused = check(lines).expect_err("two items above the limit");
        assert_eq!(refused[0].code, Code::SingleLimitExceeded);
        assert_eq!(refused[0].customs_code, Some("-621005"));
        assert_eq!(refused.len(), 1);
    }
}

/// A unit price rounded to the fen is forgiven; a fen more than that is not.
#[test]
fn a_total_may_differ_by_the_rounding_of_the_unit_price() {
    let with = |total| {
        let mut d = export();
        d.lines = vec![GoodsLine { total_price: yuan(total), ..line(1, 300, 333) }];
        faults(d, &Profile::default()).len()
    };
    assert_eq!([with(99_749), with(99_750), with(100_050), with(100_051)], [1, 0, 0, 1]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decimal_reads_back(value in any::<i64>()) {
        let shown = decimal(value);
        let digits = shown.trim_start_matches('-');
        let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
        prop_assert!(rest.len() <= 5 && !rest.ends_with('0') && !shown.ends_with('.'), "{shown}");
        prop_assert!(whole == "0" || !whole.starts_with('0'), "{shown}");
        let units: i128 = format!("{whole}{rest:0<5}").parse().expect("only digits are left");
        let sign = if shown.starts_with('-') { -1 } else { 1 };
        prop_assert_eq!(sign * units, i128::from(value));
    }
}

#[test]
fn decimal_looks_like_money() {
    let shown = [0, 1, -1, 100_000, 500_001_000, -50_000].map(decimal);
    assert_eq!(shown, ["0", "0.00001", "-0.00001", "1", "5000.01", "-0.5"]);
}
