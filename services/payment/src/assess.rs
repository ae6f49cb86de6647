//! What an import costs, and who stands for it: computed before the transaction, from what was declared.

use domain::declaration::{Declaration, Money, Quantity};
use domain::documents::tax::{Band, Measure, TaxableLine};
use domain::payment::parameters::Parameters;
use domain::payment::tax::{Missing, Parcel, compare};
use proto::duty::{DutyCase, encode_comparison, encode_missing};
use time::Date;

/// The duty of a version of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AssessedDuty {
    /// Who stands for the tax (assureCode).
    pub(crate) payer: String,
    pub(crate) case: DutyCase,
    /// How it was computed, as it is kept.
    pub(crate) trace: Vec<u8>,
    /// Why it cannot be computed, in both languages.
    pub(crate) missing: Option<(String, String)>,
}

/// Computes it by the numbers of the day on which it was filed.
pub(crate) fn assess(parameters: &Parameters, declared: &Declaration, day: Date) -> AssessedDuty {
    let case = DutyCase {
        customs_code: declared.customs_code.clone(),
        agent_code: declared.declarant.code.clone(),
        ebc_code: declared.ebc.code.clone(),
        logistics_code: declared.logistics.code.clone(),
        order_no: declared.order_no.clone(),
        national: !declared.guid.is_empty(),
        ..DutyCase::default()
    };
    let payer = declared.assure_code.clone();
    let lines = declared.lines.iter().map(|line| {
        // The window refuses goods without a first quantity or a price.
        let first = line.qty1.as_ref().map(measure);
        let first = first.unwrap_or(Measure { unit: "", qty_e5: 0 });
        let second = line.qty2.as_ref().map(measure);
        let total_price_e5 = amount(line.total_price.as_ref());
        TaxableLine { gnum: line.gnum, gcode: &line.gcode, total_price_e5, first, second }
    });
    let lines: Vec<TaxableLine<'_>> = lines.collect();
    let quantities: Vec<i64> =
        declared.lines.iter().map(|line| line.qty.as_ref().map_or(0, |qty| qty.value_e5)).collect();
    let compared = compare(&Parcel {
        parameters,
        day,
        freight_e5: amount(declared.freight.as_ref()),
        insurance_e5: amount(declared.insured_fee.as_ref()),
        lines: &lines,
        quantities_e5: &quantities,
        key: &declared.cop_no,
    });
    let comparison = match compared {
        Ok(comparison) => comparison,
        Err(missing) => {
            let join = |of: fn(&Missing) -> String, by: &str| {
                missing.iter().map(of).collect::<Vec<_>>().join(by)
            };
            let words = (join(ToString::to_string, "; "), join(Missing::zh, "；"));
            let trace = encode_missing(&missing);
            return AssessedDuty { payer, case, trace, missing: Some(words) };
        }
    };
    let trace = encode_comparison(&comparison, parameters);
    let codes: Vec<String> = declared.lines.iter().map(|line| line.gcode.clone()).collect();
    match comparison.applies {
        Ok(band) => {
            let tax = match band {
                Band::Within => &comparison.within.tax,
                Band::Above => &comparison.full.tax,
            };
            AssessedDuty { payer, case: case.taxed(&codes, tax), trace, missing: None }
        }
        Err(refused) => {
            let words = (refused.info.clone(), refused.info);
            AssessedDuty { payer, case, trace, missing: Some(words) }
        }
    }
}

fn amount(money: Option<&Money>) -> i64 {
    // What is not said is nothing; the window asks for what it needs.
    money.map_or(0, |money| money.amount_e5)
}

fn measure(quantity: &Quantity) -> Measure<'_> {
    Measure { unit: &quantity.unit, qty_e5: quantity.value_e5 }
}

#[cfg(test)]
mod tests {
    use domain::declaration::{GoodsLine, Party};
    use domain::payment::built_in::parameters;
    use time::macros::date;

    use super::*;

    /// G1 of the golden vectors: 410.00 within the limits.
    fn parcel(gcode: &str) -> Declaration {
        let money = |amount_e5| Some(Money { currency: "142".to_owned(), amount_e5 });
        let quantity = |unit: &str, value_e5| Some(Quantity { unit: unit.to_owned(), value_e5 });
        Declaration {
            assure_code: "3702960001".to_owned(),
            ebc: Party { code: "3702960015".to_owned(), ..Party::default() },
            freight: money(0),
            insured_fee: money(0),
            lines: vec![GoodsLine {
                gnum: 1,
                gcode: gcode.to_owned(),
                qty: quantity("011", 100_000),
                qty1: quantity("035", 100_000),
                total_price: money(41_000_000),
                ..GoodsLine::default()
            }],
            ..Declaration::default()
        }
    }

    #[test]
    fn the_built_in_numbers_are_in_order_and_give_the_observed_bill() {
        let parameters = parameters();
        let assessed = assess(parameters, &parcel("2106909090"), date!(2026 - 11 - 25));
        assert_eq!((assessed.payer.as_str(), assessed.case.total_fen()), ("3702960001", 3_731));
        assert_eq!(assessed.missing, None);
        let shown = proto::duty::decode_trace(&assessed.trace).expect("it was kept");
        assert_eq!(shown.applies, "WITHIN");
        assert_eq!(shown.within.expect("a tree").result_fen, 3_731);
        let case = DutyCase::decode(&assessed.case.encode()).expect("it was kept");
        assert_eq!(case, assessed.case);
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_is_held_for_it() {
        let parameters = parameters();
        let assessed = assess(parameters, &parcel("9999999999"), date!(2026 - 11 - 25));
        let (english, chinese) = assessed.missing.expect("no row");
        assert!(english.contains("9999999999") && chinese.contains("9999999999"), "{english}");
        assert_eq!(assessed.case.total_fen(), 0);
        let mut two = parcel("2106909090");
        two.lines[0].total_price = Some(Money { currency: "142".into(), amount_e5: 500_001_000 });
        two.lines[0].qty = Some(Quantity { unit: "011".into(), value_e5: 200_000 });
        let assessed = assess(parameters, &two, date!(2026 - 11 - 25));
        let (english, _) = assessed.missing.expect("it is above the limit of a purchase");
        assert!(english.contains("5,000") || english.contains("5000"), "{english}");
    }
}
