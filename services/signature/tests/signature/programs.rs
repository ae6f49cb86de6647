//! Other implementations, when they are installed. `apt-get install xmlsec1 libxml2-utils openssl`.

use std::path::Path;
use std::process::{Command, Output};

/// Whether a program can be run. Without it a test is skipped, which CI does not allow.
pub(crate) fn has(program: &str) -> bool {
    let version = if program == "openssl" { "version" } else { "--version" };
    let found = Command::new(program).arg(version).output().is_ok();
    if !found {
        // CI says so itself when it could not install them.
        let excused = std::env::var_os("SW_NO_XML_TOOLS").is_some();
        let must = std::env::var_os("CI").is_some() && !excused;
        assert!(!must, "CI needs the program {program}");
        eprintln!("skipped: {program} is not installed, nothing was compared with it");
    }
    found
}

pub(crate) fn run(program: &str, arguments: &[&str], folder: &Path) -> Output {
    Command::new(program).args(arguments).current_dir(folder).output().expect("the program runs")
}

/// What it said, for a failed assertion.
pub(crate) fn output_text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
