//! Reads a message token by token: well-formedness, limits and namespaces, nothing else.
//!
//! Canonicalisation must never see what XML would refuse, or two readers could understand one signed
//! text in two ways. So everything lenient in the tokenizer underneath is made strict here, once:
//! names, attribute syntax, characters, document types, instructions, entities, namespaces.

use std::borrow::Cow;

use domain::limits;
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::events::attributes::{Attribute as RawAttribute, Attributes};
use quick_xml::name::PrefixDeclaration;

use crate::SignatureRefusal;
use crate::text::{is_character, is_ncname, is_space, line_breaks};

/// The namespace that the prefix xml stands for, always.
const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of declarations, which nothing may be bound to.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
/// Namespaces declared at once. The search for a prefix is linear in them.
const BINDINGS_MAX: usize = limits::CEB_ATTRIBUTES_MAX;
/// Characters of a sentence of the XML library, which may repeat parts of the message.
const REASON_MAX: usize = 200;

/// Why a message is not XML that we read.
struct XmlFault {
    at: usize,
    text: String,
    text_zh: String,
}

impl XmlFault {
    fn in_text(self, source: &str) -> SignatureRefusal {
        let Self { at, text, text_zh } = self;
        SignatureRefusal::Malformed { line: line_of(source, at), text, text_zh }
    }
}

/// One step through a message. Comments are left out, CDATA sections and references are text.
pub(crate) enum XmlToken<'i> {
    Start(StartTag<'i>),
    End(&'i str),
    Text(Cow<'i, str>),
}

/// A start tag with its names resolved.
pub(crate) struct StartTag<'i> {
    /// As written, with its prefix.
    pub(crate) name: &'i str,
    pub(crate) space: Cow<'i, str>,
    /// Declarations that change something; what repeats the surroundings is left out.
    pub(crate) declared: Vec<Binding<'i>>,
    pub(crate) attributes: Vec<Attribute<'i>>,
}

/// A namespace declaration. The prefix is empty for the default namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding<'i> {
    pub(crate) prefix: &'i str,
    pub(crate) space: Cow<'i, str>,
}

/// An attribute with its value normalised.
#[derive(Debug, Clone)]
pub(crate) struct Attribute<'i> {
    pub(crate) name: &'i str,
    pub(crate) space: Cow<'i, str>,
    pub(crate) value: Cow<'i, str>,
}

impl StartTag<'_> {
    pub(crate) fn local(&self) -> &str {
        local(self.name)
    }
}

impl Attribute<'_> {
    pub(crate) fn local(&self) -> &str {
        local(self.name)
    }

    /// Whether it is one of xml:lang, xml:space and the like, which subsets inherit.
    pub(crate) fn is_xml(&self) -> bool {
        self.space == XML
    }
}

/// The message as a stream of tokens.
pub(crate) struct Tokens<'i> {
    source: &'i str,
    xml: Reader<&'i [u8]>,
    /// Bindings in scope, outermost first, and the xml: attributes of open elements.
    bindings: Vec<Binding<'i>>,
    inherited: Vec<Attribute<'i>>,
    /// For each open element its name and how much of the two lists is older than it.
    open: Vec<(&'i str, usize, usize)>,
    /// The last start tag was `<x/>`: its end is still to be told.
    empty: bool,
    rooted: bool,
    /// Offset of the token told last.
    at: usize,
}

impl<'i> Tokens<'i> {
    /// Starts at the first character; a byte order mark is passed over.
    ///
    /// # Errors
    ///
    /// The message is too long, is not UTF-8, or has a character that XML 1.0 forbids.
    pub(crate) fn new(bytes: &'i [u8]) -> Result<Self, SignatureRefusal> {
        let source = decode(bytes)?;
        let mut xml = Reader::from_str(source);
        xml.config_mut().check_comments = true;
        Ok(Self {
            source,
            xml,
            bindings: Vec::new(),
            inherited: Vec::new(),
            open: Vec::with_capacity(8),
            empty: false,
            rooted: false,
            at: 0,
        })
    }

    /// Elements that are open.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The text without its byte order mark.
    pub(crate) fn source(&self) -> &'i str {
        self.source
    }

    /// Offset of the token told last.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Line of the token told last. It is counted anew each time, so it is for refusals.
    pub(crate) fn line(&self) -> u32 {
        line_of(self.source, self.at)
    }

    /// Offset behind the token told last.
    pub(crate) fn position(&self) -> usize {
        // A position that is no offset is behind the end.
        usize::try_from(self.xml.buffer_position()).unwrap_or(usize::MAX).min(self.source.len())
    }

    /// Every namespace in scope with the innermost binding of each prefix.
    pub(crate) fn in_scope(&self) -> Vec<Binding<'i>> {
        let mut found: Vec<Binding<'i>> = Vec::with_capacity(self.bindings.len());
        for binding in self.bindings.iter().rev() {
            if !found.iter().any(|other| other.prefix == binding.prefix) {
                found.push(binding.clone());
            }
        }
        found
    }

    /// The innermost xml: attribute of each name on the open elements.
    pub(crate) fn inherited(&self) -> Vec<Attribute<'i>> {
        let mut found: Vec<Attribute<'i>> = Vec::new();
        for attribute in self.inherited.iter().rev() {
            if !found.iter().any(|other| other.name == attribute.name) {
                found.push(attribute.clone());
            }
        }
        found
    }

    /// The next token, or nothing at the end of the message.
    ///
    /// # Errors
    ///
    /// The text is not well-formed, contains what is forbidden, or passes a limit.
    pub(crate) fn next(&mut self) -> Result<Option<XmlToken<'i>>, SignatureRefusal> {
        self.step().map_err(|malformed| malformed.in_text(self.source))
    }

    fn step(&mut self) -> Result<Option<XmlToken<'i>>, XmlFault> {
        if std::mem::take(&mut self.empty) {
            return Ok(self.close());
        }
        loop {
            let at = self.position();
            self.at = at;
            let event = match self.xml.read_event() {
                Ok(event) => event,
                Err(error) => return Err(ill_formed(at, &error)),
            };
            match event {
                Event::Start(tag) => return self.start(at, tag.name().0.len(), 1).map(Some),
                Event::Empty(tag) => {
                    self.empty = true;
                    return self.start(at, tag.name().0.len(), 2).map(Some);
                }
                Event::End(_) => return Ok(self.close()),
                Event::Text(text) if self.open.is_empty() => {
                    if !text.chars().all(is_space) {
                        return Err(outside(at));
                    }
                }
                Event::Text(text) => {
                    // XML forbids it, so that the end of a CDATA section cannot be forged.
                    if text.contains("]]>") {
                        return Err(malformed(at, "]]> stands in text", "文本中不得出现]]>"));
                    }
                    return Ok(Some(XmlToken::Text(text.xml10_content())));
                }
                Event::CData(_) | Event::GeneralRef(_) if self.open.is_empty() => {
                    return Err(outside(at));
                }
                Event::CData(text) => return Ok(Some(XmlToken::Text(text.xml10_content()))),
                Event::GeneralRef(name) => {
                    let character = match name.resolve_char_ref() {
                        Ok(Some(character)) if is_character(character) => Some(character),
                        Ok(Some(_)) => None,
                        Ok(None) => predefined(&name),
                        Err(error) => return Err(ill_formed(at, &error)),
                    };
                    let character = character.ok_or_else(|| forbidden(at, "an entity", "实体"))?;
                    return Ok(Some(XmlToken::Text(Cow::Owned(character.to_string()))));
                }
                Event::Comment(_) => {}
                Event::Decl(_) => {
                    let end = self.position().saturating_sub("?>".len());
                    // What lies outside the text is empty, and no declaration.
                    declaration(at, self.source.get(at + "<?".len()..end).unwrap_or_default())?;
                }
                Event::DocType(_) => {
                    return Err(forbidden(at, "a document type (DTD)", "DTD"));
                }
                Event::PI(_) => return Err(forbidden(at, "a processing instruction", "处理指令")),
                Event::Eof if !self.open.is_empty() => {
                    return Err(malformed(at, "the message ends inside an element", "报文不完整"));
                }
                Event::Eof if !self.rooted => {
                    return Err(malformed(at, "the message has no element", "报文没有根元素"));
                }
                Event::Eof => return Ok(None),
            }
        }
    }

    fn close(&mut self) -> Option<XmlToken<'i>> {
        let (name, bindings, inherited) = self.open.pop()?;
        self.bindings.truncate(bindings);
        self.inherited.truncate(inherited);
        Some(XmlToken::End(name))
    }

    /// `tail` is the length of `>` or `/>`.
    fn start(&mut self, at: usize, length: usize, tail: usize) -> Result<XmlToken<'i>, XmlFault> {
        if self.open.is_empty() && std::mem::replace(&mut self.rooted, true) {
            return Err(malformed(at, "there is a second root element", "根元素不唯一"));
        }
        if self.open.len() >= limits::CEB_DEPTH_MAX {
            let (max, zh) = (limits::CEB_DEPTH_MAX, limits::CEB_DEPTH_MAX);
            let text = format!("elements are nested deeper than {max}");
            return Err(malformed(at, &text, &format!("元素嵌套超过{zh}层")));
        }
        // Names and values borrow from the text and not from the event, which is gone soon.
        let end = self.position().saturating_sub(tail);
        // What lies outside the text is empty, and no name.
        let tag = self.source.get(at + 1..end).unwrap_or("");
        let name = tag.get(..length).unwrap_or("");
        if !is_qname(name) {
            return Err(malformed(at, "an element has no valid name", "元素名不合法"));
        }
        spaced(at, tag)?;
        let older = (self.bindings.len(), self.inherited.len());
        let mut attributes = Vec::new();
        let mut declared = Vec::new();
        for (index, attribute) in Attributes::new(tag, length).enumerate() {
            if index >= limits::CEB_ATTRIBUTES_MAX {
                let max = limits::CEB_ATTRIBUTES_MAX;
                let text = format!("an element has more than {max} attributes");
                return Err(malformed(at, &text, &format!("元素属性超过{max}个")));
            }
            let attribute = attribute.map_err(|error| ill_formed(at, &error))?;
            let name = attribute.key.0;
            let value = value(at, &attribute)?;
            if !is_qname(name) {
                return Err(malformed(at, "an attribute has no valid name", "属性名不合法"));
            }
            match attribute.key.as_namespace_binding() {
                Some(PrefixDeclaration::Default) => declared.push(bound(at, "", value)?),
                Some(PrefixDeclaration::Named("xml")) if value == XML => {}
                Some(PrefixDeclaration::Named(prefix)) => declared.push(bound(at, prefix, value)?),
                None => attributes.push(Attribute { name, space: Cow::Borrowed(""), value }),
            }
        }
        // Without a binding a prefix stands for no namespace, which is written as the empty one.
        declared.retain(|new| self.space(new.prefix).unwrap_or_default() != new.space);
        self.bindings.extend(declared.iter().cloned());
        if self.bindings.len() > BINDINGS_MAX {
            let text = format!("more than {BINDINGS_MAX} namespaces are declared");
            return Err(malformed(at, &text, &format!("命名空间声明超过{BINDINGS_MAX}个")));
        }
        for attribute in &mut attributes {
            // Attributes without a prefix are in no namespace, whatever the default is.
            if let Some((prefix, _)) = attribute.name.split_once(':') {
                attribute.space = self.space(prefix).ok_or_else(|| undeclared(at, prefix))?;
            }
        }
        distinct(at, &attributes)?;
        let (prefix, _) = name.split_once(':').unwrap_or(("", name));
        let space = match self.space(prefix) {
            Some(space) => space,
            None if prefix.is_empty() => Cow::Borrowed(""),
            None => return Err(undeclared(at, prefix)),
        };
        self.inherited.extend(attributes.iter().filter(|found| found.is_xml()).cloned());
        self.open.push((name, older.0, older.1));
        Ok(XmlToken::Start(StartTag { name, space, declared, attributes }))
    }

    /// What a prefix stands for here.
    fn space(&self, prefix: &str) -> Option<Cow<'i, str>> {
        if prefix == "xml" {
            return Some(Cow::Borrowed(XML));
        }
        let mut newest = self.bindings.iter().rev();
        newest.find(|binding| binding.prefix == prefix).map(|binding| binding.space.clone())
    }
}

/// The text of a message, without its byte order mark.
fn decode(bytes: &[u8]) -> Result<&str, SignatureRefusal> {
    let refuse = |source: &str, at, text: &str, zh: &str| malformed(at, text, zh).in_text(source);
    if bytes.len() > limits::CEB_BYTES_MAX {
        let max = limits::CEB_BYTES_MAX;
        let text = format!("the message has more than {max} bytes");
        return Err(refuse("", 0, &text, &format!("报文超过{max}字节")));
    }
    let source = std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        let good = String::from_utf8_lossy(good);
        refuse(&good, good.len(), "the message is not UTF-8", "报文不是UTF-8编码")
    })?;
    let source = source.strip_prefix('\u{FEFF}').unwrap_or(source);
    match source.char_indices().find(|&(_, character)| !is_character(character)) {
        None => Ok(source),
        Some((at, character)) => {
            let text = format!("the character U+{:04X} is not allowed", u32::from(character));
            let zh = format!("含有不允许的字符U+{:04X}", u32::from(character));
            Err(refuse(source, at, &text, &zh))
        }
    }
}

fn line_of(source: &str, at: usize) -> u32 {
    // An offset that is none is told as the first line.
    line_breaks(source.get(..at).unwrap_or("")).saturating_add(1)
}

fn bound<'i>(at: usize, prefix: &'i str, space: Cow<'i, str>) -> Result<Binding<'i>, XmlFault> {
    let reserved = matches!(prefix, "xml" | "xmlns") || space == XML || space == XMLNS;
    // Namespaces in XML 1.0 undeclare the default only; Canonical XML refuses relative names.
    if reserved || (space.is_empty() && !prefix.is_empty()) || !is_absolute(&space) {
        let text = "a namespace declaration is not allowed";
        return Err(malformed(at, text, "命名空间声明不合法"));
    }
    Ok(Binding { prefix, space })
}

/// Two prefixes of one namespace must not give an element the same attribute twice.
fn distinct(at: usize, attributes: &[Attribute<'_>]) -> Result<(), XmlFault> {
    let mut names: Vec<_> = attributes.iter().map(|a| (a.space.as_ref(), a.local())).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(malformed(at, "an element has an attribute twice", "元素属性重复"));
    }
    Ok(())
}

/// The value as XML normalises it: whitespace to spaces, references resolved.
fn value<'i>(at: usize, attribute: &RawAttribute<'i>) -> Result<Cow<'i, str>, XmlFault> {
    if attribute.value.contains('<') {
        return Err(malformed(at, "an attribute value contains <", "属性值含有<"));
    }
    match attribute.normalized_value(XmlVersion::Implicit1_0) {
        Ok(value) if value.chars().all(is_character) => Ok(value),
        Ok(_) | Err(_) => Err(forbidden(at, "an entity in an attribute", "属性中的实体")),
    }
}

/// XML wants space between attributes; the tokenizer does not insist.
fn spaced(at: usize, tag: &str) -> Result<(), XmlFault> {
    let mut quote = None;
    let mut closed = false;
    for character in tag.chars() {
        if std::mem::take(&mut closed) && !is_space(character) {
            return Err(malformed(at, "no space between attributes", "属性之间缺少空格"));
        }
        match quote {
            Some(open) if open == character => (quote, closed) = (None, true),
            None if matches!(character, '"' | '\'') => quote = Some(character),
            _ => {}
        }
    }
    Ok(())
}

/// `text` is what stands between `<?` and `?>`.
fn declaration(at: usize, text: &str) -> Result<(), XmlFault> {
    if at != 0 {
        let text = "the XML declaration must be the very first thing";
        return Err(malformed(at, text, "XML声明须位于报文开头"));
    }
    spaced(at, text)?;
    let mut found = Vec::with_capacity(3);
    for attribute in Attributes::new(text, "xml".len()).take(4) {
        let attribute = attribute.map_err(|error| ill_formed(at, &error))?;
        found.push((attribute.key.0, attribute.value));
    }
    let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (*name, &**value)).collect();
    match found.as_slice() {
        [("version", "1.0")] | [("version", "1.0"), ("standalone", "yes" | "no")] => Ok(()),
        [("version", "1.0"), ("encoding", name)]
        | [("version", "1.0"), ("encoding", name), ("standalone", "yes" | "no")]
            if name.eq_ignore_ascii_case("utf-8") =>
        {
            Ok(())
        }
        [("version", "1.0"), ("encoding", _)] => {
            Err(malformed(at, "the encoding must be UTF-8", "编码须为UTF-8"))
        }
        _ => Err(malformed(at, "the declaration must be that of XML 1.0", "XML声明须为1.0版本")),
    }
}

fn predefined(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => None,
    }
}

/// Whether a namespace name is empty or an absolute URI, by its characters and its scheme. Canonical XML
/// refuses relative ones; other alphabets are refused with them, because they look alike.
fn is_absolute(space: &str) -> bool {
    let in_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let in_uri = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&'()*+,;=%".contains(c);
    space.is_empty()
        || space.split_once(':').is_some_and(|(scheme, rest)| {
            let letter = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
            letter && scheme.chars().all(in_scheme) && rest.chars().all(in_uri)
        })
}

fn is_qname(name: &str) -> bool {
    match name.split_once(':') {
        Some((prefix, local)) => is_ncname(prefix) && is_ncname(local),
        None => is_ncname(name),
    }
}

fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

fn undeclared(at: usize, prefix: &str) -> XmlFault {
    let prefix: String = prefix.chars().take(30).collect();
    let text = format!("the prefix {prefix} is not declared");
    malformed(at, &text, &format!("命名空间前缀{prefix}未声明"))
}

fn outside(at: usize) -> XmlFault {
    malformed(at, "text stands outside of the root element", "根元素之外不得有文本")
}

fn forbidden(at: usize, what: &str, zh: &str) -> XmlFault {
    malformed(at, &format!("{what} is not allowed"), &format!("报文不得包含{zh}"))
}

fn ill_formed(at: usize, error: &dyn std::error::Error) -> XmlFault {
    let why: String = error.to_string().chars().take(REASON_MAX).collect();
    let zh = format!("报文不是格式良好的XML：{why}");
    malformed(at, &why, &zh)
}

fn malformed(at: usize, text: &str, text_zh: &str) -> XmlFault {
    XmlFault { at, text: text.to_owned(), text_zh: text_zh.to_owned() }
}
