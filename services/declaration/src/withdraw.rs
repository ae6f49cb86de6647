//! Taking a declaration back before release.
//!
//! The invariant: once withdrawn nothing changes any more, and no verdict has an effect.

use domain::clearance::{self, Event};
use domain::history::HistoryFact;
use domain::principal::Scope;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Principal, RequestId, limits};
use proto::stored::FilingKind;
use sha2::{Digest as _, Sha256};
use store::Fault;
use store::journal::Origin;
use store::request::{Digest, RequestKey, RequestStatus};

use crate::transaction::DeclarationTransaction;
use crate::{Error, filing};

/// A withdrawal that waits for its transaction.
#[derive(Debug, Clone)]
pub(crate) struct Withdrawal {
    pub(crate) request_id: RequestId,
    pub(crate) id: DeclarationId,
    pub(crate) seen: u32,
    pub(crate) scope: Scope,
    pub(crate) reason: String,
    pub(crate) digest: Digest,
    pub(crate) origin: Origin,
}

/// From the message to a withdrawal.
pub(crate) fn parse(
    principal: &Principal,
    (request_id, name, seen): (&str, &str, u32),
    reason: String,
    origin: Origin,
) -> Result<Withdrawal, Error> {
    let request_id = proto::exchange::request(request_id)?;
    let id = crate::read::parse_name(name)?;
    if reason.trim().is_empty() {
        return Err(Refusal::of(Code::ReasonMissing).with("field", "reason").into());
    }
    if reason.chars().count() > limits::TEXT_MAX {
        return Err(Refusal::of(Code::TooLong).with("field", "reason").into());
    }
    let digest = Sha256::new()
        .chain_update(b"withdraw")
        .chain_update(id.uuid().as_bytes())
        .chain_update(seen.to_be_bytes())
        .chain_update(&reason)
        .finalize()
        .into();
    Ok(Withdrawal { request_id, id, seen, scope: principal.scope(), reason, digest, origin })
}

/// Takes it back, or answers as it was answered before.
pub(crate) async fn withdraw(
    step: &mut DeclarationTransaction<'_>,
    withdrawal: &Withdrawal,
) -> Result<Result<(), Refusal>, Fault> {
    let id = withdrawal.id;
    let visible = step.cases.get(&id).filter(|case| withdrawal.scope.covers(&case.declarant_code));
    let Some(case) = visible else {
        // Before anything else: a request id tells nothing of another's declaration either.
        return Ok(Err(Refusal::of(Code::NotFound).with("name", id.name())));
    };
    let key = filing::key(id.slot(), withdrawal.request_id, &case.declarant_code);
    let before = match step.requests.seen(&key, &withdrawal.digest) {
        RequestStatus::New => return take_back(step, withdrawal, key),
        RequestStatus::Same(_) => return Ok(Ok(())),
        RequestStatus::Other(outcome) => filing::read(outcome)?,
    };
    let is_same = before.kind == FilingKind::Withdraw && before.declaration == id;
    let field = if is_same { "reason" } else { "request_id" };
    Ok(Err(filing::reused(step, &before, None, field).await?))
}

fn take_back(
    step: &mut DeclarationTransaction<'_>,
    withdrawal: &Withdrawal,
    key: RequestKey,
) -> Result<Result<(), Refusal>, Fault> {
    let id = withdrawal.id;
    step.enter_waiting(id)?;
    let Some(case) = step.cases.get_mut(&id) else {
        return Ok(Err(Refusal::of(Code::NotFound).with("name", id.name())));
    };
    let next = clearance::next(case.clearance, Event::Withdraw { seen: withdrawal.seen });
    let (then, _) = match next {
        Ok(next) => next,
        Err(refusal) => return Ok(Err(refusal)),
    };
    case.clearance = then;
    step.record(id, [HistoryFact::Withdrawn { reason: withdrawal.reason.clone() }]);
    step.enter(id, &withdrawal.origin)?;
    filing::keep(
        step,
        (key, withdrawal.digest, &withdrawal.origin),
        FilingKind::Withdraw,
        (id, then.version),
    );
    Ok(Ok(()))
}
