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

use crate::document_keys::DocumentKeys;
use crate::document_rows::{find, insert, remove, update};
use crate::queues::{FILING, MATCHING, MATCHING_WAIT_SECONDS, WITHDRAWAL};
use crate::stored_document::{FilingWork, StoredDocument};

/// From a document to what belongs to what belongs to it.
const HOPS_MAX: usize = 4;

/// Documents by all their names.
#[derive(Debug, Default)]
pub(crate) struct DocumentSet {
    by_id: HashMap<Uuid, StoredDocument>,
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
fn queue_of(stored: &StoredDocument) -> Option<&'static str> {
    match stored.work {
        FilingWork::File => Some(FILING),
        FilingWork::Withdraw => Some(WITHDRAWAL),
        FilingWork::None if stored.is_waiting() => Some(MATCHING),
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
        let mut documents = Self::default();
        let mut wanted = wanted.clone();
        let mut next = wanted.clone();
        // A list names parcels, a parcel its inventory, and that its order: no chain is longer.
        for _ in 0..HOPS_MAX {
            let found = find(&mut *tx, cipher, &next, &documents.keys).await?;
            next = wanted.beyond(&found);
            documents.extend(found);
            if next.is_empty() {
                break;
            }
            wanted.add(&next);
        }
        Ok(documents)
    }

    fn extend(&mut self, documents: Vec<StoredDocument>) {
        for stored in documents {
            self.index(&stored);
            if let Some(queue) = queue_of(&stored) {
                self.queued.insert((stored.kind.number(), stored.key.clone()), (queue, stored.id));
            }
            self.by_id.insert(stored.id, stored);
        }
    }

    fn index(&mut self, stored: &StoredDocument) {
        let id = stored.id;
        self.keys.insert((stored.kind.number(), stored.key.clone()), id);
        let names = &stored.names;
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
        if stored.kind.is_inventory() {
            self.declarations.extend(stored.declaration.map(|declaration| (declaration, id)));
            self.pre_nos.insert(stored.pre_no.clone(), id);
        }
    }

    /// The inventory that became a declaration.
    pub(crate) fn of_declaration(&self, declaration: Uuid) -> Option<&StoredDocument> {
        self.by_id.get(self.declarations.get(&declaration)?)
    }

    /// The inventory that a cancellation is about.
    pub(crate) fn cancelled_by(&self, stored: &StoredDocument) -> Option<&StoredDocument> {
        let kind = match stored.kind {
            DocumentKind::ExportCancel => DocumentKind::ExportInventory,
            _ => DocumentKind::ImportInventory,
        };
        self.by_key(kind, &stored.cancels).filter(|_| !stored.cancels.is_empty())
    }

    /// The inventory with a number of ours.
    pub(crate) fn of_pre_no(&self, pre_no: &str) -> Option<&StoredDocument> {
        self.by_id.get(self.pre_nos.get(pre_no)?)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &StoredDocument> {
        self.by_id.values()
    }

    /// A document by an id that the documents gave. One that is not here cannot be: nothing of the
    /// transaction is written then.
    pub(crate) fn get(&self, id: Uuid) -> Option<&StoredDocument> {
        let found = self.by_id.get(&id);
        if found.is_none() {
            // The first one is enough.
            let _known = self.missed.set(id);
        }
        found
    }

    pub(crate) fn by_key(&self, kind: DocumentKind, key: &str) -> Option<&StoredDocument> {
        self.keys.get(&(kind.number(), key.to_owned())).and_then(|id| self.by_id.get(id))
    }

    /// The documents of a kind that name an order.
    pub(crate) fn of_order<'a>(
        &'a self,
        kind: DocumentKind,
        order_no: &str,
    ) -> impl Iterator<Item = &'a StoredDocument> {
        let ids = self.orders.get(order_no).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id)).filter(move |stored| stored.kind == kind)
    }

    /// The documents of a kind about a parcel.
    pub(crate) fn of_parcel<'a>(
        &'a self,
        kind: DocumentKind,
        code: &str,
        no: &str,
    ) -> impl Iterator<Item = &'a StoredDocument> {
        let ids = self.parcels.get(&(code.to_owned(), no.to_owned())).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id)).filter(move |stored| stored.kind == kind)
    }

    /// The documents of a kind under a bill of lading.
    pub(crate) fn of_bill<'a>(
        &'a self,
        kind: DocumentKind,
        bill_no: &str,
    ) -> impl Iterator<Item = &'a StoredDocument> {
        let ids = self.bills.get(bill_no).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id)).filter(move |stored| stored.kind == kind)
    }

    /// The first document that satisfies this; for names that few commands use.
    pub(crate) fn find(&self, test: impl Fn(&StoredDocument) -> bool) -> Option<&StoredDocument> {
        self.by_id.values().find(|stored| test(stored))
    }

    /// Puts a document into the set, over one with the same key.
    pub(crate) fn put(&mut self, stored: StoredDocument) {
        if let Some(old) = self.keys.get(&(stored.kind.number(), stored.key.clone())).copied() {
            let from = self.by_id.get(&old).map(|old| old.slot).filter(|slot| *slot != stored.slot);
            self.moved.extend(from.map(|slot| (slot, stored.kind.number(), stored.key.clone())));
            self.remove(old);
        }
        self.index(&stored);
        self.put.insert(stored.id);
        self.by_id.insert(stored.id, stored);
    }

    fn remove(&mut self, id: Uuid) {
        for ids in self.orders.values_mut().chain(self.parcels.values_mut()) {
            ids.remove(&id);
        }
        for ids in self.bills.values_mut() {
            ids.remove(&id);
        }
        self.changed.remove(&id);
        self.put.remove(&id);
        if let Some(stored) = self.by_id.remove(&id) {
            self.pre_nos.remove(&stored.pre_no);
        }
        self.declarations.retain(|_, stored| *stored != id);
    }

    /// Changes a document; it is written at the end of the transaction. One that is not here cannot be,
    /// see [`Self::get`].
    pub(crate) fn change(&mut self, id: Uuid, change: impl FnOnce(&mut StoredDocument)) {
        let Some(stored) = self.by_id.get_mut(&id) else {
            let _known = self.missed.set(id);
            return;
        };
        change(stored);
        if !self.put.contains(&id) {
            self.changed.insert(id);
        }
        if stored.kind.is_inventory() {
            self.declarations.extend(stored.declaration.map(|declaration| (declaration, id)));
        }
        let bill_no = stored.names.bill_no.clone();
        if !bill_no.is_empty() {
            self.bills.entry(bill_no).or_default().insert(id);
        }
    }

    pub(crate) fn has_work(&self) -> bool {
        let written = self.put.iter().chain(&self.changed);
        written.filter_map(|id| self.by_id.get(id)).any(|stored| stored.work != FilingWork::None)
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
        for stored in put.into_iter().chain(changed) {
            let before = self.queued.get(&(stored.kind.number(), stored.key.clone())).copied();
            let then = queue_of(stored).map(|queue| (queue, stored.id));
            if before == then {
                continue;
            }
            if let Some((queue, id)) = before {
                done.entry(queue).or_default().push((stored.slot, id));
            }
            if let Some((queue, _)) = then {
                new.entry(queue).or_default().push(item(stored, queue, now));
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
fn item(stored: &StoredDocument, queue: &str, now: OffsetDateTime) -> Item {
    let wait = time::Duration::seconds(MATCHING_WAIT_SECONDS);
    Item {
        slot: stored.slot,
        id: stored.id,
        kind: 0,
        subject: stored.id,
        place: 0,
        body: Vec::new(),
        due: if queue == MATCHING { now + wait } else { now },
        tries: 0,
    }
}
