//! Events that could not be taken when they came, one by one in the order of each declaration.

use std::sync::Arc;

use domain::Slot;
use kit::deliver::{Delivery, Port};
use prost::Message as _;
use proto::inspection::DeclarationView;
use proto::v1;
use store::queue::Item;
use store::share::Share;
use store::{Fault, queue};

use super::events::{hear, heard};
use super::risk_check;
use crate::Inspection;
use crate::commit::InspectionCommand;
use crate::heard::EVENTS;

/// Events that could not be taken when they came.
#[derive(Debug)]
pub(crate) struct LateEvents(pub(crate) Arc<Inspection>);

impl Port for LateEvents {
    const QUEUE: &'static str = EVENTS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let taken = items.iter().map(|item| async {
            match self.catch_up(item).await {
                Ok(()) => Delivery::Done,
                Err(became) => became,
            }
        });
        futures::future::join_all(taken).await
    }
}

impl LateEvents {
    async fn catch_up(&self, item: &Item) -> Result<(), Delivery> {
        let Self(inspection) = self;
        let unreadable = || Delivery::Failed("the event cannot be read".to_owned());
        let mut event = v1::Event::decode(item.body.as_slice()).map_err(|_| unreadable())?;
        let content = event.declaration.take().map(DeclarationView::new).map(Box::new);
        let heard = Arc::new(heard(&event, content).map_err(|_| unreadable())?);
        let (id, version, round) = (heard.id, heard.version, heard.round);
        let demands = hear(inspection, vec![heard], Vec::new()).await;
        let demands = demands.map_err(|fault| Delivery::of(&fault))?;
        if let Some(demands) = demands.into_iter().next().flatten() {
            let is_refusable = !demands.is_empty();
            let answer = risk_check((id, version, round), demands);
            let result = inspection.board.ask(answer).await?;
            if is_refusable && result.result() == v1::ResultCode::Refused {
                let command = |reply| InspectionCommand::Refused(id, version, result.code, reply);
                let kept = inspection.asking.enqueue(Slot::of(""), &Share::Kept, command).await;
                kept.map_err(|fault| Delivery::of(&fault))?;
            }
        }
        self.settle(item).await.map_err(|fault| Delivery::of(&fault))
    }

    async fn settle(&self, item: &Item) -> Result<(), Fault> {
        let mut connection = self.0.work.acquire().await?;
        queue::settle(&mut connection, EVENTS, &[(item.slot, item.id)]).await.map(drop)
    }
}
