//! What waits for a lane: a line for each caller, taken from in turn, so that a flood of one is served
//! beside everybody else and not before.
//!
//! The invariants: the requests of one caller stay in their order; while others wait, a caller has its turn
//! once a round; three quarters of a batch are kept for those who decide about goods, when they have so much:
//! customs, quarantine and the risk rules decide about every filing. What
//! waits is bounded by the time that it will wait, which the lane knows from what it did last: a queue that
//! is longer than that makes nobody's filing faster and everybody's answer late.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Principal, limits};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Whose a request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Share {
    /// A firm's, which shares with all others.
    Firm(Arc<str>),
    /// An agency's, a site's, or one of the window's own: it has a part that no firm takes.
    Kept,
}

impl Share {
    /// The share of a caller.
    pub fn of(principal: &Principal) -> Self {
        if principal.kind.is_filer() { Self::firm(&principal.name) } else { Self::Kept }
    }

    /// The share of a firm of this name.
    pub fn firm(name: &str) -> Self {
        Self::Firm(name.into())
    }

    fn name(&self) -> Arc<str> {
        match self {
            Self::Firm(name) => Arc::clone(name),
            Self::Kept => "".into(),
        }
    }
}

/// Why a request does not get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// Too much is waiting.
    Full,
    /// The window drains.
    Closed,
}

/// What one caller has waiting.
struct Line<J> {
    jobs: VecDeque<(J, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
}

/// Lines that are taken from in turn.
struct Ring<J> {
    lines: HashMap<Arc<str>, Line<J>>,
    /// Those that have something, in the order of their turns.
    turns: VecDeque<Arc<str>>,
    count: usize,
}

impl<J> Default for Ring<J> {
    fn default() -> Self {
        Self { lines: HashMap::new(), turns: VecDeque::new(), count: 0 }
    }
}

impl<J> Ring<J> {
    fn line(&mut self, name: Arc<str>) -> &mut Line<J> {
        self.lines.entry(name).or_insert_with(|| Line {
            jobs: VecDeque::new(),
            room: Arc::new(Semaphore::new(limits::COMMIT_BATCH_MAX)),
        })
    }

    fn push(&mut self, name: &Arc<str>, job: J, place: OwnedSemaphorePermit) {
        let line = self.line(Arc::clone(name));
        line.jobs.push_back((job, place));
        if line.jobs.len() == 1 {
            self.turns.push_back(Arc::clone(name));
        }
        self.count += 1;
    }

    fn take(&mut self, most: usize, into: &mut Vec<J>) {
        for _ in 0..most {
            let Some(name) = self.turns.pop_front() else { return };
            let Some(line) = self.lines.get_mut(&name) else { continue };
            if let Some((job, place)) = line.jobs.pop_front() {
                drop(place);
                into.push(job);
                self.count -= 1;
            }
            if !line.jobs.is_empty() {
                self.turns.push_back(name);
            } else if Arc::strong_count(&line.room) == 1 {
                // Nobody waits for room in it: nothing is kept of who left.
                self.lines.remove(&name);
            }
        }
    }
}

/// How fast a lane does what waits.
#[derive(Debug)]
struct Pace {
    /// Requests in a hundred seconds; nobody knows before the first batch.
    rate: Option<usize>,
}

impl Pace {
    /// A batch of so many took so long. A small one says only that it is at least as fast as that.
    fn note(&mut self, count: usize, took: Duration) {
        // What took longer than that counts as if it did not.
        let took = usize::try_from(took.as_millis()).unwrap_or(usize::MAX).max(1);
        let now = count.saturating_mul(100_000) / took;
        self.rate = Some(match self.rate {
            Some(before) if count < PACE_BATCH_MIN => before.max(now),
            Some(before) => usize::midpoint(before, now),
            None => now,
        });
    }

    /// How many it does within the time that requests may wait, of at most so many.
    fn within(&self, most: usize) -> usize {
        let Some(rate) = self.rate else { return most };
        let many = rate.saturating_mul(limits::COMMIT_WAIT_SECONDS) / 100;
        many.clamp(limits::COMMIT_WAITING_MIN.min(most), most)
    }
}

/// A batch of so many keeps a lane busy enough to say how fast it is.
const PACE_BATCH_MIN: usize = 32;

struct Rings<J> {
    firms: Ring<J>,
    kept: Ring<J>,
    is_closed: bool,
    pace: Pace,
}

impl<J> Rings<J> {
    /// How many of one firm get in beside what waits, when more waits than is done in time.
    fn most_of_each(&self, most: usize) -> Option<usize> {
        let room = self.pace.within(most);
        let each = room / self.firms.turns.len().max(1);
        (self.firms.count >= room).then_some(each.max(limits::COMMIT_QUEUE_RESERVED))
    }

    fn of(&mut self, share: &Share) -> &mut Ring<J> {
        match share {
            Share::Firm(_) => &mut self.firms,
            Share::Kept => &mut self.kept,
        }
    }
}

/// The queue of one lane.
pub(crate) struct LaneQueue<J> {
    rings: Mutex<Rings<J>>,
    arrived: Notify,
    /// Requests of firms beyond which only those who have next to nothing waiting get in.
    most: usize,
}

impl<J> LaneQueue<J> {
    pub(crate) fn new(most: usize) -> Self {
        let (firms, kept) = (Ring::default(), Ring::default());
        let rings = Rings { firms, kept, is_closed: false, pace: Pace { rate: None } };
        Self { rings: Mutex::new(rings), arrived: Notify::new(), most }
    }

    fn lock(&self) -> MutexGuard<'_, Rings<J>> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch of so many took so long.
    pub(crate) fn note(&self, count: usize, took: Duration) {
        self.lock().pace.note(count, took);
    }

    /// How many requests of one firm may wait here while too much waits; `None` while there is room.
    pub(crate) fn most_of_each(&self) -> Option<usize> {
        self.lock().most_of_each(self.most)
    }

    /// Takes a request in, unless too much is waiting.
    pub(crate) fn offer(&self, share: &Share, job: J) -> Result<(), NoRoom> {
        let name = share.name();
        let mut rings = self.lock();
        if rings.is_closed {
            return Err(NoRoom::Closed);
        }
        let most = match share {
            Share::Firm(_) => rings.most_of_each(self.most),
            Share::Kept => None,
        };
        let ring = rings.of(share);
        let line = ring.line(Arc::clone(&name));
        let place = Arc::clone(&line.room).try_acquire_owned();
        let is_modest = most.is_none_or(|most| line.jobs.len() < most);
        match place {
            Ok(place) if is_modest => ring.push(&name, job, place),
            Ok(_) | Err(_) => return Err(NoRoom::Full),
        }
        drop(rings);
        self.arrived.notify_one();
        Ok(())
    }

    /// Takes a request in when its caller has room; callers do not wait for each other.
    pub(crate) async fn enter(&self, share: &Share, job: J) -> Result<(), NoRoom> {
        let name = share.name();
        let room = Arc::clone(&self.lock().of(share).line(Arc::clone(&name)).room);
        let place = room.acquire_owned().await.map_err(|_| NoRoom::Closed)?;
        let mut rings = self.lock();
        if rings.is_closed {
            return Err(NoRoom::Closed);
        }
        rings.of(share).push(&name, job, place);
        drop(rings);
        self.arrived.notify_one();
        Ok(())
    }

    /// The next batch; waits for one. `None` after it was closed, when nothing waits any more.
    pub(crate) async fn take(&self) -> Option<Vec<J>> {
        loop {
            {
                let mut rings = self.lock();
                let mut batch = Vec::new();
                let most = limits::COMMIT_BATCH_MAX;
                // What firms leave is for the others as well.
                let kept = most.saturating_sub(rings.firms.count).max(most - most / 4);
                rings.kept.take(kept, &mut batch);
                let left = most - batch.len();
                rings.firms.take(left, &mut batch);
                if !batch.is_empty() {
                    return Some(batch);
                }
                if rings.is_closed {
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }

    /// Takes nothing in any more; what waits is done.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_one();
    }

    /// Nobody takes from it any more: whoever waits is told so.
    pub(crate) fn abandon(&self) {
        let mut rings = self.lock();
        rings.is_closed = true;
        (rings.firms, rings.kept) = (Ring::default(), Ring::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(queue: &LaneQueue<(char, usize)>, who: char, count: usize) -> usize {
        let share = if who == '!' { Share::Kept } else { Share::firm(&who.to_string()) };
        (0..count).take_while(|at| queue.offer(&share, (who, *at)).is_ok()).count()
    }

    async fn batch(queue: &LaneQueue<(char, usize)>) -> Vec<(char, usize)> {
        queue.take().await.expect("something waits")
    }

    #[tokio::test]
    async fn each_caller_has_its_turn_and_keeps_its_order() {
        let queue = LaneQueue::new(100_000);
        offered(&queue, 'a', limits::COMMIT_BATCH_MAX);
        offered(&queue, 'b', 2);
        offered(&queue, 'c', 1);
        let first = batch(&queue).await;
        assert_eq!(first[..6], [('a', 0), ('b', 0), ('c', 0), ('a', 1), ('b', 1), ('a', 2)]);
        assert_eq!(first.len(), limits::COMMIT_BATCH_MAX);
        let rest = batch(&queue).await;
        let own: Vec<usize> =
            first.iter().chain(&rest).filter(|(who, _)| *who == 'a').map(|(_, at)| *at).collect();
        assert!(own.is_sorted() && own.len() == limits::COMMIT_BATCH_MAX);
        assert!(queue.lock().firms.lines.is_empty(), "nothing is kept of who left");
    }

    #[tokio::test]
    async fn most_of_a_batch_is_kept_and_what_is_left_is_everybodys() {
        let (queue, most) = (LaneQueue::new(100_000), limits::COMMIT_BATCH_MAX);
        let count =
            |batch: &[(char, usize)], who| batch.iter().filter(|(it, _)| *it == who).count();
        offered(&queue, '!', most);
        for who in 'a'..='d' {
            offered(&queue, who, most);
        }
        let first = batch(&queue).await;
        assert_eq!((first.len(), count(&first, '!')), (most, most - most / 4));
        let queue = LaneQueue::new(100_000);
        offered(&queue, '!', most);
        offered(&queue, 'a', 10);
        let first = batch(&queue).await;
        assert_eq!((count(&first, '!'), count(&first, 'a')), (most - 10, 10));
    }

    #[tokio::test]
    async fn a_full_queue_takes_in_who_has_nothing_there() {
        let queue = LaneQueue::new(100);
        assert_eq!(offered(&queue, 'a', 10_000), 100);
        assert_eq!(offered(&queue, 'b', 10_000), 50, "half of it");
        for few in 'c'..='z' {
            let most = offered(&queue, few, 10_000);
            assert!((limits::COMMIT_QUEUE_RESERVED..50).contains(&most), "{few}: {most}");
        }
        assert_eq!(offered(&queue, '!', 10_000), limits::COMMIT_BATCH_MAX, "its own part");
        queue.close();
        assert_eq!(queue.offer(&Share::firm("c"), ('c', 0)), Err(NoRoom::Closed));
        while queue.take().await.is_some() {}
    }

    #[tokio::test]
    async fn a_slow_lane_has_a_short_queue_that_is_shared() {
        let queue = LaneQueue::new(100_000);
        let room = |took| {
            queue.note(1_000, Duration::from_millis(took));
            queue.lock().pace.within(100_000)
        };
        assert_eq!(room(500), 2_000);
        assert_eq!(room(1_000), 1_500, "half way");
        queue.note(1, Duration::from_millis(100));
        assert_eq!(queue.lock().pace.within(100_000), 1_500, "one alone says nothing");
        (0..30).for_each(|_| queue.note(1_000, Duration::from_secs(3_600)));
        assert_eq!(room(3_600_000), limits::COMMIT_WAITING_MIN);
        // What one alone may have waiting is shared as soon as others come.
        assert_eq!(offered(&queue, 'a', 10_000), limits::COMMIT_WAITING_MIN);
        assert_eq!(queue.most_of_each(), Some(limits::COMMIT_WAITING_MIN));
        assert_eq!(offered(&queue, 'b', 10_000), limits::COMMIT_WAITING_MIN / 2);
        assert_eq!(offered(&queue, 'c', 10_000), limits::COMMIT_WAITING_MIN / 3);
        assert_eq!(offered(&queue, 'a', 1), 0);
        queue.close();
        while queue.take().await.is_some() {}
        assert_eq!(queue.most_of_each(), None);
    }

    #[tokio::test]
    async fn who_waits_for_room_does_not_wait_for_others() {
        let queue = LaneQueue::new(100_000);
        offered(&queue, 'a', limits::COMMIT_BATCH_MAX);
        let (a, b) = (Share::firm("a"), Share::firm("b"));
        let mut waits = std::pin::pin!(queue.enter(&a, ('a', 9_999)));
        assert!(futures::poll!(&mut waits).is_pending(), "its line is full");
        queue.enter(&b, ('b', 0)).await.expect("another line");
        let first = batch(&queue).await;
        assert!(first.contains(&('b', 0)));
        waits.await.expect("there is room now");
        queue.abandon();
        assert_eq!(queue.enter(&a, ('a', 0)).await, Err(NoRoom::Closed));
    }
}
