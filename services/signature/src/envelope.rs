//! Takes a message apart: the document without its signature in canonical spelling, and the signature
//! in the one form that the specification 202205 allows (chapter 6.2).
//!
//! XML signatures let a signer choose what is signed and how; every known wrapping attack lives on
//! that freedom. Here nothing is chosen. One signature stands as a child of the root and covers the
//! whole document but itself; its elements come in one order, without attributes, extra children or
//! text that the form does not have. Anything else is refused before a digest is computed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::SignatureRefusal;
use crate::algorithm::{Algorithm, C14N, ENVELOPED, Hash};
use crate::canonical::Canonical;
use crate::lines::{Counter, Lines};
use crate::text::is_space;
use crate::xml::{StartTag, Tokens, XmlToken};

/// The namespace of signatures.
pub(crate) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Bytes of text in one element of a signature. The longest is a certificate, of some two kilobytes.
const TEXT_MAX: usize = 64 * 1024;
/// Characters of a key's name, which stands in refusals and logs. Numbers of e-port have 8 or 16.
const KEY_NAME_MAX: usize = 64;

/// A message in two parts.
pub(crate) struct Envelope {
    /// The document without its signature.
    pub(crate) canonical: String,
    pub(crate) lines: Lines,
    pub(crate) signature: Option<Signature>,
}

/// What a signature says, believed by nobody yet.
pub(crate) struct Signature {
    /// Canonical spelling of `SignedInfo`, over which the value was made.
    pub(crate) signed_info: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) digest: Hash,
    pub(crate) digest_value: Vec<u8>,
    /// Empty in a message that is still to be signed.
    pub(crate) value: Vec<u8>,
    pub(crate) key_name: String,
    pub(crate) certificate: Vec<u8>,
    /// Lines of the value and of the certificate.
    pub(crate) line: u32,
    pub(crate) certificate_line: u32,
}

impl Envelope {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// It is not XML, or its signature has another form than the allowed one.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, SignatureRefusal> {
        let mut tokens = Tokens::new(bytes)?;
        let mut canonical = Canonical::with_capacity(bytes.len());
        let mut lines = Counter::new(tokens.source());
        let mut signature = None;
        while let Some(token) = tokens.next()? {
            if let XmlToken::Start(start) = &token
                && start.space == DSIG
            {
                if start.local() != "Signature" || tokens.depth() != 2 {
                    let (text, zh) = ("stands outside of the signature", "位于签名之外");
                    return Err(form(&tokens, "ds:*", text, zh));
                }
                if signature.is_some() {
                    return Err(form(&tokens, "ds:Signature", "stands twice", "重复出现"));
                }
                signature = Some(Reading { tokens: &mut tokens, copy: None }.signature(start)?);
                continue;
            }
            lines.note(tokens.at(), &canonical);
            canonical.write(&token);
        }
        Ok(Self { canonical: canonical.into_text(), lines: lines.into_lines(), signature })
    }
}

/// Reads the inside of a signature.
struct Reading<'t, 'i> {
    tokens: &'t mut Tokens<'i>,
    /// `SignedInfo`, while it is open.
    copy: Option<Canonical>,
}

impl<'i> Reading<'_, 'i> {
    fn signature(&mut self, start: &StartTag<'i>) -> Result<Signature, SignatureRefusal> {
        self.attributes(start, "ds:Signature", &["Id"])?;
        let info = self.open("ds:SignedInfo", &[])?;
        let mut copy = Canonical::default();
        copy.write_apex(&info, self.tokens);
        self.copy = Some(copy);
        self.fixed("ds:CanonicalizationMethod", C14N)?;
        let algorithm = self.listed("ds:SignatureMethod", Algorithm::of_signature)?;
        let reference = self.open("ds:Reference", &["URI"])?;
        if attribute(&reference, "URI") != Some("") {
            let text = "URI must be empty, so that the whole message is signed";
            return Err(self.form("ds:Reference", text, "URI须为空（对整个报文加签）"));
        }
        self.open("ds:Transforms", &[])?;
        self.fixed("ds:Transform", ENVELOPED)?;
        self.close("ds:Transforms")?;
        let digest = self.listed("ds:DigestMethod", Hash::of_uri)?;
        self.open("ds:DigestValue", &[])?;
        let digest_value = self.base64("ds:DigestValue")?;
        self.close("ds:Reference")?;
        self.close("ds:SignedInfo")?;
        let copy = self.copy.take();
        let copy =
            copy.ok_or_else(|| self.form("ds:SignedInfo", "it is missing", "缺少SignedInfo"))?;
        let signed_info = copy.into_text();

        self.open("ds:SignatureValue", &[])?;
        let line = self.tokens.line();
        let value = self.base64("ds:SignatureValue")?;
        self.open("ds:KeyInfo", &[])?;
        self.open("ds:KeyName", &[])?;
        let key_name = self.key_name()?;
        self.open("ds:X509Data", &[])?;
        self.open("ds:X509Certificate", &[])?;
        let certificate_line = self.tokens.line();
        let certificate = self.base64("ds:X509Certificate")?;
        self.close("ds:X509Data")?;
        self.close("ds:KeyInfo")?;
        self.close("ds:Signature")?;
        Ok(Signature {
            signed_info,
            algorithm,
            digest,
            digest_value,
            value,
            key_name,
            certificate,
            line,
            certificate_line,
        })
    }

    /// The next token; while `SignedInfo` is open it is copied.
    fn next(&mut self) -> Result<Option<XmlToken<'i>>, SignatureRefusal> {
        let token = self.tokens.next()?;
        if let (Some(copy), Some(token)) = (&mut self.copy, &token) {
            copy.write(token);
        }
        Ok(token)
    }

    /// The next token that is not white space.
    fn skip_space(&mut self) -> Result<Option<XmlToken<'i>>, SignatureRefusal> {
        loop {
            match self.next()? {
                Some(XmlToken::Text(text)) if text.chars().all(is_space) => {}
                token => return Ok(token),
            }
        }
    }

    fn open(
        &mut self,
        name: &'static str,
        known: &[&str],
    ) -> Result<StartTag<'i>, SignatureRefusal> {
        match self.skip_space()? {
            Some(XmlToken::Start(start)) if start.space == DSIG && name == prefixed(&start) => {
                self.attributes(&start, name, known)?;
                Ok(start)
            }
            _ => Err(self.form(name, "is expected here, and nothing else", "此处只允许该元素")),
        }
    }

    fn close(&mut self, name: &'static str) -> Result<(), SignatureRefusal> {
        match self.skip_space()? {
            Some(XmlToken::End(_)) => Ok(()),
            _ => Err(self.form(name, "must end here", "此处应结束")),
        }
    }

    /// An empty element whose algorithm is this one.
    fn fixed(&mut self, name: &'static str, uri: &str) -> Result<(), SignatureRefusal> {
        self.listed(name, |found| (found == uri).then_some(()))
    }

    /// An empty element whose algorithm is on a list.
    fn listed<T>(
        &mut self,
        name: &'static str,
        list: impl Fn(&str) -> Option<T>,
    ) -> Result<T, SignatureRefusal> {
        let start = self.open(name, &["Algorithm"])?;
        let Some(found) = attribute(&start, "Algorithm").and_then(list) else {
            let text = "this algorithm is not allowed here";
            return Err(self.form(name, text, "此处不允许该算法"));
        };
        self.close(name)?;
        Ok(found)
    }

    /// The text of the element that was opened last; its end is read too.
    fn text(&mut self, name: &'static str) -> Result<String, SignatureRefusal> {
        let mut text = String::new();
        loop {
            match self.next()? {
                Some(XmlToken::Text(more)) if text.len() + more.len() <= TEXT_MAX => {
                    text.push_str(&more);
                }
                Some(XmlToken::End(_)) => return Ok(text),
                Some(XmlToken::Text(_)) => return Err(self.form(name, "is too long", "过长")),
                _ => return Err(self.form(name, "holds text only", "只能含文本")),
            }
        }
    }

    fn key_name(&mut self) -> Result<String, SignatureRefusal> {
        let text = self.text("ds:KeyName")?;
        let name = text.trim_matches(is_space);
        if name.chars().count() > KEY_NAME_MAX || name.chars().any(char::is_control) {
            let text = "must be the number of the certificate";
            return Err(self.form("ds:KeyName", text, "须为证书编号"));
        }
        Ok(name.to_owned())
    }

    fn base64(&mut self, name: &'static str) -> Result<Vec<u8>, SignatureRefusal> {
        let mut text = self.text(name)?;
        text.retain(|character| !is_space(character));
        STANDARD.decode(&text).map_err(|_| self.form(name, "is not base64", "不是合法的base64"))
    }

    fn attributes(
        &self,
        start: &StartTag<'_>,
        name: &'static str,
        known: &[&str],
    ) -> Result<(), SignatureRefusal> {
        if start.attributes.iter().all(|attribute| known.contains(&attribute.name)) {
            return Ok(());
        }
        Err(self.form(name, "has an attribute that does not belong there", "含有不允许的属性"))
    }

    fn form(&self, element: &'static str, text: &str, zh: &str) -> SignatureRefusal {
        form(self.tokens, element, text, zh)
    }
}

fn form(tokens: &Tokens<'_>, element: &'static str, text: &str, zh: &str) -> SignatureRefusal {
    SignatureRefusal::Form {
        line: tokens.line(),
        element,
        text: text.to_owned(),
        text_zh: zh.to_owned(),
    }
}

/// The name as the specification writes it, whatever prefix the message uses.
fn prefixed(start: &StartTag<'_>) -> String {
    format!("ds:{}", start.local())
}

fn attribute<'s>(start: &'s StartTag<'_>, name: &str) -> Option<&'s str> {
    start.attributes.iter().find(|found| found.name == name).map(|found| found.value.as_ref())
}
