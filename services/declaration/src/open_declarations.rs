//! What is remembered of open declarations, so that the next verdict need not load them.
//!
//! The invariant: whoever changes a declaration moves the head of its slot in the same transaction. So what is
//! remembered of a slot is true as long as its head, once locked, is where this process left it; when it is
//! not, another process wrote there, or the end of a transaction was not heard, and all of the slot is
//! forgotten. What a transaction takes out comes back after its commit, or never: one that is rolled back
//! leaves nothing wrong behind.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::clearance::Phase;
use domain::{DeclarationId, limits};
use store::journal::Heads;

use crate::row::DeclarationRow;

/// Declarations by their ids.
pub(crate) type Rows = HashMap<DeclarationId, DeclarationRow>;

/// The memory of a process.
#[derive(Debug, Default)]
pub(crate) struct OpenDeclarations(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// By the column of the slot.
    slots: HashMap<i16, SlotState>,
    /// What was put in lately, and what was before that: when the first is full, the second is forgotten.
    recent: HashMap<DeclarationId, CachedRow>,
    earlier: HashMap<DeclarationId, CachedRow>,
}

/// What is known of a slot.
#[derive(Debug, Default)]
struct SlotState {
    head: i64,
    /// Rows of an earlier one are no longer true.
    generation: u64,
}

#[derive(Debug)]
struct CachedRow {
    generation: u64,
    row: DeclarationRow,
}

impl OpenDeclarations {
    /// Takes out what is remembered of these, whose slots are locked.
    pub(crate) fn take(&self, heads: &Heads, ids: &[DeclarationId]) -> Rows {
        let mut memory = self.lock();
        heads.positions().for_each(|(slot, head)| memory.see(slot, head));
        ids.iter().filter_map(|id| Some((*id, memory.take(*id)?))).collect()
    }

    /// Remembers what is open of these, as they are after the commit that moved the heads there.
    pub(crate) fn remember(&self, heads: &Heads, rows: Rows) {
        let mut memory = self.lock();
        for (id, row) in rows {
            let is_open = match row.clearance.phase {
                Phase::UnderReview | Phase::Inspecting => true,
                Phase::Released | Phase::Rejected | Phase::Withdrawn | Phase::Returned => false,
            };
            if let Some(head) = heads.position(id.slot()).filter(|_| is_open) {
                memory.put(head, row);
            }
        }
        heads.positions().for_each(|(slot, head)| memory.leave(slot, head));
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// The head of a slot is locked and there: elsewhere than it was left, nothing of the slot is true any more.
    fn see(&mut self, slot: i16, head: i64) {
        let known = self.slots.entry(slot).or_default();
        if known.head != head {
            *known = SlotState { head, generation: known.generation + 1 };
        }
    }

    fn take(&mut self, id: DeclarationId) -> Option<DeclarationRow> {
        let found = self.recent.remove(&id).or_else(|| self.earlier.remove(&id))?;
        let known = self.slots.get(&id.slot().column())?;
        (found.generation == known.generation).then_some(found.row)
    }

    /// A row as it was when the head of its slot was there. A check without effect may have locked the slot
    /// since, and have seen what another process did after that.
    fn put(&mut self, head: i64, row: DeclarationRow) {
        let Some(known) = self.slots.get(&row.id.slot().column()) else { return };
        if known.head > head {
            return;
        }
        if self.recent.len() >= limits::OPEN_REMEMBERED_MAX {
            self.earlier = std::mem::take(&mut self.recent);
        }
        self.earlier.remove(&row.id);
        let stored_phase = Some(row.clearance.phase);
        let row = DeclarationRow { added: Vec::new(), stored_phase, ..row };
        self.recent.insert(row.id, CachedRow { generation: known.generation, row });
    }

    /// The head of a slot was moved there, by whoever had locked it.
    fn leave(&mut self, slot: i16, head: i64) {
        let known = self.slots.entry(slot).or_default();
        known.head = known.head.max(head);
    }
}

#[cfg(test)]
mod tests {
    use domain::Slot;
    use domain::clearance::Clearance;
    use domain::declaration::Direction;
    use domain::participant::Stands;
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;
    use crate::answers::AppliedAnswers;

    const SLOT: i16 = 7;

    fn id(number: u128) -> DeclarationId {
        let slot = Slot::new(7).expect("a slot");
        DeclarationId::new(Uuid::from_u128(number << 16), slot)
    }

    fn row(id: DeclarationId) -> DeclarationRow {
        DeclarationRow {
            id,
            declarant_code: String::new(),
            ebc_code: String::new(),
            order_no: String::new(),
            cop_no: String::new(),
            logistics_no: String::new(),
            bill_no: String::new(),
            direction: Direction::Export,
            trade_mode: String::new(),
            customs_code: String::new(),
            pre_no: String::new(),
            invt_no: None,
            filed_time: OffsetDateTime::UNIX_EPOCH,
            national: false,
            current: true,
            clearance: Clearance::filed(Stands::default()),
            stored_phase: None,
            answers: AppliedAnswers::default(),
            added: vec![1],
            order: None,
        }
    }

    /// A transaction that finds the head there and moves it by one; whether it knew the row, which it puts back.
    fn transaction(memory: &mut Memory, head: i64, number: u128) -> bool {
        memory.see(SLOT, head);
        let known = memory.take(id(number));
        assert!(known.iter().all(|row| row.added.is_empty()), "it is as it was kept");
        memory.put(head + 1, row(id(number)));
        memory.leave(SLOT, head + 1);
        known.is_some()
    }

    #[test]
    fn what_was_left_is_known_while_the_head_is_where_it_was_left() {
        let mut memory = Memory::default();
        assert!(!transaction(&mut memory, 0, 1));
        assert!(transaction(&mut memory, 1, 1));
        assert!(!transaction(&mut memory, 2, 2), "another one is not");
        assert!(transaction(&mut memory, 3, 1));
        assert!(transaction(&mut memory, 4, 2));
        assert!(!transaction(&mut memory, 6, 1), "somebody else wrote one entry");
        assert!(!transaction(&mut memory, 7, 2), "of whatever in the slot");
        assert!(transaction(&mut memory, 8, 2));
        assert!(!transaction(&mut memory, 8, 2), "a commit of ours that nobody has");
    }

    #[test]
    fn what_is_rolled_back_or_never_heard_of_is_loaded_again() {
        let mut memory = Memory::default();
        transaction(&mut memory, 0, 1);
        transaction(&mut memory, 1, 2);
        memory.see(SLOT, 2);
        assert!(memory.take(id(1)).is_some(), "then it is rolled back");
        assert!(!transaction(&mut memory, 2, 1));
        assert!(transaction(&mut memory, 3, 2), "the others are true as before");
        memory.see(SLOT, 4);
        assert!(memory.take(id(1)).is_some(), "then it is committed, and the answer lost");
        assert!(!transaction(&mut memory, 5, 2));
    }

    #[test]
    fn who_looks_between_a_commit_and_its_end_leaves_nothing_false() {
        let mut memory = Memory::default();
        transaction(&mut memory, 0, 1);
        // A commit moves the head to 2; before it is remembered, a check locks the slot.
        memory.see(SLOT, 1);
        memory.see(SLOT, 2);
        memory.put(2, row(id(2)));
        memory.leave(SLOT, 2);
        assert!(transaction(&mut memory, 2, 2), "as it is since the commit");
        // The same, and another process writes before the check.
        memory.see(SLOT, 3);
        memory.see(SLOT, 5);
        memory.put(4, row(id(3)));
        memory.leave(SLOT, 4);
        assert!(!transaction(&mut memory, 5, 3), "it may have been changed at 5");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_moves_stays() {
        let mut memory = Memory::default();
        let most = u128::try_from(limits::OPEN_REMEMBERED_MAX).expect("few");
        memory.see(SLOT, 0);
        for number in 1..=3 * most {
            memory.put(0, row(id(number)));
            let moves = memory.take(id(1));
            memory.put(0, moves.expect("it is not forgotten"));
        }
        assert!(memory.recent.len() + memory.earlier.len() <= 2 * limits::OPEN_REMEMBERED_MAX);
        assert!(memory.take(id(2)).is_none());
    }
}
