//! The transport envelope of the exchange platform: `DxpMsg` around a message, `DxpRep` as its answer
//! (namespace <http://www.chinaport.gov.cn/dxp>).
//!
//! The element names are misspelt in the schema (`CreatTime`, `RecevierId`) and stay so. The envelope
//! obeys the limits of messages: size, depth, attributes, no document type.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Code;
use quick_xml::XmlVersion;

use super::reader::{DXP, MessageReader, Namespace, Open, Stop};
use super::schema::ElementTable;
use super::table::ElementNeed::{May, Must};
use super::table::{Element, ElementContent, ElementKind, any, describe, group, leaf};
use super::write::Writer;
use super::{MessageFault, beginning, utf8, value};

/// 客户端传输报文: a message on its way.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DxpMsg {
    /// From whom, to whom.
    pub trans_info: TransInfo,
    /// The message itself, decoded.
    pub data: Vec<u8>,
    /// What may be said besides.
    pub add_info: Option<AddInfo>,
    /// It carries a ds:Signature, which was not verified. It is never written.
    pub signed: bool,
}

/// The content is somebody's message, so `Debug` shows none of it.
impl std::fmt::Debug for DxpMsg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DxpMsg").field("trans_info", &self.trans_info).finish_non_exhaustive()
    }
}

/// 客户端节点: from whom, to whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransInfo {
    /// 原始报文id.
    pub cop_msg_id: String,
    /// 发送方id.
    pub sender_id: String,
    /// 接收方id, 1 to 5.
    pub receiver_ids: Vec<String>,
    /// 原始报文创建时间, 2026-11-24T09:30:01.
    pub creat_time: String,
    /// 报文类型, for example CEB621Message.
    pub msg_type: String,
}

/// What may be said besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddInfo {
    /// 原始报文名.
    pub file_name: String,
    /// ic卡号.
    pub ic_card: String,
    /// 业务关键字, at most 5: name, which may be empty, and value.
    pub biz_key: Vec<(String, String)>,
    /// 文本标识: the character set, when the data is text.
    pub is_text: Option<String>,
    /// 接收方报文转换ID.
    pub rec_map_id: String,
}

/// 交换平台响应报文: the answer to an envelope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DxpRep {
    /// Who gets it.
    pub recevier_id: String,
    /// The node it belongs to.
    pub ad_node_id: String,
    /// 1 or more.
    pub responses: Vec<Response>,
    /// It carries a ds:Signature, which was not verified. It is never written.
    pub signed: bool,
}

/// What became of an envelope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// 产生错误回执的节点id.
    pub node_id: String,
    /// 报文处理响应码, for example 0002.
    pub response_code: String,
    /// 报文响应信息.
    pub response_info: String,
    /// 每个接收者的处理回执内容.
    pub results: Vec<ReceiverResult>,
    /// 回执产生时间, a date.
    pub notice_time: String,
    /// 备注.
    pub note: String,
    /// The head of the envelope that is answered.
    pub ori_head: TransInfo,
}

/// What became of it at one receiver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiverResult {
    /// The receiver.
    pub rec_id: String,
    /// The same codes as those of the answer.
    pub code: String,
    /// In words.
    pub info: String,
    /// 备注.
    pub note: String,
}

/// Whether these bytes are an envelope, as far as their root tells.
pub fn is_envelope(bytes: &[u8]) -> bool {
    let source = beginning(bytes);
    let root = MessageReader::new(source).root(source.len());
    root.is_ok_and(|root| root.space == Namespace::Dxp && root.name() == "DxpMsg")
}

/// Reads an envelope.
///
/// # Errors
///
/// Every fault, in the order of lines; at least one.
pub fn read(bytes: &[u8]) -> Result<DxpMsg, Vec<MessageFault>> {
    root(bytes, "DxpMsg", &["ver", "Id"])
}

/// Reads the answer to an envelope.
///
/// # Errors
///
/// Every fault, in the order of lines; at least one.
pub fn read_answer(bytes: &[u8]) -> Result<DxpRep, Vec<MessageFault>> {
    root(bytes, "DxpRep", &["ver"])
}

/// Writes an envelope.
pub fn write(message: &DxpMsg) -> String {
    written("DxpMsg", message)
}

/// Writes the answer to an envelope.
pub fn write_answer(answer: &DxpRep) -> String {
    written("DxpRep", answer)
}

fn written<T: ElementTable>(root: &str, it: &T) -> String {
    let mut writer = Writer::new("dxp:");
    writer.open(root, &[("ver", "1.0"), ("xmlns:dxp", DXP)]);
    writer.table(T::TABLE, it);
    writer.close(root);
    writer.finish()
}

fn root<T: ElementTable>(bytes: &[u8], name: &str, known: &[&str]) -> Result<T, Vec<MessageFault>> {
    let source = utf8(bytes).map_err(|fault| vec![fault])?;
    let mut reader = MessageReader::new(source);
    let mut it = T::default();
    match within(&mut reader, source, name, known, &mut it) {
        Ok(()) if reader.is_clean() => Ok(it),
        Ok(()) | Err(Stop) => Err(reader.into_faults()),
    }
}

fn within<T: ElementTable>(
    reader: &mut MessageReader<'_>,
    source: &str,
    name: &str,
    known: &[&str],
    it: &mut T,
) -> Result<(), Stop> {
    let root = reader.root(source.len())?;
    if root.space != Namespace::Dxp || root.name() != name {
        reader.fault(
            Code::XmlTypeUnsupported,
            root.at,
            "",
            format!("the root is not {name} of the namespace {DXP}"),
            format!("根元素不是命名空间{DXP}的{name}"),
        );
        return Err(Stop);
    }
    reader.attributes(&root, known);
    let version = root.tag.attributes().flatten().find(|it| it.key.into_inner() == "ver");
    if version.is_none_or(|it| value::trim(&it.value) != "1.0") {
        reader.fault(
            Code::XmlElementUnexpected,
            root.at,
            &format!("{name}/@ver"),
            format!("the attribute ver of {name} must be 1.0"),
            format!("{name}的属性ver须为1.0"),
        );
    }
    reader.element(it, &root)?;
    reader.end()
}

/// A text of this namespace.
const fn text<T>(
    name: &'static str,
    need: super::table::ElementNeed,
    (min, max): (usize, usize),
    get: fn(&T) -> &str,
    set: fn(&mut T, String),
) -> Element<T> {
    leaf::<T>(name, "", need, ElementKind::Text { min, max }, ElementContent::Text { get, set })
        .within(Namespace::Dxp)
}

/// A date of this namespace.
const fn time<T>(
    name: &'static str,
    clock: bool,
    get: fn(&T) -> &str,
    set: fn(&mut T, String),
) -> Element<T> {
    leaf::<T>(name, "", Must, ElementKind::Time { clock }, ElementContent::Text { get, set })
        .within(Namespace::Dxp)
}

impl ElementTable for TransInfo {
    const TABLE: &'static [Element<Self>] = &[
        text("CopMsgId", Must, (1, 255), |t| &t.cop_msg_id, |t, v| t.cop_msg_id = v),
        text("SenderId", Must, (1, 16), |t| &t.sender_id, |t, v| t.sender_id = v),
        group::<Self>(
            "ReceiverIds",
            Must,
            |reader, it, open| reader.sequence(RECEIVERS, &mut it.receiver_ids, open),
            |writer, it, name| {
                writer.open(name, &[]);
                writer.table(RECEIVERS, &it.receiver_ids);
                writer.close(name);
            },
            Vec::new,
        )
        .within(Namespace::Dxp),
        time("CreatTime", true, |t| &t.creat_time, |t, v| t.creat_time = v),
        text("MsgType", Must, (0, 30), |t| &t.msg_type, |t, v| t.msg_type = v),
    ];
}

const RECEIVERS: &[Element<Vec<String>>] = &[leaf::<Vec<String>>(
    "ReceiverId",
    "",
    Must,
    ElementKind::Text { min: 1, max: 16 },
    ElementContent::Texts { get: |ids| ids.as_slice(), set: Vec::push },
)
.times(5, Code::XmlElementUnexpected)
.within(Namespace::Dxp)];

impl ElementTable for AddInfo {
    const TABLE: &'static [Element<Self>] = &[
        text("FileName", May, (1, 255), |t| &t.file_name, |t, v| t.file_name = v),
        text("IcCard", May, (1, 13), |t| &t.ic_card, |t, v| t.ic_card = v),
        group::<Self>(
            "BizKey",
            May,
            |reader, it, open| reader.sequence(KEYS, &mut it.biz_key, open),
            |writer, it, name| {
                if !it.biz_key.is_empty() {
                    writer.open(name, &[]);
                    writer.table(KEYS, &it.biz_key);
                    writer.close(name);
                }
            },
            Vec::new,
        )
        .within(Namespace::Dxp),
        group::<Self>(
            "IsText",
            May,
            |reader, it, open| {
                it.is_text = attribute(reader, open, "Encode");
                reader.leaf("IsText").map(drop)
            },
            |writer, it, name| {
                if let Some(encoding) = &it.is_text {
                    writer.leaf(name, &[("Encode", encoding)], "");
                }
            },
            Vec::new,
        )
        .within(Namespace::Dxp),
        text("RecMapId", May, (0, usize::MAX), |t| &t.rec_map_id, |t, v| t.rec_map_id = v),
    ];
}

/// Keys with their names.
const KEYS: &[Element<Vec<(String, String)>>] = &[group::<Vec<(String, String)>>(
    "Key",
    Must,
    |reader, keys, open| {
        let name = crate::text(attribute(reader, open, "name"));
        if let Some(key) = reader.leaf("Key")?
            && reader.length("", open.at, &key, (1, 64))
        {
            reader.characters(ElementKind::Code { min: 1, max: 64 }, "", open.at, &key);
            keys.push((name, key.into_owned()));
        }
        Ok(())
    },
    |writer, keys, element| {
        for (name, key) in keys {
            let named = [("name", name.as_str())];
            writer.leaf(element, if name.is_empty() { &[] } else { &named }, key);
        }
    },
    Vec::new,
)
.times(5, Code::XmlElementUnexpected)
.within(Namespace::Dxp)];

/// The one attribute that an element may have.
fn attribute(reader: &mut MessageReader<'_>, open: &Open<'_>, name: &str) -> Option<String> {
    reader.attributes(open, &[name]);
    let attribute = open.tag.attributes().flatten().find(|it| it.key.into_inner() == name)?;
    // An entity that cannot be resolved was refused when the tag was read.
    let value = attribute.normalized_value(XmlVersion::Explicit1_0).unwrap_or_default();
    let path = format!("{}/@{name}", open.name());
    reader.characters(ElementKind::Code { min: 0, max: usize::MAX }, &path, open.at, &value);
    Some(value.into_owned())
}

impl ElementTable for DxpMsg {
    const TABLE: &'static [Element<Self>] = &[
        group::<Self>(
            "TransInfo",
            Must,
            |reader, it, open| reader.element(&mut it.trans_info, open),
            |writer, it, name| writer.element(name, &it.trans_info),
            describe::<TransInfo>,
        )
        .within(Namespace::Dxp),
        group::<Self>(
            "Data",
            Must,
            |reader, it, open| {
                let Some(mut text) = reader.leaf("Data")? else { return Ok(()) };
                if text.contains(|c: char| c.is_ascii_whitespace()) {
                    text.to_mut().retain(|c| !c.is_ascii_whitespace());
                }
                match STANDARD.decode(text.as_bytes()) {
                    Ok(data) => it.data = data,
                    Err(_) => reader.fault(
                        Code::XmlValueUnreadable,
                        open.at,
                        "",
                        "Data is not base64".to_owned(),
                        "Data不是base64编码".to_owned(),
                    ),
                }
                Ok(())
            },
            |writer, it, name| writer.leaf(name, &[], &STANDARD.encode(&it.data)),
            Vec::new,
        )
        .within(Namespace::Dxp),
        group::<Self>(
            "AddInfo",
            May,
            |reader, it, open| reader.element(it.add_info.get_or_insert_default(), open),
            |writer, it, name| {
                if let Some(info) = &it.add_info {
                    writer.element(name, info);
                }
            },
            describe::<AddInfo>,
        )
        .within(Namespace::Dxp),
        any::<Self>("Signature", May, |it| it.signed = true).within(Namespace::Dsig),
    ];
}

impl ElementTable for DxpRep {
    const TABLE: &'static [Element<Self>] = &[
        text("RecevierId", Must, (1, 16), |t| &t.recevier_id, |t, v| t.recevier_id = v),
        text("AdNodeId", May, (1, 8), |t| &t.ad_node_id, |t, v| t.ad_node_id = v),
        group::<Self>(
            "Response",
            Must,
            |reader, it, open| {
                let mut response = Response::default();
                reader.element(&mut response, open)?;
                it.responses.push(response);
                Ok(())
            },
            |writer, it, name| {
                for response in &it.responses {
                    writer.element(name, response);
                }
            },
            describe::<Response>,
        )
        .times(u32::MAX, Code::XmlElementUnexpected)
        .within(Namespace::Dxp),
        any::<Self>("Signature", May, |it| it.signed = true).within(Namespace::Dsig),
    ];
}

impl ElementTable for Response {
    const TABLE: &'static [Element<Self>] = &[
        text("NodeId", May, (1, 8), |t| &t.node_id, |t, v| t.node_id = v),
        text("ResponseCode", Must, (1, 9), |t| &t.response_code, |t, v| t.response_code = v),
        text("ResponseInfo", May, (0, 300), |t| &t.response_info, |t, v| t.response_info = v),
        group::<Self>(
            "Results",
            May,
            |reader, it, open| reader.sequence(RESULTS, &mut it.results, open),
            |writer, it, name| {
                if !it.results.is_empty() {
                    writer.open(name, &[]);
                    writer.table(RESULTS, &it.results);
                    writer.close(name);
                }
            },
            Vec::new,
        )
        .within(Namespace::Dxp),
        time("NoticeTime", false, |t| &t.notice_time, |t, v| t.notice_time = v),
        text("Note", May, (0, 500), |t| &t.note, |t, v| t.note = v),
        group::<Self>(
            "OriHead",
            Must,
            |reader, it, open| reader.element(&mut it.ori_head, open),
            |writer, it, name| writer.element(name, &it.ori_head),
            describe::<TransInfo>,
        )
        .within(Namespace::Dxp),
    ];
}

const RESULTS: &[Element<Vec<ReceiverResult>>] = &[group::<Vec<ReceiverResult>>(
    "Result",
    Must,
    |reader, results, open| {
        let mut result = ReceiverResult::default();
        reader.element(&mut result, open)?;
        results.push(result);
        Ok(())
    },
    |writer, results, name| {
        for result in results {
            writer.element(name, result);
        }
    },
    describe::<ReceiverResult>,
)
.times(u32::MAX, Code::XmlElementUnexpected)
.within(Namespace::Dxp)];

impl ElementTable for ReceiverResult {
    const TABLE: &'static [Element<Self>] = &[
        text("RecId", Must, (1, 16), |t| &t.rec_id, |t, v| t.rec_id = v),
        text("Code", Must, (1, 9), |t| &t.code, |t, v| t.code = v),
        text("Info", May, (0, 300), |t| &t.info, |t, v| t.info = v),
        text("Note", May, (0, 500), |t| &t.note, |t, v| t.note = v),
    ];
}
