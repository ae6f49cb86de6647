//! Reading: orders, places, officers, rule sets, assessments, seeds, credit and statistics.

use domain::CHINA;
use domain::clearance::Agency;
use domain::inspection::appointment::{AppointmentMaker, TimeWindow};
use domain::inspection::credit::Credit;
use domain::inspection::draw::{Candidate, Seed};
use domain::inspection::order::Stage;
use domain::inspection::statistics::{self, ClearedCase};
use domain::principal::Scope;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Principal, Slot, limits};
use proto::inspection::{decode_credit, decode_officer, decode_order};
use sqlx::PgPool;
use std::collections::HashSet;
use store::column::{self, number};
use store::journal::JournalEntry;
use store::page::Page;
use store::tail::Tail;
use store::{Fault, ServiceError};
use time::{Date, Duration, OffsetDateTime};

use crate::Inspection;
use crate::credits::class;
use crate::orders::{OrderRow, Row, stage_column};
use crate::reference::places;
use crate::risk::agency;
use crate::view::{self, OrderVisibility, View};

/// Which orders.
#[derive(Debug, Default)]
pub(crate) struct OrderFilter {
    pub(crate) stages: Vec<Stage>,
    pub(crate) place: String,
    pub(crate) declarant_code: String,
    pub(crate) undecided_by: Option<Agency>,
}

/// The declarants whose orders a caller may see; `None` for all.
fn declarants(scope: &Scope) -> Option<&[String]> {
    match scope {
        Scope::All => None,
        Scope::Declarants(codes) => Some(codes),
    }
}

/// One page of orders, newest first, and the token of the next one.
pub(crate) async fn orders(
    inspection: &Inspection,
    principal: &Principal,
    filter: OrderFilter,
    asked: (i32, &str),
) -> Result<(Vec<OrderRow>, String), ServiceError> {
    let pool = inspection.lists.get().await;
    let view = View::of(&pool, principal).await?;
    let tokens = &inspection.tokens;
    let page = Page::of(tokens, &principal.name, ("orders", &view, &filter), asked)?;
    let stages: Vec<i16> = filter.stages.iter().map(|stage| stage_column(*stage)).collect();
    let (codes, site) = match &view {
        View::Of(scope) => (declarants(scope), None),
        View::At(site) => (None, Some(site)),
    };
    let agency = filter.undecided_by.map(column::agency);
    let rows = sqlx::query_as!(
        Row,
        r#"select o.declaration_id, o.order_id, o.declarant_code, o.port_code, o.trade_mode,
                  o.order_no, o.firms, o.goods, o.state, o.claimed_by, o.objection_pending,
                  o.place_name, o.place_name_zh, o.ordered_time, o.changed_time, o.waits_for,
                  o.asked_version, o.asked_round, o.place, o.window_start,
                  o.version as "newest_version!", false as "released!"
           from joint_order o
           where o.declaration_id < $1
             and (cardinality($3::smallint[]) = 0 or o.stage = any($3))
             and ($4 = '' or o.place = $4)
             and ($5 = '' or o.declarant_code = $5)
             and ($6::text[] is null or o.declarant_code = any($6))
             and ($7::smallint is null or ($7 = 1 and o.customs_undecided)
                  or ($7 = 2 and o.quarantine_undecided))
             -- As `view::SitePlace::shows` has it.
             and ($8::text is null or o.claimed_by = $8 or o.place = any($9)
                  or (o.place = '' and o.claimed_by = ''
                      and ($10::text[] is null or o.port_code = any($10))))
           order by o.declaration_id desc limit $2"#,
        page.before()?,
        page.count(),
        &stages,
        filter.place,
        filter.declarant_code,
        codes,
        agency,
        site.map(|site| site.name.as_str()),
        site.map_or(&[][..], |site| &site.places),
        site.and_then(|site| site.ports.as_deref())
    )
    .fetch_all(&pool)
    .await
    .map_err(Fault::from)?;
    let found: Vec<OrderRow> = rows.into_iter().map(Row::filed).collect::<Result<_, Fault>>()?;
    Ok(page.cut(found, |filed| *filed.id.uuid().as_bytes())?)
}

/// One order that the caller may see.
pub(crate) async fn order(
    pool: &PgPool,
    view: &View,
    id: DeclarationId,
) -> Result<OrderRow, ServiceError> {
    let mut connection = pool.acquire().await.map_err(Fault::from)?;
    let mut found = crate::orders::load(&mut connection, &[id].into()).await?;
    let found = found.remove(&id).filter(|filed| view.shows(OrderVisibility::of(filed)));
    let unknown = || Refusal::of(Code::NotFound).with("name", proto::inspection::order_name(id));
    Ok(found.ok_or_else(unknown)?)
}

/// Positions of what happened to an order, oldest first.
pub(crate) async fn positions(pool: &PgPool, id: DeclarationId) -> Result<Vec<i64>, Fault> {
    let rows = sqlx::query_scalar!(
        "select position from journal where slot = $1 and subject = $2 order by position",
        id.slot().column(),
        id.uuid()
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// What happened to an order, oldest first.
pub(crate) async fn history(
    (pool, tail): (&PgPool, &Tail),
    id: DeclarationId,
) -> Result<Vec<JournalEntry>, Fault> {
    let positions = positions(pool, id).await?;
    tail.at(pool, id.slot(), &positions).await
}

/// Windows of a place that somebody can book now, with how many more orders each takes.
pub(crate) async fn windows(
    pool: &PgPool,
    place: &str,
    days: (Date, u32),
    (by, now): (AppointmentMaker, OffsetDateTime),
) -> Result<Vec<(TimeWindow, u32)>, ServiceError> {
    let site = places(pool).await?.into_iter().find(|site| site.place.id == place);
    let unknown = || Refusal::of(Code::PlaceUnknown).with("place", place);
    let site = site.ok_or_else(unknown)?.place;
    let mut connection = pool.acquire().await.map_err(Fault::from)?;
    // A window that runs began before now.
    let since = now.min(days.0.midnight().assume_offset(CHINA)).saturating_sub(Duration::DAY);
    let taken = crate::orders::taken(&mut connection, place, since).await?;
    let count = |window: TimeWindow| taken.get(&window.start).copied().unwrap_or(0);
    Ok(site.bookable(days, count, by, now))
}

/// Officers, and whether each left.
pub(crate) async fn officers(
    pool: &PgPool,
    of: Option<Agency>,
) -> Result<Vec<(Candidate, bool)>, Fault> {
    let rows = sqlx::query!(
        "select body, last_firm from officer
         where slot = 0 and ($1::smallint is null or agency = $1) order by agency, id",
        of.map(column::agency)
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (candidate, left) =
                decode_officer(&row.body).map_err(|e| Fault::Broken(e.to_string()))?;
            let last_firm = Some(row.last_firm).filter(|firm| !firm.is_empty());
            Ok((Candidate { last_firm, ..candidate }, left))
        })
        .collect()
}

/// Officers who were sent to orders of a site that are not over.
pub(crate) async fn sent_to(
    pool: &PgPool,
    site: &view::SiteScope,
) -> Result<HashSet<String>, Fault> {
    let rows = sqlx::query_scalar!(
        "select state from joint_order
         where stage < 10 and place <> '' and (claimed_by = $1 or place = any($2))
         order by declaration_id desc limit $3",
        site.name,
        &site.places,
        i64::from(limits::PAGE_MAX)
    )
    .fetch_all(pool)
    .await?;
    let mut sent = HashSet::new();
    for state in rows {
        let order = decode_order(&state).map_err(|e| Fault::Broken(e.to_string()))?;
        sent.extend(order.work.officers.into_keys());
    }
    Ok(sent)
}

/// A rule set as it was put.
#[derive(Debug)]
pub(crate) struct StoredRules {
    pub(crate) agency: Agency,
    pub(crate) version: u32,
    pub(crate) document: String,
    pub(crate) put_time: OffsetDateTime,
    pub(crate) put_by: String,
}

/// Rule sets, newest first of each agency.
pub(crate) async fn rule_sets(
    pool: &PgPool,
    of: Option<Agency>,
) -> Result<Vec<StoredRules>, Fault> {
    let rows = sqlx::query!(
        "select agency, version, document, put_time, put_by from rule_set
         where slot = 0 and ($1::smallint is null or agency = $1)
         order by agency, version desc",
        of.map(column::agency)
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(StoredRules {
                agency: agency(row.agency)?,
                version: number(row.version)?,
                document: row.document,
                put_time: row.put_time,
                put_by: row.put_by,
            })
        })
        .collect()
}

/// What the rules said.
#[derive(Debug)]
pub(crate) struct AssessmentRow {
    pub(crate) version: u32,
    pub(crate) made_time: OffsetDateTime,
    pub(crate) rules: (u32, u32),
    pub(crate) refused: String,
    pub(crate) body: Vec<u8>,
}

/// What the rules said about a version, or about the newest that they were asked about.
pub(crate) async fn assessment(
    pool: &PgPool,
    id: DeclarationId,
    version: u32,
) -> Result<Option<AssessmentRow>, Fault> {
    let row = sqlx::query!(
        "select version, made_time, customs_rules, quarantine_rules, refused, body
         from assessment
         where slot = $1 and declaration_id = $2 and ($3 = 0 or version = $3)
         order by version desc limit 1",
        id.slot().column(),
        id.uuid(),
        asked_version(version)
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| {
        Ok(AssessmentRow {
            version: number(row.version)?,
            made_time: row.made_time,
            rules: (number(row.customs_rules)?, number(row.quarantine_rules)?),
            refused: row.refused,
            body: row.body,
        })
    })
    .transpose()
}

/// A version that somebody asks for. One that no column holds is none that exists.
fn asked_version(version: u32) -> i32 {
    // Versions count from 1 and never get that far.
    i32::try_from(version).unwrap_or(i32::MAX)
}

/// Version and time of filing of a declaration that was heard of; `None` also when it has no such version.
pub(crate) async fn filed(
    pool: &PgPool,
    id: DeclarationId,
    version: u32,
) -> Result<Option<(u32, OffsetDateTime)>, Fault> {
    let row = sqlx::query!(
        "select version, filed_time from consignment
         where slot = $1 and declaration_id = $2 and ($3 = 0 or version >= $3)",
        id.slot().column(),
        id.uuid(),
        asked_version(version)
    )
    .fetch_optional(pool)
    .await?;
    let asked = |newest| if version == 0 { newest } else { version };
    row.map(|row| Ok((asked(number(row.version)?), row.filed_time))).transpose()
}

/// Seeds from a day on.
pub(crate) async fn seeds(pool: &PgPool, from: Date) -> Result<Vec<Seed>, Fault> {
    let rows =
        sqlx::query!("select day, bytes from seed where slot = 0 and day >= $1 order by day", from)
            .fetch_all(pool)
            .await?;
    rows.into_iter()
        .map(|row| {
            let bytes = row.bytes.try_into();
            let bytes = bytes.map_err(|_| Fault::Broken("a seed has 32 bytes".to_owned()))?;
            Ok(Seed { day: row.day, bytes })
        })
        .collect()
}

/// A page of firms with a credit record, by customs code, and the token of the next one.
pub(crate) async fn credits(
    pool: &PgPool,
    (blacklisted, appealed): (bool, bool),
    page: &Page,
) -> Result<(Vec<(String, Credit)>, String), ServiceError> {
    let rows = sqlx::query!(
        "select firm, state from credit
         where firm > $1 and (not $2 or blacklisted) and (not $3 or appealed)
         order by firm limit $4",
        page.after()?,
        blacklisted,
        appealed,
        page.count()
    )
    .fetch_all(pool)
    .await
    .map_err(Fault::from)?;
    let read = |bytes: &[u8]| decode_credit(bytes).map_err(|e| Fault::Broken(e.to_string()));
    let found: Vec<(String, Credit)> = rows
        .into_iter()
        .map(|row| Ok((row.firm, read(&row.state)?)))
        .collect::<Result<_, Fault>>()?;
    Ok(page.cut(found, |(firm, _)| firm.clone())?)
}

/// Credit of one firm, when something is known about it.
pub(crate) async fn credit(pool: &PgPool, firm: &str) -> Result<Option<Credit>, Fault> {
    let row = sqlx::query_scalar!(
        "select state from credit where slot = $1 and firm = $2",
        Slot::of(firm).column(),
        firm
    )
    .fetch_optional(pool)
    .await?;
    row.map(|state| decode_credit(&state).map_err(|e| Fault::Broken(e.to_string()))).transpose()
}

/// A change of credit: when, what, and why in both languages.
pub(crate) type CreditHistory = (OffsetDateTime, String, String, String);

/// What changed in the credit of a firm, newest first.
pub(crate) async fn credit_changes(pool: &PgPool, firm: &str) -> Result<Vec<CreditHistory>, Fault> {
    let rows = sqlx::query!(
        "select changed_time, what, text, text_zh from credit_change
         where slot = $1 and firm = $2 order by number desc limit 100",
        Slot::of(firm).column(),
        firm
    )
    .fetch_all(pool)
    .await?;
    let changed = rows.into_iter().map(|row| (row.changed_time, row.what, row.text, row.text_zh));
    Ok(changed.collect())
}

/// Most declarations that one table is made of: they are sorted in memory.
const CASES_MAX: i64 = 2_000_000;

/// The table of clearance of declarations that were filed in a time and are over.
pub(crate) async fn statistics(
    pool: &PgPool,
    scope: &Scope,
    (from, until): (OffsetDateTime, OffsetDateTime),
    port_code: &str,
) -> Result<Vec<statistics::StatisticsRow>, ServiceError> {
    let codes = declarants(scope);
    let slots: Vec<i16> = scope.slots().into_iter().map(Slot::column).collect();
    // An id says when its declaration was filed.
    let rows = sqlx::query!(
        r#"select c.port_code as "port_code!", c.trade_mode as "trade_mode!", c.class as "class!",
                  c.filed_time as "filed_time!", c.ended as "ended!", c.ended_time as "ended_time?",
                  c.documents_ms as "documents_ms!",
                  coalesce(o.completed, false) as "inspected!", coalesce(o.joint, false) as "joint!"
           from unnest($6::smallint[]) as wanted (slot)
           join consignment c on c.slot = wanted.slot
             and c.declaration_id >= $7 and c.declaration_id < $8
           left join joint_order o on o.slot = c.slot and o.declaration_id = c.declaration_id
           where c.ended > 0 and c.filed_time >= $1 and c.filed_time < $2
             and ($3 = '' or c.port_code = $3)
             and ($4::text[] is null or c.declarant_code = any($4))
           limit $5"#,
        from,
        until,
        port_code,
        codes,
        CASES_MAX + 1,
        &slots,
        DeclarationId::least_of(from),
        DeclarationId::least_after(until)
    )
    .fetch_all(pool)
    .await
    .map_err(Fault::from)?;
    // More than fit are too many.
    if i64::try_from(rows.len()).unwrap_or(i64::MAX) > CASES_MAX {
        let refusal = Refusal::of(Code::TooLong).with("field", "filed_until_time");
        return Err(refusal.with("most", CASES_MAX).into());
    }
    let cases = rows
        .into_iter()
        .map(|row| {
            Ok(ClearedCase {
                port: row.port_code,
                mode: row.trade_mode,
                class: class(row.class)?,
                filed: row.filed_time,
                released: row.ended_time.filter(|_| row.ended == 1),
                documents_ms: row.documents_ms,
                inspected: row.inspected,
                joint: row.inspected && row.joint,
            })
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    Ok(statistics::table(&cases))
}
