//! What the exchange tells the door of declarations, as its transaction takes it.

use std::collections::BTreeSet;

use domain::{RequestId, Slot};
use sqlx::PgConnection;
use store::Fault;
use store::cipher::Cipher;
use store::inbox::Inbox;
use store::queue::{self, Item};
use store::request::{RequestKey, RequestStatus, Requests};
use uuid::Uuid;

use crate::document_keys::DocumentKeys;

/// Events that came together.
#[derive(Debug)]
pub(crate) struct EventBatch {
    pub(crate) events: Vec<ReceiptEvent>,
    /// What goes into the queue instead; the place of an item is its position.
    pub(crate) behind: Vec<Item>,
}

impl EventBatch {
    /// Where they stand in the journal of the declaration service, but for those that come out of their order.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (Slot, i64)> {
        let behind = self.behind.iter().filter(|item| item.kind != OUT_OF_ORDER);
        let behind = behind.map(|item| (item.slot, item.place));
        let events = self.events.iter().filter(|event| event.parked.is_none());
        events.map(|event| (event.slot, event.position)).chain(behind)
    }

    /// The requests under which those are kept that come out of their order.
    pub(crate) fn requests(&self) -> impl Iterator<Item = RequestKey> {
        self.events.iter().filter_map(ReceiptEvent::request)
    }
}

/// An event out of the queue.
#[derive(Debug)]
pub(crate) struct LateEvent {
    /// The item.
    pub(crate) id: Uuid,
    pub(crate) event: ReceiptEvent,
}

/// What happened to a declaration at once.
#[derive(Debug, Clone)]
pub(crate) struct ReceiptEvent {
    pub(crate) slot: Slot,
    pub(crate) position: i64,
    pub(crate) declaration: Uuid,
    /// Those of which receipts are made.
    pub(crate) facts: Vec<Fact>,
    /// Its id, when it was parked and is sent again: the inbox has gone over it long ago.
    pub(crate) parked: Option<Uuid>,
}

/// Whose requests events are that come out of their order.
const EXCHANGE: &str = "exchange";

/// The kind of an item whose event came out of its order; others are of kind 0.
pub(crate) const OUT_OF_ORDER: i16 = 1;

impl ReceiptEvent {
    pub(crate) fn request(&self) -> Option<RequestKey> {
        let id = RequestId(self.parked?);
        Some(RequestKey { slot: self.slot, id, caller: EXCHANGE.to_owned() })
    }

    /// Adds what has to be loaded for it.
    pub(crate) fn want(&self, wanted: &mut DocumentKeys) {
        for fact in &self.facts {
            match fact {
                Fact::Filed(pre_no) => {
                    wanted.pre_nos.insert(pre_no.clone());
                }
                _ => {
                    wanted.declarations.insert(self.declaration);
                }
            }
        }
    }

    /// Whether it has to be taken: nobody had taken it before.
    fn is_new(&self, inbox: &mut Inbox, requests: &mut Requests) -> bool {
        let Some(key) = self.request() else { return inbox.take(self.slot, self.position) };
        // The same id is the same event.
        let digest = [0; 32];
        let is_new = requests.seen(&key, &digest) == RequestStatus::New;
        if is_new {
            requests.keep(key, digest, Vec::new());
        }
        is_new
    }
}

/// Facts of the declaration service that receipts are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    /// It was filed, under the number that we gave.
    Filed(String),
    /// Customs took it in and gave its number.
    Numbered(String),
    /// Customs moved on.
    Customs(CustomsStep),
    /// Goods are examined; whether customs wants to see them too, so that it is done with the data.
    Examined {
        for_customs: bool,
    },
    Released,
    Rejected(String),
    Returned(String),
    Withdrawn,
}

/// How far customs is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CustomsStep {
    ManualReview,
    Concluded,
    /// With the status that says where the goods went.
    Detained(i32),
}

/// What came over the exchange, as a transaction sees it.
#[derive(Debug, Default)]
pub(crate) struct EventWrites {
    inbox: Inbox,
    /// What has to wait in the queue.
    behind: Vec<Item>,
    /// What was taken out of it, and has no effect yet.
    late: BTreeSet<Uuid>,
}

impl EventWrites {
    /// Moves the inbox over these batches, and takes these items out of the queue.
    pub(crate) async fn load<'a>(
        tx: &mut PgConnection,
        batches: impl Iterator<Item = &'a EventBatch>,
        late: impl Iterator<Item = &'a LateEvent>,
    ) -> Result<Self, Fault> {
        let late: Vec<(Slot, Uuid)> = late.map(|late| (late.event.slot, late.id)).collect();
        let late = queue::settle(&mut *tx, kit::listen::EVENTS, &late).await?;
        let inbox = Inbox::receive(tx, batches.flat_map(EventBatch::positions)).await?;
        Ok(Self { inbox, behind: Vec::new(), late })
    }

    /// The events of a batch that nobody took before; what has to wait is kept for the queue.
    pub(crate) fn new_of<'a>(
        &mut self,
        batch: &'a EventBatch,
        requests: &mut Requests,
    ) -> Vec<&'a ReceiptEvent> {
        let inbox = &mut self.inbox;
        let behind = batch.behind.iter();
        let behind = behind.filter(|it| it.kind == OUT_OF_ORDER || inbox.take(it.slot, it.place));
        self.behind.extend(behind.cloned());
        batch.events.iter().filter(|event| event.is_new(inbox, requests)).collect()
    }

    /// Whether an event out of the queue has to be taken.
    pub(crate) fn is_late(&mut self, late: &LateEvent, requests: &mut Requests) -> bool {
        let event = &late.event;
        let is_new = event.parked.is_none() || event.is_new(&mut self.inbox, requests);
        self.late.remove(&late.id) && is_new
    }

    /// Writes what has to wait, in the transaction that moved the inbox.
    pub(crate) async fn write(&self, tx: &mut PgConnection, cipher: &Cipher) -> Result<(), Fault> {
        queue::enqueue(tx, cipher, kit::listen::EVENTS, &self.behind).await
    }
}
