//! Every order of events, not only those that somebody thought of: a model of the enterprise, two
//! agencies, the site, a bad network and a window that dies, around [`domain::clearance::next`]
//! itself.
//!
//! A request has no effect before it first arrives. So one that is late, or lost and repeated, or
//! that meets a window which dies before its commit, is like one that is decided later on old news:
//! here a sender decides and its request arrives in one step, on news as old as you like. A window
//! that dies after its commit leaves a sender that does not know (`answered: false`), which repeats
//! the same request id. A copy of a request that arrived may stay in the network and arrive again,
//! any number of times, overtaken by whatever came after it. A consumer that connects again may be
//! told of the filing once more.
//!
//! What a check says is not kept under a request id, so here it may be said at any time, about any
//! version that ever was, and again; what the risk rules say, with any demands. The duty is a check that
//! a window asks for imports as soon as a payment service answers for it; here it is asked already.

mod model;
#[path = "model/states.rs"]
mod states;

use domain::clearance::{
    Agency, Clearance, ClearanceFact, Demands, Event, Joint, Outcome, Phase, Stand, may_release,
    next,
};
use domain::declaration::Direction;
use domain::participant::{Participant, Stands};
use domain::refusal::Refusal;
use stateright::{Model, Property};

type Next = fn(Clearance, Event) -> Result<(Clearance, Vec<ClearanceFact>), Refusal>;

/// What is tried, and how much of it.
#[derive(Debug, Clone)]
struct Window {
    next: Next,
    /// It keeps the ids of the requests that it applied.
    remembers: bool,
    amendments: u32,
    /// Free decisions of each agency on one version and round. Beyond them it only clears, so that
    /// running out of decisions never hides a dead end.
    decisions: u8,
    /// Copies in the network.
    copies: usize,
    /// Those that are asked before a release, besides the agencies.
    checks: &'static [Participant],
    /// Second examinations.
    reopenings: u8,
    outcomes: &'static [Outcome],
}

/// What a consumer reads from the journal: an agency what to review, the site what to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum News {
    Review { version: u32, round: u32 },
    Order { version: u32, round: u32, for_customs: bool, for_quarantine: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Request {
    event: Event,
    /// Its id is in the table of applied requests.
    applied: bool,
}

/// An agency or the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Sender {
    told: News,
    /// The newest version and round that it ever decided on, and how often.
    newest: (u32, u32),
    decided: u8,
    /// It decides nothing new before it knows what became of this.
    unanswered: Option<Request>,
    /// Still in the network.
    copy: Option<Request>,
}

impl Sender {
    fn decided_on(&self, news: News) -> u8 {
        match news {
            News::Review { version, round } if (version, round) > self.newest => 0,
            News::Review { .. } | News::Order { .. } => self.decided,
        }
    }
}

/// The checks that there are.
const CHECKS: [Participant; 2] = [Participant::RiskCheck, Participant::Duty];

/// Among the checks.
fn place(check: Participant) -> Option<usize> {
    CHECKS.iter().position(|&of| of == check)
}

const AGENCIES: [Agency; 2] = [Agency::Customs, Agency::Quarantine];

/// Among them.
fn at(agency: Agency) -> usize {
    usize::from(agency == Agency::Quarantine)
}

/// Among the senders, after the agencies.
const SITE: usize = 2;

/// What must hold for a step, not only for a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Promise {
    BothCleared,
    EndIsEnd,
    OwnHold,
    Forward,
    Answered,
    ChecksAnswered,
    NothingOpen,
    Asked,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    // What the window committed, beside the ids of requests.
    record: Clearance,
    releases: u8,
    numbers: u8,
    orders: u8,
    open_orders: u8,
    /// The version that each check was answered about last.
    checked: [u32; 2],
    // Everybody else.
    senders: [Sender; 3],
    /// The version that the enterprise saw last.
    seen: u32,
    reopened: u8,
    /// Agencies whose request for documents is open, by what was told of them.
    asked: [bool; 2],
    // What an observer remembers who trusts only requests that were really applied.
    cleared: [Option<(u32, u32)>; 2],
    broken: Option<Promise>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Read,
    Amend,
    Withdraw,
    Provide(Agency),
    Tell(usize),
    ConnectAgain(usize),
    Decide { agency: usize, outcome: Outcome, answered: bool },
    Report { answered: bool },
    Reopen { answered: bool },
    Check { by: Participant, version: u32, demands: Demands },
    Repeat(usize),
    Copy(usize),
    Lose(usize),
}

/// Whether the rules of an agency demand an inspection by this.
fn demanded(event: Event, by: Agency) -> bool {
    match event {
        Event::Verdict { demands, .. } => demands.of(by),
        Event::Amend { .. }
        | Event::Withdraw { .. }
        | Event::Provide { .. }
        | Event::Findings { .. }
        | Event::Reopen { .. } => false,
    }
}

fn ended(phase: Phase) -> bool {
    matches!(phase, Phase::Released | Phase::Withdrawn | Phase::Returned)
}

impl World {
    fn filed(required: Stands) -> Self {
        let sender =
            |told| Sender { told, newest: (1, 1), decided: 0, unanswered: None, copy: None };
        let review = News::Review { version: 1, round: 1 };
        let order = News::Order { version: 1, round: 1, for_customs: false, for_quarantine: false };
        Self {
            record: Clearance::filed(required),
            releases: 0,
            numbers: 0,
            orders: 0,
            open_orders: 0,
            checked: [0; 2],
            senders: [sender(review), sender(review), sender(order)],
            seen: 1,
            reopened: 0,
            asked: [false; 2],
            cleared: [None; 2],
            broken: None,
        }
    }

    fn news(&self, of: usize) -> News {
        let c = &self.record;
        // Nobody may have asked for a second examination: then both are told.
        let unasked = AGENCIES.iter().all(|&agency| c.stand(agency) != Stand::WantsInspection);
        let asks = |stand| (stand == Stand::WantsInspection || unasked) && c.joint == Joint::Open;
        if of == SITE {
            News::Order {
                version: c.version,
                round: c.round,
                for_customs: asks(c.stand(Agency::Customs)),
                for_quarantine: asks(c.stand(Agency::Quarantine)),
            }
        } else {
            News::Review { version: c.version, round: c.round }
        }
    }

    /// A request arrives for the first time.
    fn first(&mut self, model: &Window, from: usize, event: Event, answered: bool) {
        let request = Request { event, applied: self.commit(model.next, event) };
        let copies = self.senders.iter().filter(|sender| sender.copy.is_some()).count();
        let sender = &mut self.senders[from];
        if copies < model.copies && sender.copy.is_none() && !ended(self.record.phase) {
            sender.copy = Some(request);
        }
        // A request that was refused without an answer is decided again like a new one.
        sender.unanswered = (!answered && request.applied).then_some(request);
    }

    /// A request arrives once more; one that was applied is answered from the table.
    fn again(&mut self, model: &Window, request: Request) -> Request {
        if !request.applied {
            return Request { applied: self.commit(model.next, request.event), ..request };
        }
        if !model.remembers {
            // The observer knows a repetition when it sees one.
            let cleared = self.cleared;
            self.commit(model.next, request.event);
            self.cleared = cleared;
        }
        request
    }

    /// Commits an event, as the store does, and judges the step. False: refused.
    fn commit(&mut self, next: Next, event: Event) -> bool {
        let Ok((then, facts)) = next(self.record, event) else { return false };
        let now = std::mem::replace(&mut self.record, then);
        self.observe(&now, event, &facts);
        for fact in &facts {
            match fact {
                ClearanceFact::Released => {
                    self.releases += 1;
                    let current = Some((then.version, then.round));
                    self.demand(Promise::BothCleared, self.cleared == [current; 2]);
                    let answered = CHECKS.iter().zip(self.checked).all(|(&check, version)| {
                        then.stands.of(check).is_none() || version == then.version
                    });
                    self.demand(Promise::ChecksAnswered, answered);
                    self.demand(Promise::NothingOpen, self.open_orders == 0);
                }
                ClearanceFact::Numbered => self.numbers += 1,
                ClearanceFact::InspectionOrdered(_) => {
                    self.open_orders += 1;
                    // A cancelled order is opened again under its old identity.
                    self.orders += u8::from(now.joint != Joint::Cancelled);
                }
                ClearanceFact::InspectionReopened => self.open_orders += 1,
                ClearanceFact::InspectionCompleted | ClearanceFact::InspectionCancelled => {
                    self.open_orders -= 1
                }
                ClearanceFact::DocumentsRequested(by) => self.asked[at(*by)] = true,
                ClearanceFact::DocumentsProvided(of) | ClearanceFact::DocumentsWaived(of) => {
                    let was_asked = std::mem::take(&mut self.asked[at(*of)]);
                    self.demand(Promise::Asked, was_asked);
                }
                ClearanceFact::Amended(_)
                | ClearanceFact::Withdrawn
                | ClearanceFact::Rejected(_)
                | ClearanceFact::Returned(_) => self.asked = [false; 2],
                ClearanceFact::StandChanged(..)
                | ClearanceFact::InspectionJoined(_)
                | ClearanceFact::InspectionAnswered(_) => {}
            }
        }
        if let Event::Provide { seen, .. } = event {
            // Whoever answers has read what was asked about this version.
            self.demand(Promise::Asked, seen == now.version && then.version == now.version);
        }
        self.demand(Promise::EndIsEnd, !ended(now.phase) || (now == then && facts.is_empty()));
        let forward = (now.version, now.round) <= (then.version, then.round);
        self.demand(Promise::Forward, forward);
        for agency in AGENCIES {
            let (was, is) = (now.stand(agency), then.stand(agency));
            let holds = matches!(was, Stand::Held | Stand::AwaitsDocuments | Stand::Detained);
            // Documents end the wait for them, and leave the hold.
            let provided = (was, is) == (Stand::AwaitsDocuments, Stand::Held)
                && matches!(event, Event::Provide { to, .. } if to == agency);
            let own = match event {
                Event::Verdict { by, .. } if by == agency.into() => true,
                // Its rules stand for an agency, but free no goods.
                Event::Verdict { .. } => demanded(event, agency) && was == Stand::Held,
                Event::Amend { .. }
                | Event::Withdraw { .. }
                | Event::Provide { .. }
                | Event::Findings { .. }
                | Event::Reopen { .. } => false,
            };
            // Both look at a new version anew, so a mere hold ends with it; a detention does not.
            let anew = matches!(event, Event::Amend { .. }) && was != Stand::Detained;
            self.demand(Promise::OwnHold, !holds || was == is || own || anew || provided);
        }
        if let Event::Findings { version, round, for_customs, for_quarantine } = event {
            let customs = for_customs || now.stand(Agency::Customs) != Stand::WantsInspection;
            let quarantine =
                for_quarantine || now.stand(Agency::Quarantine) != Stand::WantsInspection;
            let asked = (version, round) == (now.version, now.round);
            self.demand(Promise::Answered, asked && customs && quarantine);
        }
        true
    }

    fn observe(&mut self, now: &Clearance, event: Event, facts: &[ClearanceFact]) {
        let Event::Verdict { by, version, round, outcome, .. } = event else { return };
        let Some(agency) = by.agency() else {
            if facts.contains(&ClearanceFact::StandChanged(by, Stand::Cleared)) {
                self.checked[place(by).expect("it is a check")] = version;
                for agency in AGENCIES.into_iter().filter(|&agency| demanded(event, agency)) {
                    self.cleared[usize::from(agency == Agency::Quarantine)] = None;
                }
            }
            return;
        };
        let cleared = &mut self.cleared[usize::from(agency == Agency::Quarantine)];
        match outcome {
            _ if ended(now.phase) => {}
            Outcome::Cleared => *cleared = Some((version, round)),
            Outcome::Accepted | Outcome::ManualReview | Outcome::Concluded => {}
            Outcome::WantsInspection
            | Outcome::Held
            | Outcome::AwaitsDocuments
            | Outcome::Detained
            | Outcome::Rejected
            | Outcome::Returned => *cleared = None,
        }
    }

    fn demand(&mut self, promise: Promise, kept: bool) {
        if !kept && self.broken.is_none() {
            self.broken = Some(promise);
        }
    }

    /// Ends that differ in nothing that matters become equal; everybody may try everything again.
    fn forget(&mut self) {
        (self.seen, self.checked, self.reopened) = (self.record.version, [0; 2], 0);
        for sender in &mut self.senders {
            (sender.newest, sender.decided) = ((1, 1), 0);
        }
        let Clearance { version, round, .. } = self.record;
        let (for_customs, for_quarantine) = (true, true);
        self.senders[SITE].told = News::Order { version, round, for_customs, for_quarantine };
    }

    /// Nothing more is due: ended, or rejected for good.
    fn over(&self, model: &Window) -> bool {
        let last = self.record.version > model.amendments;
        ended(self.record.phase) || (self.record.phase == Phase::Rejected && last)
    }
}

impl Window {
    /// Who is waited for.
    fn required(&self) -> Stands {
        Stands::required(Direction::Import, "9610", self.checks)
    }
}

impl Model for Window {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::filed(self.required())]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if world.record.version <= self.amendments {
            steps.push(Step::Amend);
        }
        steps.push(Step::Withdraw);
        if self.outcomes.contains(&Outcome::AwaitsDocuments) {
            steps.extend(AGENCIES.map(Step::Provide));
        }
        for (at, sender) in world.senders.iter().enumerate() {
            steps.extend(sender.copy.map(|_| Step::Copy(at)));
            if sender.unanswered.is_some() {
                steps.push(Step::Repeat(at));
            } else if at == SITE {
                steps.extend([true, false].map(|answered| Step::Report { answered }));
                if world.reopened < self.reopenings {
                    steps.extend([true, false].map(|answered| Step::Reopen { answered }));
                }
            } else {
                let free = sender.decided_on(sender.told) < self.decisions;
                for &outcome in if free { self.outcomes } else { &[Outcome::Cleared] } {
                    let decide = |answered| Step::Decide { agency: at, outcome, answered };
                    steps.extend([true, false].map(decide));
                }
            }
        }
        for &by in self.checks {
            let all = [(false, false), (true, false), (false, true), (true, true)];
            let demands = if by == Participant::RiskCheck { &all[..] } else { &all[..1] };
            let demands =
                demands.iter().map(|&(customs, quarantine)| Demands { customs, quarantine });
            let checks = (1..=world.record.version).flat_map(|version| {
                demands.clone().map(move |demands| Step::Check { by, version, demands })
            });
            steps.extend(checks);
        }
        // After the end it only matters that nothing changes any more.
        if ended(world.record.phase) {
            return;
        }
        steps.push(Step::Read);
        for (at, sender) in world.senders.iter().enumerate() {
            steps.push(Step::Tell(at));
            steps.extend(sender.copy.map(|_| Step::Lose(at)));
            steps.extend((at != SITE).then_some(Step::ConnectAgain(at)));
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        match step {
            Step::Read => world.seen = world.record.version,
            // That the answer was lost shows in what the enterprise saw.
            Step::Amend => {
                let (seen, required) = (world.seen, self.required());
                world.commit(self.next, Event::Amend { seen, required });
            }
            Step::Withdraw => drop(world.commit(self.next, Event::Withdraw { seen: world.seen })),
            Step::Provide(to) => {
                world.commit(self.next, Event::Provide { to, seen: world.seen });
            }
            Step::Tell(at) => world.senders[at].told = world.news(at),
            Step::ConnectAgain(at) => {
                world.senders[at].told = News::Review { version: 1, round: 1 };
            }
            Step::Decide { agency, outcome, answered } => {
                let sender = &mut world.senders[agency];
                let News::Review { version, round } = sender.told else { return None };
                sender.decided = self.decisions.min(sender.decided_on(sender.told) + 1);
                sender.newest = sender.newest.max((version, round));
                let (by, demands) = (AGENCIES[agency].into(), Demands::default());
                let event = Event::Verdict { by, version, round, outcome, demands };
                world.first(self, agency, event, answered);
            }
            Step::Report { answered } => {
                let News::Order { version, round, for_customs, for_quarantine } =
                    world.senders[SITE].told
                else {
                    return None;
                };
                if !for_customs && !for_quarantine {
                    return None;
                }
                let event = Event::Findings { version, round, for_customs, for_quarantine };
                world.first(self, SITE, event, answered);
            }
            Step::Reopen { answered } => {
                let News::Order { version, .. } = world.senders[SITE].told else { return None };
                world.reopened += 1;
                world.first(self, SITE, Event::Reopen { version }, answered);
            }
            Step::Check { by, version, demands } => {
                let (round, outcome) = (0, Outcome::Cleared);
                let event = Event::Verdict { by, version, round, outcome, demands };
                world.commit(self.next, event);
            }
            Step::Repeat(at) => {
                let request = world.senders[at].unanswered.take()?;
                world.again(self, request);
            }
            Step::Copy(at) => {
                let request = world.senders[at].copy?;
                world.senders[at].copy = Some(world.again(self, request));
            }
            Step::Lose(at) => world.senders[at].copy = None,
        }
        if ended(world.record.phase) {
            world.forget();
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one release", |_, w: &World| {
                w.releases == u8::from(w.record.phase == Phase::Released)
            }),
            Property::always("both agencies cleared what is released", |_, w: &World| {
                w.broken != Some(Promise::BothCleared)
            }),
            Property::always("one inspection", |_, w: &World| {
                w.orders <= 1
                    && w.open_orders == u8::from(w.record.joint == Joint::Open)
                    && (w.record.joint == Joint::Open) == (w.record.phase == Phase::Inspecting)
            }),
            Property::always("every instruction is answered", |_, w: &World| {
                w.broken != Some(Promise::Answered)
            }),
            Property::always("a hold is lifted by its holder", |_, w: &World| {
                w.broken != Some(Promise::OwnHold)
            }),
            Property::always("one number", |_, w: &World| w.numbers == u8::from(w.record.numbered)),
            Property::always("an end is an end", |_, w: &World| {
                w.broken != Some(Promise::EndIsEnd)
            }),
            Property::always("version and round go forward", |_, w: &World| {
                w.broken != Some(Promise::Forward)
            }),
            Property::always("every check is about what is released", |_, w: &World| {
                w.broken != Some(Promise::ChecksAnswered)
            }),
            Property::always("nothing is released while an order is open", |_, w: &World| {
                w.broken != Some(Promise::NothingOpen)
            }),
            Property::always("documents are provided when they are asked for", |_, w: &World| {
                w.broken != Some(Promise::Asked)
            }),
            Property::always("a request is open while its agency waits", |_, w: &World| {
                let goes_on = matches!(w.record.phase, Phase::UnderReview | Phase::Inspecting);
                AGENCIES.into_iter().all(|agency| {
                    let waits = w.record.stand(agency) == Stand::AwaitsDocuments;
                    w.asked[at(agency)] == (waits && goes_on)
                })
            }),
            // The model is not empty talk: what should happen does.
            Property::sometimes("documents are awaited during an inspection", |_, w: &World| {
                w.record.phase == Phase::Inspecting && w.asked == [false, true]
            }),
            Property::sometimes("both wait for documents", |_, w: &World| w.asked == [true, true]),
            Property::sometimes("released after an amendment and an inspection", |_, w: &World| {
                w.releases == 1 && w.record.version == 2 && w.record.round == 2
            }),
            Property::sometimes("released after a second examination", |_, w: &World| {
                w.releases == 1 && w.record.round == 3
            }),
            Property::sometimes("an inspection that only the risk rules demand", |_, w: &World| {
                w.record.phase == Phase::Inspecting
                    && !w.record.numbered
                    && w.record.stand(Agency::Customs) == Stand::WantsInspection
            }),
            Property::sometimes("only the duty is missing", |_, w: &World| {
                w.record.stands.missing().eq([Participant::Duty])
            }),
            Property::sometimes("released with the duty", |_, w: &World| {
                w.releases == 1 && w.record.stands.of(Participant::Duty) == Some(Stand::Cleared)
            }),
            Property::sometimes("both ask for one inspection", |_, w: &World| {
                let asks = |agency| w.record.stand(agency) == Stand::WantsInspection;
                AGENCIES.into_iter().all(asks)
            }),
        ]
    }
}

const ALL: &[Outcome] = &[
    Outcome::Accepted,
    Outcome::ManualReview,
    Outcome::Concluded,
    Outcome::WantsInspection,
    Outcome::Held,
    Outcome::Detained,
    Outcome::Cleared,
    Outcome::Rejected,
    Outcome::Returned,
];

/// Everything once, with an amendment. Documents have a window of their own.
const WIDE: Window = Window {
    next,
    remembers: true,
    amendments: 1,
    decisions: 1,
    copies: 0,
    checks: &[],
    reopenings: 0,
    outcomes: ALL,
};
/// Agencies that change their minds.
const DEEP: Window = Window {
    decisions: 2,
    outcomes: &[Outcome::WantsInspection, Outcome::Held, Outcome::Detained, Outcome::Cleared],
    ..WIDE
};
/// The same, and copies overtaken by what came later.
const LATE: Window = Window {
    amendments: 0,
    copies: 1,
    outcomes: &[Outcome::WantsInspection, Outcome::Held, Outcome::Cleared],
    ..DEEP
};
/// Copies that come after an amendment or in a later round.
const STALE: Window =
    Window { copies: 1, outcomes: &[Outcome::WantsInspection, Outcome::Cleared], ..WIDE };

/// The risk rules are asked, and demand or do not.
const RULES: Window = Window {
    checks: &[Participant::RiskCheck],
    outcomes: &[Outcome::Detained, Outcome::Cleared, Outcome::Rejected],
    ..WIDE
};
/// The duty is secured at any time, and everybody says something.
const DUTY: Window = Window { checks: &[Participant::Duty], ..STALE };
/// All four are waited for, and an inspection is in between.
const ALL_FOUR: Window = Window {
    checks: &CHECKS,
    outcomes: &[Outcome::WantsInspection, Outcome::Cleared, Outcome::Rejected],
    ..WIDE
};
/// A second examination, and its requests once more.
const AGAIN: Window = Window {
    amendments: 0,
    copies: 1,
    reopenings: 1,
    outcomes: &[Outcome::WantsInspection, Outcome::Cleared],
    ..WIDE
};
/// Both.
const RULES_AGAIN: Window = Window {
    checks: &[Participant::RiskCheck],
    copies: 0,
    outcomes: &[Outcome::WantsInspection, Outcome::Held, Outcome::Detained, Outcome::Cleared],
    ..AGAIN
};

/// Documents are asked for, and provided or not.
const DOCUMENTS: Window = Window {
    outcomes: &[Outcome::AwaitsDocuments, Outcome::WantsInspection, Outcome::Cleared],
    ..DEEP
};

#[test]
fn clearance_keeps_its_promises_in_every_order_of_events() {
    let mut states = 0;
    let mut never: Vec<_> = WIDE.properties().into_iter().map(|property| property.name).collect();
    for window in [WIDE, DEEP, LATE, STALE, RULES, DUTY, ALL_FOUR, AGAIN, RULES_AGAIN, DOCUMENTS] {
        let (count, not_here) = states::check(window);
        never.retain(|name| not_here.contains(name));
        states += count;
    }
    assert_eq!(never, [""; 0], "what should happen does");
    eprintln!("clearance model: {states} distinct states, each bound counted on its own");
}

/// From every state, somebody can do something that leads on to the release, unless the declaration
/// has ended.
#[test]
fn whatever_has_not_ended_can_still_be_released() {
    for window in [WIDE, Window { copies: 0, ..DUTY }, RULES_AGAIN, DOCUMENTS] {
        let stuck = states::stuck(&window, |world| world.releases > 0, |world| world.over(&window));
        assert_eq!(stuck, None, "nothing leads on from here");
    }
}

/// The promise that a window built around a broken `next` breaks first.
fn broken_by(next: Next, window: Window) -> Vec<&'static str> {
    model::broken_by(Window { next, ..window })
}

fn release(then: (Clearance, Vec<ClearanceFact>)) -> (Clearance, Vec<ClearanceFact>) {
    let (then, mut facts) = then;
    facts.push(ClearanceFact::Released);
    (Clearance { phase: Phase::Released, ..then }, facts)
}

#[test]
fn the_model_finds_a_release_on_one_clearance() {
    let next: Next = |now, event| {
        let (then, facts) = next(now, event)?;
        let one = then.stand(Agency::Customs) == Stand::Cleared && then.phase == Phase::UnderReview;
        Ok(if one { release((then, facts)) } else { (then, facts) })
    };
    assert_eq!(broken_by(next, WIDE), ["both agencies cleared what is released"]);
}

#[test]
fn the_model_finds_a_second_release() {
    let next: Next = |now, event| {
        let again = now.phase == Phase::Released && matches!(event, Event::Verdict { .. });
        next(now, event).map(|then| if again { release(then) } else { then })
    };
    assert!(broken_by(next, WIDE).contains(&"one release"));
}

#[test]
fn the_model_finds_a_verdict_on_an_old_version_or_round() {
    let version: Next = |now, event| match event {
        Event::Verdict { by, outcome, round, demands, .. } => {
            next(now, Event::Verdict { by, outcome, round, demands, version: now.version })
        }
        Event::Amend { .. }
        | Event::Withdraw { .. }
        | Event::Provide { .. }
        | Event::Findings { .. }
        | Event::Reopen { .. } => next(now, event),
    };
    let round: Next = |now, event| match event {
        Event::Verdict { by, outcome, version, demands, .. } => {
            next(now, Event::Verdict { by, outcome, version, demands, round: now.round })
        }
        Event::Amend { .. }
        | Event::Withdraw { .. }
        | Event::Provide { .. }
        | Event::Findings { .. }
        | Event::Reopen { .. } => next(now, event),
    };
    assert_eq!(broken_by(version, WIDE), ["both agencies cleared what is released"]);
    assert_eq!(broken_by(round, WIDE), ["both agencies cleared what is released"]);
}

/// A copy of the first report comes while the goods are looked at a second time.
#[test]
fn the_model_finds_findings_of_an_old_round() {
    let next: Next = |now, event| match event {
        Event::Findings { version, for_customs, for_quarantine, .. } => {
            let round = now.round;
            next(now, Event::Findings { version, round, for_customs, for_quarantine })
        }
        Event::Amend { .. }
        | Event::Withdraw { .. }
        | Event::Provide { .. }
        | Event::Verdict { .. }
        | Event::Reopen { .. } => next(now, event),
    };
    assert_eq!(broken_by(next, AGAIN), ["every instruction is answered"]);
}

#[test]
fn the_model_finds_a_second_order() {
    let next: Next = |now, event| {
        let joint = if now.joint == Joint::Done { Joint::None } else { now.joint };
        next(Clearance { joint, ..now }, event)
    };
    assert_eq!(broken_by(next, WIDE), ["one inspection"]);
}

#[test]
fn the_model_finds_a_hold_lifted_by_the_other() {
    let next: Next = |now, event| {
        let (then, facts) = next(now, event)?;
        let lifted = then.stand(Agency::Customs) == Stand::Cleared
            && then.stand(Agency::Quarantine) == Stand::Held;
        let lifted = lifted.then(|| then.stands.with(Participant::Quarantine, Stand::Pending));
        Ok((Clearance { stands: lifted.unwrap_or(then.stands), ..then }, facts))
    };
    assert_eq!(broken_by(next, WIDE), ["a hold is lifted by its holder"]);
}

/// The enterprise answers what it read of a version that is over.
#[test]
fn the_model_finds_documents_for_an_older_version() {
    let next: Next = |now, event| match event {
        Event::Provide { to, .. } => next(now, Event::Provide { to, seen: now.version }),
        Event::Amend { .. }
        | Event::Withdraw { .. }
        | Event::Verdict { .. }
        | Event::Findings { .. }
        | Event::Reopen { .. } => next(now, event),
    };
    let broken = broken_by(next, DOCUMENTS);
    assert_eq!(broken, ["documents are provided when they are asked for"]);
}

/// A request that nobody ends waits for ever.
#[test]
fn the_model_finds_a_request_that_is_left_open() {
    let next: Next = |now, event| {
        let (then, mut facts) = next(now, event)?;
        facts.retain(|fact| !matches!(fact, ClearanceFact::DocumentsWaived(_)));
        Ok((then, facts))
    };
    assert_eq!(broken_by(next, DOCUMENTS), ["a request is open while its agency waits"]);
}

/// As if a check had been answered.
fn answered(now: Clearance, check: Participant) -> Clearance {
    Clearance { stands: now.stands.with(check, Stand::Cleared), ..now }
}

/// Releases what waits for nothing but this check.
fn early(
    check: Participant,
    now: Clearance,
    event: Event,
) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    let (then, facts) = next(now, event)?;
    let early = then.phase == Phase::UnderReview && may_release(&answered(then, check));
    Ok(if early { release((then, facts)) } else { (then, facts) })
}

/// A new version is another declaration: what was checked about the old one does not count.
fn kept(
    check: Participant,
    now: Clearance,
    event: Event,
) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    let (then, facts) = next(now, event)?;
    let done = now.stands.of(check) == Some(Stand::Cleared);
    let kept = done && then.version > now.version;
    Ok((if kept { answered(then, check) } else { then }, facts))
}

#[test]
fn the_model_finds_a_release_before_a_check_was_answered() {
    let broken = ["every check is about what is released"];
    let rules: Next = |now, event| early(Participant::RiskCheck, now, event);
    let duty: Next = |now, event| early(Participant::Duty, now, event);
    assert_eq!(broken_by(rules, RULES), broken);
    assert_eq!(broken_by(duty, DUTY), broken);
    assert_eq!(broken_by(duty, ALL_FOUR), broken);
}

#[test]
fn the_model_finds_a_check_of_an_old_version() {
    let broken = ["every check is about what is released"];
    let rules: Next = |now, event| kept(Participant::RiskCheck, now, event);
    let duty: Next = |now, event| kept(Participant::Duty, now, event);
    assert_eq!(broken_by(rules, RULES), broken);
    assert_eq!(broken_by(duty, DUTY), broken);
}

#[test]
fn the_model_finds_a_release_of_a_reopened_order() {
    let next: Next = |now, event| {
        let (then, facts) = next(now, event)?;
        let closed = Clearance { phase: Phase::UnderReview, joint: Joint::Done, ..then };
        let early = then.phase == Phase::Inspecting && may_release(&closed);
        Ok(if early { release((then, facts)) } else { (then, facts) })
    };
    assert!(broken_by(next, AGAIN).contains(&"nothing is released while an order is open"));
}

/// "Cleared" arrives, then "held", then a copy of "cleared": the table of request ids is what keeps
/// the hold.
#[test]
fn the_model_finds_a_forgotten_table_of_requests() {
    let forgetful = Window { remembers: false, ..LATE };
    assert_eq!(broken_by(next, forgetful), ["both agencies cleared what is released"]);
}
