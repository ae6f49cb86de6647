//! Takes the pages of error codes, in English and Chinese, into the binary, which shows them under `/errors`.

use std::fmt::Write as _;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo sets it")?);
    let folder = root.join("../../docs/errors").canonicalize()?;
    let chinese = root.join("../../docs/zh/errors").canonicalize()?;
    for folder in [&folder, &chinese] {
        println!("cargo:rerun-if-changed={}", folder.display());
    }
    let mut pages: Vec<_> = std::fs::read_dir(&folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    pages.sort();
    let mut list = "&[".to_owned();
    for page in pages {
        let name = page.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("SW-") {
            // A page that is missing in one of the languages stops the build.
            let chinese = chinese.join(format!("{name}.md"));
            let (page, chinese) = (page.display().to_string(), chinese.display().to_string());
            write!(list, "({name:?}, [include_str!({page:?}), include_str!({chinese:?})]),")?;
        }
    }
    list.push(']');
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets it")?);
    std::fs::write(out.join("error_pages.rs"), list)?;
    Ok(())
}
