//! Our own TLS acceptor: TLS 1.3, and the caller of a certificate looked up in the registry once a connection.
//!
//! The invariant: no request is read from a connection whose certificate the authority did not sign. One
//! without a certificate is nobody's until its first good key, unless certificates are demanded.
//! Handshakes, connections, and connections of one caller are bounded; a slow handshake delays nobody,
//! and whoever only takes up places before it has proved who it is loses them to the next.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use cli::BilingualText;
use domain::limits;
use domain::principal::ActingPerson;
use futures::future::abortable;
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt as _};
use rustix::process::{Resource, getrlimit};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::callers::Callers;
use crate::clock;
use crate::connection::{CallerConnection, Peer};
use crate::files::private_key;
use crate::quotas::HeldPermits;
use crate::registry::fingerprint;
use crate::unproven::{UnprovenConnections, counted};

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(limits::HANDSHAKE_SECONDS_MAX);
/// How long nothing is accepted after the system refused to: what it lacks takes a moment to come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What new connections are accepted with. It can be replaced while they are.
#[derive(Clone)]
pub struct CurrentAcceptor(Arc<RwLock<TlsAcceptor>>);

impl std::fmt::Debug for CurrentAcceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CurrentAcceptor")
    }
}

impl CurrentAcceptor {
    /// This one.
    pub fn new(acceptor: TlsAcceptor) -> Self {
        Self(Arc::new(RwLock::new(acceptor)))
    }

    /// From now on this one.
    pub(crate) fn replace(&self, acceptor: TlsAcceptor) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
    }

    fn get(&self) -> TlsAcceptor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Who looks at the certificates of callers: the authority that signs them and, where there is one, its list of
/// those that are revoked (CRL); and whether everybody needs one.
///
/// # Errors
///
/// Names the file that cannot be used.
pub fn verifier(
    (authority, revocations, require_certificates): (&Path, Option<&Path>, bool),
) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for root in certificates(authority)? {
        roots.add(root).with_context(|| BilingualText::no_authority(authority))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = match revocations {
        // An authority without a list revokes nobody.
        Some(file) => verifier.with_crls(lists(file)?).allow_unknown_revocation_status(),
        None => verifier,
    };
    let verifier = if require_certificates { verifier } else { verifier.allow_unauthenticated() };
    verifier.build().with_context(|| BilingualText::no_authority(authority))
}

/// Whether a chain of certificates, that of the caller first, is good now.
pub(crate) fn is_good(verifier: &dyn ClientCertVerifier, chain: &[CertificateDer<'_>]) -> bool {
    let Some((own, more)) = chain.split_first() else { return false };
    verifier.verify_client_cert(own, more, UnixTime::now()).is_ok()
}

fn lists(file: &Path) -> anyhow::Result<Vec<CertificateRevocationListDer<'static>>> {
    let lists: Vec<_> = CertificateRevocationListDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .with_context(|| BilingualText::unreadable(file))?;
    // One that revokes nobody is a list too. A file without any is half written, or another one.
    anyhow::ensure!(!lists.is_empty(), {
        let file = file.display();
        BilingualText::new(
            format!("{file} has no list of revocations (CRL, PEM)"),
            format!("{file}中没有吊销列表（CRL，PEM）"),
        )
    });
    Ok(lists)
}

/// The server's side of TLS from PEM files.
///
/// # Errors
///
/// Names the file that cannot be used.
pub fn acceptor(
    (certificate, key): (&Path, &Path),
    verifier: Arc<dyn ClientCertVerifier>,
) -> anyhow::Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = private_key(key)?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("TLS 1.3 is not available")?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(certificate)?, key)
        .with_context(|| {
            let file = certificate.display();
            BilingualText::new(
                format!("{file} and its key do not fit"),
                format!("{file}与其私钥不匹配"),
            )
        })?;
    // gRPC and the paths of HTTP; a caller that names neither is heard too.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The certificates of a PEM file.
pub(crate) fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .with_context(|| BilingualText::unreadable(file))
}

/// Says things that may happen a thousand times a second once a second, and how often they happened.
#[derive(Debug, Default)]
struct Seldom {
    logged: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    /// How many were not said, when it is time to say one.
    fn due(&mut self) -> Option<u64> {
        if self.logged.is_some_and(|logged| logged.elapsed() < Duration::from_secs(1)) {
            self.unsaid += 1;
            return None;
        }
        self.logged = Some(Instant::now());
        Some(std::mem::take(&mut self.unsaid))
    }
}

/// Connections as they come, handshakes done.
pub fn incoming(
    listener: TcpListener,
    acceptor: CurrentAcceptor,
    callers: Arc<Callers>,
) -> impl Stream<Item = io::Result<CallerConnection>> + Send {
    async_stream::stream! {
        let mut unproven = UnprovenConnections::new(
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
                    let door = (acceptor.get(), Arc::clone(&callers));
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
    let (stream, address) = listener.accept().await?;
    // The limit may be lowered while we run; no number means that there is none.
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if is_kept(stream.as_raw_fd(), limit) {
        return Err(io::Error::other(
            "the last open files are kept for the database and for files",
        ));
    }
    Ok((stream, address))
}

/// Whether this is one of the last descriptors, which no connection gets: a crowd that takes them would keep the
/// database from those who are let in. The system gives the lowest that is free.
fn is_kept(descriptor: RawFd, limit: u64) -> bool {
    let kept = limits::DESCRIPTORS_RESERVED.min(limit / 4);
    u64::try_from(descriptor).is_ok_and(|descriptor| descriptor >= limit - kept)
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
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default(); // without one it has keys
    let Some(certificate) = chain.first() else {
        let (newcomer, sent_away) = callers.receive(address);
        let peer = Peer { newcomer: Some(newcomer), ..Peer::default() };
        return Ok(CallerConnection::new(stream, peer, HeldPermits::none(), Some(sent_away)));
    };
    let registration = callers.registry().find(&fingerprint(certificate), clock::real().now());
    let known = registration.as_ref().map(|registration| registration.show(chain));
    let principal = known.map(|known| Arc::clone(&known.principal));
    let account = known.map(|known| callers.quotas.account(&known.principal, known.connections));
    let over = registration.as_ref().map(|registration| registration.over.clone());
    let (places, refusal) = callers.quotas.connect(account.as_deref()).map_err(|refusal| {
        let name = principal.as_ref().map_or("(not in the registry)", |principal| &principal.name);
        io::Error::other(format!("{refusal} ({name})"))
    })?;
    let refusal = refusal.map(Arc::new);
    let actor = principal
        .as_ref()
        .map(|principal| ActingPerson::new(&principal.name, &common_name(certificate)));
    let actor = actor.unwrap_or_default(); // nobody is known by it
    let peer = Peer { principal, actor, account, over, refusal, ..Peer::default() };
    Ok(CallerConnection::new(stream, peer, places, None))
}

/// The name that a certificate gives its holder (CN); empty when it gives none.
fn common_name(certificate: &CertificateDer<'_>) -> String {
    let read = X509Certificate::from_der(certificate).ok();
    let named = read.and_then(|(_, read)| {
        let name = read.subject().iter_common_name().next()?.as_str().ok()?;
        Some(name.to_owned())
    });
    named.unwrap_or_default() // without one it is the caller's
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
        ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
        SerialNumber,
    };

    use super::*;

    #[test]
    fn whom_the_authority_revoked_is_not_accepted() {
        let place = tempfile::tempdir().expect("a directory");
        let (authority, list) = (place.path().join("ca.pem"), place.path().join("crl.pem"));
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
        let issuer = issuer.expect("an authority");
        std::fs::write(&authority, issuer.pem()).expect("ours");
        let signed = |serial: u64| {
            let mut params = CertificateParams::default();
            params.serial_number = Some(SerialNumber::from(serial));
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            let signed = params.signed_by(&KeyPair::generate().expect("a key"), &issuer);
            vec![signed.expect("it is signed").der().clone()]
        };
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(2),
            revocation_time: rcgen::date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let crl = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2026, 1, 1),
            next_update: rcgen::date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let crl = crl.signed_by(&issuer).and_then(|crl| crl.pem()).expect("a list");
        std::fs::write(&list, crl).expect("ours");
        let (good, bad) = (signed(1), signed(2));
        let open = verifier((&authority, None, true)).expect("an authority");
        assert!(is_good(&*open, &good) && is_good(&*open, &bad));
        let strict = verifier((&authority, Some(&list), true)).expect("with a list");
        assert!(is_good(&*strict, &good) && !is_good(&*strict, &bad));
        assert!(!is_good(&*strict, &[]));
    }
}
