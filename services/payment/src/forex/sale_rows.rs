//! Exports for which money comes, as rows.

use std::collections::{BTreeMap, BTreeSet};

use domain::DeclarationId;
use domain::payment::ledger::Currency;
use sqlx::PgConnection;
use store::{Fault, column};
use time::OffsetDateTime;
use uuid::Uuid;

use super::currency;

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
