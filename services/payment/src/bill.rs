//! The bill of an import that was released (税单): what is owed, by whom, until when.
//!
//! There is one for a declaration, by its key; the tax that it says is moved from what the payer owes to the
//! treasury in the same transaction. What was held for it stays held until the bill is paid, or is void.

use domain::CHINA;
use domain::DeclarationId;
use domain::answer::ExchangeAnswer;
use domain::history::DutyStep;
use domain::payment::bill::BillStatus;
use domain::payment::ledger::{Action, Leg, Purpose};
use domain::payment::parameters::Parameters;
use domain::payment::tax::{Deadlines, deadlines};
use domain::rules::{FEN_E5, SCRIPT_PREFIX, decimal};
use store::Fault;
use time::{Duration, OffsetDateTime};

use crate::bill_rows::{BillRow, tax_no};
use crate::duty_answer::news;
use crate::duty_rows::DutyRow;
use crate::names::{TREASURY, bill_entry_id, yuan};
use crate::notice::Notice;
use crate::transaction::PaymentTransaction;

/// In a sandbox, a bill of such an order is collected a second after it was made, not after a month.
const TAX_PAID: &str = "TAXPAID";

/// Whether an order number has a word of the sandbox.
pub(crate) fn is_scripted(order_no: &str, wanted: &str) -> bool {
    let words = order_no.strip_prefix(SCRIPT_PREFIX);
    words.is_some_and(|words| words.split('-').any(|word| word == wanted))
}

/// What the firm is told of the bill of a declaration that was released then.
pub(crate) fn billed_answer(
    parameters: &Parameters,
    row: &DutyRow,
    released_time: OffsetDateTime,
) -> Result<ExchangeAnswer, Fault> {
    let until = days(parameters, row.id, released_time)?.paid_until;
    let amount = decimal(row.amount_fen * FEN_E5);
    let (number, payer) = (tax_no(&row.invt_no), &row.payer);
    let text = format!("{payer}: tax bill {number} of {amount} CNY, to be paid until {until}");
    let text_zh = format!("{payer}：税单{number}，税款{amount}元，缴款期限{until}");
    Ok(news(row, DutyStep::Billed, "", None, (text, text_zh), None))
}

fn days(
    parameters: &Parameters,
    id: DeclarationId,
    released_time: OffsetDateTime,
) -> Result<Deadlines, Fault> {
    deadlines(parameters, released_time.to_offset(CHINA).date())
        .map_err(|missing| Fault::Broken(format!("the bill of {id} has no days: {missing}")))
}

/// Makes the bill of a declaration that was released.
pub(crate) fn make(
    step: &mut PaymentTransaction<'_>,
    id: DeclarationId,
    released_time: OffsetDateTime,
) -> Result<(), Fault> {
    let row = step.duty(id)?.clone();
    let deadlines = days(&step.writer.numbers.parameters, id, released_time)?;
    let (from, to) = (yuan(&row.payer, Purpose::DutyPayable), yuan(TREASURY, Purpose::Revenue));
    let leg = |amount: i64| Leg { from: from.clone(), to: to.clone(), amount };
    let legs: Vec<Leg> = row.case.taxes().into_iter().filter(|it| *it > 0).map(leg).collect();
    if !legs.is_empty() {
        let of = (bill_entry_id(id), "bill.made_out");
        let mut entry = step.entry(&row, of, Action::Transfer(legs), released_time)?;
        entry.basis.bill = Some(entry.id);
        step.ledger
            .apply(row.payer_slot(), &entry)?
            .map_err(|error| Fault::Broken(format!("the tax of {id} cannot be billed: {error}")))?;
    }
    let collect_time = if step.writer.sandbox && is_scripted(&row.case.order_no, TAX_PAID) {
        released_time + Duration::SECOND
    } else {
        deadlines.paid_from.midnight().assume_offset(CHINA)
    };
    let bill = BillRow {
        id,
        payer: row.payer,
        invt_no: row.invt_no,
        status: BillStatus::MadeOut,
        returned_fen: 0,
        released_time,
        due_from: deadlines.paid_from,
        due_until: deadlines.paid_until,
        collect_time,
        ent_duty_no: String::new(),
        case: row.case,
    };
    step.notify(&bill, Notice::MadeOut, released_time)?;
    step.keep_bill(bill);
    Ok(())
}
