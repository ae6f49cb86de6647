//! Customs, quarantine, the examination site and the tax office as programs that know only the public protocol.
//!
//! They are what an integrator tests against, and what our own tests use instead of mocks. By
//! default both agencies clear at once; an order number that begins with `SBX-` scripts them, see
//! [`script`].
//!
//! The agencies consume the exchange, and decide about goods in the inspection service beside it. The
//! [`site`] is a client of the inspection service, and of the payment service for goods that come back
//! ([`goods_back`]); the [`tax_office`] is one of the refund service.
//!
//! The invariant: nothing is answered in a window that does not say that it is a sandbox.

mod bank;
mod conclude;
mod goods_back;
mod office;
mod orders;
mod reference;
pub mod script;
pub mod site;
mod step;
pub mod tax_office;
mod work_queue;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use client::{Consumer, ConsumerAnswer, Handler, Window};
use domain::refusal::Code;
use office::AgencyState;
use proto::v1::{self, fact::Kind};
use script::Script;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

/// Replies of simulators are named by what they answer, so that they are the same after a restart.
const NAMESPACE: Uuid = Uuid::from_u128(0x5b2f_0f0e_7c0b_5e0a_9d3c_0001_5157_0001);

/// Verdicts that belong to no event and wait to be said.
const VERDICTS_WAITING_MAX: usize = 64;

/// Why a simulator does not answer, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is filed there is real: it is not for a simulator to decide.
    #[error("the window is not a sandbox")]
    NotASandbox,
    /// A status against which connecting again does not help.
    #[error(transparent)]
    Status(#[from] Status),
}

/// Whether the window is a sandbox, as soon as it can be reached. One that does not say is none.
async fn is_sandbox(window: &Window) -> Result<bool, Status> {
    loop {
        let asked =
            client::repeat(|| async { window.status().get_status(v1::GetStatusRequest {}).await });
        match asked.await {
            Ok(status) => return Ok(status.into_inner().sandbox),
            Err(status) if status.code() == tonic::Code::Unimplemented => return Ok(false),
            // The consumer would wait for it as well.
            Err(status) if proto::status::is_worth_repeating(status.code()) => {}
            Err(status) => return Err(status),
        }
    }
}

/// What is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Simulator {
    /// Customs (海关).
    Customs,
    /// Entry-exit inspection and quarantine (国检).
    Quarantine,
    /// An examination site with its laboratory (查验场地).
    Site,
    /// A bank with the accounts of firms (银行), at the exchange of the payment service.
    Bank,
    /// The tax office with the invoice platform (税务机关).
    TaxOffice,
}

impl Simulator {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Customs, Self::Quarantine, Self::Site, Self::Bank, Self::TaxOffice];

    /// The agency that it plays; `None` where it is none.
    fn agency(self) -> Option<v1::Agency> {
        match self {
            Self::Customs => Some(v1::Agency::Customs),
            Self::Quarantine => Some(v1::Agency::Quarantine),
            Self::Site | Self::Bank | Self::TaxOffice => None,
        }
    }
}

/// Runs a simulated agency, or the site, until `shutdown`.
///
/// # Errors
///
/// [`Error::NotASandbox`] before anything is answered there; a status against which connecting again
/// does not help.
pub async fn run(
    window: Window,
    simulator: Simulator,
    name: &str,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    tokio::select! {
        sandbox = is_sandbox(&window) => if !sandbox? { return Err(Error::NotASandbox) },
        () = shutdown.cancelled() => return Ok(()),
    }
    if simulator == Simulator::Bank {
        return run_bank(window, name, shutdown).await;
    }
    let Some(agency) = simulator.agency() else {
        let run = match simulator {
            Simulator::TaxOffice => tax_office::run(window, shutdown).await,
            Simulator::Customs | Simulator::Quarantine | Simulator::Site | Simulator::Bank => {
                site::run(window, shutdown).await
            }
        };
        return Ok(run?);
    };
    let consumer = Consumer::new(window.clone(), agency.into(), name);
    let (office, real) = (AgencyState::new(agency), AtomicBool::new(false));
    let (sender, answers) = mpsc::channel(VERDICTS_WAITING_MAX);
    let handler = AgencyRun { agency, office: &office, real: &real };
    tokio::select! {
        ended = consumer.serve(handler, answers, shutdown) => match ended {
            Err(_) if real.load(Ordering::Relaxed) => Err(Error::NotASandbox),
            ended => Ok(ended?),
        },
        never = office.serve(&window, sender) => match never {},
        never = async {
            reference::prepare(&window, agency).await;
            std::future::pending().await
        } => never,
    }
}

async fn run_bank(window: Window, name: &str, shutdown: CancellationToken) -> Result<(), Error> {
    let real = AtomicBool::new(false);
    let consumer = Consumer::new(window, v1::Subscriber::Bank, name);
    // It says nothing by itself.
    let (_sender, answers) = mpsc::channel(1);
    let bank = Bank { real: &real, books: bank::Books::default() };
    match consumer.serve(bank, answers, shutdown).await {
        Err(_) if real.load(Ordering::Relaxed) => Err(Error::NotASandbox),
        ended => Ok(ended?),
    }
}

/// The bank at the exchange of the payment service.
struct Bank<'a> {
    /// The window that is there now is none for simulators.
    real: &'a AtomicBool,
    /// What it booked.
    books: bank::Books,
}

impl Handler for Bank<'_> {
    fn handle(
        &mut self,
        events: Vec<v1::Event>,
    ) -> impl Future<Output = Result<Vec<Vec<ConsumerAnswer>>, Status>> + Send {
        let answers = events.iter().map(|event| bank::replies(&mut self.books, event));
        std::future::ready(Ok(answers.collect()))
    }

    fn result(&mut self, result: &v1::Result) {
        if result.result == i32::from(v1::ResultCode::Refused) {
            let v1::Result { request_id, code, message, .. } = result;
            tracing::info!(request_id, code, message, "the window refused a file of the bank");
        }
    }

    /// It was a sandbox at the start; what is at its address now may be another window.
    async fn may_connect(&mut self, window: &Window) -> Result<(), Status> {
        if is_sandbox(window).await? {
            return Ok(());
        }
        self.real.store(true, Ordering::Relaxed);
        Err(proto::status::plain(Code::NotAllowed))
    }
}

/// An agency at the exchange.
struct AgencyRun<'a> {
    agency: v1::Agency,
    office: &'a AgencyState,
    /// The window that is there now is none for simulators.
    real: &'a AtomicBool,
}

impl Handler for AgencyRun<'_> {
    fn handle(
        &mut self,
        events: Vec<v1::Event>,
    ) -> impl Future<Output = Result<Vec<Vec<ConsumerAnswer>>, Status>> + Send {
        let answer = |event: &v1::Event| {
            self.office.note_event(event);
            replies(self.agency, event)
        };
        std::future::ready(Ok(events.iter().map(answer).collect()))
    }

    fn result(&mut self, result: &v1::Result) {
        note(self.agency, result);
    }

    /// It was a sandbox at the start; what is at its address now may be another window.
    async fn may_connect(&mut self, window: &Window) -> Result<(), Status> {
        if is_sandbox(window).await? {
            return Ok(());
        }
        self.real.store(true, Ordering::Relaxed);
        Err(proto::status::plain(Code::NotAllowed))
    }
}

fn note(agency: v1::Agency, result: &v1::Result) {
    if result.result == i32::from(v1::ResultCode::Refused) {
        let v1::Result { request_id, code, message, .. } = result;
        tracing::info!(?agency, request_id, code, message, "the window refused a reply");
    }
}

/// What an agency says to an event.
pub fn replies(agency: v1::Agency, event: &v1::Event) -> Vec<ConsumerAnswer> {
    let facts = event.facts.iter().flat_map(|facts| &facts.facts);
    facts
        .filter_map(|fact| fact.kind.as_ref())
        .flat_map(|kind| answers_to(agency, event, kind))
        .collect()
}

fn answers_to(agency: v1::Agency, event: &v1::Event, fact: &Kind) -> Vec<ConsumerAnswer> {
    match (agency, fact) {
        (v1::Agency::Customs | v1::Agency::Quarantine, Kind::Filed(_) | Kind::Amended(_)) => {
            review(agency, event, &script(event))
        }
        (v1::Agency::Customs | v1::Agency::Quarantine, Kind::InspectionCompleted(done)) => {
            conclude(agency, event, &done.findings)
        }
        (_, Kind::DocumentsProvided(provided)) if provided.agency == i32::from(agency) => {
            after_documents(agency, event, provided).into_iter().collect()
        }
        (_, Kind::InspectionAnswered(answered)) if answered.demanded_by == i32::from(agency) => {
            conclude(agency, event, &answered.findings)
        }
        _ => Vec::new(),
    }
}

fn script(event: &v1::Event) -> Script {
    // An event without content is about one that was scripted before.
    event.declaration.as_ref().map(|d| Script::of(&d.order_no)).unwrap_or_default()
}

/// What a verdict is about.
struct Round<'a> {
    declaration_id: &'a str,
    version: u32,
    round: u32,
}

impl<'a> Round<'a> {
    fn of(event: &'a v1::Event) -> Self {
        let v1::Event { declaration_id, version, round, .. } = event;
        Self { declaration_id, version: *version, round: *round }
    }
}

/// A verdict under an id that is the same whenever it is given again.
fn verdict(
    agency: v1::Agency,
    Round { declaration_id, version, round }: &Round<'_>,
    (outcome, after): (v1::Outcome, Duration),
    reasons: Vec<v1::Reason>,
) -> ConsumerAnswer {
    let round_of_verdict = Round { declaration_id, version: *version, round: *round };
    let verdict =
        v1::Verdict { outcome: outcome.into(), reasons, demands: Vec::new(), documents: None };
    let answer = v1::Answer {
        request_id: request_id(agency, &round_of_verdict, outcome),
        declaration_id: (*declaration_id).to_owned(),
        version: *version,
        round: *round,
        what: Some(v1::answer::What::Verdict(verdict)),
        trace_id: String::new(),
    };
    ConsumerAnswer { after, answer }
}

fn request_id(agency: v1::Agency, round: &Round<'_>, outcome: v1::Outcome) -> String {
    let Round { declaration_id, version, round } = round;
    let name = format!("{agency:?}/{declaration_id}/{version}/{round}/{outcome:?}");
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string()
}

/// For so long the simulated customs waits for documents.
const DOCUMENTS_WAIT: time::Duration = time::Duration::days(7);

/// Held until an invoice comes, and a contract if there is one.
fn asks_for_documents(event: &v1::Event, held: ConsumerAnswer) -> ConsumerAnswer {
    let item = |kind: &str, text: &str, mandatory| v1::RequestedDocument {
        kind: kind.to_owned(),
        text: text.to_owned(),
        mandatory,
    };
    let items = vec![item("invoice", "加盖印章", true), item("contract", "", false)];
    let asked_at = event.time.and_then(proto::time);
    let until_time = asked_at.map(|at| proto::timestamp(at + DOCUMENTS_WAIT));
    let asked = v1::DocumentRequest { items, until_time };
    let ConsumerAnswer { after, mut answer } = held;
    if let Some(v1::answer::What::Verdict(verdict)) = &mut answer.what {
        verdict.documents = Some(asked);
    }
    ConsumerAnswer { after, answer }
}

/// The documents that it asked for have come: it looks at nothing and has no objection. A request that somebody else
/// made for the agency is for somebody else to go on with.
fn after_documents(
    agency: v1::Agency,
    event: &v1::Event,
    provided: &v1::DocumentsProvided,
) -> Option<ConsumerAnswer> {
    let now = Round::of(event);
    let mut rounds = (1..=now.round).map(|round| Round { round, ..Round::of(event) });
    let own = |round: Round<'_>| request_id(agency, &round, v1::Outcome::Held);
    rounds
        .any(|round| own(round) == provided.document_request_id)
        .then(|| verdict(agency, &now, (v1::Outcome::Cleared, Duration::ZERO), Vec::new()))
}

fn reason(code: &str, text: &str) -> Vec<v1::Reason> {
    vec![v1::Reason { code: code.to_owned(), text: text.to_owned() }]
}

/// The first look at a version, as the script says.
fn review(agency: v1::Agency, event: &v1::Event, script: &Script) -> Vec<ConsumerAnswer> {
    let round = Round::of(event);
    let give = |outcome, reasons| verdict(agency, &round, (outcome, script.delay), reasons);
    let accepted = || give(v1::Outcome::Accepted, Vec::new());
    let cleared = || give(v1::Outcome::Cleared, Vec::new());
    let wish = script.wish(agency, event.version);
    let customs = agency == v1::Agency::Customs;
    let mut replies = match wish {
        script::Wish::Silence => return Vec::new(),
        script::Wish::Clear => vec![cleared()],
        script::Wish::Reject(code) => {
            vec![give(
                v1::Outcome::Rejected,
                reason(&code, &format!("[Code:{code};Desc:人工退单]")),
            )]
        }
        script::Wish::Inspect => {
            let what = reason("500", if customs { "核对品名数量" } else { "检疫查验" });
            vec![give(v1::Outcome::WantsInspection, what)]
        }
        script::Wish::Hold => vec![give(v1::Outcome::Held, reason("DOC", "请补充发票"))],
        script::Wish::Documents => {
            let held = give(v1::Outcome::Held, reason("DOC", "请补交发票、合同"));
            vec![asks_for_documents(event, held)]
        }
        script::Wish::Detain => vec![give(v1::Outcome::Detained, reason("501", "扣留移送通关"))],
        script::Wish::Return => vec![give(v1::Outcome::Returned, reason("700", "退运"))],
    };
    if customs {
        // Customs takes a declaration into its database before it decides.
        let at = if script.disorder { replies.len() } else { 0 };
        replies.insert(at, accepted());
    }
    if script.stale
        && let Some(ConsumerAnswer { after, answer: right }) = replies.first().cloned()
    {
        let request_id = Uuid::new_v5(&NAMESPACE, format!("stale/{}", right.request_id).as_bytes());
        let (request_id, version) = (request_id.to_string(), event.version.saturating_sub(1));
        replies.insert(
            0,
            ConsumerAnswer { after, answer: v1::Answer { request_id, version, ..right } },
        );
    }
    if script.twice {
        replies.extend(replies.clone());
    }
    replies
}

/// After the joint inspection: no objection when everything conforms. Goods that are to be treated wait
/// for that without a verdict.
fn conclude(
    agency: v1::Agency,
    event: &v1::Event,
    findings: &[v1::Finding],
) -> Vec<ConsumerAnswer> {
    let conclusion = conclude::conclude(agency, &conclude::of_findings(findings));
    conclude::reply(agency, &Round::of(event), &conclusion).into_iter().collect()
}

/// Events for tests.
#[cfg(test)]
mod sample {
    use time::OffsetDateTime;
    use time::macros::datetime;

    use super::*;

    /// Midnight in China.
    pub(crate) const TIME: OffsetDateTime = datetime!(2026-11-25 0:00 +8);

    pub(crate) fn event(id: &str, version: u32, at: OffsetDateTime, kind: Kind) -> v1::Event {
        v1::Event {
            declaration_id: id.to_owned(),
            version,
            round: 1,
            time: Some(proto::timestamp(at)),
            facts: Some(v1::Facts {
                facts: vec![v1::Fact { kind: Some(kind) }],
                waits_for: Vec::new(),
            }),
            ..v1::Event::default()
        }
    }
}
