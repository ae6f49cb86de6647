//! The rules of a line of goods: codes, quantities, prices.

use super::fields::{LINE, text};
use super::{AMOUNT_E5_MAX, E5, FEN_E5, ViolationReport, Zero, decimal, digits, money, unknown};
use crate::declaration::{Declaration, Direction, GoodsLine, Money, Quantity};
use crate::refusal::Code;
use crate::text::flaw_in_word;
use crate::{codes, limits};

pub(super) fn lines(d: &Declaration, report: &mut ViolationReport) {
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
            if value.trim().is_empty() || value.len() > max || flaw_in_word(value).is_some() {
                text(report, d.ie_flag, &at(field.name), field, value);
            }
        }
        line_codes(line, &at, report);
        line_quantities(line, &at, report);
        line_price(line, &at, report);
    }
}

fn line_codes(line: &GoodsLine, at: &dyn Fn(&str) -> String, report: &mut ViolationReport) {
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

fn line_quantities(line: &GoodsLine, at: &dyn Fn(&str) -> String, report: &mut ViolationReport) {
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
fn line_price(line: &GoodsLine, at: &dyn Fn(&str) -> String, report: &mut ViolationReport) {
    if line.price.is_none() || line.total_price.is_none() {
        for (name, zh, value) in
            [("price", "单价", &line.price), ("total_price", "总价", &line.total_price)]
        {
            money(report, &at(name), zh, value.as_ref(), Zero::Refused);
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
