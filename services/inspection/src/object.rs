//! The objection of the enterprise.

use domain::DeclarationId;
use domain::inspection::joint;
use proto::inspection::OrderNotice;

use crate::order_request::ActResult;
use crate::outgoing_answers;
use crate::transaction::InspectionTransaction;

/// The declaration has to be stopped before goods are looked at again, so an objection waits for that.
pub(crate) fn object(
    step: &mut InspectionTransaction<'_>,
    id: DeclarationId,
    examination: u32,
    reason: &str,
) -> ActResult<()> {
    let now = step.now;
    let filed = step.order(id)?;
    let (case, message) = match joint::on_objection(&filed.case, examination) {
        Ok(objected) => objected,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // It was made before.
    let Some(message) = message else { return Ok(Ok(())) };
    filed.case = case;
    filed.changed_time = now;
    let answer = outgoing_answers::of(filed, message, reason);
    step.answers.push(answer);
    step.record_notices(id, [OrderNotice::ObjectionMade]);
    Ok(Ok(()))
}
