//! Why the private PostgreSQL does not serve, said so that the user can act on it.

use std::io;
use std::path::{Path, PathBuf};

use super::{DATABASE, DEATHS_WINDOW, SILENCE_MAX};

/// Why the private PostgreSQL cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No directory of the search holds both programs.
    #[error(
        "PostgreSQL's programs (initdb, postgres) are not in {searched}: install them \
         (`apt install postgresql`), name their directory in SW_PG_BIN, or give a server of your \
         own with --database-url"
    )]
    ProgramsMissing {
        /// Where we looked, for people.
        searched: String,
    },
    /// The cluster was made by another major version than all programs found.
    #[error("the cluster {} needs PostgreSQL {cluster}, found only {found}", .pg.display())]
    WrongVersion {
        /// The cluster's directory.
        pg: PathBuf,
        /// Its major version.
        cluster: String,
        /// The major versions found.
        found: String,
    },
    /// Another process holds the data directory.
    #[error("the data directory {} is in use by another window{}", .data_dir.display(),
            .holder.map_or_else(String::new, |pid| format!(" (process {pid})")))]
    InUse {
        /// The data directory.
        data_dir: PathBuf,
        /// The process that wrote its id into the lock file.
        holder: Option<u32>,
    },
    /// We are root, PostgreSQL refuses root, and there is no user to run it as.
    #[error(
        "PostgreSQL refuses to run as root and there is no user `postgres`: start the window as \
         another user, or create that one (`useradd --system postgres`)"
    )]
    NoPostgresUser,
    /// The server's user cannot enter a directory on the way.
    #[error(
        "user {uid}, as which PostgreSQL runs, may not enter {}: `chmod o+x` it or give a data \
         directory elsewhere", .directory.display()
    )]
    NotTraversable {
        /// The directory that lacks the permission.
        directory: PathBuf,
        /// The user who lacks it.
        uid: u32,
    },
    /// A file operation failed.
    #[error("cannot {doing} {}", .path.display())]
    File {
        /// The verb.
        doing: &'static str,
        /// Its object.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// `initdb` ended without a cluster.
    #[error("initdb failed ({status}):\n{output}")]
    InitFailed {
        /// How it ended.
        status: String,
        /// What it said.
        output: String,
    },
    /// The server ended before it was ready.
    #[error("PostgreSQL stopped at start ({status}); the end of {}:\n{tail}", .log.display())]
    Exited {
        /// How it ended.
        status: String,
        /// The server's log.
        log: PathBuf,
        /// The last lines of it, of this start.
        tail: String,
    },
    /// The server lives and does not accept connections.
    #[error(
        "PostgreSQL silent for {} s; the end of {}:\n{tail}",
        SILENCE_MAX.as_secs(), .log.display()
    )]
    NotReady {
        /// The server's log.
        log: PathBuf,
        /// The last lines of it, of this start.
        tail: String,
    },
    /// The server refused us or the creation of our database.
    #[error("cannot open the database {DATABASE}")]
    Database(#[source] sqlx::Error),
    /// The server died too often.
    #[error(
        "PostgreSQL died {deaths} times in {} s and is not coming back, see {}",
        DEATHS_WINDOW.as_secs(), .log.display()
    )]
    KeepsDying {
        /// How often within the window.
        deaths: usize,
        /// The server's log.
        log: PathBuf,
    },
    /// The server outlived every signal.
    #[error("PostgreSQL, process {pid}, does not stop")]
    Unstoppable {
        /// The postmaster.
        pid: i32,
    },
}

impl Error {
    /// The same in Chinese. What PostgreSQL and the system say themselves stays as it is.
    pub fn text_zh(&self) -> String {
        match self {
            Self::ProgramsMissing { searched } => format!(
                "在{searched}中未找到PostgreSQL程序（initdb、postgres）：请安装（apt install postgresql），\
                 或在SW_PG_BIN中指定其目录，或用--database-url指定自有数据库"
            ),
            Self::WrongVersion { pg, cluster, found } => {
                format!("数据库目录{}需要PostgreSQL {cluster}，仅找到{found}", pg.display())
            }
            Self::InUse { data_dir, holder } => {
                let holder = holder.map_or_else(String::new, |pid| format!("（进程{pid}）"));
                format!("数据目录{}正被另一个单一窗口使用{holder}", data_dir.display())
            }
            Self::NoPostgresUser => {
                "PostgreSQL不能以root身份运行，且没有用户postgres：请用其他用户启动单一窗口，\
                                     或创建该用户（useradd --system postgres）"
                    .to_owned()
            }
            Self::NotTraversable { directory, uid } => format!(
                "运行PostgreSQL的用户{uid}无权进入{0}：请执行 chmod o+x {0}，或另选数据目录",
                directory.display()
            ),
            Self::File { path, .. } => format!("无法使用{}", path.display()),
            Self::InitFailed { status, output } => format!("initdb失败（{status}）：\n{output}"),
            Self::Exited { status, log, tail } => {
                format!("PostgreSQL启动时退出（{status}）；{}末尾：\n{tail}", log.display())
            }
            Self::NotReady { log, tail } => format!(
                "PostgreSQL {}秒未应答；{}末尾：\n{tail}",
                SILENCE_MAX.as_secs(),
                log.display()
            ),
            Self::Database(_) => format!("无法打开数据库{DATABASE}"),
            Self::KeepsDying { deaths, log } => format!(
                "PostgreSQL在{}秒内退出{deaths}次，无法恢复，详见{}",
                DEATHS_WINDOW.as_secs(),
                log.display()
            ),
            Self::Unstoppable { pid } => format!("PostgreSQL（进程{pid}）无法停止"),
        }
    }
}

/// Adds to an I/O error what was done, and to what.
pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { doing, path, source }
}
