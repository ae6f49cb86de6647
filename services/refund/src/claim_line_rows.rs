//! Lines of claims as their transaction sees them, and the columns that they are kept in.

use std::collections::{BTreeMap, BTreeSet};

use domain::tax_refund::claim::{ClaimLine, Consequence, Ground, LineState, Query};
use domain::tax_refund::deadline::Deadline;
use domain::{DeclarationId, Slot};
use sqlx::PgConnection;
use store::{Fault, column};
use time::Date;
use uuid::Uuid;

use crate::invoice_rows::PurchaseName;
use crate::names::{ClaimName, ExportName, WrittenNumber};

/// A line of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimLineRow {
    /// From 1.
    pub(crate) number: u32,
    pub(crate) export: ExportName,
    pub(crate) entry_id: String,
    /// Empty for a producer.
    pub(crate) invoice: WrittenNumber,
    pub(crate) invoice_line: i32,
    pub(crate) qty_e5: i64,
    pub(crate) net_fen: i64,
    /// What it adds to the cap of a producer.
    pub(crate) cap_fen: i64,
    pub(crate) rule: String,
    pub(crate) rule_version: i32,
    pub(crate) refund_bp: i32,
    pub(crate) levy_bp: i32,
    /// As the rules see it.
    pub(crate) line: ClaimLine,
    /// Code and words of what was said last.
    pub(crate) ground: String,
    pub(crate) text: String,
    pub(crate) payment: Option<i64>,
    pub(crate) paid_fen: i64,
    pub(crate) repaid_fen: i64,
    /// Its goods came back.
    pub(crate) goods_back: bool,
    /// Its invoice became void or was red-lettered when the tax office had it already.
    pub(crate) invoice_invalid: bool,
    pub(crate) paid_day: Option<Date>,
    /// What of an advance refund is reversed by its settlement.
    pub(crate) reversed_e5: i64,
}

impl ClaimLineRow {
    /// What it claims may be in no other claim.
    pub(crate) fn holds_its_goods(&self) -> bool {
        match &self.line.state {
            LineState::Dropped | LineState::Recovered => false,
            LineState::Refused { then, .. } => *then != Consequence::Correct,
            LineState::Open
            | LineState::Queried { .. }
            | LineState::Approved { .. }
            | LineState::Paid { .. }
            | LineState::Settled { .. }
            | LineState::Recovering { .. } => true,
        }
    }

    /// No money of it is out, nor may it be paid.
    pub(crate) fn is_given_back(&self) -> bool {
        match self.line.state {
            LineState::Dropped | LineState::Refused { .. } | LineState::Recovered => true,
            LineState::Open
            | LineState::Queried { .. }
            | LineState::Approved { .. }
            | LineState::Paid { .. }
            | LineState::Settled { .. }
            | LineState::Recovering { .. } => false,
        }
    }
}

/// The state of a line as it is in its column.
pub(crate) fn line_column(state: &LineState) -> i16 {
    match state {
        LineState::Open => 1,
        LineState::Queried { .. } => 2,
        LineState::Dropped => 3,
        LineState::Refused { .. } => 4,
        LineState::Approved { .. } => 5,
        LineState::Paid { .. } => 6,
        LineState::Settled { .. } => 7,
        LineState::Recovering { .. } => 8,
        LineState::Recovered => 9,
    }
}

fn consequence_column(then: Consequence) -> i16 {
    match then {
        Consequence::Correct => 1,
        Consequence::Exempt => 2,
        Consequence::Domestic => 3,
    }
}

/// A query: its kind, and the day on which a letter was sent.
fn query_columns(query: Query) -> (i16, Option<Date>) {
    match query {
        Query::Doubt => (1, None),
        Query::Suspension => (2, None),
        Query::Letter { sent } => (3, Some(sent)),
    }
}

/// A number that others gave, as it is in its column.
pub(crate) fn foreign_number(number: u64) -> Result<i64, Fault> {
    i64::try_from(number).map_err(|_| Fault::Broken("a number was not looked at".to_owned()))
}

struct LineColumns {
    line: i32,
    declaration_id: Uuid,
    export_line: i32,
    entry_id: String,
    code: String,
    number: String,
    invoice_line: i32,
    qty_e5: i64,
    net_fen: i64,
    amount_fen: i64,
    cap_fen: i64,
    advance: bool,
    rule: String,
    rule_version: i32,
    refund_bp: i32,
    levy_bp: i32,
    state: i16,
    query: i16,
    query_sent: Option<Date>,
    answered: bool,
    queries: i32,
    law: String,
    ground: String,
    text: String,
    consequence: i16,
    fen: i64,
    keeps_fen: i64,
    payment: Option<i64>,
    paid_fen: i64,
    repaid_fen: i64,
    negative: Option<i64>,
    negatives: Vec<i64>,
    goods_back: bool,
    invoice_invalid: bool,
    paid_day: Option<Date>,
    reversed_e5: i64,
}

impl LineColumns {
    fn state(&self) -> Result<LineState, Fault> {
        let strange = |what| Fault::Broken(format!("line {} of a claim has no {what}", self.line));
        Ok(match self.state {
            1 => LineState::Open,
            2 => {
                let query = match (self.query, self.query_sent) {
                    (1, _) => Query::Doubt,
                    (2, _) => Query::Suspension,
                    (3, Some(sent)) => Query::Letter { sent },
                    _ => return Err(strange("query")),
                };
                LineState::Queried { query, answered: self.answered }
            }
            3 => LineState::Dropped,
            4 => {
                let all = [Consequence::Correct, Consequence::Exempt, Consequence::Domestic];
                let then = column::value("consequence", all, consequence_column, self.consequence)?;
                let ground = Ground { law: self.law.clone(), code: self.ground.clone() };
                LineState::Refused { ground, then }
            }
            5 => LineState::Approved { fen: self.fen },
            6 => LineState::Paid { fen: self.fen },
            7 => LineState::Settled { fen: self.fen },
            8 => {
                let negative = self.negative.ok_or_else(|| strange("negative claim"))?;
                let negative = column::unsigned(negative)?;
                LineState::Recovering { fen: self.fen, keeps_fen: self.keeps_fen, negative }
            }
            9 => LineState::Recovered,
            _ => return Err(strange("state")),
        })
    }
}

impl TryFrom<LineColumns> for ClaimLineRow {
    type Error = Fault;

    fn try_from(row: LineColumns) -> Result<Self, Fault> {
        let negatives = row.negatives.iter().map(|it| column::unsigned(*it));
        let line = ClaimLine {
            amount_fen: row.amount_fen,
            advance: row.advance,
            state: row.state()?,
            queries: column::number(row.queries)?,
            negatives: negatives.collect::<Result<BTreeSet<u64>, Fault>>()?,
        };
        Ok(Self {
            number: column::number(row.line)?,
            export: ExportName {
                id: DeclarationId::from_uuid(row.declaration_id),
                line: row.export_line,
            },
            entry_id: row.entry_id,
            invoice: WrittenNumber { code: row.code, number: row.number },
            invoice_line: row.invoice_line,
            qty_e5: row.qty_e5,
            net_fen: row.net_fen,
            cap_fen: row.cap_fen,
            rule: row.rule,
            rule_version: row.rule_version,
            refund_bp: row.refund_bp,
            levy_bp: row.levy_bp,
            line,
            ground: row.ground,
            text: row.text,
            payment: row.payment,
            paid_fen: row.paid_fen,
            repaid_fen: row.repaid_fen,
            goods_back: row.goods_back,
            invoice_invalid: row.invoice_invalid,
            paid_day: row.paid_day,
            reversed_e5: row.reversed_e5,
        })
    }
}

/// Only lines whose goods came back, or whose invoice is not good any more; all of them by default.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LinesToGiveBack {
    pub(crate) goods_back: bool,
    pub(crate) invoice_invalid: bool,
}

/// Lines of a claim at a state, or at all, after one, in order.
pub(crate) async fn list(
    tx: &mut PgConnection,
    name: &ClaimName,
    (state, only): (Option<&[i16]>, LinesToGiveBack),
    after: i32,
    most: i64,
) -> Result<Vec<ClaimLineRow>, Fault> {
    let found = sqlx::query_as!(
        LineColumns,
        "select line, declaration_id, export_line, entry_id, code, number, invoice_line, qty_e5, net_fen,
                amount_fen, cap_fen, advance, rule, rule_version, refund_bp, levy_bp, state, query, query_sent,
                answered, queries, law, ground, text, consequence, fen, keeps_fen, payment, paid_fen,
                repaid_fen, negative, negatives, goods_back, invoice_invalid, paid_day, reversed_e5
         from claim_line
         where slot = $1 and firm = $2 and month = $3 and batch = $4 and line > $5
           and ($6::smallint[] is null or state = any($6)) and (goods_back or not $8) and (invoice_invalid or not $9)
         order by line limit $7",
        name.slot().column(),
        name.firm,
        name.month,
        name.batch,
        after,
        state,
        most,
        only.goods_back,
        only.invoice_invalid
    )
    .fetch_all(tx)
    .await?;
    found.into_iter().map(ClaimLineRow::try_from).collect()
}

/// These lines of a claim, and what else was paid with these payments: by payment and line.
pub(crate) async fn some(
    tx: &mut PgConnection,
    name: &ClaimName,
    numbers: &[i32],
) -> Result<BTreeMap<u32, ClaimLineRow>, Fault> {
    let found = sqlx::query_as!(
        LineColumns,
        "select line, declaration_id, export_line, entry_id, code, number, invoice_line, qty_e5, net_fen,
                amount_fen, cap_fen, advance, rule, rule_version, refund_bp, levy_bp, state, query, query_sent,
                answered, queries, law, ground, text, consequence, fen, keeps_fen, payment, paid_fen,
                repaid_fen, negative, negatives, goods_back, invoice_invalid, paid_day, reversed_e5
         from claim_line
         where slot = $1 and firm = $2 and month = $3 and batch = $4 and line = any($5)",
        name.slot().column(),
        name.firm,
        name.month,
        name.batch,
        numbers
    )
    .fetch_all(tx)
    .await?;
    let rows = found.into_iter().map(ClaimLineRow::try_from);
    rows.map(|row| row.map(|row| (row.number, row))).collect()
}

/// What was paid with these payments: by payment and line.
pub(crate) async fn payments(
    tx: &mut PgConnection,
    name: &ClaimName,
    payments: &[i64],
) -> Result<BTreeMap<u64, BTreeMap<u32, i64>>, Fault> {
    let mut paid: BTreeMap<u64, BTreeMap<u32, i64>> = BTreeMap::new();
    if payments.is_empty() {
        return Ok(paid);
    }
    let found = sqlx::query!(
        r#"select line, payment as "payment!", paid_fen from claim_line
           where slot = $1 and firm = $2 and month = $3 and batch = $4 and payment = any($5)"#,
        name.slot().column(),
        name.firm,
        name.month,
        name.batch,
        payments
    )
    .fetch_all(tx)
    .await?;
    for row in found {
        let lines = paid.entry(column::unsigned(row.payment)?).or_default();
        lines.insert(column::number(row.line)?, row.paid_fen);
    }
    Ok(paid)
}

/// What of a line changes, as it is kept.
#[derive(Default)]
struct LineChange {
    query: i16,
    query_sent: Option<Date>,
    answered: bool,
    law: String,
    ground: Option<String>,
    consequence: i16,
    fen: i64,
    keeps_fen: i64,
    negative: Option<i64>,
}

fn changing(state: &LineState) -> Result<LineChange, Fault> {
    let none = LineChange::default();
    Ok(match state {
        LineState::Open | LineState::Dropped | LineState::Recovered => none,
        LineState::Queried { query, answered } => {
            let (query, query_sent) = query_columns(*query);
            LineChange { query, query_sent, answered: *answered, ..none }
        }
        LineState::Refused { ground: Ground { law, code }, then } => LineChange {
            law: law.clone(),
            ground: Some(code.clone()),
            consequence: consequence_column(*then),
            ..none
        },
        LineState::Approved { fen } | LineState::Paid { fen } | LineState::Settled { fen } => {
            LineChange { fen: *fen, ..none }
        }
        LineState::Recovering { fen, keeps_fen, negative } => LineChange {
            fen: *fen,
            keeps_fen: *keeps_fen,
            negative: Some(foreign_number(*negative)?),
            ..none
        },
    })
}

/// Writes lines of a claim, new or changed.
pub(crate) async fn write(
    tx: &mut PgConnection,
    name: &ClaimName,
    rows: &[&ClaimLineRow],
) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let changing: Vec<LineChange> =
        rows.iter().map(|row| changing(&row.line.state)).collect::<Result<_, _>>()?;
    let numbers: Vec<i32> =
        rows.iter().map(|row| column::integer(row.number)).collect::<Result<_, _>>()?;
    let queries: Vec<i32> =
        rows.iter().map(|row| column::integer(row.line.queries)).collect::<Result<_, _>>()?;
    // An array of arrays has to be square, so the negative claims of a line are a text.
    let negatives = rows.iter().map(|row| {
        let numbers: Vec<String> = row.line.negatives.iter().map(u64::to_string).collect();
        format!("{{{}}}", numbers.join(","))
    });
    let negatives: Vec<String> = negatives.collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.export.id.uuid()).collect();
    let texts =
        |of: fn(&ClaimLineRow) -> &str| -> Vec<&str> { rows.iter().map(|row| of(row)).collect() };
    let longs =
        |of: fn(&ClaimLineRow) -> i64| -> Vec<i64> { rows.iter().map(|row| of(row)).collect() };
    let ints =
        |of: fn(&ClaimLineRow) -> i32| -> Vec<i32> { rows.iter().map(|row| of(row)).collect() };
    let states: Vec<i16> = rows.iter().map(|row| line_column(&row.line.state)).collect();
    let advances: Vec<bool> = rows.iter().map(|row| row.line.advance).collect();
    let paid_days: Vec<Option<Date>> = rows.iter().map(|row| row.paid_day).collect();
    let backs: Vec<bool> = rows.iter().map(|row| row.goods_back).collect();
    let invalid: Vec<bool> = rows.iter().map(|row| row.invoice_invalid).collect();
    let payments: Vec<Option<i64>> = rows.iter().map(|row| row.payment).collect();
    let kinds: Vec<i16> = changing.iter().map(|it| it.query).collect();
    let sent: Vec<Option<Date>> = changing.iter().map(|it| it.query_sent).collect();
    let answered: Vec<bool> = changing.iter().map(|it| it.answered).collect();
    let laws: Vec<&str> = changing.iter().map(|it| it.law.as_str()).collect();
    let grounds = rows.iter().zip(&changing);
    let grounds = grounds.map(|(row, it)| it.ground.as_ref().unwrap_or(&row.ground).as_str()); // else of a query
    let grounds: Vec<&str> = grounds.collect();
    let consequences: Vec<i16> = changing.iter().map(|it| it.consequence).collect();
    let fens: Vec<i64> = changing.iter().map(|it| it.fen).collect();
    let keeps: Vec<i64> = changing.iter().map(|it| it.keeps_fen).collect();
    let negative: Vec<Option<i64>> = changing.iter().map(|it| it.negative).collect();
    sqlx::query!(
        "insert into claim_line (slot, firm, month, batch, line, declaration_id, export_line, entry_id, code,
                                 number, invoice_line, qty_e5, net_fen, amount_fen, advance, rule,
                                 rule_version, refund_bp, levy_bp, state, query, query_sent, answered,
                                 queries, law, ground, text, consequence, fen, keeps_fen, payment, paid_fen,
                                 repaid_fen, negative, negatives, cap_fen, goods_back,
                                 paid_day, reversed_e5, invoice_invalid)
         select $1, $2, $3, $4, n.line, n.declaration_id, n.export_line, n.entry_id, n.code, n.number,
                n.invoice_line, n.qty_e5, n.net_fen, n.amount_fen, n.advance, n.rule, n.rule_version,
                n.refund_bp, n.levy_bp, n.state, n.query, n.query_sent, n.answered, n.queries, n.law,
                n.ground, n.text, n.consequence, n.fen, n.keeps_fen, n.payment, n.paid_fen, n.repaid_fen,
                n.negative, n.negatives::bigint[], n.cap_fen, n.goods_back, n.paid_day, n.reversed_e5,
                n.invoice_invalid
         from unnest($5::int[], $6::uuid[], $7::int[], $8::text[], $9::text[], $10::text[], $11::int[],
                     $12::bigint[], $13::bigint[], $14::bigint[], $15::boolean[], $16::text[], $17::int[],
                     $18::int[], $19::int[], $20::smallint[], $21::smallint[], $22::date[], $23::boolean[],
                     $24::int[], $25::text[], $26::text[], $27::text[], $28::smallint[], $29::bigint[],
                     $30::bigint[], $31::bigint[], $32::bigint[], $33::bigint[], $34::bigint[], $35::text[],
                     $36::bigint[], $37::boolean[], $38::date[], $39::bigint[], $40::boolean[])
              as n (line, declaration_id, export_line, entry_id, code, number, invoice_line, qty_e5, net_fen,
                    amount_fen, advance, rule, rule_version, refund_bp, levy_bp, state, query, query_sent,
                    answered, queries, law, ground, text, consequence, fen, keeps_fen, payment, paid_fen,
                    repaid_fen, negative, negatives, cap_fen, goods_back, paid_day, reversed_e5,
                    invoice_invalid)
         on conflict (slot, firm, month, batch, line) do update
         set amount_fen = excluded.amount_fen, state = excluded.state, query = excluded.query,
             query_sent = excluded.query_sent,
             answered = excluded.answered, queries = excluded.queries, law = excluded.law,
             ground = excluded.ground, text = excluded.text, consequence = excluded.consequence,
             fen = excluded.fen, keeps_fen = excluded.keeps_fen, payment = excluded.payment,
             paid_fen = excluded.paid_fen, repaid_fen = excluded.repaid_fen,
             negative = excluded.negative, negatives = excluded.negatives,
             goods_back = excluded.goods_back, invoice_invalid = excluded.invoice_invalid,
             paid_day = excluded.paid_day, reversed_e5 = excluded.reversed_e5",
        name.slot().column(),
        name.firm,
        name.month,
        name.batch,
        &numbers,
        &ids,
        &ints(|row| row.export.line),
        &texts(|row| &row.entry_id) as &[&str],
        &texts(|row| &row.invoice.code) as &[&str],
        &texts(|row| &row.invoice.number) as &[&str],
        &ints(|row| row.invoice_line),
        &longs(|row| row.qty_e5),
        &longs(|row| row.net_fen),
        &longs(|row| row.line.amount_fen),
        &advances,
        &texts(|row| &row.rule) as &[&str],
        &ints(|row| row.rule_version),
        &ints(|row| row.refund_bp),
        &ints(|row| row.levy_bp),
        &states,
        &kinds,
        &sent as &[Option<Date>],
        &answered,
        &queries,
        &laws as &[&str],
        &grounds as &[&str],
        &texts(|row| &row.text) as &[&str],
        &consequences,
        &fens,
        &keeps,
        &payments as &[Option<i64>],
        &longs(|row| row.paid_fen),
        &longs(|row| row.repaid_fen),
        &negative as &[Option<i64>],
        &negatives,
        &longs(|row| row.cap_fen),
        &backs,
        &paid_days as &[Option<Date>],
        &longs(|row| row.reversed_e5),
        &invalid
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Lines of claims that go on with these purchases, or of which money is out, and of which nobody was told that
/// their invoice is not good any more: by claim.
pub(crate) async fn of_purchases(
    tx: &mut PgConnection,
    slot: Slot,
    purchases: &[PurchaseName],
) -> Result<BTreeMap<ClaimName, Vec<i32>>, Fault> {
    let ids: Vec<Uuid> = purchases.iter().map(|it| it.export.id.uuid()).collect();
    let exports: Vec<i32> = purchases.iter().map(|it| it.export.line).collect();
    let codes: Vec<&str> = purchases.iter().map(|it| it.number.code.as_str()).collect();
    let numbers: Vec<&str> = purchases.iter().map(|it| it.number.number.as_str()).collect();
    let lines: Vec<i32> = purchases.iter().map(|it| it.line).collect();
    let found = sqlx::query!(
        "select c.firm, c.month, c.batch, c.line
         from unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::int[])
              as p (id, export_line, code, number, line)
         join claim_line c on c.slot = $1 and c.declaration_id = p.id and c.export_line = p.export_line
          and c.code = p.code and c.number = p.number and c.invoice_line = p.line
         where not c.invoice_invalid and c.state not in (3, 4, 9)
         order by c.firm, c.month, c.batch, c.line",
        slot.column(),
        &ids,
        &exports,
        &codes as &[&str],
        &numbers as &[&str],
        &lines
    )
    .fetch_all(tx)
    .await?;
    let mut claims: BTreeMap<ClaimName, Vec<i32>> = BTreeMap::new();
    for row in found {
        let name = ClaimName { firm: row.firm, month: row.month, batch: row.batch };
        claims.entry(name).or_default().push(row.line);
    }
    Ok(claims)
}

/// Letters that were sent on one day about lines of a claim and have no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SentLetters {
    pub(crate) sent: Date,
    pub(crate) lines: i64,
    /// The first of those lines.
    pub(crate) first: i32,
}

/// Letters without an answer about lines of a claim, by the day on which they were sent.
pub(crate) async fn letters(
    tx: &mut PgConnection,
    name: &ClaimName,
) -> Result<Vec<SentLetters>, Fault> {
    let found = sqlx::query_as!(
        SentLetters,
        r#"select query_sent as "sent!", count(*) as "lines!", min(line) as "first!" from claim_line
           where slot = $1 and firm = $2 and month = $3 and batch = $4 and state = 2 and query = 3
             and query_sent is not null
           group by query_sent order by query_sent"#,
        name.slot().column(),
        name.firm,
        name.month,
        name.batch
    );
    Ok(found.fetch_all(tx).await?)
}

/// The last day of the oldest of these letters that is not over on a day; `None` when there is none.
pub(crate) fn next_letter_day(letters: &[SentLetters], today: Date) -> Option<Date> {
    let last = letters.iter().filter_map(|it| Deadline::Letter.last_day(it.sent));
    last.filter(|last| today <= *last).min()
}

/// Lines of claims for an export, oldest first, with their claims.
pub(crate) async fn of_export(
    tx: &mut PgConnection,
    slot: Slot,
    id: DeclarationId,
) -> Result<Vec<(ClaimName, ClaimLineRow)>, Fault> {
    let found = sqlx::query!(
        "select firm, month, batch, line from claim_line where slot = $1 and declaration_id = $2
         order by month, batch, line",
        slot.column(),
        id.uuid()
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut claims: BTreeMap<ClaimName, Vec<i32>> = BTreeMap::new();
    for row in found {
        let name = ClaimName { firm: row.firm, month: row.month, batch: row.batch };
        claims.entry(name).or_default().push(row.line);
    }
    let mut lines = Vec::new();
    for (name, numbers) in claims {
        let rows = some(&mut *tx, &name, &numbers).await?;
        lines.extend(rows.into_values().map(|row| (name.clone(), row)));
    }
    Ok(lines)
}
