//! The numbers that people know a declaration by, and which declaration is meant by one.

use crate::DeclarationId;
use crate::clearance::Phase;

/// A number that a declaration has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumberKind {
    /// Of the order (订单编号).
    Order,
    /// The declarant's own (企业内部编号).
    Own,
    /// Of the way-bill of the current version (物流运单编号).
    WayBill,
    /// Of the bill of lading of the current version (提运单号).
    BillOfLading,
    /// preNo, given by the window (预录入编号).
    PreNo,
    /// invtNo, given by customs (清单编号).
    Customs,
    /// Id of the release (放行).
    Release,
}

/// A declaration that has the number which is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Which one.
    pub id: DeclarationId,
    /// Where it stands.
    pub phase: Phase,
    /// It has its business keys: no later declaration took them over.
    pub current: bool,
}

impl Holder {
    /// It goes on or was released; otherwise the same order may be declared again.
    fn stands(&self) -> bool {
        match self.phase {
            Phase::UnderReview | Phase::Inspecting | Phase::Released => true,
            Phase::Rejected | Phase::Withdrawn | Phase::Returned => false,
        }
    }
}

/// Which of those that have a number are meant by it: what stands; where nothing stands, what no later
/// declaration took the place of; where there is neither, the newest. Takes and gives them newest first.
/// More than one is for the caller to choose from.
pub fn meant(holders: Vec<Holder>) -> Vec<Holder> {
    let pick = |fits: fn(&Holder) -> bool| {
        let fitting: Vec<_> = holders.iter().copied().filter(fits).collect();
        Some(fitting).filter(|fitting| !fitting.is_empty())
    };
    pick(Holder::stands)
        .or_else(|| pick(|holder| holder.current))
        .unwrap_or_else(|| holders.iter().copied().take(1).collect())
}
