//! The tail of a journal: what was just committed, for the readers of this process.
//!
//! What is read is read once and shared: a commit is one object for all readers, one loop asks the database
//! for what other processes wrote, and its clock is that of all heartbeats. A reader is woken for its own
//! slots only and has no timer and no task, so thousands of them cost what they hear.
//!
//! The tail may lose anything without harm: every reader has a position for each slot, takes what follows
//! without a gap, and reads from the database what it missed.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use domain::{Slot, limits};
use futures::future::{BoxFuture, Shared, WeakShared};
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use sqlx::PgPool;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::Fault;
use crate::cipher::Cipher;
use crate::journal::{self, JournalEntry, heads};

/// Heartbeats of this many groups of readers follow each other, so that not all speak at once.
const BEATS: u64 = 20;
/// From one group to the next.
const BEAT: Duration = Duration::from_millis(limits::HEARTBEAT_SECONDS * 1_000 / BEATS);
/// The database is asked for what other processes wrote once in so many beats: once a second.
const BEATS_TO_POLL: u64 = 1_000 * BEATS / (limits::HEARTBEAT_SECONDS * 1_000);

/// What one transaction wrote, by slot.
#[derive(Debug)]
struct Commit {
    entries: Vec<Arc<JournalEntry>>,
    slots: BTreeMap<Slot, Range<usize>>,
}

impl Commit {
    fn of(mut entries: Vec<JournalEntry>) -> Self {
        // Stable: the order within a slot stays.
        entries.sort_by_key(|entry| entry.slot);
        let mut slots: BTreeMap<Slot, Range<usize>> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate() {
            slots.entry(entry.slot).or_insert(at..at).end = at + 1;
        }
        Self { entries: entries.into_iter().map(Arc::new).collect(), slots }
    }

    fn slot(&self, slot: Slot) -> &[Arc<JournalEntry>] {
        self.slots.get(&slot).map_or(&[], |range| &self.entries[range.clone()])
    }
}

/// What waits for one reader.
#[derive(Debug, Default)]
struct Mailbox {
    mail: Mutex<Mail>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Mail {
    commits: VecDeque<Arc<Commit>>,
    /// Number of the newest of them, so that a commit in several of its slots comes once.
    number: u64,
    /// Something is not in here: it is to compare its positions with the newest.
    is_behind: bool,
    /// It is its turn to say that it lives.
    beats: bool,
}

impl Mailbox {
    fn put(&self, commit: &Arc<Commit>, number: u64) {
        let mut mail = lock(&self.mail);
        if mail.number == number {
            return;
        }
        mail.number = number;
        if mail.commits.len() == limits::TAIL_BATCHES_MAX {
            // What a slow reader did not take it finds in the database: none of it is kept for it.
            mail.commits = VecDeque::new();
            mail.is_behind = true;
        } else {
            mail.commits.push_back(Arc::clone(commit));
        }
        drop(mail);
        self.wake.notify_one();
    }

    fn mark(&self, mark: impl FnOnce(&mut Mail)) {
        mark(&mut lock(&self.mail));
        self.wake.notify_one();
    }
}

type Page = Result<Arc<[Arc<JournalEntry>]>, Fault>;
type Reading = Pin<Box<dyn Future<Output = Page> + Send>>;
/// Something that is done to its end, whoever waits for it.
type Driven = BoxFuture<'static, ()>;

#[derive(Debug, Default)]
struct Readers {
    all: HashMap<u64, Weak<Mailbox>>,
    slots: BTreeMap<Slot, HashMap<u64, Weak<Mailbox>>>,
    /// The newest positions that this process knows of.
    newest: BTreeMap<Slot, i64>,
    commits: u64,
    next: u64,
}

/// What is read from the database. So many pages at once: many who missed much leave connections to
/// others.
#[derive(Debug)]
struct Replays {
    turns: Semaphore,
    /// Pages that somebody reads, by slot and the position before.
    pages: Mutex<HashMap<(Slot, i64), WeakShared<Reading>>>,
    /// Who drives them, and whatever else streams do in the database.
    driver: UnboundedSender<Driven>,
}

impl Replays {
    fn new(driver: UnboundedSender<Driven>) -> Self {
        Self { turns: Semaphore::new(limits::REPLAYS_MAX), pages: Mutex::default(), driver }
    }
}

/// What was just committed, for the readers of this process.
#[derive(Debug, Clone)]
pub struct Tail {
    cipher: Cipher,
    readers: Arc<Mutex<Readers>>,
    replays: Arc<Replays>,
    /// For the one who drives.
    begun: Arc<Mutex<Option<UnboundedReceiver<Driven>>>>,
    /// Entries that cannot be read, of which people know.
    damaged: Arc<Mutex<BTreeSet<(Slot, i64)>>>,
}

impl Tail {
    /// Of a journal whose contents this encrypts; nobody reads it yet.
    pub fn new(cipher: Cipher) -> Self {
        let (driver, begun) = unbounded_channel();
        let begun = Arc::new(Mutex::new(Some(begun)));
        let replays = Arc::new(Replays::new(driver));
        Self { cipher, readers: Arc::default(), replays, begun, damaged: Arc::default() }
    }

    /// What the contents of the journal are encrypted with.
    pub fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    /// Reads entries at known positions of one slot, in order.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database.
    pub async fn at(
        &self,
        pool: &PgPool,
        slot: Slot,
        positions: &[i64],
    ) -> Result<Vec<JournalEntry>, Fault> {
        journal::at(pool, &self.cipher, slot, positions).await
    }

    /// The same for other readers, who do not wait for each other when they read what they missed.
    pub fn apart(&self) -> Self {
        let replays = Arc::new(Replays::new(self.replays.driver.clone()));
        Self {
            cipher: self.cipher.clone(),
            readers: Arc::clone(&self.readers),
            replays,
            begun: Arc::clone(&self.begun),
            damaged: Arc::clone(&self.damaged),
        }
    }

    /// Does something for a stream, to its end. A stream that nobody reads is not run on, amid whatever it
    /// does: what it takes of the database, it has to give back all the same.
    pub fn drive<T: Clone + Send + Sync + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Shared<BoxFuture<'static, T>> {
        let work = work.boxed().shared();
        // Without a driver, whoever waits for it drives it.
        let _no_driver = self.replays.driver.send(work.clone().map(drop).boxed());
        work
    }

    /// The turn of a stream that reads the database at its beginning: thousands that begin together leave
    /// connections to others.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes them.
        self.replays.turns.acquire().await.ok()
    }

    /// An entry cannot be read: it is counted and logged, once for all readers, who go on behind it.
    pub fn report_damaged(&self, slot: Slot, position: i64, fault: &Fault) {
        let mut damaged = lock(&self.damaged);
        if damaged.len() >= limits::DAMAGED_ENTRIES_KNOWN_MAX {
            damaged.clear();
        }
        if damaged.insert((slot, position)) {
            metrics::counter!("sw_journal_damaged_total").increment(1);
            let slot = slot.number();
            tracing::error!(%fault, slot, position, "an entry of the journal is passed over");
        }
    }

    /// Tells readers. Called after the commit.
    pub fn publish(&self, entries: Vec<JournalEntry>) {
        if entries.is_empty() {
            return;
        }
        let commit = Arc::new(Commit::of(entries));
        let mut readers = lock(&self.readers);
        readers.commits += 1;
        let number = readers.commits;
        for (slot, range) in &commit.slots {
            let last = commit.entries.get(range.end - 1).map(|entry| entry.position);
            let newest = readers.newest.entry(*slot).or_default();
            *newest = last.map_or(*newest, |last| last.max(*newest));
            for mailbox in readers.slots.get(slot).into_iter().flat_map(HashMap::values) {
                if let Some(mailbox) = mailbox.upgrade() {
                    mailbox.put(&commit, number);
                }
            }
        }
    }

    /// A reader of these slots, from after these positions.
    pub fn read(&self, pool: PgPool, after: impl IntoIterator<Item = (Slot, i64)>) -> Reader {
        let mailbox = Arc::new(Mailbox::default());
        let mut readers = lock(&self.readers);
        readers.next += 1;
        let id = readers.next;
        readers.all.insert(id, Arc::downgrade(&mailbox));
        drop(readers);
        metrics::gauge!("sw_journal_readers").increment(1.0);
        let mut reader = Reader {
            pool,
            tail: self.clone(),
            id,
            mailbox,
            cursors: BTreeMap::new(),
            behind: VecDeque::new(),
            is_new: true,
            page: None,
        };
        for (slot, after) in after {
            reader.add(slot, after);
        }
        reader
    }

    /// Lets readers know of what other processes wrote, and that time passes, until `closing`. Without it
    /// they hear of this process only and have no heartbeats. Also drives the pages that they read.
    pub fn run(
        &self,
        pool: PgPool,
        closing: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<> {
        let tail = self.clone();
        let mut begun = lock(&self.begun).take();
        async move {
            let mut pages = FuturesUnordered::new();
            let mut clock = tokio::time::interval(BEAT);
            clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            for beat in 0_u64.. {
                loop {
                    tokio::select! {
                        _ = clock.tick() => break,
                        Some(page) = next(&mut begun) => pages.push(page),
                        Some(_read) = pages.next(), if !pages.is_empty() => {}
                        () = closing.cancelled() => return,
                    }
                }
                tail.beat(beat % BEATS);
                if beat % BEATS_TO_POLL == 0
                    && let Err(fault) = tail.poll(&pool).await
                {
                    fault.report("what other processes wrote is not known");
                }
            }
        }
    }

    fn beat(&self, group: u64) {
        let readers = lock(&self.readers);
        let own = readers.all.iter().filter(|(id, _)| *id % BEATS == group);
        for mailbox in own.filter_map(|(_, mailbox)| mailbox.upgrade()) {
            mailbox.mark(|mail| mail.beats = true);
        }
    }

    async fn poll(&self, pool: &PgPool) -> Result<(), Fault> {
        let slots: Vec<i16> = lock(&self.readers).slots.keys().map(|slot| slot.column()).collect();
        if slots.is_empty() {
            return Ok(());
        }
        let heads = heads(pool, &slots).await?;
        let mut readers = lock(&self.readers);
        for (slot, head) in heads {
            let newest = readers.newest.entry(slot).or_default();
            if head <= *newest {
                continue;
            }
            *newest = head;
            for mailbox in readers.slots.get(&slot).into_iter().flat_map(HashMap::values) {
                if let Some(mailbox) = mailbox.upgrade() {
                    mailbox.mark(|mail| mail.is_behind = true);
                }
            }
        }
        Ok(())
    }

    /// The page of a slot after a position: whoever wants it while it is read gets the same.
    fn page(&self, pool: &PgPool, slot: Slot, after: i64) -> Shared<Reading> {
        let mut pages = lock(&self.replays.pages);
        let begun = pages.get(&(slot, after)).and_then(WeakShared::upgrade);
        // What was found stays true; that there was nothing, or a fault, does not.
        let holds = |page: &Page| page.as_ref().is_ok_and(|found| !found.is_empty());
        if let Some(page) = begun.filter(|page| page.peek().is_none_or(holds)) {
            return page;
        }
        let (pool, replays) = (pool.clone(), Arc::clone(&self.replays));
        let cipher = self.cipher.clone();
        let reading: Reading = Box::pin(async move {
            let _turn = replays.turns.acquire().await;
            let positions = |first: i64| (first..first + limits::REPLAY_PAGE).collect::<Vec<_>>();
            let mut found = journal::at(&pool, &cipher, slot, &positions(after + 1)).await?;
            // What was archived leaves no wall behind.
            if found.is_empty()
                && let Some(first) = journal::first_after(&pool, slot, after).await?
            {
                found = journal::at(&pool, &cipher, slot, &positions(first)).await?;
            }
            metrics::counter!("sw_journal_read_from_database_total").increment(1);
            Ok(found.into_iter().map(Arc::new).collect())
        });
        let page = reading.shared();
        pages.retain(|_, page| page.upgrade().is_some());
        pages.extend(page.downgrade().map(|weak| ((slot, after), weak)));
        // Without a driver its readers drive it.
        let _no_driver = self.replays.driver.send(page.clone().map(drop).boxed());
        page
    }
}

/// What a reader hears.
#[derive(Debug)]
pub enum Signal {
    /// What happened, in order within each slot.
    Entries(Vec<Arc<JournalEntry>>),
    /// Time passes.
    Beat,
}

/// Follows some slots of the journal without a gap, from memory when it can.
pub struct Reader {
    pool: PgPool,
    tail: Tail,
    id: u64,
    mailbox: Arc<Mailbox>,
    cursors: BTreeMap<Slot, i64>,
    /// Slots that have to be read from the database before memory is of use.
    behind: VecDeque<Slot>,
    /// It has slots of which it is not known whether something came before it listened.
    is_new: bool,
    /// A page that is being read. It is kept over a call that was dropped while waiting, so that
    /// frequent interruptions do not begin it again and again.
    page: Option<(Slot, i64, Shared<Reading>)>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("behind", &self.behind).finish_non_exhaustive()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut readers = lock(&self.tail.readers);
        readers.all.remove(&self.id);
        for slot in self.cursors.keys() {
            leave(&mut readers, *slot, self.id);
        }
        drop(readers);
        metrics::gauge!("sw_journal_readers").decrement(1.0);
    }
}

fn leave(readers: &mut Readers, slot: Slot, id: u64) {
    if let Some(of_slot) = readers.slots.get_mut(&slot) {
        of_slot.remove(&id);
        if of_slot.is_empty() {
            readers.slots.remove(&slot);
        }
    }
}

impl Reader {
    /// Up to where everything was returned, by slot.
    pub fn cursors(&self) -> &BTreeMap<Slot, i64> {
        &self.cursors
    }

    /// Adds a slot, from after this position.
    pub fn add(&mut self, slot: Slot, after: i64) {
        self.cursors.insert(slot, after);
        let mailbox = Arc::downgrade(&self.mailbox);
        lock(&self.tail.readers).slots.entry(slot).or_default().insert(self.id, mailbox);
        self.is_new = true;
    }

    /// Leaves a slot.
    pub fn remove(&mut self, slot: Slot) {
        self.cursors.remove(&slot);
        leave(&mut lock(&self.tail.readers), slot, self.id);
        self.behind.retain(|other| *other != slot);
    }

    /// The next entries, in order within each slot; waits until there are some. May be dropped
    /// while waiting without losing any.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database; the reader can go on afterwards.
    pub async fn next(&mut self) -> Result<Vec<Arc<JournalEntry>>, Fault> {
        loop {
            if let Signal::Entries(entries) = self.next_signal().await? {
                return Ok(entries);
            }
        }
    }

    /// The same, or that time passed: every [`limits::HEARTBEAT_SECONDS`], whatever others do.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database; the reader can go on afterwards.
    pub async fn next_signal(&mut self) -> Result<Signal, Fault> {
        loop {
            if std::mem::take(&mut lock(&self.mailbox.mail).beats) {
                return Ok(Signal::Beat);
            }
            if let Some(slot) = self.behind.front().copied() {
                let found = self.catch_up(slot).await?;
                if !found.is_empty() {
                    return Ok(Signal::Entries(found));
                }
                continue;
            }
            if self.is_new {
                // It listens by now: what is not in its mailbox is in the database.
                let slots: Vec<i16> = self.cursors.keys().map(|slot| slot.column()).collect();
                let (pool, tail) = (self.pool.clone(), self.tail.clone());
                let newest = self.tail.drive(async move {
                    let _turn = tail.turn().await;
                    heads(&pool, &slots).await
                });
                let heads = newest.await?;
                self.is_new = false;
                self.compare(heads);
                continue;
            }
            let (is_behind, commit) = {
                let mut mail = lock(&self.mailbox.mail);
                (std::mem::take(&mut mail.is_behind), mail.commits.pop_front())
            };
            if is_behind {
                let newest = lock(&self.tail.readers).newest.clone();
                self.compare(newest);
            }
            let Some(commit) = commit else {
                if !is_behind {
                    self.mailbox.wake.notified().await;
                }
                continue;
            };
            metrics::counter!("sw_journal_read_from_memory_total").increment(1);
            let fresh = self.take(&commit);
            if !fresh.is_empty() {
                return Ok(Signal::Entries(fresh));
            }
        }
    }

    async fn catch_up(&mut self, slot: Slot) -> Result<Vec<Arc<JournalEntry>>, Fault> {
        let Some(after) = self.cursors.get(&slot).copied() else {
            self.behind.pop_front();
            let number = slot.number();
            return Err(Fault::Broken(format!("a reader is behind in slot {number}, not its own")));
        };
        let (_, _, page) =
            match self.page.as_mut().filter(|(of, at, _)| (*of, *at) == (slot, after)) {
                Some(page) => page,
                None => self.page.insert((slot, after, self.tail.page(&self.pool, slot, after))),
            };
        let found = page.await;
        self.page = None;
        let found = found?;
        match found.last() {
            Some(last) => {
                self.cursors.insert(slot, last.position);
                // Every slot has its turn, so that a long replay of one does not hold up the others.
                self.behind.rotate_left(1);
            }
            None => {
                self.behind.pop_front();
            }
        }
        Ok(found.to_vec())
    }

    /// Finds the slots in which there is more than it has.
    fn compare(&mut self, newest: impl IntoIterator<Item = (Slot, i64)>) {
        for (slot, newest) in newest {
            let behind = self.cursors.get(&slot).is_some_and(|cursor| *cursor < newest);
            if behind && !self.behind.contains(&slot) {
                self.behind.push_back(slot);
            }
        }
    }

    /// Takes from a commit what follows without a gap; what does not is read from the database.
    fn take(&mut self, commit: &Commit) -> Vec<Arc<JournalEntry>> {
        let mut fresh = Vec::new();
        for slot in commit.slots.keys() {
            let Some(cursor) = self.cursors.get_mut(slot) else { continue };
            for entry in commit.slot(*slot) {
                if entry.position == *cursor + 1 {
                    *cursor = entry.position;
                    fresh.push(Arc::clone(entry));
                } else if entry.position > *cursor && !self.behind.contains(slot) {
                    self.behind.push_back(*slot);
                }
            }
        }
        fresh
    }
}

/// What is begun next; nothing without a queue of it.
async fn next(begun: &mut Option<UnboundedReceiver<Driven>>) -> Option<Driven> {
    begun.as_mut()?.recv().await
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
