//! Inspection orders (查验单): the queue, one order with what was asked and found, and the steps of firms,
//! sites and agencies.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use cli::inspect::{self, FindingReport, words as order_words};
use cli::words;
use domain::inspection::finding::{Disposal, FoundResult};
use proto::v1;
use proto::v1::report_request::Step;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::declarations::page_after;
use crate::problem::{PageAnswer, RefusedCall, settle};
use crate::story::{TimelineEntry, TimelineFact};
use crate::visit::{Visit, page};

/// An order as a row of the queue.
struct OrderRow {
    id: String,
    order_no: String,
    stage: &'static str,
    tone: &'static str,
    declarant: String,
    port: String,
    place: String,
    window: String,
    instructions: usize,
    waits_for: String,
    ordered: String,
}

/// A stage that can be chosen.
struct StageChoice {
    value: i32,
    word: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "orders.html")]
struct QueuePage<'a> {
    visit: &'a Visit,
    rows: Vec<OrderRow>,
    stages: Vec<StageChoice>,
    next: String,
}

pub(crate) fn tone(stage: v1::OrderStage) -> &'static str {
    use v1::OrderStage as Stage;
    match stage {
        Stage::Unspecified => "plain",
        Stage::Ordered | Stage::Appointed => "attention",
        Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory
        | Stage::Found
        | Stage::Treating => "open",
        Stage::Disposed | Stage::Closed => "good",
        Stage::Cancelled => "over",
    }
}

pub(crate) fn id(name: &str) -> &str {
    words::id(name).trim_end_matches("/inspection")
}

/// `GET /console/orders?stage=…&page=…`.
pub(crate) async fn list(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, queue(&visit).await)
}

async fn queue(visit: &Visit) -> PageAnswer {
    let chosen = visit.query("stage");
    let request = v1::ListOrdersRequest {
        page_token: visit.query("page").to_owned(),
        stages: chosen.parse().into_iter().collect(),
        ..Default::default()
    };
    let answer = visit.inspection().list_orders(visit.call(request)).await?.into_inner();
    let stages = (1..).map_while(|value| v1::OrderStage::try_from(value).ok()).map(|stage| {
        let value = i32::from(stage);
        let word = order_words::stage_in(visit.language, stage);
        StageChoice { value, word, is_chosen: chosen == value.to_string() }
    });
    let next = page_after(visit, &answer.next_page_token);
    let rows = answer.orders.iter().map(|order| row(visit, order)).collect();
    Ok(page(&QueuePage { visit, rows, stages: stages.collect(), next }))
}

fn row(visit: &Visit, order: &v1::OrderRecord) -> OrderRow {
    let state = order.state.clone().unwrap_or_default(); // of a list every order has one
    let (place, window) = appointed(visit, &state);
    OrderRow {
        id: id(&order.name).to_owned(),
        order_no: order.order_no.clone(),
        stage: order_words::stage_in(visit.language, state.stage()),
        tone: tone(state.stage()),
        declarant: order.declarant_code.clone(),
        port: order.port_code.clone(),
        place,
        window,
        instructions: state.instructions.len(),
        waits_for: words::awaited(visit.language, order.waits_for()),
        ordered: words::minute(order.ordered_time.and_then(proto::time)),
    }
}

/// Place and window of an order; both empty without an appointment.
fn appointed(visit: &Visit, state: &v1::OrderState) -> (String, String) {
    let Some(it) = &state.appointment else { return (String::new(), String::new()) };
    let name = if visit.lang() == "en" { &it.place_name } else { &it.place_name_zh };
    let place = if name.is_empty() { it.place.clone() } else { format!("{name} ({})", it.place) };
    let start = words::minute(it.start.and_then(proto::time));
    let end = words::minute(it.end.and_then(proto::time));
    // The day is that of the beginning.
    (place, format!("{start}–{}", end.split(' ').next_back().unwrap_or(&end)))
}

/// What an agency wants looked at.
struct InstructionRow {
    key: String,
    text: String,
    lines: String,
    method: &'static str,
    sampling: &'static str,
    answer: String,
}

/// What was found.
struct FindingRow {
    key: String,
    line: String,
    result: String,
    is_conform: bool,
    officer: String,
    text: String,
    evidence: Vec<String>,
}

/// A sample with where it went.
struct SampleRow {
    id: String,
    key: String,
    line: String,
    officer: String,
    laboratory: String,
}

/// A value that can be chosen, with its word.
struct Choice {
    value: String,
    word: String,
}

/// What this person can do with the order now.
#[derive(Default)]
struct Steps {
    windows: Vec<Choice>,
    claims: bool,
    presents: bool,
    works: bool,
    treats: bool,
    closes: bool,
    objects: bool,
    disposes: bool,
}

impl Steps {
    fn is_empty(&self) -> bool {
        let Self { windows, claims, presents, works, treats, closes, objects, disposes } = self;
        let any = [claims, presents, works, treats, closes, objects, disposes];
        windows.is_empty() && !any.into_iter().any(|it| *it)
    }
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage<'a> {
    visit: &'a Visit,
    id: &'a str,
    order: &'a v1::OrderRecord,
    state: &'a v1::OrderState,
    stage: &'static str,
    tone: &'static str,
    waits_for: String,
    standing: Vec<(&'static str, String)>,
    instructions: Vec<InstructionRow>,
    findings: Vec<FindingRow>,
    samples: Vec<SampleRow>,
    timeline: Vec<TimelineEntry>,
    steps: Steps,
    officers: Vec<String>,
    results: Vec<Choice>,
    disposals: Vec<Choice>,
}

/// `GET /console/orders/{id}`.
pub(crate) async fn whole(
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Response {
    settle(&visit, order(&visit, &id).await)
}

async fn read(visit: &Visit, id: &str) -> Result<v1::GetOrderResponse, Box<RefusedCall>> {
    let request = v1::GetOrderRequest { name: format!("declarations/{id}/inspection") };
    Ok(visit.inspection().get_order(visit.call(request)).await?.into_inner())
}

async fn order(visit: &Visit, id: &str) -> PageAnswer {
    let found = read(visit, id).await?;
    let order = found.order.unwrap_or_default(); // what was found has one
    let state = order.state.clone().unwrap_or_default(); // and it stands somewhere
    let work = state.work.clone().unwrap_or_default(); // nobody has claimed it
    let language = visit.language;
    let entry = |entry: &v1::OrderHistoryEntry| TimelineEntry {
        time: words::when(entry.time.and_then(proto::time)),
        version: entry.version,
        who: entry.actor.clone(),
        facts: vec![TimelineFact {
            text: order_words::facts(&entry.facts, language),
            tone: "open",
        }],
    };
    let choice = |value: &str, word: String| Choice { value: value.to_owned(), word };
    let results = FoundResult::ALL.into_iter().map(|it| {
        let code = it.code();
        choice(code, order_words::result(language, code))
    });
    let disposals = Disposal::ALL.into_iter().map(|it| {
        let code = it.code();
        choice(code, order_words::disposal(language, code))
    });
    let on_duty = work.officers.iter().filter(|duty| !duty.replaced);
    Ok(page(&OrderPage {
        visit,
        id,
        stage: order_words::stage_in(language, state.stage()),
        tone: tone(state.stage()),
        waits_for: words::awaited(language, order.waits_for()),
        standing: standing(visit, &order, &state, &work),
        instructions: instructions(visit, &state, &work),
        findings: findings(visit, &work),
        samples: samples(visit, &work),
        timeline: found.history.iter().map(entry).collect(),
        steps: steps(visit, &order, &state).await?,
        officers: on_duty.map(|duty| duty.officer.clone()).collect(),
        results: results.collect(),
        disposals: disposals.collect(),
        order: &order,
        state: &state,
    }))
}

fn standing(
    visit: &Visit,
    order: &v1::OrderRecord,
    state: &v1::OrderState,
    work: &v1::Examination,
) -> Vec<(&'static str, String)> {
    let language = visit.language;
    let officers: Vec<_> = work.officers.iter().map(|duty| duty.officer.clone()).collect();
    let (place, window) = appointed(visit, state);
    let treatment = work.treatment.as_ref().map_or_else(String::new, |it| {
        let outcome = if it.passed { "the goods are clean now" } else { "the treatment failed" };
        format!("{}, {}, SHA-256 {}", it.certificate, visit.t(outcome), hex(&it.digest))
    });
    let decided = |code: &str| {
        if code.is_empty() { String::new() } else { order_words::disposal(language, code) }
    };
    let mut rows = vec![
        (visit.t("order"), order.order_id.clone()),
        (visit.t("declarant"), order.declarant_code.clone()),
        (visit.t("port"), order.port_code.clone()),
        (visit.t("mode"), order.trade_mode.clone()),
        (visit.t("examination"), state.examination.to_string()),
        (visit.t("place"), place),
        (visit.t("window"), window),
        (visit.t("taken on by"), order.claimed_by.clone()),
        (visit.t("officers"), officers.join(", ")),
        (
            visit.t("with the goods"),
            order_words::attendance(language, work.attendance()).to_owned(),
        ),
        (visit.t("treatment"), treatment),
        (visit.t("customs decided"), decided(&state.by_customs)),
        (visit.t("quarantine decided"), decided(&state.by_quarantine)),
        (visit.t("what happens to the goods"), decided(&state.disposal)),
        (visit.t("ordered"), words::when(order.ordered_time.and_then(proto::time))),
        (visit.t("changed"), words::when(order.changed_time.and_then(proto::time))),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    rows
}

fn instructions(
    visit: &Visit,
    state: &v1::OrderState,
    work: &v1::Examination,
) -> Vec<InstructionRow> {
    let language = visit.language;
    let all = state.instructions.iter().chain(&state.late);
    let row = |it: &v1::Instruction| {
        let answers = work
            .findings
            .iter()
            .filter(|finding| finding.agency == it.agency && finding.instruction == it.id);
        let answers = answers.map(|finding| order_words::result(language, &finding.result));
        InstructionRow {
            key: order_words::key(it.agency(), &it.id),
            text: if visit.lang() == "en" { it.text.clone() } else { it.text_zh.clone() },
            lines: order_words::lines(language, &it.lines),
            method: order_words::method(language, it.method()),
            sampling: order_words::yes(language, it.sampling),
            answer: answers.collect::<Vec<_>>().join(", "),
        }
    };
    all.map(row).collect()
}

fn line(visit: &Visit, gnum: u32) -> String {
    if gnum == 0 { visit.t("all").to_owned() } else { gnum.to_string() }
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn findings(visit: &Visit, work: &v1::Examination) -> Vec<FindingRow> {
    let row = |it: &v1::ExaminationFinding| FindingRow {
        key: order_words::key(it.agency(), &it.instruction),
        line: line(visit, it.gnum),
        result: order_words::result(visit.language, &it.result),
        is_conform: it.result == FoundResult::Conform.code(),
        officer: it.officer.clone(),
        text: it.text.clone(),
        evidence: it.evidence.iter().map(|it| hex(it)).collect(),
    };
    work.findings.iter().map(row).collect()
}

fn samples(visit: &Visit, work: &v1::Examination) -> Vec<SampleRow> {
    let row = |it: &v1::Sample| SampleRow {
        id: it.id.clone(),
        key: order_words::key(it.agency(), &it.instruction),
        line: line(visit, it.gnum),
        officer: it.officer.clone(),
        laboratory: it.laboratory.clone(),
    };
    work.samples.iter().map(row).collect()
}

/// What the service takes at this stage from this kind of caller; it has the last word.
async fn steps(
    visit: &Visit,
    order: &v1::OrderRecord,
    state: &v1::OrderState,
) -> Result<Steps, Box<RefusedCall>> {
    use v1::OrderStage as Stage;
    let stage = state.stage();
    let early = matches!(stage, Stage::Ordered | Stage::Appointed);
    let working = matches!(
        stage,
        Stage::Presented | Stage::Examining | Stage::Sampled | Stage::Laboratory | Stage::Found
    );
    let (site, mine) = (visit.is_site(), !order.claimed_by.is_empty());
    Ok(Steps {
        windows: if early && (site || visit.is_firm()) {
            windows(visit, order).await?
        } else {
            Vec::new()
        },
        claims: site && stage == Stage::Appointed && !mine,
        presents: site && stage == Stage::Appointed && mine,
        works: site && working,
        treats: site && stage == Stage::Treating,
        closes: site && stage == Stage::Disposed,
        objects: visit.is_firm() && matches!(stage, Stage::Found | Stage::Disposed),
        disposes: visit.is_agency()
            && matches!(stage, Stage::Found | Stage::Treating | Stage::Disposed),
    })
}

/// Windows with room at the places of the order's port, the earliest first.
async fn windows(visit: &Visit, order: &v1::OrderRecord) -> Result<Vec<Choice>, Box<RefusedCall>> {
    let request = visit.call(v1::ListPlacesRequest {});
    let places = visit.inspection().list_places(request).await?.into_inner().places;
    // One without codes is for all.
    let serves = |place: &&v1::Place| {
        place.port_codes.is_empty() || place.port_codes.contains(&order.port_code)
    };
    let mut choices = Vec::new();
    for place in places.iter().filter(serves).take(PLACES_MAX) {
        let request =
            v1::ListWindowsRequest { place: place.id.clone(), from_date: String::new(), days: 3 };
        let windows = visit.inspection().list_windows(visit.call(request)).await?.into_inner();
        let name = if visit.lang() == "en" { &place.name } else { &place.name_zh };
        for window in windows.windows.iter().take(WINDOWS_MAX) {
            let Some(start) = window.start.and_then(proto::time) else { continue };
            let Ok(said) = start.format(&Rfc3339) else { continue };
            let word = format!("{name}, {} ({})", words::minute(Some(start)), window.free);
            choices.push((start, Choice { value: format!("{} {said}", place.id), word }));
        }
    }
    choices.sort_by_key(|(start, _)| *start);
    Ok(choices.into_iter().map(|(_, choice)| choice).collect())
}

/// Of which windows are shown.
const PLACES_MAX: usize = 5;
/// Shown of each place.
const WINDOWS_MAX: usize = 40;

/// `POST /console/orders/{id}/{act}`.
pub(crate) async fn act(
    Extension(visit): Extension<Arc<Visit>>,
    Path((id, act)): Path<(String, String)>,
) -> Response {
    settle(&visit, acted(&visit, &id, &act).await)
}

async fn acted(visit: &Visit, id: &str, act: &str) -> PageAnswer {
    let order = read(visit, id).await?.order.unwrap_or_default(); // what was found has one
    let state = order.state.unwrap_or_default(); // and it stands somewhere
    let (request_id, name) = (visit.field("request_id").to_owned(), order.name);
    let examination = seen(visit, "examination", state.examination);
    let mut service = visit.inspection();
    match act {
        "appoint" => {
            let (place, start) = visit.field("window").split_once(' ').unwrap_or_default(); // none
            let start = OffsetDateTime::parse(start, &Rfc3339).ok().map(proto::timestamp);
            let place = place.to_owned();
            let seen = seen(visit, "appointments", state.appointments);
            let request = v1::AppointRequest { request_id, name, seen, place, start };
            service.appoint(visit.call(request)).await?;
        }
        "claim" => {
            let request = v1::ClaimRequest { request_id, name, examination };
            service.claim(visit.call(request)).await?;
        }
        "object" => {
            let reason = visit.field("reason").to_owned();
            let request = v1::ObjectRequest { request_id, name, examination, reason };
            service.object(visit.call(request)).await?;
        }
        "dispose" => {
            let disposal = visit.field("disposal").to_owned();
            let request = v1::DisposeRequest { request_id, name, examination, disposal };
            service.dispose(visit.call(request)).await?;
        }
        _ => {
            let step = step(visit, &state, act);
            let version = seen(visit, "version", state.version);
            let request = v1::ReportRequest { request_id, name, version, examination, step };
            service.report(visit.call(request)).await?;
        }
    }
    Ok(Redirect::to(&format!("/console/orders/{id}")).into_response())
}

/// What the person saw; as it is now where the form does not say.
fn seen(visit: &Visit, name: &str, now: u32) -> u32 {
    visit.field(name).parse().unwrap_or(now)
}

/// A step of the site; `None` for a word that is none, which the service refuses.
fn step(visit: &Visit, state: &v1::OrderState, act: &str) -> Option<Step> {
    let said = |name: &str| visit.field(name).to_owned();
    let manual = visit.field("method") != "machine";
    let method = if manual { v1::Method::Manual } else { v1::Method::Machine };
    Some(match act {
        "no-show" => {
            Step::NoShow(v1::NoShow { seen: seen(visit, "appointments", state.appointments) })
        }
        "present" => {
            let alone = visit.field("attendance") == "site";
            let attendance =
                if alone { v1::Attendance::SiteOperator } else { v1::Attendance::Declarant };
            Step::Presentation(v1::Presentation { attendance: attendance.into() })
        }
        "begin" => {
            Step::Beginning(v1::Beginning { method: method.into(), officer: said("officer") })
        }
        "sample" => {
            let (agency, instruction) = instruction(state, visit.field("instruction"))?;
            Step::Sample(v1::Sample {
                id: said("sample"),
                agency,
                instruction,
                gnum: seen(visit, "line", 0),
                officer: said("officer"),
                laboratory: String::new(),
            })
        }
        "send" => {
            Step::Dispatch(v1::Dispatch { sample: said("sample"), laboratory: said("laboratory") })
        }
        "find" => Step::Findings(found(visit, state)),
        "treated" => Step::Treatment(v1::Treatment {
            certificate: said("certificate"),
            digest: digest(visit.field("digest")),
            passed: visit.field("outcome") == "passed",
        }),
        "replace" => Step::Replacement(v1::Replacement { officer: said("officer") }),
        "close" => Step::Closing(v1::Closing {}),
        _ => return None,
    })
}

/// Agency and id of an instruction of the order, by its key.
fn instruction(state: &v1::OrderState, key: &str) -> Option<(i32, String)> {
    let all = state.instructions.iter().chain(&state.late);
    let found = all.into_iter().find(|it| order_words::key(it.agency(), &it.id) == key)?;
    Some((found.agency, found.id.clone()))
}

/// A SHA-256 digest in hexadecimal digits. What is none becomes an empty one, which the service refuses.
fn digest(said: &str) -> Vec<u8> {
    // What is no digest is for the service to refuse.
    inspect::parse_hex(said).map(Vec::from).unwrap_or_default()
}

/// The result for one instruction, or for every one that has none.
fn found(visit: &Visit, state: &v1::OrderState) -> v1::Findings {
    let mut samples = state.work.iter().flat_map(|work| &work.samples);
    let sample = match visit.field("sample") {
        "" => None,
        id => samples.find(|sample| sample.id == id).cloned().or_else(|| {
            // The service says that there is none.
            Some(v1::Sample { id: id.to_owned(), ..v1::Sample::default() })
        }),
    };
    let report = FindingReport {
        result: visit.field("result").to_owned(),
        instructions: instruction(state, visit.field("instruction")).into_iter().collect(),
        line: visit.field("line").parse().ok(),
        sample,
        method: None,
        officer: visit.field("officer").to_owned(),
        text: visit.field("text").to_owned(),
        evidence: visit.field("evidence").split_whitespace().map(digest).collect(),
        revision: None,
    };
    report.about(state)
}
