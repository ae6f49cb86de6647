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

use std::path::PathBuf;

use super::options::Options;
use super::{Exit, Session};

/// National messages (CEB): send them, watch a folder, read receipts.
#[derive(Debug, clap::Args)]
pub struct CebArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Send(send::SendArgs),
    Watch(watch::FolderWatchArgs),
    Receipts(receipts::ReceiptsArgs),
    Documents(documents::DocumentListArgs),
    Show(show::DocumentShowArgs),
    Explain(explain::MessageExplainArgs),
    Sign(seal::SignArgs),
    Verify(seal::VerifyArgs),
}

/// Does what the verb says.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(options: &Options, args: CebArgs) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::Send(args) => send::run(&options.session().await?, args).await,
        Verb::Watch(args) => watch::run(&options.patient_session()?, args).await,
        Verb::Receipts(args) => receipts::run(&options.session().await?, args).await,
        Verb::Documents(args) => documents::run(&options.session().await?, args).await,
        Verb::Show(args) => show::run(&options.session().await?, args).await,
        Verb::Explain(args) => explain::explain(options.output(), options.language(), &args),
        Verb::Sign(args) => seal::sign(options, &args),
        Verb::Verify(args) => seal::verify(options, &args),
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
    send::run(session, send::SendArgs { files: FileArgs { files }, wait, wait_seconds }).await
}

/// Says what is wrong with messages that another command was given.
pub(super) fn check(session: &Session, files: Vec<PathBuf>) -> anyhow::Result<Exit> {
    let args = explain::MessageExplainArgs { files: FileArgs { files }, brief: true };
    explain::explain(session.output, session.language, &args)
}

/// Files of a command, `-` for standard input.
#[derive(Debug, clap::Args)]
struct FileArgs {
    /// Messages or envelopes, plain or .gz; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}
