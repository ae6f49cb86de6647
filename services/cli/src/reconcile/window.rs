//! `pay reconcile` without a file of orders: statements of a bank against what the window has of them, receipts and
//! orders to settle. What only one of the two has, or has otherwise, is named.

use std::collections::{BTreeMap, BTreeSet};

use domain::payment::amount;
use domain::payment::ledger::Currency;
use domain::payment::statement::{Bookings, EntryUse, SortedEntry, Statement, StatementKind, sort};
use proto::v1;
use serde::Serialize;
use uuid::Uuid;

use super::{Reconcile, read, reference};
use crate::pay::PayPrinter;
use crate::pay::listing::Listing;
use crate::{Exit, Language, print_refusal};

/// An entry of a statement beside what the window has of it; or what only the window has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ComparedEntry {
    /// agrees, differs, unknown to the window, or missing in the statement.
    state: &'static str,
    account: String,
    day: String,
    amount: String,
    currency: String,
    reference: String,
    /// The receipt or order of the window; empty without one.
    record: String,
    why: String,
    why_zh: String,
}

/// What the window has.
#[derive(Debug, Default)]
struct WindowBooks {
    receipts: Vec<v1::ForexReceipt>,
    settlements: BTreeMap<Uuid, v1::Settlement>,
}

/// Compares, and tells.
pub(crate) async fn compare(teller: PayPrinter<'_>, args: &Reconcile) -> anyhow::Result<Exit> {
    let PayPrinter { session, format } = teller;
    let (mut statements, mut refused) = (Vec::new(), Exit::Done);
    for path in &args.statements {
        match read(path, session.language) {
            Ok(read) => statements.extend(read),
            Err(problem) => refused = refused.max(print_refusal(format.output(), &problem)?),
        }
    }
    if refused != Exit::Done {
        return Ok(refused);
    }
    let receipts = async |it: &client::Window, ask| it.forex().list_forex_receipts(ask).await;
    let receipts =
        session.pages(v1::ListForexReceiptsRequest::default(), usize::MAX, receipts).await?;
    let orders = async |it: &client::Window, ask| it.forex().list_settlements(ask).await;
    let orders = session.pages(v1::ListSettlementsRequest::default(), usize::MAX, orders).await?;
    let by_id = |it: v1::Settlement| Some((Uuid::try_parse(&it.id).ok()?, it));
    let settlements = orders.into_iter().filter_map(by_id).collect();
    let found = compared(&statements, &WindowBooks { receipts, settlements });
    let listing: Listing<ComparedEntry, 7> = Listing {
        header: (
            ["state", "account", "day", "amount", "reference", "in the window", "why"],
            ["状态", "账号", "日期", "金额", "银行流水", "系统记录", "说明"],
        ),
        flexible: Some(6),
        none: ("the statements have no entries", "对账单没有分录"),
        row: |it, language| {
            [
                it.state.to_owned(),
                it.account.clone(),
                it.day.clone(),
                format!("{} {}", it.amount, it.currency),
                it.reference.clone(),
                it.record.clone(),
                match language {
                    Language::English => it.why.clone(),
                    Language::Chinese => it.why_zh.clone(),
                },
            ]
        },
    };
    listing.print(teller, &found)?;
    let agrees = found.iter().all(|it| it.state == "agrees");
    Ok(if agrees { Exit::Done } else { Exit::Refused })
}

/// Every entry that is booked, once, and what only the window has of the days of a statement.
fn compared(statements: &[Statement], books: &WindowBooks) -> Vec<ComparedEntry> {
    let sorted = sort(statements, &BTreeSet::new(), &mut Bookings::default());
    let is_booked =
        |it: &&SortedEntry<'_>| !matches!(it.usage, EntryUse::Repeated | EntryUse::NotBooked);
    let entries: Vec<&SortedEntry<'_>> = sorted.iter().filter(is_booked).collect();
    let mut found: Vec<ComparedEntry> =
        entries.iter().map(|entry| books.entry(entry, &entries)).collect();
    let lines: BTreeSet<&str> = sorted.iter().map(|entry| entry.line.as_str()).collect();
    for statement in statements.iter().filter(|it| it.kind == StatementKind::Statement) {
        let days = statement.entries.iter().filter_map(|entry| entry.booked);
        let days: Vec<String> = days.chain(statement.day).map(|day| day.to_string()).collect();
        let (Some(first), Some(last)) = (days.iter().min(), days.iter().max()) else { continue };
        let only_here = books.receipts.iter().filter(|it| {
            account_of(&it.line) == statement.account
                && (first..=last).contains(&&it.booked)
                && !lines.contains(it.line.as_str())
        });
        found.extend(only_here.map(missing));
    }
    found
}

impl WindowBooks {
    fn entry(&self, sorted: &SortedEntry<'_>, all: &[&SortedEntry<'_>]) -> ComparedEntry {
        let entry = sorted.entry;
        let order = Uuid::try_parse(&entry.end_to_end).ok();
        let order = order.and_then(|id| Some((id, self.settlements.get(&id)?)));
        let (state, record, (why, why_zh)) = if let Some((id, order)) = order {
            executed(sorted, (id, order), all)
        } else if sorted.usage == EntryUse::Reversal {
            self.taken_back(sorted)
        } else {
            self.receipt(sorted)
        };
        let sign = if entry.is_credit { "" } else { "-" };
        ComparedEntry {
            state,
            account: account_of(&sorted.line).to_owned(),
            day: proto::text(entry.booked.map(|day| day.to_string())),
            amount: format!("{sign}{}", amount::shown(entry.currency, entry.amount)),
            currency: entry.currency.letters().to_owned(),
            reference: reference(sorted),
            record,
            why,
            why_zh,
        }
    }

    /// Money that came: the window knows the bank's line.
    fn receipt(&self, sorted: &SortedEntry<'_>) -> Comparison {
        let Some(known) = self.receipts.iter().find(|it| it.line == sorted.line) else {
            return unknown();
        };
        if known.charges == sorted.entry.charges {
            return ("agrees", known.id.clone(), (String::new(), String::new()));
        }
        let [here, there] = [known.charges, sorted.entry.charges]
            .map(|charges| amount::shown(sorted.entry.currency, charges));
        let why = format!("the window has charges of {here}, the statement of {there}");
        ("differs", known.id.clone(), (why, format!("系统记录的扣费为{here}，对账单为{there}")))
    }

    /// Money that the bank took back: of a receipt that the window has as such.
    fn taken_back(&self, sorted: &SortedEntry<'_>) -> Comparison {
        let entry = sorted.entry;
        let is_it = |it: &&v1::ForexReceipt| {
            let is_back =
                matches!(it.state(), v1::ForexReceiptState::Reversed | v1::ForexReceiptState::Owed);
            is_back
                && it.currency == entry.currency.letters()
                && account_of(&it.line) == account_of(&sorted.line)
                && (it.reference == entry.reference || it.amount - it.charges == entry.amount)
        };
        match self.receipts.iter().find(is_it) {
            Some(known) => ("agrees", known.id.clone(), (String::new(), String::new())),
            None => unknown(),
        }
    }
}

/// A state, what the window has, and why, in English and Chinese.
type Comparison = (&'static str, String, (String, String));

fn unknown() -> Comparison {
    let why = "the window has nothing of it".to_owned();
    ("unknown", String::new(), (why, "系统没有相应记录".to_owned()))
}

/// What a bank executed of an order: all entries of its currency together are what the window has.
fn executed(
    sorted: &SortedEntry<'_>,
    (id, order): (Uuid, &v1::Settlement),
    all: &[&SortedEntry<'_>],
) -> Comparison {
    let currency = sorted.entry.currency;
    let of_order = all.iter().filter(|it| {
        it.entry.currency == currency && Uuid::try_parse(&it.entry.end_to_end) == Ok(id)
    });
    let told = of_order.fold(0, |sum: i64, it| sum.saturating_add(it.entry.amount));
    let has = if currency == Currency::Cny {
        order.executed_fen - order.fee_fen + order.late_fen
    } else {
        order.executed_sold + order.late_sold
    };
    if told == has {
        return ("agrees", order.id.clone(), (String::new(), String::new()));
    }
    let [told, has] = [told, has].map(|amount| amount::shown(currency, amount));
    let why = format!("the window has {has} of the order, the statements {told}");
    ("differs", order.id.clone(), (why, format!("系统记录该指令{has}，对账单为{told}")))
}

/// What only the window has.
fn missing(receipt: &v1::ForexReceipt) -> ComparedEntry {
    let shown = match Currency::of(&receipt.currency) {
        Some(currency) => amount::shown(currency, receipt.amount - receipt.charges),
        None => (receipt.amount - receipt.charges).to_string(),
    };
    ComparedEntry {
        state: "missing",
        account: account_of(&receipt.line).to_owned(),
        day: receipt.booked.clone(),
        amount: shown,
        currency: receipt.currency.clone(),
        reference: receipt.reference.clone(),
        record: receipt.id.clone(),
        why: "the statement of its day does not have it".to_owned(),
        why_zh: "当日对账单没有该笔款项".to_owned(),
    }
}

/// The account of a bank's line: what stands before its day.
fn account_of(line: &str) -> &str {
    // An account may have a stroke in it; day, amount and number never do.
    line.rsplitn(4, '/').nth(3).unwrap_or(line)
}
