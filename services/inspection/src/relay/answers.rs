//! Answers to the declaration service about orders, and what it said to them.

use std::sync::Arc;

use domain::{DeclarationId, Slot};
use kit::deliver::{Delivery, Port};
use prost::Message as _;
use proto::v1;
use store::queue::Item;
use store::share::Share;

use crate::Inspection;
use crate::commit::InspectionCommand;
use crate::delivered_answer::DeliveredAnswer;
use crate::outgoing_answers::ANSWERS;

/// Delivers answers to the declaration service about orders.
#[derive(Debug)]
pub(crate) struct OutboxPort(pub(crate) Arc<Inspection>);

impl Port for OutboxPort {
    const QUEUE: &'static str = ANSWERS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let deliveries = items.iter().map(async |item| self.send(item).await.into());
        futures::future::join_all(deliveries).await
    }
}

impl OutboxPort {
    async fn send(&self, item: &Item) -> Result<(), Delivery> {
        let Self(inspection) = self;
        let answer = v1::Answer::decode(item.body.as_slice())
            .map_err(|error| Delivery::Failed(format!("the answer cannot be read: {error}")))?;
        let reopens = matches!(answer.what, Some(v1::answer::What::Reopening(_)));
        let result = inspection.pending.ask(answer).await?;
        let refused = match result.result() {
            // The declaration was not stopped for it; a repetition would be a duplicate.
            v1::ResultCode::Ignored if reopens => "IGNORED",
            v1::ResultCode::Applied | v1::ResultCode::Duplicate | v1::ResultCode::Ignored => "",
            v1::ResultCode::StaleVersion
            | v1::ResultCode::StaleRound
            | v1::ResultCode::Refused
            | v1::ResultCode::Retry
            | v1::ResultCode::Unspecified => {
                if result.code.is_empty() {
                    "STALE"
                } else {
                    &result.code
                }
            }
        };
        let declaration = DeclarationId::from_uuid(item.subject);
        if !refused.is_empty() {
            tracing::info!(%declaration, reopens, refused, "an answer was not taken");
        }
        let settled =
            DeliveredAnswer { id: item.id, declaration, reopens, refused: refused.to_owned() };
        let command = |reply| InspectionCommand::Settle(vec![settled], reply);
        let kept = inspection.requests.enqueue(Slot::of(""), &Share::Kept, command).await;
        kept.map_err(|fault| Delivery::of(&fault))
    }
}
