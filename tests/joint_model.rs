//! Two state machines that never see each other: the declaration and its inspection order, joined by
//! what is told and asked between them.
use std::collections::HashMap;
use std::sync::Arc;

use domain::clearance::{
    self, Agency, Clearance, Event, Fact, Joint, Outcome, Phase, Stand, Targeting,
};
use domain::inspection::appointment::{By, TimeWindow};
use domain::inspection::finding::{Disposal, Finding, FindingKey, FoundResult};
use domain::inspection::order::{
    self, Act, Appointment, Attendance, Instruction, InstructionKey, Method, Order, Stage,
};
use domain::refusal::Refusal;
use stateright::{Expectation, Model, Property};
use time::Duration;
use time::macros::datetime;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Flaw {
    Answered,
    Pending,
    // Present?
    OldVersion,
    LateAgency,
    ReopenRepeated,
    Unfollowed,
    Lifted,
    IgnoredReopening,
    StaleReport,
    Unserial,
}
use Flaw::*;

type Decide = fn(Clearance, Event) -> Result<(Clearance, Vec<Fact>), Refusal>;

#[derive(Debug, Clone)]
struct Border {
    decide: Decide,
    flaws: Vec<Flaw>,
    amendments: u32,
    objections: u8,
    rules: bool,
    disposals: &'static [Disposal],
    results: &'static [FoundResult],
    outcomes: &'static [Outcome],
    told_most: usize,
    crashes: bool,
    overtakes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Why {
    Said,
    Rule,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Content,
    Demanded { by: Agency, why: Why, opens: bool },
    Answered(Agency, Why),
    Reopened,
    Cancelled,
    Detained(Agency),
    Released,
    Rejected(Agency),
    Returned(Agency),
    Withdrawn,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Told {
    version: u32,
    facts: Vec<What>,
    /// Rules' answer
    answered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Errand {
    Findings { version: u32, customs: bool, inspection: bool, examination: u32 },
    Reopening { version: u32 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Row {
    errand: Errand,
    /// The declaration service keeps it under its id.
    kept: bool,
    applied: bool,
    /// Answer in memory: refused?
    refused: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Promise {
    Answered,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    declaration: Clearance,
    told: Vec<Told>,
    heard: usize,
    order: Arc<Order>,
    pending: bool,
    newest: u32,
    errands: Vec<Row>,
    objections: u8,
    releases: u8,
    owed: i8,
    due: u32,
    broken: Option<Promise>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Amend,
    Withdraw,
    Object,
    Decide(Agency, Outcome),
    Target { at: usize, customs: bool, inspection: bool },
    Hear,
    Acknowledge,
    Crash,
    Work,
    Report(Agency, FoundResult),
    Dispose(Agency, Disposal),
    Close,
    Say(usize),
    Settle(usize),
}

const AGENCIES: [Agency; 2] = [Agency::Customs, Agency::Inspection];

fn ended(phase: Phase) -> bool {
    matches!(phase, Phase::Released | Phase::Withdrawn | Phase::Returned | Phase::Rejected)
}

fn found(stage: Stage) -> bool {
    matches!(stage, Stage::Found | Stage::Treating | Stage::Disposed | Stage::Closed)
}

fn instructions(by: Agency, why: Why) -> Vec<Instruction> {
    match why {
        Why::Said => Vec::new(),
        Why::Rule => {
            let general = Instruction::general(by);
            let key = InstructionKey { agency: by, id: "RULE".into() };
            vec![Instruction { key, ..general }]
        }
    }
}

impl World {
    fn filed(model: &Border) -> Self {
        let filed = Told { version: 1, facts: vec![What::Content], answered: false };
        Self {
            declaration: Clearance { numbered: true, ..Clearance::filed(model.rules) },
            told: if model.rules { vec![filed] } else { Vec::new() },
            heard: 0,
            order: Arc::new(Order::none()),
            pending: false,
            newest: 1,
            errands: Vec::new(),
            objections: 0,
            releases: 0,
            owed: 0,
            due: 1,
            broken: None,
        }
    }

    /// The declaration service.
    fn decide(&mut self, model: &Border, event: Event, why: Why) -> Result<bool, Refusal> {
        let (then, facts) = (model.decide)(self.declaration, event)?;
        self.declaration = then;
        let mut whats = Vec::new();
        for fact in &facts {
            let what = match *fact {
                Fact::Amended(_) => What::Content,
                Fact::Withdrawn => What::Withdrawn,
                Fact::StandChanged(agency, Stand::Detained) => What::Detained(agency),
                Fact::InspectionOrdered(by) => {
                    self.owed += 1;
                    self.due = 1;
                    What::Demanded { by, why, opens: true }
                }
                Fact::InspectionJoined(by) => What::Demanded { by, why, opens: false },
                Fact::InspectionAnswered(by) => What::Answered(by, why),
                Fact::InspectionCancelled => What::Cancelled,
                Fact::InspectionReopened => {
                    self.owed += 1;
                    self.due = 2;
                    What::Reopened
                }
                Fact::Released => {
                    self.releases += 1;
                    What::Released
                }
                Fact::Rejected(agency) => What::Rejected(agency),
                Fact::Returned(agency) => What::Returned(agency),
                Fact::StandChanged(..)
                | Fact::InspectionCompleted
                | Fact::Targeted
                | Fact::Numbered => continue,
            };
            whats.push(what);
        }
        if !whats.is_empty() {
            let answered = !(model.rules && whats.contains(&What::Content));
            self.told.push(Told { version: then.version, facts: whats, answered });
        }
        Ok(!facts.is_empty())
    }

    /// The inspection service: an event of an order and what follows from it.
    fn apply(&mut self, model: &Border, event: &order::Event) -> Option<Vec<order::Fact>> {
        let version = self.newest;
        let (mut then, facts) = order::next(&self.order, event).ok()?;
        if facts.is_empty() {
            return Some(facts);
        }
        if facts.contains(&order::Fact::Objected) && !model.flaws.contains(&OldVersion) {
            then.version = version;
        }
        self.order = Arc::new(then);
        for fact in &facts {
            match fact {
                order::Fact::Ordered(_) | order::Fact::Objected => {
                    self.pending = false;
                    self.owed -= 1;
                }
                order::Fact::Completed => self.report_findings(model, self.order.version),
                _ => {}
            }
        }
        Some(facts)
    }

    fn report_findings(&mut self, model: &Border, version: u32) {
        let answers = |agency| {
            self.order.answers_to(agency).iter().any(|finding| finding.result.is_final())
                || (!model.flaws.contains(&LateAgency)
                    && self.order.late.keys().any(|key| key.agency == agency))
        };
        let errand = Errand::Findings {
            version,
            customs: answers(Agency::Customs),
            inspection: answers(Agency::Inspection),
            examination: self.order.examination,
        };
        self.errands.push(Row { errand, kept: false, applied: false, refused: None });
    }

    fn hear(&mut self, model: &Border) {
        let Told { version, facts, .. } = self.told[self.heard].clone();
        self.heard += 1;
        for what in facts {
            match what {
                What::Content => self.newest = self.newest.max(version),
                What::Demanded { by, why, opens } => {
                    self.newest = self.newest.max(version);
                    let instructions = instructions(by, why);
                    let demand = order::Event::Demand { agency: by, version, instructions };
                    let facts = self.apply(model, &demand).unwrap_or_default();
                    let answered = facts.iter().any(|f| matches!(f, order::Fact::Answered(_)));
                    if answered {
                        self.owed -= i8::from(opens);
                    }
                    if answered && !(version == 2 && model.flaws.contains(&Answered)) {
                        self.report_findings(model, version);
                    }
                }
                What::Answered(agency, why) => {
                    let instructions = instructions(agency, why);
                    self.apply(model, &order::Event::Demand { agency, version, instructions });
                }
                What::Reopened => {
                    if model.flaws.contains(&ReopenRepeated) || version >= self.order.version {
                        if !model.flaws.contains(&Unfollowed)
                            && found(self.order.stage)
                            && self.order.examination == 1
                        {
                            self.order = Arc::new(Order {
                                stage: Stage::Found,
                                by_customs: None,
                                by_inspection: None,
                                disposal: None,
                                ..(*self.order).clone()
                            });
                        }
                        self.apply(model, &order::Event::Object { examination: 1 });
                    }
                }
                What::Cancelled => {
                    self.apply(model, &order::Event::Cancel { version });
                }
                What::Detained(agency) => self.dispose(model, agency, &[Disposal::DetainOther]),
                What::Released => {
                    for agency in AGENCIES {
                        let both = [Disposal::Release, Disposal::AmendAndRelease];
                        self.dispose(model, agency, &both);
                    }
                    let gone = [Some(Disposal::Release), Some(Disposal::AmendAndRelease)];
                    if gone.contains(&self.order.disposal) && self.order.stage == Stage::Disposed {
                        let examination = self.order.examination;
                        self.apply(model, &order::Event::Close { examination });
                    }
                }
                What::Rejected(agency) => {
                    self.dispose(model, agency, &[Disposal::AmendAndRelease]);
                }
                What::Returned(agency) => self.dispose(model, agency, &[Disposal::Return]),
                What::Withdrawn => {}
            }
        }
    }

    fn dispose(&mut self, model: &Border, agency: Agency, disposals: &[Disposal]) {
        let examination = self.order.examination;
        let asked = self.order.has(agency) && self.order.decision(agency).is_none();
        let lifts = !model.flaws.contains(&Lifted)
            && disposals.contains(&Disposal::Release)
            && self.order.decision(agency).is_some_and(Disposal::is_detention);
        if !lifts && (self.order.stage != Stage::Found || !asked) {
            return;
        }
        for disposal in disposals {
            let event = order::Event::Dispose { agency, examination, disposal: *disposal };
            if self.apply(model, &event).is_some_and(|facts| !facts.is_empty()) {
                return;
            }
        }
    }

    fn object(&mut self) -> Option<()> {
        let examination = self.order.examination;
        if self.pending {
            return None;
        }
        let event = order::Event::Object { examination };
        let (_, facts) = order::next(&self.order, &event).ok()?;
        if facts.is_empty() {
            return None;
        }
        let errand = Errand::Reopening { version: self.newest };
        self.errands.push(Row { errand, kept: false, applied: false, refused: None });
        self.pending = true;
        self.objections += 1;
        Some(())
    }

    /// An errand arrives.
    fn say(&mut self, model: &Border, at: usize) {
        let row = self.errands[at];
        if row.kept {
            let ignored = !row.applied && !model.flaws.contains(&IgnoredReopening);
            self.errands[at].refused = Some(ignored);
            return;
        }
        let done = match row.errand {
            Errand::Findings { version, customs, inspection, examination } => {
                let stale = examination < self.due && !model.flaws.contains(&StaleReport);
                if self.declaration.joint != Joint::Open || stale {
                    Err(Refusal::of(domain::refusal::Code::NoOpenInspection))
                } else {
                    let (for_customs, for_inspection) = (customs, inspection);
                    let event = Event::Findings { version, for_customs, for_inspection };
                    let done = self.decide(model, event, Why::Said);
                    let answered = found(self.order.stage)
                        && self.order.unanswered().is_empty()
                        && examination >= self.due;
                    if done.is_ok() && !answered {
                        self.broken = Some(Promise::Answered);
                    }
                    done
                }
            }
            Errand::Reopening { version } => {
                self.decide(model, Event::Reopen { version }, Why::Said)
            }
        };
        let row = &mut self.errands[at];
        match done {
            Ok(applied) => {
                row.kept = true;
                row.applied = applied;
                row.refused = Some(!applied && !model.flaws.contains(&IgnoredReopening));
            }
            Err(_) => row.refused = Some(true),
        }
    }

    fn settle(&mut self, model: &Border, at: usize) {
        let row = self.errands.remove(at);
        let reopening = matches!(row.errand, Errand::Reopening { .. });
        if reopening && row.refused == Some(true) && !model.flaws.contains(&Pending) {
            self.pending = false;
        }
    }

    fn site(&mut self, model: &Border, act: Act) -> Option<()> {
        let (version, examination) = (self.order.version, self.order.examination);
        self.apply(model, &order::Event::Site { version, examination, act }).map(drop)
    }

    fn officer(&self) -> String {
        if self.order.examination == 1 { "A".into() } else { "B".into() }
    }

    fn work(&mut self, model: &Border) -> Option<()> {
        let start = datetime!(2026-11-25 09:00 +8);
        let window = TimeWindow { start, end: start + Duration::hours(1) };
        let officer = self.officer();
        let seen = self.order.appointments;
        let appointment = Appointment { place: "P".into(), window };
        self.site(model, Act::Appoint { seen, appointment, by: By::Site })?;
        self.site(model, Act::Assign { officers: [officer.clone()].into() })?;
        self.site(model, Act::Present { attendance: Attendance::Declarant })?;
        self.site(model, Act::Examine { method: Method::Manual, officer })
    }

    fn report(&mut self, model: &Border, agency: Agency, result: FoundResult) -> Option<()> {
        let open: Vec<InstructionKey> =
            self.order.unanswered().into_iter().map(|it| it.key.clone()).collect();
        let own = open.into_iter().filter(|key| key.agency == agency);
        let findings: Vec<Finding> = own
            .map(|instruction| Finding {
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
        self.site(model, Act::Report { findings })
    }

    fn drained(&self) -> bool {
        self.heard == self.told.len() && self.errands.is_empty()
    }
}

impl Model for Border {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::filed(self)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        let room = world.told.len() < self.told_most;
        let over = matches!(
            world.declaration.phase,
            Phase::Released | Phase::Withdrawn | Phase::Returned
        );
        if room && !over {
            if world.declaration.version <= self.amendments {
                steps.push(Step::Amend);
            }
            steps.push(Step::Withdraw);
            for agency in AGENCIES {
                steps.extend(self.outcomes.iter().map(|outcome| Step::Decide(agency, *outcome)));
            }
        }
        if world.objections < self.objections {
            steps.push(Step::Object);
        }
        if self.rules && room {
            for (at, told) in world.told.iter().enumerate().take(world.heard) {
                if told.answered {
                    continue;
                }
                steps.push(Step::Target { at, customs: false, inspection: false });
                let asked = world.declaration.targeting == Targeting::Waiting
                    && world.declaration.version == told.version;
                if asked && !over {
                    let all = [(true, false), (false, true), (true, true)];
                    steps.extend(
                        all.map(|(customs, inspection)| Step::Target { at, customs, inspection }),
                    );
                }
            }
        }
        if world.heard < world.told.len() {
            steps.push(Step::Hear);
        }
        steps.push(Step::Acknowledge);
        if self.crashes {
            steps.push(Step::Crash);
        }
        if world.order.stage == Stage::Ordered {
            steps.push(Step::Work);
        }
        if world.order.stage == Stage::Examining {
            for agency in AGENCIES {
                steps.extend(self.results.iter().map(|result| Step::Report(agency, *result)));
            }
        }
        if found(world.order.stage) {
            for agency in AGENCIES {
                steps.extend(self.disposals.iter().map(|disposal| Step::Dispose(agency, *disposal)));
            }
            if !self.disposals.is_empty() {
                steps.push(Step::Close);
            }
        }
        for (at, row) in world.errands.iter().enumerate() {
            if row.refused.is_some() {
                steps.push(Step::Settle(at));
                continue;
            }
            let kind = std::mem::discriminant(&row.errand);
            let blocked = world.errands[..at].iter().any(|before| {
                !self.flaws.contains(&Unserial) || before.refused.is_none()
                    && (!self.overtakes || std::mem::discriminant(&before.errand) == kind)
            });
            if !blocked && room {
                steps.push(Step::Say(at));
            }
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        let seen = world.declaration.version;
        match step {
            Step::Amend => drop(world.decide(self, Event::Amend { seen }, Why::Said)),
            Step::Withdraw => drop(world.decide(self, Event::Withdraw { seen }, Why::Said)),
            Step::Object => world.object()?,
            Step::Decide(agency, outcome) => {
                let Clearance { version, round, .. } = world.declaration;
                let event = Event::Verdict { agency, version, round, outcome };
                drop(world.decide(self, event, Why::Said));
            }
            Step::Target { at, customs, inspection } => {
                let version = world.told[at].version;
                let event = Event::Targeted { version, customs, inspection };
                drop(world.decide(self, event, Why::Rule));
                world.told[at].answered = true;
            }
            Step::Hear => world.hear(self),
            Step::Acknowledge => {
                let done =
                    world.told[..world.heard].iter().take_while(|told| told.answered).count();
                world.told.drain(..done);
                world.heard -= done;
            }
            Step::Crash => {
                world.heard = 0;
                for told in &mut world.told {
                    told.answered = !(self.rules && told.facts.contains(&What::Content));
                }
                for row in &mut world.errands {
                    row.refused = None;
                }
            }
            Step::Work => world.work(self)?,
            Step::Report(agency, result) => world.report(self, agency, result)?,
            Step::Dispose(agency, disposal) => {
                let examination = world.order.examination;
                let event = order::Event::Dispose { agency, examination, disposal };
                world.apply(self, &event)?;
            }
            Step::Close => {
                let examination = world.order.examination;
                world.apply(self, &order::Event::Close { examination })?;
            }
            Step::Say(at) => world.say(self, at),
            Step::Settle(at) => world.settle(self, at),
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one release", |_, w: &World| {
                w.releases == u8::from(w.declaration.phase == Phase::Released)
            }),
            Property::always("nothing is released that is still looked at", |_, w: &World| {
                !w.drained()
                    || w.declaration.phase != Phase::Released
                    || !w.order.stage.is_open()
            }),
            Property::always("both agree whether the order is open", |_, w: &World| {
                !w.drained() || (w.declaration.joint == Joint::Open) == w.order.stage.is_open()
            }),
            Property::always("no examination without a cause", |_, w: &World| {
                w.owed >= 0 && (!w.drained() || w.owed == 0)
            }),
            Property::always("only what is answered is applied", |_, w: &World| {
                w.broken != Some(Promise::Answered)
            }),
            Property::always("an objection is decided", |_, w: &World| {
                !w.drained() || !w.pending
            }),
            Property::always("what is detained is not released", |_, w: &World| {
                !w.drained()
                    || w.declaration.phase != Phase::Released
                    || !w.order.disposal.is_some_and(Disposal::is_detention)
            }),
        ]
    }
}

const FREE: &[Outcome] = &[
    Outcome::Cleared,
    Outcome::WantsInspection,
    Outcome::Detained,
    Outcome::Rejected,
    Outcome::Returned,
];

fn base() -> Border {
    Border {
        decide: clearance::next,
        flaws: vec![
            OldVersion,
            LateAgency,
            ReopenRepeated,
            Unfollowed,
            Lifted,
            IgnoredReopening,
            StaleReport,
            Unserial,
        ],
        amendments: 1,
        objections: 1,
        rules: false,
        disposals: &[],
        results: &[FoundResult::Conform, FoundResult::QtyMismatch],
        outcomes: FREE,
        told_most: 3,
        crashes: true,
        overtakes: true,
    }
}

fn cooperative(step: Step) -> bool {
    match step {
        Step::Decide(_, outcome) => outcome == Outcome::Cleared,
        Step::Target { customs, inspection, .. } => !customs && !inspection,
        Step::Hear
        | Step::Acknowledge
        | Step::Work
        | Step::Report(..)
        | Step::Say(_)
        | Step::Settle(_) => true,
        Step::Amend
        | Step::Withdraw
        | Step::Object
        | Step::Crash
        | Step::Dispose(..)
        | Step::Close => false,
    }
}

fn explore(model: &Border, most: usize) {
    let begun = std::time::Instant::now();
    let first = World::filed(model);
    let mut worlds = vec![first.clone()];
    let mut parent: Vec<(usize, Option<Step>)> = vec![(0, None)];
    let mut causes: Vec<Vec<u32>> = vec![Vec::new()];
    let mut known: HashMap<World, usize> = HashMap::from([(first, 0)]);
    let mut broken: HashMap<&'static str, usize> = HashMap::new();
    let properties = model.properties();
    let mut at = 0;
    let mut edges = 0;
    let mut steps = Vec::new();
    while at < worlds.len() {
        for p in &properties {
            if p.expectation == Expectation::Always && !(p.condition)(model, &worlds[at]) {
                broken.entry(p.name).or_insert(at);
            }
        }
        steps.clear();
        model.actions(&worlds[at], &mut steps);
        for step in steps.drain(..) {
            let Some(world) = model.next_state(&worlds[at], step) else { continue };
            edges += 1;
            let next = worlds.len();
            let to = *known.entry(world).or_insert_with_key(|world| {
                worlds.push(world.clone());
                parent.push((at, Some(step)));
                causes.push(Vec::new());
                next
            });
            if cooperative(step) {
                causes[to].push(u32::try_from(at).expect("few"));
            }
        }
        at += 1;
        if worlds.len() > most {
            eprintln!("gave up");
            break;
        }
    }
    let trace = |mut at: usize| {
        let mut lines = Vec::new();
        while let (from, Some(step)) = parent[at] {
            lines.push(format!("    {step:?}"));
            at = from;
        }
        lines.reverse();
        lines.join("\n")
    };
    let show = |at: usize| {
        let w = &worlds[at];
        format!(
            "    decl {:?} order {:?} v{} ex{} cust {:?} insp {:?} disp {:?} pending {} owed {}",
            w.declaration,
            w.order.stage,
            w.order.version,
            w.order.examination,
            w.order.by_customs,
            w.order.by_inspection,
            w.order.disposal,
            w.pending,
            w.owed
        )
    };
    for (name, at) in &broken {
        eprintln!("BROKEN {name}\n{}\n{}", trace(*at), show(*at));
    }
    let mut hopeful = vec![false; worlds.len()];
    let mut open: Vec<usize> =
        (0..worlds.len()).filter(|&at| ended(worlds[at].declaration.phase)).collect();
    while let Some(at) = open.pop() {
        if !std::mem::replace(&mut hopeful[at], true) {
            open.extend(causes[at].iter().map(|c| usize::try_from(*c).expect("few")));
        }
    }
    let stuck: Vec<usize> = (0..worlds.len()).filter(|&at| !hopeful[at]).collect();
    if worlds.len() <= most {
        if let Some(first) = stuck.first() {
            eprintln!("STUCK {} states\n{}\n{}", stuck.len(), trace(*first), show(*first));
        }
        if let Some(first) = stuck.iter().find(|&&at| worlds[at].drained()) {
            eprintln!("STUCK DRAINED\n{}\n{}", trace(*first), show(*first));
        }
    }
    eprintln!("{} states {edges} edges in {:?}", worlds.len(), begun.elapsed());
}

#[test]
fn scratch() {
    let keep: Vec<String> =
        std::env::args().filter_map(|a| a.strip_prefix("fix-").map(str::to_owned)).collect();
    let _ = keep;
    let mut model = base();
    let get = |k: &str| std::env::var(k).ok();
    if let Some(fix) = get("FIX") {
        model.flaws.retain(|f| fix != "all" && !fix.split(',').any(|x| x == format!("{f:?}")));
    }
    if get("RULES").is_some() { model.rules = true; }
    if let Some(v) = get("AM") { model.amendments = v.parse().expect("n"); }
    if let Some(v) = get("OB") { model.objections = v.parse().expect("n"); }
    if let Some(v) = get("LOG") { model.told_most = v.parse().expect("n"); }
    if get("NOCRASH").is_some() { model.crashes = false; }
    if get("ORDERED").is_some() { model.overtakes = false; }
    if get("DISP").is_some() { model.disposals = &[Disposal::Release, Disposal::AmendAndRelease, Disposal::DetainOther, Disposal::Return]; }
    if get("ONE").is_some() { model.results = &[FoundResult::QtyMismatch]; }
    if let Some(v) = get("OUT") {
        model.outcomes = match v.as_str() {
            "cw" => &FREE[..2], "cwd" => &FREE[..3], "cwdr" => &FREE[..4],
            "cwr" => &[Outcome::Cleared, Outcome::WantsInspection, Outcome::Rejected],
            _ => FREE };
    }
    explore(&model, get("MOST").and_then(|m| m.parse().ok()).unwrap_or(1_500_000));
}
