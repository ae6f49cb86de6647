//! A bank (银行) with the accounts of firms: money comes for exports that were released, and orders to settle are
//! executed. What it does is scripted by the order number, like what the agencies do.
//!
//! A firm's account is its customs code, a hyphen and the currency. Everything that it says is named by what it is
//! about, so that after a restart it says the same again, and nothing happens twice. Its books are in memory: after a
//! restart its accounts begin with nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use client::ConsumerAnswer;
use domain::CHINA;
use domain::payment::ledger::Currency;
use domain::payment::statement::{Balance, EntryState, Statement, StatementEntry, StatementKind};
use proto::bank::{
    self, AccountNumber, BankFile, PaymentBatch, PaymentOrder, Report, StatementNotice, Transfer,
};
use proto::v1::{self, bank_notice::What, fact::Kind};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::NAMESPACE;
use crate::script::{BankWish, Script};

/// What a slow bank takes.
const SLOW: Duration = Duration::from_secs(3);
/// What the bank keeps of money that comes, and takes for an execution, in the minor unit.
const FEE: i64 = 250;
/// A statement has at most this many entries, so that the window takes it; a day that has more has none.
const ENTRIES_MAX: usize = 2_000;

/// What was booked on an account on its newest day.
#[derive(Debug, Clone)]
struct AccountBook {
    currency: Currency,
    day: Date,
    opening: i64,
    /// What all entries of the day come to.
    moved: i64,
    /// By their file: what comes again is no other entry.
    entries: BTreeMap<String, StatementEntry>,
}

/// What the bank booked since it runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books(BTreeMap<String, AccountBook>);

impl Books {
    /// Books an entry that a file tells.
    fn book(&mut self, account: &str, file: &str, (entry, day): (&StatementEntry, Date)) {
        let opened = || {
            let (opening, moved) = (0, 0);
            let currency = entry.currency;
            AccountBook { currency, day, opening, moved, entries: BTreeMap::new() }
        };
        let book = self.0.entry(account.to_owned()).or_insert_with(opened);
        if day > book.day {
            book.opening += book.moved;
            (book.day, book.moved) = (day, 0);
            book.entries.clear();
        }
        // What comes again of a day before was booked then.
        if day < book.day || book.entries.contains_key(file) {
            return;
        }
        book.moved += if entry.is_credit { entry.amount } else { -entry.amount };
        if book.entries.len() <= ENTRIES_MAX {
            book.entries.insert(file.to_owned(), entry.clone());
        }
    }

    /// The statement of an account: its newest day, so far.
    fn statement(&self, account: &str) -> Option<Statement> {
        let book = self.0.get(account).filter(|book| book.entries.len() <= ENTRIES_MAX)?;
        let balance = |amount| Some(Balance { amount, day: Some(book.day) });
        Some(Statement {
            kind: StatementKind::Statement,
            number: format!("{}-{}", book.day, book.entries.len()),
            account: account.to_owned(),
            day: Some(book.day),
            currency: Some(book.currency),
            opening: balance(book.opening),
            closing: balance(book.opening + book.moved),
            entries: book.entries.values().cloned().collect(),
        })
    }
}

/// What the bank says to an event.
pub(crate) fn replies(books: &mut Books, event: &v1::Event) -> Vec<ConsumerAnswer> {
    let facts = event.facts.iter().flat_map(|facts| &facts.facts);
    let notice = facts.filter_map(|fact| match &fact.kind {
        Some(Kind::BankNotice(notice)) => notice.what.as_ref(),
        _ => None,
    });
    let at = event.time.and_then(proto::time);
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH); // the window always says it
    notice
        .flat_map(|what| match what {
            What::Trade(trade) => incoming(books, event, trade, at),
            What::Document(document) => execute(books, event, document, at),
        })
        .collect()
}

fn day(at: OffsetDateTime) -> Date {
    at.to_offset(CHINA).date()
}

/// A file under a name of its own; twice, where the bank is told to say things twice.
fn file_answers(
    event: &v1::Event,
    wish: BankWish,
    (name, after): (&str, Duration),
    document: String,
) -> Vec<ConsumerAnswer> {
    let answer = |name: &str| ConsumerAnswer {
        after: if wish.slow { after + SLOW } else { after },
        answer: v1::Answer {
            request_id: Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string(),
            declaration_id: event.declaration_id.clone(),
            version: event.version,
            round: event.round,
            what: Some(v1::answer::What::BankFile(v1::BankFile { document: document.clone() })),
            trace_id: String::new(),
        },
    };
    let mut answers = vec![answer(name)];
    if wish.twice {
        answers.push(answer(&format!("{name}/again")));
    }
    answers
}

fn entry(currency: Currency, amount: i64, is_credit: bool, at: OffsetDateTime) -> StatementEntry {
    StatementEntry {
        currency,
        amount,
        is_credit,
        is_reversal: false,
        state: EntryState::Booked,
        booked: Some(day(at)),
        valued: Some(day(at)),
        charges: 0,
        reference: String::new(),
        end_to_end: String::new(),
        party: String::new(),
        texts: Vec::new(),
        return_reason: String::new(),
    }
}

/// Movements on accounts, one on each: booked, and told by a notice of this number under this name; where it is wished
/// by the statements of the day as well. What cannot be written is not told, and the log says so.
fn book_and_notify(
    books: &mut Books,
    (event, wish, at): (&v1::Event, BankWish, OffsetDateTime),
    (number, name, after): (&str, &str, Duration),
    movements: Vec<(String, StatementEntry)>,
) -> Vec<ConsumerAnswer> {
    let write = |is_early: bool, id: &str, statements: &[Statement]| {
        let head = StatementNotice { is_early, message_id: id, created: at };
        let written = bank::write_statements(head, statements);
        written.inspect_err(|faults| tracing::error!(?faults, "a file cannot be written")).ok()
    };
    for (account, entry) in &movements {
        books.book(account, number, (entry, day(at)));
    }
    let stated = movements.iter().filter(|_| wish.statement);
    let of_accounts: Vec<Statement> =
        stated.filter_map(|(account, _)| books.statement(account)).collect();
    let notices: Vec<Statement> = movements
        .into_iter()
        .map(|(account, entry)| Statement {
            kind: StatementKind::Notice,
            number: number.to_owned(),
            account,
            day: Some(day(at)),
            currency: Some(entry.currency),
            opening: None,
            closing: None,
            entries: vec![entry],
        })
        .collect();
    let notice = write(true, number, &notices);
    let statement = if of_accounts.is_empty() {
        None
    } else {
        let id: String = format!("ST{number}").chars().take(35).collect();
        write(false, &id, &of_accounts)
    };
    let statement_name = format!("statement/{name}");
    let files = [(name, notice), (statement_name.as_str(), statement)];
    let files = files.into_iter().filter_map(|(name, document)| Some((name, document?)));
    files.flat_map(|(name, document)| file_answers(event, wish, (name, after), document)).collect()
}

/// The buyer pays for an export.
fn incoming(
    books: &mut Books,
    event: &v1::Event,
    trade: &v1::TradeInformation,
    at: OffsetDateTime,
) -> Vec<ConsumerAnswer> {
    let wish = Script::of(&trade.order_no).bank;
    let Some(currency) = Currency::of(&trade.currency).filter(|_| !wish.unpaid) else {
        return Vec::new();
    };
    let key = event.declaration_id.replace('-', "");
    let account = format!("{}-{}", trade.firm, trade.currency);
    let fee = if wish.fee && trade.amount > 2 * FEE { FEE } else { 0 };
    let parts = if wish.part_paid {
        vec![trade.amount / 2, trade.amount - trade.amount / 2]
    } else {
        vec![trade.amount]
    };
    let texts = if wish.unnamed {
        vec!["goods".to_owned()]
    } else {
        vec![format!("payment for {}", trade.order_no)]
    };
    let mut answers = Vec::new();
    for (number, part) in (1..).zip(parts.into_iter().filter(|part| *part > fee)) {
        let reference = format!("IN{number}{}", &key[key.len().saturating_sub(20)..]);
        let came = StatementEntry {
            charges: fee,
            reference: reference.clone(),
            party: "Sample Buyer".to_owned(),
            texts: texts.clone(),
            ..entry(currency, part - fee, true, at)
        };
        let back =
            StatementEntry { is_reversal: true, is_credit: false, charges: 0, ..came.clone() };
        let mut files = [(reference.clone(), came), (format!("BK{reference}"), back)];
        let count = if wish.back { 2 } else { 1 };
        if wish.back && wish.disorder {
            files.reverse();
        }
        let waits = [Duration::ZERO, SLOW];
        for ((number, entry), after) in files.into_iter().zip(waits).take(count) {
            let (name, movements) = (format!("bank/{number}"), vec![(account.clone(), entry)]);
            answers.extend(book_and_notify(
                books,
                (event, wish, at),
                (&number, &name, after),
                movements,
            ));
        }
    }
    answers
}

/// An order: forex is sold at the rate that it names, or the tax of bills is paid.
fn execute(
    books: &mut Books,
    event: &v1::Event,
    document: &str,
    at: OffsetDateTime,
) -> Vec<ConsumerAnswer> {
    let order = match bank::read(document.as_bytes()) {
        Ok(BankFile::Order(order)) => order,
        Ok(_) | Err(_) => {
            tracing::warn!("what was ordered is no order");
            return Vec::new();
        }
    };
    let transfers =
        order.payments.iter().flat_map(|it| it.transfers.iter().map(move |to| (it, to)));
    let Some((payment, transfer)) = transfers.into_iter().next() else { return Vec::new() };
    let scripts = transfer.texts.iter().map(|text| Script::of(text).bank);
    let wish = scripts.fold(BankWish::default(), BankWish::or);
    let id = &order.message_id;
    let terms = terms(transfer);
    if wish.never || terms.is_none() && wish.unpaid {
        return Vec::new();
    }
    let (status, reasons) = if wish.rejects || wish.late {
        ("RJCT", vec!["AM04".to_owned()])
    } else {
        ("ACTC", Vec::new())
    };
    let first = report(&order, status, reasons, at);
    let reported = if wish.disorder { SLOW } else { Duration::ZERO };
    let mut answers = file_answers(event, wish, (&format!("{status}/{id}"), reported), first);
    if wish.rejects {
        return answers;
    }
    let after = if wish.late { SLOW } else { Duration::ZERO };
    let Some(bought) = terms else {
        answers.extend(pay_tax(books, (event, wish, at), (&order, payment, transfer), after));
        return answers;
    };
    let part = |amount: i64| if wish.part { amount / 2 } else { amount };
    let (sold, bought) = (part(transfer.amount), part(bought));
    let fee = if wish.fee && bought > 2 * FEE { FEE } else { 0 };
    let AccountNumber::Number(from) = &payment.debtor.account else { return answers };
    let AccountNumber::Number(to) = &transfer.creditor.account else { return answers };
    let named = |entry: StatementEntry| StatementEntry {
        end_to_end: transfer.end_to_end.clone(),
        reference: format!("FX{}", &id[..id.len().min(30)]),
        ..entry
    };
    let left = named(entry(transfer.currency, sold, false, at));
    let came =
        StatementEntry { charges: fee, ..named(entry(Currency::Cny, bought - fee, true, at)) };
    let movements = vec![(from.clone(), left), (to.clone(), came)];
    let number: String = format!("FX{id}").chars().take(35).collect();
    let name = format!("execute/{id}");
    answers.extend(book_and_notify(books, (event, wish, at), (&number, &name, after), movements));
    if wish.recalls {
        answers.extend(recall(books, (event, wish, at), transfer, from));
    }
    answers
}

/// What came is taken back after it was settled: the order names the bank's own number of it.
fn recall(
    books: &mut Books,
    (event, wish, at): (&v1::Event, BankWish, OffsetDateTime),
    transfer: &Transfer,
    account: &str,
) -> Vec<ConsumerAnswer> {
    let named = transfer.texts.iter().find_map(|text| text.strip_prefix("RECEIPT "));
    let Some(reference) = named else { return Vec::new() };
    let back = StatementEntry {
        is_reversal: true,
        reference: reference.to_owned(),
        ..entry(transfer.currency, transfer.amount, false, at)
    };
    let number: String = format!("RC{reference}").chars().take(35).collect();
    let (name, movements) = (format!("recall/{reference}"), vec![(account.to_owned(), back)]);
    book_and_notify(books, (event, wish, at), (&number, &name, SLOW), movements)
}

/// Tax leaves the account of whoever owes it: all of it, or half.
fn pay_tax(
    books: &mut Books,
    (event, wish, at): (&v1::Event, BankWish, OffsetDateTime),
    (order, payment, transfer): (&PaymentOrder, &PaymentBatch, &Transfer),
    after: Duration,
) -> Vec<ConsumerAnswer> {
    let AccountNumber::Number(from) = &payment.debtor.account else { return Vec::new() };
    let amount = if wish.part { transfer.amount / 2 } else { transfer.amount };
    let number: String = format!("TX{}", order.message_id).chars().take(35).collect();
    let left = StatementEntry {
        end_to_end: transfer.end_to_end.clone(),
        reference: number.chars().take(32).collect(),
        ..entry(transfer.currency, amount, false, at)
    };
    let (name, movements) = (format!("pay/{}", order.message_id), vec![(from.clone(), left)]);
    book_and_notify(books, (event, wish, at), (&number, &name, after), movements)
}

/// The yuan that an order names: `SETTLE 708.00 CNY RATE 708000000`.
fn terms(transfer: &Transfer) -> Option<i64> {
    let words = transfer.texts.iter().find_map(|text| text.strip_prefix("SETTLE "))?;
    domain::payment::amount::parse(Currency::Cny, words.split(' ').next()?).ok()
}

fn report(order: &PaymentOrder, status: &str, reasons: Vec<String>, at: OffsetDateTime) -> String {
    let report = Report {
        message_id: format!("S{}", order.message_id).chars().take(35).collect(),
        created: at,
        order_id: order.message_id.clone(),
        status: status.to_owned(),
        reasons,
        statuses: Vec::new(),
    };
    // One that cannot be written says nothing, and the order waits, for people to see.
    bank::write_report(&report)
        .inspect_err(|faults| tracing::error!(?faults, "a report cannot be written"))
        .unwrap_or_default() // logged
}
