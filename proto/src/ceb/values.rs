//! The values of a document by the names of their elements, for what is the same in many kinds of
//! documents: business keys, and receipts that repeat elements of what they answer.

use super::schema::ElementTable;
use super::table::{ElementContent, ElementKind};
use super::{Document, value, write};

/// The value of an element as text; `None` when the table has no such element, empty when it has no
/// value.
pub(super) fn value<T: ElementTable>(it: &T, element: &str) -> Option<String> {
    let row = T::TABLE.iter().find(|row| row.name == element)?;
    match row.content {
        ElementContent::Text { get, .. } => {
            let text = get(it);
            Some(if text.is_empty() { row.empty } else { text }.to_owned())
        }
        ElementContent::Decimal { get, .. } => {
            Some(get(it).map_or_else(String::new, write::amount))
        }
        ElementContent::Count { get, .. } => {
            Some(get(it).map_or_else(String::new, |count| count.to_string()))
        }
        ElementContent::Texts { .. } | ElementContent::Group { .. } | ElementContent::Any(_) => {
            None
        }
    }
}

/// Sets every element for which there is a value that it can hold.
pub(super) fn fill<T: ElementTable>(it: &mut T, of: &dyn Fn(&str) -> Option<String>) {
    for row in T::TABLE {
        let Some(text) = of(row.name).filter(|text| !text.is_empty()) else { continue };
        match (&row.content, row.kind) {
            (ElementContent::Text { set, .. }, _) => set(it, text),
            (ElementContent::Decimal { set, .. }, _) => {
                if let Ok(amount) = value::decimal_e5(&text) {
                    set(it, amount);
                }
            }
            (ElementContent::Count { set, .. }, ElementKind::Count { digits }) => {
                if let Ok(count) = value::count(&text, digits) {
                    set(it, count);
                }
            }
            _ => {}
        }
    }
}

impl Document {
    /// The values of an element of every line; none for documents without lines, or without the element.
    pub fn line_values(&self, element: &str) -> Vec<String> {
        fn all<T: ElementTable>(lines: &[T], element: &str) -> Vec<String> {
            lines.iter().filter_map(|line| value(line, element)).collect()
        }
        match self {
            Self::Ceb303(it) => all(&it.lines, element),
            Self::Ceb311(it) => all(&it.lines, element),
            Self::Ceb507(it) => all(&it.lines, element),
            Self::Ceb509(it) => all(&it.lines, element),
            Self::Ceb603(it) => all(&it.lines, element),
            Self::Ceb607(it) => all(&it.lines, element),
            Self::Ceb213(it) => all(&it.lines, element),
            Self::Ceb621(it) => all(&it.lines, element),
            Self::Ceb625(it) => all(&it.lines, element),
            Self::Ceb701(it) => all(&it.lines, element),
            Self::Ceb711(it) => all(&it.lines, element),
            _ => Vec::new(),
        }
    }
}

/// What the rules of documents look at.
impl domain::documents::Elements for Document {
    fn head(&self, element: &str) -> Option<String> {
        self.value(element)
    }

    fn lines(&self, element: &str) -> Vec<String> {
        self.line_values(element)
    }
}
