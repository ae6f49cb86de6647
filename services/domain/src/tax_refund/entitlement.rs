//! What an export line is entitled to on a day: can it be claimed, by which method, how much, what is
//! missing and who has to act, until when, and which rule says so.
//!
//! ```text
//!  in claims, and the money did not come in time ────────────────► to be recovered
//!  an advance refund, and not settled in time ───────────────────► to be recovered
//!  in claims, and the goods came back ───────────────────────────► to be recovered
//!  in claims, and an invoice was voided or red-lettered later ───► to be recovered
//!  all of it in claims, or back from abroad ─────────────────────► done
//!  statistics only (9610 flag A), waived or marked ──────────────► exempt, or as a sale at home
//!  36 months over ───────────────────────────────────────────────► as a sale at home
//!  not departed, no form number, no money, no genuine invoice ───► waits; the day until when is said
//!  everything there ─────────────────────────────────────────────► claimable
//! ```
//!
//! Goods of an overseas warehouse (9810) are claimed in advance as soon as they left, whether sold and
//! paid for or not. After 30 April a line is still claimable when its money came late; that and the
//! choice for goods without any invoice are read from secondary sources and unverified.

use time::Date;

use super::arithmetic::{FEN_MAX, QuantityShare};
use super::deadline::{Deadline, days_left, money_in_by, working_days_later};
use super::invoice::Verification;
use super::method::{
    CalculationError, DOMESTIC, EXEMPT, InvoicePart, Month, PRODUCER, ProducerLine, TRADER,
    refund_for_producer, refund_for_trader,
};
use super::parity::{CNY, ForeignAmount, Parities, ParityBasis};
use super::rates::{Mark, RateTable};
use super::trace::{DatedNumber, Label, LawRule, Trace, TraceValue, label};

/// How a firm gets its refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FirmKind {
    /// It buys and exports (外贸企业).
    Trader,
    /// It produces (生产企业).
    Producer,
}

/// The class of export refund management (出口企业管理类别). The days are from general knowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FirmClass {
    /// Fastest.
    First,
    /// Ordinary.
    Second,
    /// Watched.
    Third,
    /// Every line is looked at.
    Fourth,
}

impl FirmClass {
    /// Working days within which the tax office decides when there is no doubt.
    pub fn working_days(self) -> u8 {
        match self {
            Self::First => 5,
            Self::Second => 10,
            Self::Third => 15,
            Self::Fourth => 20,
        }
    }

    /// The last day for the answer to a claim that was accepted on a day.
    pub fn answers_by(self, accepted: Date) -> Date {
        working_days_later(accepted, self.working_days())
    }
}

/// What is done with exports for which there is no invoice at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WithoutInvoice {
    /// Exempt: retail exports of a pilot zone (财税〔2018〕103号, whose fate in 2026 is unverified).
    Exempt,
    /// Taxed as a sale at home.
    Domestic,
}

/// A firm as its refunds need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Firm {
    /// By which method.
    pub kind: FirmKind,
    /// How fast.
    pub class: FirmClass,
    /// Whose parity it takes.
    pub parity: ParityBasis,
    /// Since when; `None` where nobody chose.
    pub parity_since: Option<Date>,
    /// It waived its refunds from this day on, for 36 months.
    pub waived_from: Option<Date>,
    /// What becomes of exports without invoice.
    pub without_invoice: WithoutInvoice,
}

/// How goods leave, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExportMode {
    /// 9610 with a summary declaration (flag B), or 1210: the form comes by message 792.
    Summarised,
    /// 9610 for statistics only (flag A): no form, no refund.
    StatisticsOnly,
    /// 9710, 0110 and others that leave with a form of their own.
    WithForm,
    /// 9810, to a warehouse overseas.
    Overseas,
}

/// What is known of the money for a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MoneyStatus {
    /// Nothing came, or not all of it.
    Awaited,
    /// It came and is not settled.
    Received,
    /// It came and is settled, or counts as in with evidence.
    Settled,
}

/// An invoice line that belongs to an export line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// What the platform says of the invoice.
    pub verification: Verification,
    /// The whole invoice line.
    pub line: QuantityShare,
    /// What is used of it.
    pub used: QuantityShare,
    /// The rate at which it was levied.
    pub levy_bp: u32,
    /// What of it belongs to this export.
    pub qty_e5: i64,
    /// It became void or was red-lettered when it was claimed already, and that claim or its refund is not taken back.
    pub to_give_back: bool,
}

/// An export line with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportLine {
    /// What it is known by: the declaration and its line.
    pub name: String,
    /// How it left.
    pub mode: ExportMode,
    /// Ten-digit code.
    pub code: String,
    /// Quantity.
    pub qty_e5: i64,
    /// FOB.
    pub fob: ForeignAmount,
    /// Released by customs.
    pub released: bool,
    /// Day of export, once it left.
    pub departed: Option<Date>,
    /// Number of the goods declaration form (792).
    pub entry_id: Option<String>,
    /// Its money.
    pub money: MoneyStatus,
    /// The contract lets the buyer pay until then.
    pub payment_by: Option<Date>,
    /// What it was bought by; a producer has none.
    pub purchases: Vec<Purchase>,
    /// In claims already.
    pub claimed_e5: i64,
    /// Came back from abroad.
    pub returned_e5: i64,
    /// Of an overseas warehouse whose advance refund was settled or recovered: what was sold, and only that may be
    /// claimed. `None` before.
    pub sold_e5: Option<i64>,
    /// Until when an advance refund that was paid has to be settled.
    pub settle_by: Option<Date>,
}

impl ExportLine {
    /// What is left to be claimed.
    pub fn left_e5(&self) -> i64 {
        self.qty_e5.saturating_sub(self.claimed_e5).saturating_sub(self.returned_e5)
    }

    /// What of it may be claimed: after the settlement of a warehouse only what was sold.
    pub fn claimable_e5(&self) -> i64 {
        let left = self.left_e5();
        let sold = self.sold_e5.map(|sold| sold.saturating_sub(self.claimed_e5).max(0));
        sold.map_or(left, |sold| left.min(sold))
    }

    /// It is claimed by the rules of a warehouse, before it is sold.
    fn is_in_advance(&self) -> bool {
        self.mode == ExportMode::Overseas && self.sold_e5.is_none()
    }
}

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Customs.
    Customs,
    /// The logistics firm.
    Logistics,
    /// The firm itself, or its declarant.
    Firm,
    /// The bank or payment firm.
    Bank,
    /// The supplier.
    Supplier,
    /// The invoice platform.
    Platform,
    /// Who keeps the rates and parities of the window.
    Operator,
}

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each has a text below")]
pub enum MissingProof {
    Release,
    Departure,
    FormNumber,
    Money,
    Settlement,
    Sale,
    Invoice,
    InvoiceQuantity,
    Verification,
    GenuineInvoice,
    Rate,
    Parity,
    SaneNumbers,
}

impl MissingProof {
    /// Who has to act, and what is missing.
    pub fn text(self) -> (Actor, Label) {
        match self {
            Self::Release => (Actor::Customs, label("it is not released", "尚未放行")),
            Self::Departure => (Actor::Logistics, label("it has not left", "尚未离境")),
            Self::FormNumber => (
                Actor::Firm,
                label(
                    "no goods declaration form: apply for the summary (701) and wait for 792",
                    "没有报关单号：请汇总申请(701)并等待792",
                ),
            ),
            Self::Money => (Actor::Bank, label("the money is not in", "尚未收汇")),
            Self::Settlement => (Actor::Bank, label("the money is not settled", "尚未结汇")),
            Self::Sale => (
                Actor::Firm,
                label(
                    "no more of it is sold: report the sales of the warehouse",
                    "未再售出：请报送海外仓销售情况",
                ),
            ),
            Self::Invoice => {
                (Actor::Supplier, label("no special VAT invoice", "没有增值税专用发票"))
            }
            Self::InvoiceQuantity => (
                Actor::Supplier,
                label("the invoices are for less than was exported", "发票数量少于出口数量"),
            ),
            Self::Verification => {
                (Actor::Platform, label("an invoice is not verified yet", "发票待核验"))
            }
            Self::GenuineInvoice => (
                Actor::Supplier,
                label(
                    "an invoice is not genuine: ask for a new one",
                    "发票不相符或已失效：请供货方重开",
                ),
            ),
            Self::Rate => (
                Actor::Operator,
                label("no refund rate for the code on that day", "该编码当日没有退税率"),
            ),
            Self::Parity => {
                (Actor::Operator, label("no parity for the currency", "该币种没有中间价"))
            }
            Self::SaneNumbers => {
                (Actor::Firm, label("quantities or amounts do not fit", "数量或金额不合理"))
            }
        }
    }
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LineStatus {
    /// It was claimed, and its money did not come in time, its goods came back, or its invoice is void or
    /// red-lettered: give the refund back.
    ToRecover,
    /// It can be claimed.
    Claimable,
    /// Something is missing.
    Waiting,
    /// It is to be declared exempt, or taxed as a sale at home.
    NotRefunded,
    /// All of it is in claims, or came back.
    Done,
}

/// The last day for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// For what.
    pub deadline: Deadline,
    /// The day.
    pub last: Date,
    /// How many are left; below zero when it is over.
    pub days_left: i64,
}

/// What a line is entitled to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// Where it stands.
    pub standing: LineStatus,
    /// By which rule.
    pub rule: &'static LawRule,
    /// Why this rule, when the goods are not refunded.
    pub reason: Option<Label>,
    /// Claimed before it is sold, with business type `HWC-YT`.
    pub advance: bool,
    /// What is missing, each once.
    pub missing: Vec<MissingProof>,
    /// Until when it matters.
    pub due: Option<Due>,
    /// What a trading firm gets, and what it adds to the cap of a producer, as far as can be said.
    pub estimate_fen: Option<i64>,
    /// How the estimate came about: one trace a purchase.
    pub traces: Vec<Trace>,
}

/// What the law says on a day.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    /// Refund rates.
    pub rates: &'a RateTable,
    /// Parities.
    pub parities: &'a Parities,
}

/// What a line is entitled to on a day.
pub fn entitlement(firm: &Firm, line: &ExportLine, on: Tables<'_>, today: Date) -> Entitlement {
    let method = match firm.kind {
        FirmKind::Trader => &TRADER,
        FirmKind::Producer => &PRODUCER,
    };
    let advance = line.is_in_advance() && line.money == MoneyStatus::Awaited;
    let mut found = Entitlement {
        standing: LineStatus::Waiting,
        rule: method,
        reason: None,
        advance,
        missing: Vec::new(),
        due: due(line, today),
        estimate_fen: None,
        traces: Vec::new(),
    };
    if is_unpaid(line, today) {
        found.standing = LineStatus::ToRecover;
        return found;
    }
    if line.settle_by.is_some_and(|last| last < today) {
        found.standing = LineStatus::ToRecover;
        let why = label("the advance refund was not settled in time", "预退税逾期未核算");
        found.reason = Some(why);
        return found;
    }
    if line.left_e5() < 0 {
        found.standing = LineStatus::ToRecover;
        found.reason = Some(label("goods of a claim came back", "已申报的货物已退运"));
        return found;
    }
    if line.purchases.iter().any(|it| it.to_give_back) {
        found.standing = LineStatus::ToRecover;
        let why =
            label("an invoice of a claim is void or red-lettered", "已申报的发票已作废或红冲");
        found.reason = Some(why);
        return found;
    }
    if line.left_e5() == 0 {
        found.standing = LineStatus::Done;
        return found;
    }
    if let Some((rule, reason)) = not_refunded(firm, line, on.rates, today) {
        found.standing = LineStatus::NotRefunded;
        (found.rule, found.reason) = (rule, Some(reason));
        return found;
    }
    found.missing = missing(firm, line);
    match estimate(firm, line, on) {
        Ok((fen, traces)) => (found.estimate_fen, found.traces) = (Some(fen), traces),
        Err(Some(more)) => found.missing.push(more),
        Err(None) => {}
    }
    found.missing.sort();
    found.missing.dedup();
    if found.missing.is_empty() {
        found.standing = LineStatus::Claimable;
    }
    found
}

/// The rule by which nothing is refunded, and why.
fn not_refunded(
    firm: &Firm,
    line: &ExportLine,
    rates: &RateTable,
    today: Date,
) -> Option<(&'static LawRule, Label)> {
    if line.mode == ExportMode::StatisticsOnly {
        let why = label("released for statistics only (9610 flag A)", "清单核放、汇总统计(标志A)");
        return Some((&EXEMPT, why));
    }
    let departed = line.departed?;
    let is_waived = firm.waived_from.is_some_and(|from| {
        let until = Deadline::Waiver.last_day(from);
        from <= departed && until.is_none_or(|until| departed <= until)
    });
    if is_waived {
        return Some((&EXEMPT, label("the firm waived its refunds", "企业已放弃退税")));
    }
    match rates.find(&line.code, departed).map(|rate| rate.mark) {
        Some(Mark::Exempt) => {
            return Some((&EXEMPT, label("the goods are marked exempt", "免税商品(特殊标识2)")));
        }
        Some(Mark::Domestic) => {
            let why = label("the goods are marked as sales at home", "视同内销商品(特殊标识1)");
            return Some((&DOMESTIC, why));
        }
        Some(Mark::Refund) | None => {}
    }
    let is_over = Deadline::ClaimAtAll.last_day(departed).is_some_and(|last| last < today);
    let never_bought = firm.kind == FirmKind::Trader && line.purchases.is_empty();
    if is_over {
        return Some((&DOMESTIC, label("not claimed in 36 months", "36个月内未申报")));
    }
    // Until then an invoice may still come; a claim is not lost by waiting for it.
    let is_routine_over = Deadline::Claim.last_day(departed).is_some_and(|last| last < today);
    (never_bought && is_routine_over).then(|| {
        let why = label("no invoice at all", "未取得任何发票");
        match firm.without_invoice {
            WithoutInvoice::Exempt => (&EXEMPT, why),
            WithoutInvoice::Domestic => (&DOMESTIC, why),
        }
    })
}

/// Claimed, and the day for the money is over.
fn is_unpaid(line: &ExportLine, today: Date) -> bool {
    let by = line.departed.and_then(|day| money_in_by(day, line.payment_by));
    let claimed = line.claimed_e5 > 0 && line.mode != ExportMode::Overseas;
    claimed && line.money == MoneyStatus::Awaited && by.is_some_and(|by| by < today)
}

fn missing(firm: &Firm, line: &ExportLine) -> Vec<MissingProof> {
    let is_overseas = line.is_in_advance();
    let is_cny = line.fob.currency == CNY;
    let mut missing = Vec::new();
    let mut note = |what, is_missing: bool| missing.extend(is_missing.then_some(what));
    note(MissingProof::Release, !line.released);
    note(MissingProof::Departure, line.departed.is_none());
    note(MissingProof::FormNumber, line.entry_id.is_none());
    note(MissingProof::Money, line.money == MoneyStatus::Awaited && !is_overseas);
    // Yuan need no settlement.
    note(MissingProof::Settlement, line.money == MoneyStatus::Received && !is_cny && !is_overseas);
    note(MissingProof::Sale, line.sold_e5.is_some() && line.claimable_e5() <= 0);
    if firm.kind == FirmKind::Trader {
        note(MissingProof::Invoice, line.purchases.is_empty());
        let bought: i128 = line.purchases.iter().map(|it| i128::from(it.qty_e5)).sum();
        let short = bought < i128::from(line.claimable_e5());
        note(MissingProof::InvoiceQuantity, short && !line.purchases.is_empty());
        for purchase in &line.purchases {
            match purchase.verification {
                Verification::Genuine => {}
                Verification::Pending | Verification::Unknown => {
                    note(MissingProof::Verification, true);
                }
                Verification::Differs(_) | Verification::Void | Verification::RedLettered => {
                    note(MissingProof::GenuineInvoice, true);
                }
            }
        }
    }
    missing
}

/// What comes of it. An error names what is missing for a number, when that is not missing anyway.
fn estimate(
    firm: &Firm,
    line: &ExportLine,
    on: Tables<'_>,
) -> Result<(i64, Vec<Trace>), Option<MissingProof>> {
    let day = line.departed.ok_or(None)?;
    let missing = |error: CalculationError| match error {
        CalculationError::NoRate { .. } => Some(MissingProof::Rate),
        CalculationError::NoParity { .. } => Some(MissingProof::Parity),
        CalculationError::NotRefunded(_)
        | CalculationError::Quantity
        | CalculationError::DutyFree
        | CalculationError::Amount => Some(MissingProof::SaneNumbers),
    };
    match firm.kind {
        FirmKind::Trader => trader_estimate(line, day, on.rates).map_err(missing),
        FirmKind::Producer => producer_estimate(firm, line, day, on).map_err(missing),
    }
}

fn trader_estimate(
    line: &ExportLine,
    export_date: Date,
    rates: &RateTable,
) -> Result<(i64, Vec<Trace>), CalculationError> {
    let mut left = line.claimable_e5();
    let (mut sum, mut traces) = (0_i64, Vec::new());
    let good = |it: &&Purchase| it.verification == Verification::Genuine;
    for purchase in line.purchases.iter().filter(good) {
        let qty_e5 = purchase.qty_e5.min(left);
        if qty_e5 == 0 {
            break;
        }
        let refund = refund_for_trader(
            rates,
            &InvoicePart {
                code: &line.code,
                export_date,
                line: purchase.line,
                used: purchase.used,
                levy_bp: purchase.levy_bp,
                qty_e5,
                exported_left_e5: left,
            },
        )?;
        left -= qty_e5;
        sum = sum.checked_add(refund.refund_fen).ok_or(CalculationError::Amount)?;
        traces.push(refund.trace);
    }
    Ok((sum, traces))
}

/// FOB in fen of what is left of a line, by the parity that the firm chose.
///
/// # Errors
///
/// No parity was published in time, or quantities or amounts do not fit.
pub fn fob_left(
    firm: &Firm,
    line: &ExportLine,
    export_date: Date,
    parities: &Parities,
) -> Result<(i64, Option<DatedNumber>), CalculationError> {
    let (fob_fen, parity) = parities.to_cny(&line.fob, firm.parity, export_date)?;
    let whole = QuantityShare { qty_e5: line.qty_e5, fen: fob_fen };
    let taken_e5 = line.qty_e5 - line.left_e5();
    let taken = super::arithmetic::half_up(fob_fen, taken_e5, line.qty_e5);
    let used = QuantityShare { qty_e5: taken_e5, fen: taken.ok_or(CalculationError::Amount)? };
    let left = super::arithmetic::part_of(whole, used, line.claimable_e5());
    Ok((left.ok_or(CalculationError::Quantity)?, parity))
}

/// The cap that the line adds, with the parity in the trace.
fn producer_estimate(
    firm: &Firm,
    line: &ExportLine,
    export_date: Date,
    on: Tables<'_>,
) -> Result<(i64, Vec<Trace>), CalculationError> {
    let (fob_fen, parity) = fob_left(firm, line, export_date, on.parities)?;
    let line = ProducerLine { code: &line.code, export_date, fob_fen, duty_free_fen: 0 };
    let month = Month { lines: vec![line], ..Month::default() };
    let mut result = refund_for_producer(on.rates, &month, super::method::Carry::default())?;
    if parity.is_some() {
        let (basis, basis_zh) = firm.parity.titles();
        let chosen = firm.parity_since.map_or_else(String::new, |day| format!(" ({day})"));
        result.trace.input(
            label("parity chosen", "选定的中间价"),
            TraceValue::Text(format!("{basis} {basis_zh}{chosen}")),
        );
    }
    result.trace.parameters.extend(parity);
    Ok((result.cap_fen, vec![result.trace]))
}

/// The next day that matters: for the money while it is missing, then for the claim.
fn due(line: &ExportLine, today: Date) -> Option<Due> {
    let departed = line.departed?;
    let awaited = line.money == MoneyStatus::Awaited && !line.is_in_advance();
    let money = (Deadline::MoneyIn, money_in_by(departed, line.payment_by)?);
    let claim = (Deadline::Claim, Deadline::Claim.last_day(departed)?);
    let at_all = (Deadline::ClaimAtAll, Deadline::ClaimAtAll.last_day(departed)?);
    let settled = line.settle_by.map(|last| (Deadline::Settlement, last));
    let candidates = [awaited.then_some(money), settled, Some(claim), Some(at_all)];
    let next = candidates.into_iter().flatten().filter(|(_, last)| today <= *last);
    // Nothing is ahead: the last of all is over.
    let (deadline, last) = next.min_by_key(|(_, last)| *last).unwrap_or(at_all);
    Some(Due { deadline, last, days_left: days_left(last, today) })
}

/// Where a line stands in the list that a firm works off, as a text: the list is in the order of these texts. First
/// what has to be given back, then by day, the larger amount first; what is done stands at the end. Lines of one day
/// and amount are in the order of their names.
pub fn urgency(name: &str, found: &Entitlement) -> String {
    let rank = match found.standing {
        LineStatus::ToRecover => 0,
        LineStatus::Claimable | LineStatus::Waiting => 1,
        LineStatus::NotRefunded => 2,
        LineStatus::Done => 3,
    };
    // What has not left has no day yet, and what nothing is known of stands behind what is worth something.
    let last = found.due.map_or(Date::MAX, |due| due.last);
    let less = FEN_MAX - found.estimate_fen.map_or(0, |fen| fen.clamp(0, FEN_MAX));
    format!("{rank}{last}{less:016}{name}")
}
