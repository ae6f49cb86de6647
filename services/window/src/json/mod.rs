//! Every call as JSON over HTTP: the same calls behind the same gate, said in another form.
//!
//! Nothing is described twice: paths come from the annotations of the schema ([`rules`]), messages from
//! the schema itself ([`message`]). A call that came past the gate over HTTP becomes the call of gRPC
//! that it is, within this process, so whatever stands around calls stands around it too. Streams are
//! said as events ([`events`]), as lines ([`lines`]) or as files ([`file`]). [`openapi`] describes all of it to tools.

pub(crate) mod events;
pub(crate) mod file;
pub(crate) mod lines;
pub(crate) mod message;
pub(crate) mod openapi;
pub(crate) mod rules;

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use domain::limits;
use domain::refusal::{Code, Refusal};
use http::header::{ACCEPT_LANGUAGE, ALLOW, CONTENT_TYPE, TE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt as _;
use prost::Message as _;
use prost_reflect::DynamicMessage;
use proto::{memory, status};
use tonic::{Code as Grpc, Status};
use tower::ServiceExt as _;

use crate::http::unread;
use crate::problem::{self, IDEMPOTENCY_KEY, REQUEST_ID, answer};
use rules::HttpCall;

const JSON: &str = "application/json";
/// Before every message of gRPC: compressed or not, and the length.
const PREFIX_BYTES: usize = 5;
/// The server gives up a call after [`limits::UNARY_SECONDS_MAX`] and then speaks gRPC; a second
/// before, this says the same in words that its callers understand.
const PATIENCE: Duration = Duration::from_secs(limits::UNARY_SECONDS_MAX - 1);
/// Says that the request was answered before, and that this is the answer of then.
const REPLAYED: &str = "idempotent-replayed";

/// An answer, or what cuts the work short.
pub(crate) type HttpAnswer<T = Response> = Result<T, Box<Response>>;

/// Answers what no other route takes: a call over HTTP by `calls`, and anything else in its own way.
pub(crate) async fn answered(calls: Router, mut request: Request) -> Response {
    let Some(call) = request.extensions_mut().remove::<HttpCall>() else {
        if crate::gate::is_grpc(&request) {
            return Status::unimplemented("").into_http();
        }
        return match request.extensions_mut().remove::<Vec<Method>>() {
            Some(methods) => other_methods(&methods),
            None => problem::wrong(StatusCode::NOT_FOUND, "there is no such path", "路径不存在"),
        };
    };
    let id = problem::request_id(request.headers());
    let (parts, body) = request.into_parts();
    let descriptor = &call.rule.call;
    let work = async {
        let answered = match (descriptor.is_client_streaming(), descriptor.is_server_streaming()) {
            (true, _) if call.rule.is_file => file::received(calls, &call, parts, body).await,
            (false, true) if call.rule.is_file => file::serve_file(calls, &call, parts).await,
            (true, _) => lines::exchanged(calls, &call, parts, body).await,
            (false, true) => events::serve_events(calls, &call, parts).await,
            (false, false) => asked(calls, &call, parts, body).await,
        };
        answered.unwrap_or_else(|response| *response)
    };
    let done = tokio::time::timeout(PATIENCE, work).await;
    let mut response = done.unwrap_or_else(|_| problem::of(&Refusal::of(Code::Unavailable))); // it took too long
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

fn other_methods(methods: &[Method]) -> Response {
    let text = "this path has another method";
    let mut response = problem::wrong(StatusCode::METHOD_NOT_ALLOWED, text, "该路径不支持此方法");
    let methods: Vec<_> = methods.iter().map(Method::as_str).collect();
    if let Ok(allow) = HeaderValue::from_str(&methods.join(", ")) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

/// A message and its answer.
async fn asked(calls: Router, call: &HttpCall, parts: Parts, body: Body) -> HttpAnswer {
    let message = received(call, &parts, body).await?;
    answered_by(calls, call, request(&call.rule.path, parts, Body::from(framed(&message)))).await
}

/// The one message that answers a call, as JSON.
pub(crate) async fn answered_by(calls: Router, call: &HttpCall, request: Request) -> HttpAnswer {
    let (answered, whole) = status::with_whole(async {
        // Nothing keeps a route from taking a call.
        let response = calls.oneshot(request).await.unwrap_or_else(|never| match never {});
        unary(response).await
    })
    .await;
    let bytes = answered.map_err(|status| refused(&status, whole))?;
    let answered = DynamicMessage::decode(call.rule.call.output(), bytes).map_err(|error| {
        tracing::error!(%error, call = call.rule.path, "an answer does not fit the schema");
        Box::new(problem::of(&Refusal::of(Code::Internal)))
    })?;
    let text = message::write(&answered).map_err(|no| Box::new(problem::of(&no)))?;
    let mut response = answer(StatusCode::OK, JSON, text);
    let repeated = answered.get_field_by_name("repeated");
    if repeated.is_some_and(|repeated| repeated.as_bool() == Some(true)) {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The refusal of a call; `whole` is what its status was made of, when that is known.
pub(crate) fn refused(status: &Status, whole: Option<Refusal>) -> Box<Response> {
    Box::new(match whole {
        Some(refusal) if status.code() != Grpc::Ok => problem::of_refused(&refusal),
        _ => problem::of_status(status),
    })
}

/// The message that path, query, body and headers make.
async fn received(call: &HttpCall, parts: &Parts, body: Body) -> HttpAnswer<DynamicMessage> {
    let no = |refusal: Box<Refusal>| Box::new(problem::of(&refusal));
    let shape = call.rule.call.input();
    let query = parts.uri.query().unwrap_or("");
    let mut message = if call.rule.has_body {
        if !query.is_empty() {
            let text = "this path takes no query; say it in the body";
            let response = problem::wrong(StatusCode::BAD_REQUEST, text, "该路径不接受查询参数");
            return Err(Box::new(response));
        }
        let most = limits::MESSAGE_BYTES_MAX;
        let text = to_bytes(body, most).await.map_err(|error| {
            Box::new(unread(error, Refusal::of(Code::TooManyEntries).with("bytes_max", most)))
        })?;
        message::read(&shape, &text).map_err(no)?
    } else {
        message::of_query(&shape, query).map_err(no)?
    };
    for (field, text) in &call.variables {
        message::set(&mut message, field, text, "path").map_err(no)?;
    }
    if let Some(id) = parts.headers.get(IDEMPOTENCY_KEY).and_then(|id| id.to_str().ok()) {
        message::set(&mut message, "request_id", id, "header Idempotency-Key").map_err(no)?;
    }
    memory::converted(0, message.encoded_len() + PREFIX_BYTES).map_err(no)?;
    Ok(message)
}

/// A message as gRPC sends it.
pub(crate) fn framed(message: &DynamicMessage) -> Bytes {
    let bytes = message.encode_to_vec();
    // No message is larger than its bound.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&[0][..], &length.to_be_bytes(), &bytes].concat().into()
}

/// The call of gRPC: who calls, language and trace come along.
pub(crate) fn request(path: &str, parts: Parts, body: Body) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    for name in [ACCEPT_LANGUAGE.as_str(), "traceparent"] {
        if let Some(value) = parts.headers.get(name) {
            headers.extend(name.parse().ok().map(|name: http::HeaderName| (name, value.clone())));
        }
    }
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().unwrap_or_default(); // a path of the schema is one
    *request.headers_mut() = headers;
    *request.extensions_mut() = parts.extensions;
    request
}

/// The one message of an answer.
async fn unary(response: Response) -> Result<Bytes, Status> {
    let (parts, body) = response.into_parts();
    if let Some(status) = Status::from_header_map(&parts.headers)
        && status.code() != Grpc::Ok
    {
        return Err(status);
    }
    let collected = body.collect().await.map_err(|error| Status::from_error(error.into()))?;
    let status = collected.trailers().and_then(Status::from_header_map);
    match status {
        Some(status) if status.code() != Grpc::Ok => Err(status),
        _ => {
            let bytes = collected.to_bytes();
            Ok(bytes.slice(PREFIX_BYTES.min(bytes.len())..))
        }
    }
}
