//! Keeps the bytes of an attachment.
//!
//! They are written part by part as they come, encrypted, so that a slow sender holds little memory; what has come
//! counts only when the last step makes it an attachment, in one transaction. So an upload that is cut, by whomever,
//! leaves nothing that anybody sees; what it wrote is removed later ([`sweep`]). It may be repeated whole: the same
//! bytes for the same declarant are kept once.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use domain::attachment::AttachmentDigest;
use domain::limits;
use domain::refusal::{Code, Refusal};
use domain::{Kind, Principal, Slot};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use proto::memory;
use ring::digest::{Context, SHA256};
use sqlx::PgPool;
use store::cipher::Cipher;
use store::{Clock, Fault};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::attachment::{UploadReceipt, digest, own_space, required};
use crate::attachment_rows::{
    self as rows, AttachmentOwner, AttachmentSide, PartKey, StoredAttachment,
};
use crate::virus_scan::{ScanResult, VirusScanner};
use crate::{AttachmentSettings, Declarations, Error, get_attachment, media_type, read};

/// How often uploads that were given up are looked for.
const LOOK: Duration = Duration::from_secs(60);
/// After so long an upload has ended, whatever became of it; a call is over much sooner.
const ABANDONED: time::Duration = time::Duration::minutes(10);

/// What attachments are kept with.
#[derive(Debug)]
pub(crate) struct AttachmentStore {
    pub(crate) clock: Clock,
    pub(crate) cipher: Cipher,
    scanner: Option<VirusScanner>,
    bytes_per_day: u64,
}

impl AttachmentStore {
    pub(crate) fn new(clock: Clock, cipher: Cipher, settings: AttachmentSettings) -> Self {
        let AttachmentSettings { virus_scanner, bytes_per_day } = settings;
        let scanner = (!virus_scanner.is_empty()).then(|| VirusScanner::new(virus_scanner));
        Self { clock, cipher, scanner, bytes_per_day }
    }
}

/// What came first: which attachment, and for whom.
struct UploadTarget {
    sha256: AttachmentDigest,
    owner: AttachmentOwner,
    side: AttachmentSide,
}

/// What has come.
struct UploadSummary {
    sha256: AttachmentDigest,
    size_bytes: u32,
    media_type: Option<&'static str>,
}

/// What a caller says of an upload before its bytes.
#[derive(Debug, Clone)]
pub(crate) struct UploadHead {
    pub(crate) sha256: String,
    pub(crate) declarant: String,
    pub(crate) declaration: String,
}

/// The bytes of an upload, in pieces as they come.
pub(crate) type UploadPieces = BoxStream<'static, Result<Bytes, Refusal>>;

/// Keeps what comes.
pub(crate) async fn put(
    own: &Declarations,
    principal: &Principal,
    head: UploadHead,
    mut pieces: UploadPieces,
) -> Result<UploadReceipt, Error> {
    let target = parse(own, principal, head).await?;
    let here = rows::find(&own.pool, &target.owner, &[target.sha256]).await?.pop();
    if let Some(attachment) = here {
        // It is read all the same: what is no copy of it is told so.
        checked(&target, receive(own, None, &mut pieces).await?)?;
        return Ok(UploadReceipt { attachment, repeated: true });
    }
    let upload = Uuid::now_v7();
    rows::begin(&own.work, target.owner.slot, upload, own.attachments.clock.now()).await?;
    let kept = keep(own, &target, upload, &mut pieces).await;
    if !matches!(&kept, Ok(receipt) if !receipt.repeated) {
        // What cannot be removed now is removed by [`sweep`].
        if let Err(fault) = rows::give_up(&own.work, target.owner.slot, upload).await {
            fault.report("an upload cannot be removed now");
        }
    }
    kept
}

async fn keep(
    own: &Declarations,
    target: &UploadTarget,
    upload: Uuid,
    pieces: &mut UploadPieces,
) -> Result<UploadReceipt, Error> {
    let AttachmentStore { clock, scanner, bytes_per_day, .. } = &own.attachments;
    let slot = target.owner.slot;
    let received = receive(own, Some((slot, upload)), pieces).await?;
    let (media_type, size_bytes) = checked(target, received)?;
    if let Some(scanner) = scanner {
        let scanned = scanner.scan(parts(own, slot, upload)).await;
        let scanned =
            scanned.inspect_err(|fault| fault.report("an attachment cannot be scanned"))?;
        if let ScanResult::Infected(found) = scanned {
            metrics::counter!("sw_attachments_refused_total", "why" => "infected").increment(1);
            return Err(Refusal::of(Code::AttachmentInfected).with("found", found).into());
        }
    }
    let attachment = StoredAttachment {
        sha256: target.sha256,
        upload_id: upload,
        size_bytes,
        media_type: media_type.to_owned(),
        stored_time: clock.now(),
    };
    let budget = (target.side, *bytes_per_day);
    if rows::finish(&own.work, &target.owner, &attachment, budget).await?? {
        metrics::counter!("sw_attachment_bytes_total").increment(size_bytes.into());
        return Ok(UploadReceipt { attachment, repeated: false });
    }
    // Another upload of the same was faster.
    let here = rows::find(&own.pool, &target.owner, &[target.sha256]).await?.pop();
    let attachment = here.ok_or_else(|| Fault::Broken("an attachment is gone".to_owned()))?;
    Ok(UploadReceipt { attachment, repeated: true })
}

/// Which attachment, and for whom: the caller itself, a declarant that it may file for, or the declarant of a
/// declaration that concerns it.
async fn parse(
    own: &Declarations,
    principal: &Principal,
    UploadHead { sha256, declarant, declaration }: UploadHead,
) -> Result<UploadTarget, Error> {
    let sha256 = digest(&sha256)?;
    let side = match principal.kind {
        Kind::Customs | Kind::Quarantine | Kind::Site => AttachmentSide::Official,
        _ => AttachmentSide::Firm,
    };
    if !declaration.is_empty() {
        if !declarant.is_empty() {
            let refusal = Refusal::of(Code::NameMalformed);
            return Err(refusal.with("field", "declarant and declaration").into());
        }
        let id = read::parse_name(&declaration)?;
        let code = get_attachment::concerned(own, principal, id).await?.declarant_code;
        return Ok(UploadTarget { sha256, owner: AttachmentOwner::of(&code), side });
    }
    if side == AttachmentSide::Official {
        return Err(required("declaration", "a site or an agency says of which declaration").into());
    }
    Ok(UploadTarget { sha256, owner: own_space(principal, declarant)?, side })
}

/// Takes all that comes, and keeps it as the parts of an upload, where there is one.
async fn receive(
    own: &Declarations,
    upload: Option<(Slot, Uuid)>,
    pieces: &mut UploadPieces,
) -> Result<UploadSummary, Error> {
    let _room = memory::room(limits::ATTACHMENT_PART_BYTES).map_err(|refusal| *refusal)?;
    let mut pending = BytesMut::with_capacity(limits::ATTACHMENT_PART_BYTES);
    let (mut sha256, mut size, mut number, mut kind) = (Context::new(&SHA256), 0_u64, 0, None);
    while let Some(piece) = pieces.next().await {
        let mut rest = piece?;
        size = size.saturating_add(rest.len().try_into().unwrap_or(u64::MAX)); // a piece is a message
        if size > limits::ATTACHMENT_BYTES_MAX {
            return Err(size_wrong());
        }
        sha256.update(&rest);
        while !rest.is_empty() {
            let room = limits::ATTACHMENT_PART_BYTES - pending.len();
            pending.extend_from_slice(&rest.split_to(room.min(rest.len())));
            if pending.len() == limits::ATTACHMENT_PART_BYTES {
                number += 1;
                kind = kind.or_else(|| Some(media_type::of(&pending, false)));
                keep_part(own, upload, number, &pending).await?;
                pending.clear();
            }
        }
    }
    if size == 0 {
        return Err(size_wrong());
    }
    if !pending.is_empty() {
        kind = kind.or_else(|| Some(media_type::of(&pending, true)));
        keep_part(own, upload, number + 1, &pending).await?;
    }
    let mut digest = AttachmentDigest([0; 32]);
    digest.0.copy_from_slice(sha256.finish().as_ref());
    Ok(UploadSummary {
        sha256: digest,
        size_bytes: u32::try_from(size).map_err(|_| size_wrong())?,
        media_type: kind.flatten(),
    })
}

async fn keep_part(
    own: &Declarations,
    upload: Option<(Slot, Uuid)>,
    number: u32,
    bytes: &[u8],
) -> Result<(), Fault> {
    let Some((slot, upload)) = upload else { return Ok(()) };
    let key = PartKey { slot, upload, number };
    rows::add_part(&own.work, &own.attachments.cipher, key, bytes).await
}

fn size_wrong() -> Error {
    Refusal::of(Code::AttachmentSizeWrong).with("bytes_max", limits::ATTACHMENT_BYTES_MAX).into()
}

/// What came is what was named, and something that is taken: its media type and size.
fn checked(target: &UploadTarget, received: UploadSummary) -> Result<(&'static str, u32), Refusal> {
    let UploadSummary { sha256, size_bytes, media_type } = received;
    if sha256 != target.sha256 {
        metrics::counter!("sw_attachments_refused_total", "why" => "different").increment(1);
        let refusal = Refusal::of(Code::AttachmentDifferent);
        return Err(refusal.with("sha256", sha256).with("size_bytes", size_bytes));
    }
    let Some(media_type) = media_type else {
        metrics::counter!("sw_attachments_refused_total", "why" => "kind").increment(1);
        return Err(Refusal::of(Code::AttachmentKindRefused));
    };
    Ok((media_type, size_bytes))
}

/// Removes what never came whole, until the service drains.
pub(crate) async fn sweep(pool: PgPool, clock: Clock, draining: CancellationToken) {
    loop {
        if let Err(fault) = sweep_once(&pool, &clock).await {
            fault.report("uploads that were given up cannot be removed");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = draining.cancelled() => return,
        }
    }
}

async fn sweep_once(pool: &PgPool, clock: &Clock) -> Result<(), Fault> {
    for (slot, upload) in rows::abandoned(pool, clock.now() - ABANDONED).await? {
        rows::give_up(pool, slot, upload).await?;
    }
    Ok(())
}

/// The bytes of an upload, part by part.
pub(crate) fn parts(
    own: &Declarations,
    slot: Slot,
    upload: Uuid,
) -> impl Stream<Item = Result<Bytes, Fault>> + Send {
    futures::stream::try_unfold(1, move |number| async move {
        let key = PartKey { slot, upload, number };
        let part = rows::part(&own.work, &own.attachments.cipher, key).await?;
        Ok(part.map(|part| (part, number + 1)))
    })
}
