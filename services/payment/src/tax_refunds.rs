//! Tax of exports that the tax office paid back (出口退税), and what it got back again by a negative claim (追回): the
//! refund service tells, and each is an entry of the firm's ledger, once.
//!
//! The entry has the name of the line of the claim, so that whatever comes again is known. What is recovered is moved
//! back by an entry that names the payment's, and never more than was paid.

use domain::Slot;
use domain::payment::ledger::{Action, Basis, Entry, EntryCheck, Leg, Purpose};
use proto::forex::TaxRefund;
use store::Fault;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::Needs;
use crate::names::{id_of, yuan};
use crate::transaction::PaymentTransaction;

/// The owner of the account that refunds come from: below zero by what was refunded.
const TAX_OFFICE: &str = "TAX-OFFICE";

/// Where the money of a refund is.
pub(crate) fn slot(refund: &TaxRefund) -> Slot {
    Slot::of(&refund.firm)
}

/// A line of a claim: what is about it is done in its order.
pub(crate) fn subject(refund: &TaxRefund) -> Uuid {
    id_of(&format!("tax-refund/{}/{}", refund.claim, refund.line))
}

/// The id of the entry that a refund makes. A line is paid once, and recovered by each negative claim once.
pub(crate) fn entry_id(refund: &TaxRefund) -> Uuid {
    let TaxRefund { claim, line, number, .. } = refund;
    let name = format!("tax-refund/{claim}/{line}");
    match refund.is_recovery {
        true => id_of(&format!("{name}/recovered/{number}")),
        false => id_of(&format!("{name}/paid")),
    }
}

fn paid_id(refund: &TaxRefund) -> Uuid {
    entry_id(&TaxRefund { is_recovery: false, ..refund.clone() })
}

/// What the ledger has to load.
pub(crate) fn needs(needs: &mut Needs, refund: &TaxRefund) {
    needs.id(slot(refund), entry_id(refund));
    needs.id(slot(refund), paid_id(refund));
    for account in [yuan(TAX_OFFICE, Purpose::Revenue), yuan(&refund.firm, Purpose::Settlement)] {
        needs.account(slot(refund), account);
    }
}

/// Writes the entry.
pub(crate) fn take(step: &mut PaymentTransaction<'_>, refund: &TaxRefund) -> Result<(), Fault> {
    let (slot, amount) = (slot(refund), refund.fen);
    let (event, action) = if refund.is_recovery {
        let amounts = vec![amount];
        ("tax_refund.recovered", Action::Reverse { of: paid_id(refund), amounts })
    } else {
        let from = yuan(TAX_OFFICE, Purpose::Revenue);
        let to = yuan(&refund.firm, Purpose::Settlement);
        ("tax_refund.paid", Action::Transfer(vec![Leg { from, to, amount }]))
    };
    let basis = Basis {
        event: event.to_owned(),
        declaration: None,
        bill: None,
        actor: "refund-service".to_owned(),
        rule: format!("出口退税 {} {}", refund.claim, refund.line),
    };
    let (id, recorded) = (entry_id(refund), step.ledger.time(slot, step.now)?);
    let paid_time = i128::from(refund.time) * 1_000;
    let paid_time = OffsetDateTime::from_unix_timestamp_nanos(paid_time);
    let paid_time =
        paid_time.map_err(|_| Fault::Broken("a refund was paid at no time".to_owned()))?;
    // The same again is the same, whenever it comes.
    if step.ledger.balances(slot)?.entries.contains_key(&id) {
        return Ok(());
    }
    let entry = Entry { id, action, basis, effective: paid_time.min(recorded), recorded };
    match step.ledger.apply(slot, &entry)? {
        Ok(EntryCheck::New(_) | EntryCheck::Known) => Ok(()),
        Err(error) => Err(Fault::Broken(format!("{event} of {}: {error}", refund.claim))),
    }
}
