//! The server's main process: whether it lives, and how it is stopped.

use std::fs;
use std::io;
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
const UNSEEN_POLL: Duration = Duration::from_secs(1);

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
            Self::Child { child, .. } => loop {
                match child.wait().await {
                    Ok(status) => return status.to_string(),
                    // The system could not say. That is no evidence of an end.
                    Err(error) => {
                        warn!(%error, "whether PostgreSQL runs cannot be seen");
                        sleep(UNSEEN_POLL).await;
                    }
                }
            },
            Self::Orphan { pid, pg } => {
                let mut unseen = false;
                loop {
                    match seen(*pid, pg) {
                        Ok(true) => unseen = false,
                        Ok(false) => return "not our child, status unknown".to_owned(),
                        // Out of descriptors, for example.
                        Err(error) => {
                            if !std::mem::replace(&mut unseen, true) {
                                warn!(%error, "whether PostgreSQL runs cannot be seen");
                            }
                        }
                    }
                    sleep(ORPHAN_POLL).await;
                }
            }
        }
    }

    /// `None` when it is certain that there is no such process any more.
    fn pid(&self) -> Option<Pid> {
        match self {
            Self::Child { child, .. } => {
                child.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?))
            }
            Self::Orphan { pid, pg } => seen(*pid, pg).unwrap_or(true).then_some(*pid),
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
///
/// # Errors
///
/// When that cannot be seen, which says neither yes nor no.
pub(super) fn seen(pid: Pid, pg: &Path) -> io::Result<bool> {
    match fs::read(format!("/proc/{}/cmdline", pid.as_raw_pid())) {
        Ok(line) => Ok(is_server_of(&line, pg)),
        Err(error) if is_no_process(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gone before it was opened, or while it was read.
fn is_no_process(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// The command line that we start a server with: others may name the directory too.
fn is_server_of(line: &[u8], pg: &Path) -> bool {
    let mut args = line.split(|byte| *byte == 0);
    let program = args.next().and_then(|path| path.rsplit(|byte| *byte == b'/').next());
    program == Some(b"postgres".as_slice()) && args.any(|arg| arg == pg.as_os_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_postgres_of_the_directory_is_its_server() {
        let pg = Path::new("/data/pg");
        assert!(is_server_of(b"/usr/lib/postgresql/15/bin/postgres\0-D\0/data/pg\0-c\0x=y\0", pg));
        for other in [
            &b"/usr/bin/postgres\0-D\0/data/pg2\0"[..],
            b"tar\0-c\0/data/pg\0",
            b"postgres: checkpointer \0",
            b"",
        ] {
            assert!(!is_server_of(other, pg), "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn an_error_is_no_evidence_of_an_end() {
        let errors =
            [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE, rustix::io::Errno::ACCESS];
        assert!(!errors.into_iter().any(|error| is_no_process(&error.into())));
        assert!(is_no_process(&rustix::io::Errno::NOENT.into()));
        assert!(is_no_process(&rustix::io::Errno::SRCH.into()));
        // A number beyond what the system gives out.
        let nobody = Pid::from_raw(i32::MAX).expect("positive");
        assert!(!seen(nobody, Path::new("/data/pg")).expect("it is certain"));
    }
}
