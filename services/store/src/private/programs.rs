//! Where PostgreSQL's programs are.

use std::cmp::Reverse;
use std::env::split_paths;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::error::{Error, file};

/// Where to look.
pub(super) struct Search<'a> {
    /// A directory named by the user is the only one: silently taking another hides a mistake.
    pub(super) programs: Option<&'a Path>,
    /// The value of `PATH`, looked through before Debian's directories.
    pub(super) path: Option<&'a OsStr>,
}

impl Search<'_> {
    /// The first directory with the programs, of the cluster's version when there is a cluster: a
    /// newer PostgreSQL beside the old one must not shut us out.
    pub(super) async fn find(&self, pg: &Path) -> Result<PathBuf, Error> {
        let cluster = fs::read_to_string(pg.join("PG_VERSION")).ok();
        let cluster = cluster.as_deref().map(str::trim);
        let mut found = Vec::new();
        for directory in self.candidates().iter().filter_map(|dir| dir.canonicalize().ok()) {
            if !["initdb", "postgres"].iter().all(|program| directory.join(program).is_file()) {
                continue;
            }
            let Some(cluster) = cluster else { return Ok(directory) };
            let version = major_version(&directory.join("postgres")).await?;
            if version == cluster {
                return Ok(directory);
            }
            if !found.contains(&version) {
                found.push(version);
            }
        }
        match cluster {
            Some(cluster) if !found.is_empty() => {
                let (pg, cluster) = (pg.to_owned(), cluster.to_owned());
                Err(Error::WrongVersion { pg, cluster, found: found.join(", ") })
            }
            Some(_) | None => Err(Error::ProgramsMissing { searched: self.described() }),
        }
    }

    fn candidates(&self) -> Vec<PathBuf> {
        if let Some(programs) = self.programs {
            return vec![programs.to_owned()];
        }
        let entries = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let version =
            |entry: fs::DirEntry| Some((entry.file_name().to_str()?.parse().ok()?, entry));
        let mut debian: Vec<(u32, fs::DirEntry)> = entries.filter_map(version).collect();
        debian.sort_by_key(|(version, _)| Reverse(*version));
        let on_path = self.path.into_iter().flat_map(split_paths).filter(|dir| dir.is_absolute());
        on_path.chain(debian.into_iter().map(|(_, entry)| entry.path().join("bin"))).collect()
    }

    fn described(&self) -> String {
        let usual = || "PATH or /usr/lib/postgresql/*/bin".to_owned();
        self.programs.map_or_else(usual, |programs| programs.display().to_string())
    }
}

/// `15` of `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
async fn major_version(postgres: &Path) -> Result<String, Error> {
    let output = Command::new(postgres).arg("--version").stdin(Stdio::null()).output().await;
    let output = output.map_err(file("run", postgres))?.stdout;
    let text = String::from_utf8_lossy(&output);
    // Anything else than PostgreSQL has no version here, and fits no cluster.
    let version = text.split_whitespace().nth(2).unwrap_or_default();
    Ok(version.chars().take_while(char::is_ascii_digit).collect())
}
