//! Files of banks (ISO 20022): payment orders out, reports of their status, statements and notices in.
//!
//! | message | | read | written |
//! |---|---|---|---|
//! | pain.001.001.09 | payment order 付款指令 | by the bank | [`write_order`] |
//! | pain.002.001.10 | status of an order 指令状态 | [`read`] | [`write_report`] |
//! | camt.053.001.08 | statement 对账单 | [`read`], [`csv`] | [`write_statements`] |
//! | camt.054.001.08 | notice of movements 动账通知 | [`read`] | [`write_statements`] |
//!
//! As in [`crate::ceb`], schema and engine are apart: `schema` has a table for each group as it is
//! published, `tree` reads any of them in one pass within the limits of [`crate::ceb`] (no document
//! type, no entity, depth, size), and gives every fault at once with its line. What is nothing to us is
//! read over: it may stand where the schema has it, and is not looked into. Then `statement`, `order` and
//! `report` make values of the tree and check what the schema cannot say: sums, counts, balances,
//! decimals of a currency. What is written is read again before it leaves.

pub mod csv;
mod order;
mod report;
mod schema;
mod statement;
mod tree;
mod write;

use domain::payment::statement::Statement;

use crate::ceb::reader::MessageReader;
use crate::ceb::{MessageFault, utf8};

pub use order::{AccountNumber, BankParty, PaymentBatch, PaymentOrder, Transfer};
pub use report::{PaymentStatus, Report};
use schema::BankMessage;
pub use statement::StatementNotice;
use tree::FaultList;

/// A file of a bank, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BankFile {
    /// pain.001: orders, as a bank gets them.
    Order(PaymentOrder),
    /// pain.002: what became of them.
    Report(Report),
    /// camt.053: statements.
    Statements(Vec<Statement>),
    /// camt.054: movements before their statement.
    Notices(Vec<Statement>),
}

/// Reads one file.
///
/// # Errors
///
/// Every fault, in the order of lines.
pub fn read(bytes: &[u8]) -> Result<BankFile, Vec<MessageFault>> {
    let source = utf8(bytes).map_err(|fault| vec![fault])?;
    let mut reader = MessageReader::new(source);
    let mut found = FaultList::default();
    let file = match tree::document(&mut reader, source.len(), &mut found) {
        // Sums of what could not be read would be wrong by themselves.
        Ok((message, root)) if found.is_clean() && reader.is_clean() => Some(match message {
            BankMessage::Order => BankFile::Order(order::of(&root, &mut found)),
            BankMessage::Report => BankFile::Report(report::of(&root, &mut found)),
            BankMessage::Statement => {
                BankFile::Statements(statement::of(&root, "Stmt", &mut found))
            }
            BankMessage::Notice => BankFile::Notices(statement::of(&root, "Ntfctn", &mut found)),
        }),
        Ok(_) | Err(_) => None,
    };
    let faults = found.into_faults(reader, source);
    match file {
        Some(file) if faults.is_empty() => Ok(file),
        Some(_) | None => Err(faults),
    }
}

/// Writes a payment order.
///
/// # Errors
///
/// Everything about it that the published structure does not allow.
pub fn write_order(order: &PaymentOrder) -> Result<String, Vec<MessageFault>> {
    checked(order::write(order))
}

/// Writes a status report, as a bank does.
///
/// # Errors
///
/// As [`write_order`].
pub fn write_report(report: &Report) -> Result<String, Vec<MessageFault>> {
    checked(report::write(report))
}

/// Writes statements or notices, as a bank does.
///
/// # Errors
///
/// As [`write_order`].
pub fn write_statements(
    notice: StatementNotice<'_>,
    statements: &[Statement],
) -> Result<String, Vec<MessageFault>> {
    checked(statement::write(notice, statements))
}

fn checked(text: String) -> Result<String, Vec<MessageFault>> {
    read(text.as_bytes()).map(|_| text)
}
