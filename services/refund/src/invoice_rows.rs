//! Invoices, their lines, and what of them belongs to exports, in the columns that they are kept in.

use std::collections::BTreeMap;

use domain::tax_refund::entitlement::Purchase;
use domain::tax_refund::invoice::Verification;
use domain::{DeclarationId, Slot};
use sqlx::PgConnection;
use store::{Fault, column};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::export_row::{ExportRow, Goods, share};
use crate::names::{ExportName, WrittenNumber};

/// An invoice as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvoiceRow {
    pub(crate) firm: String,
    pub(crate) number: WrittenNumber,
    pub(crate) seller: String,
    pub(crate) issued: Date,
    pub(crate) note: String,
    pub(crate) status: Verification,
    pub(crate) net_fen: i64,
    pub(crate) tax_fen: i64,
    pub(crate) lines: Vec<InvoiceLineRow>,
}

/// A line of an invoice as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvoiceLineRow {
    pub(crate) gcode: String,
    pub(crate) unit: String,
    pub(crate) qty_e5: i64,
    pub(crate) net_fen: i64,
    pub(crate) levy_bp: i32,
    pub(crate) tax_fen: i64,
    /// What belongs to exports.
    pub(crate) used_e5: i64,
}

/// A quantity of an invoice line that nothing belongs to yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FreeLine {
    pub(crate) number: WrittenNumber,
    pub(crate) line: i32,
    pub(crate) whole: domain::tax_refund::arithmetic::QuantityShare,
    pub(crate) used: domain::tax_refund::arithmetic::QuantityShare,
}

/// A quantity of an export line that a quantity of an invoice line bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PurchaseRow {
    pub(crate) export: ExportName,
    pub(crate) number: WrittenNumber,
    pub(crate) line: i32,
    pub(crate) qty_e5: i64,
    pub(crate) net_fen: i64,
    pub(crate) before: domain::tax_refund::arithmetic::QuantityShare,
}

/// A verification as it is in its column; the elements that differ are not kept.
pub(crate) fn status_column(status: &Verification) -> i16 {
    match status {
        Verification::Pending => 1,
        Verification::Genuine => 2,
        Verification::Unknown => 3,
        Verification::Differs(_) => 4,
        Verification::Void => 5,
        Verification::RedLettered => 6,
    }
}

/// A verification from its column.
pub(crate) fn status(found: i16) -> Result<Verification, Fault> {
    Ok(match found {
        1 => Verification::Pending,
        2 => Verification::Genuine,
        3 => Verification::Unknown,
        4 => Verification::Differs(std::collections::BTreeSet::new()),
        5 => Verification::Void,
        6 => Verification::RedLettered,
        _ => return Err(Fault::Broken(format!("an invoice has the status {found}"))),
    })
}

/// Invoices of this slot with their lines; those that are not there are left out.
pub(crate) async fn load(
    tx: &mut PgConnection,
    slot: Slot,
    numbers: &[WrittenNumber],
) -> Result<Vec<InvoiceRow>, Fault> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let (codes, numbers): (Vec<&str>, Vec<&str>) =
        numbers.iter().map(|it| (it.code.as_str(), it.number.as_str())).unzip();
    let heads = sqlx::query!(
        "select i.firm, i.code, i.number, i.seller, i.issued, i.note, i.status, i.net_fen, i.tax_fen
         from unnest($2::text[], $3::text[]) as wanted (code, number)
         join invoice i on i.slot = $1 and i.code = wanted.code and i.number = wanted.number",
        slot.column(),
        &codes as &[&str],
        &numbers as &[&str]
    )
    .fetch_all(&mut *tx)
    .await?;
    let lines = sqlx::query!(
        "select l.code, l.number, l.gcode, l.unit, l.qty_e5, l.net_fen, l.levy_bp, l.tax_fen, l.used_e5
         from unnest($2::text[], $3::text[]) as wanted (code, number)
         join invoice_line l on l.slot = $1 and l.code = wanted.code and l.number = wanted.number
         order by l.code, l.number, l.line",
        slot.column(),
        &codes as &[&str],
        &numbers as &[&str]
    )
    .fetch_all(tx)
    .await?;
    let mut of: BTreeMap<WrittenNumber, Vec<InvoiceLineRow>> = BTreeMap::new();
    for row in lines {
        let line = InvoiceLineRow {
            gcode: row.gcode,
            unit: row.unit,
            qty_e5: row.qty_e5,
            net_fen: row.net_fen,
            levy_bp: row.levy_bp,
            tax_fen: row.tax_fen,
            used_e5: row.used_e5,
        };
        of.entry(WrittenNumber { code: row.code, number: row.number }).or_default().push(line);
    }
    heads
        .into_iter()
        .map(|row| {
            let number = WrittenNumber { code: row.code, number: row.number };
            let lines = of.remove(&number);
            let lines = lines.ok_or_else(|| Fault::Broken("an invoice has no lines".to_owned()))?;
            Ok(InvoiceRow {
                firm: row.firm,
                number,
                seller: row.seller,
                issued: row.issued,
                note: row.note,
                status: status(row.status)?,
                net_fen: row.net_fen,
                tax_fen: row.tax_fen,
                lines,
            })
        })
        .collect()
}

/// Writes a new invoice.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    invoice: &InvoiceRow,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let slot = Slot::of(&invoice.firm).column();
    let WrittenNumber { code, number } = &invoice.number;
    sqlx::query!(
        "insert into invoice (slot, firm, code, number, seller, issued, note, status, net_fen, tax_fen,
                              registered_time)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        slot,
        invoice.firm,
        code,
        number,
        invoice.seller,
        invoice.issued,
        invoice.note,
        status_column(&invoice.status),
        invoice.net_fen,
        invoice.tax_fen,
        now
    )
    .execute(&mut *tx)
    .await?;
    let places: Vec<i32> = (1..).take(invoice.lines.len()).collect();
    let gcodes: Vec<&str> = invoice.lines.iter().map(|it| it.gcode.as_str()).collect();
    let units: Vec<&str> = invoice.lines.iter().map(|it| it.unit.as_str()).collect();
    let quantities: Vec<i64> = invoice.lines.iter().map(|it| it.qty_e5).collect();
    let nets: Vec<i64> = invoice.lines.iter().map(|it| it.net_fen).collect();
    let levies: Vec<i32> = invoice.lines.iter().map(|it| it.levy_bp).collect();
    let taxes: Vec<i64> = invoice.lines.iter().map(|it| it.tax_fen).collect();
    sqlx::query!(
        "insert into invoice_line (slot, firm, code, number, issued, line, gcode, unit, qty_e5, net_fen,
                                   levy_bp, tax_fen)
         select $1, $2, $3, $4, $5, * from unnest($6::int[], $7::text[], $8::text[], $9::bigint[],
                                                  $10::bigint[], $11::int[], $12::bigint[])",
        slot,
        invoice.firm,
        code,
        number,
        invoice.issued,
        &places,
        &gcodes as &[&str],
        &units as &[&str],
        &quantities,
        &nets,
        &levies,
        &taxes
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes what the platform said of invoices.
pub(crate) async fn verified(
    tx: &mut PgConnection,
    slot: Slot,
    invoices: &[(&WrittenNumber, &Verification)],
) -> Result<(), Fault> {
    let codes: Vec<&str> = invoices.iter().map(|(it, _)| it.code.as_str()).collect();
    let numbers: Vec<&str> = invoices.iter().map(|(it, _)| it.number.as_str()).collect();
    let states: Vec<i16> = invoices.iter().map(|(_, it)| status_column(it)).collect();
    sqlx::query!(
        "with said as (select * from unnest($2::text[], $3::text[], $4::smallint[])
                                as said (code, number, status)),
              heads as (update invoice i set status = said.status from said
                        where i.slot = $1 and i.code = said.code and i.number = said.number)
         update invoice_line l set genuine = said.status = 2 from said
         where l.slot = $1 and l.code = said.code and l.number = said.number",
        slot.column(),
        &codes as &[&str],
        &numbers as &[&str],
        &states
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Lines of genuine invoices of these goods that are not used up, the oldest first.
pub(crate) async fn free(
    tx: &mut PgConnection,
    goods: &Goods,
    most: i64,
) -> Result<Vec<FreeLine>, Fault> {
    let found = sqlx::query!(
        "select code, number, line, qty_e5, net_fen, used_e5, used_fen from invoice_line
         where slot = $1 and firm = $2 and gcode = $3 and unit = $4 and genuine and used_e5 < qty_e5
         order by issued, code, number, line limit $5",
        Slot::of(&goods.firm).column(),
        goods.firm,
        goods.gcode,
        goods.unit,
        most
    )
    .fetch_all(tx)
    .await?;
    let line = found.into_iter().map(|row| FreeLine {
        number: WrittenNumber { code: row.code, number: row.number },
        line: row.line,
        whole: share(row.qty_e5, row.net_fen),
        used: share(row.used_e5, row.used_fen),
    });
    Ok(line.collect())
}

/// Writes purchases, and takes what they use off the invoice lines.
pub(crate) async fn buy(
    tx: &mut PgConnection,
    slot: Slot,
    purchases: &[PurchaseRow],
) -> Result<(), Fault> {
    if purchases.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = purchases.iter().map(|it| it.export.id.uuid()).collect();
    let exports: Vec<i32> = purchases.iter().map(|it| it.export.line).collect();
    let codes: Vec<&str> = purchases.iter().map(|it| it.number.code.as_str()).collect();
    let numbers: Vec<&str> = purchases.iter().map(|it| it.number.number.as_str()).collect();
    let lines: Vec<i32> = purchases.iter().map(|it| it.line).collect();
    let quantities: Vec<i64> = purchases.iter().map(|it| it.qty_e5).collect();
    let nets: Vec<i64> = purchases.iter().map(|it| it.net_fen).collect();
    let (before_e5, before_fen): (Vec<i64>, Vec<i64>) =
        purchases.iter().map(|it| (it.before.qty_e5, it.before.fen)).unzip();
    sqlx::query!(
        "with bought as (
             insert into purchase (slot, declaration_id, export_line, code, number, line, qty_e5, net_fen,
                                   before_e5, before_fen)
             select $1, * from unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::int[], $7::bigint[],
                                      $8::bigint[], $9::bigint[], $10::bigint[])
             returning code, number, line, qty_e5, net_fen
         ), sums as (
             select code, number, line, sum(qty_e5)::bigint as qty_e5, sum(net_fen)::bigint as net_fen
             from bought group by code, number, line
         )
         update invoice_line l set used_e5 = used_e5 + sums.qty_e5, used_fen = used_fen + sums.net_fen
         from sums
         where l.slot = $1 and l.code = sums.code and l.number = sums.number and l.line = sums.line",
        slot.column(),
        &ids,
        &exports,
        &codes as &[&str],
        &numbers as &[&str],
        &lines,
        &quantities,
        &nets,
        &before_e5,
        &before_fen
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What a quantity of an export was bought by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PurchaseName {
    pub(crate) export: ExportName,
    pub(crate) number: WrittenNumber,
    pub(crate) line: i32,
}

/// What an invoice bought, after a purchase, in a lasting order.
pub(crate) async fn purchases_by(
    tx: &mut PgConnection,
    slot: Slot,
    number: &WrittenNumber,
    (export, line): (ExportName, i32),
    most: i64,
) -> Result<Vec<PurchaseName>, Fault> {
    let found = sqlx::query!(
        "select declaration_id, export_line, line from purchase
         where slot = $1 and code = $2 and number = $3 and (declaration_id, export_line, line) > ($4, $5, $6)
         order by declaration_id, export_line, line limit $7",
        slot.column(),
        number.code,
        number.number,
        export.id.uuid(),
        export.line,
        line,
        most
    )
    .fetch_all(tx)
    .await?;
    let purchase = found.into_iter().map(|row| PurchaseName {
        export: ExportName {
            id: DeclarationId::from_uuid(row.declaration_id),
            line: row.export_line,
        },
        number: number.clone(),
        line: row.line,
    });
    Ok(purchase.collect())
}

/// Takes from exports what they were bought by, as far as it is in no claim. Which ones, and for how much there is no
/// invoice now.
pub(crate) async fn unbuy(
    tx: &mut PgConnection,
    slot: Slot,
    purchases: &[PurchaseName],
) -> Result<Vec<(ExportName, i64)>, Fault> {
    let ids: Vec<Uuid> = purchases.iter().map(|it| it.export.id.uuid()).collect();
    let exports: Vec<i32> = purchases.iter().map(|it| it.export.line).collect();
    let codes: Vec<&str> = purchases.iter().map(|it| it.number.code.as_str()).collect();
    let numbers: Vec<&str> = purchases.iter().map(|it| it.number.number.as_str()).collect();
    let lines: Vec<i32> = purchases.iter().map(|it| it.line).collect();
    let gone = sqlx::query!(
        "with wanted as (
             select * from unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::int[])
                      as wanted (id, export_line, code, number, line)
         ), gone as (
             delete from purchase p using wanted
             where p.slot = $1 and p.declaration_id = wanted.id and p.export_line = wanted.export_line
               and p.code = wanted.code and p.number = wanted.number and p.line = wanted.line
               and not exists (select from claim_line c
                               where c.slot = p.slot and c.declaration_id = p.declaration_id
                                 and c.export_line = p.export_line and c.code = p.code
                                 and c.number = p.number and c.invoice_line = p.line
                                 and c.state not in (3, 9) and not (c.state = 4 and c.consequence = 1))
             returning p.declaration_id, p.export_line, p.code, p.number, p.line, p.qty_e5, p.net_fen
         ), sums as (
             select code, number, line, sum(qty_e5)::bigint as qty_e5, sum(net_fen)::bigint as net_fen
             from gone group by code, number, line
         ), freed as (
             update invoice_line l set used_e5 = used_e5 - sums.qty_e5, used_fen = used_fen - sums.net_fen
             from sums
             where l.slot = $1 and l.code = sums.code and l.number = sums.number and l.line = sums.line
         )
         select declaration_id, export_line, qty_e5 from gone",
        slot.column(),
        &ids,
        &exports,
        &codes as &[&str],
        &numbers as &[&str],
        &lines
    )
    .fetch_all(tx)
    .await?;
    let freed = gone.into_iter().map(|row| {
        let id = DeclarationId::from_uuid(row.declaration_id);
        (ExportName { id, line: row.export_line }, row.qty_e5)
    });
    Ok(freed.collect())
}

/// A purchase with its invoice line, as a claim needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BoughtPart {
    pub(crate) number: WrittenNumber,
    pub(crate) line: i32,
    pub(crate) purchase: Purchase,
}

/// What the exports were bought by, in the order of the invoices.
pub(crate) async fn parts(
    tx: &mut PgConnection,
    rows: impl Iterator<Item = &ExportRow>,
) -> Result<BTreeMap<ExportName, Vec<BoughtPart>>, Fault> {
    let (mut slots, mut ids, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows.filter(|row| row.bought_e5 > 0) {
        slots.push(row.slot().column());
        ids.push(row.name.id.uuid());
        lines.push(row.name.line);
    }
    let mut parts: BTreeMap<ExportName, Vec<BoughtPart>> = BTreeMap::new();
    if ids.is_empty() {
        return Ok(parts);
    }
    let found = sqlx::query!(
        // First the purchases: one invoice may have bought everything that a firm ever exported.
        r#"with p as materialized (
             select bought.*
             from unnest($1::smallint[], $2::uuid[], $3::int[]) as wanted (slot, id, line)
             join purchase bought on bought.slot = wanted.slot and bought.declaration_id = wanted.id
              and bought.export_line = wanted.line
         )
         select p.declaration_id, p.export_line, p.code, p.number, p.line, p.qty_e5, p.before_e5, p.before_fen,
                l.qty_e5 as whole_e5, l.net_fen as whole_fen, l.levy_bp, i.status,
                (i.status in (5, 6)
                 and exists (select from claim_line c
                             where c.slot = p.slot and c.declaration_id = p.declaration_id
                               and c.export_line = p.export_line and c.code = p.code and c.number = p.number
                               and c.invoice_line = p.line and c.invoice_invalid
                               and c.state not in (3, 4, 9))) as "to_give_back!"
         from p
         join invoice_line l on l.slot = p.slot and l.code = p.code and l.number = p.number and l.line = p.line
         join invoice i on i.slot = p.slot and i.code = p.code and i.number = p.number
         order by p.declaration_id, p.export_line, p.code, p.number, p.line"#,
        &slots,
        &ids,
        &lines
    )
    .fetch_all(tx)
    .await?;
    for row in found {
        let id = DeclarationId::from_uuid(row.declaration_id);
        let purchase = Purchase {
            verification: status(row.status)?,
            line: share(row.whole_e5, row.whole_fen),
            used: share(row.before_e5, row.before_fen),
            levy_bp: column::number(row.levy_bp)?,
            qty_e5: row.qty_e5,
            to_give_back: row.to_give_back,
        };
        let number = WrittenNumber { code: row.code, number: row.number };
        let part = BoughtPart { number, line: row.line, purchase };
        parts.entry(ExportName { id, line: row.export_line }).or_default().push(part);
    }
    Ok(parts)
}

/// The same for whoever judges them.
pub(crate) async fn purchases(
    tx: &mut PgConnection,
    rows: impl Iterator<Item = &ExportRow>,
) -> Result<BTreeMap<ExportName, Vec<Purchase>>, Fault> {
    let parts = parts(tx, rows).await?;
    let bare = |parts: Vec<BoughtPart>| parts.into_iter().map(|part| part.purchase).collect();
    Ok(parts.into_iter().map(|(name, parts)| (name, bare(parts))).collect())
}
