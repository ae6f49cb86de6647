//! A visit: one request of a browser, with who looks, in which language, and what was said.

use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use domain::{Kind, Principal};
use http::StatusCode;
use proto::status::Language;
use proto::v1::attachment_service_client::AttachmentServiceClient;
use proto::v1::ceb_service_client::CebServiceClient;
use proto::v1::declaration_service_client::DeclarationServiceClient;
use proto::v1::forex_service_client::ForexServiceClient;
use proto::v1::inspection_service_client::InspectionServiceClient;
use proto::v1::operation_service_client::OperationServiceClient;
use proto::v1::payment_service_client::PaymentServiceClient;
use proto::v1::refund_service_client::RefundServiceClient;
use proto::v1::sandbox_service_client::SandboxServiceClient;
use proto::v1::status_service_client::StatusServiceClient;
use proto::v1::webhook_service_client::WebhookServiceClient;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic_health::pb::health_client::HealthClient;

use crate::session::{BrowserSession, LoginProof};
use crate::upload_form::UploadForm;
use crate::{Console, WindowCalls, texts};

/// See the module.
pub(crate) struct Visit {
    pub(crate) console: Console,
    /// Who looks; `None` before the login.
    pub(crate) person: Option<Visitor>,
    pub(crate) language: Language,
    /// Path with query, to come back to.
    pub(crate) target: String,
    pub(crate) query: NamedValues,
    /// What a form said.
    pub(crate) form: NamedValues,
    /// A form with files, until its page reads it.
    pub(crate) upload: Mutex<Option<UploadForm>>,
    /// What the gate found out about the caller, for the calls of this visit.
    pub(crate) extensions: http::Extensions,
}

/// Who looks.
pub(crate) struct Visitor {
    pub(crate) principal: Arc<Principal>,
    pub(crate) session: BrowserSession,
}

/// Names with their values, as a query or a form says them.
#[derive(Debug, Default)]
pub(crate) struct NamedValues(Vec<(String, String)>);

impl NamedValues {
    /// Reads them.
    pub(crate) fn read(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// The first of this name without spaces around it; empty when there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.trim())
    }

    /// One more.
    pub(crate) fn add(&mut self, name: String, value: String) {
        self.0.push((name, value));
    }

    /// All of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A place of the console, as its head shows it.
pub(crate) struct NavigationEntry {
    pub(crate) path: &'static str,
    pub(crate) title: &'static str,
    pub(crate) is_here: bool,
}

impl Visit {
    /// A text of the console in the language of this visit.
    pub(crate) fn t(&self, english: &'static str) -> &'static str {
        texts::of(self.language, english)
    }

    /// A word that a call said in English, in the language of this visit; as it is where nobody knows it.
    pub(crate) fn word<'t>(&self, english: &'t str) -> &'t str {
        texts::word(self.language, english)
    }

    /// A value of the query.
    pub(crate) fn query(&self, name: &str) -> &str {
        self.query.get(name)
    }

    /// A value of the form.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.form.get(name)
    }

    /// For `lang` of a page.
    pub(crate) fn lang(&self) -> &'static str {
        match self.language {
            Language::English => "en",
            Language::Chinese => "zh-CN",
        }
    }

    /// The way to this page in the other language.
    pub(crate) fn other_language(&self) -> String {
        let to = match self.language {
            Language::English => "zh",
            Language::Chinese => "en",
        };
        let back: String = form_urlencoded::byte_serialize(self.target.as_bytes()).collect();
        format!("/console/language?to={to}&back={back}")
    }

    /// What every form carries.
    pub(crate) fn form_token(&self) -> &str {
        self.person.as_ref().map_or("", |person| &person.session.form_token)
    }

    /// The form with files that came with this visit, once.
    pub(crate) fn upload(&self) -> Option<UploadForm> {
        self.upload.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What makes a form one request, however often it is sent.
    #[expect(clippy::unused_self, reason = "templates call methods")]
    pub(crate) fn request_id(&self) -> String {
        uuid::Uuid::now_v7().to_string()
    }

    pub(crate) fn is_sandbox(&self) -> bool {
        self.console.sandbox.is_some()
    }

    pub(crate) fn kind(&self) -> Option<Kind> {
        self.person.as_ref().map(|person| person.principal.kind)
    }

    /// Files declarations.
    pub(crate) fn is_firm(&self) -> bool {
        self.kind().is_some_and(Kind::is_firm)
    }

    pub(crate) fn is_site(&self) -> bool {
        self.kind() == Some(Kind::Site)
    }

    pub(crate) fn is_agency(&self) -> bool {
        matches!(self.kind(), Some(Kind::Customs | Kind::Quarantine))
    }

    pub(crate) fn is_operator(&self) -> bool {
        self.kind() == Some(Kind::Administrator)
    }

    /// Came by the link of the sandbox.
    pub(crate) fn plays_everybody(&self) -> bool {
        self.person.as_ref().is_some_and(|person| person.session.by == LoginProof::Link)
    }

    /// Came by a key (API key), which makes no other keys.
    pub(crate) fn has_a_key(&self) -> bool {
        let by = self.person.as_ref().map(|person| &person.session.by);
        matches!(by, Some(LoginProof::Key(_)))
    }

    /// Who looks, for the head of the page.
    pub(crate) fn caller(&self) -> &str {
        self.person.as_ref().map_or("", |person| &person.principal.name)
    }

    /// The name that the person gave; empty where none was asked for.
    pub(crate) fn person_name(&self) -> &str {
        self.person.as_ref().map_or("", |person| &person.session.person)
    }

    /// What kind of caller that is.
    pub(crate) fn kind_word(&self) -> &'static str {
        let Some(kind) = self.kind() else { return "" };
        self.t(match kind {
            Kind::Enterprise => "enterprise",
            Kind::Agent => "agent",
            Kind::Customs => "customs",
            Kind::Quarantine => "quarantine",
            Kind::Site => "examination site",
            Kind::Administrator => "operator",
            Kind::TaxOffice => "tax office",
            Kind::Bank => "bank",
            Kind::InspectionService
            | Kind::PaymentService
            | Kind::RefundService
            | Kind::WebhookService
            | Kind::Gateway => "a service",
        })
    }

    /// The places that this person has something to do at.
    pub(crate) fn navigation(&self) -> Vec<NavigationEntry> {
        let (firm, operator) = (self.is_firm(), self.is_operator());
        let inspects = firm || operator || self.is_site() || self.is_agency();
        let taxes = self.kind() == Some(Kind::TaxOffice);
        let sandbox = self.is_sandbox() && (firm || operator || self.plays_everybody());
        let places = [
            (firm || operator, "/console/declarations", "Declarations"),
            (firm, "/console/file", "File"),
            (inspects, "/console/orders", "Inspections"),
            (inspects && !self.is_site(), "/console/statistics", "Statistics"),
            (firm || operator, "/console/money", "Money"),
            (firm || operator, "/console/forex", "Forex"),
            (firm || operator || taxes, "/console/refund", "Tax refund"),
            (firm || operator, "/console/webhooks", "Webhooks"),
            (firm, "/console/keys", "Keys"),
            (operator, "/console/operation", "Operation"),
            (sandbox, "/console/sandbox", "Sandbox"),
        ];
        let shown = places.into_iter().filter(|(is_theirs, ..)| *is_theirs);
        shown
            .map(|(_, path, title)| NavigationEntry {
                path,
                title: self.t(title),
                is_here: self.target.split('?').next().is_some_and(|it| it.starts_with(path)),
            })
            .collect()
    }

    /// Where this person begins.
    pub(crate) fn first_page(&self) -> &'static str {
        self.navigation().first().map_or("/console/login", |place| place.path)
    }

    /// A call as this person.
    pub(crate) fn call<T>(&self, message: T) -> tonic::Request<T> {
        let language = MetadataValue::from_static(self.lang());
        let mut metadata = MetadataMap::new();
        metadata.insert("accept-language", language);
        tonic::Request::from_parts(metadata, self.extensions.clone(), message)
    }

    pub(crate) fn declarations(&self) -> DeclarationServiceClient<WindowCalls> {
        DeclarationServiceClient::new(self.console.calls.clone())
    }

    pub(crate) fn attachments(&self) -> AttachmentServiceClient<WindowCalls> {
        AttachmentServiceClient::new(self.console.calls.clone())
    }

    pub(crate) fn inspection(&self) -> InspectionServiceClient<WindowCalls> {
        InspectionServiceClient::new(self.console.calls.clone())
    }

    pub(crate) fn payment(&self) -> PaymentServiceClient<WindowCalls> {
        PaymentServiceClient::new(self.console.calls.clone())
    }

    pub(crate) fn forex(&self) -> ForexServiceClient<WindowCalls> {
        ForexServiceClient::new(self.console.calls.clone())
    }

    pub(crate) fn refunds(&self) -> RefundServiceClient<WindowCalls> {
        RefundServiceClient::new(self.console.calls.clone())
    }

    pub(crate) fn ceb(&self) -> CebServiceClient<WindowCalls> {
        CebServiceClient::new(self.console.calls.clone())
    }

    pub(crate) fn operation(&self) -> OperationServiceClient<WindowCalls> {
        OperationServiceClient::new(self.console.calls.clone())
    }

    pub(crate) fn status(&self) -> StatusServiceClient<WindowCalls> {
        StatusServiceClient::new(self.console.calls.clone())
    }

    pub(crate) fn webhooks(&self) -> WebhookServiceClient<WindowCalls> {
        WebhookServiceClient::new(self.console.calls.clone())
    }

    pub(crate) fn sandbox(&self) -> SandboxServiceClient<WindowCalls> {
        SandboxServiceClient::new(self.console.calls.clone())
    }

    pub(crate) fn health(&self) -> HealthClient<WindowCalls> {
        HealthClient::new(self.console.calls.clone())
    }
}

/// A page as an answer.
pub(crate) fn page(template: &impl Template) -> Response {
    page_with(StatusCode::OK, template)
}

/// A page with a status of its own.
pub(crate) fn page_with(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of the console cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
