//! The rows of the ledger.

use std::collections::{BTreeMap, BTreeSet};

use domain::Slot;
use domain::payment::ledger::{
    Account, Action, Basis, CreditLine, Currency, Entry, Hold, HoldState, Leg, Purpose, Record,
    Totals,
};
use proto::ledger::{decode_legs, decode_record, encode_legs, encode_record, purpose_column};
use sqlx::PgConnection;
use store::{Fault, column};
use time::OffsetDateTime;
use uuid::Uuid;

/// A head: slot, number and time of the last entry.
type Head = (Slot, i64, OffsetDateTime);

/// What has these ids.
#[derive(Debug, Default)]
pub(crate) struct LoadedEntries {
    pub(crate) entries: Vec<(Slot, Entry)>,
    pub(crate) holds: Vec<(Slot, Uuid, Hold)>,
    pub(crate) rests: Vec<(Slot, Uuid, Vec<Leg>)>,
}

/// An account as columns, many at a time.
#[derive(Default)]
struct AccountColumns<'a> {
    slots: Vec<i16>,
    owners: Vec<&'a str>,
    currencies: Vec<&'static str>,
    purposes: Vec<i16>,
}

impl<'a> AccountColumns<'a> {
    fn of(accounts: impl IntoIterator<Item = (Slot, &'a Account)>) -> Self {
        let mut columns = Self::default();
        for (slot, account) in accounts {
            columns.slots.push(slot.column());
            columns.owners.push(&account.owner);
            columns.currencies.push(account.currency.letters());
            columns.purposes.push(purpose_column(account.purpose));
        }
        columns
    }
}

/// An account from its columns.
pub(crate) fn account(owner: String, currency: &str, purpose: i16) -> Result<Account, Fault> {
    let purpose = column::value("purpose", Purpose::ALL, purpose_column, purpose)?;
    let unknown = || Fault::Broken(format!("the database holds the currency {currency}"));
    let currency = Currency::of(currency).ok_or_else(unknown)?;
    Ok(Account { owner, currency, purpose })
}

/// The state of a hold as it is in its column.
pub(crate) fn hold_column(state: HoldState) -> i16 {
    match state {
        HoldState::Open => 1,
        HoldState::Posted => 2,
        HoldState::Voided => 3,
        HoldState::Expired => 4,
    }
}

/// The state of a hold from its column.
pub(crate) fn hold_state(found: i16) -> Result<HoldState, Fault> {
    let all = [HoldState::Open, HoldState::Posted, HoldState::Voided, HoldState::Expired];
    column::value("state of a hold", all, hold_column, found)
}

fn damaged(what: &str, which: impl std::fmt::Display) -> Fault {
    Fault::Broken(format!("{what} {which} cannot be read"))
}

/// Locks heads, in order.
pub(crate) async fn lock(
    tx: &mut PgConnection,
    slots: &[Slot],
) -> Result<Vec<(Slot, i64, Option<OffsetDateTime>)>, Fault> {
    let slots: Vec<i16> = slots.iter().map(|slot| slot.column()).collect();
    let rows = sqlx::query!(
        "select slot, number, recorded_time from ledger_head where slot = any($1)
         order by slot for update",
        &slots
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| Ok((column::slot(row.slot)?, row.number, row.recorded_time)))
        .collect()
}

/// Loads entries and holds by their ids; what does not exist is left out.
pub(crate) async fn named(
    tx: &mut PgConnection,
    ids: &[(Slot, Uuid)],
) -> Result<LoadedEntries, Fault> {
    let mut loaded = LoadedEntries::default();
    if ids.is_empty() {
        return Ok(loaded);
    }
    let (slots, ids): (Vec<i16>, Vec<Uuid>) =
        ids.iter().map(|(slot, id)| (slot.column(), *id)).unzip();
    let entries = sqlx::query!(
        "select e.slot, e.id, e.effective_time, e.recorded_time, e.body, e.rest
         from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
         join entry e on e.slot = wanted.slot and e.id = wanted.id",
        &slots,
        &ids
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in entries {
        let slot = column::slot(row.slot)?;
        let record = decode_record((row.id, row.effective_time, row.recorded_time), &row.body);
        let record = record.ok_or_else(|| damaged("the entry", row.id))?;
        loaded.entries.push((slot, record.entry));
        if let Some(rest) = row.rest {
            let rest = decode_legs(&rest).ok_or_else(|| damaged("the rest of", row.id))?;
            loaded.rests.push((slot, row.id, rest));
        }
    }
    let holds = sqlx::query!(
        "select h.slot, h.id, h.state, h.until_time, h.body
         from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
         join hold h on h.slot = wanted.slot and h.id = wanted.id",
        &slots,
        &ids
    )
    .fetch_all(tx)
    .await?;
    for row in holds {
        let legs = decode_legs(&row.body).ok_or_else(|| damaged("the hold", row.id))?;
        let hold = Hold { legs, until: row.until_time, state: hold_state(row.state)? };
        loaded.holds.push((column::slot(row.slot)?, row.id, hold));
    }
    Ok(loaded)
}

/// Loads the totals of accounts; one without a row is left out.
pub(crate) async fn totals(
    tx: &mut PgConnection,
    accounts: &[(Slot, Account)],
) -> Result<Vec<(Slot, Account, Totals)>, Fault> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let columns = AccountColumns::of(accounts.iter().map(|(slot, account)| (*slot, account)));
    let rows = sqlx::query!(
        "select a.slot, a.owner, a.currency, a.purpose, debits, credits, held_debits, held_credits
         from unnest($1::smallint[], $2::text[], $3::text[], $4::smallint[])
              as wanted (slot, owner, currency, purpose)
         join account a on a.slot = wanted.slot and a.owner = wanted.owner
           and a.currency = wanted.currency and a.purpose = wanted.purpose",
        &columns.slots,
        &columns.owners as &[&str],
        &columns.currencies as &[&str],
        &columns.purposes
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let totals = Totals {
                debits: row.debits,
                credits: row.credits,
                held_debits: row.held_debits,
                held_credits: row.held_credits,
            };
            let account = account(row.owner, &row.currency, row.purpose)?;
            Ok((column::slot(row.slot)?, account, totals))
        })
        .collect()
}

/// Loads the credit lines of accounts, those from the same time in the order in which they were granted.
pub(crate) async fn credit_lines(
    tx: &mut PgConnection,
    accounts: &[(Slot, Account)],
) -> Result<Vec<(Slot, CreditLine)>, Fault> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let columns = AccountColumns::of(accounts.iter().map(|(slot, account)| (*slot, account)));
    let rows = sqlx::query!(
        "select l.slot, l.owner, l.currency, l.purpose, l.from_time, l.amount
         from unnest($1::smallint[], $2::text[], $3::text[], $4::smallint[])
              as wanted (slot, owner, currency, purpose)
         join credit_line l on l.slot = wanted.slot and l.owner = wanted.owner
           and l.currency = wanted.currency and l.purpose = wanted.purpose
         order by l.number",
        &columns.slots,
        &columns.owners as &[&str],
        &columns.currencies as &[&str],
        &columns.purposes
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let account = account(row.owner, &row.currency, row.purpose)?;
            let line = CreditLine { account, from: row.from_time, amount: row.amount };
            Ok((column::slot(row.slot)?, line))
        })
        .collect()
}

/// What is left of entries.
pub(crate) type Rests = BTreeMap<(Slot, Uuid), Vec<Leg>>;

/// Writes entries, with what is left of each, which it takes out of `rests`.
pub(crate) async fn insert_entries(
    tx: &mut PgConnection,
    written: &[WrittenEntry],
    rests: &mut Rests,
) -> Result<(), Fault> {
    if written.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = written.iter().map(|it| it.slot.column()).collect();
    let numbers: Vec<i64> = written.iter().map(|it| it.number).collect();
    let ids: Vec<Uuid> = written.iter().map(|it| it.record.entry.id).collect();
    let basis: Vec<&Basis> = written.iter().map(|it| &it.record.entry.basis).collect();
    let events: Vec<&str> = basis.iter().map(|it| it.event.as_str()).collect();
    let declarations: Vec<Option<Uuid>> = basis.iter().map(|it| it.declaration).collect();
    let bills: Vec<Option<Uuid>> = basis.iter().map(|it| it.bill).collect();
    let actors: Vec<&str> = basis.iter().map(|it| it.actor.as_str()).collect();
    let rules: Vec<&str> = basis.iter().map(|it| it.rule.as_str()).collect();
    let effective: Vec<OffsetDateTime> =
        written.iter().map(|it| it.record.entry.effective).collect();
    let recorded: Vec<OffsetDateTime> = written.iter().map(|it| it.record.entry.recorded).collect();
    let bodies: Vec<Vec<u8>> = written.iter().map(|it| encode_record(&it.record)).collect();
    let rest = written.iter().map(|it| rests.remove(&(it.slot, it.record.entry.id)));
    let rest: Vec<Option<Vec<u8>>> = rest.map(|rest| Some(encode_legs(&rest?))).collect();
    sqlx::query!(
        "insert into entry (slot, number, id, event, declaration_id, bill_id, actor, rule,
                            effective_time, recorded_time, body, rest)
         select * from unnest($1::smallint[], $2::bigint[], $3::uuid[], $4::text[], $5::uuid[],
                              $6::uuid[], $7::text[], $8::text[], $9::timestamptz[],
                              $10::timestamptz[], $11::bytea[], $12::bytea[])",
        &slots,
        &numbers,
        &ids,
        &events as &[&str],
        &declarations as &[Option<Uuid>],
        &bills as &[Option<Uuid>],
        &actors as &[&str],
        &rules as &[&str],
        &effective,
        &recorded,
        &bodies,
        &rest as &[Option<Vec<u8>>]
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes what entries held and moved.
pub(crate) async fn insert_legs(
    tx: &mut PgConnection,
    written: &[WrittenEntry],
) -> Result<(), Fault> {
    let (mut slots, mut numbers, mut places, mut held) = (vec![], vec![], vec![], vec![]);
    let (mut from_owners, mut from_purposes) = (vec![], vec![]);
    let (mut to_owners, mut to_purposes) = (vec![], vec![]);
    let (mut currencies, mut amounts) = (vec![], vec![]);
    for it in written {
        let kept = it.held.iter().map(|leg| (true, leg));
        let moved = it.record.moved.iter().map(|leg| (false, leg));
        for (place, (is_held, leg)) in (0_i16..).zip(kept.chain(moved)) {
            slots.push(it.slot.column());
            numbers.push(it.number);
            places.push(place);
            held.push(is_held);
            from_owners.push(leg.from.owner.as_str());
            from_purposes.push(purpose_column(leg.from.purpose));
            to_owners.push(leg.to.owner.as_str());
            to_purposes.push(purpose_column(leg.to.purpose));
            currencies.push(leg.from.currency.letters());
            amounts.push(leg.amount);
        }
    }
    if slots.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into leg (slot, number, place, held, from_owner, from_purpose, to_owner, to_purpose,
                          currency, amount)
         select * from unnest($1::smallint[], $2::bigint[], $3::smallint[], $4::boolean[],
                              $5::text[], $6::smallint[], $7::text[], $8::smallint[], $9::text[],
                              $10::bigint[])",
        &slots,
        &numbers,
        &places,
        &held,
        &from_owners as &[&str],
        &from_purposes,
        &to_owners as &[&str],
        &to_purposes,
        &currencies as &[&str],
        &amounts
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes the credit lines that entries granted. They are rare: one statement each.
pub(crate) async fn insert_credit_lines(
    tx: &mut PgConnection,
    written: &[WrittenEntry],
) -> Result<(), Fault> {
    for it in written {
        let Action::SetCreditLine(CreditLine { account, from, amount }) = &it.record.entry.action
        else {
            continue;
        };
        sqlx::query!(
            "insert into credit_line (slot, owner, currency, purpose, from_time, number, amount)
             values ($1, $2, $3, $4, $5, $6, $7)",
            it.slot.column(),
            account.owner,
            account.currency.letters(),
            purpose_column(account.purpose),
            from,
            it.number,
            amount
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Writes holds that were made or ended. One that was made has the basis of its entry.
pub(crate) async fn write_holds(
    tx: &mut PgConnection,
    holds: &[(Slot, Uuid, Hold, Option<Basis>)],
    heads: &[Head],
) -> Result<(), Fault> {
    if holds.is_empty() {
        return Ok(());
    }
    let times: BTreeMap<Slot, OffsetDateTime> =
        heads.iter().map(|(slot, _, recorded)| (*slot, *recorded)).collect();
    let (mut slots, mut ids, mut declarations, mut states) = (vec![], vec![], vec![], vec![]);
    let (mut owners, mut currencies, mut amounts) = (vec![], vec![], vec![]);
    let (mut until, mut opened, mut bodies) = (vec![], vec![], vec![]);
    for (slot, id, hold, basis) in holds {
        let first = hold.legs.first().ok_or_else(|| damaged("the hold", id))?;
        let time = times.get(slot).ok_or_else(|| damaged("the time of slot", slot.number()))?;
        slots.push(slot.column());
        ids.push(*id);
        declarations.push(basis.as_ref().and_then(|basis| basis.declaration));
        states.push(hold_column(hold.state));
        owners.push(first.from.owner.as_str());
        currencies.push(first.from.currency.letters());
        amounts.push(hold.legs.iter().map(|leg| leg.amount).sum::<i64>());
        until.push(hold.until);
        opened.push(*time);
        bodies.push(encode_legs(&hold.legs));
    }
    sqlx::query!(
        "insert into hold as h (slot, id, declaration_id, owner, currency, amount, state, until_time,
                                opened_time, ended_time, body)
         select slot, id, declaration_id, owner, currency, amount, state, until_time, written,
                case when state = 1 then null else written end, body
         from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[],
                     $7::smallint[], $8::timestamptz[], $9::timestamptz[], $10::bytea[])
              as given (slot, id, declaration_id, owner, currency, amount, state, until_time, written,
                        body)
         order by state desc
         on conflict (slot, id) do update
         set state = excluded.state, ended_time = excluded.ended_time where h.state = 1",
        &slots,
        &ids,
        &declarations as &[Option<Uuid>],
        &owners as &[&str],
        &currencies as &[&str],
        &amounts,
        &states,
        &until as &[Option<OffsetDateTime>],
        &opened,
        &bodies
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes what is left now of entries that were there before.
pub(crate) async fn write_rests(tx: &mut PgConnection, rests: &Rests) -> Result<(), Fault> {
    if rests.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = rests.keys().map(|(slot, _)| slot.column()).collect();
    let ids: Vec<Uuid> = rests.keys().map(|(_, id)| *id).collect();
    let legs: Vec<Vec<u8>> = rests.values().map(|legs| encode_legs(legs)).collect();
    sqlx::query!(
        "update entry e set rest = given.rest
         from unnest($1::smallint[], $2::uuid[], $3::bytea[]) as given (slot, id, rest)
         where e.slot = given.slot and e.id = given.id",
        &slots,
        &ids,
        &legs
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes totals. An account that is new begins with nothing; then all of them change in one statement, after
/// which the database looks whether every currency still sums to zero.
pub(crate) async fn write_totals(
    tx: &mut PgConnection,
    accounts: &[(Slot, Account, Totals)],
    heads: &[Head],
) -> Result<(), Fault> {
    if accounts.is_empty() {
        return Ok(());
    }
    let times: BTreeMap<Slot, OffsetDateTime> =
        heads.iter().map(|(slot, _, recorded)| (*slot, *recorded)).collect();
    let columns = AccountColumns::of(accounts.iter().map(|(slot, account, _)| (*slot, account)));
    let time = |slot: &Slot| {
        times.get(slot).copied().ok_or_else(|| damaged("the time of slot", slot.number()))
    };
    let times: Vec<OffsetDateTime> =
        accounts.iter().map(|(slot, ..)| time(slot)).collect::<Result<_, _>>()?;
    let total = |of: fn(&Totals) -> i64| -> Vec<i64> {
        accounts.iter().map(|(.., totals)| of(totals)).collect()
    };
    sqlx::query!(
        "insert into account (slot, owner, currency, purpose, debits, credits, held_debits,
                              held_credits, changed_time)
         select slot, owner, currency, purpose, 0, 0, 0, 0, changed
         from unnest($1::smallint[], $2::text[], $3::text[], $4::smallint[], $5::timestamptz[])
              as given (slot, owner, currency, purpose, changed)
         on conflict do nothing",
        &columns.slots,
        &columns.owners as &[&str],
        &columns.currencies as &[&str],
        &columns.purposes,
        &times
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "update account a
         set debits = given.debits, credits = given.credits, held_debits = given.held_debits,
             held_credits = given.held_credits, changed_time = given.changed
         from unnest($1::smallint[], $2::text[], $3::text[], $4::smallint[], $5::bigint[],
                     $6::bigint[], $7::bigint[], $8::bigint[], $9::timestamptz[])
              as given (slot, owner, currency, purpose, debits, credits, held_debits, held_credits,
                        changed)
         where a.slot = given.slot and a.owner = given.owner and a.currency = given.currency
           and a.purpose = given.purpose",
        &columns.slots,
        &columns.owners as &[&str],
        &columns.currencies as &[&str],
        &columns.purposes,
        &total(|it| it.debits),
        &total(|it| it.credits),
        &total(|it| it.held_debits),
        &total(|it| it.held_credits),
        &times
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes heads.
pub(crate) async fn write_heads(tx: &mut PgConnection, heads: &[Head]) -> Result<(), Fault> {
    if heads.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = heads.iter().map(|(slot, ..)| slot.column()).collect();
    let numbers: Vec<i64> = heads.iter().map(|(_, number, _)| *number).collect();
    let times: Vec<OffsetDateTime> = heads.iter().map(|(.., recorded)| *recorded).collect();
    sqlx::query!(
        "update ledger_head h set number = given.number, recorded_time = given.recorded
         from unnest($1::smallint[], $2::bigint[], $3::timestamptz[])
              as given (slot, number, recorded)
         where h.slot = given.slot",
        &slots,
        &numbers,
        &times
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Whatever is read from now on in this transaction is as of one moment.
pub(crate) async fn one_moment(tx: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query!("set transaction isolation level repeatable read, read only").execute(tx).await?;
    Ok(())
}

/// Reads everything of a slot.
pub(crate) async fn everything(tx: &mut PgConnection, slot: Slot) -> Result<StoredLedger, Fault> {
    let mut stored = StoredLedger::default();
    let key = slot.column();
    let head = sqlx::query_scalar!("select number from ledger_head where slot = $1", key);
    stored.head = head.fetch_one(&mut *tx).await?;
    let entries = sqlx::query!(
        "select number, id, effective_time, recorded_time, body, rest from entry
         where slot = $1 order by number",
        key
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in entries {
        let record = decode_record((row.id, row.effective_time, row.recorded_time), &row.body);
        stored.records.push((row.number, record));
        if let Some(rest) = row.rest {
            let rest = decode_legs(&rest).ok_or_else(|| damaged("the rest of", row.id))?;
            stored.rests.insert(row.id, rest);
        }
    }
    let accounts = sqlx::query!(
        "select owner, currency, purpose, debits, credits, held_debits, held_credits from account
         where slot = $1",
        key
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in accounts {
        let totals = Totals {
            debits: row.debits,
            credits: row.credits,
            held_debits: row.held_debits,
            held_credits: row.held_credits,
        };
        stored.accounts.insert(account(row.owner, &row.currency, row.purpose)?, totals);
    }
    let legs = sqlx::query!(
        "select number, held, from_owner, from_purpose, to_owner, to_purpose, currency, amount
         from leg where slot = $1 order by number, place",
        key
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in legs {
        let from = account(row.from_owner, &row.currency, row.from_purpose)?;
        let to = account(row.to_owner, &row.currency, row.to_purpose)?;
        let leg = Leg { from, to, amount: row.amount };
        stored.legs.entry(row.number).or_default().push((row.held, leg));
    }
    let holds = sqlx::query!("select id, state, until_time, body from hold where slot = $1", key)
        .fetch_all(&mut *tx)
        .await?;
    for row in holds {
        let legs = decode_legs(&row.body).ok_or_else(|| damaged("the hold", row.id))?;
        let hold = Hold { legs, until: row.until_time, state: hold_state(row.state)? };
        stored.holds.insert(row.id, hold);
    }
    let lines = sqlx::query!(
        "select owner, currency, purpose, from_time, amount from credit_line where slot = $1",
        key
    )
    .fetch_all(tx)
    .await?;
    for row in lines {
        let account = account(row.owner, &row.currency, row.purpose)?;
        stored.lines.insert((account, row.from_time, row.amount));
    }
    Ok(stored)
}

/// Everything that is kept of a slot.
#[derive(Debug, Default)]
pub(crate) struct StoredLedger {
    /// By number; `None` for one that cannot be read.
    pub(crate) records: Vec<(i64, Option<Record>)>,
    pub(crate) accounts: BTreeMap<Account, domain::payment::ledger::Totals>,
    /// By number of the entry: whether held only, and the leg.
    pub(crate) legs: BTreeMap<i64, Vec<(bool, Leg)>>,
    pub(crate) holds: BTreeMap<Uuid, Hold>,
    pub(crate) rests: BTreeMap<Uuid, Vec<Leg>>,
    pub(crate) lines: BTreeSet<(Account, OffsetDateTime, i64)>,
    pub(crate) head: i64,
}

/// An entry that has its number.
#[derive(Debug)]
pub(crate) struct WrittenEntry {
    pub(crate) slot: Slot,
    pub(crate) number: i64,
    pub(crate) record: Record,
    /// What it holds, where it is a hold.
    pub(crate) held: Vec<Leg>,
}
