//! What whoever works on a receipt needs of it.

use domain::history::ReceiptStep;
use domain::payment::forex::Channel;
use store::Fault;
use uuid::Uuid;

use super::match_rows::MatchRow;
use super::receipt_rows::ReceiptRow;
use super::sale_rows::SaleRow;
use super::transaction::ForexTransaction;
use super::{firm_rows, match_rows, receipt_rows, sale_rows};

/// The exports that a receipt pays.
pub(crate) async fn sales_of(
    step: &mut ForexTransaction<'_>,
    matches: &[MatchRow],
) -> Result<Vec<SaleRow>, Fault> {
    let ids = matches.iter().map(|row| row.declaration).collect();
    Ok(sale_rows::sales(&mut *step.tx, &ids).await?.into_values().collect())
}

/// How the money of a firm comes in.
pub(crate) async fn channel(
    step: &mut ForexTransaction<'_>,
    owner: &str,
) -> Result<Channel, Fault> {
    Ok(firm_rows::firm(&mut *step.tx, owner).await?.channel)
}

/// A receipt that was found before the lock.
pub(crate) async fn read(step: &mut ForexTransaction<'_>, id: Uuid) -> Result<ReceiptRow, Fault> {
    let row = receipt_rows::receipt_by_id(&mut *step.tx, id).await?;
    row.ok_or_else(|| Fault::Broken(format!("the receipt {id} is lost")))
}

pub(crate) async fn matches(
    step: &mut ForexTransaction<'_>,
    receipt: &ReceiptRow,
) -> Result<Vec<MatchRow>, Fault> {
    let found = match_rows::matches(&mut *step.tx, &[(receipt.slot, receipt.id)]).await?;
    Ok(found.into_values().flatten().collect())
}

/// Says for which exports something was settled or kept, one after the other.
pub(crate) async fn spend(
    step: &mut ForexTransaction<'_>,
    receipt: &ReceiptRow,
    (what, amount): (ReceiptStep, i64),
    attempt: &str,
) -> Result<(), Fault> {
    let mut matches = matches(step, receipt).await?;
    step.lock(matches.iter().map(|row| row.declaration.slot())).await?;
    let ids = matches.iter().map(|row| row.declaration).collect();
    let mut sales = sale_rows::sales(&mut *step.tx, &ids).await?;
    // Nothing is left to settle or keep then: what banks kept of it is done with, too.
    let is_whole = receipt.settled + receipt.kept == receipt.net();
    let mut left = amount;
    for row in &mut matches {
        let part = left.min(row.amount - row.settled);
        let kept_by_banks = if is_whole { row.amount - row.settled - part + row.fee } else { 0 };
        let concerned = sales.get_mut(&row.declaration).filter(|_| part + kept_by_banks > 0);
        let Some(sale) = concerned else { continue };
        (left, row.settled) = (left - part, row.settled + part);
        sale.settled += part + kept_by_banks;
        step.report(sale, receipt, (what, part), attempt);
    }
    match_rows::update_matches(&mut *step.tx, receipt, &matches).await?;
    let sales: Vec<&SaleRow> = sales.values().collect();
    sale_rows::write_sales(&mut *step.tx, &sales, step.now).await
}
