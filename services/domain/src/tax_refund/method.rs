//! The methods: refund for trading firms (免退税), exemption, credit and refund for producers
//! (免抵退税), exemption (免税), and taxed as a sale at home (视同内销).
//!
//! ```text
//! trading firm   refund         = net amount of the invoice × lower of refund and levy rate
//!                cost           = net amount × levy rate − refund
//! producer       non-creditable = (FOB − duty-free materials) × (levy − refund rate)
//!                cap            = (FOB − duty-free materials) × refund rate
//!                payable        = output VAT − (input VAT − non-creditable) − credit brought forward
//!                payable ≥ 0      nothing is refunded, exempt credit = cap, nothing is carried
//!                payable < 0      refund = min(−payable, cap), exempt credit = cap − refund,
//!                                 carried forward = −payable − refund
//! at home        output VAT     = FOB ÷ (1 + levy) × levy
//! ```
//!
//! Every product is rounded once, half up to the fen, a line at a time; sums and differences are
//! exact. So the refund and the cost of a trading firm are together the tax on its invoice. Reversals
//! have negative amounts and the same rounding. Source: 财政部 税务总局公告2026年第11号 with the
//! formulas of 财税〔2012〕39号; the formula for sales at home and what follows from a cap below zero
//! are from general knowledge, unverified.

use time::Date;
use time::macros::date;

use super::arithmetic::{
    FEN_MAX, ONE_BP, Percent, QuantityShare, Rounding, Yuan, half_up, part_of,
};
use super::rates::{Mark, RateTable, RefundRate};
use super::trace::{LawRule, Trace, TraceValue, label};

const LAW: &str = "财政部 税务总局公告2026年第11号";

/// Exempt and refund, for trading firms.
pub static TRADER: LawRule = LawRule {
    id: "refund-for-trading-firms",
    version: 1,
    since: date!(2026 - 01 - 01),
    title: label("refund for trading firms", "外贸企业免退税"),
    law: LAW,
};
/// Exempt, credit and refund, for producers.
pub static PRODUCER: LawRule = LawRule {
    id: "credit-and-refund-for-producers",
    version: 1,
    since: date!(2026 - 01 - 01),
    title: label("exemption, credit and refund for producers", "生产企业免抵退税"),
    law: LAW,
};
/// Exempt: nothing refunded, the input tax is cost, and still declared.
pub static EXEMPT: LawRule = LawRule {
    id: "exempt-export",
    version: 1,
    since: date!(2026 - 01 - 01),
    title: label("exempt export", "出口免税"),
    law: LAW,
};
/// Taxed like a sale at home.
pub static DOMESTIC: LawRule = LawRule {
    id: "taxed-as-domestic-sale",
    version: 1,
    since: date!(2026 - 01 - 01),
    title: label("taxed like a sale at home", "视同内销征税"),
    law: LAW,
};

/// Why nothing can be calculated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalculationError {
    /// The rate table has nothing for the code on that day.
    #[error("no refund rate for {code} on {day}: check the code, or load a newer rate table")]
    NoRate {
        /// Ten-digit code.
        code: String,
        /// Day of export.
        day: Date,
    },
    /// No parity was published in time.
    #[error("no parity of currency {currency} for {day}: load the parities of that month")]
    NoParity {
        /// Customs code.
        currency: String,
        /// The day it was looked for.
        day: Date,
    },
    /// The goods are marked: not refunded at all.
    #[error("goods with this mark are not refunded")]
    NotRefunded(Mark),
    /// More than was exported or is on the invoice, or nothing.
    #[error("the quantity is not above zero, or above what is left of the export or the invoice")]
    Quantity,
    /// The materials that came in without duty are worth more than the goods.
    #[error("duty-free materials are above the FOB: carry the rest to the next month")]
    DutyFree,
    /// An amount is below zero where none may be, or beyond all reason.
    #[error("an amount cannot be calculated with: below zero or too large")]
    Amount,
}

impl CalculationError {
    /// In Chinese.
    pub fn text_zh(&self) -> String {
        match self {
            Self::NoRate { code, day } => {
                format!("商品{code}在{day}没有退税率：请核对编码或更新退税率文库")
            }
            Self::NoParity { currency, day } => {
                format!("币种{currency}在{day}没有中间价：请载入该月汇率")
            }
            Self::NotRefunded(Mark::Domestic) => "该商品视同内销，不退税".into(),
            Self::NotRefunded(Mark::Exempt | Mark::Refund) => "该商品免税，不退税".into(),
            Self::Quantity => "数量须大于0，且不超过出口或发票的剩余数量".into(),
            Self::DutyFree => "免税料件金额大于离岸价：余额结转下月".into(),
            Self::Amount => "金额不可计算：小于0或过大".into(),
        }
    }
}

fn rate_of<'a>(
    table: &'a RateTable,
    code: &str,
    day: Date,
) -> Result<&'a RefundRate, CalculationError> {
    table.find(code, day).ok_or_else(|| CalculationError::NoRate { code: code.to_owned(), day })
}

fn share_of(fen: i64, bp: u32) -> Result<i64, CalculationError> {
    half_up(fen, i64::from(bp), ONE_BP).ok_or(CalculationError::Amount)
}

fn product(fen: i64, bp: u32) -> String {
    format!("{} × {}", Yuan(fen), Percent(bp))
}

/// A quantity of an invoice line that belongs to a quantity of an export line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoicePart<'a> {
    /// Ten-digit code of the export line.
    pub code: &'a str,
    /// Day of export on the goods declaration form.
    pub export_date: Date,
    /// The whole invoice line: quantity, and amount without tax.
    pub line: QuantityShare,
    /// What was used of it before.
    pub used: QuantityShare,
    /// The rate at which the invoice was levied, in basis points.
    pub levy_bp: u32,
    /// What is claimed now, 1/100000 of the unit.
    pub qty_e5: i64,
    /// What is left of the export line.
    pub exported_left_e5: i64,
}

/// What a trading firm gets for a part of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraderRefund {
    /// Amount without tax that is used up.
    pub net_fen: i64,
    /// Refunded.
    pub refund_fen: i64,
    /// The rest of the tax, which is cost.
    pub cost_fen: i64,
    /// How it came about.
    pub trace: Trace,
}

/// The refund of a trading firm.
///
/// The levy rate of the invoice caps the refund: by law for 3 % (small taxpayers), and for all others
/// because no more can come back than was paid.
///
/// # Errors
///
/// The goods have no rate or are not refunded, or the quantity or amount is not there.
pub fn refund_for_trader(
    table: &RateTable,
    part: &InvoicePart<'_>,
) -> Result<TraderRefund, CalculationError> {
    let rate = rate_of(table, part.code, part.export_date)?;
    if rate.mark != Mark::Refund {
        return Err(CalculationError::NotRefunded(rate.mark));
    }
    if !(0..=FEN_MAX).contains(&part.line.fen) || i64::from(part.levy_bp) > ONE_BP {
        return Err(CalculationError::Amount);
    }
    if part.qty_e5 > part.exported_left_e5 {
        return Err(CalculationError::Quantity);
    }
    let net = part_of(part.line, part.used, part.qty_e5).ok_or(CalculationError::Quantity)?;
    let applied_bp = rate.refund_bp.min(part.levy_bp);
    let (tax, refund) = (share_of(net, part.levy_bp)?, share_of(net, applied_bp)?);
    let mut trace = Trace::of(&TRADER);
    trace.input(label("code", "商品编码"), TraceValue::Text(part.code.to_owned()));
    trace.input(label("day of export", "出口日期"), TraceValue::Day(part.export_date));
    trace.input(
        label("invoice line, quantity", "发票行数量"),
        TraceValue::Quantity(part.line.qty_e5),
    );
    trace.input(label("invoice line, net", "发票行不含税金额"), TraceValue::Fen(part.line.fen));
    trace.input(label("used before, quantity", "已用数量"), TraceValue::Quantity(part.used.qty_e5));
    trace.input(label("used before, net", "已用金额"), TraceValue::Fen(part.used.fen));
    trace.input(label("levy rate of the invoice", "发票征税率"), TraceValue::Rate(part.levy_bp));
    trace.input(label("claimed quantity", "申报数量"), TraceValue::Quantity(part.qty_e5));
    trace.parameters.extend(rate.parameters());
    let (whole, some) = (TraceValue::Quantity(part.line.qty_e5), TraceValue::Quantity(part.qty_e5));
    let by_quantity = format!("{} × {some} ÷ {whole}", Yuan(part.line.fen));
    let last = part.used.qty_e5 + part.qty_e5 == part.line.qty_e5;
    let (by_quantity, rounding) = if last {
        let rest = format!("{} − {}", Yuan(part.line.fen), Yuan(part.used.fen));
        (rest, Rounding::Exact)
    } else {
        (by_quantity, Rounding::Down)
    };
    trace.fen(label("net amount", "计税金额"), by_quantity, rounding, net);
    trace.fen(label("tax", "进项税额"), product(net, part.levy_bp), Rounding::HalfUp, tax);
    trace.fen(label("refund", "应退税额"), product(net, applied_bp), Rounding::HalfUp, refund);
    let rest = format!("{} − {}", Yuan(tax), Yuan(refund));
    let cost = trace.fen(label("to cost", "转入成本"), rest, Rounding::Exact, tax - refund);
    Ok(TraderRefund { net_fen: net, refund_fen: refund, cost_fen: cost, trace })
}

/// An export line of a producer. A reversal has negative amounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerLine<'a> {
    /// Ten-digit code.
    pub code: &'a str,
    /// Day of export on the goods declaration form.
    pub export_date: Date,
    /// FOB.
    pub fob_fen: i64,
    /// What of it is materials that came in without duty.
    pub duty_free_fen: i64,
}

/// A month of a producer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Month<'a> {
    /// What was exported.
    pub lines: Vec<ProducerLine<'a>>,
    /// VAT of the sales at home.
    pub output_vat_fen: i64,
    /// VAT of the purchases.
    pub input_vat_fen: i64,
}

/// What one month leaves to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Carry {
    /// Input tax that was not used up.
    pub credit_fen: i64,
    /// What reversals took off the cap and it did not have; at least 0.
    pub cap_short_fen: i64,
}

/// The result of a month of a producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerRefund {
    /// Input tax that may not be credited: it is cost.
    pub non_creditable_fen: i64,
    /// At most this is refunded.
    pub cap_fen: i64,
    /// To be paid when above zero, otherwise what is left of the input tax.
    pub payable_fen: i64,
    /// Refunded.
    pub refund_fen: i64,
    /// Exempt credit, the basis of local surcharges.
    pub exempt_credit_fen: i64,
    /// To the next month.
    pub carry: Carry,
    /// How it came about.
    pub trace: Trace,
}

/// A month of a producer.
///
/// # Errors
///
/// A line has no rate or is not refunded, or an amount is beyond all reason.
pub fn refund_for_producer(
    table: &RateTable,
    month: &Month<'_>,
    brought: Carry,
) -> Result<ProducerRefund, CalculationError> {
    let mut trace = Trace::of(&PRODUCER);
    let vat = MonthlyVat { output_fen: month.output_vat_fen, input_fen: month.input_vat_fen };
    note_month(&mut trace, vat, brought)?;
    let mut sums = ProducerSums::default();
    for line in &month.lines {
        sums = sums.plus(producer_line(table, line, &mut trace)?)?;
    }
    settle_month(trace, sums, vat, brought)
}

/// VAT of a month at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct MonthlyVat {
    /// Of the sales.
    pub output_fen: i64,
    /// Of the purchases.
    pub input_fen: i64,
}

/// What export lines of a producer are together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct ProducerSums {
    /// May not be credited.
    pub non_creditable_fen: i64,
    /// Added to the cap.
    pub cap_fen: i64,
}

impl ProducerSums {
    /// With another part.
    ///
    /// # Errors
    ///
    /// The sum is beyond all reason.
    pub fn plus(self, part: Self) -> Result<Self, CalculationError> {
        let lost = self.non_creditable_fen.checked_add(part.non_creditable_fen);
        let cap = self.cap_fen.checked_add(part.cap_fen);
        let (non_creditable_fen, cap_fen) = lost.zip(cap).ok_or(CalculationError::Amount)?;
        Ok(Self { non_creditable_fen, cap_fen })
    }
}

/// What one line of a producer adds: a month of many lines is summed up line by line.
///
/// # Errors
///
/// It has no rate or is not refunded, or an amount is beyond all reason.
pub fn producer_part(
    table: &RateTable,
    line: &ProducerLine<'_>,
) -> Result<ProducerSums, CalculationError> {
    producer_line(table, line, &mut Trace::of(&PRODUCER))
}

/// A month of a producer whose lines were summed up: the same as [`refund_for_producer`], without the lines in
/// the trace.
///
/// # Errors
///
/// An amount is beyond all reason.
pub fn refund_for_sums(
    sums: ProducerSums,
    vat: MonthlyVat,
    brought: Carry,
) -> Result<ProducerRefund, CalculationError> {
    let mut trace = Trace::of(&PRODUCER);
    note_month(&mut trace, vat, brought)?;
    settle_month(trace, sums, vat, brought)
}

/// The part of a month's refund that belongs to a line, by the caps of the lines before it and of itself: the
/// parts are the whole, and none is above its cap. `None`: the caps do not fit.
pub fn share_of_refund(
    refund_fen: i64,
    cap_fen: i64,
    before_fen: i64,
    line_fen: i64,
) -> Option<i64> {
    if cap_fen <= 0 || before_fen < 0 || line_fen < 0 || before_fen.checked_add(line_fen)? > cap_fen
    {
        return (line_fen == 0).then_some(0);
    }
    let until = |fen: i64| {
        let product = i128::from(refund_fen).checked_mul(i128::from(fen))?;
        i64::try_from(product.checked_div(i128::from(cap_fen))?).ok()
    };
    until(before_fen + line_fen)?.checked_sub(until(before_fen)?)
}

fn note_month(trace: &mut Trace, vat: MonthlyVat, brought: Carry) -> Result<(), CalculationError> {
    let given = [vat.output_fen, vat.input_fen, brought.credit_fen, brought.cap_short_fen];
    if !given.iter().all(|fen| (0..=FEN_MAX).contains(fen)) {
        return Err(CalculationError::Amount);
    }
    trace.input(label("output VAT", "销项税额"), TraceValue::Fen(vat.output_fen));
    trace.input(label("input VAT", "进项税额"), TraceValue::Fen(vat.input_fen));
    trace.input(label("credit brought forward", "上期留抵"), TraceValue::Fen(brought.credit_fen));
    trace.input(
        label("cap short from before", "上期结转抵减额"),
        TraceValue::Fen(brought.cap_short_fen),
    );
    Ok(())
}

fn settle_month(
    mut trace: Trace,
    sums: ProducerSums,
    vat: MonthlyVat,
    brought: Carry,
) -> Result<ProducerRefund, CalculationError> {
    let ProducerSums { non_creditable_fen: non_creditable, cap_fen: gross_cap } = sums;
    if non_creditable.abs().max(gross_cap.abs()) > FEN_MAX {
        return Err(CalculationError::Amount);
    }
    let net_cap = gross_cap - brought.cap_short_fen;
    let (cap, cap_short_fen) = (net_cap.max(0), (-net_cap).max(0));
    let formula = format!("max({} − {}, 0)", Yuan(gross_cap), Yuan(brought.cap_short_fen));
    trace.fen(label("cap", "免抵退税额"), formula, Rounding::Exact, cap);
    let payable = vat.output_fen - (vat.input_fen - non_creditable) - brought.credit_fen;
    let [output, input, credit] = [vat.output_fen, vat.input_fen, brought.credit_fen].map(Yuan);
    let formula = format!("{output} − ({input} − {}) − {credit}", Yuan(non_creditable));
    trace.fen(label("payable", "应纳税额"), formula, Rounding::Exact, payable);
    let left = (-payable).max(0);
    let refund = left.min(cap);
    let formula = format!("min({}, {})", Yuan(left), Yuan(cap));
    trace.fen(label("refund", "应退税额"), formula, Rounding::Exact, refund);
    let difference = |from, of| format!("{} − {}", Yuan(from), Yuan(of));
    let (exempt, credit_fen) = (cap - refund, left - refund);
    let formula = difference(cap, refund);
    trace.fen(label("exempt credit", "免抵税额"), formula, Rounding::Exact, exempt);
    let formula = difference(left, refund);
    trace.fen(label("carried forward", "结转下期留抵"), formula, Rounding::Exact, credit_fen);
    Ok(ProducerRefund {
        non_creditable_fen: non_creditable,
        cap_fen: cap,
        payable_fen: payable,
        refund_fen: refund,
        exempt_credit_fen: exempt,
        carry: Carry { credit_fen, cap_short_fen },
        trace,
    })
}

/// What of a line may not be credited, and what it adds to the cap.
fn producer_line(
    table: &RateTable,
    line: &ProducerLine<'_>,
    trace: &mut Trace,
) -> Result<ProducerSums, CalculationError> {
    let rate = rate_of(table, line.code, line.export_date)?;
    if rate.mark != Mark::Refund {
        return Err(CalculationError::NotRefunded(rate.mark));
    }
    if line.fob_fen.unsigned_abs() > FEN_MAX.unsigned_abs() {
        return Err(CalculationError::Amount);
    }
    // Of a reversal both are below zero.
    let sign = line.fob_fen.signum();
    let within = line.duty_free_fen.unsigned_abs() <= line.fob_fen.unsigned_abs();
    if !within || line.duty_free_fen.signum() == -sign && sign != 0 {
        return Err(CalculationError::DutyFree);
    }
    let basis = line.fob_fen - line.duty_free_fen;
    let difference_bp = rate.levy_bp - rate.refund_bp;
    let (lost, cap) = (share_of(basis, difference_bp)?, share_of(basis, rate.refund_bp)?);
    trace.input(label("code", "商品编码"), TraceValue::Text(line.code.to_owned()));
    trace.input(label("FOB", "离岸价"), TraceValue::Fen(line.fob_fen));
    trace.input(label("duty-free materials", "免税料件"), TraceValue::Fen(line.duty_free_fen));
    trace.parameters.extend(rate.parameters());
    let formula = product(basis, difference_bp);
    trace.fen(label("non-creditable", "不得免征和抵扣税额"), formula, Rounding::HalfUp, lost);
    let formula = product(basis, rate.refund_bp);
    trace.fen(label("cap of the line", "本行免抵退税额"), formula, Rounding::HalfUp, cap);
    Ok(ProducerSums { non_creditable_fen: lost, cap_fen: cap })
}

/// An amount that a rule gives, with its trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleAmount {
    /// How much.
    pub fen: i64,
    /// How it came about.
    pub trace: Trace,
}

/// An exempt export: its input tax is cost.
///
/// # Errors
///
/// An amount that is below zero or beyond all reason.
pub fn exempt(input_vat_fen: i64) -> Result<RuleAmount, CalculationError> {
    if !(0..=FEN_MAX).contains(&input_vat_fen) {
        return Err(CalculationError::Amount);
    }
    let mut trace = Trace::of(&EXEMPT);
    trace.input(label("input VAT", "进项税额"), TraceValue::Fen(input_vat_fen));
    let formula = Yuan(input_vat_fen).to_string();
    let fen = trace.fen(label("to cost", "转入成本"), formula, Rounding::Exact, input_vat_fen);
    Ok(RuleAmount { fen, trace })
}

/// An export that is taxed like a sale at home: the VAT that is in its price.
///
/// # Errors
///
/// The goods have no rate, or an amount is beyond all reason.
pub fn domestic_sale(
    table: &RateTable,
    code: &str,
    export_date: Date,
    fob_fen: i64,
) -> Result<RuleAmount, CalculationError> {
    let rate = rate_of(table, code, export_date)?;
    if !(0..=FEN_MAX).contains(&fob_fen) {
        return Err(CalculationError::Amount);
    }
    let mut trace = Trace::of(&DOMESTIC);
    trace.input(label("code", "商品编码"), TraceValue::Text(code.to_owned()));
    trace.input(label("FOB", "离岸价"), TraceValue::Fen(fob_fen));
    trace.parameters.extend(rate.parameters());
    let levy = i64::from(rate.levy_bp);
    let vat = half_up(fob_fen, levy, ONE_BP + levy).ok_or(CalculationError::Amount)?;
    let percent = Percent(rate.levy_bp);
    let formula = format!("{} ÷ (1 + {percent}) × {percent}", Yuan(fob_fen));
    let fen = trace.fen(label("output VAT", "销项税额"), formula, Rounding::HalfUp, vat);
    Ok(RuleAmount { fen, trace })
}
