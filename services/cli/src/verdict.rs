//! `verdict`: what an agency says about a declaration (回执), given by hand. It looks on at the exchange beside the
//! systems of the agency: it reads the events of the declaration to know its version and round, says the verdict
//! and hears what became of it. It takes no slots and acknowledges nothing, so nothing is taken from the agency's own
//! systems, and it waits for none of them.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::ids::{is_given_by_door, slot_of_pre_no};
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Slot};
use proto::v1::connect_request::Frame as Out;
use proto::v1::connect_response::Frame as In;
use proto::v1::{self, Outcome, ResultCode, fact::Kind};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming};
use uuid::Uuid;

use super::problem::Problem;
use super::words::{self, pick};
use super::{Exit, Language, Output, Session, facts, input, print_json, print_line};

/// So long nothing comes when everything was told that followed from a verdict; an agency is not told of everything.
const QUIET: Duration = Duration::from_millis(500);
/// So long the window may take for its answer, or for the next of what happened before.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Pause before a verdict that the window could not decide is said again.
const RETRY: Duration = Duration::from_millis(200);

/// Give an agency's verdict on a declaration, as the agency: --as customs or --as quarantine.
///
/// A release needs --clear of both. In the sandbox, start it with --no-agencies, or the simulated
/// agencies are faster.
#[derive(Debug, clap::Args)]
pub struct VerdictArgs {
    /// Name (declarations/UUID), UUID, preNo or order number.
    pub name: String,
    #[command(flatten)]
    outcome_args: OutcomeArgs,
    /// Code of the reason, or of the instruction with --inspect [default: 500, DOC or 700].
    #[arg(long, value_name = "CODE", conflicts_with_all = ["reject", "detain"])]
    code: Option<String>,
    /// Why, for the enterprise; what to look at, with --inspect.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// A document that the firm is asked for, with --hold, and what it has to show: invoice, contract, packing_list,
    /// licence, certificate, photo or other. May be given several times.
    #[arg(long, value_name = "KIND[=TEXT]", requires_all = ["hold", "until"])]
    ask: Vec<String>,
    /// The same, for one that the firm may leave out.
    #[arg(long, value_name = "KIND[=TEXT]", requires_all = ["hold", "until"])]
    ask_optional: Vec<String>,
    /// Until when the firm may answer: YYYY-MM-DD (a day in China) or RFC 3339.
    #[arg(long, value_name = "TIME", requires = "hold", value_parser = words::parse_until)]
    until: Option<OffsetDateTime>,
    /// The version that it is about, when the window does not tell us its events [default: the newest].
    #[arg(long, value_name = "NUMBER", requires = "round")]
    version: Option<u32>,
    /// The round of review that it is about.
    #[arg(long, value_name = "NUMBER", requires = "version")]
    round: Option<u32>,
}

/// What is said.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct OutcomeArgs {
    /// No objection; when both agencies say so there is one release (放行).
    #[arg(long)]
    clear: bool,
    /// Taken into the database (入库, 120).
    #[arg(long)]
    accept: bool,
    /// Somebody reviews it (人工审核, 300).
    #[arg(long)]
    review: bool,
    /// Examination of the data concluded (审结, 399).
    #[arg(long)]
    conclude: bool,
    /// Wants to look at the goods (查验, 500).
    #[arg(long)]
    inspect: bool,
    /// Held until documents arrive (待补单证).
    #[arg(long)]
    hold: bool,
    /// Returned to the enterprise with this code (退单, 100).
    #[arg(long, value_name = "CODE")]
    reject: Option<String>,
    /// Goods detained, 501 to 599 (扣留).
    #[arg(long, value_name = "CODE")]
    detain: Option<String>,
    /// Goods go back abroad (退运, 700).
    #[arg(long = "return")]
    send_back: bool,
}

impl OutcomeArgs {
    /// The outcome, and the code of its reason where it has one of its own.
    fn outcome(&self) -> (Outcome, Option<&str>) {
        match self {
            Self { reject: Some(code), .. } => (Outcome::Rejected, Some(code)),
            Self { detain: Some(code), .. } => (Outcome::Detained, Some(code)),
            Self { clear: true, .. } => (Outcome::Cleared, None),
            Self { accept: true, .. } => (Outcome::Accepted, None),
            Self { review: true, .. } => (Outcome::ManualReview, None),
            Self { conclude: true, .. } => (Outcome::Concluded, None),
            Self { inspect: true, .. } => (Outcome::WantsInspection, Some("500")),
            Self { hold: true, .. } => (Outcome::Held, Some("DOC")),
            Self { send_back: true, .. } => (Outcome::Returned, Some("700")),
            // The group wants one of them.
            Self { .. } => (Outcome::Unspecified, None),
        }
    }
}

impl VerdictArgs {
    /// What the firm is asked for; nothing is asked by a term alone.
    fn documents(&self) -> Option<v1::DocumentRequest> {
        let item = |asked: &String, mandatory| {
            let (kind, text) = asked.split_once('=').unwrap_or((asked, "")); // a text is optional
            v1::RequestedDocument { kind: kind.to_owned(), text: text.to_owned(), mandatory }
        };
        let mandatory = self.ask.iter().map(|asked| item(asked, true));
        let optional = self.ask_optional.iter().map(|asked| item(asked, false));
        let items: Vec<_> = mandatory.chain(optional).collect();
        let until_time = self.until.map(proto::timestamp);
        (!items.is_empty()).then_some(v1::DocumentRequest { items, until_time })
    }

    fn reasons(&self) -> Vec<v1::Reason> {
        let (_, default) = self.outcome_args.outcome();
        let text = self.reason.clone().unwrap_or_default(); // a reason is optional
        match self.code.as_deref().or(default) {
            Some(code) => vec![v1::Reason { code: code.to_owned(), text }],
            None if text.is_empty() => Vec::new(),
            None => vec![v1::Reason { code: String::new(), text }],
        }
    }
}

/// Gives a verdict.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(session: &Session, args: VerdictArgs) -> anyhow::Result<Exit> {
    anyhow::ensure!(!args.name.trim().is_empty(), "NAME is empty");
    let id = DeclarationId::parse(&args.name)
        .or_else(|| Uuid::try_parse(&args.name).ok().map(DeclarationId::from_uuid));
    // The events of a version and round that were named need not be found.
    let named = match (id, args.version, args.round) {
        (Some(id), Some(version), Some(round)) => {
            Some(TrackedDeclaration { id, version, round, over: false })
        }
        (None, Some(_), Some(_)) => anyhow::bail!("--version and --round need a UUID as NAME"),
        (_, _, _) => None,
    };
    let (mut line, known) = match named {
        // What follows from the verdict is told from now on.
        Some(known) => (Line::open(session, vec![at(known.id.slot(), 0)]).await?, known),
        None => find(session, &args.name, id).await?,
    };
    let agency = line.agency;
    let (outcome, _) = args.outcome_args.outcome();
    let (name, reasons) = (known.id.name(), args.reasons());
    let documents = args.documents();
    // Without documents it is the id that it always was.
    let asked = documents.as_ref().map(|asked| format!("/{asked:?}")).unwrap_or_default();
    let content = format!("{agency:?}/{}/{outcome:?}/{reasons:?}{asked}", known.round);
    let verdict = v1::Verdict { outcome: outcome.into(), reasons, demands: Vec::new(), documents };
    let answer = v1::Answer {
        request_id: input::change_id("verdict", &name, known.version, content.as_bytes()),
        declaration_id: known.id.to_string(),
        version: known.version,
        round: known.round,
        what: Some(v1::answer::What::Verdict(verdict)),
        trace_id: String::new(),
    };
    let result = line.send_until_decided(&answer).await?;
    let is_applied = result.result() == ResultCode::Applied;
    let after = if is_applied { line.events_of(known.id).await? } else { Vec::new() };
    line.close().await;
    print_outcome(session, (agency, outcome), &answer, &result, &after)
}

/// What became of it, and what happened to the declaration.
fn print_outcome(
    session: &Session,
    (agency, outcome): (v1::Agency, Outcome),
    answer: &v1::Answer,
    result: &v1::Result,
    after: &[v1::Event],
) -> anyhow::Result<Exit> {
    let language = session.language;
    let effect = match result.result() {
        ResultCode::Applied => pick(language, "applied", "已生效"),
        ResultCode::Duplicate => pick(language, "given before", "此前已提交"),
        ResultCode::Ignored => pick(
            language,
            "no effect: the agency already stands further",
            "无效果：该机关已处于更后环节",
        ),
        ResultCode::StaleVersion | ResultCode::StaleRound | ResultCode::Refused => {
            let v1::Result { code, message, .. } = result.clone();
            let refusal = v1::Refusal {
                grpc_code: tonic::Code::FailedPrecondition.into(),
                code,
                message_zh: message.clone(),
                message,
                ..Default::default()
            };
            return Err(Problem::of_refusal(refusal, language).into());
        }
        ResultCode::Retry | ResultCode::Unspecified => {
            let why = "the window could not decide now; give the verdict again";
            return Err(Status::unavailable(why).into());
        }
    };
    let name = format!("declarations/{}", answer.declaration_id);
    if session.output == Output::Json {
        print_json(&serde_json::json!({
            "name": name,
            "agency": agency.as_str_name(),
            "version": answer.version,
            "round": answer.round,
            "outcome": outcome.as_str_name(),
            "result": result.result().as_str_name(),
        }))?;
        return Ok(Exit::Done);
    }
    let who = words::agency(language, agency);
    let mut text = match language {
        Language::English => {
            format!("{name}  v{} round {}  {who}: {effect}", answer.version, answer.round)
        }
        Language::Chinese => {
            format!("{name}  第{}版第{}轮  {who}：{effect}", answer.version, answer.round)
        }
    };
    for facts in after.iter().filter_map(|event| event.facts.as_ref()) {
        text.push_str("\n  ");
        text.push_str(&facts::describe_all(&facts.facts, language));
    }
    // An agency is not told of every step.
    let last = after.last().and_then(|event| event.facts.as_ref());
    let waits_for = last.map(|facts| words::awaited(language, facts.waits_for()));
    if let Some(waits_for) = waits_for.filter(|waits_for| !waits_for.is_empty()) {
        let label = pick(language, "\n  release waits for: ", "\n  放行尚待：");
        text.push_str(label);
        text.push_str(&waits_for);
    }
    print_line(&text)?;
    Ok(Exit::Done)
}

fn is_of_another(status: &Status, language: Language) -> bool {
    Problem::of_status(status, language).code == Code::NotYourAgency.id()
}

/// A declaration as the events tell it.
#[derive(Debug, Clone, Copy)]
struct TrackedDeclaration {
    id: DeclarationId,
    version: u32,
    round: u32,
    /// It ended other than released, so its order number may be declared again.
    over: bool,
}

/// Finds a declaration among what happened, with the line on which that came.
async fn find(
    session: &Session,
    name: &str,
    id: Option<DeclarationId>,
) -> anyhow::Result<(Line, TrackedDeclaration)> {
    // An id says its slot, and so does a preNo that is not of the national door.
    let slot = id.map(DeclarationId::slot);
    let slot = slot.or_else(|| slot_of_pre_no(name).filter(|_| !is_given_by_door(name)));
    let wanted: Vec<Slot> = slot.map_or_else(|| Slot::all().collect(), |slot| vec![slot]);
    let from = wanted.into_iter().map(|slot| at(slot, 1)).collect();
    let mut line = Line::open(session, from).await?;
    match choose(name, id, &line.events().await?) {
        Some(known) => Ok((line, known)),
        None => {
            let refusal = Refusal::of(Code::NotFound).with("name", name);
            Err(proto::status::refused(&refusal, session.language).into())
        }
    }
}

fn at(slot: Slot, position: u64) -> v1::Position {
    v1::Position { slot: slot.number(), position }
}

/// The declaration of this name: the newest that is alive, or else the newest.
fn choose(
    name: &str,
    id: Option<DeclarationId>,
    events: &[v1::Event],
) -> Option<TrackedDeclaration> {
    let mut all: BTreeMap<Uuid, TrackedDeclaration> = BTreeMap::new();
    for event in events {
        let Some(of) = DeclarationId::parse(&event.declaration_id) else { continue };
        let is_named = match id {
            Some(id) => id == of,
            None => all.contains_key(&of.uuid()) || is_called(name, event),
        };
        if is_named {
            let (version, round) = (event.version, event.round);
            let over = facts(event).any(|kind| {
                matches!(kind, Kind::Rejected(_) | Kind::Returned(_) | Kind::Withdrawn(_))
            });
            all.insert(of.uuid(), TrackedDeclaration { id: of, version, round, over });
        }
    }
    let lives = all.values().rev().find(|known| !known.over);
    lives.or_else(|| all.values().next_back()).copied()
}

fn is_called(name: &str, event: &v1::Event) -> bool {
    event.declaration.as_ref().is_some_and(|declared| declared.order_no == name)
        || facts(event).any(|kind| matches!(kind, Kind::Filed(filed) if filed.pre_no == name))
}

fn facts(event: &v1::Event) -> impl Iterator<Item = &Kind> {
    event.facts.iter().flat_map(|facts| &facts.facts).filter_map(|fact| fact.kind.as_ref())
}

/// A stream that looks on at the exchange.
struct Line {
    agency: v1::Agency,
    out: mpsc::Sender<v1::ConnectRequest>,
    frames: Streaming<v1::ConnectResponse>,
    /// What was told beside an answer.
    events_before: Vec<v1::Event>,
}

impl Line {
    /// As the agency of the certificate; the exchange knows whose it is.
    async fn open(session: &Session, from: Vec<v1::Position>) -> Result<Self, Status> {
        match Self::open_as(session, v1::Agency::Customs, from.clone()).await {
            Err(status) if is_of_another(&status, session.language) => {
                Self::open_as(session, v1::Agency::Quarantine, from).await
            }
            opened => opened,
        }
    }

    async fn open_as(
        session: &Session,
        agency: v1::Agency,
        from: Vec<v1::Position>,
    ) -> Result<Self, Status> {
        let (out, requests) = mpsc::channel(4);
        let consumer = format!("verdict-{}", Uuid::now_v7());
        let subscriber = v1::Subscriber::from(agency).into();
        let open =
            v1::Open { subscriber, consumer, from, without_slots: true, ..Default::default() };
        send(&out, Out::Open(open)).await?;
        let requests = session.request(ReceiverStream::new(requests));
        let mut frames =
            session.window.exchange().connect(requests).await.map(Response::into_inner)?;
        match frames.message().await?.and_then(|answer| answer.frame) {
            Some(In::Opened(_)) => Ok(Self { agency, out, frames, events_before: Vec::new() }),
            _ => Err(Status::unavailable("the exchange did not open the stream")),
        }
    }

    /// Everything that happened until the line was opened.
    async fn events(&mut self) -> Result<Vec<v1::Event>, Status> {
        let mut events = Vec::new();
        loop {
            let frame = timeout(ANSWER_WAIT, self.frames.message()).await;
            let frame = frame.map_err(|_| Status::deadline_exceeded("no events"))?;
            match frame?.and_then(|answer| answer.frame) {
                Some(In::Batch(batch)) => events.extend(batch.events),
                Some(In::Heartbeat(_)) => return Ok(events),
                Some(In::Opened(_) | In::Results(_)) => {}
                Some(In::GoAway(_)) | None => return Err(drains()),
            }
        }
    }

    /// What happened to a declaration by what was said.
    async fn events_of(&mut self, id: DeclarationId) -> Result<Vec<v1::Event>, Status> {
        let mut events = std::mem::take(&mut self.events_before);
        let is_of_it = |event: &v1::Event| DeclarationId::parse(&event.declaration_id) == Some(id);
        let mut is_complete = false;
        while !is_complete && let Ok(frame) = timeout(QUIET, self.frames.message()).await {
            match frame?.and_then(|answer| answer.frame) {
                Some(In::Batch(batch)) => {
                    is_complete = batch.events.iter().any(is_of_it);
                    events.extend(batch.events);
                }
                Some(In::Opened(_) | In::Results(_) | In::Heartbeat(_)) => {}
                Some(In::GoAway(_)) | None => break,
            }
        }
        events.retain(is_of_it);
        Ok(events)
    }

    /// Says it until the window has decided about it.
    async fn send_until_decided(&mut self, answer: &v1::Answer) -> Result<v1::Result, Status> {
        let since = Instant::now();
        loop {
            let answers = v1::Answers { answers: vec![answer.clone()] };
            send(&self.out, Out::Answers(answers)).await?;
            let result = timeout(ANSWER_WAIT, self.answer(&answer.request_id)).await;
            let result = result.map_err(|_| Status::deadline_exceeded("no answer"))??;
            if result.result() != ResultCode::Retry || since.elapsed() > ANSWER_WAIT {
                return Ok(result);
            }
            sleep(RETRY).await;
        }
    }

    async fn answer(&mut self, request_id: &str) -> Result<v1::Result, Status> {
        loop {
            match self.frames.message().await?.and_then(|answer| answer.frame) {
                Some(In::Results(results)) => {
                    let mut results = results.results.into_iter();
                    if let Some(found) = results.find(|result| result.request_id == request_id) {
                        return Ok(found);
                    }
                }
                Some(In::Batch(batch)) => self.events_before.extend(batch.events),
                Some(In::Opened(_) | In::Heartbeat(_)) => {}
                Some(In::GoAway(_)) | None => return Err(drains()),
            }
        }
    }

    /// Closes our side first, and waits for the window to close its own.
    async fn close(self) {
        let Self { out, mut frames, .. } = self;
        drop(out);
        let rest = async { while let Ok(Some(_)) = frames.message().await {} };
        let _too_slow = timeout(QUIET, rest).await;
    }
}

fn drains() -> Status {
    Status::unavailable("the window drains; give the verdict again")
}

async fn send(out: &mpsc::Sender<v1::ConnectRequest>, frame: Out) -> Result<(), Status> {
    let sent = out.send(v1::ConnectRequest { frame: Some(frame) }).await;
    sent.map_err(|_| Status::unavailable("the stream to the exchange broke"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u128, order_no: &str, version: u32, kind: Kind) -> v1::Event {
        v1::Event {
            declaration_id: DeclarationId::from_uuid(Uuid::from_u128(id)).to_string(),
            version,
            round: 1,
            facts: Some(v1::Facts {
                facts: vec![v1::Fact { kind: Some(kind) }],
                waits_for: vec![],
            }),
            declaration: (!order_no.is_empty())
                .then(|| v1::Declaration { order_no: order_no.to_owned(), ..Default::default() }),
            ..Default::default()
        }
    }

    #[test]
    fn a_name_stands_for_the_newest_that_is_alive() {
        let filed = |pre_no: &str| Kind::Filed(v1::Filed { pre_no: pre_no.to_owned() });
        let mut events = vec![
            event(1, "QD-1", 1, filed("B1")),
            event(2, "QD-2", 1, filed("B2")),
            event(1, "QD-1", 2, Kind::Amended(v1::Amended::default())),
            event(3, "QD-2", 1, filed("B3")),
        ];
        let found = |name: &str, events: &[v1::Event]| {
            choose(name, None, events).map(|known| (known.id.uuid().as_u128(), known.version))
        };
        assert_eq!(found("QD-1", &events), Some((1, 2)));
        assert_eq!(found("B2", &events), Some((2, 1)));
        assert_eq!(found("QD-2", &events), Some((3, 1)));
        assert_eq!(found("QD-9", &events), None);
        events.push(event(3, "", 1, Kind::Rejected(v1::Rejected::default())));
        assert_eq!(found("QD-2", &events), Some((2, 1)), "the newest is over");
    }
}
