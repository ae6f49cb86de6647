//! One declaration on paper, with a QR code of the address of its page.

use std::fmt::Write as _;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::response::Response;
use cli::words;
use domain::Code;
use http::header::HOST;
use http::{HeaderMap, Uri};
use proto::v1;
use qrcode::{Color, QrCode};

use crate::declarations::StateBadge;
use crate::problem::{PageAnswer, RefusedCall, settle};
use crate::story::{GoodsRow, LabelledValue, content, goods, read, standing};
use crate::visit::{Visit, page};

/// White around a code, in modules: readers ask for it.
const QUIET: usize = 4;

/// A QR code as what a vector graphic draws.
struct QrDrawing {
    /// Modules of a side, with the white around it.
    size: usize,
    /// The dark ones.
    path: String,
}

impl QrDrawing {
    /// Of a text; `None` when it is too long for any code.
    fn new(text: &str) -> Option<Self> {
        let code = QrCode::new(text).ok()?;
        let (width, mut path) = (code.width(), String::new());
        let colors = code.to_colors();
        let dark = colors.iter().enumerate().filter(|(_, color)| **color == Color::Dark);
        for (place, _) in dark {
            let (x, y) = (place % width + QUIET, place / width + QUIET);
            let _infallible = write!(path, "M{x} {y}h1v1h-1z");
        }
        Some(Self { size: width + 2 * QUIET, path })
    }
}

#[derive(Template)]
#[template(path = "print.html")]
struct PrintPage<'a> {
    visit: &'a Visit,
    id: &'a str,
    record: &'a v1::DeclarationRecord,
    state: StateBadge,
    qr: QrDrawing,
    address: String,
    standing: Vec<LabelledValue>,
    content: Vec<LabelledValue>,
    goods: Vec<GoodsRow>,
    printed: String,
}

/// `GET /console/declarations/{id}/print`.
pub(crate) async fn show(
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    // Over HTTP/2 the host is in the address.
    let named = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = uri.authority().map(http::uri::Authority::as_str).or(named);
    settle(&visit, printed(&visit, &id, &proto::text(host.map(str::to_owned))).await)
}

async fn printed(visit: &Visit, id: &str, host: &str) -> PageAnswer {
    let record = read(visit, id).await?;
    let declaration = record.declaration.as_ref();
    let address = format!("https://{host}/console/declarations/{}", words::id(&record.name));
    let too_long = || Box::new(RefusedCall::local(Code::Invalid, visit.language, Vec::new()));
    Ok(page(&PrintPage {
        visit,
        id,
        state: StateBadge::of(visit, record.state()),
        qr: QrDrawing::new(&address).ok_or_else(too_long)?,
        address,
        standing: standing(visit, &record),
        content: declaration.map_or_else(Vec::new, |it| content(visit, it)),
        goods: declaration.map_or_else(Vec::new, goods),
        printed: words::minute(Some(visit.console.clock.now())),
        record: &record,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_three_corners_and_white_around_it() {
        let code =
            QrDrawing::new("https://localhost:7443/console/declarations/01a2").expect("fits");
        let last = code.size - QUIET - 1;
        for (x, y) in [(QUIET, QUIET), (last, QUIET), (QUIET, last)] {
            assert!(code.path.contains(&format!("M{x} {y}h1v1h-1z")), "{x} {y}");
        }
        assert!(!code.path.contains("M3 ") && !code.path.contains(" 3h"), "white");
        assert!(QrDrawing::new(&"x".repeat(5_000)).is_none());
    }
}
