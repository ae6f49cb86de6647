//! A "no" as a page: the code, what it means, every rule that was broken with its field, and what to do.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::response::Response;
use domain::Code;
use domain::refusal::Responsibility;
use http::StatusCode;
use proto::status::Language;
use tonic::{Code as Grpc, Status};
use tonic_types::StatusExt as _;

use crate::visit::{Visit, page_with};

/// What a call was answered instead of its answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct RefusedCall {
    /// Our code; empty when none was given.
    pub(crate) code: String,
    pub(crate) title: String,
    /// Data of the code, for example the existing declaration.
    pub(crate) data: Vec<(String, String)>,
    pub(crate) violations: Vec<FieldProblem>,
    grpc: Option<Grpc>,
}

/// A rule that is broken, and where.
#[derive(Debug, Clone)]
pub(crate) struct FieldProblem {
    pub(crate) code: String,
    /// Path in the declaration, `lines[2].gcode`.
    pub(crate) field: String,
    pub(crate) text: String,
}

/// What a handler ends with instead of its page.
pub(crate) type PageAnswer = Result<Response, Box<RefusedCall>>;

impl From<Status> for Box<RefusedCall> {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let grpc = Some(status.code());
        let Some(info) = details.error_info() else {
            let title = status.message().to_owned();
            return Self::new(RefusedCall { title, grpc, ..RefusedCall::default() });
        };
        // The first one is in the language that was asked for.
        let title = match status.get_details_localized_message() {
            Some(said) => said.message,
            None => status.message().to_owned(),
        };
        let broken = details.bad_request().map_or(&[][..], |bad| &bad.field_violations[..]);
        let violations = broken.iter().map(|violation| {
            // `[SW-2001] text`, as `proto::status` writes it.
            let said = violation.description.as_str();
            let split = said.strip_prefix('[').and_then(|rest| rest.split_once("] "));
            let (code, text) = split.unwrap_or(("", said));
            FieldProblem {
                code: code.to_owned(),
                field: violation.field.trim_start_matches("declaration.").to_owned(),
                text: text.to_owned(),
            }
        });
        let mut data: Vec<_> = info.metadata.clone().into_iter().collect();
        data.sort();
        let (code, violations) = (info.reason.clone(), violations.collect());
        Self::new(RefusedCall { code, title, data, violations, grpc })
    }
}

impl RefusedCall {
    /// Something that we see ourselves before the window is asked.
    pub(crate) fn local(code: Code, language: Language, violations: Vec<FieldProblem>) -> Self {
        let title = cli::words::title(language, (code.title(), code.title_zh())).to_owned();
        let grpc = Some(Grpc::InvalidArgument);
        Self { code: code.id().to_owned(), title, data: Vec::new(), violations, grpc }
    }

    /// Something for which there is no code: only the console says it.
    pub(crate) fn titled(title: &str) -> Self {
        let grpc = Some(Grpc::InvalidArgument);
        Self { title: title.to_owned(), grpc, ..Self::default() }
    }

    /// The window has no such service: it runs elsewhere, or nowhere.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.grpc == Some(Grpc::Unimplemented)
    }

    /// What to do about it, by who must act.
    pub(crate) fn advice(&self) -> &'static str {
        let known = Code::ALL.iter().copied().find(|known| known.id() == self.code);
        match known.map(Code::act) {
            Some(Responsibility::FixMessage) => "Correct what is marked and send it again.",
            Some(Responsibility::StateForbids) => "It cannot be done as things stand.",
            Some(Responsibility::Exists) => "Look at what exists before you send it again.",
            Some(Responsibility::NotFound) => "There is nothing of this name for you.",
            Some(Responsibility::Forbidden) => "Your role may not do this.",
            Some(Responsibility::Unknown) => "Log in again.",
            Some(Responsibility::SlowDown | Responsibility::Later) => "Try again in a moment.",
            Some(Responsibility::ReadAgain) => "Somebody was faster: read again and decide again.",
            Some(Responsibility::Ours | Responsibility::Nobody | Responsibility::Operator)
            | None => "The operator of the window has to look at this.",
        }
    }

    /// Whether what was asked may have happened all the same.
    pub(crate) fn is_unsure(&self) -> bool {
        self.grpc.is_some_and(proto::status::is_worth_repeating)
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self.grpc {
            Some(Grpc::InvalidArgument) => StatusCode::UNPROCESSABLE_ENTITY,
            Some(Grpc::NotFound) => StatusCode::NOT_FOUND,
            Some(Grpc::PermissionDenied) => StatusCode::FORBIDDEN,
            Some(Grpc::Unauthenticated) => StatusCode::UNAUTHORIZED,
            Some(Grpc::AlreadyExists | Grpc::Aborted | Grpc::FailedPrecondition) => {
                StatusCode::CONFLICT
            }
            Some(Grpc::ResourceExhausted) => StatusCode::TOO_MANY_REQUESTS,
            Some(Grpc::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
            Some(Grpc::Unimplemented) => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    visit: &'a Visit,
    refused: &'a RefusedCall,
}

/// The page of a handler, also where it was refused.
pub(crate) fn settle(visit: &Visit, page: PageAnswer) -> Response {
    match page {
        Ok(response) => response,
        Err(refused) => {
            let page = ProblemPage { visit, refused: &refused };
            page_with(refused.status(), &page)
        }
    }
}

/// A no that comes from the console itself.
pub(crate) fn bare(visit: &Visit, status: StatusCode) -> Response {
    let title = visit.t(match status {
        StatusCode::NOT_FOUND => "There is no such page.",
        StatusCode::PAYLOAD_TOO_LARGE => "That is more than a form can have.",
        StatusCode::UNAUTHORIZED => "That is no valid link or key.",
        _ => "This form is not from a page of yours. Load the page again and send it anew.",
    });
    let refused = RefusedCall { title: title.to_owned(), ..RefusedCall::default() };
    page_with(status, &ProblemPage { visit, refused: &refused })
}

/// A path that is none.
pub(crate) async fn unknown(Extension(visit): Extension<Arc<Visit>>) -> Response {
    bare(&visit, StatusCode::NOT_FOUND)
}
