//! What makes a declaration valid: a table of text fields, and one small function for each rule that
//! looks at more than one field.
//!
//! Sources: field lists and glossary of the message specification 202205 (GACC, May 2022); single
//! limit: 财关税〔2018〕49号. Rules marked GK are from general knowledge and only warn. The published
//! samples of the specification break some of its own rules; those rules are called through
//! [`Report::refuse_unless_sample`].

use crate::codes::{self, CNY, Mode};
use crate::declaration::{
    Attachment, CebSource, Declaration, Direction, GoodsLine, InspectionData, Money, Order,
    Profile, Quantity,
};
use crate::limits;
use crate::refusal::{Code, Violation};

/// Order numbers that begin with this script the simulated agencies of the sandbox.
pub const SCRIPT_PREFIX: &str = "SBX-";

/// CNY 5,000 in 1/100000: an import order may reach it but not exceed it.
const SINGLE_LIMIT_E5: i64 = 5_000 * E5;
/// The fixed point of amounts and quantities.
const E5: i64 = 100_000;
/// N19,5 allows nineteen digits; a 64-bit integer holds all of them but the last few per cent.
const AMOUNT_E5_MAX: i64 = 9_200_000_000_000_000_000;
/// Two fen digits: totals are rounded to them.
const FEN_E5: i64 = 1_000;

/// Collects what is wrong.
#[derive(Debug)]
pub struct Report {
    lenient: bool,
    violations: Vec<Violation>,
    warnings: Vec<Violation>,
}

impl Report {
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
pub fn check(d: &Declaration, profile: &Profile, report: &mut Report) -> Option<Direction> {
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
    lines(d, report);
    attachments(d, report);
    order(d, report);
    match d.ie_flag {
        Some(Direction::Import) => import(d, report),
        Some(Direction::Export) => export(d, report),
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

/// When a text field must be filled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Always,
    Import,
    Export,
    Optional,
}

/// One text field: its path, its Chinese name, when it must be filled, its longest value in
/// characters on imports and exports, and where it is.
struct Field<T> {
    name: &'static str,
    zh: &'static str,
    need: Need,
    max: (usize, usize),
    of: fn(&T) -> &str,
}

const fn field<T>(
    name: &'static str,
    zh: &'static str,
    need: Need,
    max: (usize, usize),
    of: fn(&T) -> &str,
) -> Field<T> {
    Field { name, zh, need, max, of }
}

/// The text fields of the head (InventoryHead of CEB621 and CEB603).
#[rustfmt::skip]
const HEAD: &[Field<Declaration>] = &[
    field("trade_mode", "监管方式", Need::Always, (4, 4), |d| &d.trade_mode),
    field("customs_code", "申报海关代码", Need::Always, (4, 4), |d| &d.customs_code),
    field("port_code", "口岸海关代码", Need::Always, (4, 4), |d| &d.port_code),
    field("order_no", "订单编号", Need::Always, (60, 60), |d| &d.order_no),
    field("cop_no", "企业内部编号", Need::Export, (20, 30), |d| &d.cop_no),
    field("logistics_no", "物流运单编号", Need::Always, (60, 32), |d| &d.logistics_no),
    field("declarant.code", "申报企业代码", Need::Always, (18, 18), |d| &d.declarant.code),
    field("declarant.name", "申报企业名称", Need::Always, (100, 100), |d| &d.declarant.name),
    field("agent.code", "代理企业代码", Need::Optional, (18, 18), |d| d.agent.as_ref().map_or("", |p| &p.code)),
    field("agent.name", "代理企业名称", Need::Optional, (100, 100), |d| d.agent.as_ref().map_or("", |p| &p.name)),
    field("ebc.code", "电商企业代码", Need::Always, (18, 18), |d| &d.ebc.code),
    field("ebc.name", "电商企业名称", Need::Always, (100, 100), |d| &d.ebc.name),
    field("ebp.code", "电商平台代码", Need::Always, (18, 18), |d| &d.ebp.code),
    field("ebp.name", "电商平台名称", Need::Always, (100, 100), |d| &d.ebp.name),
    field("logistics.code", "物流企业代码", Need::Always, (18, 18), |d| &d.logistics.code),
    field("logistics.name", "物流企业名称", Need::Always, (100, 100), |d| &d.logistics.name),
    field("owner.code", "生产销售单位代码", Need::Export, (18, 18), |d| d.owner.as_ref().map_or("", |p| &p.code)),
    field("owner.name", "生产销售单位名称", Need::Export, (100, 100), |d| d.owner.as_ref().map_or("", |p| &p.name)),
    field("iac.code", "区内企业代码", Need::Optional, (18, 18), |d| d.iac.as_ref().map_or("", |p| &p.code)),
    field("iac.name", "区内企业名称", Need::Optional, (100, 100), |d| d.iac.as_ref().map_or("", |p| &p.name)),
    field("area.code", "区内企业代码", Need::Optional, (18, 18), |d| d.area.as_ref().map_or("", |p| &p.code)),
    field("area.name", "区内企业名称", Need::Optional, (100, 100), |d| d.area.as_ref().map_or("", |p| &p.name)),
    field("buyer.id_type", "订购人证件类型", Need::Import, (1, 1), |d| d.buyer.as_ref().map_or("", |b| &b.id_type)),
    field("buyer.id_number", "订购人证件号码", Need::Import, (60, 60), |d| d.buyer.as_ref().map_or("", |b| &b.id_number)),
    field("buyer.name", "订购人姓名", Need::Import, (60, 60), |d| d.buyer.as_ref().map_or("", |b| &b.name)),
    field("buyer.telephone", "订购人电话", Need::Import, (30, 30), |d| d.buyer.as_ref().map_or("", |b| &b.telephone)),
    field("buyer.consignee_address", "收件地址", Need::Import, (200, 200), |d| d.buyer.as_ref().map_or("", |b| &b.consignee_address)),
    field("assure_code", "担保企业编号", Need::Import, (30, 30), |d| &d.assure_code),
    field("ems_no", "账册编号", Need::Optional, (30, 30), |d| &d.ems_no),
    field("traf_mode", "运输方式", Need::Always, (1, 1), |d| &d.traf_mode),
    field("traf_no", "运输工具", Need::Optional, (100, 100), |d| &d.traf_no),
    field("voyage_no", "航班航次号", Need::Optional, (32, 32), |d| &d.voyage_no),
    field("bill_no", "提运单号", Need::Optional, (37, 37), |d| &d.bill_no),
    field("total_package_no", "总包号", Need::Optional, (37, 37), |d| &d.total_package_no),
    field("loct_no", "监管场所代码", Need::Optional, (10, 10), |d| &d.loct_no),
    field("license_no", "许可证件号", Need::Optional, (19, 19), |d| &d.license_no),
    field("country", "起运国或运抵国", Need::Always, (3, 3), |d| &d.country),
    field("pod", "指运港", Need::Export, (4, 4), |d| &d.pod),
    field("statistics_flag", "申报业务类型", Need::Export, (1, 1), |d| &d.statistics_flag),
    field("decl_time", "申报日期", Need::Import, (8, 8), |d| &d.decl_time),
    field("ie_date", "进出口日期", Need::Export, (8, 8), |d| &d.ie_date),
    field("f_flag", "运费标志", Need::Export, (1, 1), |d| &d.f_flag),
    field("i_flag", "保费标志", Need::Export, (1, 1), |d| &d.i_flag),
    field("wrap_type", "包装种类", Need::Export, (1, 1), |d| &d.wrap_type),
    field("note", "备注", Need::Optional, (1000, 1000), |d| &d.note),
];

/// The text fields of a line (InventoryList).
#[rustfmt::skip]
const LINE: &[Field<GoodsLine>] = &[
    field("item_record_no", "账册备案料号", Need::Optional, (30, 30), |l| &l.item_record_no),
    field("item_no", "企业商品货号", Need::Export, (20, 20), |l| &l.item_no),
    field("item_name", "企业商品品名", Need::Optional, (250, 250), |l| &l.item_name),
    field("gcode", "商品编码", Need::Always, (10, 10), |l| &l.gcode),
    field("gname", "商品名称", Need::Always, (250, 250), |l| &l.gname),
    field("gmodel", "商品规格型号", Need::Always, (510, 250), |l| &l.gmodel),
    field("bar_code", "条形码", Need::Export, (50, 50), |l| &l.bar_code),
    field("country", "原产国或最终目的国", Need::Always, (3, 3), |l| &l.country),
    field("trade_country", "贸易国", Need::Optional, (3, 3), |l| &l.trade_country),
    field("ciq_code", "检验检疫编码", Need::Optional, (13, 13), |l| &l.ciq_code),
    field("usage_code", "用途代码", Need::Optional, (10, 10), |l| &l.usage_code),
    field("note", "备注", Need::Optional, (1000, 1000), |l| &l.note),
];

#[rustfmt::skip]
const ORDER: &[Field<Order>] = &[
    field("order.order_type", "电子订单类型", Need::Always, (1, 1), |o| &o.order_type),
    field("order.pay_code", "支付企业代码", Need::Optional, (18, 18), |o| &o.pay_code),
    field("order.pay_transaction_id", "支付交易编号", Need::Optional, (60, 60), |o| &o.pay_transaction_id),
];

#[rustfmt::skip]
const INSPECTION: &[Field<InspectionData>] = &[
    field("inspection.storage_place", "存放地点", Need::Optional, (100, 100), |i| &i.storage_place),
    field("inspection.departure_port", "启运口岸", Need::Optional, (8, 8), |i| &i.departure_port),
    field("inspection.marks", "标记唛码", Need::Optional, (400, 400), |i| &i.marks),
    field("inspection.entry_port", "入境口岸", Need::Optional, (8, 8), |i| &i.entry_port),
    field("inspection.accepting_authority", "检验检疫受理机关", Need::Optional, (10, 10), |i| &i.accepting_authority),
    field("inspection.certificate_authority", "领证机关", Need::Optional, (10, 10), |i| &i.certificate_authority),
    field("inspection.port_authority", "口岸检验检疫机关", Need::Optional, (10, 10), |i| &i.port_authority),
    field("inspection.destination_authority", "目的地检验检疫机关", Need::Optional, (10, 10), |i| &i.destination_authority),
    field("inspection.departure_date", "启运日期", Need::Optional, (8, 8), |i| &i.departure_date),
];

#[rustfmt::skip]
const ATTACHMENT: &[Field<Attachment>] = &[
    field("kind", "单证类型", Need::Always, (30, 30), |a| &a.kind),
    field("name", "文件名", Need::Always, (255, 255), |a| &a.name),
];

#[rustfmt::skip]
const CEB: &[Field<CebSource>] = &[
    field("ceb.message_type", "报文类型", Need::Always, (6, 6), |c| &c.message_type),
    field("ceb.guid", "系统唯一序号", Need::Always, (36, 36), |c| &c.guid),
    field("ceb.app_time", "报送时间", Need::Always, (14, 14), |c| &c.app_time),
];

fn text<T>(
    report: &mut Report,
    direction: Option<Direction>,
    path: &str,
    field: &Field<T>,
    value: &str,
) {
    let needed = match field.need {
        Need::Always => true,
        Need::Import => direction == Some(Direction::Import),
        Need::Export => direction == Some(Direction::Export),
        Need::Optional => false,
    };
    if value.trim().is_empty() {
        if needed {
            report.refuse(
                Code::Required,
                path,
                format!("{path} is required"),
                format!("{}必填", field.zh),
            );
        }
        return;
    }
    let max = match direction {
        Some(Direction::Import) => field.max.0,
        Some(Direction::Export) => field.max.1,
        None => field.max.0.max(field.max.1),
    };
    // Counting characters is only needed when there are more bytes than allowed characters.
    let length = if value.len() <= max { value.len() } else { value.chars().count() };
    if length > max {
        report.refuse(
            Code::TooLong,
            path,
            format!("{length} characters; at most {max} are allowed"),
            format!("{}长度为{length}，最多{max}个字符", field.zh),
        );
    }
    let forbidden = |c: char| is_odd(c) && !(matches!(c, '\n' | '\r' | '\t') && max > 100);
    if value.chars().any(forbidden) {
        report.refuse(
            Code::BadCharacter,
            path,
            "control characters and direction overrides are not allowed",
            format!("{}含有控制字符", field.zh),
        );
    }
}

/// Control characters, and those that change the direction of what is shown after them.
fn is_odd(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The text fields of what is optional as a whole.
fn optional_parts(d: &Declaration, report: &mut Report) {
    for field in d.order.iter().flat_map(|_| ORDER) {
        let value = d.order.as_ref().map_or("", |order| (field.of)(order));
        text(report, d.ie_flag, field.name, field, value);
    }
    for field in d.inspection.iter().flat_map(|_| INSPECTION) {
        let value = d.inspection.as_ref().map_or("", |data| (field.of)(data));
        text(report, d.ie_flag, field.name, field, value);
    }
    for field in d.ceb.iter().flat_map(|_| CEB) {
        let value = d.ceb.as_ref().map_or("", |source| (field.of)(source));
        text(report, d.ie_flag, field.name, field, value);
    }
    for (index, attachment) in d.attachments.iter().enumerate() {
        for field in ATTACHMENT {
            let path = format!("attachments[{index}].{}", field.name);
            text(report, d.ie_flag, &path, field, (field.of)(attachment));
        }
    }
}

fn mode(d: &Declaration, report: &mut Report) {
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

fn unknown(report: &mut Report, path: &str, what: (&str, &str), value: &str) {
    report.refuse(
        Code::CodeUnknown,
        path,
        format!("{value:?} is not in the table of {}", what.0),
        format!("{value}不在{}中", what.1),
    );
}

fn digits(report: &mut Report, path: &str, zh: &str, value: &str, length: usize) {
    if value.len() != length || !value.bytes().all(|b| b.is_ascii_digit()) {
        report.refuse(
            Code::WrongLength,
            path,
            format!("{path} must be {length} digits"),
            format!("{zh}须为{length}位数字"),
        );
    }
}

fn head_codes(d: &Declaration, report: &mut Report) {
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
fn firm(report: &mut Report, path: &str, code: &str) {
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

fn dates(d: &Declaration, report: &mut Report) {
    let departure = d.inspection.as_ref().map_or("", |data| data.departure_date.as_str());
    for (path, zh, value) in [
        ("decl_time", "申报日期", d.decl_time.as_str()),
        ("ie_date", "进出口日期", d.ie_date.as_str()),
        ("inspection.departure_date", "启运日期", departure),
    ] {
        if !value.is_empty() && !is_date(value) {
            report.refuse(
                Code::DateWrong,
                path,
                format!("{value:?} is not a day as YYYYMMDD"),
                format!("{zh}{value}不是有效的YYYYMMDD日期"),
            );
        }
    }
}

fn is_date(value: &str) -> bool {
    if value.len() != 8 || !value.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let (Ok(year), Ok(month), Ok(day)) =
        (value[..4].parse::<i32>(), value[4..6].parse::<u8>(), value[6..].parse::<u8>())
    else {
        return false;
    };
    time::Month::try_from(month)
        .is_ok_and(|month| time::Date::from_calendar_date(year, month, day).is_ok())
}

fn amounts(d: &Declaration, report: &mut Report) {
    money(report, "freight", "运费", d.freight.as_ref(), Zero::Allowed);
    money(report, "insured_fee", "保费", d.insured_fee.as_ref(), Zero::Allowed);
}

/// Whether an amount may be zero.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zero {
    Allowed,
    Refused,
}

fn money(report: &mut Report, path: &str, zh: &str, money: Option<&Money>, zero: Zero) {
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

fn weights(d: &Declaration, report: &mut Report) {
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

fn lines(d: &Declaration, report: &mut Report) {
    let max = match d.ie_flag {
        Some(Direction::Import) => limits::LINES_MAX_IMPORT,
        Some(Direction::Export) | None => limits::LINES_MAX_EXPORT,
    };
    if d.lines.is_empty() || d.lines.len() > max {
        report.refuse(
            Code::TooManyLines,
            "lines",
            format!("{} lines; 1 to {max} are allowed", d.lines.len()),
            format!("商品项数为{}，须为1至{max}", d.lines.len()),
        );
    }
    let in_order = d.lines.iter().zip(1_u32..).all(|(line, gnum)| line.gnum == gnum);
    if !in_order {
        report.refuse(
            Code::LineNumbersBroken,
            "lines",
            "gnum must run 1, 2, 3 without gaps",
            "商品序号须从1开始连续递增",
        );
    }
    for (index, line) in d.lines.iter().take(max).enumerate() {
        let at = |name: &str| format!("lines[{index}].{name}");
        for field in LINE {
            let value = (field.of)(line);
            // The path is only built for a field that may be wrong.
            let max = field.max.0.min(field.max.1);
            if value.trim().is_empty() || value.len() > max || value.chars().any(is_odd) {
                text(report, d.ie_flag, &at(field.name), field, value);
            }
        }
        line_codes(line, &at, report);
        line_quantities(line, &at, report);
        line_price(line, &at, report);
    }
}

fn line_codes(line: &GoodsLine, at: &dyn Fn(&str) -> String, report: &mut Report) {
    if !line.gcode.is_empty() && !is_digits(&line.gcode, 10) {
        digits(report, &at("gcode"), "商品编码", &line.gcode, 10);
    }
    if !line.ciq_code.is_empty() && !is_digits(&line.ciq_code, 13) {
        digits(report, &at("ciq_code"), "检验检疫编码", &line.ciq_code, 13);
    }
    for (name, value) in [("country", &line.country), ("trade_country", &line.trade_country)] {
        if !value.is_empty() && !codes::is_country(value) {
            unknown(report, &at(name), ("countries", "国别（地区）代码表"), value);
        }
    }
}

fn is_digits(value: &str, length: usize) -> bool {
    value.len() == length && value.bytes().all(|b| b.is_ascii_digit())
}

fn line_quantities(line: &GoodsLine, at: &dyn Fn(&str) -> String, report: &mut Report) {
    for (name, zh, quantity, required) in [
        ("qty", "申报数量", &line.qty, true),
        ("qty1", "法定数量", &line.qty1, true),
        ("qty2", "第二法定数量", &line.qty2, false),
    ] {
        match quantity {
            Some(Quantity { unit, value_e5 }) => {
                if !codes::is_unit(unit) {
                    unknown(
                        report,
                        &at(&format!("{name}.unit")),
                        ("units", "计量单位代码表"),
                        unit,
                    );
                }
                if !(1..=AMOUNT_E5_MAX).contains(value_e5) {
                    report.refuse(
                        Code::NumberOutOfRange,
                        at(name),
                        format!("{name} must be above zero"),
                        format!("{zh}须大于零"),
                    );
                }
            }
            None if required => report.refuse(
                Code::Required,
                at(name),
                format!("{name} is required"),
                format!("{zh}必填"),
            ),
            None => {}
        }
    }
    if let (Some(qty), Some(qty1)) = (&line.qty, &line.qty1)
        && qty.unit == qty1.unit
        && qty.value_e5 != qty1.value_e5
    {
        report.refuse_unless_sample(
            Code::QuantityMismatch,
            at("qty1"),
            "declared and first statutory quantity are in the same unit and must be equal",
            "申报计量单位与法定计量单位相同，数量须一致",
        );
    }
}

/// total = price × quantity, up to the rounding of the unit price to the fen.
fn line_price(line: &GoodsLine, at: &dyn Fn(&str) -> String, report: &mut Report) {
    if line.price.is_none() || line.total_price.is_none() {
        for (name, zh, value) in
            [("price", "单价", &line.price), ("total_price", "总价", &line.total_price)]
        {
            if value.is_none() {
                money(report, &at(name), zh, None, Zero::Refused);
            }
        }
        return;
    }
    let (Some(price), Some(total)) = (&line.price, &line.total_price) else { return };
    let fits = |money: &Money| (1..=AMOUNT_E5_MAX).contains(&money.amount_e5);
    if !fits(price) || !codes::is_currency(&price.currency) {
        money(report, &at("price"), "单价", Some(price), Zero::Refused);
    }
    if !fits(total) || !codes::is_currency(&total.currency) {
        money(report, &at("total_price"), "总价", Some(total), Zero::Refused);
    }
    if price.currency != total.currency {
        report.refuse(
            Code::CurrencyWrong,
            at("total_price.currency"),
            "price and total_price must be in one currency",
            "单价与总价币制须一致",
        );
    }
    let Some(qty) = &line.qty else { return };
    let e5 = i128::from(E5);
    let product = i128::from(price.amount_e5) * i128::from(qty.value_e5) / e5;
    let rounding = i128::from(qty.value_e5) * i128::from(FEN_E5) / 2 / e5;
    // For many cheap pieces the rounding of the unit price alone would hide almost anything.
    let tolerance = rounding.min(product / 100).max(i128::from(FEN_E5));
    if (product - i128::from(total.amount_e5)).abs() > tolerance {
        report.refuse_unless_sample(
            Code::LinePriceWrong,
            at("total_price"),
            format!(
                "{} is not price {} times quantity {}",
                decimal(total.amount_e5),
                decimal(price.amount_e5),
                decimal(qty.value_e5)
            ),
            format!(
                "总价{}不等于单价{}乘以数量{}",
                decimal(total.amount_e5),
                decimal(price.amount_e5),
                decimal(qty.value_e5)
            ),
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

fn attachments(d: &Declaration, report: &mut Report) {
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
fn order(d: &Declaration, report: &mut Report) {
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

fn import(d: &Declaration, report: &mut Report) {
    if let Some(buyer) = &d.buyer {
        if !matches!(buyer.id_type.as_str(), "" | "1" | "2") {
            unknown(report, "buyer.id_type", ("identity documents", "证件类型"), &buyer.id_type);
        }
        if buyer.id_type == "1" && !identity_number(&buyer.id_number) {
            report.warn(
                Code::BuyerIdWrong,
                "buyer.id_number",
                "the check digit of the identity number is wrong",
                "身份证号码校验位不正确",
            );
        }
    }
    if d.pack_no > 1 {
        report.refuse_unless_sample(
            Code::PackagesWrong,
            "pack_no",
            format!("{} packages; an import inventory has exactly 1", d.pack_no),
            format!("件数为{}，进口清单限定为1", d.pack_no),
        );
    }
    let guarantors = [&d.declarant.code, &d.ebc.code, &d.logistics.code];
    if !d.assure_code.is_empty() && !guarantors.contains(&&d.assure_code) {
        report.refuse_unless_sample(
            Code::GuarantorWrong,
            "assure_code",
            "must be the code of the declarant, the e-commerce firm or the logistics firm",
            "担保企业编号只限清单的申报企业、电商企业、物流企业",
        );
    }
    import_currency(d, report);
    import_mode(d, report);
    single_limit(d, report);
}

fn import_currency(d: &Declaration, report: &mut Report) {
    let foreign = |money: &Option<Money>| money.as_ref().is_some_and(|m| m.currency != CNY);
    let mut wrong = Vec::new();
    if foreign(&d.freight) {
        wrong.push("freight.currency".to_owned());
    }
    if foreign(&d.insured_fee) {
        wrong.push("insured_fee.currency".to_owned());
    }
    for (index, line) in d.lines.iter().enumerate() {
        if foreign(&line.price) || foreign(&line.total_price) {
            wrong.push(format!("lines[{index}].price.currency"));
        }
    }
    for path in wrong {
        report.refuse(Code::CurrencyWrong, path, "must be 142 (CNY)", "币制须为142（人民币）");
    }
}

fn import_mode(d: &Declaration, report: &mut Report) {
    let Some(mode) = Mode::find(&d.trade_mode) else { return };
    let missing = |value: &str| value.trim().is_empty();
    if mode.bonded {
        let area = d.area.as_ref();
        for (path, value) in [
            ("ems_no", d.ems_no.as_str()),
            ("area.code", area.map_or("", |a| &a.code)),
            ("area.name", area.map_or("", |a| &a.name)),
        ] {
            if missing(value) {
                report.refuse(
                    Code::BondedDataMissing,
                    path,
                    format!("{path} is required for mode {}", mode.code),
                    "保税进口必填账册编号和区内企业",
                );
            }
        }
        for (index, _) in d.lines.iter().enumerate().filter(|(_, l)| missing(&l.item_record_no)) {
            report.refuse(
                Code::BondedDataMissing,
                format!("lines[{index}].item_record_no"),
                format!("item_record_no is required for mode {}", mode.code),
                "保税进口必填账册备案料号",
            );
        }
    } else {
        for (path, value) in
            [("traf_no", &d.traf_no), ("voyage_no", &d.voyage_no), ("bill_no", &d.bill_no)]
        {
            if missing(value) {
                report.refuse(
                    Code::VoyageDataMissing,
                    path,
                    format!("{path} is required for direct-purchase import"),
                    "直购进口必填运输工具编号、航班航次号、提运单号",
                );
            }
        }
        if !matches!(d.traf_mode.as_str(), "" | "2" | "3" | "4" | "5" | "6") {
            report.warn(
                Code::TransportUnusual,
                "traf_mode",
                format!("{} is unusual for a cross-border leg; 2 to 6 are expected", d.traf_mode),
                format!("直购进口运输方式一般为2至6，现为{}", d.traf_mode),
            );
        }
    }
}

/// Above CNY 5,000 only an order of one single item may pass (财关税〔2018〕49号).
fn single_limit(d: &Declaration, report: &mut Report) {
    let amount = |money: &Option<Money>| money.as_ref().map_or(0, |m| i128::from(m.amount_e5));
    let value = d.lines.iter().map(|line| amount(&line.total_price)).sum::<i128>()
        + amount(&d.freight)
        + amount(&d.insured_fee);
    let one_item =
        d.lines.len() == 1 && d.lines[0].qty.as_ref().is_some_and(|qty| qty.value_e5 == E5);
    if value > i128::from(SINGLE_LIMIT_E5) && !one_item {
        let shown = i64::try_from(value).map_or_else(|_| "more".to_owned(), decimal);
        report.refuse(
            Code::SingleLimitExceeded,
            "lines",
            format!("goods, freight and insurance are CNY {shown}; the single limit is 5,000"),
            format!("货值及运保费合计{shown}元，超过单次交易限值5000元"),
        );
    }
}

fn export(d: &Declaration, report: &mut Report) {
    if !matches!(d.statistics_flag.as_str(), "" | "A" | "B") {
        unknown(
            report,
            "statistics_flag",
            ("statistics flags (A, B)", "申报业务类型（A、B）"),
            &d.statistics_flag,
        );
    }
    for (path, value) in [("f_flag", &d.f_flag), ("i_flag", &d.i_flag)] {
        if !matches!(value.as_str(), "" | "1" | "2" | "3") {
            unknown(report, path, ("charge flags (1, 2, 3)", "运保费标志（1、2、3）"), value);
        }
    }
    if !d.pod.is_empty() && d.pod.chars().count() < 3 {
        report.refuse(Code::WrongLength, "pod", "pod has 3 or 4 characters", "指运港代码为3至4位");
    }
}

/// Check digit of an 18-character identity number (ISO 7064 MOD 11-2; weights GK).
fn identity_number(number: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECK: &[u8; 11] = b"10X98765432";
    let bytes = number.as_bytes();
    if bytes.len() != 18 || !bytes[..17].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 = bytes[..17]
        .iter()
        .zip(WEIGHTS)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    usize::try_from(sum % 11).is_ok_and(|at| CHECK[at] == bytes[17].to_ascii_uppercase())
}
