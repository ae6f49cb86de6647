//! One post: to an address that may be reached, over a connection that is verified, without following anything.
//!
//! Which address is reached is decided where the connection is made: every address that a name stands for at that
//! moment is looked at, and only those that may be reached are tried. So a name that stands for something else
//! than before reaches nothing.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use client::webhook::{ID, SIGNATURE, TIMESTAMP};
use domain::limits;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use crate::address::{may_reach, parse};
use crate::deliveries::ClaimedDelivery;

/// What one post came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PostResult {
    /// 2xx.
    Taken(u16),
    /// Another answer: its status, and the seconds that it asks to be left alone.
    Refused(u16, Option<u32>),
    /// No answer, and why.
    Unanswered(String),
}

/// What posts.
#[derive(Debug)]
pub(crate) struct WebhookSender {
    client: Client<HttpsConnector<HttpConnector<PublicNames>>, Full<Bytes>>,
    allow_private: bool,
}

impl WebhookSender {
    /// One that reaches private addresses only when it is allowed, and trusts these authorities besides those that
    /// browsers do.
    pub(crate) fn new(allow_private: bool, authorities: &[CertificateDer<'static>]) -> Self {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(authorities.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .expect("ring has what TLS 1.2 and 1.3 need")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut connector = HttpConnector::new_with_resolver(PublicNames { allow_private });
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limits::WEBHOOK_ANSWER_TIME));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(8)
            .build(connector);
        Self { client, allow_private }
    }

    /// Posts a message once.
    pub(crate) async fn post(&self, it: &ClaimedDelivery) -> PostResult {
        let answered = tokio::time::timeout(limits::WEBHOOK_ANSWER_TIME, self.exchange(it));
        answered.await.unwrap_or_else(|_| {
            let seconds = limits::WEBHOOK_ANSWER_TIME.as_secs();
            PostResult::Unanswered(format!("no answer within {seconds} seconds"))
        })
    }

    async fn exchange(&self, it: &ClaimedDelivery) -> PostResult {
        // Addresses that are no names are not looked up, so they are looked at here.
        let uri = match parse(&it.url, self.allow_private) {
            Ok(uri) => uri,
            Err((text, text_zh)) => return PostResult::Unanswered(format!("{text} ({text_zh})")),
        };
        let (id, time) = (it.message.to_string(), it.now.unix_timestamp());
        let signatures: Vec<_> =
            it.secrets.iter().map(|secret| secret.sign(&id, time, it.body.as_bytes())).collect();
        let request = Request::post(uri)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("single-window/", env!("CARGO_PKG_VERSION")))
            .header(ID, &id)
            .header(TIMESTAMP, time)
            .header(SIGNATURE, signatures.join(" "))
            .body(Full::new(Bytes::from(it.body.clone())));
        let request = match request {
            Ok(request) => request,
            Err(error) => return PostResult::Unanswered(error.to_string()),
        };
        let answer = match self.client.request(request).await {
            Ok(answer) => answer,
            Err(error) => return PostResult::Unanswered(why(&error)),
        };
        let (head, body) = answer.into_parts();
        // What it says is of no use, but a connection whose answer was read can be used again.
        let read = Limited::new(body, limits::WEBHOOK_ANSWER_BYTES_MAX).collect().await;
        drop(read);
        if head.status.is_success() {
            return PostResult::Taken(head.status.as_u16());
        }
        let pause =
            head.headers.get(header::RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
        PostResult::Refused(head.status.as_u16(), pause)
    }
}

/// The innermost causes say why.
fn why(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Looks names up, and gives only the addresses that may be reached.
#[derive(Debug, Clone)]
struct PublicNames {
    allow_private: bool,
}

type Addresses = std::vec::IntoIter<SocketAddr>;

impl tower::Service<Name> for PublicNames {
    type Response = Addresses;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Addresses>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<_> = found.filter(|it| may_reach(it.ip(), allow_private)).collect();
            if found.is_empty() {
                let text = format!("{} has no public address (无公网地址)", name.as_str());
                return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, text));
            }
            Ok(found.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use client::webhook::WebhookSecret;
    use domain::Slot;
    use rustls_pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use uuid::Uuid;

    use super::*;

    fn delivery(url: String) -> ClaimedDelivery {
        ClaimedDelivery {
            slot: Slot::of(""),
            webhook: Uuid::nil(),
            message: Uuid::nil(),
            body: "{}".to_owned(),
            tries: 0,
            now: time::OffsetDateTime::UNIX_EPOCH,
            url,
            secrets: vec![WebhookSecret::of(vec![1; 32])],
            caller: String::new(),
        }
    }

    #[tokio::test]
    async fn a_name_that_stands_for_this_machine_is_not_reached() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let sender = WebhookSender::new(false, &[]);
        // The last two are how the resolver of the system reads a number; TLS knows them for no names.
        for host in ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1"]
        {
            let result = sender.post(&delivery(format!("https://{host}:{port}/"))).await;
            let PostResult::Unanswered(why) = result else { panic!("{host}: {result:?}") };
            let reasons = ["no public address", "private", "invalid dns name"];
            assert!(reasons.iter().any(|it| why.contains(it)), "{host}: {why}");
        }
        let reached = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(reached.is_err(), "nobody connected");
    }

    #[tokio::test]
    async fn an_endpoint_shows_a_certificate_that_is_trusted() {
        let key =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let certificate = key.cert.der().clone();
        let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], private)
            .expect("the key fits");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let url = format!("https://localhost:{}/", listener.local_addr().expect("bound").port());
        let serve = async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut head = [0; 1024];
                let _read = stream.read(&mut head).await;
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(answer).await.expect("it reads");
            }
        };
        let posts = async {
            let result = WebhookSender::new(true, &[]).post(&delivery(url.clone())).await;
            let PostResult::Unanswered(why) = result else { panic!("{result:?}") };
            assert!(why.contains("certificate"), "{why}");
            let trusting = WebhookSender::new(true, &[certificate]);
            assert_eq!(trusting.post(&delivery(url)).await, PostResult::Taken(200));
        };
        tokio::select! {
            () = serve => {}
            () = posts => {}
        }
    }
}
