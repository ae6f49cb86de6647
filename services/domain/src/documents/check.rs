//! What a national document must satisfy by itself, beyond its schema: codes that the text of the
//! specification fixes, real times, amounts that are not below zero, line numbers, identity numbers.
//!
//! Every rule is a row with its source, so that one that proves wrong is corrected in its row. Sources
//! are rows of the field tables of the specification 202205 (import, export), by message and element.
//! Words that the reader of messages fixes by itself have no row: appType and appStatus, currency 142 of
//! imports, fFlag and iFlag. itemNameFlag (701) has none either: the text knows 1 or nothing, and the
//! schema takes no nothing.
//!
//! Of an inventory, the rules of a declaration (`crate::rules`), which both doors share, look at most of
//! it; here stands what they cannot see.

use std::collections::BTreeSet;

use super::DocumentKind::{self, *};
use super::identity;
use super::returns::ReceiptStatus;
use crate::declaration::Profile;
use crate::limits::VIOLATIONS_MAX;
use crate::rules::{is_day, is_time};

/// The elements of a document, by name.
pub trait Elements {
    /// The value of an element of the head; `None` when there is no such element, empty when it has no
    /// value.
    fn head(&self, element: &str) -> Option<String>;
    /// The values of an element, line by line; none when lines have no such element.
    fn lines(&self, element: &str) -> Vec<String>;
}

/// One broken rule. The texts show no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentViolation {
    /// The element.
    pub element: &'static str,
    /// The line of goods or parcels that it stands on, from 1; `None` for the head.
    pub line: Option<usize>,
    /// Customs' own code for just this, where the list has one.
    pub code: Option<i32>,
    /// What is wrong, in English.
    pub text: String,
    /// The same in Chinese.
    pub text_zh: String,
}

/// A code that the text fixes: the kind, the element of its head, what may stand there, and the source.
/// An element without a value is the schema's matter.
type Code = (DocumentKind, &'static str, &'static [&'static str], &'static str);

#[rustfmt::skip]
const CODES: &[Code] = &[
    (ImportOrder, "orderType", &["I"], "import 9: I进口"),
    (ImportOrder, "buyerIdType", &["1"], "import 24: 限定为身份证，填写“1”"),
    (Payment, "payerIdType", &["1"], "import 75: 限定为身份证，填写“1”"),
    (ImportWaybill, "packNo", &["1"], "import 111: 限定为“1”"),
    (WaybillStatus, "logisticsStatus", &["S"], "import 138: 限定S"),
    (ImportInventory, "ieFlag", &["I"], "import 174: I-进口,E-出口"),
    (ImportInventory, "buyerIdType", &["1"], "import 179: 限定为身份证，填写“1”"),
    (ImportCancel, "appType", &["1"], "import 245: 1-新增"),
    (ImportCancel, "buyerIdType", &["1"], "import 260: 限定为身份证，填写“1”"),
    (ImportRefund, "buyerIdType", &["1"], "import 304; text of the specification, 退货申请单: 限定为身份证，填写“1”"),
    (Delivery, "ieFlag", &["I", "E"], "import 349: I进口/E出口"),
    (ExportOrder, "orderType", &["I", "E", "B", "W"], "export 9: I-进口商品订单；E-出口商品订单；B-B2B出口订单；W-外综服订单"),
    (Arrival, "ieFlag", &["I", "E"], "export 119: I进口/E出口"),
    (ExportInventory, "ieFlag", &["E"], "export 205: I/E标志"),
    // 9710 and 9810 came after the text of this element.
    (ExportReturn, "tradeMode", &["9610", "9710", "9810", "1210", "1239"], "export 372: 一般出口为9610,特殊区域出口为1210/1239"),
    (ExportReturn, "ieFlag", &["I"], "export 376: 出口退货填写I"),
    (Tally, "ieFlag", &["I"], "export 428: 出口退货填I"),
    (SummaryApply, "summaryFlag", &["1", "2"], "export 469: 1:按收发货人单一汇总，2:按收发货人和生产销售单位汇总"),
];

/// A code that the text forbids: the kind, the element, what may not stand there, and the source.
const FORBIDDEN: &[Code] =
    &[(ExportReturn, "country", &["142"], "export 381: 参照国家（地区）代码表，不能为中国")];

/// What the published samples have that the text does not: kind, element, value. Let through for the
/// declarant of the samples.
const SAMPLES: &[(DocumentKind, &str, &str)] = &[(ExportInventory, "ieFlag", "a")];

/// Elements that are times (C14), in whatever kind has them. Sources: import 81, 139; export 60, 165,
/// 466, 467; appTime of every kind.
const TIMES: &[&str] =
    &["appTime", "payTime", "logisticsTime", "accountingDate", "leaveTime", "startTime", "endTime"];

/// Elements that are days (C8). Sources: import 175, 178; export 207.
const DAYS: &[&str] = &["declTime", "ieDate"];

/// Where an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ElementPlace {
    Head,
    Lines,
}

/// Kinds in which an element may be zero.
type Zero = &'static [DocumentKind];

/// Every kind: whoever has no freight, insurance, discount or tax writes 0 (无则填写“0”).
const EVERYWHERE: Zero = &DocumentKind::ALL;
/// A gift has the price 0 (赠品单价填写为“0”), so that a whole order may come to nothing.
const GIFTS: Zero = &[ImportOrder, Payment];
const NOWHERE: Zero = &[];

/// Amounts, weights and quantities: above zero, or not below it where the text names a case of nothing.
/// Sources: import 15 to 19, 43 to 45, 79, 107, 108, 110, 316; export 15, 16, 27 to 29, 58, 84, 85, 87,
/// 88, 325, 389, 390, 393.
#[rustfmt::skip]
const NUMBERS: &[(ElementPlace, &str, Zero)] = &[
    (ElementPlace::Head, "goodsValue", GIFTS), (ElementPlace::Head, "freight", EVERYWHERE),
    (ElementPlace::Head, "discount", EVERYWHERE), (ElementPlace::Head, "taxTotal", EVERYWHERE),
    (ElementPlace::Head, "acturalPaid", GIFTS), (ElementPlace::Head, "amountPaid", GIFTS),
    (ElementPlace::Head, "charge", NOWHERE), (ElementPlace::Head, "insuredFee", EVERYWHERE),
    (ElementPlace::Head, "weight", NOWHERE), (ElementPlace::Head, "grossWeight", NOWHERE),
    (ElementPlace::Head, "netWeight", NOWHERE), (ElementPlace::Head, "packNo", NOWHERE),
    (ElementPlace::Lines, "qty", NOWHERE), (ElementPlace::Lines, "qty1", NOWHERE), (ElementPlace::Lines, "qty2", NOWHERE),
    (ElementPlace::Lines, "price", GIFTS), (ElementPlace::Lines, "totalPrice", GIFTS),
];

/// Kinds whose lines are numbered 1, 2, 3, with customs' code for repetitions. Lines of returns (213,
/// 625) have the numbers of the inventory; those of summaries (701) have none. Sources: import 36, 359;
/// export 20, 129, 170, 332.
#[rustfmt::skip]
const NUMBERED: &[(DocumentKind, Option<i32>)] = &[
    (ImportOrder, Some(-301_002)), (ExportOrder, Some(-301_002)), (Arrival, None),
    (Departure, None), (WaybillList, None), (Delivery, None),
];

/// Elements that hold an identity number when the one before says so (1-身份证), and whose it is.
const IDENTITIES: &[(&str, &str, &str, &str)] = &[
    ("buyerIdType", "buyerIdNumber", "buyer", "订购人"),
    ("payerIdType", "payerIdNumber", "payer", "支付人"),
];

/// The code by which a kind says that something is wrong with it, with a place for what. Documents
/// without codes of their own borrow one whose text names no other kind. Source: error code list of the
/// specification 202205.
const fn general(kind: DocumentKind) -> i32 {
    match kind {
        ImportOrder | ExportOrder => -301_008,
        Payment | MoneyReceipt => -401_009,
        ImportWaybill | ExportWaybill | WaybillStatus => -504_011,
        ImportInventory | ExportInventory => -621_001,
        ImportCancel | ExportCancel => -623_001,
        ImportRefund | ExportReturn => -625_001,
        Delivery | Arrival | Departure | WaybillList | Tally | SummaryApply => -800_001,
    }
}

/// Every broken rule of a document, at most [`VIOLATIONS_MAX`]. Of a draft (appStatus 1), which may be
/// unfinished, only the times count.
pub fn check(
    kind: DocumentKind,
    document: &dyn Elements,
    profile: &Profile,
) -> Vec<DocumentViolation> {
    let mut found = Vec::new();
    times(kind, document, &mut found);
    if document.head("appStatus").is_some_and(|status| status == "1") {
        return found;
    }
    codes(kind, document, profile, &mut found);
    line_numbers(kind, document, &mut found);
    if !kind.is_inventory() {
        numbers(kind, document, &mut found);
        identities(document, profile, &mut found);
    }
    found.truncate(VIOLATIONS_MAX);
    found
}

/// What a receipt says about broken rules: the code of the first that has one of its own, with the text
/// of the list and nothing else when it is the only one; otherwise the code by which this kind says that
/// something is wrong.
pub fn refusal(kind: DocumentKind, violations: &[DocumentViolation]) -> Option<ReceiptStatus> {
    let own = violations.iter().find_map(|violation| violation.code);
    let counts = |violation: &&DocumentViolation| own.is_none() || violation.code != own;
    let texts: Vec<String> =
        violations.iter().filter(counts).map(DocumentViolation::shown_zh).collect();
    match own {
        None if texts.is_empty() => None,
        None => Some(ReceiptStatus::refused(general(kind), &[&texts.join("；")])),
        Some(code) => Some(ReceiptStatus::refused(code, &[]).with_more(&texts)),
    }
}

impl DocumentViolation {
    /// The code that a receipt has for it, in a document of this kind.
    pub fn receipt_code(&self, kind: DocumentKind) -> i32 {
        self.code.unwrap_or(general(kind))
    }

    /// With its place, in Chinese: `第2项gnum：…`.
    pub fn shown_zh(&self) -> String {
        let line = self.line.map_or_else(String::new, |line| format!("第{line}项"));
        format!("{line}{}：{}", self.element, self.text_zh)
    }

    /// With its place, in English.
    pub fn shown(&self) -> String {
        let line = self.line.map_or_else(String::new, |line| format!("line {line}, "));
        format!("{line}{}: {}", self.element, self.text)
    }
}

fn broken(
    element: &'static str,
    line: Option<usize>,
    text: String,
    text_zh: String,
) -> DocumentViolation {
    DocumentViolation { element, line, code: None, text, text_zh }
}

/// The value of an element of the head, when it has one.
fn given(document: &dyn Elements, element: &str) -> Option<String> {
    document.head(element).filter(|value| !value.is_empty())
}

fn codes(
    kind: DocumentKind,
    document: &dyn Elements,
    profile: &Profile,
    found: &mut Vec<DocumentViolation>,
) {
    // Orders and payments have no declarant.
    let declarant = given(document, "agentCode").unwrap_or_default();
    let sample = profile.sandbox && profile.sample_declarants.contains(&declarant);
    for (_, element, allowed, _) in CODES.iter().filter(|row| row.0 == kind) {
        let Some(value) = given(document, element) else { continue };
        let as_published = sample && SAMPLES.contains(&(kind, element, &value));
        if !as_published && !allowed.contains(&value.as_str()) {
            let text = format!("{value} is not allowed; write {}", allowed.join(", "));
            let text_zh = format!("填写了{value}，限定为{}", allowed.join("、"));
            found.push(broken(element, None, text, text_zh));
        }
    }
    for (_, element, forbidden, _) in FORBIDDEN.iter().filter(|row| row.0 == kind) {
        let Some(value) = given(document, element) else { continue };
        if forbidden.contains(&value.as_str()) {
            let text = format!("{value} is not allowed");
            found.push(broken(element, None, text, format!("填写了{value}，不得填写")));
        }
    }
}

fn times(kind: DocumentKind, document: &dyn Elements, found: &mut Vec<DocumentViolation>) {
    for element in TIMES {
        let Some(value) = given(document, element).filter(|value| !is_time(value)) else {
            continue;
        };
        let text = format!("{value} is no real time as YYYYMMDDhhmmss");
        let text_zh = format!("{value}不是有效的时间，格式为YYYYMMDDhhmmss");
        found.push(broken(element, None, text, text_zh));
    }
    // The rules of a declaration look at the days of inventories.
    for element in DAYS.iter().filter(|_| !kind.is_inventory()) {
        let Some(value) = given(document, element).filter(|value| !is_day(value)) else {
            continue;
        };
        let text = format!("{value} is no real day as YYYYMMDD");
        found.push(broken(element, None, text, format!("{value}不是有效的日期，格式为YYYYMMDD")));
    }
}

fn numbers(kind: DocumentKind, document: &dyn Elements, found: &mut Vec<DocumentViolation>) {
    for (at, element, zero) in NUMBERS {
        let values: Vec<(Option<usize>, String)> = match at {
            ElementPlace::Head => {
                document.head(element).into_iter().map(|value| (None, value)).collect()
            }
            ElementPlace::Lines => {
                let values = document.lines(element).into_iter().enumerate();
                values.map(|(line, value)| (Some(line + 1), value)).collect()
            }
        };
        let may_be_zero = zero.contains(&kind);
        for (line, value) in values.into_iter().filter(|(_, value)| !value.is_empty()) {
            let below = value.starts_with('-');
            let nothing = value.bytes().all(|byte| matches!(byte, b'0' | b'.'));
            if below || (nothing && !may_be_zero) {
                let (least, least_zh) = if may_be_zero {
                    ("not below zero", "不得小于零")
                } else {
                    ("above zero", "须大于零")
                };
                let text = format!("{value}: must be {least}");
                found.push(broken(element, line, text, format!("填写了{value}，{least_zh}")));
            }
        }
    }
}

/// Numbers of lines run on by one. The first is 1, but for a later part of a split document (msgSeqNo
/// above 1), which may go on where the part before ended.
fn line_numbers(kind: DocumentKind, document: &dyn Elements, found: &mut Vec<DocumentViolation>) {
    let Some((_, repeated)) = NUMBERED.iter().find(|(numbered, _)| *numbered == kind) else {
        return;
    };
    let part = given(document, "msgSeqNo").is_some_and(|part| part != "1");
    let mut seen = BTreeSet::new();
    let mut last = None;
    for (line, number) in document.lines("gnum").into_iter().enumerate() {
        let next = last.map_or(1, |last: u64| last.saturating_add(1));
        let value = number.parse::<u64>().ok();
        let free = part && last.is_none() && value.is_some_and(|value| value > 0);
        let again = !seen.insert(number.clone());
        if again || (value != Some(next) && !free) {
            let text = if again {
                format!("{number} stands twice; lines are numbered 1, 2, 3")
            } else {
                format!("{number} stands where {next} belongs; lines are numbered 1, 2, 3")
            };
            let text_zh = if again {
                format!("填写了{number}，与前面的项重复，须从1开始连续递增")
            } else {
                format!("填写了{number}，应为{next}，须从1开始连续递增")
            };
            let code = repeated.filter(|_| again);
            let fault = broken("gnum", Some(line + 1), text, text_zh);
            found.push(DocumentViolation { code, ..fault });
        }
        if found.len() >= VIOLATIONS_MAX {
            return;
        }
        // A repetition does not move what comes next.
        last = if again { last } else { value.or(last) };
    }
}

fn identities(document: &dyn Elements, profile: &Profile, found: &mut Vec<DocumentViolation>) {
    for (kind, element, whose, whose_zh) in IDENTITIES {
        let is_card = document.head(kind).is_some_and(|kind| kind == "1");
        let Some(number) = given(document, element).filter(|_| is_card) else { continue };
        let sample = profile.sandbox && number == identity::SAMPLE_PERSON;
        if let Err(wrong) = identity::check(&number)
            && !sample
        {
            let (text, text_zh) = wrong.words();
            let text = format!("the identity number of the {whose} {text} (GB 11643)");
            found.push(broken(element, None, text, format!("{whose_zh}身份证号码有误，{text_zh}")));
        }
    }
}
