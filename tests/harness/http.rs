//! Calls the window over HTTP/1.1, written by hand: like a system that can post a file and no more.

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Sandbox;

/// One connection of one caller; its calls follow each other. The window ends a connection that is
/// quiet for long: then the next call has a new one, as with every client of HTTP that keeps them.
pub(crate) struct Http {
    config: client::Config,
    stream: BufReader<TlsStream<TcpStream>>,
    /// Lines that stand in the head of every call.
    pub(crate) headers: String,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in small letters.
    headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// The side of TLS 1.3 of a caller who speaks this protocol.
pub(crate) fn client_tls(config: &client::Config, protocol: &str) -> Arc<rustls::ClientConfig> {
    let certificate = |pem| CertificateDer::from_pem_slice(pem).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&config.authority)).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3 is there")
        .with_root_certificates(roots);
    let mut tls = if config.certificate.is_empty() {
        tls.with_no_client_auth()
    } else {
        let key = PrivateKeyDer::from_pem_slice(&config.key).expect("a key");
        let chain = vec![certificate(&config.certificate)];
        tls.with_client_auth_cert(chain, key).expect("the key fits")
    };
    tls.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    Arc::new(tls)
}

impl Http {
    /// Connects with the certificate of a caller of the sandbox.
    pub(crate) async fn connect(sandbox: &Sandbox, caller: &str) -> Self {
        Self::with(&sandbox.config(caller)).await
    }

    /// Connects without a certificate; every call carries this key.
    pub(crate) async fn with_key(sandbox: &Sandbox, key: &str) -> Self {
        let mut http = Self::with(&sandbox.config_without_certificate()).await;
        http.headers = format!("Authorization: Bearer {key}\r\n");
        http
    }

    /// Connects like this.
    pub(crate) async fn with(config: &client::Config) -> Self {
        let stream = Self::stream(config).await;
        Self { config: config.clone(), stream, headers: String::new() }
    }

    async fn stream(config: &client::Config) -> BufReader<TlsStream<TcpStream>> {
        let tls = client_tls(config, "http/1.1");
        let address = config.address.strip_prefix("https://").unwrap_or(&config.address);
        let stream = TcpStream::connect(address).await.expect("the window listens");
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = TlsConnector::from(tls).connect(name, stream).await;
        BufReader::new(stream.expect("the window knows its authority"))
    }

    /// Posts a message.
    pub(crate) async fn posts(&mut self, message: impl AsRef<[u8]>, accept: &str) -> Answer {
        self.call("POST", "/ceb", accept, message.as_ref()).await
    }

    /// Asks for something.
    pub(crate) async fn gets(&mut self, target: &str, accept: &str) -> Answer {
        self.call("GET", target, accept, &[]).await
    }

    /// Sends a request and reads its answer whole.
    pub(crate) async fn call(
        &mut self,
        method: &str,
        target: &str,
        accept: &str,
        body: &[u8],
    ) -> Answer {
        let length = body.len();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\
             Content-Length: {length}\r\n{}\r\n",
            self.headers
        );
        let request = [head.as_bytes(), body].concat();
        let ended = match futures::poll!(pin!(self.stream.fill_buf())) {
            Poll::Ready(read) => !read.is_ok_and(|answer| !answer.is_empty()),
            Poll::Pending => false,
        };
        if ended {
            self.stream = Self::stream(&self.config).await;
        }
        self.stream.write_all(&request).await.expect("the window reads");
        self.stream.flush().await.expect("the window reads");
        self.answer().await
    }

    /// Begins to send a body of this length, and sends no more of it than this.
    pub(crate) async fn begins(&mut self, method: &str, target: &str, length: usize, part: &[u8]) {
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{}\r\n",
            self.headers
        );
        let request = [head.as_bytes(), part].concat();
        self.stream.write_all(&request).await.expect("the window reads");
        self.stream.flush().await.expect("the window reads");
    }

    /// Whether the window has ended the connection.
    pub(crate) async fn is_over(&mut self) -> bool {
        let read = self.stream.read_u8();
        let read = tokio::time::timeout(std::time::Duration::from_secs(5), read).await;
        read.is_ok_and(|read| read.is_err())
    }

    async fn answer(&mut self) -> Answer {
        let first = self.line().await;
        let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status.and_then(|digits| digits.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer of HTTP: {first:?}"));
        let mut headers = HashMap::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        if headers.contains_key("transfer-encoding") {
            let body = self.chunks().await;
            return Answer { status, headers, body };
        }
        // What is no stream the window has whole before it sends it, so it knows its length.
        let length = headers.get("content-length").map_or("0", String::as_str);
        let mut body = vec![0; length.parse().expect("a length")];
        self.stream.read_exact(&mut body).await.expect("the whole body");
        Answer { status, headers, body }
    }

    /// A body that is told piece by piece, to its end.
    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line().await, 16).expect("a length");
            let mut chunk = vec![0; length];
            self.stream.read_exact(&mut chunk).await.expect("the whole piece");
            assert_eq!(self.line().await, "");
            if length == 0 {
                return body;
            }
            body.extend(chunk);
        }
    }

    /// Asks for something that goes on, and reads no more than the head of the answer.
    pub(crate) async fn follows(&mut self, target: &str, headers: &str) {
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{headers}{}\r\n",
            self.headers
        );
        self.stream.write_all(head.as_bytes()).await.expect("the window reads");
        self.stream.flush().await.expect("the window reads");
        let first = self.line().await;
        assert!(first.contains(" 200"), "{first}");
        while !self.line().await.is_empty() {}
    }

    /// The next event: its id and its data.
    pub(crate) async fn event(&mut self) -> (String, serde_json::Value) {
        let mut id = String::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).await.expect("the window tells");
            let line = line.trim_end();
            if let Some(said) = line.strip_prefix("id: ") {
                said.clone_into(&mut id);
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return (id, serde_json::from_str(data).expect("JSON"));
            }
        }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.expect("the window answers");
        assert!(line.ends_with("\r\n"), "the answer was cut: {line:?}");
        line.trim_end().to_owned()
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let form = if self.status < 300 || self.status == 422 { "" } else { "problem+" };
        assert_eq!(self.header("content-type"), format!("application/{form}json"), "{self}");
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The message that it is.
    pub(crate) fn message(&self) -> proto::ceb::Message {
        assert_eq!(self.header("content-type"), "application/xml; charset=utf-8", "{self}");
        proto::ceb::read(&self.body).unwrap_or_else(|faults| panic!("{faults:?}: {self}"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "{} {:?}\n{body}", self.status, self.headers)
    }
}
