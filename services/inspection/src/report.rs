//! Steps that the site reports.

use domain::DeclarationId;
use domain::inspection::order::{InstructionKey, OrderEvent, SiteAct};
use domain::refusal::{Code, Refusal};
use proto::inspection::line_numbers;
use store::Fault;

use crate::claim::replace;
use crate::order_request::{ActResult, Draws, SiteReport, is_claimed_by};
use crate::orders::OrderRow;
use crate::transaction::InspectionTransaction;

pub(crate) async fn report(
    step: &mut InspectionTransaction<'_>,
    id: DeclarationId,
    (version, examination): (u32, u32),
    site_report: &SiteReport,
    caller: &str,
) -> ActResult<Draws> {
    let filed = step.order(id)?.clone();
    if let Err(refusal) = is_claimed_by(&filed, caller) {
        return Ok(Err(refusal));
    }
    // Who reports took the order on before; that nobody came is seen by whoever waits at the place.
    let is_current =
        (version, examination) == (filed.case.order.version, filed.case.order.examination);
    if is_current
        && filed.claimed_by.is_empty()
        && !matches!(site_report, SiteReport::NoShow { .. })
    {
        let refusal = Refusal::of(Code::InspectionOutOfStep).with("claimed_by", "");
        return Ok(Err(refusal.with("stage", filed.case.order.stage.word())));
    }
    let act = match site_report {
        SiteReport::Act(act) => act.clone(),
        SiteReport::NoShow { seen } => SiteAct::NoShow { seen: *seen, at: step.now },
        SiteReport::Treated(treatment) => {
            let event = OrderEvent::Treated { examination, treatment: treatment.clone() };
            return Ok(step.apply(id, &event)?.map(|_| Draws::new()));
        }
        SiteReport::Close => {
            let event = OrderEvent::Close { examination };
            return Ok(step.apply(id, &event)?.map(|_| Draws::new()));
        }
        SiteReport::Replace { officer } => {
            return replace(step, id, (version, examination), officer).await;
        }
    };
    if let Err(refusal) = about_goods(&filed, &act)? {
        return Ok(Err(refusal));
    }
    Ok(step.apply(id, &OrderEvent::Site { version, examination, act })?.map(|_| Draws::new()))
}

/// Whether samples and findings are about goods that are there and, where the instruction names lines, about
/// these.
fn about_goods(filed: &OrderRow, act: &SiteAct) -> ActResult<()> {
    let named: Vec<(&InstructionKey, u32)> = match act {
        SiteAct::Take { sample } => vec![(&sample.instruction, sample.gnum)],
        SiteAct::Report { findings } => {
            findings.iter().map(|found| (&found.key.instruction, found.key.gnum)).collect()
        }
        SiteAct::Appoint { .. }
        | SiteAct::Reschedule { .. }
        | SiteAct::NoShow { .. }
        | SiteAct::Assign { .. }
        | SiteAct::Replace { .. }
        | SiteAct::Present { .. }
        | SiteAct::Examine { .. }
        | SiteAct::Send { .. } => return Ok(Ok(())),
    };
    let known = line_numbers(&filed.goods).map_err(|error| Fault::Broken(error.to_string()))?;
    for (key, gnum) in named.into_iter().filter(|(_, gnum)| *gnum != 0) {
        let instruction = filed.case.order.instructions.get(key);
        let meant = instruction.map_or(&[][..], |instruction| &instruction.lines);
        if !known.contains(&gnum) || !meant.is_empty() && !meant.contains(&gnum) {
            let lines = known.iter().filter(|line| meant.is_empty() || meant.contains(line));
            let lines = lines.map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let refusal = Refusal::of(Code::NumberOutOfRange).with("field", "gnum");
            return Ok(Err(refusal.with("gnum", gnum).with("lines", lines)));
        }
    }
    Ok(Ok(()))
}
