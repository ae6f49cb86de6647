//! What banks say over the exchange of this service: files, each of which has its effect once.

use std::sync::Arc;

use domain::answer::{AnswerEffect, ExchangeAnswer, Payload};
use domain::refusal::{Code, Refusal};
use futures::future::BoxFuture;
use store::ServiceError;

use crate::{MANIFEST, Payments};

impl exchange::AnswerHandler for Payments {
    fn handle(&self, decision: ExchangeAnswer) -> BoxFuture<'_, exchange::AnswerOutcome> {
        Box::pin(async move {
            let Payload::BankFile(document) = decision.what else {
                return Ok(Err(Refusal::of(Code::FrameUnexpected)));
            };
            match self.bank_file(&document).await {
                Ok(outcome) if outcome.taken > 0 => Ok(Ok(AnswerEffect::Applied)),
                Ok(outcome) if outcome.repeated > 0 => Ok(Ok(AnswerEffect::Duplicate)),
                Ok(_) => Ok(Ok(AnswerEffect::Ignored)),
                Err(ServiceError::Refused(refusal)) => Ok(Err(refusal)),
                Err(ServiceError::Fault(fault)) => Err(fault),
            }
        })
    }
}

/// The exchange over this service's journal.
pub(crate) fn exchange(payment: &Arc<Payments>) -> exchange::Exchange {
    let handler = Arc::<Payments>::clone(payment);
    let rows = (payment.work.clone(), payment.clock.clone());
    let (tail, draining) = (payment.tail.clone(), payment.draining.clone());
    exchange::Exchange::new(MANIFEST.name, rows, tail, handler, draining)
}
