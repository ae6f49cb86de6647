//! The numbers that a service gives: counted by slot, kind and period, never given twice. Gaps are
//! left by requests that were refused.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use domain::Slot;
use sqlx::PgConnection;
use time::UtcOffset;

use crate::{Fault, column};

/// China Standard Time, without daylight saving: days and years of numbers are Chinese.
pub const CHINA: UtcOffset = time::macros::offset!(+8);

/// Numbers that were given to a transaction, from 0, by slot. Whether one is still within the slot's
/// share is for the caller to see.
#[derive(Debug, Default)]
pub struct Numbers(HashMap<Slot, Range<i64>>);

impl Numbers {
    /// The next number of a slot.
    ///
    /// # Errors
    ///
    /// [`Fault`] when more are asked for than were wanted: it would be somebody else's.
    pub fn next(&mut self, slot: Slot) -> Result<i64, Fault> {
        let next = self.0.get_mut(&slot).and_then(Iterator::next);
        next.ok_or_else(|| {
            let number = slot.number();
            Fault::Broken(format!("more numbers of slot {number} are used than were wanted"))
        })
    }

    /// All of them.
    pub fn ranges(self) -> HashMap<Slot, Range<i64>> {
        self.0
    }
}

/// Gives the next numbers of a kind in a period.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn use_numbers(
    tx: &mut PgConnection,
    kind: &str,
    period: i32,
    wanted: &BTreeMap<Slot, i64>,
) -> Result<Numbers, Fault> {
    if wanted.is_empty() {
        return Ok(Numbers::default());
    }
    let slots: Vec<i16> = wanted.keys().map(|slot| slot.column()).collect();
    let counts: Vec<i64> = wanted.values().copied().collect();
    let rows = sqlx::query!(
        "insert into number_used (slot, kind, period, used)
         select slot, $3, $4, count from unnest($1::smallint[], $2::bigint[]) as wanted (slot, count)
         on conflict (slot, kind, period) do update set used = number_used.used + excluded.used
         returning slot, used",
        &slots,
        &counts,
        kind,
        period
    )
    .fetch_all(tx)
    .await?;
    let mut given = HashMap::with_capacity(rows.len());
    for row in rows {
        let slot = column::slot(row.slot)?;
        let wanted = wanted.get(&slot).ok_or_else(|| {
            Fault::Broken(format!("numbers were counted in slot {}, unasked", slot.number()))
        })?;
        given.insert(slot, row.used - wanted..row.used);
    }
    Ok(Numbers(given))
}

/// How many numbers of a kind were used in a period, by slot; a slot without any is left out. Who holds
/// the heads of the slots may give the next ones and say afterwards how many ([`use_numbers`]).
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn used_numbers(
    tx: &mut PgConnection,
    kind: &str,
    period: i32,
    slots: &BTreeSet<Slot>,
) -> Result<HashMap<Slot, i64>, Fault> {
    if slots.is_empty() {
        return Ok(HashMap::new());
    }
    let slots: Vec<i16> = slots.iter().map(|slot| slot.column()).collect();
    let rows = sqlx::query!(
        "select slot, used from number_used
         where slot = any($1) and kind = $2 and period = $3",
        &slots,
        kind,
        period
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|row| Ok((column::slot(row.slot)?, row.used))).collect()
}
