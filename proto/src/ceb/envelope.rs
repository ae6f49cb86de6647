//! The frame that all request messages share: root, payload, BaseTransfer, BaseSubscribe,
//! ExtendMessage and signature.
//!
//! The order of the last two differs: the import schema puts the signature last, the export schema
//! puts it before ExtendMessage.

use std::sync::Arc;

use domain::{Code, limits};
use quick_xml::XmlVersion;
use uuid::Uuid;

use super::fault::{line_breaks, shown};
use super::inventory::{
    EXPORT, EXPORT_HEAD, EXPORT_LINE, IMPORT, IMPORT_HEAD, IMPORT_LINE, blank, rows,
};
use super::reader::{CEB, Item, Open, Reader, Space, Stop};
use super::table::Need::{May, Must};
use super::table::{Element, any, code, group, text};
use super::{Document, Draft, Message, MessageType, REQUESTS, Transfer, value};
use crate::v1::{Declaration, Direction, GoodsLine};

/// A message type: its tables and what they make.
pub(super) struct Format {
    message_type: MessageType,
    direction: Direction,
    root: &'static str,
    pub(super) payload: &'static str,
    table: &'static [Element<Batch>],
    document: &'static [Element<Draft>],
    pub(super) head: &'static [Element<Draft>],
    pub(super) line: &'static [Element<GoodsLine>],
}

const FORMATS: &[Format] = &[
    Format {
        message_type: MessageType::Ceb621,
        direction: Direction::Import,
        root: "CEB621Message",
        payload: "Inventory",
        table: IMPORT_ROOT,
        document: IMPORT,
        head: IMPORT_HEAD,
        line: IMPORT_LINE,
    },
    Format {
        message_type: MessageType::Ceb603,
        direction: Direction::Export,
        root: "CEB603Message",
        payload: "Inventory",
        table: EXPORT_ROOT,
        document: EXPORT,
        head: EXPORT_HEAD,
        line: EXPORT_LINE,
    },
];

const INVENTORY: Element<Batch> = group("Inventory", Must, Batch::document)
    .times(rows(limits::CEB_DOCUMENTS_MAX), Code::XmlTooManyDocuments);
const TRANSFER: Element<Batch> = group("BaseTransfer", Must, |reader, batch: &mut Batch, open| {
    reader.sequence(BASE_TRANSFER, &mut batch.transfer, open)
})
.times(1, Code::XmlTransferBlock);
const SUBSCRIBE: Element<Batch> =
    group("BaseSubscribe", May, |reader, _, open| reader.sequence(BASE_SUBSCRIBE, &mut (), open))
        .times(5, Code::XmlElementUnexpected);
const EXTEND: Element<Batch> =
    group("ExtendMessage", May, |reader, _, open| reader.sequence(EXTEND_MESSAGE, &mut (), open));

const IMPORT_ROOT: &[Element<Batch>] = &[
    INVENTORY,
    TRANSFER,
    SUBSCRIBE,
    EXTEND,
    any("Signature", Must, |batch: &mut Batch| batch.signed = true).dsig(),
];

const EXPORT_ROOT: &[Element<Batch>] = &[
    INVENTORY,
    TRANSFER,
    SUBSCRIBE,
    any("Signature", May, |batch: &mut Batch| batch.signed = true).dsig(),
    EXTEND,
];

const BASE_TRANSFER: &[Element<Transfer>] = &[
    code("copCode", Must, (1, 18), "", |t, v| t.cop_code = v),
    text("copName", Must, (0, 100), "", |t, v| t.cop_name = v),
    code("dxpMode", Must, (3, 3), "", |t, v| t.dxp_mode = v),
    code("dxpId", Must, (0, 30), "", |t, v| t.dxp_id = v),
    text("note", May, (0, 1000), "", |_, _| {}),
];

const BASE_SUBSCRIBE: &[Element<()>] = &[
    code("status", Must, (0, 100), "", |(), _| {}),
    code("dxpMode", Must, (3, 3), "", |(), _| {}),
    code("dxpAddress", Must, (0, 100), "", |(), _| {}),
    text("note", May, (0, 1000), "", |(), _| {}),
];

const EXTEND_MESSAGE: &[Element<()>] = &[
    code("name", Must, (0, 30), "", |(), _| {}),
    code("version", Must, (0, 30), "", |(), _| {}),
    any("Message", Must, |()| {}),
];

/// A message while it is read.
struct Batch {
    format: &'static Format,
    source: Arc<str>,
    transfer: Transfer,
    signed: bool,
    documents: Vec<Document>,
    /// Up to where lines were counted, and the line there.
    counted: (usize, u32),
}

/// Reads the message that the reader stands before.
pub(super) fn message(reader: &mut Reader<'_>, source: &str) -> Result<Message, Stop> {
    let root = loop {
        match reader.next()? {
            Item::Open(root) => break root,
            // Before the root only white space gets this far.
            Item::Text(_) | Item::Close => {}
            Item::End => {
                return Err(reader.malformed(source.len(), "the message is empty", "报文为空"));
            }
        }
    };
    let Some(format) = FORMATS.iter().find(|f| root.space == Space::Ceb && f.root == root.name())
    else {
        return Err(unsupported(reader, &root));
    };
    let guid = root_attributes(reader, &root);
    let mut batch = Batch {
        format,
        source: source.into(),
        transfer: Transfer::default(),
        signed: false,
        documents: Vec::new(),
        counted: (0, 1),
    };
    reader.sequence(format.table, &mut batch, &root)?;
    loop {
        match reader.next()? {
            Item::Open(second) => {
                return Err(reader.malformed(
                    second.at,
                    "there is a second root element",
                    "报文有多个根元素",
                ));
            }
            Item::Text(_) | Item::Close => {}
            Item::End => break,
        }
    }
    let Batch { transfer, signed, mut documents, .. } = batch;
    for document in &mut documents {
        document.declaration.ceb.get_or_insert_default().signed = signed;
    }
    Ok(Message { message_type: format.message_type, guid, transfer, signed, documents })
}

fn unsupported(reader: &mut Reader<'_>, root: &Open<'_>) -> Stop {
    let name = shown(root.name());
    let known: Vec<_> = FORMATS.iter().map(|format| format.root).collect();
    let known = known.join(", ");
    let (space, space_zh) = match root.space {
        Space::Ceb => (String::new(), String::new()),
        Space::Dsig | Space::Other => {
            (format!(" outside of the namespace {CEB}"), format!("，命名空间须为{CEB}"))
        }
    };
    reader.fault(
        Code::XmlTypeUnsupported,
        root.at,
        &name,
        format!("the root is {name}{space}; supported are {known}"),
        format!("根元素为{name}{space_zh}；支持{known}"),
    );
    Stop
}

/// Checks guid and version; gives the guid.
fn root_attributes(reader: &mut Reader<'_>, root: &Open<'_>) -> String {
    reader.attributes(root, &["guid", "version"]);
    let mut guid = String::new();
    for (name, (min, max)) in [("guid", (36, 36)), ("version", (1, 10))] {
        let path = format!("{}/@{name}", root.name());
        let attribute = root.tag.attributes().flatten().find(|a| a.key.into_inner() == name);
        let Some(attribute) = attribute else {
            reader.fault(
                Code::XmlElementUnexpected,
                root.at,
                &path,
                format!("the attribute {name} is required for {}", root.name()),
                format!("{}缺少属性{name}", root.name()),
            );
            continue;
        };
        // An entity that cannot be resolved was refused when the tag was read.
        let text = attribute.normalized_value(XmlVersion::Explicit1_0).unwrap_or_default();
        let text = text.trim_matches(value::is_space);
        reader.characters(&path, root.at, text);
        if reader.length(&path, root.at, text, (min, max)) && name == "guid" {
            text.clone_into(&mut guid);
        }
    }
    guid
}

impl Batch {
    /// Reads one document.
    fn document(reader: &mut Reader<'_>, batch: &mut Self, open: &Open<'_>) -> Result<(), Stop> {
        let format = batch.format;
        let marks = reader.marks.len();
        let mut draft = Draft { it: blank(format.direction), ..Draft::default() };
        reader.sequence(format.document, &mut draft, open)?;
        let Draft { it: mut declaration, app_type, draft } = draft;
        let request_id = request_id(format.message_type, &declaration);
        declaration.ceb.get_or_insert_default().message_type =
            format.message_type.name().to_owned();
        let (from, line) = batch.counted;
        let line = line + line_breaks(&batch.source.as_bytes()[from..open.at]);
        batch.counted = (open.at, line);
        batch.documents.push(Document {
            line,
            draft,
            app_type,
            request_id,
            declaration,
            warnings: reader.take_warnings(batch.counted),
            number: batch.documents.len() + 1,
            format,
            marks: reader.marks.split_off(marks),
            source: Arc::clone(&batch.source),
        });
        Ok(())
    }
}

/// The id of a document: a digest of what makes it this document and no other. The guid alone does
/// not: in the official sample ten documents share one.
fn request_id(message_type: MessageType, declaration: &Declaration) -> Uuid {
    let ceb = declaration.ceb.as_ref();
    let code = |party: &Option<crate::v1::Party>| party.as_ref().map_or("", |p| &p.code).to_owned();
    let guid = ceb.map_or("", |ceb| &ceb.guid).to_ascii_uppercase();
    // No value contains the separator: control characters are refused.
    let name = [
        message_type.name(),
        &guid,
        &code(&declaration.declarant),
        &code(&declaration.ebc),
        &declaration.order_no,
        &declaration.cop_no,
        ceb.map_or("", |ceb| &ceb.app_time),
    ]
    .join("\u{1f}");
    Uuid::new_v5(&REQUESTS, name.as_bytes())
}
