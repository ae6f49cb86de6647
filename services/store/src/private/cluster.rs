//! The cluster: made once and atomically, then served by a process that is adopted or started.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use super::directory::{self, make_private_dir, write_file};
use super::error::{Error, file};
use super::postmaster::{IMMEDIATE, Postmaster, seen};
use super::programs::Search;
use super::run_as::RunAs;
use super::{DATABASE, PORT, USER};
use crate::backup::KEPT_WAL;

/// An orphan has been running already; when it stays silent, it is wedged.
const ORPHAN_SILENCE_MAX: Duration = Duration::from_secs(5);
/// Starting takes some 40 ms, recovery minutes, in which each try costs a process and a log line.
const READY_POLL_MIN: Duration = Duration::from_millis(10);
const READY_POLL_MAX: Duration = Duration::from_millis(500);

/// What is needed to start a server, as often as it takes.
#[derive(Debug)]
pub(super) struct Cluster {
    programs: PathBuf,
    pg: PathBuf,
    pub(super) socket_dir: PathBuf,
    pub(super) log: PathBuf,
    run_as: Option<RunAs>,
}

impl Cluster {
    pub(super) async fn open(data_dir: &Path, search: &Search<'_>) -> Result<Self, Error> {
        let pg = data_dir.join("pg");
        let run_as = RunAs::for_cluster(&pg)?;
        directory::make_private(data_dir, run_as)?;
        let programs = search.find(&pg).await?;
        if let Some(user) = run_as {
            user.check_reaches(data_dir)?;
            user.check_reaches(&programs)?;
        }
        let socket_dir = directory::socket_dir(data_dir, run_as)?;
        let cluster = Self { programs, pg, socket_dir, log: data_dir.join("postgres.log"), run_as };
        directory::remove_unfinished(data_dir)?;
        if !cluster.pg.join("PG_VERSION").exists() {
            cluster.init(data_dir).await?;
        }
        Ok(cluster)
    }

    /// Makes the cluster under another name and renames it when it is whole and on disk.
    ///
    /// The name is new each time: an `initdb` that outlived a killed window may still be writing.
    async fn init(&self, data_dir: &Path) -> Result<(), Error> {
        info!(directory = %self.pg.display(), "making a PostgreSQL cluster");
        let pg_tmp = data_dir.join(format!("pg.tmp.{}", directory::random_name()));
        let fresh = || make_private_dir(&pg_tmp, self.run_as).map_err(file("create", &pg_tmp));
        fresh()?;
        // Musl and old systems lack C.UTF-8. The failed initdb leaves the directory empty.
        if self.initdb(&pg_tmp, "C.UTF-8").await.is_err() {
            fresh()?;
            self.initdb(&pg_tmp, "C").await?;
        }
        let conf = pg_tmp.join("postgresql.conf");
        let mut text = fs::read_to_string(&conf).map_err(file("read", &conf))?;
        text.push_str("\ninclude_if_exists 'single_window.conf'\n# Your own settings go here.\n");
        write_file(&conf, &text, self.run_as).map_err(file("write", &conf))?;
        directory::sync_dir(&pg_tmp)?;
        fs::rename(&pg_tmp, &self.pg).map_err(file("create", &self.pg))?;
        directory::sync_dir(data_dir)
    }

    async fn initdb(&self, directory: &Path, locale: &str) -> Result<(), Error> {
        let mut command = self.command("initdb");
        command.args(["--username", USER, "--encoding", "UTF8", "--locale", locale]);
        // Who may enter the socket's directory is the server's user or root: that is the password.
        command.args(["--auth-local=trust", "--auth-host=reject", "--data-checksums"]);
        command.arg("--no-instructions").arg("--pgdata").arg(directory);
        // Half a cluster is thrown away, so a start that is cancelled may kill it.
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.map_err(file("run", &self.programs.join("initdb")))?;
        if output.status.success() {
            return Ok(());
        }
        let output_text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::InitFailed { status: output.status.to_string(), output: output_text })
    }

    /// The server that an earlier, killed window left running, if it serves as ours would.
    /// We hold the lock, so it is nobody else's; one that does not serve is stopped.
    pub(super) async fn adopt(&self) -> Result<Option<Postmaster>, Error> {
        let record_file = self.pg.join("postmaster.pid");
        let record = match fs::read_to_string(&record_file) {
            Ok(record) => record,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // Not evidence that nobody serves.
            Err(error) => return Err(file("read", &record_file)(error)),
        };
        let lines: Vec<&str> = record.lines().collect();
        let Some(pid) = recorded(&record) else { return Ok(None) };
        if !seen(pid, &self.pg).map_err(file("examine the process of", &record_file))? {
            return Ok(None);
        }
        let mut orphan = Postmaster::Orphan { pid, pg: self.pg.clone() };
        let same_socket = lines.get(3).is_some_and(|port| port.trim() == PORT.to_string())
            && lines.get(4).is_some_and(|dir| Path::new(dir.trim()) == self.socket_dir);
        let options = self.connect_options();
        if same_socket && open_database(&options, ORPHAN_SILENCE_MAX).await.is_ok() {
            info!(pid = pid.as_raw_pid(), "adopted the running PostgreSQL of an earlier window");
            return Ok(Some(orphan));
        }
        warn!(pid = pid.as_raw_pid(), "stopping an unusable PostgreSQL of an earlier window");
        orphan.stop(IMMEDIATE).await?;
        Ok(None)
    }

    /// Whoever calls this has made sure that no server of ours runs.
    pub(super) fn spawn(&self) -> Result<Postmaster, Error> {
        self.disown_stale_record()?;
        make_private_dir(&self.socket_dir, self.run_as)
            .map_err(file("create", &self.socket_dir))?;
        let settings = self.pg.join("single_window.conf");
        write_file(&settings, &tuning(), self.run_as).map_err(file("write", &settings))?;
        let (log, log_from) = directory::open_log(&self.log).map_err(file("open", &self.log))?;
        let log_too = log.try_clone().map_err(file("open", &self.log))?;
        let mut socket_dir = OsString::from("unix_socket_directories=");
        socket_dir.push(&self.socket_dir);
        let mut command = self.command("postgres");
        command.arg("-D").arg(&self.pg).arg("-c").arg(socket_dir);
        for setting in [
            "port=5432",
            "listen_addresses=",
            "unix_socket_permissions=0700",
            "fsync=on",
            "full_page_writes=on",
            "synchronous_commit=on",
            "logging_collector=off",
            "log_destination=stderr",
        ] {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(log).stderr(log_too);
        // A process group of its own keeps the terminal's Ctrl-C from it: we drain first.
        command.process_group(0);
        let child = command.spawn().map_err(file("run", &self.programs.join("postgres")))?;
        Ok(Postmaster::Child { child, log_from })
    }

    /// A server refuses to start when the record of its predecessor names a process that lives, though
    /// it be another: after a container starts again, numbers are given anew. Our own number, its
    /// parent's, it takes for stale. The rest of the record stays: by it the server makes sure that no
    /// backend of its predecessor still has the shared memory.
    fn disown_stale_record(&self) -> Result<(), Error> {
        let path = self.pg.join("postmaster.pid");
        let record = match fs::read_to_string(&path) {
            Ok(record) => record,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(file("read", &path)(error)),
        };
        let Some(pid) = recorded(&record) else { return Ok(()) };
        let lives = !matches!(test_kill_process(pid), Err(Errno::SRCH));
        if !lives || seen(pid, &self.pg).map_err(file("examine the process of", &path))? {
            return Ok(());
        }
        warn!(
            pid = pid.as_raw_pid(),
            "a server that is gone left its record, and somebody else has its number"
        );
        let rest = record.split_once('\n').map_or("", |(_, rest)| rest);
        let ours = format!("{}\n{rest}", std::process::id());
        write_file(&path, &ours, self.run_as).map_err(file("write", &path))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        // A server that reports to systemd by itself would declare our service ready.
        command.env_remove("NOTIFY_SOCKET").env("LC_ALL", "C");
        // Our own directory may be closed to the server's user.
        command.current_dir("/");
        if let Some(user) = self.run_as {
            // With these, the standard library drops root's supplementary groups too.
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    pub(super) fn connect_options(&self) -> PgConnectOptions {
        connect_options(&self.socket_dir)
    }
}

/// How to connect to the server with this socket.
pub(super) fn connect_options(socket_dir: &Path) -> PgConnectOptions {
    let options = PgConnectOptions::new_without_pgpass().socket(socket_dir).port(PORT);
    options.username(USER).database(DATABASE).ssl_mode(PgSslMode::Disable)
}

/// The process in a server's record. PostgreSQL writes its number negated when in single-user mode,
/// which serves nobody.
fn recorded(record: &str) -> Option<Pid> {
    let pid: i32 = record.lines().next()?.trim().parse().ok()?;
    (pid > 0).then(|| Pid::from_raw(pid)).flatten()
}

/// Settings of taste, which the user's own in `postgresql.conf` may override.
fn tuning() -> String {
    // A quarter of the memory, as PostgreSQL's manual advises; more than 256 MB brings nothing
    // to a working set of open declarations. Where the memory cannot be read, little is taken.
    let meminfo = fs::read_to_string("/proc/meminfo").ok();
    let total_kb = meminfo.and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    let buffers_mb = total_kb.map_or(64, |kb| kb / 1024 / 4).clamp(16, 256);
    // Every service has connections for reading and for work of its own: five have 92 when all of them are used.
    // wal_compression stays off: document bodies are compressed already, by lz4 in TOAST, and the
    // processor is scarcer than the disk. log_error_verbosity is terse because the detail of an
    // error quotes the row, and rows hold declarations.
    format!(
        "# Written by single-window at every start. Your own settings belong into
# postgresql.conf, below the line that includes this file.
shared_buffers = {buffers_mb}MB
max_connections = 128
max_wal_size = 4GB
max_slot_wal_keep_size = {KEPT_WAL}
checkpoint_timeout = 15min
default_toast_compression = lz4
random_page_cost = 1.1
jit = off
autovacuum = on
log_min_messages = warning
log_error_verbosity = terse
"
    )
}

/// Why our database is not open.
pub(super) enum OpenError {
    Silent,
    Refused(sqlx::Error),
}

/// Connects until the server is up, and creates our database if it is missing.
///
/// Gives up when nobody answers for `silence_max`. A server that says it is starting is not
/// silent: recovery starts from its beginning each time, so cutting it short would never end it.
pub(super) async fn open_database(
    options: &PgConnectOptions,
    silence_max: Duration,
) -> Result<(), OpenError> {
    let mut answered = Instant::now();
    let mut pause = READY_POLL_MIN;
    loop {
        // A stopped process accepts the connection and never speaks.
        let Ok(connected) = timeout_at(answered + silence_max, options.connect()).await else {
            return Err(OpenError::Silent);
        };
        let error = match connected {
            Ok(connection) => return connection.close().await.map_err(OpenError::Refused),
            Err(error) => error,
        };
        match error.as_database_error().map(sqlx::error::DatabaseError::code) {
            Some(Some(code)) if code == "3D000" => {
                return create_database(options).await.map_err(OpenError::Refused);
            }
            // Starting up, or so busy that its slots are taken.
            Some(Some(code)) if code == "57P03" || code == "53300" => answered = Instant::now(),
            Some(_) => return Err(OpenError::Refused(error)),
            // No socket yet, or nobody behind it.
            None if answered.elapsed() > silence_max => return Err(OpenError::Silent),
            None => {}
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(READY_POLL_MAX);
    }
}

async fn create_database(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = options.clone().database("postgres").connect().await?;
    sqlx::raw_sql("create database single_window").execute(&mut connection).await?;
    connection.close().await
}
