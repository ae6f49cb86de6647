//! The XML half: one pass over the events of a message, with every limit that holds for what comes
//! from outside.
//!
//! Invariant: nothing of the message reaches a table before it went through [`MessageReader::next`], so
//! document types, processing instructions, foreign entities, depth and attributes are judged in one
//! place, inside skipped elements too. Offsets are kept and lines counted only when somebody asks.

use std::borrow::Cow;

use domain::{Code, limits};
use quick_xml::NsReader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::{BytesDecl, BytesStart, Event};
use quick_xml::name::{NamespaceError, QName, ResolveResult};

use super::fault::shown;
use super::{MessageFault, value};

/// The namespace of every element of the CEB messages.
pub(super) const CEB: &str = "http://www.chinaport.gov.cn/ceb";
/// The namespace of the transport envelope.
pub(super) const DXP: &str = "http://www.chinaport.gov.cn/dxp";
/// The namespace of signatures.
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Attributes of this namespace (schemaLocation) may stand anywhere.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// A namespace, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    Ceb,
    Dxp,
    Dsig,
    Other,
}

/// A start tag.
pub(crate) struct Open<'i> {
    /// Offset of its `<`.
    pub(crate) at: usize,
    pub(crate) space: Namespace,
    pub(crate) tag: BytesStart<'i>,
}

impl Open<'_> {
    pub(crate) fn name(&self) -> &str {
        self.tag.local_name().into_inner()
    }
}

/// What comes next in the message.
pub(crate) enum ReaderItem<'i> {
    Open(Open<'i>),
    Close,
    Text(Cow<'i, str>),
    End,
}

/// Reading cannot go on; the reason is among the faults.
#[derive(Debug)]
pub(crate) struct Stop;

/// Reads one message. Its fields are shared with the tables of the next module.
pub(crate) struct MessageReader<'i> {
    pub(crate) source: &'i str,
    xml: NsReader<&'i [u8]>,
    depth: usize,
    /// The last start tag was `<x/>`: its end is still to be told.
    empty: bool,
    /// Groups that are open, with their number when they may stand several times.
    pub(super) path: Vec<(&'static str, u32)>,
    /// For each group its offset and then the offset of each row of its table, 0 when absent.
    pub(super) marks: Vec<u32>,
    pub(crate) faults: Vec<(usize, MessageFault)>,
    /// Faults that do not refuse the message, since the last call of [`Self::take_warnings`].
    pub(super) warnings: Vec<(usize, MessageFault)>,
    /// The signature was verified and taken off: it need not stand there.
    pub(super) signature_apart: bool,
}

impl<'i> MessageReader<'i> {
    pub(crate) fn new(source: &'i str) -> Self {
        let mut xml = NsReader::from_str(source);
        xml.config_mut().check_comments = true;
        // The search for a prefix is linear in them.
        xml.resolver_mut().set_max_namespace_bindings(limits::CEB_ATTRIBUTES_MAX);
        Self {
            source,
            xml,
            depth: 0,
            empty: false,
            path: Vec::with_capacity(4),
            marks: Vec::with_capacity(256),
            faults: Vec::new(),
            warnings: Vec::new(),
            signature_apart: false,
        }
    }

    /// The next item, comments left out.
    pub(crate) fn next(&mut self) -> Result<ReaderItem<'i>, Stop> {
        if std::mem::take(&mut self.empty) {
            self.depth -= 1;
            return Ok(ReaderItem::Close);
        }
        if self.faults.len() >= limits::VIOLATIONS_MAX {
            return Err(Stop);
        }
        loop {
            let at = self.position();
            match self.xml.read_event() {
                Ok(Event::Start(tag)) => return self.open(at, tag),
                Ok(Event::Empty(tag)) => {
                    self.empty = true;
                    return self.open(at, tag);
                }
                Ok(Event::End(_)) => {
                    self.depth -= 1;
                    return Ok(ReaderItem::Close);
                }
                Ok(Event::Text(text)) => return self.text(at, text.xml10_content()),
                Ok(Event::CData(text)) if self.depth > 0 => {
                    return Ok(ReaderItem::Text(text.xml10_content()));
                }
                Ok(Event::GeneralRef(name)) if self.depth > 0 => {
                    let character = match name.resolve_char_ref() {
                        Ok(Some(character)) => Some(character),
                        Ok(None) => self.entity(at, &name),
                        Err(_) => return Err(self.malformed(at, REFERENCE.0, REFERENCE.1)),
                    };
                    let text = character.map_or_else(String::new, String::from);
                    return Ok(ReaderItem::Text(Cow::Owned(text)));
                }
                Ok(Event::CData(_) | Event::GeneralRef(_)) => return Err(self.outside(at)),
                Ok(Event::Comment(_)) => {}
                Ok(Event::Decl(declaration)) => self.declaration(at, &declaration)?,
                Ok(Event::DocType(_)) => self.forbidden(at, "a document type (DTD)", "DTD"),
                Ok(Event::PI(_)) => self.forbidden(at, "a processing instruction", "处理指令"),
                Ok(Event::Eof) if self.depth > 0 => {
                    return Err(self.malformed(
                        at,
                        "the message ends inside an element",
                        "报文不完整，元素没有结束标签",
                    ));
                }
                Ok(Event::Eof) => return Ok(ReaderItem::End),
                Err(error) => return Err(self.broken(error)),
            }
        }
    }

    /// The root element. `end` is the length of the message, where it is told when there is none.
    pub(crate) fn root(&mut self, end: usize) -> Result<Open<'i>, Stop> {
        loop {
            match self.next()? {
                ReaderItem::Open(root) => return Ok(root),
                // Before the root only white space gets this far.
                ReaderItem::Text(_) | ReaderItem::Close => {}
                ReaderItem::End => {
                    return Err(self.malformed(end, "the message is empty", "报文为空"));
                }
            }
        }
    }

    /// Nothing but the end may come after the root.
    pub(crate) fn end(&mut self) -> Result<(), Stop> {
        loop {
            match self.next()? {
                ReaderItem::Open(second) => {
                    return Err(self.malformed(
                        second.at,
                        "there is a second root element",
                        "报文有多个根元素",
                    ));
                }
                ReaderItem::Text(_) | ReaderItem::Close => {}
                ReaderItem::End => return Ok(()),
            }
        }
    }

    /// Reads on to the end of the element that was opened last.
    pub(crate) fn skip(&mut self) -> Result<(), Stop> {
        let outer = self.depth - 1;
        while self.depth > outer {
            self.next()?;
        }
        Ok(())
    }

    /// The text of the element that was opened last, when it is nothing but text; its end is read too.
    pub(crate) fn leaf(&mut self, name: &str) -> Result<Option<Cow<'i, str>>, Stop> {
        let mut text = Cow::Borrowed("");
        let mut nested = false;
        loop {
            match self.next()? {
                ReaderItem::Text(more) if text.is_empty() => text = more,
                ReaderItem::Text(more) => text.to_mut().push_str(&more),
                // A forgotten end tag makes everything after it a child: one fault is enough.
                ReaderItem::Open(_) if std::mem::replace(&mut nested, true) => self.skip()?,
                ReaderItem::Open(open) => {
                    let inner = shown(open.name());
                    self.fault(
                        Code::XmlElementUnexpected,
                        open.at,
                        name,
                        format!("{inner} stands inside {name}, which holds text only"),
                        format!("{name}只能含文本，不得含元素{inner}"),
                    );
                    self.skip()?;
                }
                ReaderItem::Close | ReaderItem::End => return Ok((!nested).then_some(text)),
            }
        }
    }

    /// Refuses attributes of an element that has none in the schema. `known` are those that it has.
    pub(crate) fn attributes(&mut self, open: &Open<'_>, known: &[&str]) {
        for attribute in open.tag.attributes().flatten() {
            let free = attribute.key.as_namespace_binding().is_some()
                || known.contains(&attribute.key.into_inner())
                || self.is_instance(attribute.key);
            if !free {
                let name = shown(attribute.key.into_inner());
                self.fault(
                    Code::XmlElementUnexpected,
                    open.at,
                    open.name(),
                    format!("{} has no attribute {name}", open.name()),
                    format!("{}没有属性{name}", open.name()),
                );
            }
        }
    }

    /// Namespace of the element that was opened last.
    pub(crate) fn namespace(&self, open: &Open<'_>) -> &str {
        match self.xml.resolver().resolve_element(open.tag.name()).0 {
            ResolveResult::Bound(space) => space.0,
            ResolveResult::Unbound | ResolveResult::Unknown(_) => "",
        }
    }

    /// Offset of what comes next.
    pub(super) fn position(&self) -> usize {
        // A position that is no offset is behind the end.
        usize::try_from(self.xml.buffer_position()).unwrap_or(usize::MAX).min(self.source.len())
    }

    fn open(&mut self, at: usize, tag: BytesStart<'i>) -> Result<ReaderItem<'i>, Stop> {
        self.depth += 1;
        if self.depth > limits::CEB_DEPTH_MAX {
            return Err(self.too_deep(
                at,
                format!("elements are nested deeper than {}", limits::CEB_DEPTH_MAX),
                format!("元素嵌套超过{}层", limits::CEB_DEPTH_MAX),
            ));
        }
        if tag.name().as_ref().contains('<') {
            return Err(self.broken_tag(at));
        }
        if !value::is_blank(tag.attributes_raw()) {
            self.well_formed(at, &tag)?;
        }
        let space = match self.xml.resolver().resolve_element(tag.name()).0 {
            ResolveResult::Bound(space) if space.0 == CEB => Namespace::Ceb,
            ResolveResult::Bound(space) if space.0 == DSIG => Namespace::Dsig,
            ResolveResult::Bound(space) if space.0 == DXP => Namespace::Dxp,
            ResolveResult::Bound(_) | ResolveResult::Unbound => Namespace::Other,
            ResolveResult::Unknown(prefix) => {
                let prefix = shown(&prefix);
                let text = format!("the prefix {prefix} is not declared");
                return Err(self.malformed(at, &text, &format!("命名空间前缀{prefix}未声明")));
            }
        };
        Ok(ReaderItem::Open(Open { at, space, tag }))
    }

    /// The XML library hands out attributes unchecked; what XML forbids in them is refused here.
    fn well_formed(&mut self, at: usize, tag: &BytesStart<'_>) -> Result<(), Stop> {
        for (index, attribute) in tag.attributes().enumerate() {
            if index >= limits::CEB_ATTRIBUTES_MAX {
                return Err(self.too_deep(
                    at,
                    format!("an element has more than {} attributes", limits::CEB_ATTRIBUTES_MAX),
                    format!("元素属性超过{}个", limits::CEB_ATTRIBUTES_MAX),
                ));
            }
            let attribute = match attribute {
                Ok(attribute) => attribute,
                Err(_) => return Err(self.broken_tag(at)),
            };
            if attribute.value.contains('<') {
                return Err(self.malformed(at, "an attribute value contains <", "属性值含有<"));
            }
            if quick_xml::escape::unescape(&attribute.value).is_err() {
                self.forbidden(at, "an entity in an attribute", "属性中的实体");
            }
        }
        Ok(())
    }

    fn is_instance(&self, key: QName<'_>) -> bool {
        matches!(self.xml.resolver().resolve_attribute(key).0,
            ResolveResult::Bound(space) if space.0 == XSI)
    }

    fn text(&mut self, at: usize, text: Cow<'i, str>) -> Result<ReaderItem<'i>, Stop> {
        if self.depth == 0 && !value::is_blank(&text) {
            return Err(self.outside(at));
        }
        Ok(ReaderItem::Text(text))
    }

    fn outside(&mut self, at: usize) -> Stop {
        self.malformed(at, "text stands outside of the root element", "根元素之外不得有文本")
    }

    fn entity(&mut self, at: usize, name: &str) -> Option<char> {
        match name {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "apos" => Some('\''),
            "quot" => Some('"'),
            // Mostly somebody forgot to escape an &, and a semicolon follows.
            _ => {
                let name = shown(name);
                self.fault(
                    Code::XmlForbidden,
                    at,
                    "",
                    format!("the entity {name} is not allowed; in a text write &amp; for &"),
                    format!("报文不得包含实体{name}，文本中的&须写作&amp;"),
                );
                None
            }
        }
    }

    fn declaration(&mut self, at: usize, declaration: &BytesDecl<'_>) -> Result<(), Stop> {
        if at != 0 {
            return Err(self.malformed(
                at,
                "the XML declaration must be the very first thing",
                "XML声明须位于报文开头",
            ));
        }
        match declaration.version() {
            Ok(version) if version == "1.0" => {}
            Ok(_) => return Err(self.malformed(at, "only XML 1.0 is read", "只支持XML 1.0")),
            Err(_) => return Err(self.declared_wrong(at)),
        }
        match declaration.encoding() {
            None => Ok(()),
            Some(Ok(name)) if name.eq_ignore_ascii_case("utf-8") => Ok(()),
            Some(Ok(name)) => {
                let name = shown(&name);
                self.fault(
                    Code::XmlEncoding,
                    at,
                    "",
                    format!("the message says that its encoding is {name}; it must be UTF-8"),
                    format!("报文声明编码为{name}，须为UTF-8"),
                );
                Err(Stop)
            }
            Some(Err(_)) => Err(self.declared_wrong(at)),
        }
    }

    fn declared_wrong(&mut self, at: usize) -> Stop {
        self.malformed(at, "the XML declaration has a wrong form", "XML声明格式有误")
    }

    fn forbidden(&mut self, at: usize, what: &str, zh: &str) {
        let text = format!("{what} is not allowed");
        self.fault(Code::XmlForbidden, at, "", text, format!("报文不得包含{zh}"));
    }

    fn too_deep(&mut self, at: usize, text: String, zh: String) -> Stop {
        self.fault(Code::XmlTooDeep, at, "", text, zh);
        Stop
    }

    fn broken_tag(&mut self, at: usize) -> Stop {
        let (text, zh) = words(&Error::Syntax(SyntaxError::UnclosedTag));
        self.malformed(at, &text, &format!("报文不是格式良好的XML：{zh}"))
    }

    fn broken(&mut self, error: Error) -> Stop {
        // As above; a place behind the end is told as the last line.
        let at = usize::try_from(self.xml.error_position()).unwrap_or(usize::MAX);
        if let Error::Namespace(NamespaceError::TooManyBindings(max)) = error {
            let text = format!("more than {max} namespaces are declared");
            return self.too_deep(at, text, format!("命名空间声明超过{max}个"));
        }
        let (text, zh) = words(&error);
        self.malformed(at, &text, &zh)
    }
}

/// What is wrong with an & that begins no reference, in English and Chinese.
const REFERENCE: (&str, &str) = (
    "a & stands by itself; in a text write &amp; for it",
    "报文不是格式良好的XML：出现单独的“&”，文本中的&须写作&amp;",
);

/// What the XML library found, for people: most of it is an `&` or `<` that was not escaped.
fn words(error: &Error) -> (String, String) {
    let (text, zh) = match error {
        Error::IllFormed(IllFormedError::UnclosedReference) | Error::Escape(_) => {
            return (REFERENCE.0.to_owned(), REFERENCE.1.to_owned());
        }
        Error::Syntax(SyntaxError::UnclosedTag | SyntaxError::InvalidBangMarkup)
        | Error::InvalidAttr(_) => (
            "a < begins no whole tag; in a text write &lt; for it".to_owned(),
            "“<”没有构成完整的标签，文本中的<须写作&lt;".to_owned(),
        ),
        Error::Syntax(
            SyntaxError::UnclosedSingleQuotedAttributeValue
            | SyntaxError::UnclosedDoubleQuotedAttributeValue,
        ) => (
            "the value of an attribute has no closing quotation mark; in a text write &lt; for <"
                .to_owned(),
            "属性值缺少结束引号，文本中的<须写作&lt;".to_owned(),
        ),
        Error::Syntax(_) => (
            "a comment, CDATA or instruction has no end".to_owned(),
            "注释、CDATA或处理指令没有结束".to_owned(),
        ),
        Error::IllFormed(IllFormedError::MismatchedEndTag { expected, found }) => {
            let (expected, found) = (shown(expected), shown(found));
            (
                format!(
                    "</{found}> stands where </{expected}> belongs; in a text write &lt; for <"
                ),
                format!("结束标签</{found}>与开始标签<{expected}>不符，文本中的<须写作&lt;"),
            )
        }
        Error::IllFormed(IllFormedError::UnmatchedEndTag(tag)) => {
            let tag = shown(tag);
            (format!("</{tag}> closes nothing"), format!("结束标签</{tag}>没有对应的开始标签"))
        }
        Error::IllFormed(IllFormedError::MissingEndTag(tag)) => {
            let tag = shown(tag);
            (
                format!("<{tag}> has no end; the file may be cut off"),
                format!("<{tag}>没有结束标签，文件可能不完整"),
            )
        }
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => {
            ("-- stands within a comment".to_owned(), "注释中不得含有“--”".to_owned())
        }
        Error::IllFormed(IllFormedError::MissingDeclVersion(_)) => (
            "the XML declaration does not begin with the version".to_owned(),
            "XML声明须以版本号开头".to_owned(),
        ),
        Error::Namespace(_) => {
            ("a namespace is not declared as it must be".to_owned(), "命名空间声明有误".to_owned())
        }
        Error::Encoding(_) => ("the text is no UTF-8".to_owned(), "内容不是UTF-8编码".to_owned()),
        other => (other.to_string(), "结构错误".to_owned()),
    };
    (text, format!("报文不是格式良好的XML：{zh}"))
}
