//! What was answered and has not been read, or not even asked for: where it is held, and since when.
//!
//! The library below takes a piece of an answer and keeps it until the caller's windows and socket have
//! room. So the piece itself carries what its call holds, and is seen by its connection, which ends when
//! the oldest one waits too long.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::limits;
use proto::memory::{CallMemory, Charge};

use crate::quotas::HeldPermits;

/// What a piece holds: its own bytes or those of its whole call, and the places of the call.
#[derive(Debug)]
pub(crate) struct UnreadBytes {
    pub(crate) _charge: Option<Charge>,
    pub(crate) _call: Option<CallMemory>,
    pub(crate) _places: Arc<HeldPermits>,
}

/// The pieces of answers on one connection that are not on their way yet, and the answers of which no piece is
/// asked for.
#[derive(Debug, Clone, Default)]
pub struct UnreadPieces(Arc<Mutex<Pieces>>);

#[derive(Debug, Default)]
struct Pieces {
    next: u64,
    due: BTreeSet<(Instant, u64)>,
}

impl UnreadPieces {
    /// When the first of them has waited too long.
    pub fn due(&self) -> Option<Instant> {
        let pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.due.first().map(|(due, _)| *due)
    }

    /// A piece that waits to be read.
    pub(crate) fn piece(&self, bytes: Bytes, within: Duration, held: UnreadBytes) -> Bytes {
        let due = self.wait(within_for(within, bytes.len()));
        Bytes::from_owner(Piece { bytes, _due: due, _held: held })
    }

    /// The rest of an answer that waits to be asked for, behind a piece of so many bytes: the library asks
    /// when the caller's windows have room, and never when they have none.
    pub(crate) fn rest(&self, within: Duration, behind: usize) -> DuePiece {
        self.wait(within_for(within, behind))
    }

    fn wait(&self, within: Duration) -> DuePiece {
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Instant::now() + within, pieces.next);
        pieces.next += 1;
        pieces.due.insert(key);
        drop(pieces);
        DuePiece { key, unread: self.clone() }
    }
}

/// How long so many bytes may wait: so long at the first and a while longer for each.
fn within_for(within: Duration, bytes: usize) -> Duration {
    // A usize fits.
    let size = u64::try_from(bytes).unwrap_or(u64::MAX);
    within + Duration::from_secs(size / limits::READ_BYTES_PER_SECOND)
}

/// Something that waits for the caller, until this is dropped.
#[derive(Debug)]
pub(crate) struct DuePiece {
    key: (Instant, u64),
    unread: UnreadPieces,
}

/// A piece of an answer with what it holds.
struct Piece {
    bytes: Bytes,
    _due: DuePiece,
    _held: UnreadBytes,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for DuePiece {
    fn drop(&mut self) {
        let mut pieces = self.unread.0.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.due.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_piece_says_when_it_is_over() {
        let unread = UnreadPieces::default();
        let piece = |bytes: &'static [u8], seconds| {
            let held =
                UnreadBytes { _charge: None, _call: None, _places: Arc::new(HeldPermits::none()) };
            unread.piece(Bytes::from_static(bytes), Duration::from_secs(seconds), held)
        };
        let (late, soon) = (piece(b"late", 60), piece(b"soon", 1));
        let part = soon.slice(2..);
        let first = unread.due().expect("two wait");
        assert!(first < Instant::now() + Duration::from_secs(2));
        drop(soon);
        assert_eq!(unread.due(), Some(first), "a part of it waits");
        drop(part);
        assert!(unread.due().is_some_and(|due| due > first));
        assert_eq!(late, b"late"[..]);
        drop(late);
        assert_eq!(unread.due(), None);
        let rest = unread.rest(Duration::from_secs(1), 0);
        assert!(unread.due().is_some(), "nobody asks for it");
        drop(rest);
        assert_eq!(unread.due(), None);
    }
}
