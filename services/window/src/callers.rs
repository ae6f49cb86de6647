//! Who stands behind a connection, and behind a call: a certificate of the registry, or a key.
//!
//! The invariants: a connection has one caller. One without a certificate takes one of few places, which its
//! oldest neighbour gives up for it, until its first good key; then it counts among those of its caller,
//! and it ends with that key.

use std::future::{Pending, pending};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use domain::refusal::{Code, Refusal};
use domain::{Principal, limits};
use futures::future::{AbortHandle, Abortable};
use http::header::AUTHORIZATION;
use kit::api_keys::ApiKeys;
use tokio_util::sync::CancellationToken;

use crate::connection::Peer;
use crate::identity::Registry;
use crate::quotas::{CallerQuota, HeldPermits, Quotas, Sockets};
use crate::unproven::Unproven;
use crate::unread::Unread;

/// Everybody who may call, and what each has open.
#[derive(Debug)]
pub struct Callers {
    pub(crate) registry: Registry,
    pub(crate) quotas: Quotas,
    pub(crate) sockets: Sockets,
    /// `None` where there is no database to keep them in.
    keys: Option<ApiKeys>,
    newcomers: Arc<Mutex<Unproven>>,
}

/// Whose call it is.
#[derive(Debug)]
pub(crate) struct KnownCaller {
    pub(crate) principal: Arc<Principal>,
    pub(crate) account: Arc<CallerQuota>,
    /// What its connection has not read.
    pub(crate) unread: Unread,
    /// When its key is not good any more.
    pub(crate) over: Option<CancellationToken>,
}

/// A connection without a certificate.
#[derive(Debug)]
pub struct Newcomer {
    number: u64,
    crowd: Arc<Mutex<Unproven>>,
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
pub(crate) type SentAway = Abortable<Pending<()>>;

impl Callers {
    /// Nothing is open.
    pub fn new(registry: Registry, sockets: Sockets, keys: Option<ApiKeys>) -> Self {
        let newcomers = Unproven::new(
            limits::CONNECTIONS_NEW_MAX,
            limits::CONNECTIONS_NEW_PER_ADDRESS_MAX,
            "sw_newcomers_given_way_total",
        );
        let newcomers = Arc::new(Mutex::new(newcomers));
        Self { registry, quotas: Quotas::new(sockets), sockets, keys, newcomers }
    }

    /// A place for a connection without a certificate. There always is one: somebody else gives way.
    pub(crate) fn receive(&self, address: IpAddr) -> (Arc<Newcomer>, SentAway) {
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
        let peer = request.extensions().get::<Peer>().ok_or_else(|| no(Code::IdentityMissing))?;
        if let Some(refusal) = &peer.refusal {
            return Err(Box::new(Refusal::clone(refusal)));
        }
        let unread = peer.unread.clone();
        let Some(newcomer) = &peer.newcomer else {
            let known = peer.principal.clone().zip(peer.account.clone());
            let (principal, account) = known.ok_or_else(|| no(Code::CertificateUnknown))?;
            return Ok(KnownCaller { principal, account, unread, over: None });
        };
        let text = bearer(request.headers()).ok_or_else(|| no(Code::IdentityMissing))?;
        let key = self.keys.as_ref().and_then(|keys| keys.find(text));
        let key = key.ok_or_else(|| no(Code::KeyRefused))?;
        let known = self.registry.named(&key.caller, &key.role);
        let known = known.ok_or_else(|| no(Code::KeyRefused))?;
        let account = self.quotas.account(&known.principal, known.connections);
        newcomer.belongs_to(&known.principal, &account, &key.over)?;
        let (principal, over) = (Arc::clone(&known.principal), Some(key.over.clone()));
        Ok(KnownCaller { principal, account, unread, over })
    }
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
        let mut owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        match &*owner {
            Some(owner) if owner.principal.name == principal.name => Ok(()),
            Some(_) => Err(Box::new(
                Refusal::of(Code::KeyRefused).with("why", "the connection is another caller's"),
            )),
            None => {
                let places = account.connect()?;
                let (principal, key_over) = (Arc::clone(principal), key_over.clone());
                *owner = Some(Owner { principal, key_over, _places: places });
                self.leave();
                Ok(())
            }
        }
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
        let said = |text: &'static str| {
            let mut headers = http::HeaderMap::new();
            headers.insert(AUTHORIZATION, http::HeaderValue::from_static(text));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(said("Bearer swk_a").as_deref(), Some("swk_a"));
        assert_eq!(said("bearer  swk_a").as_deref(), Some("swk_a"));
        for text in ["swk_a", "Basic swk_a", "Bearer"] {
            assert_eq!(said(text), None, "{text}");
        }
        assert_eq!(bearer(&http::HeaderMap::new()), None);
    }

    #[test]
    fn nobody_keeps_the_next_one_out_before_it_is_known() {
        let callers = Callers::new(Registry::default(), Sockets::within(1_024), None);
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
