//! Payers whose bills are collected when their time has come.

use std::sync::Arc;

use domain::Slot;
use kit::deliver::{Delivery, Port, settle};
use store::queue::Item;
use store::share::Share;

use crate::Payments;
use crate::commit::PaymentCommand;
use crate::queues::COLLECTIONS;

/// Bills become payment orders.
#[derive(Debug)]
pub(crate) struct Collections(pub(crate) Arc<Payments>);

impl Port for Collections {
    const QUEUE: &'static str = COLLECTIONS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let mut became = Vec::with_capacity(items.len());
        for item in items {
            became.push(self.collect(item).await.into());
        }
        became
    }
}

impl Collections {
    async fn collect(&self, item: &Item) -> Result<(), Delivery> {
        let Self(payment) = self;
        let unreadable = |_| Delivery::Failed("the payer cannot be read".to_owned());
        let payer = std::str::from_utf8(&item.body).map_err(unreadable)?;
        loop {
            let command = |reply| PaymentCommand::Collect(payer.to_owned(), reply);
            let more = payment.requests.enqueue(Slot::of(payer), &Share::Kept, command).await;
            if !more.map_err(|fault| Delivery::of(&fault))? {
                return settle(&payment.work, COLLECTIONS, item).await;
            }
        }
    }
}
