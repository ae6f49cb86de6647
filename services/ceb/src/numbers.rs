//! Numbers that the door gives: of documents on a day, and of goods declaration forms in a year.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{CHINA, Slot, limits};
use sqlx::PgConnection;
use store::Fault;
use store::numbers::{NumberSeries, use_numbers, used_numbers};
use store::permutation::NumberKey;
use time::{Date, OffsetDateTime};

/// The day's numbers of the slots of documents that came: what was given before, and by this transaction. What is
/// refused because of a document that is there uses none.
pub(crate) struct DayNumbers {
    key: NumberKey,
    day: i32,
    used: HashMap<Slot, i64>,
    given: BTreeMap<Slot, i64>,
}

impl DayNumbers {
    pub(crate) async fn load(
        tx: &mut PgConnection,
        key: NumberKey,
        slots: &BTreeSet<Slot>,
        now: OffsetDateTime,
    ) -> Result<Self, Fault> {
        let day = day(now);
        let used = used_numbers(tx, day_series(&key, day), slots).await?;
        Ok(Self { key, day, used, given: BTreeMap::new() })
    }

    /// Writes down how many were given.
    pub(crate) async fn write(&self, tx: &mut PgConnection) -> Result<(), Fault> {
        use_numbers(tx, day_series(&self.key, self.day), &self.given).await.map(drop)
    }

    /// The next number of a slot: a letter, the date in China, nine digits. `None` where the day's
    /// numbers are used up.
    pub(crate) fn next(&mut self, letter: char, slot: Slot) -> Result<Option<String>, Fault> {
        let given = self.given.get(&slot).copied().unwrap_or_default(); // none yet
        // A slot that has no row yet has given none today.
        let used = self.used.get(&slot).copied().unwrap_or_default();
        let Some(number) = day_series(&self.key, self.day).of(slot)?.number(used + given)? else {
            return Ok(None);
        };
        self.given.insert(slot, given + 1);
        let base = i64::from(slot.column()) * limits::NUMBERS_PER_SLOT;
        let serial = base + limits::NUMBERS_OF_DOOR_FROM + number;
        Ok(Some(format!("{letter}{:08}{serial:09}", self.day)))
    }

    /// The number of a goods declaration form ([`form_number`]).
    pub(crate) fn form(
        &self,
        customs_code: &str,
        decl_seq_no: &str,
    ) -> Result<Option<String>, Fault> {
        form_number(&self.key, customs_code, decl_seq_no)
    }
}

/// The numbers that the door gives on a day, whatever their letter.
fn day_series(key: &NumberKey, day: i32) -> NumberSeries<'_> {
    let count = limits::NUMBERS_PER_SLOT - limits::NUMBERS_OF_DOOR_FROM;
    NumberSeries { key, kind: "preNo", period: day, count }
}

/// The day in China as eight digits.
fn day(now: OffsetDateTime) -> i32 {
    let date = now.to_offset(CHINA).date();
    date.year() * 10_000 + i32::from(u8::from(date.month())) * 100 + i32::from(date.day())
}

/// Goods declaration forms that a slot may number on a day: with day and slot that makes nine digits.
const FORMS_PER_SLOT_A_DAY: i64 = 10_000;

/// The number of a goods declaration form, of its summary's: customs house, year, 0 for exports, and nine digits
/// that no other of the year has. `None`: too many were numbered in that slot on that day; customs tells it later.
fn form_number(
    key: &NumberKey,
    customs_code: &str,
    decl_seq_no: &str,
) -> Result<Option<String>, Fault> {
    let Some((date, slot, number)) = parts(decl_seq_no) else { return Ok(None) };
    let period =
        date.year() * 10_000 + i32::from(u8::from(date.month())) * 100 + i32::from(date.day());
    // The first numbers of the day have forms; those again in an order that says nothing of how many there were.
    let Some(place) = day_series(key, period).of(slot)?.place(number)? else { return Ok(None) };
    let forms = NumberSeries { key, kind: "form", period, count: FORMS_PER_SLOT_A_DAY };
    let Some(form) = forms.of(slot)?.number(place)? else { return Ok(None) };
    let day = i64::from(date.ordinal()) - 1;
    let number = (day * 256 + i64::from(slot.column())) * FORMS_PER_SLOT_A_DAY + form;
    let (year, number) = (date.year(), number + 1);
    Ok((customs_code.len() == 4).then(|| format!("{customs_code}{year}0{number:09}")))
}

/// The day of a number of the door, its slot, and which of its slot's numbers it is.
fn parts(decl_seq_no: &str) -> Option<(Date, Slot, i64)> {
    let (day, serial) = decl_seq_no.get(1..)?.split_at_checked(8)?;
    let date = Date::parse(day, time::macros::format_description!("[year][month][day]")).ok()?;
    let serial: i64 = serial.parse().ok()?;
    let slot = Slot::new(u32::try_from(serial / limits::NUMBERS_PER_SLOT).ok()?)?;
    Some((date, slot, serial % limits::NUMBERS_PER_SLOT - limits::NUMBERS_OF_DOOR_FROM))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_forms_of_a_year_have_one_number() {
        let key = NumberKey::new(&[7; 32]);
        let of = |day: i32, slot: u32, place: i64| {
            let slot = Slot::new(slot).expect("a slot");
            let number = day_series(&key, day).of(slot).expect("a series").number(place);
            let number = number.expect("computed").expect("not used up");
            let base = i64::from(slot.column()) * limits::NUMBERS_PER_SLOT;
            let serial = base + limits::NUMBERS_OF_DOOR_FROM + number;
            form_number(&key, "4229", &format!("E{day}{serial:09}")).expect("computed")
        };
        let days = [20_260_101, 20_261_231, 20_261_130];
        let all = days.iter().flat_map(|day| {
            [0, 7, 255].into_iter().flat_map(move |slot| [0, 1, 9_999].map(|at| (*day, slot, at)))
        });
        let numbers: BTreeSet<String> =
            all.filter_map(|(day, slot, place)| of(day, slot, place)).collect();
        assert_eq!(numbers.len(), 27);
        assert!(numbers.iter().all(|number| number.len() == 18 && number.starts_with("422920260")));
        let whole: BTreeSet<String> =
            (0..10_000).filter_map(|place| of(20_260_101, 0, place)).collect();
        assert_eq!(whole.len(), 10_000, "as many as the slot may number");
        assert_eq!(whole.first().map(String::as_str), Some("422920260000000001"));
        assert_eq!(whole.last().map(String::as_str), Some("422920260000010000"));
        assert_eq!(of(20_260_101, 0, 10_000), None, "one more than there are");
        for none in ["E2026", "", "E20260101999999999", "E20260101000000000"] {
            assert_eq!(form_number(&key, "4229", none).expect("computed"), None, "{none}");
        }
    }
}
