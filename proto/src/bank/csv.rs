//! A statement as a spreadsheet: a header, and one entry a line (RFC 4180, UTF-8).
//!
//! | column | |
//! |---|---|
//! | `account`, `statement` | account and number of the statement |
//! | `booked` | day, as 2026-11-24 |
//! | `currency`, `amount` | letters, and main units: above zero came in, below zero went out |
//! | `charges`, `reference`, `end_to_end`, `party`, `text` | may be absent |
//!
//! Columns stand in any order; unknown ones are refused, so that a slip is no silence.

use std::collections::BTreeMap;

use domain::payment::amount;
use domain::payment::ledger::Currency;
use domain::payment::statement::{EntryState, Statement, StatementEntry, StatementKind};
use domain::text::flaw_in_sentence;
use domain::{Code, limits};

use super::tree::day_of;
use crate::ceb::fault::shown;
use crate::ceb::{MessageFault, utf8};

const NEEDED: [&str; 5] = ["account", "statement", "booked", "currency", "amount"];
const FREE: [&str; 5] = ["charges", "reference", "end_to_end", "party", "text"];
/// Characters of a cell.
const CELL_MAX: usize = 1_000;

/// A line of cells with its number.
pub type Row = (u32, Vec<String>);
/// The same by the names of the columns.
pub type NamedRow = (u32, BTreeMap<String, String>);

/// The lines of a file; blank ones are left out.
///
/// # Errors
///
/// A quotation mark that is not closed, or stands in the middle of a cell.
pub fn rows(bytes: &[u8]) -> Result<Vec<Row>, Vec<MessageFault>> {
    let source = utf8(bytes).map_err(|fault| vec![fault])?;
    let mut rows = Vec::new();
    let (mut line, mut start) = (1, 1);
    let (mut cells, mut cell) = (Vec::new(), String::new());
    let (mut is_quoted, mut was_quoted) = (false, false);
    let mut characters = source.chars().peekable();
    let mut faults = Vec::new();
    while let Some(character) = characters.next() {
        line += u32::from(character == '\n');
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' if is_quoted => is_quoted = false,
            _ if is_quoted => cell.push(character),
            '"' if cell.is_empty() && !was_quoted => (is_quoted, was_quoted) = (true, true),
            ',' => {
                cells.push(std::mem::take(&mut cell));
                was_quoted = false;
            }
            '\r' if characters.peek() == Some(&'\n') => {}
            '\n' => {
                cells.push(std::mem::take(&mut cell));
                let row: Vec<String> = std::mem::take(&mut cells);
                if row.iter().any(|cell| !cell.is_empty()) {
                    rows.push((start, row));
                }
                (start, was_quoted) = (line, false);
            }
            '"' => {
                let text =
                    "a \" stands in the middle of a cell; write the cell as \"…\" and it as \"\"";
                faults.push(fault(Code::XmlValueUnreadable, start, "", text, "单元格中间出现引号"));
            }
            _ if was_quoted => {
                let text = "something stands behind the closing \" of a cell";
                faults.push(fault(Code::XmlValueUnreadable, start, "", text, "引号后仍有内容"));
                was_quoted = false;
            }
            _ => cell.push(character),
        }
        if faults.len() >= limits::VIOLATIONS_MAX {
            return Err(faults);
        }
    }
    if is_quoted {
        let text = "a \" is not closed until the end of the file";
        faults.push(fault(Code::XmlValueUnreadable, start, "", text, "引号未闭合"));
    }
    if !cell.is_empty() || !cells.is_empty() {
        cells.push(cell);
        rows.push((start, cells));
    }
    if faults.is_empty() { Ok(rows) } else { Err(faults) }
}

fn fault(code: Code, line: u32, element: &str, text: &str, zh: &str) -> MessageFault {
    let (element, text, text_zh) = (element.to_owned(), text.to_owned(), zh.to_owned());
    MessageFault { code, line, element, text, text_zh }
}

/// The cells of each row by their column.
///
/// # Errors
///
/// Every column that is missing, unknown or twice there, and every row that is longer or shorter.
pub fn by_column(
    rows: Vec<Row>,
    needed: &[&str],
    free: &[&str],
) -> Result<Vec<NamedRow>, Vec<MessageFault>> {
    let mut rows = rows.into_iter();
    let Some((line, header)) = rows.next() else {
        return Err(vec![fault(Code::Required, 1, "", "the file is empty", "文件为空")]);
    };
    let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    let mut faults = Vec::new();
    for name in needed.iter().filter(|name| !header.iter().any(|own| own == *name)) {
        let text = format!("the column {name} is missing");
        faults.push(fault(Code::Required, line, name, &text, &format!("缺少列{name}")));
    }
    for (at, name) in header.iter().enumerate() {
        let is_known = needed.contains(&name.as_str()) || free.contains(&name.as_str());
        let is_twice = header[..at].contains(name);
        if !is_known || is_twice {
            let name = shown(name);
            let (text, zh) = if is_twice {
                (format!("the column {name} stands twice"), format!("列{name}重复"))
            } else {
                (format!("the column {name} is unknown"), format!("未知的列{name}"))
            };
            faults.push(fault(Code::XmlElementUnexpected, line, &name, &text, &zh));
        }
    }
    let mut read = Vec::new();
    for (line, cells) in rows {
        if cells.len() != header.len() {
            let (is, wanted) = (cells.len(), header.len());
            let text = format!("the row has {is} cells, the header {wanted}");
            let zh = format!("本行有{is}列，表头有{wanted}列");
            faults.push(fault(Code::XmlElementUnexpected, line, "", &text, &zh));
        }
        for (name, cell) in header.iter().zip(&cells) {
            if cell.chars().count() > CELL_MAX || flaw_in_sentence(cell).is_some() {
                let text = "the cell is too long or holds a character that nobody sees";
                faults.push(fault(
                    Code::BadCharacter,
                    line,
                    name,
                    text,
                    "单元格过长或含有不可见字符",
                ));
            }
        }
        read.push((line, header.iter().cloned().zip(cells).collect()));
        if faults.len() >= limits::VIOLATIONS_MAX {
            break;
        }
    }
    if faults.is_empty() { Ok(read) } else { Err(faults) }
}

/// A currency and an amount that stand in two cells.
///
/// # Errors
///
/// What is wrong with them.
pub fn money(
    line: u32,
    cells: &BTreeMap<String, String>,
    name: &str,
) -> Result<(Currency, i64), MessageFault> {
    let of = |name: &str| cells.get(name).map_or("", |cell| cell.trim());
    let letters = of("currency");
    let Some(currency) = Currency::of(letters) else {
        let letters = shown(letters);
        let text = format!("{letters} is no currency that is settled here");
        let zh = format!("不支持币种{letters}");
        return Err(fault(Code::CodeUnknown, line, "currency", &text, &zh));
    };
    amount::parse_signed(currency, of(name)).map(|amount| (currency, amount)).map_err(|wrong| {
        let ((english, chinese), value) = (wrong.words(), shown(of(name)));
        let (text, zh) = (format!("{value} {english}"), format!("{value}{chinese}"));
        fault(Code::XmlValueUnreadable, line, name, &text, &zh)
    })
}

/// Reads a statement; rows of one account and number are one.
///
/// # Errors
///
/// Every fault, in the order of lines.
pub fn read(bytes: &[u8]) -> Result<Vec<Statement>, Vec<MessageFault>> {
    let rows = by_column(rows(bytes)?, &NEEDED, &FREE)?;
    let mut statements: Vec<Statement> = Vec::new();
    let mut faults = Vec::new();
    for (line, cells) in rows {
        let of = |name: &str| cells.get(name).map_or("", |cell| cell.trim()).to_owned();
        for name in ["account", "statement"].into_iter().filter(|name| of(name).is_empty()) {
            let text = format!("{name} is empty; a value is required");
            faults.push(fault(Code::Required, line, name, &text, &format!("{name}为空，必填")));
        }
        let booked = day_of(&of("booked")).filter(|day| day.to_string() == of("booked"));
        if booked.is_none() {
            let text = format!("{} is no day, as 2026-11-24", shown(&of("booked")));
            let zh = "不是日期，应如2026-11-24";
            faults.push(fault(Code::DateWrong, line, "booked", &text, zh));
        }
        let money = self::money(line, &cells, "amount");
        let charges = if of("charges").is_empty() {
            Ok(0)
        } else {
            self::money(line, &cells, "charges").map(|(_, charges)| charges)
        };
        let ((currency, amount), charges) = match (money, charges) {
            (Ok(money), Ok(charges)) => (money, charges),
            (money, charges) => {
                faults.extend(money.err());
                faults.extend(charges.err().filter(|fault| fault.element == "charges"));
                continue;
            }
        };
        if charges < 0 {
            let text = "charges are what the bank kept: not below zero";
            faults.push(fault(Code::NumberOutOfRange, line, "charges", text, "手续费不得为负"));
        }
        let entry = StatementEntry {
            currency,
            amount: amount.saturating_abs(),
            is_credit: amount >= 0,
            is_reversal: false,
            state: EntryState::Booked,
            booked,
            valued: None,
            charges,
            reference: of("reference"),
            end_to_end: of("end_to_end"),
            party: of("party"),
            texts: Some(of("text")).filter(|text| !text.is_empty()).into_iter().collect(),
            return_reason: String::new(),
        };
        let (account, number) = (of("account"), of("statement"));
        let is_same = |it: &&mut Statement| it.account == account && it.number == number;
        match statements.iter_mut().rfind(is_same) {
            Some(statement) => statement.entries.push(entry),
            None => statements.push(Statement {
                kind: StatementKind::Statement,
                number,
                account,
                day: None,
                currency: None,
                opening: None,
                closing: None,
                entries: vec![entry],
            }),
        }
    }
    if faults.is_empty() { Ok(statements) } else { Err(faults) }
}
