//! Who is logged in: what a browser keeps for us in a sealed cookie.
//!
//! The invariant: a cookie says nothing to whoever holds it, and one that was changed says nothing to us. It
//! names a caller of the registry; what that caller may do is decided anew with every call.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http::HeaderMap;
use http::header::COOKIE;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use store::Fault;
use store::token::{Token, TokenKey};
use time::OffsetDateTime;

/// The prefix has browsers take it from this host only, over TLS only, for all of its paths.
const COOKIE_NAME: &str = "__Host-session";
/// A working day.
const HOURS: i64 = 12;
const RANDOM_BYTES: usize = 16;

/// A person at a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserSession {
    /// As which caller of the registry, by its name.
    pub caller: String,
    /// In every form of this session, and in nobody else's.
    pub form_token: String,
    /// Second of its end.
    until: i64,
    /// It came by the link of the sandbox: everybody may be played there.
    pub plays_everybody: bool,
}

impl BrowserSession {
    /// One that begins now.
    ///
    /// # Errors
    ///
    /// [`Fault`] when the system gives no random bytes.
    pub(crate) fn begin(
        caller: &str,
        plays_everybody: bool,
        now: OffsetDateTime,
    ) -> Result<Self, Fault> {
        let until = now.unix_timestamp() + HOURS * 3600;
        let (caller, form_token) = (caller.to_owned(), random()?);
        Ok(Self { caller, form_token, until, plays_everybody })
    }
}

/// A text that nobody guesses.
pub(crate) fn random() -> Result<String, Fault> {
    let mut bytes = [0; RANDOM_BYTES];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Fault::Broken("the system gives no random bytes".to_owned()))?;
    Ok(BASE64.encode(bytes))
}

/// Seals and reads the cookies of sessions.
#[derive(Debug)]
pub struct Cookies(Token);

impl Cookies {
    /// With the key of a service, so that sessions outlive the process.
    ///
    /// # Errors
    ///
    /// [`Fault`] when no key can be made.
    pub fn new(key: &TokenKey) -> Result<Self, Fault> {
        Ok(Self(key.of("console", "session")?))
    }

    /// The session of a request, when it has one that has not ended.
    pub fn read(&self, headers: &HeaderMap, now: OffsetDateTime) -> Option<BrowserSession> {
        let said = self.0.read(cookie(headers, COOKIE_NAME)?)?;
        let session: BrowserSession = serde_json::from_slice(&said).ok()?;
        (session.until > now.unix_timestamp()).then_some(session)
    }

    /// What is said to a browser so that it keeps this session.
    pub(crate) fn set(&self, session: &BrowserSession) -> Result<String, Fault> {
        let says = serde_json::to_vec(session);
        let says = says.map_err(|error| Fault::Broken(format!("a session is no JSON: {error}")))?;
        let sealed = self.0.write(&says)?;
        let seconds = HOURS * 3600;
        Ok(format!(
            "{COOKIE_NAME}={sealed}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={seconds}"
        ))
    }

    /// And so that it forgets it.
    pub(crate) fn forget() -> String {
        format!("{COOKIE_NAME}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
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
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "language=zh; __Host-session=abc; x=y".parse().expect("a value"));
        assert_eq!(cookie(&headers, "language"), Some("zh"));
        assert_eq!(cookie(&headers, COOKIE_NAME), Some("abc"));
        assert_eq!(cookie(&headers, "session"), None);
    }
}
