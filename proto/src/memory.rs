//! What a call holds in memory, and who answers for it.
//!
//! Whoever lets a call in gives it a [`Purse`]; what the call receives, decodes, leaves in a queue and
//! answers is taken from it and given back when the last holder is gone. The holder travels with the
//! task: it is set around everything that works for the call ([`CallMemory::scope`]), so that no layer
//! between has to pass it on. Outside of a call (a client, a test) nothing is counted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::limits;
use domain::refusal::Refusal;
use futures::future::Either;

/// What a caller may have in memory.
pub trait Purse: Send + Sync + std::fmt::Debug {
    /// Takes so many bytes.
    ///
    /// # Errors
    ///
    /// When there are not so many left.
    fn take(&self, bytes: usize) -> Result<(), Box<Refusal>>;

    /// Takes so many bytes while half is left then: for what is read ahead of the work on it, which takes more.
    ///
    /// # Errors
    ///
    /// When less than half would be left.
    fn take_ahead(&self, bytes: usize) -> Result<(), Box<Refusal>>;

    /// Takes them whether there are so many left or not: for what is small and has to be.
    fn overdraw(&self, bytes: usize);

    /// Gives them back.
    fn give_back(&self, bytes: usize);
}

/// Bytes that were taken; given back when this is dropped.
#[derive(Debug)]
pub struct Charge {
    purse: Arc<dyn Purse>,
    bytes: AtomicUsize,
}

impl Charge {
    fn new(purse: Arc<dyn Purse>) -> Self {
        Self { purse, bytes: AtomicUsize::new(0) }
    }

    /// So many more.
    ///
    /// # Errors
    ///
    /// When there are not so many left.
    pub fn add(&self, bytes: usize) -> Result<(), Box<Refusal>> {
        self.purse.take(bytes)?;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// So many less.
    fn less(&self, bytes: usize) {
        let less = |have: usize| Some(have.saturating_sub(bytes));
        let had = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        // The closure always gives a value.
        self.purse.give_back(had.unwrap_or_default().min(bytes));
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.purse.give_back(*self.bytes.get_mut());
    }
}

tokio::task_local! {
    static CURRENT: CallMemory;
}

/// A call, or an item of a stream.
#[derive(Debug, Clone)]
pub struct CallMemory {
    charge: Arc<Charge>,
    /// Of a stream: its newest item, until the next one comes. Whoever keeps it longer claims it.
    newest: Option<Arc<Mutex<Option<Arc<Charge>>>>>,
    /// Bytes of a piece of its answer up to which it is given whatever its caller has in memory.
    small: usize,
    /// It is an item of a stream.
    is_item: bool,
}

impl CallMemory {
    /// One that ends with its answer, or one whose messages, or whose answers, come and go.
    pub fn new(purse: Arc<dyn Purse>, client_streams: bool, server_streams: bool) -> Self {
        Self {
            charge: Arc::new(Charge::new(purse)),
            newest: client_streams.then(Arc::default),
            small: if server_streams {
                limits::PIECE_BYTES_SMALL
            } else {
                limits::ANSWER_BYTES_SMALL
            },
            is_item: false,
        }
    }

    fn of_item(charge: Arc<Charge>) -> Self {
        Self { charge, newest: None, small: limits::ANSWER_BYTES_SMALL, is_item: true }
    }

    /// Bytes that came and are not decoded yet. They stand for what they will be.
    ///
    /// # Errors
    ///
    /// When the caller has too much in memory.
    pub fn receive(&self, bytes: usize) -> Result<(), Box<Refusal>> {
        self.charge.add(bytes.saturating_mul(limits::MEMORY_PER_BYTE))
    }

    /// The same for a piece of a stream, whose messages wait for each other.
    ///
    /// # Errors
    ///
    /// When the caller has so much in memory that the stream has to wait.
    pub fn receive_ahead(&self, bytes: usize) -> Result<(), Box<Refusal>> {
        let bytes = bytes.saturating_mul(limits::MEMORY_PER_BYTE);
        self.charge.purse.take_ahead(bytes)?;
        self.charge.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Bytes of an answer that is not read yet.
    ///
    /// # Errors
    ///
    /// When the caller has too much in memory.
    pub fn answer(&self, bytes: usize) -> Result<Charge, Box<Refusal>> {
        let charge = Charge::new(Arc::clone(&self.charge.purse));
        if bytes <= self.small {
            charge.purse.overdraw(bytes);
            charge.bytes.fetch_add(bytes, Ordering::Relaxed);
        } else {
            charge.add(bytes)?;
        }
        Ok(charge)
    }

    /// Bytes of an answer that is said in one piece; held as long as the call.
    ///
    /// # Errors
    ///
    /// When the caller has too much in memory.
    pub fn answer_whole(&self, bytes: usize) -> Result<(), Box<Refusal>> {
        let answer = self.answer(bytes)?;
        self.charge.bytes.fetch_add(answer.bytes.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        Ok(())
    }

    /// Runs what works for this call.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self, work)
    }

    /// The same, for one poll.
    pub fn during<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }

    /// An item's stream reads no further while its caller is over, so what is small is never refused there.
    fn need(&self, bytes: usize) -> Result<(), Box<Refusal>> {
        if !self.is_item || bytes > limits::ITEM_BYTES_SMALL {
            return self.charge.add(bytes);
        }
        self.charge.purse.overdraw(bytes);
        self.charge.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn decoded(&self, wire: usize, bytes: usize) -> Result<(), Box<Refusal>> {
        let Some(newest) = &self.newest else {
            self.charge.less(wire.saturating_mul(limits::MEMORY_PER_BYTE));
            return self.charge.add(bytes);
        };
        let item = Charge::new(Arc::clone(&self.charge.purse));
        self.charge.less(wire.saturating_mul(limits::MEMORY_PER_BYTE));
        *newest.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if bytes <= limits::ITEM_BYTES_SMALL {
            // The stream reads no further while its caller is over.
            item.purse.overdraw(bytes);
            item.bytes.fetch_add(bytes, Ordering::Relaxed);
        } else {
            item.add(bytes)?;
        }
        *newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(item));
        Ok(())
    }
}

/// A message of the current call was on the wire and is decoded now.
///
/// # Errors
///
/// When the caller has too much in memory.
pub fn decoded(wire: usize, bytes: usize) -> Result<(), Box<Refusal>> {
    CURRENT.try_with(|call| call.decoded(wire, bytes)).unwrap_or(Ok(())) // why: not within a call
}

/// What came on the wire became so many bytes of another form, which is not decoded yet either.
///
/// # Errors
///
/// When the caller has too much in memory.
pub fn converted(wire: usize, bytes: usize) -> Result<(), Box<Refusal>> {
    let converted = CURRENT.try_with(|call| {
        call.charge.less(wire.saturating_mul(limits::MEMORY_PER_BYTE));
        call.receive(bytes)
    });
    converted.unwrap_or(Ok(())) // why: not within a call
}

/// So many bytes more, until what comes back is dropped.
///
/// # Errors
///
/// When the caller has too much in memory.
pub fn room(bytes: usize) -> Result<Option<Charge>, Box<Refusal>> {
    let room = CURRENT.try_with(|call| {
        let room = Charge::new(Arc::clone(&call.charge.purse));
        room.add(bytes).map(|()| Some(room))
    });
    room.unwrap_or(Ok(None)) // why: not within a call
}

/// So many bytes more, for as long as the current call or item lasts.
///
/// # Errors
///
/// When the caller has too much in memory.
pub fn need(bytes: usize) -> Result<(), Box<Refusal>> {
    CURRENT.try_with(|call| call.need(bytes)).unwrap_or(Ok(())) // why: not within a call
}

/// What the current call holds, for a queue in which its request may stay longer than the call.
pub fn held() -> Option<Arc<Charge>> {
    CURRENT.try_with(|call| Arc::clone(&call.charge)).ok()
}

/// Runs the work on the item of a stream that was decoded last; what the item holds is held until the
/// work is done.
pub fn item<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    let claimed = CURRENT.try_with(|call| {
        let newest = call.newest.as_ref()?;
        newest.lock().unwrap_or_else(PoisonError::into_inner).take()
    });
    let claimed = claimed.ok().flatten();
    match claimed {
        Some(charge) => Either::Left(CallMemory::of_item(charge).scope(work)),
        None => Either::Right(work),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::refusal::Code;

    #[derive(Debug, Default)]
    struct Hundred(AtomicUsize);

    impl Purse for Hundred {
        fn take(&self, bytes: usize) -> Result<(), Box<Refusal>> {
            if self.0.load(Ordering::Relaxed) + bytes > 1_000_000 {
                return Err(Box::new(Refusal::of(Code::MemoryUsedUp)));
            }
            self.overdraw(bytes);
            Ok(())
        }

        fn take_ahead(&self, bytes: usize) -> Result<(), Box<Refusal>> {
            self.take(bytes)
        }

        fn overdraw(&self, bytes: usize) {
            self.0.fetch_add(bytes, Ordering::Relaxed);
        }

        fn give_back(&self, bytes: usize) {
            self.0.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_is_taken_is_given_back_with_the_last_holder() {
        let purse = Arc::new(Hundred::default());
        let left = || purse.0.load(Ordering::Relaxed);
        let call = CallMemory::new(Arc::clone(&purse) as Arc<dyn Purse>, false, false);
        call.receive(1_000).expect("there is room");
        assert_eq!(left(), 1_000 * limits::MEMORY_PER_BYTE);
        let queued = call.clone().during(|| {
            decoded(1_000, 700).expect("there is room");
            need(50).expect("there is room");
            need(1_000_000).expect_err("there is no room");
            held().expect("within a call")
        });
        assert_eq!(left(), 750, "what was on the wire is what it became");
        let answer = call.answer(100_000).expect("there is room");
        call.answer(1_000_000).expect_err("there is no room");
        assert_eq!(left(), 100_750);
        drop(call);
        assert_eq!(left(), 100_750, "it waits in a queue");
        drop((queued, answer));
        assert_eq!(left(), 0);
    }

    #[test]
    fn who_files_as_much_as_he_may_still_hears_of_it() {
        let purse = Arc::new(Hundred::default()) as Arc<dyn Purse>;
        let watch = CallMemory::new(Arc::clone(&purse), false, true);
        let get = CallMemory::new(Arc::clone(&purse), false, false);
        purse.overdraw(1_000_000);
        watch.answer(limits::PIECE_BYTES_SMALL).expect("a usual piece of a stream");
        watch
            .answer(limits::PIECE_BYTES_SMALL + 1)
            .expect_err("more than the library says at once");
        get.answer(limits::PIECE_BYTES_SMALL).expect_err("a large answer can be asked for again");
    }

    #[tokio::test]
    async fn an_item_of_a_stream_is_held_by_the_work_on_it() {
        let purse = Arc::new(Hundred::default());
        let left = || purse.0.load(Ordering::Relaxed);
        let call = CallMemory::new(Arc::clone(&purse) as Arc<dyn Purse>, true, true);
        let work = call.clone().during(|| {
            decoded(0, 300).expect("there is room");
            item(async { held().is_some() })
        });
        call.clone().during(|| decoded(0, 20).expect("there is room"));
        assert_eq!(left(), 320);
        purse.overdraw(1_000_000);
        CallMemory::of_item(Arc::new(Charge::new(Arc::clone(&purse) as Arc<dyn Purse>))).during(
            || {
                need(1_000).expect("a small item is taken, and its stream waits");
                need(100_000).expect_err("there is no room for a large one");
            },
        );
        purse.give_back(1_000_000);
        assert!(work.await, "the queue knows its holder");
        assert_eq!(left(), 20, "nobody keeps the next one, and it goes with the one after it");
        call.clone().during(|| decoded(0, 1).expect("there is room"));
        assert_eq!(left(), 1);
        drop(call);
        assert_eq!(left(), 0);
    }
}
