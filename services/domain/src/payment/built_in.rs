//! The files of this version: numbers of the law, and the samples of a tariff and of the list of retail
//! imports. They are compiled in, so that nothing has to be found at run time.

use std::sync::LazyLock;

use super::parameters::{Parameters, read};

/// The files: name, text, and the kind of their tables besides laws.
pub const FILES: [(&str, &str, &str); 3] = [
    ("import-tax.toml", include_str!("../../data/import-tax.toml"), "parameter"),
    ("sample-tariff.toml", include_str!("../../data/sample-tariff.toml"), "tariff"),
    ("sample-import-list.toml", include_str!("../../data/sample-import-list.toml"), "listed"),
];

static PARAMETERS: LazyLock<Parameters> = LazyLock::new(|| {
    let texts = FILES.map(|(_, text, _)| text);
    read(&texts).expect("a test reads the files that are compiled in")
});

/// What they say.
pub fn parameters() -> &'static Parameters {
    &PARAMETERS
}
