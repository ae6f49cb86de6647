//! Taking an order on: officers are drawn, and another one where one cannot come.

use std::collections::BTreeSet;

use domain::DeclarationId;
use domain::clearance::Agency;
use domain::inspection::draw::{Draw, DrawTask, Selection, officers};
use domain::inspection::order::{OrderEvent, SiteAct, Stage};
use domain::refusal::{Code, Refusal};
use proto::inspection::OrderNotice;
use store::Fault;

use crate::order_request::{ActResult, Draws, is_claimed_by};
use crate::orders::OrderRow;
use crate::risk::sha256;
use crate::transaction::InspectionTransaction;

/// Officers who examine together: one of each agency where both look, two where one does. Two at least
/// follow 海关进出口货物查验管理办法 (GACC Order 138, from general knowledge, unverified).
const OFFICERS_TOGETHER: usize = 2;

/// Draws the officers and sends them.
pub(crate) async fn claim(
    step: &mut InspectionTransaction<'_>,
    id: DeclarationId,
    examination: u32,
    caller: &str,
) -> ActResult<Draws> {
    let filed = step.order(id)?.clone();
    if let Err(refusal) = is_claimed_by(&filed, caller) {
        return Ok(Err(refusal));
    }
    let order = &filed.case.order;
    if filed.claimed_by == caller && !order.work.officers.is_empty() {
        // Nobody is drawn anew, but only for an examination that there is.
        let act = SiteAct::Assign { officers: order.work.on_duty() };
        let event = OrderEvent::Site { version: order.version, examination, act };
        return Ok(step.apply(id, &event)?.map(|_| Draws::new()));
    }
    let agencies: Vec<Agency> = [Agency::Customs, Agency::Quarantine]
        .into_iter()
        .filter(|agency| order.has(*agency))
        .collect();
    let each = OFFICERS_TOGETHER.div_ceil(agencies.len().max(1));
    let mut draws = Draws::new();
    let mut chosen = BTreeSet::new();
    for agency in agencies {
        let selection = draw(step, &filed, agency, each, &BTreeSet::new()).await?;
        chosen.extend(selection.chosen().map(str::to_owned));
        draws.push((agency, selection));
    }
    // Where there is no appointment, that is what is wrong; the draw depends on its day.
    let missing: usize = draws.iter().map(|(_, selection)| selection.missing).sum();
    if missing > 0 && order.stage == Stage::Appointed {
        let short = draws.iter().find(|(_, selection)| selection.missing > 0);
        let agency = short.map_or("", |(agency, _)| domain::inspection::agency_word(*agency));
        let refusal = Refusal::of(Code::OfficersMissing).with("missing", missing);
        return Ok(Err(refusal.with("agency", agency)));
    }
    let officers: Vec<String> = chosen.iter().cloned().collect();
    let act = SiteAct::Assign { officers: chosen };
    let version = order.version;
    if let Err(refusal) = step.apply(id, &OrderEvent::Site { version, examination, act })? {
        return Ok(Err(refusal));
    }
    step.examined(&officers, &filed.declarant_code);
    caller.clone_into(&mut step.order(id)?.claimed_by);
    step.record_notices(id, [OrderNotice::Claimed(caller.to_owned())]);
    Ok(Ok(draws))
}

/// Draws one more officer of the same agency.
pub(crate) async fn replace(
    step: &mut InspectionTransaction<'_>,
    id: DeclarationId,
    (version, examination): (u32, u32),
    officer: &str,
) -> ActResult<Draws> {
    let filed = step.order(id)?.clone();
    let candidates = step.candidates().await?;
    let known = candidates.iter().find(|candidate| candidate.officer == officer);
    let Some(agency) = known.map(|candidate| candidate.agency) else {
        return Ok(Err(Refusal::of(Code::OfficerNotAssigned).with("officer", officer)));
    };
    let without: BTreeSet<&String> = filed.case.order.work.officers.keys().collect();
    let selection = draw(step, &filed, agency, 1, &without).await?;
    let Some(by) = selection.chosen().next().map(str::to_owned) else {
        let refusal = Refusal::of(Code::OfficersMissing).with("missing", selection.missing);
        let agency = domain::inspection::agency_word(agency);
        return Ok(Err(refusal.with("agency", agency)));
    };
    let act = SiteAct::Replace { officer: officer.to_owned(), by: by.clone() };
    if let Err(refusal) = step.apply(id, &OrderEvent::Site { version, examination, act })? {
        return Ok(Err(refusal));
    }
    step.examined(&[by], &filed.declarant_code);
    Ok(Ok(vec![(agency, selection)]))
}

async fn draw(
    step: &mut InspectionTransaction<'_>,
    filed: &OrderRow,
    agency: Agency,
    how_many: usize,
    without: &BTreeSet<&String>,
) -> Result<Selection, Fault> {
    let mut candidates = step.candidates().await?;
    candidates.retain(|candidate| !without.contains(&candidate.officer));
    let order = &filed.case.order;
    let day = order.appointment.as_ref().map_or(step.now, |it| it.window.start);
    let first = order.first.iter().flat_map(|first| first.officers.keys().cloned());
    let task = DrawTask {
        agency,
        day: day.to_offset(domain::CHINA).date(),
        firms: filed.firms.clone(),
        examination: order.examination,
        earlier: first.collect(),
    };
    let draw = Draw { seed: step.seed().await?, subject: filed.order_id.0, sha256 };
    Ok(officers(&draw, &candidates, &task, how_many))
}
