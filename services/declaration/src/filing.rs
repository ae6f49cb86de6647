//! What enterprises asked for, kept once for each of their request ids: the receipt is the idempotency
//! record.

use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, RequestId, Slot};
use proto::stored::{Filing, FilingKind};
use store::Fault;
use store::request::RequestKey;

use crate::step::Step;
use crate::submit::Holder;

/// The key of a firm's request: every declarant makes up its own ids.
pub(crate) fn key(slot: Slot, id: RequestId, declarant_code: &str) -> RequestKey {
    RequestKey { slot, id, caller: declarant_code.to_owned() }
}

/// What was kept of a request that came before.
pub(crate) fn read(outcome: &[u8]) -> Result<Filing, Fault> {
    Filing::decode(outcome).ok_or_else(|| Fault::Broken("a kept filing cannot be read".to_owned()))
}

/// Refuses a request because its id was used for another one of the same firm: names the field in which
/// they differ, `or` where their contents do not, and what was filed.
pub(crate) async fn reused(
    step: &mut Step<'_>,
    before: &Filing,
    body: Option<&[u8]>,
    or: &str,
) -> Result<Refusal, Fault> {
    let id = before.declaration;
    let field = match body {
        Some(body) => differs(step, before, body).await?,
        None => None,
    };
    let refusal = Refusal::of(Code::RequestIdReused);
    let refusal = refusal.with("field", field.unwrap_or_else(|| or.to_owned()));
    Ok(Holder::of(step.case(id)?).named(refusal))
}

/// The first field in which a content differs from the one that was filed.
pub(crate) async fn differs(
    step: &mut Step<'_>,
    before: &Filing,
    body: &[u8],
) -> Result<Option<String>, Fault> {
    let kept = step.content(before.declaration, before.position).await?;
    let field = proto::declaration::first_difference(&kept, body);
    field.map_err(|error| Fault::Broken(format!("a content cannot be read again: {error}")))
}

/// Notes a request with what came of it.
pub(crate) fn keep(
    step: &mut Step<'_>,
    (key, digest): (RequestKey, store::request::Digest),
    (kind, position): (FilingKind, i64),
    (declaration, version): (DeclarationId, u32),
) {
    let filing = Filing { kind, declaration, version, position };
    step.requests.keep(key, digest, filing.encode());
}
