//! Joint orders, findings, credit and assessments: domain values on the wire and in the tables, which
//! keep them in the same spelling.

mod assessment;
mod credit;
mod declared;
mod examination;
mod officer;
mod order;
mod place;

use domain::clearance::Agency;
use domain::refusal::{Code, Refusal, Violation};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use crate::v1;

pub use assessment::*;
pub use credit::*;
pub use declared::*;
pub use examination::*;
pub use officer::*;
pub use order::*;
pub use place::*;

const DAY: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]");
const HOUR: &[BorrowedFormatItem<'static>] = format_description!("[hour]:[minute]");

/// Bytes that are not what they should be, which only a damaged database can cause.
#[derive(Debug, thiserror::Error)]
#[error("kept {what} cannot be read")]
pub struct StoredBytesError {
    what: &'static str,
}

/// Something said that means nothing: which field.
type WireResult<T> = Result<T, &'static str>;

/// A day as it is said: YYYY-MM-DD.
pub fn day(day: Date) -> String {
    format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
}

/// Reads a day.
pub fn parse_day(text: &str) -> Option<Date> {
    Date::parse(text, DAY).ok()
}

/// The agency that is meant; `None` for the site and for nobody.
pub fn agency_from_wire(wire: i32) -> Option<Agency> {
    match v1::Agency::try_from(wire) {
        Ok(v1::Agency::Customs) => Some(Agency::Customs),
        Ok(v1::Agency::Quarantine) => Some(Agency::Quarantine),
        Ok(v1::Agency::Unspecified) | Err(_) => None,
    }
}

fn agency_to_wire(agency: Agency) -> i32 {
    v1::Agency::from(agency).into()
}

/// A refusal of one field.
pub fn wrong(code: Code, field: &str, text: &str, text_zh: &str) -> Refusal {
    Refusal::invalid(vec![Violation {
        code,
        field: field.to_owned(),
        text: text.to_owned(),
        text_zh: text_zh.to_owned(),
        customs_code: None,
    }])
}

/// A time on the wire, when there is one.
pub fn some_time(time: Option<OffsetDateTime>) -> Option<pbjson_types::Timestamp> {
    time.map(crate::timestamp)
}
