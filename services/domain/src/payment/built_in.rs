//! The files of this version: numbers of the law, and the samples of a tariff and of the list of retail
//! imports. They are compiled in, so that nothing has to be found at run time.

use std::sync::LazyLock;

use super::parameters::{Parameters, read};

/// The files, by name.
pub const FILES: [(&str, &str); 3] = [
    ("import-tax.toml", include_str!("../../data/import-tax.toml")),
    ("sample-tariff.toml", include_str!("../../data/sample-tariff.toml")),
    ("sample-import-list.toml", include_str!("../../data/sample-import-list.toml")),
];

static PARAMETERS: LazyLock<Parameters> = LazyLock::new(|| {
    let texts = FILES.map(|(_, text)| text);
    read(&texts).expect("a test reads the files that are compiled in")
});

/// What they say.
pub fn parameters() -> &'static Parameters {
    &PARAMETERS
}
