//! Serves a journal to agencies as one resumable stream each, and takes their verdicts back.
//! Step 3 of 5 is [`stream`].
//!
//! What this service promises: every event of an agency's slots reaches it at least once and in
//! order; what it acknowledged is not sent again; only the holder of a slot's lease moves its cursor;
//! a stalled consumer costs bounded memory and slows nobody else. It never opens the envelopes that
//! it carries.

mod slots;
mod stream;

use std::sync::Arc;

use domain::decision::{Decided, Decision, Desk};
use domain::refusal::{Code, Refusal};
use domain::{Principal, history::topic};
use futures::future::BoxFuture;
use proto::raw::exchange_service_server::{ExchangeService, ExchangeServiceServer};
use proto::{raw, status};
use sqlx::PgPool;
use store::Fault;
use store::tail::Tail;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

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
    pool: PgPool,
    tail: Tail,
    handler: Arc<dyn AnswerHandler>,
    draining: CancellationToken,
}

impl Exchange {
    /// The exchange over this journal. `draining` says goodbye to every consumer.
    pub fn new(
        pool: PgPool,
        tail: Tail,
        handler: Arc<dyn AnswerHandler>,
        draining: CancellationToken,
    ) -> Self {
        Self { shared: Arc::new(Shared { pool, tail, handler, draining }) }
    }

    /// As a gRPC service.
    pub fn into_server(self) -> ExchangeServiceServer<Self> {
        ExchangeServiceServer::new(self)
            .max_decoding_message_size(domain::limits::MESSAGE_BYTES_MAX)
    }
}

/// What concerns a desk. The inspection service asks the risk rules about every content, and drops or
/// stops what it planned when a declaration ends or the goods are detained.
fn topics(desk: Desk) -> i32 {
    match desk {
        Desk::Customs => topic::CONTENT | topic::INSPECTION | topic::END | topic::IMPORT_NUMBER,
        Desk::Inspection => topic::CONTENT | topic::INSPECTION | topic::END,
        Desk::Site => {
            topic::CONTENT | topic::INSPECTION | topic::END | topic::DETAINED | topic::INSPECTED
        }
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
        let desk = request
            .extensions()
            .get::<Arc<Principal>>()
            .and_then(|principal| Desk::of(principal.kind))
            .ok_or_else(|| status::plain(Code::NotAllowed))?;
        let frames = stream::serve(Arc::clone(&self.shared), desk, request.into_inner());
        Ok(Response::new(Box::pin(frames)))
    }
}
