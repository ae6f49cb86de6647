//! The binary: reads the command line, starts what it asks for, says how it ended.

use std::process::ExitCode;

use window::command_line::Cli;

/// Measured: a fifth to two fifths more calls on the same machine.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(ended) => return ended,
    };
    cli.start_logging();
    let language = cli.language();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return window::command_line::failed(&anyhow::Error::new(error), language),
    };
    let ended = runtime.block_on(cli.run());
    // What still runs is not waited for: everything that matters was finished before.
    runtime.shutdown_background();
    ended.unwrap_or_else(|error| window::command_line::failed(&error, language))
}
