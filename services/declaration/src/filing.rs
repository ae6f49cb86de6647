//! What enterprises asked for, kept once for each request id: the receipt is the idempotency record.

use std::collections::HashMap;

use domain::{DeclarationId, RequestId, Slot};
use sqlx::PgConnection;
use store::{Fault, column};
use time::OffsetDateTime;
use uuid::Uuid;

/// What an enterprise asked for, as it is kept for repetitions.
#[derive(Debug)]
pub(crate) struct Filing {
    pub(crate) request_id: RequestId,
    pub(crate) kind: Kind,
    pub(crate) digest: Vec<u8>,
    pub(crate) declaration: DeclarationId,
    pub(crate) version: u32,
    pub(crate) position: i64,
}

/// What kind of request a filing was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Submit,
    Amend,
    Withdraw,
}

impl Kind {
    fn column(self) -> i16 {
        match self {
            Self::Submit => 1,
            Self::Amend => 2,
            Self::Withdraw => 3,
        }
    }

    fn of(found: i16) -> Result<Self, Fault> {
        let all = [Self::Submit, Self::Amend, Self::Withdraw];
        column::value("kind of filing", all, Self::column, found)
    }
}

/// A request that was answered before.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) kind: Kind,
    pub(crate) digest: Vec<u8>,
    pub(crate) declaration: DeclarationId,
    pub(crate) version: u32,
    pub(crate) position: i64,
}

/// Finds requests that were answered before.
pub(crate) async fn known(
    tx: &mut PgConnection,
    requests: impl Iterator<Item = (Slot, RequestId)>,
) -> Result<HashMap<(Slot, RequestId), Known>, Fault> {
    let (slots, ids): (Vec<i16>, Vec<Uuid>) =
        requests.map(|(slot, request)| (slot.column(), request.0)).unzip();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!(
        "select f.slot, f.request_id, f.kind, f.digest, f.declaration_id, f.version, f.position
         from unnest($1::smallint[], $2::uuid[]) as wanted (slot, request_id)
         join filing f on f.slot = wanted.slot and f.request_id = wanted.request_id",
        &slots,
        &ids
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let known = Known {
                kind: Kind::of(row.kind)?,
                digest: row.digest,
                declaration: DeclarationId::from_uuid(row.declaration_id),
                version: column::number(row.version)?,
                position: row.position,
            };
            let slot = column::slot(row.slot)?;
            Ok(((slot, RequestId(row.request_id)), known))
        })
        .collect()
}

/// Keeps what was asked for.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    filings: &[Filing],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if filings.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = filings.iter().map(|f| f.declaration.slot().column()).collect();
    let requests: Vec<Uuid> = filings.iter().map(|f| f.request_id.0).collect();
    let kinds: Vec<i16> = filings.iter().map(|f| f.kind.column()).collect();
    let digests: Vec<&[u8]> = filings.iter().map(|f| f.digest.as_slice()).collect();
    let declarations: Vec<Uuid> = filings.iter().map(|f| f.declaration.uuid()).collect();
    let versions: Vec<i32> =
        filings.iter().map(|f| column::integer(f.version)).collect::<Result<_, _>>()?;
    let positions: Vec<i64> = filings.iter().map(|f| f.position).collect();
    sqlx::query!(
        "insert into filing (slot, request_id, kind, digest, declaration_id, version, position,
                             recorded_time)
         select slot, request_id, kind, digest, declaration_id, version, position, $8
         from unnest($1::smallint[], $2::uuid[], $3::smallint[], $4::bytea[], $5::uuid[], $6::int[],
                     $7::bigint[])
              as filed (slot, request_id, kind, digest, declaration_id, version, position)",
        &slots,
        &requests,
        &kinds,
        &digests as &[&[u8]],
        &declarations,
        &versions,
        &positions,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}
