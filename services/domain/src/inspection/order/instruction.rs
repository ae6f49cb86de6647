//! What agencies want looked at, and how.

use crate::clearance::Agency;

/// Names an instruction within the order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InstructionKey {
    /// Who gave it.
    pub agency: Agency,
    /// The agency's id.
    pub id: String,
}

impl InstructionKey {
    fn parts(&self) -> (u8, &str) {
        let agency = match self.agency {
            Agency::Customs => 1,
            Agency::Quarantine => 2,
        };
        (agency, &self.id)
    }
}

impl Ord for InstructionKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl PartialOrd for InstructionKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// How goods are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// By machine, unopened (机检).
    Machine,
    /// By hand (人工查验).
    Manual,
}

impl Method {
    /// In English and Chinese.
    pub const fn titles(self) -> (&'static str, &'static str) {
        match self {
            Self::Machine => ("by machine", "机检"),
            Self::Manual => ("by hand", "人工查验"),
        }
    }
}

/// What an agency wants looked at (布控指令).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Instruction {
    /// Its name.
    pub key: InstructionKey,
    /// What to look for.
    pub text: String,
    /// The same in Chinese.
    pub text_zh: String,
    /// Lines of goods; none means the consignment.
    pub lines: Vec<u32>,
    /// The least that must be done to find the goods conform.
    pub method: Method,
    /// Only the laboratory can find the goods conform.
    pub sampling: bool,
}

impl Instruction {
    /// What a demand without instructions means: look at the consignment.
    pub fn general(agency: Agency) -> Self {
        Self {
            key: InstructionKey { agency, id: "GENERAL".into() },
            text: "look at the consignment".into(),
            text_zh: "一般查验".into(),
            lines: Vec::new(),
            method: Method::Machine,
            sampling: false,
        }
    }
}
