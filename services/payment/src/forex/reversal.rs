//! A bank takes money back (冲回) that came: as long as it lies there, it leaves again; what was settled or ordered by
//! then is a debt of the firm to its bank, until that says that it was paid or an order that ends frees the forex.
//!
//! Either way the exports are due again.

use domain::history::ReceiptStep;
use domain::payment::amount::shown;
use domain::payment::ledger::{Action, Leg};
use domain::payment::statement::{StatementEntry, words};
use store::Fault;
use uuid::Uuid;

use super::booking_rows::EarlyReversal;
use super::matching;
use super::receipt_rows::{self, ReceiptRow, ReceiptStand};
use super::transaction::{ForexTransaction, Posting, bank, leg, owed, settlement};
use crate::names::id_of;

/// What a line of a bank names.
pub(super) fn references(entry: &StatementEntry) -> Vec<String> {
    let texts = entry.texts.iter().chain([&entry.end_to_end, &entry.reference]);
    texts.flat_map(|text| words(text)).map(str::to_owned).collect()
}

fn posting<'a>(
    step: &ForexTransaction<'_>,
    receipt: &ReceiptRow,
    (name, event, rule): (&str, &'a str, &'a str),
    action: Action,
) -> Posting<'a> {
    Posting {
        slot: receipt.slot,
        id: id_of(&format!("{name}/{}", receipt.id)),
        event,
        declaration: None,
        actor: "bank",
        rule,
        effective: step.now,
        action,
    }
}

/// The bank takes money back; whether it is some that came.
pub(super) async fn reverse(
    step: &mut ForexTransaction<'_>,
    back: &EarlyReversal,
) -> Result<bool, Fault> {
    let EarlyReversal { owner, currency, amount, day, reference, names, .. } = back;
    let of = (*currency, *amount);
    let found = receipt_rows::receipt_to_reverse(&mut *step.tx, owner, of, names).await?;
    let Some(mut receipt) = found else { return Ok(false) };
    receipt.back_on = Some((*day).max(receipt.booked));
    if receipt.spent() > 0 {
        reverse_spent(step, &mut receipt, reference).await?;
    } else {
        reverse_whole(step, &mut receipt, reference).await?;
    }
    receipt_rows::update_receipt(&mut *step.tx, &receipt, step.now).await?;
    Ok(true)
}

/// Nothing of it was settled, ordered or kept: it is as if it had never come.
async fn reverse_whole(
    step: &mut ForexTransaction<'_>,
    receipt: &mut ReceiptRow,
    reference: &str,
) -> Result<(), Fault> {
    if receipt.state == ReceiptStand::Matched {
        matching::take_off(step, receipt, ReceiptStep::Reversed, "bank").await?;
    }
    let mut amounts = vec![receipt.amount];
    if receipt.charges > 0 {
        amounts.push(receipt.charges);
    }
    let action = Action::Reverse { of: id_of(&format!("receipt/{}", receipt.id)), amounts };
    let of = ("receipt-back", "receipt.reversed", reference);
    step.post(vec![posting(step, receipt, of, action)]).await?;
    (receipt.state, receipt.why) = (ReceiptStand::Reversed, why_reversed());
    Ok(())
}

/// What still lies there leaves, and the firm owes the rest.
async fn reverse_spent(
    step: &mut ForexTransaction<'_>,
    receipt: &mut ReceiptRow,
    reference: &str,
) -> Result<(), Fault> {
    let (owner, currency) = (receipt.owner.clone(), receipt.currency);
    let debt = receipt.ordered + receipt.settled;
    let legs = [
        leg(settlement(&owner, currency), bank(currency), receipt.net() - debt),
        leg(owed(&owner, currency), bank(currency), debt),
    ];
    let legs: Vec<Leg> = legs.into_iter().filter(|leg| leg.amount > 0).collect();
    let of = ("receipt-back", "receipt.reversed", reference);
    step.post(vec![posting(step, receipt, of, Action::Transfer(legs))]).await?;
    let was_whole = receipt.settled + receipt.kept == receipt.net();
    (receipt.kept, receipt.owed) = (0, debt);
    stand(receipt);
    matching::free(step, receipt, (ReceiptStep::Reversed, was_whole), "bank").await
}

/// Where a receipt stands that was taken back.
fn stand(receipt: &mut ReceiptRow) {
    if receipt.owed == 0 {
        (receipt.state, receipt.why) = (ReceiptStand::Reversed, why_reversed());
        return;
    }
    let money = format!("{} {}", shown(receipt.currency, receipt.owed), receipt.currency.letters());
    receipt.state = ReceiptStand::Owed;
    receipt.why = (
        format!("the bank took it back after it was spent: {money} are owed to it"),
        format!("银行已冲回，该款已结汇或已申请结汇，应付银行{money}"),
    );
}

fn why_reversed() -> (String, String) {
    ("the bank took it back".to_owned(), "银行已冲回".to_owned())
}

/// The firm pays what it owes of a receipt that the bank names; whether this line is such a payment.
pub(super) async fn repay(
    step: &mut ForexTransaction<'_>,
    (owner, line): (&str, &str),
    entry: &StatementEntry,
) -> Result<bool, Fault> {
    let (of, named) = ((entry.currency, entry.amount), references(entry));
    let found = receipt_rows::receipt_owed(&mut *step.tx, owner, of, &named).await?;
    let Some(mut receipt) = found else { return Ok(false) };
    let (owner, currency) = (receipt.owner.clone(), receipt.currency);
    let legs = vec![leg(bank(currency), owed(&owner, currency), entry.amount)];
    let name = format!("reversal-paid/{line}");
    let of = (name.as_str(), "receipt.repaid", entry.reference.as_str());
    step.post(vec![posting(step, &receipt, of, Action::Transfer(legs))]).await?;
    receipt.owed -= entry.amount;
    stand(&mut receipt);
    receipt_rows::update_receipt(&mut *step.tx, &receipt, step.now).await?;
    Ok(true)
}

/// Forex of an order that ended is free: where its receipt is owed to the bank, it is for that.
pub(super) async fn cover(
    step: &mut ForexTransaction<'_>,
    receipt: &mut ReceiptRow,
    freed: i64,
    order: Uuid,
) -> Result<(), Fault> {
    let amount = freed.min(receipt.owed);
    if amount == 0 {
        return Ok(());
    }
    let (owner, currency) = (receipt.owner.clone(), receipt.currency);
    let legs = vec![leg(settlement(&owner, currency), owed(&owner, currency), amount)];
    let name = format!("reversal-covered/{order}");
    let of = (name.as_str(), "receipt.covered", "结汇指令终止");
    step.post(vec![posting(step, receipt, of, Action::Transfer(legs))]).await?;
    receipt.owed -= amount;
    stand(receipt);
    Ok(())
}
