//! Tables for people. One that is wider than the terminal gives way in its flexible column; where that
//! is not enough, each row is folded over several lines. Nothing is cut: ids and numbers can be copied.

use std::fmt;

use comfy_table::{ColumnConstraint, ContentArrangement, Width, presets};

/// Columns where nobody says how many there are, as in a pipe.
const COLUMNS: usize = 80;
/// Columns that texts of any length keep when a terminal is narrow.
const FLEXIBLE_MIN: u16 = 12;
/// Between columns of a folded row.
const GAP: usize = 2;
/// In front of the lines of a row after its first.
const INDENT: usize = 4;

/// Rows under a header.
#[derive(Debug, Clone)]
pub(super) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    flexible: Option<usize>,
}

/// An empty table. Only the column `flexible` gives way to a narrow terminal: ids and numbers in
/// pieces could be neither read nor copied.
pub(super) fn table(header: &[&str], flexible: Option<usize>) -> Table {
    let header = header.iter().map(|&name| name.to_owned()).collect();
    Table { header, rows: Vec::new(), flexible }
}

/// How many columns there are: of the terminal, or as `COLUMNS` says.
pub(super) fn columns() -> usize {
    let terminal = comfy_table::Table::new().width().map(usize::from);
    let from_environment = || std::env::var_os("COLUMNS")?.to_str()?.parse().ok();
    terminal.or_else(from_environment).filter(|columns| *columns > 0).unwrap_or(COLUMNS)
}

/// Columns that a text takes, where Chinese characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}

impl Table {
    /// Adds a row.
    pub(super) fn add_row<I: IntoIterator<Item: Into<String>>>(&mut self, cells: I) {
        // A line break in a cell would break the row.
        let cells = cells.into_iter().map(|cell| Into::<String>::into(cell).replace('\n', " "));
        self.rows.push(cells.collect());
    }

    /// Whether it has no row.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table in so many columns.
    fn fitted(&self, columns: usize) -> String {
        let widths = self.widths();
        let frame = 3 * widths.len() + 1;
        let natural = widths.iter().sum::<usize>() + frame;
        let given = self.flexible.and_then(|index| widths.get(index)).copied().unwrap_or_default(); // none gives way
        let least = natural - given.saturating_sub(usize::from(FLEXIBLE_MIN));
        if natural <= columns || (least <= columns && given > 0) {
            return self.framed(columns);
        }
        self.folded(&widths, columns)
    }

    fn widths(&self) -> Vec<usize> {
        let of = |index: usize| {
            let cells =
                self.rows.iter().filter_map(move |row: &Vec<String>| row.get::<usize>(index));
            cells.map(|cell: &String| width(cell)).max().unwrap_or_default() // no rows, no width
        };
        self.header.iter().enumerate().map(|(index, name)| width(name).max(of(index))).collect()
    }

    fn framed(&self, columns: usize) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(columns).unwrap_or(u16::MAX)); // wider than any terminal
        table.set_header(&self.header);
        for row in &self.rows {
            table.add_row(row);
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_constraint(if self.flexible == Some(index) {
                ColumnConstraint::LowerBoundary(Width::Fixed(FLEXIBLE_MIN))
            } else {
                ColumnConstraint::ContentWidth
            });
        }
        table.to_string()
    }

    /// Rows over as many lines as they need; columns stay below each other.
    fn folded(&self, widths: &[usize], columns: usize) -> String {
        let mut lines: Vec<Vec<usize>> = vec![Vec::new()];
        let mut taken = 0;
        for (index, column) in widths.iter().enumerate() {
            let is_first = lines.last().is_none_or(Vec::is_empty);
            if !is_first && taken + GAP + column > columns {
                lines.push(vec![index]);
                taken = INDENT + column;
            } else {
                taken += if is_first { *column } else { GAP + column };
                lines.last_mut().unwrap_or(&mut Vec::new()).push(index);
            }
        }
        let mut text = fold(&self.header, &lines, widths, columns);
        text.push_str(&"─".repeat(columns));
        for row in &self.rows {
            text.push('\n');
            text.push_str(fold(row, &lines, widths, columns).trim_end_matches('\n'));
        }
        text
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fitted(columns()))
    }
}

/// One row over several lines; lines without anything in them are left out.
fn fold(cells: &[String], lines: &[Vec<usize>], widths: &[usize], columns: usize) -> String {
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let mut shown = String::new();
        for &index in line {
            let cell = cells.get(index).map(String::as_str).unwrap_or_default(); // a short row ends in empty cells
            shown.push_str(cell);
            let blank = (widths[index] + GAP).saturating_sub(width(cell));
            shown.push_str(&" ".repeat(blank));
        }
        let shown = shown.trim_end();
        if shown.is_empty() && number > 0 {
            continue;
        }
        let indent = if number == 0 { 0 } else { INDENT };
        for piece in wrapped(shown, columns.saturating_sub(indent).max(INDENT)) {
            text.push_str(&" ".repeat(indent));
            text.push_str(&piece);
            text.push('\n');
        }
    }
    text
}

/// Names with their values, one a line. Values that are too long go on below, and those with a word
/// that does not fit beside the names begin there.
pub(super) fn fields(fields: &[(&str, String)], columns: usize) -> String {
    let label = fields.iter().map(|(name, _)| width(name)).max().unwrap_or_default() + GAP; // no fields, no label
    let beside = columns.saturating_sub(label);
    let mut lines = Vec::new();
    for (name, value) in fields {
        let fits = value.split(' ').all(|word| width(word) <= beside);
        let (indent, room) =
            if fits { (label, beside) } else { (INDENT, columns - INDENT.min(columns)) };
        let mut pieces = wrapped(value, room.max(INDENT)).into_iter();
        let first = pieces.next().filter(|_| fits);
        if let Some(first) = first {
            let blank = " ".repeat(label.saturating_sub(width(name)));
            lines.push(format!("{name}{blank}{first}").trim_end().to_owned());
        } else {
            lines.push((*name).to_owned());
            pieces = wrapped(value, room.max(INDENT)).into_iter();
        }
        let blank = " ".repeat(indent);
        lines.extend(pieces.map(|piece| format!("{blank}{piece}")));
    }
    lines.join("\n")
}

/// A text in lines of at most so many columns: between words where there are some, or else between
/// characters.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while width(rest) > columns {
        let mut taken = 0;
        let fits = rest.char_indices().find(|(_, c)| {
            taken += if c.is_ascii() { 1 } else { 2 };
            taken > columns
        });
        let end = fits.map_or(rest.len(), |(index, _)| index).max(1);
        let word = rest[..end].rfind(' ').filter(|at| *at > 0);
        let (line, more) = rest.split_at(word.unwrap_or(end));
        lines.push(line.trim_end().to_owned());
        rest = more.trim_start();
    }
    lines.push(rest.to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> Table {
        let mut list = table(&["id", "preNo", "订单编号", "mode", "state", "filed"], None);
        list.add_row([
            "0190a6e1-0000-7000-8000-0000000000ab",
            "B20261124000000001",
            "ORDER-2026-11-24-0000001",
            "9610",
            "UNDER REVIEW",
            "2026-11-24 08:30",
        ]);
        list
    }

    fn widest(text: &str) -> usize {
        // A line of a frame takes one column a character.
        let of = |line: &str| {
            line.chars()
                .map(|c| if ('─'..='╿').contains(&c) { 1 } else { width(&c.to_string()) })
                .sum()
        };
        text.lines().map(of).max().unwrap_or_default()
    }

    #[test]
    fn what_fits_is_framed_and_what_does_not_is_folded() {
        let wide = list().fitted(200);
        assert!(wide.starts_with('┌') && wide.lines().count() == 5, "{wide}");
        for columns in [40, 80, 100] {
            let folded = list().fitted(columns);
            assert!(widest(&folded) <= columns, "{columns}:\n{folded}");
            for whole in ["0190a6e1-0000-7000-8000-0000000000ab", "B20261124000000001"] {
                assert!(folded.contains(whole), "{folded}");
            }
        }
        let folded = list().fitted(80);
        assert_eq!(folded.lines().count(), 5, "two lines a row:\n{folded}");
    }

    #[test]
    fn a_flexible_column_gives_way_before_rows_are_folded() {
        let mut files = table(&["file", "result"], Some(0));
        files.add_row(["a/very/long/path/".repeat(8), "filed".to_owned()]);
        let shown = files.fitted(60);
        assert!(shown.starts_with('┌') && widest(&shown) <= 60, "{shown}");
    }

    #[test]
    fn long_texts_are_wrapped_between_words_or_characters() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrapped("海关同意放行", 4), ["海关", "同意", "放行"]);
        assert_eq!(wrapped("", 4), [""]);
        let card = [("own no.", "A1".to_owned()), ("订单", "one two three".to_owned())];
        assert_eq!(fields(&card, 18), "own no.  A1\n订单     one two\n         three");
        assert_eq!(
            fields(&[("own no.", "AB123456789".to_owned())], 18),
            "own no.\n    AB123456789"
        );
    }
}
