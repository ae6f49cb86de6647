//! Which exports a receipt pays: by the order numbers in its texts, or by hand, with undo.

use std::collections::{BTreeMap, BTreeSet};

use domain::history::ReceiptStep;
use domain::payment::allotment::{AllotmentError, allot};
use domain::payment::amount::shown;
use domain::payment::buying_rates::tolerance;
use domain::payment::ledger::Action;
use domain::payment::statement::words;
use domain::{DeclarationId, Slot};
use store::Fault;

use super::announced_rows::Announcements;
use super::match_rows::MatchRow;
use super::receipt_rows::{ReceiptRow, ReceiptStand};
use super::sale_rows::{SaleRow, SaleState};
use super::transaction::{ForexTransaction, Posting, leg, receivable, settlement, suspense};
use super::{announced_rows, match_rows, receipt_rows, sale_rows};
use crate::names::id_of;

/// Receipts of a firm that are looked through for a payment that is announced late, the newest first.
const WAITING_MAX: i64 = 200;

/// Why a receipt is not matched, in both languages.
type BothLanguages = (String, String);

fn why(english: impl Into<String>, chinese: impl Into<String>) -> BothLanguages {
    (english.into(), chinese.into())
}

/// Matches a receipt with the exports that its texts name: by their orders, or by the number of a payment that was
/// announced for them.
pub(crate) async fn by_texts(
    step: &mut ForexTransaction<'_>,
    receipt: &mut ReceiptRow,
    named: &[String],
    announced: &Announcements,
) -> Result<(), Fault> {
    if named.is_empty() {
        receipt.why = why(
            "its texts name no order and no announced payment that is known",
            "附言中没有已知的订单编号或收款单支付编号",
        );
        return Ok(());
    }
    let announced = announced.only(named);
    let found = sale_rows::sales_named(&mut *step.tx, &receipt.owner, named).await?;
    let mut sales: BTreeMap<DeclarationId, SaleRow> =
        found.into_iter().map(|sale| (sale.id, sale)).collect();
    sales.append(&mut sale_rows::sales(&mut *step.tx, &announced.declarations().collect()).await?);
    let mut sales: Vec<SaleRow> = sales.into_values().collect();
    sales.sort_by_key(|sale| (sale.filed_time, sale.id));
    let ids: Vec<DeclarationId> = sales.iter().map(|sale| sale.id).collect();
    if let Err(reason) = pay(step, receipt, &ids, &announced, None).await? {
        receipt.why = reason;
    }
    Ok(())
}

/// Money was announced for an export: what came before, and says so in its texts, is matched now.
pub(crate) async fn by_announcement(
    step: &mut ForexTransaction<'_>,
    sale: &SaleRow,
    pay_no: &str,
) -> Result<(), Fault> {
    let owners: BTreeSet<&str> = [sale.firm.as_str(), sale.ebc_code.as_str()].into();
    step.lock(owners.iter().map(|owner| Slot::of(owner))).await?;
    for owner in owners {
        let of = (owner, sale.currency);
        for (id, details) in
            receipt_rows::unmatched(&mut *step.tx, step.cipher, of, WAITING_MAX).await?
        {
            let is_named = |word: &str| word == sale.order_no || word == pay_no;
            if !details.texts.iter().flat_map(|text| words(text)).any(is_named) {
                continue;
            }
            let Some(mut receipt) = receipt_rows::receipt_by_id(&mut *step.tx, id).await? else {
                continue;
            };
            let named: BTreeSet<&str> = details.texts.iter().flat_map(|text| words(text)).collect();
            let named: Vec<String> = named.into_iter().map(str::to_owned).collect();
            let announced = announced_rows::named(&mut *step.tx, owner, &named).await?;
            by_texts(step, &mut receipt, &named, &announced).await?;
            receipt_rows::update_receipt(&mut *step.tx, &receipt, step.now).await?;
        }
    }
    Ok(())
}

/// Divides a receipt among exports, in their order, and to none more than is announced. `by` is who does it by hand.
pub(crate) async fn pay(
    step: &mut ForexTransaction<'_>,
    receipt: &mut ReceiptRow,
    ids: &[DeclarationId],
    announced: &Announcements,
    by: Option<&str>,
) -> Result<Result<(), BothLanguages>, Fault> {
    step.lock(ids.iter().map(|id| id.slot())).await?;
    let wanted: BTreeSet<DeclarationId> = ids.iter().copied().collect();
    let mut known = sale_rows::sales(&mut *step.tx, &wanted).await?;
    let mut sales: Vec<SaleRow> = ids.iter().filter_map(|id| known.remove(id)).collect();
    if sales.len() != ids.len() {
        return Ok(Err(why("an export is unknown, or named twice", "清单不存在或重复列出")));
    }
    let owner = &receipt.owner;
    if sales.iter().any(|sale| sale.firm != *owner && sale.ebc_code != *owner) {
        return Ok(Err(why(
            format!("{owner} neither declares nor sells them"),
            format!("{owner}既不是申报企业，也不是电商企业"),
        )));
    }
    if sales.iter().any(|sale| sale.state == SaleState::Ended) {
        return Ok(Err(why("the export ended without a release", "清单未放行即已终结")));
    }
    if let Some(other) = sales.iter().find(|sale| sale.currency != receipt.currency) {
        let (due, came) = (other.currency.letters(), receipt.currency.letters());
        return Ok(Err(why(
            format!("the export is in {due}, the receipt in {came}"),
            format!("清单币种为{due}，收汇币种为{came}"),
        )));
    }
    let dues: Vec<i64> = sales.iter().map(|sale| announced.due(sale)).collect();
    let before = sales.iter().map(|sale| i64::from(sale.receipts)).max();
    let each = tolerance(receipt.currency, receipt.booked);
    // The tolerance is for each receipt that was needed.
    let allowed = each.saturating_mul(1 + before.unwrap_or(0)); // no export at all is refused below
    let allotted = match allot(receipt.amount, &dues, allowed) {
        Ok(allotted) => allotted,
        Err(AllotmentError::NothingDue) => {
            return Ok(Err(why("nothing is due for them any more", "所列清单已无应收")));
        }
        Err(AllotmentError::Over(surplus)) => {
            let letters = receipt.currency.letters();
            let surplus = shown(receipt.currency, surplus);
            return Ok(Err(why(
                format!("{surplus} {letters} more came than is due for them"),
                format!("超出应收{surplus} {letters}"),
            )));
        }
    };
    receipt.matchings += 1;
    let paid = sales.iter_mut().zip(allotted).filter_map(|(sale, part)| Some((sale, part?)));
    let paid: Vec<_> = paid.collect();
    let actor = by.unwrap_or("payment-service"); // nobody did it by hand
    let name = format!("match/{}/{}", receipt.id, receipt.matchings);
    let (from, to) = (suspense(owner, receipt.currency), settlement(owner, receipt.currency));
    let posting = |slot, id, declaration, action| Posting {
        slot,
        id,
        event: "receipt.matched",
        declaration,
        actor,
        rule: "谁出口谁收汇",
        effective: step.now,
        action,
    };
    let whole = Action::Transfer(vec![leg(from, to, receipt.net())]);
    let mut postings = vec![posting(receipt.slot, id_of(&name), None, whole)];
    let mut matches = Vec::new();
    for (sale, part) in &paid {
        let (firm, abroad) = receivable(sale);
        let action = Action::Transfer(vec![leg(firm, abroad, part.amount + part.fee)]);
        let id = id_of(&format!("{name}/{}", sale.id));
        postings.push(posting(sale.id.slot(), id, Some(sale.id), action));
        matches.push(MatchRow {
            declaration: sale.id,
            amount: part.amount,
            fee: part.fee,
            settled: 0,
            by_hand: by.is_some(),
        });
    }
    step.post(postings).await?;
    (receipt.state, receipt.why) = (ReceiptStand::Matched, (String::new(), String::new()));
    match_rows::write_matches(&mut *step.tx, receipt, &matches, actor, step.now).await?;
    let (attempt, mut changed) = (receipt.matchings.to_string(), Vec::<&SaleRow>::new());
    for (sale, part) in paid {
        sale.received += part.amount + part.fee;
        sale.receipts += 1;
        step.report(sale, receipt, (ReceiptStep::Matched, part.amount), &attempt);
        changed.push(sale);
    }
    sale_rows::write_sales(&mut *step.tx, &changed, step.now).await?;
    Ok(Ok(()))
}

/// Takes a receipt off its exports. Nothing of it was ordered, settled or kept.
pub(crate) async fn take_off(
    step: &mut ForexTransaction<'_>,
    receipt: &mut ReceiptRow,
    reason: ReceiptStep,
    actor: &str,
) -> Result<(), Fault> {
    let of = format!("match/{}/{}", receipt.id, receipt.matchings);
    let whole = unmatched(step, (receipt.slot, &of), None, receipt.net(), actor);
    step.post(vec![whole]).await?;
    free(step, receipt, (reason, false), actor).await?;
    receipt.state = ReceiptStand::Unmatched;
    receipt.why = why("it was taken off by hand", "已人工撤销匹配");
    Ok(())
}

/// What a receipt paid is due again. When all of it was spent, what banks kept counted as settled, too.
pub(crate) async fn free(
    step: &mut ForexTransaction<'_>,
    receipt: &ReceiptRow,
    (reason, was_whole): (ReceiptStep, bool),
    actor: &str,
) -> Result<(), Fault> {
    let key = [(receipt.slot, receipt.id)];
    let matches = match_rows::matches(&mut *step.tx, &key).await?.remove(&receipt.id);
    let matches = matches.unwrap_or_default(); // a matched receipt has some
    let ids: BTreeSet<DeclarationId> = matches.iter().map(|row| row.declaration).collect();
    step.lock(ids.iter().map(|id| id.slot())).await?;
    let mut sales = sale_rows::sales(&mut *step.tx, &ids).await?;
    let name = format!("match/{}/{}", receipt.id, receipt.matchings);
    let mut postings = Vec::with_capacity(matches.len());
    for row in &matches {
        let of = format!("{name}/{}", row.declaration);
        let (slot, declaration) = (row.declaration.slot(), Some(row.declaration));
        postings.push(unmatched(step, (slot, &of), declaration, row.amount + row.fee, actor));
    }
    step.post(postings).await?;
    match_rows::write_matches(&mut *step.tx, receipt, &[], actor, step.now).await?;
    let attempt = receipt.matchings.to_string();
    for row in &matches {
        let Some(sale) = sales.get_mut(&row.declaration) else { continue };
        sale.received -= row.amount + row.fee;
        sale.receipts -= 1;
        sale.settled -= if was_whole { row.amount + row.fee } else { row.settled };
        step.report(sale, receipt, (reason, row.amount), &attempt);
    }
    let changed: Vec<&SaleRow> = sales.values().collect();
    sale_rows::write_sales(&mut *step.tx, &changed, step.now).await
}

/// What a match moved is moved back.
fn unmatched<'a>(
    step: &ForexTransaction<'_>,
    (slot, of): (Slot, &str),
    declaration: Option<DeclarationId>,
    amount: i64,
    actor: &'a str,
) -> Posting<'a> {
    Posting {
        slot,
        id: id_of(&format!("off/{of}")),
        event: "receipt.unmatched",
        declaration,
        actor,
        rule: "撤销匹配",
        effective: step.now,
        action: Action::Reverse { of: id_of(of), amounts: vec![amount] },
    }
}
