//! The inventory that another document is about: found by its numbers, and what may be done with it.

use domain::CHINA;
use domain::documents::refund::{ReturnFault, ReturnLine, check};
use domain::documents::{DocumentKind, ReceiptStatus, reference, status};
use proto::ceb::parcel;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::document_set::DocumentSet;
use crate::stored_document::StoredDocument;
use crate::transaction::CebTransaction;

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
pub(crate) fn named<'a>(
    documents: &'a DocumentSet,
    stored: &StoredDocument,
) -> InventoryReference<'a> {
    let value = |element| stored.document.text(element);
    let (invt_no, pre_no) = (value("invtNo"), value("preNo"));
    let names = &stored.names;
    let kind = if stored.kind.is_export() {
        DocumentKind::ExportInventory
    } else {
        DocumentKind::ImportInventory
    };
    let by = |number: &str, test: &dyn Fn(&StoredDocument) -> bool| {
        let test = |other: &StoredDocument| {
            other.kind == kind && knows(documents, stored, other) && test(other)
        };
        // Of several that had a number one after the other, the one that counts.
        (!number.is_empty())
            .then(|| {
                documents
                    .find(|other| test(other) && other.is_live())
                    .or_else(|| documents.find(test))
            })
            .flatten()
    };
    // Before customs has given its number, ours may stand in its place.
    let cancels = matches!(stored.kind, DocumentKind::ExportCancel | DocumentKind::ImportCancel);
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
        stored.kind,
        |element| stored.document.text(element),
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

/// The inventory that a document names, or else why it is refused: with this code where what it says is of several, and
/// `None` where there is none.
pub(crate) fn inventory_of<'a>(
    documents: &'a DocumentSet,
    stored: &StoredDocument,
    several: i32,
) -> Result<&'a StoredDocument, Option<ReceiptStatus>> {
    match named(documents, stored) {
        InventoryReference::Inventory(inventory) => Ok(inventory),
        InventoryReference::Nothing => Err(None),
        InventoryReference::Several(wrong) => Err(Some(ReceiptStatus::refused(several, &[&wrong]))),
    }
}

/// Whether the sender of a document may know of an inventory. The declarant (agentCode) was held against
/// the caller at the door; the seller and the site that other documents name were not, so that the caller
/// has to stand for a party of the inventory, or to count the goods of a return that was accepted.
fn knows(documents: &DocumentSet, stored: &StoredDocument, inventory: &StoredDocument) -> bool {
    let names = &stored.names;
    match stored.kind {
        DocumentKind::ExportReturn => {
            names.ebc_code == inventory.names.ebc_code && stored.is_from_party_of(inventory)
        }
        DocumentKind::Tally => {
            stored.is_from_party_of(inventory) || comes_back(documents, stored, inventory)
        }
        _ => names.agent_code == inventory.names.agent_code,
    }
}

/// Whether a return of an inventory was accepted under the number (coElNo) that its tally names.
fn comes_back(documents: &DocumentSet, tally: &StoredDocument, inventory: &StoredDocument) -> bool {
    let number =
        |stored: &StoredDocument| stored.document.value("coElNo").filter(|no| !no.is_empty());
    let accepted = |other: &StoredDocument| {
        other.kind == DocumentKind::ExportReturn
            && other.is_live()
            && other.invt_no == inventory.invt_no
            && number(other).is_some()
            && number(other) == number(tally)
    };
    !inventory.invt_no.is_empty() && documents.find(accepted).is_some()
}

/// The number of an inventory: that of customs, ours before.
pub(crate) fn number(inventory: &StoredDocument) -> &str {
    if inventory.invt_no.is_empty() { &inventory.pre_no } else { &inventory.invt_no }
}

/// The number by which a document names its inventory.
pub(crate) fn looked_for(stored: &StoredDocument) -> String {
    let value = |element: &&str| stored.document.value(element).filter(|value| !value.is_empty());
    proto::text(["invtNo", "preNo", "orderNo"].iter().find_map(value))
}

/// When the goods of an inventory were let go.
pub(crate) fn released(inventory: &StoredDocument) -> Option<OffsetDateTime> {
    inventory.released.filter(|_| !inventory.deleted)
}

/// Why the goods of an application (213, 625) may not come back, as its inventory and the applications
/// before it have it.
pub(crate) fn over_inventory(
    step: &CebTransaction,
    id: Uuid,
    inventory: &StoredDocument,
) -> Option<ReceiptStatus> {
    let stored = step.documents.get(id)?;
    let before: Vec<ReturnLine> = step
        .documents
        .all()
        .filter(|other| {
            other.kind == stored.kind
                && other.id != id
                && other.invt_no == inventory.invt_no
                && other.is_live()
                && other.status >= status::TAKEN_IN
        })
        .flat_map(|other| parcel::goods(&other.document))
        .collect();
    let faults =
        check(&parcel::goods(&inventory.document), &before, &parcel::goods(&stored.document));
    let unknown = faults.iter().find_map(|fault| match fault {
        ReturnFault::NoSuchLine { gnum, gcode } => Some((gnum.to_string(), gcode)),
        _ => None,
    });
    if let Some((gnum, gcode)) = unknown {
        let value = |element| stored.document.text(element);
        let own = ["coElNo", "copNo"].map(value).concat();
        return Some(ReceiptStatus::refused(-625_209, &[&own, &gnum, gcode]));
    }
    let texts: Vec<String> = faults.iter().map(|fault| fault.text("InvtRefundList")).collect();
    (!texts.is_empty()).then(|| ReceiptStatus::new(status::REJECTED, texts.join("；")))
}

/// Days since a time, counted by dates in China.
pub(crate) fn days_since(then: OffsetDateTime, now: OffsetDateTime) -> i64 {
    (now.to_offset(CHINA).date() - then.to_offset(CHINA).date()).whole_days()
}
