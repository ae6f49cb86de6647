//! Credit of firms by hand: certification, appeals and their decisions (measure 31).

use domain::inspection::credit::Event;
use domain::refusal::{Code, Refusal};
use domain::{RequestId, Slot};
use proto::inspection::encode_credit;

use crate::ask::{Before, Kept, is_repeated};
use crate::commit::{Answer, Done, Step};

/// Something about the credit of a firm.
#[derive(Debug)]
pub(crate) struct Appealed {
    pub(crate) request_id: RequestId,
    /// Name of the caller in the registry.
    pub(crate) caller: String,
    pub(crate) firm: String,
    pub(crate) digest: [u8; 32],
    pub(crate) what: Ask,
    /// In the caller's words; kept with the change.
    pub(crate) reason: String,
}

/// What.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Customs certified it, or took that back.
    Certify(bool),
    /// The firm appeals against an entry.
    Appeal(String),
    /// An agency decides about an appeal.
    Decide(String, bool),
}

/// Does it.
pub(crate) fn appeal(step: &mut Step<'_>, appealed: &Appealed, before: &Before) -> Answer {
    let Appealed { request_id, caller, firm, digest, what, reason } = appealed;
    let day = step.today();
    let repeated = is_repeated(step, before, (*request_id, caller), digest)?;
    if !repeated {
        let event = match what {
            Ask::Certify(granted) => Event::Certified { granted: *granted, date: day },
            Ask::Appeal(source) => Event::Appeal { source: source.clone(), date: day },
            Ask::Decide(source, overturned) => {
                Event::AppealDecided { source: source.clone(), overturned: *overturned, date: day }
            }
        };
        let changed = step.credits.apply(firm, day, &event)?;
        if !changed && matches!(what, Ask::Appeal(_)) {
            // It waits for its decision; a second reason would be lost.
            return Err(Refusal::of(Code::AppealUsed).with("status", "appealed"));
        }
        if changed && !reason.is_empty() {
            step.credits.remark(firm, caller, reason);
        }
        step.requests.push(Kept {
            slot: Slot::of(firm).column(),
            request_id: *request_id,
            caller: caller.clone(),
            digest: *digest,
        });
    }
    Ok(Done::Credit(encode_credit(firm, &step.credits.on(firm, day))))
}
