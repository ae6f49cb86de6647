//! Starts a window and lets it end in order: stop taking, finish what was taken, then close the
//! database. Tests, the sandbox and production start the same thing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use console::{Cookies, LoginLink};
use domain::limits;
use domain::refusal::Code;
use kit::api_keys::ApiKeys;
use kit::operation::{self, Operation};
use kit::progress::Progress;
use kit::service::{Loop, Manifest, Parts};
use store::migration::Extent;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::callers::{Callers, CurrentRegistry};
use crate::clock::{self, SandboxClock};
use crate::database::Database;
use crate::gate::{Backlogs, GateLayer};
use crate::operating_status::Part;
use crate::quotas::Sockets;
use crate::registry::Registry;
use crate::reload::{Periods, Reload};
use crate::services::{self, Plan, manifests};
use crate::signals::Ending;
use crate::space::Space;
use crate::standing::Standing;
use crate::tasks::{Task, Tasks};
use crate::tls::CurrentAcceptor;
use crate::traces::Traces;
use crate::{listen, tls, validity, web_console};

/// Everything that a window needs to know. By default it has nothing.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where to serve gRPC, and the national door over HTTP: HOST:PORT.
    pub listen: String,
    /// Where to serve metrics, when at all: HOST:PORT.
    pub metrics: Option<String>,
    /// Where to send spans (OTLP over gRPC), when at all.
    pub traces: Option<String>,
    /// Where the private PostgreSQL and the sandbox's certificates are.
    pub data_dir: PathBuf,
    /// Another PostgreSQL than the private one.
    pub database_url: Option<String>,
    /// One that follows it, for lists and statistics.
    pub read_database_url: Option<String>,
    /// The file of data keys, when it is not in the data directory.
    pub data_keys: Option<PathBuf>,
    /// Where PostgreSQL's programs are, when not in the usual places.
    pub postgres_programs: Option<PathBuf>,
    /// The process's PATH.
    pub path: Option<std::ffi::OsString>,
    /// Authority that signs callers' certificates.
    pub authority: PathBuf,
    /// The window's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Registry of callers.
    pub registry: PathBuf,
    /// Which certificates of callers their authority has revoked (CRL).
    pub revocations: Option<PathBuf>,
    /// Whoever has no certificate is not listened to, whatever key it has.
    pub require_certificates: bool,
    /// As whom services call a window, by their names: those without an entry do not run here. Without an
    /// address they call this window itself.
    pub callers: BTreeMap<&'static str, client::Config>,
    /// Names of services on the exchange, where they are not their own: one that starts again under the
    /// name of one that died takes its place at once.
    pub names: BTreeMap<&'static str, String>,
    /// Authorities whose certificates sign national messages, besides those in the registry.
    pub signing_authorities: Vec<PathBuf>,
    /// Only the service of this name in this process.
    pub only: Option<String>,
    /// Where a service of a sandbox finds the others, when it runs by itself.
    pub services: Option<String>,
    /// Rules of the sandbox.
    pub sandbox: bool,
    /// Declarations wait until an inspection service in another process has asked the risk rules.
    pub targeting: bool,
    /// Imports wait until a payment service in another process has secured their duty.
    pub duty: bool,
    /// Files that taxes of imports are computed by, in the place of those of the program.
    pub import_tax: Vec<PathBuf>,
    /// The file of refund rates; those that come with the program without one.
    pub refund_rates: Option<PathBuf>,
    /// The file of parities; those that come with the program without one.
    pub refund_parities: Option<PathBuf>,
    /// Webhooks may be at private addresses, and without TLS.
    pub webhook_allow_private: bool,
    /// Authorities of the endpoints of webhooks, besides those that browsers trust.
    pub webhook_authorities: Vec<PathBuf>,
    /// How attachments are kept.
    pub attachments: declaration::AttachmentSettings,
    /// Lanes of the group commit.
    pub writers: usize,
    /// How long requests may take to finish when the window drains.
    pub drain: Duration,
    /// Bytes that must be free beside the private PostgreSQL; below, firms do not file.
    pub free_space_least: u64,
}

/// A window that serves.
#[derive(Debug)]
pub struct RunningWindow {
    /// Where it serves.
    pub address: SocketAddr,
    /// The way into the console of a sandbox.
    pub link: Option<LoginLink>,
    /// Keys of its callers.
    pub(crate) keys: ApiKeys,
    draining: CancellationToken,
    closing: CancellationToken,
    server: Tasks,
    pages: Tasks,
    lanes: Tasks,
    database: Database,
    traces: Option<Traces>,
    drain: Duration,
}

/// Brings the tables up to date and ends.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn migrate(settings: &Settings, ending: &Ending) -> anyhow::Result<()> {
    crate::database::migrate(settings, Extent::Contracting, ending).await
}

impl RunningWindow {
    /// Starts a window. When it returns, the window serves; `None` when it was told to end before.
    ///
    /// # Errors
    ///
    /// Says what is wrong and what to do about it; nothing is left running.
    pub async fn start(settings: &Settings, ending: &Ending) -> anyhow::Result<Option<Self>> {
        let methods = crate::policy::check_policy()?;
        crate::refusals::begin();
        let sockets = sockets();
        let registry = CurrentRegistry::new(Registry::load(&settings.registry, settings.sandbox)?);
        let own = (settings.certificate.as_path(), settings.key.as_path());
        let periods: Periods = Arc::new(RwLock::new(validity::all(settings)?));
        let revocations = settings.revocations.as_deref();
        let trust = (settings.authority.as_path(), revocations, settings.require_certificates);
        let acceptor = CurrentAcceptor::new(tls::acceptor(own, tls::verifier(trust)?)?);
        let reflection = settings.sandbox.then(reflection).transpose()?;
        let link = settings.sandbox.then(web_console::link).transpose()?;
        let movable =
            settings.sandbox.then(|| SandboxClock::open(&settings.data_dir)).transpose()?;
        let held = listen::hold(&settings.listen).await?;
        let address = held.address;
        // What can fail is done before the database, so that a failed start leaves nothing running.
        let plans = services::plans(settings, &registry, address)?;
        let page = match &settings.metrics {
            Some(asked) => Some(metrics(asked).await?),
            None => None,
        };
        let traces = settings.traces.as_deref().map(Traces::start).transpose()?;
        let Some(database) = Database::open(settings, ending).await? else { return Ok(None) };
        let listener = match held.listen() {
            Ok(listener) => listener,
            Err(error) => {
                database.close().await;
                return Err(error);
            }
        };

        let clock = movable.as_ref().map_or_else(clock::real, SandboxClock::clock);
        // They are kept where the first service has its tables, whichever runs here.
        let pool = database.pools[0].work.clone();
        let keys = match ApiKeys::open(pool, clock.clone(), registry.get().roles()).await {
            Ok(keys) => keys,
            Err(fault) => {
                database.close().await;
                return Err(anyhow::Error::new(fault).context(Code::PostgresFailed));
            }
        };
        // Every process has the key of the first service, and reads what the others sealed with it.
        let cookies = match Cookies::new(&database.pools[0].tokens, clock::real()) {
            Ok(cookies) => cookies,
            Err(fault) => {
                database.close().await;
                return Err(fault.into());
            }
        };
        let callers = Arc::new(Callers::new(registry, sockets, Some(keys.clone())));
        let own = settings.database_url.is_none().then_some(settings.data_dir.as_path());
        let space = Space::of(own, settings.free_space_least);
        let (draining, closing) = (CancellationToken::new(), CancellationToken::new());
        let mut lanes = Tasks::default();
        let mut lane = |lane: Loop| {
            lanes.spawn(Task::Lane, async move {
                lane.await;
                Ok(())
            });
        };
        lane(Box::pin(crate::logs::report_left_out(closing.clone())));
        let mut server = Tasks::default();
        let (health, health_service) = tonic_health::server::health_reporter();
        let mut routes = Routes::new(health_service);
        let mut apis = vec![operation::API.name];
        let (mut loops, mut sources, mut backlogs) = (Vec::new(), Vec::new(), Vec::new());
        let mut parts = Vec::new();
        for ((plan, pools), known) in plans.into_iter().zip(&database.pools).zip(manifests()) {
            let pool = pools.reads.clone();
            let Some(Plan { manifest, start }) = plan else {
                parts.push(Part { manifest: known, pool, loops: None });
                continue;
            };
            let (clock, pools) = (clock.clone(), pools.clone());
            let (draining, closing) = (draining.clone(), closing.clone());
            let mount = start(Parts { pools, clock, draining, closing });
            mount.loops.into_iter().for_each(&mut lane);
            routes = (mount.routes)(routes);
            sources.extend(mount.stuck);
            // The first of its calls are those that commit.
            backlogs.extend(mount.backlog.map(|most| (manifest.apis[0].name, most)));
            apis.extend(manifest.apis.iter().map(|api| api.name));
            parts.push(Part { manifest, pool, loops: Some(mount.progress.clone()) });
            loops.push((manifest, mount.progress));
        }
        let status = Standing {
            sandbox: settings.sandbox,
            space: Arc::clone(&space),
            clock: clock.clone(),
            start: clock.now(),
            parts,
            callers: Arc::clone(&callers),
            certificates: Arc::clone(&periods),
        };
        routes = routes.add_service(StatusServer::new(status));
        if let Some(movable) = movable {
            routes = routes.add_service(SandboxServer::new(movable));
        }
        if let Some(reflection) = reflection {
            routes = routes.add_service(reflection);
        }
        routes =
            routes.add_service(Operation::new(sources, keys.clone(), clock.clone()).into_server());
        let calls = routes.into_axum_router();
        let own_calls = calls.clone();
        let over_http = move |request| crate::json::answered(own_calls.clone(), request);
        let mut routes = Routes::from(calls.fallback(over_http));
        for api in &apis {
            health.set_service_status(*api, ServingStatus::Serving).await;
        }
        let mut pages = Tasks::default();
        // Whoever asks first finds every line.
        for progress in loops.iter().flat_map(|(_, loops)| loops) {
            health.set_service_status(progress.name, ServingStatus::Serving).await;
        }
        let services = web_console::services(&loops);
        pages.spawn(Task::Health, report_health(health.clone(), loops, draining.clone()));
        let gate = GateLayer {
            methods,
            callers: Arc::clone(&callers),
            space: Arc::clone(&space),
            backlogs: Backlogs(Arc::new(backlogs)),
            cookies: Some(cookies.clone()),
        };
        routes = web_console::mount(routes, &gate, (clock, cookies, &keys), services, link.clone());
        let router = Server::builder()
            .accept_http1(true)
            .initial_stream_window_size(limits::RECEIVE_STREAM_BYTES)
            .initial_connection_window_size(limits::RECEIVE_CONNECTION_BYTES)
            .max_concurrent_streams(limits::STREAMS_PER_CONNECTION_MAX.max(1))
            .http2_keepalive_interval(Some(Duration::from_secs(20)))
            .http2_keepalive_timeout(Some(Duration::from_secs(20)))
            .http2_max_header_list_size(Some(64 * 1024))
            .timeout(Duration::from_secs(limits::UNARY_SECONDS_MAX))
            .layer(gate)
            .add_routes(routes);
        let reporter = health.clone();
        pages.spawn(Task::Space, async move {
            space.watch(reporter).await;
            Ok(())
        });
        let (following, until) = (keys.clone(), draining.clone());
        pages.spawn(Task::Keys, async move {
            following.run(until).await;
            Ok(())
        });
        let reload = Reload {
            settings: settings.clone(),
            callers: Arc::clone(&callers),
            acceptor: acceptor.clone(),
            keys: keys.clone(),
            periods,
            asked: Arc::clone(&ending.reload),
        };
        let until = draining.clone();
        pages.spawn(Task::Reload, async move {
            reload.run(until).await;
            Ok(())
        });
        let incoming = tls::incoming(listener, acceptor, callers);
        let stop = draining.clone();
        server.spawn(Task::Server, async move {
            let goodbye = async move {
                stop.cancelled().await;
                for api in apis {
                    health.set_service_status(api, ServingStatus::NotServing).await;
                }
            };
            router.serve_with_incoming_shutdown(incoming, goodbye).await?;
            Ok(())
        });
        if let Some(page) = page {
            pages.spawn(Task::Metrics, page);
        }
        tracing::info!(%address, sandbox = settings.sandbox, "the window serves");
        let drain = settings.drain;
        Ok(Some(Self {
            address,
            link,
            keys,
            draining,
            closing,
            server,
            pages,
            lanes,
            database,
            traces,
            drain,
        }))
    }

    /// Serves until it is told to end or until something vital fails; then drains.
    ///
    /// # Errors
    ///
    /// What failed.
    pub async fn run(mut self, ending: &Ending) -> anyhow::Result<()> {
        let failed = tokio::select! {
            () = ending.drain.cancelled() => None,
            error = self.server.failed() => Some(error),
            error = self.lanes.failed() => Some(error),
            error = self.database.tasks.failed() => Some(error),
        };
        tracing::info!("the window drains");
        self.draining.cancel();
        if !self.server.finish_unless(self.drain, ending.hurry.cancelled()).await {
            tracing::warn!(within = ?self.drain, "some calls did not finish and were cut");
        }
        // The lanes end when what was taken is durable.
        self.closing.cancel();
        if !self.lanes.finish_unless(self.drain, ending.hurry.cancelled()).await {
            tracing::warn!("the group commit did not finish in time");
        }
        self.pages.finish(Duration::ZERO).await;
        self.database.close().await;
        if let Some(traces) = self.traces {
            traces.end().await;
        }
        tracing::info!("the window is closed");
        failed.map_or(Ok(()), Err)
    }
}

/// Takes as many descriptors as the system gives, and says how many sockets that makes.
fn sockets() -> Sockets {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: before.maximum, maximum: before.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    // No number means that there is no limit.
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let sockets = Sockets::within(descriptors);
    let Sockets { connections, handshakes } = sockets;
    if connections < limits::CONNECTIONS_MAX {
        tracing::warn!(
            descriptors,
            connections,
            handshakes,
            "few open files are allowed (ulimit -n), so fewer connections are taken"
        );
    }
    sockets
}

/// Tells health how the loops of services get on, each under its own name, until `draining`. A service whose
/// loop stands still does not serve what it is for, although its calls are answered.
async fn report_health(
    health: HealthReporter,
    services: Vec<(&'static Manifest, Vec<Progress>)>,
    draining: CancellationToken,
) -> anyhow::Result<()> {
    let serves = |it: bool| if it { ServingStatus::Serving } else { ServingStatus::NotServing };
    let mut still: BTreeSet<&str> = BTreeSet::new();
    loop {
        for (manifest, loops) in &services {
            for progress in loops {
                let (name, stands) = (progress.name, progress.stands_still());
                if stands && still.insert(name) {
                    tracing::error!(
                        name,
                        seconds = progress.still().as_secs(),
                        "a loop stands still"
                    );
                } else if !stands && still.remove(name) {
                    tracing::info!(name, "a loop goes on");
                }
                health.set_service_status(name, serves(!stands)).await;
            }
            let all_go_on = !loops.iter().any(Progress::stands_still);
            for api in manifest.apis {
                health.set_service_status(api.name, serves(all_go_on)).await;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(HEALTH_LOOK) => {}
            () = draining.cancelled() => return Ok(()),
        }
    }
}

/// How often health looks at the loops.
const HEALTH_LOOK: Duration = Duration::from_secs(1);

type SandboxServer = proto::v1::sandbox_service_server::SandboxServiceServer<SandboxClock>;
type StatusServer = proto::v1::status_service_server::StatusServiceServer<Standing>;

/// Lets tools read the schema from the window itself; in the sandbox only.
fn reflection() -> anyhow::Result<
    tonic_reflection::server::v1::ServerReflectionServer<
        impl tonic_reflection::server::v1::ServerReflection,
    >,
> {
    let service = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTOR)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    Ok(service)
}

/// Installs the recorder and returns the page's task.
async fn metrics(
    asked: &str,
) -> anyhow::Result<impl Future<Output = anyhow::Result<()>> + Send + 'static> {
    let address = listen::resolve(asked).await?.swap_remove(0);
    // The exporter says in words only why it cannot listen.
    drop(TcpListener::bind(address).await.map_err(|why| listen::taken(asked, "--metrics", why))?);
    let (recorder, page) = metrics_exporter_prometheus::PrometheusBuilder::new()
        .with_http_listener(address)
        .build()
        .with_context(|| format!("metrics cannot be served at {address}"))?;
    metrics::set_global_recorder(recorder).context("metrics are served already")?;
    Ok(
        async move { page.await.map_err(|error| anyhow::anyhow!("the metrics page ended: {error:?}")) },
    )
}
