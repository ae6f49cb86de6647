//! What follows from documents around an import: return of goods, delivery, signature of the consignee.

use domain::documents::{DocumentKind, ReceiptStatus, status};
use uuid::Uuid;

use crate::inventory::{days_since, inventory_of, looked_for, over_inventory, released};
use crate::receipt::IssuedReceipt;
use crate::transaction::CebTransaction;

/// Days after release within which goods may be returned (公告2020年第45号).
const RETURN_DAYS: i64 = 30;

/// 625: goods come back within 30 days of release. Customs takes the application in and lets the goods
/// back; whether they come is the site's matter.
pub(crate) fn refund(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    let Some(stored) = step.documents.get(id) else { return Vec::new() };
    let inventory = match inventory_of(&step.documents, stored, -625_001) {
        Ok(inventory) => inventory.clone(),
        Err(refusal) => {
            let unknown = || ReceiptStatus::refused(-625_001, &[&looked_for(stored)]);
            let refusal = refusal.unwrap_or_else(unknown);
            return step.refuse(id, &refusal).into_iter().collect();
        }
    };
    let refusal = match released(&inventory) {
        None => Some(ReceiptStatus::new(status::REJECTED, "清单未放行，不允许退货")),
        Some(released) if days_since(released, step.now) > RETURN_DAYS => {
            let text = format!("超过放行之日起{RETURN_DAYS}日，不允许退货");
            Some(ReceiptStatus::new(status::REJECTED, text))
        }
        Some(_) => over_inventory(step, id, &inventory),
    };
    if let Some(refusal) = refusal {
        return step.refuse(id, &refusal).into_iter().collect();
    }
    step.documents.change(id, |stored| stored.invt_no.clone_from(&inventory.invt_no));
    let issued = step.issue_receipts(
        id,
        &[ReceiptStatus::sent(), ReceiptStatus::taken_in(), ReceiptStatus::released()],
    );
    // The tax bill and the buyer's yearly amount are customs' matter.
    step.show_customs(id);
    issued
}

/// 513: the consignee has signed. The parcel must have been released.
pub(crate) fn signed_for(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    let Some(stored) = step.documents.get(id) else { return Vec::new() };
    let names = stored.names.clone();
    let released = step
        .documents
        .of_parcel(DocumentKind::ImportInventory, &names.logistics_code, &names.logistics_no)
        .any(|inventory| inventory.released.is_some());
    let statuses = if released {
        vec![ReceiptStatus::sent(), ReceiptStatus::taken_in(), ReceiptStatus::concluded()]
    } else {
        let text =
            format!("运单对应的清单未放行，[LogisticsStatus.logisticsNo:{}]", names.logistics_no);
        vec![ReceiptStatus::new(status::REJECTED, text)]
    };
    step.issue_receipts(id, &statuses)
}

/// 711: parcels are counted in at the site.
pub(crate) fn delivery(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    step.issue_receipts(
        id,
        &[ReceiptStatus::sent(), ReceiptStatus::taken_in(), ReceiptStatus::concluded()],
    )
}
