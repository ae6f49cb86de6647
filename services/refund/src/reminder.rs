//! Days that go by: a firm is reminded of the last day for an export before it comes and when it is over, and a
//! line that stands otherwise since then is judged anew.

use domain::Slot;
use domain::tax_refund::deadline::{Deadline, days_left, reminder};
use store::Fault;
use time::Date;

use crate::claim_line_rows::{self, SentLetters};
use crate::claim_rows::{self, ClaimDay, ClaimRow};
use crate::export_rows;
use crate::note::{NoteKind, RefundNote};
use crate::transaction::RefundTransaction;
use crate::{firm, invoice_rows};

/// Lines that are looked at in one transaction.
const LINES_MAX: i64 = 500;
/// Days before the last one on which a firm is first reminded.
pub(crate) const AHEAD: time::Duration = time::Duration::days(60);

/// Reminds of the days of a slot; whether there may be more.
pub(crate) async fn remind(step: &mut RefundTransaction<'_>, slot: Slot) -> Result<bool, Fault> {
    let lines = remind_of_lines(step, slot).await?;
    let claims = remind_of_claims(step, slot).await?;
    Ok(lines || claims)
}

/// The days of claims: their filing documents, the answer of the tax office, and how long documents are kept.
async fn remind_of_claims(step: &mut RefundTransaction<'_>, slot: Slot) -> Result<bool, Fault> {
    let today = step.today();
    let until = today.saturating_add(AHEAD);
    let mut claims = claim_rows::due(&mut *step.tx, slot, until, today, LINES_MAX).await?;
    for claim in &mut claims {
        // Seen first today: the reminder of today counts as new.
        let seen = claim.reminded.or(claim.submitted).unwrap_or(Date::MIN);
        for (day, last) in claim.deadlines().into_iter().filter(|(day, _)| *day != ClaimDay::Letter)
        {
            if reminder(last, seen, today).is_some() {
                let (text, text_zh) = words(day, last, today);
                let note = RefundNote::of(NoteKind::Reminder, text, text_zh);
                step.add_note(&claim.name.firm, claim.name.name(), note);
            }
        }
        if claim.letter_by.is_some() {
            remind_of_letters(step, claim, seen).await?;
        }
        claim.reminded = Some(today);
        claim_rows::write(&mut *step.tx, claim).await?;
    }
    Ok(i64::try_from(claims.len()).is_ok_and(|count| count == LINES_MAX))
}

/// The days of the letters about lines of a claim, each of its own. Afterwards the claim has the next of them.
async fn remind_of_letters(
    step: &mut RefundTransaction<'_>,
    claim: &mut ClaimRow,
    seen: Date,
) -> Result<(), Fault> {
    let today = step.today();
    let letters = claim_line_rows::letters(&mut *step.tx, &claim.name).await?;
    for SentLetters { sent, lines, first } in &letters {
        let last = Deadline::Letter.last_day(*sent);
        let Some(last) = last.filter(|last| reminder(*last, seen, today).is_some()) else {
            continue;
        };
        let (mut text, mut text_zh) = words(ClaimDay::Letter, last, today);
        if *lines > 1 {
            text = format!("{text}; {lines} lines");
            text_zh = format!("{text_zh}；{lines}条明细");
        }
        let note = RefundNote {
            // Of one line it is about that line, of several about the claim.
            line: if *lines == 1 { first.unsigned_abs() } else { 0 },
            ..RefundNote::of(NoteKind::Reminder, text, text_zh)
        };
        step.add_note(&claim.name.firm, claim.name.name(), note);
    }
    claim.letter_by = claim_line_rows::next_letter_day(&letters, today);
    Ok(())
}

/// What a firm is told of a day, English and Chinese.
fn words(day: ClaimDay, last: Date, today: Date) -> (String, String) {
    let days = days_left(last, today);
    let of = |deadline: Deadline| {
        let law = deadline.law();
        let text = format!("{}: until {last}, {days} days left [{law}]", deadline.title());
        (text, format!("{}：{last}，剩余{days}天〔{law}〕", deadline.title_zh()))
    };
    match day {
        ClaimDay::Documents => of(Deadline::FilingDocuments),
        ClaimDay::Keep => of(Deadline::Keep),
        ClaimDay::Letter => of(Deadline::Letter),
        ClaimDay::Answer => (
            format!(
                "answer of the tax office: until {last}, {days} days left, by the class of the firm"
            ),
            format!("税务机关办结期限：{last}，剩余{days}天（按企业管理类别）"),
        ),
    }
}

/// The days of export lines.
async fn remind_of_lines(step: &mut RefundTransaction<'_>, slot: Slot) -> Result<bool, Fault> {
    let today = step.today();
    let until = today.saturating_add(AHEAD);
    let mut rows = export_rows::due(&mut *step.tx, slot, until, today, LINES_MAX).await?;
    let names = rows.iter().map(|row| row.firm.clone()).collect();
    let firms = firm::load(&mut *step.tx, &names).await?;
    let mut purchases = invoice_rows::purchases(&mut *step.tx, rows.iter()).await?;
    for row in &mut rows {
        // Seen first today: the reminder of today counts as new.
        let seen = row.reminded.unwrap_or(Date::MIN);
        row.reminded = Some(today);
        let firm = firms.get(&row.firm);
        let firm = firm.ok_or_else(|| Fault::Broken("a firm was not loaded".to_owned()))?;
        // One without purchases has none.
        let bought = purchases.remove(&row.name).unwrap_or_default();
        let (_, found) = row.judged(bought, firm, step.tables, today);
        let is_claimed = row.claimed_e5 > 0 && !found.missing.is_empty();
        let is_open = row.left_e5() > 0 || is_claimed || row.settle_by.is_some();
        let Some(due) = found.due.filter(|_| is_open) else { continue };
        if reminder(due.last, seen, today).is_none() {
            continue;
        }
        let (last, days, deadline) = (due.last, due.days_left, due.deadline);
        let law = deadline.law();
        let note = RefundNote {
            line: row.name.line.unsigned_abs(),
            ..RefundNote::of(
                NoteKind::Reminder,
                format!("{}: until {last}, {days} days left [{law}]", deadline.title()),
                format!("{}：{last}，剩余{days}天〔{law}〕", deadline.title_zh()),
            )
        };
        step.add_note(&row.firm, row.name.id.name(), note);
    }
    step.write_exports(&rows).await?;
    Ok(i64::try_from(rows.len()).is_ok_and(|count| count == LINES_MAX))
}
