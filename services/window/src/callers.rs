//! Who stands behind a connection, and behind a call: a certificate of the registry, or a key.
//!
//! The invariants: a connection has one caller. One without a certificate takes one of few places, which its
//! oldest neighbour gives up for it, until its first good key; then it counts among those of its caller,
//! and it ends with that key.

use std::future::{Pending, pending};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use console::{BrowserSession, LoginProof};
use domain::principal::ActingPerson;
use domain::refusal::{Code, Refusal};
use domain::{Principal, limits};
use futures::future::{AbortHandle, Abortable};
use http::header::AUTHORIZATION;
use kit::api_keys::{ApiKey, ApiKeys};
use rustls_pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;

use crate::connection::Peer;
use crate::quotas::{CallerQuota, HeldPermits, Quotas, Sockets};
use crate::read_pause::ReadPause;
use crate::registry::{RegisteredCaller, Registry};
use crate::unproven::UnprovenConnections;
use crate::unread::UnreadPieces;

/// The registry as it is now.
#[derive(Debug, Clone)]
pub struct CurrentRegistry(Arc<RwLock<Arc<Registry>>>);

impl CurrentRegistry {
    /// This one, until it is replaced.
    pub fn new(registry: Registry) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(registry))))
    }

    /// The registry of this moment.
    pub(crate) fn get(&self) -> Arc<Registry> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Everybody who may call, and what each has open.
#[derive(Debug)]
pub struct Callers {
    registry: CurrentRegistry,
    pub(crate) quotas: Quotas,
    pub(crate) sockets: Sockets,
    /// `None` where there is no database to keep them in.
    keys: Option<ApiKeys>,
    newcomers: Arc<Mutex<UnprovenConnections>>,
}

/// By what a call says whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A certificate, or the link of a sandbox: nobody else can have it.
    Own,
    /// A key: whoever has found it may be somebody else.
    Key {
        /// It opens what only reads.
        read_only: bool,
    },
}

impl Credential {
    /// Of a key.
    fn of(key: &ApiKey) -> Self {
        Self::Key { read_only: key.read_only }
    }
}

/// Whose call it is.
#[derive(Debug, Clone)]
pub(crate) struct KnownCaller {
    pub(crate) principal: Arc<Principal>,
    pub(crate) credential: Credential,
    /// Who acts in its name.
    pub(crate) actor: ActingPerson,
    pub(crate) account: Arc<CallerQuota>,
    /// What its connection has not read.
    pub(crate) unread: UnreadPieces,
    /// Until when nothing more is read of it.
    pub(crate) pause: ReadPause,
    /// When its certificate or key is not good any more, and how that is said.
    pub(crate) over: Option<(CancellationToken, Code)>,
}

/// A connection without a certificate.
#[derive(Debug)]
pub struct Newcomer {
    number: u64,
    crowd: Arc<Mutex<UnprovenConnections>>,
    owner: Mutex<Option<Owner>>,
}

/// Whose it is, since its first good key.
#[derive(Debug)]
struct Owner {
    principal: Arc<Principal>,
    key_over: CancellationToken,
    _places: HeldPermits,
}

/// Done when a connection without a certificate has to make room for the next.
pub(crate) type EvictionSignal = Abortable<Pending<()>>;

impl Callers {
    /// Nothing is open.
    pub fn new(registry: CurrentRegistry, sockets: Sockets, keys: Option<ApiKeys>) -> Self {
        let newcomers = UnprovenConnections::new(
            limits::CONNECTIONS_NEW_MAX,
            limits::CONNECTIONS_NEW_PER_ADDRESS_MAX,
            "sw_newcomers_given_way_total",
        );
        let newcomers = Arc::new(Mutex::new(newcomers));
        Self { registry, quotas: Quotas::new(sockets), sockets, keys, newcomers }
    }

    /// Who may call now.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        self.registry.get()
    }

    /// These may call from now on. Whoever has a certificate that is not accepted any more has its connections
    /// ended; `is_good` looks at a chain.
    pub(crate) fn replace(
        &self,
        registry: Registry,
        is_good: impl Fn(&[CertificateDer<'static>]) -> bool,
    ) {
        let mut current = self.registry.0.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(registry.after(&current, is_good));
    }

    /// A place for a connection without a certificate. There always is one: somebody else gives way.
    pub(crate) fn receive(&self, address: IpAddr) -> (Arc<Newcomer>, EvictionSignal) {
        let (end, registration) = AbortHandle::new_pair();
        let mut crowd = self.newcomers.lock().unwrap_or_else(PoisonError::into_inner);
        crowd.make_room(address);
        let number = crowd.enter(address, Arc::default(), end);
        let crowd = Arc::clone(&self.newcomers);
        let newcomer = Newcomer { number, crowd, owner: Mutex::default() };
        (Arc::new(newcomer), Abortable::new(pending(), registration))
    }

    /// Whose call this is.
    ///
    /// # Errors
    ///
    /// Why it is nobody's who may call.
    pub(crate) fn of<B>(&self, request: &http::Request<B>) -> Result<KnownCaller, Box<Refusal>> {
        let no = |code: Code| Box::new(Refusal::of(code));
        // A page of the console asks as whoever looks at it.
        if let Some(caller) = request.extensions().get::<KnownCaller>() {
            return Ok(caller.clone());
        }
        let peer = peer(request)?;
        let Some(newcomer) = &peer.newcomer else { return certified(peer) };
        let text = bearer(request.headers()).ok_or_else(|| no(Code::IdentityMissing))?;
        let (known, key) = self.holder(text).ok_or_else(|| no(Code::KeyRefused))?;
        let (credential, over) = (Credential::of(&key), key.over.clone());
        let caller = self.caller(peer, &known, (credential, &key.note, over.clone()));
        newcomer.belongs_to(&caller.principal, &caller.account, &over)?;
        Ok(caller)
    }

    /// Who looks at a page of the console: whoever has the certificate of the connection, or else the session.
    /// `None` when it is nobody yet.
    ///
    /// # Errors
    ///
    /// Why the connection may not stay.
    pub(crate) fn visitor<B>(
        &self,
        request: &http::Request<B>,
        session: Option<&BrowserSession>,
    ) -> Result<Option<KnownCaller>, Box<Refusal>> {
        let peer = peer(request)?;
        let Some(newcomer) = &peer.newcomer else { return certified(peer).map(Some) };
        let Some(session) = session else { return Ok(None) };
        let found = match &session.by {
            LoginProof::Key(text) => self.holder(text).map(|(known, key)| {
                (known, Credential::of(&key), key.note.clone(), key.over.clone())
            }),
            LoginProof::Link => {
                let known = self.registry().by_name(&session.caller);
                known.map(|it| (it, Credential::Own, String::new(), CancellationToken::new()))
            }
            LoginProof::Certificate => None,
        };
        let Some((known, credential, note, over)) = found else { return Ok(None) };
        let name = if session.person.is_empty() { &note } else { &session.person };
        let caller = self.caller(peer, &known, (credential, name, over.clone()));
        newcomer.stays_for(&caller.principal, &caller.account, &over)?;
        Ok(Some(caller))
    }

    /// Who holds a key, and the key.
    fn holder(&self, text: &str) -> Option<(Arc<RegisteredCaller>, Arc<ApiKey>)> {
        let key = self.keys.as_ref()?.find(text)?;
        Some((self.registry().named(&key.caller, &key.role)?, key))
    }

    fn caller(
        &self,
        peer: &Peer,
        known: &RegisteredCaller,
        (credential, name, over): (Credential, &str, CancellationToken),
    ) -> KnownCaller {
        let account = self.quotas.account(&known.principal, known.connections);
        let (principal, unread) = (Arc::clone(&known.principal), peer.unread.clone());
        let over = Some((over, Code::KeyRefused));
        let pause = peer.pause.clone();
        let actor = ActingPerson::new(&principal.name, name);
        KnownCaller { principal, credential, actor, account, unread, pause, over }
    }
}

/// The other side of the connection of a request.
fn peer<B>(request: &http::Request<B>) -> Result<&Peer, Box<Refusal>> {
    let peer = request.extensions().get::<Peer>();
    let peer = peer.ok_or_else(|| Box::new(Refusal::of(Code::IdentityMissing)))?;
    match &peer.refusal {
        Some(refusal) => Err(Box::new(Refusal::clone(refusal))),
        None => Ok(peer),
    }
}

/// The caller of a certificate.
fn certified(peer: &Peer) -> Result<KnownCaller, Box<Refusal>> {
    let known = peer.principal.clone().zip(peer.account.clone());
    let (principal, account) =
        known.ok_or_else(|| Box::new(Refusal::of(Code::CertificateUnknown)))?;
    let over = peer.over.clone().map(|over| (over, Code::CertificateUnknown));
    let unread = peer.unread.clone();
    let (credential, pause) = (Credential::Own, peer.pause.clone());
    let actor = peer.actor.clone();
    Ok(KnownCaller { principal, credential, actor, account, unread, pause, over })
}

/// The key of a call: `Authorization: Bearer swk_…`.
fn bearer(headers: &http::HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

impl Newcomer {
    /// Lets a call of this caller through: the first one makes the connection its own.
    fn belongs_to(
        &self,
        principal: &Arc<Principal>,
        account: &CallerQuota,
        key_over: &CancellationToken,
    ) -> Result<(), Box<Refusal>> {
        let owner = self.stays_for(principal, account, key_over)?;
        if owner == principal.name {
            return Ok(());
        }
        let why = "the connection is another caller's";
        Err(Box::new(Refusal::of(Code::KeyRefused).with("why", why)))
    }

    /// The same for a browser, which has one connection for whoever logs in one after the other. Says whose
    /// the connection is.
    fn stays_for(
        &self,
        principal: &Arc<Principal>,
        account: &CallerQuota,
        over: &CancellationToken,
    ) -> Result<String, Box<Refusal>> {
        let mut owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = &*owner {
            return Ok(owner.principal.name.clone());
        }
        let places = account.connect()?;
        let (principal, key_over) = (Arc::clone(principal), over.clone());
        let name = principal.name.clone();
        *owner = Some(Owner { principal, key_over, _places: places });
        self.leave();
        Ok(name)
    }

    /// When the key that made it somebody's is not good any more; `None` while it is nobody's.
    pub(crate) fn key_over(&self) -> Option<CancellationToken> {
        let owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        owner.as_ref().map(|owner| owner.key_over.clone())
    }

    fn leave(&self) {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner).leave(self.number);
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_said_in_one_way() {
        let key_of = |text: &'static str| {
            let mut headers = http::HeaderMap::new();
            headers.insert(AUTHORIZATION, http::HeaderValue::from_static(text));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(key_of("Bearer swk_a").as_deref(), Some("swk_a"));
        assert_eq!(key_of("bearer  swk_a").as_deref(), Some("swk_a"));
        for text in ["swk_a", "Basic swk_a", "Bearer"] {
            assert_eq!(key_of(text), None, "{text}");
        }
        assert_eq!(bearer(&http::HeaderMap::new()), None);
    }

    #[test]
    fn nobody_keeps_the_next_one_out_before_it_is_known() {
        let callers =
            Callers::new(CurrentRegistry::new(Registry::default()), Sockets::within(1_024), None);
        let address = IpAddr::from([10, 0, 0, 1]);
        let most = limits::CONNECTIONS_NEW_PER_ADDRESS_MAX;
        let crowd: Vec<_> = (0..most).map(|_| callers.receive(address)).collect();
        let (next, sent_away) = callers.receive(address);
        assert!(crowd[0].1.is_aborted() && !crowd[1].1.is_aborted() && !sent_away.is_aborted());
        drop(next);
        let _next = callers.receive(address);
        assert!(!crowd[1].1.is_aborted(), "one that is gone has left its place");
    }
}
