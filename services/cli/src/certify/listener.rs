//! The listener in front of the window: plain HTTP/1.1 and HTTP/2 (h2c, so gRPC too) on this machine, which goes on to
//! the window as the caller of the command, request by request. Faults of transport are made here.
//!
//! Whoever reaches it acts as that caller, so it listens on this machine only.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::super::BilingualText;
use super::filing::{self, CallKind, StatusReader};
use super::scenario::TransportFault;
use super::traffic::{CallOutcome, Traffic};

/// What a request may have, as at the window.
const BODY_BYTES_MAX: usize = domain::limits::CEB_ENVELOPE_BYTES_MAX + 1024;

/// Belong to one connection, and are not passed on.
const OF_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::HOST,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// The caller says who it is by the command's own certificate or key; and what is read along is not packed.
const OF_CALLER: [HeaderName; 3] = [
    header::AUTHORIZATION,
    header::ACCEPT_ENCODING,
    HeaderName::from_static("grpc-accept-encoding"),
];

/// Where firms' systems connect.
pub(crate) struct CertifyListener {
    listener: TcpListener,
    relay: Relay,
}

impl CertifyListener {
    /// Listens; the window is at the end of the channel.
    ///
    /// # Errors
    ///
    /// When the address is not of this machine, or taken.
    pub(crate) async fn bind(
        address: SocketAddr,
        channel: Channel,
        api_key: &str,
        traffic: Arc<Traffic>,
    ) -> anyhow::Result<Self> {
        anyhow::ensure!(
            address.ip().is_loopback(),
            BilingualText::new(
                "--listen takes an address of this machine: whoever reaches it files as you",
                "--listen须为本机地址：能访问该地址者均可以您的身份申报",
            )
        );
        let listener = TcpListener::bind(address).await.with_context(|| {
            BilingualText::new(
                format!("it cannot listen on {address}; name another one with --listen"),
                format!("无法监听{address}，请用--listen指定其他地址"),
            )
        })?;
        let key = if api_key.is_empty() {
            None
        } else {
            let mut key = HeaderValue::try_from(format!("Bearer {}", api_key.trim()))?;
            key.set_sensitive(true);
            Some(key)
        };
        Ok(Self { listener, relay: Relay { channel, key, traffic } })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// When the system does not say it.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until it is dropped.
    pub(crate) async fn serve(self) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(connection(stream, self.relay.clone()));
                    }
                    // Too many files are open: some will be closed.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// Serves one connection until it ends, or a fault cuts it.
async fn connection(stream: TcpStream, relay: Relay) {
    let cut = Arc::new(Notify::new());
    let service = TowerToHyperService::new(RelayService { relay, cut: Arc::clone(&cut) });
    let server = auto::Builder::new(TokioExecutor::new());
    let served = server.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // How it ended is for its other side to say.
        _ended = served => {}
        () = cut.notified() => {}
    }
}

/// Passes requests on.
#[derive(Clone)]
struct Relay {
    channel: Channel,
    /// The caller's key, where no certificate says who calls.
    key: Option<HeaderValue>,
    traffic: Arc<Traffic>,
}

/// The requests of one connection.
#[derive(Clone)]
struct RelayService {
    relay: Relay,
    /// Ends the connection.
    cut: Arc<Notify>,
}

type RelayFuture = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<B> tower::Service<Request<B>> for RelayService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = RelayFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> RelayFuture {
        let Self { relay, cut } = self.clone();
        let (parts, body) = request.into_parts();
        let (version, kind) = (parts.version, CallKind::of(&parts.method, parts.uri.path()));
        let answered = async move {
            if kind.is_change() {
                let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
                    return no_answer(kind, "the request did not come whole");
                };
                return relay.change(kind, parts, body.to_bytes(), &cut).await;
            }
            relay.pass(kind, parts, Body::new(body)).await
        };
        Box::pin(async move {
            let mut answer = answered.await;
            *answer.version_mut() = version;
            if version < Version::HTTP_2 {
                answer.headers_mut().remove(header::CONNECTION);
            }
            Ok(answer)
        })
    }
}

impl Relay {
    /// Something that files or amends: with the fault that comes to it.
    async fn change(
        self,
        kind: CallKind,
        parts: http::request::Parts,
        body: Bytes,
        cut: &Notify,
    ) -> Response<Body> {
        #[expect(clippy::disallowed_methods, reason = "the report says when it came")]
        let now = time::OffsetDateTime::now_utc();
        let found = filing::read(kind, &parts.headers, &body);
        let found = found.and_then(|filing| self.traffic.add(filing, now));
        let (place, fault) = match found {
            Some((place, fault)) => (Some(place), fault),
            None => (None, None),
        };
        let end = |outcome| {
            if let Some(place) = &place {
                self.traffic.end(place, outcome);
            }
        };
        match fault {
            Some(TransportFault::Cut) => {
                end(CallOutcome::Unseen);
                return cut_off(cut).await;
            }
            Some(TransportFault::TooManyRequests(seconds)) => {
                end(CallOutcome::Unseen);
                return slow_down(kind, seconds);
            }
            Some(TransportFault::LostAnswer | TransportFault::Slow(_)) | None => {}
        }
        let answer = match self.ask(parts, Body::new(Full::new(body))).await {
            Ok(answer) => answer,
            Err(status) => return no_answer(kind, status.message()),
        };
        let (head, body) = answer.into_parts();
        let collected = match body.collect().await {
            Ok(collected) => collected,
            Err(status) => return no_answer(kind, status.message()),
        };
        let trailers = collected.trailers().cloned();
        let body = collected.to_bytes();
        end(filing::outcome(kind, head.status, &head.headers, (&body, trailers.as_ref())));
        match fault {
            Some(TransportFault::LostAnswer) => return cut_off(cut).await,
            Some(TransportFault::Slow(seconds)) => {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            Some(TransportFault::Cut | TransportFault::TooManyRequests(_)) | None => {}
        }
        let body = match trailers {
            Some(trailers) => {
                Body::new(Full::new(body).with_trailers(std::future::ready(Some(Ok(trailers)))))
            }
            None => Body::new(Full::new(body)),
        };
        Response::from_parts(head, body)
    }

    /// Anything else, piece by piece; what says how things stand is read along.
    async fn pass(self, kind: CallKind, parts: http::request::Parts, body: Body) -> Response<Body> {
        if kind == CallKind::Batch {
            self.traffic.note(parts.uri.path());
        }
        let answer = match self.ask(parts, body).await {
            Ok(answer) => answer,
            Err(status) => return no_answer(kind, status.message()),
        };
        if !matches!(kind, CallKind::ReadHttp | CallKind::ReadGrpc(_)) {
            return answer;
        }
        let (head, body) = answer.into_parts();
        let mut reader = StatusReader::new(kind);
        let body = body.map_frame(move |frame| {
            if let Some(piece) = frame.data_ref() {
                self.traffic.record(reader.push(piece));
            }
            frame
        });
        Response::from_parts(head, Body::new(body))
    }

    /// What the window answers.
    fn ask(
        &self,
        parts: http::request::Parts,
        body: Body,
    ) -> impl Future<Output = Result<Response<Body>, Status>> + use<> {
        let mut request = Request::new(body);
        *request.method_mut() = parts.method;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = parts.uri;
        let headers = request.headers_mut();
        *headers = parts.headers;
        for name in OF_CONNECTION.iter().chain(&OF_CALLER) {
            headers.remove(name);
        }
        if let Some(key) = &self.key {
            headers.insert(header::AUTHORIZATION, key.clone());
        }
        let mut channel = self.channel.clone();
        let away = |error: tonic::transport::Error| Status::unavailable(error.to_string());
        async move {
            let ready = std::future::poll_fn(|context| {
                tower::Service::<Request<Body>>::poll_ready(&mut channel, context)
            });
            ready.await.map_err(away)?;
            tower::Service::call(&mut channel, request).await.map_err(away)
        }
    }
}

/// Ends the connection; nothing is answered any more.
async fn cut_off(cut: &Notify) -> Response<Body> {
    cut.notify_one();
    std::future::pending().await
}

/// As the window says that it has too much to do.
fn slow_down(kind: CallKind, seconds: u64) -> Response<Body> {
    const TEXT: &str = "single-window certify: come again later, as Retry-After says";
    if kind.is_grpc() {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(seconds)));
        return Status::with_error_details(Code::ResourceExhausted, TEXT, details).into_http();
    }
    let mut answer = problem(StatusCode::TOO_MANY_REQUESTS, TEXT);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

/// The window is away.
fn no_answer(kind: CallKind, why: &str) -> Response<Body> {
    let text = format!("single-window certify: the window gave no answer: {why}");
    if kind.is_grpc() {
        return Status::unavailable(text).into_http();
    }
    problem(StatusCode::SERVICE_UNAVAILABLE, &text)
}

fn problem(status: StatusCode, text: &str) -> Response<Body> {
    let body = serde_json::json!({
        "type": "about:blank", "title": text, "status": status.as_u16(), "code": "", "message": text,
    });
    let mut answer = Response::new(Body::new(Full::new(Bytes::from(body.to_string()))));
    *answer.status_mut() = status;
    let mut headers = HeaderMap::new();
    let form = HeaderValue::from_static("application/problem+json");
    headers.insert(header::CONTENT_TYPE, form);
    *answer.headers_mut() = headers;
    answer
}
