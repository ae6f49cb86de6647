//! Invoices and export lines are used once and never over their quantity or value, in every history.

use std::collections::BTreeSet;

use domain::tax_refund::arithmetic::QuantityShare;
use domain::tax_refund::book::{Book, ClaimLineKey, ExportKey, InvoiceKey, UseError};
use domain::tax_refund::invoice::{
    Invoice, InvoiceElement, InvoiceFault, InvoiceLine, InvoiceNumber, PlatformAnswer,
    Verification, verify,
};
use proptest::prelude::*;
use time::macros::date;

fn number(at: u8) -> InvoiceNumber {
    InvoiceNumber::parse("", &format!("{at:020}")).expect("20 digits")
}

fn invoice(at: u8, whole: QuantityShare) -> Invoice {
    let tax_fen = (whole.fen * 13 + 50) / 100;
    let line = InvoiceLine { unit: "011".into(), whole, levy_bp: 1_300, tax_fen };
    Invoice {
        number: number(at),
        seller: "S".into(),
        buyer: "B".into(),
        issued: date!(2026 - 10 - 01),
        lines: vec![line],
    }
}

fn genuine(invoice: &Invoice) -> PlatformAnswer {
    let (net_fen, tax_fen) = invoice.totals().expect("sane");
    PlatformAnswer::Found {
        seller: "S".into(),
        buyer: "B".into(),
        issued: invoice.issued,
        net_fen,
        tax_fen,
    }
}

fn export(at: u8) -> ExportKey {
    ExportKey { entry_id: format!("42272026000000000{at}"), line: 1 }
}

fn invoice_line(at: u8) -> InvoiceKey {
    InvoiceKey { number: number(at), line: 1 }
}

fn by(claim: u64, line: u32) -> ClaimLineKey {
    ClaimLineKey { claim, line }
}

const WHOLES: [QuantityShare; 2] =
    [QuantityShare { qty_e5: 7, fen: 1_003 }, QuantityShare { qty_e5: 3, fen: 2 }];

fn book() -> Book {
    let mut book = Book::default();
    for (at, whole) in (0..).zip(WHOLES) {
        book.export(export(at), "011", whole).expect("registered");
        book.register(invoice(at, whole)).expect("registered");
    }
    book
}

#[derive(Debug, Clone)]
enum Op {
    Answer(u8, bool, u8),
    Hold { by: ClaimLineKey, export: u8, invoice: Option<u8>, qty_e5: i64 },
    Free(ClaimLineKey),
    Reduce(ClaimLineKey, i64),
    Return(u8, i64),
}

fn op() -> impl Strategy<Value = Op> {
    let key = (0..3_u64, 1..4_u32).prop_map(|(claim, line)| by(claim, line));
    prop_oneof![
        2 => (0..2_u8, prop::bool::weighted(0.9), 0..3_u8).prop_map(|(at, good, bad)| Op::Answer(at, good, bad)),
        6 => (key.clone(), 0..2_u8, prop::option::weighted(0.8, 0..2_u8), -1..9_i64)
            .prop_map(|(by, export, invoice, qty_e5)| Op::Hold { by, export, invoice, qty_e5 }),
        3 => key.clone().prop_map(Op::Free),
        2 => (key, -1..5_i64).prop_map(|(by, qty_e5)| Op::Reduce(by, qty_e5)),
        1 => (0..2_u8, -1..5_i64).prop_map(|(at, qty_e5)| Op::Return(at, qty_e5)),
    ]
}

fn apply(book: &mut Book, op: &Op) {
    match op {
        Op::Answer(at, good, bad) => {
            let answer = match (good, bad) {
                (true, _) => genuine(&invoice(*at, WHOLES[usize::from(*at)])),
                (false, 0) => PlatformAnswer::Unknown,
                (false, 1) => PlatformAnswer::Void,
                (false, _) => PlatformAnswer::RedLettered,
            };
            let touched = book.verified(&number(*at), &answer).expect("it is registered");
            for key in touched {
                book.free(key);
            }
        }
        Op::Hold { by, export: of, invoice, qty_e5 } => {
            let before = book.clone();
            let line = invoice.map(invoice_line);
            let held = book.hold(*by, &export(*of), line.as_ref(), *qty_e5).cloned();
            match held {
                Ok(held) => {
                    let after = book.clone();
                    let again = book.hold(*by, &export(*of), line.as_ref(), *qty_e5).cloned();
                    assert_eq!(again, Ok(held), "the same again is the same");
                    assert_eq!(*book, after, "and changes nothing");
                }
                Err(_) => assert_eq!(*book, before, "a refusal changes nothing"),
            }
        }
        Op::Free(by) => drop(book.free(*by)),
        Op::Reduce(by, keeps_e5) => {
            let before = book.uses().get(by).map(|it| it.qty_e5);
            let reduced = book.reduce(*by, *keeps_e5).is_ok();
            assert_eq!(reduced, before.is_some_and(|qty| (1..=qty).contains(keeps_e5)));
        }
        Op::Return(at, qty_e5) => {
            let touched = book.returned(&export(*at), *qty_e5).unwrap_or_default();
            for key in touched {
                assert!(book.free(key).is_some());
            }
            assert!(book.export_left_e5(&export(*at)).expect("it is there") >= 0);
        }
    }
}

fn assert_sound(book: &Book) {
    for (at, whole) in (0..).zip(WHOLES) {
        let of_export = book.uses().values().filter(|it| it.export == export(at));
        let (qty, fob) =
            of_export.fold((0, 0), |(qty, fob), it| (qty + it.qty_e5, fob + it.fob_fen));
        assert!(qty <= whole.qty_e5 && fob <= whole.fen, "export {at}: {qty}, {fob}");
        assert!(qty < whole.qty_e5 || fob == whole.fen, "all of it is worth all of it");
        let left = book.export_left_e5(&export(at)).expect("it is there");
        assert!(left <= whole.qty_e5 - qty);
        let of_invoice =
            book.uses().values().filter(|it| it.invoice.as_ref() == Some(&invoice_line(at)));
        let (qty_e5, fen) =
            of_invoice.clone().fold((0, 0), |(qty, net), it| (qty + it.qty_e5, net + it.net_fen));
        assert!(qty_e5 <= whole.qty_e5 && fen <= whole.fen, "invoice {at}");
        assert!(qty_e5 < whole.qty_e5 || fen == whole.fen, "all of it is worth all of it");
        let sum = book.invoice_used(&invoice_line(at)).expect("it is there");
        assert_eq!(sum, QuantityShare { qty_e5, fen }, "the sum is the sum");
        let is_genuine = book.verification(&number(at)) == Some(&Verification::Genuine);
        assert!(is_genuine || of_invoice.count() == 0, "only what is genuine is used");
    }
    assert!(book.uses().values().all(|it| it.fob_fen >= 0 && it.net_fen >= 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_used_twice(ops in prop::collection::vec(op(), 0..40)) {
        let mut book = book();
        for op in &ops {
            apply(&mut book, op);
            assert_sound(&book);
        }
        // Whatever happened, everything can be freed.
        let keys: Vec<_> = book.uses().keys().copied().collect();
        for key in keys {
            book.free(key);
        }
        assert_sound(&book);
        prop_assert!(book.uses().is_empty());
    }
}

#[test]
fn each_refusal_has_its_reason() {
    let mut book = book();
    let line = invoice_line(0);
    let hold = |book: &mut Book, by, export: &ExportKey, invoice: Option<&InvoiceKey>, qty| {
        book.hold(by, export, invoice, qty).map(|it| it.net_fen)
    };
    let (one, two) = (by(1, 1), by(1, 2));
    assert_eq!(hold(&mut book, one, &export(0), Some(&line), 1), Err(UseError::NotGenuine));
    book.verified(&number(0), &genuine(&invoice(0, WHOLES[0]))).expect("registered");
    assert_eq!(hold(&mut book, one, &export(9), None, 1), Err(UseError::NoExport));
    assert_eq!(
        hold(&mut book, one, &export(0), Some(&invoice_line(9)), 1),
        Err(UseError::NoInvoice)
    );
    assert_eq!(hold(&mut book, one, &export(0), Some(&line), 0), Err(UseError::Amount));
    assert_eq!(hold(&mut book, one, &export(0), Some(&line), 8), Err(UseError::ExportUsedUp));
    assert_eq!(hold(&mut book, one, &export(0), Some(&line), 4), Ok(573));
    assert_eq!(hold(&mut book, one, &export(0), Some(&line), 5), Err(UseError::Different));
    assert_eq!(hold(&mut book, two, &export(1), Some(&line), 3), Ok(430));
    let other = by(2, 1);
    book.export(export(2), "035", WHOLES[0]).expect("registered");
    assert_eq!(hold(&mut book, other, &export(2), Some(&line), 1), Err(UseError::Unit));
    book.export(export(3), "011", WHOLES[0]).expect("registered");
    assert_eq!(hold(&mut book, other, &export(3), Some(&line), 1), Err(UseError::InvoiceUsedUp));
    assert_eq!(book.export(export(3), "011", WHOLES[1]), Err(UseError::Different));
    assert_eq!(book.register(invoice(0, WHOLES[1])), Err(UseError::Different));
    // Red-lettered after use: both lines are named.
    let touched = book.verified(&number(0), &PlatformAnswer::RedLettered).expect("registered");
    assert_eq!(touched, [one, two]);
}

/// The last part took what rounding left over; when those before it fall away there is less than the
/// share of what comes anew.
#[test]
fn a_last_part_that_stays_leaves_no_more_than_the_rest() {
    let mut book = Book::default();
    book.export(export(0), "011", QuantityShare { qty_e5: 7, fen: 13 }).expect("registered");
    for line in 1..=7 {
        book.hold(by(1, line), &export(0), None, 1).expect("held");
    }
    assert_eq!(book.uses()[&by(1, 7)].fob_fen, 7);
    for line in 1..=6 {
        book.free(by(1, line));
    }
    assert_eq!(book.hold(by(2, 1), &export(0), None, 5).map(|it| it.fob_fen), Ok(6));
    assert_eq!(book.hold(by(2, 2), &export(0), None, 1).map(|it| it.fob_fen), Ok(0));
}

#[test]
fn what_came_back_is_never_claimed() {
    let mut book = book();
    book.hold(by(1, 1), &export(0), None, 3).expect("held");
    book.hold(by(2, 1), &export(0), None, 4).expect("held");
    assert_eq!(book.returned(&export(0), 4), Ok(vec![by(2, 1)]));
    book.free(by(2, 1));
    assert_eq!(book.export_left_e5(&export(0)), Some(0));
    assert_eq!(book.hold(by(3, 1), &export(0), None, 1), Err(UseError::ExportUsedUp));
    assert_eq!(book.returned(&export(0), 4), Err(UseError::Amount), "more than left");
}

#[test]
fn an_invoice_is_what_the_platform_says() {
    let one = invoice(0, WHOLES[0]);
    let PlatformAnswer::Found { net_fen, tax_fen, issued, .. } = genuine(&one) else {
        panic!("found")
    };
    let differs = PlatformAnswer::Found {
        seller: "X".into(),
        buyer: "B".into(),
        issued,
        net_fen: net_fen + 1,
        tax_fen,
    };
    let both = BTreeSet::from([InvoiceElement::Seller, InvoiceElement::Net]);
    let pending = Verification::Pending;
    let cases = [
        (&pending, &differs, Verification::Differs(both.clone())),
        (&pending, &PlatformAnswer::Unknown, Verification::Unknown),
        (&Verification::Unknown, &genuine(&one), Verification::Genuine),
        (&Verification::Genuine, &PlatformAnswer::Unknown, Verification::Genuine),
        (&Verification::Genuine, &differs, Verification::Genuine),
        (&Verification::Genuine, &PlatformAnswer::RedLettered, Verification::RedLettered),
        (&Verification::Genuine, &PlatformAnswer::Void, Verification::Void),
        (&Verification::Void, &genuine(&one), Verification::Void),
    ];
    for (now, answer, then) in cases {
        assert_eq!(verify(&one, now, answer), then, "{now:?}, {answer:?}");
        assert!(!then.titles().0.is_empty() && !then.titles().1.is_empty());
    }
}

#[test]
fn an_invoice_is_looked_at_before_it_is_registered() {
    let good = invoice(0, QuantityShare { qty_e5: 100_000, fen: 10_000 });
    assert_eq!(good.faults("B"), []);
    assert_eq!(good.faults("C"), [InvoiceFault::Buyer]);
    let with = |change: fn(&mut InvoiceLine)| {
        let mut invoice = good.clone();
        change(&mut invoice.lines[0]);
        invoice.faults("B")
    };
    assert_eq!(with(|line| line.tax_fen += 6), []);
    assert_eq!(with(|line| line.tax_fen += 7), [InvoiceFault::Tax(1)]);
    assert_eq!(with(|line| line.whole.qty_e5 = 0), [InvoiceFault::Amount(1)]);
    assert_eq!(with(|line| line.whole.fen = 0), [InvoiceFault::Amount(1)]);
    assert_eq!(Invoice { lines: Vec::new(), ..good.clone() }.faults("B"), [InvoiceFault::Lines]);
    for (code, number, fits) in [
        ("", "12345678901234567890", true),
        ("1234567890", "12345678", true),
        ("123456789012", "12345678", true),
        ("", "12345678", false),
        ("1234567890", "12345678901234567890", false),
        ("123456789a", "12345678", false),
    ] {
        assert_eq!(InvoiceNumber::parse(code, number).is_some(), fits, "{code} {number}");
    }
}
