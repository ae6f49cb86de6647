//! The claim and the book of uses in every order of events: a model of a firm with two claims for the
//! same goods, a tax office, a treasury, and a bad network, around [`domain::tax_refund::claim::next`]
//! and [`domain::tax_refund::book::Book`] themselves.
//!
//! The first claim has an ordinary line and an advance refund; the second wants the goods of the first
//! line again, of which there is not enough for both. A copy of any event may stay in the network and
//! arrive any number of times, overtaken by whatever came after it. The invoice may be red-lettered at
//! any time. Each [`Flaw`] is planted around the functions and must be found.

mod model;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use domain::tax_refund::arithmetic::QuantityShare;
use domain::tax_refund::book::{Book, ClaimLineKey, ExportKey, InvoiceKey};
use domain::tax_refund::claim::{
    Claim, ClaimEvent, ClaimFact, ClaimLine, ClaimState, Consequence, Ground, LineEvent, LineState,
    Query, RecoveryCause, next,
};
use domain::tax_refund::invoice::{Invoice, InvoiceLine, InvoiceNumber, PlatformAnswer};
use stateright::{Expectation, Model, Property};
use time::macros::date;

/// What could be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// The numbers of payments are forgotten.
    PaidAgain,
    /// What a line used is free as soon as its refund is to be paid back.
    FreedWhenOrdered,
    /// What was refused as a sale at home is free.
    FreedWhenRefused,
    /// What fell away stays used.
    NeverFreed,
    /// What the office says about the form is taken for the present round.
    AnyRound,
    /// What the office lifts is taken for the present query.
    AnyQuery,
    /// What is paid back is taken for the present negative claim.
    AnyNegative,
    /// A line is approved while the office asks.
    ApprovedWhileAsked,
    /// A claim counts as ended with an advance refund that nobody settled.
    AdvanceForgotten,
    /// Claims do not ask the book.
    Unchecked,
    /// Nobody takes down what was paid back.
    NeverRepaid,
    /// A line that is asked about stops its claim: nothing else of it is decided.
    DoubtBlocks,
}

/// What is tried, and how much of it.
#[derive(Debug, Clone)]
struct Office {
    flaw: Option<Flaw>,
    claims: usize,
    /// The first claim has an advance refund too, or nothing else.
    lines: &'static [u32],
    queries: u32,
    rounds: u32,
    copies: bool,
    red_letter: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    book: Book,
    claims: Vec<Option<Claim>>,
    copy: Option<(usize, ClaimEvent)>,
    red_lettered: bool,
    // What an observer knows.
    /// What the treasury paid and did not get back.
    balance: BTreeMap<ClaimLineKey, i64>,
    accepted: BTreeSet<(usize, u32)>,
    form_refused: BTreeSet<(usize, u32)>,
    lifted: BTreeMap<ClaimLineKey, u32>,
    repaid: BTreeSet<(ClaimLineKey, u64)>,
    twice: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Propose(usize),
    Do { claim: usize, event: ClaimEvent, keep: bool },
    Copy,
    Lose,
    RedLetter,
}

const ORDINARY: u32 = 1;
const ADVANCE: u32 = 2;
/// Every line is for two pieces and two fen; of the ordinary goods there are three.
const QTY: i64 = 2;
const WHOLE: QuantityShare = QuantityShare { qty_e5: 3, fen: 3 };

fn key(claim: usize, line: u32) -> ClaimLineKey {
    ClaimLineKey { claim: claim.try_into().expect("small"), line }
}

fn export(line: u32) -> ExportKey {
    ExportKey { entry_id: "422720260000000001".into(), line }
}

fn number() -> InvoiceNumber {
    InvoiceNumber::parse("", "12345678901234567890").expect("20 digits")
}

fn book() -> Book {
    let mut book = Book::default();
    for line in [ORDINARY, ADVANCE] {
        book.export(export(line), "011", WHOLE).expect("registered");
    }
    let line = InvoiceLine { unit: "011".into(), whole: WHOLE, levy_bp: 0, tax_fen: 0 };
    let (issued, buyer, seller) = (date!(2026 - 10 - 01), "B".to_owned(), "S".to_owned());
    let invoice = Invoice {
        number: number(),
        seller: seller.clone(),
        buyer: buyer.clone(),
        issued,
        lines: vec![line],
    };
    book.register(invoice).expect("registered");
    let answer = PlatformAnswer::Found { seller, buyer, issued, net_fen: WHOLE.fen, tax_fen: 0 };
    book.verified(&number(), &answer).expect("registered");
    book
}

impl World {
    fn begin(office: &Office) -> Self {
        Self {
            book: book(),
            claims: vec![None; office.claims],
            copy: None,
            red_lettered: false,
            balance: BTreeMap::new(),
            accepted: BTreeSet::new(),
            form_refused: BTreeSet::new(),
            lifted: BTreeMap::new(),
            repaid: BTreeSet::new(),
            twice: false,
        }
    }

    fn all_lines(&self) -> impl Iterator<Item = (&Claim, ClaimLineKey, &ClaimLine)> {
        self.claims
            .iter()
            .enumerate()
            .filter_map(|(at, claim)| Some((at, claim.as_ref()?)))
            .flat_map(|(at, claim)| {
                claim.lines.iter().map(move |(line, it)| (claim, key(at, *line), it))
            })
    }

    /// Holds what the lines of a new claim use, all or nothing.
    fn propose(&mut self, office: &Office, at: usize) -> Option<()> {
        let first = if at == 0 { office.lines } else { &[ORDINARY] };
        let mut lines = BTreeMap::new();
        let mut book = self.book.clone();
        for &line in first {
            let invoice = InvoiceKey { number: number(), line: 1 };
            let invoice = (line == ORDINARY).then_some(&invoice);
            let held = book.hold(key(at, line), &export(line), invoice, QTY);
            if held.is_err() && office.flaw != Some(Flaw::Unchecked) {
                return None;
            }
            lines.insert(line, ClaimLine::new(QTY, line == ADVANCE));
        }
        self.book = book;
        self.claims[at] = Some(Claim::draft(lines));
        Some(())
    }

    /// The observer sees what is said for the first time.
    fn observe(&mut self, at: usize, event: &ClaimEvent) {
        match event {
            ClaimEvent::Accepted { round } => {
                self.accepted.insert((at, *round));
            }
            ClaimEvent::FormRefused { round } => {
                self.form_refused.insert((at, *round));
            }
            ClaimEvent::Line { line, event: LineEvent::Lifted { number } } => {
                self.lifted.insert(key(at, *line), *number);
            }
            ClaimEvent::Line { line, event: LineEvent::Repaid { negative } } => {
                self.repaid.insert((key(at, *line), *negative));
            }
            ClaimEvent::Submit { .. }
            | ClaimEvent::Withdraw
            | ClaimEvent::Line { .. }
            | ClaimEvent::Paid { .. } => {}
        }
    }

    /// An event arrives. `None`: refused, or without effect.
    fn commit(&mut self, office: &Office, at: usize, event: &ClaimEvent) -> Option<()> {
        let now = self.claims[at].clone()?;
        let (now, event) = office.planted(now, event.clone())?;
        let (then, facts) = next(&now, &event).ok()?;
        self.twice |= facts.is_empty() && then != now;
        self.twice |= next(&then, &event).is_ok_and(|(_, again)| !again.is_empty());
        for fact in &facts {
            self.follow(office, at, fact);
        }
        self.claims[at] = Some(then);
        (!facts.is_empty()).then_some(())
    }

    /// What the service does about a fact.
    fn follow(&mut self, office: &Office, at: usize, fact: &ClaimFact) {
        match *fact {
            ClaimFact::Paid { line, fen, .. } => {
                *self.balance.entry(key(at, line)).or_default() += fen
            }
            ClaimFact::Repaid { line, fen, .. } => {
                *self.balance.entry(key(at, line)).or_default() -= fen
            }
            ClaimFact::Settled { line, fen } => {
                // A fen a piece.
                self.book.reduce(key(at, line), fen).expect("what is kept is used");
            }
            ClaimFact::Freed(line) if office.flaw != Some(Flaw::NeverFreed) => {
                self.book.free(key(at, line));
            }
            ClaimFact::RecoveryOrdered { line, .. }
                if office.flaw == Some(Flaw::FreedWhenOrdered) =>
            {
                self.book.free(key(at, line));
            }
            ClaimFact::Refused(line, _) if office.flaw == Some(Flaw::FreedWhenRefused) => {
                self.book.free(key(at, line));
            }
            _ => {}
        }
    }
}

impl Office {
    /// What a broken service would hand to `next`. `None`: nothing.
    fn planted(&self, mut claim: Claim, mut event: ClaimEvent) -> Option<(Claim, ClaimEvent)> {
        let round_now = claim.round;
        match (self.flaw, &mut event) {
            (Some(Flaw::PaidAgain), ClaimEvent::Paid { .. }) => {
                claim.payments.clear();
                for line in claim.lines.values_mut() {
                    if let LineState::Paid { fen } = line.state {
                        line.state = LineState::Approved { fen };
                    }
                }
            }
            (
                Some(Flaw::AnyRound),
                ClaimEvent::FormRefused { round } | ClaimEvent::Accepted { round },
            ) => *round = round_now,
            (
                Some(Flaw::AnyQuery),
                ClaimEvent::Line { line, event: LineEvent::Lifted { number } },
            ) => {
                *number = claim.lines[line].queries;
            }
            (
                Some(Flaw::AnyNegative),
                ClaimEvent::Line { line, event: LineEvent::Repaid { negative: said } },
            ) => {
                if let LineState::Recovering { negative, .. } = claim.lines[line].state {
                    *said = negative;
                }
            }
            (
                Some(Flaw::ApprovedWhileAsked),
                ClaimEvent::Line { line, event: LineEvent::Approved { .. } },
            ) => {
                let line = claim.lines.get_mut(line)?;
                if matches!(line.state, LineState::Queried { .. }) {
                    line.state = LineState::Open;
                }
            }
            (Some(Flaw::NeverRepaid), ClaimEvent::Line { event: LineEvent::Repaid { .. }, .. }) => {
                return None;
            }
            (
                Some(Flaw::DoubtBlocks),
                ClaimEvent::Line {
                    event: LineEvent::Approved { .. } | LineEvent::Refused { .. },
                    ..
                },
            ) => {
                let asked = |it: &ClaimLine| matches!(it.state, LineState::Queried { .. });
                if claim.lines.values().any(asked) {
                    return None;
                }
            }
            _ => {}
        }
        Some((claim, event))
    }

    fn is_ended(&self, claim: &Claim) -> bool {
        let forgotten =
            |it: &ClaimLine| matches!(it.state, LineState::Paid { .. }) || it.is_ended();
        claim.is_ended()
            || self.flaw == Some(Flaw::AdvanceForgotten)
                && claim.state == ClaimState::UnderReview
                && claim.lines.values().all(forgotten)
    }

    fn events(&self, claim: &Claim) -> Vec<ClaimEvent> {
        let round = claim.round;
        let mut events = vec![
            ClaimEvent::Withdraw,
            ClaimEvent::FormRefused { round },
            ClaimEvent::Accepted { round },
        ];
        if round < self.rounds {
            events.push(ClaimEvent::Submit { after: round });
        }
        let approved: BTreeMap<u32, i64> = claim
            .lines
            .iter()
            .filter_map(|(line, it)| match it.state {
                LineState::Approved { fen } => Some((*line, fen)),
                _ => None,
            })
            .collect();
        if !approved.is_empty() {
            let payment = u64::try_from(claim.payments.len()).expect("few") + 1;
            events.push(ClaimEvent::Paid { payment, lines: approved });
        }
        for (&line, it) in &claim.lines {
            let of_line = |event| ClaimEvent::Line { line, event };
            events.extend(self.line_events(it).into_iter().map(of_line));
        }
        events
    }

    fn line_events(&self, it: &ClaimLine) -> Vec<LineEvent> {
        let negative = u64::try_from(it.negatives.len()).expect("few") + 1;
        let number = it.queries;
        let ground = Ground { law: "L".into(), code: "C".into() };
        let refused = |then| LineEvent::Refused { ground: ground.clone(), then };
        let mut events = vec![
            LineEvent::Drop,
            LineEvent::Answered { number },
            LineEvent::Lifted { number },
            LineEvent::Approved { fen: QTY },
            refused(Consequence::Correct),
            refused(Consequence::Domestic),
            LineEvent::Recovered { cause: RecoveryCause::Invoice, negative },
            LineEvent::Repaid { negative },
        ];
        if number < self.queries {
            events.push(LineEvent::Raised { number: number + 1, query: Query::Doubt });
        }
        if it.advance {
            let settled = |keeps_fen| LineEvent::Settled { keeps_fen, negative };
            events.extend((0..=QTY).map(settled));
        } else {
            events.push(LineEvent::Approved { fen: 1 });
        }
        events
    }
}

impl Model for Office {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::begin(self)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        for (at, claim) in world.claims.iter().enumerate() {
            let Some(claim) = claim else {
                steps.push(Step::Propose(at));
                continue;
            };
            for event in self.events(claim) {
                if self.copies && world.copy.is_none() {
                    steps.push(Step::Do { claim: at, event: event.clone(), keep: true });
                }
                steps.push(Step::Do { claim: at, event, keep: false });
            }
        }
        if world.copy.is_some() {
            steps.extend([Step::Copy, Step::Lose]);
        }
        if self.red_letter && !world.red_lettered {
            steps.push(Step::RedLetter);
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        match step {
            Step::Propose(at) => world.propose(self, at)?,
            Step::Do { claim, event, keep } => {
                world.commit(self, claim, &event)?;
                world.observe(claim, &event);
                world.copy = if keep { Some((claim, event)) } else { world.copy };
            }
            Step::Copy => {
                let (claim, event) = world.copy.clone()?;
                world.commit(self, claim, &event);
            }
            Step::Lose => world.copy = None,
            Step::RedLetter => {
                world.red_lettered = true;
                world.book.verified(&number(), &PlatformAnswer::RedLettered).ok()?;
            }
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let promise = |name, promise: fn(&Self, &World) -> bool| Property::always(name, promise);
        let happens = |name, it: fn(&Self, &World) -> bool| Property::sometimes(name, it);
        vec![
            promise(LINE_ONCE, |_, w| {
                let balance = |key| w.balance.get(&key).copied().unwrap_or_default();
                w.all_lines().all(|(_, key, it)| {
                    balance(key) == it.out_fen() && (0..=it.amount_fen).contains(&balance(key))
                })
            }),
            promise(QUANTITY_ONCE, |_, w| {
                let ordinary = w.balance.iter().filter(|(key, _)| key.line == ORDINARY);
                ordinary.map(|(_, fen)| fen).sum::<i64>() <= WHOLE.fen
            }),
            promise(STAYS_USED, |_, w| {
                w.all_lines().all(|(_, key, it)| {
                    let used_up = matches!(
                        it.state,
                        LineState::Refused {
                            then: Consequence::Exempt | Consequence::Domestic,
                            ..
                        }
                    );
                    let uses = w.book.uses().get(&key).map_or(0, |held| held.qty_e5);
                    it.out_fen() <= uses && (!used_up || uses == QTY)
                })
            }),
            promise(FREE, |_, w| {
                w.all_lines().all(|(_, key, it)| {
                    let gone = matches!(
                        it.state,
                        LineState::Dropped
                            | LineState::Recovered
                            | LineState::Refused { then: Consequence::Correct, .. }
                    );
                    !gone || !w.book.uses().contains_key(&key)
                })
            }),
            promise(ADVANCE_ENDS, |office, w| {
                w.all_lines().all(|(claim, _, it)| {
                    let out = matches!(it.state, LineState::Paid { .. });
                    !(it.advance && out && office.is_ended(claim))
                })
            }),
            promise(FORM, |_, w| {
                let mut claims = w.claims.iter().enumerate();
                claims.all(|(at, claim)| {
                    claim.as_ref().is_none_or(|claim| match claim.state {
                        ClaimState::FormRefused => w.form_refused.contains(&(at, claim.round)),
                        ClaimState::UnderReview => w.accepted.contains(&(at, claim.round)),
                        ClaimState::Draft | ClaimState::Submitted | ClaimState::Withdrawn => true,
                    })
                })
            }),
            promise(QUERY, |_, w| {
                w.all_lines().all(|(_, key, it)| {
                    let lifted = w.lifted.get(&key).copied().unwrap_or_default();
                    let goes_on = matches!(
                        it.state,
                        LineState::Open | LineState::Approved { .. } | LineState::Paid { .. }
                    );
                    !goes_on || lifted == it.queries
                })
            }),
            promise(BACK, |_, w| {
                w.all_lines().all(|(_, key, it)| {
                    it.negatives.iter().all(|negative| w.repaid.contains(&(key, *negative)))
                })
            }),
            promise(TWICE, |_, w| !w.twice),
            happens("a line goes on while another is asked about", |_, w| {
                w.claims.iter().flatten().any(|claim| {
                    let mut lines = claim.lines.values();
                    let asked = |it: &ClaimLine| matches!(it.state, LineState::Queried { .. });
                    lines.clone().any(asked) && lines.any(|it| it.out_fen() > 0)
                })
            }),
            happens("paid in part", |_, w| w.balance.values().any(|fen| *fen == 1)),
            happens("claimed again after it was given back", |_, w| {
                let paid = |at| w.balance.get(&key(at, ORDINARY)).copied();
                paid(0) == Some(0) && paid(1).is_some_and(|fen| fen > 0)
            }),
            happens("settled in part", |_, w| {
                w.all_lines().any(|(_, _, it)| it.state == LineState::Settled { fen: 1 })
            }),
            happens("given back for a bad invoice", |_, w| {
                w.red_lettered
                    && w.all_lines().any(|(_, key, it)| {
                        key.line == ORDINARY && it.state == LineState::Recovered
                    })
            }),
        ]
    }
}

const LINE_ONCE: &str = "no line is paid twice";
const QUANTITY_ONCE: &str = "no quantity is paid twice";
const STAYS_USED: &str = "what is paid or used up stays used";
const FREE: &str = "what fell away is free";
const ADVANCE_ENDS: &str = "an advance refund is settled or recovered before the end";
const FORM: &str = "only the office decides about a form";
const QUERY: &str = "only the office ends a query";
const BACK: &str = "only what came back counts as back";
const TWICE: &str = "no effect twice";
const STUCK: &str = "everything can end";

/// Two lines, one of them an advance refund, with doubts.
const TWO_LINES: Office = Office {
    flaw: None,
    claims: 1,
    lines: &[ORDINARY, ADVANCE],
    queries: 1,
    rounds: 2,
    copies: false,
    red_letter: false,
};
/// Two claims for the same goods, and an invoice that goes bad.
const TWO_CLAIMS: Office =
    Office { claims: 2, lines: &[ORDINARY], rounds: 1, red_letter: true, ..TWO_LINES };
/// Copies of what is said about an ordinary line.
const COPIED: Office = Office { lines: &[ORDINARY], queries: 2, copies: true, ..TWO_LINES };
/// Copies of what is said about an advance refund.
const COPIED_ADVANCE: Office = Office { lines: &[ADVANCE], rounds: 1, ..COPIED };

/// Copies in both claims at once.
const COPIED_CLAIMS: Office = Office { copies: true, red_letter: false, ..TWO_CLAIMS };
/// Copies in a claim of two lines.
const COPIED_LINES: Office = Office { copies: true, rounds: 1, ..TWO_LINES };

const ALL: [(&str, Office); 6] = [
    ("copied, two claims", COPIED_CLAIMS),
    ("copied, two lines", COPIED_LINES),
    ("two lines", TWO_LINES),
    ("two claims", TWO_CLAIMS),
    ("copied", COPIED),
    ("copied, advance", COPIED_ADVANCE),
];

/// Where a model should be able to get from everywhere, and by what.
struct Goal {
    leads_on: fn(&World, &Step) -> bool,
    is_over: fn(&Office, &World) -> bool,
}

/// Everybody wants the end: every claim is at it, and nobody has money for a bad invoice.
const END: Goal = Goal {
    leads_on: |_, step| {
        let raises = |event: &LineEvent| matches!(event, LineEvent::Raised { .. });
        match step {
            Step::Do { event: ClaimEvent::Line { event, .. }, .. } => !raises(event),
            Step::Do { .. } => true,
            Step::Propose(_) | Step::Copy | Step::Lose | Step::RedLetter => false,
        }
    },
    is_over: |office, world| {
        let over = world.claims.iter().flatten().all(|claim| office.is_ended(claim));
        let out =
            |(_, key, it): (_, ClaimLineKey, &ClaimLine)| key.line == ORDINARY && it.out_fen() > 0;
        over && !(world.red_lettered && world.all_lines().any(out))
    },
};

fn is_asked(it: &ClaimLine) -> bool {
    matches!(it.state, LineState::Queried { .. })
}

/// Nobody answers, nothing is lifted and nothing dropped: everything else can end.
const REST: Goal = Goal {
    leads_on: |world, step| {
        let asked = |at: usize, line: u32| {
            let it = world.claims[at].as_ref().and_then(|claim| claim.lines.get(&line));
            it.is_some_and(is_asked)
        };
        match step {
            Step::Do { claim, event: ClaimEvent::Line { line, event }, .. } => {
                let other = matches!(event, LineEvent::Raised { .. } | LineEvent::Drop);
                !asked(*claim, *line) && !other
            }
            Step::Do { .. } => true,
            Step::Propose(_) | Step::Copy | Step::Lose | Step::RedLetter => false,
        }
    },
    is_over: |_, world| {
        world.claims.iter().flatten().all(|claim| {
            claim.is_ended()
                || claim.state == ClaimState::UnderReview
                    && claim.lines.values().all(|it| it.is_ended() || is_asked(it))
        })
    },
};

/// All states, what happened in them, and one from which nothing leads to the end.
fn explore(
    office: &Office,
    goal: &Goal,
) -> (usize, Vec<&'static str>, Vec<&'static str>, Option<World>) {
    let begin = Rc::new(World::begin(office));
    let mut worlds = vec![Rc::clone(&begin)];
    let mut known = HashMap::from([(begin, 0)]);
    let mut causes: Vec<Vec<usize>> = vec![Vec::new()];
    let (mut happened, mut broken) = (BTreeSet::new(), BTreeSet::new());
    let properties = office.properties();
    let mut at = 0;
    while at < worlds.len() {
        let world = Rc::clone(&worlds[at]);
        for property in &properties {
            let _ = match ((property.condition)(office, &world), &property.expectation) {
                (true, Expectation::Sometimes) => happened.insert(property.name),
                (false, Expectation::Always) => broken.insert(property.name),
                _ => false,
            };
        }
        let mut steps = Vec::new();
        office.actions(&world, &mut steps);
        for step in steps {
            let leads = (goal.leads_on)(&world, &step);
            let Some(next) = office.next_state(&world, step) else { continue };
            let to = *known.entry(Rc::new(next)).or_insert_with_key(|next| {
                worlds.push(Rc::clone(next));
                causes.push(Vec::new());
                worlds.len() - 1
            });
            if leads {
                causes[to].push(at);
            }
        }
        at += 1;
    }
    let ends = (0..worlds.len()).filter(|&at| (goal.is_over)(office, &worlds[at]));
    let hopeful = model::leading_to(ends, &causes);
    let stuck = hopeful.iter().position(|hope| !hope).map(|at| (*worlds[at]).clone());
    (worlds.len(), happened.into_iter().collect(), broken.into_iter().collect(), stuck)
}

#[test]
fn claims_keep_their_promises_in_every_order_of_events() {
    let mut states = 0;
    let mut never: BTreeSet<&str> = TWO_LINES
        .properties()
        .into_iter()
        .filter(|property| property.expectation == Expectation::Sometimes)
        .map(|property| property.name)
        .collect();
    for (name, office) in ALL {
        let begun = std::time::Instant::now();
        let (count, happened, broken, stuck) = explore(&office, &END);
        eprintln!("  {name}: {count} states in {:?}", begun.elapsed());
        assert_eq!(broken, [""; 0], "{name}");
        assert_eq!(stuck, None, "{name}: {STUCK}");
        never.retain(|name| !happened.contains(name));
        states += count;
    }
    eprintln!("claim model: {states} distinct states, each bound counted on its own");
    assert_eq!(never, BTreeSet::new(), "what should happen does");
}

#[test]
fn the_model_finds_every_flaw() {
    let found = [
        (Flaw::PaidAgain, COPIED, LINE_ONCE),
        (Flaw::FreedWhenOrdered, TWO_CLAIMS, STAYS_USED),
        (Flaw::FreedWhenRefused, TWO_CLAIMS, STAYS_USED),
        (Flaw::NeverFreed, TWO_CLAIMS, FREE),
        (Flaw::AnyRound, COPIED, FORM),
        (Flaw::AnyQuery, COPIED, QUERY),
        (Flaw::AnyNegative, COPIED_ADVANCE, BACK),
        (Flaw::ApprovedWhileAsked, TWO_LINES, QUERY),
        (Flaw::AdvanceForgotten, TWO_LINES, ADVANCE_ENDS),
        (Flaw::Unchecked, TWO_CLAIMS, QUANTITY_ONCE),
    ];
    for (flaw, office, promise) in found {
        let broken = model::broken_by(Office { flaw: Some(flaw), red_letter: false, ..office });
        eprintln!("  {flaw:?}: {broken:?}");
        assert!(broken.contains(&promise), "{flaw:?} breaks {broken:?}");
    }
}

#[test]
fn the_model_finds_money_that_never_comes_back() {
    let office = Office { flaw: Some(Flaw::NeverRepaid), lines: &[ADVANCE], ..TWO_LINES };
    assert!(explore(&office, &END).3.is_some());
}

#[test]
fn a_doubt_does_not_block_the_rest_of_the_claim() {
    assert_eq!(explore(&TWO_LINES, &REST).3, None);
    let blocked = Office { flaw: Some(Flaw::DoubtBlocks), ..TWO_LINES };
    assert!(explore(&blocked, &REST).3.is_some(), "the model finds a doubt that blocks");
}
