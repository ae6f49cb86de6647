//! What was declared to the balance of payments, as rows.

use std::collections::BTreeMap;

use domain::Slot;
use domain::payment::forex::ForexRecord;
use sqlx::PgConnection;
use store::Fault;
use time::OffsetDateTime;
use uuid::Uuid;

use super::receipt_rows::ReceiptRow;

/// What was declared of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeclaredPayment {
    pub(crate) number: i32,
    pub(crate) record: ForexRecord,
    pub(crate) country: String,
    pub(crate) is_refund: bool,
    pub(crate) time: OffsetDateTime,
}

/// The newest of what was declared, by receipt.
pub(crate) async fn declared(
    tx: &mut PgConnection,
    receipts: &[(Slot, Uuid)],
) -> Result<BTreeMap<Uuid, DeclaredPayment>, Fault> {
    let (slots, ids): (Vec<i16>, Vec<Uuid>) =
        receipts.iter().map(|(slot, id)| (slot.column(), *id)).unzip();
    let rows = sqlx::query!(
        "select distinct on (p.receipt_id) p.receipt_id, number, code, note, country, basic_until,
                declared_until, needs_report, is_refund, declared_time
         from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
         join payments_declaration p on p.slot = wanted.slot and p.receipt_id = wanted.id
         order by p.receipt_id, number desc",
        &slots,
        &ids
    )
    .fetch_all(tx)
    .await?;
    let found = rows.into_iter().map(|row| {
        let record = ForexRecord {
            code: row.code,
            note: row.note,
            basic_until: row.basic_until,
            declared_until: row.declared_until,
            needs_report: row.needs_report,
            needs_settlement: false,
        };
        let (number, country, is_refund) = (row.number, row.country, row.is_refund);
        let time = row.declared_time;
        (row.receipt_id, DeclaredPayment { number, record, country, is_refund, time })
    });
    Ok(found.collect())
}

/// Writes what is declared.
pub(crate) async fn insert_declared(
    tx: &mut PgConnection,
    receipt: &ReceiptRow,
    declared: &DeclaredPayment,
    actor: &str,
) -> Result<(), Fault> {
    let DeclaredPayment { number, record, country, is_refund, time } = declared;
    sqlx::query!(
        "insert into payments_declaration (slot, receipt_id, number, owner, code, note, country,
                                           basic_until, declared_until, needs_report, is_refund, actor,
                                           declared_time)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        receipt.slot.column(),
        receipt.id,
        number,
        receipt.owner,
        record.code,
        record.note,
        country,
        record.basic_until,
        record.declared_until,
        record.needs_report,
        is_refund,
        actor,
        time
    )
    .execute(tx)
    .await?;
    Ok(())
}
