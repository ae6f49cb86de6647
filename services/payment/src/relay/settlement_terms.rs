//! Orders to settle whose term is over: what is held for them is freed.

use std::sync::Arc;

use kit::deliver::{Delivery, Port, settle_done};
use store::queue::Item;
use store::share::Share;

use crate::Payments;
use crate::forex::commit::ForexCommand;
use crate::queues::SETTLEMENT_TERMS;

/// Orders expire.
#[derive(Debug)]
pub(crate) struct SettlementTerms(pub(crate) Arc<Payments>);

impl Port for SettlementTerms {
    const QUEUE: &'static str = SETTLEMENT_TERMS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let tried = futures::future::join_all(items.iter().map(|item| self.end(item))).await;
        settle_done(&self.0.work, SETTLEMENT_TERMS, items, tried).await
    }
}

impl SettlementTerms {
    async fn end(&self, item: &Item) -> Result<(), Delivery> {
        let command = |reply| ForexCommand::Expire(item.subject, reply);
        let ended = self.0.forex.enqueue(item.slot, &Share::Kept, command).await;
        // A clock that went back: its time comes again.
        if ended.map_err(|fault| Delivery::of(&fault))? { Ok(()) } else { Err(Delivery::NotYet) }
    }
}
