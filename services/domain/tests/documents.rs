//! Every rule about national documents: what replaces what, what fits what, what the answers say.

#![expect(
    clippy::inconsistent_digit_grouping,
    clippy::mistyped_literal_suffixes,
    reason = "amounts are written as yuan_fen"
)]

use std::collections::BTreeSet;

use domain::documents::admit::{changeable, deletable};
use domain::documents::errors::ERRORS;
use domain::documents::limits::ExportTimes;
use domain::documents::matching::{
    self, BondedStock, Choice, Consignee, IMPORT, InventoryLine, MatchPolicy, OrderLine,
    ParcelInventory, ParcelOrder, Payment, Person, PositiveList, Restriction, Set, Waybill,
    choose_payment,
};
use domain::documents::returns::{allowed, status, supersedes, title_zh};
use domain::documents::tax::apportion;
use domain::documents::{
    Admission, DocumentIntent, DocumentKind, EarlierDocument, IncomingDocument, MatchOutcome,
    MissingDocument, ReceiptStatus, Split, admit, complete, key, stands, unchanged,
};
use proptest::prelude::*;
use time::macros::date;

// What the documents are.

#[test]
fn every_kind_has_its_own_number_and_a_reply() {
    let numbers: BTreeSet<u16> = DocumentKind::ALL.iter().map(|kind| kind.number()).collect();
    let replies: BTreeSet<u16> = DocumentKind::ALL.iter().map(|kind| kind.reply()).collect();
    assert_eq!((numbers.len(), replies.len()), (19, 19));
    assert!(numbers.is_disjoint(&replies));
    for kind in DocumentKind::ALL {
        assert_eq!(DocumentKind::from_number(kind.number()), Some(kind));
        assert!((2..=3).contains(&kind.key_elements().len()), "{kind:?}");
        assert!(!kind.title().is_empty() && !kind.title_zh().is_empty());
    }
    assert_eq!(DocumentKind::from_number(622), None);
    assert_eq!(DocumentKind::ALL.iter().filter(|kind| kind.is_export()).count(), 11);
}

// What the answers say.

#[test]
fn answers_say_the_observed_texts() {
    let inventory = ReceiptStatus::accepted_inventory("E1", "O1").without_payment("P1", "O1");
    #[rustfmt::skip]
    let table: [(ReceiptStatus, i32, &str); 10] = [
        (ReceiptStatus::accepted("G"), 2, "新增申报成功[G]"),
        (inventory, 2, "清单新增申报成功[电商企业编码：E1订单编号：O1]; 对应电商平台为[P1]订单号为[O1]支付信息不存在"),
        (ReceiptStatus::taken_in(), 120, "[Code:1800;Desc:逻辑校验通过]"),
        (ReceiptStatus::manual_review(), 300, "[Code:1200;Desc:待人工审核]"),
        (ReceiptStatus::concluded(), 399, "[Code:2300;Desc:审核通过]"),
        (ReceiptStatus::cancelled(), 399, "[Code:2300;Desc:审核通过],撤单申请审核通过,清单已成功撤单"),
        (ReceiptStatus::examination(), 500, "查验"),
        (ReceiptStatus::released(), 800, "[Code:2600;Desc:放行]"),
        (ReceiptStatus::rejected_manually("品名不符"), 100, "[Code:1300;Desc:人工退单，品名不符]"),
        (ReceiptStatus::refused(-304_001, &[&key(&["E1", "O1"])]), -304_001, "处理失败，业务主键重复入库失败，报文业务主键[E1+O1]"),
    ];
    for (said, status, info) in table {
        assert_eq!(said, ReceiptStatus { status, info: info.to_owned() });
    }
}

#[test]
fn errors_take_as_many_parameters_as_they_get() {
    let said = |parameters: &[&str]| ReceiptStatus::refused(-621_018, parameters).info;
    assert_eq!(
        said(&["1", "2", "3", "4"]),
        "清单[1]中购买人[2]已用购买额度为[3]，本次购买将超过年度限额[4]"
    );
    assert_eq!(ReceiptStatus::refused(-301_010, &[]).info, "已存在相同编号的订单");
    assert_eq!(ReceiptStatus::refused(-505_013, &[]).info, "物流运单状态报文数量超过限制");
    assert_eq!(ReceiptStatus::refused(-1, &[]).info, "处理异常");
    assert_eq!(ERRORS.len(), 160);
}

#[test]
fn a_text_is_never_empty_and_never_too_long() {
    for status in [1, 2, 501, 700, 12_345, -621_027, -5] {
        assert!(!ReceiptStatus::new(status, "").info.is_empty());
        assert!(!title_zh(status).is_empty());
    }
    assert_eq!(ReceiptStatus::rejected_manually(&"长".repeat(2_000)).info.chars().count(), 1_000);
}

#[test]
fn receipts_know_their_statuses() {
    use DocumentKind as K;
    for kind in K::ALL {
        for known in [2, 3, 4, 100, -621_004] {
            assert!(allowed(kind, known), "{kind:?} {known}");
        }
        assert!(!allowed(kind, 99) && !allowed(kind, 0), "{kind:?}");
    }
    for status in [1, 120, 300, 399, 500, 501, 502, 503, 599, 700, 800, 899] {
        assert!(allowed(K::ImportInventory, status), "{status}");
    }
    assert!(allowed(K::ExportReturn, 505) && allowed(K::ExportReturn, 600));
    assert!(allowed(K::ExportInventory, 700), "exports can be returned too");
    assert!(!allowed(K::ExportInventory, 505) && !allowed(K::ImportOrder, 800));
    assert!(!allowed(K::Payment, 1) && !allowed(K::Arrival, 120));
}

#[test]
fn a_state_only_rises_but_for_rejection_and_return() {
    let kind = DocumentKind::ImportInventory;
    let way = [1, 2, 4, 3, 120, 300, 399, 500, 501, 800, 899];
    for (at, &held) in way.iter().enumerate() {
        for (then, &new) in way.iter().enumerate() {
            assert_eq!(supersedes(kind, held, new), then > at, "{held} to {new}");
        }
        let open = !matches!(held, 800 | 899);
        assert_eq!(supersedes(kind, held, 100), open, "{held} to 100");
        assert_eq!(supersedes(kind, held, 700), held != 899, "{held} to 700");
        assert!(!supersedes(kind, held, -621_003), "{held} to an error");
        assert!(!supersedes(kind, 100, held) && !supersedes(kind, 700, held));
        assert!(supersedes(kind, 0, held) && supersedes(kind, -621_003, held));
    }
    assert!(supersedes(kind, 501, 502) && supersedes(kind, 502, 501), "handed on");
    assert!(supersedes(kind, 0, -621_003));
    assert!(!supersedes(kind, 2, 600), "an import inventory is never suspended");
}

// What replaces what.

const EARLY: &str = "20261101080000";
const LATE: &str = "20261101080001";

fn incoming(kind: DocumentKind, app_type: DocumentIntent) -> IncomingDocument<'static> {
    IncomingDocument {
        kind,
        key: "E1\u{1f}O1",
        guid: "NEW",
        app_type,
        app_time: LATE,
        draft: false,
    }
}

fn held(status: i32) -> EarlierDocument<'static> {
    EarlierDocument {
        own: true,
        guid: "OLD",
        app_time: EARLY,
        same_content: false,
        draft: status == 1,
        status,
        deleted: false,
        used: false,
    }
}

/// The status of the refusal, or 0.
fn refusal(answer: &Result<Admission, ReceiptStatus>) -> i32 {
    answer.as_ref().map_or_else(|refused| refused.status, |_| 0)
}

#[test]
fn the_first_of_a_key_is_stored_and_nothing_else_is_done_to_nothing() {
    for kind in DocumentKind::ALL {
        assert_eq!(admit(&incoming(kind, DocumentIntent::New), None), Ok(Admission::Store));
        let deleted = EarlierDocument { deleted: true, ..held(2) };
        assert_eq!(
            admit(&incoming(kind, DocumentIntent::New), Some(&deleted)),
            Ok(Admission::Replace)
        );
        for app_type in [DocumentIntent::Change, DocumentIntent::Delete] {
            let answer = admit(&incoming(kind, app_type), None);
            assert!(refusal(&answer) < 0, "{kind:?} {app_type:?}: {answer:?}");
            assert_eq!(admit(&incoming(kind, app_type), Some(&deleted)), answer);
        }
    }
}

#[test]
fn published_codes_answer() {
    use DocumentKind as K;
    // Missing, stale, exists, used: by kind.
    let table = [
        (K::ImportOrder, -301_009, -301_014, -301_010, -301_011),
        (K::ExportOrder, -301_009, -301_014, -304_001, -301_011),
        (K::Payment, -401_006, -401_012, -401_007, -401_008),
        (K::MoneyReceipt, -401_006, -401_012, -401_007, -401_008),
        (K::ImportWaybill, -504_014, -505_016, -504_012, -504_016),
        (K::ExportWaybill, -504_014, -505_016, -504_012, -504_016),
        (K::WaybillStatus, -505_014, -505_016, -505_012, -505_014),
        (K::ImportInventory, -621_011, -621_003, -621_004, -621_012),
        (K::ExportInventory, -621_011, -621_003, -621_004, -621_012),
        (K::ImportCancel, -623_004, -623_001, -623_009, -623_001),
        (K::ImportRefund, -625_016, -625_004, -625_033, -625_022),
        (K::Delivery, -800_001, -800_005, -800_003, -800_001),
        (K::WaybillList, -800_001, -800_005, -800_003, -800_001),
    ];
    for (kind, missing, stale, exists, used) in table {
        let change = incoming(kind, DocumentIntent::Change);
        assert_eq!(refusal(&admit(&change, None)), missing, "{kind:?} missing");
        for app_time in ["20261101075959", EARLY] {
            for app_type in [DocumentIntent::Change, DocumentIntent::Delete] {
                let old = IncomingDocument { app_time, ..incoming(kind, app_type) };
                assert_eq!(refusal(&admit(&old, Some(&held(2)))), stale, "{kind:?} stale");
            }
            // A new document on a taken key hears that it is taken; on a free one, that it is old.
            let old = IncomingDocument { app_time, ..incoming(kind, DocumentIntent::New) };
            for state in [2, 120, 399, 899] {
                assert_eq!(refusal(&admit(&old, Some(&held(state)))), exists, "{kind:?} taken");
            }
            assert_eq!(refusal(&admit(&old, Some(&held(100)))), stale, "{kind:?} stale");
        }
        let new = incoming(kind, DocumentIntent::New);
        assert_eq!(refusal(&admit(&new, Some(&held(399)))), exists, "{kind:?} exists");
        let in_use = EarlierDocument { used: true, ..held(120) };
        for app_type in [DocumentIntent::Change, DocumentIntent::Delete] {
            let answer = admit(&incoming(kind, app_type), Some(&in_use));
            assert_eq!(refusal(&answer), used, "{kind:?} used");
        }
    }
}

#[test]
fn every_kind_in_every_state_replaces_only_what_it_may() {
    use Admission::{Delete, Replace};
    let states = STATES;
    for kind in DocumentKind::ALL {
        for state in states {
            let case = format!("{kind:?} in {state}");
            let held = held(state);
            let of = |app_type| admit(&incoming(kind, app_type), Some(&held));
            let open = state <= 1 || state == 100;
            assert_eq!(of(DocumentIntent::New).ok(), open.then_some(Replace), "{case}: new");
            let (change, delete) =
                (of(DocumentIntent::Change).ok(), of(DocumentIntent::Delete).ok());
            assert_eq!(change, changeable(kind, state).then_some(Replace), "{case}: change");
            assert_eq!(delete, deletable(kind, state).then_some(Delete), "{case}: delete");
            if kind.is_inventory() {
                let before_examination = state <= 399;
                assert_eq!(change.is_some(), before_examination, "{case}");
                assert_eq!(delete.is_some(), open, "{case}");
            }
        }
    }
}

#[test]
fn a_document_that_came_before_is_answered_again() {
    let lower = "0b7a1f6e-58f2-4c35-9d6e-a1b2c3d4e5f6";
    let upper = lower.to_ascii_uppercase();
    for kind in DocumentKind::ALL {
        for state in [2, 100, 120, 899, -621_003] {
            let held =
                EarlierDocument { guid: lower, same_content: true, app_time: LATE, ..held(state) };
            let again = IncomingDocument { guid: &upper, ..incoming(kind, DocumentIntent::New) };
            assert_eq!(admit(&again, Some(&held)), Ok(Admission::Repeat), "{kind:?} {state}");
            let other = EarlierDocument { same_content: false, ..held };
            assert!(admit(&again, Some(&other)).is_err(), "{kind:?} {state}: other content");
        }
    }
}

/// Every state that a document can be held in.
const STATES: [i32; 18] =
    [-621_003, 1, 2, 3, 4, 100, 120, 300, 399, 500, 501, 502, 503, 599, 600, 700, 800, 899];

#[test]
fn what_stands_is_never_answered_with_a_rejection() {
    let fault = ReceiptStatus::new(100, "毛重不得小于净重");
    for kind in DocumentKind::ALL {
        for held in STATES.map(held).into_iter().filter(|held| stands(Some(held))) {
            let answer = admit(&incoming(kind, DocumentIntent::New), Some(&held));
            assert!(refusal(&answer) < 0, "{kind:?} {}: {answer:?}", held.status);
            let told = unchanged(kind, &fault);
            assert!(told.status < 0 && told.info.contains(&fault.info), "{kind:?}: {told:?}");
        }
        let other = ReceiptStatus::new(-621_029, "验签失败");
        assert_eq!(unchanged(kind, &other), other, "a code of its own stays");
        for held in [100, 1, -621_003].map(held) {
            assert!(!stands(Some(&held)), "{kind:?} {}: gives way", held.status);
        }
        assert!(!stands(None) && !stands(Some(&EarlierDocument { deleted: true, ..held(899) })));
    }
}

#[test]
fn a_stranger_is_told_nothing_of_what_is_held() {
    for kind in DocumentKind::ALL {
        let new = incoming(kind, DocumentIntent::New);
        let exists = admit(&new, Some(&held(899)));
        for (status, late) in STATES.into_iter().flat_map(|s| [(s, false), (s, true)]) {
            for (same_content, used) in [(false, false), (true, false), (false, true)] {
                let app_time = if late { "20991231000000" } else { EARLY };
                let (own, guid) = (false, if same_content { new.guid } else { "OLD" });
                let foreign =
                    EarlierDocument { own, guid, same_content, used, app_time, ..held(status) };
                assert!(!stands(Some(&foreign)), "{kind:?} {status}");
                let answer = admit(&new, Some(&foreign));
                // Whatever state it is in, it exists or it gives way.
                assert!(answer == exists || answer == Ok(Admission::Store), "{answer:?}");
                for app_type in [DocumentIntent::Change, DocumentIntent::Delete] {
                    let next = incoming(kind, app_type);
                    assert_eq!(admit(&next, Some(&foreign)), admit(&next, None), "{kind:?}");
                }
            }
        }
    }
}

#[test]
fn the_payment_that_counts_does_not_depend_on_which_came_first() {
    let payment = |number: &str, firm: &str, amount: i64| Payment {
        pay_transaction_id: number.to_owned(),
        pay_code: firm.to_owned(),
        amount_paid_e5: amount,
        ..Payment::default()
    };
    let all = [
        payment("P1", "F1", 30_000_000),
        payment("P2", "F1", 100_000),
        payment("P1", "F2", 30_000_000),
        payment("P3", "F3", 1),
    ];
    let order = |number: &str, firm: &str| ParcelOrder {
        pay_transaction_id: number.to_owned(),
        pay_code: firm.to_owned(),
        ..ParcelOrder::default()
    };
    let chosen =
        |order: &ParcelOrder, payments: &[Payment]| match choose_payment(Some(order), payments) {
            Choice::None => "none".to_owned(),
            Choice::One(at) => {
                format!("{}/{}", payments[at].pay_transaction_id, payments[at].pay_code)
            }
            Choice::Several => "several".to_owned(),
        };
    for (order, expected) in [
        (order("P2", ""), "P2/F1"),
        (order("P1", ""), "several"),
        (order("P1", "F2"), "P1/F2"),
        (order("", "F3"), "P3/F3"),
        (order("", "F1"), "several"),
        (order("", ""), "several"),
        (order("P9", "F1"), "none"),
        // Nothing of the firm that the order names: the match says so (M3).
        (order("P3", "F9"), "P3/F3"),
    ] {
        for first in 0..all.len() {
            let mut payments = all.to_vec();
            payments.rotate_left(first);
            assert_eq!(chosen(&order, &payments), expected, "{order:?} from {first}");
            payments.reverse();
            assert_eq!(chosen(&order, &payments), expected, "{order:?} reversed from {first}");
        }
        for one in &all {
            let one = std::slice::from_ref(one);
            assert_ne!(chosen(&order, one), "several", "one is never several");
        }
    }
    assert_eq!(choose_payment(None, &[]), Choice::None);
}

#[test]
fn drafts_are_changed_and_deleted_freely_and_never_take_back_a_declaration() {
    for kind in DocumentKind::ALL {
        let draft = held(1);
        for app_type in [DocumentIntent::New, DocumentIntent::Change] {
            let next = incoming(kind, app_type);
            assert_eq!(admit(&next, Some(&draft)), Ok(Admission::Replace));
            // From draft to declaration within one second, but not to another draft.
            let at_once = IncomingDocument { app_time: EARLY, ..next };
            assert_eq!(admit(&at_once, Some(&draft)), Ok(Admission::Replace));
            let other_draft = IncomingDocument { draft: true, ..at_once };
            assert!(admit(&other_draft, Some(&draft)).is_err());
        }
        assert_eq!(
            admit(&incoming(kind, DocumentIntent::Delete), Some(&draft)),
            Ok(Admission::Delete)
        );
        let back = IncomingDocument { draft: true, ..incoming(kind, DocumentIntent::Change) };
        assert!(admit(&back, Some(&held(2))).is_err(), "{kind:?}");
        assert_eq!(admit(&back, Some(&held(100))), Ok(Admission::Replace), "{kind:?}");
    }
}

#[test]
fn app_types_are_read() {
    assert_eq!(DocumentIntent::parse(""), Some(DocumentIntent::New));
    assert_eq!(DocumentIntent::parse("2"), Some(DocumentIntent::Change));
    assert_eq!(DocumentIntent::parse("3"), Some(DocumentIntent::Delete));
    assert_eq!(DocumentIntent::parse("4"), None);
}

#[test]
fn split_documents_are_complete_when_every_part_is_in() {
    assert_eq!(complete(1, &[1]), Ok(true));
    assert_eq!(complete(3, &[3, 1, 1]), Ok(false), "one is to come");
    assert_eq!(complete(3, &[3, 1, 2, 2]), Ok(true), "any order, and twice");
    assert_eq!(complete(3, &[]), Ok(false));
    assert_eq!(complete(0, &[]), Ok(false));
    for wrong in [complete(3, &[0]), complete(3, &[1, 4]), complete(0, &[1])] {
        assert_eq!(wrong.expect_err("there is no such part").status, status::REJECTED);
    }
    assert!(Split { count: 3, seq: 2 }.check(Some(3)).is_ok());
    assert!(Split { count: 3, seq: 2 }.check(Some(4)).is_err(), "the parts disagree");
}

// What fits what.

type Mistake = fn(&mut Parcel);

#[derive(Clone)]
struct Parcel {
    inventory: ParcelInventory,
    order: ParcelOrder,
    payment: Payment,
    waybill: Waybill,
}

impl Parcel {
    fn set(&self) -> Set<'_> {
        Set {
            inventory: &self.inventory,
            order: Some(&self.order),
            payment: Some(&self.payment),
            waybill: Some(&self.waybill),
        }
    }

    fn matched(&self, policy: &MatchPolicy<'_>) -> MatchOutcome {
        matching::match_import(&self.set(), policy)
    }
}

fn yuan(fen: i64) -> i64 {
    fen * 1_000
}

/// A bonded parcel with two lines in which everything fits.
fn parcel() -> Parcel {
    let buyer = Person {
        name: "张三".to_owned(),
        id_type: "1".to_owned(),
        id_number: "11010519491231002X".to_owned(),
        telephone: "13800000000".to_owned(),
    };
    let consignee = Consignee {
        name: "李四".to_owned(),
        telephone: "13900000000".to_owned(),
        address: "山东省青岛市".to_owned(),
    };
    let text = str::to_owned;
    let line = |gnum: u32| InventoryLine {
        gnum,
        item_no: format!("SKU-{gnum}"),
        item_record_no: format!("REC-{gnum}"),
        gcode: "2106909090".to_owned(),
        qty_e5: 200_000,
        price_e5: yuan(125_00),
        total_price_e5: yuan(250_00),
    };
    let order_line = |gnum: u32| OrderLine {
        gnum,
        item_no: format!("SKU-{gnum}"),
        currency: "142".to_owned(),
        qty_e5: 200_000,
        price_e5: yuan(125_00),
        total_price_e5: yuan(250_00),
    };
    Parcel {
        inventory: ParcelInventory {
            order_no: text("O1"),
            ebp_code: text("P1"),
            ebc_code: text("E1"),
            agent_code: text("A1"),
            logistics_code: text("L1"),
            logistics_no: text("W1"),
            assure_code: text("L1"),
            trade_mode: text("1210"),
            country: text("142"),
            ems_no: text("T4227"),
            area_code: text("R1"),
            area_name: text("仓库"),
            buyer: buyer.clone(),
            lines: vec![line(1), line(2)],
        },
        order: ParcelOrder {
            order_no: text("O1"),
            ebp_code: text("P1"),
            ebc_code: text("E1"),
            pay_code: text("B1"),
            pay_transaction_id: text("T1"),
            currency: text("142"),
            goods_value_e5: yuan(500_00),
            freight_e5: yuan(20_00),
            discount_e5: yuan(30_00),
            tax_total_e5: yuan(47_32),
            actural_paid_e5: yuan(537_32),
            buyer: buyer.clone(),
            consignee: consignee.clone(),
            lines: vec![order_line(1), order_line(2)],
        },
        payment: Payment {
            order_no: text("O1"),
            ebp_code: text("P1"),
            pay_code: text("B1"),
            pay_transaction_id: text("T1"),
            currency: text("142"),
            amount_paid_e5: yuan(537_32),
            payer: buyer,
        },
        waybill: Waybill {
            logistics_code: text("L1"),
            logistics_no: text("W1"),
            order_no: text("O1"),
            consignee,
        },
    }
}

fn positive_list(restriction: Restriction) -> PositiveList {
    PositiveList { headings: [("21069090".to_owned(), restriction)].into() }
}

fn stock(second_e5: i64) -> BondedStock {
    let at = |record: &str| ("T4227".to_owned(), record.to_owned());
    BondedStock { stock_e5: [(at("REC-1"), 200_000), (at("REC-2"), second_e5)].into() }
}

#[test]
fn a_parcel_that_fits_is_matched() {
    let (list, ledger) = (positive_list(Restriction::BondedOnly), stock(200_000));
    let policy =
        MatchPolicy { positive_list: Some(&list), ledger: Some(&ledger), ..MatchPolicy::default() };
    assert_eq!(parcel().matched(&policy), MatchOutcome::Matched);
    assert_eq!(parcel().matched(&MatchPolicy::default()), MatchOutcome::Matched);
}

/// One mistake for each rule: exactly that rule is named.
#[test]
fn one_mistake_breaks_one_rule() {
    let table: &[(&str, Option<&str>, Mistake)] = &[
        ("M3", Some("13035"), |p| p.payment.pay_code = "B2".to_owned()),
        ("M5", None, |p| p.order.freight_e5 += 1),
        ("M6", Some("1332"), |p| p.payment.amount_paid_e5 += 1),
        ("M6", Some("1332"), |p| p.payment.amount_paid_e5 -= 1),
        ("M7", Some("1327"), |p| p.payment.payer.name = "王五".to_owned()),
        ("M7", Some("1327"), |p| p.payment.payer.id_number = "1".to_owned()),
        ("M8", Some("13127"), |p| p.inventory.buyer.name = "王五".to_owned()),
        ("M8", None, |p| p.inventory.buyer.id_number = "1".to_owned()),
        ("M9", Some("130126"), |p| p.inventory.buyer.telephone = "1".to_owned()),
        ("M10", Some("1320"), |p| p.inventory.lines.truncate(1)),
        ("M11", Some("1322"), |p| p.inventory.lines[1].qty_e5 -= 1),
        ("M11", Some("1322"), |p| p.inventory.lines[1].price_e5 += 1),
        ("M11", Some("1322"), |p| p.inventory.lines[1].total_price_e5 += 1),
        ("M11", Some("1322"), |p| p.inventory.lines[1].item_no = "SKU-3".to_owned()),
        ("M11", Some("1322"), |p| p.inventory.lines[1].gnum = 3),
        ("M12", None, |p| p.waybill.consignee.name = "王五".to_owned()),
        ("M12", None, |p| p.waybill.consignee.address = "山东省济南市".to_owned()),
        ("M12", None, |p| p.waybill.consignee.telephone = "1".to_owned()),
        ("M13", None, |p| {
            p.order.goods_value_e5 += yuan(10_00);
            p.order.discount_e5 += yuan(10_00);
        }),
        ("M14", None, |p| p.payment.currency = "502".to_owned()),
        ("M14", None, |p| p.order.currency = "502".to_owned()),
        ("M14", None, |p| p.order.lines[0].currency = "502".to_owned()),
        ("M14", None, |p| p.order.buyer.id_type = "2".to_owned()),
        ("M16", None, |p| p.inventory.lines[0].gcode = "2402200000".to_owned()),
        ("M16", None, |p| p.inventory.lines[0].gcode = "税号".to_owned()),
        ("M16", None, |p| p.inventory.trade_mode = "9610".to_owned()),
        ("M17", None, |p| p.inventory.assure_code = "X1".to_owned()),
        ("M18", None, |p| p.inventory.area_name = " ".to_owned()),
        ("M18", None, |p| p.inventory.ems_no = String::new()),
        ("M18", None, |p| p.inventory.lines[1].item_record_no = String::new()),
        ("M18", None, |p| p.inventory.country = "502".to_owned()),
        ("M18", None, |p| {
            p.inventory.lines[1].item_record_no = "REC-1".to_owned();
        }),
    ];
    let (list, ledger) = (positive_list(Restriction::BondedOnly), stock(200_000));
    let policy =
        MatchPolicy { positive_list: Some(&list), ledger: Some(&ledger), ..MatchPolicy::default() };
    let mut tested = BTreeSet::from(["M1", "M2", "M4"]);
    for (rule, code, mistake) in table {
        let mut parcel = parcel();
        mistake(&mut parcel);
        let MatchOutcome::Refused(broken) = parcel.matched(&policy) else {
            panic!("{rule} was not noticed");
        };
        let named: Vec<_> = broken.iter().map(|broken| (broken.rule, broken.code)).collect();
        assert_eq!(named, [(*rule, *code)]);
        tested.insert(rule);
    }
    for rule in IMPORT {
        let elsewhere = rule.enforced_elsewhere().is_some();
        assert_ne!(tested.contains(rule.id), elsewhere, "{} is tested or elsewhere", rule.id);
    }
    let ids: BTreeSet<_> = IMPORT.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), 20);
}

#[test]
fn all_broken_rules_are_told_at_once() {
    let mut parcel = parcel();
    parcel.payment.amount_paid_e5 = yuan(3_197_95);
    parcel.inventory.buyer.name = "王五".to_owned();
    parcel.inventory.lines.truncate(1);
    let MatchOutcome::Refused(broken) = parcel.matched(&MatchPolicy::default()) else {
        panic!("three rules are broken");
    };
    assert_eq!(
        ReceiptStatus::rejected(&broken).info,
        "[Code:1332;Desc:支付单支付金额与订单支付金额不一致],\
         [OrderHead.acturalPaid:537.32,PaymentHead.amountPaid3197.95],\
         [Code:13127;Desc:清单上的订购人姓名与订单上的订购人姓名不一致],\
         [InventoryHead.buyerName:王*,OrderHead.buyerName:张*],\
         [Code:1320;Desc:清单表体商品项与订单表体商品项的项数不一致],\
         [InventoryHead.orderNo:O1,OrderHead.orderNo:O1]"
    );
}

/// What differs is named, with both values, of which nobody learns more than to tell them apart.
#[test]
fn a_mismatch_of_persons_says_which_field_and_shows_both_values() {
    let table: &[(Mistake, &str)] = &[
        (
            |p| p.payment.payer.name = "王五".to_owned(),
            "[Code:1327;Desc:订单购买人与支付单支付人名字或身份证号码不一致],\
             [OrderHead.buyerName:张*,PaymentHead.payerName:王*]",
        ),
        (
            |p| {
                p.payment.payer.name = "王五".to_owned();
                p.payment.payer.id_number = "110101199003074514".to_owned();
            },
            "[Code:1327;Desc:订单购买人与支付单支付人名字或身份证号码不一致],\
             [OrderHead.buyerName:张*,PaymentHead.payerName:王*,\
             OrderHead.buyerIdNumber:110***********002X,PaymentHead.payerIdNumber:110***********4514]",
        ),
        (
            |p| p.inventory.buyer.id_number = "110101199003074514".to_owned(),
            "清单上的订购人证件号码与订单上的订购人证件号码不一致,\
             [InventoryHead.buyerIdNumber:110***********4514,OrderHead.buyerIdNumber:110***********002X]",
        ),
        (
            // Both look the same behind their masks.
            |p| p.inventory.buyer.telephone = "13800010000".to_owned(),
            "[Code:130126;Desc:清单上的订购人电话号码与订单上的订购人电话号码不一致],\
             [InventoryHead.buyerTelephone:138****0000,OrderHead.buyerTelephone:138****0000（自第7个字符起不同）]",
        ),
        (
            |p| p.waybill.consignee.address = "山东省青岛市市南区香港中路10号".to_owned(),
            "运单收货人信息与订单收货人信息不一致,\
             [LogisticsHead.consigneeAddress:山东省青岛市********0号,OrderHead.consigneeAddress:山东****]",
        ),
        (
            |p| {
                p.waybill.consignee.name = "李五".to_owned();
                p.waybill.consignee.telephone = "13700000000".to_owned();
            },
            "运单收货人信息与订单收货人信息不一致,\
             [LogisticsHead.consignee:李*,OrderHead.consignee:李*（自第2个字符起不同）,\
             LogisticsHead.consigneeTelephone:137****0000,OrderHead.consigneeTelephone:139****0000]",
        ),
        (
            |p| p.payment.pay_code = "B2".to_owned(),
            "[Code:13035;Desc:支付企业不一致],[OrderHead.payCode:B1,PaymentHead.payCode:B2]",
        ),
    ];
    for (mistake, told) in table {
        let mut parcel = parcel();
        mistake(&mut parcel);
        let MatchOutcome::Refused(broken) = parcel.matched(&MatchPolicy::default()) else {
            panic!("{told}: not noticed");
        };
        assert_eq!(ReceiptStatus::rejected(&broken).info, *told);
    }
    // The same person in another spelling.
    let mut spelt = parcel();
    spelt.payment.payer.id_number = " 1１0105１9491231002ｘ\u{200b}".to_owned();
    assert_eq!(spelt.matched(&MatchPolicy::default()), MatchOutcome::Matched);
}

#[test]
fn what_is_given_by_policy_is_given() {
    let mut parcel = parcel();
    parcel.payment.amount_paid_e5 -= yuan(1_00);
    let tolerant = MatchPolicy { amount_tolerance_e5: yuan(1_00), ..MatchPolicy::default() };
    assert_eq!(parcel.matched(&tolerant), MatchOutcome::Matched);
    assert_eq!(MatchPolicy::default().wait_seconds, 24 * 60 * 60);
    let mut gift = self::parcel();
    gift.order.lines[1].price_e5 = 0;
    gift.order.lines[1].total_price_e5 = 0;
    gift.order.goods_value_e5 -= yuan(250_00);
    gift.order.actural_paid_e5 -= yuan(250_00);
    gift.payment.amount_paid_e5 -= yuan(250_00);
    assert_eq!(
        gift.matched(&MatchPolicy::default()),
        MatchOutcome::Matched,
        "a gift costs nothing"
    );
    let mut unnamed = self::parcel();
    unnamed.order.pay_code.clear();
    unnamed.order.pay_transaction_id.clear();
    unnamed.payment.payer.id_number.make_ascii_lowercase();
    assert_eq!(
        unnamed.matched(&MatchPolicy::default()),
        MatchOutcome::Matched,
        "an order need not name it"
    );
}

#[test]
fn a_document_of_another_parcel_is_not_there() {
    let table: &[(MissingDocument, Mistake)] = &[
        (MissingDocument::Order, |p| p.order.order_no = "O2".to_owned()),
        (MissingDocument::Order, |p| p.order.ebp_code = "P2".to_owned()),
        (MissingDocument::Payment, |p| p.payment.pay_transaction_id = "T2".to_owned()),
        (MissingDocument::Payment, |p| p.payment.order_no = "O2".to_owned()),
        (MissingDocument::Payment, |p| p.payment.ebp_code = "P2".to_owned()),
        (MissingDocument::Waybill, |p| p.waybill.logistics_code = "L2".to_owned()),
        (MissingDocument::Waybill, |p| p.waybill.logistics_no = "W2".to_owned()),
        (MissingDocument::Waybill, |p| p.waybill.order_no = "O2".to_owned()),
    ];
    for (missing, mistake) in table {
        let mut parcel = parcel();
        mistake(&mut parcel);
        let waiting = MatchOutcome::Waiting(vec![*missing]);
        assert_eq!(parcel.matched(&MatchPolicy::default()), waiting);
        let overdue = matching::overdue(IMPORT, &parcel.set());
        assert_eq!(overdue.len(), 1);
        let said = format!("{},[InventoryHead.orderNo:O1]", missing.title_zh());
        assert_eq!(overdue[0].text, said);
    }
    assert_eq!(matching::overdue(IMPORT, &parcel().set()), []);
}

#[test]
fn what_is_missing_is_named_in_both_languages() {
    let table = [
        (MissingDocument::Order, "the order is not there", "订单信息不存在"),
        (MissingDocument::Payment, "the payment is not there", "支付信息不存在"),
        (MissingDocument::Waybill, "the waybill is not there", "运单信息不存在"),
    ];
    for (missing, english, chinese) in table {
        assert_eq!((missing.title(), missing.title_zh()), (english, chinese));
        let rule = IMPORT.iter().find(|rule| rule.title == english);
        assert_eq!(rule.map(|rule| rule.title_zh), Some(chinese), "the table says the same");
    }
    assert_eq!(format!("{:?}", &IMPORT[..2]), "[M1, M2]");
    let places: Vec<_> = IMPORT
        .iter()
        .filter_map(|rule| rule.enforced_elsewhere().map(|place| (rule.id, place)))
        .collect();
    assert_eq!(places.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["M15", "M19", "M20"]);
    assert!(
        places.iter().all(|(_, place)| place.contains("documents::") || place.contains("rules"))
    );
}

/// The broken rules of a parcel with this mistake, and what is said about them.
fn broken(policy: &MatchPolicy<'_>, mistake: Mistake) -> Vec<(&'static str, String)> {
    let mut parcel = parcel();
    mistake(&mut parcel);
    match parcel.matched(policy) {
        MatchOutcome::Matched => Vec::new(),
        MatchOutcome::Waiting(missing) => panic!("{missing:?}"),
        MatchOutcome::Refused(broken) => {
            broken.into_iter().map(|broken| (broken.rule, broken.text)).collect()
        }
    }
}

#[test]
fn spaces_and_what_is_not_given_break_nothing() {
    let table: &[Mistake] = &[
        |p| p.order.order_no = " O1 ".to_owned(),
        |p| p.payment.payer.name = "张三 ".to_owned(),
        |p| p.order.pay_code = " ".to_owned(),
        |p| p.payment.pay_code = " ".to_owned(),
        |p| p.order.pay_transaction_id = " ".to_owned(),
        |p| p.payment.pay_transaction_id = " ".to_owned(),
        |p| p.inventory.lines[0].item_no = " ".to_owned(),
        |p| p.order.lines[0].item_no = " ".to_owned(),
        // Each of the three firms may guarantee.
        |p| p.inventory.assure_code = p.inventory.agent_code.clone(),
        |p| p.inventory.assure_code = p.inventory.ebc_code.clone(),
        |p| p.inventory.assure_code = p.inventory.logistics_code.clone(),
    ];
    for (at, change) in table.iter().enumerate() {
        assert_eq!(broken(&MatchPolicy::default(), *change), [], "row {at}");
    }
}

#[test]
fn only_a_line_without_any_price_is_a_gift() {
    let table: &[Mistake] = &[
        |p| p.order.lines[1].price_e5 = 0,
        |p| {
            p.order.lines[1].total_price_e5 = 0;
            p.order.goods_value_e5 -= yuan(250_00);
            p.order.discount_e5 -= yuan(250_00);
        },
        |p| p.order.lines[1].qty_e5 += 1,
    ];
    for (at, mistake) in table.iter().enumerate() {
        let only = [(
            "M11",
            "[Code:1322;Desc:订单清单表体商品项不一致],[InventoryList.gnum:2]".to_owned(),
        )];
        assert_eq!(broken(&MatchPolicy::default(), *mistake), only, "row {at}");
    }
    let gift_of_more = broken(&MatchPolicy::default(), |p| {
        p.order.lines[1].price_e5 = 0;
        p.order.lines[1].total_price_e5 = 0;
        p.order.lines[1].qty_e5 += 1;
        p.order.goods_value_e5 -= yuan(250_00);
        p.order.discount_e5 -= yuan(250_00);
    });
    assert_eq!(gift_of_more.len(), 1, "a gift is counted like anything else: {gift_of_more:?}");
}

#[test]
fn payment_and_order_may_lie_apart_by_the_tolerance() {
    let policy = MatchPolicy { amount_tolerance_e5: yuan(1_00), ..MatchPolicy::default() };
    let table: &[(Mistake, bool)] = &[
        (|p| p.payment.amount_paid_e5 -= yuan(1_00), true),
        (|p| p.payment.amount_paid_e5 -= yuan(1_00) + 1, false),
        (|p| p.payment.amount_paid_e5 += yuan(1_00), true),
        (|p| p.payment.amount_paid_e5 += yuan(1_00) + 1, false),
    ];
    for (at, (change, fits)) in table.iter().enumerate() {
        assert_eq!(broken(&policy, *change).is_empty(), *fits, "row {at}");
    }
}

#[test]
fn a_sum_that_is_wrong_shows_its_parts() {
    let said = broken(&MatchPolicy::default(), |p| p.order.tax_total_e5 += yuan(1));
    let text = "订单实际支付金额不等于商品价格+运杂费+代扣税款-非现金抵扣金额,\
                [OrderHead.acturalPaid:537.32,OrderHead.goodsValue:500,OrderHead.freight:20,\
                OrderHead.taxTotal:47.33,OrderHead.discount:30]";
    assert_eq!(said, [("M5", text.to_owned())]);
}

#[test]
fn a_heading_counts_for_the_modes_that_its_note_allows() {
    let (free, bonded) = (positive_list(Restriction::None), positive_list(Restriction::BondedOnly));
    let direct: Mistake = |p| p.inventory.trade_mode = "9610".to_owned();
    let with = |list, mistake| {
        broken(&MatchPolicy { positive_list: Some(list), ..MatchPolicy::default() }, mistake)
    };
    assert_eq!(with(&free, direct), []);
    assert_eq!(with(&free, |_| ()), []);
    assert_eq!(with(&bonded, |_| ()), []);
    let text = "商品不在跨境电商零售进口商品清单内,\
                [InventoryList.gcode:2106909090,InventoryList.gcode:2106909090]";
    assert_eq!(with(&bonded, direct), [("M16", text.to_owned())]);
}

#[test]
fn stock_may_be_used_up_and_direct_purchase_needs_none() {
    let short = stock(199_999);
    let policy = MatchPolicy { ledger: Some(&short), ..MatchPolicy::default() };
    let text = "保税进口账册信息不完整或库存不足".to_owned();
    assert_eq!(broken(&policy, |_| ()), [("M18", text)]);
    let enough = stock(200_000);
    let enough = MatchPolicy { ledger: Some(&enough), ..MatchPolicy::default() };
    assert_eq!(broken(&enough, |_| ()), []);
    let direct = broken(&policy, |p| {
        p.inventory.trade_mode = "9610".to_owned();
        p.inventory.ems_no = String::new();
    });
    assert_eq!(direct, []);
}

#[test]
fn an_export_is_only_compared_by_its_numbers() {
    let table: &[(&[MissingDocument], Mistake)] = &[
        (&[MissingDocument::Order], |p| p.order.order_no = "O2".to_owned()),
        (&[MissingDocument::Order], |p| p.order.ebc_code = "E2".to_owned()),
        (&[MissingDocument::Waybill], |p| p.waybill.logistics_no = "W2".to_owned()),
        (&[MissingDocument::Waybill], |p| p.waybill.logistics_code = "L2".to_owned()),
        // Its way-bill names no order, and its order may come from any platform.
        (&[], |p| p.waybill.order_no = String::new()),
        (&[], |p| p.order.ebp_code = "P2".to_owned()),
    ];
    for (missing, mistake) in table {
        let mut parcel = parcel();
        mistake(&mut parcel);
        let expected = match missing {
            [] => MatchOutcome::Matched,
            missing => MatchOutcome::Waiting(missing.to_vec()),
        };
        assert_eq!(matching::match_export(&parcel.set()), expected);
    }
}

#[test]
fn an_order_without_a_payment_firm_prefers_none() {
    let payment = |firm: &str| Payment { pay_code: firm.to_owned(), ..Payment::default() };
    let order = |firm: &str| ParcelOrder { pay_code: firm.to_owned(), ..ParcelOrder::default() };
    let payments = [payment(" "), payment("F1")];
    assert_eq!(choose_payment(Some(&order(" ")), &payments), Choice::Several);
    assert_eq!(choose_payment(Some(&order("F1")), &payments), Choice::One(1));
    assert_eq!(choose_payment(None, &payments), Choice::Several);
    assert_eq!(choose_payment(None, &payments[1..]), Choice::One(0));
}

#[test]
fn an_export_needs_order_and_waybill_and_no_payment() {
    let parcel = parcel();
    let set = Set { payment: None, ..parcel.set() };
    assert_eq!(matching::match_export(&set), MatchOutcome::Matched);
    let bare = Set { order: None, waybill: None, ..set };
    let both = MatchOutcome::Waiting(vec![MissingDocument::Order, MissingDocument::Waybill]);
    assert_eq!(matching::match_export(&bare), both);
}

#[test]
fn nothing_of_a_person_is_in_debug_texts() {
    let parcel = parcel();
    let debug = format!("{:?}", parcel.set());
    for secret in ["张三", "李四", "11010519491231002X", "13800000000", "青岛"] {
        assert!(!debug.contains(secret), "{secret}");
    }
}

proptest! {
    /// In whatever order they come, the set waits for exactly what is not there, and ends the same.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        order in Just([MissingDocument::Order, MissingDocument::Payment, MissingDocument::Waybill]).prop_shuffle(),
        paid in prop_oneof![Just(537_32), 0..1_000_00_i64],
    ) {
        let mut parcel = parcel();
        parcel.payment.amount_paid_e5 = yuan(paid);
        let mut here = BTreeSet::new();
        for arrives in order {
            let set = Set {
                inventory: &parcel.inventory,
                order: here.contains(&MissingDocument::Order).then_some(&parcel.order),
                payment: here.contains(&MissingDocument::Payment).then_some(&parcel.payment),
                waybill: here.contains(&MissingDocument::Waybill).then_some(&parcel.waybill),
            };
            let missing: Vec<_> = [MissingDocument::Order, MissingDocument::Payment, MissingDocument::Waybill]
                .into_iter().filter(|what| !here.contains(what)).collect();
            prop_assert_eq!(
                matching::match_import(&set, &MatchPolicy::default()),
                MatchOutcome::Waiting(missing)
            );
            here.insert(arrives);
        }
        let matched = parcel.matched(&MatchPolicy::default()) == MatchOutcome::Matched;
        prop_assert_eq!(matched, paid == 537_32);
    }

    /// Freight is divided without a remainder, and nobody gets less than nothing.
    #[test]
    fn apportioned_parts_add_up(
        charge in 0..10_000_000_000_i64,
        values in prop::collection::vec(0..1_000_000_000_000_i64, 1..100),
    ) {
        let parts = apportion(charge, &values);
        prop_assert_eq!(parts.len(), values.len());
        prop_assert_eq!(parts.iter().sum::<i64>(), charge);
        prop_assert!(parts.iter().all(|&part| part >= 0));
    }
}

#[test]
fn exports_may_come_back_for_a_year_and_untaxed_for_half_of_it() {
    let times = ExportTimes::after(date!(2026 - 08 - 31));
    assert_eq!(times.apply_until, date!(2027 - 08 - 31));
    assert_eq!(times.untaxed_until, Some(date!(2027 - 02 - 28)));
    let december = ExportTimes::after(date!(2026 - 12 - 15));
    assert_eq!(december.apply_until, date!(2027 - 12 - 15));
    assert_eq!(december.untaxed_until, Some(date!(2027 - 06 - 15)));
    assert_eq!(ExportTimes::after(date!(2024 - 02 - 29)).apply_until, date!(2025 - 02 - 28));
    assert_eq!(ExportTimes::after(date!(2024 - 02 - 29)).untaxed_until, None);
}
