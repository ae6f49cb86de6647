//! What follows from documents around an import: cancellation, return of goods, delivery, signature of
//! the consignee. Cancellation serves exports as well.

use std::collections::BTreeMap;

use domain::documents::{DocumentKind, Return, status};
use proto::ceb::{Document, import};
use uuid::Uuid;

use crate::commit::{Said, Step};
use crate::paper::{Errand, Paper};
use crate::receive::days_since;
use crate::shelf::Shelf;

/// Days after release within which goods may be returned (公告2020年第45号).
const RETURN_DAYS: i64 = 30;

/// Says several things about one document.
pub(crate) fn say_all(step: &mut Step, id: Uuid, said: &[Return]) -> Vec<Said> {
    said.iter().filter_map(|what| step.say(id, what)).collect()
}

/// The inventory that a document names: by customs' number, by ours, or by its order.
pub(crate) fn named_inventory(shelf: &Shelf, paper: &Paper) -> Option<Uuid> {
    let value = |element| paper.document.value(element).filter(|v: &String| !v.is_empty());
    let (invt_no, pre_no) = (value("invtNo"), value("preNo"));
    let kind = if paper.kind.is_export() {
        DocumentKind::ExportInventory
    } else {
        DocumentKind::ImportInventory
    };
    let by = |test: &dyn Fn(&Paper) -> bool| {
        shelf.find(|other| other.kind == kind && test(other)).map(|other| other.id)
    };
    if let Some(no) = &invt_no
        && let Some(found) = by(&|other| &other.invt_no == no)
    {
        return Some(found);
    }
    if let Some(no) = &pre_no
        && let Some(found) = by(&|other| &other.pre_no == no)
    {
        return Some(found);
    }
    // Before customs has given its number, only the order names an import.
    let names = &paper.names;
    by(&|other: &Paper| {
        !names.order_no.is_empty()
            && other.names.order_no == names.order_no
            && other.names.ebc_code == names.ebc_code
            && (other.invt_no.is_empty() || invt_no.is_none())
    })
}

/// 605 and 623: takes an inventory back before it is released.
pub(crate) fn cancel(step: &mut Step, id: Uuid) -> Vec<Said> {
    let Some(paper) = step.shelf.get(id) else { return Vec::new() };
    let inventory = named_inventory(&step.shelf, paper).and_then(|id| step.shelf.get(id)).cloned();
    let names =
        |paper: &Paper| domain::documents::key(&[&paper.names.agent_code, &paper.names.cop_no]);
    let Some(inventory) = inventory else {
        let named = looked_for(paper);
        return step.refuse(id, &Return::refused(-623_003, &[&named])).into_iter().collect();
    };
    let refused = if inventory.deleted {
        Some(-623_009)
    } else if inventory.names.agent_code != paper.names.agent_code {
        Some(-623_003)
    } else if inventory.status == status::REJECTED || inventory.status >= status::EXAMINATION {
        Some(-623_005)
    } else {
        None
    };
    if let Some(code) = refused {
        let key = names(&inventory);
        return step.refuse(id, &Return::refused(code, &[&key])).into_iter().collect();
    }
    let mut said = say_all(step, id, &[Return::sent()]);
    if inventory.declaration.is_none() && inventory.errand == Errand::None {
        // Customs has not heard of it yet.
        said.extend(cancelled(step, id, Some(inventory.id)));
    } else {
        step.shelf.change(id, |paper| {
            paper.errand = Errand::Withdraw;
            paper.cancels.clone_from(&inventory.key);
        });
    }
    said
}

/// The number by which a document names its inventory.
fn looked_for(paper: &Paper) -> String {
    let value = |element: &&str| paper.document.value(element).filter(|value| !value.is_empty());
    proto::text(["invtNo", "preNo", "orderNo"].iter().find_map(value))
}

/// The inventory is cancelled.
pub(crate) fn cancelled(step: &mut Step, id: Uuid, inventory: Option<Uuid>) -> Vec<Said> {
    if let Some(inventory) = inventory {
        step.shelf.change(inventory, |paper| {
            paper.deleted = true;
            paper.errand = Errand::None;
        });
        step.look_at_bill(inventory);
    }
    say_all(step, id, &[Return::cancelled()])
}

/// 625: goods come back within 30 days of release. Customs takes the application in and lets the goods
/// back; whether they come is the site's matter.
pub(crate) fn refund(step: &mut Step, id: Uuid) -> Vec<Said> {
    let Some(paper) = step.shelf.get(id) else { return Vec::new() };
    let Document::Ceb625(import::InvtRefund { lines, .. }) = &*paper.document else {
        return Vec::new();
    };
    let lines = lines.clone();
    let inventory = named_inventory(&step.shelf, paper).and_then(|id| step.shelf.get(id)).cloned();
    let Some(inventory) = inventory.filter(|i| i.names.agent_code == paper.names.agent_code) else {
        let named = looked_for(paper);
        return step.refuse(id, &Return::refused(-625_001, &[&named])).into_iter().collect();
    };
    let before = returned_before(step, id, &inventory.invt_no);
    if let Some(refusal) = refusal(&inventory, &lines, &before, step.now) {
        return step.refuse(id, &refusal).into_iter().collect();
    }
    step.shelf.change(id, |paper| paper.invt_no.clone_from(&inventory.invt_no));
    let said = say_all(step, id, &[Return::sent(), Return::taken_in(), Return::released()]);
    // The tax bill and the buyer's yearly amount are customs' matter.
    step.show_customs(id);
    said
}

/// What came back of an inventory by other applications, by line.
fn returned_before(step: &Step, id: Uuid, invt_no: &str) -> BTreeMap<u32, i64> {
    let mut before = BTreeMap::new();
    let accepted = step.shelf.papers().filter(|other| {
        other.kind == DocumentKind::ImportRefund
            && other.id != id
            && other.invt_no == invt_no
            && other.status == status::RELEASED
    });
    for other in accepted {
        let Document::Ceb625(import::InvtRefund { lines, .. }) = &*other.document else { continue };
        for line in lines {
            let sum: &mut i64 = before.entry(line.gnum).or_default();
            *sum = sum.saturating_add(line.qty);
        }
    }
    before
}

fn refusal(
    inventory: &Paper,
    lines: &[import::InvtRefundList],
    before: &BTreeMap<u32, i64>,
    now: time::OffsetDateTime,
) -> Option<Return> {
    let Document::Ceb621(import::Inventory { lines: goods, .. }) = &*inventory.document else {
        return Some(Return::refused(-625_001, &[&inventory.names.order_no]));
    };
    let Some(released) = inventory.released.filter(|_| !inventory.deleted) else {
        let text = "清单未放行，不允许退货";
        return Some(Return::new(status::REJECTED, text));
    };
    if days_since(released, now) > RETURN_DAYS {
        let text = format!("超过放行之日起{RETURN_DAYS}日，不允许退货");
        return Some(Return::new(status::REJECTED, text));
    }
    for line in lines {
        let Some(sold) =
            goods.iter().find(|sold| sold.gnum == line.gnum && sold.gcode == line.gcode)
        else {
            return Some(Return::refused(-625_209, &[&line.gnum.to_string()]));
        };
        let others = before.get(&line.gnum).map_or(0, |qty| *qty);
        if line.qty <= 0 || line.qty.saturating_add(others) > sold.qty {
            let text = format!("退货数量大于原清单可退数量，[InvtRefundList.gnum:{}]", line.gnum);
            return Some(Return::new(status::REJECTED, text));
        }
    }
    None
}

/// 513: the consignee has signed. The parcel must have been released.
pub(crate) fn signed_for(step: &mut Step, id: Uuid) -> Vec<Said> {
    let Some(paper) = step.shelf.get(id) else { return Vec::new() };
    let names = paper.names.clone();
    let released = step
        .shelf
        .of_parcel(DocumentKind::ImportInventory, &names.logistics_code, &names.logistics_no)
        .any(|inventory| inventory.released.is_some());
    let said = if released {
        vec![Return::sent(), Return::taken_in(), Return::concluded()]
    } else {
        let text =
            format!("运单对应的清单未放行，[LogisticsStatus.logisticsNo:{}]", names.logistics_no);
        vec![Return::new(status::REJECTED, text)]
    };
    say_all(step, id, &said)
}

/// 711: parcels are counted in at the site.
pub(crate) fn delivery(step: &mut Step, id: Uuid) -> Vec<Said> {
    say_all(step, id, &[Return::sent(), Return::taken_in(), Return::concluded()])
}
