//! No target: writes what the targets start from, and ends. `seeds FOLDER` makes one folder for each
//! target below FOLDER, and the dictionary `words`. It is built as a target because everything in this
//! crate is linked with libFuzzer, which brings its own `main`.

#![no_main]

use std::path::{Path, PathBuf};

use signature::sign;
use sw_fuzz::{firms, samples};

libfuzzer_sys::fuzz_target!(init: write_and_end(), |_data: &[u8]| {});

fn write_and_end() {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).expect("seeds FOLDER");
    write_all(&folder).expect("seeds are written");
    std::process::exit(0);
}

fn write_all(folder: &Path) -> std::io::Result<()> {
    write(folder, "read_inbound", &samples::messages(true))?;
    write(folder, "read_outbound", &samples::messages(false))?;
    write(folder, "envelope", &samples::envelopes())?;
    write(folder, "canonical", &samples::spellings())?;
    let texts = samples::signable();
    write(folder, "sign", &texts)?;
    let mut signed = Vec::new();
    for (at, key) in firms::keys().iter().enumerate() {
        for (name, text) in &texts {
            let text = sign(text.as_bytes(), key).expect("samples can be signed");
            signed.push((format!("{name}-{at}"), text));
        }
    }
    write(folder, "verify", &signed)?;
    // Every byte but letters and digits is escaped, which libFuzzer reads back.
    let word = |word: &String| {
        let escaped: String = word
            .bytes()
            .map(|byte| match byte {
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
                _ => format!("\\x{byte:02X}"),
            })
            .collect();
        format!("\"{escaped}\"\n")
    };
    std::fs::write(folder.join("words"), samples::words().iter().map(word).collect::<String>())
}

fn write(folder: &Path, target: &str, seeds: &[(String, String)]) -> std::io::Result<()> {
    let folder = folder.join(target);
    std::fs::create_dir_all(&folder)?;
    seeds.iter().try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
}
