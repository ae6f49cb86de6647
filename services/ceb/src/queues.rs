//! The queues of the national door: their names, and what wakes their loops.

use std::sync::Arc;

use tokio::sync::Notify;

/// The queue of inventories that have to be filed. Items have the ids of their documents.
pub(crate) const FILING: &str = "filing";

/// The queue of cancellations whose inventory has to be withdrawn.
pub(crate) const WITHDRAWAL: &str = "withdrawal";

/// The queue of inventories that wait for their documents; an item is due when they have waited too long.
pub(crate) const MATCHING: &str = "matching";

/// Seconds for which an inventory waits for its documents.
pub(crate) const MATCHING_WAIT_SECONDS: i64 = 86_400;

/// The queue of what is to be told of exports. Its subjects are declarations.
pub(crate) const EXPORT_NEWS: &str = "export-news";

/// Hints for the loops of these queues: something may be new.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    pub(crate) filing: Arc<Notify>,
    pub(crate) withdrawal: Arc<Notify>,
    pub(crate) news: Arc<Notify>,
}

impl Hints {
    pub(crate) fn give(&self) {
        self.filing.notify_one();
        self.withdrawal.notify_one();
        self.news.notify_one();
    }
}
