//! Posts what is due, many at once, and keeps what became of it. A message that is not taken comes again by the law of
//! retries; other messages do not wait for it, and other webhooks do not wait for a slow one: each has room of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::webhook::{PAUSED_AFTER_SECONDS, next_try};
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use kit::progress::Progress;
use proto::webhook;
use store::Fault;
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::deliveries::{self, ClaimedDelivery, NewDelivery, PostOutcome};
use crate::relay::sender::{PostResult, WebhookSender};
use crate::rows::{self, DeliveryState};
use crate::{Webhooks, wire};

/// How often is looked for what is due without a hint.
const LOOK: Duration = Duration::from_millis(500);
/// After the database was away.
const PAUSE: Duration = Duration::from_secs(1);
/// Outcomes kept together.
const AT_ONCE: usize = 256;
/// How long posts that are under way may take when the service ends; the rest is posted again.
const ENDING: Duration = Duration::from_secs(3);
/// The endpoint wants nothing more.
const GONE: u16 = 410;
const ENDPOINT_GONE: &str = "the endpoint answers 410 Gone (端点应答410)";
const CALLER_GONE: &str = "its caller is not in the registry (登记表中已无该调用方)";

/// How many of a webhook are under way.
type PostsUnderWay = HashMap<Uuid, i64>;

/// Posts until `stop`.
pub(crate) async fn post(
    own: &Webhooks,
    sender: &WebhookSender,
    progress: &Progress,
    stop: &CancellationToken,
) {
    let mut posts = FuturesUnordered::new();
    let mut under_way = PostsUnderWay::new();
    loop {
        let pause = match deliveries::claim(own, &under_way).await {
            Ok(claimed) => {
                if claimed.is_empty() && posts.is_empty() {
                    progress.rest();
                } else {
                    progress.begin();
                }
                for it in claimed {
                    *under_way.entry(it.webhook).or_default() += 1;
                    posts.push(once(own, sender, it));
                }
                LOOK
            }
            Err(fault) => {
                progress.begin();
                fault.report("messages for webhooks cannot be claimed");
                PAUSE
            }
        };
        let mut done = Vec::new();
        tokio::select! {
            Some(outcome) = posts.next(), if !posts.is_empty() => done.push(outcome),
            () = own.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => break,
        }
        while done.len() < AT_ONCE
            && let Some(Some(outcome)) = posts.next().now_or_never()
        {
            done.push(outcome);
        }
        settle(own, &mut under_way, &done, progress).await;
    }
    let rest = async {
        while let Some(outcome) = posts.next().await {
            settle(own, &mut under_way, &[outcome], progress).await;
        }
    };
    // What is not answered by then is posted again when its lease ends.
    let _ended = tokio::time::timeout(ENDING, rest).await;
}

async fn once(own: &Webhooks, sender: &WebhookSender, it: ClaimedDelivery) -> PostOutcome {
    if (own.callers)(&it.caller).is_none() {
        let time = own.clock.now();
        let reason = CALLER_GONE.to_owned();
        return PostOutcome { reason, pause: CALLER_GONE, ..outcome(&it, time, Duration::ZERO) };
    }
    let begun = Instant::now();
    let result = sender.post(&it).await;
    let (time, took) = (own.clock.now(), begun.elapsed());
    metrics::counter!("sw_webhook_posts_total", "taken" => if matches!(result, PostResult::Taken(_)) { "yes" } else { "no" })
        .increment(1);
    let (status, asked, reason) = match result {
        PostResult::Taken(status) => {
            let standing = DeliveryState::Delivered;
            return PostOutcome { standing, status, ..outcome(&it, time, took) };
        }
        PostResult::Refused(status, asked) => (status, asked, format!("answered {status}")),
        PostResult::Unanswered(reason) => (0, None, reason),
    };
    let printable = reason.chars().filter(|c| !c.is_control());
    let reason = printable.take(domain::limits::REFUSAL_TEXT_MAX).collect();
    let (standing, due) = match next_try(it.tries.saturating_add(1), asked) {
        Some(pause) => (DeliveryState::Waiting, time + time::Duration::seconds(pause.into())),
        None => (DeliveryState::GivenUp, time),
    };
    let pause = if status == GONE { ENDPOINT_GONE } else { "" };
    PostOutcome { standing, due, status, reason, pause, ..outcome(&it, time, took) }
}

fn outcome(it: &ClaimedDelivery, time: OffsetDateTime, took: Duration) -> PostOutcome {
    PostOutcome {
        slot: it.slot,
        webhook: it.webhook,
        message: it.message,
        standing: DeliveryState::Waiting,
        due: time,
        time,
        status: 0,
        reason: String::new(),
        took,
        pause: "",
    }
}

/// Keeps what became of posts. When that cannot be kept they are posted again, under the same ids.
async fn settle(
    own: &Webhooks,
    under_way: &mut PostsUnderWay,
    done: &[PostOutcome],
    progress: &Progress,
) {
    if done.is_empty() {
        return;
    }
    match keep(own, done).await {
        Ok(()) => progress.advance(),
        Err(fault) => fault.report("it cannot be kept what became of messages for webhooks"),
    }
    for outcome in done {
        if let Some(count) = under_way.get_mut(&outcome.webhook) {
            *count -= 1;
        }
    }
    under_way.retain(|_, count| *count > 0);
}

async fn keep(own: &Webhooks, done: &[PostOutcome]) -> Result<(), Fault> {
    let now = own.clock.now();
    let after = time::Duration::seconds(PAUSED_AFTER_SECONDS);
    let mut tx = own.work.begin().await?;
    let paused = deliveries::keep(&mut tx, done, (after, &wire::failed_for_days()), now).await?;
    if !paused.is_empty() {
        let ids: Vec<Uuid> = paused.into_iter().map(|(_, id)| id).collect();
        give_notice(own, &mut tx, &ids, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The other webhooks of a caller are told that one was paused, and so are the people of the window.
async fn give_notice(
    own: &Webhooks,
    tx: &mut sqlx::PgConnection,
    paused: &[Uuid],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let all = rows::all(tx, &own.cipher, None).await?;
    let mut new = Vec::new();
    for row in all.iter().filter(|row| paused.contains(&row.id)) {
        metrics::counter!("sw_webhooks_paused_total").increment(1);
        tracing::warn!(id = %row.id, caller = row.caller, reason = row.paused_reason, "a webhook was paused");
        let body: Arc<str> =
            webhook::body(webhook::PAUSED, now, &wire::paused(row.clone())?).into();
        let message = Uuid::now_v7();
        let others = all.iter().filter(|it| it.caller == row.caller && it.paused.is_none());
        new.extend(others.filter(|it| it.takes(&[webhook::PAUSED])).map(|it| NewDelivery {
            slot: it.slot(),
            webhook: it.id,
            message,
            name: webhook::PAUSED.to_owned(),
            body: Arc::clone(&body),
            created: now,
        }));
    }
    deliveries::insert(tx, &own.cipher, &new, now).await
}
