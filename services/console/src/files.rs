//! The few files of the console, out of the binary.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

const FILES: [(&str, &str, &str); 4] = [
    ("console.css", "text/css; charset=utf-8", include_str!("../files/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_str!("../files/console.js")),
    ("drafts.js", "text/javascript; charset=utf-8", include_str!("../files/drafts.js")),
    ("icon.svg", "image/svg+xml", include_str!("../files/icon.svg")),
];

/// `GET /console/files/{name}`.
pub(crate) async fn file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, form, text)) => {
            ([(CONTENT_TYPE, *form), (CACHE_CONTROL, "max-age=60")], *text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
