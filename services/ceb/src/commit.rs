//! The one transaction of the national door. Documents that came, events of the declaration service, and
//! answers about them go through it together.
//!
//! Order: take the lock; load what is concerned, once; decide in memory; write. One lane does all of it:
//! within a process because there is one, among several processes on one database because each
//! transaction first takes the same advisory lock. So what was loaded stays true until the commit, two
//! transactions never wait for each other in vain, and none decides on what another is about to change. The
//! heads of slots are locked for what is appended there, at the end.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::Slot;
use proto::memory::{self, Charge};
use sqlx::PgConnection;
use store::commit_queue::{Reply, Transaction};
use store::journal::JournalEntry;
use store::permutation::NumberKey;
use store::request::{RequestKey, Requests};
use store::tail::Tail;
use store::{Clock, Fault};

use crate::declaration_events::{EventBatch, EventWrites, LateEvent};
use crate::document_keys::DocumentKeys;
use crate::document_set::DocumentSet;
use crate::issue::{self, IssuedDocument};
use crate::numbers::DayNumbers;
use crate::queues::Hints;
use crate::receipt::IssuedReceipt;
use crate::received_document::{MalformedMessage, ReceivedDocument};
use crate::transaction::{CebTransaction, WrittenRows};
use crate::{expire, export, filing_answer, follow, receive};

/// What waits for its transaction, and what it is answered with.
#[derive(Debug)]
pub(crate) enum CebCommand {
    /// A document came; the first receipts.
    Receive(Box<ReceivedDocument>, Reply<Vec<IssuedReceipt>>),
    /// A message broke the schema.
    Malformed(MalformedMessage, Reply<()>),
    /// Events came over the exchange.
    Take(EventBatch, Reply<()>),
    /// One out of the queue of those that could not be taken when they came.
    Late(LateEvent, Reply<()>),
    /// The declaration service answered about a document.
    Filing(filing_answer::FilingAnswer, Reply<()>),
    /// Customs issued something; whether it was taken, or had been before.
    Issue(Box<IssuedDocument>, Reply<bool>),
    /// This inventory has waited long enough for its documents; false when it may wait longer.
    Expire(expire::Expiry, Reply<bool>),
}

impl CebCommand {
    /// The requests that are kept for it.
    fn requests(&self) -> Vec<RequestKey> {
        match self {
            Self::Issue(issued, _) => vec![issued.key()],
            Self::Take(batch, _) => batch.requests().collect(),
            Self::Late(late, _) => late.event.request().into_iter().collect(),
            Self::Receive(..) | Self::Malformed(..) | Self::Filing(..) | Self::Expire(..) => {
                Vec::new()
            }
        }
    }

    fn want(&self, wanted: &mut DocumentKeys) {
        match self {
            Self::Receive(received, _) => received.want(wanted),
            Self::Malformed(..) => {}
            Self::Take(batch, _) => batch.events.iter().for_each(|it| it.want(wanted)),
            Self::Late(late, _) => late.event.want(wanted),
            Self::Filing(answered, _) => answered.want(wanted),
            Self::Issue(issued, _) => {
                wanted.invt_nos.insert(issued.invt_no.clone());
            }
            Self::Expire(expired, _) => expired.want(wanted),
        }
    }
}

/// The work of the service.
#[derive(Debug)]
pub(crate) struct CebWriter {
    pub(crate) tail: Tail,
    pub(crate) clock: Clock,
    /// Wakes the loops of the queues.
    pub(crate) hints: Arc<Hints>,
    /// In which order numbers are given.
    pub(crate) numbers: NumberKey,
}

impl Transaction for CebWriter {
    type Command = CebCommand;
    type Publication = (Vec<JournalEntry>, bool);
    type Held = Option<Arc<Charge>>;

    fn held() -> Self::Held {
        memory::held()
    }

    async fn run(
        &self,
        tx: &mut PgConnection,
        commands: &[CebCommand],
    ) -> Result<Self::Publication, Fault> {
        let mut wanted = DocumentKeys::default();
        for command in commands {
            command.want(&mut wanted);
        }
        sqlx::query!("select pg_advisory_xact_lock(7102, 0)").execute(&mut *tx).await?;
        let documents = DocumentSet::load(&mut *tx, self.tail.cipher(), &wanted).await?;
        let now = self.clock.now();
        let received: BTreeSet<Slot> = commands
            .iter()
            .filter_map(|command| match command {
                CebCommand::Receive(received, _) => Some(received.slot),
                _ => None,
            })
            .collect();
        let numbers = DayNumbers::load(&mut *tx, self.numbers.clone(), &received, now).await?;
        let requests =
            Requests::load(&mut *tx, commands.iter().flat_map(CebCommand::requests)).await?;
        let events = EventWrites::load(&mut *tx, batches(commands), late(commands)).await?;
        let mut step = CebTransaction::new(now, documents, numbers, requests, events);
        let mut replies = Vec::new();
        for command in commands {
            match command {
                CebCommand::Receive(received, reply) => {
                    replies.push((reply, receive::receive(&mut step, received)));
                }
                CebCommand::Malformed(malformed, reply) => {
                    receive::malformed(&mut step, malformed);
                    reply.done();
                }
                CebCommand::Take(batch, reply) => {
                    follow::take(&mut step, batch);
                    reply.done();
                }
                CebCommand::Late(late, reply) => {
                    follow::take_late(&mut step, late);
                    reply.done();
                }
                CebCommand::Filing(answered, reply) => {
                    filing_answer::answered(&mut step, answered);
                    reply.done();
                }
                CebCommand::Issue(issued, reply) => reply.give(issue::issue(&mut step, issued)),
                CebCommand::Expire(expired, reply) => {
                    reply.give(expire::expire(&mut step, expired));
                }
            }
        }
        for bill in std::mem::take(&mut step.bills) {
            export::release_bill(&mut step, &bill);
        }
        let WrittenRows { entries, positions, work } =
            step.write(&mut *tx, self.tail.cipher()).await?;
        for (reply, mut receipts) in replies {
            for receipt in &mut receipts {
                // What its sender cannot read was written nowhere.
                receipt.position = positions.get(&receipt.event).copied().unwrap_or_default();
            }
            reply.give(receipts);
        }
        Ok((entries, work))
    }

    fn publish(&self, (entries, work): Self::Publication) {
        self.tail.publish(entries);
        if work {
            self.hints.give();
        }
    }
}

/// What came over the exchange.
fn batches(commands: &[CebCommand]) -> impl Iterator<Item = &EventBatch> {
    commands.iter().filter_map(|command| match command {
        CebCommand::Take(batch, _) => Some(batch),
        _ => None,
    })
}

/// What comes out of the queue of events.
fn late(commands: &[CebCommand]) -> impl Iterator<Item = &LateEvent> {
    commands.iter().filter_map(|command| match command {
        CebCommand::Late(late, _) => Some(late),
        _ => None,
    })
}
