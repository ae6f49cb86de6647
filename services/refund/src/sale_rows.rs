//! What warehouses abroad sold of a line, as their reports say.

use std::collections::{BTreeMap, BTreeSet};

use domain::tax_refund::arithmetic::QuantityShare;
use domain::{DeclarationId, Slot};
use sqlx::PgConnection;
use store::Fault;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::export_row::share;
use crate::names::ExportName;

/// What a warehouse sold of a line: its quantity, and FOB in 1/100000 of its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReportedSale {
    pub(crate) export: ExportName,
    pub(crate) number: String,
    pub(crate) sold: QuantityShare,
}

/// Sales of these lines that were reported, by line and number of the report.
pub(crate) async fn load(
    tx: &mut PgConnection,
    slot: Slot,
    names: &BTreeSet<ExportName>,
) -> Result<BTreeMap<(ExportName, String), QuantityShare>, Fault> {
    let (ids, lines): (Vec<Uuid>, Vec<i32>) =
        names.iter().map(|name| (name.id.uuid(), name.line)).unzip();
    let found = sqlx::query!(
        "select s.declaration_id, s.line, s.number, s.qty_e5, s.amount_e5
         from unnest($2::uuid[], $3::int[]) as wanted (id, line)
         join sales_report s on s.slot = $1 and s.declaration_id = wanted.id and s.line = wanted.line",
        slot.column(),
        &ids,
        &lines
    )
    .fetch_all(tx)
    .await?;
    let sale = found.into_iter().map(|row| {
        let id = DeclarationId::from_uuid(row.declaration_id);
        ((ExportName { id, line: row.line }, row.number), share(row.qty_e5, row.amount_e5))
    });
    Ok(sale.collect())
}

/// Writes reports of sales that are new.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    slot: Slot,
    sales: &[&ReportedSale],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if sales.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = sales.iter().map(|it| it.export.id.uuid()).collect();
    let lines: Vec<i32> = sales.iter().map(|it| it.export.line).collect();
    let numbers: Vec<&str> = sales.iter().map(|it| it.number.as_str()).collect();
    let quantities: Vec<i64> = sales.iter().map(|it| it.sold.qty_e5).collect();
    let amounts: Vec<i64> = sales.iter().map(|it| it.sold.fen).collect();
    sqlx::query!(
        "insert into sales_report (slot, declaration_id, line, number, qty_e5, amount_e5, reported_time)
         select $1, n.*, $7 from unnest($2::uuid[], $3::int[], $4::text[], $5::bigint[], $6::bigint[]) as n",
        slot.column(),
        &ids,
        &lines,
        &numbers as &[&str],
        &quantities,
        &amounts,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}
