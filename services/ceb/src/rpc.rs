//! The calls of the national door: who may make them, and what answers each.

use std::sync::Arc;

use domain::Kind;
use kit::rpc::{self, Answer, Answers};
use kit::service::Api;
use proto::v1;
use proto::v1::ceb_service_server::{self, CebService};
use tonic::{Request, Streaming};

use crate::Service;

const SENDERS: &[Kind] = &[Kind::Enterprise, Kind::Agent];
const LISTENERS: &[Kind] =
    &[Kind::Enterprise, Kind::Agent, Kind::Customs, Kind::PaymentService, Kind::Administrator];
const READERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Administrator, Kind::Gateway];

/// Who may call what.
pub(crate) const API: Api = Api {
    name: ceb_service_server::SERVICE_NAME,
    methods: &[
        ("Send", SENDERS),
        ("SendStream", SENDERS),
        ("ListReceipts", LISTENERS),
        ("FollowReceipts", LISTENERS),
        ("ListDocuments", READERS),
        ("Issue", &[Kind::Customs, Kind::PaymentService]),
    ],
};

/// Messages of one stream that are not yet answered; each has up to a hundred documents.
const MESSAGES_IN_FLIGHT_MAX: usize = 64;

#[tonic::async_trait]
impl CebService for Service {
    type SendStreamStream = Answers<v1::SendStreamResponse>;
    type FollowReceiptsStream = Answers<v1::FollowReceiptsResponse>;

    async fn send(&self, request: Request<v1::SendRequest>) -> Answer<v1::SendResponse> {
        rpc::unary(request, async |call, message| self.0.send(&call, message).await).await
    }

    async fn send_stream(
        &self,
        request: Request<Streaming<v1::SendStreamRequest>>,
    ) -> Answer<Self::SendStreamStream> {
        let (own, draining) = (Arc::clone(&self.0), self.0.draining.clone());
        rpc::answered_stream(
            request,
            MESSAGES_IN_FLIGHT_MAX,
            draining,
            move |call, number, item| Arc::clone(&own).send_item(call, number, item),
        )
    }

    async fn list_receipts(
        &self,
        request: Request<v1::ListReceiptsRequest>,
    ) -> Answer<v1::ListReceiptsResponse> {
        rpc::unary(request, async |call, message| self.0.list_receipts(&call, message).await).await
    }

    async fn follow_receipts(
        &self,
        request: Request<v1::FollowReceiptsRequest>,
    ) -> Answer<Self::FollowReceiptsStream> {
        let own = Arc::clone(&self.0);
        rpc::stream(request, async |call, message| own.follow_receipts(&call, message)).await
    }

    async fn list_documents(
        &self,
        request: Request<v1::ListDocumentsRequest>,
    ) -> Answer<v1::ListDocumentsResponse> {
        rpc::unary(request, async |call, message| self.0.list_documents(&call, message).await).await
    }

    async fn issue(&self, request: Request<v1::IssueRequest>) -> Answer<v1::IssueResponse> {
        rpc::unary(request, async |_, message| self.0.issue(message).await).await
    }
}
