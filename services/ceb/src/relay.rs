//! The loops that connect the national door with the declaration service: ports of the queues of what is to
//! be done about documents, and the listener that hears what became of declarations. All speak the public
//! schema, like every client, and go on after any cut: what is to be done are rows, and the news are heard
//! from a kept token.

use std::sync::Arc;
use std::time::Duration;

use client::Window;
use domain::ids::is_given_by_door;
use domain::{DeclarationId, Slot};
use futures::StreamExt as _;
use kit::deliver::{Delivery, Port};
use kit::progress::Progress;
use kit::react::{self, Reaction};
use prost::Message as _;
use proto::ceb;
use proto::status::is_worth_repeating;
use proto::v1;
use proto::v1::fact::Kind as Wire;
use proto::v1::submit_stream_response::Result as Item;
use store::lease::Lease;
use store::share::Share;
use store::{Fault, queue};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use crate::Ceb;
use crate::commit::CebCommand;
use crate::errand::{Answered, FILING, MATCHING, Outcome, WITHDRAWAL};
use crate::follow::{Fact, Heard, NEWS, News, Progress as CebTransaction};
use crate::stored_document::StoredDocument;
use crate::{document_set, errand, expire, follow};

/// How long a stream of inventories may take; what is not answered then goes with the next.
const FILING_TIME: Duration = Duration::from_secs(10);
/// After a failure of the listener.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the lease of the news is extended.
const RENEW: Duration = Duration::from_secs(2);
/// How often the place in the news is kept when none of them is ours.
const KEEP: Duration = Duration::from_secs(5);

/// Inventories that are complete go to the declaration service.
#[derive(Debug)]
pub(crate) struct Filing(pub(crate) Arc<Ceb>, pub(crate) Window);

impl Port for Filing {
    const QUEUE: &'static str = FILING;

    async fn deliver(&self, items: &[queue::Item]) -> Vec<Delivery> {
        let Self(ceb, window) = self;
        each(ceb, Self::QUEUE, items, async |papers| file_all(ceb, window, papers).await).await
    }
}

/// Cancellations withdraw their inventory.
#[derive(Debug)]
pub(crate) struct Withdrawal(pub(crate) Arc<Ceb>, pub(crate) Window);

impl Port for Withdrawal {
    const QUEUE: &'static str = WITHDRAWAL;

    async fn deliver(&self, items: &[queue::Item]) -> Vec<Delivery> {
        let Self(ceb, window) = self;
        each(ceb, Self::QUEUE, items, async |papers| {
            let withdrawn = papers.into_iter().map(|paper| withdraw(ceb, window, paper));
            futures::stream::iter(withdrawn).buffered(WITHDRAWALS_AT_ONCE).collect().await
        })
        .await
    }
}

/// Withdrawals that are on their way at once: none waits long for another.
const WITHDRAWALS_AT_ONCE: usize = 16;

/// Inventories that have waited too long for their documents.
#[derive(Debug)]
pub(crate) struct Matching(pub(crate) Arc<Ceb>);

impl Port for Matching {
    const QUEUE: &'static str = MATCHING;

    async fn deliver(&self, items: &[queue::Item]) -> Vec<Delivery> {
        let Self(ceb) = self;
        each(ceb, Self::QUEUE, items, async |papers| {
            let expired = papers.iter().map(|paper| {
                let expired = expire::Expired::of(paper, ceb.clock.now());
                let command = |reply| CebCommand::Expire(expired, reply);
                ceb.batch.enqueue(paper.slot, &Share::Kept, command)
            });
            let done = futures::future::join_all(expired).await;
            done.into_iter().map(settled).collect()
        })
        .await
    }
}

/// What a command means for the item that it was about.
fn settled(done: Result<bool, Fault>) -> Delivery {
    match done {
        // It changed meanwhile and waits anew.
        Ok(false) => Delivery::NotYet,
        done => Delivery::settled(done),
    }
}

/// Has the documents of items handled; one that cannot be read fails alone, and one that is gone needs
/// nothing any more.
async fn each(
    ceb: &Ceb,
    queue: &str,
    items: &[queue::Item],
    handle: impl AsyncFnOnce(Vec<StoredDocument>) -> Vec<Delivery>,
) -> Vec<Delivery> {
    let found = match document_set::of_items(&ceb.reads, items).await {
        Ok(found) => found,
        Err(fault) => return Delivery::shared(&fault, items),
    };
    let mut papers = Vec::new();
    let mut became: Vec<Option<Delivery>> = Vec::with_capacity(items.len());
    for (item, found) in items.iter().zip(found) {
        became.push(match found {
            Some(Ok(paper)) => {
                papers.push(paper);
                None
            }
            Some(Err(fault)) => Some(Delivery::of(&fault)),
            None => Some(Delivery::settled(forget(ceb, queue, item).await)),
        });
    }
    let handled = if papers.is_empty() { Vec::new() } else { handle(papers).await };
    let mut handled = handled.into_iter();
    let no_answer = || Delivery::Suspect("nobody said what became of it".to_owned());
    let became = became.into_iter();
    became.map(|it| it.unwrap_or_else(|| handled.next().unwrap_or_else(no_answer))).collect()
}

async fn forget(ceb: &Ceb, queue: &str, item: &queue::Item) -> Result<(), Fault> {
    let mut connection = ceb.reads.acquire().await?;
    queue::settle(&mut connection, queue, &[(item.slot, item.id)]).await.map(drop)
}

/// Files inventories over one stream, and takes the answers down together.
async fn file_all(ceb: &Ceb, window: &Window, papers: Vec<StoredDocument>) -> Vec<Delivery> {
    let items: Vec<v1::SubmitRequest> = papers
        .iter()
        .map(|paper| v1::SubmitRequest {
            request_id: paper.id.to_string(),
            declaration: ceb::declaration(&paper.document),
            validate_only: false,
            pre_no: paper.pre_no.clone(),
        })
        .collect();
    let mut answers: Vec<Option<Result<Outcome, Delivery>>> = papers.iter().map(|_| None).collect();
    let sent = client::submit_all(window, items, |place, answer| {
        answers[place] = Some(outcome(answer));
    });
    // One that the window cannot take now is repeated there; the others are not kept waiting for it.
    let sent = tokio::time::timeout(FILING_TIME, sent).await;
    let unanswered = match sent {
        Ok(Err(status)) if !is_worth_repeating(status.code()) => {
            Delivery::Suspect(format!("the declaration service: {status}"))
        }
        Ok(Err(status)) => Delivery::Away(format!("the declaration service: {status}")),
        Ok(Ok(())) | Err(_) => Delivery::Away("the declaration service did not answer".to_owned()),
    };
    let told = papers.iter().zip(answers).map(|(paper, answer)| {
        let unanswered = &unanswered;
        async move {
            match answer {
                Some(Ok(outcome)) => take_down(ceb, paper, outcome).await,
                Some(Err(became)) => became,
                None => unanswered.clone(),
            }
        }
    });
    futures::future::join_all(told).await
}

async fn take_down(ceb: &Ceb, paper: &StoredDocument, outcome: Outcome) -> Delivery {
    let answered = Answered::of(paper, outcome);
    let slot = answered.slot;
    let command = |reply| CebCommand::Errand(answered, reply);
    Delivery::settled(ceb.batch.enqueue(slot, &Share::Kept, command).await)
}

/// What an answer means, or what becomes of the item without one.
fn outcome(answer: v1::SubmitStreamResponse) -> Result<Outcome, Delivery> {
    match answer.result {
        Some(Item::Receipt(receipt)) => match DeclarationId::parse(&receipt.name) {
            Some(id) => Ok(Outcome::Done(id.uuid())),
            None => Err(Delivery::Failed(format!("the receipt names {}", receipt.name))),
        },
        Some(Item::Refusal(refusal)) => {
            let code = tonic::Code::from(refusal.grpc_code);
            if is_worth_repeating(code) {
                return Err(Delivery::Away(refusal.message));
            }
            if code == tonic::Code::Internal {
                // The reference is what people look for in the log there.
                let reference = proto::text(refusal.metadata.get("reference"));
                let (code, message) = (refusal.code, refusal.message);
                return Err(Delivery::Failed(format!("{code} {message} (reference {reference})")));
            }
            let texts: Vec<String> = refusal.violations.into_iter().map(|v| v.text_zh).collect();
            let text = if texts.is_empty() { refusal.message_zh } else { texts.join("；") };
            Ok(Outcome::Refused { code: refusal.code, text })
        }
        None => Err(Delivery::Failed("the answer says nothing".to_owned())),
    }
}

/// Withdraws the inventory that a cancellation names, in whatever version it is.
async fn withdraw(ceb: &Ceb, window: &Window, paper: StoredDocument) -> Delivery {
    let outcome = match errand::cancelled_inventory(&ceb.reads, &paper).await {
        Ok(errand::Cancelled::Declaration(id)) => try_withdraw(window, &paper, id).await,
        Ok(errand::Cancelled::NotYet) => return Delivery::NotYet,
        Ok(errand::Cancelled::Ended) => {
            let text = "清单已终结".to_owned();
            Ok(Outcome::Refused { code: String::new(), text })
        }
        Err(fault) => return Delivery::of(&fault),
    };
    match outcome {
        Ok(outcome) => take_down(ceb, &paper, outcome).await,
        Err(became) => became,
    }
}

/// What a status without an answer means for the item.
fn unanswered(status: &Status) -> Delivery {
    let reason = format!("the declaration service: {status}");
    if is_worth_repeating(status.code()) {
        Delivery::Away(reason)
    } else {
        Delivery::Failed(reason)
    }
}

async fn try_withdraw(
    window: &Window,
    paper: &StoredDocument,
    id: Uuid,
) -> Result<Outcome, Delivery> {
    let name = format!("declarations/{id}");
    let got = window
        .declarations()
        .get(v1::GetRequest { name: name.clone(), ..Default::default() })
        .await
        .map_err(|status| unanswered(&status))?
        .into_inner();
    let version = got.record.map_or(1, |record| record.version);
    let reason = paper.document.value("reason").filter(|text| !text.trim().is_empty());
    let request = v1::WithdrawRequest {
        request_id: paper.id.to_string(),
        name,
        version,
        reason: reason.unwrap_or_else(|| "撤单".to_owned()),
        validate_only: false,
    };
    // What it says stands in a receipt.
    let mut request = tonic::Request::new(request);
    let language = tonic::metadata::MetadataValue::from_static("zh-CN");
    request.metadata_mut().insert("accept-language", language);
    match window.declarations().withdraw(request).await {
        Ok(_) => Ok(Outcome::Done(id)),
        Err(status) if is_worth_repeating(status.code()) => Err(unanswered(&status)),
        Err(status) if status.code() == tonic::Code::Internal => Err(unanswered(&status)),
        // Somebody amended it meanwhile: read again.
        Err(status) if status.code() == tonic::Code::Aborted => Err(Delivery::NotYet),
        Err(status) => {
            let text = status.message().to_owned();
            Ok(Outcome::Refused { code: String::new(), text })
        }
    }
}

/// News of a declaration that could not be taken when they came.
#[derive(Debug)]
pub(crate) struct LateNews(pub(crate) Arc<Ceb>);

impl Port for LateNews {
    const QUEUE: &'static str = NEWS;

    async fn deliver(&self, items: &[queue::Item]) -> Vec<Delivery> {
        let taken = items.iter().map(|item| async move {
            let response = match v1::WatchResponse::decode(item.body.as_slice()) {
                Ok(response) => response,
                Err(error) => return Delivery::Failed(format!("it cannot be read: {error}")),
            };
            let declaration = item.subject;
            let facts = response.facts.into_iter().filter_map(fact);
            let news = facts.map(|fact| News { declaration, fact }).collect();
            let late = follow::Late { slot: item.slot, id: item.id, news };
            let command = |reply| CebCommand::Late(late, reply);
            Delivery::settled(self.0.batch.enqueue(item.slot, &Share::Kept, command).await)
        });
        futures::future::join_all(taken).await
    }
}

/// Hears what became of declarations until `closing`. Of several processes one does; another goes on
/// when it is gone.
pub(crate) async fn follow(
    ceb: &Ceb,
    window: &Window,
    progress: &Progress,
    closing: &CancellationToken,
) {
    let lease = Lease::new(ceb.reads.clone(), NEWS);
    while !closing.is_cancelled() {
        let heard = tokio::select! {
            heard = hear(ceb, window, &lease, progress) => heard,
            () = closing.cancelled() => break,
        };
        if let Err(trouble) = heard {
            progress.begin();
            tracing::warn!(%trouble, "the news of the declaration service wait");
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = closing.cancelled() => {}
        }
    }
    if let Err(error) = lease.release().await {
        tracing::warn!(error = %error, "the lease of the news runs out by itself");
    }
}

/// Why news wait.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error("the declaration service: {0}")]
    Status(#[from] Status),
}

/// What happened to one declaration of ours, as it came and as it is read.
#[derive(Debug, Clone)]
struct Arrived {
    declaration: Uuid,
    response: Arc<v1::WatchResponse>,
}

/// A burst of news, between two tokens.
struct Burst<'a> {
    ceb: &'a Ceb,
    from: String,
    token: String,
}

impl Reaction for Burst<'_> {
    const QUEUE: &'static str = NEWS;
    type Event = Arrived;
    /// False when another process has taken them.
    type Taken = bool;

    fn subject(&self, event: &Arrived) -> Uuid {
        event.declaration
    }

    async fn commit(&self, take: Vec<Arrived>, behind: Vec<Arrived>) -> Result<bool, Fault> {
        let now = self.ceb.clock.now();
        let news = take.iter().flat_map(|arrived| {
            let facts = arrived.response.facts.iter().cloned().filter_map(fact);
            facts.map(|fact| News { declaration: arrived.declaration, fact })
        });
        let behind = behind.iter().map(|arrived| queue::Item {
            slot: DeclarationId::from_uuid(arrived.declaration).slot(),
            id: Uuid::now_v7(),
            kind: 0,
            subject: arrived.declaration,
            // The transaction counts them on.
            place: 0,
            body: arrived.response.encode_to_vec(),
            due: now,
            tries: 0,
        });
        let heard = Heard {
            news: news.collect(),
            behind: behind.collect(),
            from: self.from.clone(),
            token: self.token.clone(),
        };
        let command = |reply| CebCommand::Heard(heard, reply);
        self.ceb.batch.enqueue(Slot::of(""), &Share::Kept, command).await
    }
}

/// Most declarations come by gRPC and are none of ours: their news are dropped here, so that they cost
/// no transaction. Ours are known by the number that we gave, or were open when we began to listen.
async fn hear(
    ceb: &Ceb,
    window: &Window,
    lease: &Lease,
    progress: &Progress,
) -> Result<(), Trouble> {
    if !lease.hold().await? {
        progress.rest();
        return Ok(());
    }
    // Heartbeats come when nothing else does, so a stream that says nothing stands still.
    progress.begin();
    // The token first: what happens while the open ones are read is in the news after it.
    let mut from = follow::token(&ceb.reads).await?;
    let mut open = follow::open(&ceb.reads).await?;
    let request = v1::WatchRequest { resume_token: from.clone(), name: String::new() };
    let mut told = std::pin::pin!(client::watch_updates(window.clone(), request));
    let mut news: Vec<Arrived> = Vec::new();
    let mut kept = tokio::time::Instant::now();
    let mut renewal = tokio::time::interval(RENEW);
    loop {
        let told = tokio::select! {
            told = told.next() => told,
            _ = renewal.tick() => {
                if lease.hold().await? {
                    continue;
                }
                return Ok(());
            }
        };
        let told = match told.transpose()? {
            Some(client::Update::Entry(told)) => told,
            Some(client::Update::Heartbeat) => {
                progress.advance();
                continue;
            }
            Some(client::Update::Lost(_) | client::Update::Back) => continue,
            None => return Ok(()),
        };
        let Some(id) = DeclarationId::parse(&told.name) else { continue };
        let (declaration, token) = (id.uuid(), told.resume_token.clone());
        let facts: Vec<Fact> = told.facts.iter().cloned().filter_map(fact).collect();
        if facts.iter().any(|it| matches!(it, Fact::Filed(pre_no) if is_given_by_door(pre_no))) {
            open.insert(declaration);
        }
        if !facts.is_empty() && open.contains(&declaration) {
            if facts.iter().any(Fact::is_last) {
                open.remove(&declaration);
            }
            news.push(Arrived { declaration, response: Arc::new(told) });
        }
        // Without a token a later answer of the same burst carries it.
        if !token.is_empty() && (!news.is_empty() || kept.elapsed() > KEEP) {
            let burst = Burst { ceb, from, token: token.clone() };
            if !react::take(&burst, &ceb.reads, std::mem::take(&mut news)).await? {
                return Ok(());
            }
            from = token;
            kept = tokio::time::Instant::now();
        }
        progress.advance();
    }
}

/// The facts that receipts are made of.
fn fact(fact: v1::Fact) -> Option<Fact> {
    let customs = i32::from(v1::Agency::Customs);
    Some(match fact.kind? {
        Wire::Filed(filed) => Fact::Filed(filed.pre_no),
        Wire::Numbered(numbered) => Fact::Numbered(numbered.invt_no),
        Wire::StandChanged(changed) => {
            let stand = changed.stand();
            if stand == v1::Stand::Detained {
                return Some(Fact::Customs(CebTransaction::Detained(detained(&changed.reasons))));
            }
            if changed.who() != v1::Participant::Customs {
                return None;
            }
            match stand {
                v1::Stand::ManualReview | v1::Stand::Held => {
                    Fact::Customs(CebTransaction::ManualReview)
                }
                v1::Stand::Concluded | v1::Stand::Cleared => {
                    Fact::Customs(CebTransaction::Concluded)
                }
                v1::Stand::Unspecified
                | v1::Stand::Pending
                | v1::Stand::Accepted
                | v1::Stand::WantsInspection
                | v1::Stand::Detained => return None,
            }
        }
        Wire::InspectionOrdered(ordered) => {
            Fact::Examined { for_customs: ordered.demanded_by == customs }
        }
        // Customs that asks to see the goods is done with the data; the order is told already.
        Wire::InspectionJoined(joined) if joined.demanded_by == customs => {
            Fact::Customs(CebTransaction::Concluded)
        }
        Wire::Released(_) => Fact::Released,
        Wire::Rejected(rejected) => Fact::Rejected(reasons(&rejected.reasons)),
        Wire::Returned(returned) => Fact::Returned(reasons(&returned.reasons)),
        Wire::Withdrawn(_) => Fact::Withdrawn,
        Wire::Amended(_)
        | Wire::InspectionJoined(_)
        | Wire::InspectionCompleted(_)
        | Wire::InspectionAnswered(_)
        | Wire::InspectionCancelled(_)
        | Wire::InspectionReopened(_)
        | Wire::InspectionMoved(_)
        | Wire::DutyMoved(_) => return None,
    })
}

/// 501, 502 or 503 when the agency says so, otherwise 599.
fn detained(reasons: &[v1::Reason]) -> i32 {
    use domain::documents::status;
    let known =
        [status::DETAINED_CLEARANCE, status::DETAINED_ANTISMUGGLING, status::DETAINED_LEGAL];
    let said = reasons.iter().find_map(|reason| reason.code.parse::<i32>().ok());
    said.filter(|code| known.contains(code)).unwrap_or(status::DETAINED_OTHER)
}

fn reasons(reasons: &[v1::Reason]) -> String {
    let text = |reason: &v1::Reason| {
        if reason.code.is_empty() || reason.text.starts_with("[Code:") {
            reason.text.clone()
        } else {
            format!("[Code:{};Desc:{}]", reason.code, reason.text)
        }
    };
    reasons.iter().map(text).collect::<Vec<_>>().join(",")
}
