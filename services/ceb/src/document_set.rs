//! The documents that a transaction works with: loaded by every name that somebody may know them by,
//! changed in memory, written at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use domain::Slot;
use domain::documents::DocumentKind;
use sqlx::{PgConnection, PgPool};
use store::Fault;
use store::cipher::{Cell, Cipher};
use store::queue::{self, Item};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::errand::{FILING, MATCHING, WITHDRAWAL};
use crate::matching::{self, is_waiting};
use crate::stored_document::{FilingWork, Names, StoredDocument};

/// The names of documents that are looked for.
#[derive(Debug, Default, Clone)]
pub(crate) struct DocumentKeys {
    /// Kind and business key. The slot is told by the order, which is not part of every key, so keys are
    /// looked for in all slots.
    pub(crate) keys: BTreeSet<(u16, String)>,
    /// Cancellations of inventories with these keys.
    pub(crate) cancels: BTreeSet<String>,
    /// Everything of an order.
    pub(crate) orders: BTreeSet<String>,
    /// Parcel numbers with their firms.
    pub(crate) parcels: BTreeSet<(String, String)>,
    pub(crate) invt_nos: BTreeSet<String>,
    pub(crate) pre_nos: BTreeSet<String>,
    pub(crate) bill_nos: BTreeSet<String>,
    pub(crate) declarations: BTreeSet<Uuid>,
    /// Inventories by agentCode and copNo.
    pub(crate) own: BTreeSet<(String, String)>,
    /// Export inventories of a seller that were released in a period.
    pub(crate) released: BTreeSet<Period>,
}

/// A seller (ebcCode), and from when to when.
pub(crate) type Period = (String, OffsetDateTime, OffsetDateTime);

impl DocumentKeys {
    fn is_empty(&self) -> bool {
        self.keys.is_empty()
            && self.orders.is_empty()
            && self.parcels.is_empty()
            && self.invt_nos.is_empty()
            && self.pre_nos.is_empty()
            && self.bill_nos.is_empty()
            && self.declarations.is_empty()
            && self.own.is_empty()
            && self.released.is_empty()
            && self.cancels.is_empty()
    }

    /// What has to be there as well, given what was found: everything of an inventory's order, its
    /// parcel, what travels under its bill, and the parcels that a list names.
    fn beyond(&self, found: &[StoredDocument]) -> Self {
        let mut beyond = Self::default();
        for paper in found {
            let names = &paper.names;
            let mut parcel = |no: String| {
                let parcel = (names.logistics_code.clone(), no);
                if !parcel.1.is_empty() && !self.parcels.contains(&parcel) {
                    beyond.parcels.insert(parcel);
                }
            };
            if paper.kind.is_inventory() {
                parcel(names.logistics_no.clone());
                if !self.orders.contains(&names.order_no) {
                    beyond.orders.insert(names.order_no.clone());
                }
                if !self.cancels.contains(&paper.key) {
                    beyond.cancels.insert(paper.key.clone());
                }
                let export = paper.kind.is_export() && !names.bill_no.is_empty();
                if export && !self.bill_nos.contains(&names.bill_no) {
                    beyond.bill_nos.insert(names.bill_no.clone());
                }
            } else if !paper.cancels.is_empty() {
                let kind = match paper.kind {
                    DocumentKind::ExportCancel => DocumentKind::ExportInventory,
                    _ => DocumentKind::ImportInventory,
                };
                let key = (kind.number(), paper.cancels.clone());
                if !self.keys.contains(&key) {
                    beyond.keys.insert(key);
                }
            } else if matches!(paper.kind, DocumentKind::WaybillList | DocumentKind::Departure) {
                paper.document.line_values("logisticsNo").into_iter().for_each(parcel);
            } else if paper.kind == DocumentKind::SummaryApply {
                // Another part of a split summary names inventories of its own.
                let listed = paper.document.line_values("invtNo").into_iter();
                beyond.invt_nos.extend(listed.filter(|no| !self.invt_nos.contains(no)));
            }
        }
        beyond
    }

    fn add(&mut self, more: &Self) {
        self.orders.extend(more.orders.iter().cloned());
        self.invt_nos.extend(more.invt_nos.iter().cloned());
        self.parcels.extend(more.parcels.iter().cloned());
        self.bill_nos.extend(more.bill_nos.iter().cloned());
        self.cancels.extend(more.cancels.iter().cloned());
        self.keys.extend(more.keys.iter().cloned());
    }
}

/// From a document to what belongs to what belongs to it.
const HOPS_MAX: usize = 4;

/// Documents by all their names.
#[derive(Debug, Default)]
pub(crate) struct DocumentSet {
    papers: HashMap<Uuid, StoredDocument>,
    keys: HashMap<(u16, String), Uuid>,
    orders: HashMap<String, BTreeSet<Uuid>>,
    parcels: HashMap<(String, String), BTreeSet<Uuid>>,
    bills: HashMap<String, BTreeSet<Uuid>>,
    declarations: HashMap<Uuid, Uuid>,
    pre_nos: HashMap<String, Uuid>,
    /// Documents that are new, or have another content.
    put: BTreeSet<Uuid>,
    /// Documents of which only the state changed.
    changed: BTreeSet<Uuid>,
    /// What was to be done about them when they were loaded, by kind and key: the queue, and the document
    /// as it was then.
    queued: HashMap<(u16, String), (&'static str, Uuid)>,
    /// Rows of documents whose order, and with it their slot, changed.
    moved: Vec<(Slot, u16, String)>,
    /// A document that was looked for under its id and is not here.
    missed: OnceLock<Uuid>,
}

/// The queue in which something is to be done about a document.
fn queue_of(paper: &StoredDocument) -> Option<&'static str> {
    match paper.errand {
        FilingWork::File => Some(FILING),
        FilingWork::Withdraw => Some(WITHDRAWAL),
        FilingWork::None if is_waiting(paper) => Some(MATCHING),
        FilingWork::None => None,
    }
}

impl DocumentSet {
    /// Loads what is wanted, and what belongs to it.
    pub(crate) async fn load(
        tx: &mut PgConnection,
        cipher: &Cipher,
        wanted: &DocumentKeys,
    ) -> Result<Self, Fault> {
        let mut shelf = Self::default();
        let mut wanted = wanted.clone();
        let mut next = wanted.clone();
        // A list names parcels, a parcel its inventory, and that its order: no chain is longer.
        for _ in 0..HOPS_MAX {
            let found = find(&mut *tx, cipher, &next, &shelf.keys).await?;
            next = wanted.beyond(&found);
            shelf.extend(found);
            if next.is_empty() {
                break;
            }
            wanted.add(&next);
        }
        Ok(shelf)
    }

    fn extend(&mut self, papers: Vec<StoredDocument>) {
        for paper in papers {
            self.index(&paper);
            if let Some(queue) = queue_of(&paper) {
                self.queued.insert((paper.kind.number(), paper.key.clone()), (queue, paper.id));
            }
            self.papers.insert(paper.id, paper);
        }
    }

    fn index(&mut self, paper: &StoredDocument) {
        let id = paper.id;
        self.keys.insert((paper.kind.number(), paper.key.clone()), id);
        let names = &paper.names;
        if !names.order_no.is_empty() {
            self.orders.entry(names.order_no.clone()).or_default().insert(id);
        }
        if !names.logistics_no.is_empty() {
            let parcel = (names.logistics_code.clone(), names.logistics_no.clone());
            self.parcels.entry(parcel).or_default().insert(id);
        }
        if !names.bill_no.is_empty() {
            self.bills.entry(names.bill_no.clone()).or_default().insert(id);
        }
        if paper.kind.is_inventory() {
            self.declarations.extend(paper.declaration.map(|declaration| (declaration, id)));
            self.pre_nos.insert(paper.pre_no.clone(), id);
        }
    }

    /// The inventory that became a declaration.
    pub(crate) fn of_declaration(&self, declaration: Uuid) -> Option<&StoredDocument> {
        self.papers.get(self.declarations.get(&declaration)?)
    }

    /// The inventory that a cancellation is about.
    pub(crate) fn cancelled_by(&self, paper: &StoredDocument) -> Option<&StoredDocument> {
        let kind = match paper.kind {
            DocumentKind::ExportCancel => DocumentKind::ExportInventory,
            _ => DocumentKind::ImportInventory,
        };
        self.by_key(kind, &paper.cancels).filter(|_| !paper.cancels.is_empty())
    }

    /// The inventory with a number of ours.
    pub(crate) fn of_pre_no(&self, pre_no: &str) -> Option<&StoredDocument> {
        self.papers.get(self.pre_nos.get(pre_no)?)
    }

    pub(crate) fn papers(&self) -> impl Iterator<Item = &StoredDocument> {
        self.papers.values()
    }

    /// A document by an id that the shelf gave. One that is not here cannot be: nothing of the
    /// transaction is written then.
    pub(crate) fn get(&self, id: Uuid) -> Option<&StoredDocument> {
        let found = self.papers.get(&id);
        if found.is_none() {
            // The first one is enough.
            let _known = self.missed.set(id);
        }
        found
    }

    pub(crate) fn by_key(&self, kind: DocumentKind, key: &str) -> Option<&StoredDocument> {
        self.keys.get(&(kind.number(), key.to_owned())).and_then(|id| self.papers.get(id))
    }

    /// The documents of a kind that name an order.
    pub(crate) fn of_order<'a>(
        &'a self,
        kind: DocumentKind,
        order_no: &str,
    ) -> impl Iterator<Item = &'a StoredDocument> {
        let ids = self.orders.get(order_no).into_iter().flatten();
        ids.filter_map(|id| self.papers.get(id)).filter(move |paper| paper.kind == kind)
    }

    /// The documents of a kind about a parcel.
    pub(crate) fn of_parcel<'a>(
        &'a self,
        kind: DocumentKind,
        code: &str,
        no: &str,
    ) -> impl Iterator<Item = &'a StoredDocument> {
        let ids = self.parcels.get(&(code.to_owned(), no.to_owned())).into_iter().flatten();
        ids.filter_map(|id| self.papers.get(id)).filter(move |paper| paper.kind == kind)
    }

    /// The documents of a kind under a bill of lading.
    pub(crate) fn of_bill<'a>(
        &'a self,
        kind: DocumentKind,
        bill_no: &str,
    ) -> impl Iterator<Item = &'a StoredDocument> {
        let ids = self.bills.get(bill_no).into_iter().flatten();
        ids.filter_map(|id| self.papers.get(id)).filter(move |paper| paper.kind == kind)
    }

    /// The first document that satisfies this; for names that few commands use.
    pub(crate) fn find(&self, test: impl Fn(&StoredDocument) -> bool) -> Option<&StoredDocument> {
        self.papers.values().find(|paper| test(paper))
    }

    /// Puts a document on the shelf, over one with the same key.
    pub(crate) fn put(&mut self, paper: StoredDocument) {
        if let Some(old) = self.keys.get(&(paper.kind.number(), paper.key.clone())).copied() {
            let from = self.papers.get(&old).map(|old| old.slot).filter(|slot| *slot != paper.slot);
            self.moved.extend(from.map(|slot| (slot, paper.kind.number(), paper.key.clone())));
            self.take_off(old);
        }
        self.index(&paper);
        self.put.insert(paper.id);
        self.papers.insert(paper.id, paper);
    }

    fn take_off(&mut self, id: Uuid) {
        for ids in self.orders.values_mut().chain(self.parcels.values_mut()) {
            ids.remove(&id);
        }
        for ids in self.bills.values_mut() {
            ids.remove(&id);
        }
        self.changed.remove(&id);
        self.put.remove(&id);
        if let Some(paper) = self.papers.remove(&id) {
            self.pre_nos.remove(&paper.pre_no);
        }
        self.declarations.retain(|_, paper| *paper != id);
    }

    /// Changes a document; it is written at the end of the transaction. One that is not here cannot be,
    /// see [`Self::get`].
    pub(crate) fn change(&mut self, id: Uuid, change: impl FnOnce(&mut StoredDocument)) {
        let Some(paper) = self.papers.get_mut(&id) else {
            let _known = self.missed.set(id);
            return;
        };
        change(paper);
        if !self.put.contains(&id) {
            self.changed.insert(id);
        }
        if paper.kind.is_inventory() {
            self.declarations.extend(paper.declaration.map(|declaration| (declaration, id)));
        }
        let bill_no = paper.names.bill_no.clone();
        if !bill_no.is_empty() {
            self.bills.entry(bill_no).or_default().insert(id);
        }
    }

    pub(crate) fn has_errands(&self) -> bool {
        let written = self.put.iter().chain(&self.changed);
        written.filter_map(|id| self.papers.get(id)).any(|paper| paper.errand != FilingWork::None)
    }

    /// Writes what changed.
    pub(crate) async fn write(
        &self,
        tx: &mut PgConnection,
        cipher: &Cipher,
        now: OffsetDateTime,
    ) -> Result<(), Fault> {
        let of = |ids: &BTreeSet<Uuid>| -> Vec<&StoredDocument> {
            ids.iter().filter_map(|id| self.get(*id)).collect()
        };
        let (put, changed) = (of(&self.put), of(&self.changed));
        if let Some(id) = self.missed.get() {
            return Err(Fault::Broken(format!("document {id} was worked on and not loaded")));
        }
        remove(&mut *tx, &self.moved).await?;
        insert(&mut *tx, cipher, &put, now).await?;
        update(&mut *tx, &changed, now).await?;
        let mut done: BTreeMap<&str, Vec<(Slot, Uuid)>> = BTreeMap::new();
        let mut new: BTreeMap<&str, Vec<Item>> = BTreeMap::new();
        for paper in put.into_iter().chain(changed) {
            let before = self.queued.get(&(paper.kind.number(), paper.key.clone())).copied();
            let then = queue_of(paper).map(|queue| (queue, paper.id));
            if before == then {
                continue;
            }
            if let Some((queue, id)) = before {
                done.entry(queue).or_default().push((paper.slot, id));
            }
            if let Some((queue, _)) = then {
                new.entry(queue).or_default().push(item(paper, queue, now));
            }
        }
        for (queue, items) in done {
            queue::settle(&mut *tx, queue, &items).await?;
        }
        for (queue, items) in new {
            queue::enqueue(&mut *tx, cipher, queue, &items).await?;
        }
        Ok(())
    }
}

/// What is to be done about a document, as an item. Documents do not wait for each other here.
fn item(paper: &StoredDocument, queue: &str, now: OffsetDateTime) -> Item {
    let wait = time::Duration::seconds(matching::POLICY.wait_seconds);
    Item {
        slot: paper.slot,
        id: paper.id,
        kind: 0,
        subject: paper.id,
        place: 0,
        body: Vec::new(),
        due: if queue == MATCHING { now + wait } else { now },
        tries: 0,
    }
}

/// Removes rows that stand in another slot from now on, and what was to be done about them.
async fn remove(tx: &mut PgConnection, moved: &[(Slot, u16, String)]) -> Result<(), Fault> {
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
async fn insert(
    tx: &mut PgConnection,
    cipher: &Cipher,
    papers: &[&StoredDocument],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if papers.is_empty() {
        return Ok(());
    }
    let texts = |field: fn(&StoredDocument) -> &str| -> Vec<String> {
        papers.iter().map(|paper| field(paper).to_owned()).collect()
    };
    let slots: Vec<i16> = papers.iter().map(|p| p.slot.column()).collect();
    let kinds: Vec<i16> = papers.iter().map(|p| kind_column(p.kind)).collect();
    let ids: Vec<Uuid> = papers.iter().map(|p| p.id).collect();
    let drafts: Vec<bool> = papers.iter().map(|p| p.draft).collect();
    let deleted: Vec<bool> = papers.iter().map(|p| p.deleted).collect();
    let statuses: Vec<i32> = papers.iter().map(|p| p.status).collect();
    // An array of arrays would have to be rectangular.
    let subscribers: Vec<String> = papers.iter().map(|p| p.subscribers.join("\u{1f}")).collect();
    let declarations: Vec<Option<Uuid>> = papers.iter().map(|p| p.declaration).collect();
    let released: Vec<Option<OffsetDateTime>> = papers.iter().map(|p| p.released).collect();
    let signed: Vec<bool> = papers.iter().map(|p| p.signed).collect();
    let digests: Vec<&[u8]> = papers.iter().map(|p| p.digest.as_slice()).collect();
    let encrypt = |p: &&StoredDocument| cipher.encrypt(body_of(p.slot, &p.id), &p.body);
    let bodies: Vec<Vec<u8>> = papers.iter().map(encrypt).collect::<Result<_, _>>()?;
    let received: Vec<OffsetDateTime> = papers.iter().map(|p| p.received).collect();
    let told: Vec<OffsetDateTime> = papers.iter().map(|p| p.told).collect();
    let held_back: Vec<i32> = papers.iter().map(|p| p.held_back).collect();
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
            &told,
            &held_back
        )
        .execute(tx)
        .await?;
    Ok(())
}

/// Writes the state of documents that are there: their content stays where it is.
async fn update(
    tx: &mut PgConnection,
    papers: &[&StoredDocument],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if papers.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = papers.iter().map(|p| p.slot.column()).collect();
    let kinds: Vec<i16> = papers.iter().map(|p| kind_column(p.kind)).collect();
    let texts = |field: fn(&StoredDocument) -> &str| -> Vec<String> {
        papers.iter().map(|paper| field(paper).to_owned()).collect()
    };
    let deleted: Vec<bool> = papers.iter().map(|p| p.deleted).collect();
    let statuses: Vec<i32> = papers.iter().map(|p| p.status).collect();
    let declarations: Vec<Option<Uuid>> = papers.iter().map(|p| p.declaration).collect();
    let released: Vec<Option<OffsetDateTime>> = papers.iter().map(|p| p.released).collect();
    let digests: Vec<&[u8]> = papers.iter().map(|p| p.digest.as_slice()).collect();
    let told: Vec<OffsetDateTime> = papers.iter().map(|p| p.told).collect();
    let held_back: Vec<i32> = papers.iter().map(|p| p.held_back).collect();
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
        &told,
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
            errand: match row.queue.as_deref() {
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
            told: row.told_time,
            held_back: row.held_back,
            sender: None,
        })
    }
}

/// Where a document stands: slot, kind and business key.
type Place = (i16, i16, String);

/// Finds the documents that are wanted and not yet known. One small query for each kind of name that is
/// asked for: a single one for all of them costs more to plan than to run.
async fn find(
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
    let rows = sqlx::query_as!(
        Row,
        r#"select d.slot, d.kind, d.key, id, guid, app_time, draft, deleted, status, info, dxp_id,
                  subscribers,
                  order_no, logistics_code, logistics_no, agent_code, ebc_code, cop_no, bill_no, pre_no,
                  invt_no, declaration_id, released_time, sum_no, cancels, t.queue as "queue?", signed,
                  digest, body, received_time, changed_time, told_time, held_back
           from unnest($1::smallint[], $2::smallint[], $3::text[]) as found (slot, kind, key)
           join document d on d.slot = found.slot and d.kind = found.kind and d.key = found.key
           left join (select slot, id as document, queue from queue_item
                      where queue in ('filing', 'withdrawal', 'matching')) t
                  on t.slot = d.slot and t.document = d.id"#,
        &slots,
        &kinds,
        &keys as &[&str]
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
    let rows = sqlx::query_as!(
        Row,
        r#"select d.slot, d.kind, d.key, d.id, guid, app_time, draft, deleted, status, info, dxp_id,
                  subscribers,
                  order_no, logistics_code, logistics_no, agent_code, ebc_code, cop_no, bill_no, pre_no,
                  invt_no, declaration_id, released_time, sum_no, cancels, t.queue as "queue?", signed,
                  digest, body, received_time, changed_time, told_time, held_back
           from unnest($1::smallint[], $2::uuid[]) as asked (slot, id)
           join document d on d.slot = asked.slot and d.id = asked.id
           left join (select slot, id as document, queue from queue_item
                      where queue in ('filing', 'withdrawal', 'matching')) t
                  on t.slot = d.slot and t.document = d.id"#,
        &slots,
        &ids
    )
    .fetch_all(pool)
    .await?;
    let mut found: HashMap<Uuid, Row> = rows.into_iter().map(|row| (row.id, row)).collect();
    Ok(items.iter().map(|item| found.remove(&item.id).map(|row| row.document(cipher))).collect())
}

fn body_of(slot: Slot, id: &Uuid) -> Cell<'_> {
    Cell { column: "document.body", slot, key: id.as_bytes() }
}
