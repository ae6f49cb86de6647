//! Frames of the exchange as domain values, and answers back.

use domain::answer::{AnswerEffect, Demand, ExchangeAnswer, Payload};
use domain::clearance::{Agency, Outcome};
use domain::document_request::DocumentRequest;
use domain::history::{Reason, topic};
use domain::participant::Participant;
use domain::refusal::{Code, Refusal};
use domain::subscriber::{Subscriber, Topics};
use domain::{DeclarationId, OrderId, RequestId, limits};
use prost::Message as _;
use uuid::Uuid;

use crate::{raw, text, v1};

/// Reads an answer that came from this subscriber.
///
/// # Errors
///
/// A refusal that names what cannot be read.
pub fn answer_from_wire(by: Subscriber, answer: raw::Answer) -> Result<ExchangeAnswer, Refusal> {
    text::check(&answer)?;
    let raw::Answer { request_id, declaration_id, version, round, trace_id: _, what } = answer;
    let what = what.ok_or_else(|| Refusal::of(Code::Required).with("field", "what"))?;
    let what = match what {
        raw::answer::What::Verdict(verdict) => self::verdict(verdict)?,
        raw::answer::What::Findings(report) => self::findings(by, report)?,
        raw::answer::What::Reopening(reopening) => self::reopening(by, reopening)?,
        raw::answer::What::Progress(moved) => self::progress(by, moved)?,
        raw::answer::What::Duty(moved) => self::duty(by, moved)?,
        raw::answer::What::Receipt(moved) => self::receipt(by, moved)?,
        raw::answer::What::Export(moved) => self::export(by, moved)?,
        raw::answer::What::BankFile(file) => self::bank_file(by, file)?,
    };
    Ok(ExchangeAnswer {
        request: request(&request_id)?,
        declaration: declaration(&declaration_id)?,
        version,
        round,
        by,
        what,
    })
}

/// Whether what is kept of an entry can be read by whoever gets it as an event.
///
/// # Errors
///
/// Why it cannot, which only a damaged database can cause.
pub fn check(facts: &[u8], declaration: Option<&[u8]>) -> Result<(), prost::DecodeError> {
    v1::Facts::decode(facts)?;
    declaration.map_or(Ok(()), |content| v1::Declaration::decode(content).map(drop))
}

/// An answer as it goes over the wire; what a repetition is compared by, and what waits to be said.
pub fn answer_to_wire(answer: &ExchangeAnswer) -> v1::Answer {
    let ExchangeAnswer { request, declaration, version, round, by: _, what } = answer;
    let what = match what {
        Payload::Verdict { outcome, reasons, demands, documents } => {
            v1::answer::What::Verdict(v1::Verdict {
                outcome: v1::Outcome::from(*outcome).into(),
                reasons: reasons.iter().cloned().map(Into::into).collect(),
                demands: demands.iter().cloned().map(Into::into).collect(),
                documents: documents.clone().map(Into::into),
            })
        }
        Payload::Findings { order_id, findings } => {
            v1::answer::What::Findings(v1::FindingsReport {
                order_id: order_id.0.to_string(),
                findings: findings.iter().cloned().map(Into::into).collect(),
            })
        }
        Payload::Reopening { order_id, reason } => v1::answer::What::Reopening(v1::Reopening {
            order_id: order_id.0.to_string(),
            reason: reason.clone(),
        }),
        Payload::Progress(moved) => v1::answer::What::Progress(moved.clone().into()),
        Payload::Duty(moved) => v1::answer::What::Duty(moved.clone().into()),
        Payload::Receipt(moved) => v1::answer::What::Receipt(moved.clone().into()),
        Payload::Export(moved) => v1::answer::What::Export(moved.clone().into()),
        Payload::BankFile(document) => {
            v1::answer::What::BankFile(v1::BankFile { document: document.clone() })
        }
    };
    v1::Answer {
        request_id: request.0.to_string(),
        declaration_id: declaration.to_string(),
        version: *version,
        round: *round,
        // Whoever says it knows where it belongs; it is no part of what is decided.
        trace_id: String::new(),
        what: Some(what),
    }
}

impl From<Demand> for v1::Demand {
    fn from(Demand { agency, instructions }: Demand) -> Self {
        Self {
            agency: v1::Agency::from(agency).into(),
            instructions: instructions.into_iter().map(Into::into).collect(),
        }
    }
}

fn verdict(verdict: raw::Verdict) -> Result<Payload, Refusal> {
    let raw::Verdict { outcome, reasons, demands, documents } = verdict;
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
    if demands.len() > AGENCIES {
        return Err(Refusal::of(Code::TooLong).with("field", "demands"));
    }
    let reasons = self::reasons(reasons, "reasons")?;
    let demands = demands.into_iter().map(demand).collect::<Result<_, _>>()?;
    // What is asked for is checked where it is decided, by the time of then.
    let documents = documents.map(document_request).transpose()?;
    let outcome = match (outcome, &documents) {
        (outcome, None) => outcome,
        (Outcome::Held, Some(_)) => Outcome::AwaitsDocuments,
        (_, Some(_)) => {
            let reason = "documents are asked for with OUTCOME_HELD";
            return Err(Refusal::of(Code::DocumentRequestWrong).with("reason", reason));
        }
    };
    Ok(Payload::Verdict { outcome, reasons, demands, documents })
}

/// More items than there are kinds are never right, and are not listed one by one.
fn document_request(asked: v1::DocumentRequest) -> Result<DocumentRequest, Refusal> {
    if asked.items.len() > limits::REASONS_MAX {
        return Err(Refusal::of(Code::TooLong).with("field", "documents.items"));
    }
    asked
        .try_into()
        .map_err(|()| Refusal::of(Code::DateWrong).with("field", "documents.until_time"))
}

fn demand(demand: raw::Demand) -> Result<Demand, Refusal> {
    let raw::Demand { agency, instructions } = demand;
    let agency = match v1::Agency::try_from(agency) {
        Ok(v1::Agency::Customs) => Agency::Customs,
        Ok(v1::Agency::Quarantine) => Agency::Quarantine,
        Ok(v1::Agency::Unspecified) | Err(_) => {
            return Err(Refusal::of(Code::CodeUnknown).with("field", "agency"));
        }
    };
    Ok(Demand { agency, instructions: reasons(instructions, "instructions")? })
}

fn findings(by: Subscriber, report: raw::FindingsReport) -> Result<Payload, Refusal> {
    let raw::FindingsReport { order_id, findings } = report;
    inspection_service(by)?;
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
    Ok(Payload::Findings { order_id, findings })
}

fn reopening(by: Subscriber, reopening: raw::Reopening) -> Result<Payload, Refusal> {
    let raw::Reopening { order_id, reason } = reopening;
    inspection_service(by)?;
    if reason.is_empty() {
        return Err(Refusal::of(Code::ReasonMissing).with("field", "reason"));
    }
    if too_long(&reason) {
        return Err(Refusal::of(Code::TooLong).with("field", "reason"));
    }
    Ok(Payload::Reopening { order_id: order(&order_id)?, reason })
}

fn progress(by: Subscriber, moved: v1::InspectionProgress) -> Result<Payload, Refusal> {
    inspection_service(by)?;
    order(&moved.order_id)?;
    let texts =
        [&moved.place, &moved.place_name, &moved.place_name_zh, &moved.text, &moved.text_zh];
    if texts.into_iter().any(|text| too_long(text)) {
        return Err(Refusal::of(Code::TooLong).with("field", "progress"));
    }
    let moved =
        moved.try_into().map_err(|why| Refusal::of(Code::CodeUnknown).with("reason", why))?;
    Ok(Payload::Progress(moved))
}

fn duty(by: Subscriber, moved: v1::DutyProgress) -> Result<Payload, Refusal> {
    if by.row().participant != Some(Participant::Duty) {
        let reason = "what is said about the duty comes from the payment service";
        return Err(Refusal::of(Code::NotYourAgency).with("reason", reason));
    }
    let texts = [&moved.code, &moved.assure_code, &moved.tax_no, &moved.text, &moved.text_zh];
    if texts.into_iter().any(|text| too_long(text)) {
        return Err(Refusal::of(Code::TooLong).with("field", "duty"));
    }
    let moved =
        moved.try_into().map_err(|why| Refusal::of(Code::CodeUnknown).with("reason", why))?;
    Ok(Payload::Duty(moved))
}

fn receipt(by: Subscriber, moved: v1::ReceiptProgress) -> Result<Payload, Refusal> {
    if by != Subscriber::PaymentService {
        let reason = "what is said about money from abroad comes from the payment service";
        return Err(Refusal::of(Code::NotYourAgency).with("reason", reason));
    }
    let texts = [&moved.receiver, &moved.currency, &moved.text, &moved.text_zh];
    if texts.into_iter().any(|text| too_long(text)) {
        return Err(Refusal::of(Code::TooLong).with("field", "receipt"));
    }
    let moved =
        moved.try_into().map_err(|why| Refusal::of(Code::CodeUnknown).with("reason", why))?;
    Ok(Payload::Receipt(moved))
}

fn export(by: Subscriber, moved: v1::ExportProgress) -> Result<Payload, Refusal> {
    if by != Subscriber::NationalDoor {
        let reason = "what documents of customs tell comes from the national door";
        return Err(Refusal::of(Code::NotYourAgency).with("reason", reason));
    }
    let texts = [&moved.number, &moved.text, &moved.text_zh].into_iter();
    let money = moved.money.iter().flat_map(|it| [&it.pay_code, &it.pay_no]);
    if texts.chain(money).any(|text| too_long(text)) || moved.lines.len() > limits::LINES_MAX_EXPORT
    {
        return Err(Refusal::of(Code::TooLong).with("field", "export"));
    }
    let moved =
        moved.try_into().map_err(|why| Refusal::of(Code::CodeUnknown).with("reason", why))?;
    Ok(Payload::Export(moved))
}

fn bank_file(by: Subscriber, file: raw::BankFile) -> Result<Payload, Refusal> {
    if by != Subscriber::Bank {
        let reason = "files of banks come from banks";
        return Err(Refusal::of(Code::NotYourAgency).with("reason", reason));
    }
    Ok(Payload::BankFile(file.document))
}

/// How many agencies have rules.
const AGENCIES: usize = 2;

/// Only the inspection service speaks about inspections.
fn inspection_service(by: Subscriber) -> Result<(), Refusal> {
    if by.row().inspects {
        return Ok(());
    }
    let reason = "what is said about inspections comes from the inspection service";
    Err(Refusal::of(Code::NotYourAgency).with("reason", reason))
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

/// The subscriber that is meant on the wire.
pub fn subscriber(subscriber: i32) -> Option<Subscriber> {
    match v1::Subscriber::try_from(subscriber) {
        Ok(v1::Subscriber::Customs) => Some(Subscriber::Customs),
        Ok(v1::Subscriber::Quarantine) => Some(Subscriber::Quarantine),
        Ok(v1::Subscriber::InspectionService) => Some(Subscriber::InspectionService),
        Ok(v1::Subscriber::NationalDoor) => Some(Subscriber::NationalDoor),
        Ok(v1::Subscriber::PaymentService) => Some(Subscriber::PaymentService),
        Ok(v1::Subscriber::Bank) => Some(Subscriber::Bank),
        Ok(v1::Subscriber::RefundService) => Some(Subscriber::RefundService),
        Ok(v1::Subscriber::Unspecified) | Err(_) => None,
    }
}

impl From<v1::Agency> for v1::Subscriber {
    fn from(agency: v1::Agency) -> Self {
        match agency {
            v1::Agency::Customs => Self::Customs,
            v1::Agency::Quarantine => Self::Quarantine,
            v1::Agency::Unspecified => Self::Unspecified,
        }
    }
}

/// What a subscriber wants to be told, of what it is told: all of it where nothing is named.
///
/// # Errors
///
/// A refusal that names what nobody knows, or what the subscriber is not told.
pub fn topics(subscriber: Subscriber, wanted: &[i32]) -> Result<Topics, Refusal> {
    let own = subscriber.row().topics;
    if wanted.is_empty() {
        return Ok(own);
    }
    let unknown = || Refusal::of(Code::CodeUnknown).with("field", "topics");
    let bit = |topic: &i32| v1::Topic::try_from(*topic).ok().and_then(bit).ok_or_else(unknown);
    let bits = wanted.iter().try_fold(0, |bits, topic| bit(topic).map(|bit| bits | bit))?;
    let foreign = || Refusal::of(Code::NotYourAgency).with("field", "topics");
    own.only(bits).ok_or_else(foreign)
}

/// The bit of a topic.
fn bit(topic: v1::Topic) -> Option<i32> {
    Some(match topic {
        v1::Topic::Content => topic::CONTENT,
        v1::Topic::Progress => topic::PROGRESS,
        v1::Topic::Inspection => topic::INSPECTION,
        v1::Topic::End => topic::END,
        v1::Topic::ImportNumber => topic::IMPORT_NUMBER,
        v1::Topic::Detained => topic::DETAINED,
        v1::Topic::Inspected => topic::INSPECTED,
        v1::Topic::Bank => topic::BANK,
        v1::Topic::Receipt => topic::RECEIPT,
        v1::Topic::Export => topic::EXPORT,
        v1::Topic::Documents => topic::DOCUMENTS,
        v1::Topic::Unspecified => return None,
    })
}

/// What became of a request, for the agency.
pub fn result(request_id: String, decided: Result<AnswerEffect, Refusal>) -> raw::Result {
    use raw::ResultCode::{Applied, Duplicate, Ignored, Refused, StaleRound, StaleVersion};
    let (code, refusal) = match decided {
        Ok(AnswerEffect::Applied) => (Applied, None),
        Ok(AnswerEffect::Duplicate) => (Duplicate, None),
        Ok(AnswerEffect::Ignored) => (Ignored, None),
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
