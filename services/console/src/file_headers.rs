//! The head of an answer that is a file: of the console, and of the window's HTTP side.

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};
use proto::v1;

/// What a file is, as headers. It is never shown within a page of ours, whatever its bytes are.
pub fn file_headers(record: &v1::AttachmentRecord) -> HeaderMap {
    let v1::AttachmentRecord { sha256, name, size_bytes, media_type, .. } = record;
    let disposition = if name.is_empty() {
        "attachment".to_owned()
    } else {
        let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
        format!("attachment; filename*=UTF-8''{name}")
    };
    let headers = [
        (CONTENT_TYPE, media_type.clone()),
        (CONTENT_LENGTH, size_bytes.to_string()),
        (CONTENT_DISPOSITION, disposition),
        (ETAG, format!("\"{sha256}\"")),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    let header = |(name, value)| Some((name, HeaderValue::try_from(value).ok()?));
    headers.into_iter().filter_map(header).collect()
}
