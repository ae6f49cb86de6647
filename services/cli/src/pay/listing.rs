//! A list as a table, rows for spreadsheets, or a line of JSON for each.

use serde::Serialize;

use super::PayPrinter;
use crate::session::{Columns, print_list};
use crate::words::pick;
use crate::{Exit, Language};

/// How the items of a list are shown.
pub(crate) struct Listing<T, const N: usize> {
    /// Names of the columns, in English and Chinese.
    pub(crate) header: ([&'static str; N], [&'static str; N]),
    /// Which column gives way to a narrow terminal.
    pub(crate) flexible: Option<usize>,
    /// What there is to say when there is nothing.
    pub(crate) none: (&'static str, &'static str),
    /// The cells of an item.
    pub(crate) row: fn(&T, Language) -> [String; N],
}

impl<T: Serialize, const N: usize> Listing<T, N> {
    /// Tells the items.
    pub(crate) fn tell(&self, teller: PayPrinter<'_>, items: &[T]) -> anyhow::Result<Exit> {
        let columns = |language| Columns {
            header: match language {
                Language::English => self.header.0.to_vec(),
                Language::Chinese => self.header.1.to_vec(),
            },
            flexible: self.flexible,
            none: pick(language, self.none.0, self.none.1),
        };
        print_list((teller.format, teller.session.language), items, columns, self.row)
    }
}
