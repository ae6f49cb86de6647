//! What a national document must satisfy by itself, beyond its schema: codes that the text of the
//! specification fixes, real times, amounts that are not below zero, line numbers, identity numbers.
//!
//! Every rule is a row with its source, so that one that proves wrong is corrected in its row. Sources
//! are rows of the field tables of the specification 202205 (import, export), by message and element.

use time::macros::format_description;
use time::{Date, PrimitiveDateTime};

use super::DocumentKind::{self, *};
use super::identity;
use super::returns::{Return, status};

/// The elements of a document, by name.
pub trait Elements {
    /// The value of an element of the head; `None` when there is no such element, empty when it is
    /// empty.
    fn head(&self, element: &str) -> Option<String>;
    /// How many lines it has.
    fn line_count(&self) -> usize;
    /// The value of an element of a line, counted from 0.
    fn line(&self, line: usize, element: &str) -> Option<String>;
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The element.
    pub element: &'static str,
    /// The line that it stands on, from 1; `None` for the head.
    pub line: Option<usize>,
    /// Customs' own code for it, where the list has one.
    pub code: Option<i32>,
    /// What is wrong, in English.
    pub text: String,
    /// The same in Chinese.
    pub text_zh: String,
}

/// Where an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Head,
    Lines,
}

/// A code that the text fixes: the kinds, the element, what may stand there, the source. An empty
/// element is the schema's matter.
type Code = (&'static [DocumentKind], At, &'static str, &'static [&'static str], &'static str);

#[rustfmt::skip]
const CODES: &[Code] = &[
    (&[ImportOrder], At::Head, "orderType", &["I"], "311 orderType: 电子订单类型：I进口"),
    (&[ExportOrder], At::Head, "orderType", &["I", "E", "B", "W"], "303 orderType"),
    (&[ImportOrder, ImportInventory, ImportCancel], At::Head, "buyerIdType", &["1"], "311, 621, 623 buyerIdType: 限定为身份证，填写“1”"),
    (&[ImportRefund], At::Head, "buyerIdType", &["1", "2"], "625 buyerIdType: 订购人证件类型"),
    (&[Payment], At::Head, "payerIdType", &["1"], "411 payerIdType: 限定为身份证，填写“1”"),
    (&[WaybillStatus], At::Head, "logisticsStatus", &["S"], "513 logisticsStatus: 限定S"),
    (&[ImportInventory], At::Head, "ieFlag", &["I"], "621 ieFlag: I-进口"),
    (&[ExportReturn, Tally], At::Head, "ieFlag", &["I"], "213, 215 ieFlag: 出口退货填写I"),
    (&[Arrival, Delivery], At::Head, "ieFlag", &["I", "E"], "507, 711 ieFlag: I进口/E出口"),
    (&[ExportInventory], At::Head, "statisticsFlag", &["A", "B"], "603 statisticsFlag: A-简化申报;B-汇总申报"),
    (&[SummaryApply], At::Head, "summaryFlag", &["1", "2"], "701 summaryFlag"),
    (&[ImportWaybill], At::Head, "packNo", &["1"], "511 packNo: 限定为“1”"),
];

/// Elements that are times (C14) or days (C8), in whatever kind has them.
const TIMES: &[&str] =
    &["appTime", "payTime", "logisticsTime", "accountingDate", "leaveTime", "startTime", "endTime"];
const DAYS: &[&str] = &["declTime", "ieDate"];

/// Amounts, weights and quantities: not below zero; above zero where the text names no case of nothing.
/// A gift has the price 0 (311 price), and whoever has no freight, insurance, discount or tax writes 0.
#[rustfmt::skip]
const NUMBERS: &[(At, &str, bool)] = &[
    (At::Head, "goodsValue", true), (At::Head, "freight", true), (At::Head, "discount", true),
    (At::Head, "taxTotal", true), (At::Head, "acturalPaid", true), (At::Head, "amountPaid", true),
    (At::Head, "charge", true), (At::Head, "insuredFee", true), (At::Head, "weight", false),
    (At::Head, "grossWeight", false), (At::Head, "netWeight", false),
    (At::Lines, "qty", false), (At::Lines, "qty1", true), (At::Lines, "qty2", true),
    (At::Lines, "price", true), (At::Lines, "totalPrice", true),
];

/// Kinds whose lines are numbered 1, 2, 3, with the code of the list for repetitions. Lines of returns
/// have the numbers of the inventory (213, 625 gnum).
#[rustfmt::skip]
const NUMBERED: &[(DocumentKind, Option<i32>)] = &[
    (ImportOrder, Some(-301_002)), (ExportOrder, None), (Arrival, None), (Departure, None),
    (WaybillList, None), (Delivery, None),
];

/// Elements that hold an identity number when the element beside it says so (1-身份证).
const IDENTITIES: &[(&str, &str)] =
    &[("buyerIdType", "buyerIdNumber"), ("payerIdType", "payerIdNumber")];

/// Every broken rule of a document. In the sandbox the person of the published samples is taken.
///
/// Numbers and the buyer of an inventory are looked at with the rules of a declaration
/// (`crate::rules`), which both doors share.
pub fn check(kind: DocumentKind, document: &dyn Elements, sandbox: bool) -> Vec<Violation> {
    let mut found = Vec::new();
    codes(kind, document, &mut found);
    times(document, &mut found);
    line_numbers(kind, document, &mut found);
    if !kind.is_inventory() {
        numbers(document, &mut found);
        identities(document, sandbox, &mut found);
    }
    found
}

/// What a receipt says about broken rules: the code of the list for the first that has one, with its
/// text; otherwise the code by which this kind says that its parameters are wrong.
pub fn refusal(kind: DocumentKind, violations: &[Violation]) -> Option<Return> {
    let first = violations.first()?;
    let all: Vec<String> = violations.iter().map(Violation::shown_zh).collect();
    if let (Some(code), []) = (first.code, violations.get(1..).unwrap_or_default()) {
        return Some(Return::refused(code, &[]));
    }
    let code = match kind {
        ImportOrder => -301_008,
        Payment => -401_009,
        ImportWaybill => -504_011,
        ImportInventory => -621_001,
        ImportCancel => -623_001,
        ImportRefund => -625_001,
        Delivery => -800_001,
        // No code of the list has room for what is wrong.
        WaybillStatus | ExportOrder | MoneyReceipt | ExportWaybill | Arrival | Departure
        | ExportInventory | ExportCancel | WaybillList | ExportReturn | Tally | SummaryApply => {
            return Some(Return::new(status::REJECTED, all.join("；")));
        }
    };
    Some(Return::refused(code, &[&all.join("；")]))
}

impl Violation {
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

/// The values of an element: of the head, or of every line.
fn values<'a>(
    document: &'a dyn Elements,
    at: At,
    element: &'static str,
) -> Box<dyn Iterator<Item = (Option<usize>, String)> + 'a> {
    match at {
        At::Head => Box::new(document.head(element).into_iter().map(|value| (None, value))),
        At::Lines => Box::new((0..document.line_count()).filter_map(move |line| {
            document.line(line, element).map(|value| (Some(line + 1), value))
        })),
    }
}

fn broken(element: &'static str, line: Option<usize>, text: String, text_zh: String) -> Violation {
    Violation { element, line, code: None, text, text_zh }
}

fn codes(kind: DocumentKind, document: &dyn Elements, found: &mut Vec<Violation>) {
    for (kinds, at, element, allowed, _) in CODES {
        if !kinds.contains(&kind) {
            continue;
        }
        for (line, value) in values(document, *at, element) {
            if !value.is_empty() && !allowed.contains(&value.as_str()) {
                let allowed = allowed.join("、");
                found.push(broken(
                    element,
                    line,
                    format!("{value} is not allowed; write {}", allowed.replace('、', ", ")),
                    format!("填写了{value}，限定为{allowed}"),
                ));
            }
        }
    }
}

fn times(document: &dyn Elements, found: &mut Vec<Violation>) {
    let time = format_description!("[year][month][day][hour][minute][second]");
    let day = format_description!("[year][month][day]");
    let is_time = |text: &str| PrimitiveDateTime::parse(text, time).is_ok();
    let is_day = |text: &str| Date::parse(text, day).is_ok();
    let mut look = |elements: &[&'static str], is: &dyn Fn(&str) -> bool, form: (&str, &str)| {
        for element in elements {
            let value = document.head(element).filter(|value| !value.is_empty());
            if let Some(value) = value.filter(|value| !is(value)) {
                found.push(broken(
                    element,
                    None,
                    format!("{value} is no real {} as {}", form.0, form.1),
                    format!("{value}不是有效的时间，格式为{}", form.1),
                ));
            }
        }
    };
    look(TIMES, &is_time, ("time", "YYYYMMDDhhmmss"));
    look(DAYS, &is_day, ("day", "YYYYMMDD"));
}

fn numbers(document: &dyn Elements, found: &mut Vec<Violation>) {
    for (at, element, zero) in NUMBERS {
        for (line, value) in values(document, *at, element) {
            let below = value.starts_with('-');
            // Written by us from integers, so zero has one spelling.
            let nothing =
                !value.is_empty() && value.bytes().all(|byte| matches!(byte, b'0' | b'.'));
            if below || (nothing && !zero) {
                let (least, least_zh) = if *zero {
                    ("not below zero", "不得小于零")
                } else {
                    ("above zero", "须大于零")
                };
                found.push(broken(
                    element,
                    line,
                    format!("{value}: must be {least}"),
                    format!("填写了{value}，{least_zh}"),
                ));
            }
        }
    }
}

fn line_numbers(kind: DocumentKind, document: &dyn Elements, found: &mut Vec<Violation>) {
    let Some((_, repeated)) = NUMBERED.iter().find(|(numbered, _)| *numbered == kind) else {
        return;
    };
    let mut seen = Vec::new();
    for line in 0..document.line_count() {
        let Some(number) = document.line(line, "gnum") else { return };
        if number == (line + 1).to_string() {
            seen.push(number);
            continue;
        }
        let again = seen.contains(&number);
        let text = format!("{number}: lines are numbered 1, 2, 3 without gaps or repetition");
        let text_zh = format!("填写了{number}，须从1开始连续递增，不得重复或跳号");
        let mut violation = broken("gnum", Some(line + 1), text, text_zh);
        violation.code = repeated.filter(|_| again);
        found.push(violation);
        seen.push(number);
    }
}

fn identities(document: &dyn Elements, sandbox: bool, found: &mut Vec<Violation>) {
    for (kind, element) in IDENTITIES {
        let is_card = document.head(kind).is_some_and(|kind| kind == "1");
        let number = document.head(element).filter(|number| is_card && !number.is_empty());
        let Some(number) = number else { continue };
        if sandbox && number == identity::SAMPLE_PERSON {
            continue;
        }
        if let Err(wrong) = identity::check(&number) {
            let whose = if *kind == "payerIdType" { "支付人" } else { "订购人" };
            let (text, text_zh) = wrong.words();
            found.push(broken(
                element,
                None,
                format!("the identity number {text} (GB 11643)"),
                format!("{whose}身份证号码有误，{text_zh}"),
            ));
        }
    }
}
