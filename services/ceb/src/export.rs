//! What follows from documents around an export: receipts of money, arrival at the site, the way-bill
//! list under which parcels travel, departure, goods coming back, and the summary of a month.

use std::collections::{BTreeSet, HashMap};

use domain::documents::summary::{self, SummaryRule, merge, unfit};
use domain::documents::{DocumentKind, ReceiptStatus, status};
use domain::limits;
use proto::ceb::{self, Document, MessageType, export};
use uuid::Uuid;

use crate::document_keys::{Period, period};
use crate::inventory::{
    InventoryReference, days_since, inventory_of, named, over_inventory, released,
};
use crate::receipt::IssuedReceipt;
use crate::split_document::{missing, parts_there, whole};
use crate::stored_document::StoredDocument;
use crate::transaction::{Bill, CebTransaction};
use crate::{export_news, receipt, views};

/// Days after release within which exported goods may come back (公告2020年第44号).
const RETURN_DAYS: i64 = 365;

/// 403: taken in when its inventory is concluded.
pub(crate) fn money(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    let Some(stored) = step.documents.get(id).cloned() else { return Vec::new() };
    let concluded = concluded_of(step, &stored);
    if concluded.is_empty() {
        return Vec::new();
    }
    for inventory in concluded {
        export_news::money_announced(step, inventory, &stored, false);
    }
    step.issue_receipts(id, &[ReceiptStatus::sent(), ReceiptStatus::taken_in()])
}

/// A 403 that was taken in is deleted: its money is announced no more.
pub(crate) fn money_deleted(step: &mut CebTransaction, id: Uuid) {
    let Some(stored) = step.documents.get(id).cloned() else { return };
    for inventory in concluded_of(step, &stored) {
        export_news::money_announced(step, inventory, &stored, true);
    }
}

/// The concluded inventories of a document's order.
fn concluded_of(step: &CebTransaction, stored: &StoredDocument) -> Vec<Uuid> {
    let inventories =
        step.documents.of_order(DocumentKind::ExportInventory, &stored.names.order_no);
    let concluded = inventories.filter(|inventory| {
        inventory.is_live()
            && inventory.names.ebc_code == stored.names.ebc_code
            && inventory.status >= status::CONCLUDED
    });
    concluded.map(|inventory| inventory.id).collect()
}

/// 507: at the site when every part is in.
pub(crate) fn arrival(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    conclude_whole(step, id).1
}

/// Concludes every part of a split document when all are in; gives them, and what was said about this
/// one.
fn conclude_whole(step: &mut CebTransaction, id: Uuid) -> (Vec<Uuid>, Vec<IssuedReceipt>) {
    let waits = step.documents.get(id).and_then(|stored| missing(step, stored));
    let sent = match waits {
        None => ReceiptStatus::sent(),
        Some(waits) => {
            ReceiptStatus::new(status::SENT, format!("{}；{waits}", ReceiptStatus::sent().info))
        }
    };
    let mut own = step.issue_receipts(id, &[sent]);
    let Some(parts) = step.documents.get(id).and_then(|stored| whole(step, stored)) else {
        return (Vec::new(), own);
    };
    for part in &parts {
        let issued = step.issue_receipts(*part, &[ReceiptStatus::concluded()]);
        if *part == id {
            own.extend(issued);
        }
    }
    (parts, own)
}

/// The parcels that a list names, of several parts.
fn parcels(step: &CebTransaction, parts: &[Uuid]) -> Vec<(String, String)> {
    parts
        .iter()
        .filter_map(|id| step.documents.get(*id))
        .flat_map(|part| {
            let code = part.names.logistics_code.clone();
            part.document.line_values("logisticsNo").into_iter().map(move |no| (code.clone(), no))
        })
        .collect()
}

/// 607: which inventories travel under one bill of lading. They are released together, when all are.
pub(crate) fn waybill_list(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    let Some(stored) = step.documents.get(id) else { return Vec::new() };
    let bill =
        Bill { agent_code: stored.names.agent_code.clone(), bill_no: stored.names.bill_no.clone() };
    // The other parts may not be there yet; this one is refused for what it names itself.
    let unknown: Vec<String> = parcels(step, &[id])
        .into_iter()
        .filter(|(code, no)| own_inventory(step, code, no, &bill).is_none())
        .map(|(_, no)| no)
        .collect();
    if !unknown.is_empty() {
        let text = format!("清单不存在，[WayBillList.logisticsNo:{}]", unknown.join(","));
        return step.issue_receipts(id, &[ReceiptStatus::new(status::REJECTED, text)]);
    }
    let (parts, issued) = conclude_whole(step, id);
    for (code, no) in parcels(step, &parts) {
        if let Some(inventory) = own_inventory(step, &code, &no, &bill) {
            step.documents
                .change(inventory, |stored| stored.names.bill_no.clone_from(&bill.bill_no));
        }
    }
    if !parts.is_empty() {
        step.bills.insert(bill);
    }
    issued
}

/// The inventory of a parcel, when the agent of the list declared it.
fn own_inventory(step: &CebTransaction, code: &str, no: &str, bill: &Bill) -> Option<Uuid> {
    let found = export_inventory(step, code, no)?;
    let agent = |stored: &StoredDocument| stored.names.agent_code == bill.agent_code;
    step.documents.get(found).filter(|stored| agent(stored)).map(|stored| stored.id)
}

fn export_inventory(step: &CebTransaction, code: &str, no: &str) -> Option<Uuid> {
    step.documents
        .of_parcel(DocumentKind::ExportInventory, code, no)
        .find(|inventory| inventory.is_live())
        .map(|inventory| inventory.id)
}

/// Releases what travels under a bill when every inventory on it may go, and tells of examinations.
pub(crate) fn release_bill(step: &mut CebTransaction, bill: &Bill) {
    let concluded = |stored: &&StoredDocument| {
        stored.is_live()
            && stored.status >= status::CONCLUDED
            && stored.names.agent_code == bill.agent_code
    };
    let lists: Vec<Uuid> = step
        .documents
        .of_bill(DocumentKind::WaybillList, &bill.bill_no)
        .filter(concluded)
        .map(|list| list.id)
        .collect();
    // What the lists name counts, not what an inventory says of itself.
    let inventories: Vec<(Uuid, i32, bool)> = parcels(step, &lists)
        .into_iter()
        .filter_map(|(code, no)| own_inventory(step, &code, &no, bill))
        .filter_map(|id| step.documents.get(id))
        // What goes back does not travel under this bill, and nobody waits for it.
        .filter(|stored| stored.status != status::RETURNED)
        .map(|stored| (stored.id, stored.status, stored.released.is_some()))
        .collect();
    if inventories.is_empty() {
        return;
    }
    let free = inventories.iter().all(|(.., released)| *released);
    let examined = inventories.iter().any(|(_, status, _)| *status == status::EXAMINATION);
    let about_lists = match (free, examined) {
        (true, _) => Some(ReceiptStatus::released()),
        (false, true) => Some(ReceiptStatus::examination()),
        (false, false) => None,
    };
    if let Some(what) = about_lists {
        for list in lists {
            if step.documents.get(list).is_some_and(|list| list.status != what.status) {
                step.issue_receipt(list, &what);
            }
        }
    }
    if free {
        for (inventory, status, _) in inventories {
            if status < status::RELEASED {
                step.issue_receipt(inventory, &ReceiptStatus::released());
            }
        }
        close_departed(step, &bill.bill_no);
    }
}

/// 509: the vehicle has left. What it carries is closed.
pub(crate) fn departure(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    let (parts, issued) = conclude_whole(step, id);
    close_carried(step, &parts);
    issued
}

/// Inventories that were released after their vehicle left.
fn close_departed(step: &mut CebTransaction, bill_no: &str) {
    let departed: Vec<Uuid> = step
        .documents
        .of_bill(DocumentKind::Departure, bill_no)
        .filter(|departure| departure.is_live() && departure.status == status::CONCLUDED)
        .map(|departure| departure.id)
        .collect();
    close_carried(step, &departed);
}

/// Closes what departures carry, where it is released.
fn close_carried(step: &mut CebTransaction, departures: &[Uuid]) {
    for departure in departures {
        let day = step.documents.get(*departure).map(|it| export_news::leave_day(it, step.now));
        let Some(day) = day else { continue };
        for (code, no) in parcels(step, &[*departure]) {
            let Some(inventory) = export_inventory(step, &code, &no) else { continue };
            if step.documents.get(inventory).is_some_and(|it| it.status == status::RELEASED) {
                step.issue_receipt(inventory, &ReceiptStatus::closed());
                export_news::departed(step, inventory, day);
            }
        }
    }
}

/// 213: exported goods come back within a year.
pub(crate) fn goods_return(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    let Some(stored) = step.documents.get(id) else { return Vec::new() };
    let inventory = match inventory_of(&step.documents, stored, -625_001) {
        Ok(inventory) => inventory.clone(),
        Err(None) => {
            let unknown = ReceiptStatus::new(status::REJECTED, "原出口清单不存在");
            return step.issue_receipts(id, &[unknown]);
        }
        Err(Some(refusal)) => return step.refuse(id, &refusal).into_iter().collect(),
    };
    let refusal = match released(&inventory) {
        None => Some(ReceiptStatus::new(status::REJECTED, "原出口清单未放行")),
        Some(released) if days_since(released, step.now) > RETURN_DAYS => {
            Some(ReceiptStatus::new(status::REJECTED, "超过出口放行之日起1年"))
        }
        Some(_) => over_inventory(step, id, &inventory),
    };
    if let Some(refusal) = refusal {
        return step.refuse(id, &refusal).into_iter().collect();
    }
    step.documents.change(id, |stored| stored.invt_no.clone_from(&inventory.invt_no));
    let application = step.documents.get(id).cloned();
    application.iter().for_each(|it| export_news::return_allowed(step, inventory.id, it));
    step.issue_receipts(
        id,
        &[ReceiptStatus::sent(), ReceiptStatus::taken_in(), ReceiptStatus::released()],
    )
}

/// 215: what came back was counted.
pub(crate) fn tally(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    let Some(stored) = step.documents.get(id) else { return Vec::new() };
    let value = |element| stored.document.text(element);
    let (invt_no, named) =
        (value("invtNo"), !matches!(named(&step.documents, stored), InventoryReference::Nothing));
    let is_known = invt_no.is_empty() || named;
    if is_known {
        let tally = stored.clone();
        export_news::came_back(step, &tally);
    }
    let statuses = if is_known {
        vec![ReceiptStatus::sent(), ReceiptStatus::concluded()]
    } else {
        vec![ReceiptStatus::new(status::REJECTED, format!("原出口清单不存在，[invtNo:{invt_no}]"))]
    };
    step.issue_receipts(id, &statuses)
}

/// 701: the closed inventories of a period, or of a list, become goods declarations; 792 tells the
/// result. Each inventory is taken up once.
pub(crate) fn summary(step: &mut CebTransaction, id: Uuid) -> Vec<IssuedReceipt> {
    let Some(stored) = step.documents.get(id).cloned() else { return Vec::new() };
    let Document::Ceb701(application) = &*stored.document else { return Vec::new() };
    let head = &application.head;
    let rule = SummaryRule::parse(&head.summary_flag, &head.item_name_flag);
    let (rule, period) = match (rule, period(&stored.document)) {
        (Ok(rule), Ok(period)) => (rule, period),
        (Err(wrong), _) | (_, Err(wrong)) => {
            return step
                .refuse(id, &ReceiptStatus::refused(-800_001, &[&wrong]))
                .into_iter()
                .collect();
        }
    };
    if let Some(element) = other_application(step, &stored) {
        let text = format!("{element}与其它拆分报文不一致");
        return step.refuse(id, &ReceiptStatus::refused(-800_001, &[&text])).into_iter().collect();
    }
    // Once the last part is in, what all of them name counts: it may have changed since they came.
    let parts = whole(step, &stored).unwrap_or_else(|| vec![id]);
    let numbers: BTreeSet<String> = match &period {
        Some(period) => closed_in(step, &stored, period),
        None => parts
            .iter()
            .filter_map(|part| step.documents.get(*part))
            .flat_map(|part| part.document.line_values("invtNo"))
            .collect(),
    };
    if numbers.is_empty() {
        let text = "没有可汇总的已结关汇总申报（B）清单";
        return step.issue_receipts(id, &[ReceiptStatus::new(status::REJECTED, text)]);
    }
    let (inventories, wrong) = summable(step, &stored, &numbers);
    if !wrong.is_empty() {
        let text = format!("不可汇总，[SummaryApplyList.invtNo]：{}", wrong.join("；"));
        return step.issue_receipts(id, &[ReceiptStatus::new(status::REJECTED, text)]);
    }
    let (taken_up, inventories): (Vec<Uuid>, Vec<summary::SummaryInventory>) =
        inventories.into_iter().unzip();
    let declarations = merge(&inventories, rule);
    let whole = whole(step, &stored).is_some();
    let results = if whole { results(step, &stored, head, &declarations) } else { Ok(Vec::new()) };
    let results = match results {
        Ok(results) => results,
        Err(refusal) => return step.issue_receipts(id, &[refusal]),
    };
    let (_, issued) = conclude_whole(step, id);
    for results in results.chunks(limits::CEB_DOCUMENTS_MAX) {
        let guid = Uuid::now_v7().to_string().to_uppercase();
        let body = ceb::write(MessageType::Ceb792, &guid, results);
        let event = Uuid::now_v7();
        step.send(&stored, MessageType::Ceb792, status::CONCLUDED, &body, (event, ""));
    }
    if whole {
        report_forms(step, &results, &inventories, &taken_up);
        for inventory in taken_up {
            step.documents.change(inventory, |it| it.sum_no.clone_from(&stored.pre_no));
        }
    }
    issued
}

/// Tells inventories of the form that they are in.
fn report_forms(
    step: &mut CebTransaction,
    results: &[Document],
    inventories: &[summary::SummaryInventory],
    ids: &[Uuid],
) {
    for result in results {
        let Document::Ceb792(form) = result else { continue };
        let entry_id = &form.head.entry_id;
        let within = |it: &&str| form.lines.iter().any(|line| line.invt_no == **it);
        let named = inventories.iter().zip(ids).filter(|(it, _)| within(&it.invt_no.as_str()));
        for (_, id) in named.filter(|_| !entry_id.is_empty()) {
            export_news::summarised(step, *id, entry_id);
        }
    }
}

/// The element in which a part of a split summary differs from the parts that are there.
fn other_application(step: &CebTransaction, stored: &StoredDocument) -> Option<&'static str> {
    const SAME: [&str; 7] = [
        "customsCode",
        "ebcCode",
        "declAgentCode",
        "startTime",
        "endTime",
        "summaryFlag",
        "itemNameFlag",
    ];
    let parts = parts_there(step, stored);
    SAME.into_iter().find(|element| {
        parts.iter().any(|part| part.document.value(element) != stored.document.value(element))
    })
}

/// The numbers of a seller's inventories that were released in a period and may be summed up now.
fn closed_in(
    step: &CebTransaction,
    stored: &StoredDocument,
    (seller, from, until): &Period,
) -> BTreeSet<String> {
    step.documents
        .all()
        .filter(|other| {
            other.kind == DocumentKind::ExportInventory
                && other.names.agent_code == stored.names.agent_code
                && other.released.is_some_and(|time| (*from..=*until).contains(&time))
                && !other.invt_no.is_empty()
        })
        .filter_map(|other| views::summed(other, ""))
        .filter(|inventory| unfit(inventory, seller).is_none())
        .map(|inventory| inventory.invt_no)
        .collect()
}

/// The declarant's inventories by customs' number. Somebody else's do not exist for it.
fn own_inventories<'a>(
    step: &'a CebTransaction,
    stored: &StoredDocument,
) -> HashMap<&'a str, &'a StoredDocument> {
    step.documents
        .all()
        .filter(|other| {
            other.kind == DocumentKind::ExportInventory
                && other.names.agent_code == stored.names.agent_code
                && other.is_live()
        })
        .map(|other| (other.invt_no.as_str(), other))
        .collect()
}

/// The inventories that a summary names, and what is wrong with those that it may not take up.
fn summable(
    step: &CebTransaction,
    stored: &StoredDocument,
    numbers: &BTreeSet<String>,
) -> (Vec<(Uuid, summary::SummaryInventory)>, Vec<String>) {
    let own = own_inventories(step, stored);
    let (mut inventories, mut wrong) = (Vec::new(), Vec::new());
    for no in numbers {
        let found = own.get(no.as_str()).filter(|_| !no.is_empty());
        let found = found.and_then(|found| Some((found.id, views::summed(found, &stored.pre_no)?)));
        let reason = match &found {
            None => Some("清单不存在"),
            Some((_, inventory)) => unfit(inventory, &stored.names.ebc_code),
        };
        wrong.extend(reason.map(|reason| format!("{no}{reason}")));
        inventories.extend(found);
    }
    (inventories, wrong)
}

/// The results of a summary (792), one for each goods declaration: a line for each line of goods, with
/// the number of the line in the goods declaration.
fn results(
    step: &mut CebTransaction,
    stored: &StoredDocument,
    head: &export::SummaryApplyHead,
    declarations: &[summary::SummaryDeclaration],
) -> Result<Vec<Document>, ReceiptStatus> {
    let mut results = Vec::new();
    for (at, declaration) in declarations.iter().enumerate() {
        // The first has the number of the application, further ones numbers of their own.
        let number = match at {
            0 => Some(stored.pre_no.replacen('S', "E", 1)),
            _ => step.number('E', stored.slot),
        };
        let full = || ReceiptStatus::new(status::SENDING_FAILED, "当日编号已用完，请次日重发");
        let large = |_| ReceiptStatus::new(status::REJECTED, "汇总的毛重或净重超过报文可填的数值");
        let gross_weight = i64::try_from(declaration.gross_weight_e5).map_err(large)?;
        let net_weight = i64::try_from(declaration.net_weight_e5).map_err(large)?;
        let number = number.ok_or_else(full)?;
        // In reality customs numbers the form when it has taken it in, and tells it by a later 792.
        let entry_id = step.entry_id(&head.customs_code, &number);
        let head = export::SummaryResultHead {
            entry_id: proto::text(entry_id),
            guid: Uuid::now_v7().to_string().to_uppercase(),
            customs_code: head.customs_code.clone(),
            sum_no: stored.pre_no.clone(),
            op_date: receipt::time(step.now),
            decl_seq_no: number,
            dec_state: "1".to_owned(),
            agent_code: head.agent_code.clone(),
            agent_name: head.agent_name.clone(),
            ebc_code: head.ebc_code.clone(),
            ebc_name: head.ebc_name.clone(),
            decl_agent_code: head.decl_agent_code.clone(),
            decl_agent_name: head.decl_agent_name.clone(),
            gross_weight,
            net_weight,
            msg_count: 1,
            msg_seq_no: 1,
            ..export::SummaryResultHead::default()
        };
        let lines = (1_u32..).zip(&declaration.lines).flat_map(|(gseqno, line)| {
            line.parts.iter().map(move |part| export::SummaryResultList {
                invt_no: part.invt_no.clone(),
                logistics_no: part.logistics_no.clone(),
                gseqno,
                gnum: part.gnum,
                gcode: line.common.gcode.clone(),
            })
        });
        let lines = lines.collect();
        results.push(Document::Ceb792(export::SummaryResult { head, lines }));
    }
    Ok(results)
}
