//! Queues (队列): what the loops of a service have to do, as rows that are there until it is done.
//!
//! The invariant: of one subject only the first item is ever due, so nothing overtakes what stands before
//! it, whether that waits for its next try or was set aside. Items of different subjects do not know each
//! other. Writing an item, and taking it out, belong to the transaction of what they are about.

use std::collections::BTreeSet;

use domain::{Slot, limits};
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::cipher::{Cell, Cipher};
use crate::{Fault, column};

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it lies.
    pub slot: Slot,
    /// Which one: once in a queue.
    pub id: Uuid,
    /// What kind of item, for the queue's own use.
    pub kind: i16,
    /// Whatever is about the same is done in order.
    pub subject: Uuid,
    /// Its place among them; with equal ones the ids say the order.
    pub place: i64,
    /// What the queue's loop needs to know; opaque here.
    pub body: Vec<u8>,
    /// Not before.
    pub due: OffsetDateTime,
    /// Tries that failed by its own fault; 0 for a new one.
    pub tries: i32,
}

/// Writes items. One that is there already stays as it is.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn enqueue(
    tx: &mut PgConnection,
    cipher: &Cipher,
    queue: &str,
    items: &[Item],
) -> Result<(), Fault> {
    if items.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = items.iter().map(|item| item.slot.column()).collect();
    let ids: Vec<Uuid> = items.iter().map(|item| item.id).collect();
    let kinds: Vec<i16> = items.iter().map(|item| item.kind).collect();
    let subjects: Vec<Uuid> = items.iter().map(|item| item.subject).collect();
    let places: Vec<i64> = items.iter().map(|item| item.place).collect();
    let encrypt = |item: &Item| cipher.encrypt(body_of(item.slot, &item.id), &item.body);
    let bodies: Vec<Vec<u8>> = items.iter().map(encrypt).collect::<Result<_, _>>()?;
    let due: Vec<OffsetDateTime> = items.iter().map(|item| item.due).collect();
    sqlx::query!(
        "insert into queue_item (slot, id, queue, kind, subject, place, body, due_time)
         select slot, id, $1, kind, subject, place, body, due
         from unnest($2::smallint[], $3::uuid[], $4::smallint[], $5::uuid[], $6::bigint[], $7::bytea[],
                     $8::timestamptz[]) as item (slot, id, kind, subject, place, body, due)
         on conflict do nothing",
        queue,
        &slots,
        &ids,
        &kinds,
        &subjects,
        &places,
        &bodies,
        &due
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes items out; those that were still there.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn settle(
    tx: &mut PgConnection,
    queue: &str,
    items: &[(Slot, Uuid)],
) -> Result<BTreeSet<Uuid>, Fault> {
    if items.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (slots, ids): (Vec<i16>, Vec<Uuid>) =
        items.iter().map(|(slot, id)| (slot.column(), *id)).unzip();
    let gone = sqlx::query_scalar!(
        "delete from queue_item i using unnest($2::smallint[], $3::uuid[]) as done (slot, id)
         where i.slot = done.slot and i.id = done.id and i.queue = $1 returning i.id",
        queue,
        &slots,
        &ids
    )
    .fetch_all(tx)
    .await?;
    Ok(gone.into_iter().collect())
}

/// Takes out everything that waits about a subject, where one piece of work did all of it. What was set aside stays.
/// Whoever calls this has the lock under which such items are written.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn settle_subject(
    tx: &mut PgConnection,
    queue: &str,
    (slot, subject): (Slot, Uuid),
) -> Result<(), Fault> {
    sqlx::query!(
        "delete from queue_item
         where slot = $1 and queue = $2 and subject = $3 and stuck_time is null",
        slot.column(),
        queue,
        subject
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Items that are due, after this one: the first of each subject, unless it was set aside. With one whose body
/// cannot be decrypted comes why; its body is empty.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn due(
    pool: &PgPool,
    cipher: &Cipher,
    queue: &str,
    now: OffsetDateTime,
    (after, id): (OffsetDateTime, Uuid),
    most: i64,
) -> Result<Vec<(Item, Option<Fault>)>, Fault> {
    let rows = sqlx::query!(
        "select slot, id, kind, subject, place, body, due_time, tries from queue_item i
         where queue = $1 and stuck_time is null and due_time <= $2 and (due_time, id) > ($3, $4)
           and not exists (select from queue_item before
                           where before.queue = i.queue and before.subject = i.subject
                             and (before.place, before.id) < (i.place, i.id))
         order by due_time, id limit $5",
        queue,
        now,
        after,
        id,
        most
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let slot = column::slot(row.slot)?;
            let (body, damaged) = match cipher.decrypt(body_of(slot, &row.id), row.body) {
                Ok(body) => (body.into(), None),
                Err(fault) => (Vec::new(), Some(fault)),
            };
            let item = Item {
                slot,
                id: row.id,
                kind: row.kind,
                subject: row.subject,
                place: row.place,
                body,
                due: row.due_time,
                tries: row.tries,
            };
            Ok((item, damaged))
        })
        .collect()
}

/// A try failed by the item's own fault: it is due again then, or set aside. A second process that tried
/// the same at the same time counts nothing.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn fail(
    pool: &PgPool,
    queue: &str,
    item: &Item,
    reason: &str,
    then: TryOutcome,
) -> Result<(), Fault> {
    let (due, stuck) = match then {
        TryOutcome::Again(due) => (due, None),
        TryOutcome::Stuck(now) => (item.due, Some(now)),
    };
    sqlx::query!(
        "update queue_item set tries = tries + 1, reason = $5, due_time = $6, stuck_time = $7
         where slot = $1 and id = $2 and queue = $3 and tries = $4 and stuck_time is null",
        item.slot.column(),
        item.id,
        queue,
        item.tries,
        printable(reason),
        due,
        stuck
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Sets an item aside that nobody tries before people say so; one more try, when it is there already. False
/// when it was set aside before.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn set_aside(
    (pool, cipher): (&PgPool, &Cipher),
    queue: &str,
    item: &Item,
    reason: &str,
    now: OffsetDateTime,
) -> Result<bool, Fault> {
    let set = sqlx::query!(
        "insert into queue_item (slot, id, queue, kind, subject, place, body, due_time, tries, reason,
                                 stuck_time)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10)
         on conflict (slot, id, queue) do update
         set tries = queue_item.tries + 1, reason = excluded.reason, stuck_time = excluded.stuck_time
         where queue_item.stuck_time is null",
        item.slot.column(),
        item.id,
        queue,
        item.kind,
        item.subject,
        item.place,
        cipher.encrypt(body_of(item.slot, &item.id), &item.body)?,
        item.due,
        printable(reason),
        now
    );
    Ok(set.execute(pool).await?.rows_affected() > 0)
}

/// What a text column can hold of a reason.
fn printable(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_control()).take(limits::TEXT_MAX).collect()
}

/// What becomes of an item after a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryOutcome {
    /// It is due again then.
    Again(OffsetDateTime),
    /// It is set aside, as of now.
    Stuck(OffsetDateTime),
}

/// Of these subjects, those of which something waits: what comes about them has to stand behind it.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn waiting(
    pool: &PgPool,
    queue: &str,
    subjects: &[Uuid],
) -> Result<BTreeSet<Uuid>, Fault> {
    let found = sqlx::query_scalar!(
        r#"select subject as "subject!" from unnest($2::uuid[]) as asked (subject)
           where exists (select from queue_item i where i.queue = $1 and i.subject = asked.subject)"#,
        queue,
        subjects
    )
    .fetch_all(pool)
    .await?;
    Ok(found.into_iter().collect())
}

/// How a queue stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Which one.
    pub queue: String,
    /// Items that are due or wait behind one.
    pub waiting: i64,
    /// Items that were set aside.
    pub stuck: i64,
    /// Since when the oldest one is due that was not set aside.
    pub oldest: Option<OffsetDateTime>,
}

/// Figures of the queues that have items.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn figures(pool: &PgPool, now: OffsetDateTime) -> Result<Vec<Figures>, Fault> {
    let rows = sqlx::query!(
        r#"select queue, count(*) filter (where stuck_time is null and due_time <= $1) as "waiting!",
                  count(stuck_time) as "stuck!",
                  min(due_time) filter (where stuck_time is null and due_time <= $1) as oldest
           from queue_item group by queue"#,
        now
    )
    .fetch_all(pool)
    .await?;
    let figures = rows.into_iter().map(|row| Figures {
        queue: row.queue,
        waiting: row.waiting,
        stuck: row.stuck,
        oldest: row.oldest,
    });
    Ok(figures.collect())
}

/// An item that was set aside (滞留件).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StuckItem {
    /// Its queue.
    pub queue: String,
    /// Which one.
    pub id: Uuid,
    /// What it is about.
    pub subject: Uuid,
    /// Why.
    pub reason: String,
    /// After how many tries.
    pub tries: i32,
    /// Since when.
    pub since: OffsetDateTime,
    /// How many items wait behind it.
    pub behind: i64,
    /// What the loop was given; empty where more than one was asked for.
    pub body: Vec<u8>,
}

/// Items that were set aside, by their ids, after this one; or only this one.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn stuck(
    pool: &PgPool,
    cipher: &Cipher,
    (after, only): (Uuid, Option<Uuid>),
    most: i64,
) -> Result<Vec<StuckItem>, Fault> {
    let rows = sqlx::query!(
        r#"select slot, queue, id, subject, reason, tries, stuck_time as "since!",
                  (select count(*) from queue_item behind
                   where behind.queue = i.queue and behind.subject = i.subject
                     and (behind.place, behind.id) > (i.place, i.id)) as "behind!",
                  case when $2::uuid is null then '' else body end as "body!"
           from queue_item i
           where stuck_time is not null and id > $1 and ($2::uuid is null or id = $2)
           order by id, queue limit $3"#,
        after,
        only,
        most
    )
    .fetch_all(pool)
    .await?;
    let items = rows.into_iter().map(|row| {
        let slot = column::slot(row.slot)?;
        let body = match only {
            // One that cannot be decrypted is there to be seen, too: its reason says so.
            Some(_) => cipher.decrypt(body_of(slot, &row.id), row.body).unwrap_or_default().into(), // see above
            None => Vec::new(),
        };
        Ok(StuckItem {
            queue: row.queue,
            id: row.id,
            subject: row.subject,
            reason: row.reason,
            tries: row.tries,
            since: row.since,
            behind: row.behind,
            body,
        })
    });
    items.collect()
}

/// Items that were set aside are tried again from the beginning: this one, or all. How many.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn retry(pool: &PgPool, only: Option<Uuid>, now: OffsetDateTime) -> Result<u64, Fault> {
    let retried = sqlx::query!(
        "update queue_item set tries = 0, stuck_time = null, due_time = $2
         where stuck_time is not null and ($1::uuid is null or id = $1)",
        only,
        now
    );
    Ok(retried.execute(pool).await?.rows_affected())
}

/// Gives up an item that was set aside; what waits behind it goes on. False when there is none.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn give_up(pool: &PgPool, id: Uuid) -> Result<bool, Fault> {
    let gone = sqlx::query!("delete from queue_item where stuck_time is not null and id = $1", id);
    Ok(gone.execute(pool).await?.rows_affected() > 0)
}

fn body_of(slot: Slot, id: &Uuid) -> Cell<'_> {
    Cell { column: "queue_item.body", slot, key: id.as_bytes() }
}
