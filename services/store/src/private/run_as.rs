//! The lesser user for the server, when we are root.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;

use rustix::process::geteuid;

use super::error::{Error, file};

/// The user as whom the server runs when we are root, which PostgreSQL refuses.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunAs {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl RunAs {
    /// An existing cluster keeps its owner, so that a start with and one without `sudo` both work.
    pub(super) fn for_cluster(pg: &Path) -> Result<Option<Self>, Error> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let owner = fs::metadata(pg).map(|meta| Self { uid: meta.uid(), gid: meta.gid() });
        if let Ok(owner) = owner
            && owner.uid != 0
        {
            return Ok(Some(owner));
        }
        let passwd = fs::read_to_string("/etc/passwd");
        let passwd = passwd.map_err(file("read", Path::new("/etc/passwd")))?;
        let postgres = Self::in_passwd(&passwd).ok_or(Error::NoPostgresUser)?;
        if owner.is_ok() {
            // Restored from a backup by root.
            postgres.own_tree(pg).map_err(file("change the owner of", pg))?;
        }
        Ok(Some(postgres))
    }

    fn in_passwd(passwd: &str) -> Option<Self> {
        let entry = passwd.lines().find(|line| line.starts_with("postgres:"))?;
        let mut numbers = entry.split(':').skip(2).map(str::parse);
        Some(Self { uid: numbers.next()?.ok()?, gid: numbers.next()?.ok()? })
    }

    fn own_tree(self, path: &Path) -> io::Result<()> {
        lchown(path, Some(self.uid), Some(self.gid))?;
        if fs::symlink_metadata(path)?.is_dir() {
            for entry in fs::read_dir(path)? {
                self.own_tree(&entry?.path())?;
            }
        }
        Ok(())
    }

    pub(super) fn check_reaches(self, directory: &Path) -> Result<(), Error> {
        for directory in directory.ancestors() {
            let meta = fs::metadata(directory).map_err(file("examine", directory))?;
            let execute = match (meta.uid() == self.uid, meta.gid() == self.gid) {
                (true, _) => 0o100,
                (false, true) => 0o010,
                (false, false) => 0o001,
            };
            if meta.mode() & execute == 0 {
                return Err(Error::NotTraversable { directory: directory.into(), uid: self.uid });
            }
        }
        Ok(())
    }
}
