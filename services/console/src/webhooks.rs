//! Webhooks (推送) for the integrator: where what happens is posted, what became of every message, and what can be done
//! about it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use cli::words;
use http::StatusCode;
use proto::v1;
use proto::webhook::TYPES;
use time::Duration;

use crate::declarations::page_after;
use crate::problem::{PageAnswer, RefusedCall, bare, settle};
use crate::visit::{Visit, page, page_with};

/// A webhook as a row, or as the head of its page.
struct WebhookCard {
    id: String,
    url: String,
    types: String,
    declarants: String,
    note: String,
    is_active: bool,
    /// Why it is paused.
    reason: String,
    made: String,
    failing_since: String,
}

/// A message of a webhook, as a row.
struct DeliveryRow {
    message: String,
    about: String,
    state: &'static str,
    tone: &'static str,
    tries: u32,
    status: String,
    reason: String,
    made: String,
    last: String,
    next: String,
}

/// What was typed into the form that makes a webhook.
#[derive(Default)]
struct TypedWebhook {
    url: String,
    types: Vec<String>,
    declarants: String,
    note: String,
}

impl TypedWebhook {
    fn has(&self, name: &str) -> bool {
        self.types.iter().any(|it| it == name)
    }
}

#[derive(Template)]
#[template(path = "webhooks.html")]
struct WebhooksPage<'a> {
    visit: &'a Visit,
    webhooks: Vec<WebhookCard>,
    next: String,
    typed: TypedWebhook,
    types: [&'static str; TYPES.len()],
    refused: Option<RefusedCall>,
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct WebhookPage<'a> {
    visit: &'a Visit,
    webhook: WebhookCard,
    deliveries: Vec<DeliveryRow>,
    next: String,
    /// Some of them are under way: the page looks again.
    is_moving: bool,
    states: [(i32, &'static str, bool); 3],
    /// One that was made now; it is said once.
    secret: Option<&'a str>,
}

/// `GET /console/webhooks?page=…`.
pub(crate) async fn list(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, listed(&visit, TypedWebhook::default(), None).await)
}

async fn listed(visit: &Visit, typed: TypedWebhook, refused: Option<RefusedCall>) -> PageAnswer {
    let page_token = visit.query("page").to_owned();
    let request = v1::ListWebhooksRequest { page_token, ..Default::default() };
    let answer = visit.webhooks().list_webhooks(visit.call(request)).await?.into_inner();
    let status = refused.as_ref().map_or(StatusCode::OK, RefusedCall::status);
    let webhooks = answer.webhooks.into_iter().map(|it| card(visit, it)).collect();
    let next = page_after(visit, &answer.next_page_token);
    let page = WebhooksPage { visit, webhooks, next, typed, types: TYPES, refused };
    Ok(page_with(status, &page))
}

fn card(visit: &Visit, it: v1::Webhook) -> WebhookCard {
    let minute = |time: Option<pbjson_types::Timestamp>| words::minute(time.and_then(proto::time));
    let or_all = |named: Vec<String>| {
        if named.is_empty() { visit.t("all").to_owned() } else { named.join(", ") }
    };
    WebhookCard {
        is_active: it.state() == v1::WebhookState::Active,
        made: minute(it.created_time),
        failing_since: minute(it.failing_since),
        id: it.id,
        url: it.url,
        types: or_all(it.types),
        declarants: or_all(it.declarants),
        note: it.note,
        reason: it.paused_reason,
    }
}

/// `POST /console/webhooks`: makes one, and says its secret once.
pub(crate) async fn make(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, made(&visit).await)
}

async fn made(visit: &Visit) -> PageAnswer {
    let typed = TypedWebhook {
        url: visit.field("url").to_owned(),
        types: visit.form.all("types").map(str::to_owned).collect(),
        declarants: visit.field("declarants").to_owned(),
        note: visit.field("note").to_owned(),
    };
    let declarants = typed.declarants.split([',', ' ', '，', '、']).filter(|it| !it.is_empty());
    let request = v1::CreateWebhookRequest {
        request_id: visit.field("request_id").to_owned(),
        url: typed.url.clone(),
        types: typed.types.clone(),
        declarants: declarants.map(str::to_owned).collect(),
        note: typed.note.clone(),
    };
    match visit.webhooks().create_webhook(visit.call(request)).await {
        Ok(answer) => {
            let answer = answer.into_inner();
            let webhook = answer.webhook.unwrap_or_default(); // what was made is told
            webhook_page(visit, &webhook.id, Some(&answer.secret)).await
        }
        Err(status) => {
            let refused: Box<RefusedCall> = status.into();
            listed(visit, typed, Some(*refused)).await
        }
    }
}

/// `GET /console/webhooks/{id}?state=…&page=…`.
pub(crate) async fn one(
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Response {
    settle(&visit, webhook_page(&visit, &id, None).await)
}

async fn webhook_page(visit: &Visit, id: &str, secret: Option<&str>) -> PageAnswer {
    use v1::WebhookDeliveryState as State;
    let request = v1::GetWebhookRequest { id: id.to_owned() };
    let webhook = visit.webhooks().get_webhook(visit.call(request)).await?.into_inner().webhook;
    let chosen = visit.query("state");
    let request = v1::ListDeliveriesRequest {
        id: id.to_owned(),
        state: chosen.parse().unwrap_or(0), // every one
        page_token: visit.query("page").to_owned(),
        ..Default::default()
    };
    let answer = visit.webhooks().list_deliveries(visit.call(request)).await?.into_inner();
    let states = [State::Waiting, State::Delivered, State::GivenUp].map(|state| {
        let value = i32::from(state);
        (value, delivery_state(visit, state).0, chosen == value.to_string())
    });
    let webhook = card(visit, webhook.unwrap_or_default()); // what was found is told
    let soon = visit.console.clock.now().saturating_add(SOON);
    let is_soon = |it: &v1::WebhookDelivery| {
        let next = it.next_time.and_then(proto::time);
        it.state() == State::Waiting && next.is_none_or(|next| next < soon)
    };
    Ok(page(&WebhookPage {
        visit,
        is_moving: webhook.is_active && answer.deliveries.iter().any(is_soon),
        webhook,
        next: page_after(visit, &answer.next_page_token),
        deliveries: answer.deliveries.into_iter().map(|it| delivery(visit, it)).collect(),
        states,
        secret,
    }))
}

/// A try within this time is waited for.
const SOON: Duration = Duration::seconds(10);

/// A state in words, with its colour.
fn delivery_state(visit: &Visit, state: v1::WebhookDeliveryState) -> (&'static str, &'static str) {
    match state {
        v1::WebhookDeliveryState::Unspecified => ("", "plain"),
        v1::WebhookDeliveryState::Waiting => (visit.t("waiting"), "open"),
        v1::WebhookDeliveryState::Delivered => (visit.t("delivered"), "good"),
        v1::WebhookDeliveryState::GivenUp => (visit.t("given up"), "bad"),
    }
}

fn delivery(visit: &Visit, it: v1::WebhookDelivery) -> DeliveryRow {
    let second = |time: Option<pbjson_types::Timestamp>| words::when(time.and_then(proto::time));
    let (state, tone) = delivery_state(visit, it.state());
    DeliveryRow {
        state,
        // One that failed and comes again.
        tone: if tone == "open" && it.tries > 0 { "attention" } else { tone },
        tries: it.tries,
        status: if it.status == 0 { String::new() } else { it.status.to_string() },
        made: second(it.created_time),
        last: second(it.last_time),
        next: second(it.next_time),
        message: it.message_id,
        about: it.r#type,
        reason: it.reason,
    }
}

/// `POST /console/webhooks/{id}/{act}`.
pub(crate) async fn act(
    Extension(visit): Extension<Arc<Visit>>,
    Path((id, act)): Path<(String, String)>,
) -> Response {
    settle(&visit, acted(&visit, id, &act).await)
}

async fn acted(visit: &Visit, id: String, act: &str) -> PageAnswer {
    let back = format!("/console/webhooks/{id}");
    let mut service = visit.webhooks();
    match act {
        "test" => drop(service.test_webhook(visit.call(v1::TestWebhookRequest { id })).await?),
        "pause" => {
            service.pause_webhook(visit.call(v1::PauseWebhookRequest { id })).await?;
        }
        "resume" => {
            service.resume_webhook(visit.call(v1::ResumeWebhookRequest { id })).await?;
        }
        "resend" => {
            let message_id = visit.field("message").to_owned();
            service.resend(visit.call(v1::ResendRequest { id, message_id })).await?;
        }
        "rotate" => {
            let request_id = visit.field("request_id").to_owned();
            let keep_hours = visit.field("hours").parse().unwrap_or(0); // as long as usual
            let request = v1::RotateSecretRequest { request_id, id: id.clone(), keep_hours };
            let secret = service.rotate_secret(visit.call(request)).await?.into_inner().secret;
            return webhook_page(visit, &id, Some(&secret)).await;
        }
        "delete" => {
            service.delete_webhook(visit.call(v1::DeleteWebhookRequest { id })).await?;
            return Ok(Redirect::to("/console/webhooks").into_response());
        }
        _ => return Ok(bare(visit, StatusCode::NOT_FOUND)),
    }
    Ok(Redirect::to(&back).into_response())
}
