//! The log of an exchange number: its messages, counted for each reader by itself. What a reader is told
//! about where it stands says nothing of the others in its slot.

use std::collections::{BTreeMap, HashMap};

use sqlx::PgConnection;
use store::journal::JournalEntry;
use store::{Fault, column};
use uuid::Uuid;

/// Gives these entries their places in the logs of their readers, whose slots are locked, and says which by
/// event.
pub(crate) async fn append(
    tx: &mut PgConnection,
    entries: &[JournalEntry],
) -> Result<HashMap<Uuid, u64>, Fault> {
    if entries.is_empty() {
        return Ok(HashMap::new());
    }
    let readers: BTreeMap<&str, i16> =
        entries.iter().map(|entry| (entry.owner.as_str(), entry.slot.column())).collect();
    let (owners, slots): (Vec<&str>, Vec<i16>) = readers.into_iter().unzip();
    let rows = sqlx::query!(
        r#"select wanted.owner as "owner!", newest.number as "number!"
           from unnest($1::smallint[], $2::text[]) as wanted (slot, owner)
           cross join lateral (
               select number from log where log.slot = wanted.slot and log.owner = wanted.owner
               order by number desc limit 1
           ) newest"#,
        &slots,
        &owners as &[&str]
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut newest: HashMap<String, i64> =
        rows.into_iter().map(|row| (row.owner, row.number)).collect();
    let slots: Vec<i16> = entries.iter().map(|entry| entry.slot.column()).collect();
    let owners: Vec<&str> = entries.iter().map(|entry| entry.owner.as_str()).collect();
    let positions: Vec<i64> = entries.iter().map(|entry| entry.position).collect();
    let mut numbers = Vec::with_capacity(entries.len());
    for entry in entries {
        let number = newest.entry(entry.owner.clone()).or_default();
        *number += 1;
        numbers.push(*number);
    }
    sqlx::query!(
        "insert into log (slot, owner, number, position)
         select * from unnest($1::smallint[], $2::text[], $3::bigint[], $4::bigint[])",
        &slots,
        &owners as &[&str],
        &numbers,
        &positions
    )
    .execute(tx)
    .await?;
    let events = entries.iter().map(|entry| entry.event_id);
    events.zip(numbers).map(|(event, number)| Ok((event, column::unsigned(number)?))).collect()
}
