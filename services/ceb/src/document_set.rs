//! The documents that a transaction works with: loaded by every name that somebody may know them by,
//! changed in memory, written at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

use domain::Slot;
use domain::documents::DocumentKind;
use sqlx::PgConnection;
use store::Fault;
use store::cipher::Cipher;
use store::queue::{self, Item};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::document_rows::{find, insert, remove, update};
use crate::filing_answer::{FILING, MATCHING, WITHDRAWAL};
use crate::matching::{self, is_waiting};
use crate::stored_document::{FilingWork, StoredDocument};

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
    match paper.work {
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

    pub(crate) fn has_work(&self) -> bool {
        let written = self.put.iter().chain(&self.changed);
        written.filter_map(|id| self.papers.get(id)).any(|paper| paper.work != FilingWork::None)
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
