//! What a bank says of an account (对账单): entries, and which of them are the same.
//!
//! The identity of an entry is made of what the bank says and of nothing that we give it: account, day,
//! number of the statement, direction, amount, and how many equal ones stood before it. So two equal
//! bookings on a day are two, a statement that comes twice brings nothing new, and the same number of
//! a statement in another year is another statement.

use std::collections::{BTreeMap, BTreeSet};

use time::Date;

use super::ledger::Currency;
use super::matching::BankLine;

/// What an account had at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// In the minor unit; below zero is owed to the bank.
    pub amount: i64,
    /// Of which day.
    pub day: Option<Date>,
}

/// How far an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryState {
    /// On the account.
    Booked,
    /// Expected; it may still fail.
    Pending,
    /// For information only.
    Information,
}

/// One movement on an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementEntry {
    /// Its currency.
    pub currency: Currency,
    /// Not below zero, in the minor unit.
    pub amount: i64,
    /// It came in; otherwise it went out.
    pub is_credit: bool,
    /// It takes an earlier one back.
    pub is_reversal: bool,
    /// How far it is.
    pub state: EntryState,
    /// Booked on this day.
    pub booked: Option<Date>,
    /// Counted from this day on.
    pub valued: Option<Date>,
    /// What the bank kept of it, in the minor unit, as far as it says so.
    pub charges: i64,
    /// Reference of the bank.
    pub reference: String,
    /// Reference of whoever paid, when it is one.
    pub end_to_end: String,
    /// Who paid, or was paid.
    pub party: String,
    /// What it is for: references and texts, each as it came.
    pub texts: Vec<String>,
    /// Why it came back, when it did.
    pub return_reason: String,
}

/// A statement, or a notice of movements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its number as the bank gives it. It comes again in other years.
    pub number: String,
    /// Account as the bank calls it.
    pub account: String,
    /// Until when it tells, or when it was made.
    pub day: Option<Date>,
    /// Currency of the account.
    pub currency: Option<Currency>,
    /// Before its first entry.
    pub opening: Option<Balance>,
    /// After its last one.
    pub closing: Option<Balance>,
    /// Its entries, in the order of the bank.
    pub entries: Vec<StatementEntry>,
}

/// A statement that does not add up: what there should be at its end, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imbalance {
    /// Opening balance and all booked entries; nothing when it does not fit.
    pub computed: Option<i64>,
    /// Closing balance.
    pub stated: i64,
}

impl Statement {
    /// The identity of each entry.
    pub fn identities(&self) -> Vec<String> {
        let mut seen = BTreeMap::<String, u32>::new();
        let identity = |entry: &StatementEntry| {
            let day = entry.booked.or(self.day).map(|day| day.to_string());
            let key = format!(
                "{}/{}/{}/{}{}{}",
                self.account,
                day.unwrap_or_default(), // a notice without any day: the number has to do
                self.number,
                if entry.is_credit { '+' } else { '-' },
                entry.amount,
                entry.currency.letters(),
            );
            let count = seen.entry(key.clone()).or_default();
            *count += 1;
            format!("{key}/{count}")
        };
        self.entries.iter().map(identity).collect()
    }

    /// Whether balances and booked entries agree; nothing when a balance is not said.
    ///
    /// # Errors
    ///
    /// When they do not.
    pub fn check(&self) -> Result<(), Imbalance> {
        let (Some(opening), Some(closing)) = (self.opening, self.closing) else { return Ok(()) };
        let booked = self.entries.iter().filter(|entry| entry.state == EntryState::Booked);
        let mut computed = Some(opening.amount);
        for entry in booked {
            let signed = if entry.is_credit { entry.amount } else { -entry.amount };
            computed = computed.and_then(|sum| sum.checked_add(signed));
        }
        let stated = closing.amount;
        if computed == Some(stated) { Ok(()) } else { Err(Imbalance { computed, stated }) }
    }
}

/// What an entry is for the matching of receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryUse {
    /// Money that came: matched.
    Receipt(BankLine),
    /// It was told before, in this file or another.
    Repeated,
    /// Money that went.
    Paid,
    /// It takes back what came or went: somebody has to look.
    Reversal,
    /// It is not on the account.
    NotBooked,
}

/// An entry with its identity and its use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortedEntry<'a> {
    /// Its identity.
    pub line: String,
    /// As the bank tells it.
    pub entry: &'a StatementEntry,
    /// What it is for.
    pub usage: EntryUse,
}

/// Sorts the entries of statements: each identity once. A receipt counts with what the bank kept of it, and
/// names those of the known orders that stand in its texts.
pub fn sort<'a>(statements: &'a [Statement], known: &BTreeSet<&str>) -> Vec<SortedEntry<'a>> {
    let mut seen = BTreeSet::new();
    let mut sorted = Vec::new();
    for statement in statements {
        // Equal entries of one statement are counted by their identity already.
        for (line, entry) in statement.identities().into_iter().zip(&statement.entries) {
            let usage = if entry.state != EntryState::Booked {
                EntryUse::NotBooked
            } else if !seen.insert(line.clone()) {
                EntryUse::Repeated
            } else if entry.is_reversal {
                EntryUse::Reversal
            } else if !entry.is_credit {
                EntryUse::Paid
            } else {
                let texts = entry.texts.iter().chain([&entry.end_to_end]);
                let order_nos: BTreeSet<_> =
                    texts.flat_map(|text| order_nos(text, known)).collect();
                EntryUse::Receipt(BankLine {
                    line: line.clone(),
                    currency: entry.currency,
                    // What does not fit is no amount, and says so in its group.
                    amount: entry.amount.checked_add(entry.charges).unwrap_or(0),
                    order_nos: order_nos.into_iter().map(str::to_owned).collect(),
                })
            };
            sorted.push(SortedEntry { line, entry, usage });
        }
    }
    sorted
}

/// Everything in a text that may be the number of an order: all of it, and each word.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_inner = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let words = text.split(move |c| !is_inner(c)).map(|word| word.trim_matches(['-', '_', '.']));
    std::iter::once(text.trim()).chain(words).filter(|word| !word.is_empty())
}

/// Known order numbers that stand in a text as a word of their own, or as all of it.
fn order_nos<'k>(text: &str, known: &BTreeSet<&'k str>) -> Vec<&'k str> {
    let find = |word: &str| known.get(word).copied();
    if let Some(whole) = find(text.trim()) {
        return vec![whole];
    }
    words(text).skip(1).filter_map(find).collect()
}
