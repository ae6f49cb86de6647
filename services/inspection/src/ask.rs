//! What sites, enterprises and agencies ask of an order: appoint, claim, report, object, dispose.
//!
//! A request has one effect for each request id of a caller; asked again it is answered with the order as
//! it stands.

use domain::clearance::Agency;
use domain::inspection::appointment::AppointmentMaker;
use domain::inspection::draw::Selection;
use domain::inspection::finding::Disposal;
use domain::inspection::order::{OrderEvent, SiteAct, Treatment};
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, RequestId};
use store::Fault;
use store::journal::Origin;
use store::request::{Digest, RequestKey, RequestStatus};
use time::OffsetDateTime;

use crate::orders::OrderRow;
use crate::transaction::InspectionTransaction;
use crate::view::{self, View};
use crate::{appoint, claim, object, report};

/// Something asked of an order.
#[derive(Debug)]
pub(crate) struct OrderRequest {
    pub(crate) request_id: RequestId,
    /// Name of the caller in the registry.
    pub(crate) caller: String,
    /// Which orders the caller sees.
    pub(crate) view: View,
    pub(crate) id: DeclarationId,
    /// Of the request, to tell a repetition from another one.
    pub(crate) digest: Digest,
    pub(crate) origin: Origin,
    pub(crate) what: OrderCommand,
}

/// What.
#[derive(Debug)]
pub(crate) enum OrderCommand {
    /// Make or move the appointment; without a time, the next free window.
    Appoint { seen: u32, place: String, start: Option<OffsetDateTime>, by: AppointmentMaker },
    /// Take it on.
    Claim { examination: u32 },
    /// A step of the site.
    Report { version: u32, examination: u32, step: SiteReport },
    /// The enterprise objects.
    Object { examination: u32, reason: String },
    /// An agency decides.
    Dispose { agency: Agency, examination: u32, disposal: Disposal },
}

/// A step of the site.
#[derive(Debug)]
pub(crate) enum SiteReport {
    /// An act of the examination.
    Act(SiteAct),
    /// Nobody came to this appointment.
    NoShow { seen: u32 },
    /// An officer cannot come: another one is drawn.
    Replace { officer: String },
    /// The goods were treated.
    Treated(Treatment),
    /// What was decided is done.
    Close,
}

/// The draw of each agency.
pub(crate) type Draws = Vec<(Agency, Selection)>;

impl OrderRequest {
    /// Of its request.
    pub(crate) fn key(&self) -> RequestKey {
        RequestKey { slot: self.id.slot(), id: self.request_id, caller: self.caller.clone() }
    }
}

/// The order as it stands now, with the draw when there was one.
#[derive(Debug)]
pub(crate) struct OrderAnswer {
    pub(crate) order: OrderRow,
    pub(crate) draws: Draws,
}

/// Does it.
pub(crate) async fn ask(
    step: &mut InspectionTransaction<'_>,
    asked: &OrderRequest,
) -> ActResult<OrderAnswer> {
    let id = asked.id;
    let unknown = || Refusal::of(Code::NotFound).with("name", proto::inspection::order_name(id));
    let Some(filed) =
        step.orders.get(&id).filter(|it| asked.view.shows(view::OrderVisibility::of(it)))
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
            .with("state", proto::inspection::stage(filed.case.order.stage).as_str_name()),
        _ => refusal,
    }
}

/// A refusal inside a fault-free step.
pub(crate) type ActResult<T> = Result<Result<T, Refusal>, Fault>;

/// Who may act on an order as its site.
pub(crate) fn is_claimed_by(filed: &OrderRow, caller: &str) -> Result<(), Refusal> {
    if filed.claimed_by.is_empty() || filed.claimed_by == caller {
        return Ok(());
    }
    Err(Refusal::of(Code::OrderTaken).with("claimed_by", &filed.claimed_by))
}
