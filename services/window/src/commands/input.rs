//! Files become requests: JSON of the schema, or national CEB messages.
//!
//! The invariant: the same document is always the same request. A CEB document has an id from its
//! number; JSON without a `request_id` gets one from its content, so that repeating a command files
//! nothing twice.

use std::fmt;
use std::io::Read as _;
use std::path::Path;

use domain::Code;
use prost::Message as _;
use proto::ceb::{self, MessageType};
use proto::status::Language;
use proto::v1;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess,
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::problem::{Broken, Problem};
use super::words::pick;

/// Ids of requests that name none are made in this namespace. It never changes: a repeated command
/// is recognised by it.
const REQUESTS: Uuid = Uuid::from_u128(0x51d6_7c0e_2b7a_5f0c_8d11_5157_0000_0001);

/// Known names that are listed after an unknown one.
const KNOWN_SHOWN_MAX: usize = 8;
/// Characters at the beginning in which two names agree that may be meant for each other.
const ALIKE_MIN: usize = 3;

/// One document of a file.
#[derive(Debug)]
pub(super) struct Item {
    /// Its place in the file, from 1.
    pub(super) document: usize,
    /// The request as it is sent.
    pub(super) request: v1::SubmitRequest,
    /// Where it came from, when that was a CEB message.
    pub(super) source: Option<ceb::ReadDocument>,
}

/// How a file is called in texts.
pub(super) fn name(path: &Path) -> String {
    if is_stdin(path) { "<stdin>".to_owned() } else { path.display().to_string() }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads the documents of a file, or of standard input for `-`.
pub(super) async fn read(path: &Path, language: Language) -> Result<Vec<Item>, Problem> {
    let mut bytes = Vec::new();
    let read = if is_stdin(path) {
        // Nothing else runs yet that this could keep waiting.
        std::io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        tokio::fs::read(path).await.map(|read| bytes = read)
    };
    if let Err(error) = read {
        let why = Broken::plain(Code::FileUnreadable, error.to_string());
        return Err(Problem::local(Code::FileUnreadable, language, vec![why]));
    }
    if is_xml(&bytes) { xml(&bytes, language) } else { json(&bytes, language) }
}

/// UTF-16 counts as XML too, because the reader of messages says best what is wrong with it.
fn is_xml(bytes: &[u8]) -> bool {
    let utf16 = [&b"\xff\xfe"[..], b"\xfe\xff", b"\0<"];
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    utf16.iter().any(|start| bytes.starts_with(start)) || text.trim_ascii_start().starts_with(b"<")
}

fn xml(bytes: &[u8], language: Language) -> Result<Vec<Item>, Problem> {
    if let Some(root) = ceb::root(bytes).filter(|root| !is_inventory(root.message_type)) {
        let why = Broken::of_fault(&other_message(root), language);
        return Err(Problem::local(Code::XmlTypeUnsupported, language, vec![why]));
    }
    let message = ceb::read(bytes).map_err(|faults| {
        let code = faults.first().map_or(Code::XmlMalformed, |fault| fault.code);
        let faults = faults.iter().map(|fault| Broken::of_fault(fault, language)).collect();
        Problem::local(code, language, faults)
    })?;
    let item = |(index, document): (usize, ceb::ReadDocument)| Item {
        document: index + 1,
        request: v1::SubmitRequest {
            request_id: ceb::request_id(&document.document).unwrap_or_default().to_string(),
            declaration: ceb::declaration(&document),
            validate_only: false,
            pre_no: String::new(),
        },
        source: Some(document),
    };
    Ok(message.documents.into_iter().enumerate().map(item).collect())
}

/// Inventories become declarations; everything else is a document of its own.
fn is_inventory(message_type: MessageType) -> bool {
    matches!(message_type, MessageType::Ceb621 | MessageType::Ceb603)
}

fn other_message(root: ceb::Root) -> ceb::Fault {
    let it = root.message_type;
    let (name, title, title_zh) = (it.name(), it.title(), it.title_zh());
    ceb::Fault {
        code: Code::XmlTypeUnsupported,
        line: root.line,
        element: it.root().to_owned(),
        text: format!(
            "{name} ({title}) is no inventory (CEB621, CEB603); send it with `single-window ceb send`"
        ),
        text_zh: format!(
            "{name}（{title_zh}）不是清单（CEB621、CEB603），请使用 single-window ceb send"
        ),
    }
}

fn json(bytes: &[u8], language: Language) -> Result<Vec<Item>, Problem> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if text.trim_ascii().is_empty() {
        let empty = pick(language, "the file is empty", "文件为空").to_owned();
        let why = Broken::of_json(empty, 1, 0);
        return Err(Problem::local(Code::JsonMalformed, language, vec![why]));
    }
    let requests = requests(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let said = error.to_string();
        let place = format!(" at line {line} column {column}");
        let said = said.strip_suffix(&place).unwrap_or(&said);
        let why = Broken::of_json(guess(said), line, column);
        Problem::local(Code::JsonMalformed, language, vec![why])
    })?;
    let item = |(index, mut request): (usize, v1::SubmitRequest)| {
        if request.request_id.is_empty() {
            let content = request.declaration.as_ref().map(prost::Message::encode_to_vec);
            request.request_id = request_id("submit", &content.unwrap_or_default());
        }
        Item { document: index + 1, request, source: None }
    };
    Ok(requests.into_iter().enumerate().map(item).collect())
}

/// Instead of the list of all ninety fields, the one that was perhaps meant.
fn guess(said: &str) -> String {
    let Some((what, known)) = said.split_once(", expected one of ") else { return said.to_owned() };
    let known: Vec<&str> = known.split(", ").map(|name| name.trim_matches('`')).collect();
    let written = what.split('`').nth(1).unwrap_or_default();
    if known.len() <= KNOWN_SHOWN_MAX {
        return said.to_owned();
    }
    let alike = |name: &&str| name.chars().zip(written.chars()).take_while(|(a, b)| a == b).count();
    match known.into_iter().max_by_key(alike).filter(|name| alike(name) >= ALIKE_MIN) {
        Some(name) => format!("{what}; did you mean `{name}`?"),
        None => what.to_owned(),
    }
}

/// The id of a request that has the same content whenever it is made.
pub(super) fn request_id(kind: &str, content: &[u8]) -> String {
    let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(content);
    Uuid::new_v5(&REQUESTS, &digest.finalize()).to_string()
}

/// The id of a change: of this declaration, from this version, to this content.
pub(super) fn change_id(kind: &str, name: &str, version: u32, content: &[u8]) -> String {
    let of = v1::AmendRequest { name: name.to_owned(), version, ..Default::default() };
    request_id(kind, &[&of.encode_to_vec(), content].concat())
}

/// Reads twice: first what shape the items have, then the items, so that the message about what is
/// wrong comes from the schema and has its line.
fn requests(text: &[u8]) -> serde_json::Result<Vec<v1::SubmitRequest>> {
    let shapes: Shapes = serde_json::from_slice(text)?;
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    match shapes {
        Shapes::One(shape) => shape.deserialize(&mut deserializer).map(|request| vec![request]),
        Shapes::List(shapes) => Items(shapes).deserialize(&mut deserializer),
    }
}

/// What an item looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A declaration.
    Bare,
    /// A request with a declaration in it.
    Wrapped,
}

#[derive(Debug, PartialEq, Eq)]
enum Shapes {
    One(Shape),
    List(Vec<Shape>),
}

impl<'de> Deserialize<'de> for Shapes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Looker;
        impl<'de> de::Visitor<'de> for Looker {
            type Value = Shapes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a declaration, a request, or a list of them")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Shapes, A::Error> {
                shape(map).map(Shapes::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shapes, A::Error> {
                let mut shapes = Vec::new();
                while let Some(shape) = items.next_element()? {
                    shapes.push(shape);
                }
                Ok(Shapes::List(shapes))
            }
        }
        deserializer.deserialize_any(Looker)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Looker;
        impl<'de> de::Visitor<'de> for Looker {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a declaration or a request")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Shape, A::Error> {
                shape(map)
            }
        }
        deserializer.deserialize_any(Looker)
    }
}

/// A declaration has no field of this name, a request has.
fn shape<'de, A: MapAccess<'de>>(mut map: A) -> Result<Shape, A::Error> {
    let mut shape = Shape::Bare;
    while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
        if name == "declaration" {
            shape = Shape::Wrapped;
        }
    }
    Ok(shape)
}

impl<'de> DeserializeSeed<'de> for Shape {
    type Value = v1::SubmitRequest;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self {
            Self::Wrapped => v1::SubmitRequest::deserialize(deserializer),
            Self::Bare => v1::Declaration::deserialize(deserializer).map(|declaration| {
                v1::SubmitRequest { declaration: Some(declaration), ..Default::default() }
            }),
        }
    }
}

/// A list of items whose shapes are known.
struct Items(Vec<Shape>);

impl<'de> DeserializeSeed<'de> for Items {
    type Value = Vec<v1::SubmitRequest>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> de::Visitor<'de> for Items {
    type Value = Vec<v1::SubmitRequest>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut requests = Vec::with_capacity(self.0.len());
        for shape in self.0 {
            requests.extend(items.next_element_seed(shape)?);
        }
        Ok(requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMPORT: &str = include_str!("../../../../docs/examples/import-9610.json");
    const MESSAGE: &str = include_str!("../../../../docs/examples/import-9610.xml");

    fn items(text: &str) -> Vec<Item> {
        let read = if is_xml(text.as_bytes()) { xml } else { json };
        read(text.as_bytes(), Language::English).expect("the file is well-formed")
    }

    fn refused(text: &str) -> String {
        let problem = json(text.as_bytes(), Language::English).expect_err("something is wrong");
        assert_eq!(problem.code, "SW-3011");
        problem.in_file("a.json").text()
    }

    #[test]
    fn a_declaration_a_request_and_lists_of_both_are_understood() {
        let id = "0190a6e1-0000-7000-8000-000000000001";
        let wrapped = format!(r#"{{"declaration": {IMPORT}, "requestId": "{id}"}}"#);
        let bare = items(IMPORT);
        let with_id = items(&wrapped);
        let both = items(&format!("\u{feff}[{IMPORT}, {wrapped}]"));
        assert_eq!((bare.len(), with_id.len(), both.len()), (1, 1, 2));
        assert_eq!(bare[0].request.declaration, with_id[0].request.declaration);
        assert_eq!(with_id[0].request.request_id, id);
        assert_eq!(both[1].request, with_id[0].request);
        assert_eq!((both[0].document, both[1].document), (1, 2));
        assert!(items("[]").is_empty());
    }

    #[test]
    fn the_same_content_is_the_same_request() {
        let spread = IMPORT.replace("\":", "\" :\n");
        assert_eq!(items(IMPORT)[0].request.request_id, items(&spread)[0].request.request_id);
        let other = IMPORT.replacen("9610", "1210", 1);
        assert_ne!(items(IMPORT)[0].request.request_id, items(&other)[0].request.request_id);
        assert_ne!(change_id("amend", "a", 1, b""), change_id("amend", "a", 2, b""));
    }

    #[test]
    fn what_does_not_fit_is_named_with_line_and_column() {
        let unknown = refused("{\n  \"trade_mode\": \"9610\",\n  \"tradeMood\": 1\n}");
        assert!(
            unknown.contains("a.json:3:13: unknown field `tradeMood`; did you mean `tradeMode`?")
        );
        let nested = refused("[\n{\"lines\": [{\n\"gnum\": \"x\"}]}]");
        assert!(nested.contains("a.json:3:"), "{nested}");
        let broken = refused("{\n\"trade_mode\": \n}");
        assert!(broken.contains("a.json:3:1: expected value"), "{broken}");
        let word = refused("\"declaration\"");
        assert!(word.contains("expected a declaration, a request, or a list of them"), "{word}");
        assert!(refused("[7]").contains("expected a declaration or a request"));
        assert!(refused("{} {}").contains("trailing characters"));
        assert!(refused(" \n").contains("the file is empty"));
    }

    #[test]
    fn messages_are_told_from_json_by_their_first_character() {
        assert!(is_xml(b"\xef\xbb\xbf \n<a/>") && is_xml(b"\xff\xfe<\0") && is_xml(b"<\0a\0"));
        assert!(!is_xml(b"\xef\xbb\xbf{}") && !is_xml(b"") && !is_xml(b" [\"<\"]"));
        let item = &items(MESSAGE)[0];
        let declaration = item.request.declaration.as_ref().expect("a declaration");
        assert_eq!(declaration.trade_mode, "9610");
        let source = item.source.as_ref().expect("a document");
        let id = ceb::request_id(&source.document).expect("an inventory");
        assert_eq!(id.to_string(), item.request.request_id);

        let order = include_bytes!("../../../../docs/examples/ceb/ceb311.xml");
        let problem = xml(order, Language::English).expect_err("an order is no inventory");
        assert_eq!(problem.code, "SW-3008");
        let told = problem.in_file("ceb311.xml").text();
        assert!(told.contains("ceb311.xml:2 CEB311Message: CEB311 (import order) is no inventory"));
    }
}
