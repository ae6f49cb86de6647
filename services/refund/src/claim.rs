//! What happens to a claim, by `domain::tax_refund::claim`: what the firm does with it and what the tax office
//! says of it. All that is asked together has its effect, or nothing of it; what has its effect already has no
//! second one.

use std::collections::{BTreeMap, BTreeSet};

use domain::refusal::{Code, Refusal};
use domain::tax_refund::arithmetic::Yuan;
use domain::tax_refund::claim::{
    ClaimError, ClaimEvent, ClaimFact, ClaimLine, Consequence, LineEvent, LineState, Query, apply,
};
use domain::tax_refund::deadline::Deadline;
use domain::tax_refund::entitlement::FirmKind;
use store::{Fault, column};
use time::Date;

use crate::claim_line_rows::{self, ClaimLineRow, foreign_number};
use crate::claim_rows::{self, ClaimRow};
use crate::freed_line::free;
use crate::names::ClaimName;
use crate::note::{NoteKind, RefundNote};
use crate::transaction::RefundTransaction;
use crate::{export_rows, firm};

/// Something that happens to a claim, with the code and words of whoever says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimAct {
    pub(crate) event: ClaimEvent,
    pub(crate) code: String,
    pub(crate) text: String,
}

/// What the rules refuse, as callers are told.
fn refused(error: ClaimError, event: &ClaimEvent) -> Refusal {
    let code = match error {
        ClaimError::State => Code::ClaimOutOfStep,
        ClaimError::NoLine => Code::NotFound,
        ClaimError::Overtaken => Code::ClaimOvertaken,
        ClaimError::Different | ClaimError::Amount => Code::ClaimAmountWrong,
    };
    let refusal = Refusal::of(code).with("why", error).with("why_zh", error.text_zh());
    match event {
        ClaimEvent::Line { line, .. } => refusal.with("line", line),
        ClaimEvent::Submit { .. }
        | ClaimEvent::Withdraw
        | ClaimEvent::FormRefused { .. }
        | ClaimEvent::Accepted { .. }
        | ClaimEvent::Paid { .. } => refusal,
    }
}

fn unknown(name: &ClaimName) -> Refusal {
    Refusal::of(Code::NotFound).with("name", name.name())
}

/// A claim as it is now.
pub(crate) async fn now(
    step: &mut RefundTransaction<'_>,
    name: &ClaimName,
) -> Result<Result<ClaimRow, Refusal>, Fault> {
    let found = claim_rows::load(&mut *step.tx, name).await?;
    Ok(found.ok_or_else(|| unknown(name)))
}

/// Has it happen.
pub(crate) async fn act(
    step: &mut RefundTransaction<'_>,
    name: &ClaimName,
    acts: &[ClaimAct],
) -> Result<Result<ClaimRow, Refusal>, Fault> {
    let Some(mut claim) = claim_rows::load(&mut *step.tx, name).await? else {
        return Ok(Err(unknown(name)));
    };
    let submits = acts.iter().any(|act| matches!(act.event, ClaimEvent::Submit { .. }));
    if submits && !claim.complete {
        let refusal = Refusal::of(Code::ClaimOutOfStep).with("why", "its lines are still added");
        return Ok(Err(refusal.with("why_zh", "申报明细仍在生成")));
    }
    let withdraws = acts.iter().any(|act| act.event == ClaimEvent::Withdraw);
    if withdraws && claim.kind == FirmKind::Producer {
        let last = claim_rows::last_of_producer(&mut *step.tx, &name.firm).await?;
        if last.is_some_and(|last| last.name > *name) {
            let why = "a later month goes on from what this one leaves";
            let refusal = Refusal::of(Code::ClaimOutOfStep).with("why", why);
            return Ok(Err(refusal.with("why_zh", "后续月份已承接本月结转数据")));
        }
    }
    let (numbers, payments) = named(acts)?;
    let mut rows = claim_line_rows::some(&mut *step.tx, name, &numbers).await?;
    let payments = claim_line_rows::payments(&mut *step.tx, name, &payments).await?;
    let mut lines: BTreeMap<u32, ClaimLine> =
        rows.iter().map(|(number, row)| (*number, row.line.clone())).collect();
    if submits && claim.undecided > 0 {
        // It is not loaded whole: one stands for all that are undecided.
        lines.insert(0, ClaimLine::new(0, false));
    }
    let terms = firm::terms_of(&mut *step.tx, &name.firm).await?;
    let mut machine = claim.machine(lines, payments);
    let (mut freed, mut notes) = (BTreeSet::new(), Vec::new());
    let (mut parted, mut paid) = (BTreeSet::new(), BTreeSet::new());
    for act in acts {
        let facts = match apply(&mut machine, &act.event) {
            Ok(facts) => facts,
            Err(error) => return Ok(Err(refused(error, &act.event))),
        };
        for fact in facts {
            take(&mut claim, &mut rows, &fact, act, step.today())?;
            match fact {
                ClaimFact::Submitted { .. } => {
                    claim.submitted = Some(step.today());
                    notes.push(note(&fact, act));
                }
                ClaimFact::Accepted { .. } => {
                    claim.accepted = Some((step.today(), terms.on(step.today()).class));
                    notes.push(note(&fact, act));
                }
                ClaimFact::Settled { line, .. } if act.is_repayment() => {
                    parted.insert(line);
                    notes.push(note(&fact, act));
                }
                ClaimFact::Paid { line, .. } => {
                    paid.insert(line);
                    notes.push(note(&fact, act));
                }
                ClaimFact::Freed(line) => {
                    freed.insert(line);
                }
                ClaimFact::Withdrawn => {
                    step.under_way.insert(name.clone());
                    notes.push(note(&fact, act));
                }
                fact => notes.push(note(&fact, act)),
            }
        }
    }
    let (mut changed, mut letters_change) = (Vec::new(), false);
    for (number, row) in &mut rows {
        let then = machine.lines.get(number);
        let then = then.ok_or_else(|| Fault::Broken("a line of a claim is lost".to_owned()))?;
        if row.line != *then {
            letters_change |= letter_sent(&row.line) != letter_sent(then);
            claim.count(row, -1);
            row.line = then.clone();
            claim.count(row, 1);
            changed.push(*number);
        }
    }
    (claim.state, claim.round) = (machine.state, machine.round);
    if notes.is_empty() && changed.is_empty() {
        return Ok(Ok(claim));
    }
    claim.changed_time = step.now;
    let changed: Vec<&ClaimLineRow> = changed.iter().filter_map(|it| rows.get(it)).collect();
    claim_line_rows::write(&mut *step.tx, name, &changed).await?;
    if letters_change {
        let letters = claim_line_rows::letters(&mut *step.tx, name).await?;
        claim.letter_by = claim_line_rows::next_letter_day(&letters, step.today());
    }
    claim_rows::write(&mut *step.tx, &claim).await?;
    let freed: Vec<&ClaimLineRow> = freed.iter().filter_map(|it| rows.get(it)).collect();
    free(step, name, &freed).await?;
    let of = |lines: &BTreeSet<u32>| lines.iter().filter_map(|it| rows.get(it)).collect::<Vec<_>>();
    advance(step, name, &of(&paid), &of(&parted)).await?;
    notes.into_iter().for_each(|note| step.add_note(&name.firm, name.name(), note));
    Ok(Ok(claim))
}

/// The day of a letter about it to which there is no answer.
fn letter_sent(line: &ClaimLine) -> Option<Date> {
    match line.state {
        LineState::Queried { query: Query::Letter { sent }, .. } => Some(sent),
        _ => None,
    }
}

impl ClaimAct {
    fn is_repayment(&self) -> bool {
        matches!(&self.event, ClaimEvent::Line { event: LineEvent::Repaid { .. }, .. })
    }

    /// Why a refund is recovered, in English and Chinese.
    fn cause(&self) -> Option<(&'static str, &'static str)> {
        match &self.event {
            ClaimEvent::Line { event: LineEvent::Recovered { cause, .. }, .. } => {
                Some(cause.titles())
            }
            _ => None,
        }
    }
}

/// What follows for exports of warehouses: of advance refunds that were paid the days of their settlement begin, and
/// what was reversed is free when it is paid back.
async fn advance(
    step: &mut RefundTransaction<'_>,
    name: &ClaimName,
    paid: &[&ClaimLineRow],
    parted: &[&ClaimLineRow],
) -> Result<(), Fault> {
    let paid: Vec<_> = paid.iter().filter(|line| line.line.advance).collect();
    let names = paid.iter().map(|line| line.export).chain(parted.iter().map(|line| line.export));
    let mut exports = export_rows::load(&mut *step.tx, name.slot(), &names.collect()).await?;
    for export in &mut exports {
        if paid.iter().any(|line| line.export == export.name) {
            export.settle_by = Deadline::Settlement.last_day(step.today());
        }
        let parts = parted.iter().filter(|line| line.export == export.name);
        export.claimed_e5 -= parts.map(|line| line.reversed_e5).sum::<i64>();
    }
    step.write_exports(&exports).await
}

/// The lines and payments that acts are about.
fn named(acts: &[ClaimAct]) -> Result<(Vec<i32>, Vec<i64>), Fault> {
    let (mut numbers, mut payments) = (BTreeSet::new(), BTreeSet::new());
    for act in acts {
        match &act.event {
            ClaimEvent::Line { line, .. } => {
                numbers.insert(column::integer(*line)?);
            }
            ClaimEvent::Paid { payment, lines } => {
                payments.insert(foreign_number(*payment)?);
                for line in lines.keys() {
                    numbers.insert(column::integer(*line)?);
                }
            }
            ClaimEvent::Submit { .. }
            | ClaimEvent::Withdraw
            | ClaimEvent::FormRefused { .. }
            | ClaimEvent::Accepted { .. } => {}
        }
    }
    Ok((numbers.into_iter().collect(), payments.into_iter().collect()))
}

/// What a fact means beside the state of the line.
fn take(
    claim: &mut ClaimRow,
    rows: &mut BTreeMap<u32, ClaimLineRow>,
    fact: &ClaimFact,
    act: &ClaimAct,
    today: Date,
) -> Result<(), Fault> {
    match fact {
        ClaimFact::Raised(number, _) | ClaimFact::Refused(number, _) => {
            let row = line(rows, *number)?;
            row.ground.clone_from(&act.code);
            row.text.clone_from(&act.text);
        }
        ClaimFact::Answered(number) => line(rows, *number)?.text.clone_from(&act.text),
        ClaimFact::Lifted(number) => line(rows, *number)?.ground.clear(),
        // The firm takes it out without a word, the service says why.
        ClaimFact::Dropped(number) if !act.text.is_empty() => {
            line(rows, *number)?.text.clone_from(&act.text);
        }
        ClaimFact::RecoveryOrdered { line: number, .. } => {
            if let Some((text, text_zh)) = act.cause() {
                line(rows, *number)?.text = format!("{text} {text_zh}");
            }
        }
        ClaimFact::Paid { payment, line: number, fen } => {
            let row = line(rows, *number)?;
            row.payment = Some(foreign_number(*payment)?);
            row.paid_fen = *fen;
            row.paid_day = Some(today);
            claim.paid_fen += fen;
        }
        ClaimFact::Repaid { line: number, fen, .. } => {
            line(rows, *number)?.repaid_fen += fen;
            claim.repaid_fen += fen;
        }
        ClaimFact::FormRefused { .. } => claim.reason.clone_from(&act.text),
        ClaimFact::Submitted { .. }
        | ClaimFact::Accepted { .. }
        | ClaimFact::Withdrawn
        | ClaimFact::Dropped(_)
        | ClaimFact::Approved { .. }
        | ClaimFact::Settled { .. }
        | ClaimFact::Freed(_) => {}
    }
    Ok(())
}

fn line(rows: &mut BTreeMap<u32, ClaimLineRow>, number: u32) -> Result<&mut ClaimLineRow, Fault> {
    let lost = || Fault::Broken("a line of a claim is lost".to_owned());
    rows.get_mut(&number).ok_or_else(lost)
}

/// What a fact is in words.
fn note(fact: &ClaimFact, act: &ClaimAct) -> RefundNote {
    let about = |kind, line, fen, number, (text, text_zh): (String, String)| RefundNote {
        kind,
        line,
        fen,
        number,
        text,
        text_zh,
    };
    let both = |text: &str, text_zh: &str| {
        let more = [act.code.as_str(), act.text.as_str()];
        let more: Vec<&str> = more.into_iter().filter(|it| !it.is_empty()).collect();
        if more.is_empty() {
            return (text.to_owned(), text_zh.to_owned());
        }
        let more = more.join(" ");
        (format!("{text}: {more}"), format!("{text_zh}：{more}"))
    };
    let money = |text: &str, text_zh: &str, fen: i64| {
        (format!("{text} {} CNY", Yuan(fen)), format!("{text_zh}{}元", Yuan(fen)))
    };
    match fact {
        ClaimFact::Submitted { round } => {
            let words = both("handed in", "已申报");
            about(NoteKind::ClaimSubmitted, 0, 0, u64::from(*round), words)
        }
        ClaimFact::FormRefused { round } => {
            let words = both("the form is refused", "不予受理");
            about(NoteKind::FormRefused, 0, 0, u64::from(*round), words)
        }
        ClaimFact::Accepted { round } => {
            let words = both("accepted", "已受理");
            about(NoteKind::ClaimAccepted, 0, 0, u64::from(*round), words)
        }
        ClaimFact::Withdrawn => {
            about(NoteKind::ClaimWithdrawn, 0, 0, 0, both("taken back", "已撤回"))
        }
        ClaimFact::Dropped(line) => {
            about(NoteKind::LineDropped, *line, 0, 0, both("taken out", "已剔除"))
        }
        ClaimFact::Raised(line, query) => {
            let words = match query {
                Query::Doubt => both("a doubt, to be answered", "疑点，请答复"),
                Query::Suspension => both("suspended", "暂缓办理"),
                Query::Letter { sent } => {
                    let until = Deadline::Letter.last_day(*sent).map(|day| day.to_string());
                    let until = until.map_or_else(String::new, |day| format!(" {day}"));
                    let (text, text_zh) = both("a letter to the supplier's tax office", "函调");
                    (format!("{text}; until{until}"), format!("{text_zh}；复函期限{until}"))
                }
            };
            about(NoteKind::QueryRaised, *line, 0, 0, words)
        }
        ClaimFact::Answered(line) => {
            about(NoteKind::QueryAnswered, *line, 0, 0, both("answered", "已答复"))
        }
        ClaimFact::Lifted(line) => {
            about(NoteKind::QueryLifted, *line, 0, 0, both("cleared up", "疑点已解除"))
        }
        ClaimFact::Approved { line, fen } => {
            about(NoteKind::LineApproved, *line, *fen, 0, money("approved", "已核准", *fen))
        }
        ClaimFact::Refused(line, then) => {
            let words = match then {
                Consequence::Correct => both(
                    "refused; it may be corrected and claimed again",
                    "不予退税，可更正后重新申报",
                ),
                Consequence::Exempt => both("refused; it is exempt", "不予退税，适用免税"),
                Consequence::Domestic => {
                    both("refused; taxed as a sale at home", "不予退税，视同内销征税")
                }
            };
            about(NoteKind::LineRefused, *line, 0, 0, words)
        }
        ClaimFact::Paid { payment, line, fen } => {
            about(NoteKind::LinePaid, *line, *fen, *payment, money("paid", "已退税", *fen))
        }
        ClaimFact::Settled { line, fen } => {
            about(NoteKind::LineSettled, *line, *fen, 0, money("settled", "已核算", *fen))
        }
        ClaimFact::RecoveryOrdered { line, fen, negative } => {
            let (mut text, mut text_zh) = money("to be paid back", "应追回", *fen);
            if let Some((why, why_zh)) = act.cause() {
                (text, text_zh) = (format!("{text}: {why}"), format!("{text_zh}：{why_zh}"));
            }
            let words = (text, text_zh);
            about(NoteKind::RecoveryOrdered, *line, *fen, *negative, words)
        }
        ClaimFact::Repaid { line, fen, negative } => {
            let words = money("paid back", "已追回", *fen);
            about(NoteKind::LineRepaid, *line, *fen, *negative, words)
        }
        // Told by what freed it.
        ClaimFact::Freed(line) => {
            about(NoteKind::LineDropped, *line, 0, 0, both("free", "可重新申报"))
        }
    }
}
