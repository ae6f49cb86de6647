//! The payment service (支付): what is held, owed and paid, and why.
//!
//! What this service promises: no import is said to be secured before its tax is held on the guarantee of the
//! firm that stands for it; a guarantee is never overdrawn, counting what is held, whatever happens at once;
//! what is held stays held until the declaration ends or its bill is paid; who has too little is told so with
//! figures, and is tried again by itself when money comes; a release has one bill; and everything is an entry
//! that nobody changes, from which every balance can be computed again.
//!
//! Read [`rpc`], the table of its calls, then [`apply_events`], then [`transaction`], then [`commit`]; [`relay`] has the
//! stream, and [`ledger`] the double entry of `domain::payment::ledger` over rows.

mod account_view;
mod apply_events;
mod assess;
mod bank_journal;
mod bill;
mod bill_rows;
mod calls;
mod collect;
mod commit;
mod duty_answer;
mod duty_rows;
mod forex;
mod goods_back;
mod guarantee;
mod import_return_rows;
pub mod ledger;
mod ledger_rows;
mod names;
mod notice;
mod purchases;
mod queues;
mod read;
mod recompute;
mod relay;
mod rpc;
mod sandbox_guarantees;
mod secure;
mod tax_refunds;
mod transaction;
pub mod verify;
mod wire;

use std::sync::Arc;

use client::Consumer;
use domain::limits;
use domain::payment::parameter_set::{FileProblem, OwnFile, ParameterSet};
use kit::listen::{LateEvents, listen};
use kit::pending_answers::PendingAnswers;
use kit::person_key::PersonKey;
use kit::service::{
    Caller, Connections, Identity, Loops, Manifest, Mount, Parts, Plans, Pools, Start,
};
use proto::v1;
use proto::v1::forex_service_server::ForexServiceServer;
use proto::v1::payment_service_server::PaymentServiceServer;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use store::Clock;
use store::cipher::Cipher;
use store::commit_queue::{self, CommitQueue};
use store::replica::ListPools;
use store::token::TokenKey;
use tokio::sync::{Notify, Semaphore};

use forex::commit::ForexWriter;
use relay::collections::Collections;
use relay::duty_payments::DutyPayments;
use relay::notices::Notices;
use relay::returns::{self, ReturnTerms, Returns};
use relay::settlement_terms::SettlementTerms;
use relay::tax_refunds::TaxRefunds;
use store::tail::Tail;
use tokio_util::sync::CancellationToken;
use transaction::PaymentWriter;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/payment");

/// What is known of the service before it runs.
pub static MANIFEST: Manifest = Manifest {
    name: "payment",
    purpose: "Guarantees, duty of imports and tax bills; needs --payment-service-endpoint",
    migrator: &MIGRATOR,
    apis: &[rpc::API, forex::rpc::API, forex::rpc::EXCHANGE],
    connections: Connections::Fixed(8),
    plans: Plans::ByIndex,
    identity: Some(Identity {
        kind: "payment-service",
        title: "Payment service (guarantee, duty, tax bills)",
        certificate: "Certificate of the payment service (PEM), in the registry as payment-service. With it, imports \
                      are released only when their duty is secured",
        consumes: true,
    }),
};

/// Lanes of each group commit: one. What is heard and what is asked do not wait for each other.
const LANES: usize = 1;

/// The service.
#[derive(Debug)]
pub(crate) struct Payments {
    /// For reading.
    pub(crate) reads: PgPool,
    /// For lists and statistics.
    pub(crate) lists: ListPools,
    /// For its loops, which readers must not hold up.
    pub(crate) work: PgPool,
    pub(crate) tokens: TokenKey,
    /// Of what waits in queues.
    pub(crate) cipher: Cipher,
    /// Writes what the exchange tells.
    pub(crate) events: CommitQueue<PaymentWriter>,
    /// Writes what callers ask, and the loops of the service.
    pub(crate) requests: CommitQueue<PaymentWriter>,
    /// For what is only checked of it.
    pub(crate) writer: Arc<PaymentWriter>,
    /// For money from abroad.
    pub(crate) forex: CommitQueue<ForexWriter>,
    /// For what is only checked of it.
    pub(crate) forex_writer: Arc<ForexWriter>,
    /// What banks are told.
    pub(crate) tail: Tail,
    pub(crate) draining: CancellationToken,
    pub(crate) clock: Clock,
    /// What taxes are computed by.
    pub(crate) numbers: Arc<ParameterSet>,
    pub(crate) pending: PendingAnswers,
    /// Finds persons without their numbers being kept.
    pub(crate) persons: PersonKey,
    /// Ledgers that are recomputed at once for callers.
    pub(crate) verifying: Semaphore,
    /// Firms may lodge money by themselves.
    pub(crate) sandbox: bool,
}

/// The service as it is mounted.
#[derive(Debug, Clone)]
pub struct Service(Arc<Payments>);

/// Names of the queues, for their figures.
const QUEUES: &[&str] = &[
    queues::ANSWERS,
    queues::RETRIES,
    kit::listen::EVENTS,
    queues::NOTICES,
    queues::RETURNS,
    queues::RETURN_TERMS,
    queues::COLLECTIONS,
    queues::DUTY_PAYMENTS,
    queues::EXPORTS,
    queues::SETTLEMENT_TERMS,
    queues::TAX_REFUNDS,
    "parked-bank",
];

/// What taxes of imports are computed by: these files, each in the place of those of the program that have the same
/// tables.
///
/// # Errors
///
/// Every fault of the files.
pub fn numbers(own: &[OwnFile]) -> Result<ParameterSet, Vec<FileProblem>> {
    ParameterSet::read(own, |bytes| Sha256::digest(bytes).into())
}

/// The service over its tables, by these numbers. In a sandbox firms lodge money by themselves, and its callers begin
/// with some.
pub fn start(sandbox: bool, numbers: ParameterSet) -> Start {
    Start::calling(move |parts, caller| mount(&parts, caller, sandbox, Arc::new(numbers)))
}

fn mount(
    parts: &Parts,
    Caller { window, name }: Caller,
    sandbox: bool,
    numbers: Arc<ParameterSet>,
) -> Mount {
    if numbers.has_sample && !sandbox {
        tracing::warn!(
            "taxes are computed by a sample; give the tariff and the list with --import-tax"
        );
    }
    let Pools { work, reads, lists, tokens, cipher } = parts.pools.clone();
    let clock = parts.clock.clone();
    let [answers, retries, notices, returns, payments] = [(); 5].map(|()| Arc::new(Notify::new()));
    let (pending, outgoing) = PendingAnswers::new();
    let persons = PersonKey::new(&cipher.hash_key("person"));
    let tail = Tail::new(cipher.clone());
    forex::calls::begin_statement_metrics();
    let forex_writer = Arc::new(ForexWriter {
        clock: clock.clone(),
        cipher: cipher.clone(),
        tail: tail.clone(),
        answers: Arc::clone(&answers),
        payments: Arc::clone(&payments),
    });
    let writer = Arc::new(PaymentWriter {
        clock: clock.clone(),
        cipher: cipher.clone(),
        numbers: Arc::clone(&numbers),
        sandbox,
        tail: tail.clone(),
        answers: Arc::clone(&answers),
        retries: Arc::clone(&retries),
        notices: Arc::clone(&notices),
    });
    let (events, event_lanes) =
        commit_queue::lanes(Arc::clone(&writer), &work, LANES, &parts.closing);
    let (requests, request_lanes) =
        commit_queue::lanes(Arc::clone(&writer), &work, LANES, &parts.closing);
    let (forex, forex_lanes) =
        commit_queue::lanes(Arc::clone(&forex_writer), &work, LANES, &parts.closing);
    let mut loops = Loops::new(&MANIFEST, &work, parts);
    event_lanes.into_iter().chain(request_lanes).for_each(|lane| loops.add(lane));
    forex_lanes.into_iter().for_each(|lane| loops.add(lane));
    loops.add(tail.run(reads.clone(), parts.closing.clone()));
    let payment = Arc::new(Payments {
        reads,
        lists,
        work,
        tokens,
        cipher,
        events,
        requests,
        writer,
        forex,
        forex_writer,
        tail,
        draining: parts.draining.clone(),
        clock,
        numbers,
        pending,
        persons,
        verifying: Semaphore::new(1),
        sandbox,
    });
    loops.queue("payment.answers", relay::DutyAnswers(Arc::clone(&payment)), answers);
    loops.queue("payment.retries", relay::Retries(Arc::clone(&payment)), retries);
    let imports = Arc::new(relay::ImportEvents(Arc::clone(&payment)));
    let exports = Arc::new(relay::exports::SaleEvents(Arc::clone(&payment)));
    loops.queue("payment.late-events", LateEvents(Arc::clone(&imports)), Arc::default());
    loops.queue("payment.late-exports", LateEvents(Arc::clone(&exports)), Arc::default());
    loops.queue(
        "payment.notices",
        Notices { own: Arc::clone(&payment), window: window.clone() },
        notices,
    );
    loops.queue("payment.collections", Collections(Arc::clone(&payment)), Arc::default());
    loops.queue("payment.duty-payments", DutyPayments(Arc::clone(&payment)), payments);
    loops.queue("payment.returns", Returns(Arc::clone(&payment)), Arc::clone(&returns));
    loops.queue("payment.return-terms", ReturnTerms(Arc::clone(&payment)), Arc::default());
    let terms = SettlementTerms(Arc::clone(&payment));
    loops.queue("payment.settlement-terms", terms, Arc::default());
    let refunds = Arc::new(Notify::new());
    loops.queue("payment.tax-refunds", TaxRefunds(Arc::clone(&payment)), Arc::clone(&refunds));
    let (own, stop, office) = (Arc::clone(&payment), parts.draining.clone(), window.clone());
    loops.add(async move { relay::tax_refunds::follow(&own, &office, &refunds, &stop).await });
    let (own, stop, customs) = (Arc::clone(&payment), parts.draining.clone(), window.clone());
    loops.add(async move { returns::follow(&own, &customs, &returns, &stop).await });
    let (own, stop) = (Arc::clone(&payment), parts.draining.clone());
    loops.add(async move { verify::keep_verifying(&own, &stop).await });
    let (events, stop) = (loops.progress("payment.events"), parts.draining.clone());
    let own = Arc::clone(&payment);
    loops.add(async move {
        if sandbox {
            sandbox_guarantees::begin(&own, &stop).await;
        }
        let consumer = Consumer::new(window, v1::Subscriber::PaymentService, &name);
        let seat = relay::PaymentSeat { imports, exports };
        listen(&seat, consumer, outgoing, &events, &stop).await;
    });
    loops.mount(QUEUES, |routes| {
        let exchange = relay::banks::exchange(&payment).into_payment_server();
        let forex = ForexServiceServer::new(Service(Arc::clone(&payment)));
        let service = PaymentServiceServer::new(Service(payment));
        routes
            .add_service(service.max_decoding_message_size(limits::MESSAGE_BYTES_MAX))
            .add_service(forex.max_decoding_message_size(limits::MESSAGE_BYTES_MAX))
            .add_service(exchange)
    })
}
