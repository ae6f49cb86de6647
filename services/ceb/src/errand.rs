//! Errands to the declaration service: what a transaction decided and another service must hear. Each
//! is a row until it is answered, and is told under the same request id however often.

use domain::Slot;
use domain::documents::{DocumentKind, Return, status};
use sqlx::PgPool;
use store::Fault;
use uuid::Uuid;

use crate::commit::Step;
use crate::import::{cancelled, named_inventory};
use crate::paper::{Errand, Paper};
use crate::shelf::{Shelf, Wanted};

/// The answer to an errand.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) slot: Slot,
    pub(crate) kind: DocumentKind,
    pub(crate) key: String,
    /// Which version of the document it was about.
    pub(crate) id: Uuid,
    pub(crate) outcome: Outcome,
    /// The number of the inventory that a cancellation is about.
    pub(crate) names: [String; 3],
}

/// How it went.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The declaration has this id; or it is withdrawn.
    Done(Uuid),
    /// The declaration service refused, with its code and words.
    Refused { code: String, text: String },
}

impl Answered {
    pub(crate) fn of(paper: &Paper, outcome: Outcome) -> Self {
        let value = |element| paper.document.value(element).unwrap_or_default();
        Self {
            slot: paper.slot,
            kind: paper.kind,
            key: paper.key.clone(),
            id: paper.id,
            outcome,
            names: [value("invtNo"), value("preNo"), value("orderNo")],
        }
    }

    pub(crate) fn want(&self, wanted: &mut Wanted) {
        wanted.keys.insert((self.slot, self.kind.number(), self.key.clone()));
        name_inventory(wanted, &self.names);
    }
}

/// Looks for the inventory with one of these numbers: customs', ours, or its order's.
fn name_inventory(wanted: &mut Wanted, [invt_no, pre_no, order_no]: &[String; 3]) {
    wanted.invt_nos.extend(Some(invt_no.clone()).filter(|no| !no.is_empty()));
    wanted.pre_nos.extend(Some(pre_no.clone()).filter(|no| !no.is_empty()));
    wanted.orders.extend(Some(order_no.clone()).filter(|no| !no.is_empty()));
}

/// The declaration that the inventory of a cancellation became; `None` while it is being filed.
pub(crate) async fn declaration(pool: &PgPool, paper: &Paper) -> Result<Option<Uuid>, Fault> {
    let mut wanted = Wanted::default();
    let value = |element| paper.document.value(element).unwrap_or_default();
    name_inventory(&mut wanted, &[value("invtNo"), value("preNo"), value("orderNo")]);
    let mut connection = pool.acquire().await?;
    let shelf = Shelf::load(&mut connection, &wanted).await?;
    let inventory = named_inventory(&shelf, paper).and_then(|id| shelf.get(id));
    Ok(inventory.and_then(|inventory| inventory.declaration))
}

/// Takes the answer down. A document that changed since has nothing to do with it any more.
pub(crate) fn answered(step: &mut Step, answered: &Answered) {
    let paper = step.shelf.by_key(answered.kind, &answered.key);
    let Some(paper) = paper.filter(|paper| paper.id == answered.id && paper.errand != Errand::None)
    else {
        return;
    };
    let (id, errand) = (paper.id, paper.errand);
    step.shelf.change(id, |paper| paper.errand = Errand::None);
    match (errand, &answered.outcome) {
        (Errand::File, Outcome::Done(declaration)) => {
            // The receipt for it comes with the news of the declaration service.
            step.shelf.change(id, |paper| paper.declaration = Some(*declaration));
        }
        (Errand::File, Outcome::Refused { code, text }) => {
            let text = format!("[Code:{code};Desc:{text}]");
            step.say(id, &Return::new(status::REJECTED, text));
        }
        (Errand::Withdraw, Outcome::Done(_)) => {
            let inventory =
                step.shelf.get(id).and_then(|paper| named_inventory(&step.shelf, paper));
            if let Some(inventory) = inventory {
                cancelled(step, id, inventory);
            }
        }
        (Errand::Withdraw, Outcome::Refused { text, .. }) => {
            let key = step.shelf.get(id).map_or_else(String::new, |paper| paper.key.clone());
            let refused = Return::refused(-623_005, &[&key]);
            step.refuse(id, &Return::new(refused.status, format!("{}（{text}）", refused.info)));
        }
        (Errand::None, _) => {}
    }
}
