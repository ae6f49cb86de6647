//! Serves a journal to agencies as one resumable stream each, and takes their verdicts back.
//! Step 3 of 5 is [`stream`].
//!
//! What this service promises: every event of an agency's slots reaches it at least once and in
//! order; what it acknowledged is not sent again; only the holder of a slot's lease moves its cursor;
//! a stalled consumer costs bounded memory and slows nobody else. It never opens the envelopes that
//! it carries.

mod parked;
mod slots;
mod stream;

use std::sync::Arc;

use domain::Principal;
use domain::decision::{Decided, Decision};
use domain::refusal::{Code, Refusal};
use domain::subscriber::Subscriber;
use futures::future::BoxFuture;
use proto::raw::exchange_service_server::{ExchangeService, ExchangeServiceServer};
use proto::{raw, status};
use sqlx::PgPool;
use store::tail::Tail;
use store::{Clock, Fault};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

pub use parked::QUEUES;

/// The service whose journal is served: it takes what is said about its declarations.
pub trait AnswerHandler: std::fmt::Debug + Send + Sync {
    /// Decides, durably; repeating the same decision has no second effect.
    fn handle(&self, decision: Decision) -> BoxFuture<'_, Handled>;
}

/// What became of a decision.
pub type Handled = Result<Result<Decided, Refusal>, Fault>;

/// The exchange of one service.
#[derive(Debug)]
pub struct Exchange {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The name of the service whose journal it is.
    service: &'static str,
    pool: PgPool,
    clock: Clock,
    tail: Tail,
    handler: Arc<dyn AnswerHandler>,
    draining: CancellationToken,
}

impl Exchange {
    /// The exchange over the journal of a service. `draining` says goodbye to every consumer.
    pub fn new(
        service: &'static str,
        (pool, clock): (PgPool, Clock),
        tail: Tail,
        handler: Arc<dyn AnswerHandler>,
        draining: CancellationToken,
    ) -> Self {
        Self { shared: Arc::new(Shared { service, pool, clock, tail, handler, draining }) }
    }

    /// As a gRPC service.
    pub fn into_server(self) -> ExchangeServiceServer<Self> {
        ExchangeServiceServer::new(self)
            .max_decoding_message_size(domain::limits::MESSAGE_BYTES_MAX)
    }
}

#[tonic::async_trait]
impl ExchangeService for Exchange {
    type ConnectStream =
        std::pin::Pin<Box<dyn futures::Stream<Item = Result<raw::ConnectResponse, Status>> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<raw::ConnectRequest>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let subscriber = request
            .extensions()
            .get::<Arc<Principal>>()
            .and_then(|principal| Subscriber::of(principal.kind))
            .ok_or_else(|| status::plain(Code::NotAllowed))?;
        let frames = stream::serve(Arc::clone(&self.shared), subscriber, request.into_inner());
        Ok(Response::new(Box::pin(frames)))
    }
}
