//! Backups of a PostgreSQL: copies of the whole (base backups) and everything that was written since (WAL), in
//! one directory, from which any moment since the first copy can be had back.
//!
//! `base/` has a folder a copy, named by the moment at which it was whole; one that is not whole has another
//! ending. `wal/` is written by PostgreSQL's own receiver as it happens, so what is acknowledged is in the backup
//! within moments and not only when a segment is full.
//!
//! The invariant: the server keeps every piece of WAL until the receiver has stored it, also while the receiver
//! is away (a replication slot), up to [`KEPT_WAL`].

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use tokio::process::Command;

use crate::private;

/// The place of the receiver in the server's WAL.
const SLOT: &str = "single_window_backup";
/// A backup directory that is away must not fill the disk of the window.
pub(crate) const KEPT_WAL: &str = "8GB";
/// What a segment is called that is still being written.
const PARTIAL: &str = ".partial";
/// What a copy is called that is not whole.
const UNFINISHED: &str = ".unfinished";
/// How long the receiver may take to end.
const RECEIVER_ENDS: Duration = Duration::from_secs(10);

/// Why a backup was not made or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A program of PostgreSQL failed.
    #[error("{program} failed ({status}): {output}")]
    Program {
        /// Which one.
        program: &'static str,
        /// How it ended.
        status: String,
        /// What it said.
        output: String,
    },
    /// A file operation failed.
    #[error("cannot {doing} {}", .path.display())]
    File {
        /// The verb.
        doing: &'static str,
        /// Its object.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The server refused.
    #[error("PostgreSQL does not answer for the backup")]
    Database(#[from] sqlx::Error),
    /// There is no copy that is old enough.
    #[error("there is no backup in {} that was whole before {time}", .directory.display())]
    NoBase {
        /// The directory of backups.
        directory: PathBuf,
        /// The moment that is wanted.
        time: String,
    },
    /// There is a database already.
    #[error("{} is there already: restore into a data directory without a database", .pg.display())]
    Occupied {
        /// The cluster's directory.
        pg: PathBuf,
    },
    /// The private PostgreSQL cannot be used.
    #[error(transparent)]
    Private(#[from] private::Error),
}

impl BackupError {
    /// The same in Chinese. What PostgreSQL and the system say themselves stays as it is.
    pub fn text_zh(&self) -> String {
        match self {
            Self::Program { program, status, output } => {
                format!("{program}失败（{status}）：{output}")
            }
            Self::File { path, .. } => format!("无法使用{}", path.display()),
            Self::Database(_) => "备份时PostgreSQL未应答".to_owned(),
            Self::NoBase { directory, time } => {
                format!("{}中没有在{time}之前完成的备份", directory.display())
            }
            Self::Occupied { pg } => {
                format!("{}已存在：请恢复到没有数据库的数据目录", pg.display())
            }
            Self::Private(error) => error.text_zh(),
        }
    }
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { doing, path, source }
}

/// A server that is backed up, and where its backups are.
#[derive(Debug)]
pub struct Backup {
    /// Where PostgreSQL's programs are.
    programs: PathBuf,
    /// As its programs take it.
    url: String,
    options: PgConnectOptions,
    directory: PathBuf,
}

/// A copy of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseBackup {
    /// Its folder.
    pub path: PathBuf,
    /// When it was whole: it goes back to this moment and any later one.
    pub time: OffsetDateTime,
}

impl Backup {
    /// Of the server behind an address, or of the private one in a data directory that runs.
    ///
    /// # Errors
    ///
    /// When the programs are not found or the directory cannot be made.
    pub async fn of(
        (url, data_dir): (Option<(String, PgConnectOptions)>, &Path),
        search: (Option<&Path>, Option<&OsStr>),
        directory: &Path,
    ) -> Result<Self, BackupError> {
        let programs = private::programs(&data_dir.join("pg"), search).await?;
        let (url, options) = match url {
            Some(named) => named,
            None => private::running(data_dir)?,
        };
        for folder in ["base", "wal"].map(|folder| directory.join(folder)) {
            fs::create_dir_all(&folder).map_err(file("create", &folder))?;
        }
        Ok(Self { programs, url, options, directory: directory.to_owned() })
    }

    /// Makes a copy while the server goes on, and forgets the oldest copies but so many, with the WAL that only
    /// they need.
    ///
    /// # Errors
    ///
    /// What kept it from being made; nothing that was there before is gone.
    pub async fn copy(&self, keep: usize) -> Result<BaseBackup, BackupError> {
        // Its WAL has to be there from the beginning on, whenever the receiver comes.
        self.make_slot().await?;
        let bases = self.directory.join("base");
        let unfinished = bases.join(format!("{}{UNFINISHED}", std::process::id()));
        let mut command = self.command("pg_basebackup");
        command.args(["--wal-method=none", "--checkpoint=fast", "--format=plain", "--pgdata"]);
        finished("pg_basebackup", command.arg(&unfinished)).await?;
        let mut connection = PgConnection::connect_with(&self.options).await?;
        let time: OffsetDateTime =
            sqlx::query_scalar("select clock_timestamp()").fetch_one(&mut connection).await?;
        // The segment with the end of the copy is stored soon, though nobody writes.
        let _moved: Option<String> =
            sqlx::query_scalar("select pg_switch_wal()::text").fetch_one(&mut connection).await?;
        connection.close().await?;
        let path = bases.join(name(time));
        fs::rename(&unfinished, &path).map_err(file("create", &path))?;
        self.forget(keep.max(1)).await?;
        Ok(BaseBackup { path, time })
    }

    /// Receives what the server writes, until `stop`.
    ///
    /// # Errors
    ///
    /// When the receiver ends by itself.
    pub async fn receive(&self, stop: impl Future<Output = ()>) -> Result<(), BackupError> {
        self.make_slot().await?;
        let mut command = self.command("pg_receivewal");
        // A server that is away for a moment comes back; the receiver waits for it.
        command.args(["--synchronous", "--slot", SLOT, "--status-interval=1", "--directory"]);
        command.arg(self.directory.join("wal")).stdin(Stdio::null()).kill_on_drop(true);
        let mut child =
            command.spawn().map_err(file("run", &self.programs.join("pg_receivewal")))?;
        let status = tokio::select! {
            status = child.wait() => status.map_err(file("run", &self.programs))?,
            () = stop => {
                if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok())
                    && let Some(pid) = rustix::process::Pid::from_raw(pid)
                {
                    // One that is gone has ended.
                    let _gone = rustix::process::kill_process(pid, rustix::process::Signal::INT);
                }
                // One that does not end is killed with this.
                let _ended = tokio::time::timeout(RECEIVER_ENDS, child.wait()).await;
                return Ok(());
            }
        };
        Err(failed("pg_receivewal", status, "see above"))
    }

    async fn make_slot(&self) -> Result<(), BackupError> {
        let mut command = self.command("pg_receivewal");
        finished(
            "pg_receivewal",
            command.args(["--create-slot", "--if-not-exists", "--slot", SLOT]),
        )
        .await
    }

    async fn forget(&self, keep: usize) -> Result<(), BackupError> {
        let all = list(&self.directory)?;
        let (old, kept) = all.split_at(all.len().saturating_sub(keep));
        for base in old {
            fs::remove_dir_all(&base.path).map_err(file("remove", &base.path))?;
        }
        let Some(first) = kept.first().filter(|_| !old.is_empty()) else { return Ok(()) };
        let first = first_segment(&first.path)?;
        let mut command = Command::new(self.programs.join("pg_archivecleanup"));
        finished("pg_archivecleanup", command.arg(self.directory.join("wal")).arg(first)).await
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args(["--no-password", "--dbname"]).arg(&self.url).env("LC_ALL", "C");
        command
    }
}

/// The copies in a directory, oldest first.
///
/// # Errors
///
/// When it cannot be read.
pub fn list(directory: &Path) -> Result<Vec<BaseBackup>, BackupError> {
    let bases = directory.join("base");
    let entries = fs::read_dir(&bases).map_err(file("read", &bases))?;
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let time = OffsetDateTime::parse(entry.file_name().to_str()?, &Rfc3339).ok()?;
            Some(BaseBackup { path: entry.path(), time })
        })
        .collect();
    found.sort_by_key(|base| base.time);
    Ok(found)
}

/// Puts the newest copy that is old enough, and the WAL since, where a data directory has its database. The next
/// server there goes on to the moment that is wanted, or to the end of the WAL.
///
/// # Errors
///
/// When there is no such copy, when it is damaged, or when there is a database already.
pub async fn put_back(
    directory: &Path,
    data_dir: &Path,
    search: (Option<&Path>, Option<&OsStr>),
    until: Option<OffsetDateTime>,
) -> Result<BaseBackup, BackupError> {
    let data_dir = private::make_data_dir(data_dir)?;
    let pg = data_dir.join("pg");
    if pg.exists() {
        return Err(BackupError::Occupied { pg });
    }
    let all = list(directory)?;
    let base = all.into_iter().rev().find(|base| until.is_none_or(|until| base.time <= until));
    let base = base.ok_or_else(|| BackupError::NoBase {
        directory: directory.to_owned(),
        time: until.map_or_else(|| "now".to_owned(), name),
    })?;
    let programs = private::programs(&base.path, search).await?;
    let mut verify = Command::new(programs.join("pg_verifybackup"));
    finished("pg_verifybackup", verify.arg("--no-parse-wal").arg(&base.path)).await?;
    let unfinished = data_dir.join(format!("pg.tmp.{}", std::process::id()));
    copy(&base.path, &unfinished)?;
    let first = first_segment(&base.path)?;
    let (stored, wal) = (directory.join("wal"), unfinished.join("pg_wal"));
    for entry in fs::read_dir(&stored).map_err(file("read", &stored))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // The one that was being written is as good as far as it goes.
        let name = name.strip_suffix(PARTIAL).unwrap_or(&name);
        let to = wal.join(name);
        // By the names of segments, without their time line.
        let is_older = name.len() == first.len() && name[8..] < first[8..];
        if !is_older && !to.exists() {
            fs::copy(entry.path(), &to).map_err(file("copy", &entry.path()))?;
        }
    }
    // All of it is in its place: there is nothing to fetch.
    let target = until.map_or_else(String::new, |until| {
        format!("recovery_target_time = '{}'\n", as_postgres(until))
    });
    let settings =
        format!("restore_command = 'false'\nrecovery_target_action = 'promote'\n{target}");
    let own = unfinished.join("postgresql.auto.conf");
    let before = fs::read_to_string(&own).map_err(file("read", &own))?;
    fs::write(&own, format!("{before}{RECOVERY}{settings}")).map_err(file("write", &own))?;
    let signal = unfinished.join("recovery.signal");
    fs::write(&signal, "").map_err(file("write", &signal))?;
    fs::rename(&unfinished, &pg).map_err(file("create", &pg))?;
    Ok(base)
}

/// Waits until a server that was put back has gone on to where it should, takes its settings for that out, and
/// says when the last transaction was that it has; `None` when there was none since the copy.
///
/// # Errors
///
/// When it stops before.
pub async fn recovered(
    data_dir: &Path,
    options: &PgConnectOptions,
) -> Result<Option<OffsetDateTime>, BackupError> {
    let mut connection = PgConnection::connect_with(options).await?;
    while sqlx::query_scalar::<_, bool>("select pg_is_in_recovery()")
        .fetch_one(&mut connection)
        .await?
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let last = sqlx::query_scalar("select pg_last_xact_replay_timestamp()");
    let last = last.fetch_one(&mut connection).await?;
    connection.close().await?;
    let own = data_dir.join("pg/postgresql.auto.conf");
    let text = fs::read_to_string(&own).map_err(file("read", &own))?;
    let kept = text.split(RECOVERY).next().unwrap_or_default(); // a split has always a first part
    fs::write(&own, kept).map_err(file("write", &own))?;
    Ok(last)
}

/// What stands above the settings of a recovery.
const RECOVERY: &str = "# single-window: how this database is put back\n";

/// A folder is named by when it was whole.
fn name(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_else(|_| time.unix_timestamp().to_string()) // years have four digits
}

/// A moment as a setting of PostgreSQL has it.
fn as_postgres(time: OffsetDateTime) -> String {
    let shape = format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]+00"
    );
    let text = time.to_offset(time::UtcOffset::UTC).format(shape);
    text.unwrap_or_else(|_| name(time)) // every part of it is there
}

/// The first segment of WAL that a copy needs, as its label says it.
fn first_segment(base: &Path) -> Result<String, BackupError> {
    let label = base.join("backup_label");
    let text = fs::read_to_string(&label).map_err(file("read", &label))?;
    let named = text.split_once("(file ").and_then(|(_, rest)| rest.split_once(')'));
    let none = || io::Error::new(io::ErrorKind::InvalidData, "it names no segment");
    named.map(|(name, _)| name.to_owned()).ok_or_else(|| file("understand", &label)(none()))
}

fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::create_dir_all(to).map_err(file("create", to))?;
    fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .map_err(file("protect", to))?;
    for entry in fs::read_dir(from).map_err(file("read", from))?.flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(file("examine", &path))?.is_dir() {
            copy(&path, &to)?;
        } else {
            fs::copy(&path, &to).map_err(file("copy", &path))?;
        }
    }
    Ok(())
}

async fn finished(program: &'static str, command: &mut Command) -> Result<(), BackupError> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(file("run", Path::new(program)))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(program, output.status, String::from_utf8_lossy(&output.stderr).trim()))
}

fn failed(program: &'static str, status: ExitStatus, output: &str) -> BackupError {
    BackupError::Program { program, status: status.to_string(), output: output.to_owned() }
}
