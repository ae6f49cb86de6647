//! Who takes part in the clearance of a declaration, where each stands, and who is waited for.
//!
//! [`REQUIRED`] is the one table of that: the release, what is said to be missing, and what is kept all come
//! from it. A new participant is a variant, its arms below, and a row.
//!
//! An *agency* reviews: it decides what it likes, as often as it likes, and concludes anew after an
//! inspection. A *check* is answered once a version, and says only that it is done; the risk rules may demand
//! inspections with it.

use crate::direction::Direction;

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Participant {
    /// Customs (海关).
    Customs,
    /// Entry-exit inspection and quarantine (国检).
    Quarantine,
    /// The risk rules of both (风险布控).
    RiskCheck,
    /// The duty is secured or paid (税款担保).
    Duty,
}

/// The two agencies whose verdicts count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Agency {
    /// Customs (海关).
    Customs,
    /// Entry-exit inspection and quarantine (国检).
    Quarantine,
}

impl Agency {
    /// Both, in the order in which they are named.
    pub const ALL: [Self; 2] = [Self::Customs, Self::Quarantine];

    /// In English and Chinese.
    pub const fn titles(self) -> (&'static str, &'static str) {
        match self {
            Self::Customs => ("customs", "海关"),
            Self::Quarantine => ("quarantine", "国检"),
        }
    }
}

/// Where one participant stands in the current round. A check is pending or cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stand {
    /// Nothing heard yet.
    Pending,
    /// Taken into its database (120).
    Accepted,
    /// Somebody reviews it (300).
    ManualReview,
    /// Examination of the data concluded (399).
    Concluded,
    /// Asked for the joint inspection and waits for findings (500).
    WantsInspection,
    /// Waits for documents. Only the same agency lifts it.
    Held,
    /// The same, and the firm is to answer a request that lists them (补充单证).
    AwaitsDocuments,
    /// The goods are detained (501 to 599). Only the same agency ends it.
    Detained,
    /// No objection.
    Cleared,
}

/// When a participant is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequirementScope {
    /// In every window.
    Always,
    /// In a window that asks it.
    Asked,
}

/// A row of [`REQUIRED`].
#[derive(Debug, Clone, Copy)]
pub struct Requirement {
    /// Who has to clear.
    pub who: Participant,
    /// What goes these ways.
    pub directions: &'static [Direction],
    /// In these trade modes; empty stands for every one.
    pub modes: &'static [&'static str],
    /// In which windows.
    pub when: RequirementScope,
}

const BOTH: &[Direction] = &[Direction::Import, Direction::Export];
const EVERY: &[&str] = &[];

/// Who has to clear a declaration before it is released.
pub const REQUIRED: &[Requirement] = &[
    Requirement {
        who: Participant::Customs,
        directions: BOTH,
        modes: EVERY,
        when: RequirementScope::Always,
    },
    Requirement {
        who: Participant::Quarantine,
        directions: BOTH,
        modes: EVERY,
        when: RequirementScope::Always,
    },
    Requirement {
        who: Participant::RiskCheck,
        directions: BOTH,
        modes: EVERY,
        when: RequirementScope::Asked,
    },
    Requirement {
        who: Participant::Duty,
        directions: &[Direction::Import],
        modes: EVERY,
        when: RequirementScope::Asked,
    },
];

impl Participant {
    /// All of them, in the order in which they are kept and named.
    pub const ALL: [Self; 4] = [Self::Customs, Self::Quarantine, Self::RiskCheck, Self::Duty];

    /// Its place in [`Participant::ALL`].
    pub fn place(self) -> usize {
        match self {
            Self::Customs => 0,
            Self::Quarantine => 1,
            Self::RiskCheck => 2,
            Self::Duty => 3,
        }
    }

    /// The agency that it is; `None` for a check.
    pub fn agency(self) -> Option<Agency> {
        match self {
            Self::Customs => Some(Agency::Customs),
            Self::Quarantine => Some(Agency::Quarantine),
            Self::RiskCheck | Self::Duty => None,
        }
    }
}

impl From<Agency> for Participant {
    fn from(agency: Agency) -> Self {
        match agency {
            Agency::Customs => Self::Customs,
            Agency::Quarantine => Self::Quarantine,
        }
    }
}

/// Where each participant stands. Who has no stand is not waited for; an agency gets one by whatever it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Stands([Option<Stand>; Participant::ALL.len()]);

impl Stands {
    /// Those of a declaration that was just filed, in a window that asks these besides.
    pub fn required(direction: Direction, trade_mode: &str, asked: &[Participant]) -> Self {
        let applies = |row: &&Requirement| {
            let in_mode = row.modes.is_empty() || row.modes.contains(&trade_mode);
            let here = row.when == RequirementScope::Always || asked.contains(&row.who);
            row.directions.contains(&direction) && in_mode && here
        };
        let rows = REQUIRED.iter().filter(applies);
        rows.fold(Self::default(), |stands, row| stands.with(row.who, Stand::Pending))
    }

    /// Where one stands; `None` when it is not waited for.
    pub fn of(&self, who: Participant) -> Option<Stand> {
        self.0[who.place()]
    }

    /// Where an agency stands.
    pub fn of_agency(&self, agency: Agency) -> Stand {
        // An agency that is not waited for may still speak.
        self.of(agency.into()).unwrap_or(Stand::Pending)
    }

    /// The same, but for one.
    #[must_use]
    pub fn with(mut self, who: Participant, stand: Stand) -> Self {
        self.0[who.place()] = Some(stand);
        self
    }

    /// Each anew, by where it stands.
    #[must_use]
    pub fn map(self, mut of: impl FnMut(Participant, Option<Stand>) -> Option<Stand>) -> Self {
        Self(Participant::ALL.map(|who| of(who, self.of(who))))
    }

    /// Those that have not cleared.
    pub fn missing(&self) -> impl Iterator<Item = Participant> + use<'_> {
        let missing = |who: &Participant| self.of(*who).is_some_and(|it| it != Stand::Cleared);
        Participant::ALL.into_iter().filter(missing)
    }
}
