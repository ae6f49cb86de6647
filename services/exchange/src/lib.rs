//! Serves a journal to agencies as one resumable stream each, and takes their verdicts back.
//! Step 3 of 5 is [`stream`].
//!
//! What this service promises: every event of an agency's slots reaches it at least once and in
//! order; what it acknowledged is not sent again; only the holder of a slot's lease moves its cursor;
//! a stalled consumer costs bounded memory and slows nobody else. It never opens the envelopes that
//! it carries.

mod frame;
mod lag;
mod onlooker;
mod parked;
mod slots;
mod stream;

use std::sync::Arc;

use domain::Principal;
use domain::answer::{AnswerEffect, ExchangeAnswer};
use domain::refusal::{Code, Refusal};
use domain::subscriber::Subscriber;
use futures::future::BoxFuture;
use proto::raw::exchange_service_server::{ExchangeService, ExchangeServiceServer};
use proto::raw::payment_exchange_service_server::{
    PaymentExchangeService, PaymentExchangeServiceServer,
};
use proto::{raw, status};
use sqlx::PgPool;
use store::tail::Tail;
use store::{Clock, Fault};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

pub use lag::{Lag, lags};
pub use parked::QUEUES;

/// The service whose journal is served: it takes what is said about its declarations.
pub trait AnswerHandler: std::fmt::Debug + Send + Sync {
    /// Decides, durably; repeating the same decision has no second effect. `trace` is the `traceparent` that it came
    /// with; empty when there is none.
    fn handle(&self, decision: ExchangeAnswer, trace: String) -> BoxFuture<'_, AnswerOutcome>;
}

/// What became of a decision.
pub type AnswerOutcome = Result<Result<AnswerEffect, Refusal>, Fault>;

/// The exchange of one service.
#[derive(Debug)]
pub struct Exchange {
    shared: Arc<ExchangeState>,
}

#[derive(Debug)]
struct ExchangeState {
    /// The name of the service whose journal it is.
    service: &'static str,
    pool: PgPool,
    clock: Clock,
    tail: Tail,
    handler: Arc<dyn AnswerHandler>,
    draining: CancellationToken,
    /// Who of an agency uses the database: one consumer at a time, or many of them would keep its connections
    /// from those who commit.
    turns: [Semaphore; Subscriber::ALL.len()],
}

impl ExchangeState {
    /// Does something in the database in the turn of a consumer of this agency, to its end.
    async fn in_turn<T, F>(
        self: &Arc<Self>,
        subscriber: Subscriber,
        work: impl FnOnce(Arc<Self>) -> F,
    ) -> T
    where
        T: Clone + Send + Sync + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (shared, work) = (Arc::clone(self), work(Arc::clone(self)));
        let done = self.tail.drive(async move {
            let turns = Subscriber::ALL.iter().zip(&shared.turns);
            let own = turns.into_iter().find(|(who, _)| **who == subscriber);
            let _turn = match own {
                // Nobody closes them.
                Some((_, turns)) => turns.acquire().await.ok(),
                None => None,
            };
            work.await
        });
        done.await
    }
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
        let turns = Subscriber::ALL.map(|_| Semaphore::new(1));
        Self {
            shared: Arc::new(ExchangeState {
                service,
                pool,
                clock,
                tail,
                handler,
                draining,
                turns,
            }),
        }
    }

    /// As the gRPC service of the payment service's journal.
    pub fn into_payment_server(self) -> PaymentExchangeServiceServer<Self> {
        PaymentExchangeServiceServer::new(self)
            .max_decoding_message_size(domain::limits::MESSAGE_BYTES_MAX)
    }

    fn connected(&self, request: Request<Streaming<raw::ConnectRequest>>) -> ConnectResult {
        let subscriber = request
            .extensions()
            .get::<Arc<Principal>>()
            .and_then(|principal| Subscriber::of(principal.kind))
            .ok_or_else(|| status::plain(Code::NotAllowed))?;
        let frames = stream::serve(Arc::clone(&self.shared), subscriber, request.into_inner());
        Ok(Response::new(Box::pin(frames)))
    }

    /// As a gRPC service.
    pub fn into_server(self) -> ExchangeServiceServer<Self> {
        ExchangeServiceServer::new(self)
            .max_decoding_message_size(domain::limits::MESSAGE_BYTES_MAX)
    }
}

type Frames =
    std::pin::Pin<Box<dyn futures::Stream<Item = Result<raw::ConnectResponse, Status>> + Send>>;
type ConnectResult = Result<Response<Frames>, Status>;

#[tonic::async_trait]
impl ExchangeService for Exchange {
    type ConnectStream = Frames;

    async fn connect(&self, request: Request<Streaming<raw::ConnectRequest>>) -> ConnectResult {
        self.connected(request)
    }
}

#[tonic::async_trait]
impl PaymentExchangeService for Exchange {
    type ConnectStream = Frames;

    async fn connect(&self, request: Request<Streaming<raw::ConnectRequest>>) -> ConnectResult {
        self.connected(request)
    }
}
