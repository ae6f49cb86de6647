//! A bank (银行) with the accounts of firms: money comes for exports that were released, and orders to settle are
//! executed. What it does is scripted by the order number, like what the agencies do.
//!
//! A firm's account is its customs code, a hyphen and the currency. Everything that it says is named by what it is
//! about, so that after a restart it says the same again, and nothing happens twice.

use std::time::Duration;

use client::ConsumerAnswer;
use domain::payment::ledger::Currency;
use domain::payment::statement::{EntryState, Statement, StatementEntry};
use proto::bank::{
    self, AccountNumber, BankFile, PaymentBatch, PaymentOrder, Report, StatementNotice, Transfer,
};
use proto::v1::{self, bank_notice::What, fact::Kind};
use time::{Date, OffsetDateTime, UtcOffset};
use uuid::Uuid;

use crate::NAMESPACE;
use crate::script::{BankWish, Script};

/// What a slow bank takes.
const SLOW: Duration = Duration::from_secs(3);
/// What the bank keeps of money that comes, and takes for an execution, in the minor unit.
const FEE: i64 = 250;
/// Days are those of China.
const CHINA: UtcOffset = time::macros::offset!(+8);

/// What the bank says to an event.
pub(crate) fn replies(event: &v1::Event) -> Vec<ConsumerAnswer> {
    let facts = event.facts.iter().flat_map(|facts| &facts.facts);
    let notice = facts.filter_map(|fact| match &fact.kind {
        Some(Kind::BankNotice(notice)) => notice.what.as_ref(),
        _ => None,
    });
    let at = event.time.and_then(proto::time);
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH); // the window always says it
    notice
        .flat_map(|what| match what {
            What::Trade(trade) => incoming(event, trade, at),
            What::Document(document) => execute(event, document, at),
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

/// A notice of movements; nothing, when it cannot be written, which the log says.
fn notice(
    number: &str,
    accounts: Vec<(String, Vec<StatementEntry>)>,
    at: OffsetDateTime,
) -> Option<String> {
    let statements: Vec<Statement> = accounts
        .into_iter()
        .map(|(account, entries)| Statement {
            number: number.to_owned(),
            account,
            day: Some(day(at)),
            currency: entries.first().map(|entry| entry.currency),
            opening: None,
            closing: None,
            entries,
        })
        .collect();
    let head = StatementNotice { is_early: true, message_id: number, created: at };
    let written = bank::write_statements(head, &statements);
    written.inspect_err(|faults| tracing::error!(?faults, "a notice cannot be written")).ok()
}

/// The buyer pays for an export.
fn incoming(
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
        let files = [(reference.clone(), came), (format!("BK{reference}"), back)];
        let files = files.into_iter().take(if wish.back { 2 } else { 1 });
        for (after, (number, entry)) in files.enumerate() {
            let after = if after == 0 { Duration::ZERO } else { SLOW };
            let document = notice(&number, vec![(account.clone(), vec![entry])], at);
            let name = format!("bank/{number}");
            answers.extend(
                document.into_iter().flat_map(|it| file_answers(event, wish, (&name, after), it)),
            );
        }
    }
    answers
}

/// An order: forex is sold at the rate that it names, or the tax of bills is paid.
fn execute(event: &v1::Event, document: &str, at: OffsetDateTime) -> Vec<ConsumerAnswer> {
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
    if terms.is_none() && wish.unpaid {
        return Vec::new();
    }
    let (status, reasons) = if wish.rejects || wish.late {
        ("RJCT", vec!["AM04".to_owned()])
    } else {
        ("ACTC", Vec::new())
    };
    let first = report(&order, status, reasons, at);
    let mut answers = file_answers(event, wish, (&format!("{status}/{id}"), Duration::ZERO), first);
    if wish.rejects {
        return answers;
    }
    let after = if wish.late { SLOW } else { Duration::ZERO };
    let Some(bought) = terms else {
        let paid = pay_tax(&order, payment, transfer, wish, at);
        let paid = paid
            .into_iter()
            .flat_map(|it| file_answers(event, wish, (&format!("pay/{id}"), after), it));
        answers.extend(paid);
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
    let accounts = vec![(from.clone(), vec![left]), (to.clone(), vec![came])];
    let executed = notice(&format!("FX{id}").chars().take(35).collect::<String>(), accounts, at);
    let name = format!("execute/{id}");
    answers
        .extend(executed.into_iter().flat_map(|it| file_answers(event, wish, (&name, after), it)));
    if wish.recalls {
        answers.extend(recall(event, transfer, (from, wish), at));
    }
    answers
}

/// What came is taken back after it was settled: the order names the bank's own number of it.
fn recall(
    event: &v1::Event,
    transfer: &Transfer,
    (account, wish): (&str, BankWish),
    at: OffsetDateTime,
) -> Vec<ConsumerAnswer> {
    let named = transfer.texts.iter().find_map(|text| text.strip_prefix("RECEIPT "));
    let Some(reference) = named else { return Vec::new() };
    let back = StatementEntry {
        is_reversal: true,
        reference: reference.to_owned(),
        ..entry(transfer.currency, transfer.amount, false, at)
    };
    let number: String = format!("RC{reference}").chars().take(35).collect();
    let document = notice(&number, vec![(account.to_owned(), vec![back])], at);
    let name = format!("recall/{reference}");
    document.into_iter().flat_map(|it| file_answers(event, wish, (&name, SLOW), it)).collect()
}

/// Tax leaves the account of whoever owes it: all of it, or half.
fn pay_tax(
    order: &PaymentOrder,
    payment: &PaymentBatch,
    transfer: &Transfer,
    wish: BankWish,
    at: OffsetDateTime,
) -> Option<String> {
    let AccountNumber::Number(from) = &payment.debtor.account else { return None };
    let amount = if wish.part { transfer.amount / 2 } else { transfer.amount };
    let number: String = format!("TX{}", order.message_id).chars().take(35).collect();
    let left = StatementEntry {
        end_to_end: transfer.end_to_end.clone(),
        reference: number.chars().take(32).collect(),
        ..entry(transfer.currency, amount, false, at)
    };
    notice(&number, vec![(from.clone(), vec![left])], at)
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
