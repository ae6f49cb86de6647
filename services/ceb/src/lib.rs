//! The national door (统一版报文接入): CEB messages come in, receipts go out, as the real system does it.
//!
//! What this service promises: an answer is given after it is durable; a document has one effect
//! however often it comes; an inventory is filed when its order, payment and waybill fit it, and not
//! before; whatever the declaration service tells of it becomes a receipt exactly once. Read [`rpc`], the
//! table of its calls, then [`message`], then [`commit`], then [`relay`].

mod calls;
mod cancellation;
mod commit;
mod declaration_events;
mod document_keys;
mod document_rows;
mod document_set;
mod expire;
mod export;
mod export_news;
mod filing_answer;
mod follow;
mod import;
mod inventory;
mod issue;
mod log;
mod matching;
mod message;
mod numbers;
mod pulls;
mod queues;
mod read;
mod receipt;
mod receive;
mod received_document;
mod relay;
mod rpc;
mod split_document;
mod stored_document;
mod transaction;
mod views;
mod wire;

use std::sync::Arc;

use kit::listen::{LateEvents, listen};
use kit::pending_answers::PendingAnswers;
use kit::service::{
    Caller, Connections, Identity, Loops, Manifest, Mount, Parts, Plans, Pools, Start,
};
use sqlx::PgPool;
use store::Clock;
use store::commit_queue::{self, CommitQueue};
use store::replica::ListPools;
use store::tail::Tail;
use store::token::TokenKey;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use commit::CebWriter;
pub use message::MessagePolicy;
use pulls::Pulls;
use relay::events::ReceiptEvents;
pub use signature::Trust;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/ceb");

/// What is known of the service before it runs.
pub static MANIFEST: Manifest = Manifest {
    name: "ceb",
    purpose: "The national door (CEB messages); needs --gateway-endpoint",
    migrator: &MIGRATOR,
    apis: &[rpc::API],
    connections: Connections::Fixed(2),
    plans: Plans::ByIndex,
    identity: Some(Identity {
        kind: "gateway",
        title: "National door (CEB messages)",
        certificate: "Certificate of the national door (PEM), in the registry as a gateway. With it, \
                      CEB messages are taken",
        consumes: true,
    }),
};

/// Lanes of the group commit: one, see `commit`.
const LANES: usize = 1;

/// The service.
#[derive(Debug)]
pub(crate) struct Ceb {
    /// For reading.
    pub(crate) reads: PgPool,
    /// For lists.
    pub(crate) lists: ListPools,
    pub(crate) tokens: TokenKey,
    pub(crate) tail: Tail,
    pub(crate) batch: CommitQueue<CebWriter>,
    pub(crate) clock: Clock,
    pub(crate) policy: MessagePolicy,
    draining: CancellationToken,
    /// Readers that wait for receipts.
    pulls: Pulls,
}

/// The service as it is mounted.
#[derive(Debug, Clone)]
pub struct Service(Arc<Ceb>);

/// Names of the queues, for their figures.
const QUEUES: &[&str] = &[
    queues::FILING,
    queues::WITHDRAWAL,
    queues::MATCHING,
    kit::listen::EVENTS,
    queues::EXPORT_NEWS,
];

/// The service over its tables. `routes` adds its calls to those that are served, over gRPC and HTTP.
pub fn start(
    policy: MessagePolicy,
    routes: impl FnOnce(Routes, Service) -> Routes + Send + 'static,
) -> Start {
    Start::calling(move |parts, caller| mount(&parts, caller, policy, routes))
}

fn mount(
    parts: &Parts,
    Caller { window, name }: Caller,
    policy: MessagePolicy,
    routes: impl FnOnce(Routes, Service) -> Routes + Send + 'static,
) -> Mount {
    let Pools { work, reads, lists, tokens, cipher } = parts.pools.clone();
    let (tail, clock, draining) = (Tail::new(cipher), parts.clock.clone(), parts.draining.clone());
    let hints = Arc::new(queues::Hints::default());
    let writer = CebWriter {
        tail: tail.clone(),
        clock: clock.clone(),
        hints: Arc::clone(&hints),
        numbers: tokens.numbers(),
    };
    let (batch, lanes) = commit_queue::lanes(Arc::new(writer), &work, LANES, &parts.closing);
    let mut loops = Loops::new(&MANIFEST, &reads, parts);
    lanes.into_iter().for_each(|lane| loops.add(lane));
    loops.add(tail.run(reads.clone(), parts.closing.clone()));
    let pulls = Pulls::default();
    let ceb = Arc::new(Ceb { reads, lists, tokens, tail, batch, clock, policy, draining, pulls });
    let filing = relay::filing::FilingPort(Arc::clone(&ceb), window.clone());
    loops.queue("ceb.filing", filing, Arc::clone(&hints.filing));
    let withdrawal = relay::withdrawal::WithdrawalPort(Arc::clone(&ceb), window.clone());
    loops.queue("ceb.withdrawal", withdrawal, Arc::clone(&hints.withdrawal));
    loops.queue("ceb.matching", relay::matching::MatchingPort(Arc::clone(&ceb)), Arc::default());
    let (pending, outgoing) = PendingAnswers::new();
    let pending = Arc::new(pending);
    let news = relay::export_news::ExportNews(Arc::clone(&ceb), Arc::clone(&pending));
    loops.queue("ceb.export-news", news, Arc::clone(&hints.news));
    let seat = Arc::new(ReceiptEvents(Arc::clone(&ceb), pending));
    loops.queue("ceb.late-events", LateEvents(Arc::clone(&seat)), Arc::default());
    let (events, stop) = (loops.progress("ceb.events"), parts.draining.clone());
    let consumer = ReceiptEvents::consumer(window, &name);
    loops.add(async move { listen(&*seat, consumer, outgoing, &events, &stop).await });
    let batch = ceb.batch.clone();
    loops.mount(QUEUES, |all| routes(all, Service(ceb))).within(move || batch.most_of_each())
}
