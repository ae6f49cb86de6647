//! The language of a page: what was chosen once, or else what the browser prefers.

use std::sync::Arc;

use axum::Extension;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::header::{ACCEPT_LANGUAGE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use proto::status::Language;

use crate::session::cookie;
use crate::visit::Visit;

const COOKIE_NAME: &str = "language";
const YEAR: u32 = 365 * 24 * 3600;

/// The language of a request: what its reader chose at the console, or else what it says to prefer.
pub fn of(headers: &HeaderMap) -> Language {
    let preferred = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let wanted = cookie(headers, COOKIE_NAME).or(preferred);
    let chinese = wanted.is_some_and(|it| it.trim_start().to_ascii_lowercase().starts_with("zh"));
    if chinese { Language::Chinese } else { Language::English }
}

/// `GET /console/language?to=zh&back=…`: keeps a choice, also for the pages of codes, and goes back to the page it was made on.
pub(crate) async fn choose(Extension(visit): Extension<Arc<Visit>>) -> Response {
    let to = if visit.query("to") == "zh" { "zh" } else { "en" };
    let cookie = format!("{COOKIE_NAME}={to}; Path=/; Secure; SameSite=Lax; Max-Age={YEAR}");
    let back = own_path(visit.query("back"));
    let mut response = Redirect::to(back).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// A path of the console; its beginning for everything else, so that nobody is sent elsewhere.
pub(crate) fn own_path(asked: &str) -> &str {
    let printable = asked.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let inside = asked == crate::PATH || asked.starts_with("/console/");
    if inside && printable { asked } else { crate::PATH }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_counts_more_than_what_the_browser_prefers() {
        let headers = |accept: &str, cookies: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, accept.parse().expect("a value"));
            headers.insert(http::header::COOKIE, cookies.parse().expect("a value"));
            headers
        };
        assert_eq!(of(&headers("zh-CN,zh;q=0.9,en;q=0.8", "")), Language::Chinese);
        assert_eq!(of(&headers("en-US,zh;q=0.9", "")), Language::English);
        assert_eq!(of(&headers("zh-CN", "language=en")), Language::English);
        assert_eq!(of(&headers("en", "a=b; language=zh")), Language::Chinese);
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        for path in ["https://evil.example", "//evil.example", "/consolex", "/console/\r\nx", ""] {
            assert_eq!(own_path(path), "/console", "{path}");
        }
        assert_eq!(own_path("/console/orders?stage=2"), "/console/orders?stage=2");
    }
}
