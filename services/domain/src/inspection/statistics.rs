//! Measures (measure 10 of 鲁政发〔2016〕13号): how long it takes from the declaration to the release, with
//! and without inspection, how many are inspected, and how many inspections are joint. While an agency waits for
//! documents that it asked the firm for, the clock stands; how long that was is measured apart.
//!
//! A pure fold over closed cases. Percentiles are exact, by sorting and nearest rank; shares are in
//! basis points, rounded half up. What is measured and how is ours.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::credit::Class;

/// One declaration that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClearedCase {
    /// Customs house of the port.
    pub port: String,
    /// Supervision mode.
    pub mode: String,
    /// Credit class of the declarant.
    pub class: Class,
    /// When it was filed.
    pub filed: OffsetDateTime,
    /// When it was released; `None` when it was rejected, returned or withdrawn.
    pub released: Option<OffsetDateTime>,
    /// How long documents were awaited that an agency had asked the firm for, in milliseconds.
    pub documents_ms: i64,
    /// An order was completed for it.
    pub inspected: bool,
    /// Both agencies had demanded that.
    pub joint: bool,
}

/// What cases are put together by. The order is that of the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StatisticsGroup {
    /// All of them.
    All,
    /// One port.
    Port(String),
    /// One supervision mode.
    Mode(String),
    /// One credit class.
    Class(Class),
}

/// How long it took. Times are whole milliseconds; all are zero when there is no case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// Released declarations.
    pub count: u64,
    /// Mean, rounded down.
    pub mean_ms: i64,
    /// Half of them took no longer.
    pub p50_ms: i64,
    /// Nine tenths took no longer.
    pub p90_ms: i64,
    /// Ninety-nine hundredths took no longer.
    pub p99_ms: i64,
    /// None took longer.
    pub max_ms: i64,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatisticsRow {
    /// Of which cases.
    pub group: StatisticsGroup,
    /// How many.
    pub cases: u64,
    /// How many were released.
    pub released: u64,
    /// How many were inspected.
    pub inspected: u64,
    /// Of those: how many inspections both agencies had demanded.
    pub joint: u64,
    /// Inspected of all cases, in basis points.
    pub inspected_bp: u64,
    /// Joint of all inspections, in basis points.
    pub joint_bp: u64,
    /// Of released declarations that were inspected.
    pub with_inspection: Times,
    /// Of released declarations that were not.
    pub without_inspection: Times,
    /// How long those that were released had waited for documents of the firm; only of those that had.
    pub waiting_for_documents: Times,
}

#[derive(Debug, Default)]
struct Tally {
    cases: u64,
    inspected: u64,
    joint: u64,
    with_inspection: Vec<i64>,
    without_inspection: Vec<i64>,
    waiting_for_documents: Vec<i64>,
}

/// The table: all cases, then by port, by mode and by class.
pub fn table<'c>(cases: impl IntoIterator<Item = &'c ClearedCase>) -> Vec<StatisticsRow> {
    let mut tallies: BTreeMap<StatisticsGroup, Tally> =
        BTreeMap::from([(StatisticsGroup::All, Tally::default())]);
    for case in cases {
        let groups = [
            StatisticsGroup::All,
            StatisticsGroup::Port(case.port.clone()),
            StatisticsGroup::Mode(case.mode.clone()),
            StatisticsGroup::Class(case.class),
        ];
        for group in groups {
            tallies.entry(group).or_default().add(case);
        }
    }
    tallies.into_iter().map(|(group, tally)| tally.row(group)).collect()
}

impl Tally {
    fn add(&mut self, case: &ClearedCase) {
        self.cases += 1;
        self.inspected += u64::from(case.inspected);
        self.joint += u64::from(case.inspected && case.joint);
        let Some(released) = case.released else { return };
        // Two clocks may disagree; nothing is released before it is filed.
        let took = (released - case.filed).whole_milliseconds().max(0);
        // Whoever waits longer than fits, 292 million years, has waited long enough.
        let took = i64::try_from(took).unwrap_or(i64::MAX);
        let took = took.saturating_sub(case.documents_ms).max(0);
        let times =
            if case.inspected { &mut self.with_inspection } else { &mut self.without_inspection };
        times.push(took);
        if case.documents_ms > 0 {
            self.waiting_for_documents.push(case.documents_ms);
        }
    }

    fn row(self, group: StatisticsGroup) -> StatisticsRow {
        let (with, without) = (times(self.with_inspection), times(self.without_inspection));
        StatisticsRow {
            group,
            cases: self.cases,
            released: with.count + without.count,
            inspected: self.inspected,
            joint: self.joint,
            inspected_bp: share_bp(self.inspected, self.cases),
            joint_bp: share_bp(self.joint, self.inspected),
            with_inspection: with,
            without_inspection: without,
            waiting_for_documents: times(self.waiting_for_documents),
        }
    }
}

fn share_bp(part: u64, whole: u64) -> u64 {
    // Of nothing, nothing.
    part.saturating_mul(20_000).checked_div(whole).unwrap_or(0).div_ceil(2)
}

fn times(mut took: Vec<i64>) -> Times {
    took.sort_unstable();
    let Some(max_ms) = took.last().copied() else { return Times::default() };
    let sum: i128 = took.iter().map(|ms| i128::from(*ms)).sum();
    // No machine that we run on has a wider usize.
    let count = u64::try_from(took.len()).unwrap_or(u64::MAX);
    let mean = sum / i128::from(count);
    // Nearest rank: the smallest time that so many per cent do not exceed.
    let percentile = |percent: usize| {
        let rank = (took.len() * percent).div_ceil(100);
        took[rank.saturating_sub(1)]
    };
    Times {
        count,
        // It is not above the longest one, which fits.
        mean_ms: i64::try_from(mean).unwrap_or(max_ms),
        p50_ms: percentile(50),
        p90_ms: percentile(90),
        p99_ms: percentile(99),
        max_ms,
    }
}
