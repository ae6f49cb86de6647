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
