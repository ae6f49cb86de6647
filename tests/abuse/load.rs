//! A load that costs its machine little: messages that are encoded before, and frames of HTTP/2 by hand.
//!
//! The window shares its processors with whoever attacks it here, so an attacker that works for its load
//! would measure itself. What was refused is kept as it came, and read afterwards by a client of gRPC.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};
use client::Config;
use prost::Message as _;
use proto::v1;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::client::TlsStream;

use crate::harness::people::{export, filing};
use crate::memory::{Raw, SUBMIT};
use crate::wire::{HELLO, PING, frame, tls};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
const HEAD_BYTES: usize = 9;
/// What the window lets be open on one connection.
const STREAMS: usize = domain::limits::STREAMS_PER_CONNECTION_MAX as usize;
/// Beyond this a request is given up that cannot be sent.
const SENT_WITHIN: Duration = Duration::from_secs(1);
/// Answers to what was sent come within this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// When requests start.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// The next one when one is answered, so many at once, for so long.
    Closed { at_once: usize, time: Duration },
    /// By the clock, whatever is answered: every so long, so many.
    Open { every: Duration, count: usize },
}

/// What came of the requests of a load.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// When a filing was answered with its receipt, and how long that took since it was due.
    pub(crate) filed: Vec<(Instant, Duration)>,
    /// The same of those that were refused.
    pub(crate) refused: Vec<(Instant, Duration)>,
    /// How refusals were said, and how often.
    pub(crate) refusals: HashMap<Vec<u8>, usize>,
    /// Streams that were reset.
    pub(crate) cut: usize,
    /// Requests that were given up: the window read so slowly that they could not be sent.
    pub(crate) unsent: usize,
    /// How late the latest request was sent.
    pub(crate) late: Duration,
}

impl Answers {
    pub(crate) fn add(&mut self, other: Self) {
        self.filed.extend(other.filed);
        self.refused.extend(other.refused);
        for (block, count) in other.refusals {
            *self.refusals.entry(block).or_default() += count;
        }
        self.cut += other.cut;
        self.unsent += other.unsent;
        self.late = self.late.max(other.late);
    }

    /// Filings a second that were answered from then on, for so long.
    pub(crate) fn filed_per_second(&self, from: Instant, time: Duration) -> u64 {
        let within = |(at, _): &&(Instant, Duration)| *at >= from && *at < from + time;
        let count = self.filed.iter().filter(within).count();
        let ms = usize::try_from(time.as_millis()).expect("short").max(1);
        u64::try_from(count * 1_000 / ms).expect("few")
    }
}

/// How long most of them took, and nearly all.
pub(crate) fn quantile(answers: &[(Instant, Duration)], percent: usize) -> Duration {
    let mut waits: Vec<_> = answers.iter().map(|(_, wait)| *wait).collect();
    waits.sort();
    waits.get(waits.len() * percent / 100).copied().unwrap_or_default()
}

/// Filings of one declarant, each with numbers of its own.
#[derive(Debug, Clone)]
pub(crate) struct Filings {
    message: Vec<u8>,
    /// Where the number stands.
    places: Vec<usize>,
    next: u64,
}

const NUMBER: &str = "900000000000";

impl Filings {
    /// From this number on.
    pub(crate) fn new(declarant: &str, from: u64) -> Self {
        let mut content = export(&format!("QD{NUMBER}"));
        for party in [&mut content.declarant, &mut content.ebc, &mut content.owner] {
            party.as_mut().expect("named").code = declarant.to_owned();
        }
        let mut request = filing(content);
        request.request_id = format!("019a0000-0000-7000-8000-{NUMBER}");
        let body = request.encode_to_vec();
        let mut message = vec![0];
        message.extend(u32::try_from(body.len()).expect("short").to_be_bytes());
        message.extend(body);
        let at = |at: &usize| message[*at..].starts_with(NUMBER.as_bytes());
        let places: Vec<usize> = (0..message.len()).filter(at).collect();
        assert_eq!(places.len(), 3, "request, order and own number");
        Self { message, places, next: from }
    }

    fn next(&mut self) -> &[u8] {
        let number = format!("{:012}", self.next);
        self.next += 1;
        for place in &self.places {
            self.message[*place..*place + number.len()].copy_from_slice(number.as_bytes());
        }
        &self.message
    }
}

/// What goes before every message.
fn head() -> Vec<u8> {
    let text = |text: &str| {
        let mut bytes = vec![u8::try_from(text.len()).expect("short")];
        bytes.extend(text.as_bytes());
        bytes
    };
    // POST, https, and the rest as it is, without a table.
    let mut block = vec![0x83, 0x87, 0x04];
    block.extend(text(SUBMIT));
    block.push(0x01);
    block.extend(text("localhost"));
    block.extend([0x0f, 0x10]);
    block.extend(text("application/grpc"));
    block.push(0x00);
    block.extend(text("te"));
    block.extend(text("trailers"));
    block
}

fn flagged(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(kind, stream, payload);
    bytes[4] = flags;
    bytes
}

/// A connection that files.
pub(crate) struct Filer {
    stream: TlsStream<tokio::net::TcpStream>,
    filings: Filings,
    head: Vec<u8>,
    read: BytesMut,
    out: Vec<u8>,
    next_stream: u32,
    window: usize,
    /// Since when a request is due, and whether a message came.
    open: HashMap<u32, (Instant, bool)>,
    answers: Answers,
}

impl Filer {
    pub(crate) async fn connect(config: &Config, filings: Filings) -> Self {
        let mut stream = tls(config).await.expect("a handshake");
        let mut hello = HELLO[..HELLO.len() - HEAD_BYTES].to_vec();
        // Answers refer to no table, so that each can be read by itself.
        hello.extend(frame(SETTINGS, 0, &[0, 1, 0, 0, 0, 0]));
        hello.extend(frame(WINDOW_UPDATE, 0, &0x7000_0000_u32.to_be_bytes()));
        stream.write_all(&hello).await.expect("it is taken");
        Self {
            stream,
            filings,
            head: head(),
            read: BytesMut::with_capacity(64 * 1024),
            out: Vec::new(),
            next_stream: 1,
            window: 65_535,
            open: HashMap::new(),
            answers: Answers::default(),
        }
    }

    /// Files at this pace, and waits for all answers.
    pub(crate) async fn files(&mut self, pace: Pace) -> Answers {
        let start = Instant::now();
        let (mut sent, mut last) = (0, start);
        loop {
            let now = Instant::now();
            // The next request, unless it was the last one.
            let due = match pace {
                Pace::Closed { at_once, time } => {
                    (now < start + time && self.open.len() < at_once).then_some(now)
                }
                Pace::Open { every, count } => {
                    let after = every * u32::try_from(sent).expect("few");
                    (sent < count).then_some(start + after)
                }
            };
            let ended = match pace {
                Pace::Closed { time, .. } => now >= start + time,
                Pace::Open { count, .. } => sent == count,
            };
            if ended && self.open.is_empty() {
                return std::mem::take(&mut self.answers);
            }
            if let Some(due) = due.filter(|due| *due <= now) {
                if self.open.len() < STREAMS && self.send(due) {
                    (sent, last) = (sent + 1, now);
                    self.answers.late = self.answers.late.max(now - due);
                    continue;
                }
                if now - due > SENT_WITHIN {
                    sent += 1;
                    self.answers.unsent += 1;
                    continue;
                }
            }
            if !self.out.is_empty() {
                self.stream.write_all(&self.out).await.expect("it is taken");
                self.stream.flush().await.expect("it is taken");
                self.out.clear();
            }
            let wait = due.filter(|due| *due > now).map_or(PATIENCE, |due| due - now);
            match tokio::time::timeout(wait, self.stream.read_buf(&mut self.read)).await {
                Ok(read) => assert!(read.expect("it goes on") > 0, "the window closed"),
                Err(_) => assert!(last.elapsed() < PATIENCE, "{} without answer", self.open.len()),
            }
            self.take_frames();
        }
    }

    /// False while the window of the connection has no room.
    fn send(&mut self, due: Instant) -> bool {
        let message = self.filings.next();
        let Some(left) = self.window.checked_sub(message.len()) else {
            self.filings.next -= 1;
            return false;
        };
        self.window = left;
        let stream = self.next_stream;
        self.next_stream += 2;
        self.out.extend(flagged(HEADERS, END_HEADERS, stream, &self.head));
        self.out.extend(flagged(DATA, END_STREAM, stream, message));
        self.open.insert(stream, (due, false));
        true
    }

    /// Takes the frames that came.
    fn take_frames(&mut self) {
        while self.read.len() >= HEAD_BYTES {
            let length = u32::from_be_bytes([0, self.read[0], self.read[1], self.read[2]]);
            let length = usize::try_from(length).expect("short");
            if self.read.len() < HEAD_BYTES + length {
                return;
            }
            let head = self.read.split_to(HEAD_BYTES);
            let payload = self.read.split_to(length);
            let (kind, flags) = (head[3], head[4]);
            let stream = (&head[5..]).get_u32();
            match kind {
                DATA if length > 0 => {
                    self.open.get_mut(&stream).expect("it is ours").1 = true;
                }
                SETTINGS if flags & ACK == 0 => {
                    self.out.extend(flagged(SETTINGS, ACK, 0, &[]));
                }
                PING if flags & ACK == 0 => self.out.extend(flagged(PING, ACK, 0, &payload)),
                WINDOW_UPDATE if stream == 0 => {
                    let more = (&payload[..]).get_u32();
                    self.window += usize::try_from(more).expect("it fits");
                }
                // Of one that was answered before its request was read it says nothing.
                RESET if self.open.remove(&stream).is_some() => self.answers.cut += 1,
                GOAWAY => panic!("the window ends the connection: {payload:?}"),
                _ => {}
            }
            if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
                let (due, came) = self.open.remove(&stream).expect("it is ours");
                let now = Instant::now();
                if came {
                    self.answers.filed.push((now, now - due));
                } else {
                    self.answers.refused.push((now, now - due));
                    *self.answers.refusals.entry(payload.to_vec()).or_default() += 1;
                }
            }
        }
    }
}

/// What a client of gRPC makes of a refusal.
pub(crate) async fn read_refusal(block: &[u8]) -> tonic::Status {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let mut here = Some(here);
    let connect = tower::service_fn(move |_| {
        let here = here.take().map(hyper_util::rt::TokioIo::new);
        std::future::ready(here.ok_or_else(|| std::io::Error::other("once")))
    });
    let (mut read, mut write) = tokio::io::split(there);
    let answer = async {
        write.write_all(&frame(SETTINGS, 0, &[])).await.expect("ours");
        let mut bytes = BytesMut::new();
        // The request is on its way with the first message.
        while !bytes.windows(4).any(|some| some == b"grpc") {
            read.read_buf(&mut bytes).await.expect("ours");
        }
        let refused = flagged(HEADERS, END_STREAM | END_HEADERS, 1, block);
        write.write_all(&refused).await.expect("ours");
        while read.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {}
    };
    let ask = async {
        let endpoint = tonic::transport::Endpoint::from_static("http://localhost");
        let channel = endpoint.connect_with_connector(connect).await.expect("it is connected");
        let mut grpc = tonic::client::Grpc::new(channel);
        grpc.ready().await.expect("it is connected");
        let path = tonic::codegen::http::uri::PathAndQuery::from_static(SUBMIT);
        let message = v1::SubmitRequest { request_id: "grpc".to_owned(), ..Default::default() };
        let message = message.encode_to_vec().into();
        grpc.unary(tonic::Request::new(message), path, Raw).await
    };
    let asked = async {
        tokio::select! {
            asked = ask => asked,
            () = answer => panic!("it asks until it is answered"),
        }
    };
    let asked = tokio::time::timeout(PATIENCE, asked).await.expect("it is answered");
    asked.map(drop).expect_err("a refusal")
}
