//! A declaration as its transaction sees it, and the columns that it is kept in.

use std::collections::HashMap;

use domain::clearance::{Clearance, Joint, Phase, Stand};
use domain::declaration::Direction;
use domain::participant::{Participant, Stands};
use domain::{DeclarationId, OrderId};
use sqlx::PgConnection;
use store::Fault;
use store::column::{self, integer, number};
use time::OffsetDateTime;

use crate::answers::AppliedAnswers;

/// One declaration while it is being worked on.
#[derive(Debug, Clone)]
pub(crate) struct DeclarationRow {
    pub(crate) id: DeclarationId,
    pub(crate) declarant_code: String,
    pub(crate) ebc_code: String,
    pub(crate) order_no: String,
    pub(crate) cop_no: String,
    pub(crate) logistics_no: String,
    pub(crate) bill_no: String,
    pub(crate) direction: Direction,
    pub(crate) trade_mode: String,
    pub(crate) customs_code: String,
    pub(crate) pre_no: String,
    pub(crate) invt_no: Option<String>,
    pub(crate) filed_time: OffsetDateTime,
    /// It came by the national door.
    pub(crate) national: bool,
    /// It still has its business keys.
    pub(crate) current: bool,
    pub(crate) clearance: Clearance,
    /// Where it stood when it was loaded; `None` for one that is being filed.
    pub(crate) stored_phase: Option<Phase>,
    /// Answers of subscribers that had an effect on it.
    pub(crate) answers: AppliedAnswers,
    /// Positions added by this transaction.
    pub(crate) added: Vec<i64>,
    /// The order, when there is one and it was needed.
    pub(crate) order: Option<JointOrderRow>,
}

/// The joint inspection order of a case.
#[derive(Debug, Clone)]
pub(crate) struct JointOrderRow {
    pub(crate) id: OrderId,
    pub(crate) findings: Option<Vec<u8>>,
}

/// Loads the declarations with these ids; ids that do not exist are left out.
pub(crate) async fn load(
    tx: &mut PgConnection,
    ids: &[DeclarationId],
) -> Result<HashMap<DeclarationId, DeclarationRow>, Fault> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let (slots, uuids): (Vec<_>, Vec<_>) =
        ids.iter().map(|id| (id.slot().column(), id.uuid())).unzip();
    let rows = sqlx::query!(
        r#"select d.id, declarant_code, ebc_code, order_no, cop_no, logistics_no, bill_no, direction,
                  trade_mode, customs_code, pre_no, invt_no, filed_time, national, current, version,
                  round, phase, stands, joint, answers,
                  o.order_id as "order_id?", o.findings as "findings?"
           from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
           join declaration d on d.slot = wanted.slot and d.id = wanted.id
           left join joint_inspection o
             on d.joint > 0 and o.slot = d.slot and o.declaration_id = d.id"#,
        &slots,
        &uuids
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let id = DeclarationId::from_uuid(row.id);
            let clearance = Clearance {
                version: number(row.version)?,
                round: number(row.round)?,
                phase: phase(row.phase)?,
                stands: stands(&row.stands)?,
                joint: joint(row.joint)?,
                numbered: row.invt_no.is_some(),
            };
            let order =
                row.order_id.map(|id| JointOrderRow { id: OrderId(id), findings: row.findings });
            Ok((
                id,
                DeclarationRow {
                    id,
                    declarant_code: row.declarant_code,
                    ebc_code: row.ebc_code,
                    order_no: row.order_no,
                    cop_no: row.cop_no,
                    logistics_no: row.logistics_no,
                    bill_no: row.bill_no,
                    direction: direction(row.direction)?,
                    trade_mode: row.trade_mode,
                    customs_code: row.customs_code,
                    pre_no: row.pre_no,
                    invt_no: row.invt_no,
                    filed_time: row.filed_time,
                    national: row.national,
                    current: row.current,
                    clearance,
                    stored_phase: Some(clearance.phase),
                    answers: AppliedAnswers::read(row.answers)?,
                    added: Vec::new(),
                    order,
                },
            ))
        })
        .collect()
}

/// Writes declarations that were just filed.
pub(crate) async fn insert(tx: &mut PgConnection, cases: &[&DeclarationRow]) -> Result<(), Fault> {
    if cases.is_empty() {
        return Ok(());
    }
    let text =
        |of: fn(&DeclarationRow) -> &str| cases.iter().map(|case| of(case)).collect::<Vec<&str>>();
    let slots: Vec<i16> = cases.iter().map(|c| c.id.slot().column()).collect();
    let ids: Vec<_> = cases.iter().map(|c| c.id.uuid()).collect();
    let directions: Vec<i16> = cases.iter().map(|c| direction_column(c.direction)).collect();
    let times: Vec<_> = cases.iter().map(|c| c.filed_time).collect();
    let nationals: Vec<bool> = cases.iter().map(|c| c.national).collect();
    let states = States::of(cases)?;
    sqlx::query!(
        "insert into declaration (slot, id, declarant_code, ebc_code, order_no, cop_no, direction,
                                  trade_mode, customs_code, pre_no, invt_no, filed_time, version,
                                  round, phase, stands, joint, positions, logistics_no,
                                  national, bill_no)
         select slot, id, declarant_code, ebc_code, order_no, cop_no, direction, trade_mode,
                customs_code, pre_no, invt_no, filed_time, version, round, phase, stands, joint,
                added::bigint[], logistics_no, national, bill_no
         from unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::smallint[], $8::text[], $9::text[], $10::text[], $11::text[],
                     $12::timestamptz[], $13::int[], $14::int[], $15::smallint[], $16::text[],
                     $17::smallint[], $18::text[], $19::text[], $20::boolean[],
                     $21::text[])
              as filed (slot, id, declarant_code, ebc_code, order_no, cop_no, direction,
                        trade_mode, customs_code, pre_no, invt_no, filed_time, version, round,
                        phase, stands, joint, added, logistics_no, national, bill_no)",
        &slots,
        &ids,
        &text(|c| &c.declarant_code) as &[&str],
        &text(|c| &c.ebc_code) as &[&str],
        &text(|c| &c.order_no) as &[&str],
        &text(|c| &c.cop_no) as &[&str],
        &directions,
        &text(|c| &c.trade_mode) as &[&str],
        &text(|c| &c.customs_code) as &[&str],
        &text(|c| &c.pre_no) as &[&str],
        &states.invt_nos as &[Option<&str>],
        &times,
        &states.versions,
        &states.rounds,
        &states.phases,
        &states.stands,
        &states.joints,
        &states.added,
        &text(|c| &c.logistics_no) as &[&str],
        &nationals,
        &text(|c| &c.bill_no) as &[&str],
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes what changed.
pub(crate) async fn update(tx: &mut PgConnection, cases: &[&DeclarationRow]) -> Result<(), Fault> {
    if cases.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = cases.iter().map(|c| c.id.slot().column()).collect();
    let ids: Vec<_> = cases.iter().map(|c| c.id.uuid()).collect();
    let modes: Vec<&str> = cases.iter().map(|c| c.trade_mode.as_str()).collect();
    let houses: Vec<&str> = cases.iter().map(|c| c.customs_code.as_str()).collect();
    let way_bills: Vec<&str> = cases.iter().map(|c| c.logistics_no.as_str()).collect();
    let bills: Vec<&str> = cases.iter().map(|c| c.bill_no.as_str()).collect();
    let answers: Vec<&[u8]> = cases.iter().map(|c| c.answers.column()).collect();
    let states = States::of(cases)?;
    sqlx::query!(
        "update declaration d
         set invt_no = now.invt_no, version = now.version, round = now.round, phase = now.phase,
             stands = now.stands, joint = now.joint, trade_mode = now.trade_mode,
             customs_code = now.customs_code, logistics_no = now.logistics_no, bill_no = now.bill_no,
             answers = now.answers,
             positions = d.positions || now.added::bigint[]
         from unnest($1::smallint[], $2::uuid[], $3::text[], $4::int[], $5::int[], $6::smallint[],
                     $7::text[], $8::smallint[], $9::text[], $10::text[], $11::text[],
                     $12::text[], $13::bytea[], $14::text[])
              as now (slot, id, invt_no, version, round, phase, stands, joint, trade_mode,
                      customs_code, logistics_no, added, answers, bill_no)
         where d.slot = now.slot and d.id = now.id",
        &slots,
        &ids,
        &states.invt_nos as &[Option<&str>],
        &states.versions,
        &states.rounds,
        &states.phases,
        &states.stands,
        &states.joints,
        &modes as &[&str],
        &houses as &[&str],
        &way_bills as &[&str],
        &states.added,
        &answers as &[&[u8]],
        &bills as &[&str],
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The columns that change with the life of a declaration.
struct States<'a> {
    invt_nos: Vec<Option<&'a str>>,
    versions: Vec<i32>,
    rounds: Vec<i32>,
    phases: Vec<i16>,
    stands: Vec<String>,
    joints: Vec<i16>,
    added: Vec<String>,
}

impl<'a> States<'a> {
    fn of(cases: &[&'a DeclarationRow]) -> Result<Self, Fault> {
        let c = |of: fn(&Clearance) -> i16| {
            cases.iter().map(|case| of(&case.clearance)).collect::<Vec<i16>>()
        };
        let n = |of: fn(&Clearance) -> u32| {
            cases.iter().map(|case| integer(of(&case.clearance))).collect::<Result<Vec<i32>, _>>()
        };
        Ok(Self {
            invt_nos: cases.iter().map(|case| case.invt_no.as_deref()).collect(),
            versions: n(|c| c.version)?,
            rounds: n(|c| c.round)?,
            phases: c(|c| phase_column(c.phase)),
            stands: cases.iter().map(|case| stands_column(&case.clearance.stands)).collect(),
            joints: c(|c| joint_column(c.joint)),
            added: cases.iter().map(|case| column::array(&case.added)).collect(),
        })
    }
}

pub(crate) fn direction_column(direction: Direction) -> i16 {
    match direction {
        Direction::Import => 1,
        Direction::Export => 2,
    }
}

fn direction(found: i16) -> Result<Direction, Fault> {
    column::value("direction", [Direction::Import, Direction::Export], direction_column, found)
}

const PHASES: [Phase; 6] = [
    Phase::UnderReview,
    Phase::Inspecting,
    Phase::Released,
    Phase::Rejected,
    Phase::Withdrawn,
    Phase::Returned,
];

pub(crate) fn phase_column(phase: Phase) -> i16 {
    match phase {
        Phase::UnderReview => 1,
        Phase::Inspecting => 2,
        Phase::Released => 3,
        Phase::Rejected => 4,
        Phase::Withdrawn => 5,
        Phase::Returned => 6,
    }
}

pub(crate) fn phase(found: i16) -> Result<Phase, Fault> {
    column::value("phase", PHASES, phase_column, found)
}

const STANDS: [Stand; 9] = [
    Stand::Pending,
    Stand::Accepted,
    Stand::ManualReview,
    Stand::Concluded,
    Stand::WantsInspection,
    Stand::Held,
    Stand::AwaitsDocuments,
    Stand::Detained,
    Stand::Cleared,
];

pub(crate) fn stand_column(stand: Stand) -> char {
    match stand {
        Stand::Pending => '1',
        Stand::Accepted => '2',
        Stand::ManualReview => '3',
        Stand::Concluded => '4',
        Stand::WantsInspection => '5',
        Stand::Held => '6',
        Stand::Detained => '7',
        Stand::Cleared => '8',
        Stand::AwaitsDocuments => '9',
    }
}

/// A digit for each participant, in their order; 0 for who is not waited for.
fn stands_column(stands: &Stands) -> String {
    let digit = |who| stands.of(who).map_or('0', stand_column);
    Participant::ALL.into_iter().map(digit).collect()
}

/// Reads it. Who is not in it was no participant when it was written.
pub(crate) fn stands(found: &str) -> Result<Stands, Fault> {
    let strange = || Fault::Broken(format!("{found:?} is no column of stands"));
    let mut digits = found.chars();
    let mut stands = Stands::default();
    for who in Participant::ALL {
        stands = match digits.next() {
            None | Some('0') => stands,
            Some(digit) => {
                let stand = STANDS.into_iter().find(|stand| stand_column(*stand) == digit);
                stands.with(who, stand.ok_or_else(strange)?)
            }
        };
    }
    if digits.next().is_some() { Err(strange()) } else { Ok(stands) }
}

fn joint_column(joint: Joint) -> i16 {
    match joint {
        Joint::None => 0,
        Joint::Open => 1,
        Joint::Done => 2,
        Joint::Cancelled => 3,
    }
}

pub(crate) fn joint(found: i16) -> Result<Joint, Fault> {
    let all = [Joint::None, Joint::Open, Joint::Done, Joint::Cancelled];
    column::value("joint inspection state", all, joint_column, found)
}
