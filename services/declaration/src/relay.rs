//! What the declaration service says to agencies and hears from them: the exchange over its journal.

use std::sync::Arc;

use domain::answer::ExchangeAnswer;
use domain::refusal::Code;
use futures::future::BoxFuture;
use kit::use_case::UseCaseSpan;
use store::share::Share;

use crate::commit::DeclarationCommand;
use crate::{Declarations, MANIFEST, Service};

impl Service {
    /// The exchange that serves this service's journal.
    pub(crate) fn exchange(&self) -> exchange::Exchange {
        let Declarations { work, writer, tail, draining, .. } = &*self.0;
        let handler = Arc::<Declarations>::clone(&self.0);
        let rows = (work.clone(), writer.clock.clone());
        exchange::Exchange::new(MANIFEST.name, rows, tail.clone(), handler, draining.clone())
    }
}

impl exchange::AnswerHandler for Declarations {
    fn handle(
        &self,
        decision: ExchangeAnswer,
        trace: String,
    ) -> BoxFuture<'_, exchange::AnswerOutcome> {
        let mut span = UseCaseSpan::begin(MANIFEST.name, "Decide", &trace);
        span.record("single_window.agency", decision.by);
        let trace = span.trace(trace);
        Box::pin(async move {
            let slot = decision.declaration.slot();
            let decide = |reply| DeclarationCommand::Decide(decision, trace, reply);
            let decided = self.batch.enqueue(slot, &Share::Kept, decide).await;
            match &decided {
                Ok(Ok(decided)) => span.record("single_window.decided", decided),
                Ok(Err(refusal)) => span.fails(refusal.code),
                Err(_) => span.fails(Code::Unavailable),
            }
            decided
        })
    }
}
