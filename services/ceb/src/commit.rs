//! The one transaction of the national door. Documents that came, news of the declaration service, and
//! answers to our errands go through it together.
//!
//! Order: lock the heads of the slots that are known; load what is concerned; lock what was found
//! beyond, and load again when there was something; decide in memory; write. One lane does all of it:
//! within a process because there is one, among several processes on one database because each
//! transaction first takes the same advisory lock. So two transactions never wait for each other in vain,
//! and none decides on what another is about to change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use domain::Slot;
use domain::documents::{Return, supersedes};
use domain::limits;
use domain::principal::CUSTOMS_LOG;
use proto::ceb::{self, Document, MessageType};
use proto::memory::{self, Charge};
use sqlx::PgConnection;
use store::batch::Work;
use store::journal::{Entry, Heads};
use store::numbers::{CHINA, use_numbers, used_numbers};
use store::request::Requests;
use store::tail::Tail;
use store::{Clock, Fault};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::errand::Hints;
use crate::follow::{self, Heard, Late};
use crate::issue::{self, Issued};
use crate::paper::Paper;
use crate::receipt;
use crate::receive::{self, Malformed, Received};
use crate::shelf::{Shelf, Wanted};
use crate::{errand, expire, export, log};

/// What waits for its transaction.
#[derive(Debug)]
pub(crate) enum Command {
    /// A document came.
    Receive(Box<Received>),
    /// A message broke the schema.
    Malformed(Malformed),
    /// The declaration service told what happened.
    Heard(Heard),
    /// The same, out of the queue of what could not be taken when it came.
    Late(Late),
    /// The declaration service answered an errand.
    Errand(errand::Answered),
    /// Customs issued something.
    Issue(Box<Issued>),
    /// This inventory has waited long enough for its documents.
    Expire(expire::Expired),
}

impl Command {
    fn want(&self, wanted: &mut Wanted) {
        match self {
            Self::Receive(received) => received.want(wanted),
            Self::Malformed(_) => {}
            Self::Heard(heard) => follow::want(&heard.news, wanted),
            Self::Late(late) => follow::want(&late.news, wanted),
            Self::Errand(answered) => answered.want(wanted),
            Self::Issue(issued) => {
                wanted.invt_nos.insert(issued.invt_no.clone());
            }
            Self::Expire(expired) => expired.want(wanted),
        }
    }
}

/// What was done.
#[derive(Debug, Clone)]
pub(crate) enum Done {
    /// The first receipts.
    Received(Vec<Said>),
    /// Kept.
    Heard,
    /// It may wait longer.
    TooEarly,
    /// Another process heard these news before.
    Outrun,
    /// Whether it was taken, or had been before.
    Issued(bool),
}

impl Done {
    fn said(&mut self) -> &mut [Said] {
        match self {
            Self::Received(said) => said,
            Self::Heard | Self::TooEarly | Self::Outrun | Self::Issued(_) => &mut [],
        }
    }
}

/// A receipt that was written.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) message_type: MessageType,
    pub(crate) document: Arc<Document>,
    /// What it is about.
    pub(crate) about: About,
    /// Where it stands in the log of the sender; 0 when it was not written there.
    pub(crate) position: u64,
    /// The same as in the log.
    pub(crate) event: Uuid,
    /// Its returnTime.
    pub(crate) time: OffsetDateTime,
}

/// The document that a receipt is about: receipts themselves name it by some of its numbers only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) guid: String,
    pub(crate) key: String,
}

impl About {
    pub(crate) fn of(paper: &Paper) -> Self {
        Self { guid: paper.guid.clone(), key: paper.kind.shown_key(&paper.key) }
    }

    /// As it is kept beside the receipt.
    pub(crate) fn kept(&self) -> Bytes {
        Bytes::from([self.guid.as_str(), &self.key].join("\u{1e}"))
    }

    /// What it is about, as it is looked for: everything of an order lies together, also what was said
    /// about documents that were not kept.
    pub(crate) fn subject(order_no: &str, key: &str) -> Uuid {
        let name = match order_no {
            "" => format!("key {}", key.replace('\u{1f}', " ")),
            order_no => format!("order {order_no}"),
        };
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
    }

    pub(crate) fn read(kept: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(kept).ok();
        let (guid, key) = text
            .and_then(|text| text.split_once('\u{1e}'))
            .ok_or_else(|| Fault::Broken("a receipt is kept about nothing".to_owned()))?;
        Ok(Self { guid: guid.to_owned(), key: key.to_owned() })
    }
}

/// The work of the service.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) tail: Tail,
    pub(crate) clock: Clock,
    /// Wakes the loops of the errands.
    pub(crate) errands: Arc<Hints>,
}

/// A transaction under way.
pub(crate) struct Step {
    pub(crate) now: OffsetDateTime,
    pub(crate) shelf: Shelf,
    mail: Vec<Mail>,
    numbers: Numbers,
    /// The returnTime of the last receipt of each document in this transaction, by kind and key: also of
    /// those that are not kept.
    told: HashMap<(u16, String), OffsetDateTime>,
    /// Up to where the declaration service's news are heard.
    pub(crate) heard: follow::Place,
    pub(crate) requests: Requests,
    /// Bills of lading on which something changed: looked at once, at the end.
    pub(crate) bills: BTreeSet<Bill>,
    /// Messages whose copies were sent on.
    pub(crate) copied: BTreeSet<Uuid>,
    /// What cannot be and was: nothing of the transaction is kept.
    fault: Option<Fault>,
}

/// A bill of lading of an agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bill {
    pub(crate) agent_code: String,
    pub(crate) bill_no: String,
}

/// A message for an exchange number.
struct Mail {
    to: String,
    message_type: u16,
    status: i32,
    subject: Uuid,
    about: About,
    event: Uuid,
    body: Bytes,
    trace: String,
}

impl Step {
    /// Notes what cannot be: the transaction fails with it, and nothing of it is kept.
    pub(crate) fn broken(&mut self, what: &str) -> Vec<Said> {
        self.fault.get_or_insert_with(|| Fault::Broken(what.to_owned()));
        Vec::new()
    }

    /// Writes a receipt about a document to its sender and subscribers. The status of the document
    /// follows when the rules of its kind let it.
    pub(crate) fn say(&mut self, id: Uuid, what: &Return) -> Option<Said> {
        let paper = self.shelf.get(id)?.clone();
        let said = self.post(&paper, what, "");
        self.shelf.change(id, |paper| paper.told = said.time);
        if paper.status == what.status || supersedes(paper.kind, paper.status, what.status) {
            self.shelf.change(id, |paper| {
                paper.status = what.status;
                paper.info.clone_from(&what.info);
            });
        }
        Some(said)
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
    pub(crate) fn refuse(&mut self, id: Uuid, what: &Return) -> Option<Said> {
        self.shelf.change(id, |paper| paper.status = what.status);
        self.say(id, what)
    }

    /// Writes a receipt about a document that may not be kept.
    pub(crate) fn post(&mut self, paper: &Paper, what: &Return, trace: &str) -> Said {
        let key = (paper.kind.number(), paper.key.clone());
        let last = self.told.get(&key).map_or(paper.told, |told| paper.told.max(*told));
        let said = receipt::about(paper, what, receipt::after(last, self.now));
        self.told.insert(key, said.time);
        let guid = Uuid::now_v7().to_string().to_uppercase();
        let body = ceb::write(said.message_type, &guid, std::slice::from_ref(&*said.document));
        self.mail(paper, said.message_type, what.status, &body, (said.event, trace));
        said
    }

    /// Puts a message into the log of a document's sender and of its subscribers.
    pub(crate) fn mail(
        &mut self,
        paper: &Paper,
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
            self.mail.push(Mail {
                to: to.clone(),
                message_type: message_type.number(),
                status,
                subject: About::subject(&paper.names.order_no, &paper.key),
                about: About::of(paper),
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
        let body = ceb::write_message(&ceb::Outgoing {
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
        about: Option<&Paper>,
    ) {
        let subject = about.map(|paper| About::subject(&paper.names.order_no, &paper.key));
        self.mail.push(Mail {
            to: to.to_owned(),
            message_type,
            status,
            subject: subject.unwrap_or_else(Uuid::nil),
            // A message of customs may be about no document of ours.
            about: about.map(About::of).unwrap_or_default(),
            event: Uuid::now_v7(),
            body,
            trace: String::new(),
        });
    }

    /// The next number of a slot: a letter, the date in China, nine digits. `None` where the day's
    /// numbers are used up.
    pub(crate) fn number(&mut self, letter: char, slot: Slot) -> Option<String> {
        let given = self.numbers.given.entry(slot).or_default();
        // A slot that has no row yet has given none today.
        let used = self.numbers.used.get(&slot).copied().unwrap_or_default() + *given;
        if used >= limits::NUMBERS_PER_SLOT - limits::NUMBERS_OF_DOOR_FROM {
            return None;
        }
        *given += 1;
        let base = i64::from(slot.column()) * limits::NUMBERS_PER_SLOT;
        let serial = base + limits::NUMBERS_OF_DOOR_FROM + used;
        Some(format!("{letter}{:08}{serial:09}", day(self.now)))
    }
}

/// The day's numbers of the slots of documents that came: what was given before, and by this transaction,
/// which holds the heads of these slots. What is refused because of a document that is there uses none.
struct Numbers {
    used: HashMap<Slot, i64>,
    given: BTreeMap<Slot, i64>,
}

/// The kind of the numbers that the door gives.
const PRE_NO: &str = "preNo";

impl Numbers {
    async fn load(
        tx: &mut PgConnection,
        commands: &[Command],
        now: OffsetDateTime,
    ) -> Result<Self, Fault> {
        let slots: BTreeSet<Slot> = commands
            .iter()
            .filter_map(|command| match command {
                Command::Receive(received) => Some(received.slot),
                _ => None,
            })
            .collect();
        let used = used_numbers(tx, PRE_NO, day(now), &slots).await?;
        Ok(Self { used, given: BTreeMap::new() })
    }
}

/// The day in China as eight digits.
fn day(now: OffsetDateTime) -> i32 {
    let date = now.to_offset(CHINA).date();
    date.year() * 10_000 + i32::from(u8::from(date.month())) * 100 + i32::from(date.day())
}

impl Work for Desk {
    type Command = Command;
    type Answer = Done;
    type Told = (Vec<Entry>, bool);
    type Held = Option<Arc<Charge>>;

    fn held() -> Self::Held {
        memory::held()
    }

    async fn work(
        &self,
        tx: &mut PgConnection,
        commands: &[Command],
    ) -> Result<(Vec<Done>, Self::Told), Fault> {
        let mut wanted = Wanted::default();
        for command in commands {
            command.want(&mut wanted);
        }
        sqlx::query!("select pg_advisory_xact_lock(7102, 0)").execute(&mut *tx).await?;
        let known: Vec<i16> = wanted.slots.iter().map(|slot| slot.column()).collect();
        let mut heads = Heads::lock(&mut *tx, &known).await?;
        let mut shelf = Shelf::load(&mut *tx, &wanted).await?;
        let beyond: BTreeSet<i16> = shelf
            .papers()
            .map(|paper| paper.slot)
            .filter(|slot| !heads.hold(*slot))
            .map(Slot::column)
            .collect();
        if !beyond.is_empty() {
            let beyond: Vec<i16> = beyond.into_iter().collect();
            heads.lock_more(&mut *tx, &beyond).await?;
            shelf = Shelf::load(&mut *tx, &wanted).await?;
        }
        let now = self.clock.now();
        let numbers = Numbers::load(&mut *tx, commands, now).await?;
        let issued = commands.iter().filter_map(|command| match command {
            Command::Issue(issued) => Some(issued.key()),
            _ => None,
        });
        let requests = Requests::load(&mut *tx, issued).await?;
        let heard = follow::Place::load(&mut *tx, commands).await?;
        let mut step = Step {
            now,
            shelf,
            mail: Vec::new(),
            numbers,
            told: HashMap::new(),
            heard,
            requests,
            bills: BTreeSet::new(),
            copied: BTreeSet::new(),
            fault: None,
        };
        let mut done: Vec<Done> = commands.iter().map(|command| act(&mut step, command)).collect();
        for bill in std::mem::take(&mut step.bills) {
            export::release_bill(&mut step, &bill);
        }
        let Step { shelf, mail, numbers, heard, requests, fault, .. } = step;
        if let Some(fault) = fault {
            return Err(fault);
        }
        use_numbers(&mut *tx, PRE_NO, day(now), &numbers.given).await?;
        shelf.write(&mut *tx, now).await?;
        requests.write(&mut *tx, now).await?;
        heard.write(&mut *tx).await?;
        let entries = post(&mut *tx, &mut heads, mail, now).await?;
        let positions = log::append(&mut *tx, &entries).await?;
        for said in done.iter_mut().flat_map(Done::said) {
            // What its sender cannot read was written nowhere.
            said.position = positions.get(&said.event).copied().unwrap_or_default();
        }
        Ok((done, (entries, shelf.has_errands())))
    }

    fn tell(&self, (entries, errands): Self::Told) {
        self.tail.tell(entries);
        if errands {
            self.errands.give();
        }
    }
}

fn act(step: &mut Step, command: &Command) -> Done {
    match command {
        Command::Receive(received) => Done::Received(receive::receive(step, received)),
        Command::Malformed(malformed) => {
            receive::malformed(step, malformed);
            Done::Heard
        }
        Command::Heard(heard) => {
            if follow::hear(step, heard) {
                Done::Heard
            } else {
                Done::Outrun
            }
        }
        Command::Errand(answered) => {
            errand::answered(step, answered);
            Done::Heard
        }
        Command::Issue(issued) => Done::Issued(issue::issue(step, issued)),
        Command::Late(late) => {
            follow::catch_up(step, late);
            Done::Heard
        }
        Command::Expire(expired) => {
            if expire::expire(step, expired) {
                Done::Heard
            } else {
                Done::TooEarly
            }
        }
    }
}

/// Appends the mail to the logs of its readers.
async fn post(
    tx: &mut PgConnection,
    heads: &mut Heads,
    mail: Vec<Mail>,
    now: OffsetDateTime,
) -> Result<Vec<Entry>, Fault> {
    let readers: BTreeSet<i16> = mail.iter().map(|mail| Slot::of(&mail.to).column()).collect();
    heads.lock_more(&mut *tx, &readers.into_iter().collect::<Vec<_>>()).await?;
    let entries: Vec<Entry> = mail
        .into_iter()
        .map(|mail| {
            let slot = Slot::of(&mail.to);
            Ok(Entry {
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
                facts: mail.about.kept(),
                body: Some(mail.body),
            })
        })
        .collect::<Result<_, Fault>>()?;
    heads.append(tx, &entries).await?;
    Ok(entries)
}
