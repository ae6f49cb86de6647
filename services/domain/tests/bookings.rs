//! Which entries of a bank's files are one booking: by a table, and by files of any kind, order and repetition over
//! the same bookings.

use std::collections::{BTreeMap, BTreeSet};

use domain::payment::ledger::Currency;
use domain::payment::statement::{
    Booking, Bookings, EntryState, Statement, StatementEntry, StatementKind,
};
use proptest::prelude::*;
use time::Date;
use time::macros::date;

use StatementKind::{Notice, Statement as Whole};

const DAY: Date = date!(2026 - 11 - 24);

/// What came in on a day: an amount under a reference of the bank, or without one.
fn came(day: Date, amount: i64, reference: &str) -> StatementEntry {
    StatementEntry {
        currency: Currency::Usd,
        amount,
        is_credit: true,
        is_reversal: false,
        state: EntryState::Booked,
        booked: Some(day),
        valued: None,
        charges: 0,
        reference: reference.to_owned(),
        end_to_end: String::new(),
        party: String::new(),
        texts: Vec::new(),
        return_reason: String::new(),
    }
}

fn file(kind: StatementKind, number: &str, entries: Vec<StatementEntry>) -> Statement {
    Statement {
        kind,
        number: number.to_owned(),
        account: "3702960001-USD".to_owned(),
        day: Some(DAY),
        currency: Some(Currency::Usd),
        opening: None,
        closing: None,
        entries,
    }
}

/// The lines that each file told first. What is known between two files is what was kept of it, as in a database.
fn taken(files: &[Statement]) -> Vec<Vec<String>> {
    let mut kept = BTreeMap::<String, Booking>::new();
    let mut news = Vec::new();
    for file in files {
        let keys = file.keys();
        let mut bookings = Bookings::of(kept.values().filter(|it| keys.contains(&it.key)).cloned());
        let told = bookings.take(file).into_iter().flatten();
        news.push(told.filter(|(_, is_new)| *is_new).map(|(line, _)| line).collect());
        kept.extend(bookings.changed().map(|it| (it.line(), it.clone())));
    }
    news
}

fn counts(files: &[Statement]) -> Vec<usize> {
    taken(files).iter().map(Vec::len).collect()
}

#[test]
fn a_booking_is_one_whichever_files_tell_it() {
    let one = |reference: &str| vec![came(DAY, 9_750, reference)];
    let two = |references: [&str; 2]| references.map(|it| came(DAY, 9_750, it)).to_vec();
    let next_year = vec![came(date!(2027 - 11 - 24), 9_750, "")];
    let mut back = one("");
    back[0].is_reversal = true;
    let mut left = one("");
    left[0].is_credit = false;
    let mut pending = one("");
    pending[0].state = EntryState::Pending;
    let cases: Vec<(&str, Vec<Statement>, Vec<usize>)> = vec![
        (
            "notice, then its statement",
            vec![file(Notice, "N1", one("A")), file(Whole, "17", one("A"))],
            vec![1, 0],
        ),
        (
            "statement, then its notice",
            vec![file(Whole, "17", one("A")), file(Notice, "N1", one("A"))],
            vec![1, 0],
        ),
        (
            "without any reference",
            vec![file(Notice, "N1", one("")), file(Whole, "17", one(""))],
            vec![1, 0],
        ),
        (
            "without any reference, the other way round",
            vec![file(Whole, "17", one("")), file(Notice, "N1", one(""))],
            vec![1, 0],
        ),
        (
            "only the statement has the reference",
            vec![file(Notice, "N1", one("")), file(Whole, "17", one("A"))],
            vec![1, 0],
        ),
        (
            "only the notice has the reference",
            vec![file(Notice, "N1", one("A")), file(Whole, "17", one(""))],
            vec![1, 0],
        ),
        (
            "a statement that comes again under another number",
            vec![file(Whole, "17", one("A")), file(Whole, "18", one("A"))],
            vec![1, 0],
        ),
        (
            "a statement that overlaps, with more",
            vec![file(Whole, "17", one("A")), file(Whole, "18", two(["A", "B"]))],
            vec![1, 1],
        ),
        (
            "the same without references",
            vec![file(Whole, "17", one("")), file(Whole, "18", two(["", ""]))],
            vec![1, 1],
        ),
        ("two equal ones of a day", vec![file(Whole, "17", two(["", ""]))], vec![2]),
        ("two equal ones under one reference", vec![file(Whole, "17", two(["A", "A"]))], vec![2]),
        (
            "two equal ones, a notice each, and the statement",
            vec![
                file(Notice, "N1", one("")),
                file(Notice, "N2", one("")),
                file(Whole, "17", two(["", ""])),
            ],
            vec![1, 1, 0],
        ),
        (
            "the same, and every notice comes twice",
            vec![
                file(Whole, "17", two(["", ""])),
                file(Notice, "N1", one("")),
                file(Notice, "N1", one("")),
                file(Notice, "N2", one("")),
                file(Notice, "N2", one("")),
            ],
            vec![2, 0, 0, 0, 0],
        ),
        (
            "a third one that only a notice tells yet",
            vec![
                file(Whole, "17", two(["", ""])),
                file(Notice, "N1", one("")),
                file(Notice, "N2", one("")),
                file(Notice, "N3", one("")),
            ],
            vec![2, 0, 0, 1],
        ),
        (
            "a notice that comes again under another number, by its reference",
            vec![file(Notice, "N1", one("A")), file(Notice, "N2", one("A"))],
            vec![1, 0],
        ),
        (
            "two equal ones on two pages of a statement, which comes again",
            vec![
                file(Whole, "17 p1", one("")),
                file(Whole, "17 p2", one("")),
                file(Whole, "17 p1", one("")),
                file(Whole, "17 p2", one("")),
            ],
            vec![1, 1, 0, 0],
        ),
        (
            "what is certain goes before what may be",
            vec![file(Notice, "N1", one("A")), file(Whole, "17", two(["", "A"]))],
            vec![1, 1],
        ),
        (
            "the same number in another year",
            vec![file(Whole, "17", one("")), file(Whole, "17", next_year)],
            vec![1, 1],
        ),
        (
            "another direction, and what takes it back",
            vec![file(Whole, "17", one("")), file(Whole, "17", left), file(Whole, "17", back)],
            vec![1, 1, 1],
        ),
        (
            "what is pending is no booking",
            vec![file(Notice, "N1", pending), file(Whole, "17", one(""))],
            vec![0, 1],
        ),
    ];
    for (what, files, expected) in cases {
        assert_eq!(counts(&files), expected, "{what}");
    }
}

/// Real bookings of three amounts.
fn bookings() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(1_i64..4, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A bank tells of each booking by a notice of its own and by statements up to some booking, in any order and as
    /// often as it likes. In the end, when a statement told everything, each is booked once, and no line twice.
    #[test]
    fn every_booking_counts_once_in_any_order(
        real in bookings(),
        files in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..24),
        whole_at in any::<prop::sample::Index>(),
        gives_references in prop::sample::select(vec![(true, true), (true, false), (false, true), (false, false)]),
    ) {
        let entry = |at: usize, kind: StatementKind| {
            let of_kind = if kind == Notice { gives_references.0 } else { gives_references.1 };
            let reference = if of_kind { format!("R{at}") } else { String::new() };
            came(DAY, real[at], &reference)
        };
        let statement = |until: usize, number: &str| {
            file(Whole, number, (0..until).map(|at| entry(at, Whole)).collect())
        };
        let mut told: Vec<Statement> = files.iter().enumerate().map(|(number, (is_notice, at))| {
            let at = at.index(real.len());
            if *is_notice {
                file(Notice, &format!("N{at}"), vec![entry(at, Notice)])
            } else {
                statement(at + 1, &format!("S{number}"))
            }
        }).collect();
        let whole_at = whole_at.index(told.len() + 1);
        told.insert(whole_at, statement(real.len(), "17"));
        let news = taken(&told);
        let lines: Vec<&String> = news.iter().flatten().collect();
        prop_assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), lines.len(), "a line twice");
        prop_assert_eq!(lines.len(), real.len(), "{:?}", news);
        for amount in 1..4 {
            let of = |line: &&&String| line.contains(&format!("/+{amount}USD/"));
            let expected = real.iter().filter(|it| **it == amount).count();
            prop_assert_eq!(lines.iter().filter(of).count(), expected, "{:?}", news);
        }
    }
}
