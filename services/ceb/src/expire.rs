//! Inventories whose documents do not come are rejected in the end, so that their firms hear of it.

use domain::documents::DocumentKind;
use time::OffsetDateTime;

use crate::document_set::DocumentKeys;
use crate::matching::{POLICY, is_waiting, too_late};
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
    pub(crate) fn of(paper: &StoredDocument, now: OffsetDateTime) -> Self {
        let before = now - time::Duration::seconds(POLICY.wait_seconds);
        Self { kind: paper.kind, key: paper.key.clone(), before }
    }

    pub(crate) fn want(&self, wanted: &mut DocumentKeys) {
        wanted.keys.insert((self.kind.number(), self.key.clone()));
    }
}

/// Rejects it, when it still waits; false when it may wait longer: it changed lately, or its documents are
/// there after all.
pub(crate) fn expire(step: &mut CebTransaction, expired: &Expiry) -> bool {
    let paper = step.shelf.by_key(expired.kind, &expired.key);
    // What waits no more is in no queue any more.
    let Some(paper) = paper.filter(|paper| is_waiting(paper)) else { return true };
    if paper.changed > expired.before {
        return false;
    }
    let (id, rejection) = (paper.id, too_late(&step.shelf, paper));
    rejection.is_some_and(|rejection| step.issue_receipt(id, &rejection).is_some())
}
