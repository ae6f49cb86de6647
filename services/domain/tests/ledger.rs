//! The ledger: each step and each refusal by name, and what holds after any history.

use std::collections::BTreeMap;

use domain::payment::ledger::{
    Account, Action, Balances, Basis, CreditLine, Currency, Difference, Entry, EntryCheck, Error,
    HoldState, Leg, Purpose, Record, balance_at, give_back, sums, verify,
};
use proptest::prelude::*;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const START: OffsetDateTime = datetime!(2026-11-01 00:00 +8);

fn at(day: i64) -> OffsetDateTime {
    START + Duration::days(day)
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn account(owner: &str, purpose: Purpose) -> Account {
    Account { owner: owner.into(), currency: Currency::Cny, purpose }
}

fn firm() -> Account {
    account("3702961234", Purpose::Guarantee)
}

fn bank() -> Account {
    account("BANK", Purpose::Settlement)
}

fn owed() -> Account {
    account("3702961234", Purpose::DutyPayable)
}

fn leg(from: Account, to: Account, amount: i64) -> Leg {
    Leg { from, to, amount }
}

fn entry(number: u128, day: i64, action: Action) -> Entry {
    let basis = Basis {
        event: "test".into(),
        declaration: None,
        bill: None,
        actor: "test".into(),
        rule: "test".into(),
    };
    Entry { id: id(number), action, basis, effective: at(day), recorded: at(day) }
}

fn hold(duty: i64, vat: i64, until: Option<i64>, after: Option<u128>) -> Action {
    let legs = vec![leg(firm(), owed(), duty), leg(firm(), owed(), vat)];
    Action::Hold { legs, until: until.map(at), after: after.map(id) }
}

/// 100.00 yuan lodged by entry 1.
fn funded() -> Balances {
    let mut balances = Balances::default();
    let lodged = Action::Transfer(vec![leg(bank(), firm(), 10_000)]);
    balances.apply(&entry(1, 0, lodged)).expect("lodged");
    balances
}

fn available(balances: &Balances) -> i128 {
    balances.available(&firm(), at(0))
}

#[test]
fn a_hold_is_posted_in_part_and_the_rest_is_free() {
    let mut balances = funded();
    balances.apply(&entry(2, 1, hold(3_000, 4_000, None, None))).expect("held");
    assert_eq!(available(&balances), 3_000);
    let post = Action::Post { hold: id(2), amounts: vec![2_500, 0] };
    balances.apply(&entry(3, 2, post)).expect("posted");
    assert_eq!(available(&balances), 7_500);
    assert_eq!(balances.totals(&owed()).balance(), 2_500);
    assert_eq!(balances.totals(&firm()).held_debits, 0);
}

#[test]
fn what_is_held_counts_against_the_limit() {
    let mut balances = funded();
    balances.apply(&entry(2, 1, hold(3_000, 4_000, None, None))).expect("held");
    let error = balances.apply(&entry(3, 1, hold(3_000, 1, None, None))).expect_err("too much");
    assert_eq!(error, Error::NotEnough { account: firm(), available: 3_000, missing: 1 });
    balances.apply(&entry(4, 1, hold(2_999, 1, None, None))).expect("to the last fen");
}

#[test]
fn wrong_steps_are_refusals_of_their_own() {
    let posts = |number| entry(number, 5, Action::Post { hold: id(2), amounts: vec![1, 1] });
    let voids = |number| entry(number, 5, Action::Void(id(2)));
    let expires = |number| entry(number, 12, Action::Expire(id(2)));
    let late = |number| entry(number, 12, Action::Post { hold: id(2), amounts: vec![1, 1] });
    let ended = [
        (posts(3), [Error::HoldPosted(id(2)), Error::HoldPosted(id(2))]),
        (voids(3), [Error::HoldVoided(id(2)), Error::HoldVoided(id(2))]),
        (expires(3), [Error::HoldExpired(id(2)), Error::HoldExpired(id(2))]),
    ];
    for (end, [posted, expired]) in ended {
        let mut balances = funded();
        balances.apply(&entry(2, 1, hold(10, 10, Some(10), None))).expect("held");
        balances.apply(&end).expect("ends");
        assert_eq!(balances.apply(&end), Ok(EntryCheck::Known));
        assert_eq!(balances.apply(&late(4)), Err(posted));
        assert_eq!(balances.apply(&expires(5)), Err(expired));
    }
    let mut balances = funded();
    balances.apply(&entry(2, 1, hold(10, 10, Some(10), None))).expect("held");
    let soon = entry(3, 9, Action::Expire(id(2)));
    assert_eq!(balances.apply(&soon), Err(Error::HoldNotDue(id(2))));
    let twice = entry(3, 9, hold(1, 1, None, Some(2)));
    assert_eq!(balances.apply(&twice), Err(Error::HoldOpen(id(2))));
    let above = entry(3, 9, Action::Post { hold: id(2), amounts: vec![11, 1] });
    assert_eq!(balances.apply(&above), Err(Error::AboveHold(id(2))));
    let short = entry(3, 9, Action::Post { hold: id(2), amounts: vec![10] });
    assert_eq!(balances.apply(&short), Err(Error::AboveHold(id(2))));
    assert_eq!(balances.apply(&late(3)), Err(Error::HoldExpired(id(2))));
    let gone = entry(3, 12, Action::Void(id(2)));
    assert_eq!(balances.apply(&gone), Err(Error::HoldExpired(id(2))));
    let unknown = entry(3, 12, Action::Void(id(9)));
    assert_eq!(balances.apply(&unknown), Err(Error::HoldUnknown(id(9))));
}

#[test]
fn late_money_is_a_new_hold_that_names_the_old_one() {
    let mut balances = funded();
    balances.apply(&entry(2, 1, hold(10, 10, None, None))).expect("held");
    balances.apply(&entry(3, 2, Action::Void(id(2)))).expect("voided");
    balances.apply(&entry(4, 3, hold(10, 10, None, Some(2)))).expect("anew");
    assert_eq!(balances.holds[&id(2)].state, HoldState::Voided);
    let post = Action::Post { hold: id(4), amounts: vec![10, 10] };
    balances.apply(&entry(5, 4, post)).expect("posted");
}

#[test]
fn the_same_again_is_known_and_another_under_its_id_refused() {
    let mut balances = funded();
    let first = entry(2, 1, hold(10, 10, None, None));
    balances.apply(&first).expect("held");
    let then = balances.clone();
    let again = Entry { recorded: at(7), ..first };
    assert_eq!(balances.apply(&again), Ok(EntryCheck::Known));
    let other = entry(2, 1, hold(10, 11, None, None));
    assert_eq!(balances.apply(&other), Err(Error::IdTaken(id(2))));
    assert_eq!(balances, then);
}

#[test]
fn returns_never_exceed_what_was_posted() {
    let mut balances = funded();
    balances.apply(&entry(2, 1, hold(1_000, 333, None, None))).expect("held");
    let post = Action::Post { hold: id(2), amounts: vec![1_000, 333] };
    balances.apply(&entry(3, 2, post)).expect("posted");
    let back = |amounts| Action::Reverse { of: id(3), amounts };
    balances.apply(&entry(4, 3, back(vec![333, 111]))).expect("a third");
    let above = entry(5, 4, back(vec![668, 0]));
    assert_eq!(balances.apply(&above), Err(Error::AboveRest(id(3))));
    balances.apply(&entry(6, 4, back(vec![667, 222]))).expect("the rest");
    assert_eq!(available(&balances), 10_000);
    let more = entry(7, 4, back(vec![1, 0]));
    assert_eq!(balances.apply(&more), Err(Error::AboveRest(id(3))));
    let held = entry(7, 4, Action::Reverse { of: id(2), amounts: vec![1, 0] });
    assert_eq!(balances.apply(&held), Err(Error::NothingPosted(id(2))));
}

#[test]
fn parts_given_back_add_up_to_what_was_posted() {
    // 10.00 yuan of tax on three equal lines.
    let first = give_back(1_000, 1_000, 1, 3, false).expect("a part");
    let second = give_back(1_000, 1_000 - first, 1, 3, false).expect("a part");
    let last = give_back(1_000, 1_000 - first - second, 1, 3, true).expect("the rest");
    assert_eq!((first, second, last), (333, 333, 334));
    // Half up would give more than is left.
    assert_eq!(give_back(1, 0, 1, 2, false), Some(0));
    assert_eq!(give_back(1, 1, 3, 2, false), None);
}

#[test]
fn a_credit_line_holds_from_its_day_and_takes_nothing_that_is_held() {
    let mut balances = funded();
    let line = |from, amount| {
        Action::SetCreditLine(CreditLine { account: firm(), from: at(from), amount })
    };
    balances.apply(&entry(2, 0, line(5, 500))).expect("granted");
    let all = |number, day| entry(number, day, hold(10_000, 500, None, None));
    let error = balances.apply(&all(3, 4)).expect_err("too soon");
    assert_eq!(error, Error::NotEnough { account: firm(), available: 10_000, missing: 500 });
    balances.apply(&all(3, 5)).expect("held");
    balances.apply(&entry(4, 6, line(6, 0))).expect("taken away");
    assert!(balances.apply(&entry(5, 6, hold(1, 1, None, None))).is_err());
    let post = Action::Post { hold: id(3), amounts: vec![10_000, 500] };
    balances.apply(&entry(6, 7, post)).expect("what was held is secured");
}

#[test]
fn amounts_that_make_no_sense_or_do_not_fit_are_refused() {
    let mut balances = funded();
    let dollars = Account { currency: Currency::Usd, ..bank() };
    for legs in [
        vec![],
        vec![leg(bank(), firm(), 0)],
        vec![leg(bank(), firm(), -1)],
        vec![leg(bank(), bank(), 1)],
        vec![leg(dollars, firm(), 1)],
    ] {
        assert_eq!(balances.apply(&entry(2, 1, Action::Transfer(legs))), Err(Error::Legs));
    }
    let then = balances.clone();
    let huge = Action::Transfer(vec![leg(bank(), firm(), i64::MAX)]);
    assert_eq!(balances.apply(&entry(2, 1, huge)), Err(Error::Overflow));
    assert_eq!(balances, then);
    let back = entry(2, -1, Action::Transfer(vec![leg(bank(), firm(), 1)]));
    assert_eq!(balances.apply(&back), Err(Error::Times));
}

#[test]
fn a_check_says_the_totals_and_changes_nothing() {
    let balances = funded();
    let Ok(EntryCheck::New(effect)) = balances.check(&entry(2, 1, hold(1, 2, None, None))) else {
        panic!("a new entry");
    };
    assert_eq!(effect.after[&firm()].free(), 9_997);
    assert_eq!(balances, funded());
}

/// Applies entries and stores what they did.
fn store(entries: &[Entry]) -> (Vec<Record>, Balances) {
    let (mut records, mut balances) = (Vec::new(), Balances::default());
    for entry in entries {
        if let Ok(EntryCheck::New(effect)) = balances.apply(entry) {
            let (moved, after) = (effect.moved, effect.after);
            records.push(Record { entry: entry.clone(), moved, after });
        }
    }
    (records, balances)
}

#[test]
fn balances_count_by_either_time() {
    let lodged = entry(1, 0, Action::Transfer(vec![leg(bank(), firm(), 100)]));
    let fee = Action::Transfer(vec![leg(firm(), owed(), 30)]);
    let fee = Entry { effective: at(2), ..entry(2, 5, fee) };
    let (records, _) = store(&[lodged, fee]);
    let balance = |effective, recorded| balance_at(&records, &firm(), at(effective), at(recorded));
    assert_eq!([balance(1, 9), balance(2, 4), balance(2, 5), balance(-1, 9)], [100, 100, 70, 0]);
}

#[test]
fn the_first_difference_is_found() {
    let entries = [
        entry(1, 0, Action::Transfer(vec![leg(bank(), firm(), 100)])),
        entry(2, 1, hold(10, 20, None, None)),
        entry(3, 2, Action::Post { hold: id(2), amounts: vec![10, 5] }),
    ];
    let (records, balances) = store(&entries);
    assert_eq!(verify(&records, &balances.accounts), Ok(balances.clone()));
    let changed = |change: fn(&mut Vec<Record>)| {
        let mut records = records.clone();
        change(&mut records);
        verify(&records, &balances.accounts).expect_err("a difference")
    };
    assert_eq!(changed(|all| all[2].moved[0].amount = 9), Difference::Effect(2));
    assert_eq!(changed(|all| drop(all.remove(1))), {
        Difference::Refused(1, Error::HoldUnknown(id(2)))
    });
    assert_eq!(changed(|all| all.insert(2, all[1].clone())), Difference::Twice(2));
    assert_eq!(changed(|all| drop(all.pop())), Difference::Totals(firm()));
    let mut accounts = balances.accounts.clone();
    accounts.insert(account("NOBODY", Purpose::Fees), balances.totals(&firm()));
    let nobody = Difference::Totals(account("NOBODY", Purpose::Fees));
    assert_eq!(verify(&records, &accounts), Err(nobody));
}

/// What is tried at random: number of an older entry, what is done, amounts.
fn random_entry(number: u128, (what, old, one, two, day): (u8, u128, i64, i64, i64)) -> Entry {
    let of = id(old % number.max(1));
    let dollars = |account| Account { currency: Currency::Usd, ..account };
    let action = match what {
        0 => Action::Transfer(vec![leg(bank(), firm(), one)]),
        1 => Action::Transfer(vec![
            leg(firm(), bank(), one),
            leg(dollars(bank()), dollars(firm()), two),
        ]),
        2 | 3 => hold(one, two, (what == 2).then_some(day + 3), None),
        4 | 5 => Action::Post { hold: of, amounts: vec![one, two] },
        6 => Action::Void(of),
        7 => Action::Expire(of),
        8 => Action::Reverse { of, amounts: vec![one] },
        _ => Action::Reverse { of, amounts: vec![one, two] },
    };
    // Some come again under an older id.
    entry(if old % 7 == 0 { old % number.max(1) } else { number }, day, action)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn after_any_history(
        steps in prop::collection::vec((0u8..10, 0u128..1_000, 0i64..60, 0i64..60, 0i64..2), 1..80)
    ) {
        let (mut balances, mut records, mut day) = (Balances::default(), Vec::new(), 0);
        for (number, (what, old, one, two, days)) in (1u128..).zip(steps) {
            day += days;
            let entry = random_entry(number, (what, old, one, two, day));
            let before = balances.clone();
            match balances.apply(&entry) {
                Ok(EntryCheck::New(effect)) => {
                    records.push(Record { entry, moved: effect.moved, after: effect.after });
                }
                Ok(EntryCheck::Known) | Err(_) => prop_assert_eq!(&balances, &before),
            }
            prop_assert!(sums(&balances.accounts).values().all(|sum| *sum == 0));
            for (account, totals) in &balances.accounts {
                prop_assert!(!account.purpose.is_limited() || totals.free() >= 0);
                prop_assert!(totals.held_debits >= 0 && totals.held_credits >= 0);
            }
            // What is held is what the open holds keep.
            let open = balances.holds.values().filter(|hold| hold.state == HoldState::Open);
            let kept: i64 = open.flat_map(|hold| &hold.legs).map(|leg| leg.amount).sum();
            prop_assert_eq!(balances.totals(&firm()).held_debits, kept);
        }
        prop_assert_eq!(verify(&records, &balances.accounts), Ok(balances.clone()));
        for (account, totals) in &balances.accounts {
            let balance = balance_at(&records, account, at(day), at(day));
            prop_assert_eq!(balance, totals.balance());
        }
    }
}

#[test]
fn every_refusal_has_a_number_of_its_own_and_both_languages() {
    let some = id(1);
    let all = [
        Error::Legs,
        Error::NotEnough { account: firm(), available: 0, missing: 1 },
        Error::IdTaken(some),
        Error::HoldUnknown(some),
        Error::HoldPosted(some),
        Error::HoldVoided(some),
        Error::HoldExpired(some),
        Error::HoldNotDue(some),
        Error::HoldOpen(some),
        Error::AboveHold(some),
        Error::NothingPosted(some),
        Error::AboveRest(some),
        Error::Times,
        Error::Overflow,
    ];
    let codes: BTreeMap<_, _> = all.iter().map(Error::code).collect();
    assert_eq!(codes.len(), all.len());
    assert!(codes.keys().all(|code| code.starts_with("SW-17")));
}
