//! The national CEB messages (release 202205) become declarations: the door for systems that already
//! write XML for the national platform.
//!
//! [`read`] takes the bytes of one message and gives its documents as [`v1::Declaration`], or every
//! fault at once with its line, the path of its element and a sentence in English and Chinese. Only
//! what XML itself forbids ends the reading early. A message with one fault is refused whole: the
//! agent corrects the file and sends it again, and [`Document::request_id`] makes that harmless.
//!
//! Schema and engine are apart. `table` reads any element by a constant table, `envelope` and
//! `inventory` have the tables of CEB621 and CEB603, `reader` keeps XML within limits. What values
//! mean for customs is not judged here: the rules of the declaration do that, and
//! [`Document::place`] tells where in the file a field of a broken rule stands.
//!
//! White space around codes, numbers and dates is dropped; texts for people stay as they are. An
//! optional element that is empty counts as absent. Signatures are noted and not verified.

mod envelope;
mod fault;
mod inventory;
mod place;
mod reader;
mod table;
mod value;

use std::sync::Arc;

use domain::{Code, limits};
use uuid::Uuid;

use crate::v1;
use envelope::Format;
use reader::Reader;

/// Request ids of documents are made in this namespace. It never changes: a repeated document is
/// recognised by it.
const REQUESTS: Uuid = Uuid::from_u128(0x0be6_2160_3f1d_5c3e_9a57_3702_0000_2022);

/// A message type that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// Import inventory (进口清单).
    Ceb621,
    /// Export inventory (出口清单).
    Ceb603,
}

impl MessageType {
    /// CEB621 or CEB603.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ceb621 => "CEB621",
            Self::Ceb603 => "CEB603",
        }
    }
}

/// Who transmits (BaseTransfer).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transfer {
    /// Code of the transmitting firm.
    pub cop_code: String,
    /// Its name.
    pub cop_name: String,
    /// Always DXP.
    pub dxp_mode: String,
    /// Its number on the exchange platform.
    pub dxp_id: String,
}

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

/// One message, read.
#[derive(Debug)]
pub struct Message {
    /// Its type.
    pub message_type: MessageType,
    /// Its guid, as spelt.
    pub guid: String,
    /// Who transmits it.
    pub transfer: Transfer,
    /// It carries a ds:Signature, which was not verified.
    pub signed: bool,
    /// Its documents, 1 to 100.
    pub documents: Vec<Document>,
}

/// One document of a message.
pub struct Document {
    /// Line of its start tag, from 1.
    pub line: u32,
    /// It was saved and not declared (appStatus 1).
    pub draft: bool,
    /// What it is for.
    pub app_type: AppType,
    /// The same for the same document, however often and in whichever message it is sent.
    pub request_id: Uuid,
    /// What it declares.
    pub declaration: v1::Declaration,
    /// Oddities that do not stop it.
    pub warnings: Vec<Fault>,
    /// Its place in the message, from 1.
    number: usize,
    format: &'static Format,
    /// Offsets of its elements, laid out as the module `place` says.
    marks: Vec<u32>,
    source: Arc<str>,
}

/// The person who ordered stands in a document, so `Debug` shows none of its content.
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document")
            .field("line", &self.line)
            .field("draft", &self.draft)
            .field("app_type", &self.app_type)
            .field("request_id", &self.request_id)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// Something wrong or odd in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
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
pub struct Place {
    /// Path of the element.
    pub element: String,
    /// Its line; for an element that is absent, the line of the element that should hold it.
    pub line: u32,
}

/// A document while it is read.
#[derive(Default)]
struct Draft {
    it: v1::Declaration,
    app_type: AppType,
    draft: bool,
}

/// Reads one message.
///
/// # Errors
///
/// Every fault, in the order of lines; at most [`limits::VIOLATIONS_MAX`] and at least one.
pub fn read(bytes: &[u8]) -> Result<Message, Vec<Fault>> {
    let source = utf8(bytes).map_err(|fault| vec![fault])?;
    let mut reader = Reader::new(source);
    match envelope::message(&mut reader, source) {
        Ok(message) if reader.is_clean() => Ok(message),
        Ok(_) | Err(_) => Err(reader.into_faults()),
    }
}

/// The text of a message without its byte order mark.
fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    let whole = |code, line, text: String, text_zh: String| {
        Err(Fault { code, line, element: String::new(), text, text_zh })
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
