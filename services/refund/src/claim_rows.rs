//! Claims as their transaction sees them, and the columns that they are kept in.

use std::collections::BTreeMap;

use domain::Slot;
use domain::tax_refund::claim::{Claim, ClaimLine, ClaimState, LineState};
use domain::tax_refund::deadline::Deadline;
use domain::tax_refund::entitlement::{FirmClass, FirmKind};
use domain::tax_refund::method::{Carry, MonthlyVat, ProducerSums};
use sqlx::PgConnection;
use store::{Fault, column};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::claim_line_rows::ClaimLineRow;
use crate::firm;
use crate::names::ClaimName;

/// The month of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ProducerFigures {
    pub(crate) vat: MonthlyVat,
    pub(crate) brought: Carry,
    pub(crate) sums: ProducerSums,
    pub(crate) exempt_credit_fen: i64,
    pub(crate) carry: Carry,
    pub(crate) refund_fen: i64,
    /// All its exports are in it.
    pub(crate) counted: bool,
    /// The cap of the lines over which the refund is shared out already.
    pub(crate) shared_cap_fen: i64,
}

/// A claim without its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimRow {
    pub(crate) name: ClaimName,
    pub(crate) kind: FirmKind,
    pub(crate) state: ClaimState,
    pub(crate) round: u32,
    pub(crate) complete: bool,
    /// The last export line that was looked at for it.
    pub(crate) after: (Uuid, i32),
    pub(crate) lines: i32,
    pub(crate) undecided: i32,
    pub(crate) queried: i32,
    pub(crate) ended: i32,
    pub(crate) amount_fen: i64,
    pub(crate) approved_fen: i64,
    pub(crate) paid_fen: i64,
    pub(crate) repaid_fen: i64,
    /// Lines whose goods came back and whose refund did not.
    pub(crate) goods_back: i32,
    /// Lines whose invoice is not good any more and whose refund is not back.
    pub(crate) invoice_invalid: i32,
    /// The last day of the oldest letter to the tax office of a supplier that is not over.
    pub(crate) letter_by: Option<Date>,
    /// Of a producer; nothing of a trading firm.
    pub(crate) figures: ProducerFigures,
    pub(crate) note: String,
    pub(crate) reason: String,
    /// When it was last handed in.
    pub(crate) submitted: Option<Date>,
    /// When it was accepted, and the class that the firm had then.
    pub(crate) accepted: Option<(Date, FirmClass)>,
    pub(crate) reminded: Option<Date>,
    pub(crate) made_time: OffsetDateTime,
    pub(crate) changed_time: OffsetDateTime,
}

impl ClaimRow {
    /// Nothing has to follow.
    pub(crate) fn is_ended(&self) -> bool {
        match self.state {
            ClaimState::Withdrawn => true,
            ClaimState::UnderReview => {
                self.ended == self.lines && self.goods_back == 0 && self.invoice_invalid == 0
            }
            ClaimState::Draft | ClaimState::Submitted | ClaimState::FormRefused => false,
        }
    }

    /// Until when the tax office decides.
    pub(crate) fn answers_by(&self) -> Option<Date> {
        self.accepted.map(|(day, class)| class.answers_by(day))
    }

    /// Days that matter to it, of which nothing has to be done any more left out.
    pub(crate) fn deadlines(&self) -> Vec<(ClaimDay, Date)> {
        let since = |day: ClaimDay, deadline: Deadline| {
            let last = self.submitted.and_then(|from| deadline.last_day(from));
            last.map(|last| (day, last))
        };
        let answer = self.answers_by().filter(|_| self.undecided > 0);
        let is_handed_in = self.state != ClaimState::Withdrawn;
        let answer = answer.map(|last| (ClaimDay::Answer, last));
        let letter = self.letter_by.map(|last| (ClaimDay::Letter, last));
        let documents = since(ClaimDay::Documents, Deadline::FilingDocuments);
        let keep = since(ClaimDay::Keep, Deadline::Keep);
        [documents, answer, letter, keep].into_iter().flatten().filter(|_| is_handed_in).collect()
    }

    /// The next of them that is not over when one last looked.
    fn due(&self) -> Option<Date> {
        let seen = self.reminded.unwrap_or(Date::MIN); // nobody looked yet
        self.deadlines().into_iter().map(|(_, last)| last).filter(|last| seen <= *last).min()
    }

    /// Counts a line, or takes it off the counts.
    pub(crate) fn count(&mut self, row: &ClaimLineRow, by: i32) {
        let line = &row.line;
        self.goods_back += if row.goods_back && !row.is_given_back() { by } else { 0 };
        self.invoice_invalid += if row.invoice_invalid && !row.is_given_back() { by } else { 0 };
        let queried = matches!(line.state, LineState::Queried { .. });
        let undecided = queried || line.state == LineState::Open;
        self.undecided += if undecided { by } else { 0 };
        self.queried += if queried { by } else { 0 };
        self.ended += if line.is_ended() { by } else { 0 };
        if let LineState::Approved { fen } = line.state {
            self.approved_fen += i64::from(by) * fen;
        }
    }

    /// As the rules see it, with some of its lines and payments.
    pub(crate) fn machine(
        &self,
        lines: BTreeMap<u32, ClaimLine>,
        payments: BTreeMap<u64, BTreeMap<u32, i64>>,
    ) -> Claim {
        Claim { state: self.state, round: self.round, lines, payments }
    }
}

/// A day that matters to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimDay {
    /// Filing documents are ready.
    Documents,
    /// The tax office decided.
    Answer,
    /// The tax office of a supplier answered a letter: the first of them that is not over.
    Letter,
    /// Filing documents are kept.
    Keep,
}

pub(crate) fn state_column(state: ClaimState) -> i16 {
    match state {
        ClaimState::Draft => 1,
        ClaimState::Submitted => 2,
        ClaimState::FormRefused => 3,
        ClaimState::UnderReview => 4,
        ClaimState::Withdrawn => 5,
    }
}

fn state(found: i16) -> Result<ClaimState, Fault> {
    let all = [
        ClaimState::Draft,
        ClaimState::Submitted,
        ClaimState::FormRefused,
        ClaimState::UnderReview,
        ClaimState::Withdrawn,
    ];
    column::value("state of a claim", all, state_column, found)
}

struct ClaimColumns {
    firm: String,
    month: i32,
    batch: i32,
    method: i16,
    state: i16,
    round: i32,
    complete: bool,
    after_id: Uuid,
    after_line: i32,
    lines: i32,
    undecided: i32,
    queried: i32,
    ended: i32,
    amount_fen: i64,
    approved_fen: i64,
    paid_fen: i64,
    repaid_fen: i64,
    goods_back: i32,
    invoice_invalid: i32,
    letter_by: Option<Date>,
    output_vat_fen: i64,
    input_vat_fen: i64,
    brought_credit_fen: i64,
    brought_short_fen: i64,
    non_creditable_fen: i64,
    cap_fen: i64,
    exempt_credit_fen: i64,
    carry_credit_fen: i64,
    carry_short_fen: i64,
    refund_fen: i64,
    counted: bool,
    shared_cap_fen: i64,
    note: String,
    reason: String,
    submitted: Option<Date>,
    accepted: Option<Date>,
    class: Option<i16>,
    reminded: Option<Date>,
    made_time: OffsetDateTime,
    changed_time: OffsetDateTime,
}

impl TryFrom<ClaimColumns> for ClaimRow {
    type Error = Fault;

    fn try_from(row: ClaimColumns) -> Result<Self, Fault> {
        let class = row.class.map(|class| {
            let unknown = || Fault::Broken(format!("a claim has the class {class}"));
            firm::class(class).ok_or_else(unknown)
        });
        Ok(Self {
            name: ClaimName { firm: row.firm, month: row.month, batch: row.batch },
            kind: firm::kind(row.method)?,
            state: state(row.state)?,
            round: column::number(row.round)?,
            complete: row.complete,
            after: (row.after_id, row.after_line),
            lines: row.lines,
            undecided: row.undecided,
            queried: row.queried,
            ended: row.ended,
            amount_fen: row.amount_fen,
            approved_fen: row.approved_fen,
            paid_fen: row.paid_fen,
            repaid_fen: row.repaid_fen,
            goods_back: row.goods_back,
            invoice_invalid: row.invoice_invalid,
            letter_by: row.letter_by,
            figures: ProducerFigures {
                vat: MonthlyVat { output_fen: row.output_vat_fen, input_fen: row.input_vat_fen },
                brought: Carry {
                    credit_fen: row.brought_credit_fen,
                    cap_short_fen: row.brought_short_fen,
                },
                sums: ProducerSums {
                    non_creditable_fen: row.non_creditable_fen,
                    cap_fen: row.cap_fen,
                },
                exempt_credit_fen: row.exempt_credit_fen,
                carry: Carry {
                    credit_fen: row.carry_credit_fen,
                    cap_short_fen: row.carry_short_fen,
                },
                refund_fen: row.refund_fen,
                counted: row.counted,
                shared_cap_fen: row.shared_cap_fen,
            },
            note: row.note,
            reason: row.reason,
            submitted: row.submitted,
            accepted: row.accepted.zip(class.transpose()?),
            reminded: row.reminded,
            made_time: row.made_time,
            changed_time: row.changed_time,
        })
    }
}

/// A claim; `None` when there is none.
pub(crate) async fn load(
    tx: &mut PgConnection,
    name: &ClaimName,
) -> Result<Option<ClaimRow>, Fault> {
    let found = sqlx::query_as!(
        ClaimColumns,
        "select firm, month, batch, method, state, round, complete, after_id, after_line, lines, undecided,
                queried, ended, amount_fen, approved_fen, paid_fen, repaid_fen, goods_back, invoice_invalid, letter_by,
                output_vat_fen, input_vat_fen, brought_credit_fen, brought_short_fen, non_creditable_fen, cap_fen, exempt_credit_fen,
                carry_credit_fen, carry_short_fen, refund_fen, counted, shared_cap_fen, note, reason, submitted,
                accepted, class, reminded, made_time, changed_time
         from claim where slot = $1 and firm = $2 and month = $3 and batch = $4",
        name.slot().column(),
        name.firm,
        name.month,
        name.batch
    )
    .fetch_optional(tx)
    .await?;
    found.map(ClaimRow::try_from).transpose()
}

/// Claims of these firms, or of all, by firm, month and batch, after one.
pub(crate) async fn list(
    tx: &mut PgConnection,
    firms: Option<&[String]>,
    only: (&str, Option<i16>),
    after: (&str, i32, i32),
    most: i64,
) -> Result<Vec<ClaimRow>, Fault> {
    let found = sqlx::query_as!(
        ClaimColumns,
        "select firm, month, batch, method, state, round, complete, after_id, after_line, lines, undecided,
                queried, ended, amount_fen, approved_fen, paid_fen, repaid_fen, goods_back, invoice_invalid, letter_by,
                output_vat_fen, input_vat_fen, brought_credit_fen, brought_short_fen, non_creditable_fen, cap_fen, exempt_credit_fen,
                carry_credit_fen, carry_short_fen, refund_fen, counted, shared_cap_fen, note, reason, submitted,
                accepted, class, reminded, made_time, changed_time
         from claim
         where ($1::text[] is null or firm = any($1)) and ($2 = '' or firm = $2)
           and ($3::smallint is null or state = $3) and (firm, month, batch) > ($4, $5, $6)
         order by firm, month, batch limit $7",
        firms,
        only.0,
        only.1,
        after.0,
        after.1,
        after.2,
        most
    )
    .fetch_all(tx)
    .await?;
    found.into_iter().map(ClaimRow::try_from).collect()
}

/// Claims of a slot with a day until then that matters, at which nobody looked since that day.
pub(crate) async fn due(
    tx: &mut PgConnection,
    slot: Slot,
    until: Date,
    today: Date,
    most: i64,
) -> Result<Vec<ClaimRow>, Fault> {
    let found = sqlx::query_as!(
        ClaimColumns,
        "select firm, month, batch, method, state, round, complete, after_id, after_line, lines, undecided,
                queried, ended, amount_fen, approved_fen, paid_fen, repaid_fen, goods_back, invoice_invalid, letter_by,
                output_vat_fen, input_vat_fen, brought_credit_fen, brought_short_fen, non_creditable_fen, cap_fen, exempt_credit_fen,
                carry_credit_fen, carry_short_fen, refund_fen, counted, shared_cap_fen, note, reason, submitted,
                accepted, class, reminded, made_time, changed_time
         from claim
         where slot = $1 and due <= $2 and (reminded is null or reminded < $3)
         order by firm, month, batch limit $4",
        slot.column(),
        until,
        today,
        most
    )
    .fetch_all(tx)
    .await?;
    found.into_iter().map(ClaimRow::try_from).collect()
}

/// The last claim of a producer that was not taken back; `None` when there is none.
pub(crate) async fn last_of_producer(
    tx: &mut PgConnection,
    firm: &str,
) -> Result<Option<ClaimRow>, Fault> {
    let found = sqlx::query!(
        "select month, batch from claim
         where slot = $1 and firm = $2 and method = 2 and state <> 5
         order by month desc, batch desc limit 1",
        Slot::of(firm).column(),
        firm
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(last) = found else { return Ok(None) };
    let name = ClaimName { firm: firm.to_owned(), month: last.month, batch: last.batch };
    load(tx, &name).await
}

/// The number of the next claim of a month.
pub(crate) async fn next_batch(
    tx: &mut PgConnection,
    firm: &str,
    month: i32,
) -> Result<i32, Fault> {
    let slot = Slot::of(firm).column();
    let last = sqlx::query_scalar!(
        "select max(batch) from claim where slot = $1 and firm = $2 and month = $3",
        slot,
        firm,
        month
    )
    .fetch_one(tx)
    .await?;
    Ok(last.map_or(1, |last| last + 1))
}

/// Writes a claim, new or changed.
pub(crate) async fn write(tx: &mut PgConnection, claim: &ClaimRow) -> Result<(), Fault> {
    sqlx::query!(
        "insert into claim (slot, firm, month, batch, method, state, round, complete, after_id, after_line,
                            lines, undecided, queried, ended, amount_fen, approved_fen, paid_fen, repaid_fen,
                            note, reason, made_time, changed_time, output_vat_fen, input_vat_fen,
                            brought_credit_fen, brought_short_fen, non_creditable_fen, cap_fen,
                            exempt_credit_fen, carry_credit_fen, carry_short_fen, refund_fen, counted,
                            shared_cap_fen, goods_back, submitted, accepted, class, due, reminded,
                            invoice_invalid, letter_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                 $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39,
                 $40, $41, $42)
         on conflict (slot, firm, month, batch) do update
         set state = excluded.state, round = excluded.round, complete = excluded.complete,
             after_id = excluded.after_id, after_line = excluded.after_line, lines = excluded.lines,
             undecided = excluded.undecided, queried = excluded.queried, ended = excluded.ended,
             amount_fen = excluded.amount_fen, approved_fen = excluded.approved_fen,
             paid_fen = excluded.paid_fen, repaid_fen = excluded.repaid_fen, reason = excluded.reason,
             changed_time = excluded.changed_time, non_creditable_fen = excluded.non_creditable_fen,
             cap_fen = excluded.cap_fen, exempt_credit_fen = excluded.exempt_credit_fen,
             carry_credit_fen = excluded.carry_credit_fen, carry_short_fen = excluded.carry_short_fen,
             refund_fen = excluded.refund_fen, counted = excluded.counted,
             shared_cap_fen = excluded.shared_cap_fen, goods_back = excluded.goods_back,
             submitted = excluded.submitted, accepted = excluded.accepted, class = excluded.class,
             due = excluded.due, reminded = excluded.reminded,
             invoice_invalid = excluded.invoice_invalid, letter_by = excluded.letter_by",
        claim.name.slot().column(),
        claim.name.firm,
        claim.name.month,
        claim.name.batch,
        firm::kind_column(claim.kind),
        state_column(claim.state),
        column::integer(claim.round)?,
        claim.complete,
        claim.after.0,
        claim.after.1,
        claim.lines,
        claim.undecided,
        claim.queried,
        claim.ended,
        claim.amount_fen,
        claim.approved_fen,
        claim.paid_fen,
        claim.repaid_fen,
        claim.note,
        claim.reason,
        claim.made_time,
        claim.changed_time,
        claim.figures.vat.output_fen,
        claim.figures.vat.input_fen,
        claim.figures.brought.credit_fen,
        claim.figures.brought.cap_short_fen,
        claim.figures.sums.non_creditable_fen,
        claim.figures.sums.cap_fen,
        claim.figures.exempt_credit_fen,
        claim.figures.carry.credit_fen,
        claim.figures.carry.cap_short_fen,
        claim.figures.refund_fen,
        claim.figures.counted,
        claim.figures.shared_cap_fen,
        claim.goods_back,
        claim.submitted,
        claim.accepted.map(|(day, _)| day),
        claim.accepted.map(|(_, class)| firm::class_column(class)),
        claim.due(),
        claim.reminded,
        claim.invoice_invalid,
        claim.letter_by
    )
    .execute(tx)
    .await?;
    Ok(())
}
