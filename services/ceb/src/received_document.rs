//! A document that was read and waits for its transaction.

use std::sync::Arc;

use bytes::Bytes;
use domain::documents::{DocumentIntent, DocumentKind, ReceiptStatus};
use domain::{Principal, Slot};
use proto::ceb::Document;
use uuid::Uuid;

use crate::document_keys::{DocumentKeys, period};
use crate::split_document::{issued_key, want_parts};
use crate::stored_document::Names;

/// A document that was read and waits for its transaction.
#[derive(Debug)]
pub(crate) struct ReceivedDocument {
    pub(crate) kind: DocumentKind,
    pub(crate) slot: Slot,
    pub(crate) key: String,
    pub(crate) document: Arc<Document>,
    /// The same as it is kept, and its digest.
    pub(crate) body: Bytes,
    pub(crate) digest: Vec<u8>,
    pub(crate) sender: Sender,
    /// What is wrong with it on its own: it is answered and not kept.
    pub(crate) refusal: Option<ReceiptStatus>,
    pub(crate) signed: bool,
    /// Who sends it.
    pub(crate) principal: Arc<Principal>,
    /// Copies of the message for those who subscribed to data.
    pub(crate) copies: Arc<Copies>,
    pub(crate) trace: String,
}

/// Copies of a message.
#[derive(Debug)]
pub(crate) struct Copies {
    /// Names the message, so that its copies are sent on once for all its documents.
    pub(crate) message: Uuid,
    pub(crate) to: Vec<String>,
    pub(crate) body: Bytes,
}

/// Who sent a message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sender {
    pub(crate) dxp_id: String,
    /// Who gets copies of receipts.
    pub(crate) subscribers: Vec<String>,
}

/// A message that breaks the schema (CEB900).
#[derive(Debug)]
pub(crate) struct MalformedMessage {
    pub(crate) dxp_id: String,
    pub(crate) status: i32,
    pub(crate) body: Bytes,
}

impl ReceivedDocument {
    pub(crate) fn want(&self, wanted: &mut DocumentKeys) {
        let names = Names::of(&self.document);
        wanted.keys.insert((self.kind.number(), self.key.clone()));
        wanted.keys.extend(issued_key(self.kind, &self.document, &self.key));
        if !names.order_no.is_empty() {
            wanted.orders.insert(names.order_no.clone());
        }
        use DocumentKind as K;
        match self.kind {
            K::ExportWaybill | K::ImportWaybill | K::WaybillStatus => {
                wanted.parcels.insert((names.logistics_code, names.logistics_no));
            }
            K::ExportInventory | K::ImportInventory => {
                wanted.parcels.insert((names.logistics_code, names.logistics_no));
                if !names.cop_no.is_empty() {
                    wanted.own.insert((names.agent_code, names.cop_no));
                }
            }
            K::ExportCancel | K::ImportCancel | K::ImportRefund | K::ExportReturn | K::Tally => {
                let value =
                    |element| self.document.value(element).filter(|v: &String| !v.is_empty());
                wanted.invt_nos.extend(value("invtNo"));
                wanted.pre_nos.extend(value("preNo"));
                // Ours may stand in the place of customs' number, and the own number may be another's.
                wanted.pre_nos.extend(value("invtNo"));
                if !names.cop_no.is_empty() {
                    wanted.own.insert((names.agent_code.clone(), names.cop_no.clone()));
                }
                if let (K::Tally, Some(no)) = (self.kind, value("coElNo")) {
                    // The application that the tally belongs to is found by its own key's parts.
                    wanted.own.insert((names.agent_code, no));
                }
            }
            K::WaybillList | K::Departure | K::Arrival => {
                wanted.bill_nos.insert(names.bill_no);
                for no in self.document.line_values("logisticsNo") {
                    wanted.parcels.insert((names.logistics_code.clone(), no));
                }
                // The other parts of a split document are in their own rows.
                want_parts(wanted, self.kind, &self.document);
            }
            K::SummaryApply => {
                wanted.released.extend(period(&self.document).ok().flatten());
                wanted.invt_nos.extend(self.document.line_values("invtNo"));
                want_parts(wanted, self.kind, &self.document);
            }
            K::ExportOrder | K::MoneyReceipt | K::ImportOrder | K::Payment | K::Delivery => {}
        }
    }

    pub(crate) fn header(&self) -> DocumentHeader {
        let value = |element| self.document.text(element);
        DocumentHeader {
            guid: value("guid"),
            app_type: DocumentIntent::parse(&value("appType")).unwrap_or(DocumentIntent::New),
            app_time: value("appTime"),
            draft: value("appStatus") == "1",
        }
    }
}

/// What the head of every document says of it.
pub(crate) struct DocumentHeader {
    pub(crate) guid: String,
    pub(crate) app_type: DocumentIntent,
    pub(crate) app_time: String,
    pub(crate) draft: bool,
}

/// Whose document it is, by element: one of these firms sends it, or mandated who does. Orders come from
/// the platform or the seller, payments from the payment firm, and so on; express and post firms that are
/// entrusted with them need a mandate. Source: senders in the CEB specification 202205.
pub(crate) fn responsible(kind: DocumentKind) -> &'static [&'static str] {
    use DocumentKind as K;
    match kind {
        K::ExportOrder | K::ImportOrder => &["ebpCode", "ebcCode"],
        K::MoneyReceipt => &["payCode", "ebcCode", "ebpCode"],
        K::Payment => &["payCode"],
        K::ExportWaybill | K::ImportWaybill | K::WaybillStatus | K::Departure => &["logisticsCode"],
        K::Arrival => &["logisticsCode", "operatorCode"],
        K::Delivery | K::Tally => &["operatorCode"],
        K::ExportReturn => &["ebcCode", "agentCode"],
        K::ExportInventory
        | K::ImportInventory
        | K::ExportCancel
        | K::ImportCancel
        | K::ImportRefund
        | K::WaybillList
        | K::SummaryApply => &["agentCode"],
    }
}
