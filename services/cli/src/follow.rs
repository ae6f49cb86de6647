//! Waiting for many declarations at once: one watch over all of one's own, and a look at those of
//! which it never heard.
//!
//! The watch begins before the first declaration is filed, so it tells of all that happens to new
//! ones. Of a declaration from before (a repeated request) it may have nothing to tell: it is looked
//! up. Once the watch told anything of a declaration, it leaves nothing out.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use proto::v1;
use proto::v1::fact::Kind;
use tokio::time::Instant;
use tonic::Status;

use super::words::is_final;
use super::{Session, read};

/// Before the first look, time for the watch to tell of new declarations.
const LOOK_FIRST: Duration = Duration::from_secs(1);
/// Between looks.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Declarations that are looked up at once.
const LOOKS_MAX: usize = 16;

/// Where a declaration stands as far as we heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FollowedState {
    pub(super) state: v1::State,
    pub(super) invt_no: String,
    pub(super) release_id: String,
}

/// Hears of one's own declarations.
pub(super) struct Follower {
    news: BoxStream<'static, Result<v1::WatchResponse, Status>>,
    /// The watch cannot go on; everything has to be looked up.
    deaf: bool,
    known: HashMap<String, FollowedState>,
}

impl Follower {
    /// One that hears nothing, for those who do not wait.
    pub(super) fn idle() -> Self {
        Self { news: stream::pending().boxed(), deaf: true, known: HashMap::new() }
    }

    /// One that hears of everything from now on.
    pub(super) async fn start(session: &Session) -> Self {
        let news = client::watch(session.window.clone(), v1::WatchRequest::default()).boxed();
        let mut follower = Self { news, deaf: false, known: HashMap::new() };
        // Asked once, the watch is on its way to the window, ahead of what is filed next.
        tokio::select! {
            biased;
            () = follower.receive() => {}
            () = std::future::ready(()) => {}
        }
        follower
    }

    /// Waits for one entry and keeps it. May be dropped at any time without losing one.
    pub(super) async fn receive(&mut self) {
        match self.news.next().await {
            Some(Ok(entry)) => self.note(entry),
            Some(Err(_)) | None => {
                self.deaf = true;
                self.news = stream::pending().boxed();
            }
        }
    }

    fn note(&mut self, entry: v1::WatchResponse) {
        let state = entry.state();
        let standing = self.known.entry(entry.name).or_default();
        standing.state = state;
        for kind in entry.facts.into_iter().filter_map(|fact| fact.kind) {
            match kind {
                Kind::Numbered(numbered) => standing.invt_no = numbered.invt_no,
                Kind::Released(released) => standing.release_id = released.release_id,
                _ => {}
            }
        }
    }

    /// Where a declaration stands.
    pub(super) fn standing(&self, name: &str) -> Option<&FollowedState> {
        self.known.get(name)
    }

    fn is_open(&self, name: &str) -> bool {
        self.standing(name).is_none_or(|standing| !is_final(standing.state))
    }

    /// Waits until these declarations ended, patience did, or Ctrl-C; `progress` hears how many are
    /// open.
    pub(super) async fn wait(
        &mut self,
        session: &Session,
        names: HashSet<String>,
        patience: Duration,
        mut progress: impl FnMut(usize),
    ) -> Result<(), Status> {
        let deadline = tokio::time::sleep(patience);
        let mut deadline = std::pin::pin!(deadline);
        let mut looks = tokio::time::interval_at(Instant::now() + LOOK_FIRST, LOOK_AGAIN);
        let mut open: HashSet<String> = names;
        open.retain(|name| self.is_open(name));
        while !open.is_empty() {
            progress(open.len());
            tokio::select! {
                () = self.receive() => {}
                _ = looks.tick() => {
                    let unheard = |name: &&String| self.deaf || !self.known.contains_key(*name);
                    self.look(session, open.iter().filter(unheard).cloned().collect()).await?;
                }
                () = &mut deadline => {
                    return self.look(session, open.into_iter().collect()).await;
                }
                _ = tokio::signal::ctrl_c() => return Ok(()),
            }
            open.retain(|name| self.is_open(name));
        }
        Ok(())
    }

    /// Reads where these declarations stand.
    async fn look(&mut self, session: &Session, names: Vec<String>) -> Result<(), Status> {
        let fetch = |name: String| async move { read::fetch(session, &name).await };
        let mut records = stream::iter(names).map(fetch).buffer_unordered(LOOKS_MAX);
        while let Some(record) = records.try_next().await? {
            let state = record.state();
            let v1::DeclarationRecord { name, invt_no, release_id, .. } = record;
            self.known.insert(name, FollowedState { state, invt_no, release_id });
        }
        Ok(())
    }
}
