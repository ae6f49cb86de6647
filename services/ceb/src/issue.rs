//! What customs issues by itself: electronic tax bills (816) and their changes (818). They go to
//! whoever sent the inventory, once each.

use bytes::Bytes;
use domain::principal::CUSTOMS_LOG;
use domain::{RequestId, Slot};
use proto::ceb::MessageType;
use sha2::{Digest as _, Sha256};
use store::request::{Digest, RequestKey, RequestStatus};
use uuid::Uuid;

use crate::transaction::CebTransaction;

/// A document that customs issued, as a message of its own.
#[derive(Debug)]
pub(crate) struct IssuedDocument {
    pub(crate) message_type: MessageType,
    /// guid of the document: the same one is told once.
    pub(crate) guid: String,
    /// The inventory that it is about.
    pub(crate) invt_no: String,
    pub(crate) status: i32,
    pub(crate) body: Bytes,
}

impl IssuedDocument {
    /// The key of what is kept of it: guids are made up by customs.
    pub(crate) fn key(&self) -> RequestKey {
        let name = self.guid.to_ascii_uppercase();
        let id = RequestId(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()));
        RequestKey { slot: Slot::of(&self.invt_no), id, caller: CUSTOMS_LOG.to_owned() }
    }

    /// The same guid is the same document, whatever else is in the message.
    fn digest(&self) -> Digest {
        Sha256::digest(self.invt_no.as_bytes()).into()
    }
}

/// Hands it on. False when nobody here knows the inventory, or its release has not been told yet: a bill
/// comes after it, and customs asks again.
pub(crate) fn issue(step: &mut CebTransaction, issued: &IssuedDocument) -> bool {
    let (key, digest) = (issued.key(), issued.digest());
    if step.requests.seen(&key, &digest) != RequestStatus::New {
        return true;
    }
    let found = step
        .documents
        .find(|stored| stored.invt_no == issued.invt_no && stored.kind.is_inventory());
    let Some(inventory) = found.filter(|stored| stored.released.is_some()).cloned() else {
        return false;
    };
    for to in std::iter::once(&inventory.dxp_id).chain(&inventory.subscribers) {
        let kind = (issued.message_type.number(), issued.status);
        step.send_to(to, kind, issued.body.clone(), Some(&inventory));
    }
    step.requests.keep(key, digest, Vec::new());
    true
}
