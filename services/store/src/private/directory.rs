//! The data directory: its lock, the socket's place, the server's log, files replaced whole.
//!
//! As root we write into directories of a lesser user, so files there are made anew, which
//! follows no link he may have set.

use std::collections::hash_map::RandomState;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{
    DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown,
};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use tracing::warn;

use super::error::{Error, file};
use super::run_as::RunAs;

/// Bounds the disk the server's log takes to twice this; checked at each start of the server.
const LOG_BYTES_MAX: u64 = 16 << 20;
const TAIL_BYTES_MAX: u64 = 16 << 10;
const TAIL_LINES: usize = 15;
/// The kernel's `sun_path` takes 107 bytes, and the socket's name follows the directory.
const SOCKET_DIR_BYTES_MAX: usize = 107 - "/.s.PGSQL.5432".len();

/// Makes the data directory if it is not there: nobody else's business what is in it.
///
/// # Errors
///
/// When it cannot be made or found.
pub fn make_data_dir(data_dir: &Path) -> Result<PathBuf, Error> {
    let missing: Vec<&Path> = data_dir.ancestors().take_while(|dir| !dir.exists()).collect();
    fs::create_dir_all(data_dir).map_err(file("create", data_dir))?;
    for made in missing.into_iter().filter(|dir| dir.exists()) {
        // Whatever the umask, the server's user must get through the directories on the way.
        let way = if geteuid().is_root() { 0o755 } else { 0o700 };
        let mode = Permissions::from_mode(if made == data_dir { 0o700 } else { way });
        fs::set_permissions(made, mode).map_err(file("protect", made))?;
    }
    data_dir.canonicalize().map_err(file("find", data_dir))
}

/// What we and the sandbox keep in a data directory: files that hold secrets or lead to them.
const OURS: [&str; 4] = ["lock", "address", "socket_dir", "postgres.log"];
const OUR_DIRECTORIES: [&str; 4] = ["pg", "run", "identities", "identities.unfinished"];

/// Closes a data directory to everybody but us, and as root to the server's user, who must get through:
/// also one that an older window left open. A directory that is shared with other things is not ours to
/// close; whoever runs the window is told.
pub(super) fn make_private(data_dir: &Path, run_as: Option<RunAs>) -> Result<(), Error> {
    let about = fs::metadata(data_dir).map_err(file("examine", data_dir))?;
    let mut alone = about.uid() == geteuid().as_raw() && about.mode() & 0o1000 == 0;
    for entry in fs::read_dir(data_dir).map_err(file("read", data_dir))?.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let is = |known: &&str| name.as_bytes().starts_with(known.as_bytes());
        let kind = entry.file_type().map_err(file("examine", &path))?;
        if kind.is_file() && OURS.iter().any(is) {
            close(&path, 0o600)?;
        } else if kind.is_dir() && name == "identities" {
            close(&path, 0o700)?;
            for kept in fs::read_dir(&path).map_err(file("read", &path))?.flatten() {
                close(&kept.path(), 0o600)?;
            }
        } else if kind.is_dir() && !OUR_DIRECTORIES.iter().any(is) {
            alone = false;
        }
    }
    if !alone {
        if about.mode() & 0o007 != 0 {
            let data_dir = data_dir.display();
            warn!(%data_dir, "others may enter the data directory; give the window one of its own");
        }
        return Ok(());
    }
    let mode = match run_as {
        Some(user) => {
            lchown(data_dir, None, Some(user.gid)).map_err(file("protect", data_dir))?;
            0o710
        }
        None => 0o700,
    };
    fs::set_permissions(data_dir, Permissions::from_mode(mode)).map_err(file("protect", data_dir))
}

/// Takes from others what they may do with a file or directory of ours.
fn close(path: &Path, mode: u32) -> Result<(), Error> {
    let about = fs::symlink_metadata(path).map_err(file("examine", path))?;
    let wider = about.mode() & 0o777 & !mode != 0;
    if about.is_symlink() || about.uid() != geteuid().as_raw() || !wider {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(file("protect", path))
}

/// The kernel frees this lock when we die, however we die.
pub(super) fn lock(data_dir: &Path) -> Result<File, Error> {
    let path = data_dir.join("lock");
    let mut lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(file("open", &path))?;
    match lock.try_lock() {
        Ok(()) => {
            let note = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
            note.map_err(file("write", &path))?;
            Ok(lock)
        }
        Err(TryLockError::WouldBlock) => {
            let holder = fs::read_to_string(&path).ok().and_then(|pid| pid.trim().parse().ok());
            Err(Error::InUse { data_dir: data_dir.to_owned(), holder })
        }
        Err(TryLockError::Error(source)) => Err(Error::File { doing: "lock", path, source }),
    }
}

/// `run/`, or a directory in /tmp when that path is too long for a socket or needs quoting in the
/// server's list of directories. `socket_dir` records the latter, so that an orphan is found again.
pub(super) fn socket_dir(data_dir: &Path, run_as: Option<RunAs>) -> Result<PathBuf, Error> {
    let run = data_dir.join("run");
    let bytes = run.as_os_str().as_bytes();
    if bytes.len() <= SOCKET_DIR_BYTES_MAX
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(byte))
    {
        return Ok(run);
    }
    let record = data_dir.join("socket_dir");
    if let Ok(recorded) = fs::read_to_string(&record).map(|text| PathBuf::from(text.trim()))
        && make_private_dir(&recorded, run_as).is_ok()
    {
        return Ok(recorded);
    }
    let fresh = PathBuf::from(format!("/tmp/single-window-{}", random_name()));
    write_file(&record, &format!("{}\n", fresh.display()), None).map_err(file("write", &record))?;
    Ok(fresh)
}

/// Makes a directory only the server's user can enter. One that exists must be the server's or
/// ours: in /tmp anybody may have made it.
pub(super) fn make_private_dir(path: &Path, run_as: Option<RunAs>) -> io::Result<()> {
    let ours = geteuid().as_raw();
    if let Err(error) = DirBuilder::new().mode(0o700).create(path) {
        let is_owned = fs::symlink_metadata(path).is_ok_and(|meta| {
            meta.is_dir()
                && (meta.uid() == ours || run_as.is_some_and(|user| user.uid == meta.uid()))
        });
        if !is_owned {
            return Err(error);
        }
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    run_as.map_or(Ok(()), |user| lchown(path, Some(user.uid), Some(user.gid)))
}

/// Replaces a file whole.
pub(super) fn write_file(path: &Path, text: &str, run_as: Option<RunAs>) -> io::Result<()> {
    let tmp = path.with_extension("tmp");
    let _ = fs::remove_file(&tmp);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&tmp)?;
    file.write_all(text.as_bytes())?;
    if let Some(user) = run_as {
        fchown(&file, Some(user.uid), Some(user.gid))?;
    }
    file.sync_all()?;
    fs::rename(&tmp, path)
}

/// What a killed `initdb` left. One that outlived its window for a moment may still be writing, so
/// failing is normal and the next start tries again.
pub(super) fn remove_unfinished(data_dir: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(data_dir).map_err(file("read", data_dir))?.flatten() {
        if entry.file_name().as_bytes().starts_with(b"pg.tmp")
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            warn!(%error, path = %entry.path().display(), "an unfinished cluster remains");
        }
    }
    Ok(())
}

pub(super) fn sync_dir(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(file("sync", path))
}

/// Opens the server's log to append, and says where what it will write begins.
pub(super) fn open_log(path: &Path) -> io::Result<(File, u64)> {
    if fs::metadata(path).is_ok_and(|meta| meta.len() > LOG_BYTES_MAX) {
        fs::rename(path, path.with_extension("log.old"))?;
    }
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let from = log.metadata()?.len();
    Ok((log, from))
}

pub(super) fn tail(log: &Path, from: u64) -> io::Result<String> {
    let mut file = File::open(log)?;
    let end = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.max(end.saturating_sub(TAIL_BYTES_MAX))))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
}

/// 64 bits that no other process can foresee, from the seed of the standard hash map.
pub(super) fn random_name() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}
