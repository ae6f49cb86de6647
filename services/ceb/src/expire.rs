//! Inventories whose documents do not come are rejected in the end, so that their firms hear of it.

use domain::documents::DocumentKind;
use time::OffsetDateTime;

use crate::document_keys::DocumentKeys;
use crate::matching::too_late;
use crate::queues::MATCHING_WAIT_SECONDS;
use crate::stored_document::StoredDocument;
use crate::transaction::CebTransaction;

/// An inventory that has waited too long when it was looked for.
#[derive(Debug)]
pub(crate) struct Expiry {
    pub(crate) kind: DocumentKind,
    pub(crate) key: String,
    /// It has waited too long unless it was declared or changed after this.
    pub(crate) before: OffsetDateTime,
}

impl Expiry {
    pub(crate) fn of(stored: &StoredDocument, now: OffsetDateTime) -> Self {
        let before = now - time::Duration::seconds(MATCHING_WAIT_SECONDS);
        Self { kind: stored.kind, key: stored.key.clone(), before }
    }

    pub(crate) fn want(&self, wanted: &mut DocumentKeys) {
        wanted.keys.insert((self.kind.number(), self.key.clone()));
    }
}

/// Rejects it, when it still waits; false when it may wait longer: it changed lately, or its documents are
/// there after all.
pub(crate) fn expire(step: &mut CebTransaction, expired: &Expiry) -> bool {
    let stored = step.documents.by_key(expired.kind, &expired.key);
    // What waits no more is in no queue any more.
    let Some(stored) = stored.filter(|stored| stored.is_waiting()) else { return true };
    if stored.changed > expired.before {
        return false;
    }
    let (id, rejection) = (stored.id, too_late(&step.documents, stored));
    rejection.is_some_and(|rejection| step.issue_receipt(id, &rejection).is_some())
}
