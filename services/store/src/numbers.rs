//! The numbers that a service gives: counted by slot, kind and period, never given twice, and in an order that says
//! nothing of how many were given ([`crate::permutation`]). Gaps are left by requests that were refused.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use domain::Slot;
use sqlx::PgConnection;

use crate::permutation::{NumberKey, Permutation};
use crate::{Fault, column};

/// A series of numbers: those of a kind in a period, so many in each slot.
#[derive(Debug, Clone, Copy)]
pub struct NumberSeries<'a> {
    /// In which order they are given.
    pub key: &'a NumberKey,
    /// What they are.
    pub kind: &'a str,
    /// Of which day or year.
    pub period: i32,
    /// How many each slot has.
    pub count: i64,
}

impl NumberSeries<'_> {
    /// In which order a slot gives its own.
    ///
    /// # Errors
    ///
    /// [`Fault`] when there is no such series.
    pub fn of(&self, slot: Slot) -> Result<Permutation, Fault> {
        self.key.permutation((self.kind, self.period), slot, self.count)
    }
}

/// Numbers that were given to a transaction, from 0, by slot.
#[derive(Debug, Default)]
pub struct Numbers(HashMap<Slot, (Permutation, Range<i64>)>);

impl Numbers {
    /// The next number of a slot, below the count of its series; `None` where that is used up.
    ///
    /// # Errors
    ///
    /// [`Fault`] when more are asked for than were wanted: it would be somebody else's.
    pub fn next(&mut self, slot: Slot) -> Result<Option<i64>, Fault> {
        let given = self.0.get_mut(&slot);
        let next = given.and_then(|(order, places)| Some((order, places.next()?)));
        let (order, place) = next.ok_or_else(|| {
            let number = slot.number();
            Fault::Broken(format!("more numbers of slot {number} are used than were wanted"))
        })?;
        order.number(place)
    }
}

/// Gives the next numbers of a series.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn use_numbers(
    tx: &mut PgConnection,
    series: NumberSeries<'_>,
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
        series.kind,
        series.period
    )
    .fetch_all(tx)
    .await?;
    let mut given = HashMap::with_capacity(rows.len());
    for row in rows {
        let slot = column::slot(row.slot)?;
        let wanted = wanted.get(&slot).ok_or_else(|| {
            Fault::Broken(format!("numbers were counted in slot {}, unasked", slot.number()))
        })?;
        given.insert(slot, (series.of(slot)?, row.used - wanted..row.used));
    }
    Ok(Numbers(given))
}

/// How many numbers of a series were used, by slot; a slot without any is left out. Who holds the heads of the
/// slots may give the next ones, in the order of the series, and say afterwards how many ([`use_numbers`]).
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn used_numbers(
    tx: &mut PgConnection,
    series: NumberSeries<'_>,
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
        series.kind,
        series.period
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|row| Ok((column::slot(row.slot)?, row.used))).collect()
}
