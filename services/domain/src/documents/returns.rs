//! What a receipt says: a status and a text. The texts are those that the programs of firms look
//! for, letter by letter, so every one is made here and nowhere else.
//!
//! Sources: status lists of the CEB specification 202205 and of its schema comments; texts as
//! observed in receipts of 2019 and 2020. Texts marked unverified follow the pattern of those.

use super::errors::{self, coded};
use super::kind::DocumentKind;
use super::matching::{self, RuleBreach};

/// Characters in a returnInfo (specification: C1..1000).
const INFO_MAX: usize = 1_000;

/// The values of returnStatus. Below zero are the codes of [`super::errors`].
#[expect(missing_docs, reason = "each has a title and a Chinese title below")]
pub mod status {
    pub const DRAFT: i32 = 1;
    pub const DECLARING: i32 = 2;
    pub const SENT: i32 = 3;
    pub const SENDING_FAILED: i32 = 4;
    pub const REJECTED: i32 = 100;
    pub const TAKEN_IN: i32 = 120;
    pub const MANUAL_REVIEW: i32 = 300;
    pub const CONCLUDED: i32 = 399;
    pub const EXAMINATION: i32 = 500;
    pub const DETAINED_CLEARANCE: i32 = 501;
    pub const DETAINED_ANTISMUGGLING: i32 = 502;
    pub const DETAINED_LEGAL: i32 = 503;
    pub const HANDED_OVER: i32 = 505;
    pub const DETAINED_OTHER: i32 = 599;
    pub const SUSPENDED: i32 = 600;
    pub const RETURNED: i32 = 700;
    pub const RELEASED: i32 = 800;
    pub const CLOSED: i32 = 899;
    /// Observed code of a document whose business key is taken already.
    pub const KEY_TAKEN: i32 = -304_001;
}

/// The positive statuses: value, rank in the life of a document, English, Chinese.
///
/// The rank only rises ([`supersedes`]). A failed sending ranks below a successful one because it is
/// repeated. Rejection has no rank. Source: life of an import inventory after the CEB specification
/// 202205; the place of 505 and 600, which only returned exports have, is unverified.
#[rustfmt::skip]
const STATUSES: &[(i32, u8, &str, &str)] = &[
    (status::DRAFT, 1, "stored as a draft", "电子口岸已暂存"),
    (status::DECLARING, 2, "being declared", "电子口岸申报中"),
    (status::SENT, 4, "sent to customs", "发送海关成功"),
    (status::SENDING_FAILED, 3, "sending to customs failed", "发送海关失败"),
    (status::REJECTED, 0, "rejected", "海关退单"),
    (status::TAKEN_IN, 5, "taken in by customs", "海关入库"),
    (status::MANUAL_REVIEW, 6, "manual review", "人工审核"),
    (status::CONCLUDED, 7, "concluded", "海关审结"),
    (status::EXAMINATION, 8, "examination", "查验"),
    (status::DETAINED_CLEARANCE, 9, "detained, to the clearance department", "扣留移送通关"),
    (status::DETAINED_ANTISMUGGLING, 9, "detained, to the anti-smuggling department", "扣留移送缉私"),
    (status::DETAINED_LEGAL, 9, "detained, to the legal department", "扣留移送法规"),
    (status::HANDED_OVER, 9, "handed over", "移交"),
    (status::DETAINED_OTHER, 9, "detained otherwise", "其它扣留"),
    (status::SUSPENDED, 9, "suspended", "挂起"),
    (status::RETURNED, 11, "returned abroad", "退运"),
    (status::RELEASED, 10, "released", "放行"),
    (status::CLOSED, 12, "formalities closed", "结关"),
];

fn entry(status: i32) -> Option<&'static (i32, u8, &'static str, &'static str)> {
    STATUSES.iter().find(|entry| entry.0 == status)
}

/// A status in English. An unknown positive one is information, an unknown negative one an error.
pub fn title(status: i32) -> &'static str {
    match entry(status) {
        Some(entry) => entry.2,
        None if status < 0 => errors::find(status).map_or("processing error", |text| text.1),
        None => "information",
    }
}

/// A status in Chinese, with `*` for the parameters of an error.
pub fn title_zh(status: i32) -> &'static str {
    match entry(status) {
        Some(entry) => entry.3,
        None if status < 0 => errors::find(status).map_or("处理异常", |text| text.0),
        None => "提示信息",
    }
}

/// Whether receipts of this kind know the status. Errors are known to all.
///
/// Source: status lists of the CEB specification 202205 by receipt. Some places go beyond it: 120 of
/// an export waybill and 500 and 800 of a way-bill list are what the receipt simulators of the trade
/// send; 300 and 800 of an import refund were observed; exports that are detained or returned are told
/// like imports.
pub fn allowed(kind: DocumentKind, status: i32) -> bool {
    use DocumentKind as K;
    let more: &[i32] = match kind {
        K::ImportInventory => {
            &[1, 120, 300, 399, 500, 501, 502, 503, 599, status::RETURNED, 800, 899]
        }
        K::ExportInventory => {
            &[1, 120, 300, 399, 500, 501, 502, 503, 599, status::RETURNED, 800, 899]
        }
        K::ImportOrder | K::Payment | K::ImportWaybill | K::WaybillStatus => &[120, 399],
        K::ExportOrder | K::MoneyReceipt | K::ExportWaybill => &[1, 120, 399],
        K::Arrival | K::Departure | K::ExportCancel | K::SummaryApply | K::Tally => &[1, 399],
        K::WaybillList => &[1, 120, 399, 500, 800],
        K::ImportCancel | K::Delivery => &[1, 120, 399],
        K::ImportRefund => &[1, 120, 300, 399, 800],
        K::ExportReturn => &[1, 120, 300, 500, 505, 600, 800],
    };
    status < 0 || matches!(status, 2 | 3 | 4 | 100) || more.contains(&status)
}

/// Whether a new status changes the state of a document that has `held` (0: nothing yet).
///
/// Receipts arrive in any order. One of a lower rank is kept in the history and changes nothing;
/// one of the same rank (detention handed from one department to another) does. The exceptions:
/// - rejection (100) comes at any time before release; afterwards only a new document counts;
/// - return abroad (700) comes at any time before closing, by its rank;
/// - 700 and 899 are the end;
/// - an error (below zero) only counts while there is nothing else.
///
/// Cancellation, the third exception of the rule, is no status of its own: it is the 399 of another
/// document, the cancellation, and whoever keeps the inventory marks it.
pub fn supersedes(kind: DocumentKind, held: i32, new: i32) -> bool {
    if new == held || !allowed(kind, new) {
        return false;
    }
    match (held, new) {
        (status::RETURNED | status::CLOSED, _) => false,
        (..=0, _) => true,
        (status::RELEASED, status::REJECTED) => false,
        (_, status::REJECTED) => true,
        (status::REJECTED, _) => false,
        _ => match (entry(held), entry(new)) {
            (Some(held), Some(new)) => new.1 >= held.1,
            (None, Some(_)) => true,
            // An error.
            (_, None) => false,
        },
    }
}

/// One returnStatus with its returnInfo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptStatus {
    /// returnStatus.
    pub status: i32,
    /// returnInfo, 1 to 1,000 characters.
    pub info: String,
}

impl ReceiptStatus {
    /// The code of customs: the e-port's own are negative, customs writes its code into the text.
    pub fn code(&self) -> String {
        let written = self.info.strip_prefix("[Code:").and_then(|rest| rest.split_once(';'));
        match written {
            Some((code, _)) if self.status == status::REJECTED => code.to_owned(),
            _ => self.status.to_string(),
        }
    }

    /// A status with a text, cut to what a receipt can carry. An empty text becomes the title.
    pub fn new(status: i32, info: impl Into<String>) -> Self {
        let mut info = info.into();
        if info.is_empty() {
            title_zh(status).clone_into(&mut info);
        }
        if let Some((end, _)) = info.char_indices().nth(INFO_MAX) {
            info.truncate(end);
        }
        Self { status, info }
    }

    /// Stored as a draft. The text is unverified.
    pub fn stored_draft(guid: &str) -> Self {
        Self::new(status::DRAFT, format!("新增暂存成功[{guid}]"))
    }

    /// Accepted by the e-port: a new document.
    pub fn accepted(guid: &str) -> Self {
        Self::new(status::DECLARING, format!("新增申报成功[{guid}]"))
    }

    /// Accepted by the e-port: a change. The text is unverified.
    pub fn changed(guid: &str) -> Self {
        Self::new(status::DECLARING, format!("变更申报成功[{guid}]"))
    }

    /// Accepted by the e-port: a deletion. The text is unverified.
    pub fn deleted(guid: &str) -> Self {
        Self::new(status::DECLARING, format!("删除申报成功[{guid}]"))
    }

    /// Accepted by the e-port: an inventory.
    pub fn accepted_inventory(ebc_code: &str, order_no: &str) -> Self {
        let text = format!("清单新增申报成功[电商企业编码：{ebc_code}订单编号：{order_no}]");
        Self::new(status::DECLARING, text)
    }

    /// Adds the warning that the payment is not there yet.
    #[must_use]
    pub fn without_payment(self, ebp_code: &str, order_no: &str) -> Self {
        let text = matching::payment_missing(ebp_code, order_no);
        Self::new(self.status, format!("{}; {text}", self.info))
    }

    /// Sent to customs. The text is unverified.
    pub fn sent() -> Self {
        Self::new(status::SENT, "发送海关成功")
    }

    /// Could not be sent to customs; it is tried again. The text is unverified.
    pub fn sending_failed() -> Self {
        Self::new(status::SENDING_FAILED, "发送海关失败")
    }

    /// Taken in by customs: the documents fit each other.
    pub fn taken_in() -> Self {
        Self::coded(status::TAKEN_IN, "1800", "逻辑校验通过")
    }

    /// Somebody has to look at it.
    pub fn manual_review() -> Self {
        Self::coded(status::MANUAL_REVIEW, "1200", "待人工审核")
    }

    /// Customs is done with the data.
    pub fn concluded() -> Self {
        Self::coded(status::CONCLUDED, "2300", "审核通过")
    }

    /// Customs is done with a cancellation: the inventory is cancelled.
    pub fn cancelled() -> Self {
        let done = Self::concluded();
        Self::new(done.status, format!("{},撤单申请审核通过,清单已成功撤单", done.info))
    }

    /// The goods are examined.
    pub fn examination() -> Self {
        Self::new(status::EXAMINATION, "查验")
    }

    /// The goods are detained: one of 501, 502, 503, 599. The text is unverified.
    pub fn detained(status: i32) -> Self {
        Self::new(status, "")
    }

    /// The goods are free.
    pub fn released() -> Self {
        Self::coded(status::RELEASED, "2600", "放行")
    }

    /// The goods go back abroad. The text is unverified.
    pub fn returned(reason: &str) -> Self {
        Self::new(status::RETURNED, with_reason("退运", reason))
    }

    /// The formalities are closed. The text is unverified.
    pub fn closed() -> Self {
        Self::new(status::CLOSED, "结关")
    }

    /// Rejected because the documents do not fit each other: every broken rule.
    pub fn rejected(broken: &[RuleBreach]) -> Self {
        Self::new(status::REJECTED, matching::text(broken))
    }

    /// Rejected by a person.
    pub fn rejected_manually(reason: &str) -> Self {
        Self::coded(status::REJECTED, "1300", &with_reason("人工退单", reason))
    }

    /// An error with its parameters in the order of the text, one for each place: programs compare the
    /// text of the list as a whole. Keys made by [`super::kind::key`] are shown with plus signs.
    pub fn refused(code: i32, parameters: &[&str]) -> Self {
        let text = errors::find(code).map_or("处理异常", |text| text.0);
        debug_assert_eq!(text.matches(errors::PLACE).count(), parameters.len(), "{code}: {text}");
        let mut parameters = parameters.iter().map(|parameter| shown(parameter));
        let mut parts = text.split(errors::PLACE);
        // A split has always a first part.
        let mut info = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            // A place that nothing is known for stays empty.
            info.push_str(&parameters.next().unwrap_or_default());
            info.push_str(part);
        }
        Self::new(code, info)
    }

    /// Adds what else is wrong.
    #[must_use]
    pub fn with_more(self, texts: &[String]) -> Self {
        if texts.is_empty() {
            return self;
        }
        Self::new(self.status, format!("{}；{}", self.info, texts.join("；")))
    }

    /// A text of customs' own: `[Code:2600;Desc:放行]`.
    fn coded(status: i32, code: &str, text: &str) -> Self {
        Self::new(status, coded(code, text))
    }
}

fn with_reason(what: &str, reason: &str) -> String {
    if reason.is_empty() { what.to_owned() } else { format!("{what}，{reason}") }
}

/// A key as people write it.
pub(super) fn shown(key: &str) -> String {
    key.replace('\u{1f}', "+")
}
