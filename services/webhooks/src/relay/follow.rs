//! What happens, for all callers: the watch of one process at a time, which holds the lease. Where it goes on is
//! written in the transaction of the messages, so whatever happens becomes a message, and the same one if it comes
//! again.

use std::sync::Arc;
use std::time::Duration;

use client::{Update, Window};
use futures::StreamExt as _;
use kit::progress::Progress;
use proto::{v1, webhook};
use sqlx::PgPool;
use store::Fault;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Webhooks;
use crate::deliveries::{self, NewDelivery};
use crate::rows;

/// How often the lease is looked at, by whoever has it and by those who wait for it.
const LOOK: Duration = Duration::from_secs(3);
/// How long whoever follows has it without a sign of life.
const LEASE: Duration = Duration::from_secs(15);
/// News taken down together.
const AT_ONCE: usize = 512;

/// Follows until `stop`.
pub(crate) async fn follow(
    own: &Arc<Webhooks>,
    window: &Window,
    progress: &Progress,
    stop: &CancellationToken,
) {
    loop {
        match take_lease(&own.work, own.holder).await {
            Ok(Some(token)) => {
                tokio::select! {
                    () = follow_from(own, window, token, progress) => {}
                    () = stop.cancelled() => {
                        give_back(own).await;
                        return;
                    }
                }
            }
            // Another process follows.
            Ok(None) => progress.rest(),
            Err(fault) => {
                progress.begin();
                tracing::warn!(%fault, "what happens cannot be followed for webhooks");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Follows until the lease or the stream is lost.
async fn follow_from(own: &Webhooks, window: &Window, token: String, progress: &Progress) {
    // Heartbeats come when nothing else does, so a stream that says nothing stands still.
    progress.begin();
    let request = v1::WatchRequest { resume_token: token, ..Default::default() };
    let news = client::watch_updates(window.clone(), request).ready_chunks(AT_ONCE);
    let mut news = std::pin::pin!(news);
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut waiting = Vec::new();
    loop {
        let kept = tokio::select! {
            updates = news.next() => {
                for update in updates.into_iter().flatten() {
                    match update {
                        Ok(Update::Entry(entry)) => waiting.push(entry),
                        Ok(Update::Heartbeat | Update::Back) => progress.advance(),
                        Ok(Update::Lost(status)) => tracing::debug!(%status, "the window is away"),
                        Err(status) => {
                            tracing::error!(%status, "the webhook service may not follow");
                            return;
                        }
                    }
                }
                take_down(own, &mut waiting).await
            }
            _ = look.tick() => take_lease(&own.work, own.holder).await.map(|kept| kept.is_some()),
        };
        match kept {
            Ok(true) => progress.advance(),
            Ok(false) => return,
            Err(fault) => {
                fault.report("what happened cannot be taken down for webhooks; it comes again");
                return;
            }
        }
    }
}

/// Takes down what came, up to the last token; false when another process has the lease.
async fn take_down(own: &Webhooks, waiting: &mut Vec<v1::WatchResponse>) -> Result<bool, Fault> {
    let last = waiting.iter().rposition(|news| !news.resume_token.is_empty());
    let Some(last) = last else { return Ok(true) };
    let mut came: Vec<_> = waiting.drain(..=last).collect();
    let token = came.last_mut().map(|news| std::mem::take(&mut news.resume_token));
    let mut tx = own.work.begin().await?;
    let until = rows::database_time(&mut tx).await? + LEASE;
    let moved = sqlx::query!(
        "update follower set resume_token = $2, lease_until = $3 where slot = 0 and holder = $1",
        own.holder,
        proto::text(token),
        until
    );
    if moved.execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(false);
    }
    let webhooks = rows::all(&mut tx, &own.cipher, None).await?;
    let mut new = Vec::new();
    for news in &mut came {
        news.resume_token.clear();
        let Some(time) = news.time.and_then(proto::time) else { continue };
        let types = webhook::types_of(news);
        let Some(name) = types.first() else { continue };
        let wanting: Vec<_> = webhooks
            .iter()
            .filter(|it| it.created <= time)
            // A caller that is not in the registry any more sees nothing.
            .filter(|it| {
                (own.callers)(&it.caller).is_some_and(|c| it.wants(&c, &news.declarant, &types))
            })
            .collect();
        if wanting.is_empty() {
            continue;
        }
        let json = proto::json::of(news);
        let json = json.map_err(|error| Fault::Broken(format!("news have no JSON: {error}")))?;
        let body: Arc<str> = webhook::body(name, time, &json).into();
        let message = Uuid::try_parse(&news.event_id);
        let message = message.map_err(|_| Fault::Broken("news have no id".to_owned()))?;
        new.extend(wanting.into_iter().map(|it| NewDelivery {
            slot: it.slot(),
            webhook: it.id,
            message,
            name: (*name).to_owned(),
            body: Arc::clone(&body),
            created: time,
        }));
    }
    deliveries::insert(&mut tx, &own.cipher, &new, own.clock.now()).await?;
    tx.commit().await?;
    if !new.is_empty() {
        own.wake.notify_one();
    }
    Ok(true)
}

/// Takes the lease, or keeps it: from where to go on. `None` when another process has it.
async fn take_lease(pool: &PgPool, holder: Uuid) -> Result<Option<String>, Fault> {
    let mut db = pool.acquire().await?;
    let now = rows::database_time(&mut db).await?;
    let token = sqlx::query_scalar!(
        "update follower set holder = $1, lease_until = $2
         where slot = 0 and (holder = $1 or lease_until < $3) returning resume_token",
        holder,
        now + LEASE,
        now
    );
    Ok(token.fetch_optional(&mut *db).await?)
}

/// Another process may follow at once.
async fn give_back(own: &Webhooks) {
    let given = sqlx::query!(
        "update follower set lease_until = '-infinity' where slot = 0 and holder = $1",
        own.holder
    );
    if let Err(error) = given.execute(&own.work).await {
        tracing::debug!(%error, "the lease ends by itself");
    }
}
