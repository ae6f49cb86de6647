//! A connection that is not read for a while, since a call on it was refused for what waits already.
//!
//! Whoever goes on at full speed then would be refused thousands of times a second, and reading and refusing costs
//! those who wait. So what comes after a refusal stays in the socket, whose flow control holds its sender back, until
//! there is room, or for the time after which it has to be told no again. Then as much is read as a filing or two have,
//! and twice as much each time as long as nothing of it is refused.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use domain::limits;
use kit::service::MostOfEach;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep_until};

const PAUSE: Duration = Duration::from_millis(limits::READ_PAUSE_MILLISECONDS_MAX);
const LOOK: Duration = Duration::from_millis(limits::READ_PAUSE_MILLISECONDS);
/// Beyond this all is read.
const PIECE_MAX: usize = 8 * limits::READ_PIECE_BYTES;
/// After which the calls of a piece were refused, if they are: they have tasks of their own.
const SETTLED: Duration = Duration::from_millis(5);

/// Until when a connection is not read.
#[derive(Clone, Default)]
pub struct ReadPause(Arc<Mutex<Option<Pause>>>);

struct Pause {
    ends: Instant,
    /// Of the service that refused: there is room when it names no bound.
    most_of_each: MostOfEach,
}

impl std::fmt::Debug for ReadPause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReadPause")
    }
}

impl ReadPause {
    /// A call was refused. Those that were read together with it make it no longer.
    pub(crate) fn begin(&self, most_of_each: &MostOfEach) {
        let mut pause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pause.is_none() {
            let most_of_each = Arc::clone(most_of_each);
            *pause = Some(Pause { ends: Instant::now() + PAUSE, most_of_each });
        }
    }

    /// When to look again whether the connection is read; `None` when it is.
    fn look_again(&self) -> Option<Instant> {
        let mut pause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let goes_on = |pause: &Pause| pause.ends > now && (pause.most_of_each)().is_some();
        if !pause.as_ref().is_some_and(goes_on) {
            *pause = None;
        }
        pause.as_ref().map(|pause| pause.ends.min(now + LOOK))
    }
}

/// Reads a connection with its pauses.
#[derive(Debug)]
pub(crate) struct PausedReader {
    pause: ReadPause,
    timer: Option<Pin<Box<Sleep>>>,
    /// Bytes that are read at once, since a call was refused; `None` while all is read.
    piece: Option<usize>,
    /// A piece was read, and nothing of it refused as yet.
    settles: bool,
}

impl PausedReader {
    pub(crate) fn new(pause: ReadPause) -> Self {
        Self { pause, timer: None, piece: None, settles: false }
    }

    /// Reads what comes, unless there is a pause: then it is pending until that is over.
    pub(crate) fn poll_read(
        &mut self,
        stream: Pin<&mut impl AsyncRead>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_pause(cx));
        let Some(piece) = self.piece else { return stream.poll_read(cx, buffer) };
        let mut bytes = [0; PIECE_MAX];
        let room = buffer.remaining().min(piece).min(PIECE_MAX);
        let mut piece = ReadBuf::new(&mut bytes[..room]);
        ready!(stream.poll_read(cx, &mut piece))?;
        buffer.put_slice(piece.filled());
        self.settles = true;
        self.timer = Some(Box::pin(sleep_until((Instant::now() + SETTLED).into())));
        Poll::Ready(Ok(()))
    }

    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(timer) = &mut self.timer {
                ready!(timer.as_mut().poll(cx));
                self.timer = None;
            }
            let settled = std::mem::take(&mut self.settles);
            let Some(at) = self.pause.look_again() else {
                if settled {
                    let twice = self.piece.map(|piece| 2 * piece);
                    self.piece = twice.filter(|piece| *piece <= PIECE_MAX);
                }
                return Poll::Ready(());
            };
            self.piece = Some(limits::READ_PIECE_BYTES);
            self.timer = Some(Box::pin(sleep_until(at.into())));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// Reads what there is within this time.
    async fn read(
        reader: &mut PausedReader,
        stream: &mut (impl AsyncRead + Unpin),
        within: Duration,
    ) -> usize {
        let mut bytes = vec![0; 64 * 1024];
        let mut buffer = ReadBuf::new(&mut bytes);
        let read =
            std::future::poll_fn(|cx| reader.poll_read(Pin::new(&mut *stream), cx, &mut buffer));
        match tokio::time::timeout(within, read).await {
            Ok(read) => read.expect("it is open"),
            Err(_) => return 0,
        }
        buffer.filled().len()
    }

    #[tokio::test]
    async fn what_is_refused_is_read_in_pieces_with_pauses_until_there_is_room() {
        let (mut sender, mut stream) = tokio::io::duplex(64 * 1024);
        let is_full = Arc::new(AtomicBool::new(true));
        let most: MostOfEach = {
            let is_full = Arc::clone(&is_full);
            Arc::new(move || is_full.load(Ordering::Relaxed).then_some(1))
        };
        let pause = ReadPause::default();
        let mut reader = PausedReader::new(pause.clone());
        let all = vec![1; 40 * 1024];
        sender.write_all(&all).await.expect("there is room");
        let long = 3 * PAUSE;
        assert_eq!(read(&mut reader, &mut stream, long).await, all.len(), "no pause");

        sender.write_all(&all).await.expect("there is room");
        pause.begin(&most);
        let begun = Instant::now();
        pause.begin(&most);
        assert_eq!(read(&mut reader, &mut stream, PAUSE / 2).await, 0, "it is not read");
        assert_eq!(read(&mut reader, &mut stream, long).await, limits::READ_PIECE_BYTES);
        assert!(begun.elapsed() >= PAUSE, "{:?}", begun.elapsed());

        pause.begin(&most);
        is_full.store(false, Ordering::Relaxed);
        assert_eq!(
            read(&mut reader, &mut stream, PAUSE / 2).await,
            limits::READ_PIECE_BYTES,
            "there is room before it ends"
        );
        let mut rest = all.len() - 2 * limits::READ_PIECE_BYTES;
        for twice in [2, 4, 8] {
            let piece = twice * limits::READ_PIECE_BYTES;
            assert_eq!(read(&mut reader, &mut stream, long).await, piece, "nothing was refused");
            rest -= piece;
        }
        assert_eq!(read(&mut reader, &mut stream, long).await, rest, "nor of that");
    }
}
