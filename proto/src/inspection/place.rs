//! Places of examination.

use domain::inspection::appointment;
use domain::refusal::{Code, Refusal, Violation};
use prost::Message as _;
use time::{Date, Time, Weekday};

use super::{HOUR, StoredBytesError, day, parse_day};
use crate::v1;

/// A place that somebody puts.
///
/// # Errors
///
/// Everything that is wrong with it.
pub fn place_from_wire(wire: v1::Place) -> Result<(appointment::Place, Vec<String>), Refusal> {
    let mut violations = Vec::new();
    let mut wrong = |field: &str, text: &str, text_zh: &str| {
        violations.push(Violation {
            code: Code::CodeUnknown,
            field: field.to_owned(),
            text: text.to_owned(),
            text_zh: text_zh.to_owned(),
            customs_code: None,
        });
    };
    if !is_id(&wire.id) {
        wrong("id", "letters, digits and hyphens, at most 40", "仅限字母、数字、连字符，最多40位");
    }
    let named = |name: &str| !name.trim().is_empty() && name.chars().count() <= 100;
    if !named(&wire.name) || !named(&wire.name_zh) {
        wrong("name", "a name in both languages, at most 100 characters", "须有中英文名称");
    }
    if wire.capacity == 0 || wire.capacity > CAPACITY_MAX {
        wrong("capacity", "1 to 10,000", "1至10000");
    }
    // What no u16 holds is out of range, like none.
    let minutes = u16::try_from(wire.window_minutes).unwrap_or(0);
    if !(appointment::WINDOW_MINUTES_MIN..=1_440).contains(&minutes) {
        wrong("window_minutes", "10 to 1,440", "10至1440");
    }
    let hour = |text: &str| Time::parse(text, HOUR).ok();
    let (opens, closes) = (hour(&wire.opens), hour(&wire.closes));
    if opens.is_none() || closes.is_none() {
        wrong("opens", "opens and closes are HH:MM", "开放和关闭时间格式为HH:MM");
    }
    let rest_days: Option<Vec<Weekday>> =
        wire.rest_days.iter().map(|day| weekday_from_wire(*day)).collect();
    if rest_days.is_none() {
        wrong("rest_days", "1 Monday to 7 Sunday", "1（周一）至7（周日）");
    }
    let closed: Option<Vec<Date>> = wire.closed.iter().map(|day| parse_day(day)).collect();
    if closed.is_none() {
        wrong("closed", "days are YYYY-MM-DD", "日期格式为YYYY-MM-DD");
    }
    let house = |code: &String| code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit());
    if !wire.port_codes.iter().all(house) {
        wrong("port_codes", "a customs house has four digits", "关区代码为4位数字");
    }
    let (Some(opens), Some(closes), Some(rest_days), Some(closed), true) =
        (opens, closes, rest_days, closed, violations.is_empty())
    else {
        return Err(Refusal::invalid(violations));
    };
    let place = appointment::Place {
        id: wire.id,
        name: wire.name,
        name_zh: wire.name_zh,
        capacity: wire.capacity,
        window_minutes: minutes,
        opens,
        closes,
        rest_days,
        closed,
    };
    Ok((place, wire.port_codes))
}

/// Examinations at once at one place.
const CAPACITY_MAX: u32 = 10_000;

fn weekday_from_wire(wire: u32) -> Option<Weekday> {
    let from_monday = wire.checked_sub(1).and_then(|n| u8::try_from(n).ok())?;
    (from_monday < 7).then(|| Weekday::Monday.nth_next(from_monday))
}

/// A place as it is said.
pub fn place_to_wire(place: &appointment::Place, port_codes: &[String]) -> v1::Place {
    let hour = |time: Time| format!("{:02}:{:02}", time.hour(), time.minute());
    v1::Place {
        id: place.id.clone(),
        name: place.name.clone(),
        name_zh: place.name_zh.clone(),
        capacity: place.capacity,
        window_minutes: place.window_minutes.into(),
        opens: hour(place.opens),
        closes: hour(place.closes),
        rest_days: place.rest_days.iter().map(|d| d.number_from_monday().into()).collect(),
        closed: place.closed.iter().map(|date| day(*date)).collect(),
        port_codes: port_codes.to_vec(),
    }
}

/// A place as it is kept.
pub fn encode_place(place: &appointment::Place, port_codes: &[String]) -> Vec<u8> {
    place_to_wire(place, port_codes).encode_to_vec()
}

/// Reads a place that was kept.
///
/// # Errors
///
/// When the bytes are no place.
pub fn decode_place(bytes: &[u8]) -> Result<(appointment::Place, Vec<String>), StoredBytesError> {
    let wire = v1::Place::decode(bytes).map_err(|_| StoredBytesError { what: "place" })?;
    place_from_wire(wire).map_err(|_| StoredBytesError { what: "place" })
}

/// Whether something can be an id of a place or an officer.
pub(super) fn is_id(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(letter)
}
