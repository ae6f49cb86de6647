//! What the declaration service told becomes duties, holds and bills. The one place where an import is
//! assessed, secured, freed and billed.
//!
//! Everything here may come again: a version is assessed once, and what was said is said again from what was
//! kept.

use std::sync::Arc;

use domain::payment::duty::{self, DutyEvent, DutyState};
use domain::{DeclarationId, Slot};
use store::Fault;
use time::OffsetDateTime;

use crate::assess::AssessedDuty;
use crate::duty_rows::DutyRow;
use crate::transaction::PaymentTransaction;

/// The queue of events that could not be taken when they came. Their subject is the declaration, their place
/// the position in its slot.
pub(crate) const EVENTS: &str = "events";

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
    /// Customs gave it its number.
    Numbered(String),
    Released,
    /// Rejected, withdrawn or sent back.
    Ended,
}

impl ImportEvent {
    /// Who stands for the tax of a version that it brings.
    pub(crate) fn payer(&self) -> Option<&str> {
        self.changes.iter().find_map(|change| match change {
            ImportChange::Filed(assessed) => Some(assessed.payer.as_str()),
            ImportChange::Numbered(_) | ImportChange::Released | ImportChange::Ended => None,
        })
    }
}

/// A version whose duty is secured, to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecuredDuty {
    pub(crate) id: DeclarationId,
    pub(crate) version: u32,
    pub(crate) round: u32,
    pub(crate) payer: String,
    pub(crate) amount_fen: i64,
}

/// Takes events down, in order. For each that brings a version: what is to be said, when it is secured.
pub(crate) fn hear(
    step: &mut PaymentTransaction<'_>,
    events: &[Arc<ImportEvent>],
) -> Result<Vec<Option<SecuredDuty>>, Fault> {
    let mut secured = Vec::with_capacity(events.len());
    for event in events {
        for change in &event.changes {
            happen(step, event, change)?;
        }
        let row = step.duties.get(&event.id).filter(|_| event.payer().is_some());
        let row = row.filter(|row| row.version == event.version);
        let row = row.filter(|row| matches!(row.state, DutyState::Secured | DutyState::Billed));
        secured.push(row.map(|row| row.secured(event.round)));
    }
    Ok(secured)
}

fn happen(
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
        ImportChange::Numbered(invt_no) => {
            row.invt_no.clone_from(invt_no);
            step.touched.insert(id);
            Ok(())
        }
        ImportChange::Released => step.happen(id, DutyEvent::Released, event.time),
        ImportChange::Ended => step.happen(id, DutyEvent::Ended, event.time),
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
        Some(_) => step.happen(id, DutyEvent::Filed, event.time)?,
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
    step.assessed(id, assessed.missing.as_ref())
}

/// The slots of what events are about, and of the firms that stand for it.
pub(crate) fn slots(events: &[Arc<ImportEvent>]) -> impl Iterator<Item = Slot> + '_ {
    events
        .iter()
        .flat_map(|event| std::iter::once(event.id.slot()).chain(event.payer().map(Slot::of)))
}
