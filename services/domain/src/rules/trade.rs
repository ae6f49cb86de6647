//! The rules that hold in one direction only: limits and currency of imports, flags of exports.
//!
//! Sources: 财关税〔2018〕49号 for the single limit; the glossary of the specification 202205 for the
//! rest.

use super::{E5, SINGLE_LIMIT_E5, ViolationReport, decimal, unknown};
use crate::codes::{CNY, Mode};
use crate::declaration::{Buyer, Declaration, Money, Profile};
use crate::documents::identity;
use crate::refusal::Code;

pub(super) fn import(d: &Declaration, profile: &Profile, report: &mut ViolationReport) {
    if let Some(buyer) = &d.buyer {
        if !matches!(buyer.id_type.as_str(), "" | "1" | "2") {
            unknown(report, "buyer.id_type", ("identity documents", "证件类型"), &buyer.id_type);
        }
        identity_number(buyer, profile, report);
    }
    if d.pack_no > 1 {
        report.refuse_unless_sample(
            Code::PackagesWrong,
            "pack_no",
            format!("{} packages; an import inventory has exactly 1", d.pack_no),
            format!("件数为{}，进口清单限定为1", d.pack_no),
        );
    }
    let guarantors = [&d.declarant.code, &d.ebc.code, &d.logistics.code];
    if !d.assure_code.is_empty() && !guarantors.contains(&&d.assure_code) {
        report.refuse_unless_sample(
            Code::GuarantorWrong,
            "assure_code",
            "must be the code of the declarant, the e-commerce firm or the logistics firm",
            "担保企业编号只限清单的申报企业、电商企业、物流企业",
        );
    }
    import_currency(d, report);
    import_mode(d, report);
    single_limit(d, report);
}

/// The buyer's identity card (GB 11643). The person of the published samples is taken in the sandbox.
fn identity_number(buyer: &Buyer, profile: &Profile, report: &mut ViolationReport) {
    let number = buyer.id_number.as_str();
    if buyer.id_type != "1" || number.trim().is_empty() {
        return;
    }
    let Err(wrong) = identity::check(number) else { return };
    let (text, text_zh) = wrong.words();
    let text = format!("the identity number {text} (GB 11643)");
    let text_zh = format!("订购人身份证号码有误，{text_zh}");
    let (code, field) = (Code::BuyerIdWrong, "buyer.id_number");
    if profile.sandbox && number == identity::SAMPLE_PERSON {
        report.warn(code, field, text, text_zh);
    } else {
        report.refuse(code, field, text, text_zh);
    }
}

fn import_currency(d: &Declaration, report: &mut ViolationReport) {
    let foreign = |money: &Option<Money>| money.as_ref().is_some_and(|m| m.currency != CNY);
    let mut wrong = Vec::new();
    if foreign(&d.freight) {
        wrong.push("freight.currency".to_owned());
    }
    if foreign(&d.insured_fee) {
        wrong.push("insured_fee.currency".to_owned());
    }
    for (index, line) in d.lines.iter().enumerate() {
        if foreign(&line.price) || foreign(&line.total_price) {
            wrong.push(format!("lines[{index}].price.currency"));
        }
    }
    for path in wrong {
        report.refuse(Code::CurrencyWrong, path, "must be 142 (CNY)", "币制须为142（人民币）");
    }
}

fn import_mode(d: &Declaration, report: &mut ViolationReport) {
    let Some(mode) = Mode::find(&d.trade_mode) else { return };
    let missing = |value: &str| value.trim().is_empty();
    if mode.bonded {
        let area = d.area.as_ref();
        for (path, value) in [
            ("ems_no", d.ems_no.as_str()),
            ("area.code", area.map_or("", |a| &a.code)),
            ("area.name", area.map_or("", |a| &a.name)),
        ] {
            if missing(value) {
                report.refuse(
                    Code::BondedDataMissing,
                    path,
                    format!("{path} is required for mode {}", mode.code),
                    "保税进口必填账册编号和区内企业",
                );
            }
        }
        for (index, _) in d.lines.iter().enumerate().filter(|(_, l)| missing(&l.item_record_no)) {
            report.refuse(
                Code::BondedDataMissing,
                format!("lines[{index}].item_record_no"),
                format!("item_record_no is required for mode {}", mode.code),
                "保税进口必填账册备案料号",
            );
        }
    } else {
        for (path, value) in
            [("traf_no", &d.traf_no), ("voyage_no", &d.voyage_no), ("bill_no", &d.bill_no)]
        {
            if missing(value) {
                report.refuse(
                    Code::VoyageDataMissing,
                    path,
                    format!("{path} is required for direct-purchase import"),
                    "直购进口必填运输工具编号、航班航次号、提运单号",
                );
            }
        }
        if !matches!(d.traf_mode.as_str(), "" | "2" | "3" | "4" | "5" | "6") {
            report.warn(
                Code::TransportUnusual,
                "traf_mode",
                format!("{} is unusual for a cross-border leg; 2 to 6 are expected", d.traf_mode),
                format!("直购进口运输方式一般为2至6，现为{}", d.traf_mode),
            );
        }
    }
}

/// Above CNY 5,000 only an order of one single item may pass (财关税〔2018〕49号).
fn single_limit(d: &Declaration, report: &mut ViolationReport) {
    let amount = |money: &Option<Money>| money.as_ref().map_or(0, |m| i128::from(m.amount_e5));
    let value = d.lines.iter().map(|line| amount(&line.total_price)).sum::<i128>()
        + amount(&d.freight)
        + amount(&d.insured_fee);
    let one_item =
        d.lines.len() == 1 && d.lines[0].qty.as_ref().is_some_and(|qty| qty.value_e5 == E5);
    if value > i128::from(SINGLE_LIMIT_E5) && !one_item {
        let shown = i64::try_from(value).map_or_else(|_| "more".to_owned(), decimal);
        report.refuse(
            Code::SingleLimitExceeded,
            "lines",
            format!("goods, freight and insurance are CNY {shown}; the single limit is 5,000"),
            format!("货值及运保费合计{shown}元，超过单次交易限值5000元"),
        );
    }
}

pub(super) fn export(d: &Declaration, report: &mut ViolationReport) {
    if !matches!(d.statistics_flag.as_str(), "" | "A" | "B") {
        unknown(
            report,
            "statistics_flag",
            ("statistics flags (A, B)", "申报业务类型（A、B）"),
            &d.statistics_flag,
        );
    }
    for (path, value) in [("f_flag", &d.f_flag), ("i_flag", &d.i_flag)] {
        if !matches!(value.as_str(), "" | "1" | "2" | "3") {
            unknown(report, path, ("charge flags (1, 2, 3)", "运保费标志（1、2、3）"), value);
        }
    }
    if !d.pod.is_empty() && d.pod.chars().count() < 3 {
        report.refuse(Code::WrongLength, "pod", "pod has 3 or 4 characters", "指运港代码为3至4位");
    }
}
