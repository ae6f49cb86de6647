//! Lists of the command line as tables of a page: the same columns in the same words, with what can be done
//! about each row.

use cli::pay::listing::Listing;

use crate::visit::Visit;

/// A list as a table.
pub(crate) struct ListedTable {
    pub(crate) title: &'static str,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<ListedRow>,
    pub(crate) empty: &'static str,
    /// The rest is for programs to list.
    pub(crate) is_cut: bool,
}

/// One of it.
pub(crate) struct ListedRow {
    pub(crate) cells: Vec<ListedCell>,
    pub(crate) forms: Vec<RowForm>,
}

/// A value under its column.
pub(crate) struct ListedCell {
    pub(crate) label: &'static str,
    pub(crate) text: String,
    /// The page about what it names; empty when there is none.
    pub(crate) link: String,
    pub(crate) is_figure: bool,
}

/// Something that can be done about a row.
pub(crate) struct RowForm {
    /// Where the form goes.
    pub(crate) action: &'static str,
    pub(crate) button: &'static str,
    /// Said without being asked.
    pub(crate) hidden: Vec<(&'static str, String)>,
    /// Asked of the person: the name and its label.
    pub(crate) inputs: Vec<(&'static str, &'static str)>,
}

impl ListedTable {
    /// What a list holds; `forms` says what can be done about each.
    pub(crate) fn new<T, const N: usize>(
        visit: &Visit,
        title: &'static str,
        listing: &Listing<T, N>,
        items: &[T],
        forms: impl Fn(&T) -> Vec<RowForm>,
    ) -> Self {
        let columns = listing.columns(visit.language);
        let row = |item: &T| ListedRow {
            cells: columns
                .into_iter()
                .zip(listing.cells(item, visit.language))
                .map(|(label, text)| ListedCell::new(label, text))
                .collect(),
            forms: forms(item),
        };
        Self {
            title: visit.t(title),
            columns: columns.to_vec(),
            rows: items.iter().take(ROWS_SHOWN).map(row).collect(),
            empty: listing.empty(visit.language),
            is_cut: items.len() > ROWS_SHOWN,
        }
    }

    pub(crate) fn has_forms(&self) -> bool {
        self.rows.iter().any(|row| !row.forms.is_empty())
    }
}

/// Of a list that stands on a page with others.
pub(crate) const ROWS_SHOWN: usize = 200;

impl ListedCell {
    fn new(label: &'static str, text: String) -> Self {
        let is_figure = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_digit() || b".-,".contains(&byte));
        if let Some(named) = text.strip_prefix("declarations/") {
            let id = named.split('/').next();
            let link = id.map_or_else(String::new, |id| format!("/console/declarations/{id}"));
            return Self { label, link, text: named.replace("/lines/", " / "), is_figure };
        }
        // What a receipt pays: an amount and the declaration.
        let paid = text.rsplit_once(' ').filter(|(_, id)| uuid::Uuid::try_parse(id).is_ok());
        let link = match (text.strip_prefix("refunds/"), paid) {
            (Some(_), _) => {
                let name: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
                format!("/console/refund/claim?name={name}")
            }
            (None, Some((_, id))) => format!("/console/declarations/{id}"),
            (None, None) => String::new(),
        };
        Self { label, text, link, is_figure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cell_names_has_its_page() {
        for (text, shown, link) in [
            ("declarations/01a2/lines/3", "01a2 / 3", "/console/declarations/01a2"),
            (
                "refunds/a-202611-1",
                "refunds/a-202611-1",
                "/console/refund/claim?name=refunds%2Fa-202611-1",
            ),
            (
                "12.50 01a22948-14d0-72dd-b8c4-fdd5ffe9266d",
                "12.50 01a22948-14d0-72dd-b8c4-fdd5ffe9266d",
                "/console/declarations/01a22948-14d0-72dd-b8c4-fdd5ffe9266d",
            ),
            ("01a22948-14d0-72dd-b8c4-fdd5ffe9266d", "01a22948-14d0-72dd-b8c4-fdd5ffe9266d", ""),
            ("12.50", "12.50", ""),
        ] {
            let cell = ListedCell::new("", text.to_owned());
            assert_eq!((cell.text.as_str(), cell.link.as_str()), (shown, link));
            assert_eq!(cell.is_figure, text == "12.50");
        }
    }
}
