//! Finding declarations by a number that people have: order number, own number, way-bill, preNo, invtNo,
//! release.
//!
//! The invariant: every look-up is by index and by slot, however many declarations there are. Numbers of the
//! firm's are looked at in each slot that the caller may see; what the window gave says its slot; what others gave
//! is found in the slot of the number.

use domain::ids::{slot_of_invt_no, slot_of_pre_no};
use domain::numbers::{Holder, NumberKind};
use domain::principal::Scope;
use domain::{DeclarationId, ReleaseId, Slot, limits};
use sqlx::PgPool;
use store::Fault;
use uuid::Uuid;

use crate::outside_number::kind_column;
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
    let release_slot = release.map(|id| ReleaseId(id).slot().column());
    // An id says its slot.
    let own_id = id.filter(|_| kind.is_none());
    let own_slot = own_id.map(|id| DeclarationId::from_uuid(id).slot().column());
    let given = |it: NumberKind, slot: Option<Slot>| slot.filter(|_| may_be(it)).map(Slot::column);
    let pre_no_slot = given(NumberKind::PreNo, slot_of_pre_no(number));
    let invt_no_slot = given(NumberKind::Customs, slot_of_invt_no(number));
    let outside = [NumberKind::WayBill, NumberKind::BillOfLading, NumberKind::PreNo];
    let outside: Vec<i16> =
        outside.into_iter().filter(|kind| may_be(*kind)).filter_map(kind_column).collect();
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
               select named.declaration_slot, named.declaration_id
               from unnest($7::smallint[]) as wanted (kind)
               cross join lateral (
                   select get_byte(uuid_send(declaration_id), 15)::smallint as declaration_slot,
                          declaration_id
                   from outside_number
                   where slot = $6 and number = $2 and outside_number.kind = wanted.kind
                     and ($3::text[] is null or declarant_code = any($3))
                   order by declaration_id desc limit $10
               ) named
               union
               select slot, id from declaration where slot = $8 and pre_no = $2
               union
               select slot, declaration_id from customs_number where slot = $9 and invt_no = $2
               union
               select slot, declaration_id from release where slot = $13 and release_id = $14
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
        Slot::of(number).column(),
        &outside,
        pre_no_slot,
        invt_no_slot,
        i64::from(limits::CANDIDATES_MAX),
        own_slot,
        own_id,
        release_slot,
        release
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
