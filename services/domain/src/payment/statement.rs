//! What a bank says of an account (对账单、动账通知): entries, and which of them are the same booking.
//!
//! A booking is told by a notice (camt.054), again by the statement of its day (camt.053), and perhaps by another one
//! that overlaps it: it is one. What tells bookings apart is what the bank says of them: account, day, direction, amount
//! and its reference (`AcctSvcrRef`); never the number of the file. Where a bank gives no reference, so many equal ones
//! are real as the fullest statement has, or as all notices have together, whichever is more: a statement is whole, and
//! a notice tells what no other notice told.

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

/// By which kind of file a bank tells of movements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// All of a day or of a longer time (camt.053).
    Statement,
    /// Some, before their statement (camt.054).
    Notice,
}

/// A statement, or a notice of movements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Which of the two.
    pub kind: StatementKind,
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
    /// What an entry has in common with every entry that may be the same booking.
    fn key(&self, entry: &StatementEntry) -> String {
        let day = entry.booked.or(self.day).map(|day| day.to_string());
        format!(
            "{}/{}/{}{}{}{}",
            self.account,
            day.unwrap_or_default(), // only a file that nobody read from a bank says no day at all
            if entry.is_credit { '+' } else { '-' },
            entry.amount,
            entry.currency.letters(),
            if entry.is_reversal { "R" } else { "" },
        )
    }

    /// The keys of all booked entries: what is known of these bookings is what [`Bookings`] has to hold.
    pub fn keys(&self) -> BTreeSet<String> {
        let booked = self.entries.iter().filter(|entry| entry.state == EntryState::Booked);
        booked.map(|entry| self.key(entry)).collect()
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

/// A movement that a bank booked, by whichever files it told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// Account, day, direction, amount, currency, and whether it takes something back.
    pub key: String,
    /// Among those with this key, in the order in which they were first told, from 1.
    pub number: u32,
    /// Of the bank; empty as long as no file says it.
    pub reference: String,
    /// The notice that told it first, and which of its equal entries that is; empty while none did.
    pub notice: String,
    /// The same of a statement.
    pub statement: String,
}

impl Booking {
    /// Its identity.
    pub fn line(&self) -> String {
        format!("{}/{}", self.key, self.number)
    }

    fn place(&mut self, kind: StatementKind) -> &mut String {
        match kind {
            StatementKind::Notice => &mut self.notice,
            StatementKind::Statement => &mut self.statement,
        }
    }

    /// Whether an entry may be it, for all that references say.
    fn is_compatible(&self, entry: &StatementEntry) -> bool {
        let one = [&self.reference, &entry.reference];
        one[0] == one[1] || one.iter().any(|reference| reference.is_empty())
    }
}

/// An entry in its file.
#[derive(Debug, Clone, Copy)]
struct Telling<'a> {
    kind: StatementKind,
    /// Of the file, with its page.
    file: &'a str,
    entry: &'a StatementEntry,
    /// Among equal entries of the file, from 1.
    number: u32,
}

impl Telling<'_> {
    fn place(&self) -> String {
        format!("{}/{}", self.file, self.number)
    }

    /// The same entry of the same file.
    fn is_again(&self, booking: &Booking) -> bool {
        let before = match self.kind {
            StatementKind::Notice => &booking.notice,
            StatementKind::Statement => &booking.statement,
        };
        *before == self.place() && booking.is_compatible(self.entry)
    }

    /// Another page of the same statement told it: a page does not repeat what stands on another one.
    fn is_on_another_page(&self, booking: &Booking) -> bool {
        let whole = |file: &str| file.rsplit_once(" p").map(|(number, _)| number.to_owned());
        let before = booking.statement.rsplit_once('/').map_or("", |(file, _)| file);
        self.kind == StatementKind::Statement
            && before != self.file
            && whole(self.file).is_some_and(|number| whole(before) == Some(number))
    }

    /// The bank's reference says that it is this booking.
    fn is_named(&self, booking: &Booking) -> bool {
        let reference = &self.entry.reference;
        !reference.is_empty()
            && booking.reference == *reference
            && !self.is_on_another_page(booking)
    }

    /// Nothing says that it is another booking, and no other notice told that one.
    fn is_indistinct(&self, booking: &Booking) -> bool {
        let may = match self.kind {
            StatementKind::Notice => booking.notice.is_empty(),
            StatementKind::Statement => !self.is_on_another_page(booking),
        };
        may && booking.is_compatible(self.entry)
    }
}

/// Bookings that were told, and what became of them by another file.
#[derive(Debug, Clone, Default)]
pub struct Bookings {
    told: BTreeMap<String, Vec<Booking>>,
    changed: BTreeSet<(String, u32)>,
}

impl Bookings {
    /// Those that are known, of all keys of the statements that are taken next.
    pub fn of(known: impl IntoIterator<Item = Booking>) -> Self {
        let mut bookings = Self::default();
        for booking in known {
            bookings.told.entry(booking.key.clone()).or_default().push(booking);
        }
        bookings
    }

    /// Those that are new, or of which more is known than before.
    pub fn changed(&self) -> impl Iterator<Item = &Booking> {
        let all = self.told.values().flatten();
        all.filter(|it| self.changed.contains(&(it.key.clone(), it.number)))
    }

    /// Takes a statement down: the booking of each entry, and whether nobody told of it before. Nothing for what is not
    /// booked.
    pub fn take(&mut self, statement: &Statement) -> Vec<Option<(String, bool)>> {
        let mut lines = vec![None; statement.entries.len()];
        let mut groups = BTreeMap::<String, Vec<(usize, Telling<'_>)>>::new();
        for (place, entry) in statement.entries.iter().enumerate() {
            if entry.state == EntryState::Booked {
                let group = groups.entry(statement.key(entry)).or_default();
                let equal = group.iter().filter(|(_, it)| it.entry.reference == entry.reference);
                let number = u32::try_from(equal.count() + 1).unwrap_or(u32::MAX); // no file is so long
                let (kind, file) = (statement.kind, statement.number.as_str());
                group.push((place, Telling { kind, file, entry, number }));
            }
        }
        for (key, mut group) in groups {
            let told = self.told.entry(key.clone()).or_default();
            let mut used = BTreeSet::new();
            // What is certain goes before what only may be: each booking is one entry of a file.
            let rules = [Telling::is_again, Telling::is_named, Telling::is_indistinct];
            for is_it in rules {
                group.retain(|(place, telling)| {
                    let fits = |it: &&mut Booking| !used.contains(&it.number) && is_it(telling, it);
                    // One without a reference rather than one that has another file's.
                    let found = told
                        .iter_mut()
                        .filter(fits)
                        .min_by_key(|it| (it.reference != telling.entry.reference, it.number));
                    let Some(booking) = found else { return true };
                    used.insert(booking.number);
                    if note(booking, telling) {
                        self.changed.insert((key.clone(), booking.number));
                    }
                    lines[*place] = Some((booking.line(), false));
                    false
                });
            }
            for (place, telling) in group {
                let last = told.iter().map(|it| it.number).max();
                let mut booking = Booking {
                    key: key.clone(),
                    number: last.unwrap_or(0) + 1,
                    reference: String::new(),
                    notice: String::new(),
                    statement: String::new(),
                };
                note(&mut booking, &telling);
                self.changed.insert((key.clone(), booking.number));
                lines[place] = Some((booking.line(), true));
                told.push(booking);
            }
        }
        lines
    }
}

/// Notes what an entry says of its booking; whether that is more than was known.
fn note(booking: &mut Booking, telling: &Telling<'_>) -> bool {
    let before = booking.clone();
    if booking.reference.is_empty() {
        booking.reference.clone_from(&telling.entry.reference);
    }
    let place = booking.place(telling.kind);
    if place.is_empty() {
        *place = telling.place();
    }
    *booking != before
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
    /// Identity of its booking; what it has in common with others while it is not booked.
    pub line: String,
    /// As the bank tells it.
    pub entry: &'a StatementEntry,
    /// What it is for.
    pub usage: EntryUse,
}

/// Sorts the entries of statements: each booking once, whatever was told of it before. A receipt counts with what the
/// bank kept of it, and names those of the known orders that stand in its texts.
pub fn sort<'a>(
    statements: &'a [Statement],
    known: &BTreeSet<&str>,
    bookings: &mut Bookings,
) -> Vec<SortedEntry<'a>> {
    let mut sorted = Vec::new();
    for statement in statements {
        for (told, entry) in bookings.take(statement).into_iter().zip(&statement.entries) {
            let (line, usage) = match told {
                None => (statement.key(entry), EntryUse::NotBooked),
                Some((line, false)) => (line, EntryUse::Repeated),
                Some((line, true)) if entry.is_reversal => (line, EntryUse::Reversal),
                Some((line, true)) if !entry.is_credit => (line, EntryUse::Paid),
                Some((line, true)) => {
                    let texts = entry.texts.iter().chain([&entry.end_to_end]);
                    let order_nos: BTreeSet<_> =
                        texts.flat_map(|text| order_nos(text, known)).collect();
                    let receipt = EntryUse::Receipt(BankLine {
                        line: line.clone(),
                        currency: entry.currency,
                        // What does not fit is no amount, and says so in its group.
                        amount: entry.amount.checked_add(entry.charges).unwrap_or(0),
                        order_nos: order_nos.into_iter().map(str::to_owned).collect(),
                    });
                    (line, receipt)
                }
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
