//! Cancellations withdraw the inventory that they name, in whatever version it is.

use std::sync::Arc;

use client::Window;
use futures::StreamExt as _;
use kit::deliver::{Delivery, Port};
use proto::status::is_worth_repeating;
use proto::v1;
use sqlx::PgPool;
use store::cipher::Cipher;
use store::{Fault, queue};
use tonic::Status;
use uuid::Uuid;

use crate::Ceb;
use crate::document_keys::DocumentKeys;
use crate::document_set::DocumentSet;
use crate::filing_answer::FilingOutcome;
use crate::queues::WITHDRAWAL;
use crate::relay::{each, take_down};
use crate::stored_document::{FilingWork, StoredDocument};

/// Withdrawals that are on their way at once: none waits long for another.
const WITHDRAWALS_AT_ONCE: usize = 16;

/// Cancellations withdraw their inventory.
#[derive(Debug)]
pub(crate) struct WithdrawalPort(pub(crate) Arc<Ceb>, pub(crate) Window);

impl Port for WithdrawalPort {
    const QUEUE: &'static str = WITHDRAWAL;

    async fn deliver(&self, items: &[queue::Item]) -> Vec<Delivery> {
        let Self(ceb, window) = self;
        each(ceb, Self::QUEUE, items, async |documents| {
            let withdrawn = documents.into_iter().map(|stored| withdraw(ceb, window, stored));
            futures::stream::iter(withdrawn).buffered(WITHDRAWALS_AT_ONCE).collect().await
        })
        .await
    }
}

/// Withdraws the inventory that a cancellation names, in whatever version it is.
async fn withdraw(ceb: &Ceb, window: &Window, stored: StoredDocument) -> Delivery {
    let outcome = match cancelled_inventory(&ceb.reads, ceb.tail.cipher(), &stored).await {
        Ok(CancellationTarget::Declaration(id)) => try_withdraw(window, &stored, id).await,
        Ok(CancellationTarget::NotYet) => return Delivery::NotYet,
        Ok(CancellationTarget::Ended) => {
            let text = "清单已终结".to_owned();
            Ok(FilingOutcome::Refused { code: String::new(), text })
        }
        Err(fault) => return Delivery::of(&fault),
    };
    match outcome {
        Ok(outcome) => take_down(ceb, &stored, outcome).await,
        Err(became) => became,
    }
}

/// What became of the inventory that a cancellation is about.
enum CancellationTarget {
    /// It is this declaration.
    Declaration(Uuid),
    /// It is on its way to become one: later.
    NotYet,
    /// It is none and will be none.
    Ended,
}

/// Looks for the inventory that a cancellation is about.
async fn cancelled_inventory(
    pool: &PgPool,
    cipher: &Cipher,
    stored: &StoredDocument,
) -> Result<CancellationTarget, Fault> {
    let mut wanted = DocumentKeys::default();
    wanted.keys.insert((stored.kind.number(), stored.key.clone()));
    let mut connection = pool.acquire().await?;
    let documents = DocumentSet::load(&mut connection, cipher, &wanted).await?;
    let inventory = documents.cancelled_by(stored);
    Ok(match inventory {
        Some(inventory) => match inventory.declaration {
            Some(declaration) => CancellationTarget::Declaration(declaration),
            None if inventory.work == FilingWork::File => CancellationTarget::NotYet,
            None => CancellationTarget::Ended,
        },
        None => CancellationTarget::Ended,
    })
}

async fn try_withdraw(
    window: &Window,
    stored: &StoredDocument,
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
    let reason = stored.document.value("reason").filter(|text| !text.trim().is_empty());
    let request = v1::WithdrawRequest {
        request_id: stored.id.to_string(),
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

/// What a status without an answer means for the item.
fn unanswered(status: &Status) -> Delivery {
    let reason = format!("the declaration service: {status}");
    if is_worth_repeating(status.code()) {
        Delivery::Away(reason)
    } else {
        Delivery::Failed(reason)
    }
}
