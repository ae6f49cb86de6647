//! What shells and `man` know of the program: completions and manual pages, made of the command line itself.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use cli::BilingualText;

use crate::command_line::Cli;

/// Print the completions of a shell, for its directory of completions.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Write a manual page for each command into a directory.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Where; made when it is not there.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

const NAME: &str = "single-window";

/// Prints completions.
pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut text);
    std::io::stdout().write_all(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes manual pages.
pub(crate) fn man(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let directory = &args.directory;
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), directory))
        .with_context(|| BilingualText::unwritable(directory))?;
    Ok(ExitCode::SUCCESS)
}
