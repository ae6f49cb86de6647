//! Which receipt pays which exports, as rows.

use std::collections::BTreeMap;

use domain::{DeclarationId, Slot};
use sqlx::PgConnection;
use store::Fault;
use time::OffsetDateTime;
use uuid::Uuid;

use super::receipt_rows::ReceiptRow;

/// What of a receipt is for an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatchRow {
    pub(crate) declaration: DeclarationId,
    pub(crate) amount: i64,
    pub(crate) fee: i64,
    pub(crate) settled: i64,
    pub(crate) by_hand: bool,
}

/// What receipts pay.
pub(crate) async fn matches(
    tx: &mut PgConnection,
    receipts: &[(Slot, Uuid)],
) -> Result<BTreeMap<Uuid, Vec<MatchRow>>, Fault> {
    let (slots, ids): (Vec<i16>, Vec<Uuid>) =
        receipts.iter().map(|(slot, id)| (slot.column(), *id)).unzip();
    let rows = sqlx::query!(
        "select m.receipt_id, m.declaration_id, m.amount, m.fee, m.settled, m.by_hand
         from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
         join receipt_match m on m.slot = wanted.slot and m.receipt_id = wanted.id
         order by m.receipt_id, m.declaration_id",
        &slots,
        &ids
    )
    .fetch_all(tx)
    .await?;
    let mut found = BTreeMap::<Uuid, Vec<MatchRow>>::new();
    for row in rows {
        found.entry(row.receipt_id).or_default().push(MatchRow {
            declaration: DeclarationId::from_uuid(row.declaration_id),
            amount: row.amount,
            fee: row.fee,
            settled: row.settled,
            by_hand: row.by_hand,
        });
    }
    Ok(found)
}

/// Writes what a receipt pays, in place of what it paid.
pub(crate) async fn write_matches(
    tx: &mut PgConnection,
    receipt: &ReceiptRow,
    matches: &[MatchRow],
    actor: &str,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    sqlx::query!(
        "delete from receipt_match where slot = $1 and receipt_id = $2",
        receipt.slot.column(),
        receipt.id
    )
    .execute(&mut *tx)
    .await?;
    if matches.is_empty() {
        return Ok(());
    }
    let declarations: Vec<Uuid> = matches.iter().map(|row| row.declaration.uuid()).collect();
    let amounts: Vec<i64> = matches.iter().map(|row| row.amount).collect();
    let fees: Vec<i64> = matches.iter().map(|row| row.fee).collect();
    let settled: Vec<i64> = matches.iter().map(|row| row.settled).collect();
    let by_hand: Vec<bool> = matches.iter().map(|row| row.by_hand).collect();
    sqlx::query!(
        "insert into receipt_match (slot, receipt_id, declaration_id, amount, fee, settled, by_hand,
                                    actor, matched_time)
         select $1, $2, *, $8, $9
         from unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::boolean[])",
        receipt.slot.column(),
        receipt.id,
        &declarations,
        &amounts,
        &fees,
        &settled,
        &by_hand,
        actor,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes how much of a receipt was settled or kept, by export.
pub(crate) async fn update_matches(
    tx: &mut PgConnection,
    receipt: &ReceiptRow,
    matches: &[MatchRow],
) -> Result<(), Fault> {
    let declarations: Vec<Uuid> = matches.iter().map(|row| row.declaration.uuid()).collect();
    let settled: Vec<i64> = matches.iter().map(|row| row.settled).collect();
    sqlx::query!(
        "update receipt_match m set settled = now.settled
         from unnest($3::uuid[], $4::bigint[]) as now (declaration_id, settled)
         where m.slot = $1 and m.receipt_id = $2 and m.declaration_id = now.declaration_id",
        receipt.slot.column(),
        receipt.id,
        &declarations,
        &settled
    )
    .execute(tx)
    .await?;
    Ok(())
}
