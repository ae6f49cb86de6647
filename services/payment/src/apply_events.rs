//! What the declaration service told becomes duties, holds and bills. The one place where an import is
//! assessed, secured, freed and billed.
//!
//! Everything here may come again: a version is assessed once, and what was said is said again from what was
//! kept.

use std::sync::Arc;

use domain::answer::ExchangeAnswer;
use domain::payment::duty::{self, DutyEvent, DutyState};
use domain::{DeclarationId, Slot};
use store::Fault;
use time::OffsetDateTime;

use crate::assess::AssessedDuty;
use crate::bill;
use crate::duty_answer::verdict;
use crate::duty_rows::DutyRow;
use crate::purchases::{self, DeclaredPurchase};
use crate::transaction::PaymentTransaction;

/// One entry of the declaration service's journal, as far as it concerns the duty.
#[derive(Debug)]
pub(crate) struct ImportEvent {
    pub(crate) id: DeclarationId,
    pub(crate) version: u32,
    pub(crate) round: u32,
    pub(crate) time: OffsetDateTime,
    pub(crate) changes: Vec<ImportChange>,
}

/// What happened to a declaration.
#[derive(Debug)]
pub(crate) enum ImportChange {
    /// A version of an import was filed.
    Filed(Box<AssessedDuty>),
    /// With customs' number.
    Released(String),
    /// Rejected, withdrawn or sent back.
    Ended,
}

impl ImportEvent {
    /// The duty of a version that it brings.
    fn assessed(&self) -> Option<&AssessedDuty> {
        self.changes.iter().find_map(|change| match change {
            ImportChange::Filed(assessed) => Some(&**assessed),
            ImportChange::Released(_) | ImportChange::Ended => None,
        })
    }

    fn is_release(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, ImportChange::Released(_)))
    }

    /// Who stands for the tax of a version that it brings.
    pub(crate) fn payer(&self) -> Option<&str> {
        self.assessed().map(|assessed| assessed.payer.as_str())
    }

    /// The purchase that a version which it brings is.
    pub(crate) fn purchase(&self) -> Option<&DeclaredPurchase> {
        self.assessed().map(|assessed| &assessed.purchase)
    }
}

/// Takes events down, in order. For each that brings a version or a release: what is to be said.
pub(crate) fn apply(
    step: &mut PaymentTransaction<'_>,
    events: &[Arc<ImportEvent>],
) -> Result<Vec<Option<ExchangeAnswer>>, Fault> {
    let mut answers = Vec::with_capacity(events.len());
    for event in events {
        for change in &event.changes {
            apply_change(step, event, change)?;
        }
        let row = step.duties.get(&event.id).filter(|row| row.version == event.version);
        answers.push(match row {
            Some(row) if event.payer().is_some() => row.answer(event.round).as_ref().map(verdict),
            Some(row) if event.is_release() && row.state == DutyState::Billed => {
                Some(bill::billed_answer(&step.writer.numbers.parameters, row, event.time)?)
            }
            Some(_) | None => None,
        });
    }
    Ok(answers)
}

fn apply_change(
    step: &mut PaymentTransaction<'_>,
    event: &ImportEvent,
    change: &ImportChange,
) -> Result<(), Fault> {
    let (id, version) = (event.id, event.version);
    if let ImportChange::Filed(assessed) = change {
        return file(step, event, assessed);
    }
    // An export, or an import that was filed before there was a payment service.
    let Some(row) = step.duties.get_mut(&id).filter(|row| row.version == version) else {
        return Ok(());
    };
    match change {
        ImportChange::Filed(_) => Ok(()),
        ImportChange::Released(invt_no) => {
            row.invt_no.clone_from(invt_no);
            step.touched.insert(id);
            step.apply_duty_event(id, DutyEvent::Released, event.time)
        }
        ImportChange::Ended => {
            step.apply_duty_event(id, DutyEvent::Ended, event.time)?;
            step.purchases.restore(id, None)
        }
    }
}

/// A new version takes the place of the one before: what that one held is free, and what this one needs is
/// held.
fn file(
    step: &mut PaymentTransaction<'_>,
    event: &ImportEvent,
    assessed: &AssessedDuty,
) -> Result<(), Fault> {
    let (id, version) = (event.id, event.version);
    let known = step.duties.get(&id);
    if known.is_some_and(|row| row.version >= version) {
        return Ok(());
    }
    let (state, invt_no) = (known.map(|row| row.state), known.map(|row| row.invt_no.clone()));
    match state {
        Some(_) => step.apply_duty_event(id, DutyEvent::Filed, event.time)?,
        None => drop(duty::next(None, DutyEvent::Filed)),
    }
    if step.duties.get(&id).is_some_and(|row| row.state == DutyState::Billed) {
        tracing::warn!(declaration = %id, "a version came after the release");
        return Ok(());
    }
    let row = DutyRow {
        id,
        version,
        state: DutyState::Open,
        payer: assessed.payer.clone(),
        amount_fen: assessed.case.total_fen(),
        hold_id: None,
        invt_no: proto::text(invt_no),
        case: assessed.case.clone(),
        filed_time: event.time,
        changed_time: step.now,
    };
    step.duties.insert(id, row);
    step.traces.push((id, version, assessed.trace.clone()));
    step.purchases.restore(id, None)?;
    step.assessed(id, assessed)
}

/// The slots of what events are about, of the firms that stand for it, and of the persons who buy.
pub(crate) fn slots(events: &[Arc<ImportEvent>]) -> impl Iterator<Item = Slot> + '_ {
    events.iter().flat_map(|event| {
        let person = event.purchase().and_then(|purchase| purchase.person);
        let firms = event.payer().map(Slot::of);
        [Some(event.id.slot()), firms, person.as_ref().map(purchases::slot_of)]
            .into_iter()
            .flatten()
    })
}
