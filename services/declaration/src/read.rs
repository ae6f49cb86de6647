//! Reading declarations: one with its content and history, or a page of many.
//!
//! The invariant: a caller sees only its own; another's is not found. What costs the same however many
//! declarations there are: one by its name or number, and a page without filters.

use std::collections::{BTreeMap, BTreeSet};

use domain::clearance::{Clearance, Phase};
use domain::numbers::{self, NumberKind};
use domain::principal::Scope;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Principal, Slot};
use sqlx::PgPool;
use store::Fault;
use store::column::{integer, number};
use store::journal::JournalEntry;
use store::page::Page;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::row::{joint, phase, phase_column, stands};
use crate::{Declarations, Error, lookup};

/// A declaration as it is kept, without content and history.
#[derive(Debug, Clone)]
pub(crate) struct DeclarationOverview {
    pub(crate) id: DeclarationId,
    pub(crate) pre_no: String,
    pub(crate) invt_no: Option<String>,
    pub(crate) order_no: String,
    pub(crate) trade_mode: String,
    pub(crate) clearance: Clearance,
    pub(crate) filed_time: OffsetDateTime,
    pub(crate) released_time: Option<OffsetDateTime>,
    pub(crate) release_id: Option<Uuid>,
    pub(crate) order_id: Option<Uuid>,
    pub(crate) archived_time: Option<OffsetDateTime>,
}

/// One declaration with everything about it.
#[derive(Debug, Clone)]
pub(crate) struct DeclarationDetails {
    pub(crate) record: DeclarationOverview,
    /// `None` once it is archived.
    pub(crate) content: Option<bytes::Bytes>,
    pub(crate) history: Vec<JournalEntry>,
}

/// Reads a resource name.
pub(crate) fn parse_name(name: &str) -> Result<DeclarationId, Refusal> {
    DeclarationId::parse(name).ok_or_else(|| Refusal::of(Code::NameMalformed).with("name", name))
}

/// Reads one declaration that the caller may see.
pub(crate) async fn get(
    declarations: &Declarations,
    scope: &Scope,
    name: &str,
) -> Result<DeclarationDetails, Error> {
    whole(declarations, scope, parse_name(name)?).await
}

/// Everything about a declaration.
pub(crate) async fn whole(
    declarations: &Declarations,
    scope: &Scope,
    id: DeclarationId,
) -> Result<DeclarationDetails, Error> {
    let (_, positions) = locate(&declarations.pool, scope, id).await?;
    let mut rows = records(&declarations.pool, &[id]).await?;
    let record = rows.pop().ok_or_else(|| Refusal::of(Code::NotFound))?;
    let history = declarations.tail.at(&declarations.pool, id.slot(), &positions).await?;
    let version = integer(record.clearance.version)?;
    let content = match history.iter().find(|it| it.shows_content && it.version == version) {
        Some(entry) => entry.body.clone()?,
        None => None,
    };
    if content.is_none() && record.archived_time.is_none() {
        return Err(Fault::Broken(format!("declaration {id} has no content")).into());
    }
    Ok(DeclarationDetails { record, content, history })
}

/// What has a number.
#[derive(Debug, Clone)]
pub(crate) enum LookupResult {
    /// The one that is meant.
    One(Box<DeclarationDetails>),
    /// Several, newest first: the caller says which.
    Several(Vec<DeclarationOverview>),
}

/// Reads the declaration that has a number, among those that the caller may see.
pub(crate) async fn by_number(
    declarations: &Declarations,
    scope: &Scope,
    number: &str,
    kind: Option<NumberKind>,
) -> Result<LookupResult, Error> {
    let found = lookup::find(&declarations.pool, scope, number, kind).await?;
    let meant: Vec<_> = numbers::meant(found).into_iter().map(|holder| holder.id).collect();
    match meant[..] {
        [] => Err(Refusal::of(Code::NotFound).with("number", number).into()),
        [id] => Ok(LookupResult::One(Box::new(whole(declarations, scope, id).await?))),
        _ => {
            let several = records(&declarations.pool, &meant).await?;
            Ok(LookupResult::Several(several))
        }
    }
}

/// Whose declaration it is, and where its journal entries are, for a caller who may see it.
pub(crate) async fn locate(
    pool: &PgPool,
    scope: &Scope,
    id: DeclarationId,
) -> Result<(String, Vec<i64>), Error> {
    let row = sqlx::query!(
        "select positions, declarant_code from declaration
         where slot = $1 and id = $2",
        id.slot().column(),
        id.uuid()
    )
    .fetch_optional(pool)
    .await
    .map_err(Fault::from)?;
    match row {
        Some(row) if scope.covers(&row.declarant_code) => Ok((row.declarant_code, row.positions)),
        Some(_) | None => Err(Refusal::of(Code::NotFound).with("name", id.name()).into()),
    }
}

/// What a list is asked for. Every filter that is set must hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeclarationFilter {
    pub(crate) only: Option<Vec<DeclarationId>>,
    pub(crate) phase: Option<Phase>,
    pub(crate) trade_mode: Option<String>,
    pub(crate) order_no: Option<String>,
    pub(crate) declarants: Option<Vec<String>>,
    pub(crate) filed_from: Option<OffsetDateTime>,
    pub(crate) filed_until: Option<OffsetDateTime>,
}

/// Reads a page, newest first, and the token of the next one.
pub(crate) async fn list(
    declarations: &Declarations,
    principal: &Principal,
    mut filter: DeclarationFilter,
    asked: (i32, &str),
) -> Result<(Vec<DeclarationOverview>, String), Error> {
    let scope = principal.scope();
    let wanted = filter.declarants.take();
    filter.declarants = match (&scope, wanted) {
        (Scope::All, wanted) => wanted,
        (Scope::Declarants(own), None) => Some(own.clone()),
        (Scope::Declarants(_), Some(wanted)) => {
            Some(wanted.into_iter().filter(|code| scope.covers(code)).collect())
        }
    };
    let mut slots: Vec<i16> = match &filter.declarants {
        Some(codes) => codes.iter().map(|code| Slot::of(code).column()).collect(),
        None => Slot::all().map(Slot::column).collect(),
    };
    let tokens = &declarations.tokens;
    let page = Page::of(tokens, &principal.name, ("list", &scope, &filter), asked)?;
    let pool = declarations.lists.get().await;
    if let Some(order_no) = filter.order_no.take() {
        let among = filter.declarants.clone().map_or(Scope::All, Scope::Declarants);
        let kept = lookup::orders(&pool, &among, &order_no).await?;
        slots = kept.iter().map(|id| id.slot().column()).collect();
        filter.only = Some(kept);
    }
    // Two declarants may share a slot.
    slots.sort_unstable();
    slots.dedup();
    let until = filter.filed_until.map_or(Uuid::max(), DeclarationId::least_after);
    let before = page.before()?.min(until);
    let rows = select(&pool, &slots, &filter, before, page.count()).await?;
    Ok(page.cut(rows, |record| *record.id.uuid().as_bytes())?)
}

/// The newest declarations before an id. Each slot is read from its key, so that a page costs the
/// same however many declarations there are.
///
/// Of many slots few have more than one or two declarations on a page: each is asked for its share and a little more,
/// and asked again only where the page may go further than that.
async fn select(
    pool: &PgPool,
    slots: &[i16],
    filter: &DeclarationFilter,
    before: Uuid,
    count: i64,
) -> Result<Vec<DeclarationOverview>, store::Fault> {
    let share = share_of_slot(slots.len(), count);
    let shares = keys(pool, slots, filter, before, share).await?;
    let unfinished = unfinished(&shares, share, count);
    let again = if unfinished.is_empty() {
        Vec::new()
    } else {
        let slots: Vec<i16> = unfinished.iter().copied().collect();
        keys(pool, &slots, filter, before, count).await?
    };
    let page = usize::try_from(count).map_err(|_| absurd(count))?;
    let ids = merge(shares, &unfinished, again, page);
    let ids: Vec<_> = ids.into_iter().map(DeclarationId::from_uuid).collect();
    records(pool, &ids).await
}

/// The page, newest first: of the slots that are unfinished what they gave when they were asked again, of the others
/// their share.
fn merge(
    shares: Vec<(i16, Uuid)>,
    unfinished: &BTreeSet<i16>,
    again: Vec<(i16, Uuid)>,
    page: usize,
) -> Vec<Uuid> {
    let finished = shares.into_iter().filter(|(slot, _)| !unfinished.contains(slot));
    let mut found: Vec<Uuid> = finished.chain(again).map(|(_, id)| id).collect();
    found.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
    found.truncate(page);
    found
}

fn absurd(count: i64) -> Fault {
    Fault::Broken(format!("a page of {count}"))
}

/// How many declarations each of so many slots is asked for, of a page of so many: four times its share, since they do
/// not lie evenly.
fn share_of_slot(slots: usize, count: i64) -> i64 {
    let slots = i64::try_from(slots).unwrap_or(i64::MAX).max(1); // why: there are 256
    (4 * count / slots).max(4).min(count)
}

/// The slots that gave all that they were asked for, and may have more on the page: their last one is on it. None where
/// each was asked for a whole page.
fn unfinished(found: &[(i16, Uuid)], share: i64, count: i64) -> BTreeSet<i16> {
    if share >= count {
        return BTreeSet::new();
    }
    let mut newest: Vec<Uuid> = found.iter().map(|(_, id)| *id).collect();
    newest.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
    let last_place = usize::try_from(count).ok().and_then(|count| count.checked_sub(1));
    // Without a last one everything is on the page.
    let last_on_page = last_place.and_then(|at| newest.get(at)).copied().unwrap_or(Uuid::nil()); // why: see above
    let mut slots = BTreeMap::<i16, (i64, Uuid)>::new();
    for (slot, id) in found {
        let (given, oldest) = slots.entry(*slot).or_insert((0, *id));
        *given += 1;
        *oldest = (*oldest).min(*id);
    }
    let may_go_on =
        slots.into_iter().filter(|(_, (given, oldest))| *given == share && *oldest >= last_on_page);
    may_go_on.map(|(slot, _)| slot).collect()
}

/// Slots and ids of the newest declarations of each slot before an id, at most `each` of them.
async fn keys(
    pool: &PgPool,
    slots: &[i16],
    filter: &DeclarationFilter,
    before: Uuid,
    each: i64,
) -> Result<Vec<(i16, Uuid)>, store::Fault> {
    let only = filter.only.as_ref().map(|ids| ids.iter().map(|id| id.uuid()).collect::<Vec<_>>());
    // An id says when it was filed, so a slot is read no further than the time that is asked about.
    let from = filter.filed_from.map_or(Uuid::nil(), DeclarationId::least_of);
    // Those that are released are nearly all, and have no index of their own.
    if let Some(phase) = filter.phase.filter(|phase| *phase != Phase::Released) {
        let rows = sqlx::query!(
            r#"select d.slot as "slot!", d.id as "id!"
               from unnest($1::smallint[]) as wanted (slot)
               cross join lateral (
                   select here.slot, here.id from unreleased u
                   join declaration here on here.slot = u.slot and here.id = u.declaration_id
                   where u.slot = wanted.slot and u.phase = $5 and u.declaration_id < $2
                     and u.declaration_id >= $10
                     and ($4::uuid[] is null or id = any($4))
                     and ($6::text is null or trade_mode = $6)
                     and ($7::text[] is null or declarant_code = any($7))
                     and ($8::timestamptz is null or filed_time >= $8)
                     and ($9::timestamptz is null or filed_time < $9)
                   order by u.declaration_id desc limit $3
               ) d"#,
            slots,
            before,
            each,
            only.as_deref(),
            phase_column(phase),
            filter.trade_mode,
            filter.declarants.as_deref(),
            filter.filed_from,
            filter.filed_until,
            from
        );
        let rows = rows.fetch_all(pool).await?;
        return Ok(rows.into_iter().map(|row| (row.slot, row.id)).collect());
    }
    let rows = sqlx::query!(
        r#"select d.slot as "slot!", d.id as "id!"
           from unnest($1::smallint[]) as wanted (slot)
           cross join lateral (
               select declaration.slot, declaration.id from declaration
               where declaration.slot = wanted.slot and declaration.id < $2
                 and declaration.id >= $10
                 and ($4::uuid[] is null or id = any($4))
                 and ($5::smallint is null or phase = $5)
                 and ($6::text is null or trade_mode = $6)
                 and ($7::text[] is null or declarant_code = any($7))
                 and ($8::timestamptz is null or filed_time >= $8)
                 and ($9::timestamptz is null or filed_time < $9)
               order by id desc limit $3
           ) d"#,
        slots,
        before,
        each,
        only.as_deref(),
        filter.phase.map(phase_column),
        filter.trade_mode,
        filter.declarants.as_deref(),
        filter.filed_from,
        filter.filed_until,
        from
    );
    let rows = rows.fetch_all(pool).await?;
    Ok(rows.into_iter().map(|row| (row.slot, row.id)).collect())
}

/// These declarations, newest first.
async fn records(
    pool: &PgPool,
    ids: &[DeclarationId],
) -> Result<Vec<DeclarationOverview>, store::Fault> {
    let (slots, uuids): (Vec<i16>, Vec<Uuid>) =
        ids.iter().map(|id| (id.slot().column(), id.uuid())).unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"select d.id as "id!", d.pre_no as "pre_no!", d.invt_no as "invt_no?",
                  d.order_no as "order_no!", d.trade_mode as "trade_mode!",
                  d.version as "version!", d.round as "round!", d.phase as "phase!",
                  d.stands as "stands!", d.joint as "joint!",
                  d.filed_time as "filed_time!", r.released_time as "released_time?",
                  r.release_id as "release_id?", o.order_id as "order_id?",
                  d.archived_time as "archived_time?"
           from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
           cross join lateral (
               select * from declaration
               where declaration.slot = wanted.slot and declaration.id = wanted.id limit 1
           ) d
           left join lateral (
               select * from release
               where release.slot = d.slot and release.declaration_id = d.id limit 1
           ) r on true
           left join lateral (
               select * from joint_inspection
               where joint_inspection.slot = d.slot and joint_inspection.declaration_id = d.id
               limit 1
           ) o on true
           order by d.id desc"#,
        &slots,
        &uuids
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Row::record).collect()
}

/// A record in its columns.
struct Row {
    id: Uuid,
    pre_no: String,
    invt_no: Option<String>,
    order_no: String,
    trade_mode: String,
    version: i32,
    round: i32,
    phase: i16,
    stands: String,
    joint: i16,
    filed_time: OffsetDateTime,
    released_time: Option<OffsetDateTime>,
    release_id: Option<Uuid>,
    order_id: Option<Uuid>,
    archived_time: Option<OffsetDateTime>,
}

impl Row {
    fn record(self) -> Result<DeclarationOverview, store::Fault> {
        let clearance = Clearance {
            version: number(self.version)?,
            round: number(self.round)?,
            phase: phase(self.phase)?,
            stands: stands(&self.stands)?,
            joint: joint(self.joint)?,
            numbered: self.invt_no.is_some(),
        };
        Ok(DeclarationOverview {
            clearance,
            id: DeclarationId::from_uuid(self.id),
            pre_no: self.pre_no,
            invt_no: self.invt_no,
            order_no: self.order_no,
            trade_mode: self.trade_mode,
            filed_time: self.filed_time,
            released_time: self.released_time,
            release_id: self.release_id,
            order_id: self.order_id,
            archived_time: self.archived_time,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a slot gives: its newest before an id, so many of them.
    fn given(all: &[(i16, Uuid)], slots: &[i16], each: i64) -> Vec<(i16, Uuid)> {
        let each = usize::try_from(each).expect("small");
        let of = |slot: i16| all.iter().filter(move |(here, _)| *here == slot).copied();
        slots.iter().flat_map(|slot| of(*slot).take(each)).collect()
    }

    #[test]
    fn a_page_of_many_slots_is_that_of_all_of_them_together() {
        // How many declarations each slot has, and how far apart in time they are.
        for (slots, busy, each_busy) in
            [(256, 0, 1), (256, 1, 500), (256, 7, 40), (3, 3, 100), (1, 1, 9), (256, 256, 3)]
        {
            let slots: Vec<i16> = (0..slots).collect();
            let mut all: Vec<(i16, Uuid)> = Vec::new();
            for slot in &slots {
                let many = if *slot < busy { each_busy } else { u128::from(*slot % 3 == 0) };
                for number in 0..many {
                    let time = number * 7_919 % 104_729 * 256 + slot.unsigned_abs() as u128;
                    all.push((*slot, Uuid::from_u128(time + 1)));
                }
            }
            all.sort_unstable_by_key(|(_, id)| std::cmp::Reverse(*id));
            for count in [1, 2, 5, 51, 1_001] {
                let share = share_of_slot(slots.len(), count);
                assert!(share >= 1 && share <= count);
                let shares = given(&all, &slots, share);
                let unfinished = unfinished(&shares, share, count);
                let asked: Vec<i16> = unfinished.iter().copied().collect();
                let again = given(&all, &asked, count);
                let page = usize::try_from(count).expect("small").min(all.len());
                let found = merge(shares, &unfinished, again, page);
                let expected: Vec<Uuid> = all[..page].iter().map(|(_, id)| *id).collect();
                assert_eq!(found, expected, "{} slots, a page of {count}", slots.len());
            }
        }
    }
}
