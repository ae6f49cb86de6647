//! The declaration and its inspection order, each with its own `next`, and what is said between
//! them: a model of the two services around [`domain::clearance::next`] and
//! [`domain::inspection::joint`] themselves, the enterprise, two agencies, the site, and an
//! inspection service that dies.
//!
//! What the declaration service tells is heard in order and at least once: what was not
//! acknowledged is told again. What the inspection service asks (findings, a reopening) is a row
//! until it is answered; rows of one kind are said in order, those of different kinds in any; one
//! whose answer was lost is said again, under its id, with the content that it was written with. A
//! reopening that had no effect counts as refused; what is to be said later is not answered. What
//! the risk rules say is said with the event and again with it. Everybody else acts on the newest
//! version, round and examination: what comes on older news is refused without effect, and the
//! models of each machine try that.
//!
//! Each [`Flaw`] is planted around the functions of the services and must be found. The way back
//! from the end is a search backwards, as in those models.

mod model;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use domain::clearance::{
    self, Agency, Clearance, ClearanceFact, Demands, Event, Joint, Outcome, Phase, Stand,
};
use domain::declaration::Direction;
use domain::inspection::appointment::{AppointmentMaker, TimeWindow};
use domain::inspection::finding::{Disposal, ExaminationFinding, FindingKey, FoundResult};
use domain::inspection::joint::{self, JointCase, OrderMessage, ReviewRound, Transition};
use domain::inspection::order::{
    self, Appointment, Attendance, Instruction, InstructionKey, JointOrder, Method, SiteAct, Stage,
};
use domain::participant::{Participant, Stands};
use stateright::{Expectation, Model, Property};
use time::Duration;
use time::macros::datetime;

/// What could be wrong between the machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// What was found is not reported again for a second version that asks for it.
    NotReportedAgain,
    /// A reopening that was refused leaves the objection pending.
    LeftPending,
    /// An agency that came after the last finding is not in the record.
    LateNotReported,
    /// A reopening is taken for one of the version of the order.
    AnyVersion,
    /// The declaration was stopped, and the order follows only where an objection would be taken.
    FollowedWhereAllowed,
    /// A reopening that had no effect, because the declaration waits for findings, counts as taken.
    IgnoredIsTaken,
    /// Findings complete whatever round there is.
    AnyRound,
    /// An agency lifts its detention by its verdict, and the order keeps it.
    KeptDetention,
}

/// What the inspection service loses, any number of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    Nothing,
    /// Its stream: it hears again what it did not acknowledge.
    Stream,
    /// Its memory too: it says again what it was answered and had not written down.
    Memory,
}

/// What is tried, and how much of it.
#[derive(Debug, Clone)]
struct Pair {
    flaw: Option<Flaw>,
    customs: &'static [Outcome],
    quarantine: &'static [Outcome],
    results: &'static [FoundResult],
    /// Said to the order, beside what follows from verdicts.
    disposals: &'static [Disposal],
    amendments: u32,
    objections: u8,
    /// The risk rules are asked.
    rules: bool,
    lost: Lost,
    /// Entries that are not acknowledged: beyond, agencies and the enterprise wait.
    published: usize,
}

/// One fact of an entry, as far as it concerns inspection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    /// A new content.
    Declared,
    Demanded {
        by: Agency,
        rule: bool,
        opens: bool,
    },
    Answered {
        by: Agency,
        rule: bool,
    },
    Reopened,
    Cancelled,
    Detained(Agency),
    Released,
    Rejected(Agency),
    Returned(Agency),
}

/// An entry of the journal that was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct PublishedEvent {
    at: ReviewRound,
    facts: Vec<What>,
    /// Nothing said about it waits for an answer.
    answered: bool,
}

/// A message with its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Row {
    message: OrderMessage,
    /// Who is answered by the record that was written with it.
    customs: bool,
    quarantine: bool,
    /// For the observer: the examination of that record.
    examination: u32,
    /// The declaration service keeps it under its id: with an effect or without.
    kept: Option<bool>,
    /// What the inspection service was answered and has not written down: taken or not.
    answer: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    // The declaration service.
    declaration: Clearance,
    published: Vec<PublishedEvent>,
    // The inspection service.
    consumed: usize,
    case: Arc<JointCase>,
    rows: Vec<Row>,
    // What an observer counts.
    objections: u8,
    releases: u8,
    /// Examinations that the declaration waits for and the order has not begun.
    owed: i8,
    /// The examination that the declaration waits for.
    due: u32,
    unfounded_report: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Amend,
    Withdraw,
    Object,
    Decide(Agency, Outcome),
    Target {
        at: usize,
        customs: bool,
        quarantine: bool,
    },
    Hear,
    Acknowledge,
    Lose,
    /// Appoint, send officers, present, begin.
    Work,
    Report(Agency, FoundResult),
    Dispose(Agency, Disposal),
    Close,
    Say(usize),
    Settle(usize),
}

const AGENCIES: [Agency; 2] = [Agency::Customs, Agency::Quarantine];

fn is_over(phase: Phase) -> bool {
    matches!(phase, Phase::Released | Phase::Withdrawn | Phase::Returned)
}

fn is_found(stage: Stage) -> bool {
    matches!(stage, Stage::Found | Stage::Treating | Stage::Disposed | Stage::Closed)
}

/// A verdict demands in general, the rules by their name.
fn instructions(by: Agency, rule: bool) -> Vec<Instruction> {
    let key = InstructionKey { agency: by, id: "RULE".into() };
    let named = Instruction { key, ..Instruction::general(by) };
    if rule { vec![named] } else { Vec::new() }
}

/// The declaration service.
impl World {
    fn filed(pair: &Pair) -> Self {
        let at = ReviewRound { version: 1, round: 1 };
        let filed = PublishedEvent { at, facts: vec![What::Declared], answered: false };
        Self {
            // The number of customs matters to nobody here.
            declaration: Clearance { numbered: true, ..Clearance::filed(pair.required()) },
            published: if pair.rules { vec![filed] } else { Vec::new() },
            consumed: 0,
            case: Arc::new(JointCase::none()),
            rows: Vec::new(),
            objections: 0,
            releases: 0,
            owed: 0,
            due: 1,
            unfounded_report: false,
        }
    }

    /// Commits an event and tells of it. `None`: refused; else whether it had an effect.
    fn decide(&mut self, pair: &Pair, event: Event) -> Option<bool> {
        let rule = matches!(event, Event::Verdict { by: Participant::RiskCheck, .. });
        let (then, facts) = clearance::next(self.declaration, event).ok()?;
        self.declaration = then;
        let mut published = Vec::new();
        for fact in &facts {
            published.push(match *fact {
                ClearanceFact::Amended(_) => What::Declared,
                ClearanceFact::StandChanged(Participant::Customs, Stand::Detained) => {
                    What::Detained(Agency::Customs)
                }
                ClearanceFact::StandChanged(Participant::Quarantine, Stand::Detained) => {
                    What::Detained(Agency::Quarantine)
                }
                ClearanceFact::InspectionOrdered(by) => {
                    self.owed += 1;
                    self.due = 1;
                    What::Demanded { by, rule, opens: true }
                }
                ClearanceFact::InspectionJoined(by) => What::Demanded { by, rule, opens: false },
                ClearanceFact::InspectionAnswered(by) => What::Answered { by, rule },
                ClearanceFact::InspectionReopened => {
                    self.owed += 1;
                    self.due = 2;
                    What::Reopened
                }
                ClearanceFact::InspectionCancelled => What::Cancelled,
                ClearanceFact::Released => {
                    self.releases += 1;
                    What::Released
                }
                ClearanceFact::Rejected(agency) => What::Rejected(agency),
                ClearanceFact::Returned(agency) => What::Returned(agency),
                ClearanceFact::StandChanged(..)
                | ClearanceFact::DocumentsRequested(_)
                | ClearanceFact::DocumentsProvided(_)
                | ClearanceFact::DocumentsWaived(_)
                | ClearanceFact::Withdrawn
                | ClearanceFact::InspectionCompleted
                | ClearanceFact::Numbered => continue,
            });
        }
        if !published.is_empty() {
            let at = ReviewRound { version: then.version, round: then.round };
            let answered = !(pair.rules && published.contains(&What::Declared));
            self.published.push(PublishedEvent { at, facts: published, answered });
        }
        Some(!facts.is_empty())
    }

    /// A message arrives, perhaps again.
    fn deliver(&mut self, pair: &Pair, at: usize) {
        let Row { message, customs, quarantine, examination, kept, .. } = self.rows[at];
        let kept = kept.or_else(|| match message {
            OrderMessage::Findings(ReviewRound { version, round }) => {
                let any = pair.has(Flaw::AnyRound);
                let round = if any { self.declaration.round } else { round };
                let (for_customs, for_quarantine) = (customs, quarantine);
                let event = Event::Findings { version, round, for_customs, for_quarantine };
                let done = self.decide(pair, event)?;
                let order = &self.case.order;
                let founded = is_found(order.stage) && order.unanswered().is_empty();
                self.unfounded_report |= examination < self.due || !founded;
                Some(done)
            }
            OrderMessage::Reopening(version) => self.decide(pair, Event::Reopen { version }),
        });
        let finds = matches!(message, OrderMessage::Findings(_));
        let taken = kept == Some(true) || finds || pair.has(Flaw::IgnoredIsTaken);
        let row = &mut self.rows[at];
        row.kept = kept;
        row.answer = Some(kept.is_some() && taken);
    }
}

/// The inspection service.
impl World {
    fn consume(&mut self, pair: &Pair) {
        let PublishedEvent { at, facts, .. } = self.published[self.consumed].clone();
        self.consumed += 1;
        for what in facts {
            match declaration_event(what) {
                Some(event) => {
                    self.take(pair, at, &event, matches!(what, What::Demanded { opens: true, .. }))
                }
                // A new content: only its version matters.
                None => {
                    let newest_version = self.case.newest_version.max(at.version);
                    self.case = Arc::new(JointCase { newest_version, ..(*self.case).clone() });
                }
            }
        }
    }

    /// Takes down what was told; `opens`: the declaration waits for an examination by this.
    fn take(&mut self, pair: &Pair, at: ReviewRound, event: &joint::DeclarationEvent, opens: bool) {
        let order = &self.case.order;
        let is_detained = order.disposal.is_some_and(Disposal::is_detention);
        let (mut at, mut skipped) = (at, false);
        match (pair.flaw, event) {
            (Some(Flaw::AnyVersion), joint::DeclarationEvent::Reopened) => {
                at.version = order.version
            }
            (Some(Flaw::FollowedWhereAllowed), joint::DeclarationEvent::Reopened) => {
                let object = order::OrderEvent::Object { examination: 1 };
                skipped = order::next(order, &object).is_err();
            }
            (Some(Flaw::KeptDetention), joint::DeclarationEvent::Released) => skipped = is_detained,
            _ => {}
        }
        if skipped {
            return;
        }
        let mut then = joint::on_declaration_event(&self.case, at, event);
        if then.facts.iter().any(|fact| matches!(fact, order::OrderFact::Answered(_))) {
            self.owed -= i8::from(opens);
            if at.version > 1 && pair.has(Flaw::NotReportedAgain) {
                then.messages.clear();
            }
        }
        self.follow(pair, then);
    }

    /// Writes down what follows, the messages with their content.
    fn follow(&mut self, pair: &Pair, then: Transition) {
        for fact in &then.facts {
            if matches!(fact, order::OrderFact::Ordered(_) | order::OrderFact::Objected) {
                self.owed -= 1;
            }
        }
        self.case = Arc::new(then.case);
        for message in then.messages {
            self.write(pair, message);
        }
    }

    fn write(&mut self, pair: &Pair, message: OrderMessage) {
        let order = &self.case.order;
        let record = joint::record(order);
        let answers = |agency| {
            let mut of = record.iter().filter(|(of, _)| *of == agency);
            let own = |finding: &ExaminationFinding| finding.key.instruction.agency == agency;
            of.any(|(_, finding)| own(finding) || !pair.has(Flaw::LateNotReported))
        };
        self.rows.push(Row {
            message,
            customs: answers(Agency::Customs),
            quarantine: answers(Agency::Quarantine),
            examination: order.examination,
            kept: None,
            answer: None,
        });
    }

    /// An entry waits for the answer to what was said about it.
    fn acknowledge(&mut self) {
        let consumed = &self.published[..self.consumed];
        let done = consumed.iter().take_while(|published| published.answered).count();
        self.published.drain(..done);
        self.consumed -= done;
    }

    /// Somebody does something about the order. `None`: refused.
    fn act(&mut self, pair: &Pair, event: &order::OrderEvent) -> Option<()> {
        let then = joint::on_order_event(&self.case, event).ok()?;
        self.follow(pair, then);
        Some(())
    }

    /// The enterprise objects. `None`: refused, or known.
    fn object(&mut self, pair: &Pair) -> Option<()> {
        let (case, message) = joint::on_objection(&self.case, self.case.order.examination).ok()?;
        self.case = Arc::new(case);
        self.write(pair, message?);
        self.objections += 1;
        Some(())
    }

    /// Takes an answer down.
    fn settle(&mut self, pair: &Pair, at: usize) {
        let Row { message, answer, .. } = self.rows.remove(at);
        if answer == Some(false)
            && !pair.has(Flaw::LeftPending)
            && let Some(then) = joint::on_refusal(&self.case, message)
        {
            self.case = Arc::new(then.case);
        }
    }

    fn site(&mut self, pair: &Pair, act: SiteAct) -> Option<()> {
        let JointOrder { version, examination, .. } = self.case.order;
        self.act(pair, &order::OrderEvent::Site { version, examination, act })
    }

    /// Each examination has an officer of its own.
    fn officer(&self) -> String {
        if self.case.order.examination == 1 { "A".into() } else { "B".into() }
    }

    fn work(&mut self, pair: &Pair) -> Option<()> {
        let start = datetime!(2026-11-25 09:00 +8);
        let window = TimeWindow { start, end: start + Duration::hours(1) };
        let appointment = Appointment { place: "P".into(), window };
        let officer = self.officer();
        let seen = self.case.order.appointments;
        self.site(pair, SiteAct::Appoint { seen, appointment, by: AppointmentMaker::Site })?;
        self.site(pair, SiteAct::Assign { officers: [officer.clone()].into() })?;
        self.site(pair, SiteAct::Present { attendance: Attendance::Declarant })?;
        self.site(pair, SiteAct::Examine { method: Method::Manual, officer })
    }

    /// Answers every instruction of an agency.
    fn report(&mut self, pair: &Pair, agency: Agency, result: FoundResult) -> Option<()> {
        let open = self.case.order.unanswered().into_iter().map(|it| it.key.clone());
        let findings: Vec<ExaminationFinding> = open
            .filter(|key| key.agency == agency)
            .map(|instruction| ExaminationFinding {
                key: FindingKey { instruction, gnum: 0, sample: None },
                result,
                method: Method::Manual,
                text: String::new(),
                evidence: Vec::new(),
                officer: self.officer(),
                revision: 1,
            })
            .collect();
        if findings.is_empty() {
            return None;
        }
        self.site(pair, SiteAct::Report { findings })
    }

    /// Nothing is on its way.
    fn is_quiet(&self) -> bool {
        self.consumed == self.published.len() && self.rows.is_empty()
    }
}

/// What the declaration service tells of the order.
fn declaration_event(what: What) -> Option<joint::DeclarationEvent> {
    Some(match what {
        What::Declared => return None,
        What::Demanded { by, rule, .. } => {
            joint::DeclarationEvent::Demanded(by, instructions(by, rule))
        }
        What::Answered { by, rule } => {
            joint::DeclarationEvent::Answered(by, instructions(by, rule))
        }
        What::Reopened => joint::DeclarationEvent::Reopened,
        What::Cancelled => joint::DeclarationEvent::Cancelled,
        What::Detained(agency) => joint::DeclarationEvent::Detained(agency, Disposal::DetainOther),
        What::Released => joint::DeclarationEvent::Released,
        What::Rejected(agency) => joint::DeclarationEvent::Rejected(agency),
        What::Returned(agency) => joint::DeclarationEvent::Returned(agency),
    })
}

impl Pair {
    /// Who is waited for.
    fn required(&self) -> Stands {
        let asked: &[_] = if self.rules { &[Participant::RiskCheck] } else { &[] };
        Stands::required(Direction::Export, "9610", asked)
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn may_deliver(&self, rows: &[Row], at: usize) -> bool {
        let kind = |row: &Row| matches!(row.message, OrderMessage::Findings(_));
        let mut before = rows[..at].iter();
        rows[at].answer.is_none()
            && before.all(|row| row.answer.is_some() || kind(row) != kind(&rows[at]))
    }
}

impl Model for Pair {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::filed(self)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        let Clearance { version, phase, stands, .. } = world.declaration;
        if world.published.len() < self.published && !is_over(phase) {
            steps.extend((version <= self.amendments).then_some(Step::Amend));
            steps.push(Step::Withdraw);
            let decide = |by| move |outcome: &Outcome| Step::Decide(by, *outcome);
            steps.extend(self.customs.iter().map(decide(Agency::Customs)));
            steps.extend(self.quarantine.iter().map(decide(Agency::Quarantine)));
        }
        if world.objections < self.objections {
            steps.push(Step::Object);
        }
        for (at, published) in world.published.iter().enumerate().take(world.consumed) {
            if !published.answered {
                // Only the first answer about a version has an effect.
                let waits = stands.of(Participant::RiskCheck) == Some(Stand::Pending);
                let first = waits && published.at.version == version;
                let all = [(false, false), (true, false), (false, true), (true, true)];
                let some = if first && !is_over(phase) { &all[..] } else { &all[..1] };
                let target = |&(customs, quarantine): &_| Step::Target { at, customs, quarantine };
                steps.extend(some.iter().map(target));
            }
        }
        if world.consumed < world.published.len() {
            steps.push(Step::Hear);
        }
        steps.push(Step::Acknowledge);
        steps.extend((self.lost != Lost::Nothing).then_some(Step::Lose));
        steps.push(Step::Work);
        let found = is_found(world.case.order.stage);
        for agency in AGENCIES {
            let results =
                self.results.iter().filter(|_| world.case.order.stage == Stage::Examining);
            steps.extend(results.map(|result| Step::Report(agency, *result)));
            let disposals = self.disposals.iter().filter(|_| found);
            steps.extend(disposals.map(|disposal| Step::Dispose(agency, *disposal)));
        }
        steps.extend((found && !self.disposals.is_empty()).then_some(Step::Close));
        for (at, row) in world.rows.iter().enumerate() {
            steps.extend(row.answer.map(|_| Step::Settle(at)));
            steps.extend(self.may_deliver(&world.rows, at).then_some(Step::Say(at)));
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        let Clearance { version, round, .. } = world.declaration;
        let examination = world.case.order.examination;
        match step {
            Step::Amend => {
                let required = self.required();
                world.decide(self, Event::Amend { seen: version, required })?;
            }
            Step::Withdraw => {
                world.decide(self, Event::Withdraw { seen: version })?;
            }
            Step::Object => world.object(self)?,
            Step::Decide(agency, outcome) => {
                let (by, demands) = (agency.into(), Demands::default());
                world.decide(self, Event::Verdict { by, version, round, outcome, demands })?;
            }
            Step::Target { at, customs, quarantine } => {
                let version = world.published[at].at.version;
                world.published[at].answered = true;
                let demands = Demands { customs, quarantine };
                let (by, outcome) = (Participant::RiskCheck, Outcome::Cleared);
                world.decide(self, Event::Verdict { by, version, round, outcome, demands });
            }
            Step::Hear => world.consume(self),
            Step::Acknowledge => world.acknowledge(),
            Step::Lose => {
                world.consumed = 0;
                for published in &mut world.published {
                    published.answered = !(self.rules && published.facts.contains(&What::Declared));
                }
                for row in &mut world.rows {
                    row.answer = None;
                }
            }
            Step::Work => world.work(self)?,
            Step::Report(agency, result) => world.report(self, agency, result)?,
            Step::Dispose(agency, disposal) => {
                world.act(self, &order::OrderEvent::Dispose { agency, examination, disposal })?;
            }
            Step::Close => {
                world.act(self, &order::OrderEvent::Close { examination })?;
            }
            Step::Say(at) => world.deliver(self, at),
            Step::Settle(at) => world.settle(self, at),
        }
        // What was not acknowledged or written down matters only where it is lost.
        if self.lost == Lost::Nothing {
            world.acknowledge();
        }
        if self.lost != Lost::Memory {
            while let Some(at) = world.rows.iter().position(|row| row.answer.is_some()) {
                world.settle(self, at);
            }
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one release", |_, w: &World| {
                w.releases == u8::from(w.declaration.phase == Phase::Released)
            }),
            Property::always("nothing is released while it is looked at", |_, w: &World| {
                let released = w.declaration.phase == Phase::Released;
                !(w.is_quiet() && released && w.case.order.stage.is_open())
            }),
            Property::always("both know whether the order is open", |_, w: &World| {
                !w.is_quiet()
                    || (w.declaration.joint == Joint::Open) == w.case.order.stage.is_open()
            }),
            Property::always("an examination has one cause", |_, w: &World| {
                w.owed >= 0 && (!w.is_quiet() || w.owed == 0)
            }),
            Property::always("only what is answered is reported", |_, w: &World| {
                !w.unfounded_report
            }),
            Property::always("an objection is decided", |_, w: &World| {
                !(w.is_quiet() && w.case.objection_pending)
            }),
            Property::always("what is detained is not released", |_, w: &World| {
                let kept = w.case.order.disposal.is_some_and(Disposal::is_detention);
                let released = w.declaration.phase == Phase::Released;
                !(w.is_quiet() && released && kept && w.case.order.stage != Stage::Closed)
            }),
            // The model is not empty talk: what should happen does.
            Property::sometimes("released after a second examination", |_, w: &World| {
                w.is_quiet() && w.releases == 1 && w.case.order.examination == 2
            }),
            Property::sometimes("a second version is answered from the record", |_, w: &World| {
                w.is_quiet() && w.releases == 1 && w.case.order.late.values().any(|(v, _)| *v == 2)
            }),
            Property::sometimes("opened again on a second version", |_, w: &World| {
                w.is_quiet() && w.releases == 1 && w.case.order.version == 2
            }),
            Property::sometimes("an objection comes too late", |_, w: &World| {
                w.objections == 1
                    && w.case.order.examination == 1
                    && w.releases == 1
                    && w.is_quiet()
            }),
        ]
    }
}

const LOOK: &[Outcome] = &[Outcome::Cleared, Outcome::WantsInspection];
const STOP: &[Outcome] = &[Outcome::Cleared, Outcome::WantsInspection, Outcome::Rejected];
const DETAIN: &[Outcome] = &[Outcome::Cleared, Outcome::WantsInspection, Outcome::Detained];
const WRONG: &[FoundResult] = &[FoundResult::QtyMismatch];

/// An objection, and an agency that comes late.
const OBJECTED: Pair = Pair {
    flaw: None,
    customs: LOOK,
    quarantine: LOOK,
    results: &[FoundResult::Conform, FoundResult::QtyMismatch],
    disposals: &[],
    amendments: 0,
    objections: 1,
    rules: false,
    lost: Lost::Nothing,
    published: 2,
};
/// Stopped, amended, and looked at again.
const AMENDED: Pair = Pair {
    customs: &[
        Outcome::Cleared,
        Outcome::WantsInspection,
        Outcome::Rejected,
        Outcome::Detained,
        Outcome::Returned,
    ],
    quarantine: STOP,
    results: WRONG,
    amendments: 1,
    objections: 0,
    ..OBJECTED
};
/// Both.
const OBJECTED_AMENDED: Pair = Pair { objections: 1, quarantine: LOOK, ..AMENDED };
/// Detained, before an objection is followed or after.
const DETAINED: Pair = Pair { customs: DETAIN, quarantine: DETAIN, results: WRONG, ..OBJECTED };
/// The agencies decide about the goods by themselves.
const DISPOSED: Pair = Pair {
    disposals: &[Disposal::AmendAndRelease, Disposal::DetainOther],
    customs: DETAIN,
    quarantine: LOOK,
    ..DETAINED
};
/// The rules demand, or do not.
const RULES: Pair = Pair { rules: true, customs: STOP, quarantine: LOOK, ..AMENDED };
/// Answers are lost, and said again.
const DIES: Pair = Pair { lost: Lost::Memory, results: WRONG, published: 1, ..OBJECTED };
/// A whole life is told again.
const RETOLD: Pair = Pair {
    lost: Lost::Stream,
    customs: STOP,
    quarantine: &[Outcome::Cleared],
    amendments: 1,
    published: 4,
    ..DIES
};

/// Detained before and after the findings, and told again.
const RETOLD_DETAINED: Pair =
    Pair { customs: DETAIN, quarantine: LOOK, amendments: 0, published: 3, ..RETOLD };
/// What is found carries no release, and the goods are released all the same.
const BARRED: Pair = Pair { results: &[FoundResult::Prohibited], ..DETAINED };
/// Each version has its objection, the first perhaps in vain.
const OBJECTED_TWICE: Pair = Pair { objections: 2, customs: STOP, ..OBJECTED_AMENDED };
/// The rules demand while an objection is on its way.
const RULES_OBJECTED: Pair = Pair { objections: 1, amendments: 0, ..RULES };

const ALL: [(&str, Pair); 12] = [
    ("objected", OBJECTED),
    ("amended", AMENDED),
    ("objected and amended", OBJECTED_AMENDED),
    ("objected twice", OBJECTED_TWICE),
    ("detained", DETAINED),
    ("barred", BARRED),
    ("disposed", DISPOSED),
    ("rules", RULES),
    ("rules and objected", RULES_OBJECTED),
    ("dies", DIES),
    ("retold", RETOLD),
    ("retold and detained", RETOLD_DETAINED),
];

/// What happens when everybody wants the end: nothing is demanded, amended or objected to any more.
fn leads_on(step: Step) -> bool {
    match step {
        Step::Decide(_, outcome) => outcome == Outcome::Cleared,
        Step::Target { customs, quarantine, .. } => !customs && !quarantine,
        Step::Hear
        | Step::Acknowledge
        | Step::Work
        | Step::Report(..)
        | Step::Say(_)
        | Step::Settle(_) => true,
        Step::Amend
        | Step::Withdraw
        | Step::Object
        | Step::Lose
        | Step::Dispose(..)
        | Step::Close => false,
    }
}

const STUCK: &str = "it can still end";

/// Every state, breadth first, so that what is found is found on a shortest way.
#[derive(Debug)]
struct Explored {
    states: usize,
    /// What failed and what happened, with the way there.
    broken: BTreeMap<&'static str, Vec<Step>>,
    happened: Vec<&'static str>,
}

fn explore(pair: &Pair) -> Explored {
    let filed = Rc::new(World::filed(pair));
    let mut worlds = vec![Rc::clone(&filed)];
    let mut ways: Vec<Option<(usize, Step)>> = vec![None];
    let mut causes: Vec<Vec<usize>> = vec![Vec::new()];
    let mut known = HashMap::from([(filed, 0)]);
    let mut seen: BTreeMap<&'static str, usize> = BTreeMap::new();
    let properties = pair.properties();
    let mut steps = Vec::new();
    let mut at = 0;
    while at < worlds.len() {
        let world = Rc::clone(&worlds[at]);
        let mut kept = true;
        for property in &properties {
            let wanted = property.expectation == Expectation::Sometimes;
            if (property.condition)(pair, &world) == wanted {
                seen.entry(property.name).or_insert(at);
                kept &= wanted;
            }
        }
        // Where a promise is broken anything may follow, without end.
        if kept {
            pair.actions(&world, &mut steps);
        }
        for step in steps.drain(..) {
            let Some(next) = pair.next_state(&world, step) else { continue };
            let to = *known.entry(Rc::new(next)).or_insert_with_key(|next| {
                worlds.push(Rc::clone(next));
                ways.push(Some((at, step)));
                causes.push(Vec::new());
                worlds.len() - 1
            });
            if leads_on(step) {
                causes[to].push(at);
            }
        }
        at += 1;
    }
    let ended = |phase| is_over(phase) || phase == Phase::Rejected;
    let ends = (0..worlds.len()).filter(|&at| ended(worlds[at].declaration.phase));
    let hopeful = model::leading_to(ends, &causes);
    seen.extend(hopeful.iter().position(|hope| !hope).map(|at| (STUCK, at)));
    let way = |mut at: usize| {
        let mut way = Vec::new();
        while let Some((from, step)) = ways[at] {
            way.push(step);
            at = from;
        }
        way.reverse();
        way
    };
    let sometimes = |name: &str| {
        properties.iter().any(|p| p.name == name && p.expectation == Expectation::Sometimes)
    };
    let (happened, broken): (Vec<_>, Vec<_>) =
        seen.into_iter().partition(|(name, _)| sometimes(name));
    Explored {
        states: worlds.len(),
        broken: broken.into_iter().map(|(name, at)| (name, way(at))).collect(),
        happened: happened.into_iter().map(|(name, _)| name).collect(),
    }
}

#[test]
fn the_two_services_agree_in_every_order_of_messages() {
    let mut states = 0;
    let mut broken = BTreeMap::new();
    let mut never: Vec<&str> = OBJECTED
        .properties()
        .into_iter()
        .filter(|property| property.expectation == Expectation::Sometimes)
        .map(|property| property.name)
        .collect();
    for (name, pair) in ALL {
        let begun = std::time::Instant::now();
        let explored = explore(&pair);
        eprintln!("  {name}: {} states in {:?}", explored.states, begun.elapsed());
        never.retain(|name| !explored.happened.contains(name));
        states += explored.states;
        for (promise, way) in explored.broken {
            eprintln!("    {promise}: {way:?}");
            broken.entry(promise).or_insert(name);
        }
    }
    eprintln!("joint model: {states} distinct states, each bound counted on its own");
    assert!(broken.is_empty(), "promises and where they are broken: {broken:?}");
    assert_eq!(never, [""; 0], "what should happen does");
}

#[test]
fn the_model_finds_every_flaw() {
    let agree = "both know whether the order is open";
    let one_cause = "an examination has one cause";
    let decided = "an objection is decided";
    let found: [(Flaw, Pair, &str); 9] = [
        (Flaw::NotReportedAgain, AMENDED, agree),
        (Flaw::LeftPending, OBJECTED, decided),
        (Flaw::LateNotReported, OBJECTED, agree),
        (Flaw::AnyVersion, OBJECTED_AMENDED, one_cause),
        (Flaw::AnyVersion, RETOLD, one_cause),
        (Flaw::FollowedWhereAllowed, DETAINED, agree),
        (Flaw::IgnoredIsTaken, OBJECTED, decided),
        (Flaw::AnyRound, DIES, "only what is answered is reported"),
        (Flaw::KeptDetention, DETAINED, "what is detained is not released"),
    ];
    for (flaw, pair, promise) in found {
        let begun = std::time::Instant::now();
        let broken = model::broken_by(Pair { flaw: Some(flaw), ..pair });
        eprintln!("  {flaw:?}: {:?}", begun.elapsed());
        assert!(broken.contains(&promise), "{flaw:?} breaks {broken:?}");
    }
}

/// A declaration that waits for a record that nobody sends can only be rejected.
#[test]
fn the_model_finds_a_declaration_that_waits_for_ever() {
    let pair = Pair { customs: STOP, quarantine: &[Outcome::Cleared], ..AMENDED };
    let explored = explore(&Pair { flaw: Some(Flaw::NotReportedAgain), ..pair });
    assert!(explored.broken.contains_key(STUCK));
}
