//! Trying to complete an inventory with its order, payment and waybill (三单对碰), whenever one of
//! them comes. A complete one is filed with the declaration service; until then nobody else hears of
//! it.

use domain::documents::matching::{
    EXPORT, IMPORT, Missing, Order, Outcome, Payment, Policy, Set, Waybill, match_export,
    match_import, overdue,
};
use domain::documents::{DocumentKind, Return, status};
use uuid::Uuid;

use crate::commit::{Said, Step};
use crate::paper::{Errand, Paper};
use crate::shelf::Shelf;
use crate::views;

/// What can be set about the match. The window has no positive list and no ledger yet: customs
/// checks both.
pub(crate) const POLICY: Policy<'static> =
    Policy { amount_tolerance_e5: 0, wait_seconds: 86_400, positive_list: None, ledger: None };

/// The documents of an inventory, as far as they have come.
pub(crate) struct Companions {
    pub(crate) order: Option<Uuid>,
    pub(crate) payment: Option<Uuid>,
    pub(crate) waybill: Option<Uuid>,
}

impl Companions {
    pub(crate) fn of(shelf: &Shelf, inventory: &Paper) -> Self {
        use DocumentKind as K;
        let (order, waybill) = if inventory.kind.is_export() {
            (K::ExportOrder, K::ExportWaybill)
        } else {
            (K::ImportOrder, K::ImportWaybill)
        };
        let names = &inventory.names;
        let order = shelf
            .of_order(order, &names.order_no)
            .filter(|paper| paper.is_live())
            .find(|paper| same(inventory, paper, "ebpCode") && same(inventory, paper, "ebcCode"));
        // When the order names its payment, that one; otherwise the newest.
        let named = order.and_then(|order| order.document.value("payTransactionId"));
        let named = named.filter(|id| !id.is_empty());
        // An order number is unique within its platform only.
        let payments = shelf
            .of_order(K::Payment, &names.order_no)
            .filter(|paper| paper.is_live() && same(inventory, paper, "ebpCode"));
        let is_named = |paper: &&Paper| paper.document.value("payTransactionId") == named;
        let payment = match &named {
            Some(_) => payments.filter(is_named).max_by_key(|paper| paper.received),
            None => payments.max_by_key(|paper| paper.received),
        };
        let waybill = shelf
            .of_parcel(waybill, &names.logistics_code, &names.logistics_no)
            .find(|paper| paper.is_live());
        let id = |paper: Option<&Paper>| paper.map(|paper| paper.id);
        Self { order: id(order), payment: id(payment), waybill: id(waybill) }
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = Uuid> + use<> {
        [self.order, self.payment, self.waybill].into_iter().flatten()
    }
}

/// Both name the same firm; what an order number means depends on platform and seller.
fn same(inventory: &Paper, other: &Paper, element: &str) -> bool {
    inventory.document.value(element) == other.document.value(element)
}

/// Whether an inventory that is filed holds on to this document. A filed inventory holds on to itself:
/// it is cancelled, not changed.
pub(crate) fn is_used(step: &Step, paper: &Paper) -> bool {
    if paper.kind.is_inventory() {
        return paper.uses_others();
    }
    if paper.errand != Errand::None {
        // A cancellation that is on its way.
        return true;
    }
    inventories(&step.shelf, paper).into_iter().filter_map(|id| step.shelf.get(id)).any(
        |inventory| {
            let mut companions = Companions::of(&step.shelf, inventory).ids();
            inventory.uses_others() && companions.any(|id| id == paper.id)
        },
    )
}

/// The inventories that a document may belong to.
fn inventories(shelf: &Shelf, paper: &Paper) -> Vec<Uuid> {
    use DocumentKind as K;
    let names = &paper.names;
    let ids = |papers: &mut dyn Iterator<Item = &Paper>| papers.map(|paper| paper.id).collect();
    match paper.kind {
        K::ImportOrder | K::Payment => {
            ids(&mut shelf.of_order(K::ImportInventory, &names.order_no))
        }
        K::ImportWaybill => {
            let (code, no) = (&names.logistics_code, &names.logistics_no);
            ids(&mut shelf.of_parcel(K::ImportInventory, code, no))
        }
        K::ExportOrder | K::MoneyReceipt => {
            ids(&mut shelf.of_order(K::ExportInventory, &names.order_no))
        }
        K::ExportWaybill => {
            let (code, no) = (&names.logistics_code, &names.logistics_no);
            ids(&mut shelf.of_parcel(K::ExportInventory, code, no))
        }
        _ => Vec::new(),
    }
}

/// Tries to complete the inventories that a document belongs to, or the inventory that it is.
pub(crate) fn complete(step: &mut Step, id: Uuid) -> Vec<Said> {
    let Some(paper) = step.shelf.get(id) else { return Vec::new() };
    let waiting: Vec<Uuid> =
        if paper.kind.is_inventory() { vec![id] } else { inventories(&step.shelf, paper) };
    let mut said = Vec::new();
    for inventory in waiting {
        let outcome = step
            .shelf
            .get(inventory)
            .filter(|p| is_waiting(p))
            .and_then(|p| outcome(&step.shelf, p));
        match outcome {
            Some(Outcome::Matched) => {
                step.shelf.change(inventory, |paper| paper.errand = Errand::File);
            }
            Some(Outcome::Refused(broken)) => {
                let rejection = step.say(inventory, &Return::rejected(&broken));
                // Whoever sent the last document is not told about somebody else's inventory.
                said.extend(rejection.filter(|_| inventory == id));
            }
            Some(Outcome::Waiting(_)) | None => {}
        }
    }
    said
}

/// An inventory that is declared and not yet filed.
pub(crate) fn is_waiting(paper: &Paper) -> bool {
    let declared = paper.kind.is_inventory() && !paper.draft && !paper.deleted;
    declared
        && paper.status == status::DECLARING
        && paper.declaration.is_none()
        && paper.errand == Errand::None
}

fn outcome(shelf: &Shelf, inventory: &Paper) -> Option<Outcome> {
    with_set(shelf, inventory, |set| {
        if inventory.kind.is_export() { match_export(set) } else { match_import(set, &POLICY) }
    })
}

/// What an inventory still waits for.
pub(crate) fn missing(shelf: &Shelf, inventory: &Paper) -> Vec<Missing> {
    if !is_waiting(inventory) {
        return Vec::new();
    }
    match outcome(shelf, inventory) {
        Some(Outcome::Waiting(missing)) => missing,
        Some(Outcome::Matched | Outcome::Refused(_)) | None => Vec::new(),
    }
}

/// The rejection of an inventory that has waited too long.
pub(crate) fn too_late(shelf: &Shelf, inventory: &Paper) -> Option<Return> {
    let rules = if inventory.kind.is_export() { EXPORT } else { IMPORT };
    let broken = with_set(shelf, inventory, |set| overdue(rules, set))?;
    (!broken.is_empty()).then(|| Return::rejected(&broken))
}

fn with_set<T>(shelf: &Shelf, inventory: &Paper, use_it: impl FnOnce(&Set<'_>) -> T) -> Option<T> {
    let companions = Companions::of(shelf, inventory);
    let document = |id: Option<Uuid>| id.and_then(|id| shelf.get(id)).map(|paper| &*paper.document);
    let order: Option<Order> = document(companions.order).and_then(views::order);
    let payment: Option<Payment> = document(companions.payment).and_then(views::payment);
    let waybill: Option<Waybill> = document(companions.waybill).and_then(views::waybill);
    let inventory = views::inventory(&inventory.document)?;
    let set = Set {
        inventory: &inventory,
        order: order.as_ref(),
        payment: payment.as_ref(),
        waybill: waybill.as_ref(),
    };
    Some(use_it(&set))
}

/// The first receipt of an import says when the payment has not come yet, as the real one does.
pub(crate) fn warn_of_missing_payment(step: &Step, id: Uuid, first: Return) -> Return {
    let Some(paper) = step.shelf.get(id) else { return first };
    let import = paper.kind == DocumentKind::ImportInventory && first.status == status::DECLARING;
    if !import || Companions::of(&step.shelf, paper).payment.is_some() {
        return first;
    }
    let ebp_code = paper.document.text("ebpCode");
    first.without_payment(&ebp_code, &paper.names.order_no)
}
