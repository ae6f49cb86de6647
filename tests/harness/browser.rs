//! A person at a browser, as far as a page can tell: keeps cookies, sends forms as pages have them, and sees
//! texts. A real browser looks at the same pages in `tests/chromium`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Sandbox;
use super::http::{Answer, Http};

/// See the module.
pub(crate) struct Browser {
    http: Http,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) language: &'static str,
    /// Sent along with every form.
    pub(crate) origin: &'static str,
}

/// A page as it came.
pub(crate) struct WebPage {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) location: String,
}

impl WebPage {
    /// Whether something stands there.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// The value of the first input of this name.
    pub(crate) fn value(&self, name: &str) -> &str {
        let from = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.text.split_once(&from).unwrap_or_else(|| {
            panic!("there is no {name}: {}", self.text);
        });
        rest.split('"').next().expect("a split has a first part")
    }

    /// The hidden inputs of the forms that are sent there, of each its own.
    pub(crate) fn forms(&self, action: &str) -> Vec<Vec<(String, String)>> {
        let from = format!("action=\"{action}\"");
        let inputs = |form: &str| {
            let hidden = form.split("<input type=\"hidden\" name=\"").skip(1).filter_map(|rest| {
                let (name, rest) = rest.split_once("\" value=\"")?;
                Some((name.to_owned(), unescaped(rest.split('"').next()?)))
            });
            hidden.collect()
        };
        let forms = self.text.split(&from).skip(1);
        forms.map(|rest| inputs(rest.split("</form>").next().expect("it ends"))).collect()
    }

    /// What can be typed into the form that files, with what is in it.
    pub(crate) fn fields(&self) -> BTreeMap<String, String> {
        let inputs = self.text.split("name=\"f.").skip(1).filter_map(|rest| {
            let (name, rest) = rest.split_once('"')?;
            let value = rest.strip_prefix(" value=\"")?.split('"').next()?;
            Some((format!("f.{name}"), unescaped(value)))
        });
        inputs.collect()
    }
}

/// Texts as the browser reads them.
fn unescaped(text: &str) -> String {
    let entities =
        [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}

impl Browser {
    /// With the certificate of a caller.
    pub(crate) async fn of(sandbox: &Sandbox, caller: &str) -> Self {
        let http = Http::connect(sandbox, caller).await;
        Self { http, cookies: BTreeMap::new(), language: "en", origin: "https://localhost" }
    }

    /// Without a certificate.
    pub(crate) async fn of_nobody(sandbox: &Sandbox) -> Self {
        let http = Http::with(&sandbox.config_without_certificate()).await;
        Self { http, cookies: BTreeMap::new(), language: "en", origin: "https://localhost" }
    }

    /// Opens a page; what it is sent on to is in `location`.
    pub(crate) async fn opens(&mut self, target: &str) -> WebPage {
        self.asks("GET", target, "").await
    }

    /// Sends a form, and opens the page that follows.
    pub(crate) async fn sends(&mut self, target: &str, form: &[(&str, &str)]) -> WebPage {
        let page = self.posts(target, form).await;
        match (page.status, page.location.clone()) {
            (303, location) => self.opens(&location).await,
            _ => page,
        }
    }

    /// Sends a form of a page as it stands there, with what is typed into it, and opens the page that follows.
    pub(crate) async fn sends_form(
        &mut self,
        (page, action): (&WebPage, &str),
        is: impl Fn(&[(String, String)]) -> bool,
        typed: &[(&str, &str)],
    ) -> WebPage {
        let form = page.forms(action).into_iter().find(|form| is(form));
        let form = form.unwrap_or_else(|| panic!("no such form to {action}: {}", page.text));
        let hidden = form.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let form: Vec<_> = hidden.chain(typed.iter().copied()).collect();
        self.sends(action, &form).await
    }

    /// Sends a form.
    pub(crate) async fn posts(&mut self, target: &str, form: &[(&str, &str)]) -> WebPage {
        let mut body = String::new();
        for (name, value) in form {
            let separator = if body.is_empty() { "" } else { "&" };
            write!(body, "{separator}{}={}", encoded(name), encoded(value)).expect("a text");
        }
        self.asks("POST", target, &body).await
    }

    async fn asks(&mut self, method: &str, target: &str, body: &str) -> WebPage {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, it)| format!("{name}={it}")).collect();
        let cookies = cookies.join("; ");
        self.http.headers = format!("Accept-Language: {}\r\n", self.language);
        if !cookies.is_empty() {
            write!(self.http.headers, "Cookie: {cookies}\r\n").expect("a text");
        }
        if method == "POST" {
            write!(self.http.headers, "Origin: {}\r\n", self.origin).expect("a text");
        }
        let answer = self.http.call(method, target, "text/html", body.as_bytes()).await;
        self.keeps(&answer);
        for (name, value) in [
            ("content-security-policy", "default-src 'none'; script-src 'self'"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
        ] {
            assert!(answer.header(name).starts_with(value), "{target} without {name}: {answer}");
        }
        WebPage {
            status: answer.status,
            location: answer.header("location").to_owned(),
            text: String::from_utf8(answer.body).expect("pages are UTF-8"),
        }
    }

    fn keeps(&mut self, answer: &Answer) {
        let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default();
        if let Some((name, value)) = cookie.split_once('=') {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a text");
        }
    }
    encoded
}
