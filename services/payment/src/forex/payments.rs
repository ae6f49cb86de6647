//! The balance of payments (国际收支申报): what is told of a receipt, and what is missing for it.
//!
//! Nothing is edited: a correction is a declaration of its own, and the newest counts.

use domain::payment::forex::{Channel, ForexRecord, Income, Lack, rules};
use domain::payment::workdays::Workdays;
use domain::refusal::{Code, Refusal};
use store::Fault;

use super::payments_rows::DeclaredPayment;
use super::receipt::{channel, sales_of};
use super::receipt_rows::ReceiptRow;
use super::sale_rows::SaleRow;
use super::transaction::ForexTransaction;
use super::{match_rows, payments_rows};

/// What a firm says of a receipt; empty where the export says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PaymentDetails {
    pub(crate) code: String,
    pub(crate) country: String,
    pub(crate) goods: String,
}

/// What would be told of a receipt, with the country of whoever paid. What was declared before says what nobody says
/// again; money that went back is declared under the original code, with a note that it did (退款).
pub(super) fn record(
    receipt: &ReceiptRow,
    sale: Option<&SaleRow>,
    channel: Channel,
    details: &PaymentDetails,
    before: Option<&DeclaredPayment>,
) -> (Result<ForexRecord, Vec<Lack>>, String) {
    // Of one that stands, its export says it anew.
    let original = before.filter(|_| receipt.is_reversed());
    let or = |given: &str, sale: Option<&str>, original: Option<&str>| {
        let found = [Some(given), sale, original].into_iter().flatten().find(|it| !it.is_empty());
        proto::text(found.map(str::to_owned))
    };
    let country = sale.map(|sale| sale.country.as_str());
    let country = or(&details.country, country, original.map(|it| it.country.as_str()));
    let code = or(&details.code, None, original.map(|it| it.record.code.as_str()));
    let goods = sale.map(|sale| sale.goods.as_str());
    let goods = or(&details.goods, goods, original.map(|it| it.record.note.as_str()));
    let income = Income {
        // Deadlines of what went back run from that day.
        day: receipt.back_on.unwrap_or(receipt.booked),
        channel,
        mode: sale.map_or("", |sale| &sale.trade_mode),
        code: Some(code.as_str()).filter(|code| !code.is_empty()),
        currency: receipt.currency,
        amount: receipt.amount,
        usd_cents: receipt.usd_cents,
        payer_country: &country,
        goods: &goods,
        is_in_statistics: sale.is_some_and(|sale| sale.in_statistics),
        is_refund: receipt.is_reversed(),
        workdays: Workdays::built_in(),
    };
    let recorded = rules().record(&income).map(|record| match original {
        Some(original) if details.goods.is_empty() => {
            let note = original.record.note.trim_start_matches("退款 ");
            ForexRecord { note: format!("退款 {note}"), ..record }
        }
        _ => record,
    });
    (recorded, country)
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
    let before = payments_rows::declared(&mut *step.tx, &key).await?.remove(&receipt.id);
    let (recorded, country) = record(receipt, sales.first(), channel, details, before.as_ref());
    let record = match recorded {
        Ok(record) => record,
        Err(lacks) => {
            let join =
                |of: fn(&Lack) -> String| lacks.iter().map(of).collect::<Vec<_>>().join("; ");
            let refusal = Refusal::of(Code::PaymentsIncomplete);
            let refusal = refusal.with("missing", join(ToString::to_string));
            return Ok(Err(refusal.with("missing_zh", join(|lack| lack.zh().to_owned()))));
        }
    };
    let number = 1 + before.map_or(0, |before| before.number);
    let is_refund = receipt.is_reversed();
    let declared = DeclaredPayment { number, record, country, is_refund, time: step.now };
    payments_rows::insert_declared(&mut *step.tx, receipt, &declared, caller).await?;
    Ok(Ok(declared))
}
