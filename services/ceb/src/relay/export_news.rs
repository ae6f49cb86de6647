//! What documents tell of exports, said to the declaration service over the exchange.

use std::sync::Arc;

use kit::deliver::{Delivery, Port, settle};
use kit::pending_answers::PendingAnswers;
use prost::Message as _;
use proto::v1;
use store::queue::Item;

use crate::Ceb;
use crate::queues::EXPORT_NEWS;

/// What is to be told of exports.
#[derive(Debug)]
pub(crate) struct ExportNews(pub(crate) Arc<Ceb>, pub(crate) Arc<PendingAnswers>);

impl Port for ExportNews {
    const QUEUE: &'static str = EXPORT_NEWS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        futures::future::join_all(items.iter().map(|item| self.send(item))).await
    }
}

impl ExportNews {
    async fn send(&self, item: &Item) -> Delivery {
        let Self(ceb, pending) = self;
        let Ok(answer) = v1::Answer::decode(item.body.as_slice()) else {
            return Delivery::Failed("the news of an export cannot be read".to_owned());
        };
        match pending.ask(answer).await {
            Ok(result) => {
                if result.result() == v1::ResultCode::Refused {
                    let (declaration, code) = (item.subject, result.code);
                    tracing::error!(%declaration, code, "news of an export were not taken");
                }
                let settled = settle(&ceb.reads, EXPORT_NEWS, item).await;
                settled.map_or_else(|became| became, |()| Delivery::Done)
            }
            Err(became) => became,
        }
    }
}
