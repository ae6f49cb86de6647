//! The commands of enterprises, agencies and operators: file, read, follow, change. They know only the
//! public schema and the SDK, like every other client: this crate sees no store and no service.
//!
//! A command says how it went by its exit code, so that scripts need not read texts:
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | the window, or we before it, refused at least one item or the request; or a declaration that was waited for ended other than released |
//! | 2 | the command line or the configuration cannot be used, or a file that it names is not there |
//! | 3 | the window cannot be reached, is not available, or did not come to an end in time |
//! | 4 | there is nothing of this name for this caller |
//! | 5 | a fault of the window |
//! | 6 | the window is no sandbox, and a simulator works in no other |
//!
//! When several apply, the highest is told. Results go to stdout; progress and, with tables, refusals
//! of a whole request go to stderr. With `--output json` everything is JSON on stdout, one object a
//! line. A reader that closes the pipe ends the command quietly.

pub mod archive;
pub mod attachments;
mod card;
pub mod ceb;
pub mod certify;
pub mod change;
pub mod clock;
pub mod context;
mod csv;
mod diagnosis;
mod facts;
mod follow;
pub mod help;
mod input;
pub mod inspect;
pub mod keys;
pub mod options;
pub mod pay;
mod problem;
mod progress;
pub mod provide;
pub mod read;
mod reconcile;
pub mod refund;
mod report;
pub mod sandbox;
mod session;
pub mod status;
pub mod stuck;
pub mod submit;
mod table;
pub mod tax;
pub mod trace;
mod values;
pub mod verdict;
pub mod verify;
pub mod watch;
pub mod webhooks;
pub mod words;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use domain::Code;
use domain::refusal::Responsibility;
pub use facts::describe;
pub use proto::status::Language;
use serde::Serialize;
pub use session::Session;
use tonic::{Code as Grpc, Status};

use options::Options;
use problem::Problem;

/// What a client can ask for.
#[derive(Debug, clap::Subcommand)]
#[expect(missing_docs, reason = "the help of a command stands with its arguments")]
pub enum Command {
    Submit(submit::SubmitArgs),
    Get(read::GetArgs),
    List(read::ListArgs),
    Watch(watch::WatchArgs),
    Amend(change::AmendArgs),
    Withdraw(change::WithdrawArgs),
    Provide(provide::ProvideArgs),
    Verdict(verdict::VerdictArgs),
    Ceb(ceb::CebArgs),
    Inspect(inspect::InspectArgs),
    Status(status::StatusArgs),
    Doctor(status::DoctorArgs),
    Stuck(stuck::StuckArgs),
    Archive(archive::ArchiveArgs),
    Attachment(attachments::AttachmentArgs),
    Key(keys::KeyArgs),
    Clock(clock::ClockArgs),
    Context(context::ContextArgs),
    Tax(tax::TaxArgs),
    Pay(pay::PayArgs),
    Refund(refund::RefundArgs),
    Webhooks(webhooks::WebhookArgs),
    Trace(trace::TraceArgs),
    Certify(certify::CertifyArgs),
}

impl Command {
    /// Does what it asks for.
    ///
    /// # Errors
    ///
    /// What kept it from doing so.
    pub async fn run(self, options: &Options) -> anyhow::Result<Exit> {
        session::settle(options.output(), options.language(), self.ended(options).await)
    }

    /// Whether there are rows for spreadsheets.
    fn has_lists(&self) -> bool {
        matches!(
            self,
            Self::List(_)
                | Self::Ceb(_)
                | Self::Inspect(_)
                | Self::Stuck(_)
                | Self::Key(_)
                | Self::Attachment(_)
                | Self::Context(_)
                | Self::Tax(_)
                | Self::Pay(_)
                | Self::Refund(_)
                | Self::Webhooks(_)
        )
    }

    async fn ended(self, options: &Options) -> anyhow::Result<Exit> {
        anyhow::ensure!(
            self.has_lists() || options.format() != OutputFormat::Csv,
            BilingualText::new(
                "this command has no CSV; take --output table or --output json",
                "该命令不支持CSV，请用 --output table 或 --output json"
            )
        );
        match self {
            Self::Submit(args) => {
                options.check_files(&args.files)?;
                submit::run(&options.session().await?, args).await
            }
            Self::Get(args) => read::get(&options.session().await?, args).await,
            Self::List(args) => read::list(&options.session().await?, args).await,
            Self::Watch(args) => watch::run(&options.session().await?, args).await,
            Self::Amend(args) => {
                options.check_files([&args.file])?;
                change::amend(&options.session().await?, args).await
            }
            Self::Withdraw(args) => change::withdraw(&options.session().await?, args).await,
            Self::Provide(args) => provide::run(&options.session().await?, args).await,
            Self::Verdict(args) => {
                let named =
                    options.caller.is_some() || options.cert.is_some() || options.api_key.is_some();
                anyhow::ensure!(
                    named,
                    "say which agency gives the verdict: --as customs or --as quarantine"
                );
                verdict::run(&options.session().await?, args).await
            }
            Self::Ceb(args) => ceb::run(options, args).await,
            Self::Inspect(args) => inspect::run(options, args).await,
            Self::Status(_) => status::status(&options.session_as("admin").await?).await,
            Self::Doctor(_) => status::doctor(options).await,
            Self::Stuck(args) => stuck::run(&options.session_as("admin").await?, args).await,
            Self::Attachment(args) => attachments::run(&options.session().await?, args).await,
            Self::Archive(args) => archive::run(&options.session_as("admin").await?, args).await,
            Self::Key(args) => keys::run(&options.session_as("admin").await?, args).await,
            Self::Pay(args) => match args.offline() {
                Some((file, args)) => reconcile::run(options.voice(), file, args),
                None => pay::run(&options.session().await?, options.format(), args).await,
            },
            Self::Refund(args) => {
                options.check_files(args.file())?;
                refund::run(&options.session().await?, options.format(), args).await
            }
            Self::Webhooks(args) => webhooks::run(&options.session().await?, args).await,
            Self::Trace(args) => trace::run(&options.session().await?, args).await,
            Self::Certify(args) => certify::run(options, args).await,
            Self::Clock(args) => {
                let session = options.session_as("admin").await?;
                clock::run(&session, args).await
            }
            Self::Context(args) => context::run(options.format(), options.language(), args),
            Self::Tax(args) => tax::run(options.voice(), &args),
        }
    }
}

/// For whom a command writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// The same where there are rows for spreadsheets too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputFormat {
    Table,
    Json,
    Csv,
}

impl OutputFormat {
    /// How refusals are told: beside rows as for people, on stderr.
    pub(crate) fn output(self) -> Output {
        match self {
            Self::Json => Output::Json,
            Self::Table | Self::Csv => Output::Table,
        }
    }
}

/// How a command ended; the numbers are a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Something was refused, or ended other than released.
    Refused = 1,
    /// The command line or the configuration cannot be used.
    Usage = 2,
    /// The window cannot be reached or did not answer in time.
    Unreachable = 3,
    /// There is nothing of this name for this caller.
    NotFound = 4,
    /// A fault of the window.
    Fault = 5,
    /// The window is no sandbox.
    NotASandbox = 6,
}

impl Exit {
    /// What an error that a command gave back means.
    pub fn of_error(error: &anyhow::Error) -> Self {
        if let Some(status) = error.downcast_ref::<Status>() {
            return Self::of_grpc(status.code());
        }
        if let Some(error) = error.downcast_ref::<client::Error>() {
            return match error {
                client::Error::Unreachable { .. } => Self::Unreachable,
                client::Error::Address(_) | client::Error::Identity { .. } => Self::Usage,
            };
        }
        match error.downcast_ref::<Code>() {
            Some(Code::ConnectionFailed) => Self::Unreachable,
            Some(Code::NotASandbox) => Self::NotASandbox,
            Some(code) if code.act() == Responsibility::Operator => Self::Usage,
            Some(_) | None => Self::Usage,
        }
    }

    /// What a code of gRPC means. The window itself never says UNKNOWN or CANCELLED: that is how the
    /// transport reports a connection that broke.
    fn of_grpc(code: Grpc) -> Self {
        match code {
            Grpc::Ok => Self::Done,
            Grpc::NotFound => Self::NotFound,
            Grpc::Unavailable
            | Grpc::ResourceExhausted
            | Grpc::DeadlineExceeded
            | Grpc::Cancelled
            | Grpc::Unknown => Self::Unreachable,
            Grpc::Internal | Grpc::DataLoss | Grpc::Unimplemented => Self::Fault,
            Grpc::InvalidArgument
            | Grpc::AlreadyExists
            | Grpc::PermissionDenied
            | Grpc::FailedPrecondition
            | Grpc::Aborted
            | Grpc::OutOfRange
            | Grpc::Unauthenticated => Self::Refused,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        let number: u8 = match exit {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::NotFound => 4,
            Exit::Fault => 5,
            Exit::NotASandbox => 6,
        };
        Self::from(number)
    }
}

/// What we say ourselves, in both languages.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{english}")]
pub struct BilingualText {
    english: String,
    chinese: String,
}

impl BilingualText {
    /// The same in English and in Chinese.
    pub fn new(english: impl Into<String>, chinese: impl Into<String>) -> Self {
        Self { english: english.into(), chinese: chinese.into() }
    }

    /// A file that cannot be read.
    pub fn unreadable(path: &Path) -> Self {
        let path = path.display();
        Self::new(format!("{path} cannot be read"), format!("无法读取{path}"))
    }

    /// A file or directory that cannot be made, written or put in place.
    pub fn unwritable(path: &Path) -> Self {
        let path = path.display();
        Self::new(format!("{path} cannot be written"), format!("无法写入{path}"))
    }

    /// A file that holds no certificate of an authority.
    pub fn no_authority(path: &Path) -> Self {
        let path = path.display();
        Self::new(format!("{path} holds no authority"), format!("{path}中没有证书颁发机构的证书"))
    }

    /// In one language.
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::English => &self.english,
            Language::Chinese => &self.chinese,
        }
    }
}

/// The Chinese of an error that is not of this crate, where somebody has it.
pub type ErrorZh = fn(&(dyn std::error::Error + 'static)) -> Option<String>;

/// An error with its causes, in the caller's language as far as it is known.
pub fn error_text(error: &anyhow::Error, language: Language, error_zh: ErrorZh) -> String {
    let bilingual = error.downcast_ref::<BilingualText>();
    let connection = error.downcast_ref::<client::Error>();
    let code = error.downcast_ref::<Code>();
    let part = |cause: &(dyn std::error::Error + 'static)| {
        if let (Some(text), Language::Chinese) = (error_zh(cause), language) {
            return text;
        }
        let cause = cause.to_string();
        if let Some(bilingual) = bilingual.filter(|bilingual| bilingual.english == cause) {
            return bilingual.text(language).to_owned();
        }
        if let Some(connection) = connection.filter(|error| error.to_string() == cause) {
            return connection.text(language);
        }
        match (code.filter(|code| code.id() == cause), language) {
            (Some(code), Language::Chinese) => format!("{} {}", code.id(), code.title_zh()),
            (Some(_) | None, _) => cause,
        }
    };
    let parts: Vec<_> = error.chain().map(part).collect();
    parts.join(words::pick(language, ": ", "："))
}

/// Ends with the code that the error means for scripts, after saying it. A reader that closed the pipe
/// has read enough.
pub fn failed(error: &anyhow::Error, language: Language, error_zh: ErrorZh) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let word = words::pick(language, "error: ", "错误：");
    // Nothing can be done when even this cannot be written.
    let _unprinted = writeln!(io::stderr(), "{word}{}", error_text(error, language, error_zh));
    Exit::of_error(error).into()
}

/// How often is looked whether somebody still reads.
const LOOK: Duration = Duration::from_millis(200);

/// Ends when whoever reads our output went away: a command that waits for something to say would hear of
/// it only then.
pub async fn reader_gone() {
    use rustix::event::{PollFd, PollFlags, poll};
    let stdout = io::stdout();
    loop {
        tokio::time::sleep(LOOK).await;
        // A closed pipe is told without being asked for.
        let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        let looked = poll(&mut watched, Some(&now));
        if looked.is_ok() && watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
            return;
        }
    }
}

/// Ctrl-C or a request to end from the system.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut end) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = end.recv() => {}
    }
}

/// Tells a refusal of the whole request, and how the command ends by it.
fn print_refusal(output: Output, problem: &Problem) -> io::Result<Exit> {
    match output {
        Output::Json => print_json(&serde_json::json!({ "refusal": problem }))?,
        Output::Table => writeln!(io::stderr(), "{}", clean(&problem.text()))?,
    }
    Ok(problem.exit)
}

/// Whether the reader of our output went away.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Writes a text for people and ends the line.
fn print_line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", clean(text))?;
    out.flush()
}

/// Writes a value for programs as one line.
fn print_json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    out.flush()
}

/// What others wrote must not steer the terminal.
fn clean(text: &str) -> String {
    let steers = |c: char| c.is_control() && c != '\n';
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_exit_code_of_who_must_act() {
        let of = |error: anyhow::Error| Exit::of_error(&error);
        assert_eq!(of(Status::unavailable("").into()), Exit::Unreachable);
        assert_eq!(of(Status::not_found("").into()), Exit::NotFound);
        assert_eq!(of(Status::internal("").into()), Exit::Fault);
        assert_eq!(of(Status::aborted("").into()), Exit::Refused);
        assert_eq!(of(client::Error::Address(String::new()).into()), Exit::Usage);
        assert_eq!(of(anyhow::anyhow!("port").context(Code::PortInUse)), Exit::Usage);
    }

    #[test]
    fn errors_are_told_in_the_language_of_the_caller() {
        let text = BilingualText::new("another program has port 1", "端口1已被占用");
        let error = anyhow::anyhow!("os error 98").context(text).context(Code::PortInUse);
        assert_eq!(
            error_text(&error, Language::English, |_| None),
            "SW-4002: another program has port 1: os error 98"
        );
        assert_eq!(
            error_text(&error, Language::Chinese, |_| None),
            "SW-4002 端口已被占用：端口1已被占用：os error 98"
        );
        let error = anyhow::Error::from(client::Error::Address("x".to_owned()));
        assert!(error_text(&error, Language::Chinese, |_| None).starts_with("x不是地址"));
    }

    #[test]
    fn a_closed_pipe_is_found_and_terminals_are_not_steered() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_closed_pipe(&anyhow::Error::new(closed).context("table")));
        assert!(!is_closed_pipe(&anyhow::anyhow!("other")));
        assert_eq!(clean("a\u{1b}[31m\nb\u{9b}"), "a\u{fffd}[31m\nb\u{fffd}");
    }
}
