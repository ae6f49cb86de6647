//! How taxes are divided and said.

#![expect(
    clippy::inconsistent_digit_grouping,
    clippy::mistyped_literal_suffixes,
    reason = "amounts are written as yuan_fen"
)]

use domain::documents::tax::{self, apportion};

/// 1/100000 of what is written in fen.
const fn yuan(fen: i64) -> i64 {
    fen * 1_000
}

#[test]
fn a_charge_is_divided_in_whole_fen_and_the_last_line_takes_the_rest() {
    let table: [(i64, &[i64], &[i64]); 6] = [
        (yuan(10_00), &[1, 1, 1], &[yuan(3_33), yuan(3_33), yuan(3_34)]),
        (yuan(1_00), &[1, 2], &[yuan(33), yuan(67)]),
        (yuan(1_00), &[3, 1], &[yuan(75), yuan(25)]),
        (yuan(5_00), &[0, 0], &[0, yuan(5_00)]),
        (1_999, &[1, 0], &[1_000, 999]),
        (yuan(5_00), &[], &[]),
    ];
    for (charge_e5, values, shares) in table {
        assert_eq!(apportion(charge_e5, values), shares, "{charge_e5} among {values:?}");
    }
}

#[test]
fn every_status_of_a_bill_is_said_in_both_languages() {
    let said = ["1", "2", "3", "4"].map(|it| (tax::bill_title(it), tax::bill_title_zh(it)));
    let expected = [
        ("made out", "已生成"),
        ("in a payment order", "已汇总"),
        ("void", "作废"),
        ("of unknown status", "状态未知"),
    ];
    assert_eq!(said, expected);
}
