//! The seam between the two life cycles: what the declaration service tells of a declaration, what that
//! means for its order, and what the declaration service must be told in return.
//!
//! The declaration service decides whether an order is open ([`crate::clearance`]), because a release
//! depends on it; [`order`] decides how it is worked off. The two hear of each other with delay, more than
//! once, and some of what they say crosses. `services/domain/tests/joint_model.rs` explores all of that with these
//! functions.
//!
//! - What is told again, or of an older version, has no effect.
//! - Findings name the version and the round that wait for them ([`JointCase::asked`]); so findings from before
//!   a second examination are void.
//! - An agency that came late is answered from the record, and the record is reported again, because the
//!   declaration may wait for its answer.
//! - A declaration that was stopped for a second examination is looked at again, whatever was decided
//!   about the goods meanwhile.
//! - What an agency says about a declaration says what becomes of the goods, where the findings carry it.

use super::finding::{Disposal, ExaminationFinding};
use super::order::{self, Instruction, JointOrder, OrderEvent, OrderFact, Stage};
use crate::clearance::Agency;
use crate::refusal::{Code, Refusal};

/// Where a declaration stands when it is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReviewRound {
    /// Its version.
    pub version: u32,
    /// Its round of review.
    pub round: u32,
}

/// An order and what surrounds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JointCase {
    /// The order.
    pub order: JointOrder,
    /// The newest version of the declaration that was heard of.
    pub newest_version: u32,
    /// The version and round of the declaration that wait for findings.
    pub asked: ReviewRound,
    /// The enterprise objected, and the declaration is to be stopped for that.
    pub objection_pending: bool,
    /// The declaration was released: nothing is decided about the goods any more.
    pub released: bool,
}

impl JointCase {
    /// Before the first demand.
    pub fn none() -> Self {
        Self {
            order: JointOrder::none(),
            newest_version: 0,
            asked: ReviewRound { version: 0, round: 0 },
            objection_pending: false,
            released: false,
        }
    }
}

/// What the declaration service tells.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DeclarationEvent {
    /// An agency opened or joined the order.
    Demanded(Agency, Vec<Instruction>),
    /// An agency that came late was answered from the record.
    Answered(Agency, Vec<Instruction>),
    /// The declaration was stopped for a second examination.
    Reopened,
    /// The open order fell away.
    Cancelled,
    /// An agency detained the goods.
    Detained(Agency, Disposal),
    /// It was released.
    Released,
    /// An agency rejected it.
    Rejected(Agency),
    /// An agency sends the goods back.
    Returned(Agency),
}

/// What the declaration service must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OrderMessage {
    /// The findings on record, for this version and round.
    Findings(ReviewRound),
    /// It is to be stopped for a second examination, on this version.
    Reopening(u32),
}

/// What follows from a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The case now.
    pub case: JointCase,
    /// What happened to the order.
    pub facts: Vec<OrderFact>,
    /// What has to be told.
    pub messages: Vec<OrderMessage>,
    /// What did not fit any more and was left out.
    pub misfit: Option<Refusal>,
}

impl Transition {
    fn same(case: &JointCase) -> Self {
        Self { case: case.clone(), facts: Vec::new(), messages: Vec::new(), misfit: None }
    }

    /// One more event; what does not fit is left out.
    fn and(mut self, event: &OrderEvent) -> Self {
        match on_order_event(&self.case, event) {
            Ok(then) => {
                self.case = then.case;
                self.facts.extend(then.facts);
                self.messages.extend(then.messages);
            }
            Err(refusal) => self.misfit = Some(refusal),
        }
        self
    }
}

/// Takes down what the declaration service tells.
pub fn on_declaration_event(
    case: &JointCase,
    at: ReviewRound,
    event: &DeclarationEvent,
) -> Transition {
    let mut case = case.clone();
    case.newest_version = case.newest_version.max(at.version);
    let then = Transition::same(&case);
    // What is told again of a version before says nothing about the order of this one.
    let is_old = at.version < case.order.version;
    match event {
        DeclarationEvent::Demanded(agency, instructions) => {
            demanded(then, at, *agency, instructions)
        }
        DeclarationEvent::Answered(agency, instructions) => {
            then.and(&demand(&case, at, *agency, instructions))
        }
        // The order itself keeps out what is old.
        DeclarationEvent::Reopened => {
            let mut then = then.and(&OrderEvent::Reopened { version: at.version });
            if then.facts.contains(&OrderFact::Objected) {
                then.case.asked = then.case.asked.max(at);
                then.case.objection_pending = false;
            }
            then
        }
        DeclarationEvent::Cancelled => then.and(&OrderEvent::Cancel { version: at.version }),
        DeclarationEvent::Detained(..)
        | DeclarationEvent::Rejected(_)
        | DeclarationEvent::Returned(_)
            if is_old =>
        {
            then
        }
        DeclarationEvent::Detained(agency, disposal) => dispose(then, *agency, &[*disposal]),
        DeclarationEvent::Rejected(agency) => dispose(then, *agency, &[Disposal::AmendAndRelease]),
        DeclarationEvent::Returned(agency) => dispose(then, *agency, &[Disposal::Return]),
        DeclarationEvent::Released => {
            let mut then = released(then);
            then.case.released = true;
            then
        }
    }
}

/// A demand as an event, without what would contradict an instruction that is in the order: it is looked
/// for already.
fn demand(
    case: &JointCase,
    at: ReviewRound,
    agency: Agency,
    instructions: &[Instruction],
) -> OrderEvent {
    let stands = |i: &&Instruction| {
        let known = case.order.instructions.get(&i.key);
        at.version > case.order.version || known.is_none_or(|known| known == *i)
    };
    let kept: Vec<Instruction> = instructions.iter().filter(stands).cloned().collect();
    // Without any it would mean "look at the consignment".
    let instructions = if kept.is_empty() {
        let known = case.order.instructions.values().filter(|i| i.key.agency == agency);
        known.cloned().collect()
    } else {
        kept
    };
    OrderEvent::Demand { agency, version: at.version, instructions }
}

fn demanded(
    then: Transition,
    at: ReviewRound,
    agency: Agency,
    instructions: &[Instruction],
) -> Transition {
    let asked = then.case.asked.max(at);
    let before = then.case.clone();
    let mut then = then.and(&demand(&before, at, agency, instructions));
    if then.misfit.as_ref().is_some_and(|refusal| refusal.code == Code::OrderTooLarge) {
        // The agency must be answered all the same.
        let general = [Instruction::general(agency)];
        then = Transition::same(&before).and(&demand(&before, at, agency, &general));
    }
    if then.misfit.is_none() {
        then.case.asked = asked;
        if then.facts.iter().any(|fact| matches!(fact, OrderFact::Answered(_))) {
            then.messages.push(OrderMessage::Findings(asked));
        }
    }
    then
}

/// The first of these disposals that fits counts, where the agency has not decided.
fn dispose(then: Transition, agency: Agency, disposals: &[Disposal]) -> Transition {
    let order = &then.case.order;
    let asked = order.has(agency) && order.decision(agency).is_none();
    if order.stage != Stage::Found || !asked {
        return then;
    }
    decide(then, agency, disposals)
}

fn decide(then: Transition, agency: Agency, disposals: &[Disposal]) -> Transition {
    let examination = then.case.order.examination;
    let fits = disposals.iter().find_map(|disposal| {
        let event = OrderEvent::Dispose { agency, examination, disposal: *disposal };
        on_order_event(&then.case, &event).ok().map(|_| event)
    });
    match fits {
        Some(event) => then.and(&event),
        None => then,
    }
}

/// Both agencies cleared it: their detentions are lifted, and the goods are gone. Who detains lifts that
/// after the other has decided, because then it is free to do so whatever was found.
fn released(mut then: Transition) -> Transition {
    let agencies = [Agency::Customs, Agency::Quarantine];
    let go = [Disposal::Release, Disposal::AmendAndRelease];
    for agency in agencies {
        then = dispose(then, agency, &go);
    }
    for agency in agencies {
        if then.case.order.decision(agency).is_some_and(Disposal::is_detention) {
            then = decide(then, agency, &go);
        }
    }
    close(then)
}

/// Goods that were released are gone: nothing more is to be done.
fn close(then: Transition) -> Transition {
    let order = &then.case.order;
    let gone = matches!(order.disposal, Some(Disposal::Release | Disposal::AmendAndRelease));
    if gone && order.stage == Stage::Disposed && !then.case.objection_pending {
        let examination = order.examination;
        return then.and(&OrderEvent::Close { examination });
    }
    then
}

/// Does what a site, an agency or an enterprise asks.
///
/// # Errors
///
/// A [`Refusal`] when it does not fit.
pub fn on_order_event(case: &JointCase, event: &OrderEvent) -> Result<Transition, Refusal> {
    if case.objection_pending && matches!(event, OrderEvent::Close { .. }) {
        return Err(Refusal::of(Code::InspectionOutOfStep)
            .with("stage", case.order.stage.word())
            .with("objection", "pending"));
    }
    if case.released && matches!(event, OrderEvent::Dispose { .. }) {
        return Err(Refusal::of(Code::AlreadyReleased));
    }
    let (order, facts) = order::next(&case.order, event)?;
    let mut messages = Vec::new();
    if facts.contains(&OrderFact::Completed) {
        messages.push(OrderMessage::Findings(case.asked));
    }
    Ok(Transition { case: JointCase { order, ..case.clone() }, facts, messages, misfit: None })
}

/// The enterprise objects. The declaration has to be stopped before goods are looked at again, so the order
/// stays as it is until that is told. No message: it was asked before.
///
/// # Errors
///
/// A [`Refusal`] when it would be refused then.
pub fn on_objection(
    case: &JointCase,
    examination: u32,
) -> Result<(JointCase, Option<OrderMessage>), Refusal> {
    if case.objection_pending {
        return Ok((case.clone(), None));
    }
    if case.released {
        return Err(Refusal::of(Code::AlreadyReleased));
    }
    let (_, facts) = order::next(&case.order, &OrderEvent::Object { examination })?;
    if facts.is_empty() {
        return Ok((case.clone(), None));
    }
    let pending = JointCase { objection_pending: true, ..case.clone() };
    Ok((pending, Some(OrderMessage::Reopening(case.newest_version))))
}

/// The declaration service did not take a message. What follows when an objection fell through with it.
pub fn on_refusal(case: &JointCase, message: OrderMessage) -> Option<Transition> {
    match message {
        OrderMessage::Reopening(_) if case.objection_pending => {
            let then = Transition::same(&JointCase { objection_pending: false, ..case.clone() });
            Some(if case.released { close(then) } else { then })
        }
        OrderMessage::Reopening(_) | OrderMessage::Findings(_) => None,
    }
}

/// The final findings of the examination by the agency that each of them answers: under the instructions
/// of every agency its own, and for one that came late and has none the whole record.
pub fn record(order: &JointOrder) -> Vec<(Agency, &ExaminationFinding)> {
    let is_final = |finding: &&ExaminationFinding| finding.result.is_final();
    let own = |agency: Agency| order.answers_to(agency).into_iter().filter(is_final);
    let late = |agency: Agency| order.late.keys().any(|key| key.agency == agency);
    let mut record = Vec::new();
    for agency in [Agency::Customs, Agency::Quarantine] {
        let before = record.len();
        record.extend(own(agency).map(|finding| (agency, finding)));
        if record.len() == before && late(agency) {
            let all = order.work.findings.values().filter(is_final);
            record.extend(all.map(|finding| (agency, finding)));
        }
    }
    record
}
