//! What the window says about itself to whoever it knows.

use std::sync::Arc;

use kit::rpc::{self, Answer};
use proto::v1;
use proto::v1::status_service_server::StatusService;
use store::Clock;
use time::OffsetDateTime;
use tonic::Request;

use crate::callers::Callers;
use crate::operating_status::Part;
use crate::reload::Periods;
use crate::space::Space;

/// How this window stands.
#[derive(Debug)]
pub(crate) struct Standing {
    /// Nothing here is real.
    pub(crate) sandbox: bool,
    pub(crate) space: Arc<Space>,
    pub(crate) clock: Clock,
    /// Since when it serves.
    pub(crate) start: OffsetDateTime,
    /// Every service.
    pub(crate) parts: Vec<Part>,
    pub(crate) callers: Arc<Callers>,
    pub(crate) certificates: Periods,
}

#[tonic::async_trait]
impl StatusService for Standing {
    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Answer<v1::GetStatusResponse> {
        rpc::unary(request, async |_, _| {
            Ok(v1::GetStatusResponse { sandbox: self.sandbox, storage: self.space.storage() })
        })
        .await
    }

    async fn get_operating_status(
        &self,
        request: Request<v1::GetOperatingStatusRequest>,
    ) -> Answer<v1::GetOperatingStatusResponse> {
        rpc::unary(request, async |_, _| self.examine().await).await
    }

    async fn list_callers(
        &self,
        request: Request<v1::ListCallersRequest>,
    ) -> Answer<v1::ListCallersResponse> {
        rpc::unary(request, async |_, asked| Ok(self.callers(&asked))).await
    }
}
