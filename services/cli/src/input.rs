//! Files of JSON become requests. A national message (CEB) never does: it goes to the national door as it
//! is.
//!
//! The invariant: the same document is always the same request. One without a `request_id` gets one from
//! its content, so that repeating a command files nothing twice.
//!
//! A file is read one document at a time, so that files of any length need no memory.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::Code;
use prost::Message as _;
use proto::status::Language;
use proto::v1;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::problem::{BrokenRule, Problem};
use super::values::{FileValue, ValueFault, Values};
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
pub(super) struct InputDocument {
    /// Its place in the file, from 1.
    pub(super) document: usize,
    /// The request as it is sent.
    pub(super) request: v1::SubmitRequest,
}

/// How a file is called in texts.
pub(super) fn name(path: &Path) -> String {
    if is_stdin(path) { "<stdin>".to_owned() } else { path.display().to_string() }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Documents that are read ahead of the window.
const AHEAD_MAX: usize = 64;

/// What comes out of files, in their order.
#[derive(Debug)]
pub(super) enum InputResult {
    /// A document.
    Item(Arc<str>, Box<InputDocument>),
    /// A file or a document in it, from 1, that cannot be read.
    Broken(Arc<str>, Option<usize>, Problem),
}

/// A usage error when one of these files is not there: nothing is done before all are.
pub(super) fn missing<'a>(
    files: impl IntoIterator<Item = &'a PathBuf>,
    language: Language,
) -> Option<Problem> {
    let files = files.into_iter().filter(|path| !is_stdin(path));
    let broken: Vec<_> =
        files.filter_map(|path| Some(unreadable(path, &open(path).err()?, language))).collect();
    (!broken.is_empty()).then(|| Problem::local(Code::FileUnreadable, language, broken))
}

fn open(path: &Path) -> io::Result<Box<dyn io::Read + Send>> {
    if is_stdin(path) {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(Box::new(file))
}

/// Why a file cannot be read, and what to do.
fn unreadable(path: &Path, error: &io::Error, language: Language) -> BrokenRule {
    let name = name(path);
    let text = match (language, error.kind()) {
        (Language::English, io::ErrorKind::NotFound) => {
            format!("{name} does not exist; check the name and from where it counts")
        }
        (Language::English, io::ErrorKind::IsADirectory) => {
            format!("{name} is a directory; name the files in it, as {name}/*")
        }
        (Language::English, io::ErrorKind::PermissionDenied) => {
            format!("{name} may not be read by this user; check its permissions")
        }
        (Language::English, _) => format!("{name}: {error}"),
        (Language::Chinese, io::ErrorKind::NotFound) => {
            format!("{name}不存在，请检查文件名和所在目录")
        }
        (Language::Chinese, io::ErrorKind::IsADirectory) => {
            format!("{name}是目录，请列出其中的文件，例如 {name}/*")
        }
        (Language::Chinese, io::ErrorKind::PermissionDenied) => {
            format!("当前用户无权读取{name}，请检查文件权限")
        }
        (Language::Chinese, _) => format!("{name}：{error}"),
    };
    BrokenRule::plain(Code::FileUnreadable, text)
}

/// Reads files on a thread of their own, no further ahead than the window takes.
pub(super) fn stream(
    files: Vec<PathBuf>,
    language: Language,
) -> tokio::sync::mpsc::Receiver<InputResult> {
    let (sender, receiver) = tokio::sync::mpsc::channel(AHEAD_MAX);
    // It ends by itself when nobody listens any more.
    drop(tokio::task::spawn_blocking(move || {
        for path in files {
            let file: Arc<str> = name(&path).into();
            let give = |document| {
                let file = Arc::clone(&file);
                let read = match document {
                    Ok(item) => InputResult::Item(file, Box::new(item)),
                    Err((number, problem)) => InputResult::Broken(file, number, problem),
                };
                sender.blocking_send(read).is_ok()
            };
            if !documents(&path, language, give) {
                return;
            }
        }
    }));
    receiver
}

/// Reads the documents of a small file, or of standard input for `-`. One that cannot be read refuses
/// the file.
pub(super) fn read(path: &Path, language: Language) -> Result<Vec<InputDocument>, Problem> {
    let mut items = Vec::new();
    let mut refused = None;
    documents(path, language, |read| match read {
        Ok(item) => {
            items.push(item);
            true
        }
        Err((_, problem)) => {
            refused = Some(problem);
            false
        }
    });
    refused.map_or(Ok(items), Err)
}

type Document = Result<InputDocument, (Option<usize>, Problem)>;

/// Hands over the documents of a file, as long as they are wanted. Says whether they still are.
fn documents(path: &Path, language: Language, mut give: impl FnMut(Document) -> bool) -> bool {
    let mut reader = match open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) => return give(Err((None, cannot_read(path, &error, language)))),
    };
    let is_message = match reader.fill_buf() {
        Ok(start) => is_xml(start),
        Err(error) => return give(Err((None, cannot_read(path, &error, language)))),
    };
    if is_message {
        return give(Err((None, other_door(language))));
    }
    json_documents(reader, path, language, give)
}

/// Whether a file is a national message. Only of what can be read twice is that asked: of files, and of
/// standard input, whose first bytes are kept.
pub(super) fn is_message(path: &Path) -> bool {
    if is_stdin(path) {
        return io::stdin().lock().fill_buf().is_ok_and(is_xml);
    }
    let is_file = std::fs::metadata(path).is_ok_and(|about| about.is_file());
    is_file && open(path).is_ok_and(|file| BufReader::new(file).fill_buf().is_ok_and(is_xml))
}

/// Why a national message is read by no command that declares.
fn other_door(language: Language) -> Problem {
    let text = pick(
        language,
        "this is a national message (CEB); it goes to the national door as it is, with \
         `single-window ceb send FILE`, and a change is a message of appType 2",
        "这是统一版报文（CEB），请用 single-window ceb send FILE 原样发送；变更请发送appType为2的报文",
    );
    let why = BrokenRule::plain(Code::XmlTypeUnsupported, text);
    Problem::local(Code::XmlTypeUnsupported, language, vec![why])
}

fn cannot_read(path: &Path, error: &io::Error, language: Language) -> Problem {
    let why = unreadable(path, error, language);
    Problem::local(Code::FileUnreadable, language, vec![why])
}

/// UTF-16 counts as XML too, because the reader of messages says best what is wrong with it.
fn is_xml(bytes: &[u8]) -> bool {
    let utf16 = [&b"\xff\xfe"[..], b"\xfe\xff", b"\0<"];
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    utf16.iter().any(|start| bytes.starts_with(start)) || text.trim_ascii_start().starts_with(b"<")
}

/// Names of files of which each line is a document.
const LINES: [&str; 2] = ["ndjson", "jsonl"];

fn json_documents(
    mut reader: BufReader<Box<dyn io::Read + Send>>,
    path: &Path,
    language: Language,
    give: impl FnMut(Document) -> bool,
) -> bool {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    if reader.fill_buf().is_ok_and(|start| start.starts_with(MARK)) {
        reader.consume(MARK.len());
    }
    let ending = path.extension().unwrap_or_default(); // no ending: not one of lines
    let lines = LINES.iter().any(|lines| ending.eq_ignore_ascii_case(lines));
    let unreadable = |error: &io::Error| cannot_read(path, error, language);
    json(Values::new(reader, lines), language, unreadable, give)
}

fn json<R: io::BufRead>(
    mut values: Values<R>,
    language: Language,
    unreadable: impl Fn(&io::Error) -> Problem,
    mut give: impl FnMut(Document) -> bool,
) -> bool {
    let malformed = |text: String, line: usize, column: usize| {
        let why = BrokenRule::of_json(text, line, column);
        Problem::local(Code::JsonMalformed, language, vec![why])
    };
    for number in 1.. {
        let (document, goes_on) = match values.next() {
            Ok(None) => return true,
            Ok(Some(value)) => {
                let request = request(&value, values.is_list());
                let item = request.map(|request| InputDocument { document: number, request });
                (item.map_err(|(text, line, column)| malformed(text, line, column)), true)
            }
            Err(ValueFault::Unreadable(error)) => (Err(unreadable(&error)), false),
            Err(ValueFault::Empty) => {
                let empty = pick(language, "the file is empty", "文件为空").to_owned();
                return give(Err((None, malformed(empty, 1, 0))));
            }
            Err(ValueFault::TooLong { line, column }) => {
                let long = pick(language, "a document is too long", "单证过长").to_owned();
                (Err(malformed(long, line, column)), true)
            }
            Err(ValueFault::Unexpected { line, column }) => {
                let text = pick(
                    language,
                    "expected `,` or the end of the list; nothing behind it is read",
                    "此处应为逗号或列表结尾，其后内容未读取",
                );
                (Err(malformed(text.to_owned(), line, column)), false)
            }
        };
        if !give(document.map_err(|problem| (Some(number), problem))) {
            return false;
        }
        if !goes_on {
            return true;
        }
    }
    true
}

/// A value as a request, or what is wrong with it and where in the file. The value is read twice: first
/// what shape it has, then what it is, so that what is wrong comes from the schema and has its line.
fn request(value: &FileValue, in_list: bool) -> Result<v1::SubmitRequest, (String, usize, usize)> {
    let read = || -> serde_json::Result<v1::SubmitRequest> {
        let shape = if in_list {
            serde_json::from_slice::<Shape>(&value.bytes)?
        } else {
            serde_json::from_slice::<Lone>(&value.bytes)?.0
        };
        let mut deserializer = serde_json::Deserializer::from_slice(&value.bytes);
        shape.deserialize(&mut deserializer)
    };
    let mut request = read().map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let message = error.to_string();
        let place = format!(" at line {line} column {column}");
        let message = message.strip_suffix(&place).unwrap_or(&message);
        let column = if line <= 1 { value.column.saturating_sub(1) + column } else { column };
        (guess(message), value.line.saturating_sub(1) + line, column)
    })?;
    if request.request_id.is_empty() {
        // Without a declaration the window refuses the request, whatever its id.
        let content =
            request.declaration.as_ref().map_or_else(Vec::new, prost::Message::encode_to_vec);
        request.request_id = request_id("submit", &content);
    }
    Ok(request)
}

/// Instead of the list of all ninety fields, the one that was perhaps meant.
fn guess(message: &str) -> String {
    let Some((what, known)) = message.split_once(", expected one of ") else {
        return message.to_owned();
    };
    let known: Vec<&str> = known.split(", ").map(|name| name.trim_matches('`')).collect();
    let written = what.split('`').nth(1).unwrap_or_default(); // then nothing is like it
    if known.len() <= KNOWN_SHOWN_MAX {
        return message.to_owned();
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

/// What an item looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A declaration.
    Bare,
    /// A request with a declaration in it.
    Wrapped,
}

/// What does not stand in a list; it says that it might have.
struct Lone(Shape);

impl<'de> Deserialize<'de> for Lone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a declaration, a request, or a list of them";
        deserializer.deserialize_any(Looker(expected)).map(Self)
    }
}

struct Looker(&'static str);

impl<'de> de::Visitor<'de> for Looker {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Shape, A::Error> {
        shape(map)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Looker("a declaration or a request"))
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

#[cfg(test)]
mod tests {
    use super::*;

    const IMPORT: &str = include_str!("../../../docs/examples/import-9610.json");

    fn items(text: &str) -> Vec<InputDocument> {
        let read = documents_of(text).into_iter().collect::<Result<_, _>>();
        read.expect("the file is well-formed")
    }

    fn documents_of(text: &str) -> Vec<Document> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("it is ours");
        let mut found = Vec::new();
        documents(file.path(), Language::English, |document| {
            found.push(document);
            true
        });
        found
    }

    fn refused(text: &str) -> String {
        let last = documents_of(text).pop().expect("something is there");
        let (_, problem) = last.expect_err("something is wrong");
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
        let line = refused("{}\n\n  {\"tradeMood\": 1}\n");
        assert!(line.contains("a.json:3:14: unknown field"), "{line}");
        assert!(refused("[{}, {}").contains("a.json:1:8: expected `,` or the end of the list"));
        assert!(refused(" \n").contains("the file is empty"));
    }

    #[test]
    fn each_line_is_a_document_and_a_broken_one_costs_no_other() {
        let line = IMPORT.replace('\n', " ");
        let wrapped = format!(r#"{{"declaration": {line}}}"#);
        let read = documents_of(&format!("{line}\n\n{{\"lines\": [\n{wrapped}\n"));
        let (first, third) = (read[0].as_ref().expect("one"), read[2].as_ref().expect("three"));
        assert_eq!((read.len(), first.document, third.document), (3, 1, 3));
        assert_eq!(first.request, third.request, "the same content is the same request");
        let (document, problem) = read[1].as_ref().expect_err("it is cut");
        assert_eq!(*document, Some(2));
        assert!(problem.clone().in_file("a").text().contains("a:3:"), "{problem:?}");
    }

    #[test]
    fn files_that_are_not_there_are_all_named_and_a_usage_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let there = directory.path().join("there");
        std::fs::write(&there, "{}").expect("it is ours");
        let [gone, here] = [directory.path().join("gone"), directory.path().to_owned()];
        let stdin = PathBuf::from("-");
        assert!(missing([&there, &stdin], Language::English).is_none());
        for language in [Language::English, Language::Chinese] {
            let problem = missing([&there, &gone, &here], language).expect("two are missing");
            assert_eq!(problem.exit, super::super::Exit::Usage);
            let text = problem.text();
            assert!(text.contains(&gone.display().to_string()), "{text}");
            assert_eq!(text.matches("\n  SW-4007").count(), 2, "{text}");
        }
    }

    #[test]
    fn messages_are_told_from_json_by_their_first_character() {
        assert!(is_xml(b"\xef\xbb\xbf \n<a/>") && is_xml(b"\xff\xfe<\0") && is_xml(b"<\0a\0"));
        assert!(!is_xml(b"\xef\xbb\xbf{}") && !is_xml(b"") && !is_xml(b" [\"<\"]"));
        let (_, problem) = documents_of("<a/>").pop().expect("one answer").expect_err("no JSON");
        assert_eq!(problem.code, "SW-3008");
        assert!(problem.text().contains("ceb send"), "{}", problem.text());
    }
}
