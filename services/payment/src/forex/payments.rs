//! The balance of payments (国际收支申报): what is told of a receipt, and what is missing for it.
//!
//! Nothing is edited: a correction is a declaration of its own, and the newest counts.

use domain::payment::forex::{Channel, ForexRecord, Income, Lack, rules};
use domain::refusal::{Code, Refusal};
use store::Fault;

use super::payments_rows::DeclaredPayment;
use super::receipt_rows::{ReceiptRow, ReceiptStand};
use super::sale_rows::SaleRow;
use super::settle::{channel, sales_of};
use super::transaction::ForexTransaction;
use super::{match_rows, payments_rows};

/// What a firm says of a receipt; empty where the export says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PaymentDetails {
    pub(crate) code: String,
    pub(crate) country: String,
    pub(crate) goods: String,
}

/// What would be told of a receipt, with the country of whoever paid.
pub(super) fn record(
    receipt: &ReceiptRow,
    sale: Option<&SaleRow>,
    channel: Channel,
    said: &PaymentDetails,
) -> (Result<ForexRecord, Vec<Lack>>, String) {
    let or = |said: &str, of: fn(&SaleRow) -> &str| {
        if said.is_empty() { sale.map_or("", of).to_owned() } else { said.to_owned() }
    };
    let country = or(&said.country, |sale| &sale.country);
    let goods = or(&said.goods, |sale| &sale.goods);
    let income = Income {
        day: receipt.booked,
        channel,
        mode: sale.map_or("", |sale| &sale.trade_mode),
        code: Some(said.code.as_str()).filter(|code| !code.is_empty()),
        currency: receipt.currency,
        amount: receipt.amount,
        usd_cents: receipt.usd_cents,
        payer_country: &country,
        goods: &goods,
        is_in_statistics: sale.is_some_and(|sale| sale.in_statistics),
        is_refund: receipt.state == ReceiptStand::Reversed,
        holidays: &[],
    };
    (rules().record(&income), country)
}

/// Declares a receipt, or corrects what was declared.
pub(super) async fn declare(
    step: &mut ForexTransaction<'_>,
    receipt: &ReceiptRow,
    details: &PaymentDetails,
    caller: &str,
) -> Result<Result<DeclaredPayment, Refusal>, Fault> {
    let channel = channel(step, &receipt.owner).await?;
    let key = [(receipt.slot, receipt.id)];
    let matches = match_rows::matches(&mut *step.tx, &key).await?;
    let matches: Vec<_> = matches.into_values().flatten().collect();
    let sales = sales_of(step, &matches).await?;
    let (told, country) = record(receipt, sales.first(), channel, details);
    let record = match told {
        Ok(record) => record,
        Err(lacks) => {
            let join =
                |of: fn(&Lack) -> String| lacks.iter().map(of).collect::<Vec<_>>().join("; ");
            let refusal = Refusal::of(Code::PaymentsIncomplete);
            let refusal = refusal.with("missing", join(ToString::to_string));
            return Ok(Err(refusal.with("missing_zh", join(|lack| lack.zh().to_owned()))));
        }
    };
    let before = payments_rows::declared(&mut *step.tx, &key).await?.remove(&receipt.id);
    let number = 1 + before.map_or(0, |before| before.number);
    let is_refund = receipt.state == ReceiptStand::Reversed;
    let declared = DeclaredPayment { number, record, country, is_refund, time: step.now };
    payments_rows::insert_declared(&mut *step.tx, receipt, &declared, caller).await?;
    Ok(Ok(declared))
}
