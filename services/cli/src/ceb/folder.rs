//! The watched folder on disk: who may touch which file, and what a crash leaves behind.
//!
//! ```text
//!  DIR/a.xml ──claim──► DIR/.work/a.xml ──taken────► DIR/done/a.xml
//!                                       └─refused──► DIR/failed/a.xml, a.xml.txt, a.xml.json
//!  DIR/receipts/DXPENT1/000000000042-CEB622-ORDER1.xml   DIR/.work/receipts-DXPENT1.cursor
//! ```
//!
//! A file moves by rename and is in one place at any time. What lies in `.work` at the start was
//! claimed by a watcher that is gone and is sent again, which is harmless: documents are known by
//! their guid. Each exchange number has a log, and a folder, of its own. A receipt is durable before the cursor says so: after a crash the same receipt is
//! written to the same name again. Nothing is ever overwritten by something else.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use domain::limits;
use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags};

use super::message;

const WORK: &str = ".work";
const DONE: &str = "done";
const FAILED: &str = "failed";
const RECEIPTS: &str = "receipts";
const LOCK: &str = "lock";
const CURSOR: &str = ".cursor";
/// What a message is called; anything else in the folder is left alone.
const ENDINGS: [&str; 2] = [".xml", ".xml.gz"];
/// How long a file that does not look finished is waited for, once nothing changes any more.
const UNFINISHED_MAX: Duration = Duration::from_secs(30);
/// Digits of a position in a name, so that names sort like positions.
const POSITION_DIGITS: usize = 12;
/// Characters of a document's number in the name of its receipt.
const LABEL_MAX: usize = 64;

/// A folder that this process alone watches, as long as it lives.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    _lock: File,
}

/// A file that nobody has claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WaitingFile {
    pub(super) name: OsString,
    size: u64,
    changed: SystemTime,
}

impl Folder {
    /// Takes a folder in charge and makes what it needs in there.
    ///
    /// # Errors
    ///
    /// When the folder cannot be used, or another watcher has it.
    pub(super) fn open(root: &Path) -> anyhow::Result<Self> {
        let shown = root.display();
        anyhow::ensure!(root.is_dir(), "{shown} is not a folder");
        for below in [WORK, DONE, FAILED, RECEIPTS] {
            let directory = root.join(below);
            // Whoever may write into the folder would choose where we write.
            let is_link = fs::symlink_metadata(&directory).is_ok_and(|about| about.is_symlink());
            anyhow::ensure!(
                !is_link,
                "{} is a symbolic link; remove it and let `ceb watch` make the folder, or watch the \
                 folder that it leads to",
                directory.display()
            );
            fs::create_dir_all(&directory)
                .with_context(|| format!("{} cannot be made", directory.display()))?;
        }
        let lock = root.join(WORK).join(LOCK);
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&lock)
            .with_context(|| format!("{} cannot be written", lock.display()))?;
        // The system gives the lock back when the process ends, however it ends.
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
            if error == rustix::io::Errno::WOULDBLOCK {
                anyhow::anyhow!("another `ceb watch` watches {shown}; one is enough")
            } else {
                anyhow::Error::new(error).context(format!("{shown} cannot be locked"))
            }
        })?;
        let folder = Self { root: root.to_owned(), _lock: lock };
        folder.sweep().with_context(|| format!("{shown} cannot be tidied up"))?;
        Ok(folder)
    }

    /// Halves of receipts and cursors that a crash left.
    fn sweep(&self) -> io::Result<()> {
        let logs = fs::read_dir(self.root.join(RECEIPTS))?;
        let logs = logs.map(|log| log.map(|log| log.path()));
        let mut directories = logs.collect::<io::Result<Vec<_>>>()?;
        directories.retain(|log| log.is_dir());
        directories.extend([RECEIPTS, WORK, FAILED].map(|below| self.root.join(below)));
        for directory in directories {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if name.starts_with('.') && name.ends_with(".part") {
                    fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }

    /// The messages that lie there, the oldest first.
    pub(super) fn waiting(&self) -> io::Result<Vec<WaitingFile>> {
        messages(&self.root)
    }

    /// What was claimed and not finished, the oldest first.
    pub(super) fn claimed(&self) -> io::Result<Vec<OsString>> {
        Ok(messages(&self.root.join(WORK))?.into_iter().map(|file| file.name).collect())
    }

    /// Whether a waiting file ends where its root element does. One that is too large is not looked
    /// into: it will be refused.
    pub(super) fn is_whole(&self, file: &WaitingFile) -> bool {
        let bound = u64::try_from(limits::CEB_ENVELOPE_BYTES_MAX).unwrap_or(u64::MAX); // it fits
        // What cannot be read now is looked at again in the next round.
        let read = || fs::read(self.root.join(&file.name)).unwrap_or_default();
        file.size > bound || message::is_whole(&read())
    }

    /// Claims a file: from now on it is called by the name that is given back.
    pub(super) fn claim(&self, name: &OsStr) -> io::Result<OsString> {
        self.carry(&self.root.join(name), WORK, name)
    }

    /// Where a claimed file is.
    pub(super) fn work(&self, name: &OsStr) -> PathBuf {
        self.root.join(WORK).join(name)
    }

    /// A claimed file was taken by the window. Gives back where it is.
    pub(super) fn done(&self, name: &OsStr) -> io::Result<PathBuf> {
        let kept = self.carry(&self.work(name), DONE, name)?;
        Ok(Path::new(DONE).join(kept))
    }

    /// A claimed file was refused: it is laid aside with the reasons beside it, by their endings.
    /// Gives back where it is. The reasons are there first; a crash in between leaves the file
    /// claimed, and the next attempt writes them again.
    pub(super) fn failed(&self, name: &OsStr, reasons: &[(&str, &str)]) -> io::Result<PathBuf> {
        let directory = self.root.join(FAILED);
        let kept = free(&directory, name)?;
        for (ending, text) in reasons {
            write_durably(&directory, &with(&kept, ending), text.as_bytes())?;
        }
        sync(&directory)?;
        let kept = self.carry(&self.work(name), FAILED, &kept)?;
        Ok(Path::new(FAILED).join(kept))
    }

    /// Moves a file to where no other file is.
    fn carry(&self, from: &Path, below: &str, name: &OsStr) -> io::Result<OsString> {
        let directory = self.root.join(below);
        loop {
            let kept = free(&directory, name)?;
            match rename_to_free(from, &directory.join(&kept)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(kept),
            }
        }
    }

    /// Writes a receipt of an exchange number down, unless it is there. It is durable after
    /// [`Self::seal`].
    pub(super) fn receipt(&self, dxp_id: &str, name: &str, xml: &str) -> io::Result<PathBuf> {
        let directory = self.log(dxp_id)?;
        let mut kept = OsString::from(name);
        // A window that began anew may have said something else at this position.
        for copy in 2.. {
            match fs::read(directory.join(&kept)) {
                Ok(held) if held == xml.as_bytes() => break,
                Ok(_) => kept = numbered(OsStr::new(name), copy),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    write_durably(&directory, &kept, xml.as_bytes())?;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Path::new(RECEIPTS).join(plain_name(dxp_id)).join(kept))
    }

    /// The folder of an exchange number, which is made for its first receipt.
    fn log(&self, dxp_id: &str) -> io::Result<PathBuf> {
        let directory = self.root.join(RECEIPTS).join(plain_name(dxp_id));
        if !directory.is_dir() {
            fs::create_dir_all(&directory)?;
            sync(&self.root.join(RECEIPTS))?;
        }
        Ok(directory)
    }

    /// Makes the receipts so far durable, then the position up to which they are there.
    pub(super) fn seal(&self, dxp_id: &str, after: u64) -> io::Result<()> {
        sync(&self.log(dxp_id)?)?;
        self.set_cursor(dxp_id, after)
    }

    /// Remembers an exchange number; its receipts are followed from the beginning. True when it is
    /// new.
    pub(super) fn follow(&self, dxp_id: &str) -> io::Result<bool> {
        let known = self.root.join(WORK).join(cursor_name(dxp_id)).exists();
        if !known {
            self.set_cursor(dxp_id, 0)?;
        }
        Ok(!known)
    }

    fn set_cursor(&self, dxp_id: &str, after: u64) -> io::Result<()> {
        let work = self.root.join(WORK);
        write_durably(&work, &cursor_name(dxp_id).into(), format!("{after}\n").as_bytes())?;
        sync(&work)
    }

    /// The exchange numbers that are followed, each with the position up to which its receipts are
    /// there. A cursor that holds no position starts again: writing a receipt twice is harmless.
    pub(super) fn cursors(&self) -> io::Result<BTreeMap<String, u64>> {
        let mut cursors = BTreeMap::new();
        for entry in fs::read_dir(self.root.join(WORK))? {
            let entry = entry?;
            if let Some(dxp_id) = entry.file_name().to_str().and_then(cursor_of) {
                let text = String::from_utf8_lossy(&fs::read(entry.path())?).into_owned();
                cursors.insert(dxp_id, text.trim().parse().unwrap_or_default()); // from the start
            }
        }
        Ok(cursors)
    }
}

/// The messages in a directory, the oldest first.
fn messages(directory: &Path) -> io::Result<Vec<WaitingFile>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if !is_message(&name) {
            continue;
        }
        match entry.metadata() {
            Ok(about) if about.is_file() => {
                found.push(WaitingFile { name, size: about.len(), changed: about.modified()? });
            }
            Ok(_) => {}
            // Its writer took it back.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    found.sort_by(|a, b| (a.changed, &a.name).cmp(&(b.changed, &b.name)));
    Ok(found)
}

/// Hidden files and names that transfer programs give to unfinished ones are nobody's messages.
fn is_message(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_lowercase();
    !name.starts_with('.') && ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The first of `a.xml`, `a-2.xml`, `a-3.xml` … that no file has.
fn free(directory: &Path, name: &OsStr) -> io::Result<OsString> {
    let mut kept = name.to_owned();
    for copy in 2.. {
        match fs::symlink_metadata(directory.join(&kept)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
            Ok(_) => kept = numbered(name, copy),
        }
    }
    Ok(kept)
}

/// `a.xml.gz` becomes `a-2.xml.gz`: a name keeps its ending, by which it is known as a message.
fn numbered(name: &OsStr, copy: u32) -> OsString {
    let text = name.to_string_lossy();
    let lower = text.to_ascii_lowercase();
    let ending = ENDINGS.iter().filter(|ending| lower.ends_with(**ending)).map(|it| it.len()).max();
    let (stem, ending) = text.split_at(text.len() - ending.unwrap_or_default()); // no ending
    format!("{stem}-{copy}{ending}").into()
}

fn with(name: &OsStr, ending: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(ending);
    name
}

/// A rename that fails when something is there. Some file systems of shared folders cannot promise
/// that; there, the lock has to do, for nobody else writes into our directories.
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::io::Errno;
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => match fs::symlink_metadata(to) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        },
        Err(error) => Err(error.into()),
    }
}

/// Readers see nothing or the whole file.
fn write_durably(directory: &Path, name: &OsString, content: &[u8]) -> io::Result<()> {
    let mut unfinished = OsString::from(".");
    unfinished.push(name);
    unfinished.push(".part");
    let unfinished = directory.join(unfinished);
    // Made anew: what a crash left is half, and a link that somebody put there leads elsewhere.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = File::create_new(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, directory.join(name))
}

/// Makes the names in a directory durable.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// An exchange number as a file name. What could not stand there is written as `%2F`.
fn plain_name(dxp_id: &str) -> String {
    let mut name = String::new();
    for byte in dxp_id.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    name
}

/// The cursor of an exchange number.
fn cursor_name(dxp_id: &str) -> String {
    format!("receipts-{}{CURSOR}", plain_name(dxp_id))
}

fn cursor_of(name: &str) -> Option<String> {
    let mut rest = name.strip_prefix("receipts-")?.strip_suffix(CURSOR)?.bytes();
    let mut dxp_id = Vec::new();
    while let Some(byte) = rest.next() {
        dxp_id.push(if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(dxp_id).ok().filter(|dxp_id| cursor_name(dxp_id) == name)
}

/// What a receipt is called: where it stands in its log, what it is, and which document it is about.
pub(super) fn receipt_name(position: u64, message_type: &str, label: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let label: String =
        label.chars().map(|c| if plain(c) { c } else { '_' }).take(LABEL_MAX).collect();
    let parts = [message_type, label.as_str()].into_iter().filter(|part| !part.is_empty());
    let parts = parts.map(|part| format!("-{part}")).collect::<String>();
    format!("{position:0POSITION_DIGITS$}{parts}.xml")
}

/// When a file may be claimed: when nothing about it changed for a while, and it looks finished or
/// was waited for long enough.
#[derive(Debug)]
pub(super) struct Patience {
    settle: Duration,
    seen: HashMap<OsString, ObservedFile>,
}

#[derive(Debug)]
struct ObservedFile {
    file: WaitingFile,
    since: Instant,
    /// Whether it looks finished, once that was looked at.
    whole: Option<bool>,
}

impl Patience {
    pub(super) fn new(settle: Duration) -> Self {
        Self { settle, seen: HashMap::new() }
    }

    /// Those that may be claimed now, in their order. `whole` looks into a file and is asked once
    /// for each state of it.
    pub(super) fn ready(
        &mut self,
        waiting: Vec<WaitingFile>,
        now: Instant,
        mut whole: impl FnMut(&WaitingFile) -> bool,
    ) -> Vec<OsString> {
        let mut seen = std::mem::take(&mut self.seen);
        let mut ready = Vec::new();
        for file in waiting {
            let same = seen.remove(&file.name).filter(|before| before.file == file);
            let mut it = same.unwrap_or(ObservedFile { file, since: now, whole: None });
            let quiet = now.saturating_duration_since(it.since);
            if quiet >= self.settle
                && (*it.whole.get_or_insert_with(|| whole(&it.file)) || quiet >= UNFINISHED_MAX)
            {
                ready.push(it.file.name);
            } else {
                self.seen.insert(it.file.name.clone(), it);
            }
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let place = tempfile::tempdir().expect("a temporary directory");
        let folder = Folder::open(place.path()).expect("nobody else watches it");
        (place, folder)
    }

    fn put(place: &tempfile::TempDir, name: &str, text: &str) {
        fs::write(place.path().join(name), text).expect("it can be written");
    }

    fn text(place: &tempfile::TempDir, name: impl AsRef<Path>) -> String {
        fs::read_to_string(place.path().join(name)).unwrap_or_else(|error| error.to_string())
    }

    fn names(files: &[OsString]) -> Vec<&str> {
        files.iter().filter_map(|name| name.to_str()).collect()
    }

    #[test]
    fn only_finished_messages_are_seen() {
        let (place, folder) = folder();
        let others =
            [".a.xml", "a.xml.tmp", "a.xml.part", "a.xml.filepart", "a.txt", "a.xml.gz.tmp", "xml"];
        for name in others {
            put(&place, name, "<a/>");
        }
        put(&place, "b.XML", "<a/>");
        put(&place, "c.xml.gz", "<a/>");
        fs::create_dir(place.path().join("d.xml")).expect("a directory");
        let found: Vec<_> = folder.waiting().expect("a list").into_iter().map(|f| f.name).collect();
        assert_eq!(names(&found), ["b.XML", "c.xml.gz"]);
    }

    #[test]
    fn a_folder_has_one_watcher() {
        let (place, folder) = folder();
        let second = Folder::open(place.path()).expect_err("it is locked").to_string();
        assert!(second.contains("another `ceb watch` watches"), "{second}");
        drop(folder);
        assert!(Folder::open(place.path()).is_ok());
    }

    #[test]
    fn nothing_is_overwritten() {
        let (place, folder) = folder();
        for round in ["one", "two", "three"] {
            put(&place, "a.xml.gz", round);
            let name = folder.claim(OsStr::new("a.xml.gz")).expect("claimed");
            folder.done(&name).expect("done");
        }
        assert_eq!(text(&place, "done/a.xml.gz"), "one");
        assert_eq!(text(&place, "done/a-2.xml.gz"), "two");
        assert_eq!(text(&place, "done/a-3.xml.gz"), "three");
        put(&place, "a.xml", "new");
        fs::write(folder.work(OsStr::new("a.xml")), "claimed before").expect("it can be written");
        assert_eq!(folder.claim(OsStr::new("a.xml")).expect("claimed"), "a-2.xml");
        assert_eq!(text(&place, ".work/a.xml"), "claimed before");
    }

    #[test]
    fn links_do_not_choose_where_we_write() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let elsewhere = tempfile::tempdir().expect("a temporary directory");
        for below in [WORK, DONE, FAILED, RECEIPTS] {
            let link = place.path().join(below);
            std::os::unix::fs::symlink(elsewhere.path(), &link).expect("a link");
            let refused = Folder::open(place.path()).expect_err(below).to_string();
            assert!(refused.contains("is a symbolic link"), "{refused}");
            fs::remove_file(&link).expect("ours");
        }
        let target = elsewhere.path().join("theirs");
        fs::write(&target, "theirs").expect("a file");
        for name in [LOCK, ".a.xml.part"] {
            let link = place.path().join(WORK).join(name);
            fs::remove_file(&link).ok();
            std::os::unix::fs::symlink(&target, link).expect("a link");
        }
        let work = place.path().join(WORK);
        write_durably(&work, &OsString::from("a.xml"), b"ours").expect("written anew");
        assert_eq!(fs::read(work.join("a.xml")).expect("there"), b"ours");
        assert!(Folder::open(place.path()).is_err(), "the lock is a link");
        assert_eq!(fs::read(&target).expect("there"), b"theirs");
    }

    #[test]
    fn a_rename_never_replaces() {
        let (place, _folder) = folder();
        put(&place, "a", "a");
        put(&place, "b", "b");
        let (a, b) = (place.path().join("a"), place.path().join("b"));
        let refused = rename_to_free(&a, &b).expect_err("b is there").kind();
        assert_eq!(refused, io::ErrorKind::AlreadyExists);
        assert_eq!((text(&place, "a"), text(&place, "b")), ("a".to_owned(), "b".to_owned()));
    }

    #[test]
    fn what_was_claimed_is_found_after_a_crash() {
        let (place, folder) = folder();
        put(&place, "a.xml", "<a/>");
        folder.claim(OsStr::new("a.xml")).expect("claimed");
        folder.follow("DXPENT1").expect("remembered");
        drop(folder);
        let folder = Folder::open(place.path()).expect("the lock went with the process");
        assert_eq!(names(&folder.claimed().expect("a list")), ["a.xml"]);
        assert!(folder.waiting().expect("a list").is_empty());
    }

    #[test]
    fn a_refused_file_has_its_reasons_beside_it() {
        let (place, folder) = folder();
        put(&place, "a.xml", "<a/>");
        let name = folder.claim(OsStr::new("a.xml")).expect("claimed");
        // A crash after the reasons and before the move: they are written again.
        put(&place, "failed/a.xml.txt", "half");
        let reasons = [(".txt", "why"), (".json", "{}")];
        let kept = folder.failed(&name, &reasons).expect("laid aside");
        assert_eq!(kept, Path::new("failed/a.xml"));
        assert_eq!(text(&place, "failed/a.xml"), "<a/>");
        assert_eq!(text(&place, "failed/a.xml.txt"), "why");
        assert_eq!(text(&place, "failed/a.xml.json"), "{}");
        assert!(folder.claimed().expect("a list").is_empty());
    }

    #[test]
    fn a_receipt_that_is_written_twice_is_there_once() {
        let (place, folder) = folder();
        let name = receipt_name(42, "CEB622", "A/B 1");
        assert_eq!(name, "000000000042-CEB622-A_B_1.xml");
        let kept = folder.receipt("DXP/1", &name, "<a/>").expect("written");
        // A crash before the cursor: the same receipt comes again.
        assert_eq!(folder.receipt("DXP/1", &name, "<a/>").expect("written"), kept);
        let other = folder.receipt("DXP/1", &name, "<b/>").expect("written");
        assert_eq!(other, Path::new("receipts/DXP%2F1/000000000042-CEB622-A_B_1-2.xml"));
        assert_eq!((text(&place, kept), text(&place, other)), ("<a/>".into(), "<b/>".into()));
        assert_eq!(receipt_name(7, "", ""), "000000000007.xml");
    }

    #[test]
    fn halves_of_files_are_swept() {
        let (place, folder) = folder();
        put(&place, "receipts/.1.xml.part", "<a");
        put(&place, ".work/.receipts-X.cursor.part", "1");
        std::fs::create_dir_all(place.path().join("receipts/DXP")).expect("the directory is ours");
        put(&place, "receipts/DXP/.2.xml.part", "<a");
        put(&place, "receipts/1.xml", "<a/>");
        drop(folder);
        let _folder = Folder::open(place.path()).expect("it opens");
        assert!(!place.path().join("receipts/.1.xml.part").exists());
        assert!(!place.path().join("receipts/DXP/.2.xml.part").exists());
        assert!(!place.path().join(".work/.receipts-X.cursor.part").exists());
        assert!(place.path().join("receipts/1.xml").exists());
    }

    #[test]
    fn cursors_outlive_the_watcher() {
        let (place, folder) = folder();
        for id in ["DXPENT1", "a/b %1", "交换"] {
            assert!(folder.follow(id).expect("remembered"));
            assert!(!folder.follow(id).expect("remembered"));
        }
        folder.seal("DXPENT1", 42).expect("durable");
        put(&place, ".work/receipts-BROKEN.cursor", "no number");
        drop(folder);
        let folder = Folder::open(place.path()).expect("it opens");
        let cursors: Vec<_> = folder.cursors().expect("a list").into_iter().collect();
        let expected = [("BROKEN", 0), ("DXPENT1", 42), ("a/b %1", 0), ("交换", 0)];
        assert_eq!(cursors, expected.map(|(id, after)| (id.to_owned(), after)));
    }

    #[test]
    fn a_file_is_claimed_when_it_rests_and_looks_finished() {
        let start = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(1));
        let file =
            |size| WaitingFile { name: "a.xml".into(), size, changed: SystemTime::UNIX_EPOCH };
        let mut at = |seconds, size, whole: bool| {
            let now = start + Duration::from_secs(seconds);
            !patience.ready(vec![file(size)], now, |_| whole).is_empty()
        };
        assert!(!at(0, 1, true), "it was just seen");
        assert!(!at(1, 2, true), "it grows");
        assert!(!at(2, 2, false), "it rests and is not finished");
        assert!(!at(31, 3, false), "it grows again");
        assert!(at(33, 3, true), "it rests and is finished");
        assert!(!at(34, 3, false), "a new file of the same name");
        assert!(!at(63, 3, false));
        assert!(at(64, 3, false), "somebody has to say what is wrong with it");
    }
}
