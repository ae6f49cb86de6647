//! Working days in China (工作日): by a file of the days off by law and of the weekends that are worked instead (调休).
//!
//! The State Council announces them a year at a time. What falls into a year that the file does not have is counted by
//! weekdays alone, and [`Workdays::is_announced`] says so.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use time::{Date, Weekday};

use super::parameters::date;

/// The file that comes with the program, as text.
pub const FILE: &str = include_str!("../../data/workdays.txt");

static BUILT_IN: LazyLock<Workdays> =
    LazyLock::new(|| Workdays::read(FILE).expect("a test reads the file that is compiled in"));

/// Days that are worked though their weekday says otherwise, or not, in the years that were announced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workdays {
    years: BTreeMap<i32, AnnouncedYear>,
    days: BTreeMap<Date, bool>,
}

/// A year whose days off were announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnouncedYear {
    /// By which notice.
    pub law: String,
    /// When somebody compared it last.
    pub checked_on: Date,
    /// It was compared with the text of the notice.
    pub is_verified: bool,
}

impl Workdays {
    /// Those that come with the program.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// The line that says no year or day, not what it is, or what was said before; a day of a year that is not announced
    /// above it.
    pub fn read(text: &str) -> Result<Self, usize> {
        let mut read = Self::default();
        for (number, line) in (1_usize..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fields: Vec<&str> = line.split('|').map(str::trim).collect();
            read.add(&fields).ok_or(number)?;
        }
        Ok(read)
    }

    /// `None` where a line is wrong.
    fn add(&mut self, fields: &[&str]) -> Option<()> {
        match *fields {
            [year, law, checked_on, verified] if year.len() == 4 && !law.is_empty() => {
                let is_verified = match verified {
                    "verified" => true,
                    "unverified" => false,
                    _ => return None,
                };
                let (law, checked_on) = (law.to_owned(), date(checked_on)?);
                let year = self
                    .years
                    .insert(year.parse().ok()?, AnnouncedYear { law, checked_on, is_verified });
                year.is_none().then_some(())
            }
            [day, what, _] => {
                let day = date(day)?;
                let is_worked = match what {
                    "work" => true,
                    "off" => false,
                    _ => return None,
                };
                let is_new = self.days.insert(day, is_worked).is_none();
                (is_new && self.is_announced(day)).then_some(())
            }
            _ => None,
        }
    }

    /// The years that were announced, in their order.
    pub fn years(&self) -> impl Iterator<Item = (i32, &AnnouncedYear)> {
        self.years.iter().map(|(year, of)| (*year, of))
    }

    /// Whether the days off of the year of a day are here. Where they are not, its working days are counted by weekdays
    /// alone, and a date that was counted over it may move.
    pub fn is_announced(&self, day: Date) -> bool {
        self.years.contains_key(&day.year())
    }

    /// Whether a day is worked.
    pub fn is_workday(&self, day: Date) -> bool {
        let is_weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        // Most days are as their weekday says.
        self.days.get(&day).copied().unwrap_or(!is_weekend)
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
    }

    #[test]
    fn a_year_that_was_not_announced_is_known_as_such() {
        let days = Workdays::built_in();
        let (year, of) = days.years().next().expect("there is a year");
        assert_eq!((year, of.checked_on, of.is_verified), (2026, on!(2026 - 11 - 29), false));
        assert!(of.law.contains("2026"), "{}", of.law);
        let told = days.after(on!(2026 - 12 - 28), 5).expect("a day");
        assert_eq!(
            told,
            on!(2027 - 01 - 04),
            "New Year counts as worked, since nothing was announced"
        );
        assert!(!days.is_announced(told) && days.is_announced(on!(2026 - 12 - 31)));
    }

    #[test]
    fn a_line_that_is_wrong_is_named() {
        let year = "2026 | a notice | 2026-11-29 | unverified\n";
        for (text, line) in [
            ("2026-10-01 | off | x", 1),
            ("2026 | | 2026-11-29 | verified", 1),
            ("2026 | a notice | 2026-11-29 | perhaps", 1),
            ("2026 | a notice | 2026-02-29 | verified", 1),
            (&format!("{year}{year}"), 2),
            (&format!("{year}2026-10-01 | off | x\n2026-10-01 | work | x"), 3),
            (&format!("{year}2026-10-01 | holiday | x"), 2),
            (&format!("{year}2026-10-01 | off"), 2),
            (&format!("{year}2027-01-01 | off | x"), 2),
        ] {
            assert_eq!(Workdays::read(text), Err(line), "{text}");
        }
    }
}
