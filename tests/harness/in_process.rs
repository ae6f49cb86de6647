//! A window in this process, with threads and a log of its own.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;
use window::command_line::Cli;
use window::run::Settings;
use window::sandbox::{Sandbox, SandboxParts};
use window::signals::Ending;

use super::PATIENCE;

/// How something ended.
pub(crate) type Ended = Result<(), String>;

/// What the binary would start with these arguments.
pub(crate) fn settings(args: Vec<OsString>) -> (Settings, SandboxParts) {
    let asked = Cli::read(args).unwrap_or_else(|_| panic!("the command line says what is wrong"));
    asked.sandbox().expect("a directory").expect("a sandbox")
}

/// A window in this process. What a process has once, it does not touch: signals, metrics, the log.
pub(crate) struct InProcess {
    ending: Ending,
    ended: Receiver<Ended>,
    runtime: Option<Runtime>,
}

impl InProcess {
    /// Starts a sandbox; what it logs goes where the binary's would.
    pub(crate) fn start(settings: Settings, cast: SandboxParts, log: File) -> Self {
        let (ending, (say, ended)) = (Ending::default(), channel());
        let mut said = log.try_clone().expect("the log is open");
        let runtime = runtime(log);
        let told = ending.clone();
        runtime.spawn(async move {
            let run = async {
                match Sandbox::start(settings, cast, &told).await? {
                    Some(sandbox) => sandbox.run(&told).await,
                    None => Ok(()),
                }
            };
            let how = run.await.map_err(|error| format!("{error:#}"));
            if let Err(error) = &how {
                writeln!(said, "error: {error}").expect("the log is open");
            }
            // Nobody listens any more when the journey has failed.
            let _unheard = say.send(how);
        });
        Self { ending, ended, runtime: Some(runtime) }
    }

    /// How it ended by itself, when it did.
    pub(crate) fn has_ended(&self) -> Option<Ended> {
        match self.ended.try_recv() {
            Ok(ended) => Some(ended),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err("it panicked".to_owned())),
        }
    }

    /// Tells it to end in order.
    pub(crate) fn drain(&self) {
        self.ending.drain.cancel();
    }

    /// Waits until it has ended.
    pub(crate) fn wait(self) -> Ended {
        let ended = self.ended.recv_timeout(PATIENCE);
        ended.unwrap_or_else(|error| Err(format!("it did not end in order: {error}")))
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Threads whose log is this file: so each window has its own, as each process has.
fn runtime(log: File) -> Runtime {
    let filter = EnvFilter::new("warn,sqlx::postgres::notice=error");
    let lines = tracing_subscriber::fmt().json().with_env_filter(filter);
    let log = tracing::Dispatch::new(lines.with_writer(Mutex::new(log)).finish());
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("window")
        .enable_all()
        .on_thread_start(move || {
            // For as long as there is the thread.
            std::mem::forget(tracing::dispatcher::set_default(&log));
        })
        .build()
        .expect("a runtime")
}
