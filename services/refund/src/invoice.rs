//! Special VAT invoices: registered by the firm, verified by the invoice platform.

use domain::Slot;
use domain::refusal::{Code, Refusal};
use domain::tax_refund::arithmetic::{QuantityShare, Yuan};
use domain::tax_refund::invoice::{Invoice, InvoiceLine, PlatformAnswer, Verification, verify};
use store::Fault;

use crate::export_row::Goods;
use crate::invalid_invoice;
use crate::invoice_rows::{self, InvoiceRow};
use crate::names::{WrittenNumber, invoice_name};
use crate::note::{NoteKind, RefundNote};
use crate::transaction::RefundTransaction;

/// What the platform says of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvoiceAnswer {
    pub(crate) number: WrittenNumber,
    pub(crate) answer: PlatformAnswer,
}

impl InvoiceRow {
    /// As the rules see it. `None`: its number is none.
    pub(crate) fn ruled(&self) -> Option<Invoice> {
        let line = |line: &invoice_rows::InvoiceLineRow| {
            Some(InvoiceLine {
                unit: line.unit.clone(),
                whole: QuantityShare { qty_e5: line.qty_e5, fen: line.net_fen },
                levy_bp: u32::try_from(line.levy_bp).ok()?,
                tax_fen: line.tax_fen,
            })
        };
        Some(Invoice {
            number: self.number.checked()?,
            seller: self.seller.clone(),
            buyer: self.firm.clone(),
            issued: self.issued,
            lines: self.lines.iter().map(line).collect::<Option<_>>()?,
        })
    }

    fn goods(&self) -> impl Iterator<Item = Goods> + '_ {
        self.lines.iter().map(|line| Goods {
            firm: self.firm.clone(),
            gcode: line.gcode.clone(),
            unit: line.unit.clone(),
        })
    }

    /// The same content: what became of it since does not count.
    fn is_same(&self, other: &Self) -> bool {
        let bare = |row: &Self| {
            let lines = row.lines.iter().cloned();
            let lines = lines.map(|line| invoice_rows::InvoiceLineRow { used_e5: 0, ..line });
            Self { status: Verification::Pending, lines: lines.collect(), ..row.clone() }
        };
        bare(self) == bare(other)
    }
}

/// Registers an invoice, whose faults were looked for. The same again is as it stands then.
pub(crate) async fn register(
    step: &mut RefundTransaction<'_>,
    invoice: &InvoiceRow,
    repeated: bool,
) -> Result<Result<InvoiceRow, Refusal>, Fault> {
    let slot = Slot::of(&invoice.firm);
    let numbers = [invoice.number.clone()];
    let found = invoice_rows::load(&mut *step.tx, slot, &numbers).await?.into_iter().next();
    let name = invoice_name(&invoice.number.code, &invoice.number.number);
    if let Some(found) = found {
        if repeated || found.is_same(invoice) {
            return Ok(Ok(found));
        }
        return Ok(Err(Refusal::of(Code::InvoiceDifferent).with("name", name)));
    }
    invoice_rows::insert(&mut *step.tx, invoice, step.now).await?;
    let (net, tax) = (Yuan(invoice.net_fen), Yuan(invoice.tax_fen));
    let note = RefundNote {
        fen: invoice.tax_fen,
        ..RefundNote::of(
            NoteKind::InvoiceRegistered,
            format!("registered: {net} CNY and {tax} CNY of tax; the invoice platform is asked"),
            format!("已登记：不含税金额{net}元，税额{tax}元，待核验"),
        )
    };
    step.add_note(&invoice.firm, name, note);
    Ok(Ok(invoice.clone()))
}

/// Takes down what the platform says. An invoice that is not good any more is taken from what it bought afterwards, some
/// hundred purchases at a time.
pub(crate) async fn verified(
    step: &mut RefundTransaction<'_>,
    firm: &str,
    answers: &[InvoiceAnswer],
) -> Result<Result<(), Refusal>, Fault> {
    let slot = Slot::of(firm);
    let numbers: Vec<WrittenNumber> = answers.iter().map(|it| it.number.clone()).collect();
    let mut rows = invoice_rows::load(&mut *step.tx, slot, &numbers).await?;
    rows.retain(|row| row.firm == firm);
    let mut changed = Vec::new();
    for InvoiceAnswer { number, answer } in answers {
        let name = invoice_name(&number.code, &number.number);
        let Some(row) = rows.iter_mut().find(|row| row.number == *number) else {
            return Ok(Err(Refusal::of(Code::NotFound).with("name", name)));
        };
        let ruled = row.ruled().ok_or_else(|| Fault::Broken(format!("{name} cannot be read")))?;
        let then = verify(&ruled, &row.status, answer);
        let same = invoice_rows::status_column(&then) == invoice_rows::status_column(&row.status);
        if same && row.status != Verification::Pending {
            continue;
        }
        row.status = then;
        let (text, text_zh) = row.status.titles();
        let note = RefundNote::of(NoteKind::InvoiceVerified, text, text_zh);
        step.add_note(firm, name, note);
        changed.push(row.clone());
    }
    let statuses: Vec<_> = changed.iter().map(|row| (&row.number, &row.status)).collect();
    invoice_rows::verified(&mut *step.tx, slot, &statuses).await?;
    for row in &changed {
        match row.status {
            Verification::Genuine => step.unmatched.extend(row.goods()),
            Verification::Void | Verification::RedLettered => {
                step.invalid_invoices.push(invalid_invoice::whole(firm, &row.number, step.now));
            }
            Verification::Pending | Verification::Unknown | Verification::Differs(_) => {}
        }
    }
    Ok(Ok(()))
}
