//! A tax bill and goods that come back (税单、退货): what of each tax is given back.
//!
//! Parts are computed from what was billed, never again from prices and rates: of each tax of each line, what is
//! due back for all that came back so far, less what was given back before. So the parts add up to the tax of the
//! line, and the last one takes the rest, however the goods come back.

/// How a bill stands, as customs numbers it.
///
/// ```text
/// MadeOut ──► Collected     from day 31 on, into a payment order
///         └─► Void          when everything is back
/// ```
///
/// What comes back after the collection is given back of the order; that bill cannot become void any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BillStatus {
    /// Made out (已生成).
    MadeOut,
    /// In a payment order (已汇总).
    Collected,
    /// Void (作废).
    Void,
}

/// What happens to a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BillEvent {
    /// It is collected into a payment order.
    Collected,
    /// Everything came back.
    AllBack,
}

/// The next status; `None` for what changes nothing there.
pub fn next(status: BillStatus, event: BillEvent) -> Option<BillStatus> {
    match (status, event) {
        (BillStatus::MadeOut, BillEvent::Collected) => Some(BillStatus::Collected),
        (BillStatus::MadeOut, BillEvent::AllBack) => Some(BillStatus::Void),
        (BillStatus::Collected | BillStatus::Void, BillEvent::Collected | BillEvent::AllBack) => {
            None
        }
    }
}

/// Duty, VAT and consumption tax, in fen.
pub type Taxes = [i64; 3];

/// A line of a bill, as far as goods that come back need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BilledLine {
    /// Its number.
    pub gnum: u32,
    /// How much there was, in 1/100000.
    pub qty_e5: i64,
    /// How much of it came back.
    pub returned_e5: i64,
    /// Price of the line in 1/100000 yuan.
    pub price_e5: i64,
    /// What was billed.
    pub taxes: Taxes,
}

/// What comes back by one application.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GivenBack {
    /// Of each tax, in fen.
    pub taxes: Taxes,
    /// Of the prices of the goods, in fen.
    pub value_fen: i64,
}

impl BilledLine {
    /// How much of an amount of the line is due for all that came back so far; all of it with the last piece.
    fn share(&self, amount: i64) -> i64 {
        let (amount, all) = (i128::from(amount), i128::from(self.qty_e5.max(1)));
        // No more comes back than there was, so the share is no more than the amount.
        i64::try_from(amount * i128::from(self.returned_e5) / all).unwrap_or(i64::MAX)
    }
}

/// Takes goods back: for each line its number and a quantity, at most what is left of it.
pub fn give_back(lines: &mut [BilledLine], goods: &[(u32, i64)]) -> GivenBack {
    let sum = |lines: &[BilledLine]| {
        let mut sum = GivenBack::default();
        for line in lines {
            for (of, tax) in sum.taxes.iter_mut().zip(line.taxes) {
                *of += line.share(tax);
            }
            sum.value_fen += line.share(crate::documents::limits::fen(line.price_e5));
        }
        sum
    };
    let before = sum(lines);
    for (gnum, qty_e5) in goods {
        for line in lines.iter_mut().filter(|line| line.gnum == *gnum) {
            line.returned_e5 = line.returned_e5.saturating_add(*qty_e5.max(&0)).min(line.qty_e5);
        }
    }
    let after = sum(lines);
    let [duty, vat, consumption] = after.taxes;
    GivenBack {
        taxes: [duty - before.taxes[0], vat - before.taxes[1], consumption - before.taxes[2]],
        value_fen: after.value_fen - before.value_fen,
    }
}

/// Whether everything came back.
pub fn is_all_back(lines: &[BilledLine]) -> bool {
    lines.iter().all(|line| line.returned_e5 >= line.qty_e5)
}

/// What a payment pays of each of several bills, in their order, and what of it is beyond all of them: of bills of
/// which so much is owed, and for which `before` was paid.
pub fn shares(owed_fen: &[i64], before_fen: i64, paid_fen: i64) -> (Vec<i64>, i64) {
    let (mut before, mut left) = (before_fen.max(0), paid_fen.max(0));
    let share = |owed: &i64| {
        let covered = before.min(*owed);
        before -= covered;
        let part = left.min(*owed - covered);
        left -= part;
        part
    };
    let parts = owed_fen.iter().map(share).collect();
    (parts, left)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(gnum: u32, qty_e5: i64, taxes: Taxes) -> BilledLine {
        BilledLine { gnum, qty_e5, returned_e5: 0, price_e5: 10_000_000, taxes }
    }

    #[test]
    fn the_last_part_takes_the_rest() {
        let mut lines = [line(1, 300_000, [0, 1_000, 101])];
        let parts: Vec<Taxes> =
            (0..4).map(|_| give_back(&mut lines, &[(1, 100_000)]).taxes).collect();
        assert_eq!(parts, [[0, 333, 33], [0, 333, 34], [0, 334, 34], [0, 0, 0]]);
        assert!(is_all_back(&lines));
    }

    #[test]
    fn what_is_not_on_the_bill_and_more_than_there_was_give_nothing() {
        let mut lines = [line(1, 100_000, [1, 2, 3]), line(2, 100_000, [0, 5, 0])];
        assert_eq!(give_back(&mut lines, &[(7, 100_000), (1, -5)]), GivenBack::default());
        assert_eq!(give_back(&mut lines, &[(1, 900_000)]).taxes, [1, 2, 3]);
        assert!(!is_all_back(&lines));
        assert_eq!(give_back(&mut lines, &[(2, 100_000)]).taxes, [0, 5, 0]);
    }

    proptest! {
        #[test]
        fn parts_add_up_to_what_was_billed(
            taxes in proptest::array::uniform3(0_i64..1_000_000_000),
            qty in 1_i64..1_000_000_000,
            parts in proptest::collection::vec(1_i64..400_000_000, 0..12),
        ) {
            let mut lines = [line(1, qty, taxes)];
            let mut sum = [0; 3];
            for part in parts.into_iter().chain([qty]) {
                let given = give_back(&mut lines, &[(1, part)]).taxes;
                prop_assert!(given.iter().all(|it| *it >= 0));
                for (of, it) in sum.iter_mut().zip(given) {
                    *of += it;
                }
            }
            prop_assert_eq!(sum, taxes);
        }
    }
}
