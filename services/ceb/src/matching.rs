//! Trying to complete an inventory with its order, payment and waybill (三单对碰), whenever one of
//! them comes. A complete one is filed with the declaration service; until then nobody else hears of
//! it.

use domain::documents::matching::{
    Choice, EXPORT, IMPORT, MatchOutcome, MatchPolicy, MissingDocument, ParcelOrder, Payment, Set,
    Waybill, choose_payment, match_export, match_import, overdue,
};
use domain::documents::{DocumentKind, ReceiptStatus, exists, status};
use proto::ceb::parcel;
use uuid::Uuid;

use crate::document_set::DocumentSet;
use crate::queues::MATCHING_WAIT_SECONDS;
use crate::receipt::IssuedReceipt;
use crate::stored_document::{FilingWork, StoredDocument};
use crate::transaction::CebTransaction;

/// What can be set about the match. The window has no positive list and no ledger yet: customs
/// checks both.
const POLICY: MatchPolicy<'static> = MatchPolicy {
    amount_tolerance_e5: 0,
    wait_seconds: MATCHING_WAIT_SECONDS,
    positive_list: None,
    ledger: None,
};

/// The documents of an inventory, as far as they have come.
pub(crate) struct Companions {
    pub(crate) order: Option<Uuid>,
    pub(crate) payment: Option<Uuid>,
    /// Payments of which nobody can say which one counts.
    pub(crate) rivals: Vec<Uuid>,
    pub(crate) waybill: Option<Uuid>,
}

impl Companions {
    pub(crate) fn of(documents: &DocumentSet, inventory: &StoredDocument) -> Self {
        use DocumentKind as K;
        let (order, waybill) = if inventory.kind.is_export() {
            (K::ExportOrder, K::ExportWaybill)
        } else {
            (K::ImportOrder, K::ImportWaybill)
        };
        let names = &inventory.names;
        let order =
            documents.of_order(order, &names.order_no).filter(|stored| stored.is_live()).find(
                |stored| same(inventory, stored, "ebpCode") && same(inventory, stored, "ebcCode"),
            );
        // An order number is unique within its platform only.
        let (payments, read): (Vec<&StoredDocument>, Vec<Payment>) = documents
            .of_order(K::Payment, &names.order_no)
            .filter(|stored| stored.is_live() && same(inventory, stored, "ebpCode"))
            .filter_map(|stored| Some((stored, parcel::payment(&stored.document)?)))
            .unzip();
        let named = order.and_then(|order| parcel::order(&order.document));
        let (payment, rivals) = match choose_payment(named.as_ref(), &read) {
            Choice::None => (None, Vec::new()),
            Choice::One(at) => (payments.get(at).copied(), Vec::new()),
            Choice::Several => (None, payments),
        };
        let waybill = documents
            .of_parcel(waybill, &names.logistics_code, &names.logistics_no)
            .find(|stored| stored.is_live());
        let id = |stored: Option<&StoredDocument>| stored.map(|stored| stored.id);
        let rivals = rivals.into_iter().map(|stored| stored.id).collect();
        Self { order: id(order), payment: id(payment), rivals, waybill: id(waybill) }
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = Uuid> + use<> {
        [self.order, self.payment, self.waybill].into_iter().flatten()
    }
}

/// Both name the same firm; what an order number means depends on platform and seller.
fn same(inventory: &StoredDocument, other: &StoredDocument, element: &str) -> bool {
    inventory.document.value(element) == other.document.value(element)
}

/// Whether an inventory that is filed holds on to this document. A filed inventory holds on to itself:
/// it is cancelled, not changed.
pub(crate) fn is_used(step: &CebTransaction, stored: &StoredDocument) -> bool {
    if stored.kind.is_inventory() {
        return stored.uses_others();
    }
    if stored.work != FilingWork::None {
        // A cancellation that is on its way.
        return true;
    }
    inventories(&step.documents, stored).into_iter().filter_map(|id| step.documents.get(id)).any(
        |inventory| {
            let mut companions = Companions::of(&step.documents, inventory).ids();
            inventory.uses_others() && companions.any(|id| id == stored.id)
        },
    )
}

/// The inventories that a document may belong to.
fn inventories(documents: &DocumentSet, stored: &StoredDocument) -> Vec<Uuid> {
    use DocumentKind as K;
    let names = &stored.names;
    let ids = |documents: &mut dyn Iterator<Item = &StoredDocument>| {
        documents.map(|stored| stored.id).collect()
    };
    match stored.kind {
        K::ImportOrder | K::Payment => {
            ids(&mut documents.of_order(K::ImportInventory, &names.order_no))
        }
        K::ImportWaybill => {
            let (code, no) = (&names.logistics_code, &names.logistics_no);
            ids(&mut documents.of_parcel(K::ImportInventory, code, no))
        }
        K::ExportOrder | K::MoneyReceipt => {
            ids(&mut documents.of_order(K::ExportInventory, &names.order_no))
        }
        K::ExportWaybill => {
            let (code, no) = (&names.logistics_code, &names.logistics_no);
            ids(&mut documents.of_parcel(K::ExportInventory, code, no))
        }
        _ => Vec::new(),
    }
}

/// Tries to complete the inventories that a document belongs to, or the inventory that it is.
pub(crate) fn complete(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    let Some(stored) = step.documents.get(id) else { return Vec::new() };
    let waiting: Vec<Uuid> =
        if stored.kind.is_inventory() { vec![id] } else { inventories(&step.documents, stored) };
    let mut issued = Vec::new();
    for inventory in waiting {
        let stored = step.documents.get(inventory).filter(|stored| stored.is_waiting());
        let Some(stored) = stored else { continue };
        let refusal = match outcome(&step.documents, stored) {
            Some(MatchOutcome::Matched | MatchOutcome::Refused(_)) if has_rivals(step, stored) => {
                let several = ReceiptStatus::refused(-401_003, &[&stored.names.order_no]);
                step.refuse(inventory, &several)
            }
            Some(MatchOutcome::Matched) if is_taken(step, stored) => {
                let taken = exists(stored.kind, &stored.kind.shown_key(&stored.key));
                step.refuse(inventory, &taken)
            }
            Some(MatchOutcome::Matched) => {
                step.documents.change(inventory, |stored| stored.work = FilingWork::File);
                None
            }
            Some(MatchOutcome::Refused(broken)) => {
                step.issue_receipt(inventory, &ReceiptStatus::rejected(&broken))
            }
            Some(MatchOutcome::Waiting(_)) | None => None,
        };
        // Whoever sent the last document is not told about somebody else's inventory.
        issued.extend(refusal.filter(|_| inventory == id));
    }
    issued
}

/// Whether several payments stand for the order of an inventory.
fn has_rivals(step: &CebTransaction, inventory: &StoredDocument) -> bool {
    !Companions::of(&step.documents, inventory).rivals.is_empty()
}

/// Whether another inventory holds on to the same order: one order is declared once.
fn is_taken(step: &CebTransaction, inventory: &StoredDocument) -> bool {
    let order = Companions::of(&step.documents, inventory).order;
    order.and_then(|id| step.documents.get(id)).is_some_and(|order| is_used(step, order))
}

fn outcome(documents: &DocumentSet, inventory: &StoredDocument) -> Option<MatchOutcome> {
    with_set(documents, inventory, |set| {
        if inventory.kind.is_export() { match_export(set) } else { match_import(set, &POLICY) }
    })
}

/// What an inventory still waits for.
pub(crate) fn missing(documents: &DocumentSet, inventory: &StoredDocument) -> Vec<MissingDocument> {
    if !inventory.is_waiting() {
        return Vec::new();
    }
    match outcome(documents, inventory) {
        Some(MatchOutcome::Waiting(missing)) => missing,
        Some(MatchOutcome::Matched | MatchOutcome::Refused(_)) | None => Vec::new(),
    }
}

/// The rejection of an inventory that has waited too long.
pub(crate) fn too_late(
    documents: &DocumentSet,
    inventory: &StoredDocument,
) -> Option<ReceiptStatus> {
    let rules = if inventory.kind.is_export() { EXPORT } else { IMPORT };
    let broken = with_set(documents, inventory, |set| overdue(rules, set))?;
    (!broken.is_empty()).then(|| ReceiptStatus::rejected(&broken))
}

fn with_set<T>(
    documents: &DocumentSet,
    inventory: &StoredDocument,
    use_it: impl FnOnce(&Set<'_>) -> T,
) -> Option<T> {
    let companions = Companions::of(documents, inventory);
    let document =
        |id: Option<Uuid>| id.and_then(|id| documents.get(id)).map(|stored| &*stored.document);
    let order: Option<ParcelOrder> = document(companions.order).and_then(parcel::order);
    // Any of several is there: nothing waits for another one.
    let payment = companions.payment.or(companions.rivals.first().copied());
    let payment: Option<Payment> = document(payment).and_then(parcel::payment);
    let waybill: Option<Waybill> = document(companions.waybill).and_then(parcel::waybill);
    let inventory = parcel::inventory(&inventory.document)?;
    let set = Set {
        inventory: &inventory,
        order: order.as_ref(),
        payment: payment.as_ref(),
        waybill: waybill.as_ref(),
    };
    Some(use_it(&set))
}

/// The first receipt of an import says when the payment has not come yet, as the real one does.
pub(crate) fn warn_of_missing_payment(
    step: &CebTransaction,
    id: Uuid,
    first: ReceiptStatus,
) -> ReceiptStatus {
    let Some(stored) = step.documents.get(id) else { return first };
    let import = stored.kind == DocumentKind::ImportInventory && first.status == status::DECLARING;
    let companions = Companions::of(&step.documents, stored);
    if !import || companions.payment.is_some() || !companions.rivals.is_empty() {
        return first;
    }
    let ebp_code = stored.document.text("ebpCode");
    first.without_payment(&ebp_code, &stored.names.order_no)
}
