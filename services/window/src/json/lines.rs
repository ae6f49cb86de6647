//! Many at once, a line each (NDJSON): every line has its answer, in the order of the lines.
//!
//! A line is an item of the stream that the call is; where an item holds one message and nothing else, the line is
//! that message. What is no JSON of the schema is answered in its place and the rest goes on. A blank line has no
//! answer and counts: a line has the number that an editor shows. A batch has at most so many lines; the line after
//! them is answered by saying so, and is the last.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use bytes::BytesMut;
use domain::limits;
use domain::refusal::{Code, Refusal};
use futures::StreamExt as _;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http_body_util::BodyExt as _;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};
use proto::memory;
use proto::status::{self, Language};
use tonic::{Code as Grpc, Status};
use tower::ServiceExt as _;

use super::events::messages;
use super::{HttpAnswer, framed, message, refused, request};
use crate::json::rules::HttpCall;
use crate::problem;

const LINES: &str = "application/x-ndjson";

/// What the lines that came are answered by: what goes on is answered by the call, the others as they stand here.
type ExpectedLines = Arc<Mutex<VecDeque<Option<String>>>>;

/// Begins a call whose items come as lines.
pub(crate) async fn exchanged(
    calls: Router,
    call: &HttpCall,
    parts: Parts,
    body: Body,
) -> HttpAnswer {
    let expected = ExpectedLines::default();
    let items = items(body, call.rule.call.input(), Arc::clone(&expected));
    let request = request(&call.rule.path, parts, Body::from_stream(items));
    let (response, whole) = status::with_whole(async {
        // Nothing keeps a route from taking a call.
        calls.oneshot(request).await.unwrap_or_else(|never| match never {})
    })
    .await;
    if let Some(status) = Status::from_header_map(response.headers())
        && status.code() != Grpc::Ok
    {
        return Err(refused(&status, whole));
    }
    let mut answers = messages(response, call.rule.call.output());
    let lines = async_stream::stream! {
        while let Some(answer) = answers.next().await {
            for line in wrong_ones(&expected) {
                yield line;
            }
            yield match answer.and_then(|answer| written(&answer)) {
                Ok(line) => line,
                Err(status) => ending(&status),
            };
        }
        for line in wrong_ones(&expected) {
            yield line;
        }
    };
    let lines = lines.map(|line| Ok::<_, std::convert::Infallible>(Bytes::from(line + "\n")));
    let mut response = Response::new(Body::from_stream(lines));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(LINES));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn written(answer: &DynamicMessage) -> Result<String, Status> {
    message::write(answer).map_err(|refusal| status::refused(&refusal, Language::English))
}

/// The last line of a stream that does not go on.
fn ending(status: &Status) -> String {
    format!("{{\"problem\":{}}}", problem::line_of(status, None))
}

/// The lines before the next one that went on, which are answered already.
fn wrong_ones(expected: &ExpectedLines) -> Vec<String> {
    let mut expected = expected.lock().unwrap_or_else(PoisonError::into_inner);
    let mut wrong = Vec::new();
    while let Some(next) = expected.pop_front() {
        match next {
            Some(line) => wrong.push(line),
            None => break,
        }
    }
    wrong
}

/// The items of a call, from lines as they come.
fn items(
    mut body: Body,
    shape: MessageDescriptor,
    expected: ExpectedLines,
) -> impl futures::Stream<Item = Result<Bytes, axum::Error>> + Send {
    async_stream::stream! {
        // Of what came and is no whole line yet, so much has been searched for its end.
        let (mut pending, mut searched) = (BytesMut::new(), 0);
        let (mut number, mut open) = (0_u64, true);
        while open {
            match body.frame().await {
                // Trailers say nothing.
                Some(Ok(frame)) => pending.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Some(Err(error)) => {
                    yield Err(error);
                    return;
                }
                None => {
                    open = false;
                    if !pending.is_empty() {
                        pending.extend_from_slice(b"\n");
                    }
                }
            }
            while let Some(end) = pending[searched..].iter().position(|byte| *byte == b'\n') {
                let line = pending.split_to(searched + end + 1);
                searched = 0;
                number += 1;
                let item = if number > limits::BATCH_LINES_MAX {
                    open = false;
                    Err(Box::new(too_many()))
                } else if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                } else {
                    item(&shape, &line)
                };
                let refusal = match item {
                    Ok(item) => {
                        expect(&expected, None);
                        yield Ok(item);
                        continue;
                    }
                    Err(refusal) => refusal,
                };
                expect(&expected, Some(answered(number, &refusal)));
                if !open {
                    return;
                }
            }
            searched = pending.len();
            if pending.len() > limits::MESSAGE_BYTES_MAX {
                let most = limits::MESSAGE_BYTES_MAX;
                let refusal = Refusal::of(Code::TooManyEntries).with("bytes_max", most);
                expect(&expected, Some(answered(number + 1, &refusal)));
                return;
            }
        }
    }
}

fn too_many() -> Refusal {
    Refusal::of(Code::TooManyEntries).with("field", "lines").with("most", limits::BATCH_LINES_MAX)
}

fn expect(expected: &ExpectedLines, line: Option<String>) {
    expected.lock().unwrap_or_else(PoisonError::into_inner).push_back(line);
}

/// The answer to a line that is no item.
fn answered(number: u64, refusal: &Refusal) -> String {
    let status = status::refused(refusal, Language::English);
    format!("{{\"line\":{number},\"problem\":{}}}", problem::line_of(&status, Some(refusal)))
}

/// An item as gRPC sends it.
fn item(shape: &MessageDescriptor, line: &[u8]) -> Result<Bytes, Box<Refusal>> {
    let mut fields = shape.fields();
    let only = fields.next().filter(|_| fields.next().is_none());
    let inner = only.as_ref().and_then(|only| only.kind().as_message().cloned());
    let message = match (only, inner) {
        (Some(only), Some(inner)) => {
            let mut item = DynamicMessage::new(shape.clone());
            item.set_field(&only, Value::Message(message::read(&inner, line)?));
            item
        }
        _ => message::read(shape, line)?,
    };
    memory::converted(line.len(), message.encoded_len() + super::PREFIX_BYTES)?;
    Ok(framed(&message))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant};

    use prost_reflect::DescriptorPool;

    use super::*;

    const LINE: &[u8] = br#"{"requestId": "a"}"#;

    static SHAPE: LazyLock<MessageDescriptor> = LazyLock::new(|| {
        let pool = DescriptorPool::decode(proto::DESCRIPTOR).expect("compiled");
        let name = "single_window.declaration.v1.SubmitStreamRequest";
        pool.get_message_by_name(name).expect("there is one")
    });

    /// How many items come of a body in pieces of so many bytes, and the lines that are answered here.
    async fn read(body: &[u8], piece: usize) -> (usize, Vec<String>) {
        let pieces: Vec<_> = body.chunks(piece).map(Bytes::copy_from_slice).collect();
        let pieces = pieces.into_iter().map(Ok::<_, std::convert::Infallible>);
        let body = Body::from_stream(futures::stream::iter(pieces));
        let expected = ExpectedLines::default();
        let items = items(body, SHAPE.clone(), Arc::clone(&expected));
        let count = items.map(|item| item.expect("our body")).count().await;
        let expected = expected.lock().expect("nobody panics");
        (count, expected.iter().flatten().cloned().collect())
    }

    #[tokio::test]
    async fn lines_are_found_however_they_are_cut_and_have_the_number_that_an_editor_shows() {
        let body = [LINE, b"\n\n", LINE, b"\nno\n \n", LINE].concat();
        for piece in 1..=body.len() {
            let (count, wrong) = read(&body, piece).await;
            assert_eq!((count, wrong.len()), (3, 1), "in pieces of {piece}");
            assert!(wrong[0].starts_with("{\"line\":4,"), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn a_batch_has_so_many_lines_and_no_more() {
        let most = usize::try_from(limits::BATCH_LINES_MAX).expect("few");
        let line = [LINE, b"\n"].concat();
        let (count, wrong) = read(&line.repeat(most), 16_384).await;
        assert_eq!((count, wrong), (most, Vec::new()));
        let (count, wrong) = read(&line.repeat(most + 3), 16_384).await;
        assert_eq!((count, wrong.len()), (most, 1), "the rest is not read");
        assert!(wrong[0].starts_with("{\"line\":10001,"), "{wrong:?}");
    }

    /// A search from the beginning with every piece, or a copy of the rest for every line, would take minutes.
    #[tokio::test]
    async fn what_is_no_line_costs_no_more_than_its_length() {
        let start = Instant::now();
        let (count, wrong) = read(&b"\n".repeat(8_000_000), 1_000_000).await;
        assert_eq!((count, wrong.len()), (0, 1), "blank lines count");
        let (count, wrong) = read(&b" ".repeat(limits::MESSAGE_BYTES_MAX + 100), 64).await;
        assert_eq!((count, wrong.len()), (0, 1), "the line is too long");
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}
