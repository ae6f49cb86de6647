//! A claim is proposed: everything that may be claimed of what left until the end of a month. Its lines are
//! added a few hundred at a time, so that a claim of 100,000 costs no more memory than one of ten, and the
//! lines of one that was taken back are freed the same way.

use domain::refusal::{Code, Refusal};
use domain::tax_refund::arithmetic::Yuan;
use domain::tax_refund::claim::{ClaimLine, ClaimState, LineState};
use domain::tax_refund::entitlement::{ExportLine, Firm, FirmKind, LineStatus, fob_left};
use domain::tax_refund::method::{
    InvoicePart, MonthlyVat, PRODUCER, ProducerLine, ProducerSums, TRADER, producer_part,
    refund_for_sums, refund_for_trader, share_of_refund,
};
use domain::tax_refund::trace::LawRule;
use store::{Fault, column};
use uuid::Uuid;

use crate::claim_line_rows::{self, ClaimLineRow, LinesToGiveBack};
use crate::claim_rows::{self, ClaimRow, ProducerFigures};
use crate::export_row::ExportRow;
use crate::export_rows;
use crate::invoice_rows::{self, BoughtPart};
use crate::names::{ClaimName, WrittenNumber, last_day};
use crate::note::{NoteKind, RefundNote};
use crate::transaction::RefundTransaction;
use crate::{firm, freed_line};

/// Export lines that are looked at in one transaction, and lines that are freed.
const LINES_MAX: i64 = 500;

/// What is to be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal {
    /// YYYYMM.
    pub(crate) month: i32,
    pub(crate) note: String,
    /// Of a producer.
    pub(crate) vat: MonthlyVat,
}

/// Begins a claim.
pub(crate) async fn propose(
    step: &mut RefundTransaction<'_>,
    firm: &str,
    proposal: &Proposal,
) -> Result<Result<ClaimRow, Refusal>, Fault> {
    let kind = firm::terms_of(&mut *step.tx, firm).await?.on(step.today()).kind;
    let figures = match figures(step, firm, kind, proposal).await? {
        Ok(figures) => figures,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let batch = claim_rows::next_batch(&mut *step.tx, firm, proposal.month).await?;
    let claim = ClaimRow {
        name: ClaimName { firm: firm.to_owned(), month: proposal.month, batch },
        kind,
        state: ClaimState::Draft,
        round: 0,
        complete: false,
        after: (Uuid::nil(), 0),
        lines: 0,
        undecided: 0,
        queried: 0,
        ended: 0,
        amount_fen: 0,
        approved_fen: 0,
        paid_fen: 0,
        repaid_fen: 0,
        goods_back: 0,
        invoice_invalid: 0,
        letter_by: None,
        submitted: None,
        accepted: None,
        reminded: None,
        figures,
        note: proposal.note.clone(),
        reason: String::new(),
        made_time: step.now,
        changed_time: step.now,
    };
    claim_rows::write(&mut *step.tx, &claim).await?;
    step.under_way.insert(claim.name.clone());
    Ok(Ok(claim))
}

/// With what the month of a producer begins: what the one before left. Months hang together, so they are claimed in
/// their order.
async fn figures(
    step: &mut RefundTransaction<'_>,
    firm: &str,
    kind: FirmKind,
    proposal: &Proposal,
) -> Result<Result<ProducerFigures, Refusal>, Fault> {
    let is_none = proposal.vat == MonthlyVat::default();
    let range = |field: &'static str| Refusal::of(Code::NumberOutOfRange).with("field", field);
    if kind == FirmKind::Trader {
        let figures = ProducerFigures::default();
        return Ok(if is_none { Ok(figures) } else { Err(range("input_vat_fen")) });
    }
    let last = claim_rows::last_of_producer(&mut *step.tx, firm).await?;
    let Some(last) = last else {
        return Ok(Ok(ProducerFigures { vat: proposal.vat, ..ProducerFigures::default() }));
    };
    let refused = |why: &str, why_zh: &str| {
        Refusal::of(Code::ClaimOutOfStep).with("why", why).with("why_zh", why_zh)
    };
    if last.name.month > proposal.month {
        return Ok(Err(refused("a later month is claimed already", "后续月份已申报")));
    }
    if !last.complete {
        return Ok(Err(refused("the claim before is still put together", "上一份申报仍在生成")));
    }
    if last.name.month == proposal.month && !is_none {
        // The month's VAT is in the first claim of the month.
        return Ok(Err(range("input_vat_fen")));
    }
    let brought = last.figures.carry;
    Ok(Ok(ProducerFigures { vat: proposal.vat, brought, ..ProducerFigures::default() }))
}

/// Adds lines to a draft, or frees those of a claim that was taken back; whether there may be more.
pub(crate) async fn advance(
    step: &mut RefundTransaction<'_>,
    name: &ClaimName,
) -> Result<bool, Fault> {
    let Some(mut claim) = claim_rows::load(&mut *step.tx, name).await? else {
        return Err(Fault::Broken(format!("{} is gone", name.name())));
    };
    match claim.state {
        ClaimState::Draft if claim.figures.counted && !claim.complete => {
            share(step, &mut claim).await?;
            Ok(!claim.complete)
        }
        ClaimState::Draft if !claim.complete => {
            add(step, &mut claim).await?;
            Ok(!claim.complete)
        }
        ClaimState::Withdrawn => release(step, &mut claim).await,
        ClaimState::Draft
        | ClaimState::Submitted
        | ClaimState::FormRefused
        | ClaimState::UnderReview => Ok(false),
    }
}

async fn add(step: &mut RefundTransaction<'_>, claim: &mut ClaimRow) -> Result<(), Fault> {
    let name = claim.name.clone();
    let until = last_day(name.month)
        .ok_or_else(|| Fault::Broken(format!("{} has no month", name.name())))?;
    let mut exports =
        export_rows::unclaimed(&mut *step.tx, &name.firm, until, claim.after, LINES_MAX).await?;
    let is_last = i64::try_from(exports.len()).is_ok_and(|count| count < LINES_MAX);
    if let Some(last) = exports.last() {
        claim.after = (last.name.id.uuid(), last.name.line);
    }
    let mut parts = invoice_rows::parts(&mut *step.tx, exports.iter()).await?;
    let terms = firm::terms_of(&mut *step.tx, &name.firm).await?;
    let mut lines: Vec<ClaimLineRow> = Vec::new();
    exports.retain_mut(|export| {
        // One without purchases has none.
        let parts = parts.remove(&export.name).unwrap_or_default();
        let purchases = parts.iter().map(|part| part.purchase.clone()).collect();
        let (line, found) = export.judged(purchases, &terms, step.tables, step.today());
        let firm = &export.terms(&terms, step.today());
        // What left while its firm got its refunds by the other method is in no claim of this one.
        if found.standing != LineStatus::Claimable || firm.kind != claim.kind {
            return false;
        }
        let before = lines.len();
        let beside = claim.lines.unsigned_abs();
        match firm.kind {
            FirmKind::Trader => {
                let mut left = line.claimable_e5();
                for part in &parts {
                    let number = number_of(lines.len(), beside);
                    let row = trader_line(step, export, part, (found.advance, left), number);
                    left -= row.as_ref().map_or(0, |row| row.qty_e5);
                    lines.extend(row);
                }
            }
            FirmKind::Producer => {
                let number = number_of(lines.len(), beside);
                if let Some((row, part)) = producer_row(step, export, &line, firm, number)
                    && let Ok(sums) = claim.figures.sums.plus(part)
                {
                    claim.figures.sums = sums;
                    lines.push(ClaimLineRow { line: ClaimLine::new(0, found.advance), ..row });
                }
            }
        }
        let claimed: i64 = lines.iter().skip(before).map(|line| line.qty_e5).sum();
        export.claimed_e5 += claimed;
        claimed > 0
    });
    let added: i64 = lines.iter().map(|line| line.line.amount_fen).sum();
    for line in &lines {
        claim.count(line, 1);
    }
    claim.lines +=
        i32::try_from(lines.len()).map_err(|_| Fault::Broken("too many lines".into()))?;
    claim.amount_fen += added;
    claim.changed_time = step.now;
    if is_last && claim.kind == FirmKind::Producer {
        settle(claim)?;
    } else {
        claim.complete = is_last;
    }
    claim_line_rows::write(&mut *step.tx, &name, &lines.iter().collect::<Vec<_>>()).await?;
    claim_rows::write(&mut *step.tx, claim).await?;
    step.write_exports(&exports).await?;
    note_complete(step, claim);
    Ok(())
}

/// Tells that all that may be claimed is in it.
fn note_complete(step: &mut RefundTransaction<'_>, claim: &ClaimRow) {
    if claim.complete {
        let (count, amount) = (claim.lines, Yuan(claim.amount_fen));
        let note = RefundNote {
            fen: claim.amount_fen,
            ..RefundNote::of(
                NoteKind::ClaimProposed,
                format!("proposed: {count} lines, {amount} CNY"),
                format!("已生成：{count}条明细，应退税额{amount}元"),
            )
        };
        step.add_note(&claim.name.firm, claim.name.name(), note);
    }
}

/// What the month of a producer comes to, when all its exports are in it; it is shared out over them then.
fn settle(claim: &mut ClaimRow) -> Result<(), Fault> {
    let figures = &mut claim.figures;
    let month = refund_for_sums(figures.sums, figures.vat, figures.brought);
    let month =
        month.map_err(|error| Fault::Broken(format!("a month cannot be settled: {error}")))?;
    figures.exempt_credit_fen = month.exempt_credit_fen;
    figures.carry = month.carry;
    figures.refund_fen = month.refund_fen;
    figures.counted = true;
    claim.after = (Uuid::nil(), 0);
    Ok(())
}

/// Shares the refund of a month out over some of its lines, by what each adds to the cap.
async fn share(step: &mut RefundTransaction<'_>, claim: &mut ClaimRow) -> Result<(), Fault> {
    let name = claim.name.clone();
    let mut lines = claim_line_rows::list(
        &mut *step.tx,
        &name,
        (None, LinesToGiveBack::default()),
        claim.after.1,
        LINES_MAX,
    )
    .await?;
    for row in &mut lines {
        let figures = &mut claim.figures;
        let (refund, cap) = (figures.refund_fen, figures.sums.cap_fen);
        let part = share_of_refund(refund, cap, figures.shared_cap_fen, row.cap_fen);
        let part =
            part.ok_or_else(|| Fault::Broken("the caps of a month do not fit".to_owned()))?;
        row.line.amount_fen = part;
        figures.shared_cap_fen += row.cap_fen;
        claim.amount_fen += part;
        claim.after.1 = column::integer(row.number)?;
    }
    claim.complete = i64::try_from(lines.len()).is_ok_and(|count| count < LINES_MAX);
    claim.changed_time = step.now;
    claim_line_rows::write(&mut *step.tx, &name, &lines.iter().collect::<Vec<_>>()).await?;
    claim_rows::write(&mut *step.tx, claim).await?;
    note_complete(step, claim);
    Ok(())
}

/// The number of the next line.
fn number_of(beside: usize, before: u32) -> Option<u32> {
    u32::try_from(beside).ok()?.checked_add(before)?.checked_add(1)
}

/// The line of a producer's claim for an export, and what it adds to the month.
fn producer_row(
    step: &RefundTransaction<'_>,
    export: &ExportRow,
    line: &ExportLine,
    firm: &Firm,
    number: Option<u32>,
) -> Option<(ClaimLineRow, ProducerSums)> {
    let export_date = export.departed?;
    // It was judged by the same rules just before.
    let (fob_fen, _) = fob_left(firm, line, export_date, step.tables.parities).ok()?;
    let of = ProducerLine { code: &export.gcode, export_date, fob_fen, duty_free_fen: 0 };
    let part = producer_part(step.tables.rates, &of).ok()?;
    let rate = step.tables.rates.find(&export.gcode, export_date)?;
    let row = ClaimLineRow {
        qty_e5: line.claimable_e5(),
        cap_fen: part.cap_fen,
        refund_bp: rate.refund_bp.cast_signed(),
        levy_bp: rate.levy_bp.cast_signed(),
        ..proposed(number?, export, &PRODUCER, ClaimLine::new(0, false))
    };
    Some((row, part))
}

/// The line of a claim for a purchase; none when nothing would be refunded for it.
fn trader_line(
    step: &RefundTransaction<'_>,
    export: &ExportRow,
    part: &BoughtPart,
    (advance, left): (bool, i64),
    number: Option<u32>,
) -> Option<ClaimLineRow> {
    let export_date = export.departed?;
    if left <= 0 {
        return None;
    }
    let invoice = InvoicePart {
        code: &export.gcode,
        export_date,
        line: part.purchase.line,
        used: part.purchase.used,
        levy_bp: part.purchase.levy_bp,
        qty_e5: part.purchase.qty_e5.min(left),
        exported_left_e5: left,
    };
    // It was judged by the same rules just before.
    let refund = refund_for_trader(step.tables.rates, &invoice).ok()?;
    let rate = step.tables.rates.find(&export.gcode, export_date)?;
    let number = number?;
    (refund.refund_fen > 0).then(|| ClaimLineRow {
        invoice: part.number.clone(),
        invoice_line: part.line,
        qty_e5: invoice.qty_e5,
        net_fen: refund.net_fen,
        refund_bp: rate.refund_bp.cast_signed(),
        levy_bp: part.purchase.levy_bp.cast_signed(),
        ..proposed(number, export, &TRADER, ClaimLine::new(refund.refund_fen, advance))
    })
}

/// A line for an export of which nothing is said yet but by which rule it is.
fn proposed(number: u32, export: &ExportRow, rule: &LawRule, line: ClaimLine) -> ClaimLineRow {
    ClaimLineRow {
        number,
        export: export.name,
        entry_id: export.entry_id.clone(),
        invoice: WrittenNumber { code: String::new(), number: String::new() },
        invoice_line: 0,
        qty_e5: 0,
        net_fen: 0,
        cap_fen: 0,
        rule: rule.id.to_owned(),
        rule_version: rule.version.cast_signed(),
        refund_bp: 0,
        levy_bp: 0,
        line,
        ground: String::new(),
        text: String::new(),
        payment: None,
        paid_fen: 0,
        repaid_fen: 0,
        goods_back: false,
        invoice_invalid: false,
        paid_day: None,
        reversed_e5: 0,
    }
}

/// Frees lines of a claim that was taken back; whether there may be more.
async fn release(step: &mut RefundTransaction<'_>, claim: &mut ClaimRow) -> Result<bool, Fault> {
    let name = claim.name.clone();
    let undecided = [1, 2];
    let mut lines = claim_line_rows::list(
        &mut *step.tx,
        &name,
        (Some(&undecided), LinesToGiveBack::default()),
        0,
        LINES_MAX,
    )
    .await?;
    for row in &mut lines {
        claim.count(row, -1);
        row.line.state = LineState::Dropped;
        claim.count(row, 1);
    }
    let lines: Vec<&ClaimLineRow> = lines.iter().collect();
    claim_line_rows::write(&mut *step.tx, &name, &lines).await?;
    claim_rows::write(&mut *step.tx, claim).await?;
    freed_line::free(step, &name, &lines).await?;
    Ok(i64::try_from(lines.len()).is_ok_and(|count| count == LINES_MAX))
}
