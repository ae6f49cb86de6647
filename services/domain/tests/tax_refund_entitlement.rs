//! What an export line is entitled to, at every threshold.

use domain::tax_refund::arithmetic::QuantityShare;
use domain::tax_refund::deadline::Deadline;
use domain::tax_refund::entitlement::{
    Entitlement, ExportLine, ExportMode, Firm, FirmClass, FirmKind, LineStatus, MissingProof,
    MoneyStatus, Purchase, Tables, WithoutInvoice, entitlement, urgency,
};
use domain::tax_refund::invoice::Verification;
use domain::tax_refund::method::{DOMESTIC, EXEMPT, PRODUCER, TRADER};
use domain::tax_refund::parity::{ForeignAmount, Parities, ParityBasis};
use domain::tax_refund::rates::{RateTable, SAMPLE_RATES};
use time::Date;
use time::macros::date;

const TODAY: Date = date!(2026 - 11 - 29);

const TRADING: Firm = Firm {
    kind: FirmKind::Trader,
    class: FirmClass::Second,
    parity: ParityBasis::FirstOfMonth,
    parity_since: Some(date!(2026 - 01 - 01)),
    waived_from: None,
    without_invoice: WithoutInvoice::Domestic,
};
const PRODUCING: Firm = Firm { kind: FirmKind::Producer, ..TRADING };

fn purchase() -> Purchase {
    Purchase {
        verification: Verification::Genuine,
        line: QuantityShare { qty_e5: 1_000_000, fen: 100_000 },
        used: QuantityShare::default(),
        levy_bp: 1_300,
        qty_e5: 1_000_000,
        to_give_back: false,
    }
}

/// A line with everything that it needs: 10 shirts, 1,000 yuan on the invoice, 200 dollars FOB.
fn complete() -> ExportLine {
    ExportLine {
        name: "declarations/1/1".into(),
        mode: ExportMode::Summarised,
        code: "6109100021".into(),
        qty_e5: 1_000_000,
        fob: ForeignAmount { currency: "502".into(), amount_e5: 20_000_000 },
        released: true,
        departed: Some(date!(2026 - 10 - 15)),
        entry_id: Some("422720260000000001".into()),
        money: MoneyStatus::Settled,
        payment_by: None,
        purchases: vec![purchase()],
        claimed_e5: 0,
        returned_e5: 0,
        sold_e5: None,
        settle_by: None,
    }
}

fn on(firm: &Firm, line: &ExportLine, today: Date) -> Entitlement {
    let rates = RateTable::parse(SAMPLE_RATES).expect("the sample is sound");
    let mut parities = Parities::default();
    assert!(parities.add("502", date!(2026 - 09 - 30), 7_100_000));
    entitlement(firm, line, Tables { rates: &rates, parities: &parities }, today)
}

#[test]
fn a_complete_line_is_claimable() {
    let trader = on(&TRADING, &complete(), TODAY);
    assert_eq!((trader.standing, trader.rule), (LineStatus::Claimable, &TRADER));
    assert_eq!(trader.estimate_fen, Some(13_000));
    assert_eq!(trader.traces.len(), 1);
    let due = trader.due.expect("there is a day");
    assert_eq!((due.deadline, due.last), (Deadline::Claim, date!(2027 - 04 - 30)));
    assert_eq!(due.days_left, 152);
    // 200 dollars at 710.00 for 100: 1,420 yuan, and 13 % of them is the cap.
    let producer = on(&PRODUCING, &ExportLine { purchases: Vec::new(), ..complete() }, TODAY);
    assert_eq!((producer.standing, producer.rule), (LineStatus::Claimable, &PRODUCER));
    assert_eq!(producer.estimate_fen, Some(18_460));
    let english = producer.traces[0].text(domain::tax_refund::trace::TraceLanguage::English);
    assert!(
        english.contains("parity for 100 units 710.0000 CNY (2026-09-30..2026-10-01)"),
        "{english}"
    );
    assert!(english.contains("of the first of the month 当月首日 (2026-01-01)"), "{english}");
}

#[test]
fn what_is_missing_is_named_with_who_acts() {
    let with = |change: fn(&mut ExportLine)| {
        let mut line = complete();
        change(&mut line);
        let found = on(&TRADING, &line, TODAY);
        let waits = found.standing == LineStatus::Waiting;
        assert_eq!(waits, !found.missing.is_empty());
        found.missing
    };
    let verified = |verification: Verification| {
        let mut line = complete();
        line.purchases[0].verification = verification;
        on(&TRADING, &line, TODAY).missing
    };
    assert_eq!(with(|line| line.released = false), [MissingProof::Release]);
    assert_eq!(with(|line| line.departed = None), [MissingProof::Departure]);
    assert_eq!(with(|line| line.entry_id = None), [MissingProof::FormNumber]);
    assert_eq!(with(|line| line.money = MoneyStatus::Awaited), [MissingProof::Money]);
    assert_eq!(with(|line| line.money = MoneyStatus::Received), [MissingProof::Settlement]);
    assert_eq!(with(|line| line.purchases.clear()), [MissingProof::Invoice]);
    assert_eq!(with(|line| line.purchases[0].qty_e5 -= 1), [MissingProof::InvoiceQuantity]);
    assert_eq!(verified(Verification::Pending), [MissingProof::Verification]);
    assert_eq!(verified(Verification::Unknown), [MissingProof::Verification]);
    assert_eq!(verified(Verification::Void), [MissingProof::GenuineInvoice]);
    assert_eq!(verified(Verification::RedLettered), [MissingProof::GenuineInvoice]);
    assert_eq!(with(|line| line.code = "0000000000".into()), [MissingProof::Rate]);
    assert_eq!(
        with(|line| line.purchases[0].used = QuantityShare { qty_e5: 1, fen: 0 }),
        [MissingProof::SaneNumbers]
    );
    let all = with(|line| {
        (line.released, line.departed, line.entry_id) = (false, None, None);
        (line.money, line.purchases) = (MoneyStatus::Awaited, Vec::new());
    });
    assert_eq!(all.len(), 5);
    // Yuan need no settlement, and no parity.
    let yuan = ForeignAmount { currency: "142".into(), amount_e5: 142_000_000 };
    let line = ExportLine { fob: yuan, money: MoneyStatus::Received, ..complete() };
    assert_eq!(on(&TRADING, &line, TODAY).standing, LineStatus::Claimable);
    assert_eq!(on(&PRODUCING, &line, TODAY).estimate_fen, Some(18_460));
    let yen = ForeignAmount { currency: "116".into(), amount_e5: 1 };
    let line = ExportLine { fob: yen, ..complete() };
    assert_eq!(on(&PRODUCING, &line, TODAY).missing, [MissingProof::Parity]);
    for missing in all {
        let (_, text) = missing.text();
        assert!(!text.en.is_empty() && !text.zh.is_empty());
    }
}

#[test]
fn some_goods_are_never_refunded() {
    let cases = [
        (ExportLine { mode: ExportMode::StatisticsOnly, ..complete() }, &EXEMPT),
        (ExportLine { code: "4901990000".into(), ..complete() }, &EXEMPT),
    ];
    for (line, rule) in cases {
        let found = on(&TRADING, &line, TODAY);
        assert_eq!((found.standing, found.rule), (LineStatus::NotRefunded, rule));
        assert!(found.reason.is_some() && found.estimate_fen.is_none());
    }
    let battery = |day| ExportLine { code: "8507600090".into(), departed: Some(day), ..complete() };
    let before = on(&TRADING, &battery(date!(2026 - 12 - 31)), date!(2027 - 01 - 05));
    assert_eq!((before.standing, before.estimate_fen), (LineStatus::Claimable, Some(6_000)));
    let after = on(&TRADING, &battery(date!(2027 - 01 - 01)), date!(2027 - 01 - 05));
    assert_eq!((after.standing, after.rule), (LineStatus::NotRefunded, &DOMESTIC));
    // A waiver binds for 36 months.
    for (from, standing) in [
        (date!(2026 - 10 - 15), LineStatus::NotRefunded),
        (date!(2026 - 10 - 16), LineStatus::Claimable),
        (date!(2023 - 10 - 15), LineStatus::NotRefunded),
        (date!(2023 - 10 - 14), LineStatus::Claimable),
    ] {
        let firm = Firm { waived_from: Some(from), ..TRADING };
        assert_eq!(on(&firm, &complete(), TODAY).standing, standing, "{from}");
    }
}

#[test]
fn days_end_what_they_end() {
    let line = complete();
    let standing = |line: &ExportLine, today| {
        let found = on(&TRADING, line, today);
        (found.standing, found.rule, found.due.map(|due| due.deadline))
    };
    let claimable = |deadline| (LineStatus::Claimable, &TRADER, Some(deadline));
    assert_eq!(standing(&line, date!(2027 - 04 - 30)), claimable(Deadline::Claim));
    assert_eq!(standing(&line, date!(2027 - 05 - 01)), claimable(Deadline::ClaimAtAll));
    assert_eq!(standing(&line, date!(2029 - 10 - 15)), claimable(Deadline::ClaimAtAll));
    let over = (LineStatus::NotRefunded, &DOMESTIC, Some(Deadline::ClaimAtAll));
    assert_eq!(standing(&line, date!(2029 - 10 - 16)), over);
    // No invoice: it may come until the routine day.
    let unbought = ExportLine { purchases: Vec::new(), ..complete() };
    assert_eq!(on(&TRADING, &unbought, date!(2027 - 04 - 30)).standing, LineStatus::Waiting);
    assert_eq!(on(&TRADING, &unbought, date!(2027 - 05 - 01)).rule, &DOMESTIC);
    let zone = Firm { without_invoice: WithoutInvoice::Exempt, ..TRADING };
    assert_eq!(on(&zone, &unbought, date!(2027 - 05 - 01)).rule, &EXEMPT);
    // Claimed, and the money did not come.
    let claimed = ExportLine { claimed_e5: 1_000_000, money: MoneyStatus::Awaited, ..complete() };
    assert_eq!(on(&TRADING, &claimed, date!(2027 - 04 - 30)).standing, LineStatus::Done);
    assert_eq!(on(&TRADING, &claimed, date!(2027 - 05 - 01)).standing, LineStatus::ToRecover);
    let partly = ExportLine { claimed_e5: 1, ..claimed.clone() };
    assert_eq!(on(&TRADING, &partly, date!(2027 - 05 - 01)).standing, LineStatus::ToRecover);
    let later = ExportLine { payment_by: Some(date!(2027 - 06 - 01)), ..claimed };
    assert_eq!(on(&TRADING, &later, date!(2027 - 06 - 01)).standing, LineStatus::Done);
    assert_eq!(on(&TRADING, &later, date!(2027 - 06 - 02)).standing, LineStatus::ToRecover);
}

#[test]
fn overseas_goods_are_claimed_in_advance() {
    let line = ExportLine { mode: ExportMode::Overseas, money: MoneyStatus::Awaited, ..complete() };
    let found = on(&TRADING, &line, TODAY);
    assert_eq!((found.standing, found.advance), (LineStatus::Claimable, true));
    let sold = ExportLine { money: MoneyStatus::Settled, ..line };
    assert!(!on(&TRADING, &sold, TODAY).advance);
}

#[test]
fn only_what_is_left_is_claimed() {
    let line = ExportLine { claimed_e5: 300_000, returned_e5: 200_000, ..complete() };
    assert_eq!(on(&TRADING, &line, TODAY).estimate_fen, Some(6_500));
    assert_eq!(on(&PRODUCING, &line, TODAY).estimate_fen, Some(9_230));
    let back = ExportLine { claimed_e5: 0, returned_e5: 1_000_000, ..complete() };
    assert_eq!(on(&TRADING, &back, TODAY).standing, LineStatus::Done);
}

#[test]
fn a_claimed_line_is_given_back_when_its_invoice_is_not_good_any_more() {
    let claimed = ExportLine { claimed_e5: 1_000_000, ..complete() };
    assert_eq!(on(&TRADING, &claimed, TODAY).standing, LineStatus::Done);
    let purchase =
        Purchase { verification: Verification::RedLettered, to_give_back: true, ..purchase() };
    let found = on(&TRADING, &ExportLine { purchases: vec![purchase], ..claimed }, TODAY);
    assert_eq!(found.standing, LineStatus::ToRecover);
    assert!(found.reason.is_some_and(|why| why.zh.contains("红冲")), "{found:?}");
}

#[test]
fn the_list_begins_with_what_is_urgent() {
    let line = |name: &str, departed, fen| {
        let mut line = ExportLine { name: name.into(), departed, ..complete() };
        line.purchases[0].line.fen = fen;
        line
    };
    let october = Some(date!(2026 - 10 - 15));
    let mut lines = vec![
        ExportLine { claimed_e5: 1_000_000, ..line("done", october, 1) },
        line("not left", None, 1),
        line("small", october, 1_000),
        line("large", october, 9_000),
        line("old", Some(date!(2025 - 10 - 15)), 1),
        ExportLine {
            claimed_e5: 1_000_000,
            money: MoneyStatus::Awaited,
            ..line("recover", Some(date!(2024 - 10 - 15)), 1)
        },
    ];
    lines.reverse();
    let mut list: Vec<_> =
        lines.into_iter().map(|line| (line.clone(), on(&TRADING, &line, TODAY))).collect();
    list.sort_by_key(|(line, found)| urgency(&line.name, found));
    let names: Vec<_> = list.iter().map(|(line, _)| line.name.as_str()).collect();
    assert_eq!(names, ["recover", "large", "small", "old", "not left", "done"]);
}
