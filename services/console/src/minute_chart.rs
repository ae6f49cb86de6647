//! The last minutes as a chart of columns: how many of something there were in each, and how many of these were of a
//! kind that stands out.

use cli::words;
use time::{Duration, OffsetDateTime};

/// See the module.
#[derive(Debug)]
pub(crate) struct MinuteChart {
    pub(crate) columns: Vec<MinuteColumn>,
    /// The most of a minute.
    pub(crate) most: u64,
}

/// A minute of it.
#[derive(Debug)]
pub(crate) struct MinuteColumn {
    /// When it begins, for people.
    pub(crate) time: String,
    pub(crate) counts: MinuteCounts,
    pub(crate) x: usize,
    pub(crate) height: u64,
    pub(crate) part_height: u64,
}

/// What is drawn of a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MinuteCounts {
    pub(crate) all: u64,
    /// Those among them that stand out.
    pub(crate) part: u64,
}

/// Pixels of the highest column, and from a column to the next.
pub(crate) const HEIGHT: u64 = 90;
const STEP: usize = 24;

impl MinuteChart {
    /// Draws these minutes, the first of which begins at this time; the first few are left out, with their place kept.
    pub(crate) fn of(
        begins: Option<OffsetDateTime>,
        counts: &[MinuteCounts],
        left_out: usize,
    ) -> Self {
        let most = counts.iter().map(|it| it.all).max().unwrap_or(0); // of none
        // What there is of a thing is seen, however little it is.
        let height = |count: u64| if most == 0 { 0 } else { (count * HEIGHT).div_ceil(most) };
        let column = |((place, counts), minute): ((usize, &MinuteCounts), i64)| {
            let time = words::minute(
                begins.map(|begins| begins.saturating_add(Duration::minutes(minute))),
            );
            MinuteColumn {
                time: time.split(' ').next_back().unwrap_or(&time).to_owned(), // a text has a last word
                counts: *counts,
                x: place * STEP,
                height: height(counts.all),
                part_height: height(counts.part),
            }
        };
        let columns = counts.iter().enumerate().zip(0_i64..).skip(left_out).map(column).collect();
        Self { columns, most }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn columns_are_as_high_as_their_share_and_keep_their_places() {
        let counts = [(0, 0), (1, 0), (3, 1), (200, 200)];
        let counts = counts.map(|(all, part)| MinuteCounts { all, part });
        let begins = Some(datetime!(2026-11-30 8:00 UTC));
        let chart = MinuteChart::of(begins, &counts, 1);
        let seen: Vec<_> = chart
            .columns
            .iter()
            .map(|it| (it.time.as_str(), it.x, it.height, it.part_height))
            .collect();
        assert_eq!(chart.most, 200);
        assert_eq!(
            seen,
            [("16:01", STEP, 1, 0), ("16:02", 2 * STEP, 2, 1), ("16:03", 3 * STEP, HEIGHT, HEIGHT)]
        );
        let none = MinuteChart::of(begins, &[MinuteCounts::default(); 2], 0);
        assert!(none.columns.iter().all(|it| it.height == 0));
        assert_eq!(none.columns.len(), 2);
    }
}
