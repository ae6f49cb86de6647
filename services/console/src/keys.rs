//! Keys (API keys, 接口密钥) of a firm's own programs: it makes, sees and ends them itself.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse as _, Redirect, Response};
use cli::words;
use proto::v1;

use crate::declarations::page_after;
use crate::problem::{PageAnswer, settle};
use crate::visit::{Visit, page};

/// A key of a caller, as a row.
pub(crate) struct CallerKey {
    pub(crate) id: String,
    pub(crate) caller: String,
    pub(crate) role: String,
    pub(crate) note: String,
    pub(crate) made: String,
    pub(crate) ends: String,
    pub(crate) used: String,
    pub(crate) is_revoked: bool,
    pub(crate) is_read_only: bool,
}

impl From<v1::KeyRecord> for CallerKey {
    fn from(it: v1::KeyRecord) -> Self {
        let minute =
            |time: Option<pbjson_types::Timestamp>| words::minute(time.and_then(proto::time));
        Self {
            is_revoked: it.revoked_time.is_some(),
            is_read_only: it.read_only,
            made: minute(it.created_time),
            ends: minute(it.revoked_time.or(it.expire_time)),
            used: minute(it.last_used_time),
            id: it.id,
            caller: it.caller,
            role: it.role,
            note: it.note,
        }
    }
}

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage<'a> {
    visit: &'a Visit,
    keys: Vec<CallerKey>,
    next: String,
    /// One that was made now; it is said once.
    made: Option<&'a str>,
}

/// `GET /console/keys?page=…`.
pub(crate) async fn list(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, listed(&visit, None).await)
}

async fn listed(visit: &Visit, made: Option<&str>) -> PageAnswer {
    let page_token = visit.query("page").to_owned();
    let request = v1::ListKeysRequest { page_token, ..Default::default() };
    let answer = visit.operation().list_keys(visit.call(request)).await?.into_inner();
    let next = page_after(visit, &answer.next_page_token);
    let keys = answer.records.into_iter().map(CallerKey::from).collect();
    Ok(page(&KeysPage { visit, keys, next, made }))
}

/// `POST /console/keys`: makes one, and says it once.
pub(crate) async fn make(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, made(&visit).await)
}

async fn made(visit: &Visit) -> PageAnswer {
    let made = visit.operation().create_key(visit.call(asked(visit))).await?.into_inner();
    listed(visit, Some(&made.key)).await
}

/// The key that a form asks for.
pub(crate) fn asked(visit: &Visit) -> v1::CreateKeyRequest {
    v1::CreateKeyRequest {
        caller: visit.field("caller").to_owned(),
        days: visit.field("days").parse().unwrap_or(0), // as long as usual
        note: visit.field("note").to_owned(),
        read_only: !visit.field("read_only").is_empty(),
    }
}

/// `POST /console/keys/revoke`.
pub(crate) async fn revoke(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, revoked(&visit).await)
}

async fn revoked(visit: &Visit) -> PageAnswer {
    let request = v1::RevokeKeyRequest { id: visit.field("id").to_owned() };
    visit.operation().revoke_key(visit.call(request)).await?;
    Ok(Redirect::to("/console/keys").into_response())
}
