//! What statements said is on accounts at their end, as rows.

use domain::Slot;
use sqlx::PgConnection;
use store::{Fault, column};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

/// The end of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatementRow {
    pub(crate) slot: Slot,
    pub(crate) id: Uuid,
    pub(crate) owner: String,
    pub(crate) account: String,
    pub(crate) day: Date,
    pub(crate) number: String,
    pub(crate) opening: i64,
    pub(crate) closing: i64,
    /// What was there before the ledger knew of the account.
    pub(crate) base: i64,
    /// What there should be.
    pub(crate) expected: i64,
}

/// What was on an account before the ledger knew of it, as its first statement said.
pub(crate) async fn base(
    tx: &mut PgConnection,
    (slot, account): (Slot, &str),
) -> Result<Option<i64>, Fault> {
    let found = sqlx::query_scalar!(
        "select base from bank_statement where slot = $1 and account = $2
         order by taken_time, day, number limit 1",
        slot.column(),
        account
    )
    .fetch_optional(tx)
    .await?;
    Ok(found)
}

/// What was on an account at the end of the newest statement before a day.
pub(crate) async fn closing_before(
    tx: &mut PgConnection,
    (slot, account): (Slot, &str),
    day: Date,
) -> Result<Option<i64>, Fault> {
    let found = sqlx::query_scalar!(
        "select closing from bank_statement where slot = $1 and account = $2 and day < $3
         order by day desc, taken_time desc, number desc limit 1",
        slot.column(),
        account,
        day
    )
    .fetch_optional(tx)
    .await?;
    Ok(found)
}

/// Writes the end of a statement. When it comes again, what there should be now counts.
pub(crate) async fn write_statement(
    tx: &mut PgConnection,
    row: &StatementRow,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into bank_statement (slot, account, day, number, opening, closing, base, expected, taken_time,
                                     id, owner)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (slot, account, day, number) do update
         set opening = excluded.opening, closing = excluded.closing, expected = excluded.expected",
        row.slot.column(),
        row.account,
        row.day,
        row.number,
        row.opening,
        row.closing,
        row.base,
        row.expected,
        now,
        row.id,
        row.owner
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A page of ends of statements, newest first, of firms that a caller sees.
pub(crate) async fn statements_of(
    pool: &sqlx::PgPool,
    (before, count): (Uuid, i64),
    owners: Option<&[String]>,
    (owner, only_differing): (&str, bool),
) -> Result<Vec<StatementRow>, Fault> {
    let rows = sqlx::query!(
        "select slot, id, owner, account, day, number, opening, closing, base, expected from bank_statement
         where id < $1 and ($3::text[] is null or owner = any($3)) and ($4 = '' or owner = $4)
           and (not $5 or closing <> expected)
         order by id desc limit $2",
        before,
        count,
        owners,
        owner,
        only_differing
    )
    .fetch_all(pool)
    .await?;
    let statements = rows.into_iter().map(|row| {
        Ok(StatementRow {
            slot: column::slot(row.slot)?,
            id: row.id,
            owner: row.owner,
            account: row.account,
            day: row.day,
            number: row.number,
            opening: row.opening,
            closing: row.closing,
            base: row.base,
            expected: row.expected,
        })
    });
    statements.collect()
}
