//! The way back of an import (进口退货): customs accepts an application (CEB625), the site waits for the goods and
//! counts them, and only what it counted in time is back: its tax is given back with it.
//!
//! Source: 公告2020年第45号: applied for within 30 days of the release, back at the original site within 45, in their
//! original state; later the tax stays. How often a site may count is not said there: here as often as goods come.

/// Where goods stand that may come back.
///
/// ```text
///          counted, not all
///            ┌─────┐
///            ▼     │
/// (625) ──► Awaited ──► Back      all of it was counted in time
///              │
///              └─► Lapsed ──► Late      the rest came when the term was over: its tax stays
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImportReturnState {
    /// The site waits for them, or for the rest of them (待退回).
    Awaited,
    /// All that was applied for is back (已退回).
    Back,
    /// The term is over, and something is missing (逾期未退回).
    Lapsed,
    /// The rest came when the term was over (逾期退回).
    Late,
}

/// What happens to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImportReturnEvent {
    /// The site counted some of them; more is to come.
    PartCounted,
    /// The site counted all that was missing.
    AllCounted,
    /// Their last day is over.
    TermOver,
}

impl ImportReturnState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Awaited, Self::Back, Self::Lapsed, Self::Late];
}

/// The next state; `None` for what cannot happen there, or changes nothing.
pub fn next(state: ImportReturnState, event: ImportReturnEvent) -> Option<ImportReturnState> {
    use ImportReturnEvent::{AllCounted, PartCounted, TermOver};
    use ImportReturnState::{Awaited, Back, Lapsed, Late};
    match (state, event) {
        (Awaited, PartCounted) => Some(Awaited),
        (Awaited, AllCounted) => Some(Back),
        (Awaited, TermOver) => Some(Lapsed),
        (Lapsed, PartCounted | AllCounted) => Some(Late),
        (Lapsed, TermOver) | (Back | Late, PartCounted | AllCounted | TermOver) => None,
    }
}

/// A line of goods that may come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportReturnLine {
    /// Its number in the inventory.
    pub gnum: u32,
    /// How much was applied for, in 1/100000.
    pub applied_e5: i64,
    /// How much of it the site counted in time.
    pub counted_e5: i64,
}

impl ImportReturnLine {
    /// What the site still waits for.
    pub fn missing_e5(self) -> i64 {
        self.applied_e5 - self.counted_e5
    }
}

/// A line of a count that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{given_e5} of line {gnum} were counted, {missing_e5} are awaited (in 1/100000)")]
pub struct CountFault {
    /// Which of the counted lines, from 0.
    pub at: usize,
    /// The number of the line that it names.
    pub gnum: u32,
    /// How much it says.
    pub given_e5: i64,
    /// How much of that line is awaited; nothing of one that was not applied for.
    pub missing_e5: i64,
}

/// Everything that is still missing, as a site counts it that says no more than that the goods are there.
pub fn missing(lines: &[ImportReturnLine]) -> Vec<(u32, i64)> {
    let missing = lines.iter().map(|line| (line.gnum, line.missing_e5()));
    missing.filter(|(_, qty_e5)| *qty_e5 > 0).collect()
}

/// Takes a count down: for each line its number and how much came.
///
/// # Errors
///
/// Every counted line of which nothing or not so much is awaited. Nothing is changed then.
pub fn count(
    lines: &[ImportReturnLine],
    counted: &[(u32, i64)],
) -> Result<Vec<ImportReturnLine>, Vec<CountFault>> {
    let (mut after, mut faults) = (lines.to_vec(), Vec::new());
    for (at, &(gnum, given_e5)) in counted.iter().enumerate() {
        let line = after.iter_mut().find(|line| line.gnum == gnum);
        match line {
            Some(line) if (1..=line.missing_e5()).contains(&given_e5) => {
                line.counted_e5 += given_e5
            }
            other => {
                // Nothing is awaited of a line that was not applied for.
                let missing_e5 = other.map_or(0, |line| line.missing_e5());
                faults.push(CountFault { at, gnum, given_e5, missing_e5 });
            }
        }
    }
    if faults.is_empty() { Ok(after) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(gnum: u32, applied_e5: i64) -> ImportReturnLine {
        ImportReturnLine { gnum, applied_e5, counted_e5: 0 }
    }

    #[test]
    fn what_is_not_awaited_is_named_and_changes_nothing() {
        let lines = [line(1, 200_000), line(3, 100_000)];
        let counted = [(1, 150_000), (1, 50_001), (2, 1), (3, 0), (3, 100_000)];
        let faults = count(&lines, &counted).expect_err("three do not fit");
        let places: Vec<_> = faults.iter().map(|it| (it.at, it.gnum, it.missing_e5)).collect();
        assert_eq!(places, [(1, 1, 50_000), (2, 2, 0), (3, 3, 100_000)]);
        let after = count(&lines, &[(1, 150_000)]).expect("it is awaited");
        assert_eq!(missing(&after), [(1, 50_000), (3, 100_000)]);
        assert_eq!(missing(&count(&after, &missing(&after)).expect("all")), []);
    }

    #[test]
    fn nothing_follows_what_is_back_and_a_term_ends_once() {
        use ImportReturnEvent::{AllCounted, PartCounted, TermOver};
        for event in [PartCounted, AllCounted, TermOver] {
            assert_eq!(next(ImportReturnState::Back, event), None);
            assert_eq!(next(ImportReturnState::Late, event), None);
        }
        assert_eq!(next(ImportReturnState::Lapsed, TermOver), None);
        assert_eq!(next(ImportReturnState::Lapsed, AllCounted), Some(ImportReturnState::Late));
    }

    proptest! {
        #[test]
        fn no_more_is_counted_than_was_applied_for(
            applied in 1_i64..1_000_000_000,
            counts in proptest::collection::vec(-5_i64..500_000_000, 0..12),
        ) {
            let mut lines = vec![line(1, applied)];
            let mut sum = 0;
            for qty in counts {
                if let Ok(after) = count(&lines, &[(1, qty)]) {
                    (lines, sum) = (after, sum + qty);
                }
            }
            prop_assert!((0..=applied).contains(&sum));
            prop_assert_eq!(lines[0].missing_e5(), applied - sum);
        }
    }
}
