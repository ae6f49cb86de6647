//! Connections whose caller has proved nothing yet, oldest first: those that shake hands, and those that have
//! shown neither a certificate nor a good key.
//!
//! The invariant: whoever only takes up places before it has proved who it is loses them to the next.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::AbortHandle;

/// Those that wait for their caller.
#[derive(Debug)]
pub(crate) struct UnprovenConnections {
    next: u64,
    waiting: BTreeMap<u64, UnprovenConnection>,
    /// How many there may be, and of one address.
    most: usize,
    most_of_address: usize,
    /// What is counted when one has to go.
    given_way: &'static str,
}

#[derive(Debug)]
struct UnprovenConnection {
    address: IpAddr,
    spoke: Arc<AtomicBool>,
    end: AbortHandle,
}

impl UnprovenConnections {
    pub(crate) fn new(most: usize, most_of_address: usize, given_way: &'static str) -> Self {
        Self { next: 0, waiting: BTreeMap::new(), most, most_of_address, given_way }
    }

    pub(crate) fn enter(
        &mut self,
        address: IpAddr,
        spoke: Arc<AtomicBool>,
        end: AbortHandle,
    ) -> u64 {
        self.next += 1;
        self.waiting.insert(self.next, UnprovenConnection { address, spoke, end });
        self.next
    }

    /// It has proved who it is, or is gone.
    pub(crate) fn leave(&mut self, number: u64) {
        self.waiting.remove(&number);
    }

    /// Makes room for one more from this address. True when somebody had to give way.
    pub(crate) fn make_room(&mut self, address: IpAddr) -> bool {
        let of_address = self.waiting.values().filter(|other| other.address == address).count();
        if of_address >= self.most_of_address {
            self.oldest_gives_way(|other| other == address)
        } else if self.waiting.len() >= self.most {
            self.oldest_gives_way(|_| true)
        } else {
            false
        }
    }

    /// One that has not said a word goes before one that shakes hands.
    pub(crate) fn oldest_gives_way(&mut self, among: impl Fn(IpAddr) -> bool) -> bool {
        let of = |silent: bool| {
            let waiting = self.waiting.iter().filter(|(_, waiting)| among(waiting.address));
            let mut like =
                waiting.filter(|(_, waiting)| !(silent && waiting.spoke.load(Ordering::Relaxed)));
            like.next().map(|(number, _)| *number)
        };
        let given = of(true).or_else(|| of(false)).and_then(|oldest| self.waiting.remove(&oldest));
        if let Some(waiting) = &given {
            waiting.end.abort();
            metrics::counter!(self.given_way).increment(1);
        }
        given.is_some()
    }
}

/// Addresses of one customer count as one: the last half of an IPv6 address is the customer's to choose.
pub(crate) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::from((u128::from(address) >> 64 << 64).to_be_bytes()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(unproven: &mut UnprovenConnections, address: u8) -> (Arc<AtomicBool>, AbortHandle) {
        let (spoke, (end, _)) = (Arc::default(), AbortHandle::new_pair());
        let address = IpAddr::from([10, 0, 0, address]);
        unproven.enter(address, Arc::clone(&spoke), end.clone());
        (spoke, end)
    }

    #[test]
    fn the_oldest_silent_one_gives_way() {
        let mut unproven = UnprovenConnections::new(4, 4, "given_way");
        let (spoke, shakes) = waits(&mut unproven, 1);
        spoke.store(true, Ordering::Relaxed);
        let (_, oldest) = waits(&mut unproven, 2);
        let (_, newer) = waits(&mut unproven, 3);
        assert!(!unproven.make_room(IpAddr::from([10, 0, 0, 4])), "there is room");
        unproven.most = 3;
        assert!(unproven.make_room(IpAddr::from([10, 0, 0, 4])));
        assert!(oldest.is_aborted() && !newer.is_aborted() && !shakes.is_aborted());
        unproven.most = 2;
        assert!(unproven.make_room(IpAddr::from([10, 0, 0, 4])));
        assert!(newer.is_aborted() && !shakes.is_aborted());
        unproven.most = 1;
        assert!(unproven.make_room(IpAddr::from([10, 0, 0, 4])));
        assert!(shakes.is_aborted(), "nobody else is left");
    }

    #[test]
    fn a_crowded_address_makes_room_among_its_own() {
        let mut unproven = UnprovenConnections::new(64, 16, "given_way");
        let (_, other) = waits(&mut unproven, 1);
        let crowd: Vec<_> = (0..16).map(|_| waits(&mut unproven, 2).1).collect();
        assert!(unproven.make_room(IpAddr::from([10, 0, 0, 2])));
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
