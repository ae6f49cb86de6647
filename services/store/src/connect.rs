//! Connecting to PostgreSQL, and refusing a server that would lose what was acknowledged.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, Row as _};

/// Why the window cannot start on this database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be reached.
    #[error("PostgreSQL cannot be reached; check the address and that the server runs")]
    Unreachable(#[source] sqlx::Error),
    /// It would lose acknowledged data.
    #[error(
        "{setting} is {value} on this server, so it may lose data that was acknowledged; \
         set {setting} = on and start again"
    )]
    Unsafe {
        /// Name of the setting.
        setting: &'static str,
        /// What it is.
        value: String,
    },
    /// The tables cannot be brought up to date.
    #[error("the tables of schema {schema} cannot be brought up to date")]
    Migration {
        /// Which schema.
        schema: &'static str,
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// A later version took away what this one needs.
    #[error(
        "the tables of schema {schema} were contracted by a later version (migration {version}, {name}); \
         start that version, or restore a backup of before"
    )]
    Contracted {
        /// Which schema.
        schema: &'static str,
        /// By which migration.
        version: i64,
        /// What it is called.
        name: String,
    },
}

impl Error {
    /// The same in Chinese.
    pub fn text_zh(&self) -> String {
        match self {
            Self::Unreachable(_) => "无法连接PostgreSQL，请检查地址及服务器是否运行".to_owned(),
            Self::Unsafe { setting, value } => format!(
                "该服务器的{setting}为{value}，可能丢失已确认的数据；请设置 {setting} = on 后重新启动"
            ),
            Self::Migration { schema, .. } => format!("模式{schema}的数据表无法升级"),
            Self::Contracted { schema, version, name } => format!(
                "模式{schema}的数据表已由更新的版本收缩（迁移{version}，{name}）；请启动该版本，或恢复此前的备份"
            ),
        }
    }
}

/// Connects a service to its own schema.
///
/// # Errors
///
/// When the server cannot be reached or its settings would lose acknowledged data.
pub async fn connect(
    options: PgConnectOptions,
    schema: &'static str,
    connections: u32,
) -> Result<PgPool, Error> {
    let options = of_service(options, schema);
    let mut first = PgConnection::connect_with(&options).await.map_err(Error::Unreachable)?;
    ensure_durable(&mut first).await?;
    ensure_leads(&mut first).await.map_err(Error::Unreachable)?;
    first.close().await.map_err(Error::Unreachable)?;
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(5))
        // A dead connection shows in the statement; asking first would cost a round trip each time.
        .test_before_acquire(false)
        // One that no longer leads takes nothing and knows less each moment: whoever replaces it is found by connecting
        // again.
        .after_connect(|connection, _| Box::pin(ensure_leads(connection)))
        .connect_with(options)
        .await
        .map_err(Error::Unreachable)
}

/// Refuses a server that follows another one.
async fn ensure_leads(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let follows = sqlx::query_scalar("select pg_is_in_recovery()").fetch_one(connection).await?;
    if follows {
        let what = "this PostgreSQL follows another one, and the window needs the one that leads";
        return Err(sqlx::Error::Io(std::io::Error::other(what)));
    }
    Ok(())
}

/// How a service's connections are set up.
pub(crate) fn of_service(options: PgConnectOptions, schema: &'static str) -> PgConnectOptions {
    options
        .application_name("single-window")
        .statement_cache_capacity(256)
        // A plan made for the empty table is never kept (measured: it fell from 14k/s to 3k/s).
        .options([
            ("search_path", schema),
            ("plan_cache_mode", "force_custom_plan"),
            // Compiling a plan takes longer than any of ours runs: while the planner has not seen the
            // tables yet it thinks otherwise (measured: a look-up took 27 ms instead of 5).
            ("jit", "off"),
            // No caller waits longer, so no statement need.
            ("statement_timeout", "30s"),
            // A stream that nobody reads is not run on, also amid a transaction: it must not keep its locks.
            ("idle_in_transaction_session_timeout", "15s"),
        ])
}

/// Refuses a database that may lose what it acknowledged.
pub(crate) async fn ensure_durable(database: &mut PgConnection) -> Result<(), Error> {
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        let row = sqlx::query(AssertSqlSafe(format!("show {setting}")))
            .fetch_one(&mut *database)
            .await
            .map_err(Error::Unreachable)?;
        let value: String = row.get(0);
        // `local`, `remote_write` and `remote_apply` are durable on this server too.
        if value == "off" {
            return Err(Error::Unsafe { setting, value });
        }
    }
    Ok(())
}
