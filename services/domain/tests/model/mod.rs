//! What the models of the machines share: which promises a planted flaw breaks, and which states lead on to an end.

use std::fmt::Debug;
use std::hash::Hash;

use stateright::{Checker as _, Expectation, HasDiscoveries, Model};

/// The promises that a model of something broken breaks first.
pub(crate) fn broken_by<M>(model: M) -> Vec<&'static str>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let checker =
        model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let properties = checker.model().properties();
    let always = properties.iter().filter(|p| p.expectation == Expectation::Always);
    always.map(|p| p.name).filter(|name| checker.discovery(name).is_some()).collect()
}

/// Which states lead on to one of `ends`. `causes` has for each state those that come before it. A search backwards,
/// because the models have cycles.
pub(crate) fn leading_to(ends: impl Iterator<Item = usize>, causes: &[Vec<usize>]) -> Vec<bool> {
    let mut lead = vec![false; causes.len()];
    let mut open: Vec<usize> = ends.collect();
    while let Some(at) = open.pop() {
        if !std::mem::replace(&mut lead[at], true) {
            open.extend(&causes[at]);
        }
    }
    lead
}
