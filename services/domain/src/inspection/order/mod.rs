//! The life of the one joint inspection order (联合查验单) of a declaration.
//!
//! ```text
//!  demand of an agency                                    (a demand in any of these joins)
//!  (nothing) ──► ORDERED ──appoint──► APPOINTED ──present──► PRESENTED ──examine──► EXAMINING
//!                 ▲   ▲                │  ▲ │ reschedule                              │
//!                 │   └────no-show─────┘  └─┘                 sample ┌───────────────┤
//!                 │                                                  ▼               │
//!                 │                                               SAMPLED            │
//!                 │                                                  │ send          │
//!                 │                                                  ▼               │
//!                 │                                              LABORATORY          │
//!                 │      every instruction has a final result        │               │
//!                 │      (a demand from here on is answered          ▼               ▼
//!                 ├──── object, once ──────────────────────────────── FOUND ◄────────┘
//!                 │      from the record)                            │   ▲
//!                 │                    every agency that instructed  │   │ treated
//!                 │                    decided; the strictest counts ├───┴─► TREATING
//!                 │                                                  ▼
//!                 └──── object, once ─────────────────────────── DISPOSED ──close──► CLOSED
//!
//!  ORDERED … LABORATORY ── the declaration ends ──► CANCELLED ── demand on a later version ──► ORDERED
//! ```
//!
//! Promises, from domain brief §4.2: one order a declaration for ever (I1), complete only when every
//! instruction of both agencies is answered (I2, [`JointOrder::unanswered`]), and either agency can stop
//! (R2, the strictest disposal counts and only the holder lifts a detention). Every event may arrive
//! again: what has its effect already has no second one (no facts). Reports of the site name the
//! version and the examination that they are about, so that one from before is void.
//!
//! Second examination (复验), absence of the declarant (径行开验) and the change of officers in a second
//! examination follow 海关进出口货物查验管理办法 (GACC Order 138), from general knowledge, unverified.
//! The steps between (domain brief §4.4) are from general knowledge too.

mod appoint;
mod decide;
mod demand;
mod event;
mod examine;
pub(super) mod instruction;
mod work;

use std::collections::BTreeMap;

pub use appoint::OFFICERS_MAX;
pub use demand::INSTRUCTIONS_MAX;
pub use event::{OrderEvent, OrderFact, SiteAct};
pub use examine::{EVIDENCE_MAX, FINDINGS_MAX, SAMPLES_MAX};
pub use instruction::{Instruction, InstructionKey, Method};
pub use work::{Appointment, Attendance, Examination, OfficerDuty, Sample, Treatment};

use super::agency_word;
use super::finding::{Disposal, ExaminationFinding, FoundResult};
use crate::clearance::Agency;
use crate::refusal::{Code, Refusal};
use appoint::{appoint, assign, no_show, replace, reschedule};
use decide::{close, dispose, object, reopened, treated};
use demand::demand;
use examine::{examine, present, report, send, take};
use work::final_results;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Nobody ever demanded one.
    None,
    /// Waits for an appointment.
    Ordered,
    /// Has a place and a time; officers are drawn for it.
    Appointed,
    /// The goods are there.
    Presented,
    /// Officers are at work.
    Examining,
    /// Samples were taken and wait to be sent.
    Sampled,
    /// The laboratory has samples.
    Laboratory,
    /// Every instruction has its result; the agencies decide.
    Found,
    /// The goods are treated.
    Treating,
    /// It is decided what happens to the goods.
    Disposed,
    /// Done.
    Closed,
    /// Fell away while open.
    Cancelled,
}

impl Stage {
    /// In Chinese; in English it is the word itself.
    pub const fn zh(self) -> &'static str {
        match self {
            Self::None => "未布控",
            Self::Ordered => "待预约",
            Self::Appointed => "已预约",
            Self::Presented => "货物已到场",
            Self::Examining => "查验中",
            Self::Sampled => "已取样",
            Self::Laboratory => "实验室检测",
            Self::Found => "待处置",
            Self::Treating => "除害处理中",
            Self::Disposed => "已处置",
            Self::Closed => "已办结",
            Self::Cancelled => "已取消",
        }
    }

    /// The stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Ordered => "ORDERED",
            Self::Appointed => "APPOINTED",
            Self::Presented => "PRESENTED",
            Self::Examining => "EXAMINING",
            Self::Sampled => "SAMPLED",
            Self::Laboratory => "LABORATORY",
            Self::Found => "FOUND",
            Self::Treating => "TREATING",
            Self::Disposed => "DISPOSED",
            Self::Closed => "CLOSED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether a demand still joins.
    pub fn is_open(self) -> bool {
        match self {
            Self::Ordered
            | Self::Appointed
            | Self::Presented
            | Self::Examining
            | Self::Sampled
            | Self::Laboratory => true,
            Self::None
            | Self::Found
            | Self::Treating
            | Self::Disposed
            | Self::Closed
            | Self::Cancelled => false,
        }
    }
}

/// A joint inspection order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JointOrder {
    /// Where it stands.
    pub stage: Stage,
    /// Version of the declaration on which it was opened, or opened again.
    pub version: u32,
    /// 1, or 2 after an objection.
    pub examination: u32,
    /// Every instruction that must be answered.
    pub instructions: BTreeMap<InstructionKey, Instruction>,
    /// Instructions that came late and were answered from the record, with the version of the
    /// declaration that they came on; of each agency those of its newest one.
    pub late: BTreeMap<InstructionKey, (u32, Instruction)>,
    /// Appointments made or moved so far: tells an old proposal from a new one.
    pub appointments: u32,
    /// The one that stands, or stood last.
    pub appointment: Option<Appointment>,
    /// How often the enterprise moved the appointment of this examination.
    pub reschedules: u32,
    /// How often nobody came, over all examinations.
    pub no_shows: u32,
    /// The examination.
    pub work: Examination,
    /// The first one, after an objection.
    pub first: Option<Examination>,
    /// What customs decided.
    pub by_customs: Option<Disposal>,
    /// What quarantine decided.
    pub by_quarantine: Option<Disposal>,
    /// What happens to the goods.
    pub disposal: Option<Disposal>,
}

/// What a step leads to.
type Step = Result<(JointOrder, Vec<OrderFact>), Refusal>;

impl JointOrder {
    /// Before the first demand.
    pub fn none() -> Self {
        Self {
            stage: Stage::None,
            version: 0,
            examination: 1,
            instructions: BTreeMap::new(),
            late: BTreeMap::new(),
            appointments: 0,
            appointment: None,
            reschedules: 0,
            no_shows: 0,
            work: Examination::default(),
            first: None,
            by_customs: None,
            by_quarantine: None,
            disposal: None,
        }
    }

    /// Whether an agency has an instruction in it.
    pub fn has(&self, agency: Agency) -> bool {
        self.instructions.keys().any(|key| key.agency == agency)
    }

    /// Whether both agencies wanted to look.
    pub fn is_joint(&self) -> bool {
        self.has(Agency::Customs) && self.has(Agency::Quarantine)
    }

    /// Instructions without a final result (invariant I2).
    pub fn unanswered(&self) -> Vec<&Instruction> {
        self.instructions.values().filter(|instruction| !self.work.answers(instruction)).collect()
    }

    /// The final results.
    pub fn results(&self) -> Vec<FoundResult> {
        final_results(self.work.findings.values())
    }

    /// What is on record for an agency, by its instructions. Both agencies may read everything; this is
    /// what answers them.
    pub fn answers_to(&self, agency: Agency) -> Vec<&ExaminationFinding> {
        let findings = self.work.findings.values();
        findings.filter(|finding| finding.key.instruction.agency == agency).collect()
    }

    /// What an agency decided.
    pub fn decision(&self, agency: Agency) -> Option<Disposal> {
        match agency {
            Agency::Customs => self.by_customs,
            Agency::Quarantine => self.by_quarantine,
        }
    }

    fn decide(&mut self, agency: Agency, disposal: Option<Disposal>) {
        match agency {
            Agency::Customs => self.by_customs = disposal,
            Agency::Quarantine => self.by_quarantine = disposal,
        }
    }

    fn is_undecided(&self) -> bool {
        self.by_customs.is_none() && self.by_quarantine.is_none()
    }

    /// The strictest decision, once every agency that instructed has decided.
    fn agreed(&self) -> Option<Disposal> {
        let agencies = [Agency::Customs, Agency::Quarantine].into_iter().filter(|a| self.has(*a));
        let decisions: Option<Vec<Disposal>> = agencies.map(|a| self.decision(a)).collect();
        decisions?.into_iter().max()
    }
}

/// The only way in which an order changes.
///
/// An empty list of facts means: nothing changed, because it was known, or does not matter any more.
///
/// # Errors
///
/// A [`Refusal`] when the event does not fit the state, the version or the examination.
pub fn next(now: &JointOrder, event: &OrderEvent) -> Step {
    match event {
        OrderEvent::Demand { agency, version, instructions } => {
            demand(now, *agency, *version, instructions)
        }
        OrderEvent::Site { version, examination, act } => {
            if matches!(now.stage, Stage::None | Stage::Cancelled) {
                return Err(Refusal::of(Code::NoOpenInspection));
            }
            current(*version, now.version, Code::StaleVersion)?;
            current(*examination, now.examination, Code::StaleRound)?;
            site(now, act)
        }
        OrderEvent::Object { examination } => object(now, *examination),
        OrderEvent::Reopened { version } => reopened(now, *version),
        OrderEvent::Dispose { agency, examination, disposal } => {
            ended_examination(now, *examination)?;
            dispose(now, *agency, *disposal)
        }
        OrderEvent::Treated { examination, treatment } => {
            ended_examination(now, *examination)?;
            treated(now, treatment)
        }
        OrderEvent::Close { examination } => {
            ended_examination(now, *examination)?;
            close(now)
        }
        OrderEvent::Cancel { version } => Ok(cancel(now, *version)),
    }
}

fn same(now: &JointOrder) -> Step {
    Ok((now.clone(), Vec::new()))
}

fn out_of_step(now: &JointOrder) -> Refusal {
    Refusal::of(Code::InspectionOutOfStep).with("stage", now.stage.word())
}

/// A refusal about an instruction.
fn about(code: Code, key: &InstructionKey) -> Refusal {
    Refusal::of(code).with("agency", agency_word(key.agency)).with("instruction", &key.id)
}

fn at_most(what: &'static str, count: usize, most: usize) -> Result<(), Refusal> {
    if count > most {
        return Err(Refusal::of(Code::OrderTooLarge).with(what, count).with("most", most));
    }
    Ok(())
}

fn current(given: u32, is: u32, stale: Code) -> Result<(), Refusal> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let code = match given.cmp(&is) {
        Equal => return Ok(()),
        Less => stale,
        Greater => Code::NeverSent,
    };
    let (current, yours) = if stale == Code::StaleRound {
        ("current_examination", "your_examination")
    } else {
        ("current_version", "your_version")
    };
    Err(Refusal::of(code).with(current, is).with(yours, given))
}

/// Whether a decision is about an examination that is over; which one must be the current one.
fn ended_examination(now: &JointOrder, examination: u32) -> Result<(), Refusal> {
    match now.stage {
        Stage::None | Stage::Cancelled => Err(Refusal::of(Code::NoOpenInspection)),
        Stage::Ordered
        | Stage::Appointed
        | Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory
        | Stage::Found
        | Stage::Treating
        | Stage::Disposed
        | Stage::Closed => current(examination, now.examination, Code::StaleRound),
    }
}

fn site(now: &JointOrder, act: &SiteAct) -> Step {
    match act {
        SiteAct::Appoint { seen, appointment, by } => appoint(now, *seen, appointment, *by),
        SiteAct::Reschedule { seen, appointment, by, at } => {
            reschedule(now, *seen, appointment, *by, *at)
        }
        SiteAct::NoShow { seen, at } => no_show(now, *seen, *at),
        SiteAct::Assign { officers } => assign(now, officers),
        SiteAct::Replace { officer, by } => replace(now, officer, by),
        SiteAct::Present { attendance } => present(now, *attendance),
        SiteAct::Examine { method, officer } => examine(now, *method, officer),
        SiteAct::Take { sample } => take(now, sample),
        SiteAct::Send { sample, laboratory } => send(now, sample, laboratory),
        SiteAct::Report { findings } => report(now, findings),
    }
}

/// The declaration ended. An open order falls away; what was found stays on record and goods with
/// findings are still disposed of.
fn cancel(now: &JointOrder, version: u32) -> (JointOrder, Vec<OrderFact>) {
    if version < now.version || !now.stage.is_open() {
        return (now.clone(), Vec::new());
    }
    (JointOrder { stage: Stage::Cancelled, ..now.clone() }, vec![OrderFact::Cancelled])
}
