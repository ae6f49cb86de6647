//! What stands before every page: who looks, whether a form is from one of our pages, and the headers.
//!
//! The invariant: no page sees a form whose token is not that of the session, and no answer leaves without
//! the headers that keep scripts, frames and forms of others out.

use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::{Principal, limits};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::session::LoginProof;
use crate::upload_form::UploadForm;
use crate::visit::{NamedValues, Visit, Visitor};
use crate::{Console, language, problem};

const HEADERS: [(HeaderName, &str); 7] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    // Forms name their origin only where the referrer is not kept back altogether.
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

/// Lets a request through to its page.
pub(crate) async fn pass(State(console): State<Console>, request: Request, next: Next) -> Response {
    let mut response = match visit(console, request).await {
        Ok((visit, request)) => {
            let fresh = visit.1;
            let mut request = request;
            request.extensions_mut().insert(Arc::new(visit.0));
            let mut response = next.run(request).await;
            if let Some(cookie) = fresh.filter(|_| !response.headers().contains_key(SET_COOKIE)) {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Err(response) => *response,
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// What is known of a visit, and a cookie for whoever has none yet.
type VisitAndCookie = (Visit, Option<HeaderValue>);

async fn visit(
    console: Console,
    request: Request,
) -> Result<(VisitAndCookie, Request), Box<Response>> {
    let (mut parts, mut body) = request.into_parts();
    let extensions = parts.extensions.clone();
    let language = language::of(&parts.headers);
    let target = parts.uri.path_and_query().map_or("", |it| it.as_str()).to_owned();
    let query = NamedValues::read(parts.uri.query().unwrap_or("").as_bytes()); // none asks nothing
    let session = console.cookies.read(&parts.headers);
    let (mut person, mut fresh) = (None, None);
    if let Some(principal) = parts.extensions.remove::<Arc<Principal>>() {
        let known = session.filter(|session| session.caller == principal.name);
        let session = match known {
            Some(session) => session,
            // Logged in by a certificate.
            None => {
                let begun = console.cookies.begin(&principal.name, "", LoginProof::Certificate);
                let (session, cookie) = begun.map_err(|fault| Box::new(failed(&fault)))?;
                fresh = Some(cookie);
                session
            }
        };
        person = Some(Visitor { principal, session });
    }
    let mut visit = Visit {
        console,
        person,
        language,
        target,
        query,
        form: NamedValues::default(),
        upload: Mutex::default(),
        extensions,
    };
    let path = parts.uri.path();
    let is_open = ["/console/login", "/console/language"].contains(&path)
        || path.starts_with("/console/files/");
    if visit.person.is_none() && !is_open {
        let back: String = form_urlencoded::byte_serialize(visit.target.as_bytes()).collect();
        let to = match parts.method {
            Method::GET => format!("/console/login?back={back}"),
            _ => "/console/login".to_owned(),
        };
        return Err(Box::new(Redirect::to(&to).into_response()));
    }
    if parts.method != Method::GET && parts.method != Method::HEAD {
        let upload = visit.person.as_ref().and_then(|_| UploadForm::of(&parts.headers, &mut body));
        if let Some(mut form) = upload {
            // Nothing of its files is read before its token was seen.
            let token = form.token(&visit).await;
            if !is_same_origin(&parts.headers) || token != visit.form_token() {
                return Err(Box::new(problem::bare(&visit, StatusCode::FORBIDDEN)));
            }
            visit.upload = Mutex::new(Some(form));
            return Ok(((visit, fresh), Request::from_parts(parts, Body::empty())));
        }
        let most = if visit.person.is_some() {
            limits::CONSOLE_FORM_BYTES_MAX
        } else {
            limits::CONSOLE_LOGIN_BYTES_MAX
        };
        let Ok(bytes) = to_bytes(body, most).await else {
            return Err(Box::new(problem::bare(&visit, StatusCode::PAYLOAD_TOO_LARGE)));
        };
        visit.form = NamedValues::read(&bytes);
        let is_ours = is_same_origin(&parts.headers)
            && (visit.person.is_none() || visit.field("token") == visit.form_token());
        if !is_ours {
            return Err(Box::new(problem::bare(&visit, StatusCode::FORBIDDEN)));
        }
        return Ok(((visit, fresh), Request::from_parts(parts, Body::empty())));
    }
    Ok(((visit, fresh), Request::from_parts(parts, body)))
}

/// Whether a form comes from a page of this host. Browsers say so; what says nothing is no browser, and has
/// no cookie that it did not ask for.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let said = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let site = said(HeaderName::from_static("sec-fetch-site"));
    let near = site.is_none_or(|site| ["same-origin", "none"].contains(&site));
    let origin = said(ORIGIN).map(|origin| origin.split_once("://").map_or("", |(_, host)| host));
    // Over HTTP/2 there is a name of the host only where something puts it there.
    let fits = origin.zip(said(HOST)).is_none_or(|(origin, host)| origin == host);
    near && fits
}

pub(crate) fn failed(fault: &store::Fault) -> Response {
    tracing::error!(%fault, "a session of the console cannot begin");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_others_are_told_from_ours() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            pairs.collect::<HeaderMap>()
        };
        let host = ("host", "localhost:7443");
        for (said, expected) in [
            (&[host][..], true),
            (&[host, ("origin", "https://localhost:7443")], true),
            (&[host, ("origin", "https://evil.example")], false),
            (&[host, ("origin", "null")], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
        ] {
            assert_eq!(is_same_origin(&headers(said)), expected, "{said:?}");
        }
    }
}
