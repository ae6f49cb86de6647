//! Making or moving the appointment of an order.

use domain::DeclarationId;
use domain::inspection::appointment::{AppointmentMaker, TimeWindow, book};
use domain::inspection::order::{Appointment, JointOrder, OrderEvent, SiteAct, Stage};
use domain::refusal::{Code, Refusal};
use time::{Duration, OffsetDateTime};

use crate::order_request::{ActResult, Draws, is_claimed_by};
use crate::transaction::InspectionTransaction;

pub(crate) async fn appoint(
    step: &mut InspectionTransaction<'_>,
    id: DeclarationId,
    seen: u32,
    (place, start): (&str, Option<OffsetDateTime>),
    (by, caller): (AppointmentMaker, &str),
) -> ActResult<Draws> {
    let filed = step.order(id)?.clone();
    if by == AppointmentMaker::Site
        && let Err(refusal) = is_claimed_by(&filed, caller)
    {
        return Ok(Err(refusal));
    }
    let Some(site) = step.site(place).await? else {
        return Ok(Err(Refusal::of(Code::PlaceUnknown).with("place", place)));
    };
    if !site.serves(&filed.port_code) {
        let refusal = Refusal::of(Code::PlaceUnknown).with("place", place);
        return Ok(Err(refusal.with("port", &filed.port_code)));
    }
    let now = step.now;
    let taken = step.taken(place).await?;
    // Nobody holds a window that has no row.
    let count = |window: TimeWindow| taken.get(&window.start).copied().unwrap_or_default();
    let window = match start {
        Some(start) => {
            let length = Duration::minutes(i64::from(site.place.window_minutes));
            Some(TimeWindow { start, end: start.saturating_add(length) })
        }
        None => site.place.next_free(count, by, now),
    };
    let Some(window) = window else {
        return Ok(Err(Refusal::of(Code::WindowFull).with("place", place)));
    };
    let appointment = Appointment { place: place.to_owned(), window };
    let stood = filed.standing().cloned();
    if stood.as_ref() != Some(&appointment)
        && let Err(refusal) = book(&site.place, window, count(window), by, now)
    {
        return Ok(Err(refusal));
    }
    let JointOrder { version, examination, stage, .. } = filed.case.order;
    let booked = appointment.clone();
    let act = if stage == Stage::Appointed {
        SiteAct::Reschedule { seen, appointment, by, at: now }
    } else {
        SiteAct::Appoint { seen, appointment, by }
    };
    let named = step.order(id)?;
    named.place_name.clone_from(&site.place.name);
    named.place_name_zh.clone_from(&site.place.name_zh);
    match step.apply(id, &OrderEvent::Site { version, examination, act })? {
        Ok(facts) if facts.is_empty() => Ok(Ok(Draws::new())),
        Ok(_) => {
            step.move_booking(stood.as_ref(), &booked);
            Ok(Ok(Draws::new()))
        }
        Err(refusal) => {
            step.orders.insert(id, filed);
            Ok(Err(refusal))
        }
    }
}
