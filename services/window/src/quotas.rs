//! What callers may have open at once, each by itself and all together: connections, calls, streams.
//!
//! The invariants: nothing of one caller keeps another out, and places are kept for agencies and
//! administrators, whom no number of firms shuts out. What is over a quota is told so and may come
//! again (SW-1403).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::refusal::{Code, Refusal};
use domain::{Kind, Principal, limits};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places that are given back when this is dropped.
#[derive(Debug)]
pub struct Places(#[expect(dead_code, reason = "held, not read")] Vec<OwnedSemaphorePermit>);

/// How many sockets there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sockets {
    /// Connections whose caller is known.
    pub connections: usize,
    /// Handshakes.
    pub handshakes: usize,
}

impl Sockets {
    /// With so many descriptors; the fewest that still make a window otherwise.
    pub fn within(descriptors: u64) -> Self {
        let free = descriptors.saturating_sub(limits::DESCRIPTORS_RESERVED);
        // More than fit are more than enough.
        let free = usize::try_from(free).unwrap_or(usize::MAX);
        Self {
            connections: (free / 3 * 2).clamp(32, limits::CONNECTIONS_MAX),
            handshakes: (free / 3).clamp(16, limits::HANDSHAKES_MAX),
        }
    }
}

/// Something of which there are only so many.
#[derive(Debug)]
struct Stock {
    what: &'static str,
    most: usize,
    places: Arc<Semaphore>,
}

impl Stock {
    fn new(what: &'static str, most: usize) -> Self {
        Self { what, most, places: Arc::new(Semaphore::new(most)) }
    }

    fn take(&self, code: Code) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            metrics::counter!("sw_quota_refused_total", "what" => self.what).increment(1);
            Refusal::of(code).with("what", self.what).with("most", self.most)
        })
    }
}

/// What all callers share.
#[derive(Debug)]
struct Shared {
    all_connections: Stock,
    connections: Stock,
    unknown: Stock,
    refused: Stock,
    calls: Stock,
    streams: Stock,
}

/// What a call is, for its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// Until its answer.
    Call,
    /// As long as both want.
    Stream,
}

/// What one caller has open.
#[derive(Debug)]
pub struct Account {
    is_firm: bool,
    connections: Stock,
    calls: Stock,
    streams: Stock,
    shared: Arc<Shared>,
}

impl Account {
    fn new(is_firm: bool, connections: usize, shared: Arc<Shared>) -> Self {
        Self {
            is_firm,
            connections: Stock::new("connections", connections),
            calls: Stock::new("calls", limits::CALLS_PER_PRINCIPAL_MAX),
            streams: Stock::new("streams", limits::STREAMS_PER_PRINCIPAL_MAX),
            shared,
        }
    }

    /// Room for a call of this caller.
    ///
    /// # Errors
    ///
    /// [`Code::QuotaUsedUp`] when it has too many, [`Code::Overloaded`] when all firms have.
    pub fn enter(&self, lasting: Lasting) -> Result<Places, Box<Refusal>> {
        let (own, shared) = match lasting {
            Lasting::Call => (&self.calls, &self.shared.calls),
            Lasting::Stream => (&self.streams, &self.shared.streams),
        };
        let mut places = vec![own.take(Code::QuotaUsedUp)?];
        if self.is_firm {
            places.push(shared.take(Code::Overloaded)?);
        }
        Ok(Places(places))
    }

    fn connect(&self) -> Result<Places, Refusal> {
        let mut places = vec![self.connections.take(Code::QuotaUsedUp)?];
        if self.is_firm {
            places.push(self.shared.connections.take(Code::Overloaded)?);
        }
        places.push(self.shared.all_connections.take(Code::Overloaded)?);
        Ok(Places(places))
    }
}

/// A connection's places, and why it may not stay when it may not.
pub type Admitted = (Places, Option<Refusal>);

/// The accounts of all callers.
#[derive(Debug)]
pub struct Quotas {
    shared: Arc<Shared>,
    accounts: Mutex<HashMap<String, Arc<Account>>>,
}

impl Quotas {
    /// Nothing is open.
    pub fn new(sockets: Sockets) -> Self {
        let most = sockets.connections;
        let reserved = limits::CONNECTIONS_RESERVED.min(most / 4);
        let shared = Shared {
            all_connections: Stock::new("connections of all", most),
            connections: Stock::new("connections of firms", most - reserved),
            unknown: Stock::new("connections of unknown callers", limits::CONNECTIONS_UNKNOWN_MAX),
            refused: Stock::new("refused connections", limits::CONNECTIONS_REFUSED_MAX),
            calls: Stock::new("calls of firms", limits::CALLS_MAX),
            streams: Stock::new("streams of firms", limits::STREAMS_MAX),
        };
        Self { shared: Arc::new(shared), accounts: Mutex::default() }
    }

    /// The account of a caller, which may have this many connections.
    pub fn account(&self, principal: &Principal, connections: usize) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(principal.name.clone()).or_insert_with(|| {
            let is_firm = match principal.kind {
                Kind::Enterprise | Kind::Agent => true,
                Kind::Customs
                | Kind::Inspection
                | Kind::Site
                | Kind::Examiner
                | Kind::Administrator
                | Kind::Gateway => false,
            };
            Arc::new(Account::new(is_firm, connections, Arc::clone(&self.shared)))
        });
        Arc::clone(account)
    }

    /// A place for a connection; `None` for a caller that the registry does not know. One that is over
    /// its quota is kept a moment to be told so.
    ///
    /// # Errors
    ///
    /// When there is no room even for that.
    pub fn connect(&self, account: Option<&Account>) -> Result<Admitted, Refusal> {
        let refused = match account {
            Some(account) => account.connect(),
            None => self.shared.unknown.take(Code::Overloaded).map(|place| Places(vec![place])),
        };
        match refused {
            Ok(places) => Ok((places, None)),
            Err(refusal) => match self.shared.refused.take(Code::Overloaded) {
                Ok(place) => Ok((Places(vec![place]), Some(refusal))),
                Err(_) => Err(refusal),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(name: &str, kind: Kind) -> Principal {
        let (customs_code, name) = (String::new(), name.to_owned());
        let (mandates, dxp_ids, signers) = (Vec::new(), Vec::new(), Vec::new());
        let places = Vec::new();
        Principal { name, kind, customs_code, mandates, dxp_ids, places, signers }
    }

    #[test]
    fn firms_fill_their_places_and_agencies_still_get_in() {
        let sockets = Sockets::within(1_024);
        let quotas = Quotas::new(sockets);
        let most = limits::CONNECTIONS_PER_PRINCIPAL;
        let (mut held, mut refused) = (Vec::new(), 0);
        for firm in 0..20 {
            let firm = quotas.account(&principal(&format!("firm {firm}"), Kind::Enterprise), most);
            for _ in 0..1_000 {
                match quotas.connect(Some(&firm)) {
                    Ok((places, None)) => held.push(places),
                    Ok((_, Some(refusal))) => {
                        assert!([Code::QuotaUsedUp, Code::Overloaded].contains(&refusal.code));
                        refused += 1;
                    }
                    Err(_) => panic!("places of the refused are given back here"),
                }
            }
        }
        assert!(held.len() < sockets.connections && refused > 0);
        let customs = quotas.account(&principal("customs", Kind::Customs), most);
        for _ in 0..most {
            let (places, refusal) = quotas.connect(Some(&customs)).expect("a place is kept");
            assert_eq!(refusal, None);
            held.push(places);
        }
        held.clear();
        let firm = quotas.account(&principal("firm 1", Kind::Enterprise), most);
        assert!(quotas.connect(Some(&firm)).is_ok_and(|(_, refusal)| refusal.is_none()));
    }

    #[test]
    fn a_caller_that_is_refused_is_not_kept_for_ever() {
        let quotas = Quotas::new(Sockets::within(100_000));
        let firm = quotas.account(&principal("firm", Kind::Agent), 1);
        let _one = quotas.connect(Some(&firm)).expect("the first");
        let told: Vec<_> = (0..1_000).map_while(|_| quotas.connect(Some(&firm)).ok()).collect();
        assert_eq!(told.len(), limits::CONNECTIONS_REFUSED_MAX);
        assert!(told.iter().all(|(_, refusal)| refusal.is_some()));
    }

    #[test]
    fn calls_and_streams_of_a_caller_are_counted_apart() {
        let quotas = Quotas::new(Sockets::within(1_024));
        let firm = quotas.account(&principal("firm", Kind::Agent), 1);
        let other = quotas.account(&principal("other", Kind::Agent), 1);
        let open = |account: &Account, lasting| {
            (0..10_000).map_while(|_| account.enter(lasting).ok()).collect::<Vec<_>>()
        };
        let streams = open(&firm, Lasting::Stream);
        assert_eq!(streams.len(), limits::STREAMS_PER_PRINCIPAL_MAX);
        assert_eq!(open(&firm, Lasting::Call).len(), limits::CALLS_PER_PRINCIPAL_MAX);
        assert!(other.enter(Lasting::Stream).is_ok());
        drop(streams);
        assert!(firm.enter(Lasting::Stream).is_ok());
    }

    #[test]
    fn sockets_leave_descriptors_for_the_rest() {
        for descriptors in [1_024, 1_500, 2_048, 4_096, 1 << 20] {
            let Sockets { connections, handshakes } = Sockets::within(descriptors);
            let reserved = limits::DESCRIPTORS_RESERVED;
            assert!((connections + handshakes) as u64 + reserved <= descriptors, "{descriptors}");
        }
        assert_eq!(Sockets::within(1 << 20).connections, limits::CONNECTIONS_MAX);
        assert!(Sockets::within(64).connections >= 32);
    }
}
