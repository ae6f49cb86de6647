//! How numbers of the law and values of a declaration are called and written for people.

use super::parameters::Parameter;
use crate::rules::{FEN_E5, decimal};

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// 1/10000.
    BasisPoints,
    /// 1/100.
    Percent,
    /// 1/100 yuan.
    Fen,
    /// Days.
    Days,
}

/// A parameter in English and Chinese, and what its number counts.
type Row = (&'static str, &'static str, &'static str, Scale);

const PARAMETERS: &[Row] = &[
    ("limit.single_fen", "limit of one purchase", "单次交易限值", Scale::Fen),
    ("limit.annual_fen", "limit of a person and year", "个人年度交易限值", Scale::Fen),
    ("within.duty_bp", "duty within the limits", "限值内关税税率", Scale::BasisPoints),
    (
        "within.collected_percent",
        "collected part of VAT and consumption tax within the limits",
        "限值内增值税、消费税征收比例",
        Scale::Percent,
    ),
    (
        "cosmetics.per_measure_fen",
        "price of a millilitre or gram from which cosmetics are high-end",
        "高档化妆品每毫升（克）完税价格",
        Scale::Fen,
    ),
    (
        "cosmetics.per_sheet_fen",
        "price of a sheet from which cosmetics are high-end",
        "高档化妆品每片（张）完税价格",
        Scale::Fen,
    ),
    ("vat.general_bp", "VAT, general rate", "增值税基本税率", Scale::BasisPoints),
    ("vat.reduced_bp", "VAT, reduced rate", "增值税低税率", Scale::BasisPoints),
    ("return.asked_days", "days to ask for a return", "申请退货期限", Scale::Days),
    ("return.back_days", "days for goods to be back", "退货运抵期限", Scale::Days),
    ("payment.first_day", "first day of payment in bulk", "汇总缴税起始日", Scale::Days),
    ("payment.last_day", "last day of payment in bulk", "汇总缴税截止日", Scale::Days),
];

/// A parameter in English and Chinese, where it has a name for people.
pub fn title(name: &str) -> Option<(&'static str, &'static str)> {
    find(name).map(|(_, english, chinese, _)| (*english, *chinese))
}

fn find(name: &str) -> Option<&'static Row> {
    PARAMETERS.iter().find(|(known, ..)| *known == name)
}

/// The value of a parameter for people: `13 %`, `5000`, `30 d`.
pub fn shown(Parameter { name, value, .. }: &Parameter) -> String {
    match find(name).map(|(.., scale)| scale) {
        Some(Scale::BasisPoints) => percent(*value),
        Some(Scale::Percent) => format!("{value} %"),
        Some(Scale::Fen) => decimal(value.saturating_mul(FEN_E5)),
        Some(Scale::Days) => format!("{value} d"),
        None => value.to_string(),
    }
}

/// Basis points as `13 %` or `0.5 %`.
pub fn percent(bp: i64) -> String {
    format!("{} %", decimal(bp.saturating_mul(FEN_E5)))
}

/// A value of a declaration in Chinese; as it is where nobody knows it.
pub(super) fn input_zh(name: &'static str) -> &'static str {
    match name {
        "day" => "计税日期",
        "freight" => "运费",
        "insurance" => "保费",
        "gcode" => "商品编码",
        "price" => "商品总价",
        "dutiable value" => "完税价格",
        "qty1" => "第一法定数量",
        "qty2" => "第二法定数量",
        other => other,
    }
}
