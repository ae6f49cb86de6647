//! Goods that may come back: applications (CEB625) that were accepted stand in the log of customs at the national door.
//!
//! What the log says becomes an item in the transaction in which the place in it moves; the item waits for the bill
//! of its inventory. Two processes that follow the log take each message once. From then on the site is waited for,
//! and another item for the end of the term.

use std::sync::Arc;
use std::time::Duration;

use client::Window;
use domain::Slot;
use domain::payment::import_return::ImportReturnLine;
use domain::principal::CUSTOMS_LOG;
use futures::StreamExt as _;
use kit::deliver::{Delivery, Port, settle_done};
use proto::ceb::{self, Document, MessageType};
use proto::duty::ReturnedGoods;
use proto::v1;
use store::Fault;
use store::inbox::Inbox;
use store::queue::{self, Item};
use store::share::Share;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::notices::is_no_door;
use crate::Payments;
use crate::commit::PaymentCommand;
use crate::goods_back::term_of;
use crate::names::id_of;
use crate::queues::{RETURN_TERMS, RETURNS};

/// After a failure, and while there is no national door.
const PAUSE: Duration = Duration::from_secs(1);
const DOOR_PAUSE: Duration = Duration::from_secs(30);
/// So long after an application its import has a bill, if it was filed while there was a payment service.
const BILLED_WITHIN: time::Duration = time::Duration::hours(1);

/// Where the place in the log of customs is kept: this service has no other inbox.
fn place() -> Slot {
    Slot::of(CUSTOMS_LOG)
}

/// Follows the log until `closing`.
pub(crate) async fn follow(
    payment: &Payments,
    window: &Window,
    wake: &Notify,
    closing: &CancellationToken,
) {
    kit::follow::follow("returned goods", closing, || listen(payment, window, wake)).await;
}

/// Listens until nothing more is heard; when to listen again.
async fn listen(payment: &Payments, window: &Window, wake: &Notify) -> Result<Duration, Fault> {
    let after = position(payment).await?;
    let news = client::receipts(window.clone(), CUSTOMS_LOG.to_owned(), after);
    let mut news = std::pin::pin!(news);
    while let Some(update) = news.next().await {
        match update {
            Ok(message) => take(payment, &message).await?,
            Err(status) if is_no_door(&status) => return Ok(DOOR_PAUSE),
            Err(status) => {
                tracing::warn!(%status, "the log of customs cannot be read");
                return Ok(PAUSE);
            }
        }
        wake.notify_one();
    }
    Ok(PAUSE)
}

async fn position(payment: &Payments) -> Result<u64, Fault> {
    let found = sqlx::query_scalar!("select position from inbox where slot = $1", place().column())
        .fetch_one(&payment.work)
        .await?;
    u64::try_from(found).map_err(|_| Fault::Broken("the place in the log is none".to_owned()))
}

/// Takes a message of the log.
async fn take(payment: &Payments, message: &v1::OutgoingMessage) -> Result<(), Fault> {
    let now = payment.clock.now();
    let items: Vec<Item> = returns_of(message)
        .into_iter()
        .map(|goods| Item {
            slot: Slot::of(&goods.invt_no),
            id: id_of(&format!("goods/{}", goods.guid)),
            kind: 0,
            subject: id_of(&format!("inventory/{}", goods.invt_no)),
            // No log is so long.
            place: i64::try_from(message.position).unwrap_or(i64::MAX),
            body: goods.encode(),
            due: now,
            tries: 0,
        })
        .collect();
    let position = i64::try_from(message.position)
        .map_err(|_| Fault::Broken("a message stands behind every place".to_owned()))?;
    let mut tx = payment.work.begin().await?;
    let mut inbox = Inbox::receive(&mut tx, [(place(), position)]).await?;
    if inbox.take(place(), position) {
        queue::enqueue(&mut tx, &payment.cipher, RETURNS, &items).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// What comes back by a message; nothing by one of another kind. The window verified the signature, its copy is
/// without.
fn returns_of(message: &v1::OutgoingMessage) -> Vec<ReturnedGoods> {
    let xml = message.xml.as_bytes();
    if ceb::root(xml).is_none_or(|root| root.message_type != MessageType::Ceb625) {
        return Vec::new();
    }
    let documents = match ceb::read_verified(xml) {
        Ok(read) => read.documents,
        Err(faults) => {
            let (position, fault) = (message.position, faults.first());
            tracing::error!(position, ?fault, "a return in the log of customs cannot be read");
            return Vec::new();
        }
    };
    let goods = documents.into_iter().filter_map(|read| match read.document {
        Document::Ceb625(refund) => Some(ReturnedGoods {
            invt_no: refund.head.invt_no,
            guid: refund.head.guid.to_uppercase(),
            cop_no: refund.head.cop_no,
            logistics_no: refund.head.logistics_no,
            lines: refund.lines.iter().map(|line| line_of(line.gnum, line.qty)).collect(),
        }),
        _ => None,
    });
    goods.collect()
}

fn line_of(gnum: u32, applied_e5: i64) -> ImportReturnLine {
    ImportReturnLine { gnum, applied_e5, counted_e5: 0 }
}

/// Applications, as they wait for their bill.
#[derive(Debug)]
pub(crate) struct Returns(pub(crate) Arc<Payments>);

impl Port for Returns {
    const QUEUE: &'static str = RETURNS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let tried = futures::future::join_all(items.iter().map(|item| self.allow(item))).await;
        settle_done(&self.0.work, RETURNS, items, tried).await
    }
}

impl Returns {
    async fn allow(&self, item: &Item) -> Result<(), Delivery> {
        let Self(payment) = self;
        let unreadable = |_| Delivery::Failed("what comes back cannot be read".to_owned());
        let goods = ReturnedGoods::decode(&item.body).map_err(unreadable)?;
        let invt_no = goods.invt_no.clone();
        let command = |reply| PaymentCommand::AllowReturn(goods, reply);
        let taken = payment.requests.enqueue(item.slot, &Share::Kept, command).await;
        if taken.map_err(|fault| Delivery::of(&fault))? {
            return Ok(());
        }
        if payment.clock.now() - item.due < BILLED_WITHIN {
            return Err(Delivery::NotYet);
        }
        tracing::info!(invt_no, "goods may come back of an import without a bill");
        Ok(())
    }
}

/// Goods whose term is over.
#[derive(Debug)]
pub(crate) struct ReturnTerms(pub(crate) Arc<Payments>);

impl Port for ReturnTerms {
    const QUEUE: &'static str = RETURN_TERMS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let tried = futures::future::join_all(items.iter().map(|item| self.end(item))).await;
        settle_done(&self.0.work, RETURN_TERMS, items, tried).await
    }
}

impl ReturnTerms {
    async fn end(&self, item: &Item) -> Result<(), Delivery> {
        let Self(payment) = self;
        let unreadable = || Delivery::Failed("the term of a return cannot be read".to_owned());
        let (id, guid) = term_of(&item.body).ok_or_else(unreadable)?;
        let command = |reply| PaymentCommand::EndReturn(id, guid, reply);
        let ended = payment.requests.enqueue(item.slot, &Share::Kept, command).await;
        ended.map_err(|fault| Delivery::of(&fault))
    }
}
