//! Files that commands read: evidence and certificates by their digests, and messages as JSON.

use std::io::Read as _;
use std::path::Path;

use domain::Code;
use serde::de::DeserializeOwned;

use super::super::problem::{BrokenRule, Problem};
use super::super::{Language, input};
use super::sha256;

/// Reads a file, or standard input for `-`.
pub(super) fn bytes(path: &Path, language: Language) -> Result<Vec<u8>, Problem> {
    let read = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| {
        let why = format!("{}: {error}", path.display());
        let why = BrokenRule::plain(Code::FileUnreadable, why);
        Problem::local(Code::FileUnreadable, language, vec![why]).in_file(&input::name(path))
    })
}

/// The digest of a file. Only that is told, the file stays where it is.
pub(super) fn digest(path: &Path, language: Language) -> Result<Vec<u8>, Problem> {
    bytes(path, language).map(|bytes| sha256(&bytes).into())
}

/// Reads a message of the schema.
pub(super) fn json<T: DeserializeOwned>(path: &Path, language: Language) -> Result<T, Problem> {
    let read = bytes(path, language)?;
    let text = read.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&read);
    serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let message = error.to_string();
        let place = format!(" at line {line} column {column}");
        let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
        let why = BrokenRule::of_json(message, line, column);
        Problem::local(Code::JsonMalformed, language, vec![why]).in_file(&input::name(path))
    })
}
