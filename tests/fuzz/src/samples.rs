//! Messages of every type with every element of its table, and with what must be there and no more.

use proto::ceb::dxp::{self, AddInfo, DxpMsg, DxpRep, ReceiverResult, Response, TransInfo};
use proto::ceb::{
    self, Document, ElementKind, FieldGroup, MessageType, OutgoingMessage, SchemaField, Subscribe,
    Transfer,
};
use serde_json::{Map, Value};

const GUID: &str = "0F0E0D0C-0B0A-4908-8706-050403020100";

/// How much of a table stands in a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Everything.
    Full,
    /// What is required.
    Required,
}

/// Messages of every type in one direction, named for files.
pub fn messages(inbound: bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for it in MessageType::ALL.into_iter().filter(|it| it.is_inbound() == inbound) {
        for extent in [Extent::Full, Extent::Required] {
            let name = format!("{}-{extent:?}", it.name()).to_lowercase();
            found.push((name, message(it, extent)));
        }
    }
    found
}

/// A message of one document. Those whose schema demands a signature have an empty one.
pub fn message(message_type: MessageType, extent: Extent) -> String {
    let documents = [document(message_type, extent)];
    if !message_type.is_inbound() {
        return ceb::write(message_type, GUID, &documents);
    }
    let transfer = Transfer {
        cop_code: "3702980001".to_owned(),
        cop_name: "示例".to_owned(),
        dxp_mode: "DXP".to_owned(),
        dxp_id: "DXPENT0000000001".to_owned(),
        note: String::new(),
    };
    let subscriber = Subscribe {
        status: "ALL".to_owned(),
        dxp_mode: "DXP".to_owned(),
        dxp_address: "DXPENT0000000002".to_owned(),
        note: String::new(),
    };
    let subscribers: &[Subscribe] = if extent == Extent::Full { &[subscriber] } else { &[] };
    let outgoing = OutgoingMessage {
        message_type,
        guid: GUID,
        transfer: &transfer,
        subscribers,
        documents: &documents,
    };
    let text = ceb::write_message(&outgoing);
    if !message_type.signature_required() {
        return text;
    }
    let end = format!("</ceb:{}>", message_type.root());
    let signature = "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/>";
    text.replace(&end, &format!("{signature}{end}"))
}

/// A document, the way it is stored.
fn document(message_type: MessageType, extent: Extent) -> Document {
    let groups = message_type.groups();
    let content = match groups.as_slice() {
        [own] if own.field.is_empty() => fields(own, extent),
        _ => groups
            .iter()
            .filter(|group| extent == Extent::Full || group.required)
            .map(|group| {
                let one = fields(group, extent);
                let value = if group.max > 1 { Value::from(vec![one.clone(), one]) } else { one };
                (group.field.to_owned(), value)
            })
            .collect(),
    };
    let variant = format!("Ceb{}", message_type.number());
    let stored = Value::from(Map::from_iter([(variant, content)]));
    serde_json::from_value(stored).expect("the table and the struct have the same fields")
}

fn fields(group: &FieldGroup, extent: Extent) -> Value {
    let stands =
        |field: &&SchemaField| !field.name.is_empty() && (extent == Extent::Full || field.required);
    let named = |field: &SchemaField| (field.name.to_owned(), value(field.kind));
    group.fields.iter().filter(stands).map(named).collect()
}

fn value(kind: ElementKind) -> Value {
    match kind {
        ElementKind::Code { min, max } => Value::from("1".repeat(min.max(1).min(max))),
        ElementKind::Text { .. } => Value::from("示例"),
        ElementKind::Data => Value::from("<a>&amp;]]></a>"),
        ElementKind::Word(words) => Value::from(words[0]),
        ElementKind::Fixed(value) | ElementKind::Direction { own: value, .. } => Value::from(value),
        ElementKind::Decimal => Value::from(123_000),
        ElementKind::Count { .. } => Value::from(7),
        ElementKind::Time { .. } | ElementKind::Elements => unreachable!("no document has it"),
    }
}

/// Envelopes and answers to envelopes, named for files.
pub fn envelopes() -> Vec<(String, String)> {
    let trans_info = TransInfo {
        cop_msg_id: GUID.to_owned(),
        sender_id: "DXPENT0000000001".to_owned(),
        receiver_ids: vec!["DXPEDCCEB0000002".to_owned(), "DXPENT0000000002".to_owned()],
        creat_time: "2026-11-24T09:30:01.5+08:00".to_owned(),
        msg_type: "CEB304Message".to_owned(),
    };
    let bare = DxpMsg {
        trans_info: trans_info.clone(),
        data: message(MessageType::Ceb304, Extent::Required).into_bytes(),
        ..DxpMsg::default()
    };
    let add_info = AddInfo {
        file_name: "<1>.xml".to_owned(),
        ic_card: "8600000000001".to_owned(),
        biz_key: vec![("orderNo".to_owned(), "\"1".to_owned()), (String::new(), "2".to_owned())],
        is_text: Some("UTF-8".to_owned()),
        rec_map_id: "7".to_owned(),
    };
    let full = DxpMsg { add_info: Some(add_info), data: b"<a/>".to_vec(), ..bare.clone() };
    let result = ReceiverResult {
        rec_id: "DXPENT0000000002".to_owned(),
        code: "2001".to_owned(),
        info: "未知".to_owned(),
        note: "x".to_owned(),
    };
    let response = Response {
        node_id: "42200000".to_owned(),
        response_code: "2001".to_owned(),
        response_info: "接收方不存在".to_owned(),
        results: vec![result],
        notice_time: "2026-11-24+08:00".to_owned(),
        note: "y".to_owned(),
        ori_head: trans_info,
    };
    let answer = DxpRep {
        recevier_id: "DXPENT0000000001".to_owned(),
        ad_node_id: "42200000".to_owned(),
        responses: vec![response.clone(), response],
        signed: false,
    };
    vec![
        ("bare".to_owned(), dxp::write(&bare)),
        ("full".to_owned(), dxp::write(&full)),
        ("answer".to_owned(), dxp::write_answer(&answer)),
    ]
}

/// Small texts with one thing each that canonicalisation has a rule for.
pub fn spellings() -> Vec<(String, String)> {
    let texts = [
        "<a/>",
        "<a b='\"&#10;&#13;&#9;&amp;&lt;'>&#13;\r\n]]&gt;<![CDATA[<&>]]><!-- --></a>",
        "<a xmlns='urn:x:1'><b xmlns=''/><c xmlns='urn:x:1'/></a>",
        "<p:a xmlns:p='urn:x:1' xmlns:q='urn:x:1' q:x='1' p:y='2' x='3'><q:b xmlns:p='urn:x:2' p:z=''/></p:a>",
        "<a xml:lang='zh' xml:space='preserve'><b xml:lang='en'> </b></a>",
        "\u{feff}<?xml version='1.0' encoding='utf-8' standalone='yes'?>\n<a\n b\t=\r'1'\n/>\n<!--x-->",
    ];
    texts
        .iter()
        .enumerate()
        .map(|(at, text)| (format!("spelling-{at}"), (*text).to_owned()))
        .collect()
}

/// Texts to be signed: the two places where a signature stands, and a root with much to inherit.
pub fn signable() -> Vec<(String, String)> {
    let import = message(MessageType::Ceb621, Extent::Required);
    let extension = "<ceb:ExtendMessage><ceb:name>a</ceb:name><ceb:version>1</ceb:version>\
                     <ceb:Message>b</ceb:Message></ceb:ExtendMessage></ceb:CEB403Message>";
    let export =
        message(MessageType::Ceb403, Extent::Required).replace("</ceb:CEB403Message>", extension);
    let small =
        "<a xmlns='urn:x:1' xmlns:p='urn:x:2' xml:lang='zh' p:b='&#13;'>x &amp; y<b/>\r\n</a>";
    [("import", import), ("export", export), ("small", small.to_owned())]
        .map(|(name, text)| (name.to_owned(), text))
        .to_vec()
}

/// Words for libFuzzer's own changes: every element of every table, and what XML is made of.
pub fn words() -> Vec<String> {
    let mut words: Vec<String> = WORDS.iter().map(|&word| word.to_owned()).collect();
    for it in MessageType::ALL {
        words.extend([it.root(), it.payload()].map(str::to_owned));
        for group in it.groups() {
            words.push(group.element.to_owned());
            words.extend(group.fields.iter().map(|field| field.element.to_owned()));
        }
    }
    words.sort();
    words.dedup();
    words
}

const WORDS: [&str; 68] = [
    "<",
    ">",
    "/>",
    "</",
    "=\"",
    "='",
    "\"",
    "&",
    ";",
    "&#",
    "&#x",
    "&amp;",
    "&lt;",
    "&gt;",
    "&quot;",
    "&apos;",
    "&#13;",
    "&#xFFFF;",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?xml",
    "?>",
    "<!DOCTYPE",
    " version=\"1.0\"",
    " encoding=\"UTF-8\"",
    " standalone=\"no\"",
    " guid=\"",
    " xmlns=\"\"",
    " xmlns:ceb=\"http://www.chinaport.gov.cn/ceb\"",
    "ceb:",
    " xmlns:dxp=\"http://www.chinaport.gov.cn/dxp\"",
    "dxp:",
    "ds:",
    "xml:lang",
    "xml:space",
    " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"",
    " xmlns:xsi=\"",
    "BaseTransfer",
    "BaseSubscribe",
    "ExtendMessage",
    "Message",
    "Signature",
    "SignedInfo",
    "CanonicalizationMethod",
    "SignatureMethod",
    "Reference",
    "Transforms",
    "Transform",
    "DigestMethod",
    "DigestValue",
    "SignatureValue",
    "KeyInfo",
    "KeyName",
    "X509Data",
    "X509Certificate",
    "DxpMsg",
    "DxpRep",
    "TransInfo",
    "ReceiverIds",
    "ReceiverId",
    "AddInfo",
    "BizKey",
    "IsText",
    "Response",
    "Results",
    "OriHead",
];
