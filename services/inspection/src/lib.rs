//! The inspection service (查验): one joint inspection, never two.
//!
//! What this service promises: the rules of both agencies are asked about every version that is filed,
//! and every answer explains itself; demands of both agencies, whenever they come, meet in one order; an
//! order is complete when every instruction has a result; what was found is told to both agencies, and
//! what follows for a firm's credit follows by rule. It is a consumer of the declaration service's
//! journal and answers over the same stream.
//!
//! Read [`rpc`], the table of its calls, then [`apply_events`], then [`ask`], then [`commit`]; [`relay`] has the
//! stream.

mod appeal;
mod apply_events;
mod appoint;
mod ask;
mod calls;
mod claim;
mod commit;
mod consignment;
mod credits;
mod delivered_answer;
mod object;
mod order_request;
mod orders;
mod outgoing_answers;
mod read;
mod reference;
mod relay;
mod report;
mod risk;
mod rpc;
mod transaction;
mod view;
mod wire;

use std::sync::{Arc, Mutex};

use client::Consumer;
use domain::{DeclarationId, limits};
use kit::listen::{LateEvents, listen};
use kit::pending_answers::PendingAnswers;
use kit::service::{
    Caller, Connections, Identity, Loops, Manifest, Mount, Parts, Plans, Pools, Start,
};
use proto::v1;
use proto::v1::inspection_service_server::InspectionServiceServer;
use sqlx::PgPool;
use store::Clock;
use store::commit_queue::{self, CommitQueue};
use store::replica::ListPools;
use store::tail::Tail;
use store::token::TokenKey;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use commit::InspectionWriter;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/inspection");

/// What is known of the service before it runs.
pub static MANIFEST: Manifest = Manifest {
    name: "inspection",
    purpose: "Risk rules and joint inspection orders; needs --inspection-service-endpoint",
    migrator: &MIGRATOR,
    apis: &[rpc::API],
    connections: Connections::Fixed(4),
    plans: Plans::ByIndex,
    identity: Some(Identity {
        kind: "inspection-service",
        title: "Inspection service (joint orders)",
        certificate: "Certificate of the inspection service (PEM), in the registry of kind inspection-service. \
                      With it, risk rules are asked and joint orders are kept",
        consumes: true,
    }),
};

/// Lanes of each group commit: one, see `commit`.
const LANES: usize = 1;

/// The service.
#[derive(Debug)]
pub(crate) struct Inspection {
    /// For reading.
    pub(crate) reads: PgPool,
    /// For lists and statistics.
    pub(crate) lists: ListPools,
    /// For answers, which readers must not hold up.
    pub(crate) work: PgPool,
    pub(crate) tokens: TokenKey,
    pub(crate) tail: Tail,
    /// Writes what the exchange tells.
    pub(crate) events: CommitQueue<InspectionWriter>,
    /// Writes what callers ask, and the loops of the service.
    pub(crate) requests: CommitQueue<InspectionWriter>,
    pub(crate) clock: Clock,
    pub(crate) pending: PendingAnswers,
    /// Demands of the rules that were refused, until that is kept.
    pub(crate) refused: Mutex<Vec<(DeclarationId, u32, String)>>,
    /// Tables of statistics at once.
    pub(crate) tables: Semaphore,
    pub(crate) draining: CancellationToken,
}

/// The service as it is mounted.
#[derive(Debug, Clone)]
pub struct Service(Arc<Inspection>);

/// Names of the queues, for their figures.
const QUEUES: &[&str] = &[outgoing_answers::ANSWERS, kit::listen::EVENTS];

/// The service over its tables.
pub fn start() -> Start {
    Start::calling(|parts, caller| mount(&parts, caller))
}

fn mount(parts: &Parts, Caller { window, name }: Caller) -> Mount {
    let Pools { work, reads, lists, tokens, cipher } = parts.pools.clone();
    let (tail, clock, draining) = (Tail::new(cipher), parts.clock.clone(), parts.draining.clone());
    let answer_hint = Arc::new(Notify::new());
    let (pending, outgoing) = PendingAnswers::new();
    let writer = InspectionWriter {
        tail: tail.clone(),
        clock: clock.clone(),
        known: risk::RuleCache::default(),
        answer_hint: Arc::clone(&answer_hint),
    };
    let writer = Arc::new(writer);
    let (events, event_lanes) =
        commit_queue::lanes(Arc::clone(&writer), &work, LANES, &parts.closing);
    let (requests, request_lanes) = commit_queue::lanes(writer, &work, LANES, &parts.closing);
    let mut loops = Loops::new(&MANIFEST, &work, parts);
    event_lanes.into_iter().chain(request_lanes).for_each(|lane| loops.add(lane));
    loops.add(tail.run(reads.clone(), parts.closing.clone()));
    let inspection = Arc::new(Inspection {
        reads,
        lists,
        work,
        tokens,
        tail,
        events,
        requests,
        clock,
        pending,
        refused: Mutex::default(),
        tables: Semaphore::new(1),
        draining,
    });
    let answers = relay::answers::OutboxPort(Arc::clone(&inspection));
    loops.queue("inspection.answers", answers, answer_hint);
    let seat = Arc::new(relay::events::DeclarationEvents::new(Arc::clone(&inspection)));
    loops.queue("inspection.late-events", LateEvents(Arc::clone(&seat)), Arc::default());
    let (own, stop) = (Arc::clone(&inspection), parts.draining.clone());
    loops.add(async move { relay::refusals::keep_all(&own, &stop).await });
    let (events, stop) = (loops.progress("inspection.events"), parts.draining.clone());
    let consumer = Consumer::new(window, v1::Subscriber::InspectionService, &name);
    loops.add(async move { listen(&*seat, consumer, outgoing, &events, &stop).await });
    loops.mount(QUEUES, |routes| {
        let service = InspectionServiceServer::new(Service(inspection));
        routes.add_service(service.max_decoding_message_size(limits::MESSAGE_BYTES_MAX))
    })
}
