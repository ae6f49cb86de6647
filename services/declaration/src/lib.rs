//! Takes a declaration once and carries it to exactly one release.
//!
//! What this service promises: an answer is given after it is durable; repeating a request has no
//! second effect; every broken rule is named at once; a caller sees only its own; a state changes
//! only by the rules of `domain::clearance`. Read [`rpc`], the table of its calls, then [`submit`], then [`clear`];
//! [`relay`] has what agencies hear and say.

mod amend;
mod answers;
mod archive;
mod attachment;
mod attachment_rows;
mod calls;
mod clear;
mod clearance_rows;
mod commit;
mod declared_order;
mod document_requests;
mod filing;
mod get_attachment;
mod key_holder;
mod lookup;
mod media_type;
mod open_declarations;
mod outside_number;
mod provide;
mod put_attachment;
mod read;
mod rehearsal;
mod relay;
mod row;
mod rpc;
mod submission;
mod submit;
mod transaction;
mod unreleased;
mod virus_scan;
mod waits;
mod wire;
mod withdraw;

use std::sync::Arc;

use domain::declaration::Profile;
use domain::refusal::Refusal;
use domain::{Slot, limits};
use kit::service::{Connections, Loops, Manifest, Mount, Parts, Plans, Pools, Start};
use proto::v1;
use proto::v1::attachment_service_server::AttachmentServiceServer;
use proto::v1::declaration_service_server::DeclarationServiceServer;
use sqlx::PgPool;
use store::commit_queue::{self, CommitQueue, Reply, WhenFull};
use store::replica::ListPools;
use store::share::Share;
use store::tail::Tail;
use store::token::TokenKey;
use tokio_util::sync::CancellationToken;

pub use store::ServiceError as Error;
pub use waits::{Wait, waits};

use commit::{DeclarationCommand, DeclarationWriter};
use open_declarations::OpenDeclarations;
use put_attachment::AttachmentStore;
use rehearsal::Rehearsals;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/declaration");

/// What is known of the service before it runs.
pub static MANIFEST: Manifest = Manifest {
    name: "declaration",
    purpose: "Declarations, and the exchange with agencies",
    migrator: &MIGRATOR,
    apis: &[rpc::API, rpc::ATTACHMENTS, rpc::EXCHANGE],
    connections: Connections::BesideLanes(8),
    plans: Plans::Free,
    identity: None,
};

/// What is declared, as it is said on the wire.
pub(crate) type Content = v1::Declaration;

/// The declaration service.
#[derive(Debug)]
pub(crate) struct Declarations {
    /// For reading: what many readers do must not keep a transaction from its connection.
    pub(crate) pool: PgPool,
    /// For lists.
    pub(crate) lists: ListPools,
    /// For the exchange and for rehearsals.
    work: PgPool,
    pub(crate) tokens: TokenKey,
    pub(crate) tail: Tail,
    pub(crate) batch: CommitQueue<DeclarationWriter>,
    /// For rehearsals, which no lane does.
    writer: Arc<DeclarationWriter>,
    pub(crate) profile: Profile,
    pub(crate) draining: CancellationToken,
    rehearsals: Rehearsals,
    pub(crate) attachments: AttachmentStore,
}

/// How attachments are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttachmentSettings {
    /// The program that scans them for viruses, and its arguments; empty when nobody does.
    pub virus_scanner: Vec<String>,
    /// Bytes that are kept for a declarant in a day.
    pub bytes_per_day: u64,
}

/// The service as it is mounted.
#[derive(Debug, Clone)]
pub struct Service(Arc<Declarations>);

/// The service over its tables, with so many lanes. `profile` is what it is strict about.
pub fn start(profile: Profile, lanes: usize, attachments: AttachmentSettings) -> Start {
    Start::alone(move |parts| mount(&parts, profile, lanes, attachments))
}

fn mount(parts: &Parts, profile: Profile, lanes: usize, attachments: AttachmentSettings) -> Mount {
    let Pools { work, reads, lists, tokens, cipher } = parts.pools.clone();
    let attachments = AttachmentStore::new(parts.clock.clone(), cipher.clone(), attachments);
    let tail = Tail::new(cipher);
    let writer = Arc::new(DeclarationWriter {
        tail: tail.clone(),
        clock: parts.clock.clone(),
        open: OpenDeclarations::default(),
        numbers: tokens.numbers(),
    });
    let (batch, lanes) = commit_queue::lanes(Arc::clone(&writer), &work, lanes, &parts.closing);
    let mut loops = Loops::new(&MANIFEST, &work, parts);
    lanes.into_iter().for_each(|lane| loops.add(lane));
    loops.add(tail.run(reads.clone(), parts.closing.clone()));
    loops.add(put_attachment::sweep(work.clone(), parts.clock.clone(), parts.draining.clone()));
    let service = Service(Arc::new(Declarations {
        pool: reads,
        lists,
        work,
        tokens,
        tail,
        batch,
        writer,
        profile,
        draining: parts.draining.clone(),
        rehearsals: Rehearsals::default(),
        attachments,
    }));
    let batch = service.0.batch.clone();
    let mount = loops.mount(exchange::QUEUES, |routes| {
        let exchange = service.exchange().into_server();
        let attachments = AttachmentServiceServer::new(service.clone());
        let attachments = attachments.max_decoding_message_size(limits::MESSAGE_BYTES_MAX);
        let service = DeclarationServiceServer::new(service);
        let service = service.max_decoding_message_size(limits::MESSAGE_BYTES_MAX);
        routes.add_service(service).add_service(attachments).add_service(exchange)
    });
    mount.within(move || batch.most_of_each())
}

impl Declarations {
    /// Takes part in the next transaction, or is only checked as if it did: then everything is done but kept.
    async fn run<T: Send + 'static>(
        &self,
        (share, slot): (&Share, Slot),
        command: impl FnOnce(Reply<Result<T, Refusal>>) -> DeclarationCommand,
        when_full: WhenFull,
        only_check: bool,
    ) -> Result<T, Error> {
        if only_check {
            let _turn = self.rehearsals.turn(share).await;
            // Boxed: the calls that only wait for a lane are many, and need not be as large as a transaction.
            let rehearsal = Box::pin(commit_queue::rehearse(&*self.writer, &self.work, command));
            return Ok(rehearsal.await??);
        }
        Ok(self.batch.send(slot, share, command, when_full).await??)
    }
}
