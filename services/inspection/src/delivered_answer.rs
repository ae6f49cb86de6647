//! Answers that the declaration service took or refused, and what follows from that.

use domain::history::InspectionStep;
use domain::inspection::joint;
use domain::{DeclarationId, Slot};
use proto::inspection::OrderNotice;
use sqlx::PgConnection;
use store::queue;
use store::{Fault, column};
use uuid::Uuid;

use crate::outgoing_answers::{ANSWERS, progress_answer};
use crate::transaction::InspectionTransaction;

/// An answer that was taken or refused.
#[derive(Debug, Clone)]
pub(crate) struct DeliveredAnswer {
    pub(crate) id: Uuid,
    pub(crate) declaration: DeclarationId,
    /// It was to open the order again.
    pub(crate) reopens: bool,
    /// Code of the refusal; empty when it was taken.
    pub(crate) refused: String,
}

impl DeliveredAnswer {
    /// The order that changes by the answer.
    pub(crate) fn changes(&self) -> Option<DeclarationId> {
        (self.reopens && !self.refused.is_empty()).then_some(self.declaration)
    }
}

/// Takes answers down. What was refused has an effect where somebody waits for it; one that another
/// process said as well is answered by the first of the two.
pub(crate) async fn settle(
    step: &mut InspectionTransaction<'_>,
    settled: &[DeliveredAnswer],
) -> Result<(), Fault> {
    let items: Vec<(Slot, Uuid)> =
        settled.iter().map(|it| (it.declaration.slot(), it.id)).collect();
    let open = queue::settle(&mut *step.tx, ANSWERS, &items).await?;
    let open = settled.iter().filter(|it| open.contains(&it.id));
    for id in open.filter_map(DeliveredAnswer::changes) {
        let filed = step.order(id)?;
        let message = joint::OrderMessage::Reopening(filed.case.newest_version);
        let Some(then) = joint::on_refusal(&filed.case, message) else { continue };
        let text = ("the declaration could not be stopped any more", "申报单已无法中止");
        let text = (text.0.to_owned(), text.1.to_owned());
        let news = progress_answer(filed, InspectionStep::ObjectionRefused, text);
        step.answers.push(news);
        step.record_notices(id, [OrderNotice::ObjectionRefused]);
        step.take(id, then)?;
    }
    Ok(())
}

/// Keeps that a demand of the rules was refused.
pub(crate) async fn refused(
    tx: &mut PgConnection,
    (id, version): (DeclarationId, u32),
    code: &str,
) -> Result<(), Fault> {
    let kept = sqlx::query!(
        "update assessment set refused = $4
         where slot = $1 and declaration_id = $2 and version = $3",
        id.slot().column(),
        id.uuid(),
        column::integer(version)?,
        code
    )
    .execute(tx)
    .await?;
    match kept.rows_affected() {
        1 => Ok(()),
        _ => Err(Fault::Broken(format!(
            "version {version} of {id} was demanded about, not assessed"
        ))),
    }
}
