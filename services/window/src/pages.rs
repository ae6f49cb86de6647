//! Pages for whoever asks, also without a certificate or a key: what the window says about itself, and never what
//! anybody told it. A refusal links to the page of its code; who is refused for want of a key reads it too.

use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LINK, VARY,
};
use http::{HeaderValue, Method};
use proto::status::Language;

use crate::json::openapi;

/// The pages of codes, by their numbers: in English and Chinese.
const ERRORS: &[(&str, [&str; 2])] = include!(concat!(env!("OUT_DIR"), "/error_pages.rs"));

static OPENAPI: LazyLock<Bytes> = LazyLock::new(|| openapi::document().to_string().into());
static READABLE: LazyLock<Bytes> = LazyLock::new(|| openapi::readable().into());

/// The page at this path, when it is one.
pub(crate) fn open<B>(request: &http::Request<B>) -> Option<Response> {
    if request.method() != Method::GET {
        return None;
    }
    match request.uri().path() {
        "/openapi.json" => Some(shown("application/json", OPENAPI.clone())),
        "/docs" => Some(shown("text/html; charset=utf-8", READABLE.clone())),
        path => {
            let code = path.strip_prefix("/errors/")?;
            let (code, pages) = ERRORS.iter().find(|(name, _)| *name == code)?;
            Some(of_code(code, pages, language(request)))
        }
    }
}

fn shown(form: &'static str, text: Bytes) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(form));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

/// What the address asks for (`?language=zh`), or else what the reader chose or prefers.
fn language<B>(request: &http::Request<B>) -> Language {
    let query = request.uri().query().unwrap_or("");
    let asked = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "language");
    match asked.as_ref().map(|(_, language)| &**language) {
        Some("zh") => Language::Chinese,
        Some("en") => Language::English,
        _ => console::language(request.headers()),
    }
}

/// The page of a code in a language, which says where the other one is. A cache keeps them apart.
fn of_code(code: &str, [english, chinese]: &[&'static str; 2], language: Language) -> Response {
    let (page, own, other) = match language {
        Language::English => (english, "en", "zh"),
        Language::Chinese => (chinese, "zh", "en"),
    };
    let mut response = shown("text/plain; charset=utf-8", Bytes::from_static(page.as_bytes()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(own));
    headers.insert(VARY, HeaderValue::from_static("accept-language, cookie"));
    let link =
        format!("</errors/{code}?language={other}>; rel=\"alternate\"; hreflang=\"{other}\"");
    headers.extend(HeaderValue::try_from(link).ok().map(|link| (LINK, link)));
    response
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
        for path in ["/errors/SW-9999", "/errors/SW-1001x", "/errors/", "/v1/status", "/ceb"] {
            let request = http::Request::get(path).body(()).expect("a path");
            assert!(open(&request).is_none(), "{path}");
        }
    }

    #[test]
    fn a_page_is_in_the_language_of_its_reader() {
        let read = |target: &str, headers: &[(&str, &str)]| {
            let mut request = http::Request::get(target);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let page = open(&request.body(()).expect("a path")).expect("a page");
            let header = |name: &str| page.headers()[name].to_str().expect("ASCII").to_owned();
            (header("content-language"), header("link"), header("vary"))
        };
        for (target, headers, expected) in [
            ("/errors/SW-1001", &[][..], "en"),
            ("/errors/SW-1001", &[("accept-language", "zh-CN,zh;q=0.9,en;q=0.8")], "zh"),
            ("/errors/SW-1001", &[("accept-language", "en-GB,zh;q=0.9")], "en"),
            ("/errors/SW-1001", &[("accept-language", "en"), ("cookie", "language=zh")], "zh"),
            ("/errors/SW-1001?language=en", &[("accept-language", "zh")], "en"),
            ("/errors/SW-1001?language=zh", &[], "zh"),
            ("/errors/SW-1001?language=fr", &[], "en"),
        ] {
            let (own, link, vary) = read(target, headers);
            let other = if own == "en" { "zh" } else { "en" };
            assert_eq!(own, expected, "{target} {headers:?}");
            assert!(link.starts_with(&format!("</errors/SW-1001?language={other}>")), "{link}");
            assert!(vary.contains("accept-language"), "{vary}");
        }
        for code in Code::ALL {
            let (_, [english, chinese]) =
                ERRORS.iter().find(|(name, _)| *name == code.id()).expect("a page");
            assert!(english.starts_with(&format!("# {}: {}", code.id(), code.title())), "{code}");
            assert!(
                chinese.starts_with(&format!("# {}：{}", code.id(), code.title_zh())),
                "{code}"
            );
        }
    }
}
