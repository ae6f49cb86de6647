//! What receipts say and know, entry by entry.

use std::collections::BTreeSet;

use domain::documents::matching::RuleBreach;
use domain::documents::returns::{allowed, status, supersedes, title, title_zh};
use domain::documents::{DocumentKind, ReceiptStatus};

/// The positive statuses that any receipt knows, in English and Chinese.
#[rustfmt::skip]
const KNOWN: [(i32, &str, &str); 18] = [
    (1, "stored as a draft", "电子口岸已暂存"),
    (2, "being declared", "电子口岸申报中"),
    (3, "sent to customs", "发送海关成功"),
    (4, "sending to customs failed", "发送海关失败"),
    (100, "rejected", "海关退单"),
    (120, "taken in by customs", "海关入库"),
    (300, "manual review", "人工审核"),
    (399, "concluded", "海关审结"),
    (500, "examination", "查验"),
    (501, "detained, to the clearance department", "扣留移送通关"),
    (502, "detained, to the anti-smuggling department", "扣留移送缉私"),
    (503, "detained, to the legal department", "扣留移送法规"),
    (505, "handed over", "移交"),
    (599, "detained otherwise", "其它扣留"),
    (600, "suspended", "挂起"),
    (700, "returned abroad", "退运"),
    (800, "released", "放行"),
    (899, "formalities closed", "结关"),
];

#[test]
fn every_status_has_its_titles() {
    for (status, english, chinese) in KNOWN {
        assert_eq!((title(status), title_zh(status)), (english, chinese), "{status}");
    }
    let errors = [
        (-301_010, "an order with this number exists", "已存在相同编号的订单"),
        // Not in the list.
        (-1, "processing error", "处理异常"),
        (i32::MIN, "processing error", "处理异常"),
    ];
    for (code, english, chinese) in errors {
        assert_eq!((title(code), title_zh(code)), (english, chinese), "{code}");
    }
    // No error, and no status either.
    for other in [0, 5, 900, i32::MAX] {
        assert_eq!((title(other), title_zh(other)), ("information", "提示信息"), "{other}");
    }
}

#[test]
fn a_taken_key_is_the_observed_error() {
    assert_eq!(status::KEY_TAKEN, -304_001);
    assert!(title_zh(status::KEY_TAKEN).contains("业务主键重复入库失败"));
}

#[test]
fn every_kind_of_receipt_knows_its_statuses_and_no_other() {
    use DocumentKind as K;
    let inventory: &[i32] = &[1, 120, 300, 399, 500, 501, 502, 503, 599, 700, 800, 899];
    let table: [(K, &[i32]); 19] = [
        (K::ImportInventory, inventory),
        (K::ExportInventory, inventory),
        (K::ImportOrder, &[120, 399]),
        (K::Payment, &[120, 399]),
        (K::ImportWaybill, &[120, 399]),
        (K::WaybillStatus, &[120, 399]),
        (K::ExportOrder, &[1, 120, 399]),
        (K::MoneyReceipt, &[1, 120, 399]),
        (K::ExportWaybill, &[1, 120, 399]),
        (K::ImportCancel, &[1, 120, 399]),
        (K::Delivery, &[1, 120, 399]),
        (K::Arrival, &[1, 399]),
        (K::Departure, &[1, 399]),
        (K::ExportCancel, &[1, 399]),
        (K::SummaryApply, &[1, 399]),
        (K::Tally, &[1, 399]),
        (K::WaybillList, &[1, 120, 399, 500, 800]),
        (K::ImportRefund, &[1, 120, 300, 399, 800]),
        (K::ExportReturn, &[1, 120, 300, 500, 505, 600, 800]),
    ];
    let kinds: BTreeSet<u16> = table.iter().map(|(kind, _)| kind.number()).collect();
    assert_eq!(kinds.len(), DocumentKind::ALL.len(), "every kind is in the table");
    for (kind, more) in table {
        for status in 0..1_000 {
            let known = matches!(status, 2 | 3 | 4 | 100) || more.contains(&status);
            assert_eq!(allowed(kind, status), known, "{kind:?} {status}");
        }
        for error in [-1, -621_003, i32::MIN] {
            assert!(allowed(kind, error), "{kind:?} {error}");
        }
    }
}

#[test]
fn only_what_changes_the_state_supersedes() {
    let table = [
        // Held, new, whether it counts, why.
        (0, 2, true, "nothing was there"),
        (0, -621_003, true, "an error while there is nothing"),
        (-621_003, -621_004, true, "an error after an error"),
        (-621_003, 2, true, "it was sent once more"),
        (-621_003, 100, true, "rejected at last"),
        (2, -621_003, false, "an error after a status"),
        (100, -621_003, false, "an error after a rejection"),
        (2, 2, false, "told again"),
        (501, 501, false, "told again"),
        (-621_003, -621_003, false, "told again"),
        (501, 503, true, "handed on to another department"),
        (399, 120, false, "late news"),
        (4, 3, true, "sent at the second attempt"),
        (3, 4, false, "late news"),
        (599, 100, true, "rejected before the release"),
        (800, 100, false, "rejected after it"),
        (100, 120, false, "only a new document counts after a rejection"),
        (100, 700, false, "that one is not returned either"),
        (1, 700, true, "returned at any time"),
        (800, 700, true, "returned after the release"),
        (800, 899, true, "closed"),
        (700, 899, false, "returned is the end"),
        (700, 100, false, "returned is the end"),
        (899, 700, false, "closed is the end"),
        (899, 100, false, "closed is the end"),
        (12_345, 120, true, "a status that nobody knows holds nothing back"),
        (12_345, -621_003, false, "but an error is none"),
        (2, 12_345, false, "and does not count itself"),
        (2, 0, false, "nor does nothing"),
        (0, 0, false, "nothing after nothing"),
        (2, 505, false, "imports are not handed over"),
    ];
    for (held, new, counts, why) in table {
        let inventory = DocumentKind::ImportInventory;
        assert_eq!(supersedes(inventory, held, new), counts, "{held} to {new}: {why}");
    }
}

#[test]
fn every_answer_says_its_own_text() {
    let broken = |text: &str| RuleBreach { rule: "M1", code: None, text: text.to_owned() };
    let table = [
        (ReceiptStatus::stored_draft("G"), 1, "新增暂存成功[G]"),
        (ReceiptStatus::accepted("G"), 2, "新增申报成功[G]"),
        (ReceiptStatus::changed("G"), 2, "变更申报成功[G]"),
        (ReceiptStatus::deleted("G"), 2, "删除申报成功[G]"),
        (
            ReceiptStatus::accepted("G").without_payment("P1", "O1"),
            2,
            "新增申报成功[G]; 对应电商平台为[P1]订单号为[O1]支付信息不存在",
        ),
        (ReceiptStatus::sent(), 3, "发送海关成功"),
        (ReceiptStatus::sending_failed(), 4, "发送海关失败"),
        (ReceiptStatus::detained(501), 501, "扣留移送通关"),
        (ReceiptStatus::detained(599), 599, "其它扣留"),
        (ReceiptStatus::returned(""), 700, "退运"),
        (ReceiptStatus::returned("品质不符"), 700, "退运，品质不符"),
        (ReceiptStatus::closed(), 899, "结关"),
        (ReceiptStatus::rejected(&[broken("甲"), broken("乙")]), 100, "甲,乙"),
        (ReceiptStatus::rejected(&[]), 100, "海关退单"),
        (ReceiptStatus::rejected_manually(""), 100, "[Code:1300;Desc:人工退单]"),
        (ReceiptStatus::refused(-401_003, &["A\u{1f}B"]), -401_003, "[A+B]对应多条支付凭证"),
        (ReceiptStatus::new(-1, ""), -1, "处理异常"),
    ];
    for (said, status, info) in table {
        assert_eq!(said, ReceiptStatus { status, info: info.to_owned() });
    }
}

#[test]
fn a_text_ends_after_a_thousand_characters() {
    for (characters, kept) in [(1, 1), (999, 999), (1_000, 1_000), (1_001, 1_000)] {
        for letter in ["a", "长"] {
            let info = ReceiptStatus::new(2, letter.repeat(characters)).info;
            assert_eq!(info, letter.repeat(kept), "{characters} of {letter}");
        }
    }
}
