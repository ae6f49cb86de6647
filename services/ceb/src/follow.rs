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
use uuid::Uuid;

use crate::cancellation::{InventoryEnd, settle_cancellations};
use crate::declaration_events::{CustomsStep, EventBatch, Fact, LateEvent, ReceiptEvent};
use crate::export_news;
use crate::matching::Companions;
use crate::stored_document::{FilingWork, StoredDocument};
use crate::transaction::CebTransaction;

/// Tells of events to whom they concern. What was taken before, by this process or another one, has no effect.
pub(crate) fn take(step: &mut CebTransaction, batch: &EventBatch) {
    let events = step.events.new_of(batch, &mut step.requests);
    apply_facts(step, &events);
}

/// The same for an event out of the queue. What another process has taken out meanwhile has no effect.
pub(crate) fn take_late(step: &mut CebTransaction, late: &LateEvent) {
    if step.events.is_late(late, &mut step.requests) {
        apply_facts(step, &[&late.event]);
    }
}

fn apply_facts(step: &mut CebTransaction, events: &[&ReceiptEvent]) {
    let facts = events.iter().flat_map(|it| it.facts.iter().map(|fact| (it.declaration, fact)));
    let mut held_back = BTreeSet::new();
    for (declaration, fact) in facts {
        let about = match fact {
            // The number is ours: it binds the declaration to the inventory, whoever comes first.
            Fact::Filed(pre_no) => step.documents.of_pre_no(pre_no),
            _ => step.documents.of_declaration(declaration),
        };
        let Some(id) = about.map(|stored| stored.id) else { continue };
        if matches!(fact, Fact::Filed(_)) {
            step.documents.change(id, |stored| {
                stored.declaration = Some(declaration);
                stored.work = FilingWork::None;
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
    let Some(inventory) = step.documents.get(id).cloned() else { return };
    let import = inventory.kind == DocumentKind::ImportInventory;
    match fact {
        Fact::Filed(_) => {
            step.issue_receipt(id, &ReceiptStatus::sent());
            to_companions(step, &inventory, &ReceiptStatus::sent());
        }
        Fact::Numbered(invt_no) => {
            step.documents.change(id, |stored| stored.invt_no.clone_from(invt_no));
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
            step.documents.change(id, |stored| stored.released = Some(now));
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
            step.documents.change(id, |stored| {
                stored.deleted = true;
                stored.held_back = 0;
            });
            step.look_at_bill(id);
            settle_cancellations(step, id, InventoryEnd::Withdrawn);
        }
    }
}

/// It ends without a release. What was held back is told no more.
fn end(step: &mut CebTransaction, id: Uuid, what: &ReceiptStatus) {
    step.documents.change(id, |stored| stored.held_back = 0);
    step.issue_receipt(id, what);
    step.look_at_bill(id);
    settle_cancellations(step, id, InventoryEnd::Ended);
}

/// Examination and detention are told when customs has numbered the inventory, the last of them.
fn hold_back(step: &mut CebTransaction, id: Uuid, status: i32) {
    issue_held_back(step, id);
    step.documents.change(id, |stored| stored.held_back = status);
}

/// Tells what was held back, once customs has given its number.
fn issue_held_back(step: &mut CebTransaction, id: Uuid) {
    let status = match step.documents.get(id) {
        Some(stored) if !stored.invt_no.is_empty() => stored.held_back,
        Some(_) | None => return,
    };
    if status == 0 {
        return;
    }
    step.documents.change(id, |stored| stored.held_back = 0);
    let examined = status == status::EXAMINATION;
    step.issue_receipt(
        id,
        &if examined { ReceiptStatus::examination() } else { ReceiptStatus::detained(status) },
    );
    step.look_at_bill(id);
}

/// 399, once and before anything that comes after it; and what waits for it: receipts of money.
fn conclude(step: &mut CebTransaction, inventory: &StoredDocument) {
    let status = step.documents.get(inventory.id).map_or(0, |stored| stored.status);
    if status < status::CONCLUDED {
        step.issue_receipt(inventory.id, &ReceiptStatus::concluded());
    }
    let waiting: Vec<Uuid> = step
        .documents
        .of_order(DocumentKind::MoneyReceipt, &inventory.names.order_no)
        .filter(|stored| stored.is_live() && stored.names.ebc_code == inventory.names.ebc_code)
        .filter(|stored| stored.status < status::TAKEN_IN)
        .map(|stored| stored.id)
        .collect();
    for id in waiting {
        if let Some(stored) = step.documents.get(id).cloned() {
            export_news::money_announced(step, inventory.id, &stored, false);
        }
        step.issue_receipt(id, &ReceiptStatus::sent());
        step.issue_receipt(id, &ReceiptStatus::taken_in());
    }
}

/// Order, payment and waybill go the first steps together with their inventory.
fn to_companions(step: &mut CebTransaction, inventory: &StoredDocument, what: &ReceiptStatus) {
    let ids: Vec<Uuid> = Companions::of(&step.documents, inventory).ids().collect();
    for id in ids {
        if step.documents.get(id).is_some_and(|stored| stored.status < what.status) {
            step.issue_receipt(id, what);
        }
    }
}
