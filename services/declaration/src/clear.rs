//! Answers of agencies become decisions, many at once and safe to repeat. Step 4 of 5.
//!
//! The invariant: a state changes only by [`clearance::next`]; a decision has its effect once for
//! each request id, which is kept in the row that it changes; a release and an order are rows whose key is
//! the declaration. What had no effect is not kept, and decided again when it comes again. What the risk
//! rules say has its effect once a version by the state itself, so no request id of it is kept: there is
//! one for every declaration.

use std::collections::{BTreeMap, HashMap};

use domain::CHINA;
use domain::answer::{AnswerEffect, ExchangeAnswer, Payload};
use domain::clearance::{self, Agency, ClearanceFact, Stand};
use domain::declaration::Direction;
use domain::history::HistoryFact;
use domain::participant::Participant;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, OrderId, ReleaseId, Slot, limits};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use store::Fault;
use store::numbers::{NumberSeries, use_numbers};
use store::permutation::NumberKey;
use uuid::Uuid;

use crate::answers::{AnswerDigest, EarlierAnswer};
use crate::clearance_rows::OrderState;
use crate::document_requests::DocumentRequestRow;
use crate::row::{DeclarationRow, JointOrderRow};
use crate::transaction::DeclarationTransaction;

/// The numbers that a transaction may give.
pub(crate) type CustomsNumbers = HashMap<DeclarationId, String>;

/// Decides, or answers as it was answered before.
pub(crate) async fn clear(
    step: &mut DeclarationTransaction<'_>,
    decision: &ExchangeAnswer,
    numbers: &mut CustomsNumbers,
) -> Result<Result<AnswerEffect, Refusal>, Fault> {
    let id = decision.declaration;
    // Out of the step while it is decided about: nothing else is concerned.
    let Some(mut case) = step.cases.remove(&id) else {
        return Ok(Err(Refusal::of(Code::NotFound).with("name", id.name())));
    };
    let answer = once(step, &mut case, decision, numbers).await?;
    step.cases.insert(id, case);
    Ok(answer)
}

/// Decides, unless the same was decided before under this request id.
async fn once(
    step: &mut DeclarationTransaction<'_>,
    case: &mut DeclarationRow,
    decision: &ExchangeAnswer,
    numbers: &mut CustomsNumbers,
) -> Result<Result<AnswerEffect, Refusal>, Fault> {
    if !decision.is_kept() {
        return decide(step, case, decision, numbers).await;
    }
    let (by, request, digest) = (decision.by, decision.request, digest(decision));
    match case.answers.seen(by, request, &digest) {
        EarlierAnswer::New => {}
        EarlierAnswer::Same => return Ok(Ok(AnswerEffect::Duplicate)),
        EarlierAnswer::Other => return Ok(Err(Refusal::of(Code::RequestIdReused))),
    }
    let answer = decide(step, case, decision, numbers).await?;
    if matches!(answer, Ok(AnswerEffect::Applied)) {
        case.answers.keep(by, request, &digest);
    }
    Ok(answer)
}

async fn decide(
    step: &mut DeclarationTransaction<'_>,
    case: &mut DeclarationRow,
    decision: &ExchangeAnswer,
    numbers: &mut CustomsNumbers,
) -> Result<Result<AnswerEffect, Refusal>, Fault> {
    if let Payload::Verdict { documents: Some(asked), .. } = &decision.what {
        let violations = asked.check(step.now);
        if !violations.is_empty() {
            return Ok(Err(Refusal::invalid(violations)));
        }
    }
    let order = case.order.as_ref().map(|order| order.id);
    let event = match decision.event(&case.clearance, order) {
        Ok(Some(event)) => event,
        Ok(None) => {
            match &decision.what {
                Payload::Progress(moved) => {
                    step.record(case.id, [HistoryFact::InspectionProgress(moved.clone())]);
                }
                Payload::Duty(moved) => {
                    step.record(case.id, [HistoryFact::DutyProgress(moved.clone())]);
                    let other = decision.guarantor().filter(|it| *it != case.declarant_code);
                    if let Some(guarantor) = other {
                        step.publish_to_guarantor(case, guarantor, moved)?;
                    }
                }
                Payload::Receipt(moved) => {
                    step.record(case.id, [HistoryFact::ReceiptProgress(moved.clone())]);
                }
                Payload::Export(moved) => {
                    step.record(case.id, [HistoryFact::ExportProgress(moved.clone())]);
                }
                Payload::Verdict { .. }
                | Payload::Findings { .. }
                | Payload::Reopening { .. }
                | Payload::BankFile(_) => {}
            }
            return Ok(Ok(AnswerEffect::Applied));
        }
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (then, facts) = match clearance::next(case.clearance, event) {
        Ok(next) => next,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if facts.contains(&ClearanceFact::Numbered) && !numbers.contains_key(&case.id) {
        return Ok(Err(Refusal::of(Code::NumbersUsedUp)));
    }
    if facts.is_empty() {
        let stand = decision.by.row().participant.and_then(|who| then.stands.of(who));
        let done = stand == Some(Stand::Cleared);
        let again = !decision.is_kept() && done;
        return Ok(Ok(if again { AnswerEffect::Duplicate } else { AnswerEffect::Ignored }));
    }
    for fact in facts {
        let record = match fact {
            ClearanceFact::Numbered => {
                let invt_no = numbers.remove(&case.id);
                let invt_no = invt_no
                    .ok_or_else(|| Fault::Broken(format!("no invtNo was given for {}", case.id)))?;
                case.invt_no = Some(invt_no.clone());
                step.clearing.numbered.push((case.id, invt_no.clone()));
                HistoryFact::Numbered { invt_no }
            }
            other => record(step, case, decision, other).await?,
        };
        step.record(case.id, [record]);
    }
    case.clearance = then;
    Ok(Ok(AnswerEffect::Applied))
}

/// A fact with its data, and the row that repeats its promise.
async fn record(
    step: &mut DeclarationTransaction<'_>,
    case: &mut DeclarationRow,
    decision: &ExchangeAnswer,
    fact: ClearanceFact,
) -> Result<HistoryFact, Fault> {
    let what = &decision.what;
    let reasons = |agency: Agency| what.reasons(agency.into());
    Ok(match fact {
        ClearanceFact::Amended(_)
        | ClearanceFact::Withdrawn
        | ClearanceFact::DocumentsProvided(_)
        | ClearanceFact::Numbered => {
            return Err(otherwise("a decision had the effect of a filing"));
        }
        ClearanceFact::StandChanged(who, stand) => {
            HistoryFact::StandChanged { who, stand, reasons: what.reasons(who) }
        }
        ClearanceFact::DocumentsRequested(agency) => {
            let Payload::Verdict { documents: Some(asked), .. } = what else {
                return Err(otherwise("documents were requested by no list"));
            };
            let (request, asked) = (decision.request, asked.clone());
            let row = DocumentRequestRow { request, asked: asked.clone() };
            step.documents.ask(case.id, agency, row);
            HistoryFact::DocumentsRequested { request, agency, asked }
        }
        ClearanceFact::DocumentsWaived(agency) => {
            let asked = step.document_request(case.id, agency).await?;
            let asked = asked.ok_or_else(|| otherwise("documents were awaited without a list"))?;
            HistoryFact::DocumentsWaived { request: asked.request, agency }
        }
        ClearanceFact::InspectionOrdered(agency) => {
            // The order is one for the declaration: opened again, it is the same one.
            let fresh = || JointOrderRow { id: OrderId(Uuid::now_v7()), findings: None };
            case.order.get_or_insert_with(fresh);
            let order_id = keep_order(step, case, OrderState::Open)?;
            show(step, case).await?;
            let instructions = reasons(agency);
            HistoryFact::InspectionOrdered { order_id, demanded_by: agency, instructions }
        }
        ClearanceFact::InspectionJoined(agency) => HistoryFact::InspectionJoined {
            order_id: order(case)?.id,
            demanded_by: agency,
            instructions: reasons(agency),
        },
        ClearanceFact::InspectionCompleted => {
            let Payload::Findings { findings, .. } = what else {
                return Err(otherwise("an inspection was completed without findings"));
            };
            order(case)?.findings = Some(proto::facts::encode_findings(findings));
            let order_id = keep_order(step, case, OrderState::Done)?;
            HistoryFact::InspectionCompleted { order_id, findings: findings.clone() }
        }
        ClearanceFact::InspectionAnswered(agency) => {
            let order = order(case)?;
            let kept = order.findings.as_deref();
            let kept = kept.ok_or_else(|| otherwise("an inspection was done without findings"))?;
            let findings = proto::facts::decode_findings(kept)
                .map_err(|error| Fault::Broken(format!("kept findings: {error}")))?;
            HistoryFact::InspectionAnswered { order_id: order.id, demanded_by: agency, findings }
        }
        ClearanceFact::InspectionCancelled => {
            let order_id = keep_order(step, case, OrderState::Cancelled)?;
            HistoryFact::InspectionCancelled { order_id }
        }
        ClearanceFact::InspectionReopened => {
            let order_id = keep_order(step, case, OrderState::Open)?;
            show(step, case).await?;
            let Payload::Reopening { reason, .. } = what else {
                return Err(otherwise("an inspection was reopened by no objection"));
            };
            HistoryFact::InspectionReopened { order_id, reason: reason.clone() }
        }
        ClearanceFact::Released => {
            let release_id = ReleaseId::new(Uuid::now_v7(), case.id.slot());
            // Whatever releases leaves the version.
            step.clearing.releases.push((case.id, release_id, case.clearance.version));
            HistoryFact::Released { release_id, invt_no: proto::text(case.invt_no.clone()) }
        }
        ClearanceFact::Rejected(agency) => {
            HistoryFact::Rejected { agency, reasons: reasons(agency) }
        }
        ClearanceFact::Returned(agency) => {
            HistoryFact::Returned { agency, reasons: reasons(agency) }
        }
    })
}

/// What the machine of `domain::clearance` never does.
fn otherwise(what: &str) -> Fault {
    Fault::Broken(what.to_owned())
}

fn order(case: &mut DeclarationRow) -> Result<&mut JointOrderRow, Fault> {
    case.order.as_mut().ok_or_else(|| Fault::Broken("an inspection has no order".into()))
}

/// Notes in which state the order is to be kept. Earlier findings stay until there are new ones.
fn keep_order(
    step: &mut DeclarationTransaction<'_>,
    case: &mut DeclarationRow,
    state: OrderState,
) -> Result<OrderId, Fault> {
    let JointOrderRow { id: order_id, findings } = order(case)?.clone();
    step.clearing.orders.insert(case.id, (order_id, state, findings));
    Ok(order_id)
}

/// Whoever looks at the goods sees what was declared.
async fn show(step: &mut DeclarationTransaction<'_>, case: &DeclarationRow) -> Result<(), Fault> {
    let body = step.content(case.id, case.clearance.version).await?;
    let body = body.ok_or_else(|| otherwise("goods without content were to be inspected"))?;
    step.show(case.id, body);
    Ok(())
}

/// Numbers for what customs is about to take in for the first time. invtNo is customs house, year, I
/// or E, and nine digits on imports, eleven on exports, so it is counted by house, year and way; the
/// digits are shared evenly among the slots. Left out where the share is used up.
pub(crate) async fn look_up(
    step: &mut DeclarationTransaction<'_>,
    key: &NumberKey,
    decisions: &[&ExchangeAnswer],
) -> Result<CustomsNumbers, Fault> {
    let year = step.now.to_offset(CHINA).year();
    let mut wanted: BTreeMap<(String, Direction), Vec<DeclarationId>> = BTreeMap::new();
    let by_customs = decisions.iter().filter(|decision| {
        let by = decision.by.row().participant;
        by == Some(Participant::Customs) && decision.what.outcome().is_some()
    });
    for decision in by_customs {
        let id = decision.declaration;
        // One that does not exist is refused, without a number.
        let Some(case) = step.cases.get(&id) else { continue };
        let ids = wanted.entry((case.customs_code.clone(), case.direction)).or_default();
        if !case.clearance.numbered && !ids.contains(&id) {
            ids.push(id);
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
        let kind = format!("{way}{house}");
        let series = NumberSeries { key, kind: &kind, period: year, count: share };
        let mut numbers = use_numbers(step.tx, series, &counts).await?;
        for id in ids {
            if let Some(number) = numbers.next(id.slot())? {
                let serial = i64::from(id.slot().column()) * share + number;
                given.insert(id, format!("{house}{year}{way}{serial:0digits$}"));
            }
        }
    }
    Ok(given)
}

/// To tell a repetition from another decision under the same request id.
fn digest(decision: &ExchangeAnswer) -> AnswerDigest {
    let whole: [u8; 32] =
        Sha256::digest(proto::exchange::answer_to_wire(decision).encode_to_vec()).into();
    let mut digest = AnswerDigest::default();
    digest.copy_from_slice(&whole[..16]);
    digest
}
