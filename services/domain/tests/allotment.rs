//! Receipts divided among exports, compared with a model that hands out one unit after the other.

use domain::payment::allotment::{Allotment, AllotmentError, allot};
use proptest::prelude::*;

/// Hands every unit to the first export for which something is still due.
fn model(amount: i64, dues: &[i64], tolerance: i64) -> Result<Vec<Option<Allotment>>, i64> {
    let mut given = vec![0; dues.len()];
    for unit in 0..amount {
        match (0..dues.len()).find(|at| given[*at] < dues[*at]) {
            Some(at) => given[at] += 1,
            None => return Err(amount - unit),
        }
    }
    let missing: i64 = dues.iter().zip(&given).map(|(due, given)| due - given).sum();
    let fee = |due: i64, given: i64| if missing <= tolerance { due - given } else { 0 };
    let parts = dues.iter().zip(given);
    Ok(parts
        .map(|(due, amount)| (amount > 0).then(|| Allotment { amount, fee: fee(*due, amount) }))
        .collect())
}

proptest! {
    #[test]
    fn it_does_what_the_model_does(
        amount in 1_i64..60,
        dues in prop::collection::vec(0_i64..30, 1..5),
        tolerance in 0_i64..6,
    ) {
        let total: i64 = dues.iter().sum();
        let expected = match model(amount, &dues, tolerance) {
            _ if total == 0 => Err(AllotmentError::NothingDue),
            Ok(parts) => Ok(parts),
            Err(surplus) => Err(AllotmentError::Over(surplus)),
        };
        let allotted = allot(amount, &dues, tolerance);
        prop_assert_eq!(&allotted, &expected);
        if let Ok(parts) = allotted {
            let given: i64 = parts.iter().flatten().map(|part| part.amount).sum();
            prop_assert_eq!(given, amount, "nothing is left over");
            for (part, due) in parts.iter().zip(&dues) {
                prop_assert!(part.is_none_or(|part| part.amount + part.fee <= *due));
            }
        }
    }
}

#[test]
fn what_makes_no_sense_pays_nothing() {
    for (amount, dues) in [(0, &[5][..]), (-1, &[5]), (5, &[]), (5, &[0]), (5, &[-1, 6])] {
        assert_eq!(allot(amount, dues, 0), Err(AllotmentError::NothingDue), "{amount} {dues:?}");
    }
    assert_eq!(allot(1, &[i64::MAX, 1], 0), Err(AllotmentError::NothingDue), "it does not fit");
}
