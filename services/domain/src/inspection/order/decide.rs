//! After the findings: objection, disposal, treatment, end.

use super::work::{Examination, Treatment, final_results};
use super::{JointOrder, OrderFact, Stage, Step, current, out_of_step, same};
use crate::clearance::Agency;
use crate::inspection::agency_word;
use crate::inspection::finding::Disposal;
use crate::refusal::{Code, Refusal};

/// The enterprise may object once, before the goods are gone or handed over.
pub(super) fn object(now: &JointOrder, examination: u32) -> Step {
    if examination == 1 && now.examination == 2 {
        return same(now);
    }
    match now.stage {
        Stage::Found | Stage::Disposed => {}
        Stage::Ordered
        | Stage::Appointed
        | Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory => return Err(Refusal::of(Code::InspectionOpen)),
        Stage::Treating | Stage::Closed => return Err(out_of_step(now)),
        Stage::None | Stage::Cancelled => return Err(Refusal::of(Code::NoOpenInspection)),
    }
    current(examination, now.examination, Code::StaleRound)?;
    if now.examination > 1 {
        return Err(Refusal::of(Code::ObjectionUsed).with("examination", now.examination));
    }
    if [now.by_customs, now.by_quarantine].into_iter().flatten().any(Disposal::is_detention) {
        return Err(Refusal::of(Code::GoodsDetained));
    }
    Ok((second(now, now.version), vec![OrderFact::Objected]))
}

/// The declaration waits for a second examination, so it is held whatever was decided meanwhile.
pub(super) fn reopened(now: &JointOrder, version: u32) -> Step {
    // Told again of what was before the declaration changed.
    if version < now.version {
        return same(now);
    }
    match now.stage {
        Stage::Found | Stage::Treating | Stage::Disposed | Stage::Closed
            if now.examination == 1 =>
        {
            Ok((second(now, version), vec![OrderFact::Objected]))
        }
        Stage::Found
        | Stage::Treating
        | Stage::Disposed
        | Stage::Closed
        | Stage::Ordered
        | Stage::Appointed
        | Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory
            if now.examination > 1 =>
        {
            same(now)
        }
        Stage::Found
        | Stage::Treating
        | Stage::Disposed
        | Stage::Closed
        | Stage::Ordered
        | Stage::Appointed
        | Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory => Err(Refusal::of(Code::InspectionOpen)),
        Stage::None | Stage::Cancelled => Err(Refusal::of(Code::NoOpenInspection)),
    }
}

/// The same order, to be examined once more by others.
fn second(now: &JointOrder, version: u32) -> JointOrder {
    JointOrder {
        stage: Stage::Ordered,
        version,
        examination: 2,
        appointment: None,
        reschedules: 0,
        work: Examination::default(),
        first: Some(now.work.clone()),
        by_customs: None,
        by_quarantine: None,
        disposal: None,
        ..now.clone()
    }
}

/// Every agency that instructed decides; the strictest decision counts. An agency may change its mind
/// while the other has not decided, and lift its own detention afterwards.
pub(super) fn dispose(now: &JointOrder, agency: Agency, disposal: Disposal) -> Step {
    let own = now.decision(agency);
    let lifts = match now.stage {
        Stage::Found => false,
        Stage::Disposed | Stage::Closed | Stage::Treating if own == Some(disposal) => {
            return same(now);
        }
        Stage::Disposed if own.is_some_and(Disposal::is_detention) => true,
        Stage::Treating => return Err(out_of_step(now)),
        Stage::Disposed | Stage::Closed => {
            let given = now.disposal.map_or("none", Disposal::code);
            return Err(Refusal::of(Code::DisposalGiven).with("disposal", given));
        }
        Stage::Ordered
        | Stage::Appointed
        | Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory => {
            let open = now.unanswered().len();
            return Err(Refusal::of(Code::InstructionUnanswered).with("unanswered", open));
        }
        Stage::None | Stage::Cancelled => return Err(out_of_step(now)),
    };
    if !now.has(agency) {
        let agency = agency_word(agency);
        return Err(Refusal::of(Code::NotInInspectionOrder).with("agency", agency));
    }
    if own == Some(disposal) {
        return same(now);
    }
    // Who took the goods over may come to another view than the findings; a treatment needs them.
    let treated = now.work.treatment.as_ref().map(|treatment| treatment.passed);
    let own_results = final_results(now.answers_to(agency));
    let founded = disposal.is_founded(&own_results, &now.results(), treated);
    if !founded && (!lifts || disposal == Disposal::Treat) {
        return Err(Refusal::of(Code::DisposalUnfounded).with("disposal", disposal.code()));
    }
    let mut then = now.clone();
    then.decide(agency, Some(disposal));
    let mut facts = vec![OrderFact::Decided(agency, disposal)];
    match then.agreed() {
        None => {}
        Some(Disposal::Treat) => {
            then.stage = Stage::Treating;
            then.disposal = None;
            facts.push(OrderFact::TreatmentOrdered);
        }
        Some(agreed) if now.disposal == Some(agreed) => {}
        Some(agreed) => {
            then.stage = Stage::Disposed;
            then.disposal = Some(agreed);
            facts.push(OrderFact::Disposed(agreed));
        }
    }
    Ok((then, facts))
}

/// After a treatment the agencies decide anew, with its certificate at hand.
pub(super) fn treated(now: &JointOrder, treatment: &Treatment) -> Step {
    match now.stage {
        Stage::Treating => {
            let mut then = JointOrder {
                stage: Stage::Found,
                by_customs: None,
                by_quarantine: None,
                ..now.clone()
            };
            then.work.treatment = Some(treatment.clone());
            Ok((then, vec![OrderFact::Treated(treatment.passed)]))
        }
        Stage::Found | Stage::Disposed | Stage::Closed
            if now.work.treatment.as_ref() == Some(treatment) =>
        {
            same(now)
        }
        Stage::Found | Stage::Disposed | Stage::Closed if let Some(known) = &now.work.treatment => {
            Err(Refusal::of(Code::AlreadyReported).with("certificate", &known.certificate))
        }
        Stage::Found
        | Stage::Disposed
        | Stage::Closed
        | Stage::None
        | Stage::Ordered
        | Stage::Appointed
        | Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory
        | Stage::Cancelled => Err(out_of_step(now)),
    }
}

pub(super) fn close(now: &JointOrder) -> Step {
    match now.stage {
        Stage::Disposed => {
            Ok((JointOrder { stage: Stage::Closed, ..now.clone() }, vec![OrderFact::Closed]))
        }
        Stage::Closed => same(now),
        Stage::Ordered
        | Stage::Appointed
        | Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory
        | Stage::Found
        | Stage::Treating => Err(Refusal::of(Code::InspectionOpen)),
        Stage::None | Stage::Cancelled => Err(out_of_step(now)),
    }
}
