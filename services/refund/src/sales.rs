//! Warehouses overseas (9810): what was sold of an export, and the settlement of its advance refund.
//!
//! A report counts once, by its number. A line of a claim is settled by what was sold of its quantity: sold for the
//! declared amount, it is confirmed; of the rest the refund is reversed by a negative claim and paid back, and what
//! it used may be claimed anew when it is sold. What nobody settles until 30 April is recovered whole.

use std::collections::BTreeSet;

use domain::Slot;
use domain::refusal::{Code, Refusal};
use domain::tax_refund::arithmetic::{QuantityShare, half_up};
use domain::tax_refund::claim::{ClaimEvent, LineEvent, LineState};
use domain::tax_refund::entitlement::ExportMode;
use domain::tax_refund::overseas::{self, Advance, ReportError, Sales};
use store::Fault;

use crate::claim::{self, ClaimAct};
use crate::claim_line_rows;
use crate::claim_rows::ClaimRow;
use crate::export_row::ExportRow;
use crate::export_rows;
use crate::names::{ClaimName, id_of};
use crate::note::{NoteKind, RefundNote};
use crate::sale_rows::{self, ReportedSale};
use crate::transaction::RefundTransaction;

fn refused(error: ReportError, sale: &ReportedSale) -> Refusal {
    let refusal = Refusal::of(Code::ClaimAmountWrong).with("name", sale.export.name());
    refusal.with("why", error).with("why_zh", error.text_zh())
}

/// Takes reports down: all of them, or none.
pub(crate) async fn report(
    step: &mut RefundTransaction<'_>,
    firm: &str,
    reports: &[ReportedSale],
) -> Result<Result<(), Refusal>, Fault> {
    let slot = Slot::of(firm);
    let names = reports.iter().map(|sale| sale.export).collect();
    let mut rows = export_rows::load(&mut *step.tx, slot, &names).await?;
    rows.retain(|row| row.firm == firm && row.mode == ExportMode::Overseas);
    let mut known = sale_rows::load(&mut *step.tx, slot, &names).await?;
    let (mut new, mut changed) = (Vec::new(), BTreeSet::new());
    for sale in reports {
        let row = rows.iter_mut().find(|row| row.name == sale.export);
        let Some(row) = row else {
            return Ok(Err(Refusal::of(Code::NotFound).with("name", sale.export.name())));
        };
        let key = (sale.export, sale.number.clone());
        if let Some(before) = known.get(&key) {
            if *before == sale.sold {
                continue;
            }
            return Ok(Err(refused(ReportError::Different, sale)));
        }
        if sale.sold.qty_e5 <= 0 || sale.sold.fen < 0 {
            return Ok(Err(refused(ReportError::Amount, sale)));
        }
        let left = row.qty_e5 - row.returned_e5 - row.sold_e5;
        if sale.sold.qty_e5 > left {
            return Ok(Err(refused(ReportError::TooMuch, sale)));
        }
        row.sold_e5 += sale.sold.qty_e5;
        known.insert(key, sale.sold);
        new.push(sale);
        changed.insert(row.name);
    }
    sale_rows::insert(&mut *step.tx, slot, &new, step.now).await?;
    rows.retain(|row| changed.contains(&row.name));
    step.write_exports(&rows).await?;
    for sale in new {
        let pieces = Pieces(sale.sold.qty_e5);
        let note = RefundNote {
            line: sale.export.line.unsigned_abs(),
            ..RefundNote::of(
                NoteKind::SalesReported,
                format!("{pieces} sold by report {}", sale.number),
                format!("销售报告{}：售出{pieces}", sale.number),
            )
        };
        step.add_note(firm, sale.export.id.name(), note);
    }
    Ok(Ok(()))
}

/// A quantity in words.
struct Pieces(i64);

impl std::fmt::Display for Pieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&domain::rules::decimal(self.0))
    }
}

/// Settles an advance refund by what was sold until now; settled already, it stays so.
pub(crate) async fn settle(
    step: &mut RefundTransaction<'_>,
    name: &ClaimName,
    number: u32,
) -> Result<Result<ClaimRow, Refusal>, Fault> {
    let out_of_step = |why: String, why_zh: String| {
        let refusal = Refusal::of(Code::ClaimOutOfStep).with("line", number);
        Ok(Err(refusal.with("why", why).with("why_zh", why_zh)))
    };
    let no_advance = || {
        let why = "no advance refund was paid for this line";
        out_of_step(why.to_owned(), "该明细没有已退的预退税".to_owned())
    };
    let index = i32::try_from(number).unwrap_or(i32::MAX); // no claim has so many lines
    let found = claim_line_rows::some(&mut *step.tx, name, &[index]).await?;
    let Some(line) = found.into_values().next() else {
        return Ok(Err(Refusal::of(Code::NotFound).with("name", name.name()).with("line", number)));
    };
    let (LineState::Paid { fen }, Some(completed), true) =
        (&line.line.state, line.paid_day, line.line.advance)
    else {
        return no_advance();
    };
    let names = BTreeSet::from([line.export]);
    let exports = export_rows::load(&mut *step.tx, name.slot(), &names).await?;
    let export = exports.into_iter().next();
    let mut export =
        export.ok_or_else(|| Fault::Broken("an export of a claim is gone".to_owned()))?;
    let sold = sold_of_line(step, &export, name, number, line.qty_e5).await?;
    let declared = half_up(export.amount_e5, line.qty_e5, export.qty_e5);
    let large = || Fault::Broken("the amount of an export does not fit".to_owned());
    let goods = QuantityShare { qty_e5: line.qty_e5, fen: declared.ok_or_else(large)? };
    let advance = Advance { goods, refund_fen: *fen, completed };
    let settled = match overseas::settle(advance, Sales { sold }, step.today()) {
        Ok(settled) => settled,
        Err(error) => return out_of_step(error.to_string(), error.text_zh()),
    };
    // The same whenever it is settled again.
    let negative = id_of(&format!("{}/settled/{number}", name.name())).as_u64_pair().0 >> 2;
    let event = LineEvent::Settled { keeps_fen: settled.confirmed_fen, negative: negative.max(1) };
    let event = ClaimEvent::Line { line: number, event };
    let act = ClaimAct { event, code: String::new(), text: String::new() };
    let claim = match claim::act(step, name, &[act]).await? {
        Ok(claim) => claim,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let lines = claim_line_rows::some(&mut *step.tx, name, &[index]).await?;
    for mut line in lines.into_values() {
        // What is recovered whole is freed whole.
        line.reversed_e5 = if settled.confirmed_fen > 0 { settled.reversed_e5 } else { 0 };
        claim_line_rows::write(&mut *step.tx, name, &[&line]).await?;
    }
    (export.settled, export.settle_by) = (true, None);
    step.write_exports([&export]).await?;
    Ok(Ok(claim))
}

/// What of the sales of an export is of this line: lines that were claimed before come first.
async fn sold_of_line(
    step: &mut RefundTransaction<'_>,
    export: &ExportRow,
    name: &ClaimName,
    number: u32,
    qty_e5: i64,
) -> Result<QuantityShare, Fault> {
    let names = BTreeSet::from([export.name]);
    let reports = sale_rows::load(&mut *step.tx, export.slot(), &names).await?;
    let qty: i64 = reports.values().map(|sold| sold.qty_e5).sum();
    let amount: i64 = reports.values().map(|sold| sold.fen).sum();
    let lines = claim_line_rows::of_export(&mut *step.tx, export.slot(), export.name.id).await?;
    let before = lines.iter().filter(|(claim, line)| {
        let earlier = (claim, line.number) < (name, number);
        earlier && line.export == export.name && line.holds_its_goods()
    });
    let before: i64 = before.map(|(_, line)| line.qty_e5 - line.reversed_e5).sum();
    let own = (qty - before).clamp(0, qty_e5);
    let fen = if qty == 0 { Some(0) } else { half_up(amount, own, qty) };
    let fen = fen.ok_or_else(|| Fault::Broken("the amount of sales does not fit".to_owned()))?;
    Ok(QuantityShare { qty_e5: own, fen })
}
