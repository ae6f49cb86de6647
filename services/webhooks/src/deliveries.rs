//! Messages on their way: written once for each webhook, claimed by one process at a time, and kept with what became
//! of them.
//!
//! The invariants: a message is there once for a webhook, whoever writes it again; whoever claims one has it until
//! its lease ends; and no webhook has more under way than its room, so that one cannot fill a process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use client::webhook::WebhookSecret;
use domain::{Slot, limits};
use sqlx::{PgConnection, PgPool};
use store::cipher::{Cell, Cipher};
use store::{Fault, column};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Webhooks;
use crate::rows::{DeliveryRow, DeliveryState, WebhookRow, database_time, secret_of, text};

/// A message to be kept for a webhook.
#[derive(Debug)]
pub(crate) struct NewDelivery {
    pub(crate) slot: Slot,
    pub(crate) webhook: Uuid,
    pub(crate) message: Uuid,
    pub(crate) name: String,
    pub(crate) body: Arc<str>,
    pub(crate) created: OffsetDateTime,
}

/// A message that this process posts now.
#[derive(Debug)]
pub(crate) struct ClaimedDelivery {
    pub(crate) slot: Slot,
    pub(crate) webhook: Uuid,
    pub(crate) message: Uuid,
    pub(crate) body: String,
    pub(crate) tries: u32,
    /// By the clock of the database: whoever takes it compares it with its own, which nobody moves.
    pub(crate) now: OffsetDateTime,
    pub(crate) url: String,
    pub(crate) secrets: Vec<WebhookSecret>,
    /// Whose webhook it is.
    pub(crate) caller: String,
}

/// What became of a try.
#[derive(Debug)]
pub(crate) struct PostOutcome {
    pub(crate) slot: Slot,
    pub(crate) webhook: Uuid,
    pub(crate) message: Uuid,
    pub(crate) standing: DeliveryState,
    /// When it is due again, while it waits.
    pub(crate) due: OffsetDateTime,
    pub(crate) time: OffsetDateTime,
    /// 0 where there was no answer.
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) took: Duration,
    /// Why nothing more is posted there; empty when that goes on.
    pub(crate) pause: &'static str,
}

fn body_key(webhook: Uuid, message: Uuid) -> Vec<u8> {
    [webhook.into_bytes(), message.into_bytes()].concat()
}

fn body_of(slot: Slot, key: &[u8]) -> Cell<'_> {
    Cell { column: "delivery.body", slot, key }
}

/// Writes messages that are due now. One that is there already stays as it is.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    cipher: &Cipher,
    new: &[NewDelivery],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if new.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = new.iter().map(|it| it.slot.column()).collect();
    let webhooks: Vec<Uuid> = new.iter().map(|it| it.webhook).collect();
    let messages: Vec<Uuid> = new.iter().map(|it| it.message).collect();
    let names: Vec<String> = new.iter().map(|it| it.name.clone()).collect();
    let encrypt = |it: &NewDelivery| {
        let key = body_key(it.webhook, it.message);
        cipher.encrypt(body_of(it.slot, &key), it.body.as_bytes())
    };
    let bodies: Vec<Vec<u8>> = new.iter().map(encrypt).collect::<Result<_, _>>()?;
    let times: Vec<OffsetDateTime> = new.iter().map(|it| it.created).collect();
    sqlx::query!(
        "insert into delivery (slot, webhook, message, type, body, created_time, due_time)
         select new.slot, new.webhook, new.message, new.type, new.body, new.created_time, $7
         from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::text[], $5::bytea[], $6::timestamptz[])
           as new (slot, webhook, message, type, body, created_time)
         join webhook w on w.slot = new.slot and w.id = new.webhook
         on conflict do nothing",
        &slots,
        &webhooks,
        &messages,
        &names,
        &bodies,
        &times,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Claims what is due: of each webhook no more than its room, less what this process has under way.
pub(crate) async fn claim(
    own: &Webhooks,
    under_way: &HashMap<Uuid, i64>,
) -> Result<Vec<ClaimedDelivery>, Fault> {
    let (busy, counts): (Vec<Uuid>, Vec<i64>) = under_way.iter().map(|(id, n)| (*id, *n)).unzip();
    let now = own.clock.now();
    let mut db = own.work.acquire().await?;
    let leases = database_time(&mut db).await?;
    let claimed = sqlx::query!(
        "update delivery d set lease_until = $6
         from (select c.slot, c.webhook, c.message from webhook w
               left join unnest($1::uuid[], $2::bigint[]) as busy (webhook, count) on busy.webhook = w.id
               cross join lateral (
                 select slot, webhook, message from delivery
                 where slot = w.slot and webhook = w.id and state = 1 and due_time <= $3
                   and (lease_until is null or lease_until < $7)
                 order by due_time
                 limit greatest(case when w.failing_since is null then $4::bigint else $5::bigint end
                                - coalesce(busy.count, 0), 0)
                 for update skip locked) c
               where w.paused_time is null) due
         where d.slot = due.slot and d.webhook = due.webhook and d.message = due.message
         returning d.slot, d.webhook, d.message, d.body, d.tries",
        &busy,
        &counts,
        now,
        limits::WEBHOOK_POSTS_AT_ONCE,
        limits::WEBHOOK_POSTS_AT_ONCE_FAILING,
        leases + time::Duration::seconds(limits::WEBHOOK_LEASE_SECONDS.into()),
        leases
    )
    .fetch_all(&mut *db)
    .await?;
    drop(db);
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    let targets = targets(own, claimed.iter().map(|row| (row.slot, row.webhook)), now).await?;
    let mut found = Vec::with_capacity(claimed.len());
    for row in claimed {
        let slot = column::slot(row.slot)?;
        // One that was ended meanwhile has no messages any more.
        let Some(Target { url, secrets, caller }) = targets.get(&row.webhook) else { continue };
        let key = body_key(row.webhook, row.message);
        found.push(ClaimedDelivery {
            slot,
            webhook: row.webhook,
            message: row.message,
            body: text(own.cipher.decrypt(body_of(slot, &key), row.body)?.into())?,
            tries: column::number(row.tries)?,
            now: leases,
            url: url.clone(),
            secrets: secrets.clone(),
            caller: caller.clone(),
        });
    }
    Ok(found)
}

/// Where messages of a webhook go, for whom, and what signs them: the newest key first.
struct Target {
    url: String,
    secrets: Vec<WebhookSecret>,
    caller: String,
}

async fn targets(
    own: &Webhooks,
    of: impl Iterator<Item = (i16, Uuid)>,
    now: OffsetDateTime,
) -> Result<HashMap<Uuid, Target>, Fault> {
    let mut of: Vec<_> = of.collect();
    of.sort_unstable();
    of.dedup();
    let (slots, ids): (Vec<i16>, Vec<Uuid>) = of.into_iter().unzip();
    let rows = sqlx::query!(
        "select w.slot, w.id, w.url, w.caller, k.id as key, k.secret
         from unnest($1::smallint[], $2::uuid[]) as of (slot, id)
         join webhook w on w.slot = of.slot and w.id = of.id
         join signing_key k on k.slot = w.slot and k.webhook = w.id
           and (k.expire_time is null or k.expire_time > $3)
         order by k.created_time desc",
        &slots,
        &ids,
        now
    );
    let mut targets = HashMap::new();
    for row in rows.fetch_all(&own.work).await? {
        let slot = column::slot(row.slot)?;
        let secret = own.cipher.decrypt(secret_of(slot, &row.key), row.secret)?;
        let target = match targets.entry(row.id) {
            std::collections::hash_map::Entry::Occupied(there) => there.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => {
                let cell = Cell { column: "webhook.url", slot, key: row.id.as_bytes() };
                let url = text(own.cipher.decrypt(cell, row.url)?.into())?;
                free.insert(Target { url, secrets: Vec::new(), caller: row.caller })
            }
        };
        target.secrets.push(WebhookSecret::of(secret.into()));
    }
    Ok(targets)
}

/// Keeps what became of tries. Gives the webhooks that are paused by it.
pub(crate) async fn keep(
    tx: &mut PgConnection,
    outcomes: &[PostOutcome],
    (paused_after, reason): (time::Duration, &str),
    now: OffsetDateTime,
) -> Result<Vec<(i16, Uuid)>, Fault> {
    let slots: Vec<i16> = outcomes.iter().map(|it| it.slot.column()).collect();
    let webhooks: Vec<Uuid> = outcomes.iter().map(|it| it.webhook).collect();
    let messages: Vec<Uuid> = outcomes.iter().map(|it| it.message).collect();
    let states: Vec<i16> = outcomes.iter().map(|it| it.standing.column()).collect();
    let due: Vec<OffsetDateTime> = outcomes.iter().map(|it| it.due).collect();
    let times: Vec<OffsetDateTime> = outcomes.iter().map(|it| it.time).collect();
    let statuses: Vec<i16> =
        outcomes.iter().map(|it| i16::try_from(it.status).unwrap_or(i16::MAX)).collect(); // three digits
    let reasons: Vec<String> = outcomes.iter().map(|it| it.reason.clone()).collect();
    let took = |it: &PostOutcome| i32::try_from(it.took.as_millis()).unwrap_or(i32::MAX); // seconds
    let took: Vec<i32> = outcomes.iter().map(took).collect();
    sqlx::query!(
        "update delivery d
         set state = it.state, due_time = it.due_time, tries = d.tries + 1, lease_until = null,
             last_time = it.last_time, status = it.status, reason = it.reason, milliseconds = it.milliseconds
         from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::smallint[], $5::timestamptz[], $6::timestamptz[],
                     $7::smallint[], $8::text[], $9::int[])
           as it (slot, webhook, message, state, due_time, last_time, status, reason, milliseconds)
         where d.slot = it.slot and d.webhook = it.webhook and d.message = it.message and d.state = 1",
        &slots,
        &webhooks,
        &messages,
        &states,
        &due,
        &times,
        &statuses,
        &reasons,
        &took
    )
    .execute(&mut *tx)
    .await?;
    let taken: Vec<bool> =
        outcomes.iter().map(|it| it.standing == DeliveryState::Delivered).collect();
    let pauses: Vec<String> = outcomes.iter().map(|it| it.pause.to_owned()).collect();
    // In one order, so that two processes never wait for each other in a circle. One whose state does not change
    // is not written.
    let changed = sqlx::query!(
        r#"with it as (select slot, webhook, bool_or(taken) as taken, max(pause) as pause
                       from unnest($1::smallint[], $2::uuid[], $3::bool[], $4::text[]) as it (slot, webhook, taken, pause)
                       group by slot, webhook),
              held as (select w.slot, w.id, w.failing_since, it.taken, it.pause from webhook w
                       join it on it.slot = w.slot and it.webhook = w.id
                       where w.paused_time is null
                         and (it.pause <> '' or it.taken = (w.failing_since is not null)
                              or not it.taken and w.failing_since <= $6)
                       order by w.slot, w.id for no key update of w)
         update webhook w
         set failing_since = case when held.taken then null else coalesce(held.failing_since, $5) end,
             paused_time = case when held.pause <> '' or not held.taken and held.failing_since <= $6 then $5 end,
             paused_reason = case when held.pause <> '' then held.pause
                                  when not held.taken and held.failing_since <= $6 then $7
                                  else '' end
         from held where w.slot = held.slot and w.id = held.id
         returning w.slot, w.id, w.paused_time is not null as "paused!""#,
        &slots,
        &webhooks,
        &taken,
        &pauses,
        now,
        now - paused_after,
        reason
    )
    .fetch_all(&mut *tx)
    .await?;
    Ok(changed.into_iter().filter(|it| it.paused).map(|it| (it.slot, it.id)).collect())
}

/// The messages of a webhook before this one, newest first.
pub(crate) async fn page(
    pool: &PgPool,
    webhook: &WebhookRow,
    (standing, before): (Option<DeliveryState>, Uuid),
    most: i64,
) -> Result<Vec<DeliveryRow>, Fault> {
    let rows = sqlx::query!(
        "select message, type as name, created_time, state, due_time, tries, last_time, status, reason, milliseconds
         from delivery where slot = $1 and webhook = $2 and message < $3 and ($4::smallint is null or state = $4)
         order by message desc limit $5",
        webhook.slot().column(),
        webhook.id,
        before,
        standing.map(DeliveryState::column),
        most
    );
    let rows = rows.fetch_all(pool).await?;
    let rows = rows.into_iter().map(|row| {
        Ok(DeliveryRow {
            message: row.message,
            name: row.name,
            created: row.created_time,
            standing: column::value(
                "state of a delivery",
                DeliveryState::ALL,
                DeliveryState::column,
                row.state,
            )?,
            due: row.due_time,
            tries: row.tries,
            last: row.last_time,
            status: row.status,
            reason: row.reason,
            milliseconds: row.milliseconds,
        })
    });
    rows.collect()
}

/// Which messages are posted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResendChoice {
    /// This one.
    Message(Uuid),
    /// Those that were given up.
    GivenUp,
    /// Those that wait, at once and not only when they are due.
    Waiting,
}

/// Messages of these webhooks are posted again from the first try. How many.
pub(crate) async fn again(
    db: &mut PgConnection,
    webhooks: &[WebhookRow],
    which: ResendChoice,
    now: OffsetDateTime,
) -> Result<u64, Fault> {
    let slots: Vec<i16> = webhooks.iter().map(|it| it.slot().column()).collect();
    let ids: Vec<Uuid> = webhooks.iter().map(|it| it.id).collect();
    let (message, state) = match which {
        ResendChoice::Message(message) => (Some(message), None),
        ResendChoice::GivenUp => (None, Some(DeliveryState::GivenUp.column())),
        ResendChoice::Waiting => (None, Some(DeliveryState::Waiting.column())),
    };
    let again = sqlx::query!(
        "update delivery d set state = 1, tries = 0, due_time = $5
         from unnest($1::smallint[], $2::uuid[]) as it (slot, webhook)
         where d.slot = it.slot and d.webhook = it.webhook and ($3::uuid is null or d.message = $3)
           and ($4::smallint is null or d.state = $4)",
        &slots,
        &ids,
        message,
        state,
        now
    );
    Ok(again.execute(db).await?.rows_affected())
}

/// How often is looked for what is too old.
const LOOK: Duration = Duration::from_secs(60);
/// Messages deleted in one statement.
const AT_ONCE: i64 = 10_000;

/// Deletes messages and keys that are too old, until `stop`.
pub(crate) async fn forget(own: &Webhooks, stop: &CancellationToken) {
    loop {
        let pause = match forget_some(own).await {
            Ok(more) if more => Duration::ZERO,
            Ok(_) => LOOK,
            Err(fault) => {
                fault.report("old messages of webhooks cannot be deleted");
                LOOK
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn forget_some(own: &Webhooks) -> Result<bool, Fault> {
    let now = own.clock.now();
    let before = now - time::Duration::days(limits::WEBHOOK_HISTORY_DAYS);
    let gone = sqlx::query!(
        "delete from delivery where ctid = any(array(
           select ctid from delivery where created_time < $1 limit $2 for update skip locked))",
        before,
        AT_ONCE
    );
    let gone = gone.execute(&own.work).await?.rows_affected();
    sqlx::query!("delete from signing_key where expire_time < $1", now).execute(&own.work).await?;
    Ok(gone >= AT_ONCE.unsigned_abs())
}
