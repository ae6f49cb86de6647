//! What banks are told: entries of this service's journal, from which its exchange serves them.

use domain::Slot;
use proto::forex::BANK_TOPIC;
use sqlx::PgConnection;
use std::collections::BTreeSet;
use store::Fault;
use store::cipher::Cipher;
use store::journal::{Heads, JournalEntry};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::names::id_of;

/// An entry that has no place yet. The same again has the same id.
pub(crate) fn entry(
    slot: Slot,
    (name, subject): (&str, Uuid),
    owner: &str,
    facts: Vec<u8>,
    now: OffsetDateTime,
) -> JournalEntry {
    JournalEntry {
        slot,
        position: 0,
        event_id: id_of(name),
        subject,
        owner: owner.to_owned(),
        version: 1,
        round: 1,
        phase: 1,
        topics: BANK_TOPIC,
        recorded_time: now,
        trace: String::new(),
        actor: String::new(),
        facts: facts.into(),
        shows_content: false,
        body: Ok(None),
    }
}

/// Gives entries their places, and writes them.
pub(crate) async fn append(
    tx: &mut PgConnection,
    cipher: &Cipher,
    entries: &mut [JournalEntry],
) -> Result<(), Fault> {
    let slots: BTreeSet<i16> = entries.iter().map(|entry| entry.slot.column()).collect();
    let slots: Vec<i16> = slots.into_iter().collect();
    let mut heads = Heads::lock(&mut *tx, &slots).await?;
    for entry in entries.iter_mut() {
        entry.position = heads.next(entry.slot)?;
    }
    heads.append(tx, cipher, entries).await
}
