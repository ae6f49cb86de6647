//! Our own TLS acceptor: mutual TLS 1.3, the caller looked up in the registry once a connection.
//!
//! The invariant: no request is read from a connection whose certificate the authority did not sign.
//! Handshakes, connections, and connections of one caller are bounded; a slow handshake delays nobody.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use domain::limits;
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt as _};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::identity::{Peer, Registry, fingerprint};

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// The server's side of TLS from PEM files.
///
/// # Errors
///
/// Names the file that cannot be used.
pub fn acceptor(authority: &Path, certificate: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for root in certificates(authority)? {
        roots.add(root).with_context(|| format!("{} is not an authority", authority.display()))?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .with_context(|| format!("{} holds no authority", authority.display()))?;
    let key = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("the key {} cannot be read", key.display()))?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("TLS 1.3 is not available")?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(certificate)?, key)
        .with_context(|| format!("{} and its key do not fit", certificate.display()))?;
    // gRPC and the paths of HTTP; a caller that names neither is heard too.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The certificates of a PEM file.
pub(crate) fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .with_context(|| format!("the certificate {} cannot be read", file.display()))
}

/// A connection whose caller is known or known to be unknown.
#[derive(Debug)]
pub struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    _one_of_all: OwnedSemaphorePermit,
    _one_of_caller: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Bounds connections, in all and by caller.
#[derive(Debug)]
struct Doorman {
    all: Arc<Semaphore>,
    callers: Mutex<HashMap<String, Arc<Semaphore>>>,
    registry: Registry,
}

impl Doorman {
    fn caller(&self, name: &str, most: usize) -> Option<OwnedSemaphorePermit> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let semaphore =
            callers.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(most)));
        Arc::clone(semaphore).try_acquire_owned().ok()
    }
}

/// Connections as they come, handshakes done.
pub fn incoming(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    registry: Registry,
) -> impl Stream<Item = io::Result<Connection>> + Send {
    let all = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
    let doorman = Arc::new(Doorman { all, callers: Mutex::default(), registry });
    async_stream::stream! {
        let mut shaking = FuturesUnordered::new();
        loop {
            let (accepted, shaken) = tokio::select! {
                accepted = listener.accept() => (Some(accepted), None),
                Some(shaken) = shaking.next(), if !shaking.is_empty() => (None, Some(shaken)),
            };
            match accepted {
                Some(Ok((stream, address))) if shaking.len() < limits::HANDSHAKES_MAX => {
                    let (acceptor, doorman) = (acceptor.clone(), Arc::clone(&doorman));
                    shaking.push(async move {
                        let greeted = greet(stream, &acceptor, &doorman);
                        match tokio::time::timeout(HANDSHAKE, greeted).await {
                            Ok(Ok(connection)) => Some(connection),
                            Ok(Err(error)) => {
                                tracing::info!(%address, %error, "a handshake failed");
                                None
                            }
                            Err(_) => {
                                tracing::info!(%address, "a handshake took too long");
                                None
                            }
                        }
                    });
                }
                Some(Ok((_, address))) => {
                    let most = limits::HANDSHAKES_MAX;
                    tracing::warn!(%address, most, "too many handshakes at once");
                }
                // Out of file descriptors, for example: the listener itself is fine.
                Some(Err(error)) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                None => {}
            }
            if let Some(Some(connection)) = shaken {
                yield Ok(connection);
            }
        }
    }
}

async fn greet(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    doorman: &Doorman,
) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let principal = certificate.and_then(|leaf| doorman.registry.find(&fingerprint(leaf)));
    let name = principal.as_ref().map_or("(not in the registry)", |principal| &principal.name);
    let most = match &principal {
        Some(_) => limits::CONNECTIONS_PER_PRINCIPAL_MAX,
        None => limits::CONNECTIONS_UNKNOWN_MAX,
    };
    let full = || io::Error::other(format!("too many connections of {name}"));
    let caller = doorman.caller(name, most).ok_or_else(full)?;
    let permit = Arc::clone(&doorman.all).try_acquire_owned().map_err(|_| full())?;
    Ok(Connection { stream, peer: Peer(principal), _one_of_all: permit, _one_of_caller: caller })
}
