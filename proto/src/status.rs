//! The one table from a refusal or a fault to a gRPC status. Nothing else builds a `Status`.

use std::collections::HashMap;
use std::time::Duration;

use domain::refusal::{Act, Code, Refusal, Violation};
use tonic::metadata::MetadataMap;
use tonic::{Code as Grpc, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::v1;

/// Name of this service in `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "single-window";

/// The language of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Chinese (zh-CN).
    Chinese,
}

impl Language {
    /// From the request's `accept-language`; English when it does not begin with `zh`.
    pub fn of(metadata: &MetadataMap) -> Self {
        let wanted = metadata.get("accept-language").and_then(|value| value.to_str().ok());
        if wanted.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("zh")) {
            Self::Chinese
        } else {
            Self::English
        }
    }
}

/// Which gRPC code a refusal has, by who must act.
fn grpc(act: Act) -> Grpc {
    match act {
        Act::FixMessage => Grpc::InvalidArgument,
        Act::StateForbids => Grpc::FailedPrecondition,
        Act::Exists => Grpc::AlreadyExists,
        Act::NotFound => Grpc::NotFound,
        Act::Forbidden => Grpc::PermissionDenied,
        Act::Unknown => Grpc::Unauthenticated,
        Act::SlowDown => Grpc::ResourceExhausted,
        Act::ReadAgain => Grpc::Aborted,
        Act::Later => Grpc::Unavailable,
        Act::Ours | Act::Nobody | Act::Operator => Grpc::Internal,
    }
}

/// How long a caller waits before it repeats a refused request, when repeating helps.
fn retry_after(code: Code) -> Option<Duration> {
    match code.act() {
        // Not before the next day or year.
        Act::SlowDown if code == Code::NumbersUsedUp => None,
        Act::SlowDown => Some(Duration::from_millis(100)),
        Act::Later => Some(Duration::from_millis(500)),
        Act::FixMessage
        | Act::StateForbids
        | Act::Exists
        | Act::NotFound
        | Act::Forbidden
        | Act::Unknown
        | Act::ReadAgain
        | Act::Ours
        | Act::Nobody
        | Act::Operator => None,
    }
}

/// The status of whatever kept a call from its answer.
pub fn of(unanswered: impl Into<Refusal>, language: Language) -> Status {
    refused(&unanswered.into(), language)
}

/// The status of a refusal, with `ErrorInfo`, `BadRequest`, `LocalizedMessage` and `RetryInfo`.
pub fn refused(refusal: &Refusal, language: Language) -> Status {
    let code = refusal.code;
    let mut details = ErrorDetails::new();
    let data: HashMap<String, String> =
        refusal.data.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    details.set_error_info(code.id(), DOMAIN, data);
    if !refusal.violations.is_empty() {
        let shown = refusal.violations.iter().map(|violation| {
            let text = match language {
                Language::English => &violation.text,
                Language::Chinese => &violation.text_zh,
            };
            let known = violation.customs_code.map_or_else(String::new, |c| format!(" ({c})"));
            let description = format!("[{}] {text}{known}", violation.code.id());
            tonic_types::FieldViolation::new(path(&violation.field), description)
        });
        details.set_bad_request(shown.collect::<Vec<_>>());
    }
    let (locale, words) = match language {
        Language::English => ("en", code.title()),
        Language::Chinese => ("zh-CN", code.title_zh()),
    };
    details.set_localized_message(locale, words);
    if let Some(delay) = retry_after(code) {
        details.set_retry_info(Some(delay));
    }
    Status::with_error_details(grpc(code.act()), format!("{}: {words}", code.id()), details)
}

/// The same refusal inside a stream.
pub fn refused_item(refusal: Refusal) -> v1::Refusal {
    let Refusal { code, data, violations } = refusal;
    v1::Refusal {
        grpc_code: grpc(code.act()).into(),
        code: code.id().to_owned(),
        message: code.title().to_owned(),
        message_zh: code.title_zh().to_owned(),
        violations: violations.into_iter().map(Into::into).collect(),
        metadata: data.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}

/// Whether repeating the same request with the same id can help.
pub fn is_worth_repeating(code: Grpc) -> bool {
    matches!(code, Grpc::Unavailable | Grpc::ResourceExhausted | Grpc::Cancelled | Grpc::Unknown)
}

/// Paths begin at the declaration, unless they say that they begin at the request (`$.`).
fn path(field: &str) -> String {
    match field.strip_prefix("$.") {
        Some(of_request) => of_request.to_owned(),
        None if field.is_empty() => "declaration".to_owned(),
        None => format!("declaration.{field}"),
    }
}

impl From<Violation> for v1::Violation {
    fn from(violation: Violation) -> Self {
        let Violation { code, field, text, text_zh, customs_code } = violation;
        Self {
            code: code.id().to_owned(),
            field: path(&field),
            text,
            text_zh,
            customs_code: crate::text(customs_code),
        }
    }
}

impl From<&Violation> for v1::Warning {
    fn from(violation: &Violation) -> Self {
        Self {
            code: violation.code.id().to_owned(),
            field: path(&violation.field),
            text: violation.text.clone(),
            text_zh: violation.text_zh.clone(),
        }
    }
}

/// A refusal without data as a status in English, for layers that know no request yet.
pub fn plain(code: Code) -> Status {
    refused(&Refusal::of(code), Language::English)
}
