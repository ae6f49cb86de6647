//! The inbox (收件簿): what comes from the journal of another service, and comes again when nobody said that
//! it was kept, is taken once.
//!
//! The invariant: the place in a slot of the other journal moves in the transaction of what it means, and
//! only forward. Whoever brings the events of a slot brings them in order and from that place or before, so
//! what lies behind it was taken, by this process or by another one.

use std::collections::{BTreeMap, BTreeSet};

use domain::Slot;
use sqlx::PgConnection;

use crate::{Fault, column};

/// The places of some slots, as a transaction found and moved them.
#[derive(Debug, Default)]
pub struct Inbox {
    /// Up to where everything had been taken.
    before: BTreeMap<Slot, i64>,
    /// What was taken since.
    taken: BTreeSet<(Slot, i64)>,
}

impl Inbox {
    /// Moves the places of these slots over these positions of the other journal, and keeps other
    /// transactions from them until the end of this one.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database.
    pub async fn receive(
        tx: &mut PgConnection,
        positions: impl IntoIterator<Item = (Slot, i64)>,
    ) -> Result<Self, Fault> {
        let mut newest: BTreeMap<Slot, i64> = BTreeMap::new();
        for (slot, position) in positions {
            let newest = newest.entry(slot).or_insert(position);
            *newest = position.max(*newest);
        }
        if newest.is_empty() {
            return Ok(Self::default());
        }
        let (slots, positions): (Vec<i16>, Vec<i64>) =
            newest.iter().map(|(slot, position)| (slot.column(), *position)).unzip();
        // Locked in order, so that two transactions never wait for each other in a circle.
        let rows = sqlx::query!(
            r#"with before as (
                   select slot, position from inbox where slot = any($1) order by slot for update
               )
               update inbox set position = greatest(before.position, came.position)
               from before
               join unnest($1::smallint[], $2::bigint[]) as came (slot, position) using (slot)
               where inbox.slot = before.slot
               returning before.slot as "slot!", before.position as "position!""#,
            &slots,
            &positions
        )
        .fetch_all(tx)
        .await?;
        let before = rows.into_iter().map(|row| Ok((column::slot(row.slot)?, row.position)));
        let before = before.collect::<Result<BTreeMap<_, _>, Fault>>()?;
        if before.len() < newest.len() {
            return Err(Fault::Broken("a slot has no place in the inbox".to_owned()));
        }
        Ok(Self { before, taken: BTreeSet::new() })
    }

    /// Whether an event has to be taken: nobody had taken it before, and nobody in this transaction.
    pub fn take(&mut self, slot: Slot, position: i64) -> bool {
        let is_new = self.before.get(&slot).is_some_and(|before| *before < position);
        is_new && self.taken.insert((slot, position))
    }
}
