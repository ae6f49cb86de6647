//! Receipts of money from abroad, as rows.

use domain::Slot;
use domain::payment::ledger::Currency;
use proto::forex::ReceiptDetails;
use sqlx::PgConnection;
use store::cipher::{Cell, Cipher};
use store::{Fault, column};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::currency;

/// How a receipt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReceiptStand {
    Unmatched,
    Matched,
    Reversed,
    /// Taken back after it was settled or ordered: the firm owes it to the bank.
    Owed,
}

impl ReceiptStand {
    const ALL: [Self; 4] = [Self::Unmatched, Self::Matched, Self::Reversed, Self::Owed];

    /// As it is kept.
    pub(crate) fn column(self) -> i16 {
        match self {
            Self::Unmatched => 1,
            Self::Matched => 2,
            Self::Reversed => 3,
            Self::Owed => 4,
        }
    }
}

/// Money that came from abroad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReceiptRow {
    pub(crate) slot: Slot,
    pub(crate) id: Uuid,
    pub(crate) owner: String,
    pub(crate) line: String,
    pub(crate) currency: Currency,
    pub(crate) amount: i64,
    pub(crate) charges: i64,
    pub(crate) booked: Date,
    pub(crate) reference: String,
    pub(crate) state: ReceiptStand,
    pub(crate) why: (String, String),
    pub(crate) ordered: i64,
    pub(crate) settled: i64,
    pub(crate) kept: i64,
    pub(crate) owed: i64,
    /// When the bank took it back.
    pub(crate) back_on: Option<Date>,
    pub(crate) matchings: i32,
    pub(crate) usd_cents: i64,
}

impl ReceiptRow {
    /// What came to the account.
    pub(crate) fn net(&self) -> i64 {
        self.amount - self.charges
    }

    /// What was ordered, settled or kept.
    pub(crate) fn spent(&self) -> i64 {
        self.ordered + self.settled + self.kept
    }

    /// The bank took it back, whether it was spent by then or not.
    pub(crate) fn is_reversed(&self) -> bool {
        matches!(self.state, ReceiptStand::Reversed | ReceiptStand::Owed)
    }

    /// What can be settled or kept.
    pub(crate) fn available(&self) -> i64 {
        if self.state == ReceiptStand::Matched { self.net() - self.spent() } else { 0 }
    }
}

/// A row of receipts.
struct ReceiptRecord {
    slot: i16,
    id: Uuid,
    owner: String,
    line: String,
    currency: String,
    amount: i64,
    charges: i64,
    booked: Date,
    reference: String,
    state: i16,
    why: String,
    why_zh: String,
    ordered: i64,
    settled: i64,
    kept: i64,
    owed: i64,
    back_on: Option<Date>,
    matchings: i32,
    usd_cents: i64,
}

fn receipt(row: ReceiptRecord) -> Result<ReceiptRow, Fault> {
    Ok(ReceiptRow {
        slot: column::slot(row.slot)?,
        id: row.id,
        owner: row.owner,
        line: row.line,
        currency: currency(&row.currency)?,
        amount: row.amount,
        charges: row.charges,
        booked: row.booked,
        reference: row.reference,
        state: column::value(
            "state of a receipt",
            ReceiptStand::ALL,
            ReceiptStand::column,
            row.state,
        )?,
        why: (row.why, row.why_zh),
        ordered: row.ordered,
        settled: row.settled,
        kept: row.kept,
        owed: row.owed,
        back_on: row.back_on,
        matchings: row.matchings,
        usd_cents: row.usd_cents,
    })
}

/// A receipt by its id.
pub(crate) async fn receipt_by_id(
    tx: &mut PgConnection,
    id: Uuid,
) -> Result<Option<ReceiptRow>, Fault> {
    let row = sqlx::query_as!(
        ReceiptRecord,
        "select slot, id, owner, line, currency, amount, charges, booked, reference, state, why, why_zh,
                ordered, settled, kept, owed, back_on, matchings, usd_cents
         from forex_receipt where id = $1",
        id
    )
    .fetch_optional(tx)
    .await?;
    row.map(receipt).transpose()
}

/// The receipt that a bank takes back: of this net amount, not taken back yet, whose reference is one of these.
pub(crate) async fn receipt_to_reverse(
    tx: &mut PgConnection,
    owner: &str,
    (currency, net): (Currency, i64),
    references: &[String],
) -> Result<Option<ReceiptRow>, Fault> {
    let row = sqlx::query_as!(
        ReceiptRecord,
        "select slot, id, owner, line, currency, amount, charges, booked, reference, state, why, why_zh,
                ordered, settled, kept, owed, back_on, matchings, usd_cents
         from forex_receipt
         where owner = $1 and currency = $2 and amount - charges = $3 and state < 3
           and reference <> '' and reference = any($4)
         order by id limit 1",
        owner,
        currency.letters(),
        net,
        references
    )
    .fetch_optional(tx)
    .await?;
    row.map(receipt).transpose()
}

/// The receipt that a firm owes to its bank, of which it pays so much: the bank names it by its reference.
pub(crate) async fn receipt_owed(
    tx: &mut PgConnection,
    owner: &str,
    (currency, amount): (Currency, i64),
    references: &[String],
) -> Result<Option<ReceiptRow>, Fault> {
    let row = sqlx::query_as!(
        ReceiptRecord,
        "select slot, id, owner, line, currency, amount, charges, booked, reference, state, why, why_zh,
                ordered, settled, kept, owed, back_on, matchings, usd_cents
         from forex_receipt
         where owner = $1 and currency = $2 and owed >= $3 and state = 4 and reference = any($4)
         order by id limit 1",
        owner,
        currency.letters(),
        amount,
        references
    )
    .fetch_optional(tx)
    .await?;
    row.map(receipt).transpose()
}

/// Receipts of a firm in a currency that wait to be matched, with what only it may read; the newest first.
pub(crate) async fn unmatched(
    tx: &mut PgConnection,
    cipher: &Cipher,
    (owner, currency): (&str, Currency),
    count: i64,
) -> Result<Vec<(Uuid, ReceiptDetails)>, Fault> {
    let rows = sqlx::query!(
        "select slot, id, body from forex_receipt
         where owner = $1 and currency = $2 and state = 1
         order by id desc limit $3",
        owner,
        currency.letters(),
        count
    )
    .fetch_all(tx)
    .await?;
    let details = rows.into_iter().map(|row| {
        let slot = column::slot(row.slot)?;
        let cell = Cell { column: "forex_receipt.body", slot, key: row.id.as_bytes() };
        let details = ReceiptDetails::decode(&cipher.decrypt(cell, row.body)?);
        let damaged =
            || Fault::Broken(format!("the texts of the receipt {} cannot be read", row.id));
        Ok((row.id, details.ok_or_else(damaged)?))
    });
    details.collect()
}

/// A page of receipts, newest first, of firms that a caller sees.
pub(crate) async fn receipts_of(
    pool: &sqlx::PgPool,
    (before, count): (Uuid, i64),
    owners: Option<&[String]>,
    (owner, state): (&str, Option<ReceiptStand>),
) -> Result<Vec<ReceiptRow>, Fault> {
    let rows = sqlx::query_as!(
        ReceiptRecord,
        "select slot, id, owner, line, currency, amount, charges, booked, reference, state, why, why_zh,
                ordered, settled, kept, owed, back_on, matchings, usd_cents
         from forex_receipt
         where id < $1 and ($3::text[] is null or owner = any($3)) and ($4 = '' or owner = $4)
           and ($5::smallint is null or state = $5)
         order by id desc limit $2",
        before,
        count,
        owners,
        owner,
        state.map(ReceiptStand::column)
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(receipt).collect()
}

/// Writes a new receipt, with what only its owner may read.
pub(crate) async fn insert_receipt(
    tx: &mut PgConnection,
    cipher: &Cipher,
    row: &ReceiptRow,
    details: &ReceiptDetails,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let cell = Cell { column: "forex_receipt.body", slot: row.slot, key: row.id.as_bytes() };
    let body = cipher.encrypt(cell, &details.encode())?;
    sqlx::query!(
        "insert into forex_receipt (slot, id, owner, line, currency, amount, charges, booked, reference,
                                    state, why, why_zh, usd_cents, changed_time, body)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        row.slot.column(),
        row.id,
        row.owner,
        row.line,
        row.currency.letters(),
        row.amount,
        row.charges,
        row.booked,
        row.reference,
        row.state.column(),
        row.why.0,
        row.why.1,
        row.usd_cents,
        now,
        body
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes how a receipt stands.
pub(crate) async fn update_receipt(
    tx: &mut PgConnection,
    row: &ReceiptRow,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    sqlx::query!(
        "update forex_receipt set state = $3, why = $4, why_zh = $5, ordered = $6, settled = $7,
                kept = $8, matchings = $9, owed = $10, back_on = $11,
                changed_time = $12
         where slot = $1 and id = $2",
        row.slot.column(),
        row.id,
        row.state.column(),
        row.why.0,
        row.why.1,
        row.ordered,
        row.settled,
        row.kept,
        row.matchings,
        row.owed,
        row.back_on,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What a firm received in these days, in US cents, without this receipt and what was taken back.
pub(crate) async fn received_usd_cents(
    tx: &mut PgConnection,
    owner: &str,
    (from, until): (Date, Date),
    without: Uuid,
) -> Result<i64, Fault> {
    let sum = sqlx::query_scalar!(
        r#"select least(coalesce(sum(usd_cents), 0), 9223372036854775807)::bigint as "sum!"
           from forex_receipt
           where owner = $1 and booked >= $2 and booked <= $3 and id <> $4 and state < 3"#,
        owner,
        from,
        until,
        without
    )
    .fetch_one(tx)
    .await?;
    Ok(sum)
}
