//! What happens to a declaration becomes receipts: its facts are the states of the real system.
//!
//! The invariant: what an event means is written in the transaction that moves the inbox over it, so each
//! fact is told once, whatever fails and however many processes listen.
//!
//! Receipts come in the order that firms' systems know: 2, 3, 120, \[300\], 399, \[500\], 800, 899. Where
//! quarantine or the risk rules want to see goods before customs has numbered them, 500 waits for the 120;
//! and what customs says of the data once goods are examined is told no more.

use std::collections::BTreeSet;

use domain::documents::{DocumentKind, ReceiptStatus, status};
use domain::{RequestId, Slot};
use sqlx::PgConnection;
use store::Fault;
use store::cipher::Cipher;
use store::inbox::Inbox;
use store::queue::{self, Item};
use store::request::{RequestKey, RequestStatus, Requests};
use uuid::Uuid;

use crate::commit::CebCommand;
use crate::document_set::DocumentKeys;
use crate::export_news;
use crate::filing_answer::{InventoryEnd, settle_cancellations};
use crate::matching::Companions;
use crate::stored_document::{FilingWork, StoredDocument};
use crate::transaction::CebTransaction;

/// Events that came together.
#[derive(Debug)]
pub(crate) struct EventBatch {
    pub(crate) events: Vec<ReceiptEvent>,
    /// What goes into the queue instead; the place of an item is its position.
    pub(crate) behind: Vec<Item>,
}

impl EventBatch {
    /// Where they stand in the journal of the declaration service, but for those that come out of their order.
    fn positions(&self) -> impl Iterator<Item = (Slot, i64)> {
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

/// What has to be loaded for an event.
pub(crate) fn want(event: &ReceiptEvent, wanted: &mut DocumentKeys) {
    for fact in &event.facts {
        match fact {
            Fact::Filed(pre_no) => {
                wanted.pre_nos.insert(pre_no.clone());
            }
            _ => {
                wanted.declarations.insert(event.declaration);
            }
        }
    }
}

/// Tells of events to whom they concern. What was taken before, by this process or another one, has no effect.
pub(crate) fn take(step: &mut CebTransaction, batch: &EventBatch) {
    let (inbox, requests) = (&mut step.events.inbox, &mut step.requests);
    let behind = batch.behind.iter();
    let behind = behind.filter(|it| it.kind == OUT_OF_ORDER || inbox.take(it.slot, it.place));
    step.events.behind.extend(behind.cloned());
    let events = batch.events.iter().filter(|event| event.is_new(inbox, requests));
    let events: Vec<_> = events.collect();
    apply_facts(step, &events);
}

/// The same for an event out of the queue. What another process has taken out meanwhile has no effect.
pub(crate) fn take_late(step: &mut CebTransaction, late: &LateEvent) {
    let event = &late.event;
    let (inbox, requests) = (&mut step.events.inbox, &mut step.requests);
    let is_new = event.parked.is_none() || event.is_new(inbox, requests);
    if step.events.late.remove(&late.id) && is_new {
        apply_facts(step, &[&late.event]);
    }
}

fn apply_facts(step: &mut CebTransaction, events: &[&ReceiptEvent]) {
    let facts = events.iter().flat_map(|it| it.facts.iter().map(|fact| (it.declaration, fact)));
    let mut held_back = BTreeSet::new();
    for (declaration, fact) in facts {
        let about = match fact {
            // The number is ours: it binds the declaration to the inventory, whoever comes first.
            Fact::Filed(pre_no) => step.shelf.of_pre_no(pre_no),
            _ => step.shelf.of_declaration(declaration),
        };
        let Some(id) = about.map(|paper| paper.id) else { continue };
        if matches!(fact, Fact::Filed(_)) {
            step.shelf.change(id, |paper| {
                paper.declaration = Some(declaration);
                paper.work = FilingWork::None;
            });
        }
        apply_fact(step, id, fact);
        held_back.insert(id);
    }
    // Customs may have more to say of the data in the same breath as its number.
    for id in held_back {
        issue_held_back(step, id);
    }
}

fn apply_fact(step: &mut CebTransaction, id: Uuid, fact: &Fact) {
    let Some(inventory) = step.shelf.get(id).cloned() else { return };
    let import = inventory.kind == DocumentKind::ImportInventory;
    match fact {
        Fact::Filed(_) => {
            step.issue_receipt(id, &ReceiptStatus::sent());
            to_companions(step, &inventory, &ReceiptStatus::sent());
        }
        Fact::Numbered(invt_no) => {
            step.shelf.change(id, |paper| paper.invt_no.clone_from(invt_no));
            step.issue_receipt(id, &ReceiptStatus::taken_in());
            to_companions(step, &inventory, &ReceiptStatus::taken_in());
        }
        Fact::Customs(CustomsStep::ManualReview) => {
            if inventory.status < status::MANUAL_REVIEW {
                step.issue_receipt(id, &ReceiptStatus::manual_review());
            }
        }
        Fact::Customs(CustomsStep::Concluded) => conclude(step, &inventory),
        Fact::Customs(CustomsStep::Detained(status)) => hold_back(step, id, *status),
        Fact::Examined { for_customs } => {
            if *for_customs && !inventory.invt_no.is_empty() {
                conclude(step, &inventory);
            }
            hold_back(step, id, status::EXAMINATION);
        }
        Fact::Released => {
            issue_held_back(step, id);
            conclude(step, &inventory);
            let now = step.now;
            step.shelf.change(id, |paper| paper.released = Some(now));
            if import {
                step.issue_receipt(id, &ReceiptStatus::released());
                // Nothing is left to do for an import: its formalities are closed with the release.
                step.issue_receipt(id, &ReceiptStatus::closed());
            }
            // An export may go when everything under its bill may.
            step.look_at_bill(id);
            settle_cancellations(step, id, InventoryEnd::Ended);
        }
        Fact::Rejected(reason) => {
            let text = if reason.starts_with("[Code:") {
                ReceiptStatus::new(status::REJECTED, reason.clone())
            } else {
                ReceiptStatus::rejected_manually(reason)
            };
            issue_held_back(step, id);
            end(step, id, &text);
        }
        Fact::Returned(reason) => {
            issue_held_back(step, id);
            end(step, id, &ReceiptStatus::returned(reason));
        }
        Fact::Withdrawn => {
            step.shelf.change(id, |paper| {
                paper.deleted = true;
                paper.held_back = 0;
            });
            step.look_at_bill(id);
            settle_cancellations(step, id, InventoryEnd::Withdrawn);
        }
    }
}

/// It ends without a release. What was held back is told no more.
fn end(step: &mut CebTransaction, id: Uuid, what: &ReceiptStatus) {
    step.shelf.change(id, |paper| paper.held_back = 0);
    step.issue_receipt(id, what);
    step.look_at_bill(id);
    settle_cancellations(step, id, InventoryEnd::Ended);
}

/// Examination and detention are told when customs has numbered the inventory, the last of them.
fn hold_back(step: &mut CebTransaction, id: Uuid, status: i32) {
    issue_held_back(step, id);
    step.shelf.change(id, |paper| paper.held_back = status);
}

/// Tells what was held back, once customs has given its number.
fn issue_held_back(step: &mut CebTransaction, id: Uuid) {
    let status = match step.shelf.get(id) {
        Some(paper) if !paper.invt_no.is_empty() => paper.held_back,
        Some(_) | None => return,
    };
    if status == 0 {
        return;
    }
    step.shelf.change(id, |paper| paper.held_back = 0);
    let examined = status == status::EXAMINATION;
    step.issue_receipt(
        id,
        &if examined { ReceiptStatus::examination() } else { ReceiptStatus::detained(status) },
    );
    step.look_at_bill(id);
}

/// 399, once and before anything that comes after it; and what waits for it: receipts of money.
fn conclude(step: &mut CebTransaction, inventory: &StoredDocument) {
    let status = step.shelf.get(inventory.id).map_or(0, |paper| paper.status);
    if status < status::CONCLUDED {
        step.issue_receipt(inventory.id, &ReceiptStatus::concluded());
    }
    let waiting: Vec<Uuid> = step
        .shelf
        .of_order(DocumentKind::MoneyReceipt, &inventory.names.order_no)
        .filter(|paper| paper.is_live() && paper.names.ebc_code == inventory.names.ebc_code)
        .filter(|paper| paper.status < status::TAKEN_IN)
        .map(|paper| paper.id)
        .collect();
    for id in waiting {
        if let Some(paper) = step.shelf.get(id).cloned() {
            export_news::money_announced(step, inventory.id, &paper, false);
        }
        step.issue_receipt(id, &ReceiptStatus::sent());
        step.issue_receipt(id, &ReceiptStatus::taken_in());
    }
}

/// Order, payment and waybill go the first steps together with their inventory.
fn to_companions(step: &mut CebTransaction, inventory: &StoredDocument, what: &ReceiptStatus) {
    let ids: Vec<Uuid> = Companions::of(&step.shelf, inventory).ids().collect();
    for id in ids {
        if step.shelf.get(id).is_some_and(|paper| paper.status < what.status) {
            step.issue_receipt(id, what);
        }
    }
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
    /// Moves the inbox over the events among the commands, and takes those out of the queue that came from
    /// there.
    pub(crate) async fn load(
        tx: &mut PgConnection,
        commands: &[CebCommand],
    ) -> Result<Self, Fault> {
        let late = commands.iter().filter_map(|command| match command {
            CebCommand::Late(late, _) => Some((late.event.slot, late.id)),
            _ => None,
        });
        let late: Vec<(Slot, Uuid)> = late.collect();
        let late = queue::settle(&mut *tx, kit::listen::EVENTS, &late).await?;
        let batches = commands.iter().filter_map(|command| match command {
            CebCommand::Take(batch, _) => Some(batch),
            _ => None,
        });
        let inbox = Inbox::receive(tx, batches.flat_map(EventBatch::positions)).await?;
        Ok(Self { inbox, behind: Vec::new(), late })
    }

    /// Writes what has to wait, in the transaction that moved the inbox.
    pub(crate) async fn write(&self, tx: &mut PgConnection, cipher: &Cipher) -> Result<(), Fault> {
        queue::enqueue(tx, cipher, kit::listen::EVENTS, &self.behind).await
    }
}
