//! Answers that go on: as server-sent events, which a browser and every client of HTTP can follow, or by a
//! long poll, one page of what came.
//!
//! The identity of an event is what the next request resumes from: the resume token or position that it carries.
//! So `Last-Event-ID`, which clients send by themselves after a break, misses nothing.

use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use bytes::BytesMut;
use domain::limits;
use domain::refusal::Code;
use futures::{Stream, StreamExt as _};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};
use proto::status::{self, Language};
use tonic::{Code as Grpc, Status};
use tower::ServiceExt as _;

use super::{HttpAnswer, PREFIX_BYTES, framed, message, received, refused, request};
use crate::json::rules::HttpCall;
use crate::problem::{self, answer};

const EVENTS: &str = "text/event-stream";
/// What the request resumes from, and the field of an event that says it.
const RESUMED: [(&str, &str); 2] = [("resume_token", "resume_token"), ("after", "position")];
/// How much comes together is answered together by a long poll.
const TOGETHER: Duration = Duration::from_millis(20);
const TOGETHER_MAX: usize = 100;

/// The messages of an answer of gRPC, until it ends or is refused.
pub(crate) type Messages = Pin<Box<dyn Stream<Item = Result<DynamicMessage, Status>> + Send>>;

/// Begins a call whose answer goes on.
pub(crate) async fn serve_events(calls: Router, call: &HttpCall, parts: Parts) -> HttpAnswer {
    let (wait, parts) = waiting(call, parts)?;
    let mut asked = received(call, &parts, Body::empty()).await?;
    let input = call.rule.call.input();
    let resumes = RESUMED.iter().find(|(field, _)| input.get_field_by_name(field).is_some());
    let last = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok());
    if let (Some((field, _)), Some(last)) = (resumes, last.filter(|last| !last.is_empty())) {
        // A page that began elsewhere goes on where it stopped.
        asked.clear_field_by_name(field);
        message::set(&mut asked, field, last, "header Last-Event-ID")
            .map_err(|no| Box::new(problem::of(&no)))?;
    }
    let resumed = resumes.and_then(|(field, _)| position(&asked, field).0);
    let events = parts.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let events = events.is_some_and(|accept| accept.contains(EVENTS));
    let token = resumes.map_or("", |(_, token)| token);
    let request = request(&call.rule.path, parts, Body::from(framed(&asked)));
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
    let messages = messages(response, call.rule.call.output());
    if events {
        Ok(as_events(messages, token))
    } else {
        page(messages, token, (resumed, wait)).await
    }
}

/// How long a page waits (`wait`, in seconds), and the request without that.
fn waiting(call: &HttpCall, mut parts: Parts) -> HttpAnswer<(Duration, Parts)> {
    let query = parts.uri.query().unwrap_or("").to_owned();
    let mut rest = form_urlencoded::Serializer::new(String::new());
    let mut wait = limits::POLL_SECONDS_MAX;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "wait" && call.rule.call.input().get_field_by_name("wait").is_none() {
            wait = value.parse().ok().filter(|it| *it <= limits::POLL_SECONDS_MAX).ok_or_else(
                || {
                    let text =
                        format!("wait is a number of seconds up to {}", limits::POLL_SECONDS_MAX);
                    let text_zh = format!("wait为秒数，最大{}", limits::POLL_SECONDS_MAX);
                    Box::new(problem::wrong(StatusCode::BAD_REQUEST, &text, &text_zh))
                },
            )?;
        } else {
            rest.append_pair(&name, &value);
        }
    }
    let target = format!("{}?{}", parts.uri.path(), rest.finish());
    if let Ok(target) = target.parse() {
        parts.uri = target;
    }
    Ok((Duration::from_secs(wait), parts))
}

/// Reads an answer of gRPC message by message.
pub(crate) fn messages(response: Response, shape: MessageDescriptor) -> Messages {
    let headers = response.headers().clone();
    let mut body = response.into_body();
    Box::pin(async_stream::stream! {
        let mut pending = BytesMut::new();
        let mut ended = Status::from_header_map(&headers);
        while let Some(frame) = body.frame().await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => {
                    ended = Some(Status::from_error(error.into()));
                    break;
                }
            };
            if let Some(trailers) = frame.trailers_ref() {
                ended = Status::from_header_map(trailers);
                continue;
            }
            let Ok(data) = frame.into_data() else { continue };
            pending.extend_from_slice(&data);
            while let Some(bytes) = next(&mut pending) {
                yield DynamicMessage::decode(shape.clone(), bytes).map_err(|error| {
                    tracing::error!(%error, "an answer does not fit the schema");
                    status::plain(Code::Internal)
                });
            }
        }
        if let Some(status) = ended.filter(|status| status.code() != Grpc::Ok) {
            yield Err(status);
        }
    })
}

/// The next whole message of what has come.
fn next(pending: &mut BytesMut) -> Option<Bytes> {
    let (prefix, _) = pending.split_first_chunk::<PREFIX_BYTES>()?;
    let [_, a, b, c, d] = *prefix;
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    if pending.len() < PREFIX_BYTES + length {
        return None;
    }
    Some(pending.split_to(PREFIX_BYTES + length).freeze().slice(PREFIX_BYTES..))
}

/// What the next request resumes from, and whether the message says anything besides.
fn position(message: &DynamicMessage, token: &str) -> (Option<String>, bool) {
    let position_token = message.get_field_by_name(token).and_then(|value| match &*value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::U64(number) if *number > 0 => Some(number.to_string()),
        _ => None,
    });
    let news = message.fields().any(|(field, _)| field.name() != token);
    (position_token, news)
}

fn as_events(messages: Messages, token: &'static str) -> Response {
    let pieces = messages.map(move |message| {
        let pieces = message.and_then(|message| {
            let (id, news) = position(&message, token);
            let id = id.map(|id| format!("id: {id}\n"));
            // A heartbeat has no name, so that nobody takes it for news; its id counts.
            let kind = if news { "" } else { "event: heartbeat\n" };
            let data = message::write(&message)
                .map_err(|refusal| status::refused(&refusal, Language::English))?;
            Ok(format!("{}{kind}data: {data}\n\n", proto::text(id)))
        });
        let pieces = pieces.unwrap_or_else(|status| {
            format!("event: problem\ndata: {}\n\n", problem::line_of(&status, None))
        });
        Ok::<_, std::convert::Infallible>(Bytes::from(pieces))
    });
    let first = futures::stream::iter([Ok(Bytes::from_static(b"retry: 1000\n\n"))]);
    let mut response = Response::new(Body::from_stream(first.chain(pieces)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENTS));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What comes within the time, as soon as something did.
async fn page(
    mut messages: Messages,
    token: &'static str,
    (mut resumes, wait): (Option<String>, Duration),
) -> HttpAnswer {
    let mut items = Vec::new();
    // Without a token nobody could go on, so the first page waits for one: a heartbeat has it.
    let first = Duration::from_secs(limits::HEARTBEAT_SECONDS + 1);
    let wait = if resumes.is_none() { wait.max(first) } else { wait };
    let mut until = tokio::time::Instant::now() + wait;
    // What comes together has its token at the end.
    let mut open = false;
    while open || items.len() < TOGETHER_MAX {
        let Ok(message) = tokio::time::timeout_at(until, messages.next()).await else { break };
        let Some(message) = message else { break };
        let message = match message {
            Ok(message) => message,
            // What came before is told first; the next request hears of it.
            Err(_) if !items.is_empty() => break,
            Err(status) => return Err(refused(&status, None)),
        };
        let (id, news) = position(&message, token);
        open = news && id.is_none();
        resumes = id.or(resumes);
        if news {
            items.push(message::write(&message).map_err(|no| Box::new(problem::of(&no)))?);
            until = until.min(tokio::time::Instant::now() + TOGETHER);
        }
    }
    let resumes = serde_json::Value::from(proto::text(resumes));
    let name = if token == "position" { "after" } else { "resumeToken" };
    let text = format!("{{\"messages\":[{}],\"{name}\":{resumes}}}", items.join(","));
    Ok(answer(StatusCode::OK, super::JSON, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let bytes =
            [&[0, 0, 0, 0, 2][..], b"ab", &[0, 0, 0, 0, 0], &[0, 0, 0, 0, 1], b"c"].concat();
        for piece in 1..=bytes.len() {
            let (mut pending, mut found) = (BytesMut::new(), Vec::new());
            for piece in bytes.chunks(piece) {
                pending.extend_from_slice(piece);
                found.extend(std::iter::from_fn(|| next(&mut pending)));
            }
            assert_eq!(found, [&b"ab"[..], b"", b"c"], "in pieces of {piece}");
            assert!(pending.is_empty());
        }
    }
}
