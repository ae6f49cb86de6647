//! Files: a call whose body, or whose answer, is a field of bytes by itself. What comes is handed on in pieces as it
//! comes, and what goes out likewise: nobody holds a file whole.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use domain::limits;
use domain::refusal::{Code, Refusal};
use futures::StreamExt as _;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use prost::Message as _;
use prost_reflect::{DynamicMessage, ReflectMessage as _};
use proto::status::{self, Language};
use proto::{memory, v1};
use tonic::{Code as Grpc, Status};
use tower::ServiceExt as _;

use super::events::messages;
use super::{HttpAnswer, PREFIX_BYTES, answered_by, framed, message, refused, request};
use crate::json::rules::HttpCall;
use crate::problem;

/// The field of a message that is a piece of the file.
const CONTENT: &str = "content";
/// Bytes of a piece that is handed on.
const PIECE_BYTES: usize = 64 * 1024;

/// Takes a file. Path and query say the rest of the message, which goes before its first piece.
pub(crate) async fn received(
    calls: Router,
    call: &HttpCall,
    parts: Parts,
    body: Body,
) -> HttpAnswer {
    if is_too_large(&parts.headers) {
        let refusal = Refusal::of(Code::AttachmentSizeWrong);
        let mut response = problem::of(&refusal.with("bytes_max", limits::ATTACHMENT_BYTES_MAX));
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return Err(Box::new(response));
    }
    let first = asked(call, &parts)?;
    let (spared, mut rest) = tokio::sync::mpsc::channel(1);
    let pieces = pieces(first, body, spared);
    let path = call.rule.path.clone();
    let done = answered_by(calls, call, request(&path, parts, Body::from_stream(pieces))).await;
    if done.is_err() {
        // Whoever is answered while it still sends finds the connection closed, and not why.
        if let Some(body) = rest.recv().await {
            throw_away(body).await;
        }
    }
    done
}

/// The length that it announces is known before anything of it came.
fn is_too_large(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length: Option<u64> = length.and_then(|length| length.parse().ok());
    length.is_some_and(|length| length > limits::ATTACHMENT_BYTES_MAX)
}

/// The message but for the file.
fn asked(call: &HttpCall, parts: &Parts) -> HttpAnswer<DynamicMessage> {
    let no = |refusal: Box<Refusal>| Box::new(problem::of(&refusal));
    let query = parts.uri.query().unwrap_or("");
    let mut asked = message::of_query(&call.rule.call.input(), query).map_err(no)?;
    for (field, text) in &call.variables {
        message::set(&mut asked, field, text, "path").map_err(no)?;
    }
    Ok(asked)
}

/// Messages with the pieces of a body. What is left of a body when nobody wants more of it goes to `spared`.
fn pieces(
    first: DynamicMessage,
    body: Body,
    spared: tokio::sync::mpsc::Sender<Body>,
) -> impl futures::Stream<Item = Result<Bytes, axum::Error>> + Send {
    /// Hands the body on when it is dropped.
    struct SparedBody(Option<Body>, tokio::sync::mpsc::Sender<Body>);
    impl Drop for SparedBody {
        fn drop(&mut self) {
            if let Some(body) = self.0.take() {
                // Nobody waits for it when all went well.
                let _unwanted = self.1.try_send(body);
            }
        }
    }
    let shape = first.descriptor();
    let mut source = SparedBody(Some(body), spared);
    async_stream::stream! {
        yield Ok(framed(&first));
        while let Some(body) = source.0.as_mut() {
            let mut data = match body.frame().await {
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(), // trailers say nothing
                Some(Err(error)) => {
                    drop(source.0.take());
                    yield Err(error);
                    return;
                }
                None => {
                    drop(source.0.take());
                    return;
                }
            };
            let mut wire = data.len();
            while !data.is_empty() {
                let piece = data.split_to(PIECE_BYTES.min(data.len()));
                let mut message = DynamicMessage::new(shape.clone());
                message.set_field_by_name(CONTENT, prost_reflect::Value::Bytes(piece));
                // The bytes stand for what they are in the message now.
                let held = memory::converted(wire, message.encoded_len() + PREFIX_BYTES);
                wire = 0;
                if let Err(refusal) = held {
                    yield Err(axum::Error::new(status::refused(&refusal, Language::English)));
                    return;
                }
                yield Ok(framed(&message));
            }
        }
    }
}

/// Reads the rest of a body that nobody wants, within what a file may have.
async fn throw_away(mut body: Body) {
    let mut bytes = 0_u64;
    while bytes <= limits::ATTACHMENT_BYTES_MAX
        && let Some(Ok(frame)) = body.frame().await
    {
        let data = frame.into_data().unwrap_or_default(); // trailers say nothing
        bytes = bytes.saturating_add(data.len().try_into().unwrap_or(u64::MAX)); // a piece is small
        // It is held no longer; less is never refused.
        let _held = memory::converted(data.len(), 0);
    }
}

/// Gives a file.
pub(crate) async fn serve_file(calls: Router, call: &HttpCall, parts: Parts) -> HttpAnswer {
    let asked = asked(call, &parts)?;
    let path = call.rule.path.clone();
    let request = request(&path, parts, Body::from(framed(&asked)));
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
    let mut messages = messages(response, call.rule.call.output());
    let first = messages.next().await.unwrap_or_else(|| Err(Status::internal("")));
    let first = first.map_err(|status| refused(&status, None))?;
    let head = v1::GetAttachmentResponse::decode(&*first.encode_to_vec()).map_err(|error| {
        tracing::error!(%error, "a file does not say what it is");
        Box::new(problem::of(&Refusal::of(Code::Internal)))
    })?;
    // A status that comes amid the bytes cuts them, and whoever counts sees it.
    let bytes = messages.map(|message| {
        message.map(|message| {
            let content = message.get_field_by_name(CONTENT);
            // A message without bytes carries none.
            content.and_then(|content| content.as_bytes().cloned()).unwrap_or_default()
        })
    });
    let mut response = Response::new(Body::from_stream(bytes));
    if let Some(record) = head.attachment {
        response.headers_mut().extend(console::file_headers(&record));
    }
    Ok(response)
}
