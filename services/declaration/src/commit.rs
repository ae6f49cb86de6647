//! The one transaction of the declaration service. Everything that waits, of every kind, goes
//! through it together: filings, amendments, withdrawals, verdicts and findings.
//!
//! Order: lock the slots' heads; load what is concerned and not remembered; decide in the order of arrival, purely, in memory;
//! write. The lock
//! makes a slot's work serial, so what was loaded stays true until the commit.

use std::sync::Arc;

use domain::answer::{AnswerEffect, ExchangeAnswer};
use domain::clearance::Phase;
use domain::history::topic::END;
use domain::refusal::Refusal;
use domain::{DeclarationId, RequestId, Slot};
use proto::memory::{self, Charge};
use sqlx::PgConnection;
use store::commit_queue::{Reply, Transaction};
use store::journal::{Heads, JournalEntry};
use store::permutation::NumberKey;
use store::request::{RequestKey, Requests};
use store::tail::Tail;
use store::{Clock, Fault};

use crate::amend::{self, Amendment};
use crate::open_declarations::{OpenDeclarations, Rows};
use crate::provide::{self, Provision};
use crate::row::{self, phase_column};
use crate::submission::Submission;
use crate::submit::{self, Receipt};
use crate::transaction::{DeclarationCommit, DeclarationTransaction};
use crate::withdraw::{self, Withdrawal};
use crate::{clear, filing};

/// A request that waits for its transaction, and what it is answered with.
#[derive(Debug)]
pub(crate) enum DeclarationCommand {
    /// File a declaration.
    Submit(Box<Submission>, Reply<Result<Receipt, Refusal>>),
    /// File a new version; its number.
    Amend(Box<Amendment>, Reply<Result<u32, Refusal>>),
    /// Take a declaration back.
    Withdraw(Withdrawal, Reply<Result<(), Refusal>>),
    /// Provide documents that an agency asked for.
    Provide(Box<Provision>, Reply<Result<(), Refusal>>),
    /// An agency decided; what became of it.
    Decide(ExchangeAnswer, String, Reply<Result<AnswerEffect, Refusal>>),
}

impl DeclarationCommand {
    /// The slots that it writes in: of its rows, and of who stands for a duty and is told of its guarantee.
    fn slots(&self) -> impl Iterator<Item = Slot> {
        let guarantor = match self {
            Self::Decide(decision, ..) => decision.guarantor().map(Slot::of),
            Self::Submit(..) | Self::Amend(..) | Self::Withdraw(..) | Self::Provide(..) => None,
        };
        std::iter::once(self.slot()).chain(guarantor)
    }

    /// The slot of its rows.
    fn slot(&self) -> Slot {
        match self {
            Self::Submit(submission, _) => submission.slot,
            Self::Amend(amendment, _) => amendment.id.slot(),
            Self::Withdraw(withdrawal, _) => withdrawal.id.slot(),
            Self::Provide(provision, _) => provision.id.slot(),
            Self::Decide(decision, ..) => decision.declaration.slot(),
        }
    }

    /// The request that is kept for it.
    fn request(&self, cases: &Rows) -> Option<RequestKey> {
        let of = |id: DeclarationId, request: RequestId| {
            let case = cases.get(&id)?;
            Some(filing::key(id.slot(), request, &case.declarant_code))
        };
        match self {
            Self::Submit(submission, _) => Some(submission.key()),
            Self::Amend(amendment, _) => of(amendment.id, amendment.request_id),
            Self::Withdraw(withdrawal, _) => of(withdrawal.id, withdrawal.request_id),
            Self::Provide(provision, _) => of(provision.id, provision.request_id),
            // Its row keeps it.
            Self::Decide(..) => None,
        }
    }

    /// The declaration that must exist for it.
    fn subject(&self) -> Option<DeclarationId> {
        match self {
            Self::Submit(..) => None,
            Self::Amend(amendment, _) => Some(amendment.id),
            Self::Withdraw(withdrawal, _) => Some(withdrawal.id),
            Self::Provide(provision, _) => Some(provision.id),
            Self::Decide(decision, ..) => Some(decision.declaration),
        }
    }
}

/// The work of the service.
#[derive(Debug)]
pub(crate) struct DeclarationWriter {
    pub(crate) tail: Tail,
    pub(crate) clock: Clock,
    pub(crate) open: OpenDeclarations,
    /// In which order numbers are given.
    pub(crate) numbers: NumberKey,
}

impl Transaction for DeclarationWriter {
    type Command = DeclarationCommand;
    type Publication = DeclarationCommit;
    type Held = Option<Arc<Charge>>;

    fn held() -> Self::Held {
        memory::held()
    }

    async fn run(
        &self,
        tx: &mut PgConnection,
        commands: &[DeclarationCommand],
    ) -> Result<DeclarationCommit, Fault> {
        let slots = commands.iter().flat_map(DeclarationCommand::slots);
        let mut slots: Vec<i16> = slots.map(|slot| slot.column()).collect();
        slots.sort_unstable();
        slots.dedup();
        let heads = Heads::lock(&mut *tx, &slots).await?;
        let mut subjects: Vec<_> =
            commands.iter().filter_map(DeclarationCommand::subject).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let mut cases = self.open.take(&heads, &subjects);
        subjects.retain(|id| !cases.contains_key(id));
        cases.extend(row::load(&mut *tx, &subjects).await?);
        let requests = commands.iter().filter_map(|command| command.request(&cases));
        let requests = Requests::load(&mut *tx, requests).await?;
        let cases = with_repeated(&mut *tx, cases, &requests, commands).await?;
        let (now, with) = (self.clock.now(), (tx, self.tail.cipher()));
        let mut step = DeclarationTransaction::new(with, now, heads, cases, requests);

        let (mut submissions, mut decisions, mut amended) = (Vec::new(), Vec::new(), Vec::new());
        for command in commands {
            match command {
                DeclarationCommand::Submit(submission, _) => submissions.push(&**submission),
                DeclarationCommand::Decide(decision, ..) => decisions.push(decision),
                DeclarationCommand::Amend(amendment, _) => amended.push(amendment.id),
                DeclarationCommand::Withdraw(..) | DeclarationCommand::Provide(..) => {}
            }
        }
        let mut lookup = submit::look_up(&mut step, &self.numbers, &submissions, &amended).await?;
        let mut numbers = clear::look_up(&mut step, &self.numbers, &decisions).await?;
        for command in commands {
            match command {
                DeclarationCommand::Submit(submission, reply) => {
                    reply.give(submit::submit(&mut step, submission, &mut lookup).await?);
                }
                DeclarationCommand::Amend(amendment, reply) => {
                    reply.give(amend::amend(&mut step, amendment).await?);
                }
                DeclarationCommand::Withdraw(withdrawal, reply) => {
                    reply.give(withdraw::withdraw(&mut step, withdrawal).await?);
                }
                DeclarationCommand::Provide(provision, reply) => {
                    reply.give(provide::provide(&mut step, provision).await?);
                }
                DeclarationCommand::Decide(decision, trace, reply) => {
                    let decided = clear::clear(&mut step, decision, &mut numbers).await?;
                    if decided.as_ref().is_ok_and(|it| *it == AnswerEffect::Applied) {
                        step.trace(decision.declaration, trace);
                    }
                    reply.give(decided);
                }
            }
        }
        step.write().await
    }

    fn publish(&self, committed: DeclarationCommit) {
        let DeclarationCommit { entries, heads, cases } = committed;
        self.open.remember(&heads, cases);
        let released =
            |e: &&JournalEntry| e.phase == phase_column(Phase::Released) && e.topics & END != 0;
        let count = metrics::counter!("sw_releases_total");
        entries.iter().filter(released).for_each(|_| count.increment(1));
        self.tail.publish(entries);
    }
}

/// Loads also what earlier requests were about that are asked again.
async fn with_repeated(
    tx: &mut PgConnection,
    mut cases: Rows,
    requests: &Requests,
    commands: &[DeclarationCommand],
) -> Result<Rows, Fault> {
    let mut repeated = Vec::new();
    if requests.are_new() {
        return Ok(cases);
    }
    let keys = commands.iter().filter_map(|command| command.request(&cases));
    for outcome in keys.filter_map(|key| requests.outcome(&key)) {
        let declaration = filing::read(outcome)?.declaration;
        if !cases.contains_key(&declaration) {
            repeated.push(declaration);
        }
    }
    cases.extend(row::load(tx, &repeated).await?);
    Ok(cases)
}
