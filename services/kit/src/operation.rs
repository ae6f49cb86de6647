//! What administrators see of a window and do about it, and keys of callers: the table of these calls.

use domain::{Kind, limits};
use proto::v1;
use proto::v1::operation_service_server::{self, OperationService, OperationServiceServer};
use store::Clock;
use tonic::Request;

use crate::api_keys::ApiKeys;
use crate::queue_source::Source;
use crate::rpc::{self, Answer};
use crate::service::Api;

/// Whoever looks after keys: administrators after everybody's, firms after their own.
const KEY_HOLDERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Administrator];

/// Its calls: for administrators, and those about keys for firms too.
pub const API: Api = Api {
    name: operation_service_server::SERVICE_NAME,
    methods: &[
        ("ListStuck", &[Kind::Administrator]),
        ("RetryStuck", &[Kind::Administrator]),
        ("DropStuck", &[Kind::Administrator]),
        ("CreateKey", KEY_HOLDERS),
        ("ListKeys", KEY_HOLDERS),
        ("RevokeKey", KEY_HOLDERS),
    ],
};

/// The service as it is mounted.
#[derive(Debug)]
pub struct Operation {
    pub(crate) sources: Vec<Source>,
    keys: ApiKeys,
    pub(crate) clock: Clock,
}

impl Operation {
    /// Over the queues of these services and the keys of the window's callers.
    pub fn new(sources: Vec<Source>, keys: ApiKeys, clock: Clock) -> Self {
        Self { sources, keys, clock }
    }

    /// As a gRPC service.
    pub fn into_server(self) -> OperationServiceServer<Self> {
        OperationServiceServer::new(self).max_decoding_message_size(limits::MESSAGE_BYTES_MAX)
    }
}

#[tonic::async_trait]
impl OperationService for Operation {
    async fn list_stuck(
        &self,
        request: Request<v1::ListStuckRequest>,
    ) -> Answer<v1::ListStuckResponse> {
        rpc::unary(request, async |_, message| self.list_items(&message).await).await
    }

    async fn retry_stuck(
        &self,
        request: Request<v1::RetryStuckRequest>,
    ) -> Answer<v1::RetryStuckResponse> {
        rpc::unary(request, async |_, message| self.retry_items(&message).await).await
    }

    async fn drop_stuck(
        &self,
        request: Request<v1::DropStuckRequest>,
    ) -> Answer<v1::DropStuckResponse> {
        rpc::unary(request, async |_, message| self.drop_item(&message.id).await).await
    }

    async fn create_key(
        &self,
        request: Request<v1::CreateKeyRequest>,
    ) -> Answer<v1::CreateKeyResponse> {
        rpc::unary(request, async |call, message| self.keys.create(&call, message).await).await
    }

    async fn list_keys(
        &self,
        request: Request<v1::ListKeysRequest>,
    ) -> Answer<v1::ListKeysResponse> {
        rpc::unary(request, async |call, message| self.keys.list(&call, &message).await).await
    }

    async fn revoke_key(
        &self,
        request: Request<v1::RevokeKeyRequest>,
    ) -> Answer<v1::RevokeKeyResponse> {
        rpc::unary(request, async |call, message| self.keys.revoke(&call, &message.id).await).await
    }
}
