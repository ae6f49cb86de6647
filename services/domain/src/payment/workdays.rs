//! Working days in China (工作日): by a file of the days off by law and of the weekends that are worked instead (调休).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use time::{Date, Weekday};

use super::parameters::date;

/// The file that comes with the program, as text.
pub const FILE: &str = include_str!("../../data/workdays.txt");

static BUILT_IN: LazyLock<Workdays> =
    LazyLock::new(|| Workdays::read(FILE).expect("a test reads the file that is compiled in"));

/// Days that are worked though their weekday says otherwise, or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workdays(BTreeMap<Date, bool>);

impl Workdays {
    /// Those that come with the program.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// The line that says no day or not what it is, or a day that was said before.
    pub fn read(text: &str) -> Result<Self, usize> {
        let mut days = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut fields = line.split('|').map(str::trim);
            let day = fields.next().and_then(date);
            let is_worked = match fields.next() {
                Some("work") => true,
                Some("off") => false,
                Some(_) | None => return Err(number),
            };
            if days.insert(day.ok_or(number)?, is_worked).is_some() {
                return Err(number);
            }
        }
        Ok(Self(days))
    }

    /// Whether a day is worked.
    pub fn is_workday(&self, day: Date) -> bool {
        let is_weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        self.0.get(&day).copied().unwrap_or(!is_weekend)
    }

    /// So many working days after a day; the day itself does not count.
    pub fn after(&self, day: Date, count: i64) -> Option<Date> {
        let after = std::iter::successors(day.next_day(), |day| day.next_day());
        let mut worked = after.filter(|day| self.is_workday(*day));
        worked.nth(usize::try_from(count.checked_sub(1)?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date as on;

    use super::*;

    #[test]
    fn holidays_and_worked_weekends_count() {
        let days = Workdays::built_in();
        for (day, count, expected) in [
            (on!(2026 - 09 - 30), 1, on!(2026 - 10 - 08)),
            // The Saturday is worked.
            (on!(2026 - 10 - 02), 5, on!(2026 - 10 - 13)),
            (on!(2026 - 10 - 09), 1, on!(2026 - 10 - 10)),
            (on!(2026 - 11 - 27), 1, on!(2026 - 11 - 30)),
            (on!(2026 - 11 - 29), 5, on!(2026 - 12 - 04)),
        ] {
            assert_eq!(days.after(day, count), Some(expected), "{day} {count}");
        }
        assert_eq!(days.after(on!(2026 - 11 - 29), 0), None);
        for (text, line) in
            [("2026-10-01 | off\n2026-10-01 | work", 2), ("x | off", 1), ("2026-10-01", 1)]
        {
            assert_eq!(Workdays::read(text), Err(line), "{text}");
        }
    }
}
