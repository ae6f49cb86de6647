//! Declarations that ended long ago (归档): what was declared and what happened goes; where they stood, their
//! numbers, orders and releases stay, and with them whatever is listed, found, counted or refused by those.
//!
//! The invariant: nothing goes that somebody still waits for: a declaration that is open, one that
//! something happened to since, or one of which a subscriber of the exchange has not stored an entry. A step
//! is one transaction under the lock of one slot: a run may end anywhere, and is begun again.

use std::collections::BTreeMap;

use domain::principal::Scope;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Slot, limits};
use sqlx::PgConnection;
use store::Fault;
use store::journal::Heads;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::read::{DeclarationDetails, parse_name, whole};
use crate::{Declarations, Error};

/// A page of declarations that may be archived.
#[derive(Debug)]
pub(crate) struct ArchivePage {
    pub(crate) records: Vec<DeclarationDetails>,
    /// So many more could be, but for subscribers that have not stored everything about them.
    pub(crate) waiting: u32,
    /// Where the next page begins; `None` at the end.
    pub(crate) next: Option<DeclarationId>,
}

/// One that ended, with nothing since.
struct EndedDeclaration {
    id: Uuid,
    positions: Vec<i64>,
    /// Every subscriber has stored it.
    heard: bool,
}

/// The next ones after a declaration, in the order of slots and ids. A page is of one slot.
pub(crate) async fn list(
    declarations: &Declarations,
    days: u32,
    after: &str,
) -> Result<ArchivePage, Error> {
    let before = ended_before(declarations, days)?;
    let after = (!after.is_empty()).then(|| parse_name(after)).transpose()?;
    let slots = Slot::all().filter(|slot| after.is_none_or(|after| *slot >= after.slot()));
    for slot in slots {
        let from = after.filter(|after| after.slot() == slot).map_or(Uuid::nil(), |it| it.uuid());
        let mut reads = declarations.pool.acquire().await.map_err(Fault::from)?;
        let ended = ended(&mut reads, slot, (before, from), None).await?;
        drop(reads);
        let Some(last) = ended.last() else { continue };
        let next = Some(DeclarationId::from_uuid(last.id));
        let mut page = ArchivePage { records: Vec::new(), waiting: 0, next };
        for one in ended {
            if one.heard {
                let id = DeclarationId::from_uuid(one.id);
                page.records.push(whole(declarations, &Scope::All, id).await?);
            } else {
                page.waiting += 1;
            }
        }
        return Ok(page);
    }
    Ok(ArchivePage { records: Vec::new(), waiting: 0, next: None })
}

/// Archives those of these that may be; how many they were.
pub(crate) async fn archive(
    declarations: &Declarations,
    days: u32,
    names: &[String],
) -> Result<u32, Error> {
    if names.len() > limits::ARCHIVE_STEP {
        return Err(Refusal::of(Code::TooManyEntries).with("field", "names").into());
    }
    let before = ended_before(declarations, days)?;
    let mut slots: BTreeMap<Slot, Vec<Uuid>> = BTreeMap::new();
    for name in names {
        let id = parse_name(name)?;
        slots.entry(id.slot()).or_default().push(id.uuid());
    }
    let mut archived = 0;
    for (slot, ids) in slots {
        let now = declarations.writer.clock.now();
        archived += step(declarations, slot, &ids, (before, now)).await?;
    }
    Ok(archived)
}

fn ended_before(declarations: &Declarations, days: u32) -> Result<OffsetDateTime, Refusal> {
    let out_of_range = || Refusal::of(Code::NumberOutOfRange).with("field", "older_than_days");
    if days < limits::ARCHIVE_DAYS_LEAST {
        return Err(out_of_range());
    }
    let now = declarations.writer.clock.now();
    now.checked_sub(Duration::days(days.into())).ok_or_else(out_of_range)
}

async fn step(
    declarations: &Declarations,
    slot: Slot,
    ids: &[Uuid],
    (before, now): (OffsetDateTime, OffsetDateTime),
) -> Result<u32, Fault> {
    let mut connection = declarations.work.acquire().await?;
    let mut tx = sqlx::Connection::begin(&mut *connection).await?;
    // Nobody changes a declaration of the slot meanwhile.
    Heads::lock(&mut tx, &[slot.column()]).await?;
    let ended = ended(&mut tx, slot, (before, Uuid::nil()), Some(ids)).await?;
    let (mut gone, mut positions) = (Vec::new(), Vec::new());
    for one in ended.into_iter().filter(|one| one.heard) {
        gone.push(one.id);
        positions.extend(one.positions);
    }
    sqlx::query!(
        "delete from journal where slot = $1 and position = any($2)",
        slot.column(),
        &positions
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("delete from content where slot = $1 and subject = any($2)", slot.column(), &gone)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "delete from document_request where slot = $1 and declaration_id = any($2)",
        slot.column(),
        &gone
    )
    .execute(&mut *tx)
    .await?;
    // Of what ended no process remembers a row, so that the head need not move.
    sqlx::query!(
        "update declaration set positions = '{}', archived_time = $3
         where slot = $1 and id = any($2)",
        slot.column(),
        &gone,
        now
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let count = u32::try_from(gone.len()).map_err(|_| Fault::Broken("a step has no end".into()))?;
    metrics::counter!("sw_declarations_archived_total").increment(count.into());
    Ok(count)
}

/// What ended in a slot before a time, with nothing since: the next ones after an id, or those of these.
async fn ended(
    connection: &mut PgConnection,
    slot: Slot,
    (before, after): (OffsetDateTime, Uuid),
    only: Option<&[Uuid]>,
) -> Result<Vec<EndedDeclaration>, Fault> {
    let most = i64::try_from(limits::ARCHIVE_STEP).unwrap_or(i64::MAX); // far fewer
    let ended = sqlx::query_as!(
        EndedDeclaration,
        r#"select d.id, d.positions,
                  not exists (select from subscription s
                              where s.slot = d.slot and s.position < last.position) as "heard!"
           from declaration d
           cross join lateral (
               select j.position, j.recorded_time from journal j
               where j.slot = d.slot and j.position = d.positions[cardinality(d.positions)] limit 1
           ) last
           where d.slot = $1 and d.id > $2 and ($5::uuid[] is null or d.id = any($5))
             and d.phase between 3 and 6 and d.filed_time < $3 and cardinality(d.positions) > 0
             and last.recorded_time < $3
           order by d.id limit $4"#,
        slot.column(),
        after,
        before,
        most,
        only
    );
    Ok(ended.fetch_all(connection).await?)
}
