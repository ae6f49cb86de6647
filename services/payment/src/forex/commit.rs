//! The one transaction about money from abroad: exports, files of banks, and what firms ask for.
//!
//! Order: find what is concerned; lock the heads of its slots in the ledger; look again under the lock; decide; write.
//! What is found before the lock says only which slots are locked.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::Slot;
use domain::refusal::Refusal;
use proto::memory::{self, Charge};
use sqlx::PgConnection;
use store::cipher::Cipher;
use store::commit_queue::{Reply, Transaction};
use store::queue::{self, Item};
use store::request::{RequestKey, Requests};
use store::tail::Tail;
use store::{Clock, Fault};
use tokio::sync::Notify;
use uuid::Uuid;

use super::bank::{self, BankFileOutcome, BankNews};
use super::execution;
use super::sales::{self, SaleEvent};
use super::settle::{self, ForexAnswer, ForexChange};
use super::settlement_rows;
use super::transaction::{ForexCommit, ForexTransaction};
use crate::ledger::Ledger;
use crate::queues::EXPORTS;

/// What waits for its transaction, and what it is answered with.
pub(crate) enum ForexCommand {
    /// The declaration service told of exports; and what has to wait in the queue.
    ApplyEvents(Vec<Arc<SaleEvent>>, Vec<Item>, Reply<()>),
    /// A file of a bank.
    Bank(Arc<BankNews>, Reply<BankFileOutcome>),
    /// The term of an order to settle is over; whether it is not open any more.
    Expire(Uuid, Reply<bool>),
    /// A firm asks for something.
    Change(Box<ForexChange>, Reply<Result<ForexAnswer, Refusal>>),
}

impl std::fmt::Debug for ForexCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ApplyEvents(..) => "Hear",
            Self::Bank(..) => "Bank",
            Self::Expire(..) => "Expire",
            Self::Change(..) => "Change",
        })
    }
}

/// The work about money from abroad.
#[derive(Debug)]
pub(crate) struct ForexWriter {
    pub(crate) clock: Clock,
    pub(crate) cipher: Cipher,
    /// Tells banks what was committed.
    pub(crate) tail: Tail,
    /// Wakes the loop that says things to the declaration service.
    pub(crate) answers: Arc<Notify>,
    /// Wakes the loop that takes down what banks paid of bills.
    pub(crate) payments: Arc<Notify>,
}

impl Transaction for ForexWriter {
    type Command = ForexCommand;
    type Publication = ForexCommit;
    type Held = Option<Arc<Charge>>;

    fn held() -> Self::Held {
        memory::held()
    }

    async fn run(
        &self,
        tx: &mut PgConnection,
        commands: &[ForexCommand],
    ) -> Result<ForexCommit, Fault> {
        let (mut slots, mut keys) = (BTreeSet::<Slot>::new(), Vec::<Option<RequestKey>>::new());
        for command in commands {
            let mut key = None;
            match command {
                ForexCommand::ApplyEvents(events, ..) => {
                    slots.extend(events.iter().map(|event| event.id.slot()));
                }
                ForexCommand::Bank(news, _) => slots.extend(bank::slots(&mut *tx, news).await?),
                ForexCommand::Expire(id, _) => {
                    let found = settlement_rows::settlements(&mut *tx, &[*id]).await?;
                    slots.extend(found.values().map(|row| row.slot));
                }
                ForexCommand::Change(change, _) => {
                    if let Some(slot) = settle::slot(&mut *tx, change).await? {
                        slots.insert(slot);
                        key = Some(change.key(slot));
                    }
                }
            }
            keys.push(key);
        }
        let ledger = Ledger::lock(&mut *tx, &slots).await?;
        let requests = Requests::load(&mut *tx, keys.iter().flatten().cloned()).await?;
        let now = self.clock.now();
        let mut step = ForexTransaction::new((tx, &self.cipher), now, ledger, requests);
        for (command, key) in commands.iter().zip(keys) {
            match command {
                ForexCommand::ApplyEvents(events, behind, reply) => {
                    queue::enqueue(&mut *step.tx, &self.cipher, EXPORTS, behind).await?;
                    reply.give(sales::apply_events(&mut step, events).await?);
                }
                ForexCommand::Bank(news, reply) => {
                    reply.give(bank::take(&mut step, news).await?);
                }
                ForexCommand::Expire(id, reply) => {
                    execution::expire(&mut step, *id).await?;
                    let found = settlement_rows::settlements(&mut *step.tx, &[*id]).await?;
                    reply.give(found.values().all(|row| !row.state.is_open()));
                }
                ForexCommand::Change(change, reply) => {
                    reply.give(settle::change(&mut step, change, key).await?);
                }
            }
        }
        step.write().await
    }

    fn publish(&self, ForexCommit { entries, answers, pays }: ForexCommit) {
        if pays {
            self.payments.notify_one();
        }
        if answers {
            self.answers.notify_one();
        }
        self.tail.publish(entries);
    }
}
