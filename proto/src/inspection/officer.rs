//! Officers who examine, and why one is not drawn.

use domain::inspection::draw::{Candidate, Conflict};
use domain::refusal::{Code, Refusal};
use prost::Message as _;
use time::Date;

use super::place::is_id;
use super::{StoredBytesError, agency_from_wire, agency_to_wire, day, parse_day, wrong};
use crate::v1;

/// An officer that somebody puts; whether the officer left.
///
/// # Errors
///
/// Everything that is wrong with it.
pub fn officer_from_wire(wire: v1::Officer) -> Result<(Candidate, bool), Refusal> {
    let agency = agency_from_wire(wire.agency).ok_or_else(|| {
        wrong(Code::Required, "officer.agency", "customs or quarantine", "须为海关或国检")
    })?;
    if !is_id(&wire.id) {
        let (en, zh) =
            ("letters, digits and hyphens, at most 40", "仅限字母、数字、连字符，最多40位");
        return Err(wrong(Code::CodeUnknown, "officer.id", en, zh));
    }
    let days = |leave: &v1::Leave| {
        let (first, last) = (parse_day(&leave.first)?, parse_day(&leave.last)?);
        (first <= last).then_some((first, last))
    };
    let leave: Option<Vec<_>> = wire.leave.iter().map(days).collect();
    let leave = leave.ok_or_else(|| {
        let en = "days are YYYY-MM-DD, the first not after the last";
        wrong(Code::CodeUnknown, "officer.leave", en, "日期格式为YYYY-MM-DD，且起不晚于止")
    })?;
    let last_firm = Some(wire.last_firm).filter(|firm| !firm.is_empty());
    let related_firms = wire.related_firms;
    Ok((Candidate { officer: wire.id, agency, leave, last_firm, related_firms }, wire.left))
}

/// An officer as it is said.
pub fn officer_to_wire(candidate: &Candidate, left: bool) -> v1::Officer {
    let leave = |(first, last): &(Date, Date)| v1::Leave { first: day(*first), last: day(*last) };
    v1::Officer {
        agency: agency_to_wire(candidate.agency),
        id: candidate.officer.clone(),
        leave: candidate.leave.iter().map(leave).collect(),
        related_firms: candidate.related_firms.clone(),
        last_firm: crate::text(candidate.last_firm.clone()),
        left,
    }
}

/// An officer as it is kept, without the firm that changes.
pub fn encode_officer(candidate: &Candidate, left: bool) -> Vec<u8> {
    let kept = Candidate { last_firm: None, ..candidate.clone() };
    officer_to_wire(&kept, left).encode_to_vec()
}

/// Reads an officer that was kept.
///
/// # Errors
///
/// When the bytes are no officer.
pub fn decode_officer(bytes: &[u8]) -> Result<(Candidate, bool), StoredBytesError> {
    let wire = v1::Officer::decode(bytes).map_err(|_| StoredBytesError { what: "officer" })?;
    officer_from_wire(wire).map_err(|_| StoredBytesError { what: "officer" })
}

/// A conflict in words.
pub fn conflict_text(conflict: &Conflict) -> String {
    match conflict {
        Conflict::OnLeave { until } => format!("on leave until {}", day(*until)),
        Conflict::SameFirmAsLastTime { firm } => format!("examined goods of {firm} last time"),
        Conflict::Related { firm } => format!("related to {firm}"),
        Conflict::ExaminedBefore => "took part in the first examination".to_owned(),
    }
}
