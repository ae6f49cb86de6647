//! Rates that banks bind themselves to, as rows.

use domain::Slot;
use domain::payment::ledger::Currency;
use sqlx::PgConnection;
use store::{Fault, column};
use time::OffsetDateTime;
use uuid::Uuid;

use super::currency;

/// A rate that a bank binds itself to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuoteRow {
    pub(crate) slot: Slot,
    pub(crate) id: Uuid,
    pub(crate) receipt: Uuid,
    pub(crate) owner: String,
    pub(crate) currency: Currency,
    pub(crate) rate_e8: i64,
    pub(crate) source: String,
    pub(crate) fixes_bought: bool,
    pub(crate) sold: i64,
    pub(crate) bought_fen: i64,
    pub(crate) as_of: OffsetDateTime,
    pub(crate) valid_until: OffsetDateTime,
}

/// Writes a quote.
pub(crate) async fn insert_quote(tx: &mut PgConnection, row: &QuoteRow) -> Result<(), Fault> {
    sqlx::query!(
        "insert into forex_quote (slot, id, receipt_id, owner, currency, rate_e8, source, fixes_bought,
                                  sold, bought_fen, as_of, valid_until)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        row.slot.column(),
        row.id,
        row.receipt,
        row.owner,
        row.currency.letters(),
        row.rate_e8,
        row.source,
        row.fixes_bought,
        row.sold,
        row.bought_fen,
        row.as_of,
        row.valid_until
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A quote by its id.
pub(crate) async fn quote(tx: &mut PgConnection, id: Uuid) -> Result<Option<QuoteRow>, Fault> {
    let row = sqlx::query!(
        "select slot, id, receipt_id, owner, currency, rate_e8, source, fixes_bought, sold, bought_fen,
                as_of, valid_until
         from forex_quote where id = $1",
        id
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        Ok(QuoteRow {
            slot: column::slot(row.slot)?,
            id: row.id,
            receipt: row.receipt_id,
            owner: row.owner,
            currency: currency(&row.currency)?,
            rate_e8: row.rate_e8,
            source: row.source,
            fixes_bought: row.fixes_bought,
            sold: row.sold,
            bought_fen: row.bought_fen,
            as_of: row.as_of,
            valid_until: row.valid_until,
        })
    })
    .transpose()
}
