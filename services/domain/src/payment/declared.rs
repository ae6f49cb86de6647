//! What a declaration says for its tax, and everything that it does not say.

use time::Date;
use time::macros::format_description;

use super::import_list::{Remark, remarks};
use super::parameters::Parameters;
use super::tax::{Comparison, MissingParameter, Parcel, compare};
use crate::codes::{CNY, Mode};
use crate::declaration::{Declaration, Direction, Money, Quantity};
use crate::documents::tax::{Measure, TaxableLine};
use crate::refusal::{Code, Violation};

/// A declaration with its tax, both ways.
#[derive(Debug)]
pub struct DeclaredAssessment<'a> {
    /// The day whose numbers hold.
    pub day: Date,
    /// What was taxed.
    pub lines: Vec<TaxableLine<'a>>,
    /// Both ways of collection, and which applies.
    pub comparison: Comparison,
    /// What the list of retail imports says against it.
    pub remarks: Vec<Remark>,
}

/// Computes the tax of a declaration by the numbers of a day, or else of the day of declaration.
///
/// # Errors
///
/// Everything that is missing or wrong, with the field of the declaration.
pub fn assess<'a>(
    parameters: &Parameters,
    declaration: &'a Declaration,
    on: Option<Date>,
) -> Result<DeclaredAssessment<'a>, Vec<Violation>> {
    let mut lacks = Lacks::default();
    if declaration.ie_flag == Some(Direction::Export) {
        let text = "an export pays no import tax";
        lacks.add(Code::DirectionUnclear, "ie_flag", text, "出口清单不征进口税");
        return Err(lacks.violations);
    }
    let day = on.or_else(|| lacks.day(declaration));
    let freight_e5 = lacks.amount("freight", declaration.freight.as_ref());
    let insurance_e5 = lacks.amount("insured_fee", declaration.insured_fee.as_ref());
    let (mut lines, mut quantities_e5) = (Vec::new(), Vec::new());
    for (index, line) in declaration.lines.iter().enumerate() {
        let of = |name: &str| format!("lines[{index}].{name}");
        let code = line.gcode.as_str();
        if code.is_empty() {
            lacks.required(&of("gcode"));
        }
        let price = lacks.amount(&of("total_price"), line.total_price.as_ref());
        let quantity = lacks.quantity(&of("qty"), line.qty.as_ref());
        let first = lacks.quantity(&of("qty1"), line.qty1.as_ref());
        let (Some(price), Some(quantity), Some(first)) = (price, quantity, first) else { continue };
        if !code.is_empty() {
            quantities_e5.push(quantity.value_e5);
            lines.push(TaxableLine {
                gnum: line.gnum,
                gcode: code,
                total_price_e5: price,
                first: measure(first),
                second: line.qty2.as_ref().map(measure),
            });
        }
    }
    if declaration.lines.is_empty() {
        lacks.required("lines");
    }
    // Without a day, what else is missing is told by the newest numbers.
    let day = day.unwrap_or(Date::MAX);
    // A charge that is not said is asked for; what else is missing does not hang on it.
    let (freight, insurance) = (freight_e5.unwrap_or(0), insurance_e5.unwrap_or(0));
    let compared = compare(&Parcel {
        parameters,
        day,
        freight_e5: freight,
        insurance_e5: insurance,
        lines: &lines,
        quantities_e5: &quantities_e5,
        key: &declaration.order_no,
    });
    match compared {
        Ok(comparison) if lacks.violations.is_empty() => {
            let is_bonded = Mode::find(&declaration.trade_mode).is_some_and(|mode| mode.bonded);
            let remarks = remarks(parameters, day, is_bonded, &lines);
            Ok(DeclaredAssessment { day, lines, comparison, remarks })
        }
        Ok(_) => Err(lacks.violations),
        Err(missing) => {
            let of = missing.iter().map(|missing| violation(missing, declaration));
            lacks.violations.extend(of);
            Err(lacks.violations)
        }
    }
}

fn measure(quantity: &Quantity) -> Measure<'_> {
    Measure { unit: &quantity.unit, qty_e5: quantity.value_e5 }
}

/// What a calculation lacks, with the field that should say it.
fn violation(missing: &MissingParameter, declaration: &Declaration) -> Violation {
    let line = |gnum: u32, name: &str| {
        let index = declaration.lines.iter().position(|line| line.gnum == gnum);
        index.map_or_else(|| "lines".to_owned(), |index| format!("lines[{index}].{name}"))
    };
    let (code, field) = match missing {
        MissingParameter::Row { gnum, .. } => (Code::CodeUnknown, line(*gnum, "gcode")),
        MissingParameter::Quantity { gnum, .. } => (Code::Required, line(*gnum, "qty1")),
        MissingParameter::Amount(gnum) => (Code::NumberOutOfRange, line(*gnum, "total_price")),
        MissingParameter::Charges => (Code::NumberOutOfRange, "freight".to_owned()),
        MissingParameter::Value { .. } | MissingParameter::Formula(_) => {
            (Code::DateWrong, "decl_time".to_owned())
        }
    };
    let (text, text_zh) = (missing.to_string(), missing.zh());
    Violation { code, field, text, text_zh, customs_code: None }
}

#[derive(Default)]
struct Lacks {
    violations: Vec<Violation>,
}

impl Lacks {
    fn add(&mut self, code: Code, field: &str, text: &str, text_zh: &str) {
        self.violations.push(Violation {
            code,
            field: field.to_owned(),
            text: text.to_owned(),
            text_zh: text_zh.to_owned(),
            customs_code: None,
        });
    }

    fn required(&mut self, field: &str) {
        let (text, zh) = ("is needed to compute the tax", "计税需要此项");
        self.add(Code::Required, field, text, zh);
    }

    /// The day of declaration.
    fn day(&mut self, declaration: &Declaration) -> Option<Date> {
        if declaration.decl_time.is_empty() {
            self.required("decl_time");
            return None;
        }
        let day = Date::parse(&declaration.decl_time, format_description!("[year][month][day]"));
        if day.is_err() {
            self.add(Code::DateWrong, "decl_time", "is no day YYYYMMDD", "不是有效的YYYYMMDD日期");
        }
        day.ok()
    }

    /// An amount in yuan.
    fn amount(&mut self, field: &str, money: Option<&Money>) -> Option<i64> {
        let Some(Money { currency, amount_e5 }) = money else {
            self.required(field);
            return None;
        };
        if currency != CNY {
            let text = format!("is in {currency}; imports are taxed in yuan (142)");
            let zh = format!("币制为{currency}，进口计税须为人民币（142）");
            self.add(Code::CurrencyWrong, field, &text, &zh);
            return None;
        }
        Some(*amount_e5)
    }

    fn quantity<'q>(
        &mut self,
        field: &str,
        quantity: Option<&'q Quantity>,
    ) -> Option<&'q Quantity> {
        if quantity.is_none() {
            self.required(field);
        }
        quantity
    }
}
