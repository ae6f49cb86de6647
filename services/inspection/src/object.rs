//! The objection of the enterprise.

use domain::DeclarationId;
use domain::inspection::joint;
use proto::inspection::OrderNotice;

use crate::ask::Asking;
use crate::errand;
use crate::transaction::InspectionTransaction;

/// The declaration has to be stopped before goods are looked at again, so an objection waits for that.
pub(crate) fn object(
    step: &mut InspectionTransaction<'_>,
    id: DeclarationId,
    examination: u32,
    reason: &str,
) -> Asking<()> {
    let now = step.now;
    let filed = step.order(id)?;
    let (case, errand) = match joint::on_objection(&filed.case, examination) {
        Ok(objected) => objected,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // It was made before.
    let Some(errand) = errand else { return Ok(Ok(())) };
    filed.case = case;
    filed.changed_time = now;
    let errand = errand::of(filed, errand, reason);
    step.errands.push(errand);
    step.tell(id, [OrderNotice::ObjectionMade]);
    Ok(Ok(()))
}
