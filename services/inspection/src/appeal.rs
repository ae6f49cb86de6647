//! Credit of firms by hand: certification, appeals and their decisions (measure 31).

use domain::inspection::credit::{Credit, CreditEvent};
use domain::principal::ActingPerson;
use domain::refusal::{Code, Refusal};
use domain::{RequestId, Slot};
use store::request::{Digest, RequestKey, RequestStatus};

use crate::transaction::InspectionTransaction;

/// Something about the credit of a firm.
#[derive(Debug)]
pub(crate) struct CreditRequest {
    pub(crate) request_id: RequestId,
    /// Name of the caller in the registry.
    pub(crate) caller: String,
    /// Who acts in its name.
    pub(crate) actor: ActingPerson,
    pub(crate) firm: String,
    pub(crate) digest: Digest,
    pub(crate) what: AppealCommand,
    /// In the caller's words; kept with the change.
    pub(crate) reason: String,
}

/// What.
#[derive(Debug)]
pub(crate) enum AppealCommand {
    /// Customs certified it, or took that back.
    Certify(bool),
    /// The firm appeals against an entry.
    Appeal(String),
    /// An agency decides about an appeal.
    Decide(String, bool),
}

impl CreditRequest {
    /// Of its request.
    pub(crate) fn key(&self) -> RequestKey {
        let slot = Slot::of(&self.firm);
        RequestKey { slot, id: self.request_id, caller: self.caller.clone() }
    }
}

/// Does it; the credit as it stands then.
pub(crate) fn appeal(
    step: &mut InspectionTransaction<'_>,
    appealed: &CreditRequest,
) -> Result<Credit, Refusal> {
    let CreditRequest { caller, actor, firm, digest, what, reason, .. } = appealed;
    let (day, key) = (step.today(), appealed.key());
    let seen = step.requests.seen(&key, digest);
    if let RequestStatus::Other(_) = seen {
        return Err(Refusal::of(Code::RequestIdReused));
    }
    if seen == RequestStatus::New {
        let event = match what {
            AppealCommand::Certify(granted) => {
                CreditEvent::Certified { granted: *granted, date: day }
            }
            AppealCommand::Appeal(source) => {
                CreditEvent::Appeal { source: source.clone(), date: day }
            }
            AppealCommand::Decide(source, overturned) => CreditEvent::AppealDecided {
                source: source.clone(),
                overturned: *overturned,
                date: day,
            },
        };
        let changed = step.credits.apply(firm, day, &event)?;
        if !changed && matches!(what, AppealCommand::Appeal(_)) {
            // It waits for its decision; a second reason would be lost.
            return Err(Refusal::of(Code::AppealUsed).with("status", "appealed"));
        }
        if changed && !reason.is_empty() {
            step.credits.remark(firm, caller, reason);
        }
        // It is answered with the credit as it stands.
        step.requests.keep_by(actor, key, *digest, Vec::new());
    }
    Ok(step.credits.on(firm, day))
}
