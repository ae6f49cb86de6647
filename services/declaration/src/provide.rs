//! Providing documents that an agency asked for (补充单证), while the declaration stays as it is.
//!
//! The invariant: a request is answered once, while it is open, and the content keeps its version. Attachments are
//! looked for before the transaction: one that is here is never removed.

use std::collections::BTreeSet;

use domain::attachment::AttachmentDigest;
use domain::clearance::{self, Agency, Event, Stand};
use domain::document_request::ProvidedDocument;
use domain::history::HistoryFact;
use domain::principal::Scope;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Principal, RequestId};
use proto::stored::FilingKind;
use sha2::{Digest as _, Sha256};
use store::Fault;
use store::journal::Origin;
use store::request::{Digest, RequestKey, RequestStatus};

use crate::attachment_rows::{self, AttachmentOwner};
use crate::transaction::DeclarationTransaction;
use crate::{Declarations, Error, filing, read};

/// An answer to a request for documents that waits for its transaction.
#[derive(Debug, Clone)]
pub(crate) struct Provision {
    pub(crate) request_id: RequestId,
    pub(crate) id: DeclarationId,
    seen: u32,
    scope: Scope,
    /// The request that is answered.
    asked: RequestId,
    documents: Vec<ProvidedDocument>,
    /// Those of its attachments that were uploaded.
    here: BTreeSet<AttachmentDigest>,
    digest: Digest,
    origin: Origin,
}

/// From the message to an answer.
pub(crate) async fn parse(
    declarations: &Declarations,
    principal: &Principal,
    (request_id, name, seen): (&str, &str, u32),
    (asked, documents): (&str, Vec<ProvidedDocument>),
    origin: Origin,
) -> Result<Provision, Error> {
    let request_id = proto::exchange::request(request_id)?;
    let id = read::parse_name(name)?;
    // What is no id names no request that is open.
    let Ok(asked) = proto::exchange::request(asked) else {
        let refusal = Refusal::of(Code::NoDocumentRequest);
        return Err(refusal.with("document_request_id", asked).into());
    };
    let scope = principal.scope();
    let (declarant, _) = read::locate(&declarations.pool, &scope, id).await?;
    let named: Vec<_> =
        documents.iter().filter_map(|it| AttachmentDigest::parse(&it.sha256)).collect();
    let owner = AttachmentOwner::of(&declarant);
    let here = attachment_rows::find(&declarations.pool, &owner, &named).await?;
    let here = here.into_iter().map(|it| it.sha256).collect();
    let digest = digest((id, seen, asked), &documents);
    Ok(Provision { request_id, id, seen, scope, asked, documents, here, digest, origin })
}

fn digest(
    (id, seen, RequestId(asked)): (DeclarationId, u32, RequestId),
    documents: &[ProvidedDocument],
) -> Digest {
    let mut hash = Sha256::new()
        .chain_update(b"provide")
        .chain_update(id.uuid().as_bytes())
        .chain_update(seen.to_be_bytes())
        .chain_update(asked.as_bytes());
    for ProvidedDocument { kind, number, sha256, name, reason } in documents {
        for text in [kind, number, sha256, name, reason] {
            // No text has this byte, so none runs into the next.
            hash = hash.chain_update(text).chain_update([0xff]);
        }
    }
    hash.finalize().into()
}

/// Keeps the answer, or answers as it was answered before.
pub(crate) async fn provide(
    step: &mut DeclarationTransaction<'_>,
    provision: &Provision,
) -> Result<Result<(), Refusal>, Fault> {
    let id = provision.id;
    let visible = step.cases.get(&id).filter(|case| provision.scope.covers(&case.declarant_code));
    let Some(case) = visible else {
        // Before anything else: a request id tells nothing of another's declaration either.
        return Ok(Err(Refusal::of(Code::NotFound).with("name", id.name())));
    };
    let key = filing::key(id.slot(), provision.request_id, &case.declarant_code);
    let before = match step.requests.seen(&key, &provision.digest) {
        RequestStatus::New => return answer(step, provision, key).await,
        RequestStatus::Same(_) => return Ok(Ok(())),
        RequestStatus::Other(outcome) => filing::read(outcome)?,
    };
    let is_same = before.kind == FilingKind::Provide && before.declaration == id;
    let field = if is_same { "documents" } else { "request_id" };
    Ok(Err(filing::reused(step, &before, None, field).await?))
}

async fn answer(
    step: &mut DeclarationTransaction<'_>,
    provision: &Provision,
    key: RequestKey,
) -> Result<Result<(), Refusal>, Fault> {
    let Provision { id, seen, asked: request, .. } = *provision;
    let now = step.case(id)?.clearance;
    let mut open = None;
    for agency in Agency::ALL.into_iter().filter(|it| now.stand(*it) == Stand::AwaitsDocuments) {
        let found = step.document_request(id, agency).await?;
        open = found.filter(|it| it.request == request).map(|it| (agency, it.asked)).or(open);
    }
    // Whose it is matters only where one is open: otherwise the machine says what stands against it.
    let to = open.as_ref().map_or(Agency::Customs, |(agency, _)| *agency);
    let (then, _) = match clearance::next(now, Event::Provide { to, seen }) {
        Ok(next) => next,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some((agency, asked)) = open else {
        return Ok(Err(Refusal::of(Code::NoDocumentRequest)));
    };
    let violations = asked.check_answer(&provision.documents, &provision.here);
    if !violations.is_empty() {
        return Ok(Err(Refusal::invalid(violations)));
    }
    step.enter_waiting(id)?;
    step.case(id)?.clearance = then;
    let documents = provision.documents.clone();
    step.record(id, [HistoryFact::DocumentsProvided { request, agency, documents }]);
    step.enter(id, &provision.origin)?;
    filing::keep(
        step,
        (key, provision.digest, &provision.origin),
        FilingKind::Provide,
        (id, then.version),
    );
    Ok(Ok(()))
}
