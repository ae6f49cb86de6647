//! The webhook service (推送): what happens is posted, signed, to where callers want it.
//!
//! What this service promises: whatever happens after a webhook was made and that its caller may see is posted at
//! least once, under one message id however often it is tried; an endpoint that is away or slow delays nobody else,
//! and a message that is not taken delays no other message of its endpoint; what is posted reaches no address that
//! only this machine and its neighbours can, unless the window allows it; and secrets are kept encrypted.
//!
//! Read [`rpc`], the table of its calls, then [`relay`]: it follows what happens, as a caller of the window, and posts
//! it. The law of retries is `domain::webhook`.

mod address;
mod calls;
mod deliveries;
mod relay;
mod rows;
mod rpc;
mod wire;

use std::sync::Arc;

use domain::{Principal, limits};
use kit::service::{
    Caller, Connections, Identity, Loops, Manifest, Mount, Parts, Plans, Pools, Start,
};
use proto::v1::webhook_service_server::WebhookServiceServer;
use rustls_pki_types::CertificateDer;
use sqlx::PgPool;
use store::Clock;
use store::cipher::Cipher;
use store::token::TokenKey;
use tokio::sync::Notify;
use uuid::Uuid;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/webhooks");

/// What is known of the service before it runs.
pub static MANIFEST: Manifest = Manifest {
    name: "webhooks",
    purpose: "Webhooks: what happens is posted to callers; needs --webhook-service-endpoint",
    migrator: &MIGRATOR,
    apis: &[rpc::API],
    connections: Connections::Fixed(4),
    plans: Plans::ByIndex,
    identity: Some(Identity {
        kind: "webhook-service",
        title: "Webhook service",
        certificate: "Certificate of the webhook service (PEM), in the registry as webhook-service. With it, what \
                      happens is posted to the webhooks of callers",
        consumes: false,
    }),
};

/// The caller of this name as the registry has it now, which says what it sees; `None` when it is gone.
pub type CallerLookup = Box<dyn Fn(&str) -> Option<Arc<Principal>> + Send + Sync>;

/// What the service is told when it starts.
pub struct WebhookSettings {
    /// Whose webhooks there are.
    pub callers: CallerLookup,
    /// Whether private addresses and plain HTTP are allowed.
    pub allow_private: bool,
    /// Authorities of endpoints besides those that browsers trust.
    pub authorities: Vec<CertificateDer<'static>>,
}

/// The service.
pub(crate) struct Webhooks {
    /// For reading.
    pub(crate) reads: PgPool,
    pub(crate) work: PgPool,
    pub(crate) tokens: TokenKey,
    pub(crate) cipher: Cipher,
    pub(crate) clock: Clock,
    pub(crate) callers: CallerLookup,
    pub(crate) allow_private: bool,
    /// This process, where one at a time may do something.
    pub(crate) holder: Uuid,
    /// Something waits to be posted.
    pub(crate) wake: Notify,
}

/// The service as it is mounted.
#[derive(Clone)]
pub struct Service(Arc<Webhooks>);

/// The service over its tables.
pub fn start(settings: WebhookSettings) -> Start {
    Start::calling(move |parts, caller| mount(&parts, caller, settings))
}

fn mount(parts: &Parts, Caller { window, .. }: Caller, settings: WebhookSettings) -> Mount {
    let Pools { work, reads, tokens, cipher, .. } = parts.pools.clone();
    let WebhookSettings { callers, allow_private, authorities } = settings;
    let mut loops = Loops::new(&MANIFEST, &work, parts);
    let own = Arc::new(Webhooks {
        reads,
        work,
        tokens,
        cipher,
        clock: parts.clock.clone(),
        callers,
        allow_private,
        holder: Uuid::now_v7(),
        wake: Notify::new(),
    });
    let (it, stop) = (Arc::clone(&own), parts.draining.clone());
    let events = loops.progress("webhooks.events");
    loops.add(async move { relay::follow::follow(&it, &window, &events, &stop).await });
    let sender = relay::sender::WebhookSender::new(allow_private, &authorities);
    let (it, stop) = (Arc::clone(&own), parts.draining.clone());
    let posts = loops.progress("webhooks.posts");
    loops.add(async move { relay::post::post(&it, &sender, &posts, &stop).await });
    let (it, stop) = (Arc::clone(&own), parts.draining.clone());
    loops.add(async move { deliveries::forget(&it, &stop).await });
    loops.mount(&[], |routes| {
        let service = WebhookServiceServer::new(Service(own));
        routes.add_service(service.max_decoding_message_size(limits::MESSAGE_BYTES_MAX))
    })
}
