//! Messages to values and back.

use domain::refusal::{Code, Refusal, Violation};
use domain::webhook::PAUSED_AFTER_SECONDS;
use proto::{timestamp, v1};
use store::{Fault, column};
use uuid::Uuid;

use crate::rows::{DeliveryRow, DeliveryState, WebhookRow};

/// The id of a webhook or a message as it was said.
pub(crate) fn id(text: &str) -> Result<Uuid, Refusal> {
    Uuid::try_parse(text).map_err(|_| Refusal::of(Code::NotFound).with("id", text))
}

/// A field of a webhook that cannot be like that.
pub(crate) fn unfit(field: &str, (text, text_zh): (&str, &str)) -> Violation {
    Violation {
        code: Code::WebhookUnfit,
        field: field.to_owned(),
        text: text.to_owned(),
        text_zh: text_zh.to_owned(),
        customs_code: None,
    }
}

pub(crate) fn webhook(row: WebhookRow) -> v1::Webhook {
    let WebhookRow {
        id,
        url,
        types,
        declarants,
        note,
        created,
        failing_since,
        paused,
        paused_reason,
        ..
    } = row;
    let state = match paused {
        Some(_) => v1::WebhookState::Paused,
        None => v1::WebhookState::Active,
    };
    v1::Webhook {
        id: id.to_string(),
        url,
        types,
        declarants,
        note,
        state: state.into(),
        created_time: Some(timestamp(created)),
        failing_since: failing_since.map(timestamp),
        paused_time: paused.map(timestamp),
        paused_reason,
    }
}

pub(crate) fn delivery(row: DeliveryRow) -> Result<v1::WebhookDelivery, Fault> {
    let DeliveryRow {
        message,
        name,
        created,
        standing,
        due,
        tries,
        last,
        status,
        reason,
        milliseconds,
    } = row;
    let (state, next) = match standing {
        DeliveryState::Waiting => (v1::WebhookDeliveryState::Waiting, Some(timestamp(due))),
        DeliveryState::Delivered => (v1::WebhookDeliveryState::Delivered, None),
        DeliveryState::GivenUp => (v1::WebhookDeliveryState::GivenUp, None),
    };
    Ok(v1::WebhookDelivery {
        message_id: message.to_string(),
        r#type: name,
        state: state.into(),
        tries: column::number(tries)?,
        status: column::number(i32::from(status))?,
        reason,
        milliseconds: column::number(milliseconds)?,
        created_time: Some(timestamp(created)),
        last_time: last.map(timestamp),
        next_time: next,
    })
}

/// Which ones a list is of.
pub(crate) fn standing(asked: i32) -> Result<Option<DeliveryState>, Refusal> {
    let unknown = || Refusal::of(Code::NumberOutOfRange).with("field", "state");
    Ok(match v1::WebhookDeliveryState::try_from(asked).map_err(|_| unknown())? {
        v1::WebhookDeliveryState::Unspecified => None,
        v1::WebhookDeliveryState::Waiting => Some(DeliveryState::Waiting),
        v1::WebhookDeliveryState::Delivered => Some(DeliveryState::Delivered),
        v1::WebhookDeliveryState::GivenUp => Some(DeliveryState::GivenUp),
    })
}

/// What the other webhooks of a caller are told of one that was paused.
pub(crate) fn paused(row: WebhookRow) -> Result<String, Fault> {
    let json = proto::json::of(&webhook(row));
    json.map_err(|error| Fault::Broken(format!("a webhook has no JSON: {error}")))
}

/// Why a webhook is paused of which nothing failed.
pub(crate) const BY_ITS_CALLER: &str = "paused by its caller (由调用方暂停)";

/// Why a webhook is paused.
pub(crate) fn failed_for_days() -> String {
    let days = PAUSED_AFTER_SECONDS / 86_400;
    format!("nothing was taken for {days} days ({days}天内未成功投递)")
}
