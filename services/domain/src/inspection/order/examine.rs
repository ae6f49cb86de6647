//! The examination itself: presentation, looking, samples, laboratory, findings.

use super::{
    Attendance, ExaminationFinding, JointOrder, Method, OrderFact, Sample, Stage, Step, about,
    at_most, out_of_step, same,
};
use crate::inspection::appointment::NO_SHOWS_MAX;
use crate::refusal::{Code, Refusal};

/// Findings of one examination: every line under several instructions. Ours.
pub const FINDINGS_MAX: usize = 2_000;
/// Samples of one examination. Ours.
pub const SAMPLES_MAX: usize = 100;
/// Evidence of one finding. Ours.
pub const EVIDENCE_MAX: usize = 50;

pub(super) fn present(now: &JointOrder, attendance: Attendance) -> Step {
    match now.stage {
        Stage::Appointed => {}
        Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory
        | Stage::Found
        | Stage::Treating
        | Stage::Disposed
        | Stage::Closed => {
            let again = now.work.attendance == Some(attendance);
            let other = || Refusal::of(Code::AlreadyReported).with("stage", now.stage.word());
            return if again { same(now) } else { Err(other()) };
        }
        Stage::None | Stage::Ordered | Stage::Cancelled => return Err(out_of_step(now)),
    }
    if attendance == Attendance::SiteOperator && now.no_shows < NO_SHOWS_MAX {
        return Err(Refusal::of(Code::AttendanceNeeded)
            .with("no_shows", now.no_shows)
            .with("no_shows_needed", NO_SHOWS_MAX));
    }
    let mut then = now.clone();
    then.stage = Stage::Presented;
    then.work.attendance = Some(attendance);
    Ok((then, vec![OrderFact::Presented(attendance)]))
}

fn assigned(now: &JointOrder, officer: &str) -> Result<(), Refusal> {
    if now.work.officers.contains_key(officer) {
        return Ok(());
    }
    Err(Refusal::of(Code::OfficerNotAssigned).with("officer", officer))
}

/// Whether somebody may report a finding: of a sample it is the laboratory, which nobody assigns.
fn reporter(now: &JointOrder, finding: &ExaminationFinding) -> Result<(), Refusal> {
    if finding.key.sample.is_some() { Ok(()) } else { assigned(now, &finding.officer) }
}

/// A machine may be followed by hands, so this can happen more than once.
pub(super) fn examine(now: &JointOrder, method: Method, officer: &str) -> Step {
    // What began before is known only from somebody who may say so.
    if now.work.methods.contains(&method) {
        assigned(now, officer)?;
        return same(now);
    }
    match now.stage {
        Stage::Presented | Stage::Examining | Stage::Sampled | Stage::Laboratory => {}
        Stage::None
        | Stage::Ordered
        | Stage::Appointed
        | Stage::Found
        | Stage::Treating
        | Stage::Disposed
        | Stage::Closed
        | Stage::Cancelled => return Err(out_of_step(now)),
    }
    assigned(now, officer)?;
    let mut then = now.clone();
    then.work.methods.insert(method);
    Ok(settle(then, vec![OrderFact::Began(method)]))
}

/// Whether officers are at work.
fn at_work(now: &JointOrder) -> Result<(), Refusal> {
    match now.stage {
        Stage::Examining | Stage::Sampled | Stage::Laboratory => Ok(()),
        Stage::None
        | Stage::Ordered
        | Stage::Appointed
        | Stage::Presented
        | Stage::Found
        | Stage::Treating
        | Stage::Disposed
        | Stage::Closed
        | Stage::Cancelled => Err(out_of_step(now)),
    }
}

pub(super) fn take(now: &JointOrder, sample: &Sample) -> Step {
    match now.work.samples.get(&sample.id) {
        Some(known) if known == sample => return same(now),
        Some(_) => return Err(Refusal::of(Code::AlreadyReported).with("sample", &sample.id)),
        None => at_work(now)?,
    }
    assigned(now, &sample.officer)?;
    if !now.instructions.contains_key(&sample.instruction) {
        return Err(about(Code::InstructionUnknown, &sample.instruction));
    }
    at_most("samples", now.work.samples.len() + 1, SAMPLES_MAX)?;
    let mut then = now.clone();
    then.work.samples.insert(sample.id.clone(), sample.clone());
    Ok(settle(then, vec![OrderFact::Taken(sample.id.clone())]))
}

pub(super) fn send(now: &JointOrder, sample: &str, laboratory: &str) -> Step {
    match now.work.sent.get(sample) {
        Some(known) if known == laboratory => return same(now),
        Some(_) => return Err(Refusal::of(Code::AlreadyReported).with("sample", sample)),
        None => at_work(now)?,
    }
    if !now.work.samples.contains_key(sample) {
        return Err(Refusal::of(Code::SampleUnknown).with("sample", sample));
    }
    let mut then = now.clone();
    then.work.sent.insert(sample.to_owned(), laboratory.to_owned());
    Ok(settle(then, vec![OrderFact::Sent(sample.to_owned())]))
}

/// Findings replace each other by revision, and final ones pending ones: so neither repetition nor
/// order matters. After the last answer more final ones are taken until something is decided.
pub(super) fn report(now: &JointOrder, findings: &[ExaminationFinding]) -> Step {
    let mut then = now.clone();
    let mut facts = Vec::new();
    for finding in findings {
        let known = then.work.findings.get(&finding.key);
        match known.map(|known| (known, finding.rank().cmp(&known.rank()))) {
            Some((_, std::cmp::Ordering::Less)) => {
                reporter(now, finding)?;
                continue;
            }
            Some((known, std::cmp::Ordering::Equal)) if known == finding => continue,
            Some((_, std::cmp::Ordering::Equal)) => {
                return Err(about(Code::AlreadyReported, &finding.key.instruction)
                    .with("gnum", finding.key.gnum)
                    .with("revision", finding.revision));
            }
            Some((_, std::cmp::Ordering::Greater)) | None => {}
        }
        acceptable(now, finding)?;
        facts.push(OrderFact::Found(finding.key.clone(), finding.result));
        then.work.findings.insert(finding.key.clone(), finding.clone());
    }
    at_most("findings", then.work.findings.len(), FINDINGS_MAX)?;
    // A correction after the last answer does not take an answer away.
    let unanswered = then.unanswered().len();
    if now.stage == Stage::Found && unanswered > 0 {
        return Err(out_of_step(now).with("unanswered", unanswered));
    }
    Ok(settle(then, facts))
}

fn acceptable(now: &JointOrder, finding: &ExaminationFinding) -> Result<(), Refusal> {
    match now.stage {
        Stage::Examining | Stage::Sampled | Stage::Laboratory => {}
        Stage::Found if finding.result.is_final() && now.is_undecided() => {}
        Stage::None
        | Stage::Ordered
        | Stage::Appointed
        | Stage::Presented
        | Stage::Found
        | Stage::Treating
        | Stage::Disposed
        | Stage::Closed
        | Stage::Cancelled => return Err(out_of_step(now)),
    }
    let key = &finding.key;
    if !now.instructions.contains_key(&key.instruction) {
        return Err(about(Code::InstructionUnknown, &key.instruction));
    }
    at_most("evidence", finding.evidence.len(), EVIDENCE_MAX)?;
    let Some(id) = &key.sample else {
        // A report may overtake the news that this way of looking began; it comes again.
        if !now.work.methods.contains(&finding.method) {
            return Err(out_of_step(now));
        }
        return reporter(now, finding);
    };
    let sample = now.work.samples.get(id).filter(|_| now.work.sent.contains_key(id));
    match sample {
        Some(s) if s.instruction == key.instruction && s.gnum == key.gnum => Ok(()),
        Some(_) | None => Err(Refusal::of(Code::SampleUnknown).with("sample", id)),
    }
}

/// Where an examination stands follows from what was done and found.
fn settle(mut then: JointOrder, mut facts: Vec<OrderFact>) -> (JointOrder, Vec<OrderFact>) {
    match then.stage {
        Stage::Presented | Stage::Examining | Stage::Sampled | Stage::Laboratory => {}
        Stage::None
        | Stage::Ordered
        | Stage::Appointed
        | Stage::Found
        | Stage::Treating
        | Stage::Disposed
        | Stage::Closed
        | Stage::Cancelled => return (then, facts),
    }
    let waiting = then.work.pending_samples().count();
    let sent = then.work.pending_samples().filter(|s| then.work.sent.contains_key(&s.id)).count();
    then.stage = match (waiting, sent) {
        (0, _) if then.unanswered().is_empty() => {
            facts.push(OrderFact::Completed);
            Stage::Found
        }
        (0, _) => Stage::Examining,
        (_, 0) => Stage::Sampled,
        (_, _) => Stage::Laboratory,
    };
    (then, facts)
}
