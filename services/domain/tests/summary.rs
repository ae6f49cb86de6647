//! Summing up export inventories: what is taken, and what is put together with what.

use std::collections::{BTreeMap, BTreeSet};

use domain::documents::missing_parts;
use domain::documents::summary::{
    SummaryDeclaration, SummaryInventory, SummaryLine, SummaryPart, SummaryRule, merge, period,
    unfit,
};
use proptest::prelude::*;

const BY_ALL: SummaryRule = SummaryRule { by_producer: true, by_name: true };
const PLAIN: SummaryRule = SummaryRule { by_producer: false, by_name: false };

fn inventory(invt_no: &str) -> SummaryInventory {
    SummaryInventory {
        invt_no: invt_no.to_owned(),
        logistics_no: format!("L{invt_no}"),
        statistics_flag: "B".to_owned(),
        closed: true,
        summed: false,
        ebc_code: "3702960015".to_owned(),
        owner_code: "3702960058".to_owned(),
        trade_mode: "9610".to_owned(),
        traf_mode: "5".to_owned(),
        country: "502".to_owned(),
        port_code: "4220".to_owned(),
        gross_weight_e5: 85_000,
        net_weight_e5: 60_000,
        lines: vec![SummaryLine {
            gnum: 1,
            gcode: "6109100021".to_owned(),
            item_name: "T-shirt".to_owned(),
            country: "502".to_owned(),
            currency: "502".to_owned(),
            units: ["011".to_owned(), "011".to_owned(), "035".to_owned()],
            quantities_e5: [300_000, 300_000, 60_000],
            total_price_e5: 2_970_000,
        }],
    }
}

#[test]
fn only_closed_inventories_of_flag_b_are_taken_once() {
    let reason = |change: fn(&mut SummaryInventory)| {
        let mut it = inventory("1");
        change(&mut it);
        unfit(&it, "3702960015")
    };
    assert_eq!(reason(|_| {}), None);
    assert_eq!(reason(|it| it.closed = false), Some("未结关"));
    for flag in ["A", "", "b"] {
        let it = SummaryInventory { statistics_flag: flag.to_owned(), ..inventory("1") };
        assert_eq!(unfit(&it, "3702960015"), Some("申报业务类型不是B-汇总申报"));
    }
    assert_eq!(reason(|it| it.summed = true), Some("已汇总"));
    assert_eq!(unfit(&inventory("1"), "3702960099"), Some("收发货人与汇总申请单不一致"));
}

/// How two inventories, the second one changed, are put together: lines of each declaration.
fn shape(rule: SummaryRule, change: impl Fn(&mut SummaryInventory)) -> Vec<usize> {
    let (one, mut other) = (inventory("1"), inventory("2"));
    change(&mut other);
    merge(&[one, other], rule).iter().map(|it| it.lines.len()).collect()
}

#[test]
fn a_declaration_has_one_head_and_a_line_has_one_kind_of_goods() {
    assert_eq!(shape(BY_ALL, |_| {}), [1]);
    let other = || "9".to_owned();
    // What the head has in common: a declaration of its own.
    assert_eq!(shape(PLAIN, |it| it.ebc_code = other()), [1, 1]);
    assert_eq!(shape(PLAIN, |it| it.traf_mode = other()), [1, 1]);
    assert_eq!(shape(PLAIN, |it| it.country = other()), [1, 1]);
    assert_eq!(shape(PLAIN, |it| it.port_code = other()), [1, 1]);
    assert_eq!(shape(PLAIN, |it| it.trade_mode = other()), [1, 1]);
    assert_eq!(shape(PLAIN, |it| it.owner_code = other()), [1]);
    assert_eq!(shape(BY_ALL, |it| it.owner_code = other()), [1, 1]);
    // What a line has in common: a line of its own.
    assert_eq!(shape(PLAIN, |it| it.lines[0].country = other()), [2]);
    assert_eq!(shape(PLAIN, |it| it.lines[0].gcode = other()), [2]);
    assert_eq!(shape(PLAIN, |it| it.lines[0].currency = other()), [2]);
    for unit in 0..3 {
        assert_eq!(shape(PLAIN, |it| it.lines[0].units[unit] = other()), [2]);
    }
    assert_eq!(shape(PLAIN, |it| it.lines[0].item_name = other()), [1]);
    assert_eq!(shape(BY_ALL, |it| it.lines[0].item_name = other()), [2]);
    // What is measured may differ.
    assert_eq!(shape(BY_ALL, |it| it.lines[0].quantities_e5 = [1; 3]), [1]);
    let merged = merge(&[inventory("2"), inventory("1")], BY_ALL);
    let part =
        |no: &str| SummaryPart { invt_no: no.to_owned(), logistics_no: format!("L{no}"), gnum: 1 };
    assert_eq!(merged[0].lines[0].parts, [part("1"), part("2")]);
    assert_eq!(merged[0].lines[0].quantities_e5, [600_000, 600_000, 120_000]);
    assert_eq!(merged[0].lines[0].total_price_e5, 5_940_000);
    assert_eq!((merged[0].gross_weight_e5, merged[0].net_weight_e5), (170_000, 120_000));
    assert_eq!(merge(&[], BY_ALL), []);
}

#[test]
fn the_flags_say_what_counts() {
    let rule = |by_producer, by_name| Ok(SummaryRule { by_producer, by_name });
    assert_eq!(SummaryRule::parse("1", "1"), rule(false, true));
    assert_eq!(SummaryRule::parse("2", "0"), rule(true, false));
    for wrong in ["", "0", "3", "12"] {
        assert!(SummaryRule::parse(wrong, "1").is_err_and(|text| text.contains("summaryFlag")));
    }
}

#[test]
fn times_come_in_pairs_in_order_and_are_real() {
    assert_eq!(period("", ""), Ok(None));
    let both = period("20261101000000", "20261130235959").expect("it is one").expect("named");
    assert!(both.0 < both.1);
    assert!(period("20261101000000", "20261101000000").is_ok_and(|it| it.is_some()));
    for (start, end, wrong) in [
        ("20261101000000", "", "endTime"),
        ("", "20261101000000", "startTime"),
        ("20261101000001", "20261101000000", "endTime[20261101000000]"),
        ("20260230000000", "20261101000000", "startTime[20260230000000]"),
        ("20261101000000", "20261131000000", "endTime[20261131000000]"),
        ("20261101000000", "20261101240000", "endTime[20261101240000]"),
        ("20261301000000", "20261401000000", "startTime[20261301000000]"),
    ] {
        let text = period(start, end).expect_err("it is refused");
        assert!(text.contains(wrong), "{start} {end}: {text}");
    }
}

#[test]
fn the_parts_that_are_missing_are_named() {
    assert_eq!(missing_parts(1, &[1]), None);
    assert_eq!(missing_parts(3, &[3, 1, 2, 2]), None);
    let text = missing_parts(3, &[2]).expect("two are missing");
    assert!(text.contains("msgCount[3]") && text.contains("msgSeqNo[1,3]"), "{text}");
    let text = missing_parts(100, &[1]).expect("most are missing");
    assert!(text.ends_with("msgSeqNo[2,3,4,5,6,7,8,9,10,11]等"), "{text}");
    assert!(missing_parts(11, &[1]).is_some_and(|text| text.ends_with("10,11]")));
}

fn word(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(of).prop_map(str::to_owned)
}

fn a_line() -> impl Strategy<Value = SummaryLine> {
    (
        word(&["6109100021", "4202320000"]),
        word(&["a", "b"]),
        word(&["502", "304"]),
        word(&["502", "300"]),
        word(&["011", "007"]),
        (0..i64::MAX, 0..i64::MAX, 0..i64::MAX),
        0..i64::MAX,
    )
        .prop_map(|(gcode, item_name, country, currency, unit, qty, total_price_e5)| {
            SummaryLine {
                gnum: 0,
                gcode,
                item_name,
                country,
                currency,
                units: [unit, "011".to_owned(), String::new()],
                quantities_e5: [qty.0, qty.1, qty.2],
                total_price_e5,
            }
        })
}

fn inventories() -> impl Strategy<Value = Vec<SummaryInventory>> {
    let one = (
        word(&["x", "y"]),
        word(&["2", "5"]),
        word(&["502", "304"]),
        word(&["4220", "5301"]),
        (0..i64::MAX, 0..i64::MAX),
        prop::collection::vec(a_line(), 1..4),
    )
        .prop_map(|(owner_code, traf_mode, country, port_code, weights, lines)| {
            SummaryInventory {
                owner_code,
                traf_mode,
                country,
                port_code,
                gross_weight_e5: weights.0,
                net_weight_e5: weights.1,
                lines,
                ..inventory("")
            }
        });
    prop::collection::vec(one, 0..12).prop_map(|mut all| {
        for (number, it) in (1_u32..).zip(&mut all) {
            it.invt_no = format!("{number:03}");
            for (gnum, line) in (1..).zip(&mut it.lines) {
                line.gnum = gnum;
            }
        }
        all
    })
}

/// Every part with the inventory and line that it means.
fn parts<'a>(
    declaration: &'a SummaryDeclaration,
    inventories: &'a [SummaryInventory],
) -> Vec<(usize, &'a SummaryInventory, &'a SummaryLine)> {
    let mut found = Vec::new();
    for (at, line) in declaration.lines.iter().enumerate() {
        for part in &line.parts {
            let of = inventories.iter().find(|it| it.invt_no == part.invt_no);
            let of = of.expect("a part is of an inventory");
            let line = of.lines.iter().find(|line| line.gnum == part.gnum);
            found.push((at, of, line.expect("a part is a line")));
        }
    }
    found
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_is_mixed(
        inventories in inventories(),
        by_producer: bool,
        by_name: bool,
    ) {
        let rule = SummaryRule { by_producer, by_name };
        let merged = merge(&inventories, rule);
        // Every line once.
        let mut seen: Vec<(&str, u32)> = Vec::new();
        let mut heads = BTreeSet::new();
        for declaration in &merged {
            prop_assert!(heads.insert(declaration.common.clone()), "one of a kind");
            let parts = parts(declaration, &inventories);
            seen.extend(parts.iter().map(|(_, of, line)| (of.invt_no.as_str(), line.gnum)));
            let mut kinds = BTreeMap::new();
            for (at, of, line) in &parts {
                // One declaration: consignor, transport, producer, destination, port.
                let first = parts[0].1;
                prop_assert_eq!(&of.ebc_code, &first.ebc_code);
                prop_assert_eq!(&of.traf_mode, &first.traf_mode);
                prop_assert_eq!(&of.country, &first.country);
                prop_assert_eq!(&of.port_code, &first.port_code);
                prop_assert!(!by_producer || of.owner_code == first.owner_code);
                // One line for each destination, code, currency, unit, and name: neither mixed nor apart.
                let name = if by_name { line.item_name.as_str() } else { "" };
                let kind = (&line.country, &line.gcode, &line.currency, &line.units, name);
                let there = kinds.entry(kind).or_insert(*at);
                prop_assert_eq!(*there, *at, "one line for one kind of goods");
            }
            prop_assert_eq!(kinds.len(), declaration.lines.len(), "one kind of goods in a line");
        }
        seen.sort_unstable();
        let all: Vec<(&str, u32)> = inventories
            .iter()
            .flat_map(|it| it.lines.iter().map(|line| (it.invt_no.as_str(), line.gnum)))
            .collect();
        prop_assert_eq!(seen, all);
        // Totals are preserved.
        let sum = |of: &dyn Fn(&SummaryInventory) -> i128| -> i128 { inventories.iter().map(of).sum() };
        let told = |of: &dyn Fn(&SummaryDeclaration) -> i128| -> i128 { merged.iter().map(of).sum() };
        prop_assert_eq!(told(&|it| it.gross_weight_e5), sum(&|it| i128::from(it.gross_weight_e5)));
        prop_assert_eq!(told(&|it| it.net_weight_e5), sum(&|it| i128::from(it.net_weight_e5)));
        let price = |it: &SummaryInventory| it.lines.iter().map(|l| i128::from(l.total_price_e5)).sum();
        prop_assert_eq!(told(&|it| it.lines.iter().map(|l| l.total_price_e5).sum()), sum(&price));
        for at in 0..3 {
            let qty = |it: &SummaryInventory| {
                it.lines.iter().map(|line| i128::from(line.quantities_e5[at])).sum()
            };
            let told = told(&|it| it.lines.iter().map(|line| line.quantities_e5[at]).sum());
            prop_assert_eq!(told, sum(&qty));
        }
        // The order of the inventories is nothing.
        let mut turned = inventories.clone();
        turned.reverse();
        prop_assert_eq!(merge(&turned, rule), merged);
    }
}
