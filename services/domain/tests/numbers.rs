//! Which declaration is meant by a number that several have.

use domain::clearance::Phase;
use domain::numbers::{Holder, meant};
use domain::{DeclarationId, Slot};
use proptest::prelude::*;
use uuid::Uuid;

fn holder(id: u128, phase: Phase, current: bool) -> Holder {
    let id = DeclarationId::new(Uuid::from_u128(id << 8), Slot::of("3702960001"));
    Holder { id, phase, current }
}

/// Where each one stands, and whether it is current; newest first.
type Holders = [(Phase, bool)];

#[test]
fn what_stands_is_meant_then_what_is_current_then_the_newest() {
    use Phase::{Inspecting, Rejected, Released, Returned, UnderReview, Withdrawn};
    let cases: [(&Holders, &[usize]); 7] = [
        (&[], &[]),
        // Filed again after a rejection: the new one.
        (&[(UnderReview, true), (Rejected, false)], &[0]),
        // The way-bill went on under another order; the old order is nobody's any more.
        (&[(Withdrawn, true), (Released, true)], &[1]),
        // Two sellers with the same order number.
        (&[(Inspecting, true), (Rejected, true), (Released, true)], &[0, 2]),
        (&[(Rejected, true), (Returned, true)], &[0, 1]),
        (&[(Withdrawn, true), (Rejected, false)], &[0]),
        // Its order went to another one, its own number to nobody.
        (&[(Rejected, false), (Withdrawn, false)], &[0]),
    ];
    for (number, (holders, expected)) in cases.into_iter().enumerate() {
        let holders: Vec<_> = holders
            .iter()
            .zip(1_u128..)
            .map(|((phase, current), id)| holder(id, *phase, *current))
            .collect();
        let expected: Vec<_> = expected.iter().map(|index| holders[*index]).collect();
        assert_eq!(meant(holders), expected, "case {number}");
    }
}

proptest! {
    #[test]
    fn a_number_that_somebody_has_means_somebody(
        found in proptest::collection::vec((0..6_usize, any::<bool>()), 0..8)
    ) {
        let phases = [
            Phase::UnderReview,
            Phase::Inspecting,
            Phase::Released,
            Phase::Rejected,
            Phase::Withdrawn,
            Phase::Returned,
        ];
        let holders: Vec<_> = found
            .iter()
            .zip(1_u128..)
            .map(|((phase, current), id)| holder(id, phases[*phase], *current))
            .collect();
        let meant = meant(holders.clone());
        prop_assert_eq!(meant.is_empty(), holders.is_empty());
        // In the same order, and each of them one that was found.
        let mut rest = holders.iter();
        prop_assert!(meant.iter().all(|holder| rest.any(|found| found == holder)));
    }
}
