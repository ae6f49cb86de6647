//! From a field of a declaration back to the element that filled it, for rules that are broken after
//! the message was read.
//!
//! A document keeps the offsets of its elements as its tables laid them down: its own offset, the
//! offsets of its head and of its first line; then the head, then each line, each with its own offset
//! and one for each row of its table. This holds because the tables allow each of these rows once and
//! a document with a misplaced element is never handed out. Lines are counted when somebody asks, from
//! the start of the document on.

use super::fault::line_breaks;
use super::table::Element;
use super::{Document, Place};

/// Marks of the document itself: its start, its head, its first line.
const OWN: usize = 3;

impl Document {
    /// Where the element of a field stands, for example of `lines[2].gcode` or `freight.currency`.
    /// `None` for a field that the national message does not have.
    pub fn place(&self, field: &str) -> Option<Place> {
        let Some(rest) = field.strip_prefix("lines") else {
            let row = find(self.format.head, field)?;
            let name = self.format.head[row].name;
            return self.at(OWN, Some(row), format!("/InventoryHead/{name}"));
        };
        let Some((index, rest)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        else {
            return self.at(0, Some(1), "/InventoryList".to_owned());
        };
        let index: usize = index.parse().ok()?;
        let list = format!("/InventoryList[{}]", index.checked_add(1)?);
        let base = OWN + 1 + self.format.head.len();
        let base = index.checked_mul(1 + self.format.line.len())?.checked_add(base)?;
        match rest.strip_prefix('.') {
            Some(field) => {
                let row = find(self.format.line, field)?;
                let name = self.format.line[row].name;
                self.at(base, Some(row), format!("{list}/{name}"))
            }
            None => self.at(base, None, list),
        }
    }

    /// The place of a row of the group whose marks begin at `base`; of the group when it is absent.
    fn at(&self, base: usize, row: Option<usize>, below: String) -> Option<Place> {
        let group = *self.marks.get(base)?;
        let mark = row.and_then(|row| self.marks.get(base + 1 + row)).copied();
        let at = mark.filter(|&at| at > 0).unwrap_or(group);
        let (start, at) = (usize::try_from(*self.marks.first()?), usize::try_from(at));
        let line = self.line + line_breaks(self.source.as_bytes().get(start.ok()?..at.ok()?)?);
        Some(Place { element: format!("{}[{}]{below}", self.format.payload, self.number), line })
    }
}

/// The row that fills a field: exactly it, or what it is part of (`qty` for `qty.value_e5`), or else
/// the first of its parts (`buyerIdType` for `buyer`).
fn find<T>(table: &[Element<T>], field: &str) -> Option<usize> {
    let fills = |test: &dyn Fn(&str) -> bool| {
        table.iter().position(|row| row.field.split_whitespace().any(test))
    };
    fills(&|path| path == field)
        .or_else(|| {
            let (whole, _) = field.rsplit_once('.')?;
            fills(&|path| path == whole)
        })
        .or_else(|| {
            fills(&|path| path.strip_prefix(field).is_some_and(|rest| rest.starts_with('.')))
        })
}
