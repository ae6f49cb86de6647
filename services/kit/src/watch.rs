//! Watching one's own: the journal of a service, as far as it concerns a caller, from a token or from now.

use std::sync::Arc;

use domain::Slot;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use sqlx::PgPool;
use store::follow::{self, JournalUpdate};
use store::journal::{self, JournalEntry};
use store::tail::Tail;
use store::token::TokenKey;
use store::{Fault, ServiceError};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The journal of a service, for those who watch it.
#[derive(Debug, Clone, Copy)]
pub struct Journal<'a> {
    /// For reading.
    pub reads: &'a PgPool,
    /// What was just committed.
    pub tail: &'a Tail,
    /// Of the tokens of watchers.
    pub tokens: &'a TokenKey,
    /// Says goodbye to them.
    pub draining: &'a CancellationToken,
}

/// The one thing that somebody watches, with all that happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// Where its entries are.
    pub slot: Slot,
    /// Which one.
    pub id: Uuid,
}

/// Who watches what.
#[derive(Debug, Clone, Copy)]
pub struct Watcher<'a> {
    /// The caller's name.
    pub caller: &'a str,
    /// The token with which it goes on; empty when it begins.
    pub token: &'a str,
    /// `None` for everything that concerns it.
    pub only: Option<Subject>,
}

/// What a watcher is told of news. An entry that cannot be read ends no watch: people hear of it, and the
/// watcher is told only that there is one, by `unreadable`.
///
/// # Errors
///
/// What `to_wire` fails at without the entry's fault.
pub fn answer<A>(
    tail: &Tail,
    news: JournalUpdate,
    to_wire: impl FnOnce(JournalUpdate) -> Result<A, ServiceError>,
    unreadable: impl FnOnce(&JournalEntry, Option<String>) -> A,
) -> Result<A, ServiceError> {
    let entry = match &news {
        JournalUpdate::Entry(entry, token) => Some((Arc::clone(entry), token.clone())),
        JournalUpdate::Quiet(_) => None,
    };
    match (to_wire(news), entry) {
        (Err(ServiceError::Fault(fault @ Fault::Broken(_))), Some((entry, token))) => {
            tail.report_damaged(entry.slot, entry.position, &fault);
            Ok(unreadable(&entry, token))
        }
        (answered, _) => answered,
    }
}

impl Journal<'_> {
    /// Follows what concerns a caller in these slots, from a token or from now; one subject from its
    /// beginning, at `positions`, which also says when the caller may not see it. Where it begins is settled
    /// before this returns: what is listed afterwards and what is told leave nothing out between.
    ///
    /// # Errors
    ///
    /// A token that was made for something else; what `positions` refuses; [`Fault`] from the database.
    pub async fn watch(
        self,
        watcher: Watcher<'_>,
        slots: Vec<Slot>,
        positions: impl AsyncFnOnce(Subject) -> Result<Vec<i64>, ServiceError>,
        concerns: impl Fn(&JournalEntry) -> bool + Send + Sync + 'static,
    ) -> Result<BoxStream<'static, Result<JournalUpdate, ServiceError>>, ServiceError> {
        let Watcher { caller, token, only } = watcher;
        let filter = ("watch", only.map(|only| only.id));
        let (given, token) = (token, self.tokens.of(caller, filter)?);
        let known = follow::read_token(&token, given)?;
        let slots = only.map_or(slots, |only| vec![only.slot]);
        let columns: Vec<i16> = slots.iter().map(|slot| slot.column()).collect();
        let turn = self.tail.turn().await;
        let heads = journal::heads(self.reads, &columns).await?;
        let mut history = Vec::new();
        if let Some(only) = only {
            let mut positions = positions(only).await?;
            if known.is_none() {
                let (_, head) = heads.first().ok_or_else(|| {
                    Fault::Broken(format!("slot {} has no head", only.slot.byte()))
                })?;
                // What is newer than the head that was read before comes from the reader.
                positions.retain(|position| position <= head);
                history = self.tail.at(self.reads, only.slot, &positions).await?;
            }
        }
        drop(turn);
        let from = follow::begin(heads, known.as_ref());
        let reader = self.tail.read(self.reads.clone(), from);
        let concerns = move |entry: &JournalEntry| {
            only.is_none_or(|only| only.id == entry.subject) && concerns(entry)
        };
        let news = follow::follow(token, reader, history, concerns, self.draining.clone());
        Ok(news.boxed())
    }
}
