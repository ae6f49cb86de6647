//! Rows for spreadsheets (RFC 4180).

/// A row with its line break. What has a comma, a quotation mark or a line break in it is quoted.
pub(super) fn row<S: AsRef<str>>(cells: impl IntoIterator<Item = S>) -> String {
    let cells: Vec<_> = cells.into_iter().map(|cell| cell_of(cell.as_ref())).collect();
    cells.join(",")
}

/// A text that a spreadsheet would take for a formula is a text.
fn cell_of(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_steer_no_spreadsheet() {
        assert_eq!(row(["a", "b,c", "d\"e", "=1+1", "-5"]), "a,\"b,c\",\"d\"\"e\",'=1+1,-5");
    }
}
