//! The life of one line of a claim: the drawing is in the module above.

use std::collections::BTreeSet;

use time::Date;

use super::super::deadline::Deadline;
use super::{ClaimError, ClaimFact};

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
pub enum RecoveryCause {
    /// Goods came back.
    Returned,
    /// The money did not come in time.
    NoMoney,
    /// The invoice is void or red-lettered.
    Invoice,
    /// An advance refund was not settled in time.
    Unsettled,
}

impl RecoveryCause {
    /// In English and Chinese.
    pub fn titles(self) -> (&'static str, &'static str) {
        match self {
            Self::Returned => ("the goods came back", "货物已退运"),
            Self::NoMoney => ("the money did not come in time", "未按期收汇"),
            Self::Invoice => ("the invoice is void or red-lettered", "发票已作废或红冲"),
            Self::Unsettled => ("the advance refund was not settled in time", "预退税逾期未核算"),
        }
    }
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

    pub(super) fn is_undecided(&self) -> bool {
        matches!(self.state, LineState::Open | LineState::Queried { .. })
    }
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
        cause: RecoveryCause,
        /// By this negative claim.
        negative: u64,
    },
    /// What was to be paid back is back.
    Repaid {
        /// For this negative claim.
        negative: u64,
    },
}

type Facts = Result<Vec<ClaimFact>, ClaimError>;

/// What an event makes of a line; `may`: the claim stands where it could.
pub(super) fn apply(line: &mut ClaimLine, number: u32, event: &LineEvent, may: bool) -> Facts {
    let repeated = *event == LineEvent::Drop && line.state == LineState::Dropped;
    if !(may || repeated) {
        return Err(ClaimError::State);
    }
    match event {
        LineEvent::Drop => drop_line(line, number),
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

fn drop_line(line: &mut ClaimLine, number: u32) -> Facts {
    if line.state == LineState::Dropped {
        return Ok(Vec::new());
    }
    if !line.is_undecided() {
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
        // A line of a month without a refund is approved with nothing.
        LineState::Open if (line.amount_fen.min(1)..=line.amount_fen).contains(&fen) => {
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
    let repaid = ClaimFact::Repaid { line: number, fen: fen - keeps_fen, negative };
    if keeps_fen > 0 {
        line.state = LineState::Settled { fen: keeps_fen };
        return Ok(vec![repaid, ClaimFact::Settled { line: number, fen: keeps_fen }]);
    }
    line.state = LineState::Recovered;
    Ok(vec![repaid, ClaimFact::Freed(number)])
}
