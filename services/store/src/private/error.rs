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

/// Adds to an I/O error what was done, and to what.
pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { doing, path, source }
}
