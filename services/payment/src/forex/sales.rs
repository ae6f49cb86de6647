//! Exports for which money is to come: what the declaration service told of them.
//!
//! Everything here may come again. What is due is booked at the release; money may come before (预收).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::DeclarationId;
use domain::declaration::Declaration;
use domain::payment::ledger::{Action, Currency};
use proto::forex::{SaleInformation, sale_facts};
use store::Fault;
use time::OffsetDateTime;

use super::announced_rows::AnnouncedReceipt;
use super::sale_rows::{SaleRow, SaleState};
use super::transaction::{ForexTransaction, Posting, leg, receivable};
use super::{announced_rows, matching, sale_rows};
use crate::names::id_of;

/// One entry of the declaration service's journal, as far as it concerns the money for an export.
#[derive(Debug)]
pub(crate) struct SaleEvent {
    pub(crate) id: DeclarationId,
    pub(crate) version: u32,
    pub(crate) time: OffsetDateTime,
    pub(crate) changes: Vec<SaleChange>,
}

/// What happened to a declaration.
#[derive(Debug)]
pub(crate) enum SaleChange {
    /// A version of an export was filed.
    Filed(Box<SaleRow>),
    Released,
    /// Rejected, withdrawn or sent back.
    Ended,
    /// A payment firm announced money for it.
    Announced(AnnouncedReceipt),
}

/// Characters of goods that are kept: enough for a note.
const GOODS_MAX: usize = 40;

/// What is due for an export; `None` where its price is in no currency that is settled here, or in several.
pub(crate) fn sale(
    id: DeclarationId,
    (version, time): (u32, OffsetDateTime),
    declared: &Declaration,
) -> Option<SaleRow> {
    let prices = declared.lines.iter().map(|line| line.total_price.as_ref());
    let prices: Vec<_> = prices.collect::<Option<_>>()?;
    let code = &prices.first()?.currency;
    let currency = Currency::ALL.into_iter().find(|it| it.customs_code() == code)?;
    if prices.iter().any(|price| price.currency != *code) {
        return None;
    }
    let sum: i128 = prices.iter().map(|price| i128::from(price.amount_e5)).sum();
    let one = 10_i128.pow(5 - currency.minor_digits());
    let amount = i64::try_from((sum + one / 2) / one).ok().filter(|amount| *amount > 0)?;
    let goods = declared.lines.first().map(|line| line.gname.chars().take(GOODS_MAX).collect());
    Some(SaleRow {
        id,
        version,
        firm: declared.declarant.code.clone(),
        ebc_code: declared.ebc.code.clone(),
        order_no: declared.order_no.clone(),
        trade_mode: declared.trade_mode.clone(),
        country: declared.country.clone(),
        goods: goods?,
        in_statistics: true,
        currency,
        amount,
        state: SaleState::Filed,
        received: 0,
        receipts: 0,
        settled: 0,
        filed_time: time,
    })
}

/// Takes events down, in order.
pub(crate) async fn apply_events(
    step: &mut ForexTransaction<'_>,
    events: &[Arc<SaleEvent>],
) -> Result<(), Fault> {
    let ids: BTreeSet<DeclarationId> = events.iter().map(|event| event.id).collect();
    let mut sales = sale_rows::sales(&mut *step.tx, &ids).await?;
    let (mut touched, mut postings, mut late) = (BTreeSet::new(), Vec::new(), Vec::new());
    for event in events {
        for change in &event.changes {
            if let SaleChange::Announced(announced) = change {
                late.push(announced);
                continue;
            }
            if apply_change(&mut sales, event, change) {
                touched.insert(event.id);
                let released = matches!(change, SaleChange::Released);
                if let Some(row) = sales.get(&event.id).filter(|_| released) {
                    postings.push(due(row, event.time));
                    publish_sale(step, row);
                }
            }
        }
    }
    step.post(postings).await?;
    let rows: Vec<&SaleRow> = touched.iter().filter_map(|id| sales.get(id)).collect();
    sale_rows::write_sales(&mut *step.tx, &rows, step.now).await?;
    for announced in late {
        announced_rows::write(&mut *step.tx, announced, step.now).await?;
        let sale = sales.get(&announced.declaration).filter(|sale| sale.due() > 0);
        if let Some(sale) = sale.filter(|sale| sale.state != SaleState::Ended) {
            matching::by_announcement(step, sale, &announced.pay_no).await?;
        }
    }
    Ok(())
}

/// Whether it changed anything.
fn apply_change(
    sales: &mut BTreeMap<DeclarationId, SaleRow>,
    event: &SaleEvent,
    change: &SaleChange,
) -> bool {
    let known = sales.get_mut(&event.id);
    match (change, known) {
        (SaleChange::Filed(new), None) => {
            sales.insert(event.id, (**new).clone());
            true
        }
        (SaleChange::Filed(new), Some(row)) if row.version < event.version => {
            let (received, receipts, settled) = (row.received, row.receipts, row.settled);
            *row = SaleRow { received, receipts, settled, ..(**new).clone() };
            true
        }
        (SaleChange::Released, Some(row)) if row.state == SaleState::Filed => {
            row.state = SaleState::Released;
            true
        }
        (SaleChange::Ended, Some(row)) if row.state == SaleState::Filed => {
            row.state = SaleState::Ended;
            true
        }
        // It came before, or is about an import, or about money in a currency that is not settled here.
        (
            SaleChange::Filed(_)
            | SaleChange::Released
            | SaleChange::Ended
            | SaleChange::Announced(_),
            _,
        ) => false,
    }
}

/// What is due from abroad.
fn due(row: &SaleRow, time: OffsetDateTime) -> Posting<'static> {
    let (firm, abroad) = receivable(row);
    Posting {
        slot: row.id.slot(),
        id: id_of(&format!("sale/{}", row.id)),
        event: "sale.released",
        declaration: Some(row.id),
        actor: "payment-service",
        rule: "出口清单放行",
        effective: time,
        action: Action::Transfer(vec![leg(abroad, firm, row.amount)]),
    }
}

/// A bank that verifies transactions by their electronic information gets it.
fn publish_sale(step: &mut ForexTransaction<'_>, row: &SaleRow) {
    let facts = sale_facts(&SaleInformation {
        declaration: row.id,
        order_no: row.order_no.clone(),
        trade_mode: row.trade_mode.clone(),
        firm: row.firm.clone(),
        currency: row.currency,
        amount: row.amount,
    });
    let name = format!("trade/{}", row.id);
    step.publish_to_bank(row.id.slot(), (&name, row.id.uuid()), &row.firm, facts);
}
