//! The ledger over rows, against a real PostgreSQL: it does what the pure one does, whatever comes.

#[expect(dead_code, reason = "nothing is encrypted here")]
#[path = "../../../store/tests/kernel/database.rs"]
mod database;
mod long_run;

use std::collections::BTreeSet;

use domain::Slot;
use domain::payment::ledger::{
    Account, Action, Balances, Basis, CreditLine, Currency, Difference, Entry, EntryCheck, Error,
    HoldState, Leg, Purpose,
};
use payment::ledger::{Ledger, LedgerDifference, Needs, verify_slot};
use payment::verify::{LedgerFinding, VerificationLimit, verify_slots};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use sqlx::PgPool;
use store::Fault;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::database::Database;

/// Tables of the payment service.
static TABLES: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/payment");

fn at(day: i64) -> OffsetDateTime {
    datetime!(2026-11-01 00:00 +8) + Duration::days(day)
}

fn account(owner: &str, purpose: Purpose) -> Account {
    Account { owner: owner.into(), currency: Currency::Cny, purpose }
}

fn firm() -> Account {
    account("3702961234", Purpose::Guarantee)
}

fn owed() -> Account {
    account("3702961234", Purpose::DutyPayable)
}

fn bank() -> Account {
    account("BANK", Purpose::Settlement)
}

fn leg(from: Account, to: Account, amount: i64) -> Leg {
    Leg { from, to, amount }
}

fn slot(number: u32) -> Slot {
    Slot::new(number).expect("a slot")
}

/// Ids are of the test's own slot.
fn id(slot: Slot, number: u128) -> Uuid {
    Uuid::from_u128(u128::from(slot.number()) << 64 | number)
}

fn entry(id: Uuid, day: i64, action: Action) -> Entry {
    let basis = Basis {
        event: "test".into(),
        declaration: None,
        bill: None,
        actor: "test".into(),
        rule: "测试".into(),
    };
    Entry { id, action, basis, effective: at(day), recorded: at(day) }
}

fn hold(one: i64, two: i64, until: Option<i64>, after: Option<Uuid>) -> Action {
    let legs = vec![leg(firm(), owed(), one), leg(firm(), owed(), two)];
    Action::Hold { legs, until: until.map(at), after }
}

type Applied = Vec<Result<EntryCheck, Error>>;

/// Applies entries of a slot in one transaction, and keeps it or not.
async fn apply(
    pool: &PgPool,
    slot: Slot,
    entries: &[Entry],
    keeps: bool,
) -> Result<Applied, Fault> {
    let mut tx = pool.begin().await?;
    let mut ledger = Ledger::lock(&mut tx, &BTreeSet::from([slot])).await?;
    let mut needs = Needs::default();
    entries.iter().for_each(|entry| needs.entry(slot, entry));
    ledger.load(&mut tx, &needs).await?;
    let mut applied = Vec::new();
    for entry in entries {
        applied.push(ledger.apply(slot, entry)?);
    }
    ledger.write(&mut tx).await?;
    if keeps {
        tx.commit().await?;
    }
    Ok(applied)
}

async fn one(pool: &PgPool, slot: Slot, entry: Entry) -> Result<EntryCheck, Error> {
    let applied = apply(pool, slot, &[entry], true).await.expect("PostgreSQL answers");
    applied.into_iter().next().expect("an answer")
}

/// What is tried at random: what is done, number of an older entry, amounts, days that pass, and whether the
/// transaction ends here and is kept.
type Step = (u8, u128, i64, i64, i64, u8);

fn random_entry(slot: Slot, number: u128, (what, old, one, two, day, _): Step) -> Entry {
    let of = id(slot, old % number.max(1));
    let dollars = |account| Account { currency: Currency::Usd, ..account };
    let line = |amount| CreditLine { account: firm(), from: at(day), amount };
    let action = match what {
        0 => Action::Transfer(vec![leg(bank(), firm(), one)]),
        1 => Action::Transfer(vec![
            leg(firm(), bank(), one),
            leg(dollars(bank()), dollars(firm()), two),
        ]),
        2 | 3 => hold(one, two, (what == 2).then_some(day + 3), (old % 5 == 0).then_some(of)),
        4 | 5 => Action::Post { hold: of, amounts: vec![one, two] },
        6 => Action::Void(of),
        7 => Action::Expire(of),
        8 => Action::Reverse { of, amounts: vec![one] },
        9 => Action::SetCreditLine(line(one)),
        _ => Action::Reverse { of, amounts: vec![one, two] },
    };
    // Some come again under an older id.
    let number = if old % 7 == 0 { old % number.max(1) } else { number };
    entry(id(slot, number), day, action)
}

/// Histories of many transactions, some of which are cut before their commit, in a slot of their own: rows are
/// what the pure ledger says, after every one of them.
#[tokio::test]
async fn rows_are_what_the_rules_say_after_any_history() {
    let database = Database::new("payment_histories").await;
    let step = (0u8..11, 0u128..1_000, 0i64..60, 0i64..60, 0i64..2, 0u8..6);
    let histories = prop::collection::vec(step, 1..60);
    let mut runner = TestRunner::deterministic();
    let mut done = 0;
    for number in 0..24 {
        let slot = slot(number);
        let steps = histories.new_tree(&mut runner).expect("a history").current();
        let (mut kept, mut day, mut batch) = (Balances::default(), 0, Vec::new());
        let count = steps.len();
        for (number, mut step) in (1u128..).zip(steps) {
            day += step.4;
            step.4 = day;
            batch.push(random_entry(slot, number, step));
            let is_last = usize::try_from(number).is_ok_and(|number| number == count);
            if step.5 > 1 && !is_last {
                continue;
            }
            let keeps = step.5 != 1;
            let batch = std::mem::take(&mut batch);
            let applied = apply(&database.pool, slot, &batch, keeps).await.expect("it answers");
            let mut pure = kept.clone();
            let expected: Vec<_> = batch.iter().map(|entry| pure.apply(entry)).collect();
            assert_eq!(applied, expected, "slot {slot:?}");
            done += applied.iter().filter(|it| matches!(it, Ok(EntryCheck::New(_)))).count();
            if keeps {
                kept = pure;
            }
            let mut tx = database.pool.begin().await.expect("it answers");
            let mut ledger =
                Ledger::lock(&mut tx, &BTreeSet::from([slot])).await.expect("it locks");
            let mut needs = Needs::default();
            needs.account(slot, firm());
            kept.accounts.keys().for_each(|account| needs.account(slot, account.clone()));
            kept.entries.keys().for_each(|id| needs.id(slot, *id));
            ledger.load(&mut tx, &needs).await.expect("it reads");
            let found = ledger.balances(slot).expect("it is locked");
            assert_eq!(found.accounts, kept.accounts);
            assert_eq!(found.holds, kept.holds);
            assert_eq!(found.rests, kept.rests);
            assert_eq!(found.entries, kept.entries);
            assert_eq!(found.available(&firm(), at(day)), kept.available(&firm(), at(day)));
        }
        let verified = verify_slot(&database.pool, slot).await.expect("it reads");
        assert_eq!(verified.difference, None, "slot {slot:?}");
        assert_eq!(verified.entries, kept.entries.len());
    }
    assert!(done > 100, "only {done} entries had an effect");
}

/// Two at a time want the last of a guarantee: one gets it.
#[tokio::test]
async fn a_guarantee_is_not_overdrawn_by_two_at_once() {
    let database = Database::new("payment_race").await;
    let (slot, other) = (slot(200), database.another_process().await);
    let lodged = Action::Transfer(vec![leg(bank(), firm(), 100)]);
    one(&database.pool, slot, entry(id(slot, 1), 0, lodged)).await.expect("lodged");
    let first = entry(id(slot, 2), 1, hold(30, 30, None, None));
    let second = entry(id(slot, 3), 1, hold(30, 30, None, None));
    let (first, second) =
        tokio::join!(one(&database.pool, slot, first.clone()), one(&other, slot, second.clone()),);
    let short = Err(Error::NotEnough { account: firm(), available: 40, missing: 20 });
    match (first, second) {
        (Ok(_), refused) | (refused, Ok(_)) => assert_eq!(refused, short),
        both => panic!("{both:?}"),
    }
    let verified = verify_slot(&database.pool, slot).await.expect("it reads");
    assert_eq!((verified.entries, verified.difference), (2, None));
}

/// Only what was loaded counts, and only a locked slot is written.
#[tokio::test]
async fn what_was_not_loaded_or_locked_is_a_fault() {
    let database = Database::new("payment_faults").await;
    let slot = slot(201);
    let lodged = Action::Transfer(vec![leg(bank(), firm(), 100)]);
    let lodged = entry(id(slot, 1), 0, lodged);
    let mut tx = database.pool.begin().await.expect("it answers");
    let mut ledger = Ledger::lock(&mut tx, &BTreeSet::from([slot])).await.expect("it locks");
    assert!(matches!(ledger.apply(slot, &lodged), Err(Fault::Broken(_))), "nothing was loaded");
    let other = Slot::new(202).expect("a slot");
    assert!(matches!(ledger.apply(other, &lodged), Err(Fault::Broken(_))), "nothing is locked");
    // The clock of another process was ahead.
    assert_eq!(ledger.time(slot, at(0)).expect("locked"), at(0));
}

/// The database refuses what the rules would never do.
#[tokio::test]
async fn the_tables_repeat_the_promises() {
    let database = Database::new("payment_promises").await;
    let slot = slot(203);
    let lodged = Action::Transfer(vec![leg(bank(), firm(), 100)]);
    one(&database.pool, slot, entry(id(slot, 1), 0, lodged)).await.expect("lodged");
    let kept = entry(id(slot, 2), 1, hold(30, 30, None, None));
    one(&database.pool, slot, kept).await.expect("held");
    for (statement, constraint) in [
        (
            "update account set credits = credits + 1 where owner = 'BANK' and slot = 203",
            "account_currency_sums_to_zero",
        ),
        (
            "update account set held_debits = held_debits + case when purpose = 1 then 41 else 0 end,
                                held_credits = held_credits + case when purpose = 2 then 41 else 0 end
             where slot = 203",
            "account_guarantee_is_never_overdrawn",
        ),
        (
            "update account set credits = credits - case when purpose = 1 then 1 else 0 end,
                                debits = debits - case when purpose = 5 then 1 else 0 end
             where slot = 203",
            "account_totals_never_fall",
        ),
        (
            "insert into account values (203, 'X', 'CNY', 1, 0, 5, 0, 0, now())",
            "account_begins_empty",
        ),
        ("update hold set ended_time = now() where slot = 203", "hold_ends_once"),
    ] {
        let refused = sqlx::query(statement).execute(&database.pool).await.expect_err(statement);
        let refused = refused.as_database_error().expect("the database says no");
        assert_eq!(refused.constraint(), Some(constraint), "{refused}");
    }
    // Counting a credit line, it may go below zero.
    let line = CreditLine { account: firm(), from: at(1), amount: 50 };
    let line = entry(id(slot, 3), 2, Action::SetCreditLine(line));
    one(&database.pool, slot, line).await.expect("granted");
    let more = entry(id(slot, 4), 3, hold(45, 45, None, None));
    one(&database.pool, slot, more).await.expect("to the last fen");
    // A smaller line takes away nothing that is held.
    let line = CreditLine { account: firm(), from: at(4), amount: 0 };
    let line = entry(id(slot, 5), 4, Action::SetCreditLine(line));
    one(&database.pool, slot, line).await.expect("taken away");
    one(&database.pool, slot, entry(id(slot, 6), 5, Action::Void(id(slot, 2))))
        .await
        .expect("freed");
}

/// Slots of one, two and three entries are verified in as many calls as their limit makes of it.
#[tokio::test]
async fn a_verification_ends_at_its_limit_and_says_where_to_go_on() {
    let database = Database::new("payment_limits").await;
    let all = [slot(220), slot(221), slot(222)];
    for (slot, count) in all.into_iter().zip(1..) {
        let lodged =
            |number| entry(id(slot, number), 0, Action::Transfer(vec![leg(bank(), firm(), 100)]));
        let entries: Vec<Entry> = (1..=count).map(lodged).collect();
        apply(&database.pool, slot, &entries, true).await.expect("it answers");
    }
    let verify = async |from: usize, slots, seconds| {
        let limit = VerificationLimit { slots, time: std::time::Duration::from_secs(seconds) };
        let slots = all.into_iter().skip(from);
        verify_slots(&database.pool, slots, limit).await.expect("it reads")
    };
    let found = |entries, next| LedgerFinding { entries, difference: None, next };
    // Where there is no time at all, one slot is verified, and so it goes on.
    assert_eq!(verify(0, 64, 0).await, found(1, Some(all[1])));
    assert_eq!(verify(1, 64, 0).await, found(2, Some(all[2])));
    assert_eq!(verify(2, 64, 0).await, found(3, None));
    assert_eq!(verify(0, 2, 3_600).await, found(3, Some(all[2])));
    assert_eq!(verify(0, 3, 3_600).await, found(6, None));
    // A difference is the end, whatever time there is.
    let changed = sqlx::query("delete from entry where slot = 221 and number = 2");
    changed.execute(&database.pool).await.expect("nothing keeps it");
    let wrong = verify(0, 64, 3_600).await;
    assert_eq!((wrong.next, wrong.difference.map(|(slot, _)| slot)), (None, Some(all[1])));
}

/// Whoever changes a row behind the ledger's back is found.
#[tokio::test]
async fn a_changed_row_is_the_first_difference() {
    let database = Database::new("payment_differences").await;
    let mut number = 210;
    let mut story = async || {
        number += 1;
        let slot = slot(number);
        let lodged = Action::Transfer(vec![leg(bank(), firm(), 100)]);
        let entries = [
            entry(id(slot, 1), 0, lodged),
            entry(id(slot, 2), 1, hold(30, 30, None, None)),
            entry(id(slot, 3), 2, Action::Post { hold: id(slot, 2), amounts: vec![30, 5] }),
        ];
        apply(&database.pool, slot, &entries, true).await.expect("it answers");
        slot
    };
    let row = |what, which: Uuid| Some(LedgerDifference::Row(what, which.to_string()));
    for (statement, expected) in [
        (
            "update account set credits = credits + 1, debits = debits + 1 where slot = $1 and purpose = 1",
            None,
        ),
        ("update leg set amount = 6 where slot = $1 and amount = 5", Some("leg")),
        ("update hold set state = 3 where slot = $1", Some("hold")),
        ("update entry set rest = null where slot = $1 and number = 3", Some("rest")),
        ("delete from entry where slot = $1 and number = 3", Some("entry")),
    ] {
        let slot = story().await;
        let changed = sqlx::query(statement).bind(slot.column()).execute(&database.pool).await;
        assert_eq!(changed.expect(statement).rows_affected(), 1, "{statement}");
        let found = verify_slot(&database.pool, slot).await.expect("it reads").difference;
        match expected {
            None => assert_eq!(
                found,
                Some(LedgerDifference::Kept(Difference::Totals(firm()), None)),
                "{statement}"
            ),
            Some("leg") => assert_eq!(found, Some(LedgerDifference::Row("leg", "3".to_owned()))),
            Some("hold") => assert_eq!(found, row("hold", id(slot, 2))),
            Some("rest") => assert_eq!(found, row("rest", id(slot, 3))),
            Some(_) => assert_eq!(found, Some(LedgerDifference::Entry(3))),
        }
    }
    let slot = story().await;
    let mut tx = database.pool.begin().await.expect("it answers");
    let mut ledger = Ledger::lock(&mut tx, &BTreeSet::from([slot])).await.expect("it locks");
    let mut needs = Needs::default();
    needs.id(slot, id(slot, 2));
    ledger.load(&mut tx, &needs).await.expect("it reads");
    let found = &ledger.balances(slot).expect("it is locked").holds[&id(slot, 2)];
    assert_eq!(found.state, HoldState::Posted);
}
