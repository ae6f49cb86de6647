//! Who is logged in: what a browser keeps for us in a sealed cookie.
//!
//! The invariant: a cookie says nothing to whoever holds it, and one that was changed says nothing to us. It
//! names a caller of the registry; what that caller may do is decided anew with every call.

use std::sync::Arc;

use domain::limits;
use domain::principal::ActingPerson;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use store::token::{Token, TokenKey};
use store::{Clock, Fault};

/// The prefix has browsers take it from this host only, over TLS only, for all of its paths.
const COOKIE_NAME: &str = "__Host-session";
const SECONDS: i64 = limits::CONSOLE_SESSION_HOURS * 3_600;
const RANDOM_BYTES: usize = 16;

/// By what a person logged in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoginProof {
    /// The certificate of the connection, which is asked for anew with every request.
    Certificate,
    /// A key (API key): the session ends with it.
    Key(String),
    /// The link of a sandbox: everybody may be played.
    Link,
}

/// A person at a browser.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserSession {
    /// As which caller of the registry, by its name.
    pub caller: String,
    /// In every form of this session, and in nobody else's.
    pub form_token: String,
    /// Second of its end.
    until: i64,
    /// By what.
    pub by: LoginProof,
    /// The name that the person gave; empty where none was asked for.
    #[serde(default)]
    pub person: String,
}

impl std::fmt::Debug for BrowserSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrowserSession").field("caller", &self.caller).finish_non_exhaustive()
    }
}

impl BrowserSession {
    /// One that begins now.
    ///
    /// # Errors
    ///
    /// [`Fault`] when the system gives no random bytes.
    fn begin(caller: &str, person: &str, by: LoginProof, clock: &Clock) -> Result<Self, Fault> {
        let until = clock.now().unix_timestamp() + SECONDS;
        let (caller, person) = (caller.to_owned(), ActingPerson::name(person));
        Ok(Self { caller, form_token: random()?, until, by, person })
    }
}

/// A text that nobody guesses.
pub(crate) fn random() -> Result<String, Fault> {
    let mut bytes = [0; RANDOM_BYTES];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Fault::Broken("the system gives no random bytes".to_owned()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Seals and reads the cookies of sessions.
#[derive(Debug, Clone)]
pub struct Cookies {
    token: Arc<Token>,
    /// The time of the machine: a session ends by it also where the clock of a sandbox is moved.
    clock: Clock,
}

impl Cookies {
    /// With the key of a service, so that sessions outlive the process.
    ///
    /// # Errors
    ///
    /// [`Fault`] when no key can be made.
    pub fn new(key: &TokenKey, clock: Clock) -> Result<Self, Fault> {
        Ok(Self { token: Arc::new(key.of("console", "session")?), clock })
    }

    /// The session of a request, when it has one that has not ended.
    pub fn read(&self, headers: &HeaderMap) -> Option<BrowserSession> {
        let said = self.token.read(cookie(headers, COOKIE_NAME)?)?;
        let session: BrowserSession = serde_json::from_slice(&said).ok()?;
        (session.until > self.clock.now().unix_timestamp()).then_some(session)
    }

    /// A session that begins now, with what is said to a browser so that it keeps it.
    ///
    /// # Errors
    ///
    /// [`Fault`] when the system gives no random bytes.
    pub(crate) fn begin(
        &self,
        caller: &str,
        person: &str,
        by: LoginProof,
    ) -> Result<(BrowserSession, HeaderValue), Fault> {
        let session = BrowserSession::begin(caller, person, by, &self.clock)?;
        let cookie = HeaderValue::from_str(&self.set(&session)?);
        let cookie = cookie.map_err(|error| Fault::Broken(format!("a cookie: {error}")))?;
        Ok((session, cookie))
    }

    fn set(&self, session: &BrowserSession) -> Result<String, Fault> {
        let says = serde_json::to_vec(session);
        let says = says.map_err(|error| Fault::Broken(format!("a session is no JSON: {error}")))?;
        let sealed = self.token.write(&says)?;
        Ok(format!(
            "{COOKIE_NAME}={sealed}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={SECONDS}"
        ))
    }

    /// And so that it forgets it.
    pub(crate) fn forget() -> HeaderValue {
        HeaderValue::from_static(
            "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
        )
    }
}

/// A cookie by its name.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|it| it.split_once('='));
    pairs.find(|(known, _)| known.trim() == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "language=zh; __Host-session=abc; x=y".parse().expect("a value"));
        assert_eq!(cookie(&headers, "language"), Some("zh"));
        assert_eq!(cookie(&headers, COOKIE_NAME), Some("abc"));
        assert_eq!(cookie(&headers, "session"), None);
    }
    #[test]
    fn a_session_ends_after_its_hours_and_one_that_was_changed_is_none() {
        const BEGUN: i64 = 1_790_000_000;
        let at = |seconds: i64| {
            Clock::new(move || OffsetDateTime::from_unix_timestamp(seconds).expect("a time"))
        };
        let key = TokenKey::new(&[7; 32]);
        let cookies = |seconds| Cookies::new(&key, at(seconds)).expect("a key");
        let by = LoginProof::Key("k".to_owned());
        let (session, set) =
            cookies(BEGUN).begin("enterprise-a", "李明", by).expect("random bytes");
        let sent = set.to_str().expect("ASCII").split(';').next().expect("a first part").to_owned();
        let read = |seconds, sent: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, sent.parse().expect("a value"));
            cookies(seconds).read(&headers)
        };
        assert!(read(BEGUN + SECONDS - 1, &sent) == Some(session), "it has not ended");
        assert!(read(BEGUN + SECONDS, &sent).is_none(), "it has ended");
        let changed =
            format!("{}{}", &sent[..sent.len() - 1], if sent.ends_with('A') { 'B' } else { 'A' });
        assert!(read(BEGUN, &changed).is_none(), "somebody changed it");
    }
}
