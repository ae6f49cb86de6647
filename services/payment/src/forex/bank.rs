//! What a bank says in its files: money that came, orders that it executed or rejected, and what it takes back.
//!
//! A booking is known by its identity (`domain::payment::statement`), and has its effect once, whichever notices and
//! statements tell it. A firm's account at a bank is its customs code, a hyphen and the currency. An execution is two movements under one reference: forex that left,
//! and yuan that came; it counts when both were told, in whichever files.

use std::collections::{BTreeMap, BTreeSet};

use domain::CHINA;
use domain::payment::buying_rates::usd_cents;
use domain::payment::ledger::{Action, Currency, Purpose};
use domain::payment::statement::{
    Bookings, EntryUse, SortedEntry, Statement, StatementEntry, sort, words,
};
use domain::refusal::{Refusal, Violation};
use domain::{Slot, limits};
use proto::bank::{BankFile, Report};
use proto::forex::{DutyPayment, ReceiptDetails};
use sqlx::PgConnection;
use store::Fault;
use time::Date;
use uuid::Uuid;

use super::announced_rows::Announcements;
use super::bank_account::holder;
use super::booking_rows::EarlyReversal;
use super::execution::{self, Execution};
use super::receipt_rows::{ReceiptRow, ReceiptStand};
use super::settlement_rows::SettlementRow;
use super::statement_balance::{self, StatementBalance};
use super::transaction::{ForexTransaction, Posting, account, bank, leg, suspense};
use super::{announced_rows, booking_rows, receipt_rows, sale_rows, settlement_rows};
use super::{matching, reversal};
use crate::bill_rows;
use crate::names::{BANK, id_of};

/// What is in a file, of those that a bank sends.
#[derive(Debug)]
pub(crate) enum BankNews {
    /// What became of an order.
    Report(Report),
    /// Movements on accounts.
    Statements(Vec<Statement>),
}

/// What came of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BankFileOutcome {
    /// Lines that had an effect.
    pub(crate) taken: u32,
    /// Lines that were taken before.
    pub(crate) repeated: u32,
    /// Lines that have none, and why.
    pub(crate) ignored: Vec<String>,
    /// What its statements say that is on accounts, beside what there should be.
    pub(crate) balances: Vec<StatementBalance>,
}

/// Reads a file.
pub(crate) fn read(document: &str) -> Result<BankNews, Refusal> {
    match proto::bank::read(document.as_bytes()) {
        Ok(BankFile::Report(report)) => Ok(BankNews::Report(report)),
        Ok(BankFile::Statements(statements) | BankFile::Notices(statements)) => {
            Ok(BankNews::Statements(statements))
        }
        Ok(BankFile::Order(_)) => {
            let refusal = Refusal::of(domain::Code::XmlTypeUnsupported);
            Err(refusal.with("reason", "an order goes to a bank, and does not come from one"))
        }
        Err(faults) => {
            let violation = |fault: proto::ceb::MessageFault| Violation {
                code: fault.code,
                field: format!("document:{} {}", fault.line, fault.element),
                text: fault.text,
                text_zh: fault.text_zh,
                customs_code: None,
            };
            let faults = faults.into_iter().take(limits::REASONS_MAX);
            Err(Refusal::invalid(faults.map(violation).collect()))
        }
    }
}

/// The slots that a file is about.
pub(crate) async fn slots(tx: &mut PgConnection, news: &BankNews) -> Result<BTreeSet<Slot>, Fault> {
    match news {
        BankNews::Report(report) => {
            let Ok(id) = Uuid::try_parse(&report.order_id) else { return Ok(BTreeSet::new()) };
            let found = settlement_rows::settlements(&mut *tx, &[id]).await?;
            let dues = bill_rows::ordered(tx, &[id]).await?;
            let dues = dues.values().map(|it| Slot::of(&it.payer));
            Ok(found.values().map(|row| row.slot).chain(dues).collect())
        }
        BankNews::Statements(statements) => {
            let owners = statements.iter().filter_map(|statement| holder(&statement.account));
            Ok(owners.map(|(owner, _)| Slot::of(owner)).collect())
        }
    }
}

/// Takes a file down.
pub(crate) async fn take(
    step: &mut ForexTransaction<'_>,
    news: &BankNews,
) -> Result<BankFileOutcome, Fault> {
    match news {
        BankNews::Report(report) => report_of(step, report).await,
        BankNews::Statements(statements) => {
            let mut outcome = BankFileOutcome::default();
            let mut executions = BTreeMap::<Uuid, Execution>::new();
            for statement in statements {
                lines(step, statement, &mut executions, &mut outcome).await?;
            }
            for (id, execution) in executions {
                match execution::executed(step, id, execution).await? {
                    Ok(()) => {}
                    Err(why) => outcome.ignored.push(why),
                }
            }
            // Of all accounts first, since an execution is told on two of them.
            for statement in statements {
                outcome.balances.extend(statement_balance::compare(step, statement).await?);
            }
            for why in &outcome.ignored {
                tracing::warn!(why, "a line of a bank has no effect");
            }
            Ok(outcome)
        }
    }
}

async fn report_of(
    step: &mut ForexTransaction<'_>,
    report: &Report,
) -> Result<BankFileOutcome, Fault> {
    let unknown = || BankFileOutcome {
        ignored: vec![format!("there is no order {}", report.order_id)],
        ..BankFileOutcome::default()
    };
    let Ok(id) = Uuid::try_parse(&report.order_id) else { return Ok(unknown()) };
    let found = settlement_rows::settlements(&mut *step.tx, &[id]).await?.remove(&id);
    let statuses =
        std::iter::once(&report.status).chain(report.statuses.iter().map(|it| &it.status));
    let is_rejected = statuses.into_iter().any(|status| status == "RJCT");
    let reasons = report.reasons.iter().chain(report.statuses.iter().flat_map(|it| &it.reasons));
    let reason: String = reasons.cloned().collect::<Vec<_>>().join("; ");
    let reason: String = reason.chars().take(limits::TEXT_MAX).collect();
    let changed = match found {
        Some(row) => execution::reported(step, row, is_rejected, reason).await?,
        None => match bill_rows::ordered(&mut *step.tx, &[id]).await?.remove(&id) {
            // It stays to be paid, with the reason.
            Some(order) if is_rejected => {
                bill_rows::write_reason(&mut *step.tx, &order, &reason).await?
            }
            Some(_) => false,
            None => return Ok(unknown()),
        },
    };
    let (taken, repeated) = if changed { (1, 0) } else { (0, 1) };
    Ok(BankFileOutcome { taken, repeated, ..BankFileOutcome::default() })
}

/// Takes the lines of a statement down; what is about orders is collected.
async fn lines(
    step: &mut ForexTransaction<'_>,
    statement: &Statement,
    executions: &mut BTreeMap<Uuid, Execution>,
    outcome: &mut BankFileOutcome,
) -> Result<(), Fault> {
    let Some((owner, currency)) = holder(&statement.account) else {
        let account = &statement.account;
        outcome.ignored.push(format!("no firm has the account {account}"));
        return Ok(());
    };
    let slot = Slot::of(owner);
    let named: BTreeSet<String> = statement
        .entries
        .iter()
        .flat_map(|entry| entry.texts.iter().chain([&entry.end_to_end]))
        .flat_map(|text| words(text))
        .map(str::to_owned)
        .collect();
    let named: Vec<String> = named.into_iter().collect();
    let sales = sale_rows::sales_named(&mut *step.tx, owner, &named).await?;
    let announced = announced_rows::named(&mut *step.tx, owner, &named).await?;
    let known = sales.iter().map(|sale| sale.order_no.as_str()).chain(announced.pay_nos());
    let known: BTreeSet<&str> = known.collect();
    let keys: Vec<String> = statement.keys().into_iter().collect();
    let told = booking_rows::bookings(&mut *step.tx, slot, &keys).await?;
    let mut bookings = Bookings::of(told);
    let sorted = sort(std::slice::from_ref(statement), &known, &mut bookings);
    // A bank that says no day at all means the one on which it says it.
    let today = step.now.to_offset(CHINA).date();
    let day = |entry: &StatementEntry| entry.booked.or(statement.day).unwrap_or(today);
    let days: BTreeMap<&str, Date> =
        sorted.iter().map(|it| (it.line.as_str(), day(it.entry))).collect();
    let changed = bookings.changed().filter_map(|it| {
        let day = days.get(it.line().as_str()).copied();
        Some((it, day?))
    });
    let changed: Vec<_> = changed.collect();
    let account = (slot, statement.account.as_str());
    booking_rows::write_bookings(&mut *step.tx, account, &changed, step.now).await?;
    let ids = sorted.iter().filter_map(|it| Uuid::try_parse(&it.entry.end_to_end).ok());
    let ids: Vec<Uuid> = ids.collect();
    let orders = settlement_rows::settlements(&mut *step.tx, &ids).await?;
    let dues = bill_rows::ordered(&mut *step.tx, &ids).await?;
    let mut moved = Vec::<(String, i64)>::new();
    for SortedEntry { line, entry, usage } in &sorted {
        let signed = if entry.is_credit { entry.amount } else { -entry.amount };
        let order = Uuid::try_parse(&entry.end_to_end).ok().and_then(|id| orders.get(&id));
        let order = order.filter(|order| order.owner == owner);
        let due = Uuid::try_parse(&entry.end_to_end).ok().and_then(|id| dues.get(&id));
        let due = due.filter(|due| due.payer == owner && entry.currency == Currency::Cny);
        let why = match (usage, order, due) {
            (EntryUse::Repeated, ..) => {
                outcome.repeated += 1;
                continue;
            }
            (EntryUse::NotBooked, ..) => Some("is not booked yet"),
            (EntryUse::Receipt(_) | EntryUse::Paid, Some(order), _) => {
                let why = apply_movement(executions.entry(order.id).or_default(), order, entry);
                if why.is_none() {
                    moved.push((line.clone(), signed));
                }
                why
            }
            (EntryUse::Receipt(paid), None, _) if entry.currency == currency => {
                if !reversal::repay(step, (owner, line), entry).await? {
                    let at = Arrival { owner, line, day: day(entry) };
                    receive(step, at, entry, (paid.order_nos.clone(), &announced)).await?;
                }
                moved.push((line.clone(), signed));
                None
            }
            (EntryUse::Receipt(_), None, _) => Some("is in another currency than its account"),
            (EntryUse::Reversal, ..) if !entry.is_credit => {
                let back = EarlyReversal {
                    slot,
                    line: line.clone(),
                    owner: owner.to_owned(),
                    currency,
                    amount: entry.amount,
                    day: day(entry),
                    reference: entry.reference.clone(),
                    names: reversal::references(entry),
                };
                if reversal::reverse(step, &back).await? {
                    moved.push((line.clone(), signed));
                    None
                } else {
                    booking_rows::insert_early_reversal(
                        &mut *step.tx,
                        step.cipher,
                        &back,
                        step.now,
                    )
                    .await?;
                    Some("takes back what has not come, or only a part of it: it waits for that")
                }
            }
            (EntryUse::Reversal, ..) => Some("takes back what went out: look at it by hand"),
            (EntryUse::Paid, None, Some(due)) => {
                let payment = DutyPayment {
                    payer: owner.to_owned(),
                    ent_duty_no: due.ent_duty_no.clone(),
                    amount_fen: entry.amount,
                    reference: entry.reference.clone(),
                };
                step.payments.push((id_of(&format!("duty-payment/{owner}/{line}")), payment));
                None
            }
            (EntryUse::Paid, None, None) => Some("went out for nothing that is known here"),
        };
        match why {
            None => outcome.taken += 1,
            Some(why) => outcome.ignored.push(format!("{line} {why}")),
        }
    }
    booking_rows::write_moved(&mut *step.tx, slot, &moved).await
}

/// A movement under the reference of an order; why it has no effect, where it has none.
fn apply_movement(
    execution: &mut Execution,
    order: &SettlementRow,
    entry: &StatementEntry,
) -> Option<&'static str> {
    match (entry.is_credit, entry.currency) {
        (false, currency) if currency == order.currency => execution.sold += entry.amount,
        (true, Currency::Cny) => {
            execution.bought_fen += entry.amount + entry.charges;
            execution.fee_fen += entry.charges;
        }
        _ => return Some("does not fit the order that it names"),
    }
    None
}

/// Where money came.
struct Arrival<'a> {
    owner: &'a str,
    line: &'a str,
    day: Date,
}

/// Money came: it is booked, and matched where its texts say what it is for.
async fn receive(
    step: &mut ForexTransaction<'_>,
    Arrival { owner, line, day: booked }: Arrival<'_>,
    entry: &StatementEntry,
    (named, announced): (Vec<String>, &Announcements),
) -> Result<(), Fault> {
    let (currency, amount) = (entry.currency, entry.amount.saturating_add(entry.charges));
    let id = Uuid::now_v7();
    let mut receipt = ReceiptRow {
        slot: Slot::of(owner),
        id,
        owner: owner.to_owned(),
        line: line.to_owned(),
        currency,
        amount,
        charges: entry.charges,
        booked,
        reference: entry.reference.clone(),
        state: ReceiptStand::Unmatched,
        why: (String::new(), String::new()),
        ordered: 0,
        settled: 0,
        kept: 0,
        owed: 0,
        back_on: None,
        matchings: 0,
        usd_cents: usd_cents(currency, amount, booked).unwrap_or(0), // no rate: it counts for no threshold
    };
    let details = ReceiptDetails { party: entry.party.clone(), texts: entry.texts.clone() };
    receipt_rows::insert_receipt(&mut *step.tx, step.cipher, &receipt, &details, step.now).await?;
    let held = suspense(owner, currency);
    let mut legs = vec![leg(bank(currency), held.clone(), amount)];
    if entry.charges > 0 {
        legs.push(leg(held, account(BANK, currency, Purpose::Fees), entry.charges));
    }
    let posting = Posting {
        slot: receipt.slot,
        id: id_of(&format!("receipt/{id}")),
        event: "receipt.came",
        declaration: None,
        actor: "bank",
        rule: &receipt.line,
        effective: booked.midnight().assume_offset(CHINA),
        action: Action::Transfer(legs),
    };
    step.post(vec![posting]).await?;
    matching::by_texts(step, &mut receipt, &named, announced).await?;
    receipt_rows::update_receipt(&mut *step.tx, &receipt, step.now).await?;
    // The bank may have told first that it takes it back.
    let of = ((receipt.slot, owner), (currency, receipt.net()));
    let early = booking_rows::take_early_reversal(
        &mut *step.tx,
        step.cipher,
        of.0,
        of.1,
        &receipt.reference,
    );
    if let Some(back) = early.await?
        && reversal::reverse(step, &back).await?
    {
        let moved = [(back.line, -back.amount)];
        booking_rows::write_moved(&mut *step.tx, back.slot, &moved).await?;
    }
    Ok(())
}
