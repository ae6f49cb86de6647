//! The refund service (出口退税): what a firm gets back for its exports, when, and what is missing.
//!
//! What this service promises: an export that is released is known with all its lines, without anything typed
//! twice; no quantity of an export and none of an invoice is claimed twice; what is claimed explains itself; a
//! doubt about one line holds up no other; no line is paid twice, however often the tax office says so; and
//! what was refused, dropped or given back may be claimed again as far as the law lets it.
//!
//! Read [`rpc`], the table of its calls, then [`apply_events`], then [`propose`] and [`claim`], then [`commit`];
//! [`relay`] has the stream and the queues. The rules are `domain::tax_refund`.

mod apply_events;
mod calls;
mod claim;
mod claim_line_rows;
mod claim_rows;
mod commit;
mod days;
mod export_row;
mod export_rows;
mod firm;
mod freed_line;
mod invalid_invoice;
mod invoice;
mod invoice_rows;
mod judging;
mod matching;
mod moved;
mod names;
mod note;
mod proof;
mod propose;
mod queues;
mod read;
mod relay;
mod reminder;
mod rpc;
mod sale_rows;
mod sales;
mod transaction;
mod unreleased_rows;
mod wire;

use std::sync::Arc;

use client::Consumer;
use domain::limits;
use domain::tax_refund::parity::{Parities, ParityFault, SAMPLE_PARITIES};
use domain::tax_refund::rates::{RateFault, RateTable, SAMPLE_RATES};
use kit::listen::{LateEvents, listen, no_answers};
use kit::service::{
    Caller, Connections, Identity, Loops, Manifest, Mount, Parts, Plans, Pools, Start,
};
use proto::v1;
use proto::v1::refund_service_server::RefundServiceServer;
use sqlx::PgPool;
use store::Clock;
use store::commit_queue::{self, CommitQueue};
use store::replica::ListPools;
use store::tail::Tail;
use store::token::TokenKey;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use commit::RefundWriter;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/refund");

/// What is known of the service before it runs.
pub static MANIFEST: Manifest = Manifest {
    name: "refund",
    purpose: "Export tax refund: proofs, invoices, claims; needs --refund-service-endpoint",
    migrator: &MIGRATOR,
    apis: &[rpc::API],
    connections: Connections::Fixed(6),
    plans: Plans::ByIndex,
    identity: Some(Identity {
        kind: "refund-service",
        title: "Refund service (export tax refund)",
        certificate: "Certificate of the refund service (PEM), in the registry as refund-service. With it, exports \
                      are kept for the tax refund",
        consumes: true,
    }),
};

/// Lanes of each group commit: one. What is heard and what is asked do not wait for each other.
const LANES: usize = 1;

/// The service.
#[derive(Debug)]
pub(crate) struct Refunds {
    /// For reading.
    pub(crate) reads: PgPool,
    /// For lists.
    pub(crate) lists: ListPools,
    /// For its loops, which readers must not hold up.
    pub(crate) work: PgPool,
    pub(crate) tokens: TokenKey,
    pub(crate) tail: Tail,
    pub(crate) writer: Arc<RefundWriter>,
    /// Writes what the exchange tells.
    pub(crate) events: CommitQueue<RefundWriter>,
    /// Writes what callers ask, and the loops of the service.
    pub(crate) requests: CommitQueue<RefundWriter>,
    pub(crate) clock: Clock,
    pub(crate) draining: CancellationToken,
}

/// The service as it is mounted.
#[derive(Debug, Clone)]
pub struct Service(Arc<Refunds>);

/// Names of the queues, for their figures.
const QUEUES: &[&str] = &[
    queues::MATCHES,
    queues::CLAIMS,
    kit::listen::EVENTS,
    queues::JUDGEMENTS,
    queues::INVALID_INVOICES,
];

/// What a window that is none for trying knows of refund rates without a file: nothing, so that every line says
/// that its rate is missing, and none is claimed at a wrong one.
const NO_RATES: &str = "checked | 2026-11-29";

/// The refund rates of a file (出口退税率文库), or those that come with the program: a sample in a sandbox, and
/// otherwise none.
///
/// # Errors
///
/// Every fault of the file.
pub fn rates(file: Option<&str>, sandbox: bool) -> Result<RateTable, Vec<RateFault>> {
    let own = if sandbox { SAMPLE_RATES } else { NO_RATES };
    RateTable::parse(file.unwrap_or(own)) // of the program
}

/// The parities of a file, or those that come with the program: a sample in a sandbox, and otherwise none, so that an
/// export in foreign currency says that its parity is missing.
///
/// # Errors
///
/// Every fault of the file.
pub fn parities(file: Option<&str>, sandbox: bool) -> Result<Parities, Vec<ParityFault>> {
    let own = if sandbox { SAMPLE_PARITIES } else { "" };
    Parities::parse(file.unwrap_or(own)) // of the program
}

/// The service over its tables, by these rates and parities.
pub fn start(rates: RateTable, parities: Parities) -> Start {
    Start::calling(move |parts, caller| mount(&parts, caller, (rates, parities)))
}

fn mount(
    parts: &Parts,
    Caller { window, name }: Caller,
    (rates, parities): (RateTable, Parities),
) -> Mount {
    let Pools { work, reads, lists, tokens, cipher } = parts.pools.clone();
    let (tail, clock, draining) = (Tail::new(cipher), parts.clock.clone(), parts.draining.clone());
    let [matches, claims, judgements, invalid_invoices] = [(); 4].map(|()| Arc::new(Notify::new()));
    let writer = Arc::new(RefundWriter {
        tail: tail.clone(),
        clock: clock.clone(),
        rates,
        parities,
        matches: Arc::clone(&matches),
        claims: Arc::clone(&claims),
        judgements: Arc::clone(&judgements),
        invalid_invoices: Arc::clone(&invalid_invoices),
    });
    let (events, event_lanes) =
        commit_queue::lanes(Arc::clone(&writer), &work, LANES, &parts.closing);
    let (requests, request_lanes) =
        commit_queue::lanes(Arc::clone(&writer), &work, LANES, &parts.closing);
    let mut loops = Loops::new(&MANIFEST, &work, parts);
    event_lanes.into_iter().chain(request_lanes).for_each(|lane| loops.add(lane));
    loops.add(tail.run(reads.clone(), parts.closing.clone()));
    let refunds = Arc::new(Refunds {
        reads,
        lists,
        work,
        tokens,
        tail,
        writer,
        events,
        requests,
        clock,
        draining,
    });
    loops.queue("refund.matches", relay::Matches(Arc::clone(&refunds)), matches);
    loops.queue("refund.claims", relay::ClaimsUnderWay(Arc::clone(&refunds)), claims);
    loops.queue("refund.judgements", relay::Judgements(Arc::clone(&refunds)), judgements);
    let invalid = relay::InvalidInvoices(Arc::clone(&refunds));
    loops.queue("refund.invalid-invoices", invalid, invalid_invoices);
    let exports = Arc::new(relay::ExportEvents(Arc::clone(&refunds)));
    loops.queue("refund.late-events", LateEvents(Arc::clone(&exports)), Arc::default());
    let (own, stop) = (Arc::clone(&refunds), parts.draining.clone());
    let days = loops.progress("refund.days");
    loops.add(async move { days::keep_reminding(&own, &days, &stop).await });
    let (events, stop) = (loops.progress("refund.events"), parts.draining.clone());
    let consumer = Consumer::new(window, v1::Subscriber::RefundService, &name);
    // It says nothing there.
    loops.add(async move {
        listen(&*exports, consumer, no_answers(), &events, &stop).await;
    });
    loops.mount(QUEUES, |routes| {
        let service = RefundServiceServer::new(Service(refunds));
        routes.add_service(service.max_decoding_message_size(limits::MESSAGE_BYTES_MAX))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rates_that_come_with_the_program_can_be_read() {
        for sandbox in [true, false] {
            assert!(rates(None, sandbox).is_ok() && parities(None, sandbox).is_ok());
        }
        assert!(rates(Some("rate | 1"), true).is_err(), "a file takes their place");
    }
}
