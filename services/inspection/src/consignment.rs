//! One row a declaration, so that clearance can be measured (measure 10).

use std::collections::{BTreeMap, BTreeSet};

use domain::inspection::credit::Class;
use domain::{DeclarationId, Slot};
use sqlx::PgConnection;
use store::{Fault, column};
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
    /// Headings of its goods.
    pub(crate) headings: Vec<String>,
    pub(crate) filed_time: OffsetDateTime,
}

/// How a declaration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConsignmentEnd {
    Released,
    Rejected,
    Returned,
    Withdrawn,
}

impl ConsignmentEnd {
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
pub(crate) enum ConsignmentChange {
    /// A new version: it is under review again.
    Amended(u32, Vec<String>, DocumentWait),
    Ended(ConsignmentEnd, OffsetDateTime),
    /// The firm is waited for, or no longer.
    Documents(DocumentWait),
}

/// Whether documents of the firm are awaited after an event. A new version ends every wait; an end that no version
/// follows is measured by nobody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DocumentWait {
    pub(crate) is_awaited: bool,
    pub(crate) at: OffsetDateTime,
    /// Of the event, in its slot.
    pub(crate) position: i64,
}

/// Writes new rows.
pub(crate) async fn insert(tx: &mut PgConnection, filed: &[Consignment]) -> Result<(), Fault> {
    if filed.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = filed.iter().map(|it| it.id.slot().column()).collect();
    let ids: Vec<Uuid> = filed.iter().map(|it| it.id.uuid()).collect();
    let text = |of: fn(&Consignment) -> &str| filed.iter().map(of).collect::<Vec<&str>>();
    let classes: Vec<i16> = filed.iter().map(|it| class_column(it.class)).collect();
    let times: Vec<OffsetDateTime> = filed.iter().map(|it| it.filed_time).collect();
    let headings: Vec<String> = filed.iter().map(|it| column::array(&it.headings)).collect();
    sqlx::query!(
        "insert into consignment (slot, declaration_id, declarant_code, port_code, trade_mode,
                                  class, version, headings, filed_time)
         select slot, id, declarant_code, port_code, trade_mode, class, 1, headings::text[],
                filed_time
         from unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[],
                     $6::smallint[], $7::text[], $8::timestamptz[])
              as given (slot, id, declarant_code, port_code, trade_mode, class, headings,
                        filed_time)
         on conflict do nothing",
        &slots,
        &ids,
        &text(|it| &it.declarant_code) as &[&str],
        &text(|it| &it.port_code) as &[&str],
        &text(|it| &it.trade_mode) as &[&str],
        &classes,
        &headings,
        &times
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes what became of declarations; the last change of each counts, and each change of a wait. Goods that were
/// released count as shipped, once.
pub(crate) async fn update(
    tx: &mut PgConnection,
    changes: &[(DeclarationId, ConsignmentChange)],
) -> Result<(), Fault> {
    wait(tx, changes).await?;
    let of_case = |(_, change): &&(DeclarationId, ConsignmentChange)| match change {
        ConsignmentChange::Amended(..) | ConsignmentChange::Ended(..) => true,
        ConsignmentChange::Documents(_) => false,
    };
    let last: BTreeMap<DeclarationId, &ConsignmentChange> =
        changes.iter().filter(of_case).map(|(id, change)| (*id, change)).collect();
    let (mut amended, mut ended, mut released) = (Vec::new(), Vec::new(), Vec::new());
    for (id, change) in last {
        match change {
            ConsignmentChange::Amended(version, headings, _) => {
                amended.push((id, *version, headings));
            }
            ConsignmentChange::Ended(ConsignmentEnd::Released, at) => released.push((id, *at)),
            ConsignmentChange::Ended(how, at) => ended.push((id, *how, *at)),
            ConsignmentChange::Documents(_) => {}
        }
    }
    amend(tx, &amended).await?;
    end(tx, &ended).await?;
    let shipped = release(tx, &released).await?;
    count_shipments(tx, &shipped).await
}

/// Stops and starts the clock for documents that the firm is asked for. A new version stops it, whatever it says of
/// documents itself. Where both happen to a declaration, which is rare, one statement each, in their order.
async fn wait(
    tx: &mut PgConnection,
    changes: &[(DeclarationId, ConsignmentChange)],
) -> Result<(), Fault> {
    let is_about_documents = |change: &ConsignmentChange| match change {
        ConsignmentChange::Documents(_) => true,
        ConsignmentChange::Amended(..) | ConsignmentChange::Ended(..) => false,
    };
    let asked = changes.iter().filter(|(_, change)| is_about_documents(change));
    let asked: BTreeSet<DeclarationId> = asked.map(|(id, _)| *id).collect();
    let mut amended = BTreeMap::new();
    for (id, change) in changes {
        let wait = match change {
            ConsignmentChange::Documents(wait) => *wait,
            ConsignmentChange::Amended(_, _, wait) => DocumentWait { is_awaited: false, ..*wait },
            ConsignmentChange::Ended(..) => continue,
        };
        if asked.contains(id) {
            set_waits(tx, &[(*id, wait)]).await?;
        } else {
            amended.insert(*id, wait);
        }
    }
    set_waits(tx, &amended.into_iter().collect::<Vec<_>>()).await
}

/// Ends the wait of each declaration, if it has one, and begins the next. What comes again has no effect.
async fn set_waits(
    tx: &mut PgConnection,
    waits: &[(DeclarationId, DocumentWait)],
) -> Result<(), Fault> {
    if waits.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = waits.iter().map(|(id, _)| id.slot().column()).collect();
    let ids: Vec<Uuid> = waits.iter().map(|(id, _)| id.uuid()).collect();
    let awaited: Vec<bool> = waits.iter().map(|(_, wait)| wait.is_awaited).collect();
    let times: Vec<OffsetDateTime> = waits.iter().map(|(_, wait)| wait.at).collect();
    let positions: Vec<i64> = waits.iter().map(|(_, wait)| wait.position).collect();
    sqlx::query!(
        "update consignment c
         set documents_ms = documents_ms + coalesce(greatest(0,
                 (extract(epoch from given.at - documents_since) * 1000)::bigint), 0),
             documents_since = case when given.is_awaited then given.at end,
             documents_position = given.position
         from unnest($1::smallint[], $2::uuid[], $3::bool[], $4::timestamptz[], $5::bigint[])
              as given (slot, id, is_awaited, at, position)
         where c.slot = given.slot and c.declaration_id = given.id
           and c.documents_position < given.position",
        &slots,
        &ids,
        &awaited,
        &times,
        &positions
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn amend(
    tx: &mut PgConnection,
    amended: &[(DeclarationId, u32, &Vec<String>)],
) -> Result<(), Fault> {
    if amended.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = amended.iter().map(|(id, ..)| id.slot().column()).collect();
    let ids: Vec<Uuid> = amended.iter().map(|(id, ..)| id.uuid()).collect();
    let versions = amended.iter().map(|(_, version, _)| column::integer(*version));
    let versions: Vec<i32> = versions.collect::<Result<_, _>>()?;
    let headings: Vec<String> =
        amended.iter().map(|(.., headings)| column::array(headings)).collect();
    sqlx::query!(
        "update consignment c
         set version = given.version, headings = given.headings::text[], ended = 0,
             ended_time = null
         from unnest($1::smallint[], $2::uuid[], $3::int[], $4::text[])
              as given (slot, id, version, headings)
         where c.slot = given.slot and c.declaration_id = given.id and c.version < given.version",
        &slots,
        &ids,
        &versions,
        &headings
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn end(
    tx: &mut PgConnection,
    ended: &[(DeclarationId, ConsignmentEnd, OffsetDateTime)],
) -> Result<(), Fault> {
    if ended.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = ended.iter().map(|(id, ..)| id.slot().column()).collect();
    let ids: Vec<Uuid> = ended.iter().map(|(id, ..)| id.uuid()).collect();
    let hows: Vec<i16> = ended.iter().map(|(_, how, _)| how.column()).collect();
    let times: Vec<OffsetDateTime> = ended.iter().map(|(.., at)| *at).collect();
    sqlx::query!(
        "update consignment c set ended = given.ended, ended_time = given.ended_time
         from unnest($1::smallint[], $2::uuid[], $3::smallint[], $4::timestamptz[])
              as given (slot, id, ended, ended_time)
         where c.slot = given.slot and c.declaration_id = given.id and c.ended <> 1",
        &slots,
        &ids,
        &hows,
        &times
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Declarant and heading, with how many.
type ShipmentCounts = BTreeMap<(String, String), i64>;

async fn release(
    tx: &mut PgConnection,
    released: &[(DeclarationId, OffsetDateTime)],
) -> Result<ShipmentCounts, Fault> {
    let mut shipped = ShipmentCounts::new();
    if released.is_empty() {
        return Ok(shipped);
    }
    let slots: Vec<i16> = released.iter().map(|(id, _)| id.slot().column()).collect();
    let ids: Vec<Uuid> = released.iter().map(|(id, _)| id.uuid()).collect();
    let times: Vec<OffsetDateTime> = released.iter().map(|(_, at)| *at).collect();
    let rows = sqlx::query!(
        "update consignment c set ended = 1, ended_time = given.ended_time
         from unnest($1::smallint[], $2::uuid[], $3::timestamptz[])
              as given (slot, id, ended_time)
         where c.slot = given.slot and c.declaration_id = given.id and c.ended <> 1
         returning c.declarant_code, c.headings",
        &slots,
        &ids,
        &times
    )
    .fetch_all(tx)
    .await?;
    for row in rows {
        for heading in row.headings {
            *shipped.entry((row.declarant_code.clone(), heading)).or_default() += 1;
        }
    }
    Ok(shipped)
}

async fn count_shipments(tx: &mut PgConnection, counts: &ShipmentCounts) -> Result<(), Fault> {
    if counts.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = counts.keys().map(|(code, _)| Slot::of(code).column()).collect();
    let codes: Vec<String> = counts.keys().map(|(code, _)| code.clone()).collect();
    let headings: Vec<String> = counts.keys().map(|(_, heading)| heading.clone()).collect();
    let counts: Vec<i64> = counts.values().copied().collect();
    sqlx::query!(
        "insert into shipment (slot, declarant_code, heading, count)
         select * from unnest($1::smallint[], $2::text[], $3::text[], $4::bigint[])
         on conflict (slot, declarant_code, heading)
         do update set count = shipment.count + excluded.count",
        &slots,
        &codes,
        &headings,
        &counts
    )
    .execute(tx)
    .await?;
    Ok(())
}
