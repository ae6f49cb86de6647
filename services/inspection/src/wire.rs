//! Messages become questions, and answers become messages.

use domain::clearance::Agency;
use domain::inspection::appointment::AppointmentMaker;
use domain::inspection::credit::Credit;
use domain::inspection::draw::{Candidate, Conflict, Fate};
use domain::inspection::order::SiteAct;
use domain::inspection::statistics::{StatisticsGroup, StatisticsRow, Times};
use domain::principal::Scope;
use domain::refusal::{Code, Refusal, Violation};
use domain::{DeclarationId, Kind, Principal, limits};
use proto::inspection;
use proto::rule_file;
use proto::v1::{self, report_request::Step};
use store::follow::JournalUpdate;
use store::journal::JournalEntry;
use store::{Fault, ServiceError};
use time::{Date, OffsetDateTime};

use crate::order_request::{Draws, SiteReport};
use crate::orders::OrderRow;
use crate::read::OrderFilter;

/// Of which firms a caller is told: an enterprise of its own, everybody at work of all.
pub(crate) fn scope(principal: &Principal) -> Scope {
    if principal.kind.is_firm() { principal.scope() } else { Scope::All }
}

/// Whether a caller is shown only what concerns its own goods.
pub(crate) fn is_veiled(principal: &Principal) -> bool {
    principal.kind.is_firm()
}

/// By whose rules a caller books a window.
pub(crate) fn books_as(principal: &Principal) -> AppointmentMaker {
    if is_veiled(principal) { AppointmentMaker::Enterprise } else { AppointmentMaker::Site }
}

/// The agency for which a caller speaks.
pub(crate) fn agency_of(principal: &Principal) -> Option<Agency> {
    match principal.kind {
        Kind::Customs => Some(Agency::Customs),
        Kind::Quarantine => Some(Agency::Quarantine),
        Kind::Enterprise
        | Kind::Agent
        | Kind::Site
        | Kind::InspectionService
        | Kind::PaymentService
        | Kind::Bank
        | Kind::RefundService
        | Kind::WebhookService
        | Kind::TaxOffice
        | Kind::Administrator
        | Kind::Gateway => None,
    }
}

pub(crate) fn refused(code: Code, field: &str) -> Refusal {
    Refusal::of(code).with("field", field)
}

pub(crate) fn order_id(name: &str) -> Result<DeclarationId, Refusal> {
    inspection::parse_order_name(name)
        .ok_or_else(|| Refusal::of(Code::NameMalformed).with("name", name))
}

/// Words of a caller: there, and not too long. What may not stand in them was found by `proto::text`.
pub(crate) fn words(text: String, field: &'static str) -> Result<String, Refusal> {
    if text.trim().is_empty() {
        return Err(refused(Code::ReasonMissing, field));
    }
    short(&text, field)?;
    Ok(text)
}

/// Texts of a caller that may be empty.
pub(crate) fn short(text: &str, field: &str) -> Result<(), Refusal> {
    if text.chars().count() > limits::TEXT_MAX {
        return Err(refused(Code::TooLong, field).with("most", limits::TEXT_MAX));
    }
    Ok(())
}

/// Ids and names of a caller.
pub(crate) fn id(text: &str, field: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(refused(Code::Required, field));
    }
    if text.chars().count() > ID_MAX {
        return Err(refused(Code::TooLong, field).with("most", ID_MAX));
    }
    short(text, field)
}

/// A firm has a customs code of ten characters or a unified social credit code of eighteen.
pub(crate) fn firm_code(code: &str) -> Result<(), Refusal> {
    let letters = code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if letters && matches!(code.len(), 10 | 18) {
        return Ok(());
    }
    Err(refused(Code::CodeUnknown, "firm").with("known", "10 or 18 letters and digits"))
}

/// Characters of a sample's, officer's, laboratory's or certificate's name.
const ID_MAX: usize = 100;

pub(crate) fn day(text: &str, field: &str, otherwise: Date) -> Result<Date, Refusal> {
    if text.is_empty() {
        return Ok(otherwise);
    }
    inspection::parse_day(text).ok_or_else(|| refused(Code::DateWrong, field))
}

pub(crate) fn time(
    wire: Option<pbjson_types::Timestamp>,
    field: &str,
) -> Result<Option<OffsetDateTime>, Refusal> {
    wire.map(|wire| proto::time(wire).ok_or_else(|| refused(Code::DateWrong, field))).transpose()
}

/// What is wrong with a request that is no declaration: paths begin at the request.
pub(crate) fn of_request(mut refusal: Refusal) -> Refusal {
    for violation in &mut refusal.violations {
        violation.field = format!("$.{}", violation.field);
    }
    refusal
}

pub(crate) fn damaged(error: impl std::fmt::Display) -> ServiceError {
    Fault::Broken(format!("a stored message cannot be read: {error}")).into()
}

/// An order as the caller may see it.
pub(crate) fn shown(
    principal: &Principal,
    filed: &OrderRow,
) -> Result<v1::OrderRecord, ServiceError> {
    let mut record = inspection::record_to_wire(filed.shown()).map_err(damaged)?;
    if is_veiled(principal) {
        inspection::redact_for_enterprise(&mut record);
    }
    Ok(record)
}

/// Credit as it is on a day.
pub(crate) fn on(credit: Credit, day: Date) -> Credit {
    let event = domain::inspection::credit::CreditEvent::Day(day);
    credit.apply(&event).map_or(credit.clone(), |(then, _)| then)
}

/// What is wrong with a rule set.
pub(crate) fn broken(broken: Vec<rule_file::RuleFileError>) -> Refusal {
    let violation = |broken: rule_file::RuleFileError| match broken {
        rule_file::RuleFileError::Json { text, line, column } => Violation {
            code: Code::RuleSetRefused,
            field: format!("$.document:{line}:{column}"),
            text_zh: format!("无法读取：{text}"),
            text,
            customs_code: None,
        },
        rule_file::RuleFileError::Rule(problem) => Violation {
            code: Code::RuleSetRefused,
            field: format!("$.document.rules[{}]", problem.rule),
            text: problem.why.en,
            text_zh: problem.why.zh,
            customs_code: None,
        },
    };
    let mut refusal = Refusal::of(Code::RuleSetRefused);
    refusal.violations = broken.into_iter().map(violation).take(limits::VIOLATIONS_MAX).collect();
    refusal
}

pub(crate) fn filter(asked: v1::ListOrdersRequest) -> Result<OrderFilter, Refusal> {
    let v1::ListOrdersRequest { stages, place, declarant_code, undecided_by, .. } = asked;
    let stage = |wire: &i32| {
        inspection::stage_from_wire(*wire).ok_or_else(|| refused(Code::CodeUnknown, "stages"))
    };
    short(&place, "place")?;
    short(&declarant_code, "declarant_code")?;
    let undecided_by = match undecided_by {
        0 => None,
        wire => {
            let agency = inspection::agency_from_wire(wire);
            Some(agency.ok_or_else(|| refused(Code::CodeUnknown, "undecided_by"))?)
        }
    };
    let stages = stages.iter().map(stage).collect::<Result<_, _>>()?;
    Ok(OrderFilter { stages, place, declarant_code, undecided_by })
}

/// A step that a site reports.
pub(crate) fn reported(step: Option<Step>) -> Result<SiteReport, Refusal> {
    let unknown = |field: &'static str| refused(Code::CodeUnknown, field);
    let act = match step.ok_or_else(|| refused(Code::Required, "step"))? {
        Step::NoShow(v1::NoShow { seen }) => {
            return Ok(SiteReport::NoShow { seen });
        }
        Step::Closing(v1::Closing {}) => return Ok(SiteReport::Close),
        Step::Replacement(v1::Replacement { officer }) => {
            id(&officer, "replacement.officer")?;
            return Ok(SiteReport::Replace { officer });
        }
        Step::Treatment(wire) => {
            id(&wire.certificate, "treatment.certificate")?;
            return Ok(SiteReport::Treated(
                inspection::treatment_from_wire(wire).map_err(unknown)?,
            ));
        }
        Step::Presentation(v1::Presentation { attendance }) => {
            let attendance = inspection::attendance_from_wire(attendance);
            SiteAct::Present { attendance: attendance.ok_or_else(|| unknown("attendance"))? }
        }
        Step::Beginning(v1::Beginning { method, officer }) => {
            id(&officer, "beginning.officer")?;
            let method = inspection::method_from_wire(method).ok_or_else(|| unknown("method"))?;
            SiteAct::Examine { method, officer }
        }
        Step::Sample(wire) => {
            id(&wire.id, "sample.id")?;
            id(&wire.officer, "sample.officer")?;
            SiteAct::Take { sample: inspection::sample_from_wire(wire).map_err(unknown)? }
        }
        Step::Dispatch(v1::Dispatch { sample, laboratory }) => {
            id(&sample, "dispatch.sample")?;
            id(&laboratory, "dispatch.laboratory")?;
            SiteAct::Send { sample, laboratory }
        }
        Step::Findings(v1::Findings { findings }) => {
            if findings.is_empty() {
                return Err(refused(Code::Required, "findings"));
            }
            for finding in &findings {
                id(&finding.officer, "findings.officer")?;
                short(&finding.text, "findings.text")?;
            }
            let findings = findings
                .into_iter()
                .map(|wire| inspection::finding_from_wire(wire).map_err(unknown));
            SiteAct::Report { findings: findings.collect::<Result<_, _>>()? }
        }
    };
    Ok(SiteReport::Act(act))
}

/// An officer as the caller may see it: where somebody's relatives work is no business of a site.
pub(crate) fn named(principal: &Principal, candidate: &Candidate, left: bool) -> v1::Officer {
    let mut officer = inspection::officer_to_wire(candidate, left);
    if principal.kind == Kind::Site {
        officer.leave.clear();
        officer.related_firms.clear();
        officer.last_firm.clear();
    }
    officer
}

pub(crate) fn drawn(principal: &Principal, draws: Draws) -> Vec<v1::DrawnOfficer> {
    let why = |conflict: &Conflict| match conflict {
        Conflict::Related { .. } if principal.kind == Kind::Site => "related".to_owned(),
        Conflict::Related { .. }
        | Conflict::OnLeave { .. }
        | Conflict::SameFirmAsLastTime { .. }
        | Conflict::ExaminedBefore => inspection::conflict_text(conflict),
    };
    let of = |(agency, selection): (Agency, domain::inspection::draw::Selection)| {
        selection.ranks.into_iter().map(move |rank| v1::DrawnOfficer {
            agency: v1::Agency::from(agency).into(),
            officer: rank.officer,
            digest: rank.digest.to_vec(),
            chosen: rank.fate == Fate::Chosen,
            conflicts: match rank.fate {
                Fate::PassedOver(conflicts) => conflicts.iter().map(why).collect(),
                Fate::Chosen | Fate::NotReached => Vec::new(),
            },
        })
    };
    draws.into_iter().flat_map(of).collect()
}

/// Facts as the caller may see them: an enterprise is not told which system works for the site.
pub(crate) fn facts(
    principal: &Principal,
    kept: &[u8],
) -> Result<Vec<v1::OrderFact>, ServiceError> {
    let mut facts = inspection::decode_order_facts(kept).map_err(damaged)?;
    if is_veiled(principal) {
        facts.retain(|fact| fact.kind() != v1::OrderFactKind::Claimed);
    }
    Ok(facts)
}

pub(crate) fn history(
    principal: &Principal,
    entry: JournalEntry,
) -> Result<v1::OrderHistoryEntry, ServiceError> {
    Ok(v1::OrderHistoryEntry {
        time: Some(proto::timestamp(entry.recorded_time)),
        version: store::column::number(entry.version)?,
        facts: facts(principal, &entry.facts)?,
        actor: principal.actor_shown(&entry.actor).to_owned(),
    })
}

pub(crate) fn watch_response(
    principal: &Principal,
    news: JournalUpdate,
) -> Result<v1::WatchOrdersResponse, ServiceError> {
    match news {
        JournalUpdate::Quiet(resume_token) => {
            Ok(v1::WatchOrdersResponse { resume_token, ..Default::default() })
        }
        JournalUpdate::Entry(entry, token) => {
            let body = entry.body.as_ref().map_err(Clone::clone)?.as_deref();
            let body = body.ok_or_else(|| damaged("an entry without its order"))?;
            let mut order = inspection::decode_record(body).map_err(damaged)?;
            if is_veiled(principal) {
                inspection::redact_for_enterprise(&mut order);
            }
            Ok(v1::WatchOrdersResponse {
                order: Some(order),
                facts: facts(principal, &entry.facts)?,
                time: Some(proto::timestamp(entry.recorded_time)),
                resume_token: proto::text(token),
                unreadable: false,
            })
        }
    }
}

/// What is told of an entry that cannot be read.
pub(crate) fn unreadable(entry: &JournalEntry, token: Option<String>) -> v1::WatchOrdersResponse {
    let name = format!("{}/inspection", DeclarationId::from_uuid(entry.subject).name());
    v1::WatchOrdersResponse {
        order: Some(v1::OrderRecord { name, ..Default::default() }),
        facts: Vec::new(),
        time: Some(proto::timestamp(entry.recorded_time)),
        resume_token: proto::text(token),
        unreadable: true,
    }
}

pub(crate) fn row(row: StatisticsRow) -> v1::StatisticsRow {
    let (group, value) = match row.group {
        StatisticsGroup::All => ("all", String::new()),
        StatisticsGroup::Port(port) => ("port", port),
        StatisticsGroup::Mode(mode) => ("mode", mode),
        StatisticsGroup::Class(class) => ("class", class.word().to_owned()),
    };
    let times = |times: Times| v1::Times {
        count: times.count,
        mean_ms: times.mean_ms,
        p50_ms: times.p50_ms,
        p90_ms: times.p90_ms,
        p99_ms: times.p99_ms,
        max_ms: times.max_ms,
    };
    v1::StatisticsRow {
        group: group.to_owned(),
        value,
        cases: row.cases,
        released: row.released,
        inspected: row.inspected,
        joint: row.joint,
        inspected_bp: row.inspected_bp,
        joint_bp: row.joint_bp,
        with_inspection: Some(times(row.with_inspection)),
        without_inspection: Some(times(row.without_inspection)),
        waiting_for_documents: Some(times(row.waiting_for_documents)),
    }
}
