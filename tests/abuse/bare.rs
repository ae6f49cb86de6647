//! The control: a server of the same libraries, with the same certificates, and no defence of ours. It has
//! 512 places for handshakes and does nothing to give one back.

use std::sync::Arc;

use client::Config;
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;

use crate::harness::Sandbox;

const PLACES: usize = 512;

pub(crate) struct Bare {
    address: String,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Bare {
    /// Answers health checks.
    #[expect(clippy::disallowed_methods, reason = "it serves beside the test")]
    pub(crate) async fn start(sandbox: &Sandbox) -> Self {
        let acceptor = acceptor(sandbox);
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

fn acceptor(sandbox: &Sandbox) -> TlsAcceptor {
    let at = |name: &str| sandbox.directory.path().join("identities").join(name);
    let certificate = |name| CertificateDer::from_pem_file(at(name)).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(certificate("authority.pem")).expect("an authority");
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
