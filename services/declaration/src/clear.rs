//! Answers of agencies become decisions, many at once and safe to repeat. Step 4 of 5.
//!
//! The invariant: a state changes only by [`clearance::next`]; a decision has its effect once for
//! each request id; a release and an order are rows whose key is the declaration. What the risk rules
//! say has its effect once a version by the state itself, so no request id of it is kept: there is one
//! for every declaration.

use std::collections::{BTreeMap, HashMap};

use domain::clearance::{self, Agency, Clearance, Event, Fact, Joint, Targeting};
use domain::decision::{Decided, Decision, Desk, News, Reopening, Report, Verdict};
use domain::declaration::Direction;
use domain::history::{Reason, Record};
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, OrderId, ReleaseId, RequestId, Slot, limits};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use store::Fault;
use store::column::integer;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::case::{Case, Order, agency_column, outcome_column};
use crate::commit::{Answer, Done};
use crate::step::Step;
use store::numbers::{CHINA, use_numbers};

/// Decides all of them, in order; answers with their places.
pub(crate) async fn commit(
    step: &mut Step<'_>,
    decisions: &[(usize, &Decision)],
) -> Result<Vec<(usize, Answer)>, Fault> {
    if decisions.is_empty() {
        return Ok(Vec::new());
    }
    let mut before = decided_before(step.tx, decisions).await?;
    let mut numbers = numbers(step, decisions).await?;
    let mut answers = Vec::with_capacity(decisions.len());
    for (index, decision) in decisions {
        let Some(digest) = digest(decision) else {
            answers.push((*index, decide(step, decision, &mut numbers).await?));
            continue;
        };
        let answer = match before.get(&(agency(decision), decision.request_id())) {
            Some((same, applied)) if *same == digest => {
                let decided = if *applied { Decided::Duplicate } else { Decided::Ignored };
                Ok(Done::Decided(decided))
            }
            Some(_) => Err(Refusal::of(Code::RequestIdReused)),
            None => {
                let now = step.cases.get(&decision.declaration()).map(|case| case.clearance);
                let answer = decide(step, decision, &mut numbers).await?;
                if let Ok(done) = &answer {
                    let now = now.ok_or_else(|| {
                        Fault::Broken("a decision about nothing had an effect".into())
                    })?;
                    let applied = *done != Done::Decided(Decided::Ignored);
                    step.clearing.verdicts.push(Kept::of(decision, &now, applied, digest.clone()));
                }
                answer
            }
        };
        if let Ok(done) = &answer {
            let applied = *done != Done::Decided(Decided::Ignored);
            before.insert((agency(decision), decision.request_id()), (digest, applied));
        }
        answers.push((*index, answer));
    }
    Ok(answers)
}

async fn decide(
    step: &mut Step<'_>,
    decision: &Decision,
    numbers: &mut HashMap<DeclarationId, String>,
) -> Result<Answer, Fault> {
    let id = decision.declaration();
    let Some(case) = step.cases.get(&id) else {
        return Ok(Err(Refusal::of(Code::NotFound).with("name", id.name())));
    };
    let event = match event(decision, case) {
        Ok(Some(event)) => event,
        Ok(None) => {
            if let Decision::News(News { moved, .. }) = decision {
                step.record(id, [Record::InspectionMoved(moved.clone())]);
            }
            return Ok(Ok(Done::Decided(Decided::Applied)));
        }
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (then, facts) = match clearance::next(case.clearance, event) {
        Ok(next) => next,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if facts.contains(&Fact::Numbered) && !numbers.contains_key(&id) {
        return Ok(Err(Refusal::of(Code::NumbersUsedUp)));
    }
    if facts.is_empty() {
        let again = matches!(decision, Decision::Targeting(_)) && then.targeting == Targeting::Done;
        let decided = if again { Decided::Duplicate } else { Decided::Ignored };
        return Ok(Ok(Done::Decided(decided)));
    }
    for fact in facts {
        let record = match fact {
            Fact::Numbered => {
                let invt_no = numbers.remove(&id);
                let invt_no = invt_no
                    .ok_or_else(|| Fault::Broken(format!("no invtNo was given for {id}")))?;
                step.case(id)?.invt_no = Some(invt_no.clone());
                step.clearing.numbered.push((id, invt_no.clone()));
                Record::Numbered { invt_no }
            }
            other => record(step, id, decision, other).await?,
        };
        step.record(id, [record]);
    }
    step.case(id)?.clearance = then;
    Ok(Ok(Done::Decided(Decided::Applied)))
}

/// What a decision means for the machine; `None` for news, which change nothing.
fn event(decision: &Decision, case: &Case) -> Result<Option<Event>, Refusal> {
    let about = |id: OrderId| match &case.order {
        Some(order) if order.id == id => Ok(()),
        Some(_) | None => Err(Refusal::of(Code::NoOpenInspection)),
    };
    Ok(Some(match decision {
        Decision::Verdict(Verdict { agency, version, round, outcome, .. }) => {
            Event::Verdict { agency: *agency, version: *version, round: *round, outcome: *outcome }
        }
        Decision::Report(Report { order_id, findings, version, round, .. }) => {
            if case.clearance.joint != Joint::Open {
                return Err(Refusal::of(Code::NoOpenInspection));
            }
            about(*order_id)?;
            let answers = |agency: Agency| findings.iter().any(|f| f.instructed_by == agency);
            Event::Findings {
                version: *version,
                round: *round,
                for_customs: answers(Agency::Customs),
                for_inspection: answers(Agency::Inspection),
            }
        }
        Decision::Targeting(targeting) => Event::Targeted {
            version: targeting.version,
            customs: targeting.demanded_by(Agency::Customs),
            inspection: targeting.demanded_by(Agency::Inspection),
        },
        Decision::Reopening(Reopening { order_id, version, .. }) => {
            about(*order_id)?;
            Event::Reopen { version: *version }
        }
        Decision::News(News { moved, .. }) => {
            about(moved.order_id)?;
            return Ok(None);
        }
    }))
}

/// A fact with its data, and the row that repeats its promise.
async fn record(
    step: &mut Step<'_>,
    id: DeclarationId,
    decision: &Decision,
    fact: Fact,
) -> Result<Record, Fault> {
    let reasons = |agency: Agency| match decision {
        Decision::Verdict(verdict) => verdict.reasons.clone(),
        Decision::Targeting(targeting) => targeting.instructions(agency),
        // What follows from findings has its reasons in them.
        Decision::Report(_) | Decision::Reopening(_) | Decision::News(_) => Vec::<Reason>::new(),
    };
    let findings = || match decision {
        Decision::Report(report) => Ok(report.findings.clone()),
        Decision::Verdict(_)
        | Decision::Targeting(_)
        | Decision::Reopening(_)
        | Decision::News(_) => Err(otherwise("an inspection was completed without findings")),
    };
    Ok(match fact {
        Fact::Amended(_) | Fact::Withdrawn | Fact::Numbered => {
            return Err(otherwise("a decision had the effect of a filing"));
        }
        Fact::StandChanged(agency, stand) => {
            Record::StandChanged { agency, stand, reasons: reasons(agency) }
        }
        Fact::InspectionOrdered(agency) => {
            // The order is one for the declaration: opened again, it is the same one.
            let fresh = || Order { id: OrderId(Uuid::now_v7()), findings: None };
            let order_id = step.case(id)?.order.get_or_insert_with(fresh).id;
            keep_order(step, id, OrderState::Open)?;
            show(step, id).await?;
            let instructions = reasons(agency);
            Record::InspectionOrdered { order_id, demanded_by: agency, instructions }
        }
        Fact::InspectionJoined(agency) => Record::InspectionJoined {
            order_id: order(step, id)?.id,
            demanded_by: agency,
            instructions: reasons(agency),
        },
        Fact::InspectionCompleted => {
            let findings = findings()?;
            order(step, id)?.findings = Some(proto::facts::encode_findings(&findings));
            let order_id = keep_order(step, id, OrderState::Done)?;
            Record::InspectionCompleted { order_id, findings }
        }
        Fact::InspectionAnswered(agency) => {
            let order = order(step, id)?;
            let kept = order.findings.as_deref();
            let kept = kept.ok_or_else(|| otherwise("an inspection was done without findings"))?;
            let findings = proto::facts::decode_findings(kept)
                .map_err(|error| Fault::Broken(format!("kept findings: {error}")))?;
            Record::InspectionAnswered { order_id: order.id, demanded_by: agency, findings }
        }
        Fact::InspectionCancelled => {
            let order_id = keep_order(step, id, OrderState::Cancelled)?;
            Record::InspectionCancelled { order_id }
        }
        Fact::InspectionReopened => {
            let order_id = keep_order(step, id, OrderState::Open)?;
            show(step, id).await?;
            let reason = match decision {
                Decision::Reopening(reopening) => reopening.reason.clone(),
                Decision::Verdict(_)
                | Decision::Report(_)
                | Decision::Targeting(_)
                | Decision::News(_) => {
                    return Err(otherwise("an inspection was reopened by no objection"));
                }
            };
            Record::InspectionReopened { order_id, reason }
        }
        Fact::Targeted => Record::Targeted,
        Fact::Released => {
            let release_id = ReleaseId(Uuid::now_v7());
            let version = step.case(id)?.clearance.version;
            step.clearing.releases.push((id, release_id, version));
            Record::Released { release_id }
        }
        Fact::Rejected(agency) => Record::Rejected { agency, reasons: reasons(agency) },
        Fact::Returned(agency) => Record::Returned { agency, reasons: reasons(agency) },
    })
}

/// What the machine of `domain::clearance` never does.
fn otherwise(what: &str) -> Fault {
    Fault::Broken(what.to_owned())
}

fn order<'s>(step: &'s mut Step<'_>, id: DeclarationId) -> Result<&'s mut Order, Fault> {
    let found = step.case(id)?.order.as_mut();
    found.ok_or_else(|| Fault::Broken("an inspection has no order".into()))
}

/// Notes in which state the order is to be kept. Earlier findings stay until there are new ones.
fn keep_order(step: &mut Step<'_>, id: DeclarationId, state: OrderState) -> Result<OrderId, Fault> {
    let Order { id: order_id, findings } = order(step, id)?.clone();
    step.clearing.orders.insert(id, (order_id, state, findings));
    Ok(order_id)
}

/// Whoever looks at the goods sees what was declared.
async fn show(step: &mut Step<'_>, id: DeclarationId) -> Result<(), Fault> {
    let at = step.case(id)?.content_position;
    let body = step.content(id, at).await?;
    step.show(id, body);
    Ok(())
}

/// Numbers for what customs is about to take in for the first time. invtNo is customs house, year, I
/// or E, and nine digits on imports, eleven on exports, so it is counted by house, year and way; the
/// digits are shared evenly among the slots. Left out where the share is used up.
async fn numbers(
    step: &mut Step<'_>,
    decisions: &[(usize, &Decision)],
) -> Result<HashMap<DeclarationId, String>, Fault> {
    let year = step.now.to_offset(CHINA).year();
    let mut wanted: BTreeMap<(String, Direction), Vec<DeclarationId>> = BTreeMap::new();
    let by_customs = decisions.iter().filter_map(|(_, decision)| match decision {
        Decision::Verdict(verdict) if verdict.agency == Agency::Customs => Some(verdict),
        Decision::Verdict(_)
        | Decision::Report(_)
        | Decision::Targeting(_)
        | Decision::Reopening(_)
        | Decision::News(_) => None,
    });
    for verdict in by_customs {
        // One that does not exist is refused, without a number.
        let Some(case) = step.cases.get(&verdict.declaration) else { continue };
        let ids = wanted.entry((case.customs_code.clone(), case.direction)).or_default();
        if !case.clearance.numbered && !ids.contains(&verdict.declaration) {
            ids.push(verdict.declaration);
        }
    }
    let mut given = HashMap::new();
    for ((house, direction), ids) in wanted {
        let (way, digits, share) = match direction {
            Direction::Import => ("I", 9, limits::NUMBERS_PER_SLOT),
            Direction::Export => ("E", 11, limits::NUMBERS_PER_SLOT_EXPORT),
        };
        let mut counts: BTreeMap<Slot, i64> = BTreeMap::new();
        for id in &ids {
            *counts.entry(id.slot()).or_default() += 1;
        }
        let mut used = use_numbers(step.tx, &format!("{way}{house}"), year, &counts).await?;
        for id in ids {
            let used = used.next(id.slot())?;
            if used < share {
                let serial = i64::from(id.slot().column()) * share + used;
                given.insert(id, format!("{house}{year}{way}{serial:0digits$}"));
            }
        }
    }
    Ok(given)
}

/// To tell a repetition from another decision under the same request id; `None` for what is not kept
/// under its request id.
fn digest(decision: &Decision) -> Option<Vec<u8>> {
    let mut hash = Sha256::new();
    match decision {
        Decision::Verdict(v) => {
            hash.update([1]);
            hash.update(outcome_column(v.outcome).to_be_bytes());
            hash.update(v.declaration.uuid().as_bytes());
            hash.update(v.version.to_be_bytes());
            hash.update(v.round.to_be_bytes());
            for reason in &v.reasons {
                hash.update(&reason.code);
                hash.update([0]);
                hash.update(&reason.text);
                hash.update([0]);
            }
        }
        Decision::Report(r) => {
            hash.update([2]);
            hash.update(r.declaration.uuid().as_bytes());
            hash.update(r.version.to_be_bytes());
            hash.update(r.round.to_be_bytes());
            hash.update(proto::facts::encode_findings(&r.findings));
        }
        Decision::Targeting(_) => return None,
        Decision::Reopening(r) => {
            hash.update([3]);
            hash.update(r.declaration.uuid().as_bytes());
            hash.update(r.order_id.0.as_bytes());
            hash.update(r.version.to_be_bytes());
            hash.update(&r.reason);
        }
        Decision::News(n) => {
            hash.update([4]);
            hash.update(n.declaration.uuid().as_bytes());
            hash.update(proto::facts::encode(vec![Record::InspectionMoved(n.moved.clone())], &[]));
        }
    }
    Some(hash.finalize().to_vec())
}

/// Who decides, as it is kept. Each agency makes up its own request ids.
fn agency(decision: &Decision) -> i16 {
    match decision {
        Decision::Verdict(verdict) => agency_column(verdict.agency),
        Decision::Report(_)
        | Decision::Targeting(_)
        | Decision::Reopening(_)
        | Decision::News(_) => Desk::Site.column(),
    }
}

async fn decided_before(
    tx: &mut PgConnection,
    decisions: &[(usize, &Decision)],
) -> Result<HashMap<(i16, RequestId), (Vec<u8>, bool)>, Fault> {
    let (slots, ids): (Vec<i16>, Vec<Uuid>) = decisions
        .iter()
        .filter(|(_, decision)| !matches!(decision, Decision::Targeting(_)))
        .map(|(_, decision)| (decision.declaration().slot().column(), decision.request_id().0))
        .unzip();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!(
        "select v.agency, v.request_id, v.digest, v.applied
         from unnest($1::smallint[], $2::uuid[]) as wanted (slot, request_id)
         join verdict v on v.slot = wanted.slot and v.request_id = wanted.request_id",
        &slots,
        &ids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ((row.agency, RequestId(row.request_id)), (row.digest, row.applied)))
        .collect())
}

/// A decision as it is kept.
#[derive(Debug)]
struct Kept {
    id: DeclarationId,
    request_id: RequestId,
    agency: i16,
    version: u32,
    round: u32,
    outcome: i16,
    applied: bool,
    digest: Vec<u8>,
}

impl Kept {
    fn of(decision: &Decision, now: &Clearance, applied: bool, digest: Vec<u8>) -> Self {
        let agency = agency(decision);
        let outcome = match decision {
            Decision::Verdict(verdict) => outcome_column(verdict.outcome),
            Decision::Report(_)
            | Decision::Targeting(_)
            | Decision::Reopening(_)
            | Decision::News(_) => 0,
        };
        Self {
            id: decision.declaration(),
            request_id: decision.request_id(),
            agency,
            version: now.version,
            round: now.round,
            outcome,
            applied,
            digest,
        }
    }
}

/// State of an order as it is kept.
#[derive(Debug, Clone, Copy)]
enum OrderState {
    Open,
    Done,
    Cancelled,
}

/// What this use case writes at the end of the transaction.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    verdicts: Vec<Kept>,
    /// With their invtNo.
    numbered: Vec<(DeclarationId, String)>,
    releases: Vec<(DeclarationId, ReleaseId, u32)>,
    orders: BTreeMap<DeclarationId, (OrderId, OrderState, Option<Vec<u8>>)>,
}

impl Writes {
    /// Writes it.
    pub(crate) async fn write(
        &self,
        tx: &mut PgConnection,
        now: OffsetDateTime,
    ) -> Result<(), Fault> {
        insert_verdicts(tx, &self.verdicts, now).await?;
        insert_numbers(tx, &self.numbered).await?;
        insert_releases(tx, &self.releases, now).await?;
        keep_orders(tx, &self.orders, now).await
    }
}

async fn insert_verdicts(
    tx: &mut PgConnection,
    verdicts: &[Kept],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if verdicts.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = verdicts.iter().map(|v| v.id.slot().column()).collect();
    let requests: Vec<Uuid> = verdicts.iter().map(|v| v.request_id.0).collect();
    let declarations: Vec<Uuid> = verdicts.iter().map(|v| v.id.uuid()).collect();
    let agencies: Vec<i16> = verdicts.iter().map(|v| v.agency).collect();
    let versions: Vec<i32> =
        verdicts.iter().map(|v| integer(v.version)).collect::<Result<_, _>>()?;
    let rounds: Vec<i32> = verdicts.iter().map(|v| integer(v.round)).collect::<Result<_, _>>()?;
    let outcomes: Vec<i16> = verdicts.iter().map(|v| v.outcome).collect();
    let applied: Vec<bool> = verdicts.iter().map(|v| v.applied).collect();
    let digests: Vec<&[u8]> = verdicts.iter().map(|v| v.digest.as_slice()).collect();
    sqlx::query!(
        "insert into verdict (slot, request_id, declaration_id, agency, version, round, outcome,
                              applied, digest, recorded_time)
         select slot, request_id, declaration_id, agency, version, round, outcome, applied, digest,
                $10
         from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::smallint[], $5::int[], $6::int[],
                     $7::smallint[], $8::bool[], $9::bytea[])
              as kept (slot, request_id, declaration_id, agency, version, round, outcome, applied,
                       digest)",
        &slots,
        &requests,
        &declarations,
        &agencies,
        &versions,
        &rounds,
        &outcomes,
        &applied,
        &digests as &[&[u8]],
        now
    )
    .execute(tx)
    .await?;
    Ok(())
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
