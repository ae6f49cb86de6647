//! Refusals over HTTP, as RFC 9457 has them (`application/problem+json`): our code, every broken rule with its
//! place, both languages, and a page that says what to do.

use axum::body::Body;
use axum::response::Response;
use domain::refusal::{Code, Refusal, Violation};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use proto::status::{self, Language};
use serde_json::{Value, json};
use tonic::{Code as Grpc, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::quotas::CallRoom;

const PROBLEM: &str = "application/problem+json";
/// The caller's name for what it asks, once for all repetitions.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// What an answer is found by in the caller's books and ours.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// Says what a caller may have open at once, and what is left of it: `RateLimit-Policy` and `RateLimit` as
/// draft-ietf-httpapi-ratelimit-headers has them. No window of time belongs to it: room comes back with every answer.
pub(crate) fn set_rate_limit(headers: &mut HeaderMap, CallRoom { what, most, left }: CallRoom) {
    let policy = format!("\"{what}\";q={most};qu=\"concurrent-requests\"");
    let now = format!("\"{what}\";r={left}");
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", now)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

/// Where the page of a code is.
pub(crate) fn page(code: Code) -> String {
    format!("/errors/{}", code.id())
}

/// A refusal, whole.
pub(crate) fn of(refusal: &Refusal) -> Response {
    whole(refusal, &status::refused(refusal, Language::English))
}

/// A refusal of which a status was made already, whole.
pub(crate) fn of_refused(refusal: &Refusal) -> Response {
    whole(refusal, &status::refused_before(refusal, Language::English))
}

fn whole(refusal: &Refusal, status: &Status) -> Response {
    let violations = refusal.violations.iter().cloned().map(shown).collect();
    problem_response(status, violations)
}

fn shown(violation: Violation) -> Value {
    let proto::v1::Violation { code, field, text, text_zh, customs_code } = violation.into();
    let mut shown = json!({ "field": field, "code": code, "text": text, "text_zh": text_zh });
    if !customs_code.is_empty() {
        shown["customs_code"] = customs_code.into();
    }
    shown
}

/// A refusal of which only the status is known: what did not fit into that is not there.
pub(crate) fn of_status(status: &Status) -> Response {
    problem_response(status, in_short(status))
}

fn in_short(status: &Status) -> Vec<Value> {
    let details = status.get_error_details();
    let violations = details.bad_request().map_or(&[][..], |bad| &bad.field_violations[..]);
    let violations = violations
        .iter()
        .map(|violation| json!({ "field": violation.field, "text": violation.description }));
    violations.collect()
}

/// The same within a stream, as one line.
pub(crate) fn line_of(status: &Status, whole: Option<&Refusal>) -> String {
    let violations = match whole {
        Some(refusal) => refusal.violations.iter().cloned().map(shown).collect(),
        None => in_short(status),
    };
    members(status, violations).to_string()
}

fn problem_response(status: &Status, violations: Vec<Value>) -> Response {
    let http = http_status(status.code());
    let mut response = answer(http, PROBLEM, members(status, violations).to_string());
    if http == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer realm=\"single-window\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    }
    if matches!(status.code(), Grpc::ResourceExhausted | Grpc::Unavailable) {
        // Whole seconds are all that the header has.
        let delay = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
        let seconds = delay.map_or(1, |delay| delay.as_secs().max(1));
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn members(status: &Status, violations: Vec<Value>) -> Value {
    let details = status.get_error_details();
    let (reason, data) = match details.error_info() {
        Some(info) => (info.reason.as_str(), json!(info.metadata)),
        None => ("", json!({})),
    };
    let known = Code::ALL.iter().find(|code| code.id() == reason).copied();
    let title = known.map_or_else(|| status.message(), |code| code.title());
    let http = http_status(status.code());
    let mut body = json!({
        "type": known.map_or("about:blank".to_owned(), page),
        "title": title,
        "status": http.as_u16(),
        "code": reason,
        "message": title,
        "message_zh": known.map_or_else(|| status.message(), |code| code.title_zh()),
        "data": data,
        "violations": violations,
    });
    if let Some(first) = body["violations"].get(0) {
        body["detail"] = json!(format!("{}: {}", text(&first["field"]), text(&first["text"])));
    }
    body
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// What is wrong with the HTTP request itself; has no code, because the service never saw it.
pub(crate) fn wrong(status: StatusCode, message: &str, message_zh: &str) -> Response {
    let body = json!({
        "type": "about:blank",
        "title": message,
        "status": status.as_u16(),
        "code": "",
        "message": message,
        "message_zh": message_zh,
    });
    answer(status, PROBLEM, body.to_string())
}

/// By who must act, as the table from refusals to gRPC codes.
fn http_status(code: Grpc) -> StatusCode {
    match code {
        Grpc::Ok => StatusCode::OK,
        Grpc::InvalidArgument | Grpc::OutOfRange => StatusCode::BAD_REQUEST,
        Grpc::Unauthenticated => StatusCode::UNAUTHORIZED,
        Grpc::PermissionDenied => StatusCode::FORBIDDEN,
        Grpc::NotFound => StatusCode::NOT_FOUND,
        Grpc::AlreadyExists | Grpc::FailedPrecondition | Grpc::Aborted => StatusCode::CONFLICT,
        Grpc::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Grpc::Unavailable | Grpc::DeadlineExceeded | Grpc::Cancelled => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Grpc::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Grpc::Internal | Grpc::Unknown | Grpc::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An answer in this form.
pub(crate) fn answer(status: StatusCode, form: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    if status != StatusCode::NO_CONTENT {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(form));
    }
    response
}

/// What a request is called in the caller's books, or a name that we make up.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let own = [REQUEST_ID, IDEMPOTENCY_KEY].into_iter().find_map(|name| headers.get(name));
    let own = own.filter(|id| id.len() <= 64 && id.as_bytes().iter().all(u8::is_ascii_graphic));
    own.cloned().unwrap_or_else(|| {
        // Hexadecimal digits and hyphens always are a value.
        HeaderValue::from_str(&Uuid::now_v7().to_string()).unwrap_or(HeaderValue::from_static(""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_code_and_says_when_to_come_again() {
        let response = of(&Refusal::of(Code::Overloaded));
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        let response = of_status(&status::plain(Code::CertificateUnknown));
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(!response.headers().contains_key(RETRY_AFTER));
    }

    #[test]
    fn a_request_has_the_name_that_its_caller_gave_it() {
        let mut headers = HeaderMap::new();
        let made = request_id(&headers);
        assert_eq!(made.len(), 36);
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static("mine"));
        assert_eq!(request_id(&headers), "mine");
        headers.insert(REQUEST_ID, HeaderValue::from_static("two words"));
        assert_ne!(request_id(&headers), "two words");
    }
}
