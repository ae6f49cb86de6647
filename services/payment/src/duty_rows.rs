//! The duty of an import as its transaction sees it, and the columns that it is kept in.

use std::collections::{BTreeMap, BTreeSet};

use domain::payment::duty::DutyState;
use domain::{DeclarationId, Slot};
use proto::duty::DutyCase;
use sqlx::PgConnection;
use store::{Fault, column};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::purchases;

/// The duty of a declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DutyRow {
    pub(crate) id: DeclarationId,
    pub(crate) version: u32,
    pub(crate) state: DutyState,
    /// Who stands for it (assureCode).
    pub(crate) payer: String,
    pub(crate) amount_fen: i64,
    pub(crate) hold_id: Option<Uuid>,
    /// Customs' number; empty before the release.
    pub(crate) invt_no: String,
    pub(crate) case: DutyCase,
    pub(crate) filed_time: OffsetDateTime,
    pub(crate) changed_time: OffsetDateTime,
}

impl DutyRow {
    /// Where the money of its payer is.
    pub(crate) fn payer_slot(&self) -> Slot {
        Slot::of(&self.payer)
    }
}

/// A state as it is in its column. What nothing was decided about is never kept.
pub(crate) fn state_column(state: DutyState) -> i16 {
    match state {
        DutyState::Open => 0,
        DutyState::Unassessed => 1,
        DutyState::Short => 2,
        DutyState::Secured => 3,
        DutyState::Ended => 4,
        DutyState::Billed => 5,
        DutyState::OverLimit => 6,
    }
}

/// A state from its column.
pub(crate) fn state(found: i16) -> Result<DutyState, Fault> {
    let all = [
        DutyState::Unassessed,
        DutyState::Short,
        DutyState::Secured,
        DutyState::Ended,
        DutyState::Billed,
        DutyState::OverLimit,
    ];
    column::value("state of a duty", all, state_column, found)
}

/// The slots of who stands for the duties of these declarations now, and of who bought; those without one are left
/// out.
pub(crate) async fn payers(
    tx: &mut PgConnection,
    ids: &BTreeSet<DeclarationId>,
) -> Result<BTreeSet<Slot>, Fault> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (slots, ids): (Vec<i16>, Vec<Uuid>) =
        ids.iter().map(|id| (id.slot().column(), id.uuid())).unzip();
    let found = sqlx::query!(
        r#"select d.payer_slot, p.person as "person?"
           from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
           join duty d on d.slot = wanted.slot and d.declaration_id = wanted.id
           left join person_purchase p on p.slot = d.slot and p.declaration_id = d.declaration_id"#,
        &slots,
        &ids
    )
    .fetch_all(tx)
    .await?;
    let mut slots = BTreeSet::new();
    for row in found {
        slots.insert(column::slot(row.payer_slot)?);
        if let Some(person) = row.person {
            slots.insert(purchases::slot_of(&purchases::person(&person)?));
        }
    }
    Ok(slots)
}

/// Loads the duties of declarations; those without one are left out.
pub(crate) async fn load(
    tx: &mut PgConnection,
    ids: &BTreeSet<DeclarationId>,
) -> Result<BTreeMap<DeclarationId, DutyRow>, Fault> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (slots, ids): (Vec<i16>, Vec<Uuid>) =
        ids.iter().map(|id| (id.slot().column(), id.uuid())).unzip();
    let rows = sqlx::query!(
        "select d.declaration_id, d.version, d.state, d.payer, d.amount_fen, d.hold_id, d.invt_no,
                d.body, d.filed_time, d.changed_time
         from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
         join duty d on d.slot = wanted.slot and d.declaration_id = wanted.id",
        &slots,
        &ids
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let id = DeclarationId::from_uuid(row.declaration_id);
            let damaged = |_| Fault::Broken(format!("the duty of {id} cannot be read"));
            let duty = DutyRow {
                id,
                version: column::number(row.version)?,
                state: state(row.state)?,
                payer: row.payer,
                amount_fen: row.amount_fen,
                hold_id: row.hold_id,
                invt_no: row.invt_no,
                case: DutyCase::decode(&row.body).map_err(damaged)?,
                filed_time: row.filed_time,
                changed_time: row.changed_time,
            };
            Ok((id, duty))
        })
        .collect()
}

/// Writes duties.
pub(crate) async fn write(tx: &mut PgConnection, rows: &[&DutyRow]) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    if let Some(open) = rows.iter().find(|row| row.state == DutyState::Open) {
        return Err(Fault::Broken(format!("nothing was decided about the duty of {}", open.id)));
    }
    let slots: Vec<i16> = rows.iter().map(|row| row.id.slot().column()).collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.uuid()).collect();
    let versions = rows.iter().map(|row| column::integer(row.version));
    let versions: Vec<i32> = versions.collect::<Result<_, _>>()?;
    let states: Vec<i16> = rows.iter().map(|row| state_column(row.state)).collect();
    let payers: Vec<&str> = rows.iter().map(|row| row.payer.as_str()).collect();
    let payer_slots: Vec<i16> = rows.iter().map(|row| row.payer_slot().column()).collect();
    let amounts: Vec<i64> = rows.iter().map(|row| row.amount_fen).collect();
    let holds: Vec<Option<Uuid>> = rows.iter().map(|row| row.hold_id).collect();
    let numbers: Vec<&str> = rows.iter().map(|row| row.invt_no.as_str()).collect();
    let bodies: Vec<Vec<u8>> = rows.iter().map(|row| row.case.encode()).collect();
    let filed: Vec<OffsetDateTime> = rows.iter().map(|row| row.filed_time).collect();
    let changed: Vec<OffsetDateTime> = rows.iter().map(|row| row.changed_time).collect();
    let since = |row: &&DutyRow| (row.state == DutyState::Short).then_some(row.filed_time);
    let short: Vec<Option<OffsetDateTime>> = rows.iter().map(since).collect();
    sqlx::query!(
        "insert into duty (slot, declaration_id, version, state, payer, payer_slot, amount_fen, hold_id,
                           invt_no, body, filed_time, changed_time, short_since)
         select * from unnest($1::smallint[], $2::uuid[], $3::int[], $4::smallint[], $5::text[],
                              $6::smallint[], $7::bigint[], $8::uuid[], $9::text[], $10::bytea[],
                              $11::timestamptz[], $12::timestamptz[], $13::timestamptz[])
         on conflict (slot, declaration_id) do update
         set version = excluded.version, state = excluded.state, payer = excluded.payer,
             payer_slot = excluded.payer_slot, amount_fen = excluded.amount_fen,
             hold_id = excluded.hold_id, invt_no = excluded.invt_no, body = excluded.body,
             filed_time = excluded.filed_time, changed_time = excluded.changed_time,
             short_since = excluded.short_since",
        &slots,
        &ids,
        &versions,
        &states,
        &payers as &[&str],
        &payer_slots,
        &amounts,
        &holds as &[Option<Uuid>],
        &numbers as &[&str],
        &bodies,
        &filed,
        &changed,
        &short as &[Option<OffsetDateTime>]
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes how versions were computed; what was said first counts.
pub(crate) async fn insert_traces(
    tx: &mut PgConnection,
    traces: &[(DeclarationId, u32, Vec<u8>)],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if traces.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = traces.iter().map(|(id, ..)| id.slot().column()).collect();
    let ids: Vec<Uuid> = traces.iter().map(|(id, ..)| id.uuid()).collect();
    let versions = traces.iter().map(|(_, version, _)| column::integer(*version));
    let versions: Vec<i32> = versions.collect::<Result<_, _>>()?;
    let bodies: Vec<&[u8]> = traces.iter().map(|(.., body)| body.as_slice()).collect();
    sqlx::query!(
        "insert into duty_trace (slot, declaration_id, version, body, made_time)
         select slot, id, version, body, $5
         from unnest($1::smallint[], $2::uuid[], $3::int[], $4::bytea[])
              as given (slot, id, version, body)
         on conflict do nothing",
        &slots,
        &ids,
        &versions,
        &bodies as &[&[u8]],
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Duties of a payer that wait and need no more than this, the oldest first.
pub(crate) async fn short(
    tx: &mut PgConnection,
    payer: &str,
    available_fen: i64,
    most: i64,
) -> Result<Vec<DeclarationId>, Fault> {
    let found = sqlx::query_scalar!(
        "select declaration_id from duty where short_since is not null and payer = $1 and amount_fen <= $2
         order by short_since, declaration_id limit $3",
        payer,
        available_fen,
        most
    )
    .fetch_all(tx)
    .await?;
    Ok(found.into_iter().map(DeclarationId::from_uuid).collect())
}

/// The import that was secured last of those that a payer's guarantee secures.
pub(crate) async fn secured_last(
    tx: &mut PgConnection,
    payer: &str,
) -> Result<Option<DeclarationId>, Fault> {
    let found = sqlx::query_scalar!(
        r#"select declaration_id as "id!" from hold
           where slot = $1 and state = 1 and declaration_id is not null and owner = $2
           order by declaration_id desc limit 1"#,
        Slot::of(payer).column(),
        payer
    )
    .fetch_optional(tx)
    .await?;
    Ok(found.map(DeclarationId::from_uuid))
}

/// Which of these payers have duties that wait.
pub(crate) async fn waiting(
    tx: &mut PgConnection,
    payers: &BTreeSet<String>,
) -> Result<Vec<String>, Fault> {
    if payers.is_empty() {
        return Ok(Vec::new());
    }
    let payers: Vec<String> = payers.iter().cloned().collect();
    let found = sqlx::query_scalar!(
        r#"select payer as "payer!" from unnest($1::text[]) as asked (payer)
           where exists (select from duty d where d.short_since is not null and d.payer = asked.payer)"#,
        &payers
    )
    .fetch_all(tx)
    .await?;
    Ok(found)
}
