//! What the declaration service answers when a document is filed or withdrawn, and what follows from it. What a
//! transaction wants of it is an item of a queue until it is answered, and is sent under the same request id however
//! often ([`crate::relay`]).

use std::sync::Arc;

use domain::Slot;
use domain::documents::{DocumentKind, ReceiptStatus, status};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::document_set::DocumentKeys;
use crate::import::{cancelled, number};
use crate::stored_document::{FilingWork, StoredDocument};
use crate::transaction::CebTransaction;

/// The queue of inventories that have to be filed. Items have the ids of their documents.
pub(crate) const FILING: &str = "filing";
/// The queue of cancellations whose inventory has to be withdrawn.
pub(crate) const WITHDRAWAL: &str = "withdrawal";
/// The queue of inventories that wait for their documents; an item is due when they have waited too long.
pub(crate) const MATCHING: &str = "matching";

/// Hints for the loops of these queues: something may be new.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    pub(crate) filing: Arc<Notify>,
    pub(crate) withdrawal: Arc<Notify>,
    pub(crate) news: Arc<Notify>,
}

impl Hints {
    pub(crate) fn give(&self) {
        self.filing.notify_one();
        self.withdrawal.notify_one();
        self.news.notify_one();
    }
}

/// The answer about a document.
#[derive(Debug)]
pub(crate) struct FilingAnswer {
    pub(crate) slot: Slot,
    pub(crate) kind: DocumentKind,
    pub(crate) key: String,
    /// Which version of the document it was about.
    pub(crate) id: Uuid,
    pub(crate) outcome: FilingOutcome,
}

/// How it went.
#[derive(Debug)]
pub(crate) enum FilingOutcome {
    /// The declaration has this id; or it is withdrawn.
    Done(Uuid),
    /// The declaration service refused, with its code and words.
    Refused { code: String, text: String },
}

impl FilingAnswer {
    pub(crate) fn of(paper: &StoredDocument, outcome: FilingOutcome) -> Self {
        Self { slot: paper.slot, kind: paper.kind, key: paper.key.clone(), id: paper.id, outcome }
    }

    pub(crate) fn want(&self, wanted: &mut DocumentKeys) {
        wanted.keys.insert((self.kind.number(), self.key.clone()));
    }
}

/// Takes the answer down. A document that changed since has nothing to do with it any more.
pub(crate) fn answered(step: &mut CebTransaction, answered: &FilingAnswer) {
    let paper = step.shelf.by_key(answered.kind, &answered.key);
    let Some(paper) =
        paper.filter(|paper| paper.id == answered.id && paper.work != FilingWork::None)
    else {
        return;
    };
    let (id, work) = (paper.id, paper.work);
    step.shelf.change(id, |paper| paper.work = FilingWork::None);
    match (work, &answered.outcome) {
        (FilingWork::File, FilingOutcome::Done(declaration)) => {
            // The receipt for it comes with the event of the declaration service.
            step.shelf.change(id, |paper| paper.declaration = Some(*declaration));
        }
        (FilingWork::File, FilingOutcome::Refused { code, text }) => {
            let text = format!("[Code:{code};Desc:{text}]");
            step.issue_receipt(id, &ReceiptStatus::new(status::REJECTED, text));
            settle_cancellations(step, id, InventoryEnd::Ended);
        }
        (FilingWork::Withdraw, FilingOutcome::Done(_)) => {
            let inventory = step.shelf.get(id).and_then(|paper| step.shelf.cancelled_by(paper));
            let inventory = inventory.map(|inventory| inventory.id);
            cancelled(step, id, inventory);
        }
        (FilingWork::Withdraw, FilingOutcome::Refused { .. }) => {
            let Some(paper) = step.shelf.get(id) else { return };
            // An inventory that another document has replaced is named by the key it had.
            let named = step.shelf.cancelled_by(paper).map_or(paper.cancels.as_str(), number);
            let refused = ReceiptStatus::refused(-623_005, &[named]);
            step.refuse(id, &refused);
        }
        (FilingWork::None, _) => {}
    }
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
    let Some(ended) = step.shelf.get(inventory) else { return };
    let (key, number) = (ended.key.clone(), number(ended).to_owned());
    let waiting: Vec<Uuid> = step
        .shelf
        .papers()
        .filter(|paper| paper.work == FilingWork::Withdraw && paper.cancels == key)
        .map(|paper| paper.id)
        .collect();
    for id in waiting {
        step.shelf.change(id, |paper| paper.work = FilingWork::None);
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
