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

use crate::guard::failed;
use crate::language::own_path;
use crate::problem::bare;
use crate::session::{Cookies, LoginProof, random};
use crate::visit::{Visit, page_with};

/// The link of a sandbox: whoever has it may play everybody. It opens once.
#[derive(Debug, Clone)]
pub struct LoginLink(Arc<Link>);

/// See [`LoginLink`].
#[derive(Debug)]
struct Link {
    /// `None` after it was used.
    token: Mutex<Option<String>>,
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
        Ok(Self(Arc::new(Link { token: Mutex::new(Some(random()?)), people })))
    }

    /// The path of the link, until it was used.
    pub fn path(&self) -> Option<String> {
        let token = self.0.token.lock().unwrap_or_else(PoisonError::into_inner);
        token.as_ref().map(|token| format!("{}/login?token={token}", crate::PATH))
    }

    /// True once, with the right token.
    fn is_used_by(&self, said: &str) -> bool {
        let mut token = self.0.token.lock().unwrap_or_else(PoisonError::into_inner);
        // How long it takes to compare digests says nothing about the token.
        let of = |text: &str| digest(&SHA256, text.as_bytes());
        let fits = token.as_deref().is_some_and(|token| of(token).as_ref() == of(said).as_ref());
        if fits {
            *token = None;
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
        return entered(&visit, (first, ""), LoginProof::Link, "/console/sandbox");
    }
    let page = LoginPage { visit: &visit, back: own_path(visit.query("back")), wrong: false };
    page_with(StatusCode::OK, &page)
}

/// `POST /console/login` with a key (API key).
pub(crate) async fn enter(Extension(visit): Extension<Arc<Visit>>) -> Response {
    let (key, back) = (visit.field("key"), own_path(visit.field("back")));
    match (visit.console.holder)(key) {
        Some(caller) => {
            let whose = (caller.as_str(), visit.field("person"));
            entered(&visit, whose, LoginProof::Key(key.to_owned()), back)
        }
        None => {
            page_with(StatusCode::UNAUTHORIZED, &LoginPage { visit: &visit, back, wrong: true })
        }
    }
}

/// `POST /console/sandbox/as`: goes on as somebody else.
pub(crate) async fn play(Extension(visit): Extension<Arc<Visit>>) -> Response {
    let name = visit.field("caller");
    let known = visit.console.sandbox.as_ref().is_some_and(|link| link.knows(name));
    if !known || !visit.plays_everybody() {
        return bare(&visit, StatusCode::FORBIDDEN);
    }
    entered(&visit, (name, visit.field("person")), LoginProof::Link, crate::PATH)
}

/// `POST /console/logout`.
pub(crate) async fn leave() -> Response {
    with_cookie(Redirect::to("/console/login").into_response(), Cookies::forget())
}

fn entered(visit: &Visit, (caller, person): (&str, &str), by: LoginProof, to: &str) -> Response {
    match visit.console.cookies.begin(caller, person, by) {
        Ok((_, cookie)) => with_cookie(Redirect::to(to).into_response(), cookie),
        Err(fault) => failed(&fault),
    }
}

fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_once() {
        let link = LoginLink::new(vec![("agent", "files")]).expect("random bytes");
        let path = link.path().expect("nobody has used it");
        let token = path.rsplit('=').next().expect("a token").to_owned();
        assert!(!link.is_used_by("") && !link.is_used_by("guess"));
        assert!(link.is_used_by(&token));
        assert!(!link.is_used_by(&token), "used");
        assert_eq!(link.path(), None);
    }
}
