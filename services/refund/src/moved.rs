//! What documents of customs told of an export becomes its proofs: the day on which it left (509), the number of
//! its goods declaration form (792), and what comes back (213, 215). Nothing of it is typed.
//!
//! What comes back is claimed no more, from the day on which it may come. Where it is in a claim already, a line that
//! nothing was decided about falls away, and of any other the refund is to be given back.

use std::collections::BTreeSet;

use domain::DeclarationId;
use domain::history::{ExportProgress, ExportStep};
use domain::tax_refund::claim::{ClaimEvent, LineEvent};
use domain::tax_refund::deadline::Deadline;
use store::Fault;

use crate::claim::{self, ClaimAct};
use crate::export_row::ExportRow;
use crate::export_rows;
use crate::note::{NoteKind, RefundNote};
use crate::transaction::RefundTransaction;
use crate::{claim_line_rows, claim_rows};

/// Takes it down for the lines of an export; whether something changed. What is in a claim keeps its day and number:
/// the claim was made with them.
pub(crate) async fn take(
    step: &mut RefundTransaction<'_>,
    rows: &mut [ExportRow],
    moved: &ExportProgress,
) -> Result<bool, Fault> {
    let Some((slot, firm, id)) = rows.first().map(|it| (it.slot(), it.firm.clone(), it.name.id))
    else {
        return Ok(false);
    };
    let mut changed = false;
    match moved.step {
        ExportStep::Departed | ExportStep::Summarised => {
            for row in rows.iter_mut().filter(|row| row.claimed_e5 == 0) {
                let before = (row.departed, row.entry_id.clone());
                if moved.step == ExportStep::Departed {
                    row.departed = Some(moved.day);
                } else {
                    row.entry_id.clone_from(&moved.number);
                }
                changed |= before != (row.departed, row.entry_id.clone());
            }
        }
        ExportStep::ReturnAllowed | ExportStep::CameBack => {
            for (line, qty_e5) in export_rows::take_back(&mut *step.tx, slot, id, moved).await? {
                let row = rows.iter_mut().find(|row| row.name.line == line);
                if let Some(row) = row {
                    row.returned_e5 += qty_e5.min(row.qty_e5 - row.returned_e5);
                    changed = true;
                }
            }
            // Told again, it is no news.
            changed |= moved.step == ExportStep::CameBack;
        }
        // What came counts, and that the payment service tells.
        ExportStep::MoneyAnnounced => {}
    }
    if changed {
        let (text, text_zh) = (moved.text.as_str(), moved.text_zh.as_str());
        let note = RefundNote::of(NoteKind::ProofRecorded, text, text_zh);
        step.add_note(&firm, id.name(), note);
    }
    Ok(changed)
}

/// Goods of these exports came back: what of them is in claims falls away, or is to be given back, the latest first.
pub(crate) async fn give_back(
    step: &mut RefundTransaction<'_>,
    ids: &BTreeSet<DeclarationId>,
) -> Result<(), Fault> {
    for export in export_rows::of_declarations(&mut *step.tx, ids).await? {
        let mut over_e5 = -export.left_e5();
        if over_e5 <= 0 {
            continue;
        }
        let uses = claim_line_rows::of_export(&mut *step.tx, export.slot(), export.name.id).await?;
        for (name, mut line) in uses.into_iter().rev() {
            let is_use = line.export == export.name && line.holds_its_goods();
            if over_e5 <= 0 || !is_use {
                continue;
            }
            over_e5 -= line.qty_e5 - line.reversed_e5;
            let event = ClaimEvent::Line { line: line.number, event: LineEvent::Drop };
            let text = "goods came back";
            let act = ClaimAct { event, code: String::new(), text: text.to_owned() };
            if claim::act(step, &name, &[act]).await?.is_ok() || line.goods_back {
                continue;
            }
            let Some(mut claim) = claim_rows::load(&mut *step.tx, &name).await? else { continue };
            claim.count(&line, -1);
            line.goods_back = true;
            claim.count(&line, 1);
            claim.changed_time = step.now;
            claim_line_rows::write(&mut *step.tx, &name, &[&line]).await?;
            claim_rows::write(&mut *step.tx, &claim).await?;
            let until = export.departed.and_then(|day| Deadline::Return.last_day(day));
            let until = proto::text(until.map(|day| day.to_string()));
            let (law, fen) = (Deadline::Return.law(), line.paid_fen);
            let note = RefundNote {
                line: line.number,
                fen,
                ..RefundNote::of(
                    NoteKind::GoodsBack,
                    format!(
                        "goods came back: its refund is to be given back (no duty until {until}) [{law}]"
                    ),
                    format!("货物退运：已退税款应予补缴（免税退运期限{until}）〔{law}〕"),
                )
            };
            step.add_note(&name.firm, name.name(), note);
        }
    }
    Ok(())
}
