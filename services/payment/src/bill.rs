//! The bill of an import that was released (税单): what is owed, by whom, until when.
//!
//! There is one for a declaration, by its key; the tax that it says is moved from what the payer owes to the
//! treasury in the same transaction. What was held for it stays held until the bill is paid.

use domain::DeclarationId;
use domain::history::DutyStep;
use domain::inspection::appointment::CHINA;
use domain::payment::ledger::{Action, Leg, Purpose};
use domain::payment::tax::{Deadlines, deadlines};
use domain::rules::{FEN_E5, decimal};
use sqlx::PgConnection;
use store::Fault;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::duty_rows::DutyRow;
use crate::transaction::{PaymentTransaction, TREASURY, id_of, yuan};

/// A bill that is made.
#[derive(Debug, Clone)]
pub(crate) struct BillRow {
    duty: DutyRow,
    released_time: OffsetDateTime,
    deadlines: Deadlines,
}

/// The number of the bill of an inventory. How customs numbers its bills is not published; there is one for an
/// inventory.
pub(crate) fn tax_no(invt_no: &str) -> String {
    format!("T{invt_no}")
}

/// The id of the entry that moves the tax of a bill.
pub(crate) fn entry_id(id: DeclarationId) -> Uuid {
    id_of(&format!("bill/{id}"))
}

/// Makes the bill of a declaration that was released, and tells the firm.
pub(crate) fn make(
    step: &mut PaymentTransaction<'_>,
    id: DeclarationId,
    released_time: OffsetDateTime,
) -> Result<(), Fault> {
    let row = step.duty(id)?.clone();
    let day = released_time.to_offset(CHINA).date();
    let deadlines = deadlines(step.writer.parameters, day)
        .map_err(|missing| Fault::Broken(format!("the bill of {id} has no days: {missing}")))?;
    let (from, to) = (yuan(&row.payer, Purpose::DutyPayable), yuan(TREASURY, Purpose::Revenue));
    let kinds = [row.case.customs_tax_fen, row.case.vat_fen, row.case.consumption_fen];
    let leg = |amount: i64| Leg { from: from.clone(), to: to.clone(), amount };
    let legs: Vec<Leg> = kinds.into_iter().filter(|it| *it > 0).map(leg).collect();
    if !legs.is_empty() {
        let of = (entry_id(id), "bill.made_out");
        let mut entry = step.entry(&row, of, Action::Transfer(legs), released_time)?;
        entry.basis.bill = Some(entry.id);
        step.ledger
            .apply(row.payer_slot(), &entry)?
            .map_err(|error| Fault::Broken(format!("the tax of {id} cannot be billed: {error}")))?;
    }
    let amount = decimal(row.amount_fen * FEN_E5);
    let (number, payer, until) = (tax_no(&row.invt_no), &row.payer, deadlines.paid_until);
    let text = format!("{payer}: tax bill {number} of {amount} CNY, to be paid until {until}");
    let text_zh = format!("{payer}：税单{number}，税款{amount}元，缴款期限{until}");
    step.tell(id, DutyStep::Billed, None, (text, text_zh), None)?;
    step.bills.push(BillRow { duty: row, released_time, deadlines });
    Ok(())
}

/// Writes bills; there is one for a declaration.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    bills: &[BillRow],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if bills.is_empty() {
        return Ok(());
    }
    let amount =
        |of: fn(&DutyRow) -> i64| -> Vec<i64> { bills.iter().map(|bill| of(&bill.duty)).collect() };
    let slots: Vec<i16> = bills.iter().map(|bill| bill.duty.payer_slot().column()).collect();
    let ids: Vec<Uuid> = bills.iter().map(|bill| bill.duty.id.uuid()).collect();
    let payers: Vec<&str> = bills.iter().map(|bill| bill.duty.payer.as_str()).collect();
    let tax_nos: Vec<String> = bills.iter().map(|bill| tax_no(&bill.duty.invt_no)).collect();
    let invt_nos: Vec<&str> = bills.iter().map(|bill| bill.duty.invt_no.as_str()).collect();
    let released: Vec<OffsetDateTime> = bills.iter().map(|bill| bill.released_time).collect();
    let from: Vec<time::Date> = bills.iter().map(|bill| bill.deadlines.paid_from).collect();
    let until: Vec<time::Date> = bills.iter().map(|bill| bill.deadlines.paid_until).collect();
    let bodies: Vec<Vec<u8>> = bills.iter().map(|bill| bill.duty.case.encode()).collect();
    sqlx::query!(
        "insert into bill (slot, declaration_id, payer, tax_no, invt_no, status, customs_tax_fen,
                           vat_fen, consumption_fen, released_time, due_from, due_until, changed_time,
                           body)
         select slot, id, payer, tax_no, invt_no, 1, customs_tax, vat, consumption, released, due_from,
                due_until, $13, body
         from unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[],
                     $7::bigint[], $8::bigint[], $9::timestamptz[], $10::date[], $11::date[],
                     $12::bytea[])
              as given (slot, id, payer, tax_no, invt_no, customs_tax, vat, consumption, released,
                        due_from, due_until, body)",
        &slots,
        &ids,
        &payers as &[&str],
        &tax_nos,
        &invt_nos as &[&str],
        &amount(|duty| duty.case.customs_tax_fen),
        &amount(|duty| duty.case.vat_fen),
        &amount(|duty| duty.case.consumption_fen),
        &released,
        &from,
        &until,
        &bodies,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}
