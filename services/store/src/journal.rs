//! The journal: what happened, dense and in commit order within a slot.
//!
//! Writers lock the heads of the slots that they append to, in order, and hold them until commit.
//! [`crate::tail`] is how it is read.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use domain::Slot;
use domain::principal::ActingPerson;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::cipher::{Cell, Cipher};
use crate::content::ContentKey;
use crate::{Fault, column};

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct JournalEntry {
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
    /// Who acted ([`ActingPerson`]); empty where nobody did.
    pub actor: String,
    /// The facts, encoded.
    pub facts: Bytes,
    /// Its body is the content of this version of the subject, which is kept apart ([`crate::content`]);
    /// otherwise it is its own.
    pub shows_content: bool,
    /// What goes with it, encoded. One that cannot be decrypted is its reader's to pass over.
    pub body: Result<Option<Bytes>, Fault>,
}

impl JournalEntry {
    /// About as many bytes as it takes in memory and on the wire.
    pub fn size(&self) -> usize {
        let body = self.body.as_ref().ok().and_then(Option::as_ref);
        256 + self.facts.len() + body.map_or(0, Bytes::len)
    }
}

/// What caused an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// `traceparent` of the request; empty when there is none.
    pub trace: String,
    /// Who acted.
    pub actor: ActingPerson,
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

    /// The locked heads, by the columns of their slots.
    pub fn positions(&self) -> impl Iterator<Item = (i16, i64)> {
        self.0.iter().map(|(slot, position)| (*slot, *position))
    }

    /// The head of a slot, where it is locked.
    pub fn position(&self, slot: Slot) -> Option<i64> {
        self.0.get(&slot.column()).copied()
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
    pub async fn append(
        &self,
        tx: &mut PgConnection,
        cipher: &Cipher,
        entries: &[JournalEntry],
    ) -> Result<(), Fault> {
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
        let actors: Vec<&str> = entries.iter().map(|e| e.actor.as_str()).collect();
        let facts: Vec<&[u8]> = entries.iter().map(|e| &e.facts[..]).collect();
        let shows: Vec<bool> = entries.iter().map(|e| e.shows_content).collect();
        let encrypt = |e: &JournalEntry| match &e.body {
            Ok(_) if e.shows_content => Ok(None),
            Ok(None) => Ok(None),
            Ok(Some(body)) => {
                let position = e.position.to_be_bytes();
                cipher.encrypt(body_of(e.slot, &position), body).map(Some)
            }
            Err(fault) => Err(fault.clone()),
        };
        let bodies: Vec<Option<Vec<u8>>> = entries.iter().map(encrypt).collect::<Result<_, _>>()?;
        sqlx::query!(
            "insert into journal (slot, position, event_id, subject, owner, version, round, phase,
                                  topics, recorded_time, trace, facts, shows_content, body,
                                  actor)
             select * from unnest($1::smallint[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[],
                                  $6::int[], $7::int[], $8::smallint[], $9::int[],
                                  $10::timestamptz[], $11::text[], $12::bytea[], $13::boolean[],
                                  $14::bytea[], $15::text[])",
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
            &shows,
            &bodies as &[Option<Vec<u8>>],
            &actors as &[&str],
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

/// A row of the journal.
struct Row {
    position: i64,
    event_id: Uuid,
    subject: Uuid,
    owner: String,
    version: i32,
    round: i32,
    phase: i16,
    topics: i32,
    recorded_time: OffsetDateTime,
    trace: String,
    actor: String,
    facts: Vec<u8>,
    shows_content: bool,
    body: Option<Vec<u8>>,
    content: Option<Vec<u8>>,
}

/// Reads entries at known positions of one slot, in order; those that were archived are left out.
///
/// # Errors
///
/// [`Fault`] from the database.
pub(crate) async fn at(
    pool: &PgPool,
    cipher: &Cipher,
    slot: Slot,
    positions: &[i64],
) -> Result<Vec<JournalEntry>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        // Every row by its key, whatever the planner knows of the tables.
        r#"select j.position, j.event_id, j.subject, j.owner, j.version, j.round, j.phase, j.topics,
                  j.recorded_time, j.trace, j.actor, j.facts, j.shows_content, j.body, c.body as "content?"
           from journal j
           left join lateral (
               select body from content
               where content.slot = j.slot and content.subject = j.subject
                 and content.version = j.version limit 1
           ) c on j.shows_content
           where j.slot = $1 and j.position = any($2) order by j.position"#,
        slot.column(),
        positions
    )
    .fetch_all(pool)
    .await?;
    let entry = |row: Row| JournalEntry {
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
        actor: row.actor,
        facts: row.facts.into(),
        shows_content: row.shows_content,
        body: if row.shows_content {
            let key = ContentKey { slot, subject: row.subject, version: row.version };
            row.content.map(|body| key.decrypt(cipher, body)).transpose()
        } else {
            row.body.map(|body| decrypt_body(cipher, slot, row.position, body)).transpose()
        },
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// The first entry after a position: entries between were archived.
///
/// # Errors
///
/// [`Fault`] from the database.
pub(crate) async fn first_after(
    pool: &PgPool,
    slot: Slot,
    after: i64,
) -> Result<Option<i64>, Fault> {
    let first = sqlx::query_scalar!(
        "select position from journal where slot = $1 and position > $2 order by position limit 1",
        slot.column(),
        after
    );
    Ok(first.fetch_optional(pool).await?)
}

/// The body of the entry at a position, where it is its own, as it stands in its row.
///
/// # Errors
///
/// [`Fault::Broken`] when it is not what was written there.
pub fn decrypt_body(
    cipher: &Cipher,
    slot: Slot,
    position: i64,
    body: Vec<u8>,
) -> Result<Bytes, Fault> {
    cipher.decrypt(body_of(slot, &position.to_be_bytes()), body)
}

fn body_of(slot: Slot, position: &[u8; 8]) -> Cell<'_> {
    Cell { column: "journal.body", slot, key: position }
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
