//! Our own TLS acceptor: TLS 1.3, and the caller of a certificate looked up in the registry once a connection.
//!
//! The invariant: no request is read from a connection whose certificate the authority did not sign. One
//! without a certificate is nobody's until its first good key, unless certificates are demanded.
//! Handshakes, connections, and connections of one caller are bounded; a slow handshake delays nobody,
//! and whoever only takes up places before it has proved who it is loses them to the next.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use cli::Said;
use domain::limits;
use futures::future::abortable;
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt as _};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::callers::Callers;
use crate::connection::{CallerConnection, Peer};
use crate::files::private_key;
use crate::identity::fingerprint;
use crate::quotas::HeldPermits;
use crate::unproven::{Unproven, counted};
use crate::unread::Unread;

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(limits::HANDSHAKE_SECONDS_MAX);
/// How long nothing is accepted after the system refused to: what it lacks takes a moment to come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The server's side of TLS from PEM files.
///
/// # Errors
///
/// Names the file that cannot be used.
pub fn acceptor(
    authority: &Path,
    (certificate, key): (&Path, &Path),
    require_certificates: bool,
) -> anyhow::Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for root in certificates(authority)? {
        roots.add(root).with_context(|| Said::no_authority(authority))?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = if require_certificates { verifier } else { verifier.allow_unauthenticated() };
    let verifier = verifier.build().with_context(|| Said::no_authority(authority))?;
    let key = private_key(key)?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("TLS 1.3 is not available")?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(certificate)?, key)
        .with_context(|| {
            let file = certificate.display();
            Said::new(format!("{file} and its key do not fit"), format!("{file}与其私钥不匹配"))
        })?;
    // gRPC and the paths of HTTP; a caller that names neither is heard too.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The certificates of a PEM file.
pub(crate) fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .with_context(|| Said::unreadable(file))
}

/// Says things that may happen a thousand times a second once a second, and how often they happened.
#[derive(Debug, Default)]
struct Seldom {
    said: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    /// How many were not said, when it is time to say one.
    fn due(&mut self) -> Option<u64> {
        if self.said.is_some_and(|said| said.elapsed() < Duration::from_secs(1)) {
            self.unsaid += 1;
            return None;
        }
        self.said = Some(Instant::now());
        Some(std::mem::take(&mut self.unsaid))
    }
}

/// Connections as they come, handshakes done.
pub fn incoming(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    callers: Arc<Callers>,
) -> impl Stream<Item = io::Result<CallerConnection>> + Send {
    async_stream::stream! {
        let mut unproven = Unproven::new(
            callers.sockets.handshakes,
            limits::HANDSHAKES_PER_ADDRESS_MAX,
            "sw_handshakes_given_way_total",
        );
        let mut shaking = FuturesUnordered::new();
        let mut pause = None;
        let (mut crowded, mut failed) = (Seldom::default(), Seldom::default());
        loop {
            let (accepted, shaken) = tokio::select! {
                accepted = accept(&listener, pause) => (Some(accepted), None),
                Some(shaken) = shaking.next(), if !shaking.is_empty() => (None, Some(shaken)),
            };
            match accepted {
                Some(Ok((stream, address))) => {
                    pause = None;
                    let ip = counted(address.ip());
                    if unproven.make_room(ip)
                        && let Some(unsaid) = crowded.due()
                    {
                        tracing::warn!(%address, unsaid, "handshakes gave way to newer ones");
                    }
                    let spoke = Arc::new(AtomicBool::new(false));
                    let door = (acceptor.clone(), Arc::clone(&callers));
                    let greeted = greet((stream, ip), door, Arc::clone(&spoke));
                    let (greeted, end) = abortable(tokio::time::timeout(HANDSHAKE, greeted));
                    let number = unproven.enter(ip, spoke, end);
                    shaking.push(async move { (number, address, greeted.await) });
                }
                // Out of descriptors: those who prove nothing give theirs back.
                Some(Err(error)) => {
                    pause = Some(tokio::time::Instant::now() + ACCEPT_PAUSE);
                    unproven.oldest_gives_way(|_| true);
                    if let Some(unsaid) = failed.due() {
                        tracing::warn!(%error, unsaid, "a connection was not accepted");
                    }
                }
                None => {}
            }
            let Some((number, address, greeted)) = shaken else { continue };
            unproven.leave(number);
            let why = match greeted {
                Ok(Ok(Ok(connection))) => {
                    yield Ok(connection);
                    continue;
                }
                Ok(Ok(Err(error))) => error.to_string(),
                Ok(Err(_)) => "it took too long".to_owned(),
                // It gave way, which was said.
                Err(_) => continue,
            };
            if let Some(unsaid) = failed.due() {
                tracing::info!(%address, why, unsaid, "a handshake failed");
            }
        }
    }
}

async fn accept(
    listener: &TcpListener,
    pause: Option<tokio::time::Instant>,
) -> io::Result<(TcpStream, std::net::SocketAddr)> {
    if let Some(until) = pause {
        tokio::time::sleep_until(until).await;
    }
    listener.accept().await
}

async fn greet(
    (stream, address): (TcpStream, IpAddr),
    (acceptor, callers): (TlsAcceptor, Arc<Callers>),
    spoke: Arc<AtomicBool>,
) -> io::Result<CallerConnection> {
    stream.set_nodelay(true)?;
    stream.readable().await?;
    spoke.store(true, Ordering::Relaxed);
    let stream = acceptor.accept(stream).await?;
    let Some(certificate) = stream.get_ref().1.peer_certificates().and_then(<[_]>::first) else {
        let (newcomer, sent_away) = callers.receive(address);
        let peer = Peer { newcomer: Some(newcomer), ..Peer::default() };
        return Ok(CallerConnection::new(stream, peer, HeldPermits::none(), Some(sent_away)));
    };
    let known = callers.registry.find(&fingerprint(certificate));
    let principal = known.map(|known| Arc::clone(&known.principal));
    let account = known.map(|known| callers.quotas.account(&known.principal, known.connections));
    let (places, refusal) = callers.quotas.connect(account.as_deref()).map_err(|refusal| {
        let name = principal.as_ref().map_or("(not in the registry)", |principal| &principal.name);
        io::Error::other(format!("{refusal} ({name})"))
    })?;
    let refusal = refusal.map(Arc::new);
    let peer = Peer { principal, account, refusal, newcomer: None, unread: Unread::default() };
    Ok(CallerConnection::new(stream, peer, places, None))
}
