//! Appointments of inspections (查验预约) as a calendar: a week, day by day, with how much room is left.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::response::Response;
use cli::inspect::words as order_words;
use proto::v1;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

use crate::orders;
use crate::problem::{PageAnswer, RefusedCall, settle};
use crate::visit::{Visit, page};

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
/// Days of a page.
const DAYS: u8 = 7;
/// Orders with an appointment that are drawn.
const ORDERS_SHOWN: i32 = 1_000;
/// Places whose room is counted.
const PLACES_MAX: usize = 5;

/// A day with its appointments.
struct CalendarDay {
    date: String,
    weekday: &'static str,
    is_today: bool,
    appointments: Vec<CalendarEntry>,
    /// How many more orders fit, over all places.
    free: u32,
}

/// An appointment.
#[derive(Clone)]
struct CalendarEntry {
    start: OffsetDateTime,
    /// From when to when.
    time: String,
    id: String,
    order_no: String,
    place: String,
    stage: &'static str,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "calendar.html")]
struct CalendarPage<'a> {
    visit: &'a Visit,
    days: Vec<CalendarDay>,
    before: String,
    after: String,
}

/// `GET /console/calendar?from=…`.
pub(crate) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, week(&visit).await)
}

async fn week(visit: &Visit) -> PageAnswer {
    let today = today(visit);
    let first = Date::parse(visit.query("from"), DAY).unwrap_or(today); // that is where one begins
    let dates: Vec<Date> = std::iter::successors(Some(first), |date| date.next_day())
        .take(usize::from(DAYS))
        .collect();
    let entries = appointments(visit).await?;
    // What is past has no room any more.
    let (from, last) = (first.max(today), dates.last().copied().unwrap_or(first)); // seven days
    let days = u32::try_from((last - from).whole_days() + 1).unwrap_or(0); // all of them are past
    let free = if days > 0 { free(visit, from, days).await? } else { Vec::new() };
    let day = |date: &Date| {
        let is_theirs = |entry: &&CalendarEntry| entry.start.date() == *date;
        let mut appointments: Vec<_> = entries.iter().filter(is_theirs).cloned().collect();
        appointments.sort_by_key(|entry| entry.start);
        CalendarDay {
            date: text(*date),
            weekday: visit.t(weekday(*date)),
            is_today: *date == today,
            appointments,
            free: free.iter().filter(|(of, _)| of == date).map(|(_, free)| free).sum(),
        }
    };
    let days = dates.iter().map(day).collect();
    let step = Duration::days(i64::from(DAYS));
    let other = |date: Option<Date>| {
        date.map_or_else(String::new, |date| format!("/console/calendar?from={}", text(date)))
    };
    let (before, after) = (other(first.checked_sub(step)), other(first.checked_add(step)));
    Ok(page(&CalendarPage { visit, days, before, after }))
}

/// The day in China.
pub(crate) fn today(visit: &Visit) -> Date {
    visit.console.clock.now().to_offset(domain::CHINA).date()
}

async fn appointments(visit: &Visit) -> Result<Vec<CalendarEntry>, Box<RefusedCall>> {
    use v1::OrderStage as Stage;
    let stages = [Stage::Appointed, Stage::Presented, Stage::Examining, Stage::Sampled];
    let request = v1::ListOrdersRequest {
        page_size: ORDERS_SHOWN,
        stages: stages.into_iter().map(i32::from).collect(),
        ..Default::default()
    };
    let orders = visit.inspection().list_orders(visit.call(request)).await?.into_inner().orders;
    let entry = |order: &v1::OrderRecord| {
        let state = order.state.as_ref()?;
        let appointment = state.appointment.as_ref()?;
        let at = |time: Option<pbjson_types::Timestamp>| {
            time.and_then(proto::time).map(|time| time.to_offset(domain::CHINA))
        };
        let (start, end) = (at(appointment.start)?, at(appointment.end));
        let clock = |time: OffsetDateTime| format!("{:02}:{:02}", time.hour(), time.minute());
        Some(CalendarEntry {
            start,
            time: format!("{}–{}", clock(start), end.map_or_else(String::new, clock)),
            id: orders::id(&order.name).to_owned(),
            order_no: order.order_no.clone(),
            place: appointment.place.clone(),
            stage: order_words::stage_in(visit.language, state.stage()),
            tone: orders::tone(state.stage()),
        })
    };
    Ok(orders.iter().filter_map(entry).collect())
}

/// Room that is left in windows from a day on, by day.
async fn free(visit: &Visit, first: Date, days: u32) -> Result<Vec<(Date, u32)>, Box<RefusedCall>> {
    let places = visit.inspection().list_places(visit.call(v1::ListPlacesRequest {})).await?;
    let mut free = Vec::new();
    for place in places.into_inner().places.into_iter().take(PLACES_MAX) {
        let (place, from_date) = (place.id, text(first));
        let request = v1::ListWindowsRequest { place, from_date, days };
        let windows = visit.inspection().list_windows(visit.call(request)).await?.into_inner();
        free.extend(windows.windows.iter().filter_map(|window| {
            let start = window.start.and_then(proto::time)?;
            Some((start.to_offset(domain::CHINA).date(), window.free))
        }));
    }
    Ok(free)
}

/// A day as it is written.
pub(crate) fn text(date: Date) -> String {
    proto::text(date.format(DAY).ok())
}

fn weekday(date: Date) -> &'static str {
    use time::Weekday;
    match date.weekday() {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}
