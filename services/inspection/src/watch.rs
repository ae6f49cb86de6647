//! Following orders.

use domain::principal::Scope;
use domain::{DeclarationId, Principal};
use futures::Stream;
use store::Unanswered;
use store::follow::{self, Cursors, News};
use store::journal::{self, Entry};

use crate::view::{Seen, View};
use crate::{Inspection, read};

/// Follows what a caller may see, from a token or from now; one order from its beginning. Where it begins
/// is settled before this returns: what is listed afterwards and what is told leave nothing out between.
pub(crate) async fn watch(
    inspection: &Inspection,
    principal: &Principal,
    only: Option<DeclarationId>,
    given: &str,
) -> Result<impl Stream<Item = Result<News, Unanswered>> + Send + use<>, Unanswered> {
    let view = View::of(&inspection.reads, principal).await?;
    let token = inspection.tokens.of(&principal.name, ("watch", only))?;
    let known = follow::read_token(&token, given)?;
    let (from, history) = start(inspection, &view, only, known).await?;
    let reader = inspection.tail.read(inspection.reads.clone(), from);
    let concerns = move |entry: &Entry| {
        only.is_none_or(|id| id.uuid() == entry.subject) && is_shown(&view, entry)
    };
    Ok(follow::follow(token, reader, history, concerns, inspection.draining.clone()))
}

/// The positions after which a watcher reads, and what it is told before.
async fn start(
    inspection: &Inspection,
    view: &View,
    only: Option<DeclarationId>,
    known: Option<Cursors>,
) -> Result<(Cursors, Vec<Entry>), Unanswered> {
    let slots = match (only, view) {
        (Some(id), _) => vec![id.slot()],
        (None, View::Of(scope)) => scope.slots(),
        (None, View::At(_)) => Scope::All.slots(),
    };
    let columns: Vec<i16> = slots.iter().map(|slot| slot.column()).collect();
    let heads = journal::heads(&inspection.reads, &columns).await?;
    let mut history = Vec::new();
    if let Some(id) = only {
        read::order(&inspection.reads, view, id).await?;
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

/// Whether the order is shown to this caller as it stood after an entry.
fn is_shown(view: &View, entry: &Entry) -> bool {
    if let View::Of(scope) = view {
        return scope.covers(&entry.owner);
    }
    let read = entry.body.as_deref().and_then(|body| proto::inspection::decode_record(body).ok());
    // One that cannot be read is shown to nobody of whom it is not known whether it is theirs.
    read.is_some_and(|order| {
        let state = order.state.as_ref();
        let appointment = state.and_then(|state| state.appointment.as_ref());
        view.shows(Seen {
            declarant_code: &order.declarant_code,
            port_code: &order.port_code,
            place: appointment.map_or("", |appointment| &appointment.place),
            claimed_by: &order.claimed_by,
        })
    })
}
