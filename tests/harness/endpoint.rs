//! An endpoint of webhooks: takes what is posted to it, well or badly.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use client::webhook::{ID, SIGNATURE, TIMESTAMP, WebhookSecret};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    /// Where it was posted, which says what is answered.
    pub(crate) path: String,
    /// Names in small letters.
    headers: HashMap<String, String>,
    body: String,
    pub(crate) time: Instant,
}

impl Posted {
    pub(crate) fn id(&self) -> &str {
        &self.headers[ID]
    }

    pub(crate) fn signatures(&self) -> usize {
        self.headers[SIGNATURE].split(' ').count()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("it is JSON")
    }

    pub(crate) fn is_of(&self, name: &str) -> bool {
        self.json()["type"] == name
    }

    /// Whether it is signed with this secret, at about the time that it says.
    pub(crate) fn verifies(&self, secret: &str) -> bool {
        let secret = WebhookSecret::parse(secret).expect("a secret");
        let time = &self.headers[TIMESTAMP];
        let now = time.parse().expect("seconds");
        secret.verify((self.id(), time, &self.headers[SIGNATURE]), self.body.as_bytes(), now)
    }
}

/// The endpoint, on loopback.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    port: u16,
    posted: Arc<Mutex<Vec<Posted>>>,
    /// Whether what is below `/picky/` takes everything.
    takes_all: Arc<AtomicBool>,
}

impl Endpoint {
    #[expect(clippy::disallowed_methods, reason = "it serves beside the test")]
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let endpoint = Self { port, posted: Arc::default(), takes_all: Arc::default() };
        let own = endpoint.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let own = own.clone();
                tokio::spawn(async move { own.serve(stream).await });
            }
        });
        endpoint
    }

    /// `/ok`, `/slow`, `/fail`, `/hang`, `/redirect`, `/gone`, or what begins with `/picky/`: that takes tests only.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// What was picky takes everything from now on.
    pub(crate) fn takes_all(&self) {
        self.takes_all.store(true, Ordering::Relaxed);
    }

    /// What came there.
    pub(crate) fn at(&self, path: &str) -> Vec<Posted> {
        let posted = self.posted.lock().expect("not poisoned");
        posted.iter().filter(|it| it.path == path).cloned().collect()
    }

    async fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok()?;
            let path = line.split(' ').nth(1)?.to_owned();
            let mut headers = HashMap::new();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.ok()?;
                let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                headers.insert(name.to_ascii_lowercase(), value.to_owned());
            }
            let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
            stream.read_exact(&mut body).await.ok()?;
            let body = String::from_utf8(body).ok()?;
            let posted = Posted { path: path.clone(), headers, body, time: Instant::now() };
            let is_test = posted.is_of("webhook.test");
            let is_taken = is_test || self.takes_all.load(Ordering::Relaxed);
            self.posted.lock().expect("not poisoned").push(posted);
            let answer = match path.as_str() {
                "/fail" => "500 Internal Server Error",
                path if path.starts_with("/picky/") && !is_taken => "500 Internal Server Error",
                "/gone" => "410 Gone",
                "/redirect" => "302 Found\r\nLocation: /redirected",
                "/slow" => {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    "200 OK"
                }
                "/hang" => std::future::pending().await,
                _ => "204 No Content",
            };
            let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
            let answer =
                if path == "/ok" { "HTTP/1.1 204 No Content\r\n\r\n".to_owned() } else { answer };
            stream.write_all(answer.as_bytes()).await.ok()?;
        }
    }
}
