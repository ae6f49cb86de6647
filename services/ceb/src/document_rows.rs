//! Rows of documents: found by every name that somebody may know them by, and written many at once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::Slot;
use domain::documents::DocumentKind;
use sqlx::{PgConnection, PgPool};
use store::Fault;
use store::cipher::{Cell, Cipher};
use store::queue::Item;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::document_keys::DocumentKeys;
use crate::queues::{FILING, WITHDRAWAL};
use crate::stored_document::{FilingWork, Names, StoredDocument};

/// Removes rows that stand in another slot from now on, and what was to be done about them.
pub(crate) async fn remove(
    tx: &mut PgConnection,
    moved: &[(Slot, u16, String)],
) -> Result<(), Fault> {
    for (slot, kind, key) in moved {
        let kind = kind.cast_signed();
        sqlx::query!(
            "with gone as (delete from queue_item i using document d
                           where d.slot = $1 and d.kind = $2 and d.key = $3
                             and i.slot = d.slot and i.id = d.id)
             delete from document where slot = $1 and kind = $2 and key = $3",
            slot.column(),
            kind,
            key
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Writes whole documents, over those with the same key.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    cipher: &Cipher,
    documents: &[&StoredDocument],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if documents.is_empty() {
        return Ok(());
    }
    let texts = |field: fn(&StoredDocument) -> &str| -> Vec<String> {
        documents.iter().map(|stored| field(stored).to_owned()).collect()
    };
    let slots: Vec<i16> = documents.iter().map(|p| p.slot.column()).collect();
    let kinds: Vec<i16> = documents.iter().map(|p| kind_column(p.kind)).collect();
    let ids: Vec<Uuid> = documents.iter().map(|p| p.id).collect();
    let drafts: Vec<bool> = documents.iter().map(|p| p.draft).collect();
    let deleted: Vec<bool> = documents.iter().map(|p| p.deleted).collect();
    let statuses: Vec<i32> = documents.iter().map(|p| p.status).collect();
    // An array of arrays would have to be rectangular.
    let subscribers: Vec<String> = documents.iter().map(|p| p.subscribers.join("\u{1f}")).collect();
    let declarations: Vec<Option<Uuid>> = documents.iter().map(|p| p.declaration).collect();
    let released: Vec<Option<OffsetDateTime>> = documents.iter().map(|p| p.released).collect();
    let signed: Vec<bool> = documents.iter().map(|p| p.signed).collect();
    let digests: Vec<&[u8]> = documents.iter().map(|p| p.digest.as_slice()).collect();
    let encrypt = |p: &&StoredDocument| cipher.encrypt(body_of(p.slot, &p.id), &p.body);
    let bodies: Vec<Vec<u8>> = documents.iter().map(encrypt).collect::<Result<_, _>>()?;
    let received: Vec<OffsetDateTime> = documents.iter().map(|p| p.received).collect();
    let last_receipt_time: Vec<OffsetDateTime> =
        documents.iter().map(|p| p.last_receipt_time).collect();
    let held_back: Vec<i32> = documents.iter().map(|p| p.held_back).collect();
    sqlx::query!(
            "insert into document (slot, kind, key, id, guid, app_time, draft, deleted, status, dxp_id,
                                   subscribers, order_no, logistics_code, logistics_no, agent_code,
                                   ebc_code, cop_no, bill_no, pre_no, invt_no, declaration_id,
                                   released_time, sum_no, cancels, info, signed, digest, body,
                                   received_time, changed_time, told_time, held_back)
             select slot, kind, key, id, guid, app_time, draft, deleted, status, dxp_id,
                    case subscribers when '' then '{}' else string_to_array(subscribers, chr(31)) end,
                    order_no, logistics_code, logistics_no, agent_code, ebc_code, cop_no, bill_no,
                    pre_no, invt_no, declaration_id, released_time, sum_no, cancels, info, signed, digest,
                    body, received_time, $30, told_time, held_back
             from unnest($1::smallint[], $2::smallint[], $3::text[], $4::uuid[], $5::text[],
                         $6::text[], $7::bool[], $8::bool[], $9::int[], $10::text[], $11::text[],
                         $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
                         $17::text[], $18::text[], $19::text[], $20::text[], $21::uuid[],
                         $22::timestamptz[], $23::bool[], $24::bytea[], $25::bytea[],
                         $26::timestamptz[], $27::text[], $28::text[], $29::text[],
                         $31::timestamptz[], $32::int[])
                  as kept (slot, kind, key, id, guid, app_time, draft, deleted, status, dxp_id,
                           subscribers, order_no, logistics_code, logistics_no, agent_code,
                           ebc_code, cop_no, bill_no, pre_no, invt_no, declaration_id,
                           released_time, signed, digest, body, received_time, sum_no,
                           cancels, info, told_time, held_back)
             on conflict (slot, kind, key) do update
             set id = excluded.id, guid = excluded.guid, app_time = excluded.app_time,
                 draft = excluded.draft, deleted = excluded.deleted, status = excluded.status,
                 dxp_id = excluded.dxp_id, subscribers = excluded.subscribers,
                 order_no = excluded.order_no, logistics_code = excluded.logistics_code,
                 logistics_no = excluded.logistics_no, agent_code = excluded.agent_code,
                 ebc_code = excluded.ebc_code, cop_no = excluded.cop_no,
                 bill_no = excluded.bill_no, pre_no = excluded.pre_no,
                 invt_no = excluded.invt_no, declaration_id = excluded.declaration_id,
                 released_time = excluded.released_time, sum_no = excluded.sum_no,
                 cancels = excluded.cancels, info = excluded.info,
                 told_time = excluded.told_time, held_back = excluded.held_back,
                 signed = excluded.signed, digest = excluded.digest, body = excluded.body,
                 received_time = excluded.received_time, changed_time = excluded.changed_time",
            &slots,
            &kinds,
            &texts(|p| &p.key),
            &ids,
            &texts(|p| &p.guid),
            &texts(|p| &p.app_time),
            &drafts,
            &deleted,
            &statuses,
            &texts(|p| &p.dxp_id),
            &subscribers,
            &texts(|p| &p.names.order_no),
            &texts(|p| &p.names.logistics_code),
            &texts(|p| &p.names.logistics_no),
            &texts(|p| &p.names.agent_code),
            &texts(|p| &p.names.ebc_code),
            &texts(|p| &p.names.cop_no),
            &texts(|p| &p.names.bill_no),
            &texts(|p| &p.pre_no),
            &texts(|p| &p.invt_no),
            &declarations as &[Option<Uuid>],
            &released as &[Option<OffsetDateTime>],
            &signed,
            &digests as &[&[u8]],
            &bodies,
            &received,
            &texts(|p| &p.sum_no),
            &texts(|p| &p.cancels),
            &texts(|p| &p.info),
            now,
            &last_receipt_time,
            &held_back
        )
        .execute(tx)
        .await?;
    Ok(())
}

/// Writes the state of documents that are there: their content stays where it is.
pub(crate) async fn update(
    tx: &mut PgConnection,
    documents: &[&StoredDocument],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if documents.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = documents.iter().map(|p| p.slot.column()).collect();
    let kinds: Vec<i16> = documents.iter().map(|p| kind_column(p.kind)).collect();
    let texts = |field: fn(&StoredDocument) -> &str| -> Vec<String> {
        documents.iter().map(|stored| field(stored).to_owned()).collect()
    };
    let deleted: Vec<bool> = documents.iter().map(|p| p.deleted).collect();
    let statuses: Vec<i32> = documents.iter().map(|p| p.status).collect();
    let declarations: Vec<Option<Uuid>> = documents.iter().map(|p| p.declaration).collect();
    let released: Vec<Option<OffsetDateTime>> = documents.iter().map(|p| p.released).collect();
    let digests: Vec<&[u8]> = documents.iter().map(|p| p.digest.as_slice()).collect();
    let last_receipt_time: Vec<OffsetDateTime> =
        documents.iter().map(|p| p.last_receipt_time).collect();
    let held_back: Vec<i32> = documents.iter().map(|p| p.held_back).collect();
    sqlx::query!(
        "update document d
         set guid = now.guid, app_time = now.app_time, deleted = now.deleted, status = now.status,
             bill_no = now.bill_no, invt_no = now.invt_no, declaration_id = now.declaration_id,
             released_time = now.released_time, sum_no = now.sum_no, digest = now.digest,
             cancels = now.cancels, info = now.info, changed_time = $16,
             told_time = now.told_time, held_back = now.held_back
         from unnest($1::smallint[], $2::smallint[], $3::text[], $4::text[], $5::text[], $6::bool[],
                     $7::int[], $8::text[], $9::text[], $10::uuid[], $11::timestamptz[],
                     $12::text[], $13::bytea[], $14::text[], $15::text[], $17::timestamptz[],
                     $18::int[])
              as now (slot, kind, key, guid, app_time, deleted, status, bill_no, invt_no,
                      declaration_id, released_time, sum_no, digest, cancels, info, told_time,
                      held_back)
         where d.slot = now.slot and d.kind = now.kind and d.key = now.key",
        &slots,
        &kinds,
        &texts(|p| &p.key),
        &texts(|p| &p.guid),
        &texts(|p| &p.app_time),
        &deleted,
        &statuses,
        &texts(|p| &p.names.bill_no),
        &texts(|p| &p.invt_no),
        &declarations as &[Option<Uuid>],
        &released as &[Option<OffsetDateTime>],
        &texts(|p| &p.sum_no),
        &digests as &[&[u8]],
        &texts(|p| &p.cancels),
        &texts(|p| &p.info),
        now,
        &last_receipt_time,
        &held_back
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Kinds are three digits, the same with a sign and without.
pub(crate) fn kind_column(kind: DocumentKind) -> i16 {
    kind.number().cast_signed()
}

/// A query of whole documents, with what each waits for: `d` is the document in what it reads from, `t` its place in a
/// queue; what follows is the condition.
macro_rules! whole_documents {
    ($from:literal, $condition:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            $crate::document_rows::Row,
            r#"select d.slot, d.kind, d.key, d.id, d.guid, d.app_time, d.draft, d.deleted, d.status, d.info, d.dxp_id,
                      d.subscribers, d.order_no, d.logistics_code, d.logistics_no, d.agent_code, d.ebc_code,
                      d.cop_no, d.bill_no, d.pre_no, d.invt_no, d.declaration_id, d.released_time, d.sum_no,
                      d.cancels, t.queue as "queue?", d.signed, d.digest, d.body, d.received_time,
                      d.changed_time, d.told_time, d.held_back
               from "# + $from + r#"
               left join (select slot, id as document, queue from queue_item
                          where queue in ('filing', 'withdrawal', 'matching')) t
                      on t.slot = d.slot and t.document = d.id
               "# + $condition,
            $($argument),+
        )
    };
}
pub(crate) use whole_documents;

/// A row of the table, as every query of whole documents reads it.
pub(crate) struct Row {
    pub(crate) slot: i16,
    pub(crate) kind: i16,
    pub(crate) key: String,
    pub(crate) id: Uuid,
    pub(crate) guid: String,
    pub(crate) app_time: String,
    pub(crate) draft: bool,
    pub(crate) deleted: bool,
    pub(crate) status: i32,
    pub(crate) info: String,
    pub(crate) dxp_id: String,
    pub(crate) subscribers: Vec<String>,
    pub(crate) order_no: String,
    pub(crate) logistics_code: String,
    pub(crate) logistics_no: String,
    pub(crate) agent_code: String,
    pub(crate) ebc_code: String,
    pub(crate) cop_no: String,
    pub(crate) bill_no: String,
    pub(crate) pre_no: String,
    pub(crate) invt_no: String,
    pub(crate) declaration_id: Option<Uuid>,
    pub(crate) released_time: Option<OffsetDateTime>,
    pub(crate) sum_no: String,
    pub(crate) cancels: String,
    pub(crate) queue: Option<String>,
    pub(crate) signed: bool,
    pub(crate) digest: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) received_time: OffsetDateTime,
    pub(crate) changed_time: OffsetDateTime,
    pub(crate) told_time: OffsetDateTime,
    pub(crate) held_back: i32,
}

impl Row {
    /// The document of the row.
    pub(crate) fn document(self, cipher: &Cipher) -> Result<StoredDocument, Fault> {
        let row = self;
        let slot = store::column::slot(row.slot)?;
        let body = cipher.decrypt(body_of(slot, &row.id), row.body)?;
        let broken = |what: &str| Fault::Broken(format!("a kept document has no legal {what}"));
        let kind = u16::try_from(row.kind).ok().and_then(DocumentKind::from_number);
        Ok(StoredDocument {
            slot,
            kind: kind.ok_or_else(|| broken("kind"))?,
            key: row.key,
            id: row.id,
            guid: row.guid,
            app_time: row.app_time,
            draft: row.draft,
            deleted: row.deleted,
            status: row.status,
            info: row.info,
            dxp_id: row.dxp_id,
            subscribers: row.subscribers,
            names: Names {
                order_no: row.order_no,
                logistics_code: row.logistics_code,
                logistics_no: row.logistics_no,
                agent_code: row.agent_code,
                ebc_code: row.ebc_code,
                cop_no: row.cop_no,
                bill_no: row.bill_no,
            },
            pre_no: row.pre_no,
            invt_no: row.invt_no,
            declaration: row.declaration_id,
            released: row.released_time,
            sum_no: row.sum_no,
            cancels: row.cancels,
            work: match row.queue.as_deref() {
                Some(FILING) => FilingWork::File,
                Some(WITHDRAWAL) => FilingWork::Withdraw,
                Some(_) | None => FilingWork::None,
            },
            signed: row.signed,
            digest: row.digest,
            document: Arc::new(
                serde_json::from_slice(&body)
                    .map_err(|error| Fault::Broken(format!("a kept document: {error}")))?,
            ),
            body,
            received: row.received_time,
            changed: row.changed_time,
            last_receipt_time: row.told_time,
            held_back: row.held_back,
            sender: None,
        })
    }
}

/// Where a document stands: slot, kind and business key.
type Place = (i16, i16, String);

/// Finds the documents that are wanted and not yet known. One small query for each kind of name that is
/// asked for: a single one for all of them costs more to plan than to run.
pub(crate) async fn find(
    tx: &mut PgConnection,
    cipher: &Cipher,
    wanted: &DocumentKeys,
    known: &HashMap<(u16, String), Uuid>,
) -> Result<Vec<StoredDocument>, Fault> {
    let mut places = places(&mut *tx, wanted).await?;
    places.retain(|(_, kind, key)| !known.contains_key(&(kind.cast_unsigned(), key.clone())));
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let slots: Vec<i16> = places.iter().map(|(slot, ..)| *slot).collect();
    let kinds: Vec<i16> = places.iter().map(|(_, kind, _)| *kind).collect();
    let keys: Vec<&str> = places.iter().map(|(.., key)| key.as_str()).collect();
    let rows = whole_documents!(
        "unnest($1::smallint[], $2::smallint[], $3::text[]) as found (slot, kind, key)
         join document d on d.slot = found.slot and d.kind = found.kind and d.key = found.key",
        "",
        &slots,
        &kinds,
        &keys as &[&str],
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|row| row.document(cipher)).collect()
}

/// Where the documents that are wanted stand, each once.
async fn places(tx: &mut PgConnection, wanted: &DocumentKeys) -> Result<BTreeSet<Place>, Fault> {
    /// One query by one array of names, when there are any.
    macro_rules! by_name {
        ($found:ident, $names:expr, $query:literal) => {
            if !$names.is_empty() {
                let names: Vec<&str> = $names.iter().map(String::as_str).collect();
                let rows = sqlx::query!($query, &names as &[&str]).fetch_all(&mut *tx).await?;
                $found.extend(rows.into_iter().map(|row| (row.slot, row.kind, row.key)));
            }
        };
    }
    let mut found = BTreeSet::new();
    by_name!(
        found,
        wanted.orders,
        "select d.slot, d.kind, d.key from unnest($1::text[]) as wanted (name)
         join document d on d.order_no = wanted.name and d.order_no <> ''"
    );
    by_name!(
        found,
        wanted.invt_nos,
        "select d.slot, d.kind, d.key from unnest($1::text[]) as wanted (name)
         join document d on d.invt_no = wanted.name and d.invt_no <> ''"
    );
    by_name!(
        found,
        wanted.pre_nos,
        "select d.slot, d.kind, d.key from unnest($1::text[]) as wanted (name)
         join document d on d.pre_no = wanted.name and d.pre_no <> '' and d.kind in (603, 621)"
    );
    by_name!(
        found,
        wanted.bill_nos,
        "select d.slot, d.kind, d.key from unnest($1::text[]) as wanted (name)
         join document d on d.bill_no = wanted.name and d.bill_no <> ''
           and d.kind in (507, 509, 603, 607)"
    );
    by_name!(
        found,
        wanted.cancels,
        "select d.slot, d.kind, d.key from unnest($1::text[]) as wanted (name)
         join document d on d.cancels = wanted.name and d.cancels <> ''"
    );
    if !wanted.keys.is_empty() {
        let (kinds, keys): (Vec<i16>, Vec<&str>) =
            wanted.keys.iter().map(|(kind, key)| (kind.cast_signed(), key.as_str())).unzip();
        let rows = sqlx::query!(
            "select d.slot, d.kind, d.key
             from unnest($1::smallint[], $2::text[]) as wanted (kind, key)
             join document d on d.kind = wanted.kind and d.key = wanted.key",
            &kinds,
            &keys as &[&str]
        )
        .fetch_all(&mut *tx)
        .await?;
        found.extend(rows.into_iter().map(|row| (row.slot, row.kind, row.key)));
    }
    if !wanted.parcels.is_empty() {
        let (codes, numbers): (Vec<&str>, Vec<&str>) =
            wanted.parcels.iter().map(|(code, no)| (code.as_str(), no.as_str())).unzip();
        let rows = sqlx::query!(
            "select d.slot, d.kind, d.key from unnest($1::text[], $2::text[]) as wanted (code, no)
             join document d on d.logistics_no = wanted.no and d.logistics_code = wanted.code
               and d.logistics_no <> ''",
            &codes as &[&str],
            &numbers as &[&str]
        )
        .fetch_all(&mut *tx)
        .await?;
        found.extend(rows.into_iter().map(|row| (row.slot, row.kind, row.key)));
    }
    if !wanted.declarations.is_empty() {
        let declarations: Vec<Uuid> = wanted.declarations.iter().copied().collect();
        let rows = sqlx::query!(
            "select d.slot, d.kind, d.key from unnest($1::uuid[]) as wanted (id)
             join document d on d.declaration_id = wanted.id",
            &declarations
        )
        .fetch_all(&mut *tx)
        .await?;
        found.extend(rows.into_iter().map(|row| (row.slot, row.kind, row.key)));
    }
    if !wanted.own.is_empty() {
        let (agents, numbers): (Vec<&str>, Vec<&str>) =
            wanted.own.iter().map(|(agent, no)| (agent.as_str(), no.as_str())).unzip();
        let rows = sqlx::query!(
            "select d.slot, d.kind, d.key from unnest($1::text[], $2::text[]) as wanted (agent, no)
             join document d on d.agent_code = wanted.agent and d.cop_no = wanted.no
               and d.cop_no <> '' and d.kind in (603, 621)",
            &agents as &[&str],
            &numbers as &[&str]
        )
        .fetch_all(&mut *tx)
        .await?;
        found.extend(rows.into_iter().map(|row| (row.slot, row.kind, row.key)));
    }
    for (seller, from, until) in &wanted.released {
        let rows = sqlx::query!(
            "select slot, kind, key from document
             where ebc_code = $1 and kind = 603 and released_time between $2 and $3 and sum_no = ''",
            seller,
            from,
            until
        )
        .fetch_all(&mut *tx)
        .await?;
        found.extend(rows.into_iter().map(|row| (row.slot, row.kind, row.key)));
    }
    Ok(found)
}

/// Documents by their ids, each by itself: one that cannot be read does not hide the others. `None` for
/// those that are not there any more.
pub(crate) async fn of_items(
    pool: &PgPool,
    cipher: &Cipher,
    items: &[Item],
) -> Result<Vec<Option<Result<StoredDocument, Fault>>>, Fault> {
    let slots: Vec<i16> = items.iter().map(|item| item.slot.column()).collect();
    let ids: Vec<Uuid> = items.iter().map(|item| item.id).collect();
    let rows = whole_documents!(
        "unnest($1::smallint[], $2::uuid[]) as asked (slot, id)
         join document d on d.slot = asked.slot and d.id = asked.id",
        "",
        &slots,
        &ids,
    )
    .fetch_all(pool)
    .await?;
    let mut found: HashMap<Uuid, Row> = rows.into_iter().map(|row| (row.id, row)).collect();
    Ok(items.iter().map(|item| found.remove(&item.id).map(|row| row.document(cipher))).collect())
}

fn body_of(slot: Slot, id: &Uuid) -> Cell<'_> {
    Cell { column: "document.body", slot, key: id.as_bytes() }
}
