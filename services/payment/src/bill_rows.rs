//! Bills and payment orders as their transaction sees them, and the columns that they are kept in.

use std::collections::BTreeMap;

use domain::CHINA;
use domain::payment::bill::{BillStatus, BilledLine};
use domain::{DeclarationId, Slot};
use proto::duty::DutyCase;
use sqlx::PgConnection;
use store::{Fault, column};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

/// Bills that are collected into one payment order at most.
pub(crate) const ORDER_BILLS_MAX: i64 = 500;

/// The bill of a declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BillRow {
    pub(crate) id: DeclarationId,
    pub(crate) payer: String,
    pub(crate) invt_no: String,
    pub(crate) status: BillStatus,
    /// What was given back of it.
    pub(crate) returned_fen: i64,
    pub(crate) released_time: OffsetDateTime,
    pub(crate) due_from: Date,
    pub(crate) due_until: Date,
    /// From when on it is collected.
    pub(crate) collect_time: OffsetDateTime,
    /// Number of its payment order; empty without one.
    pub(crate) ent_duty_no: String,
    pub(crate) case: DutyCase,
}

impl BillRow {
    /// Where the money of its payer is.
    pub(crate) fn slot(&self) -> Slot {
        Slot::of(&self.payer)
    }

    /// What is owed of it.
    pub(crate) fn left_fen(&self) -> i64 {
        self.case.total_fen() - self.returned_fen
    }

    /// Its lines, as goods that come back find them.
    pub(crate) fn billed(&self) -> Vec<BilledLine> {
        self.case.lines.iter().map(|line| line.billed).collect()
    }
}

/// What is collected of a firm's bills (缴款书).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DutyOrderRow {
    pub(crate) ent_duty_no: String,
    pub(crate) payer: String,
    /// Of its first bill.
    pub(crate) declaration: DeclarationId,
    pub(crate) amount_fen: i64,
    pub(crate) bills: i32,
    pub(crate) made_time: OffsetDateTime,
    pub(crate) due_until: Date,
    /// What the bank paid of it so far.
    pub(crate) paid_fen: i64,
    pub(crate) paid_time: Option<OffsetDateTime>,
    /// Under which id the bank was told of it.
    pub(crate) bank_order: Uuid,
    /// Why the bank did not pay it, as it says.
    pub(crate) reason: String,
}

/// A status as it is in its column.
pub(crate) fn status_column(status: BillStatus) -> i16 {
    match status {
        BillStatus::MadeOut => 1,
        BillStatus::Collected => 2,
        BillStatus::Void => 3,
    }
}

/// A status from its column.
pub(crate) fn status(found: i16) -> Result<BillStatus, Fault> {
    let all = [BillStatus::MadeOut, BillStatus::Collected, BillStatus::Void];
    column::value("status of a bill", all, status_column, found)
}

/// The number of the bill of an inventory. How customs numbers its bills is not published; there is one for an
/// inventory.
pub(crate) fn tax_no(invt_no: &str) -> String {
    format!("T{invt_no}")
}

/// Loads bills by the slots of their payers and their declarations; what does not exist is left out.
pub(crate) async fn load(
    tx: &mut PgConnection,
    ids: impl IntoIterator<Item = (Slot, DeclarationId)>,
) -> Result<BTreeMap<DeclarationId, BillRow>, Fault> {
    let (slots, ids): (Vec<i16>, Vec<Uuid>) =
        ids.into_iter().map(|(slot, id)| (slot.column(), id.uuid())).unzip();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = sqlx::query!(
        "select b.declaration_id, b.payer, b.invt_no, b.status, b.returned_fen, b.released_time,
                b.due_from, b.due_until, b.collect_time, b.ent_duty_no, b.body
         from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
         join bill b on b.slot = wanted.slot and b.declaration_id = wanted.id",
        &slots,
        &ids
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let id = DeclarationId::from_uuid(row.declaration_id);
            let damaged = |_| Fault::Broken(format!("the bill of {id} cannot be read"));
            let bill = BillRow {
                id,
                payer: row.payer,
                invt_no: row.invt_no,
                status: status(row.status)?,
                returned_fen: row.returned_fen,
                released_time: row.released_time,
                due_from: row.due_from,
                due_until: row.due_until,
                collect_time: row.collect_time,
                ent_duty_no: row.ent_duty_no,
                case: DutyCase::decode(&row.body).map_err(damaged)?,
            };
            Ok((id, bill))
        })
        .collect()
}

/// The bill of an inventory, by the slot of its payer and its declaration.
pub(crate) async fn of_inventory(
    tx: &mut PgConnection,
    invt_no: &str,
) -> Result<Option<(Slot, DeclarationId)>, Fault> {
    let found =
        sqlx::query!("select slot, declaration_id from bill where invt_no = $1 limit 1", invt_no)
            .fetch_optional(tx)
            .await?;
    let place = |slot, id| Ok((column::slot(slot)?, DeclarationId::from_uuid(id)));
    found.map(|row| place(row.slot, row.declaration_id)).transpose()
}

/// The bill of a declaration, by the slot of its payer.
pub(crate) async fn of_declaration(
    tx: &mut PgConnection,
    id: DeclarationId,
) -> Result<Option<(Slot, DeclarationId)>, Fault> {
    let found =
        sqlx::query_scalar!("select slot from bill where declaration_id = $1 limit 1", id.uuid())
            .fetch_optional(tx)
            .await?;
    found.map(|slot| Ok((column::slot(slot)?, id))).transpose()
}

/// Bills of a payer that are to be collected, the oldest first. One whose goods are awaited is collected on its last
/// day, not before.
pub(crate) async fn to_collect(
    tx: &mut PgConnection,
    payer: &str,
    now: OffsetDateTime,
) -> Result<Vec<DeclarationId>, Fault> {
    let found = sqlx::query_scalar!(
        "select declaration_id from bill b
         where slot = $1 and payer = $2 and status = 1 and collect_time <= $3
           and (due_until <= $5 or not exists (
                select from import_return r
                where r.slot = b.slot and r.declaration_id = b.declaration_id and r.state = 1))
         order by collect_time, declaration_id limit $4",
        Slot::of(payer).column(),
        payer,
        now,
        ORDER_BILLS_MAX,
        now.to_offset(CHINA).date()
    )
    .fetch_all(tx)
    .await?;
    Ok(found.into_iter().map(DeclarationId::from_uuid).collect())
}

/// The bills of a payment order.
pub(crate) async fn of_order(
    tx: &mut PgConnection,
    slot: Slot,
    ent_duty_no: &str,
) -> Result<Vec<DeclarationId>, Fault> {
    let found = sqlx::query_scalar!(
        "select declaration_id from bill where slot = $1 and ent_duty_no = $2 and ent_duty_no <> ''",
        slot.column(),
        ent_duty_no
    )
    .fetch_all(tx)
    .await?;
    Ok(found.into_iter().map(DeclarationId::from_uuid).collect())
}

/// A payment order; `None` when there is none of that number in the slot.
pub(crate) async fn order(
    tx: &mut PgConnection,
    slot: Slot,
    ent_duty_no: &str,
) -> Result<Option<DutyOrderRow>, Fault> {
    let found = sqlx::query!(
        "select ent_duty_no, payer, declaration_id, amount_fen, bills, made_time, due_until, paid_fen,
                paid_time, bank_order, reason
         from duty_order where slot = $1 and ent_duty_no = $2",
        slot.column(),
        ent_duty_no
    )
    .fetch_optional(tx)
    .await?;
    Ok(found.map(|row| DutyOrderRow {
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
    }))
}

/// What a bank was told to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderedDuty {
    pub(crate) payer: String,
    pub(crate) ent_duty_no: String,
}

/// Payment orders by the ids under which banks know them.
pub(crate) async fn ordered(
    tx: &mut PgConnection,
    ids: &[Uuid],
) -> Result<BTreeMap<Uuid, OrderedDuty>, Fault> {
    let rows = sqlx::query!(
        "select bank_order, payer, ent_duty_no from duty_order where bank_order = any($1)",
        ids
    )
    .fetch_all(tx)
    .await?;
    let ordered = |payer, ent_duty_no| OrderedDuty { payer, ent_duty_no };
    Ok(rows.into_iter().map(|row| (row.bank_order, ordered(row.payer, row.ent_duty_no))).collect())
}

/// Writes why a bank did not pay an order; whether that is news.
pub(crate) async fn write_reason(
    tx: &mut PgConnection,
    order: &OrderedDuty,
    reason: &str,
) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "update duty_order set reason = $3
         where slot = $1 and ent_duty_no = $2 and paid_time is null and reason <> $3",
        Slot::of(&order.payer).column(),
        order.ent_duty_no,
        reason
    )
    .execute(tx)
    .await?;
    Ok(written.rows_affected() > 0)
}

/// Writes bills.
pub(crate) async fn write(
    tx: &mut PgConnection,
    bills: &[&BillRow],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if bills.is_empty() {
        return Ok(());
    }
    let amount = |of: fn(&DutyCase) -> i64| bills.iter().map(|bill| of(&bill.case)).collect();
    let slots: Vec<i16> = bills.iter().map(|bill| bill.slot().column()).collect();
    let ids: Vec<Uuid> = bills.iter().map(|bill| bill.id.uuid()).collect();
    let payers: Vec<&str> = bills.iter().map(|bill| bill.payer.as_str()).collect();
    let tax_nos: Vec<String> = bills.iter().map(|bill| tax_no(&bill.invt_no)).collect();
    let invt_nos: Vec<&str> = bills.iter().map(|bill| bill.invt_no.as_str()).collect();
    let statuses: Vec<i16> = bills.iter().map(|bill| status_column(bill.status)).collect();
    let customs: Vec<i64> = amount(|case| case.customs_tax_fen);
    let vat: Vec<i64> = amount(|case| case.vat_fen);
    let consumption: Vec<i64> = amount(|case| case.consumption_fen);
    let returned: Vec<i64> = bills.iter().map(|bill| bill.returned_fen).collect();
    let released: Vec<OffsetDateTime> = bills.iter().map(|bill| bill.released_time).collect();
    let from: Vec<Date> = bills.iter().map(|bill| bill.due_from).collect();
    let until: Vec<Date> = bills.iter().map(|bill| bill.due_until).collect();
    let collected: Vec<OffsetDateTime> = bills.iter().map(|bill| bill.collect_time).collect();
    let orders: Vec<&str> = bills.iter().map(|bill| bill.ent_duty_no.as_str()).collect();
    let bodies: Vec<Vec<u8>> = bills.iter().map(|bill| bill.case.encode()).collect();
    sqlx::query!(
        "insert into bill (slot, declaration_id, payer, tax_no, invt_no, status, customs_tax_fen,
                           vat_fen, consumption_fen, returned_fen, released_time, due_from, due_until,
                           collect_time, ent_duty_no, body, changed_time)
         select *, $17::timestamptz
         from unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::smallint[],
                     $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::timestamptz[],
                     $12::date[], $13::date[], $14::timestamptz[], $15::text[], $16::bytea[])
         on conflict (slot, declaration_id) do update
         set status = excluded.status, returned_fen = excluded.returned_fen,
             ent_duty_no = excluded.ent_duty_no, body = excluded.body,
             changed_time = excluded.changed_time",
        &slots,
        &ids,
        &payers as &[&str],
        &tax_nos,
        &invt_nos as &[&str],
        &statuses,
        &customs,
        &vat,
        &consumption,
        &returned,
        &released,
        &from,
        &until,
        &collected,
        &orders as &[&str],
        &bodies,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes payment orders.
pub(crate) async fn write_orders(
    tx: &mut PgConnection,
    orders: &[DutyOrderRow],
) -> Result<(), Fault> {
    for order in orders {
        sqlx::query!(
            "insert into duty_order (slot, ent_duty_no, payer, declaration_id, amount_fen, bills,
                                     made_time, due_until, paid_fen, paid_time, bank_order, reason)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             on conflict (slot, ent_duty_no) do update
             set amount_fen = excluded.amount_fen, paid_fen = excluded.paid_fen,
                 paid_time = excluded.paid_time, reason = excluded.reason",
            Slot::of(&order.payer).column(),
            order.ent_duty_no,
            order.payer,
            order.declaration.uuid(),
            order.amount_fen,
            order.bills,
            order.made_time,
            order.due_until,
            order.paid_fen,
            order.paid_time,
            order.bank_order,
            order.reason
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// When a bill whose goods are awaited is collected: on its last day.
pub(crate) fn collected_at_last(due_until: time::Date) -> OffsetDateTime {
    due_until.midnight().assume_offset(CHINA)
}
