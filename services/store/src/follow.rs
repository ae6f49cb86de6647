//! Following a journal for people: resumable by a token that they keep, read only, without end.
//!
//! The invariant: from a token on nothing is left out and the order within a slot is kept. After a
//! cut some entries may come again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::refusal::{Code, Refusal};
use domain::{Slot, limits};
use futures::Stream;
use tokio_util::sync::CancellationToken;

use crate::Unanswered;
use crate::journal::{Entry, Reader};

/// What a watcher is told.
#[derive(Debug)]
pub enum News {
    /// Something happened; the token is there with the last entry of a burst.
    Entry(Box<Entry>, Option<String>),
    /// Nothing did; here is a newer token.
    Quiet(String),
}

/// Where each slot is read from.
pub type Cursors = BTreeMap<Slot, i64>;

/// Tells `history`, then what `concerns` the watcher, until `draining`.
pub fn follow(
    mut reader: Reader,
    history: Vec<Entry>,
    concerns: impl Fn(&Entry) -> bool + Send + Sync,
    draining: CancellationToken,
) -> impl Stream<Item = Result<News, Unanswered>> + Send {
    async_stream::try_stream! {
        let mut history = history.into_iter().peekable();
        while let Some(entry) = history.next() {
            let token = history.peek().is_none().then(|| write_token(reader.cursors()));
            yield News::Entry(Box::new(entry), token);
        }
        let wait = Duration::from_secs(limits::HEARTBEAT_SECONDS);
        let mut told = Instant::now();
        loop {
            let read = tokio::select! {
                read = tokio::time::timeout(wait, reader.next()) => Some(read),
                () = draining.cancelled() => None,
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
            let mut own = entries?.into_iter().filter(|entry| concerns(entry)).peekable();
            if own.peek().is_none() && told.elapsed() > wait {
                // Others in the slot are busy: the token goes forward all the same.
                told = Instant::now();
                yield News::Quiet(write_token(reader.cursors()));
            }
            while let Some(entry) = own.next() {
                told = Instant::now();
                let token = own.peek().is_none().then(|| write_token(reader.cursors()));
                yield News::Entry(Box::new(entry), token);
            }
        }
    }
}

/// Where a watcher begins: at its token, or at the heads. With a token, a slot that it does not name was
/// empty then.
pub fn begin(heads: Vec<(Slot, i64)>, known: Option<&Cursors>) -> Cursors {
    let resumed = |(slot, head): (Slot, i64)| {
        let resumed = known.map(|known| known.get(&slot).copied().unwrap_or(0));
        (slot, resumed.unwrap_or(head).min(head))
    };
    heads.into_iter().map(resumed).collect()
}

/// Slot and position of each slot that has entries, nine bytes each.
fn write_token(cursors: &Cursors) -> String {
    let mut bytes = vec![1];
    for (slot, position) in cursors.iter().filter(|(_, position)| **position > 0) {
        bytes.push(slot.byte());
        bytes.extend_from_slice(&position.to_be_bytes());
    }
    BASE64.encode(bytes)
}

/// Reads a token; `None` when there is none.
///
/// # Errors
///
/// [`Code::ResumeTokenMalformed`].
pub fn read_token(token: &str) -> Result<Option<Cursors>, Refusal> {
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
