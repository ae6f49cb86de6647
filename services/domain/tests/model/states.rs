//! All states of a model in which every step is a way to the end.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

use stateright::{Checker as _, Expectation, Model};

use crate::model::leading_to;

/// Explores every state and fails where a promise is broken, with the way there. How many states there are, and what
/// should happen and never did.
pub(crate) fn check<M>(model: M) -> (usize, Vec<&'static str>)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let begun = std::time::Instant::now();
    let checker = model.checker().threads(2).spawn_bfs().join();
    let mut never = Vec::new();
    for property in checker.model().properties() {
        let found = checker.discovery(property.name).map(|path| path.into_actions());
        match property.expectation {
            Expectation::Always => assert_eq!(found, None, "{}", property.name),
            Expectation::Sometimes | Expectation::Eventually if found.is_none() => {
                never.push(property.name);
            }
            Expectation::Sometimes | Expectation::Eventually => {}
        }
    }
    let count = checker.unique_state_count();
    eprintln!("  {count} states in {:?}", begun.elapsed());
    (count, never)
}

/// A state from which nothing leads on to an end, and which is not over either.
pub(crate) fn stuck<M>(
    model: &M,
    is_end: impl Fn(&M::State) -> bool,
    is_over: impl Fn(&M::State) -> bool,
) -> Option<M::State>
where
    M: Model,
    M::State: Clone + Eq + Hash,
{
    let mut worlds = model.init_states();
    let mut causes: Vec<Vec<usize>> = vec![Vec::new(); worlds.len()];
    let mut known: HashMap<M::State, usize> = worlds.iter().cloned().zip(0..).collect();
    let mut at = 0;
    while at < worlds.len() {
        for world in model.next_states(&worlds[at]) {
            let to = *known.entry(world).or_insert_with_key(|world| {
                worlds.push(world.clone());
                causes.push(Vec::new());
                worlds.len() - 1
            });
            causes[to].push(at);
        }
        at += 1;
    }
    let lead = leading_to((0..worlds.len()).filter(|&at| is_end(&worlds[at])), &causes);
    let stuck = worlds.into_iter().zip(lead).find(|(world, leads)| !leads && !is_over(world));
    stuck.map(|(world, _)| world)
}
