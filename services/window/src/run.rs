//! Starts a window and lets it end in order: stop taking, finish what was taken, then close the
//! database. Tests, the sandbox and production start the same thing.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use cli::Said;
use declaration::Service;
use domain::declaration::{Profile, SAMPLE_DECLARANT};
use domain::limits;
use domain::refusal::Code;
use kit::progress::Progress;
use kit::stuck::{Operation, Source};
use sqlx::postgres::PgConnectOptions;
use store::private::PrivatePostgres;
use store::token::TokenKey;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::clock::{self, SandboxClock};
use crate::identity::{Backlog, GateLayer, Registry};
use crate::quotas::Sockets;
use crate::signals::Ending;
use crate::space::Space;
use crate::standing::Standing;
use crate::tasks::{Task, Tasks};
use crate::{listen, tls};

/// Everything that a window needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to serve gRPC, and the national door over HTTP: HOST:PORT.
    pub listen: String,
    /// Where to serve metrics, when at all: HOST:PORT.
    pub metrics: Option<String>,
    /// Where the private PostgreSQL and the sandbox's certificates are.
    pub data_dir: PathBuf,
    /// Another PostgreSQL than the private one.
    pub database_url: Option<String>,
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
    /// As whom the national door declares and follows, when there is one. Without an address it
    /// calls this window itself.
    pub gateway: Option<client::Config>,
    /// As whom the inspection service listens and answers, when there is one. Without an address it
    /// calls this window itself.
    pub examiner: Option<client::Config>,
    /// Its name on the exchange: one that starts again under the name of one that died takes its place
    /// at once.
    pub examiner_name: String,
    /// Authorities whose certificates sign national messages, besides those in the registry.
    pub signing_authorities: Vec<PathBuf>,
    /// Only one service in this process.
    pub only: Option<Only>,
    /// Rules of the sandbox.
    pub sandbox: bool,
    /// Declarations wait until an inspection service in another process has asked the risk rules.
    pub targeting: bool,
    /// Lanes of the group commit.
    pub writers: usize,
    /// How long requests may take to finish when the window drains.
    pub drain: Duration,
    /// Bytes that must be free beside the private PostgreSQL; below, firms do not file.
    pub free_space_least: u64,
}

/// A service that has a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// Declarations, and the exchange with agencies.
    Declaration,
    /// The national door.
    Ceb,
    /// Risk rules and joint inspection orders.
    Inspection,
}

/// A window that serves.
#[derive(Debug)]
pub struct Window {
    /// Where it serves.
    pub address: SocketAddr,
    draining: CancellationToken,
    closing: CancellationToken,
    server: Tasks,
    pages: Tasks,
    lanes: Tasks,
    pools: Vec<Pools>,
    database: Database,
    drain: Duration,
}

/// The private PostgreSQL as a task, when there is one.
#[derive(Debug, Default)]
struct Database {
    tasks: Tasks,
    stop: CancellationToken,
}

/// The connections of a service to its own schema.
#[derive(Debug, Clone)]
struct Pools {
    /// For transactions.
    work: sqlx::PgPool,
    /// For reading.
    reads: sqlx::PgPool,
    /// Of the tokens that its callers keep.
    tokens: TokenKey,
}

impl Pools {
    async fn close(&self) {
        self.work.close().await;
        self.reads.close().await;
    }
}

/// The connections of all services.
struct Schemas {
    declaration: Pools,
    ceb: Pools,
    inspection: Pools,
}

impl Schemas {
    async fn close(&self) {
        for pools in [&self.declaration, &self.ceb, &self.inspection] {
            pools.close().await;
        }
    }
}

/// Finds or starts the database and brings its tables up to date; `None` when it is told to end first.
async fn database(
    settings: &Settings,
    ending: &Ending,
) -> anyhow::Result<Option<(Database, Schemas)>> {
    let mut database = Database::default();
    let options: PgConnectOptions = match &settings.database_url {
        Some(url) => url
            .parse()
            .context(Said::new(
                "--database-url is not a PostgreSQL address",
                "--database-url不是PostgreSQL地址",
            ))
            .context(Code::PostgresFailed)?,
        None => {
            let programs = settings.postgres_programs.as_deref();
            let (path, stop) = (settings.path.as_deref(), ending.drain.cancelled());
            let started = PrivatePostgres::start(&settings.data_dir, programs, path, stop).await;
            let Some(postgres) = started.map_err(coded)? else { return Ok(None) };
            let options = postgres.connect_options();
            let stop = database.stop.clone();
            database.tasks.spawn(Task::Postgres, async move {
                postgres.run(stop.cancelled_owned()).await.map_err(coded)
            });
            options
        }
    };
    let opened = tokio::select! {
        opened = open(options, settings) => opened.map(Some),
        () = ending.drain.cancelled() => Ok(None),
    };
    match opened {
        Ok(Some(schemas)) => Ok(Some((database, schemas))),
        Ok(None) => {
            database.close().await;
            Ok(None)
        }
        Err(error) => {
            database.close().await;
            Err(error)
        }
    }
}

/// Connects every service to its own schema.
async fn open(options: PgConnectOptions, settings: &Settings) -> anyhow::Result<Schemas> {
    let writers = u32::try_from(settings.writers)
        .context(Said::new("--writers is too large", "--writers过大"))?;
    // Tables fill within seconds from nothing, and documents and orders are always found by index, and so
    // is what is looked up or listed: a planner that has not seen the tables yet would read them whole.
    let indexed = options.clone().options([
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ]);
    let migrator = (declaration::SCHEMA, &declaration::MIGRATOR);
    let declaration = service(options, indexed.clone(), migrator, writers + 8).await?;
    let migrator = (ceb::SCHEMA, &ceb::MIGRATOR);
    let ceb = service(indexed.clone(), indexed.clone(), migrator, 2).await?;
    let migrator = (inspection::SCHEMA, &inspection::MIGRATOR);
    let inspection = service(indexed.clone(), indexed, migrator, 4).await?;
    Ok(Schemas { declaration, ceb, inspection })
}

/// Connections for work, and others for reading. None is made before it is needed.
async fn service(
    work: PgConnectOptions,
    reads: PgConnectOptions,
    (schema, migrator): (&'static str, &'static sqlx::migrate::Migrator),
    writers: u32,
) -> anyhow::Result<Pools> {
    let work = connect(work, schema, writers).await?;
    store::connect::migrate(&work, schema, migrator).await.context(Code::PostgresFailed)?;
    let tokens = TokenKey::load(&work).await.context(Code::PostgresFailed)?;
    Ok(Pools { work, reads: connect(reads, schema, READERS).await?, tokens })
}

/// Connections for reading: one for each turn.
const READERS: u32 = 12;
const _: () = assert!(
    READERS as usize == limits::READS_LONG_MAX + limits::READS_SHORT_MAX + limits::REPLAYS_MAX
);

async fn connect(
    options: PgConnectOptions,
    schema: &'static str,
    connections: u32,
) -> anyhow::Result<sqlx::PgPool> {
    store::connect(options, schema, connections).await.map_err(|error| {
        let code = match error {
            store::Error::Unsafe { .. } => Code::PostgresUnsafe,
            store::Error::Unreachable(_) | store::Error::Migration { .. } => Code::PostgresFailed,
        };
        anyhow::Error::new(error).context(code)
    })
}

impl Database {
    async fn close(&mut self) {
        self.stop.cancel();
        // The server stops in milliseconds; a checkpoint of a full cache may take longer.
        self.tasks.finish(Duration::from_secs(60)).await;
    }
}

/// Our code in front of what the private PostgreSQL says.
fn coded(error: store::private::Error) -> anyhow::Error {
    let code = match &error {
        store::private::Error::ProgramsMissing { .. } => Code::PostgresMissing,
        store::private::Error::InUse { .. } => Code::DataDirectoryInUse,
        _ => Code::PostgresFailed,
    };
    anyhow::Error::new(error).context(code)
}

/// Brings the tables up to date and ends.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn migrate(settings: &Settings, ending: &Ending) -> anyhow::Result<()> {
    let Some((mut database, schemas)) = database(settings, ending).await? else { return Ok(()) };
    schemas.close().await;
    database.close().await;
    Ok(())
}

impl Window {
    /// Starts a window. When it returns, the window serves; `None` when it was told to end before.
    ///
    /// # Errors
    ///
    /// Says what is wrong and what to do about it; nothing is left running.
    pub async fn start(settings: &Settings, ending: &Ending) -> anyhow::Result<Option<Self>> {
        let shapes = crate::identity::check_policy()?;
        let sockets = sockets();
        let registry = Registry::load(&settings.registry, settings.sandbox)?;
        let acceptor = tls::acceptor(&settings.authority, &settings.certificate, &settings.key)?;
        // What can fail is done before the database, so that a failed start leaves nothing running.
        let door = Door::of(settings, &registry)?;
        let examiner = examiner(settings)?;
        let reflection = settings.sandbox.then(reflection).transpose()?;
        let movable =
            settings.sandbox.then(|| SandboxClock::open(&settings.data_dir)).transpose()?;
        let held = listen::hold(&settings.listen).await?;
        let address = held.address;
        let page = match &settings.metrics {
            Some(asked) => Some(metrics(asked).await?),
            None => None,
        };
        let Some((mut database, schemas)) = database(settings, ending).await? else {
            return Ok(None);
        };
        let listener = match held.listen() {
            Ok(listener) => listener,
            Err(error) => {
                schemas.close().await;
                database.close().await;
                return Err(error);
            }
        };

        let own = settings.database_url.is_none().then_some(settings.data_dir.as_path());
        let space = Space::of(own, settings.free_space_least);
        let (draining, closing) = (CancellationToken::new(), CancellationToken::new());
        let profile = profile(settings, examiner.is_some());
        let clock = movable.as_ref().map_or_else(clock::real, SandboxClock::clock);
        let mut lanes = Tasks::default();
        let mut lane = |lane: kit::Loop| {
            lanes.spawn(Task::Lane, async move {
                lane.await;
                Ok(())
            });
        };
        lane(Box::pin(crate::logs::say_what_is_left_out(closing.clone())));
        let mut server = Tasks::default();
        let (health, health_service) = tonic_health::server::health_reporter();
        let mut routes = Routes::new(health_service);
        let (mut loops, mut sources, mut backlogs) = (Vec::new(), Vec::new(), Vec::new());
        if matches!(settings.only, None | Some(Only::Declaration)) {
            let pools = &schemas.declaration;
            let (service, commit_lanes) = Service::new(
                (pools.work.clone(), pools.reads.clone()),
                (clock.clone(), pools.tokens.clone()),
                profile.clone(),
                settings.writers.max(1),
                draining.clone(),
                closing.clone(),
            );
            commit_lanes.into_iter().for_each(&mut lane);
            health.set_serving::<DeclarationServer>().await;
            health.set_serving::<ExchangeServer>().await;
            let exchange = service.exchange();
            backlogs.push(Backlog::new(DeclarationServer::NAME, {
                let service = service.clone();
                move || service.most_of_each()
            }));
            routes = routes.add_service(service.into_server()).add_service(exchange.into_server());
        }
        let status =
            StatusServer::new(Standing { sandbox: settings.sandbox, space: Arc::clone(&space) });
        routes = routes.add_service(status);
        if let Some(movable) = movable {
            routes = routes.add_service(SandboxServer::new(movable));
        }
        if let Some(reflection) = reflection {
            routes = routes.add_service(reflection);
        }
        if let Some(Door { gateway, trust }) = door {
            let policy = ceb::Policy::new(profile, trust);
            let there = client::Window::connect_lazy(&reached(gateway, address))?;
            let pools = (schemas.ceb.work.clone(), schemas.ceb.reads.clone());
            let stop = (draining.clone(), closing.clone());
            let kept = (clock.clone(), schemas.ceb.tokens.clone());
            let mounted = ceb::Service::new(pools, kept, policy, there, stop);
            mounted.loops.into_iter().for_each(&mut lane);
            health.set_serving::<CebServer>().await;
            loops.push((CebServer::NAME, mounted.progress));
            sources.push(Source { service: ceb::SCHEMA, pool: schemas.ceb.reads.clone() });
            backlogs.push(Backlog::new(CebServer::NAME, {
                let service = mounted.service.clone();
                move || service.most_of_each()
            }));
            routes = crate::http::national_door(routes, mounted.service);
        }
        if let Some(examiner) = examiner {
            let there = client::Window::connect_lazy(&reached(examiner, address))?;
            let pools = (schemas.inspection.work.clone(), schemas.inspection.reads.clone());
            let stop = (draining.clone(), closing.clone());
            let there = (there, settings.examiner_name.clone());
            let kept = (clock.clone(), schemas.inspection.tokens.clone());
            let mounted = inspection::Service::new(pools, kept, there, stop);
            mounted.loops.into_iter().for_each(&mut lane);
            health.set_serving::<InspectionServer>().await;
            loops.push((InspectionServer::NAME, mounted.progress));
            let pool = schemas.inspection.reads.clone();
            sources.push(Source { service: inspection::SCHEMA, pool });
            routes = routes.add_service(mounted.service.into_server());
        }
        routes = routes.add_service(Operation::new(sources, clock).into_server());
        health.set_serving::<OperationServer>().await;
        let mut pages = Tasks::default();
        // Whoever asks first finds every line.
        for progress in loops.iter().flat_map(|(_, loops)| loops) {
            health.set_service_status(progress.name, ServingStatus::Serving).await;
        }
        pages.spawn(Task::Health, tell_health(health.clone(), loops, draining.clone()));
        let router = Server::builder()
            .accept_http1(true)
            .initial_stream_window_size(limits::RECEIVE_STREAM_BYTES)
            .initial_connection_window_size(limits::RECEIVE_CONNECTION_BYTES)
            .max_concurrent_streams(limits::STREAMS_PER_CONNECTION_MAX.max(1))
            .http2_keepalive_interval(Some(Duration::from_secs(20)))
            .http2_keepalive_timeout(Some(Duration::from_secs(20)))
            .http2_max_header_list_size(Some(64 * 1024))
            .timeout(Duration::from_secs(limits::UNARY_SECONDS_MAX))
            .layer(GateLayer { shapes, space: Arc::clone(&space), backlogs })
            .add_routes(routes);
        let reporter = health.clone();
        pages.spawn(Task::Space, async move {
            space.watch(reporter).await;
            Ok(())
        });
        let incoming = tls::incoming(listener, acceptor, registry, sockets);
        let stop = draining.clone();
        server.spawn(Task::Server, async move {
            let goodbye = async move {
                stop.cancelled().await;
                health.set_not_serving::<DeclarationServer>().await;
                health.set_not_serving::<ExchangeServer>().await;
                health.set_not_serving::<CebServer>().await;
                health.set_not_serving::<InspectionServer>().await;
                health.set_not_serving::<OperationServer>().await;
            };
            router.serve_with_incoming_shutdown(incoming, goodbye).await?;
            Ok(())
        });
        if let Some(page) = page {
            pages.spawn(Task::Metrics, page);
        }
        tracing::info!(%address, sandbox = settings.sandbox, "the window serves");
        let drain = settings.drain;
        let Schemas { declaration, ceb, inspection } = schemas;
        let pools = vec![declaration, ceb, inspection];
        Ok(Some(Self { address, draining, closing, server, pages, lanes, pools, database, drain }))
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
        for pool in &self.pools {
            pool.close().await;
        }
        self.database.close().await;
        tracing::info!("the window is closed");
        failed.map_or(Ok(()), Err)
    }
}

/// Rules that the sandbox has and others have not, and whether risk rules are asked.
fn profile(settings: &Settings, examined: bool) -> Profile {
    let sample_declarants =
        if settings.sandbox { vec![SAMPLE_DECLARANT.to_owned()] } else { Vec::new() };
    let targeting = settings.targeting || examined;
    Profile { sandbox: settings.sandbox, sample_declarants, targeting }
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

/// As whom the inspection service of this process calls; `None` when it has none.
fn examiner(settings: &Settings) -> anyhow::Result<Option<client::Config>> {
    let alone = settings.only == Some(Only::Inspection);
    let Some(examiner) = settings.examiner.clone() else {
        anyhow::ensure!(!alone, "the inspection service needs a certificate: --examiner-cert");
        return Ok(None);
    };
    match settings.only {
        Some(Only::Declaration | Only::Ceb) => return Ok(None),
        Some(Only::Inspection) | None => {}
    }
    anyhow::ensure!(
        !alone || !examiner.address.is_empty(),
        "the inspection service by itself needs --examiner-endpoint: the window that it listens to"
    );
    is_usable(&examiner)?;
    Ok(Some(examiner))
}

/// A certificate that cannot be used shows now, not after the database has started.
fn is_usable(identity: &client::Config) -> anyhow::Result<()> {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    client::Window::connect_lazy(&reached(identity.clone(), nowhere))?;
    Ok(())
}

/// What the national door needs.
struct Door {
    gateway: client::Config,
    trust: ceb::Trust,
}

impl Door {
    /// `None` when this process has no national door.
    fn of(settings: &Settings, registry: &Registry) -> anyhow::Result<Option<Self>> {
        let Some(gateway) = settings.gateway.clone() else {
            anyhow::ensure!(
                settings.only != Some(Only::Ceb),
                "the national door needs a certificate of its own: --gateway-cert"
            );
            return Ok(None);
        };
        match settings.only {
            Some(Only::Declaration | Only::Inspection) => return Ok(None),
            Some(Only::Ceb) | None => {}
        }
        anyhow::ensure!(
            settings.only != Some(Only::Ceb) || !gateway.address.is_empty(),
            Said::new(
                "the national door by itself needs --gateway-endpoint: the window that it files with",
                "单独运行CEB服务时须给出--gateway-endpoint，即其申报所用的单一窗口",
            )
        );
        let mut trust = if settings.sandbox { ceb::Trust::anyone() } else { registry.signers()? };
        for file in &settings.signing_authorities {
            for authority in tls::certificates(file)? {
                trust.add_authority(&authority).with_context(|| Said::no_authority(file))?;
            }
        }
        is_usable(&gateway)?;
        Ok(Some(Self { gateway, trust }))
    }
}

/// Tells health how the loops of services get on, each under its own name, until `draining`. A service whose
/// loop stands still does not serve what it is for, although its calls are answered.
async fn tell_health(
    health: HealthReporter,
    services: Vec<(&'static str, Vec<Progress>)>,
    draining: CancellationToken,
) -> anyhow::Result<()> {
    let serves = |it: bool| if it { ServingStatus::Serving } else { ServingStatus::NotServing };
    let mut still: BTreeSet<&str> = BTreeSet::new();
    loop {
        for (service, loops) in &services {
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
            health.set_service_status(*service, serves(all_go_on)).await;
        }
        tokio::select! {
            () = tokio::time::sleep(HEALTH_LOOK) => {}
            () = draining.cancelled() => return Ok(()),
        }
    }
}

/// How often health looks at the loops.
const HEALTH_LOOK: Duration = Duration::from_secs(1);

/// The declaration service as other services reach it: like every client, also within one process.
fn reached(identity: client::Config, own: SocketAddr) -> client::Config {
    if identity.address.is_empty() {
        return client::Config { address: format!("localhost:{}", own.port()), ..identity };
    }
    identity
}

type DeclarationServer = proto::v1::declaration_service_server::DeclarationServiceServer<Service>;
type SandboxServer = proto::v1::sandbox_service_server::SandboxServiceServer<SandboxClock>;
type StatusServer = proto::v1::status_service_server::StatusServiceServer<Standing>;
type CebServer = proto::v1::ceb_service_server::CebServiceServer<ceb::Service>;
type InspectionServer =
    proto::v1::inspection_service_server::InspectionServiceServer<inspection::Service>;
type OperationServer =
    proto::v1::operation_service_server::OperationServiceServer<kit::stuck::Operation>;
type ExchangeServer =
    proto::raw::exchange_service_server::ExchangeServiceServer<exchange::Exchange<Service>>;

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
