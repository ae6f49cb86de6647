//! The life of a declaration, case by case and at random.

use domain::clearance::Agency::{Customs, Quarantine};
use domain::clearance::{
    Agency, Clearance, ClearanceFact, Demands, Event, Joint, Outcome, Phase, ReleaseCondition,
    Stand, awaited, next,
};
use domain::declaration::Direction;
use domain::participant::Participant::{Duty, RiskCheck};
use domain::participant::{Participant, Stands};
use domain::refusal::Code;
use proptest::prelude::*;

const V: u32 = 2;
const R: u32 = 2;

fn agencies(customs: Stand, quarantine: Stand) -> Stands {
    Stands::default().with(Participant::Customs, customs).with(Participant::Quarantine, quarantine)
}

/// Version 2, round 2, numbered, in a window that asks nobody besides.
fn at(phase: Phase, customs: Stand, quarantine: Stand, joint: Joint) -> Clearance {
    let stands = agencies(customs, quarantine);
    Clearance { version: V, round: R, phase, stands, joint, numbered: true }
}

fn with(now: Clearance, who: impl Into<Participant>, stand: Stand) -> Clearance {
    Clearance { stands: now.stands.with(who.into(), stand), ..now }
}

/// The risk rules are still to be asked.
fn waiting(now: Clearance) -> Clearance {
    with(now, RiskCheck, Stand::Pending)
}

/// They were asked.
fn asked(now: Clearance) -> Clearance {
    with(now, RiskCheck, Stand::Cleared)
}

/// A declaration that was just filed, where these are asked besides.
fn filed(asked: &[Participant]) -> Clearance {
    Clearance::filed(Stands::required(Direction::Import, "9610", asked))
}

fn review(customs: Stand, quarantine: Stand, joint: Joint) -> Clearance {
    at(Phase::UnderReview, customs, quarantine, joint)
}

fn inspecting(customs: Stand, quarantine: Stand) -> Clearance {
    at(Phase::Inspecting, customs, quarantine, Joint::Open)
}

fn verdict(by: impl Into<Participant>, version: u32, round: u32, outcome: Outcome) -> Event {
    Event::Verdict { by: by.into(), version, round, outcome, demands: Demands::default() }
}

fn says(by: impl Into<Participant>, outcome: Outcome) -> Event {
    verdict(by, V, R, outcome)
}

fn on(version: u32, round: u32) -> Event {
    verdict(Customs, version, round, Outcome::Cleared)
}

fn finds(for_customs: bool, for_quarantine: bool) -> Event {
    Event::Findings { version: V, round: R, for_customs, for_quarantine }
}

fn of(version: u32, round: u32) -> Event {
    Event::Findings { version, round, for_customs: true, for_quarantine: true }
}

fn rules_on(version: u32, customs: bool, quarantine: bool) -> Event {
    let demands = Demands { customs, quarantine };
    Event::Verdict { by: RiskCheck, version, round: 0, outcome: Outcome::Cleared, demands }
}

fn rules(customs: bool, quarantine: bool) -> Event {
    rules_on(V, customs, quarantine)
}

fn stood(who: impl Into<Participant>, stand: Stand) -> ClearanceFact {
    ClearanceFact::StandChanged(who.into(), stand)
}

/// The risk rules were asked.
fn checked() -> ClearanceFact {
    stood(RiskCheck, Stand::Cleared)
}

const REOPEN: Event = Event::Reopen { version: V };

type Row = (&'static str, Clearance, Event, Result<(Clearance, Vec<ClearanceFact>), Code>);

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    use Joint::{Cancelled, Done, None as Never, Open};
    use Outcome as O;
    use Phase::{Rejected, Released, Returned, UnderReview, Withdrawn};
    use Stand::{Accepted, AwaitsDocuments as Awaits, Cleared, Concluded, Detained, Held, ManualReview, Pending, WantsInspection as Wants};

    let fresh = review(Pending, Pending, Never);
    let first = Clearance { version: 1, round: 1, ..fresh };
    let changed = |agency: Agency, stand| vec![stood(agency, stand)];
    let same = |now| Ok((now, vec![]));
    let amended = |now: Clearance, stands: Stands| {
        let then = Clearance { version: 3, round: 1, phase: UnderReview, stands, ..now };
        Ok((then, vec![ClearanceFact::Amended(2)]))
    };
    let withdrawn = |now: Clearance| Ok((Clearance { phase: Withdrawn, ..now }, vec![ClearanceFact::Withdrawn]));
    let released = |agency: Agency| Ok((at(Released, Cleared, Cleared, Done), vec![stood(agency, Cleared), ClearanceFact::Released]));
    let (plain, ruled) = (fresh.stands, waiting(fresh).stands);
    let amend = Event::Amend { seen: 2, required: plain };
    let amend_ruled = Event::Amend { seen: 2, required: ruled };
    let withdraw = Event::Withdraw { seen: 2 };
    let provide = |to| Event::Provide { to, seen: 2 };
    let new = filed(&[]);
    let to_new = |outcome| verdict(Customs, 1, 1, outcome);

    let mut rows = vec![
        // The number.
        ("customs' first word numbers", new, to_new(O::Accepted), Ok((Clearance { numbered: true, ..with(new, Customs, Accepted) }, vec![ClearanceFact::Numbered, stood(Customs, Accepted)]))),
        ("so does a demand", new, to_new(O::WantsInspection), Ok((Clearance { phase: Phase::Inspecting, joint: Open, numbered: true, ..with(new, Customs, Wants) }, vec![ClearanceFact::Numbered, ClearanceFact::InspectionOrdered(Customs)]))),
        ("a rejection does not", new, to_new(O::Rejected), Ok((Clearance { phase: Rejected, ..new }, vec![ClearanceFact::Rejected(Customs)]))),
        ("goods sent back have no number", new, to_new(O::Returned), Ok((Clearance { phase: Returned, ..new }, vec![ClearanceFact::Returned(Customs)]))),
        ("quarantine does not number", new, verdict(Quarantine, 1, 1, O::Cleared), Ok((with(new, Quarantine, Cleared), changed(Quarantine, Cleared)))),
        ("one number only", fresh, says(Customs, O::Accepted), Ok((review(Accepted, Pending, Never), changed(Customs, Accepted)))),

        // One release.
        ("one clearance is not enough", fresh, says(Customs, O::Cleared), Ok((review(Cleared, Pending, Never), changed(Customs, Cleared)))),
        ("customs clears last", review(Concluded, Cleared, Done), says(Customs, O::Cleared), released(Customs)),
        ("quarantine clears last", review(Cleared, Pending, Done), says(Quarantine, O::Cleared), released(Quarantine)),
        ("a hold stops it", review(Held, Pending, Never), says(Quarantine, O::Cleared), Ok((review(Held, Cleared, Never), changed(Quarantine, Cleared)))),
        ("cleared twice", review(Cleared, Pending, Never), says(Customs, O::Cleared), same(review(Cleared, Pending, Never))),
        ("a second thought before the release", review(Cleared, Pending, Never), says(Customs, O::Held), Ok((review(Held, Pending, Never), changed(Customs, Held)))),
        ("never while the order is open", inspecting(Cleared, Wants), says(Quarantine, O::Cleared), Err(Code::InspectionOpen)),

        // Ranks.
        ("forward", review(Accepted, Pending, Never), says(Customs, O::ManualReview), Ok((review(ManualReview, Pending, Never), changed(Customs, ManualReview)))),
        ("over a rank", review(Pending, Pending, Never), says(Customs, O::Concluded), Ok((review(Concluded, Pending, Never), changed(Customs, Concluded)))),
        ("not back", review(Concluded, Pending, Never), says(Customs, O::Accepted), same(review(Concluded, Pending, Never))),
        ("not back from cleared", review(Cleared, Pending, Never), says(Customs, O::Concluded), same(review(Cleared, Pending, Never))),
        ("news do not end a detention", review(Detained, Pending, Never), says(Customs, O::Concluded), same(review(Detained, Pending, Never))),
        ("news lift one's own hold", review(Held, Held, Never), says(Customs, O::ManualReview), Ok((review(ManualReview, Held, Never), changed(Customs, ManualReview)))),
        ("taking in does not lift it", review(Held, Held, Never), says(Customs, O::Accepted), same(review(Held, Held, Never))),
        ("the holder clears", review(Held, Held, Never), says(Quarantine, O::Cleared), Ok((review(Held, Cleared, Never), changed(Quarantine, Cleared)))),

        // Documents.
        ("documents are asked for", fresh, says(Customs, O::AwaitsDocuments), Ok((review(Awaits, Pending, Never), vec![stood(Customs, Awaits), ClearanceFact::DocumentsRequested(Customs)]))),
        ("customs' first word may ask", new, to_new(O::AwaitsDocuments), Ok((Clearance { numbered: true, ..with(new, Customs, Awaits) }, vec![ClearanceFact::Numbered, stood(Customs, Awaits), ClearanceFact::DocumentsRequested(Customs)]))),
        ("a hold becomes a request", review(Held, Pending, Never), says(Customs, O::AwaitsDocuments), Ok((review(Awaits, Pending, Never), vec![stood(Customs, Awaits), ClearanceFact::DocumentsRequested(Customs)]))),
        ("asked for anew", review(Awaits, Pending, Never), says(Customs, O::AwaitsDocuments), Ok((review(Awaits, Pending, Never), vec![stood(Customs, Awaits), ClearanceFact::DocumentsRequested(Customs)]))),
        ("each asks for its own", review(Awaits, Pending, Never), says(Quarantine, O::AwaitsDocuments), Ok((review(Awaits, Awaits, Never), vec![stood(Quarantine, Awaits), ClearanceFact::DocumentsRequested(Quarantine)]))),
        ("they are provided", review(Awaits, Awaits, Never), provide(Customs), Ok((review(Held, Awaits, Never), vec![ClearanceFact::DocumentsProvided(Customs)]))),
        ("also while the goods are inspected", inspecting(Awaits, Wants), provide(Customs), Ok((inspecting(Held, Wants), vec![ClearanceFact::DocumentsProvided(Customs)]))),
        ("nobody asked", review(Held, Pending, Never), provide(Customs), Err(Code::NoDocumentRequest)),
        ("only the other one asked", review(Held, Awaits, Never), provide(Customs), Err(Code::NoDocumentRequest)),
        ("provided for an older version", review(Awaits, Pending, Never), Event::Provide { to: Customs, seen: 1 }, Err(Code::VersionMismatch)),
        ("the agency goes on without them", review(Awaits, Pending, Never), says(Customs, O::Concluded), Ok((review(Concluded, Pending, Never), vec![stood(Customs, Concluded), ClearanceFact::DocumentsWaived(Customs)]))),
        ("it takes its list back and holds", review(Awaits, Pending, Never), says(Customs, O::Held), Ok((review(Held, Pending, Never), vec![stood(Customs, Held), ClearanceFact::DocumentsWaived(Customs)]))),
        ("it wants to look at the goods instead", review(Awaits, Pending, Never), says(Customs, O::WantsInspection), Ok((inspecting(Wants, Pending), vec![ClearanceFact::InspectionOrdered(Customs), ClearanceFact::DocumentsWaived(Customs)]))),
        ("taking in does not waive them", review(Awaits, Pending, Never), says(Customs, O::Accepted), same(review(Awaits, Pending, Never))),
        ("released without them", review(Awaits, Cleared, Done), says(Customs, O::Cleared), Ok((at(Released, Cleared, Cleared, Done), vec![stood(Customs, Cleared), ClearanceFact::DocumentsWaived(Customs), ClearanceFact::Released]))),
        ("the other one waives nothing", review(Awaits, Pending, Never), says(Quarantine, O::Cleared), Ok((review(Awaits, Cleared, Never), changed(Quarantine, Cleared)))),
        ("an end tells enough", review(Awaits, Pending, Never), says(Customs, O::Rejected), Ok((at(Rejected, Awaits, Pending, Never), vec![ClearanceFact::Rejected(Customs)]))),
        ("a new version ends a request", review(Awaits, Cleared, Done), amend, amended(review(Awaits, Cleared, Done), plain)),
        ("withdrawn while asked", review(Awaits, Pending, Never), withdraw, withdrawn(review(Awaits, Pending, Never))),
        ("a request outlives an inspection", inspecting(Awaits, Wants), finds(false, true), Ok((Clearance { round: 3, ..review(Awaits, Pending, Done) }, vec![ClearanceFact::InspectionCompleted]))),
        ("rules take back no request", waiting(review(Awaits, Cleared, Never)), rules(true, false), Ok((asked(inspecting(Awaits, Cleared)), vec![checked(), ClearanceFact::InspectionOrdered(Customs)]))),
        ("detained goods wait for no documents", review(Detained, Pending, Never), says(Customs, O::AwaitsDocuments), Err(Code::GoodsDetained)),
        ("who instructed asks for none", inspecting(Wants, Pending), says(Customs, O::AwaitsDocuments), Err(Code::InspectionOpen)),
        ("a check asks for none", waiting(fresh), says(RiskCheck, O::AwaitsDocuments), Err(Code::NotYourAgency)),
        ("provided after a release", at(Released, Cleared, Cleared, Done), provide(Customs), Err(Code::AlreadyReleased)),
        ("provided after a rejection", at(Rejected, Awaits, Pending, Never), provide(Customs), Err(Code::AlreadyEnded)),
        ("provided after a withdrawal", at(Withdrawn, Awaits, Pending, Never), provide(Customs), Err(Code::AlreadyEnded)),

        // Detention.
        ("the detaining agency clears", review(Detained, Pending, Never), says(Customs, O::Cleared), Ok((review(Cleared, Pending, Never), changed(Customs, Cleared)))),
        ("the other one does not free the goods", review(Detained, Pending, Never), says(Quarantine, O::Cleared), Ok((review(Detained, Cleared, Never), changed(Quarantine, Cleared)))),
        ("detained goods are not held", review(Detained, Pending, Never), says(Customs, O::Held), Err(Code::GoodsDetained)),
        ("detained goods are not inspected", review(Detained, Pending, Never), says(Customs, O::WantsInspection), Err(Code::GoodsDetained)),
        ("detained goods go back", review(Detained, Pending, Never), says(Customs, O::Returned), Ok((at(Returned, Detained, Pending, Never), vec![ClearanceFact::Returned(Customs)]))),
        ("no amendment of detained goods", review(Detained, Pending, Never), amend, Err(Code::GoodsDetained)),
        ("no withdrawal of detained goods", review(Pending, Detained, Never), withdraw, Err(Code::GoodsDetained)),

        // One inspection.
        ("the first demand opens", fresh, says(Quarantine, O::WantsInspection), Ok((inspecting(Pending, Wants), vec![ClearanceFact::InspectionOrdered(Quarantine)]))),
        ("the second joins", inspecting(Pending, Wants), says(Customs, O::WantsInspection), Ok((inspecting(Wants, Wants), vec![ClearanceFact::InspectionJoined(Customs)]))),
        ("joins after clearing", inspecting(Cleared, Wants), says(Customs, O::WantsInspection), Ok((inspecting(Wants, Wants), vec![ClearanceFact::InspectionJoined(Customs)]))),
        ("demanded twice", inspecting(Wants, Pending), says(Customs, O::WantsInspection), same(inspecting(Wants, Pending))),
        ("a late demand is answered from the record", review(Cleared, Held, Done), says(Customs, O::WantsInspection), Ok((review(Pending, Held, Done), vec![ClearanceFact::InspectionAnswered(Customs)]))),
        ("a cancelled order is opened again", review(Pending, Pending, Cancelled), says(Customs, O::WantsInspection), Ok((inspecting(Wants, Pending), vec![ClearanceFact::InspectionOrdered(Customs)]))),
        ("who instructed waits for findings", inspecting(Wants, Pending), says(Customs, O::Held), Err(Code::InspectionOpen)),
        ("the other one goes on", inspecting(Wants, Pending), says(Quarantine, O::Cleared), Ok((inspecting(Wants, Cleared), changed(Quarantine, Cleared)))),
        ("rejected while open", inspecting(Wants, Pending), says(Quarantine, O::Rejected), Ok((at(Rejected, Wants, Pending, Cancelled), vec![ClearanceFact::InspectionCancelled, ClearanceFact::Rejected(Quarantine)]))),
        ("sent back while open", inspecting(Wants, Wants), says(Customs, O::Returned), Ok((at(Returned, Wants, Wants, Cancelled), vec![ClearanceFact::InspectionCancelled, ClearanceFact::Returned(Customs)]))),
        ("no amendment while open", inspecting(Wants, Pending), amend, Err(Code::InspectionOpen)),
        ("no withdrawal while open", inspecting(Wants, Pending), withdraw, Err(Code::InspectionOpen)),

        // A detention outlives a new version; a report on an older version or round is void.
        ("detained goods stay detained", at(Rejected, Detained, Pending, Joint::None), amend, Ok((Clearance { version: 3, round: 1, ..review(Detained, Pending, Joint::None) }, vec![ClearanceFact::Amended(2)]))),
        ("its own rejection ends a detention", review(Detained, Pending, Joint::None), says(Customs, O::Rejected), Ok((at(Rejected, Pending, Pending, Joint::None), vec![ClearanceFact::Rejected(Customs)]))),
        ("findings for an older version", inspecting(Wants, Pending), of(1, 2), Err(Code::StaleVersion)),
        ("findings from before a second examination", inspecting(Cleared, Cleared), of(2, 1), Err(Code::StaleRound)),
        ("findings of an older round, agency waiting", inspecting(Wants, Pending), of(2, 1), Err(Code::StaleRound)),
        ("findings of a later round", inspecting(Wants, Pending), of(2, 3), Err(Code::NeverSent)),
        ("findings for a later version", inspecting(Wants, Pending), of(3, 1), Err(Code::NeverSent)),
        ("findings of an older round, completed before", review(Pending, Pending, Done), of(2, 1), Err(Code::NoOpenInspection)),

        // Findings.
        ("both instructions answered", inspecting(Wants, Wants), finds(true, true), Ok((Clearance { round: 3, ..review(Pending, Pending, Done) }, vec![ClearanceFact::InspectionCompleted]))),
        ("one instruction, one answer", inspecting(Wants, Cleared), finds(true, false), Ok((Clearance { round: 3, ..review(Pending, Pending, Done) }, vec![ClearanceFact::InspectionCompleted]))),
        ("holds stay", inspecting(Wants, Held), finds(true, false), Ok((Clearance { round: 3, ..review(Pending, Held, Done) }, vec![ClearanceFact::InspectionCompleted]))),
        ("detentions stay", inspecting(Detained, Wants), finds(false, true), Ok((Clearance { round: 3, ..review(Detained, Pending, Done) }, vec![ClearanceFact::InspectionCompleted]))),
        ("customs unanswered", inspecting(Wants, Wants), finds(false, true), Err(Code::InstructionUnanswered)),
        ("quarantine unanswered", inspecting(Wants, Wants), finds(true, false), Err(Code::InstructionUnanswered)),
        ("never ordered", fresh, finds(true, true), Err(Code::NoOpenInspection)),
        ("completed before", review(Pending, Pending, Done), finds(true, true), Err(Code::NoOpenInspection)),
        ("nothing found is no report", inspecting(Cleared, Cleared), finds(false, false), Err(Code::InstructionUnanswered)),

        // The risk rules are asked before the release.
        ("filed where they are asked", filed(&[RiskCheck]), to_new(O::Accepted), Ok((Clearance { numbered: true, ..with(waiting(new), Customs, Accepted) }, vec![ClearanceFact::Numbered, stood(Customs, Accepted)]))),
        ("both cleared before the rules were asked", waiting(review(Pending, Cleared, Done)), says(Customs, O::Cleared), Ok((waiting(review(Cleared, Cleared, Done)), changed(Customs, Cleared)))),
        ("both cleared after", asked(review(Pending, Cleared, Done)), says(Customs, O::Cleared), Ok((asked(at(Released, Cleared, Cleared, Done)), vec![stood(Customs, Cleared), ClearanceFact::Released]))),
        ("the rules were missing last", waiting(review(Cleared, Cleared, Never)), rules(false, false), Ok((asked(at(Released, Cleared, Cleared, Never)), vec![checked(), ClearanceFact::Released]))),
        ("nothing demanded", waiting(fresh), rules(false, false), Ok((asked(fresh), vec![checked()]))),
        ("rules of customs", waiting(review(Cleared, Pending, Never)), rules(true, false), Ok((asked(inspecting(Wants, Pending)), vec![checked(), ClearanceFact::InspectionOrdered(Customs)]))),
        ("rules do not number", waiting(new), rules_on(1, true, false), Ok((asked(Clearance { phase: Phase::Inspecting, joint: Open, ..with(new, Customs, Wants) }), vec![checked(), ClearanceFact::InspectionOrdered(Customs)]))),
        ("rules of both", waiting(review(Cleared, Cleared, Never)), rules(true, true), Ok((asked(inspecting(Wants, Wants)), vec![checked(), ClearanceFact::InspectionOrdered(Customs), ClearanceFact::InspectionJoined(Quarantine)]))),
        ("rules join the open order", waiting(inspecting(Wants, Held)), rules(false, true), Ok((asked(inspecting(Wants, Wants)), vec![checked(), ClearanceFact::InspectionJoined(Quarantine)]))),
        ("who asked already says more", waiting(inspecting(Wants, Pending)), rules(true, false), Ok((asked(inspecting(Wants, Pending)), vec![checked(), ClearanceFact::InspectionJoined(Customs)]))),
        ("rules after a cancelled order", waiting(review(Pending, Pending, Cancelled)), rules(false, true), Ok((asked(inspecting(Pending, Wants)), vec![checked(), ClearanceFact::InspectionOrdered(Quarantine)]))),
        ("rules after the inspection", waiting(review(Cleared, Cleared, Done)), rules(false, true), Ok((asked(review(Cleared, Pending, Done)), vec![checked(), ClearanceFact::InspectionAnswered(Quarantine)]))),
        ("rules free no goods", waiting(review(Detained, Pending, Never)), rules(true, false), Ok((asked(inspecting(Detained, Pending)), vec![checked(), ClearanceFact::InspectionOrdered(Customs)]))),
        ("nor in the open order", waiting(inspecting(Wants, Detained)), rules(false, true), Ok((asked(inspecting(Wants, Detained)), vec![checked(), ClearanceFact::InspectionJoined(Quarantine)]))),
        ("nor after it", waiting(review(Detained, Cleared, Done)), rules(true, false), Ok((asked(review(Detained, Cleared, Done)), vec![checked(), ClearanceFact::InspectionAnswered(Customs)]))),
        ("asked twice", asked(fresh), rules(true, true), same(asked(fresh))),
        ("asked again after the release", asked(at(Released, Cleared, Cleared, Done)), rules(true, false), same(asked(at(Released, Cleared, Cleared, Done)))),
        ("asked again after a rejection", asked(at(Rejected, Pending, Pending, Never)), rules(true, false), same(asked(at(Rejected, Pending, Pending, Never)))),
        ("not asked here", fresh, rules(true, true), same(fresh)),
        ("too late where nobody asks", at(Released, Cleared, Cleared, Never), rules(true, false), Err(Code::AlreadyReleased)),
        ("late and harmless", at(Released, Cleared, Cleared, Never), rules(false, false), same(at(Released, Cleared, Cleared, Never))),
        ("rules on an older version", waiting(fresh), rules_on(1, false, false), Err(Code::StaleVersion)),
        ("rules on a later version", waiting(fresh), rules_on(3, false, false), Err(Code::NeverSent)),
        ("a new version is asked about anew", asked(review(Held, Cleared, Done)), amend_ruled, amended(review(Held, Cleared, Done), ruled)),
        ("also when the first never was", waiting(fresh), amend_ruled, amended(fresh, ruled)),

        // So is the duty, where it is; it demands nothing, and no check decides.
        ("the duty was missing last", with(review(Cleared, Cleared, Never), Duty, Pending), says(Duty, O::Cleared), Ok((with(at(Released, Cleared, Cleared, Never), Duty, Cleared), vec![stood(Duty, Cleared), ClearanceFact::Released]))),
        ("both cleared before the duty", with(review(Pending, Cleared, Never), Duty, Pending), says(Customs, O::Cleared), Ok((with(review(Cleared, Cleared, Never), Duty, Pending), changed(Customs, Cleared)))),
        ("two checks, one is missing", waiting(with(review(Cleared, Cleared, Never), Duty, Pending)), says(Duty, O::Cleared), Ok((waiting(with(review(Cleared, Cleared, Never), Duty, Cleared)), vec![stood(Duty, Cleared)]))),
        ("secured twice", with(fresh, Duty, Cleared), says(Duty, O::Cleared), same(with(fresh, Duty, Cleared))),
        ("nobody asked for the duty", fresh, says(Duty, O::Cleared), same(fresh)),
        ("a check in an older round of the version", with(fresh, Duty, Pending), verdict(Duty, V, 1, O::Cleared), Ok((with(fresh, Duty, Cleared), vec![stood(Duty, Cleared)]))),
        ("a check of an older version", with(fresh, Duty, Pending), verdict(Duty, 1, R, O::Cleared), Err(Code::StaleVersion)),
        ("a check does not stop", waiting(fresh), says(RiskCheck, O::Rejected), Err(Code::NotYourAgency)),
        ("a limit of the buyer does", with(fresh, Duty, Pending), says(Duty, O::Rejected), Ok((Clearance { phase: Phase::Rejected, ..with(fresh, Duty, Pending) }, vec![ClearanceFact::Rejected(Agency::Customs)]))),
        ("what was secured is not taken back", with(fresh, Duty, Cleared), says(Duty, O::Rejected), Err(Code::NotYourAgency)),
        ("a check does not hold", waiting(fresh), says(RiskCheck, O::Held), Err(Code::NotYourAgency)),
        ("findings do not ask for the duty again", with(inspecting(Wants, Pending), Duty, Cleared), finds(true, false), Ok((Clearance { round: 3, ..with(review(Pending, Pending, Done), Duty, Cleared) }, vec![ClearanceFact::InspectionCompleted]))),
        ("a new version is secured anew", with(review(Held, Cleared, Done), Duty, Cleared), Event::Amend { seen: 2, required: with(fresh, Duty, Pending).stands }, amended(review(Held, Cleared, Done), with(fresh, Duty, Pending).stands)),

        // An agency that nobody waits for may speak, and is waited for then.
        ("an agency that is not required", Clearance { stands: Stands::default().with(Participant::Customs, Pending), ..fresh }, says(Quarantine, O::Held), Ok((review(Pending, Held, Never), changed(Quarantine, Held)))),
        ("only one is required", Clearance { stands: Stands::default().with(Participant::Customs, Pending), ..fresh }, says(Customs, O::Cleared), Ok((Clearance { phase: Released, stands: Stands::default().with(Participant::Customs, Cleared), ..fresh }, vec![stood(Customs, Cleared), ClearanceFact::Released]))),

        // A second examination of the same order.
        ("reopened", review(Cleared, Held, Done), REOPEN, Ok((inspecting(Cleared, Held), vec![ClearanceFact::InspectionReopened]))),
        ("reopened once", inspecting(Cleared, Held), REOPEN, same(inspecting(Cleared, Held))),
        ("nothing to reopen", fresh, REOPEN, Err(Code::NoOpenInspection)),
        ("nor when it fell away", review(Pending, Pending, Cancelled), REOPEN, Err(Code::NoOpenInspection)),
        ("not after the release", at(Released, Cleared, Cleared, Done), REOPEN, Err(Code::AlreadyReleased)),
        ("an older objection", review(Cleared, Held, Done), Event::Reopen { version: 1 }, Err(Code::StaleVersion)),
        ("an objection from the future", review(Cleared, Held, Done), Event::Reopen { version: 3 }, Err(Code::NeverSent)),
        ("cleared while reopened is no release", inspecting(Cleared, Held), says(Quarantine, O::Cleared), Ok((inspecting(Cleared, Cleared), changed(Quarantine, Cleared)))),
        ("a demand joins the reopened order", inspecting(Cleared, Held), says(Customs, O::WantsInspection), Ok((inspecting(Wants, Held), vec![ClearanceFact::InspectionJoined(Customs)]))),
        ("both conclude anew after the second findings", inspecting(Cleared, Cleared), finds(true, false), Ok((Clearance { round: 3, ..review(Pending, Pending, Done) }, vec![ClearanceFact::InspectionCompleted]))),
        ("rejected while reopened", inspecting(Cleared, Held), says(Customs, O::Rejected), Ok((at(Rejected, Cleared, Held, Cancelled), vec![ClearanceFact::InspectionCancelled, ClearanceFact::Rejected(Customs)]))),

        // The enterprise.
        ("amended", review(Held, Cleared, Done), amend, amended(review(Held, Cleared, Done), plain)),
        ("the new content is not asked about", asked(review(Held, Cleared, Done)), amend, amended(review(Held, Cleared, Done), plain)),
        ("the new content is asked about", review(Held, Cleared, Done), amend_ruled, amended(review(Held, Cleared, Done), ruled)),
        ("amended after a rejection", at(Rejected, Accepted, Pending, Cancelled), amend, amended(at(Rejected, Accepted, Pending, Cancelled), plain)),
        ("withdrawn", review(Held, Cleared, Done), withdraw, withdrawn(review(Held, Cleared, Done))),
        ("saw an older version", fresh, Event::Amend { seen: 1, required: plain }, Err(Code::VersionMismatch)),
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
    for outcome in [O::WantsInspection, O::Held, O::AwaitsDocuments, O::Detained, O::Rejected, O::Returned] {
        rows.push(("too late to stop", end(Released), says(Customs, outcome), Err(Code::AlreadyReleased)));
    }
    for event in [amend, withdraw] {
        rows.push(("the enterprise after the release", end(Released), event, Err(Code::AlreadyReleased)));
        rows.push(("the enterprise after a withdrawal", end(Withdrawn), event, Err(Code::AlreadyEnded)));
        rows.push(("the enterprise after a return", end(Returned), event, Err(Code::AlreadyEnded)));
    }
    for phase in [Rejected, Withdrawn, Returned] {
        for outcome in [O::Accepted, O::ManualReview, O::Concluded, O::WantsInspection, O::Held, O::AwaitsDocuments, O::Detained, O::Cleared, O::Rejected, O::Returned] {
            rows.push(("an agency after the end", end(phase), says(Quarantine, outcome), Err(Code::AlreadyEnded)));
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
    use Stand::{Accepted, AwaitsDocuments as Awaits, Cleared, Concluded, Detained, Held, ManualReview, Pending, WantsInspection as Wants};
    const OUTCOMES: [Outcome; 6] = [O::Accepted, O::ManualReview, O::Concluded, O::Held, O::Detained, O::Cleared];
    let (detained, open) = (Err(Code::GoodsDetained), Err(Code::InspectionOpen));
    let table = [
        // Stands, then after each of the outcomes above.
        (Pending, [Ok(Accepted), Ok(ManualReview), Ok(Concluded), Ok(Held), Ok(Detained), Ok(Cleared)]),
        (Accepted, [Ok(Accepted), Ok(ManualReview), Ok(Concluded), Ok(Held), Ok(Detained), Ok(Cleared)]),
        (ManualReview, [Ok(ManualReview), Ok(ManualReview), Ok(Concluded), Ok(Held), Ok(Detained), Ok(Cleared)]),
        (Concluded, [Ok(Concluded), Ok(Concluded), Ok(Concluded), Ok(Held), Ok(Detained), Ok(Cleared)]),
        (Held, [Ok(Held), Ok(ManualReview), Ok(Concluded), Ok(Held), Ok(Detained), Ok(Cleared)]),
        (Awaits, [Ok(Awaits), Ok(ManualReview), Ok(Concluded), Ok(Held), Ok(Detained), Ok(Cleared)]),
        (Cleared, [Ok(Cleared), Ok(Cleared), Ok(Cleared), Ok(Held), Ok(Detained), Ok(Cleared)]),
        (Detained, [Ok(Detained), Ok(Detained), Ok(Detained), detained, Ok(Detained), Ok(Cleared)]),
        (Wants, [Ok(Wants), Ok(Wants), Ok(Wants), open, open, open]),
    ];
    for (stands, expected) in table {
        for (outcome, expected) in OUTCOMES.into_iter().zip(expected) {
            for agency in [Customs, Quarantine] {
                // The other one is held, so nothing is released.
                let now = |stand| match agency {
                    Customs => inspecting(stand, Held),
                    Quarantine => inspecting(Held, stand),
                };
                let expected = expected.map(|stand| {
                    let fact = (stand != stands).then_some(stood(agency, stand));
                    let waived = (stands == Awaits && stand != Awaits)
                        .then_some(ClearanceFact::DocumentsWaived(agency));
                    (now(stand), fact.into_iter().chain(waived).collect())
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
    Rules(bool, bool, u32),
    Secured(u32),
    Reopen(u32),
    Provide(Agency, u32),
}

fn off() -> impl Strategy<Value = u32> {
    prop_oneof![8 => Just(1_u32), 1 => Just(0), 1 => Just(2)]
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let agency = prop_oneof![Just(Customs), Just(Quarantine)];
    let outcome = prop_oneof![
        1 => Just(Outcome::Accepted),
        1 => Just(Outcome::ManualReview),
        1 => Just(Outcome::Concluded),
        2 => Just(Outcome::WantsInspection),
        1 => Just(Outcome::Held),
        2 => Just(Outcome::AwaitsDocuments),
        1 => Just(Outcome::Detained),
        4 => Just(Outcome::Cleared),
        1 => Just(Outcome::Rejected),
    ];
    let verdict = (agency.clone(), outcome, off(), off())
        .prop_map(|(agency, outcome, v, r)| Try::Verdict(agency, outcome, v, r));
    let provided = (agency.clone(), off()).prop_map(|(a, v)| Try::Provide(a, v));
    let returned = (agency, off()).prop_map(|(a, v)| Try::Verdict(a, Outcome::Returned, v, 1));
    let one = prop_oneof![
        40 => verdict,
        1 => returned,
        5 => off().prop_map(Try::Amend),
        1 => off().prop_map(Try::Withdraw),
        8 => (any::<(bool, bool)>(), off(), off())
            .prop_map(|((c, i), v, r)| Try::Findings(c, i, v, r)),
        5 => (any::<(bool, bool)>(), off()).prop_map(|((c, i), v)| Try::Rules(c, i, v)),
        3 => off().prop_map(Try::Secured),
        3 => off().prop_map(Try::Reopen),
        5 => provided,
    ];
    prop::collection::vec(one, 0..60)
}

/// What is 1 in `off` is the current one.
fn event(now: &Clearance, required: Stands, what: &Try) -> Event {
    let near = |current: u32, off: u32| (current + off).saturating_sub(1);
    match *what {
        Try::Amend(off) => Event::Amend { seen: near(now.version, off), required },
        Try::Withdraw(off) => Event::Withdraw { seen: near(now.version, off) },
        Try::Verdict(agency, outcome, version, round) => {
            verdict(agency, near(now.version, version), near(now.round, round), outcome)
        }
        Try::Findings(for_customs, for_quarantine, version, round) => Event::Findings {
            version: near(now.version, version),
            round: near(now.round, round),
            for_customs,
            for_quarantine,
        },
        Try::Rules(customs, quarantine, version) => {
            rules_on(near(now.version, version), customs, quarantine)
        }
        Try::Secured(version) => verdict(Duty, near(now.version, version), 0, Outcome::Cleared),
        Try::Reopen(version) => Event::Reopen { version: near(now.version, version) },
        Try::Provide(to, version) => Event::Provide { to, seen: near(now.version, version) },
    }
}

#[test]
fn what_a_release_waits_for_is_said() {
    use Participant::{Customs as C, Quarantine as Q};
    use ReleaseCondition::{Clearance as Of, Documents, Findings};
    let steps = |events: &[Event]| {
        let start = filed(&[RiskCheck, Duty]);
        events.iter().fold(start, |now, event| next(now, *event).expect("it fits").0)
    };
    let rules = rules_on(1, false, false);
    let secured = verdict(Duty, 1, 1, Outcome::Cleared);
    let found = Event::Findings { version: 1, round: 1, for_customs: true, for_quarantine: false };
    let demand = verdict(C, 1, 1, Outcome::WantsInspection);
    let cleared = |who| verdict(who, 1, 1, Outcome::Cleared);
    let asks = verdict(Q, 1, 1, Outcome::AwaitsDocuments);
    let provided = Event::Provide { to: Quarantine, seen: 1 };
    let table: [(&[Event], &[ReleaseCondition]); 12] = [
        (&[], &[Of(C), Of(Q), Of(RiskCheck), Of(Duty)]),
        (&[rules], &[Of(C), Of(Q), Of(Duty)]),
        (&[secured], &[Of(C), Of(Q), Of(RiskCheck)]),
        (&[rules, secured, cleared(C)], &[Of(Q)]),
        (&[cleared(C), cleared(Q)], &[Of(RiskCheck), Of(Duty)]),
        (&[rules, secured, cleared(Q), demand], &[Of(C), Of(Q), Findings]),
        (&[rules, secured, demand, found], &[Of(C), Of(Q)]),
        (&[rules, verdict(C, 1, 1, Outcome::Rejected)], &[]),
        (&[rules, secured, asks], &[Of(C), Of(Q), Documents]),
        (&[rules, secured, asks, demand], &[Of(C), Of(Q), Findings, Documents]),
        (&[rules, secured, asks, provided], &[Of(C), Of(Q)]),
        (&[asks, verdict(C, 1, 1, Outcome::Rejected)], &[]),
    ];
    for (events, expected) in table {
        assert_eq!(awaited(&steps(events)), expected, "{events:?}");
    }
}

/// The table of who is required, looked at from every mode and way that there is.
#[test]
fn customs_and_quarantine_are_always_waited_for_and_checks_where_they_are_asked() {
    use Direction::{Export, Import};
    use Participant::{Customs as C, Quarantine as Q};
    let table: [(Direction, &[Participant], &[Participant]); 6] = [
        (Import, &[], &[C, Q]),
        (Export, &[], &[C, Q]),
        (Import, &[RiskCheck], &[C, Q, RiskCheck]),
        (Export, &[RiskCheck], &[C, Q, RiskCheck]),
        (Import, &[RiskCheck, Duty], &[C, Q, RiskCheck, Duty]),
        (Export, &[RiskCheck, Duty], &[C, Q, RiskCheck]),
    ];
    for mode in ["1210", "1239", "9610", "9710", "9810"] {
        for (direction, asked, expected) in table {
            let required = Stands::required(direction, mode, asked);
            assert_eq!(required.missing().collect::<Vec<_>>(), expected, "{direction:?} {mode}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_keeps_the_promises(rules in any::<bool>(), duty in any::<bool>(), tries in tries()) {
        let checks = [(rules, RiskCheck), (duty, Duty)];
        let asked: Vec<_> = checks.iter().filter(|it| it.0).map(|it| it.1).collect();
        let mut now = filed(&asked);
        let required = now.stands;
        // The version that each check was answered about last.
        let mut answered = [None; 2];
        let mut released = 0;
        let mut numbered = 0;
        // Agencies whose request for documents is open, by what was told.
        let mut open = [false; 2];
        // The last word of each agency that counts for a release, as said, not as stored.
        let mut cleared = [None, None];
        for what in tries {
            let event = event(&now, required, &what);
            let Ok((then, facts)) = next(now, event) else { continue };
            if facts.is_empty() {
                prop_assert_eq!(then, now, "no facts, no change: {:?}", event);
                continue;
            }
            let ended = matches!(now.phase, Phase::Released | Phase::Withdrawn | Phase::Returned);
            prop_assert!(!ended, "{:?} after {:?}", event, now);
            if let Event::Verdict { by, version, round, outcome, demands } = event {
                match by {
                    RiskCheck => answered[0] = Some(version),
                    Duty => answered[1] = Some(version),
                    Participant::Customs | Participant::Quarantine => {
                        let word = &mut cleared[by.place()];
                        match outcome {
                            Outcome::Cleared => *word = Some((version, round)),
                            Outcome::Accepted | Outcome::ManualReview | Outcome::Concluded => {}
                            Outcome::WantsInspection
                            | Outcome::Held
                            | Outcome::AwaitsDocuments
                            | Outcome::Detained
                            | Outcome::Rejected
                            | Outcome::Returned => *word = None,
                        }
                    }
                }
                for (word, agency) in cleared.iter_mut().zip([Customs, Quarantine]) {
                    *word = word.filter(|_| !demands.of(agency));
                }
            }
            if facts.contains(&ClearanceFact::Released) {
                prop_assert_eq!(cleared, [Some((then.version, then.round)); 2]);
                for ((asked, who), version) in checks.into_iter().zip(answered) {
                    prop_assert!(!asked || version == Some(then.version), "{:?}", who);
                }
            }
            for fact in &facts {
                match fact {
                    ClearanceFact::DocumentsRequested(by) => open[Participant::from(*by).place()] = true,
                    ClearanceFact::DocumentsProvided(to) | ClearanceFact::DocumentsWaived(to) => {
                        let was_open = std::mem::take(&mut open[Participant::from(*to).place()]);
                        prop_assert!(was_open, "{:?} was not asked for", to);
                    }
                    ClearanceFact::Amended(_)
                    | ClearanceFact::Withdrawn
                    | ClearanceFact::Released
                    | ClearanceFact::Rejected(_)
                    | ClearanceFact::Returned(_) => open = [false; 2],
                    _ => {}
                }
            }
            let is_awaited = awaited(&then).contains(&ReleaseCondition::Documents);
            prop_assert_eq!(is_awaited, open.contains(&true), "{:?}", then);
            prop_assert!((now.version, now.round) <= (then.version, then.round));
            prop_assert_eq!(then.phase == Phase::Inspecting, then.joint == Joint::Open);
            let reopened = facts.contains(&ClearanceFact::InspectionReopened);
            prop_assert!(now.joint != Joint::Done || reopened || then.joint == Joint::Done);
            for (asked, who) in checks {
                prop_assert_eq!(then.stands.of(who).is_some(), asked);
            }
            let goes_on = matches!(then.phase, Phase::UnderReview | Phase::Inspecting);
            prop_assert_eq!(!awaited(&then).is_empty(), goes_on, "something is missing: {:?}", then);
            released += facts.iter().filter(|fact| **fact == ClearanceFact::Released).count();
            numbered += facts.iter().filter(|fact| **fact == ClearanceFact::Numbered).count();
            now = then;
        }
        prop_assert_eq!(released, usize::from(now.phase == Phase::Released));
        prop_assert_eq!(numbered, usize::from(now.numbered));
    }
}
