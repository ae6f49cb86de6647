//! No input gives an internal code: every field of every call, by the schema, with what breaks programs.

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
    Value,
};
use proto::v1::{self, connect_request::Frame};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::harness::exchange::{Stream, explained, verdict};
use crate::harness::people::{Enterprise, code};
use crate::harness::{PATIENCE, Sandbox};

/// Messages as the bytes that they are.
#[derive(Debug, Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// A method with a caller who may call it.
struct Call {
    method: MethodDescriptor,
    window: client::Window,
}

impl Call {
    /// Sends one message; the first answer or the refusal. A stream that stays open says so, with a heartbeat
    /// at the latest: silence would prove nothing.
    async fn sends(&self, message: Vec<u8>) -> Result<Option<Bytes>, Status> {
        let path = format!("/{}/{}", self.method.parent_service().full_name(), self.method.name());
        let path = PathAndQuery::try_from(path).expect("a path");
        let mut grpc = tonic::client::Grpc::new(self.window.channel());
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let one = tokio_stream::iter([message]);
        let answers = grpc.streaming(Request::new(one), path, Raw).await?;
        let mut answers = answers.into_inner();
        let answer = tokio::time::timeout(PATIENCE, answers.message()).await;
        answer.unwrap_or_else(|_| panic!("{} says nothing", self.method.full_name()))
    }
}

/// Every method with the first of these callers who may call it.
async fn calls(sandbox: &Sandbox, pool: &DescriptorPool) -> Vec<Call> {
    let callers = [
        "enterprise-a",
        "customs",
        "quarantine",
        "site",
        "admin",
        "inspection-service",
        "gateway",
        "agent",
        "tax-office",
        "bank",
    ];
    let mut windows = Vec::new();
    for caller in callers {
        if sandbox.directory.path().join(format!("identities/{caller}.pem")).exists() {
            windows.push(sandbox.connect(caller).await);
        }
    }
    let mut calls = Vec::new();
    // An exchange has an order of frames of its own, see below.
    let services = pool.services().filter(|service| !service.name().ends_with("ExchangeService"));
    for method in services.flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let mut found = None;
        for window in &windows {
            let call = Call { method: method.clone(), window: window.clone() };
            match call.sends(Vec::new()).await {
                Err(status) if status.code() == Code::PermissionDenied => {}
                _ => {
                    found = Some(call);
                    break;
                }
            }
        }
        calls.push(found.unwrap_or_else(|| panic!("nobody may call {}", method.full_name())));
    }
    calls
}

/// Every path to a field of a message, with its messages around it.
fn paths(message: &MessageDescriptor) -> Vec<Vec<FieldDescriptor>> {
    let mut paths = Vec::new();
    for field in message.fields() {
        match field.kind() {
            Kind::Message(inner) if inner.full_name().starts_with("single_window.") => {
                paths.extend(paths_below(&field, &inner));
            }
            Kind::Message(_) => {}
            _ => paths.push(vec![field]),
        }
    }
    paths
}

fn paths_below(field: &FieldDescriptor, inner: &MessageDescriptor) -> Vec<Vec<FieldDescriptor>> {
    let below = paths(inner).into_iter();
    below.map(|path| std::iter::once(field.clone()).chain(path).collect()).collect()
}

/// A message with one field, and how a refusal names that field.
fn with(message: &MessageDescriptor, path: &[FieldDescriptor], value: &Value) -> DynamicMessage {
    let mut whole = DynamicMessage::new(message.clone());
    // What is looked at before anything else is in order.
    let id = Uuid::now_v7().to_string();
    for (field, value) in [("name", format!("declarations/{id}")), ("request_id", id)] {
        if message.get_field_by_name(field).is_some_and(|field| field.kind() == Kind::String) {
            whole.set_field_by_name(field, Value::String(value));
        }
    }
    let (field, below) = path.split_first().expect("a path has a field");
    let inner = match (field.kind(), below) {
        (Kind::Message(inner), [_, ..]) => Value::Message(with(&inner, below, value)),
        _ => value.clone(),
    };
    let inner = if field.is_list() { Value::List(vec![inner]) } else { inner };
    whole.set_field(field, inner);
    whole
}

fn name(path: &[FieldDescriptor]) -> String {
    let names = path.iter().map(|field| {
        let index = if field.is_list() { "[0]" } else { "" };
        format!("{}{index}", field.name())
    });
    names.collect::<Vec<_>>().join(".")
}

/// The fields that a refusal names, of the call or of one item of its stream.
fn named(answer: &Result<Option<Bytes>, Status>, output: &MessageDescriptor) -> Vec<String> {
    match answer {
        Err(status) => {
            let listed = status.get_details_bad_request().map(|it| it.field_violations);
            listed.unwrap_or_default().into_iter().map(|it| it.field).collect()
        }
        Ok(Some(bytes)) if output.name() == "SubmitStreamResponse" => {
            let answer = v1::SubmitStreamResponse::decode(bytes.clone()).expect("an answer");
            match answer.result {
                Some(v1::submit_stream_response::Result::Refusal(refusal)) => {
                    refusal.violations.into_iter().map(|it| it.field).collect()
                }
                _ => Vec::new(),
            }
        }
        Ok(_) => Vec::new(),
    }
}

fn internal(answer: &Result<Option<Bytes>, Status>) -> bool {
    let ours = [Code::Internal, Code::Unknown, Code::DataLoss, Code::Unavailable, Code::Cancelled];
    answer.as_ref().is_err_and(|status| ours.contains(&status.code()))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_text_of_every_call_is_read() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let pool = DescriptorPool::decode(proto::DESCRIPTOR).expect("the schema");
    let (mut tried, mut wrong) = (0, Vec::new());
    for call in calls(&sandbox, &pool).await {
        let (input, output) = (call.method.input(), call.method.output());
        let texts = paths(&input)
            .into_iter()
            .filter(|path| path.last().is_some_and(|field| matches!(field.kind(), Kind::String)));
        for path in texts {
            let item = if call.method.is_client_streaming() { "item." } else { "" };
            let field = name(&path).trim_start_matches(item).to_owned();
            for poison in ["a\u{0}b", "a\u{7}", "a\u{202e}b"] {
                let value = Value::String(poison.to_owned());
                let answer = call.sends(with(&input, &path, &value).encode_to_vec()).await;
                tried += 1;
                // The currency of an amount is named as the amount.
                let about =
                    |named: &String| *named == field || field.starts_with(&format!("{named}."));
                if !named(&answer, &output).iter().any(about) {
                    let said = answer.err().map(|status| status.message().to_owned());
                    wrong.push(format!("{} {field} {poison:?}: {said:?}", call.method.name()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried} taken:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 300, "only {tried} texts were tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_any_field_gives_an_internal_code() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let pool = DescriptorPool::decode(proto::DESCRIPTOR).expect("the schema");
    let texts =
        ["\u{ffff}", "'; drop table x; --", "%_\\", "😀", &"长".repeat(3_999), &"x".repeat(20_000)];
    let mut wrong = Vec::new();
    for call in calls(&sandbox, &pool).await {
        let input = call.method.input();
        let mut messages: Vec<(String, Vec<u8>)> = Vec::new();
        for path in paths(&input) {
            let field = path.last().expect("a path has a field");
            let values: Vec<Value> = match field.kind() {
                Kind::String => {
                    texts.iter().map(|text| Value::String((*text).to_owned())).collect()
                }
                Kind::Bytes => vec![Value::Bytes(Bytes::from_static(b"\0\xff<a"))],
                Kind::Int32 => [i32::MIN, -1, i32::MAX].map(Value::I32).to_vec(),
                Kind::Int64 => [i64::MIN, -1, i64::MAX].map(Value::I64).to_vec(),
                Kind::Uint32 => vec![Value::U32(u32::MAX)],
                Kind::Uint64 => vec![Value::U64(u64::MAX)],
                Kind::Enum(_) => [-1, 99].map(Value::EnumNumber).to_vec(),
                _ => Vec::new(),
            };
            for value in values {
                let what = format!("{} = {}", name(&path), short(&value));
                messages.push((what, with(&input, &path, &value).encode_to_vec()));
            }
        }
        for bytes in [&[0xff_u8; 11][..], b"\x0a\xff\x01", b"\x0b", b"\x0a\x02\xff\xfe", b"\x12"] {
            messages.push((format!("bytes {bytes:?}"), bytes.to_vec()));
        }
        for (what, message) in messages {
            let answer = call.sends(message).await;
            if internal(&answer) {
                wrong.push(format!("{} {what}: {answer:?}", call.method.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn short(value: &Value) -> String {
    format!("{value:?}").chars().take(40).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_poisoned_verdict_stops_nobody() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let open = async |caller: &str, agency| {
        let window = sandbox.connect(caller).await;
        Stream::open(&window, agency, "c-1", Vec::new(), 100).await.expect("it may")
    };
    let mut customs = open("customs", v1::Agency::Customs).await;
    let mut ciq = open("quarantine", v1::Agency::Quarantine).await;
    let receipt = firm.files("QD-POISON").await;
    let event = customs.events(1).await.remove(0);
    ciq.events(1).await;

    let why = vec![v1::Reason { code: "1\u{0}".into(), text: "no\u{0}".into() }];
    let bad = explained(&event, v1::Outcome::Rejected, why);
    let good = verdict(&event, v1::Outcome::Cleared);
    customs.send(Frame::Answers(v1::Answers { answers: vec![bad, good] })).await;
    let mut results = customs.results().await;
    while results.len() < 2 {
        results.extend(customs.results().await);
    }
    assert_eq!(results[0].result(), v1::ResultCode::Refused);
    assert!(results[0].message.contains("verdict.reasons[0].text"), "{}", results[0].message);
    assert_eq!(results[1].result(), v1::ResultCode::Applied);
    assert_eq!(
        ciq.decides(verdict(&event, v1::Outcome::Cleared)).await.result(),
        v1::ResultCode::Applied
    );
    firm.sees(&receipt.name, v1::State::Released).await;
    customs.leaves().await;
    ciq.leaves().await;
}

/// A filing with so many empty lines. As objects they would take the test longest of all.
fn filing_of(lines: usize) -> Vec<u8> {
    let line = v1::Declaration { lines: vec![v1::GoodsLine::default()], ..Default::default() };
    let content = line.encode_to_vec().repeat(lines);
    let empty =
        v1::SubmitRequest { declaration: Some(v1::Declaration::default()), ..Default::default() };
    let empty = empty.encode_to_vec();
    let [tag, 0] = empty[..] else { panic!("a field is a tag and a length: {empty:?}") };
    let request_id = Uuid::now_v7().to_string();
    let mut bytes = v1::SubmitRequest { request_id, ..Default::default() }.encode_to_vec();
    bytes.push(tag);
    prost::encode_length_delimiter(content.len(), &mut bytes).expect("a vector has room");
    bytes.extend(content);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_counted_before_they_become_objects() {
    let mut sandbox = Sandbox::process(&["--no-agencies"]).await;
    let pool = DescriptorPool::decode(proto::DESCRIPTOR).expect("the schema");
    let submit = pool.get_service_by_name("single_window.declaration.v1.DeclarationService");
    let submit = submit.expect("it is there").methods().find(|method| method.name() == "Submit");
    let method = submit.expect("it is there");
    let call = Call { method, window: sandbox.connect("enterprise-a").await };
    let before = sandbox.resident_bytes();
    let request = filing_of(1_300_000);
    assert!(request.len() < 4 * 1024 * 1024, "it may be sent");
    for _ in 0..3 {
        let refused = tokio::time::timeout(PATIENCE, call.sends(request.clone())).await;
        let status = refused.expect("an answer in time").expect_err("too many lines");
        assert_eq!((code(&status).0.as_str(), status.code()), ("SW-1008", Code::InvalidArgument));
    }
    let grown = sandbox.resident_bytes().saturating_sub(before);
    assert!(grown < 64 * 1024 * 1024, "three messages of 4 MB cost {grown} bytes");
    sandbox.stop();
}

/// What the payment service's exchange says to a bank that sends this file, in a frame of its own.
async fn bank_file(window: &client::Window, document: &str) -> Result<v1::Result, Status> {
    use v1::connect_request::Frame as Out;
    use v1::connect_response::Frame as In;
    let open = v1::Open {
        subscriber: v1::Subscriber::Bank.into(),
        consumer: "bad-texts".to_owned(),
        ..Default::default()
    };
    let file = v1::BankFile { document: document.to_owned() };
    let answer = v1::Answer {
        request_id: uuid::Uuid::now_v7().to_string(),
        declaration_id: uuid::Uuid::now_v7().to_string(),
        what: Some(v1::answer::What::BankFile(file)),
        ..Default::default()
    };
    let frames = [Out::Open(open), Out::Answers(v1::Answers { answers: vec![answer] })];
    let said = frames.map(|frame| v1::ConnectRequest { frame: Some(frame) });
    let said = futures::StreamExt::chain(futures::stream::iter(said), futures::stream::pending());
    let mut heard = window.payment_exchange().connect(said).await?.into_inner();
    let result = async {
        while let Some(frame) = heard.message().await? {
            if let Some(In::Results(results)) = frame.frame {
                return Ok(results.results.into_iter().next().expect("one a file"));
            }
        }
        panic!("the stream ended without a word")
    };
    tokio::time::timeout(PATIENCE, result).await.expect("it answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_bank_that_is_none_is_refused_at_its_exchange() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let bank = sandbox.connect("bank").await;
    for document in ["", "a\u{0}b", "a\u{202e}b", "no file", "<Document/>", "<a><b></a>"] {
        match bank_file(&bank, document).await {
            Ok(result) => {
                assert_eq!(result.result(), v1::ResultCode::Refused, "{document:?}: {result:?}");
                let is_ours = result.code.starts_with("SW-19") || result.code.is_empty();
                assert!(!is_ours, "{document:?}: {result:?}");
            }
            Err(status) => {
                assert_eq!(status.code(), Code::InvalidArgument, "{document:?}: {status}")
            }
        }
    }
}
