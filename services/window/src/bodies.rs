//! Bodies of requests and answers, seen from the gate: what comes must come on and must be one request,
//! and what a call holds is held until its answer is gone.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use domain::limits;
use domain::refusal::{Code, Refusal};
use http_body::{Frame, SizeHint};
use proto::status::{self, Language};
use tokio::time::{Sleep, sleep};
use tonic::Status;
use tonic::body::Body;

use crate::quotas::Places;

const PROGRESS: Duration = Duration::from_secs(limits::PROGRESS_SECONDS_MAX);
/// Before every message of gRPC: compressed or not, and the length.
const PREFIX_BYTES: usize = 5;

/// The body of a request with one answer.
#[derive(Debug)]
pub(crate) struct RequestBody {
    body: Body,
    message: Option<Message>,
    /// Only while nothing comes.
    timer: Option<Pin<Box<Sleep>>>,
}

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
    pub(crate) fn new(body: Body, is_grpc: bool) -> Self {
        Self { body, message: is_grpc.then(Message::default), timer: None }
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
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(PROGRESS)));
            ready!(timer.as_mut().poll(cx));
            let most = limits::PROGRESS_SECONDS_MAX;
            return Poll::Ready(Some(Err(incomplete(&format!("nothing came for {most} s")))));
        };
        this.timer = None;
        if let (Some(message), Some(Ok(frame))) = (&mut this.message, &frame)
            && let Some(data) = frame.data_ref()
            && !message.pass(data.chunk())
        {
            return Poll::Ready(Some(Err(incomplete("more than one message came"))));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer, and what its call holds until it is gone.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    body: Body,
    _places: Places,
}

impl AnswerBody {
    pub(crate) fn new(body: Body, places: Places) -> Self {
        Self { body, _places: places }
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
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
