//! A transaction under way: the documents that it is about, and what will be written.
//!
//! The invariant: a receipt about a document is written in the same transaction as the change that it
//! tells of, to its sender and to its subscribers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use domain::CHINA;
use domain::documents::{ReceiptStatus, supersedes};
use domain::principal::CUSTOMS_LOG;
use domain::{Slot, limits};
use proto::ceb::{self, MessageType};
use sqlx::PgConnection;
use store::Fault;
use store::cipher::Cipher;
use store::journal::{Heads, JournalEntry};
use store::numbers::{NumberSeries, use_numbers, used_numbers};
use store::permutation::NumberKey;
use store::queue::{self, Item};
use store::request::Requests;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::document_set::DocumentSet;
use crate::export_news::{self, EXPORT_NEWS};
use crate::receipt::{self, DocumentRef, IssuedReceipt};
use crate::stored_document::StoredDocument;
use crate::{follow, log};

/// A transaction under way.
pub(crate) struct CebTransaction {
    pub(crate) now: OffsetDateTime,
    pub(crate) shelf: DocumentSet,
    mail: Vec<OutboundMessage>,
    numbers: DayNumbers,
    /// The returnTime of the last receipt of each document in this transaction, by kind and key: also of
    /// those that are not kept.
    last_receipts: HashMap<(u16, String), OffsetDateTime>,
    /// What came over the exchange.
    pub(crate) events: follow::EventWrites,
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
        shelf: DocumentSet,
        numbers: DayNumbers,
        requests: Requests,
        events: follow::EventWrites,
    ) -> Self {
        Self {
            now,
            shelf,
            mail: Vec::new(),
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
        let Self { now, shelf, mail, numbers, events, requests, news, fault, .. } = self;
        if let Some(fault) = fault {
            return Err(fault);
        }
        use_numbers(&mut *tx, pre_nos(&numbers.key, day(now)), &numbers.given).await?;
        shelf.write(&mut *tx, cipher, now).await?;
        requests.write(&mut *tx, now).await?;
        events.write(&mut *tx, cipher).await?;
        queue::enqueue(&mut *tx, cipher, EXPORT_NEWS, &news).await?;
        let entries = post(&mut *tx, cipher, mail, now).await?;
        let positions = log::append(&mut *tx, &entries).await?;
        Ok(WrittenRows { entries, positions, work: shelf.has_work() || !news.is_empty() })
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
        let paper = self.shelf.get(id)?.clone();
        let issued = self.post(&paper, what, "");
        self.shelf.change(id, |paper| paper.last_receipt_time = issued.time);
        if paper.status == what.status || supersedes(paper.kind, paper.status, what.status) {
            self.shelf.change(id, |paper| {
                paper.status = what.status;
                paper.info.clone_from(&what.info);
            });
        }
        Some(issued)
    }

    /// The bill of an export is looked at once more at the end of the transaction.
    pub(crate) fn look_at_bill(&mut self, inventory: Uuid) {
        let Some(paper) = self.shelf.get(inventory) else { return };
        if paper.kind.is_export() && !paper.names.bill_no.is_empty() {
            let (agent_code, bill_no) = (&paper.names.agent_code, &paper.names.bill_no);
            self.bills.insert(Bill { agent_code: agent_code.clone(), bill_no: bill_no.clone() });
        }
    }

    /// Refuses a document that was kept: it can be sent again, corrected.
    pub(crate) fn refuse(&mut self, id: Uuid, what: &ReceiptStatus) -> Option<IssuedReceipt> {
        self.shelf.change(id, |paper| paper.status = what.status);
        self.issue_receipt(id, what)
    }

    /// Writes a receipt about a document that may not be kept.
    pub(crate) fn post(
        &mut self,
        paper: &StoredDocument,
        what: &ReceiptStatus,
        trace: &str,
    ) -> IssuedReceipt {
        let key = (paper.kind.number(), paper.key.clone());
        let last = self
            .last_receipts
            .get(&key)
            .map_or(paper.last_receipt_time, |time| paper.last_receipt_time.max(*time));
        let issued = receipt::about(paper, what, receipt::after(last, self.now));
        self.last_receipts.insert(key, issued.time);
        let guid = Uuid::now_v7().to_string().to_uppercase();
        let body = ceb::write(issued.message_type, &guid, std::slice::from_ref(&*issued.document));
        self.mail(paper, issued.message_type, what.status, &body, (issued.event, trace));
        issued
    }

    /// Puts a message into the log of a document's sender and of its subscribers.
    pub(crate) fn mail(
        &mut self,
        paper: &StoredDocument,
        message_type: MessageType,
        status: i32,
        body: &str,
        (event, trace): (Uuid, &str),
    ) {
        let body = Bytes::from(body.to_owned());
        // The first one is the sender's, and has the id of what was said.
        let events = std::iter::once(event).chain(std::iter::repeat_with(Uuid::now_v7));
        let readers = std::iter::once(&paper.dxp_id).chain(&paper.subscribers);
        for (to, event) in readers.zip(events) {
            self.mail.push(OutboundMessage {
                to: to.clone(),
                message_type: message_type.number(),
                status,
                subject: DocumentRef::subject(&paper.names.order_no, &paper.key),
                about: DocumentRef::of(paper),
                event,
                body: body.clone(),
                trace: trace.to_owned(),
            });
        }
    }

    /// Customs gets a copy of a document that was accepted and concerns it.
    pub(crate) fn show_customs(&mut self, id: Uuid) {
        let Some(paper) = self.shelf.get(id) else { return };
        let value = |element| paper.document.text(element);
        let transfer = ceb::Transfer {
            cop_code: value("agentCode"),
            cop_name: value("agentName"),
            dxp_mode: "DXP".to_owned(),
            dxp_id: paper.dxp_id.clone(),
            note: String::new(),
        };
        let (kind, status) = (paper.document.message_type(), paper.status);
        let body = ceb::write_message(&ceb::OutgoingMessage {
            message_type: kind,
            guid: &Uuid::now_v7().to_string().to_uppercase(),
            transfer: &transfer,
            subscribers: &[],
            documents: std::slice::from_ref(&*paper.document),
        });
        self.mail_to(CUSTOMS_LOG, (kind.number(), status), Bytes::from(body), None);
    }

    /// Puts a message into the log of one exchange number; `about` is the document that it concerns.
    pub(crate) fn mail_to(
        &mut self,
        to: &str,
        (message_type, status): (u16, i32),
        body: Bytes,
        about: Option<&StoredDocument>,
    ) {
        let subject = about.map(|paper| DocumentRef::subject(&paper.names.order_no, &paper.key));
        self.mail.push(OutboundMessage {
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

    /// The next number of a slot: a letter, the date in China, nine digits. `None` where the day's
    /// numbers are used up.
    pub(crate) fn number(&mut self, letter: char, slot: Slot) -> Option<String> {
        let number = self.numbers.next(slot, day(self.now));
        let number = number.unwrap_or_else(|fault| {
            self.fault.get_or_insert(fault);
            None
        });
        let base = i64::from(slot.column()) * limits::NUMBERS_PER_SLOT;
        let serial = base + limits::NUMBERS_OF_DOOR_FROM + number?;
        Some(format!("{letter}{:08}{serial:09}", day(self.now)))
    }

    /// The number of a goods declaration form, of its summary's ([`export_news::entry_id`]). `None` where customs
    /// tells it later.
    pub(crate) fn entry_id(&mut self, customs_code: &str, decl_seq_no: &str) -> Option<String> {
        let number = export_news::entry_id(&self.numbers.key, customs_code, decl_seq_no);
        number.unwrap_or_else(|fault| {
            self.fault.get_or_insert(fault);
            None
        })
    }
}

/// The day's numbers of the slots of documents that came: what was given before, and by this transaction. What is refused because of a document that is there uses none.
pub(crate) struct DayNumbers {
    key: NumberKey,
    used: HashMap<Slot, i64>,
    given: BTreeMap<Slot, i64>,
}

/// The numbers that the door gives on a day, whatever their letter.
pub(crate) fn pre_nos(key: &NumberKey, day: i32) -> NumberSeries<'_> {
    let count = limits::NUMBERS_PER_SLOT - limits::NUMBERS_OF_DOOR_FROM;
    NumberSeries { key, kind: "preNo", period: day, count }
}

impl DayNumbers {
    pub(crate) async fn load(
        tx: &mut PgConnection,
        key: NumberKey,
        slots: &BTreeSet<Slot>,
        now: OffsetDateTime,
    ) -> Result<Self, Fault> {
        let used = used_numbers(tx, pre_nos(&key, day(now)), slots).await?;
        Ok(Self { key, used, given: BTreeMap::new() })
    }

    /// The next one of a slot, from 0; `None` where they are used up.
    fn next(&mut self, slot: Slot, day: i32) -> Result<Option<i64>, Fault> {
        let given = self.given.get(&slot).copied().unwrap_or_default(); // none yet
        // A slot that has no row yet has given none today.
        let used = self.used.get(&slot).copied().unwrap_or_default();
        let number = pre_nos(&self.key, day).of(slot)?.number(used + given)?;
        if number.is_some() {
            self.given.insert(slot, given + 1);
        }
        Ok(number)
    }
}

/// The day in China as eight digits.
fn day(now: OffsetDateTime) -> i32 {
    let date = now.to_offset(CHINA).date();
    date.year() * 10_000 + i32::from(u8::from(date.month())) * 100 + i32::from(date.day())
}

/// Appends the mail to the logs of its readers.
async fn post(
    tx: &mut PgConnection,
    cipher: &Cipher,
    mail: Vec<OutboundMessage>,
    now: OffsetDateTime,
) -> Result<Vec<JournalEntry>, Fault> {
    let readers: BTreeSet<i16> = mail.iter().map(|mail| Slot::of(&mail.to).column()).collect();
    if readers.is_empty() {
        return Ok(Vec::new());
    }
    let readers: Vec<i16> = readers.into_iter().collect();
    let mut heads = Heads::lock(&mut *tx, &readers).await?;
    let entries: Vec<JournalEntry> = mail
        .into_iter()
        .map(|mail| {
            let slot = Slot::of(&mail.to);
            Ok(JournalEntry {
                slot,
                position: heads.next(slot)?,
                event_id: mail.event,
                subject: mail.subject,
                owner: mail.to,
                version: i32::from(mail.message_type),
                round: mail.status,
                phase: 0,
                topics: 0,
                recorded_time: now,
                trace: mail.trace,
                actor: String::new(),
                facts: mail.about.kept(),
                shows_content: false,
                body: Ok(Some(mail.body)),
            })
        })
        .collect::<Result<_, Fault>>()?;
    heads.append(tx, cipher, &entries).await?;
    Ok(entries)
}
