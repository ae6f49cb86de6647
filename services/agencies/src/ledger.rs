//! The books on disk: a file of JSON lines, each a case as it is from then on. The last line about a
//! declaration counts, so a line that is written twice does no harm, and one that was cut short by a
//! crash is as if it had not been written: the window sends its event again.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::books::{Books, ImportCase};

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    /// A case as it is now.
    Case(Box<ImportCase>),
    /// The log of `CUSTOMS` was read up to here.
    LogPosition(u64),
}

/// The books and where they are kept.
#[derive(Debug, Default)]
pub struct BooksFile {
    /// The books.
    pub books: Books,
    file: Option<Kept>,
}

/// The file, and the lock that keeps a second customs of the same directory from it.
#[derive(Debug)]
struct Kept {
    path: PathBuf,
    file: File,
    _lock: File,
}

impl BooksFile {
    /// Reads the books and writes them anew without what is outdated.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written, or another customs keeps it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let lock = File::create(path.with_extension("lock"))?;
        lock.try_lock()?;
        let books = read(path)?;
        let unfinished = path.with_extension("unfinished");
        let mut anew = BufWriter::new(File::create(&unfinished)?);
        let cases = books.worth_keeping().map(|case| Entry::Case(Box::new(case.clone())));
        for entry in cases.chain([Entry::LogPosition(books.log_position)]) {
            anew.write_all(&encode(&entry)?)?;
        }
        anew.into_inner()?.sync_all()?;
        std::fs::rename(&unfinished, path)?;
        let file = OpenOptions::new().append(true).open(path)?;
        let path = path.to_owned();
        Ok(Self { books, file: Some(Kept { path, file, _lock: lock }) })
    }

    /// Keeps a case as it is now.
    pub fn keep(&mut self, declaration_id: &str) {
        if self.file.is_some()
            && let Some(case) = self.books.case(declaration_id)
        {
            let entry = Entry::Case(Box::new(case.clone()));
            self.append(&entry);
        }
    }

    /// Keeps how far the log of `CUSTOMS` was read.
    pub fn keep_log_position(&mut self, position: u64) {
        self.books.log_position = self.books.log_position.max(position);
        let entry = Entry::LogPosition(self.books.log_position);
        self.append(&entry);
    }

    /// A line is one write, so a crash leaves a part of it at most at the end. Not synchronised:
    /// only a crash of the machine can lose lines, and a simulator may forget then.
    fn append(&mut self, entry: &Entry) {
        let Some(kept) = &mut self.file else { return };
        if let Err(error) = encode(entry).and_then(|line| kept.file.write_all(&line)) {
            let path = kept.path.display();
            tracing::warn!(%error, %path, "customs' books cannot be written; they end with this run");
            self.file = None;
        }
    }
}

fn encode(entry: &Entry) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    Ok(line)
}

/// The books as the lines tell them. What is no line of ours is passed over.
fn read(path: &Path) -> io::Result<Books> {
    let mut books = Books::default();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(books),
        Err(error) => return Err(error),
    };
    for (number, line) in BufReader::new(file).split(b'\n').enumerate() {
        match serde_json::from_slice(&line?) {
            Ok(Entry::Case(case)) => books.put(*case),
            Ok(Entry::LogPosition(position)) => books.log_position = position,
            Err(error) => {
                let (path, line) = (path.display(), number + 1);
                tracing::warn!(%path, line, %error, "a line of customs' books cannot be read");
            }
        }
    }
    Ok(books)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::books::Notice;
    use crate::books::sample::{filed, numbered, refund, released};

    #[test]
    fn the_books_survive_a_restart_and_a_line_that_is_half_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("books.jsonl");
        let mut ledger = BooksFile::open(&path).expect("it opens");
        for event in
            [filed("a", 1, 2_500_000), numbered("a", 1), released("a", 1), filed("b", 1, 50_000)]
        {
            assert!(ledger.books.hear(&event).changed);
            ledger.keep(&event.declaration_id);
        }
        ledger.keep_log_position(7);
        assert!(BooksFile::open(&path).is_err(), "one customs keeps it");
        drop(ledger);
        let mut file = OpenOptions::new().append(true).open(&path).expect("it is there");
        file.write_all(br#"{"case":{"declaration_id":"b","vers"#).expect("half a line");
        drop(file);

        let mut ledger = BooksFile::open(&path).expect("it opens again");
        assert_eq!(ledger.books.log_position, 7);
        assert_eq!(ledger.books.due(), ["a"], "the bill was not issued yet");
        assert!(!ledger.books.hear(&filed("a", 1, 2_500_000)).changed, "it is known");
        assert!(!ledger.books.hear(&filed("b", 1, 50_000)).changed, "so is the other");
        let third = ledger.books.hear(&filed("c", 1, 60_000));
        let text = third.refusal.expect("the year is used up").text;
        assert!(text.contains("26,100 > limitPrice: 26,000"), "{text}");
        ledger.books.told("a", Notice::Bill);
        assert!(ledger.books.give_back(&refund("r", "a", &[(1, 100_000)]), None).is_some());
        ledger.keep("a");
        drop(ledger);

        let text = std::fs::read_to_string(&path).expect("text");
        assert!(!text.contains("11010519491231002X"), "nobody is named");
        let mut ledger = BooksFile::open(&path).expect("it opens a third time");
        assert!(ledger.books.hear(&filed("d", 1, 2_500_000)).refusal.is_none(), "it was restored");
        let again = std::fs::read_to_string(&path).expect("text");
        assert!(again.lines().count() < text.lines().count(), "outdated lines are gone");
    }
}
