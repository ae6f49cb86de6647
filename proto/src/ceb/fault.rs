//! What is wrong with a message: where faults are collected, and the words for each kind of fault that
//! a table finds.
//!
//! Values are repeated only where they are numbers. Names, addresses and identity numbers are personal
//! data, so a text that is too long is described by its length.

use domain::text::{Flaw, flaw_in_sentence, flaw_in_word};
use domain::{Code, limits};

use super::MessageFault;
use super::reader::{MessageReader, Namespace, Open, Stop};
use super::table::{Element, ElementKind, ElementNeed};
use super::value::{self, ValueReason};

/// Characters of a name or value that a fault repeats.
const SHOWN_MAX: usize = 60;

impl MessageReader<'_> {
    /// Notes that the message breaks a rule at `name`, a child of the group that is open.
    pub(crate) fn fault(&mut self, code: Code, at: usize, name: &str, text: String, zh: String) {
        let fault = MessageFault { code, line: 0, element: self.path_to(name), text, text_zh: zh };
        self.faults.push((at, fault));
    }

    /// Notes something odd that does not stop the document.
    pub(super) fn warn(&mut self, code: Code, at: usize, name: &str, text: String, zh: String) {
        let fault = MessageFault { code, line: 0, element: self.path_to(name), text, text_zh: zh };
        self.warnings.push((at, fault));
    }

    /// The warnings since the last call. `from` is an offset before them all, and its line.
    pub(super) fn take_warnings(&mut self, from: (usize, u32)) -> Vec<MessageFault> {
        with_lines(self.source, std::mem::take(&mut self.warnings), from)
    }

    /// Whether nothing was wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// Every fault, in the order of lines.
    pub(crate) fn into_faults(self) -> Vec<MessageFault> {
        let mut faults = with_lines(self.source, self.faults, (0, 1));
        faults.truncate(limits::VIOLATIONS_MAX);
        faults
    }

    /// Notes why the message is not XML.
    pub(super) fn malformed(&mut self, at: usize, text: &str, zh: &str) -> Stop {
        self.fault(Code::XmlMalformed, at, "", text.to_owned(), zh.to_owned());
        Stop
    }

    /// Path of a child of the open group, for people: Inventory[3]/InventoryList[2]/gcode.
    fn path_to(&self, name: &str) -> String {
        let mut path = String::new();
        for &(group, number) in &self.path {
            path.push_str(group);
            if number > 0 {
                path.push_str(&format!("[{number}]"));
            }
            path.push('/');
        }
        path.push_str(name);
        path.truncate(path.trim_end_matches('/').len());
        path
    }

    pub(super) fn empty(&mut self, name: &str, at: usize) {
        self.fault(
            Code::Required,
            at,
            name,
            format!("{name} is empty; a value is required"),
            format!("{name}为空，必填"),
        );
    }

    pub(super) fn unreadable(&mut self, name: &str, at: usize, text: &str, reason: ValueReason) {
        let text = shown(text);
        self.fault(
            Code::XmlValueUnreadable,
            at,
            name,
            format!("{text} {}", reason.0),
            format!("{text}{}", reason.1),
        );
    }

    /// Notes a value other than the one that the schema fixes; it does not fit.
    pub(super) fn not_fixed(&mut self, name: &str, at: usize, text: &str, value: &str) -> bool {
        let code = if name == "currency" { Code::CurrencyWrong } else { Code::XmlValueUnreadable };
        let text = shown(text);
        self.fault(
            code,
            at,
            name,
            format!("{name} is {text}; the schema fixes it to {value}"),
            format!("{name}为{text}，规范限定为{value}"),
        );
        false
    }

    /// Notes a word that the schema does not know; it does not fit.
    pub(super) fn not_a_word(&mut self, name: &str, at: usize, text: &str, words: &[&str]) -> bool {
        let text = shown(text);
        let listed = |comma: &str, or: &str| match words {
            [] => String::new(),
            [one] => (*one).to_owned(),
            [first @ .., last] => format!("{}{or}{last}", first.join(comma)),
        };
        self.fault(
            Code::XmlValueUnreadable,
            at,
            name,
            format!("{name} is {text}; it must be {}", listed(", ", " or ")),
            format!("{name}为{text}，须为{}", listed("、", "或")),
        );
        false
    }

    /// The message type says the direction. The opposite flag is a contradiction; the letter `a`
    /// stands in the official export sample and hurts nobody. Tells whether the document is read all
    /// the same.
    pub(super) fn other_direction(
        &mut self,
        name: &str,
        at: usize,
        flag: &str,
        message: &str,
        own: &str,
    ) -> bool {
        let letter = value::length(flag) == 1;
        let contradiction = flag.eq_ignore_ascii_case(if own == "I" { "E" } else { "I" });
        let flag = shown(flag);
        let text = format!("{name} is {flag}; {message} is always {own}");
        let text_zh = format!("{name}为{flag}，{message}须为{own}");
        if letter && !contradiction {
            self.warn(Code::DirectionUnclear, at, name, text, text_zh);
            return true;
        }
        let code = if letter { Code::DirectionUnclear } else { Code::WrongLength };
        self.fault(code, at, name, text, text_zh);
        false
    }

    /// Whether the length is right.
    pub(super) fn length(
        &mut self,
        name: &str,
        at: usize,
        text: &str,
        (min, max): (usize, usize),
    ) -> bool {
        let length = value::length(text);
        if (min..=max).contains(&length) {
            return true;
        }
        let (code, wanted, zh) = if min == max {
            (Code::WrongLength, format!("exactly {max}"), format!("须为{max}个"))
        } else if length > max {
            (Code::TooLong, format!("at most {max}"), format!("最多{max}个"))
        } else {
            (Code::WrongLength, format!("at least {min}"), format!("至少{min}个"))
        };
        self.fault(
            code,
            at,
            name,
            format!("{name} has {length} characters; {wanted} are allowed"),
            format!("{name}长度为{length}个字符，{zh}"),
        );
        false
    }

    /// Refuses what no text may hold: control characters (XML 1.0 forbids them even as a reference), what
    /// turns the direction of writing, and what nobody sees. Words for people may have lines, and joiners
    /// where a language spells with them; a number or a code has neither.
    pub(super) fn characters(&mut self, kind: ElementKind, name: &str, at: usize, text: &str) {
        let found = match kind {
            ElementKind::Text { .. } | ElementKind::Data => flaw_in_sentence(text),
            // White space around a value is no part of it.
            _ => flaw_in_word(value::trim(text)),
        };
        let flaw = match found {
            Some((flaw, _)) => flaw,
            None if text.contains(['\u{fffe}', '\u{ffff}']) => Flaw::Control,
            None => return,
        };
        let (text, text_zh) = flaw.words();
        self.fault(
            Code::BadCharacter,
            at,
            name,
            format!("{name} contains {text}"),
            format!("{name}含有{text_zh}"),
        );
    }

    /// Text between the elements of a group.
    pub(super) fn between(&mut self, open: &Open<'_>) {
        let name = shown(open.name());
        self.fault(
            Code::XmlElementUnexpected,
            self.position(),
            "",
            format!("text stands between the elements of {name}"),
            format!("{name}的子元素之间不得有文本"),
        );
    }

    /// An element that the table does not know. The row that was probably meant is given back, so
    /// that it is not told as missing too.
    pub(super) fn unknown<T>(
        &mut self,
        table: &[Element<T>],
        parent: &Open<'_>,
        open: &Open<'_>,
    ) -> Option<usize> {
        let (name, parent) = (shown(open.name()), shown(parent.name()));
        let mut text = format!("{name} does not belong into {parent}");
        let mut zh = format!("{parent}中不应有元素{name}");
        let meant = table.iter().position(|row| row.name.eq_ignore_ascii_case(open.name()));
        if let Some(row) = meant {
            if table[row].name == open.name() {
                text.push_str(" in this namespace");
                zh.push_str("（命名空间错误）");
            } else {
                text.push_str(&format!("; {} does", table[row].name));
                zh.push_str(&format!("，应为{}", table[row].name));
            }
        }
        self.fault(Code::XmlElementUnexpected, open.at, &name, text, zh);
        meant
    }

    /// An element that stands more often than it may. Told once, however often it comes again.
    pub(super) fn too_often<T>(&mut self, element: &Element<T>, first: u32, at: usize) {
        let name = element.name;
        let (text, zh) = if element.max == 1 {
            let line = usize::try_from(first).map_or(1, |first| line_at(self.source, first));
            (
                format!(
                    "{name} stands twice; the schema allows exactly one (the first is in line {line})"
                ),
                format!("{name}重复出现，规范只允许一个（第一个在第{line}行）"),
            )
        } else {
            (
                format!("there are more than {} {name}; no more are allowed", element.max),
                format!("{name}超过{}个", element.max),
            )
        };
        self.fault(element.count, at, name, text, zh);
    }

    pub(super) fn misplaced(&mut self, name: &str, at: usize, other: &str, side: Side) {
        let (word, zh) = match side {
            Side::Before => ("before", "之前"),
            Side::After => ("after", "之后"),
        };
        self.fault(
            Code::XmlElementUnexpected,
            at,
            name,
            format!("{name} is out of order; it belongs {word} {other}"),
            format!("{name}顺序错误，应在{other}{zh}"),
        );
    }

    /// Names the fewest elements that would have to move: all but a longest run in the right order.
    pub(super) fn disorder<T>(&mut self, table: &[Element<T>], marks: usize) {
        let mut stood: Vec<(u32, usize)> = (0..table.len())
            .map(|row| (self.marks[marks + row], row))
            .filter(|&(at, _)| at > 0)
            .collect();
        stood.sort_unstable();
        // length[i] and from[i]: the longest run that ends with i, and what stands before i in it.
        let mut length = vec![1; stood.len()];
        let mut from = vec![None; stood.len()];
        for i in 0..stood.len() {
            for j in 0..i {
                if stood[j].1 < stood[i].1 && length[j] >= length[i] {
                    (length[i], from[i]) = (length[j] + 1, Some(j));
                }
            }
        }
        let mut kept = vec![false; table.len()];
        let mut at = (0..stood.len()).max_by_key(|&i| (length[i], std::cmp::Reverse(i)));
        while let Some(i) = at {
            kept[stood[i].1] = true;
            at = from[i];
        }
        for (offset, row) in stood {
            if kept[row] {
                continue;
            }
            let before = (0..row).rev().find(|&other| kept[other]);
            let after = (row..table.len()).find(|&other| kept[other]);
            // No machine that we run on has a narrower usize.
            let at = usize::try_from(offset).unwrap_or(usize::MAX);
            match (before, after) {
                (Some(other), _) => {
                    self.misplaced(table[row].name, at, table[other].name, Side::After);
                }
                (None, Some(other)) => {
                    self.misplaced(table[row].name, at, table[other].name, Side::Before);
                }
                (None, None) => {}
            }
        }
    }

    /// Required elements that never stood. The line is that of the element in their place.
    pub(super) fn missing<T>(&mut self, table: &[Element<T>], marks: usize, parent: &Open<'_>) {
        for (row, element) in table.iter().enumerate() {
            let apart = self.signature_apart && element.space == Namespace::Dsig;
            if element.need == ElementNeed::May || self.marks[marks + row] > 0 || apart {
                continue;
            }
            let next = self.marks[marks + row..marks + table.len()].iter().find(|&&at| at > 0);
            let at = next.and_then(|&at| usize::try_from(at).ok());
            let at = at.unwrap_or_else(|| self.position());
            let (name, parent) = (element.name, shown(parent.name()));
            let (text, zh) = if element.count == Code::XmlTransferBlock {
                (
                    format!("{name} is missing; the schema requires exactly one"),
                    format!("缺少{name}，规范要求有且仅有一个"),
                )
            } else if let Some(message) = parent.strip_suffix("Message") {
                (format!("{name} is required for {message}"), format!("{message}必须有{name}"))
            } else {
                (format!("{name} is required in {parent}"), format!("{parent}缺少{name}"))
            };
            self.fault(element.count, at, name, text, zh);
        }
    }
}

/// On which side of another element something belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

/// The line of an offset. Lines count from 1.
pub(super) fn line_at(source: &str, at: usize) -> u32 {
    1 + line_breaks(&source.as_bytes()[..at.min(source.len())])
}

/// A name or value as a fault repeats it: cut, because it may be megabytes long, and without
/// characters that would garble the sentence around it.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String =
        text.chars().take(SHOWN_MAX).collect::<String>().escape_debug().collect();
    if short.len() < text.len() && text.chars().nth(SHOWN_MAX).is_some() {
        short.push('…');
    }
    short
}

/// Sorts by line, counting each line break once.
fn with_lines(
    source: &str,
    mut found: Vec<(usize, MessageFault)>,
    (mut from, mut line): (usize, u32),
) -> Vec<MessageFault> {
    found.sort_by_key(|&(at, _)| at);
    let with_line = |(at, fault): (usize, MessageFault)| {
        let at = at.clamp(from, source.len());
        line += line_breaks(&source.as_bytes()[from..at]);
        from = at;
        MessageFault { line, ..fault }
    };
    found.into_iter().map(with_line).collect()
}

/// Line feeds in a part of a message.
pub(super) fn line_breaks(bytes: &[u8]) -> u32 {
    let breaks = bytes.iter().filter(|&&byte| byte == b'\n').count();
    u32::try_from(breaks).unwrap_or(u32::MAX) // a file that a person names may have any size
}
