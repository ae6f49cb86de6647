//! What follows from documents around an export: receipts of money, arrival at the site, the way-bill
//! list under which parcels travel, departure, goods coming back, and the summary of a month.

use std::collections::BTreeMap;

use domain::documents::{DocumentKind, Return, status};
use proto::ceb::{self, Document, MessageType, export};
use store::numbers::CHINA;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use uuid::Uuid;

use crate::commit::{Bill, Said, Step};
use crate::import::{named_inventory, say_all};
use crate::paper::Paper;
use crate::receipt;
use crate::receive::{days_since, whole};
use crate::shelf::Period;

/// Days after release within which exported goods may come back (公告2020年第44号).
const RETURN_DAYS: i64 = 365;

/// 403: taken in when its inventory is concluded.
pub(crate) fn money(step: &mut Step, id: Uuid) -> Vec<Said> {
    let Some(paper) = step.shelf.get(id) else { return Vec::new() };
    let names = paper.names.clone();
    let concluded = step
        .shelf
        .of_order(DocumentKind::ExportInventory, &names.order_no)
        .filter(|inventory| inventory.is_live() && inventory.names.ebc_code == names.ebc_code)
        .any(|inventory| inventory.status >= status::CONCLUDED);
    if concluded { say_all(step, id, &[Return::sent(), Return::taken_in()]) } else { Vec::new() }
}

/// 507: at the site when every part is in.
pub(crate) fn arrival(step: &mut Step, id: Uuid) -> Vec<Said> {
    conclude_whole(step, id).1
}

/// Concludes every part of a split document when all are in; gives them, and what was said about this
/// one.
fn conclude_whole(step: &mut Step, id: Uuid) -> (Vec<Uuid>, Vec<Said>) {
    let mut own = say_all(step, id, &[Return::sent()]);
    let Some(parts) = step.shelf.get(id).and_then(|paper| whole(step, paper)) else {
        return (Vec::new(), own);
    };
    for part in &parts {
        let said = say_all(step, *part, &[Return::concluded()]);
        if *part == id {
            own.extend(said);
        }
    }
    (parts, own)
}

/// The parcels that a list names, of several parts.
fn parcels(step: &Step, parts: &[Uuid]) -> Vec<(String, String)> {
    parts
        .iter()
        .filter_map(|id| step.shelf.get(*id))
        .flat_map(|part| {
            let code = part.names.logistics_code.clone();
            part.document.line_values("logisticsNo").into_iter().map(move |no| (code.clone(), no))
        })
        .collect()
}

/// 607: which inventories travel under one bill of lading. They are released together, when all are.
pub(crate) fn waybill_list(step: &mut Step, id: Uuid) -> Vec<Said> {
    let Some(paper) = step.shelf.get(id) else { return Vec::new() };
    let bill =
        Bill { agent_code: paper.names.agent_code.clone(), bill_no: paper.names.bill_no.clone() };
    // The other parts may not be there yet; this one is refused for what it names itself.
    let unknown: Vec<String> = parcels(step, &[id])
        .into_iter()
        .filter(|(code, no)| own_inventory(step, code, no, &bill).is_none())
        .map(|(_, no)| no)
        .collect();
    if !unknown.is_empty() {
        let text = format!("清单不存在，[WayBillList.logisticsNo:{}]", unknown.join(","));
        return say_all(step, id, &[Return::new(status::REJECTED, text)]);
    }
    let (parts, said) = conclude_whole(step, id);
    for (code, no) in parcels(step, &parts) {
        if let Some(inventory) = own_inventory(step, &code, &no, &bill) {
            step.shelf.change(inventory, |paper| paper.names.bill_no.clone_from(&bill.bill_no));
        }
    }
    if !parts.is_empty() {
        step.bills.insert(bill);
    }
    said
}

/// The inventory of a parcel, when the agent of the list declared it.
fn own_inventory(step: &Step, code: &str, no: &str, bill: &Bill) -> Option<Uuid> {
    let found = export_inventory(step, code, no)?;
    let agent = |paper: &Paper| paper.names.agent_code == bill.agent_code;
    step.shelf.get(found).filter(|paper| agent(paper)).map(|paper| paper.id)
}

fn export_inventory(step: &Step, code: &str, no: &str) -> Option<Uuid> {
    step.shelf
        .of_parcel(DocumentKind::ExportInventory, code, no)
        .find(|inventory| inventory.is_live())
        .map(|inventory| inventory.id)
}

/// Releases what travels under a bill when every inventory on it may go, and tells of examinations.
pub(crate) fn release_bill(step: &mut Step, bill: &Bill) {
    let concluded = |paper: &&Paper| {
        paper.is_live()
            && paper.status >= status::CONCLUDED
            && paper.names.agent_code == bill.agent_code
    };
    let lists: Vec<Uuid> = step
        .shelf
        .of_bill(DocumentKind::WaybillList, &bill.bill_no)
        .filter(concluded)
        .map(|list| list.id)
        .collect();
    // What the lists name counts, not what an inventory says of itself.
    let inventories: Vec<(Uuid, i32, bool)> = parcels(step, &lists)
        .into_iter()
        .filter_map(|(code, no)| own_inventory(step, &code, &no, bill))
        .filter_map(|id| step.shelf.get(id))
        .map(|paper| (paper.id, paper.status, paper.released.is_some()))
        .collect();
    if inventories.is_empty() {
        return;
    }
    let free = inventories.iter().all(|(.., released)| *released);
    let examined = inventories.iter().any(|(_, status, _)| *status == status::EXAMINATION);
    let about_lists = match (free, examined) {
        (true, _) => Some(Return::released()),
        (false, true) => Some(Return::examination()),
        (false, false) => None,
    };
    if let Some(what) = about_lists {
        for list in lists {
            if step.shelf.get(list).is_some_and(|list| list.status != what.status) {
                step.say(list, &what);
            }
        }
    }
    if free {
        for (inventory, status, _) in inventories {
            if status < status::RELEASED {
                step.say(inventory, &Return::released());
            }
        }
        close_departed(step, &bill.bill_no);
    }
}

/// 509: the vehicle has left. What it carries is closed.
pub(crate) fn departure(step: &mut Step, id: Uuid) -> Vec<Said> {
    let (parts, said) = conclude_whole(step, id);
    for (code, no) in parcels(step, &parts) {
        if let Some(inventory) = export_inventory(step, &code, &no) {
            close(step, inventory);
        }
    }
    said
}

/// Inventories that were released after their vehicle left.
fn close_departed(step: &mut Step, bill_no: &str) {
    let departed: Vec<Uuid> = step
        .shelf
        .of_bill(DocumentKind::Departure, bill_no)
        .filter(|departure| departure.is_live() && departure.status == status::CONCLUDED)
        .map(|departure| departure.id)
        .collect();
    for (code, no) in parcels(step, &departed) {
        if let Some(inventory) = export_inventory(step, &code, &no) {
            close(step, inventory);
        }
    }
}

fn close(step: &mut Step, inventory: Uuid) {
    if step.shelf.get(inventory).is_some_and(|paper| paper.status == status::RELEASED) {
        step.say(inventory, &Return::closed());
    }
}

/// 213: exported goods come back within a year.
pub(crate) fn goods_return(step: &mut Step, id: Uuid) -> Vec<Said> {
    let Some(paper) = step.shelf.get(id) else { return Vec::new() };
    let inventory = named_inventory(&step.shelf, paper).and_then(|id| step.shelf.get(id));
    let said = match inventory {
        Some(inventory) if !same_parties(paper, inventory) => {
            vec![Return::new(status::REJECTED, "原出口清单不存在")]
        }
        None => vec![Return::new(status::REJECTED, "原出口清单不存在")],
        Some(inventory) => match inventory.released {
            None => vec![Return::new(status::REJECTED, "原出口清单未放行")],
            Some(released) if days_since(released, step.now) > RETURN_DAYS => {
                vec![Return::new(status::REJECTED, "超过出口放行之日起1年")]
            }
            Some(_) => vec![Return::sent(), Return::taken_in(), Return::released()],
        },
    };
    say_all(step, id, &said)
}

/// A return is about an inventory of the same seller.
fn same_parties(paper: &Paper, inventory: &Paper) -> bool {
    paper.names.ebc_code == inventory.names.ebc_code
}

/// 215: what came back was counted.
pub(crate) fn tally(step: &mut Step, id: Uuid) -> Vec<Said> {
    let Some(paper) = step.shelf.get(id) else { return Vec::new() };
    let value = |element| paper.document.text(element);
    let (invt_no, named) = (value("invtNo"), named_inventory(&step.shelf, paper).is_some());
    let said = if invt_no.is_empty() || named {
        vec![Return::sent(), Return::concluded()]
    } else {
        vec![Return::new(status::REJECTED, format!("原出口清单不存在，[invtNo:{invt_no}]"))]
    };
    say_all(step, id, &said)
}

/// The period of a summary application, where it names one: the list counts for nothing then.
pub(crate) fn period(document: &Document) -> Option<Period> {
    let time = |element| {
        let text = document.value(element).filter(|text| !text.is_empty())?;
        let time = time::PrimitiveDateTime::parse(&text, C14).ok()?;
        Some(time.assume_offset(CHINA))
    };
    Some((document.value("ebcCode")?, time("startTime")?, time("endTime")?))
}

/// A time as firms write it: 14 digits, China Standard Time.
pub(crate) const C14: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day][hour][minute][second]");

/// 701: the released inventories of a period, or of a list, become one goods declaration; 792 tells
/// the result. Each inventory is taken up once.
pub(crate) fn summary(step: &mut Step, id: Uuid) -> Vec<Said> {
    let Some(paper) = step.shelf.get(id).cloned() else { return Vec::new() };
    let Document::Ceb701(application) = &*paper.document else { return Vec::new() };
    let listed: Vec<String> = match period(&paper.document) {
        Some(period) => released_in(step, &paper, &period),
        None => application.lines.iter().map(|line| line.invt_no.clone()).collect(),
    };
    if listed.is_empty() {
        let text = "没有可汇总的已放行清单";
        return say_all(step, id, &[Return::new(status::REJECTED, text)]);
    }
    let wrong: Vec<String> =
        listed.into_iter().filter(|no| summable(step, no, &paper.pre_no).is_none()).collect();
    if !wrong.is_empty() {
        let text =
            format!("清单不存在、未放行或已汇总，[SummaryApplyList.invtNo:{}]", wrong.join(","));
        return say_all(step, id, &[Return::new(status::REJECTED, text)]);
    }
    let (parts, said) = conclude_whole(step, id);
    let mut numbers: Vec<String> = parts
        .iter()
        .filter_map(|part| step.shelf.get(*part).cloned())
        .flat_map(|part| match period(&part.document) {
            Some(period) => released_in(step, &part, &period),
            None => part.document.line_values("invtNo"),
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    if let Some(result) = result(step, &paper, &application.head, &numbers) {
        let guid = Uuid::now_v7().to_string().to_uppercase();
        let body = ceb::write(MessageType::Ceb792, &guid, &[result]);
        let event = Uuid::now_v7();
        step.mail(&paper, MessageType::Ceb792, status::CONCLUDED, &body, (event, ""));
    }
    for no in numbers {
        if let Some(inventory) = summable(step, &no, &paper.pre_no).map(|found| found.id) {
            step.shelf.change(inventory, |it| it.sum_no.clone_from(&paper.pre_no));
        }
    }
    said
}

/// The numbers of a seller's inventories that were released in a period and not yet summed up.
fn released_in(step: &Step, paper: &Paper, (seller, from, until): &Period) -> Vec<String> {
    let fits = |other: &&Paper| {
        other.kind == DocumentKind::ExportInventory
            && other.names.ebc_code == *seller
            && other.names.agent_code == paper.names.agent_code
            && other.released.is_some_and(|time| (*from..=*until).contains(&time))
            && other.sum_no.is_empty()
            && !other.invt_no.is_empty()
    };
    let mut numbers: Vec<String> =
        step.shelf.papers().filter(fits).map(|other| other.invt_no.clone()).collect();
    numbers.sort_unstable();
    numbers
}

/// An inventory that a summary may take up: released, and in no other summary.
fn summable<'a>(step: &'a Step, invt_no: &str, sum_no: &str) -> Option<&'a Paper> {
    step.shelf.find(|paper| {
        paper.kind == DocumentKind::ExportInventory
            && paper.invt_no == invt_no
            && paper.released.is_some()
            && (paper.sum_no.is_empty() || paper.sum_no == sum_no)
    })
}

/// The result of a summary (792): one line for each line of goods; lines of one commodity code share
/// a number in the goods declaration.
fn result(
    step: &Step,
    paper: &Paper,
    head: &export::SummaryApplyHead,
    inventories: &[String],
) -> Option<Document> {
    let mut lines = Vec::new();
    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    let (mut gross, mut net) = (0_i64, 0_i64);
    for no in inventories {
        let inventory = summable(step, no, &paper.pre_no)?;
        let Document::Ceb603(goods) = &*inventory.document else { continue };
        gross = gross.saturating_add(goods.head.gross_weight);
        net = net.saturating_add(goods.head.net_weight);
        for line in &goods.lines {
            // A summary has fewer lines than that.
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX).saturating_add(1);
            let number = *numbers.entry(line.gcode.clone()).or_insert(next);
            lines.push(export::SummaryResultList {
                invt_no: no.clone(),
                logistics_no: goods.head.logistics_no.clone(),
                gseqno: number,
                gnum: line.gnum,
                gcode: line.gcode.clone(),
            });
        }
    }
    if lines.is_empty() {
        return None;
    }
    let head = export::SummaryResultHead {
        guid: Uuid::now_v7().to_string().to_uppercase(),
        customs_code: head.customs_code.clone(),
        sum_no: paper.pre_no.clone(),
        op_date: receipt::time(step.now),
        decl_seq_no: paper.pre_no.replacen('S', "E", 1),
        dec_state: "1".to_owned(),
        agent_code: head.agent_code.clone(),
        agent_name: head.agent_name.clone(),
        ebc_code: head.ebc_code.clone(),
        ebc_name: head.ebc_name.clone(),
        decl_agent_code: head.decl_agent_code.clone(),
        decl_agent_name: head.decl_agent_name.clone(),
        gross_weight: gross,
        net_weight: net,
        msg_count: 1,
        msg_seq_no: 1,
        ..export::SummaryResultHead::default()
    };
    Some(Document::Ceb792(export::SummaryResult { head, lines }))
}
