//! The numbers that a service gives: counted by slot, kind and period, never given twice. Gaps are
//! left by requests that were refused.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::Slot;
use sqlx::PgConnection;
use time::UtcOffset;

use crate::Fault;
use crate::journal::slot_of;

/// China Standard Time, without daylight saving: days and years of numbers are Chinese.
pub const CHINA: UtcOffset = time::macros::offset!(+8);

/// Gives the next numbers of a kind in a period; returns how many were used before, by slot.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn use_numbers(
    tx: &mut PgConnection,
    kind: &str,
    period: i32,
    wanted: &BTreeMap<Slot, i64>,
) -> Result<HashMap<Slot, i64>, Fault> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
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
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let slot = slot_of(row.slot)?;
            Some((slot, row.used - wanted.get(&slot).copied().unwrap_or_default()))
        })
        .collect())
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
    Ok(rows.into_iter().filter_map(|row| Some((slot_of(row.slot)?, row.used))).collect())
}
