//! The one transaction of the refund service: what the declaration service told, and what firms, the tax office
//! and its own loops ask.
//!
//! Order: find the slots of the firms that are concerned; lock their heads, in order; do one command after the
//! other, each with rows that it loads itself; write what happened. The lock of a firm's slot is what makes
//! exact what is used of an invoice and of an export, in whichever process.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::refusal::{Code, Refusal};
use domain::tax_refund::entitlement::Tables;
use domain::tax_refund::parity::Parities;
use domain::tax_refund::rates::RateTable;
use domain::{RequestId, Slot};
use proto::memory::{self, Charge};
use sqlx::PgConnection;
use store::commit_queue::{Reply, Transaction};
use store::journal::Heads;
use store::queue::{self, Item};
use store::request::{Digest, RequestKey, RequestStatus, Requests};
use store::tail::Tail;
use store::{Clock, Fault};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::apply_events::{self, ExportEvent};
use crate::claim::{self, ClaimAct};
use crate::claim_rows::ClaimRow;
use crate::export_row::Goods;
use crate::firm::{self, FirmChange};
use crate::invalid_invoice::{self, InvalidInvoice};
use crate::invoice::{self, InvoiceAnswer};
use crate::invoice_rows::InvoiceRow;
use crate::judging::{self, Judgement};
use crate::names::ClaimName;
use crate::proof::{self, ProofChange};
use crate::propose::{self, Proposal};
use crate::queues::{CLAIMS, MATCHES};
use crate::sale_rows::ReportedSale;
use crate::transaction::{RefundCommit, RefundTransaction};
use crate::{export_rows, matching, reminder, sales};

/// What waits for its transaction, and what it is answered with.
#[derive(Debug)]
pub(crate) enum RefundCommand {
    /// The declaration service told something; and what has to wait in the queue of events.
    ApplyEvents(Vec<Arc<ExportEvent>>, Vec<Item>, Reply<()>),
    /// Somebody asks something.
    Ask(Box<RefundRequest>, Reply<Result<RefundAnswer, Refusal>>),
    /// Exports and invoices of these goods are brought together, by items of their queue about this subject. Whether
    /// there may be more; if not, all of those items are done.
    Match(Goods, Uuid, Reply<bool>),
    /// Lines are added to a claim, or freed; the same.
    Advance(ClaimName, Uuid, Reply<bool>),
    /// Days of a slot went by. Whether there may be more.
    Remind(Slot, Reply<bool>),
    /// Lines of a firm are judged anew, by an item of their queue.
    Judge(Box<(Item, Judgement)>, Reply<()>),
    /// An invoice is taken from what it bought, by an item of its queue.
    Invalidate(Box<(Item, InvalidInvoice)>, Reply<()>),
}

/// A request that has one effect for each request id of a caller.
#[derive(Debug, Clone)]
pub(crate) struct RefundRequest {
    pub(crate) request_id: RequestId,
    /// Name of the caller in the registry.
    pub(crate) caller: String,
    pub(crate) digest: Digest,
    /// In whose slot it has its effect.
    pub(crate) firm: String,
    pub(crate) ask: RefundAsk,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) enum RefundAsk {
    Proof(ProofChange),
    Invoice(InvoiceRow),
    Verify(Vec<InvoiceAnswer>),
    Firm(FirmChange),
    Propose(Proposal),
    /// What warehouses sold.
    Sales(Vec<ReportedSale>),
    /// A line of a claim is settled.
    Settle(ClaimName, u32),
    Claim(ClaimName, Vec<ClaimAct>),
}

/// What it is answered with.
#[derive(Debug, Clone)]
pub(crate) struct RefundAnswer {
    pub(crate) what: RefundState,
    /// The request came before.
    pub(crate) repeated: bool,
}

/// As it stands then.
#[derive(Debug, Clone)]
pub(crate) enum RefundState {
    Nothing,
    Invoice(Box<InvoiceRow>),
    Claim(Box<ClaimRow>),
}

impl RefundState {
    fn claim(row: ClaimRow) -> Self {
        Self::Claim(Box::new(row))
    }
}

impl RefundRequest {
    fn key(&self) -> RequestKey {
        let (slot, id) = (Slot::of(&self.firm), self.request_id);
        RequestKey { slot, id, caller: self.caller.clone() }
    }
}

/// The work of the service.
#[derive(Debug)]
pub(crate) struct RefundWriter {
    pub(crate) tail: Tail,
    pub(crate) clock: Clock,
    pub(crate) rates: RateTable,
    pub(crate) parities: Parities,
    /// Wake the loops.
    pub(crate) matches: Arc<Notify>,
    pub(crate) claims: Arc<Notify>,
    pub(crate) judgements: Arc<Notify>,
    pub(crate) invalid_invoices: Arc<Notify>,
}

impl RefundWriter {
    /// What lines are judged by.
    pub(crate) fn tables(&self) -> Tables<'_> {
        Tables { rates: &self.rates, parities: &self.parities }
    }
}

async fn slots(tx: &mut PgConnection, commands: &[RefundCommand]) -> Result<BTreeSet<i16>, Fault> {
    let (mut slots, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for command in commands {
        match command {
            RefundCommand::ApplyEvents(events, ..) => {
                ids.extend(events.iter().map(|event| event.id));
                let firms = events.iter().filter_map(|event| event.firm());
                slots.extend(firms.map(|firm| Slot::of(firm).column()));
            }
            RefundCommand::Ask(asked, _) => {
                slots.insert(Slot::of(&asked.firm).column());
            }
            RefundCommand::Match(goods, ..) => {
                slots.insert(Slot::of(&goods.firm).column());
            }
            RefundCommand::Advance(claim, ..) => {
                slots.insert(claim.slot().column());
            }
            RefundCommand::Remind(slot, _) => {
                slots.insert(slot.column());
            }
            RefundCommand::Judge(judged, _) => {
                slots.insert(judged.0.slot.column());
            }
            RefundCommand::Invalidate(invalid, _) => {
                slots.insert(invalid.0.slot.column());
            }
        }
    }
    slots.extend(export_rows::slots(tx, &ids).await?);
    Ok(slots)
}

impl Transaction for RefundWriter {
    type Command = RefundCommand;
    type Publication = RefundCommit;
    type Held = Option<Arc<Charge>>;

    fn held() -> Self::Held {
        memory::held()
    }

    async fn run(
        &self,
        tx: &mut PgConnection,
        commands: &[RefundCommand],
    ) -> Result<RefundCommit, Fault> {
        let slots: Vec<i16> = slots(&mut *tx, commands).await?.into_iter().collect();
        let mut heads = Heads::lock(&mut *tx, &slots).await?;
        let keys = commands.iter().filter_map(|command| match command {
            RefundCommand::Ask(asked, _) => Some(asked.key()),
            _ => None,
        });
        let requests = Requests::load(&mut *tx, keys).await?;
        let cipher = self.tail.cipher();
        let mut step = RefundTransaction::new(tx, self.clock.now(), self.tables(), requests);
        for command in commands {
            match command {
                RefundCommand::ApplyEvents(events, behind, reply) => {
                    queue::enqueue(&mut *step.tx, cipher, kit::listen::EVENTS, behind).await?;
                    apply_events::apply(&mut step, events).await?;
                    reply.done();
                }
                RefundCommand::Ask(asked, reply) => reply.give(ask(&mut step, asked).await?),
                RefundCommand::Match(goods, subject, reply) => {
                    let more = matching::bring_together(&mut step, goods).await?;
                    if !more {
                        let about = (Slot::of(&goods.firm), *subject);
                        queue::settle_subject(&mut *step.tx, MATCHES, about).await?;
                    }
                    reply.give(more);
                }
                RefundCommand::Advance(claim, subject, reply) => {
                    let more = propose::advance(&mut step, claim).await?;
                    if !more {
                        let about = (claim.slot(), *subject);
                        queue::settle_subject(&mut *step.tx, CLAIMS, about).await?;
                    }
                    reply.give(more);
                }
                RefundCommand::Remind(slot, reply) => {
                    reply.give(reminder::remind(&mut step, *slot).await?);
                }
                RefundCommand::Judge(judged, reply) => {
                    let (item, judgement) = &**judged;
                    judging::judge(&mut step, cipher, item, judgement).await?;
                    reply.done();
                }
                RefundCommand::Invalidate(invalid, reply) => {
                    let (item, invoice) = &**invalid;
                    invalid_invoice::take(&mut step, cipher, item, invoice).await?;
                    reply.done();
                }
            }
        }
        step.write(cipher, &mut heads).await
    }

    fn publish(&self, committed: RefundCommit) {
        let RefundCommit { entries, matches, claims, judgements, invalid_invoices } = committed;
        self.tail.publish(entries);
        if matches {
            self.matches.notify_one();
        }
        if claims {
            self.claims.notify_one();
        }
        if judgements {
            self.judgements.notify_one();
        }
        if invalid_invoices {
            self.invalid_invoices.notify_one();
        }
    }
}

/// Does what is asked, once for each request id.
async fn ask(
    step: &mut RefundTransaction<'_>,
    asked: &RefundRequest,
) -> Result<Result<RefundAnswer, Refusal>, Fault> {
    let key = asked.key();
    let before = match step.requests.seen(&key, &asked.digest) {
        RequestStatus::New => None,
        RequestStatus::Same(kept) => Some(kept.to_vec()),
        RequestStatus::Other(_) => return Ok(Err(Refusal::of(Code::RequestIdReused))),
    };
    let repeated = before.is_some();
    let mut kept = Vec::new();
    let what = match (&asked.ask, before) {
        (RefundAsk::Proof(proof), None) => {
            proof::record(step, &asked.firm, proof).await?.map(|()| RefundState::Nothing)
        }
        (RefundAsk::Verify(verified), None) => {
            invoice::verified(step, &asked.firm, verified).await?.map(|()| RefundState::Nothing)
        }
        (RefundAsk::Firm(change), None) => {
            let by = (step.today(), step.now);
            let written = firm::write(&mut *step.tx, change, by).await?;
            if written.is_ok() {
                step.judgements.push(judging::all_of(&change.firm, step.now));
            }
            written.map(|()| RefundState::Nothing)
        }
        (RefundAsk::Sales(reports), None) => {
            sales::report(step, &asked.firm, reports).await?.map(|()| RefundState::Nothing)
        }
        (
            RefundAsk::Proof(_) | RefundAsk::Verify(_) | RefundAsk::Firm(_) | RefundAsk::Sales(_),
            Some(_),
        ) => Ok(RefundState::Nothing),
        (RefundAsk::Settle(name, line), None) => {
            let done = sales::settle(step, name, *line).await?;
            done.map(RefundState::claim)
        }
        (RefundAsk::Settle(name, _), Some(_)) => {
            claim::now(step, name).await?.map(RefundState::claim)
        }
        (RefundAsk::Invoice(invoice), before) => {
            let found = invoice::register(step, invoice, before.is_some()).await?;
            found.map(|row| RefundState::Invoice(Box::new(row)))
        }
        (RefundAsk::Propose(proposal), None) => {
            propose::propose(step, &asked.firm, proposal).await?.map(|row| {
                kept = row.name.name().into_bytes();
                RefundState::claim(row)
            })
        }
        (RefundAsk::Propose(_), Some(kept)) => {
            let lost = || Fault::Broken("the name of a proposed claim is lost".to_owned());
            let name = std::str::from_utf8(&kept).ok().and_then(ClaimName::parse);
            claim::now(step, &name.ok_or_else(lost)?).await?.map(RefundState::claim)
        }
        (RefundAsk::Claim(name, acts), None) => {
            let done = claim::act(step, name, acts).await?;
            done.map(RefundState::claim)
        }
        (RefundAsk::Claim(name, _), Some(_)) => {
            claim::now(step, name).await?.map(RefundState::claim)
        }
    };
    if !repeated && what.is_ok() {
        // Answered with what is there then.
        step.requests.keep(key, asked.digest, kept);
    }
    Ok(what.map(|what| RefundAnswer { what, repeated }))
}
