//! Lines that a claim holds no longer: what they were claimed for may be claimed again, or looks for another invoice.

use std::collections::BTreeSet;

use domain::Slot;
use domain::tax_refund::claim::LineState;
use store::Fault;

use crate::claim_line_rows::ClaimLineRow;
use crate::invoice_rows::PurchaseName;
use crate::names::ClaimName;
use crate::transaction::RefundTransaction;
use crate::{export_rows, invoice_rows};

/// What the exports were claimed for by these lines may be claimed again.
pub(crate) async fn free(
    step: &mut RefundTransaction<'_>,
    name: &ClaimName,
    lines: &[&ClaimLineRow],
) -> Result<(), Fault> {
    let names = lines.iter().map(|line| line.export).collect();
    let mut exports = export_rows::load(&mut *step.tx, name.slot(), &names).await?;
    for export in &mut exports {
        let of = lines.iter().filter(|line| line.export == export.name);
        let of: Vec<_> = of.collect();
        // What a settlement reversed was freed when it was paid back.
        export.claimed_e5 -= of.iter().map(|line| line.qty_e5 - line.reversed_e5).sum::<i64>();
        if of.iter().any(|it| it.line.advance && it.line.state == LineState::Recovered) {
            (export.settled, export.settle_by) = (true, None);
        }
    }
    step.write_exports(&exports).await?;
    unbuy_freed(step, name.slot(), lines).await
}

/// What lines were claimed by, whose invoice is not good any more: they are free, and look for another one.
async fn unbuy_freed(
    step: &mut RefundTransaction<'_>,
    slot: Slot,
    lines: &[&ClaimLineRow],
) -> Result<(), Fault> {
    let invalid = lines.iter().filter(|line| line.invoice_invalid);
    let purchases = invalid.map(|line| PurchaseName {
        export: line.export,
        number: line.invoice.clone(),
        line: line.invoice_line,
    });
    unbuy(step, slot, &purchases.collect::<Vec<_>>()).await
}

/// Exports that were bought by it and are in no claim with it look for another one.
pub(crate) async fn unbuy(
    step: &mut RefundTransaction<'_>,
    slot: Slot,
    purchases: &[PurchaseName],
) -> Result<(), Fault> {
    if purchases.is_empty() {
        return Ok(());
    }
    let freed = invoice_rows::unbuy(&mut *step.tx, slot, purchases).await?;
    let names: BTreeSet<_> = freed.iter().map(|(name, _)| *name).collect();
    let mut rows = export_rows::load(&mut *step.tx, slot, &names).await?;
    for row in &mut rows {
        let gone = freed.iter().filter(|(name, _)| *name == row.name);
        row.bought_e5 -= gone.map(|(_, qty_e5)| qty_e5).sum::<i64>();
        step.unmatched.insert(row.goods());
    }
    step.write_exports(&rows).await
}
