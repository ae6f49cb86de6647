//! The one table from a refusal or a fault to a gRPC status. Nothing else builds a `Status`.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use domain::limits;
use domain::refusal::{Code, Refusal, Responsibility, Violation};
use tonic::metadata::MetadataMap;
use tonic::{Code as Grpc, Status};
use tonic_types::{
    BadRequest, ErrorDetail, ErrorInfo, LocalizedMessage, RetryInfo, StatusExt as _,
};

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

    fn other(self) -> Self {
        match self {
            Self::English => Self::Chinese,
            Self::Chinese => Self::English,
        }
    }
}

/// Which gRPC code a refusal has, by who must act.
fn grpc(act: Responsibility) -> Grpc {
    match act {
        Responsibility::FixMessage => Grpc::InvalidArgument,
        Responsibility::StateForbids => Grpc::FailedPrecondition,
        Responsibility::Exists => Grpc::AlreadyExists,
        Responsibility::NotFound => Grpc::NotFound,
        Responsibility::Forbidden => Grpc::PermissionDenied,
        Responsibility::Unknown => Grpc::Unauthenticated,
        Responsibility::SlowDown => Grpc::ResourceExhausted,
        Responsibility::ReadAgain => Grpc::Aborted,
        Responsibility::Later => Grpc::Unavailable,
        Responsibility::Ours | Responsibility::Nobody | Responsibility::Operator => Grpc::Internal,
    }
}

/// How long a caller waits before it repeats a refused request, when repeating helps.
fn retry_after(code: Code) -> Option<Duration> {
    match code.act() {
        // Not before the next day or year.
        Responsibility::SlowDown
            if matches!(code, Code::NumbersUsedUp | Code::AttachmentsUsedUp) =>
        {
            None
        }
        // What is open ends when the caller ends it.
        Responsibility::SlowDown if matches!(code, Code::QuotaUsedUp | Code::MemoryUsedUp) => {
            Some(Duration::from_secs(1))
        }
        Responsibility::SlowDown => Some(Duration::from_millis(100)),
        // Somebody has to make space.
        Responsibility::Later if code == Code::SpaceShort => Some(Duration::from_secs(5)),
        Responsibility::Later => Some(Duration::from_millis(500)),
        Responsibility::FixMessage
        | Responsibility::StateForbids
        | Responsibility::Exists
        | Responsibility::NotFound
        | Responsibility::Forbidden
        | Responsibility::Unknown
        | Responsibility::ReadAgain
        | Responsibility::Ours
        | Responsibility::Nobody
        | Responsibility::Operator => None,
    }
}

/// The status of whatever kept a call from its answer.
pub fn of(unanswered: impl Into<Refusal>, language: Language) -> Status {
    refused(&unanswered.into(), language)
}

/// How many violations a status leaves out for want of room, among its data.
pub const LEFT_OUT: &str = "violations_left_out";

tokio::task_local! {
    static WHOLE: Mutex<Option<Refusal>>;
}

/// Runs work whose caller can be told more than fits into a status: also gives the refusal that the last
/// status was made of.
pub async fn with_whole<T>(work: impl Future<Output = T>) -> (T, Option<Refusal>) {
    let watched = async {
        let done = work.await;
        let whole = WHOLE.with(|whole| whole.lock().unwrap_or_else(PoisonError::into_inner).take());
        (done, whole)
    };
    WHOLE.scope(Mutex::default(), watched).await
}

/// Who counts what is refused in this process; in that of a client nobody does.
static COUNTER: OnceLock<fn(Code)> = OnceLock::new();

/// Has the refusals of this process counted, each once, by its code.
pub fn count_with(counter: fn(Code)) {
    // Every window of a process counts with the same.
    let _same = COUNTER.set(counter);
}

/// One more refusal of this code; for whoever says one by other means than the functions here.
pub fn count(code: Code) {
    if let Some(counter) = COUNTER.get() {
        counter(code);
    }
}

/// The status of a refusal, with `ErrorInfo`, `BadRequest`, `LocalizedMessage` and `RetryInfo`. It fits
/// into what stock clients take as trailers, whatever the caller sent. Descriptions are in the caller's language; what
/// room is left has them in the other one as well, as the `localized_message` of a violation.
pub fn refused(refusal: &Refusal, language: Language) -> Status {
    count(refusal.code);
    status_of(refusal, language)
}

/// The status of a refusal that another status was made of already, and that is counted.
pub fn refused_before(refusal: &Refusal, language: Language) -> Status {
    status_of(refusal, language)
}

fn status_of(refusal: &Refusal, language: Language) -> Status {
    let code = refusal.code;
    // Nobody asks for it otherwise.
    let _kept = WHOLE.try_with(|whole| {
        *whole.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal.clone());
    });
    let (locale, words) = titled(code, language);
    let (other_locale, other_words) = titled(code, language.other());
    // Type names, tags and lengths of the details, and the count of what is left out.
    let mut room = limits::REFUSAL_BYTES_MAX.saturating_sub(500 + words.len() + other_words.len());
    let mut fits = |bytes: usize| {
        let left = room.checked_sub(bytes + 12);
        // What does not fit leaves no room for what comes after it either.
        room = left.unwrap_or_default();
        left.is_some()
    };
    let data = refusal.data.iter().map(|(name, value)| ((*name).to_owned(), value_of(value)));
    let mut data: HashMap<String, String> =
        data.take_while(|(name, value)| fits(name.len() + value.len())).collect();
    let text_of = |violation: &Violation, language| match language {
        Language::English => cut(&violation.text, limits::REFUSAL_TEXT_MAX),
        Language::Chinese => cut(&violation.text_zh, limits::REFUSAL_TEXT_MAX),
    };
    let shown = refusal.violations.iter().map(|violation| {
        let text = text_of(violation, language);
        let known = violation.customs_code.map_or_else(String::new, |c| format!(" ({c})"));
        let description = format!("[{}] {text}{known}", violation.code.id());
        tonic_types::FieldViolation::new(path(&violation.field), description)
    });
    let shown = shown.take_while(|shown| fits(shown.field.len() + shown.description.len()));
    let mut shown: Vec<_> = shown.collect();
    for (shown, violation) in shown.iter_mut().zip(&refusal.violations) {
        let text = text_of(violation, language.other());
        if !fits(text.len() + other_locale.len()) {
            break;
        }
        shown.localized_message = Some(LocalizedMessage::new(other_locale, text));
    }
    let left_out = refusal.violations.len() - shown.len();
    if left_out > 0 {
        data.insert(LEFT_OUT.to_owned(), left_out.to_string());
    }
    // Stock clients show only this.
    let mut message = format!("{}: {words}", code.id());
    if let Some(first) = shown.first() {
        message.push_str(&format!(" ({}: {})", first.field, first.description));
    }
    let mut details: Vec<ErrorDetail> = vec![ErrorInfo::new(code.id(), DOMAIN, data).into()];
    if !shown.is_empty() {
        details.push(BadRequest::new(shown).into());
    }
    // Who takes one only takes the first one.
    details.push(LocalizedMessage::new(locale, words).into());
    details.push(LocalizedMessage::new(other_locale, other_words).into());
    if let Some(delay) = retry_after(code) {
        details.push(RetryInfo::new(Some(delay)).into());
    }
    Status::with_error_details_vec(grpc(code.act()), short(message), details)
}

/// What a code means in a language, and how `google.rpc.LocalizedMessage` calls that language.
fn titled(code: Code, language: Language) -> (&'static str, &'static str) {
    match language {
        Language::English => ("en", code.title()),
        Language::Chinese => ("zh-CN", code.title_zh()),
    }
}

/// A message as far as it has room in the trailers, where most characters take three bytes for each.
fn short(message: String) -> String {
    let mut room = limits::REFUSAL_MESSAGE_BYTES_MAX;
    let fits = |c: &char| {
        let bytes = if c.is_ascii_alphanumeric() { 1 } else { 3 * c.len_utf8() };
        let left = room.checked_sub(bytes);
        room = left.unwrap_or_default(); // nothing more fits
        left.is_some()
    };
    let shown: String = message.chars().take_while(fits).collect();
    if shown.len() == message.len() { message } else { format!("{shown}…") }
}

/// A value as it is repeated: the caller knows it, so its beginning is enough.
fn value_of(value: &str) -> String {
    cut(value, limits::REFUSAL_VALUE_MAX)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The same refusal inside a stream.
pub fn refused_item(refusal: Refusal) -> v1::Refusal {
    let Refusal { code, data, violations } = refusal;
    count(code);
    v1::Refusal {
        grpc_code: grpc(code.act()).into(),
        code: code.id().to_owned(),
        message: code.title().to_owned(),
        message_zh: code.title_zh().to_owned(),
        violations: violations.into_iter().map(Into::into).collect(),
        metadata: data
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value_of(&value)))
            .collect(),
    }
}

/// The code of the refusal that a status was made of.
pub fn code_of(status: &Status) -> Option<Code> {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str());
    Code::ALL.iter().find(|code| Some(code.id()) == reason).copied()
}

/// Whether repeating the same request with the same id can help.
pub fn is_worth_repeating(code: Grpc) -> bool {
    matches!(code, Grpc::Unavailable | Grpc::ResourceExhausted | Grpc::Cancelled | Grpc::Unknown)
}

/// Paths begin at the declaration, unless they say that they begin at the request (`$.`).
fn path(field: &str) -> String {
    let field = &value_of(field);
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
            text: cut(&text, limits::REFUSAL_TEXT_MAX),
            text_zh: cut(&text_zh, limits::REFUSAL_TEXT_MAX),
            customs_code: crate::text(customs_code),
        }
    }
}

impl From<&Violation> for v1::Warning {
    fn from(violation: &Violation) -> Self {
        Self {
            code: violation.code.id().to_owned(),
            field: path(&violation.field),
            text: cut(&violation.text, limits::REFUSAL_TEXT_MAX),
            text_zh: cut(&violation.text_zh, limits::REFUSAL_TEXT_MAX),
        }
    }
}

/// A refusal without data as a status in English, for layers that know no request yet.
pub fn plain(code: Code) -> Status {
    refused(&Refusal::of(code), Language::English)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_violation_stands_in_the_message_and_all_fits_into_trailers() {
        let violation = |field: &str, text: &str| Violation {
            code: Code::Required,
            field: field.to_owned(),
            text: text.to_owned(),
            text_zh: text.to_owned(),
            customs_code: None,
        };
        let short = refused(
            &Refusal::invalid(vec![violation("order_no", "order_no is required")]),
            Language::English,
        );
        assert!(short.message().starts_with("SW-1001"), "{short:?}");
        assert!(short.message().contains("declaration.order_no: [SW-2001] order_no is required"));
        let long = violation(&"商".repeat(500), &"品".repeat(5_000));
        let refusal = Refusal::invalid(vec![long; 100]);
        for language in [Language::English, Language::Chinese] {
            let mut trailers = http::HeaderMap::new();
            refused(&refusal, language).add_header(&mut trailers).expect("it fits");
            // As clients count them.
            let size: usize =
                trailers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
            assert!(size < 8 * 1024, "{size}");
        }
    }

    #[tokio::test]
    async fn who_asks_for_it_is_told_the_whole_refusal() {
        let refusal = Refusal::of(Code::NotFound).with("id", "7");
        let work = async { refused(&refusal, Language::English).code() };
        let (code, whole) = with_whole(work).await;
        assert_eq!((code, whole.as_ref()), (Grpc::NotFound, Some(&refusal)));
        assert_eq!(with_whole(async {}).await.1, None);
    }
}
