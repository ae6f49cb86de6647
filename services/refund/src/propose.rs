//! A claim is proposed: everything that may be claimed of what left until the end of a month. Its lines are
//! added a few hundred at a time, so that a claim of 100,000 costs no more memory than one of ten, and the
//! lines of one that was taken back are freed the same way.

use domain::refusal::{Code, Refusal};
use domain::tax_refund::arithmetic::Yuan;
use domain::tax_refund::claim::{ClaimLine, ClaimState, LineState};
use domain::tax_refund::entitlement::{FirmKind, LineStatus};
use domain::tax_refund::method::{InvoicePart, TRADER, refund_for_trader};
use store::Fault;
use uuid::Uuid;

use crate::claim_rows::{self, ClaimLineRow, ClaimRow};
use crate::export_rows::{self, ExportRow};
use crate::firm;
use crate::invoice_rows::{self, BoughtPart};
use crate::names::{ClaimName, last_day};
use crate::transaction::{NoteKind, RefundNote, RefundTransaction};

/// Export lines that are looked at in one transaction, and lines that are freed.
const LINES_MAX: i64 = 500;

/// What is to be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal {
    /// YYYYMM.
    pub(crate) month: i32,
    pub(crate) note: String,
}

/// Begins a claim.
pub(crate) async fn propose(
    step: &mut RefundTransaction<'_>,
    firm: &str,
    proposal: &Proposal,
) -> Result<Result<ClaimRow, Refusal>, Fault> {
    let firms = firm::load(&mut *step.tx, &[firm.to_owned()].into()).await?;
    let kind = firms.get(firm).map(|it| it.kind);
    let kind = kind.ok_or_else(|| Fault::Broken("a firm was not loaded".to_owned()))?;
    if kind == FirmKind::Producer {
        let refusal = Refusal::of(Code::ClaimOutOfStep).with("firm", firm);
        let why = "claims of producers need the month's tax return, which is not kept here";
        return Ok(Err(refusal
            .with("why", why)
            .with("why_zh", "生产企业免抵退税申报须有当期纳税申报表")));
    }
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
        note: proposal.note.clone(),
        reason: String::new(),
        made_time: step.now,
        changed_time: step.now,
    };
    claim_rows::write(&mut *step.tx, &claim).await?;
    step.under_way.insert(claim.name.clone());
    Ok(Ok(claim))
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
    let firms = firm::load(&mut *step.tx, &[name.firm.clone()].into()).await?;
    let firm = firms.get(&name.firm);
    let firm = firm.ok_or_else(|| Fault::Broken("a firm was not loaded".to_owned()))?;
    let mut lines: Vec<ClaimLineRow> = Vec::new();
    exports.retain_mut(|export| {
        // One without purchases has none.
        let parts = parts.remove(&export.name).unwrap_or_default();
        let purchases = parts.iter().map(|part| part.purchase.clone()).collect();
        let (_, found) = export.judged(purchases, firm, step.tables, step.today());
        if found.standing != LineStatus::Claimable {
            return false;
        }
        let before = lines.len();
        for part in &parts {
            lines.extend(line_of(step, export, part, found.advance, lines.len(), claim.lines));
        }
        let claimed: i64 = lines.iter().skip(before).map(|line| line.qty_e5).sum();
        export.claimed_e5 += claimed;
        claimed > 0
    });
    let added: i64 = lines.iter().map(|line| line.line.amount_fen).sum();
    for line in &lines {
        claim.count(&line.line, 1);
    }
    claim.lines +=
        i32::try_from(lines.len()).map_err(|_| Fault::Broken("too many lines".into()))?;
    claim.amount_fen += added;
    claim.complete = is_last;
    claim.changed_time = step.now;
    claim_rows::write_lines(&mut *step.tx, &name, &lines.iter().collect::<Vec<_>>()).await?;
    claim_rows::write(&mut *step.tx, claim).await?;
    step.write_exports(&exports).await?;
    if is_last {
        let (count, amount) = (claim.lines, Yuan(claim.amount_fen));
        let note = RefundNote {
            fen: claim.amount_fen,
            ..RefundNote::of(
                NoteKind::ClaimProposed,
                format!("proposed: {count} lines, {amount} CNY"),
                format!("已生成：{count}条明细，应退税额{amount}元"),
            )
        };
        step.tell(&name.firm, name.name(), note);
    }
    Ok(())
}

/// The line of a claim for a purchase; none when nothing would be refunded for it.
fn line_of(
    step: &RefundTransaction<'_>,
    export: &ExportRow,
    part: &BoughtPart,
    advance: bool,
    beside: usize,
    before: i32,
) -> Option<ClaimLineRow> {
    let export_date = export.departed?;
    let left = export.left_e5();
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
    let number = u32::try_from(beside).ok()?.checked_add(u32::try_from(before).ok()?)? + 1;
    (refund.refund_fen > 0).then(|| ClaimLineRow {
        number,
        export: export.name,
        entry_id: export.entry_id.clone(),
        invoice: part.number.clone(),
        invoice_line: part.line,
        qty_e5: invoice.qty_e5,
        net_fen: refund.net_fen,
        rule: TRADER.id.to_owned(),
        rule_version: TRADER.version.cast_signed(),
        refund_bp: rate.refund_bp.cast_signed(),
        levy_bp: part.purchase.levy_bp.cast_signed(),
        line: ClaimLine::new(refund.refund_fen, advance),
        ground: String::new(),
        text: String::new(),
        payment: None,
        paid_fen: 0,
        repaid_fen: 0,
    })
}

/// Frees lines of a claim that was taken back; whether there may be more.
async fn release(step: &mut RefundTransaction<'_>, claim: &mut ClaimRow) -> Result<bool, Fault> {
    let name = claim.name.clone();
    let undecided = [1, 2];
    let mut lines = claim_rows::lines(&mut *step.tx, &name, Some(&undecided), 0, LINES_MAX).await?;
    for row in &mut lines {
        claim.count(&row.line, -1);
        row.line.state = LineState::Dropped;
        claim.count(&row.line, 1);
    }
    let lines: Vec<&ClaimLineRow> = lines.iter().collect();
    claim_rows::write_lines(&mut *step.tx, &name, &lines).await?;
    claim_rows::write(&mut *step.tx, claim).await?;
    crate::claim::free(step, &name, &lines).await?;
    Ok(i64::try_from(lines.len()).is_ok_and(|count| count == LINES_MAX))
}
