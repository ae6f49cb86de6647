//! Place, time and officers.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use super::{
    Appointment, JointOrder, OfficerDuty, OrderFact, Stage, Step, at_most, out_of_step, same,
};
use crate::inspection::appointment::{self, AppointmentMaker, NO_SHOWS_MAX};
use crate::refusal::{Code, Refusal};

/// Officers of one examination, with those who were replaced. Ours.
pub const OFFICERS_MAX: usize = 20;

/// What stands, for whoever wanted something else.
fn taken(now: &JointOrder) -> Refusal {
    let refusal = Refusal::of(Code::OrderTaken).with("appointments", now.appointments);
    match &now.appointment {
        Some(stands) => refusal.with("place", &stands.place).with("window", stands.window),
        None => refusal,
    }
}

pub(super) fn appoint(
    now: &JointOrder,
    seen: u32,
    appointment: &Appointment,
    by: AppointmentMaker,
) -> Step {
    match now.stage {
        Stage::Ordered => {
            if seen != now.appointments {
                return Err(taken(now));
            }
            appointment::may_choose(by, now.no_shows)?;
            let then = JointOrder {
                stage: Stage::Appointed,
                appointments: now.appointments + 1,
                appointment: Some(appointment.clone()),
                ..now.clone()
            };
            Ok((then, vec![OrderFact::Appointed]))
        }
        Stage::Appointed
        | Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory
        | Stage::Found
        | Stage::Treating
        | Stage::Disposed
        | Stage::Closed => {
            let again = seen < now.appointments && now.appointment.as_ref() == Some(appointment);
            if again { same(now) } else { Err(taken(now)) }
        }
        Stage::None | Stage::Cancelled => Err(out_of_step(now)),
    }
}

/// Officers are drawn for a day and a place, so another appointment needs another draw.
pub(super) fn reschedule(
    now: &JointOrder,
    seen: u32,
    appointment: &Appointment,
    by: AppointmentMaker,
    at: OffsetDateTime,
) -> Step {
    let Some(stands) = &now.appointment else { return Err(out_of_step(now)) };
    if stands == appointment {
        return same(now);
    }
    match now.stage {
        Stage::Appointed => {}
        Stage::None
        | Stage::Ordered
        | Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory
        | Stage::Found
        | Stage::Treating
        | Stage::Disposed
        | Stage::Closed
        | Stage::Cancelled => return Err(out_of_step(now)),
    }
    if seen != now.appointments {
        return Err(taken(now));
    }
    appointment::may_reschedule(by, now.reschedules, now.no_shows, stands.window, at)?;
    let mut then = now.clone();
    then.appointments += 1;
    then.appointment = Some(appointment.clone());
    then.work.officers.clear();
    match by {
        AppointmentMaker::Enterprise => then.reschedules += 1,
        AppointmentMaker::Site => {}
    }
    Ok((then, vec![OrderFact::Rescheduled]))
}

pub(super) fn no_show(now: &JointOrder, seen: u32, at: OffsetDateTime) -> Step {
    match now.stage {
        // Told again of an appointment that was missed.
        Stage::Ordered if seen <= now.appointments && now.no_shows > 0 => return same(now),
        Stage::Appointed if seen == now.appointments => {}
        Stage::Appointed => return Err(taken(now)),
        Stage::None
        | Stage::Ordered
        | Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory
        | Stage::Found
        | Stage::Treating
        | Stage::Disposed
        | Stage::Closed
        | Stage::Cancelled => return Err(out_of_step(now)),
    }
    let Some(stands) = &now.appointment else { return Err(out_of_step(now)) };
    appointment::may_call_no_show(stands.window, at)?;
    let mut then = now.clone();
    then.stage = Stage::Ordered;
    then.appointment = None;
    then.work.officers.clear();
    then.no_shows += 1;
    let mut facts = vec![OrderFact::NoShow(then.no_shows)];
    if then.no_shows == NO_SHOWS_MAX {
        facts.push(OrderFact::Compelled);
    }
    Ok((then, facts))
}

/// Whether there is an appointment to be at, and the examination is not over.
fn under_way(now: &JointOrder) -> Result<(), Refusal> {
    match now.stage {
        Stage::Appointed
        | Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory => Ok(()),
        Stage::None
        | Stage::Ordered
        | Stage::Found
        | Stage::Treating
        | Stage::Disposed
        | Stage::Closed
        | Stage::Cancelled => Err(out_of_step(now)),
    }
}

/// A second examination is made by others (GACC Order 138, unverified).
fn free_of_conflict(now: &JointOrder, officer: &str) -> Result<(), Refusal> {
    if now.first.as_ref().is_some_and(|first| first.officers.contains_key(officer)) {
        return Err(Refusal::of(Code::OfficerConflict).with("officer", officer));
    }
    Ok(())
}

pub(super) fn assign(now: &JointOrder, officers: &BTreeSet<String>) -> Step {
    if !officers.is_empty() && now.work.on_duty() == *officers {
        return same(now);
    }
    under_way(now)?;
    if !now.work.officers.is_empty() {
        let stand = now.work.officers.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(Refusal::of(Code::OrderTaken).with("officers", stand));
    }
    if officers.is_empty() {
        return Err(Refusal::of(Code::OfficersMissing).with("missing", 1));
    }
    at_most("officers", officers.len(), OFFICERS_MAX)?;
    for officer in officers {
        free_of_conflict(now, officer)?;
    }
    let mut then = now.clone();
    then.work.officers = officers.iter().map(|who| (who.clone(), OfficerDuty::On)).collect();
    Ok((then, vec![OrderFact::Assigned]))
}

pub(super) fn replace(now: &JointOrder, officer: &str, by: &str) -> Step {
    let duty = |who: &str| now.work.officers.get(who).copied();
    if duty(officer) == Some(OfficerDuty::Replaced) && duty(by).is_some() {
        return same(now);
    }
    under_way(now)?;
    if duty(officer) != Some(OfficerDuty::On) {
        return Err(Refusal::of(Code::OfficerNotAssigned).with("officer", officer));
    }
    if duty(by).is_some() {
        return Err(Refusal::of(Code::OrderTaken).with("officer", by));
    }
    free_of_conflict(now, by)?;
    at_most("officers", now.work.officers.len() + 1, OFFICERS_MAX)?;
    let mut then = now.clone();
    then.work.officers.insert(officer.to_owned(), OfficerDuty::Replaced);
    then.work.officers.insert(by.to_owned(), OfficerDuty::On);
    Ok((then, vec![OrderFact::Replaced]))
}
