//! The one transaction of the declaration service. Everything that waits, of every kind, goes
//! through it together: filings, amendments, withdrawals, verdicts and findings.
//!
//! Order: lock the slots' heads; load what is concerned; decide, purely, in memory; write. The lock
//! makes a slot's work serial, so what was loaded stays true until the commit.

use std::sync::Arc;

use domain::clearance::Phase;
use domain::decision::{Decided, Decision};
use domain::history::topic::END;
use domain::refusal::Refusal;
use domain::{DeclarationId, Slot};
use proto::memory::{self, Charge};
use sqlx::PgConnection;
use store::batch::Work;
use store::journal::{Entry, Heads};
use store::tail::Tail;
use store::{Clock, Fault};

use crate::amend::{self, Amendment};
use crate::case::{self, phase_column};
use crate::clear;
use crate::step::Step;
use crate::submit::{self, Receipt, Submission};
use crate::withdraw::{self, Withdrawal};

/// A request that waits for its transaction.
#[derive(Debug, Clone)]
pub enum Command {
    /// File a declaration.
    Submit(Box<Submission>),
    /// File a new version.
    Amend(Box<Amendment>),
    /// Take a declaration back.
    Withdraw(Withdrawal),
    /// An agency decided.
    Decide(Decision),
}

impl Command {
    /// The slot of its rows.
    pub fn slot(&self) -> Slot {
        match self {
            Self::Submit(submission) => submission.slot,
            Self::Amend(amendment) => amendment.id.slot(),
            Self::Withdraw(withdrawal) => withdrawal.id.slot(),
            Self::Decide(decision) => decision.declaration.slot(),
        }
    }

    /// The declaration that must exist for it.
    fn subject(&self) -> Option<DeclarationId> {
        match self {
            Self::Submit(_) => None,
            Self::Amend(amendment) => Some(amendment.id),
            Self::Withdraw(withdrawal) => Some(withdrawal.id),
            Self::Decide(decision) => Some(decision.declaration),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Filed.
    Filed(Receipt),
    /// The new version.
    Amended(u32),
    /// Taken back.
    Withdrawn,
    /// What became of a decision.
    Decided(Decided),
}

/// The answer to a command.
pub(crate) type Answer = Result<Done, Refusal>;

/// The work of the service.
#[derive(Debug)]
pub struct Ledger {
    pub(crate) tail: Tail,
    pub(crate) clock: Clock,
}

impl Work for Ledger {
    type Command = Command;
    type Answer = Answer;
    type Told = Vec<Entry>;
    type Held = Option<Arc<Charge>>;

    fn held() -> Self::Held {
        memory::held()
    }

    async fn work(
        &self,
        tx: &mut PgConnection,
        commands: &[Command],
    ) -> Result<(Vec<Answer>, Vec<Entry>), Fault> {
        let mut slots: Vec<i16> = commands.iter().map(|command| command.slot().column()).collect();
        slots.sort_unstable();
        slots.dedup();
        let heads = Heads::lock(&mut *tx, &slots).await?;
        let mut subjects: Vec<_> = commands.iter().filter_map(Command::subject).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let cases = case::load(&mut *tx, &subjects).await?;
        let mut step = Step::new(tx, self.clock.now(), heads, cases);

        let mut answers: Vec<Option<Answer>> = vec![None; commands.len()];
        let mut kinds = Kinds::default();
        for (index, command) in commands.iter().enumerate() {
            match command {
                Command::Submit(submission) => kinds.submissions.push((index, submission)),
                Command::Amend(amendment) => kinds.amendments.push((index, amendment)),
                Command::Withdraw(withdrawal) => kinds.withdrawals.push((index, withdrawal)),
                Command::Decide(decision) => kinds.decisions.push((index, decision)),
            }
        }
        let mut place = |done: Vec<(usize, Answer)>| {
            for (index, answer) in done {
                answers[index] = Some(answer);
            }
        };
        place(submit::commit(&mut step, &kinds.submissions).await?);
        place(amend::commit(&mut step, &kinds.amendments).await?);
        place(withdraw::commit(&mut step, &kinds.withdrawals).await?);
        place(clear::commit(&mut step, &kinds.decisions).await?);
        let entries = step.write().await?;
        let answers = answers
            .into_iter()
            .map(|answer| answer.ok_or_else(|| Fault::Broken("a request has no answer".into())))
            .collect::<Result<_, _>>()?;
        Ok((answers, entries))
    }

    fn tell(&self, entries: Vec<Entry>) {
        let released = |e: &&Entry| e.phase == phase_column(Phase::Released) && e.topics & END != 0;
        let count = metrics::counter!("sw_releases_total");
        entries.iter().filter(released).for_each(|_| count.increment(1));
        self.tail.tell(entries);
    }
}

/// Commands by kind, with their places.
#[derive(Default)]
struct Kinds<'a> {
    submissions: Vec<(usize, &'a Submission)>,
    amendments: Vec<(usize, &'a Amendment)>,
    withdrawals: Vec<(usize, &'a Withdrawal)>,
    decisions: Vec<(usize, &'a Decision)>,
}

/// The work of the service, shared by its lanes.
pub(crate) type Shared = Arc<Ledger>;
