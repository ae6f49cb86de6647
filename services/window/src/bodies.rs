//! Bodies of requests and answers, seen from the gate: what comes must come on and must be one request,
//! its caller answers for the memory that it takes, and what a call holds is held until its answer is
//! gone.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use domain::refusal::{Code, Refusal};
use domain::{Kind, limits};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use proto::memory::CallMemory;
use proto::status::{self, Language};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tonic::body::Body;

use crate::quotas::HeldPermits;
use crate::space::Space;
use crate::unread::{DuePiece, UnreadBytes, UnreadPieces};

const PROGRESS: Duration = Duration::from_secs(limits::PROGRESS_SECONDS_MAX);
/// Before every message of gRPC: compressed or not, and the length.
const PREFIX_BYTES: usize = 5;

/// How often a stream looks whether its caller has room again.
const LOOK: Duration = Duration::from_millis(20);
/// What a piece of a body costs besides its bytes.
const PIECE_BYTES: usize = 64;

/// The body of a request.
#[derive(Debug)]
pub(crate) struct RequestBody {
    body: Body,
    call: CallMemory,
    way: Way,
    /// Only while nothing comes.
    timer: Option<Pin<Box<Sleep>>>,
}

/// How a body comes.
#[derive(Debug)]
enum Way {
    /// One message of gRPC.
    Message(Message),
    /// One message of HTTP.
    Whole,
    /// Messages as they come, and a piece for which there is no room yet, since when.
    Stream { kept: Option<(Bytes, Instant)>, writer: Option<Writer> },
}

/// Of a stream that files: where there has to be space, and for whom.
type Writer = (Arc<Space>, Kind);

/// How much of the one message of gRPC has come.
#[derive(Debug, Default)]
struct Message {
    prefix: [u8; PREFIX_BYTES],
    have: usize,
    left: usize,
}

impl Message {
    /// False when more comes than one message.
    fn pass(&mut self, mut bytes: &[u8]) -> bool {
        let taken = (PREFIX_BYTES - self.have).min(bytes.len());
        self.prefix[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
        self.have += taken;
        bytes = &bytes[taken..];
        if taken > 0 && self.have == PREFIX_BYTES {
            let [_, a, b, c, d] = self.prefix;
            // A length that does not fit is one that never comes.
            self.left = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        }
        let mine = self.left.min(bytes.len());
        self.left -= mine;
        mine == bytes.len()
    }
}

impl RequestBody {
    /// Of gRPC, whose body is one message, or of HTTP, whose body is its own.
    pub(crate) fn new(body: Body, is_grpc: bool, call: CallMemory) -> Self {
        let way = if is_grpc { Way::Message(Message::default()) } else { Way::Whole };
        Self { body, call, way, timer: None }
    }

    /// Of a stream, which waits while its caller has no room: what it filed before makes some.
    pub(crate) fn stream(body: Body, call: CallMemory, writer: Option<Writer>) -> Self {
        Self { body, call, way: Way::Stream { kept: None, writer }, timer: None }
    }

    /// A piece for which there is room, as soon as there is.
    fn poll_room(
        &mut self,
        cx: &mut Context<'_>,
        (data, since): (Bytes, Instant),
    ) -> Poll<Result<Frame<Bytes>, Status>> {
        loop {
            let refusal = match self.call.receive_ahead(data.len() + PIECE_BYTES) {
                Ok(()) => {
                    self.timer = None;
                    return Poll::Ready(Ok(Frame::data(data)));
                }
                Err(refusal) => refusal,
            };
            if since.elapsed() >= PROGRESS {
                return Poll::Ready(Err(status::refused(&refusal, Language::English)));
            }
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(LOOK)));
            if timer.as_mut().poll(cx).is_pending() {
                if let Way::Stream { kept, .. } = &mut self.way {
                    *kept = Some((data, since));
                }
                return Poll::Pending;
            }
            self.timer = None;
        }
    }
}

/// The service below would do what the first message says and drop the rest, or wait for ever.
fn incomplete(reason: &str) -> Status {
    let refusal = Refusal::of(Code::RequestIncomplete).with("reason", reason);
    status::refused(&refusal, Language::English)
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if let Way::Stream { kept, .. } = &mut this.way
            && let Some(kept) = kept.take()
        {
            return this.poll_room(cx, kept).map(Some);
        }
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            // A stream is quiet as long as it wants.
            if let Way::Stream { .. } = this.way {
                return Poll::Pending;
            }
            let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(PROGRESS)));
            ready!(timer.as_mut().poll(cx));
            let most = limits::PROGRESS_SECONDS_MAX;
            return Poll::Ready(Some(Err(incomplete(&format!("nothing came for {most} s")))));
        };
        this.timer = None;
        let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
        let Some(data) = frame.data_ref() else { return Poll::Ready(Some(Ok(frame))) };
        match &mut this.way {
            Way::Stream { writer, .. } => {
                // What came before is answered, and then the stream ends.
                if let Some(Err(refusal)) = writer.as_ref().map(|(space, who)| space.room_for(*who))
                {
                    let status = status::refused(&refusal, Language::English);
                    return Poll::Ready(Some(Err(status)));
                }
                return this.poll_room(cx, (data.clone(), Instant::now())).map(Some);
            }
            Way::Message(message) => {
                if !message.pass(data.chunk()) {
                    return Poll::Ready(Some(Err(incomplete("more than one message came"))));
                }
            }
            Way::Whole => {}
        }
        let room = this.call.receive(data.len() + PIECE_BYTES);
        let room = room.map_err(|refusal| status::refused(&refusal, Language::English));
        Poll::Ready(Some(room.map(|()| frame)))
    }

    fn is_end_stream(&self) -> bool {
        !matches!(self.way, Way::Stream { kept: Some(_), .. }) && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How much of a refused request is read, and for how long.
const THROWN_AWAY_MAX: usize = 64 * 1024;
const THROWN_AWAY: Duration = Duration::from_secs(1);

/// Reads what comes with a refused request of HTTP/1 and forgets it, when it is short: whoever is answered
/// while it still sends finds the connection closed, and not why.
pub(crate) async fn throw_away(mut body: Body) {
    let read = async {
        let mut bytes = 0;
        while bytes <= THROWN_AWAY_MAX
            && let Some(Ok(frame)) = body.frame().await
        {
            bytes += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    // What takes longer is not waited for.
    let _over = tokio::time::timeout(THROWN_AWAY, read).await;
}

/// The body of an answer. Every piece of it carries what it holds until the caller has taken it.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    body: Body,
    call: CallMemory,
    places: Arc<HeldPermits>,
    unread: UnreadPieces,
    within: Duration,
    /// While the next piece is not asked for: the caller has no room for it.
    waits: Option<DuePiece>,
    form: Form,
    /// The end of the key that it was asked for with.
    key_over: Option<(Pin<Box<WaitForCancellationFutureOwned>>, Code)>,
}

/// How an answer is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A refusal can follow what was said.
    Grpc,
    /// It cannot, but each piece is taken from the caller's memory by itself.
    Parts,
    /// It cannot, so the whole was taken from the caller's memory before the first piece.
    Http,
    /// It was refused.
    Over,
}

impl AnswerBody {
    pub(crate) fn new(
        body: Body,
        form: Form,
        (call, places): (CallMemory, HeldPermits),
        (unread, within): (UnreadPieces, Duration),
        key_over: Option<(CancellationToken, Code)>,
    ) -> Self {
        let waits = Some(unread.rest(within, 0));
        let key_over = key_over.map(|(over, code)| (Box::pin(over.cancelled_owned()), code));
        Self { body, call, places: Arc::new(places), unread, within, waits, form, key_over }
    }

    /// Nothing more is said but why.
    fn refuse(&mut self, refusal: &Refusal) -> Option<Result<Frame<Bytes>, Status>> {
        let is_grpc = self.form == Form::Grpc;
        (self.form, self.body) = (Form::Over, Body::empty());
        let mut trailers = http::HeaderMap::new();
        let added = status::refused(refusal, Language::English).add_header(&mut trailers);
        is_grpc.then(|| added.map(|()| Frame::trailers(trailers)))
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        this.waits = None;
        if this.form == Form::Over {
            return Poll::Ready(None);
        }
        if let Some((over, code)) = &mut this.key_over
            && over.as_mut().poll(cx).is_ready()
        {
            let refusal = Refusal::of(*code);
            return Poll::Ready(this.refuse(&refusal));
        }
        let frame = this.call.clone().during(|| Pin::new(&mut this.body).poll_frame(cx));
        let frame = match ready!(frame) {
            Some(Ok(frame)) => frame,
            ended => return Poll::Ready(ended),
        };
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => return Poll::Ready(Some(Ok(frame))),
        };
        let (charge, call) = match this.form {
            Form::Http | Form::Over => (None, Some(this.call.clone())),
            Form::Grpc | Form::Parts => match this.call.answer(data.len()) {
                Ok(charge) => (Some(charge), None),
                Err(refusal) => return Poll::Ready(this.refuse(&refusal)),
            },
        };
        this.waits = Some(this.unread.rest(this.within, data.len()));
        let held = UnreadBytes { _charge: charge, _call: call, _places: Arc::clone(&this.places) };
        Poll::Ready(Some(Ok(Frame::data(this.unread.piece(data, this.within, held)))))
    }

    fn is_end_stream(&self) -> bool {
        self.form == Form::Over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_is_one_message_however_it_is_cut() {
        let message = [&[0, 0, 0, 0, 4][..], b"body"].concat();
        let empty = vec![0; PREFIX_BYTES];
        let twice = [&message[..], &message[..]].concat();
        let trailing = [&message[..], &[0]].concat();
        for (bytes, whole) in
            [(&message, true), (&empty, true), (&twice, false), (&trailing, false)]
        {
            for piece in 1..=bytes.len() {
                let mut state = Message::default();
                let passed = bytes.chunks(piece).all(|piece| state.pass(piece));
                assert_eq!(passed, whole, "{bytes:?} in pieces of {piece}");
            }
        }
    }
}
