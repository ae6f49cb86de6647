//! Where and when goods are looked at: places with so many stations, the day cut into windows, and the
//! rules of booking and rescheduling. Times are China Standard Time where a day or an hour is meant.
//!
//! That goods are presented at the supervised site when customs says so is the law (海关进出口货物查验
//! 管理办法, GACC Order 138, unverified); every number here is ours.

use std::fmt;

use time::format_description::well_known::Rfc3339;
use time::{Date, Duration, OffsetDateTime, Time, Weekday};

use crate::CHINA;
use crate::refusal::{Code, Refusal};

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
pub enum AppointmentMaker {
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

/// In China Standard Time, as `2026-11-25T09:00:00+08:00/2026-11-25T10:00:00+08:00`.
impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", stamp(self.start), stamp(self.end))
    }
}

fn stamp(time: OffsetDateTime) -> String {
    let here = time.checked_to_offset(CHINA).unwrap_or(time);
    here.format(&Rfc3339).unwrap_or_else(|_| here.to_string())
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
    /// When the last one is over; on the next day when that is not after `opens`.
    pub closes: Time,
    /// Days of the week on which nobody works there.
    pub rest_days: Vec<Weekday>,
    /// Holidays.
    pub closed: Vec<Date>,
}

impl Place {
    /// The windows of a day in order; none when it is closed. A place that closes no later than it
    /// opens works past midnight, and around the clock when both are the same time; the windows after
    /// midnight belong to the day on which it opened.
    pub fn windows(&self, day: Date) -> Vec<TimeWindow> {
        if self.rest_days.contains(&day.weekday()) || self.closed.contains(&day) {
            return Vec::new();
        }
        let length = Duration::minutes(i64::from(self.window_minutes.max(WINDOW_MINUTES_MIN)));
        let nights = i64::from(self.closes <= self.opens);
        let closing_day = day.saturating_add(Duration::days(nights));
        let closes = closing_day.with_time(self.closes).assume_offset(CHINA);
        let mut start = day.with_time(self.opens).assume_offset(CHINA);
        let mut windows = Vec::new();
        while let Some(end) = start.checked_add(length).filter(|end| *end <= closes) {
            windows.push(TimeWindow { start, end });
            start = end;
        }
        windows
    }

    /// How many more orders a window takes that so many have taken.
    pub fn free(&self, taken: u32) -> u32 {
        self.capacity.saturating_sub(taken)
    }

    /// The next window that can be booked, by how many orders have taken a window.
    pub fn next_free(
        &self,
        taken: impl Fn(TimeWindow) -> u32,
        by: AppointmentMaker,
        now: OffsetDateTime,
    ) -> Option<TimeWindow> {
        let today = now.to_offset(CHINA).date();
        // Windows of yesterday may reach past midnight.
        let days =
            (-1..=BOOK_AHEAD_MAX.whole_days()).map(|n| today.saturating_add(Duration::days(n)));
        days.flat_map(|day| self.windows(day))
            .filter(|window| !is_late(*window, by, now) && !is_early(*window, now))
            .find(|window| self.free(taken(*window)) > 0)
    }

    /// The windows that begin on so many days from one on and can be booked now, with how many more
    /// orders each takes. What is over, too near, too far ahead or full is none of them, nor is
    /// a window of a day on which the place is closed.
    pub fn bookable(
        &self,
        (from, days): (Date, u32),
        taken: impl Fn(TimeWindow) -> u32,
        by: AppointmentMaker,
        now: OffsetDateTime,
    ) -> Vec<(TimeWindow, u32)> {
        let until = from.saturating_add(Duration::days(i64::from(days)));
        let here = |window: &TimeWindow| {
            let day = window.start.to_offset(CHINA).date();
            from <= day && day < until
        };
        // Windows of the evening before may reach past midnight.
        let opened = (-1..i64::from(days)).map(|n| from.saturating_add(Duration::days(n)));
        opened
            .flat_map(|day| self.windows(day))
            .filter(|window| here(window) && !is_late(*window, by, now) && !is_early(*window, now))
            .map(|window| (window, self.free(taken(window))))
            .filter(|(_, free)| *free > 0)
            .collect()
    }

    fn has(&self, window: TimeWindow) -> bool {
        let Some(start) = window.start.checked_to_offset(CHINA) else { return false };
        let day = start.date();
        let before = day.saturating_sub(Duration::DAY);
        [before, day].into_iter().any(|day| self.windows(day).contains(&window))
    }
}

/// The notice binds the enterprise; the site knows who is on duty, and may use a window that runs.
fn is_late(window: TimeWindow, by: AppointmentMaker, now: OffsetDateTime) -> bool {
    match by {
        AppointmentMaker::Enterprise => window.start - now < BOOK_AHEAD_MIN,
        AppointmentMaker::Site => window.end <= now,
    }
}

fn is_early(window: TimeWindow, now: OffsetDateTime) -> bool {
    window.start - now > BOOK_AHEAD_MAX
}

/// Whether an order may have a window that so many *other* orders have taken.
///
/// The caller counts and stores the answer in one transaction, and answers a request for the window
/// that the order has already before it asks here: that one may be too near by now.
///
/// # Errors
///
/// [`Code::NoSuchWindow`], [`Code::WrongTime`] or [`Code::WindowFull`].
pub fn book(
    place: &Place,
    window: TimeWindow,
    taken_by_others: u32,
    by: AppointmentMaker,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let refusal = |code| Refusal::of(code).with("place", &place.id).with("window", window);
    if !place.has(window) {
        return Err(refusal(Code::NoSuchWindow));
    }
    if is_late(window, by, now) {
        let latest = match by {
            AppointmentMaker::Enterprise => window.start.saturating_sub(BOOK_AHEAD_MIN),
            AppointmentMaker::Site => window.end,
        };
        return Err(refusal(Code::WrongTime).with("possible_until", stamp(latest)));
    }
    if is_early(window, now) {
        let earliest = window.start.saturating_sub(BOOK_AHEAD_MAX);
        return Err(refusal(Code::WrongTime).with("possible_from", stamp(earliest)));
    }
    if place.free(taken_by_others) == 0 {
        return Err(refusal(Code::WindowFull).with("capacity", place.capacity));
    }
    Ok(())
}

/// Whether somebody may choose the window of an order.
///
/// # Errors
///
/// [`Code::ChoiceUsedUp`] for an enterprise that did not come too often.
pub fn may_choose(by: AppointmentMaker, no_shows: u32) -> Result<(), Refusal> {
    match by {
        AppointmentMaker::Enterprise if no_shows >= NO_SHOWS_MAX => {
            Err(Refusal::of(Code::ChoiceUsedUp).with("no_shows", no_shows))
        }
        AppointmentMaker::Enterprise | AppointmentMaker::Site => Ok(()),
    }
}

/// Whether an appointment may still be moved. The site always may, and that does not count.
///
/// # Errors
///
/// [`Code::ChoiceUsedUp`] or [`Code::WrongTime`] for the enterprise.
pub fn may_reschedule(
    by: AppointmentMaker,
    reschedules: u32,
    no_shows: u32,
    window: TimeWindow,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    may_choose(by, no_shows)?;
    match by {
        AppointmentMaker::Site => Ok(()),
        AppointmentMaker::Enterprise if reschedules >= RESCHEDULES_MAX => {
            Err(Refusal::of(Code::ChoiceUsedUp).with("reschedules", reschedules))
        }
        AppointmentMaker::Enterprise if window.start - now < RESCHEDULE_BEFORE_MIN => {
            let latest = stamp(window.start.saturating_sub(RESCHEDULE_BEFORE_MIN));
            Err(Refusal::of(Code::WrongTime).with("window", window).with("possible_until", latest))
        }
        AppointmentMaker::Enterprise => Ok(()),
    }
}

/// Whether an enterprise that is not there may be called a no-show.
///
/// # Errors
///
/// [`Code::WrongTime`] before [`NO_SHOW_AFTER`] has passed.
pub fn may_call_no_show(window: TimeWindow, now: OffsetDateTime) -> Result<(), Refusal> {
    if now - window.start < NO_SHOW_AFTER {
        let earliest = stamp(window.start.saturating_add(NO_SHOW_AFTER));
        return Err(Refusal::of(Code::WrongTime)
            .with("window", window)
            .with("possible_from", earliest));
    }
    Ok(())
}
