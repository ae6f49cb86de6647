//! The claim and its lines by example; every order of events is in `claim_model.rs`.

use std::collections::BTreeMap;

use domain::tax_refund::arithmetic::QuantityShare;
use domain::tax_refund::book::{Book, ClaimLineKey, ExportKey, InvoiceKey};
use domain::tax_refund::claim::{
    Claim, ClaimError, ClaimEvent, ClaimFact, ClaimLine, ClaimState, Consequence, Ground,
    LineEvent, LineState, Query, RecoveryCause, apply, next,
};
use domain::tax_refund::invoice::{Invoice, InvoiceLine, InvoiceNumber, PlatformAnswer};
use time::macros::date;

fn claim() -> Claim {
    let line = |advance| ClaimLine::new(13_000, advance);
    Claim::draft(BTreeMap::from([(1, line(false)), (2, line(false)), (3, line(true))]))
}

fn line(line: u32, event: LineEvent) -> ClaimEvent {
    ClaimEvent::Line { line, event }
}

fn ground() -> Ground {
    Ground {
        law: "财政部 税务总局公告2026年第11号 第七条".into(), code: "R07".into()
    }
}

/// Everything that happens, each event twice; the second time nothing does.
fn after(claim: Claim, events: &[ClaimEvent]) -> (Claim, Vec<ClaimFact>) {
    events.iter().fold((claim, Vec::new()), |(claim, mut facts), event| {
        let (then, new) = next(&claim, event).unwrap_or_else(|e| panic!("{event:?}: {e}"));
        assert_eq!(next(&then, event), Ok((then.clone(), Vec::new())), "{event:?} again");
        facts.extend(new);
        (then, facts)
    })
}

fn reviewed() -> Claim {
    after(claim(), &[ClaimEvent::Submit { after: 0 }, ClaimEvent::Accepted { round: 1 }]).0
}

#[test]
fn a_doubt_about_one_line_and_the_rest_is_paid() {
    let raised = |number, query| line(2, LineEvent::Raised { number, query });
    let sent = date!(2026 - 11 - 29);
    let (asked, facts) = after(
        reviewed(),
        &[
            raised(1, Query::Doubt),
            line(2, LineEvent::Answered { number: 1 }),
            raised(2, Query::Letter { sent }),
            line(1, LineEvent::Approved { fen: 13_000 }),
            line(3, LineEvent::Approved { fen: 10_000 }),
            ClaimEvent::Paid { payment: 7, lines: BTreeMap::from([(1, 13_000), (3, 10_000)]) },
        ],
    );
    assert!(facts.contains(&ClaimFact::Paid { payment: 7, line: 3, fen: 10_000 }));
    assert!(!asked.lines[&2].is_letter_overdue(date!(2027 - 02 - 28)));
    assert!(asked.lines[&2].is_letter_overdue(date!(2027 - 03 - 01)));
    assert!(!asked.is_ended());
    let (settled, facts) = after(
        asked,
        &[
            line(2, LineEvent::Lifted { number: 2 }),
            line(2, LineEvent::Refused { ground: ground(), then: Consequence::Correct }),
            line(3, LineEvent::Settled { keeps_fen: 6_000, negative: 1 }),
            line(3, LineEvent::Repaid { negative: 1 }),
        ],
    );
    assert!(settled.is_ended());
    assert_eq!(
        facts,
        [
            ClaimFact::Lifted(2),
            ClaimFact::Refused(2, Consequence::Correct),
            ClaimFact::Freed(2),
            ClaimFact::RecoveryOrdered { line: 3, fen: 4_000, negative: 1 },
            ClaimFact::Repaid { line: 3, fen: 4_000, negative: 1 },
            ClaimFact::Settled { line: 3, fen: 6_000 },
        ]
    );
    let recovered = LineEvent::Recovered { cause: RecoveryCause::Returned, negative: 2 };
    let events = [line(3, recovered), line(3, LineEvent::Repaid { negative: 2 })];
    let (recovered, facts) = after(settled, &events);
    assert_eq!(recovered.lines[&3].state, LineState::Recovered);
    assert!(facts.contains(&ClaimFact::Repaid { line: 3, fen: 6_000, negative: 2 }));
}

#[test]
fn a_form_is_corrected_and_handed_in_again() {
    let (refused, _) =
        after(claim(), &[ClaimEvent::Submit { after: 0 }, ClaimEvent::FormRefused { round: 1 }]);
    let (again, _) = after(refused, &[line(2, LineEvent::Drop), ClaimEvent::Submit { after: 1 }]);
    assert_eq!((again.state, again.round), (ClaimState::Submitted, 2));
    let late = next(&again, &ClaimEvent::FormRefused { round: 1 });
    assert_eq!(late, Err(ClaimError::Overtaken));
    let (refused, _) = after(again, &[ClaimEvent::FormRefused { round: 2 }]);
    let (withdrawn, facts) = after(refused, &[ClaimEvent::Withdraw]);
    assert_eq!(facts, [ClaimFact::Withdrawn, ClaimFact::Freed(1), ClaimFact::Freed(3)]);
    assert!(withdrawn.is_ended());
}

#[test]
fn each_error_has_its_reason() {
    let (paid, _) = after(
        reviewed(),
        &[
            line(1, LineEvent::Approved { fen: 13_000 }),
            ClaimEvent::Paid { payment: 1, lines: BTreeMap::from([(1, 13_000)]) },
            line(2, LineEvent::Raised { number: 1, query: Query::Suspension }),
        ],
    );
    let (recovering, _) = after(
        paid.clone(),
        &[line(1, LineEvent::Recovered { cause: RecoveryCause::NoMoney, negative: 5 })],
    );
    let pay = |payment, lines: &[(u32, i64)]| ClaimEvent::Paid {
        payment,
        lines: lines.iter().copied().collect(),
    };
    let (approved, _) = after(reviewed(), &[line(1, LineEvent::Approved { fen: 5 })]);
    let raised = |number| line(1, LineEvent::Raised { number, query: Query::Doubt });
    let repaid = LineEvent::Repaid { negative: 6 };
    let settled = |keeps_fen| LineEvent::Settled { keeps_fen, negative: 1 };
    let cases = [
        (claim(), line(1, LineEvent::Approved { fen: 1 }), ClaimError::State),
        (claim(), ClaimEvent::Accepted { round: 0 }, ClaimError::State),
        (claim(), ClaimEvent::Submit { after: 1 }, ClaimError::Overtaken),
        (reviewed(), ClaimEvent::Withdraw, ClaimError::State),
        (reviewed(), line(9, LineEvent::Drop), ClaimError::NoLine),
        (reviewed(), raised(2), ClaimError::Overtaken),
        (reviewed(), raised(0), ClaimError::Overtaken),
        (reviewed(), line(1, LineEvent::Approved { fen: 13_001 }), ClaimError::Amount),
        (reviewed(), line(1, LineEvent::Approved { fen: 0 }), ClaimError::Amount),
        (reviewed(), pay(1, &[(1, 13_000)]), ClaimError::State),
        (reviewed(), pay(1, &[]), ClaimError::State),
        (approved.clone(), pay(1, &[(1, 6)]), ClaimError::Amount),
        (approved.clone(), pay(1, &[(1, 5), (2, 13_000)]), ClaimError::State),
        (approved.clone(), pay(1, &[(1, 5), (9, 1)]), ClaimError::NoLine),
        (approved, line(1, LineEvent::Drop), ClaimError::State),
        (paid.clone(), pay(1, &[(1, 12_999)]), ClaimError::Different),
        (paid.clone(), pay(2, &[(1, 13_000)]), ClaimError::State),
        (paid.clone(), line(2, LineEvent::Approved { fen: 1 }), ClaimError::State),
        (paid.clone(), line(2, LineEvent::Answered { number: 2 }), ClaimError::Overtaken),
        (paid, line(1, settled(1)), ClaimError::State),
        (recovering.clone(), line(1, repaid), ClaimError::Different),
        (
            recovering,
            line(1, LineEvent::Recovered { cause: RecoveryCause::Invoice, negative: 6 }),
            ClaimError::State,
        ),
    ];
    for (claim, event, error) in cases {
        let mut after = claim.clone();
        assert_eq!(apply(&mut after, &event), Err(error), "{event:?}");
        assert_eq!(after, claim, "an error changes nothing");
        assert!(!error.text_zh().is_empty());
    }
}

/// A firm's month: every line has an invoice line, is approved and paid, and ends. All of it is work
/// for each line, not for each line times all the others.
#[test]
fn a_claim_of_100_000_lines_is_normal() {
    const LINES: u32 = 100_000;
    let begun = std::time::Instant::now();
    let mut book = Book::default();
    let whole = QuantityShare { qty_e5: 200_000, fen: 10_000 };
    let mut lines = BTreeMap::new();
    for at in 1..=LINES {
        let export = ExportKey { entry_id: format!("{:018}", at / 50), line: at % 50 + 1 };
        book.export(export.clone(), "011", whole).expect("registered");
        let number = InvoiceNumber::parse("", &format!("{at:020}")).expect("20 digits");
        let line = InvoiceLine { unit: "011".into(), whole, levy_bp: 1_300, tax_fen: 1_300 };
        let issued = date!(2026 - 10 - 01);
        let invoice = Invoice {
            number: number.clone(),
            seller: "S".into(),
            buyer: "B".into(),
            issued,
            lines: vec![line],
        };
        assert_eq!(invoice.faults("B"), []);
        book.register(invoice).expect("registered");
        let found = PlatformAnswer::Found {
            seller: "S".into(),
            buyer: "B".into(),
            issued,
            net_fen: 10_000,
            tax_fen: 1_300,
        };
        book.verified(&number, &found).expect("registered");
        let by = ClaimLineKey { claim: 1, line: at };
        let invoice = InvoiceKey { number, line: 1 };
        book.hold(by, &export, Some(&invoice), 200_000).expect("held");
        lines.insert(at, ClaimLine::new(1_300, false));
    }
    eprintln!("  held after {:?}", begun.elapsed());
    let mut claim = Claim::draft(lines);
    let mut hear = |event: &ClaimEvent| apply(&mut claim, event).expect("it has its place").len();
    assert_eq!(hear(&ClaimEvent::Submit { after: 0 }), 1);
    assert_eq!(hear(&ClaimEvent::Accepted { round: 1 }), 1);
    let mut paid = BTreeMap::new();
    for at in 1..=LINES {
        assert_eq!(hear(&line(at, LineEvent::Approved { fen: 1_300 })), 1);
        paid.insert(at, 1_300);
    }
    assert_eq!(hear(&ClaimEvent::Paid { payment: 1, lines: paid }), 100_000);
    assert!(claim.is_ended());
    eprintln!("  paid after {:?}", begun.elapsed());
    // An invoice that goes bad later names its line, whatever else there is.
    for at in 1..=1_000 {
        let number = InvoiceNumber::parse("", &format!("{at:020}")).expect("20 digits");
        let touched = book.verified(&number, &PlatformAnswer::RedLettered).expect("registered");
        assert_eq!(touched, [ClaimLineKey { claim: 1, line: at }]);
    }
    eprintln!("claim of {LINES} lines: {:?}", begun.elapsed());
}
