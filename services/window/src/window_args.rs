//! What every role of the program says of the window that it runs or looks after: its configuration file, its database,
//! where it listens.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use cli::options::Options;

use crate::listen;
use crate::run::Settings;

#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigFileArgs {
    /// The configuration file; its keys are the flags of `serve`. Flags and the environment weigh more
    /// [default: /etc/single-window/config.toml, where there is one].
    #[arg(long, env = "SW_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DatabaseArgs {
    /// Another PostgreSQL than the private one, for example postgres://user@host/database.
    #[arg(long, env = "SW_DATABASE_URL", value_name = "URL")]
    database_url: Option<String>,
    /// Where PostgreSQL's programs are, when not in the usual places.
    #[arg(long, env = "SW_PG_BIN", value_name = "DIR")]
    pg_bin: Option<PathBuf>,
    /// The file of keys that contents are encrypted with in the database; made in the data directory when
    /// there is none. Every process of a window needs the same.
    #[arg(long, env = "SW_DATA_KEYS", value_name = "FILE")]
    data_keys: Option<PathBuf>,
}

/// Bytes.
const MEGABYTE: u64 = 1024 * 1024;
/// Of attachments, unless something else is said.
const ATTACHMENTS_PER_DAY: u64 = domain::limits::ATTACHMENT_BYTES_PER_DAY / MEGABYTE;

#[derive(Debug, Clone, Args)]
pub(crate) struct ListenArgs {
    /// Where to serve gRPC, and national messages over HTTP.
    #[arg(
        long,
        default_value = "127.0.0.1:7443",
        env = "SW_LISTEN",
        value_name = "HOST:PORT",
        value_parser = listen::parse
    )]
    listen: String,
    /// A PostgreSQL that follows the window's, for lists and statistics. They are read there when it has everything
    /// that was acknowledged before, and from the window's own otherwise.
    #[arg(long, env = "SW_READ_DATABASE_URL", value_name = "URL")]
    read_database_url: Option<String>,
    /// Where to serve metrics for Prometheus.
    #[arg(long, env = "SW_METRICS", value_name = "HOST:PORT", value_parser = listen::parse)]
    metrics: Option<String>,
    /// Where to send traces: an OpenTelemetry collector (OTLP over gRPC), best on this machine, for example
    /// http://127.0.0.1:4317.
    #[arg(long, env = "SW_TRACES", value_name = "URL")]
    traces: Option<String>,
    /// The program that scans attachments for viruses, with its arguments: it gets the bytes on its standard input, and
    /// ends with 0 when they are clean and 1 when they are infected. For example `clamdscan --no-summary -`.
    #[arg(
        long,
        env = "SW_VIRUS_SCANNER",
        value_name = "COMMAND",
        default_value = "",
        hide_default_value = true
    )]
    virus_scanner: String,
    /// Megabytes of attachments that are kept for a declarant in a day.
    #[arg(long, default_value_t = ATTACHMENTS_PER_DAY, env = "SW_ATTACHMENTS_PER_DAY", value_name = "MB")]
    attachments_per_day: u64,
    /// A file that taxes of imports are computed by: numbers of the law, a tariff, or the list of retail imports, in the
    /// place of the one of the program with the same tables; docs/tax.md describes it. May be given several times.
    /// Without it, the tariff and the list are samples.
    #[arg(long, env = "SW_IMPORT_TAX", value_name = "FILE")]
    import_tax: Vec<PathBuf>,
    /// Lanes of the group commit.
    #[arg(long, default_value_t = 2, env = "SW_WRITERS")]
    writers: usize,
    /// Seconds that calls may take to finish when the window drains.
    #[arg(long, default_value_t = 10, env = "SW_DRAIN_SECONDS")]
    drain_seconds: u64,
    /// Megabytes that must be free beside the private PostgreSQL. Below, firms do not file (SW-1503);
    /// reading and verdicts go on.
    #[arg(long, default_value_t = 512, env = "SW_FREE_SPACE_LEAST", value_name = "MB")]
    free_space_least: u64,
}

/// Settings of what uses the database and serves nobody.
pub(crate) fn without_service(
    options: &Options,
    database: &DatabaseArgs,
) -> anyhow::Result<Settings> {
    let listen = ListenArgs {
        listen: "127.0.0.1:0".to_owned(),
        read_database_url: None,
        metrics: None,
        traces: None,
        import_tax: Vec::new(),
        writers: 2,
        drain_seconds: 1,
        free_space_least: 0,
        virus_scanner: String::new(),
        attachments_per_day: ATTACHMENTS_PER_DAY,
    };
    settings(options, &listen, database)
}

/// Settings of what runs so, without what only one that serves has.
pub(crate) fn settings(
    options: &Options,
    listen: &ListenArgs,
    database: &DatabaseArgs,
) -> anyhow::Result<Settings> {
    Ok(Settings {
        listen: listen.listen.clone(),
        metrics: listen.metrics.clone(),
        traces: listen.traces.clone(),
        data_dir: options.data_dir()?,
        database_url: database.database_url.clone(),
        read_database_url: listen.read_database_url.clone(),
        data_keys: database.data_keys.clone(),
        postgres_programs: database.pg_bin.clone(),
        path: std::env::var_os("PATH"),
        attachments: declaration::AttachmentSettings {
            virus_scanner: listen.virus_scanner.split_whitespace().map(str::to_owned).collect(),
            bytes_per_day: listen.attachments_per_day.saturating_mul(MEGABYTE),
        },
        import_tax: listen.import_tax.clone(),
        writers: listen.writers,
        drain: Duration::from_secs(listen.drain_seconds),
        free_space_least: listen.free_space_least.saturating_mul(MEGABYTE),
        ..Settings::default()
    })
}
