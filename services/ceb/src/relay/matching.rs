//! Inventories that have waited too long for their documents.

use std::sync::Arc;

use kit::deliver::{Delivery, Port};
use store::share::Share;
use store::{Fault, queue};

use crate::Ceb;
use crate::commit::CebCommand;
use crate::expire::Expiry;
use crate::filing_answer::MATCHING;
use crate::relay::each;

/// Inventories that have waited too long for their documents.
#[derive(Debug)]
pub(crate) struct MatchingPort(pub(crate) Arc<Ceb>);

impl Port for MatchingPort {
    const QUEUE: &'static str = MATCHING;

    async fn deliver(&self, items: &[queue::Item]) -> Vec<Delivery> {
        let Self(ceb) = self;
        each(ceb, Self::QUEUE, items, async |papers| {
            let expired = papers.iter().map(|paper| {
                let expired = Expiry::of(paper, ceb.clock.now());
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
