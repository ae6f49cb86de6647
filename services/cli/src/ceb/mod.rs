//! `ceb`: the national messages as firms' systems already write them. Sending, the watched folder,
//! receipts, and what a message says and what is wrong with it.

mod advice;
mod documents;
mod explain;
mod folder;
mod glossary;
pub(super) mod message;
mod receipts;
mod seal;
mod send;
mod set;
mod show;
mod standing;
mod walk;
mod watch;

use std::io;
use std::path::PathBuf;

use super::problem::Problem;
use super::{Exit, Language, Output, Session};

/// National messages (CEB): send them, watch a folder, read receipts.
#[derive(Debug, clap::Args)]
pub struct Ceb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Send(send::Send),
    Watch(watch::Watch),
    Receipts(receipts::Receipts),
    Documents(documents::Documents),
    Show(show::Show),
    Explain(explain::Explain),
    Sign(seal::Sign),
    Verify(seal::Verify),
}

/// How a verb speaks, and how it reaches a window when it needs one.
#[derive(Debug)]
pub struct Means {
    /// For whom to write.
    pub output: Output,
    /// In which language.
    pub language: Language,
    /// Which window, and as whom; or why that is not known.
    pub config: anyhow::Result<client::Config>,
    /// The key that signs, for signing.
    pub key: Option<PathBuf>,
    /// Its certificate.
    pub cert: Option<PathBuf>,
}

impl Means {
    /// A session with a window that answers.
    async fn session(self) -> anyhow::Result<Session> {
        let window = client::Window::connect(&self.config?).await?;
        Ok(Session { window, output: self.output, language: self.language })
    }

    /// A session with a window that may be away for now.
    fn patient_session(self) -> anyhow::Result<Session> {
        let window = client::Window::connect_lazy(&self.config?)?;
        Ok(Session { window, output: self.output, language: self.language })
    }
}

impl Means {
    /// Tells that a file cannot be used.
    fn refused(&self, problem: &Problem) -> io::Result<Exit> {
        super::tell_refusal(self.output, problem)
    }
}

/// Does what the verb says.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(means: Means, args: Ceb) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::Send(args) => send::run(&means.session().await?, args).await,
        Verb::Watch(args) => watch::run(&means.patient_session()?, args).await,
        Verb::Receipts(args) => receipts::run(&means.session().await?, args).await,
        Verb::Documents(args) => documents::run(&means.session().await?, args).await,
        Verb::Show(args) => show::run(&means.session().await?, args).await,
        Verb::Explain(args) => {
            super::quietly(explain::explain(means.output, means.language, &args))
        }
        Verb::Sign(args) => super::quietly(seal::sign(&means, &args)),
        Verb::Verify(args) => super::quietly(seal::verify(&means, &args)),
    }
}

/// Sends messages that another command was given; waits so many seconds for their end, if any.
pub(super) async fn send(
    session: &Session,
    files: Vec<PathBuf>,
    patience: Option<u64>,
) -> anyhow::Result<Exit> {
    // Who does not wait needs no patience.
    let (wait, wait_seconds) = (patience.is_some(), patience.unwrap_or_default());
    send::send_all(session, send::Send { files: Files { files }, wait, wait_seconds }).await
}

/// Says what is wrong with messages that another command was given.
pub(super) fn check(session: &Session, files: Vec<PathBuf>) -> anyhow::Result<Exit> {
    let args = explain::Explain { files: Files { files }, brief: true };
    explain::explain(session.output, session.language, &args)
}

/// Files of a command, `-` for standard input.
#[derive(Debug, clap::Args)]
struct Files {
    /// Messages or envelopes, plain or .gz; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}
