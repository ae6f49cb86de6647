//! Tax that was refunded: the refund service's watch is followed from its beginning, and goes on where it stopped.
//!
//! What it tells becomes items in the transaction in which the token moves. Two processes that follow it, or one that
//! hears something again, make the same items, and entries of the same names.

use std::sync::Arc;
use std::time::Duration;

use client::Window;
use futures::StreamExt as _;
use kit::deliver::{Delivery, Port, settle_done};
use proto::forex::TaxRefund;
use proto::v1;
use store::Fault;
use store::queue::{self, Item};
use store::share::Share;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::notices::is_no_door;
use crate::Payments;
use crate::commit::PaymentCommand;
use crate::queues::TAX_REFUNDS;
use crate::tax_refunds::{entry_id, slot, subject};

/// After a failure, and while there is no refund service.
const PAUSE: Duration = Duration::from_secs(1);
const SERVICE_PAUSE: Duration = Duration::from_secs(30);
/// Entries that are taken together.
const TOGETHER: usize = 100;

/// Follows the refund service until `closing`.
pub(crate) async fn follow(
    payment: &Payments,
    window: &Window,
    wake: &Notify,
    closing: &CancellationToken,
) {
    kit::follow::follow("tax refunds", closing, || listen(payment, window, wake)).await;
}

/// Listens until nothing more is heard; when to listen again.
async fn listen(payment: &Payments, window: &Window, wake: &Notify) -> Result<Duration, Fault> {
    let token = sqlx::query_scalar!("select token from refund_watch where slot = 0")
        .fetch_optional(&payment.work)
        .await?;
    let resume_token = token.unwrap_or_else(|| store::follow::BEGINNING.to_owned()); // the first time
    let request = v1::WatchRefundsRequest { resume_token };
    let news = client::refunds(window.clone(), request).ready_chunks(TOGETHER);
    let mut news = std::pin::pin!(news);
    while let Some(updates) = news.next().await {
        let (mut received, mut ended) = (Vec::new(), None);
        for update in updates {
            match update {
                Ok(update) => received.push(update),
                Err(status) => ended = Some(status),
            }
        }
        take(payment, &received).await?;
        wake.notify_one();
        match ended {
            None => {}
            Some(status) if is_no_door(&status) => return Ok(SERVICE_PAUSE),
            Some(status) => {
                // A token that is none any more: everything is heard again, and nothing counts twice.
                if status.code() == Code::InvalidArgument {
                    sqlx::query!("delete from refund_watch where slot = 0")
                        .execute(&payment.work)
                        .await?;
                }
                tracing::warn!(%status, "the refund service cannot be heard");
                return Ok(PAUSE);
            }
        }
    }
    Ok(PAUSE)
}

/// Takes what was told.
async fn take(payment: &Payments, received: &[v1::WatchRefundsResponse]) -> Result<(), Fault> {
    let now = payment.clock.now();
    let items = received.iter().flat_map(refunds).map(|refund| Item {
        slot: slot(&refund),
        id: entry_id(&refund),
        kind: 0,
        subject: subject(&refund),
        // What is recovered comes after what was paid.
        place: i64::from(refund.is_recovery),
        body: refund.encode(),
        due: now,
        tries: 0,
    });
    let items: Vec<Item> = items.collect();
    let token = received.iter().rev().map(|it| &it.resume_token).find(|token| !token.is_empty());
    let mut tx = payment.work.begin().await?;
    queue::enqueue(&mut tx, &payment.cipher, TAX_REFUNDS, &items).await?;
    if let Some(token) = token {
        sqlx::query!(
            "insert into refund_watch (slot, token) values (0, $1)
             on conflict (slot) do update set token = excluded.token",
            token
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// What was paid or recovered by something that happened.
fn refunds(update: &v1::WatchRefundsResponse) -> impl Iterator<Item = TaxRefund> + '_ {
    update.facts.iter().filter_map(|fact| {
        let is_recovery = match fact.step() {
            v1::RefundStep::LinePaid => false,
            v1::RefundStep::LineRepaid => true,
            _ => return None,
        };
        let time =
            update.time.as_ref().map(|it| it.seconds * 1_000_000 + i64::from(it.nanos) / 1_000);
        Some(TaxRefund {
            firm: update.firm.clone(),
            claim: update.name.clone(),
            line: fact.line,
            fen: fact.amount_fen,
            number: fact.number,
            is_recovery,
            time: time.unwrap_or(0), // the service always says it
        })
    })
}

/// Refunds, as they wait for their entry.
#[derive(Debug)]
pub(crate) struct TaxRefunds(pub(crate) Arc<Payments>);

impl Port for TaxRefunds {
    const QUEUE: &'static str = TAX_REFUNDS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let tried = futures::future::join_all(items.iter().map(|item| self.book(item))).await;
        settle_done(&self.0.work, TAX_REFUNDS, items, tried).await
    }
}

impl TaxRefunds {
    async fn book(&self, item: &Item) -> Result<(), Delivery> {
        let Self(payment) = self;
        let unreadable = || Delivery::Failed("the refund cannot be read".to_owned());
        let refund = TaxRefund::decode(&item.body).ok_or_else(unreadable)?;
        let command = |reply| PaymentCommand::TaxRefund(refund, reply);
        let booked = payment.requests.enqueue(item.slot, &Share::Kept, command).await;
        booked.map_err(|fault| Delivery::of(&fault))
    }
}
