//! The calls of the declaration service: who may make them, and what answers each.

use std::sync::Arc;

use domain::{Kind, limits};
use kit::rpc::{self, Answer, Answers};
use kit::service::Api;
use proto::raw::exchange_service_server;
use proto::v1;
use proto::v1::attachment_service_server::{self, AttachmentService};
use proto::v1::declaration_service_server::{self, DeclarationService};
use tonic::{Request, Streaming};

use crate::Service;

const FILERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Gateway];
/// Who answers agencies: the firm, or its agent.
const PROVIDERS: &[Kind] = &[Kind::Enterprise, Kind::Agent];
const READERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Administrator];
/// Who follows: readers, and the service that follows for them.
const FOLLOWERS: &[Kind] =
    &[Kind::Enterprise, Kind::Agent, Kind::Administrator, Kind::WebhookService];
const READERS_OF_ONE: &[Kind] =
    &[Kind::Enterprise, Kind::Agent, Kind::Administrator, Kind::Gateway];

const ADMINISTRATORS: &[Kind] = &[Kind::Administrator];

/// Who may call what.
pub(crate) const API: Api = Api {
    name: declaration_service_server::SERVICE_NAME,
    methods: &[
        ("Submit", FILERS),
        ("SubmitStream", FILERS),
        ("Get", READERS_OF_ONE),
        ("List", READERS),
        ("Amend", FILERS),
        ("Withdraw", FILERS),
        ("ProvideDocuments", PROVIDERS),
        ("ListArchivable", ADMINISTRATORS),
        ("Archive", ADMINISTRATORS),
        ("Watch", FOLLOWERS),
    ],
};

/// Who keeps attachments: firms, and whoever adds evidence.
const ATTACHERS: &[Kind] =
    &[Kind::Enterprise, Kind::Agent, Kind::Customs, Kind::Quarantine, Kind::Site];
/// Whom they may concern.
const ATTACHMENT_READERS: &[Kind] = &[
    Kind::Enterprise,
    Kind::Agent,
    Kind::Customs,
    Kind::Quarantine,
    Kind::Site,
    Kind::Administrator,
];

/// Who may do what with attachments.
pub(crate) const ATTACHMENTS: Api = Api {
    name: attachment_service_server::SERVICE_NAME,
    methods: &[
        ("PutAttachment", ATTACHERS),
        ("GetAttachment", ATTACHMENT_READERS),
        ("ListAttachments", ATTACHMENT_READERS),
    ],
};

/// Who has a seat at the exchange.
const SUBSCRIBERS: &[Kind] = &[
    Kind::Customs,
    Kind::Quarantine,
    Kind::InspectionService,
    Kind::PaymentService,
    Kind::RefundService,
    Kind::Gateway,
];

/// The exchange that serves its journal: who has a seat there.
pub(crate) const EXCHANGE: Api =
    Api { name: exchange_service_server::SERVICE_NAME, methods: &[("Connect", SUBSCRIBERS)] };

#[tonic::async_trait]
impl DeclarationService for Service {
    type SubmitStreamStream = Answers<v1::SubmitStreamResponse>;
    type WatchStream = Answers<v1::WatchResponse>;

    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Answer<v1::SubmitResponse> {
        rpc::unary(request, async |call, message| self.0.submit(&call, message).await).await
    }

    async fn submit_stream(
        &self,
        request: Request<Streaming<v1::SubmitStreamRequest>>,
    ) -> Answer<Self::SubmitStreamStream> {
        let (own, draining) = (Arc::clone(&self.0), self.0.draining.clone());
        rpc::answered_stream(
            request,
            limits::STREAM_IN_FLIGHT_MAX,
            draining,
            move |call, _, item| Arc::clone(&own).submit_item(call, item),
        )
    }

    async fn get(&self, request: Request<v1::GetRequest>) -> Answer<v1::GetResponse> {
        rpc::unary(request, async |call, message| self.0.get(&call, message).await).await
    }

    async fn list(&self, request: Request<v1::ListRequest>) -> Answer<v1::ListResponse> {
        rpc::unary(request, async |call, message| self.0.list(&call, message).await).await
    }

    async fn amend(&self, request: Request<v1::AmendRequest>) -> Answer<v1::AmendResponse> {
        rpc::unary(request, async |call, message| self.0.amend(call, message).await).await
    }

    async fn withdraw(
        &self,
        request: Request<v1::WithdrawRequest>,
    ) -> Answer<v1::WithdrawResponse> {
        rpc::unary(request, async |call, message| self.0.withdraw(call, message).await).await
    }

    async fn provide_documents(
        &self,
        request: Request<v1::ProvideDocumentsRequest>,
    ) -> Answer<v1::ProvideDocumentsResponse> {
        rpc::unary(request, async |call, message| self.0.provide_documents(call, message).await)
            .await
    }

    async fn list_archivable(
        &self,
        request: Request<v1::ListArchivableRequest>,
    ) -> Answer<v1::ListArchivableResponse> {
        rpc::unary(request, async |call, message| self.0.list_archivable(&call, message).await)
            .await
    }

    async fn archive(&self, request: Request<v1::ArchiveRequest>) -> Answer<v1::ArchiveResponse> {
        rpc::unary(request, async |_, message| self.0.archive(message).await).await
    }

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Answer<Self::WatchStream> {
        rpc::stream(request, async |call, message| self.0.watch(&call, message).await).await
    }
}

#[tonic::async_trait]
impl AttachmentService for Service {
    type GetAttachmentStream = Answers<v1::GetAttachmentResponse>;

    async fn put_attachment(
        &self,
        request: Request<Streaming<v1::PutAttachmentRequest>>,
    ) -> Answer<v1::PutAttachmentResponse> {
        rpc::unary(request, async |call, items| self.0.put_attachment(&call, items).await).await
    }

    async fn get_attachment(
        &self,
        request: Request<v1::GetAttachmentRequest>,
    ) -> Answer<Self::GetAttachmentStream> {
        let own = Arc::clone(&self.0);
        rpc::stream(request, async |call, message| own.get_attachment(&call, message).await).await
    }

    async fn list_attachments(
        &self,
        request: Request<v1::ListAttachmentsRequest>,
    ) -> Answer<v1::ListAttachmentsResponse> {
        rpc::unary(request, async |call, message| self.0.list_attachments(&call, message).await)
            .await
    }
}
