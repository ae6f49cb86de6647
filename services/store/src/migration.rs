//! Migrations of a service's schema: which are pending, and which of them a window of the version before may meet.
//!
//! A migration *expands* the tables, so that both versions work on them, or *contracts* them: takes away what only
//! the version before needs. One of the second kind says so in its name, `0003_contract_….sql`. A window that starts
//! expands and never contracts; a window of the version before starts on tables that were expanded.
//! docs/upgrading.md is the policy.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::migrate::{Migration, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};

use crate::connect::{Error, ensure_durable};

/// Tables that every service has, see `migrations/kit`.
static KIT: Migrator = sqlx::migrate!("../../migrations/kit");

/// What a migration does to tables that a window of the version before works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationKind {
    /// It goes on working.
    Expand,
    /// It needs what is taken away.
    Contract,
}

impl MigrationKind {
    fn of(description: &str) -> Self {
        if description.starts_with("contract") { Self::Contract } else { Self::Expand }
    }
}

/// A migration that did not run yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingMigration {
    /// Its number within the schema.
    pub version: i64,
    /// Its name, as its file says it.
    pub name: String,
    /// What it does to a window of the version before.
    pub kind: MigrationKind,
}

/// Which migrations are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Those that a window of the version before may meet. A schema that is new gets all of them.
    Expanding,
    /// All: no window of the version before is left.
    Contracting,
}

/// What is pending in a schema, in the order in which it would run; nothing is changed.
///
/// # Errors
///
/// When the database does not answer, or the tables are of a version that this one cannot work on.
pub async fn pending(
    options: &PgConnectOptions,
    schema: &'static str,
    migrator: &Migrator,
) -> Result<Vec<PendingMigration>, Error> {
    let pool = open(options, schema).await?;
    let applied = applied(&pool).await.map_err(Error::Unreachable);
    pool.close().await;
    let applied = applied?;
    let known = all(migrator);
    meets(schema, &applied, &known)?;
    let ran: BTreeSet<i64> = applied.iter().map(|(version, _)| *version).collect();
    let missing = known.iter().filter(|it| !ran.contains(&it.version));
    Ok(missing.map(pending_of).collect())
}

/// Brings the tables of a service's schema up to date, with those that every service has, while windows work on
/// them: whoever waits for a table gives up after a moment and tries again, so that nobody waits behind it.
///
/// # Errors
///
/// When a migration fails or one that ran before was changed since, or the tables are of a version that this one
/// cannot work on.
pub async fn migrate(
    options: &PgConnectOptions,
    schema: &'static str,
    migrator: &Migrator,
    extent: Extent,
) -> Result<(), Error> {
    let mut tries = 1;
    loop {
        match run(options, schema, migrator, extent).await {
            Err(Error::Migration { source, .. }) if is_locked_out(&source) && tries < TRIES => {
                tracing::info!(schema, tries, "somebody works on a table that changes; again");
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

/// How long a statement waits for a table: as long, others may wait behind it.
const LOCK_TIMEOUT: &str = "2s";
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);
/// Together some minutes.
const TRIES: u32 = 60;

async fn run(
    options: &PgConnectOptions,
    schema: &'static str,
    migrator: &Migrator,
    extent: Extent,
) -> Result<(), Error> {
    let pool = open(options, schema).await?;
    let done = run_on(&pool, schema, migrator, extent).await;
    // With the connection: what failed leaves no lock behind.
    pool.close().await;
    done
}

async fn run_on(
    pool: &PgPool,
    schema: &'static str,
    migrator: &Migrator,
    extent: Extent,
) -> Result<(), Error> {
    ensure_durable(&mut *pool.acquire().await.map_err(Error::Unreachable)?).await?;
    let applied = applied(pool).await.map_err(Error::Unreachable)?;
    let mut known = all(migrator);
    meets(schema, &applied, &known)?;
    let ran: BTreeSet<i64> = applied.iter().map(|(version, _)| *version).collect();
    if extent == Extent::Expanding && !applied.is_empty() {
        let expands = |it: &Migration| MigrationKind::of(&it.description) == MigrationKind::Expand;
        known.retain(|it| ran.contains(&it.version) || expands(it));
    }
    execute(pool, format!("create schema if not exists {schema}")).await?;
    // One that runs without a transaction builds an index beside those who write, and waits for nobody's table.
    let waits: Vec<(i64, &str)> = known
        .iter()
        .filter(|it| !ran.contains(&it.version))
        .map(|it| (it.version, if it.no_tx { "0" } else { LOCK_TIMEOUT }))
        .collect();
    let mut migrator = Migrator::with_migrations(known);
    migrator.set_ignore_missing(true);
    let failed = |source| Error::Migration { schema, source };
    for (version, wait) in waits {
        execute(pool, format!("set lock_timeout = '{wait}'")).await?;
        migrator.run_to(version, pool).await.map_err(failed)?;
    }
    // Compares what ran before with what it was.
    migrator.run(pool).await.map_err(failed)
}

async fn execute(pool: &PgPool, statement: String) -> Result<(), Error> {
    let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await;
    done.map(drop).map_err(Error::Unreachable)
}

/// One connection, which stays the same: its settings are those of the next step.
async fn open(options: &PgConnectOptions, schema: &str) -> Result<PgPool, Error> {
    let options = options
        .clone()
        .application_name("single-window migrate")
        .options([("search_path", schema), ("lock_timeout", LOCK_TIMEOUT)]);
    PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_with(options)
        .await
        .map_err(Error::Unreachable)
}

/// Those of the kit, which every schema has, and the schema's own.
fn all(migrator: &Migrator) -> Vec<Migration> {
    KIT.iter().chain(migrator.iter()).cloned().collect()
}

/// What ran on this schema, by number and description.
async fn applied(pool: &PgPool) -> Result<Vec<(i64, String)>, sqlx::Error> {
    let there = "select to_regclass('_sqlx_migrations') is not null";
    if !sqlx::query_scalar::<_, bool>(there).fetch_one(pool).await? {
        return Ok(Vec::new());
    }
    let rows = "select version, description from _sqlx_migrations order by version";
    sqlx::query_as(rows).fetch_all(pool).await
}

/// Refuses tables that a later version contracted.
fn meets(
    schema: &'static str,
    applied: &[(i64, String)],
    known: &[Migration],
) -> Result<(), Error> {
    let is_known = |version: i64| known.iter().any(|it| it.version == version);
    let newer = applied.iter().find(|(version, description)| {
        !is_known(*version) && MigrationKind::of(description) == MigrationKind::Contract
    });
    match newer {
        Some((version, name)) => {
            Err(Error::Contracted { schema, version: *version, name: name.clone() })
        }
        None => Ok(()),
    }
}

fn pending_of(migration: &Migration) -> PendingMigration {
    PendingMigration {
        version: migration.version,
        name: migration.description.to_string(),
        kind: MigrationKind::of(&migration.description),
    }
}

/// Whether it waited in vain for a table or for another process that migrates.
fn is_locked_out(error: &sqlx::migrate::MigrateError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(sqlx::Error::Database(database)) = error.downcast_ref::<sqlx::Error>() {
            return matches!(database.code().as_deref(), Some("55P03" | "40P01"));
        }
        cause = error.source();
    }
    false
}
