//! What columns hold, as values. The invariant: what a column cannot hold, and what no value stands
//! for, is a fault that stops the transaction; nothing is rounded, clamped or left out.

use std::fmt::Display;

use domain::Slot;
use domain::clearance::Agency;

use crate::Fault;

/// The value of a closed set that stands in a column. `all` are the values, `column` says how each is
/// kept, and `what` names the set for the people who look into the fault.
///
/// # Errors
///
/// [`Fault`] when no value is kept like this.
pub fn value<T: Copy>(
    what: &str,
    all: impl IntoIterator<Item = T>,
    column: impl Fn(T) -> i16,
    found: i16,
) -> Result<T, Fault> {
    let value = all.into_iter().find(|value| column(*value) == found);
    value.ok_or_else(|| unknown(what, found))
}

/// An agency as a column.
pub fn agency(agency: Agency) -> i16 {
    match agency {
        Agency::Customs => 1,
        Agency::Quarantine => 2,
    }
}

/// An array as its text, where a statement has one for each row: `unnest` cannot carry an array of arrays.
pub fn array<T: Display>(items: &[T]) -> String {
    let quoted =
        |item: &T| format!("\"{}\"", item.to_string().replace('\\', "\\\\").replace('"', "\\\""));
    format!("{{{}}}", items.iter().map(quoted).collect::<Vec<_>>().join(","))
}

/// The slot in a column.
///
/// # Errors
///
/// [`Fault`] when the column holds no slot.
pub fn slot(found: i16) -> Result<Slot, Fault> {
    u32::try_from(found).ok().and_then(Slot::new).ok_or_else(|| unknown("slot", found))
}

/// A count, version or round from its column.
///
/// # Errors
///
/// [`Fault`] when it is below zero.
pub fn number(found: i32) -> Result<u32, Fault> {
    u32::try_from(found).map_err(|_| unknown("number", found))
}

/// A count, version or round for its column.
///
/// # Errors
///
/// [`Fault`] when the column cannot hold it.
pub fn integer(value: u32) -> Result<i32, Fault> {
    i32::try_from(value)
        .map_err(|_| Fault::Broken(format!("the number {value} is too large for its column")))
}

/// A position or an epoch from its column, as it is said on the wire.
///
/// # Errors
///
/// [`Fault`] when it is below zero.
pub fn unsigned(found: i64) -> Result<u64, Fault> {
    u64::try_from(found).map_err(|_| unknown("position", found))
}

fn unknown(what: &str, found: impl std::fmt::Display) -> Fault {
    Fault::Broken(format!("the database holds the {what} {found}, which does not exist"))
}
