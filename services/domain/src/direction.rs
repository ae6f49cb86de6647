//! Which way goods go.

/// Which way the goods cross the border (ieFlag).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// Into the country.
    Import,
    /// Out of the country.
    Export,
}
