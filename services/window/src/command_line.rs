//! The command line: every role of `single-window`, and the commands of its clients (`cli`), with help
//! that teaches.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use cli::options::Options;
use cli::{Language, help};

use crate::agency_command::AgencyArgs;
use crate::backup::{BackupArgs, RestoreArgs};
use crate::books::BooksArgs;
use crate::config_file::{self, ConfigFaults, ConfigFile};
use crate::migrate_command::MigrateExtentArgs;
use crate::run::{self, Settings};
use crate::serve_args::{SandboxArgs, ServeArgs};
use crate::signals::{self, Ending, Hangup};
use crate::window_args::{ConfigFileArgs, DatabaseArgs, without_service};
use crate::{data_keys, sandbox};

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
    Duties(cli::verify::DutiesArgs),
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

#[derive(Debug, Args)]
struct DataKeysArgs {
    #[command(flatten)]
    file: ConfigFileArgs,
    /// The file of data keys, when it is not in the data directory.
    #[arg(long, env = "SW_DATA_KEYS", value_name = "FILE")]
    data_keys: Option<PathBuf>,
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
            Command::Agency(args) => crate::agency_command::run(&options, &args).await,
            Command::Migrate(MigrateArgs { database, extent, .. }) => {
                let settings = without_service(&options, &database)?;
                let language = options.language();
                serving(Hangup::Ends, async |ending| {
                    crate::migrate_command::run(extent, &settings, language, &ending).await
                })
                .await
            }
            Command::AddDataKey(args) => add_data_key(&options, args),
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
            Command::Verify(VerifyArgs { what: Some(VerifyWhat::Duties(args)), .. }) => {
                Ok(cli::verify::duties(&options, args).await?.into())
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

fn add_data_key(options: &Options, args: DataKeysArgs) -> anyhow::Result<ExitCode> {
    crate::files::write_privately();
    let data_dir = options.data_dir()?;
    let file = args.data_keys.unwrap_or_else(|| data_keys::usual(&data_dir)); // the usual place
    let name = data_keys::add(&file)?;
    let text = match options.language() {
        Language::English => format!(
            "{} has the new data key {name}, which encrypts from the next start on. Keep a copy of the file \
             apart from the backups of the database.",
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
