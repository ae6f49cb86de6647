//! The writing half: any table becomes text, in the order of its rows.
//!
//! What is written is valid XML whatever the values are: characters that XML forbids become U+FFFD.
//! Whether a value has the length that the schema wants is the business of who made it. An optional
//! element that is empty is left out, a mandatory one stands empty.

use std::fmt::Write as _;

use super::schema::ElementTable;
use super::table::{Element, ElementContent, ElementKind, ElementNeed};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const INDENT: &str = "  ";

/// A message while it is written.
pub(super) struct Writer {
    out: String,
    /// Before each name, with its colon; empty for the default namespace.
    prefix: &'static str,
    depth: usize,
}

impl Writer {
    pub(super) fn new(prefix: &'static str) -> Self {
        Self { out: DECLARATION.to_owned(), prefix, depth: 0 }
    }

    /// The finished text.
    pub(super) fn finish(mut self) -> String {
        self.out.push('\n');
        self.out
    }

    /// Starts an element that holds elements, with its attributes.
    pub(super) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.start(name, attributes);
        self.out.push('>');
        self.depth += 1;
    }

    /// Ends it.
    pub(super) fn close(&mut self, name: &str) {
        self.depth -= 1;
        self.line();
        self.end(name);
    }

    /// An element that holds text.
    pub(super) fn leaf(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.start(name, attributes);
        if text.is_empty() {
            self.out.push_str("/>");
            return;
        }
        self.out.push('>');
        escape(&mut self.out, text);
        self.end(name);
    }

    /// An element with its table.
    pub(super) fn element<T: ElementTable>(&mut self, name: &str, it: &T) {
        self.open(name, &[]);
        self.table(T::TABLE, it);
        self.close(name);
    }

    /// The rows of a table.
    pub(super) fn table<T>(&mut self, table: &[Element<T>], it: &T) {
        for row in table {
            match row.content {
                ElementContent::Text { get, .. } => self.text(row, get(it)),
                ElementContent::Texts { get, .. } => {
                    for text in get(it) {
                        self.leaf(row.name, &[], text);
                    }
                }
                ElementContent::Decimal { get, .. } => {
                    if let Some(value) = get(it) {
                        self.start(row.name, &[]);
                        self.out.push('>');
                        decimal(&mut self.out, value);
                        self.end(row.name);
                    }
                }
                ElementContent::Count { get, .. } => {
                    if let Some(value) = get(it) {
                        self.start(row.name, &[]);
                        let _ = write!(self.out, ">{value}");
                        self.end(row.name);
                    }
                }
                ElementContent::Group { write, .. } => write(self, it, row.name),
                // Signatures and private extensions are put in by who makes them.
                ElementContent::Any(_) => {}
            }
        }
    }

    fn text<T>(&mut self, row: &Element<T>, text: &str) {
        let text = if text.is_empty() { row.empty } else { text };
        match row.kind {
            _ if text.is_empty() && row.need == ElementNeed::May => {}
            ElementKind::Data if !text.is_empty() => {
                self.start(row.name, &[]);
                self.out.push('>');
                data(&mut self.out, text);
                self.end(row.name);
            }
            _ => self.leaf(row.name, &[], text),
        }
    }

    fn start(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.line();
        self.out.push('<');
        self.out.push_str(self.prefix);
        self.out.push_str(name);
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            quote(&mut self.out, value);
            self.out.push('"');
        }
    }

    fn end(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(self.prefix);
        self.out.push_str(name);
        self.out.push('>');
    }

    /// A new line, but for the root: the declaration ends with one.
    fn line(&mut self) {
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        for _ in 0..self.depth {
            self.out.push_str(INDENT);
        }
    }
}

/// A decimal without zeros at its end.
fn decimal(out: &mut String, value: i64) {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, mut fraction) = (value.unsigned_abs() / 100_000, value.unsigned_abs() % 100_000);
    // Writing into a string does not fail.
    let _ = write!(out, "{sign}{whole}");
    if fraction > 0 {
        let mut width = 5;
        while fraction % 10 == 0 {
            (fraction, width) = (fraction / 10, width - 1);
        }
        let _ = write!(out, ".{fraction:0width$}");
    }
}

/// An amount in 1/100000 as text.
pub(super) fn amount(value: i64) -> String {
    let mut out = String::new();
    decimal(&mut out, value);
    out
}

/// Text for an attribute in double quotes, where line breaks and tabs would be read as spaces.
fn quote(out: &mut String, text: &str) {
    let start = out.len();
    escape(out, text);
    if out[start..].contains(['\n', '\t']) {
        let value = out.split_off(start);
        out.push_str(&value.replace('\n', "&#10;").replace('\t', "&#9;"));
    }
}

/// Text for an element. Carriage returns would be lost to the reader, so they are references.
fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            _ => out.push(legal(character)),
        }
    }
}

/// The original of a message as it was, in as many CDATA sections as its own need.
fn data(out: &mut String, text: &str) {
    out.push_str("<![CDATA[");
    for (index, part) in text.split("]]>").enumerate() {
        if index > 0 {
            out.push_str("]]]]><![CDATA[>");
        }
        out.extend(part.chars().map(legal));
    }
    out.push_str("]]>");
}

/// What XML 1.0 can hold.
fn legal(character: char) -> char {
    match character {
        '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'.. => character,
        _ => '\u{fffd}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_no_zeros_to_spare() {
        let written = |value| {
            let mut out = String::new();
            decimal(&mut out, value);
            out
        };
        for (value, text) in [
            (0, "0"),
            (100_000, "1"),
            (1, "0.00001"),
            (1_234_000, "12.34"),
            (-150_000, "-1.5"),
            (i64::MAX, "92233720368547.75807"),
            (i64::MIN, "-92233720368547.75808"),
        ] {
            assert_eq!(written(value), text);
        }
    }

    #[test]
    fn whatever_is_written_is_xml() {
        let mut out = String::new();
        escape(&mut out, "a<b>&\"c\"\r\n\0\u{1}\u{ffff}😀");
        assert_eq!(out, "a&lt;b&gt;&amp;&quot;c&quot;&#13;\n\u{fffd}\u{fffd}\u{fffd}😀");
        out.clear();
        data(&mut out, "<a><![CDATA[x]]></a>\u{2}");
        assert_eq!(out, "<![CDATA[<a><![CDATA[x]]]]><![CDATA[></a>\u{fffd}]]>");
    }
}
