//! A transaction about money from abroad under way.
//!
//! The invariant: rows, entries of the ledger, what is said to firms and what banks are told are written together.

use std::collections::BTreeSet;

use domain::answer::{ExchangeAnswer, Payload};
use domain::history::{ReceiptProgress, ReceiptStep};
use domain::payment::amount::shown;
use domain::payment::ledger::{Account, Action, Basis, Currency, Entry, EntryCheck, Leg, Purpose};
use domain::subscriber::Subscriber;
use domain::{DeclarationId, RequestId, Slot};
use prost::Message as _;
use proto::forex::DutyPayment;
use sqlx::PgConnection;
use store::Fault;
use store::cipher::Cipher;
use store::journal::JournalEntry;
use store::queue::{self, Item};
use store::request::Requests;
use time::OffsetDateTime;
use uuid::Uuid;

use super::receipt_rows::ReceiptRow;
use super::sale_rows::SaleRow;
use crate::bank_journal;
use crate::ledger::{Ledger, Needs};
use crate::names::{BANK, id_of};
use crate::queues::{ANSWERS, DUTY_PAYMENTS, SETTLEMENT_TERMS};

/// The owner of the accounts that money from abroad is owed on.
pub(crate) const ABROAD: &str = "ABROAD";

/// A transaction under way.
pub(crate) struct ForexTransaction<'t> {
    pub(crate) tx: &'t mut PgConnection,
    pub(crate) cipher: &'t Cipher,
    pub(crate) now: OffsetDateTime,
    pub(crate) ledger: Ledger,
    pub(crate) requests: Requests,
    answers: Vec<ExchangeAnswer>,
    bank_entries: Vec<JournalEntry>,
    /// What banks paid of payment orders of bills, by the id of that.
    pub(crate) payments: Vec<(Uuid, DutyPayment)>,
    /// Orders to settle, with the time from which on they can only expire.
    pub(crate) settlement_terms: Vec<(Slot, Uuid, OffsetDateTime)>,
}

/// What was committed, and has to be told.
pub(crate) struct ForexCommit {
    /// For banks.
    pub(crate) entries: Vec<JournalEntry>,
    /// Something has to be said to the declaration service.
    pub(crate) answers: bool,
    /// Payment orders of bills were paid.
    pub(crate) pays: bool,
}

/// An account.
pub(crate) fn account(owner: &str, currency: Currency, purpose: Purpose) -> Account {
    Account { owner: owner.to_owned(), currency, purpose }
}

/// Money of a firm that nobody knows the purpose of yet (待核查).
pub(crate) fn suspense(owner: &str, currency: Currency) -> Account {
    account(owner, currency, Purpose::Suspense)
}

/// Money of a firm that it may settle or keep.
pub(crate) fn settlement(owner: &str, currency: Currency) -> Account {
    account(owner, currency, Purpose::Settlement)
}

/// Money of a firm that its bank took back after it was spent: below zero by what the firm owes.
pub(crate) fn owed(owner: &str, currency: Currency) -> Account {
    account(owner, currency, Purpose::ReversalPayable)
}

/// A leg.
pub(crate) fn leg(from: Account, to: Account, amount: i64) -> Leg {
    Leg { from, to, amount }
}

/// The accounts of what is due for an export: of the firm, and of those abroad.
pub(crate) fn receivable(sale: &SaleRow) -> (Account, Account) {
    let of = |owner: &str| account(owner, sale.currency, Purpose::ForexReceivable);
    (of(&sale.firm), of(ABROAD))
}

/// The account that the bank's own money lies on.
pub(crate) fn bank(currency: Currency) -> Account {
    settlement(BANK, currency)
}

/// An entry that is to be written.
pub(crate) struct Posting<'a> {
    pub(crate) slot: Slot,
    pub(crate) id: Uuid,
    pub(crate) event: &'a str,
    pub(crate) declaration: Option<DeclarationId>,
    pub(crate) actor: &'a str,
    pub(crate) rule: &'a str,
    /// When it counts, if that is not in the future.
    pub(crate) effective: OffsetDateTime,
    pub(crate) action: Action,
}

impl<'t> ForexTransaction<'t> {
    pub(crate) fn new(
        (tx, cipher): (&'t mut PgConnection, &'t Cipher),
        now: OffsetDateTime,
        ledger: Ledger,
        requests: Requests,
    ) -> Self {
        Self {
            tx,
            cipher,
            now,
            ledger,
            requests,
            answers: Vec::new(),
            bank_entries: Vec::new(),
            payments: Vec::new(),
            settlement_terms: Vec::new(),
        }
    }

    /// Locks slots that turned out to be concerned.
    pub(crate) async fn lock(
        &mut self,
        slots: impl IntoIterator<Item = Slot>,
    ) -> Result<(), Fault> {
        let slots: BTreeSet<Slot> = slots.into_iter().collect();
        self.ledger.lock_more(&mut *self.tx, &slots).await
    }

    /// Writes entries. None of them can be refused: whoever calls has looked at the rows under the lock.
    pub(crate) async fn post(&mut self, postings: Vec<Posting<'_>>) -> Result<(), Fault> {
        let (mut needs, mut entries) = (Needs::default(), Vec::with_capacity(postings.len()));
        for Posting { slot, id, event, declaration, actor, rule, effective, action } in postings {
            let recorded = self.ledger.time(slot, self.now)?;
            let basis = Basis {
                event: event.to_owned(),
                declaration: declaration.map(DeclarationId::uuid),
                bill: None,
                actor: actor.to_owned(),
                rule: rule.to_owned(),
            };
            let effective = effective.min(recorded);
            let entry = Entry { id, action, basis, effective, recorded };
            needs.entry(slot, &entry);
            entries.push((slot, entry));
        }
        self.ledger.load(&mut *self.tx, &needs).await?;
        for (slot, entry) in entries {
            match self.ledger.apply(slot, &entry)? {
                Ok(EntryCheck::New(_) | EntryCheck::Known) => {}
                Err(error) => {
                    let event = &entry.basis.event;
                    return Err(Fault::Broken(format!("{event} {} is refused: {error}", entry.id)));
                }
            }
        }
        Ok(())
    }

    /// Tells the firm what happened to the money for an export.
    pub(crate) fn report(
        &mut self,
        sale: &SaleRow,
        receipt: &ReceiptRow,
        of: (ReceiptStep, i64),
        attempt: &str,
    ) {
        self.report_because(sale, receipt, of, attempt, ("", ""));
    }

    /// The same with the reason, in English and Chinese.
    pub(crate) fn report_because(
        &mut self,
        sale: &SaleRow,
        receipt: &ReceiptRow,
        (step, amount): (ReceiptStep, i64),
        attempt: &str,
        (because, because_zh): (&str, &str),
    ) {
        let money =
            |amount: i64| format!("{} {}", shown(sale.currency, amount), sale.currency.letters());
        let (part, due, received) = (money(amount), money(sale.amount), money(sale.received));
        let (english, chinese) = match step {
            ReceiptStep::Matched => ("came", "已收"),
            ReceiptStep::Unmatched => ("was taken off again", "已撤销匹配"),
            ReceiptStep::Settled => ("was settled into yuan", "已结汇"),
            ReceiptStep::Kept => ("stays in forex", "留存外汇"),
            ReceiptStep::Reversed => ("was taken back by the bank", "银行已冲回"),
            ReceiptStep::Freed => ("is free again", "已解除冻结"),
        };
        let (order, settled) = (&sale.order_no, money(sale.settled));
        let text =
            format!("{order}: {part} {english}; received {received} of {due}, settled {settled}");
        let text_zh =
            format!("{order}：{chinese}{part}；应收{due}，已收{received}，已结汇或留存{settled}");
        let (text, text_zh) = if because.is_empty() {
            (text, text_zh)
        } else {
            (format!("{text}: {because}"), format!("{text_zh}：{because_zh}"))
        };
        let (text, text_zh) = if receipt.owed > 0 {
            let (owner, owed) = (&receipt.owner, shown(receipt.currency, receipt.owed));
            let letters = receipt.currency.letters();
            (
                format!("{text}; it was spent already, and {owner} owes its bank {owed} {letters}"),
                format!("{text_zh}；该款已结汇或已申请结汇，{owner}应付银行{owed} {letters}"),
            )
        } else {
            (text, text_zh)
        };
        let moved = ReceiptProgress {
            step,
            receipt: receipt.id,
            receiver: receipt.owner.clone(),
            currency: sale.currency.letters().to_owned(),
            amount,
            due: sale.amount,
            received: sale.received,
            settled: sale.settled,
            text,
            text_zh,
        };
        let name = format!("receipt/{}/{attempt}/{}/{step:?}", receipt.id, sale.id);
        self.answers.push(ExchangeAnswer {
            request: RequestId(id_of(&name)),
            declaration: sale.id,
            version: sale.version,
            round: 0,
            by: Subscriber::PaymentService,
            what: Payload::Receipt(moved),
        });
    }

    /// Tells banks something. The same again has the same id.
    pub(crate) fn publish_to_bank(
        &mut self,
        slot: Slot,
        (name, subject): (&str, Uuid),
        owner: &str,
        facts: Vec<u8>,
    ) {
        let entry = bank_journal::entry(slot, (name, subject), owner, facts, self.now);
        self.bank_entries.push(entry);
    }

    /// Writes everything that is not written yet.
    pub(crate) async fn write(mut self) -> Result<ForexCommit, Fault> {
        self.ledger.write(&mut *self.tx).await?;
        self.requests.write(&mut *self.tx, self.now).await?;
        let now = self.now;
        let first = now.unix_timestamp() * 1_000_000 + i64::from(now.microsecond());
        // Those of one declaration are said in the order in which they came about.
        let answer_items = (first..).zip(&self.answers).map(|(place, decision)| Item {
            slot: decision.declaration.slot(),
            id: decision.request.0,
            kind: 0,
            subject: decision.declaration.uuid(),
            place,
            body: proto::exchange::answer_to_wire(decision).encode_to_vec(),
            due: now,
            tries: 0,
        });
        let answer_items: Vec<Item> = answer_items.collect();
        queue::enqueue(&mut *self.tx, self.cipher, ANSWERS, &answer_items).await?;
        let payments: Vec<Item> = (first..)
            .zip(&self.payments)
            .map(|(place, (id, payment))| Item {
                slot: Slot::of(&payment.payer),
                id: *id,
                kind: 0,
                subject: id_of(&format!("duty-order/{}", payment.ent_duty_no)),
                place,
                body: payment.encode(),
                due: now,
                tries: 0,
            })
            .collect();
        queue::enqueue(&mut *self.tx, self.cipher, DUTY_PAYMENTS, &payments).await?;
        let terms = self.settlement_terms.iter().map(|(slot, id, until)| Item {
            slot: *slot,
            id: id_of(&format!("settlement-term/{id}")),
            kind: 0,
            subject: *id,
            place: 0,
            body: Vec::new(),
            due: *until,
            tries: 0,
        });
        let terms: Vec<Item> = terms.collect();
        queue::enqueue(&mut *self.tx, self.cipher, SETTLEMENT_TERMS, &terms).await?;
        bank_journal::append(&mut *self.tx, self.cipher, &mut self.bank_entries).await?;
        Ok(ForexCommit {
            entries: self.bank_entries,
            answers: !answer_items.is_empty(),
            pays: !payments.is_empty(),
        })
    }
}
