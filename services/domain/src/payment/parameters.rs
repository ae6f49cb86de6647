//! Dated numbers of the law and a tariff, read from text that a person can read too.
//!
//! The text is a small part of TOML: tables in arrays (`[[parameter]]`) with lines `key = "text"` or
//! `key = 12`, and comments on lines of their own. Reading collects every problem.

use time::{Date, Month};

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

/// Everything that was read from one set of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Laws by id.
    pub laws: Vec<Law>,
    /// Values.
    pub values: Vec<Parameter>,
    /// Tariff.
    pub tariff: Vec<TariffRow>,
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

    /// The title of a law.
    pub fn law(&self, id: &str) -> Option<&str> {
        self.laws.iter().find(|law| law.id == id).map(|law| law.title.as_str())
    }
}

/// What is wrong in a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Problem {
    /// Line, from 1 on; of its head for what is wrong with a table, 0 for what concerns several.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// One table of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Line of its head.
    pub line: usize,
    /// Its kind: what stands in the brackets.
    pub kind: String,
    /// Keys with their values, texts without quotation marks.
    pub values: Vec<(String, String)>,
}

impl Table {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn problem(&self, what: String) -> Problem {
        Problem { line: self.line, what }
    }

    fn text(&self, key: &str) -> Result<String, Problem> {
        let value = self.get(key).ok_or_else(|| self.problem(format!("`{key}` is missing")))?;
        Ok(value.to_owned())
    }

    fn whole(&self, key: &str) -> Result<i64, Problem> {
        let text = self.text(key)?;
        text.parse().map_err(|_| self.problem(format!("`{key}` is no whole number: {text}")))
    }

    fn whole_or_zero(&self, key: &str) -> Result<i64, Problem> {
        if self.get(key).is_some() { self.whole(key) } else { Ok(0) }
    }

    fn date(&self, key: &str) -> Result<Date, Problem> {
        let text = self.text(key)?;
        date(&text).ok_or_else(|| self.problem(format!("`{key}` is no full day: {text}")))
    }

    fn validity(&self) -> Result<Validity, Problem> {
        Ok(Validity {
            from: self.date("valid_from")?,
            to: self.get("valid_to").map(|_| self.date("valid_to")).transpose()?,
            law: self.text("law")?,
            article: self.text("article")?,
            checked_on: self.date("checked_on")?,
            is_verified: match self.text("verified")?.as_str() {
                "true" => true,
                "false" => false,
                other => return Err(self.problem(format!("`verified` is true or false: {other}"))),
            },
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
pub fn tables(text: &str) -> Result<Vec<Table>, Vec<Problem>> {
    let (mut tables, mut problems) = (Vec::<Table>::new(), Vec::new());
    for (line, content) in (1..).zip(text.lines().map(str::trim)) {
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let head = content.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]"));
        if let Some(kind) = head {
            tables.push(Table { line, kind: kind.to_owned(), values: Vec::new() });
        } else if let (Some((key, value)), Some(table)) = (pair(content), tables.last_mut()) {
            if table.get(&key).is_some() {
                problems.push(Problem { line, what: format!("`{key}` stands twice") });
            }
            table.values.push((key, value));
        } else {
            problems.push(Problem { line, what: format!("not understood: {content}") });
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
pub fn read(texts: &[&str]) -> Result<Parameters, Vec<Problem>> {
    let (mut parameters, mut problems) = (Parameters::default(), Vec::new());
    for text in texts {
        match tables(text) {
            Ok(tables) => {
                let faults = tables.iter().filter_map(|table| parameters.add(table).err());
                problems.extend(faults);
            }
            Err(faults) => problems.extend(faults),
        }
    }
    parameters.values.sort_by(|a, b| (&a.name, a.validity.from).cmp(&(&b.name, b.validity.from)));
    parameters.tariff.sort_by(|a, b| (&a.code, a.validity.from).cmp(&(&b.code, b.validity.from)));
    problems.extend(parameters.problems());
    if problems.is_empty() { Ok(parameters) } else { Err(problems) }
}

impl Parameters {
    fn add(&mut self, table: &Table) -> Result<(), Problem> {
        match table.kind.as_str() {
            "law" => {
                self.laws.push(Law { id: table.text("id")?, title: table.text("title")? });
            }
            "parameter" => {
                let (name, value) = (table.text("name")?, table.whole("value")?);
                if !(0..=VALUE_MAX).contains(&value) {
                    return Err(table.problem(format!("`value` is beyond all reason: {value}")));
                }
                self.values.push(Parameter { name, value, validity: table.validity()? });
            }
            "tariff" => self.tariff.push(tariff_row(table)?),
            other => return Err(table.problem(format!("`{other}` is unknown"))),
        }
        Ok(())
    }

    /// What is wrong with the whole. The lists are sorted.
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let values = self.values.iter().map(|value| (value.name.as_str(), &value.validity));
        let rows = self.tariff.iter().map(|row| (row.code.as_str(), &row.validity));
        let all: Vec<_> = values.chain(rows).collect();
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
        problems.into_iter().map(|what| Problem { line: 0, what }).collect()
    }
}

fn tariff_row(table: &Table) -> Result<TariffRow, Problem> {
    let row = TariffRow {
        code: table.text("code")?,
        name_zh: table.text("name_zh")?,
        name: table.text("name")?,
        duty_bp: table.whole("duty_bp")?,
        vat: table.text("vat")?,
        consumption_bp: table.whole_or_zero("consumption_bp")?,
        per_unit_e5: table.whole_or_zero("per_unit_e5")?,
        unit: table.get("unit").map(str::to_owned),
        is_cosmetic: table.get("threshold") == Some("cosmetics"),
        validity: table.validity()?,
    };
    let is_code = row.code.len() == 10 && row.code.bytes().all(|byte| byte.is_ascii_digit());
    let fits = (0..=100_000).contains(&row.duty_bp)
        && (0..10_000).contains(&row.consumption_bp)
        && (0..=100_000_000_000).contains(&row.per_unit_e5)
        && ["vat.general_bp", "vat.reduced_bp"].contains(&row.vat.as_str())
        && (row.per_unit_e5 > 0) == row.unit.is_some();
    if is_code && fits { Ok(row) } else { Err(table.problem("the row cannot be right".to_owned())) }
}
