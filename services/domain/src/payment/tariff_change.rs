//! What changes between two days: values of the law, rows of the tariff, positions of the list.

use time::Date;

use super::parameters::{ListedHeading, Parameters, TariffRow, Validity};

/// What a name, code or position said on the one day and on the other. Never the same on both, and never
/// nothing on both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TariffChange<'a> {
    /// Name of the parameter, code, or position.
    pub of: &'a str,
    /// What it is in English, where it has a name.
    pub name: &'a str,
    /// The same in Chinese.
    pub name_zh: &'a str,
    /// On the first day; nothing where it did not hold yet.
    pub before: Option<State<'a>>,
    /// On the second day; nothing where it does not hold any more.
    pub after: Option<State<'a>>,
}

/// What held on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State<'a> {
    /// Its values, by their keys in the file.
    pub values: Vec<(&'static str, String)>,
    /// Since when and by which law.
    pub validity: &'a Validity,
}

/// Everything that differs between two days, in the order of the names. A row that was written anew with
/// the same numbers did not change.
pub fn changes<'a>(parameters: &'a Parameters, before: Date, after: Date) -> Vec<TariffChange<'a>> {
    let mut changes = Vec::new();
    let mut add = |change: TariffChange<'a>| {
        let values = |state: &Option<State<'_>>| state.as_ref().map(|state| state.values.clone());
        if values(&change.before) != values(&change.after) {
            changes.push(change);
        }
    };
    for name in names(parameters.values.iter().map(|value| value.name.as_str())) {
        let on = |day| {
            let value = parameters.find(name, day)?;
            let values = vec![("value", value.value.to_string())];
            Some(State { values, validity: &value.validity })
        };
        add(TariffChange { of: name, name: "", name_zh: "", before: on(before), after: on(after) });
    }
    for code in names(parameters.tariff.iter().map(|row| row.code.as_str())) {
        let (was, is) = (parameters.row(code, before), parameters.row(code, after));
        let Some(row) = is.or(was) else { continue };
        let state = |row: Option<&'a TariffRow>| {
            row.map(|row| State { values: row_values(row), validity: &row.validity })
        };
        let (name, name_zh) = (&*row.name, &*row.name_zh);
        add(TariffChange { of: code, name, name_zh, before: state(was), after: state(is) });
    }
    for heading in names(parameters.import_list.iter().map(|listed| listed.heading.as_str())) {
        let (was, is) = (parameters.listed(heading, before), parameters.listed(heading, after));
        let Some(listed) = is.or(was) else { continue };
        let state = |listed: Option<&'a ListedHeading>| {
            listed.map(|listed| State { values: list_values(listed), validity: &listed.validity })
        };
        let (name, name_zh) = (&*listed.name, &*listed.name_zh);
        add(TariffChange { of: heading, name, name_zh, before: state(was), after: state(is) });
    }
    changes
}

/// Names that follow each other, each once.
fn names<'a>(sorted: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = sorted.collect();
    names.dedup();
    names
}

/// The numbers of a row, by their keys in the file. What is 0 or not there is left out, the duty excepted.
pub fn row_values(row: &TariffRow) -> Vec<(&'static str, String)> {
    let mut values = vec![("duty_bp", row.duty_bp.to_string()), ("vat", row.vat.clone())];
    if row.consumption_bp > 0 {
        values.push(("consumption_bp", row.consumption_bp.to_string()));
    }
    if let Some(unit) = &row.unit {
        values.push(("per_unit_e5", row.per_unit_e5.to_string()));
        values.push(("unit", unit.clone()));
    }
    if row.is_cosmetic {
        values.push(("threshold", "cosmetics".to_owned()));
    }
    values
}

/// What the list says of a position, by the keys in the file.
pub fn list_values(listed: &ListedHeading) -> Vec<(&'static str, String)> {
    let mut values = vec![("listed", "true".to_owned())];
    if listed.is_bonded_only {
        values.push(("bonded_only", "true".to_owned()));
    }
    if let Some(most) = &listed.yearly_most {
        values.push(("yearly_most_e5", most.qty_e5.to_string()));
        values.push(("unit", most.unit.clone()));
    }
    values
}
