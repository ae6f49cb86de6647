//! What passes over a connection, seen by the heads of HTTP/2's frames: whether the caller said what it
//! wants, whether it is amid something, and whether it floods us with frames that carry nothing.
//!
//! The library below answers such frames one by one and for ever; each costs little, and a million a
//! second cost a core. Nothing here changes a byte.

use std::collections::BTreeSet;
use std::time::Instant;

use domain::limits;

/// With what a connection of HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
/// `ENHANCE_YOUR_CALM`: this peer makes too much work.
const CALM: u32 = 11;

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    length: u32,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Head {
    fn of(bytes: [u8; HEAD_BYTES]) -> Self {
        let [a, b, c, kind, flags, s, t, u, v] = bytes;
        let stream = u32::from_be_bytes([s, t, u, v]) & 0x7fff_ffff;
        Self { length: u32::from_be_bytes([0, a, b, c]), kind, flags, stream }
    }

    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// What it costs to send us this frame, in points.
    fn cost(self) -> u32 {
        match self.kind {
            DATA if self.has(END_STREAM) => 0,
            DATA if self.length == 0 => limits::FRAME_POINTS,
            DATA if self.length < limits::FRAME_BYTES_SMALL || self.has(PADDED) => 1,
            DATA => 0,
            // Paid back by the answer; one that is reset at once gets none.
            HEADERS | CONTINUATION => limits::FRAME_POINTS,
            // A long frame of settings is as many settings.
            _ => limits::FRAME_POINTS + self.length / 8,
        }
    }

    /// Whether a frame of ours is part of an answer.
    pub(crate) fn answers(self) -> bool {
        matches!(self.kind, DATA | HEADERS)
    }

    /// The stream that a frame of ours ends.
    pub(crate) fn ends(self) -> Option<u32> {
        let ends = self.kind == RST_STREAM || self.answers() && self.has(END_STREAM);
        ends.then_some(self.stream)
    }
}

/// Finds the heads of frames in bytes that come in pieces.
#[derive(Debug, Default)]
pub(crate) struct FrameHeads {
    head: [u8; HEAD_BYTES],
    have: usize,
    payload: usize,
}

impl FrameHeads {
    pub(crate) fn pass(&mut self, mut bytes: &[u8], mut each: impl FnMut(Head)) {
        while !bytes.is_empty() {
            let skipped = self.payload.min(bytes.len());
            self.payload -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEAD_BYTES - self.have).min(bytes.len());
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == HEAD_BYTES {
                let head = Head::of(self.head);
                self.have = 0;
                // Three bytes of length fit everywhere.
                self.payload = usize::try_from(head.length).unwrap_or(usize::MAX);
                each(head);
            }
        }
    }

    /// Whether a frame may begin here.
    pub(crate) fn is_between(&self) -> bool {
        self.have == 0 && self.payload == 0
    }
}

/// How far a new connection has said what it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// So much of the preface came.
    Preface(usize),
    /// HTTP/1, amid the head of its first request, with so much of the empty line after it.
    Head(usize),
    Http1,
    Http2,
}

/// The end of the head of a request of HTTP/1.
const EMPTY_LINE: &[u8] = b"\r\n\r\n";

/// What a caller sends.
#[derive(Debug)]
pub(crate) struct CallerFrame {
    opening: Opening,
    heads: FrameHeads,
    /// Headers have begun and their last frame has not.
    block: bool,
    /// Frames so far: whoever is amid one is not amid the same one for long.
    frames: u64,
    last_stream: u32,
    /// Streams that were not answered to their end. The library below bounds how many.
    unanswered: BTreeSet<u32>,
    points: u32,
    filled: Instant,
}

impl CallerFrame {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            opening: Opening::Preface(0),
            heads: FrameHeads::default(),
            block: false,
            frames: 0,
            last_stream: 0,
            unanswered: BTreeSet::new(),
            points: limits::FRAME_POINTS_MAX,
            filled: now,
        }
    }

    /// Takes note of what came. False when the caller has nothing left to spend.
    pub(crate) fn pass(&mut self, bytes: &[u8], now: Instant) -> bool {
        let bytes = self.open(bytes);
        if self.opening != Opening::Http2 {
            return true;
        }
        self.refill(now);
        let Self { heads, block, frames, last_stream, unanswered, points, .. } = self;
        let mut left = Some(*points);
        heads.pass(bytes, |head| {
            *frames += 1;
            left = left.and_then(|points| points.checked_sub(head.cost()));
            if matches!(head.kind, HEADERS | CONTINUATION) {
                *block = !head.has(END_HEADERS);
                if head.stream > *last_stream {
                    *last_stream = head.stream;
                    unanswered.insert(head.stream);
                }
            }
            if head.kind == RST_STREAM {
                unanswered.remove(&head.stream);
            }
        });
        // Whoever owes more than it has keeps nothing.
        *points = left.unwrap_or_default();
        left.is_some()
    }

    /// Takes what belongs to the opening; gives back what follows.
    fn open<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if let Opening::Preface(have) = self.opening {
            let rest = &PREFACE[have..];
            let same = bytes.iter().zip(rest).take_while(|(came, due)| came == due).count();
            self.opening = match same {
                _ if same == rest.len() => Opening::Http2,
                _ if same == bytes.len() => Opening::Preface(have + same),
                _ => Opening::Head(0),
            };
            if self.opening == Opening::Http2 {
                return &bytes[same..];
            }
        }
        for byte in bytes {
            let Opening::Head(matched) = self.opening else { break };
            let matched = if EMPTY_LINE[matched] == *byte {
                matched + 1
            } else {
                usize::from(EMPTY_LINE[0] == *byte)
            };
            let whole = matched == EMPTY_LINE.len();
            self.opening = if whole { Opening::Http1 } else { Opening::Head(matched) };
        }
        bytes
    }

    /// A stream was answered to its end.
    pub(crate) fn answered(&mut self, stream: u32) {
        self.unanswered.remove(&stream);
    }

    /// Frames of answers went out.
    pub(crate) fn earn(&mut self, frames: u32) {
        let earned = frames.saturating_mul(limits::FRAME_POINTS_EARNED);
        self.points = self.points.saturating_add(earned).min(limits::FRAME_POINTS_MAX);
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_micros();
        let gained = passed * u128::from(limits::FRAME_POINTS_PER_SECOND) / 1_000_000;
        if gained > 0 {
            // More than fits is more than may be had.
            let gained = u32::try_from(gained).unwrap_or(u32::MAX);
            self.points = self.points.saturating_add(gained).min(limits::FRAME_POINTS_MAX);
            self.filled = now;
        }
    }

    /// Whether the caller said what it wants.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.opening, Opening::Http1 | Opening::Http2)
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.opening == Opening::Http2
    }

    /// Amid which frame or block of headers the caller is, when it is.
    pub(crate) fn amid(&self) -> Option<u64> {
        let amid = self.is_http2() && (self.block || !self.heads.is_between());
        amid.then_some(self.frames)
    }

    /// The frames that end every stream and the connection, and say why.
    pub(crate) fn goodbye(&self, why: &str) -> Vec<u8> {
        let mut ends = Vec::new();
        for stream in &self.unanswered {
            ends.extend([0, 0, 4, RST_STREAM, 0]);
            ends.extend(stream.to_be_bytes());
            ends.extend(CALM.to_be_bytes());
        }
        let mut frame = vec![0, 0, 0, GOAWAY, 0, 0, 0, 0, 0];
        frame.extend(self.last_stream.to_be_bytes());
        frame.extend(CALM.to_be_bytes());
        frame.extend(why.as_bytes());
        // Short enough for the last byte of its length.
        frame[2] = u8::try_from(frame.len() - HEAD_BYTES).unwrap_or(u8::MAX);
        ends.extend(frame);
        ends
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).expect("short").to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        frame.resize(HEAD_BYTES + payload, 0);
        frame
    }

    fn open(now: Instant) -> CallerFrame {
        let mut incoming = CallerFrame::new(now);
        assert!(incoming.pass(PREFACE, now) && incoming.is_open());
        incoming
    }

    #[test]
    fn heads_are_found_however_the_bytes_are_cut() {
        let frames = [frame(HEADERS, END_HEADERS, 30), frame(DATA, 0, 500), frame(PING, 0, 8)];
        let bytes = frames.concat();
        for piece in 1..40 {
            let (mut heads, mut found) = (FrameHeads::default(), Vec::new());
            for piece in bytes.chunks(piece) {
                heads.pass(piece, |head| found.push((head.kind, head.length)));
            }
            assert_eq!(found, [(HEADERS, 30), (DATA, 500), (PING, 8)], "in pieces of {piece}");
            assert!(heads.is_between());
        }
    }

    #[test]
    fn a_connection_is_open_when_it_said_what_it_wants() {
        let now = Instant::now();
        for (input, open) in [
            (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], true),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", false),
            (b"POST /ceb HTTP/1.1\r\nHost: localhost\r\n\r\n", true),
            (b"POST /ceb HTTP/1.1\r\nHost: localhost\r\n", false),
            (b"PRI", false),
            (b"PROPFIND / HTTP/1.1\r\n\r\n", true),
        ] {
            let (mut whole, mut bytes) = (CallerFrame::new(now), CallerFrame::new(now));
            whole.pass(input, now);
            input.iter().for_each(|byte| assert!(bytes.pass(&[*byte], now)));
            let text = String::from_utf8_lossy(input);
            assert_eq!((whole.is_open(), bytes.is_open()), (open, open), "{text}");
        }
    }

    #[test]
    fn a_frame_or_headers_that_are_not_whole_are_noticed() {
        let now = Instant::now();
        let mut incoming = open(now);
        assert_eq!(incoming.amid(), None);
        incoming.pass(&frame(DATA, 0, 100)[..50], now);
        assert_eq!(incoming.amid(), Some(1));
        incoming.pass(&frame(DATA, 0, 100)[50..], now);
        assert_eq!(incoming.amid(), None);
        incoming.pass(&frame(HEADERS, 0, 10), now);
        assert_eq!(incoming.amid(), Some(2), "headers go on");
        incoming.pass(&frame(CONTINUATION, END_HEADERS, 10), now);
        assert_eq!(incoming.amid(), None);
    }

    #[test]
    fn frames_that_carry_nothing_are_free_at_a_low_rate_only() {
        for (what, frame) in [
            ("PRIORITY", frame(2, 0, 5)),
            ("PING", frame(PING, 0, 8)),
            ("SETTINGS", frame(4, 0, 0)),
            ("WINDOW_UPDATE", frame(8, 0, 4)),
            ("an empty DATA", frame(DATA, 0, 0)),
            ("an unknown one", frame(99, 0, 0)),
            ("opened and reset", [frame(HEADERS, END_HEADERS, 9), frame(3, 0, 4)].concat()),
        ] {
            let start = Instant::now();
            let (mut slow, mut fast) = (open(start), open(start));
            let second = |n: u64| start + Duration::from_millis(n * 10);
            assert!((0..20_000).all(|n| slow.pass(&frame, second(n))), "100 a second of {what}");
            let took = (0..20_000).take_while(|n| fast.pass(&frame, second(*n / 100))).count();
            assert!((500..5_000).contains(&took), "10,000 a second of {what}: {took}");
        }
    }

    #[test]
    fn work_is_free_at_any_rate() {
        let now = Instant::now();
        let mut incoming = open(now);
        for _ in 0..100_000 {
            // A call, its answer, and what stock clients send with it.
            for (kind, flags, payload) in
                [(HEADERS, END_HEADERS, 40), (DATA, END_STREAM, 900), (8, 0, 4), (PING, 0, 8)]
            {
                assert!(incoming.pass(&frame(kind, flags, payload), now));
            }
            incoming.earn(2);
        }
        for _ in 0..100_000 {
            assert!(incoming.pass(&frame(DATA, 0, 700), now), "items of a stream");
        }
    }

    #[test]
    fn goodbye_names_the_open_streams_and_the_reason() {
        let now = Instant::now();
        let mut incoming = open(now);
        let on = |kind, stream| [0, 0, 0, kind, END_HEADERS, 0, 0, 0, stream];
        for stream in [1, 3, 5] {
            incoming.pass(&on(HEADERS, stream), now);
        }
        incoming.pass(&on(RST_STREAM, 5), now);
        incoming.answered(1);
        let mut found = Vec::new();
        let goodbye = incoming.goodbye("too many");
        let mut heads = FrameHeads::default();
        heads.pass(&goodbye, |head| found.push(head));
        let found: Vec<_> = found.iter().map(|head| (head.kind, head.stream)).collect();
        assert_eq!(found, [(RST_STREAM, 3), (GOAWAY, 0)]);
        assert!(heads.is_between());
        let reason = &goodbye[2 * HEAD_BYTES + 4..];
        assert_eq!(reason, [&[0, 0, 0, 5, 0, 0, 0, 11][..], b"too many"].concat());
    }
}
