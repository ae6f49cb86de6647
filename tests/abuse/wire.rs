//! Callers that hold themselves to nothing: sockets, TLS and HTTP/2 by hand.

use std::time::Duration;

use client::Config;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::http::client_tls;

/// How HTTP/2 begins, with settings of nothing.
pub(crate) const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

pub(crate) const PING: u8 = 6;
const GOAWAY: u8 = 7;

/// A frame on a stream.
pub(crate) fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, 0];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// TCP, and nothing more.
pub(crate) async fn tcp(config: &Config) -> std::io::Result<TcpStream> {
    TcpStream::connect(config.address.as_str()).await
}

/// TLS as this caller.
pub(crate) async fn tls(config: &Config) -> std::io::Result<TlsStream<TcpStream>> {
    let tls = client_tls(config, "h2");
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(tls).connect(name, tcp(config).await?).await
}

/// What came of a flood.
#[derive(Debug, Default)]
pub(crate) struct Flooded {
    /// A PING behind it was answered: everything before it was taken.
    pub(crate) is_swallowed: bool,
    /// The reason of the GOAWAY.
    pub(crate) goaway: Option<u32>,
}

/// Sends a frame this often, reads what comes back, and asks for a sign of life at the end.
pub(crate) async fn flood(config: &Config, frame_of: &[u8], times: usize) -> Flooded {
    let stream = tls(config).await.expect("a handshake");
    let (mut read, mut write) = tokio::io::split(stream);
    let last = frame(PING, 0, b"the last");
    let send = async {
        write.write_all(HELLO).await?;
        let some = frame_of.repeat(1_000);
        for _ in 0..times.div_ceil(1_000) {
            write.write_all(&some).await?;
        }
        write.write_all(&last).await?;
        write.flush().await
    };
    let hear = async {
        let mut flooded = Flooded::default();
        let mut head = [0; 9];
        while read.read_exact(&mut head).await.is_ok() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).expect("short")];
            if read.read_exact(&mut payload).await.is_err() {
                break;
            }
            match head[3] {
                PING if head[4] == 1 && payload == b"the last" => {
                    flooded.is_swallowed = true;
                    break;
                }
                GOAWAY => {
                    let reason = payload[4..8].try_into().expect("four bytes");
                    flooded.goaway = Some(u32::from_be_bytes(reason));
                    break;
                }
                _ => {}
            }
        }
        flooded
    };
    // Whoever is cut off cannot send any more.
    let both = async { tokio::join!(send, hear).1 };
    tokio::time::timeout(Duration::from_secs(60), both).await.expect("it ends either way")
}

/// Whether the peer ends the connection within this time, and after how long.
pub(crate) async fn ends_within(
    stream: &mut (impl tokio::io::AsyncRead + Unpin),
    within: Duration,
) -> Option<Duration> {
    let start = std::time::Instant::now();
    let mut bytes = [0; 1024];
    let end = async { while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(within, end).await.ok().map(|()| start.elapsed())
}
