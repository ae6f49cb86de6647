//! Goods that come back (退货): their tax is given back, and a bill whose goods are all back is void.
//!
//! An application counts once, by its guid. What is given back is a part of what was billed, moved back from the
//! treasury by an entry that names the bill's.

use domain::DeclarationId;
use domain::history::DutyStep;
use domain::payment::bill::{BillEvent, GivenBack, give_back, is_all_back, next};
use domain::payment::ledger::Action;
use domain::rules::{FEN_E5, decimal};
use proto::duty::ReturnedGoods;
use store::Fault;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::bill;
use crate::bill_rows::tax_no;
use crate::notice::Notice;
use crate::transaction::{PaymentTransaction, id_of};

/// The queue of goods that come back and wait for their bill. Its subjects are inventories.
pub(crate) const RETURNS: &str = "returns";

/// The id of the entry that gives tax back.
pub(crate) fn entry_id(guid: &str) -> Uuid {
    id_of(&format!("return/{guid}"))
}

/// Takes goods back of the bill of a declaration.
pub(crate) fn take(
    step: &mut PaymentTransaction<'_>,
    id: DeclarationId,
    goods: &ReturnedGoods,
    time: OffsetDateTime,
) -> Result<(), Fault> {
    let mut bill = step.bill(id)?.clone();
    if bill.case.returns.contains(&goods.guid) {
        return Ok(());
    }
    let mut lines = bill.billed();
    let GivenBack { taxes, value_fen } = give_back(&mut lines, &goods.lines);
    for (line, billed) in bill.case.lines.iter_mut().zip(&lines) {
        line.billed = *billed;
    }
    bill.case.returns.push(goods.guid.clone());
    let given: i64 = taxes.iter().sum();
    let row = step.duty(id)?.clone();
    if given > 0 {
        // The bill has a leg for each tax that is not nothing.
        let billed = bill.case.taxes().into_iter().zip(taxes);
        let amounts = billed.filter(|(billed, _)| *billed > 0).map(|(_, back)| back).collect();
        let action = Action::Reverse { of: bill::entry_id(id), amounts };
        let of = (entry_id(&goods.guid), "bill.given_back");
        let mut entry = step.entry(&row, of, action, time)?;
        entry.basis.bill = Some(bill::entry_id(id));
        entry.basis.rule = "海关总署公告2020年第45号".to_owned();
        step.ledger.apply(bill.slot(), &entry)?.map_err(|error| {
            Fault::Broken(format!("the tax of {id} cannot be given back: {error}"))
        })?;
        bill.returned_fen += given;
    }
    // Freight and insurance come back only with everything.
    step.purchases.restore(id, (!is_all_back(&lines)).then_some(value_fen))?;
    let void = is_all_back(&lines).then(|| next(bill.status, BillEvent::AllBack)).flatten();
    if let Some(status) = void {
        bill.status = status;
        step.void(id, time)?;
        step.notify(&bill, Notice::Void, time)?;
    }
    let (payer, number) = (&bill.payer, tax_no(&bill.invt_no));
    let [back, left] = [given, bill.left_fen()].map(|fen| decimal(fen * FEN_E5));
    let (mut text, mut text_zh) = (
        format!("{payer}: tax bill {number}, {back} CNY given back, {left} CNY left"),
        format!("{payer}：税单{number}，退还税款{back}元，余{left}元"),
    );
    if void.is_some() {
        text.push_str("; the bill is void");
        text_zh.push_str("，税单作废");
    }
    step.tell(id, DutyStep::Returned, &goods.guid, None, (text, text_zh), None)?;
    step.keep_bill(bill);
    Ok(())
}
