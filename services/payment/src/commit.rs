//! The one transaction of the payment service: what the declaration service told, money that came, and duties
//! that are tried again.
//!
//! Order: find what is concerned; lock the heads of the slots of its declarations and of its payers, in order;
//! load; decide by `domain::payment`; write. The lock of a payer's slot is what makes a guarantee exact: nobody
//! else holds anything on it meanwhile, in whichever process.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::payment::parameters::Parameters;
use domain::refusal::Refusal;
use domain::{DeclarationId, Slot};
use proto::memory::{self, Charge};
use sqlx::PgConnection;
use store::cipher::Cipher;
use store::commit_queue::{Reply, Transaction};
use store::queue::{self, Item};
use store::request::{RequestKey, Requests};
use store::{Clock, Fault};
use tokio::sync::Notify;

use crate::guarantee::{self, GuaranteeChange, GuaranteeChanged};
use crate::hear::{self, ImportEvent, SecuredDuty};
use crate::ledger::{Ledger, Needs};
use crate::transaction::{self, PaymentTransaction, Wakes};
use crate::{duty_rows, read};

/// Duties that are tried again in one transaction.
const RETRIES_MAX: i64 = 500;

/// What waits for its transaction, and what it is answered with.
#[derive(Debug)]
pub(crate) enum PaymentCommand {
    /// The declaration service told something; and what has to wait in the queue of events. For each event:
    /// the duty that is secured, where it brings a version.
    Hear(Vec<Arc<ImportEvent>>, Vec<Item>, Reply<Vec<Option<SecuredDuty>>>),
    /// Money was lodged, or a credit line granted.
    Guarantee(Box<GuaranteeChange>, Reply<Result<GuaranteeChanged, Refusal>>),
    /// Money came to this payer. Whether there may be more to try.
    Retry(String, Reply<bool>),
}

impl PaymentCommand {
    fn request(&self) -> Option<RequestKey> {
        match self {
            Self::Guarantee(change, _) => Some(change.key()),
            Self::Hear(..) | Self::Retry(..) => None,
        }
    }
}

/// The work of the service.
#[derive(Debug)]
pub(crate) struct PaymentWriter {
    pub(crate) clock: Clock,
    /// Of what waits in queues.
    pub(crate) cipher: Cipher,
    pub(crate) parameters: &'static Parameters,
    /// Firms that have no guarantee account yet get one with a credit line.
    pub(crate) sandbox: bool,
    /// Wakes the loop that says things to the declaration service.
    pub(crate) answers: Arc<Notify>,
    /// Wakes the loop that tries duties again.
    pub(crate) retries: Arc<Notify>,
}

/// What a batch is about.
#[derive(Default)]
struct DutyKeys {
    duties: BTreeSet<DeclarationId>,
    slots: BTreeSet<Slot>,
}

impl DutyKeys {
    async fn of(
        tx: &mut PgConnection,
        commands: &[PaymentCommand],
        now: time::OffsetDateTime,
    ) -> Result<(Self, Vec<Vec<DeclarationId>>), Fault> {
        let (mut keys, mut retried) = (Self::default(), Vec::new());
        for command in commands {
            match command {
                PaymentCommand::Hear(events, ..) => {
                    keys.duties.extend(events.iter().map(|event| event.id));
                    keys.slots.extend(hear::slots(events));
                }
                PaymentCommand::Guarantee(change, _) => {
                    keys.slots.insert(Slot::of(&change.owner));
                }
                PaymentCommand::Retry(payer, _) => {
                    // Not under the lock yet: what is there counts when it is tried.
                    let available = read::available(&mut *tx, payer, now).await?;
                    let found = duty_rows::short(&mut *tx, payer, available, RETRIES_MAX).await?;
                    keys.slots.insert(Slot::of(payer));
                    keys.slots.extend(found.iter().map(|id| id.slot()));
                    keys.duties.extend(found.iter().copied());
                    retried.push(found);
                }
            }
        }
        keys.slots.extend(duty_rows::payers(tx, &keys.duties).await?);
        Ok((keys, retried))
    }
}

fn needs(
    commands: &[PaymentCommand],
    duties: &std::collections::BTreeMap<DeclarationId, duty_rows::DutyRow>,
) -> Needs {
    let mut needs = Needs::default();
    for row in duties.values() {
        transaction::needs_of(&mut needs, Some(row), None);
    }
    for command in commands {
        match command {
            PaymentCommand::Hear(events, ..) => {
                for event in events {
                    let new = event.payer().map(|payer| (event.id, event.version, payer));
                    transaction::needs_of(&mut needs, None, new);
                }
            }
            PaymentCommand::Guarantee(change, _) => {
                transaction::needs_of_payer(&mut needs, &change.owner);
                needs.id(Slot::of(&change.owner), change.entry_id());
            }
            PaymentCommand::Retry(payer, _) => transaction::needs_of_payer(&mut needs, payer),
        }
    }
    needs
}

impl Transaction for PaymentWriter {
    type Command = PaymentCommand;
    type Published = Wakes;
    type Held = Option<Arc<Charge>>;

    fn held() -> Self::Held {
        memory::held()
    }

    async fn run(
        &self,
        tx: &mut PgConnection,
        commands: &[PaymentCommand],
    ) -> Result<Wakes, Fault> {
        let now = self.clock.now();
        let (keys, retried) = DutyKeys::of(&mut *tx, commands, now).await?;
        let mut ledger = Ledger::lock(&mut *tx, &keys.slots).await?;
        let duties = duty_rows::load(&mut *tx, &keys.duties).await?;
        // Another process may have given a declaration to another payer before we had the lock.
        let payers = duties.values().map(duty_rows::DutyRow::payer_slot).collect();
        ledger.lock_more(&mut *tx, &payers).await?;
        ledger.load(&mut *tx, &needs(commands, &duties)).await?;
        let requests = commands.iter().filter_map(PaymentCommand::request);
        let requests = Requests::load(&mut *tx, requests).await?;
        let mut step = PaymentTransaction::new(tx, now, self, ledger, duties, requests);
        let mut retried = retried.into_iter();
        for command in commands {
            match command {
                PaymentCommand::Hear(events, behind, reply) => {
                    queue::enqueue(step.tx, &self.cipher, hear::EVENTS, behind).await?;
                    reply.give(hear::hear(&mut step, events)?);
                }
                PaymentCommand::Guarantee(change, reply) => {
                    reply.give(guarantee::change(&mut step, change)?);
                }
                PaymentCommand::Retry(_, reply) => {
                    // One list a command, in their order.
                    let ids = retried.next().unwrap_or_default();
                    let mut secured = false;
                    for id in &ids {
                        secured |= step.retry(*id)?;
                    }
                    let full = i64::try_from(ids.len()).is_ok_and(|count| count == RETRIES_MAX);
                    reply.give(full && secured);
                }
            }
        }
        step.write(&self.cipher).await
    }

    fn publish(&self, wakes: Wakes) {
        if wakes.answers {
            self.answers.notify_one();
        }
        if wakes.retries {
            self.retries.notify_one();
        }
    }
}
