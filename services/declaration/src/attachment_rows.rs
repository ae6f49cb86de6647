//! Attachments in their tables: whole ones, those that are coming, and their parts.

use bytes::Bytes;
use domain::CHINA;
use domain::Slot;
use domain::attachment::AttachmentDigest;
use domain::refusal::{Code, Refusal};
use sqlx::{PgConnection, PgPool};
use store::Fault;
use store::cipher::{Cell, Cipher};
use store::column::{self, integer, number};
use time::OffsetDateTime;
use uuid::Uuid;

/// For whom an attachment is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttachmentOwner {
    pub(crate) slot: Slot,
    pub(crate) declarant_code: String,
}

impl AttachmentOwner {
    pub(crate) fn of(declarant_code: &str) -> Self {
        Self { slot: Slot::of(declarant_code), declarant_code: declarant_code.to_owned() }
    }
}

/// Who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttachmentSide {
    /// The firm, or its agent.
    Firm,
    /// An agency, or a site.
    Official,
}

impl AttachmentSide {
    fn column(self) -> i16 {
        match self {
            Self::Firm => 1,
            Self::Official => 2,
        }
    }
}

/// An attachment that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredAttachment {
    pub(crate) sha256: AttachmentDigest,
    pub(crate) upload_id: Uuid,
    pub(crate) size_bytes: u32,
    pub(crate) media_type: String,
    pub(crate) stored_time: OffsetDateTime,
}

/// Those of these that are here.
pub(crate) async fn find(
    pool: &PgPool,
    owner: &AttachmentOwner,
    digests: &[AttachmentDigest],
) -> Result<Vec<StoredAttachment>, Fault> {
    let digests: Vec<&[u8]> = digests.iter().map(|digest| &digest.0[..]).collect();
    let rows = sqlx::query!(
        "select sha256, upload_id, size_bytes, media_type, stored_time from attachment
         where slot = $1 and declarant_code = $2 and sha256 = any($3)",
        owner.slot.column(),
        owner.declarant_code,
        &digests as &[&[u8]]
    )
    .fetch_all(pool)
    .await?;
    let read = rows.into_iter().map(|row| {
        let sha256 = row.sha256.try_into().map(AttachmentDigest);
        Ok(StoredAttachment {
            sha256: sha256.map_err(|_| Fault::Broken("a digest has not 32 bytes".to_owned()))?,
            upload_id: row.upload_id,
            size_bytes: number(row.size_bytes)?,
            media_type: row.media_type,
            stored_time: row.stored_time,
        })
    });
    read.collect()
}

/// Begins to keep one: until it is whole, nobody sees it.
pub(crate) async fn begin(
    pool: &PgPool,
    slot: Slot,
    upload: Uuid,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into attachment_upload (slot, id, started_time) values ($1, $2, $3)",
        slot.column(),
        upload,
        now
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Which part of which upload: what its bytes are bound to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartKey {
    pub(crate) slot: Slot,
    pub(crate) upload: Uuid,
    /// From 1.
    pub(crate) number: u32,
}

impl PartKey {
    fn row(self) -> [u8; 20] {
        let mut row = [0; 20];
        row[..16].copy_from_slice(self.upload.as_bytes());
        row[16..].copy_from_slice(&self.number.to_be_bytes());
        row
    }
}

fn cell(slot: Slot, row: &[u8]) -> Cell<'_> {
    Cell { column: "attachment_part.body", slot, key: row }
}

/// Keeps a part.
pub(crate) async fn add_part(
    pool: &PgPool,
    cipher: &Cipher,
    key: PartKey,
    bytes: &[u8],
) -> Result<(), Fault> {
    let body = cipher.encrypt(cell(key.slot, &key.row()), bytes)?;
    sqlx::query!(
        "insert into attachment_part (slot, upload_id, number, body) values ($1, $2, $3, $4)",
        key.slot.column(),
        key.upload,
        integer(key.number)?,
        body
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Reads a part; `None` behind the last one.
pub(crate) async fn part(
    pool: &PgPool,
    cipher: &Cipher,
    key: PartKey,
) -> Result<Option<Bytes>, Fault> {
    let body = sqlx::query_scalar!(
        "select body from attachment_part where slot = $1 and upload_id = $2 and number = $3",
        key.slot.column(),
        key.upload,
        integer(key.number)?
    )
    .fetch_optional(pool)
    .await?;
    body.map(|body| cipher.decrypt(cell(key.slot, &key.row()), body)).transpose()
}

/// Makes an upload an attachment, within what may be kept in a day; `false` when another one was faster.
pub(crate) async fn finish(
    pool: &PgPool,
    owner: &AttachmentOwner,
    attachment: &StoredAttachment,
    (side, bytes_per_day): (AttachmentSide, u64),
) -> Result<Result<bool, Refusal>, Fault> {
    let StoredAttachment { sha256, upload_id, size_bytes, media_type, stored_time } = attachment;
    let mut tx = pool.begin().await?;
    let is_there = sqlx::query!(
        "delete from attachment_upload where slot = $1 and id = $2",
        owner.slot.column(),
        upload_id
    );
    if is_there.execute(&mut *tx).await?.rows_affected() == 0 {
        // It took so long that it was given up.
        return Ok(Err(Refusal::of(Code::Unavailable)));
    }
    let is_first = sqlx::query!(
        "insert into attachment (slot, declarant_code, sha256, upload_id, size_bytes, media_type, stored_time)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        owner.slot.column(),
        owner.declarant_code,
        &sha256.0[..],
        upload_id,
        integer(*size_bytes)?,
        media_type,
        stored_time
    );
    if is_first.execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(Ok(false));
    }
    // More than a column holds is no bound.
    let most = i64::try_from(bytes_per_day).unwrap_or(i64::MAX);
    let size = i64::from(*size_bytes);
    if size > most || !spend(&mut tx, owner, side, (*stored_time, size, most)).await? {
        let refusal = Refusal::of(Code::AttachmentsUsedUp);
        return Ok(Err(refusal.with("bytes_per_day", bytes_per_day)));
    }
    tx.commit().await?;
    Ok(Ok(true))
}

/// Counts bytes to their day; `false` when there are not so many left.
async fn spend(
    tx: &mut PgConnection,
    owner: &AttachmentOwner,
    side: AttachmentSide,
    (now, bytes, most): (OffsetDateTime, i64, i64),
) -> Result<bool, Fault> {
    let counted = sqlx::query!(
        "insert into attachment_budget (slot, declarant_code, side, day, bytes)
         values ($1, $2, $3, $4, $5)
         on conflict (slot, declarant_code, side, day) do update
           set bytes = attachment_budget.bytes + excluded.bytes
           where attachment_budget.bytes + excluded.bytes <= $6",
        owner.slot.column(),
        owner.declarant_code,
        side.column(),
        now.to_offset(CHINA).date(),
        bytes,
        most
    );
    Ok(counted.execute(tx).await?.rows_affected() == 1)
}

/// Gives an upload up, with the parts that came; not one that is an attachment, as it is when the answer to its last
/// step was lost.
pub(crate) async fn give_up(pool: &PgPool, slot: Slot, upload: Uuid) -> Result<(), Fault> {
    let mut tx = pool.begin().await?;
    // First, since it waits for the last step that is under way, and keeps out one that begins.
    sqlx::query!(
        "delete from attachment_upload where slot = $1 and id = $2",
        slot.column(),
        upload
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "delete from attachment_part where slot = $1 and upload_id = $2
           and not exists (select from attachment where slot = $1 and upload_id = $2)",
        slot.column(),
        upload
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Uploads that began before, some of them.
pub(crate) async fn abandoned(
    pool: &PgPool,
    before: OffsetDateTime,
) -> Result<Vec<(Slot, Uuid)>, Fault> {
    let rows = sqlx::query!(
        "select slot, id from attachment_upload where started_time < $1 limit 100",
        before
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(|row| Ok((column::slot(row.slot)?, row.id))).collect()
}
