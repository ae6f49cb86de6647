//! The one transaction of the payment service: what the declaration service told, money that came, and duties
//! that are tried again.
//!
//! Order: find what is concerned; lock the heads of the slots of its declarations and of its payers, in order;
//! load; decide by `domain::payment`; write. The lock of a payer's slot is what makes a guarantee exact: nobody
//! else holds anything on it meanwhile, in whichever process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::answer::ExchangeAnswer;
use domain::payment::ledger::Purpose;
use domain::refusal::Refusal;
use domain::{DeclarationId, Slot};
use proto::duty::ReturnedGoods;
use proto::forex::TaxRefund;
use proto::memory::{self, Charge};
use sqlx::PgConnection;
use store::Fault;
use store::commit_queue::{Reply, Transaction};
use store::queue::{self, Item};
use store::request::{RequestKey, Requests};

use crate::apply_events::{self, ImportEvent};
use crate::bill_rows;
use crate::collect::{self, OrderPayment, PaidOrder};
use crate::goods_back::{self, CountedGoods, GoodsCount};
use crate::guarantee::{self, GuaranteeAct, GuaranteeChange, GuaranteeOutcome};
use crate::import_return_rows::ImportReturns;
use crate::ledger::{Ledger, Needs};
use crate::names;
use crate::purchases::{self, PersonHash, Purchases};
use crate::transaction::{self, PaymentCommit, PaymentTransaction, PaymentWriter};
use crate::{duty_rows, read, tax_refunds};

/// Duties that are tried again in one transaction.
const RETRIES_MAX: i64 = 500;

/// What waits for its transaction, and what it is answered with.
#[derive(Debug)]
pub(crate) enum PaymentCommand {
    /// The declaration service told something; and what has to wait in the queue of events. For each event:
    /// what is to be said, where it brings a version or a release.
    ApplyEvents(Vec<Arc<ImportEvent>>, Vec<Item>, Reply<Vec<Option<ExchangeAnswer>>>),
    /// Money was lodged, or a credit line granted.
    Guarantee(Box<GuaranteeChange>, Reply<Result<GuaranteeOutcome, Refusal>>),
    /// Money came to this payer. Whether there may be more to try.
    Retry(String, Reply<bool>),
    /// Customs lets goods come back. Whether there is the bill that they are on.
    AllowReturn(ReturnedGoods, Reply<bool>),
    /// A site counted goods that came back.
    CountGoods(Box<GoodsCount>, Reply<Result<CountedGoods, Refusal>>),
    /// The term of goods that may come back by an application is over.
    EndReturn(DeclarationId, String, Reply<()>),
    /// The time of bills of this payer has come. Whether there may be more of them.
    Collect(String, Reply<bool>),
    /// Tax of exports was refunded, or recovered.
    TaxRefund(TaxRefund, Reply<()>),
    /// The bank paid an order.
    PayOrder(Box<OrderPayment>, Reply<Result<PaidOrder, Refusal>>),
}

impl PaymentCommand {
    fn request(&self) -> Option<RequestKey> {
        match self {
            Self::Guarantee(change, _) => Some(change.key()),
            Self::PayOrder(payment, _) => Some(payment.key()),
            Self::CountGoods(counted, _) => Some(counted.key()),
            Self::ApplyEvents(..)
            | Self::Retry(..)
            | Self::AllowReturn(..)
            | Self::EndReturn(..)
            | Self::Collect(..)
            | Self::TaxRefund(..) => None,
        }
    }
}

/// What a batch is about.
#[derive(Default)]
struct DutyKeys {
    duties: BTreeSet<DeclarationId>,
    /// By the slots of their payers.
    bills: BTreeSet<(Slot, DeclarationId)>,
    /// Those whose goods may come back.
    returns: BTreeSet<(Slot, DeclarationId)>,
    slots: BTreeSet<Slot>,
}

impl DutyKeys {
    async fn of(
        tx: &mut PgConnection,
        commands: &[PaymentCommand],
        now: time::OffsetDateTime,
    ) -> Result<(Self, Vec<Vec<DeclarationId>>), Fault> {
        let (mut keys, mut found) = (Self::default(), Vec::new());
        for command in commands {
            match command {
                PaymentCommand::ApplyEvents(events, ..) => {
                    keys.duties.extend(events.iter().map(|event| event.id));
                    keys.slots.extend(apply_events::slots(events));
                }
                PaymentCommand::Guarantee(change, _) => {
                    let secured = match change.act {
                        GuaranteeAct::CreditLine(_) => {
                            duty_rows::secured_last(&mut *tx, &change.owner).await?
                        }
                        GuaranteeAct::Deposit(_) => None,
                    };
                    keys.slots.insert(Slot::of(&change.owner));
                    keys.slots.extend(secured.map(|id| id.slot()));
                    keys.duties.extend(secured);
                    found.push(secured.into_iter().collect());
                }
                PaymentCommand::Retry(payer, _) => {
                    // Not under the lock yet: what is there counts when it is tried.
                    let available = read::available(&mut *tx, payer, now).await?;
                    let short = duty_rows::short(&mut *tx, payer, available, RETRIES_MAX).await?;
                    keys.slots.insert(Slot::of(payer));
                    keys.slots.extend(short.iter().map(|id| id.slot()));
                    keys.duties.extend(short.iter().copied());
                    found.push(short);
                }
                PaymentCommand::AllowReturn(goods, _) => {
                    let bill = bill_rows::of_inventory(&mut *tx, &goods.invt_no).await?;
                    keys.returns.extend(bill);
                    found.push(keys.add_bills(bill));
                }
                PaymentCommand::CountGoods(counted, _) => {
                    let id = counted.declaration;
                    let bill = bill_rows::of_declaration(&mut *tx, id).await?;
                    keys.slots.insert(id.slot());
                    keys.returns.extend(bill);
                    keys.add_bills(bill);
                }
                PaymentCommand::EndReturn(id, ..) => {
                    let bill = bill_rows::of_declaration(&mut *tx, *id).await?;
                    keys.returns.extend(bill);
                    keys.add_bills(bill);
                }
                PaymentCommand::Collect(payer, _) => {
                    let slot = Slot::of(payer);
                    let ids = bill_rows::to_collect(&mut *tx, payer, now).await?;
                    keys.slots.insert(slot);
                    found.push(keys.add_bills(ids.into_iter().map(|id| (slot, id))));
                }
                PaymentCommand::TaxRefund(refund, _) => {
                    keys.slots.insert(tax_refunds::slot(refund));
                }
                PaymentCommand::PayOrder(payment, _) => {
                    let slot = payment.slot();
                    let ids = bill_rows::of_order(&mut *tx, slot, &payment.ent_duty_no).await?;
                    keys.slots.insert(slot);
                    found.push(keys.add_bills(ids.into_iter().map(|id| (slot, id))));
                }
            }
        }
        keys.slots.extend(duty_rows::payers(tx, &keys.duties).await?);
        Ok((keys, found))
    }

    /// Bills with their duties; gives their ids.
    fn add_bills(
        &mut self,
        bills: impl IntoIterator<Item = (Slot, DeclarationId)>,
    ) -> Vec<DeclarationId> {
        let bills: Vec<(Slot, DeclarationId)> = bills.into_iter().collect();
        for (slot, id) in &bills {
            self.slots.extend([*slot, id.slot()]);
            self.duties.insert(*id);
            self.bills.insert((*slot, *id));
        }
        bills.into_iter().map(|(_, id)| id).collect()
    }
}

fn needs(
    commands: &[PaymentCommand],
    duties: &BTreeMap<DeclarationId, duty_rows::DutyRow>,
    bills: &BTreeMap<DeclarationId, bill_rows::BillRow>,
) -> Needs {
    let mut needs = Needs::default();
    for row in duties.values() {
        transaction::needs_of(&mut needs, row);
    }
    for command in commands {
        match command {
            PaymentCommand::ApplyEvents(events, ..) => {
                for event in events {
                    let known = duties.get(&event.id).map(|row| row.version);
                    let is_new = known.is_none_or(|known| known < event.version);
                    if let Some(payer) = event.payer().filter(|_| is_new) {
                        let version = (event.id, event.version);
                        transaction::needs_of_version(&mut needs, version, payer);
                    }
                }
            }
            PaymentCommand::Guarantee(change, _) => {
                transaction::needs_of_payer(&mut needs, &change.owner);
                needs.id(Slot::of(&change.owner), change.entry_id());
            }
            PaymentCommand::Retry(payer, _) | PaymentCommand::Collect(payer, _) => {
                transaction::needs_of_payer(&mut needs, payer);
            }
            // They move nothing.
            PaymentCommand::AllowReturn(..) | PaymentCommand::EndReturn(..) => {}
            PaymentCommand::CountGoods(counted, _) => {
                if let Some(bill) = bills.get(&counted.declaration) {
                    needs.id(bill.slot(), counted.entry_id());
                    needs.account(bill.slot(), names::yuan(&bill.payer, Purpose::DutyPaid));
                }
            }
            PaymentCommand::TaxRefund(refund, _) => tax_refunds::needs(&mut needs, refund),
            PaymentCommand::PayOrder(payment, _) => {
                transaction::needs_of_payer(&mut needs, &payment.payer);
                let slot = payment.slot();
                for owner in [payment.payer.as_str(), names::TREASURY] {
                    needs.account(slot, names::yuan(owner, Purpose::DutyPaid));
                }
                needs.id(slot, payment.entry_id());
                let of_order = bills.values().filter(|it| it.ent_duty_no == payment.ent_duty_no);
                of_order.for_each(|bill| needs.id(slot, payment.bill_entry_id(bill.id)));
            }
        }
    }
    needs
}

/// The years that purchases which are declared now count to.
fn declared(commands: &[PaymentCommand]) -> impl Iterator<Item = (PersonHash, i32)> {
    let events = commands.iter().flat_map(|command| match command {
        PaymentCommand::ApplyEvents(events, ..) => events.as_slice(),
        _ => &[],
    });
    let purchases = events.filter_map(|event| event.purchase());
    purchases.filter_map(|purchase| Some((purchase.person?, purchase.day.year())))
}

impl Transaction for PaymentWriter {
    type Command = PaymentCommand;
    type Publication = PaymentCommit;
    type Held = Option<Arc<Charge>>;

    fn held() -> Self::Held {
        memory::held()
    }

    async fn run(
        &self,
        tx: &mut PgConnection,
        commands: &[PaymentCommand],
    ) -> Result<PaymentCommit, Fault> {
        let now = self.clock.now();
        let (keys, found) = DutyKeys::of(&mut *tx, commands, now).await?;
        let mut ledger = Ledger::lock(&mut *tx, &keys.slots).await?;
        let duties = duty_rows::load(&mut *tx, &keys.duties).await?;
        let bills = bill_rows::load(&mut *tx, keys.bills.iter().copied()).await?;
        let returns = ImportReturns::load(&mut *tx, keys.returns.iter().copied()).await?;
        // Another process may have given a declaration to another payer before we had the lock.
        let bought = purchases::load_rows(&mut *tx, &keys.duties).await?;
        let payers = duties.values().map(duty_rows::DutyRow::payer_slot);
        let persons = bought.values().map(|row| purchases::slot_of(&row.person));
        ledger.lock_more(&mut *tx, &payers.chain(persons).collect()).await?;
        let declared = declared(commands);
        let purchases = Purchases::load(&mut *tx, bought, &keys.duties, declared).await?;
        ledger.load(&mut *tx, &needs(commands, &duties, &bills)).await?;
        let requests = commands.iter().filter_map(PaymentCommand::request);
        let requests = Requests::load(&mut *tx, requests).await?;
        let loaded = (bills, returns, purchases);
        let mut step = PaymentTransaction::new(tx, now, self, ledger, duties, loaded, requests);
        // One list for each command that needs one, in their order.
        let mut found = found.into_iter();
        let mut next =
            || found.next().ok_or_else(|| Fault::Broken("nothing was looked for".into()));
        for command in commands {
            match command {
                PaymentCommand::ApplyEvents(events, behind, reply) => {
                    queue::enqueue(step.tx, &self.cipher, kit::listen::EVENTS, behind).await?;
                    reply.give(apply_events::apply(&mut step, events)?);
                }
                PaymentCommand::Guarantee(change, reply) => {
                    let secured = next()?.first().copied();
                    let secured = secured.filter(|id| step.is_payer(*id, &change.owner));
                    reply.give(guarantee::change(&mut step, change, secured)?);
                }
                PaymentCommand::Retry(_, reply) => {
                    let ids = next()?;
                    let mut secured = false;
                    for id in &ids {
                        secured |= step.retry(*id)?;
                    }
                    let full = i64::try_from(ids.len()).is_ok_and(|count| count == RETRIES_MAX);
                    reply.give(full && secured);
                }
                PaymentCommand::AllowReturn(goods, reply) => {
                    let ids = next()?;
                    for id in &ids {
                        goods_back::allow(&mut step, *id, goods)?;
                    }
                    reply.give(!ids.is_empty());
                }
                PaymentCommand::CountGoods(counted, reply) => {
                    reply.give(goods_back::report(&mut step, counted)?);
                }
                PaymentCommand::EndReturn(_, guid, reply) => {
                    reply.give(goods_back::end_term(&mut step, guid)?);
                }
                PaymentCommand::Collect(payer, reply) => {
                    let ids = next()?;
                    collect::collect(&mut step, payer, &ids)?;
                    let count = i64::try_from(ids.len());
                    reply.give(count.is_ok_and(|count| count == bill_rows::ORDER_BILLS_MAX));
                }
                PaymentCommand::TaxRefund(refund, reply) => {
                    reply.give(tax_refunds::take(&mut step, refund)?);
                }
                PaymentCommand::PayOrder(payment, reply) => {
                    let ids = next()?;
                    let (slot, number) = (payment.slot(), &payment.ent_duty_no);
                    let order = bill_rows::order(&mut *step.tx, slot, number).await?;
                    reply.give(collect::pay(&mut step, payment, order, &ids)?);
                }
            }
        }
        step.write(&self.cipher).await
    }

    fn publish(&self, commit: PaymentCommit) {
        self.tail.publish(commit.bank_entries);
        if commit.answers {
            self.answers.notify_one();
        }
        if commit.retries {
            self.retries.notify_one();
        }
        if commit.notices {
            self.notices.notify_one();
        }
    }
}
