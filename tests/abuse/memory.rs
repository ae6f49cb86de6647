//! What one caller, or ten together, make the window keep in memory: messages that are large when they
//! are decoded, bodies that do not end, and answers that nobody reads.

use std::time::{Duration, Instant};

use bytes::{Buf as _, BufMut as _, Bytes};
use client::Config;
use futures::StreamExt as _;
use futures::future::join_all;
use prost::Message as _;
use proto::v1;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::Status;
use tonic::codec::{DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;

use crate::bare::BareProcess;
use crate::harness::people::{Enterprise, FIRM_A, export, filing};
use crate::harness::{Sandbox, data_dir};
use crate::wire::tls;
use crate::{meter, times};

/// What the window's process may have, whatever ten callers do.
pub(crate) const RESIDENT_MAX: u64 = 400 * 1024 * 1024;
const CROWD: usize = 10;
pub(crate) const SUBMIT: &str = "/single_window.declaration.v1.DeclarationService/Submit";
pub(crate) const SUBMIT_STREAM: &str =
    "/single_window.declaration.v1.DeclarationService/SubmitStream";
pub(crate) const WATCH: &str = "/single_window.declaration.v1.DeclarationService/Watch";
const LIST: &str = "/single_window.declaration.v1.DeclarationService/List";
/// One byte below what a message may have.
const MESSAGE_BYTES: usize = domain::limits::MESSAGE_BYTES_MAX - 1;

/// Messages as their bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw;

impl tonic::codec::Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
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

async fn raw(config: &Config) -> Option<tonic::client::Grpc<tonic::transport::Channel>> {
    let window = client::Window::connect(config).await.ok()?;
    let mut grpc = tonic::client::Grpc::new(window.channel());
    grpc.ready().await.ok()?;
    Some(grpc)
}

/// A connection that takes so many bytes of an answer before somebody reads it.
pub(crate) async fn narrow(config: &Config, room: u32) -> Option<tonic::transport::Channel> {
    let config = config.clone();
    let connect = tower::service_fn(move |_| {
        let config = config.clone();
        async move { tls(&config).await.map(hyper_util::rt::TokioIo::new) }
    });
    let endpoint = tonic::transport::Endpoint::from_static("http://localhost")
        .initial_stream_window_size(room)
        .initial_connection_window_size(64 * 1024);
    endpoint.connect_with_connector(connect).await.ok()
}

/// A submission of so many bytes that are lines without anything in them.
fn empty_lines(bytes: usize) -> Bytes {
    let line = v1::Declaration { lines: vec![v1::GoodsLine::default()], ..Default::default() };
    let line = line.encode_to_vec();
    let declaration = line.repeat(bytes / line.len() - 8);
    let mut message = Vec::new();
    prost::encoding::encode_key(2, prost::encoding::WireType::LengthDelimited, &mut message);
    prost::encoding::encode_varint(declaration.len() as u64, &mut message);
    message.extend(declaration);
    message.into()
}

/// One submission that fits into the bounds of lists, because it comes in pieces, and is many times as
/// large in memory.
fn in_pieces() -> Bytes {
    let lines = vec![v1::GoodsLine::default(); 900];
    let declaration = Some(v1::Declaration { lines, ..Default::default() });
    let piece = v1::SubmitRequest { declaration, ..Default::default() };
    piece.encode_to_vec().repeat(16).into()
}

async fn submit(config: &Config, message: Bytes) -> Result<(), Status> {
    let mut grpc = raw(config).await.ok_or_else(|| Status::unavailable("no connection"))?;
    let path = PathAndQuery::from_static(SUBMIT);
    let sent = grpc.unary(tonic::Request::new(message), path, Raw).await;
    sent.map(drop)
}

/// Posts a message but for its last byte, of gRPC or a national one; the answer, when there is one.
async fn unfinished_post(config: &Config, path: &str, bytes: usize) -> Option<String> {
    let stream = tls(config).await.ok()?;
    let (mut read, mut write) = tokio::io::split(stream);
    let send = async {
        let length = bytes + 6;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\
             {}\r\n",
            if path == SUBMIT { "Content-Type: application/grpc\r\n" } else { "" }
        );
        write.write_all(head.as_bytes()).await.ok()?;
        write.write_all(&[0]).await.ok()?;
        write.write_all(&u32::try_from(bytes + 1).ok()?.to_be_bytes()).await.ok()?;
        let some = vec![b' '; 64 * 1024];
        for _ in 0..bytes / some.len() {
            write.write_all(&some).await.ok()?;
        }
        write.flush().await.ok()?;
        std::future::pending::<Option<()>>().await
    };
    let hear = async {
        let mut answer = vec![0; 4096];
        let read = read.read(&mut answer).await.ok()?;
        let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
        (read > 0).then_some(answer)
    };
    let both = async {
        tokio::select! {
            heard = hear => heard,
            Some(()) = send => None,
        }
    };
    tokio::time::timeout(Duration::from_secs(20), both).await.ok().flatten()
}

/// An answer that was asked for and is not read.
pub(crate) type Unread = tonic::Streaming<Bytes>;

/// Asks for so many pages and reads none of them.
async fn lists_unread(config: &Config, many: usize) -> Vec<Unread> {
    let request = v1::ListRequest { page_size: 1_000, ..Default::default() };
    let request = Bytes::from(request.encode_to_vec());
    let Some(channel) = narrow(config, 16 * 1024).await else { return Vec::new() };
    let grpc = tonic::client::Grpc::new(channel);
    let asked = (0..many).map(|_| {
        let (mut grpc, request) = (grpc.clone(), request.clone());
        async move {
            grpc.ready().await.ok()?;
            let path = PathAndQuery::from_static(LIST);
            let answer = grpc.server_streaming(tonic::Request::new(request), path, Raw).await;
            answer.map(tonic::Response::into_inner).ok()
        }
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Ten callers of their own beside the sandbox's, under an authority of their own.
fn join(directory: &std::path::Path) -> Vec<String> {
    let at = |name: &str| directory.join("identities").join(name);
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let trusted = std::fs::read_to_string(at("authority.pem")).expect("made");
    std::fs::write(at("authority.pem"), trusted + &authority.pem()).expect("ours");
    let registry = std::fs::read_to_string(at("registry.json")).expect("made");
    let mut registry: Vec<serde_json::Value> = serde_json::from_str(&registry).expect("a list");
    let names: Vec<String> = (0..CROWD).map(|n| format!("crowd-{n}")).collect();
    for name in &names {
        use sha2::Digest as _;
        let mut params = CertificateParams::new(vec![name.clone()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &authority).expect("signed");
        let digest = sha2::Sha256::digest(certificate.der());
        let fingerprint: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(at(&format!("{name}.pem")), certificate.pem()).expect("ours");
        std::fs::write(at(&format!("{name}.key")), key.serialize_pem()).expect("ours");
        registry.push(serde_json::json!({
            "fingerprint": fingerprint, "name": name, "kind": "agent", "customs_code": FIRM_A,
            "mandates": ["*"], "dxp_ids": ["*"],
        }));
    }
    let registry = serde_json::Value::from(registry).to_string();
    std::fs::write(at("registry.json"), registry).expect("ours");
    names
}

/// A sandbox without agencies and with ten more callers.
pub(crate) async fn crowd() -> (Sandbox, Vec<Config>) {
    let mut first = Sandbox::in_directory(data_dir(), &["--no-agencies"]).await;
    let names = join(first.directory.path());
    assert_eq!(first.stop(), Some(Ok(())));
    first.spawn();
    first.ready().await;
    let configs = names.iter().map(|name| first.config(name)).collect();
    (first, configs)
}

/// The same, with enough in it for long answers.
pub(crate) async fn crowded() -> (Sandbox, Vec<Config>) {
    let (first, configs) = crowd().await;
    let agent = Enterprise(first.connect("agent").await);
    let filed = (0..1_000).map(|n| {
        let agent = &agent;
        async move { agent.tries(filing(export(&format!("QD-MANY-{n:04}")))).await }
    });
    let filed = futures::stream::iter(filed).buffer_unordered(100).collect::<Vec<_>>().await;
    assert!(filed.iter().all(Result::is_ok), "{:?}", filed.iter().find(|filed| filed.is_err()));
    (first, configs)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_callers_together_do_not_fill_the_memory() {
    let _turn = crate::alone().await;
    let (sandbox, crowd) = crowded().await;

    // The control takes everything that comes, decodes it, and keeps what is not read.
    {
        let bare = BareProcess::start(&sandbox);
        let there = bare.config(&crowd[0]);
        let before = bare.resident_bytes();
        let posts = (0..20).map(|_| unfinished_post(&there, SUBMIT, MESSAGE_BYTES));
        let posts = tokio::time::timeout(Duration::from_secs(6), join_all(posts)).await;
        assert!(posts.is_err(), "the control waits for the rest");
        let lists = lists_unread(&there, 100).await;
        assert_eq!(lists.len(), 100);
        submit(&there, empty_lines(MESSAGE_BYTES / 2)).await.expect("the control decodes it");
        let peak = bare.peak_bytes();
        println!("control: {} MB before, {} MB at the most", before >> 20, peak >> 20);
        assert!(peak > before + (250 << 20), "the attack works where nothing is counted: {peak}");
    }

    let usual = meter::calm(&sandbox).await;
    let message = empty_lines(MESSAGE_BYTES);
    let pieces = in_pieces();
    let (rounds, posts) = (times(), 60);
    let attack = async {
        let unread = join_all(crowd.iter().map(|config| lists_unread(config, 50))).await;
        let unread: Vec<_> = unread.into_iter().flatten().collect();
        // From here on all of them wait to be read.
        let start = Instant::now();
        let mut refused = std::collections::BTreeMap::<String, usize>::new();
        for _ in 0..rounds {
            let submits = (0..24).map(|n| submit(&crowd[n % 3], message.clone()));
            let in_pieces = (0..100).map(|n| submit(&crowd[n % CROWD], pieces.clone()));
            let posts = (0..posts).map(|n| unfinished_post(&crowd[n % CROWD], "/ceb", 6 << 20));
            let (submits, in_pieces, posts) =
                tokio::join!(join_all(submits), join_all(in_pieces), join_all(posts));
            for status in submits.into_iter().chain(in_pieces).filter_map(Result::err) {
                let details = tonic_types::StatusExt::get_error_details(&status);
                // Whoever is not even let in is told less.
                let code = details.error_info().map_or("(at the door)", |info| &info.reason);
                *refused.entry(code.to_owned()).or_default() += 1;
                let retry = details.retry_info().and_then(|retry| retry.retry_delay);
                assert!(code != "SW-1404" || retry.is_some(), "{status:?}");
            }
            for answer in posts.into_iter().flatten() {
                let found = ["SW-1404", "SW-1009"].into_iter().find(|code| answer.contains(code));
                assert!(found.is_some(), "{answer}");
                let limited = answer.contains("SW-1404");
                assert!(!limited || answer.starts_with("HTTP/1.1 429"), "{answer}");
                *refused.entry(format!("POST {}", found.unwrap_or_default())).or_default() += 1;
            }
        }
        println!("{} lists are not read; refused: {refused:?}", unread.len());
        // None is taken: too large by itself, too much at once, or it had its turn and names no request.
        let answers = ["SW-1008", "SW-1404", "SW-1002", "(at the door)"];
        let answered = answers.iter().filter_map(|code| refused.get(*code));
        assert_eq!(answered.sum::<usize>(), 124 * rounds, "{refused:?}");
        for code in ["SW-1404", "POST SW-1404"] {
            assert!(refused.contains_key(code), "{refused:?}");
        }
        // What nobody reads has an end, and says which.
        let mut one = unread.into_iter().next().expect("some were let in");
        let due = Duration::from_secs(domain::limits::READ_SECONDS_MAX + 8);
        tokio::time::sleep(due.saturating_sub(start.elapsed())).await;
        let ended = loop {
            match one.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the whole answer was kept"),
                Err(status) => break status,
            }
        };
        assert_eq!(ended.code(), tonic::Code::ResourceExhausted, "{ended:?}");
    };
    let what = "large messages, bodies without end, and answers that nobody reads";
    let (seen, ()) = meter::measured(&sandbox, what, attack).await;
    println!("a bystander waited {:?} (p99) before, {:?} meanwhile", usual, seen.p99);
    assert!(seen.peak_bytes < RESIDENT_MAX, "{} MB", seen.peak_bytes >> 20);

    // Whoever was refused comes in again as soon as it has finished.
    let start = Instant::now();
    let agent = Enterprise(client::Window::connect(&crowd[0]).await.expect("it listens"));
    while agent.tries(filing(export("QD-AFTER"))).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "it does not recover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("{what}: back to normal after {:?}", start.elapsed());
}
