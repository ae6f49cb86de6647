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

use std::collections::{BTreeMap, BTreeSet};

use time::Date;

use super::deadline::Deadline;

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

/// What the tax office asks about a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Query {
    /// A doubt (疑点): data do not fit; the firm answers.
    Doubt,
    /// Suspended (暂缓办理) until it is cleared.
    Suspension,
    /// A letter to the tax office of the supplier (函调); it has three months.
    Letter {
        /// The day on which it was sent.
        sent: Date,
    },
}

/// What a refusal makes of a line (不予退税).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Consequence {
    /// It may be corrected and claimed again: what it used is free.
    Correct,
    /// It is exempt (免税): used up.
    Exempt,
    /// It is taxed as a sale at home (视同内销): used up.
    Domestic,
}

/// Why a line is refused or cut.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ground {
    /// The law.
    pub law: String,
    /// The code of the tax office.
    pub code: String,
}

/// Why a refund is recovered (追回).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Goods came back.
    Returned,
    /// The money did not come in time.
    NoMoney,
    /// The invoice is void or red-lettered.
    Invoice,
    /// An advance refund was not settled in time.
    Unsettled,
}

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LineState {
    /// Nothing is decided.
    Open,
    /// The tax office asks.
    Queried {
        /// What.
        query: Query,
        /// The firm answered.
        answered: bool,
    },
    /// Taken out of the claim by the firm.
    Dropped,
    /// Refused.
    Refused {
        /// By which law.
        ground: Ground,
        /// What becomes of it.
        then: Consequence,
    },
    /// To be paid.
    Approved {
        /// How much.
        fen: i64,
    },
    /// Paid.
    Paid {
        /// How much.
        fen: i64,
    },
    /// An advance refund that is kept.
    Settled {
        /// How much.
        fen: i64,
    },
    /// To be paid back.
    Recovering {
        /// How much is out.
        fen: i64,
        /// How much of it is kept when the rest is back.
        keeps_fen: i64,
        /// The negative claim.
        negative: u64,
    },
    /// All of it is back.
    Recovered,
}

/// A line of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimLine {
    /// Claimed.
    pub amount_fen: i64,
    /// Of an overseas warehouse, before it was sold: to be settled.
    pub advance: bool,
    /// Where it stands.
    pub state: LineState,
    /// How often the tax office asked.
    pub queries: u32,
    /// Negative claims that are done.
    pub negatives: BTreeSet<u64>,
}

impl ClaimLine {
    /// A new one.
    pub fn new(amount_fen: i64, advance: bool) -> Self {
        let negatives = BTreeSet::new();
        Self { amount_fen, advance, state: LineState::Open, queries: 0, negatives }
    }

    /// Nothing has to follow. What is paid may still be recovered.
    pub fn is_ended(&self) -> bool {
        match self.state {
            LineState::Paid { .. } => !self.advance,
            LineState::Dropped
            | LineState::Refused { .. }
            | LineState::Settled { .. }
            | LineState::Recovered => true,
            LineState::Open
            | LineState::Queried { .. }
            | LineState::Approved { .. }
            | LineState::Recovering { .. } => false,
        }
    }

    /// Money of the treasury that the firm has for it.
    pub fn out_fen(&self) -> i64 {
        match self.state {
            LineState::Paid { fen }
            | LineState::Settled { fen }
            | LineState::Recovering { fen, .. } => fen,
            LineState::Open
            | LineState::Queried { .. }
            | LineState::Dropped
            | LineState::Refused { .. }
            | LineState::Approved { .. }
            | LineState::Recovered => 0,
        }
    }

    /// The letter was not answered in time: the office suspends, refuses or lifts it.
    pub fn is_letter_overdue(&self, today: Date) -> bool {
        let LineState::Queried { query: Query::Letter { sent }, .. } = self.state else {
            return false;
        };
        Deadline::Letter.last_day(sent).is_some_and(|last| last < today)
    }

    fn is_undecided(&self) -> bool {
        matches!(self.state, LineState::Open | LineState::Queried { .. })
    }
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

/// What happens to a line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LineEvent {
    /// The firm takes it out.
    Drop,
    /// The tax office asks.
    Raised {
        /// Its number for this line, from 1.
        number: u32,
        /// What.
        query: Query,
    },
    /// The firm answers.
    Answered {
        /// This query.
        number: u32,
    },
    /// The tax office is satisfied.
    Lifted {
        /// With this query.
        number: u32,
    },
    /// Approved, whole or in part.
    Approved {
        /// How much.
        fen: i64,
    },
    /// Refused.
    Refused {
        /// By which law.
        ground: Ground,
        /// What becomes of it.
        then: Consequence,
    },
    /// The firm settles an advance refund.
    Settled {
        /// What it keeps.
        keeps_fen: i64,
        /// The negative claim for the rest.
        negative: u64,
    },
    /// The tax office recovers all of it.
    Recovered {
        /// Why.
        cause: Cause,
        /// By this negative claim.
        negative: u64,
    },
    /// What was to be paid back is back.
    Repaid {
        /// For this negative claim.
        negative: u64,
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
    let state = claim.state;
    let line = claim.lines.get_mut(&number).ok_or(ClaimError::NoLine)?;
    let reviewed = state == ClaimState::UnderReview;
    match event {
        LineEvent::Drop => {
            let may = reviewed || matches!(state, ClaimState::Draft | ClaimState::FormRefused);
            drop_line(line, number, may)
        }
        _ if !reviewed => Err(ClaimError::State),
        LineEvent::Raised { number: query_number, query } => {
            raise(line, number, *query_number, *query)
        }
        LineEvent::Answered { number: query } => answer(line, number, *query),
        LineEvent::Lifted { number: query } => lift(line, number, *query),
        LineEvent::Approved { fen } => approve(line, number, *fen),
        LineEvent::Refused { ground, then } => refuse(line, number, ground, *then),
        LineEvent::Settled { keeps_fen, negative } => settle(line, number, *keeps_fen, *negative),
        LineEvent::Recovered { negative, .. } => recover(line, number, *negative),
        LineEvent::Repaid { negative } => repay(line, number, *negative),
    }
}

type Facts = Result<Vec<ClaimFact>, ClaimError>;

fn drop_line(line: &mut ClaimLine, number: u32, may: bool) -> Facts {
    if line.state == LineState::Dropped {
        return Ok(Vec::new());
    }
    if !may || !line.is_undecided() {
        return Err(ClaimError::State);
    }
    line.state = LineState::Dropped;
    Ok(vec![ClaimFact::Dropped(number), ClaimFact::Freed(number)])
}

/// A further query takes the place of the one before.
fn raise(line: &mut ClaimLine, number: u32, query_number: u32, query: Query) -> Facts {
    if query_number <= line.queries && query_number > 0 {
        return Ok(Vec::new());
    }
    if query_number != line.queries + 1 {
        return Err(ClaimError::Overtaken);
    }
    if !line.is_undecided() {
        return Err(ClaimError::State);
    }
    line.queries = query_number;
    line.state = LineState::Queried { query, answered: false };
    Ok(vec![ClaimFact::Raised(number, query)])
}

fn answer(line: &mut ClaimLine, number: u32, query_number: u32) -> Facts {
    if query_number != line.queries {
        return Err(ClaimError::Overtaken);
    }
    match &mut line.state {
        LineState::Queried { answered: true, .. } => Ok(Vec::new()),
        LineState::Queried { answered, .. } => {
            *answered = true;
            Ok(vec![ClaimFact::Answered(number)])
        }
        LineState::Open
        | LineState::Dropped
        | LineState::Refused { .. }
        | LineState::Approved { .. }
        | LineState::Paid { .. }
        | LineState::Settled { .. }
        | LineState::Recovering { .. }
        | LineState::Recovered => Err(ClaimError::State),
    }
}

fn lift(line: &mut ClaimLine, number: u32, query_number: u32) -> Facts {
    if query_number != line.queries {
        return Err(ClaimError::Overtaken);
    }
    match line.state {
        LineState::Queried { .. } => {
            line.state = LineState::Open;
            Ok(vec![ClaimFact::Lifted(number)])
        }
        LineState::Open => Ok(Vec::new()),
        LineState::Dropped
        | LineState::Refused { .. }
        | LineState::Approved { .. }
        | LineState::Paid { .. }
        | LineState::Settled { .. }
        | LineState::Recovering { .. }
        | LineState::Recovered => Err(ClaimError::State),
    }
}

/// While the office asks nothing is approved.
fn approve(line: &mut ClaimLine, number: u32, fen: i64) -> Facts {
    match line.state {
        LineState::Open if (1..=line.amount_fen).contains(&fen) => {
            line.state = LineState::Approved { fen };
            Ok(vec![ClaimFact::Approved { line: number, fen }])
        }
        LineState::Open => Err(ClaimError::Amount),
        LineState::Approved { fen: before } | LineState::Paid { fen: before } if before == fen => {
            Ok(Vec::new())
        }
        LineState::Queried { .. }
        | LineState::Dropped
        | LineState::Refused { .. }
        | LineState::Approved { .. }
        | LineState::Paid { .. }
        | LineState::Settled { .. }
        | LineState::Recovering { .. }
        | LineState::Recovered => Err(ClaimError::State),
    }
}

fn refuse(line: &mut ClaimLine, number: u32, ground: &Ground, then: Consequence) -> Facts {
    let refused = LineState::Refused { ground: ground.clone(), then };
    if line.state == refused {
        return Ok(Vec::new());
    }
    if !line.is_undecided() {
        return Err(ClaimError::State);
    }
    line.state = refused;
    let freed = (then == Consequence::Correct).then_some(ClaimFact::Freed(number));
    Ok([ClaimFact::Refused(number, then)].into_iter().chain(freed).collect())
}

/// An advance refund is kept, whole or in part.
fn settle(line: &mut ClaimLine, number: u32, keeps_fen: i64, negative: u64) -> Facts {
    match line.state {
        LineState::Settled { fen } if fen == keeps_fen => Ok(Vec::new()),
        LineState::Recovering { keeps_fen: keeps, negative: by, .. }
            if (keeps, by) == (keeps_fen, negative) =>
        {
            Ok(Vec::new())
        }
        LineState::Paid { fen } if line.advance => {
            if !(0..=fen).contains(&keeps_fen) {
                return Err(ClaimError::Amount);
            }
            if keeps_fen == fen {
                line.state = LineState::Settled { fen };
                return Ok(vec![ClaimFact::Settled { line: number, fen }]);
            }
            order_recovery(line, number, keeps_fen, negative)
        }
        LineState::Open
        | LineState::Queried { .. }
        | LineState::Dropped
        | LineState::Refused { .. }
        | LineState::Approved { .. }
        | LineState::Paid { .. }
        | LineState::Settled { .. }
        | LineState::Recovering { .. }
        | LineState::Recovered => Err(ClaimError::State),
    }
}

fn recover(line: &mut ClaimLine, number: u32, negative: u64) -> Facts {
    if line.negatives.contains(&negative) {
        return Ok(Vec::new());
    }
    match line.state {
        LineState::Recovering { negative: by, .. } if by == negative => Ok(Vec::new()),
        LineState::Paid { .. } | LineState::Settled { .. } => {
            order_recovery(line, number, 0, negative)
        }
        LineState::Open
        | LineState::Queried { .. }
        | LineState::Dropped
        | LineState::Refused { .. }
        | LineState::Approved { .. }
        | LineState::Recovering { .. }
        | LineState::Recovered => Err(ClaimError::State),
    }
}

fn order_recovery(line: &mut ClaimLine, number: u32, keeps_fen: i64, negative: u64) -> Facts {
    if line.negatives.contains(&negative) {
        return Err(ClaimError::Different);
    }
    let fen = line.out_fen();
    line.state = LineState::Recovering { fen, keeps_fen, negative };
    Ok(vec![ClaimFact::RecoveryOrdered { line: number, fen: fen - keeps_fen, negative }])
}

fn repay(line: &mut ClaimLine, number: u32, negative: u64) -> Facts {
    if line.negatives.contains(&negative) {
        return Ok(Vec::new());
    }
    let LineState::Recovering { fen, keeps_fen, negative: by } = line.state else {
        return Err(ClaimError::State);
    };
    if by != negative {
        return Err(ClaimError::Different);
    }
    line.negatives.insert(negative);
    let repaid = ClaimFact::Repaid { line: number, fen: fen - keeps_fen };
    if keeps_fen > 0 {
        line.state = LineState::Settled { fen: keeps_fen };
        return Ok(vec![repaid, ClaimFact::Settled { line: number, fen: keeps_fen }]);
    }
    line.state = LineState::Recovered;
    Ok(vec![repaid, ClaimFact::Freed(number)])
}
