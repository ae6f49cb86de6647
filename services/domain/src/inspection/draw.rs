//! Random selection of goods and of officers (双随机) that anybody can recompute.
//!
//! The method is ours; that goods and officers are both drawn is the rule of 双随机、一公开
//! (国办发〔2015〕58号, unverified).
//!
//! **Seed.** A day (China Standard Time) has one seed of 32 random bytes. In the morning its commitment
//! is published ([`Seed::commitment`]), after the day the seed itself. So nobody can aim at a draw, and
//! nobody can change one.
//!
//! **Digest.** Everything is drawn from
//!
//! ```text
//! SHA-256( "single-window/draw/1" 00 | purpose 00 | seed | subject | key | counter )
//!           20 bytes ASCII            ASCII        32     16        UTF-8  4 bytes, big-endian
//! ```
//!
//! `00` is one zero byte. Purpose is `goods` or `officers`. Subject is the UUID of the declaration (for
//! goods) or of the order (for officers), in network order. Key is `customs/` or `quarantine/` and the
//! rule's id (for goods), or the number of the examination in decimal, `/` and the officer's id (for
//! officers). The counter is 0. See [`Draw::preimage`].
//!
//! **Number below n, without modulo bias.** The digest is four big-endian numbers of 64 bits. The first
//! that is below the largest multiple of n under 2^64 − 1 is taken modulo n. When all four are not, the
//! counter goes up by one. Goods are drawn below 10,000 and selected when the number is below the
//! rate in basis points. The version of the rule set is not in the digest, so a dry run of a new
//! version makes the same draws.
//!
//! **Officers.** Candidates stand in the order of their digests, lowest first, and those at the front
//! that have no conflict are chosen. The order of the list does not matter, and a candidate who is
//! added or removed changes nothing among the others.
//!
//! This crate has no hash function: the caller gives SHA-256.

use std::collections::BTreeMap;

use time::Date;
use uuid::Uuid;

use crate::clearance::Agency;

/// SHA-256, given by the caller.
pub type Sha256 = fn(&[u8]) -> [u8; 32];

/// First word of every digest of a draw.
const DRAW_LABEL: &[u8] = b"single-window/draw/1\0";
/// First word of every commitment.
const SEED_LABEL: &[u8] = b"single-window/seed/1\0";
/// One, in basis points: what goods are drawn below.
pub const ONE_BP: u32 = 10_000;
/// Digests tried for one number. With SHA-256 the second is needed less than once in 2^128 draws; the
/// bound only stops a function that is no hash.
const COUNTERS_MAX: u32 = 8;

/// The seed of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed {
    /// The day, China Standard Time.
    pub day: Date,
    /// Random bytes, secret until the day is over.
    pub bytes: [u8; 32],
}

impl Seed {
    /// What is published in the morning:
    /// `SHA-256( "single-window/seed/1" 00 | YYYY-MM-DD 00 | seed )`.
    pub fn commitment(&self, sha256: Sha256) -> [u8; 32] {
        let mut bytes = SEED_LABEL.to_vec();
        bytes.extend_from_slice(self.day.to_string().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&self.bytes);
        sha256(&bytes)
    }
}

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DrawPurpose {
    /// Whether goods are looked at.
    Goods,
    /// Who looks at them.
    Officers,
}

impl DrawPurpose {
    /// Its word in the digest.
    pub fn word(self) -> &'static str {
        match self {
            Self::Goods => "goods",
            Self::Officers => "officers",
        }
    }
}

/// Draws for one declaration or order.
#[derive(Debug, Clone, Copy)]
pub struct Draw {
    /// The seed of the day.
    pub seed: Seed,
    /// Declaration or order.
    pub subject: Uuid,
    /// SHA-256.
    pub sha256: Sha256,
}

/// A number that was drawn, with everything that is needed to draw it again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DrawnNumber {
    /// Which seed.
    pub seed: Seed,
    /// Declaration or order.
    pub subject: Uuid,
    /// What for.
    pub purpose: DrawPurpose,
    /// Its key.
    pub key: String,
    /// The counter of the digest that was used.
    pub counter: u32,
    /// The number.
    pub number: u32,
    /// Every number below this one was as likely.
    pub below: u32,
}

impl Draw {
    /// The bytes whose SHA-256 is the digest.
    pub fn preimage(&self, purpose: DrawPurpose, key: &str, counter: u32) -> Vec<u8> {
        let mut bytes = DRAW_LABEL.to_vec();
        bytes.extend_from_slice(purpose.word().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&self.seed.bytes);
        bytes.extend_from_slice(self.subject.as_bytes());
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(&counter.to_be_bytes());
        bytes
    }

    /// The digest.
    pub fn digest(&self, purpose: DrawPurpose, key: &str, counter: u32) -> [u8; 32] {
        (self.sha256)(&self.preimage(purpose, key, counter))
    }

    /// A number below `below`; a bound of zero counts as one.
    pub fn number(&self, purpose: DrawPurpose, key: &str, below: u32) -> DrawnNumber {
        let below = below.max(1);
        let tries = (0..COUNTERS_MAX)
            .map(|counter| (counter, uniform(&self.digest(purpose, key, counter), below)));
        let found = tries.into_iter().find_map(|(counter, n)| n.map(|n| (counter, n)));
        let (counter, number) = found.unwrap_or((COUNTERS_MAX, 0));
        let key = key.to_owned();
        DrawnNumber { seed: self.seed, subject: self.subject, purpose, key, counter, number, below }
    }

    /// The number that decides whether a rule of random selection takes the goods.
    pub fn goods(&self, agency: Agency, rule: &str) -> DrawnNumber {
        let key = format!("{}/{rule}", super::agency_word(agency));
        self.number(DrawPurpose::Goods, &key, ONE_BP)
    }
}

/// The first of the four words that does not favour small numbers.
fn uniform(digest: &[u8; 32], below: u32) -> Option<u32> {
    let below = u64::from(below);
    let fair_below = u64::MAX - u64::MAX % below;
    let (words, _) = digest.as_chunks::<8>();
    let word =
        words.iter().map(|word| u64::from_be_bytes(*word)).find(|word| *word < fair_below)?;
    u32::try_from(word % below).ok()
}

/// An officer who may be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Id of the officer.
    pub officer: String,
    /// Of which agency. A joint inspection draws for each agency on its own.
    pub agency: Agency,
    /// First and last days of leave.
    pub leave: Vec<(Date, Date)>,
    /// The firm whose last examination this officer made. Others who examined its goods earlier may do
    /// so again, or a firm would run out of officers.
    pub last_firm: Option<String>,
    /// Firms where a relative works or that this officer has a share in.
    pub related_firms: Vec<String>,
}

/// What officers are drawn for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawTask {
    /// The agency that sends them.
    pub agency: Agency,
    /// The day of the appointment, China Standard Time.
    pub day: Date,
    /// Codes of every firm in the declaration.
    pub firms: Vec<String>,
    /// 1, or 2 for a second examination.
    pub examination: u32,
    /// Who took part in the first examination: they do not take part in the second (海关进出口货物查验
    /// 管理办法, GACC Order 138, unverified).
    pub earlier: Vec<String>,
}

/// Why somebody cannot be chosen. The list is ours; avoidance (回避) as such is in the Customs Law
/// (unverified).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conflict {
    /// On leave until this day.
    OnLeave {
        /// Last day.
        until: Date,
    },
    /// Made the last examination of goods of this firm.
    SameFirmAsLastTime {
        /// The firm.
        firm: String,
    },
    /// Related to this firm.
    Related {
        /// The firm.
        firm: String,
    },
    /// Took part in the first examination.
    ExaminedBefore,
}

/// Every reason why a candidate cannot take part.
pub fn conflicts(candidate: &Candidate, task: &DrawTask) -> Vec<Conflict> {
    let mut found = Vec::new();
    for (first, last) in &candidate.leave {
        if (*first..=*last).contains(&task.day) {
            found.push(Conflict::OnLeave { until: *last });
        }
    }
    let concerned = |firm: &&String| task.firms.contains(*firm);
    if let Some(firm) = candidate.last_firm.as_ref().filter(concerned) {
        found.push(Conflict::SameFirmAsLastTime { firm: firm.clone() });
    }
    for firm in candidate.related_firms.iter().filter(concerned) {
        found.push(Conflict::Related { firm: firm.clone() });
    }
    if task.earlier.contains(&candidate.officer) {
        found.push(Conflict::ExaminedBefore);
    }
    found
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Goes.
    Chosen,
    /// Would have gone, or might have, but for this.
    PassedOver(Vec<Conflict>),
    /// Enough stood before.
    NotReached,
}

/// A candidate in the order of the draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rank {
    /// Who.
    pub officer: String,
    /// The digest that gives the place.
    pub digest: [u8; 32],
    /// What became of it.
    pub fate: Fate,
}

/// A draw of officers that explains itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Every candidate of the agency once, in the order of the draw.
    pub ranks: Vec<Rank>,
    /// How many more were wanted. No conflict is ever overlooked to fill the places.
    pub missing: usize,
}

impl Selection {
    /// Who goes.
    pub fn chosen(&self) -> impl Iterator<Item = &str> {
        let chosen = self.ranks.iter().filter(|rank| rank.fate == Fate::Chosen);
        chosen.map(|rank| rank.officer.as_str())
    }
}

/// Draws officers for one agency. `draw.subject` is the order. A candidate who is listed twice is one,
/// with the conflicts of both.
pub fn officers(
    draw: &Draw,
    candidates: &[Candidate],
    task: &DrawTask,
    how_many: usize,
) -> Selection {
    let mut ranked: BTreeMap<([u8; 32], &str), Vec<Conflict>> = BTreeMap::new();
    for candidate in candidates.iter().filter(|candidate| candidate.agency == task.agency) {
        let key = format!("{}/{}", task.examination, candidate.officer);
        let digest = draw.digest(DrawPurpose::Officers, &key, 0);
        let held = ranked.entry((digest, &candidate.officer)).or_default();
        held.extend(conflicts(candidate, task));
        held.sort_unstable();
        held.dedup();
    }
    let mut missing = how_many;
    let mut ranks = Vec::with_capacity(ranked.len());
    for ((digest, officer), conflicts) in ranked {
        let fate = if !conflicts.is_empty() {
            Fate::PassedOver(conflicts)
        } else if missing == 0 {
            Fate::NotReached
        } else {
            missing -= 1;
            Fate::Chosen
        };
        ranks.push(Rank { officer: officer.to_owned(), digest, fate });
    }
    Selection { ranks, missing }
}
