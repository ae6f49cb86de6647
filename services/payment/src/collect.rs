//! Bills are collected into a payment order (缴款书) for each payer from day 31 to day 45 after the release, and the
//! bank pays it: what the payer owes is less by that, and when all of it is paid, what was held for the bills is free.
//!
//! The bank is told of an order in the transaction that makes it. What it paid comes with its statements, in parts as
//! it may be; more than was due is a claim of the payer.

use domain::CHINA;
use domain::history::DutyStep;
use domain::payment::bill::{BillEvent, next, shares};
use domain::payment::ledger::{Action, Currency, EntryCheck, Leg, Purpose};
use domain::refusal::{Code, Refusal};
use domain::rules::{FEN_E5, decimal};
use domain::{DeclarationId, RequestId, Slot};
use proto::bank::{AccountNumber, BankParty, PaymentBatch, PaymentOrder, Transfer};
use proto::forex::order_facts;
use store::Fault;
use store::request::{Digest, RequestKey, RequestStatus};
use uuid::Uuid;

use crate::account_view::AccountView;
use crate::bill_rows::{BillRow, DutyOrderRow, tax_no};
use crate::forex::bank_account::reference;
use crate::names::{BANK, TREASURY, bill_entry_id, id_of, yuan};
use crate::notice::Notice;
use crate::transaction::PaymentTransaction;

/// A payment order that the bank paid.
#[derive(Debug, Clone)]
pub(crate) struct OrderPayment {
    pub(crate) request_id: RequestId,
    /// Name of the caller in the registry.
    pub(crate) caller: String,
    pub(crate) digest: Digest,
    pub(crate) payer: String,
    pub(crate) ent_duty_no: String,
    /// What it is, in the words of the caller.
    pub(crate) reference: String,
    /// What a bank paid by its statement; `None` for all that is left, by somebody's word.
    pub(crate) amount_fen: Option<i64>,
}

/// The order as it is then.
#[derive(Debug, Clone)]
pub(crate) struct PaidOrder {
    pub(crate) order: DutyOrderRow,
    /// The request came before.
    pub(crate) repeated: bool,
    /// The accounts of the payer then.
    pub(crate) accounts: Vec<AccountView>,
}

impl OrderPayment {
    /// Of its request.
    pub(crate) fn key(&self) -> RequestKey {
        RequestKey { slot: self.slot(), id: self.request_id, caller: self.caller.clone() }
    }

    /// Where the money of its payer is.
    pub(crate) fn slot(&self) -> Slot {
        Slot::of(&self.payer)
    }

    /// Of the entry of what is beyond its bills: each line of a bank counts once.
    pub(crate) fn entry_id(&self) -> Uuid {
        id_of(&self.entry_name())
    }

    /// Of the entry of what it pays of a bill.
    pub(crate) fn bill_entry_id(&self, bill: DeclarationId) -> Uuid {
        id_of(&format!("{}/{bill}", self.entry_name()))
    }

    /// By somebody's word an order is paid once.
    fn entry_name(&self) -> String {
        match self.amount_fen {
            None => format!("paid/{}", self.ent_duty_no),
            Some(_) => format!("paid/{}/{}", self.ent_duty_no, self.request_id.0),
        }
    }
}

/// Collects bills of a payer whose time has come into one payment order, and tells the firms.
pub(crate) fn collect(
    step: &mut PaymentTransaction<'_>,
    payer: &str,
    ids: &[DeclarationId],
) -> Result<(), Fault> {
    let now = step.now;
    let mut bills: Vec<BillRow> = Vec::with_capacity(ids.len());
    for id in ids {
        let bill = step.bill(*id)?;
        // Goods may have come back before we had the lock.
        if let Some(status) = next(bill.status, BillEvent::Collected) {
            bills.push(BillRow { status, ..bill.clone() });
        }
    }
    let Some(first) = bills.first() else { return Ok(()) };
    let ent_duty_no = format!("{}-L01", first.invt_no);
    let due_until = bills.iter().map(|bill| bill.due_until).min().unwrap_or(first.due_until); // there is one
    let order = DutyOrderRow {
        ent_duty_no: ent_duty_no.clone(),
        payer: payer.to_owned(),
        declaration: first.id,
        amount_fen: bills.iter().map(BillRow::left_fen).sum(),
        // No more than are taken at once.
        bills: i32::try_from(bills.len()).unwrap_or(i32::MAX),
        made_time: now,
        due_until,
        paid_fen: 0,
        paid_time: None,
        bank_order: id_of(&format!("duty-order/{payer}/{ent_duty_no}")),
        reason: String::new(),
    };
    instruct_bank(step, &order, &bills)?;
    for mut bill in bills {
        bill.ent_duty_no.clone_from(&ent_duty_no);
        let number = tax_no(&bill.invt_no);
        let text = format!(
            "{payer}: tax bill {number} is in payment order {ent_duty_no}, until {due_until}"
        );
        let text_zh =
            format!("{payer}：税单{number}已汇总入缴款书{ent_duty_no}，缴款期限{due_until}");
        step.report(bill.id, DutyStep::Collected, "", None, (text, text_zh), None)?;
        step.notify(&bill, Notice::Collected, now)?;
        step.keep_bill(bill);
    }
    step.orders.push(order);
    Ok(())
}

/// The bank is told to pay an order out of the payer's account.
fn instruct_bank(
    step: &mut PaymentTransaction<'_>,
    order: &DutyOrderRow,
    bills: &[BillRow],
) -> Result<(), Fault> {
    if order.amount_fen == 0 {
        return Ok(());
    }
    let DutyOrderRow { ent_duty_no, payer, bank_order, .. } = order;
    let party = |owner: &str| BankParty {
        name: owner.to_owned(),
        account: AccountNumber::Number(format!("{owner}-{}", Currency::Cny.letters())),
        bic: String::new(),
    };
    let id = reference(*bank_order);
    let orders = bills.iter().map(|bill| bill.case.order_no.clone());
    let transfer = Transfer {
        end_to_end: id.clone(),
        currency: Currency::Cny,
        amount: order.amount_fen,
        creditor: party(TREASURY),
        texts: std::iter::once(format!("TAX {ent_duty_no}")).chain(orders).take(10).collect(),
    };
    let payment = PaymentBatch {
        id: id.clone(),
        day: order.made_time.to_offset(CHINA).date(),
        debtor: party(payer),
        transfers: vec![transfer],
    };
    let document = proto::bank::write_order(&PaymentOrder {
        message_id: id.clone(),
        created: order.made_time,
        initiator: payer.clone(),
        payments: vec![payment],
    });
    let document = document.map_err(|faults| {
        let first = proto::text(faults.first().map(|fault| fault.text.clone()));
        Fault::Broken(format!("the payment order {ent_duty_no} cannot be written: {first}"))
    })?;
    let name = format!("duty-order/{id}");
    let slot = Slot::of(payer);
    step.publish_to_bank(slot, (&name, *bank_order), payer, order_facts(document));
    Ok(())
}

/// The bank paid an order, or a part of it.
pub(crate) fn pay(
    step: &mut PaymentTransaction<'_>,
    payment: &OrderPayment,
    order: Option<DutyOrderRow>,
    ids: &[DeclarationId],
) -> Result<Result<PaidOrder, Refusal>, Fault> {
    let number = &payment.ent_duty_no;
    let unknown = || Refusal::of(Code::NotFound).with("name", number);
    // Another part may have been paid in this transaction.
    let newest = step.orders.iter().rev().find(|it| it.ent_duty_no == *number).cloned();
    let order = newest.or(order).filter(|order| order.payer == payment.payer);
    let Some(mut order) = order else {
        return Ok(Err(unknown()));
    };
    match step.requests.seen(&payment.key(), &payment.digest) {
        RequestStatus::New => {}
        RequestStatus::Same(_) => {
            let accounts = step.accounts_of(&order.payer)?;
            return Ok(Ok(PaidOrder { order, repeated: true, accounts }));
        }
        RequestStatus::Other(_) => return Ok(Err(Refusal::of(Code::RequestIdReused))),
    }
    // What a bank paid was paid, even if it was paid before.
    if order.paid_time.is_some() && payment.amount_fen.is_none() {
        return Ok(Err(Refusal::of(Code::DutyOrderPaid).with("name", number)));
    }
    let mut bills = Vec::with_capacity(ids.len());
    for id in ids {
        bills.push(step.bill(*id)?.clone());
    }
    // Goods may have come back since it was made.
    if order.paid_time.is_none() {
        order.amount_fen = bills.iter().map(BillRow::left_fen).sum();
    }
    let left = (order.amount_fen - order.paid_fen).max(0);
    let paid = payment.amount_fen.unwrap_or(left); // all that is left
    let now = step.now;
    let owed: Vec<i64> = bills.iter().map(BillRow::left_fen).collect();
    let (parts, beyond) = shares(&owed, order.paid_fen, paid);
    for (bill, part) in bills.iter().zip(parts) {
        book(step, payment, bill, (Some(bill.id), part))?;
    }
    if let Some(first) = bills.first() {
        book(step, payment, first, (None, beyond))?;
    }
    order.paid_fen += paid;
    let is_whole = order.paid_time.is_none() && order.paid_fen >= order.amount_fen;
    if is_whole {
        order.paid_time = Some(now);
        order.reason.clear();
    }
    for bill in bills.iter().filter(|_| is_whole) {
        step.void(bill.id, now)?;
        let (payer, tax_no) = (&bill.payer, tax_no(&bill.invt_no));
        let paid = decimal(bill.left_fen() * FEN_E5);
        let text = format!("{payer}: tax bill {tax_no}, {paid} CNY paid by order {number}");
        let text_zh = format!("{payer}：税单{tax_no}，已按缴款书{number}缴纳{paid}元");
        step.report(bill.id, DutyStep::Paid, "", None, (text, text_zh), None)?;
    }
    step.orders.push(order.clone());
    step.requests.keep(payment.key(), payment.digest, Vec::new());
    let accounts = step.accounts_of(&order.payer)?;
    Ok(Ok(PaidOrder { order, repeated: false, accounts }))
}

/// Writes what the bank paid of a bill, which is also counted as paid by its firm; or, of no bill, what came beyond all of
/// them: a claim of the firm.
fn book(
    step: &mut PaymentTransaction<'_>,
    payment: &OrderPayment,
    bill: &BillRow,
    (of, amount): (Option<DeclarationId>, i64),
) -> Result<(), Fault> {
    if amount == 0 {
        return Ok(());
    }
    let (number, payer) = (&payment.ent_duty_no, &bill.payer);
    let leg = |from, to| Leg { from, to, amount };
    let mut legs = vec![leg(yuan(BANK, Purpose::Settlement), yuan(payer, Purpose::DutyPayable))];
    if of.is_some() {
        legs.push(leg(yuan(TREASURY, Purpose::DutyPaid), yuan(payer, Purpose::DutyPaid)));
    }
    let id = of.map_or_else(|| payment.entry_id(), |id| payment.bill_entry_id(id));
    let row = step.duty(bill.id)?.clone();
    let mut entry = step.entry(&row, (id, "duty.paid"), Action::Transfer(legs), step.now)?;
    entry.basis.declaration = of.map(DeclarationId::uuid);
    entry.basis.bill = of.map(bill_entry_id);
    entry.basis.actor.clone_from(&payment.caller);
    entry.basis.rule = format!("{number} {}", payment.reference);
    match step.ledger.apply(payment.slot(), &entry)? {
        Ok(EntryCheck::New(_) | EntryCheck::Known) => Ok(()),
        Err(error) => Err(Fault::Broken(format!("the order {number} cannot be paid: {error}"))),
    }
}
