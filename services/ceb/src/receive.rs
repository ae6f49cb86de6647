//! A document comes in: is it admitted, and what follows from it.

use std::sync::Arc;

use bytes::Bytes;
use domain::CHINA;
use domain::documents::{
    Admission, DocumentIntent, DocumentKind, IncomingDocument, ReceiptStatus, Split, admit,
    complete, exists, missing_parts, stands, status, unchanged,
};
use domain::{Principal, Slot, limits};
use proto::ceb::{Document, MessageType};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::document_set::DocumentKeys;
use crate::matching;
use crate::message::responsible;
use crate::receipt::IssuedReceipt;
use crate::stored_document::{FilingWork, Names, StoredDocument};
use crate::transaction::CebTransaction;
use crate::{export, import, receipt};

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
                wanted.released.extend(export::period(&self.document).ok().flatten());
                wanted.invt_nos.extend(self.document.line_values("invtNo"));
                want_parts(wanted, self.kind, &self.document);
            }
            K::ExportOrder | K::MoneyReceipt | K::ImportOrder | K::Payment | K::Delivery => {}
        }
    }

    fn header(&self) -> Header {
        let value = |element| self.document.text(element);
        Header {
            guid: value("guid"),
            app_type: DocumentIntent::parse(&value("appType")).unwrap_or(DocumentIntent::New),
            app_time: value("appTime"),
            draft: value("appStatus") == "1",
        }
    }
}

struct Header {
    guid: String,
    app_type: DocumentIntent,
    app_time: String,
    draft: bool,
}

/// Parts that a split document can have; far more than anybody sends.
const PARTS_MAX: u32 = limits::CEB_PARTS_MAX;

/// The keys of all parts of a split document.
fn parts(kind: DocumentKind, document: &Document) -> Vec<String> {
    let count = document.value("msgCount").and_then(|n| n.parse().ok()).unwrap_or(1_u32);
    (1..=count.min(PARTS_MAX))
        .map(|part| {
            let values: Vec<String> = kind
                .key_elements()
                .iter()
                .map(|element| match *element {
                    "msgSeqNo" => part.to_string(),
                    other => document.text(other),
                })
                .collect();
            domain::documents::key(&values.iter().map(String::as_str).collect::<Vec<_>>())
        })
        .collect()
}

fn want_parts(wanted: &mut DocumentKeys, kind: DocumentKind, document: &Document) {
    for key in parts(kind, document) {
        wanted.keys.extend(issued_key(kind, document, &key));
        wanted.keys.insert((kind.number(), key));
    }
}

/// Every part of a split document, when all are in.
pub(crate) fn whole(step: &CebTransaction, paper: &StoredDocument) -> Option<Vec<Uuid>> {
    let parts = parts_there(step, paper);
    let count = split(&paper.document)?.count;
    let whole = matches!(complete(count, &seqs(&parts)), Ok(true));
    whole.then(|| parts.iter().map(|part| part.id).collect())
}

/// The parts of a split document that are in.
pub(crate) fn parts_there<'a>(
    step: &'a CebTransaction,
    paper: &StoredDocument,
) -> Vec<&'a StoredDocument> {
    let own = issuers(paper.kind, &paper.document);
    let there = |key: &String| {
        // A stranger's may stand under the key itself.
        let issued = issued_key(paper.kind, &paper.document, key);
        let issued = issued.and_then(|(_, key)| step.shelf.by_key(paper.kind, &key));
        issued.or_else(|| step.shelf.by_key(paper.kind, key))
    };
    parts(paper.kind, &paper.document)
        .iter()
        .filter_map(there)
        .filter(|part| part.is_live() && issuers(part.kind, &part.document) == own)
        .collect()
}

fn seqs(parts: &[&StoredDocument]) -> Vec<u32> {
    parts.iter().filter_map(|part| split(&part.document)).map(|split| split.seq).collect()
}

/// Which parts of a split document are still to come, in words; `None` when it is whole.
pub(crate) fn missing(step: &CebTransaction, paper: &StoredDocument) -> Option<String> {
    let count = split(&paper.document)?.count;
    missing_parts(count.min(PARTS_MAX), &seqs(&parts_there(step, paper)))
}

fn split(document: &Document) -> Option<Split> {
    let count = document.value("msgCount")?.parse().ok()?;
    let seq = document.value("msgSeqNo")?.parse().ok()?;
    Some(Split { count, seq })
}

/// Takes one document; gives the receipts that are said about it at once. What is there under its key or
/// its second number is told first, before what is wrong with the repetition.
pub(crate) fn receive(
    step: &mut CebTransaction,
    received: &ReceivedDocument,
) -> Vec<IssuedReceipt> {
    let header = received.header();
    let mut paper = paper(received, &header, step.now);
    paper.key = own_key(step, received);
    let incoming = IncomingDocument {
        kind: received.kind,
        key: &received.key,
        guid: &header.guid,
        app_type: header.app_type,
        app_time: &header.app_time,
        draft: header.draft,
    };
    let held = step.shelf.by_key(received.kind, &paper.key).cloned();
    let used = held.as_ref().is_some_and(|held| matching::is_used(step, held));
    let own = held.as_ref().is_some_and(|held| owns(received, held));
    let seen = held.as_ref().map(|held| held.held(&received.digest, own, used));
    let admitted = admit(&incoming, seen.as_ref());
    let standing = stands(seen.as_ref());
    let held = held.filter(|_| own);
    match (&admitted, &held) {
        (Err(refusal), Some(held)) if !held.deleted => {
            return vec![refuse_repetition(step, received, paper, held, refusal)];
        }
        (Ok(Admission::Repeat), held) => return repeat(step, held.as_ref()),
        (Ok(Admission::Store | Admission::Replace), _) => {
            if let Some((other, refusal)) = same_number(step, received, &paper) {
                return vec![refuse_repetition(step, received, paper, &other, &refusal)];
            }
        }
        (Ok(Admission::Delete) | Err(_), _) => {}
    }
    if let Some(refusal) = &received.refusal {
        if let Some(held) = held.filter(|_| standing) {
            let refusal = unchanged(received.kind, refusal);
            return vec![refuse_repetition(step, received, paper, &held, &refusal)];
        }
        // None is left for today: that is told below.
        paper.pre_no = step.number(letter(received.kind), received.slot).unwrap_or_default();
        return vec![step.post(&paper, refusal, &received.trace)];
    }
    if let Some(held) = &held {
        keep_numbers(&mut paper, held);
    }
    if paper.pre_no.is_empty() {
        let Some(number) = step.number(letter(received.kind), received.slot) else {
            let full = ReceiptStatus::new(status::SENDING_FAILED, "当日编号已用完，请次日重发");
            return vec![step.post(&paper, &full, &received.trace)];
        };
        paper.pre_no = number;
    }
    let first = match admitted {
        Err(refusal) => return vec![step.post(&paper, &refusal, &received.trace)],
        Ok(Admission::Repeat) => return step.broken("a repetition was not answered as one"),
        Ok(Admission::Delete) => return delete(step, received, &header, held),
        Ok(Admission::Store) => first(&paper, &header, false),
        Ok(Admission::Replace) => first(&paper, &header, true),
    };
    if let Some(broken) = split(&paper.document).and_then(|part| wrong_part(step, &paper, part)) {
        return vec![step.post(&paper, &broken, &received.trace)];
    }
    let id = paper.id;
    if header.draft {
        // Some kinds have no receipt for drafts, but the state is one for all.
        paper.status = status::DRAFT;
    }
    step.shelf.put(paper);
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
    mut paper: StoredDocument,
    there: &StoredDocument,
    refusal: &ReceiptStatus,
) -> IssuedReceipt {
    paper.pre_no.clone_from(&there.pre_no);
    paper.invt_no.clone_from(&there.invt_no);
    paper.last_receipt_time = there.last_receipt_time;
    step.post(&paper, refusal, &received.trace)
}

fn delete(
    step: &mut CebTransaction,
    received: &ReceivedDocument,
    header: &Header,
    held: Option<StoredDocument>,
) -> Vec<IssuedReceipt> {
    let Some(held) = held else { return step.broken("a document is deleted that is not there") };
    let issued = step.post(&held, &ReceiptStatus::deleted(&header.guid), &received.trace);
    step.shelf.change(held.id, |paper| {
        paper.deleted = true;
        paper.guid.clone_from(&header.guid);
        paper.app_time.clone_from(&header.app_time);
        paper.digest.clone_from(&received.digest);
        paper.last_receipt_time = issued.time;
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

fn issuers(kind: DocumentKind, document: &Document) -> Vec<String> {
    kind.issuer_elements().iter().map(|element| document.text(element)).collect()
}

/// The key under which a document is kept: its business key, and with its issuers where another's has that
/// already. So nobody learns from an answer that there is another one, and none keeps another out.
fn own_key(step: &CebTransaction, received: &ReceivedDocument) -> String {
    let held = step.shelf.by_key(received.kind, &received.key);
    let issued = issued_key(received.kind, &received.document, &received.key);
    match issued {
        Some((_, issued)) if held.is_some_and(|held| !owns(received, held)) => issued,
        Some(_) | None => received.key.clone(),
    }
}

/// The key of a document with its issuers, where its kind has any.
fn issued_key(kind: DocumentKind, document: &Document, key: &str) -> Option<(u16, String)> {
    let issuers = issuers(kind, document);
    let parts = std::iter::once(key).chain(issuers.iter().map(String::as_str));
    let issued = domain::documents::key(&parts.collect::<Vec<_>>());
    (!issuers.is_empty()).then_some((kind.number(), issued))
}

/// Copies go out when the first document of a message is taken.
fn send_copies(step: &mut CebTransaction, received: &ReceivedDocument) {
    let copies = &received.copies;
    if step.copied.insert(copies.message) {
        for to in &copies.to {
            step.mail_to(to, (received.kind.number(), 0), copies.body.clone(), None);
        }
    }
}

/// A document changed: what the window and customs gave before stays with it, unless it was ended.
fn keep_numbers(paper: &mut StoredDocument, held: &StoredDocument) {
    paper.last_receipt_time = held.last_receipt_time;
    if held.is_live() || held.draft {
        paper.pre_no.clone_from(&held.pre_no);
        paper.received = held.received;
    }
}

/// The second key of an inventory: agentCode and copNo belong to one order only. Gives the inventory that
/// has them, to a sender who stands for the declarant.
fn same_number(
    step: &CebTransaction,
    received: &ReceivedDocument,
    paper: &StoredDocument,
) -> Option<(StoredDocument, ReceiptStatus)> {
    let names = &paper.names;
    let known = received.principal.transmits_for(&names.agent_code);
    if !paper.kind.is_inventory() || names.cop_no.is_empty() || !known {
        return None;
    }
    let other = step.shelf.find(|other| {
        other.kind == paper.kind
            && other.key != paper.key
            && other.names.agent_code == names.agent_code
            && other.names.cop_no == names.cop_no
            && !other.deleted
            && (other.is_live() || other.draft)
    })?;
    let key = domain::documents::key(&[&names.agent_code, &names.cop_no]);
    Some((other.clone(), exists(paper.kind, &key)))
}

/// A part that does not belong to the ones that are there.
fn wrong_part(step: &CebTransaction, paper: &StoredDocument, part: Split) -> Option<ReceiptStatus> {
    // The number of the part stands last in the key.
    let base = |key: &str| key.rsplit_once('\u{1f}').map(|(base, _)| base.to_owned());
    let own = base(&paper.key);
    let there = step.shelf.papers().find(|other| {
        other.kind == paper.kind
            && other.key != paper.key
            && other.is_live()
            && base(&other.key) == own
    });
    // A list is about one bill: a part with another one would never be released with it.
    if let Some(other) = there.filter(|_| paper.kind == DocumentKind::WaybillList)
        && other.names.bill_no != paper.names.bill_no
    {
        let text = format!(
            "拆分报文的billNo须一致：copNo[{}]此前报文billNo[{}]，本报文billNo[{}]",
            paper.names.cop_no, other.names.bill_no, paper.names.bill_no
        );
        return Some(ReceiptStatus::new(status::REJECTED, text));
    }
    let earlier = there.and_then(|other| split(&other.document));
    if part.count > limits::CEB_PARTS_MAX {
        let text = format!("msgCount超过{}", limits::CEB_PARTS_MAX);
        return Some(ReceiptStatus::new(status::REJECTED, text));
    }
    part.check(earlier.map(|earlier| earlier.count)).err().or_else(|| stray_part(step, paper, part))
}

/// The first part under a copNo, when another copNo of the same bill of lading lacks just this part: the
/// two would wait for each other's others for ever.
fn stray_part(step: &CebTransaction, paper: &StoredDocument, part: Split) -> Option<ReceiptStatus> {
    if paper.names.bill_no.is_empty() || !parts_there(step, paper).is_empty() {
        return None;
    }
    let firm = |of: &StoredDocument| {
        let value = |element| of.document.text(element);
        ["agentCode", "operatorCode", "logisticsCode"].map(value)
    };
    let lacking = step.shelf.of_bill(paper.kind, &paper.names.bill_no).find(|other| {
        other.is_live()
            && other.status < status::CONCLUDED
            && other.names.cop_no != paper.names.cop_no
            && firm(other) == firm(paper)
            && split(&other.document).is_some_and(|other| other.count == part.count)
            && !seqs(&parts_there(step, other)).contains(&part.seq)
    })?;
    let missing = missing(step, lacking)?;
    let text = format!(
        "拆分报文的copNo须一致：提运单号[{}]已有copNo[{}]，{missing}",
        paper.names.bill_no, lacking.names.cop_no
    );
    Some(ReceiptStatus::new(status::REJECTED, text))
}

fn paper(received: &ReceivedDocument, header: &Header, now: OffsetDateTime) -> StoredDocument {
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
fn first(paper: &StoredDocument, header: &Header, changed: bool) -> ReceiptStatus {
    if header.draft {
        ReceiptStatus::stored_draft(&header.guid)
    } else if changed && header.app_type == DocumentIntent::Change {
        ReceiptStatus::changed(&header.guid)
    } else if paper.kind.is_inventory() {
        ReceiptStatus::accepted_inventory(&paper.names.ebc_code, &paper.names.order_no)
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
        K::ImportCancel | K::ExportCancel => import::cancel(step, id),
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
    step.mail_to(&malformed.dxp_id, (kind, malformed.status), malformed.body.clone(), None);
}

/// Days since a time, counted by dates in China.
pub(crate) fn days_since(then: OffsetDateTime, now: OffsetDateTime) -> i64 {
    (now.to_offset(CHINA).date() - then.to_offset(CHINA).date()).whole_days()
}
