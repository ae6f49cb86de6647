//! The inspection service (查验): one joint inspection, never two.
//!
//! What this service promises: the rules of both agencies are asked about every version that is filed,
//! and every answer explains itself; demands of both agencies, whenever they come, meet in one order; an
//! order is complete when every instruction has a result; what was found is told to both agencies, and
//! what follows for a firm's credit follows by rule. It is a consumer of the declaration service's
//! journal and answers over the same stream.
//!
//! Read [`heard`], then [`ask`], then [`commit`]; [`door`] has the calls, [`relay`] the stream.

mod appeal;
mod appoint;
mod ask;
mod claim;
mod commit;
mod consignment;
mod credits;
mod door;
mod errand;
mod heard;
mod object;
mod orders;
mod read;
mod reference;
mod relay;
mod report;
mod risk;
mod step;
mod view;
mod watch;

use std::sync::{Arc, Mutex};

use client::Window;
use domain::DeclarationId;
use domain::limits;
use kit::deliver::{FIRST_PAUSE, Port, Queue};
use kit::progress::{Progress, measure};
use kit::{Loop, Mounted};
use proto::v1::inspection_service_server::InspectionServiceServer;
use sqlx::PgPool;
use store::Clock;
use store::batch::{self, Batch};
use store::tail::Tail;
use store::token::TokenKey;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use commit::Desk;

/// The schema of this service, in `migrations/inspection`.
pub const SCHEMA: &str = "inspection";
/// Brings it up to date.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/inspection");

/// Lanes of each group commit: one, see `commit`.
const LANES: usize = 1;

/// The service.
#[derive(Debug)]
pub(crate) struct Inspection {
    /// For reading.
    pub(crate) reads: PgPool,
    /// For errands, which readers must not hold up.
    pub(crate) work: PgPool,
    pub(crate) tokens: TokenKey,
    pub(crate) tail: Tail,
    /// For what is heard.
    pub(crate) hearing: Batch<Desk>,
    /// For what is asked.
    pub(crate) asking: Batch<Desk>,
    pub(crate) clock: Clock,
    pub(crate) board: relay::Board,
    /// Demands of the rules that were refused, until that is kept.
    pub(crate) refused: Mutex<Vec<(DeclarationId, u32, String)>>,
    /// Tables of statistics at once.
    pub(crate) tables: Semaphore,
    /// Name of the consumer on the exchange.
    pub(crate) consumer: String,
    pub(crate) draining: CancellationToken,
}

/// The service as it is mounted.
#[derive(Debug, Clone)]
pub struct Service(Arc<Inspection>);

/// Names of the queues, for their figures.
const QUEUES: &[&str] = &[errand::ANSWERS, heard::EVENTS];

impl Service {
    /// The service over its tables. `window` is how it reaches the declaration service, under its name
    /// on the exchange.
    pub fn new(
        (work, reads): (PgPool, PgPool),
        (clock, tokens): (Clock, TokenKey),
        (window, consumer): (Window, String),
        (draining, closing): (CancellationToken, CancellationToken),
    ) -> Mounted<Self> {
        let tail = Tail::default();
        let errands = Arc::new(Notify::new());
        let (board, said) = relay::Board::new();
        let desk = Desk {
            tail: tail.clone(),
            clock: clock.clone(),
            known: risk::Known::default(),
            errands: Arc::clone(&errands),
        };
        let desk = Arc::new(desk);
        let (hearing, ears) = batch::lanes(Arc::clone(&desk), &work, LANES, &closing);
        let (asking, hands) = batch::lanes(desk, &work, LANES, &closing);
        let stop = draining.clone();
        let this = Arc::new(Inspection {
            reads,
            work,
            tokens,
            tail,
            hearing,
            asking,
            clock,
            board,
            refused: Mutex::default(),
            tables: Semaphore::new(1),
            consumer,
            draining,
        });
        let mut loops: Vec<Loop> =
            ears.into_iter().chain(hands).map(|lane| -> Loop { Box::pin(lane) }).collect();
        loops.push(Box::pin(this.tail.run(this.reads.clone(), closing)));
        let answers = queue("inspection.answers", relay::Answers(Arc::clone(&this)), &this);
        let late = queue("inspection.late-events", relay::LateEvents(Arc::clone(&this)), &this);
        let events = Progress::new("inspection.events");
        let progress = vec![answers.progress.clone(), late.progress.clone(), events.clone()];
        let ending = stop.clone();
        loops.push(Box::pin(async move { answers.run(&errands, &ending).await }));
        let ending = stop.clone();
        loops.push(Box::pin(async move { late.run(&Notify::new(), &ending).await }));
        let rows = (this.work.clone(), this.clock.clone());
        loops.push(Box::pin(measure(SCHEMA, QUEUES, rows, progress.clone(), stop.clone())));
        let (inspection, ending) = (Arc::clone(&this), stop.clone());
        loops.push(Box::pin(async move { relay::keep_refusals(&inspection, &ending).await }));
        let inspection = Arc::clone(&this);
        loops.push(Box::pin(async move {
            relay::listen(&inspection, &window, said, &events, &stop).await;
        }));
        Mounted { service: Self(this), loops, progress }
    }

    /// As a gRPC service.
    pub fn into_server(self) -> InspectionServiceServer<Self> {
        InspectionServiceServer::new(self).max_decoding_message_size(limits::MESSAGE_BYTES_MAX)
    }
}

fn queue<P: Port>(name: &'static str, port: P, inspection: &Inspection) -> Queue<P> {
    Queue {
        port,
        service: SCHEMA,
        pool: inspection.work.clone(),
        clock: inspection.clock.clone(),
        progress: Progress::new(name),
        pause: FIRST_PAUSE,
    }
}
