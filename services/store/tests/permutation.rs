//! The order in which numbers are given: each once, found again, and without a trace of how many.

use std::collections::BTreeSet;

use domain::Slot;
use domain::limits::{NUMBERS_OF_DOOR_FROM, NUMBERS_PER_SLOT, NUMBERS_PER_SLOT_EXPORT};
use store::Fault;
use store::permutation::{NumberKey, Permutation};

fn slot(number: u32) -> Slot {
    Slot::new(number).expect("a slot")
}

fn series(key: u8, kind: &str, period: i32, in_slot: u32, count: i64) -> Permutation {
    NumberKey::new(&[key; 32]).permutation((kind, period), slot(in_slot), count).expect("one")
}

#[test]
fn every_place_has_a_number_of_its_own_and_every_number_its_place() {
    for count in (1..=130).chain([255, 256, 257, 1_000, 4_095, 4_096, 4_097, 10_000]) {
        let order = series(7, "B", 20_261_130, 3, count);
        let mut given = BTreeSet::new();
        for place in 0..count {
            let number = order.number(place).expect("computed").expect("not used up");
            assert!((0..count).contains(&number), "{number} of {count}");
            assert!(given.insert(number), "{number} of {count} is given twice");
            assert_eq!(order.place(number).expect("computed"), Some(place));
        }
        for none in [-1, count, count + 1, i64::MIN, i64::MAX] {
            assert_eq!(order.number(none).expect("computed"), None, "{none} of {count}");
            assert_eq!(order.place(none).expect("computed"), None, "{none} of {count}");
        }
    }
    for none in [0, -1] {
        let order = NumberKey::new(&[7; 32]).permutation(("B", 1), slot(3), none);
        assert!(matches!(order, Err(Fault::Broken(_))));
    }
}

#[test]
fn the_series_of_the_window_are_used_up_to_their_ends() {
    for count in [
        NUMBERS_OF_DOOR_FROM,
        NUMBERS_PER_SLOT - NUMBERS_OF_DOOR_FROM,
        NUMBERS_PER_SLOT,
        NUMBERS_PER_SLOT_EXPORT,
    ] {
        let order = series(7, "E4229", 2026, 255, count);
        let mut given = BTreeSet::new();
        let places = (0..2_000).chain(count - 2_000..count);
        for place in places {
            let number = order.number(place).expect("computed").expect("not used up");
            assert!((0..count).contains(&number) && given.insert(number), "{number}");
            assert_eq!(order.place(number).expect("computed"), Some(place));
        }
        assert_eq!(order.number(count).expect("computed"), None);
    }
}

#[test]
fn numbers_say_nothing_of_how_many_were_given_between() {
    let count = NUMBERS_OF_DOOR_FROM;
    let order = series(7, "B", 20_261_130, 3, count);
    let number = |place| order.number(place).expect("computed").expect("not used up");
    // One after the other: as often up as down, and by a third of the series on average, as by chance.
    let steps: Vec<i64> = (0..4_000).map(|place| number(place + 1) - number(place)).collect();
    let up = steps.iter().filter(|step| **step > 0).count();
    assert!((1_800..2_200).contains(&up), "{up} of 4,000 go up");
    let mean = steps.iter().map(|step| step.abs()).sum::<i64>() / 4_000;
    assert!((count * 30 / 100..count * 37 / 100).contains(&mean), "{mean} of {count}");
    // The same number of steps leads everywhere.
    let ways: BTreeSet<i64> = steps.iter().map(|step| step.rem_euclid(count)).collect();
    assert!(ways.len() > 3_980, "{} ways", ways.len());
    // The numbers given so far fill no corner.
    for eighth in 0..8 {
        let within = |n: &i64| (eighth * count / 8..(eighth + 1) * count / 8).contains(n);
        let found = (0..4_000).map(number).filter(within).count();
        assert!((400..600).contains(&found), "{found} of 4,000 in eighth {eighth}");
    }
}

#[test]
fn each_series_has_an_order_of_its_own() {
    let first = |order: Permutation| -> Vec<i64> {
        let numbers = (0..8).map(|place| order.number(place).expect("computed"));
        numbers.map(|number| number.expect("not used up")).collect()
    };
    let one = first(series(7, "B", 20_261_130, 3, 1_000_000));
    assert_eq!(one, first(series(7, "B", 20_261_130, 3, 1_000_000)), "the same every time");
    // What was given depends on it, so it never changes. Computed by another implementation, in Python.
    let expected = [405_214, 915_134, 535_124, 58_799, 885_553, 844_008, 766_861, 381_043];
    assert_eq!(one, expected);
    for (what, other) in [
        ("key", series(8, "B", 20_261_130, 3, 1_000_000)),
        ("kind", series(7, "I4229", 20_261_130, 3, 1_000_000)),
        ("day", series(7, "B", 20_261_201, 3, 1_000_000)),
        ("slot", series(7, "B", 20_261_130, 4, 1_000_000)),
    ] {
        assert_ne!(one, first(other), "{what}");
    }
}
