//! Goods that come back are held against their inventory, and what a document says of its inventory is
//! all of one parcel.

use std::collections::BTreeMap;

use domain::documents::DocumentKind;
use domain::documents::reference::{contradictions, repeated};
use domain::documents::refund::{LineQuantity, ReturnFault, ReturnLine, check};
use proptest::prelude::*;

fn quantity(qty_e5: i64, unit: &str) -> Option<LineQuantity> {
    Some(LineQuantity { qty_e5, unit: unit.to_owned() })
}

/// Three shirts of 0.6 kilograms.
fn shirts() -> ReturnLine {
    ReturnLine {
        gnum: 1,
        gcode: "6109100021".to_owned(),
        gname: "T恤衫".to_owned(),
        gmodel: Some("棉".to_owned()),
        quantities: [quantity(300_000, "011"), quantity(300_000, "011"), quantity(60_000, "035")],
    }
}

fn two_lines() -> Vec<ReturnLine> {
    let belt = ReturnLine {
        gnum: 2,
        gcode: "4203301090".to_owned(),
        gname: "腰带".to_owned(),
        gmodel: Some("皮".to_owned()),
        quantities: [quantity(100_000, "012"), quantity(20_000, "035"), None],
    };
    vec![shirts(), belt]
}

fn differs(element: &'static str, given: &str, held: &str) -> ReturnFault {
    ReturnFault::Differs { gnum: 1, element, given: given.to_owned(), held: held.to_owned() }
}

#[test]
fn a_return_is_as_its_inventory() {
    let gcode = "6109100022".to_owned();
    let of = |change: fn(&mut ReturnLine)| {
        let mut line = shirts();
        change(&mut line);
        check(&two_lines(), &[], &[line])
    };
    assert_eq!(of(|_| {}), []);
    // Another line, or another code under its number.
    assert_eq!(
        of(|line| line.gnum = 3),
        [ReturnFault::NoSuchLine { gnum: 3, gcode: shirts().gcode }],
        "no such line"
    );
    assert_eq!(
        of(|line| line.gcode = "6109100022".to_owned()),
        [ReturnFault::NoSuchLine { gnum: 1, gcode }]
    );
    // The name and the model, where they are said.
    assert_eq!(of(|line| line.gname = "衬衫".to_owned()), [differs("gname", "衬衫", "T恤衫")]);
    assert_eq!(of(|line| line.gname = " T恤衫 ".to_owned()), []);
    assert_eq!(of(|line| line.gmodel = Some("麻".to_owned())), [differs("gmodel", "麻", "棉")]);
    assert_eq!(of(|line| line.gmodel = None), []);
    // Every unit.
    for (at, (qty, element, held)) in
        [("qty", "unit", "011"), ("qty1", "unit1", "011"), ("qty2", "unit2", "035")]
            .into_iter()
            .enumerate()
    {
        let with = |change: &dyn Fn(&mut LineQuantity)| {
            let mut line = shirts();
            change(line.quantities[at].as_mut().expect("it has three"));
            check(&two_lines(), &[], &[line])
        };
        assert_eq!(with(&|it| it.unit = "001".to_owned()), [differs(element, "001", held)]);
        // Every quantity: above zero, not above the inventory.
        let none = ReturnFault::NotAboveZero { gnum: 1, element: qty };
        let much = ReturnFault::TooMuch { gnum: 1, element: qty };
        assert_eq!(with(&|it| it.qty_e5 = 1), []);
        let none = [none];
        assert_eq!(with(&|it| it.qty_e5 = 0), none);
        assert_eq!(with(&|it| it.qty_e5 = -1), none);
        assert_eq!(with(&|it| it.qty_e5 += 1), [much]);
    }
    // All that is wrong is told at once, each once.
    let mut line = shirts();
    line.gname = "衬衫".to_owned();
    line.quantities[0] = quantity(400_000, "012");
    let faults = check(&two_lines(), &[], &[line.clone(), line]);
    assert_eq!(faults.len(), 5, "name, unit, and each of three quantities twice: {faults:?}");
    assert!(faults.contains(&ReturnFault::TooMuch { gnum: 1, element: "qty1" }), "{faults:?}");
}

#[test]
fn a_second_quantity_that_the_inventory_has_not_is_none_of_it() {
    let mut line = two_lines().remove(1);
    line.quantities[2] = quantity(1, "035");
    let faults = check(&two_lines(), &[], &[line]);
    let unit = ReturnFault::Differs {
        gnum: 2,
        element: "unit2",
        given: "035".to_owned(),
        held: String::new(),
    };
    assert_eq!(faults, [unit, ReturnFault::TooMuch { gnum: 2, element: "qty2" }]);
}

#[test]
fn applications_count_together_and_so_do_lines_named_twice() {
    let part = |qty| ReturnLine { quantities: [quantity(qty, "011"), None, None], ..shirts() };
    let much = [ReturnFault::TooMuch { gnum: 1, element: "qty" }];
    let held = two_lines();
    assert_eq!(check(&held, &[], &[part(100_000), part(200_000)]), []);
    assert_eq!(check(&held, &[], &[part(200_000), part(200_000)]), much);
    assert_eq!(check(&held, &[part(100_000), part(100_000)], &[part(100_000)]), []);
    assert_eq!(check(&held, &[part(100_000), part(200_000)], &[part(1)]), much);
    // What another line has used up is nothing to this one.
    assert_eq!(check(&held, &[part(300_000)], &two_lines()[1..]), []);
    // Less than nothing gives nobody more.
    let faults = check(&held, &[], &[part(400_000), part(-100_000)]);
    assert!(faults.contains(&much[0]), "{faults:?}");
}

#[test]
fn a_fault_says_its_place() {
    let line = ReturnLine { gnum: 7, ..shirts() };
    let text = check(&two_lines(), &[], &[line])[0].text("InvtRefundList");
    assert!(text.contains("[7]") && text.contains("6109100021"), "{text}");
    let text = differs("unit", "007", "011").text("InvtRefundList");
    assert_eq!(text, "与原清单不一致[007]，原清单[011]，[InvtRefundList.unit，gnum:1]");
    for fault in [
        ReturnFault::NotAboveZero { gnum: 1, element: "qty1" },
        ReturnFault::TooMuch { gnum: 1, element: "qty1" },
    ] {
        let text = fault.text("InvtRefundList");
        assert!(text.ends_with("，[InvtRefundList.qty1，gnum:1]"), "{text}");
    }
}

proptest! {
    #[test]
    fn never_more_comes_back_than_left(
        sold in prop::collection::vec(1..1_000_000_i64, 1..4),
        tries in prop::collection::vec(
            prop::collection::vec((1..5_u32, -5..700_000_i64), 1..4),
            1..12,
        ),
    ) {
        let line = |gnum: u32, qty| ReturnLine {
            gnum,
            quantities: [quantity(qty, "011"), None, None],
            ..shirts()
        };
        let inventory: Vec<ReturnLine> =
            (1..).zip(&sold).map(|(gnum, qty)| line(gnum, *qty)).collect();
        let mut accepted: Vec<ReturnLine> = Vec::new();
        for application in tries {
            let lines: Vec<ReturnLine> =
                application.iter().map(|(gnum, qty)| line(*gnum, *qty)).collect();
            let mut back: BTreeMap<u32, i64> = BTreeMap::new();
            for line in accepted.iter().chain(&lines) {
                let qty = line.quantities[0].as_ref().map_or(0, |qty| qty.qty_e5);
                *back.entry(line.gnum).or_default() += qty.max(0);
            }
            let fits = application.iter().all(|(gnum, qty)| {
                let sold = (1..).zip(&sold).find(|(line, _)| line == gnum);
                *qty > 0 && sold.is_some_and(|(_, sold)| back[gnum] <= *sold)
            });
            prop_assert_eq!(check(&inventory, &accepted, &lines).is_empty(), fits);
            if fits {
                accepted.extend(lines);
            }
        }
    }
}

#[test]
fn what_a_document_says_of_its_inventory_is_all_of_one_parcel() {
    use DocumentKind as K;
    let kinds = [
        (K::ExportCancel, 1),
        (K::ExportReturn, 2),
        (K::ImportCancel, 8),
        (K::ImportRefund, 8),
        (K::Tally, 0),
        (K::ImportInventory, 0),
    ];
    let held = |element: &str| format!("{element}1x");
    for (kind, many) in kinds {
        assert_eq!(repeated(kind).len(), many, "{kind:?}");
        assert_eq!(contradictions(kind, held, held), [""; 0]);
        assert_eq!(contradictions(kind, |_| String::new(), held), [""; 0], "nothing is said");
        let spelled = |element: &str| format!(" {}１X\u{3000}", element.to_lowercase());
        assert_eq!(contradictions(kind, spelled, held), [""; 0], "the same, spelled otherwise");
        for wrong in repeated(kind) {
            let given = |element: &str| {
                if element == wrong.element { "2".to_owned() } else { held(element) }
            };
            let found = contradictions(kind, given, held);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(wrong.element), "{found:?}");
            assert_eq!(found[0].contains("1x"), !wrong.personal, "nothing of a person: {found:?}");
        }
    }
}
