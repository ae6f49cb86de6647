//! A document as it is kept (在案单证): what came, under which key, and where it stands.

use std::sync::Arc;

use bytes::Bytes;
use domain::documents::{DocumentKind, EarlierDocument, status};
use domain::{Principal, Slot};
use proto::ceb::Document;
use time::OffsetDateTime;
use uuid::Uuid;

/// What must still be told to the declaration service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilingWork {
    None,
    /// File this inventory.
    File,
    /// Withdraw the inventory that this cancellation names.
    Withdraw,
}

/// A document as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct StoredDocument {
    pub(crate) slot: Slot,
    pub(crate) kind: DocumentKind,
    pub(crate) key: String,
    pub(crate) id: Uuid,
    pub(crate) guid: String,
    pub(crate) app_time: String,
    pub(crate) draft: bool,
    pub(crate) deleted: bool,
    /// The last status that counts.
    pub(crate) status: i32,
    /// What was said with it.
    pub(crate) info: String,
    /// Who sent it.
    pub(crate) dxp_id: String,
    /// Who else gets its receipts.
    pub(crate) subscribers: Vec<String>,
    pub(crate) names: Names,
    pub(crate) pre_no: String,
    pub(crate) invt_no: String,
    /// What the declaration service knows an inventory as.
    pub(crate) declaration: Option<Uuid>,
    /// When the declaration service released an inventory.
    pub(crate) released: Option<OffsetDateTime>,
    /// The summary that took up an export inventory.
    pub(crate) sum_no: String,
    pub(crate) work: FilingWork,
    /// Cancellations: the key of the inventory that they cancel.
    pub(crate) cancels: String,
    /// The message carried a signature, which was verified.
    pub(crate) signed: bool,
    pub(crate) digest: Vec<u8>,
    pub(crate) document: Arc<Document>,
    /// The same as it is kept: JSON.
    pub(crate) body: Bytes,
    pub(crate) received: OffsetDateTime,
    pub(crate) changed: OffsetDateTime,
    /// The returnTime of its last receipt: the next one is later.
    pub(crate) last_receipt_time: OffsetDateTime,
    /// Inventories: 500, or the kind of detention, of goods that customs has not numbered yet; told
    /// after 120. 0: nothing.
    pub(crate) held_back: i32,
    /// Who sends it, in the transaction in which it comes.
    pub(crate) sender: Option<Arc<Principal>>,
}

/// By what others find a document. Empty where it has no such element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) order_no: String,
    pub(crate) logistics_code: String,
    pub(crate) logistics_no: String,
    pub(crate) agent_code: String,
    pub(crate) ebc_code: String,
    pub(crate) cop_no: String,
    /// Export inventories get it from the way-bill list (清单总分单) that names them.
    pub(crate) bill_no: String,
}

impl Names {
    pub(crate) fn of(document: &Document) -> Self {
        let value = |element| document.text(element);
        Self {
            order_no: value("orderNo"),
            logistics_code: value("logisticsCode"),
            logistics_no: value("logisticsNo"),
            agent_code: value("agentCode"),
            ebc_code: value("ebcCode"),
            // Documents about goods that come back call it coElNo.
            cop_no: Some(value("copNo"))
                .filter(|no| !no.is_empty())
                .unwrap_or_else(|| value("coElNo")),
            bill_no: value("billNo"),
        }
    }
}

/// The slot of a document: that of its order, so that what is matched with each other lies together;
/// of its own key where it names no order.
pub(crate) fn slot(document: &Document, key: &str) -> Slot {
    match document.value("orderNo").filter(|order_no| !order_no.is_empty()) {
        Some(order_no) => Slot::of(&order_no),
        None => Slot::of(key),
    }
}

/// The business key of a document. copNo may be left out of import cancellations and returns: then
/// customs' number of the inventory, or its order, stands for it.
pub(crate) fn key(kind: DocumentKind, document: &Document) -> String {
    let value = |element: &str| document.value(element).filter(|value| !value.is_empty());
    let spare = matches!(kind, DocumentKind::ImportCancel | DocumentKind::ImportRefund);
    let values: Vec<String> = kind
        .key_elements()
        .iter()
        .map(|element| match *element {
            "copNo" if spare => {
                value("copNo").or_else(|| value("invtNo")).or_else(|| value("orderNo"))
            }
            element => value(element),
        })
        .map(Option::unwrap_or_default)
        .collect();
    domain::documents::key(&values.iter().map(String::as_str).collect::<Vec<_>>())
}

impl StoredDocument {
    /// As the rules of admission see it.
    pub(crate) fn held(&self, digest: &[u8], own: bool, used: bool) -> EarlierDocument<'_> {
        EarlierDocument {
            own,
            guid: &self.guid,
            app_time: &self.app_time,
            same_content: self.digest == digest,
            draft: self.draft,
            status: self.status,
            deleted: self.deleted,
            used,
        }
    }

    /// It was declared and nothing has ended it.
    pub(crate) fn is_live(&self) -> bool {
        !self.draft && !self.deleted && self.status != status::REJECTED && self.status >= 0
    }

    /// Whether its sender stands for the declarant or the seller of an inventory.
    pub(crate) fn is_from_party_of(&self, inventory: &StoredDocument) -> bool {
        let names = &inventory.names;
        self.sender.as_ref().is_some_and(|sender| {
            [&names.agent_code, &names.ebc_code].into_iter().any(|code| sender.transmits_for(code))
        })
    }

    /// An inventory that holds on to its order, payment and waybill.
    pub(crate) fn uses_others(&self) -> bool {
        self.is_live() && (self.declaration.is_some() || self.work == FilingWork::File)
    }

    /// An inventory that is declared and not yet filed.
    pub(crate) fn is_waiting(&self) -> bool {
        let declared = self.kind.is_inventory() && !self.draft && !self.deleted;
        declared
            && self.status == status::DECLARING
            && self.declaration.is_none()
            && self.work == FilingWork::None
    }
}
