//! What banks paid of payment orders of bills, by their statements.

use std::sync::Arc;

use domain::{RequestId, Slot};
use kit::deliver::{Delivery, Port, settle_done};
use proto::forex::DutyPayment;
use store::queue::Item;
use store::share::Share;

use crate::Payments;
use crate::collect::OrderPayment;
use crate::commit::PaymentCommand;
use crate::queues::DUTY_PAYMENTS;

/// Lines of banks become payments, each once: its request has the id of its item.
#[derive(Debug)]
pub(crate) struct DutyPayments(pub(crate) Arc<Payments>);

impl Port for DutyPayments {
    const QUEUE: &'static str = DUTY_PAYMENTS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let tried = futures::future::join_all(items.iter().map(|item| self.pay(item))).await;
        settle_done(&self.0.work, DUTY_PAYMENTS, items, tried).await
    }
}

impl DutyPayments {
    async fn pay(&self, item: &Item) -> Result<(), Delivery> {
        let Self(payment) = self;
        let unreadable = || Delivery::Failed("the payment cannot be read".to_owned());
        let paid = DutyPayment::decode(&item.body).ok_or_else(unreadable)?;
        let DutyPayment { payer, ent_duty_no, amount_fen, reference } = paid;
        let slot = Slot::of(&payer);
        let order = OrderPayment {
            request_id: RequestId(item.id),
            caller: "bank".to_owned(),
            digest: [0; 32],
            payer,
            ent_duty_no,
            reference,
            amount_fen: Some(amount_fen),
        };
        let command = |reply| PaymentCommand::PayOrder(Box::new(order), reply);
        let done = payment.requests.enqueue(slot, &Share::Kept, command).await;
        match done.map_err(|fault| Delivery::of(&fault))? {
            Ok(_) => Ok(()),
            Err(refusal) => Err(Delivery::Failed(refusal.to_string())),
        }
    }
}
