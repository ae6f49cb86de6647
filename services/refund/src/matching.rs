//! Bringing together what was exported and what it was bought by: same firm, goods and unit; the oldest export
//! first, with the oldest invoice. Nothing is typed twice for it, and no quantity is used twice.

use std::collections::BTreeSet;

use domain::Slot;
use domain::tax_refund::arithmetic::part_of;
use store::Fault;

use crate::export_row::Goods;
use crate::export_rows;
use crate::invoice_rows::{self, PurchaseRow};
use crate::transaction::RefundTransaction;

/// Exports and invoice lines that are looked at in one transaction.
const MATCHES_MAX: i64 = 1_000;

/// Brings some of them together; whether there may be more.
pub(crate) async fn bring_together(
    step: &mut RefundTransaction<'_>,
    goods: &Goods,
) -> Result<bool, Fault> {
    let mut free = invoice_rows::free(&mut *step.tx, goods, MATCHES_MAX).await?;
    if free.is_empty() {
        return Ok(false);
    }
    let mut exports = export_rows::unbought(&mut *step.tx, goods, MATCHES_MAX).await?;
    let is_part = [exports.len(), free.len()]
        .iter()
        .any(|count| i64::try_from(*count).is_ok_and(|count| count == MATCHES_MAX));
    let mut bought = Vec::new();
    let mut next = free.iter_mut().peekable();
    for export in &mut exports {
        while let Some(line) = next.peek_mut() {
            let qty_e5 =
                (export.qty_e5 - export.bought_e5).min(line.whole.qty_e5 - line.used.qty_e5);
            if qty_e5 == 0 && export.bought_e5 == export.qty_e5 {
                break;
            }
            if qty_e5 == 0 {
                next.next();
                continue;
            }
            let net_fen = part_of(line.whole, line.used, qty_e5);
            let net_fen = net_fen
                .ok_or_else(|| Fault::Broken("a line of an invoice is used up".to_owned()))?;
            bought.push(PurchaseRow {
                export: export.name,
                number: line.number.clone(),
                line: line.line,
                qty_e5,
                net_fen,
                before: line.used,
            });
            line.used.qty_e5 += qty_e5;
            line.used.fen += net_fen;
            export.bought_e5 += qty_e5;
        }
    }
    if bought.is_empty() {
        return Ok(false);
    }
    invoice_rows::buy(&mut *step.tx, Slot::of(&goods.firm), &bought).await?;
    let changed: BTreeSet<_> = bought.iter().map(|it| it.export).collect();
    exports.retain(|row| changed.contains(&row.name));
    step.write_exports(&exports).await?;
    Ok(is_part)
}
