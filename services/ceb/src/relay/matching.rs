//! Inventories that have waited too long for their documents.

use std::sync::Arc;

use kit::deliver::{Delivery, Port};
use store::share::Share;
use store::{Fault, queue};

use crate::Ceb;
use crate::commit::CebCommand;
use crate::expire::Expiry;
use crate::queues::MATCHING;
use crate::relay::each;

/// Inventories that have waited too long for their documents.
#[derive(Debug)]
pub(crate) struct MatchingPort(pub(crate) Arc<Ceb>);

impl Port for MatchingPort {
    const QUEUE: &'static str = MATCHING;

    async fn deliver(&self, items: &[queue::Item]) -> Vec<Delivery> {
        let Self(ceb) = self;
        each(ceb, Self::QUEUE, items, async |documents| {
            let expired = documents.iter().map(|stored| {
                let expired = Expiry::of(stored, ceb.clock.now());
                let command = |reply| CebCommand::Expire(expired, reply);
                ceb.batch.enqueue(stored.slot, &Share::Kept, command)
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
