//! Following orders.

use domain::principal::Scope;
use domain::{DeclarationId, Principal};
use futures::Stream;
use store::Unanswered;
use store::follow::{self, Cursors, News};
use store::journal::{self, Entry};

use crate::door::scope;
use crate::{Inspection, read};

/// Follows what a caller may see, from a token or from now; one order from its beginning. Where it begins
/// is settled before this returns: what is listed afterwards and what is told leave nothing out between.
pub(crate) async fn watch(
    inspection: &Inspection,
    principal: &Principal,
    only: Option<DeclarationId>,
    given: &str,
) -> Result<impl Stream<Item = Result<News, Unanswered>> + Send + use<>, Unanswered> {
    let scope = scope(principal);
    let token = inspection.tokens.of(&principal.name, ("watch", only))?;
    let known = follow::read_token(&token, given)?;
    let (from, history) = start(inspection, &scope, only, known).await?;
    let reader = inspection.tail.read(inspection.reads.clone(), from);
    let concerns = move |entry: &Entry| {
        scope.covers(&entry.owner) && only.is_none_or(|id| id.uuid() == entry.subject)
    };
    Ok(follow::follow(token, reader, history, concerns, inspection.draining.clone()))
}

/// The positions after which a watcher reads, and what it is told before.
async fn start(
    inspection: &Inspection,
    scope: &Scope,
    only: Option<DeclarationId>,
    known: Option<Cursors>,
) -> Result<(Cursors, Vec<Entry>), Unanswered> {
    let slots = only.map_or_else(|| scope.slots(), |id| vec![id.slot()]);
    let columns: Vec<i16> = slots.iter().map(|slot| slot.column()).collect();
    let heads = journal::heads(&inspection.reads, &columns).await?;
    let mut history = Vec::new();
    if let Some(id) = only {
        read::order(&inspection.reads, scope, id).await?;
        if known.is_none() {
            // What is newer than the head that was read before comes from the reader.
            let head = heads.first().map_or(0, |(_, head)| *head);
            let mut positions = read::positions(&inspection.reads, id).await?;
            positions.retain(|position| *position <= head);
            history = journal::at(&inspection.reads, id.slot(), &positions).await?;
        }
    }
    Ok((follow::begin(heads, known.as_ref()), history))
}
