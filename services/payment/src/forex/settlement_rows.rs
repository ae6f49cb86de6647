//! Orders to settle, as rows.

use std::collections::BTreeMap;

use domain::Slot;
use domain::payment::ledger::Currency;
use sqlx::PgConnection;
use store::{Fault, column};
use time::OffsetDateTime;
use uuid::Uuid;

use super::currency;

/// How an order to settle stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SettlementStand {
    Ordered,
    Taken,
    Executed,
    PartlyExecuted,
    Rejected,
    /// The bank did neither within its term.
    Expired,
}

impl SettlementStand {
    /// As rows have them: one that expired is rejected for a program that knows of no term, and has the time of it.
    const ALL: [Self; 5] =
        [Self::Ordered, Self::Taken, Self::Executed, Self::PartlyExecuted, Self::Rejected];

    fn column(self) -> i16 {
        match self {
            Self::Ordered => 1,
            Self::Taken => 2,
            Self::Executed => 3,
            Self::PartlyExecuted => 4,
            Self::Rejected | Self::Expired => 5,
        }
    }

    /// The bank has still to execute it.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Ordered | Self::Taken)
    }
}

/// An order to settle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SettlementRow {
    pub(crate) slot: Slot,
    pub(crate) id: Uuid,
    pub(crate) receipt: Uuid,
    pub(crate) owner: String,
    pub(crate) currency: Currency,
    pub(crate) sold: i64,
    pub(crate) bought_fen: i64,
    pub(crate) state: SettlementStand,
    /// What the bank told of both sides.
    pub(crate) executed_sold: i64,
    pub(crate) executed_fen: i64,
    pub(crate) fee_fen: i64,
    /// What lies in suspense of both sides: it came after the end, or was more than the order says.
    pub(crate) late_sold: i64,
    pub(crate) late_fen: i64,
    pub(crate) reason: String,
    pub(crate) ordered_time: OffsetDateTime,
    pub(crate) changed_time: OffsetDateTime,
    /// From when on it can only expire; `None` for those of before there was a term.
    pub(crate) until_time: Option<OffsetDateTime>,
    pub(crate) expired_time: Option<OffsetDateTime>,
}

/// A row of settlements.
struct SettlementRecord {
    slot: i16,
    id: Uuid,
    receipt_id: Uuid,
    owner: String,
    currency: String,
    sold: i64,
    bought_fen: i64,
    state: i16,
    executed_sold: i64,
    executed_fen: i64,
    fee_fen: i64,
    late_sold: i64,
    late_fen: i64,
    reason: String,
    ordered_time: OffsetDateTime,
    changed_time: OffsetDateTime,
    until_time: Option<OffsetDateTime>,
    expired_time: Option<OffsetDateTime>,
}

fn settlement(row: SettlementRecord) -> Result<SettlementRow, Fault> {
    let all = SettlementStand::ALL;
    let state = column::value("state of a settlement", all, SettlementStand::column, row.state)?;
    let has_expired = state == SettlementStand::Rejected && row.expired_time.is_some();
    Ok(SettlementRow {
        slot: column::slot(row.slot)?,
        id: row.id,
        receipt: row.receipt_id,
        owner: row.owner,
        currency: currency(&row.currency)?,
        sold: row.sold,
        bought_fen: row.bought_fen,
        state: if has_expired { SettlementStand::Expired } else { state },
        executed_sold: row.executed_sold,
        executed_fen: row.executed_fen,
        fee_fen: row.fee_fen,
        late_sold: row.late_sold,
        late_fen: row.late_fen,
        reason: row.reason,
        ordered_time: row.ordered_time,
        changed_time: row.changed_time,
        until_time: row.until_time,
        expired_time: row.expired_time,
    })
}

/// Orders to settle by their ids.
pub(crate) async fn settlements(
    tx: &mut PgConnection,
    ids: &[Uuid],
) -> Result<BTreeMap<Uuid, SettlementRow>, Fault> {
    let rows = sqlx::query_as!(
        SettlementRecord,
        "select slot, id, receipt_id, owner, currency, sold, bought_fen, state, executed_sold,
                executed_fen, fee_fen, late_sold, late_fen, reason, ordered_time, changed_time,
                until_time, expired_time
         from settlement where id = any($1)",
        ids
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|row| settlement(row).map(|row| (row.id, row))).collect()
}

/// A page of orders to settle, newest first, of firms that a caller sees.
pub(crate) async fn settlements_of(
    pool: &sqlx::PgPool,
    (before, count): (Uuid, i64),
    owners: Option<&[String]>,
    owner: &str,
) -> Result<Vec<SettlementRow>, Fault> {
    let rows = sqlx::query_as!(
        SettlementRecord,
        "select slot, id, receipt_id, owner, currency, sold, bought_fen, state, executed_sold,
                executed_fen, fee_fen, late_sold, late_fen, reason, ordered_time, changed_time,
                until_time, expired_time
         from settlement
         where id < $1 and ($3::text[] is null or owner = any($3)) and ($4 = '' or owner = $4)
         order by id desc limit $2",
        before,
        count,
        owners,
        owner
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(settlement).collect()
}

/// Writes an order to settle.
pub(crate) async fn write_settlement(
    tx: &mut PgConnection,
    row: &SettlementRow,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into settlement (slot, id, receipt_id, owner, currency, sold, bought_fen, state,
                                 executed_sold, executed_fen, fee_fen, reason, ordered_time, changed_time,
                                 late_sold, late_fen, until_time, expired_time)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         on conflict (slot, id) do update
         set state = excluded.state, executed_sold = excluded.executed_sold,
             executed_fen = excluded.executed_fen, fee_fen = excluded.fee_fen,
             reason = excluded.reason, changed_time = excluded.changed_time,
             late_sold = excluded.late_sold, late_fen = excluded.late_fen,
             expired_time = excluded.expired_time",
        row.slot.column(),
        row.id,
        row.receipt,
        row.owner,
        row.currency.letters(),
        row.sold,
        row.bought_fen,
        row.state.column(),
        row.executed_sold,
        row.executed_fen,
        row.fee_fen,
        row.reason,
        row.ordered_time,
        row.changed_time,
        row.late_sold,
        row.late_fen,
        row.until_time,
        row.expired_time
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Forex that left for orders of which no yuan were told yet.
pub(crate) async fn forex_under_way(
    tx: &mut PgConnection,
    owner: &str,
    currency: Currency,
) -> Result<i64, Fault> {
    let sum = sqlx::query_scalar!(
        r#"select coalesce(sum(executed_sold), 0)::bigint as "sum!" from settlement
           where owner = $1 and currency = $2 and state in (1, 2)"#,
        owner,
        currency.letters()
    )
    .fetch_one(tx)
    .await?;
    Ok(sum)
}
