//! Rows of numbers, releases and inspection orders, which repeat the promises of a clearance: one each.

use std::collections::BTreeMap;

use domain::{DeclarationId, OrderId, ReleaseId};
use sqlx::PgConnection;
use store::Fault;
use store::column::integer;
use time::OffsetDateTime;
use uuid::Uuid;

/// State of an order as it is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OrderState {
    Open,
    Done,
    Cancelled,
}

/// What the decisions of a transaction write at its end.
#[derive(Debug, Default)]
pub(crate) struct ClearanceRows {
    /// With their invtNo.
    pub(crate) numbered: Vec<(DeclarationId, String)>,
    pub(crate) releases: Vec<(DeclarationId, ReleaseId, u32)>,
    pub(crate) orders: BTreeMap<DeclarationId, (OrderId, OrderState, Option<Vec<u8>>)>,
}

impl ClearanceRows {
    /// Writes it.
    pub(crate) async fn write(
        &self,
        tx: &mut PgConnection,
        now: OffsetDateTime,
    ) -> Result<(), Fault> {
        insert_numbers(tx, &self.numbered).await?;
        insert_releases(tx, &self.releases, now).await?;
        keep_orders(tx, &self.orders, now).await
    }
}

async fn insert_numbers(
    tx: &mut PgConnection,
    numbered: &[(DeclarationId, String)],
) -> Result<(), Fault> {
    if numbered.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = numbered.iter().map(|(id, _)| id.slot().column()).collect();
    let ids: Vec<Uuid> = numbered.iter().map(|(id, _)| id.uuid()).collect();
    let numbers: Vec<&str> = numbered.iter().map(|(_, number)| number.as_str()).collect();
    sqlx::query!(
        "insert into customs_number (slot, invt_no, declaration_id)
         select slot, invt_no, declaration_id
         from unnest($1::smallint[], $2::text[], $3::uuid[])
              as given (slot, invt_no, declaration_id)",
        &slots,
        &numbers as &[&str],
        &ids
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_releases(
    tx: &mut PgConnection,
    releases: &[(DeclarationId, ReleaseId, u32)],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if releases.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = releases.iter().map(|(id, ..)| id.slot().column()).collect();
    let ids: Vec<Uuid> = releases.iter().map(|(id, ..)| id.uuid()).collect();
    let release_ids: Vec<Uuid> = releases.iter().map(|(_, release, _)| release.0).collect();
    let versions: Vec<i32> =
        releases.iter().map(|(.., version)| integer(*version)).collect::<Result<_, _>>()?;
    sqlx::query!(
        "insert into release (slot, declaration_id, release_id, version, released_time)
         select slot, declaration_id, release_id, version, $5
         from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::int[])
              as given (slot, declaration_id, release_id, version)",
        &slots,
        &ids,
        &release_ids,
        &versions,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Orders are rare: one statement each.
async fn keep_orders(
    tx: &mut PgConnection,
    orders: &BTreeMap<DeclarationId, (OrderId, OrderState, Option<Vec<u8>>)>,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    for (id, (order_id, state, findings)) in orders {
        let (state, closed) = match state {
            OrderState::Open => (1_i16, None),
            OrderState::Done => (2, Some(now)),
            OrderState::Cancelled => (3, Some(now)),
        };
        sqlx::query!(
            "insert into joint_inspection (slot, declaration_id, order_id, state, opened_time,
                                           closed_time, findings)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (slot, declaration_id) do update
             set state = excluded.state, closed_time = excluded.closed_time,
                 findings = excluded.findings",
            id.slot().column(),
            id.uuid(),
            order_id.0,
            state,
            now,
            closed,
            findings.as_deref()
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
