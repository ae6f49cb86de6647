//! The frame of messages: the root and its payload and, in those that firms send, BaseTransfer,
//! BaseSubscribe, ExtendMessage and signature. Answers have the payload only.
//!
//! The order of the last two differs: the import schema puts the signature last, the export schema
//! puts it before ExtendMessage.

use std::sync::Arc;

use domain::Code;
use quick_xml::XmlVersion;

use super::fault::{line_breaks, shown};
use super::reader::{CEB, MessageReader, Namespace, Open, Stop};
use super::schema::{ElementTable, elements};
use super::table::ElementNeed::{May, Must};
use super::table::{Element, ElementContent, ElementKind, any, describe, group, leaf};
use super::write::Writer;
use super::{Document, Message, MessageType, ReadDocument, value};

elements! {
    "谁在传输（BaseTransfer）"
    Transfer {
        cop_code "copCode" must code(1, 18): "报文传输的企业代码";
        cop_name "copName" must text(0, 100): "报文传输的企业名称";
        dxp_mode "dxpMode" must code(3, 3): "限定为DXP";
        dxp_id "dxpId" must code(0, 30): "数据交换平台的用户编号";
        note "note" may text(0, 1000): "备注";
    }

    "谁订阅回执（BaseSubscribe）"
    Subscribe {
        status "status" must code(0, 100): "ALL数据和回执，DATA数据，RET回执";
        dxp_mode "dxpMode" must code(3, 3): "限定为DXP";
        dxp_address "dxpAddress" must code(0, 100): "数据交换平台的用户编号";
        note "note" may text(0, 1000): "备注";
    }
}

/// A private extension (ExtendMessage): checked and not kept.
#[derive(Default)]
struct Extension {
    name: String,
    version: String,
}

impl ElementTable for Extension {
    const TABLE: &'static [Element<Self>] = &[
        extension("name", |it| &it.name, |it, v| it.name = v),
        extension("version", |it| &it.version, |it, v| it.version = v),
        any("Message", Must, |_| {}),
    ];
}

const fn extension(
    name: &'static str,
    get: fn(&Extension) -> &str,
    set: fn(&mut Extension, String),
) -> Element<Extension> {
    leaf(name, "", Must, ElementKind::Code { min: 0, max: 30 }, ElementContent::Text { get, set })
}

pub(super) const TRANSFER: Element<Batch> = group::<Batch>(
    "BaseTransfer",
    Must,
    |reader, batch, open| reader.element(&mut batch.transfer, open),
    |_, _, _| {},
    describe::<Transfer>,
)
.times(1, Code::XmlTransferBlock);

pub(super) const SUBSCRIBE: Element<Batch> = group::<Batch>(
    "BaseSubscribe",
    May,
    |reader, batch, open| {
        let mut subscriber = Subscribe::default();
        reader.element(&mut subscriber, open)?;
        batch.subscribers.push(subscriber);
        Ok(())
    },
    |_, _, _| {},
    describe::<Subscribe>,
)
.times(5, Code::XmlElementUnexpected);

pub(super) const EXTEND: Element<Batch> = group::<Batch>(
    "ExtendMessage",
    May,
    |reader, _, open| reader.element(&mut Extension::default(), open),
    |_, _, _| {},
    describe::<Extension>,
);

pub(super) const SIGNATURE: Element<Batch> =
    any::<Batch>("Signature", May, |batch| batch.signed = true).within(Namespace::Dsig);
pub(super) const SIGNED: Element<Batch> =
    any::<Batch>("Signature", Must, |batch| batch.signed = true).within(Namespace::Dsig);

/// A message while it is read.
pub(super) struct Batch {
    source: Arc<str>,
    transfer: Transfer,
    subscribers: Vec<Subscribe>,
    signed: bool,
    documents: Vec<ReadDocument>,
    /// Up to where lines were counted, and the line there.
    counted: (usize, u32),
}

/// A message to be written, as firms send it. Its signature is put in afterwards.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingMessage<'a> {
    /// Its type; documents of other types are left out.
    pub message_type: MessageType,
    /// Its guid.
    pub guid: &'a str,
    /// Who transmits it.
    pub transfer: &'a Transfer,
    /// Who gets copies.
    pub subscribers: &'a [Subscribe],
    /// Its documents.
    pub documents: &'a [Document],
}

/// Writes a message.
pub(super) fn write(
    message_type: MessageType,
    guid: &str,
    documents: &[Document],
    frame: impl FnOnce(&mut Writer),
) -> String {
    let format = message_type.format();
    let mut writer = Writer::new(format.prefix);
    let space = if format.prefix.is_empty() { "xmlns" } else { "xmlns:ceb" };
    writer.open(format.root, &[("guid", guid), ("version", "1.0"), (space, CEB)]);
    for document in documents.iter().filter(|it| it.message_type() == message_type) {
        document.write(&mut writer);
    }
    frame(&mut writer);
    writer.close(format.root);
    writer.finish()
}

/// Reads the message that the reader stands before.
pub(super) fn message(reader: &mut MessageReader<'_>, source: &str) -> Result<Message, Stop> {
    let root = reader.root(source.len())?;
    let named = |it: &MessageType| root.space == Namespace::Ceb && it.root() == root.name();
    let Some(message_type) = MessageType::ALL.into_iter().find(named) else {
        return Err(unsupported(reader, &root));
    };
    let (guid, version) = root_attributes(reader, &root);
    let mut batch = Batch {
        source: source.into(),
        transfer: Transfer::default(),
        subscribers: Vec::new(),
        signed: false,
        documents: Vec::new(),
        counted: (0, 1),
    };
    reader.sequence(message_type.format().table, &mut batch, &root)?;
    reader.end()?;
    let Batch { transfer, subscribers, signed, mut documents, .. } = batch;
    for document in &mut documents {
        document.signed = signed;
    }
    Ok(Message { message_type, guid, version, transfer, subscribers, signed, documents })
}

fn unsupported(reader: &mut MessageReader<'_>, root: &Open<'_>) -> Stop {
    let name = shown(root.name());
    let (space, space_zh) = match root.space {
        Namespace::Ceb => (String::new(), String::new()),
        Namespace::Dxp | Namespace::Dsig | Namespace::Other => {
            (format!(" outside of the namespace {CEB}"), format!("，命名空间须为{CEB}"))
        }
    };
    // The official sample of CEB214 lacks the second half of its name.
    let meant = |it: &MessageType| it.root() != name && it.root().starts_with(&name);
    let (hint, hint_zh) = match MessageType::ALL.into_iter().find(meant) {
        Some(it) if name.len() >= it.name().len() => {
            (format!("; {} is probably meant", it.root()), format!("，应为{}", it.root()))
        }
        Some(_) | None => (
            format!("; it must be that of one of the {} messages", MessageType::ALL.len()),
            format!("，不是202205版{}种报文之一", MessageType::ALL.len()),
        ),
    };
    reader.fault(
        Code::XmlTypeUnsupported,
        root.at,
        &name,
        format!("the root is {name}{space}{hint}"),
        format!("根元素为{name}{space_zh}{hint_zh}"),
    );
    Stop
}

/// Checks guid and version, and gives them.
fn root_attributes(reader: &mut MessageReader<'_>, root: &Open<'_>) -> (String, String) {
    reader.attributes(root, &["guid", "version"]);
    let (mut guid, mut version) = (String::new(), String::new());
    let attributes = [("guid", (36, 36), &mut guid), ("version", (1, 10), &mut version)];
    for (name, (min, max), value) in attributes {
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
        let text = value::trim(&text);
        reader.characters(ElementKind::Code { min, max }, &path, root.at, text);
        if reader.length(&path, root.at, text, (min, max)) {
            text.clone_into(value);
        }
    }
    (guid, version)
}

impl Batch {
    /// Reads one document.
    pub(super) fn document<T: ElementTable>(
        &mut self,
        reader: &mut MessageReader<'_>,
        open: &Open<'_>,
        wrap: fn(T) -> Document,
    ) -> Result<(), Stop> {
        let marks = reader.marks.len();
        let mut it = T::default();
        reader.element(&mut it, open)?;
        let (from, line) = self.counted;
        let line = line + line_breaks(&self.source.as_bytes()[from..open.at]);
        self.counted = (open.at, line);
        self.documents.push(ReadDocument {
            line,
            document: wrap(it),
            warnings: reader.take_warnings(self.counted),
            signed: false,
            number: self.documents.len() + 1,
            marks: reader.marks.split_off(marks),
            source: Arc::clone(&self.source),
        });
        Ok(())
    }
}
