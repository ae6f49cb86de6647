//! The command line: every role of `single-window`, and the commands of its clients (`cli`), with help
//! that teaches.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use agencies::Simulator;
use clap::{Args, Parser, Subcommand, ValueEnum};
use cli::options::Options;
use cli::{BilingualText, Language, help};
use domain::Code;
use tokio_util::sync::CancellationToken;

use crate::backup::{BackupArgs, RestoreArgs};
use crate::books::BooksArgs;
use crate::config_file::{self, ConfigFaults, ConfigFile};
use crate::migrate_command::MigrateExtentArgs;
use crate::run::{self, Settings};
use crate::service_args::{NameArgs, ServiceArgs, service_name};
use crate::signals::{self, Ending, Hangup};
use crate::{data_keys, listen, sandbox};

/// One declaration, one inspection, one release: a single window for cross-border e-commerce
/// (跨境电商单一窗口).
///
/// Start with `single-window sandbox`, then, in another terminal, `single-window submit --wait
/// docs/examples/import-9610.json`.
#[derive(Debug, Parser)]
#[command(name = "single-window", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything on this machine, with simulated agencies, and show what happens.
    Sandbox(SandboxArgs),
    /// Serve a window with your own certificates and registry.
    Serve(Box<ServeArgs>),
    /// Run a simulated agency against a sandbox.
    Agency(AgencyArgs),
    /// Bring the database's tables up to date and end, also while windows of the version before serve.
    Migrate(MigrateArgs),
    /// Add a data key that encrypts from the next start on. What older keys encrypted they still decrypt.
    AddDataKey(DataKeysArgs),
    Caller(crate::caller_command::CallerArgs),
    Backup(BackUpArgs),
    Restore(PutBackArgs),
    Verify(VerifyArgs),
    Config(ConfigArgs),
    Completions(crate::shell::CompletionsArgs),
    Man(crate::shell::ManArgs),
    #[command(flatten)]
    Client(cli::Command),
    Bench(crate::bench::Bench),
}

/// The configuration file of a window: the flags of `serve`, in TOML.
#[derive(Debug, Args)]
struct ConfigArgs {
    #[command(subcommand)]
    verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    Check(ConfigCheckArgs),
}

/// Say everything that keeps a window from starting with this file, with its lines. Nothing is started.
#[derive(Debug, Args)]
struct ConfigCheckArgs {
    #[command(flatten)]
    file: ConfigFileArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigFileArgs {
    /// The configuration file; its keys are the flags of `serve`. Flags and the environment weigh more
    /// [default: /etc/single-window/config.toml, where there is one].
    #[arg(long, env = "SW_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The command with what stands in the configuration file as its defaults, where the command line means one.
/// What is wrong in it is said here.
fn configured(
    command: clap::Command,
    args: &[OsString],
    language: Language,
) -> Result<clap::Command, ExitCode> {
    let Some((path, is_checked)) = config_file::meant(&command, args) else { return Ok(command) };
    let file = ConfigFile::read(&path).map_err(|error| failed(&error, language))?;
    let faults = if is_checked { Vec::new() } else { file.faults(&command) };
    match file.refuse(faults, Vec::new()) {
        None => Ok(file.apply(command)),
        Some(faults) => Err(failed(&faults.into(), language)),
    }
}

#[derive(Debug, Args)]
struct BackUpArgs {
    #[command(flatten)]
    file: ConfigFileArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    backup: BackupArgs,
}

#[derive(Debug, Args)]
struct PutBackArgs {
    #[command(flatten)]
    file: ConfigFileArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    restore: RestoreArgs,
}

/// Compare the books of all services with each other: declarations, inspections, payments, tax refunds. The exit code
/// is 1 when they differ.
///
/// It reads the tables themselves, beside a window that runs, and changes nothing. What differs is told with both
/// sides.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
struct VerifyArgs {
    #[command(subcommand)]
    what: Option<VerifyWhat>,
    #[command(flatten)]
    file: ConfigFileArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    books: BooksArgs,
}

#[derive(Debug, Subcommand)]
enum VerifyWhat {
    Ledger(cli::verify::LedgerArgs),
}

#[derive(Debug, Args)]
struct MigrateArgs {
    #[command(flatten)]
    file: ConfigFileArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    extent: MigrateExtentArgs,
}

#[derive(Debug, Clone, Args)]
struct DatabaseArgs {
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

#[derive(Debug, Args)]
struct DataKeysArgs {
    #[command(flatten)]
    file: ConfigFileArgs,
    /// The file of data keys, when it is not in the data directory.
    #[arg(long, env = "SW_DATA_KEYS", value_name = "FILE")]
    data_keys: Option<PathBuf>,
}

/// Bytes.
const MEGABYTE: u64 = 1024 * 1024;
/// Of attachments, unless something else is said.
const ATTACHMENTS_PER_DAY: u64 = domain::limits::ATTACHMENT_BYTES_PER_DAY / MEGABYTE;

#[derive(Debug, Clone, Args)]
struct ListenArgs {
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

#[derive(Debug, Args)]
struct SandboxArgs {
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Do not simulate agencies: connect your own.
    #[arg(long)]
    no_agencies: bool,
    /// Leave out the inspection service: its seat on the exchange is free for your own, and no risk
    /// rules are asked.
    #[arg(long)]
    no_inspection: bool,
    /// Leave out the payment service: imports are released without their duty being secured.
    #[arg(long)]
    no_payment: bool,
    /// Leave out the refund service and the tax office: exports are not kept for the tax refund.
    #[arg(long)]
    no_refund: bool,
    /// Only this service in this process, beside others on the same database; --services says where they are.
    #[arg(long, value_parser = service_name(), requires = "services")]
    only: Option<String>,
    /// Where this process finds the services: the declaration service, and after it the others with their names, for
    /// example declaration:7443,ceb=ceb:7443,refund=refund:7443.
    #[arg(long, value_name = "ADDRESSES", requires = "only")]
    services: Option<String>,
    #[command(flatten)]
    names: NameArgs,
    /// Print nothing but problems.
    #[arg(long)]
    quiet: bool,
}

impl SandboxArgs {
    fn settle(&self, options: &Options) -> anyhow::Result<(Settings, sandbox::SandboxParts)> {
        let mut settings = settings(options, &self.listen, &self.database)?;
        settings.names = self.names.names();
        settings.only.clone_from(&self.only);
        settings.services.clone_from(&self.services);
        let cast = sandbox::SandboxParts {
            agencies: !self.no_agencies,
            inspection: !self.no_inspection,
            payment: !self.no_payment,
            refund: !self.no_refund,
            show: !self.quiet,
        };
        Ok((settings, cast))
    }
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    file: ConfigFileArgs,
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Only this service in this process.
    #[arg(long, value_parser = service_name())]
    only: Option<String>,
    /// The window's certificate (PEM).
    #[arg(long, env = "SW_SERVER_CERT", value_name = "FILE")]
    server_cert: PathBuf,
    /// Its key (PEM).
    #[arg(long, env = "SW_SERVER_KEY", value_name = "FILE")]
    server_key: PathBuf,
    /// Authority that signs callers' certificates (PEM).
    #[arg(long, env = "SW_CLIENT_CA", value_name = "FILE")]
    client_ca: PathBuf,
    /// Registry of callers (JSON).
    #[arg(long, env = "SW_REGISTRY", value_name = "FILE")]
    registry: PathBuf,
    /// Certificates of callers that their authority has revoked (CRL, PEM).
    #[arg(long, env = "SW_CLIENT_CRL", value_name = "FILE")]
    client_crl: Option<PathBuf>,
    /// Demand a client certificate of every caller: keys of callers do not replace it.
    #[arg(long, env = "SW_REQUIRE_CERTIFICATES")]
    require_certificates: bool,
    /// Authority whose certificates sign national messages (PEM); may be given several times. The
    /// registry can name single certificates as well.
    #[arg(long, env = "SW_SIGNING_AUTHORITY", value_name = "FILE")]
    signing_authority: Vec<PathBuf>,
    /// Declarations wait until an inspection service in another process has asked the risk rules; it
    /// must be connected. With --inspection-service-cert that is so anyway.
    #[arg(long, env = "SW_TARGETING")]
    targeting: bool,
    /// Imports wait until a payment service in another process has secured their duty; it must be
    /// connected. With --payment-service-cert that is so anyway.
    #[arg(long, env = "SW_DUTY")]
    duty: bool,
    /// The file of refund rates (出口退税率文库), with its laws; docs/refund.md describes it. Without it every export
    /// says that its rate is missing.
    #[arg(long, env = "SW_REFUND_RATES", value_name = "FILE")]
    refund_rates: Option<PathBuf>,
    /// The file of parities (人民币汇率中间价), a line a currency and day; docs/refund.md describes it. Without it every
    /// export of a producer in foreign currency says that its parity is missing.
    #[arg(long, env = "SW_REFUND_PARITIES", value_name = "FILE")]
    refund_parities: Option<PathBuf>,
    /// Webhooks may be at private addresses, and without TLS.
    #[arg(long, env = "SW_WEBHOOK_ALLOW_PRIVATE")]
    webhook_allow_private: bool,
    /// Authority of endpoints of webhooks (PEM), besides those that browsers trust; may be given several times.
    #[arg(long, env = "SW_WEBHOOK_AUTHORITY", value_name = "FILE")]
    webhook_authority: Vec<PathBuf>,
    #[command(flatten)]
    services: ServiceArgs,
}

impl ServeArgs {
    fn settle(self, options: &Options) -> anyhow::Result<Settings> {
        let args = self;
        let mut settings = settings(options, &args.listen, &args.database)?;
        settings.authority = args.client_ca;
        settings.certificate = args.server_cert;
        settings.key = args.server_key;
        settings.registry = args.registry;
        settings.revocations = args.client_crl;
        settings.require_certificates = args.require_certificates;
        settings.callers = args.services.callers()?;
        settings.names = args.services.names();
        settings.signing_authorities = args.signing_authority;
        settings.targeting = args.targeting;
        settings.refund_rates.clone_from(&args.refund_rates);
        settings.refund_parities.clone_from(&args.refund_parities);
        settings.duty = args.duty;
        settings.webhook_allow_private = args.webhook_allow_private;
        settings.webhook_authorities.clone_from(&args.webhook_authority);
        settings.only = args.only;
        Ok(settings)
    }
}

#[derive(Debug, Args)]
struct AgencyArgs {
    /// Which one.
    #[arg(value_enum)]
    agency: AgencyArg,
    /// Name of this consumer; several consumers of one agency share the work.
    #[arg(long, default_value = "simulator")]
    name: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AgencyArg {
    Customs,
    Quarantine,
    Site,
    Bank,
    TaxOffice,
}

/// Says the error, and how the program ends by it.
pub fn failed(error: &anyhow::Error, language: Language) -> ExitCode {
    cli::failed(error, language, error_zh)
}

/// An error with its causes, in one language.
pub(crate) fn error_text(error: &anyhow::Error, language: Language) -> String {
    cli::error_text(error, language, error_zh)
}

/// What only this crate knows in Chinese.
fn error_zh(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    let faults = cause.downcast_ref::<ConfigFaults>().map(|it| it.text(Language::Chinese));
    faults.or_else(|| database_error_zh(cause))
}

/// Why a database keeps the window from starting, in Chinese.
fn database_error_zh(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    let private = cause.downcast_ref::<store::private::Error>().map(store::private::Error::text_zh);
    let backup = cause.downcast_ref::<store::backup::BackupError>();
    private.or_else(|| backup.map(store::backup::BackupError::text_zh)).or_else(|| {
        cause.downcast_ref::<store::connect::Error>().map(store::connect::Error::text_zh)
    })
}

impl Cli {
    /// Reads the command line. Help and what is wrong with it are said here, in the language that it
    /// asks for.
    ///
    /// # Errors
    ///
    /// How the program ends when there is nothing to do.
    pub fn read(args: Vec<OsString>) -> Result<Self, ExitCode> {
        let language = help::language(&args, std::env::var_os("SW_LANGUAGE"));
        let command = configured(<Self as clap::CommandFactory>::command(), &args, language)?;
        let read = help::command(command, language).try_get_matches_from(args);
        let cli = read.and_then(|read| <Self as clap::FromArgMatches>::from_arg_matches(&read));
        cli.map_err(|error| help::print(&error, language))
    }

    /// The language of texts.
    pub fn language(&self) -> Language {
        self.options.language()
    }

    /// The window that `serve` asks for; `None` when it asks for something else.
    ///
    /// # Errors
    ///
    /// When files that it names cannot be read.
    pub fn serve(self) -> anyhow::Result<Option<Settings>> {
        match self.command {
            Command::Serve(args) => args.settle(&self.options).map(Some),
            _ => Ok(None),
        }
    }

    /// The sandbox that it asks for; `None` when it asks for something else.
    ///
    /// # Errors
    ///
    /// When there is no such data directory.
    pub fn sandbox(&self) -> anyhow::Result<Option<(Settings, sandbox::SandboxParts)>> {
        match &self.command {
            Command::Sandbox(args) => args.settle(&self.options).map(Some),
            _ => Ok(None),
        }
    }

    /// Structured logs on stderr: for people on a terminal, JSON otherwise.
    pub fn start_logging(&self) {
        let serves = matches!(self.command, Command::Serve(_) | Command::Agency(_));
        let default = if serves { "info" } else { "warn" };
        let filter = self.options.log.as_deref().unwrap_or(default);
        // What PostgreSQL tells a connection that is being closed is of no use to anybody.
        let filter = format!("{filter},sqlx::postgres::notice=error");
        let filter = tracing_subscriber::EnvFilter::new(filter);
        crate::logs::start(filter);
    }

    /// Does what it asks for.
    ///
    /// # Errors
    ///
    /// What kept it from doing so.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let Self { command, options } = self;
        match command {
            Command::Sandbox(args) => {
                let (settings, cast) = args.settle(&options)?;
                // One that a person watches has nobody left when the terminal is gone.
                let watched = std::io::stdin().is_terminal();
                let hangup = if watched { Hangup::Ends } else { Hangup::Reloads };
                let (language, show) = (options.language(), cast.show);
                serving(hangup, async |ending| {
                    // Who looked at the live view and closed it wants it to end.
                    let closed = async {
                        if show {
                            cli::reader_gone().await;
                            ending.drain.cancel();
                        }
                        std::future::pending().await
                    };
                    tokio::select! {
                        ended = sandbox::run(settings, cast, language, &ending) => ended,
                        () = closed => Ok(()),
                    }
                })
                .await
            }
            Command::Serve(args) => {
                let settings = args.settle(&options)?;
                serving(Hangup::Reloads, async |ending| {
                    match run::RunningWindow::start(&settings, &ending).await? {
                        Some(window) => window.run(&ending).await,
                        None => Ok(()),
                    }
                })
                .await
            }
            Command::Agency(args) => agency(&options, &args).await,
            Command::Migrate(MigrateArgs { database, extent, .. }) => {
                let settings = without_service(&options, &database)?;
                let language = options.language();
                serving(Hangup::Ends, async |ending| {
                    crate::migrate_command::run(extent, &settings, language, &ending).await
                })
                .await
            }
            Command::AddDataKey(args) => {
                crate::files::write_privately();
                let data_dir = options.data_dir()?;
                let file = args.data_keys.unwrap_or_else(|| data_keys::usual(&data_dir)); // the usual place
                let name = data_keys::add(&file)?;
                let text = match options.language() {
                    Language::English => format!(
                        "{} has the new data key {name}, which encrypts from the next start on. Keep a copy \
                         of the file apart from the backups of the database.",
                        file.display()
                    ),
                    Language::Chinese => format!(
                        "{}已加入新的数据密钥{name}，下次启动起用于加密。请将该文件另行备份，\
                         勿与数据库备份放在一起。",
                        file.display()
                    ),
                };
                std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{text}\n"))?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Caller(args) => {
                crate::files::write_privately();
                crate::caller_command::run(args, options.language())?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Backup(BackUpArgs { database, backup, .. }) => {
                let settings = without_service(&options, &database)?;
                let language = options.language();
                serving(Hangup::Ends, async |ending| {
                    crate::backup::back_up(backup, &settings, language, &ending).await
                })
                .await
            }
            Command::Restore(PutBackArgs { database, restore, .. }) => {
                let settings = without_service(&options, &database)?;
                let language = options.language();
                serving(Hangup::Ends, async |ending| {
                    crate::backup::restore(restore, &settings, language, &ending).await
                })
                .await
            }
            Command::Verify(VerifyArgs { what: Some(VerifyWhat::Ledger(args)), .. }) => {
                Ok(cli::verify::ledger(&options, args).await?.into())
            }
            Command::Verify(VerifyArgs { what: None, database, books, .. }) => {
                let settings = without_service(&options, &database)?;
                crate::books::verify(books, &settings, (options.output(), options.language())).await
            }
            Command::Config(ConfigArgs { verb: ConfigVerb::Check(args) }) => {
                let file = args.file.config.unwrap_or_else(|| config_file::USUAL.into()); // the usual place
                crate::config_check::run(&file, options.language()).await
            }
            Command::Completions(args) => crate::shell::completions(&args),
            Command::Man(args) => crate::shell::man(&args),
            Command::Client(command) => Ok(command.run(&options).await?.into()),
            Command::Bench(args) => crate::bench::run(args).await,
        }
    }
}

/// Runs what has a data directory, and lets it end in order.
async fn serving<F>(hangup: Hangup, work: impl FnOnce(Ending) -> F) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<()>>,
{
    crate::files::write_privately();
    match signals::run_until_signal(hangup, work).await? {
        Some(ended) => ended.map(|()| ExitCode::SUCCESS),
        None => Ok(ExitCode::from(FORCED)),
    }
}

/// What a shell says of a process that an interrupt ended.
const FORCED: u8 = 130;

/// Settings of what uses the database and serves nobody.
fn without_service(options: &Options, database: &DatabaseArgs) -> anyhow::Result<Settings> {
    let listen = ListenArgs {
        listen: "127.0.0.1:0".to_owned(),
        read_database_url: None,
        metrics: None,
        traces: None,
        writers: 2,
        drain_seconds: 1,
        free_space_least: 0,
        virus_scanner: String::new(),
        attachments_per_day: ATTACHMENTS_PER_DAY,
    };
    settings(options, &listen, database)
}

fn settings(
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
        authority: PathBuf::new(),
        certificate: PathBuf::new(),
        key: PathBuf::new(),
        registry: PathBuf::new(),
        revocations: None,
        require_certificates: false,
        callers: BTreeMap::new(),
        names: BTreeMap::new(),
        signing_authorities: Vec::new(),
        only: None,
        services: None,
        sandbox: false,
        targeting: false,
        refund_rates: None,
        refund_parities: None,
        webhook_allow_private: false,
        webhook_authorities: Vec::new(),
        duty: false,
        attachments: declaration::AttachmentSettings {
            virus_scanner: listen.virus_scanner.split_whitespace().map(str::to_owned).collect(),
            bytes_per_day: listen.attachments_per_day.saturating_mul(MEGABYTE),
        },
        writers: listen.writers,
        drain: Duration::from_secs(listen.drain_seconds),
        free_space_least: listen.free_space_least.saturating_mul(1024 * 1024),
    })
}

async fn agency(options: &Options, args: &AgencyArgs) -> anyhow::Result<ExitCode> {
    let simulator = match args.agency {
        AgencyArg::Customs => Simulator::Customs,
        AgencyArg::Quarantine => Simulator::Quarantine,
        AgencyArg::Site => Simulator::Site,
        AgencyArg::Bank => Simulator::Bank,
        AgencyArg::TaxOffice => Simulator::TaxOffice,
    };
    let config = options.config(sandbox::caller(simulator))?;
    let window = client::Window::connect_lazy(&config)?;
    let stop = CancellationToken::new();
    let simulated = agencies::run(window, simulator, &args.name, stop.clone());
    let mut simulated = std::pin::pin!(simulated);
    let ended = tokio::select! {
        ended = &mut simulated => ended,
        () = cli::interrupted() => {
            stop.cancel();
            simulated.await
        }
    };
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(agencies::Error::Status(status)) => Err(status.into()),
        Err(agencies::Error::NotASandbox) => {
            Err(anyhow::Error::new(no_sandbox(&config.address)).context(Code::NotASandbox))
        }
    }
}

fn no_sandbox(address: &str) -> BilingualText {
    BilingualText::new(
        format!(
            "what is filed at {address} is real, so no simulator answers there and nothing was \
             touched; name a sandbox (--data-dir, or --endpoint with the sandbox's own --ca, --cert \
             and --key), or connect the agency's own system"
        ),
        format!(
            "{address}上的申报为真实数据，模拟机关不予答复，未作任何处理；请指定沙箱\
             （--data-dir，或--endpoint加沙箱自己的--ca、--cert、--key），或接入机关自己的系统"
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{Command, CommandFactory as _};
    use cli::help::{TEXTS, command, known_as};

    use super::{Cli, Language};

    /// Every text of a command and of those below it.
    fn texts(command: &Command, found: &mut BTreeSet<String>) {
        let abouts = [command.get_about(), command.get_long_about()];
        found.extend(abouts.into_iter().flatten().map(ToString::to_string));
        for arg in command.get_arguments() {
            let helps = [arg.get_help(), arg.get_long_help()];
            found.extend(helps.into_iter().flatten().map(ToString::to_string));
            found.extend(arg.get_help_heading().map(str::to_owned));
            let values = arg.get_possible_values();
            found.extend(
                values.iter().filter_map(|value| value.get_help()).map(ToString::to_string),
            );
        }
        for command in command.get_subcommands() {
            texts(command, found);
        }
    }

    #[test]
    fn every_text_has_its_chinese_and_every_chinese_its_text() {
        let mut command = Cli::command();
        command.build();
        let mut found = BTreeSet::new();
        texts(&command, &mut found);
        let paragraphs = found.iter().flat_map(|text| text.split("\n\n"));
        let used: BTreeSet<_> = paragraphs.map(|text| known_as(text).to_owned()).collect();
        let known: BTreeSet<String> =
            TEXTS.iter().map(|(english, _)| (*english).to_owned()).collect();
        let missing: Vec<_> = used.difference(&known).collect();
        let unused: Vec<_> = known.difference(&used).collect();
        assert!(
            missing.is_empty(),
            "write the Chinese of these into services/cli/src/help/texts.rs: {missing:#?}"
        );
        assert!(unused.is_empty(), "no help says this any more: {unused:#?}");
        assert_eq!(known.len(), TEXTS.len(), "a text stands twice");
    }

    fn help_of(args: &[&str]) -> String {
        let command = command(Cli::command(), Language::Chinese);
        command.try_get_matches_from(args).expect_err("help is no command").to_string()
    }

    #[test]
    fn help_is_chinese_from_top_to_bottom() {
        for args in [
            &["single-window", "--help"][..],
            &["single-window", "submit", "--help"],
            &["single-window", "help", "submit"],
            &["single-window", "ceb", "send", "-h"],
        ] {
            let help = help_of(args);
            assert!(help.contains("用法：") && help.contains("选项:"), "{help}");
            for english in ["Usage", "Options", "Commands", "Arguments", "default", "Print", "[env"]
            {
                assert!(!help.contains(english), "{english} in {help}");
            }
        }
        assert!(help_of(&["single-window", "submit", "--help"]).contains("申报"));
    }

    #[test]
    fn what_is_wrong_is_said_in_chinese() {
        let wrong = |args: &[&str]| {
            let command = command(Cli::command(), Language::Chinese);
            cli::help::wrong(&command.try_get_matches_from(args).expect_err("it is wrong"))
        };
        let unknown = wrong(&["single-window", "submit", "--chek", "a"]);
        assert!(unknown.contains("未知参数：--chek") && unknown.contains("--check"), "{unknown}");
        assert!(wrong(&["single-window", "get"]).contains("缺少必需的参数：<NAME>"));
        assert!(wrong(&["single-window", "lisst"]).contains("未知命令：lisst"));
        let value = wrong(&["single-window", "list", "--output", "xml"]);
        assert!(value.contains("“xml”无效") && value.contains("可选值：table、json"), "{value}");
    }
}
