//! Encryption at rest (静态加密): what a row holds about persons and goods is encrypted before it leaves the
//! process, so that a dump, a backup, a replica or the write-ahead log shows none of it.
//!
//! The invariants: a value is read with the key that it was written with, whichever key writes now; and it
//! is read only in the row that it was written for, so that whoever can write to the tables cannot put one
//! person's content into another's row.
//!
//! A value is: format (1 byte), name of its data key (4), salt (16), counter (8), and the ciphertext with its
//! tag (AES-256-GCM). The key of the cipher is HMAC-SHA256 of the salt under the data key: every process
//! has a salt of its own and counts, so a nonce is never used twice however much is written.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Fault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use domain::Slot;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, hmac};
use sqlx::PgPool;

/// Bytes of a data key.
const KEY_LEN: usize = 32;
const SALT_LEN: usize = 16;
const COUNTER_LEN: usize = 8;
const HEADER_LEN: usize = 1 + 4 + SALT_LEN + COUNTER_LEN;

/// What the first byte says of the plain text.
const PLAIN: u8 = 1;
/// Compressed with LZ4, with its length before it.
const COMPRESSED: u8 = 2;

/// From here on compressing pays: bytes.
const COMPRESS_FROM: usize = 1_024;

/// Why a file of data keys cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// There is none in it.
    #[error("there is no data key in it")]
    Empty,
    /// A line, from 1, is no key.
    #[error("line {0} is no data key: 32 bytes in Base64, 44 characters")]
    Malformed(usize),
    /// A line, from 1, says what another one says.
    #[error("line {0} is a data key that stands there already")]
    Repeated(usize),
}

/// The name of a data key: the first four bytes of its SHA-256. It tells nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName(u32);

impl KeyName {
    /// As a column.
    pub fn column(self) -> i64 {
        self.0.into()
    }
}

impl Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The data keys (数据密钥) of a window, all that ever wrote. The last one writes.
#[derive(Clone)]
pub struct DataKeys {
    keys: BTreeMap<KeyName, hmac::Key>,
    /// The oldest, of the first line.
    first: hmac::Key,
    last: KeyName,
}

impl Debug for DataKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl DataKeys {
    /// A new key as a line of the file.
    ///
    /// # Errors
    ///
    /// [`Fault`] when the system gives no random bytes.
    pub fn fresh() -> Result<String, Fault> {
        let mut key = [0; KEY_LEN];
        random(&mut key)?;
        Ok(BASE64.encode(key))
    }

    /// Reads a file of them: one in Base64 a line, the one that writes last; lines with `#` say nothing.
    ///
    /// # Errors
    ///
    /// [`KeysError`] names the line.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let (mut keys, mut first, mut last) = (BTreeMap::new(), None, None);
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = BASE64.decode(line).ok().filter(|key| key.len() == KEY_LEN);
            let key = key.ok_or(KeysError::Malformed(number))?;
            let name = name_of(&key);
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
            first = first.or_else(|| Some(key.clone()));
            if keys.insert(name, key).is_some() {
                return Err(KeysError::Repeated(number));
            }
            last = Some(name);
        }
        let (first, last) = first.zip(last).ok_or(KeysError::Empty)?;
        Ok(Self { keys, first, last })
    }

    /// The names of all.
    pub fn names(&self) -> impl Iterator<Item = KeyName> {
        self.keys.keys().copied()
    }

    /// The name of the one that writes.
    pub fn writes(&self) -> KeyName {
        self.last
    }
}

fn name_of(key: &[u8]) -> KeyName {
    let hash = digest::digest(&digest::SHA256, key);
    let first = hash.as_ref().iter().take(4);
    KeyName(first.fold(0, |name, byte| name << 8 | u32::from(*byte)))
}

/// Which row a value belongs to, and which of its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell<'a> {
    /// Table and column.
    pub column: &'static str,
    /// The slot of the row.
    pub slot: Slot,
    /// What else is in its key.
    pub key: &'a [u8],
}

impl Cell<'_> {
    fn bound(&self) -> Vec<u8> {
        [self.column.as_bytes(), &[0, self.slot.byte()], self.key].concat()
    }
}

/// Encrypts and decrypts the values of one service.
#[derive(Clone)]
pub struct Cipher(Arc<Inner>);

struct Inner {
    /// A service's values are of no use in another's tables.
    schema: &'static str,
    keys: DataKeys,
    writes: LessSafeKey,
    salt: [u8; SALT_LEN],
    counter: AtomicU64,
}

impl Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cipher({})", self.0.schema)
    }
}

impl Cipher {
    /// Of the service with this schema.
    ///
    /// # Errors
    ///
    /// [`Fault`] when the system gives no random bytes.
    pub fn new(schema: &'static str, keys: DataKeys) -> Result<Self, Fault> {
        let mut salt = [0; SALT_LEN];
        random(&mut salt)?;
        let writes = keys.keys.get(&keys.last).map(|key| derive(key, &salt));
        let writes = writes.ok_or_else(|| Fault::Broken("no data key writes".to_owned()))??;
        let counter = AtomicU64::new(0);
        Ok(Self(Arc::new(Inner { schema, keys, writes, salt, counter })))
    }

    /// A key of the service for hashes that are looked up. It is made of the oldest data key, so that it stays the
    /// same when another one writes.
    pub fn hash_key(&self, label: &str) -> [u8; KEY_LEN] {
        let Inner { schema, keys, .. } = &*self.0;
        let tag = hmac::sign(&keys.first, format!("{schema}/{label}").as_bytes());
        let mut key = [0; KEY_LEN];
        key.copy_from_slice(tag.as_ref());
        key
    }

    /// Names of keys that the service's tables were written with and that are not among ours: what was
    /// written with them cannot be read.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database.
    pub async fn missing(&self, pool: &PgPool) -> Result<Vec<String>, Fault> {
        let written = sqlx::query_scalar!("select name from data_key where slot = 0 order by name");
        let written: Vec<i64> = written.fetch_all(pool).await?;
        let ours: Vec<i64> = self.0.keys.names().map(KeyName::column).collect();
        let missing = written.into_iter().filter(|name| !ours.contains(name));
        Ok(missing.map(|name| format!("{name:08x}")).collect())
    }

    /// Names the key that writes in the service's tables, before it does.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database.
    pub async fn register(&self, pool: &PgPool) -> Result<(), Fault> {
        let name = self.0.keys.writes().column();
        sqlx::query!(
            "insert into data_key (slot, name) values (0, $1) on conflict do nothing",
            name
        )
        .execute(pool)
        .await?;
        Ok(())
    }

    /// The value as it is kept in this cell.
    ///
    /// # Errors
    ///
    /// [`Fault`] when it is too long to be encrypted.
    pub fn encrypt(&self, cell: Cell<'_>, value: &[u8]) -> Result<Vec<u8>, Fault> {
        let inner = &*self.0;
        let compressed = (value.len() >= COMPRESS_FROM)
            .then(|| lz4_flex::compress_prepend_size(value))
            .filter(|compressed| compressed.len() < value.len());
        let (format, text) = match &compressed {
            Some(compressed) => (COMPRESSED, &compressed[..]),
            None => (PLAIN, value),
        };
        let counter = inner.counter.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut kept = Vec::with_capacity(HEADER_LEN + text.len() + AES_256_GCM.tag_len());
        kept.push(format);
        kept.extend(inner.keys.last.0.to_be_bytes());
        kept.extend(inner.salt);
        kept.extend(counter);
        let aad = inner.bound(cell, &kept);
        kept.extend(text);
        let (_, text) = kept.split_at_mut(HEADER_LEN);
        let sealed = inner.writes.seal_in_place_separate_tag(nonce(counter), aad, text);
        let tag =
            sealed.map_err(|_| Fault::Broken("a value is too long to be encrypted".into()))?;
        kept.extend(tag.as_ref());
        Ok(kept)
    }

    /// The value that is kept in this cell.
    ///
    /// # Errors
    ///
    /// [`Fault::Broken`] when it was written with a key that is not among ours, for another cell, or was
    /// changed.
    pub fn decrypt(&self, cell: Cell<'_>, kept: Vec<u8>) -> Result<Bytes, Fault> {
        let damaged = |why: &str| {
            let Cell { column, slot, .. } = cell;
            Fault::Broken(format!("{}.{column} in slot {}: {why}", self.0.schema, slot.number()))
        };
        let header = Header::read(&kept).ok_or_else(|| damaged("it is too short"))?;
        let key = self.0.keys.keys.get(&header.key);
        let key = key.ok_or_else(|| {
            damaged(&format!("it needs the data key {}, which the file has not", header.key))
        })?;
        let key = derive(key, &header.salt)?;
        let aad = self.0.bound(cell, &kept[..HEADER_LEN]);
        let mut kept = kept;
        let opened = key.open_within(nonce(header.counter), aad, &mut kept, HEADER_LEN..);
        let len = opened.map_err(|_| damaged("it was changed, or belongs to another row"))?.len();
        match header.format {
            COMPRESSED => lz4_flex::decompress_size_prepended(&kept[..len])
                .map(Bytes::from)
                .map_err(|error| damaged(&error.to_string())),
            _ => {
                kept.truncate(len);
                Ok(Bytes::from(kept))
            }
        }
    }
}

impl Inner {
    /// The schema, the cell, and how the value is to be read.
    fn bound(&self, cell: Cell<'_>, header: &[u8]) -> Aad<Vec<u8>> {
        Aad::from([self.schema.as_bytes(), &[0], header, &cell.bound()].concat())
    }
}

struct Header {
    format: u8,
    key: KeyName,
    salt: [u8; SALT_LEN],
    counter: [u8; COUNTER_LEN],
}

impl Header {
    fn read(kept: &[u8]) -> Option<Self> {
        let (&format, rest) = kept.split_first()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let (counter, _) = rest.split_first_chunk()?;
        let is_known = matches!(format, PLAIN | COMPRESSED);
        let key = KeyName(u32::from_be_bytes(*key));
        is_known.then_some(Self { format, key, salt: *salt, counter: *counter })
    }
}

fn nonce(counter: [u8; COUNTER_LEN]) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - COUNTER_LEN..].copy_from_slice(&counter);
    Nonce::assume_unique_for_key(nonce)
}

/// The key of a salt.
fn derive(key: &hmac::Key, salt: &[u8]) -> Result<LessSafeKey, Fault> {
    let derived = UnboundKey::new(&AES_256_GCM, hmac::sign(key, salt).as_ref());
    Ok(LessSafeKey::new(derived.map_err(|_| Fault::Broken("a salt has no key".to_owned()))?))
}

fn random(bytes: &mut [u8]) -> Result<(), Fault> {
    let filled = SystemRandom::new().fill(bytes);
    filled.map_err(|_| Fault::Broken("the system gives no random bytes".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> DataKeys {
        let lines: Vec<String> = bytes.iter().map(|byte| BASE64.encode([*byte; 32])).collect();
        DataKeys::parse(&lines.join("\n")).expect("keys")
    }

    fn cell(column: &'static str, key: &'static [u8]) -> Cell<'static> {
        Cell { column, slot: Slot::of("3702960001"), key }
    }

    #[test]
    fn a_value_is_read_in_its_own_row_only() {
        let cipher = Cipher::new("ours", keys(&[1])).expect("a cipher");
        let own = cell("journal.body", b"7");
        let long = "收货人王小明 370102199001011234 ".repeat(100);
        for value in ["", "收货人", &long] {
            let kept = cipher.encrypt(own, value.as_bytes()).expect("encrypted");
            assert_ne!(kept, cipher.encrypt(own, value.as_bytes()).expect("too"), "{value}");
            let read = cipher.decrypt(own, kept.clone()).expect("decrypted");
            assert_eq!(read, value.as_bytes());
            let other = Cell { slot: Slot::of("1105910159"), ..own };
            assert_ne!(other.slot, own.slot);
            for (what, cell) in [
                ("another row", cell("journal.body", b"8")),
                ("another column", cell("document.body", b"7")),
                ("another slot", other),
            ] {
                assert!(cipher.decrypt(cell, kept.clone()).is_err(), "{what}");
            }
            let theirs = Cipher::new("theirs", keys(&[1])).expect("a cipher");
            assert!(theirs.decrypt(own, kept.clone()).is_err(), "another service");
            for at in 0..kept.len().min(80) {
                let mut changed = kept.clone();
                changed[at] ^= 1;
                assert!(cipher.decrypt(own, changed).is_err(), "byte {at}");
                assert!(cipher.decrypt(own, kept[..at].to_vec()).is_err(), "cut at {at}");
            }
        }
        let kept = cipher.encrypt(own, long.as_bytes()).expect("encrypted");
        assert!(kept.len() < long.len() / 4, "{} bytes of {}", kept.len(), long.len());
    }

    #[test]
    fn every_process_has_nonces_of_its_own() {
        let (one, two) = (Cipher::new("ours", keys(&[1])), Cipher::new("ours", keys(&[1])));
        let (one, two) = (one.expect("a cipher"), two.expect("a cipher"));
        let own = cell("journal.body", b"7");
        let head =
            |cipher: &Cipher| cipher.encrypt(own, b"x").expect("encrypted")[..HEADER_LEN].to_vec();
        let heads: std::collections::BTreeSet<_> =
            (0..50).flat_map(|_| [head(&one), head(&two)]).collect();
        assert_eq!(heads.len(), 100, "a nonce was used twice");
        let kept = one.encrypt(own, b"x").expect("encrypted");
        assert_eq!(&two.decrypt(own, kept).expect("the same key")[..], b"x");
    }

    #[test]
    fn a_new_key_writes_and_the_old_one_still_reads() {
        let own = cell("journal.body", b"7");
        let before = Cipher::new("ours", keys(&[1])).expect("a cipher");
        let kept = before.encrypt(own, b"old").expect("encrypted");
        let after = Cipher::new("ours", keys(&[1, 2])).expect("a cipher");
        assert_eq!(&after.decrypt(own, kept).expect("the old key is there")[..], b"old");
        let kept = after.encrypt(own, b"new").expect("encrypted");
        let refused = before.decrypt(own, kept).expect_err("it has not the new key").to_string();
        assert!(refused.contains(&keys(&[2]).writes().to_string()), "{refused}");
    }

    #[test]
    fn what_is_wrong_with_a_file_of_keys_is_said_by_line() {
        let key = BASE64.encode([1; 32]);
        for (text, expected) in [
            (String::new(), KeysError::Empty),
            ("# none yet\n".to_owned(), KeysError::Empty),
            (format!("{key}\n\nrubbish\n"), KeysError::Malformed(3)),
            (BASE64.encode([1; 31]), KeysError::Malformed(1)),
            (format!("{key}\n# again\n{key}\n"), KeysError::Repeated(3)),
        ] {
            assert_eq!(DataKeys::parse(&text).expect_err("it is wrong"), expected, "{text}");
        }
        let fresh = DataKeys::fresh().expect("random bytes");
        let read = DataKeys::parse(&format!("# of today\n{key}\n{fresh}\n")).expect("two keys");
        assert_eq!(read.names().count(), 2);
        assert_eq!(read.writes(), DataKeys::parse(&fresh).expect("one").writes());
        assert!(!format!("{read:?}").contains(&fresh), "a key shows");
    }
}
