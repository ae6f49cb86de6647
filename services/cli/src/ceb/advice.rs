//! What a status means for its sender: what the document waits for, what to do next, and the page that
//! explains it.

use domain::Code;
use domain::documents::DocumentKind;
use domain::documents::matching::{EXPORT, IMPORT};
use domain::documents::status;
use proto::status::Language;
use proto::v1;

use super::super::problem;
use super::super::words::pick;

/// The guide; its headings are anchors.
const GUIDE: &str = "docs/ceb.md";
const MATCH: &str = "three-document-match-三单对碰";
const KEYS: &str = "business-keys-业务主键";
const LIFE: &str = "new-change-delete-draft-repeat";
const PARTS: &str = "split-messages-msgcount-msgseqno";
const STATUSES: &str = "returnstatus";
const TEXTS: &str = "returninfo";
const ERRORS: &str = "negative-codes";
const WHEN: &str = "which-message-when";
/// What an inspection is.
const INSPECTION: &str = "docs/inspection.md";

/// A sentence and a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advice {
    pub(super) text: String,
    pub(super) page: String,
}

/// The page that explains a "no" or a stop; `None` for what goes its way.
pub(super) fn page(status: i32, info: &str) -> Option<String> {
    if let Some(code) = own_code(info) {
        return Some(format!("docs/errors/{}.md", code.id()));
    }
    let of_match = || IMPORT.iter().chain(EXPORT).any(|rule| info.contains(rule.title_zh));
    let anchor = match status {
        ..=-1 => ERRORS,
        status::REJECTED if of_match() => MATCH,
        status::REJECTED if info.contains("业务主键") => KEYS,
        status::REJECTED | status::RETURNED => TEXTS,
        status::SENDING_FAILED
        | status::MANUAL_REVIEW
        | status::DETAINED_CLEARANCE
        | status::DETAINED_ANTISMUGGLING
        | status::DETAINED_LEGAL
        | status::DETAINED_OTHER => STATUSES,
        status::EXAMINATION => return Some(INSPECTION.to_owned()),
        _ => return None,
    };
    Some(format!("{GUIDE}#{anchor}"))
}

/// The first code of ours that a text names.
pub(super) fn own_code(info: &str) -> Option<Code> {
    let start = info.find("SW-")?;
    let code = info.get(start..start + "SW-0000".len())?;
    problem::known(code)
}

/// What its sender does next about a document. `under` are the documents under its bill of lading.
pub(super) fn next(
    record: &v1::DocumentRecord,
    under: &[v1::DocumentRecord],
    language: Language,
) -> Advice {
    let number = u16::try_from(record.message_type).ok();
    let kind = number.and_then(DocumentKind::from_number);
    let is_inventory = kind.is_some_and(DocumentKind::is_inventory);
    let is_export = kind.is_some_and(DocumentKind::is_export);
    let status = record.return_status;
    let of = |english: &str, chinese: &str, page: &str| Advice {
        text: match language {
            Language::English => english.to_owned(),
            Language::Chinese => chinese.to_owned(),
        },
        page: if page.starts_with("docs/") { page.to_owned() } else { format!("{GUIDE}#{page}") },
    };
    if record.deleted {
        return if is_inventory {
            of("nothing: it was cancelled, and may be declared anew", "已撤单，可重新申报", LIFE)
        } else {
            of("nothing: it was deleted", "已删除，无需处理", LIFE)
        };
    }
    if !record.missing.is_empty() {
        return missing(record, is_export, language);
    }
    let why = page(status, &record.return_info);
    let why = why.as_deref().unwrap_or(STATUSES);
    match status {
        ..=-1 => {
            of("correct what the text names and send it again", "按回执信息更正后重新发送", why)
        }
        status::DRAFT => of(
            "send the whole document again with appStatus 2 to declare it",
            "以appStatus=2重新发送完整单证即为申报",
            LIFE,
        ),
        status::SENDING_FAILED => of("send it again tomorrow", "次日重新发送", why),
        status::REJECTED => of(
            "correct what the text names (another document with appType 2), then send this one as new \
             (appType 1) with a new guid and a newer appTime",
            "更正回执所指内容（其他单证用appType=2变更），再以新guid、更晚的appTime重新新增申报本单证",
            why,
        ),
        status::MANUAL_REVIEW => of(
            "customs reviews it by hand or waits for documents: answer customs, or wait",
            "海关人工审核或等待补充单证：按海关要求补充，或等待",
            why,
        ),
        status::EXAMINATION => of(
            "the goods are examined: `single-window inspect list` shows the order and what it waits for",
            "货物查验中：用single-window inspect list查看联合查验单及其等待事项",
            why,
        ),
        501..=503 | 599 => of(
            "the goods are detained: only the agency that detained them can go on",
            "货物被扣留：须由扣留机关处理",
            why,
        ),
        status::RETURNED => of("the goods go back abroad", "货物退运出境", why),
        status::RELEASED if is_inventory && is_export => of(
            "send the departure (CEB509) that names its bill; 899 follows",
            "发送离境单（CEB509），随后结关（899）",
            WHEN,
        ),
        status::CONCLUDED if is_inventory && is_export => bill(record, under, language),
        status::RELEASED | status::CLOSED => {
            of("nothing: it has come to its end", "已办结，无需处理", WHEN)
        }
        status::DECLARING | status::SENT if is_split(kind) => of(
            "it waits until all its parts (msgCount) are in: send the others",
            "等待同一copNo下全部分报文（msgCount）到齐：发送其余部分",
            PARTS,
        ),
        status::DECLARING if is_part_of_match(kind) => of(
            "it waits for its inventory (CEB621, CEB603): send it, and see what that one waits for",
            "等待清单（CEB621、CEB603）：发送清单，并查看清单等待什么",
            WHEN,
        ),
        status::DECLARING | status::SENT => of(
            "wait: the agencies have it, and answer by themselves",
            "等待：已发往海关与国检，回执自动返回",
            STATUSES,
        ),
        status::TAKEN_IN | status::CONCLUDED if is_inventory => of(
            "wait for the release: both agencies must clear it",
            "等待放行：海关与国检均须同意",
            STATUSES,
        ),
        _ => of("nothing", "无需处理", STATUSES),
    }
}

fn missing(record: &v1::DocumentRecord, is_export: bool, language: Language) -> Advice {
    let named = |what: &String| {
        let (english, chinese, import, export) = match what.as_str() {
            "order" => ("order", "订单", 311, 303),
            "payment" => ("payment", "支付单", 411, 411),
            "waybill" => ("waybill", "运单", 511, 505),
            other => return other.to_owned(),
        };
        let number = if is_export { export } else { import };
        match language {
            Language::English => format!("{english} (CEB{number})"),
            Language::Chinese => format!("{chinese}（CEB{number}）"),
        }
    };
    let missing: Vec<String> = record.missing.iter().map(named).collect();
    let text = match language {
        Language::English => format!(
            "send the {} of this parcel; after 24 hours without, it is rejected. One that was sent is \
             not found: compare the numbers with `ceb explain` of all files together",
            missing.join(" and the ")
        ),
        Language::Chinese => format!(
            "发送本票的{}；24小时未到即退单。若已发送，则编号不一致：用ceb explain将全部文件一起核对",
            missing.join("、")
        ),
    };
    Advice { text, page: format!("{GUIDE}#{MATCH}") }
}

/// An export that is concluded leaves with everything else under its bill of lading.
fn bill(record: &v1::DocumentRecord, under: &[v1::DocumentRecord], language: Language) -> Advice {
    let list = u32::from(DocumentKind::WaybillList.number());
    let is_list = |it: &&v1::DocumentRecord| it.message_type == list && !it.deleted;
    let blocks = |it: &&v1::DocumentRecord| {
        it.message_type == record.message_type
            && !it.deleted
            && !matches!(it.return_status, status::CONCLUDED | status::RELEASED | status::CLOSED)
    };
    let blocking: Vec<&str> = under.iter().filter(blocks).map(|it| it.order_no.as_str()).collect();
    let text = if record.bill_no.is_empty() || !under.iter().any(|it| is_list(&it)) {
        match language {
            Language::English => {
                "send the way-bill list (CEB607) that names its logisticsNo: it leaves with its bill"
                    .to_owned()
            }
            Language::Chinese => "发送列明该运单的清单总分单（CEB607）：整票提运单一并放行".to_owned(),
        }
    } else if blocking.is_empty() {
        pick(
            language,
            "wait: the list is being completed, or the agencies release the bill",
            "等待：清单总分单尚未收齐，或待海关放行整票",
        )
        .to_owned()
    } else {
        let orders = blocking.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        match language {
            Language::English => format!(
                "it waits for {} other inventories under its bill, {orders}: look at each with ceb show",
                blocking.len()
            ),
            Language::Chinese => {
                format!(
                    "等待同一提运单下另外{}份清单（{orders}）：逐份用ceb show查看",
                    blocking.len()
                )
            }
        }
    };
    Advice { text, page: format!("{GUIDE}#{WHEN}") }
}

/// Comes in parts.
fn is_split(kind: Option<DocumentKind>) -> bool {
    use DocumentKind as K;
    matches!(kind, Some(K::Arrival | K::Departure | K::WaybillList | K::SummaryApply))
}

/// Is taken to customs by its inventory.
fn is_part_of_match(kind: Option<DocumentKind>) -> bool {
    use DocumentKind as K;
    matches!(
        kind,
        Some(
            K::ImportOrder
                | K::Payment
                | K::ImportWaybill
                | K::ExportOrder
                | K::ExportWaybill
                | K::MoneyReceipt
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../../docs/ceb.md");

    /// The anchor that web pages make of a heading.
    fn anchors() -> Vec<String> {
        let headings = PAGE.lines().filter_map(|line| line.strip_prefix('#'));
        let anchor = |heading: &str| -> String {
            let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
        };
        headings.map(anchor).collect()
    }

    #[test]
    fn every_page_is_there() {
        let anchors = anchors();
        for anchor in [MATCH, KEYS, LIFE, PARTS, STATUSES, TEXTS, ERRORS, WHEN] {
            assert!(anchors.iter().any(|it| it == anchor), "{anchor}: {anchors:?}");
        }
    }

    #[test]
    fn the_page_is_the_one_about_the_reason() {
        let of = |status, info: &str| page(status, info).unwrap_or_default();
        let amounts = "[Code:1332;Desc:支付单支付金额与订单支付金额不一致],[…]";
        assert!(of(100, amounts).ends_with(MATCH));
        assert!(of(100, "重复申报，业务主键[E+O]").ends_with(KEYS));
        assert!(of(100, "[Code:1300;Desc:人工退单，X]").ends_with(TEXTS));
        assert_eq!(of(-621_001, "[Code:SW-2009;Desc:第60行…]"), "docs/errors/SW-2009.md");
        assert!(of(-621_028, "x").ends_with(ERRORS));
        assert_eq!(of(500, "查验"), INSPECTION);
        assert!(of(-1, "SW-0000").ends_with(ERRORS) && of(-1, "SW-中").ends_with(ERRORS));
        assert_eq!(of(800, "") + &of(2, "") + &of(120, ""), "");
    }

    fn record(message_type: u32, return_status: i32) -> v1::DocumentRecord {
        v1::DocumentRecord { message_type, return_status, ..Default::default() }
    }

    fn advice_text(record: &v1::DocumentRecord, under: &[v1::DocumentRecord]) -> String {
        let chinese = next(record, under, Language::Chinese);
        let english = next(record, under, Language::English);
        assert!(!chinese.text.is_ascii() && english.page == chinese.page, "{chinese:?}");
        english.text
    }

    #[test]
    fn what_to_do_next_depends_on_the_document_and_its_status() {
        let mut waiting = record(621, 2);
        waiting.missing = vec!["payment".to_owned(), "waybill".to_owned()];
        assert!(advice_text(&waiting, &[]).contains("payment (CEB411) and the waybill (CEB511)"));
        waiting.message_type = 603;
        assert!(advice_text(&waiting, &[]).contains("waybill (CEB505)"));
        for (kind, status, expected) in [
            (311, 2, "waits for its inventory"),
            (621, 1, "appStatus 2"),
            (621, 100, "newer appTime"),
            (621, -621_028, "send it again"),
            (621, 500, "inspect list"),
            (621, 399, "both agencies"),
            (621, 899, "come to its end"),
            (621, 502, "detained"),
            (603, 800, "CEB509"),
            (607, 2, "msgCount"),
            (623, 2, "answer by themselves"),
        ] {
            let text = advice_text(&record(kind, status), &[]);
            assert!(text.contains(expected), "{kind} {status}: {text}");
        }
        let deleted = v1::DocumentRecord { deleted: true, ..record(621, 2) };
        assert!(advice_text(&deleted, &[]).contains("cancelled"));
    }

    #[test]
    fn an_export_waits_for_its_bill_and_says_for_whom() {
        let own = v1::DocumentRecord { bill_no: "B".to_owned(), ..record(603, 399) };
        assert!(advice_text(&own, &[]).contains("CEB607"));
        let list = record(607, 399);
        let held = v1::DocumentRecord { order_no: "O2".to_owned(), ..record(603, 300) };
        let text = advice_text(&own, &[list.clone(), own.clone(), held]);
        assert!(text.contains("1 other") && text.contains("O2"), "{text}");
        assert!(advice_text(&own, &[list, own.clone()]).starts_with("wait"));
    }
}
