//! The life of a claim (退税申报) and of its lines.
//!
//! ```text
//!            submit              accepted (受理)
//!  DRAFT ──────────► SUBMITTED ────────────────► UNDER REVIEW, line by line, below
//!    │                │      ▲
//!    │   form refused │      │ corrected, next round
//!    │   (不予受理)   ▼      │
//!    │            FORM REFUSED
//!    │ withdraw       │ withdraw
//!    └────► WITHDRAWN ◄
//!
//!  the lines of a claim under review; the others go on while one is asked about
//!
//!            doubt (疑点), suspension (暂缓), letter (函调)
//!    OPEN ──────────────────────────────────────────────► QUERIED ─┐ answer; a further query
//!     │ ▲                      lifted                        │ ▲   │
//!     │ └────────────────────────────────────────────────────┘ └───┘
//!     ├── drop (also queried) ──► DROPPED, free
//!     ├── refused by law and code (also queried) ──► REFUSED: correct it, free; or exempt, or as a
//!     │                                              sale at home, never free
//!     ▼ approved, whole or in part
//!  APPROVED ── paid ──► PAID ──────────────── recovered by a negative claim ──┐
//!                        │ advance: settled                                   ▼
//!                        ├── all of it is kept ──► SETTLED ◄── a part ── RECOVERING ── repaid ──► RECOVERED,
//!                        └── a part, or nothing ───────────────────────────►          nothing kept     free
//! ```
//!
//! Every event may arrive again: what has its effect already has no second one (no facts). What the
//! tax office says names the round, the query, the payment or the negative claim that it is about, so
//! that what was overtaken is void. A payment is for lines and amounts, once; what a line uses is freed
//! only when no money of it is out. Outcomes: domain brief §6.4, names of the tax administration; how
//! they follow each other is ours where the law is silent.

mod line;

use std::collections::BTreeMap;

pub use line::{ClaimLine, Consequence, Ground, LineEvent, LineState, Query, RecoveryCause};

/// Where a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClaimState {
    /// Proposed; its lines hold what they use.
    Draft,
    /// With the tax office.
    Submitted,
    /// The form was refused (不予受理).
    FormRefused,
    /// Accepted (受理): its lines are decided one by one.
    UnderReview,
    /// Taken back before it was accepted.
    Withdrawn,
}

/// A claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Where it stands.
    pub state: ClaimState,
    /// How often it was submitted.
    pub round: u32,
    /// Its lines by number, from 1.
    pub lines: BTreeMap<u32, ClaimLine>,
    /// What was paid, by the number of the payment and line.
    pub payments: BTreeMap<u64, BTreeMap<u32, i64>>,
}

impl Claim {
    /// A draft.
    pub fn draft(lines: BTreeMap<u32, ClaimLine>) -> Self {
        Self { state: ClaimState::Draft, round: 0, lines, payments: BTreeMap::new() }
    }

    /// Nothing has to follow.
    pub fn is_ended(&self) -> bool {
        let all = self.lines.values().all(ClaimLine::is_ended);
        match self.state {
            ClaimState::Withdrawn => true,
            ClaimState::UnderReview => all,
            ClaimState::Draft | ClaimState::Submitted | ClaimState::FormRefused => false,
        }
    }
}

/// What happens to a claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClaimEvent {
    /// The firm hands it in, perhaps corrected.
    Submit {
        /// Rounds before.
        after: u32,
    },
    /// The firm takes it back.
    Withdraw,
    /// The form is refused.
    FormRefused {
        /// Of this round.
        round: u32,
    },
    /// It is accepted.
    Accepted {
        /// In this round.
        round: u32,
    },
    /// Something about a line.
    Line {
        /// The line.
        line: u32,
        /// What.
        event: LineEvent,
    },
    /// The treasury paid.
    Paid {
        /// The number of the payment.
        payment: u64,
        /// What for.
        lines: BTreeMap<u32, i64>,
    },
}

/// What an event did.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the events say what happened; the numbers are their lines")]
pub enum ClaimFact {
    Submitted {
        round: u32,
    },
    FormRefused {
        round: u32,
    },
    Accepted {
        round: u32,
    },
    Withdrawn,
    Dropped(u32),
    Raised(u32, Query),
    Answered(u32),
    Lifted(u32),
    Approved {
        line: u32,
        fen: i64,
    },
    Refused(u32, Consequence),
    Paid {
        payment: u64,
        line: u32,
        fen: i64,
    },
    Settled {
        line: u32,
        fen: i64,
    },
    RecoveryOrdered {
        line: u32,
        fen: i64,
        negative: u64,
    },
    Repaid {
        line: u32,
        fen: i64,
        negative: u64,
    },
    /// What the line used is free.
    Freed(u32),
}

/// Why an event has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The claim or the line does not stand where this could happen.
    #[error("the claim or the line does not stand where this could happen")]
    State,
    /// There is no such line.
    #[error("the claim has no such line")]
    NoLine,
    /// It is about a round or a query that is over, or that is still to come.
    #[error("this is about another round or query than the present one")]
    Overtaken,
    /// The number was used for something else.
    #[error("the number of the payment or negative claim was used for something else")]
    Different,
    /// The amount is not above zero, or above what was claimed, approved or paid.
    #[error("the amount is not above zero, or above what was claimed, approved or paid")]
    Amount,
}

impl ClaimError {
    /// In Chinese.
    pub fn text_zh(self) -> &'static str {
        match self {
            Self::State => "申报或明细的当前状态不允许此操作",
            Self::NoLine => "申报中没有该明细",
            Self::Overtaken => "所指的申报轮次或疑点不是当前的",
            Self::Different => "付款或负数申报编号已用于其他内容",
            Self::Amount => "金额须大于0，且不超过已申报、已核准或已退的金额",
        }
    }
}

/// What an event makes of a claim, beside the one that was.
///
/// # Errors
///
/// The event has no place.
pub fn next(now: &Claim, event: &ClaimEvent) -> Result<(Claim, Vec<ClaimFact>), ClaimError> {
    let mut claim = now.clone();
    let facts = apply(&mut claim, event)?;
    Ok((claim, facts))
}

/// The same in place: a claim may have 100,000 lines, and an event is about one.
///
/// # Errors
///
/// The event has no place; the claim is as it was.
pub fn apply(claim: &mut Claim, event: &ClaimEvent) -> Result<Vec<ClaimFact>, ClaimError> {
    match event {
        ClaimEvent::Submit { after } => submit(claim, *after),
        ClaimEvent::Withdraw => withdraw(claim),
        ClaimEvent::FormRefused { round } => decide_form(claim, *round, false),
        ClaimEvent::Accepted { round } => decide_form(claim, *round, true),
        ClaimEvent::Line { line, event } => on_line(claim, *line, event),
        ClaimEvent::Paid { payment, lines } => pay(claim, *payment, lines),
    }
}

fn submit(claim: &mut Claim, after: u32) -> Result<Vec<ClaimFact>, ClaimError> {
    if claim.round == after.saturating_add(1) {
        return Ok(Vec::new());
    }
    if claim.round != after {
        return Err(ClaimError::Overtaken);
    }
    let something = claim.lines.values().any(ClaimLine::is_undecided);
    match claim.state {
        ClaimState::Draft | ClaimState::FormRefused if something => {}
        ClaimState::Draft
        | ClaimState::FormRefused
        | ClaimState::Submitted
        | ClaimState::UnderReview
        | ClaimState::Withdrawn => return Err(ClaimError::State),
    }
    claim.state = ClaimState::Submitted;
    claim.round += 1;
    Ok(vec![ClaimFact::Submitted { round: claim.round }])
}

fn withdraw(claim: &mut Claim) -> Result<Vec<ClaimFact>, ClaimError> {
    match claim.state {
        ClaimState::Withdrawn => return Ok(Vec::new()),
        ClaimState::Submitted | ClaimState::UnderReview => return Err(ClaimError::State),
        ClaimState::Draft | ClaimState::FormRefused => {}
    }
    claim.state = ClaimState::Withdrawn;
    let mut facts = vec![ClaimFact::Withdrawn];
    for (number, line) in claim.lines.iter_mut().filter(|(_, line)| line.is_undecided()) {
        line.state = LineState::Dropped;
        facts.push(ClaimFact::Freed(*number));
    }
    Ok(facts)
}

fn decide_form(
    claim: &mut Claim,
    round: u32,
    accepted: bool,
) -> Result<Vec<ClaimFact>, ClaimError> {
    let (state, fact) = if accepted {
        (ClaimState::UnderReview, ClaimFact::Accepted { round })
    } else {
        (ClaimState::FormRefused, ClaimFact::FormRefused { round })
    };
    if claim.round != round {
        return Err(ClaimError::Overtaken);
    }
    if claim.state == state {
        return Ok(Vec::new());
    }
    if claim.state != ClaimState::Submitted {
        return Err(ClaimError::State);
    }
    claim.state = state;
    Ok(vec![fact])
}

fn pay(
    claim: &mut Claim,
    payment: u64,
    lines: &BTreeMap<u32, i64>,
) -> Result<Vec<ClaimFact>, ClaimError> {
    if let Some(before) = claim.payments.get(&payment) {
        return if before == lines { Ok(Vec::new()) } else { Err(ClaimError::Different) };
    }
    if claim.state != ClaimState::UnderReview || lines.is_empty() {
        return Err(ClaimError::State);
    }
    // All of it, or nothing.
    for (number, fen) in lines {
        match claim.lines.get(number).ok_or(ClaimError::NoLine)?.state {
            LineState::Approved { fen: approved } if approved == *fen => {}
            LineState::Approved { .. } => return Err(ClaimError::Amount),
            LineState::Open
            | LineState::Queried { .. }
            | LineState::Dropped
            | LineState::Refused { .. }
            | LineState::Paid { .. }
            | LineState::Settled { .. }
            | LineState::Recovering { .. }
            | LineState::Recovered => return Err(ClaimError::State),
        }
    }
    let mut facts = Vec::new();
    for (&number, &fen) in lines {
        let line = claim.lines.get_mut(&number).ok_or(ClaimError::NoLine)?;
        line.state = LineState::Paid { fen };
        facts.push(ClaimFact::Paid { payment, line: number, fen });
    }
    claim.payments.insert(payment, lines.clone());
    Ok(facts)
}

fn on_line(
    claim: &mut Claim,
    number: u32,
    event: &LineEvent,
) -> Result<Vec<ClaimFact>, ClaimError> {
    let may_drop = matches!(
        claim.state,
        ClaimState::Draft | ClaimState::FormRefused | ClaimState::UnderReview
    );
    let reviewed = claim.state == ClaimState::UnderReview;
    let may = reviewed || may_drop && *event == LineEvent::Drop;
    let line = claim.lines.get_mut(&number).ok_or(ClaimError::NoLine)?;
    line::apply(line, number, event, may)
}
