//! Keys of callers (API keys, 接口密钥), for programs that cannot present a certificate.
//!
//! The invariants: a key is said once, and what is kept of it gives it back to nobody; it stands for a caller of
//! the registry, and only as long as that caller has the role that the key was made for. Every process has the
//! good ones in memory and looks once a second for what others did: so no call costs a query, one with
//! a wrong key neither, and a key that is revoked has ended here at once and elsewhere a second later.
//!
//! An administrator looks after everybody's. Everybody else has those of its own caller and no others, so what a key
//! of theirs may is never more than they may themselves; that no key makes another one is seen to at the gate.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::refusal::{Code, Refusal, Violation};
use domain::{Kind, Principal, limits};
use proto::v1;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use sqlx::PgPool;
use store::api_key::{self, KeyRow};
use store::{Clock, Fault, ServiceError};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::rpc::Call;

/// What every key begins with, so that people and scanners of code know one when they see it.
pub const PREFIX: &str = "swk_";
/// Random bytes of a key.
const SECRET_BYTES: usize = 32;
/// How often is looked for what other processes did.
const LOOK: Duration = Duration::from_secs(1);
/// Looks until it is kept when keys were used last.
const LOOKS_UNTIL_KEPT: u32 = 30;

/// A key that is good.
#[derive(Debug)]
pub struct ApiKey {
    /// Whose it is, as the registry names it.
    pub caller: String,
    /// What that caller was when it was made, as the registry says it.
    pub role: String,
    /// What it is for, as whoever made it said: its name.
    pub note: String,
    /// It opens what only reads.
    pub read_only: bool,
    /// When it is not good any more.
    pub over: CancellationToken,
    id: Uuid,
    expires: OffsetDateTime,
    /// When it was used last, in seconds since 1970, and what of that is kept.
    used: AtomicI64,
    kept: AtomicI64,
}

/// What a key is to be like.
#[derive(Debug, Clone, Copy)]
pub struct KeyTerms<'a> {
    /// How long it is good.
    pub lasts: time::Duration,
    /// What it is for.
    pub note: &'a str,
    /// It opens what only reads.
    pub read_only: bool,
    /// Good keys that a caller may have then.
    pub most_each: usize,
}

/// The keys of a window.
#[derive(Debug, Clone)]
pub struct ApiKeys(Arc<Keys>);

#[derive(Debug)]
struct Keys {
    pool: PgPool,
    clock: Clock,
    /// The callers of the registry, and what each is.
    roles: RwLock<BTreeMap<String, String>>,
    /// By their digests.
    good: RwLock<HashMap<Vec<u8>, Arc<ApiKey>>>,
    /// Whoever changes the rows reads them again before the next one does.
    turn: Mutex<()>,
}

impl ApiKeys {
    /// Those of the callers with these roles, as they are in this schema.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database.
    pub async fn open(
        pool: PgPool,
        clock: Clock,
        roles: BTreeMap<String, String>,
    ) -> Result<Self, Fault> {
        let (roles, good) = (RwLock::new(roles), RwLock::default());
        let keys = Keys { pool, clock, roles, good, turn: Mutex::default() };
        keys.read().await?;
        Ok(Self(Arc::new(keys)))
    }

    /// The registry has these callers now. Keys of those that it has not, or in another role, are over.
    pub fn follow(&self, roles: BTreeMap<String, String>) {
        let mut good = self.0.good.write().unwrap_or_else(PoisonError::into_inner);
        good.retain(|_, key| {
            let stays = roles.get(&key.caller) == Some(&key.role);
            if !stays {
                key.over.cancel();
            }
            stays
        });
        *self.0.roles.write().unwrap_or_else(PoisonError::into_inner) = roles;
    }

    /// The key that this text is, when it is good.
    pub fn find(&self, text: &str) -> Option<Arc<ApiKey>> {
        let secret = text.strip_prefix(PREFIX)?;
        // Of base64, a text of this length is 32 bytes.
        if secret.len() != (SECRET_BYTES * 8).div_ceil(6) {
            return None;
        }
        let good = self.0.good.read().unwrap_or_else(PoisonError::into_inner);
        let key = Arc::clone(good.get(digest(&SHA256, text.as_bytes()).as_ref())?);
        let now = self.0.clock.now();
        key.used.fetch_max(now.unix_timestamp(), Ordering::Relaxed);
        (key.expires > now).then_some(key)
    }

    /// Makes a key for each of these callers; all or none.
    ///
    /// # Errors
    ///
    /// A caller that the registry does not know or that has as many as it may, or a fault.
    pub async fn make(
        &self,
        callers: &[&str],
        KeyTerms { lasts, note, read_only, most_each }: KeyTerms<'_>,
    ) -> Result<Vec<(KeyRow, String)>, ServiceError> {
        let keys = &*self.0;
        let now = keys.clock.now();
        let made = callers.iter().map(|caller| {
            let role = keys.role(caller);
            let role = role.ok_or_else(|| Refusal::of(Code::NotFound).with("caller", *caller))?;
            let mut secret = [0; SECRET_BYTES];
            let filled = SystemRandom::new().fill(&mut secret);
            filled.map_err(|_| Fault::Broken("the system gives no random bytes".to_owned()))?;
            let text = format!("{PREFIX}{}", BASE64.encode(secret));
            let row = KeyRow {
                id: Uuid::now_v7(),
                digest: digest(&SHA256, text.as_bytes()).as_ref().to_vec(),
                caller: (*caller).to_owned(),
                role,
                note: note.to_owned(),
                read_only,
                created: now,
                expires: now.saturating_add(lasts),
                revoked: None,
                last_used: None,
            };
            Ok((row, text))
        });
        let made: Vec<(KeyRow, String)> = made.collect::<Result<_, ServiceError>>()?;
        let rows: Vec<_> = made.iter().map(|(row, _)| row.clone()).collect();
        let _turn = keys.turn.lock().await;
        let most = (most_each, limits::API_KEYS_MAX);
        if let Some(most) = api_key::insert(&keys.pool, &rows, most, now).await? {
            let refusal = Refusal::of(Code::QuotaUsedUp).with("what", "keys");
            return Err(refusal.with("most", most).into());
        }
        keys.take_over(api_key::good(&keys.pool, now).await?);
        Ok(made)
    }

    pub(crate) async fn create(
        &self,
        call: &Call,
        request: v1::CreateKeyRequest,
    ) -> Result<v1::CreateKeyResponse, ServiceError> {
        let v1::CreateKeyRequest { caller, days, note, read_only } = request;
        let caller = match caller.as_str() {
            "" => call.principal.name.as_str(),
            asked => holder(&call.principal, asked)?,
        };
        let most = match call.principal.kind {
            Kind::Administrator => limits::API_KEY_DAYS_MAX,
            _ => limits::API_KEY_FIRM_DAYS_MAX,
        };
        let days = match days {
            0 => limits::API_KEY_DAYS,
            days if days <= most => days,
            _ => return Err(too_long(most).into()),
        };
        let terms = KeyTerms {
            lasts: time::Duration::days(days.into()),
            note: &note,
            read_only,
            most_each: limits::API_KEYS_EACH_MAX,
        };
        let (row, key) = self.make(&[caller], terms).await?.swap_remove(0);
        let by = &call.principal.name;
        tracing::info!(id = %row.id, caller, days, read_only, by, "a key was made");
        Ok(v1::CreateKeyResponse { record: Some(shown(row)), key })
    }

    pub(crate) async fn list(
        &self,
        call: &Call,
        request: &v1::ListKeysRequest,
    ) -> Result<v1::ListKeysResponse, ServiceError> {
        let caller = holder(&call.principal, &request.caller)?;
        let most = match request.page_size {
            0 => limits::PAGE_DEFAULT,
            size => size.clamp(1, limits::PAGE_MAX),
        };
        let after = match request.page_token.as_str() {
            "" => Uuid::nil(),
            token => Uuid::try_parse(token).map_err(|_| Refusal::of(Code::PageTokenForeign))?,
        };
        // One more says that there is another page.
        let rows = api_key::page(&self.0.pool, caller, after, i64::from(most) + 1).await?;
        let rows = self.0.with_uses(rows).into_iter();
        let mut records: Vec<_> = rows.map(shown).collect();
        let most = usize::try_from(most).unwrap_or(usize::MAX); // it is above zero
        let more = records.len() > most;
        records.truncate(most);
        let last = records.last().filter(|_| more);
        let next_page_token = proto::text(last.map(|record| record.id.clone()));
        Ok(v1::ListKeysResponse { records, next_page_token })
    }

    pub(crate) async fn revoke(
        &self,
        call: &Call,
        id: &str,
    ) -> Result<v1::RevokeKeyResponse, ServiceError> {
        let nothing = || Refusal::of(Code::NotFound).with("id", id);
        let wanted = Uuid::try_parse(id).map_err(|_| nothing())?;
        let keys = &*self.0;
        let _turn = keys.turn.lock().await;
        let now = keys.clock.now();
        let asked = (wanted, holder(&call.principal, "")?);
        let row = api_key::revoke(&keys.pool, asked, now).await?.ok_or_else(nothing)?;
        keys.take_over(api_key::good(&keys.pool, now).await?);
        tracing::info!(id, caller = row.caller, by = call.principal.name, "a key was revoked");
        Ok(v1::RevokeKeyResponse { record: Some(shown(row)) })
    }

    /// Follows what other processes do, and keeps when keys were used, until `draining`.
    pub async fn run(self, draining: CancellationToken) {
        let mut looks = 0;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = draining.cancelled() => {
                    self.0.keep_uses().await;
                    return;
                }
            }
            looks += 1;
            if looks % LOOKS_UNTIL_KEPT == 0 {
                self.0.keep_uses().await;
            }
            let _turn = self.0.turn.lock().await;
            if let Err(fault) = self.0.read().await {
                fault.report("keys of callers cannot be read; those that were good still are");
            }
        }
    }
}

impl Keys {
    /// What a caller is in the registry.
    fn role(&self, caller: &str) -> Option<String> {
        self.roles.read().unwrap_or_else(PoisonError::into_inner).get(caller).cloned()
    }

    async fn read(&self) -> Result<(), Fault> {
        self.take_over(api_key::good(&self.pool, self.clock.now()).await?);
        Ok(())
    }

    /// These are the good ones now; the others are over.
    fn take_over(&self, rows: Vec<KeyRow>) {
        let mut good = self.good.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *good);
        for row in rows {
            let known = before.remove(&row.digest);
            let used = row.last_used.map_or(0, OffsetDateTime::unix_timestamp);
            let key = known.unwrap_or_else(|| {
                Arc::new(ApiKey {
                    caller: row.caller,
                    role: row.role,
                    note: row.note,
                    read_only: row.read_only,
                    over: CancellationToken::new(),
                    id: row.id,
                    expires: row.expires,
                    used: AtomicI64::new(used),
                    kept: AtomicI64::new(used),
                })
            });
            good.insert(row.digest, key);
        }
        before.into_values().for_each(|key| key.over.cancel());
    }

    /// Rows as they are kept, with what was used here since then.
    fn with_uses(&self, mut rows: Vec<KeyRow>) -> Vec<KeyRow> {
        let good = self.good.read().unwrap_or_else(PoisonError::into_inner);
        for row in &mut rows {
            let used = good.get(&row.digest).map_or(0, |key| key.used.load(Ordering::Relaxed));
            let used = Some(used).filter(|used| *used > 0);
            let used = used.and_then(|used| OffsetDateTime::from_unix_timestamp(used).ok());
            row.last_used = row.last_used.max(used);
        }
        rows
    }

    async fn keep_uses(&self) {
        let good: Vec<_> = {
            let good = self.good.read().unwrap_or_else(PoisonError::into_inner);
            good.values().cloned().collect()
        };
        let used = good.iter().filter_map(|key| {
            let used = key.used.load(Ordering::Relaxed);
            let is_new = used > key.kept.swap(used, Ordering::Relaxed);
            let at = OffsetDateTime::from_unix_timestamp(used).ok()?;
            is_new.then_some((key.id, at))
        });
        let used: Vec<_> = used.collect();
        if used.is_empty() {
            return;
        }
        if let Err(fault) = api_key::used(&self.pool, &used).await {
            fault.report("it cannot be kept when keys of callers were used");
        }
    }
}

/// Whose keys somebody looks after who names this caller, or nobody: an administrator that one's, or all (an empty
/// name); everybody else its own. Others' are not found, whether they are there or not.
fn holder<'a>(principal: &'a Principal, asked: &'a str) -> Result<&'a str, Refusal> {
    match principal.kind {
        Kind::Administrator => Ok(asked),
        _ if asked.is_empty() || asked == principal.name => Ok(&principal.name),
        _ => Err(Refusal::of(Code::NotFound).with("caller", asked)),
    }
}

fn too_long(most: u32) -> Refusal {
    Refusal::invalid(vec![Violation {
        code: Code::NumberOutOfRange,
        field: "$.days".to_owned(),
        text: format!("a key is good for {most} days at most"),
        text_zh: format!("接口密钥有效期最长{most}天"),
        customs_code: None,
    }])
}

fn shown(row: KeyRow) -> v1::KeyRecord {
    let KeyRow {
        id,
        digest: _,
        caller,
        role,
        note,
        read_only,
        created,
        expires,
        revoked,
        last_used,
    } = row;
    v1::KeyRecord {
        id: id.to_string(),
        caller,
        role,
        note,
        created_time: Some(proto::timestamp(created)),
        expire_time: Some(proto::timestamp(expires)),
        revoked_time: revoked.map(proto::timestamp),
        last_used_time: last_used.map(proto::timestamp),
        read_only,
    }
}
