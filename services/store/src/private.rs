//! The embedded default: a private PostgreSQL cluster that lives and dies with our process.
//!
//! Finds the server programs, makes the cluster once, serves it on a unix socket only, starts it
//! again when it dies and stops it last. Layout below the data directory: `lock`, `pg/` (the
//! cluster), `run/` (the socket), `postgres.log`.
//!
//! Invariants: who holds the lock on `lock` is the only one to start, adopt or stop the server;
//! `pg/` is absent or whole; durability settings stand on the command line, where no
//! configuration file overrides them.

mod cluster;
mod directory;
mod error;
mod postmaster;
mod programs;
mod run_as;

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

use self::cluster::{Cluster, OpenError, open_database};
pub use self::directory::make_data_dir;
pub use self::error::Error;
use self::postmaster::{FAST, IMMEDIATE, Postmaster};
use self::programs::Search;

/// Where PostgreSQL's programs are that fit a cluster, when there is one; looked for as [`PrivatePostgres::start`]
/// does.
///
/// # Errors
///
/// When there are none that fit.
pub async fn programs(
    pg: &Path,
    (programs, path): (Option<&Path>, Option<&OsStr>),
) -> Result<PathBuf, Error> {
    let found = Search { programs, path }.find(pg).await?;
    // Beside a link to the server are no others.
    let server = found.join("postgres").canonicalize().ok();
    let beside = server.and_then(|server| server.parent().map(Path::to_owned));
    Ok(beside.filter(|it| it.join("pg_basebackup").is_file()).unwrap_or(found))
}

/// How to reach the server of a data directory that another process runs: as a URL for PostgreSQL's programs, and
/// to connect.
///
/// # Errors
///
/// When the directory cannot be read.
pub fn running(data_dir: &Path) -> Result<(String, PgConnectOptions), Error> {
    let socket_dir = directory::socket_dir(data_dir, None)?;
    Ok((url(&socket_dir), cluster::connect_options(&socket_dir)))
}

fn url(socket_dir: &Path) -> String {
    format!("postgres://{USER}@localhost:{PORT}/{DATABASE}?host={}", socket_dir.display())
}

/// Names the socket file; no TCP port is opened.
const PORT: u16 = 5432;
const USER: &str = "single_window";
const DATABASE: &str = "single_window";
/// A server that starts answers within a second, if only to say that it is not ready.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// More deaths than this within the window are a fault that restarting does not cure.
const DEATHS_MAX: usize = 8;
/// What the system says when the disk is full.
const NO_ROOM: &str = "No space left on device";
const DEATHS_WINDOW: Duration = Duration::from_mins(5);
/// A server that has not come back for so long will not come back by trying.
const RETURN_MAX: Duration = DEATHS_WINDOW;
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A running private PostgreSQL.
///
/// [`run`](Self::run) must follow. Dropped instead, the server runs on as an orphan, which the
/// next [`start`](Self::start) adopts.
#[derive(Debug)]
pub struct PrivatePostgres {
    cluster: Cluster,
    postmaster: Postmaster,
    _lock: File,
}

impl PrivatePostgres {
    /// Locks `data_dir`, makes the cluster if there is none, starts or adopts its server, and
    /// returns when our database in it answers.
    ///
    /// The programs are looked for in `programs` only when given, otherwise in the directories of
    /// `path` (the value of `PATH`) and then in Debian's, newest version first.
    ///
    /// # Errors
    /// See [`Error`]; nothing is left running. Nor is it after `stop`, which may come at any time and
    /// gives `None`. When this future is dropped after the server was started, see above.
    pub async fn start(
        data_dir: &Path,
        programs: Option<&Path>,
        path: Option<&OsStr>,
        stop: impl Future<Output = ()>,
    ) -> Result<Option<Self>, Error> {
        let mut stop = pin!(stop);
        let data_dir = directory::make_data_dir(data_dir)?;
        let lock = directory::lock(&data_dir)?;
        let search = Search { programs, path };
        let adopted = async {
            let cluster = Cluster::open(&data_dir, &search).await?;
            let orphan = cluster.adopt().await?;
            Ok((cluster, orphan))
        };
        // Until here nothing runs that would not end by itself, or that was not there before.
        let (cluster, orphan) = tokio::select! {
            adopted = adopted => adopted?,
            () = &mut stop => return Ok(None),
        };
        let postmaster = match orphan {
            Some(orphan) => orphan,
            None => cluster.spawn()?,
        };
        let mut this = Self { cluster, postmaster, _lock: lock };
        let ready = tokio::select! {
            ready = this.ready() => ready,
            () = &mut stop => return this.stop().await.map(|()| None),
        };
        ready.map(|()| Some(this))
    }

    /// Watches the server and starts it again when it dies, until `shutdown`; then stops it.
    ///
    /// Run it beside everything that uses the database and complete `shutdown` when that is done.
    ///
    /// # Errors
    /// [`Error::KeepsDying`] with no server left, [`Error::Unstoppable`].
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let mut shutdown = pin!(shutdown);
        let mut deaths = VecDeque::new();
        loop {
            let status = tokio::select! {
                biased;
                () = &mut shutdown => return self.stop().await,
                status = self.postmaster.gone() => status,
            };
            warn!(%status, "PostgreSQL died");
            // One death, however many tries it takes to have it back.
            let pause = pause_after(&mut deaths, Instant::now());
            let back = async {
                match pause {
                    Some(pause) => self.bring_back(pause, &mut deaths).await,
                    None => Err(self.keeps_dying(deaths.len())),
                }
            };
            tokio::select! {
                biased;
                () = &mut shutdown => return self.stop().await,
                back = back => back?,
            }
            info!("PostgreSQL is back");
        }
    }

    /// Starts the server again until it answers.
    ///
    /// A try that fails is no death: what kept it from starting may pass, as backends of the dead server
    /// that still hold its shared memory, or a system without descriptors. People have to be told when
    /// it does not.
    async fn bring_back(
        &mut self,
        mut pause: Duration,
        deaths: &mut VecDeque<Instant>,
    ) -> Result<(), Error> {
        let mut since = Instant::now();
        loop {
            if self.tail().contains(NO_ROOM) {
                // Only people can make room. Until they do nothing is accepted and nothing is lost.
                error!(log = %self.cluster.log.display(), "SW-1502: the disk is full");
                deaths.clear();
                (pause, since) = (PAUSE_MAX, Instant::now());
            } else if since.elapsed() > RETURN_MAX {
                return Err(self.keeps_dying(deaths.len()));
            }
            warn!(pause_ms = pause.as_millis(), "starting PostgreSQL again");
            let Err(error) = self.restart(pause).await else { return Ok(()) };
            let error: &dyn std::error::Error = &error;
            warn!(error, "PostgreSQL did not come back");
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn keeps_dying(&self, deaths: usize) -> Error {
        Error::KeepsDying { deaths, log: self.cluster.log.clone() }
    }

    /// How to connect.
    pub fn connect_options(&self) -> PgConnectOptions {
        self.cluster.connect_options()
    }

    /// The same as a URL, for people and for `psql`.
    pub fn url(&self) -> String {
        url(&self.cluster.socket_dir)
    }

    /// The directory of the server's unix socket.
    pub fn socket_dir(&self) -> &Path {
        &self.cluster.socket_dir
    }

    /// The port, which is a part of the socket's name.
    pub fn port(&self) -> u16 {
        PORT
    }

    /// The database user, a superuser of the cluster.
    pub fn user(&self) -> &'static str {
        USER
    }

    /// Our database.
    pub fn database(&self) -> &'static str {
        DATABASE
    }

    async fn stop(mut self) -> Result<(), Error> {
        self.postmaster.stop(FAST).await?;
        // The one in /tmp would stay behind for ever.
        let _ = fs::remove_dir(&self.cluster.socket_dir);
        Ok(())
    }

    async fn restart(&mut self, pause: Duration) -> Result<(), Error> {
        sleep(pause).await;
        self.postmaster = self.cluster.spawn()?;
        self.ready().await
    }

    /// Waits until the server answers; one that does not is not left running.
    async fn ready(&mut self) -> Result<(), Error> {
        let options = self.cluster.connect_options();
        let ready = tokio::select! {
            ready = open_database(&options, SILENCE_MAX) => ready,
            status = self.postmaster.gone() => {
                let (log, tail) = (self.cluster.log.clone(), self.tail());
                return Err(Error::Exited { status, log, tail });
            }
        };
        let error = match ready {
            Ok(()) => return Ok(()),
            Err(OpenError::Refused(error)) => Error::Database(error),
            Err(OpenError::Silent) => {
                Error::NotReady { log: self.cluster.log.clone(), tail: self.tail() }
            }
        };
        self.postmaster.stop(IMMEDIATE).await?;
        Err(error)
    }

    fn tail(&self) -> String {
        let from =
            if let Postmaster::Child { log_from, .. } = self.postmaster { log_from } else { 0 };
        directory::tail(&self.cluster.log, from)
            .unwrap_or_else(|error| format!("(unreadable: {error})"))
    }
}

/// Forgets old deaths, notes this one, and says how long to wait; `None` when they are too many.
fn pause_after(deaths: &mut VecDeque<Instant>, now: Instant) -> Option<Duration> {
    deaths.retain(|death| now.duration_since(*death) < DEATHS_WINDOW);
    deaths.push_back(now);
    // More than fit are more than enough for the longest pause.
    let doublings = u32::try_from(deaths.len() - 1).unwrap_or(u32::MAX);
    let pause = PAUSE_MIN.saturating_mul(2u32.saturating_pow(doublings)).min(PAUSE_MAX);
    (deaths.len() <= DEATHS_MAX).then_some(pause)
}
