//! What answers each call: a message in, a message out.

use client::webhook::WebhookSecret;
use domain::refusal::{Code, Refusal, Violation};
use domain::{Slot, limits};
use kit::rpc::{Call, Change};
use proto::{v1, webhook};
use sqlx::PgConnection;
use store::page::Page;
use store::{Fault, ServiceError};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::deliveries::{self, NewDelivery, ResendChoice};
use crate::rows::{self, WebhookRow};
use crate::{Webhooks, address, wire};

type Answer<A> = Result<A, ServiceError>;

/// Hours that keys before the newest one sign, when nothing is said.
const KEEP_HOURS: u32 = 24;

fn fresh() -> Result<WebhookSecret, Fault> {
    let secret = WebhookSecret::fresh();
    secret.ok_or_else(|| Fault::Broken("the system gives no random bytes".to_owned()))
}

impl Webhooks {
    async fn own(&self, db: &mut PgConnection, call: &Call, id: &str) -> Answer<WebhookRow> {
        let wanted = wire::id(id)?;
        let found = rows::find(db, &self.cipher, (&call.principal.name, wanted)).await?;
        Ok(found.ok_or_else(|| Refusal::of(Code::NotFound).with("id", id))?)
    }

    pub(crate) async fn create(
        &self,
        call: &Call,
        change: Change,
        message: v1::CreateWebhookRequest,
    ) -> Answer<v1::CreateWebhookResponse> {
        let v1::CreateWebhookRequest { request_id: _, url, types, declarants, note } = message;
        let (caller, id) = (&call.principal.name, change.request_id.0);
        let violations = self.violations(call, &url, (&types, &declarants));
        if !violations.is_empty() {
            return Err(Refusal::invalid(violations).into());
        }
        let now = self.clock.now();
        let row = WebhookRow {
            id,
            caller: caller.clone(),
            digest: change.digest.to_vec(),
            url,
            types,
            declarants,
            note,
            created: now,
            failing_since: None,
            paused: None,
            paused_reason: String::new(),
        };
        let mut tx = self.work.begin().await.map_err(Fault::from)?;
        let (own, all) = rows::count(&mut tx, caller).await?;
        let key = (row.slot(), id, id);
        if !rows::insert(&mut tx, &self.cipher, &row).await? {
            return self.created_before(&mut tx, row, now).await;
        }
        let most = [(own, limits::WEBHOOKS_EACH_MAX), (all, limits::WEBHOOKS_MAX)];
        if let Some((_, most)) = most.into_iter().find(|(count, most)| count >= most) {
            let refusal = Refusal::of(Code::QuotaUsedUp).with("what", "webhooks");
            return Err(refusal.with("most", most).into());
        }
        let secret = fresh()?;
        rows::insert_key(&mut tx, &self.cipher, key, &secret, now).await?;
        tx.commit().await.map_err(Fault::from)?;
        tracing::info!(%id, caller, "a webhook was made");
        let webhook = Some(wire::webhook(row));
        Ok(v1::CreateWebhookResponse { webhook, secret: secret.text() })
    }

    /// The same request gets the same answer, while its key signs.
    async fn created_before(
        &self,
        tx: &mut PgConnection,
        asked: WebhookRow,
        now: OffsetDateTime,
    ) -> Answer<v1::CreateWebhookResponse> {
        let reused = || Refusal::of(Code::RequestIdReused).with("field", "request_id");
        let found = rows::find(tx, &self.cipher, (&asked.caller, asked.id)).await?;
        let row = found.filter(|row| row.digest == asked.digest).ok_or_else(reused)?;
        let key = (row.slot(), row.id, row.id);
        let (secret, _) = rows::key(tx, &self.cipher, key, now).await?;
        let secret = secret.ok_or_else(reused)?.text();
        Ok(v1::CreateWebhookResponse { webhook: Some(wire::webhook(row)), secret })
    }

    fn violations(
        &self,
        call: &Call,
        url: &str,
        (types, declarants): (&[String], &[String]),
    ) -> Vec<Violation> {
        let url = address::parse(url, self.allow_private).err();
        let url = url.map(|objection| wire::unfit("url", objection));
        let known = |name: &&String| !webhook::TYPES.contains(&name.as_str());
        let name = types.iter().find(known).map(|name| {
            let text = format!("there is no type {name}");
            wire::unfit("types", (&text, &format!("没有类型{name}")))
        });
        let scope = call.principal.scope();
        let foreign = declarants.iter().find(|code| !scope.covers(code)).map(|code| {
            let text = format!("the caller does not see declarations of {code}");
            wire::unfit("declarants", (&text, &format!("无权查看企业{code}的清单")))
        });
        url.into_iter().chain(name).chain(foreign).collect()
    }

    pub(crate) async fn get(
        &self,
        call: &Call,
        message: &v1::GetWebhookRequest,
    ) -> Answer<v1::GetWebhookResponse> {
        let mut db = self.reads.acquire().await.map_err(Fault::from)?;
        let row = self.own(&mut db, call, &message.id).await?;
        Ok(v1::GetWebhookResponse { webhook: Some(wire::webhook(row)) })
    }

    pub(crate) async fn list(
        &self,
        call: &Call,
        message: &v1::ListWebhooksRequest,
    ) -> Answer<v1::ListWebhooksResponse> {
        let caller = &call.principal.name;
        let asked = (message.page_size, message.page_token.as_str());
        let page = Page::of(&self.tokens, caller, "webhooks", asked)?;
        let key = (caller.as_str(), page.before()?);
        let found = rows::page(&self.reads, &self.cipher, key, page.count()).await?;
        let (found, next_page_token) = page.cut(found, |row| row.id.into_bytes())?;
        let webhooks = found.into_iter().map(wire::webhook).collect();
        Ok(v1::ListWebhooksResponse { webhooks, next_page_token })
    }

    pub(crate) async fn delete(
        &self,
        call: &Call,
        message: &v1::DeleteWebhookRequest,
    ) -> Answer<v1::DeleteWebhookResponse> {
        let (caller, id) = (&call.principal.name, wire::id(&message.id)?);
        if !rows::delete(&self.work, (caller, id)).await? {
            return Err(Refusal::of(Code::NotFound).with("id", id).into());
        }
        tracing::info!(%id, caller, "a webhook was ended");
        Ok(v1::DeleteWebhookResponse {})
    }

    pub(crate) async fn pause(
        &self,
        call: &Call,
        message: &v1::PauseWebhookRequest,
    ) -> Answer<v1::PauseWebhookResponse> {
        let mut tx = self.work.begin().await.map_err(Fault::from)?;
        let row = self.own(&mut tx, call, &message.id).await?;
        rows::pause(&mut tx, &row, wire::BY_ITS_CALLER, self.clock.now()).await?;
        let row = self.own(&mut tx, call, &message.id).await?;
        tx.commit().await.map_err(Fault::from)?;
        tracing::info!(id = %row.id, caller = row.caller, "a webhook was paused by its caller");
        Ok(v1::PauseWebhookResponse { webhook: Some(wire::webhook(row)) })
    }

    pub(crate) async fn resume(
        &self,
        call: &Call,
        message: &v1::ResumeWebhookRequest,
    ) -> Answer<v1::ResumeWebhookResponse> {
        let mut tx = self.work.begin().await.map_err(Fault::from)?;
        let row = self.own(&mut tx, call, &message.id).await?;
        rows::resume(&mut tx, &row).await?;
        deliveries::again(&mut tx, &[row], ResendChoice::Waiting, self.clock.now()).await?;
        let row = self.own(&mut tx, call, &message.id).await?;
        tx.commit().await.map_err(Fault::from)?;
        self.wake.notify_one();
        Ok(v1::ResumeWebhookResponse { webhook: Some(wire::webhook(row)) })
    }

    pub(crate) async fn test(
        &self,
        call: &Call,
        message: &v1::TestWebhookRequest,
    ) -> Answer<v1::TestWebhookResponse> {
        let mut db = self.work.acquire().await.map_err(Fault::from)?;
        let row = self.own(&mut db, call, &message.id).await?;
        let (now, message) = (self.clock.now(), Uuid::now_v7());
        let data = format!(r#"{{"webhook":"{}"}}"#, row.id);
        let new = NewDelivery {
            slot: row.slot(),
            webhook: row.id,
            message,
            name: webhook::TEST.to_owned(),
            body: webhook::body(webhook::TEST, now, &data).into(),
            created: now,
        };
        deliveries::insert(&mut db, &self.cipher, &[new], now).await?;
        self.wake.notify_one();
        Ok(v1::TestWebhookResponse { message_id: message.to_string() })
    }

    pub(crate) async fn rotate(
        &self,
        call: &Call,
        change: Change,
        message: &v1::RotateSecretRequest,
    ) -> Answer<v1::RotateSecretResponse> {
        let hours = match message.keep_hours {
            0 => KEEP_HOURS,
            hours if hours <= limits::WEBHOOK_KEEP_HOURS_MAX => hours,
            _ => {
                let most = limits::WEBHOOK_KEEP_HOURS_MAX;
                let text = format!("a key goes on signing for {most} hours at most");
                let text_zh = format!("旧密钥最多保留{most}小时");
                return Err(
                    Refusal::invalid(vec![wire::unfit("keep_hours", (&text, &text_zh))]).into()
                );
            }
        };
        let mut tx = self.work.begin().await.map_err(Fault::from)?;
        let row = self.own(&mut tx, call, &message.id).await?;
        let now = self.clock.now();
        let until = now + time::Duration::hours(hours.into());
        let key = (Slot::of(&row.caller), row.id, change.request_id.0);
        let (there, count) = rows::key(&mut tx, &self.cipher, key, now).await?;
        let secret = match there {
            Some(secret) => secret,
            None if count >= limits::WEBHOOK_KEYS_MAX => {
                let refusal = Refusal::of(Code::QuotaUsedUp).with("what", "signing keys");
                return Err(refusal.with("most", limits::WEBHOOK_KEYS_MAX).into());
            }
            None => {
                let secret = fresh()?;
                rows::insert_key(&mut tx, &self.cipher, key, &secret, now).await?;
                rows::end_other_keys(&mut tx, key, until).await?;
                secret
            }
        };
        tx.commit().await.map_err(Fault::from)?;
        let others_until = Some(proto::timestamp(until));
        Ok(v1::RotateSecretResponse { secret: secret.text(), others_until })
    }

    pub(crate) async fn deliveries(
        &self,
        call: &Call,
        message: &v1::ListDeliveriesRequest,
    ) -> Answer<v1::ListDeliveriesResponse> {
        let mut db = self.reads.acquire().await.map_err(Fault::from)?;
        let row = self.own(&mut db, call, &message.id).await?;
        drop(db);
        let standing = wire::standing(message.state)?;
        let asked = (message.page_size, message.page_token.as_str());
        let filter = ("deliveries", row.id, message.state);
        let page = Page::of(&self.tokens, &call.principal.name, filter, asked)?;
        let key = (standing, page.before()?);
        let found = deliveries::page(&self.reads, &row, key, page.count()).await?;
        let (found, next_page_token) = page.cut(found, |row| row.message.into_bytes())?;
        let deliveries = found.into_iter().map(wire::delivery).collect::<Result<_, _>>()?;
        Ok(v1::ListDeliveriesResponse { deliveries, next_page_token })
    }

    pub(crate) async fn resend(
        &self,
        call: &Call,
        message: &v1::ResendRequest,
    ) -> Answer<v1::ResendResponse> {
        let v1::ResendRequest { id, message_id } = message;
        let mut db = self.work.acquire().await.map_err(Fault::from)?;
        let of = match id.as_str() {
            "" => rows::all(&mut db, &self.cipher, Some(&call.principal.name)).await?,
            id => vec![self.own(&mut db, call, id).await?],
        };
        let which = match message_id.as_str() {
            "" if id.is_empty() => {
                let neither = ("say which webhook or which message", "请指定推送或消息编号");
                return Err(Refusal::invalid(vec![wire::unfit("id", neither)]).into());
            }
            "" => ResendChoice::GivenUp,
            message => ResendChoice::Message(wire::id(message)?),
        };
        let count = deliveries::again(&mut db, &of, which, self.clock.now()).await?;
        if let (0, ResendChoice::Message(message)) = (count, which) {
            return Err(Refusal::of(Code::NotFound).with("message_id", message).into());
        }
        self.wake.notify_one();
        Ok(v1::ResendResponse { count: u32::try_from(count).unwrap_or(u32::MAX) }) // as many as can be said
    }
}
