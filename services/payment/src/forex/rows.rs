//! The rows of money from abroad.

use std::collections::{BTreeMap, BTreeSet};

use domain::payment::forex::{Channel, ForexClass, ForexRecord};
use domain::payment::ledger::Currency;
use domain::{DeclarationId, Slot};
use proto::forex::ReceiptDetails;
use sqlx::PgConnection;
use store::cipher::{Cell, Cipher};
use store::{Fault, column};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

/// How an export stands, for its money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaleState {
    Filed,
    Released,
    Ended,
}

impl SaleState {
    const ALL: [Self; 3] = [Self::Filed, Self::Released, Self::Ended];

    fn column(self) -> i16 {
        match self {
            Self::Filed => 1,
            Self::Released => 2,
            Self::Ended => 3,
        }
    }
}

/// An export for which money comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SaleRow {
    pub(crate) id: DeclarationId,
    pub(crate) version: u32,
    pub(crate) firm: String,
    pub(crate) ebc_code: String,
    pub(crate) order_no: String,
    pub(crate) trade_mode: String,
    pub(crate) country: String,
    pub(crate) goods: String,
    pub(crate) in_statistics: bool,
    pub(crate) currency: Currency,
    pub(crate) amount: i64,
    pub(crate) state: SaleState,
    pub(crate) received: i64,
    pub(crate) receipts: i32,
    pub(crate) settled: i64,
    pub(crate) filed_time: OffsetDateTime,
}

impl SaleRow {
    /// What is still to come.
    pub(crate) fn due(&self) -> i64 {
        self.amount - self.received
    }
}

/// How a receipt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReceiptStand {
    Unmatched,
    Matched,
    Reversed,
}

impl ReceiptStand {
    const ALL: [Self; 3] = [Self::Unmatched, Self::Matched, Self::Reversed];

    /// As it is kept.
    pub(crate) fn column(self) -> i16 {
        match self {
            Self::Unmatched => 1,
            Self::Matched => 2,
            Self::Reversed => 3,
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

    /// What can be settled or kept.
    pub(crate) fn available(&self) -> i64 {
        if self.state == ReceiptStand::Matched { self.net() - self.spent() } else { 0 }
    }
}

/// What of a receipt is for an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatchRow {
    pub(crate) declaration: DeclarationId,
    pub(crate) amount: i64,
    pub(crate) fee: i64,
    pub(crate) settled: i64,
    pub(crate) by_hand: bool,
}

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

/// How an order to settle stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SettlementStand {
    Ordered,
    Taken,
    Executed,
    PartlyExecuted,
    Rejected,
}

impl SettlementStand {
    const ALL: [Self; 5] =
        [Self::Ordered, Self::Taken, Self::Executed, Self::PartlyExecuted, Self::Rejected];

    fn column(self) -> i16 {
        match self {
            Self::Ordered => 1,
            Self::Taken => 2,
            Self::Executed => 3,
            Self::PartlyExecuted => 4,
            Self::Rejected => 5,
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
    pub(crate) reason: String,
    pub(crate) ordered_time: OffsetDateTime,
    pub(crate) changed_time: OffsetDateTime,
}

/// How SAFE supervises a firm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForexFirm {
    pub(crate) class: ForexClass,
    pub(crate) is_listed: bool,
    pub(crate) channel: Channel,
}

impl Default for ForexFirm {
    fn default() -> Self {
        Self { class: ForexClass::A, is_listed: false, channel: Channel::BankOnTransactions }
    }
}

fn class_column(class: ForexClass) -> i16 {
    match class {
        ForexClass::A => 1,
        ForexClass::B => 2,
        ForexClass::C => 3,
    }
}

fn channel_column(channel: Channel) -> i16 {
    match channel {
        Channel::BankOnDocuments => 1,
        Channel::BankOnTransactions => 2,
        Channel::Institution => 3,
    }
}

fn currency(letters: &str) -> Result<Currency, Fault> {
    let unknown = || Fault::Broken(format!("the database holds the currency {letters}"));
    Currency::of(letters).ok_or_else(unknown)
}

/// A row of sales.
struct SaleRecord {
    declaration_id: Uuid,
    version: i32,
    firm: String,
    ebc_code: String,
    order_no: String,
    trade_mode: String,
    country: String,
    goods: String,
    in_statistics: bool,
    currency: String,
    amount: i64,
    state: i16,
    received: i64,
    receipts: i32,
    settled: i64,
    filed_time: OffsetDateTime,
}

fn sale(row: SaleRecord) -> Result<SaleRow, Fault> {
    Ok(SaleRow {
        id: DeclarationId::from_uuid(row.declaration_id),
        version: column::number(row.version)?,
        firm: row.firm,
        ebc_code: row.ebc_code,
        order_no: row.order_no,
        trade_mode: row.trade_mode,
        country: row.country,
        goods: row.goods,
        in_statistics: row.in_statistics,
        currency: currency(&row.currency)?,
        amount: row.amount,
        state: column::value("state of a sale", SaleState::ALL, SaleState::column, row.state)?,
        received: row.received,
        receipts: row.receipts,
        settled: row.settled,
        filed_time: row.filed_time,
    })
}

/// Loads sales; one that is not known is left out.
pub(crate) async fn sales(
    tx: &mut PgConnection,
    ids: &BTreeSet<DeclarationId>,
) -> Result<BTreeMap<DeclarationId, SaleRow>, Fault> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let slots: Vec<i16> = ids.iter().map(|id| id.slot().column()).collect();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query_as!(
        SaleRecord,
        "select s.declaration_id, version, firm, ebc_code, order_no, trade_mode, country, goods,
                in_statistics, currency, amount, state, received, receipts, settled, filed_time
         from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
         join export_sale s on s.slot = wanted.slot and s.declaration_id = wanted.id",
        &slots,
        &ids
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|row| sale(row).map(|row| (row.id, row))).collect()
}

/// Sales of orders with these numbers that a firm may receive money for, the oldest first.
pub(crate) async fn sales_named(
    tx: &mut PgConnection,
    receiver: &str,
    order_nos: &[String],
) -> Result<Vec<SaleRow>, Fault> {
    let rows = sqlx::query_as!(
        SaleRecord,
        "select declaration_id, version, firm, ebc_code, order_no, trade_mode, country, goods,
                in_statistics, currency, amount, state, received, receipts, settled, filed_time
         from export_sale
         where order_no = any($2) and (firm = $1 or ebc_code = $1) and state <> 3
         order by filed_time, declaration_id",
        receiver,
        order_nos
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(sale).collect()
}

/// A page of sales, newest first, of firms that a caller sees.
pub(crate) async fn sales_of(
    pool: &sqlx::PgPool,
    (before, count): (Uuid, i64),
    owners: Option<&[String]>,
    (owner, only_open): (&str, bool),
) -> Result<Vec<SaleRow>, Fault> {
    let rows = sqlx::query_as!(
        SaleRecord,
        "select declaration_id, version, firm, ebc_code, order_no, trade_mode, country, goods,
                in_statistics, currency, amount, state, received, receipts, settled, filed_time
         from export_sale
         where declaration_id < $1 and ($3::text[] is null or firm = any($3) or ebc_code = any($3))
           and ($4 = '' or firm = $4 or ebc_code = $4)
           and (not $5 or (state <> 3 and received < amount))
         order by declaration_id desc limit $2",
        before,
        count,
        owners,
        owner,
        only_open
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(sale).collect()
}

/// Writes sales.
pub(crate) async fn write_sales(
    tx: &mut PgConnection,
    sales: &[&SaleRow],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if sales.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = sales.iter().map(|it| it.id.slot().column()).collect();
    let ids: Vec<Uuid> = sales.iter().map(|it| it.id.uuid()).collect();
    let versions = sales.iter().map(|it| column::integer(it.version));
    let versions: Vec<i32> = versions.collect::<Result<_, _>>()?;
    let firms: Vec<&str> = sales.iter().map(|it| it.firm.as_str()).collect();
    let sellers: Vec<&str> = sales.iter().map(|it| it.ebc_code.as_str()).collect();
    let orders: Vec<&str> = sales.iter().map(|it| it.order_no.as_str()).collect();
    let modes: Vec<&str> = sales.iter().map(|it| it.trade_mode.as_str()).collect();
    let countries: Vec<&str> = sales.iter().map(|it| it.country.as_str()).collect();
    let goods: Vec<&str> = sales.iter().map(|it| it.goods.as_str()).collect();
    let counted: Vec<bool> = sales.iter().map(|it| it.in_statistics).collect();
    let currencies: Vec<&str> = sales.iter().map(|it| it.currency.letters()).collect();
    let amounts: Vec<i64> = sales.iter().map(|it| it.amount).collect();
    let states: Vec<i16> = sales.iter().map(|it| it.state.column()).collect();
    let received: Vec<i64> = sales.iter().map(|it| it.received).collect();
    let receipts: Vec<i32> = sales.iter().map(|it| it.receipts).collect();
    let settled: Vec<i64> = sales.iter().map(|it| it.settled).collect();
    let filed: Vec<OffsetDateTime> = sales.iter().map(|it| it.filed_time).collect();
    sqlx::query!(
        "insert into export_sale (slot, declaration_id, version, firm, ebc_code, order_no, trade_mode,
                                  country, goods, in_statistics, currency, amount, state, received,
                                  receipts, settled, filed_time, changed_time)
         select *, $18 from unnest($1::smallint[], $2::uuid[], $3::int[], $4::text[], $5::text[],
                                   $6::text[], $7::text[], $8::text[], $9::text[], $10::boolean[],
                                   $11::text[], $12::bigint[], $13::smallint[], $14::bigint[],
                                   $15::int[], $16::bigint[], $17::timestamptz[])
         on conflict (slot, declaration_id) do update
         set version = excluded.version, firm = excluded.firm, ebc_code = excluded.ebc_code,
             order_no = excluded.order_no, trade_mode = excluded.trade_mode,
             country = excluded.country, goods = excluded.goods,
             in_statistics = excluded.in_statistics, currency = excluded.currency,
             amount = excluded.amount, state = excluded.state, received = excluded.received,
             receipts = excluded.receipts, settled = excluded.settled,
             filed_time = excluded.filed_time, changed_time = excluded.changed_time",
        &slots,
        &ids,
        &versions,
        &firms as &[&str],
        &sellers as &[&str],
        &orders as &[&str],
        &modes as &[&str],
        &countries as &[&str],
        &goods as &[&str],
        &counted,
        &currencies as &[&str],
        &amounts,
        &states,
        &received,
        &receipts,
        &settled,
        &filed,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
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
                ordered, settled, kept, matchings, usd_cents
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
                ordered, settled, kept, matchings, usd_cents
         from forex_receipt
         where owner = $1 and currency = $2 and amount - charges = $3 and state <> 3
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
                ordered, settled, kept, matchings, usd_cents
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
                kept = $8, matchings = $9, changed_time = $10
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
           where owner = $1 and booked >= $2 and booked <= $3 and id <> $4 and state <> 3"#,
        owner,
        from,
        until,
        without
    )
    .fetch_one(tx)
    .await?;
    Ok(sum)
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
    for row in matches {
        sqlx::query!(
            "insert into receipt_match (slot, receipt_id, declaration_id, amount, fee, settled, by_hand,
                                        actor, matched_time)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            receipt.slot.column(),
            receipt.id,
            row.declaration.uuid(),
            row.amount,
            row.fee,
            row.settled,
            row.by_hand,
            actor,
            now
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Writes how much of a receipt was settled or kept, by export.
pub(crate) async fn update_match(
    tx: &mut PgConnection,
    receipt: &ReceiptRow,
    row: &MatchRow,
) -> Result<(), Fault> {
    sqlx::query!(
        "update receipt_match set settled = $4
         where slot = $1 and receipt_id = $2 and declaration_id = $3",
        receipt.slot.column(),
        receipt.id,
        row.declaration.uuid(),
        row.settled
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Those of these lines that were never taken; from now on they are.
pub(crate) async fn take_lines(
    tx: &mut PgConnection,
    slot: Slot,
    lines: &[String],
    now: OffsetDateTime,
) -> Result<BTreeSet<String>, Fault> {
    let new = sqlx::query_scalar!(
        "insert into bank_line (slot, line, taken_time) select $1, line, $3 from unnest($2::text[]) line
         on conflict do nothing returning line",
        slot.column(),
        lines,
        now
    )
    .fetch_all(tx)
    .await?;
    Ok(new.into_iter().collect())
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
    reason: String,
    ordered_time: OffsetDateTime,
    changed_time: OffsetDateTime,
}

fn settlement(row: SettlementRecord) -> Result<SettlementRow, Fault> {
    let all = SettlementStand::ALL;
    Ok(SettlementRow {
        slot: column::slot(row.slot)?,
        id: row.id,
        receipt: row.receipt_id,
        owner: row.owner,
        currency: currency(&row.currency)?,
        sold: row.sold,
        bought_fen: row.bought_fen,
        state: column::value("state of a settlement", all, SettlementStand::column, row.state)?,
        executed_sold: row.executed_sold,
        executed_fen: row.executed_fen,
        fee_fen: row.fee_fen,
        reason: row.reason,
        ordered_time: row.ordered_time,
        changed_time: row.changed_time,
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
                executed_fen, fee_fen, reason, ordered_time, changed_time
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
                executed_fen, fee_fen, reason, ordered_time, changed_time
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
                                 executed_sold, executed_fen, fee_fen, reason, ordered_time, changed_time)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         on conflict (slot, id) do update
         set state = excluded.state, executed_sold = excluded.executed_sold,
             executed_fen = excluded.executed_fen, fee_fen = excluded.fee_fen,
             reason = excluded.reason, changed_time = excluded.changed_time",
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
        row.changed_time
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// How SAFE supervises a firm; as most of them, where nobody said it.
pub(crate) async fn firm(tx: &mut PgConnection, owner: &str) -> Result<ForexFirm, Fault> {
    let row = sqlx::query!(
        "select class, is_listed, channel from forex_firm where slot = $1 and owner = $2",
        Slot::of(owner).column(),
        owner
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(ForexFirm::default()) };
    let classes = [ForexClass::A, ForexClass::B, ForexClass::C];
    let channels = [Channel::BankOnDocuments, Channel::BankOnTransactions, Channel::Institution];
    Ok(ForexFirm {
        class: column::value("class of a firm", classes, class_column, row.class)?,
        is_listed: row.is_listed,
        channel: column::value("channel", channels, channel_column, row.channel)?,
    })
}

/// Writes how a firm is supervised.
pub(crate) async fn write_firm(
    tx: &mut PgConnection,
    owner: &str,
    firm: ForexFirm,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into forex_firm (slot, owner, class, is_listed, channel, changed_time)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (slot, owner) do update
         set class = excluded.class, is_listed = excluded.is_listed, channel = excluded.channel,
             changed_time = excluded.changed_time",
        Slot::of(owner).column(),
        owner,
        class_column(firm.class),
        firm.is_listed,
        channel_column(firm.channel),
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

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
