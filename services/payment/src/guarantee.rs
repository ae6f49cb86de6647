//! Money that is lodged on a guarantee account, and credit lines: what the operator or a bank does, and in a
//! sandbox the firm itself.
//!
//! A request has one effect for each request id of a caller. Whatever raises what is available has the duties
//! tried again that wait for it.

use domain::payment::ledger::{
    Action, Balances, Basis, CreditLine, Entry, EntryCheck, Error, Leg, Purpose, Totals,
};
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, RequestId, Slot};
use store::Fault;
use store::request::{Digest, RequestKey, RequestStatus};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::names::{BANK, guarantee, id_of, yuan};
use crate::transaction::PaymentTransaction;

/// What is done to a guarantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GuaranteeAct {
    /// So much is lodged.
    Deposit(i64),
    /// The account may go so far below zero from now on.
    CreditLine(i64),
}

/// A request about a guarantee.
#[derive(Debug, Clone)]
pub(crate) struct GuaranteeChange {
    pub(crate) request_id: RequestId,
    /// Name of the caller in the registry.
    pub(crate) caller: String,
    pub(crate) digest: Digest,
    /// Whose guarantee.
    pub(crate) owner: String,
    pub(crate) act: GuaranteeAct,
    /// What it is, in the words of the caller.
    pub(crate) reference: String,
}

/// The account as it is then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GuaranteeOutcome {
    pub(crate) totals: Totals,
    pub(crate) credit_line: i64,
    /// The request came before.
    pub(crate) repeated: bool,
}

impl GuaranteeChange {
    /// Of its request.
    pub(crate) fn key(&self) -> RequestKey {
        let (slot, id) = (Slot::of(&self.owner), self.request_id);
        RequestKey { slot, id, caller: self.caller.clone() }
    }

    /// Of the entry that it makes.
    pub(crate) fn entry_id(&self) -> Uuid {
        id_of(&format!("request/{}/{}", self.caller, self.request_id.0))
    }

    /// The entry that it makes.
    pub(crate) fn entry(&self, recorded: OffsetDateTime) -> Entry {
        let account = guarantee(&self.owner);
        let (event, action) = match self.act {
            GuaranteeAct::Deposit(amount) => {
                let from = yuan(BANK, Purpose::Settlement);
                let leg = Leg { from, to: account, amount };
                ("guarantee.deposit", Action::Transfer(vec![leg]))
            }
            GuaranteeAct::CreditLine(amount) => {
                let line = CreditLine { account, from: recorded, amount };
                ("guarantee.credit_line", Action::SetCreditLine(line))
            }
        };
        let basis = Basis {
            event: event.to_owned(),
            declaration: None,
            bill: None,
            actor: self.caller.clone(),
            rule: self.reference.clone(),
        };
        Entry { id: self.entry_id(), action, basis, effective: recorded, recorded }
    }
}

/// Does it. `secured` is the import that was secured last by this guarantee: a smaller credit line is told by it.
pub(crate) fn change(
    step: &mut PaymentTransaction<'_>,
    change: &GuaranteeChange,
    secured: Option<DeclarationId>,
) -> Result<Result<GuaranteeOutcome, Refusal>, Fault> {
    let (slot, key) = (Slot::of(&change.owner), change.key());
    let repeated = match step.requests.seen(&key, &change.digest) {
        RequestStatus::New => false,
        RequestStatus::Same(_) => true,
        RequestStatus::Other(_) => return Ok(Err(Refusal::of(Code::RequestIdReused))),
    };
    let recorded = step.ledger.time(slot, step.now)?;
    let before = step.level(&change.owner)?;
    if !repeated {
        match step.ledger.apply(slot, &change.entry(recorded))? {
            Ok(EntryCheck::New(_) | EntryCheck::Known) => {}
            Err(error) => return refused(error).map(Err),
        }
        // Answered with the account as it stands then.
        step.requests.keep(key, change.digest, Vec::new());
        step.funded.insert(change.owner.clone());
        if let Some(id) = secured {
            step.alarm(id, before)?;
        }
    }
    let balances = step.ledger.balances(slot)?;
    Ok(Ok(GuaranteeOutcome { repeated, ..now(balances, &change.owner, recorded) }))
}

/// A guarantee as it is.
pub(crate) fn now(balances: &Balances, owner: &str, at: OffsetDateTime) -> GuaranteeOutcome {
    let account = guarantee(owner);
    let (totals, credit_line) = (balances.totals(&account), balances.credit_line(&account, at));
    GuaranteeOutcome { totals, credit_line, repeated: false }
}

/// What the ledger refuses of such a request.
pub(crate) fn refused(error: Error) -> Result<Refusal, Fault> {
    match error {
        Error::Overflow => Ok(Refusal::of(Code::TotalTooLarge)),
        // A caller's entry has the name of its request.
        Error::IdTaken(_) => Ok(Refusal::of(Code::RequestIdReused)),
        // The call has looked at the amount, and nothing leaves the account.
        other => Err(Fault::Broken(format!("a deposit was refused: {other}"))),
    }
}

/// The credit line of every other firm of a sandbox, from the first import that it stands for.
pub(crate) const SANDBOX_LINE_FEN: i64 = 10_000_000_000;
