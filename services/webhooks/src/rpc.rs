//! The calls of the webhook service: who may make them, and what answers each.

use domain::Kind;
use kit::rpc::{self, Answer};
use kit::service::Api;
use proto::v1;
use proto::v1::webhook_service_server::{self, WebhookService};
use tonic::Request;

use crate::Service;

/// Whoever may follow what happens may have it posted.
const FOLLOWERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Administrator];

/// Who may call what.
pub(crate) const API: Api = Api {
    name: webhook_service_server::SERVICE_NAME,
    methods: &[
        ("CreateWebhook", FOLLOWERS),
        ("GetWebhook", FOLLOWERS),
        ("ListWebhooks", FOLLOWERS),
        ("DeleteWebhook", FOLLOWERS),
        ("PauseWebhook", FOLLOWERS),
        ("ResumeWebhook", FOLLOWERS),
        ("TestWebhook", FOLLOWERS),
        ("RotateSecret", FOLLOWERS),
        ("ListDeliveries", FOLLOWERS),
        ("Resend", FOLLOWERS),
    ],
};

#[tonic::async_trait]
impl WebhookService for Service {
    async fn create_webhook(
        &self,
        request: Request<v1::CreateWebhookRequest>,
    ) -> Answer<v1::CreateWebhookResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.create(&call, change, message).await
        })
        .await
    }

    async fn get_webhook(
        &self,
        request: Request<v1::GetWebhookRequest>,
    ) -> Answer<v1::GetWebhookResponse> {
        rpc::unary(request, async |call, message| self.0.get(&call, &message).await).await
    }

    async fn list_webhooks(
        &self,
        request: Request<v1::ListWebhooksRequest>,
    ) -> Answer<v1::ListWebhooksResponse> {
        rpc::unary(request, async |call, message| self.0.list(&call, &message).await).await
    }

    async fn delete_webhook(
        &self,
        request: Request<v1::DeleteWebhookRequest>,
    ) -> Answer<v1::DeleteWebhookResponse> {
        rpc::unary(request, async |call, message| self.0.delete(&call, &message).await).await
    }

    async fn pause_webhook(
        &self,
        request: Request<v1::PauseWebhookRequest>,
    ) -> Answer<v1::PauseWebhookResponse> {
        rpc::unary(request, async |call, message| self.0.pause(&call, &message).await).await
    }

    async fn resume_webhook(
        &self,
        request: Request<v1::ResumeWebhookRequest>,
    ) -> Answer<v1::ResumeWebhookResponse> {
        rpc::unary(request, async |call, message| self.0.resume(&call, &message).await).await
    }

    async fn test_webhook(
        &self,
        request: Request<v1::TestWebhookRequest>,
    ) -> Answer<v1::TestWebhookResponse> {
        rpc::unary(request, async |call, message| self.0.test(&call, &message).await).await
    }

    async fn rotate_secret(
        &self,
        request: Request<v1::RotateSecretRequest>,
    ) -> Answer<v1::RotateSecretResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.rotate(&call, change, &message).await
        })
        .await
    }

    async fn list_deliveries(
        &self,
        request: Request<v1::ListDeliveriesRequest>,
    ) -> Answer<v1::ListDeliveriesResponse> {
        rpc::unary(request, async |call, message| self.0.deliveries(&call, &message).await).await
    }

    async fn resend(&self, request: Request<v1::ResendRequest>) -> Answer<v1::ResendResponse> {
        rpc::unary(request, async |call, message| self.0.resend(&call, &message).await).await
    }
}
