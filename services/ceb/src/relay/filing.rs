//! Inventories that are complete are filed with the declaration service, many over one stream; it answers each
//! under the id of its document, however often it is sent.

use std::sync::Arc;
use std::time::Duration;

use client::Window;
use domain::DeclarationId;
use kit::deliver::{Delivery, Port};
use proto::ceb;
use proto::status::is_worth_repeating;
use proto::v1;
use proto::v1::submit_stream_response::Result as Item;
use store::queue;

use crate::Ceb;
use crate::filing_answer::FilingOutcome;
use crate::queues::FILING;
use crate::relay::{each, take_down};
use crate::stored_document::StoredDocument;

/// How long a stream of inventories may take; what is not answered then goes with the next.
const FILING_TIME: Duration = Duration::from_secs(10);

/// Inventories that are complete go to the declaration service.
#[derive(Debug)]
pub(crate) struct FilingPort(pub(crate) Arc<Ceb>, pub(crate) Window);

impl Port for FilingPort {
    const QUEUE: &'static str = FILING;

    async fn deliver(&self, items: &[queue::Item]) -> Vec<Delivery> {
        let Self(ceb, window) = self;
        each(ceb, Self::QUEUE, items, async |documents| file_all(ceb, window, documents).await)
            .await
    }
}

/// Files inventories over one stream, and takes the answers down together.
async fn file_all(ceb: &Ceb, window: &Window, documents: Vec<StoredDocument>) -> Vec<Delivery> {
    let items: Vec<v1::SubmitRequest> = documents
        .iter()
        .map(|stored| v1::SubmitRequest {
            request_id: stored.id.to_string(),
            declaration: ceb::declaration(&stored.document),
            validate_only: false,
            pre_no: stored.pre_no.clone(),
        })
        .collect();
    let mut answers: Vec<Option<Result<FilingOutcome, Delivery>>> =
        documents.iter().map(|_| None).collect();
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
    let deliveries = documents.iter().zip(answers).map(|(stored, answer)| {
        let unanswered = &unanswered;
        async move {
            match answer {
                Some(Ok(outcome)) => take_down(ceb, stored, outcome).await,
                Some(Err(became)) => became,
                None => unanswered.clone(),
            }
        }
    });
    futures::future::join_all(deliveries).await
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
