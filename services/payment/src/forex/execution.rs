//! What becomes of an order to settle: the bank reports on it, executes it in whole or in part, or does not execute it
//! within its term, and what it does beyond the order is kept for somebody to assign.

use domain::CHINA;
use domain::history::ReceiptStep;
use domain::payment::ledger::{Action, Currency, Leg, Purpose};
use store::Fault;
use time::Duration;
use uuid::Uuid;

use super::receipt::{matches, read, spend};
use super::settlement_rows::{SettlementRow, SettlementStand};
use super::transaction::{ForexTransaction, Posting, account, bank, leg, settlement, suspense};
use super::{receipt_rows, reversal, sale_rows, settlement_rows};
use crate::names::{BANK, id_of};

/// What a bank told of one order in one file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Execution {
    pub(crate) sold: i64,
    pub(crate) bought_fen: i64,
    pub(crate) fee_fen: i64,
}

impl Execution {
    /// What is left of it beside another one, which is no more in any part.
    pub(crate) fn less(self, other: Self) -> Self {
        Self {
            sold: self.sold - other.sold,
            bought_fen: self.bought_fen - other.bought_fen,
            fee_fen: self.fee_fen - other.fee_fen,
        }
    }
}

/// The bank says that it has an order, or rejects it; whether that is news.
pub(crate) async fn reported(
    step: &mut ForexTransaction<'_>,
    mut row: SettlementRow,
    is_rejected: bool,
    reason: String,
) -> Result<bool, Fault> {
    if !row.state.is_open() || !is_rejected && row.state == SettlementStand::Taken {
        return Ok(false);
    }
    // Whatever it says now, the term was over before.
    if expire(step, row.id).await? {
        return Ok(false);
    }
    // What was told of one side is an execution under way, whatever the bank says besides.
    if is_rejected && row.executed_sold + row.executed_fen > 0 {
        return Ok(false);
    }
    row.changed_time = step.now;
    row.state = if is_rejected { SettlementStand::Rejected } else { SettlementStand::Taken };
    if is_rejected {
        row.reason = reason;
        let of = ("rejected", "settlement.rejected");
        step.post(vec![posting(step, &row, of, Action::Void(hold(&row)))]).await?;
        let because = format!("the bank rejected the order ({})", row.reason);
        free(step, &row, (&because, &format!("银行拒绝指令（{}）", row.reason))).await?;
    }
    settlement_rows::write_settlement(&mut *step.tx, &row).await?;
    Ok(true)
}

/// What was held for an order is free: for its receipt, or for what the firm owes of that.
async fn free(
    step: &mut ForexTransaction<'_>,
    row: &SettlementRow,
    because: (&str, &str),
) -> Result<(), Fault> {
    let mut receipt = read(step, row.receipt).await?;
    receipt.ordered -= row.sold;
    reversal::cover(step, &mut receipt, row.sold, row.id).await?;
    receipt_rows::update_receipt(&mut *step.tx, &receipt, step.now).await?;
    let matches = matches(step, &receipt).await?;
    step.lock(matches.iter().map(|part| part.declaration.slot())).await?;
    let ids = matches.iter().map(|part| part.declaration).collect();
    let sales = sale_rows::sales(&mut *step.tx, &ids).await?;
    let (mut left, attempt) = (row.sold, row.id.to_string());
    for part in &matches {
        let freed = left.min(part.amount - part.settled);
        left -= freed;
        if let Some(sale) = sales.get(&part.declaration).filter(|_| freed > 0) {
            step.report_because(sale, &receipt, (ReceiptStep::Freed, freed), &attempt, because);
        }
    }
    Ok(())
}

/// The term of an order is over, and the bank has not told that it executed it: what was held is free again. Whether
/// it expired now.
pub(crate) async fn expire(step: &mut ForexTransaction<'_>, id: Uuid) -> Result<bool, Fault> {
    let found = settlement_rows::settlements(&mut *step.tx, &[id]).await?.remove(&id);
    let is_over = |row: &SettlementRow| row.until_time.is_some_and(|until| step.now >= until);
    let Some(mut row) = found.filter(|row| row.state.is_open() && is_over(row)) else {
        return Ok(false);
    };
    let expired = Action::Expire(hold(&row));
    step.post(vec![posting(step, &row, ("expired", "settlement.expired"), expired)]).await?;
    (row.state, row.expired_time) = (SettlementStand::Expired, Some(step.now));
    row.changed_time = step.now;
    // Of one side the bank told, and never of the other.
    let half = Execution {
        sold: std::mem::take(&mut row.executed_sold),
        bought_fen: std::mem::take(&mut row.executed_fen),
        fee_fen: std::mem::take(&mut row.fee_fen),
    };
    suspend(step, &mut row, half).await?;
    let day = (row.until_time.unwrap_or(step.now) - Duration::SECOND).to_offset(CHINA).date(); // it has one
    row.reason = format!("not executed until {day} 至{day}未执行");
    settlement_rows::write_settlement(&mut *step.tx, &row).await?;
    let (because, because_zh) = (
        format!("the bank did not execute the order until {day}"),
        format!("银行至{day}未执行指令"),
    );
    free(step, &row, (&because, &because_zh)).await?;
    tracing::warn!(%id, %day, "an order to settle expired: the bank did not execute it");
    Ok(true)
}

/// The bank told movements of an order: when both sides are known it is executed, and what was not sold is free.
/// Otherwise why it has no effect.
pub(crate) async fn executed(
    step: &mut ForexTransaction<'_>,
    id: Uuid,
    execution: Execution,
) -> Result<Result<(), String>, Fault> {
    expire(step, id).await?;
    let found = settlement_rows::settlements(&mut *step.tx, &[id]).await?.remove(&id);
    let Some(mut row) = found else { return Ok(Err(format!("there is no order {id}"))) };
    // An order that has ended covers nothing any more.
    let is_open = row.state.is_open();
    let within = |limit: i64, before: i64, execution: i64| {
        if is_open { execution.min(limit - before) } else { 0 }
    };
    let in_time = Execution {
        sold: within(row.sold, row.executed_sold, execution.sold),
        bought_fen: within(row.bought_fen, row.executed_fen, execution.bought_fen),
        fee_fen: if is_open { execution.fee_fen } else { 0 },
    };
    suspend(step, &mut row, execution.less(in_time)).await?;
    let (sold, bought) = (row.executed_sold + in_time.sold, row.executed_fen + in_time.bought_fen);
    row.changed_time = step.now;
    if is_open {
        (row.executed_sold, row.executed_fen) = (sold, bought);
        row.fee_fen += in_time.fee_fen;
    }
    if is_open && sold > 0 && bought > 0 {
        row.state = if sold == row.sold {
            SettlementStand::Executed
        } else {
            SettlementStand::PartlyExecuted
        };
        let yuan = settlement(&row.owner, Currency::Cny);
        let mut legs = vec![leg(bank(Currency::Cny), yuan.clone(), bought)];
        if row.fee_fen > 0 {
            legs.push(leg(yuan, account(BANK, Currency::Cny, Purpose::Fees), row.fee_fen));
        }
        let sale = Action::Post { hold: hold(&row), amounts: vec![sold] };
        step.post(vec![
            posting(step, &row, ("sold", "settlement.sold"), sale),
            posting(step, &row, ("bought", "settlement.bought"), Action::Transfer(legs)),
        ])
        .await?;
        let mut receipt = read(step, row.receipt).await?;
        receipt.ordered -= row.sold;
        receipt.settled += sold;
        reversal::cover(step, &mut receipt, row.sold - sold, id).await?;
        receipt_rows::update_receipt(&mut *step.tx, &receipt, step.now).await?;
        let attempt = id.to_string();
        spend(step, &receipt, (ReceiptStep::Settled, sold), &attempt).await?;
    }
    settlement_rows::write_settlement(&mut *step.tx, &row).await?;
    Ok(Ok(()))
}

/// What an order does not cover lies in suspense: forex is missing there, and yuan are left over.
async fn suspend(
    step: &mut ForexTransaction<'_>,
    row: &mut SettlementRow,
    late: Execution,
) -> Result<(), Fault> {
    if late == Execution::default() {
        return Ok(());
    }
    let yuan = suspense(&row.owner, Currency::Cny);
    let legs = [
        leg(suspense(&row.owner, row.currency), bank(row.currency), late.sold),
        leg(bank(Currency::Cny), yuan.clone(), late.bought_fen),
        leg(yuan, account(BANK, Currency::Cny, Purpose::Fees), late.fee_fen),
    ];
    let legs: Vec<Leg> = legs.into_iter().filter(|leg| leg.amount > 0).collect();
    let name = format!("late/{}", Uuid::now_v7());
    step.post(vec![posting(step, row, (&name, "settlement.late"), Action::Transfer(legs))]).await?;
    row.late_sold += late.sold;
    row.late_fen += late.bought_fen - late.fee_fen;
    let (id, sold, bought) = (row.id, row.late_sold, row.late_fen);
    tracing::warn!(%id, sold, bought, "what a bank executed lies in suspense: assign it");
    Ok(())
}

pub(crate) fn hold(row: &SettlementRow) -> Uuid {
    id_of(&format!("settlement/{}/order", row.id))
}

pub(crate) fn posting<'a>(
    step: &ForexTransaction<'_>,
    row: &SettlementRow,
    (name, event): (&str, &'a str),
    action: Action,
) -> Posting<'a> {
    Posting {
        slot: row.slot,
        id: id_of(&format!("settlement/{}/{name}", row.id)),
        event,
        declaration: None,
        actor: "payment-service",
        rule: "结汇",
        effective: step.now,
        action,
    }
}
