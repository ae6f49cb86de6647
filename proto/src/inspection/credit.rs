//! Credit of firms.

use domain::inspection::Explanation;
use domain::inspection::credit::{self, Credit};
use domain::inspection::finding::FoundResult;
use prost::Message as _;
use time::Date;

use super::{StoredBytesError, day, parse_day};
use crate::v1;

/// Credit as it is said and kept.
pub fn credit_to_wire(firm: &str, credit: &Credit) -> v1::CreditRecord {
    let entry = |(source, entry): (&String, &credit::CreditEntry)| v1::CreditEntry {
        source: source.clone(),
        cause: match entry.cause {
            credit::CreditCause::Found(result) => result.code(),
            credit::CreditCause::NoShow => "NO_SHOW",
        }
        .to_owned(),
        date: day(entry.date),
        until: day(entry.until),
        status: match entry.status {
            credit::Status::Active => v1::CreditStatus::Active,
            credit::Status::Appealed => v1::CreditStatus::Appealed,
            credit::Status::Upheld => v1::CreditStatus::Upheld,
            credit::Status::Overturned => v1::CreditStatus::Overturned,
        }
        .into(),
        points: credit::Offence::of(entry.cause).map_or(0, |offence| offence.points),
    };
    let conforming =
        |(date, count): (&Date, &u32)| v1::ConformingDay { date: day(*date), count: *count };
    v1::CreditRecord {
        firm: firm.to_owned(),
        class: credit.class.word().to_owned(),
        points: credit.points,
        blacklisted: credit.blacklisted,
        certified: credit.certified,
        as_of: day(credit.as_of),
        entries: credit.entries.iter().map(entry).collect(),
        conforming: credit.conforming.iter().map(conforming).collect(),
    }
}

/// Credit as it is kept.
pub fn encode_credit(firm: &str, credit: &Credit) -> Vec<u8> {
    credit_to_wire(firm, credit).encode_to_vec()
}

/// Reads credit that was kept.
///
/// # Errors
///
/// When the bytes are no credit.
pub fn decode_credit(bytes: &[u8]) -> Result<Credit, StoredBytesError> {
    let unreadable = StoredBytesError { what: "credit" };
    let read = || -> Option<Credit> {
        let wire = v1::CreditRecord::decode(bytes).ok()?;
        let entry = |wire: v1::CreditEntry| {
            let cause = match wire.cause.as_str() {
                "NO_SHOW" => credit::CreditCause::NoShow,
                other => credit::CreditCause::Found(FoundResult::parse(other)?),
            };
            let status = match wire.status() {
                v1::CreditStatus::Unspecified => return None,
                v1::CreditStatus::Active => credit::Status::Active,
                v1::CreditStatus::Appealed => credit::Status::Appealed,
                v1::CreditStatus::Upheld => credit::Status::Upheld,
                v1::CreditStatus::Overturned => credit::Status::Overturned,
            };
            let (date, until) = (parse_day(&wire.date)?, parse_day(&wire.until)?);
            Some((wire.source, credit::CreditEntry { cause, date, until, status }))
        };
        let conforming = |wire: v1::ConformingDay| Some((parse_day(&wire.date)?, wire.count));
        Some(Credit {
            class: credit::Class::parse(&wire.class)?,
            points: wire.points,
            blacklisted: wire.blacklisted,
            certified: wire.certified,
            as_of: parse_day(&wire.as_of)?,
            entries: wire.entries.into_iter().map(entry).collect::<Option<_>>()?,
            conforming: wire.conforming.into_iter().map(conforming).collect::<Option<_>>()?,
        })
    };
    read().ok_or(unreadable)
}

/// One change of credit in words: what, and why.
pub fn change_texts(change: &credit::CreditChange) -> (String, Explanation) {
    use credit::CreditNews;
    let what = match &change.what {
        CreditNews::Entry(source) => format!("entry {source}"),
        CreditNews::Expired(source) => format!("expired {source}"),
        CreditNews::Conforming => "conforming finding".to_owned(),
        CreditNews::Certified(granted) => format!("certified {granted}"),
        CreditNews::Points { from, to } => format!("points {from} -> {to}"),
        CreditNews::Class { from, to } => format!("class {} -> {}", from.word(), to.word()),
        CreditNews::Blacklisted(on) => format!("blacklisted {on}"),
    };
    (what, change.because.clone())
}
