//! Rows of keys of callers (API keys, 接口密钥). Kept is the digest of a key and never the key.

use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Fault;

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// For people and for revoking it.
    pub id: Uuid,
    /// SHA-256 of the key.
    pub digest: Vec<u8>,
    /// Whose it is, as the registry names it.
    pub caller: String,
    /// What that caller was when the key was made.
    pub role: String,
    /// What it is for, in the words of who had it made.
    pub note: String,
    /// It opens what only reads.
    pub read_only: bool,
    /// Since when.
    pub created: OffsetDateTime,
    /// Until when.
    pub expires: OffsetDateTime,
    /// Since when it is not good any more.
    pub revoked: Option<OffsetDateTime>,
    /// When it was used last, about.
    pub last_used: Option<OffsetDateTime>,
}

/// Keeps new keys, all or none: while no caller has more than the first number of good ones then, and all of them
/// together no more than the second. Says the number that would be exceeded.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn insert(
    pool: &PgPool,
    keys: &[KeyRow],
    (each, all): (usize, usize),
    now: OffsetDateTime,
) -> Result<Option<usize>, Fault> {
    let mut tx = pool.begin().await?;
    // Processes that make keys at the same moment count one after the other.
    sqlx::query!("select pg_advisory_xact_lock(7103, 0)").execute(&mut *tx).await?;
    let there = sqlx::query_scalar!(
        "select caller from api_key where slot = 0 and revoked_time is null and expire_time > $1",
        now,
    );
    let mut holders = there.fetch_all(&mut *tx).await?;
    holders.extend(keys.iter().map(|key| key.caller.clone()));
    if holders.len() > all {
        return Ok(Some(all));
    }
    let of = |caller: &str| holders.iter().filter(|holder| *holder == caller).count();
    if keys.iter().any(|key| of(&key.caller) > each) {
        return Ok(Some(each));
    }
    let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
    let digests: Vec<_> = keys.iter().map(|key| key.digest.clone()).collect();
    let callers: Vec<_> = keys.iter().map(|key| key.caller.clone()).collect();
    let roles: Vec<_> = keys.iter().map(|key| key.role.clone()).collect();
    let notes: Vec<_> = keys.iter().map(|key| key.note.clone()).collect();
    let read_only: Vec<_> = keys.iter().map(|key| key.read_only).collect();
    let created: Vec<_> = keys.iter().map(|key| key.created).collect();
    let expires: Vec<_> = keys.iter().map(|key| key.expires).collect();
    sqlx::query!(
        "insert into api_key (slot, id, digest, caller, role, note, read_only, created_time, expire_time)
         select 0, * from unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::bool[],
                                 $7::timestamptz[], $8::timestamptz[])",
        &ids,
        &digests,
        &callers,
        &roles,
        &notes,
        &read_only,
        &created,
        &expires,
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(None)
}

/// The keys that are good now.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn good(pool: &PgPool, now: OffsetDateTime) -> Result<Vec<KeyRow>, Fault> {
    let rows = sqlx::query_as!(
        KeyRow,
        "select id, digest, caller, role, note, read_only, created_time as created, expire_time as expires,
                revoked_time as revoked, last_used_time as last_used
         from api_key where slot = 0 and revoked_time is null and expire_time > $1",
        now,
    );
    Ok(rows.fetch_all(pool).await?)
}

/// Keys in the order in which they were made: after this one, and of this caller unless it is empty.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn page(
    pool: &PgPool,
    caller: &str,
    after: Uuid,
    most: i64,
) -> Result<Vec<KeyRow>, Fault> {
    let rows = sqlx::query_as!(
        KeyRow,
        "select id, digest, caller, role, note, read_only, created_time as created, expire_time as expires,
                revoked_time as revoked, last_used_time as last_used
         from api_key where slot = 0 and id > $1 and ($2 = '' or caller = $2)
         order by id limit $3",
        after,
        caller,
        most,
    );
    Ok(rows.fetch_all(pool).await?)
}

/// Ends a key, of this caller unless it is empty; one that has ended stays as it is. `None` when there is none.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn revoke(
    pool: &PgPool,
    (id, caller): (Uuid, &str),
    now: OffsetDateTime,
) -> Result<Option<KeyRow>, Fault> {
    let row = sqlx::query_as!(
        KeyRow,
        "update api_key set revoked_time = coalesce(revoked_time, $2)
         where slot = 0 and id = $1 and ($3 = '' or caller = $3)
         returning id, digest, caller, role, note, read_only, created_time as created,
                   expire_time as expires, revoked_time as revoked, last_used_time as last_used",
        id,
        now,
        caller,
    );
    Ok(row.fetch_optional(pool).await?)
}

/// Keeps when these keys were used last.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn used(pool: &PgPool, uses: &[(Uuid, OffsetDateTime)]) -> Result<(), Fault> {
    let (ids, times): (Vec<_>, Vec<_>) = uses.iter().copied().unzip();
    sqlx::query!(
        "update api_key set last_used_time = greatest(last_used_time, used.at)
         from unnest($1::uuid[], $2::timestamptz[]) as used (id, at)
         where api_key.slot = 0 and api_key.id = used.id",
        &ids,
        &times,
    )
    .execute(pool)
    .await?;
    Ok(())
}
