//! What makes a declaration valid: a table of text fields ([`fields`]), and one small function for each
//! rule that looks at more than one field, by line ([`lines`]) and by direction ([`trade`]).
//!
//! Sources: field lists and glossary of the message specification 202205 (GACC, May 2022); single
//! limit: 财关税〔2018〕49号. Rules marked GK are from general knowledge and only warn. The published
//! samples of the specification break some of its own rules; those rules are called through
//! [`ViolationReport::refuse_unless_sample`].

mod fields;
mod lines;
mod trade;

use crate::codes::{self, Mode};
use crate::declaration::{Declaration, Direction, Money, Profile, ValidDeclaration};
use crate::limits;
use crate::refusal::{Code, Violation};
use fields::{HEAD, optional_parts, text};

impl Declaration {
    /// Checks every rule.
    ///
    /// # Errors
    ///
    /// Every violation, not only the first; at most [`limits::VIOLATIONS_MAX`] of them.
    pub fn check(self, profile: &Profile) -> Result<ValidDeclaration, Vec<Violation>> {
        let lenient = profile.sandbox && profile.sample_declarants.contains(&self.declarant.code);
        let mut report = ViolationReport::new(lenient);
        let direction = check(&self, profile, &mut report);
        match (direction, report.finish()) {
            (Some(direction), (violations, warnings)) if violations.is_empty() => {
                Ok(ValidDeclaration { declaration: self, direction, warnings })
            }
            (_, (violations, _)) => Err(violations),
        }
    }
}

/// Order numbers that begin with this script the simulated agencies of the sandbox.
pub const SCRIPT_PREFIX: &str = "SBX-";

/// CNY 5,000 in 1/100000: an import order may reach it but not exceed it.
pub const SINGLE_LIMIT_E5: i64 = 5_000 * E5;
/// The fixed point of amounts and quantities.
pub(crate) const E5: i64 = 100_000;
/// N19,5 allows nineteen digits; a 64-bit integer holds all of them but the last few per cent.
const AMOUNT_E5_MAX: i64 = 9_200_000_000_000_000_000;
/// Two fen digits: totals are rounded to them.
pub const FEN_E5: i64 = 1_000;

/// Collects what is wrong.
#[derive(Debug)]
pub struct ViolationReport {
    lenient: bool,
    violations: Vec<Violation>,
    warnings: Vec<Violation>,
}

impl ViolationReport {
    /// An empty report. `lenient` for declarants of the published samples.
    pub fn new(lenient: bool) -> Self {
        Self { lenient, violations: Vec::new(), warnings: Vec::new() }
    }

    /// A rule is broken: the declaration is refused.
    pub fn refuse(
        &mut self,
        code: Code,
        field: impl Into<String>,
        text: impl Into<String>,
        text_zh: impl Into<String>,
    ) {
        if self.violations.len() < limits::VIOLATIONS_MAX {
            self.violations.push(violation(code, field.into(), text.into(), text_zh.into()));
        }
    }

    /// A rule is broken that the published samples break too.
    pub fn refuse_unless_sample(
        &mut self,
        code: Code,
        field: impl Into<String>,
        text: impl Into<String>,
        text_zh: impl Into<String>,
    ) {
        if self.lenient {
            self.warn(code, field, text, text_zh);
        } else {
            self.refuse(code, field, text, text_zh);
        }
    }

    /// Something is odd: the declaration goes on.
    pub fn warn(
        &mut self,
        code: Code,
        field: impl Into<String>,
        text: impl Into<String>,
        text_zh: impl Into<String>,
    ) {
        if self.warnings.len() < limits::VIOLATIONS_MAX {
            self.warnings.push(violation(code, field.into(), text.into(), text_zh.into()));
        }
    }

    /// Violations and warnings.
    pub fn finish(self) -> (Vec<Violation>, Vec<Violation>) {
        (self.violations, self.warnings)
    }
}

fn violation(code: Code, field: String, text: String, text_zh: String) -> Violation {
    let customs_code = match code {
        Code::SingleLimitExceeded => Some("-621005"),
        Code::LineNumbersBroken => Some("-621027"),
        Code::PartyCodeWrong => Some("-10102"),
        _ => None,
    };
    Violation { code, field, text, text_zh, customs_code }
}

/// Checks every rule. The direction is returned when it was said.
pub fn check(
    d: &Declaration,
    profile: &Profile,
    report: &mut ViolationReport,
) -> Option<Direction> {
    if d.ie_flag.is_none() {
        report.refuse(
            Code::DirectionUnclear,
            "ie_flag",
            "say DIRECTION_IMPORT or DIRECTION_EXPORT",
            "须填写进口或出口",
        );
    }
    for field in HEAD {
        text(report, d.ie_flag, field.name, field, (field.of)(d));
    }
    optional_parts(d, report);
    mode(d, report);
    head_codes(d, report);
    dates(d, report);
    amounts(d, report);
    weights(d, report);
    lines::lines(d, report);
    attachments(d, report);
    order(d, report);
    match d.ie_flag {
        Some(Direction::Import) => trade::import(d, profile, report),
        Some(Direction::Export) => trade::export(d, report),
        None => {}
    }
    if d.order_no.starts_with(SCRIPT_PREFIX) && !profile.sandbox {
        report.refuse(
            Code::ScriptOutsideSandbox,
            "order_no",
            format!("order numbers that begin with {SCRIPT_PREFIX} script the sandbox"),
            format!("以 {SCRIPT_PREFIX} 开头的订单编号仅用于沙箱"),
        );
    }
    d.ie_flag
}

fn mode(d: &Declaration, report: &mut ViolationReport) {
    if d.trade_mode.trim().is_empty() {
        return;
    }
    match (Mode::find(&d.trade_mode), d.ie_flag) {
        (None, _) => report.refuse_unless_sample(
            Code::CodeUnknown,
            "trade_mode",
            format!(
                "{} is not a mode of cross-border e-commerce; use 9610, 9710, 9810, 1210 or 1239",
                d.trade_mode
            ),
            format!("监管方式{}不属于跨境电商，可用9610、9710、9810、1210、1239", d.trade_mode),
        ),
        (Some(mode), Some(direction)) if !mode.runs(direction) => report.refuse(
            Code::ModeWrongWay,
            "trade_mode",
            format!("{} does not exist for this direction", mode.code),
            format!("监管方式{}（{}）不适用于该进出口方向", mode.code, mode.name_zh),
        ),
        (Some(_), _) => {}
    }
}

fn unknown(report: &mut ViolationReport, path: &str, what: (&str, &str), value: &str) {
    report.refuse(
        Code::CodeUnknown,
        path,
        format!("{value:?} is not in the table of {}", what.0),
        format!("{value}不在{}中", what.1),
    );
}

fn digits(report: &mut ViolationReport, path: &str, zh: &str, value: &str, length: usize) {
    if value.len() != length || !value.bytes().all(|b| b.is_ascii_digit()) {
        report.refuse(
            Code::WrongLength,
            path,
            format!("{path} must be {length} digits"),
            format!("{zh}须为{length}位数字"),
        );
    }
}

fn head_codes(d: &Declaration, report: &mut ViolationReport) {
    for (path, zh, value) in [
        ("customs_code", "申报海关代码", &d.customs_code),
        ("port_code", "口岸海关代码", &d.port_code),
    ] {
        if !value.is_empty() {
            digits(report, path, zh, value, 4);
        }
    }
    if !d.traf_mode.is_empty() && !codes::is_transport(&d.traf_mode) {
        unknown(report, "traf_mode", ("ways of transport", "运输方式代码表"), &d.traf_mode);
    }
    if !d.country.is_empty() && !codes::is_country(&d.country) {
        report.refuse_unless_sample(
            Code::CodeUnknown,
            "country",
            format!("{:?} is not in the table of countries", d.country),
            format!("{}不在国别（地区）代码表中", d.country),
        );
    }
    firm(report, "declarant.code", &d.declarant.code);
    if let Some(agent) = &d.agent {
        firm(report, "agent.code", &agent.code);
    }
    if !d.wrap_type.is_empty()
        && !matches!(d.wrap_type.as_str(), "1" | "2" | "3" | "4" | "5" | "6" | "7")
    {
        unknown(report, "wrap_type", ("packings", "包装种类代码表"), &d.wrap_type);
    }
}

/// 10-character customs code or 18-character social credit code.
fn firm(report: &mut ViolationReport, path: &str, code: &str) {
    if code.is_empty() {
        return;
    }
    let legal = code.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    if !legal || !(code.len() == 10 || code.len() == 18) {
        report.refuse(
            Code::PartyCodeWrong,
            path,
            format!("{code:?} is neither a 10-character customs code nor an 18-character social credit code"),
            format!("{code}不是10位海关编码或18位统一社会信用代码"),
        );
    }
}

fn dates(d: &Declaration, report: &mut ViolationReport) {
    let departure = d.quarantine.as_ref().map_or("", |data| data.departure_date.as_str());
    for (path, zh, value) in [
        ("decl_time", "申报日期", d.decl_time.as_str()),
        ("ie_date", "进出口日期", d.ie_date.as_str()),
        ("quarantine.departure_date", "启运日期", departure),
    ] {
        if !value.is_empty() && !is_day(value) {
            report.refuse(
                Code::DateWrong,
                path,
                format!("{value:?} is not a day as YYYYMMDD"),
                format!("{zh}{value}不是有效的YYYYMMDD日期"),
            );
        }
    }
}

/// A real day as YYYYMMDD.
pub(crate) fn is_day(value: &str) -> bool {
    /// Nobody trades in the years before; a year of zeros is a field that was not filled.
    const YEAR_MIN: i32 = 1900;
    if value.len() != 8 || !value.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let (Ok(year), Ok(month), Ok(day)) =
        (value[..4].parse::<i32>(), value[4..6].parse::<u8>(), value[6..].parse::<u8>())
    else {
        return false;
    };
    year >= YEAR_MIN
        && time::Month::try_from(month)
            .is_ok_and(|month| time::Date::from_calendar_date(year, month, day).is_ok())
}

/// A real time as YYYYMMDDhhmmss.
pub(crate) fn is_time(value: &str) -> bool {
    let Some((day, clock)) = value.split_at_checked(8) else { return false };
    let below = |part: Option<&str>, end: u8| {
        part.and_then(|part| part.parse::<u8>().ok()).is_some_and(|number| number < end)
    };
    is_day(day)
        && clock.len() == 6
        && clock.bytes().all(|b| b.is_ascii_digit())
        && below(clock.get(..2), 24)
        && below(clock.get(2..4), 60)
        && below(clock.get(4..), 60)
}

fn amounts(d: &Declaration, report: &mut ViolationReport) {
    money(report, "freight", "运费", d.freight.as_ref(), Zero::Allowed);
    money(report, "insured_fee", "保费", d.insured_fee.as_ref(), Zero::Allowed);
}

/// Whether an amount may be zero.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zero {
    Allowed,
    Refused,
}

fn money(report: &mut ViolationReport, path: &str, zh: &str, money: Option<&Money>, zero: Zero) {
    let Some(money) = money else {
        report.refuse(Code::Required, path, format!("{path} is required"), format!("{zh}必填"));
        return;
    };
    if !codes::is_currency(&money.currency) {
        unknown(report, &format!("{path}.currency"), ("currencies", "币制代码表"), &money.currency);
    }
    let lowest = if zero == Zero::Allowed { 0 } else { 1 };
    if !(lowest..=AMOUNT_E5_MAX).contains(&money.amount_e5) {
        report.refuse(
            Code::NumberOutOfRange,
            path,
            if zero == Zero::Allowed { "must not be negative" } else { "must be above zero" },
            format!("{zh}{}", if zero == Zero::Allowed { "不得为负" } else { "须大于零" }),
        );
    }
}

fn weights(d: &Declaration, report: &mut ViolationReport) {
    let sane = d.net_weight_e5 > 0
        && d.gross_weight_e5 >= d.net_weight_e5
        && d.gross_weight_e5 <= AMOUNT_E5_MAX;
    if !sane {
        report.refuse(
            Code::WeightWrong,
            "gross_weight_e5",
            "gross weight must not be below net weight, and both above zero",
            "毛重不得小于净重，且均须大于零",
        );
    }
    if d.pack_no == 0 {
        report.refuse(
            Code::NumberOutOfRange,
            "pack_no",
            "pack_no must be above zero",
            "件数须大于零",
        );
    }
}

/// An amount in 1/100000 as people write it.
pub fn decimal(value_e5: i64) -> String {
    let sign = if value_e5 < 0 { "-" } else { "" };
    let value = value_e5.unsigned_abs();
    let (whole, rest) = (value / 100_000, value % 100_000);
    if rest == 0 {
        return format!("{sign}{whole}");
    }
    let digits = format!("{rest:05}");
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}

fn attachments(d: &Declaration, report: &mut ViolationReport) {
    if d.attachments.len() > limits::ATTACHMENTS_MAX {
        report.refuse(
            Code::NumberOutOfRange,
            "attachments",
            format!("at most {} attachments", limits::ATTACHMENTS_MAX),
            format!("随附单证最多{}份", limits::ATTACHMENTS_MAX),
        );
    }
    for (index, attachment) in d.attachments.iter().enumerate() {
        if attachment.sha256.len() != 32 {
            report.refuse(
                Code::DigestWrong,
                format!("attachments[{index}].sha256"),
                format!("{} bytes; a SHA-256 has 32", attachment.sha256.len()),
                "摘要须为32字节的SHA-256",
            );
        }
    }
}

/// acturalPaid = goodsValue + freight + taxTotal − discount, and the lines add up to goodsValue.
fn order(d: &Declaration, report: &mut ViolationReport) {
    let Some(order) = &d.order else { return };
    let parts = [
        ("order.goods_value", "商品价格", &order.goods_value),
        ("order.freight", "运杂费", &order.freight),
        ("order.discount", "非现金抵扣金额", &order.discount),
        ("order.tax_total", "代扣税款", &order.tax_total),
        ("order.actural_paid", "实际支付金额", &order.actural_paid),
    ];
    for (path, zh, value) in parts {
        money(report, path, zh, value.as_ref(), Zero::Allowed);
    }
    let sum = |money: &Option<Money>| money.as_ref().map_or(0, |m| i128::from(m.amount_e5));
    let due = sum(&order.goods_value) + sum(&order.freight) + sum(&order.tax_total)
        - sum(&order.discount);
    if due != sum(&order.actural_paid) {
        report.refuse(
            Code::OrderSumWrong,
            "order.actural_paid",
            "actural_paid must be goods_value + freight + tax_total - discount",
            "实际支付金额须等于商品价格+运杂费+代扣税款-非现金抵扣金额",
        );
    }
    let lines: i128 = d.lines.iter().map(|line| sum(&line.total_price)).sum();
    if lines != sum(&order.goods_value) {
        report.refuse(
            Code::OrderSumWrong,
            "order.goods_value",
            "goods_value must be the sum of the total_price of all lines",
            "商品价格须等于各商品总价之和",
        );
    }
}
