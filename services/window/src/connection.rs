//! A connection after its handshake: who calls, what it holds, and when it has to end.
//!
//! It ends by itself when its caller does not say what it wants, stops amid a frame, floods us with
//! frames that carry nothing, or does not read what it asked for; a reader below sees an error then and
//! lets go of everything.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use domain::principal::ActingPerson;
use domain::refusal::Refusal;
use domain::{Principal, limits};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, sleep_until};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use crate::callers::{EvictionSignal, Newcomer};
use crate::frames::{CallerFrame, FrameHeads};
use crate::quotas::{CallerQuota, HeldPermits};
use crate::read_pause::ReadPause;
use crate::unread::UnreadPieces;

/// For what has to come next.
const PROGRESS: Duration = Duration::from_secs(limits::PROGRESS_SECONDS_MAX);
/// For the first word, and for whoever may not stay.
const PREFACE: Duration = Duration::from_secs(limits::PREFACE_SECONDS_MAX);
/// Why it ends. The caller is told over HTTP/2.
const FLOOD: &str = "too many frames that carry nothing";
const UNREAD: &str =
    "an answer waited too long to be read; read it, or use a connection of its own";
/// A connection that is closed while its peer still sends is reset, and what we said last is lost. So
/// what comes is thrown away for a moment.
const FAREWELL: Duration = Duration::from_millis(500);
const FAREWELL_BYTES_MAX: usize = 1024 * 1024;

/// The caller of a connection.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// `None` when its certificate is not in the registry, and without a certificate.
    pub principal: Option<Arc<Principal>>,
    /// Who acts in its name, by its certificate.
    pub actor: ActingPerson,
    /// What it has open.
    pub account: Option<Arc<CallerQuota>>,
    /// When its certificate is not accepted any more.
    pub over: Option<CancellationToken>,
    /// Why the connection may not stay; every call gets this answer.
    pub refusal: Option<Arc<Refusal>>,
    /// Of a connection without a certificate: whose it becomes.
    pub newcomer: Option<Arc<Newcomer>>,
    /// What it was answered and has not read.
    pub unread: UnreadPieces,
    /// Until when nothing more of it is read.
    pub pause: ReadPause,
}

/// A connection whose caller is known, or known to be unknown.
#[derive(Debug)]
pub struct CallerConnection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    incoming: CallerFrame,
    outgoing: FrameHeads,
    begun: Instant,
    /// When it ends whatever happens.
    ends: Option<Instant>,
    /// Without a certificate, while it is nobody's: that others need its place.
    sent_away: Option<EvictionSignal>,
    /// The end of the certificate or key that it is its caller's by.
    key_over: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// Amid which frame the caller stopped, and when that was seen.
    stopped: Option<(u64, Instant)>,
    timer: Option<Pin<Box<Sleep>>>,
    /// The end of the pause in which it is not read.
    paused: Option<Pin<Box<Sleep>>>,
    farewell: Option<Farewell>,
    _places: HeldPermits,
}

/// A connection that is being closed.
#[derive(Debug)]
struct Farewell {
    words: Vec<u8>,
    sent: usize,
    is_shut: bool,
    thrown_away: usize,
    timer: Pin<Box<Sleep>>,
}

impl CallerConnection {
    pub(crate) fn new(
        stream: TlsStream<TcpStream>,
        peer: Peer,
        places: HeldPermits,
        sent_away: Option<EvictionSignal>,
    ) -> Self {
        let begun = Instant::now();
        // Whoever is not known or may not stay is told so, and then makes room.
        let stays = peer.principal.is_some() && peer.refusal.is_none();
        let over = peer.over.clone();
        Self {
            stream,
            peer,
            incoming: CallerFrame::new(begun),
            outgoing: FrameHeads::default(),
            begun,
            ends: (!stays).then(|| begun + PREFACE),
            sent_away,
            key_over: over.map(|over| Box::pin(over.cancelled_owned())),
            stopped: None,
            timer: None,
            paused: None,
            farewell: None,
            _places: places,
        }
    }

    /// Ready when a connection without a certificate has to go at once. One that has become somebody's stays
    /// as long as its key is good, and a moment longer for what there is to say.
    fn poll_sent_away(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.sent_away.is_some()
            && let Some(newcomer) = &self.peer.newcomer
            && let Some(over) = newcomer.key_over()
        {
            (self.sent_away, self.ends) = (None, None);
            self.key_over = Some(Box::pin(over.cancelled_owned()));
        }
        if let Some(sent_away) = &mut self.sent_away {
            return Pin::new(sent_away).poll(cx).map(|_| ());
        }
        if let Some(over) = &mut self.key_over {
            ready!(over.as_mut().poll(cx));
            self.key_over = None;
            self.ends = Some(Instant::now() + FAREWELL);
        }
        Poll::Pending
    }

    /// When it is over for want of what is due, as far as can be seen now.
    fn due(&mut self) -> Option<Instant> {
        let now = Instant::now();
        self.stopped = self.incoming.amid().map(|frame| match self.stopped {
            Some((same, since)) if same == frame => (frame, since),
            Some(_) | None => (frame, now),
        });
        let first = (!self.incoming.is_open()).then(|| self.begun + PREFACE);
        let next = self.stopped.map(|(_, since)| since + PROGRESS);
        [self.ends, first, next, self.peer.unread.due()].into_iter().flatten().min()
    }

    /// Ready when it is over. The timer is set anew only when it rings too early.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.due() else { return Poll::Pending };
        loop {
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due.into())));
            if timer.deadline() > due.into() {
                timer.as_mut().reset(due.into());
            }
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
            if Instant::now() >= due {
                return Poll::Ready(());
            }
        }
    }

    /// Ready when it may be read.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.paused.is_none() {
            self.paused = self.peer.pause.ends().map(|ends| Box::pin(sleep_until(ends.into())));
        }
        if let Some(paused) = &mut self.paused {
            ready!(paused.as_mut().poll(cx));
            self.paused = None;
        }
        Poll::Ready(())
    }

    fn over(&self, why: &'static str) -> io::Error {
        let caller = self.peer.principal.as_ref().map_or("", |principal| &principal.name);
        tracing::info!(caller, why, "a connection was ended");
        metrics::counter!("sw_connections_ended_total", "why" => why).increment(1);
        io::Error::new(io::ErrorKind::TimedOut, why)
    }

    fn is_unread(&self) -> bool {
        self.peer.unread.due().is_some_and(|due| Instant::now() >= due)
    }

    fn take_leave(&mut self, why: &'static str) {
        let _over = self.over(why);
        // Amid a frame of ours nothing can be said, and nothing that is understood over HTTP/1.
        let understood = self.incoming.is_http2() && self.outgoing.is_between();
        let words = if understood { self.incoming.goodbye(why) } else { Vec::new() };
        let timer = Box::pin(sleep(FAREWELL));
        self.farewell = Some(Farewell { words, sent: 0, is_shut: false, thrown_away: 0, timer });
    }

    /// Pending until the peer has had time to hear us; then an error.
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(farewell) = &mut self.farewell else { return Poll::Ready(Ok(())) };
        let mut stream = Pin::new(&mut self.stream);
        while let Some(rest) = farewell.words.get(farewell.sent..).filter(|rest| !rest.is_empty()) {
            match stream.as_mut().poll_write(cx, rest) {
                Poll::Ready(written) => match written? {
                    0 => break,
                    written => farewell.sent += written,
                },
                Poll::Pending => break,
            }
        }
        if farewell.sent == farewell.words.len() && !farewell.is_shut {
            farewell.is_shut = stream.as_mut().poll_shutdown(cx)?.is_ready();
        }
        let mut bytes = [0; 8 * 1024];
        while farewell.thrown_away < FAREWELL_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut bytes);
            if stream.as_mut().poll_read(cx, &mut buffer)?.is_pending() {
                if farewell.timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                break;
            }
            if buffer.filled().is_empty() {
                break;
            }
            farewell.thrown_away += buffer.filled().len();
        }
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }

    /// Nothing goes out now. Whoever waits for that may not read, so the end of waiting is seen here too.
    fn poll_stuck(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        ready!(self.poll_overdue(cx));
        let why = if self.is_unread() { UNREAD } else { "nothing came in time" };
        Poll::Ready(Err(self.over(why)))
    }

    /// Takes note of what went out.
    fn sent(&mut self, written: usize, pieces: &[io::IoSlice<'_>]) {
        if !self.incoming.is_http2() {
            return;
        }
        let (mut left, mut answers) = (written, 0);
        for piece in pieces {
            let bytes = &piece[..left.min(piece.len())];
            let Self { outgoing, incoming, .. } = self;
            outgoing.pass(bytes, |head| {
                answers += u32::from(head.answers());
                head.ends().into_iter().for_each(|stream| incoming.answered(stream));
            });
            left -= bytes.len();
        }
        self.incoming.earn(answers);
    }
}

impl Connected for CallerConnection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for CallerConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.farewell.is_some() {
            return this.poll_leave(cx);
        }
        if this.poll_sent_away(cx).is_ready() {
            return Poll::Ready(Err(this.over("others need its place")));
        }
        let before = buffer.filled().len();
        let is_paused = this.poll_pause(cx).is_pending();
        if is_paused || Pin::new(&mut this.stream).poll_read(cx, buffer)?.is_pending() {
            ready!(this.poll_overdue(cx));
            if this.is_unread() {
                this.take_leave(UNREAD);
                return this.poll_leave(cx);
            }
            return Poll::Ready(Err(this.over("nothing came in time")));
        }
        let now = Instant::now();
        if this.ends.is_some_and(|ends| now >= ends) {
            return Poll::Ready(Err(this.over("it may not stay")));
        }
        if this.incoming.pass(&buffer.filled()[before..], now) {
            return Poll::Ready(Ok(()));
        }
        buffer.set_filled(before);
        this.take_leave(FLOOD);
        this.poll_leave(cx)
    }
}

impl AsyncWrite for CallerConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.farewell.is_some() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(cx, bytes) else {
            return self.poll_stuck(cx);
        };
        let written = written?;
        self.sent(written, &[io::IoSlice::new(bytes)]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.farewell.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.farewell.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.farewell.is_some() {
            return Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()));
        }
        let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
        else {
            return self.poll_stuck(cx);
        };
        let written = written?;
        self.sent(written, pieces);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
