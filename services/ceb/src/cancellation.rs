//! 605 and 623: an inventory is taken back before it is released, of an export or of an import.

use domain::documents::{ReceiptStatus, status};
use uuid::Uuid;

use crate::inventory::{inventory_of, looked_for, number};
use crate::receipt::IssuedReceipt;
use crate::stored_document::FilingWork;
use crate::transaction::CebTransaction;

/// Takes the inventory back that a cancellation names.
pub(crate) fn cancel(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    let Some(stored) = step.documents.get(id) else { return Vec::new() };
    let inventory = match inventory_of(&step.documents, stored, -623_001) {
        Ok(inventory) => inventory.clone(),
        Err(refusal) => {
            let unknown = || ReceiptStatus::refused(-623_003, &[&looked_for(stored)]);
            let refusal = refusal.unwrap_or_else(unknown);
            return step.refuse(id, &refusal).into_iter().collect();
        }
    };
    let refused = if inventory.deleted {
        Some(-623_009)
    } else if inventory.status == status::REJECTED || inventory.status >= status::EXAMINATION {
        Some(-623_005)
    } else {
        None
    };
    if let Some(code) = refused {
        let refusal = ReceiptStatus::refused(code, &[number(&inventory)]);
        return step.refuse(id, &refusal).into_iter().collect();
    }
    let mut issued = step.issue_receipts(id, &[ReceiptStatus::sent()]);
    if inventory.declaration.is_none() && inventory.work == FilingWork::None {
        // Customs has not heard of it yet.
        issued.extend(cancelled(step, id, Some(inventory.id)));
    } else {
        step.documents.change(id, |stored| {
            stored.work = FilingWork::Withdraw;
            stored.cancels.clone_from(&inventory.key);
        });
    }
    issued
}

/// The inventory is cancelled.
pub(crate) fn cancelled(
    step: &mut CebTransaction,
    id: Uuid,
    inventory: Option<Uuid>,
) -> Vec<IssuedReceipt> {
    if let Some(inventory) = inventory {
        step.documents.change(inventory, |stored| {
            stored.deleted = true;
            stored.work = FilingWork::None;
        });
        step.look_at_bill(inventory);
    }
    step.issue_receipts(id, &[ReceiptStatus::cancelled()])
}

/// How an inventory came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InventoryEnd {
    /// It was taken back.
    Withdrawn,
    /// It ended otherwise, or went on: it cannot be taken back any more.
    Ended,
}

/// Answers the cancellations that wait for an inventory.
pub(crate) fn settle_cancellations(step: &mut CebTransaction, inventory: Uuid, how: InventoryEnd) {
    let Some(ended) = step.documents.get(inventory) else { return };
    let (key, number) = (ended.key.clone(), number(ended).to_owned());
    let waiting: Vec<Uuid> = step
        .documents
        .all()
        .filter(|stored| stored.work == FilingWork::Withdraw && stored.cancels == key)
        .map(|stored| stored.id)
        .collect();
    for id in waiting {
        step.documents.change(id, |stored| stored.work = FilingWork::None);
        match how {
            InventoryEnd::Withdrawn => {
                cancelled(step, id, Some(inventory));
            }
            InventoryEnd::Ended => {
                step.refuse(id, &ReceiptStatus::refused(-623_005, &[&number]));
            }
        }
    }
}
