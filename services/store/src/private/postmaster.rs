//! The server's main process: whether it lives, and how it is stopped.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::error::Error;

/// Fast shutdown writes a checkpoint, which may take long on a slow disk; an immediate one leaves
/// that to recovery at the next start. Neither loses a commit, nor does the kill.
pub(super) const FAST: &[(Signal, Duration)] =
    &[(Signal::INT, Duration::from_secs(30)), (Signal::QUIT, Duration::from_secs(10)), KILL];
pub(super) const IMMEDIATE: &[(Signal, Duration)] =
    &[(Signal::QUIT, Duration::from_secs(10)), KILL];
const KILL: (Signal, Duration) = (Signal::KILL, Duration::from_secs(5));
/// An orphan is not our child, so nobody tells us of its end.
const ORPHAN_POLL: Duration = Duration::from_millis(200);

/// The server's main process.
#[derive(Debug)]
pub(super) enum Postmaster {
    Child { child: Child, log_from: u64 },
    Orphan { pid: Pid, pg: PathBuf },
}

impl Postmaster {
    /// Returns when the process has ended, with how it ended.
    pub(super) async fn gone(&mut self) -> String {
        match self {
            Self::Child { child, .. } => match child.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            },
            Self::Orphan { pid, pg } => {
                while is_server_of(*pid, pg) {
                    sleep(ORPHAN_POLL).await;
                }
                "not our child, status unknown".to_owned()
            }
        }
    }

    fn pid(&self) -> Option<Pid> {
        match self {
            Self::Child { child, .. } => {
                child.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?))
            }
            Self::Orphan { pid, pg } => is_server_of(*pid, pg).then_some(*pid),
        }
    }

    /// Sends each signal in turn until one of them ends the process within its time.
    pub(super) async fn stop(&mut self, signals: &[(Signal, Duration)]) -> Result<(), Error> {
        let Some(pid) = self.pid() else { return Ok(()) };
        for (signal, patience) in signals {
            // An error means that it is gone already, which the wait finds.
            let _ = kill_process(pid, *signal);
            if timeout(*patience, self.gone()).await.is_ok() {
                return Ok(());
            }
            warn!(pid = pid.as_raw_pid(), ?signal, "PostgreSQL did not stop in time");
        }
        Err(Error::Unstoppable { pid: pid.as_raw_pid() })
    }
}

/// Whether this process is the server of this cluster, not one to which its number passed on.
/// A zombie has no command line, and unlike `/proc/<pid>/cwd` this needs no privilege.
pub(super) fn is_server_of(pid: Pid, pg: &Path) -> bool {
    fs::read(format!("/proc/{}/cmdline", pid.as_raw_pid()))
        .is_ok_and(|line| line.split(|byte| *byte == 0).any(|arg| arg == pg.as_os_str().as_bytes()))
}
