//! Filing a new version: verdicts for older versions become void and review starts again.
//!
//! The invariant: a version follows the one that the caller saw, once for each request id.

use std::collections::HashMap;

use bytes::Bytes;
use domain::clearance::{self, Event};
use domain::declaration::Checked;
use domain::history::Record;
use domain::participant::Stands;
use domain::principal::Scope;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Principal, RequestId, Slot};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use store::Fault;

use crate::case::Case;
use crate::commit::{Answer, Done};
use crate::filing::{Filing, Kind, Known, known};
use crate::step::{Step, content, first_difference};
use crate::submit::{Holder, holder};
use crate::{Declarations, Error};

/// A new version that obeys every rule and waits for its transaction.
#[derive(Debug, Clone)]
pub struct Amendment {
    pub(crate) request_id: RequestId,
    pub(crate) id: DeclarationId,
    pub(crate) seen: u32,
    pub(crate) scope: Scope,
    pub(crate) checked: Checked,
    /// Who is waited for with it.
    pub(crate) required: Stands,
    pub(crate) body: Bytes,
    pub(crate) digest: Vec<u8>,
    pub(crate) trace: String,
}

/// From the message to an amendment.
pub(crate) fn parse(
    declarations: &Declarations,
    principal: &Principal,
    (request_id, name, seen): (&str, &str, u32),
    content: Option<crate::Content>,
    trace: String,
) -> Result<Amendment, Error> {
    let request_id = proto::exchange::request(request_id)?;
    let id = crate::read::parse_name(name)?;
    // Without content every rule that wants something is broken, and named.
    let content = content.unwrap_or_default();
    let body = Bytes::from(content.encode_to_vec());
    let checked = domain::Declaration::from(content)
        .check(&declarations.profile)
        .map_err(|violations| Error::Refused(Refusal::invalid(violations)))?;
    let digest = Sha256::new()
        .chain_update(b"amend")
        .chain_update(id.uuid().as_bytes())
        .chain_update(seen.to_be_bytes())
        .chain_update(&body)
        .finalize()
        .to_vec();
    let scope = principal.scope();
    let required = declarations.profile.required(&checked);
    Ok(Amendment { request_id, id, seen, scope, checked, required, body, digest, trace })
}

/// Amends all of them; answers with their places.
pub(crate) async fn commit(
    step: &mut Step<'_>,
    amendments: &[(usize, &Amendment)],
) -> Result<Vec<(usize, Answer)>, Fault> {
    let requests = amendments.iter().map(|(_, a)| (a.id.slot(), a.request_id));
    let before = known(step.tx, requests).await?;
    let mut in_batch: HashMap<(Slot, RequestId), (&Vec<u8>, Answer)> = HashMap::new();
    let mut answers = Vec::with_capacity(amendments.len());
    for (index, amendment) in amendments {
        let request = (amendment.id.slot(), amendment.request_id);
        let earlier = in_batch.get(&request);
        let answer = if !is_visible(step, amendment) {
            // Before anything else: a request id tells nothing of another's declaration either.
            Err(Refusal::of(Code::NotFound).with("name", amendment.id.name()))
        } else {
            match (before.get(&request), earlier) {
                (Some(known), _) => repeat(step, amendment, known).await?,
                (None, Some((digest, answer))) if **digest == amendment.digest => answer.clone(),
                (None, Some(_)) => Err(Refusal::of(Code::RequestIdReused)),
                (None, None) => amend(step, amendment).await?,
            }
        };
        in_batch.insert(request, (&amendment.digest, answer.clone()));
        answers.push((*index, answer));
    }
    Ok(answers)
}

/// The answer to a request that was answered before.
async fn repeat(
    step: &mut Step<'_>,
    amendment: &Amendment,
    known: &Known,
) -> Result<Answer, Fault> {
    if known.digest == amendment.digest {
        return Ok(Ok(Done::Amended(known.version)));
    }
    if known.kind != Kind::Amend || known.declaration != amendment.id {
        return Ok(Err(Refusal::of(Code::RequestIdReused)));
    }
    let kept = content(step.tx, known.declaration.slot(), known.position).await?;
    let field = first_difference(&kept, &amendment.body)?;
    let field = field.unwrap_or_else(|| "version".to_owned());
    let refusal = Refusal::of(Code::RequestIdReused).with("field", field);
    let case = step.cases.get(&amendment.id);
    Ok(Err(match case {
        Some(case) => Holder::of(case).named(refusal),
        None => refusal,
    }))
}

/// Whether the caller may see what it wants to amend.
fn is_visible(step: &Step<'_>, amendment: &Amendment) -> bool {
    let case = step.cases.get(&amendment.id);
    case.is_some_and(|case| amendment.scope.covers(&case.declarant_code))
}

async fn amend(step: &mut Step<'_>, amendment: &Amendment) -> Result<Answer, Fault> {
    let id = amendment.id;
    let Some(case) = step.cases.get_mut(&id) else {
        return Ok(Err(Refusal::of(Code::NotFound).with("name", id.name())));
    };
    if !case.current {
        // Another declaration has its order by now: amended, there would be two for one order.
        let keys = format!("order_no {}", case.order_no);
        let taken = Refusal::of(Code::BusinessKeyTaken).with("key", keys);
        let holder = holder(step.tx, case).await?;
        return Ok(Err(holder.map_or(taken.clone(), |holder| holder.named(taken))));
    }
    let Amendment { seen, required, .. } = *amendment;
    let next = clearance::next(case.clearance, Event::Amend { seen, required });
    let (then, _) = match next {
        Ok(next) => next,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(field) = identity_changed(case, &amendment.checked) {
        return Ok(Err(Refusal::of(Code::IdentityChanged).with("field", field)));
    }
    let previous_version = case.clearance.version;
    case.clearance = then;
    case.trade_mode.clone_from(&amendment.checked.declaration.trade_mode);
    case.customs_code.clone_from(&amendment.checked.declaration.customs_code);
    case.logistics_no.clone_from(&amendment.checked.declaration.logistics_no);
    step.record(id, [Record::Amended { previous_version }]);
    step.show(id, amendment.body.clone());
    let position = step.enter(id, &amendment.trace)?;
    step.case(id)?.content_position = position;
    step.filings.push(Filing {
        request_id: amendment.request_id,
        kind: Kind::Amend,
        digest: amendment.digest.clone(),
        declaration: id,
        version: then.version,
        position,
    });
    Ok(Ok(Done::Amended(then.version)))
}

/// The first field that makes it another declaration instead of a new version of this one.
fn identity_changed(case: &Case, checked: &Checked) -> Option<&'static str> {
    let d = &checked.declaration;
    [
        ("declaration.ie_flag", case.direction == checked.direction),
        ("declaration.declarant.code", case.declarant_code == d.declarant.code),
        ("declaration.ebc.code", case.ebc_code == d.ebc.code),
        ("declaration.order_no", case.order_no == d.order_no),
        ("declaration.cop_no", case.cop_no == d.cop_no),
    ]
    .into_iter()
    .find_map(|(field, same)| (!same).then_some(field))
}
