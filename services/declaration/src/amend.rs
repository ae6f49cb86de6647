//! Filing a new version: verdicts for older versions become void and review starts again.
//!
//! The invariant: a version follows the one that the caller saw, once for each request id.

use bytes::Bytes;
use domain::clearance::{self, Event, Phase};
use domain::declaration::ValidDeclaration;
use domain::history::HistoryFact;
use domain::participant::Stands;
use domain::principal::Scope;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Principal, RequestId};
use prost::Message as _;
use proto::stored::FilingKind;
use sha2::{Digest as _, Sha256};
use store::Fault;
use store::journal::Origin;
use store::request::{Digest, RequestKey, RequestStatus};

use crate::declared_order::OrderKey;
use crate::key_holder::KeyHolder;
use crate::row::DeclarationRow;
use crate::transaction::DeclarationTransaction;
use crate::{Declarations, Error, filing};

/// A new version that obeys every rule and waits for its transaction.
#[derive(Debug, Clone)]
pub(crate) struct Amendment {
    pub(crate) request_id: RequestId,
    pub(crate) id: DeclarationId,
    pub(crate) seen: u32,
    pub(crate) scope: Scope,
    pub(crate) checked: ValidDeclaration,
    /// Who is waited for with it.
    pub(crate) required: Stands,
    pub(crate) body: Bytes,
    pub(crate) digest: Digest,
    pub(crate) origin: Origin,
}

/// From the message to an amendment.
pub(crate) fn parse(
    declarations: &Declarations,
    principal: &Principal,
    (request_id, name, seen): (&str, &str, u32),
    content: Option<crate::Content>,
    origin: Origin,
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
        .into();
    let scope = principal.scope();
    let required = declarations.profile.required(&checked);
    Ok(Amendment { request_id, id, seen, scope, checked, required, body, digest, origin })
}

/// Files the new version and gives its number, or answers as it was answered before.
pub(crate) async fn amend(
    step: &mut DeclarationTransaction<'_>,
    amendment: &Amendment,
) -> Result<Result<u32, Refusal>, Fault> {
    let id = amendment.id;
    let visible = step.cases.get(&id).filter(|case| amendment.scope.covers(&case.declarant_code));
    let Some(case) = visible else {
        // Before anything else: a request id tells nothing of another's declaration either.
        return Ok(Err(Refusal::of(Code::NotFound).with("name", id.name())));
    };
    let key = filing::key(id.slot(), amendment.request_id, &case.declarant_code);
    let before = match step.requests.seen(&key, &amendment.digest) {
        RequestStatus::New => return file(step, amendment, key).await,
        RequestStatus::Same(outcome) => return Ok(Ok(filing::read(outcome)?.version)),
        RequestStatus::Other(outcome) => filing::read(outcome)?,
    };
    let is_version = before.kind == FilingKind::Amend && before.declaration == id;
    let body = is_version.then_some(&amendment.body[..]);
    let or = if is_version { "version" } else { "request_id" };
    Ok(Err(filing::reused(step, &before, body, or).await?))
}

async fn file(
    step: &mut DeclarationTransaction<'_>,
    amendment: &Amendment,
    key: RequestKey,
) -> Result<Result<u32, Refusal>, Fault> {
    let id = amendment.id;
    step.enter_waiting(id)?;
    let Some(case) = step.cases.get_mut(&id) else {
        return Ok(Err(Refusal::of(Code::NotFound).with("name", id.name())));
    };
    let order = OrderKey::of(case);
    let has_order =
        case.clearance.phase != Phase::Rejected || step.orders.declaration(&order) == Some(id);
    if !case.current || !has_order {
        // Another declaration has its order or its number by now: amended, there would be two for one.
        return Ok(Err(taken(step, id)));
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
    step.outside.remove(case);
    case.logistics_no.clone_from(&amendment.checked.declaration.logistics_no);
    case.bill_no.clone_from(&amendment.checked.declaration.bill_no);
    step.outside.put(case);
    step.record(id, [HistoryFact::Amended { previous_version }]);
    step.keep_content(id, then.version, amendment.body.clone())?;
    step.enter(id, &amendment.origin)?;
    filing::keep(
        step,
        (key, amendment.digest, &amendment.origin),
        FilingKind::Amend,
        (id, then.version),
    );
    Ok(Ok(then.version))
}

/// What another declaration took while this one had ended: named where it is of the same declarant.
fn taken(step: &DeclarationTransaction<'_>, id: DeclarationId) -> Refusal {
    let Some(case) = step.cases.get(&id) else { return Refusal::of(Code::NotFound) };
    let by_now = step.orders.declaration(&OrderKey::of(case)).filter(|by_now| *by_now != id);
    let row = by_now.and_then(|by_now| step.cases.get(&by_now)).map(KeyHolder::of);
    let holder = row.as_ref().or_else(|| by_now.and_then(|by_now| step.orders.holder(by_now)));
    let key = format!("ebc.code {} + order_no {}", case.ebc_code, case.order_no);
    match holder {
        Some(holder) if holder.declarant_code == case.declarant_code => {
            holder.named(Refusal::of(Code::BusinessKeyTaken).with("key", key))
        }
        Some(_) => Refusal::of(Code::OrderDeclared).with("key", key),
        // Its own number: that of the declaration that has it is found by it.
        None => Refusal::of(Code::BusinessKeyTaken).with(
            "key",
            format!("declarant.code {} + cop_no {}", case.declarant_code, case.cop_no),
        ),
    }
}

/// The first field that makes it another declaration instead of a new version of this one.
fn identity_changed(case: &DeclarationRow, checked: &ValidDeclaration) -> Option<&'static str> {
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
