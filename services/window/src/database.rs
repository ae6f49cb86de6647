//! The database of a window: a private PostgreSQL or another one, and the connections of each service to
//! its own schema.

use std::time::Duration;

use anyhow::Context as _;
use cli::BilingualText;
use domain::limits;
use domain::refusal::Code;
use kit::service::{Connections, Manifest, Plans, Pools};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use store::cipher::Cipher;
use store::migration::{self, Extent, PendingMigration};
use store::private::PrivatePostgres;
use store::replica::{ListPools, ReadReplica};
use store::token::TokenKey;
use tokio_util::sync::CancellationToken;

use crate::data_keys::{self, Keys};
use crate::run::Settings;
use crate::services::manifests;
use crate::signals::Ending;
use crate::tasks::{Task, Tasks};

/// The database of a window. Every service has its schema, whether it runs here or not.
#[derive(Debug)]
pub(crate) struct Database {
    /// Of every service, in their order.
    pub(crate) pools: Vec<Pools>,
    /// The private PostgreSQL as a task, when there is one.
    pub(crate) tasks: Tasks,
    stop: CancellationToken,
}

impl Database {
    /// Finds or starts it and brings its tables up to date; `None` when it is told to end first.
    pub(crate) async fn open(settings: &Settings, ending: &Ending) -> anyhow::Result<Option<Self>> {
        Self::with(settings, ending, async |options| connect_all(options, settings).await).await
    }

    async fn with(
        settings: &Settings,
        ending: &Ending,
        connect: impl AsyncFnOnce(PgConnectOptions) -> anyhow::Result<Vec<Pools>>,
    ) -> anyhow::Result<Option<Self>> {
        let (tasks, stop) = (Tasks::default(), CancellationToken::new());
        let mut database = Self { pools: Vec::new(), tasks, stop };
        let options: PgConnectOptions = match &settings.database_url {
            Some(url) => address(url, "--database-url")?,
            None => {
                let programs = settings.postgres_programs.as_deref();
                let (path, stop) = (settings.path.as_deref(), ending.drain.cancelled());
                let started =
                    PrivatePostgres::start(&settings.data_dir, programs, path, stop).await;
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
            opened = connect(options) => opened.map(Some),
            () = ending.drain.cancelled() => Ok(None),
        };
        match opened {
            Ok(Some(pools)) => Ok(Some(Self { pools, ..database })),
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

    /// Ends all connections, and the private PostgreSQL.
    pub(crate) async fn close(mut self) {
        for pools in &self.pools {
            pools.close().await;
        }
        self.stop.cancel();
        // The server stops in milliseconds; a checkpoint of a full cache may take longer.
        self.tasks.finish(Duration::from_secs(60)).await;
    }
}

/// Where a database is that is not the window's own.
///
/// # Errors
///
/// When it is no address of PostgreSQL.
pub(crate) fn address(url: &str, flag: &str) -> anyhow::Result<PgConnectOptions> {
    let parsed = url.parse().context(BilingualText::new(
        format!("{flag} is not a PostgreSQL address"),
        format!("{flag}不是PostgreSQL地址"),
    ));
    parsed.context(Code::PostgresFailed)
}

/// Connects every service to its own schema.
async fn connect_all(options: PgConnectOptions, settings: &Settings) -> anyhow::Result<Vec<Pools>> {
    let usual = data_keys::usual(&settings.data_dir);
    let keys = Keys::read(settings.data_keys.clone().unwrap_or(usual))?; // the usual place
    let lanes = u32::try_from(settings.writers)
        .context(BilingualText::new("--writers is too large", "--writers过大"))?;
    let by_index = by_index(options.clone());
    let follower = settings.read_database_url.as_deref();
    let follower = follower.map(|url| address(url, "--read-database-url")).transpose()?;
    let follower = follower.map(self::by_index);
    let mut all = Vec::new();
    for manifest in manifests() {
        let work = match manifest.plans {
            Plans::Free => options.clone(),
            Plans::ByIndex => by_index.clone(),
        };
        let addresses = (work, by_index.clone(), follower.clone());
        all.push(pools(manifest, lanes, addresses, &keys).await?);
    }
    Ok(all)
}

/// What is looked up or listed is always found by index.
fn by_index(options: PgConnectOptions) -> PgConnectOptions {
    options.options([
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ])
}

/// Connections for work, and others for reading. None is made before it is needed.
async fn pools(
    manifest: &Manifest,
    lanes: u32,
    (work, reads, follower): (PgConnectOptions, PgConnectOptions, Option<PgConnectOptions>),
    keys: &Keys,
) -> anyhow::Result<Pools> {
    let schema = manifest.name;
    let connections = match manifest.connections {
        Connections::Fixed(connections) => connections,
        Connections::BesideLanes(more) => lanes.saturating_add(more),
    };
    migrate_schema(manifest, &work, Extent::Expanding).await?;
    let work = connect(work, schema, connections).await?;
    let tokens = TokenKey::load(&work).await.context(Code::PostgresFailed)?;
    let cipher = cipher(schema, &work, keys).await?;
    let reads = connect(reads, schema, READERS).await?;
    let follower = follower.map(|options| ReadReplica::new(options, schema, READERS));
    let lists = ListPools::new(reads.clone(), follower);
    Ok(Pools { work, reads, lists, tokens, cipher })
}

async fn migrate_schema(
    manifest: &Manifest,
    options: &PgConnectOptions,
    extent: Extent,
) -> anyhow::Result<()> {
    let migrated = migration::migrate(options, manifest.name, manifest.migrator, extent);
    migrated.await.map_err(refused)
}

/// What the contents of a schema are encrypted with, when every key is there that they were written with.
async fn cipher(schema: &'static str, work: &PgPool, keys: &Keys) -> anyhow::Result<Cipher> {
    let cipher = Cipher::new(schema, keys.keys.clone())?;
    // New keys are kept before the tables name them, and compared again after: of two processes that both
    // made some, neither goes on.
    keys.save(&cipher.missing(work).await.context(Code::PostgresFailed)?)?;
    cipher.register(work).await.context(Code::PostgresFailed)?;
    keys.compare(&cipher.missing(work).await.context(Code::PostgresFailed)?)?;
    Ok(cipher)
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
) -> anyhow::Result<PgPool> {
    store::connect(options, schema, connections).await.map_err(refused)
}

/// Our code in front of what a database refuses.
fn refused(error: store::Error) -> anyhow::Error {
    let code = match error {
        store::Error::Unsafe { .. } => Code::PostgresUnsafe,
        store::Error::Unreachable(_)
        | store::Error::Migration { .. }
        | store::Error::Contracted { .. } => Code::PostgresFailed,
    };
    anyhow::Error::new(error).context(code)
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
pub(crate) async fn migrate(
    settings: &Settings,
    extent: Extent,
    ending: &Ending,
) -> anyhow::Result<()> {
    let migrate = async |options: PgConnectOptions| {
        for manifest in manifests() {
            migrate_schema(manifest, &options, extent).await?;
        }
        Ok(Vec::new())
    };
    if let Some(database) = Database::with(settings, ending, migrate).await? {
        database.close().await;
    }
    Ok(())
}

/// What [`migrate`] would do, by schema; `None` when it is told to end first.
///
/// # Errors
///
/// When the database cannot be used.
pub(crate) async fn pending(
    settings: &Settings,
    ending: &Ending,
) -> anyhow::Result<Option<Vec<(&'static str, PendingMigration)>>> {
    let mut plan = Vec::new();
    let look = async |options: PgConnectOptions| {
        for manifest in manifests() {
            let schema = manifest.name;
            let found = migration::pending(&options, schema, manifest.migrator).await;
            let found = found.context(Code::PostgresFailed)?;
            plan.extend(found.into_iter().map(|it| (schema, it)));
        }
        Ok(Vec::new())
    };
    let Some(database) = Database::with(settings, ending, look).await? else { return Ok(None) };
    database.close().await;
    Ok(Some(plan))
}
