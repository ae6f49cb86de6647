//! Finding declarations by a number that people have: order number, own number, way-bill, preNo, invtNo,
//! release.
//!
//! The invariant: every look-up is by index, however many declarations there are. A business key begins
//! with the slot and is looked at in each slot that the caller may see; the others are found at once.

use domain::numbers::{Holder, NumberKind};
use domain::principal::Scope;
use domain::{DeclarationId, Slot, limits};
use sqlx::PgPool;
use store::Fault;
use uuid::Uuid;

use crate::row::phase;

/// The newest declarations that have a number, among those of this scope. `None` is any kind of number.
pub(crate) async fn find(
    pool: &PgPool,
    scope: &Scope,
    number: &str,
    kind: Option<NumberKind>,
) -> Result<Vec<Holder>, Fault> {
    let (slots, declarants) = among(scope);
    let may_be = |it: NumberKind| kind.is_none_or(|kind| kind == it);
    let id = Uuid::try_parse(number).ok();
    let release = id.filter(|_| may_be(NumberKind::Release));
    // An id says its slot.
    let own_id = id.filter(|_| kind.is_none());
    let own_slot = own_id.map(|id| DeclarationId::from_uuid(id).slot().column());
    let rows = sqlx::query!(
        r#"select d.id as "id!", d.phase as "phase!", d.current as "current!"
           from (
               select slot, id from declaration
               where slot = any($1) and order_no = $2 and $4
               union
               select slot, id from declaration
               where slot = any($1) and cop_no = $2 and cop_no <> '' and current and $5
               union
               select slot, id from declaration
               where slot = any($1) and cop_no = $2 and cop_no <> '' and not current and $5
               union
               (select slot, id from declaration
                where logistics_no = $2 and logistics_no <> '' and $6
                  and ($3::text[] is null or declarant_code = any($3))
                order by logistics_no desc, id desc limit $10)
               union
               select slot, id from declaration where pre_no = $2 and $7
               union
               select slot, declaration_id from customs_number
               where slot = any($1) and invt_no = $2 and $8
               union
               select slot, declaration_id from release where slot = any($1) and release_id = $9
               union
               select $11::smallint, $12::uuid
           ) found
           cross join lateral (
               select id, phase, current from declaration
               where declaration.slot = found.slot and declaration.id = found.id
                 and ($3::text[] is null or declarant_code = any($3))
               limit 1
           ) d
           order by d.id desc limit $10"#,
        &slots,
        number,
        declarants,
        may_be(NumberKind::Order),
        may_be(NumberKind::Own),
        may_be(NumberKind::WayBill),
        may_be(NumberKind::PreNo),
        may_be(NumberKind::Customs),
        release,
        i64::from(limits::CANDIDATES_MAX),
        own_slot,
        own_id
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (id, phase) = (DeclarationId::from_uuid(row.id), phase(row.phase)?);
            Ok(Holder { id, phase, current: row.current })
        })
        .collect()
}

/// Every declaration of this scope with an order number, also those that gave way to a later one.
pub(crate) async fn orders(
    pool: &PgPool,
    scope: &Scope,
    order_no: &str,
) -> Result<Vec<DeclarationId>, Fault> {
    let (slots, declarants) = among(scope);
    let ids = sqlx::query_scalar!(
        "select id from declaration
         where slot = any($1) and order_no = $2
           and ($3::text[] is null or declarant_code = any($3))",
        &slots,
        order_no,
        declarants
    )
    .fetch_all(pool)
    .await?;
    Ok(ids.into_iter().map(DeclarationId::from_uuid).collect())
}

/// The slots to look at, and the declarants when not all are meant.
fn among(scope: &Scope) -> (Vec<i16>, Option<&[String]>) {
    let slots = scope.slots().into_iter().map(Slot::column).collect();
    match scope {
        Scope::All => (slots, None),
        Scope::Declarants(codes) => (slots, Some(codes.as_slice())),
    }
}
