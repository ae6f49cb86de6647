//! The national CEB messages (release 202205): all 42 types, read and written.
//!
//! Text becomes a typed document, and a typed document becomes what the window works with; each step
//! stands in one place. [`read`] takes the bytes of one message and gives its [`Document`]s, or every
//! fault at once with its line, the path of its element and a sentence in English and Chinese. Only
//! what XML itself forbids ends the reading early. A message with one fault is refused whole: the
//! agent corrects the file and sends it again. [`write`] and [`write_message`] go the other way,
//! [`declaration`] makes a [`v1::Declaration`] of an inventory, [`parcel`] makes the values of the match
//! of the documents of a parcel, and [`dxp`] is the transport envelope around messages.
//!
//! Schema and engine are apart. `import` and `export` have one table for each element, from which
//! `schema` makes the typed struct and the rows; `table` reads and `write` writes any element by its
//! rows; `messages` lists the types, `envelope` has their frame, `reader` keeps XML within limits.
//! What values mean for customs is not judged here: rules of documents do that, and
//! [`ReadDocument::place`] tells where in the file a field of a broken rule stands.
//!
//! White space around codes, numbers and dates is dropped; texts for people stay as they are. An
//! optional element that is empty counts as absent. Signatures are noted and not verified.

mod declaration;
pub mod dxp;
mod envelope;
pub mod export;
pub(crate) mod fault;
pub mod import;
mod messages;
pub mod parcel;
mod place;
pub(crate) mod reader;
mod schema;
mod table;
mod value;
mod values;
mod write;

use std::sync::Arc;

use domain::{Code, limits};

pub use declaration::declaration;
pub use envelope::{OutgoingMessage, Subscribe, Transfer};
pub use messages::{Document, FieldGroup, MessageType};
pub use table::{ElementKind, SchemaField};

use reader::{MessageReader, Namespace};

#[cfg(doc)]
use crate::v1;

/// Bytes of a message within which its root is looked for, when only the root is wanted.
const ROOT_WITHIN: usize = 4_096;

/// What a document is for (appType).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum AppType {
    /// A new declaration.
    #[default]
    New,
    /// Changes an earlier one.
    Change,
    /// Takes an earlier one back.
    Delete,
}

impl AppType {
    /// The reader lets no other word through than 1, 2 and 3; an empty one stands for 1.
    fn of(word: &str) -> Self {
        match word {
            "2" => Self::Change,
            "3" => Self::Delete,
            _ => Self::New,
        }
    }
}

/// What every document that firms send begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its guid, as spelt. Guids are compared without case.
    pub guid: &'a str,
    /// What it is for.
    pub app_type: AppType,
    /// When the firm sent it, YYYYMMDDhhmmss.
    pub app_time: &'a str,
    /// It was saved and not declared (appStatus 1).
    pub draft: bool,
}

/// One message, read.
#[derive(Debug)]
pub struct Message {
    /// Its type.
    pub message_type: MessageType,
    /// Its guid, as spelt.
    pub guid: String,
    /// Its version, 1.0.
    pub version: String,
    /// Who transmits it; empty in answers, which do not say it.
    pub transfer: Transfer,
    /// Who gets copies.
    pub subscribers: Vec<Subscribe>,
    /// It carries a ds:Signature, which was not verified.
    pub signed: bool,
    /// Its documents, at least one.
    pub documents: Vec<ReadDocument>,
}

/// One document of a message, with where it stood.
pub struct ReadDocument {
    /// Line of its start tag, from 1.
    pub line: u32,
    /// The document.
    pub document: Document,
    /// Oddities that do not stop it.
    pub warnings: Vec<MessageFault>,
    /// Its message carries a ds:Signature.
    pub signed: bool,
    /// Its place in the message, from 1.
    number: usize,
    /// Offsets of its elements, laid out as the module `place` says.
    marks: Vec<u32>,
    source: Arc<str>,
}

impl ReadDocument {
    /// What it is for; a new one when the document does not say, as answers do not.
    pub fn app_type(&self) -> AppType {
        self.document.header().map_or_else(AppType::default, |header| header.app_type)
    }

    /// It was saved and not declared (appStatus 1).
    pub fn draft(&self) -> bool {
        self.document.header().is_some_and(|header| header.draft)
    }
}

/// Persons stand in a document, so `Debug` shows none of its content.
impl std::fmt::Debug for ReadDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadDocument")
            .field("line", &self.line)
            .field("document", &self.document)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// Something wrong or odd in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageFault {
    /// Which rule it breaks.
    pub code: Code,
    /// Line, from 1.
    pub line: u32,
    /// Path of the element below the root, for example `Inventory[3]/InventoryList[2]/gcode`. Empty
    /// when the message as a whole is meant.
    pub element: String,
    /// What is wrong, in English.
    pub text: String,
    /// The same in Chinese.
    pub text_zh: String,
}

/// Where a field of a declaration stands in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPlace {
    /// Path of the element.
    pub element: String,
    /// Its line; for an element that is absent, the line of the element that should hold it.
    pub line: u32,
}

/// Reads one message.
///
/// # Errors
///
/// Every fault, in the order of lines; at most [`limits::VIOLATIONS_MAX`] and at least one.
pub fn read(bytes: &[u8]) -> Result<Message, Vec<MessageFault>> {
    let source = utf8(bytes).map_err(|fault| vec![fault])?;
    let mut reader = MessageReader::new(source);
    match envelope::message(&mut reader, source) {
        Ok(message) if reader.is_clean() => Ok(message),
        Ok(_) | Err(_) => Err(reader.into_faults()),
    }
}

/// Reads the canonical text of a message whose signature was verified and taken off. It counts as
/// signed, and the schema's demand for a signature as met.
///
/// # Errors
///
/// As [`read`]; lines are those of the canonical text.
pub fn read_verified(canonical: &[u8]) -> Result<Message, Vec<MessageFault>> {
    let source = utf8(canonical).map_err(|fault| vec![fault])?;
    let mut reader = MessageReader::new(source);
    reader.signature_apart = true;
    match envelope::message(&mut reader, source) {
        Ok(mut message) if reader.is_clean() => {
            message.signed = true;
            for document in &mut message.documents {
                document.signed = true;
            }
            Ok(message)
        }
        Ok(_) | Err(_) => Err(reader.into_faults()),
    }
}

/// Which message this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Root {
    /// Its type.
    pub message_type: MessageType,
    /// Line of its root element, from 1.
    pub line: u32,
}

/// Which message this is, as far as its root tells: a look at the beginning, without reading on. `None`
/// when it is none or not well-formed so far; [`read`] tells what is wrong then.
pub fn root(bytes: &[u8]) -> Option<Root> {
    let source = beginning(bytes);
    let root = MessageReader::new(source).root(source.len()).ok()?;
    let message_type = MessageType::ALL
        .into_iter()
        .find(|it| root.space == Namespace::Ceb && it.root() == root.name())?;
    Some(Root { message_type, line: fault::line_at(source, root.at) })
}

/// The text in which the root must stand.
fn beginning(bytes: &[u8]) -> &str {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = &bytes[..bytes.len().min(ROOT_WITHIN)];
    match std::str::from_utf8(start) {
        Ok(start) => start,
        // Up to there it is UTF-8.
        Err(error) => std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// Writes an answer: the payload alone, with the prefix `ceb:` in export and none in import, as the
/// real e-port does. Documents of other types are left out.
pub fn write(message_type: MessageType, guid: &str, documents: &[Document]) -> String {
    envelope::write(message_type, guid, documents, |_| {})
}

/// Writes a message as firms send it. Where the schema demands a signature, the text is not complete
/// before it is put in: before ExtendMessage in export, as the last child of the root in import.
pub fn write_message(message: &OutgoingMessage<'_>) -> String {
    let OutgoingMessage { message_type, guid, transfer, subscribers, documents } = *message;
    envelope::write(message_type, guid, documents, |writer| {
        writer.element("BaseTransfer", transfer);
        for subscriber in subscribers {
            writer.element("BaseSubscribe", subscriber);
        }
    })
}

/// The text of a message without its byte order mark.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, MessageFault> {
    let whole = |code, line, text: String, text_zh: String| {
        Err(MessageFault { code, line, element: String::new(), text, text_zh })
    };
    if bytes.len() > limits::CEB_BYTES_MAX {
        return whole(
            Code::XmlTooLarge,
            1,
            format!("{} bytes; at most {} are read", bytes.len(), limits::CEB_BYTES_MAX),
            format!("报文大小为{}字节，最多{}字节", bytes.len(), limits::CEB_BYTES_MAX),
        );
    }
    let utf16 = [&b"\xff\xfe"[..], b"\xfe\xff", b"<\0", b"\0<"];
    if utf16.iter().any(|start| bytes.starts_with(start)) {
        return whole(
            Code::XmlEncoding,
            1,
            "the message is UTF-16; it must be UTF-8".to_owned(),
            "报文编码为UTF-16，须为UTF-8".to_owned(),
        );
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let line = 1 + fault::line_breaks(&bytes[..error.valid_up_to()]);
            whole(
                Code::XmlEncoding,
                line,
                format!("line {line} is not UTF-8; save the message as UTF-8, not as GBK"),
                format!("第{line}行不是UTF-8编码，请以UTF-8（而非GBK）保存报文"),
            )
        }
    }
}
