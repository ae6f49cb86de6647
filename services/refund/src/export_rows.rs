//! Export lines as their transaction sees them, and the columns that they are kept in. The one place where a
//! line is judged: what it is entitled to, and where it stands in the list of its firm.

use std::collections::{BTreeMap, BTreeSet};

use domain::history::{ExportProgress, ExportStep};
use domain::tax_refund::entitlement::{Entitlement, LineStatus, Tables, urgency};
use domain::tax_refund::firm_terms::FirmTerms;
use domain::{DeclarationId, Slot};
use sqlx::PgConnection;
use store::{Fault, column};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::export_row::{ExportRow, Goods, mode_column, mode_of, money_column, money_of};
use crate::names::ExportName;
use crate::{invoice_rows, unreleased_rows};

pub(crate) fn standing_column(standing: LineStatus) -> i16 {
    match standing {
        LineStatus::ToRecover => 1,
        LineStatus::Claimable => 2,
        LineStatus::Waiting => 3,
        LineStatus::NotRefunded => 4,
        LineStatus::Done => 5,
    }
}

/// Where a line stands in the list of its firm.
fn place_in_list(name: ExportName, found: &Entitlement) -> String {
    urgency(&format!("{}{:05}", name.id, name.line), found)
}

/// The columns of a line as they are read.
pub(crate) struct ExportColumns {
    declaration_id: Uuid,
    line: i32,
    firm: String,
    version: i32,
    order_no: String,
    mode: i16,
    gcode: String,
    gname: String,
    unit: String,
    qty_e5: i64,
    currency: String,
    amount_e5: i64,
    released_time: OffsetDateTime,
    departed: Option<Date>,
    entry_id: String,
    money: i16,
    payment_by: Option<Date>,
    bought_e5: i64,
    claimed_e5: i64,
    returned_e5: i64,
    reminded: Option<Date>,
    sold_e5: i64,
    settled: bool,
    settle_by: Option<Date>,
}

impl TryFrom<ExportColumns> for ExportRow {
    type Error = Fault;

    fn try_from(row: ExportColumns) -> Result<Self, Fault> {
        Ok(Self {
            name: ExportName { id: DeclarationId::from_uuid(row.declaration_id), line: row.line },
            firm: row.firm,
            version: row.version,
            order_no: row.order_no,
            mode: mode_of(row.mode)?,
            gcode: row.gcode,
            gname: row.gname,
            unit: row.unit,
            qty_e5: row.qty_e5,
            currency: row.currency,
            amount_e5: row.amount_e5,
            released: Some(row.released_time),
            departed: row.departed,
            entry_id: row.entry_id,
            money: money_of(row.money)?,
            payment_by: row.payment_by,
            bought_e5: row.bought_e5,
            claimed_e5: row.claimed_e5,
            returned_e5: row.returned_e5,
            reminded: row.reminded,
            sold_e5: row.sold_e5,
            settled: row.settled,
            settle_by: row.settle_by,
        })
    }
}

pub(crate) fn rows(found: Vec<ExportColumns>) -> Result<Vec<ExportRow>, Fault> {
    found.into_iter().map(ExportRow::try_from).collect()
}

/// As a statement takes them; `None` where there is nothing to ask for.
fn uuids(ids: &BTreeSet<DeclarationId>) -> Option<Vec<Uuid>> {
    (!ids.is_empty()).then(|| ids.iter().map(|id| id.uuid()).collect())
}

/// Where the lines of these declarations lie.
pub(crate) async fn slots(
    tx: &mut PgConnection,
    ids: &BTreeSet<DeclarationId>,
) -> Result<Vec<i16>, Fault> {
    let Some(ids) = uuids(ids) else { return Ok(Vec::new()) };
    let found = sqlx::query_scalar!(
        "select distinct slot from export_line where declaration_id = any($1) and line = 1",
        &ids
    );
    let mut slots = found.fetch_all(&mut *tx).await?;
    slots.extend(unreleased_rows::slots(tx, &ids).await?);
    Ok(slots)
}

/// All lines of these declarations.
pub(crate) async fn of_declarations(
    tx: &mut PgConnection,
    ids: &BTreeSet<DeclarationId>,
) -> Result<Vec<ExportRow>, Fault> {
    let Some(ids) = uuids(ids) else { return Ok(Vec::new()) };
    let found = sqlx::query_as!(
        ExportColumns,
        "select e.declaration_id, e.line, e.firm, e.version, e.order_no, e.mode, e.gcode, e.gname, e.unit,
                e.qty_e5, e.currency, e.amount_e5, e.released_time, e.departed, e.entry_id, e.money,
                e.payment_by, e.bought_e5, e.claimed_e5, e.returned_e5, e.reminded, e.sold_e5, e.settled,
                e.settle_by
         from export_line f
         join export_line e on e.slot = f.slot and e.declaration_id = f.declaration_id
         where f.declaration_id = any($1) and f.line = 1 order by e.declaration_id, e.line",
        &ids
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut rows = rows(found)?;
    rows.extend(unreleased_rows::load(tx, &ids).await?);
    Ok(rows)
}

/// These lines, which lie in this slot.
pub(crate) async fn load(
    tx: &mut PgConnection,
    slot: Slot,
    names: &BTreeSet<ExportName>,
) -> Result<Vec<ExportRow>, Fault> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let (ids, lines): (Vec<Uuid>, Vec<i32>) =
        names.iter().map(|name| (name.id.uuid(), name.line)).unzip();
    let found = sqlx::query_as!(
        ExportColumns,
        "select e.declaration_id, e.line, e.firm, e.version, e.order_no, e.mode, e.gcode, e.gname, e.unit,
                e.qty_e5, e.currency, e.amount_e5, e.released_time, e.departed, e.entry_id, e.money,
                e.payment_by, e.bought_e5, e.claimed_e5, e.returned_e5, e.reminded, e.sold_e5, e.settled,
                e.settle_by
         from unnest($2::uuid[], $3::int[]) as wanted (id, line)
         join export_line e on e.slot = $1 and e.declaration_id = wanted.id and e.line = wanted.line",
        slot.column(),
        &ids,
        &lines
    )
    .fetch_all(tx)
    .await?;
    rows(found)
}

/// Lines of these goods for which there are not enough invoices, in a lasting order.
pub(crate) async fn unbought(
    tx: &mut PgConnection,
    goods: &Goods,
    most: i64,
) -> Result<Vec<ExportRow>, Fault> {
    let found = sqlx::query_as!(
        ExportColumns,
        "select declaration_id, line, firm, version, order_no, mode, gcode, gname, unit, qty_e5, currency,
                amount_e5, released_time, departed, entry_id, money, payment_by, bought_e5, claimed_e5,
                returned_e5, reminded, sold_e5, settled, settle_by
         from export_line
         where slot = $1 and firm = $2 and gcode = $3 and unit = $4
           and bought_e5 < qty_e5
         order by declaration_id, line limit $5",
        Slot::of(&goods.firm).column(),
        goods.firm,
        goods.gcode,
        goods.unit,
        most
    )
    .fetch_all(tx)
    .await?;
    rows(found)
}

/// What left until a day and is not wholly in claims, after a line, in a lasting order.
pub(crate) async fn unclaimed(
    tx: &mut PgConnection,
    firm: &str,
    until: Date,
    after: (Uuid, i32),
    most: i64,
) -> Result<Vec<ExportRow>, Fault> {
    let found = sqlx::query_as!(
        ExportColumns,
        "select declaration_id, line, firm, version, order_no, mode, gcode, gname, unit, qty_e5, currency,
                amount_e5, released_time, departed, entry_id, money, payment_by, bought_e5, claimed_e5,
                returned_e5, reminded, sold_e5, settled, settle_by
         from export_line
         where slot = $1 and firm = $2 and departed <= $3
           and claimed_e5 + returned_e5 < qty_e5 and (declaration_id, line) > ($4, $5)
         order by declaration_id, line limit $6",
        Slot::of(firm).column(),
        firm,
        until,
        after.0,
        after.1,
        most
    )
    .fetch_all(tx)
    .await?;
    rows(found)
}

/// Lines of a firm of which something is open, after a line, in a lasting order.
pub(crate) async fn of_firm(
    tx: &mut PgConnection,
    firm: &str,
    after: (Uuid, i32),
    most: i64,
) -> Result<Vec<ExportRow>, Fault> {
    let found = sqlx::query_as!(
        ExportColumns,
        "select declaration_id, line, firm, version, order_no, mode, gcode, gname, unit, qty_e5, currency,
                amount_e5, released_time, departed, entry_id, money, payment_by, bought_e5, claimed_e5,
                returned_e5, reminded, sold_e5, settled, settle_by
         from export_line
         where slot = $1 and firm = $2 and standing <> 5 and (declaration_id, line) > ($3, $4)
         order by declaration_id, line limit $5",
        Slot::of(firm).column(),
        firm,
        after.0,
        after.1,
        most
    )
    .fetch_all(tx)
    .await?;
    rows(found)
}

/// Takes down that goods of an export come back; by line, what was not known before.
pub(crate) async fn take_back(
    tx: &mut PgConnection,
    slot: Slot,
    id: DeclarationId,
    moved: &ExportProgress,
) -> Result<Vec<(i32, i64)>, Fault> {
    let lines: Vec<i32> =
        moved.lines.iter().map(|it| column::integer(it.gnum)).collect::<Result<_, _>>()?;
    let quantities: Vec<i64> = moved.lines.iter().map(|it| it.qty_e5).collect();
    let counted = (moved.step == ExportStep::CameBack).then_some(moved.day);
    let found = sqlx::query!(
        r#"insert into export_return as r (slot, declaration_id, line, number, qty_e5, allowed, counted)
           select $1, $2, n.line, $3, sum(n.qty_e5)::bigint, $4, $5
           from unnest($6::int[], $7::bigint[]) as n (line, qty_e5) group by n.line
           on conflict (slot, declaration_id, line, number) do update
           set counted = coalesce(r.counted, excluded.counted)
           returning line, qty_e5, (xmax = 0) as "is_new!""#,
        slot.column(),
        id.uuid(),
        moved.number,
        moved.day,
        counted,
        &lines,
        &quantities
    )
    .fetch_all(tx)
    .await?;
    Ok(found.into_iter().filter(|row| row.is_new).map(|row| (row.line, row.qty_e5)).collect())
}

/// The law and the day by which lines are judged.
#[derive(Clone, Copy)]
pub(crate) struct JudgingDay<'a> {
    pub(crate) tables: Tables<'a>,
    pub(crate) today: Date,
}

/// Writes lines with where they stand now.
pub(crate) async fn write(
    tx: &mut PgConnection,
    rows: &[&ExportRow],
    firms: &BTreeMap<String, FirmTerms>,
    by: JudgingDay<'_>,
) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut purchases = invoice_rows::purchases(&mut *tx, rows.iter().copied()).await?;
    let mut judged = Vec::with_capacity(rows.len());
    for row in rows {
        let firm = firms.get(&row.firm).ok_or_else(|| {
            Fault::Broken(format!("how {} gets its refunds was not loaded", row.firm))
        })?;
        // A line without purchases has none.
        let bought = purchases.remove(&row.name).unwrap_or_default();
        let (_, found) = row.judged(bought, firm, by.tables, by.today);
        judged.push((standing_column(found.standing), place_in_list(row.name, &found), found.due));
    }
    let slots: Vec<i16> = rows.iter().map(|row| row.slot().column()).collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.name.id.uuid()).collect();
    let lines: Vec<i32> = rows.iter().map(|row| row.name.line).collect();
    let texts =
        |of: fn(&ExportRow) -> &str| -> Vec<&str> { rows.iter().map(|row| of(row)).collect() };
    let numbers =
        |of: fn(&ExportRow) -> i64| -> Vec<i64> { rows.iter().map(|row| of(row)).collect() };
    let days = |of: fn(&ExportRow) -> Option<Date>| -> Vec<Option<Date>> {
        rows.iter().map(|row| of(row)).collect()
    };
    let versions: Vec<i32> = rows.iter().map(|row| row.version).collect();
    let modes: Vec<i16> = rows.iter().map(|row| mode_column(row.mode)).collect();
    let monies: Vec<i16> = rows.iter().map(|row| money_column(row.money)).collect();
    let released: Vec<Option<OffsetDateTime>> = rows.iter().map(|row| row.released).collect();
    let standings: Vec<i16> = judged.iter().map(|(standing, ..)| *standing).collect();
    let urgencies: Vec<&str> = judged.iter().map(|(_, urgency, _)| urgency.as_str()).collect();
    let due: Vec<Option<Date>> = judged.iter().map(|(.., due)| due.map(|it| it.last)).collect();
    let settled: Vec<bool> = rows.iter().map(|row| row.settled).collect();
    sqlx::query!(
        "insert into export_line (slot, declaration_id, line, firm, version, order_no, mode, gcode, gname,
                                  unit, qty_e5, currency, amount_e5, released_time, departed, entry_id,
                                  money, payment_by, bought_e5, claimed_e5, returned_e5, reminded, standing,
                                  urgency, due, sold_e5, settled, settle_by)
         select * from unnest($1::smallint[], $2::uuid[], $3::int[], $4::text[], $5::int[], $6::text[],
                              $7::smallint[], $8::text[], $9::text[], $10::text[], $11::bigint[],
                              $12::text[], $13::bigint[], $14::timestamptz[], $15::date[], $16::text[],
                              $17::smallint[], $18::date[], $19::bigint[], $20::bigint[], $21::bigint[],
                              $22::date[], $23::smallint[], $24::text[], $25::date[], $26::bigint[],
                              $27::boolean[], $28::date[])
         on conflict (slot, declaration_id, line) do update
         set version = excluded.version, order_no = excluded.order_no, mode = excluded.mode,
             gcode = excluded.gcode, gname = excluded.gname, unit = excluded.unit,
             qty_e5 = excluded.qty_e5, currency = excluded.currency, amount_e5 = excluded.amount_e5,
             released_time = excluded.released_time, departed = excluded.departed,
             entry_id = excluded.entry_id, money = excluded.money, payment_by = excluded.payment_by,
             bought_e5 = excluded.bought_e5, claimed_e5 = excluded.claimed_e5,
             returned_e5 = excluded.returned_e5, reminded = excluded.reminded,
             standing = excluded.standing, urgency = excluded.urgency, due = excluded.due,
             sold_e5 = excluded.sold_e5, settled = excluded.settled, settle_by = excluded.settle_by",
        &slots,
        &ids,
        &lines,
        &texts(|row| &row.firm) as &[&str],
        &versions,
        &texts(|row| &row.order_no) as &[&str],
        &modes,
        &texts(|row| &row.gcode) as &[&str],
        &texts(|row| &row.gname) as &[&str],
        &texts(|row| &row.unit) as &[&str],
        &numbers(|row| row.qty_e5),
        &texts(|row| &row.currency) as &[&str],
        &numbers(|row| row.amount_e5),
        &released as &[Option<OffsetDateTime>],
        &days(|row| row.departed) as &[Option<Date>],
        &texts(|row| &row.entry_id) as &[&str],
        &monies,
        &days(|row| row.payment_by) as &[Option<Date>],
        &numbers(|row| row.bought_e5),
        &numbers(|row| row.claimed_e5),
        &numbers(|row| row.returned_e5),
        &days(|row| row.reminded) as &[Option<Date>],
        &standings,
        &urgencies as &[&str],
        &due as &[Option<Date>],
        &numbers(|row| row.sold_e5),
        &settled,
        &days(|row| row.settle_by) as &[Option<Date>]
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Lines of a slot with a last day until then, at which nobody looked since that day.
pub(crate) async fn due(
    tx: &mut PgConnection,
    slot: Slot,
    until: Date,
    today: Date,
    most: i64,
) -> Result<Vec<ExportRow>, Fault> {
    let found = sqlx::query_as!(
        ExportColumns,
        "select declaration_id, line, firm, version, order_no, mode, gcode, gname, unit, qty_e5, currency,
                amount_e5, released_time, departed, entry_id, money, payment_by, bought_e5, claimed_e5,
                returned_e5, reminded, sold_e5, settled, settle_by
         from export_line
         where slot = $1 and due <= $2 and (reminded is null or reminded < $3)
         order by declaration_id, line limit $4",
        slot.column(),
        until,
        today,
        most
    )
    .fetch_all(tx)
    .await?;
    rows(found)
}

/// The slots in which there are such lines, or claims.
pub(crate) async fn slots_due(
    reads: &sqlx::PgPool,
    until: Date,
    today: Date,
) -> Result<Vec<Slot>, Fault> {
    let found = sqlx::query_scalar!(
        r#"select slot as "slot!" from export_line where due <= $1 and (reminded is null or reminded < $2)
           union
           select slot from claim where due <= $1 and (reminded is null or reminded < $2)"#,
        until,
        today
    )
    .fetch_all(reads)
    .await?;
    found.into_iter().map(column::slot).collect()
}
