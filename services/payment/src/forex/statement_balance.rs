//! What a statement says that is on an account, against what the ledger has (对账), to the cent.
//!
//! Money of a firm in forex moves by bookings of its bank only: what the ledger has of it, less what was booked after the
//! day, is what the statement has to say at its end. What was on the account before the ledger knew of it is told by its
//! first statement. Yuan serve taxes and refunds as well, which the ledger does not book by the bank's lines: there a
//! statement has to begin where the one before it ended.

use domain::Slot;
use domain::payment::amount::shown;
use domain::payment::ledger::{Account, Currency};
use domain::payment::statement::Statement;
use store::Fault;
use uuid::Uuid;

use super::bank_account::holder;
use super::statement_rows::{self, StatementRow};
use super::transaction::{ForexTransaction, owed, settlement, suspense};
use super::{booking_rows, settlement_rows};
use crate::ledger::Needs;

/// The end of a statement, beside what there should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatementBalance {
    pub(crate) currency: Currency,
    pub(crate) row: StatementRow,
}

impl StatementBalance {
    /// As it was kept.
    pub(crate) fn of(row: StatementRow) -> Result<Self, Fault> {
        let holder = holder(&row.account).map(|(_, currency)| currency);
        let lost = || Fault::Broken(format!("{} is no account of a firm", row.account));
        Ok(Self { currency: holder.ok_or_else(lost)?, row })
    }

    /// Above zero: the bank has more than there should be.
    pub(crate) fn difference(&self) -> i64 {
        self.row.closing.saturating_sub(self.row.expected)
    }

    /// What differs, in English and Chinese; empty where nothing does.
    pub(crate) fn why(&self) -> (String, String) {
        if self.difference() == 0 {
            return Default::default();
        }
        let StatementRow { account, day, number, closing, expected, .. } = &self.row;
        let money = |amount: i64| shown(self.currency, amount);
        let (closing, expected, over) =
            (money(*closing), money(*expected), money(self.difference()));
        let (source, source_zh) = match self.currency {
            Currency::Cny => ("the statement before it", "上一份对账单"),
            _ => ("the ledger", "账簿"),
        };
        (
            format!(
                "statement {number} of {account} has {closing} at the end of {day}, by {source} it is {expected}: {over} differ"
            ),
            format!(
                "{account}对账单{number}：{day}日终余额{closing}，按{source_zh}应为{expected}，差额{over}"
            ),
        )
    }
}

/// Compares a statement that was taken, and keeps what was found; nothing where it says no balances.
pub(super) async fn compare(
    step: &mut ForexTransaction<'_>,
    statement: &Statement,
) -> Result<Option<StatementBalance>, Fault> {
    let (Some(opening), Some(closing)) = (statement.opening, statement.closing) else {
        return Ok(None);
    };
    let Some((owner, currency)) = holder(&statement.account) else { return Ok(None) };
    let Some(day) = closing.day.or(statement.day) else { return Ok(None) };
    let first = opening.day.map_or(day, |first| first.min(day));
    let of = (Slot::of(owner), statement.account.as_str());
    let (base, expected) = if currency == Currency::Cny {
        let before = statement_rows::closing_before(&mut *step.tx, of, first).await?;
        let moved = closing.amount.saturating_sub(opening.amount);
        (0, before.unwrap_or(opening.amount).saturating_add(moved))
    } else {
        let now = in_ledger(step, (owner, currency)).await?;
        let base = match statement_rows::base(&mut *step.tx, of).await? {
            Some(base) => base,
            None => {
                opening.amount - now + booking_rows::moved_since(&mut *step.tx, of, first).await?
            }
        };
        let later = match day.next_day() {
            Some(next) => booking_rows::moved_since(&mut *step.tx, of, next).await?,
            None => 0, // nothing is later than the last day
        };
        (base, base.saturating_add(now).saturating_sub(later))
    };
    let row = StatementRow {
        slot: of.0,
        id: Uuid::now_v7(),
        owner: owner.to_owned(),
        account: statement.account.clone(),
        day,
        number: statement.number.clone(),
        opening: opening.amount,
        closing: closing.amount,
        base,
        expected,
    };
    statement_rows::write_statement(&mut *step.tx, &row, step.now).await?;
    Ok(Some(StatementBalance { currency, row }))
}

/// What the ledger has of a firm's money at its bank. Of an order of which only the forex was told, that has left.
async fn in_ledger(
    step: &mut ForexTransaction<'_>,
    (owner, currency): (&str, Currency),
) -> Result<i64, Fault> {
    let slot = Slot::of(owner);
    let accounts: [Account; 3] =
        [settlement(owner, currency), suspense(owner, currency), owed(owner, currency)];
    let mut needs = Needs::default();
    for account in &accounts {
        needs.account(slot, account.clone());
    }
    step.ledger.load(&mut *step.tx, &needs).await?;
    let balances = step.ledger.balances(slot)?;
    let sum: i128 = accounts.iter().map(|account| balances.totals(account).balance()).sum();
    let under_way = settlement_rows::forex_under_way(&mut *step.tx, owner, currency).await?;
    i64::try_from(sum - i128::from(under_way))
        .map_err(|_| Fault::Broken(format!("the ledger has too much of {owner}")))
}
