//! Frames of the exchange as domain values, and answers back.

use domain::clearance::Outcome;
use domain::decision::{Decided, Decision, Desk, Report, Verdict};
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, OrderId, RequestId, limits};
use uuid::Uuid;

use crate::{raw, v1};

/// Reads a verdict that came from this desk.
///
/// # Errors
///
/// A refusal that names what cannot be read.
pub fn verdict(desk: Desk, verdict: raw::Verdict) -> Result<Decision, Refusal> {
    let raw::Verdict { request_id, declaration_id, version, round, outcome, reasons } = verdict;
    let agency = desk.agency().ok_or_else(|| {
        Refusal::of(Code::NotYourAgency).with("reason", "a site gives no verdict")
    })?;
    let outcome = v1::Outcome::try_from(outcome)
        .ok()
        .and_then(v1::Outcome::outcome)
        .ok_or_else(|| Refusal::of(Code::CodeUnknown).with("field", "outcome"))?;
    let explained = !matches!(
        outcome,
        Outcome::Rejected | Outcome::Held | Outcome::Detained | Outcome::Returned
    );
    if reasons.is_empty() && !explained {
        return Err(Refusal::of(Code::ReasonMissing).with("field", "reasons"));
    }
    let too_long = |text: &str| text.len() > 4 * limits::TEXT_MAX;
    if reasons.len() > limits::REASONS_MAX
        || reasons.iter().any(|reason| too_long(&reason.text) || too_long(&reason.code))
    {
        return Err(Refusal::of(Code::TooLong).with("field", "reasons"));
    }
    Ok(Decision::Verdict(Verdict {
        request_id: request(&request_id)?,
        declaration: declaration(&declaration_id)?,
        agency,
        version,
        round,
        outcome,
        reasons: reasons.into_iter().map(Into::into).collect(),
    }))
}

/// Reads a report that came from this desk.
///
/// # Errors
///
/// A refusal that names what cannot be read.
pub fn report(desk: Desk, report: raw::FindingsReport) -> Result<Decision, Refusal> {
    let raw::FindingsReport { request_id, declaration_id, order_id, findings, version } = report;
    if desk != Desk::Site {
        let why = "findings come from the site";
        return Err(Refusal::of(Code::NotYourAgency).with("reason", why));
    }
    if findings.len() > limits::REASONS_MAX
        || findings.iter().any(|finding| {
            finding.text.len() > 4 * limits::TEXT_MAX
                || finding.result.len() > 40
                || finding.evidence.len() > limits::ATTACHMENTS_MAX
        })
    {
        return Err(Refusal::of(Code::TooLong).with("field", "findings"));
    }
    let order_id = Uuid::try_parse(&order_id)
        .map_err(|_| Refusal::of(Code::NameMalformed).with("field", "order_id"))?;
    let findings = findings
        .into_iter()
        .map(TryInto::try_into)
        .collect::<Result<_, _>>()
        .map_err(|why| Refusal::of(Code::CodeUnknown).with("reason", why))?;
    Ok(Decision::Report(Report {
        request_id: request(&request_id)?,
        declaration: declaration(&declaration_id)?,
        order_id: OrderId(order_id),
        version,
        findings,
    }))
}

/// Reads a request id.
///
/// # Errors
///
/// [`Code::RequestIdMissing`] when it is no UUID.
pub fn request(id: &str) -> Result<RequestId, Refusal> {
    match Uuid::try_parse(id) {
        Ok(id) if !id.is_nil() => Ok(RequestId(id)),
        Ok(_) | Err(_) => Err(Refusal::of(Code::RequestIdMissing).with("request_id", id)),
    }
}

fn declaration(id: &str) -> Result<DeclarationId, Refusal> {
    DeclarationId::parse(id).ok_or_else(|| Refusal::of(Code::NameMalformed).with("name", id))
}

/// Which desk an agency on the wire is.
pub fn desk(agency: i32) -> Option<Desk> {
    match v1::Agency::try_from(agency) {
        Ok(v1::Agency::Customs) => Some(Desk::Customs),
        Ok(v1::Agency::Inspection) => Some(Desk::Inspection),
        Ok(v1::Agency::Site) => Some(Desk::Site),
        Ok(v1::Agency::Unspecified) | Err(_) => None,
    }
}

/// What became of a request, for the agency.
pub fn result(request_id: String, decided: Result<Decided, Refusal>) -> raw::Result {
    use raw::ResultCode::{Applied, Duplicate, Ignored, Refused, StaleRound, StaleVersion};
    let (code, refusal) = match decided {
        Ok(Decided::Applied) => (Applied, None),
        Ok(Decided::Duplicate) => (Duplicate, None),
        Ok(Decided::Ignored) => (Ignored, None),
        Err(refusal) => {
            let code = match refusal.code {
                Code::StaleVersion => StaleVersion,
                Code::StaleRound => StaleRound,
                _ => Refused,
            };
            (code, Some(refusal))
        }
    };
    let (code_id, message) = refusal.map_or_else(Default::default, |refusal| {
        let data: Vec<String> =
            refusal.data.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let more = if data.is_empty() { String::new() } else { format!(" ({})", data.join(", ")) };
        (refusal.code.id().to_owned(), format!("{}{more}", refusal.code.title()))
    });
    raw::Result { request_id, result: code.into(), code: code_id, message }
}

/// The request could not be decided now; the agency repeats it.
pub fn retry(request_id: String) -> raw::Result {
    raw::Result {
        request_id,
        result: raw::ResultCode::Retry.into(),
        code: Code::Unavailable.id().to_owned(),
        message: Code::Unavailable.title().to_owned(),
    }
}
