//! One row a declaration, so that clearance can be measured (measure 10).

use std::collections::BTreeSet;

use domain::DeclarationId;
use domain::inspection::credit::Class;
use sqlx::PgConnection;
use store::Fault;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::credits::class_column;

/// A declaration that was filed.
#[derive(Debug)]
pub(crate) struct Consignment {
    pub(crate) id: DeclarationId,
    pub(crate) declarant_code: String,
    pub(crate) port_code: String,
    pub(crate) trade_mode: String,
    pub(crate) class: Class,
    pub(crate) filed_time: OffsetDateTime,
}

/// How a declaration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Released,
    Rejected,
    Returned,
    Withdrawn,
}

impl Ended {
    fn column(self) -> i16 {
        match self {
            Self::Released => 1,
            Self::Rejected => 2,
            Self::Returned => 3,
            Self::Withdrawn => 4,
        }
    }
}

/// What becomes of a row.
#[derive(Debug)]
pub(crate) enum Change {
    /// A new version: it is under review again.
    Amended(u32),
    Ended(Ended, OffsetDateTime),
}

/// Writes new rows; says which were not there yet.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    filed: &[Consignment],
) -> Result<BTreeSet<Uuid>, Fault> {
    if filed.is_empty() {
        return Ok(BTreeSet::new());
    }
    let slots: Vec<i16> = filed.iter().map(|it| it.id.slot().column()).collect();
    let ids: Vec<Uuid> = filed.iter().map(|it| it.id.uuid()).collect();
    let text = |of: fn(&Consignment) -> &str| filed.iter().map(of).collect::<Vec<&str>>();
    let classes: Vec<i16> = filed.iter().map(|it| class_column(it.class)).collect();
    let times: Vec<OffsetDateTime> = filed.iter().map(|it| it.filed_time).collect();
    let new = sqlx::query_scalar!(
        "insert into consignment (slot, declaration_id, declarant_code, port_code, trade_mode,
                                  class, version, filed_time)
         select slot, id, declarant_code, port_code, trade_mode, class, 1, filed_time
         from unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[],
                     $6::smallint[], $7::timestamptz[])
              as given (slot, id, declarant_code, port_code, trade_mode, class, filed_time)
         on conflict do nothing returning declaration_id",
        &slots,
        &ids,
        &text(|it| &it.declarant_code) as &[&str],
        &text(|it| &it.port_code) as &[&str],
        &text(|it| &it.trade_mode) as &[&str],
        &classes,
        &times
    )
    .fetch_all(tx)
    .await?;
    Ok(new.into_iter().collect())
}

/// Writes what became of declarations; the last change of each counts.
pub(crate) async fn update(
    tx: &mut PgConnection,
    changes: &[(DeclarationId, Change)],
) -> Result<(), Fault> {
    if changes.is_empty() {
        return Ok(());
    }
    let last: std::collections::BTreeMap<DeclarationId, &Change> =
        changes.iter().map(|(id, change)| (*id, change)).collect();
    let slots: Vec<i16> = last.keys().map(|id| id.slot().column()).collect();
    let ids: Vec<Uuid> = last.keys().map(|id| id.uuid()).collect();
    let versions: Vec<Option<i32>> = last
        .values()
        .map(|change| match change {
            Change::Amended(version) => i32::try_from(*version).ok(),
            Change::Ended(..) => None,
        })
        .collect();
    let ended = |change: &&&Change| match change {
        Change::Amended(_) => None,
        Change::Ended(how, at) => Some((*how, *at)),
    };
    let hows: Vec<i16> =
        last.values().map(|c| ended(&c).map_or(0, |(how, _)| how.column())).collect();
    let times: Vec<Option<OffsetDateTime>> =
        last.values().map(|c| ended(&c).map(|(_, at)| at)).collect();
    sqlx::query!(
        "update consignment c
         set version = greatest(c.version, coalesce(given.version, c.version)),
             ended = given.ended, ended_time = given.ended_time
         from unnest($1::smallint[], $2::uuid[], $3::int[], $4::smallint[], $5::timestamptz[])
              as given (slot, id, version, ended, ended_time)
         where c.slot = given.slot and c.declaration_id = given.id",
        &slots,
        &ids,
        &versions as &[Option<i32>],
        &hows,
        &times as &[Option<OffsetDateTime>]
    )
    .execute(tx)
    .await?;
    Ok(())
}
