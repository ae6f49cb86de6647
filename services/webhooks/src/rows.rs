//! The rows of webhooks and of their signing keys, and what their queries are.

use client::webhook::WebhookSecret;
use domain::{Principal, Slot};
use sqlx::{PgConnection, PgPool};
use store::cipher::{Cell, Cipher};
use store::{Fault, column};
use time::OffsetDateTime;
use uuid::Uuid;

/// A webhook as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct WebhookRow {
    pub(crate) id: Uuid,
    pub(crate) caller: String,
    pub(crate) digest: Vec<u8>,
    pub(crate) url: String,
    pub(crate) types: Vec<String>,
    pub(crate) declarants: Vec<String>,
    pub(crate) note: String,
    pub(crate) created: OffsetDateTime,
    pub(crate) failing_since: Option<OffsetDateTime>,
    pub(crate) paused: Option<OffsetDateTime>,
    pub(crate) paused_reason: String,
}

impl WebhookRow {
    /// Where everything of it lies.
    pub(crate) fn slot(&self) -> Slot {
        Slot::of(&self.caller)
    }

    /// Whether it is for what happened to a firm's declaration, when these are its types. `caller` is its own caller,
    /// as the registry has it now.
    pub(crate) fn wants(&self, caller: &Principal, declarant: &str, types: &[&str]) -> bool {
        caller.scope().covers(declarant)
            && (self.declarants.is_empty() || self.declarants.iter().any(|own| own == declarant))
            && self.takes(types)
    }

    /// Whether it is for one of these types.
    pub(crate) fn takes(&self, types: &[&str]) -> bool {
        self.types.is_empty() || self.types.iter().any(|own| types.contains(&own.as_str()))
    }
}

/// How a message stands with a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryState {
    Waiting,
    Delivered,
    GivenUp,
}

impl DeliveryState {
    pub(crate) const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::GivenUp];

    pub(crate) fn column(self) -> i16 {
        match self {
            Self::Waiting => 1,
            Self::Delivered => 2,
            Self::GivenUp => 3,
        }
    }
}

/// A message of a webhook, as people see it.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryRow {
    pub(crate) message: Uuid,
    pub(crate) name: String,
    pub(crate) created: OffsetDateTime,
    pub(crate) standing: DeliveryState,
    pub(crate) due: OffsetDateTime,
    pub(crate) tries: i32,
    pub(crate) last: Option<OffsetDateTime>,
    pub(crate) status: i16,
    pub(crate) reason: String,
    pub(crate) milliseconds: i32,
}

fn url_of(slot: Slot, id: &Uuid) -> Cell<'_> {
    Cell { column: "webhook.url", slot, key: id.as_bytes() }
}

pub(crate) fn secret_of(slot: Slot, id: &Uuid) -> Cell<'_> {
    Cell { column: "signing_key.secret", slot, key: id.as_bytes() }
}

/// The columns of a webhook.
struct Columns {
    slot: i16,
    id: Uuid,
    caller: String,
    digest: Vec<u8>,
    url: Vec<u8>,
    types: Vec<String>,
    declarants: Vec<String>,
    note: String,
    created_time: OffsetDateTime,
    failing_since: Option<OffsetDateTime>,
    paused_time: Option<OffsetDateTime>,
    paused_reason: String,
}

impl Columns {
    fn row(self, cipher: &Cipher) -> Result<WebhookRow, Fault> {
        let slot = column::slot(self.slot)?;
        let url = text(cipher.decrypt(url_of(slot, &self.id), self.url)?.into())?;
        Ok(WebhookRow {
            id: self.id,
            caller: self.caller,
            digest: self.digest,
            url,
            types: self.types,
            declarants: self.declarants,
            note: self.note,
            created: self.created_time,
            failing_since: self.failing_since,
            paused: self.paused_time,
            paused_reason: self.paused_reason,
        })
    }
}

pub(crate) fn text(bytes: Vec<u8>) -> Result<String, Fault> {
    String::from_utf8(bytes).map_err(|_| Fault::Broken("a text is not UTF-8".to_owned()))
}

/// Writes a webhook with its first signing key; nothing when there is one of this id already.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    cipher: &Cipher,
    row: &WebhookRow,
) -> Result<bool, Fault> {
    let slot = row.slot();
    let written = sqlx::query!(
        "insert into webhook (slot, id, caller, digest, url, types, declarants, note, created_time)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
        slot.column(),
        row.id,
        row.caller,
        row.digest,
        cipher.encrypt(url_of(slot, &row.id), row.url.as_bytes())?,
        &row.types,
        &row.declarants,
        row.note,
        row.created
    );
    Ok(written.execute(tx).await?.rows_affected() > 0)
}

/// Writes a signing key; nothing when there is one of this id already.
pub(crate) async fn insert_key(
    tx: &mut PgConnection,
    cipher: &Cipher,
    (slot, webhook, id): (Slot, Uuid, Uuid),
    secret: &WebhookSecret,
    now: OffsetDateTime,
) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "insert into signing_key (slot, webhook, id, secret, created_time) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
        slot.column(),
        webhook,
        id,
        cipher.encrypt(secret_of(slot, &id), secret.bytes())?,
        now
    );
    Ok(written.execute(tx).await?.rows_affected() > 0)
}

/// The other keys of a webhook end then, unless they end before.
pub(crate) async fn end_other_keys(
    tx: &mut PgConnection,
    (slot, webhook, id): (Slot, Uuid, Uuid),
    then: OffsetDateTime,
) -> Result<(), Fault> {
    sqlx::query!(
        "update signing_key set expire_time = least(expire_time, $4)
         where slot = $1 and webhook = $2 and id <> $3",
        slot.column(),
        webhook,
        id,
        then
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A signing key of a webhook, while it signs, and how many of them sign.
pub(crate) async fn key(
    tx: &mut PgConnection,
    cipher: &Cipher,
    (slot, webhook, id): (Slot, Uuid, Uuid),
    now: OffsetDateTime,
) -> Result<(Option<WebhookSecret>, usize), Fault> {
    let rows = sqlx::query!(
        "select id, secret from signing_key
         where slot = $1 and webhook = $2 and (expire_time is null or expire_time > $3)",
        slot.column(),
        webhook,
        now
    );
    let rows = rows.fetch_all(tx).await?;
    let count = rows.len();
    let found = rows.into_iter().find(|row| row.id == id);
    let found = found.map(|row| cipher.decrypt(secret_of(slot, &id), row.secret)).transpose()?;
    Ok((found.map(|bytes| WebhookSecret::of(bytes.into())), count))
}

/// A caller's webhook.
pub(crate) async fn find(
    db: &mut PgConnection,
    cipher: &Cipher,
    (caller, id): (&str, Uuid),
) -> Result<Option<WebhookRow>, Fault> {
    let found = sqlx::query_as!(
        Columns,
        "select slot, id, caller, digest, url, types, declarants, note, created_time, failing_since, paused_time,
                paused_reason
         from webhook where slot = $1 and id = $2 and caller = $3",
        Slot::of(caller).column(),
        id,
        caller
    );
    found.fetch_optional(db).await?.map(|columns| columns.row(cipher)).transpose()
}

/// A caller's webhooks before this one, newest first.
pub(crate) async fn page(
    pool: &PgPool,
    cipher: &Cipher,
    (caller, before): (&str, Uuid),
    most: i64,
) -> Result<Vec<WebhookRow>, Fault> {
    let found = sqlx::query_as!(
        Columns,
        "select slot, id, caller, digest, url, types, declarants, note, created_time, failing_since, paused_time,
                paused_reason
         from webhook where caller = $1 and id < $2 order by id desc limit $3",
        caller,
        before,
        most
    );
    found.fetch_all(pool).await?.into_iter().map(|columns| columns.row(cipher)).collect()
}

/// Every webhook, or those of a caller. There are few.
pub(crate) async fn all(
    db: &mut PgConnection,
    cipher: &Cipher,
    caller: Option<&str>,
) -> Result<Vec<WebhookRow>, Fault> {
    let found = sqlx::query_as!(
        Columns,
        "select slot, id, caller, digest, url, types, declarants, note, created_time, failing_since, paused_time,
                paused_reason
         from webhook where $1::text is null or caller = $1",
        caller
    );
    found.fetch_all(db).await?.into_iter().map(|columns| columns.row(cipher)).collect()
}

/// How many webhooks there are: of a caller, and in all.
pub(crate) async fn count(db: &mut PgConnection, caller: &str) -> Result<(i64, i64), Fault> {
    let row = sqlx::query!(
        r#"select count(*) filter (where caller = $1) as "own!", count(*) as "all!" from webhook"#,
        caller
    );
    let row = row.fetch_one(db).await?;
    Ok((row.own, row.all))
}

/// Ends a webhook, with its keys and messages.
pub(crate) async fn delete(pool: &PgPool, (caller, id): (&str, Uuid)) -> Result<bool, Fault> {
    let gone = sqlx::query!(
        "delete from webhook where slot = $1 and id = $2 and caller = $3",
        Slot::of(caller).column(),
        id,
        caller
    );
    Ok(gone.execute(pool).await?.rows_affected() > 0)
}

/// The time of the database: leases of several processes go by one clock.
pub(crate) async fn database_time(db: &mut PgConnection) -> Result<OffsetDateTime, Fault> {
    let now = sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#);
    Ok(now.fetch_one(db).await?)
}

/// Nothing more is posted to a webhook from now on. One that is paused already stays so since then, for its reason.
pub(crate) async fn pause(
    db: &mut PgConnection,
    row: &WebhookRow,
    reason: &str,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    sqlx::query!(
        "update webhook set paused_time = $3, paused_reason = $4
         where slot = $1 and id = $2 and paused_time is null",
        row.slot().column(),
        row.id,
        now,
        reason
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Nothing failed, and nothing is paused.
pub(crate) async fn resume(db: &mut PgConnection, row: &WebhookRow) -> Result<(), Fault> {
    sqlx::query!(
        "update webhook set failing_since = null, paused_time = null, paused_reason = ''
         where slot = $1 and id = $2",
        row.slot().column(),
        row.id
    )
    .execute(db)
    .await?;
    Ok(())
}
