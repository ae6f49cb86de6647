//! Canonical XML 1.0 without comments (http://www.w3.org/TR/2001/REC-xml-c14n-20010315): the one
//! spelling of a document over which digests and signatures are made.
//!
//! Two subsets are needed and no others: the document without its signature, and `SignedInfo`. In
//! both, everything below the first element is included, so a declaration is superfluous exactly when
//! it repeats what the parent has in scope; only the first element of a subset takes over what its
//! ancestors declared, and their xml: attributes.

use crate::SignatureRefusal;
use crate::xml::{Attribute, Binding, StartTag, Tokens, XmlToken};

/// Writes tokens in their canonical spelling.
#[derive(Debug, Default)]
pub(crate) struct Canonical {
    text: String,
    lines: u32,
}

impl Canonical {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), lines: 0 }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// The line that is being written, counted from 1.
    pub(crate) fn line(&self) -> u32 {
        self.lines + 1
    }

    pub(crate) fn write(&mut self, token: &XmlToken<'_>) {
        match token {
            XmlToken::Start(start) => {
                self.tag(start.name, start.declared.clone(), start.attributes.clone());
            }
            XmlToken::End(name) => self.end(name),
            XmlToken::Text(text) => self.escape(text, in_text),
        }
    }

    /// Writes the first element of a subset, which stands deeper in the document. `tokens` told the
    /// element last.
    pub(crate) fn write_apex(&mut self, start: &StartTag<'_>, tokens: &Tokens<'_>) {
        let mut declared = tokens.in_scope();
        // Above the first element nothing is written, so there is no default to be undeclared.
        declared.retain(|binding| !binding.space.is_empty());
        let mut attributes = start.attributes.clone();
        for inherited in tokens.inherited() {
            if !attributes.iter().any(|own| own.name == inherited.name) {
                attributes.push(inherited);
            }
        }
        self.tag(start.name, declared, attributes);
    }

    fn tag(
        &mut self,
        name: &str,
        mut declared: Vec<Binding<'_>>,
        mut attributes: Vec<Attribute<'_>>,
    ) {
        declared.sort_unstable_by_key(|binding| binding.prefix);
        attributes.sort_unstable_by(|a, b| (&a.space, a.local()).cmp(&(&b.space, b.local())));
        self.text.push('<');
        self.text.push_str(name);
        for Binding { prefix, space } in &declared {
            self.text.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.value(prefix, space);
        }
        for Attribute { name, value, .. } in &attributes {
            self.text.push(' ');
            self.value(name, value);
        }
        self.text.push('>');
    }

    fn value(&mut self, name: &str, value: &str) {
        self.text.push_str(name);
        self.text.push_str("=\"");
        self.escape(value, in_attribute);
        self.text.push('"');
    }

    fn end(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    fn escape(&mut self, text: &str, replacement: impl Fn(u8) -> Option<&'static str>) {
        let mut copied = 0;
        // What is replaced is ASCII, so every cut is at a character.
        for (at, byte) in text.bytes().enumerate() {
            if let Some(replacement) = replacement(byte) {
                self.text.push_str(&text[copied..at]);
                self.text.push_str(replacement);
                copied = at + 1;
            } else if byte == b'\n' {
                self.lines += 1;
            }
        }
        self.text.push_str(&text[copied..]);
    }
}

fn in_text(byte: u8) -> Option<&'static str> {
    match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    }
}

fn in_attribute(byte: u8) -> Option<&'static str> {
    match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#x9;"),
        b'\n' => Some("&#xA;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    }
}

/// Canonical text of a whole message, its signature included: the door for comparisons with other
/// implementations. Verification makes the same in parts.
///
/// # Errors
///
/// The bytes are no message that this crate reads; see [`SignatureRefusal::Malformed`].
pub fn canonical(bytes: &[u8]) -> Result<String, SignatureRefusal> {
    let mut tokens = Tokens::new(bytes)?;
    let mut canonical = Canonical::with_capacity(bytes.len());
    while let Some(token) = tokens.next()? {
        canonical.write(&token);
    }
    Ok(canonical.into_text())
}
