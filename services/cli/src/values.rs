//! The values of a JSON file one after the other: a single one, a list, or one a line (NDJSON). Never
//! more than one is in memory, however long the file is.
//!
//! The invariant: what is wrong with one value is said of that value, with its line and column in the
//! file. Where values are lines, the next line is read all the same; elsewhere nobody can tell where the
//! next one begins, and reading ends.

use std::io::{self, BufRead};

/// The longest value. What a window takes is shorter, also when it is written with many blanks.
const VALUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A value as it stands in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FileValue {
    pub(super) bytes: Vec<u8>,
    /// Line of its first character, from 1.
    pub(super) line: usize,
    /// Column of its first character, from 1.
    pub(super) column: usize,
}

/// Why there is no value.
#[derive(Debug)]
pub(super) enum ValueFault {
    /// The file cannot be read.
    Unreadable(io::Error),
    /// The file is empty.
    Empty,
    /// A value is too long.
    TooLong { line: usize, column: usize },
    /// Something else stands where a comma, a value or the end of the list should.
    Unexpected { line: usize, column: usize },
}

/// How values follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Nothing is read yet.
    Unknown,
    /// A list; whether it has a value already.
    List { begun: bool },
    /// One value after the other, over any number of lines.
    Sequence,
    /// One a line.
    Lines,
    /// Nothing follows.
    Ended,
}

/// Reads values.
pub(super) struct Values<R> {
    reader: R,
    layout: Layout,
    line: usize,
    column: usize,
}

impl<R: BufRead> Values<R> {
    /// The values of a file; `lines` when its name says that each line is one.
    pub(super) fn new(reader: R, lines: bool) -> Self {
        let layout = if lines { Layout::Lines } else { Layout::Unknown };
        Self { reader, layout, line: 1, column: 1 }
    }

    /// Whether values stand in a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.layout, Layout::List { .. })
    }

    /// The next byte, which stays.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.reader.fill_buf() {
                Ok(buffer) => return Ok(buffer.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Goes past the next byte.
    fn advance(&mut self, byte: u8) {
        self.reader.consume(1);
        if byte == b'\n' {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
    }

    /// The next byte that is no blank.
    fn peek_visible(&mut self) -> io::Result<Option<u8>> {
        while let Some(byte) = self.peek()? {
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
            self.advance(byte);
        }
        Ok(None)
    }

    fn start(&self) -> FileValue {
        FileValue { bytes: Vec::new(), line: self.line, column: self.column }
    }

    fn unexpected(&self) -> ValueFault {
        ValueFault::Unexpected { line: self.line, column: self.column }
    }

    /// The next value; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<FileValue>, ValueFault> {
        let found = match self.layout {
            Layout::Unknown => self.first(),
            Layout::List { begun } => self.item(begun),
            Layout::Sequence => self.following(),
            Layout::Lines => return self.whole_line(),
            Layout::Ended => Ok(None),
        };
        if !matches!(found, Ok(Some(_))) {
            self.layout = Layout::Ended;
        }
        found
    }

    fn first(&mut self) -> Result<Option<FileValue>, ValueFault> {
        match self.peek_visible().map_err(ValueFault::Unreadable)? {
            None => Err(ValueFault::Empty),
            Some(b'[') => {
                self.advance(b'[');
                self.layout = Layout::List { begun: false };
                self.item(false)
            }
            Some(_) => {
                let value = self.value(&[])?;
                // What was written in one line and ends with it, is one of many lines.
                let is_line = value.line == self.line;
                self.layout = if is_line { Layout::Lines } else { Layout::Sequence };
                self.rest_of_line(value).map(Some)
            }
        }
    }

    fn item(&mut self, begun: bool) -> Result<Option<FileValue>, ValueFault> {
        self.layout = Layout::List { begun: true };
        let mut next = self.peek_visible().map_err(ValueFault::Unreadable)?;
        if begun && next == Some(b',') {
            self.advance(b',');
            next = self.peek_visible().map_err(ValueFault::Unreadable)?;
        } else if begun && next != Some(b']') {
            return Err(self.unexpected());
        } else if next == Some(b']') {
            self.advance(b']');
            return match self.peek_visible().map_err(ValueFault::Unreadable)? {
                None => Ok(None),
                Some(_) => Err(self.unexpected()),
            };
        }
        match next {
            None | Some(b',' | b']') => Err(self.unexpected()),
            Some(_) => self.value(b",]").map(Some),
        }
    }

    fn following(&mut self) -> Result<Option<FileValue>, ValueFault> {
        match self.peek_visible().map_err(ValueFault::Unreadable)? {
            None => Ok(None),
            Some(_) => {
                let value = self.value(&[])?;
                self.rest_of_line(value).map(Some)
            }
        }
    }

    /// An object or list with everything in it, or else a word up to a blank or one of `ends`.
    fn value(&mut self, ends: &[u8]) -> Result<FileValue, ValueFault> {
        let mut value = self.start();
        let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
        while let Some(byte) = self.peek().map_err(ValueFault::Unreadable)? {
            let is_end = byte.is_ascii_whitespace() || ends.contains(&byte);
            if depth == 0 && !in_text && is_end {
                break;
            }
            if value.bytes.len() == VALUE_BYTES_MAX {
                return Err(ValueFault::TooLong { line: value.line, column: value.column });
            }
            self.advance(byte);
            value.bytes.push(byte);
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_text => escaped = true,
                b'"' => {
                    in_text = !in_text;
                    if !in_text && depth == 0 {
                        break;
                    }
                }
                b'{' | b'[' if !in_text => depth += 1,
                b'}' | b']' if !in_text => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
        Ok(value)
    }

    /// What stands behind a value in its line belongs to it: its reader says that it may not.
    fn rest_of_line(&mut self, mut value: FileValue) -> Result<FileValue, ValueFault> {
        let end = value.bytes.len();
        while let Some(byte) = self.peek().map_err(ValueFault::Unreadable)? {
            self.advance(byte);
            if byte == b'\n' {
                break;
            }
            if value.bytes.len() == VALUE_BYTES_MAX {
                return Err(ValueFault::TooLong { line: value.line, column: value.column });
            }
            value.bytes.push(byte);
        }
        if value.bytes[end..].iter().all(u8::is_ascii_whitespace) {
            value.bytes.truncate(end);
        }
        Ok(value)
    }

    /// The next line that is not blank, whatever is in it.
    fn whole_line(&mut self) -> Result<Option<FileValue>, ValueFault> {
        let next = self.peek_visible();
        if next.map_err(ValueFault::Unreadable)?.is_none() {
            self.layout = Layout::Ended;
            return Ok(None);
        }
        let start = self.start();
        let line = self.rest_of_line(start);
        if matches!(line, Err(ValueFault::TooLong { .. })) {
            while let Some(byte) = self.peek().map_err(ValueFault::Unreadable)? {
                self.advance(byte);
                if byte == b'\n' {
                    break;
                }
            }
        }
        let mut line = line?;
        let end = line.bytes.trim_ascii_end().len();
        line.bytes.truncate(end);
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values as text with their places, and how reading ended.
    fn read(text: &str, lines: bool) -> (Vec<(String, usize, usize)>, String) {
        let mut values = Values::new(text.as_bytes(), lines);
        let mut found = Vec::new();
        loop {
            match values.next() {
                Ok(Some(FileValue { bytes, line, column })) => {
                    found.push((String::from_utf8(bytes).expect("text"), line, column));
                }
                Ok(None) => return (found, "end".to_owned()),
                Err(fault) => return (found, format!("{fault:?}")),
            }
        }
    }

    fn texts(text: &str) -> Vec<String> {
        let (found, ended) = read(text, false);
        assert_eq!(ended, "end", "{text}");
        found.into_iter().map(|(text, ..)| text).collect()
    }

    #[test]
    fn one_a_list_lines_and_a_sequence_are_told_apart() {
        assert_eq!(texts("{\"a\": \"}\\\"{\"}"), ["{\"a\": \"}\\\"{\"}"]);
        assert_eq!(texts("[]"), [""; 0]);
        assert_eq!(texts("[{\"a\":[1]} , 7,\n\"],\"]\n"), ["{\"a\":[1]}", "7", "\"],\""]);
        assert_eq!(texts("{\"a\":1}\r\n\n{\"b\":2}\n"), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(texts("{\n\"a\":1}\n{\n}\n"), ["{\n\"a\":1}", "{\n}"]);
        assert_eq!(texts("{} {}"), ["{} {}"], "the reader of the value says what is wrong");
    }

    #[test]
    fn places_are_those_in_the_file() {
        let (found, _) = read("\n [{},\n  {}]", false);
        let places: Vec<_> = found.iter().map(|(_, line, column)| (*line, *column)).collect();
        assert_eq!(places, [(2, 3), (3, 3)]);
        let (found, _) = read("{}\n  {}", false);
        assert_eq!((found[1].1, found[1].2), (2, 3));
    }

    #[test]
    fn a_broken_line_costs_no_other_and_a_broken_list_ends() {
        let (found, ended) = read("{}\n{\"a\": {\n{}\n", false);
        assert_eq!((found.len(), ended.as_str()), (3, "end"));
        let (found, ended) = read("{\"a\": {\n{}\n", true);
        assert_eq!((found.len(), ended.as_str()), (2, "end"), "the name of the file says lines");
        for (text, count, place) in [
            ("[{}{}]", 1, "1, column: 4"),
            ("[{},]", 1, "1, column: 5"),
            ("[{},", 1, "1, column: 5"),
        ] {
            let (found, ended) = read(text, false);
            assert_eq!(found.len(), count, "{text}");
            assert!(ended.contains("Unexpected") && ended.contains(place), "{text}: {ended}");
        }
        assert_eq!(read(" \n", false).1, "Empty");
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        let long = "x".repeat(VALUE_BYTES_MAX + 1);
        let (found, ended) = read(&format!("[\"{long}\"]"), false);
        assert!(found.is_empty() && ended.contains("TooLong"), "{ended}");
        let mut values = Values::new(long.as_bytes().chain(&b"\n{}\n"[..]), true);
        assert!(matches!(values.next(), Err(ValueFault::TooLong { line: 1, .. })));
        let next = values.next().expect("the next line can be read").expect("it is there");
        assert_eq!((next.bytes.as_slice(), next.line), (&b"{}"[..], 2));
    }

    use std::io::Read as _;
}
