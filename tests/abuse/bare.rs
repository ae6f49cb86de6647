//! The control: a server of the same libraries, with the same certificates, and no defence of ours. It has
//! 512 places for handshakes and does nothing to give one back.

use std::io::{BufRead as _, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use client::Config;
use futures::StreamExt as _;
use proto::v1;
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;

use tonic::body::Body;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::harness::Sandbox;
use crate::meter;

const PLACES: usize = 512;

pub(crate) struct Bare {
    address: String,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Bare {
    /// Answers health checks, takes declarations and lists many.
    pub(crate) async fn start(sandbox: &Sandbox) -> Self {
        Self::serve(&sandbox.directory.path().join("identities")).await
    }

    #[expect(clippy::disallowed_methods, reason = "it serves beside the test")]
    async fn serve(identities: &Path) -> Self {
        let acceptor = acceptor(identities);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("localhost:{}", listener.local_addr().expect("bound").port());
        let (done, incoming) = mpsc::channel(16);
        let places = Arc::new(Semaphore::new(PLACES));
        let accepts = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, done) = (acceptor.clone(), done.clone());
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                tokio::spawn(async move {
                    let shaken = acceptor.accept(stream).await;
                    drop(place);
                    let Ok(mut stream) = shaken else { return };
                    let (mut here, there) = tokio::io::duplex(64 * 1024);
                    let _gone = done.send(Ok::<_, std::io::Error>(there)).await;
                    let _ended = tokio::io::copy_bidirectional(&mut stream, &mut here).await;
                });
            }
        });
        let (_, health) = tonic_health::server::health_reporter();
        let served = tonic::transport::Server::builder()
            .accept_http1(true)
            .add_service(health)
            .add_service(Takes)
            .serve_with_incoming(ReceiverStream::new(incoming));
        let serves = tokio::spawn(async move { served.await.expect("it serves") });
        Self { address, tasks: vec![accepts, serves] }
    }

    /// The same caller, there.
    pub(crate) fn config(&self, sandbox: &Sandbox, caller: &str) -> Config {
        Config { address: self.address.clone(), ..sandbox.config(caller) }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

fn acceptor(identities: &Path) -> TlsAcceptor {
    let at = |name: &str| identities.join(name);
    let certificate = |name| CertificateDer::from_pem_file(at(name)).expect("a certificate");
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_file_iter(at("authority.pem")).expect("a file") {
        roots.add(authority.expect("a certificate")).expect("an authority");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .expect("an authority");
    let key = PrivateKeyDer::from_pem_file(at("window.key")).expect("a key");
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3 is there")
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate("window.pem")], key)
        .expect("they fit");
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Takes a submission as it comes, lists much and watches without end, as a service that counts nothing.
#[derive(Debug, Clone)]
struct Takes;

impl tonic::server::NamedService for Takes {
    const NAME: &'static str = "single_window.declaration.v1.DeclarationService";
}

impl tower::Service<http::Request<Body>> for Takes {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = futures::future::BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let path = request.uri().path();
            let (lists, watches) = (path.ends_with("/List"), path.ends_with("/Watch"));
            Ok(if watches {
                let codec = ProstCodec::<v1::WatchResponse, v1::WatchRequest>::default();
                tonic::server::Grpc::new(codec).server_streaming(Self, request).await
            } else if lists {
                let codec = ProstCodec::<v1::ListResponse, v1::ListRequest>::default();
                tonic::server::Grpc::new(codec).unary(Self, request).await
            } else {
                let codec = ProstCodec::<v1::SubmitResponse, v1::SubmitRequest>::default();
                tonic::server::Grpc::new(codec).unary(Self, request).await
            })
        })
    }
}

type Answered<T> = futures::future::BoxFuture<'static, Result<Response<T>, Status>>;

impl tonic::server::UnaryService<v1::ListRequest> for Takes {
    type Response = v1::ListResponse;
    type Future = Answered<v1::ListResponse>;

    fn call(&mut self, _: Request<v1::ListRequest>) -> Self::Future {
        let record = v1::DeclarationRecord { order_no: "x".repeat(400), ..Default::default() };
        let records = vec![record; 1_000];
        Box::pin(std::future::ready(Ok(Response::new(v1::ListResponse {
            records,
            ..Default::default()
        }))))
    }
}

impl tonic::server::ServerStreamingService<v1::WatchRequest> for Takes {
    type Response = v1::WatchResponse;
    type ResponseStream = futures::stream::BoxStream<'static, Result<v1::WatchResponse, Status>>;
    type Future = Answered<Self::ResponseStream>;

    fn call(&mut self, _: Request<v1::WatchRequest>) -> Self::Future {
        let beats = tokio::time::interval(Duration::from_secs(1));
        let beats = tokio_stream::wrappers::IntervalStream::new(beats);
        let told = beats.map(|_| Ok(v1::WatchResponse::default())).boxed();
        Box::pin(std::future::ready(Ok(Response::new(told))))
    }
}

impl tonic::server::UnaryService<v1::SubmitRequest> for Takes {
    type Response = v1::SubmitResponse;
    type Future = Answered<v1::SubmitResponse>;

    fn call(&mut self, _: Request<v1::SubmitRequest>) -> Self::Future {
        Box::pin(std::future::ready(Ok(Response::new(v1::SubmitResponse::default()))))
    }
}

/// The same in a process of its own, whose memory can be looked at.
pub(crate) struct BareProcess {
    child: Child,
    address: String,
    /// What it says later has to go somewhere.
    _out: std::io::BufReader<std::process::ChildStdout>,
}

/// In which directory the certificates are, for that process.
const IDENTITIES: &str = "SW_BARE_IDENTITIES";

impl BareProcess {
    pub(crate) fn start(sandbox: &Sandbox) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("a test has a path"))
            .args(["bare::a_server_without_defences", "--exact", "--ignored", "--nocapture"])
            .env(IDENTITIES, sandbox.directory.path().join("identities"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test starts again");
        let mut out = std::io::BufReader::new(child.stdout.take().expect("piped"));
        let address = out.by_ref().lines().find_map(|line| {
            line.ok()?.split_once("serves at ").map(|(_, address)| address.to_owned())
        });
        Self { child, address: address.expect("it says where it serves"), _out: out }
    }

    /// The same caller, there.
    pub(crate) fn config(&self, caller: &Config) -> Config {
        Config { address: self.address.clone(), ..caller.clone() }
    }

    pub(crate) fn resident_bytes(&self) -> u64 {
        meter::status_bytes(self.child.id(), "VmRSS:")
    }

    /// The most that it ever had.
    pub(crate) fn peak_bytes(&self) -> u64 {
        meter::status_bytes(self.child.id(), "VmHWM:")
    }
}

impl Drop for BareProcess {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// No test: [`BareProcess`] runs it in a process of its own, and ends it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it serves others"]
async fn a_server_without_defences() {
    let Some(identities) = std::env::var_os(IDENTITIES) else { return };
    let bare = Bare::serve(Path::new(&identities)).await;
    println!("serves at {}", bare.address);
    tokio::time::sleep(Duration::from_secs(600)).await;
}
