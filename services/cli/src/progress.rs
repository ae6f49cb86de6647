//! How far what takes long has come, on stderr, for people; it hides itself when stderr is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// Fewer documents are done before a bar could be read.
const BAR_FROM: u64 = 21;

/// How many so far.
pub(crate) fn counter(word: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {pos} {msg} {per_sec}");
    let bar = ProgressBar::new_spinner().with_message(word);
    // The template is constant; a default bar does as well if it could not be read.
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

/// How many of all; none where they are few.
pub(crate) fn bar(count: usize, word: &'static str) -> ProgressBar {
    let count = u64::try_from(count).unwrap_or(u64::MAX); // a bar only
    if count < BAR_FROM {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg} {per_sec}");
    let bar = ProgressBar::new(count).with_message(word);
    // The template is constant; a default bar does as well if it could not be read.
    style.map_or(bar.clone(), |style| bar.with_style(style))
}
