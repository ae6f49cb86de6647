//! The national door over plain HTTP, on the same port and behind the same certificates and keys as gRPC, for
//! systems that can post a file and no more.
//!
//! It holds no logic: every path is one method of [`CebService`], called with what the gate found out
//! about the caller. What a method refuses becomes an HTTP status here and nowhere else.

use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use domain::limits;
use domain::refusal::{Code, Refusal};
use http::header::{ACCEPT, ALLOW};
use http::{HeaderMap, HeaderValue, StatusCode};
use proto::memory;
use proto::v1;
use proto::v1::ceb_service_server::{CebService, CebServiceServer};
use serde::Serialize;
use serde_json::{Value, json};
use tonic::service::Routes;
use tonic::{Code as Grpc, Status};

use crate::problem::{self, answer, wrong};

/// What is posted: one message, or an envelope around one.
const BODY_BYTES_MAX: usize = limits::CEB_ENVELOPE_BYTES_MAX;
/// The server gives up a call after [`limits::UNARY_SECONDS_MAX`] and then speaks gRPC; a second
/// before, this door says the same in words that its callers understand.
const PATIENCE: Duration = Duration::from_secs(limits::UNARY_SECONDS_MAX - 1);

const JSON: &str = "application/json";
const XML: &str = "application/xml";
const XML_UTF8: &str = "application/xml; charset=utf-8";
/// Where a receipt stands in the log of its exchange number.
const POSITION: &str = "sw-position";

/// The paths, and the method of [`CebService`] that each of them is: whoever may call the one may call the other.
pub(crate) const PATHS: [(&str, &str); 3] =
    [("/ceb", "Send"), ("/ceb/receipts", "ListReceipts"), ("/ceb/documents", "ListDocuments")];

/// Mounts the national door: the service for gRPC, and its paths for HTTP.
pub fn national_door<S: CebService + Clone>(routes: Routes, service: S) -> Routes {
    let grpc =
        CebServiceServer::new(service.clone()).max_decoding_message_size(BODY_BYTES_MAX + 1024);
    let router = routes.add_service(grpc).into_axum_router();
    Routes::from(router.merge(paths(service)))
}

fn paths<S: CebService + Clone>(service: S) -> Router {
    Router::new()
        .route("/ceb", only("POST", post(send::<S>)))
        .route("/ceb/receipts", only("GET", get(receipts::<S>)))
        .route("/ceb/documents", only("GET", get(documents::<S>)))
        .route("/ceb/{*rest}", axum::routing::any(unknown))
        .with_state(service)
}

/// A path with one method.
fn only<S: Clone + Send + Sync + 'static>(
    method: &'static str,
    router: MethodRouter<S>,
) -> MethodRouter<S> {
    router.fallback(async move || {
        let text = "this path has another method";
        let mut response = wrong(StatusCode::METHOD_NOT_ALLOWED, text, "该路径不支持此方法");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(method));
        response
    })
}

async fn unknown() -> Response {
    wrong(StatusCode::NOT_FOUND, "there is no such path", "路径不存在")
}

/// `POST /ceb`: a message or an envelope, as it is.
async fn send<S: CebService>(State(service): State<S>, request: Request) -> Response {
    answered(async move {
        let (parts, body) = request.into_parts();
        let message = match to_bytes(body, BODY_BYTES_MAX).await {
            Ok(bytes) => {
                let size = bytes.len();
                let taken = memory::decoded(size, size);
                taken.map_err(|no| problem::of(&no))?;
                bytes.into()
            }
            Err(error) => {
                let too_large = Refusal::of(Code::XmlTooLarge).with("bytes_max", BODY_BYTES_MAX);
                return no(unread(error, too_large));
            }
        };
        let wants_json = accepts(&parts.headers, JSON);
        let call = call(parts, v1::SendRequest { message });
        let response = service
            .send(call)
            .await
            .map_err(|status| Box::new(problem::of_status(&status)))?
            .into_inner();
        let status = if response.faults.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        match &response.messages[..] {
            [only] if !wants_json => Ok(answer(status, XML_UTF8, only.xml.clone())),
            _ => json_of(status, &response, json!({ "messages": [] })),
        }
    })
    .await
}

/// `GET /ceb/receipts?dxpId=..&after=..&limit=..&wait=..&orderNo=..`: a page as JSON, or the next one as XML.
async fn receipts<S: CebService>(State(service): State<S>, request: Request) -> Response {
    answered(async move {
        let (parts, _no_body) = request.into_parts();
        let query = Query::of(&parts.uri, &["dxpId", "after", "limit", "wait", "orderNo", "key"])?;
        let wants_xml = accepts(&parts.headers, XML);
        let wanted = v1::ListReceiptsRequest {
            dxp_id: query.text("dxpId"),
            after: query.number("after")?,
            page_size: if wants_xml { 1 } else { query.number("limit")? },
            wait_seconds: query.number("wait")?,
            order_no: query.text("orderNo"),
            key: query.text("key"),
        };
        let after = wanted.after;
        let page = service.list_receipts(call(parts, wanted)).await;
        let page = page.map_err(|status| Box::new(problem::of_status(&status)))?.into_inner();
        if !wants_xml {
            let usual = json!({ "messages": [], "next_after": after.to_string() });
            return json_of(StatusCode::OK, &page, usual);
        }
        let Some(next) = page.messages.into_iter().next() else {
            return Ok(answer(StatusCode::NO_CONTENT, XML_UTF8, String::new()));
        };
        let mut response = answer(StatusCode::OK, XML_UTF8, next.xml);
        response.headers_mut().insert(POSITION, HeaderValue::from(next.position));
        Ok(response)
    })
    .await
}

/// `GET /ceb/documents?orderNo=..&number=..&type=..&waiting=true&limit=..&pageToken=..`.
async fn documents<S: CebService>(State(service): State<S>, request: Request) -> Response {
    answered(async move {
        let (parts, _no_body) = request.into_parts();
        let known = ["orderNo", "number", "type", "waiting", "limit", "pageToken"];
        let query = Query::of(&parts.uri, &known)?;
        let wanted = v1::ListDocumentsRequest {
            order_no: query.text("orderNo"),
            message_type: query.number("type")?,
            waiting: query.truth("waiting")?,
            page_size: query.number("limit")?,
            page_token: query.text("pageToken"),
            number: query.text("number"),
        };
        let page = service.list_documents(call(parts, wanted)).await;
        let page = page.map_err(|status| Box::new(problem::of_status(&status)))?.into_inner();
        json_of(StatusCode::OK, &page, json!({ "documents": [] }))
    })
    .await
}

/// An answer, or one that cuts the work short.
type HttpResult<T = Response> = Result<T, Box<Response>>;

fn no<T>(response: Response) -> HttpResult<T> {
    Err(Box::new(response))
}

/// Both ways of ending are answers; taking too long is one as well.
async fn answered(work: impl Future<Output = HttpResult>) -> Response {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(response)) => *response,
        Err(_) => problem::of(&Refusal::of(Code::Unavailable)),
    }
}

/// The call of a method, with the caller that the gate found and the language of texts.
fn call<T>(parts: http::request::Parts, message: T) -> tonic::Request<T> {
    let mut headers = HeaderMap::new();
    if let Some(language) = parts.headers.get(http::header::ACCEPT_LANGUAGE) {
        headers.insert(http::header::ACCEPT_LANGUAGE, language.clone());
    }
    let metadata = tonic::metadata::MetadataMap::from_headers(headers);
    tonic::Request::from_parts(metadata, parts.extensions, message)
}

/// Whether the caller asks for this form by name; `*/*` asks for none.
fn accepts(headers: &HeaderMap, form: &str) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut forms = accepted.flat_map(|value| value.split(','));
    // A split has always a first part.
    let name = |accepted: &str| accepted.split(';').next().unwrap_or_default().trim().to_owned();
    forms.any(|accepted| name(accepted).eq_ignore_ascii_case(form))
}

/// The parameters of a path.
struct Query(Vec<(String, String)>);

impl Query {
    /// Takes only known names, each once: a misspelt filter must not widen an answer.
    fn of(uri: &http::Uri, known: &[&str]) -> HttpResult<Self> {
        let query = uri.query().unwrap_or("");
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !known.contains(&&*name) {
                return misused(&name, "is not a parameter of this path", "不是该路径的参数");
            }
            if pairs.iter().any(|(taken, _)| *taken == name) {
                return misused(&name, "stands twice", "重复出现");
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(known, _)| known == name);
        pair.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> String {
        proto::text(self.get(name))
    }

    /// 0 when it is not given, as in the schema.
    fn number<T: std::str::FromStr + Default>(&self, name: &str) -> HttpResult<T> {
        let number = self.get(name).map_or(Ok(T::default()), str::parse);
        number.or_else(|_| misused(name, "is not a number of this size", "不是有效的数字"))
    }

    fn truth(&self, name: &str) -> HttpResult<bool> {
        match self.get(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => misused(name, "is true or false", "须为true或false"),
        }
    }
}

fn misused<T>(name: &str, text: &str, text_zh: &str) -> HttpResult<T> {
    // A name that nobody defined may be of any length.
    let name: String = name.chars().take(40).collect();
    no(wrong(StatusCode::BAD_REQUEST, &format!("{name} {text}"), &format!("{name}{text_zh}")))
}

/// A body that is too large, or did not come whole.
pub(crate) fn unread(error: axum::Error, too_large: Refusal) -> Response {
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            let mut response = problem::of(&too_large);
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return response;
        }
        if let Some(status) = error.downcast_ref::<Status>() {
            let mut response = problem::of_status(status);
            if status.code() != Grpc::ResourceExhausted {
                *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
            }
            return response;
        }
        cause = error.source();
    }
    wrong(StatusCode::BAD_REQUEST, "the body did not come whole", "请求体不完整")
}

/// The JSON of the schema. It leaves out what is empty; what every reader looks for is put back.
fn json_of(status: StatusCode, message: &impl Serialize, usual: Value) -> HttpResult {
    let mut value = serde_json::to_value(message).map_err(|error| {
        tracing::error!(%error, "an answer has no JSON");
        Box::new(problem::of(&Refusal::of(Code::Internal)))
    })?;
    if let (Value::Object(value), Value::Object(usual)) = (&mut value, usual) {
        for (name, empty) in usual {
            value.entry(name).or_insert(empty);
        }
    }
    Ok(answer(status, JSON, value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_wanted_only_by_its_name() {
        let wants = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            accepts(&headers, JSON)
        };
        assert!(wants("application/json"));
        assert!(wants("text/html, Application/JSON;q=0.9"));
        assert!(!wants("*/*"));
        assert!(!wants("application/xml"));
    }

    #[test]
    fn a_misspelt_or_repeated_parameter_is_refused() {
        let query = |text: &str| Query::of(&text.parse().expect("a URI"), &["after", "waiting"]);
        assert!(query("/ceb/receipts?after=7").is_ok_and(|q| q.number("after").ok() == Some(7)));
        assert!(query("/ceb/receipts").is_ok_and(|q| q.number::<u64>("after").ok() == Some(0)));
        assert!(query("/ceb/receipts?after=-1").is_ok_and(|q| q.number::<u64>("after").is_err()));
        assert!(query("/?waiting=true").is_ok_and(|q| q.truth("waiting").is_ok_and(|yes| yes)));
        assert!(query("/?waiting=maybe").is_ok_and(|q| q.truth("waiting").is_err()));
        assert!(query("/?After=7").is_err());
        assert!(query("/?after=7&after=8").is_err());
    }
}
