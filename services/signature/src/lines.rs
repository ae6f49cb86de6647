//! Line numbers of the original message for lines of the canonical text.
//!
//! The caller decodes the canonical text, because only that was signed, but people look at what they
//! sent. The canonical text lacks the XML declaration, comments and line breaks inside of tags, so its
//! lines count differently.

use crate::canonical::Canonical;
use crate::text::line_breaks;

/// Keeps the places where the difference between both counts changes, and nothing between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// A line of the canonical text, and the line of the original at the same place.
    places: Vec<(u32, u32)>,
}

impl Lines {
    /// The line of the original for a line of the canonical text. Both count from 1. It is exact for
    /// what begins the line; what follows a comment or a broken tag on one line may be further down.
    #[must_use]
    pub fn original(&self, canonical: u32) -> u32 {
        // A change inside of a line concerns what comes after it, but the first line has none before.
        let older = self.places.partition_point(|&(line, _)| line < canonical).max(1);
        let Some(&(line, original)) = self.places.get(older - 1) else { return canonical };
        original.saturating_add(canonical.saturating_sub(line))
    }
}

/// Fills [`Lines`] while a message is read, counting each line break once.
pub(crate) struct Counter<'i> {
    source: &'i str,
    counted: usize,
    line: u32,
    lines: Lines,
}

impl<'i> Counter<'i> {
    pub(crate) fn new(source: &'i str) -> Self {
        Self { source, counted: 0, line: 1, lines: Lines::default() }
    }

    /// Notes that a token at this offset is written next.
    pub(crate) fn note(&mut self, at: usize, canonical: &Canonical) {
        // Attributes are written in another order: what was counted is not counted again.
        let passed = self.source.get(self.counted..at).unwrap_or_default();
        self.line = self.line.saturating_add(line_breaks(passed));
        self.counted = self.counted.max(at);
        let place = (canonical.line(), self.line);
        if self.lines.places.is_empty() || self.lines.original(place.0 + 1) != place.1 + 1 {
            self.lines.places.push(place);
        }
    }

    pub(crate) fn into_lines(self) -> Lines {
        self.lines
    }
}
