//! What follows from documents around an import: cancellation, return of goods, delivery, signature of
//! the consignee. Cancellation serves exports as well.

use domain::documents::refund::{ReturnFault, ReturnLine, check};
use domain::documents::{DocumentKind, ReceiptStatus, reference, status};
use uuid::Uuid;

use crate::document_set::DocumentSet;
use crate::receipt::IssuedReceipt;
use crate::receive::days_since;
use crate::stored_document::{FilingWork, StoredDocument};
use crate::transaction::CebTransaction;
use proto::ceb::parcel;

/// Days after release within which goods may be returned (公告2020年第45号).
const RETURN_DAYS: i64 = 30;

/// Says several things about one document.
pub(crate) fn issue_receipts(
    step: &mut CebTransaction,
    id: Uuid,
    statuses: &[ReceiptStatus],
) -> Vec<IssuedReceipt> {
    statuses.iter().filter_map(|what| step.issue_receipt(id, what)).collect()
}

/// The inventory that a document is about.
pub(crate) enum InventoryReference<'a> {
    /// There is none that the sender may know of: it does not exist, or is somebody else's.
    Nothing,
    /// This one.
    Inventory(&'a StoredDocument),
    /// What it says is of several parcels: how, in words.
    Several(String),
}

/// The inventory that a document names by customs' number, by ours, or by its order, among those that
/// its sender may know of. What it says besides must be of the same one; another's inventory is treated
/// as one that does not exist, so that nothing of it is told.
pub(crate) fn named<'a>(shelf: &'a DocumentSet, paper: &StoredDocument) -> InventoryReference<'a> {
    let value = |element| paper.document.text(element);
    let (invt_no, pre_no) = (value("invtNo"), value("preNo"));
    let names = &paper.names;
    let kind = if paper.kind.is_export() {
        DocumentKind::ExportInventory
    } else {
        DocumentKind::ImportInventory
    };
    let by = |number: &str, test: &dyn Fn(&StoredDocument) -> bool| {
        let test = |other: &StoredDocument| {
            other.kind == kind && knows(shelf, paper, other) && test(other)
        };
        // Of several that had a number one after the other, the one that counts.
        (!number.is_empty())
            .then(|| {
                shelf.find(|other| test(other) && other.is_live()).or_else(|| shelf.find(test))
            })
            .flatten()
    };
    // Before customs has given its number, ours may stand in its place.
    let cancels = matches!(paper.kind, DocumentKind::ExportCancel | DocumentKind::ImportCancel);
    let by_invt_no = by(&invt_no, &|other| other.invt_no == invt_no)
        .or_else(|| by(&invt_no, &|other| cancels && other.pre_no == invt_no));
    let by_pre_no = by(&pre_no, &|other| other.pre_no == pre_no);
    // The own number of a cancellation or return may be its own, or that of its inventory.
    let by_own = by(&names.cop_no, &|other| {
        other.names.agent_code == names.agent_code && other.names.cop_no == names.cop_no
    });
    // Before customs has given its number, only the order names an import.
    let by_order = by(&names.order_no, &|other| {
        other.names.order_no == names.order_no
            && other.names.ebc_code == names.ebc_code
            && (other.invt_no.is_empty() || invt_no.is_empty())
    });
    // What comes back was released, and what was released has customs' number.
    let spare = by_pre_no.or(by_order).filter(|_| cancels);
    let Some(found) = by_invt_no.or(spare) else { return InventoryReference::Nothing };
    let mut wrong = reference::contradictions(
        paper.kind,
        |element| paper.document.text(element),
        |element| found.document.text(element),
    );
    let number_of_other = !invt_no.is_empty()
        && !found.invt_no.is_empty()
        && ![&found.invt_no, &found.pre_no].contains(&&invt_no);
    if number_of_other {
        wrong.push(format!("invtNo[{invt_no}]不是该清单的编号"));
    }
    for (element, number, other) in [
        ("preNo", &pre_no, by_pre_no),
        ("copNo", &names.cop_no, by_own.filter(|own| own.is_live())),
    ] {
        if other.is_some_and(|other| other.id != found.id) {
            wrong.push(format!("{element}[{number}]属于另一清单"));
        }
    }
    if wrong.is_empty() {
        InventoryReference::Inventory(found)
    } else {
        InventoryReference::Several(wrong.join("；"))
    }
}

/// Whether the sender of a document may know of an inventory. The declarant (agentCode) was held against
/// the caller at the door; the seller and the site that other documents name were not, so that the caller
/// has to stand for a party of the inventory, or to count the goods of a return that was accepted.
fn knows(shelf: &DocumentSet, paper: &StoredDocument, inventory: &StoredDocument) -> bool {
    let names = &paper.names;
    match paper.kind {
        DocumentKind::ExportReturn => {
            names.ebc_code == inventory.names.ebc_code && paper.is_from_party_of(inventory)
        }
        DocumentKind::Tally => {
            paper.is_from_party_of(inventory) || comes_back(shelf, paper, inventory)
        }
        _ => names.agent_code == inventory.names.agent_code,
    }
}

/// Whether a return of an inventory was accepted under the number (coElNo) that its tally names.
fn comes_back(shelf: &DocumentSet, tally: &StoredDocument, inventory: &StoredDocument) -> bool {
    let number =
        |paper: &StoredDocument| paper.document.value("coElNo").filter(|no| !no.is_empty());
    let accepted = |other: &StoredDocument| {
        other.kind == DocumentKind::ExportReturn
            && other.is_live()
            && other.invt_no == inventory.invt_no
            && number(other).is_some()
            && number(other) == number(tally)
    };
    !inventory.invt_no.is_empty() && shelf.find(accepted).is_some()
}

/// 605 and 623: takes an inventory back before it is released.
pub(crate) fn cancel(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    let Some(paper) = step.shelf.get(id) else { return Vec::new() };
    let inventory = match inventory_of(&step.shelf, paper, -623_001) {
        Ok(inventory) => inventory.clone(),
        Err(refusal) => {
            let unknown = || ReceiptStatus::refused(-623_003, &[&looked_for(paper)]);
            let refusal = refusal.unwrap_or_else(unknown);
            return step.refuse(id, &refusal).into_iter().collect();
        }
    };
    let refused = if inventory.deleted {
        Some(-623_009)
    } else if inventory.status == status::REJECTED || inventory.status >= status::EXAMINATION {
        Some(-623_005)
    } else {
        None
    };
    if let Some(code) = refused {
        let refusal = ReceiptStatus::refused(code, &[number(&inventory)]);
        return step.refuse(id, &refusal).into_iter().collect();
    }
    let mut issued = issue_receipts(step, id, &[ReceiptStatus::sent()]);
    if inventory.declaration.is_none() && inventory.work == FilingWork::None {
        // Customs has not heard of it yet.
        issued.extend(cancelled(step, id, Some(inventory.id)));
    } else {
        step.shelf.change(id, |paper| {
            paper.work = FilingWork::Withdraw;
            paper.cancels.clone_from(&inventory.key);
        });
    }
    issued
}

/// The inventory that a document names, or else why it is refused: with this code where what it says is of several, and
/// `None` where there is none.
pub(crate) fn inventory_of<'a>(
    shelf: &'a DocumentSet,
    paper: &StoredDocument,
    several: i32,
) -> Result<&'a StoredDocument, Option<ReceiptStatus>> {
    match named(shelf, paper) {
        InventoryReference::Inventory(inventory) => Ok(inventory),
        InventoryReference::Nothing => Err(None),
        InventoryReference::Several(wrong) => Err(Some(ReceiptStatus::refused(several, &[&wrong]))),
    }
}

/// The number of an inventory: that of customs, ours before.
pub(crate) fn number(inventory: &StoredDocument) -> &str {
    if inventory.invt_no.is_empty() { &inventory.pre_no } else { &inventory.invt_no }
}

/// The number by which a document names its inventory.
fn looked_for(paper: &StoredDocument) -> String {
    let value = |element: &&str| paper.document.value(element).filter(|value| !value.is_empty());
    proto::text(["invtNo", "preNo", "orderNo"].iter().find_map(value))
}

/// The inventory is cancelled.
pub(crate) fn cancelled(
    step: &mut CebTransaction,
    id: Uuid,
    inventory: Option<Uuid>,
) -> Vec<IssuedReceipt> {
    if let Some(inventory) = inventory {
        step.shelf.change(inventory, |paper| {
            paper.deleted = true;
            paper.work = FilingWork::None;
        });
        step.look_at_bill(inventory);
    }
    issue_receipts(step, id, &[ReceiptStatus::cancelled()])
}

/// 625: goods come back within 30 days of release. Customs takes the application in and lets the goods
/// back; whether they come is the site's matter.
pub(crate) fn refund(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    let Some(paper) = step.shelf.get(id) else { return Vec::new() };
    let inventory = match inventory_of(&step.shelf, paper, -625_001) {
        Ok(inventory) => inventory.clone(),
        Err(refusal) => {
            let unknown = || ReceiptStatus::refused(-625_001, &[&looked_for(paper)]);
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
    step.shelf.change(id, |paper| paper.invt_no.clone_from(&inventory.invt_no));
    let issued = issue_receipts(
        step,
        id,
        &[ReceiptStatus::sent(), ReceiptStatus::taken_in(), ReceiptStatus::released()],
    );
    // The tax bill and the buyer's yearly amount are customs' matter.
    step.show_customs(id);
    issued
}

/// When the goods of an inventory were let go.
pub(crate) fn released(inventory: &StoredDocument) -> Option<time::OffsetDateTime> {
    inventory.released.filter(|_| !inventory.deleted)
}

/// Why the goods of an application (213, 625) may not come back, as its inventory and the applications
/// before it have it.
pub(crate) fn over_inventory(
    step: &CebTransaction,
    id: Uuid,
    inventory: &StoredDocument,
) -> Option<ReceiptStatus> {
    let paper = step.shelf.get(id)?;
    let before: Vec<ReturnLine> = step
        .shelf
        .papers()
        .filter(|other| {
            other.kind == paper.kind
                && other.id != id
                && other.invt_no == inventory.invt_no
                && other.is_live()
                && other.status >= status::TAKEN_IN
        })
        .flat_map(|other| parcel::goods(&other.document))
        .collect();
    let faults =
        check(&parcel::goods(&inventory.document), &before, &parcel::goods(&paper.document));
    let unknown = faults.iter().find_map(|fault| match fault {
        ReturnFault::NoSuchLine { gnum, gcode } => Some((gnum.to_string(), gcode)),
        _ => None,
    });
    if let Some((gnum, gcode)) = unknown {
        let value = |element| paper.document.text(element);
        let own = ["coElNo", "copNo"].map(value).concat();
        return Some(ReceiptStatus::refused(-625_209, &[&own, &gnum, gcode]));
    }
    let texts: Vec<String> = faults.iter().map(|fault| fault.text("InvtRefundList")).collect();
    (!texts.is_empty()).then(|| ReceiptStatus::new(status::REJECTED, texts.join("；")))
}

/// 513: the consignee has signed. The parcel must have been released.
pub(crate) fn signed_for(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    let Some(paper) = step.shelf.get(id) else { return Vec::new() };
    let names = paper.names.clone();
    let released = step
        .shelf
        .of_parcel(DocumentKind::ImportInventory, &names.logistics_code, &names.logistics_no)
        .any(|inventory| inventory.released.is_some());
    let statuses = if released {
        vec![ReceiptStatus::sent(), ReceiptStatus::taken_in(), ReceiptStatus::concluded()]
    } else {
        let text =
            format!("运单对应的清单未放行，[LogisticsStatus.logisticsNo:{}]", names.logistics_no);
        vec![ReceiptStatus::new(status::REJECTED, text)]
    };
    issue_receipts(step, id, &statuses)
}

/// 711: parcels are counted in at the site.
pub(crate) fn delivery(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    issue_receipts(
        step,
        id,
        &[ReceiptStatus::sent(), ReceiptStatus::taken_in(), ReceiptStatus::concluded()],
    )
}
