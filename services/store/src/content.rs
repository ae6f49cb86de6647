//! Contents: what a version of something says, kept apart from the journal that tells of it, so that the journal
//! can be cut by age and what is known of a person erased. An entry that shows a content names it by its
//! subject and version.

use bytes::Bytes;
use domain::Slot;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Fault;
use crate::cipher::{Cell, Cipher};

/// Whose content, of which version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentKey {
    /// Slot of the subject.
    pub slot: Slot,
    /// What it is about.
    pub subject: Uuid,
    /// From 1.
    pub version: i32,
}

impl ContentKey {
    /// What else is in the key of its row.
    fn row(&self) -> [u8; 20] {
        let mut row = [0; 20];
        row[..16].copy_from_slice(self.subject.as_bytes());
        row[16..].copy_from_slice(&self.version.to_be_bytes());
        row
    }

    /// The content as it stands in its row.
    pub(crate) fn decrypt(&self, cipher: &Cipher, body: Vec<u8>) -> Result<Bytes, Fault> {
        cipher.decrypt(cell(self.slot, &self.row()), body)
    }
}

fn cell(slot: Slot, key: &[u8]) -> Cell<'_> {
    Cell { column: "content.body", slot, key }
}

/// Keeps new contents.
///
/// # Errors
///
/// [`Fault`] from the database, also when one of them is there already.
pub async fn write(
    tx: &mut PgConnection,
    cipher: &Cipher,
    contents: &[(ContentKey, Bytes)],
) -> Result<(), Fault> {
    if contents.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = contents.iter().map(|(key, _)| key.slot.column()).collect();
    let subjects: Vec<Uuid> = contents.iter().map(|(key, _)| key.subject).collect();
    let versions: Vec<i32> = contents.iter().map(|(key, _)| key.version).collect();
    let encrypt =
        |(key, body): &(ContentKey, Bytes)| cipher.encrypt(cell(key.slot, &key.row()), body);
    let bodies: Vec<Vec<u8>> = contents.iter().map(encrypt).collect::<Result<_, _>>()?;
    sqlx::query!(
        "insert into content (slot, subject, version, body)
         select * from unnest($1::smallint[], $2::uuid[], $3::int[], $4::bytea[])",
        &slots,
        &subjects,
        &versions,
        &bodies
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A content; `None` when it was archived or erased, or never was.
///
/// # Errors
///
/// [`Fault`] from the database, or when it is not what was written there.
pub async fn read(
    tx: &mut PgConnection,
    cipher: &Cipher,
    key: ContentKey,
) -> Result<Option<Bytes>, Fault> {
    let body = sqlx::query_scalar!(
        "select body from content where slot = $1 and subject = $2 and version = $3",
        key.slot.column(),
        key.subject,
        key.version
    )
    .fetch_optional(tx)
    .await?;
    body.map(|body| key.decrypt(cipher, body)).transpose()
}
