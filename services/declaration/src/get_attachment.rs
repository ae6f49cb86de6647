//! Shows attachments: to whoever they were kept for, and to those whom a declaration concerns that names them.
//!
//! Whom it concerns: those who may see it anyway, customs and quarantine, and the site at which its inspection is
//! appointed. For everybody else the declaration is not there (SW-1201), nor what it names. A digest that the
//! declaration does not name opens nothing, so that a caller who knows one learns nothing of other declarations.

use std::sync::Arc;

use bytes::Bytes;
use domain::principal::{ALL_PLACES, Scope};
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Kind, Principal, Slot};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use store::Fault;
use store::journal::JournalEntry;
use uuid::Uuid;

use crate::attachment::{NamedAttachment, digest, own_space};
use crate::attachment_rows::{self as rows, AttachmentOwner, PartKey, StoredAttachment};
use crate::{Declarations, Error, read, wire};

/// A declaration as somebody sees it whom it concerns.
pub(crate) struct ConcernedDeclaration {
    pub(crate) declarant_code: String,
    history: Vec<JournalEntry>,
}

/// Reads a declaration for a caller whom it concerns.
pub(crate) async fn concerned(
    own: &Declarations,
    principal: &Principal,
    id: DeclarationId,
) -> Result<ConcernedDeclaration, Error> {
    let scope = match principal.kind {
        Kind::Customs | Kind::Quarantine | Kind::Site => Scope::All,
        _ => principal.scope(),
    };
    let (_, positions) = read::locate(&own.pool, &scope, id).await?;
    let history = own.tail.at(&own.pool, id.slot(), &positions).await?;
    let none = || Refusal::of(Code::NotFound).with("name", id.name());
    // What is archived has no entries, and names nothing any more.
    let declarant_code = history.first().map(|entry| entry.owner.clone()).ok_or_else(none)?;
    if principal.kind == Kind::Site {
        let place = wire::place(&history)?;
        let own = |own: &String| own == ALL_PLACES || Some(own) == place.as_ref();
        if place.is_none() || !principal.places.iter().any(own) {
            return Err(none().into());
        }
    }
    Ok(ConcernedDeclaration { declarant_code, history })
}

/// Lists what a declaration names, each with what is here of it.
pub(crate) async fn list(
    own: &Declarations,
    principal: &Principal,
    declaration: &str,
) -> Result<Vec<(NamedAttachment, Option<StoredAttachment>)>, Error> {
    let id = read::parse_name(declaration)?;
    let ConcernedDeclaration { declarant_code, history } = concerned(own, principal, id).await?;
    let named = wire::named(&history)?;
    let digests: Vec<_> = named.iter().map(|it| it.sha256).collect();
    let here = rows::find(&own.pool, &AttachmentOwner::of(&declarant_code), &digests).await?;
    let with_here = |named: NamedAttachment| {
        let here = here.iter().find(|here| here.sha256 == named.sha256).cloned();
        (named, here)
    };
    Ok(named.into_iter().map(with_here).collect())
}

/// An attachment that somebody reads.
pub(crate) struct AttachmentContent {
    pub(crate) named: NamedAttachment,
    pub(crate) stored: StoredAttachment,
    pub(crate) parts: BoxStream<'static, Result<Bytes, Fault>>,
}

/// Gives the bytes of one: of a declaration, or of those that were kept for a declarant.
pub(crate) async fn get(
    own: Arc<Declarations>,
    principal: &Principal,
    sha256: &str,
    (declaration, declarant): (String, String),
) -> Result<AttachmentContent, Error> {
    let sha256 = digest(sha256)?;
    let (owner, named) = if declaration.is_empty() {
        let nameless = NamedAttachment {
            sha256,
            kind: String::new(),
            name: String::new(),
            version: 0,
            declared_bytes: 0,
        };
        (own_space(principal, declarant)?, nameless)
    } else {
        let id = read::parse_name(&declaration)?;
        let ConcernedDeclaration { declarant_code, history } =
            concerned(&own, principal, id).await?;
        let named = wire::named(&history)?.into_iter().find(|it| it.sha256 == sha256);
        let named = named.ok_or_else(|| Refusal::of(Code::NotFound).with("sha256", sha256))?;
        (AttachmentOwner::of(&declarant_code), named)
    };
    let here = rows::find(&own.pool, &owner, &[sha256]).await?.pop();
    let missing = if declaration.is_empty() { Code::NotFound } else { Code::AttachmentNotHere };
    let stored = here.ok_or_else(|| Refusal::of(missing).with("sha256", sha256))?;
    let parts = owned_parts(own, owner.slot, stored.upload_id).boxed();
    Ok(AttachmentContent { named, stored, parts })
}

/// The same for a stream that somebody reads as slowly as he likes: what it takes of the database it gives back before.
fn owned_parts(
    own: Arc<Declarations>,
    slot: Slot,
    upload: Uuid,
) -> impl Stream<Item = Result<Bytes, Fault>> + Send {
    futures::stream::try_unfold((own, 1), move |(own, number)| async move {
        let turn = own.tail.turn().await;
        let (pool, cipher) = (own.pool.clone(), own.attachments.cipher.clone());
        let key = PartKey { slot, upload, number };
        let read = own.tail.drive(async move { rows::part(&pool, &cipher, key).await });
        let part = read.await?;
        drop(turn);
        Ok(part.map(|part| (part, (own, number + 1))))
    })
}
