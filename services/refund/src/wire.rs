//! Messages become questions, and answers become messages.

use std::collections::BTreeMap;

use domain::refusal::{Code, Refusal};
use domain::tax_refund::arithmetic::{FEN_MAX, QuantityShare};
use domain::tax_refund::claim::{
    ClaimEvent, ClaimState, Consequence, Ground, LineEvent, LineState, Query, RecoveryCause,
};
use domain::tax_refund::deadline::{Deadline, days_left, settlement_from};
use domain::tax_refund::entitlement::{
    Actor, Entitlement, FirmClass, FirmKind, LineStatus, MissingProof, MoneyStatus,
};
use domain::tax_refund::firm_terms::FirmTerms;
use domain::tax_refund::invoice::{PlatformAnswer, Verification};
use domain::tax_refund::method::MonthlyVat;
use domain::tax_refund::parity::ParityBasis;
use domain::tax_refund::trace::TraceLanguage;
use domain::{Principal, limits};
use prost::Message as _;
use proto::v1;
use store::follow::JournalUpdate;
use store::journal::JournalEntry;
use store::{Fault, ServiceError};
use time::Date;
use time::format_description::well_known::Iso8601;

use crate::claim::ClaimAct;
use crate::claim_line_rows::{ClaimLineRow, line_column};
use crate::claim_rows::{ClaimRow, ProducerFigures, state_column};
use crate::export_row::ExportRow;
use crate::export_rows::standing_column;
use crate::firm::{self, FirmChange};
use crate::invoice::InvoiceAnswer;
use crate::invoice_rows::{InvoiceLineRow, InvoiceRow, status_column};
use crate::names::{ClaimName, ExportName, WrittenNumber};
use crate::sale_rows::ReportedSale;

/// Decisions and answers of the platform in one message.
const ENTRIES_MAX: usize = 1_000;

/// Whether a caller sees what is this firm's.
pub(crate) fn may_see(principal: &Principal, firm: &str) -> bool {
    principal.owners().is_none_or(|owners| owners.iter().any(|owner| owner == firm))
}

/// The firm that is named, which the caller has to see, or its own.
pub(crate) fn own(principal: &Principal, firm: String) -> Result<String, Refusal> {
    let firm = if firm.is_empty() { principal.customs_code.clone() } else { firm };
    if firm.is_empty() {
        return Err(Refusal::of(Code::Required).with("field", "firm"));
    }
    if !may_see(principal, &firm) {
        return Err(Refusal::of(Code::NotFound).with("name", firm));
    }
    Ok(firm)
}

/// The claim of this name, which the caller has to see.
pub(crate) fn claim_name(principal: &Principal, name: &str) -> Result<ClaimName, Refusal> {
    let claim = ClaimName::parse(name).filter(|claim| may_see(principal, &claim.firm));
    claim.ok_or_else(|| Refusal::of(Code::NotFound).with("name", name))
}

/// The export line of this name.
pub(crate) fn export_name(name: &str) -> Result<ExportName, Refusal> {
    ExportName::parse(name).ok_or_else(|| Refusal::of(Code::NameMalformed).with("name", name))
}

/// A day, where one is given.
pub(crate) fn day(text: &str, field: &'static str) -> Result<Option<Date>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = Date::parse(text, &Iso8601::DATE);
    day.map(Some).map_err(|_| Refusal::of(Code::DateWrong).with("field", field))
}

fn needed_day(text: &str, field: &'static str) -> Result<Date, Refusal> {
    day(text, field)?.ok_or_else(|| Refusal::of(Code::Required).with("field", field))
}

/// The number of a goods declaration form, where one is given.
pub(crate) fn entry_id(text: String) -> Result<Option<String>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let shape = text.len() == 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    let wrong = || Refusal::of(Code::WrongLength).with("field", "entry_id").with("digits", 18);
    shape.then_some(Some(text)).ok_or_else(wrong)
}

/// A remark.
pub(crate) fn note(text: String) -> Result<String, Refusal> {
    if text.chars().count() > limits::TEXT_MAX {
        return Err(Refusal::of(Code::TooLong).with("field", "note"));
    }
    Ok(text)
}

/// A text that somebody has to write.
pub(crate) fn reason(text: String) -> Result<String, Refusal> {
    let text = note(text)?;
    if text.is_empty() {
        return Err(Refusal::of(Code::ReasonMissing).with("field", "text"));
    }
    Ok(text)
}

/// What is known of the money, where it is said.
pub(crate) fn money(wire: i32) -> Result<Option<MoneyStatus>, Refusal> {
    match v1::RefundMoney::try_from(wire) {
        Ok(v1::RefundMoney::Unspecified) => Ok(None),
        Ok(v1::RefundMoney::Awaited) => Ok(Some(MoneyStatus::Awaited)),
        Ok(v1::RefundMoney::Received) => Ok(Some(MoneyStatus::Received)),
        Ok(v1::RefundMoney::Settled) => Ok(Some(MoneyStatus::Settled)),
        Err(_) => Err(Refusal::of(Code::CodeUnknown).with("field", "money")),
    }
}

/// How a firm gets its refunds.
pub(crate) fn firm_change(wire: v1::SetRefundFirmRequest) -> Result<FirmChange, Refusal> {
    let kind = match wire.method() {
        v1::RefundMethod::Trader => FirmKind::Trader,
        v1::RefundMethod::Producer => FirmKind::Producer,
        v1::RefundMethod::Unspecified => {
            return Err(Refusal::of(Code::Required).with("field", "method"));
        }
    };
    let class = i16::try_from(wire.class).ok().and_then(firm::class);
    let range = || Refusal::of(Code::NumberOutOfRange).with("field", "class");
    Ok(FirmChange {
        firm: wire.firm.clone(),
        valid_from: day(&wire.valid_from, "valid_from")?,
        kind,
        class: class.ok_or_else(range)?,
        exempt_without_invoice: wire.exempt_without_invoice,
        waived_from: day(&wire.waived_from, "waived_from")?,
        parity: match wire.parity() {
            v1::RefundParity::FirstOfMonth => ParityBasis::FirstOfMonth,
            v1::RefundParity::DayOfExport | v1::RefundParity::Unspecified => {
                ParityBasis::DayOfExport
            }
        },
    })
}

/// A standing that is asked for, as it is in its column.
pub(crate) fn standing(wire: v1::RefundStanding) -> Option<i16> {
    let standing = match wire {
        v1::RefundStanding::Unspecified => return None,
        v1::RefundStanding::ToRecover => LineStatus::ToRecover,
        v1::RefundStanding::Claimable => LineStatus::Claimable,
        v1::RefundStanding::Waiting => LineStatus::Waiting,
        v1::RefundStanding::NotRefunded => LineStatus::NotRefunded,
        v1::RefundStanding::Done => LineStatus::Done,
    };
    Some(standing_column(standing))
}

fn actor(actor: Actor) -> &'static str {
    match actor {
        Actor::Customs => "customs",
        Actor::Logistics => "logistics",
        Actor::Firm => "firm",
        Actor::Bank => "bank",
        Actor::Supplier => "supplier",
        Actor::Platform => "platform",
        Actor::Operator => "operator",
    }
}

fn entitlement(found: &Entitlement) -> v1::RefundEntitlement {
    let standing = match found.standing {
        LineStatus::ToRecover => v1::RefundStanding::ToRecover,
        LineStatus::Claimable => v1::RefundStanding::Claimable,
        LineStatus::Waiting => v1::RefundStanding::Waiting,
        LineStatus::NotRefunded => v1::RefundStanding::NotRefunded,
        LineStatus::Done => v1::RefundStanding::Done,
    };
    let due = found.due.map(|due| v1::RefundDue {
        title: due.deadline.title().to_owned(),
        title_zh: due.deadline.title_zh().to_owned(),
        last: due.last.to_string(),
        days_left: due.days_left,
        law: due.deadline.law().to_owned(),
    });
    let missing = |proof: &MissingProof| {
        let (who, text) = proof.text();
        let (text, text_zh) = (text.en.to_owned(), text.zh.to_owned());
        v1::MissingProof { who: actor(who).to_owned(), text, text_zh }
    };
    v1::RefundEntitlement {
        standing: standing.into(),
        rule: found.rule.id.to_owned(),
        title: found.rule.title.en.to_owned(),
        title_zh: found.rule.title.zh.to_owned(),
        law: found.rule.law.to_owned(),
        estimate_fen: found.estimate_fen,
        advance: found.advance,
        due,
        missing: found.missing.iter().map(missing).collect(),
        reason: proto::text(found.reason.map(|reason| reason.en)),
        reason_zh: proto::text(found.reason.map(|reason| reason.zh)),
    }
}

/// An export line as it is shown.
pub(crate) fn export(row: &ExportRow, found: &Entitlement) -> v1::ExportLine {
    let money = match row.money {
        MoneyStatus::Awaited => v1::RefundMoney::Awaited,
        MoneyStatus::Received => v1::RefundMoney::Received,
        MoneyStatus::Settled => v1::RefundMoney::Settled,
    };
    v1::ExportLine {
        name: row.name.name(),
        firm: row.firm.clone(),
        order_no: row.order_no.clone(),
        gcode: row.gcode.clone(),
        gname: row.gname.clone(),
        unit: row.unit.clone(),
        qty_e5: row.qty_e5,
        currency: row.currency.clone(),
        amount_e5: row.amount_e5,
        released_time: row.released.map(proto::timestamp),
        departed: proto::text(row.departed.map(|day| day.to_string())),
        entry_id: row.entry_id.clone(),
        money: money.into(),
        bought_e5: row.bought_e5,
        claimed_e5: row.claimed_e5,
        entitlement: Some(entitlement(found)),
        returned_e5: row.returned_e5,
        sold_e5: row.sold_e5,
    }
}

/// How the amount came about, in English and Chinese.
pub(crate) fn traces(found: &Entitlement) -> (Vec<String>, Vec<String>) {
    let text = |tongue| found.traces.iter().map(move |trace| trace.text(tongue)).collect();
    (text(TraceLanguage::English), text(TraceLanguage::Chinese))
}

/// A status of invoices that is asked for, as it is in its column.
pub(crate) fn invoice_status(wire: v1::InvoiceStatus) -> Option<i16> {
    (wire != v1::InvoiceStatus::Unspecified).then(|| i16::try_from(i32::from(wire)).ok()).flatten()
}

/// What warehouses sold.
pub(crate) fn sales(wire: Vec<v1::WarehouseSale>) -> Result<Vec<ReportedSale>, Refusal> {
    bounded(wire.len(), "sales")?;
    let sale = |it: v1::WarehouseSale| {
        if it.number.is_empty() {
            return Err(Refusal::of(Code::Required).with("field", "sales.number"));
        }
        Ok(ReportedSale {
            export: export_name(&it.export_line)?,
            number: note(it.number)?,
            sold: QuantityShare { qty_e5: it.qty_e5, fen: it.amount_e5 },
        })
    };
    wire.into_iter().map(sale).collect()
}

/// An invoice that a firm registers.
pub(crate) fn invoice(wire: v1::RefundInvoice) -> Result<InvoiceRow, Refusal> {
    let line = |line: v1::RefundInvoiceLine| {
        let range = || Refusal::of(Code::NumberOutOfRange).with("field", "levy_bp");
        Ok(InvoiceLineRow {
            gcode: line.gcode,
            unit: line.unit,
            qty_e5: line.qty_e5,
            net_fen: line.net_fen,
            levy_bp: i32::try_from(line.levy_bp).map_err(|_| range())?,
            tax_fen: line.tax_fen,
            used_e5: 0,
        })
    };
    let row = InvoiceRow {
        firm: wire.buyer,
        number: WrittenNumber { code: wire.code, number: wire.number },
        seller: wire.seller,
        issued: needed_day(&wire.issued, "invoice.issued")?,
        note: note(wire.note)?,
        status: Verification::Pending,
        net_fen: 0,
        tax_fen: 0,
        lines: wire.lines.into_iter().map(line).collect::<Result<_, Refusal>>()?,
    };
    let wrong = |why: String, why_zh: String| {
        Refusal::of(Code::InvoiceWrong).with("why", why).with("why_zh", why_zh)
    };
    let shape = || {
        let why = "the number is none: 20 digits, or a code of 10 or 12 digits and 8 digits";
        wrong(why.to_owned(), "发票号码不符：20位数字，或10/12位代码加8位号码".to_owned())
    };
    let ruled = row.ruled().ok_or_else(shape)?;
    let faults = ruled.faults(&row.firm);
    if !faults.is_empty() {
        let all = |of: fn(&domain::tax_refund::invoice::InvoiceFault) -> String| {
            faults.iter().map(of).collect::<Vec<_>>().join("; ")
        };
        return Err(wrong(all(ToString::to_string), all(|fault| fault.text_zh())));
    }
    let large = || Refusal::of(Code::NumberOutOfRange).with("field", "invoice.lines");
    let (net_fen, tax_fen) = ruled.totals().ok_or_else(large)?;
    if net_fen > FEN_MAX || tax_fen > FEN_MAX {
        return Err(large());
    }
    Ok(InvoiceRow { net_fen, tax_fen, ..row })
}

/// An invoice as it is shown.
pub(crate) fn shown_invoice(row: &InvoiceRow) -> v1::RefundInvoice {
    let line = |line: &InvoiceLineRow| v1::RefundInvoiceLine {
        gcode: line.gcode.clone(),
        unit: line.unit.clone(),
        qty_e5: line.qty_e5,
        net_fen: line.net_fen,
        levy_bp: line.levy_bp.unsigned_abs(),
        tax_fen: line.tax_fen,
        used_e5: line.used_e5,
    };
    v1::RefundInvoice {
        code: row.number.code.clone(),
        number: row.number.number.clone(),
        seller: row.seller.clone(),
        buyer: row.firm.clone(),
        issued: row.issued.to_string(),
        lines: row.lines.iter().map(line).collect(),
        note: row.note.clone(),
        status: status_column(&row.status).into(),
        net_fen: row.net_fen,
        tax_fen: row.tax_fen,
    }
}

/// What the invoice platform says, with the firm whose invoices all of it is about.
pub(crate) fn platform_answers(
    answers: Vec<v1::InvoiceAnswer>,
) -> Result<(String, Vec<InvoiceAnswer>), Refusal> {
    bounded(answers.len(), "answers")?;
    let firm = proto::text(answers.first().map(|answer| answer.firm.clone()));
    let verified = answers.into_iter().map(|wire| {
        if wire.firm != firm {
            return Err(Refusal::of(Code::CodeUnknown).with("field", "answers.firm"));
        }
        let answer = match wire.status() {
            v1::InvoiceStatus::Genuine => PlatformAnswer::Found {
                issued: needed_day(&wire.issued, "answers.issued")?,
                seller: wire.seller,
                buyer: wire.buyer,
                net_fen: wire.net_fen,
                tax_fen: wire.tax_fen,
            },
            v1::InvoiceStatus::Unknown => PlatformAnswer::Unknown,
            v1::InvoiceStatus::Void => PlatformAnswer::Void,
            v1::InvoiceStatus::RedLettered => PlatformAnswer::RedLettered,
            v1::InvoiceStatus::Unspecified
            | v1::InvoiceStatus::Pending
            | v1::InvoiceStatus::Differs => {
                return Err(Refusal::of(Code::CodeUnknown).with("field", "answers.status"));
            }
        };
        Ok(InvoiceAnswer { number: WrittenNumber { code: wire.code, number: wire.number }, answer })
    });
    let verified = verified.collect::<Result<_, Refusal>>()?;
    Ok((firm, verified))
}

fn bounded(count: usize, field: &'static str) -> Result<(), Refusal> {
    match count {
        0 => Err(Refusal::of(Code::Required).with("field", field)),
        1..=ENTRIES_MAX => Ok(()),
        _ => Err(Refusal::of(Code::TooManyEntries).with("field", field).with("most", ENTRIES_MAX)),
    }
}

/// A state of claims that is asked for, as it is in its column.
pub(crate) fn claim_state(wire: v1::ClaimState) -> Option<i16> {
    let state = match wire {
        v1::ClaimState::Unspecified => return None,
        v1::ClaimState::Draft => ClaimState::Draft,
        v1::ClaimState::Submitted => ClaimState::Submitted,
        v1::ClaimState::FormRefused => ClaimState::FormRefused,
        v1::ClaimState::UnderReview => ClaimState::UnderReview,
        v1::ClaimState::Withdrawn => ClaimState::Withdrawn,
    };
    Some(state_column(state))
}

/// A state of lines that is asked for, as it is in its column.
pub(crate) fn line_state(wire: v1::ClaimLineState) -> Option<i16> {
    (wire != v1::ClaimLineState::Unspecified).then(|| i16::try_from(i32::from(wire)).ok()).flatten()
}

/// How a firm gets its refunds on a day, as it is shown.
pub(crate) fn terms(terms: &FirmTerms, on: Date) -> v1::RefundTerms {
    let firm = terms.on(on);
    let day_text = |day: Option<Date>| proto::text(day.map(|day| day.to_string()));
    v1::RefundTerms {
        method: match firm.kind {
            FirmKind::Trader => v1::RefundMethod::Trader,
            FirmKind::Producer => v1::RefundMethod::Producer,
        }
        .into(),
        class: class_number(firm.class),
        working_days: firm.class.working_days().into(),
        parity: match firm.parity {
            ParityBasis::FirstOfMonth => v1::RefundParity::FirstOfMonth,
            ParityBasis::DayOfExport => v1::RefundParity::DayOfExport,
        }
        .into(),
        parity_since: day_text(firm.parity_since),
        valid_from: day_text(terms.since(on)),
    }
}

fn class_number(class: FirmClass) -> u32 {
    u32::from(firm::class_column(class).unsigned_abs())
}

/// A claim as it is shown on a day, of a firm that has this class then.
pub(crate) fn claim(row: &ClaimRow, today: Date, class: FirmClass) -> v1::RefundClaim {
    let month = row.name.month;
    let class = row.accepted.map_or(class, |(_, class)| class);
    let day_text = |day: Option<Date>| proto::text(day.map(|day| day.to_string()));
    let answer = row.answers_by();
    let since_submitted = |deadline: Deadline| row.submitted.and_then(|day| deadline.last_day(day));
    v1::RefundClaim {
        name: row.name.name(),
        firm: row.name.firm.clone(),
        month: format!("{}-{:02}", month / 100, month % 100),
        batch: row.name.batch.unsigned_abs(),
        state: state_column(row.state).into(),
        round: row.round,
        complete: row.complete,
        ended: row.is_ended(),
        lines: row.lines.unsigned_abs(),
        undecided: row.undecided.unsigned_abs(),
        queried: row.queried.unsigned_abs(),
        amount_fen: row.amount_fen,
        approved_fen: row.approved_fen,
        paid_fen: row.paid_fen,
        repaid_fen: row.repaid_fen,
        note: row.note.clone(),
        reason: row.reason.clone(),
        made_time: Some(proto::timestamp(row.made_time)),
        changed_time: Some(proto::timestamp(row.changed_time)),
        working_days: class.working_days().into(),
        goods_back: row.goods_back.unsigned_abs(),
        invoice_invalid: row.invoice_invalid.unsigned_abs(),
        class: class_number(class),
        answer_until: day_text(answer),
        answer_days_left: answer.map_or(0, |last| days_left(last, today)),
        documents_until: day_text(since_submitted(Deadline::FilingDocuments)),
        keep_until: day_text(since_submitted(Deadline::Keep)),
        producer: (row.kind == FirmKind::Producer).then(|| producer(&row.figures)),
    }
}

fn producer(figures: &ProducerFigures) -> v1::ProducerMonth {
    v1::ProducerMonth {
        output_vat_fen: figures.vat.output_fen,
        input_vat_fen: figures.vat.input_fen,
        brought_credit_fen: figures.brought.credit_fen,
        brought_short_fen: figures.brought.cap_short_fen,
        non_creditable_fen: figures.sums.non_creditable_fen,
        cap_fen: figures.sums.cap_fen,
        refund_fen: figures.refund_fen,
        exempt_credit_fen: figures.exempt_credit_fen,
        carry_credit_fen: figures.carry.credit_fen,
        carry_short_fen: figures.carry.cap_short_fen,
    }
}

/// VAT of a month at home.
pub(crate) fn vat(output_fen: i64, input_fen: i64) -> Result<MonthlyVat, Refusal> {
    let wrong = |field: &'static str| Refusal::of(Code::NumberOutOfRange).with("field", field);
    for (fen, field) in [(output_fen, "output_vat_fen"), (input_fen, "input_vat_fen")] {
        if !(0..=FEN_MAX).contains(&fen) {
            return Err(wrong(field));
        }
    }
    Ok(MonthlyVat { output_fen, input_fen })
}

/// A line of a claim as it is shown.
pub(crate) fn claim_line(row: &ClaimLineRow, today: Date) -> v1::RefundClaimLine {
    let mut shown = v1::RefundClaimLine {
        line: row.number,
        export_line: row.export.name(),
        entry_id: row.entry_id.clone(),
        invoice_code: row.invoice.code.clone(),
        invoice_number: row.invoice.number.clone(),
        invoice_line: row.invoice_line.unsigned_abs(),
        qty_e5: row.qty_e5,
        net_fen: row.net_fen,
        amount_fen: row.line.amount_fen,
        state: line_column(&row.line.state).into(),
        query_number: row.line.queries,
        code: row.ground.clone(),
        text: row.text.clone(),
        paid_fen: row.paid_fen,
        repaid_fen: row.repaid_fen,
        payment: row.payment.map_or(0, i64::unsigned_abs),
        advance: row.line.advance,
        goods_back: row.goods_back,
        invoice_invalid: row.invoice_invalid,
        query_overdue: row.line.is_letter_overdue(today),
        ..Default::default()
    };
    let is_paid = matches!(row.line.state, LineState::Paid { .. });
    if let Some(paid) = row.paid_day.filter(|_| row.line.advance && is_paid) {
        let until = Deadline::Settlement.last_day(paid);
        shown.settle_from = proto::text(settlement_from(paid).map(|day| day.to_string()));
        shown.settle_until = proto::text(until.map(|day| day.to_string()));
        shown.overdue = until.is_some_and(|until| until < today);
    }
    match &row.line.state {
        LineState::Queried { query, answered } => {
            shown.answered = *answered;
            let query = match query {
                Query::Doubt => v1::ClaimQuery::Doubt,
                Query::Suspension => v1::ClaimQuery::Suspension,
                Query::Letter { sent } => {
                    let until = Deadline::Letter.last_day(*sent);
                    shown.query_until = proto::text(until.map(|day| day.to_string()));
                    v1::ClaimQuery::Letter
                }
            };
            shown.query = query.into();
        }
        LineState::Refused { ground: Ground { law, code }, .. } => {
            shown.law.clone_from(law);
            shown.code.clone_from(code);
        }
        LineState::Approved { fen } => shown.approved_fen = *fen,
        LineState::Recovering { negative, .. } => shown.negative = *negative,
        LineState::Open
        | LineState::Dropped
        | LineState::Paid { .. }
        | LineState::Settled { .. }
        | LineState::Recovered => {}
    }
    shown
}

/// A number that the tax office gave: it has to fit into its column.
fn given(number: u64, field: &'static str) -> Result<u64, Refusal> {
    let fits = i64::try_from(number).is_ok() && number > 0;
    fits.then_some(number).ok_or_else(|| Refusal::of(Code::NumberOutOfRange).with("field", field))
}

fn ground(wire: Option<v1::RefundGround>) -> Result<v1::RefundGround, Refusal> {
    let missing = || Refusal::of(Code::ReasonMissing).with("field", "decisions.ground");
    wire.filter(|it| !it.law.is_empty() && !it.code.is_empty()).ok_or_else(missing)
}

/// What the tax office decides. Payments of one number are one.
pub(crate) fn decisions(
    decisions: Vec<v1::ClaimDecision>,
    today: Date,
) -> Result<Vec<ClaimAct>, Refusal> {
    use v1::claim_decision::What;
    bounded(decisions.len(), "decisions")?;
    let mut acts: Vec<ClaimAct> = Vec::new();
    let mut paid: BTreeMap<u64, BTreeMap<u32, i64>> = BTreeMap::new();
    for v1::ClaimDecision { line, what } in decisions {
        let missing = || Refusal::of(Code::Required).with("field", "decisions.what");
        let plain = |event| ClaimAct { event, code: String::new(), text: String::new() };
        let on = |event| ClaimEvent::Line { line, event };
        acts.push(match what.ok_or_else(missing)? {
            What::Accepted(round) => plain(ClaimEvent::Accepted { round }),
            What::FormRefused(why) => {
                // Which round is said by the request.
                let event = ClaimEvent::FormRefused { round: 0 };
                ClaimAct { event, code: why.code, text: why.text }
            }
            What::Raised(raised) => {
                let query = match raised.query() {
                    v1::ClaimQuery::Doubt => Query::Doubt,
                    v1::ClaimQuery::Suspension => Query::Suspension,
                    v1::ClaimQuery::Letter => Query::Letter { sent: today },
                    v1::ClaimQuery::Unspecified => {
                        return Err(Refusal::of(Code::Required).with("field", "decisions.query"));
                    }
                };
                let event = on(LineEvent::Raised { number: raised.number, query });
                ClaimAct { event, code: note(raised.code)?, text: reason(raised.text)? }
            }
            What::Lifted(number) => plain(on(LineEvent::Lifted { number })),
            What::ApprovedFen(fen) => plain(on(LineEvent::Approved { fen })),
            What::Refused(refused) => {
                let then = match refused.then() {
                    v1::RefusedConsequence::Correct => Consequence::Correct,
                    v1::RefusedConsequence::Exempt => Consequence::Exempt,
                    v1::RefusedConsequence::Domestic => Consequence::Domestic,
                    v1::RefusedConsequence::Unspecified => {
                        return Err(Refusal::of(Code::Required).with("field", "decisions.then"));
                    }
                };
                let why = ground(refused.ground)?;
                let ground = Ground { law: why.law, code: why.code.clone() };
                let event = on(LineEvent::Refused { ground, then });
                ClaimAct { event, code: why.code, text: note(why.text)? }
            }
            What::Paid(payment) => {
                let number = given(payment.payment, "decisions.payment")?;
                paid.entry(number).or_default().insert(line, payment.amount_fen);
                continue;
            }
            What::Recovered(recovered) => {
                let negative = given(recovered.negative, "decisions.negative")?;
                let cause = match recovered.reason_code() {
                    v1::RecoveryReason::Returned => RecoveryCause::Returned,
                    v1::RecoveryReason::NoMoney => RecoveryCause::NoMoney,
                    v1::RecoveryReason::Invoice => RecoveryCause::Invoice,
                    v1::RecoveryReason::Unsettled => RecoveryCause::Unsettled,
                    v1::RecoveryReason::Unspecified => {
                        let field = "decisions.reason_code";
                        return Err(Refusal::of(Code::Required).with("field", field));
                    }
                };
                plain(on(LineEvent::Recovered { cause, negative }))
            }
            What::Repaid(negative) => {
                let negative = given(negative, "decisions.repaid")?;
                plain(on(LineEvent::Repaid { negative }))
            }
        });
    }
    acts.extend(paid.into_iter().map(|(payment, lines)| ClaimAct {
        event: ClaimEvent::Paid { payment, lines },
        code: String::new(),
        text: String::new(),
    }));
    Ok(acts)
}

/// What an entry of the journal says, as far as it is about the whole or about one of these lines.
pub(crate) fn entry(entry: &JournalEntry, lines: Option<&[u32]>) -> Result<v1::RefundEntry, Fault> {
    let kept = v1::RefundFacts::decode(&*entry.facts)
        .map_err(|_| Fault::Broken("an entry of the journal is damaged".to_owned()))?;
    let mut facts = kept.facts;
    if let Some(lines) = lines {
        facts.retain(|fact| fact.line == 0 || lines.contains(&fact.line));
    }
    let time = Some(proto::timestamp(entry.recorded_time));
    Ok(v1::RefundEntry { name: kept.name, time, facts })
}

/// What a watcher is told.
pub(crate) fn watch_response(
    news: JournalUpdate,
) -> Result<v1::WatchRefundsResponse, ServiceError> {
    match news {
        JournalUpdate::Quiet(resume_token) => {
            Ok(v1::WatchRefundsResponse { resume_token, ..Default::default() })
        }
        JournalUpdate::Entry(entry, token) => {
            let kept = v1::RefundFacts::decode(&*entry.facts)
                .map_err(|_| Fault::Broken("an entry of the journal is damaged".to_owned()))?;
            Ok(v1::WatchRefundsResponse {
                name: kept.name,
                firm: entry.owner.clone(),
                facts: kept.facts,
                time: Some(proto::timestamp(entry.recorded_time)),
                resume_token: proto::text(token),
                unreadable: false,
            })
        }
    }
}

/// What is told of an entry that cannot be read.
pub(crate) fn unreadable(entry: &JournalEntry, token: Option<String>) -> v1::WatchRefundsResponse {
    v1::WatchRefundsResponse {
        firm: entry.owner.clone(),
        time: Some(proto::timestamp(entry.recorded_time)),
        resume_token: proto::text(token),
        unreadable: true,
        ..Default::default()
    }
}
