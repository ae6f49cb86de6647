//! What enterprises asked for, kept once for each of their request ids: the receipt is the idempotency
//! record.

use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, RequestId, Slot};
use proto::stored::{FilingKind, FilingRecord};
use store::Fault;
use store::journal::Origin;
use store::request::RequestKey;

use crate::key_holder::KeyHolder;
use crate::transaction::DeclarationTransaction;

/// The key of a firm's request: every declarant makes up its own ids.
pub(crate) fn key(slot: Slot, id: RequestId, declarant_code: &str) -> RequestKey {
    RequestKey { slot, id, caller: declarant_code.to_owned() }
}

/// What was kept of a request that came before.
pub(crate) fn read(outcome: &[u8]) -> Result<FilingRecord, Fault> {
    FilingRecord::decode(outcome)
        .ok_or_else(|| Fault::Broken("a kept filing cannot be read".to_owned()))
}

/// Refuses a request because its id was used for another one of the same firm: names the field in which
/// they differ, `or` where their contents do not, and what was filed.
pub(crate) async fn reused(
    step: &mut DeclarationTransaction<'_>,
    before: &FilingRecord,
    body: Option<&[u8]>,
    or: &str,
) -> Result<Refusal, Fault> {
    let id = before.declaration;
    let field = match body {
        Some(body) => {
            let unreadable = |error| Fault::Broken(format!("a content cannot be read: {error}"));
            // What was archived is not compared any more.
            match step.content(id, before.version).await? {
                Some(kept) => {
                    proto::declaration::first_difference(&kept, body).map_err(unreadable)?
                }
                None => None,
            }
        }
        None => None,
    };
    let refusal = Refusal::of(Code::RequestIdReused);
    let refusal = refusal.with("field", field.unwrap_or_else(|| or.to_owned()));
    Ok(KeyHolder::of(step.case(id)?).named(refusal))
}

/// Notes a request with what came of it.
pub(crate) fn keep(
    step: &mut DeclarationTransaction<'_>,
    (key, digest, origin): (RequestKey, store::request::Digest, &Origin),
    kind: FilingKind,
    (declaration, version): (DeclarationId, u32),
) {
    let filing = FilingRecord { kind, declaration, version };
    step.requests.keep_by(&origin.actor, key, digest, filing.encode());
}
