//! Every text of the help, English and Chinese side by side.

/// What clap is given, and the same in Chinese.
pub(super) const TEXTS: &[(&str, &str)] = &[
];
