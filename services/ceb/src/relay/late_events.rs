//! Events that could not be taken when they came, one by one in the order of each declaration.

use std::sync::Arc;

use kit::deliver::{Delivery, Port};
use prost::Message as _;
use proto::v1;
use store::queue::Item;
use store::share::Share;

use super::events::read;
use crate::Ceb;
use crate::commit::CebCommand;
use crate::follow::{EVENTS, LateEvent};

/// Events that could not be taken when they came.
#[derive(Debug)]
pub(crate) struct LateReceiptEvents(pub(crate) Arc<Ceb>);

impl Port for LateReceiptEvents {
    const QUEUE: &'static str = EVENTS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        futures::future::join_all(items.iter().map(|item| self.take(item))).await
    }
}

impl LateReceiptEvents {
    async fn take(&self, item: &Item) -> Delivery {
        let Self(ceb) = self;
        let event = v1::Event::decode(item.body.as_slice()).ok().as_ref().and_then(read);
        let Some(event) = event else {
            return Delivery::Failed("the event cannot be read".to_owned());
        };
        let late = LateEvent { id: item.id, event };
        let command = |reply| CebCommand::Late(late, reply);
        Delivery::settled(ceb.batch.enqueue(item.slot, &Share::Kept, command).await)
    }
}
