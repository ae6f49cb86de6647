//! Exports that are not released yet: one row each, with their lines in it. Most are released within a second and
//! get the rows of their lines then, each written once and with nothing of it in an index before.

use std::collections::{BTreeMap, BTreeSet};

use domain::{DeclarationId, Slot};
use prost::Message as _;
use proto::refund::{UnreleasedLine, UnreleasedLines};
use sqlx::PgConnection;
use store::Fault;
use time::Date;
use uuid::Uuid;

use crate::export_row::{ExportRow, mode_column, mode_of, money_column, money_of};
use crate::names::ExportName;

/// Lines of those of these declarations that are not released, in order.
pub(crate) async fn load(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<ExportRow>, Fault> {
    let found = sqlx::query!(
        "select declaration_id, firm, version, order_no, mode, money, departed, entry_id, payment_by, lines
         from unreleased_export where declaration_id = any($1) order by declaration_id",
        ids
    );
    let mut rows = Vec::new();
    for export in found.fetch_all(tx).await? {
        let id = DeclarationId::from_uuid(export.declaration_id);
        let lines = UnreleasedLines::decode(export.lines.as_slice())
            .map_err(|error| Fault::Broken(format!("the lines of {id} cannot be read: {error}")))?;
        let (mode, money) = (mode_of(export.mode)?, money_of(export.money)?);
        rows.extend(lines.lines.into_iter().map(|line| ExportRow {
            name: ExportName { id, line: line.line },
            firm: export.firm.clone(),
            version: export.version,
            order_no: export.order_no.clone(),
            mode,
            gcode: line.gcode,
            gname: line.gname,
            unit: line.unit,
            qty_e5: line.qty_e5,
            currency: line.currency,
            amount_e5: line.amount_e5,
            released: None,
            departed: export.departed,
            entry_id: export.entry_id.clone(),
            money,
            payment_by: export.payment_by,
            returned_e5: line.returned_e5,
            bought_e5: 0,
            claimed_e5: 0,
            reminded: None,
            sold_e5: 0,
            settled: false,
            settle_by: None,
        }));
    }
    Ok(rows)
}

/// Writes exports with all their lines.
pub(crate) async fn write(tx: &mut PgConnection, rows: &[&ExportRow]) -> Result<(), Fault> {
    let mut exports: BTreeMap<DeclarationId, Vec<&ExportRow>> = BTreeMap::new();
    for row in rows {
        exports.entry(row.name.id).or_default().push(row);
    }
    if exports.is_empty() {
        return Ok(());
    }
    let heads: Vec<&ExportRow> =
        exports.values().filter_map(|lines| lines.first().copied()).collect();
    let slots: Vec<i16> = heads.iter().map(|it| it.slot().column()).collect();
    let ids: Vec<Uuid> = heads.iter().map(|it| it.name.id.uuid()).collect();
    let firms: Vec<&str> = heads.iter().map(|it| it.firm.as_str()).collect();
    let versions: Vec<i32> = heads.iter().map(|it| it.version).collect();
    let orders: Vec<&str> = heads.iter().map(|it| it.order_no.as_str()).collect();
    let modes: Vec<i16> = heads.iter().map(|it| mode_column(it.mode)).collect();
    let monies: Vec<i16> = heads.iter().map(|it| money_column(it.money)).collect();
    let departed: Vec<Option<Date>> = heads.iter().map(|it| it.departed).collect();
    let forms: Vec<&str> = heads.iter().map(|it| it.entry_id.as_str()).collect();
    let payments: Vec<Option<Date>> = heads.iter().map(|it| it.payment_by).collect();
    let lines: Vec<Vec<u8>> = exports.values().map(|lines| encode(lines)).collect();
    sqlx::query!(
        "insert into unreleased_export (slot, declaration_id, firm, version, order_no, mode, money, departed,
                                        entry_id, payment_by, lines)
         select * from unnest($1::smallint[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::smallint[],
                              $7::smallint[], $8::date[], $9::text[], $10::date[], $11::bytea[])
         on conflict (slot, declaration_id) do update
         set firm = excluded.firm, version = excluded.version, order_no = excluded.order_no, mode = excluded.mode,
             money = excluded.money, departed = excluded.departed, entry_id = excluded.entry_id,
             payment_by = excluded.payment_by, lines = excluded.lines",
        &slots,
        &ids,
        &firms as &[&str],
        &versions,
        &orders as &[&str],
        &modes,
        &monies,
        &departed as &[Option<Date>],
        &forms as &[&str],
        &payments as &[Option<Date>],
        &lines
    )
    .execute(tx)
    .await?;
    Ok(())
}

fn encode(rows: &[&ExportRow]) -> Vec<u8> {
    let line = |row: &&ExportRow| UnreleasedLine {
        line: row.name.line,
        gcode: row.gcode.clone(),
        gname: row.gname.clone(),
        unit: row.unit.clone(),
        qty_e5: row.qty_e5,
        currency: row.currency.clone(),
        amount_e5: row.amount_e5,
        returned_e5: row.returned_e5,
    };
    UnreleasedLines { lines: rows.iter().map(line).collect() }.encode_to_vec()
}

/// Takes out exports that were released, or ended otherwise, or of which there is a version of another firm.
pub(crate) async fn delete(
    tx: &mut PgConnection,
    exports: &BTreeSet<(Slot, DeclarationId)>,
) -> Result<(), Fault> {
    if exports.is_empty() {
        return Ok(());
    }
    let (slots, ids): (Vec<i16>, Vec<Uuid>) =
        exports.iter().map(|(slot, id)| (slot.column(), id.uuid())).unzip();
    sqlx::query!(
        "delete from unreleased_export u using unnest($1::smallint[], $2::uuid[]) as gone (slot, id)
         where u.slot = gone.slot and u.declaration_id = gone.id",
        &slots,
        &ids
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Where these declarations lie, as long as they are not released.
pub(crate) async fn slots(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<i16>, Fault> {
    let found = sqlx::query_scalar!(
        "select distinct slot from unreleased_export where declaration_id = any($1)",
        ids
    );
    Ok(found.fetch_all(tx).await?)
}
