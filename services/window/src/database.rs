//! The database of a window: a private PostgreSQL or another one, and the connections of each service to
//! its own schema.

use std::time::Duration;

use anyhow::Context as _;
use cli::Said;
use domain::limits;
use domain::refusal::Code;
use kit::service::{Connections, Manifest, Plans, Pools};
use sqlx::postgres::PgConnectOptions;
use store::private::PrivatePostgres;
use store::token::TokenKey;
use tokio_util::sync::CancellationToken;

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
        let (tasks, stop) = (Tasks::default(), CancellationToken::new());
        let mut database = Self { pools: Vec::new(), tasks, stop };
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
            opened = connect_all(options, settings) => opened.map(Some),
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

/// Connects every service to its own schema.
async fn connect_all(options: PgConnectOptions, settings: &Settings) -> anyhow::Result<Vec<Pools>> {
    let lanes = u32::try_from(settings.writers)
        .context(Said::new("--writers is too large", "--writers过大"))?;
    // What is looked up or listed is always found by index.
    let by_index = options.clone().options([
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ]);
    let mut all = Vec::new();
    for manifest in manifests() {
        let work = match manifest.plans {
            Plans::Free => options.clone(),
            Plans::ByIndex => by_index.clone(),
        };
        all.push(pools(manifest, lanes, work, by_index.clone()).await?);
    }
    Ok(all)
}

/// Connections for work, and others for reading. None is made before it is needed.
async fn pools(
    manifest: &Manifest,
    lanes: u32,
    work: PgConnectOptions,
    reads: PgConnectOptions,
) -> anyhow::Result<Pools> {
    let (schema, migrator) = (manifest.name, manifest.migrator);
    let connections = match manifest.connections {
        Connections::Fixed(connections) => connections,
        Connections::BesideLanes(more) => lanes.saturating_add(more),
    };
    let work = connect(work, schema, connections).await?;
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
pub(crate) async fn migrate(settings: &Settings, ending: &Ending) -> anyhow::Result<()> {
    if let Some(database) = Database::open(settings, ending).await? {
        database.close().await;
    }
    Ok(())
}
