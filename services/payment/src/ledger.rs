//! The ledger over rows: `domain::payment::ledger` decides, this loads what it needs and writes what it did.
//!
//! The invariants: whoever writes in a slot holds its head, so that what was loaded stays true until the
//! commit, numbers of entries are dense and written times never go back; everything that an entry names was
//! loaded before it is applied, so that nothing counts as absent that was only not read.

use std::collections::{BTreeMap, BTreeSet};

use domain::Slot;
use domain::payment::ledger::{
    Account, Action, Balances, Difference, Entry, EntryCheck, Error, Leg, Record, verify,
};
use sqlx::{PgConnection, PgPool};
use store::Fault;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger_rows::{self, LoadedEntries, StoredLedger, WrittenEntry};

/// What entries will name, by slot.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    accounts: BTreeSet<(Slot, Account)>,
    ids: BTreeSet<(Slot, Uuid)>,
    absent: BTreeSet<(Slot, Uuid)>,
}

impl Needs {
    /// An account.
    pub fn account(&mut self, slot: Slot, account: Account) {
        self.accounts.insert((slot, account));
    }

    /// A hold, or an entry that may have been made before or is to be given back.
    pub fn id(&mut self, slot: Slot, id: Uuid) {
        self.ids.insert((slot, id));
    }

    /// A hold or an entry that cannot be there yet, since what it is about is new under the lock. Were it there, the
    /// key of its row would refuse a second one.
    pub fn absent(&mut self, slot: Slot, id: Uuid) {
        self.absent.insert((slot, id));
    }

    /// Everything that an entry names.
    pub fn entry(&mut self, slot: Slot, entry: &Entry) {
        self.id(slot, entry.id);
        let legs = |needs: &mut Self, legs: &[Leg]| {
            for leg in legs {
                needs.account(slot, leg.from.clone());
                needs.account(slot, leg.to.clone());
            }
        };
        match &entry.action {
            Action::Transfer(moved) => legs(self, moved),
            Action::Hold { legs: kept, after, .. } => {
                legs(self, kept);
                if let Some(after) = after {
                    self.id(slot, *after);
                }
            }
            Action::Post { hold, .. } | Action::Void(hold) | Action::Expire(hold) => {
                self.id(slot, *hold);
            }
            Action::Reverse { of, .. } => self.id(slot, *of),
            Action::SetCreditLine(line) => self.account(slot, line.account.clone()),
        }
    }
}

/// The books of some slots, locked until the end of the transaction.
#[derive(Debug, Default)]
pub struct Ledger {
    books: BTreeMap<Slot, Book>,
}

/// What was loaded of a slot, and what happened to it since.
#[derive(Debug, Default)]
struct Book {
    /// Of the last entry.
    number: i64,
    balances: Balances,
    /// Accounts that were asked for, whether they have a row or not.
    accounts: BTreeSet<Account>,
    /// Ids that were asked for, whether there is something or not.
    ids: BTreeSet<Uuid>,
    written: Vec<WrittenEntry>,
    changed: BTreeSet<Account>,
    holds: BTreeSet<Uuid>,
    rests: BTreeSet<Uuid>,
}

impl Ledger {
    /// Locks the heads of slots, in order, so that two transactions never wait for each other in a circle.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database.
    pub async fn lock(tx: &mut PgConnection, slots: &BTreeSet<Slot>) -> Result<Self, Fault> {
        let mut ledger = Self::default();
        ledger.lock_more(tx, slots).await?;
        Ok(ledger)
    }

    /// Locks more of them. Two transactions may now wait for each other in a circle; the database ends one of
    /// them, which is repeated.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database.
    pub async fn lock_more(
        &mut self,
        tx: &mut PgConnection,
        slots: &BTreeSet<Slot>,
    ) -> Result<(), Fault> {
        let more: Vec<Slot> = slots.iter().copied().filter(|it| !self.holds_head(*it)).collect();
        for (slot, number, recorded) in ledger_rows::lock(tx, &more).await? {
            let balances = Balances { recorded, ..Balances::default() };
            self.books.insert(slot, Book { number, balances, ..Book::default() });
        }
        Ok(())
    }

    /// Whether the head of a slot is locked.
    pub fn holds_head(&self, slot: Slot) -> bool {
        self.books.contains_key(&slot)
    }

    /// Loads what entries will name, with the accounts of the holds and entries among it.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database, and for a slot whose head is not locked.
    pub async fn load(&mut self, tx: &mut PgConnection, needs: &Needs) -> Result<(), Fault> {
        let mut ids = Vec::new();
        for (slot, id) in needs.absent.difference(&needs.ids) {
            self.book(*slot)?.ids.insert(*id);
        }
        for (slot, id) in &needs.ids {
            if self.book(*slot)?.ids.insert(*id) {
                ids.push((*slot, *id));
            }
        }
        let LoadedEntries { entries, holds, rests } = ledger_rows::named(tx, &ids).await?;
        let mut accounts = needs.accounts.clone();
        let legs = holds
            .iter()
            .flat_map(|(slot, _, hold)| hold.legs.iter().map(|leg| (*slot, leg)))
            .chain(rests.iter().flat_map(|(slot, _, legs)| legs.iter().map(|leg| (*slot, leg))));
        for (slot, leg) in legs {
            accounts.extend([(slot, leg.from.clone()), (slot, leg.to.clone())]);
        }
        for (slot, entry) in entries {
            self.book(slot)?.balances.entries.insert(entry.id, entry);
        }
        for (slot, id, hold) in holds {
            self.book(slot)?.balances.holds.insert(id, hold);
        }
        for (slot, id, rest) in rests {
            self.book(slot)?.balances.rests.insert(id, rest);
        }
        let mut wanted = Vec::new();
        for (slot, account) in accounts {
            if self.book(slot)?.accounts.insert(account.clone()) {
                wanted.push((slot, account));
            }
        }
        for (slot, account, totals) in ledger_rows::totals(tx, &wanted).await? {
            self.book(slot)?.balances.accounts.insert(account, totals);
        }
        wanted.retain(|(_, account)| account.purpose.is_limited());
        for (slot, line) in ledger_rows::credit_lines(tx, &wanted).await? {
            self.book(slot)?.balances.lines.push(line);
        }
        Ok(())
    }

    /// When an entry of a slot is written: now, or with the last one where the clock of that process was ahead.
    ///
    /// # Errors
    ///
    /// [`Fault`] for a slot whose head is not locked.
    pub fn time(&self, slot: Slot, now: OffsetDateTime) -> Result<OffsetDateTime, Fault> {
        let book = self.books.get(&slot).ok_or_else(|| unlocked(slot))?;
        Ok(book.balances.recorded.map_or(now, |last| last.max(now)))
    }

    /// The books of a slot as they are now, as far as they were loaded.
    ///
    /// # Errors
    ///
    /// [`Fault`] for a slot whose head is not locked.
    pub fn balances(&self, slot: Slot) -> Result<&Balances, Fault> {
        Ok(&self.books.get(&slot).ok_or_else(|| unlocked(slot))?.balances)
    }

    /// Applies an entry; a known one changes nothing, and so does one that is refused.
    ///
    /// # Errors
    ///
    /// [`Fault`] when it names what was not loaded.
    pub fn apply(&mut self, slot: Slot, entry: &Entry) -> Result<Result<EntryCheck, Error>, Fault> {
        let book = self.book(slot)?;
        let mut named = Needs::default();
        named.entry(slot, entry);
        let strange = named.ids.iter().any(|(_, id)| !book.ids.contains(id))
            || named.accounts.iter().any(|(_, account)| !book.accounts.contains(account));
        if strange {
            return Err(Fault::Broken(format!("the entry {} names what was not loaded", entry.id)));
        }
        let checked = match book.balances.apply(entry) {
            Ok(checked) => checked,
            Err(error) => return Ok(Err(error)),
        };
        if let EntryCheck::New(effect) = &checked {
            book.number += 1;
            book.changed.extend(effect.after.keys().cloned());
            book.holds.extend(effect.hold.iter().map(|(id, _)| *id));
            book.rests.extend(effect.rest.iter().map(|(id, _)| *id));
            let held = match &entry.action {
                Action::Hold { legs, .. } => legs.clone(),
                _ => Vec::new(),
            };
            let (moved, after) = (effect.moved.clone(), effect.after.clone());
            let record = Record { entry: entry.clone(), moved, after };
            book.written.push(WrittenEntry { slot, number: book.number, record, held });
        }
        Ok(Ok(checked))
    }

    /// Writes everything that was applied.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database.
    pub async fn write(&mut self, tx: &mut PgConnection) -> Result<(), Fault> {
        let (mut written, mut accounts, mut holds) = (Vec::new(), Vec::new(), Vec::new());
        let (mut heads, mut rests) = (Vec::new(), BTreeMap::new());
        for (slot, book) in &mut self.books {
            let Some(recorded) = book.balances.recorded.filter(|_| !book.written.is_empty()) else {
                continue;
            };
            heads.push((*slot, book.number, recorded));
            for account in std::mem::take(&mut book.changed) {
                let totals = book.balances.totals(&account);
                accounts.push((*slot, account, totals));
            }
            for id in std::mem::take(&mut book.holds) {
                let hold = book.balances.holds.get(&id);
                let hold = hold.ok_or_else(|| Fault::Broken(format!("the hold {id} is lost")))?;
                let basis = book.balances.entries.get(&id).map(|entry| entry.basis.clone());
                holds.push((*slot, id, hold.clone(), basis));
            }
            for id in std::mem::take(&mut book.rests) {
                let rest = book.balances.rests.get(&id);
                let rest = rest.ok_or_else(|| Fault::Broken(format!("a rest of {id} is lost")))?;
                rests.insert((*slot, id), rest.clone());
            }
            written.append(&mut book.written);
        }
        ledger_rows::insert_entries(tx, &written, &mut rests).await?;
        ledger_rows::insert_legs(tx, &written).await?;
        ledger_rows::insert_credit_lines(tx, &written).await?;
        ledger_rows::write_holds(tx, &holds, &heads).await?;
        ledger_rows::write_rests(tx, &rests).await?;
        ledger_rows::write_totals(tx, &accounts, &heads).await?;
        ledger_rows::write_heads(tx, &heads).await
    }

    fn book(&mut self, slot: Slot) -> Result<&mut Book, Fault> {
        self.books.get_mut(&slot).ok_or_else(|| unlocked(slot))
    }
}

fn unlocked(slot: Slot) -> Fault {
    Fault::Broken(format!("slot {} of the ledger is not locked", slot.number()))
}

/// Where rows and entries differ first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerDifference {
    /// An entry cannot be read, or the numbers have a gap; the number.
    Entry(i64),
    /// The entries do not make what they say: the difference, with the number of the entry it is about.
    Kept(Difference, Option<i64>),
    /// A row says otherwise than the entries: of a leg, hold, rest or credit line.
    Row(&'static str, String),
}

/// How a slot was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerVerification {
    /// How many entries were recomputed.
    pub entries: usize,
    /// The first difference; `None` when all is well.
    pub difference: Option<LedgerDifference>,
}

/// Recomputes a slot from its entries and compares it with every row, as of one moment.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn verify_slot(pool: &PgPool, slot: Slot) -> Result<LedgerVerification, Fault> {
    let mut tx = pool.begin().await?;
    ledger_rows::one_moment(&mut tx).await?;
    let stored = ledger_rows::everything(&mut tx, slot).await?;
    let entries = stored.records.len();
    let difference = first_difference(&stored);
    Ok(LedgerVerification { entries, difference })
}

fn first_difference(stored: &StoredLedger) -> Option<LedgerDifference> {
    let mut records = Vec::with_capacity(stored.records.len());
    for (expected, (number, record)) in (1..).zip(&stored.records) {
        match record {
            Some(record) if *number == expected => records.push(record.clone()),
            Some(_) | None => return Some(LedgerDifference::Entry(expected)),
        }
    }
    let last = stored.records.last().map_or(0, |(number, _)| *number);
    if last != stored.head {
        return Some(LedgerDifference::Entry(last + 1));
    }
    let balances = match verify(&records, &stored.accounts) {
        Ok(balances) => balances,
        Err(difference) => {
            let place = match &difference {
                Difference::Refused(place, _)
                | Difference::Twice(place)
                | Difference::Effect(place) => stored.records.get(*place).map(|(it, _)| *it),
                Difference::Totals(_) | Difference::Sum(_) => None,
            };
            return Some(LedgerDifference::Kept(difference, place));
        }
    };
    let lines = balances.lines.iter();
    let lines: BTreeSet<_> =
        lines.map(|line| (line.account.clone(), line.from, line.amount)).collect();
    let row = |what, which: String| Some(LedgerDifference::Row(what, which));
    for ((number, _), record) in stored.records.iter().zip(&records) {
        let held: &[Leg] = match &record.entry.action {
            Action::Hold { legs, .. } => legs,
            _ => &[],
        };
        let moved = record.moved.iter().map(|leg| (false, leg.clone()));
        let legs: Vec<_> = held.iter().map(|leg| (true, leg.clone())).chain(moved).collect();
        // Credit lines and voids move nothing.
        let kept = stored.legs.get(number).cloned().unwrap_or_default();
        if legs != kept {
            return row("leg", number.to_string());
        }
    }
    if let Some(id) = differ(&balances.holds, &stored.holds) {
        return row("hold", id.to_string());
    }
    if let Some(id) = differ(&balances.rests, &stored.rests) {
        return row("rest", id.to_string());
    }
    let line = lines.symmetric_difference(&stored.lines).next();
    line.and_then(|(account, ..)| row("credit line", account.owner.clone()))
}

/// The first id under which two say different things.
fn differ<T: PartialEq>(one: &BTreeMap<Uuid, T>, two: &BTreeMap<Uuid, T>) -> Option<Uuid> {
    one.keys().chain(two.keys()).find(|id| one.get(id) != two.get(id)).copied()
}
