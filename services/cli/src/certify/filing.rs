//! What a request says, whichever of the interfaces it came over: which call it is, whose order, under which request id.
//! And what its answer says.

use std::io::Read as _;

use http::{HeaderMap, Method};
use prost::Message as _;
use proto::{ceb, v1};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tonic_types::StatusExt as _;

use super::super::ceb::message::contents;
use super::filed_request::Filing;
use super::traffic::{CallOutcome, StatusNotice};

/// A call, as far as scenarios know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// `POST /v1/declarations`
    SubmitJson,
    /// `Submit`
    SubmitGrpc,
    /// `POST /v1/declarations/{id}:amend`
    AmendJson,
    /// `Amend`
    AmendGrpc,
    /// `POST /ceb`
    SendMessage,
    /// `POST /v1/ceb/messages`
    SendJson,
    /// `CebService.Send`
    SendGrpc,
    /// Many at once: goes through as it is.
    Batch,
    /// Asks how things stand, over HTTP.
    ReadHttp,
    /// The same over gRPC.
    ReadGrpc(StatusAnswer),
    /// Something else: goes through as it is.
    Other,
}

/// What an answer over gRPC is that says how things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusAnswer {
    Get,
    List,
    Watch,
    Receipts,
    ReceiptStream,
    Documents,
}

const DECLARATIONS: &str = "/single_window.declaration.v1.DeclarationService/";
const CEB: &str = "/single_window.ceb.v1.CebService/";

impl CallKind {
    /// The call of a method and path.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        if let Some(call) = path.strip_prefix(DECLARATIONS) {
            return match call {
                "Submit" => Self::SubmitGrpc,
                "SubmitStream" => Self::Batch,
                "Amend" => Self::AmendGrpc,
                "Get" => Self::ReadGrpc(StatusAnswer::Get),
                "List" => Self::ReadGrpc(StatusAnswer::List),
                "Watch" => Self::ReadGrpc(StatusAnswer::Watch),
                _ => Self::Other,
            };
        }
        if let Some(call) = path.strip_prefix(CEB) {
            return match call {
                "Send" => Self::SendGrpc,
                "SendStream" => Self::Batch,
                "ListReceipts" => Self::ReadGrpc(StatusAnswer::Receipts),
                "FollowReceipts" => Self::ReadGrpc(StatusAnswer::ReceiptStream),
                "ListDocuments" => Self::ReadGrpc(StatusAnswer::Documents),
                _ => Self::Other,
            };
        }
        let is_read = ["/v1/declarations", "/v1/ceb/", "/ceb/"];
        match path {
            "/v1/declarations" if method == Method::POST => Self::SubmitJson,
            "/v1/declarations:batch" | "/v1/ceb/messages:batch" => Self::Batch,
            "/ceb" if method == Method::POST => Self::SendMessage,
            "/v1/ceb/messages" if method == Method::POST => Self::SendJson,
            path if method == Method::POST
                && path.starts_with("/v1/declarations/")
                && path.ends_with(":amend") =>
            {
                Self::AmendJson
            }
            path if method == Method::GET && is_read.iter().any(|it| path.starts_with(it)) => {
                Self::ReadHttp
            }
            _ => Self::Other,
        }
    }

    /// Whether it is read whole before it goes on.
    pub(crate) fn is_change(self) -> bool {
        !matches!(self, Self::Batch | Self::ReadHttp | Self::ReadGrpc(_) | Self::Other)
    }

    /// Whether its answer is in words of gRPC.
    pub(crate) fn is_grpc(self) -> bool {
        matches!(self, Self::SubmitGrpc | Self::AmendGrpc | Self::SendGrpc | Self::ReadGrpc(_))
    }
}

/// Reads a request; `None` when nothing can be known of it, which is for the window to say.
pub(crate) fn read(kind: CallKind, headers: &HeaderMap, body: &[u8]) -> Option<Filing> {
    match kind {
        CallKind::SubmitJson | CallKind::AmendJson => {
            let value: Value = serde_json::from_slice(body).ok()?;
            // A check keeps nothing.
            if is_true(&value, ["validateOnly", "validate_only"]) {
                return None;
            }
            let declaration = value.get("declaration")?;
            let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
            let id = key.or_else(|| text(&value, ["requestId", "request_id"]));
            Some(Filing {
                order_no: text(declaration, ["orderNo", "order_no"])?.to_owned(),
                request_id: proto::text(id),
                content: digest(declaration.to_string().as_bytes()),
                is_filing: kind == CallKind::SubmitJson,
                documents: Vec::new(),
            })
        }
        CallKind::SubmitGrpc => {
            let request = v1::SubmitRequest::decode(&*message(headers, body)?).ok()?;
            let declaration = request.declaration.filter(|_| !request.validate_only)?;
            Some(of_declaration(request.request_id, &declaration, true))
        }
        CallKind::AmendGrpc => {
            let request = v1::AmendRequest::decode(&*message(headers, body)?).ok()?;
            let declaration = request.declaration.filter(|_| !request.validate_only)?;
            Some(of_declaration(request.request_id, &declaration, false))
        }
        CallKind::SendMessage => of_message(body),
        CallKind::SendJson => {
            of_message(&serde_json::from_slice::<v1::SendRequest>(body).ok()?.message)
        }
        CallKind::SendGrpc => {
            of_message(&v1::SendRequest::decode(&*message(headers, body)?).ok()?.message)
        }
        CallKind::Batch | CallKind::ReadHttp | CallKind::ReadGrpc(_) | CallKind::Other => None,
    }
}

fn of_declaration(request_id: String, declaration: &v1::Declaration, is_filing: bool) -> Filing {
    Filing {
        order_no: declaration.order_no.clone(),
        request_id,
        content: digest(&declaration.encode_to_vec()),
        is_filing,
        documents: Vec::new(),
    }
}

/// The first inventory of a national message, or else its first document. The guid says which content it is.
fn of_message(body: &[u8]) -> Option<Filing> {
    let message = contents(body).ok()?;
    let number = message.message_type.number();
    let is_filing = matches!(number, 603 | 621);
    let document = &message.documents.first()?.document;
    let content = serde_json::to_vec(document).ok()?;
    Some(Filing {
        order_no: document.text("orderNo"),
        request_id: document.guid().to_owned(),
        content: digest(&content),
        is_filing,
        documents: vec![number.into()],
    })
}

fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text<'a>(value: &'a Value, names: [&str; 2]) -> Option<&'a str> {
    names.iter().find_map(|name| value.get(*name)?.as_str())
}

fn is_true(value: &Value, names: [&str; 2]) -> bool {
    names.iter().any(|name| value.get(*name) == Some(&Value::Bool(true)))
}

/// The one message of a unary call of gRPC, unpacked where it is packed.
fn message(headers: &HeaderMap, body: &[u8]) -> Option<Vec<u8>> {
    let (packed, message, _) = frame(body)?;
    if !packed {
        return Some(message.to_vec());
    }
    let encoding = headers.get("grpc-encoding")?.to_str().ok()?;
    let most = u64::try_from(domain::limits::MESSAGE_BYTES_MAX).ok()?;
    let mut unpacked = Vec::new();
    match encoding {
        "gzip" => {
            let mut reader = flate2::read::GzDecoder::new(message).take(most);
            reader.read_to_end(&mut unpacked).ok()?;
        }
        _ => return None,
    }
    Some(unpacked)
}

/// The first message of a stream of gRPC, whether it is packed, and where the next begins.
fn frame(bytes: &[u8]) -> Option<(bool, &[u8], usize)> {
    let (head, rest) = bytes.split_at_checked(5)?;
    let length = usize::try_from(u32::from_be_bytes(head[1..].try_into().ok()?)).ok()?;
    Some((head[0] != 0, rest.get(..length)?, 5 + length))
}

/// What the window said to a filing. `trailers` are those of gRPC, which stand in the head when nothing else comes.
pub(crate) fn outcome(
    kind: CallKind,
    status: http::StatusCode,
    headers: &HeaderMap,
    (body, trailers): (&[u8], Option<&HeaderMap>),
) -> CallOutcome {
    if kind.is_grpc() {
        let status = trailers.and_then(tonic::Status::from_header_map);
        let status = status.or_else(|| tonic::Status::from_header_map(headers));
        return of_grpc(kind, body, status);
    }
    if !status.is_success() {
        let problem: Value = serde_json::from_slice(body).unwrap_or_default(); // CEB900 is XML
        let rules = problem.get("violations").or_else(|| problem.get("faults"));
        return CallOutcome::Refused {
            status: status.as_u16().to_string(),
            code: proto::text(problem.get("code").and_then(Value::as_str)),
            rules: rules.and_then(Value::as_array).map_or(0, Vec::len),
        };
    }
    match kind {
        CallKind::SendMessage | CallKind::SendJson => of_receipts(body),
        _ => {
            let receipt: Value = serde_json::from_slice(body).unwrap_or_default(); // a name is asked for below
            let repeated = headers.get("idempotent-replayed").is_some_and(|it| it == "true");
            let name = proto::text(receipt.get("name").and_then(Value::as_str));
            CallOutcome::Accepted { name, repeated }
        }
    }
}

fn of_grpc(kind: CallKind, body: &[u8], status: Option<tonic::Status>) -> CallOutcome {
    if let Some(status) = status.filter(|status| status.code() != tonic::Code::Ok) {
        let details = status.get_error_details();
        return CallOutcome::Refused {
            status: format!("{:?}", status.code()),
            code: proto::text(details.error_info().map(|info| info.reason.as_str())),
            rules: details.bad_request().map_or(0, |bad| bad.field_violations.len()),
        };
    }
    let message = frame(body).map_or(&[][..], |(_, message, _)| message);
    match kind {
        CallKind::SendGrpc => {
            v1::SendResponse::decode(message).map_or(CallOutcome::Open, |it| of_answer(&it))
        }
        CallKind::AmendGrpc => v1::AmendResponse::decode(message).map_or(CallOutcome::Open, |it| {
            CallOutcome::Accepted { name: it.name, repeated: false }
        }),
        _ => v1::SubmitResponse::decode(message).map_or(CallOutcome::Open, |it| {
            CallOutcome::Accepted { name: it.name, repeated: it.repeated }
        }),
    }
}

/// What a national message was answered: a receipt message, or JSON of several.
fn of_receipts(body: &[u8]) -> CallOutcome {
    if let Ok(answer) = serde_json::from_slice::<v1::SendResponse>(body) {
        return of_answer(&answer);
    }
    let receipts = ceb::read(body).map(|message| message.documents);
    let statuses = receipts.iter().flatten().map(|it| it.document.text("returnStatus"));
    of_statuses(statuses.filter_map(|status| status.parse().ok()).collect())
}

fn of_answer(answer: &v1::SendResponse) -> CallOutcome {
    let receipts = answer.messages.iter().flat_map(|message| &message.receipts);
    match of_statuses(receipts.map(|receipt| receipt.return_status).collect()) {
        CallOutcome::Refused { status, code, .. } if !answer.faults.is_empty() => {
            CallOutcome::Refused { status, code, rules: answer.faults.len() }
        }
        outcome => outcome,
    }
}

fn of_statuses(statuses: Vec<i32>) -> CallOutcome {
    match statuses.iter().find(|status| **status < 0) {
        Some(status) => CallOutcome::Refused {
            status: status.to_string(),
            code: String::new(),
            rules: statuses.iter().filter(|status| **status < 0).count(),
        },
        // Whether it was known before is not said: a document is known by its guid.
        None => CallOutcome::Accepted { name: String::new(), repeated: false },
    }
}

/// Reads along what the firm's system is told.
#[derive(Debug)]
pub(crate) struct StatusReader {
    kind: CallKind,
    buffer: Vec<u8>,
}

/// What is longer is not read along.
const READ_BYTES_MAX: usize = 16 * 1024 * 1024;

impl StatusReader {
    pub(crate) fn new(kind: CallKind) -> Self {
        Self { kind, buffer: Vec::new() }
    }

    /// What a piece of the answer completes.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<StatusNotice> {
        if self.buffer.len() + piece.len() > READ_BYTES_MAX {
            self.buffer.clear();
            return Vec::new();
        }
        self.buffer.extend_from_slice(piece);
        match self.kind {
            CallKind::ReadGrpc(answer) => self.frames(answer),
            _ => self.texts(),
        }
    }

    fn frames(&mut self, answer: StatusAnswer) -> Vec<StatusNotice> {
        let mut notices = Vec::new();
        while let Some((_, message, next)) = frame(&self.buffer) {
            notices.extend(statuses(answer, message));
            self.buffer.drain(..next);
        }
        notices
    }

    /// JSON as a whole or as lines of events; a receipt as XML.
    fn texts(&mut self) -> Vec<StatusNotice> {
        if let Ok(value) = serde_json::from_slice::<Value>(&self.buffer) {
            self.buffer.clear();
            return of_json(&value);
        }
        if let Ok(message) = ceb::read(&self.buffer) {
            self.buffer.clear();
            let documents = message.documents.iter().map(|it| &it.document);
            return documents.flat_map(of_receipt).collect();
        }
        let mut notices = Vec::new();
        while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let lines = event.split(|byte| *byte == b'\n');
            for data in lines.filter_map(|line| line.strip_prefix(b"data:")) {
                notices.extend(serde_json::from_slice(data).iter().flat_map(of_json));
            }
        }
        notices
    }
}

fn statuses(answer: StatusAnswer, message: &[u8]) -> Vec<StatusNotice> {
    let of_record = |record: v1::DeclarationRecord| notice(&record.name, record.state());
    let receipts = |messages: Vec<v1::OutgoingMessage>| {
        let receipts = messages.into_iter().flat_map(|message| message.receipts);
        receipts.map(|it| plain(&it.document_guid, it.return_status)).collect()
    };
    let read = match answer {
        StatusAnswer::Get => v1::GetResponse::decode(message)
            .map(|it| it.record.into_iter().map(of_record).collect()),
        StatusAnswer::List => v1::ListResponse::decode(message)
            .map(|it| it.records.into_iter().map(of_record).collect()),
        StatusAnswer::Watch => {
            v1::WatchResponse::decode(message).map(|it| vec![notice(&it.name, it.state())])
        }
        StatusAnswer::Receipts => {
            v1::ListReceiptsResponse::decode(message).map(|it| receipts(it.messages))
        }
        StatusAnswer::ReceiptStream => v1::FollowReceiptsResponse::decode(message)
            .map(|it| receipts(it.message.into_iter().collect())),
        StatusAnswer::Documents => v1::ListDocumentsResponse::decode(message).map(|it| {
            let documents = it.documents.iter();
            documents.map(|it| plain(&it.guid, it.return_status)).collect()
        }),
    };
    read.unwrap_or_default() // what cannot be read says nothing
}

fn notice(name: &str, state: v1::State) -> StatusNotice {
    StatusNotice { subject: name.to_owned(), status: state.as_str_name().to_owned() }
}

fn plain(guid: &str, status: i32) -> StatusNotice {
    StatusNotice { subject: guid.to_uppercase(), status: status.to_string() }
}

/// Records and news of declarations, receipts and documents, wherever they stand in the answer.
fn of_json(value: &Value) -> Vec<StatusNotice> {
    let mut notices = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                open.extend(members.values());
                if let (Some(name), Some(state)) =
                    (text(value, ["name", "name"]), text(value, ["state", "state"]))
                {
                    notices
                        .push(StatusNotice { subject: name.to_owned(), status: state.to_owned() });
                }
                let guid = text(value, ["documentGuid", "document_guid"]);
                let guid = guid.or_else(|| text(value, ["guid", "guid"]));
                let status = ["returnStatus", "return_status"];
                let status = status.iter().find_map(|name| value.get(*name)?.as_i64());
                if let (Some(guid), Some(status)) = (guid, status) {
                    let (subject, status) = (guid.to_uppercase(), status.to_string());
                    notices.push(StatusNotice { subject, status });
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    notices
}

/// A receipt names its document by copNo or preNo, an order number where it has one.
fn of_receipt(receipt: &ceb::Document) -> Vec<StatusNotice> {
    let status = receipt.text("returnStatus");
    let names = ["copNo", "preNo", "orderNo"].map(|element| receipt.text(element));
    let names = names.into_iter().filter(|name| !name.is_empty());
    names.map(|subject| StatusNotice { subject, status: status.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(message: &impl prost::Message) -> Vec<u8> {
        let bytes = message.encode_to_vec();
        let length = u32::try_from(bytes.len()).expect("small").to_be_bytes();
        [&[0][..], &length, &bytes].concat()
    }

    #[test]
    fn calls_are_known_by_method_and_path() {
        let of = |method: Method, path: &str| CallKind::of(&method, path);
        assert_eq!(of(Method::POST, "/v1/declarations"), CallKind::SubmitJson);
        assert_eq!(of(Method::GET, "/v1/declarations"), CallKind::ReadHttp);
        assert_eq!(of(Method::POST, "/v1/declarations/7:amend"), CallKind::AmendJson);
        assert_eq!(of(Method::POST, "/v1/declarations/7:withdraw"), CallKind::Other);
        assert_eq!(of(Method::POST, "/v1/declarations:batch"), CallKind::Batch);
        assert_eq!(of(Method::POST, "/ceb"), CallKind::SendMessage);
        assert_eq!(of(Method::GET, "/ceb/receipts"), CallKind::ReadHttp);
        assert_eq!(of(Method::POST, &format!("{DECLARATIONS}Submit")), CallKind::SubmitGrpc);
        let watch = of(Method::POST, &format!("{DECLARATIONS}Watch"));
        assert_eq!(watch, CallKind::ReadGrpc(StatusAnswer::Watch));
    }

    #[test]
    fn the_same_filing_is_the_same_however_its_json_is_written() {
        let of = |key: &'static str, body: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("idempotency-key", http::HeaderValue::from_static(key));
            read(CallKind::SubmitJson, &headers, body.as_bytes())
        };
        let one = of("a", r#"{"declaration": {"orderNo": "SBX-1", "packNo": 1}}"#);
        let one = one.expect("a filing");
        assert_eq!((one.order_no.as_str(), one.request_id.as_str()), ("SBX-1", "a"));
        let same = of("a", r#"{"declaration":{"packNo":1,"orderNo":"SBX-1"}}"#);
        assert_eq!(same, Some(one.clone()));
        let other = of("a", r#"{"declaration":{"packNo":2,"orderNo":"SBX-1"}}"#);
        assert_ne!(other.expect("a filing").content, one.content);
        assert!(of("a", r#"{"declaration":{"orderNo":"SBX-1"},"validateOnly":true}"#).is_none());
        assert!(of("a", "no JSON").is_none());
    }

    #[test]
    fn what_a_system_is_told_is_read_in_every_form() {
        let released = |subject: &str| StatusNotice {
            subject: subject.to_owned(),
            status: "STATE_RELEASED".to_owned(),
        };
        let mut page = StatusReader::new(CallKind::ReadHttp);
        assert!(page.push(br#"{"records": [{"name": "declarations/1", "#).is_empty());
        assert_eq!(page.push(br#""state": "STATE_RELEASED"}]}"#), [released("declarations/1")]);

        let mut events = StatusReader::new(CallKind::ReadHttp);
        assert!(events.push(b"id: 7\ndata: {\"name\":\"declarations/2\",").is_empty());
        let notices = events.push(b"\"state\":\"STATE_RELEASED\"}\n\nid: 8\n");
        assert_eq!(notices, [released("declarations/2")]);

        let news = |name: &str| v1::WatchResponse {
            name: name.to_owned(),
            state: v1::State::Released.into(),
            ..Default::default()
        };
        let mut watch = StatusReader::new(CallKind::ReadGrpc(StatusAnswer::Watch));
        let bytes = [framed(&news("declarations/3")), framed(&news("declarations/4"))].concat();
        let (first, rest) = bytes.split_at(bytes.len() - 3);
        assert_eq!(watch.push(first), [released("declarations/3")]);
        assert_eq!(watch.push(rest), [released("declarations/4")]);

        let json = br#"{"messages":[{"receipts":[{"document_guid":"ab","return_status":800}]}]}"#;
        let notices = StatusReader::new(CallKind::ReadHttp).push(json);
        assert_eq!(notices, [StatusNotice { subject: "AB".to_owned(), status: "800".to_owned() }]);
    }

    #[test]
    fn a_refusal_has_its_code_and_every_rule() {
        let body = br#"{"code":"SW-1001","violations":[{},{}]}"#;
        let status = http::StatusCode::BAD_REQUEST;
        let no = outcome(CallKind::SubmitJson, status, &HeaderMap::new(), (body, None));
        let expected =
            CallOutcome::Refused { status: "400".to_owned(), code: "SW-1001".to_owned(), rules: 2 };
        assert_eq!(no, expected);
        let receipt = v1::SubmitResponse {
            name: "declarations/1".to_owned(),
            repeated: true,
            ..Default::default()
        };
        let yes = outcome(
            CallKind::SubmitGrpc,
            http::StatusCode::OK,
            &HeaderMap::new(),
            (&framed(&receipt), None),
        );
        let expected = CallOutcome::Accepted { name: receipt.name, repeated: true };
        assert_eq!(yes, expected);
    }
}
