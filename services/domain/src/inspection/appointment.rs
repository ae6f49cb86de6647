//! Where and when goods are looked at: places with so many stations, the day cut into windows, and the
//! rules of booking and rescheduling. Times are China Standard Time where a day or an hour is meant.
//!
//! That goods are presented at the supervised site when customs says so is the law (海关进出口货物查验
//! 管理办法, GACC Order 138, unverified); every number here is ours.

use time::{Date, Duration, OffsetDateTime, Time, UtcOffset, Weekday};

use super::wrong::Wrong;
use crate::OrderId;
use crate::refusal::Refusal;

/// China Standard Time; no summer time.
pub const CHINA: UtcOffset = match UtcOffset::from_hms(8, 0, 0) {
    Ok(offset) => offset,
    Err(_) => UtcOffset::UTC,
};
/// Notice that a site needs before a window begins: officers are drawn and told. Ours.
pub const BOOK_AHEAD_MIN: Duration = Duration::hours(2);
/// How far ahead a window can be booked. Longer would let goods lie at the site. Ours.
pub const BOOK_AHEAD_MAX: Duration = Duration::days(14);
/// How long before its window an appointment can still be moved by the enterprise: later, officers are
/// on their way and the station cannot be given to anybody else. Ours.
pub const RESCHEDULE_BEFORE_MIN: Duration = Duration::hours(4);
/// How often the enterprise may move the appointment of one examination: twice covers a late truck and
/// a second one; more would put an inspection off without end. Ours.
pub const RESCHEDULES_MAX: u32 = 2;
/// How long after the beginning of the window an enterprise counts as not there. Ours.
pub const NO_SHOW_AFTER: Duration = Duration::minutes(30);
/// After so many no-shows the enterprise loses its choice, and the goods may be opened in the presence
/// of the site operator alone (径行开验). The law allows that after the first one (GACC Order 138,
/// unverified); the number is ours.
pub const NO_SHOWS_MAX: u32 = 3;
/// Shortest window, in minutes. Ours.
pub const WINDOW_MINUTES_MIN: u16 = 10;

/// Who makes or moves an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// The enterprise or its agent.
    Enterprise,
    /// The examination site.
    Site,
}

/// A stretch of time; the end is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeWindow {
    /// When it begins.
    pub start: OffsetDateTime,
    /// When it is over.
    pub end: OffsetDateTime,
}

/// An examination site (查验场地).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its name in Chinese.
    pub name_zh: String,
    /// Examinations at once.
    pub capacity: u32,
    /// Length of a window, in minutes.
    pub window_minutes: u16,
    /// When the first window of a day begins.
    pub opens: Time,
    /// When the last one is over.
    pub closes: Time,
    /// Days of the week on which nobody works there.
    pub rest_days: Vec<Weekday>,
    /// Holidays.
    pub closed: Vec<Date>,
}

/// One order in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// Which order.
    pub order: OrderId,
    /// At which place.
    pub place: String,
    /// When.
    pub window: TimeWindow,
}

impl Place {
    /// The windows of a day in order; none when it is closed.
    pub fn windows(&self, day: Date) -> Vec<TimeWindow> {
        if self.rest_days.contains(&day.weekday()) || self.closed.contains(&day) {
            return Vec::new();
        }
        let length = Duration::minutes(i64::from(self.window_minutes.max(WINDOW_MINUTES_MIN)));
        let closes = day.with_time(self.closes).assume_offset(CHINA);
        let mut start = day.with_time(self.opens).assume_offset(CHINA);
        let mut windows = Vec::new();
        while let Some(end) = start.checked_add(length).filter(|end| *end <= closes) {
            windows.push(TimeWindow { start, end });
            start = end;
        }
        windows
    }

    /// How many more orders a window takes.
    pub fn free(&self, window: TimeWindow, bookings: &[Booking]) -> u32 {
        let here = bookings.iter().filter(|b| b.place == self.id && b.window == window).count();
        self.capacity.saturating_sub(u32::try_from(here).unwrap_or(u32::MAX))
    }

    /// The next window that an order can have, looking no further than it may book.
    pub fn next_free(&self, bookings: &[Booking], now: OffsetDateTime) -> Option<TimeWindow> {
        let today = now.to_offset(CHINA).date();
        let days =
            (0..=BOOK_AHEAD_MAX.whole_days()).map(|n| today.saturating_add(Duration::days(n)));
        days.flat_map(|day| self.windows(day))
            .find(|window| in_time(*window, now) && self.free(*window, bookings) > 0)
    }
}

fn in_time(window: TimeWindow, now: OffsetDateTime) -> bool {
    (BOOK_AHEAD_MIN..=BOOK_AHEAD_MAX).contains(&(window.start - now))
}

/// Books a window for an order. A booking of the order that stands already is the same answer again
/// when it is the same one; otherwise it is moved, and its own station counts as free. `bookings` are
/// those at the place, of every order.
///
/// Whoever stores the answer does so in one transaction with the reading of `bookings`.
///
/// # Errors
///
/// [`Wrong::NoSuchWindow`], [`Wrong::WrongTime`] or [`Wrong::WindowFull`].
pub fn book(
    place: &Place,
    order: OrderId,
    window: TimeWindow,
    bookings: &[Booking],
    now: OffsetDateTime,
) -> Result<Booking, Refusal> {
    let wanted = Booking { order, place: place.id.clone(), window };
    if bookings.contains(&wanted) {
        return Ok(wanted);
    }
    let day = window.start.to_offset(CHINA).date();
    if !place.windows(day).contains(&window) {
        return Err(Wrong::NoSuchWindow.refusal());
    }
    if !in_time(window, now) {
        return Err(Wrong::WrongTime.refusal());
    }
    let others: Vec<Booking> = bookings.iter().filter(|b| b.order != order).cloned().collect();
    if place.free(window, &others) == 0 {
        return Err(Wrong::WindowFull.refusal());
    }
    Ok(wanted)
}

/// Whether somebody may choose the window of an order.
///
/// # Errors
///
/// [`Wrong::ChoiceUsedUp`] for an enterprise that did not come too often.
pub fn may_choose(by: By, no_shows: u32) -> Result<(), Refusal> {
    match by {
        By::Enterprise if no_shows >= NO_SHOWS_MAX => {
            Err(Wrong::ChoiceUsedUp.refusal().with("no_shows", no_shows))
        }
        By::Enterprise | By::Site => Ok(()),
    }
}

/// Whether an appointment may still be moved. The site always may, and that does not count.
///
/// # Errors
///
/// [`Wrong::ChoiceUsedUp`] or [`Wrong::WrongTime`] for the enterprise.
pub fn may_reschedule(
    by: By,
    reschedules: u32,
    no_shows: u32,
    window: TimeWindow,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    may_choose(by, no_shows)?;
    match by {
        By::Site => Ok(()),
        By::Enterprise if reschedules >= RESCHEDULES_MAX => {
            Err(Wrong::ChoiceUsedUp.refusal().with("reschedules", reschedules))
        }
        By::Enterprise if window.start - now < RESCHEDULE_BEFORE_MIN => {
            Err(Wrong::WrongTime.refusal())
        }
        By::Enterprise => Ok(()),
    }
}

/// Whether an enterprise that is not there may be called a no-show.
///
/// # Errors
///
/// [`Wrong::WrongTime`] before [`NO_SHOW_AFTER`] has passed.
pub fn may_call_no_show(window: TimeWindow, now: OffsetDateTime) -> Result<(), Refusal> {
    if now - window.start < NO_SHOW_AFTER {
        return Err(Wrong::WrongTime.refusal());
    }
    Ok(())
}
