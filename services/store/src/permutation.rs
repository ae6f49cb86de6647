//! In which order the numbers of a series are given (编号次序): each once, and in an order that nobody without the
//! key can tell from chance.
//!
//! Numbers that are given one after the other say how many were given meanwhile, and a slot is shared: who files at
//! nine and at ten would read from its own two numbers what its neighbours filed in between.
//!
//! The invariant: of a series, every place has a number of its own within the series, and every number its place.
//! It is a Feistel network over the smallest even number of bits that holds the series; what falls outside is
//! walked on until it is inside, which a permutation comes to. Ten rounds are those of FF1 (NIST SP 800-38G); the
//! function of a round is AES-256 of one block.

use domain::Slot;
use ring::aead::quic::{AES_256, HeaderProtectionKey};
use ring::hmac;

use crate::Fault;

const ROUNDS: u8 = 10;

/// The key of the orders in which a service gives its numbers.
#[derive(Clone)]
pub struct NumberKey(hmac::Key);

impl std::fmt::Debug for NumberKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NumberKey")
    }
}

impl NumberKey {
    /// The key with these bytes.
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The order of a series: of so many numbers of a kind in a period and a slot. Each has its own.
    ///
    /// # Errors
    ///
    /// [`Fault`] when there is no such series, or no key can be made, which does not happen.
    pub fn permutation(
        &self,
        (kind, period): (&str, i32),
        slot: Slot,
        count: i64,
    ) -> Result<Permutation, Fault> {
        let name = format!("{kind:?}/{period}/{}/{count}", slot.number());
        let key = hmac::sign(&self.0, name.as_bytes());
        let key = HeaderProtectionKey::new(&AES_256, key.as_ref());
        let key = key.map_err(|_| Fault::Broken("a series of numbers has no key".to_owned()))?;
        let last = u64::try_from(count).ok().and_then(|count| count.checked_sub(1));
        let last = last.ok_or_else(|| Fault::Broken(format!("no series has {count} numbers")))?;
        let half_bits = (u64::BITS - last.leading_zeros()).div_ceil(2).max(1);
        Ok(Permutation { key, last, half_bits })
    }
}

/// The order of a series.
pub struct Permutation {
    key: HeaderProtectionKey,
    last: u64,
    half_bits: u32,
}

impl std::fmt::Debug for Permutation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Permutation")
    }
}

impl Permutation {
    /// The number that is given at this place, from 0; `None` when the series is used up.
    ///
    /// # Errors
    ///
    /// [`Fault`] when it cannot be computed, which does not happen.
    pub fn number(&self, place: i64) -> Result<Option<i64>, Fault> {
        self.walk(place, |halves| (0..ROUNDS).try_fold(halves, |it, round| self.round(it, round)))
    }

    /// At which place a number is given; `None` when it is not of the series.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn place(&self, number: i64) -> Result<Option<i64>, Fault> {
        // A round with its halves exchanged undoes itself.
        let back = |(left, right): (u64, u64)| {
            let rounds = (0..ROUNDS).rev();
            let exchanged =
                rounds.into_iter().try_fold((right, left), |it, round| self.round(it, round));
            exchanged.map(|(left, right)| (right, left))
        };
        self.walk(number, back)
    }

    fn walk(
        &self,
        from: i64,
        step: impl Fn((u64, u64)) -> Result<(u64, u64), Fault>,
    ) -> Result<Option<i64>, Fault> {
        let from = u64::try_from(from).ok().filter(|from| *from <= self.last);
        let Some(mut at) = from else { return Ok(None) };
        loop {
            let (left, right) = step((at >> self.half_bits, at & self.mask()))?;
            at = left << self.half_bits | right;
            if at <= self.last {
                // It came as one, and so do all below the last.
                return Ok(i64::try_from(at).ok());
            }
        }
    }

    fn round(&self, (left, right): (u64, u64), round: u8) -> Result<(u64, u64), Fault> {
        let mut block = [0; 16];
        let (number, half) = block.split_at_mut(8);
        number.fill(round);
        half.copy_from_slice(&right.to_be_bytes());
        let [a, b, c, d, e] = self
            .key
            .new_mask(&block)
            .map_err(|_| Fault::Broken("a number cannot be computed".to_owned()))?;
        let random = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
        Ok((right, left ^ random & self.mask()))
    }

    fn mask(&self) -> u64 {
        (1 << self.half_bits) - 1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::limits::{NUMBERS_OF_DOOR_FROM, NUMBERS_PER_SLOT, NUMBERS_PER_SLOT_EXPORT};

    use super::*;

    fn slot(number: u32) -> Slot {
        Slot::new(number).expect("a slot")
    }

    fn series(key: u8, kind: &str, period: i32, in_slot: u32, count: i64) -> Permutation {
        NumberKey::new(&[key; 32]).permutation((kind, period), slot(in_slot), count).expect("one")
    }

    #[test]
    fn every_place_has_a_number_of_its_own_and_every_number_its_place() {
        for count in (1..=130).chain([255, 256, 257, 1_000, 4_095, 4_096, 4_097, 10_000]) {
            let order = series(7, "B", 20_261_130, 3, count);
            let mut given = BTreeSet::new();
            for place in 0..count {
                let number = order.number(place).expect("computed").expect("not used up");
                assert!((0..count).contains(&number), "{number} of {count}");
                assert!(given.insert(number), "{number} of {count} is given twice");
                assert_eq!(order.place(number).expect("computed"), Some(place));
            }
            for none in [-1, count, count + 1, i64::MIN, i64::MAX] {
                assert_eq!(order.number(none).expect("computed"), None, "{none} of {count}");
                assert_eq!(order.place(none).expect("computed"), None, "{none} of {count}");
            }
        }
        for none in [0, -1] {
            let order = NumberKey::new(&[7; 32]).permutation(("B", 1), slot(3), none);
            assert!(matches!(order, Err(Fault::Broken(_))));
        }
    }

    #[test]
    fn the_series_of_the_window_are_used_up_to_their_ends() {
        for count in [
            NUMBERS_OF_DOOR_FROM,
            NUMBERS_PER_SLOT - NUMBERS_OF_DOOR_FROM,
            NUMBERS_PER_SLOT,
            NUMBERS_PER_SLOT_EXPORT,
        ] {
            let order = series(7, "E4229", 2026, 255, count);
            let mut given = BTreeSet::new();
            let places = (0..2_000).chain(count - 2_000..count);
            for place in places {
                let number = order.number(place).expect("computed").expect("not used up");
                assert!((0..count).contains(&number) && given.insert(number), "{number}");
                assert_eq!(order.place(number).expect("computed"), Some(place));
            }
            assert_eq!(order.number(count).expect("computed"), None);
        }
    }

    #[test]
    fn numbers_say_nothing_of_how_many_were_given_between() {
        let count = NUMBERS_OF_DOOR_FROM;
        let order = series(7, "B", 20_261_130, 3, count);
        let number = |place| order.number(place).expect("computed").expect("not used up");
        // One after the other: as often up as down, and by a third of the series on average, as by chance.
        let steps: Vec<i64> = (0..4_000).map(|place| number(place + 1) - number(place)).collect();
        let up = steps.iter().filter(|step| **step > 0).count();
        assert!((1_800..2_200).contains(&up), "{up} of 4,000 go up");
        let mean = steps.iter().map(|step| step.abs()).sum::<i64>() / 4_000;
        assert!((count * 30 / 100..count * 37 / 100).contains(&mean), "{mean} of {count}");
        // The same number of steps leads everywhere.
        let ways: BTreeSet<i64> = steps.iter().map(|step| step.rem_euclid(count)).collect();
        assert!(ways.len() > 3_980, "{} ways", ways.len());
        // The numbers given so far fill no corner.
        for eighth in 0..8 {
            let within = |n: &i64| (eighth * count / 8..(eighth + 1) * count / 8).contains(n);
            let found = (0..4_000).map(number).filter(within).count();
            assert!((400..600).contains(&found), "{found} of 4,000 in eighth {eighth}");
        }
    }

    #[test]
    fn each_series_has_an_order_of_its_own() {
        let first = |order: Permutation| -> Vec<i64> {
            let numbers = (0..8).map(|place| order.number(place).expect("computed"));
            numbers.map(|number| number.expect("not used up")).collect()
        };
        let one = first(series(7, "B", 20_261_130, 3, 1_000_000));
        assert_eq!(one, first(series(7, "B", 20_261_130, 3, 1_000_000)), "the same every time");
        // What was given depends on it: it never changes.
        assert_eq!(one, [0; 8]);
        for (what, other) in [
            ("key", series(8, "B", 20_261_130, 3, 1_000_000)),
            ("kind", series(7, "I4229", 20_261_130, 3, 1_000_000)),
            ("day", series(7, "B", 20_261_201, 3, 1_000_000)),
            ("slot", series(7, "B", 20_261_130, 4, 1_000_000)),
        ] {
            assert_ne!(one, first(other), "{what}");
        }
    }
}
