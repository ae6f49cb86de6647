//! The tax of a declaration: what is read from it, and everything that is missing, all at once.

use domain::declaration::{Declaration, Direction, GoodsLine, Money, Quantity};
use domain::documents::tax::Band;
use domain::payment::built_in;
use domain::payment::declared::assess;
use domain::payment::import_list::Remark;
use time::macros::date;

fn money(yuan: i64) -> Option<Money> {
    Some(Money { currency: "142".to_owned(), amount_e5: yuan * 100_000 })
}

fn quantity(unit: &str, value: i64) -> Option<Quantity> {
    Some(Quantity { unit: unit.to_owned(), value_e5: value * 100_000 })
}

fn line(gnum: u32, gcode: &str, yuan: i64, unit: &str) -> GoodsLine {
    GoodsLine {
        gnum,
        gcode: gcode.to_owned(),
        qty: quantity("007", 1),
        qty1: quantity(unit, 1),
        total_price: money(yuan),
        ..GoodsLine::default()
    }
}

fn declaration(lines: Vec<GoodsLine>) -> Declaration {
    Declaration {
        ie_flag: Some(Direction::Import),
        trade_mode: "9610".to_owned(),
        order_no: "QD1".to_owned(),
        decl_time: "20261101".to_owned(),
        freight: money(10),
        insured_fee: money(0),
        lines,
        ..Declaration::default()
    }
}

#[test]
fn a_declaration_is_taxed_on_its_day_or_another() {
    let declared = declaration(vec![line(1, "2106909090", 400, "035")]);
    let today = assess(built_in::parameters(), &declared, None).expect("complete");
    assert_eq!(today.day, date!(2026 - 11 - 01));
    assert_eq!(today.comparison.applies, Ok(Band::Within));
    // The observed bill, with freight.
    assert_eq!(today.comparison.within.tax.total_fen(), 3_731);
    let then = assess(built_in::parameters(), &declared, Some(date!(2018 - 04 - 30)));
    assert_eq!(then.expect("complete").comparison.within.tax.total_fen(), 4_879);
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let mut lines = vec![
        line(1, "9999999999", 1, "035"),
        line(2, "2203000000", 1, "007"),
        GoodsLine { total_price: None, qty: None, ..line(3, "2106909090", 1, "035") },
        GoodsLine { qty1: None, ..line(4, "", 1, "035") },
    ];
    lines[0].total_price = Some(Money { currency: "142".to_owned(), amount_e5: -1 });
    lines.push(GoodsLine {
        total_price: Some(Money { currency: "502".to_owned(), amount_e5: 1 }),
        ..line(5, "2106909090", 1, "035")
    });
    lines.push(line(6, "3304990029", 1, "007"));
    let declared = Declaration {
        decl_time: String::new(),
        freight: None,
        insured_fee: None,
        ..declaration(lines)
    };
    let lacks = assess(built_in::parameters(), &declared, None).expect_err("much is missing");
    let fields: Vec<_> = lacks.iter().map(|of| format!("{} {}", of.code.id(), of.field)).collect();
    assert_eq!(
        fields,
        [
            "SW-2001 decl_time",
            "SW-2001 freight",
            "SW-2001 insured_fee",
            "SW-2001 lines[2].total_price",
            "SW-2001 lines[2].qty",
            "SW-2001 lines[3].gcode",
            "SW-2001 lines[3].qty1",
            "SW-2015 lines[4].total_price",
            "SW-2006 lines[0].total_price",
            "SW-2005 lines[0].gcode",
            "SW-2001 lines[1].qty1",
            "SW-2001 lines[5].qty1",
        ]
    );
    assert!(lacks.iter().all(|of| !of.text.is_empty() && !of.text_zh.is_ascii()));
}

#[test]
fn exports_and_days_that_are_none_are_refused() {
    let export = Declaration {
        ie_flag: Some(Direction::Export),
        ..declaration(vec![line(1, "2106909090", 1, "035")])
    };
    let refused = assess(built_in::parameters(), &export, None).expect_err("an export");
    assert_eq!(refused[0].field, "ie_flag");
    for wrong in ["20260230", "2026-11-01", "x"] {
        let declared = Declaration { decl_time: wrong.to_owned(), ..declaration(Vec::new()) };
        let refused = assess(built_in::parameters(), &declared, None).expect_err("no day");
        let codes: Vec<_> = refused.iter().map(|of| of.code.id()).collect();
        assert_eq!(codes, ["SW-2021", "SW-2001"], "{wrong}");
    }
}

#[test]
fn the_list_of_retail_imports_remarks_by_the_mode() {
    let rice = vec![line(1, "1006302001", 100, "035")];
    let direct = declaration(rice.clone());
    let direct = assess(built_in::parameters(), &direct, None).expect("complete");
    assert_eq!(direct.remarks, [Remark::BondedOnly { gnum: 1, code: "1006302001".into() }]);
    let bonded = Declaration { trade_mode: "1210".to_owned(), ..declaration(rice) };
    let bonded = assess(built_in::parameters(), &bonded, None).expect("complete");
    assert_eq!(bonded.remarks, []);
}
