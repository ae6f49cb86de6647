//! The console (控制台): the window in a browser, for firms, examination sites, agencies and operators, in
//! Chinese and English.
//!
//! It is a caller like every other one: a page asks the public API over the window's own gate, as the person
//! who looks at it. What the console can, a program can, and what a caller may not, its page cannot either.
//!
//! The invariants: every page has its headers, and every form that changes something its token, before a
//! page sees anything ([`guard`]); texts of others go through the escaping of the templates; a script comes
//! from `files` and nowhere else.

mod calendar;
mod declarations;
mod documents;
mod dry_run;
mod fields;
mod file_headers;
mod files;
mod filing;
mod filing_rate;
mod forex;
mod guard;
mod keys;
mod lag;
mod language;
mod listing;
mod live;
mod login;
mod minute_chart;
mod money;
mod operation;
mod orders;
mod print;
mod problem;
mod refund;
mod refusals;
mod session;
mod simulation;
mod statistics;
mod story;
mod texts;
mod upload;
mod upload_form;
mod visit;
mod webhooks;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};
use store::Clock;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;

pub use file_headers::file_headers;
pub use language::of as language;
pub use login::LoginLink;
pub use session::{BrowserSession, Cookies, LoginProof};

/// The window's own calls behind its gate: who calls is in the extensions of a request, as the gate reads it.
pub type WindowCalls = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible>;

/// Whose key (API key) a text is, by the name in the registry; `None` when it is nobody's.
pub type KeyCheck = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Below this path the window is a console.
pub const PATH: &str = "/console";

/// A service of the window, for the page of the operator.
#[derive(Debug, Clone)]
pub struct ServicePart {
    /// Its name.
    pub name: &'static str,
    /// Under which names health knows its calls.
    pub apis: Vec<&'static str>,
    /// And its loops. Empty, as its calls are, when it runs elsewhere or nowhere.
    pub loops: Vec<&'static str>,
}

/// What the console is given.
#[derive(Clone)]
pub struct Console(Arc<ConsoleParts>);

/// See [`Console`].
pub struct ConsoleParts {
    /// The calls of this window.
    pub calls: WindowCalls,
    /// What time it is here.
    pub clock: Clock,
    /// What is sealed in cookies.
    pub cookies: Cookies,
    /// Knows keys.
    pub holder: KeyCheck,
    /// The services of this window.
    pub services: Vec<ServicePart>,
    /// Who may be played by whoever has the link; `None` outside the sandbox.
    pub sandbox: Option<LoginLink>,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console").field("services", &self.0.services).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ConsoleParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsoleParts").field("services", &self.services).finish_non_exhaustive()
    }
}

impl std::ops::Deref for Console {
    type Target = ConsoleParts;

    fn deref(&self) -> &ConsoleParts {
        &self.0
    }
}

impl Console {
    /// With what it is given.
    pub fn new(parts: ConsoleParts) -> Self {
        Self(Arc::new(parts))
    }

    /// Its pages, with whole paths.
    pub fn pages(self) -> Router {
        let pages = Router::new()
            .route("/console", get(login::start))
            .route("/console/", get(login::start))
            .route("/console/login", get(login::form).post(login::enter))
            .route("/console/logout", post(login::leave))
            .route("/console/language", get(language::choose))
            .route("/console/files/{name}", get(files::file))
            .route("/console/live", get(live::declarations))
            .route("/console/live/orders", get(live::orders))
            .route("/console/declarations", get(declarations::list))
            .route("/console/declarations/{id}", get(story::whole))
            .route("/console/declarations/{id}/withdraw", post(story::withdraw))
            .route(
                "/console/declarations/{id}/documents",
                get(documents::show).post(documents::send),
            )
            .route("/console/declarations/{id}/documents/{sha256}", get(documents::download))
            .route("/console/declarations/{id}/print", get(print::show))
            .route("/console/file", get(filing::form).post(filing::file))
            .route("/console/sandbox", get(simulation::show))
            .route("/console/sandbox/file", post(simulation::file))
            .route("/console/sandbox/clock", post(simulation::advance))
            .route("/console/sandbox/as", post(login::play))
            .route("/console/orders", get(orders::list))
            .route("/console/orders/{id}", get(orders::whole))
            .route("/console/orders/{id}/{act}", post(orders::act))
            .route("/console/calendar", get(calendar::show))
            .route("/console/statistics", get(statistics::show))
            .route("/console/operation", get(operation::show))
            .route("/console/operation/{act}", post(operation::act))
            .route("/console/dry-run", get(dry_run::form).post(dry_run::run))
            .route("/console/forex", get(forex::show))
            .route("/console/forex/{act}", post(forex::act))
            .route("/console/refund", get(refund::show))
            .route("/console/refund/claim", get(refund::claim))
            .route("/console/refund/{act}", post(refund::act))
            .route("/console/webhooks", get(webhooks::list).post(webhooks::make))
            .route("/console/webhooks/{id}", get(webhooks::one))
            .route("/console/webhooks/{id}/{act}", post(webhooks::act))
            .route("/console/keys", get(keys::list).post(keys::make))
            .route("/console/keys/revoke", post(keys::revoke))
            .route("/console/money", get(money::show))
            .route("/console/money/deposit", post(money::deposit))
            .route("/console/{*rest}", any(problem::unknown));
        let guarded = axum::middleware::from_fn_with_state(self.clone(), guard::pass);
        pages.layer(guarded).with_state(self)
    }
}
