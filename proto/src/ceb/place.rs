//! From a field of a document back to the element that filled it, for rules that are broken after the
//! message was read.
//!
//! A document keeps the offsets of its elements as its tables laid them down: its own offset and one
//! for each row of its table; for a document of head and lines, then the head and each line in the
//! same way. This holds because the tables allow the head once and a document with a misplaced element
//! is never handed out. Lines are counted when somebody asks, from the start of the document on.

use super::fault::line_breaks;
use super::messages::FieldGroup;
use super::{FieldPlace, ReadDocument, declaration};

impl ReadDocument {
    /// Where the element of a field stands. The field is one of the typed document (`order_no` or
    /// `head.order_no`, `lines[2].gcode`); of inventories it may also be one of the declaration
    /// (`declarant.code`, `lines[2].price.currency`). `None` for a field that the document does not
    /// have.
    pub fn place(&self, field: &str) -> Option<FieldPlace> {
        let groups = self.document.message_type().groups();
        let head = groups.first()?;
        let own = head.field.is_empty();
        let base = if own { 0 } else { 1 + groups.len() };
        let Some(rest) = field.strip_prefix("lines") else {
            let row = self.row(head, field.strip_prefix("head.").unwrap_or(field))?;
            let name = head.fields[row].element;
            let below = if own { format!("/{name}") } else { format!("/{}/{name}", head.element) };
            return self.at(base, Some(row), below);
        };
        let list = groups.get(1)?;
        let Some((index, rest)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        else {
            return self.at(0, Some(1), format!("/{}", list.element));
        };
        let index: usize = index.parse().ok()?;
        let below = format!("/{}[{}]", list.element, index.checked_add(1)?);
        let base = base + 1 + head.fields.len();
        let base = index.checked_mul(1 + list.fields.len())?.checked_add(base)?;
        match rest.strip_prefix('.') {
            Some(field) => {
                let row = self.row(list, field)?;
                self.at(base, Some(row), format!("{below}/{}", list.fields[row].element))
            }
            None => self.at(base, None, below),
        }
    }

    fn row(&self, group: &FieldGroup, field: &str) -> Option<usize> {
        let fills = declaration::element(self.document.message_type(), group.field, field);
        group.fields.iter().position(|row| match fills {
            Some(element) => row.element == element,
            None => !field.is_empty() && (row.name == field || row.element == field),
        })
    }

    /// The place of a row of the group whose marks begin at `base`; of the group when it is absent.
    fn at(&self, base: usize, row: Option<usize>, below: String) -> Option<FieldPlace> {
        let group = *self.marks.get(base)?;
        let mark = row.and_then(|row| self.marks.get(base + 1 + row)).copied();
        let at = mark.filter(|&at| at > 0).unwrap_or(group);
        let (start, at) = (usize::try_from(*self.marks.first()?), usize::try_from(at));
        let line = self.line + line_breaks(self.source.as_bytes().get(start.ok()?..at.ok()?)?);
        let message_type = self.document.message_type();
        let payload = message_type.payload();
        let element = if message_type.documents_max() == 1 {
            format!("{payload}{below}")
        } else {
            format!("{payload}[{}]{below}", self.number)
        };
        Some(FieldPlace { element, line })
    }
}
