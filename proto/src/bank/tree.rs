//! Any message of the schema as a tree, in one pass, with every fault.
//!
//! Only elements that the schema knows and that something is taken from are kept, so that a file costs no
//! more memory than a few times its length.

use std::borrow::Cow;

use domain::text::flaw_in_sentence;
use domain::{Code, limits};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

use super::schema::{BankElement, BankMessage, MESSAGES, NAMESPACES, Shape};
use crate::ceb::MessageFault;
use crate::ceb::fault::shown;
use crate::ceb::reader::{MessageReader, Open, ReaderItem, Stop};

/// An element that was read.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) name: &'static str,
    /// Offset of its start tag.
    pub(super) at: usize,
    /// The attribute Ccy.
    pub(super) currency: String,
    pub(super) text: String,
    pub(super) children: Vec<Node>,
}

impl Node {
    /// All children of a name.
    pub(super) fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// What stands below these names, each the first.
    pub(super) fn find(&self, path: &[&str]) -> Option<&Self> {
        let mut node = self;
        for name in path {
            node = node.children.iter().find(|child| child.name == *name)?;
        }
        Some(node)
    }

    /// The text there; empty where there is none.
    pub(super) fn text(&self, path: &[&str]) -> &str {
        self.find(path).map_or("", |node| &node.text)
    }

    /// The text of the one element that a choice holds.
    pub(super) fn chosen(&self, path: &[&str]) -> &str {
        self.find(path).and_then(|node| node.children.first()).map_or("", |node| &node.text)
    }

    /// Whether a flag is set.
    pub(super) fn is_set(&self, path: &[&str]) -> bool {
        matches!(self.text(path), "true" | "1")
    }

    /// The day of a choice between a day and a time.
    pub(super) fn day(&self, path: &[&str]) -> Option<Date> {
        day_of(self.chosen(path))
    }
}

/// The day of a text that was read as a day or a time.
pub(super) fn day_of(text: &str) -> Option<Date> {
    Date::parse(text.get(..10)?, format_description!("[year]-[month]-[day]")).ok()
}

/// Faults with their offsets.
#[derive(Debug, Default)]
pub(super) struct FaultList {
    faults: Vec<(usize, MessageFault)>,
}

impl FaultList {
    pub(super) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn add(
        &mut self,
        code: Code,
        at: usize,
        element: &str,
        text: String,
        text_zh: String,
    ) {
        if self.faults.len() < limits::VIOLATIONS_MAX {
            let fault = MessageFault { code, line: 0, element: element.to_owned(), text, text_zh };
            self.faults.push((at, fault));
        }
    }

    /// Together with those of the reader, in the order of lines.
    pub(super) fn into_faults(
        self,
        mut reader: MessageReader<'_>,
        source: &str,
    ) -> Vec<MessageFault> {
        debug_assert_eq!(reader.source.len(), source.len(), "the faults are of this text");
        reader.faults.extend(self.faults);
        reader.into_faults()
    }
}

/// Where the pass is.
struct Pass<'r, 'i> {
    reader: &'r mut MessageReader<'i>,
    found: &'r mut FaultList,
    namespace: String,
    path: Vec<String>,
}

/// Reads a file: which message it is, and the element below `Document`.
pub(super) fn document(
    reader: &mut MessageReader<'_>,
    end: usize,
    found: &mut FaultList,
) -> Result<(BankMessage, Node), Stop> {
    let root = reader.root(end)?;
    let namespace = reader.namespace(&root).to_owned();
    let known = namespace.strip_prefix(NAMESPACES);
    let message = MESSAGES.into_iter().find(|(_, name, _)| known == Some(*name));
    let Some((message, _, element)) = message.filter(|_| root.name() == "Document") else {
        let (text, zh) = unsupported(root.name(), known);
        reader.fault(Code::XmlTypeUnsupported, root.at, "", text, zh);
        return Err(Stop);
    };
    reader.attributes(&root, &[]);
    let root_at = root.at;
    let mut pass = Pass { reader, found, namespace, path: Vec::new() };
    let mut document = Node { name: "Document", at: root_at, ..Node::default() };
    pass.group(&mut document, std::slice::from_ref(&element), false)?;
    pass.reader.end()?;
    // Without it a fault was found.
    let root = document.children.pop().unwrap_or_default();
    Ok((message, root))
}

fn unsupported(root: &str, version: Option<&str>) -> (String, String) {
    let read: Vec<_> = MESSAGES.iter().map(|(_, name, _)| *name).collect();
    let read = read.join(", ");
    match version {
        Some(version) => {
            let version = shown(version);
            (
                format!("this is {version}; read are {read}: ask the bank for one of them"),
                format!("该文件为{version}，可读取的版本为{read}，请向银行索取"),
            )
        }
        None => {
            let root = shown(root);
            (
                format!("the root {root} is no Document of ISO 20022; read are {read}"),
                format!("根元素{root}不是ISO 20022的Document，可读取{read}"),
            )
        }
    }
}

impl Pass<'_, '_> {
    fn path_of(&self, name: &str) -> String {
        let mut path = self.path.join("/");
        if !path.is_empty() && !name.is_empty() {
            path.push('/');
        }
        path + name
    }

    fn fault(&mut self, code: Code, at: usize, name: &str, text: String, zh: String) {
        let path = self.path_of(name);
        self.found.add(code, at, &path, text, zh);
    }

    /// Reads the elements of a group, or the one of a choice, up to its end.
    fn group(
        &mut self,
        node: &mut Node,
        table: &[BankElement],
        is_choice: bool,
    ) -> Result<(), Stop> {
        let mut counts = vec![0_usize; table.len()];
        let mut reached = 0;
        let mut reported_text = false;
        loop {
            // Deep and wide files end at the first hundred faults, like those of the reader.
            if self.found.faults.len() >= limits::VIOLATIONS_MAX {
                return Err(Stop);
            }
            let open = match self.reader.next()? {
                ReaderItem::Open(open) => open,
                ReaderItem::Close | ReaderItem::End => break,
                ReaderItem::Text(text) => {
                    if !reported_text && !text.trim().is_empty() {
                        reported_text = true;
                        let (text, zh) = ("text stands between elements", "元素之间不得有文本");
                        self.fault(Code::XmlElementUnexpected, node.at, "", text.into(), zh.into());
                    }
                    continue;
                }
            };
            let Some(row) = self.row(&open, table) else {
                self.unknown(&open, node.name);
                self.reader.skip()?;
                continue;
            };
            let element = table[row];
            counts[row] += 1;
            if counts[row] == element.max.saturating_add(1) {
                let (name, most) = (element.name, element.max);
                let text = format!("{name} stands more than {most} times");
                let zh = format!("{name}出现超过{most}次");
                self.fault(Code::XmlElementUnexpected, open.at, name, text, zh);
            }
            if row < reached && !is_choice {
                let (name, other) = (element.name, table[reached].name);
                let text = format!("{name} is out of order; it belongs before {other}");
                let zh = format!("{name}顺序错误，应在{other}之前");
                self.fault(Code::XmlElementUnexpected, open.at, name, text, zh);
            }
            reached = reached.max(row);
            self.element(node, element, counts[row], open)?;
        }
        self.required(node, table, &counts, is_choice);
        Ok(())
    }

    fn row(&self, open: &Open<'_>, table: &[BankElement]) -> Option<usize> {
        let is_ours = self.reader.namespace(open) == self.namespace;
        let row = table.iter().position(|element| element.name == open.name());
        row.filter(|_| is_ours)
    }

    fn unknown(&mut self, open: &Open<'_>, group: &str) {
        let name = shown(open.name());
        let text = format!("{name} does not belong into {group}");
        let zh = format!("{group}中不应有{name}");
        self.fault(Code::XmlElementUnexpected, open.at, &name, text, zh);
    }

    fn required(&mut self, node: &Node, table: &[BankElement], counts: &[usize], is_choice: bool) {
        if is_choice {
            let stood: usize = counts.iter().sum();
            if stood != 1 {
                let names: Vec<_> = table.iter().map(|element| element.name).collect();
                let (english, chinese) = (names.join(" or "), names.join("或"));
                let group = node.name;
                let text = format!("{group} holds exactly one of {english}, not {stood}");
                let zh = format!("{group}须含且只含{chinese}之一");
                self.fault(Code::XmlElementUnexpected, node.at, "", text, zh);
            }
            return;
        }
        for (element, count) in table.iter().zip(counts) {
            if *count < element.min {
                let (name, group) = (element.name, node.name);
                let text = format!("{name} is missing in {group}");
                let zh = format!("{group}缺少{name}");
                self.fault(Code::XmlElementUnexpected, node.at, name, text, zh);
            }
        }
    }

    /// Reads one element and keeps it.
    fn element(
        &mut self,
        parent: &mut Node,
        element: BankElement,
        number: usize,
        open: Open<'_>,
    ) -> Result<(), Stop> {
        let at = open.at;
        let name = element.name;
        match element.shape {
            Shape::Unread => return self.reader.skip(),
            Shape::Group(table) | Shape::Choice(table) => {
                self.reader.attributes(&open, &[]);
                drop(open);
                let many = element.max > 1;
                self.path.push(if many { format!("{name}[{number}]") } else { name.to_owned() });
                let mut node = Node { name, at, ..Node::default() };
                let is_choice = matches!(element.shape, Shape::Choice(_));
                let read = self.group(&mut node, table, is_choice);
                // The path stays where it was when reading stops: nobody looks at it any more.
                read?;
                self.path.pop();
                parent.children.push(node);
            }
            shape => {
                let is_amount = matches!(shape, Shape::Amount);
                let known: &[&str] = if is_amount { &["Ccy"] } else { &[] };
                self.reader.attributes(&open, known);
                let attributes = open.tag.attributes().flatten();
                let mut ccy = attributes.filter(|it| it.key.into_inner() == "Ccy");
                let currency = ccy.next().map_or_else(String::new, |it| it.value.into_owned());
                drop(open);
                let Some(text) = self.reader.leaf(name)? else { return Ok(()) };
                let text = text_of(shape, &text).into_owned();
                if let Some((text, zh)) = wrong(shape, &text) {
                    self.fault(Code::XmlValueUnreadable, at, name, text, zh);
                } else if let Some((flaw, _)) = flaw_in_sentence(&text) {
                    let (text, zh) = flaw.words();
                    let (text, zh) = (format!("{name} contains {text}"), format!("{name}含有{zh}"));
                    self.fault(Code::BadCharacter, at, name, text, zh);
                }
                if is_amount && !is_letters(&currency) {
                    let text = format!("{name} needs the attribute Ccy with three letters");
                    let zh = format!("{name}须有三位字母的属性Ccy");
                    self.fault(Code::CurrencyWrong, at, name, text, zh);
                }
                parent.children.push(Node { name, at, currency, text, children: Vec::new() });
            }
        }
        Ok(())
    }
}

/// White space around what is no text for people is no part of it.
fn text_of(shape: Shape, text: &str) -> Cow<'_, str> {
    if matches!(shape, Shape::Text(_)) { Cow::Borrowed(text) } else { Cow::Borrowed(text.trim()) }
}

fn is_letters(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// What is wrong with a text, in English and Chinese.
fn wrong(shape: Shape, text: &str) -> Option<(String, String)> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let wrong = |english: &str, chinese: &str| {
        let text = shown(text);
        Some((format!("{text} {english}"), format!("{text}{chinese}")))
    };
    match shape {
        Shape::Text(most) => {
            let length = text.chars().count();
            // A name may be personal: only its length is told.
            let english = format!("has {length} characters; 1 to {most} are allowed");
            let chinese = format!("长度为{length}个字符，须为1至{most}个");
            (!(1..=most).contains(&length)).then_some((english, chinese))
        }
        Shape::Word(words) => {
            let listed = words.join(", ");
            let (english, chinese) = (format!("is none of {listed}"), format!("须为{listed}之一"));
            if words.contains(&text) { None } else { wrong(&english, &chinese) }
        }
        Shape::Digits(most) if is_digits(text) && text.len() <= most => None,
        Shape::Digits(most) => wrong(
            &format!("is no number of at most {most} digits"),
            &format!("须为至多{most}位数字"),
        ),
        Shape::Decimal => {
            let (whole, part) = text
                .trim_start_matches(['-', '+'])
                .split_once('.')
                .unwrap_or((text.trim_start_matches(['-', '+']), "0"));
            let fits = is_digits(whole) && is_digits(part) && whole.len() + part.len() <= 19;
            let signs = text.bytes().filter(|byte| matches!(byte, b'-' | b'+')).count();
            if fits && signs <= 1 {
                None
            } else {
                wrong("is no decimal number", "不是十进制数")
            }
        }
        Shape::Amount => {
            let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
            let fits = is_digits(whole) && is_digits(part) && whole.len() + part.len() <= 19;
            let words =
                ("is no amount: digits, and at most five after a point", "不是金额，小数至多五位");
            if fits && part.len() <= 5 { None } else { wrong(words.0, words.1) }
        }
        Shape::Date if Date::parse(text, format_description!("[year]-[month]-[day]")).is_ok() => {
            None
        }
        Shape::Date => wrong("is no day, as 2026-11-24", "不是日期，应如2026-11-24"),
        Shape::DateTime if is_time(text) => None,
        Shape::DateTime => wrong(
            "is no time, as 2026-11-24T08:30:00+08:00",
            "不是时间，应如2026-11-24T08:30:00+08:00",
        ),
        Shape::Flag if matches!(text, "true" | "false" | "1" | "0") => None,
        Shape::Flag => wrong("is neither true nor false", "须为true或false"),
        Shape::Currency if is_letters(text) => None,
        Shape::Currency => wrong("is no currency of three letters", "须为三位字母的币种"),
        Shape::Iban => {
            let mut bytes = text.bytes();
            let country = bytes.by_ref().take(2).filter(u8::is_ascii_uppercase).count();
            let check = bytes.by_ref().take(2).filter(u8::is_ascii_digit).count();
            let fits = country == 2 && check == 2 && (1..=30).contains(&bytes.len());
            let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if fits && is_plain { None } else { wrong("is no IBAN", "不是IBAN") }
        }
        Shape::Bic => {
            let is_plain =
                text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
            let country =
                text.get(4..6).is_some_and(|it| it.bytes().all(|b| b.is_ascii_uppercase()));
            let fits = is_plain && country && matches!(text.len(), 8 | 11);
            if fits { None } else { wrong("is no BIC", "不是BIC") }
        }
        Shape::Group(_) | Shape::Choice(_) | Shape::Unread => None,
    }
}

/// A time of XML schema: with an offset, with `Z`, or local.
fn is_time(text: &str) -> bool {
    let local = format_description!(
        version = 2,
        "[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]"
    );
    OffsetDateTime::parse(text, &Rfc3339).is_ok() || PrimitiveDateTime::parse(text, local).is_ok()
}
