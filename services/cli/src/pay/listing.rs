//! A list as a table, rows for spreadsheets, or a line of JSON for each.

use serde::Serialize;

use super::PayPrinter;
use crate::session::{Columns, print_list};
use crate::words::pick;
use crate::{Exit, Language};

/// How the items of a list are shown.
#[derive(Debug)]
pub struct Listing<T, const N: usize> {
    /// Names of the columns, in English and Chinese.
    pub(crate) header: ([&'static str; N], [&'static str; N]),
    /// Which column gives way to a narrow terminal.
    pub(crate) flexible: Option<usize>,
    /// What there is to say when there is nothing.
    pub(crate) none: (&'static str, &'static str),
    /// The cells of an item.
    pub(crate) row: fn(&T, Language) -> [String; N],
}

impl<T, const N: usize> Listing<T, N> {
    /// The names of the columns.
    pub fn columns(&self, language: Language) -> [&'static str; N] {
        match language {
            Language::English => self.header.0,
            Language::Chinese => self.header.1,
        }
    }

    /// What there is to say when there is nothing.
    pub fn empty(&self, language: Language) -> &'static str {
        pick(language, self.none.0, self.none.1)
    }

    /// The cells of an item.
    pub fn cells(&self, item: &T, language: Language) -> [String; N] {
        (self.row)(item, language)
    }
}

impl<T: Serialize, const N: usize> Listing<T, N> {
    /// Tells the items.
    pub(crate) fn print(&self, teller: PayPrinter<'_>, items: &[T]) -> anyhow::Result<Exit> {
        let columns = |language| Columns {
            header: self.columns(language).to_vec(),
            flexible: self.flexible,
            none: self.empty(language),
        };
        print_list((teller.format, teller.session.language), items, columns, self.row)
    }
}
