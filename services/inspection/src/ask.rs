//! What sites, enterprises and agencies ask of an order: appoint, claim, report, object, dispose.
//!
//! A request has one effect for each request id of a caller; asked again it is answered with the order as
//! it stands.

use domain::inspection::order::OrderEvent;
use domain::refusal::{Code, Refusal};
use store::request::RequestStatus;

use crate::order_request::{ActResult, Draws, OrderAnswer, OrderCommand, OrderRequest};
use crate::orders::OrderRow;
use crate::transaction::InspectionTransaction;
use crate::view::OrderVisibility;
use crate::{appoint, claim, object, report};

/// Does it.
pub(crate) async fn ask(
    step: &mut InspectionTransaction<'_>,
    asked: &OrderRequest,
) -> ActResult<OrderAnswer> {
    let id = asked.id;
    let unknown = || Refusal::of(Code::NotFound).with("name", proto::inspection::order_name(id));
    let Some(filed) = step.orders.get(&id).filter(|it| asked.view.shows(OrderVisibility::of(it)))
    else {
        return Ok(Err(unknown()));
    };
    let key = asked.key();
    match step.requests.seen(&key, &asked.digest) {
        RequestStatus::New => {}
        RequestStatus::Same(_) => {
            return Ok(Ok(OrderAnswer { order: filed.clone(), draws: Draws::new() }));
        }
        RequestStatus::Other(_) => {
            return Ok(Err(named(Refusal::of(Code::RequestIdReused), filed)));
        }
    }
    let done = match &asked.what {
        // Another's place looks like none.
        OrderCommand::Appoint { place, .. } if !asked.view.shows_place(place) => {
            Err(Refusal::of(Code::PlaceUnknown).with("place", place))
        }
        OrderCommand::Appoint { seen, place, start, by } => {
            appoint::appoint(step, id, *seen, (place, *start), (*by, &asked.caller)).await?
        }
        OrderCommand::Claim { examination } => {
            claim::claim(step, id, *examination, &asked.caller).await?
        }
        OrderCommand::Report { version, examination, step: site_report } => {
            report::report(step, id, (*version, *examination), site_report, &asked.caller).await?
        }
        OrderCommand::Object { examination, reason } => {
            object::object(step, id, *examination, reason)?.map(|()| Draws::new())
        }
        OrderCommand::Dispose { agency, examination, disposal } => {
            let (agency, examination, disposal) = (*agency, *examination, *disposal);
            let event = OrderEvent::Dispose { agency, examination, disposal };
            step.apply(id, &event)?.map(|_| Draws::new())
        }
    };
    let draws = match done {
        Ok(draws) => draws,
        Err(refusal) => {
            let filed = step.orders.get(&id);
            return Ok(Err(filed.map_or(refusal.clone(), |filed| named(refusal, filed))));
        }
    };
    step.name_origin(id, &asked.origin);
    // It is answered with the order as it stands.
    step.requests.keep_by(&asked.origin.actor, key, asked.digest, Vec::new());
    let order = step.order(id)?.clone();
    Ok(Ok(OrderAnswer { order, draws }))
}

/// A refusal because of what is there already names it and where it stands; the caller may see it.
fn named(refusal: Refusal, filed: &OrderRow) -> Refusal {
    match refusal.code {
        Code::AlreadyReported | Code::RequestIdReused => refusal
            .with("existing", proto::inspection::order_name(filed.id))
            .with("state", proto::inspection::stage_to_wire(filed.case.order.stage).as_str_name()),
        _ => refusal,
    }
}
