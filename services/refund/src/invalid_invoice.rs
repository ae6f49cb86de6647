//! An invoice that became void or was red-lettered when it was used already (失效发票) is taken from what it bought,
//! some hundred purchases in a transaction: one invoice may have bought everything that a firm ever exported. A step
//! takes its item out of the queue and puts the next one in, so it goes on behind the last purchase whatever dies.
//!
//! An export that is in no claim with it looks for another invoice. A line of a claim that the tax office does not have
//! falls out and is free. Of a line that the office has, firm and office are told: the office refuses it, or recovers by
//! a negative claim what it paid, and then the line is free as well.

use std::collections::BTreeSet;

use domain::tax_refund::claim::{ClaimEvent, ClaimState, LineEvent, LineState};
use domain::tax_refund::method::TRADER;
use domain::{DeclarationId, Slot};
use store::Fault;
use store::cipher::Cipher;
use store::queue::{self, Item};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::claim::{self, ClaimAct};
use crate::claim_line_rows::{self, ClaimLineRow};
use crate::claim_rows::{self, ClaimRow};
use crate::invoice_rows::{self, InvoiceRow};
use crate::names::{ExportName, WrittenNumber, id_of, invoice_name};
use crate::note::{NoteKind, RefundNote};
use crate::queues::INVALID_INVOICES;
use crate::transaction::RefundTransaction;
use crate::{export_rows, freed_line};

/// Purchases that are looked at in one transaction.
pub(crate) const PURCHASES_MAX: i64 = 500;

/// An invoice of a firm that is taken from what it bought, behind a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidInvoice {
    firm: String,
    number: WrittenNumber,
    after: (ExportName, i32),
}

impl InvalidInvoice {
    /// As an item that is due then.
    fn item(&self, due: OffsetDateTime) -> Item {
        let Self { firm, number: WrittenNumber { code, number }, after: (export, line) } = self;
        let id = export.id.uuid();
        Item {
            slot: Slot::of(firm),
            // Each is one of its own: it may be heard twice.
            id: Uuid::now_v7(),
            kind: 0,
            subject: id_of(&format!("{firm}/{}", invoice_name(code, number))),
            place: 0,
            body: format!("{firm}\n{code}\n{number}\n{id}\n{}\n{line}", export.line).into_bytes(),
            due,
            tries: 0,
        }
    }

    /// Reads an item; `None` when it is none.
    pub(crate) fn of(item: &Item) -> Option<Self> {
        let mut words = std::str::from_utf8(&item.body).ok()?.split('\n');
        let firm = words.next()?.to_owned();
        let (code, number) = (words.next()?.to_owned(), words.next()?.to_owned());
        let id = DeclarationId::from_uuid(words.next()?.parse().ok()?);
        let export = ExportName { id, line: words.next()?.parse().ok()? };
        let after = (export, words.next()?.parse().ok()?);
        Some(Self { firm, number: WrittenNumber { code, number }, after })
    }
}

/// All that an invoice bought.
pub(crate) fn whole(firm: &str, number: &WrittenNumber, now: OffsetDateTime) -> Item {
    let first = ExportName { id: DeclarationId::from_uuid(Uuid::nil()), line: 0 };
    InvalidInvoice { firm: firm.to_owned(), number: number.clone(), after: (first, 0) }.item(now)
}

/// Takes it from some of its purchases.
pub(crate) async fn take(
    step: &mut RefundTransaction<'_>,
    cipher: &Cipher,
    item: &Item,
    invalid: &InvalidInvoice,
) -> Result<(), Fault> {
    let settled = queue::settle(&mut *step.tx, INVALID_INVOICES, &[(item.slot, item.id)]).await?;
    if settled.is_empty() {
        // Another process did it.
        return Ok(());
    }
    let InvalidInvoice { firm, number, after } = invalid;
    let slot = Slot::of(firm);
    let loaded = invoice_rows::load(&mut *step.tx, slot, std::slice::from_ref(number)).await?;
    let invoice = loaded.into_iter().next();
    let invoice = invoice.ok_or_else(|| Fault::Broken("an invoice is gone".to_owned()))?;
    let found =
        invoice_rows::purchases_by(&mut *step.tx, slot, number, *after, PURCHASES_MAX).await?;
    let mut marked = BTreeSet::new();
    for (name, lines) in claim_line_rows::of_purchases(&mut *step.tx, slot, &found).await? {
        let Some(claim) = claim_rows::load(&mut *step.tx, &name).await? else { continue };
        match claim.state {
            ClaimState::Draft | ClaimState::FormRefused => {
                fall_out(step, &claim, &lines, &invoice).await?;
            }
            ClaimState::Submitted | ClaimState::UnderReview | ClaimState::Withdrawn => {
                marked.extend(mark(step, claim, &lines, &invoice).await?);
            }
        }
    }
    // They stand otherwise now.
    let exports = export_rows::load(&mut *step.tx, slot, &marked).await?;
    step.write_exports(&exports).await?;
    freed_line::unbuy(step, slot, &found).await?;
    if let Some(last) = found.last().filter(|_| i64::try_from(found.len()) == Ok(PURCHASES_MAX)) {
        let next = InvalidInvoice { after: (last.export, last.line), ..invalid.clone() };
        queue::enqueue(&mut *step.tx, cipher, INVALID_INVOICES, &[next.item(step.now)]).await?;
    }
    Ok(())
}

/// What the firm reads of it at a line.
fn reason(invoice: &InvoiceRow) -> String {
    let (title, title_zh) = invoice.status.titles();
    let name = invoice_name(&invoice.number.code, &invoice.number.number);
    format!("{name} {title} {title_zh}")
}

/// Lines of a claim that the tax office does not have.
async fn fall_out(
    step: &mut RefundTransaction<'_>,
    claim: &ClaimRow,
    lines: &[i32],
    invoice: &InvoiceRow,
) -> Result<(), Fault> {
    let text = reason(invoice);
    let act = |line: &i32| {
        let event = ClaimEvent::Line { line: line.unsigned_abs(), event: LineEvent::Drop };
        ClaimAct { event, code: String::new(), text: text.clone() }
    };
    let acts: Vec<ClaimAct> = lines.iter().map(act).collect();
    let done = claim::act(step, &claim.name, &acts).await?;
    let stays = |_| Fault::Broken(format!("a line of {} does not fall out", claim.name.name()));
    done.map(drop).map_err(stays)
}

/// Lines of a claim that the tax office has: whose exports they are.
async fn mark(
    step: &mut RefundTransaction<'_>,
    mut claim: ClaimRow,
    lines: &[i32],
    invoice: &InvoiceRow,
) -> Result<Vec<ExportName>, Fault> {
    let name = claim.name.clone();
    let mut rows = claim_line_rows::some(&mut *step.tx, &name, lines).await?;
    let (text, law) = (reason(invoice), TRADER.law);
    let (title, title_zh) = invoice.status.titles();
    let number = invoice_name(&invoice.number.code, &invoice.number.number);
    for row in rows.values_mut() {
        claim.count(row, -1);
        row.invoice_invalid = true;
        claim.count(row, 1);
        let is_asked = matches!(row.line.state, LineState::Queried { .. });
        if !is_asked {
            row.text.clone_from(&text);
        }
        let is_open = is_asked || row.line.state == LineState::Open;
        let (then, then_zh) = if is_open {
            ("the tax office decides about the line", "由税务机关处理该明细")
        } else {
            ("its refund is to be given back", "已退税款应予补缴")
        };
        let note = RefundNote {
            line: row.number,
            fen: row.line.out_fen(),
            ..RefundNote::of(
                NoteKind::InvoiceInvalid,
                format!("{number} is {title}: {then} [{law}]"),
                format!("{number}{title_zh}：{then_zh}〔{law}〕"),
            )
        };
        // What was taken back is freed a moment later: nobody decides about it.
        if claim.state != ClaimState::Withdrawn {
            step.add_note(&name.firm, name.name(), note);
        }
    }
    claim.changed_time = step.now;
    let changed: Vec<&ClaimLineRow> = rows.values().collect();
    claim_line_rows::write(&mut *step.tx, &name, &changed).await?;
    claim_rows::write(&mut *step.tx, &claim).await?;
    Ok(rows.values().map(|row| row.export).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_says_which_invoice_and_behind_which_purchase() {
        for (code, number) in [("", "00000000000000000001"), ("3702261130", "12345678")] {
            let number = WrittenNumber { code: code.into(), number: number.into() };
            let item = whole("370296A001", &number, OffsetDateTime::UNIX_EPOCH);
            let read = InvalidInvoice::of(&item).expect("it is one");
            assert_eq!((read.firm.as_str(), &read.number), ("370296A001", &number));
            let export = ExportName { id: DeclarationId::from_uuid(Uuid::max()), line: 7 };
            let next = InvalidInvoice { after: (export, 2), ..read };
            assert_eq!(InvalidInvoice::of(&next.item(item.due)), Some(next));
        }
    }
}
