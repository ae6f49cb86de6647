//! A list as a table, rows for spreadsheets, or a line of JSON for each.

use serde::Serialize;

use super::Teller;
use crate::words::{self, pick};
use crate::{Exit, Language, OutputFormat, csv, say, say_json};

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
    pub(crate) fn tell(&self, teller: Teller<'_>, items: &[T]) -> anyhow::Result<Exit> {
        let language = teller.session.language;
        match teller.format {
            OutputFormat::Json => items.iter().try_for_each(say_json)?,
            OutputFormat::Csv => {
                say(&csv::row(self.header.0))?;
                for item in items {
                    // Programs read the English words.
                    say(&csv::row((self.row)(item, Language::English)))?;
                }
            }
            OutputFormat::Table if items.is_empty() => {
                say(self.empty(language))?;
            }
            OutputFormat::Table => {
                let mut table = words::table(&self.columns(language), self.flexible);
                for item in items {
                    table.add_row((self.row)(item, language));
                }
                say(&table.to_string())?;
            }
        }
        Ok(Exit::Done)
    }
}
