//! Double entry with holds of many legs (复式记账、冻结).
//!
//! An account is owner × currency × purpose. Amounts are integers of the currency's minor unit. A
//! leg moves an amount from one account to another of the same currency, so that every currency sums
//! to zero whatever happens. Nothing is edited: [`Balances::check`] says what an entry would do,
//! [`Balances::apply`] does it, and what went wrong is put right by a further entry.
//!
//! ```text
//! Hold ──► Post     whole or part of each leg; the rest is free again
//!     ├──► Void
//!     └──► Expire   from its date on, and then nothing else
//! Transfer, Post ──► Reverse, as often as something is left of it
//! ```
//!
//! A hold ends once, as a whole. Money that comes after the end is a new hold that names the old one.
//! The same entry again is known again; another one under its id is refused.

use std::collections::BTreeMap;

use time::OffsetDateTime;
use uuid::Uuid;

/// A currency with the letters of ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the letters say it")]
pub enum Currency {
    Cny,
    Usd,
    Eur,
    Gbp,
    Jpy,
    Hkd,
    Aud,
    Cad,
}

impl Currency {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Cny, Self::Usd, Self::Eur, Self::Gbp, Self::Jpy, Self::Hkd, Self::Aud, Self::Cad];

    /// The one with these letters; `None` when it is none of ours.
    pub fn of(letters: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|currency| currency.letters() == letters)
    }

    /// Letters of ISO 4217, number of the customs' code table, and digits of the minor unit.
    const fn row(self) -> (&'static str, &'static str, u32) {
        match self {
            Self::Cny => ("CNY", "142", 2),
            Self::Usd => ("USD", "502", 2),
            Self::Eur => ("EUR", "300", 2),
            Self::Gbp => ("GBP", "303", 2),
            Self::Jpy => ("JPY", "116", 0),
            Self::Hkd => ("HKD", "110", 2),
            Self::Aud => ("AUD", "601", 2),
            Self::Cad => ("CAD", "501", 2),
        }
    }

    /// `CNY`.
    pub const fn letters(self) -> &'static str {
        self.row().0
    }

    /// `142`.
    pub const fn customs_code(self) -> &'static str {
        self.row().1
    }

    /// Digits after the point of the main unit.
    pub const fn minor_digits(self) -> u32 {
        self.row().2
    }
}

/// What the money of an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Security for import tax (税款担保). Never overdrawn.
    Guarantee,
    /// Tax that is owed (应缴税款).
    DutyPayable,
    /// Tax that was paid (已缴税款).
    DutyPaid,
    /// Forex that is expected from abroad (应收外汇).
    ForexReceivable,
    /// Money on its way through a bank (结算).
    Settlement,
    /// Fees of banks (手续费).
    Fees,
    /// Money of which nobody knows yet what it is for (待查).
    Suspense,
    /// Revenue of the treasury (国库收入).
    Revenue,
    /// Forex that a bank took back after it was settled (应付银行冲回款).
    ReversalPayable,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Guarantee,
        Self::DutyPayable,
        Self::DutyPaid,
        Self::ForexReceivable,
        Self::Settlement,
        Self::Fees,
        Self::Suspense,
        Self::Revenue,
        Self::ReversalPayable,
    ];

    /// Whether what is debited may not exceed what was credited and the credit line.
    pub const fn is_limited(self) -> bool {
        matches!(self, Self::Guarantee)
    }
}

/// Whose money, in which currency, for what.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    /// Customs code of a firm, or the name of a bank or treasury.
    pub owner: String,
    /// Its one currency.
    pub currency: Currency,
    /// What for.
    pub purpose: Purpose,
}

/// An amount from one account to another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Leg {
    /// Debited.
    pub from: Account,
    /// Credited.
    pub to: Account,
    /// Above zero, in the minor unit.
    pub amount: i64,
}

/// A credit line of an account, such as a letter of guarantee (保函). It holds from a time on, until
/// the next line of the account begins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CreditLine {
    /// Whose.
    pub account: Account,
    /// From when.
    pub from: OffsetDateTime,
    /// How far the account may go below zero; not below zero itself.
    pub amount: i64,
}

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Moves at once.
    Transfer(Vec<Leg>),
    /// Keeps amounts for a later post.
    Hold {
        /// What is kept; the legs end together.
        legs: Vec<Leg>,
        /// From when on it can only expire; `None`: it waits for its post or void.
        until: Option<OffsetDateTime>,
        /// The hold that ended before this one and whose matter this is.
        after: Option<Uuid>,
    },
    /// Moves what was held: an amount for each leg, at most what is held, and not all zero.
    Post {
        /// The hold.
        hold: Uuid,
        /// In the order of its legs.
        amounts: Vec<i64>,
    },
    /// Frees what was held.
    Void(Uuid),
    /// Frees what was held, because its date has come.
    Expire(Uuid),
    /// Moves back what a transfer or post moved, wholly or in part: a correction or a return.
    Reverse {
        /// The transfer or post.
        of: Uuid,
        /// In the order of its legs, at most what is left of each.
        amounts: Vec<i64>,
    },
    /// Grants or changes a credit line.
    SetCreditLine(CreditLine),
}

/// Why an entry was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Basis {
    /// The business event, such as `duty.secured`.
    pub event: String,
    /// The declaration.
    pub declaration: Option<Uuid>,
    /// The tax bill.
    pub bill: Option<Uuid>,
    /// Who did it.
    pub actor: String,
    /// The law or rule.
    pub rule: String,
}

/// One step of the ledger, never changed afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Made by whoever makes the entry, and kept for repetitions.
    pub id: Uuid,
    /// What it does.
    pub action: Action,
    /// Why.
    pub basis: Basis,
    /// When it counts: the day of the tax or rate.
    pub effective: OffsetDateTime,
    /// When it was written.
    pub recorded: OffsetDateTime,
}

/// The four running totals of an account. Totals of what moved never fall.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Totals {
    /// Moved out.
    pub debits: i64,
    /// Moved in.
    pub credits: i64,
    /// Held to be moved out.
    pub held_debits: i64,
    /// Held to be moved in.
    pub held_credits: i64,
}

impl Totals {
    /// What the account has; the sum over all accounts of a currency is zero.
    pub fn balance(&self) -> i128 {
        i128::from(self.credits) - i128::from(self.debits)
    }

    /// What it has beyond what is held of it.
    pub fn free(&self) -> i128 {
        self.balance() - i128::from(self.held_debits)
    }
}

/// How a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldState {
    /// It may be posted, voided or expire.
    Open,
    /// Moved, in part at least.
    Posted,
    /// Freed.
    Voided,
    /// Freed by its date.
    Expired,
}

/// A hold as the balances know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hold {
    /// What is or was kept.
    pub legs: Vec<Leg>,
    /// From when on it can only expire.
    pub until: Option<OffsetDateTime>,
    /// How it stands.
    pub state: HoldState,
}

/// Why an entry is refused. The numbers are proposed, and not yet among the published codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A leg or amount makes no sense.
    #[error("an entry needs legs of one currency between two accounts, with amounts above zero")]
    Legs,
    /// An account would be overdrawn.
    #[error("{} of {} has {available} available, {missing} too little", account.currency.letters(), account.owner)]
    NotEnough {
        /// Whose.
        account: Account,
        /// Before the entry.
        available: i128,
        /// What is missing.
        missing: i128,
    },
    /// Another entry has this id.
    #[error("another entry has the id {0}")]
    IdTaken(Uuid),
    /// There is no such hold.
    #[error("there is no hold {0}")]
    HoldUnknown(Uuid),
    /// The hold was posted.
    #[error("the hold {0} was posted")]
    HoldPosted(Uuid),
    /// The hold was voided.
    #[error("the hold {0} was voided")]
    HoldVoided(Uuid),
    /// The hold expired, or its date has come and it can do nothing else.
    #[error("the hold {0} is over its date")]
    HoldExpired(Uuid),
    /// The date of the hold has not come, or it has none.
    #[error("the hold {0} does not expire yet")]
    HoldNotDue(Uuid),
    /// The hold to come after is still open.
    #[error("the hold {0} is still open")]
    HoldOpen(Uuid),
    /// More than was held.
    #[error("more than the hold {0} has")]
    AboveHold(Uuid),
    /// There is no such transfer or post.
    #[error("there is no posted entry {0}")]
    NothingPosted(Uuid),
    /// More than was moved and not moved back.
    #[error("more than is left of the entry {0}")]
    AboveRest(Uuid),
    /// It counts later than it is written, or is written before the last one.
    #[error("the times of the entry are out of order")]
    Times,
    /// A total would not fit.
    #[error("a total becomes too large")]
    Overflow,
}

impl Error {
    /// The proposed number and the Chinese sentence.
    pub fn code(&self) -> (&'static str, &'static str) {
        match self {
            Self::Legs => ("SW-1701", "分录须为同一币种两个账户之间的正数金额"),
            Self::NotEnough { .. } => ("SW-1702", "可用余额不足"),
            Self::IdTaken(_) => ("SW-1703", "该编号已用于其他分录"),
            Self::HoldUnknown(_) => ("SW-1704", "没有该冻结"),
            Self::HoldPosted(_) => ("SW-1705", "该冻结已入账"),
            Self::HoldVoided(_) => ("SW-1706", "该冻结已撤销"),
            Self::HoldExpired(_) => ("SW-1707", "该冻结已到期"),
            Self::HoldNotDue(_) => ("SW-1708", "该冻结尚未到期"),
            Self::HoldOpen(_) => ("SW-1709", "该冻结尚未结束"),
            Self::AboveHold(_) => ("SW-1710", "超过冻结金额"),
            Self::NothingPosted(_) => ("SW-1711", "没有该入账分录"),
            Self::AboveRest(_) => ("SW-1712", "超过该分录尚余金额"),
            Self::Times => ("SW-1713", "分录时间顺序有误"),
            Self::Overflow => ("SW-1714", "累计金额超出范围"),
        }
    }
}

/// What an entry changes. Kept with the entry, so that both can be recomputed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Effect {
    /// What moves.
    pub moved: Vec<Leg>,
    /// The accounts it touches, as they are afterwards.
    pub after: BTreeMap<Account, Totals>,
    /// The hold that it makes or ends.
    pub hold: Option<(Uuid, Hold)>,
    /// What is left of an entry that can be reversed.
    pub rest: Option<(Uuid, Vec<Leg>)>,
    /// The credit line that it grants or changes.
    pub line: Option<CreditLine>,
}

/// Whether an entry is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryCheck {
    /// It is, and does this.
    New(Box<Effect>),
    /// It was applied before.
    Known,
}

/// Everything that an entry can hang on. Whoever keeps it in a database loads what one entry names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Balances {
    /// By account.
    pub accounts: BTreeMap<Account, Totals>,
    /// In any order.
    pub lines: Vec<CreditLine>,
    /// By the id of their entry.
    pub holds: BTreeMap<Uuid, Hold>,
    /// What is left of transfers and posts, by the id of their entry.
    pub rests: BTreeMap<Uuid, Vec<Leg>>,
    /// Applied before, by id.
    pub entries: BTreeMap<Uuid, Entry>,
    /// When the last entry was written.
    pub recorded: Option<OffsetDateTime>,
}

impl Balances {
    /// The totals of an account.
    pub fn totals(&self, account: &Account) -> Totals {
        // An account begins with its first entry.
        self.accounts.get(account).copied().unwrap_or_default()
    }

    /// The credit line of an account at a time.
    pub fn credit_line(&self, account: &Account, at: OffsetDateTime) -> i64 {
        let lines = self.lines.iter().filter(|line| line.account == *account && line.from <= at);
        // Of two from the same time the later one counts.
        lines.max_by_key(|line| line.from).map_or(0, |line| line.amount)
    }

    /// What can be held or moved out; meaningful for a limited account.
    pub fn available(&self, account: &Account, at: OffsetDateTime) -> i128 {
        self.totals(account).free() + i128::from(self.credit_line(account, at))
    }

    /// What an entry would do, with the resulting totals.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    pub fn check(&self, entry: &Entry) -> Result<EntryCheck, Error> {
        if let Some(known) = self.entries.get(&entry.id) {
            // A repetition is written at another time.
            let again = Entry { recorded: known.recorded, ..entry.clone() };
            return if *known == again {
                Ok(EntryCheck::Known)
            } else {
                Err(Error::IdTaken(entry.id))
            };
        }
        if entry.effective > entry.recorded || self.recorded.is_some_and(|at| entry.recorded < at) {
            return Err(Error::Times);
        }
        let mut effect = match &entry.action {
            Action::Transfer(legs) => self.transfer(entry.id, legs)?,
            Action::Hold { legs, until, after } => self.hold(entry, legs, *until, *after)?,
            Action::Post { hold, amounts } => self.post(entry, *hold, amounts)?,
            Action::Void(hold) => self.free(entry, *hold, HoldState::Voided)?,
            Action::Expire(hold) => self.free(entry, *hold, HoldState::Expired)?,
            Action::Reverse { of, amounts } => self.reverse(*of, amounts)?,
            Action::SetCreditLine(line) if line.amount >= 0 => {
                Effect { line: Some(line.clone()), ..Effect::default() }
            }
            Action::SetCreditLine(_) => return Err(Error::Legs),
        };
        for leg in std::mem::take(&mut effect.moved) {
            self.change(&mut effect, &leg.from, |totals| &mut totals.debits, leg.amount)?;
            self.change(&mut effect, &leg.to, |totals| &mut totals.credits, leg.amount)?;
            effect.moved.push(leg);
        }
        self.check_limits(entry.recorded, &effect)?;
        Ok(EntryCheck::New(Box::new(effect)))
    }

    /// Applies an entry; a known one changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::check`], and then nothing changes either.
    pub fn apply(&mut self, entry: &Entry) -> Result<EntryCheck, Error> {
        let checked = self.check(entry)?;
        if let EntryCheck::New(effect) = &checked {
            self.write(entry, effect);
        }
        Ok(checked)
    }

    /// Writes an effect that was checked against these balances, and none since changed.
    pub fn write(&mut self, entry: &Entry, effect: &Effect) {
        let after = effect.after.iter().map(|(account, totals)| (account.clone(), *totals));
        self.accounts.extend(after);
        self.holds.extend(effect.hold.clone());
        self.rests.extend(effect.rest.clone());
        self.lines.extend(effect.line.clone());
        self.entries.insert(entry.id, entry.clone());
        self.recorded = Some(entry.recorded);
    }

    fn transfer(&self, id: Uuid, legs: &[Leg]) -> Result<Effect, Error> {
        check_legs(legs)?;
        let (moved, rest) = (legs.to_vec(), Some((id, legs.to_vec())));
        Ok(Effect { moved, rest, ..Effect::default() })
    }

    fn hold(
        &self,
        entry: &Entry,
        legs: &[Leg],
        until: Option<OffsetDateTime>,
        after: Option<Uuid>,
    ) -> Result<Effect, Error> {
        check_legs(legs)?;
        if let Some(after) = after {
            let before = self.holds.get(&after).ok_or(Error::HoldUnknown(after))?;
            if before.state == HoldState::Open {
                return Err(Error::HoldOpen(after));
            }
        }
        if until.is_some_and(|until| until <= entry.recorded) {
            return Err(Error::Times);
        }
        let hold = Hold { legs: legs.to_vec(), until, state: HoldState::Open };
        let mut effect = Effect { hold: Some((entry.id, hold)), ..Effect::default() };
        self.change_held(&mut effect, legs, 1)?;
        Ok(effect)
    }

    fn post(&self, entry: &Entry, id: Uuid, amounts: &[i64]) -> Result<Effect, Error> {
        let hold = self.open_hold(id)?;
        if is_due(hold, entry.recorded) {
            return Err(Error::HoldExpired(id));
        }
        let moved = part(&hold.legs, amounts).ok_or(Error::AboveHold(id))?;
        let rest = Some((entry.id, moved.clone()));
        let mut effect = self.end(id, hold, HoldState::Posted)?;
        effect.moved = moved.into_iter().filter(|leg| leg.amount > 0).collect();
        Ok(Effect { rest, ..effect })
    }

    fn free(&self, entry: &Entry, id: Uuid, state: HoldState) -> Result<Effect, Error> {
        let hold = self.open_hold(id)?;
        match (state == HoldState::Expired, is_due(hold, entry.recorded)) {
            (true, false) => Err(Error::HoldNotDue(id)),
            (false, true) => Err(Error::HoldExpired(id)),
            (true, true) | (false, false) => self.end(id, hold, state),
        }
    }

    fn reverse(&self, of: Uuid, amounts: &[i64]) -> Result<Effect, Error> {
        let left = self.rests.get(&of).ok_or(Error::NothingPosted(of))?;
        let back = part(left, amounts).ok_or(Error::AboveRest(of))?;
        let rest = left
            .iter()
            .zip(&back)
            .map(|(left, back)| Leg { amount: left.amount - back.amount, ..left.clone() })
            .collect();
        let moved = back
            .into_iter()
            .filter(|leg| leg.amount > 0)
            .map(|Leg { from, to, amount }| Leg { from: to, to: from, amount })
            .collect();
        Ok(Effect { moved, rest: Some((of, rest)), ..Effect::default() })
    }

    fn open_hold(&self, id: Uuid) -> Result<&Hold, Error> {
        let hold = self.holds.get(&id).ok_or(Error::HoldUnknown(id))?;
        match hold.state {
            HoldState::Open => Ok(hold),
            HoldState::Posted => Err(Error::HoldPosted(id)),
            HoldState::Voided => Err(Error::HoldVoided(id)),
            HoldState::Expired => Err(Error::HoldExpired(id)),
        }
    }

    /// Frees all that is held.
    fn end(&self, id: Uuid, hold: &Hold, state: HoldState) -> Result<Effect, Error> {
        let then = Hold { state, ..hold.clone() };
        let mut effect = Effect { hold: Some((id, then)), ..Effect::default() };
        self.change_held(&mut effect, &hold.legs, -1)?;
        Ok(effect)
    }

    fn change_held(&self, effect: &mut Effect, legs: &[Leg], sign: i64) -> Result<(), Error> {
        for leg in legs {
            let amount = sign * leg.amount;
            self.change(effect, &leg.from, |totals| &mut totals.held_debits, amount)?;
            self.change(effect, &leg.to, |totals| &mut totals.held_credits, amount)?;
        }
        Ok(())
    }

    fn change(
        &self,
        effect: &mut Effect,
        account: &Account,
        total: fn(&mut Totals) -> &mut i64,
        by: i64,
    ) -> Result<(), Error> {
        let totals = effect.after.entry(account.clone()).or_insert_with(|| self.totals(account));
        let total = total(totals);
        *total = total.checked_add(by).ok_or(Error::Overflow)?;
        Ok(())
    }

    /// Limited accounts have something available, or not less than before: a smaller credit line
    /// takes away nothing that is held.
    fn check_limits(&self, at: OffsetDateTime, effect: &Effect) -> Result<(), Error> {
        for (account, after) in &effect.after {
            let line = i128::from(self.credit_line(account, at));
            let (before, after) = (self.totals(account).free() + line, after.free() + line);
            if account.purpose.is_limited() && after < 0 && after < before {
                let account = account.clone();
                return Err(Error::NotEnough { account, available: before, missing: -after });
            }
        }
        Ok(())
    }
}

fn check_legs(legs: &[Leg]) -> Result<(), Error> {
    let makes_sense =
        |leg: &Leg| leg.amount > 0 && leg.from != leg.to && leg.from.currency == leg.to.currency;
    if !legs.is_empty() && legs.iter().all(makes_sense) { Ok(()) } else { Err(Error::Legs) }
}

fn is_due(hold: &Hold, at: OffsetDateTime) -> bool {
    hold.until.is_some_and(|until| until <= at)
}

/// The legs with these amounts, when none is above what there is and not all are zero.
fn part(legs: &[Leg], amounts: &[i64]) -> Option<Vec<Leg>> {
    let fits = amounts.len() == legs.len()
        && amounts.iter().any(|amount| *amount > 0)
        && legs.iter().zip(amounts).all(|(leg, amount)| (0..=leg.amount).contains(amount));
    let part = |(leg, amount): (&Leg, &i64)| Leg { amount: *amount, ..leg.clone() };
    fits.then(|| legs.iter().zip(amounts).map(part).collect())
}

/// What is given back of a posted amount when part of the goods comes back: by value, half up, and
/// never more than is left. The last part takes the rest. `None`: no such part.
pub fn give_back(posted: i64, left: i64, value: i64, value_all: i64, is_last: bool) -> Option<i64> {
    if posted < left || left < 0 || value < 0 || value > value_all || value_all == 0 {
        return None;
    }
    let doubled = 2 * i128::from(posted) * i128::from(value) + i128::from(value_all);
    let exact = i64::try_from(doubled / (2 * i128::from(value_all))).ok()?;
    Some(if is_last { left } else { exact.min(left) })
}

/// An entry with what it did, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The entry.
    pub entry: Entry,
    /// What moved.
    pub moved: Vec<Leg>,
    /// The accounts it touched, afterwards.
    pub after: BTreeMap<Account, Totals>,
}

/// The balance of an account at a time: by what counts until then, of what was written until then.
pub fn balance_at(
    records: &[Record],
    account: &Account,
    effective: OffsetDateTime,
    recorded: OffsetDateTime,
) -> i128 {
    let signed = |leg: &Leg| {
        let sign = i128::from(leg.to == *account) - i128::from(leg.from == *account);
        sign * i128::from(leg.amount)
    };
    records
        .iter()
        .filter(|record| record.entry.effective <= effective && record.entry.recorded <= recorded)
        .flat_map(|record| &record.moved)
        .map(signed)
        .sum()
}

/// Where what is stored and what is computed differ first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The entry at this place cannot follow on those before.
    Refused(usize, Error),
    /// It stands there twice.
    Twice(usize),
    /// It moved something else, or left other totals.
    Effect(usize),
    /// The present totals of an account are others.
    Totals(Account),
    /// A currency does not sum to zero.
    Sum(Currency),
}

/// Recomputes everything from the entries and compares it with what is stored.
///
/// # Errors
///
/// The first difference.
pub fn verify(
    records: &[Record],
    accounts: &BTreeMap<Account, Totals>,
) -> Result<Balances, Difference> {
    let mut balances = Balances::default();
    for (place, record) in records.iter().enumerate() {
        let refused = |error| Difference::Refused(place, error);
        match balances.apply(&record.entry).map_err(refused)? {
            EntryCheck::Known => return Err(Difference::Twice(place)),
            EntryCheck::New(effect)
                if effect.moved != record.moved || effect.after != record.after =>
            {
                return Err(Difference::Effect(place));
            }
            EntryCheck::New(_) => {}
        }
    }
    let either = balances.accounts.keys().chain(accounts.keys());
    let same = |account: &&Account| balances.accounts.get(*account) == accounts.get(*account);
    if let Some(account) = either.into_iter().find(|account| !same(account)) {
        return Err(Difference::Totals(account.clone()));
    }
    match sums(&balances.accounts).into_iter().find(|(_, sum)| *sum != 0) {
        Some((currency, _)) => Err(Difference::Sum(currency)),
        None => Ok(balances),
    }
}

/// The sum of each currency: zero, always.
pub fn sums(accounts: &BTreeMap<Account, Totals>) -> BTreeMap<Currency, i128> {
    let mut sums = BTreeMap::new();
    for (account, totals) in accounts {
        *sums.entry(account.currency).or_default() += totals.balance();
    }
    sums
}
