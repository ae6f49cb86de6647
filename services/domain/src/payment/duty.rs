//! The duty of one import from its filing to its bill (税款担保、税单).
//!
//! ```text
//!            ┌────────── money comes ─────────┐
//!            │                                ▼
//! new ──► Open ──► Short ─────────────────► Secured ──► Billed
//!   version   ├──► Unassessed, OverLimit      ▲  │   release
//!             └───────────────────────────────┘  │
//! Short, Unassessed, OverLimit, Secured ──► Ended           │ void, when the declaration ends
//! every one but Billed ──► Open by a new version ┘ or has a new version
//! ```
//!
//! What is secured stays held until the declaration ends or is released: a check cannot take back what it
//! said, so nothing else may void the hold before. A release is billed whether it was secured or not: in a
//! window that did not ask, the tax is owed all the same.

/// Where the duty of a declaration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DutyState {
    /// A version that nothing was decided about yet.
    Open,
    /// The tax cannot be computed from what was declared.
    Unassessed,
    /// The guarantee has too little.
    Short,
    /// The tax is held, or there is none.
    Secured,
    /// The buyer is over a limit: it is to be rejected.
    OverLimit,
    /// The declaration ended before its release.
    Ended,
    /// It was released and has its bill.
    Billed,
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DutyEvent {
    /// A version was filed.
    Filed,
    /// What came of the assessment and of the hold that was tried.
    Assessed(AssessmentOutcome),
    /// Money came, and what was tried again is held now.
    Funded,
    /// The declaration was rejected, withdrawn or sent back before its release.
    Ended,
    /// The declaration was released.
    Released,
}

/// What came of an assessment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AssessmentOutcome {
    /// Something is missing.
    Incomplete,
    /// The guarantee has too little.
    TooLittle,
    /// It is held, or there is nothing to hold.
    Held,
    /// The purchase, or the year of its buyer with it, is over a limit.
    OverLimit,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DutyAct {
    /// Frees the hold.
    Void,
    /// Says that the duty is secured.
    Clear,
    /// Says that it is rejected.
    Reject,
    /// Tells the firm that the tax cannot be computed.
    TellIncomplete,
    /// Tells the firm what is missing on the guarantee.
    TellShort,
    /// Makes the bill.
    Bill,
}

/// The next state with what follows; `None` for what changes nothing there.
pub fn next(state: Option<DutyState>, event: DutyEvent) -> Option<(DutyState, &'static [DutyAct])> {
    use DutyState::{Billed, Ended, Open, OverLimit, Secured, Short, Unassessed};
    Some(match (state, event) {
        (None | Some(Open | Unassessed | Short | OverLimit | Ended), DutyEvent::Filed) => {
            (Open, &[])
        }
        (Some(Secured), DutyEvent::Filed) => (Open, &[DutyAct::Void]),
        (Some(Open), DutyEvent::Assessed(assessed)) => match assessed {
            AssessmentOutcome::Incomplete => (Unassessed, &[DutyAct::TellIncomplete]),
            AssessmentOutcome::TooLittle => (Short, &[DutyAct::TellShort]),
            AssessmentOutcome::Held => (Secured, &[DutyAct::Clear]),
            AssessmentOutcome::OverLimit => (OverLimit, &[DutyAct::Reject]),
        },
        (Some(Short), DutyEvent::Funded) => (Secured, &[DutyAct::Clear]),
        (Some(Secured), DutyEvent::Ended) => (Ended, &[DutyAct::Void]),
        (Some(Open | Unassessed | Short | OverLimit), DutyEvent::Ended) => (Ended, &[]),
        (Some(Secured | Short | OverLimit), DutyEvent::Released) => (Billed, &[DutyAct::Bill]),
        (None, _)
        | (Some(Billed), _)
        | (Some(Open | Unassessed | Ended), DutyEvent::Released)
        | (Some(Ended), DutyEvent::Ended)
        | (Some(Unassessed | Short | Secured | OverLimit | Ended), DutyEvent::Assessed(_))
        | (Some(Open | Unassessed | Secured | OverLimit | Ended), DutyEvent::Funded) => {
            return None;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [Option<DutyState>; 8] = [
        None,
        Some(DutyState::Open),
        Some(DutyState::Unassessed),
        Some(DutyState::Short),
        Some(DutyState::Secured),
        Some(DutyState::OverLimit),
        Some(DutyState::Ended),
        Some(DutyState::Billed),
    ];
    const EVENTS: [DutyEvent; 8] = [
        DutyEvent::Filed,
        DutyEvent::Assessed(AssessmentOutcome::Incomplete),
        DutyEvent::Assessed(AssessmentOutcome::TooLittle),
        DutyEvent::Assessed(AssessmentOutcome::Held),
        DutyEvent::Assessed(AssessmentOutcome::OverLimit),
        DutyEvent::Funded,
        DutyEvent::Ended,
        DutyEvent::Released,
    ];

    /// Every order of up to eight events. The hold is what the acts make of it.
    #[test]
    fn what_is_secured_is_held_until_the_end_or_the_bill() {
        let mut seen: std::collections::HashSet<(Option<DutyState>, bool, u8)> =
            [(None, false, 0)].into();
        let mut fresh: Vec<_> = seen.iter().copied().collect();
        while let Some((state, held, bills)) = fresh.pop() {
            for event in EVENTS {
                let Some((then, acts)) = next(state, event) else { continue };
                let holds = matches!(
                    event,
                    DutyEvent::Assessed(AssessmentOutcome::Held) | DutyEvent::Funded
                );
                let voids = acts.contains(&DutyAct::Void);
                assert!(!voids || held, "{state:?} {event:?} frees what is not held");
                assert!(
                    !voids || matches!(event, DutyEvent::Ended | DutyEvent::Filed),
                    "{event:?} takes back what was said"
                );
                assert_eq!(acts.contains(&DutyAct::Clear), holds, "said is what is held");
                assert!(!(holds && held), "held twice");
                let held = holds || held && !voids;
                let bills = bills + u8::from(acts.contains(&DutyAct::Bill));
                assert!(bills <= 1, "billed twice");
                assert!(then != DutyState::Secured || held);
                assert!(!held || matches!(then, DutyState::Secured | DutyState::Billed));
                if seen.insert((Some(then), held, bills)) {
                    fresh.push((Some(then), held, bills));
                }
            }
        }
        let reached: std::collections::HashSet<_> = seen.iter().map(|(state, ..)| *state).collect();
        assert!(STATES.iter().all(|state| reached.contains(state)), "{reached:?}");
    }

    #[test]
    fn nothing_happens_after_the_bill() {
        assert!(EVENTS.iter().all(|event| next(Some(DutyState::Billed), *event).is_none()));
    }
}
