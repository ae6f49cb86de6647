//! Pages for whoever asks, also without a certificate or a key: what the window says about itself, and never what
//! anybody told it. A refusal links to the page of its code; who is refused for want of a key reads it too.

use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, Method};

use crate::json::openapi;

/// The pages of codes, by their numbers.
const ERRORS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/error_pages.rs"));

static OPENAPI: LazyLock<Bytes> = LazyLock::new(|| openapi::document().to_string().into());
static READABLE: LazyLock<Bytes> = LazyLock::new(|| openapi::readable().into());

/// The page at this path, when it is one.
pub(crate) fn open<B>(request: &http::Request<B>) -> Option<Response> {
    if request.method() != Method::GET {
        return None;
    }
    let (form, text) = match request.uri().path() {
        "/openapi.json" => ("application/json", OPENAPI.clone()),
        "/docs" => ("text/html; charset=utf-8", READABLE.clone()),
        path => {
            let code = path.strip_prefix("/errors/")?;
            let (_, page) = ERRORS.iter().find(|(name, _)| *name == code)?;
            ("text/plain; charset=utf-8", Bytes::from_static(page.as_bytes()))
        }
    };
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(form));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    Some(response)
}

#[cfg(test)]
mod tests {
    use domain::Code;

    use super::*;

    #[test]
    fn every_code_has_the_page_that_its_refusals_link_to() {
        for code in Code::ALL {
            let request = http::Request::get(crate::problem::page(code)).body(()).expect("a path");
            assert!(open(&request).is_some(), "{}", code.id());
        }
        for path in ["/errors/SW-9999", "/errors/", "/v1/status", "/ceb"] {
            let request = http::Request::get(path).body(()).expect("a path");
            assert!(open(&request).is_none(), "{path}");
        }
    }
}
