//! Following one's own declarations: resumable, read only, without end.
//!
//! The invariant: from a token on nothing is left out and the order within a slot is kept. After a
//! cut some entries may come again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::principal::Scope;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Slot, limits};
use futures::Stream;
use store::journal::{self, Entry};

use crate::{Declarations, Error};

/// What a watcher is told.
#[derive(Debug)]
pub(crate) enum News {
    /// Something happened; the token is there with the last entry of a burst.
    Entry(Entry, Option<String>),
    /// Nothing did; here is a newer token.
    Quiet(String),
}

/// Follows what a caller may see, from a token or from now; one declaration from its beginning.
pub(crate) fn watch(
    declarations: Arc<Declarations>,
    scope: Scope,
    name: String,
    token: String,
) -> impl Stream<Item = Result<News, Error>> + Send {
    async_stream::try_stream! {
        let only = if name.is_empty() { None } else { Some(crate::read::parse_name(&name)?) };
        let (from, history) = start(&declarations, &scope, only, &token).await?;
        let mut reader = declarations.tail.read(declarations.pool.clone(), from);
        let mut history = history.into_iter().peekable();
        while let Some(entry) = history.next() {
            let token = history.peek().is_none().then(|| write_token(reader.cursors()));
            yield News::Entry(entry, token);
        }
        let wait = Duration::from_secs(limits::HEARTBEAT_SECONDS);
        let mut told = Instant::now();
        loop {
            let read = tokio::select! {
                read = tokio::time::timeout(wait, reader.next()) => Some(read),
                () = declarations.draining.cancelled() => None,
            };
            let Some(read) = read else {
                Err(Refusal::of(Code::Unavailable).with("reason", "the window drains"))?;
                break;
            };
            let Ok(entries) = read.map_err(drop) else {
                told = Instant::now();
                yield News::Quiet(write_token(reader.cursors()));
                continue;
            };
            let mut own = entries?
                .into_iter()
                .filter(|entry| scope.covers(&entry.owner))
                .filter(|entry| only.is_none_or(|id| id.uuid() == entry.subject))
                .peekable();
            if own.peek().is_none() && told.elapsed() > wait {
                // Others in the slot are busy: the token goes forward all the same.
                told = Instant::now();
                yield News::Quiet(write_token(reader.cursors()));
            }
            while let Some(entry) = own.next() {
                told = Instant::now();
                let token = own.peek().is_none().then(|| write_token(reader.cursors()));
                yield News::Entry(entry, token);
            }
        }
    }
}

/// The positions after which a watcher reads, and what it is told before: the history of the one
/// declaration that it asked for.
async fn start(
    declarations: &Declarations,
    scope: &Scope,
    only: Option<DeclarationId>,
    token: &str,
) -> Result<(BTreeMap<Slot, i64>, Vec<Entry>), Error> {
    let known = read_token(token)?;
    let slots = only.map_or_else(|| scope.slots(), |id| vec![id.slot()]);
    let columns: Vec<i16> = slots.iter().map(|slot| slot.column()).collect();
    let heads = journal::heads(&declarations.pool, &columns).await?;
    let mut history = Vec::new();
    if let Some(id) = only {
        let (mut positions, _) = crate::read::locate(&declarations.pool, scope, id).await?;
        if known.is_none() {
            // What is newer than the head that was read before comes from the reader.
            let head = heads.first().map_or(0, |(_, head)| *head);
            positions.retain(|position| *position <= head);
            history = journal::at(&declarations.pool, id.slot(), &positions).await?;
        }
    }
    let from = heads
        .into_iter()
        .map(|(slot, head)| {
            // With a token, a slot that it does not name was empty then.
            let resumed = known.as_ref().map(|known| known.get(&slot).copied().unwrap_or(0));
            (slot, resumed.unwrap_or(head).min(head))
        })
        .collect();
    Ok((from, history))
}

/// Slot and position of each slot that has entries, nine bytes each.
fn write_token(cursors: &BTreeMap<Slot, i64>) -> String {
    let mut bytes = vec![1];
    for (slot, position) in cursors.iter().filter(|(_, position)| **position > 0) {
        bytes.push(u8::try_from(slot.number()).unwrap_or_default());
        bytes.extend_from_slice(&position.to_be_bytes());
    }
    BASE64.encode(bytes)
}

fn read_token(token: &str) -> Result<Option<BTreeMap<Slot, i64>>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    let malformed = || Refusal::of(Code::ResumeTokenMalformed);
    let bytes = BASE64.decode(token).map_err(|_| malformed())?;
    let Some((1, rest)) = bytes.split_first() else { return Err(malformed()) };
    let (cursors, []) = rest.as_chunks::<9>() else { return Err(malformed()) };
    cursors
        .iter()
        .map(|cursor| {
            let [slot, position @ ..] = *cursor;
            let slot = Slot::new(u32::from(slot)).ok_or_else(malformed)?;
            let position = i64::from_be_bytes(position);
            if position < 0 { Err(malformed()) } else { Ok((slot, position)) }
        })
        .collect::<Result<_, _>>()
        .map(Some)
}
