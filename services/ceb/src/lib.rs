//! The national door (统一版报文接入): CEB messages come in, receipts go out, as the real system does it.
//!
//! What this service promises: an answer is given after it is durable; a document has one effect
//! however often it comes; an inventory is filed when its order, payment and waybill fit it, and not
//! before; whatever the declaration service tells becomes a receipt exactly once. Read [`message`],
//! then [`commit`], then [`relay`].

mod commit;
mod errand;
mod expire;
mod export;
mod follow;
mod import;
mod issue;
mod log;
mod matching;
mod message;
mod paper;
mod pulls;
mod read;
mod receipt;
mod receive;
mod relay;
mod shelf;
mod step;
mod views;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::Window;
use domain::documents::{DocumentKind, Missing, returns, tax};
use domain::refusal::{Code, Refusal};
use domain::{Principal, Slot, limits};
use futures::stream::FuturesOrdered;
use futures::{Stream, StreamExt as _};
use kit::deliver::{FIRST_PAUSE, Port, Queue};
use kit::progress::{Progress, measure};
use kit::{Loop, Mounted};
use proto::call::{caller, trace};
use proto::ceb::{self, Document, MessageType};
use proto::memory;
use proto::status::{self, Language};
use proto::turn;
use proto::v1;
use proto::v1::ceb_service_server::CebService;
use proto::v1::send_stream_response::Result as Item;
use sqlx::PgPool;
use store::batch::{self, Batch};
use store::journal;
use store::share::Share;
use store::tail::{Reader, Signal, Tail};
use store::token::TokenKey;
use store::{Clock, Unanswered};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use commit::{Command, Desk, Done};
pub use message::Policy;
use pulls::Pulls;
use receipt::{About, Said};
pub use signature::Trust;

/// The schema of this service, in `migrations/ceb`.
pub const SCHEMA: &str = "ceb";
/// Brings it up to date.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/ceb");

/// Lanes of the group commit: one, see `commit`.
const LANES: usize = 1;

/// The service.
#[derive(Debug)]
pub(crate) struct Ceb {
    /// For reading.
    pub(crate) reads: PgPool,
    pub(crate) tokens: TokenKey,
    pub(crate) tail: Tail,
    pub(crate) batch: Batch<Desk>,
    pub(crate) clock: Clock,
    pub(crate) policy: Policy,
    draining: CancellationToken,
    /// Readers that wait for receipts.
    pulls: Pulls,
}

/// The service as it is mounted.
#[derive(Debug, Clone)]
pub struct Service(Arc<Ceb>);

/// Names of the queues, for their figures.
const QUEUES: &[&str] = &[errand::FILING, errand::WITHDRAWAL, errand::MATCHING, follow::NEWS];

impl Service {
    /// How many messages of one firm may be under way while too much waits; `None` while there is room.
    pub fn most_of_each(&self) -> Option<usize> {
        self.0.batch.most_of_each()
    }

    /// The service over its tables. `window` is how it reaches the declaration service.
    pub fn new(
        (work, reads): (PgPool, PgPool),
        (clock, tokens): (Clock, TokenKey),
        policy: Policy,
        window: Window,
        (draining, closing): (CancellationToken, CancellationToken),
    ) -> Mounted<Self> {
        let tail = Tail::default();
        let hints = Arc::new(errand::Hints::default());
        let desk = Desk { tail: tail.clone(), clock: clock.clone(), errands: Arc::clone(&hints) };
        let (batch, lanes) = batch::lanes(Arc::new(desk), &work, LANES, &closing);
        let stop = draining.clone();
        let pulls = Pulls::default();
        let pool = reads.clone();
        let this = Arc::new(Ceb { reads, tokens, tail, batch, clock, policy, draining, pulls });
        let mut loops: Vec<Loop> =
            lanes.into_iter().map(|lane| -> Loop { Box::pin(lane) }).collect();
        loops.push(Box::pin(this.tail.run(this.reads.clone(), closing)));
        let filing = queue("ceb.filing", relay::Filing(Arc::clone(&this), window.clone()), &this);
        let withdrawal = relay::Withdrawal(Arc::clone(&this), window.clone());
        let withdrawal = queue("ceb.withdrawal", withdrawal, &this);
        let matching = queue("ceb.matching", relay::Matching(Arc::clone(&this)), &this);
        let late = queue("ceb.late-news", relay::LateNews(Arc::clone(&this)), &this);
        let news = Progress::new("ceb.news");
        let progress = vec![
            filing.progress.clone(),
            withdrawal.progress.clone(),
            matching.progress.clone(),
            late.progress.clone(),
            news.clone(),
        ];
        let (ending, wake) = (stop.clone(), Arc::clone(&hints));
        loops.push(Box::pin(async move { filing.run(&wake.filing, &ending).await }));
        let (ending, wake) = (stop.clone(), hints);
        loops.push(Box::pin(async move { withdrawal.run(&wake.withdrawal, &ending).await }));
        let ending = stop.clone();
        loops.push(Box::pin(async move { matching.run(&Notify::new(), &ending).await }));
        let ending = stop.clone();
        loops.push(Box::pin(async move { late.run(&Notify::new(), &ending).await }));
        let rows = (pool, this.clock.clone());
        loops.push(Box::pin(measure(SCHEMA, QUEUES, rows, progress.clone(), stop.clone())));
        let ceb = Arc::clone(&this);
        loops.push(Box::pin(async move { relay::follow(&ceb, &window, &news, &stop).await }));
        Mounted { service: Self(this), loops, progress }
    }
}

fn queue<P: Port>(name: &'static str, port: P, ceb: &Ceb) -> Queue<P> {
    Queue {
        port,
        service: SCHEMA,
        pool: ceb.reads.clone(),
        clock: ceb.clock.clone(),
        progress: Progress::new(name),
        pause: FIRST_PAUSE,
    }
}

impl Ceb {
    /// Takes one message or envelope.
    async fn send(
        &self,
        principal: &Arc<Principal>,
        bytes: &[u8],
        trace: &str,
        door: Door,
    ) -> Result<v1::SendResponse, Unanswered> {
        memory::need(bytes.len().saturating_mul(limits::MEMORY_PER_CEB_BYTE)).map_err(|no| *no)?;
        let read = message::read(&self.policy, principal, bytes, trace, self.clock.now())?;
        let share = Share::of(principal);
        let documents = match read {
            message::Message::Documents(documents) => documents,
            message::Message::Broken(broken) => {
                let message::Broken { malformed, faults, envelope_id, answer } = *broken;
                if !malformed.dxp_id.is_empty() {
                    let slot = Slot::of(&malformed.dxp_id);
                    self.batch.queue(slot, &share, Command::Malformed(malformed)).await?;
                }
                return Ok(v1::SendResponse {
                    envelope_id,
                    messages: vec![outgoing(MessageType::Ceb900, &[answer])],
                    faults: faults.into_iter().map(fault).collect(),
                    ..v1::SendResponse::default()
                });
            }
        };
        let message::Documents { guid, message_type, envelope_id, documents } = documents;
        let share = &share;
        let waiting = documents.into_iter().map(|document| {
            let slot = document.slot;
            let command = Command::Receive(Box::new(document));
            async move {
                match door {
                    Door::Offer => {
                        Ok::<_, Unanswered>(self.batch.offer(slot, share, command).await?)
                    }
                    Door::Queue => Ok(self.batch.queue(slot, share, command).await?),
                }
            }
        });
        let mut said: Vec<Said> = Vec::new();
        for done in futures::future::join_all(waiting).await {
            // What was refused for lack of room is sent again whole: documents are known by guid.
            if let Done::Received(more) = done? {
                said.extend(more);
            }
        }
        Ok(v1::SendResponse {
            guid,
            message_type: message_type.number().into(),
            envelope_id,
            messages: grouped(said),
            faults: Vec::new(),
        })
    }

    /// Takes what customs issues, document by document.
    async fn issue(&self, bytes: &[u8]) -> Result<u32, Unanswered> {
        let read = ceb::read(bytes).map_err(|faults| {
            Refusal::invalid(faults.into_iter().map(message::violation).collect())
        })?;
        if !matches!(read.message_type, MessageType::Ceb816 | MessageType::Ceb818) {
            let refusal = Refusal::of(Code::XmlTypeUnsupported);
            return Err(refusal.with("type", read.message_type.name()).into());
        }
        let mut taken = 0;
        for document in read.documents {
            let document = document.document;
            let value = |element| document.text(element);
            let guid = uuid::Uuid::now_v7().to_string().to_uppercase();
            let body = ceb::write(read.message_type, &guid, std::slice::from_ref(&document));
            // The schema lets one digit through.
            let status = value("status")
                .parse()
                .map_err(|_| Refusal::of(Code::CodeUnknown).with("field", "status"))?;
            let issued = issue::Issued {
                message_type: read.message_type,
                guid: value("guid"),
                invt_no: value("invtNo"),
                status,
                body: Bytes::from(body),
            };
            let slot = Slot::of(&issued.invt_no);
            let done =
                self.batch.queue(slot, &Share::Kept, Command::Issue(Box::new(issued))).await?;
            taken += u32::from(matches!(done, Done::Issued(true)));
        }
        Ok(taken)
    }

    /// Messages of an exchange number after a position; waits for the first one.
    async fn log(
        &self,
        dxp_id: &str,
        about: &read::About,
        after: i64,
        (most, bytes): (i32, i64),
        wait: Duration,
    ) -> Result<Vec<v1::OutgoingMessage>, Unanswered> {
        let most =
            if most == 0 { limits::RECEIPTS_PAGE_DEFAULT } else { most.clamp(1, limits::PAGE_MAX) };
        let most = i64::from(most);
        let until = tokio::time::Instant::now() + wait;
        let mut tail = if wait.is_zero() { None } else { Some(self.listen(dxp_id).await?) };
        loop {
            let found = read::log(&self.reads, dxp_id, about, after, (most, bytes)).await?;
            let Some(tail) = tail.as_mut().filter(|_| found.is_empty()) else {
                return Ok(found.into_iter().map(logged).collect());
            };
            loop {
                // Others read meanwhile.
                let heard = turn::rest(async {
                    tokio::select! {
                        heard = tokio::time::timeout_at(until, tail.next()) => heard.ok(),
                        () = self.draining.cancelled() => None,
                    }
                });
                let Some(entries) = heard.await else { return Ok(Vec::new()) };
                if entries?.iter().any(|entry| entry.owner == dxp_id) {
                    break;
                }
            }
        }
    }
}

impl Ceb {
    /// Hears of what comes into the log of an exchange number from now on. Listening begins before looking, so
    /// that nothing falls between; and at the head, because what is behind is found by its reader's name.
    async fn listen(&self, dxp_id: &str) -> Result<Reader, Unanswered> {
        let heads = journal::heads(&self.reads, &[Slot::of(dxp_id).column()]).await?;
        Ok(self.tail.read(self.reads.clone(), heads))
    }
}

/// How documents come to the group commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Refused when too much is waiting.
    Offer,
    /// Waits for room: the stream's own flow control bounds it.
    Queue,
}

/// Receipts as messages, one for each type.
fn grouped(said: Vec<Said>) -> Vec<v1::OutgoingMessage> {
    let mut types: Vec<(MessageType, Vec<Said>)> = Vec::new();
    for one in said {
        match types.iter_mut().find(|(kind, _)| *kind == one.message_type) {
            Some((_, same)) => same.push(one),
            None => types.push((one.message_type, vec![one])),
        }
    }
    let mut messages = Vec::new();
    for (kind, same) in types {
        // A message carries a hundred.
        messages.extend(same.chunks(limits::CEB_DOCUMENTS_MAX).map(|said| together(kind, said)));
    }
    messages
}

/// Receipts of one type as one message.
fn together(kind: MessageType, said: &[Said]) -> v1::OutgoingMessage {
    let documents: Vec<Document> = said.iter().map(|one| Document::clone(&one.document)).collect();
    v1::OutgoingMessage {
        // 0 where none was written into a log.
        position: said.iter().map(|one| one.position).max().unwrap_or(0),
        receipts: said.iter().filter_map(|one| receipt_of(&one.document, &one.about)).collect(),
        ..outgoing(kind, &documents)
    }
}

fn outgoing(kind: MessageType, documents: &[Document]) -> v1::OutgoingMessage {
    let guid = uuid::Uuid::now_v7().to_string().to_uppercase();
    let about = About::default();
    v1::OutgoingMessage {
        position: 0,
        message_type: kind.number().into(),
        xml: ceb::write(kind, &guid, documents),
        time: None,
        tax_bills: Vec::new(),
        receipts: documents.iter().filter_map(|it| receipt_of(it, &about)).collect(),
    }
}

/// A receipt, read; `None` for what is none.
fn receipt_of(document: &Document, about: &About) -> Option<v1::Receipt> {
    let value = |element| document.text(element);
    let status: i32 = document.value("returnStatus")?.parse().ok()?;
    Some(v1::Receipt {
        message_type: document.message_type().number().into(),
        document_guid: about.guid.clone(),
        key: about.key.replace('\u{1f}', " "),
        return_status: status,
        return_info: value("returnInfo"),
        meaning: returns::title(status).to_owned(),
        pre_no: value("preNo"),
        invt_no: value("invtNo"),
    })
}

/// A tax bill, read; `None` for what is none. `about` is its inventory.
fn tax_bill(document: &Document, about: &About) -> Option<v1::TaxBill> {
    let (tax_no, invt_no, status, ent_duty_no, amounts) = match document {
        Document::Ceb816(ceb::import::Tax { head, .. }) => {
            let amounts = v1::TaxAmounts {
                customs_tax_e5: head.customs_tax,
                value_added_tax_e5: head.value_added_tax,
                consumption_tax_e5: head.consumption_tax,
            };
            (&head.tax_no, &head.invt_no, &head.status, &head.ent_duty_no, Some(amounts))
        }
        Document::Ceb818(ceb::import::TaxStatus { head }) => {
            (&head.tax_no, &head.invt_no, &head.status, &head.ent_duty_no, None)
        }
        _ => return None,
    };
    // The key of an inventory is its seller and its order number.
    let order_no = about.key.split('\u{1f}').nth(1).unwrap_or_default();
    Some(v1::TaxBill {
        message_type: document.message_type().number().into(),
        tax_no: tax_no.clone(),
        invt_no: invt_no.clone(),
        order_no: order_no.to_owned(),
        status: status.parse().ok()?,
        meaning: tax::bill_title(status).to_owned(),
        amounts,
        ent_duty_no: ent_duty_no.clone(),
    })
}

fn logged(logged: read::Logged) -> v1::OutgoingMessage {
    let read::Logged { position, message_type, about, body, time } = logged;
    // A copy of somebody's data is carried as it is, whether or not it can be read.
    let documents = ceb::read(&body).map(|read| read.documents).unwrap_or_default();
    let documents = || documents.iter().map(|read| &read.document);
    let receipts = documents().filter_map(|document| receipt_of(document, &about)).collect();
    let tax_bills = documents().filter_map(|document| tax_bill(document, &about)).collect();
    v1::OutgoingMessage {
        position,
        message_type,
        xml: String::from_utf8_lossy(&body).into_owned(),
        time: Some(proto::timestamp(time)),
        receipts,
        tax_bills,
    }
}

fn fault(fault: ceb::Fault) -> v1::MessageFault {
    let ceb::Fault { code, line, element, text, text_zh } = fault;
    v1::MessageFault { code: code.id().to_owned(), line, element, text, text_zh }
}

fn record(found: read::Found) -> v1::DocumentRecord {
    let read::Found { paper, missing } = found;
    v1::DocumentRecord {
        message_type: paper.kind.number().into(),
        key: paper.kind.shown_key(&paper.key).replace('\u{1f}', " "),
        guid: paper.guid,
        order_no: paper.names.order_no,
        return_status: paper.status,
        deleted: paper.deleted,
        missing: missing.into_iter().map(|missing| word(missing).to_owned()).collect(),
        pre_no: paper.pre_no,
        invt_no: paper.invt_no,
        declaration: proto::text(paper.declaration.map(|id| format!("declarations/{id}"))),
        changed_time: Some(proto::timestamp(paper.changed)),
        dxp_id: paper.dxp_id,
        return_info: paper.info,
        cop_no: paper.names.cop_no,
        logistics_no: paper.names.logistics_no,
        bill_no: paper.names.bill_no,
    }
}

fn word(missing: Missing) -> &'static str {
    match missing {
        Missing::Order => "order",
        Missing::Payment => "payment",
        Missing::Waybill => "waybill",
    }
}

/// The caller reads under its own exchange number only.
fn own_log(principal: &Principal, dxp_id: &str) -> Result<(), Refusal> {
    if dxp_id.is_empty() {
        return Err(Refusal::of(Code::Required).with("field", "dxp_id"));
    }
    if principal.holds(dxp_id) {
        return Ok(());
    }
    Err(Refusal::of(Code::ExchangeNumberForeign).with("dxp_id", dxp_id))
}

#[tonic::async_trait]
impl CebService for Service {
    type SendStreamStream =
        Pin<Box<dyn Stream<Item = Result<v1::SendStreamResponse, Status>> + Send>>;
    type FollowReceiptsStream =
        Pin<Box<dyn Stream<Item = Result<v1::FollowReceiptsResponse, Status>> + Send>>;

    async fn send(
        &self,
        request: Request<v1::SendRequest>,
    ) -> Result<Response<v1::SendResponse>, Status> {
        let language = Language::of(request.metadata());
        let (principal, trace) = (caller(&request)?, trace(&request));
        let bytes = request.into_inner().message;
        let sent = self.0.send(&principal, &bytes, &trace, Door::Offer).await;
        sent.map(Response::new).map_err(|error| status::of(error, language))
    }

    async fn send_stream(
        &self,
        request: Request<Streaming<v1::SendStreamRequest>>,
    ) -> Result<Response<Self::SendStreamStream>, Status> {
        let (principal, trace) = (caller(&request)?, trace(&request));
        let answers = answer_stream(Arc::clone(&self.0), principal, trace, request.into_inner());
        Ok(Response::new(Box::pin(answers)))
    }

    async fn list_receipts(
        &self,
        request: Request<v1::ListReceiptsRequest>,
    ) -> Result<Response<v1::ListReceiptsResponse>, Status> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let v1::ListReceiptsRequest { dxp_id, after, page_size, wait_seconds, order_no, key } =
            request.into_inner();
        own_log(&principal, &dxp_id).map_err(|refusal| status::of(refusal, language))?;
        let wait = u64::from(wait_seconds).min(limits::RECEIPTS_WAIT_SECONDS_MAX);
        // Whoever waits is like a stream, and is counted like one.
        let turn = (wait > 0).then(|| self.0.pulls.enter(&principal.name)).transpose();
        let _turn = turn.map_err(|refusal| status::of(refusal, language))?;
        // Behind every position there is nothing.
        let from = i64::try_from(after).unwrap_or(i64::MAX);
        let messages = self
            .0
            .log(
                &dxp_id,
                &read::About { order_no, key },
                from,
                (page_size, limits::RECEIPTS_PAGE_BYTES),
                Duration::from_secs(wait),
            )
            .await
            .map_err(|error| status::of(error, language))?;
        let next_after = messages.last().map_or(after, |last| last.position);
        Ok(Response::new(v1::ListReceiptsResponse { messages, next_after }))
    }

    async fn follow_receipts(
        &self,
        request: Request<v1::FollowReceiptsRequest>,
    ) -> Result<Response<Self::FollowReceiptsStream>, Status> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let v1::FollowReceiptsRequest { dxp_id, after } = request.into_inner();
        own_log(&principal, &dxp_id).map_err(|refusal| status::of(refusal, language))?;
        let told = follow_log(Arc::clone(&self.0), dxp_id, after);
        let told = told.map(move |told| told.map_err(|error| status::of(error, language)));
        Ok(Response::new(Box::pin(told)))
    }

    async fn list_documents(
        &self,
        request: Request<v1::ListDocumentsRequest>,
    ) -> Result<Response<v1::ListDocumentsResponse>, Status> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let v1::ListDocumentsRequest {
            order_no,
            message_type,
            waiting,
            page_size,
            page_token,
            number,
        } = request.into_inner();
        let kind = u16::try_from(message_type).ok().and_then(DocumentKind::from_number);
        if message_type != 0 && kind.is_none() {
            let refusal = Refusal::of(Code::CodeUnknown).with("message_type", message_type);
            return Err(status::of(refusal, language));
        }
        let everything = principal.holds("");
        let filter = read::Filter {
            order_no: Some(order_no).filter(|no| !no.is_empty()),
            kind,
            waiting,
            number: Some(number.trim().to_owned()).filter(|number| !number.is_empty()),
            dxp_ids: (!everything).then(|| principal.dxp_ids.clone()),
        };
        let (found, next_page_token) =
            read::documents(&self.0, &principal.name, filter, (page_size, &page_token))
                .await
                .map_err(|error| status::of(error, language))?;
        let documents = found.into_iter().map(record).collect();
        Ok(Response::new(v1::ListDocumentsResponse { documents, next_page_token }))
    }

    async fn issue(
        &self,
        request: Request<v1::IssueRequest>,
    ) -> Result<Response<v1::IssueResponse>, Status> {
        let language = Language::of(request.metadata());
        caller(&request)?;
        let bytes = request.into_inner().message;
        let taken = self.0.issue(&bytes).await.map_err(|error| status::of(error, language))?;
        Ok(Response::new(v1::IssueResponse { taken }))
    }
}

/// Answers a stream item by item, in order; many items share a transaction.
fn answer_stream(
    ceb: Arc<Ceb>,
    principal: Arc<Principal>,
    trace: String,
    mut items: Streaming<v1::SendStreamRequest>,
) -> impl Stream<Item = Result<v1::SendStreamResponse, Status>> + Send {
    async_stream::try_stream! {
        let mut taking = FuturesOrdered::new();
        let (mut open, mut ended, mut number) = (true, Ok(()), 0_u64);
        while open || !taking.is_empty() {
            let room = open && taking.len() < MESSAGES_IN_FLIGHT_MAX;
            let (item, answered) = tokio::select! {
                item = items.message(), if room => (Some(item), None),
                answered = taking.next(), if !taking.is_empty() => (None, answered),
                // What was taken is answered; the rest is for the next window.
                () = ceb.draining.cancelled(), if open => {
                    (open, ended) = (false, Err(status::plain(Code::Unavailable)));
                    (None, None)
                }
            };
            match item {
                Some(Ok(Some(item))) => {
                    // An item without a request is an empty message, and refused as one.
                    let bytes = item.item.unwrap_or_default().message;
                    let (ceb, principal) = (Arc::clone(&ceb), Arc::clone(&principal));
                    let answered = answer(ceb, principal, trace.clone(), number, bytes);
                    taking.push_back(memory::item(answered));
                    number += 1;
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

/// Messages of one stream that are not yet answered; each has up to a hundred documents.
const MESSAGES_IN_FLIGHT_MAX: usize = 64;

async fn answer(
    ceb: Arc<Ceb>,
    principal: Arc<Principal>,
    trace: String,
    item: u64,
    bytes: Vec<u8>,
) -> v1::SendStreamResponse {
    let sent = ceb.send(&principal, &bytes, &trace, Door::Queue).await;
    let result = match sent {
        Ok(answer) => Item::Answer(answer),
        Err(error) => {
            let v1::Refusal { grpc_code, code, message, message_zh, .. } =
                status::refused_item(error.into());
            Item::Refusal(v1::ItemRefusal { grpc_code, code, message, message_zh })
        }
    };
    v1::SendStreamResponse { item, result: Some(result) }
}

/// The log of an exchange number without end.
fn follow_log(
    ceb: Arc<Ceb>,
    dxp_id: String,
    after: u64,
) -> impl Stream<Item = Result<v1::FollowReceiptsResponse, Unanswered>> + Send {
    async_stream::try_stream! {
        let mut position = after;
        let everything = read::About::default();
        let mut tail = ceb.listen(&dxp_id).await?;
        loop {
            // Behind every position there is nothing.
            let from = i64::try_from(position).unwrap_or(i64::MAX);
            let page = (0, limits::RECEIPTS_FOLLOWED_BYTES);
            let messages = ceb.log(&dxp_id, &everything, from, page, Duration::ZERO).await?;
            let is_all = messages.is_empty();
            for message in messages {
                position = message.position;
                yield v1::FollowReceiptsResponse { message: Some(message), position };
            }
            if !is_all {
                continue;
            }
            loop {
                let signal = tokio::select! {
                    signal = tail.hear() => Some(signal),
                    () = ceb.draining.cancelled() => None,
                };
                let drains = || Refusal::of(Code::Unavailable).with("reason", "the window drains");
                match signal.ok_or_else(drains)?? {
                    Signal::Entries(entries) if entries.iter().all(|it| it.owner != dxp_id) => {}
                    Signal::Entries(_) => break,
                    Signal::Beat => yield v1::FollowReceiptsResponse { message: None, position },
                }
            }
        }
    }
}
