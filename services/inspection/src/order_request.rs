//! What somebody asks of an order, and what it is answered with.

use domain::clearance::Agency;
use domain::inspection::appointment::AppointmentMaker;
use domain::inspection::draw::Selection;
use domain::inspection::finding::Disposal;
use domain::inspection::order::{SiteAct, Treatment};
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, RequestId};
use store::Fault;
use store::journal::Origin;
use store::request::{Digest, RequestKey};
use time::OffsetDateTime;

use crate::orders::OrderRow;
use crate::view::View;

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

/// A refusal inside a fault-free step.
pub(crate) type ActResult<T> = Result<Result<T, Refusal>, Fault>;

/// Who may act on an order as its site.
pub(crate) fn is_claimed_by(filed: &OrderRow, caller: &str) -> Result<(), Refusal> {
    if filed.claimed_by.is_empty() || filed.claimed_by == caller {
        return Ok(());
    }
    Err(Refusal::of(Code::OrderTaken).with("claimed_by", &filed.claimed_by))
}
