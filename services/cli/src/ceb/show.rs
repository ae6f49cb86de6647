//! `ceb show`: everything that the window knows of one document: where it stands and why, its receipts
//! in their order, what it waits for, what lies beside it, and what to do next.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use domain::Code;
use domain::documents::DocumentKind;
use proto::status::Language;
use proto::v1;
use serde_json::json;

use super::super::problem::{BrokenRule, Problem};
use super::super::words::{self, pick};
use super::super::{Exit, Output, Session, print_json, print_line, print_refusal};
use super::standing::meaning;
use super::{advice, documents, receipts};

/// Documents that are listed beside the one that is shown, and under its bill.
const BESIDE_MAX: usize = 20;
/// Documents under a bill that are counted.
const COUNTED_MAX: usize = 10_000;

/// Show one document's whole story: receipts, what it waits for, its bill, what to do next.
///
/// NUMBER is an order number, waybill number, copNo, preNo, invtNo, guid, or number of a bill of lading.
/// When several documents have it, the inventory is shown and the others are listed; --type chooses
/// another.
#[derive(Debug, clap::Args)]
pub(super) struct DocumentShowArgs {
    /// Any number of the document.
    #[arg(value_name = "NUMBER")]
    pub(super) number: String,
    /// The document of this type, for example 311 or CEB311.
    #[arg(long = "type", value_name = "TYPE", value_parser = documents::parse_type)]
    pub(super) message_type: Option<u32>,
}

/// Shows a document.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) async fn run(session: &Session, args: DocumentShowArgs) -> anyhow::Result<Exit> {
    let number = args.number.trim();
    anyhow::ensure!(!number.is_empty(), "NUMBER is empty");
    let wanted =
        |number: &str| v1::ListDocumentsRequest { number: number.to_owned(), ..Default::default() };
    let mut found = documents::list(session, wanted(number), COUNTED_MAX).await?;
    let chosen = choose(&found, number, args.message_type);
    let Some(index) = chosen else { return not_found(session, number) };
    let document = found.remove(index);
    let messages = story(session, &document).await?;
    let bill_no = document.bill_no.as_str();
    let under = match bill_no {
        "" => Vec::new(),
        bill_no if bill_no == number => found.clone(),
        bill_no => documents::list(session, wanted(bill_no), COUNTED_MAX).await?,
    };
    let is_other = |other: &v1::DocumentRecord| {
        (other.message_type, &other.key) != (document.message_type, &document.key)
    };
    // What is of its own order is listed there.
    let is_under = |other: &v1::DocumentRecord| {
        let apart = other.order_no.is_empty() || other.order_no != document.order_no;
        !bill_no.is_empty() && other.bill_no == bill_no && apart
    };
    let under: Vec<_> = under.into_iter().filter(|it| is_under(it) && is_other(it)).collect();
    let beside = match document.order_no.as_str() {
        "" => Vec::new(),
        order_no if order_no == number => found,
        order_no => documents::list(session, wanted(order_no), COUNTED_MAX).await?,
    };
    let of_order = |it: &v1::DocumentRecord| it.order_no == document.order_no && is_other(it);
    let beside: Vec<_> = beside.into_iter().filter(of_order).collect();
    let next = advice::next(&document, &under, session.language);
    match session.output {
        Output::Json => print_json(&json!({
            "document": document,
            "receipts": messages,
            "of_the_order": beside,
            "under_the_bill": under,
            "next": { "text": next.text, "page": next.page },
        }))?,
        Output::Table => {
            let mut text = card(&document, session.language);
            let label = pick(session.language, "next", "下一步");
            let see = pick(session.language, "see", "见");
            row(&mut text, label, &format!("{}; {see} {}", next.text, next.page));
            history(&mut text, &messages, session.language);
            list(&mut text, Beside::Order, &document.order_no, &beside, session.language);
            list(&mut text, Beside::Bill, bill_no, &under, session.language);
            print_line(text.trim_end())?;
        }
    }
    Ok(Exit::Done)
}

/// What a person means by a number: the document whose own it is, and among those of one order or bill
/// the inventory.
fn choose(found: &[v1::DocumentRecord], number: &str, message_type: Option<u32>) -> Option<usize> {
    let rank = |document: &v1::DocumentRecord| {
        let v1::DocumentRecord { guid, cop_no, pre_no, invt_no, bill_no, .. } = document;
        let kind = u16::try_from(document.message_type).ok().and_then(DocumentKind::from_number);
        let own = guid.eq_ignore_ascii_case(number) || number == pre_no || number == cop_no;
        // Under a bill lies much; the list is what speaks of it.
        let main = if bill_no == number && invt_no != number {
            kind == Some(DocumentKind::WaybillList)
        } else {
            kind.is_some_and(DocumentKind::is_inventory)
        };
        (!own, !main)
    };
    let fits = |document: &v1::DocumentRecord| {
        message_type.is_none_or(|message_type| message_type == document.message_type)
    };
    let fitting = found.iter().enumerate().filter(|(_, document)| fits(document));
    fitting.min_by_key(|(_, document)| rank(document)).map(|(index, _)| index)
}

fn not_found(session: &Session, number: &str) -> anyhow::Result<Exit> {
    let why = match session.language {
        Language::English => format!(
            "nothing is kept under {number} for this caller. What was refused for itself is not kept: \
             `single-window ceb receipts --dxp-id ID --order {number}` shows what was said about it"
        ),
        Language::Chinese => format!(
            "没有编号为{number}且属于该用户的在案单证。因自身问题被拒绝的单证不留存：用single-window \
             ceb receipts --dxp-id ID --order {number}查看其回执"
        ),
    };
    let problem = Problem::local(
        Code::NotFound,
        session.language,
        vec![BrokenRule::plain(Code::NotFound, why)],
    );
    let _problem = print_refusal(session.output, &problem)?;
    Ok(Exit::NotFound)
}

/// Everything that was said about it, in the order of the log.
async fn story(
    session: &Session,
    document: &v1::DocumentRecord,
) -> anyhow::Result<Vec<v1::OutgoingMessage>> {
    let about = receipts::LogSelection {
        dxp_id: document.dxp_id.clone(),
        order_no: document.order_no.clone(),
        key: document.key.clone(),
    };
    // An order and its inventory have one key.
    let reply = document.message_type + 1;
    let is_of = |message: &v1::OutgoingMessage| match message.message_type {
        816 | 818 => document.message_type == 621,
        792 => document.message_type == 701,
        other => other == reply,
    };
    let (mut messages, mut after) = (Vec::new(), 0);
    loop {
        let page = receipts::page(session, &about, after).await?;
        if page.messages.is_empty() {
            return Ok(messages);
        }
        after = page.next_after;
        messages.extend(page.messages.into_iter().filter(is_of));
    }
}

fn row(text: &mut String, label: &str, value: &str) {
    if !value.is_empty() {
        let _infallible = writeln!(text, "  {} {value}", words::padded(label, 18));
    }
}

/// Where it stands, why, and under which numbers.
fn card(document: &v1::DocumentRecord, language: Language) -> String {
    let label = |english, chinese| pick(language, english, chinese);
    let mut text = format!("{}\n", named(document, language));
    let when = words::when(document.changed_time.and_then(proto::time));
    row(&mut text, label("status", "状态"), &format!("{}, {when}", standing(document, language)));
    row(&mut text, label("why", "原因"), &document.return_info);
    let missing = document.missing.iter().map(|what| documents::waits_for(what, language));
    let missing = missing.collect::<Vec<_>>().join(pick(language, ", ", "、"));
    row(&mut text, label("waits for", "等待"), &missing);
    for (english, chinese, value) in [
        ("order no.", "订单编号", &document.order_no),
        ("own no. (copNo)", "企业内部编号", &document.cop_no),
        ("way-bill", "运单编号", &document.logistics_no),
        ("preNo", "预录入编号", &document.pre_no),
        ("invtNo", "清单编号", &document.invt_no),
        ("bill of lading", "提运单号", &document.bill_no),
        ("exchange no.", "交换平台用户编号", &document.dxp_id),
        ("guid", "guid", &document.guid),
        ("declaration", "申报", &document.declaration),
    ] {
        row(&mut text, label(english, chinese), value);
    }
    text
}

/// `CEB621 import inventory  3702960015 QD-1`.
fn named(document: &v1::DocumentRecord, language: Language) -> String {
    let kind = u16::try_from(document.message_type).ok().and_then(DocumentKind::from_number);
    let title = kind.map_or("", |kind| pick(language, kind.title(), kind.title_zh()));
    format!("CEB{} {title}  {}", document.message_type, document.key)
}

fn standing(document: &v1::DocumentRecord, language: Language) -> String {
    let status = document.return_status;
    let deleted = if document.deleted { pick(language, ", deleted", "，已删除") } else { "" };
    format!("{status} {}{deleted}", meaning(status, language))
}

fn history(text: &mut String, messages: &[v1::OutgoingMessage], language: Language) {
    let _infallible = writeln!(text, "\n{}", pick(language, "receipts", "回执"));
    if messages.is_empty() {
        let none = pick(language, "none that this caller may read", "无（或该用户无权读取）");
        let _infallible = writeln!(text, "  {none}");
    }
    for line in messages.iter().flat_map(|message| receipts::lines(message, language)) {
        let _infallible = writeln!(text, "{line}");
    }
}

/// Why documents lie beside each other.
#[derive(Clone, Copy)]
enum Beside {
    Order,
    Bill,
}

fn list(
    text: &mut String,
    why: Beside,
    number: &str,
    documents: &[v1::DocumentRecord],
    language: Language,
) {
    if number.is_empty() || documents.is_empty() && matches!(why, Beside::Order) {
        return;
    }
    let count = documents.len();
    let _infallible = match (why, language) {
        (Beside::Order, Language::English) => writeln!(text, "\nalso of order {number}"),
        (Beside::Order, Language::Chinese) => writeln!(text, "\n同一订单{number}的其他单证"),
        (Beside::Bill, Language::English) => {
            writeln!(text, "\nalso under bill of lading {number}: {count} documents")
        }
        (Beside::Bill, Language::Chinese) => {
            writeln!(text, "\n同一提运单{number}下的其他单证：{count}份")
        }
    };
    for document in documents.iter().take(BESIDE_MAX) {
        let (name, standing) = (named(document, language), standing(document, language));
        let _infallible = writeln!(text, "  {name}  {standing}");
    }
    if count > BESIDE_MAX {
        let mut sums: BTreeMap<(u32, String), usize> = BTreeMap::new();
        for document in &documents[BESIDE_MAX..] {
            let at = (document.message_type, standing(document, language));
            *sums.entry(at).or_default() += 1;
        }
        let more = pick(language, "and", "另有");
        for ((kind, standing), count) in sums {
            let _infallible = writeln!(text, "  {more} {count} × CEB{kind}  {standing}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(message_type: u32, guid: &str, bill_no: &str) -> v1::DocumentRecord {
        v1::DocumentRecord {
            message_type,
            guid: guid.to_owned(),
            bill_no: bill_no.to_owned(),
            order_no: "O".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn a_number_means_its_own_document_and_of_an_order_the_inventory() {
        let found = [document(311, "A", ""), document(621, "B", ""), document(411, "C", "")];
        assert_eq!(choose(&found, "O", None), Some(1));
        assert_eq!(choose(&found, "c", None), Some(2));
        assert_eq!(choose(&found, "O", Some(311)), Some(0));
        assert_eq!(choose(&found, "O", Some(511)), None);
        assert_eq!(choose(&[], "O", None), None);
        let bill = [document(603, "A", "L"), document(607, "B", "L"), document(509, "C", "L")];
        assert_eq!(choose(&bill, "L", None), Some(1));
        assert_eq!(choose(&bill[..1], "L", None), Some(0));
    }
}
