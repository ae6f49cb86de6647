//! Frames of the exchange as domain values, and answers back.

use domain::clearance::{Agency, Outcome};
use domain::decision::{
    Decided, Decision, Demand, Desk, News, Reopening, Report, Targeting, Verdict,
};
use domain::history::Reason;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, OrderId, RequestId, limits};
use uuid::Uuid;

use crate::{raw, text, v1};

/// Reads a verdict that came from this desk.
///
/// # Errors
///
/// A refusal that names what cannot be read.
pub fn verdict(desk: Desk, verdict: raw::Verdict) -> Result<Decision, Refusal> {
    text::check(&verdict)?;
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
    Ok(Decision::Verdict(Verdict {
        request_id: request(&request_id)?,
        declaration: declaration(&declaration_id)?,
        agency,
        version,
        round,
        outcome,
        reasons: self::reasons(reasons, "reasons")?,
    }))
}

/// Reads a report that came from this desk.
///
/// # Errors
///
/// A refusal that names what cannot be read.
pub fn report(desk: Desk, report: raw::FindingsReport) -> Result<Decision, Refusal> {
    text::check(&report)?;
    let raw::FindingsReport { request_id, declaration_id, order_id, findings, version, round } =
        report;
    examiner(desk)?;
    if findings.len() > limits::REASONS_MAX
        || findings.iter().any(|finding| {
            too_long(&finding.text)
                || finding.result.len() > 40
                || finding.evidence.len() > limits::ATTACHMENTS_MAX
        })
    {
        return Err(Refusal::of(Code::TooLong).with("field", "findings"));
    }
    let order_id = order(&order_id)?;
    let findings = findings
        .into_iter()
        .map(TryInto::try_into)
        .collect::<Result<_, _>>()
        .map_err(|why| Refusal::of(Code::CodeUnknown).with("reason", why))?;
    Ok(Decision::Report(Report {
        request_id: request(&request_id)?,
        declaration: declaration(&declaration_id)?,
        order_id,
        version,
        round,
        findings,
    }))
}

/// Reads what the risk rules say, which came from this desk.
///
/// # Errors
///
/// A refusal that names what cannot be read.
pub fn targeting(desk: Desk, targeting: raw::Targeting) -> Result<Decision, Refusal> {
    text::check(&targeting)?;
    let raw::Targeting { request_id, declaration_id, version, demands } = targeting;
    examiner(desk)?;
    if demands.len() > AGENCIES {
        return Err(Refusal::of(Code::TooLong).with("field", "demands"));
    }
    let demands = demands.into_iter().map(demand).collect::<Result<_, _>>()?;
    Ok(Decision::Targeting(Targeting {
        request_id: request(&request_id)?,
        declaration: declaration(&declaration_id)?,
        version,
        demands,
    }))
}

fn demand(demand: raw::Demand) -> Result<Demand, Refusal> {
    let raw::Demand { agency, instructions } = demand;
    let agency = match v1::Agency::try_from(agency) {
        Ok(v1::Agency::Customs) => Agency::Customs,
        Ok(v1::Agency::Inspection) => Agency::Inspection,
        Ok(v1::Agency::Site | v1::Agency::Unspecified) | Err(_) => {
            return Err(Refusal::of(Code::CodeUnknown).with("field", "agency"));
        }
    };
    Ok(Demand { agency, instructions: reasons(instructions, "instructions")? })
}

/// Reads a second examination that came from this desk.
///
/// # Errors
///
/// A refusal that names what cannot be read.
pub fn reopening(desk: Desk, reopening: raw::Reopening) -> Result<Decision, Refusal> {
    text::check(&reopening)?;
    let raw::Reopening { request_id, declaration_id, order_id, version, reason } = reopening;
    examiner(desk)?;
    if reason.is_empty() {
        return Err(Refusal::of(Code::ReasonMissing).with("field", "reason"));
    }
    if too_long(&reason) {
        return Err(Refusal::of(Code::TooLong).with("field", "reason"));
    }
    Ok(Decision::Reopening(Reopening {
        request_id: request(&request_id)?,
        declaration: declaration(&declaration_id)?,
        order_id: order(&order_id)?,
        version,
        reason,
    }))
}

/// Reads what happens at the site, which came from this desk.
///
/// # Errors
///
/// A refusal that names what cannot be read.
pub fn news(desk: Desk, news: raw::InspectionNews) -> Result<Decision, Refusal> {
    text::check(&news)?;
    let raw::InspectionNews { request_id, declaration_id, order_id, moved } = news;
    examiner(desk)?;
    let mut moved = moved.ok_or_else(|| Refusal::of(Code::Required).with("field", "moved"))?;
    let order_id = order(&order_id)?;
    if !moved.order_id.is_empty() && order(&moved.order_id)? != order_id {
        return Err(Refusal::of(Code::NameMalformed).with("field", "moved.order_id"));
    }
    moved.order_id = order_id.0.to_string();
    let texts =
        [&moved.place, &moved.place_name, &moved.place_name_zh, &moved.text, &moved.text_zh];
    if texts.into_iter().any(|text| too_long(text)) {
        return Err(Refusal::of(Code::TooLong).with("field", "moved"));
    }
    let moved =
        moved.try_into().map_err(|why| Refusal::of(Code::CodeUnknown).with("reason", why))?;
    Ok(Decision::News(News {
        request_id: request(&request_id)?,
        declaration: declaration(&declaration_id)?,
        moved,
    }))
}

/// How many agencies have rules.
const AGENCIES: usize = 2;

/// Only the inspection service speaks about inspections.
fn examiner(desk: Desk) -> Result<(), Refusal> {
    match desk {
        Desk::Site => Ok(()),
        Desk::Customs | Desk::Inspection => Err(Refusal::of(Code::NotYourAgency)
            .with("reason", "what is said about inspections comes from the inspection service")),
    }
}

/// A character has at most four bytes.
fn too_long(text: &str) -> bool {
    text.len() > 4 * limits::TEXT_MAX
}

fn reasons(reasons: Vec<v1::Reason>, field: &str) -> Result<Vec<Reason>, Refusal> {
    if reasons.len() > limits::REASONS_MAX
        || reasons.iter().any(|reason| too_long(&reason.text) || too_long(&reason.code))
    {
        return Err(Refusal::of(Code::TooLong).with("field", field));
    }
    Ok(reasons.into_iter().map(Into::into).collect())
}

fn order(id: &str) -> Result<OrderId, Refusal> {
    let id = Uuid::try_parse(id);
    id.map(OrderId).map_err(|_| Refusal::of(Code::NameMalformed).with("field", "order_id"))
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
        let data = refusal.data.iter().map(|(name, value)| format!("{name}: {value}"));
        let broken = refusal.violations.iter().map(|it| format!("{}: {}", it.field, it.text));
        let more: Vec<String> = data.chain(broken).collect();
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
        (refusal.code.id().to_owned(), format!("{}{more}", refusal.code.title()))
    });
    raw::Result { request_id, result: code.into(), code: code_id, message }
}

/// The request could not be decided now; the agency repeats it. The code says why: [`Code::Internal`] when
/// the window failed over it, and may do so again.
pub fn retry(request_id: String, why: Code) -> raw::Result {
    raw::Result {
        request_id,
        result: raw::ResultCode::Retry.into(),
        code: why.id().to_owned(),
        message: why.title().to_owned(),
    }
}
