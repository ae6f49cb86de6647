//! What agencies say: verdicts and findings, as they reach the rules.

use crate::clearance::{Agency, Outcome};
use crate::history::{Finding, Reason};
use crate::{DeclarationId, Kind, OrderId, RequestId};

/// A consumer of the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Desk {
    /// Customs.
    Customs,
    /// Entry-exit inspection.
    Inspection,
    /// The examination site; it reports and does not decide.
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
            Kind::Site => Some(Self::Site),
            Kind::Enterprise | Kind::Agent | Kind::Administrator | Kind::Gateway => None,
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
    /// At least one for each agency that instructed.
    pub findings: Vec<Finding>,
}

/// Anything that an agency's system may say about a declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A verdict.
    Verdict(Verdict),
    /// A report.
    Report(Report),
}

impl Decision {
    /// The request.
    pub fn request_id(&self) -> RequestId {
        match self {
            Self::Verdict(verdict) => verdict.request_id,
            Self::Report(report) => report.request_id,
        }
    }

    /// The declaration.
    pub fn declaration(&self) -> DeclarationId {
        match self {
            Self::Verdict(verdict) => verdict.declaration,
            Self::Report(report) => report.declaration,
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
