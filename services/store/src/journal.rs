//! The journal: what happened, dense and in commit order within a slot.
//!
//! Writers lock the heads of the slots that they append to, in order, and hold them until commit.
//! Readers follow the commits of this process in memory, and read from the database what they
//! missed: at the start, after falling behind, or when another process wrote.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{Slot, limits};
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use tokio::sync::{Semaphore, broadcast};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{Fault, column};

/// How often a reader looks for what another process wrote.
const POLL: Duration = Duration::from_secs(1);

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Slot.
    pub slot: Slot,
    /// Dense, from 1; 0 until it is appended.
    pub position: i64,
    /// The same at every delivery.
    pub event_id: Uuid,
    /// What it is about.
    pub subject: Uuid,
    /// Whose it is: readers are shown only their own.
    pub owner: String,
    /// Version of the subject.
    pub version: i32,
    /// Round of review after the entry.
    pub round: i32,
    /// Where the subject stands after the entry, as it is stored.
    pub phase: i16,
    /// Bits that say what it is about, for readers who want only some.
    pub topics: i32,
    /// When.
    pub recorded_time: OffsetDateTime,
    /// `traceparent` of the request that caused it.
    pub trace: String,
    /// The facts, encoded.
    pub facts: Bytes,
    /// The content, encoded, where it is new.
    pub body: Option<Bytes>,
}

impl Entry {
    /// About as many bytes as it takes in memory and on the wire.
    pub fn size(&self) -> usize {
        256 + self.facts.len() + self.body.as_ref().map_or(0, Bytes::len)
    }
}

/// The heads of some slots, locked until the end of the transaction.
#[derive(Debug, Default)]
pub struct Heads(BTreeMap<i16, i64>);

impl Heads {
    /// Locks them, in order, so that two transactions never wait for each other in a circle.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database.
    pub async fn lock(tx: &mut PgConnection, slots: &[i16]) -> Result<Self, Fault> {
        let rows = sqlx::query!(
            "select slot, position from journal_head where slot = any($1) order by slot for update",
            slots
        )
        .fetch_all(tx)
        .await?;
        Ok(Self(rows.into_iter().map(|row| (row.slot, row.position)).collect()))
    }

    /// Locks more of them. Two transactions may now wait for each other in a circle; the database
    /// ends one of them, which is repeated.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database.
    pub async fn lock_more(&mut self, tx: &mut PgConnection, slots: &[i16]) -> Result<(), Fault> {
        let more: Vec<i16> = slots.iter().copied().filter(|s| !self.0.contains_key(s)).collect();
        if !more.is_empty() {
            self.0.extend(Self::lock(tx, &more).await?.0);
        }
        Ok(())
    }

    /// Whether the head of a slot is locked.
    pub fn hold(&self, slot: Slot) -> bool {
        self.0.contains_key(&slot.column())
    }

    /// The position that the next entry of a slot will have.
    ///
    /// # Errors
    ///
    /// [`Fault`] when the head of the slot is not locked: somebody else may be writing there.
    pub fn next(&mut self, slot: Slot) -> Result<i64, Fault> {
        let number = slot.number();
        let head = self.0.get_mut(&slot.column()).ok_or_else(|| {
            Fault::Broken(format!("an entry for slot {number}, whose head is not locked"))
        })?;
        *head += 1;
        Ok(*head)
    }

    /// Writes entries that have their positions, and the heads.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database.
    pub async fn append(&self, tx: &mut PgConnection, entries: &[Entry]) -> Result<(), Fault> {
        if entries.is_empty() {
            return Ok(());
        }
        let slots: Vec<i16> = entries.iter().map(|e| e.slot.column()).collect();
        let positions: Vec<i64> = entries.iter().map(|e| e.position).collect();
        let events: Vec<Uuid> = entries.iter().map(|e| e.event_id).collect();
        let subjects: Vec<Uuid> = entries.iter().map(|e| e.subject).collect();
        let owners: Vec<&str> = entries.iter().map(|e| e.owner.as_str()).collect();
        let versions: Vec<i32> = entries.iter().map(|e| e.version).collect();
        let rounds: Vec<i32> = entries.iter().map(|e| e.round).collect();
        let phases: Vec<i16> = entries.iter().map(|e| e.phase).collect();
        let topics: Vec<i32> = entries.iter().map(|e| e.topics).collect();
        let times: Vec<OffsetDateTime> = entries.iter().map(|e| e.recorded_time).collect();
        let traces: Vec<&str> = entries.iter().map(|e| e.trace.as_str()).collect();
        let facts: Vec<&[u8]> = entries.iter().map(|e| &e.facts[..]).collect();
        let bodies: Vec<Option<&[u8]>> = entries.iter().map(|e| e.body.as_deref()).collect();
        sqlx::query!(
            "insert into journal (slot, position, event_id, subject, owner, version, round, phase,
                                  topics, recorded_time, trace, facts, body)
             select * from unnest($1::smallint[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[],
                                  $6::int[], $7::int[], $8::smallint[], $9::int[],
                                  $10::timestamptz[], $11::text[], $12::bytea[], $13::bytea[])",
            &slots,
            &positions,
            &events,
            &subjects,
            &owners as &[&str],
            &versions,
            &rounds,
            &phases,
            &topics,
            &times,
            &traces as &[&str],
            &facts as &[&[u8]],
            &bodies as &[Option<&[u8]>],
        )
        .execute(&mut *tx)
        .await?;
        let moved: HashSet<i16> = slots.into_iter().collect();
        let (slots, heads): (Vec<i16>, Vec<i64>) =
            self.0.iter().filter(|(slot, _)| moved.contains(slot)).unzip();
        sqlx::query!(
            "update journal_head set position = moved.position
             from unnest($1::smallint[], $2::bigint[]) as moved (slot, position)
             where journal_head.slot = moved.slot and journal_head.slot = any($1)",
            &slots,
            &heads,
        )
        .execute(tx)
        .await?;
        Ok(())
    }
}

/// Reads entries at known positions of one slot, in order.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn at(pool: &PgPool, slot: Slot, positions: &[i64]) -> Result<Vec<Entry>, Fault> {
    let rows = sqlx::query!(
        "select position, event_id, subject, owner, version, round, phase, topics, recorded_time, trace,
                facts, body
         from journal where slot = $1 and position = any($2) order by position",
        slot.column(),
        positions
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Entry {
            slot,
            position: row.position,
            event_id: row.event_id,
            subject: row.subject,
            owner: row.owner,
            version: row.version,
            round: row.round,
            phase: row.phase,
            topics: row.topics,
            recorded_time: row.recorded_time,
            trace: row.trace,
            facts: row.facts.into(),
            body: row.body.map(Into::into),
        })
        .collect())
}

/// The newest positions of these slots.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn heads(pool: &PgPool, slots: &[i16]) -> Result<Vec<(Slot, i64)>, Fault> {
    let rows = sqlx::query!("select slot, position from journal_head where slot = any($1)", slots)
        .fetch_all(pool)
        .await?;
    rows.into_iter().map(|row| Ok((column::slot(row.slot)?, row.position))).collect()
}

/// What was just committed, for the readers of this process.
#[derive(Debug, Clone)]
pub struct Tail {
    sender: broadcast::Sender<Arc<Vec<Entry>>>,
    /// Whoever reads what it missed waits here, so that many who missed much leave connections to others.
    replays: Arc<Semaphore>,
}

impl Default for Tail {
    fn default() -> Self {
        let replays = Arc::new(Semaphore::new(limits::REPLAYS_MAX));
        Self { sender: broadcast::Sender::new(limits::TAIL_BATCHES_MAX), replays }
    }
}

impl Tail {
    /// The same for other readers, who do not wait for each other when they read what they missed.
    pub fn apart(&self) -> Self {
        let replays = Arc::new(Semaphore::new(limits::REPLAYS_MAX));
        Self { sender: self.sender.clone(), replays }
    }

    /// Tells readers. Called after the commit.
    pub fn tell(&self, entries: Vec<Entry>) {
        if !entries.is_empty() {
            // Without a reader nobody needs to hear it; it is in the database.
            let _nobody = self.sender.send(Arc::new(entries));
        }
    }

    /// A reader of these slots, from after these positions.
    pub fn read(&self, pool: PgPool, after: impl IntoIterator<Item = (Slot, i64)>) -> Reader {
        let cursors: BTreeMap<Slot, i64> = after.into_iter().collect();
        Reader {
            pool,
            tail: self.sender.subscribe(),
            replays: Arc::clone(&self.replays),
            cursors,
            behind: VecDeque::new(),
            polled: None,
            page: None,
        }
    }
}

/// Follows some slots of the journal without a gap, from memory when it can.
pub struct Reader {
    pool: PgPool,
    tail: broadcast::Receiver<Arc<Vec<Entry>>>,
    replays: Arc<Semaphore>,
    cursors: BTreeMap<Slot, i64>,
    /// Slots that have to be read from the database before memory is of use.
    behind: VecDeque<Slot>,
    polled: Option<Instant>,
    /// A page that is being read. It is kept over a call that was dropped while waiting, so that
    /// frequent interruptions do not begin it again and again.
    page: Option<Page>,
}

/// A slot, the position after which it is read, and the reading.
struct Page {
    slot: Slot,
    after: i64,
    read: Pin<Box<dyn Future<Output = Result<Vec<Entry>, Fault>> + Send>>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("behind", &self.behind).finish_non_exhaustive()
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
        self.polled = None;
    }

    /// Leaves a slot.
    pub fn remove(&mut self, slot: Slot) {
        self.cursors.remove(&slot);
        self.behind.retain(|other| *other != slot);
    }

    /// The next entries, in order within each slot; waits until there are some. May be dropped
    /// while waiting without losing any.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database; the reader can go on afterwards.
    pub async fn next(&mut self) -> Result<Vec<Entry>, Fault> {
        loop {
            if let Some(slot) = self.behind.front().copied() {
                let found = self.catch_up(slot).await?;
                if !found.is_empty() {
                    return Ok(found);
                }
                continue;
            }
            let due = self.polled.map_or_else(Instant::now, |at| at + POLL);
            match tokio::time::timeout_at(due, self.tail.recv()).await {
                Ok(Ok(batch)) => {
                    metrics::counter!("sw_journal_read_from_memory_total").increment(1);
                    let fresh = self.take(&batch);
                    if !fresh.is_empty() {
                        return Ok(fresh);
                    }
                }
                Ok(Err(broadcast::error::RecvError::Closed)) => {
                    return Err(Fault::Away("the window is draining".to_owned()));
                }
                Ok(Err(broadcast::error::RecvError::Lagged(_))) | Err(_) => {
                    self.find_behind().await?;
                }
            }
        }
    }

    async fn catch_up(&mut self, slot: Slot) -> Result<Vec<Entry>, Fault> {
        let Some(after) = self.cursors.get(&slot).copied() else {
            self.behind.pop_front();
            let number = slot.number();
            return Err(Fault::Broken(format!("a reader is behind in slot {number}, not its own")));
        };
        let page = match self.page.as_mut().filter(|p| (p.slot, p.after) == (slot, after)) {
            Some(page) => page,
            None => {
                let read = read(&self.pool, &self.replays, slot, after);
                self.page.insert(Page { slot, after, read })
            }
        };
        let found = (&mut page.read).await;
        self.page = None;
        let found = found?;
        metrics::counter!("sw_journal_read_from_database_total").increment(1);
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
        Ok(found)
    }

    async fn find_behind(&mut self) -> Result<(), Fault> {
        let slots: Vec<i16> = self.cursors.keys().map(|slot| slot.column()).collect();
        let turn = self.replays.acquire().await;
        let newest = heads(&self.pool, &slots).await?;
        drop(turn);
        for (slot, head) in newest {
            let behind = self.cursors.get(&slot).is_some_and(|cursor| *cursor < head);
            if behind && !self.behind.contains(&slot) {
                self.behind.push_back(slot);
            }
        }
        self.polled = Some(Instant::now());
        Ok(())
    }

    /// Takes from a commit what follows without a gap; what does not is read from the database.
    fn take(&mut self, batch: &[Entry]) -> Vec<Entry> {
        let mut fresh = Vec::new();
        for entry in batch {
            let Some(cursor) = self.cursors.get_mut(&entry.slot) else { continue };
            if entry.position == *cursor + 1 {
                *cursor = entry.position;
                fresh.push(entry.clone());
            } else if entry.position > *cursor && !self.behind.contains(&entry.slot) {
                self.behind.push_back(entry.slot);
            }
        }
        fresh
    }
}

/// Reads the page of a slot after a position.
fn read(
    pool: &PgPool,
    replays: &Arc<Semaphore>,
    slot: Slot,
    after: i64,
) -> Pin<Box<dyn Future<Output = Result<Vec<Entry>, Fault>> + Send>> {
    let (pool, replays) = (pool.clone(), Arc::clone(replays));
    let page: Vec<i64> = (after + 1..=after + limits::REPLAY_PAGE).collect();
    Box::pin(async move {
        let _turn = replays.acquire().await;
        at(&pool, slot, &page).await
    })
}
