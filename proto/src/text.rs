//! The one reader of texts: every text of every call and frame passes here before anything is done.
//!
//! The build script writes an [`Texts`] for every message that a caller can send, from the schema
//! itself, so no field can be forgotten. A line of it says whether a field is a sentence of a person,
//! a token of ours, or a word: a number, a code, a name. Exempt are a declaration, whose own rules
//! check each field with its name in both languages, and the reason of a parked event, which is kept
//! shortened, because a consumer that cannot even park would stand still.

use std::fmt::Write as _;

use domain::limits;
use domain::refusal::{Code, Refusal, Violation};
use domain::text::{Flaw, flaw_in_sentence, flaw_in_word};

/// A message whose texts can be walked. Written by the build script.
pub trait Texts {
    /// Shows every text to the reader.
    fn texts(&self, reader: &mut TextReader);
}

/// The messages of a stream are read one by one, as they come.
impl<T> Texts for tonic::Streaming<T> {
    fn texts(&self, _: &mut TextReader) {}
}

/// Reads every text of a message.
///
/// # Errors
///
/// Every text that is too long or holds what no text may, with its path in the message.
pub fn check(message: &impl Texts) -> Result<(), Refusal> {
    let mut reader = TextReader::default();
    message.texts(&mut reader);
    if reader.violations.is_empty() {
        return Ok(());
    }
    Err(Refusal::invalid(reader.violations))
}

/// Where the reader stands and what it found.
#[derive(Debug, Default)]
pub struct TextReader {
    path: Vec<(&'static str, Option<usize>)>,
    violations: Vec<Violation>,
}

impl TextReader {
    /// A number, a code, a name.
    pub fn word(&mut self, field: &'static str, at: Option<usize>, text: &str) {
        self.read(field, at, text, limits::WIRE_TEXT_MAX, flaw_in_word);
    }

    /// A sentence of a person.
    pub fn sentence(&mut self, field: &'static str, at: Option<usize>, text: &str) {
        self.read(field, at, text, limits::WIRE_TEXT_MAX, flaw_in_sentence);
    }

    /// A token that we gave.
    pub fn token(&mut self, field: &'static str, at: Option<usize>, text: &str) {
        self.read(field, at, text, limits::WIRE_TOKEN_MAX, flaw_in_word);
    }

    /// A file of text, as long as a message may be.
    pub fn document(&mut self, field: &'static str, at: Option<usize>, text: &str) {
        self.read(field, at, text, limits::MESSAGE_BYTES_MAX, flaw_in_sentence);
    }

    /// A message in the message.
    pub fn inside(&mut self, field: &'static str, at: Option<usize>, message: &impl Texts) {
        self.path.push((field, at));
        message.texts(self);
        self.path.pop();
    }

    fn read(
        &mut self,
        field: &'static str,
        at: Option<usize>,
        text: &str,
        most: usize,
        flaw: fn(&str) -> Option<(Flaw, char)>,
    ) {
        if text.len() > most && text.chars().count() > most {
            let (text, text_zh) =
                (format!("longer than {most} characters"), format!("超过{most}个字符"));
            self.violate(Code::TooLong, field, at, text, text_zh);
        }
        if let Some((flaw, c)) = flaw(text) {
            let ((what, what_zh), c) = (flaw.words(), u32::from(c));
            let text = format!("{what} (U+{c:04X}) is not allowed");
            self.violate(
                Code::BadCharacter,
                field,
                at,
                text,
                format!("含有{what_zh}（U+{c:04X}）"),
            );
        }
    }

    fn violate(
        &mut self,
        code: Code,
        field: &'static str,
        at: Option<usize>,
        text: String,
        text_zh: String,
    ) {
        if self.violations.len() >= limits::VIOLATIONS_MAX {
            return;
        }
        // The path begins at the request.
        let mut path = String::from("$");
        for (name, at) in self.path.iter().copied().chain([(field, at)]) {
            // Only entries of a list have a place.
            let index = at.map(|at| format!("[{at}]")).unwrap_or_default();
            // Writing to a text cannot fail.
            let _ = write!(path, ".{name}{index}");
        }
        self.violations.push(Violation { code, field: path, text, text_zh, customs_code: None });
    }
}
