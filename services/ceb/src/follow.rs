//! What the declaration service tells becomes receipts: its facts are the states of the real system.
//!
//! The invariant: facts and the token after them are kept in one transaction, so each fact is told
//! once, whatever fails.

use std::collections::HashSet;

use domain::documents::{DocumentKind, Return, status};
use sqlx::PgConnection;
use store::Fault;
use uuid::Uuid;

use crate::commit::Step;
use crate::errand::{Settled, settle_cancellations};
use crate::matching::Companions;
use crate::paper::{Errand, Paper};
use crate::shelf::Wanted;

/// A burst of news, with the token that stands after it.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) news: Vec<News>,
    pub(crate) token: String,
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
    /// Goods are examined.
    Examined,
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

impl Heard {
    pub(crate) fn want(&self, wanted: &mut Wanted) {
        for news in &self.news {
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
}

/// Tells what was heard to whom it concerns.
pub(crate) fn hear(step: &mut Step, heard: &Heard) {
    for News { declaration, fact } in &heard.news {
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
    }
    step.heard = Some(heard.token.clone());
}

fn tell(step: &mut Step, id: Uuid, fact: &Fact) {
    let Some(inventory) = step.shelf.get(id).cloned() else { return };
    let import = inventory.kind == DocumentKind::ImportInventory;
    match fact {
        Fact::Filed(_) => {
            step.say(id, &Return::sent());
            to_companions(step, &inventory, &Return::sent());
        }
        Fact::Numbered(invt_no) => {
            step.shelf.change(id, |paper| paper.invt_no.clone_from(invt_no));
            step.say(id, &Return::taken_in());
            to_companions(step, &inventory, &Return::taken_in());
        }
        Fact::Customs(Progress::ManualReview) => {
            step.say(id, &Return::manual_review());
        }
        Fact::Customs(Progress::Concluded) => conclude(step, &inventory),
        Fact::Customs(Progress::Detained(status)) => {
            step.say(id, &Return::detained(*status));
        }
        Fact::Examined => {
            step.say(id, &Return::examination());
            step.look_at_bill(id);
        }
        Fact::Released => {
            conclude(step, &inventory);
            let now = step.now;
            step.shelf.change(id, |paper| paper.released = Some(now));
            if import {
                step.say(id, &Return::released());
                // Nothing is left to do for an import: its formalities are closed with the release.
                step.say(id, &Return::closed());
            }
            // An export may go when everything under its bill may.
            step.look_at_bill(id);
            settle_cancellations(step, id, Settled::Ended);
        }
        Fact::Rejected(reason) => {
            let text = if reason.starts_with("[Code:") {
                Return::new(status::REJECTED, reason.clone())
            } else {
                Return::rejected_manually(reason)
            };
            step.say(id, &text);
            step.look_at_bill(id);
            settle_cancellations(step, id, Settled::Ended);
        }
        Fact::Returned(reason) => {
            step.say(id, &Return::returned(reason));
            step.look_at_bill(id);
            settle_cancellations(step, id, Settled::Ended);
        }
        Fact::Withdrawn => {
            step.shelf.change(id, |paper| paper.deleted = true);
            step.look_at_bill(id);
            settle_cancellations(step, id, Settled::Withdrawn);
        }
    }
}

/// 399, once; and what waits for it: receipts of money.
fn conclude(step: &mut Step, inventory: &Paper) {
    let status = step.shelf.get(inventory.id).map_or(0, |paper| paper.status);
    if status >= status::CONCLUDED {
        return;
    }
    step.say(inventory.id, &Return::concluded());
    let waiting: Vec<Uuid> = step
        .shelf
        .of_order(DocumentKind::MoneyReceipt, &inventory.names.order_no)
        .filter(|paper| paper.is_live() && paper.names.ebc_code == inventory.names.ebc_code)
        .filter(|paper| paper.status < status::TAKEN_IN)
        .map(|paper| paper.id)
        .collect();
    for id in waiting {
        step.say(id, &Return::sent());
        step.say(id, &Return::taken_in());
    }
}

/// Order, payment and waybill go the first steps together with their inventory.
fn to_companions(step: &mut Step, inventory: &Paper, what: &Return) {
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

/// Keeps the token, in the transaction of what stands before it.
pub(crate) async fn keep_token(tx: &mut PgConnection, token: &str) -> Result<(), Fault> {
    sqlx::query!("update heard set resume_token = $1 where slot = 0", token).execute(tx).await?;
    Ok(())
}
