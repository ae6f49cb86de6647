//! A document comes in: is it admitted, and what follows from it.

use std::sync::Arc;

use domain::documents::{
    Admission, DocumentIntent, DocumentKind, IncomingDocument, ReceiptStatus, Split, admit, exists,
    stands, status, unchanged,
};
use domain::limits;
use proto::ceb::MessageType;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::receipt::IssuedReceipt;
use crate::received_document::{DocumentHeader, MalformedMessage, ReceivedDocument, responsible};
use crate::split_document::{issued_key, issuers, missing, parts_there, seqs, split};
use crate::stored_document::{FilingWork, Names, StoredDocument};
use crate::transaction::CebTransaction;
use crate::{cancellation, export, import, matching, receipt};

/// Takes one document; gives the receipts that are said about it at once. What is there under its key or
/// its second number is told first, before what is wrong with the repetition.
pub(crate) fn receive(
    step: &mut CebTransaction,
    received: &ReceivedDocument,
) -> Vec<IssuedReceipt> {
    let header = received.header();
    let mut stored = new_document(received, &header, step.now);
    stored.key = own_key(step, received);
    let incoming = IncomingDocument {
        kind: received.kind,
        key: &received.key,
        guid: &header.guid,
        app_type: header.app_type,
        app_time: &header.app_time,
        draft: header.draft,
    };
    let held = step.documents.by_key(received.kind, &stored.key).cloned();
    let used = held.as_ref().is_some_and(|held| matching::is_used(step, held));
    let own = held.as_ref().is_some_and(|held| owns(received, held));
    let seen = held.as_ref().map(|held| held.held(&received.digest, own, used));
    let admitted = admit(&incoming, seen.as_ref());
    let standing = stands(seen.as_ref());
    let held = held.filter(|_| own);
    match (&admitted, &held) {
        (Err(refusal), Some(held)) if !held.deleted => {
            return vec![refuse_repetition(step, received, stored, held, refusal)];
        }
        (Ok(Admission::Repeat), held) => return repeat(step, held.as_ref()),
        (Ok(Admission::Store | Admission::Replace), _) => {
            if let Some((other, refusal)) = same_number(step, received, &stored) {
                return vec![refuse_repetition(step, received, stored, &other, &refusal)];
            }
        }
        (Ok(Admission::Delete) | Err(_), _) => {}
    }
    if let Some(refusal) = &received.refusal {
        if let Some(held) = held.filter(|_| standing) {
            let refusal = unchanged(received.kind, refusal);
            return vec![refuse_repetition(step, received, stored, &held, &refusal)];
        }
        // None is left for today: that is told below.
        stored.pre_no = step.number(letter(received.kind), received.slot).unwrap_or_default();
        return vec![step.post(&stored, refusal, &received.trace)];
    }
    if let Some(held) = &held {
        keep_numbers(&mut stored, held);
    }
    if stored.pre_no.is_empty() {
        let Some(number) = step.number(letter(received.kind), received.slot) else {
            let full = ReceiptStatus::new(status::SENDING_FAILED, "当日编号已用完，请次日重发");
            return vec![step.post(&stored, &full, &received.trace)];
        };
        stored.pre_no = number;
    }
    let first = match admitted {
        Err(refusal) => return vec![step.post(&stored, &refusal, &received.trace)],
        Ok(Admission::Repeat) => return step.broken("a repetition was not answered as one"),
        Ok(Admission::Delete) => return delete(step, received, &header, held),
        Ok(Admission::Store) => first(&stored, &header, false),
        Ok(Admission::Replace) => first(&stored, &header, true),
    };
    if let Some(broken) = split(&stored.document).and_then(|part| wrong_part(step, &stored, part)) {
        return vec![step.post(&stored, &broken, &received.trace)];
    }
    let id = stored.id;
    if header.draft {
        // Some kinds have no receipt for drafts, but the state is one for all.
        stored.status = status::DRAFT;
    }
    step.documents.put(stored);
    send_copies(step, received);
    let first = matching::warn_of_missing_payment(step, id, first);
    let mut issued = vec![step.issue_receipt(id, &first)];
    if !header.draft {
        issued.extend(act(step, id, received.kind).into_iter().map(Some));
    }
    issued.into_iter().flatten().collect()
}

/// Refuses a document because of one that is there, with the numbers of that one. The receipt is about the
/// document that came; no number is used up.
fn refuse_repetition(
    step: &mut CebTransaction,
    received: &ReceivedDocument,
    mut stored: StoredDocument,
    there: &StoredDocument,
    refusal: &ReceiptStatus,
) -> IssuedReceipt {
    stored.pre_no.clone_from(&there.pre_no);
    stored.invt_no.clone_from(&there.invt_no);
    stored.last_receipt_time = there.last_receipt_time;
    step.post(&stored, refusal, &received.trace)
}

fn delete(
    step: &mut CebTransaction,
    received: &ReceivedDocument,
    header: &DocumentHeader,
    held: Option<StoredDocument>,
) -> Vec<IssuedReceipt> {
    let Some(held) = held else { return step.broken("a document is deleted that is not there") };
    let issued = step.post(&held, &ReceiptStatus::deleted(&header.guid), &received.trace);
    step.documents.change(held.id, |stored| {
        stored.deleted = true;
        stored.guid.clone_from(&header.guid);
        stored.app_time.clone_from(&header.app_time);
        stored.digest.clone_from(&received.digest);
        stored.last_receipt_time = issued.time;
    });
    if held.kind == DocumentKind::MoneyReceipt && held.status >= status::TAKEN_IN {
        export::money_deleted(step, held.id);
    }
    vec![issued]
}

/// Whether the sender may change what is held: it came under the same exchange number, or from a firm for
/// which the sender stands.
fn owns(received: &ReceivedDocument, held: &StoredDocument) -> bool {
    let firms = responsible(held.kind).iter().filter_map(|element| held.document.value(element));
    let stands = firms.into_iter().any(|code| received.principal.transmits_for(&code));
    let own = held.dxp_id == received.sender.dxp_id || stands;
    own && issuers(held.kind, &received.document) == issuers(held.kind, &held.document)
}

/// The key under which a document is kept: its business key, and with its issuers where another's has that
/// already. So nobody learns from an answer that there is another one, and none keeps another out.
fn own_key(step: &CebTransaction, received: &ReceivedDocument) -> String {
    let held = step.documents.by_key(received.kind, &received.key);
    let issued = issued_key(received.kind, &received.document, &received.key);
    match issued {
        Some((_, issued)) if held.is_some_and(|held| !owns(received, held)) => issued,
        Some(_) | None => received.key.clone(),
    }
}

/// Copies go out when the first document of a message is taken.
fn send_copies(step: &mut CebTransaction, received: &ReceivedDocument) {
    let copies = &received.copies;
    if step.copied.insert(copies.message) {
        for to in &copies.to {
            step.send_to(to, (received.kind.number(), 0), copies.body.clone(), None);
        }
    }
}

/// A document changed: what the window and customs gave before stays with it, unless it was ended.
fn keep_numbers(stored: &mut StoredDocument, held: &StoredDocument) {
    stored.last_receipt_time = held.last_receipt_time;
    if held.is_live() || held.draft {
        stored.pre_no.clone_from(&held.pre_no);
        stored.received = held.received;
    }
}

/// The second key of an inventory: agentCode and copNo belong to one order only. Gives the inventory that
/// has them, to a sender who stands for the declarant.
fn same_number(
    step: &CebTransaction,
    received: &ReceivedDocument,
    stored: &StoredDocument,
) -> Option<(StoredDocument, ReceiptStatus)> {
    let names = &stored.names;
    let known = received.principal.transmits_for(&names.agent_code);
    if !stored.kind.is_inventory() || names.cop_no.is_empty() || !known {
        return None;
    }
    let other = step.documents.find(|other| {
        other.kind == stored.kind
            && other.key != stored.key
            && other.names.agent_code == names.agent_code
            && other.names.cop_no == names.cop_no
            && !other.deleted
            && (other.is_live() || other.draft)
    })?;
    let key = domain::documents::key(&[&names.agent_code, &names.cop_no]);
    Some((other.clone(), exists(stored.kind, &key)))
}

/// A part that does not belong to the ones that are there.
fn wrong_part(
    step: &CebTransaction,
    stored: &StoredDocument,
    part: Split,
) -> Option<ReceiptStatus> {
    // The number of the part stands last in the key.
    let base = |key: &str| key.rsplit_once('\u{1f}').map(|(base, _)| base.to_owned());
    let own = base(&stored.key);
    let there = step.documents.all().find(|other| {
        other.kind == stored.kind
            && other.key != stored.key
            && other.is_live()
            && base(&other.key) == own
    });
    // A list is about one bill: a part with another one would never be released with it.
    if let Some(other) = there.filter(|_| stored.kind == DocumentKind::WaybillList)
        && other.names.bill_no != stored.names.bill_no
    {
        let text = format!(
            "拆分报文的billNo须一致：copNo[{}]此前报文billNo[{}]，本报文billNo[{}]",
            stored.names.cop_no, other.names.bill_no, stored.names.bill_no
        );
        return Some(ReceiptStatus::new(status::REJECTED, text));
    }
    let earlier = there.and_then(|other| split(&other.document));
    if part.count > limits::CEB_PARTS_MAX {
        let text = format!("msgCount超过{}", limits::CEB_PARTS_MAX);
        return Some(ReceiptStatus::new(status::REJECTED, text));
    }
    part.check(earlier.map(|earlier| earlier.count))
        .err()
        .or_else(|| stray_part(step, stored, part))
}

/// The first part under a copNo, when another copNo of the same bill of lading lacks just this part: the
/// two would wait for each other's others for ever.
fn stray_part(
    step: &CebTransaction,
    stored: &StoredDocument,
    part: Split,
) -> Option<ReceiptStatus> {
    if stored.names.bill_no.is_empty() || !parts_there(step, stored).is_empty() {
        return None;
    }
    let firm = |of: &StoredDocument| {
        let value = |element| of.document.text(element);
        ["agentCode", "operatorCode", "logisticsCode"].map(value)
    };
    let lacking = step.documents.of_bill(stored.kind, &stored.names.bill_no).find(|other| {
        other.is_live()
            && other.status < status::CONCLUDED
            && other.names.cop_no != stored.names.cop_no
            && firm(other) == firm(stored)
            && split(&other.document).is_some_and(|other| other.count == part.count)
            && !seqs(&parts_there(step, other)).contains(&part.seq)
    })?;
    let missing = missing(step, lacking)?;
    let text = format!(
        "拆分报文的copNo须一致：提运单号[{}]已有copNo[{}]，{missing}",
        stored.names.bill_no, lacking.names.cop_no
    );
    Some(ReceiptStatus::new(status::REJECTED, text))
}

fn new_document(
    received: &ReceivedDocument,
    header: &DocumentHeader,
    now: OffsetDateTime,
) -> StoredDocument {
    StoredDocument {
        slot: received.slot,
        kind: received.kind,
        key: received.key.clone(),
        id: Uuid::now_v7(),
        guid: header.guid.clone(),
        app_time: header.app_time.clone(),
        draft: header.draft,
        deleted: false,
        status: if header.draft { status::DRAFT } else { 0 },
        info: String::new(),
        dxp_id: received.sender.dxp_id.clone(),
        subscribers: received.sender.subscribers.clone(),
        names: Names::of(&received.document),
        pre_no: String::new(),
        invt_no: String::new(),
        declaration: None,
        released: None,
        sum_no: String::new(),
        cancels: String::new(),
        work: FilingWork::None,
        signed: received.signed,
        digest: received.digest.clone(),
        document: Arc::clone(&received.document),
        body: received.body.clone(),
        received: now,
        changed: now,
        last_receipt_time: OffsetDateTime::UNIX_EPOCH,
        held_back: 0,
        sender: Some(Arc::clone(&received.principal)),
    }
}

/// What is said first about a document that is kept.
fn first(stored: &StoredDocument, header: &DocumentHeader, changed: bool) -> ReceiptStatus {
    if header.draft {
        ReceiptStatus::stored_draft(&header.guid)
    } else if changed && header.app_type == DocumentIntent::Change {
        ReceiptStatus::changed(&header.guid)
    } else if stored.kind.is_inventory() {
        ReceiptStatus::accepted_inventory(&stored.names.ebc_code, &stored.names.order_no)
    } else {
        ReceiptStatus::accepted(&header.guid)
    }
}

/// The same document again: it is told where it stands, once more.
fn repeat(step: &mut CebTransaction, held: Option<&StoredDocument>) -> Vec<IssuedReceipt> {
    let Some(held) = held else { return step.broken("a document repeats one that is not there") };
    let cancelled = held.deleted && held.kind.is_inventory() && !held.draft;
    let info = if cancelled { "清单已撤单".to_owned() } else { held.info.clone() };
    let again = ReceiptStatus::new(held.status, info);
    vec![receipt::about(held, &again, receipt::after(held.last_receipt_time, step.now))]
}

/// What a declared document sets going.
fn act(step: &mut CebTransaction, id: Uuid, kind: DocumentKind) -> Vec<IssuedReceipt> {
    use DocumentKind as K;
    match kind {
        K::ImportOrder
        | K::Payment
        | K::ImportWaybill
        | K::ImportInventory
        | K::ExportOrder
        | K::ExportWaybill
        | K::ExportInventory => matching::complete(step, id),
        K::MoneyReceipt => export::money(step, id),
        K::ImportCancel | K::ExportCancel => cancellation::cancel(step, id),
        K::ImportRefund => import::refund(step, id),
        K::WaybillStatus => import::signed_for(step, id),
        K::Delivery => import::delivery(step, id),
        K::Arrival => export::arrival(step, id),
        K::WaybillList => export::waybill_list(step, id),
        K::Departure => export::departure(step, id),
        K::ExportReturn => export::goods_return(step, id),
        K::Tally => export::tally(step, id),
        K::SummaryApply => export::summary(step, id),
    }
}

/// The letter of a number: B, C and T are observed, the others are ours.
fn letter(kind: DocumentKind) -> char {
    use DocumentKind as K;
    match kind {
        K::ExportInventory | K::ImportInventory => 'B',
        K::ExportCancel | K::ImportCancel => 'C',
        K::ImportRefund | K::ExportReturn => 'T',
        K::SummaryApply => 'S',
        K::Delivery => 'R',
        K::Arrival => 'A',
        K::Departure => 'L',
        K::WaybillList => 'Z',
        K::Tally => 'D',
        K::ExportOrder
        | K::ImportOrder
        | K::MoneyReceipt
        | K::Payment
        | K::ExportWaybill
        | K::ImportWaybill
        | K::WaybillStatus => 'N',
    }
}

/// A message that breaks the schema is answered in the log of its sender, where that is known.
pub(crate) fn malformed(step: &mut CebTransaction, malformed: &MalformedMessage) {
    let kind = MessageType::Ceb900.number();
    step.send_to(&malformed.dxp_id, (kind, malformed.status), malformed.body.clone(), None);
}
