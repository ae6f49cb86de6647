//! What the declaration service answers when a document is filed or withdrawn, and what follows from it. What a
//! transaction wants of it is an item of a queue until it is answered, and is sent under the same request id however
//! often ([`crate::relay`]).

use domain::Slot;
use domain::documents::{DocumentKind, ReceiptStatus, status};
use uuid::Uuid;

use crate::cancellation::{InventoryEnd, cancelled, settle_cancellations};
use crate::document_keys::DocumentKeys;
use crate::inventory::number;
use crate::stored_document::{FilingWork, StoredDocument};
use crate::transaction::CebTransaction;

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
    pub(crate) fn of(stored: &StoredDocument, outcome: FilingOutcome) -> Self {
        Self {
            slot: stored.slot,
            kind: stored.kind,
            key: stored.key.clone(),
            id: stored.id,
            outcome,
        }
    }

    pub(crate) fn want(&self, wanted: &mut DocumentKeys) {
        wanted.keys.insert((self.kind.number(), self.key.clone()));
    }
}

/// Takes the answer down. A document that changed since has nothing to do with it any more.
pub(crate) fn answered(step: &mut CebTransaction, answered: &FilingAnswer) {
    let stored = step.documents.by_key(answered.kind, &answered.key);
    let Some(stored) =
        stored.filter(|stored| stored.id == answered.id && stored.work != FilingWork::None)
    else {
        return;
    };
    let (id, work) = (stored.id, stored.work);
    step.documents.change(id, |stored| stored.work = FilingWork::None);
    match (work, &answered.outcome) {
        (FilingWork::File, FilingOutcome::Done(declaration)) => {
            // The receipt for it comes with the event of the declaration service.
            step.documents.change(id, |stored| stored.declaration = Some(*declaration));
        }
        (FilingWork::File, FilingOutcome::Refused { code, text }) => {
            let text = format!("[Code:{code};Desc:{text}]");
            step.issue_receipt(id, &ReceiptStatus::new(status::REJECTED, text));
            settle_cancellations(step, id, InventoryEnd::Ended);
        }
        (FilingWork::Withdraw, FilingOutcome::Done(_)) => {
            let inventory =
                step.documents.get(id).and_then(|stored| step.documents.cancelled_by(stored));
            let inventory = inventory.map(|inventory| inventory.id);
            cancelled(step, id, inventory);
        }
        (FilingWork::Withdraw, FilingOutcome::Refused { .. }) => {
            let Some(stored) = step.documents.get(id) else { return };
            // An inventory that another document has replaced is named by the key it had.
            let named = step.documents.cancelled_by(stored).map_or(stored.cancels.as_str(), number);
            let refused = ReceiptStatus::refused(-623_005, &[named]);
            step.refuse(id, &refused);
        }
        (FilingWork::None, _) => {}
    }
}
