//! Coming and going: by a client certificate without any form, by an API key, or in the sandbox by the link
//! of its banner.

use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::header::SET_COOKIE;
use http::{HeaderValue, StatusCode};
use ring::digest::{SHA256, digest};
use store::Fault;

use crate::language::own_path;
use crate::problem::bare;
use crate::session::{BrowserSession, Cookies, random};
use crate::visit::{Visit, page_with};

/// The link of a sandbox: whoever has it may play everybody. It can be used once; then there is a new one.
#[derive(Debug, Clone)]
pub struct LoginLink(Arc<Link>);

/// See [`LoginLink`].
#[derive(Debug)]
struct Link {
    token: Mutex<String>,
    /// Who may be played, with what each is good for.
    people: Vec<(&'static str, &'static str)>,
}

impl LoginLink {
    /// One that nobody has used, for these callers.
    ///
    /// # Errors
    ///
    /// [`Fault`] when the system gives no random bytes.
    pub fn new(people: Vec<(&'static str, &'static str)>) -> Result<Self, Fault> {
        Ok(Self(Arc::new(Link { token: Mutex::new(random()?), people })))
    }

    /// The path of the link as it is now.
    pub fn path(&self) -> String {
        let token = self.0.token.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{}/login?token={}", crate::PATH, *token)
    }

    /// True once for each token.
    fn is_used_by(&self, said: &str) -> bool {
        let Ok(next) = random() else { return false };
        let mut token = self.0.token.lock().unwrap_or_else(PoisonError::into_inner);
        // How long it takes to compare digests says nothing about the token.
        let of = |text: &str| digest(&SHA256, text.as_bytes());
        let fits = of(&token).as_ref() == of(said).as_ref();
        if fits {
            *token = next;
        }
        fits
    }

    /// Who may be played, with what each is good for.
    pub(crate) fn people(&self) -> &[(&'static str, &'static str)] {
        &self.0.people
    }

    fn knows(&self, name: &str) -> bool {
        self.0.people.iter().any(|(known, _)| *known == name)
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    visit: &'a Visit,
    back: &'a str,
    wrong: bool,
}

/// `GET /console`: to where this person begins.
pub(crate) async fn start(Extension(visit): Extension<Arc<Visit>>) -> Response {
    Redirect::to(visit.first_page()).into_response()
}

/// `GET /console/login`, also with the token of a link.
pub(crate) async fn form(Extension(visit): Extension<Arc<Visit>>) -> Response {
    let token = visit.query("token");
    if let Some(link) = visit.console.sandbox.as_ref().filter(|_| !token.is_empty()) {
        if !link.is_used_by(token) {
            return bare(&visit, StatusCode::UNAUTHORIZED);
        }
        let first = link.0.people.first().map_or("", |(name, _)| name);
        return entered(&visit, first, true, "/console/sandbox");
    }
    let page = LoginPage { visit: &visit, back: own_path(visit.query("back")), wrong: false };
    page_with(StatusCode::OK, &page)
}

/// `POST /console/login` with an API key.
pub(crate) async fn enter(Extension(visit): Extension<Arc<Visit>>) -> Response {
    let page = LoginPage { visit: &visit, back: own_path(visit.said("back")), wrong: true };
    page_with(StatusCode::UNAUTHORIZED, &page)
}

/// `POST /console/sandbox/as`: goes on as somebody else.
pub(crate) async fn play(Extension(visit): Extension<Arc<Visit>>) -> Response {
    let name = visit.said("caller");
    let known = visit.console.sandbox.as_ref().is_some_and(|link| link.knows(name));
    if !known || !visit.plays_everybody() {
        return bare(&visit, StatusCode::FORBIDDEN);
    }
    entered(&visit, name, true, crate::PATH)
}

/// `POST /console/logout`.
pub(crate) async fn leave(Extension(_): Extension<Arc<Visit>>) -> Response {
    with_cookie(Redirect::to("/console/login").into_response(), &Cookies::forget())
}

fn entered(visit: &Visit, caller: &str, plays_everybody: bool, to: &str) -> Response {
    let now = visit.console.clock.now();
    let cookie = BrowserSession::begin(caller, plays_everybody, now)
        .and_then(|session| visit.console.cookies.set(&session));
    match cookie {
        Ok(cookie) => with_cookie(Redirect::to(to).into_response(), &cookie),
        Err(fault) => {
            tracing::error!(%fault, "a session of the console cannot begin");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_once() {
        let link = LoginLink::new(vec![("agent", "files")]).expect("random bytes");
        let path = link.path();
        let token = path.rsplit('=').next().expect("a token").to_owned();
        assert!(!link.is_used_by("") && !link.is_used_by("guess"));
        assert!(link.is_used_by(&token));
        assert!(!link.is_used_by(&token), "used");
        assert_ne!(link.path(), path, "there is a new one");
    }
}
