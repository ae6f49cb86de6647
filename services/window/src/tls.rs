//! Our own TLS acceptor: mutual TLS 1.3, the caller looked up in the registry once a connection.
//!
//! The invariant: no request is read from a connection whose certificate the authority did not sign.
//! Handshakes, connections, and connections of one caller are bounded; a slow handshake delays nobody,
//! and whoever only takes up places before it has proved who it is loses them to the next.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use cli::Said;
use domain::limits;
use futures::future::{AbortHandle, abortable};
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt as _};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::connection::{CallerConnection, Peer};
use crate::files::private_key;
use crate::identity::{Registry, fingerprint};
use crate::quotas::{Quotas, Sockets};
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
pub fn acceptor(authority: &Path, certificate: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for root in certificates(authority)? {
        roots.add(root).with_context(|| Said::no_authority(authority))?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .with_context(|| Said::no_authority(authority))?;
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

/// Handshakes that are under way, oldest first: connections whose caller has proved nothing yet.
#[derive(Debug, Default)]
struct Unproven {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    address: IpAddr,
    spoke: Arc<AtomicBool>,
    end: AbortHandle,
}

impl Unproven {
    fn enter(&mut self, address: IpAddr, spoke: Arc<AtomicBool>, end: AbortHandle) -> u64 {
        self.next += 1;
        self.waiting.insert(self.next, Waiting { address, spoke, end });
        self.next
    }

    /// Makes room for one more from this address. True when somebody had to give way.
    fn make_room(&mut self, address: IpAddr, most: usize) -> bool {
        let of_address = self.waiting.values().filter(|other| other.address == address).count();
        if of_address >= limits::HANDSHAKES_PER_ADDRESS_MAX {
            self.oldest_gives_way(|other| other.address == address)
        } else if self.waiting.len() >= most {
            self.oldest_gives_way(|_| true)
        } else {
            false
        }
    }

    /// One that has not said a word goes before one that shakes hands.
    fn oldest_gives_way(&mut self, among: impl Fn(&Waiting) -> bool) -> bool {
        let of = |silent: bool| {
            let waiting = self.waiting.iter().filter(|(_, waiting)| among(waiting));
            let mut like =
                waiting.filter(|(_, waiting)| !(silent && waiting.spoke.load(Ordering::Relaxed)));
            like.next().map(|(number, _)| *number)
        };
        let given = of(true).or_else(|| of(false)).and_then(|oldest| self.waiting.remove(&oldest));
        if let Some(waiting) = &given {
            waiting.end.abort();
            metrics::counter!("sw_handshakes_given_way_total").increment(1);
        }
        given.is_some()
    }
}

/// Addresses of one customer count as one: the last half of an IPv6 address is the customer's to choose.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::from((u128::from(address) >> 64 << 64).to_be_bytes()),
        address @ IpAddr::V4(_) => address,
    }
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
    registry: Registry,
    sockets: Sockets,
) -> impl Stream<Item = io::Result<CallerConnection>> + Send {
    let door = Arc::new(Door { acceptor, registry, quotas: Quotas::new(sockets) });
    async_stream::stream! {
        let mut unproven = Unproven::default();
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
                    if unproven.make_room(ip, sockets.handshakes)
                        && let Some(unsaid) = crowded.due()
                    {
                        tracing::warn!(%address, unsaid, "handshakes gave way to newer ones");
                    }
                    let (door, spoke) = (Arc::clone(&door), Arc::new(AtomicBool::new(false)));
                    let greeted = greet(stream, door, Arc::clone(&spoke));
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
            unproven.waiting.remove(&number);
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

/// What every handshake needs.
struct Door {
    acceptor: TlsAcceptor,
    registry: Registry,
    quotas: Quotas,
}

async fn greet(
    stream: TcpStream,
    door: Arc<Door>,
    spoke: Arc<AtomicBool>,
) -> io::Result<CallerConnection> {
    stream.set_nodelay(true)?;
    stream.readable().await?;
    spoke.store(true, Ordering::Relaxed);
    let stream = door.acceptor.accept(stream).await?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let known = certificate.and_then(|leaf| door.registry.find(&fingerprint(leaf)));
    let principal = known.map(|known| Arc::clone(&known.principal));
    let account = known.map(|known| door.quotas.account(&known.principal, known.connections));
    let (places, refusal) = door.quotas.connect(account.as_deref()).map_err(|refusal| {
        let name = principal.as_ref().map_or("(not in the registry)", |principal| &principal.name);
        io::Error::other(format!("{refusal} ({name})"))
    })?;
    let refusal = refusal.map(Arc::new);
    Ok(CallerConnection::new(
        stream,
        Peer { principal, account, refusal, unread: Unread::default() },
        places,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(unproven: &mut Unproven, address: u8) -> (Arc<AtomicBool>, AbortHandle) {
        let (spoke, (end, _)) = (Arc::default(), AbortHandle::new_pair());
        let address = IpAddr::from([10, 0, 0, address]);
        unproven.enter(address, Arc::clone(&spoke), end.clone());
        (spoke, end)
    }

    #[test]
    fn the_oldest_silent_one_gives_way() {
        let mut unproven = Unproven::default();
        let (spoke, shakes) = waits(&mut unproven, 1);
        spoke.store(true, Ordering::Relaxed);
        let (_, oldest) = waits(&mut unproven, 2);
        let (_, newer) = waits(&mut unproven, 3);
        assert!(!unproven.make_room(IpAddr::from([10, 0, 0, 4]), 4), "there is room");
        assert!(unproven.make_room(IpAddr::from([10, 0, 0, 4]), 3));
        assert!(oldest.is_aborted() && !newer.is_aborted() && !shakes.is_aborted());
        assert!(unproven.make_room(IpAddr::from([10, 0, 0, 4]), 2));
        assert!(newer.is_aborted() && !shakes.is_aborted());
        assert!(unproven.make_room(IpAddr::from([10, 0, 0, 4]), 1));
        assert!(shakes.is_aborted(), "nobody else is left");
    }

    #[test]
    fn a_crowded_address_makes_room_among_its_own() {
        let mut unproven = Unproven::default();
        let (_, other) = waits(&mut unproven, 1);
        let most = limits::HANDSHAKES_PER_ADDRESS_MAX;
        let crowd: Vec<_> = (0..most).map(|_| waits(&mut unproven, 2).1).collect();
        assert!(unproven.make_room(IpAddr::from([10, 0, 0, 2]), limits::HANDSHAKES_MAX));
        assert!(!other.is_aborted() && crowd[0].is_aborted() && !crowd[1].is_aborted());
    }

    #[test]
    fn addresses_of_one_customer_count_as_one() {
        let of = |text: &str| counted(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::3"), of("2001:db8:1:3::3"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}
