//! Taking a declaration back before release.
//!
//! The invariant: once withdrawn nothing changes any more, and no verdict has an effect.

use std::collections::HashMap;

use domain::clearance::{self, Event};
use domain::history::Record;
use domain::principal::Scope;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Principal, RequestId, Slot, limits};
use sha2::{Digest as _, Sha256};
use store::Fault;

use crate::Error;
use crate::commit::{Answer, Done};
use crate::filing::{Filing, Kind, known};
use crate::step::Step;
use crate::submit::Holder;

/// A withdrawal that waits for its transaction.
#[derive(Debug, Clone)]
pub struct Withdrawal {
    pub(crate) request_id: RequestId,
    pub(crate) id: DeclarationId,
    pub(crate) seen: u32,
    pub(crate) scope: Scope,
    pub(crate) reason: String,
    pub(crate) digest: Vec<u8>,
    pub(crate) trace: String,
}

/// From the message to a withdrawal.
pub(crate) fn parse(
    principal: &Principal,
    (request_id, name, seen): (&str, &str, u32),
    reason: String,
    trace: String,
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
        .to_vec();
    Ok(Withdrawal { request_id, id, seen, scope: principal.scope(), reason, digest, trace })
}

/// Withdraws all of them; answers with their places.
pub(crate) async fn commit(
    step: &mut Step<'_>,
    withdrawals: &[(usize, &Withdrawal)],
) -> Result<Vec<(usize, Answer)>, Fault> {
    let requests = withdrawals.iter().map(|(_, w)| (w.id.slot(), w.request_id));
    let before = known(step.tx, requests).await?;
    let mut in_batch: HashMap<(Slot, RequestId), (&Vec<u8>, Answer)> = HashMap::new();
    let mut answers = Vec::with_capacity(withdrawals.len());
    for (index, withdrawal) in withdrawals {
        let request = (withdrawal.id.slot(), withdrawal.request_id);
        let earlier = in_batch.get(&request);
        let case = step.cases.get(&withdrawal.id);
        let case = case.filter(|case| withdrawal.scope.covers(&case.declarant_code));
        let answer = match (before.get(&request), earlier) {
            // Before anything else: a request id tells nothing of another's declaration either.
            _ if case.is_none() => {
                Err(Refusal::of(Code::NotFound).with("name", withdrawal.id.name()))
            }
            (Some(known), _) if known.digest == withdrawal.digest => Ok(Done::Withdrawn),
            (None, Some((digest, answer))) if **digest == withdrawal.digest => answer.clone(),
            (Some(known), _) if known.declaration == withdrawal.id => {
                let refusal = Refusal::of(Code::RequestIdReused).with("field", "reason");
                Err(case.map_or(refusal.clone(), |case| Holder::of(case).named(refusal)))
            }
            (Some(_), _) | (None, Some(_)) => Err(Refusal::of(Code::RequestIdReused)),
            (None, None) => withdraw(step, withdrawal)?,
        };
        in_batch.insert(request, (&withdrawal.digest, answer.clone()));
        answers.push((*index, answer));
    }
    Ok(answers)
}

fn withdraw(step: &mut Step<'_>, withdrawal: &Withdrawal) -> Result<Answer, Fault> {
    let id = withdrawal.id;
    let Some(case) = step.cases.get_mut(&id) else {
        return Ok(Err(Refusal::of(Code::NotFound).with("name", id.name())));
    };
    let next = clearance::next(case.clearance, Event::Withdraw { seen: withdrawal.seen });
    let (then, _) = match next {
        Ok(next) => next,
        Err(refusal) => return Ok(Err(refusal)),
    };
    case.clearance = then;
    step.record(id, [Record::Withdrawn { reason: withdrawal.reason.clone() }]);
    let position = step.enter(id, &withdrawal.trace)?;
    step.filings.push(Filing {
        request_id: withdrawal.request_id,
        kind: Kind::Withdraw,
        digest: withdrawal.digest.clone(),
        declaration: id,
        version: then.version,
        position,
    });
    Ok(Ok(Done::Withdrawn))
}
