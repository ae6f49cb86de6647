//! Inventories whose documents do not come are rejected in the end, so that their firms hear of it.

use std::collections::BTreeSet;

use domain::Slot;
use sqlx::PgPool;
use store::Fault;
use time::OffsetDateTime;

use crate::commit::Step;
use crate::matching::{is_waiting, too_late};
use crate::shelf::Wanted;

/// Inventories that have waited too long when they were looked for.
#[derive(Debug)]
pub(crate) struct Expired {
    pub(crate) keys: BTreeSet<(u16, String)>,
    pub(crate) slots: BTreeSet<Slot>,
    /// Nothing that was declared or changed after this has waited too long.
    pub(crate) before: OffsetDateTime,
}

impl Expired {
    pub(crate) fn want(&self, wanted: &mut Wanted) {
        wanted.slots.extend(self.slots.iter().copied());
        wanted.keys.extend(self.keys.iter().cloned());
    }
}

/// Rejects them, when they still wait.
pub(crate) fn expire(step: &mut Step, expired: &Expired) {
    let late: Vec<_> = step
        .shelf
        .papers()
        .filter(|paper| expired.keys.contains(&(paper.kind.number(), paper.key.clone())))
        .filter(|paper| is_waiting(paper) && paper.changed < expired.before)
        .filter_map(|paper| Some((paper.id, too_late(&step.shelf, paper)?)))
        .collect();
    for (id, rejection) in late {
        step.say(id, &rejection);
    }
}

/// Finds inventories that wait since before a time.
pub(crate) async fn find(pool: &PgPool, before: OffsetDateTime) -> Result<Expired, Fault> {
    let rows = sqlx::query!(
        "select slot, kind, key from task where task = 3 and since_time < $1
         order by since_time limit 500",
        before
    )
    .fetch_all(pool)
    .await?;
    let slots = rows.iter().map(|row| store::column::slot(row.slot)).collect::<Result<_, _>>()?;
    let keys = rows.into_iter().map(|row| (row.kind.cast_unsigned(), row.key)).collect();
    Ok(Expired { keys, slots, before })
}
