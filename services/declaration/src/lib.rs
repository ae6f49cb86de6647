//! Takes a declaration once and carries it to exactly one release.
//!
//! What this service promises: an answer is given after it is durable; repeating a request has no
//! second effect; every broken rule is named at once; a caller sees only its own; a state changes
//! only by the rules of `domain::clearance`. Read [`rpc`], the table of its calls, then [`submit`], then [`clear`].

mod amend;
mod calls;
mod clear;
mod commit;
mod filing;
mod lookup;
mod read;
mod rehearsal;
mod row;
mod rpc;
mod submit;
mod transaction;
mod wire;
mod withdraw;

use std::sync::Arc;

use domain::decision::Decision;
use domain::declaration::Profile;
use domain::limits;
use futures::future::BoxFuture;
use kit::service::{Connections, Loops, Manifest, Mount, Parts, Plans, Pools, Start};
use proto::v1;
use proto::v1::declaration_service_server::DeclarationServiceServer;
use sqlx::PgPool;
use store::Fault;
use store::commit_queue::{self, CommitQueue, Transaction as _, WhenFull};
use store::share::Share;
use store::tail::Tail;
use store::token::TokenKey;
use tokio_util::sync::CancellationToken;

pub use commit::{DeclarationCommand, DeclarationWriter, Done};
pub use store::ServiceError as Error;

use rehearsal::Rehearsals;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/declaration");

/// What is known of the service before it runs.
pub static MANIFEST: Manifest = Manifest {
    name: "declaration",
    purpose: "Declarations, and the exchange with agencies",
    migrator: &MIGRATOR,
    apis: &[rpc::API, rpc::EXCHANGE],
    connections: Connections::BesideLanes(8),
    plans: Plans::Free,
    identity: None,
};

/// What is declared, as it is said on the wire.
pub(crate) type Content = v1::Declaration;

/// The declaration service.
#[derive(Debug)]
pub struct Declarations {
    /// For reading: what many readers do must not keep a transaction from its connection.
    pub(crate) pool: PgPool,
    /// For the exchange and for rehearsals.
    work: PgPool,
    pub(crate) tokens: TokenKey,
    pub(crate) tail: Tail,
    pub(crate) batch: CommitQueue<DeclarationWriter>,
    pub(crate) ledger: commit::Shared,
    pub(crate) profile: Profile,
    pub(crate) draining: CancellationToken,
    rehearsals: Rehearsals,
}

/// The service as it is mounted.
#[derive(Debug, Clone)]
pub struct Service(Arc<Declarations>);

/// The service over its tables, with so many lanes. `profile` is what it is strict about.
pub fn start(profile: Profile, lanes: usize) -> Start {
    Start::alone(move |parts| mount(&parts, profile, lanes))
}

fn mount(parts: &Parts, profile: Profile, lanes: usize) -> Mount {
    let Pools { work, reads, tokens } = parts.pools.clone();
    let tail = Tail::default();
    let ledger = Arc::new(DeclarationWriter { tail: tail.clone(), clock: parts.clock.clone() });
    let (batch, lanes) = commit_queue::lanes(Arc::clone(&ledger), &work, lanes, &parts.closing);
    let mut loops = Loops::new(&MANIFEST, &work, parts);
    lanes.into_iter().for_each(|lane| loops.add(lane));
    loops.add(tail.run(reads.clone(), parts.closing.clone()));
    let service = Service(Arc::new(Declarations {
        pool: reads,
        work,
        tokens,
        tail,
        batch,
        ledger,
        profile,
        draining: parts.draining.clone(),
        rehearsals: Rehearsals::default(),
    }));
    let batch = service.0.batch.clone();
    let mount = loops.mount(exchange::QUEUES, |routes| {
        let exchange = service.exchange().into_server();
        let service = DeclarationServiceServer::new(service);
        let service = service.max_decoding_message_size(limits::MESSAGE_BYTES_MAX);
        routes.add_service(service).add_service(exchange)
    });
    mount.within(move || batch.most_of_each())
}

impl Service {
    /// The exchange that serves this service's journal.
    fn exchange(&self) -> exchange::Exchange {
        let Declarations { work, ledger, tail, draining, .. } = &*self.0;
        let handler = Arc::<Declarations>::clone(&self.0);
        let rows = (work.clone(), ledger.clock.clone());
        exchange::Exchange::new(MANIFEST.name, rows, tail.clone(), handler, draining.clone())
    }
}

impl exchange::AnswerHandler for Declarations {
    fn handle(&self, decision: Decision) -> BoxFuture<'_, exchange::Handled> {
        Box::pin(async move {
            let slot = decision.declaration.slot();
            let done = self
                .batch
                .enqueue(slot, &Share::Kept, DeclarationCommand::Decide(decision))
                .await?;
            match done {
                Ok(Done::Decided(decided)) => Ok(Ok(decided)),
                Ok(Done::Filed(_) | Done::Amended(_) | Done::Withdrawn) => {
                    Err(Fault::Broken("a decision was answered with something else".into()))
                }
                Err(refusal) => Ok(Err(refusal)),
            }
        })
    }
}

impl Declarations {
    /// Takes part in the next transaction, or is only checked as if it did.
    async fn run(
        &self,
        share: &Share,
        command: DeclarationCommand,
        when_full: WhenFull,
        only_check: bool,
    ) -> Result<Done, Error> {
        if only_check {
            return self.rehearse(share, command).await;
        }
        let slot = command.slot();
        Ok(self.batch.send(slot, share, command, when_full).await??)
    }

    /// Does everything but keep it: the transaction is rolled back.
    async fn rehearse(&self, share: &Share, command: DeclarationCommand) -> Result<Done, Error> {
        let _turn = self.rehearsals.turn(share).await;
        let mut tx = self.work.begin().await.map_err(Fault::from)?;
        let (answers, _) = self.ledger.run(&mut tx, &[command]).await?;
        let answer = answers.into_iter().next();
        Ok(answer.ok_or_else(|| Fault::Broken("a rehearsal has no answer".into()))??)
    }
}
