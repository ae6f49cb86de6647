//! Work on many orders side by side: one thing at a time of each, so many orders at once, and an order
//! that cannot go on waits longer and longer without standing in the way of the others.
//!
//! Whoever is told of an order that is being worked on is heard when that work pauses, so nothing that
//! was told is passed over.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::Key;

/// Orders that are remembered, most of them asleep. Beyond, no more are taken in.
const CASES_MAX: usize = 10_000;
/// Pauses after failures: doubled from the first to the longest.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How long to wait after so many failures.
pub(crate) fn pause(failed: u32) -> Duration {
    PAUSE.saturating_mul(1 << failed.min(10)).min(PAUSE_MAX)
}

/// What is remembered of an order.
pub(crate) trait WorkItem: Sized {
    /// Takes in what was told meanwhile; whether it is news.
    fn join(&mut self, newer: Self) -> bool;
}

/// How a piece of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing is to do before the order is told of again.
    Done,
    /// There is more to do after this time.
    Again(Duration),
    /// It did not work out; try again later.
    Failed,
}

/// A piece of work on the order of this name.
pub(crate) type Work<'w, C> = BoxFuture<'w, (String, C, Next)>;

/// The orders and where each is.
pub(crate) struct WorkQueue<'w, C> {
    at_once: usize,
    cases: HashMap<String, QueuedOrder<C>>,
    ready: VecDeque<String>,
    later: DelayQueue<String>,
    running: FuturesUnordered<Work<'w, C>>,
}

struct QueuedOrder<C> {
    place: Place<C>,
    failed: u32,
}

enum Place<C> {
    /// Waits for its turn.
    Ready(C),
    /// Sleeps.
    Later(C, Key),
    /// Is worked on; this was told meanwhile.
    Running(Option<C>),
}

impl<'w, C: WorkItem> WorkQueue<'w, C> {
    /// An empty queue that works on so many orders at once.
    pub(crate) fn new(at_once: usize) -> Self {
        Self {
            at_once,
            cases: HashMap::new(),
            ready: VecDeque::new(),
            later: DelayQueue::new(),
            running: FuturesUnordered::new(),
        }
    }

    /// Whether more may be told.
    pub(crate) fn has_room(&self) -> bool {
        self.cases.len() < CASES_MAX
    }

    /// Hears of an order.
    pub(crate) fn add(&mut self, name: String, news: C) {
        let Some(filed) = self.cases.get_mut(&name) else {
            self.cases.insert(name.clone(), QueuedOrder { place: Place::Ready(news), failed: 0 });
            self.ready.push_back(name);
            return;
        };
        filed.place = match std::mem::replace(&mut filed.place, Place::Running(None)) {
            Place::Ready(mut case) => {
                case.join(news);
                Place::Ready(case)
            }
            Place::Later(mut case, key) => {
                if case.join(news) {
                    self.later.remove(&key);
                    self.ready.push_back(name);
                    Place::Ready(case)
                } else {
                    Place::Later(case, key)
                }
            }
            Place::Running(None) => Place::Running(Some(news)),
            Place::Running(Some(mut newer)) => {
                newer.join(news);
                Place::Running(Some(newer))
            }
        };
    }

    /// Goes on until one order changed its place. Nothing is lost when this is cut.
    pub(crate) async fn turn(&mut self, work: &impl Fn(String, C) -> Work<'w, C>) {
        self.start(work);
        tokio::select! {
            Some((name, case, next)) = self.running.next(), if !self.running.is_empty() => {
                self.put_back(name, case, next);
            }
            Some(due) = self.later.next(), if !self.later.is_empty() => {
                self.wake(due.into_inner());
            }
            else => std::future::pending().await,
        }
    }

    fn start(&mut self, work: &impl Fn(String, C) -> Work<'w, C>) {
        while self.running.len() < self.at_once
            && let Some(name) = self.ready.pop_front()
        {
            let Some(filed) = self.cases.get_mut(&name) else { continue };
            match std::mem::replace(&mut filed.place, Place::Running(None)) {
                Place::Ready(case) => self.running.push(work(name, case)),
                other @ (Place::Later(..) | Place::Running(_)) => filed.place = other,
            }
        }
    }

    fn wake(&mut self, name: String) {
        let Some(filed) = self.cases.get_mut(&name) else { return };
        match std::mem::replace(&mut filed.place, Place::Running(None)) {
            Place::Later(case, _) => {
                filed.place = Place::Ready(case);
                self.ready.push_back(name);
            }
            other @ (Place::Ready(_) | Place::Running(_)) => filed.place = other,
        }
    }

    fn put_back(&mut self, name: String, mut case: C, next: Next) {
        let Some(filed) = self.cases.get_mut(&name) else { return };
        let newer = match std::mem::replace(&mut filed.place, Place::Running(None)) {
            Place::Running(newer) => newer,
            Place::Ready(_) | Place::Later(..) => None,
        };
        let has_news = newer.is_some_and(|newer| case.join(newer));
        let after = match next {
            Next::Failed => {
                filed.failed = filed.failed.saturating_add(1);
                pause(filed.failed - 1)
            }
            Next::Done | Next::Again(_) if has_news => Duration::ZERO,
            Next::Again(after) => after,
            Next::Done => {
                self.cases.remove(&name);
                return;
            }
        };
        if next != Next::Failed {
            filed.failed = 0;
        }
        if after.is_zero() {
            filed.place = Place::Ready(case);
            self.ready.push_back(name);
        } else {
            let key = self.later.insert(name, after);
            filed.place = Place::Later(case, key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A number that only grows.
    #[derive(Debug)]
    struct Count(u32);

    impl WorkItem for Count {
        fn join(&mut self, newer: Self) -> bool {
            let is_news = newer.0 > self.0;
            self.0 = self.0.max(newer.0);
            is_news
        }
    }

    #[tokio::test]
    async fn an_order_that_fails_or_sleeps_stands_in_nobodys_way() {
        let done = Mutex::new(Vec::new());
        let work = |name: String, case: Count| -> Work<'_, Count> {
            Box::pin(async {
                let next = match name.as_str() {
                    "fails" => Next::Failed,
                    "sleeps" if case.0 == 0 => Next::Again(Duration::from_secs(3_600)),
                    _ => Next::Done,
                };
                done.lock().expect("nobody panics").push(format!("{name} {}", case.0));
                (name, case, next)
            })
        };
        let mut queue = WorkQueue::new(1);
        for name in ["fails", "sleeps", "a", "b"] {
            queue.add(name.to_owned(), Count(0));
        }
        for _ in 0..4 {
            queue.turn(&work).await;
        }
        assert_eq!(*done.lock().expect("nobody panics"), ["fails 0", "sleeps 0", "a 0", "b 0"]);
        // What is no news wakes nobody; what is does.
        queue.add("sleeps".to_owned(), Count(0));
        queue.add("sleeps".to_owned(), Count(1));
        queue.turn(&work).await;
        assert_eq!(done.lock().expect("nobody panics").last().expect("one"), "sleeps 1");
        assert_eq!(queue.cases.len(), 1, "only what failed is remembered");
    }

    #[tokio::test]
    async fn what_is_told_during_the_work_is_heard_after_it() {
        let worked = Mutex::new(Vec::new());
        let work = |name: String, case: Count| -> Work<'_, Count> {
            worked.lock().expect("nobody panics").push(case.0);
            Box::pin(async move { (name, case, Next::Done) })
        };
        let mut queue = WorkQueue::new(8);
        queue.add("a".to_owned(), Count(1));
        queue.start(&work);
        for news in [1, 3, 2] {
            queue.add("a".to_owned(), Count(news));
        }
        queue.turn(&work).await;
        queue.turn(&work).await;
        assert_eq!(*worked.lock().expect("nobody panics"), [1, 3]);
        assert!(queue.cases.is_empty());
    }
}
