//! Takes a declaration once and carries it to exactly one release.
//!
//! What this service promises: an answer is given after it is durable; repeating a request has no
//! second effect; every broken rule is named at once; a caller sees only its own; a state changes
//! only by the rules of `domain::clearance`. Read [`submit`], then [`clear`].

mod amend;
mod case;
mod clear;
mod commit;
mod filing;
mod lookup;
mod read;
mod rehearsal;
mod step;
mod submit;
mod watch;
mod withdraw;

use std::pin::Pin;
use std::sync::Arc;

use domain::clearance::{Phase, awaited};
use domain::decision::{Decided, Decision};
use domain::declaration::Profile;
use domain::principal::Scope;
use domain::refusal::{Code, Refusal, Violation};
use domain::{DeclarationId, Kind, Principal, limits};
use futures::stream::FuturesOrdered;
use futures::{Stream, StreamExt as _};
use prost::Message as _;
use proto::call::{caller, trace};
use proto::memory;
use proto::status::{self, Language};
use proto::v1::declaration_service_server::{DeclarationService, DeclarationServiceServer};
use proto::v1::{self, submit_stream_response::Result as Item};
use sqlx::PgPool;
use store::batch::{self, Batch, Work as _};
use store::journal::Entry;
use store::share::Share;
use store::tail::Tail;
use store::token::TokenKey;
use store::{Clock, Fault, column};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

pub use commit::{Command, Done, Ledger};
pub use store::Unanswered as Error;

use rehearsal::Rehearsals;

/// The schema of this service, in `migrations/declaration`.
pub const SCHEMA: &str = "declaration";
/// Brings it up to date.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/declaration");

/// What is declared, as it is said on the wire.
pub(crate) type Content = v1::Declaration;

/// The declaration service.
#[derive(Debug)]
pub struct Declarations {
    /// For reading: what many readers do must not keep a transaction from its connection.
    pub(crate) pool: PgPool,
    /// For the exchange and for rehearsals.
    work: PgPool,
    pub(crate) tokens: TokenKey,
    pub(crate) tail: Tail,
    pub(crate) batch: Batch<Ledger>,
    pub(crate) ledger: commit::Shared,
    pub(crate) profile: Profile,
    pub(crate) draining: CancellationToken,
    rehearsals: Rehearsals,
}

/// The service as it is mounted, and the bench of its exchange.
#[derive(Debug, Clone)]
pub struct Service(Arc<Declarations>);

/// What the caller runs as tasks, until `closing`: the lanes of the group commit, and what its readers share.
pub type Loop = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Service {
    /// The service over its tables, with connections for work and for reading.
    pub fn new(
        (work, reads): (PgPool, PgPool),
        (clock, tokens): (Clock, TokenKey),
        profile: Profile,
        writers: usize,
        draining: CancellationToken,
        closing: CancellationToken,
    ) -> (Self, Vec<Loop>) {
        let tail = Tail::default();
        let ledger = Arc::new(Ledger { tail: tail.clone(), clock });
        let (batch, lanes) = batch::lanes(Arc::clone(&ledger), &work, writers, &closing);
        let mut loops: Vec<Loop> =
            lanes.into_iter().map(|lane| -> Loop { Box::pin(lane) }).collect();
        loops.push(Box::pin(tail.run(reads.clone(), closing)));
        let rehearsals = Rehearsals::default();
        let this = Declarations {
            pool: reads,
            work,
            tokens,
            tail,
            batch,
            ledger,
            profile,
            draining,
            rehearsals,
        };
        (Self(Arc::new(this)), loops)
    }

    /// As a gRPC service.
    pub fn into_server(self) -> DeclarationServiceServer<Self> {
        DeclarationServiceServer::new(self).max_decoding_message_size(limits::MESSAGE_BYTES_MAX)
    }

    /// How many filings of one firm may be under way while too much waits; `None` while there is room.
    pub fn most_of_each(&self) -> Option<usize> {
        self.0.batch.most_of_each()
    }

    /// The exchange that serves this service's journal.
    pub fn exchange(&self) -> exchange::Exchange<Self> {
        let Declarations { work, tail, draining, .. } = &*self.0;
        exchange::Exchange::new(work.clone(), tail.clone(), self.clone(), draining.clone())
    }
}

impl exchange::Bench for Service {
    async fn decide(&self, decision: Decision) -> Result<Result<Decided, Refusal>, Fault> {
        let slot = decision.declaration().slot();
        let done = self.0.batch.queue(slot, &Share::Kept, Command::Decide(decision)).await?;
        match done {
            Ok(Done::Decided(decided)) => Ok(Ok(decided)),
            Ok(Done::Filed(_) | Done::Amended(_) | Done::Withdrawn) => {
                Err(Fault::Broken("a decision was answered with something else".into()))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }
}

impl Declarations {
    /// Takes part in the next transaction.
    async fn run(&self, share: &Share, command: Command) -> Result<Done, Error> {
        let slot = command.slot();
        Ok(self.batch.offer(slot, share, command).await??)
    }

    /// Does everything but keep it: the transaction is rolled back.
    async fn rehearse(&self, share: &Share, command: Command) -> Result<Done, Error> {
        let _turn = self.rehearsals.turn(share).await;
        let mut tx = self.work.begin().await.map_err(Fault::from)?;
        let (answers, _) = self.ledger.work(&mut tx, &[command]).await?;
        let answer = answers.into_iter().next();
        Ok(answer.ok_or_else(|| Fault::Broken("a rehearsal has no answer".into()))??)
    }

    async fn run_or_rehearse(
        &self,
        share: &Share,
        command: Command,
        only_check: bool,
    ) -> Result<Done, Error> {
        if only_check {
            self.rehearse(share, command).await
        } else {
            self.run(share, command).await
        }
    }
}

#[tonic::async_trait]
impl DeclarationService for Service {
    type SubmitStreamStream =
        Pin<Box<dyn Stream<Item = Result<v1::SubmitStreamResponse, Status>> + Send>>;
    type WatchStream = Pin<Box<dyn Stream<Item = Result<v1::WatchResponse, Status>> + Send>>;

    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitResponse>, Status> {
        let language = Language::of(request.metadata());
        let (principal, trace) = (caller(&request)?, trace(&request));
        let done = submit_one(&self.0, &principal, request.into_inner(), trace, Door::Offer).await;
        done.map(Response::new).map_err(|error| status::of(error, language))
    }

    async fn submit_stream(
        &self,
        request: Request<Streaming<v1::SubmitStreamRequest>>,
    ) -> Result<Response<Self::SubmitStreamStream>, Status> {
        let (principal, trace) = (caller(&request)?, trace(&request));
        let answers = answer_stream(Arc::clone(&self.0), principal, trace, request.into_inner());
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get(
        &self,
        request: Request<v1::GetRequest>,
    ) -> Result<Response<v1::GetResponse>, Status> {
        let language = Language::of(request.metadata());
        let scope = caller(&request)?.scope();
        let got = get_one(&self.0, &scope, request.into_inner()).await;
        got.map(Response::new).map_err(|error| status::of(error, language))
    }

    async fn list(
        &self,
        request: Request<v1::ListRequest>,
    ) -> Result<Response<v1::ListResponse>, Status> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let asked = request.into_inner();
        let (size, token) = (asked.page_size, asked.page_token.clone());
        let filter = filter(asked).map_err(|refusal| status::of(refusal, language))?;
        let (records, next_page_token) = read::list(&self.0, &principal, filter, (size, &token))
            .await
            .map_err(|error| status::of(error, language))?;
        let records = records.into_iter().map(record).collect();
        Ok(Response::new(v1::ListResponse { records, next_page_token }))
    }

    async fn amend(
        &self,
        request: Request<v1::AmendRequest>,
    ) -> Result<Response<v1::AmendResponse>, Status> {
        let language = Language::of(request.metadata());
        let (principal, trace) = (caller(&request)?, trace(&request));
        let done = amend_one(&self.0, &principal, request.into_inner(), trace).await;
        done.map(Response::new).map_err(|error| status::of(error, language))
    }

    async fn withdraw(
        &self,
        request: Request<v1::WithdrawRequest>,
    ) -> Result<Response<v1::WithdrawResponse>, Status> {
        let language = Language::of(request.metadata());
        let (principal, trace) = (caller(&request)?, trace(&request));
        let done = withdraw_one(&self.0, &principal, request.into_inner(), trace).await;
        done.map(Response::new).map_err(|error| status::of(error, language))
    }

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let v1::WatchRequest { resume_token, name } = request.into_inner();
        let news = watch::watch(&self.0, &principal, &name, &resume_token)
            .await
            .map_err(|error| status::of(error, language))?;
        let told =
            news.map(move |news| news.and_then(told).map_err(|error| status::of(error, language)));
        Ok(Response::new(Box::pin(told)))
    }
}

/// How a request comes to the group commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Refused when too much is waiting.
    Offer,
    /// Waits for room: the stream's own flow control bounds it.
    Queue,
}

async fn submit_one(
    declarations: &Declarations,
    principal: &Principal,
    request: v1::SubmitRequest,
    trace: String,
    door: Door,
) -> Result<v1::SubmitResponse, Error> {
    let v1::SubmitRequest { request_id, declaration, validate_only, pre_no } = request;
    let asked = (request_id.as_str(), pre_no);
    let submission = submit::parse(declarations, principal, asked, declaration, trace)?;
    let warnings =
        warnings(&submission.checked.warnings, submission.checked.declaration.ceb.as_ref());
    let slot = submission.slot;
    // The national door files for many firms: each has its own turn.
    let share = match principal.kind {
        Kind::Gateway => Share::firm(&submission.checked.declaration.declarant.code),
        _ => Share::of(principal),
    };
    let command = Command::Submit(Box::new(submission));
    let done = match door {
        Door::Queue if !validate_only => declarations.batch.queue(slot, &share, command).await??,
        Door::Offer | Door::Queue => {
            declarations.run_or_rehearse(&share, command, validate_only).await?
        }
    };
    let Done::Filed(receipt) = done else {
        return Err(Fault::Broken("a submission was answered with something else".into()).into());
    };
    let kept = !validate_only;
    let mut warnings = warnings;
    if let Some(field) = &receipt.repeats {
        warnings.push(repeats(field));
    }
    Ok(v1::SubmitResponse {
        name: if kept { receipt.id.name() } else { String::new() },
        pre_no: if kept { receipt.pre_no } else { String::new() },
        version: 1,
        state: v1::State::UnderReview.into(),
        filed_time: Some(proto::timestamp(receipt.filed_time)),
        warnings,
        repeated: receipt.repeated,
    })
}

/// Reads the one that has this name, or the one or several that have this number.
async fn get_one(
    declarations: &Declarations,
    scope: &Scope,
    request: v1::GetRequest,
) -> Result<v1::GetResponse, Error> {
    let v1::GetRequest { name, number, number_kind } = request;
    if number.is_empty() {
        let found = read::get(declarations, scope, &name).await?;
        return Ok(v1::GetResponse { record: Some(whole(found)?), candidates: Vec::new() });
    }
    if !name.is_empty() {
        return Err(Refusal::of(Code::NameMalformed).with("field", "name and number").into());
    }
    if number.chars().any(char::is_control) {
        return Err(Refusal::of(Code::BadCharacter).with("field", "number").into());
    }
    let kind = v1::NumberKind::try_from(number_kind)
        .map_err(|_| Refusal::of(Code::CodeUnknown).with("field", "number_kind"))?;
    match read::by_number(declarations, scope, &number, kind.kind()).await? {
        read::Named::One(found) => {
            Ok(v1::GetResponse { record: Some(whole(*found)?), candidates: Vec::new() })
        }
        read::Named::Several(found) => {
            let candidates = found.into_iter().map(record).collect();
            Ok(v1::GetResponse { record: None, candidates })
        }
    }
}

/// Rules that were broken without stopping it, and what was not checked.
fn warnings(found: &[Violation], ceb: Option<&domain::declaration::CebSource>) -> Vec<v1::Warning> {
    let mut warnings: Vec<v1::Warning> = found.iter().map(Into::into).collect();
    if let Some(source) = ceb {
        let code = Code::SignatureNotChecked;
        let what = if source.signed { "carries a signature" } else { "carries no signature" };
        let what_zh = if source.signed { "报文带有签名" } else { "报文没有签名" };
        warnings.push(v1::Warning {
            code: code.id().to_owned(),
            field: "declaration.ceb".to_owned(),
            text: format!("the message {what}; {}", code.title()),
            text_zh: format!("{what_zh}，{}", code.title_zh()),
        });
    }
    warnings
}

/// A national document that repeats another one under the same guid with other content.
fn repeats(field: &str) -> v1::Warning {
    let code = Code::DocumentRepeated;
    v1::Warning {
        code: code.id().to_owned(),
        field: field.to_owned(),
        text: format!("{}; this one differs from it here", code.title()),
        text_zh: format!("{}；本单证在此处与其不同", code.title_zh()),
    }
}

/// Answers a stream item by item, in order; many items share a transaction.
fn answer_stream(
    declarations: Arc<Declarations>,
    principal: Arc<Principal>,
    trace: String,
    mut items: Streaming<v1::SubmitStreamRequest>,
) -> impl Stream<Item = Result<v1::SubmitStreamResponse, Status>> + Send {
    async_stream::try_stream! {
        let mut filing = FuturesOrdered::new();
        let (mut open, mut ended) = (true, Ok(()));
        while open || !filing.is_empty() {
            let room = open && filing.len() < limits::STREAM_IN_FLIGHT_MAX;
            let (item, answered) = tokio::select! {
                item = items.message(), if room => (Some(item), None),
                answered = filing.next(), if !filing.is_empty() => (None, answered),
                // What was taken is answered; the rest is for the next window.
                () = declarations.draining.cancelled(), if open => {
                    (open, ended) = (false, Err(status::plain(Code::Unavailable)));
                    (None, None)
                }
            };
            match item {
                Some(Ok(Some(item))) => {
                    let (declarations, principal) = (declarations.clone(), principal.clone());
                    let answered = answer(declarations, principal, trace.clone(), item.item);
                    filing.push_back(memory::item(answered));
                }
                Some(Ok(None)) => open = false,
                // So is what came before one that cannot be read.
                Some(Err(status)) => (open, ended) = (false, Err(status)),
                None => {}
            }
            if let Some(answered) = answered {
                yield answered;
            }
        }
        ended?;
    }
}

async fn answer(
    declarations: Arc<Declarations>,
    principal: Arc<Principal>,
    trace: String,
    item: Option<v1::SubmitRequest>,
) -> v1::SubmitStreamResponse {
    // An item without a request has no request id, and is refused for it.
    let item = item.unwrap_or_default();
    let request_id = item.request_id.clone();
    let done = match proto::text::check(&item) {
        Ok(()) => submit_one(&declarations, &principal, item, trace, Door::Queue).await,
        Err(refusal) => Err(refusal.into()),
    };
    let result = match done {
        Ok(receipt) => Item::Receipt(receipt),
        Err(error) => Item::Refusal(status::refused_item(error.into())),
    };
    v1::SubmitStreamResponse { request_id, result: Some(result) }
}

async fn amend_one(
    declarations: &Declarations,
    principal: &Principal,
    request: v1::AmendRequest,
    trace: String,
) -> Result<v1::AmendResponse, Error> {
    let v1::AmendRequest { request_id, name, version, declaration, validate_only } = request;
    let asked = (request_id.as_str(), name.as_str(), version);
    let amendment = amend::parse(declarations, principal, asked, declaration, trace)?;
    let (id, checked) = (amendment.id, &amendment.checked);
    let warnings = warnings(&checked.warnings, checked.declaration.ceb.as_ref());
    let share = Share::of(principal);
    let command = Command::Amend(Box::new(amendment));
    let done = declarations.run_or_rehearse(&share, command, validate_only).await?;
    let Done::Amended(version) = done else {
        return Err(Fault::Broken("an amendment was answered with something else".into()).into());
    };
    let state = v1::State::UnderReview.into();
    Ok(v1::AmendResponse { name: id.name(), version, state, warnings })
}

async fn withdraw_one(
    declarations: &Declarations,
    principal: &Principal,
    request: v1::WithdrawRequest,
    trace: String,
) -> Result<v1::WithdrawResponse, Error> {
    let v1::WithdrawRequest { request_id, name, version, reason, validate_only } = request;
    let asked = (request_id.as_str(), name.as_str(), version);
    let withdrawal = withdraw::parse(principal, asked, reason, trace)?;
    let id = withdrawal.id;
    let share = Share::of(principal);
    let command = Command::Withdraw(withdrawal);
    declarations.run_or_rehearse(&share, command, validate_only).await?;
    Ok(v1::WithdrawResponse { name: id.name(), state: v1::State::Withdrawn.into() })
}

/// A filter that cannot be read is refused: dropped, it would widen the list.
fn filter(asked: v1::ListRequest) -> Result<read::Filter, Refusal> {
    let v1::ListRequest {
        page_size,
        page_token: _,
        state,
        trade_mode,
        order_no,
        declarant_code,
        filed_from_time,
        filed_until_time,
    } = asked;
    let refuse = |code: Code, field: &str| Refusal::of(code).with("field", field);
    if page_size < 0 {
        return Err(refuse(Code::NumberOutOfRange, "page_size"));
    }
    let state = v1::State::try_from(state).map_err(|_| refuse(Code::CodeUnknown, "state"))?;
    let text = |value: String| (!value.is_empty()).then_some(value);
    let time = |wire: Option<pbjson_types::Timestamp>, field: &str| {
        let read = wire.map(|wire| proto::time(wire).ok_or_else(|| refuse(Code::DateWrong, field)));
        read.transpose()
    };
    Ok(read::Filter {
        only: None,
        phase: state.phase(),
        trade_mode: text(trade_mode),
        order_no: text(order_no),
        declarants: text(declarant_code).map(|code| vec![code]),
        filed_from: time(filed_from_time, "filed_from_time")?,
        filed_until: time(filed_until_time, "filed_until_time")?,
    })
}

fn record(record: read::Record) -> v1::DeclarationRecord {
    let id = |id: Option<uuid::Uuid>| proto::text(id.map(|id| id.to_string()));
    v1::DeclarationRecord {
        name: record.id.name(),
        pre_no: record.pre_no,
        invt_no: proto::text(record.invt_no),
        version: record.clearance.version,
        round: record.clearance.round,
        state: v1::State::from(record.clearance.phase).into(),
        customs: v1::Stand::from(record.clearance.customs).into(),
        inspection: v1::Stand::from(record.clearance.inspection).into(),
        inspection_order_id: id(record.order_id),
        release_id: id(record.release_id),
        filed_time: Some(proto::timestamp(record.filed_time)),
        released_time: record.released_time.map(proto::timestamp),
        declaration: None,
        history: Vec::new(),
        order_no: record.order_no,
        trade_mode: record.trade_mode,
        waits_for: proto::facts::awaited(&awaited(&record.clearance)),
    }
}

fn damaged(error: impl std::fmt::Display) -> Error {
    Fault::Broken(format!("a stored message cannot be read: {error}")).into()
}

fn whole(whole: read::Whole) -> Result<v1::DeclarationRecord, Error> {
    let read::Whole { record: kept, content, history } = whole;
    let mut shown = record(kept);
    shown.declaration = Some(Content::decode(content).map_err(damaged)?);
    for entry in history {
        shown.history.push(v1::HistoryEntry {
            time: Some(proto::timestamp(entry.recorded_time)),
            version: column::number(entry.version)?,
            facts: proto::facts::decode(&entry.facts).map_err(damaged)?.facts,
        });
    }
    Ok(shown)
}

fn told(news: watch::News) -> Result<v1::WatchResponse, Error> {
    match news {
        watch::News::Quiet(resume_token) => {
            Ok(v1::WatchResponse { resume_token, ..Default::default() })
        }
        watch::News::Entry(entry, token) => {
            let Entry { subject, version, phase, facts, recorded_time, .. } = &*entry;
            let phase: Phase = case::phase(*phase)?;
            let v1::Facts { facts, waits_for } = proto::facts::decode(facts).map_err(damaged)?;
            Ok(v1::WatchResponse {
                name: DeclarationId::from_uuid(*subject).name(),
                version: column::number(*version)?,
                state: v1::State::from(phase).into(),
                facts,
                waits_for,
                time: Some(proto::timestamp(*recorded_time)),
                resume_token: proto::text(token),
            })
        }
    }
}
