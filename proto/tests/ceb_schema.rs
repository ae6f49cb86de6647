//! All 42 message types against the official schema, driven by the tables themselves: what is written
//! is valid and is read back as it was, and what breaks a row of a table is refused with one fault.

use std::path::{Path, PathBuf};
use std::process::Command;

use domain::Code;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use proto::ceb::dxp::{self, AddInfo, DxpMsg, DxpRep, ReceiverResult, Response, TransInfo};
use proto::ceb::{
    self, Document, ElementKind, Message, MessageFault, MessageType, OutgoingMessage, SchemaField,
    Subscribe,
};
use proto::ceb::{FieldGroup, Transfer};
use serde_json::{Map, Value};

/// Messages of each type that are made and validated.
const MESSAGES_EACH: usize = 12;
const GUID: &str = "0F0E0D0C-0B0A-4908-8706-050403020100";
const CONTROL_FREE: &str = "[a-zA-Z0-9 <>&'\"\t\n一-龥é😀\\]\\[!-]";

/// The official material, which is not in the repository: a run without it skips, except in CI.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn official(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/ceb/202205").join(path);
    if let Ok(path) = path.canonicalize() {
        return Some(path);
    }
    assert!(!in_ci(), "{} is missing", path.display());
    println!("skipped: no official material at {}", path.display());
    None
}

fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| ci == "true")
}

/// Validates files against a schema with xmllint; where it is not installed, the test skips, except in
/// CI.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn validate(schema: &str, files: &[PathBuf]) {
    let Some(schema) = official(&format!("xsd/{schema}")) else { return };
    let mut xmllint = Command::new("xmllint");
    let run = xmllint.args(["--nonet", "--noout", "--schema"]).arg(schema).args(files).output();
    match run {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let wrong: Vec<_> = said.lines().filter(|line| !line.ends_with(" validates")).collect();
            assert!(output.status.success() && wrong.is_empty(), "{wrong:#?}");
            assert_eq!(said.lines().count(), files.len());
        }
        Err(error) => {
            let must = in_ci() && std::env::var_os("SW_NO_XML_TOOLS").is_none();
            assert!(!must, "xmllint: {error}");
            println!("skipped: xmllint (libxml2-utils) is not installed: {error}");
        }
    }
}

const EXPORT_XSD: &str = "海关跨境出口业务节点报文定义202205.xsd";
const IMPORT_XSD: &str = "海关跨境进口业务节点报文定义202205.xsd";
const DXP_XSD: &str = "海关跨境终端节点报文定义202205.xsd";

fn reads(text: &str) -> Message {
    match ceb::read(text.as_bytes()) {
        Ok(message) => message,
        Err(faults) => panic!("refused: {faults:#?}\n{text}"),
    }
}

fn refused(text: &str) -> Vec<MessageFault> {
    ceb::read(text.as_bytes()).expect_err("the message is wrong")
}

fn transfer() -> Transfer {
    Transfer {
        cop_code: "3702960001".to_owned(),
        cop_name: "青岛示例报关服务有限公司".to_owned(),
        dxp_mode: "DXP".to_owned(),
        dxp_id: "DXPENT0000000001".to_owned(),
        note: String::new(),
    }
}

/// Writes a message; where the schema demands a signature, one in the official structure is put in.
fn written(message_type: MessageType, documents: &[Document]) -> String {
    written_by(message_type, GUID, &transfer(), &[], documents)
}

fn written_by(
    message_type: MessageType,
    guid: &str,
    transfer: &Transfer,
    subscribers: &[Subscribe],
    documents: &[Document],
) -> String {
    if !message_type.is_inbound() {
        return ceb::write(message_type, guid, documents);
    }
    let message = OutgoingMessage { message_type, guid, transfer, subscribers, documents };
    let text = ceb::write_message(&message);
    if !message_type.signature_required() {
        return text;
    }
    let signed = include_str!("messages/import-9610.xml");
    let start = signed.find("<ds:Signature ").expect("the example is signed");
    let end = signed.find("</ceb:CEB621Message>").expect("it ends");
    let root = format!("</ceb:{}>", message_type.root());
    text.replace(&root, &format!("{}{root}", &signed[start..end]))
}

fn documents_of(message: &Message) -> Vec<Document> {
    message.documents.iter().map(|read| read.document.clone()).collect()
}

/// Documents of a type, with values that its table allows.
fn documents(message_type: MessageType) -> BoxedStrategy<Vec<Document>> {
    let max = usize::try_from(message_type.documents_max().min(2)).expect("few");
    let groups: Vec<_> = message_type.groups().into_iter().map(group).collect();
    let document = groups.prop_map(move |groups| assembled(message_type, groups));
    vec(document, 1..=max).boxed()
}

/// A document from its groups, the way it is stored.
fn assembled(message_type: MessageType, groups: Vec<(&'static str, Value)>) -> Document {
    let content = match groups.as_slice() {
        [("", own)] => own.clone(),
        _ => groups.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    };
    let variant = format!("Ceb{}", message_type.number());
    let stored = Value::from(Map::from_iter([(variant, content)]));
    serde_json::from_value(stored).expect("the table and the struct have the same fields")
}

fn group(group: FieldGroup) -> BoxedStrategy<(&'static str, Value)> {
    let fields: Vec<_> = group.fields.iter().filter(|it| !it.name.is_empty()).map(field).collect();
    let one = fields.prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>()));
    if group.max == 1 {
        return one.prop_map(move |one| (group.field, one)).boxed();
    }
    let lines = vec(one, usize::from(group.required)..=3);
    lines.prop_map(move |lines| (group.field, Value::from(lines))).boxed()
}

fn field(field: &SchemaField) -> BoxedStrategy<(String, Value)> {
    let name = field.name.to_owned();
    let value = value(field.kind);
    let may_be_absent = !field.required
        || matches!(
            field.kind,
            ElementKind::Code { min: 0, .. } | ElementKind::Text { min: 0, .. } | ElementKind::Data
        );
    let value = match field.kind {
        _ if !may_be_absent => value,
        ElementKind::Decimal | ElementKind::Count { .. } => {
            prop_oneof![Just(Value::Null), value].boxed()
        }
        _ => prop_oneof![Just(Value::from("")), value.clone(), value].boxed(),
    };
    value.prop_map(move |value| (name.clone(), value)).boxed()
}

fn value(kind: ElementKind) -> BoxedStrategy<Value> {
    let text = |characters: &str, min: usize, max: usize| {
        let min = min.max(1);
        let short = format!("{characters}{{{min},{}}}", max.min(min + 12));
        let long = format!("{characters}{{{max}}}");
        let short = proptest::string::string_regex(&short).expect("a pattern");
        match max {
            ..=200 => {
                let long = proptest::string::string_regex(&long).expect("a pattern");
                prop_oneof![4 => short, 1 => long].prop_map(Value::from).boxed()
            }
            _ => short.prop_map(Value::from).boxed(),
        }
    };
    match kind {
        ElementKind::Code { min, max } => text("[A-Z0-9<>&\"一-龥]", min, max),
        ElementKind::Text { min, max } => text(CONTROL_FREE, min, max),
        ElementKind::Data => {
            proptest::string::string_regex("(<a>|\\]\\]>|<!\\[CDATA\\[|&amp;|报文|\n){1,9}")
                .expect("a pattern")
                .prop_map(Value::from)
                .boxed()
        }
        ElementKind::Word(words) => proptest::sample::select(words).prop_map(Value::from).boxed(),
        ElementKind::Fixed(value) | ElementKind::Direction { own: value, .. } => {
            Just(Value::from(value)).boxed()
        }
        ElementKind::Decimal => {
            prop_oneof![Just(0), -9_999_999..=9_999_999_i64, i64::MIN + 1..=i64::MAX]
                .prop_map(Value::from)
                .boxed()
        }
        ElementKind::Count { digits } => {
            let digits = u32::try_from(digits).expect("few digits");
            let max = 10_u64.pow(digits) - 1;
            (0..=max.min(2_147_483_647)).prop_map(Value::from).boxed()
        }
        ElementKind::Time { .. } | ElementKind::Elements => unreachable!("no document has it"),
    }
}

#[test]
fn there_are_19_inbound_and_23_outbound_messages() {
    let inbound: Vec<u16> = MessageType::ALL
        .into_iter()
        .filter(|it| it.is_inbound())
        .map(MessageType::number)
        .collect();
    let expected = [
        303, 403, 505, 507, 509, 603, 605, 607, 213, 215, 701, 311, 411, 511, 513, 621, 623, 625,
        711,
    ];
    assert_eq!(inbound, expected);
    assert_eq!(MessageType::ALL.len(), 42);
    let signed: Vec<u16> = MessageType::ALL
        .into_iter()
        .filter(|it| it.signature_required())
        .map(MessageType::number)
        .collect();
    assert_eq!(signed, [621, 623, 625, 711]);
    for it in MessageType::ALL {
        assert_eq!(MessageType::from_number(it.number()), Some(it));
        assert_eq!(it.root(), format!("{}Message", it.name()));
        assert!(!it.title().is_empty() && !it.title_zh().is_empty());
    }
    assert_eq!(MessageType::from_number(620), None);
}

/// The official messages that keep their own schema.
#[test]
fn official_samples_are_read_and_written_again() {
    let mut count = 0;
    for side in ["import", "export"] {
        let Some(folder) = official(side) else { return };
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("the folder can be read")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        for file in files {
            let name = file.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
            if FAULTY.iter().any(|(faulty, ..)| *faulty == format!("{side}/{name}")) {
                continue;
            }
            let message = reads(&std::fs::read_to_string(&file).expect("it can be read"));
            let it = message.message_type;
            assert_eq!(it.root(), name);
            let documents = documents_of(&message);
            let (guid, transfer) = (&message.guid, &message.transfer);
            let text = written_by(it, guid, transfer, &message.subscribers, &documents);
            let again = reads(&text);
            assert_eq!(documents_of(&again), documents, "{name}");
            assert_eq!((&again.guid, &again.transfer), (guid, transfer));
            assert_eq!(again.subscribers, message.subscribers);
            count += 1;
        }
    }
    assert_eq!(count, 23, "valid samples");
}

/// Official samples that break their own schema: code, element and how often it is told.
const FAULTY: &[(&str, Code, &str, usize)] = &[
    ("export/CEB303Message", Code::XmlTransferBlock, "BaseTransfer", 1),
    ("export/CEB505Message", Code::XmlTransferBlock, "BaseTransfer", 1),
    ("export/CEB507Message", Code::XmlTransferBlock, "BaseTransfer", 1),
    ("export/CEB603Message", Code::XmlTransferBlock, "BaseTransfer", 1),
    ("export/CEB605Message", Code::XmlTransferBlock, "BaseTransfer", 1),
    ("export/CEB214Message", Code::XmlTypeUnsupported, "CEB214", 1),
    (
        "export/CEB792Message",
        Code::XmlElementUnexpected,
        "SummaryResult[1]/SummaryResultList[1]/gseqno",
        20,
    ),
];

#[test]
fn faulty_official_samples_are_refused_for_their_fault() {
    for &(name, code, element, times) in FAULTY {
        let Some(file) = official(&format!("{name}.xml")) else { return };
        let text = std::fs::read_to_string(file).expect("it can be read");
        let faults = refused(&text);
        assert_eq!(faults.len(), times, "{name}: {faults:#?}");
        assert!(faults.iter().all(|fault| fault.code == code), "{name}: {faults:#?}");
        assert_eq!(faults[0].element, element, "{name}");
        if name == "export/CEB214Message" {
            assert!(faults[0].text.contains("CEB214Message is probably meant"), "{faults:?}");
            // Under its right name it has an element that no release knows.
            let renamed =
                text.replace("CEB214>", "CEB214Message>").replace("CEB214 ", "CEB214Message ");
            let faults = refused(&renamed);
            let unknown = |fault: &MessageFault| fault.element.ends_with("]/appSenderId");
            assert!(faults.len() == 10 && faults.iter().all(unknown), "{faults:#?}");
            let renamed: Vec<&str> =
                renamed.lines().filter(|line| !line.contains("appSenderId")).collect();
            assert_eq!(reads(&renamed.join("\n")).message_type, MessageType::Ceb214);
        }
    }
}

/// Every type, with whatever its table allows: valid by the official schema, and read back the same.
#[test]
fn what_is_written_is_valid_and_is_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut runner = TestRunner::deterministic();
    let mut files = [Vec::new(), Vec::new()];
    for it in MessageType::ALL {
        let strategy = documents(it);
        for number in 0..MESSAGES_EACH {
            let documents = strategy.new_tree(&mut runner).expect("it is not filtered").current();
            let text = written(it, &documents);
            let read = reads(&text);
            assert_eq!((read.message_type, &*read.guid, &*read.version), (it, GUID, "1.0"));
            let same = documents_of(&read) == documents;
            assert!(same, "{}\n{text}", serde_json::to_string(&documents).expect("it is JSON"));
            assert!(read.documents.iter().all(|document| document.warnings.is_empty()));
            let stored = serde_json::to_string(&documents).expect("it is JSON");
            let stored: Vec<Document> = serde_json::from_str(&stored).expect("it is a document");
            assert_eq!(stored, documents);
            let file = folder.path().join(format!("{}-{number}.xml", it.name()));
            std::fs::write(&file, text).expect("it is written");
            files[usize::from(is_import(it))].push(file);
        }
    }
    assert_eq!(files.iter().map(Vec::len).sum::<usize>(), 42 * MESSAGES_EACH);
    validate(EXPORT_XSD, &files[0]);
    validate(IMPORT_XSD, &files[1]);
}

fn is_import(it: MessageType) -> bool {
    it >= MessageType::Ceb311
}

/// A document in which everything stands, each value on one line.
fn full(it: MessageType) -> Document {
    let value = |field: &SchemaField| match field.kind {
        ElementKind::Code { min, max } => Value::from("A".repeat(min.max(1).min(max))),
        ElementKind::Text { .. } | ElementKind::Data => Value::from("示例"),
        ElementKind::Word(words) => Value::from(words[0]),
        ElementKind::Fixed(value) | ElementKind::Direction { own: value, .. } => Value::from(value),
        ElementKind::Decimal => Value::from(123_000),
        ElementKind::Count { .. } => Value::from(7),
        ElementKind::Time { .. } | ElementKind::Elements => unreachable!("no document has it"),
    };
    let one = |group: &FieldGroup| {
        let fields = group.fields.iter().filter(|it| !it.name.is_empty());
        Value::from_iter(fields.map(|field| (field.name.to_owned(), value(field))))
    };
    let groups = it.groups();
    let filled = groups.iter().map(|group| {
        let one = one(group);
        (group.field, if group.max > 1 { Value::from(vec![one]) } else { one })
    });
    assembled(it, filled.collect())
}

/// For every row of every table: missing, twice, displaced, in a foreign namespace, empty, too long, or
/// with a value that it cannot hold. Each is one fault, at its element, or no fault where it is allowed.
#[test]
fn whatever_breaks_a_row_is_one_fault() {
    let mut broken = 0;
    for it in MessageType::ALL {
        let text = written(it, &[full(it)]);
        let lines: Vec<&str> = text.lines().collect();
        let prefix = if text.contains("<ceb:") { "ceb:" } else { "" };
        assert_eq!(documents_of(&reads(&text)), [full(it)]);
        for group in it.groups() {
            let start = format!("<{prefix}{}>", group.element);
            let start = lines.iter().position(|line| line.trim() == start).expect("the group");
            let rows: Vec<_> = group.fields.iter().filter(|row| !row.name.is_empty()).collect();
            for (index, row) in rows.iter().enumerate() {
                let at = start + 1 + index;
                let (open, close) =
                    (format!("<{prefix}{}>", row.element), format!("</{prefix}{}>", row.element));
                assert!(lines[at].trim().starts_with(&open), "{} {}", it.name(), row.element);
                let with = |content: &str| [&*open, content, &*close].concat();
                let mut expect = |line: &str, code: Option<Code>| {
                    let mut lines = lines.clone();
                    lines[at] = line;
                    let text = lines.join("\n");
                    let context = format!("{} {}: {line}", it.name(), row.element);
                    match (ceb::read(text.as_bytes()), code) {
                        (Ok(_), None) => {}
                        (Ok(_), Some(_)) => panic!("read: {context}"),
                        (Err(faults), None) => panic!("refused: {context}: {faults:#?}"),
                        (Err(faults), Some(code)) => {
                            assert_eq!(faults.len(), 1, "{context}: {faults:#?}");
                            assert_eq!(faults[0].code, code, "{context}: {faults:#?}");
                            let element = faults[0].element.as_str();
                            assert!(element.ends_with(row.element), "{context}: {faults:#?}");
                        }
                    }
                    broken += 1;
                };
                let unexpected = Some(Code::XmlElementUnexpected);
                expect("", unexpected.filter(|_| row.required));
                expect(&lines[at].repeat(2), unexpected);
                let foreign = [&*open, "x", &*close].concat().replace(prefix, "");
                let foreign = foreign.replacen('>', " xmlns=\"urn:other\">", 1);
                expect(&foreign, unexpected);
                let may_be_empty = !row.required
                    || !row.empty.is_empty()
                    || matches!(
                        row.kind,
                        ElementKind::Code { min: 0, .. } | ElementKind::Text { min: 0, .. }
                    )
                    || row.kind == ElementKind::Data;
                expect(&with(""), Some(Code::Required).filter(|_| !may_be_empty));
                let unreadable = Some(Code::XmlValueUnreadable);
                match row.kind {
                    ElementKind::Code { min, max } | ElementKind::Text { min, max } => {
                        let code = if min == max { Code::WrongLength } else { Code::TooLong };
                        expect(&with(&"长".repeat(max + 1)), Some(code));
                        expect(&with(&"长".repeat(max)), None);
                        if min > 1 {
                            expect(&with(&"短".repeat(min - 1)), Some(Code::WrongLength));
                        }
                    }
                    ElementKind::Decimal => {
                        for wrong in ["1.000001", "1e3", "1 000", "12345678901234567890", "一"] {
                            expect(&with(wrong), unreadable);
                        }
                        expect(&with(" -0012.50 "), None);
                    }
                    ElementKind::Count { digits } => {
                        for wrong in ["-1", "1.5", "x", &"9".repeat(digits + 1)] {
                            expect(&with(wrong), unreadable);
                        }
                    }
                    ElementKind::Word(_) => expect(&with("0"), unreadable),
                    ElementKind::Fixed("142") => expect(&with("502"), Some(Code::CurrencyWrong)),
                    ElementKind::Fixed(_) => expect(&with("1"), unreadable),
                    ElementKind::Direction { own, .. } => {
                        let other = if own == "I" { "E" } else { "I" };
                        expect(&with(other), Some(Code::DirectionUnclear));
                    }
                    ElementKind::Data => expect(&with("<![CDATA[<a>]]>"), None),
                    ElementKind::Time { .. } | ElementKind::Elements => {
                        unreachable!("no document has it")
                    }
                }
                if index + 1 < rows.len() {
                    let mut swapped = lines.clone();
                    swapped.swap(at, at + 1);
                    let faults = refused(&swapped.join("\n"));
                    assert_eq!(faults.len(), 1, "{} {}: {faults:#?}", it.name(), row.element);
                    assert!(faults[0].text.contains("out of order"), "{faults:#?}");
                }
            }
        }
    }
    assert!(broken > 3_000, "{broken} broken rows");
}

#[test]
fn fields_of_every_document_are_found_in_the_file() {
    for it in MessageType::ALL {
        let text = written(it, &[full(it)]);
        let read = &reads(&text).documents[0];
        let number = if it.documents_max() == 1 { "" } else { "[1]" };
        let payload = format!("{}{number}", it.payload());
        for group in it.groups() {
            for row in group.fields.iter().filter(|row| !row.name.is_empty()) {
                let (field, path) = match group.field {
                    "" => (row.name.to_owned(), format!("{payload}/{}", row.element)),
                    "head" => (
                        format!("head.{}", row.name),
                        format!("{payload}/{}/{}", group.element, row.element),
                    ),
                    _ => (
                        format!("lines[0].{}", row.name),
                        format!("{payload}/{}[1]/{}", group.element, row.element),
                    ),
                };
                let place = read.place(&field).expect("the document has the field");
                assert_eq!(place.element, path);
                let line = usize::try_from(place.line).expect("few lines");
                let line = text.lines().nth(line - 1).expect("the line is there");
                assert!(line.contains(&format!("{}>", row.element)), "{field}: {line}");
            }
        }
        assert_eq!(read.place("nothing"), None);
        assert_eq!(read.place("lines[9].nothing"), None);
        assert_eq!(read.place(""), None);
    }
}

/// What the real customs sends beyond the schema is read and not written.
#[test]
fn a_tax_bill_may_say_more_than_the_schema() {
    let text = written(MessageType::Ceb816, &[full(MessageType::Ceb816)]);
    let more = "</customsCode><orderNo>QD1</orderNo><logisticsNo>EX1</logisticsNo>";
    let read = reads(&text.replacen("</customsCode>", more, 1));
    assert_eq!(written(MessageType::Ceb816, &documents_of(&read)), text);
}

/// What firms send may be any text: the answer that carries it stays XML and short.
#[test]
fn a_refusal_carries_the_original() {
    let original = include_str!("messages/import-9610.xml");
    let nested = format!("{original}<![CDATA[x]]>\u{1}");
    for (text, kept) in
        [(original, original.to_owned()), (&nested, nested.replace('\u{1}', "\u{fffd}"))]
    {
        let mut refusal = full(MessageType::Ceb900);
        let Document::Ceb900(it) = &mut refusal else { panic!("it is a CEB900") };
        text.clone_into(&mut it.ori_biz_message);
        let written = ceb::write(MessageType::Ceb900, GUID, &[refusal]);
        assert!(written.contains("<oriBizMessage><![CDATA[<?xml"));
        let Document::Ceb900(it) = documents_of(&reads(&written)).remove(0) else {
            panic!("it is a CEB900")
        };
        assert_eq!(it.ori_biz_message, kept);
    }
}

#[test]
fn the_frame_is_read_and_written() {
    let subscriber = |note: &str| Subscribe {
        status: "RET".to_owned(),
        dxp_mode: "DXP".to_owned(),
        dxp_address: "DXPENT0000000002".to_owned(),
        note: note.to_owned(),
    };
    let subscribers = [subscriber(""), subscriber("第三方 <x>")];
    let transfer = Transfer { note: "a & b".to_owned(), ..transfer() };
    let folder = tempfile::tempdir().expect("a folder");
    for it in MessageType::ALL.into_iter().filter(|it| it.is_inbound()) {
        let documents = [full(it)];
        let text = written_by(
            it,
            "a\"<guid>&---------------------------",
            &transfer,
            &subscribers,
            &documents,
        );
        let read = reads(&text);
        assert_eq!((&read.transfer, &*read.subscribers), (&transfer, &subscribers[..]));
        assert_eq!(read.guid, "a\"<guid>&---------------------------");
        assert_eq!(read.signed, it.signature_required());
        assert_eq!(ceb::root(text.as_bytes()).map(|root| root.message_type), Some(it));
        let header = read.documents[0].document.header().expect("firms send it");
        assert_eq!((header.guid.len(), header.app_time.len(), header.draft), (36, 14, true));
        let plain = text.replace("ceb:", "").replace("xmlns:ceb", "xmlns");
        let other = text.replace("ceb:", "q:").replace("xmlns:ceb", "xmlns:q");
        for text in [plain, other, format!("\u{feff}{text}"), text.replace('\n', "\r\n")] {
            assert_eq!(documents_of(&reads(&text)), documents);
        }
        let foreign = text.replace("chinaport.gov.cn/ceb\"", "chinaport.gov.cn/dec\"");
        assert_eq!(refused(&foreign)[0].code, Code::XmlTypeUnsupported);
        let file = folder.path().join(format!("{}.xml", it.name()));
        std::fs::write(&file, text).expect("it is written");
        validate(if is_import(it) { IMPORT_XSD } else { EXPORT_XSD }, &[file]);
    }
    assert_eq!(ceb::root(b"<CEB621Message/>"), None);
}

fn trans_info() -> TransInfo {
    TransInfo {
        cop_msg_id: GUID.to_owned(),
        sender_id: "DXPENT0000000001".to_owned(),
        receiver_ids: vec!["DXPEDCCEB0000002".to_owned(), "DXPENT0000000002".to_owned()],
        creat_time: "2026-11-24T09:30:01".to_owned(),
        msg_type: "CEB621Message".to_owned(),
    }
}

#[test]
fn envelopes_are_read_and_written() {
    let bare = DxpMsg {
        trans_info: trans_info(),
        data: include_bytes!("messages/import-9610.xml").to_vec(),
        ..DxpMsg::default()
    };
    let add_info = AddInfo {
        file_name: "清单<1>.xml".to_owned(),
        ic_card: "8600000000001".to_owned(),
        biz_key: vec![("orderNo".to_owned(), "QD\"1".to_owned()), (String::new(), "2".to_owned())],
        is_text: Some("UTF-8".to_owned()),
        rec_map_id: "7".to_owned(),
    };
    let full = DxpMsg { add_info: Some(add_info), ..bare.clone() };
    let answer = DxpRep {
        recevier_id: "DXPENT0000000001".to_owned(),
        ad_node_id: "42200000".to_owned(),
        responses: vec![
            Response {
                response_code: "0".to_owned(),
                notice_time: "2026-11-24".to_owned(),
                ori_head: trans_info(),
                ..Response::default()
            },
            Response {
                node_id: "42200000".to_owned(),
                response_code: "2001".to_owned(),
                response_info: "接收方不存在".to_owned(),
                results: vec![ReceiverResult {
                    rec_id: "DXPENT0000000002".to_owned(),
                    code: "2001".to_owned(),
                    info: "未知".to_owned(),
                    note: "x".to_owned(),
                }],
                notice_time: "2026-11-24+08:00".to_owned(),
                note: "y".to_owned(),
                ori_head: trans_info(),
            },
        ],
        signed: false,
    };
    let texts = [dxp::write(&bare), dxp::write(&full), dxp::write_answer(&answer)];
    for (text, message) in texts.iter().zip([&bare, &full]) {
        assert!(dxp::is_envelope(text.as_bytes()));
        assert_eq!(&dxp::read(text.as_bytes()).expect("it is an envelope"), message);
        let plain = text.replace("dxp:", "").replace("xmlns:dxp", "xmlns");
        assert_eq!(&dxp::read(plain.as_bytes()).expect("it is an envelope"), message);
    }
    let wrapped = texts[0].replace("<dxp:Data>", "<dxp:Data>\n  ").replace("PD94", "PD94\r\n");
    assert_eq!(dxp::read(wrapped.as_bytes()).expect("it is an envelope"), bare);
    assert_eq!(dxp::read_answer(texts[2].as_bytes()).expect("it is an answer"), answer);
    assert!(!dxp::is_envelope(texts[2].as_bytes()) && !dxp::is_envelope(&bare.data));

    for (good, bad, code) in [
        ("<dxp:SenderId>DXP", "<dxp:SenderId>TOO-LONG-DXP", Code::TooLong),
        ("2026-11-24T", "2026-13-24T", Code::XmlValueUnreadable),
        ("T09:30:01<", "T09:30<", Code::XmlValueUnreadable),
        ("PD94", "PD9?", Code::XmlValueUnreadable),
        (" ver=\"1.0\"", " ver=\"2.0\"", Code::XmlElementUnexpected),
        (" ver=\"1.0\"", "", Code::XmlElementUnexpected),
        ("gov.cn/dxp", "gov.cn/ceb", Code::XmlTypeUnsupported),
        (" Encode=", " Charset=", Code::XmlElementUnexpected),
        (
            "<dxp:ReceiverId>DXPENT0000000002</dxp:ReceiverId>",
            "<dxp:Receiver/>",
            Code::XmlElementUnexpected,
        ),
        ("<dxp:Key>2<", "<dxp:Key><", Code::WrongLength),
        ("<dxp:DxpMsg", "<!DOCTYPE x><dxp:DxpMsg", Code::XmlForbidden),
    ] {
        let text = texts[1].replacen(good, bad, 1);
        assert_ne!(text, texts[1], "{good} is not in the envelope");
        let faults = dxp::read(text.as_bytes()).expect_err(bad);
        assert_eq!((faults[0].code, faults.len()), (code, 1), "{bad}: {faults:#?}");
    }

    let folder = tempfile::tempdir().expect("a folder");
    let files: Vec<PathBuf> = (0..texts.len())
        .map(|number| {
            let file = folder.path().join(format!("{number}.xml"));
            std::fs::write(&file, &texts[number]).expect("it is written");
            file
        })
        .collect();
    validate(DXP_XSD, &files);
}
