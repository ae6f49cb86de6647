//! The loops that connect the national door with the declaration service: ports of the queues of what is to
//! be done about documents, and the listener that is told what became of declarations ([`events`]). All speak
//! the public schema, like every client, and go on after any cut: what is to be done are rows, and what
//! was not acknowledged comes again.

pub(crate) mod events;
pub(crate) mod export_news;

use std::sync::Arc;
use std::time::Duration;

use client::Window;
use domain::DeclarationId;
use futures::StreamExt as _;
use kit::deliver::{Delivery, Port, settle};
use proto::ceb;
use proto::status::is_worth_repeating;
use proto::v1;
use proto::v1::submit_stream_response::Result as Item;
use store::share::Share;
use store::{Fault, queue};
use tonic::Status;
use uuid::Uuid;

use crate::Ceb;
use crate::commit::CebCommand;
use crate::errand::{Answered, FILING, FilingOutcome, MATCHING, WITHDRAWAL};
use crate::stored_document::StoredDocument;
use crate::{document_set, errand, expire};

/// How long a stream of inventories may take; what is not answered then goes with the next.
const FILING_TIME: Duration = Duration::from_secs(10);

/// Inventories that are complete go to the declaration service.
#[derive(Debug)]
pub(crate) struct FilingPort(pub(crate) Arc<Ceb>, pub(crate) Window);

impl Port for FilingPort {
    const QUEUE: &'static str = FILING;

    async fn deliver(&self, items: &[queue::Item]) -> Vec<Delivery> {
        let Self(ceb, window) = self;
        each(ceb, Self::QUEUE, items, async |papers| file_all(ceb, window, papers).await).await
    }
}

/// Cancellations withdraw their inventory.
#[derive(Debug)]
pub(crate) struct WithdrawalPort(pub(crate) Arc<Ceb>, pub(crate) Window);

impl Port for WithdrawalPort {
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
    let found = match document_set::of_items(&ceb.reads, ceb.tail.cipher(), items).await {
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
            None => Some(match settle(&ceb.reads, queue, item).await {
                Ok(()) => Delivery::Done,
                Err(became) => became,
            }),
        });
    }
    let handled = if papers.is_empty() { Vec::new() } else { handle(papers).await };
    let mut handled = handled.into_iter();
    let no_answer = || Delivery::Suspect("nobody said what became of it".to_owned());
    let became = became.into_iter();
    became.map(|it| it.unwrap_or_else(|| handled.next().unwrap_or_else(no_answer))).collect()
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
    let mut answers: Vec<Option<Result<FilingOutcome, Delivery>>> =
        papers.iter().map(|_| None).collect();
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

async fn take_down(ceb: &Ceb, paper: &StoredDocument, outcome: FilingOutcome) -> Delivery {
    let answered = Answered::of(paper, outcome);
    let slot = answered.slot;
    let command = |reply| CebCommand::Errand(answered, reply);
    Delivery::settled(ceb.batch.enqueue(slot, &Share::Kept, command).await)
}

/// What an answer means, or what becomes of the item without one.
fn outcome(answer: v1::SubmitStreamResponse) -> Result<FilingOutcome, Delivery> {
    match answer.result {
        Some(Item::Receipt(receipt)) => match DeclarationId::parse(&receipt.name) {
            Some(id) => Ok(FilingOutcome::Done(id.uuid())),
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
            Ok(FilingOutcome::Refused { code: refusal.code, text })
        }
        None => Err(Delivery::Failed("the answer says nothing".to_owned())),
    }
}

/// Withdraws the inventory that a cancellation names, in whatever version it is.
async fn withdraw(ceb: &Ceb, window: &Window, paper: StoredDocument) -> Delivery {
    let outcome = match errand::cancelled_inventory(&ceb.reads, ceb.tail.cipher(), &paper).await {
        Ok(errand::Cancelled::Declaration(id)) => try_withdraw(window, &paper, id).await,
        Ok(errand::Cancelled::NotYet) => return Delivery::NotYet,
        Ok(errand::Cancelled::Ended) => {
            let text = "清单已终结".to_owned();
            Ok(FilingOutcome::Refused { code: String::new(), text })
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
) -> Result<FilingOutcome, Delivery> {
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
        Ok(_) => Ok(FilingOutcome::Done(id)),
        Err(status) if is_worth_repeating(status.code()) => Err(unanswered(&status)),
        Err(status) if status.code() == tonic::Code::Internal => Err(unanswered(&status)),
        // Somebody amended it meanwhile: read again.
        Err(status) if status.code() == tonic::Code::Aborted => Err(Delivery::NotYet),
        Err(status) => {
            let text = status.message().to_owned();
            Ok(FilingOutcome::Refused { code: String::new(), text })
        }
    }
}
