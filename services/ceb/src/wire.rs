//! Receipts, bills and documents become messages, and what a caller may not ask is refused.

use domain::documents::{MissingDocument, returns, tax};
use domain::refusal::{Code, Refusal};
use domain::{Principal, limits};
use proto::ceb::{self, Document, MessageType};
use proto::v1;

use crate::read;
use crate::receipt::{DocumentRef, IssuedReceipt};

/// Receipts as messages, one for each type.
pub(crate) fn grouped(issued: Vec<IssuedReceipt>) -> Vec<v1::OutgoingMessage> {
    let mut types: Vec<(MessageType, Vec<IssuedReceipt>)> = Vec::new();
    for one in issued {
        match types.iter_mut().find(|(kind, _)| *kind == one.message_type) {
            Some((_, same)) => same.push(one),
            None => types.push((one.message_type, vec![one])),
        }
    }
    let mut messages = Vec::new();
    for (kind, same) in types {
        // A message carries a hundred.
        messages
            .extend(same.chunks(limits::CEB_DOCUMENTS_MAX).map(|issued| together(kind, issued)));
    }
    messages
}

/// Receipts of one type as one message.
pub(crate) fn together(kind: MessageType, issued: &[IssuedReceipt]) -> v1::OutgoingMessage {
    let documents: Vec<Document> =
        issued.iter().map(|one| Document::clone(&one.document)).collect();
    v1::OutgoingMessage {
        // 0 where none was written into a log.
        position: issued.iter().map(|one| one.position).max().unwrap_or(0),
        receipts: issued.iter().filter_map(|one| receipt_of(&one.document, &one.about)).collect(),
        ..outgoing(kind, &documents)
    }
}

pub(crate) fn outgoing(kind: MessageType, documents: &[Document]) -> v1::OutgoingMessage {
    let guid = uuid::Uuid::now_v7().to_string().to_uppercase();
    let about = DocumentRef::default();
    v1::OutgoingMessage {
        position: 0,
        message_type: kind.number().into(),
        xml: ceb::write(kind, &guid, documents),
        time: None,
        tax_bills: Vec::new(),
        receipts: documents.iter().filter_map(|it| receipt_of(it, &about)).collect(),
    }
}

/// A receipt, read; `None` for what is none.
pub(crate) fn receipt_of(document: &Document, about: &DocumentRef) -> Option<v1::Receipt> {
    let value = |element| document.text(element);
    let status: i32 = document.value("returnStatus")?.parse().ok()?;
    Some(v1::Receipt {
        message_type: document.message_type().number().into(),
        document_guid: about.guid.clone(),
        key: about.key.replace('\u{1f}', " "),
        return_status: status,
        return_info: value("returnInfo"),
        meaning: returns::title(status).to_owned(),
        pre_no: value("preNo"),
        invt_no: value("invtNo"),
    })
}

/// A tax bill, read; `None` for what is none. `about` is its inventory.
pub(crate) fn tax_bill(document: &Document, about: &DocumentRef) -> Option<v1::TaxBill> {
    let (tax_no, invt_no, status, ent_duty_no, amounts) = match document {
        Document::Ceb816(ceb::import::Tax { head, .. }) => {
            let amounts = v1::TaxAmounts {
                customs_tax_e5: head.customs_tax,
                value_added_tax_e5: head.value_added_tax,
                consumption_tax_e5: head.consumption_tax,
            };
            (&head.tax_no, &head.invt_no, &head.status, &head.ent_duty_no, Some(amounts))
        }
        Document::Ceb818(ceb::import::TaxStatus { head }) => {
            (&head.tax_no, &head.invt_no, &head.status, &head.ent_duty_no, None)
        }
        _ => return None,
    };
    // The key of an inventory is its seller and its order number.
    let order_no = about.key.split('\u{1f}').nth(1).unwrap_or_default();
    Some(v1::TaxBill {
        message_type: document.message_type().number().into(),
        tax_no: tax_no.clone(),
        invt_no: invt_no.clone(),
        order_no: order_no.to_owned(),
        status: status.parse().ok()?,
        meaning: tax::bill_title(status).to_owned(),
        amounts,
        ent_duty_no: ent_duty_no.clone(),
    })
}

pub(crate) fn logged(logged: read::LogEntry) -> v1::OutgoingMessage {
    let read::LogEntry { position, message_type, about, body, time } = logged;
    // A copy of somebody's data is carried as it is, whether or not it can be read.
    let documents = ceb::read(&body).map(|read| read.documents).unwrap_or_default();
    let documents = || documents.iter().map(|read| &read.document);
    let receipts = documents().filter_map(|document| receipt_of(document, &about)).collect();
    let tax_bills = documents().filter_map(|document| tax_bill(document, &about)).collect();
    v1::OutgoingMessage {
        position,
        message_type,
        xml: String::from_utf8_lossy(&body).into_owned(),
        time: Some(proto::timestamp(time)),
        receipts,
        tax_bills,
    }
}

pub(crate) fn fault(fault: ceb::MessageFault) -> v1::MessageFault {
    let ceb::MessageFault { code, line, element, text, text_zh } = fault;
    v1::MessageFault { code: code.id().to_owned(), line, element, text, text_zh }
}

pub(crate) fn record(found: read::DocumentStatus) -> v1::DocumentRecord {
    let read::DocumentStatus { stored, missing } = found;
    v1::DocumentRecord {
        message_type: stored.kind.number().into(),
        key: stored.kind.shown_key(&stored.key).replace('\u{1f}', " "),
        guid: stored.guid,
        order_no: stored.names.order_no,
        return_status: stored.status,
        deleted: stored.deleted,
        missing: missing.into_iter().map(|missing| word(missing).to_owned()).collect(),
        pre_no: stored.pre_no,
        invt_no: stored.invt_no,
        declaration: proto::text(stored.declaration.map(|id| format!("declarations/{id}"))),
        changed_time: Some(proto::timestamp(stored.changed)),
        dxp_id: stored.dxp_id,
        return_info: stored.info,
        cop_no: stored.names.cop_no,
        logistics_no: stored.names.logistics_no,
        bill_no: stored.names.bill_no,
    }
}

pub(crate) fn word(missing: MissingDocument) -> &'static str {
    match missing {
        MissingDocument::Order => "order",
        MissingDocument::Payment => "payment",
        MissingDocument::Waybill => "waybill",
    }
}

/// The caller reads under its own exchange number only.
pub(crate) fn own_log(principal: &Principal, dxp_id: &str) -> Result<(), Refusal> {
    if dxp_id.is_empty() {
        return Err(Refusal::of(Code::Required).with("field", "dxp_id"));
    }
    if principal.holds(dxp_id) {
        return Ok(());
    }
    Err(Refusal::of(Code::ExchangeNumberForeign).with("dxp_id", dxp_id))
}
