//! Reading: accounts, balances, entries, holds, duties and bills.

use domain::payment::duty::DutyState;
use domain::payment::ledger::{Account, HoldState, Record, Totals};
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Slot};
use proto::ledger::{decode_record, purpose_column};
use sqlx::{PgConnection, PgPool};
use store::page::Page;
use store::{Fault, ServiceError, column};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::account_view::AccountView;
use crate::bill_rows::{self, BillRow, DutyOrderRow};
use crate::duty_rows::{self, DutyRow, state_column};
use crate::import_return_rows::{ImportReturnColumns, ImportReturnRow};
use crate::ledger_rows::{account, hold_column, hold_state};

/// Whose things are read; `None` for everybody's.
pub(crate) type Owners<'a> = Option<&'a [String]>;

/// What a guarantee has to hold something, as of now and without a lock.
pub(crate) async fn available(
    tx: &mut PgConnection,
    owner: &str,
    at: OffsetDateTime,
) -> Result<i64, Fault> {
    let found = sqlx::query_scalar!(
        r#"select coalesce((select credits - debits - held_debits from account
                            where slot = $1 and owner = $2 and currency = 'CNY' and purpose = 1), 0)
                + coalesce((select amount from credit_line
                            where slot = $1 and owner = $2 and currency = 'CNY' and purpose = 1
                              and from_time <= $3
                            order by from_time desc, number desc limit 1), 0) as "available!""#,
        Slot::of(owner).column(),
        owner,
        at
    )
    .fetch_one(tx)
    .await?;
    Ok(found)
}

/// A page of accounts, by owner, currency and purpose.
pub(crate) async fn accounts(
    pool: &PgPool,
    page: &Page,
    owners: Owners<'_>,
    owner: &str,
    at: OffsetDateTime,
) -> Result<(Vec<AccountView>, String), ServiceError> {
    let rows = sqlx::query!(
        r#"select owner, currency, purpose, sum(debits)::bigint as "debits!",
                  sum(credits)::bigint as "credits!", sum(held_debits)::bigint as "held_debits!",
                  sum(held_credits)::bigint as "held_credits!",
                  coalesce((select l.amount from credit_line l
                            where l.slot = min(a.slot) and l.owner = a.owner
                              and l.currency = a.currency and l.purpose = a.purpose
                              and l.from_time <= $5
                            order by l.from_time desc, l.number desc limit 1), 0) as "credit_line!"
           from account a
           where owner || '/' || currency || '/' || purpose::text > $1
             and ($3::text[] is null or owner = any($3)) and ($4 = '' or owner = $4)
           group by owner, currency, purpose
           order by owner || '/' || currency || '/' || purpose::text limit $2"#,
        page.after()?,
        page.count(),
        owners,
        owner,
        at
    )
    .fetch_all(pool)
    .await
    .map_err(Fault::from)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let totals = Totals {
            debits: row.debits,
            credits: row.credits,
            held_debits: row.held_debits,
            held_credits: row.held_credits,
        };
        let account = account(row.owner, &row.currency, row.purpose)?;
        found.push(AccountView { account, totals, credit_line: row.credit_line });
    }
    let key = |it: &AccountView| {
        let (owner, currency) = (&it.account.owner, it.account.currency.letters());
        format!("{owner}/{currency}/{}", purpose_column(it.account.purpose))
    };
    Ok(page.cut(found, key)?)
}

/// What an account had: of what counted until then and was written until then.
pub(crate) async fn balance(
    pool: &PgPool,
    account: &Account,
    effective: OffsetDateTime,
    recorded: OffsetDateTime,
) -> Result<i64, Fault> {
    let found = sqlx::query_scalar!(
        r#"select coalesce(sum(case when l.to_owner = $1 and l.to_purpose = $3 then l.amount else 0 end
                             - case when l.from_owner = $1 and l.from_purpose = $3 then l.amount
                               else 0 end), 0)::bigint as "balance!"
           from leg l join entry e on e.slot = l.slot and e.number = l.number
           where not l.held and l.currency = $2 and (l.from_owner = $1 or l.to_owner = $1)
             and e.effective_time <= $4 and e.recorded_time <= $5"#,
        account.owner,
        account.currency.letters(),
        purpose_column(account.purpose),
        effective,
        recorded
    )
    .fetch_one(pool)
    .await?;
    Ok(found)
}

/// An entry in a list of a firm's.
#[derive(Debug)]
pub(crate) struct ListedEntry {
    slot: Slot,
    /// Among all of the slot, which it shares with other firms: not for showing.
    number: i64,
    /// In the list, from 1.
    pub(crate) place: i64,
    pub(crate) record: Record,
}

impl ListedEntry {
    /// Where the next page begins. As long whatever the numbers are, which are also of others.
    fn key(&self) -> String {
        format!("{:03}/{:019}/{:019}", self.slot.number(), self.number, self.place)
    }
}

/// A page of the entries that touch a firm's accounts, oldest first.
pub(crate) async fn entries(
    pool: &PgPool,
    page: &Page,
    owner: &str,
    declaration: Option<Uuid>,
) -> Result<(Vec<ListedEntry>, String), ServiceError> {
    let foreign = || Refusal::of(Code::PageTokenForeign);
    let parts: Vec<&str> = page.after()?.split('/').collect();
    let (slot, number, before) = match parts[..] {
        [""] => (-1, 0, 0),
        [slot, number, place] => {
            let whole = |text: &str| text.parse::<i64>().map_err(|_| foreign());
            let slot = slot.parse::<i16>().map_err(|_| foreign())?;
            (slot, whole(number)?, whole(place)?)
        }
        _ => return Err(foreign().into()),
    };
    let rows = sqlx::query!(
        "select e.slot, e.number, e.id, e.effective_time, e.recorded_time, e.body from entry e
         where (e.slot, e.number) > ($1, $2) and ($4::uuid is null or e.declaration_id = $4)
           and ((e.slot, e.number) in (select slot, number from leg where from_owner = $3)
                or (e.slot, e.number) in (select slot, number from leg where to_owner = $3)
                or (e.slot, e.number) in (select slot, number from credit_line where owner = $3)
                or e.declaration_id in (select declaration_id from hold where owner = $3))
         order by e.slot, e.number limit $5",
        slot,
        number,
        owner,
        declaration,
        page.count()
    )
    .fetch_all(pool)
    .await
    .map_err(Fault::from)?;
    let mut found = Vec::with_capacity(rows.len());
    for (row, place) in rows.into_iter().zip(before + 1..) {
        let record = decode_record((row.id, row.effective_time, row.recorded_time), &row.body);
        let damaged = || Fault::Broken(format!("the entry {} cannot be read", row.id));
        let (slot, record) = (column::slot(row.slot)?, record.ok_or_else(damaged)?);
        found.push(ListedEntry { slot, number: row.number, place, record });
    }
    Ok(page.cut(found, ListedEntry::key)?)
}

/// A hold as it is shown.
#[derive(Debug)]
pub(crate) struct HoldView {
    pub(crate) id: Uuid,
    pub(crate) owner: String,
    pub(crate) currency: String,
    pub(crate) amount: i64,
    pub(crate) state: HoldState,
    pub(crate) declaration: Option<Uuid>,
    pub(crate) opened_time: OffsetDateTime,
    pub(crate) ended_time: Option<OffsetDateTime>,
}

/// A page of holds, by their ids.
pub(crate) async fn holds(
    pool: &PgPool,
    page: &Page,
    owners: Owners<'_>,
    (owner, state): (&str, Option<HoldState>),
) -> Result<(Vec<HoldView>, String), ServiceError> {
    let rows = sqlx::query!(
        "select id, owner, currency, amount, state, declaration_id, opened_time, ended_time from hold
         where id < $1 and ($3::text[] is null or owner = any($3)) and ($4 = '' or owner = $4)
           and ($5::smallint is null or state = $5)
         order by id desc limit $2",
        page.before()?,
        page.count(),
        owners,
        owner,
        state.map(hold_column)
    )
    .fetch_all(pool)
    .await
    .map_err(Fault::from)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        found.push(HoldView {
            id: row.id,
            owner: row.owner,
            currency: row.currency,
            amount: row.amount,
            state: hold_state(row.state)?,
            declaration: row.declaration_id,
            opened_time: row.opened_time,
            ended_time: row.ended_time,
        });
    }
    Ok(page.cut(found, |it| *it.id.as_bytes())?)
}

/// One duty; `None` when there is none.
pub(crate) async fn duty(pool: &PgPool, id: DeclarationId) -> Result<Option<DutyRow>, Fault> {
    let mut connection = pool.acquire().await?;
    let mut found = duty_rows::load(&mut connection, &[id].into()).await?;
    Ok(found.remove(&id))
}

/// How a version was computed, as it was kept.
pub(crate) async fn trace(
    pool: &PgPool,
    id: DeclarationId,
    version: u32,
) -> Result<Option<Vec<u8>>, Fault> {
    let found = sqlx::query_scalar!(
        "select body from duty_trace where slot = $1 and declaration_id = $2 and version = $3",
        id.slot().column(),
        id.uuid(),
        column::integer(version)?
    )
    .fetch_optional(pool)
    .await?;
    Ok(found)
}

/// A page of duties, newest declarations first.
pub(crate) async fn duties(
    pool: &PgPool,
    page: &Page,
    owners: Owners<'_>,
    (payer, state): (&str, Option<DutyState>),
) -> Result<(Vec<DutyRow>, String), ServiceError> {
    let ids = sqlx::query_scalar!(
        "select declaration_id from duty
         where declaration_id < $1 and ($3::text[] is null or payer = any($3))
           and ($4 = '' or payer = $4) and ($5::smallint is null or state = $5)
         order by declaration_id desc limit $2",
        page.before()?,
        page.count(),
        owners,
        payer,
        state.map(state_column)
    )
    .fetch_all(pool)
    .await
    .map_err(Fault::from)?;
    let ids = ids.into_iter().map(DeclarationId::from_uuid).collect();
    let mut connection = pool.acquire().await.map_err(Fault::from)?;
    let found = duty_rows::load(&mut connection, &ids).await?;
    let found: Vec<DutyRow> = found.into_values().rev().collect();
    Ok(page.cut(found, |it| *it.id.uuid().as_bytes())?)
}

/// A bill with when it was paid.
#[derive(Debug)]
pub(crate) struct BillView {
    pub(crate) row: BillRow,
    pub(crate) paid_time: Option<OffsetDateTime>,
}

/// A page of bills, newest declarations first; or one.
pub(crate) async fn bills(
    pool: &PgPool,
    (before, count): (Uuid, i64),
    owners: Owners<'_>,
    (payer, status, only): (&str, Option<i16>, Option<DeclarationId>),
) -> Result<Vec<BillView>, Fault> {
    let found = sqlx::query!(
        "select b.slot, b.declaration_id, o.paid_time
         from bill b left join duty_order o on o.slot = b.slot and o.ent_duty_no = b.ent_duty_no
         where b.declaration_id < $1 and ($3::text[] is null or b.payer = any($3))
           and ($4 = '' or b.payer = $4) and ($5::smallint is null or b.status = $5)
           and ($6::uuid is null or b.declaration_id = $6)
         order by b.declaration_id desc limit $2",
        before,
        count,
        owners,
        payer,
        status,
        only.map(DeclarationId::uuid)
    )
    .fetch_all(pool)
    .await?;
    let mut ids = Vec::with_capacity(found.len());
    for row in &found {
        ids.push((column::slot(row.slot)?, DeclarationId::from_uuid(row.declaration_id)));
    }
    let mut connection = pool.acquire().await?;
    let mut rows = bill_rows::load(&mut connection, ids).await?;
    let with_time = |found: (DeclarationId, Option<OffsetDateTime>)| {
        let (id, paid_time) = found;
        rows.remove(&id).map(|row| BillView { row, paid_time })
    };
    let found = found.into_iter();
    let found = found.map(|it| (DeclarationId::from_uuid(it.declaration_id), it.paid_time));
    Ok(found.filter_map(with_time).collect())
}

/// A page of payment orders, newest first; only those that are not paid, where that is wanted.
pub(crate) async fn duty_orders(
    pool: &PgPool,
    page: &Page,
    owners: Owners<'_>,
    (payer, unpaid): (&str, bool),
) -> Result<(Vec<DutyOrderRow>, String), ServiceError> {
    let rows = sqlx::query!(
        "select ent_duty_no, payer, declaration_id, amount_fen, bills, made_time, due_until, paid_fen,
                paid_time, bank_order, reason
         from duty_order
         where declaration_id < $1 and ($3::text[] is null or payer = any($3))
           and ($4 = '' or payer = $4) and (not $5 or paid_time is null)
         order by declaration_id desc limit $2",
        page.before()?,
        page.count(),
        owners,
        payer,
        unpaid
    )
    .fetch_all(pool)
    .await
    .map_err(Fault::from)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        found.push(DutyOrderRow {
            ent_duty_no: row.ent_duty_no,
            payer: row.payer,
            declaration: DeclarationId::from_uuid(row.declaration_id),
            amount_fen: row.amount_fen,
            bills: row.bills,
            made_time: row.made_time,
            due_until: row.due_until,
            paid_fen: row.paid_fen,
            paid_time: row.paid_time,
            bank_order: row.bank_order,
            reason: row.reason,
        });
    }
    Ok(page.cut(found, |it| *it.declaration.uuid().as_bytes())?)
}

/// A page of goods that may come back, newest applications first: of firms, or at the places of a site.
pub(crate) async fn import_returns(
    pool: &PgPool,
    page: &Page,
    (owners, places): (Owners<'_>, Option<&[String]>),
    (payer, about, state, missing): (&str, Option<DeclarationId>, Option<i16>, bool),
) -> Result<(Vec<ImportReturnRow>, String), ServiceError> {
    let rows = sqlx::query_as!(
        ImportReturnColumns,
        "select id, declaration_id, payer, agent_code, order_no, loct_no, state, back_until, returned_fen,
                allowed_time, changed_time, body
         from import_return
         where id < $1
           and ($3::text[] is null or payer = any($3) or agent_code = any($3))
           and ($4::text[] is null or loct_no = '' or loct_no = any($4))
           and ($5 = '' or payer = $5) and ($6::uuid is null or declaration_id = $6)
           and ($7::smallint is null or state = $7) and (not $8 or state in (1, 3))
         order by id desc limit $2",
        page.before()?,
        page.count(),
        owners,
        places,
        payer,
        about.map(DeclarationId::uuid),
        state,
        missing
    )
    .fetch_all(pool)
    .await
    .map_err(Fault::from)?;
    let rows =
        rows.into_iter().map(ImportReturnRow::try_from).collect::<Result<Vec<_>, Fault>>()?;
    Ok(page.cut(rows, |it| *it.id.as_bytes())?)
}

/// How much each currency sums to, over all accounts: letters, accounts, moved and held.
pub(crate) async fn sums(pool: &PgPool) -> Result<Vec<(String, i64, i64, i64)>, Fault> {
    let rows = sqlx::query!(
        r#"select currency, count(distinct (owner, purpose)) as "accounts!",
                  sum(credits - debits)::bigint as "sum!",
                  sum(held_credits - held_debits)::bigint as "held!"
           from account group by currency order by currency"#
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.currency, row.accounts, row.sum, row.held)).collect())
}
