//! What is read for callers, beside the transactions.

use std::collections::{BTreeMap, BTreeSet};

use domain::{DeclarationId, Slot};
use sqlx::PgPool;
use store::page::Page;
use store::tail::Tail;
use store::{Fault, ServiceError, column};

use crate::claim_line_rows::{self, ClaimLineRow};
use crate::export_row::ExportRow;
use crate::export_rows;
use crate::invoice_rows::{self, InvoiceRow};
use crate::names::{ClaimName, ExportName, WrittenNumber, id_of, invoice_name};

/// The firm of a declaration's lines; `None` when none are known.
pub(crate) async fn firm_of(reads: &PgPool, id: DeclarationId) -> Result<Option<String>, Fault> {
    let found = sqlx::query_scalar!(
        r#"select firm as "firm!" from export_line where declaration_id = $1 and line = 1
           union all select firm from unreleased_export where declaration_id = $1 limit 1"#,
        id.uuid()
    );
    Ok(found.fetch_optional(reads).await?)
}

/// Export lines that were released, by urgency.
pub(crate) async fn exports(
    reads: &PgPool,
    page: &Page,
    firms: Option<&[String]>,
    (firm, standing): (&str, Option<i16>),
) -> Result<(Vec<ExportRow>, String), ServiceError> {
    let found = sqlx::query!(
        "select slot, declaration_id, line, urgency from export_line
         where ($1::text[] is null or firm = any($1))
           and ($2 = '' or firm = $2) and ($3::smallint is null or standing = $3) and urgency > $4
         order by urgency limit $5",
        firms,
        firm,
        standing,
        page.after()?,
        page.count()
    )
    .fetch_all(reads)
    .await
    .map_err(Fault::from)?;
    let (found, next) = page.cut(found, |it| it.urgency.clone().into_bytes())?;
    let names = found
        .iter()
        .map(|it| ExportName { id: DeclarationId::from_uuid(it.declaration_id), line: it.line });
    let names: Vec<ExportName> = names.collect();
    let mut slots: BTreeMap<i16, BTreeSet<ExportName>> = BTreeMap::new();
    for (it, name) in found.iter().zip(&names) {
        slots.entry(it.slot).or_default().insert(*name);
    }
    let mut connection = reads.acquire().await.map_err(Fault::from)?;
    let mut rows = BTreeMap::new();
    for (slot, names) in slots {
        let loaded = export_rows::load(&mut connection, column::slot(slot)?, &names).await?;
        rows.extend(loaded.into_iter().map(|row| (row.name, row)));
    }
    Ok((names.iter().filter_map(|name| rows.remove(name)).collect(), next))
}

/// Invoices by their numbers.
pub(crate) async fn invoices(
    reads: &PgPool,
    page: &Page,
    firms: Option<&[String]>,
    (firm, status): (&str, Option<i16>),
) -> Result<(Vec<InvoiceRow>, String), ServiceError> {
    let found = sqlx::query!(
        r#"select slot, code, number, firm || '/' || code || '-' || number as "place!" from invoice
           where ($1::text[] is null or firm = any($1)) and ($2 = '' or firm = $2)
             and ($3::smallint is null or status = $3)
             and firm || '/' || code || '-' || number > $4 collate "C"
           order by firm || '/' || code || '-' || number collate "C" limit $5"#,
        firms,
        firm,
        status,
        page.after()?,
        page.count()
    )
    .fetch_all(reads)
    .await
    .map_err(Fault::from)?;
    let (found, next) = page.cut(found, |it| it.place.clone().into_bytes())?;
    let mut connection = reads.acquire().await.map_err(Fault::from)?;
    let mut rows = Vec::with_capacity(found.len());
    for it in found {
        let slot = column::slot(it.slot)?;
        let number = WrittenNumber { code: it.code, number: it.number };
        rows.extend(invoice_rows::load(&mut connection, slot, &[number]).await?);
    }
    Ok((rows, next))
}

/// Entries of the journal that are looked at for the history of one export, of each thing that it is about.
const ENTRIES_MAX: i64 = 1_000;

/// What happened to an export and to the lines of claims for it, oldest first, and these lines.
/// `to_entry` says what a reader is told of an entry.
pub(crate) async fn history<T>(
    (reads, tail): (&PgPool, &Tail),
    slot: Slot,
    id: DeclarationId,
    to_entry: impl Fn(&store::journal::JournalEntry, Option<&[u32]>) -> Result<Option<T>, ServiceError>,
) -> Result<(Vec<T>, Vec<(ClaimName, ClaimLineRow)>), ServiceError> {
    let mut connection = reads.acquire().await.map_err(Fault::from)?;
    let lines = claim_line_rows::of_export(&mut connection, slot, id).await?;
    drop(connection);
    let mut claims: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (claim, line) in &lines {
        claims.entry(claim.name()).or_default().push(line.number);
    }
    let invoices = lines.iter().map(|(_, line)| &line.invoice);
    // A producer has none.
    let invoices = invoices.filter(|invoice| !invoice.number.is_empty());
    let invoices: BTreeSet<_> =
        invoices.map(|invoice| invoice_name(&invoice.code, &invoice.number)).collect();
    let of_claims = claims.iter().map(|(name, lines)| (name.clone(), Some(lines.as_slice())));
    let mut entries = Vec::new();
    let bare = std::iter::once(id.name()).chain(invoices).map(|name| (name, None));
    for (name, lines) in bare.chain(of_claims) {
        let positions = sqlx::query_scalar!(
            "select position from journal where slot = $1 and subject = $2 order by position limit $3",
            slot.column(),
            id_of(&name),
            ENTRIES_MAX
        )
        .fetch_all(reads)
        .await
        .map_err(Fault::from)?;
        for entry in tail.at(reads, slot, &positions).await? {
            entries.extend(to_entry(&entry, lines)?.map(|item| (entry.position, item)));
        }
    }
    // Everything of a firm stands in one slot, in the order in which it happened.
    entries.sort_by_key(|(position, _)| *position);
    Ok((entries.into_iter().map(|(_, item)| item).collect(), lines))
}
