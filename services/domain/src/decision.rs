//! What agencies and the inspection service say, as it reaches the rules.

use crate::clearance::{Agency, Outcome};
use crate::history::{Finding, Moved, Reason};
use crate::{DeclarationId, Kind, OrderId, RequestId};

/// A consumer of the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Desk {
    /// Customs.
    Customs,
    /// Entry-exit inspection.
    Inspection,
    /// The inspection service, for the examination sites; it reports and does not decide.
    Site,
}

impl Desk {
    /// As it is stored.
    pub fn column(self) -> i16 {
        match self {
            Self::Customs => 1,
            Self::Inspection => 2,
            Self::Site => 3,
        }
    }

    /// The desk of a kind of caller; `None` when it has none.
    pub fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Customs => Some(Self::Customs),
            Kind::Inspection => Some(Self::Inspection),
            Kind::Examiner => Some(Self::Site),
            Kind::Enterprise | Kind::Agent | Kind::Site | Kind::Administrator | Kind::Gateway => {
                None
            }
        }
    }

    /// The agency whose verdicts it gives; `None` for the site.
    pub fn agency(self) -> Option<Agency> {
        match self {
            Self::Customs => Some(Agency::Customs),
            Self::Inspection => Some(Agency::Inspection),
            Self::Site => None,
        }
    }
}

/// An agency's decision on one version of one declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Made and kept by the agency.
    pub request_id: RequestId,
    /// Which declaration.
    pub declaration: DeclarationId,
    /// Who.
    pub agency: Agency,
    /// On which version.
    pub version: u32,
    /// In which round.
    pub round: u32,
    /// What.
    pub outcome: Outcome,
    /// Why, or instructions.
    pub reasons: Vec<Reason>,
}

/// What the site found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Made and kept by the site.
    pub request_id: RequestId,
    /// Which declaration.
    pub declaration: DeclarationId,
    /// On which order.
    pub order_id: OrderId,
    /// On which version the order was opened.
    pub version: u32,
    /// In which round; a second examination has a later one.
    pub round: u32,
    /// At least one for each agency that instructed.
    pub findings: Vec<Finding>,
}

/// What the risk rules say about one version: asked once, whatever they demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targeting {
    /// Made by the inspection service; the answer is found by it.
    pub request_id: RequestId,
    /// Which declaration.
    pub declaration: DeclarationId,
    /// On which version.
    pub version: u32,
    /// What is demanded; nothing when no rule applies.
    pub demands: Vec<Demand>,
}

impl Targeting {
    /// Whether the rules of an agency demand an inspection.
    pub fn demanded_by(&self, agency: Agency) -> bool {
        self.demands.iter().any(|demand| demand.agency == agency)
    }

    /// What an agency's rules want to be looked at.
    pub fn instructions(&self, agency: Agency) -> Vec<Reason> {
        let own = self.demands.iter().filter(|demand| demand.agency == agency);
        own.flat_map(|demand| demand.instructions.iter().cloned()).collect()
    }
}

/// An inspection that the rules of an agency demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Whose rules.
    pub agency: Agency,
    /// What to look at.
    pub instructions: Vec<Reason>,
}

/// A second examination, on objection (复验).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reopening {
    /// Made and kept by the inspection service.
    pub request_id: RequestId,
    /// Which declaration.
    pub declaration: DeclarationId,
    /// Which order.
    pub order_id: OrderId,
    /// Version that the objection is about.
    pub version: u32,
    /// Why.
    pub reason: String,
}

/// What happens to an order: told to everybody concerned, without effect on the declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Made and kept by the inspection service.
    pub request_id: RequestId,
    /// Which declaration.
    pub declaration: DeclarationId,
    /// What happened, and to which order.
    pub moved: Moved,
}

/// Anything that an agency's system or the inspection service may say about a declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A verdict.
    Verdict(Verdict),
    /// A report.
    Report(Report),
    /// What the risk rules say.
    Targeting(Targeting),
    /// A second examination.
    Reopening(Reopening),
    /// What happens to an order.
    News(News),
}

impl Decision {
    /// The request.
    pub fn request_id(&self) -> RequestId {
        match self {
            Self::Verdict(verdict) => verdict.request_id,
            Self::Report(report) => report.request_id,
            Self::Targeting(targeting) => targeting.request_id,
            Self::Reopening(reopening) => reopening.request_id,
            Self::News(news) => news.request_id,
        }
    }

    /// The declaration.
    pub fn declaration(&self) -> DeclarationId {
        match self {
            Self::Verdict(verdict) => verdict.declaration,
            Self::Report(report) => report.declaration,
            Self::Targeting(targeting) => targeting.declaration,
            Self::Reopening(reopening) => reopening.declaration,
            Self::News(news) => news.declaration,
        }
    }
}

/// What became of a decision that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// It took effect.
    Applied,
    /// It had taken effect before.
    Duplicate,
    /// Kept without effect.
    Ignored,
}
