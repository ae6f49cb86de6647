//! A CSV file of the refund commands: a header, and below it rows of as many cells.

use std::path::Path;

use anyhow::Context as _;
use proto::bank::csv;

use crate::BilingualText;

/// The rows below the header with their lines.
pub(super) fn read<const CELLS: usize>(
    file: &Path,
    header: [&str; CELLS],
) -> anyhow::Result<Vec<(u32, [String; CELLS])>> {
    let bytes = std::fs::read(file).with_context(|| BilingualText::unreadable(file))?;
    let rows = csv::rows(&bytes).map_err(|_| wrong(file, 1, "this is no CSV file"))?;
    let mut rows = rows.into_iter();
    let (_, first) = rows.next().ok_or_else(|| wrong(file, 1, "the header is missing"))?;
    if first != header {
        return Err(wrong(file, 1, &format!("the header has to be {}", header.join(","))));
    }
    let row = |(line, cells): (u32, Vec<String>)| match <[String; CELLS]>::try_from(cells) {
        Ok(cells) => Ok((line, cells)),
        Err(_) => Err(wrong(file, line, &format!("{CELLS} columns are needed"))),
    };
    rows.map(row).collect()
}

/// Says what is wrong with a line of it.
pub(super) fn wrong(file: &Path, line: u32, what: &str) -> anyhow::Error {
    let shown = file.display();
    anyhow::Error::new(BilingualText::new(
        format!("{shown}, line {line}: {what}"),
        format!("{shown}第{line}行：格式不符（{what}）"),
    ))
}
