//! What an import costs, and who stands for it: computed before the transaction, from what was declared.

use domain::declaration::{Declaration, Money};
use domain::documents::tax::Band;
use domain::documents::{ReceiptStatus, mask};
use domain::payment::declared;
use domain::payment::parameter_set::ParameterSet;
use kit::person_key::PersonKey;
use proto::duty::{DutyCase, encode_comparison, encode_missing};
use time::Date;

use crate::purchases::DeclaredPurchase;

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
    /// What it counts to the year of its buyer.
    pub(crate) purchase: DeclaredPurchase,
    /// It is over the limit of a purchase.
    pub(crate) refused: Option<ReceiptStatus>,
}

/// Computes it by the numbers of the day on which it was filed.
pub(crate) fn assess(
    set: &ParameterSet,
    persons: &PersonKey,
    declared: &Declaration,
    day: Date,
) -> AssessedDuty {
    let case = DutyCase {
        customs_code: declared.customs_code.clone(),
        agent_code: declared.declarant.code.clone(),
        ebc_code: declared.ebc.code.clone(),
        logistics_code: declared.logistics.code.clone(),
        order_no: declared.order_no.clone(),
        national: !declared.guid.is_empty(),
        loct_no: declared.loct_no.clone(),
        ..DutyCase::default()
    };
    let unassessed = AssessedDuty {
        payer: declared.assure_code.clone(),
        case: DutyCase::default(),
        trace: Vec::new(),
        missing: None,
        purchase: purchase(persons, declared, day),
        refused: None,
    };
    let assessed = match declared::assess(&set.parameters, declared, Some(day)) {
        Ok(assessed) => assessed,
        Err(violations) => {
            let words: Vec<(String, String)> = violations
                .into_iter()
                .map(|it| {
                    (format!("{}: {}", it.field, it.text), format!("{}：{}", it.field, it.text_zh))
                })
                .collect();
            let trace = encode_missing(&words, set);
            let (english, chinese): (Vec<String>, Vec<String>) = words.into_iter().unzip();
            let missing = Some((english.join("; "), chinese.join("；")));
            return AssessedDuty { case, trace, missing, ..unassessed };
        }
    };
    let comparison = assessed.comparison;
    let trace = encode_comparison(&comparison, set);
    let quantity = |gnum: u32| {
        let line = declared.lines.iter().find(|line| line.gnum == gnum);
        line.and_then(|line| line.qty.as_ref()).map_or(0, |qty| qty.value_e5)
    };
    let goods = assessed.lines.iter();
    let goods: Vec<(&str, i64, i64)> =
        goods.map(|line| (line.gcode, line.total_price_e5, quantity(line.gnum))).collect();
    match comparison.applies {
        Ok(band) => {
            let tax = match band {
                Band::Within => &comparison.within.tax,
                Band::Above => &comparison.full.tax,
            };
            AssessedDuty { case: case.taxed(&goods, tax), trace, ..unassessed }
        }
        Err(refused) => AssessedDuty { case, trace, refused: Some(refused), ..unassessed },
    }
}

fn purchase(persons: &PersonKey, declared: &Declaration, day: Date) -> DeclaredPurchase {
    let amount = |money: &Option<Money>| money.as_ref().map_or(0, |money| money.amount_e5);
    let goods = declared.lines.iter().map(|line| amount(&line.total_price));
    let charges = [amount(&declared.freight), amount(&declared.insured_fee)];
    let number = declared.buyer.as_ref().map(|buyer| buyer.id_number.trim());
    DeclaredPurchase {
        person: number.filter(|it| !it.is_empty()).map(|it| persons.hash(it)),
        buyer: proto::text(declared.buyer.as_ref().map(|buyer| mask::name(&buyer.name))),
        key: domain::documents::key(&[&declared.declarant.code, &declared.cop_no]),
        day,
        value_e5: goods.chain(charges).fold(0, i64::saturating_add),
        quantities_e5: declared
            .lines
            .iter()
            .map(|line| line.qty.as_ref().map_or(0, |qty| qty.value_e5))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use domain::declaration::{GoodsLine, Party, Quantity};
    use time::macros::date;

    use super::*;

    fn numbers() -> ParameterSet {
        crate::numbers(&[]).expect("the files of the program")
    }

    fn persons() -> PersonKey {
        PersonKey::new(&[7; 32])
    }

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
        let set = numbers();
        let assessed = assess(&set, &persons(), &parcel("2106909090"), date!(2026 - 11 - 25));
        assert_eq!((assessed.payer.as_str(), assessed.case.total_fen()), ("3702960001", 3_731));
        assert_eq!(assessed.missing, None);
        let shown = proto::duty::decode_trace(&assessed.trace).expect("it was kept");
        assert_eq!(shown.applies, "WITHIN");
        let files: Vec<_> = shown.files.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(files, ["import-tax.toml", "sample-tariff.toml", "sample-import-list.toml"]);
        assert_eq!(shown.within.expect("a tree").result_fen, 3_731);
        let case = DutyCase::decode(&assessed.case.encode()).expect("it was kept");
        assert_eq!(case, assessed.case);
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_is_held_for_it() {
        let set = numbers();
        let assessed = assess(&set, &persons(), &parcel("9999999999"), date!(2026 - 11 - 25));
        let (english, chinese) = assessed.missing.expect("no row");
        assert!(english.contains("9999999999") && chinese.contains("9999999999"), "{english}");
        assert_eq!(assessed.case.total_fen(), 0);
        let mut two = parcel("2106909090");
        two.lines[0].total_price = Some(Money { currency: "142".into(), amount_e5: 500_001_000 });
        two.lines[0].qty = Some(Quantity { unit: "011".into(), value_e5: 200_000 });
        let assessed = assess(&set, &persons(), &two, date!(2026 - 11 - 25));
        let refused = assessed.refused.expect("it is above the limit of a purchase");
        assert_eq!(refused.status, -621_005);
        assert!(refused.info.contains("5000"), "{}", refused.info);
    }
}
