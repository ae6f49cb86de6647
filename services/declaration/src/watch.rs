//! Following one's own declarations.

use domain::DeclarationId;
use domain::Principal;
use domain::principal::Scope;
use futures::Stream;
use store::Fault;
pub(crate) use store::follow::News;
use store::follow::{self, Cursors};
use store::journal::{self, Entry};

use crate::{Declarations, Error};

/// Follows what a caller may see, from a token or from now; one declaration from its beginning. Where it
/// begins is settled before this returns.
pub(crate) async fn watch(
    declarations: &Declarations,
    principal: &Principal,
    name: &str,
    given: &str,
) -> Result<impl Stream<Item = Result<News, Error>> + Send + use<>, Error> {
    let only = if name.is_empty() { None } else { Some(crate::read::parse_name(name)?) };
    let scope = principal.scope();
    let token = declarations.tokens.of(&principal.name, ("watch", name))?;
    let known = follow::read_token(&token, given)?;
    let (from, history) = start(declarations, &scope, only, known).await?;
    let reader = declarations.tail.read(declarations.pool.clone(), from);
    let concerns = move |entry: &Entry| {
        scope.covers(&entry.owner) && only.is_none_or(|id| id.uuid() == entry.subject)
    };
    Ok(follow::follow(token, reader, history, concerns, declarations.draining.clone()))
}

/// The positions after which a watcher reads, and what it is told before: the history of the one
/// declaration that it asked for.
async fn start(
    declarations: &Declarations,
    scope: &Scope,
    only: Option<DeclarationId>,
    known: Option<Cursors>,
) -> Result<(Cursors, Vec<Entry>), Error> {
    let slots = only.map_or_else(|| scope.slots(), |id| vec![id.slot()]);
    let columns: Vec<i16> = slots.iter().map(|slot| slot.column()).collect();
    let heads = journal::heads(&declarations.pool, &columns).await?;
    let mut history = Vec::new();
    if let Some(id) = only {
        let (mut positions, _) = crate::read::locate(&declarations.pool, scope, id).await?;
        if known.is_none() {
            // What is newer than the head that was read before comes from the reader.
            let (_, head) = heads.first().ok_or_else(|| {
                Fault::Broken(format!("declaration {id} is in a slot without head"))
            })?;
            positions.retain(|position| position <= head);
            history = journal::at(&declarations.pool, id.slot(), &positions).await?;
        }
    }
    Ok((follow::begin(heads, known.as_ref()), history))
}
