//! What callers may have open at once, each by itself and all together: connections, calls, streams.
//!
//! What each has in memory is counted in `caller_memory`.
//!
//! The invariants: nothing of one caller keeps another out, and places are kept for agencies and
//! administrators, whom no number of firms shuts out. What is over a quota is told so and may come
//! again (SW-1403).

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::refusal::{Code, Refusal};
use domain::{Principal, limits};
use proto::memory::Purse;
use proto::turn::{Turn, TurnQueue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::caller_memory::{CallerMemory, SharedMemory};
use crate::caller_use::CallerUse;

/// Places that are given back when this is dropped.
#[derive(Debug)]
pub struct HeldPermits(#[expect(dead_code, reason = "held, not read")] Vec<OwnedSemaphorePermit>);

impl HeldPermits {
    /// Those of who has none yet.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }
}

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
struct SharedStocks {
    all_connections: Stock,
    connections: Stock,
    unknown: Stock,
    refused: Stock,
    calls: Stock,
    streams: Stock,
    memory: Arc<SharedMemory>,
    long_reads: Arc<Semaphore>,
    short_reads: Arc<Semaphore>,
}

/// What a call is, for its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallDuration {
    /// Until its answer.
    Call,
    /// As long as both want.
    Stream,
}

/// How long a read may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Of one thing.
    Short,
    /// Of many.
    Long,
}

/// Where a caller waits to read. It has few places in the queue of all, and who is behind them waits
/// in its own: so everybody is behind a few of each other, however many one asks for.
#[derive(Debug)]
pub struct Reads {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
    waiting: Stock,
}

impl Reads {
    fn new(own: usize, all: &Arc<Semaphore>) -> Arc<Self> {
        Arc::new(Self {
            own: Arc::new(Semaphore::new(own)),
            all: Arc::clone(all),
            waiting: Stock::new("reads that wait", limits::READS_WAITING_MAX),
        })
    }
}

impl TurnQueue for Reads {
    fn wait(self: Arc<Self>) -> Pin<Box<dyn Future<Output = Turn> + Send>> {
        Box::pin(async move {
            // Nobody closes them.
            let own = Arc::clone(&self.own).acquire_owned().await;
            let all = Arc::clone(&self.all).acquire_owned().await;
            Box::new((own, all)) as Turn
        })
    }
}

/// The room of a caller for calls of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRoom {
    /// Calls or streams.
    pub what: &'static str,
    /// At once.
    pub most: usize,
    /// More, now.
    pub left: usize,
}

/// What one caller has open.
#[derive(Debug)]
pub struct CallerQuota {
    is_firm: bool,
    /// What use it made of the window.
    pub(crate) made: CallerUse,
    connections: Stock,
    calls: Stock,
    streams: Stock,
    memory: Arc<CallerMemory>,
    long_reads: Arc<Reads>,
    short_reads: Arc<Reads>,
    shared: Arc<SharedStocks>,
}

impl CallerQuota {
    fn new(is_firm: bool, connections: usize, shared: Arc<SharedStocks>) -> Self {
        let pool = is_firm.then(|| Arc::clone(&shared.memory));
        Self {
            is_firm,
            made: CallerUse::default(),
            memory: Arc::new(CallerMemory::new(pool)),
            long_reads: Reads::new(limits::READS_LONG_PER_PRINCIPAL_MAX, &shared.long_reads),
            short_reads: Reads::new(limits::READS_SHORT_PER_PRINCIPAL_MAX, &shared.short_reads),
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
    pub fn enter(&self, lasting: CallDuration) -> Result<HeldPermits, Box<Refusal>> {
        let (own, shared) = match lasting {
            CallDuration::Call => (&self.calls, &self.shared.calls),
            CallDuration::Stream => (&self.streams, &self.shared.streams),
        };
        let mut places = vec![own.take(Code::QuotaUsedUp)?];
        if self.is_firm {
            places.push(shared.take(Code::Overloaded)?);
        }
        Ok(HeldPermits(places))
    }

    /// Where it waits to read, and its place there.
    ///
    /// # Errors
    ///
    /// [`Code::QuotaUsedUp`] when too many of its reads wait already.
    pub fn reads(&self, reading: Reading) -> Result<(Arc<Reads>, HeldPermits), Box<Refusal>> {
        let reads = match reading {
            Reading::Long => &self.long_reads,
            Reading::Short => &self.short_reads,
        };
        let place = reads.waiting.take(Code::QuotaUsedUp)?;
        Ok((Arc::clone(reads), HeldPermits(vec![place])))
    }

    /// Whether it is a firm that has so many calls under way already.
    pub fn has_under_way(&self, most: usize) -> bool {
        self.is_firm && self.calls.most - self.calls.places.available_permits() >= most
    }

    /// How many calls of this kind it may have open at once, and how many more there is room for now.
    pub fn room(&self, lasting: CallDuration) -> CallRoom {
        let (own, shared) = match lasting {
            CallDuration::Call => (&self.calls, &self.shared.calls),
            CallDuration::Stream => (&self.streams, &self.shared.streams),
        };
        let left = own.places.available_permits();
        let left = if self.is_firm { left.min(shared.places.available_permits()) } else { left };
        CallRoom { what: own.what, most: own.most, left }
    }

    /// What it may have in memory.
    pub fn memory(&self) -> Arc<dyn Purse> {
        Arc::<CallerMemory>::clone(&self.memory)
    }

    /// How long it may leave an answer unread.
    pub fn reads_within(&self) -> Duration {
        Duration::from_secs(if self.is_firm {
            limits::READ_SECONDS_MAX
        } else {
            limits::READ_SECONDS_AGENCY_MAX
        })
    }

    /// A place for a connection of this caller.
    ///
    /// # Errors
    ///
    /// [`Code::QuotaUsedUp`] when it has too many, [`Code::Overloaded`] when all have.
    pub(crate) fn connect(&self) -> Result<HeldPermits, Refusal> {
        let mut places = vec![self.connections.take(Code::QuotaUsedUp)?];
        if self.is_firm {
            places.push(self.shared.connections.take(Code::Overloaded)?);
        }
        places.push(self.shared.all_connections.take(Code::Overloaded)?);
        Ok(HeldPermits(places))
    }
}

/// A connection's places, and why it may not stay when it may not.
pub type AdmittedConnection = (HeldPermits, Option<Refusal>);

/// The accounts of all callers.
#[derive(Debug)]
pub struct Quotas {
    shared: Arc<SharedStocks>,
    accounts: Mutex<HashMap<String, Arc<CallerQuota>>>,
}

impl Quotas {
    /// Nothing is open.
    pub fn new(sockets: Sockets) -> Self {
        let most = sockets.connections;
        let reserved = limits::CONNECTIONS_RESERVED.min(most / 4);
        let shared = SharedStocks {
            all_connections: Stock::new("connections of all", most),
            connections: Stock::new("connections of firms", most - reserved),
            unknown: Stock::new("connections of unknown callers", limits::CONNECTIONS_UNKNOWN_MAX),
            refused: Stock::new("refused connections", limits::CONNECTIONS_REFUSED_MAX),
            calls: Stock::new("calls of firms", limits::CALLS_MAX),
            streams: Stock::new("streams of firms", limits::STREAMS_MAX),
            memory: Arc::new(SharedMemory::new(limits::MEMORY_MAX)),
            long_reads: Arc::new(Semaphore::new(limits::READS_LONG_MAX)),
            short_reads: Arc::new(Semaphore::new(limits::READS_SHORT_MAX)),
        };
        Self { shared: Arc::new(shared), accounts: Mutex::default() }
    }

    /// The account of a caller, which may have this many connections.
    pub fn account(&self, principal: &Principal, connections: usize) -> Arc<CallerQuota> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(principal.name.clone()).or_insert_with(|| {
            let is_firm = principal.kind.is_firm();
            Arc::new(CallerQuota::new(is_firm, connections, Arc::clone(&self.shared)))
        });
        Arc::clone(account)
    }

    /// The account of a caller that called before.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<CallerQuota>> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.get(name).map(Arc::clone)
    }

    /// A place for a connection; `None` for a caller that the registry does not know. One that is over
    /// its quota is kept a moment to be told so.
    ///
    /// # Errors
    ///
    /// When there is no room even for that.
    pub fn connect(&self, account: Option<&CallerQuota>) -> Result<AdmittedConnection, Refusal> {
        let refused = match account {
            Some(account) => account.connect(),
            None => {
                self.shared.unknown.take(Code::Overloaded).map(|place| HeldPermits(vec![place]))
            }
        };
        match refused {
            Ok(places) => Ok((places, None)),
            Err(refusal) => match self.shared.refused.take(Code::Overloaded) {
                Ok(place) => Ok((HeldPermits(vec![place]), Some(refusal))),
                Err(_) => Err(refusal),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Kind;

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
        let answered: Vec<_> = (0..1_000).map_while(|_| quotas.connect(Some(&firm)).ok()).collect();
        assert_eq!(answered.len(), limits::CONNECTIONS_REFUSED_MAX);
        assert!(answered.iter().all(|(_, refusal)| refusal.is_some()));
    }

    #[test]
    fn calls_and_streams_of_a_caller_are_counted_apart() {
        let quotas = Quotas::new(Sockets::within(1_024));
        let firm = quotas.account(&principal("firm", Kind::Agent), 1);
        let other = quotas.account(&principal("other", Kind::Agent), 1);
        let open = |account: &CallerQuota, lasting| {
            (0..10_000).map_while(|_| account.enter(lasting).ok()).collect::<Vec<_>>()
        };
        let streams = open(&firm, CallDuration::Stream);
        assert_eq!(streams.len(), limits::STREAMS_PER_PRINCIPAL_MAX);
        assert_eq!(open(&firm, CallDuration::Call).len(), limits::CALLS_PER_PRINCIPAL_MAX);
        assert!(other.enter(CallDuration::Stream).is_ok());
        drop(streams);
        assert!(firm.enter(CallDuration::Stream).is_ok());
    }

    #[test]
    fn memory_that_some_use_up_is_left_to_the_others() {
        let quotas = Quotas::new(Sockets::within(1_024));
        let of = |name: &str, kind| quotas.account(&principal(name, kind), 1).memory();
        let (mut taken, mut firms) = (0, Vec::new());
        for firm in 0..10 {
            let firm = of(&format!("firm {firm}"), Kind::Agent);
            let mut own = 0;
            while firm.take(10_000).is_ok() {
                own += 10_000;
            }
            assert!(own <= limits::MEMORY_PER_PRINCIPAL_MAX);
            taken += own;
            firms.push((firm, own));
        }
        assert!(taken <= limits::MEMORY_MAX + 10 * limits::MEMORY_ASSURED);
        let refused = firms[0].0.take(10_000).map_err(|refusal| refusal.code);
        assert_eq!(refused, Err(Code::MemoryUsedUp));
        // Everybody else has a share of its own, and agencies all of theirs.
        let other = of("other", Kind::Enterprise);
        assert_eq!(other.take(limits::MEMORY_ASSURED), Ok(()));
        assert!(other.take(20_000).is_err());
        assert_eq!(of("customs", Kind::Customs).take(limits::MEMORY_PER_AGENCY_MAX), Ok(()));
        // What is given back is there again, whatever was overdrawn meanwhile.
        other.overdraw(limits::MEMORY_MAX);
        for (firm, own) in &firms {
            firm.give_back(*own);
        }
        other.give_back(limits::MEMORY_MAX + limits::MEMORY_ASSURED);
        assert_eq!(*quotas.shared.memory.left(), limits::MEMORY_MAX);
        assert_eq!(firms[0].0.take(limits::MEMORY_PER_PRINCIPAL_MAX), Ok(()));
    }

    #[tokio::test]
    async fn a_read_is_behind_a_few_of_each_caller_only() {
        let quotas = Quotas::new(Sockets::within(1_024));
        let of = |name: &str| quotas.account(&principal(name, Kind::Agent), 1);
        let queue = |account: &CallerQuota| account.reads(Reading::Long).expect("few wait").0;
        let flood = queue(&of("flood"));
        let mut waits: Vec<_> = (0..200).map(|_| Arc::clone(&flood).wait()).collect();
        let mut running = Vec::new();
        for wait in &mut waits {
            running.extend(futures::FutureExt::now_or_never(wait));
        }
        assert_eq!(running.len(), limits::READS_LONG_PER_PRINCIPAL_MAX);
        // Another one begins at once, and one that reads a single thing is in no queue with it.
        let other = of("other");
        assert!(futures::FutureExt::now_or_never(queue(&other).wait()).is_some());
        let many: Vec<_> = (0..limits::READS_WAITING_MAX)
            .map(|_| other.reads(Reading::Short).expect("few wait"))
            .collect();
        let over = other.reads(Reading::Short).map(drop).map_err(|refusal| refusal.code);
        assert_eq!(over, Err(Code::QuotaUsedUp));
        drop(many);
        assert!(other.reads(Reading::Short).is_ok());
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
