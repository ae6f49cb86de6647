//! What a bank tells, in whichever files and order: each booking counts once, its statements agree with the ledger to the
//! cent, and an order that it never answers ends by itself.

use domain::payment::ledger::Currency;
use domain::payment::statement::{Balance, EntryState, Statement, StatementEntry, StatementKind};
use proto::v1::{self, fact::Kind};
use time::macros::{date, datetime};

use crate::harness::people::{Enterprise, FIRM_A, finds_no_difference};
use crate::harness::{PATIENCE, Sandbox, eventually};
use crate::journeys::forex::{Treasurer, files, sale};

/// A movement of US cents on the firm's account, under a reference of the bank or without one.
fn moved(cents: i64, reference: &str) -> StatementEntry {
    StatementEntry {
        currency: Currency::Usd,
        amount: cents.abs(),
        is_credit: cents > 0,
        is_reversal: false,
        state: EntryState::Booked,
        booked: Some(date!(2026 - 11 - 24)),
        valued: None,
        charges: 0,
        reference: reference.to_owned(),
        end_to_end: String::new(),
        party: "Sample Buyer".to_owned(),
        texts: vec!["goods".to_owned()],
        return_reason: String::new(),
    }
}

fn file(kind: StatementKind, statements: Vec<Statement>) -> String {
    let is_early = kind == StatementKind::Notice;
    let created = datetime!(2026-11-24 18:00 +8);
    let head = proto::bank::StatementNotice { is_early, message_id: "M1", created };
    proto::bank::write_statements(head, &statements).expect("it is in order")
}

fn movements(kind: StatementKind, number: &str, entries: Vec<StatementEntry>) -> Statement {
    Statement {
        kind,
        number: number.to_owned(),
        account: format!("{FIRM_A}-USD"),
        day: Some(date!(2026 - 11 - 24)),
        currency: Some(Currency::Usd),
        opening: None,
        closing: None,
        entries,
    }
}

fn notice(number: &str, entries: Vec<StatementEntry>) -> String {
    file(StatementKind::Notice, vec![movements(StatementKind::Notice, number, entries)])
}

/// A statement of the day that opens with so much.
fn statement(number: &str, opening: i64, entries: Vec<StatementEntry>) -> String {
    let sum: i64 = entries.iter().map(|it| if it.is_credit { it.amount } else { -it.amount }).sum();
    let balance = |amount| Some(Balance { amount, day: Some(date!(2026 - 11 - 24)) });
    let statement = Statement {
        opening: balance(opening),
        closing: balance(opening + sum),
        ..movements(StatementKind::Statement, number, entries)
    };
    file(StatementKind::Statement, vec![statement])
}

/// An export whose words are longer than the number of a waybill.
fn export(order_no: &str, cents: i64) -> v1::Declaration {
    let number = order_no.rsplit('-').next().expect("it has words");
    v1::Declaration { logistics_no: format!("L-{number}"), ..sale(order_no, cents) }
}

/// Whoever hands in files of a bank.
struct Clerk(client::Window);

impl Clerk {
    async fn takes(&self, document: String) -> v1::TakeBankFileResponse {
        let request = v1::TakeBankFileRequest { document, ..Default::default() };
        let taken = self.0.forex().take_bank_file(request).await.expect("it is in order");
        taken.into_inner()
    }

    async fn statements(&self, only_differing: bool) -> Vec<v1::StatementBalance> {
        let request = v1::ListBankStatementsRequest { only_differing, ..Default::default() };
        let found = self.0.forex().list_bank_statements(request).await.expect("it answers");
        found.into_inner().statements
    }

    async fn advances(&self, days: u64) {
        let to = Some(v1::move_clock_request::To::AdvanceSeconds(days * 86_400));
        self.0.sandbox().move_clock(v1::MoveClockRequest { to }).await.expect("forward");
    }
}

#[tokio::test]
async fn a_booking_counts_once_whichever_files_of_the_bank_tell_it() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let treasurer = Treasurer(sandbox.connect("enterprise-a").await);
    let bank = Clerk(sandbox.connect("admin").await);
    let lies = async |cents: i64, receipts: usize| {
        assert_eq!(treasurer.balance("USD", v1::Purpose::Suspense).await, cents);
        assert_eq!(treasurer.receipts().await.len(), receipts);
    };
    let counts = |taken: &v1::TakeBankFileResponse| (taken.taken, taken.repeated);

    // Of 500.00 the ledger knows nothing, and the bank tells of 10.00 by a notice before its first statement.
    let mut earlier = moved(1_000, "BK0");
    earlier.booked = Some(date!(2026 - 11 - 23));
    assert_eq!(counts(&bank.takes(notice("N0", vec![earlier])).await), (1, 0));
    // A notice, then the statement of its day.
    let taken = bank.takes(notice("N1", vec![moved(9_750, "BK1")])).await;
    assert_eq!(counts(&taken), (1, 0), "{taken:?}");
    let taken = bank.takes(statement("17", 51_000, vec![moved(9_750, "BK1")])).await;
    assert_eq!(counts(&taken), (0, 1), "{taken:?}");
    let [agreed] = &taken.balances[..] else { panic!("{taken:?}") };
    assert_eq!((agreed.closing, agreed.expected, agreed.difference), (60_750, 60_750, 0));
    lies(10_750, 2).await;
    // A statement that overlaps it under another number, and then the notice of what it has more: the other way round.
    let both = || vec![moved(9_750, "BK1"), moved(2_000, "BK2")];
    let taken = bank.takes(statement("18", 51_000, both())).await;
    assert_eq!((counts(&taken), taken.balances[0].difference), ((1, 1), 0), "{taken:?}");
    let taken = bank.takes(notice("N2", vec![moved(2_000, "BK2")])).await;
    assert_eq!(counts(&taken), (0, 1), "{taken:?}");
    lies(12_750, 3).await;
    // Two equal ones are two, whether the bank says a reference or not, and stay two when everything comes again.
    let four = || vec![moved(300, "BK3"), moved(300, "BK4"), moved(70, ""), moved(70, "")];
    let all = || [both(), four()].concat();
    for number in ["N3", "N4"] {
        assert_eq!(counts(&bank.takes(notice(number, vec![moved(70, "")])).await), (1, 0));
    }
    let taken = bank.takes(statement("19", 51_000, all())).await;
    assert_eq!((counts(&taken), taken.balances[0].difference), ((2, 4), 0), "{taken:?}");
    for again in [statement("19", 51_000, all()), statement("20", 51_000, all())] {
        let taken = bank.takes(again).await;
        assert_eq!((counts(&taken), taken.balances[0].difference), ((0, 6), 0), "{taken:?}");
    }
    lies(13_490, 7).await;
    finds_no_difference(&bank.0).await;
    assert!(bank.statements(true).await.is_empty(), "everything agrees");

    // The bank has 5.00 less than there should be: that is told at once, and stays in a list.
    let taken = bank.takes(statement("21", 50_500, all())).await;
    let [found] = &taken.balances[..] else { panic!("{taken:?}") };
    assert_eq!((found.closing, found.expected, found.difference), (62_990, 63_490, -500));
    assert!(found.why.contains("629.90") && found.why.ends_with("-5.00 differ"), "{found:?}");
    assert_eq!(bank.statements(true).await, taken.balances);
    let all_of_it = bank.statements(false).await;
    let numbers: Vec<&str> = all_of_it.iter().map(|it| it.number.as_str()).collect();
    assert_eq!(numbers, ["21", "20", "19", "18", "17"], "newest first");
    let args = ["--as", "enterprise-a", "pay", "statements", "--differing", "--output", "csv"];
    let output = sandbox.command(&args);
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    let row = format!("{FIRM_A}-USD,2026-11-24,21,USD,629.90,634.90,-5.00");
    assert_eq!(table.lines().nth(1), Some(row.as_str()), "{table}");
    let stranger = Clerk(sandbox.connect("enterprise-b").await);
    assert!(stranger.statements(false).await.is_empty(), "not its own");
}

#[tokio::test]
async fn the_statements_of_the_simulated_bank_agree_with_the_ledger() {
    let sandbox = Sandbox::with(&[]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let treasurer = Treasurer(sandbox.connect("enterprise-a").await);
    let bank = Clerk(sandbox.connect("admin").await);
    let plain = files(&firm, sale("SBX-ACCEPT-PAYPART-ST1", 20_000)).await;
    treasurer.settles(&plain).await;
    let name = files(&firm, export("SBX-BANKSTATEMENT-BANKFEE-BANKTWICE-ST2", 10_000)).await;
    treasurer.settles(&name).await;
    // Of what came, and of both accounts after it was settled.
    let statements = eventually("three statements came", PATIENCE, async || {
        let found = bank.statements(false).await;
        if found.len() < 3 { Err(found) } else { Ok(found) }
    })
    .await;
    assert!(statements.iter().all(|it| it.difference == 0), "{statements:?}");
    let ends: std::collections::BTreeSet<(&str, i64)> =
        statements.iter().map(|it| (it.currency.as_str(), it.closing)).collect();
    let yuan = treasurer.balance("CNY", v1::Purpose::Settlement).await;
    // One of two parts of the first export is left.
    assert!(ends.contains(&("USD", 10_000)) && ends.contains(&("CNY", yuan)), "{ends:?}, {yuan}");
    assert_eq!(treasurer.balance("USD", v1::Purpose::Settlement).await, 10_000);
    assert_eq!(treasurer.receipts().await.len(), 3, "every booking came once");
    finds_no_difference(&bank.0).await;
}

#[tokio::test]
async fn an_order_that_the_bank_never_answers_ends_by_itself() {
    use v1::Purpose::{Settlement, Suspense};
    let sandbox = Sandbox::with(&[]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let treasurer = Treasurer(sandbox.connect("enterprise-a").await);
    let bank = Clerk(sandbox.connect("admin").await);
    let name = files(&firm, sale("SBX-ACCEPT-BANKNEVER-NV1", 20_000)).await;
    let receipt = treasurer.receipt_of(&name).await;
    let order = treasurer.accepts(&treasurer.quote(&receipt.id).await.id).await.expect("it binds");
    assert!(order.until_time.is_some(), "it has a term: {order:?}");
    assert_eq!(treasurer.receipt_of(&name).await.available, 0, "it is held");
    // Three working days are over after ten days, whatever holidays there are in them but the longest.
    bank.advances(10).await;
    let ended = treasurer.ended(&order.id).await;
    assert_eq!(ended.state(), v1::SettlementState::Expired, "{ended:?}");
    assert!(ended.reason.starts_with("not executed until"), "{ended:?}");
    let receipt = treasurer.receipt_of(&name).await;
    assert_eq!((receipt.ordered, receipt.available), (0, 20_000), "it is free again");
    firm.waits(&name, |record| {
        let facts = record.history.iter().flat_map(|entry| &entry.facts);
        facts.filter_map(|fact| fact.kind.as_ref()).any(|fact| {
            matches!(fact, Kind::ReceiptProgress(it) if it.step() == v1::ReceiptStep::Freed
                && it.amount == 20_000 && it.text.contains("did not execute the order until"))
        })
    })
    .await;
    finds_no_difference(&bank.0).await;

    // The bank executes it after all: both sides lie in suspense until they are assigned, and nothing is lost.
    let side = |currency, cents, is_credit| StatementEntry {
        currency,
        amount: cents,
        is_credit,
        end_to_end: order.id.replace('-', ""),
        ..moved(1, "LATE1")
    };
    let of = |account: &str, currency, entry| Statement {
        account: format!("{FIRM_A}-{account}"),
        currency: Some(currency),
        ..movements(StatementKind::Notice, "LATE1", vec![entry])
    };
    let late = file(
        StatementKind::Notice,
        vec![
            of("USD", Currency::Usd, side(Currency::Usd, 20_000, false)),
            of("CNY", Currency::Cny, side(Currency::Cny, 141_600, true)),
        ],
    );
    assert_eq!(bank.takes(late).await.taken, 2);
    let late = treasurer.settlement(&order.id).await;
    assert_eq!((late.late_sold, late.late_fen), (20_000, 141_600), "{late:?}");
    assert!(late.why.starts_with("the bank executed it after its term"), "{late:?}");
    assert_eq!(treasurer.balance("USD", Suspense).await, -20_000);
    let done = treasurer.assigns(&order.id).await.expect("it is free").settlement;
    assert_eq!(done.expect("an order").state(), v1::SettlementState::Executed);
    assert_eq!(treasurer.balance("USD", Settlement).await, 0);
    assert_eq!(treasurer.balance("CNY", Settlement).await, 141_600);
    assert_eq!(treasurer.balance("USD", Suspense).await, 0);
    finds_no_difference(&bank.0).await;
}

#[tokio::test]
async fn what_the_bank_tells_in_the_wrong_order_comes_to_the_same() {
    let sandbox = Sandbox::with(&[]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let treasurer = Treasurer(sandbox.connect("enterprise-a").await);
    let bank = Clerk(sandbox.connect("admin").await);
    // That it takes the money back is told three seconds before that it came.
    files(&firm, export("SBX-BANKDISORDER-BANKBACK-WO1", 10_000)).await;
    let receipt = eventually("it came, and was taken back", PATIENCE, async || {
        treasurer.receipts().await.pop().ok_or("nothing yet")
    })
    .await;
    assert_eq!(receipt.state(), v1::ForexReceiptState::Reversed, "{receipt:?}");
    assert_eq!(treasurer.balance("USD", v1::Purpose::Settlement).await, 0);
    assert_eq!(treasurer.balance("USD", v1::Purpose::Suspense).await, 0);
    assert_eq!(treasurer.balance("USD", v1::Purpose::ForexReceivable).await, 10_000, "due again");
    finds_no_difference(&bank.0).await;

    // It executes an order before it says that it has it.
    let name = files(&firm, sale("SBX-ACCEPT-BANKDISORDER-WO2", 20_000)).await;
    let receipt = treasurer.receipt_of(&name).await;
    let order = treasurer.accepts(&treasurer.quote(&receipt.id).await.id).await.expect("it binds");
    assert_eq!(treasurer.ended(&order.id).await.state(), v1::SettlementState::Executed);
    let report = proto::bank::Report {
        message_id: "S1".to_owned(),
        created: datetime!(2026-11-24 18:00 +8),
        order_id: order.id.replace('-', ""),
        status: "ACTC".to_owned(),
        reasons: Vec::new(),
        statuses: Vec::new(),
    };
    let report = proto::bank::write_report(&report).expect("it is in order");
    let taken = bank.takes(report).await;
    assert_eq!((taken.taken, taken.repeated), (0, 1), "it says nothing new: {taken:?}");
    assert_eq!(treasurer.settlement(&order.id).await.state(), v1::SettlementState::Executed);
    assert_eq!(treasurer.balance("CNY", v1::Purpose::Settlement).await, 141_600);
    finds_no_difference(&bank.0).await;
}
