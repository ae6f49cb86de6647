//! Text of a message: elements one below the other. Values are escaped, whatever they hold.

use domain::payment::amount;
use domain::payment::ledger::Currency;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::schema::NAMESPACES;

/// A message while it is written.
pub(super) struct Xml {
    out: String,
    open: Vec<&'static str>,
}

impl Xml {
    /// Begins a message: `Document`, and the element below it.
    pub(super) fn new(version: &str, message: &'static str) -> Self {
        let out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"{NAMESPACES}{version}\">"
        );
        let mut xml = Self { out, open: vec!["Document"] };
        xml.open(message);
        xml
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.out.push_str(&"  ".repeat(self.open.len()));
    }

    pub(super) fn open(&mut self, name: &'static str) {
        self.line();
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
        self.open.push(name);
    }

    /// Ends the element that was opened last.
    pub(super) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.line();
            self.end(name);
        }
    }

    /// Elements within each other.
    pub(super) fn within(&mut self, names: &[&'static str], write: impl FnOnce(&mut Self)) {
        for name in names {
            self.open(name);
        }
        write(self);
        for _ in names {
            self.close();
        }
    }

    fn end(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn start(&mut self, name: &str, attribute: &str) {
        self.line();
        self.out.push('<');
        self.out.push_str(name);
        self.out.push_str(attribute);
        self.out.push('>');
    }

    pub(super) fn leaf(&mut self, name: &str, text: &str) {
        self.start(name, "");
        // A carriage return would come back as another line break.
        let text = quick_xml::escape::escape(text).replace('\r', "&#13;");
        self.out.push_str(&text);
        self.end(name);
    }

    /// The same, when there is something.
    pub(super) fn leaf_if(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.leaf(name, text);
        }
    }

    pub(super) fn amount(&mut self, name: &str, currency: Currency, value: i64) {
        self.start(name, &format!(" Ccy=\"{}\"", currency.letters()));
        self.out.push_str(&amount::shown(currency, value));
        self.end(name);
    }

    pub(super) fn time(&mut self, name: &str, time: OffsetDateTime) {
        // Beyond the year 9999 there is no text, and the reader says that it is missing.
        let text = time.format(&Rfc3339).unwrap_or_default();
        self.leaf(name, &text);
    }

    /// The whole text.
    pub(super) fn finish(mut self) -> String {
        while self.open.len() > 1 {
            self.close();
        }
        self.out.push_str("\n</Document>\n");
        self.out
    }
}
