//! A transaction under way: the documents that it is about, and what will be written.
//!
//! The invariant: a receipt about a document is written in the same transaction as the change that it
//! tells of, to its sender and to its subscribers.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use domain::Slot;
use domain::documents::{ReceiptStatus, supersedes};
use domain::principal::CUSTOMS_LOG;
use proto::ceb::{self, MessageType};
use sqlx::PgConnection;
use store::Fault;
use store::cipher::Cipher;
use store::journal::{Heads, JournalEntry};
use store::queue::{self, Item};
use store::request::Requests;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::declaration_events::EventWrites;
use crate::document_set::DocumentSet;
use crate::log;
use crate::numbers::DayNumbers;
use crate::queues::EXPORT_NEWS;
use crate::receipt::{self, DocumentRef, IssuedReceipt};
use crate::stored_document::StoredDocument;

/// A transaction under way.
pub(crate) struct CebTransaction {
    pub(crate) now: OffsetDateTime,
    pub(crate) documents: DocumentSet,
    messages: Vec<OutboundMessage>,
    numbers: DayNumbers,
    /// The returnTime of the last receipt of each document in this transaction, by kind and key: also of
    /// those that are not kept.
    last_receipts: HashMap<(u16, String), OffsetDateTime>,
    /// What came over the exchange.
    pub(crate) events: EventWrites,
    pub(crate) requests: Requests,
    /// Bills of lading on which something changed: looked at once, at the end.
    pub(crate) bills: BTreeSet<Bill>,
    /// Messages whose copies were sent on.
    pub(crate) copied: BTreeSet<Uuid>,
    /// What is told of exports.
    pub(crate) news: Vec<Item>,
    /// What cannot be and was: nothing of the transaction is kept.
    fault: Option<Fault>,
}

/// What was written.
pub(crate) struct WrittenRows {
    pub(crate) entries: Vec<JournalEntry>,
    /// Where receipts stand in the logs of their senders, by their ids.
    pub(crate) positions: HashMap<Uuid, u64>,
    /// There is something to say to the declaration service.
    pub(crate) work: bool,
}

/// A bill of lading of an agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bill {
    pub(crate) agent_code: String,
    pub(crate) bill_no: String,
}

/// A message for an exchange number.
struct OutboundMessage {
    to: String,
    message_type: u16,
    status: i32,
    subject: Uuid,
    about: DocumentRef,
    event: Uuid,
    body: Bytes,
    trace: String,
}

impl CebTransaction {
    pub(crate) fn new(
        now: OffsetDateTime,
        documents: DocumentSet,
        numbers: DayNumbers,
        requests: Requests,
        events: EventWrites,
    ) -> Self {
        Self {
            now,
            documents,
            messages: Vec::new(),
            numbers,
            last_receipts: HashMap::new(),
            events,
            requests,
            bills: BTreeSet::new(),
            copied: BTreeSet::new(),
            news: Vec::new(),
            fault: None,
        }
    }

    /// Writes everything, unless something happened that cannot be.
    pub(crate) async fn write(
        self,
        tx: &mut PgConnection,
        cipher: &Cipher,
    ) -> Result<WrittenRows, Fault> {
        let Self { now, documents, messages, numbers, events, requests, news, fault, .. } = self;
        if let Some(fault) = fault {
            return Err(fault);
        }
        numbers.write(&mut *tx).await?;
        documents.write(&mut *tx, cipher, now).await?;
        requests.write(&mut *tx, now).await?;
        events.write(&mut *tx, cipher).await?;
        queue::enqueue(&mut *tx, cipher, EXPORT_NEWS, &news).await?;
        let entries = post(&mut *tx, cipher, messages, now).await?;
        let positions = log::append(&mut *tx, &entries).await?;
        Ok(WrittenRows { entries, positions, work: documents.has_work() || !news.is_empty() })
    }

    /// Notes what cannot be: the transaction fails with it, and nothing of it is kept.
    pub(crate) fn broken(&mut self, what: &str) -> Vec<IssuedReceipt> {
        self.fault.get_or_insert_with(|| Fault::Broken(what.to_owned()));
        Vec::new()
    }

    /// Writes a receipt about a document to its sender and subscribers. The status of the document
    /// follows when the rules of its kind let it.
    pub(crate) fn issue_receipt(
        &mut self,
        id: Uuid,
        what: &ReceiptStatus,
    ) -> Option<IssuedReceipt> {
        let stored = self.documents.get(id)?.clone();
        let issued = self.post(&stored, what, "");
        self.documents.change(id, |stored| stored.last_receipt_time = issued.time);
        if stored.status == what.status || supersedes(stored.kind, stored.status, what.status) {
            self.documents.change(id, |stored| {
                stored.status = what.status;
                stored.info.clone_from(&what.info);
            });
        }
        Some(issued)
    }

    /// The bill of an export is looked at once more at the end of the transaction.
    pub(crate) fn look_at_bill(&mut self, inventory: Uuid) {
        let Some(stored) = self.documents.get(inventory) else { return };
        if stored.kind.is_export() && !stored.names.bill_no.is_empty() {
            let (agent_code, bill_no) = (&stored.names.agent_code, &stored.names.bill_no);
            self.bills.insert(Bill { agent_code: agent_code.clone(), bill_no: bill_no.clone() });
        }
    }

    /// Refuses a document that was kept: it can be sent again, corrected.
    pub(crate) fn refuse(&mut self, id: Uuid, what: &ReceiptStatus) -> Option<IssuedReceipt> {
        self.documents.change(id, |stored| stored.status = what.status);
        self.issue_receipt(id, what)
    }

    /// Says several things about one document.
    pub(crate) fn issue_receipts(
        &mut self,
        id: Uuid,
        statuses: &[ReceiptStatus],
    ) -> Vec<IssuedReceipt> {
        statuses.iter().filter_map(|what| self.issue_receipt(id, what)).collect()
    }

    /// Writes a receipt about a document that may not be kept.
    pub(crate) fn post(
        &mut self,
        stored: &StoredDocument,
        what: &ReceiptStatus,
        trace: &str,
    ) -> IssuedReceipt {
        let key = (stored.kind.number(), stored.key.clone());
        let last = self
            .last_receipts
            .get(&key)
            .map_or(stored.last_receipt_time, |time| stored.last_receipt_time.max(*time));
        let issued = receipt::about(stored, what, receipt::after(last, self.now));
        self.last_receipts.insert(key, issued.time);
        let guid = Uuid::now_v7().to_string().to_uppercase();
        let body = ceb::write(issued.message_type, &guid, std::slice::from_ref(&*issued.document));
        self.send(stored, issued.message_type, what.status, &body, (issued.event, trace));
        issued
    }

    /// Puts a message into the log of a document's sender and of its subscribers.
    pub(crate) fn send(
        &mut self,
        stored: &StoredDocument,
        message_type: MessageType,
        status: i32,
        body: &str,
        (event, trace): (Uuid, &str),
    ) {
        let body = Bytes::from(body.to_owned());
        // The first one is the sender's, and has the id of what was said.
        let events = std::iter::once(event).chain(std::iter::repeat_with(Uuid::now_v7));
        let readers = std::iter::once(&stored.dxp_id).chain(&stored.subscribers);
        for (to, event) in readers.zip(events) {
            self.messages.push(OutboundMessage {
                to: to.clone(),
                message_type: message_type.number(),
                status,
                subject: DocumentRef::subject(&stored.names.order_no, &stored.key),
                about: DocumentRef::of(stored),
                event,
                body: body.clone(),
                trace: trace.to_owned(),
            });
        }
    }

    /// Customs gets a copy of a document that was accepted and concerns it.
    pub(crate) fn show_customs(&mut self, id: Uuid) {
        let Some(stored) = self.documents.get(id) else { return };
        let value = |element| stored.document.text(element);
        let transfer = ceb::Transfer {
            cop_code: value("agentCode"),
            cop_name: value("agentName"),
            dxp_mode: "DXP".to_owned(),
            dxp_id: stored.dxp_id.clone(),
            note: String::new(),
        };
        let (kind, status) = (stored.document.message_type(), stored.status);
        let body = ceb::write_message(&ceb::OutgoingMessage {
            message_type: kind,
            guid: &Uuid::now_v7().to_string().to_uppercase(),
            transfer: &transfer,
            subscribers: &[],
            documents: std::slice::from_ref(&*stored.document),
        });
        self.send_to(CUSTOMS_LOG, (kind.number(), status), Bytes::from(body), None);
    }

    /// Puts a message into the log of one exchange number; `about` is the document that it concerns.
    pub(crate) fn send_to(
        &mut self,
        to: &str,
        (message_type, status): (u16, i32),
        body: Bytes,
        about: Option<&StoredDocument>,
    ) {
        let subject = about.map(|stored| DocumentRef::subject(&stored.names.order_no, &stored.key));
        self.messages.push(OutboundMessage {
            to: to.to_owned(),
            message_type,
            status,
            subject: subject.unwrap_or_else(Uuid::nil),
            // A message of customs may be about no document of ours.
            about: about.map(DocumentRef::of).unwrap_or_default(),
            event: Uuid::now_v7(),
            body,
            trace: String::new(),
        });
    }

    /// The next number of a slot ([`DayNumbers::next`]).
    pub(crate) fn number(&mut self, letter: char, slot: Slot) -> Option<String> {
        let number = self.numbers.next(letter, slot);
        number.unwrap_or_else(|fault| {
            self.fault.get_or_insert(fault);
            None
        })
    }

    /// The number of a goods declaration form, of its summary's ([`crate::numbers::form_number`]). `None` where
    /// customs tells it later.
    pub(crate) fn entry_id(&mut self, customs_code: &str, decl_seq_no: &str) -> Option<String> {
        let number = self.numbers.form(customs_code, decl_seq_no);
        number.unwrap_or_else(|fault| {
            self.fault.get_or_insert(fault);
            None
        })
    }
}

/// Appends the messages to the logs of its readers.
async fn post(
    tx: &mut PgConnection,
    cipher: &Cipher,
    messages: Vec<OutboundMessage>,
    now: OffsetDateTime,
) -> Result<Vec<JournalEntry>, Fault> {
    let readers: BTreeSet<i16> =
        messages.iter().map(|message| Slot::of(&message.to).column()).collect();
    if readers.is_empty() {
        return Ok(Vec::new());
    }
    let readers: Vec<i16> = readers.into_iter().collect();
    let mut heads = Heads::lock(&mut *tx, &readers).await?;
    let entries: Vec<JournalEntry> = messages
        .into_iter()
        .map(|message| {
            let slot = Slot::of(&message.to);
            Ok(JournalEntry {
                slot,
                position: heads.next(slot)?,
                event_id: message.event,
                subject: message.subject,
                owner: message.to,
                version: i32::from(message.message_type),
                round: message.status,
                phase: 0,
                topics: 0,
                recorded_time: now,
                trace: message.trace,
                actor: String::new(),
                facts: message.about.kept(),
                shows_content: false,
                body: Ok(Some(message.body)),
            })
        })
        .collect::<Result<_, Fault>>()?;
    heads.append(tx, cipher, &entries).await?;
    Ok(entries)
}
