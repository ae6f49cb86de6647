//! Dated numbers of the law, a tariff and the list of retail imports, read from text that a person can read
//! too.
//!
//! The text is a small part of TOML: tables in arrays (`[[parameter]]`) with lines `key = "text"` or
//! `key = 12`, and comments on lines of their own. Reading collects every problem of every table, and
//! what does not fit together: days that overlap or leave a gap, laws that are not listed, and rows that
//! need a parameter on days on which it has no value.

use time::{Date, Month};

use crate::codes::is_unit;

/// No value of a parameter is above this.
const VALUE_MAX: i64 = 1_000_000_000_000;

/// A law or announcement that values refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Law {
    /// What values call it.
    pub id: String,
    /// Its official number and name.
    pub title: String,
}

/// From when until when something holds, whose law it is, and when somebody looked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validity {
    /// First day.
    pub from: Date,
    /// Last day, when there is one.
    pub to: Option<Date>,
    /// Id of the law.
    pub law: String,
    /// Article or paragraph.
    pub article: String,
    /// When it was last compared with the law.
    pub checked_on: Date,
    /// It was compared with the text of the law itself.
    pub is_verified: bool,
}

impl Validity {
    /// Whether a day is in it.
    pub fn holds(&self, day: Date) -> bool {
        self.from <= day && self.to.is_none_or(|to| day <= to)
    }
}

/// One value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Such as `limit.single_fen`; the unit is in the name.
    pub name: String,
    /// Its value.
    pub value: i64,
    /// When, and by which law.
    pub validity: Validity,
}

/// A row of the tariff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TariffRow {
    /// Ten digits.
    pub code: String,
    /// Name in Chinese.
    pub name_zh: String,
    /// Name in English.
    pub name: String,
    /// Duty in basis points.
    pub duty_bp: i64,
    /// The parameter with the VAT: `vat.general_bp` or `vat.reduced_bp`.
    pub vat: String,
    /// Consumption tax on the price, in basis points below 10,000.
    pub consumption_bp: i64,
    /// Consumption tax on the quantity: 1/100000 yuan for one of the unit.
    pub per_unit_e5: i64,
    /// Customs unit of that quantity, when there is one.
    pub unit: Option<String>,
    /// Consumption tax is only due from the prices of high-end cosmetics on.
    pub is_cosmetic: bool,
    /// When, and by which law.
    pub validity: Validity,
}

/// A position of the list of goods that may come as retail imports (零售进口商品清单).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedHeading {
    /// The first eight digits of the codes.
    pub heading: String,
    /// Name in Chinese.
    pub name_zh: String,
    /// Name in English.
    pub name: String,
    /// Only as bonded import (仅限网购保税商品).
    pub is_bonded_only: bool,
    /// The most that a person may buy in a year, in 1/100000 of a customs unit.
    pub yearly_most: Option<YearlyMost>,
    /// When, and by which law.
    pub validity: Validity,
}

/// The most of some goods that a person may buy in a calendar year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YearlyMost {
    /// 1/100000 of the unit.
    pub qty_e5: i64,
    /// Customs unit.
    pub unit: String,
}

/// Everything that was read from one set of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Laws by id.
    pub laws: Vec<Law>,
    /// Values.
    pub values: Vec<Parameter>,
    /// Tariff.
    pub tariff: Vec<TariffRow>,
    /// List of retail imports.
    pub import_list: Vec<ListedHeading>,
}

impl Parameters {
    /// The value of a parameter on a day: the last one that begins not after it and has not ended.
    pub fn find(&self, name: &str, day: Date) -> Option<&Parameter> {
        self.values.iter().rfind(|value| value.name == name && value.validity.holds(day))
    }

    /// The tariff row of a code on a day.
    pub fn row(&self, code: &str, day: Date) -> Option<&TariffRow> {
        self.tariff.iter().rfind(|row| row.code == code && row.validity.holds(day))
    }

    /// The position of a code in the list of retail imports on a day.
    pub fn listed(&self, code: &str, day: Date) -> Option<&ListedHeading> {
        let fits = |listed: &&ListedHeading| code.starts_with(listed.heading.as_str());
        self.import_list.iter().filter(fits).rfind(|listed| listed.validity.holds(day))
    }

    /// The title of a law.
    pub fn law(&self, id: &str) -> Option<&str> {
        self.laws.iter().find(|law| law.id == id).map(|law| law.title.as_str())
    }
}

/// What is wrong in a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ParameterProblem {
    /// Line, from 1 on; of its head for what is wrong with a table, 0 for what concerns several.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// One table of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParameterTable {
    /// Line of its head.
    pub line: usize,
    /// Its kind: what stands in the brackets.
    pub kind: String,
    /// Keys with their values, texts without quotation marks.
    pub values: Vec<(String, String)>,
}

impl ParameterTable {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn problem(&self, what: String) -> ParameterProblem {
        ParameterProblem { line: self.line, what }
    }

    /// A reader of its values that notes what is wrong.
    pub(super) fn fields<'a>(
        &'a self,
        known: &[&str],
        problems: &'a mut Vec<ParameterProblem>,
    ) -> Fields<'a> {
        for (key, _) in &self.values {
            // A slip in `valid_to` would make a value hold for ever.
            if !known.contains(&key.as_str()) && !VALIDITY.contains(&key.as_str()) {
                problems.push(self.problem(format!("`{key}` is no key of {}", self.kind)));
            }
        }
        Fields { table: self, problems }
    }
}

/// Keys that every dated table has.
const VALIDITY: [&str; 6] = ["valid_from", "valid_to", "law", "article", "checked_on", "verified"];

/// Reads the values of one table and goes on after what is wrong. What could not be read is nothing.
pub(super) struct Fields<'a> {
    table: &'a ParameterTable,
    problems: &'a mut Vec<ParameterProblem>,
}

impl Fields<'_> {
    /// Notes that something is wrong.
    pub(super) fn wrong(&mut self, what: String) {
        self.problems.push(self.table.problem(what));
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let value = self.table.get(key).map(str::to_owned);
        if value.is_none() {
            self.wrong(format!("`{key}` is missing"));
        }
        value
    }

    /// A number that is neither below zero nor above `most`.
    pub(super) fn number(&mut self, key: &str, most: i64) -> Option<i64> {
        let text = self.text(key)?;
        let Ok(number) = text.parse() else {
            self.wrong(format!("`{key}` is no whole number: {text}"));
            return None;
        };
        if !(0..=most).contains(&number) {
            self.wrong(format!("`{key}` is beyond all reason: {number}; at most {most}"));
            return None;
        }
        Some(number)
    }

    /// The same, and zero where it is not there.
    pub(super) fn number_or_zero(&mut self, key: &str, most: i64) -> Option<i64> {
        if self.has(key) { self.number(key, most) } else { Some(0) }
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meant)| *meant);
        if found.is_none() {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.wrong(format!("`{key}` is {}, not {text}", words.join(" or ")));
        }
        found
    }

    /// So many digits.
    pub(super) fn digits(&mut self, key: &str, count: usize) -> Option<String> {
        let text = self.text(key)?;
        if text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(text);
        }
        self.wrong(format!("`{key}` has {count} digits: {text}"));
        None
    }

    /// A unit of the customs' table.
    fn unit(&mut self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        if !is_unit(&text) {
            self.wrong(format!("`{key}` is no customs unit: {text}"));
        }
        Some(text)
    }

    fn date(&mut self, key: &str) -> Option<Date> {
        let text = self.text(key)?;
        let day = date(&text);
        if day.is_none() {
            self.wrong(format!("`{key}` is no full day: {text}"));
        }
        day
    }

    pub(super) fn validity(&mut self) -> Option<Validity> {
        let from = self.date("valid_from");
        let to = if self.has("valid_to") { self.date("valid_to").map(Some) } else { Some(None) };
        let (law, article) = (self.text("law"), self.text("article"));
        let checked_on = self.date("checked_on");
        let is_verified = self.word("verified", &[("true", true), ("false", false)]);
        Some(Validity {
            from: from?,
            to: to?,
            law: law?,
            article: article?,
            checked_on: checked_on?,
            is_verified: is_verified?,
        })
    }
}

/// A day as `2019-01-01`.
pub fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()
}

/// The tables of a text.
///
/// # Errors
///
/// Every line that is none of ours.
pub fn tables(text: &str) -> Result<Vec<ParameterTable>, Vec<ParameterProblem>> {
    let (mut tables, mut problems) = (Vec::<ParameterTable>::new(), Vec::new());
    for (line, content) in (1..).zip(text.lines().map(str::trim)) {
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let head = content.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]"));
        if let Some(kind) = head {
            tables.push(ParameterTable { line, kind: kind.to_owned(), values: Vec::new() });
        } else if let (Some((key, value)), Some(table)) = (pair(content), tables.last_mut()) {
            if table.get(&key).is_some() {
                problems.push(ParameterProblem { line, what: format!("`{key}` stands twice") });
            }
            table.values.push((key, value));
        } else {
            problems.push(ParameterProblem { line, what: format!("not understood: {content}") });
        }
    }
    if problems.is_empty() { Ok(tables) } else { Err(problems) }
}

fn pair(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once('=')?;
    let value = value.trim();
    let value = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').filter(|text| !text.contains(['"', '\\']))?,
        None => Some(value)
            .filter(|value| matches!(*value, "true" | "false") || value.parse::<i64>().is_ok())?,
    };
    Some((key.trim().to_owned(), value.to_owned()))
}

/// Reads and checks several texts as one set.
///
/// # Errors
///
/// Everything that is wrong: what is not understood, laws that are not listed, and times of one
/// parameter or code that overlap or leave a gap.
pub fn read(texts: &[&str]) -> Result<Parameters, Vec<ParameterProblem>> {
    let (mut parameters, mut problems) = (Parameters::default(), Vec::new());
    for text in texts {
        match tables(text) {
            Ok(tables) => {
                for table in &tables {
                    parameters.add(table, &mut problems);
                }
            }
            Err(faults) => problems.extend(faults),
        }
    }
    parameters.sort();
    problems.extend(parameters.problems());
    if problems.is_empty() { Ok(parameters) } else { Err(problems) }
}

impl Parameters {
    /// By name, and then by day.
    pub(super) fn sort(&mut self) {
        self.values.sort_by(|a, b| (&a.name, a.validity.from).cmp(&(&b.name, b.validity.from)));
        self.tariff.sort_by(|a, b| (&a.code, a.validity.from).cmp(&(&b.code, b.validity.from)));
        let by_heading = |heading: &ListedHeading| (heading.heading.clone(), heading.validity.from);
        self.import_list.sort_by_cached_key(by_heading);
    }

    /// Adds what can be read.
    pub(super) fn add(&mut self, table: &ParameterTable, problems: &mut Vec<ParameterProblem>) {
        match table.kind.as_str() {
            "law" => {
                let mut fields = table.fields(&["id", "title"], problems);
                if let (Some(id), Some(title)) = (fields.text("id"), fields.text("title")) {
                    if self.law(&id).is_some() {
                        fields.wrong(format!("the law {id} is listed twice"));
                    }
                    self.laws.push(Law { id, title });
                }
            }
            "parameter" => {
                let mut fields = table.fields(&["name", "value"], problems);
                let (name, value) = (fields.text("name"), fields.number("value", VALUE_MAX));
                let validity = fields.validity();
                if let (Some(name), Some(value), Some(validity)) = (name, value, validity) {
                    self.values.push(Parameter { name, value, validity });
                }
            }
            "tariff" => self.tariff.extend(tariff_row(table, problems)),
            "listed" => self.import_list.extend(listed_heading(table, problems)),
            other => problems.push(table.problem(format!("`{other}` is unknown"))),
        }
    }

    /// What is wrong with the whole. The lists are sorted.
    pub(super) fn problems(&self) -> Vec<ParameterProblem> {
        let mut problems = Vec::new();
        let values = self.values.iter().map(|value| (value.name.as_str(), &value.validity));
        let rows = self.tariff.iter().map(|row| (row.code.as_str(), &row.validity));
        let listed = self.import_list.iter().map(|of| (of.heading.as_str(), &of.validity));
        let all: Vec<_> = values.chain(rows).chain(listed).collect();
        for (name, validity) in &all {
            if self.law(&validity.law).is_none() {
                problems.push(format!("{name}: the law {} is not listed", validity.law));
            }
            if validity.to.is_some_and(|to| to < validity.from) {
                problems.push(format!("{name}: it ends before {}", validity.from));
            }
        }
        for two in all.windows(2) {
            let [(name, first), (next_name, next)] = two else { continue };
            if name == next_name {
                match first.to.and_then(Date::next_day) {
                    Some(day) if day == next.from => {}
                    Some(day) if day < next.from => {
                        problems.push(format!("{name}: a gap from {day} to {}", next.from));
                    }
                    Some(_) | None => problems.push(format!("{name}: overlap at {}", next.from)),
                }
            }
        }
        for row in &self.tariff {
            let cosmetics = ["cosmetics.per_measure_fen", "cosmetics.per_sheet_fen"];
            let cosmetics = cosmetics.into_iter().filter(|_| row.is_cosmetic);
            for name in cosmetics.chain([row.vat.as_str()]) {
                if !self.covers(name, &row.validity) {
                    problems.push(format!("{}: {name} has no value on all of its days", row.code));
                }
            }
        }
        problems.into_iter().map(|what| ParameterProblem { line: 0, what }).collect()
    }

    /// Whether a parameter has a value on every day. Its own days have no gap.
    fn covers(&self, name: &str, days: &Validity) -> bool {
        let of = || self.values.iter().filter(|value| value.name == name);
        let first = of().map(|value| value.validity.from).min();
        let is_open = of().any(|value| value.validity.to.is_none());
        let last = of().filter_map(|value| value.validity.to).max();
        let reaches = is_open || days.to.is_some_and(|to| last.is_some_and(|last| to <= last));
        first.is_some_and(|first| first <= days.from) && reaches
    }
}

const TARIFF_KEYS: [&str; 9] = [
    "code",
    "name_zh",
    "name",
    "duty_bp",
    "vat",
    "consumption_bp",
    "per_unit_e5",
    "unit",
    "threshold",
];

fn tariff_row(table: &ParameterTable, problems: &mut Vec<ParameterProblem>) -> Option<TariffRow> {
    let mut fields = table.fields(&TARIFF_KEYS, problems);
    let code = fields.digits("code", 10);
    let (name_zh, name) = (fields.text("name_zh"), fields.text("name"));
    let duty_bp = fields.number("duty_bp", 100_000);
    let vats = ["vat.general_bp", "vat.reduced_bp"];
    let vat = fields.word("vat", &vats.map(|vat| (vat, vat)));
    // At 100 % the price would be nothing but tax.
    let consumption_bp = fields.number_or_zero("consumption_bp", 9_999);
    let per_unit_e5 = fields.number_or_zero("per_unit_e5", 100_000_000_000);
    let unit = if fields.has("unit") { fields.unit("unit") } else { None };
    if per_unit_e5.is_some_and(|tax| tax > 0) != fields.has("unit") {
        fields.wrong("`per_unit_e5` and `unit` belong together".to_owned());
    }
    let is_cosmetic = if fields.has("threshold") {
        fields.word("threshold", &[("cosmetics", true)])
    } else {
        Some(false)
    };
    if is_cosmetic == Some(true) && consumption_bp == Some(0) {
        fields
            .wrong("`threshold` says from where on `consumption_bp` is due, which is 0".to_owned());
    }
    let validity = fields.validity();
    Some(TariffRow {
        code: code?,
        name_zh: name_zh?,
        name: name?,
        duty_bp: duty_bp?,
        vat: vat?.to_owned(),
        consumption_bp: consumption_bp?,
        per_unit_e5: per_unit_e5?,
        unit,
        is_cosmetic: is_cosmetic?,
        validity: validity?,
    })
}

fn listed_heading(
    table: &ParameterTable,
    problems: &mut Vec<ParameterProblem>,
) -> Option<ListedHeading> {
    let keys = ["heading", "name_zh", "name", "bonded_only", "yearly_most_e5", "unit"];
    let mut fields = table.fields(&keys, problems);
    let heading = fields.digits("heading", 8);
    let (name_zh, name) = (fields.text("name_zh"), fields.text("name"));
    let words = [("true", true), ("false", false)];
    let is_bonded_only =
        if fields.has("bonded_only") { fields.word("bonded_only", &words) } else { Some(false) };
    if fields.has("yearly_most_e5") != fields.has("unit") {
        fields.wrong("`yearly_most_e5` and `unit` belong together".to_owned());
    }
    let yearly_most = if fields.has("unit") {
        let most = (fields.number("yearly_most_e5", VALUE_MAX), fields.unit("unit"));
        let (Some(qty_e5), Some(unit)) = most else { return None };
        Some(YearlyMost { qty_e5, unit })
    } else {
        None
    };
    let validity = fields.validity();
    Some(ListedHeading {
        heading: heading?,
        name_zh: name_zh?,
        name: name?,
        is_bonded_only: is_bonded_only?,
        yearly_most,
        validity: validity?,
    })
}
