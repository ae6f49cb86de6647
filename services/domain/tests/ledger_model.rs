//! The ledger with everybody who writes into it: a model of hold, post, void, expiry, cancel and
//! return over [`domain::payment::ledger`] itself.
//!
//! What was sent once may arrive at any time, in any order and again. Two commits run at once: each
//! takes a message, and writes later; a crash in between loses it. Each [`Flaw`] is planted around
//! the functions of the ledger and must be found. What an observer counts is counted beside the
//! ledger, not read from it.

use std::sync::Arc;

use domain::payment::ledger::{
    Account, Action, Balances, Basis, Currency, Effect, Entry, EntryCheck, Hold, HoldState, Leg,
    Purpose, sums,
};
use stateright::{Checker, Expectation, HasDiscoveries, Model, Property};
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

/// What could be wrong around the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// The limit is checked against what was moved, not what is held too.
    HeldNotCounted,
    /// A hold that ended is taken for open.
    EndsTwice,
    /// A repetition gets an id of its own.
    FreshId,
    /// What was checked is written later, whatever came between.
    CheckedBefore,
    /// The time of an entry is read before its commit has the lock.
    StampedBefore,
    /// A return is computed from what was posted, without what came back before.
    ReturnsNotCounted,
    /// A post in part keeps the rest.
    RestKept,
    /// A crash leaves one of the two sides.
    HalfWritten,
    /// Late money opens the old hold again.
    Resurrected,
    /// The legs of a hold end one by one.
    LegByLeg,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Message {
    /// Duty 5 and VAT 3 of the first declaration, until the date.
    Hold,
    /// 4 of the second declaration, without a date.
    Other,
    Post,
    /// The cancelled declaration.
    Void,
    Expire,
    /// Again for the first declaration, after its hold ended.
    Late,
    /// A part of the goods comes back, and then the rest.
    Return,
    ReturnRest,
    /// Everything comes back.
    ReturnAll,
}

use Message::{Expire, Late, Other, Post, Return, ReturnAll, ReturnRest, Void};

const MESSAGES: [Message; 9] =
    [Message::Hold, Other, Post, Void, Expire, Late, Return, ReturnRest, ReturnAll];
const BEFORE: OffsetDateTime = datetime!(2026-11-01 00:00 +8);
const DATE: OffsetDateTime = datetime!(2026-12-01 00:00 +8);
const LODGED: i64 = 10;

fn account(owner: &str, purpose: Purpose) -> Account {
    Account { owner: owner.into(), currency: Currency::Cny, purpose }
}

fn guarantee() -> Account {
    account("FIRM", Purpose::Guarantee)
}

fn legs(amounts: &[i64]) -> Vec<Leg> {
    let leg = |amount| Leg { from: guarantee(), to: account("FIRM", Purpose::DutyPayable), amount };
    amounts.iter().copied().map(leg).collect()
}

fn id(message: Message) -> Uuid {
    Uuid::from_u128(message as u128 + 1)
}

fn entry(id: Uuid, action: Action, recorded: OffsetDateTime) -> Entry {
    let text = String::new;
    let basis = Basis { event: text(), declaration: None, bill: None, actor: text(), rule: text() };
    Entry { id, action, basis, effective: BEFORE, recorded }
}

fn action(message: Message) -> Action {
    let (hold, of) = (id(Message::Hold), id(Post));
    match message {
        Message::Hold => Action::Hold { legs: legs(&[5, 3]), until: Some(DATE), after: None },
        Other => Action::Hold { legs: legs(&[4]), until: None, after: None },
        Post => Action::Post { hold, amounts: vec![5, 1] },
        Void => Action::Void(hold),
        Expire => Action::Expire(hold),
        Late => Action::Hold { legs: legs(&[5, 3]), until: None, after: Some(hold) },
        Return => Action::Reverse { of, amounts: vec![2, 1] },
        ReturnRest => Action::Reverse { of, amounts: vec![3, 0] },
        ReturnAll => Action::Reverse { of, amounts: vec![5, 1] },
    }
}

/// A commit on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Commit {
    entry: Entry,
    message: Message,
    /// As it was checked when it was taken.
    effect: Effect,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    balances: Arc<Balances>,
    commits: [Option<Arc<Commit>>; 2],
    is_over: bool,
    /// Effects of each message, as the observer counts them.
    effects: [u8; 9],
    posted: i64,
    returned: i64,
    posted_over_date: bool,
    /// For ids that no message has.
    fresh: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The date of the hold comes.
    Pass,
    Take(usize, Message),
    Write(usize),
    /// Both commits are lost.
    Crash,
}

#[derive(Debug, Clone, Copy)]
struct Service {
    flaw: Option<Flaw>,
}

impl Service {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn entry(&self, world: &mut World, message: Message) -> Entry {
        let mut id = id(message);
        if self.has(Flaw::FreshId) && world.balances.entries.contains_key(&id) && world.fresh < 2 {
            world.fresh += 1;
            id = Uuid::from_u128(100 + u128::from(world.fresh));
        }
        entry(id, action(message), world.now())
    }

    /// The balances as the flawed service sees them.
    fn view(&self, balances: &Balances, message: Message) -> Balances {
        let mut view = balances.clone();
        match self.flaw {
            Some(Flaw::HeldNotCounted) if matches!(message, Message::Hold | Other | Late) => {
                view.accounts.entry(guarantee()).or_default().held_debits = 0;
            }
            Some(Flaw::EndsTwice) => {
                view.holds.values_mut().for_each(|hold| hold.state = HoldState::Open);
            }
            Some(Flaw::ReturnsNotCounted) => {
                view.rests.entry(id(Post)).and_modify(|rest| *rest = legs(&[5, 1]));
            }
            _ => {}
        }
        view
    }

    fn check(&self, balances: &Balances, message: Message, entry: &Entry) -> Option<Effect> {
        match self.view(balances, message).check(entry) {
            Ok(EntryCheck::New(effect)) => Some(self.change(balances, message, *effect)),
            Ok(EntryCheck::Known) | Err(_) => None,
        }
    }

    /// What the flawed service makes of an effect.
    fn change(&self, balances: &Balances, message: Message, mut effect: Effect) -> Effect {
        let held = balances.totals(&guarantee()).held_debits;
        match (self.flaw, message, effect.after.get_mut(&guarantee())) {
            (Some(Flaw::HeldNotCounted), _, Some(totals)) => {
                totals.held_debits +=
                    held * i64::from(matches!(message, Message::Hold | Other | Late));
            }
            (Some(Flaw::RestKept), Post, Some(totals)) => totals.held_debits += 2,
            (Some(Flaw::LegByLeg), Void, Some(totals)) => totals.held_debits += 3,
            (Some(Flaw::HalfWritten), Post, _) => {
                effect.after.remove(&account("FIRM", Purpose::DutyPayable));
            }
            (Some(Flaw::Resurrected), Late, _) => {
                let old = &balances.holds[&id(Message::Hold)];
                let open = Hold { until: None, state: HoldState::Open, ..old.clone() };
                effect.hold = Some((id(Message::Hold), open));
            }
            _ => {}
        }
        effect
    }

    fn write(&self, world: &mut World, commit: &Commit) -> Option<()> {
        let Commit { mut entry, message, effect } = commit.clone();
        if !self.has(Flaw::StampedBefore) {
            entry.recorded = world.now();
        }
        let effect = if self.has(Flaw::CheckedBefore) {
            effect
        } else {
            self.check(&world.balances, message, &entry)?
        };
        Arc::make_mut(&mut world.balances).write(&entry, &effect);
        world.effects[message as usize] += 1;
        match message {
            Post => {
                world.posted += 6;
                world.posted_over_date |= world.is_over;
            }
            Return | ReturnRest => world.returned += 3,
            ReturnAll => world.returned += 6,
            Message::Hold | Other | Void | Expire | Late => {}
        }
        Some(())
    }
}

impl World {
    fn now(&self) -> OffsetDateTime {
        if self.is_over { DATE } else { BEFORE }
    }
}

impl Model for Service {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let mut balances = Balances::default();
        let lodged =
            Leg { from: account("BANK", Purpose::Settlement), to: guarantee(), amount: LODGED };
        let lodged = entry(Uuid::nil(), Action::Transfer(vec![lodged]), BEFORE);
        balances.apply(&lodged).expect("lodged");
        vec![World {
            balances: Arc::new(balances),
            commits: [None, None],
            is_over: false,
            effects: [0; 9],
            posted: 0,
            returned: 0,
            posted_over_date: false,
            fresh: 0,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if !world.is_over {
            steps.push(Step::Pass);
        }
        for (at, commit) in world.commits.iter().enumerate() {
            match commit {
                Some(_) => steps.push(Step::Write(at)),
                None => steps.extend(MESSAGES.map(|message| Step::Take(at, message))),
            }
        }
        if world.commits.iter().any(Option::is_some) {
            steps.push(Step::Crash);
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        match step {
            Step::Pass => world.is_over = true,
            Step::Take(at, message) => {
                let entry = self.entry(&mut world, message);
                let effect = self.check(&world.balances, message, &entry)?;
                world.commits[at] = Some(Arc::new(Commit { entry, message, effect }));
            }
            Step::Write(at) => {
                let commit = world.commits[at].take()?;
                // Refused now, or written by the other one: an answer without effect.
                let _ = self.write(&mut world, &commit);
            }
            Step::Crash => world.commits = [None, None],
        }
        // Each effect is looked at twice at most.
        world.effects.iter().all(|effects| *effects <= 2).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("every currency sums to zero", |_, world: &World| {
                sums(&world.balances.accounts).values().all(|sum| *sum == 0)
            }),
            Property::always("the guarantee is never overdrawn", |_, world: &World| {
                world.balances.totals(&guarantee()).free() >= 0
            }),
            Property::always("what is held is what open holds keep", |_, world: &World| {
                let open = |hold: &&Hold| hold.state == HoldState::Open;
                let holds = world.balances.holds.values().filter(open);
                let kept: i64 = holds.flat_map(|hold| &hold.legs).map(|leg| leg.amount).sum();
                world.balances.totals(&guarantee()).held_debits == kept
            }),
            Property::always("a hold ends once", |_, world: &World| {
                [Post, Void, Expire].map(|end| world.effects[end as usize]).iter().sum::<u8>() <= 1
            }),
            Property::always("a message has one effect", |_, world: &World| {
                world.effects.iter().all(|effects| *effects <= 1)
            }),
            Property::always("nothing is posted from its date on", |_, world: &World| {
                !world.posted_over_date
            }),
            Property::always("no more comes back than was posted", |_, world: &World| {
                let back = -world.balances.totals(&guarantee()).balance() + i128::from(LODGED);
                world.returned <= world.posted && back == i128::from(world.posted - world.returned)
            }),
            Property::sometimes("everything comes back", |_, world: &World| {
                world.posted == 6 && world.returned == 6
            }),
            Property::sometimes("it is voided", |_, world: &World| {
                world.effects[Void as usize] == 1
            }),
            Property::sometimes("it expires", |_, world: &World| {
                world.effects[Expire as usize] == 1
            }),
            Property::sometimes("late money is held", |_, world: &World| {
                world.effects[Late as usize] == 1
            }),
            Property::sometimes("both are held in turn", |_, world: &World| {
                world.effects[Post as usize] == 1 && world.effects[Other as usize] == 1
            }),
        ]
    }
}

#[test]
fn the_ledger_holds_in_every_order_of_messages() {
    let checker = Service { flaw: None }.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    println_states(checker.unique_state_count());
    // Fewer would mean that the model does not try what it says.
    assert!(checker.unique_state_count() > 1_000, "{}", checker.unique_state_count());
}

fn println_states(count: usize) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "{count} states").expect("standard error");
}

#[test]
fn the_model_finds_every_flaw() {
    let overdrawn = "the guarantee is never overdrawn";
    let kept = "what is held is what open holds keep";
    for (flaw, name) in [
        (Flaw::HeldNotCounted, overdrawn),
        (Flaw::EndsTwice, "a hold ends once"),
        (Flaw::FreshId, "a message has one effect"),
        (Flaw::CheckedBefore, kept),
        (Flaw::StampedBefore, "nothing is posted from its date on"),
        (Flaw::ReturnsNotCounted, "no more comes back than was posted"),
        (Flaw::RestKept, kept),
        (Flaw::HalfWritten, "every currency sums to zero"),
        (Flaw::Resurrected, "a hold ends once"),
        (Flaw::LegByLeg, kept),
    ] {
        let service = Service { flaw: Some(flaw) };
        let found = HasDiscoveries::AnyOf([name].into());
        let checker = service.checker().finish_when(found).spawn_bfs().join();
        assert!(checker.discovery(name).is_some(), "{flaw:?} is not found by {name:?}");
        let property = checker.model().properties().into_iter().find(|p| p.name == name);
        assert_eq!(property.map(|p| p.expectation), Some(Expectation::Always));
    }
}
