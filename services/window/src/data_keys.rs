//! The file of data keys (数据密钥): what a window encrypts the contents of its tables with.
//!
//! The invariant: a window starts only with every key that its tables were ever written with. A file is made
//! where there is none and nothing was encrypted yet, and never again: a new key in the place of a lost one
//! would hide that nobody can read what is there.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cli::BilingualText;
use domain::refusal::Code;
use store::cipher::DataKeys;

use crate::files::ensure_private;

/// Where the keys are that a process made for itself.
pub(crate) fn usual(data_dir: &Path) -> PathBuf {
    data_dir.join("data-keys")
}

/// The keys of a window, and the file that they have to be kept in when they are new.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) keys: DataKeys,
    file: PathBuf,
    /// The text of the file, while it is not there yet.
    unsaved: Option<String>,
}

impl Keys {
    /// Reads the file; without one makes a key, which is not kept before [`Keys::save`].
    ///
    /// # Errors
    ///
    /// When it cannot be read, others can, or what stands in it is no key.
    pub(crate) fn read(file: PathBuf) -> anyhow::Result<Self> {
        let there = file.try_exists().with_context(|| BilingualText::unreadable(&file))?;
        let unsaved = if there { None } else { Some(new_file()?) };
        let text = match &unsaved {
            Some(text) => text.clone(),
            None => {
                ensure_private(&file)?;
                std::fs::read_to_string(&file).with_context(|| BilingualText::unreadable(&file))?
            }
        };
        let keys = DataKeys::parse(&text).with_context(|| BilingualText::unreadable(&file))?;
        Ok(Self { keys, file, unsaved })
    }

    /// Keeps new keys, durably, before anything is encrypted with them. `missing` are those that the tables
    /// were written with and that are not among ours.
    ///
    /// # Errors
    ///
    /// What [`Keys::compare`] refuses; when the file cannot be written.
    pub(crate) fn save(&self, missing: &[String]) -> anyhow::Result<()> {
        self.compare(missing)?;
        match &self.unsaved {
            // The tables of the first service brought it there.
            Some(_) if self.file.exists() => Ok(()),
            Some(text) => {
                write(&self.file, text).with_context(|| BilingualText::unwritable(&self.file))
            }
            None => Ok(()),
        }
    }

    /// Refuses a file in which a key is missing: it is another's, or was lost.
    ///
    /// # Errors
    ///
    /// [`Code::DataKeyMissing`] with what to do.
    pub(crate) fn compare(&self, missing: &[String]) -> anyhow::Result<()> {
        if missing.is_empty() {
            return Ok(());
        }
        let (file, names) = (self.file.display(), missing.join(", "));
        let text = BilingualText::new(
            format!(
                "{file} has not the data key {names} that data in this database is encrypted with: \
                 restore the file from its backup, or name the right one with --data-keys"
            ),
            format!(
                "数据密钥文件{file}中缺少本数据库所用的密钥{names}：\
                 请从备份恢复该文件，或用--data-keys指定正确的文件"
            ),
        );
        Err(anyhow::Error::new(text).context(Code::DataKeyMissing))
    }
}

/// Adds a key to a file, made when there is none: the name of the key.
///
/// # Errors
///
/// When the file cannot be used or written.
pub(crate) fn add(file: &Path) -> anyhow::Result<String> {
    let text = match Keys::read(file.to_owned())?.unsaved {
        Some(new) => new,
        None => {
            let there =
                std::fs::read_to_string(file).with_context(|| BilingualText::unreadable(file))?;
            format!("{}\n{}\n", there.trim_end(), DataKeys::fresh()?)
        }
    };
    let name = DataKeys::parse(&text).with_context(|| BilingualText::unreadable(file))?.writes();
    // A file that is half written would be a loss of every key.
    let unfinished = file.with_extension("unfinished");
    write(&unfinished, &text)
        .and_then(|()| std::fs::rename(&unfinished, file))
        .and_then(|()| file.parent().map_or(Ok(()), |it| std::fs::File::open(it)?.sync_all()))
        .with_context(|| BilingualText::unwritable(file))?;
    Ok(name.to_string())
}

fn new_file() -> anyhow::Result<String> {
    Ok(format!(
        "# Data keys of a single window: what its tables are encrypted with. Keep a copy apart from the\n\
         # database's backups: without it nobody can read them. The last line encrypts, all lines decrypt.\n\
         {}\n",
        DataKeys::fresh()?
    ))
}

/// Writes a file that is not there; durable when it returns.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o600);
    let mut written = options.open(file)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    match file.parent() {
        Some(directory) => std::fs::File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_never_in_the_place_of_a_lost_one() {
        let place = tempfile::tempdir().expect("a directory");
        let file = usual(place.path());
        let lost = Keys::read(file.clone()).expect("a new key");
        let refused = lost.save(&["0badcafe".to_owned()]).expect_err("another key was there");
        let text = format!("{refused:#}");
        assert!(text.contains("SW-4010") && text.contains("0badcafe"), "{text}");
        assert!(!file.exists(), "a new key stands in the place of a lost one");
        let made = Keys::read(file.clone()).expect("a new key");
        made.save(&[]).expect("the directory is ours");
        let again = Keys::read(file.clone()).expect("it is there");
        assert_eq!(again.keys.writes(), made.keys.writes());
        again.save(&[]).expect("there is nothing to do");
        let added = add(&file).expect("the directory is ours");
        let both = Keys::read(file.clone()).expect("two keys").keys;
        assert_eq!((both.names().count(), both.writes().to_string()), (2, added));
        std::fs::write(&file, "rubbish").expect("the file is ours");
        let refused = format!("{:#}", Keys::read(file).expect_err("it is no key"));
        assert!(refused.contains("line 1"), "{refused}");
    }
}
