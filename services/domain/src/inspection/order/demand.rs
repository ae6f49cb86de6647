//! Demands of the agencies: one inspection, whenever they come.

use super::{Instruction, JointOrder, OrderFact, Stage, Step, about, at_most, current, same};
use crate::clearance::Agency;
use crate::refusal::{Code, Refusal};

/// Instructions in one order: a verdict has at most a hundred reasons, an agency's rules give as many, and
/// there are two agencies.
pub const INSTRUCTIONS_MAX: usize = 400;

/// One inspection: the first demand opens the order, a later one joins it, and one after the findings
/// is answered from the record.
pub(super) fn demand(
    now: &JointOrder,
    agency: Agency,
    version: u32,
    instructions: &[Instruction],
) -> Step {
    if instructions.iter().any(|instruction| instruction.key.agency != agency) {
        return Err(Refusal::of(Code::NotYourAgency));
    }
    let general = [Instruction::general(agency)];
    let instructions = if instructions.is_empty() { &general } else { instructions };
    match now.stage {
        Stage::None => open(now, agency, version, instructions),
        // Told again of a demand from before the cancellation.
        Stage::Cancelled if version <= now.version => {
            Err(Refusal::of(Code::StaleVersion).with("current_version", now.version))
        }
        Stage::Cancelled => open(now, agency, version, instructions),
        Stage::Ordered
        | Stage::Appointed
        | Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory => {
            // A declaration has no new version while its order is open (clearance), so the order must
            // have been cancelled and the news of it is late or lost.
            if version > now.version {
                let (then, facts) = open(now, agency, version, instructions)?;
                return Ok((then, [vec![OrderFact::Cancelled], facts].concat()));
            }
            join(now, agency, version, instructions)
        }
        Stage::Found | Stage::Treating | Stage::Disposed | Stage::Closed => {
            answer(now, agency, version, instructions)
        }
    }
}

/// Opens the order, or the same one again: what was done on an older version is void, but how often
/// nobody came is not forgotten.
fn open(now: &JointOrder, agency: Agency, version: u32, instructions: &[Instruction]) -> Step {
    let empty = JointOrder {
        stage: Stage::Ordered,
        version,
        appointments: now.appointments,
        no_shows: now.no_shows,
        ..JointOrder::none()
    };
    Ok((with_instructions(empty, instructions)?.0, vec![OrderFact::Ordered(agency)]))
}

/// Adds what is new; true when something was.
fn with_instructions(
    mut order: JointOrder,
    instructions: &[Instruction],
) -> Result<(JointOrder, bool), Refusal> {
    let before = order.instructions.len();
    for instruction in instructions {
        let known = order.instructions.entry(instruction.key.clone());
        if known.or_insert_with(|| instruction.clone()) != instruction {
            return Err(about(Code::AlreadyReported, &instruction.key));
        }
    }
    at_most("instructions", order.instructions.len(), INSTRUCTIONS_MAX)?;
    let added = order.instructions.len() > before;
    Ok((order, added))
}

fn join(now: &JointOrder, agency: Agency, version: u32, instructions: &[Instruction]) -> Step {
    let all_known = instructions.iter().all(|i| now.instructions.get(&i.key) == Some(i));
    if all_known {
        return same(now);
    }
    current(version, now.version, Code::StaleVersion)?;
    let fact =
        if now.has(agency) { OrderFact::Extended(agency) } else { OrderFact::Joined(agency) };
    let (then, _) = with_instructions(now.clone(), instructions)?;
    Ok((then, vec![fact]))
}

fn answer(now: &JointOrder, agency: Agency, version: u32, instructions: &[Instruction]) -> Step {
    // Asked again on a later version, even the same instruction waits for an answer.
    let known = |i: &Instruction| {
        let asked = version <= now.version && now.instructions.get(&i.key) == Some(i);
        asked || now.late.get(&i.key) == Some(&(version, i.clone()))
    };
    if instructions.iter().all(known) {
        return same(now);
    }
    let answered = now.late.values().filter(|(_, i)| i.key.agency == agency).map(|(v, _)| *v);
    let newest = answered.fold(now.version, u32::max);
    if version < newest {
        return Err(Refusal::of(Code::StaleVersion).with("current_version", newest));
    }
    let mut then = now.clone();
    // What was answered on an older version cannot come again.
    then.late.retain(|key, (asked_on, _)| key.agency != agency || *asked_on == version);
    for instruction in instructions.iter().filter(|i| !known(i)) {
        then.late.insert(instruction.key.clone(), (version, instruction.clone()));
    }
    at_most("instructions", then.late.len(), INSTRUCTIONS_MAX)?;
    Ok((then, vec![OrderFact::Answered(agency)]))
}
