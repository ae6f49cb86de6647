//! The life of a declaration: one declaration, one inspection, one release. Step 5 of 5.
//!
//! ```text
//!            file                  everybody required has cleared
//!   (nothing) ───► UNDER REVIEW ─────────────────────────────► RELEASED
//!                   │  ▲  ▲ │ an agency wants to look, or its risk rules do, or
//!     amend: new    │  │  │ │ the done inspection is reopened
//!     version,      │  │  │ ▼                    (the second one joins the open order)
//!     round 1,      └──┘  │ INSPECTING
//!     checks anew         │ │
//!                         └─┘ the site reports: next round, both conclude anew
//!
//!   UNDER REVIEW or INSPECTING ── an agency, or a limit of the buyer, rejects ──► REJECTED ── amend ──► UNDER REVIEW
//!   UNDER REVIEW or INSPECTING ── an agency returns ──► RETURNED
//!   UNDER REVIEW ── the enterprise withdraws ─────────► WITHDRAWN
//! ```
//!
//! An agency that waits for documents may list them. Its request is open exactly while it stands there, and what
//! the enterprise provides gives back an ordinary hold, which the agency lifts:
//!
//! ```text
//!   any stand ── it asks ──► AWAITS DOCUMENTS ── the enterprise answers ──► HELD ── it decides ──► …
//!                                │  ▲ │
//!                                │  └─┘ it asks anew: the newest request counts
//!                                └ it decides without them, or the case ends, or there is a new version
//! ```
//!
//! Three promises, each a named function below, each repeated as a key in the schema:
//! release is given once and only when every participant that is required cleared the current version,
//! an agency in the current round ([`may_release`], [`REQUIRED`](crate::participant::REQUIRED)); at most
//! one inspection is open, and a declaration has at most one order ever ([`Joint`]); either agency can stop, and only the holder lifts its own hold ([`Stand`]).
//! Source: the rule of 2016 for customs and quarantine, "一次申报、一次查验、一次放行".

pub use crate::participant::{Agency, Stand};
use crate::participant::{Participant, Stands};
use crate::refusal::{Code, Refusal};

/// Where a declaration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Customs and quarantine look at it side by side.
    UnderReview,
    /// The joint inspection order is open.
    Inspecting,
    /// Released; nothing changes any more.
    Released,
    /// Returned by an agency with reasons; a new version may follow.
    Rejected,
    /// Taken back by the enterprise.
    Withdrawn,
    /// The goods go back abroad.
    Returned,
}

/// What an agency decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Taken into its database (120).
    Accepted,
    /// Somebody reviews it (300).
    ManualReview,
    /// Examination of the data concluded (399).
    Concluded,
    /// Wants to look at the goods (500).
    WantsInspection,
    /// Waits for documents.
    Held,
    /// Waits for documents that it lists (补充单证).
    AwaitsDocuments,
    /// Goods detained (501 to 599).
    Detained,
    /// No objection.
    Cleared,
    /// Returned to the enterprise (100).
    Rejected,
    /// Goods go back abroad (700).
    Returned,
}

/// The one joint inspection order of a declaration. It belongs to the goods, so it survives a new
/// version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Joint {
    /// Never opened.
    None,
    /// Open.
    Open,
    /// Completed; later demands are answered from the record. An objection may reopen it (复验).
    Done,
    /// Fell away while open, because an agency ended the case. The same order is opened again when
    /// a later version needs it.
    Cancelled,
}

/// A declaration as far as clearance is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Clearance {
    /// Version of the content, from 1.
    pub version: u32,
    /// Round of review within the version, from 1.
    pub round: u32,
    /// Where it stands.
    pub phase: Phase,
    /// Where each participant stands.
    pub stands: Stands,
    /// The joint inspection.
    pub joint: Joint,
    /// Customs took it in once and gave its number.
    pub numbered: bool,
}

/// What can happen to a filed declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The enterprise files a new version.
    Amend {
        /// The version that it saw.
        seen: u32,
        /// Who is waited for with the new content.
        required: Stands,
    },
    /// The enterprise takes it back.
    Withdraw {
        /// The version that it saw.
        seen: u32,
    },
    /// The enterprise answers a request for documents.
    Provide {
        /// Whose request.
        to: Agency,
        /// The version that it saw.
        seen: u32,
    },
    /// A participant answers.
    Verdict {
        /// Who.
        by: Participant,
        /// On which version.
        version: u32,
        /// In which round; of no account for a check.
        round: u32,
        /// What. A check says that it is done: cleared; that of the duty also that the buyer is over a limit.
        outcome: Outcome,
        /// What the risk rules demand besides.
        demands: Demands,
    },
    /// The site reports on the open order.
    Findings {
        /// On which version it was asked: a report from before a cancelled order is void.
        version: u32,
        /// In which round: a report from before a second examination is void.
        round: u32,
        /// Customs' instructions are answered.
        for_customs: bool,
        /// Quarantine's instructions are answered.
        for_quarantine: bool,
    },
    /// The goods are to be examined a second time, on objection (复验).
    Reopen {
        /// Version that the objection is about.
        version: u32,
    },
}

/// Inspections that the risk rules of the agencies demand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Demands {
    /// Those of customs do.
    pub customs: bool,
    /// Those of quarantine do.
    pub quarantine: bool,
}

impl Demands {
    /// Whether the rules of an agency demand one.
    pub fn of(self, agency: Agency) -> bool {
        match agency {
            Agency::Customs => self.customs,
            Agency::Quarantine => self.quarantine,
        }
    }

    fn any(self) -> bool {
        self.customs || self.quarantine
    }
}

/// What happened, for the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClearanceFact {
    /// A new version; the number is of the one before.
    Amended(u32),
    /// Taken back.
    Withdrawn,
    /// A participant moved on.
    StandChanged(Participant, Stand),
    /// An agency listed documents that it waits for.
    DocumentsRequested(Agency),
    /// The enterprise answered that.
    DocumentsProvided(Agency),
    /// The agency does not wait for them any more.
    DocumentsWaived(Agency),
    /// The order was opened.
    InspectionOrdered(Agency),
    /// The other agency joined it.
    InspectionJoined(Agency),
    /// The site reported.
    InspectionCompleted,
    /// A late demand was answered from the record.
    InspectionAnswered(Agency),
    /// The open order fell away.
    InspectionCancelled,
    /// The done order is open again.
    InspectionReopened,
    /// Customs took it in for the first time.
    Numbered,
    /// The one release.
    Released,
    /// An agency returned it.
    Rejected(Agency),
    /// An agency sends the goods back.
    Returned(Agency),
}

impl Clearance {
    /// A declaration that was just filed and waits for these.
    pub fn filed(required: Stands) -> Self {
        Self {
            version: 1,
            round: 1,
            phase: Phase::UnderReview,
            stands: required,
            joint: Joint::None,
            numbered: false,
        }
    }

    /// Where an agency stands.
    pub fn stand(&self, agency: Agency) -> Stand {
        self.stands.of_agency(agency)
    }

    fn with_stand(self, agency: Agency, stand: Stand) -> Self {
        Self { stands: self.stands.with(agency.into(), stand), ..self }
    }

    /// Whether an agency has detained the goods.
    pub fn detained(&self) -> bool {
        self.stands.missing().any(|who| self.stands.of(who) == Some(Stand::Detained))
    }
}

/// One release: everybody required has cleared the current version, an agency in the current round, and no
/// inspection is open.
pub fn may_release(c: &Clearance) -> bool {
    c.phase == Phase::UnderReview && c.joint != Joint::Open && c.stands.missing().next().is_none()
}

/// What a release waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReleaseCondition {
    /// That a participant clears.
    Clearance(Participant),
    /// The findings of the open inspection.
    Findings,
    /// Documents that an agency asked the enterprise for.
    Documents,
}

impl ReleaseCondition {
    /// Everything that can be missing.
    pub fn all() -> impl Iterator<Item = Self> {
        Participant::ALL.into_iter().map(Self::Clearance).chain([Self::Findings, Self::Documents])
    }
}

/// What is still missing for the release; nothing once the case is over. After the findings both
/// agencies conclude anew, so an open inspection waits for their verdicts too.
pub fn awaited(c: &Clearance) -> Vec<ReleaseCondition> {
    match c.phase {
        Phase::UnderReview | Phase::Inspecting => {}
        Phase::Released | Phase::Rejected | Phase::Withdrawn | Phase::Returned => {
            return Vec::new();
        }
    }
    let open = c.joint == Joint::Open;
    let anew = if open { anew_round(c.stands) } else { c.stands };
    let missing = anew.missing().map(ReleaseCondition::Clearance);
    let asks = |agency: &Agency| c.stand(*agency) == Stand::AwaitsDocuments;
    let documents = Agency::ALL.iter().any(asks).then_some(ReleaseCondition::Documents);
    missing.chain(open.then_some(ReleaseCondition::Findings)).chain(documents).collect()
}

/// The only way in which a declaration changes.
///
/// An empty list of facts means: kept in the history without effect, because the agency already
/// stands further (a receipt of lower rank never moves the state back).
///
/// # Errors
///
/// A [`Refusal`] when the event does not fit the state, the version or the round.
pub fn next(now: Clearance, event: Event) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    match event {
        Event::Amend { seen, required } => amend(now, seen, required),
        Event::Withdraw { seen } => withdraw(now, seen),
        Event::Provide { to, seen } => provide(now, to, seen),
        Event::Verdict { by, version, round, outcome, demands } => {
            let (then, mut facts) = if let Some(agency) = by.agency() {
                current(&now, version, round)?;
                let (then, mut facts) = verdict(now, agency, outcome)?;
                waive(&now, &then, agency, &mut facts);
                (number(then, agency, &mut facts), facts)
            } else {
                current(&now, version, now.round)?;
                checked(now, by, outcome, demands)?
            };
            Ok((release(then, &mut facts), facts))
        }
        Event::Findings { version, round, for_customs, for_quarantine } => {
            if now.phase != Phase::Inspecting {
                return Err(Refusal::of(Code::NoOpenInspection));
            }
            current(&now, version, round)?;
            findings(now, for_customs, for_quarantine)
        }
        Event::Reopen { version } => {
            current(&now, version, now.round)?;
            reopen(now)
        }
    }
}

/// A new version is looked at from the beginning, but detained goods stay detained: only the agency
/// that detained them lifts that.
fn amend(
    now: Clearance,
    seen: u32,
    required: Stands,
) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    changeable(&now, seen)?;
    let then = Clearance {
        version: now.version + 1,
        round: 1,
        phase: Phase::UnderReview,
        stands: required
            .map(|who, anew| now.stands.of(who).filter(|it| *it == Stand::Detained).or(anew)),
        ..now
    };
    Ok((then, vec![ClearanceFact::Amended(now.version)]))
}

fn withdraw(now: Clearance, seen: u32) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    changeable(&now, seen)?;
    match now.phase {
        Phase::UnderReview => {
            Ok((Clearance { phase: Phase::Withdrawn, ..now }, vec![ClearanceFact::Withdrawn]))
        }
        Phase::Rejected
        | Phase::Inspecting
        | Phase::Released
        | Phase::Withdrawn
        | Phase::Returned => Err(Refusal::of(Code::AlreadyEnded)),
    }
}

/// The enterprise may change a declaration until it is released or ended, but not while goods are
/// being looked at or detained: after the notice of examination neither change nor withdrawal is
/// possible until the matter is settled (GACC Order 220, from general knowledge).
fn changeable(now: &Clearance, seen: u32) -> Result<(), Refusal> {
    match now.phase {
        Phase::Released => return Err(Refusal::of(Code::AlreadyReleased)),
        Phase::Withdrawn | Phase::Returned => return Err(Refusal::of(Code::AlreadyEnded)),
        Phase::Inspecting => return Err(Refusal::of(Code::InspectionOpen)),
        Phase::UnderReview | Phase::Rejected => {}
    }
    if now.detained() && now.phase == Phase::UnderReview {
        return Err(Refusal::of(Code::GoodsDetained));
    }
    newest(now, seen)
}

/// The enterprise saw the version that there is.
fn newest(now: &Clearance, seen: u32) -> Result<(), Refusal> {
    if seen == now.version {
        return Ok(());
    }
    Err(Refusal::of(Code::VersionMismatch)
        .with("current_version", now.version)
        .with("your_version", seen))
}

/// The enterprise answers a request for documents: the agency holds as before, with the answer before it.
fn provide(
    now: Clearance,
    to: Agency,
    seen: u32,
) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    match now.phase {
        Phase::Released => return Err(Refusal::of(Code::AlreadyReleased)),
        Phase::Rejected | Phase::Withdrawn | Phase::Returned => {
            return Err(Refusal::of(Code::AlreadyEnded));
        }
        Phase::UnderReview | Phase::Inspecting => {}
    }
    newest(&now, seen)?;
    if now.stand(to) != Stand::AwaitsDocuments {
        return Err(Refusal::of(Code::NoDocumentRequest));
    }
    Ok((now.with_stand(to, Stand::Held), vec![ClearanceFact::DocumentsProvided(to)]))
}

fn current(now: &Clearance, version: u32, round: u32) -> Result<(), Refusal> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let code = match (version.cmp(&now.version), round.cmp(&now.round)) {
        (Less, _) => Code::StaleVersion,
        (Equal, Less) => Code::StaleRound,
        (Equal, Equal) => return Ok(()),
        (Greater, _) | (Equal, Greater) => Code::NeverSent,
    };
    Err(Refusal::of(code).with("current_version", now.version).with("current_round", now.round))
}

fn verdict(
    now: Clearance,
    agency: Agency,
    outcome: Outcome,
) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    match now.phase {
        Phase::UnderReview | Phase::Inspecting => {}
        Phase::Released => {
            return match outcome {
                // Late or repeated good news changes nothing.
                Outcome::Accepted
                | Outcome::ManualReview
                | Outcome::Concluded
                | Outcome::Cleared => Ok((now, Vec::new())),
                Outcome::WantsInspection
                | Outcome::Held
                | Outcome::AwaitsDocuments
                | Outcome::Detained
                | Outcome::Rejected
                | Outcome::Returned => Err(Refusal::of(Code::AlreadyReleased)),
            };
        }
        Phase::Rejected | Phase::Withdrawn | Phase::Returned => {
            return Err(Refusal::of(Code::AlreadyEnded));
        }
    }
    match outcome {
        // Its own rejection ends an agency's own detention.
        Outcome::Rejected => {
            let lifted = now.stand(agency) == Stand::Detained;
            let now = if lifted { now.with_stand(agency, Stand::Pending) } else { now };
            Ok(end(now, Phase::Rejected, ClearanceFact::Rejected(agency)))
        }
        Outcome::Returned => Ok(end(now, Phase::Returned, ClearanceFact::Returned(agency))),
        Outcome::WantsInspection => demand(now, agency),
        Outcome::Accepted => Ok(progress(now, agency, Stand::Accepted)),
        Outcome::ManualReview => Ok(progress(now, agency, Stand::ManualReview)),
        Outcome::Concluded => Ok(progress(now, agency, Stand::Concluded)),
        Outcome::Held => settle(now, agency, Stand::Held),
        Outcome::AwaitsDocuments => ask(now, agency),
        Outcome::Detained => settle(now, agency, Stand::Detained),
        Outcome::Cleared => settle(now, agency, Stand::Cleared),
    }
}

/// An agency lists documents that it waits for. Asked anew, the newest list counts, and its reasons are told too.
fn ask(now: Clearance, agency: Agency) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    let (then, _) = settle(now, agency, Stand::AwaitsDocuments)?;
    let stands = ClearanceFact::StandChanged(agency.into(), Stand::AwaitsDocuments);
    Ok((then, vec![stands, ClearanceFact::DocumentsRequested(agency)]))
}

/// An agency that decides without the documents that it asked for waits for them no more. The end of the case ends
/// every request, and is told by itself.
fn waive(now: &Clearance, then: &Clearance, agency: Agency, facts: &mut Vec<ClearanceFact>) {
    let goes_on = match then.phase {
        Phase::UnderReview | Phase::Inspecting => true,
        Phase::Released | Phase::Rejected | Phase::Withdrawn | Phase::Returned => false,
    };
    let awaited = |c: &Clearance| c.stand(agency) == Stand::AwaitsDocuments;
    if goes_on && awaited(now) && !awaited(then) {
        facts.push(ClearanceFact::DocumentsWaived(agency));
    }
}

/// Either can stop: the case ends, and an open order falls away with it.
fn end(now: Clearance, phase: Phase, fact: ClearanceFact) -> (Clearance, Vec<ClearanceFact>) {
    let mut facts = Vec::with_capacity(2);
    let mut then = Clearance { phase, ..now };
    if now.joint == Joint::Open {
        then.joint = Joint::Cancelled;
        facts.push(ClearanceFact::InspectionCancelled);
    }
    facts.push(fact);
    (then, facts)
}

/// One inspection: the first demand opens the order, the second joins it, and a later one is
/// answered from the record.
fn demand(now: Clearance, agency: Agency) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    match now.stand(agency) {
        Stand::WantsInspection => return Ok((now, Vec::new())),
        Stand::Detained => return Err(Refusal::of(Code::GoodsDetained)),
        Stand::Pending
        | Stand::Accepted
        | Stand::ManualReview
        | Stand::Concluded
        | Stand::Held
        | Stand::AwaitsDocuments
        | Stand::Cleared => {}
    }
    let (then, fact) = order(now, agency);
    let stand = match now.joint {
        Joint::None | Joint::Open | Joint::Cancelled => Stand::WantsInspection,
        // The agency asked, so it has not cleared any more: it concludes with the record in hand.
        Joint::Done => Stand::Pending,
    };
    Ok((then.with_stand(agency, stand), vec![fact]))
}

/// What a demand does to the order of the declaration.
fn order(now: Clearance, agency: Agency) -> (Clearance, ClearanceFact) {
    match now.joint {
        Joint::None | Joint::Cancelled => (
            Clearance { phase: Phase::Inspecting, joint: Joint::Open, ..now },
            ClearanceFact::InspectionOrdered(agency),
        ),
        Joint::Open => (now, ClearanceFact::InspectionJoined(agency)),
        Joint::Done => (now, ClearanceFact::InspectionAnswered(agency)),
    }
}

/// A check is answered once a version. What the risk rules demand, the agency demands.
fn checked(
    now: Clearance,
    by: Participant,
    outcome: Outcome,
    demands: Demands,
) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    if (by, outcome) == (Participant::Duty, Outcome::Rejected) {
        return over_limit(now);
    }
    if outcome != Outcome::Cleared {
        let reason = "a check says only that it is done: cleared";
        return Err(Refusal::of(Code::NotYourAgency).with("reason", reason));
    }
    let is_done = now.stands.of(by) == Some(Stand::Cleared);
    let is_missing = now.stands.missing().any(|who| who == by);
    match now.phase {
        Phase::Released if demands.any() && !is_done => {
            return Err(Refusal::of(Code::AlreadyReleased));
        }
        Phase::Released => return Ok((now, Vec::new())),
        Phase::UnderReview
        | Phase::Inspecting
        | Phase::Rejected
        | Phase::Withdrawn
        | Phase::Returned
            if !is_missing =>
        {
            return Ok((now, Vec::new()));
        }
        Phase::Rejected | Phase::Withdrawn | Phase::Returned => {
            return Err(Refusal::of(Code::AlreadyEnded));
        }
        Phase::UnderReview | Phase::Inspecting => {}
    }
    let mut then = Clearance { stands: now.stands.with(by, Stand::Cleared), ..now };
    let mut facts = vec![ClearanceFact::StandChanged(by, Stand::Cleared)];
    for agency in [Agency::Customs, Agency::Quarantine] {
        if demands.of(agency) {
            let more;
            (then, more) = demand_by_rules(then, agency)?;
            facts.extend(more);
        }
    }
    Ok((then, facts))
}

/// The buyer is over a limit: a rule of customs, which rejects (限额). What was cleared before stays so.
fn over_limit(now: Clearance) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    match now.phase {
        Phase::Released => Err(Refusal::of(Code::AlreadyReleased)),
        Phase::Rejected | Phase::Withdrawn | Phase::Returned => Ok((now, Vec::new())),
        Phase::UnderReview | Phase::Inspecting
            if now.stands.of(Participant::Duty) == Some(Stand::Cleared) =>
        {
            let reason = "a check does not take back what it said";
            Err(Refusal::of(Code::NotYourAgency).with("reason", reason))
        }
        Phase::UnderReview | Phase::Inspecting => {
            Ok(end(now, Phase::Rejected, ClearanceFact::Rejected(Agency::Customs)))
        }
    }
}

/// Rules free no goods and take back no demand: an agency that detained them, or asked already, to see the goods or
/// for documents, stands where it stood, and the site hears what the rules want besides.
fn demand_by_rules(
    now: Clearance,
    agency: Agency,
) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    match now.stand(agency) {
        Stand::WantsInspection | Stand::AwaitsDocuments | Stand::Detained => {
            let (then, fact) = order(now, agency);
            Ok((then, vec![fact]))
        }
        Stand::Pending
        | Stand::Accepted
        | Stand::ManualReview
        | Stand::Concluded
        | Stand::Held
        | Stand::Cleared => demand(now, agency),
    }
}

/// The done order is open again and stays the same order; whoever stands somewhere stands there until
/// the new findings.
fn reopen(now: Clearance) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    match now.phase {
        Phase::Released => return Err(Refusal::of(Code::AlreadyReleased)),
        Phase::Rejected | Phase::Withdrawn | Phase::Returned => {
            return Err(Refusal::of(Code::AlreadyEnded));
        }
        Phase::Inspecting => return Ok((now, Vec::new())),
        Phase::UnderReview => {}
    }
    match now.joint {
        Joint::Done => Ok((
            Clearance { phase: Phase::Inspecting, joint: Joint::Open, ..now },
            vec![ClearanceFact::InspectionReopened],
        )),
        Joint::None | Joint::Open | Joint::Cancelled => Err(Refusal::of(Code::NoOpenInspection)),
    }
}

/// News without a decision: it moves an agency forward, never back, and lifts its own hold.
fn progress(now: Clearance, agency: Agency, to: Stand) -> (Clearance, Vec<ClearanceFact>) {
    let forward = match now.stand(agency) {
        Stand::Pending => true,
        Stand::Accepted => to != Stand::Accepted,
        Stand::ManualReview => to == Stand::Concluded,
        Stand::Held | Stand::AwaitsDocuments => to != Stand::Accepted,
        Stand::Concluded | Stand::WantsInspection | Stand::Detained | Stand::Cleared => false,
    };
    if forward {
        (now.with_stand(agency, to), vec![ClearanceFact::StandChanged(agency.into(), to)])
    } else {
        (now, Vec::new())
    }
}

/// A decision short of ending the case. An agency whose instruction is open waits for the findings;
/// detained goods are only cleared, rejected or sent back.
fn settle(
    now: Clearance,
    agency: Agency,
    to: Stand,
) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    let stands = now.stand(agency);
    if stands == to {
        return Ok((now, Vec::new()));
    }
    match stands {
        Stand::WantsInspection => Err(Refusal::of(Code::InspectionOpen)),
        Stand::Detained if to != Stand::Cleared => Err(Refusal::of(Code::GoodsDetained)),
        Stand::Detained
        | Stand::Pending
        | Stand::Accepted
        | Stand::ManualReview
        | Stand::Concluded
        | Stand::Held
        | Stand::AwaitsDocuments
        | Stand::Cleared => {
            Ok((now.with_stand(agency, to), vec![ClearanceFact::StandChanged(agency.into(), to)]))
        }
    }
}

/// Customs' first word on a declaration that it does not reject gives it its number.
fn number(mut then: Clearance, agency: Agency, facts: &mut Vec<ClearanceFact>) -> Clearance {
    let ended = matches!(then.phase, Phase::Rejected | Phase::Returned);
    if agency == Agency::Customs && !then.numbered && !ended && !facts.is_empty() {
        then.numbered = true;
        facts.insert(0, ClearanceFact::Numbered);
    }
    then
}

/// What was missing last gives the release.
fn release(mut then: Clearance, facts: &mut Vec<ClearanceFact>) -> Clearance {
    if may_release(&then) {
        then.phase = Phase::Released;
        facts.push(ClearanceFact::Released);
    }
    then
}

/// Findings complete the order when every agency that instructed has an answer, and somebody has one:
/// a reopened order may have no instruction that is still open. Both agencies see
/// them and conclude anew; holds and detentions stay with their holders.
fn findings(
    now: Clearance,
    for_customs: bool,
    for_quarantine: bool,
) -> Result<(Clearance, Vec<ClearanceFact>), Refusal> {
    let answered = |agency, given: bool| now.stand(agency) != Stand::WantsInspection || given;
    let empty = !for_customs && !for_quarantine;
    if empty
        || !answered(Agency::Customs, for_customs)
        || !answered(Agency::Quarantine, for_quarantine)
    {
        return Err(Refusal::of(Code::InstructionUnanswered));
    }
    let then = Clearance {
        round: now.round + 1,
        phase: Phase::UnderReview,
        stands: anew_round(now.stands),
        joint: Joint::Done,
        ..now
    };
    Ok((then, vec![ClearanceFact::InspectionCompleted]))
}

/// Agencies conclude anew; what was checked about the version stays checked.
fn anew_round(stands: Stands) -> Stands {
    stands.map(|who, stand| match who.agency() {
        None => stand,
        Some(_) => stand.map(|stand| match stand {
            Stand::Held => Stand::Held,
            Stand::AwaitsDocuments => Stand::AwaitsDocuments,
            Stand::Detained => Stand::Detained,
            Stand::Pending
            | Stand::Accepted
            | Stand::ManualReview
            | Stand::Concluded
            | Stand::WantsInspection
            | Stand::Cleared => Stand::Pending,
        }),
    })
}
