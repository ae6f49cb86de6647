//! For the operator: whether the services and their loops go on, whether there is space, who is behind, and what is stuck.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse as _, Redirect, Response};
use cli::words;
use proto::v1;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::declarations::page_after;
use crate::filing_rate::{self, FilingRate};
use crate::keys::{self, CallerKey};
use crate::lag::{self, WindowLag};
use crate::problem::{PageAnswer, RefusedCall, settle};
use crate::visit::{Visit, page};

/// A service with what health says of it.
struct ServiceHealth {
    name: &'static str,
    is_here: bool,
    serves: bool,
    /// Loops that stand still.
    still: Vec<&'static str>,
    loops: usize,
}

/// Something that nobody can go on with by itself.
struct StuckRow {
    id: String,
    service: String,
    queue: String,
    subject: String,
    reason: String,
    tries: u32,
    since: String,
    behind: u32,
}

/// A caller of the registry, with what use it made of this window.
struct CallerRow {
    name: String,
    role: String,
    code: String,
    calls: u64,
    refused: u64,
    last_seen: String,
}

impl From<v1::CallerRecord> for CallerRow {
    fn from(it: v1::CallerRecord) -> Self {
        let v1::CallerRecord { name, role, customs_code, calls, refused, last_seen_time } = it;
        let last_seen = words::minute(last_seen_time.and_then(proto::time));
        Self { name, role, code: customs_code, calls, refused, last_seen }
    }
}

/// The space of the database, in words.
struct SpaceFigures {
    free: String,
    least: String,
    is_short: bool,
}

#[derive(Template)]
#[template(path = "operation.html")]
struct OperationPage<'a> {
    visit: &'a Visit,
    services: Vec<ServiceHealth>,
    space: Option<SpaceFigures>,
    /// `None` where declarations are elsewhere.
    rate: Option<FilingRate>,
    lag: WindowLag,
    stuck: Vec<StuckRow>,
    next: String,
    callers: Vec<CallerRow>,
    keys: Vec<CallerKey>,
    /// One that was made now; it is said once.
    made: Option<&'a str>,
}

/// `GET /console/operation`.
pub(crate) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, looked_after(&visit, None).await)
}

async fn looked_after(visit: &Visit, made: Option<&str>) -> PageAnswer {
    let mut services = Vec::new();
    for part in &visit.console.services {
        let (mut serves, mut still) = (true, Vec::new());
        for name in &part.apis {
            serves &= is_serving(visit, name).await?;
        }
        for name in &part.loops {
            if !is_serving(visit, name).await? {
                still.push(*name);
            }
        }
        services.push(ServiceHealth {
            name: part.name,
            is_here: !part.apis.is_empty(),
            serves,
            still,
            loops: part.loops.len(),
        });
    }
    let status = visit.status().get_status(visit.call(v1::GetStatusRequest {})).await?;
    let space = status.into_inner().storage.map(|it| SpaceFigures {
        free: gigabytes(it.free_bytes),
        least: gigabytes(it.least_bytes),
        is_short: it.short,
    });
    let page_token = visit.query("page").to_owned();
    let request = v1::ListStuckRequest { page_token, ..Default::default() };
    let answer = visit.operation().list_stuck(visit.call(request)).await?.into_inner();
    let row = |it: v1::StuckItem| StuckRow {
        id: it.id,
        service: it.service,
        queue: it.queue,
        subject: it.subject,
        reason: it.reason,
        tries: it.tries,
        since: words::when(it.stuck_time.and_then(proto::time)),
        behind: it.behind,
    };
    let next = page_after(visit, &answer.next_page_token);
    let request = v1::ListKeysRequest { page_size: KEYS_SHOWN, ..Default::default() };
    let keys = visit.operation().list_keys(visit.call(request)).await?.into_inner().records;
    let keys = keys.into_iter().map(CallerKey::from).collect();
    let request = v1::ListCallersRequest { page_size: CALLERS_SHOWN, ..Default::default() };
    let callers = visit.status().list_callers(visit.call(request)).await?.into_inner().callers;
    let callers = callers.into_iter().map(CallerRow::from).collect();
    let stuck = answer.items.into_iter().map(row).collect();
    let rate = match filing_rate::of(visit).await {
        Ok(rate) => Some(rate),
        Err(refused) if refused.is_elsewhere() => None,
        Err(refused) => return Err(refused),
    };
    let lag = lag::of(visit).await?;
    Ok(page(&OperationPage { visit, services, space, rate, lag, stuck, next, callers, keys, made }))
}

async fn is_serving(visit: &Visit, name: &str) -> Result<bool, Box<RefusedCall>> {
    let request = visit.call(HealthCheckRequest { service: name.to_owned() });
    let answer = visit.health().check(request).await?.into_inner();
    Ok(answer.status() == ServingStatus::Serving)
}

/// More keys are for programs to list.
const KEYS_SHOWN: i32 = 200;
/// And more callers.
const CALLERS_SHOWN: i32 = 500;

fn gigabytes(bytes: u64) -> String {
    format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000)
}

/// `POST /console/operation/retry` and `…/drop` of one item, `…/make-key` and `…/revoke-key`.
pub(crate) async fn act(
    Extension(visit): Extension<Arc<Visit>>,
    axum::extract::Path(act): axum::extract::Path<String>,
) -> Response {
    settle(&visit, acted(&visit, &act).await)
}

async fn acted(visit: &Visit, act: &str) -> PageAnswer {
    let id = visit.field("id").to_owned();
    match act {
        "retry" => {
            let request = v1::RetryStuckRequest { id, service: String::new() };
            visit.operation().retry_stuck(visit.call(request)).await?;
        }
        "drop" => {
            visit.operation().drop_stuck(visit.call(v1::DropStuckRequest { id })).await?;
        }
        "make-key" => {
            let asked = keys::asked(visit);
            let made = visit.operation().create_key(visit.call(asked)).await?.into_inner();
            return looked_after(visit, Some(&made.key)).await;
        }
        "revoke-key" => {
            visit.operation().revoke_key(visit.call(v1::RevokeKeyRequest { id })).await?;
        }
        _ => return Ok(crate::problem::bare(visit, http::StatusCode::NOT_FOUND)),
    }
    Ok(Redirect::to("/console/operation").into_response())
}
