//! What the declaration service tells becomes receipts: its facts are the states of the real system.
//!
//! The invariant: facts and the token after them are kept in one transaction, and only over the token
//! that stands before them, so each fact is told once, whatever fails and however many processes listen.
//!
//! Receipts come in the order that firms' systems know: 2, 3, 120, \[300\], 399, \[500\], 800, 899. Where
//! quarantine or the risk rules want to see goods before customs has numbered them, 500 waits for the 120;
//! and what customs says of the data once goods are examined is told no more.

use std::collections::{BTreeSet, HashSet};

use domain::Slot;
use domain::documents::{DocumentKind, ReceiptStatus, status};
use sqlx::PgConnection;
use store::Fault;
use store::queue::{self, Item};
use uuid::Uuid;

use crate::commit::CebCommand;
use crate::document_set::DocumentKeys;
use crate::errand::{Settled, settle_cancellations};
use crate::matching::Companions;
use crate::stored_document::{Errand, StoredDocument};
use crate::transaction::CebTransaction;

/// The queue of news that could not be taken when they came. Their subject is the declaration.
pub(crate) const NEWS: &str = "news";

/// A burst of news, with the tokens that stand before and after it.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) news: Vec<News>,
    /// What goes into the queue instead, in order.
    pub(crate) behind: Vec<Item>,
    pub(crate) from: String,
    pub(crate) token: String,
}

/// News out of the queue.
#[derive(Debug)]
pub(crate) struct Late {
    pub(crate) slot: Slot,
    /// The item.
    pub(crate) id: Uuid,
    pub(crate) news: Vec<News>,
}

/// One thing that happened to a declaration.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) declaration: Uuid,
    pub(crate) fact: Fact,
}

/// Facts of the declaration service that receipts are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    /// It was filed, under the number that we gave.
    Filed(String),
    /// Customs took it in and gave its number.
    Numbered(String),
    /// Customs moved on.
    Customs(Progress),
    /// Goods are examined; whether customs wants to see them too, so that it is done with the data.
    Examined {
        for_customs: bool,
    },
    Released,
    Rejected(String),
    Returned(String),
    Withdrawn,
}

/// Where customs stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    ManualReview,
    Concluded,
    /// With the status that says where the goods went.
    Detained(i32),
}

impl Fact {
    /// Nothing follows that receipts are made of.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self, Self::Released | Self::Rejected(_) | Self::Returned(_) | Self::Withdrawn)
    }
}

/// What has to be loaded for news.
pub(crate) fn want(news: &[News], wanted: &mut DocumentKeys) {
    for news in news {
        match &news.fact {
            Fact::Filed(pre_no) => {
                wanted.pre_nos.insert(pre_no.clone());
            }
            _ => {
                wanted.declarations.insert(news.declaration);
            }
        }
    }
}

/// Tells what was heard to whom it concerns. False when it was heard before, by another process: nothing
/// is done.
pub(crate) fn hear(step: &mut CebTransaction, heard: &Heard) -> bool {
    if step.heard.token != heard.from {
        return false;
    }
    take(step, &heard.news);
    for item in &heard.behind {
        step.heard.last_place += 1;
        step.heard.behind.push(Item { place: step.heard.last_place, ..item.clone() });
    }
    step.heard.token.clone_from(&heard.token);
    step.heard.is_new = true;
    true
}

/// The same for news out of the queue. What another process has taken out meanwhile has no effect.
pub(crate) fn catch_up(step: &mut CebTransaction, late: &Late) {
    if step.heard.late.remove(&late.id) {
        take(step, &late.news);
    }
}

fn take(step: &mut CebTransaction, news: &[News]) {
    let mut held_back = BTreeSet::new();
    for News { declaration, fact } in news {
        let about = match fact {
            // The number is ours: it binds the declaration to the inventory, whoever comes first.
            Fact::Filed(pre_no) => step.shelf.of_pre_no(pre_no),
            _ => step.shelf.of_declaration(*declaration),
        };
        let Some(id) = about.map(|paper| paper.id) else { continue };
        if matches!(fact, Fact::Filed(_)) {
            step.shelf.change(id, |paper| {
                paper.declaration = Some(*declaration);
                paper.errand = Errand::None;
            });
        }
        tell(step, id, fact);
        held_back.insert(id);
    }
    // Customs may have more to say of the data in the same breath as its number.
    for id in held_back {
        tell_held_back(step, id);
    }
}

fn tell(step: &mut CebTransaction, id: Uuid, fact: &Fact) {
    let Some(inventory) = step.shelf.get(id).cloned() else { return };
    let import = inventory.kind == DocumentKind::ImportInventory;
    match fact {
        Fact::Filed(_) => {
            step.say(id, &ReceiptStatus::sent());
            to_companions(step, &inventory, &ReceiptStatus::sent());
        }
        Fact::Numbered(invt_no) => {
            step.shelf.change(id, |paper| paper.invt_no.clone_from(invt_no));
            step.say(id, &ReceiptStatus::taken_in());
            to_companions(step, &inventory, &ReceiptStatus::taken_in());
        }
        Fact::Customs(Progress::ManualReview) => {
            if inventory.status < status::MANUAL_REVIEW {
                step.say(id, &ReceiptStatus::manual_review());
            }
        }
        Fact::Customs(Progress::Concluded) => conclude(step, &inventory),
        Fact::Customs(Progress::Detained(status)) => hold_back(step, id, *status),
        Fact::Examined { for_customs } => {
            if *for_customs && !inventory.invt_no.is_empty() {
                conclude(step, &inventory);
            }
            hold_back(step, id, status::EXAMINATION);
        }
        Fact::Released => {
            tell_held_back(step, id);
            conclude(step, &inventory);
            let now = step.now;
            step.shelf.change(id, |paper| paper.released = Some(now));
            if import {
                step.say(id, &ReceiptStatus::released());
                // Nothing is left to do for an import: its formalities are closed with the release.
                step.say(id, &ReceiptStatus::closed());
            }
            // An export may go when everything under its bill may.
            step.look_at_bill(id);
            settle_cancellations(step, id, Settled::Ended);
        }
        Fact::Rejected(reason) => {
            let text = if reason.starts_with("[Code:") {
                ReceiptStatus::new(status::REJECTED, reason.clone())
            } else {
                ReceiptStatus::rejected_manually(reason)
            };
            tell_held_back(step, id);
            end(step, id, &text);
        }
        Fact::Returned(reason) => {
            tell_held_back(step, id);
            end(step, id, &ReceiptStatus::returned(reason));
        }
        Fact::Withdrawn => {
            step.shelf.change(id, |paper| {
                paper.deleted = true;
                paper.held_back = 0;
            });
            step.look_at_bill(id);
            settle_cancellations(step, id, Settled::Withdrawn);
        }
    }
}

/// It ends without a release. What was held back is told no more.
fn end(step: &mut CebTransaction, id: Uuid, what: &ReceiptStatus) {
    step.shelf.change(id, |paper| paper.held_back = 0);
    step.say(id, what);
    step.look_at_bill(id);
    settle_cancellations(step, id, Settled::Ended);
}

/// Examination and detention are told when customs has numbered the inventory, the last of them.
fn hold_back(step: &mut CebTransaction, id: Uuid, status: i32) {
    tell_held_back(step, id);
    step.shelf.change(id, |paper| paper.held_back = status);
}

/// Tells what was held back, once customs has given its number.
fn tell_held_back(step: &mut CebTransaction, id: Uuid) {
    let status = match step.shelf.get(id) {
        Some(paper) if !paper.invt_no.is_empty() => paper.held_back,
        Some(_) | None => return,
    };
    if status == 0 {
        return;
    }
    step.shelf.change(id, |paper| paper.held_back = 0);
    let examined = status == status::EXAMINATION;
    step.say(
        id,
        &if examined { ReceiptStatus::examination() } else { ReceiptStatus::detained(status) },
    );
    step.look_at_bill(id);
}

/// 399, once and before anything that comes after it; and what waits for it: receipts of money.
fn conclude(step: &mut CebTransaction, inventory: &StoredDocument) {
    let status = step.shelf.get(inventory.id).map_or(0, |paper| paper.status);
    if status < status::CONCLUDED {
        step.say(inventory.id, &ReceiptStatus::concluded());
    }
    let waiting: Vec<Uuid> = step
        .shelf
        .of_order(DocumentKind::MoneyReceipt, &inventory.names.order_no)
        .filter(|paper| paper.is_live() && paper.names.ebc_code == inventory.names.ebc_code)
        .filter(|paper| paper.status < status::TAKEN_IN)
        .map(|paper| paper.id)
        .collect();
    for id in waiting {
        step.say(id, &ReceiptStatus::sent());
        step.say(id, &ReceiptStatus::taken_in());
    }
}

/// Order, payment and waybill go the first steps together with their inventory.
fn to_companions(step: &mut CebTransaction, inventory: &StoredDocument, what: &ReceiptStatus) {
    let ids: Vec<Uuid> = Companions::of(&step.shelf, inventory).ids().collect();
    for id in ids {
        if step.shelf.get(id).is_some_and(|paper| paper.status < what.status) {
            step.say(id, what);
        }
    }
}

/// Up to where the news were heard before.
pub(crate) async fn token(pool: &sqlx::PgPool) -> Result<String, Fault> {
    Ok(sqlx::query_scalar!("select resume_token from heard where slot = 0").fetch_one(pool).await?)
}

/// The declarations of ours of which more is to be heard.
pub(crate) async fn open(pool: &sqlx::PgPool) -> Result<HashSet<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        r#"select declaration_id as "id!" from document
           where declaration_id is not null and released_time is null and not deleted
             and status not in (100, 700)"#
    )
    .fetch_all(pool)
    .await?;
    Ok(ids.into_iter().collect())
}

/// How far the news are heard, as a transaction sees it.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) token: String,
    /// It has to be kept.
    pub(crate) is_new: bool,
    /// The last place that is used in the queue.
    last_place: i64,
    /// What has to be put there.
    behind: Vec<Item>,
    /// What was taken out of it, and has no effect yet.
    late: BTreeSet<Uuid>,
}

impl Place {
    /// Reads the token and keeps others from moving it, when there are news among the commands; takes
    /// those out of the queue that came from there.
    pub(crate) async fn load(
        tx: &mut PgConnection,
        commands: &[CebCommand],
    ) -> Result<Self, Fault> {
        let mut place = Self::default();
        let late = commands.iter().filter_map(|command| match command {
            CebCommand::Late(late, _) => Some((late.slot, late.id)),
            _ => None,
        });
        let late: Vec<(Slot, Uuid)> = late.collect();
        place.late = queue::settle(&mut *tx, NEWS, &late).await?;
        let heard = commands.iter().filter_map(|command| match command {
            CebCommand::Heard(heard, _) => Some(heard),
            _ => None,
        });
        let heard: Vec<&Heard> = heard.collect();
        if !heard.is_empty() {
            let token =
                sqlx::query_scalar!("select resume_token from heard where slot = 0 for update");
            place.token = token.fetch_one(&mut *tx).await?;
        }
        if heard.iter().any(|heard| !heard.behind.is_empty()) {
            place.last_place = queue::last_place(&mut *tx, NEWS).await?;
        }
        Ok(place)
    }

    /// Keeps the token, in the transaction of what stands before it.
    pub(crate) async fn write(&self, tx: &mut PgConnection) -> Result<(), Fault> {
        queue::enqueue(&mut *tx, NEWS, &self.behind).await?;
        if self.is_new {
            let kept =
                sqlx::query!("update heard set resume_token = $1 where slot = 0", self.token);
            kept.execute(tx).await?;
        }
        Ok(())
    }
}
