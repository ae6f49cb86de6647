//! What callers have in memory, each by itself and all firms together: received, being decoded, waiting in a queue,
//! answered and not yet read. What is over it is refused and may come again (SW-1404).
//!
//! The invariant: a firm is assured of its share however much the others have, and agencies have all of theirs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::limits;
use domain::refusal::{Code, Refusal};
use proto::memory::Purse;

/// Memory that all firms share, beyond what each is assured of.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    left: Mutex<usize>,
}

impl SharedMemory {
    /// So many bytes, none of which is taken.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { left: Mutex::new(bytes) }
    }

    /// Bytes that nobody has.
    pub(crate) fn left(&self) -> MutexGuard<'_, usize> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, bytes: usize) -> bool {
        let mut left = self.left();
        match left.checked_sub(bytes) {
            Some(less) => {
                *left = less;
                true
            }
            None => false,
        }
    }

    /// Takes what there is of it; says how much.
    fn overdraw(&self, bytes: usize) -> usize {
        let mut left = self.left();
        let taken = bytes.min(*left);
        *left -= taken;
        taken
    }

    fn give_back(&self, bytes: usize) {
        *self.left() += bytes;
    }
}

/// What one caller has in memory.
#[derive(Debug)]
pub(crate) struct CallerMemory {
    most: usize,
    /// Of firms.
    pool: Option<Arc<SharedMemory>>,
    used: Mutex<MemoryUse>,
}

#[derive(Debug, Default)]
struct MemoryUse {
    bytes: usize,
    /// Of them, from the pool.
    pooled: usize,
}

impl CallerMemory {
    /// Of a caller that has nothing yet: of a firm with the memory that firms share, and of anybody else without.
    pub(crate) fn new(pool: Option<Arc<SharedMemory>>) -> Self {
        let most = match pool {
            Some(_) => limits::MEMORY_PER_PRINCIPAL_MAX,
            None => limits::MEMORY_PER_AGENCY_MAX,
        };
        Self { most, pool, used: Mutex::default() }
    }

    fn used_up(whose: &'static str, most: usize) -> Box<Refusal> {
        metrics::counter!("sw_quota_refused_total", "what" => "memory").increment(1);
        let refusal = Refusal::of(Code::MemoryUsedUp).with("whose", whose);
        Box::new(refusal.with("bytes_max", most))
    }

    /// Takes so many, and no more than so many in all.
    fn take_within(&self, bytes: usize, most: usize) -> Result<(), Box<Refusal>> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let more = used.bytes.saturating_add(bytes);
        if more > most {
            return Err(Self::used_up("this caller", self.most));
        }
        if let Some(pool) = &self.pool {
            let pooled = more.saturating_sub(limits::MEMORY_ASSURED).saturating_sub(used.pooled);
            if !pool.take(pooled) {
                return Err(Self::used_up("all callers", limits::MEMORY_MAX));
            }
            used.pooled += pooled;
        }
        used.bytes = more;
        Ok(())
    }
}

impl Purse for CallerMemory {
    fn take(&self, bytes: usize) -> Result<(), Box<Refusal>> {
        self.take_within(bytes, self.most)
    }

    fn take_ahead(&self, bytes: usize) -> Result<(), Box<Refusal>> {
        self.take_within(bytes, self.most / 2)
    }

    fn overdraw(&self, bytes: usize) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.bytes = used.bytes.saturating_add(bytes);
        if let Some(pool) = &self.pool {
            let wanted = used.bytes.saturating_sub(limits::MEMORY_ASSURED);
            used.pooled += pool.overdraw(wanted.saturating_sub(used.pooled));
        }
    }

    fn give_back(&self, bytes: usize) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.bytes = used.bytes.saturating_sub(bytes);
        if let Some(pool) = &self.pool {
            let kept = used.bytes.saturating_sub(limits::MEMORY_ASSURED).min(used.pooled);
            pool.give_back(used.pooled - kept);
            used.pooled = kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::memory::CallMemory;

    use super::*;

    /// A national message of a hundred documents, and what reading it takes.
    const FULL_MESSAGE: usize = 320 * 1024;

    #[test]
    fn what_a_stream_has_read_is_never_refused_for_what_it_reads_ahead() {
        let shared = Arc::new(SharedMemory::new(limits::MEMORY_MAX));
        let memory: Arc<dyn Purse> = Arc::new(CallerMemory::new(Some(shared)));
        let (mut held, mut streams) = (Vec::new(), 0);
        // One stream after the other reads a message whenever there is room ahead, and works on it.
        loop {
            let stream = CallMemory::new(Arc::clone(&memory), true, true);
            if stream.receive_ahead(FULL_MESSAGE).is_err() {
                break;
            }
            streams += 1;
            let worked = stream.clone().during(|| {
                proto::memory::decoded(
                    FULL_MESSAGE,
                    FULL_MESSAGE * limits::MEMORY_PER_DECODED_BYTE,
                )?;
                proto::memory::need(FULL_MESSAGE * limits::MEMORY_PER_CEB_BYTE)
            });
            worked.expect("what was read ahead can be worked on");
            held.push(stream);
        }
        assert!(streams > 10, "{streams}");
    }
}
