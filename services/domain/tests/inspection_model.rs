//! The joint inspection order in every order of events: a model of two agencies, the enterprise, the
//! site and its laboratory, and a bad network, around [`domain::inspection::order::next`] itself.
//!
//! The site acts on news as old as you like; a demand may be told again when its version is over; the
//! news that a declaration ended may come after the demand on the next version; and a copy of an event
//! may stay in the network and arrive any number of times, overtaken by whatever came after it.

mod model;
#[path = "model/states.rs"]
mod states;

use domain::clearance::Agency::{self, Customs, Quarantine};
use domain::inspection::appointment::{AppointmentMaker, TimeWindow};
use domain::inspection::finding::{Disposal, ExaminationFinding, FindingKey, FoundResult};
use domain::inspection::order::{
    Appointment, Attendance, Instruction, InstructionKey, JointOrder, Method, OrderEvent,
    OrderFact, Sample, SiteAct, Stage, Treatment, next,
};
use domain::refusal::Refusal;
use stateright::{Model, Property};
use time::Duration;
use time::macros::datetime;

type Next = fn(&JointOrder, &OrderEvent) -> Result<(JointOrder, Vec<OrderFact>), Refusal>;

/// What is tried, and how much of it.
#[derive(Debug, Clone)]
struct Site {
    next: Next,
    /// How often the declaration is rejected and amended.
    amendments: u32,
    /// Copies in the network.
    copies: bool,
    /// The enterprise may object.
    objects: bool,
    /// The enterprise may stay away.
    no_shows: u32,
}

/// What the site last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct News {
    version: u32,
    examination: u32,
    appointments: u32,
}

/// What must hold for a step, not only for a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Promise {
    NoDemandLost,
    OfThisExamination,
    EndIsEnd,
    NoEffectTwice,
    NeverReleased,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    order: JointOrder,
    /// Of the declaration.
    version: u32,
    /// The end of this version was not heard of yet.
    ended: Option<u32>,
    told: News,
    copy: Option<OrderEvent>,
    /// Orders that were opened and did not fall away, and of their examinations those that are open.
    orders: i8,
    open: i8,
    answered_late: bool,
    reopened: bool,
    broken: Option<Promise>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Tell,
    Do { event: OrderEvent, keep: bool },
    RejectAndAmend,
    HearOfEnd,
    Copy,
    Lose,
}

fn key(agency: Agency) -> InstructionKey {
    InstructionKey { agency, id: "look".into() }
}

fn demand(agency: Agency, version: u32) -> OrderEvent {
    let instruction = Instruction {
        key: key(agency),
        text: String::new(),
        text_zh: String::new(),
        lines: Vec::new(),
        method: Method::Manual,
        sampling: agency == Quarantine,
    };
    OrderEvent::Demand { agency, version, instructions: vec![instruction] }
}

fn finding(
    agency: Agency,
    sample: Option<&str>,
    result: FoundResult,
    officer: &str,
) -> ExaminationFinding {
    ExaminationFinding {
        key: FindingKey { instruction: key(agency), gnum: 0, sample: sample.map(str::to_owned) },
        result,
        method: Method::Manual,
        text: String::new(),
        evidence: Vec::new(),
        officer: officer.into(),
        revision: 1,
    }
}

/// What the site may do, each examination with an officer of its own.
fn acts(news: News) -> Vec<SiteAct> {
    let start = datetime!(2026-11-25 09:00 +8);
    let window = TimeWindow { start, end: start + Duration::hours(1) };
    let officer = if news.examination == 1 { "A" } else { "B" };
    let sample =
        Sample { id: "S".into(), instruction: key(Quarantine), gnum: 0, officer: officer.into() };
    let report = |finding| SiteAct::Report { findings: vec![finding] };
    vec![
        SiteAct::Appoint {
            seen: news.appointments,
            appointment: Appointment { place: "P".into(), window },
            by: AppointmentMaker::Site,
        },
        SiteAct::NoShow { seen: news.appointments, at: start + Duration::hours(1) },
        SiteAct::Assign { officers: [officer.to_owned()].into() },
        SiteAct::Present { attendance: Attendance::Declarant },
        SiteAct::Examine { method: Method::Manual, officer: officer.into() },
        SiteAct::Take { sample },
        SiteAct::Send { sample: "S".into(), laboratory: "L".into() },
        report(finding(Customs, None, FoundResult::LabPending, officer)),
        report(finding(Customs, None, FoundResult::Conform, officer)),
        report(finding(Quarantine, Some("S"), FoundResult::QuarantineFail, "L")),
    ]
}

fn is_found(stage: Stage) -> bool {
    matches!(stage, Stage::Found | Stage::Treating | Stage::Disposed | Stage::Closed)
}

impl World {
    fn begin() -> Self {
        Self {
            order: JointOrder::none(),
            version: 1,
            ended: None,
            told: News { version: 0, examination: 1, appointments: 0 },
            copy: None,
            orders: 0,
            open: 0,
            answered_late: false,
            reopened: false,
            broken: None,
        }
    }

    fn news(&self) -> News {
        News {
            version: self.order.version,
            examination: self.order.examination,
            appointments: self.order.appointments,
        }
    }

    /// An event arrives, and the step is judged. False: refused.
    fn commit(&mut self, next: Next, event: &OrderEvent) -> bool {
        let Ok((then, facts)) = next(&self.order, event) else { return false };
        let now = std::mem::replace(&mut self.order, then);
        let then = self.order.clone();
        self.promise(Promise::NoEffectTwice, !facts.is_empty() || now == then);
        let again = next(&then, event).map_or(true, |(_, more)| more.is_empty());
        self.promise(Promise::NoEffectTwice, again);
        for fact in &facts {
            match fact {
                OrderFact::Ordered(_) => {
                    self.orders += 1;
                    self.open += 1;
                    self.reopened |= now.stage != Stage::None;
                }
                OrderFact::Objected => self.open += 1,
                OrderFact::Cancelled => {
                    self.orders -= 1;
                    self.open -= 1;
                }
                OrderFact::Completed => self.open -= 1,
                OrderFact::Answered(_) => self.answered_late = true,
                _ => {}
            }
        }
        match event {
            OrderEvent::Demand { agency, .. } => {
                let kept = then.has(*agency) || then.late.contains_key(&key(*agency));
                self.promise(Promise::NoDemandLost, kept);
            }
            OrderEvent::Site { version, examination, .. } => {
                let of_this = (*version, *examination) == (now.version, now.examination);
                self.promise(Promise::OfThisExamination, of_this);
            }
            OrderEvent::Object { .. }
            | OrderEvent::Reopened { .. }
            | OrderEvent::Dispose { .. }
            | OrderEvent::Treated { .. }
            | OrderEvent::Close { .. }
            | OrderEvent::Cancel { .. } => {}
        }
        if now.stage == Stage::Closed {
            let same = JointOrder { late: now.late.clone(), ..then.clone() } == now;
            self.promise(Promise::EndIsEnd, same);
        }
        let clean = then.results().iter().all(|result| !result.is_adverse());
        let treated = then.work.treatment.as_ref().is_some_and(|treatment| treatment.passed);
        let released = then.disposal == Some(Disposal::Release);
        self.promise(Promise::NeverReleased, !released || clean || treated);
        true
    }

    fn promise(&mut self, promise: Promise, kept: bool) {
        if !kept && self.broken.is_none() {
            self.broken = Some(promise);
        }
    }

    fn events(&self, model: &Site) -> Vec<OrderEvent> {
        let mut events = Vec::new();
        for agency in [Customs, Quarantine] {
            // A demand on an old version is one that is told again.
            events.extend((1..=self.version).map(|version| demand(agency, version)));
        }
        if self.order.stage == Stage::None {
            return events;
        }
        let News { version, examination, .. } = self.told;
        let may = |act: &SiteAct| match act {
            SiteAct::NoShow { .. } => self.order.no_shows < model.no_shows,
            _ => true,
        };
        let acts = acts(self.told).into_iter().filter(may);
        events.extend(acts.map(|act| OrderEvent::Site { version, examination, act }));
        // Decisions are made with the order in hand.
        let examination = self.order.examination;
        if is_found(self.order.stage) {
            for disposal in [Disposal::Release, Disposal::Treat, Disposal::Return] {
                events.extend([Customs, Quarantine].map(|agency| OrderEvent::Dispose {
                    agency,
                    examination,
                    disposal,
                }));
            }
            events.extend([true, false].map(|passed| {
                let treatment = Treatment { certificate: "T".into(), digest: [0; 32], passed };
                OrderEvent::Treated { examination, treatment }
            }));
            events.push(OrderEvent::Close { examination });
            events.extend(model.objects.then_some(OrderEvent::Object { examination }));
        }
        events
    }
}

impl Model for Site {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::begin()]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        steps.push(Step::Tell);
        let keeps = self.copies && world.copy.is_none();
        for event in world.events(self) {
            if keeps {
                steps.push(Step::Do { event: event.clone(), keep: true });
            }
            steps.push(Step::Do { event, keep: false });
        }
        if world.version <= self.amendments && world.ended.is_none() {
            steps.push(Step::RejectAndAmend);
        }
        steps.extend(world.ended.map(|_| Step::HearOfEnd));
        if world.copy.is_some() {
            steps.extend([Step::Copy, Step::Lose]);
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        match step {
            Step::Tell => world.told = world.news(),
            Step::Do { event, keep } => {
                let applied = world.commit(self.next, &event) && world.order != before.order;
                if keep {
                    world.copy = applied.then_some(event);
                }
            }
            Step::RejectAndAmend => world.ended = Some(world.version),
            Step::HearOfEnd => {
                let version = world.ended.take()?;
                world.commit(self.next, &OrderEvent::Cancel { version });
            }
            Step::Copy => {
                let event = world.copy.clone()?;
                world.commit(self.next, &event);
            }
            Step::Lose => world.copy = None,
        }
        if before.ended.is_none() && world.ended.is_some() {
            world.version += 1;
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let promise = |name, promise: fn(&Site, &World) -> bool| Property::always(name, promise);
        vec![
            promise("one order", |_, w| {
                w.orders <= 1 && w.open == i8::from(w.order.stage.is_open())
            }),
            promise("what is found is answered", |_, w| {
                !is_found(w.order.stage)
                    || w.order.unanswered().is_empty()
                        && w.order.work.pending_samples().next().is_none()
            }),
            promise("no demand is lost", |_, w| w.broken != Some(Promise::NoDemandLost)),
            promise("nothing from an older version or examination", |_, w| {
                w.broken != Some(Promise::OfThisExamination)
            }),
            promise("an end is an end", |_, w| w.broken != Some(Promise::EndIsEnd)),
            promise("no effect twice", |_, w| w.broken != Some(Promise::NoEffectTwice)),
            promise("what is wrong is not released", |_, w| {
                w.broken != Some(Promise::NeverReleased)
            }),
            promise("a second examination is made by others", |_, w| {
                w.order.first.as_ref().is_none_or(|first| {
                    w.order.work.officers.keys().all(|who| !first.officers.contains_key(who))
                })
            }),
            // The model is not empty talk: what should happen does.
            Property::sometimes("both ask for one order", |_, w: &World| w.order.is_joint()),
            Property::sometimes(
                "opened again, or examined again, or copied",
                |site: &Site, w: &World| {
                    (site.amendments == 0 || w.reopened)
                        && (!site.objects || w.order.first.is_some())
                },
            ),
            Property::sometimes("a late demand is answered", |_, w: &World| w.answered_late),
            Property::sometimes("treated and released", |_, w: &World| {
                w.order.stage == Stage::Closed && w.order.work.treatment.is_some()
            }),
        ]
    }
}

/// A second version, and the news of it in any order.
const AMENDED: Site = Site { next, amendments: 1, copies: false, objects: false, no_shows: 0 };
/// A second examination, after a no-show.
const OBJECTED: Site = Site { amendments: 0, objects: true, no_shows: 1, ..AMENDED };
/// Copies overtaken by what came later.
const COPIED: Site = Site { amendments: 0, copies: true, no_shows: 1, ..AMENDED };

#[test]
fn the_order_keeps_its_promises_in_every_order_of_events() {
    for site in [AMENDED, OBJECTED, COPIED] {
        let (count, never) = states::check(site);
        assert_eq!(never, [""; 0], "what should happen does");
        eprintln!("inspection model: {count} distinct states");
    }
}

/// From every state, somebody can do something that leads on to the end.
#[test]
fn every_order_can_still_be_closed() {
    for site in [AMENDED, OBJECTED] {
        let stuck = states::stuck(&site, |world| world.order.stage == Stage::Closed, |_| false);
        assert_eq!(stuck, None, "nothing leads on from here");
    }
}

/// The promises that a site built around a broken `next` breaks first.
fn broken_by(next: Next, site: Site) -> Vec<&'static str> {
    model::broken_by(Site { next, ..site })
}

#[test]
fn the_model_finds_a_second_order() {
    let next: Next = |now, event| match event {
        OrderEvent::Demand { .. } if now.stage == Stage::Found => next(&JointOrder::none(), event),
        _ => next(now, event),
    };
    assert!(broken_by(next, AMENDED).contains(&"one order"));
}

#[test]
fn the_model_finds_a_report_from_before() {
    let next: Next = |now, event| match event {
        OrderEvent::Site { act, .. } => {
            let (version, examination) = (now.version, now.examination);
            next(now, &OrderEvent::Site { version, examination, act: act.clone() })
        }
        _ => next(now, event),
    };
    let expected = "nothing from an older version or examination";
    assert!(broken_by(next, AMENDED).contains(&expected));
    assert!(broken_by(next, OBJECTED).contains(&expected));
}

#[test]
fn the_model_finds_an_order_that_is_completed_too_early() {
    let next: Next = |now, event| {
        let (mut then, mut facts) = next(now, event)?;
        if then.stage == Stage::Laboratory {
            then.stage = Stage::Found;
            facts.push(OrderFact::Completed);
        }
        Ok((then, facts))
    };
    assert!(broken_by(next, AMENDED).contains(&"what is found is answered"));
}
