//! What is said about a declaration over the exchange, as it reaches the rules: one head, and what is said.
//!
//! A new kind of answer is a variant of [`Payload`], its arms below, and its arms in `proto::exchange`.

use crate::clearance::{Agency, Clearance, Demands, Event, Joint, Outcome};
use crate::document_request::DocumentRequest;
use crate::history::{
    DutyProgress, DutyStep, ExportProgress, Finding, InspectionProgress, Reason, ReceiptProgress,
};
use crate::participant::Participant;
use crate::refusal::{Code, Refusal};
use crate::subscriber::Subscriber;
use crate::{DeclarationId, OrderId, RequestId};

/// What somebody says about one version of one declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeAnswer {
    /// Made and kept by whoever says it.
    pub request: RequestId,
    /// Which declaration.
    pub declaration: DeclarationId,
    /// The version that was looked at, or that the order or the objection is about.
    pub version: u32,
    /// The round of review; of no account where the version alone counts.
    pub round: u32,
    /// Who says it.
    pub by: Subscriber,
    /// What.
    pub what: Payload,
}

/// The kinds of things that are said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// A participant decides.
    Verdict {
        /// What.
        outcome: Outcome,
        /// Why, or instructions.
        reasons: Vec<Reason>,
        /// What the risk rules demand; nothing when no rule applies.
        demands: Vec<Demand>,
        /// The documents that it waits for, with [`Outcome::AwaitsDocuments`].
        documents: Option<DocumentRequest>,
    },
    /// What the site found.
    Findings {
        /// On which order.
        order_id: OrderId,
        /// At least one for each agency that instructed.
        findings: Vec<Finding>,
    },
    /// A second examination, on objection (复验).
    Reopening {
        /// Which order.
        order_id: OrderId,
        /// Why.
        reason: String,
    },
    /// What happens to an order: told to everybody concerned, without effect on the declaration.
    Progress(InspectionProgress),
    /// What happens to the duty: told to the firm, without effect on the declaration.
    Duty(DutyProgress),
    /// What happens to the money for an export: told to the firm, without effect on the declaration.
    Receipt(ReceiptProgress),
    /// What documents of customs tell of an export: told to the firm, without effect on the declaration.
    Export(ExportProgress),
    /// A file of a bank, for the payment service.
    BankFile(String),
}

/// An inspection that the rules of an agency demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Whose rules.
    pub agency: Agency,
    /// What to look at.
    pub instructions: Vec<Reason>,
}

impl ExchangeAnswer {
    /// What it means for the machine, given the declaration and its order; `None` for what changes no state.
    ///
    /// # Errors
    ///
    /// [`Code::NoOpenInspection`] when it is about another order, or reports on one that is not open.
    pub fn event(&self, now: &Clearance, order: Option<OrderId>) -> Result<Option<Event>, Refusal> {
        let (version, round) = (self.version, self.round);
        let about = |named: OrderId| match order {
            Some(order) if order == named => Ok(()),
            Some(_) | None => Err(Refusal::of(Code::NoOpenInspection)),
        };
        Ok(Some(match &self.what {
            Payload::Verdict { outcome, demands, .. } => {
                let by = self.by.row().participant.ok_or_else(|| {
                    let refusal = Refusal::of(Code::NotYourAgency);
                    refusal.with("reason", "it listens and gives no verdict")
                })?;
                if by != Participant::RiskCheck && !demands.is_empty() {
                    let reason = "only the risk rules demand inspections besides";
                    return Err(Refusal::of(Code::NotYourAgency).with("reason", reason));
                }
                let demanded = |by: Agency| demands.iter().any(|demand| demand.agency == by);
                let demands = Demands {
                    customs: demanded(Agency::Customs),
                    quarantine: demanded(Agency::Quarantine),
                };
                Event::Verdict { by, version, round, outcome: *outcome, demands }
            }
            Payload::Findings { order_id, findings } => {
                if now.joint != Joint::Open {
                    return Err(Refusal::of(Code::NoOpenInspection));
                }
                about(*order_id)?;
                let answers = |agency: Agency| findings.iter().any(|f| f.instructed_by == agency);
                Event::Findings {
                    version,
                    round,
                    for_customs: answers(Agency::Customs),
                    for_quarantine: answers(Agency::Quarantine),
                }
            }
            Payload::Reopening { order_id, .. } => {
                about(*order_id)?;
                Event::Reopen { version }
            }
            Payload::Progress(moved) => {
                about(moved.order_id)?;
                return Ok(None);
            }
            Payload::Duty(_) | Payload::Receipt(_) | Payload::Export(_) => return Ok(None),
            Payload::BankFile(_) => {
                let reason = "files of banks are for the payment service";
                return Err(Refusal::of(Code::FrameUnexpected).with("reason", reason));
            }
        }))
    }

    /// Who is told besides the declarant: whoever stands for a duty, of its own guarantee.
    pub fn guarantor(&self) -> Option<&str> {
        match &self.what {
            Payload::Duty(moved) if moved.step == DutyStep::Low => Some(&moved.assure_code),
            _ => None,
        }
    }

    /// Whether it is kept under its request id. A check is repeated safely by the state itself, and there is
    /// one for every declaration.
    pub fn is_kept(&self) -> bool {
        let is_check = self.by.row().participant.and_then(Participant::agency).is_none();
        !(is_check && matches!(self.what, Payload::Verdict { .. }))
    }
}

impl Payload {
    /// What is decided, where something is.
    pub fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Verdict { outcome, .. } => Some(*outcome),
            Self::Findings { .. }
            | Self::Reopening { .. }
            | Self::Progress(_)
            | Self::Duty(_)
            | Self::Receipt(_)
            | Self::Export(_)
            | Self::BankFile(_) => None,
        }
    }

    /// The reasons of a participant, or what the rules of an agency want to be looked at. What follows from
    /// findings has its reasons in them.
    pub fn reasons(&self, who: Participant) -> Vec<Reason> {
        match self {
            Self::Verdict { reasons, demands, .. } => {
                let own = demands.iter().filter(|demand| Participant::from(demand.agency) == who);
                let instructions = own.flat_map(|demand| &demand.instructions);
                reasons.iter().chain(instructions).cloned().collect()
            }
            Self::Findings { .. }
            | Self::Reopening { .. }
            | Self::Progress(_)
            | Self::Duty(_)
            | Self::Receipt(_)
            | Self::Export(_)
            | Self::BankFile(_) => Vec::new(),
        }
    }
}

/// What became of a decision that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerEffect {
    /// It took effect.
    Applied,
    /// It had taken effect before.
    Duplicate,
    /// Kept without effect.
    Ignored,
}
