//! Following a journal for people: resumable by a token that they keep, read only, without end.
//!
//! The invariant: from a token on nothing is left out and the order within a slot is kept. After a
//! cut some entries may come again.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Slot;
use domain::refusal::{Code, Refusal};
use futures::Stream;
use tokio_util::sync::CancellationToken;

use crate::journal::JournalEntry;
use crate::tail::{Reader, Signal};
use crate::token::Token;
use crate::{Fault, ServiceError};

/// What a watcher is told.
#[derive(Debug)]
pub enum JournalUpdate {
    /// Something happened; the token is there with the last entry of a burst.
    Entry(Arc<JournalEntry>, Option<String>),
    /// Nothing did; here is a newer token.
    Quiet(String),
}

/// Where each slot is read from.
pub type Cursors = BTreeMap<Slot, i64>;

/// The token of a watcher who wants everything since the first entry.
pub const BEGINNING: &str = "beginning";

/// Tells `history`, then what `concerns` the watcher, until `draining`.
pub fn follow(
    token: Token,
    mut reader: Reader,
    history: Vec<JournalEntry>,
    concerns: impl Fn(&JournalEntry) -> bool + Send + Sync,
    draining: CancellationToken,
) -> impl Stream<Item = Result<JournalUpdate, ServiceError>> + Send {
    async_stream::try_stream! {
        let mut history = history.into_iter().peekable();
        while let Some(entry) = history.next() {
            let token = history.peek().is_none().then(|| write_token(&token, reader.cursors()));
            yield JournalUpdate::Entry(Arc::new(entry), token.transpose()?);
        }
        loop {
            let signal = tokio::select! {
                signal = reader.next_signal() => Some(signal),
                () = draining.cancelled() => None,
            };
            let Some(signal) = signal else {
                Err(Refusal::of(Code::Unavailable).with("reason", "the window drains"))?;
                break;
            };
            let entries = match signal? {
                // At its time, whatever others in the slot do: when it comes says nothing of them.
                Signal::Beat => {
                    yield JournalUpdate::Quiet(write_token(&token, reader.cursors())?);
                    continue;
                }
                Signal::Entries(entries) => entries,
            };
            let mut own = entries.into_iter().filter(|entry| concerns(entry)).peekable();
            while let Some(entry) = own.next() {
                let token = own.peek().is_none().then(|| write_token(&token, reader.cursors()));
                yield JournalUpdate::Entry(entry, token.transpose()?);
            }
        }
    }
}

/// Where a watcher begins: at its token, or at the heads. With a token, it could not see a slot that is not
/// named there, and is told all of it.
pub fn begin(heads: Vec<(Slot, i64)>, known: Option<&Cursors>) -> Cursors {
    let resumed = |(slot, head): (Slot, i64)| {
        let resumed = known.map(|known| known.get(&slot).copied().unwrap_or(0));
        (slot, resumed.unwrap_or(head).min(head))
    };
    heads.into_iter().map(resumed).collect()
}

/// Slot and position of each slot, nine bytes each. Those without entries too: how many there are would show
/// in the length.
fn write_token(token: &Token, cursors: &Cursors) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(9 * cursors.len());
    for (slot, position) in cursors {
        bytes.push(slot.byte());
        bytes.extend_from_slice(&position.to_be_bytes());
    }
    token.write(&bytes)
}

/// Reads what a watcher gave; `None` when it gave nothing.
///
/// # Errors
///
/// [`Code::ResumeTokenMalformed`], also when it was made for somebody else or for another watch.
pub fn read_token(token: &Token, given: &str) -> Result<Option<Cursors>, Refusal> {
    match given {
        "" => return Ok(None),
        BEGINNING => return Ok(Some(Cursors::new())),
        _ => {}
    }
    let malformed = || Refusal::of(Code::ResumeTokenMalformed);
    let bytes = token.read(given).ok_or_else(malformed)?;
    let (cursors, []) = bytes.as_chunks::<9>() else { return Err(malformed()) };
    cursors
        .iter()
        .map(|cursor| {
            let [slot, position @ ..] = *cursor;
            let slot = Slot::new(u32::from(slot)).ok_or_else(malformed)?;
            Ok((slot, i64::from_be_bytes(position)))
        })
        .collect::<Result<_, _>>()
        .map(Some)
}
