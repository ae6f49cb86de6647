//! The life of a declaration, case by case and at random.

use domain::clearance::Agency::{Customs, Inspection};
use domain::clearance::{
    Agency, Awaited, Clearance, Event, Fact, Joint, Outcome, Phase, Stand, Targeting, awaited, next,
};
use domain::refusal::Code;
use proptest::prelude::*;

const V: u32 = 2;
const R: u32 = 2;

/// Version 2, round 2, numbered, in a window that does not ask the risk rules.
fn at(phase: Phase, customs: Stand, inspection: Stand, joint: Joint) -> Clearance {
    let targeting = Targeting::None;
    Clearance { version: V, round: R, phase, customs, inspection, joint, targeting, numbered: true }
}

/// The risk rules are still to be asked.
fn waiting(now: Clearance) -> Clearance {
    Clearance { targeting: Targeting::Waiting, ..now }
}

/// They were asked.
fn asked(now: Clearance) -> Clearance {
    Clearance { targeting: Targeting::Done, ..now }
}

fn review(customs: Stand, inspection: Stand, joint: Joint) -> Clearance {
    at(Phase::UnderReview, customs, inspection, joint)
}

fn inspecting(customs: Stand, inspection: Stand) -> Clearance {
    at(Phase::Inspecting, customs, inspection, Joint::Open)
}

fn says(agency: Agency, outcome: Outcome) -> Event {
    Event::Verdict { agency, version: V, round: R, outcome }
}

fn on(version: u32, round: u32) -> Event {
    Event::Verdict { agency: Customs, version, round, outcome: Outcome::Cleared }
}

fn finds(for_customs: bool, for_inspection: bool) -> Event {
    Event::Findings { version: V, round: R, for_customs, for_inspection }
}

fn of(version: u32, round: u32) -> Event {
    Event::Findings { version, round, for_customs: true, for_inspection: true }
}

fn rules(customs: bool, inspection: bool) -> Event {
    Event::Targeted { version: V, customs, inspection }
}

const REOPEN: Event = Event::Reopen { version: V };

type Row = (&'static str, Clearance, Event, Result<(Clearance, Vec<Fact>), Code>);

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    use Joint::{Cancelled, Done, None as Never, Open};
    use Outcome as O;
    use Phase::{Rejected, Released, Returned, UnderReview, Withdrawn};
    use Stand::{Accepted, Cleared, Concluded, Detained, Held, ManualReview, Pending, WantsInspection as Wants};

    let fresh = review(Pending, Pending, Never);
    let first = Clearance { version: 1, round: 1, ..fresh };
    let changed = |agency, stand| vec![Fact::StandChanged(agency, stand)];
    let same = |now| Ok((now, vec![]));
    let amended = |now: Clearance| {
        let targeting = if now.targeting == Targeting::None { Targeting::None } else { Targeting::Waiting };
        let then = Clearance { version: 3, round: 1, phase: UnderReview, customs: Pending, inspection: Pending, targeting, ..now };
        Ok((then, vec![Fact::Amended(2)]))
    };
    let withdrawn = |now: Clearance| Ok((Clearance { phase: Withdrawn, ..now }, vec![Fact::Withdrawn]));
    let released = |agency| Ok((at(Released, Cleared, Cleared, Done), vec![Fact::StandChanged(agency, Cleared), Fact::Released]));
    let amend = Event::Amend { seen: 2 };
    let withdraw = Event::Withdraw { seen: 2 };
    let new = Clearance::filed(false);
    let to_new = |outcome| Event::Verdict { agency: Customs, version: 1, round: 1, outcome };

    let mut rows = vec![
        // The number.
        ("customs' first word numbers", new, to_new(O::Accepted), Ok((Clearance { customs: Accepted, numbered: true, ..new }, vec![Fact::Numbered, Fact::StandChanged(Customs, Accepted)]))),
        ("so does a demand", new, to_new(O::WantsInspection), Ok((Clearance { customs: Wants, phase: Phase::Inspecting, joint: Open, numbered: true, ..new }, vec![Fact::Numbered, Fact::InspectionOrdered(Customs)]))),
        ("a rejection does not", new, to_new(O::Rejected), Ok((Clearance { phase: Rejected, ..new }, vec![Fact::Rejected(Customs)]))),
        ("goods sent back have no number", new, to_new(O::Returned), Ok((Clearance { phase: Returned, ..new }, vec![Fact::Returned(Customs)]))),
        ("inspection does not number", new, Event::Verdict { agency: Inspection, version: 1, round: 1, outcome: O::Cleared }, Ok((Clearance { inspection: Cleared, ..new }, changed(Inspection, Cleared)))),
        ("one number only", fresh, says(Customs, O::Accepted), Ok((review(Accepted, Pending, Never), changed(Customs, Accepted)))),

        // One release.
        ("one clearance is not enough", fresh, says(Customs, O::Cleared), Ok((review(Cleared, Pending, Never), changed(Customs, Cleared)))),
        ("customs clears last", review(Concluded, Cleared, Done), says(Customs, O::Cleared), released(Customs)),
        ("inspection clears last", review(Cleared, Pending, Done), says(Inspection, O::Cleared), released(Inspection)),
        ("a hold stops it", review(Held, Pending, Never), says(Inspection, O::Cleared), Ok((review(Held, Cleared, Never), changed(Inspection, Cleared)))),
        ("cleared twice", review(Cleared, Pending, Never), says(Customs, O::Cleared), same(review(Cleared, Pending, Never))),
        ("a second thought before the release", review(Cleared, Pending, Never), says(Customs, O::Held), Ok((review(Held, Pending, Never), changed(Customs, Held)))),
        ("never while the order is open", inspecting(Cleared, Wants), says(Inspection, O::Cleared), Err(Code::InspectionOpen)),

        // Ranks.
        ("forward", review(Accepted, Pending, Never), says(Customs, O::ManualReview), Ok((review(ManualReview, Pending, Never), changed(Customs, ManualReview)))),
        ("over a rank", review(Pending, Pending, Never), says(Customs, O::Concluded), Ok((review(Concluded, Pending, Never), changed(Customs, Concluded)))),
        ("not back", review(Concluded, Pending, Never), says(Customs, O::Accepted), same(review(Concluded, Pending, Never))),
        ("not back from cleared", review(Cleared, Pending, Never), says(Customs, O::Concluded), same(review(Cleared, Pending, Never))),
        ("news do not end a detention", review(Detained, Pending, Never), says(Customs, O::Concluded), same(review(Detained, Pending, Never))),
        ("news lift one's own hold", review(Held, Held, Never), says(Customs, O::ManualReview), Ok((review(ManualReview, Held, Never), changed(Customs, ManualReview)))),
        ("taking in does not lift it", review(Held, Held, Never), says(Customs, O::Accepted), same(review(Held, Held, Never))),
        ("the holder clears", review(Held, Held, Never), says(Inspection, O::Cleared), Ok((review(Held, Cleared, Never), changed(Inspection, Cleared)))),

        // Detention.
        ("the detaining agency clears", review(Detained, Pending, Never), says(Customs, O::Cleared), Ok((review(Cleared, Pending, Never), changed(Customs, Cleared)))),
        ("the other one does not free the goods", review(Detained, Pending, Never), says(Inspection, O::Cleared), Ok((review(Detained, Cleared, Never), changed(Inspection, Cleared)))),
        ("detained goods are not held", review(Detained, Pending, Never), says(Customs, O::Held), Err(Code::GoodsDetained)),
        ("detained goods are not inspected", review(Detained, Pending, Never), says(Customs, O::WantsInspection), Err(Code::GoodsDetained)),
        ("detained goods go back", review(Detained, Pending, Never), says(Customs, O::Returned), Ok((at(Returned, Detained, Pending, Never), vec![Fact::Returned(Customs)]))),
        ("no amendment of detained goods", review(Detained, Pending, Never), amend, Err(Code::GoodsDetained)),
        ("no withdrawal of detained goods", review(Pending, Detained, Never), withdraw, Err(Code::GoodsDetained)),

        // One inspection.
        ("the first demand opens", fresh, says(Inspection, O::WantsInspection), Ok((inspecting(Pending, Wants), vec![Fact::InspectionOrdered(Inspection)]))),
        ("the second joins", inspecting(Pending, Wants), says(Customs, O::WantsInspection), Ok((inspecting(Wants, Wants), vec![Fact::InspectionJoined(Customs)]))),
        ("joins after clearing", inspecting(Cleared, Wants), says(Customs, O::WantsInspection), Ok((inspecting(Wants, Wants), vec![Fact::InspectionJoined(Customs)]))),
        ("demanded twice", inspecting(Wants, Pending), says(Customs, O::WantsInspection), same(inspecting(Wants, Pending))),
        ("a late demand is answered from the record", review(Cleared, Held, Done), says(Customs, O::WantsInspection), Ok((review(Pending, Held, Done), vec![Fact::InspectionAnswered(Customs)]))),
        ("a cancelled order is opened again", review(Pending, Pending, Cancelled), says(Customs, O::WantsInspection), Ok((inspecting(Wants, Pending), vec![Fact::InspectionOrdered(Customs)]))),
        ("who instructed waits for findings", inspecting(Wants, Pending), says(Customs, O::Held), Err(Code::InspectionOpen)),
        ("the other one goes on", inspecting(Wants, Pending), says(Inspection, O::Cleared), Ok((inspecting(Wants, Cleared), changed(Inspection, Cleared)))),
        ("rejected while open", inspecting(Wants, Pending), says(Inspection, O::Rejected), Ok((at(Rejected, Wants, Pending, Cancelled), vec![Fact::InspectionCancelled, Fact::Rejected(Inspection)]))),
        ("sent back while open", inspecting(Wants, Wants), says(Customs, O::Returned), Ok((at(Returned, Wants, Wants, Cancelled), vec![Fact::InspectionCancelled, Fact::Returned(Customs)]))),
        ("no amendment while open", inspecting(Wants, Pending), amend, Err(Code::InspectionOpen)),
        ("no withdrawal while open", inspecting(Wants, Pending), withdraw, Err(Code::InspectionOpen)),

        // A detention outlives a new version; a report on an older version or round is void.
        ("detained goods stay detained", at(Rejected, Detained, Pending, Joint::None), amend, Ok((Clearance { version: 3, round: 1, ..review(Detained, Pending, Joint::None) }, vec![Fact::Amended(2)]))),
        ("its own rejection ends a detention", review(Detained, Pending, Joint::None), says(Customs, O::Rejected), Ok((at(Rejected, Pending, Pending, Joint::None), vec![Fact::Rejected(Customs)]))),
        ("findings for an older version", inspecting(Wants, Pending), of(1, 2), Err(Code::StaleVersion)),
        ("findings from before a second examination", inspecting(Cleared, Cleared), of(2, 1), Err(Code::StaleRound)),
        ("findings of an older round, agency waiting", inspecting(Wants, Pending), of(2, 1), Err(Code::StaleRound)),
        ("findings of a later round", inspecting(Wants, Pending), of(2, 3), Err(Code::NeverSent)),
        ("findings for a later version", inspecting(Wants, Pending), of(3, 1), Err(Code::NeverSent)),
        ("findings of an older round, completed before", review(Pending, Pending, Done), of(2, 1), Err(Code::NoOpenInspection)),

        // Findings.
        ("both instructions answered", inspecting(Wants, Wants), finds(true, true), Ok((Clearance { round: 3, ..review(Pending, Pending, Done) }, vec![Fact::InspectionCompleted]))),
        ("one instruction, one answer", inspecting(Wants, Cleared), finds(true, false), Ok((Clearance { round: 3, ..review(Pending, Pending, Done) }, vec![Fact::InspectionCompleted]))),
        ("holds stay", inspecting(Wants, Held), finds(true, false), Ok((Clearance { round: 3, ..review(Pending, Held, Done) }, vec![Fact::InspectionCompleted]))),
        ("detentions stay", inspecting(Detained, Wants), finds(false, true), Ok((Clearance { round: 3, ..review(Detained, Pending, Done) }, vec![Fact::InspectionCompleted]))),
        ("customs unanswered", inspecting(Wants, Wants), finds(false, true), Err(Code::InstructionUnanswered)),
        ("inspection unanswered", inspecting(Wants, Wants), finds(true, false), Err(Code::InstructionUnanswered)),
        ("never ordered", fresh, finds(true, true), Err(Code::NoOpenInspection)),
        ("completed before", review(Pending, Pending, Done), finds(true, true), Err(Code::NoOpenInspection)),
        ("nothing found is no report", inspecting(Cleared, Cleared), finds(false, false), Err(Code::InstructionUnanswered)),

        // The risk rules are asked before the release.
        ("filed where they are asked", Clearance::filed(true), to_new(O::Accepted), Ok((Clearance { customs: Accepted, numbered: true, ..waiting(new) }, vec![Fact::Numbered, Fact::StandChanged(Customs, Accepted)]))),
        ("both cleared before the rules were asked", waiting(review(Pending, Cleared, Done)), says(Customs, O::Cleared), Ok((waiting(review(Cleared, Cleared, Done)), changed(Customs, Cleared)))),
        ("both cleared after", asked(review(Pending, Cleared, Done)), says(Customs, O::Cleared), Ok((asked(at(Released, Cleared, Cleared, Done)), vec![Fact::StandChanged(Customs, Cleared), Fact::Released]))),
        ("the rules were missing last", waiting(review(Cleared, Cleared, Never)), rules(false, false), Ok((asked(at(Released, Cleared, Cleared, Never)), vec![Fact::Targeted, Fact::Released]))),
        ("nothing demanded", waiting(fresh), rules(false, false), Ok((asked(fresh), vec![Fact::Targeted]))),
        ("rules of customs", waiting(review(Cleared, Pending, Never)), rules(true, false), Ok((asked(inspecting(Wants, Pending)), vec![Fact::Targeted, Fact::InspectionOrdered(Customs)]))),
        ("rules do not number", waiting(new), Event::Targeted { version: 1, customs: true, inspection: false }, Ok((asked(Clearance { customs: Wants, phase: Phase::Inspecting, joint: Open, ..new }), vec![Fact::Targeted, Fact::InspectionOrdered(Customs)]))),
        ("rules of both", waiting(review(Cleared, Cleared, Never)), rules(true, true), Ok((asked(inspecting(Wants, Wants)), vec![Fact::Targeted, Fact::InspectionOrdered(Customs), Fact::InspectionJoined(Inspection)]))),
        ("rules join the open order", waiting(inspecting(Wants, Held)), rules(false, true), Ok((asked(inspecting(Wants, Wants)), vec![Fact::Targeted, Fact::InspectionJoined(Inspection)]))),
        ("who asked already says more", waiting(inspecting(Wants, Pending)), rules(true, false), Ok((asked(inspecting(Wants, Pending)), vec![Fact::Targeted, Fact::InspectionJoined(Customs)]))),
        ("rules after a cancelled order", waiting(review(Pending, Pending, Cancelled)), rules(false, true), Ok((asked(inspecting(Pending, Wants)), vec![Fact::Targeted, Fact::InspectionOrdered(Inspection)]))),
        ("rules after the inspection", waiting(review(Cleared, Cleared, Done)), rules(false, true), Ok((asked(review(Cleared, Pending, Done)), vec![Fact::Targeted, Fact::InspectionAnswered(Inspection)]))),
        ("rules free no goods", waiting(review(Detained, Pending, Never)), rules(true, false), Ok((asked(inspecting(Detained, Pending)), vec![Fact::Targeted, Fact::InspectionOrdered(Customs)]))),
        ("nor in the open order", waiting(inspecting(Wants, Detained)), rules(false, true), Ok((asked(inspecting(Wants, Detained)), vec![Fact::Targeted, Fact::InspectionJoined(Inspection)]))),
        ("nor after it", waiting(review(Detained, Cleared, Done)), rules(true, false), Ok((asked(review(Detained, Cleared, Done)), vec![Fact::Targeted, Fact::InspectionAnswered(Customs)]))),
        ("asked twice", asked(fresh), rules(true, true), same(asked(fresh))),
        ("asked again after the release", asked(at(Released, Cleared, Cleared, Done)), rules(true, false), same(asked(at(Released, Cleared, Cleared, Done)))),
        ("asked again after a rejection", asked(at(Rejected, Pending, Pending, Never)), rules(true, false), same(asked(at(Rejected, Pending, Pending, Never)))),
        ("not asked here", fresh, rules(true, true), same(fresh)),
        ("too late where nobody asks", at(Released, Cleared, Cleared, Never), rules(true, false), Err(Code::AlreadyReleased)),
        ("late and harmless", at(Released, Cleared, Cleared, Never), rules(false, false), same(at(Released, Cleared, Cleared, Never))),
        ("rules on an older version", waiting(fresh), Event::Targeted { version: 1, customs: false, inspection: false }, Err(Code::StaleVersion)),
        ("rules on a later version", waiting(fresh), Event::Targeted { version: 3, customs: false, inspection: false }, Err(Code::NeverSent)),
        ("a new version is asked about anew", asked(review(Held, Cleared, Done)), amend, amended(waiting(review(Held, Cleared, Done)))),
        ("also when the first never was", waiting(fresh), amend, amended(waiting(fresh))),

        // A second examination of the same order.
        ("reopened", review(Cleared, Held, Done), REOPEN, Ok((inspecting(Cleared, Held), vec![Fact::InspectionReopened]))),
        ("reopened once", inspecting(Cleared, Held), REOPEN, same(inspecting(Cleared, Held))),
        ("nothing to reopen", fresh, REOPEN, Err(Code::NoOpenInspection)),
        ("nor when it fell away", review(Pending, Pending, Cancelled), REOPEN, Err(Code::NoOpenInspection)),
        ("not after the release", at(Released, Cleared, Cleared, Done), REOPEN, Err(Code::AlreadyReleased)),
        ("an older objection", review(Cleared, Held, Done), Event::Reopen { version: 1 }, Err(Code::StaleVersion)),
        ("an objection from the future", review(Cleared, Held, Done), Event::Reopen { version: 3 }, Err(Code::NeverSent)),
        ("cleared while reopened is no release", inspecting(Cleared, Held), says(Inspection, O::Cleared), Ok((inspecting(Cleared, Cleared), changed(Inspection, Cleared)))),
        ("a demand joins the reopened order", inspecting(Cleared, Held), says(Customs, O::WantsInspection), Ok((inspecting(Wants, Held), vec![Fact::InspectionJoined(Customs)]))),
        ("both conclude anew after the second findings", inspecting(Cleared, Cleared), finds(true, false), Ok((Clearance { round: 3, ..review(Pending, Pending, Done) }, vec![Fact::InspectionCompleted]))),
        ("rejected while reopened", inspecting(Cleared, Held), says(Customs, O::Rejected), Ok((at(Rejected, Cleared, Held, Cancelled), vec![Fact::InspectionCancelled, Fact::Rejected(Customs)]))),

        // The enterprise.
        ("amended", review(Held, Cleared, Done), amend, amended(review(Held, Cleared, Done))),
        ("amended after a rejection", at(Rejected, Accepted, Pending, Cancelled), amend, amended(at(Rejected, Accepted, Pending, Cancelled))),
        ("withdrawn", review(Held, Cleared, Done), withdraw, withdrawn(review(Held, Cleared, Done))),
        ("saw an older version", fresh, Event::Amend { seen: 1 }, Err(Code::VersionMismatch)),
        ("saw a version that is not there", fresh, Event::Withdraw { seen: 3 }, Err(Code::VersionMismatch)),
        ("a rejected one is not withdrawn", at(Rejected, Pending, Pending, Never), withdraw, Err(Code::AlreadyEnded)),

        // Old and new versions and rounds.
        ("older version", fresh, on(1, 2), Err(Code::StaleVersion)),
        ("older version, later round", fresh, on(1, 9), Err(Code::StaleVersion)),
        ("older round", fresh, on(2, 1), Err(Code::StaleRound)),
        ("later round", fresh, on(2, 3), Err(Code::NeverSent)),
        ("later version", first, on(2, 1), Err(Code::NeverSent)),
    ];

    // After the end.
    let end = |phase| at(phase, Cleared, Cleared, Done);
    for outcome in [O::Accepted, O::ManualReview, O::Concluded, O::Cleared] {
        rows.push(("late good news", end(Released), says(Customs, outcome), same(end(Released))));
    }
    for outcome in [O::WantsInspection, O::Held, O::Detained, O::Rejected, O::Returned] {
        rows.push(("too late to stop", end(Released), says(Customs, outcome), Err(Code::AlreadyReleased)));
    }
    for event in [amend, withdraw] {
        rows.push(("the enterprise after the release", end(Released), event, Err(Code::AlreadyReleased)));
        rows.push(("the enterprise after a withdrawal", end(Withdrawn), event, Err(Code::AlreadyEnded)));
        rows.push(("the enterprise after a return", end(Returned), event, Err(Code::AlreadyEnded)));
    }
    for phase in [Rejected, Withdrawn, Returned] {
        for outcome in [O::Accepted, O::ManualReview, O::Concluded, O::WantsInspection, O::Held, O::Detained, O::Cleared, O::Rejected, O::Returned] {
            rows.push(("an agency after the end", end(phase), says(Inspection, outcome), Err(Code::AlreadyEnded)));
        }
    }
    for phase in [Released, Rejected, Withdrawn, Returned] {
        rows.push(("findings after the end", end(phase), finds(true, true), Err(Code::NoOpenInspection)));
    }
    for phase in [Rejected, Withdrawn, Returned] {
        rows.push(("reopened after the end", end(phase), REOPEN, Err(Code::AlreadyEnded)));
        rows.push(("rules after the end", waiting(end(phase)), rules(false, false), Err(Code::AlreadyEnded)));
    }
    rows
}

#[test]
fn every_case() {
    for (name, now, event, expected) in rows() {
        let got = next(now, event).map_err(|refusal| refusal.code);
        assert_eq!(got, expected, "{name}: {event:?} on {now:?}");
    }
}

/// What an agency says, by where it stands: where it stands then, or why that is refused.
#[rustfmt::skip]
#[test]
fn news_move_an_agency_forward_and_decisions_where_it_may_decide() {
    use Outcome as O;
    use Stand::{Accepted, Cleared, Concluded, Detained, Held, ManualReview, Pending, WantsInspection as Wants};
    const OUTCOMES: [Outcome; 6] = [O::Accepted, O::ManualReview, O::Concluded, O::Held, O::Detained, O::Cleared];
    let (detained, open) = (Err(Code::GoodsDetained), Err(Code::InspectionOpen));
    let table = [
        // Stands, then after each of the outcomes above.
        (Pending, [Ok(Accepted), Ok(ManualReview), Ok(Concluded), Ok(Held), Ok(Detained), Ok(Cleared)]),
        (Accepted, [Ok(Accepted), Ok(ManualReview), Ok(Concluded), Ok(Held), Ok(Detained), Ok(Cleared)]),
        (ManualReview, [Ok(ManualReview), Ok(ManualReview), Ok(Concluded), Ok(Held), Ok(Detained), Ok(Cleared)]),
        (Concluded, [Ok(Concluded), Ok(Concluded), Ok(Concluded), Ok(Held), Ok(Detained), Ok(Cleared)]),
        (Held, [Ok(Held), Ok(ManualReview), Ok(Concluded), Ok(Held), Ok(Detained), Ok(Cleared)]),
        (Cleared, [Ok(Cleared), Ok(Cleared), Ok(Cleared), Ok(Held), Ok(Detained), Ok(Cleared)]),
        (Detained, [Ok(Detained), Ok(Detained), Ok(Detained), detained, Ok(Detained), Ok(Cleared)]),
        (Wants, [Ok(Wants), Ok(Wants), Ok(Wants), open, open, open]),
    ];
    for (stands, expected) in table {
        for (outcome, expected) in OUTCOMES.into_iter().zip(expected) {
            for agency in [Customs, Inspection] {
                // The other one is held, so nothing is released.
                let now = |stand| match agency {
                    Customs => inspecting(stand, Held),
                    Inspection => inspecting(Held, stand),
                };
                let expected = expected.map(|stand| {
                    let fact = (stand != stands).then_some(Fact::StandChanged(agency, stand));
                    (now(stand), Vec::from_iter(fact))
                });
                let got = next(now(stands), says(agency, outcome)).map_err(|refusal| refusal.code);
                assert_eq!(got, expected, "{agency:?} {stands:?}: {outcome:?}");
            }
        }
    }
}

#[test]
fn a_stale_verdict_names_what_is_current() {
    let now = review(Stand::Pending, Stand::Pending, Joint::None);
    let refusal = next(now, on(1, 1)).expect_err("an older version is void");
    let current = [("current_version", V.to_string()), ("current_round", R.to_string())];
    assert_eq!(refusal.data, current);
}

/// What is tried next; versions and rounds are mostly the current ones, sometimes one off.
#[derive(Debug, Clone)]
enum Try {
    Amend(u32),
    Withdraw(u32),
    Verdict(Agency, Outcome, u32, u32),
    Findings(bool, bool, u32, u32),
    Targeted(bool, bool, u32),
    Reopen(u32),
}

fn off() -> impl Strategy<Value = u32> {
    prop_oneof![8 => Just(1_u32), 1 => Just(0), 1 => Just(2)]
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let agency = prop_oneof![Just(Customs), Just(Inspection)];
    let outcome = prop_oneof![
        1 => Just(Outcome::Accepted),
        1 => Just(Outcome::ManualReview),
        1 => Just(Outcome::Concluded),
        2 => Just(Outcome::WantsInspection),
        1 => Just(Outcome::Held),
        1 => Just(Outcome::Detained),
        4 => Just(Outcome::Cleared),
        1 => Just(Outcome::Rejected),
    ];
    let verdict = (agency.clone(), outcome, off(), off())
        .prop_map(|(agency, outcome, v, r)| Try::Verdict(agency, outcome, v, r));
    let returned = (agency, off()).prop_map(|(a, v)| Try::Verdict(a, Outcome::Returned, v, 1));
    let one = prop_oneof![
        40 => verdict,
        1 => returned,
        5 => off().prop_map(Try::Amend),
        1 => off().prop_map(Try::Withdraw),
        8 => (any::<(bool, bool)>(), off(), off())
            .prop_map(|((c, i), v, r)| Try::Findings(c, i, v, r)),
        5 => (any::<(bool, bool)>(), off()).prop_map(|((c, i), v)| Try::Targeted(c, i, v)),
        3 => off().prop_map(Try::Reopen),
    ];
    prop::collection::vec(one, 0..60)
}

/// What is 1 in `off` is the current one.
fn event(now: &Clearance, what: &Try) -> Event {
    let near = |current: u32, off: u32| (current + off).saturating_sub(1);
    match *what {
        Try::Amend(off) => Event::Amend { seen: near(now.version, off) },
        Try::Withdraw(off) => Event::Withdraw { seen: near(now.version, off) },
        Try::Verdict(agency, outcome, version, round) => Event::Verdict {
            agency,
            version: near(now.version, version),
            round: near(now.round, round),
            outcome,
        },
        Try::Findings(for_customs, for_inspection, version, round) => Event::Findings {
            version: near(now.version, version),
            round: near(now.round, round),
            for_customs,
            for_inspection,
        },
        Try::Targeted(customs, inspection, version) => {
            Event::Targeted { version: near(now.version, version), customs, inspection }
        }
        Try::Reopen(version) => Event::Reopen { version: near(now.version, version) },
    }
}

#[test]
fn what_a_release_waits_for_is_said() {
    use Awaited::{CustomsVerdict, Findings, InspectionVerdict, RiskCheck};
    let steps = |events: &[Event]| {
        let start = Clearance::filed(true);
        events.iter().fold(start, |now, event| next(now, *event).expect("it fits").0)
    };
    let verdict = |agency, round, outcome| Event::Verdict { agency, version: 1, round, outcome };
    let targeted = Event::Targeted { version: 1, customs: false, inspection: false };
    let found = Event::Findings { version: 1, round: 1, for_customs: true, for_inspection: false };
    let demand = verdict(Customs, 1, Outcome::WantsInspection);
    let table: [(&[Event], &[Awaited]); 7] = [
        (&[], &[CustomsVerdict, InspectionVerdict, RiskCheck]),
        (&[targeted], &[CustomsVerdict, InspectionVerdict]),
        (&[targeted, verdict(Customs, 1, Outcome::Cleared)], &[InspectionVerdict]),
        (
            &[verdict(Customs, 1, Outcome::Cleared), verdict(Inspection, 1, Outcome::Cleared)],
            &[RiskCheck],
        ),
        (
            &[targeted, verdict(Inspection, 1, Outcome::Cleared), demand],
            &[CustomsVerdict, InspectionVerdict, Findings],
        ),
        (&[targeted, demand, found], &[CustomsVerdict, InspectionVerdict]),
        (&[targeted, verdict(Customs, 1, Outcome::Rejected)], &[]),
    ];
    for (events, expected) in table {
        assert_eq!(awaited(&steps(events)), expected, "{events:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_keeps_the_promises(asks in any::<bool>(), tries in tries()) {
        let mut now = Clearance::filed(asks);
        // The version that the risk rules were asked about last.
        let mut targeted = None;
        let mut released = 0;
        let mut numbered = 0;
        // The last word of each agency that counts for a release, as said, not as stored.
        let mut cleared = [None, None];
        for what in tries {
            let event = event(&now, &what);
            let Ok((then, facts)) = next(now, event) else { continue };
            if facts.is_empty() {
                prop_assert_eq!(then, now, "no facts, no change: {:?}", event);
                continue;
            }
            let ended = matches!(now.phase, Phase::Released | Phase::Withdrawn | Phase::Returned);
            prop_assert!(!ended, "{:?} after {:?}", event, now);
            if let Event::Verdict { agency, version, round, outcome } = event {
                let word = &mut cleared[usize::from(agency == Inspection)];
                match outcome {
                    Outcome::Cleared => *word = Some((version, round)),
                    Outcome::Accepted | Outcome::ManualReview | Outcome::Concluded => {}
                    Outcome::WantsInspection
                    | Outcome::Held
                    | Outcome::Detained
                    | Outcome::Rejected
                    | Outcome::Returned => *word = None,
                }
            }
            if let Event::Targeted { version, customs, inspection } = event {
                targeted = Some(version);
                for (word, demanded) in cleared.iter_mut().zip([customs, inspection]) {
                    *word = word.filter(|_| !demanded);
                }
            }
            if facts.contains(&Fact::Released) {
                prop_assert_eq!(cleared, [Some((then.version, then.round)); 2]);
                prop_assert!(!asks || targeted == Some(then.version));
            }
            prop_assert!((now.version, now.round) <= (then.version, then.round));
            prop_assert_eq!(then.phase == Phase::Inspecting, then.joint == Joint::Open);
            let reopened = facts.contains(&Fact::InspectionReopened);
            prop_assert!(now.joint != Joint::Done || reopened || then.joint == Joint::Done);
            prop_assert_eq!(then.targeting == Targeting::None, !asks);
            let goes_on = matches!(then.phase, Phase::UnderReview | Phase::Inspecting);
            prop_assert_eq!(!awaited(&then).is_empty(), goes_on, "something is missing: {:?}", then);
            released += facts.iter().filter(|fact| **fact == Fact::Released).count();
            numbered += facts.iter().filter(|fact| **fact == Fact::Numbered).count();
            now = then;
        }
        prop_assert_eq!(released, usize::from(now.phase == Phase::Released));
        prop_assert_eq!(numbered, usize::from(now.numbered));
    }
}
